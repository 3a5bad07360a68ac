"""Makes machine code of marked functions: of one source, for the threads of a CPU or for NVIDIA GPUs.

``compiled`` takes a kernel's entry, a plain Python function. It makes a copy of it and of every marked function that
it reaches, in which each name of a marked function stands for that function's compiled form and each name in
``constants`` for a value that the compiler knows. So one source gives a kernel that keeps all events and one that has
no trace of events left, for either target, and nothing is patched.

The target ``"cpu"`` is numba's njit with the GIL released. The target ``"cuda"`` is numba-cuda's jit, and its
simulator where the environment has NUMBA_ENABLE_CUDASIM=1. Machine code for CPUs is kept in the user's cache, under a
name that has the constants in it and a digest of all source that it was made from.
"""

from __future__ import annotations

import functools
import hashlib
import os
import types
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from proofbook.gpu.kernels.device import inlining_of

Target = Literal["cpu", "cuda"]
"""What machine code is made for."""

Constants = tuple[tuple[str, Any], ...]

UNCOUNTED: Mapping[str, bool] = {"_nrt": False}
"""Kernels own no memory, so numba need not count references to arrays. It would at every call, and kernels took five
times as long."""

_PACKAGE = __name__.rpartition(".")[0]


@functools.cache
def fingerprint(function: types.FunctionType) -> str:
    """A digest of a function's code, of what it names, and so of every marked function that it reaches.

    Machine code of another source is of no use, and numba itself looks for changes in the entry's own file alone.
    """
    digest = hashlib.sha256(Path(__file__).read_bytes())
    digest.update(_describe(function.__code__).encode())
    names = _names_of(function.__code__)
    for name, value in sorted(function.__globals__.items()):
        if name in names:
            digest.update(f"{name}={_describe(value)};".encode())
    return digest.hexdigest()[:16]


def _describe(value: Any) -> str:
    """What the machine code of a function that names this value depends on."""
    if isinstance(value, types.CodeType):
        constants = ",".join(map(_describe, value.co_consts))
        return f"{value.co_code.hex()} {value.co_names} {value.co_varnames} {constants}"
    if inlining_of(value) is not None:
        return f"{value.__qualname__} {inlining_of(value)} {fingerprint(value)}"
    if isinstance(value, types.ModuleType):
        return value.__name__
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return f"{value.__module__}.{value.__qualname__} {getattr(value, '_fields', '')}"
    return repr(value)


def prepare_cache() -> bool:
    """Lets numba keep machine code in the user's cache, not beside the source, unless the user chose a place.

    Returns:
        Whether there is such a place; a user of a container may have no home.
    """
    if "NUMBA_CACHE_DIR" not in os.environ:
        try:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        except RuntimeError:
            return False
        os.environ["NUMBA_CACHE_DIR"] = str(base / "proofbook" / "numba")
    import numba

    numba.config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]
    return True


def is_simulated() -> bool:
    """Whether numba-cuda runs kernels in its simulator: slow, for tests, without a GPU."""
    if os.environ.get("NUMBA_ENABLE_CUDASIM", "0") != "1":
        return False
    from numba import cuda

    return hasattr(cuda, "simulator")


def compiled(entry: Callable[..., Any], target: Target, **constants: Any) -> Any:
    """The compiled form of a kernel's entry, made once for each target and set of constants.

    Args:
        entry: a plain function; on the target ``"cuda"`` it is launched as ``kernel[blocks, threads, stream](...)``.
        target: what it is compiled for.
        constants: values for global names of the entry and of what it calls.
    """
    return _compiled(entry, target, tuple(sorted(constants.items())))


@functools.cache
def _compiled(entry: Callable[..., Any], target: Target, constants: Constants) -> Any:
    if target == "cpu":
        is_kept = prepare_cache()
        import numba

        function = _copy(entry, target, constants)
        options = {"nogil": True, "error_model": "numpy", **UNCOUNTED}
        if is_kept:
            try:
                return numba.njit(cache=True, **options)(function)
            except RuntimeError:  # no place that numba knows can be written
                pass
        _warn_of_no_cache()
        return numba.njit(**options)(function)
    from numba import cuda

    if is_simulated():
        # The simulator computes with NumPy's scalars, which tell of each overflow; here words are meant to wrap around.
        warnings.filterwarnings("ignore", "overflow encountered in scalar", RuntimeWarning)
    return cuda.jit(_copy(entry, target, constants))


@functools.cache
def _warn_of_no_cache() -> None:
    place = os.environ.get("NUMBA_CACHE_DIR", "none, since there is no home")
    expected = "expected a folder for it that can be written, which NUMBA_CACHE_DIR may name"
    warnings.warn(f"machine code is made anew by each process: {expected}; received {place}", stacklevel=2)


@functools.cache
def _device_function(function: Callable[..., Any], target: Target, constants: Constants) -> Any:
    """The compiled form of a marked function, for kernels to call."""
    copy = _copy(function, target, constants)
    is_always = inlining_of(function) == "always"
    if target == "cpu":
        import numba

        bare = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        return numba.njit(nogil=True, error_model="numpy", forceinline=is_always, **bare, **UNCOUNTED)(copy)
    from numba import cuda

    if is_simulated():
        # There a marked function is called as it is, unless it names the module `cuda`: the simulator has its own.
        return cuda.jit(device=True)(copy) if cuda in copy.__globals__.values() else copy
    return cuda.jit(device=True, forceinline=is_always)(copy)


def _names_of(code: types.CodeType) -> set[str]:
    """The global names that code uses."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names_of(constant)
    return names


def _copy(function: Callable[..., Any], target: Target, constants: Constants) -> types.FunctionType:
    """The same function with other globals: compiled functions for marked ones, and the constants."""
    if not isinstance(function, types.FunctionType):
        raise TypeError(f"kernel: expected a plain Python function; received {function!r}")
    if function.__closure__:
        raise TypeError(f"kernel {function.__qualname__}: expected a function of a module; received one with a closure")
    known: Mapping[str, Any] = dict(constants)
    names = {name: value for name, value in function.__globals__.items() if name in _names_of(function.__code__)}
    for name, value in names.items():
        if isinstance(value, types.ModuleType) and value.__name__.startswith(_PACKAGE):
            raise TypeError(
                f"kernel {function.__name__}: expected functions imported by name; received the module {value.__name__}"
            )
        if inlining_of(value) is not None:
            names[name] = _device_function(value, target, constants)
        elif name in known:
            names[name] = known[name]
    own = {
        **names,
        "__name__": function.__module__,
        "__file__": function.__globals__.get("__file__"),
        "__builtins__": __builtins__,
    }
    copy = types.FunctionType(function.__code__, own, function.__name__, function.__defaults__)
    variant = "_".join(f"{name}{value}" for name, value in constants)
    copy.__qualname__ = f"{function.__qualname__}_{variant}_{fingerprint(function)}"
    copy.__module__ = function.__module__
    copy.__doc__ = function.__doc__
    return copy
