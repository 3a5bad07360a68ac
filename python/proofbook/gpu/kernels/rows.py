"""Whether rows of orders can be a book: each by itself, and all together once they are sorted.

The rules are those by which ``MatchingEngine::restore`` takes a state (``crates/matching/src/state.rs``), and those
of a bounded book: no stops, no icebergs, no expiries, no more orders or price levels than there is room for. The
first rule that is broken is reported; rows are looked at in the order in which they were given.

Orders with one id, or with one priority number, are found with a table of as many places as a book's index has. For
ids it is the index itself, as the book will have it, with the place of an order in price-time priority for its slot.
"""

from __future__ import annotations

import numpy as np

from proofbook.gpu.kernels.device import device, device_call
from proofbook.gpu.kernels.faults import (
    CROSSED,
    EQUAL_IDS,
    EQUAL_PRIORITIES,
    FILLED_LOTS,
    FILLED_RANGE,
    FLAGS_TAG,
    HEADER_UNUSED,
    ICEBERG,
    LAST_TRADE_TICK,
    MORE_THAN_SEQUENCE,
    NO_GAP,
    NO_PRICE,
    NO_QUANTITY,
    NO_ROW,
    NOT_SORTED,
    NOTIONAL_MAXIMUM,
    OPEN_RANGE,
    PRICE_TICK,
    PRIORITY_COUNTER,
    PRIORITY_RANGE,
    QUANTITY_LOTS,
    QUANTITY_MAXIMUM,
    REPORT_BASE,
    REPORT_BIDS,
    REPORT_CODE,
    REPORT_GAP,
    REPORT_LEVELS,
    REPORT_OPEN,
    REPORT_ROWS,
    SELF_TRADE_TAG,
    SEQUENCE_RANGE,
    SIDE_TAG,
    STOP_ORDER,
    TIME_IN_FORCE_TAG,
    TOO_MANY_LEVELS,
    TOO_MANY_ORDERS,
    UNUSED_WORD,
    VALID,
    WRONG_QUEUE,
)
from proofbook.gpu.kernels.index import hash_of
from proofbook.gpu.kernels.layout import (
    TERM_INDEX_SHIFT,
    TERM_LEVELS,
    TERM_LOT,
    TERM_MAX_QUANTITY,
    TERM_ORDERS,
    TERM_TICK,
)
from proofbook.gpu.kernels.sorting import comes_after, row_start
from proofbook.gpu.kernels.states import (
    HEAD_HAS_TRADE,
    HEAD_LAST_TRADE,
    HEAD_NEXT_PRIORITY,
    HEAD_SEQUENCE,
    ROW_DISPLAY,
    ROW_DISPLAYED,
    ROW_EXPIRY,
    ROW_FILLED,
    ROW_HIDDEN,
    ROW_ID,
    ROW_PRICE,
    ROW_PRIORITY,
    ROW_RESERVED,
    ROW_STOP_PRICE,
    ROW_TAGS,
    set_fault,
)
from proofbook.gpu.kernels.terms import is_notional_too_large, is_off_tick
from proofbook.gpu.kernels.words import BYTE, HIGH, LOW, NUMBERS_END, ONE, SIGN, WORD_MAX, ZERO

FORCE_SHIFT = np.uint64(8)
SELF_TRADE_SHIFT = np.uint64(16)
FLAGS_SHIFT = np.uint64(24)
SELF_TRADES = np.uint64(5)
FLAG_DISPLAY = np.uint64(2)
FLAG_PRICE = np.uint64(4)
FLAG_STOP_PRICE = np.uint64(8)
FLAGS_END = np.uint64(16)


@device_call
def head_fault(book, head, report):
    """What is wrong with what a book counts, or with the number of its rows: code, received, expected."""
    rows = report[REPORT_ROWS]
    last_trade = head[HEAD_LAST_TRADE]
    if head[HEAD_HAS_TRADE] > ONE or (head[HEAD_HAS_TRADE] == ZERO and last_trade != ZERO):
        return HEADER_UNUSED, last_trade, ZERO
    if head[HEAD_SEQUENCE] > NUMBERS_END:
        return SEQUENCE_RANGE, head[HEAD_SEQUENCE], NUMBERS_END
    if head[HEAD_NEXT_PRIORITY] == ZERO:
        return PRIORITY_COUNTER, ZERO, ONE
    if is_off_tick(book, last_trade):
        return LAST_TRADE_TICK, last_trade, book.terms[TERM_TICK]
    if rows > book.terms[TERM_ORDERS]:
        return TOO_MANY_ORDERS, rows, book.terms[TERM_ORDERS]
    if rows > head[HEAD_SEQUENCE]:
        return MORE_THAN_SEQUENCE, rows, head[HEAD_SEQUENCE]
    return VALID, ZERO, ZERO


@device_call
def tags_fault(words, at):
    """What is wrong with the terms of an order that its tags name: code, received, expected."""
    tags = words[at + ROW_TAGS]
    side = tags & BYTE
    force = (tags >> FORCE_SHIFT) & BYTE
    self_trade = (tags >> SELF_TRADE_SHIFT) & BYTE
    flags = tags >> FLAGS_SHIFT
    if side > ONE:
        return SIDE_TAG, side, ONE
    if force != ZERO:
        return TIME_IN_FORCE_TAG, force, ZERO
    if self_trade >= SELF_TRADES:
        return SELF_TRADE_TAG, self_trade, SELF_TRADES
    if flags >= FLAGS_END:
        return FLAGS_TAG, tags, ZERO
    if flags & FLAG_STOP_PRICE != ZERO:
        return STOP_ORDER, flags, ZERO
    if flags & FLAG_DISPLAY != ZERO:
        return ICEBERG, flags, ZERO
    if flags & FLAG_PRICE == ZERO:
        return NO_PRICE, flags, FLAG_PRICE
    unused = words[at + ROW_STOP_PRICE] | words[at + ROW_HIDDEN] | words[at + ROW_DISPLAY]
    unused |= words[at + ROW_EXPIRY] | words[at + ROW_RESERVED]
    if unused != ZERO:
        return UNUSED_WORD, unused, ZERO
    return VALID, ZERO, ZERO


@device_call
def numbers_fault(book, words, at, head):
    """What is wrong with price, quantities or priority number of an order: code, received, expected."""
    terms = book.terms
    lot = terms[TERM_LOT]
    price = words[at + ROW_PRICE]
    quantity = words[at + ROW_DISPLAYED]
    filled = words[at + ROW_FILLED]
    priority = words[at + ROW_PRIORITY]
    if quantity == ZERO:
        return NO_QUANTITY, ZERO, ONE
    if lot != ONE and quantity % lot != ZERO:
        return QUANTITY_LOTS, quantity, lot
    if quantity > terms[TERM_MAX_QUANTITY]:
        return QUANTITY_MAXIMUM, quantity, terms[TERM_MAX_QUANTITY]
    if lot != ONE and filled % lot != ZERO:
        return FILLED_LOTS, filled, lot
    if filled > WORD_MAX - quantity:
        return FILLED_RANGE, filled, WORD_MAX - quantity
    if is_off_tick(book, price):
        return PRICE_TICK, price, terms[TERM_TICK]
    if is_notional_too_large(book, price, quantity):
        return NOTIONAL_MAXIMUM, price, quantity
    if priority == ZERO or priority >= head[HEAD_NEXT_PRIORITY]:
        return PRIORITY_RANGE, priority, head[HEAD_NEXT_PRIORITY]
    return VALID, ZERO, ZERO


@device
def place_fault(words, at, row, report):
    """What is wrong with a row's place in a state: code, received, expected. Plain rows stand in any order."""
    gap = report[REPORT_GAP]
    if gap == NO_GAP:
        return VALID, ZERO, ZERO
    side = ONE if row >= gap else ZERO
    tag = words[at + ROW_TAGS] & BYTE
    if tag != side:
        return WRONG_QUEUE, tag, side
    if row != ZERO and comes_after(words, row_start(report, row - ONE), at):
        return NOT_SORTED, ZERO, ZERO
    return VALID, ZERO, ZERO


@device_call
def check_row(book, words, row, head, report):
    """Checks one row by itself, and in a state its place."""
    at = row_start(report, row)
    code, received, expected = tags_fault(words, at)
    if code == VALID:
        code, received, expected = numbers_fault(book, words, at, head)
    if code == VALID:
        code, received, expected = place_fault(words, at, row, report)
    if code != VALID:
        set_fault(report, code, row, received, expected)


@device
def add_open(words, row, report):
    """Adds the open quantity of a row to its side's."""
    at = row_start(report, row)
    side = words[at + ROW_TAGS] & ONE
    quantity = words[at + ROW_DISPLAYED]
    room = WORD_MAX - report[REPORT_OPEN + side]
    if quantity > room:
        set_fault(report, OPEN_RANGE, row, quantity, room)
    else:
        report[REPORT_OPEN + side] += quantity
        report[REPORT_BIDS] += ONE - side


@device_call
def check_head(book, head, report):
    """Checks a book's head."""
    code, received, expected = head_fault(book, head, report)
    if code != VALID:
        set_fault(report, code, NO_ROW, received, expected)


@device_call
def check_rows(book, words, head, report, worker, workers):
    """Checks every ``workers``-th row of a book, one after another, and adds them up."""
    report[REPORT_BIDS] = ZERO
    report[REPORT_OPEN] = ZERO
    report[REPORT_OPEN + ONE] = ZERO
    row = worker
    while row < report[REPORT_ROWS] and report[REPORT_CODE] == VALID:
        check_row(book, words, row, head, report)
        if report[REPORT_CODE] == VALID:
            add_open(words, row, report)
        row += workers


@device
def start_share(report, share):
    """Makes a worker's own report, of rows that it has yet to look at."""
    share[REPORT_CODE] = VALID
    share[REPORT_BASE] = report[REPORT_BASE]
    share[REPORT_GAP] = report[REPORT_GAP]
    share[REPORT_ROWS] = report[REPORT_ROWS]


@device_call
def merge_shares(report, shares):
    """Adds up what workers found in rows that are right by themselves. Gives whether the sums fit their words."""
    report[REPORT_BIDS] = ZERO
    report[REPORT_OPEN] = ZERO
    report[REPORT_OPEN + ONE] = ZERO
    for worker in range(shares.shape[0]):
        report[REPORT_BIDS] += shares[worker, REPORT_BIDS]
        for side in range(2):
            at = REPORT_OPEN + np.uint64(side)
            quantity = shares[worker, at]
            if quantity > WORD_MAX - report[at]:
                return False
            report[at] += quantity
    return True


@device
def are_one_price(words, first, second):
    """Whether the rows at two places have one side and one price."""
    same_side = (words[first + ROW_TAGS] ^ words[second + ROW_TAGS]) & ONE == ZERO
    return same_side and words[first + ROW_PRICE] == words[second + ROW_PRICE]


@device
def is_level_start(words, report, order, rank):
    """Whether the row of a rank in price-time priority is the first at its price."""
    if rank == ZERO:
        return True
    return not are_one_price(words, row_start(report, order[rank - ONE]), row_start(report, order[rank]))


@device
def check_levels(book, words, report, order):
    """Checks, of sorted rows that are right by themselves, the numbers of levels and that the sides do not cross."""
    most = book.terms[TERM_LEVELS]
    bids = report[REPORT_BIDS]
    if report[REPORT_LEVELS] > most:
        set_fault(report, TOO_MANY_LEVELS, NO_ROW, report[REPORT_LEVELS], most)
    if report[REPORT_LEVELS + ONE] > most:
        set_fault(report, TOO_MANY_LEVELS, NO_ROW, report[REPORT_LEVELS + ONE], most)
    if bids != ZERO and bids != report[REPORT_ROWS]:
        bid = words[row_start(report, order[ZERO]) + ROW_PRICE]
        ask = words[row_start(report, order[bids]) + ROW_PRICE]
        if (bid ^ SIGN) >= (ask ^ SIGN):
            set_fault(report, CROSSED, NO_ROW, bid, ask)


@device
def count_levels(words, report, order, bids, found, worker, workers):
    """Counts in ``found`` the price levels of both sides that start at every ``workers``-th of the sorted rows."""
    found[REPORT_LEVELS] = ZERO
    found[REPORT_LEVELS + ONE] = ZERO
    rank = worker
    while rank < report[REPORT_ROWS]:
        if is_level_start(words, report, order, rank):
            found[REPORT_LEVELS + (ONE if rank >= bids else ZERO)] += ONE
        rank += workers


@device_call
def merge_levels(report, shares):
    """Adds up the levels that workers counted."""
    for side in range(2):
        at = REPORT_LEVELS + np.uint64(side)
        report[at] = ZERO
        for worker in range(shares.shape[0]):
            report[at] += shares[worker, at]


@device_call
def enter_table(words, report, order, table, shift, word, rank):
    """Enters the row of a rank by one of its words. Gives the rank plus one of a row that has the same word, or 0."""
    value = words[row_start(report, order[rank]) + word]
    mask = np.uint64(table.shape[0]) - ONE
    hashed = hash_of(value)
    place = hashed >> shift
    entry = table[place]
    while entry != ZERO:
        if (entry ^ hashed) <= LOW and words[row_start(report, order[(entry & LOW) - ONE]) + word] == value:
            return entry & LOW
        place = (place + ONE) & mask
        entry = table[place]
    table[place] = (hashed & HIGH) | (rank + ONE)
    return ZERO


@device
def clear_table(table, worker, workers):
    """Empties every ``workers``-th place of a table."""
    at = worker
    while at < np.uint64(table.shape[0]):
        table[at] = ZERO
        at += workers


@device_call
def check_distinct(book, words, report, order, table, word, code):
    """Checks that no two rows have one word, with ``table`` as the index of all rows by it."""
    shift = book.terms[TERM_INDEX_SHIFT]
    clear_table(table, ZERO, ONE)
    rank = ZERO
    while rank < report[REPORT_ROWS]:
        earlier = enter_table(words, report, order, table, shift, word, rank)
        if earlier != ZERO:
            row = order[rank]
            other = order[earlier - ONE]
            set_fault(report, code, max(row, other), words[row_start(report, row) + word], min(row, other))
            return
        rank += ONE


@device_call
def check_together(book, words, report, order, table):
    """Checks what rows must be together, once ``order`` is their price-time priority. Leaves the index in ``table``."""
    count_levels(words, report, order, report[REPORT_BIDS], report, ZERO, ONE)
    check_levels(book, words, report, order)
    check_distinct(book, words, report, order, table, ROW_PRIORITY, EQUAL_PRIORITIES)
    check_distinct(book, words, report, order, table, ROW_ID, EQUAL_IDS)
