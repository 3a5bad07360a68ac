"""Whether rows of orders can be a book: each by itself, and all together once they are sorted.

The rules are those by which ``MatchingEngine::restore`` takes a state (``crates/matching/src/state.rs``), and those
of a bounded book: no stops, no icebergs, no expiries, no more orders or price levels than there is room for. The
first rule that is broken is reported: of rows by themselves, in the order in which they were given, then of all.

Orders with one id, or with one priority number, are found with a table of as many places as a book's index has. For
ids it is the index itself, as the book will have it, with an order's rank in price-time priority for its slot. Priority
numbers that are near each other, as those of most books, take a bit each instead.
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
    REPORT_EXTREMES,
    REPORT_GAP,
    REPORT_LEVELS,
    REPORT_OPEN,
    REPORT_ROWS,
    REPORT_SORTED,
    REPORT_WORDS,
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
from proofbook.gpu.kernels.sorting import (
    KEY_BITS,
    PLACE_MASK,
    comes_after,
    place_rows,
    price_of_rank,
    rank_of_price,
    row_start,
    sort_rows,
    split_levels,
)
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
from proofbook.gpu.kernels.words import BYTE, HIGH, LOW, NUMBERS_END, ONE, SIGN, THREE, TWO, WORD_MAX, ZERO

FORCE_SHIFT = np.uint64(8)
SELF_TRADE_SHIFT = np.uint64(16)
FLAGS_SHIFT = np.uint64(24)
SELF_TRADES = np.uint64(5)
FLAG_DISPLAY = np.uint64(2)
FLAG_PRICE = np.uint64(4)
FLAG_STOP_PRICE = np.uint64(8)
FLAGS_END = np.uint64(16)

PLAIN_TAGS = np.uint64(4 << 24)
PLAIN_FIXED = np.uint64(0xFFFF_FFFF_FEFF_FFFE)
"""All bits of a plain order's tags but its side and whether it is post-only."""

FOUR = np.uint64(4)
FIVE = np.uint64(5)
SIX = np.uint64(6)
BIT_MASK = np.uint64(63)
FIRST_SUM = int(REPORT_BIDS)
"""The first word of a report that workers' reports add up to."""


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


@device
def row_fault(book, words, at, row, head, report):
    """What is wrong with a row by itself, and in a state with its place: code, received, expected."""
    tags = words[at + ROW_TAGS]
    unused = words[at + ROW_STOP_PRICE] | words[at + ROW_HIDDEN] | words[at + ROW_DISPLAY]
    unused |= words[at + ROW_EXPIRY] | words[at + ROW_RESERVED]
    # Nearly all orders are plain ones; the others are looked at term by term.
    if (tags & PLAIN_FIXED) != PLAIN_TAGS or unused != ZERO:
        code, received, expected = tags_fault(words, at)
        if code != VALID:
            return code, received, expected
    code, received, expected = numbers_fault(book, words, at, head)
    if code != VALID:
        return code, received, expected
    return place_fault(words, at, row, report)


@device_call
def check_head(book, head, report):
    """Checks a book's head."""
    code, received, expected = head_fault(book, head, report)
    if code != VALID:
        set_fault(report, code, NO_ROW, received, expected)


@device_call
def scan_rows(book, words, head, report, worker, workers):
    """Checks every ``workers``-th row by itself, and says in the report what they add up to."""
    rows = report[REPORT_ROWS]
    bids, buys, sells = ZERO, ZERO, ZERO
    least_bid, most_bid, least_ask, most_ask = WORD_MAX, ZERO, WORD_MAX, ZERO
    least_priority, most_priority = WORD_MAX, ZERO
    are_sorted = ONE
    row = worker
    while row < rows:
        at = row_start(report, row)
        code, received, expected = row_fault(book, words, at, row, head, report)
        side = words[at + ROW_TAGS] & ONE
        quantity = words[at + ROW_DISPLAYED]
        room = WORD_MAX - (buys if side == ZERO else sells)
        if code == VALID and quantity > room:
            code, received, expected = OPEN_RANGE, quantity, room
        if code != VALID:
            set_fault(report, code, row, received, expected)
            return
        rank = rank_of_price(side, words[at + ROW_PRICE])
        if side == ZERO:
            bids += ONE
            buys += quantity
            least_bid, most_bid = min(least_bid, rank), max(most_bid, rank)
        else:
            sells += quantity
            least_ask, most_ask = min(least_ask, rank), max(most_ask, rank)
        priority = words[at + ROW_PRIORITY]
        least_priority, most_priority = min(least_priority, priority), max(most_priority, priority)
        if row != ZERO and comes_after(words, row_start(report, row - ONE), at):
            are_sorted = ZERO
        row += workers
    report[REPORT_BIDS] = bids
    report[REPORT_OPEN] = buys
    report[REPORT_OPEN + ONE] = sells
    report[REPORT_EXTREMES] = least_bid
    report[REPORT_EXTREMES + ONE] = most_bid
    report[REPORT_EXTREMES + TWO] = least_ask
    report[REPORT_EXTREMES + THREE] = most_ask
    report[REPORT_EXTREMES + FOUR] = least_priority
    report[REPORT_EXTREMES + FIVE] = most_priority
    report[REPORT_SORTED] = are_sorted


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
    for place in range(FIRST_SUM, REPORT_WORDS):
        report[place] = shares[0, place]
    for worker in range(1, shares.shape[0]):
        share = shares[worker]
        report[REPORT_BIDS] += share[REPORT_BIDS]
        report[REPORT_SORTED] &= share[REPORT_SORTED]
        for side in range(2):
            at = REPORT_OPEN + np.uint64(side)
            if share[at] > WORD_MAX - report[at]:
                return False
            report[at] += share[at]
        for part in range(3):
            at = REPORT_EXTREMES + TWO * np.uint64(part)
            report[at] = min(report[at], share[at])
            report[at + ONE] = max(report[at + ONE], share[at + ONE])
    return True


@device_call
def check_levels(book, report):
    """Checks, of rows that are right by themselves and have places, that their levels have room and do not cross."""
    most = book.terms[TERM_LEVELS]
    bids = report[REPORT_BIDS]
    split_levels(report)
    if report[REPORT_LEVELS] > most:
        set_fault(report, TOO_MANY_LEVELS, NO_ROW, report[REPORT_LEVELS], most)
    if report[REPORT_LEVELS + ONE] > most:
        set_fault(report, TOO_MANY_LEVELS, NO_ROW, report[REPORT_LEVELS + ONE], most)
    if bids != ZERO and bids != report[REPORT_ROWS]:
        bid = price_of_rank(ZERO, report[REPORT_EXTREMES])
        ask = price_of_rank(ONE, report[REPORT_EXTREMES + TWO])
        if (bid ^ SIGN) >= (ask ^ SIGN):
            set_fault(report, CROSSED, NO_ROW, bid, ask)


@device
def clear_table(table, worker, workers):
    """Empties every ``workers``-th place of a table."""
    at = worker
    while at < np.uint64(table.shape[0]):
        table[at] = ZERO
        at += workers


@device_call
def check_distinct(book, words, report, order, places, table, word, code):
    """Checks that no two rows have one word, with ``table`` as the index of all ranks by it."""
    shift = book.terms[TERM_INDEX_SHIFT]
    mask = np.uint64(table.shape[0]) - ONE
    rows = report[REPORT_ROWS]
    clear_table(table, ZERO, ONE)
    row = ZERO
    while row < rows:
        value = words[row_start(report, row) + word]
        hashed = hash_of(value)
        place = hashed >> shift
        entry = table[place]
        while entry != ZERO:
            if (entry ^ hashed) <= LOW:
                other = order[(entry & LOW) - ONE]
                if words[row_start(report, other) + word] == value:
                    set_fault(report, code, row, value, other)
                    return
            place = (place + ONE) & mask
            entry = table[place]
        table[place] = (hashed & HIGH) | ((places[row] & PLACE_MASK) + ONE)
        row += ONE


@device_call
def are_dense_and_distinct(report, keys, bits, room):
    """Whether priority numbers are all distinct, and so near each other that ``room`` has a bit for each."""
    span = report[REPORT_EXTREMES + FIVE] - report[REPORT_EXTREMES + FOUR]
    if bits == KEY_BITS or span >> SIX >= report[REPORT_ROWS]:
        return False
    at = ZERO
    while at <= span >> SIX:
        room[at] = ZERO
        at += ONE
    mask = (ONE << bits) - ONE
    rank = ZERO
    while rank < report[REPORT_ROWS]:
        number = keys[rank] & mask
        bit = ONE << (number & BIT_MASK)
        if room[number >> SIX] & bit != ZERO:
            return False
        room[number >> SIX] |= bit
        rank += ONE
    return True


@device_call
def check_together(book, words, report, scratch, shift, places, table):
    """Checks what rows must be together, once they are sorted. Leaves the index in ``table``."""
    rows = report[REPORT_ROWS]
    order = scratch.order
    place_rows(words, report, scratch.keys, order, shift, ZERO, rows, ZERO, places)
    check_levels(book, report)
    if not are_dense_and_distinct(report, scratch.keys, shift, scratch.spare_keys):
        check_distinct(book, words, report, order, places, table, ROW_PRIORITY, EQUAL_PRIORITIES)
    check_distinct(book, words, report, order, places, table, ROW_ID, EQUAL_IDS)


@device_call
def check_book(book, words, head, report, scratch, places, table):
    """Checks all of a book that is to be built, and finds its rows' places and its index, by one worker."""
    check_head(book, head, report)
    if report[REPORT_CODE] == VALID:
        scan_rows(book, words, head, report, ZERO, ONE)
    if report[REPORT_CODE] == VALID:
        shift = sort_rows(words, report, scratch)
        check_together(book, words, report, scratch, shift, places, table)
