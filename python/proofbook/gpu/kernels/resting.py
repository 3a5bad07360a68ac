"""Orders that rest: how one is placed, lowered and taken out, with everything that counts it."""

from __future__ import annotations

from proofbook.gpu.kernels.book import flip_of
from proofbook.gpu.kernels.device import device
from proofbook.gpu.kernels.events import emit_cancelled, emit_placed
from proofbook.gpu.kernels.index import enter_index, leave_index, place_of_slot
from proofbook.gpu.kernels.layout import (
    FREE_SLOT,
    LEVEL_QUANTITY,
    LIVE_ORDERS,
    NEXT_PRIORITY,
    OPEN_BUY,
    ORDER_ACCOUNT,
    ORDER_FILLED,
    ORDER_ID,
    ORDER_LINKS,
    ORDER_OPEN,
    ORDER_PRICE,
    ORDER_PRIORITY,
    ORDER_TAGS,
)
from proofbook.gpu.kernels.levels import join_level, leave_level
from proofbook.gpu.kernels.words import HALF, HAS_PRICE, LOW, ONE, THREE, TWO


@device
def place(book, order_id, account, tags, price, open_quantity, filled):
    """Puts an order last at its limit price. There is a free slot, and a level or room for one."""
    header = book.header
    orders = book.orders
    side = tags & ONE
    priority = header[NEXT_PRIORITY]
    header[NEXT_PRIORITY] = priority + ONE
    header[OPEN_BUY + side] += open_quantity
    header[LIVE_ORDERS] += ONE
    slot = header[FREE_SLOT]
    base = slot << THREE
    header[FREE_SLOT] = orders[base + ORDER_LINKS]
    enter_index(book, order_id, slot)
    record = join_level(book, side, price ^ flip_of(side), slot, open_quantity)
    orders[base + ORDER_ID] = order_id
    orders[base + ORDER_ACCOUNT] = account
    orders[base + ORDER_PRICE] = price
    orders[base + ORDER_OPEN] = open_quantity
    orders[base + ORDER_FILLED] = filled
    orders[base + ORDER_PRIORITY] = priority
    orders[base + ORDER_TAGS] = tags | record << HALF
    emit_placed(book, order_id, side, price, open_quantity, priority)


@device
def free(book, slot, at):
    """Gives the slot of an order back, and its place in the index."""
    header = book.header
    leave_index(book, at)
    header[LIVE_ORDERS] -= ONE
    book.orders[(slot << THREE) + ORDER_LINKS] = header[FREE_SLOT]
    header[FREE_SLOT] = slot


@device
def take_out(book, slot, at):
    """Removes a live order, whose entry stands at a known place of the index."""
    orders = book.orders
    base = slot << THREE
    tags = orders[base + ORDER_TAGS]
    side = tags & ONE
    open_quantity = orders[base + ORDER_OPEN]
    book.header[OPEN_BUY + side] -= open_quantity
    leave_level(book, side, orders[base + ORDER_PRICE] ^ flip_of(side), tags >> HALF, slot, open_quantity)
    free(book, slot, at)


@device
def cancel_live(book, slot, at, reason):
    """Cancels a live order, whose entry stands at a known place of the index."""
    orders = book.orders
    base = slot << THREE
    order_id = orders[base + ORDER_ID]
    side = orders[base + ORDER_TAGS] & ONE
    price = orders[base + ORDER_PRICE]
    open_quantity = orders[base + ORDER_OPEN]
    take_out(book, slot, at)
    emit_cancelled(book, order_id, side, HAS_PRICE, price, open_quantity, reason)


@device
def cancel_slot(book, slot, reason):
    """Cancels a live order."""
    cancel_live(book, slot, place_of_slot(book, book.orders[(slot << THREE) + ORDER_ID], slot), reason)


@device
def lower(book, slot, quantity):
    """Lowers a live order by less than all of it; it keeps its place."""
    orders = book.orders
    base = slot << THREE
    tags = orders[base + ORDER_TAGS]
    orders[base + ORDER_OPEN] -= quantity
    book.header[OPEN_BUY + (tags & ONE)] -= quantity
    book.records[((tags >> HALF) << TWO) + LEVEL_QUANTITY] -= quantity


@device
def order_tags(book, slot):
    """The tags of a live order's encoding."""
    return book.orders[(slot << THREE) + ORDER_TAGS] & LOW
