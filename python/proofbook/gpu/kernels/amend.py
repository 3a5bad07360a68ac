"""Cancel, mass cancel, reduce and replace: sections 9 and 10 of the rules."""

from __future__ import annotations

from proofbook.gpu.kernels.book import flip_of, level_count
from proofbook.gpu.kernels.device import device, device_call
from proofbook.gpu.kernels.enter import check_level, is_post_only
from proofbook.gpu.kernels.events import emit_cancelled, emit_reduced, emit_replaced
from proofbook.gpu.kernels.index import find, place_of_slot, slot_at
from proofbook.gpu.kernels.layout import (
    LEVEL_HEAD,
    LEVEL_ORDERS,
    NO_PLACE,
    NO_SLOT,
    OPEN_BUY,
    ORDER_ACCOUNT,
    ORDER_FILLED,
    ORDER_ID,
    ORDER_LINKS,
    ORDER_OPEN,
    ORDER_PRICE,
    ORDER_TAGS,
)
from proofbook.gpu.kernels.levels import leave_level, level_start
from proofbook.gpu.kernels.resting import cancel_live, free, lower, order_tags, take_out
from proofbook.gpu.kernels.terms import (
    check_order_quantity,
    check_quantity,
    collar_key,
    is_notional_too_large,
    is_off_tick,
)
from proofbook.gpu.kernels.words import (
    BY_MASS_CANCEL,
    COMMAND_ACCOUNT,
    COMMAND_ORDER_ID,
    COMMAND_PRICE,
    COMMAND_QUANTITY,
    COMMAND_STOP_PRICE,
    COMMAND_TAGS,
    FLAG_PRICE,
    FLAG_QUANTITY,
    FLAG_STOP_PRICE,
    FLAGS_SHIFT,
    HALF,
    HAS_PRICE,
    KEPT_PRIORITY,
    LOW,
    MISSING_ACCOUNT,
    NOTIONAL_LIMIT,
    ONE,
    PRICE_COLLAR,
    QUANTITY_OVERFLOW,
    REDUCE_TOO_LARGE,
    REPLACE_TERMS,
    REQUESTED,
    TAKEN,
    THREE,
    TICK_SIZE,
    TWO,
    UNKNOWN_ORDER,
    WORD_MAX,
    WOULD_CROSS,
    ZERO,
)
from proofbook.gpu.kernels.working import crosses, work


@device
def cancel(book, commands, row):
    """Takes a live order out."""
    at = find(book, commands[row, COMMAND_ORDER_ID])
    if at == NO_PLACE:
        return UNKNOWN_ORDER
    cancel_live(book, slot_at(book, at), at, REQUESTED)
    return TAKEN


@device
def reduce(book, commands, row):
    """Lowers a live order; it keeps its place."""
    order_id = commands[row, COMMAND_ORDER_ID]
    quantity = commands[row, COMMAND_QUANTITY]
    reason = check_quantity(book, quantity)
    if reason != TAKEN:
        return reason
    at = find(book, order_id)
    if at == NO_PLACE:
        return UNKNOWN_ORDER
    slot = slot_at(book, at)
    open_quantity = book.orders[(slot << THREE) + ORDER_OPEN]
    if quantity > open_quantity:
        return REDUCE_TOO_LARGE
    if quantity == open_quantity:
        cancel_live(book, slot, at, REQUESTED)
    else:
        lower(book, slot, quantity)
        emit_reduced(book, order_id, quantity, open_quantity - quantity, REQUESTED)
    return TAKEN


@device
def next_of(book, slot):
    """The next order of a chain, which runs through the links as a queue does."""
    return book.orders[(slot << THREE) + ORDER_LINKS] & LOW


@device
def gather_level(book, side, record, account, first):
    """Moves an account's orders of one level from its queue to the front of a chain. Gives the chain's first order."""
    orders = book.orders
    slot = book.records[(record << TWO) + LEVEL_HEAD]
    while slot != NO_SLOT:
        behind = next_of(book, slot)
        base = slot << THREE
        if orders[base + ORDER_ACCOUNT] == account:
            open_quantity = orders[base + ORDER_OPEN]
            book.header[OPEN_BUY + side] -= open_quantity
            leave_level(book, side, orders[base + ORDER_PRICE] ^ flip_of(side), record, slot, open_quantity)
            orders[base + ORDER_LINKS] = first
            first = slot
        slot = behind
    return first


@device
def sort_chain(book, first):
    """Sorts a chain by order id, ascending, in place: merge sort from the bottom up.

    Each pass merges neighbouring runs of one length and makes the chain anew (Knuth, The Art of Computer Programming,
    volume 3, section 5.2.4, on lists). Gives the first order.
    """
    orders = book.orders
    run = ONE
    merges = TWO
    while merges > ONE:
        merges = ZERO
        left = first
        first = NO_SLOT
        last = NO_SLOT
        while left != NO_SLOT:
            merges += ONE
            right = left
            left_count = ZERO
            while left_count < run and right != NO_SLOT:
                left_count += ONE
                right = next_of(book, right)
            right_count = run
            while left_count != ZERO or (right_count != ZERO and right != NO_SLOT):
                has_right = right_count != ZERO and right != NO_SLOT
                has_left = left_count != ZERO
                if not has_right or (
                    has_left and orders[(left << THREE) + ORDER_ID] < orders[(right << THREE) + ORDER_ID]
                ):
                    taken = left
                    left = next_of(book, left)
                    left_count -= ONE
                else:
                    taken = right
                    right = next_of(book, right)
                    right_count -= ONE
                if last == NO_SLOT:
                    first = taken
                else:
                    orders[(last << THREE) + ORDER_LINKS] = taken
                last = taken
            left = right
        if last != NO_SLOT:
            orders[(last << THREE) + ORDER_LINKS] = NO_SLOT
        run = run << ONE
    return first


@device_call
def mass_cancel(book, commands, row):
    """Cancels every order of an account, in ascending order of ids.

    All of them leave their queues first, in a chain: the events between do not depend on each other, and the chain
    needs no room.
    """
    account = commands[row, COMMAND_ACCOUNT]
    if account == ZERO:
        return MISSING_ACCOUNT
    orders = book.orders
    first = NO_SLOT
    side = ZERO
    while side <= ONE:
        start = level_start(book, side)
        at = start + level_count(book, side)
        while at != start:
            # A level that closes moves those above it alone, and they were looked at.
            at -= ONE
            first = gather_level(book, side, book.slots[at], account, first)
        side += ONE
    slot = sort_chain(book, first)
    while slot != NO_SLOT:
        behind = next_of(book, slot)
        base = slot << THREE
        order_id = orders[base + ORDER_ID]
        side = orders[base + ORDER_TAGS] & ONE
        price = orders[base + ORDER_PRICE]
        open_quantity = orders[base + ORDER_OPEN]
        free(book, slot, place_of_slot(book, order_id, slot))
        emit_cancelled(book, order_id, side, HAS_PRICE, price, open_quantity, BY_MASS_CANCEL)
        slot = behind
    return TAKEN


@device
def check_named(book, flags, price, stop_price, quantity):
    """The checks of a replace that need no order."""
    if flags & (FLAG_PRICE | FLAG_QUANTITY | FLAG_STOP_PRICE) == ZERO:
        return REPLACE_TERMS
    if flags & FLAG_QUANTITY != ZERO:
        reason = check_order_quantity(book, quantity)
        if reason != TAKEN:
            return reason
    if flags & FLAG_PRICE != ZERO and is_off_tick(book, price):
        return TICK_SIZE
    if flags & FLAG_STOP_PRICE != ZERO and is_off_tick(book, stop_price):
        return TICK_SIZE
    return TAKEN


@device
def check_replacement(book, slot, price, open_quantity):
    """The checks of a replace that makes the order lose its place."""
    orders = book.orders
    base = slot << THREE
    tags = order_tags(book, slot)
    side = tags & ONE
    if is_notional_too_large(book, price, open_quantity):
        return NOTIONAL_LIMIT
    flip = flip_of(side ^ ONE)
    if price ^ flip < collar_key(book, flip):
        return PRICE_COLLAR
    others = book.header[OPEN_BUY + side] - orders[base + ORDER_OPEN]
    most = WORD_MAX - open_quantity
    if others > most or orders[base + ORDER_FILLED] > most:
        return QUANTITY_OVERFLOW
    if is_post_only(tags) and crosses(book, side, price):
        return WOULD_CROSS
    # The order's own level goes with it where it is the only one there.
    if book.records[((orders[base + ORDER_TAGS] >> HALF) << TWO) + LEVEL_ORDERS] == ONE:
        return TAKEN
    return check_level(book, orders[base + ORDER_ACCOUNT], tags, price, open_quantity)


@device_call
def replace(book, commands, row):
    """Changes the price or the open quantity of a live order."""
    flags = (commands[row, COMMAND_TAGS] >> FLAGS_SHIFT) & (FLAG_PRICE | FLAG_QUANTITY | FLAG_STOP_PRICE)
    order_id = commands[row, COMMAND_ORDER_ID]
    price = commands[row, COMMAND_PRICE]
    quantity = commands[row, COMMAND_QUANTITY]
    reason = check_named(book, flags, price, commands[row, COMMAND_STOP_PRICE], quantity)
    if reason != TAKEN:
        return reason
    at = find(book, order_id)
    if at == NO_PLACE:
        return UNKNOWN_ORDER
    if flags & FLAG_STOP_PRICE != ZERO:
        # No order of a pool's book waits for a stop.
        return REPLACE_TERMS
    slot = slot_at(book, at)
    orders = book.orders
    base = slot << THREE
    old_price = orders[base + ORDER_PRICE]
    old_open = orders[base + ORDER_OPEN]
    price = price if flags & FLAG_PRICE != ZERO else old_price
    open_quantity = quantity if flags & FLAG_QUANTITY != ZERO else old_open
    tags = order_tags(book, slot)
    if price == old_price and open_quantity < old_open:
        lower(book, slot, old_open - open_quantity)
        emit_replaced(book, order_id, tags & ONE, price, open_quantity, KEPT_PRIORITY)
        return TAKEN
    reason = check_replacement(book, slot, price, open_quantity)
    if reason != TAKEN:
        return reason
    account = orders[base + ORDER_ACCOUNT]
    filled = orders[base + ORDER_FILLED]
    take_out(book, slot, at)
    emit_replaced(book, order_id, tags & ONE, price, open_quantity, ZERO)
    work(book, order_id, account, tags, price, open_quantity, filled)
    return TAKEN
