"""Books made from rows that are known to be valid: slots, queues, levels and index without a search.

A row that is n-th in price-time priority takes slot n; so a queue lies in memory in the order in which it trades, and
the index that the check for equal ids left behind is the book's. Rows are read in the order in which they were given,
which is how memory likes to be read; each knows its place. What results is a book that a sequence of commands
could have left, though with its free slots and records in another order, which nothing can see.

Each step takes a worker's number and how many there are; with one worker it is the whole step.
"""

from __future__ import annotations

import numpy as np

from proofbook.gpu.kernels.book import flip_of
from proofbook.gpu.kernels.device import device, device_call
from proofbook.gpu.kernels.faults import REPORT_LEVELS, REPORT_OPEN, REPORT_ROWS
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
from proofbook.gpu.kernels.sorting import ENDS_LEVEL, PLACE_MASK, STARTS_LEVEL, row_start
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
def clear_levels(book, report, worker, workers):
    """Clears the records that levels take. Without orders yet, so that these can add themselves."""
    at = worker
    while at < report[REPORT_LEVELS] + report[REPORT_LEVELS + ONE]:
        side = ZERO if at < report[REPORT_LEVELS] else ONE
        base = (at - side * report[REPORT_LEVELS] + side * book.terms[TERM_LEVELS]) << TWO
        book.records[base + LEVEL_ORDERS] = ZERO
        book.records[base + LEVEL_QUANTITY] = ZERO
        at += workers


@device
def build_order(book, words, report, row, place):
    """Writes the order of a row, and its level's key and ends where it is one of them. Gives where the record starts.

    A side's levels take its records in the order of their places among the keys: the best stands last.
    """
    at = row_start(report, row)
    tags = words[at + ROW_TAGS]
    price = words[at + ROW_PRICE]
    side = tags & ONE
    slot = place & PLACE_MASK
    best = ((place >> HALF) & PLACE_MASK) - side * report[REPORT_LEVELS]
    record = side * book.terms[TERM_LEVELS] + report[REPORT_LEVELS + side] - ONE - best
    base = slot << THREE
    orders = book.orders
    orders[base + ORDER_ID] = words[at + ROW_ID]
    orders[base + ORDER_ACCOUNT] = words[at + ROW_ACCOUNT]
    orders[base + ORDER_PRICE] = price
    orders[base + ORDER_OPEN] = words[at + ROW_DISPLAYED]
    orders[base + ORDER_FILLED] = words[at + ROW_FILLED]
    orders[base + ORDER_PRIORITY] = words[at + ROW_PRIORITY]
    orders[base + ORDER_TAGS] = tags | record << HALF
    before = slot - ONE
    behind = slot + ONE
    if place & STARTS_LEVEL != ZERO:
        before = NO_SLOT
        book.keys[record] = price ^ flip_of(side)
        book.records[(record << TWO) + LEVEL_HEAD] = slot
    if place & ENDS_LEVEL != ZERO:
        behind = NO_SLOT
        book.records[(record << TWO) + LEVEL_TAIL] = slot
    orders[base + ORDER_LINKS] = before << HALF | behind
    return record << TWO


@device_call
def build_book(book, words, head, report, places, table):
    """Makes a book of valid rows, by one worker."""
    build_header(book, head, report)
    build_index(book, table, ZERO, ONE)
    free_rest(book, report, ZERO, ONE)
    clear_levels(book, report, ZERO, ONE)
    row = ZERO
    while row < report[REPORT_ROWS]:
        base = build_order(book, words, report, row, places[row])
        book.records[base + LEVEL_ORDERS] += ONE
        book.records[base + LEVEL_QUANTITY] += words[row_start(report, row) + ROW_DISPLAYED]
        row += ONE
