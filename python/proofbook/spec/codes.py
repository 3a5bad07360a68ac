"""The codes that stand in the tags of orders, commands, events and configurations.

Source: docs/COMMITMENT.md, section 2.
"""

from __future__ import annotations

import enum


class Side(enum.IntEnum):
    """Buy or sell."""

    BUY = 0
    SELL = 1


class Queue(enum.IntEnum):
    """The queues of a market, each with its own trie of levels."""

    BIDS = 0
    ASKS = 1
    BUY_STOPS = 2
    SELL_STOPS = 3

    @property
    def is_descending(self) -> bool:
        """Whether the highest price comes first."""
        return self in (Queue.BIDS, Queue.SELL_STOPS)


class TimeInForce(enum.IntEnum):
    """How long an order lives."""

    GOOD_TILL_CANCEL = 0
    IMMEDIATE_OR_CANCEL = 1
    FILL_OR_KILL = 2
    GOOD_TILL_DATE = 3


class SelfTrade(enum.IntEnum):
    """What happens when an order meets one of its own account."""

    ALLOW = 0
    CANCEL_NEWEST = 1
    CANCEL_OLDEST = 2
    CANCEL_BOTH = 3
    DECREMENT_AND_CANCEL = 4


class Phase(enum.IntEnum):
    """The phase of a market."""

    CONTINUOUS = 0
    AUCTION = 1
    HALTED = 2


class Action(enum.IntEnum):
    """What a command asks for."""

    NEW = 1
    CANCEL = 2
    MASS_CANCEL = 3
    REDUCE = 4
    REPLACE = 5
    SWEEP = 6
    HALT = 7
    RESUME = 8
    OPEN_AUCTION = 9
    UNCROSS = 10


class OrderKind(enum.IntEnum):
    """The kind of a new order."""

    MARKET = 0
    LIMIT = 1
    STOP = 2
    STOP_LIMIT = 3

    @property
    def has_price(self) -> bool:
        """Whether it names a limit price."""
        return self in (OrderKind.LIMIT, OrderKind.STOP_LIMIT)

    @property
    def has_stop_price(self) -> bool:
        """Whether it names a stop price."""
        return self in (OrderKind.STOP, OrderKind.STOP_LIMIT)


class EventKind(enum.IntEnum):
    """What an event says."""

    ACCEPTED = 1
    REJECTED = 2
    PLACED = 3
    TRADE = 4
    REFRESHED = 5
    REDUCED = 6
    CANCELLED = 7
    REPLACED = 8
    EXPIRED = 9
    TRIGGERED = 10
    PHASE_CHANGED = 11
    UNCROSSED = 12


class RejectReason(enum.IntEnum):
    """Why a command was rejected."""

    CLOCK_REVERSED = 1
    SEQUENCE_EXHAUSTED = 2
    MARKET_HALTED = 3
    WRONG_PHASE = 4
    BOOK_CROSSED = 5
    UNKNOWN_ORDER = 6
    DUPLICATE_ORDER = 7
    MISSING_ACCOUNT = 8
    ZERO_QUANTITY = 9
    LOT_SIZE = 10
    QUANTITY_LIMIT = 11
    QUANTITY_OVERFLOW = 12
    NOTIONAL_LIMIT = 13
    TICK_SIZE = 14
    PRICE_COLLAR = 15
    TIME_IN_FORCE = 16
    ALREADY_EXPIRED = 17
    DISPLAY_QUANTITY = 18
    POST_ONLY = 19
    WOULD_CROSS = 20
    BOOK_FULL = 21
    REDUCE_TOO_LARGE = 22
    REPLACE_TERMS = 23


class CancelReason(enum.IntEnum):
    """Why an order was cancelled."""

    REQUESTED = 1
    MASS_CANCEL = 2
    UNFILLED = 3
    FILL_OR_KILL = 4
    SELF_TRADE = 5
    PRICE_COLLAR = 6
    WOULD_CROSS = 7
    LIMIT_BEYOND_COLLAR = 8


class ReduceReason(enum.IntEnum):
    """Why an order was reduced."""

    REQUESTED = 1
    SELF_TRADE = 2
