"""The words and numbers of the interface, as types for annotations."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol, SupportsIndex, TypeAlias

Engine: TypeAlias = Literal["reference", "ladder", "cache", "simd", "radix", "skiplist", "lockfree", "hybrid", "numa"]
"""What holds the orders: `proofbook info` says what each of them is."""
Side: TypeAlias = Literal["buy", "sell"]
"""The side of an order."""
Kind: TypeAlias = Literal["market", "limit", "stop", "stop_limit"]
"""The kind of an order."""
TimeInForce: TypeAlias = Literal["gtc", "ioc", "fok", "gtd"]
"""Good till cancel, immediate or cancel, fill or kill, good till date."""
SelfTrade: TypeAlias = Literal["allow", "cancel_newest", "cancel_oldest", "cancel_both", "decrement_and_cancel"]
"""What happens when an order meets one of its own account."""
Phase: TypeAlias = Literal["continuous", "auction", "halted"]
"""The phase of a market."""
QueueName: TypeAlias = Literal["bids", "asks", "buy_stops", "sell_stops"]
"""The queues in which orders stand."""
Number: TypeAlias = str | Decimal | SupportsIndex
"""A price or a quantity: a decimal (a string or a Decimal), or an integer in ticks or lots. Floats are refused."""
Time: TypeAlias = SupportsIndex | datetime
"""Nanoseconds, or a datetime with a time zone."""
RejectReason: TypeAlias = Literal[
    "clock_reversed",
    "sequence_exhausted",
    "market_halted",
    "wrong_phase",
    "book_crossed",
    "unknown_order",
    "duplicate_order",
    "missing_account",
    "zero_quantity",
    "lot_size",
    "quantity_limit",
    "quantity_overflow",
    "notional_limit",
    "tick_size",
    "price_collar",
    "time_in_force",
    "already_expired",
    "display_quantity",
    "post_only",
    "would_cross",
    "book_full",
    "reduce_too_large",
    "replace_terms",
]
"""Why the market rejected a command."""
CancelReason: TypeAlias = Literal[
    "requested",
    "mass_cancel",
    "unfilled",
    "fill_or_kill",
    "self_trade",
    "price_collar",
    "would_cross",
    "limit_beyond_collar",
]
"""Why an order was cancelled."""
ReduceReason: TypeAlias = Literal["requested", "self_trade"]
"""Why an order was reduced."""


class ArrowStream(Protocol):
    """Whatever offers the Arrow C stream: a table of pyarrow, polars or pandas, a reader of batches."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Give a capsule with an ArrowArrayStream."""
        ...


class ArrowArray(Protocol):
    """Whatever offers the Arrow C data interface: a batch of rows."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Give capsules with an ArrowSchema and an ArrowArray."""
        ...
