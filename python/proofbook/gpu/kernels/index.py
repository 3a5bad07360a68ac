"""The index of a book: from an order's id to its slot.

Open addressing with linear probing. An entry holds the upper half of the hash and the slot plus one, 0 is empty; so a
search looks at orders only where half the hash agrees. What is taken out leaves no mark: entries behind it move up
(backward shift deletion; Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithm R). At most half of
the places are taken, so every walk ends.
"""

from __future__ import annotations

import numpy as np

from proofbook.gpu.kernels.device import device
from proofbook.gpu.kernels.layout import DIGEST_FACTOR, NO_PLACE, ORDER_ID, TERM_INDEX_SHIFT
from proofbook.gpu.kernels.words import HALF, HIGH, LOW, ONE, THREE, ZERO


@device
def hash_of(order_id):
    """The hash of an id: Fibonacci hashing, with the upper half folded in first so that it counts too."""
    return (order_id ^ (order_id >> HALF)) * DIGEST_FACTOR


@device
def slot_at(book, place):
    """The order slot that the entry at a place names."""
    return (book.entries[place] & LOW) - ONE


@device
def find(book, order_id):
    """The place of a live order's entry; ``NO_PLACE`` where no live order has the id."""
    entries = book.entries
    mask = np.uint64(entries.shape[0]) - ONE
    hashed = hash_of(order_id)
    place = hashed >> book.terms[TERM_INDEX_SHIFT]
    entry = entries[place]
    while entry != ZERO:
        if (entry ^ hashed) <= LOW and book.orders[(((entry & LOW) - ONE) << THREE) + ORDER_ID] == order_id:
            return place
        place = (place + ONE) & mask
        entry = entries[place]
    return NO_PLACE


@device
def place_of_slot(book, order_id, slot):
    """The place of the entry of a live order whose slot is known."""
    entries = book.entries
    mask = np.uint64(entries.shape[0]) - ONE
    place = hash_of(order_id) >> book.terms[TERM_INDEX_SHIFT]
    while (entries[place] & LOW) != slot + ONE:
        place = (place + ONE) & mask
    return place


@device
def enter_index(book, order_id, slot):
    """Adds an order whose id no live order has."""
    entries = book.entries
    mask = np.uint64(entries.shape[0]) - ONE
    hashed = hash_of(order_id)
    place = hashed >> book.terms[TERM_INDEX_SHIFT]
    while entries[place] != ZERO:
        place = (place + ONE) & mask
    entries[place] = (hashed & HIGH) | (slot + ONE)


@device
def leave_index(book, place):
    """Takes the entry at a place out."""
    entries = book.entries
    mask = np.uint64(entries.shape[0]) - ONE
    shift = book.terms[TERM_INDEX_SHIFT]
    hole = place
    place = (place + ONE) & mask
    entry = entries[place]
    while entry != ZERO:
        # An entry may move to the hole unless the place where its own search starts lies behind the hole.
        if ((place - (entry >> shift)) & mask) >= ((place - hole) & mask):
            entries[hole] = entry
            hole = place
        place = (place + ONE) & mask
        entry = entries[place]
    entries[hole] = ZERO
