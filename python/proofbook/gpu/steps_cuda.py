"""Entries of kernels for a GPU and for the simulator: one book for each thread, and whole rows in and out.

Threads stride over what there is to do, so that any number of them does it: the simulator has few.

Importing this needs numba-cuda and what it needs.
"""

from __future__ import annotations

from numba import cuda

from proofbook.gpu.kernels.book import book_of, clear_book
from proofbook.gpu.steps import note, step_book


def step_books(pool, terms, commands, offsets, events, counters, first, books):  # type: ignore[no-untyped-def]
    """Runs the books of a part whose first book is row ``first`` of the pool."""
    for book in range(cuda.grid(1), books, cuda.gridsize(1)):
        step_book(pool, terms, commands, offsets, events, counters, first, book)


def note_books(pool, counters, books):  # type: ignore[no-untyped-def]
    """Writes the counters of all books."""
    for book in range(cuda.grid(1), books, cuda.gridsize(1)):
        note(pool[book], counters[book])


def clear_books(pool, terms, events, mask, books):  # type: ignore[no-untyped-def]
    """Makes empty books of those that the mask names."""
    for book in range(cuda.grid(1), books, cuda.gridsize(1)):
        if mask[book]:
            clear_book(book_of(pool[book], terms, events[0]))


def read_rows(pool, rows, first, books):  # type: ignore[no-untyped-def]
    """Copies rows of the pool, from ``first`` on, to an array that lies book by book."""
    for at in range(cuda.grid(1), books * pool.shape[1], cuda.gridsize(1)):
        rows[at % books, at // books] = pool[first + at % books, at // books]


def write_rows(pool, rows, first, books):  # type: ignore[no-untyped-def]
    """Copies rows from an array that lies book by book to the pool, from ``first`` on."""
    for at in range(cuda.grid(1), books * pool.shape[1], cuda.gridsize(1)):
        pool[first + at % books, at // books] = rows[at % books, at // books]
