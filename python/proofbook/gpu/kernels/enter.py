"""New orders: the checks of section 4 of the rules, in their order, for what a book of a pool takes."""

from __future__ import annotations

from proofbook.gpu.kernels.book import flip_of, level_count
from proofbook.gpu.kernels.device import device, device_call
from proofbook.gpu.kernels.events import emit_accepted, emit_cancelled
from proofbook.gpu.kernels.index import find
from proofbook.gpu.kernels.layout import (
    LIVE_ORDERS,
    NO_PLACE,
    OPEN_BUY,
    TERM_HAS_NOTIONAL,
    TERM_LEVELS,
    TERM_ORDERS,
)
from proofbook.gpu.kernels.levels import has_level
from proofbook.gpu.kernels.resting import place
from proofbook.gpu.kernels.terms import (
    check_order_quantity,
    collar_key,
    has_reference,
    is_notional_too_large,
    is_off_tick,
    reference_price,
)
from proofbook.gpu.kernels.words import (
    BOOK_FULL,
    BYTE,
    COMMAND_ACCOUNT,
    COMMAND_ORDER_ID,
    COMMAND_PRICE,
    COMMAND_QUANTITY,
    COMMAND_TAGS,
    DUPLICATE_ORDER,
    FLAG_POST_ONLY,
    FLAGS_SHIFT,
    FORCE_SHIFT,
    GOOD_TILL_CANCEL,
    HAS_PRICE,
    KIND_SHIFT,
    NO_LEVEL,
    NOTIONAL_LIMIT,
    ONE,
    ORDER_FLAGS_SHIFT,
    ORDER_FORCE_SHIFT,
    ORDER_SELF_TRADE_SHIFT,
    POST_ONLY,
    PRICE_COLLAR,
    QUANTITY_OVERFLOW,
    SELF_TRADE_SHIFT,
    SIDE_SHIFT,
    TAKEN,
    TICK_SIZE,
    TIME_IN_FORCE,
    TWO,
    UNFILLED,
    WORD_MAX,
    WOULD_CROSS,
    ZERO,
    ZERO_QUANTITY,
)
from proofbook.gpu.kernels.working import can_fill, crosses, force_of, has_limit, trade, work


@device
def check_room(book, order_id, side, quantity, rests):
    """Identity and capacity."""
    header = book.header
    if find(book, order_id) != NO_PLACE:
        return DUPLICATE_ORDER
    if rests:
        if header[LIVE_ORDERS] >= book.terms[TERM_ORDERS]:
            return BOOK_FULL
        if header[OPEN_BUY + side] > WORD_MAX - quantity:
            return QUANTITY_OVERFLOW
    return TAKEN


@device
def check_level(book, account, tags, price, quantity):
    """Room for a level, if the order may need one more than there are: unless it is sure to trade in full, it does."""
    side = tags & ONE
    if level_count(book, side) < book.terms[TERM_LEVELS] or has_level(book, side, price ^ flip_of(side)):
        return TAKEN
    return TAKEN if can_fill(book, account, tags, price ^ flip_of(side ^ ONE), quantity) else NO_LEVEL


@device
def enter_plain(book, commands, row):
    """The short way for orders that nearly all are: of all checks of the terms, only the one for zero can fail here."""
    tags = commands[row, COMMAND_TAGS]
    order_id = commands[row, COMMAND_ORDER_ID]
    account = commands[row, COMMAND_ACCOUNT]
    price = commands[row, COMMAND_PRICE]
    quantity = commands[row, COMMAND_QUANTITY]
    side = (tags >> SIDE_SHIFT) & ONE
    force = (tags >> FORCE_SHIFT) & ONE
    rests = force == GOOD_TILL_CANCEL
    if quantity == ZERO:
        return ZERO_QUANTITY
    reason = check_room(book, order_id, side, quantity, rests)
    if reason != TAKEN:
        return reason
    own_tags = side | force << ORDER_FORCE_SHIFT | HAS_PRICE << TWO
    if rests:
        reason = check_level(book, account, own_tags, price, quantity)
        if reason != TAKEN:
            return reason
    emit_accepted(book, order_id, account, side, HAS_PRICE, price, quantity)
    bound = price ^ flip_of(side ^ ONE)
    left, traded = trade(book, order_id, account, own_tags, price, bound, quantity, False)
    if left != ZERO:
        if rests:
            place(book, order_id, account, own_tags, price, left, traded)
        else:
            emit_cancelled(book, order_id, side, HAS_PRICE, price, left, UNFILLED)
    return TAKEN


@device
def check_terms(book, tags, price, quantity):
    """Quantity, tick, notional, time in force, post-only and collar. The tags are those of the order."""
    reason = check_order_quantity(book, quantity)
    if reason != TAKEN:
        return reason
    is_limit = has_limit(tags)
    rests = force_of(tags) == GOOD_TILL_CANCEL
    if is_limit and is_off_tick(book, price):
        return TICK_SIZE
    if book.terms[TERM_HAS_NOTIONAL] != ZERO and (is_limit or has_reference(book)):
        rank = price if is_limit else reference_price(book)
        if is_notional_too_large(book, rank, quantity):
            return NOTIONAL_LIMIT
    if rests and not is_limit:
        return TIME_IN_FORCE
    if is_post_only(tags) and not (rests and is_limit):
        return POST_ONLY
    flip = flip_of((tags & ONE) ^ ONE)
    if is_limit and price ^ flip < collar_key(book, flip):
        return PRICE_COLLAR
    return TAKEN


@device
def is_post_only(tags):
    """Whether an order is post-only, by its tags."""
    return (tags >> ORDER_FLAGS_SHIFT) & FLAG_POST_ONLY != ZERO


@device
def tags_of_new(tags):
    """The tags of the order that a command with these tags enters."""
    side = (tags >> SIDE_SHIFT) & ONE
    force = (tags >> FORCE_SHIFT) & BYTE
    self_trade = (tags >> SELF_TRADE_SHIFT) & BYTE
    # A limit order has a price: the flag that says so is 4, the kind is 1.
    flags = ((tags >> FLAGS_SHIFT) & FLAG_POST_ONLY) | ((tags >> KIND_SHIFT) & ONE) << TWO
    terms = force << ORDER_FORCE_SHIFT | self_trade << ORDER_SELF_TRADE_SHIFT
    return side | terms | flags << ORDER_FLAGS_SHIFT


@device_call
def enter_any(book, commands, row):
    """A new market or limit order. Gives the reason of a reject."""
    order_id = commands[row, COMMAND_ORDER_ID]
    account = commands[row, COMMAND_ACCOUNT]
    price = commands[row, COMMAND_PRICE]
    quantity = commands[row, COMMAND_QUANTITY]
    tags = tags_of_new(commands[row, COMMAND_TAGS])
    side = tags & ONE
    rests = force_of(tags) == GOOD_TILL_CANCEL
    reason = check_terms(book, tags, price, quantity)
    if reason == TAKEN:
        reason = check_room(book, order_id, side, quantity, rests)
    if reason == TAKEN and is_post_only(tags) and crosses(book, side, price):
        reason = WOULD_CROSS
    if reason == TAKEN and rests:
        reason = check_level(book, account, tags, price, quantity)
    if reason != TAKEN:
        return reason
    has_price = HAS_PRICE if has_limit(tags) else ZERO
    emit_accepted(book, order_id, account, side, has_price, price, quantity)
    work(book, order_id, account, tags, price, quantity, ZERO)
    return TAKEN
