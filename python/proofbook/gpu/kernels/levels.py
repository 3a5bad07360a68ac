"""The price levels of a book: keys in ascending order, and for each key the record of its queue.

The best level stands last, so that a level that comes or goes near the touch moves few others, and one that is traded
away moves none. The array of records holds the free records of a side behind those in use: a new level takes the
first of them and a closed one goes back there.
"""

from __future__ import annotations

from proofbook.gpu.kernels.book import level_count
from proofbook.gpu.kernels.device import device
from proofbook.gpu.kernels.layout import (
    LEVEL_HEAD,
    LEVEL_ORDERS,
    LEVEL_QUANTITY,
    LEVEL_TAIL,
    LEVELS_BUY,
    NO_SLOT,
    ORDER_LINKS,
    TERM_LEVELS,
)
from proofbook.gpu.kernels.words import HALF, HIGH, LOW, ONE, THREE, TWO, ZERO


@device
def level_start(book, side):
    """Where the keys and records of a side start."""
    return side * book.terms[TERM_LEVELS]


@device
def search(book, side, key):
    """The first place of a side whose key is not below ``key``; one past the last where there is none."""
    keys = book.keys
    left = level_start(book, side)
    count = level_count(book, side)
    while count != ZERO:
        half = count >> ONE
        is_below = keys[left + half] < key
        left = left + half + ONE if is_below else left
        count = count - half - ONE if is_below else half
    return left


@device
def has_level(book, side, key):
    """Whether a side has a level with this key."""
    at = search(book, side, key)
    return at < level_start(book, side) + level_count(book, side) and book.keys[at] == key


@device
def open_level(book, side, key, at, slot, quantity):
    """A new level at a place, with one order. Gives its record."""
    keys = book.keys
    slots = book.slots
    count = level_count(book, side)
    book.header[LEVELS_BUY + side] = count + ONE
    end = level_start(book, side) + count
    record = slots[end]
    while end > at:
        keys[end] = keys[end - ONE]
        slots[end] = slots[end - ONE]
        end -= ONE
    keys[at] = key
    slots[at] = record
    base = record << TWO
    book.records[base + LEVEL_HEAD] = slot
    book.records[base + LEVEL_TAIL] = slot
    book.records[base + LEVEL_ORDERS] = ONE
    book.records[base + LEVEL_QUANTITY] = quantity
    book.orders[(slot << THREE) + ORDER_LINKS] = NO_SLOT << HALF | NO_SLOT
    return record


@device
def join_level(book, side, key, slot, quantity):
    """Puts an order last at its price. Gives the level's record."""
    at = search(book, side, key)
    if at == level_start(book, side) + level_count(book, side) or book.keys[at] != key:
        return open_level(book, side, key, at, slot, quantity)
    record = book.slots[at]
    base = record << TWO
    tail = book.records[base + LEVEL_TAIL]
    before = (tail << THREE) + ORDER_LINKS
    book.orders[before] = (book.orders[before] & HIGH) | slot
    book.orders[(slot << THREE) + ORDER_LINKS] = tail << HALF | NO_SLOT
    book.records[base + LEVEL_TAIL] = slot
    book.records[base + LEVEL_ORDERS] += ONE
    book.records[base + LEVEL_QUANTITY] += quantity
    return record


@device
def close_level(book, side, key):
    """Takes out the level with this key, which has no order left."""
    keys = book.keys
    slots = book.slots
    at = search(book, side, key)
    record = slots[at]
    count = level_count(book, side) - ONE
    book.header[LEVELS_BUY + side] = count
    end = level_start(book, side) + count
    while at < end:
        keys[at] = keys[at + ONE]
        slots[at] = slots[at + ONE]
        at += ONE
    slots[end] = record


@device
def leave_level(book, side, key, record, slot, quantity):
    """Takes an order with so much open out of its queue; its level goes with its last order."""
    orders = book.orders
    base = record << TWO
    left = book.records[base + LEVEL_ORDERS] - ONE
    if left == ZERO:
        close_level(book, side, key)
        return
    links = orders[(slot << THREE) + ORDER_LINKS]
    behind = links & LOW
    before = links >> HALF
    if before == NO_SLOT:
        book.records[base + LEVEL_HEAD] = behind
    else:
        at = (before << THREE) + ORDER_LINKS
        orders[at] = (orders[at] & HIGH) | behind
    if behind == NO_SLOT:
        book.records[base + LEVEL_TAIL] = before
    else:
        at = (behind << THREE) + ORDER_LINKS
        orders[at] = (orders[at] & LOW) | before << HALF
    book.records[base + LEVEL_ORDERS] = left
    book.records[base + LEVEL_QUANTITY] -= quantity


@device
def leave_best(book, side, record, slot, quantity):
    """Takes the first order of the best level out, which had so much open: no other level moves."""
    orders = book.orders
    base = record << TWO
    left = book.records[base + LEVEL_ORDERS] - ONE
    if left == ZERO:
        book.header[LEVELS_BUY + side] -= ONE
        return
    behind = orders[(slot << THREE) + ORDER_LINKS] & LOW
    at = (behind << THREE) + ORDER_LINKS
    orders[at] |= HIGH
    book.records[base + LEVEL_HEAD] = behind
    book.records[base + LEVEL_ORDERS] = left
    book.records[base + LEVEL_QUANTITY] -= quantity
