"""A book's rows checked, sorted and made a book by a block of a GPU's threads.

The threads share the rows, sort them with a bitonic network, in shared memory where they fit it, and enter them into
the index with atomic exchanges. What they find is what one thread would find: where any of them sees a fault, the first
thread looks again alone, so that the report says the same. An index may differ in the order of its entries, which no
search sees.

Every function here is called by all threads of a block at once, and waits for them: no call may stand where only some
of them go. All shared memory together is below the 48 KiB that a block has without asking.
"""

from __future__ import annotations

import numpy as np
from numba import cuda, uint64

from proofbook.gpu.kernels.building import build_header, build_index, build_order, clear_levels, free_rest
from proofbook.gpu.kernels.device import device
from proofbook.gpu.kernels.faults import REPORT_CODE, REPORT_ROWS, REPORT_SORTED, REPORT_WORDS, VALID
from proofbook.gpu.kernels.index import hash_of
from proofbook.gpu.kernels.layout import LEVEL_ORDERS, LEVEL_QUANTITY, TERM_INDEX_SHIFT
from proofbook.gpu.kernels.rows import (
    check_head,
    check_levels,
    check_together,
    clear_table,
    merge_shares,
    scan_rows,
    start_share,
)
from proofbook.gpu.kernels.sorting import (
    KEY_BITS,
    PLACE_MASK,
    compare_pairs,
    count_starts,
    level_shift,
    make_keys,
    place_rows,
    price_bits,
    row_start,
    sort_by_parts,
)
from proofbook.gpu.kernels.states import ROW_DISPLAYED, ROW_ID, ROW_PRIORITY
from proofbook.gpu.kernels.words import HIGH, LOW, ONE, TWO, ZERO

GROUP_THREADS = 128
"""Threads of a block that works as a group; a power of two."""

GROUP = np.uint64(GROUP_THREADS)

NEAR_ROWS = 1024
"""Rows that a group sorts in shared memory; it sorts more of them where they lie."""


@device
def any_thread(is_true):
    """Whether it is true for any thread of the block. All wait for each other."""
    return cuda.syncthreads_or(np.int32(1 if is_true else 0)) != 0


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
        scan_rows(book, words, head, share, thread, GROUP)
        is_bad = share[REPORT_CODE] != VALID
    is_bad = any_thread(is_bad)
    if thread == ZERO and report[REPORT_CODE] == VALID and (is_bad or not merge_shares(report, shares)):
        scan_rows(book, words, head, report, ZERO, ONE)
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
def sort_together(words, report, scratch):
    """Sorts a book's rows. Gives how far keys are to be shifted for one number for each price level."""
    near_keys = cuda.shared.array(NEAR_ROWS, uint64)
    near_order = cuda.shared.array(NEAR_ROWS, uint64)
    thread = np.uint64(cuda.threadIdx.x)
    rows = report[REPORT_ROWS]
    shift = level_shift(report)
    if shift == KEY_BITS:
        if thread == ZERO:
            sort_by_parts(words, report, scratch)
        cuda.syncthreads()
        return shift
    is_near = rows <= np.uint64(NEAR_ROWS) and report[REPORT_SORTED] == ZERO
    keys = near_keys if is_near else scratch.keys
    order = near_order if is_near else scratch.order
    make_keys(words, report, shift, price_bits(report) + shift, keys, order, thread, GROUP)
    cuda.syncthreads()
    if report[REPORT_SORTED] == ZERO:
        merge_in_network(keys, order, rows, thread)
    if is_near:
        at = thread
        while at < rows:
            scratch.keys[at] = keys[at]
            scratch.order[at] = order[at]
            at += GROUP
        cuda.syncthreads()
    return shift


@device
def place_together(words, report, scratch, shift, places):
    """Finds the places of sorted rows: each thread those of a run of ranks, once it knows the levels before it."""
    starts = cuda.shared.array(GROUP_THREADS, uint64)
    thread = np.uint64(cuda.threadIdx.x)
    rows = report[REPORT_ROWS]
    begin = rows * thread // GROUP
    end = rows * (thread + ONE) // GROUP
    starts[cuda.threadIdx.x] = count_starts(words, report, scratch.keys, scratch.order, shift, begin, end)
    cuda.syncthreads()
    if thread == ZERO:
        before = ZERO
        for at in range(GROUP_THREADS):
            count = starts[at]
            starts[at] = before
            before += count
    cuda.syncthreads()
    started = starts[cuda.threadIdx.x]
    place_rows(words, report, scratch.keys, scratch.order, shift, begin, end, started, places)
    cuda.syncthreads()


@device
def enter_together(words, report, order, places, table, shift, word):
    """Enters all rows into a table by one of their words. Gives whether this thread met two rows with the same."""
    thread = np.uint64(cuda.threadIdx.x)
    mask = np.uint64(table.shape[0]) - ONE
    clear_table(table, thread, GROUP)
    cuda.syncthreads()
    is_equal = False
    row = thread
    while row < report[REPORT_ROWS] and not is_equal:
        value = words[row_start(report, row) + word]
        hashed = hash_of(value)
        own = (hashed & HIGH) | ((places[row] & PLACE_MASK) + ONE)
        place = hashed >> shift
        entry = cuda.atomic.cas(table, np.int64(place), ZERO, own)
        while entry != ZERO and not is_equal:
            if (entry ^ hashed) <= LOW:
                is_equal = words[row_start(report, order[(entry & LOW) - ONE]) + word] == value
            place = (place + ONE) & mask
            if not is_equal:
                entry = cuda.atomic.cas(table, np.int64(place), ZERO, own)
        row += GROUP
    cuda.syncthreads()
    return is_equal


@device
def check_book_together(book, words, head, report, scratch, places, table):
    """Checks all of a book that is to be built, and finds its rows' places and its index."""
    thread = np.uint64(cuda.threadIdx.x)
    check_rows_together(book, words, head, report)
    if report[REPORT_CODE] == VALID:
        shift = sort_together(words, report, scratch)
        place_together(words, report, scratch, shift, places)
        index_shift = book.terms[TERM_INDEX_SHIFT]
        is_bad = enter_together(words, report, scratch.order, places, table, index_shift, ROW_PRIORITY)
        is_bad = enter_together(words, report, scratch.order, places, table, index_shift, ROW_ID) or is_bad
        is_bad = any_thread(is_bad)
        if thread == ZERO:
            if is_bad:
                check_together(book, words, report, scratch, shift, places, table)
            else:
                check_levels(book, report)
    cuda.syncthreads()


@device
def build_book_together(book, words, head, report, places, table):
    """Makes a book of valid rows."""
    thread = np.uint64(cuda.threadIdx.x)
    if thread == ZERO:
        build_header(book, head, report)
    build_index(book, table, thread, GROUP)
    free_rest(book, report, thread, GROUP)
    clear_levels(book, report, thread, GROUP)
    cuda.syncthreads()
    row = thread
    while row < report[REPORT_ROWS]:
        base = build_order(book, words, report, row, places[row])
        cuda.atomic.add(book.records, np.int64(base + LEVEL_ORDERS), ONE)
        cuda.atomic.add(book.records, np.int64(base + LEVEL_QUANTITY), words[row_start(report, row) + ROW_DISPLAYED])
        row += GROUP
