"""What a book says: its events in the words of ``Event::encode``, as much of them as the mode keeps.

``KEEP`` is a constant of the compiled kernel. ``KEEP_NONE`` leaves nothing of events but their number,
``KEEP_DIGEST`` folds them into the book's event digest, ``KEEP_ALL`` writes them to the step's array too. Events
beyond its length are counted as lost; the digest has them all the same.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from proofbook.gpu.kernels.device import device
from proofbook.gpu.kernels.layout import (
    DIGEST_FACTOR,
    EVENT_DIGEST,
    EVENTS,
    EVENTS_LOST,
    STEP_EVENTS,
    TRADED_QUANTITY,
    TRADES,
)
from proofbook.gpu.kernels.words import (
    ACCEPTED,
    CANCELLED,
    HALF,
    HAS_PRICE,
    ONE,
    PLACED,
    REASON_SHIFT,
    REDUCED,
    REJECTED,
    REPLACED,
    SIDE_SHIFT,
    TRADE,
    WORD_MAX,
    ZERO,
)

KEEP_NONE: Final = 0
KEEP_DIGEST: Final = 1
KEEP_ALL: Final = 2

KEEP = KEEP_ALL
"""What is kept; the compiler is told which."""


@device
def fold(digest, word):
    """The event digest with one more word."""
    digest = (digest ^ word) * DIGEST_FACTOR
    return digest ^ (digest >> HALF)


@device
def emit(book, tags, order_id, other_id, price, quantity, open_quantity, priority):
    """Takes one event."""
    header = book.header
    header[EVENTS] += ONE
    if KEEP >= KEEP_DIGEST:
        digest = fold(fold(fold(header[EVENT_DIGEST], tags), order_id), other_id)
        header[EVENT_DIGEST] = fold(fold(fold(fold(digest, price), quantity), open_quantity), priority)
    if KEEP >= KEEP_ALL:
        at = header[STEP_EVENTS]
        if at < np.uint64(book.events.shape[0]):
            book.events[at, 0] = tags
            book.events[at, 1] = order_id
            book.events[at, 2] = other_id
            book.events[at, 3] = price
            book.events[at, 4] = quantity
            book.events[at, 5] = open_quantity
            book.events[at, 6] = priority
            header[STEP_EVENTS] = at + ONE
        else:
            header[EVENTS_LOST] += ONE


@device
def emit_accepted(book, order_id, account, side, has_price, price, quantity):
    """A new order passed every check."""
    emit(book, ACCEPTED | side << SIDE_SHIFT | has_price, order_id, account, price, quantity, ZERO, ZERO)


@device
def emit_rejected(book, has_order_id, order_id, reason):
    """A command changed nothing but the clock and the sequence."""
    emit(book, REJECTED | reason << REASON_SHIFT | has_order_id, order_id, ZERO, ZERO, ZERO, ZERO, ZERO)


@device
def emit_placed(book, order_id, side, price, quantity, priority):
    """An order took the last place at its price."""
    emit(book, PLACED | side << SIDE_SHIFT | HAS_PRICE, order_id, ZERO, price, quantity, ZERO, priority)


@device
def emit_trade(book, maker_id, taker_id, taker_side, price, quantity, maker_open):
    """Two orders traded."""
    header = book.header
    header[TRADES] += ONE
    traded = header[TRADED_QUANTITY] + quantity
    header[TRADED_QUANTITY] = traded if traded >= quantity else WORD_MAX
    emit(book, TRADE | taker_side << SIDE_SHIFT | HAS_PRICE, maker_id, taker_id, price, quantity, maker_open, ZERO)


@device
def emit_reduced(book, order_id, quantity, open_quantity, reason):
    """An order was lowered and keeps its place."""
    emit(book, REDUCED | reason << REASON_SHIFT, order_id, ZERO, ZERO, quantity, open_quantity, ZERO)


@device
def emit_cancelled(book, order_id, side, has_price, price, quantity, reason):
    """What was left of an order is gone."""
    tags = CANCELLED | side << SIDE_SHIFT | reason << REASON_SHIFT | has_price
    emit(book, tags, order_id, ZERO, price, quantity, ZERO, ZERO)


@device
def emit_replaced(book, order_id, side, price, quantity, kept):
    """A replace was taken; ``kept`` is the flag of a kept priority, or 0."""
    emit(book, REPLACED | side << SIDE_SHIFT | HAS_PRICE | kept, order_id, ZERO, price, quantity, ZERO, ZERO)
