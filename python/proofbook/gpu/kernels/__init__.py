"""What runs on the device: written once in Python, compiled for the threads of a CPU and for NVIDIA GPUs.

``layout`` says how books lie in memory, ``compile`` turns marked functions into machine code of a target, and the
other modules are the rules: nothing in them allocates, raises or touches a Python object. They are the rules of
``docs/RULES.md``, for what a bounded book takes; the tests hold them against the engine's, event by event.
"""
