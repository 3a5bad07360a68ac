"""Parallel matching on the threads of a CPU: entries of kernels.

Both take pools of either order. Commands are ``uint64[N, 9]``, ``offsets[b]`` to ``offsets[b + 1]`` are the rows of book b, and ``events`` is
``uint64[B, capacity, 7]``, with a capacity of 0 where events are not kept.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from proofbook.gpu.kernels.apply import run_book
from proofbook.gpu.kernels.book import book_of, clear_book


def match_books(pool, terms, commands, offsets, events, first_book, last_book):
    """Applies the commands of the books from ``first_book`` to before ``last_book``, on the calling thread, without the GIL."""
    for b in range(first_book, last_book):
        book = book_of(pool[b], terms, events[b])
        run_book(book, commands, np.uint64(offsets[b]), np.uint64(offsets[b + 1]))


def clear_books(pool, terms, events, which):
    """Makes empty books of the rows for which ``which`` is true."""
    for b in range(len(which)):
        if which[b]:
            clear_book(book_of(pool[b], terms, events[b]))
