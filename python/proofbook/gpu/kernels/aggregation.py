"""What is to be seen of books: their depth, a row of statistics for each, and what is added up over all of them.

Everything is integers, and no result depends on how many workers there were or in which order they came: sums are
exact, in 128 bits. A book's statistics are one row of words, which ``STATISTICS`` names. The totals of a statistic
over books are five words: how many books have it, its sum in two words, the smallest and the largest. Totals of some
of the books merge into totals of all, in any order, so they are reduced as a tree.
"""

from __future__ import annotations

import numpy as np

from proofbook.gpu.kernels.book import book_of, flip_of, level_count
from proofbook.gpu.kernels.device import device, device_call
from proofbook.gpu.kernels.layout import (
    CLOCK,
    EVENTS,
    HAS_TRADE,
    LAST_TRADE,
    LEVEL_ORDERS,
    LEVEL_QUANTITY,
    LIVE_ORDERS,
    OPEN_BUY,
    OPEN_SELL,
    SEQUENCE,
    TERM_LEVELS,
)
from proofbook.gpu.kernels.words import ONE, SIGN, TWO, WORD_MAX, ZERO

MILLION = np.uint64(1_000_000)
BALANCE_END = np.uint64(1 << 43)
"""Quantities are halved until they are below this before the imbalance is taken: a million of them fits a word."""


STATISTICS = (
    "sequence",
    "clock",
    "live_orders",
    "bid_levels",
    "ask_levels",
    "bid_price",
    "ask_price",
    "bid_quantity",
    "ask_quantity",
    "spread",
    "open_buy",
    "open_sell",
    "imbalance",
    "has_trade",
    "last_trade",
    "events",
    "trades",
    "traded_quantity",
    "rejects",
    "capacity_rejects",
    "unsupported",
    "events_lost",
)
"""The words of a book's statistics.

``sequence`` counts commands. ``bid_quantity`` is open at the best bid, ``open_buy`` in all bids. ``spread`` is the
best ask less the best bid. ``imbalance`` is (buys - sells) / (buys + sells) of all open quantities, in millionths,
towards zero. What a book does not have is 0: prices and quantities of an empty side, the spread with it, the
imbalance of nothing, the last trade before the first.
"""

SIGNED = ("bid_price", "ask_price", "imbalance", "last_trade")
"""Statistics in two's complement."""

STATISTICS_WORDS = len(STATISTICS)

AT_SEQUENCE = np.uint64(STATISTICS.index("sequence"))
AT_CLOCK = np.uint64(STATISTICS.index("clock"))
AT_LIVE_ORDERS = np.uint64(STATISTICS.index("live_orders"))
AT_LEVELS = np.uint64(STATISTICS.index("bid_levels"))
"""Of bids; that of asks follows. The same holds for price and quantity."""
AT_PRICE = np.uint64(STATISTICS.index("bid_price"))
AT_QUANTITY = np.uint64(STATISTICS.index("bid_quantity"))
AT_SPREAD = np.uint64(STATISTICS.index("spread"))
AT_OPEN = np.uint64(STATISTICS.index("open_buy"))
AT_IMBALANCE = np.uint64(STATISTICS.index("imbalance"))
AT_HAS_TRADE = np.uint64(STATISTICS.index("has_trade"))
AT_LAST_TRADE = np.uint64(STATISTICS.index("last_trade"))
AT_EVENTS = np.uint64(STATISTICS.index("events"))

COUNTERS = np.uint64(STATISTICS_WORDS) - AT_EVENTS

TOTAL_WORDS = 5
# The words of totals.
TOTAL_COUNT = np.uint64(0)
TOTAL_LOW = np.uint64(1)
TOTAL_HIGH = np.uint64(2)
TOTAL_SMALLEST = np.uint64(3)
TOTAL_LARGEST = np.uint64(4)


@device
def price_at(book, side, level):
    """The price of a side's level, by its place among the keys."""
    return book.keys[side * book.terms[TERM_LEVELS] + level] ^ flip_of(side)


@device
def record_at(book, side, level):
    """Where the record of a side's level starts."""
    return book.slots[side * book.terms[TERM_LEVELS] + level] << TWO


@device
def fill_depth(row, terms, events, side, prices, quantities, orders):
    """Writes the best levels of a side, the best first, as many as the arrays take; behind the last, zeros."""
    book = book_of(row, terms, events)
    count = level_count(book, side)
    shown = np.uint64(prices.shape[0])
    rank = ZERO
    while rank < shown:
        if rank < count:
            level = count - ONE - rank
            record = record_at(book, side, level)
            prices[rank] = price_at(book, side, level)
            quantities[rank] = book.records[record + LEVEL_QUANTITY]
            orders[rank] = book.records[record + LEVEL_ORDERS]
        else:
            prices[rank] = ZERO
            quantities[rank] = ZERO
            orders[rank] = ZERO
        rank += ONE


@device_call
def imbalance_of(buys, sells):
    """The imbalance of two quantities in millionths, towards zero, in two's complement."""
    while (buys | sells) >= BALANCE_END:
        buys >>= ONE
        sells >>= ONE
    total = buys + sells
    if total == ZERO:
        return ZERO
    if buys >= sells:
        return (buys - sells) * MILLION // total
    return ZERO - (sells - buys) * MILLION // total


@device
def fill_side(book, side, out):
    """Writes a side's number of levels, its best price and the quantity there. Gives the price."""
    count = level_count(book, side)
    price = ZERO
    quantity = ZERO
    if count != ZERO:
        price = price_at(book, side, count - ONE)
        quantity = book.records[record_at(book, side, count - ONE) + LEVEL_QUANTITY]
    out[AT_LEVELS + side] = count
    out[AT_PRICE + side] = price
    out[AT_QUANTITY + side] = quantity
    return price


@device_call
def fill_statistics(row, terms, events, out):
    """Writes a book's statistics."""
    book = book_of(row, terms, events)
    header = book.header
    bid = fill_side(book, ZERO, out)
    ask = fill_side(book, ONE, out)
    has_both = out[AT_LEVELS] != ZERO and out[AT_LEVELS + ONE] != ZERO
    out[AT_SEQUENCE] = header[SEQUENCE]
    out[AT_CLOCK] = header[CLOCK]
    out[AT_LIVE_ORDERS] = header[LIVE_ORDERS]
    # A book that is not crossed has an ask above its bid, so the difference fits a word whatever their signs.
    out[AT_SPREAD] = ask - bid if has_both else ZERO
    out[AT_OPEN] = header[OPEN_BUY]
    out[AT_OPEN + ONE] = header[OPEN_SELL]
    out[AT_IMBALANCE] = imbalance_of(header[OPEN_BUY], header[OPEN_SELL])
    out[AT_HAS_TRADE] = header[HAS_TRADE]
    out[AT_LAST_TRADE] = header[LAST_TRADE]
    # The counters stand in the header in the same order.
    at = ZERO
    while at < COUNTERS:
        out[AT_EVENTS + at] = header[EVENTS + at]
        at += ONE


@device
def has_statistic(statistics, book, column):
    """Whether a book has the statistic of a column at all."""
    if column == AT_PRICE or column == AT_PRICE + ONE:
        return statistics[book, column - TWO] != ZERO
    if column == AT_SPREAD:
        return statistics[book, AT_LEVELS] != ZERO and statistics[book, AT_LEVELS + ONE] != ZERO
    if column == AT_IMBALANCE:
        return (statistics[book, AT_OPEN] | statistics[book, AT_OPEN + ONE]) != ZERO
    return column != AT_LAST_TRADE or statistics[book, AT_HAS_TRADE] != ZERO


@device
def is_signed(column):
    """Whether a statistic is one in two's complement: a price or the imbalance."""
    return (column >= AT_PRICE and column <= AT_PRICE + ONE) or column in (AT_IMBALANCE, AT_LAST_TRADE)


@device
def rank_of(statistics, book, column):
    """The statistic as a word that is the larger, the larger it is: signed ones have their sign bit flipped."""
    value = statistics[book, column]
    return value ^ SIGN if is_signed(column) else value


@device
def merge_total(total, other):
    """Takes other books' total into a total."""
    low = total[TOTAL_LOW] + other[TOTAL_LOW]
    carry = ONE if low < other[TOTAL_LOW] else ZERO
    total[TOTAL_COUNT] += other[TOTAL_COUNT]
    total[TOTAL_LOW] = low
    total[TOTAL_HIGH] += other[TOTAL_HIGH] + carry
    total[TOTAL_SMALLEST] = min(total[TOTAL_SMALLEST], other[TOTAL_SMALLEST])
    total[TOTAL_LARGEST] = max(total[TOTAL_LARGEST], other[TOTAL_LARGEST])


@device
def add_books(statistics, column, first, step, end, total):
    """Makes the total of a column over every ``step``-th book from ``first`` on, up to ``end``."""
    count = ZERO
    low = ZERO
    high = ZERO
    smallest = WORD_MAX
    largest = ZERO
    book = first
    while book < end:
        if has_statistic(statistics, book, column):
            value = rank_of(statistics, book, column)
            count += ONE
            low += value
            high += ONE if low < value else ZERO
            smallest = min(smallest, value)
            largest = max(largest, value)
        book += step
    total[TOTAL_COUNT] = count
    total[TOTAL_LOW] = low
    total[TOTAL_HIGH] = high
    total[TOTAL_SMALLEST] = smallest
    total[TOTAL_LARGEST] = largest


@device
def bin_of(edges, value):
    """How many of the ascending edges are not above the value."""
    low = ZERO
    high = np.uint64(edges.shape[0])
    while low < high:
        middle = (low + high) >> ONE
        if edges[middle] <= value:
            low = middle + ONE
        else:
            high = middle
    return low
