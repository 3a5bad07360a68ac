"""The counters of books on a GPU. Importing this needs numba-cuda and the libraries that it needs."""

from __future__ import annotations

from numba import cuda

from proofbook.gpu.counting import count


def count_books(pool, counters):  # type: ignore[no-untyped-def]
    """Writes the counters of all books, one book per thread."""
    book = cuda.grid(1)
    if book < pool.shape[0]:
        count(pool[book], counters[book])
