"""Every entry of the CUDA kernels becomes machine code of a GPU, which needs none, and computes with whole numbers alone.

The simulator runs Python, so it sees nothing of what numba-cuda can type and compile: this does. A uint64 that meets an int64 becomes a float64
there, which no result would show until a word passes 2^53; so the text of the machine code must not name one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("numba_cuda")

from numba import cuda, types
from numba.cuda import dispatcher

from proofbook.gpu.kernels import bulk_cuda, match_cuda
from proofbook.gpu.kernels.compile import _copy, is_simulated
from proofbook.gpu.kernels.events import KEEP_ALL

HOPPER = (9, 0)
SHARED_BYTES_MAX = 48 << 10
"""What a block has without asking."""

ONE, TWO, THREE = (types.Array(types.uint64, dimensions, "C") for dimensions in (1, 2, 3))
SIGNED = types.Array(types.int64, 1, "C")
FLAGS = types.Array(types.boolean, 1, "C")
WHOLE = types.int64

CHECK = (TWO, ONE, TWO, SIGNED, ONE, TWO, ONE, TWO, ONE, TWO, TWO)
MATCH = (TWO, ONE, TWO, SIGNED, THREE)
ENTRIES: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (bulk_cuda.depth_books, (TWO, ONE, TWO, THREE, THREE, THREE)),
    (bulk_cuda.statistics_books, (TWO, ONE, TWO, TWO)),
    (bulk_cuda.total_books, (TWO, WHOLE, THREE)),
    (bulk_cuda.merge_totals, (THREE, WHOLE)),
    (bulk_cuda.count_books, (TWO, types.uint64, ONE, WHOLE, TWO)),
    (bulk_cuda.size_states, (TWO, SIGNED, ONE)),
    (bulk_cuda.place_states, (ONE, ONE)),
    (bulk_cuda.write_states, (TWO, ONE, TWO, ONE, SIGNED, ONE, ONE)),
    (bulk_cuda.read_states, (ONE, ONE, ONE, TWO, TWO)),
    (bulk_cuda.find_rows, (ONE, TWO)),
    (bulk_cuda.check_books, CHECK),
    (bulk_cuda.build_books, CHECK[:-1]),
    (bulk_cuda.check_books_group, CHECK),
    (bulk_cuda.build_books_group, CHECK[:-1]),
    (match_cuda.match_books, MATCH),
    (match_cuda.match_books, (types.Array(types.uint64, 2, "F"), *MATCH[1:])),
    (match_cuda.match_books_together, (*MATCH, WHOLE)),
    (match_cuda.clear_books, (TWO, ONE, THREE, FLAGS)),
]


@pytest.mark.skipif(is_simulated(), reason="numba-cuda compiles nothing where it simulates")
@pytest.mark.parametrize(("entry", "signature"), ENTRIES, ids=lambda value: getattr(value, "__name__", ""))
def test_kernels_become_code_of_a_gpu_without_floats(
    entry: Callable[..., Any], signature: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cuda.bindings.nvvm")
    # Device functions are compiled for the current device, of which there need be none.
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: type("Device", (), {"compute_capability": HOPPER}))
    try:
        code, _ = cuda.compile_ptx(_copy(entry, "cuda", (("KEEP", KEEP_ALL),)), signature, cc=HOPPER)
    except Exception as error:
        if "nvvm" in str(error).lower():
            pytest.skip(f"needs NVIDIA's compiler libraries, numba-cuda[cu12]: {error}")
        raise
    floats = re.findall(r"^.*\.f(?:16|32|64)\b.*$", code, re.MULTILINE)
    assert not floats
    shared = sum(int(size) for size in re.findall(r"\.shared \.align \d+ \.b8 \S+\[(\d+)\]", code))
    assert shared <= SHARED_BYTES_MAX
