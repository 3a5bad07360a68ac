"""Entries of kernels for the threads of a CPU: each takes a range of books and runs on the thread that calls it, without the GIL."""

from __future__ import annotations

from proofbook.gpu.kernels.book import book_of, clear_book
from proofbook.gpu.steps import note, step_book


def step_books(pool, terms, commands, offsets, events, counters, first, low, high):  # type: ignore[no-untyped-def]
    """Runs the books from ``low`` to before ``high`` of a part whose first book is row ``first`` of the pool."""
    for book in range(low, high):
        step_book(pool, terms, commands, offsets, events, counters, first, book)


def note_books(pool, counters, low, high):  # type: ignore[no-untyped-def]
    """Writes the counters of these books."""
    for book in range(low, high):
        note(pool[book], counters[book])


def clear_books(pool, terms, events, mask, low, high):  # type: ignore[no-untyped-def]
    """Makes empty books of those that the mask names."""
    for book in range(low, high):
        if mask[book]:
            clear_book(book_of(pool[book], terms, events[0]))
