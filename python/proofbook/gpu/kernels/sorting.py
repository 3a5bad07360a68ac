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

from typing import NamedTuple

import numpy as np

from proofbook.gpu.kernels.device import device, device_call
from proofbook.gpu.kernels.faults import (
    NO_GAP,
    REPORT_BASE,
    REPORT_BIDS,
    REPORT_CODE,
    REPORT_EXTREMES,
    REPORT_GAP,
    REPORT_LEVELS,
    REPORT_ROWS,
    REPORT_SORTED,
    VALID,
)
from proofbook.gpu.kernels.layout import Words
from proofbook.gpu.kernels.states import ROW_PRICE, ROW_PRIORITY, ROW_TAGS, ROW_WORDS
from proofbook.gpu.kernels.words import HALF, ONE, SIGN, THREE, TWO, ZERO

DIGITS = 256
"""Counters of a pass of the radix sort."""

DIGIT_BITS = np.uint64(8)
DIGIT_MASK = np.uint64(DIGITS - 1)
KEY_BITS = np.uint64(64)

FEW = np.uint64(24)
"""Rows up to which insertion is faster."""

# Parts of a key, in the order in which rows are sorted by them where a key does not fit a word.
PART_PRIORITY = 0
PART_PRICE = 1
PARTS = 3

# The place of a row: its rank in price-time priority in the low half, the number of its price level above it, both
# sides in one count, the bids first; and whether it is the first or the last order at its price.
PLACE_MASK = np.uint64(0x3FFF_FFFF)
STARTS_LEVEL = np.uint64(1 << 62)
ENDS_LEVEL = np.uint64(1 << 63)

FOUR = np.uint64(4)
FIVE = np.uint64(5)


class Scratch(NamedTuple):
    """The work space of one worker: words for each row, and the counters of the radix sort."""

    keys: Words
    order: Words
    spare_keys: Words
    spare_order: Words
    counts: Words


def scratch_words(orders: int) -> int:
    """Words of work space that one worker needs for books of so many orders."""
    return 4 * orders + DIGITS


@device
def scratch_of(words):
    """The work space in an array."""
    rows = (words.shape[0] - DIGITS) // 4
    return Scratch(
        words[0:rows],
        words[rows : 2 * rows],
        words[2 * rows : 3 * rows],
        words[3 * rows : 4 * rows],
        words[4 * rows : 4 * rows + DIGITS],
    )


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
def price_of_rank(side, rank):
    """The price that has a rank."""
    return ~rank ^ (SIGN - side)


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


@device
def price_bits(report):
    """Bits of a price's rank less the smallest of its side."""
    at = REPORT_EXTREMES
    bids = report[at + ONE] - report[at] if report[at + ONE] >= report[at] else ZERO
    asks = report[at + THREE] - report[at + TWO] if report[at + THREE] >= report[at + TWO] else ZERO
    return bit_length(max(bids, asks))


@device
def priority_bits(report):
    """Bits of a priority number less the smallest."""
    return bit_length(report[REPORT_EXTREMES + FIVE] - report[REPORT_EXTREMES + FOUR])


@device_call
def make_keys(words, report, price_shift, side_shift, keys, order, worker, workers):
    """Makes the key of every ``workers``-th row, and lists the row where it stands."""
    least_bid = report[REPORT_EXTREMES]
    least_ask = report[REPORT_EXTREMES + TWO]
    least_priority = report[REPORT_EXTREMES + FOUR]
    rows = report[REPORT_ROWS]
    row = worker
    while row < rows:
        at = row_start(report, row)
        side = words[at + ROW_TAGS] & ONE
        rank = rank_of_price(side, words[at + ROW_PRICE]) - (least_ask if side != ZERO else least_bid)
        # No shift is 64: the key's last bit, of 64 at most, is the side's.
        keys[row] = (words[at + ROW_PRIORITY] - least_priority) | (rank << price_shift) | (side << side_shift)
        order[row] = row
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
def sort_many(scratch, bits, rows):
    """Sorts rows by the low ``bits`` of their keys, by digits. What is sorted ends where it was."""
    counts = scratch.counts
    from_keys, from_order = scratch.keys, scratch.order
    to_keys, to_order = scratch.spare_keys, scratch.spare_order
    shift = ZERO
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
            scratch.order[at] = scratch.spare_order[at]
            scratch.keys[at] = scratch.spare_keys[at]
            at += ONE


@device
def part_of(words, at, part):
    """One part of what decides a row's place."""
    side = words[at + ROW_TAGS] & ONE
    if part == PART_PRIORITY:
        return words[at + ROW_PRIORITY]
    return rank_of_price(side, words[at + ROW_PRICE]) if part == PART_PRICE else side


@device_call
def sort_by_parts(words, report, scratch):
    """Sorts rows whose keys do not fit a word: by the last part first."""
    rows = report[REPORT_ROWS]
    row = ZERO
    while row < rows:
        scratch.order[row] = row
        row += ONE
    for part in range(PARTS):
        at = ZERO
        while at < rows:
            scratch.keys[at] = part_of(words, row_start(report, scratch.order[at]), part)
            at += ONE
        sort_many(scratch, KEY_BITS, rows)


@device
def level_shift(report):
    """How far keys are to be shifted for one number for each price level; 64 where keys do not fit a word."""
    priority = priority_bits(report)
    return priority if ONE + price_bits(report) + priority <= KEY_BITS else KEY_BITS


@device_call
def sort_rows(words, report, scratch):
    """Sorts a book's rows, by one worker. Gives how far keys are to be shifted for one number for each price level."""
    rows = report[REPORT_ROWS]
    shift = level_shift(report)
    if shift == KEY_BITS:
        sort_by_parts(words, report, scratch)
        return shift
    bits = ONE + price_bits(report) + shift
    make_keys(words, report, shift, bits - ONE, scratch.keys, scratch.order, ZERO, ONE)
    if report[REPORT_SORTED] != ZERO:
        return shift
    if rows <= FEW:
        sort_few(scratch.keys, scratch.order, rows)
    else:
        sort_many(scratch, bits, rows)
    return shift


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


@device
def are_one_price(words, first, second):
    """Whether the rows at two places have one side and one price."""
    same_side = (words[first + ROW_TAGS] ^ words[second + ROW_TAGS]) & ONE == ZERO
    return same_side and words[first + ROW_PRICE] == words[second + ROW_PRICE]


@device
def is_level_start(words, report, keys, order, shift, rank):
    """Whether the row of a rank is the first at its price."""
    if rank == ZERO:
        return True
    if shift == KEY_BITS:
        return not are_one_price(words, row_start(report, order[rank - ONE]), row_start(report, order[rank]))
    return (keys[rank] >> shift) != (keys[rank - ONE] >> shift)


@device_call
def count_starts(words, report, keys, order, shift, begin, end):
    """How many price levels start at ranks from ``begin`` to before ``end``."""
    count = ZERO
    rank = begin
    while rank < end:
        if is_level_start(words, report, keys, order, shift, rank):
            count += ONE
        rank += ONE
    return count


@device_call
def place_rows(words, report, keys, order, shift, begin, end, started, places):
    """Writes the places of the rows of ranks from ``begin`` to before ``end``; ``started`` levels start before.

    What comes to the rank of the first ask, or to the end, knows how many levels the bids have, or both sides.
    """
    rows = report[REPORT_ROWS]
    bids = report[REPORT_BIDS]
    starts = begin < end and is_level_start(words, report, keys, order, shift, begin)
    rank = begin
    while rank < end:
        if rank == bids:
            report[REPORT_LEVELS] = started
        if starts:
            started += ONE
        place = rank | (started - ONE) << HALF | (STARTS_LEVEL if starts else ZERO)
        starts = rank + ONE == rows or is_level_start(words, report, keys, order, shift, rank + ONE)
        places[order[rank]] = place | (ENDS_LEVEL if starts else ZERO)
        rank += ONE
    if end == rows:
        report[REPORT_LEVELS + ONE] = started


@device
def split_levels(report):
    """Makes the asks' number of levels of the number of all."""
    if report[REPORT_BIDS] == report[REPORT_ROWS]:
        report[REPORT_LEVELS] = report[REPORT_LEVELS + ONE]
    report[REPORT_LEVELS + ONE] -= report[REPORT_LEVELS]
