"""A command, from its words to its events: section 3 of the rules; and a run of commands through one book."""

from __future__ import annotations

from proofbook.gpu.kernels.amend import cancel, mass_cancel, reduce, replace
from proofbook.gpu.kernels.device import device
from proofbook.gpu.kernels.enter import enter_any, enter_plain
from proofbook.gpu.kernels.events import emit_rejected
from proofbook.gpu.kernels.layout import (
    CAPACITY_REJECTS,
    CLOCK,
    NEXT_PRIORITY,
    REJECTS,
    SEQUENCE,
    STEP_EVENTS,
    TERM_UNLIMITED,
    UNSUPPORTED,
)
from proofbook.gpu.kernels.words import (
    BOOK_FULL,
    BYTE,
    CANCEL,
    CLOCK_REVERSED,
    COMMAND_ORDER_ID,
    COMMAND_TAGS,
    COMMAND_TIME,
    DECREMENT_AND_CANCEL,
    FILL_OR_KILL,
    FLAG_POST_ONLY,
    FLAGS_SHIFT,
    FORCE_SHIFT,
    HAS_PRICE,
    KIND_LIMIT,
    KIND_SHIFT,
    MASS_CANCEL,
    NAMES_ORDER,
    NEW,
    NO_LEVEL,
    NUMBERS_END,
    ONE,
    PLAIN_FIXED,
    PLAIN_LIMIT,
    REDUCE,
    REPLACE,
    SELF_TRADE_SHIFT,
    SEQUENCE_EXHAUSTED,
    SIDE_SHIFT,
    SWEEP,
    TAKEN,
    ZERO,
)


@device
def is_supported(tags):
    """Whether a book of a pool takes commands with these tags: no stops, no expiry, no display quantity, no phases."""
    action = tags & BYTE
    if action != NEW:
        return action > ZERO and action <= SWEEP
    return (
        (tags >> SIDE_SHIFT) & BYTE <= ONE
        and (tags >> KIND_SHIFT) & BYTE <= KIND_LIMIT
        and (tags >> FORCE_SHIFT) & BYTE <= FILL_OR_KILL
        and (tags >> SELF_TRADE_SHIFT) & BYTE <= DECREMENT_AND_CANCEL
        and tags >> FLAGS_SHIFT <= FLAG_POST_ONLY
    )


@device
def begin(header, time):
    """What every command does first. Gives the reason of a reject."""
    if header[SEQUENCE] >= NUMBERS_END or header[NEXT_PRIORITY] >= NUMBERS_END:
        return SEQUENCE_EXHAUSTED
    header[SEQUENCE] += ONE
    if time < header[CLOCK]:
        return CLOCK_REVERSED
    header[CLOCK] = time
    return TAKEN


@device
def act(book, commands, row, tags, is_plain):
    """The action of a command. Gives the reason of a reject."""
    if is_plain:
        return enter_plain(book, commands, row)
    action = tags & BYTE
    if action == CANCEL:
        return cancel(book, commands, row)
    if action == NEW:
        return enter_any(book, commands, row)
    if action == REPLACE:
        return replace(book, commands, row)
    if action == REDUCE:
        return reduce(book, commands, row)
    if action == MASS_CANCEL:
        return mass_cancel(book, commands, row)
    return TAKEN


@device
def apply_command(book, commands, row):
    """Applies one command."""
    header = book.header
    tags = commands[row, COMMAND_TAGS]
    is_plain = tags & PLAIN_FIXED == PLAIN_LIMIT and book.terms[TERM_UNLIMITED] != ZERO
    if not is_plain and not is_supported(tags):
        header[UNSUPPORTED] += ONE
        return
    reason = begin(header, commands[row, COMMAND_TIME])
    if reason == TAKEN:
        reason = act(book, commands, row, tags, is_plain)
    if reason != TAKEN:
        header[REJECTS] += ONE
        if reason in (BOOK_FULL, NO_LEVEL):
            header[CAPACITY_REJECTS] += ONE
        names_order = (NAMES_ORDER >> (tags & BYTE)) & ONE
        order_id = commands[row, COMMAND_ORDER_ID] if names_order != ZERO else ZERO
        emit_rejected(book, HAS_PRICE * names_order, order_id, reason)


@device
def begin_step(book):
    """What a book does before a step's commands: its events go to the front of the step's array."""
    book.header[STEP_EVENTS] = ZERO


@device
def run_book(book, commands, first, last):
    """Applies the rows of commands from ``first`` to before ``last``."""
    row = first
    while row < last:
        apply_command(book, commands, row)
        row += ONE
