"""A book's rows checked, sorted and made a book by a block of a GPU's threads.

The threads share the rows, sort them with a bitonic network, in shared memory where they fit it, and enter them into
the index with atomic exchanges. What they find is what one thread would find: where any of them sees a fault, the first
thread looks again alone, so that the report has the first fault in the order of rows. An index may differ in the order
of its entries, which no search sees.

Every function here is called by all threads of a block at once, and waits for them: no call may stand where only some
of them go. All shared memory together is below the 48 KiB that a block has without asking.
"""

from __future__ import annotations

import numpy as np
from numba import cuda, uint64

from proofbook.gpu.kernels.building import build_header, build_index, build_run, count_starts, free_rest
from proofbook.gpu.kernels.device import device
from proofbook.gpu.kernels.faults import REPORT_BIDS, REPORT_CODE, REPORT_ROWS, REPORT_WORDS, VALID
from proofbook.gpu.kernels.index import hash_of
from proofbook.gpu.kernels.layout import TERM_INDEX_SHIFT
from proofbook.gpu.kernels.rows import (
    check_head,
    check_levels,
    check_rows,
    check_together,
    clear_table,
    count_levels,
    merge_levels,
    merge_shares,
    start_share,
)
from proofbook.gpu.kernels.sorting import (
    DIGITS,
    EXTREMES,
    KEY_BITS,
    compare_pairs,
    copy_words,
    find_extremes,
    key_bits,
    make_keys,
    merge_extremes,
    row_start,
    sort_by_parts,
    start_order,
)
from proofbook.gpu.kernels.states import ROW_ID, ROW_PRIORITY
from proofbook.gpu.kernels.words import HIGH, LOW, ONE, TWO, ZERO

GROUP_THREADS = 128
"""Threads of a block that works as a group; a power of two."""

GROUP = np.uint64(GROUP_THREADS)

NEAR_ROWS = 1024
"""Rows that a group sorts in shared memory; it sorts more of them where they lie."""


@device
def check_rows_together(book, words, head, report):
    """Checks each row by itself."""
    shares = cuda.shared.array((GROUP_THREADS, REPORT_WORDS), uint64)
    thread = np.uint64(cuda.threadIdx.x)
    share = shares[cuda.threadIdx.x]
    if thread == ZERO:
        check_head(book, head, report)
    cuda.syncthreads()
    start_share(report, share)
    is_bad = report[REPORT_CODE] != VALID
    if not is_bad:
        check_rows(book, words, head, share, thread, GROUP)
        is_bad = share[REPORT_CODE] != VALID
    is_bad = cuda.syncthreads_or(is_bad)
    if thread == ZERO and (is_bad or not merge_shares(report, shares)):
        check_rows(book, words, head, report, ZERO, ONE)
    cuda.syncthreads()


@device
def merge_in_network(keys, order, rows, thread):
    """Sorts rows by their keys."""
    size = TWO
    while size < TWO * rows:
        compare_pairs(keys, order, rows, size - ONE, thread, GROUP)
        cuda.syncthreads()
        distance = size >> TWO
        while distance > ZERO:
            compare_pairs(keys, order, rows, distance, thread, GROUP)
            cuda.syncthreads()
            distance >>= ONE
        size <<= ONE


@device
def sort_together(words, report, order, scratch):
    """Makes ``order`` the list of a book's rows in price-time priority."""
    extremes = cuda.shared.array(EXTREMES, uint64)
    found = cuda.shared.array((GROUP_THREADS, EXTREMES), uint64)
    near_keys = cuda.shared.array(NEAR_ROWS, uint64)
    near_order = cuda.shared.array(NEAR_ROWS, uint64)
    thread = np.uint64(cuda.threadIdx.x)
    rows = report[REPORT_ROWS]
    are_sorted = start_order(words, report, order, thread, GROUP)
    if not cuda.syncthreads_or(not are_sorted):
        return
    find_extremes(words, report, found[cuda.threadIdx.x], thread, GROUP)
    cuda.syncthreads()
    if thread == ZERO:
        merge_extremes(extremes, found)
    cuda.syncthreads()
    bits = key_bits(extremes)
    capacity = (scratch.shape[0] - DIGITS - EXTREMES) // 3
    far_keys = scratch[0:capacity]
    if bits > KEY_BITS:
        if thread == ZERO:
            spare_keys = scratch[capacity : 2 * capacity]
            spare_order = scratch[2 * capacity : 3 * capacity]
            counts = scratch[3 * capacity : 3 * capacity + DIGITS]
            sort_by_parts(words, report, extremes, far_keys, order, spare_keys, spare_order, counts)
    else:
        is_near = rows <= np.uint64(NEAR_ROWS)
        keys = near_keys if is_near else far_keys
        ranked = near_order if is_near else order
        make_keys(words, report, extremes, bits, keys, thread, GROUP)
        copy_words(order, ranked, rows, thread, GROUP)
        cuda.syncthreads()
        merge_in_network(keys, ranked, rows, thread)
        copy_words(ranked, order, rows, thread, GROUP)
    cuda.syncthreads()


@device
def enter_together(words, report, order, table, shift, word, thread):
    """Enters all rows into a table by one of their words. Gives whether this thread met two rows with the same."""
    mask = np.uint64(table.shape[0]) - ONE
    clear_table(table, thread, GROUP)
    cuda.syncthreads()
    is_equal = False
    rank = thread
    while rank < report[REPORT_ROWS] and not is_equal:
        value = words[row_start(report, order[rank]) + word]
        hashed = hash_of(value)
        place = hashed >> shift
        entry = cuda.atomic.cas(table, np.int64(place), ZERO, (hashed & HIGH) | (rank + ONE))
        while entry != ZERO and not is_equal:
            if (entry ^ hashed) <= LOW:
                is_equal = words[row_start(report, order[(entry & LOW) - ONE]) + word] == value
            place = (place + ONE) & mask
            if not is_equal:
                entry = cuda.atomic.cas(table, np.int64(place), ZERO, (hashed & HIGH) | (rank + ONE))
        rank += GROUP
    cuda.syncthreads()
    return is_equal


@device
def check_order_together(book, words, report, order, table):
    """Checks what rows must be together, once they are sorted. Leaves the index in ``table``."""
    shares = cuda.shared.array((GROUP_THREADS, REPORT_WORDS), uint64)
    thread = np.uint64(cuda.threadIdx.x)
    shift = book.terms[TERM_INDEX_SHIFT]
    count_levels(words, report, order, report[REPORT_BIDS], shares[cuda.threadIdx.x], thread, GROUP)
    is_bad = enter_together(words, report, order, table, shift, ROW_PRIORITY, thread)
    is_bad = enter_together(words, report, order, table, shift, ROW_ID, thread) or is_bad
    is_bad = cuda.syncthreads_or(is_bad)
    if thread == ZERO:
        merge_levels(report, shares)
        check_levels(book, words, report, order)
        if is_bad:
            check_together(book, words, report, order, table)
    cuda.syncthreads()


@device
def build_together(book, words, head, report, order, table):
    """Makes a book of rows that are valid and sorted."""
    firsts = cuda.shared.array(GROUP_THREADS + 1, uint64)
    thread = np.uint64(cuda.threadIdx.x)
    rows = report[REPORT_ROWS]
    # Each thread takes a run of ranks, and needs to know how many price levels start before it.
    begin = rows * thread // GROUP
    end = rows * (thread + ONE) // GROUP
    firsts[cuda.threadIdx.x + 1] = count_starts(words, report, order, begin, end)
    if thread == ZERO:
        firsts[0] = ZERO
        build_header(book, head, report)
    build_index(book, table, thread, GROUP)
    free_rest(book, report, thread, GROUP)
    cuda.syncthreads()
    if thread == ZERO:
        for at in range(GROUP_THREADS):
            firsts[at + 1] += firsts[at]
    cuda.syncthreads()
    build_run(book, words, report, order, begin, end, firsts[cuda.threadIdx.x])
