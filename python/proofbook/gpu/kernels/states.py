"""The canonical bytes of books, and the headers of those that are to become books.

A state is what ``docs/RULES.md``, section 13, and ``MatchingEngine::write_state`` of the crate ``proofbook-matching``
say, in words of eight bytes, little-endian: 11 of the market's terms, 5 of the header, then four queues, each a count
and 12 words for each order. A book of a pool has no stops, so its last two queues are empty, and its state takes 20
words and 12 for each live order.
"""

from __future__ import annotations

import numpy as np

from proofbook.gpu.kernels.book import book_of, level_count
from proofbook.gpu.kernels.device import device, device_call
from proofbook.gpu.kernels.faults import (
    HEADER_UNUSED,
    NO_ROW,
    OTHER_PHASE,
    OTHER_TERMS,
    REPORT_BASE,
    REPORT_CODE,
    REPORT_EXPECTED,
    REPORT_GAP,
    REPORT_RECEIVED,
    REPORT_ROW,
    REPORT_ROWS,
    STATE_LENGTH,
    VALID,
    WAITING_STOPS,
)
from proofbook.gpu.kernels.layout import (
    CLOCK,
    CONFIG_WORDS,
    HAS_TRADE,
    LAST_TRADE,
    LEVEL_HEAD,
    LIVE_ORDERS,
    NEXT_PRIORITY,
    NO_SLOT,
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
)
from proofbook.gpu.kernels.words import BYTE, LOW, ONE, THREE, TWO, WORD_MAX, ZERO

ROW_WORDS = np.uint64(12)
"""Words of an order in a state: ``Order::words`` of the crate ``proofbook-types``."""

# The words of a row.
ROW_TAGS = np.uint64(0)
ROW_ID = np.uint64(1)
ROW_ACCOUNT = np.uint64(2)
ROW_PRICE = np.uint64(3)
ROW_STOP_PRICE = np.uint64(4)
ROW_DISPLAYED = np.uint64(5)
ROW_HIDDEN = np.uint64(6)
ROW_DISPLAY = np.uint64(7)
ROW_FILLED = np.uint64(8)
ROW_PRIORITY = np.uint64(9)
ROW_EXPIRY = np.uint64(10)
ROW_RESERVED = np.uint64(11)

# The words of a state.
STATE_CONFIG_WORDS = np.uint64(CONFIG_WORDS)
STATE_SEQUENCE = np.uint64(11)
STATE_CLOCK = np.uint64(12)
STATE_NEXT_PRIORITY = np.uint64(13)
STATE_TAGS = np.uint64(14)
"""The phase in the lowest byte, whether there was a trade in the next."""
STATE_LAST_TRADE = np.uint64(15)
STATE_QUEUES = np.uint64(16)
QUEUES = np.uint64(4)
EMPTY_STATE_WORDS = np.uint64(20)

HEAD_WORDS = 5
"""Words of a head: sequence, clock, next priority number, whether there was a trade, its price."""
HEAD_SEQUENCE = np.uint64(0)
HEAD_CLOCK = np.uint64(1)
HEAD_NEXT_PRIORITY = np.uint64(2)
HEAD_HAS_TRADE = np.uint64(3)
HEAD_LAST_TRADE = np.uint64(4)

TRADE_SHIFT = np.uint64(8)
WORD_BYTES_SHIFT = np.uint64(3)


@device
def state_words(row):
    """How many words the state of the book in a row of a pool takes."""
    return EMPTY_STATE_WORDS + ROW_WORDS * row[LIVE_ORDERS]


@device
def write_order(book, slot, words, at):
    """Writes one order's row."""
    base = slot << THREE
    orders = book.orders
    words[at + ROW_TAGS] = orders[base + ORDER_TAGS] & LOW
    words[at + ROW_ID] = orders[base + ORDER_ID]
    words[at + ROW_ACCOUNT] = orders[base + ORDER_ACCOUNT]
    words[at + ROW_PRICE] = orders[base + ORDER_PRICE]
    words[at + ROW_STOP_PRICE] = ZERO
    words[at + ROW_DISPLAYED] = orders[base + ORDER_OPEN]
    words[at + ROW_HIDDEN] = ZERO
    words[at + ROW_DISPLAY] = ZERO
    words[at + ROW_FILLED] = orders[base + ORDER_FILLED]
    words[at + ROW_PRIORITY] = orders[base + ORDER_PRIORITY]
    words[at + ROW_EXPIRY] = ZERO
    words[at + ROW_RESERVED] = ZERO


@device_call
def write_queue(book, side, words, at):
    """Writes the rows of a side, in price-time priority. Gives the place behind them."""
    start = side * book.terms[TERM_LEVELS]
    level = start + level_count(book, side)
    while level > start:
        level -= ONE
        slot = book.records[(book.slots[level] << TWO) + LEVEL_HEAD]
        while slot != NO_SLOT:
            write_order(book, slot, words, at)
            at += ROW_WORDS
            slot = book.orders[(slot << THREE) + ORDER_LINKS] & LOW
    return at


@device_call
def write_state(row, terms, events, config, words, at):
    """Writes the state of a book from place ``at`` on."""
    book = book_of(row, terms, events)
    header = book.header
    place = ZERO
    while place < STATE_CONFIG_WORDS:
        words[at + place] = config[place]
        place += ONE
    words[at + STATE_SEQUENCE] = header[SEQUENCE]
    words[at + STATE_CLOCK] = header[CLOCK]
    words[at + STATE_NEXT_PRIORITY] = header[NEXT_PRIORITY]
    words[at + STATE_TAGS] = header[HAS_TRADE] << TRADE_SHIFT
    words[at + STATE_LAST_TRADE] = header[LAST_TRADE]
    bids = at + STATE_QUEUES
    asks = write_queue(book, ZERO, words, bids + ONE)
    words[bids] = (asks - bids - ONE) // ROW_WORDS
    stops = write_queue(book, ONE, words, asks + ONE)
    words[asks] = (stops - asks - ONE) // ROW_WORDS
    words[stops] = ZERO
    words[stops + ONE] = ZERO


@device_call
def set_fault(report, code, row, received, expected):
    """Writes the first fault of a book; a later one changes nothing."""
    if report[REPORT_CODE] == VALID:
        report[REPORT_CODE] = code
        report[REPORT_ROW] = row
        report[REPORT_RECEIVED] = received
        report[REPORT_EXPECTED] = expected


@device_call
def find_queues(words, start, end, report):
    """Finds the rows of the state from ``start`` to ``end``. Its counts may say anything."""
    length = (end - start) << WORD_BYTES_SHIFT
    counted = ZERO
    bids = ZERO
    resting = ZERO
    at = start + STATE_QUEUES
    queue = ZERO
    while queue < QUEUES:
        count = words[at] if at < end else WORD_MAX
        if at >= end or count > (end - at - ONE) // ROW_WORDS:
            set_fault(report, STATE_LENGTH, NO_ROW, length, counted)
            return
        at += ONE + ROW_WORDS * count
        counted += count
        if queue == ZERO:
            bids = count
        if queue == ONE:
            resting = counted
        queue += ONE
    if at != end:
        set_fault(report, STATE_LENGTH, NO_ROW, length, counted)
    elif counted != resting:
        set_fault(report, WAITING_STOPS, NO_ROW, counted - resting, ZERO)
    report[REPORT_BASE] = start + STATE_QUEUES + ONE
    report[REPORT_GAP] = bids
    report[REPORT_ROWS] = resting


@device_call
def read_state(words, start, end, config, head, report):
    """Takes the header of the state that stands from ``start`` up to ``end``, and finds its rows."""
    report[REPORT_CODE] = VALID
    if end - start < EMPTY_STATE_WORDS:
        set_fault(report, STATE_LENGTH, NO_ROW, (end - start) << WORD_BYTES_SHIFT, ZERO)
        return
    place = ZERO
    while place < STATE_CONFIG_WORDS:
        if words[start + place] != config[place]:
            set_fault(report, OTHER_TERMS, place, words[start + place], config[place])
        place += ONE
    tags = words[start + STATE_TAGS]
    if tags & BYTE != ZERO:
        set_fault(report, OTHER_PHASE, NO_ROW, tags & BYTE, ZERO)
    if tags >> TRADE_SHIFT > ONE:
        set_fault(report, HEADER_UNUSED, NO_ROW, tags, ZERO)
    head[HEAD_SEQUENCE] = words[start + STATE_SEQUENCE]
    head[HEAD_CLOCK] = words[start + STATE_CLOCK]
    head[HEAD_NEXT_PRIORITY] = words[start + STATE_NEXT_PRIORITY]
    head[HEAD_HAS_TRADE] = tags >> TRADE_SHIFT
    head[HEAD_LAST_TRADE] = words[start + STATE_LAST_TRADE]
    if report[REPORT_CODE] == VALID:
        find_queues(words, start, end, report)
