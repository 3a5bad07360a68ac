"""Compiles the CUDA form of the kernels to PTX with NVIDIA's own compiler, which needs no GPU. A program of its own.

numba-cuda asks the GPU at hand which code it takes. Here none is asked: the code is that of compute capability 8.0.
The simulator runs Python, so it does not see what cannot be typed or compiled, nor where a uint64 met an int64 and
became a float64, which no result shows until a word passes 2^53. This does.
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from numba import cuda, types
from numba.cuda import compiler, dispatcher

from proofbook.gpu.kernels import bulk_cuda, match_cuda
from proofbook.gpu.kernels.compile import compiled
from proofbook.gpu.kernels.events import KEEP_ALL

CAPABILITY = (8, 0)

SHARED_BYTES_MAX = 48 << 10
"""What a block has without asking; what is asked for at the launch is not in the code."""

WORD = types.uint64
WHOLE = types.int64
LINE, TABLE, CUBE = (types.Array(WORD, dimensions, "C") for dimensions in (1, 2, 3))
NUMBERS = types.Array(WHOLE, 1, "C")
FLAGS = types.Array(types.boolean, 1, "C")

MATCHING = (LINE, TABLE, NUMBERS, CUBE)
CHECKING = (LINE, TABLE, NUMBERS, LINE, TABLE, LINE, TABLE, LINE, TABLE, TABLE)
OF_POOLS: tuple[tuple[Any, str, tuple[Any, ...]], ...] = (
    (match_cuda.match_books, "CF", MATCHING),
    (match_cuda.match_books_together, "C", (*MATCHING, WHOLE)),
    (match_cuda.clear_books, "C", (LINE, CUBE, FLAGS)),
    (bulk_cuda.depth_books, "CF", (LINE, TABLE, CUBE, CUBE, CUBE)),
    (bulk_cuda.statistics_books, "CF", (LINE, TABLE, TABLE)),
    (bulk_cuda.size_states, "CF", (NUMBERS, LINE)),
    (bulk_cuda.write_states, "CF", (LINE, TABLE, LINE, NUMBERS, LINE, LINE)),
    (bulk_cuda.check_books, "C", CHECKING),
    (bulk_cuda.build_books, "CF", CHECKING[:-1]),
    (bulk_cuda.check_books_group, "C", CHECKING),
    (bulk_cuda.build_books_group, "CF", CHECKING[:-1]),
)
"""Entries that take a pool, with the orders of memory that they take it in, and what else they take."""

OTHERS: tuple[tuple[Any, tuple[Any, ...]], ...] = (
    (bulk_cuda.total_books, (TABLE, WHOLE, CUBE)),
    (bulk_cuda.merge_totals, (CUBE, WHOLE)),
    (bulk_cuda.count_books, (TABLE, WORD, LINE, WHOLE, TABLE)),
    (bulk_cuda.place_states, (LINE, LINE)),
    (bulk_cuda.read_states, (LINE, LINE, LINE, TABLE, TABLE)),
    (bulk_cuda.find_rows, (LINE, TABLE)),
)


def compile_entry(entry: Any, signature: tuple[Any, ...], where: str) -> None:
    """Compiles an entry for one kind of arguments, and looks at the code."""
    function = compiled(entry, "cuda", KEEP=KEEP_ALL).py_func
    code, _ = cuda.compile(function, types.void(*signature), device=False, cc=CAPABILITY, output="ptx", abi="numba")
    where = f"{entry.__name__}{where}"
    assert code.count(".visible .entry") == 1, where
    assert not re.search(r"\.f(16|32|64)\b", code), where
    shared = re.findall(r"\.shared \.align \d+ \.b8 \S+\[(\d+)\]", code)
    assert sum(map(int, shared)) <= SHARED_BYTES_MAX, f"{where}: {shared}"
    if entry.__module__ == match_cuda.__name__:
        # Books live in the GPU's memory or in shared memory; per-thread memory would mean arrays that a thread owns.
        assert ".local " not in code, where
    print(f"{where}: {len(code)}")


def main() -> None:
    """Compiles each entry for pools of each order that it takes."""
    at_hand = SimpleNamespace(compute_capability=CAPABILITY)
    for module in (dispatcher, compiler):
        setattr(module, "get_current_device", lambda: at_hand)  # noqa: B010 (mypy knows no such attribute)
    for entry, orders, rest in OF_POOLS:
        for order in orders:
            compile_entry(entry, (types.Array(WORD, 2, order), *rest), f", order {order}")
    for entry, signature in OTHERS:
        compile_entry(entry, signature, "")


if __name__ == "__main__":
    main()
