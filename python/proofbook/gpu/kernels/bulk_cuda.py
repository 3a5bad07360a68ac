"""Sorting, import, states and aggregation on NVIDIA GPUs, and in numba-cuda's simulator: entries of kernels.

Most give each book, or each part of a book's result, a thread. The totals are reduced by blocks of threads, as a tree
in shared memory. For checking and building books there are two forms, which find the same: ``check_books`` and
``build_books`` give each book a thread; ``check_books_group`` and ``build_books_group`` give it a block of threads, as
``groups`` says. None of it was timed on a GPU.
"""

from __future__ import annotations

import numpy as np
from numba import cuda, uint64

from proofbook.gpu.kernels.aggregation import (
    TOTAL_WORDS,
    add_books,
    bin_of,
    fill_depth,
    fill_statistics,
    has_statistic,
    merge_total,
    rank_of,
)
from proofbook.gpu.kernels.book import book_of
from proofbook.gpu.kernels.building import build_book
from proofbook.gpu.kernels.groups import GROUP_THREADS, build_book_together, check_book_together
from proofbook.gpu.kernels.rows import check_book
from proofbook.gpu.kernels.sorting import scratch_of, span_rows
from proofbook.gpu.kernels.states import read_state, state_words, write_state
from proofbook.gpu.kernels.words import ONE, ZERO

THREADS = 128
"""Threads of a block of any other kernel."""

TWO_FORMS = ("check_books", "build_books")
"""Entries that have a form for groups."""


def shape_of(name, count, form, arguments):
    """Blocks and threads of a kernel over ``count`` items."""
    if name == "total_books":
        return count * arguments[0].shape[1], GROUP_THREADS
    if name == "place_states":
        return 1, GROUP_THREADS
    if name in TWO_FORMS and form == "group":
        return count, GROUP_THREADS
    threads = {"depth_books": 2 * count, "count_books": arguments[0].shape[0]}.get(name, count)
    if name == "merge_totals":
        threads = count * arguments[0].shape[1]
    return -(-threads // THREADS), THREADS


def depth_books(pool, terms, events, prices, quantities, orders):
    """Fills ``prices[side, book]`` and its fellows with the best levels: one thread for each side of a book."""
    number = cuda.grid(1)
    if number < 2 * pool.shape[0]:
        side = number % 2
        b = number // 2
        fill_depth(pool[b], terms, events, np.uint64(side), prices[side, b], quantities[side, b], orders[side, b])


def statistics_books(pool, terms, events, statistics):
    """Fills a row of statistics for each book."""
    b = cuda.grid(1)
    if b < pool.shape[0]:
        fill_statistics(pool[b], terms, events, statistics[b])


def total_books(statistics, share, partials):
    """Makes ``partials[block, column]``, the totals of a column over the ``share`` books of a block."""
    totals = cuda.shared.array((GROUP_THREADS, TOTAL_WORDS), uint64)
    columns = statistics.shape[1]
    thread = cuda.threadIdx.x
    block = cuda.blockIdx.x // columns
    column = cuda.blockIdx.x % columns
    begin = np.uint64(block * share + thread)
    end = np.uint64(min((block + 1) * share, statistics.shape[0]))
    add_books(statistics, np.uint64(column), begin, np.uint64(GROUP_THREADS), end, totals[thread])
    stride = GROUP_THREADS // 2
    while stride > 0:
        cuda.syncthreads()
        if thread < stride:
            merge_total(totals[thread], totals[thread + stride])
        stride //= 2
    if thread == 0:
        for at in range(TOTAL_WORDS):
            partials[block, column, at] = totals[0, at]


def merge_totals(partials, stride):
    """One step of the tree: ``partials[i]`` takes in ``partials[i + stride]``, i being each multiple of two strides."""
    number = cuda.grid(1)
    column = number % partials.shape[1]
    left = number // partials.shape[1] * 2 * stride
    if left + stride < partials.shape[0]:
        merge_total(partials[left, column], partials[left + stride, column])


def count_books(statistics, column, edges, share, partials):
    """Adds to ``partials[block]`` how many of its books have a statistic below the first edge, and from each on."""
    b = cuda.grid(1)
    if b < statistics.shape[0] and has_statistic(statistics, np.uint64(b), column):
        cuda.atomic.add(partials, (b // share, np.int64(bin_of(edges, rank_of(statistics, np.uint64(b), column)))), ONE)


def size_states(pool, chosen, sizes):
    """Fills the number of words of each chosen book's state."""
    number = cuda.grid(1)
    if number < chosen.shape[0]:
        sizes[number] = state_words(pool[chosen[number]])


def place_states(sizes, places):
    """Fills where each state starts, and behind them where the last ends, by one block, each thread a share."""
    sums = cuda.shared.array(GROUP_THREADS, uint64)
    thread = cuda.threadIdx.x
    share = (sizes.shape[0] + GROUP_THREADS - 1) // GROUP_THREADS
    begin = min(thread * share, sizes.shape[0])
    end = min(begin + share, sizes.shape[0])
    own = ZERO
    for number in range(begin, end):
        own += sizes[number]
    sums[thread] = own
    stride = 1
    while stride < GROUP_THREADS:
        cuda.syncthreads()
        left = sums[thread - stride] if thread >= stride else ZERO
        cuda.syncthreads()
        sums[thread] += left
        stride *= 2
    place = sums[thread] - own
    for number in range(begin, end):
        places[number] = place
        place += sizes[number]
    if thread == GROUP_THREADS - 1:
        places[sizes.shape[0]] = sums[thread]


def write_states(pool, terms, events, config, chosen, places, words):
    """Writes the states of the chosen books, each from its place in ``words`` on."""
    number = cuda.grid(1)
    if number < chosen.shape[0]:
        write_state(pool[chosen[number]], terms, events, config, words, places[number])


def read_states(words, places, config, heads, reports):
    """Takes the headers of states, which stand from ``places[n]`` to ``places[n + 1]``, and finds their rows."""
    number = cuda.grid(1)
    if number < reports.shape[0]:
        read_state(words, places[number], places[number + 1], config, heads[number], reports[number])


def find_rows(starts, reports):
    """Says in the reports where plain rows stand: those of book n are rows ``starts[n]`` to ``starts[n + 1]``."""
    number = cuda.grid(1)
    if number < reports.shape[0]:
        span_rows(starts[number], starts[number + 1], reports[number])


def check_books(pool, terms, events, chosen, words, heads, starts, reports, places, tables, scratch):
    """Checks rows of books that are to be built, and finds their places. Nothing of the pool is changed."""
    worker = cuda.grid(1)
    if worker < scratch.shape[0]:
        parts = scratch_of(scratch[worker])
        for number in range(worker, chosen.shape[0], scratch.shape[0]):
            book = book_of(pool[chosen[number]], terms, events)
            own = places[np.int64(starts[number]) : np.int64(starts[number + 1])]
            check_book(book, words, heads[number], reports[number], parts, own, tables[number])


def build_books(pool, terms, events, chosen, words, heads, starts, reports, places, tables):
    """Makes books of rows that ``check_books`` found valid, one thread to a book."""
    number = cuda.grid(1)
    if number < chosen.shape[0]:
        book = book_of(pool[chosen[number]], terms, events)
        own = places[np.int64(starts[number]) : np.int64(starts[number + 1])]
        build_book(book, words, heads[number], reports[number], own, tables[number])


def check_books_group(pool, terms, events, chosen, words, heads, starts, reports, places, tables, scratch):
    """Checks rows of books that are to be built, and finds their places, one block to a book at a time."""
    parts = scratch_of(scratch[cuda.blockIdx.x])
    for number in range(cuda.blockIdx.x, chosen.shape[0], cuda.gridDim.x):
        book = book_of(pool[chosen[number]], terms, events)
        own = places[np.int64(starts[number]) : np.int64(starts[number + 1])]
        check_book_together(book, words, heads[number], reports[number], parts, own, tables[number])


def build_books_group(pool, terms, events, chosen, words, heads, starts, reports, places, tables):
    """Makes books of rows that were found valid, one block to a book."""
    number = cuda.blockIdx.x
    book = book_of(pool[chosen[number]], terms, events)
    own = places[np.int64(starts[number]) : np.int64(starts[number + 1])]
    build_book_together(book, words, heads[number], reports[number], own, tables[number])
