"""What an exchange answers, as frozen values: amounts are decimals, times nanoseconds since 1970.

Fields that an exchange adds later are passed over; a field that is missing where it must be is an ``AnswerError``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from proofbook.types import Kind, Side

OrderStatus: TypeAlias = Literal["rejected", "live", "filled", "cancelled", "expired"]
"""How an order stands."""
Execution: TypeAlias = Literal[
    "new",
    "trade",
    "triggered",
    "reduced",
    "replaced",
    "cancelled",
    "expired",
    "rejected",
    "cancel_rejected",
    "replace_rejected",
    "status",
]
"""What happened to an order."""
MarketState: TypeAlias = Literal["closed", "auction", "continuous", "halted"]
"""What a market takes: ``docs/EXCHANGE.md`` says which state takes what."""
Liquidity: TypeAlias = Literal["maker", "taker"]
"""Whether an order stood there or came."""
Interval: TypeAlias = Literal["1m", "5m", "15m", "1h", "4h", "1d"]
"""How long a candle is."""


class Asset(msgspec.Struct, frozen=True):
    """Something that accounts have amounts of."""

    symbol: str
    decimals: int


class Market(msgspec.Struct, frozen=True):
    """One asset traded against another. Fees are basis points."""

    symbol: str
    base: str
    quote: str
    price_decimals: int
    quantity_decimals: int
    maker_fee: int
    taker_fee: int
    state: MarketState
    reference_price: Decimal | None = None
    collar: Decimal | None = None


class Level(msgspec.Struct, frozen=True, array_like=True):
    """A price with what stands there."""

    price: Decimal
    quantity: Decimal
    orders: int


class BookMessage(msgspec.Struct, frozen=True):
    """A snapshot or a delta of a book as it is sent: a level of quantity 0 is gone."""

    market: str
    sequence: int
    previous: int = 0
    entry: int = 0
    time_ns: int = 0
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()
    checksum: int = 0
    type: Literal["snapshot", "delta"] = "snapshot"


class Book(msgspec.Struct, frozen=True):
    """A book at one moment.

    Attributes:
        resynced: where the book had to be fetched anew since the update before, why; else None.
    """

    market: str
    sequence: int
    entry: int
    time_ns: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    resynced: str | None = None

    @property
    def best_bid(self) -> Level | None:
        """The highest bid."""
        return self.bids[0] if self.bids else None

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask."""
        return self.asks[0] if self.asks else None

    @property
    def spread(self) -> Decimal | None:
        """The lowest ask less the highest bid."""
        return self.asks[0].price - self.bids[0].price if self.bids and self.asks else None


class Trade(msgspec.Struct, frozen=True):
    """A trade as everyone sees it; the side is the one of the order that came."""

    id: int
    entry: int
    time_ns: int
    price: Decimal
    quantity: Decimal
    side: Side


class Candle(msgspec.Struct, frozen=True):
    """The trades of one interval that begins at a time: their prices, how much and how many."""

    start_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trades: int


class Indicative(msgspec.Struct, frozen=True):
    """What an auction would trade now."""

    price: Decimal | None
    quantity: Decimal


class State(msgspec.Struct, frozen=True):
    """The state of a market."""

    market: str
    state: MarketState
    indicative: Indicative | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """How an order stands."""

    order_id: int
    client_id: str | None
    account: int
    market: str
    side: Side
    kind: Kind
    status: OrderStatus
    quantity: Decimal
    leaves: Decimal
    filled: Decimal
    original_id: str | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    average: Decimal | None = None
    notional: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    hold: Decimal = Decimal(0)

    @property
    def is_live(self) -> bool:
        """Whether it can still trade."""
        return self.status == "live"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to an order, and how it stood after it; for a trade with price, quantity and fee of that trade."""

    execution: Execution
    order: Order
    reason: str | None = None
    price: Decimal | None = None
    quantity: Decimal | None = None
    liquidity: Liquidity | None = None
    fee: Decimal | None = None

    @property
    def is_fill(self) -> bool:
        """Whether it is a trade."""
        return self.execution == "trade"


class Placed(Order, frozen=True, kw_only=True):
    """How an order stands after a request about it, and what happened to get there.

    Attributes:
        entry: the entry of the log that the request became.
        reports: what happened in that entry to orders of the account: to this one, and to those that it met.
    """

    entry: int
    time_ns: int
    reports: tuple[Change, ...] = ()

    @property
    def fills(self) -> tuple[Change, ...]:
        """The trades that it made at once."""
        return tuple(each for each in self.reports if each.is_fill and each.order.order_id == self.order_id)


class Report(msgspec.Struct, frozen=True):
    """A change of an order of the account. ``(entry, index)`` is unique and goes up."""

    entry: int
    index: int
    time_ns: int
    report: Change

    @property
    def key(self) -> tuple[int, int]:
        """What no other report has."""
        return (self.entry, self.index)

    @property
    def order(self) -> Order:
        """How the order stood after it."""
        return self.report.order

    @property
    def is_fill(self) -> bool:
        """Whether it is a trade."""
        return self.report.is_fill


class Reconciled(msgspec.Struct, frozen=True):
    """The orders of the account that are live, fetched at the start and after a gap in the stream.

    Attributes:
        orders: all live orders.
        reason: what happened to the stream; None at its start.
    """

    orders: tuple[Order, ...]
    reason: str | None


class Balance(msgspec.Struct, frozen=True):
    """What an account has of an asset: ``available`` is what new orders can hold."""

    asset: str
    total: Decimal
    held: Decimal
    credit: Decimal
    available: Decimal


class Status(msgspec.Struct, frozen=True):
    """How far the exchange is: its log's last entry, the last acknowledged, and the last published."""

    sequence: int
    acknowledged: int
    published: int
    clock_ns: int
    is_killed: bool
    is_demo: bool
    version: str
    failure: str | None = None


class Time(msgspec.Struct, frozen=True):
    """The exchange's clock."""

    time_ms: int
    time_ns: int


class Ticker(msgspec.Struct, frozen=True):
    """A market in one line; what there is not is None.

    Attributes:
        open: the price a day ago, or the first one since; the others up to `trades` are of the same day.
    """

    market: str
    time_ns: int
    bid: Decimal | None = None
    bid_quantity: Decimal | None = None
    ask: Decimal | None = None
    ask_quantity: Decimal | None = None
    last: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: Decimal = Decimal(0)
    trades: int = 0


class Cancelled(msgspec.Struct, frozen=True):
    """How many orders a mass cancel took away."""

    cancelled: int


class Operated(msgspec.Struct, frozen=True):
    """What came of an operator's request.

    Attributes:
        account: that it was about, or that was opened.
    """

    entry: int
    time_ns: int
    account: int
    cancelled: int


class DemoAccount(msgspec.Struct, frozen=True):
    """A funded account that was opened for a key."""

    account: int
    key: str
