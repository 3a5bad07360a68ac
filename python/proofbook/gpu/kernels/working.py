"""Working an order against the opposite side: sections 5, 6 and 7 of the rules."""

from __future__ import annotations

from proofbook.gpu.kernels.book import flip_of, level_count
from proofbook.gpu.kernels.device import device, device_call
from proofbook.gpu.kernels.events import emit_cancelled, emit_reduced, emit_trade
from proofbook.gpu.kernels.index import place_of_slot
from proofbook.gpu.kernels.layout import (
    HAS_TRADE,
    LAST_TRADE,
    LEVEL_HEAD,
    LEVEL_QUANTITY,
    NO_SLOT,
    OPEN_BUY,
    ORDER_ACCOUNT,
    ORDER_FILLED,
    ORDER_ID,
    ORDER_LINKS,
    ORDER_OPEN,
)
from proofbook.gpu.kernels.levels import leave_best, level_start
from proofbook.gpu.kernels.resting import cancel_slot, free, lower, place
from proofbook.gpu.kernels.terms import collar_key
from proofbook.gpu.kernels.words import (
    ALLOW,
    BEYOND_COLLAR,
    BY_SELF_TRADE,
    BYTE,
    CANCEL_BOTH,
    CANCEL_NEWEST,
    CANCEL_OLDEST,
    FILL_OR_KILL,
    FLAG_PRICE,
    GOOD_TILL_CANCEL,
    HAS_PRICE,
    LOW,
    NOT_FILLED_IN_FULL,
    ONE,
    ORDER_FLAGS_SHIFT,
    ORDER_FORCE_SHIFT,
    ORDER_SELF_TRADE_SHIFT,
    REDUCED_BY_SELF_TRADE,
    THREE,
    TWO,
    UNFILLED,
    ZERO,
)


@device
def force_of(tags):
    """Time in force in an order's tags."""
    return (tags >> ORDER_FORCE_SHIFT) & BYTE


@device
def self_trade_of(tags):
    """Self-trade prevention in an order's tags."""
    return (tags >> ORDER_SELF_TRADE_SHIFT) & BYTE


@device
def has_limit(tags):
    """Whether an order has a limit price, by its tags."""
    return (tags >> ORDER_FLAGS_SHIFT) & FLAG_PRICE != ZERO


@device
def crosses(book, side, price):
    """Whether an order of this side limited to ``price`` would trade at once."""
    other = side ^ ONE
    count = level_count(book, other)
    return count != ZERO and book.keys[level_start(book, other) + count - ONE] >= price ^ flip_of(other)


@device
def cancel_incoming(book, order_id, tags, price, open_quantity, reason):
    """Says that what is left of an order that holds no place is cancelled."""
    has_price = HAS_PRICE if has_limit(tags) else ZERO
    emit_cancelled(book, order_id, tags & ONE, has_price, price, open_quantity, reason)


@device
def trade_with(book, taker_id, side, record, maker, price, quantity):
    """A trade with the first order of the best opposite level."""
    header = book.header
    orders = book.orders
    other = side ^ ONE
    base = maker << THREE
    maker_id = orders[base + ORDER_ID]
    open_before = orders[base + ORDER_OPEN]
    left = open_before - quantity
    header[LAST_TRADE] = price
    header[HAS_TRADE] = ONE
    header[OPEN_BUY + other] -= quantity
    if left == ZERO:
        leave_best(book, other, record, maker, open_before)
        free(book, maker, place_of_slot(book, maker_id, maker))
    else:
        orders[base + ORDER_OPEN] = left
        orders[base + ORDER_FILLED] += quantity
        book.records[(record << TWO) + LEVEL_QUANTITY] -= quantity
    emit_trade(book, maker_id, taker_id, side, price, quantity, left)


@device_call
def prevent_self_trade(book, order_id, tags, price, open_quantity, maker):
    """Two orders of one account meet; the incoming one's setting decides. Gives what the incoming order has left."""
    setting = self_trade_of(tags)
    if setting in (CANCEL_OLDEST, CANCEL_BOTH):
        cancel_slot(book, maker, BY_SELF_TRADE)
    if setting == CANCEL_OLDEST:
        return open_quantity
    if setting in (CANCEL_NEWEST, CANCEL_BOTH):
        cancel_incoming(book, order_id, tags, price, open_quantity, BY_SELF_TRADE)
        return ZERO
    base = maker << THREE
    maker_open = book.orders[base + ORDER_OPEN]
    quantity = min(open_quantity, maker_open)
    if quantity == maker_open:
        cancel_slot(book, maker, BY_SELF_TRADE)
    else:
        lower(book, maker, quantity)
        emit_reduced(book, book.orders[base + ORDER_ID], quantity, maker_open - quantity, REDUCED_BY_SELF_TRADE)
    left = open_quantity - quantity
    if left == ZERO:
        cancel_incoming(book, order_id, tags, price, open_quantity, BY_SELF_TRADE)
    else:
        emit_reduced(book, order_id, quantity, left, REDUCED_BY_SELF_TRADE)
    return left


@device
def available_at(book, record, account, passes_own):
    """What an order with self-trade prevention can trade at one level, and whether it ends there."""
    orders = book.orders
    available = ZERO
    slot = book.records[(record << TWO) + LEVEL_HEAD]
    while slot != NO_SLOT:
        base = slot << THREE
        if orders[base + ORDER_ACCOUNT] != account:
            available += orders[base + ORDER_OPEN]
        elif not passes_own:
            return available, True
        slot = orders[base + ORDER_LINKS] & LOW
    return available, False


@device_call
def can_fill(book, account, tags, bound, open_quantity):
    """Whether an order would trade in full if it were worked now, at keys from ``bound`` on."""
    other = (tags & ONE) ^ ONE
    setting = self_trade_of(tags)
    prevents = account != ZERO and setting != ALLOW
    start = level_start(book, other)
    at = start + level_count(book, other)
    available = ZERO
    while at != start:
        at -= ONE
        if book.keys[at] < bound:
            return False
        record = book.slots[at]
        if prevents:
            quantity, is_end = available_at(book, record, account, setting == CANCEL_OLDEST)
            available += quantity
            if is_end:
                return available >= open_quantity
        else:
            available += book.records[(record << TWO) + LEVEL_QUANTITY]
        if available >= open_quantity:
            return True
    return False


@device
def trade(book, order_id, account, tags, price, bound, open_quantity, prevents):
    """Trades what can be traded. Gives what is left open, and what was traded."""
    side = tags & ONE
    other = side ^ ONE
    flip = flip_of(other)
    start = level_start(book, other)
    traded = ZERO
    while open_quantity != ZERO:
        count = level_count(book, other)
        if count == ZERO:
            break
        key = book.keys[start + count - ONE]
        if key < bound:
            break
        record = book.slots[start + count - ONE]
        maker = book.records[(record << TWO) + LEVEL_HEAD]
        if prevents and book.orders[(maker << THREE) + ORDER_ACCOUNT] == account:
            open_quantity = prevent_self_trade(book, order_id, tags, price, open_quantity, maker)
        else:
            quantity = min(open_quantity, book.orders[(maker << THREE) + ORDER_OPEN])
            open_quantity -= quantity
            traded += quantity
            trade_with(book, order_id, side, record, maker, key ^ flip, quantity)
    return open_quantity, traded


@device
def work(book, order_id, account, tags, price, open_quantity, filled):
    """Trades what can be traded of an order, then cancels or places the rest."""
    other = (tags & ONE) ^ ONE
    flip = flip_of(other)
    bound = price ^ flip if has_limit(tags) else collar_key(book, flip)
    if force_of(tags) == FILL_OR_KILL and not can_fill(book, account, tags, bound, open_quantity):
        cancel_incoming(book, order_id, tags, price, open_quantity, NOT_FILLED_IN_FULL)
        return
    prevents = account != ZERO and self_trade_of(tags) != ALLOW
    left, traded = trade(book, order_id, account, tags, price, bound, open_quantity, prevents)
    if left == ZERO:
        return
    if not has_limit(tags):
        reason = BEYOND_COLLAR if level_count(book, other) != ZERO else UNFILLED
        cancel_incoming(book, order_id, tags, price, left, reason)
    elif force_of(tags) == GOOD_TILL_CANCEL:
        place(book, order_id, account, tags, price, left, filled + traded)
    else:
        cancel_incoming(book, order_id, tags, price, left, UNFILLED)
