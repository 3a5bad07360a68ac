"""Parallel matching on the threads of a CPU: entries of kernels.

All take pools of either order. Commands are ``uint64[N, 9]``, ``offsets[b]`` to ``offsets[b + 1]`` are the rows of
book b, and ``events`` is ``uint64[B, capacity, 7]``, with a capacity of 0 where events are not kept. No two books
share anything, so threads share nothing but what they read.
"""

from __future__ import annotations

import numpy as np

from proofbook.gpu.kernels.apply import begin_step, run_book
from proofbook.gpu.kernels.book import book_of, clear_book
from proofbook.gpu.kernels.device import device_call


@device_call
def match_book(pool, terms, commands, offsets, events, b):
    """Applies one book's commands."""
    book = book_of(pool[b], terms, events[b])
    begin_step(book)
    run_book(book, commands, np.uint64(offsets[b]), np.uint64(offsets[b + 1]))


def match_books(pool, terms, commands, offsets, events, first_book, last_book):
    """Applies the commands of the books from ``first_book`` to before ``last_book``, on the calling thread."""
    for b in range(first_book, last_book):
        match_book(pool, terms, commands, offsets, events, b)


def clear_books(pool, terms, events, which):
    """Makes empty books of the rows for which ``which`` is true."""
    for b in range(len(which)):
        if which[b]:
            clear_book(book_of(pool[b], terms, events[b]))
