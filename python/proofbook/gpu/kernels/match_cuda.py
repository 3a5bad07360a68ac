"""Parallel matching on a GPU, in two forms: entries of kernels.

**One book per thread** (``match_books``) is the form for many books. A thread follows its own book's chain of
dependent loads, and what hides their latency is the number of threads: it pays from some ten thousand books on. Pools
of either order work; interleaved ones let neighbouring threads read headers and terms in one transaction, those that
lie book by book keep an order in two sectors.

**One book per group of threads** (``match_books_together``) is the form for few books, or for much flow through each.
With few books there is nothing to hide latency with, and the time of a step is the chain of the slowest book: a dozen
dependent loads for each command, at several hundred cycles each from the GPU's memory. So the group copies the book
into shared memory, where a load takes some thirty cycles, and the commands too, a batch ahead; the first thread
matches, since commands of one book follow each other, while the threads of the other warps fetch the next batch. At
the end the group copies the book back. The copy is read and written in whole lines, but it is the whole book: this
pays where a step brings a book more commands than it has orders, about, and where the number of books does not fill
the GPU. A book too large for shared memory leaves its last parts, index and orders, where they are; header and
levels, which every command touches, are staged.

Both forms run the same rules. Neither was timed on a GPU: the text argues from usual latencies.
"""

from __future__ import annotations

import numpy as np
from numba import cuda, uint64

from proofbook.gpu.kernels.apply import begin_step, run_book
from proofbook.gpu.kernels.book import Book, book_of, clear_book
from proofbook.gpu.kernels.layout import COMMAND_WORDS
from proofbook.gpu.kernels.words import ZERO

BATCH_ROWS = 16
"""Commands that a group fetches at a time; two batches lie in shared memory. With so few, a book of 256 orders and as
many levels fits beside them into the 48 KiB that every GPU gives without being asked."""

GROUP_THREADS = 64
"""Threads of a group: a warp whose first thread matches, and one that fetches."""

BATCH_BYTES = 2 * BATCH_ROWS * COMMAND_WORDS * 8
"""Shared memory for commands; the rest of what a group has is for its book."""


def match_books(pool, terms, commands, offsets, events):
    """Applies each book's commands, one book per thread."""
    b = cuda.grid(1)
    if b < pool.shape[0]:
        book = book_of(pool[b], terms, events[b])
        begin_step(book)
        run_book(book, commands, np.uint64(offsets[b]), np.uint64(offsets[b + 1]))


def clear_books(pool, terms, events, which):
    """Makes empty books of the rows for which ``which`` is true, one book per thread."""
    b = cuda.grid(1)
    if b < pool.shape[0] and which[b]:
        clear_book(book_of(pool[b], terms, events[b]))


def match_books_together(pool, terms, commands, offsets, events, staged):
    """Applies each book's commands, one book per block of ``GROUP_THREADS`` threads.

    The pool lies book by book. ``staged`` is the number of words of a book that the block holds in dynamic shared
    memory: all of them, or those of header, keys, slots and records.
    """
    shared = cuda.shared.array(0, dtype=uint64)
    batches = cuda.shared.array((2, BATCH_ROWS, COMMAND_WORDS), dtype=uint64)
    b = cuda.blockIdx.x
    thread = cuda.threadIdx.x
    row = pool[b]
    first = offsets[b]
    last = offsets[b + 1]
    if first == last:
        # No command comes: only the count of the step's events starts anew. The whole block leaves.
        if thread == 0:
            begin_step(book_of(row, terms, events[b]))
        return
    for at in range(thread, staged, GROUP_THREADS):
        shared[at] = row[at]
    for at in range(thread, min(BATCH_ROWS, last - first) * COMMAND_WORDS, GROUP_THREADS):
        batches[0, at // COMMAND_WORDS, at % COMMAND_WORDS] = commands[first + at // COMMAND_WORDS, at % COMMAND_WORDS]
    cuda.syncthreads()
    near = book_of(shared, terms, events[b])
    far = book_of(row, terms, events[b])
    is_whole = staged == row.shape[0]
    entries = near.entries if is_whole else far.entries
    orders = near.orders if is_whole else far.orders
    book = Book(terms, near.header, near.keys, near.slots, near.records, entries, orders, events[b])
    if thread == 0:
        begin_step(book)
    parity = 0
    while first < last:
        following = first + BATCH_ROWS
        if thread == 0:
            run_book(book, batches[parity], ZERO, np.uint64(min(BATCH_ROWS, last - first)))
        elif thread >= 32:
            for at in range(thread - 32, min(BATCH_ROWS, last - following) * COMMAND_WORDS, GROUP_THREADS - 32):
                fetched = following + at // COMMAND_WORDS
                batches[1 - parity, at // COMMAND_WORDS, at % COMMAND_WORDS] = commands[fetched, at % COMMAND_WORDS]
        cuda.syncthreads()
        first = following
        parity = 1 - parity
    for at in range(thread, staged, GROUP_THREADS):
        row[at] = shared[at]
