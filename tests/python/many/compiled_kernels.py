"""Compiles the CUDA form of the kernels to PTX with NVIDIA's own compiler, which needs no GPU. A program of its own.

numba-cuda asks the GPU at hand which code it takes. Here none is asked: the code is that of compute capability 8.0.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from numba import cuda, types
from numba.cuda import compiler, dispatcher

from proofbook.gpu.kernels import match_cuda
from proofbook.gpu.kernels.compile import compiled
from proofbook.gpu.kernels.events import KEEP_ALL

CAPABILITY = (8, 0)


def main() -> None:
    """Compiles each entry for pools of each order that it takes."""
    at_hand = SimpleNamespace(compute_capability=CAPABILITY)
    for module in (dispatcher, compiler):
        setattr(module, "get_current_device", lambda: at_hand)  # noqa: B010 (mypy knows no such attribute)
    word = types.uint64
    rest = [types.Array(word, 1, "C"), types.Array(word, 2, "C"), types.Array(types.int64, 1, "C")]
    rest.append(types.Array(word, 3, "C"))
    entries: list[tuple[Any, str, list[Any]]] = [
        (match_cuda.match_books, "C", []),
        (match_cuda.match_books, "F", []),
        (match_cuda.match_books_together, "C", [types.int64]),
    ]
    for entry, order, more in entries:
        function = compiled(entry, "cuda", KEEP=KEEP_ALL).py_func
        signature = types.void(types.Array(word, 2, order), *rest, *more)
        code, _ = cuda.compile(function, signature, device=False, cc=CAPABILITY, output="ptx", abi="numba")
        assert code.count(".visible .entry") == 1, f"{entry.__name__}, order {order}"
        # Books live in the GPU's memory or in shared memory; per-thread memory would mean arrays that a thread owns.
        assert ".local " not in code, f"{entry.__name__}, order {order}"
        print(entry.__name__, order, len(code))


if __name__ == "__main__":
    main()
