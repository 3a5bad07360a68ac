"""Checks against the terms of a market: quantity, tick, notional and collar. A reason of 0 is none."""

from __future__ import annotations

from proofbook.gpu.kernels.device import device
from proofbook.gpu.kernels.layout import (
    HAS_TRADE,
    LAST_TRADE,
    TERM_COLLAR,
    TERM_HAS_COLLAR,
    TERM_HAS_NOTIONAL,
    TERM_HAS_REFERENCE,
    TERM_LOT,
    TERM_MAX_QUANTITY,
    TERM_NOTIONAL_HIGH,
    TERM_NOTIONAL_LOW,
    TERM_REFERENCE,
    TERM_TICK,
)
from proofbook.gpu.kernels.words import (
    HALF,
    LOT_SIZE,
    LOW,
    ONE,
    QUANTITY_LIMIT,
    SIGN,
    TAKEN,
    ZERO,
    ZERO_QUANTITY,
)


@device
def check_quantity(book, quantity):
    """A quantity in lots, above zero."""
    if quantity == ZERO:
        return ZERO_QUANTITY
    lot = book.terms[TERM_LOT]
    if lot != ONE and quantity % lot != ZERO:
        return LOT_SIZE
    return TAKEN


@device
def check_order_quantity(book, quantity):
    """The quantity of an order."""
    reason = check_quantity(book, quantity)
    if reason != TAKEN:
        return reason
    if quantity > book.terms[TERM_MAX_QUANTITY]:
        return QUANTITY_LIMIT
    return TAKEN


@device
def magnitude(price):
    """How far a price is from 0."""
    return price if price < SIGN else ~price + ONE


@device
def is_off_tick(book, price):
    """Whether a price is no multiple of the tick."""
    tick = book.terms[TERM_TICK]
    return tick != ONE and magnitude(price) % tick != ZERO


@device
def is_notional_too_large(book, price, quantity):
    """Whether the price's magnitude times a quantity is above the market's maximum, in 128 bits.

    The product is made of four products of halves (Knuth, The Art of Computer Programming, volume 2, section 4.3.1,
    algorithm M).
    """
    terms = book.terms
    if terms[TERM_HAS_NOTIONAL] == ZERO:
        return False
    size = magnitude(price)
    low = (size & LOW) * (quantity & LOW)
    middle = (size >> HALF) * (quantity & LOW) + (low >> HALF)
    cross = (size & LOW) * (quantity >> HALF) + (middle & LOW)
    high = (size >> HALF) * (quantity >> HALF) + (middle >> HALF) + (cross >> HALF)
    low = cross << HALF | (low & LOW)
    most = terms[TERM_NOTIONAL_HIGH]
    return high > most or (high == most and low > terms[TERM_NOTIONAL_LOW])


@device
def has_reference(book):
    """Whether there is a reference price."""
    return book.header[HAS_TRADE] != ZERO or book.terms[TERM_HAS_REFERENCE] != ZERO


@device
def reference_price(book):
    """The price of the last trade, else the one of the terms."""
    return book.header[LAST_TRADE] if book.header[HAS_TRADE] != ZERO else book.terms[TERM_REFERENCE]


@device
def collar_key(book, flip):
    """The worst opposite key that the collar lets an order trade at; 0, which is any, where there is no bound.

    In keys of the opposite side, a worse price for the incoming order is a smaller one on both sides, and the sum
    that saturates at the end of the prices is a difference that saturates at 0.
    """
    collar = book.terms[TERM_COLLAR]
    if book.terms[TERM_HAS_COLLAR] == ZERO or not has_reference(book):
        return ZERO
    key = reference_price(book) ^ flip
    return key - collar if key > collar else ZERO
