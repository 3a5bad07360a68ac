"""Sorting, import, states and aggregation on the threads of a CPU: entries of kernels.

Each works on the books from ``first`` to before ``last``, on the calling thread and without the GIL, so that threads
share a pool by its books. None allocates: work space is part of the arguments, and no two books share any of it.
"""

from __future__ import annotations

import numpy as np

from proofbook.gpu.kernels.aggregation import (
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
from proofbook.gpu.kernels.faults import REPORT_CODE, VALID
from proofbook.gpu.kernels.layout import TERM_ORDERS
from proofbook.gpu.kernels.rows import check_head, check_rows, check_together
from proofbook.gpu.kernels.sorting import DIGITS, sort_rows, span_rows
from proofbook.gpu.kernels.states import read_state, state_words, write_state
from proofbook.gpu.kernels.words import ONE, ZERO


def depth_books(pool, terms, events, prices, quantities, orders, first, last):
    """Fills ``prices[side, book]`` and its fellows with the best levels."""
    for b in range(first, last):
        for side in range(2):
            fill_depth(pool[b], terms, events, np.uint64(side), prices[side, b], quantities[side, b], orders[side, b])


def statistics_books(pool, terms, events, statistics, first, last):
    """Fills a row of statistics for each book."""
    for b in range(first, last):
        fill_statistics(pool[b], terms, events, statistics[b])


def total_books(statistics, share, partials, first, last):
    """Makes ``partials[block, column]``, the totals of every column over the ``share`` books of a block."""
    books = statistics.shape[0]
    for block in range(first, last):
        begin = np.uint64(block * share)
        end = np.uint64(min((block + 1) * share, books))
        for column in range(statistics.shape[1]):
            add_books(statistics, np.uint64(column), begin, ONE, end, partials[block, column])


def merge_totals(partials, stride, first, last):
    """One step of the tree: ``partials[i]`` takes in ``partials[i + stride]``, i being each multiple of two strides."""
    for pair in range(first, last):
        left = 2 * stride * pair
        if left + stride < partials.shape[0]:
            for column in range(partials.shape[1]):
                merge_total(partials[left, column], partials[left + stride, column])


def count_books(statistics, column, edges, share, partials, first, last):
    """Makes ``partials[block]``: how many of its books have a statistic below the first edge, and from each on."""
    books = statistics.shape[0]
    for block in range(first, last):
        for edge in range(partials.shape[1]):
            partials[block, edge] = ZERO
        for b in range(block * share, min((block + 1) * share, books)):
            if has_statistic(statistics, np.uint64(b), column):
                partials[block, bin_of(edges, rank_of(statistics, np.uint64(b), column))] += ONE


def size_states(pool, chosen, sizes, first, last):
    """Fills the number of words of each chosen book's state."""
    for number in range(first, last):
        sizes[number] = state_words(pool[chosen[number]])


def place_states(sizes, places, first, last):
    """Fills where each state starts, and behind them where the last ends; one item is all of it."""
    place = ZERO
    for _ in range(first, last):
        for number in range(sizes.shape[0]):
            places[number] = place
            place += sizes[number]
        places[sizes.shape[0]] = place


def write_states(pool, terms, events, config, chosen, places, words, first, last):
    """Writes the states of the chosen books, each from its place in ``words`` on."""
    for number in range(first, last):
        write_state(pool[chosen[number]], terms, events, config, words, places[number])


def read_states(words, places, config, heads, reports, first, last):
    """Takes the headers of states, which stand from ``places[n]`` to ``places[n + 1]``, and finds their rows."""
    for number in range(first, last):
        read_state(words, places[number], places[number + 1], config, heads[number], reports[number])


def find_rows(starts, reports, first, last):
    """Says in the reports where plain rows stand: those of book n are rows ``starts[n]`` to ``starts[n + 1]``."""
    for number in range(first, last):
        span_rows(starts[number], starts[number + 1], reports[number])


def check_books(pool, terms, events, chosen, words, heads, starts, reports, order, tables, scratch, first, last):
    """Checks and sorts the rows of books that are to be built. Nothing of the pool is changed."""
    capacity = np.int64(terms[TERM_ORDERS])
    keys = scratch[0:capacity]
    spare_keys = scratch[capacity : 2 * capacity]
    spare_order = scratch[2 * capacity : 3 * capacity]
    counts = scratch[3 * capacity : 3 * capacity + DIGITS]
    extremes = scratch[3 * capacity + DIGITS :]
    for number in range(first, last):
        book = book_of(pool[chosen[number]], terms, events)
        report = reports[number]
        own = order[np.int64(starts[number]) : np.int64(starts[number + 1])]
        check_head(book, heads[number], report)
        check_rows(book, words, heads[number], report, ZERO, ONE)
        if report[REPORT_CODE] == VALID:
            sort_rows(words, report, extremes, keys, own, spare_keys, spare_order, counts)
            check_together(book, words, report, own, tables[number])


def build_books(pool, terms, events, chosen, words, heads, starts, reports, order, tables, first, last):
    """Makes books of rows that ``check_books`` found valid and sorted."""
    for number in range(first, last):
        book = book_of(pool[chosen[number]], terms, events)
        own = order[np.int64(starts[number]) : np.int64(starts[number + 1])]
        build_book(book, words, heads[number], reports[number], own, tables[number])
