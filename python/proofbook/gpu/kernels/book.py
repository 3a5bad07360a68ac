"""One book of a pool, as kernels see it: its parts as flat arrays, with the terms and events of its market.

Sources of kernels are compiled by numba, so they are written in what numba-cuda knows: words, arrays and named tuples
of arrays. They have no annotations, since a type checker knows neither numba's types nor its rules of arithmetic.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from proofbook.gpu.kernels.device import device, device_call
from proofbook.gpu.kernels.layout import (
    DIGEST_START,
    EVENT_DIGEST,
    HEADER_WORDS,
    LEVELS_BUY,
    NEXT_PRIORITY,
    NO_SLOT,
    ORDER_LINKS,
    TERM_INDEX_WORDS,
    TERM_LEVELS,
    TERM_ORDERS,
    Words,
)
from proofbook.gpu.kernels.words import ONE, SIGN, THREE, TWO, ZERO


class Book(NamedTuple):
    """The parts of one book, which ``layout`` describes, flat."""

    terms: Words
    header: Words
    keys: Words
    slots: Words
    records: Words
    entries: Words
    """The index; a tuple has a method of that name."""
    orders: Words
    events: Words
    """[capacity, 7], of any length where events are not kept."""


@device
def book_of(row, terms, events):
    """The book in one row of a pool."""
    levels = np.int64(terms[TERM_LEVELS])
    side_words = (2 * levels + 7) // 8 * 8
    slots = HEADER_WORDS + side_words
    records = slots + side_words
    index = records + 8 * levels
    orders = index + np.int64(terms[TERM_INDEX_WORDS])
    end = orders + 8 * np.int64(terms[TERM_ORDERS])
    return Book(
        terms,
        row[0:HEADER_WORDS],
        row[HEADER_WORDS:slots],
        row[slots:records],
        row[records:index],
        row[index:orders],
        row[orders:end],
        events,
    )


@device_call
def clear_book(book):
    """Makes an empty book of whatever was there."""
    for field in range(HEADER_WORDS):
        book.header[field] = ZERO
    book.header[NEXT_PRIORITY] = ONE
    book.header[EVENT_DIGEST] = DIGEST_START
    # The records of a side's levels: all free, in the order in which they stand.
    count = TWO * book.terms[TERM_LEVELS]
    at = ZERO
    while at < count:
        book.keys[at] = ZERO
        book.slots[at] = at
        at += ONE
    at = ZERO
    while at < book.terms[TERM_INDEX_WORDS]:
        book.entries[at] = ZERO
        at += ONE
    last = book.terms[TERM_ORDERS] - ONE
    slot = ZERO
    while slot <= last:
        book.orders[(slot << THREE) + ORDER_LINKS] = NO_SLOT if slot == last else slot + ONE
        slot += ONE


@device
def flip_of(side):
    """What makes a key of a price of this side's queue, and a price of a key, by exclusive or."""
    return SIGN - side


@device
def level_count(book, side):
    """Number of price levels of a side."""
    return book.header[LEVELS_BUY + side]
