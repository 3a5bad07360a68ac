"""Commands, events, orders and states as values, and their canonical bytes.

The layouts are those of ``crates/types``, written down a second time with ``struct``: an error in one of the two shows
as a difference. What a value does not use is zero in its bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

BUY = 0
SELL = 1

CONTINUOUS = 0
AUCTION = 1
HALTED = 2
PHASES = ("continuous", "auction", "halted")

BIDS = 0
ASKS = 1
BUY_STOPS = 2
SELL_STOPS = 3

ACTIONS = (
    "new",
    "cancel",
    "mass_cancel",
    "reduce",
    "replace",
    "sweep",
    "halt",
    "resume",
    "open_auction",
    "uncross",
)
KINDS = ("market", "limit", "stop", "stop_limit")
TIMES_IN_FORCE = ("good_till_cancel", "immediate_or_cancel", "fill_or_kill", "good_till_date")
SELF_TRADES = ("allow", "cancel_newest", "cancel_oldest", "cancel_both", "decrement_and_cancel")

EVENTS = (
    "accepted",
    "rejected",
    "placed",
    "trade",
    "refreshed",
    "reduced",
    "cancelled",
    "replaced",
    "expired",
    "triggered",
    "phase_changed",
    "uncrossed",
)
REJECT_REASONS = (
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
)
CANCEL_REASONS = (
    "requested",
    "mass_cancel",
    "unfilled",
    "fill_or_kill",
    "self_trade",
    "price_collar",
    "would_cross",
    "limit_beyond_collar",
)
REDUCE_REASONS = ("requested", "self_trade")

CONFIG_LAYOUT = struct.Struct("<BBBBIQQQQQQQqQQ")
COMMAND_LAYOUT = struct.Struct("<BBBBBBBBQQQqqQQQ")
EVENT_LAYOUT = struct.Struct("<BBBBIQQqQQQ")
ORDER_LAYOUT = struct.Struct("<BBBBIQQqqQQQQQQQ")
STATE_LAYOUT = struct.Struct("<QQQBB6xq")
COUNT_LAYOUT = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Config:
    """The fixed terms of a market."""

    market: int = 0
    tick_size: int = 1
    lot_size: int = 1
    max_quantity: int | None = None
    max_notional: int | None = None
    collar: int | None = None
    reference_price: int | None = None
    max_orders: int = 1 << 24
    initial_phase: int = CONTINUOUS

    def encode(self) -> bytes:
        """The 88 canonical bytes."""
        notional = self.max_notional or 0
        return CONFIG_LAYOUT.pack(
            1,
            self.initial_phase,
            (self.max_quantity is not None)
            | (self.max_notional is not None) << 1
            | (self.collar is not None) << 2
            | (self.reference_price is not None) << 3,
            0,
            self.max_orders,
            self.market,
            self.tick_size,
            self.lot_size,
            self.max_quantity or 0,
            notional & (1 << 64) - 1,
            notional >> 64,
            self.collar or 0,
            self.reference_price or 0,
            0,
            0,
        )


@dataclass(frozen=True, slots=True)
class Command:
    """One request; the fields after ``action`` mean something for some actions only."""

    time: int
    action: str
    order_id: int | None = None
    account: int = 0
    side: int = BUY
    kind: str = "market"
    quantity: int | None = None
    price: int | None = None
    stop_price: int | None = None
    time_in_force: str = "good_till_cancel"
    expiry: int | None = None
    post_only: bool = False
    display: int | None = None
    self_trade: str = "allow"

    def encode(self) -> bytes:
        """The 72 canonical bytes."""
        is_new = self.action == "new"
        is_replace = self.action == "replace"
        flags = (
            self.post_only
            | (self.display is not None) << 1
            | (is_replace and self.price is not None) << 2
            | (is_replace and self.quantity is not None) << 3
            | (is_replace and self.stop_price is not None) << 4
        )
        return COMMAND_LAYOUT.pack(
            1 + ACTIONS.index(self.action),
            self.side,
            KINDS.index(self.kind),
            TIMES_IN_FORCE.index(self.time_in_force) if is_new else 0,
            SELF_TRADES.index(self.self_trade) if is_new else 0,
            flags,
            0,
            0,
            self.time,
            self.order_id or 0,
            self.account,
            self.price or 0,
            self.stop_price or 0,
            self.quantity or 0,
            self.display or 0,
            self.expiry or 0,
        )

    def __repr__(self) -> str:
        """The call that makes this command, without the terms that have their defaults."""
        terms = [f"{self.time}", f"{self.action!r}"]
        for field in fields(self)[2:]:
            value = getattr(self, field.name)
            if value != field.default:
                terms.append(f"{field.name}={value!r}")
        return f"Command({', '.join(terms)})"


@dataclass(slots=True, eq=False)
class Order:
    """A live order, or one that is being worked (then with priority 0)."""

    order_id: int
    account: int
    side: int
    price: int | None
    stop_price: int | None
    displayed: int
    hidden: int
    display: int | None
    filled: int
    priority: int
    time_in_force: str
    expiry: int | None
    post_only: bool
    self_trade: str

    @property
    def open(self) -> int:
        """What is left to trade."""
        return self.displayed + self.hidden

    def encode(self) -> bytes:
        """The 96 canonical bytes."""
        return ORDER_LAYOUT.pack(
            self.side,
            TIMES_IN_FORCE.index(self.time_in_force),
            SELF_TRADES.index(self.self_trade),
            self.post_only
            | (self.display is not None) << 1
            | (self.price is not None) << 2
            | (self.stop_price is not None) << 3,
            0,
            self.order_id,
            self.account,
            self.price or 0,
            self.stop_price or 0,
            self.displayed,
            self.hidden,
            self.display or 0,
            self.filled,
            self.priority,
            self.expiry or 0,
            0,
        )


class Event(NamedTuple):
    """One thing that happened; each kind uses some of the fields.

    ``place`` is a side, or for a placed order its queue. ``other_id`` is a trade's taker or an accepted order's
    account. ``rest`` is what a trade's maker or a reduced order has left, or what a placed or refreshed order hides.
    """

    kind: str
    order_id: int | None = None
    other_id: int = 0
    place: int = 0
    price: int | None = None
    quantity: int = 0
    rest: int = 0
    priority: int = 0
    reason: str = ""
    kept_priority: bool = False

    def encode(self) -> bytes:
        """The 56 canonical bytes."""
        reason = 0
        flag = self.price is not None
        if self.kind == "rejected":
            reason = 1 + REJECT_REASONS.index(self.reason)
            flag = self.order_id is not None
        elif self.kind == "cancelled":
            reason = 1 + CANCEL_REASONS.index(self.reason)
        elif self.kind == "reduced":
            reason = 1 + REDUCE_REASONS.index(self.reason)
        elif self.kind == "phase_changed":
            reason = PHASES.index(self.reason)
        return EVENT_LAYOUT.pack(
            1 + EVENTS.index(self.kind),
            self.place,
            reason,
            flag | self.kept_priority << 1,
            0,
            self.order_id or 0,
            self.other_id,
            self.price or 0,
            self.quantity,
            self.rest,
            self.priority,
        )


def describe_event(encoded: bytes) -> str:
    """Encoded events in words, for messages: any 56 bytes, also ones that no event has."""
    tag, place, reason, flags, _, order_id, other_id, price, quantity, rest, priority = EVENT_LAYOUT.unpack(encoded)
    kind = EVENTS[tag - 1] if 1 <= tag <= len(EVENTS) else f"event {tag}"
    names: Sequence[str] = {"rejected": REJECT_REASONS, "cancelled": CANCEL_REASONS, "reduced": REDUCE_REASONS}.get(
        kind, ()
    )
    told = names[reason - 1] if 1 <= reason <= len(names) else str(reason)
    return (
        f"{kind}(id={order_id} other={other_id} place={place} reason={told} flags={flags} price={price} "
        f"quantity={quantity} rest={rest} priority={priority})"
    )


def describe_events(encoded: bytes) -> list[str]:
    """Each of a command's encoded events in words."""
    size = EVENT_LAYOUT.size
    return [describe_event(encoded[start : start + size]) for start in range(0, len(encoded), size)]
