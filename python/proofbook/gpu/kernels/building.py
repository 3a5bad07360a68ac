"""Books made from sorted rows at once: slots, queues, levels and index without a search.

A row that is n-th in price-time priority takes slot n; so a queue lies in memory in the order in which it trades, and
the index that the check for equal ids left behind is the book's. The rows are valid: ``rows`` has checked them. What
results is a book that a sequence of commands could have left, though with its free slots and records in another
order, which nothing can see.

Each step takes a worker's number and how many there are; with one worker it is the whole step.
"""

from __future__ import annotations

import numpy as np

from proofbook.gpu.kernels.book import flip_of
from proofbook.gpu.kernels.device import device
from proofbook.gpu.kernels.faults import REPORT_BIDS, REPORT_LEVELS, REPORT_OPEN, REPORT_ROWS
from proofbook.gpu.kernels.layout import (
    CLOCK,
    DIGEST_START,
    EVENT_DIGEST,
    FREE_SLOT,
    HAS_TRADE,
    HEADER_WORDS,
    LAST_TRADE,
    LEVEL_HEAD,
    LEVEL_ORDERS,
    LEVEL_QUANTITY,
    LEVEL_TAIL,
    LEVELS_BUY,
    LEVELS_SELL,
    LIVE_ORDERS,
    NEXT_PRIORITY,
    NO_SLOT,
    OPEN_BUY,
    OPEN_SELL,
    ORDER_ACCOUNT,
    ORDER_FILLED,
    ORDER_ID,
    ORDER_LINKS,
    ORDER_OPEN,
    ORDER_PRICE,
    ORDER_PRIORITY,
    ORDER_TAGS,
    SEQUENCE,
    TERM_LEVELS,
    TERM_ORDERS,
)
from proofbook.gpu.kernels.rows import is_level_start
from proofbook.gpu.kernels.sorting import row_start
from proofbook.gpu.kernels.states import (
    HEAD_CLOCK,
    HEAD_HAS_TRADE,
    HEAD_LAST_TRADE,
    HEAD_NEXT_PRIORITY,
    HEAD_SEQUENCE,
    ROW_ACCOUNT,
    ROW_DISPLAYED,
    ROW_FILLED,
    ROW_ID,
    ROW_PRICE,
    ROW_PRIORITY,
    ROW_TAGS,
)
from proofbook.gpu.kernels.words import HALF, ONE, THREE, TWO, ZERO


@device
def build_header(book, head, report):
    """Writes the header: what the head says, what the rows add up to; counters start at 0."""
    header = book.header
    for at in range(HEADER_WORDS):
        header[at] = ZERO
    header[SEQUENCE] = head[HEAD_SEQUENCE]
    header[CLOCK] = head[HEAD_CLOCK]
    header[NEXT_PRIORITY] = head[HEAD_NEXT_PRIORITY]
    header[HAS_TRADE] = head[HEAD_HAS_TRADE]
    header[LAST_TRADE] = head[HEAD_LAST_TRADE]
    header[OPEN_BUY] = report[REPORT_OPEN]
    header[OPEN_SELL] = report[REPORT_OPEN + ONE]
    header[LIVE_ORDERS] = report[REPORT_ROWS]
    header[FREE_SLOT] = report[REPORT_ROWS] if report[REPORT_ROWS] < book.terms[TERM_ORDERS] else NO_SLOT
    header[LEVELS_BUY] = report[REPORT_LEVELS]
    header[LEVELS_SELL] = report[REPORT_LEVELS + ONE]
    header[EVENT_DIGEST] = DIGEST_START


@device
def build_index(book, table, worker, workers):
    """Copies the index that the check for equal ids made."""
    at = worker
    while at < np.uint64(table.shape[0]):
        book.entries[at] = table[at]
        at += workers


@device
def free_rest(book, report, worker, workers):
    """Links the slots that no order takes, and lists every record as free where it stands."""
    end = book.terms[TERM_ORDERS]
    slot = report[REPORT_ROWS] + worker
    while slot < end:
        book.orders[(slot << THREE) + ORDER_LINKS] = slot + ONE if slot + ONE < end else NO_SLOT
        slot += workers
    at = worker
    while at < TWO * book.terms[TERM_LEVELS]:
        book.keys[at] = ZERO
        book.slots[at] = at
        at += workers


@device
def level_record(book, report, rank, ordinal):
    """The record of a price level, the ``ordinal``-th in price-time priority over both sides, the bids first.

    A side's levels take its records in the order of their places among the keys: the best stands last.
    """
    side = ONE if rank >= report[REPORT_BIDS] else ZERO
    best = ordinal if side == ZERO else ordinal - report[REPORT_LEVELS]
    return side * book.terms[TERM_LEVELS] + report[REPORT_LEVELS + side] - ONE - best


@device
def build_order(book, words, report, order, rank, ordinal):
    """Writes the order of a rank in price-time priority, which stands at the ``ordinal``-th price level."""
    at = row_start(report, order[rank])
    base = rank << THREE
    orders = book.orders
    record = level_record(book, report, rank, ordinal)
    orders[base + ORDER_ID] = words[at + ROW_ID]
    orders[base + ORDER_ACCOUNT] = words[at + ROW_ACCOUNT]
    orders[base + ORDER_PRICE] = words[at + ROW_PRICE]
    orders[base + ORDER_OPEN] = words[at + ROW_DISPLAYED]
    orders[base + ORDER_FILLED] = words[at + ROW_FILLED]
    orders[base + ORDER_PRIORITY] = words[at + ROW_PRIORITY]
    orders[base + ORDER_TAGS] = words[at + ROW_TAGS] | record << HALF
    before = NO_SLOT if is_level_start(words, report, order, rank) else rank - ONE
    is_last = rank + ONE == report[REPORT_ROWS] or is_level_start(words, report, order, rank + ONE)
    orders[base + ORDER_LINKS] = before << HALF | (NO_SLOT if is_last else rank + ONE)


@device
def build_level(book, words, report, order, rank, ordinal):
    """Writes the price level whose first order has this rank."""
    at = row_start(report, order[rank])
    side = words[at + ROW_TAGS] & ONE
    record = level_record(book, report, rank, ordinal)
    book.keys[record] = words[at + ROW_PRICE] ^ flip_of(side)
    quantity = words[at + ROW_DISPLAYED]
    end = rank + ONE
    while end < report[REPORT_ROWS] and not is_level_start(words, report, order, end):
        quantity += words[row_start(report, order[end]) + ROW_DISPLAYED]
        end += ONE
    base = record << TWO
    book.records[base + LEVEL_HEAD] = rank
    book.records[base + LEVEL_TAIL] = end - ONE
    book.records[base + LEVEL_ORDERS] = end - rank
    book.records[base + LEVEL_QUANTITY] = quantity


@device
def count_starts(words, report, order, begin, end):
    """How many price levels start at ranks from ``begin`` to before ``end``."""
    count = ZERO
    rank = begin
    while rank < end:
        if is_level_start(words, report, order, rank):
            count += ONE
        rank += ONE
    return count


@device
def build_run(book, words, report, order, begin, end, started):
    """Writes the orders of ranks from ``begin`` to before ``end`` and their levels; ``started`` start before."""
    rank = begin
    while rank < end:
        if is_level_start(words, report, order, rank):
            build_level(book, words, report, order, rank, started)
            started += ONE
        build_order(book, words, report, order, rank, started - ONE)
        rank += ONE


@device
def build_book(book, words, head, report, order, table):
    """Makes a book of sorted, valid rows, by one worker."""
    build_header(book, head, report)
    build_index(book, table, ZERO, ONE)
    free_rest(book, report, ZERO, ONE)
    build_run(book, words, report, order, ZERO, report[REPORT_ROWS], ZERO)
