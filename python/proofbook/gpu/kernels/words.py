"""Numbers that kernels need, all unsigned words, and the tags of commands, orders and events.

The codes are those of ``crates/types``; ``docs/COMMITMENT.md``, section 2, has the encodings.
"""

from __future__ import annotations

import numpy as np

ZERO = np.uint64(0)
ONE = np.uint64(1)
TWO = np.uint64(2)
THREE = np.uint64(3)
BYTE = np.uint64(0xFF)
LOW = np.uint64(0xFFFF_FFFF)
HIGH = np.uint64(0xFFFF_FFFF_0000_0000)
HALF = np.uint64(32)
SIGN = np.uint64(1 << 63)
WORD_MAX = np.uint64((1 << 64) - 1)

NUMBERS_END = np.uint64(1 << 63)
"""Sequence and priority numbers stop here."""

# Words of a command.
COMMAND_TAGS = np.uint64(0)
COMMAND_TIME = np.uint64(1)
COMMAND_ORDER_ID = np.uint64(2)
COMMAND_ACCOUNT = np.uint64(3)
COMMAND_PRICE = np.uint64(4)
COMMAND_STOP_PRICE = np.uint64(5)
COMMAND_QUANTITY = np.uint64(6)

# Actions: the lowest byte of a command's tags.
NEW = np.uint64(1)
CANCEL = np.uint64(2)
MASS_CANCEL = np.uint64(3)
REDUCE = np.uint64(4)
REPLACE = np.uint64(5)
SWEEP = np.uint64(6)

NAMES_ORDER = np.uint64(1 << 1 | 1 << 2 | 1 << 4 | 1 << 5)
"""A bit for each action that names an order."""

# The bytes of a command's tags, from the lowest: action, side, kind, time in force, self-trade prevention, flags.
SIDE_SHIFT = np.uint64(8)
KIND_SHIFT = np.uint64(16)
FORCE_SHIFT = np.uint64(24)
SELF_TRADE_SHIFT = np.uint64(32)
FLAGS_SHIFT = np.uint64(40)

PLAIN_LIMIT = np.uint64(0x01_0001)
"""Tags of a limit buy that is good till cancel and asks for nothing else."""
PLAIN_FIXED = np.uint64(0xFFFF_FFFF_FEFF_FEFF)
"""All bits of the tags but the side and whether it is immediate or cancel."""

KIND_LIMIT = np.uint64(1)
GOOD_TILL_CANCEL = np.uint64(0)
FILL_OR_KILL = np.uint64(2)

ALLOW = np.uint64(0)
CANCEL_NEWEST = np.uint64(1)
CANCEL_OLDEST = np.uint64(2)
CANCEL_BOTH = np.uint64(3)
DECREMENT_AND_CANCEL = np.uint64(4)

FLAG_POST_ONLY = np.uint64(1)
FLAG_PRICE = np.uint64(1 << 2)
"""A replace names a price; an order has one."""
FLAG_QUANTITY = np.uint64(1 << 3)
FLAG_STOP_PRICE = np.uint64(1 << 4)

# The bytes of an order's tags, from the lowest: side, time in force, self-trade prevention, flags.
ORDER_FORCE_SHIFT = np.uint64(8)
ORDER_SELF_TRADE_SHIFT = np.uint64(16)
ORDER_FLAGS_SHIFT = np.uint64(24)

# Kinds of event: the lowest byte of its tags; then side or queue, reason, flags.
ACCEPTED = np.uint64(1)
REJECTED = np.uint64(2)
PLACED = np.uint64(3)
TRADE = np.uint64(4)
REDUCED = np.uint64(6)
CANCELLED = np.uint64(7)
REPLACED = np.uint64(8)
REASON_SHIFT = np.uint64(16)
HAS_PRICE = np.uint64(1 << 24)
"""The price, or a reject's order id, is there."""
KEPT_PRIORITY = np.uint64(1 << 25)

# Why a command was rejected; 0 where it was not.
TAKEN = np.uint64(0)
CLOCK_REVERSED = np.uint64(1)
SEQUENCE_EXHAUSTED = np.uint64(2)
UNKNOWN_ORDER = np.uint64(6)
DUPLICATE_ORDER = np.uint64(7)
MISSING_ACCOUNT = np.uint64(8)
ZERO_QUANTITY = np.uint64(9)
LOT_SIZE = np.uint64(10)
QUANTITY_LIMIT = np.uint64(11)
QUANTITY_OVERFLOW = np.uint64(12)
NOTIONAL_LIMIT = np.uint64(13)
TICK_SIZE = np.uint64(14)
PRICE_COLLAR = np.uint64(15)
TIME_IN_FORCE = np.uint64(16)
POST_ONLY = np.uint64(19)
WOULD_CROSS = np.uint64(20)
BOOK_FULL = np.uint64(21)
REDUCE_TOO_LARGE = np.uint64(22)
REPLACE_TERMS = np.uint64(23)
NO_LEVEL = np.uint64(200)
"""``layout.LEVELS_FULL``."""

# Why an order was cancelled or reduced.
REQUESTED = np.uint64(1)
BY_MASS_CANCEL = np.uint64(2)
UNFILLED = np.uint64(3)
NOT_FILLED_IN_FULL = np.uint64(4)
BY_SELF_TRADE = np.uint64(5)
BEYOND_COLLAR = np.uint64(6)
REDUCED_BY_SELF_TRADE = np.uint64(2)
