"""The counters of books, and checks of commands, on a GPU. Importing this needs numba-cuda and what that needs."""

from __future__ import annotations

from typing import Any

from numba import cuda

from proofbook.gpu.checks import FINE, flaw_of
from proofbook.gpu.counting import count


def count_books(pool: Any, counters: Any) -> None:
    """Writes the counters of all books, one book per thread."""
    book = cuda.grid(1)
    if book < pool.shape[0]:
        count(pool[book], counters[book])


def find_flaw(commands: Any, first: Any, last: Any, found: Any) -> None:
    """Lowers ``found[0]`` to what ``first_flaw`` says of the rows from ``first`` to before ``last``."""
    row = first + cuda.grid(1)
    if row < last:
        flaw = flaw_of(commands, row)
        if flaw != FINE:
            cuda.atomic.min(found, 0, row * 16 + flaw)
