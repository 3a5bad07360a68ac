"""Orders into price-time priority: a radix sort for one worker, a bitonic network for a group of them.

Orders are rows of words as a state has them. No row is moved: what is sorted is a list of row numbers, by a key of
one word in which the side comes first (bids before asks), then the price (bids highest first, asks lowest first),
then the priority number, each less the smallest of its book. So one sort gives both queues, and two equal keys are
two orders of one price and priority.

The radix sort takes eight bits of the keys at a time, from the low end, and needs as many passes as keys have bytes
(Knuth, The Art of Computer Programming, volume 3, section 5.2.5). It is stable; so rows whose key does not fit a
word, which are far apart in price and in priority, are sorted by priority first and by side and price then. The
network is Batcher's (Sorting networks and their applications, 1968) in the form in which each merge starts with
mirrored pairs: every comparison puts the smaller key first, so that any number of rows is sorted without padding.
Pairs of one step share no row; between steps the group waits for its slowest worker.
"""

from __future__ import annotations

import numpy as np

from proofbook.gpu.kernels.device import device, device_call
from proofbook.gpu.kernels.faults import NO_GAP, REPORT_BASE, REPORT_CODE, REPORT_GAP, REPORT_ROWS, VALID
from proofbook.gpu.kernels.states import ROW_PRICE, ROW_PRIORITY, ROW_TAGS, ROW_WORDS
from proofbook.gpu.kernels.words import ONE, SIGN, TWO, WORD_MAX, ZERO

DIGITS = 256
"""Counters of a pass of the radix sort."""

EXTREMES = 6
"""Words of the extremes of a book's rows."""


def scratch_words(orders: int) -> int:
    """Words of work space that one worker needs to sort the rows of books of so many orders."""
    return 3 * orders + DIGITS + EXTREMES


DIGIT_BITS = np.uint64(8)
DIGIT_MASK = np.uint64(DIGITS - 1)
KEY_BITS = np.uint64(64)

FEW = np.uint64(24)
"""Rows up to which insertion is faster."""

# Parts of a key, in the order in which rows are sorted by them where a key does not fit a word.
PART_PRIORITY = 0
PART_PRICE = 1
PARTS = 3


@device
def row_start(report, row):
    """The place of a row's first word."""
    gap = ONE if row >= report[REPORT_GAP] else ZERO
    return report[REPORT_BASE] + row * ROW_WORDS + gap


@device
def span_rows(first, last, report):
    """Says in a report that the book's rows are plain rows from ``first`` to before ``last``."""
    report[REPORT_CODE] = VALID
    report[REPORT_BASE] = first * ROW_WORDS
    report[REPORT_GAP] = NO_GAP
    report[REPORT_ROWS] = last - first


@device
def rank_of_price(side, price):
    """A word that is the smaller, the better the price is on its side: the complement of a level's key."""
    return ~(price ^ (SIGN - side))


@device
def bit_length(value):
    """How many bits a word needs; 0 for 0."""
    bits = ZERO
    while value != ZERO:
        value >>= ONE
        bits += ONE
    return bits


@device
def comes_after(words, first, second):
    """Whether the row at place ``first`` comes after that at ``second``: by side, price, priority number."""
    side = words[first + ROW_TAGS] & ONE
    other = words[second + ROW_TAGS] & ONE
    if side != other:
        return side > other
    rank = rank_of_price(side, words[first + ROW_PRICE])
    other_rank = rank_of_price(other, words[second + ROW_PRICE])
    if rank != other_rank:
        return rank > other_rank
    return words[first + ROW_PRIORITY] > words[second + ROW_PRIORITY]


@device_call
def start_order(words, report, order, worker, workers):
    """Lists every ``workers``-th row where it stands. Gives whether each of these comes behind the one before it."""
    are_sorted = True
    row = worker
    while row < report[REPORT_ROWS]:
        order[row] = row
        if row != ZERO and comes_after(words, row_start(report, row - ONE), row_start(report, row)):
            are_sorted = False
        row += workers
    return are_sorted


@device
def find_extremes(words, report, extremes, worker, workers):
    """Finds, in every ``workers``-th row, least and most of bids' price ranks, of asks', of priority numbers."""
    for place in range(0, EXTREMES, 2):
        extremes[place] = WORD_MAX
        extremes[place + 1] = ZERO
    row = worker
    while row < report[REPORT_ROWS]:
        at = row_start(report, row)
        side = words[at + ROW_TAGS] & ONE
        rank = rank_of_price(side, words[at + ROW_PRICE])
        priority = words[at + ROW_PRIORITY]
        low = TWO * side
        extremes[low] = min(extremes[low], rank)
        extremes[low + ONE] = max(extremes[low + ONE], rank)
        extremes[4] = min(extremes[4], priority)
        extremes[5] = max(extremes[5], priority)
        row += workers


@device_call
def merge_extremes(extremes, found):
    """The extremes of all workers' rows, from those of each."""
    for at in range(0, EXTREMES, 2):
        low = WORD_MAX
        high = ZERO
        for worker in range(found.shape[0]):
            low = min(low, found[worker, at])
            high = max(high, found[worker, at + 1])
        extremes[at] = low
        extremes[at + 1] = high


@device
def price_bits(extremes):
    """Bits of a price's rank less the smallest of its side."""
    bids = extremes[1] - extremes[0] if extremes[1] >= extremes[0] else ZERO
    asks = extremes[3] - extremes[2] if extremes[3] >= extremes[2] else ZERO
    return bit_length(max(bids, asks))


@device
def priority_bits(extremes):
    """Bits of a priority number less the smallest."""
    return bit_length(extremes[5] - extremes[4])


@device
def key_bits(extremes):
    """Bits of a row's key."""
    return ONE + price_bits(extremes) + priority_bits(extremes)


@device
def key_of(words, at, extremes, price_shift, side_shift):
    """The key of the row at a place, where it fits one word."""
    side = words[at + ROW_TAGS] & ONE
    rank = rank_of_price(side, words[at + ROW_PRICE]) - extremes[TWO * side]
    # No shift is 64: the key's last bit, of 64 at most, is the side's.
    return (words[at + ROW_PRIORITY] - extremes[4]) | (rank << price_shift) | (side << side_shift)


@device
def make_keys(words, report, extremes, bits, keys, worker, workers):
    """Makes the key of every ``workers``-th row."""
    price_shift = priority_bits(extremes)
    row = worker
    while row < report[REPORT_ROWS]:
        keys[row] = key_of(words, row_start(report, row), extremes, price_shift, bits - ONE)
        row += workers


@device_call
def sort_few(keys, order, rows):
    """Sorts rows by their keys, by insertion."""
    place = ONE
    while place < rows:
        key = keys[place]
        row = order[place]
        hole = place
        while hole > ZERO and keys[hole - ONE] > key:
            keys[hole] = keys[hole - ONE]
            order[hole] = order[hole - ONE]
            hole -= ONE
        keys[hole] = key
        order[hole] = row
        place += ONE


@device_call
def sort_many(keys, order, spare_keys, spare_order, counts, bits, rows):
    """Sorts rows by the low ``bits`` of their keys, by digits. What is sorted ends where it was."""
    shift = ZERO
    from_keys, from_order, to_keys, to_order = keys, order, spare_keys, spare_order
    while shift < bits:
        for place in range(DIGITS):
            counts[place] = ZERO
        at = ZERO
        while at < rows:
            counts[(from_keys[at] >> shift) & DIGIT_MASK] += ONE
            at += ONE
        before = ZERO
        for place in range(DIGITS):
            count = counts[place]
            counts[place] = before
            before += count
        at = ZERO
        while at < rows:
            key = from_keys[at]
            digit = (key >> shift) & DIGIT_MASK
            target = counts[digit]
            counts[digit] = target + ONE
            to_keys[target] = key
            to_order[target] = from_order[at]
            at += ONE
        from_keys, from_order, to_keys, to_order = to_keys, to_order, from_keys, from_order
        shift += DIGIT_BITS
    if (shift // DIGIT_BITS) & ONE != ZERO:
        at = ZERO
        while at < rows:
            order[at] = spare_order[at]
            at += ONE


@device
def part_of(words, at, extremes, part):
    """One part of a row's key."""
    side = words[at + ROW_TAGS] & ONE
    if part == PART_PRIORITY:
        return words[at + ROW_PRIORITY] - extremes[4]
    if part == PART_PRICE:
        return rank_of_price(side, words[at + ROW_PRICE]) - extremes[TWO * side]
    return side


@device
def copy_words(source, target, count, worker, workers):
    """Copies every ``workers``-th of so many words."""
    at = worker
    while at < count:
        target[at] = source[at]
        at += workers


@device_call
def sort_by_parts(words, report, extremes, keys, order, spare_keys, spare_order, counts):
    """Sorts rows whose keys do not fit a word: by the last part first."""
    rows = report[REPORT_ROWS]
    for part in range(PARTS):
        at = ZERO
        while at < rows:
            keys[at] = part_of(words, row_start(report, order[at]), extremes, part)
            at += ONE
        sort_many(keys, order, spare_keys, spare_order, counts, KEY_BITS, rows)


@device_call
def sort_rows(words, report, extremes, keys, order, spare_keys, spare_order, counts):
    """Makes ``order`` the list of a book's rows in price-time priority, by one worker."""
    rows = report[REPORT_ROWS]
    if start_order(words, report, order, ZERO, ONE):
        return
    find_extremes(words, report, extremes, ZERO, ONE)
    bits = key_bits(extremes)
    if bits > KEY_BITS:
        sort_by_parts(words, report, extremes, keys, order, spare_keys, spare_order, counts)
        return
    make_keys(words, report, extremes, bits, keys, ZERO, ONE)
    if rows <= FEW:
        sort_few(keys, order, rows)
    else:
        sort_many(keys, order, spare_keys, spare_order, counts, bits, rows)


@device
def compare_pairs(keys, order, rows, distance, worker, workers):
    """One step of the network: of two places that differ by these bits, the first gets the smaller key, with its row.

    A merge into blocks of n starts with the bits n - 1, which are mirrored pairs, and goes on with n / 4 down to 1.
    """
    place = worker
    while place < rows:
        other = place ^ distance
        if other > place and other < rows and keys[place] > keys[other]:
            keys[place], keys[other] = keys[other], keys[place]
            order[place], order[other] = order[other], order[place]
        place += workers
