"""What comes over the native boundary, as types: messages, and queries with their answers.

``_core.ExchangeServer`` takes and gives JSON. Each query names its ``query``, each message its ``type``; requests are
in ``requests.py``. Prices, quantities and amounts are decimal strings, exact; times are nanoseconds since 1970; ids are
integers. Fields that nobody here knows are ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

Text: TypeAlias = Annotated[
    str,
    Meta(
        max_length=80,
        description="An exact decimal number, as text, with at most the market's or the asset's decimals.",
        examples=["1.5"],
    ),
]
"""A price, a quantity or an amount that is passed in."""
ClientId: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=40,
        description="The client's own name for an order, printable ASCII: the same one is the same order.",
    ),
]
Symbol: TypeAlias = Annotated[str, Meta(min_length=1, max_length=16, examples=["BTC-USD"])]
NewSymbol: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=16,
        pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Letters, digits, dots, hyphens and underscores: it stands in paths and names of files.",
        examples=["BTC-USD"],
    ),
]
"""The symbol of an asset or a market that is new."""
OrderId: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Account: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 63) - 1, description="The number of an account.")]
BasisPoints: TypeAlias = Annotated[int, Meta(ge=0, le=10_000, description="Basis points of what is traded.")]
Nanoseconds: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 63) - 1, description="Nanoseconds since 1970.")]

Side: TypeAlias = Literal["buy", "sell"]
Kind: TypeAlias = Literal["market", "limit", "stop", "stop_limit"]
TimeInForce: TypeAlias = Literal["gtc", "ioc", "fok", "gtd", "day"]
SelfTrade: TypeAlias = Literal["allow", "cancel_newest", "cancel_oldest", "cancel_both", "decrement_and_cancel"]
MarketState: TypeAlias = Literal["closed", "auction", "continuous", "halted"]
Status: TypeAlias = Literal["rejected", "live", "filled", "cancelled", "expired"]
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


Level: TypeAlias = tuple[str, str, int]
"""Price, quantity, number of orders; a quantity of 0 takes the level away."""


class OrderState(msgspec.Struct, kw_only=True):
    """An order as it stands."""

    order_id: int
    client_id: str | None
    account: int
    market: str
    side: Side
    kind: Kind
    status: Status
    quantity: str
    """The total, what has traded included."""
    leaves: str
    """What is still open."""
    filled: str
    notional: str
    """What has traded, in the quote asset."""
    fees: str
    hold: str
    """What the order holds of the account's balance."""
    original_id: str | None = None
    limit_price: str | None = None
    stop_price: str | None = None
    average: str | None = None
    """The average price of what has traded."""


class Report(msgspec.Struct, kw_only=True):
    """A change of an order, and how it stands after it."""

    execution: Execution
    order: OrderState
    reason: str | None = None
    price: str | None = None
    """Of a trade."""
    quantity: str | None = None
    liquidity: Literal["maker", "taker"] | None = None
    fee: str | None = None
    """Of this trade, in the quote asset."""


class Answer(msgspec.Struct, kw_only=True, tag_field="type", tag="answer"):
    """What came of a request; the log has it."""

    ticket: int
    entry: int
    time_ns: int
    account: int
    reports: list[Report]
    refusal: str | None = None
    cancelled: int = 0


class Refused(msgspec.Struct, kw_only=True, tag_field="type", tag="refused"):
    """A request that never became an entry."""

    ticket: int
    reason: str


class AccountReport(msgspec.Struct, kw_only=True, tag_field="type", tag="report"):
    """A report of a watched account; entry and index name it and increase."""

    entry: int
    index: int
    time_ns: int
    report: Report


class Balance(msgspec.Struct, kw_only=True, tag_field="type", tag="balance"):
    """What a watched account has of an asset."""

    account: int
    asset: str
    total: str
    held: str
    credit: str
    available: str


class BookDelta(msgspec.Struct, kw_only=True, tag_field="type", tag="book"):
    """Levels of a book that changed."""

    market: str
    sequence: int
    previous: int
    entry: int
    time_ns: int
    bids: list[Level]
    asks: list[Level]
    checksum: int


class Trade(msgspec.Struct, kw_only=True):
    """A trade; its side is the aggressor's."""

    id: int
    entry: int
    time_ns: int
    price: str
    quantity: str
    side: Side


class Trades(msgspec.Struct, kw_only=True, tag_field="type", tag="trades"):
    """Trades of a market."""

    market: str
    trades: list[Trade]


class CandleUpdate(msgspec.Struct, kw_only=True, tag_field="type", tag="candle"):
    """The candle of a market that is being formed."""

    market: str
    interval_s: int
    start_ns: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    trades: int


class Indicative(msgspec.Struct, kw_only=True):
    """What an auction would trade now."""

    price: str
    quantity: str


class StateChange(msgspec.Struct, kw_only=True, tag_field="type", tag="state"):
    """The state of a market."""

    market: str
    state: MarketState
    indicative: Indicative | None = None


class Resync(msgspec.Struct, kw_only=True, tag_field="type", tag="resync"):
    """Reports of an account were dropped: fetch its state anew."""

    account: int


class Failed(msgspec.Struct, kw_only=True, tag_field="type", tag="failed"):
    """The log failed: nothing is acknowledged any more."""

    reason: str


Message: TypeAlias = (
    Answer | Refused | AccountReport | Balance | BookDelta | Trades | CandleUpdate | StateChange | Resync | Failed
)

decode_message = msgspec.json.Decoder(Message).decode
encode = msgspec.json.Encoder().encode


class Candle(msgspec.Struct, kw_only=True):
    """Prices and volume of an interval."""

    start_ns: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    trades: int


class TradesFound(msgspec.Struct):
    """The answer to a query of trades, the newest one last."""

    trades: list[Trade]


class CandlesFound(msgspec.Struct):
    """The answer to a query of candles, the newest one last."""

    candles: list[Candle]


class AssetInfo(msgspec.Struct, kw_only=True):
    """An asset: its amounts are whole numbers of 10^-decimals."""

    symbol: str
    decimals: int


class MarketInfo(msgspec.Struct, kw_only=True):
    """A market as it is now. Fees are basis points."""

    symbol: str
    base: str
    quote: str
    price_decimals: int
    quantity_decimals: int
    maker_fee: int
    taker_fee: int
    state: MarketState
    reference_price: str | None = None
    collar: str | None = None


class ServerStatus(msgspec.Struct, kw_only=True):
    """How far the log and what follows it are, as entries."""

    sequence: int
    """The last entry that was taken."""
    acknowledged: int
    """The last entry that the log holds as it should."""
    published: int
    """The last entry that market data and queries show."""
    clock_ns: int
    is_killed: bool
    failure: str | None = None


class BalanceInfo(msgspec.Struct, kw_only=True):
    """What an account has of an asset."""

    asset: str
    total: str
    held: str
    credit: str
    available: str
    """What new orders can hold: total less held, and the credit."""


class Book(msgspec.Struct, kw_only=True):
    """Levels of a book, best first; `sequence` is that of the last delta that it has."""

    market: str
    sequence: int
    entry: int
    time_ns: int
    bids: list[Level]
    asks: list[Level]
    checksum: int


class Query(msgspec.Struct, kw_only=True, tag_field="query", omit_defaults=True):
    """Something to look up, which changes nothing."""


class MarketsQuery(Query, tag="markets"):
    """All markets."""


class AssetsQuery(Query, tag="assets"):
    """All assets."""


class StatusQuery(Query, tag="status"):
    """How far the log and what follows it are."""


class AccountsQuery(Query, tag="accounts"):
    """How many accounts there are."""


class BookQuery(Query, kw_only=True, tag="book"):
    """A book's best levels."""

    market: str
    depth: int


class TradesQuery(Query, kw_only=True, tag="trades"):
    """A market's last trades."""

    market: str
    limit: int


class CandlesQuery(Query, kw_only=True, tag="candles"):
    """Candles of a market."""

    market: str
    interval_s: int
    limit: int
    since_ns: int | None = None


class BalancesQuery(Query, kw_only=True, tag="balances"):
    """What an account has."""

    account: int


class OpenOrdersQuery(Query, kw_only=True, tag="open_orders"):
    """The live orders of an account."""

    account: int
    market: str | None = None


class OrderQuery(Query, kw_only=True, tag="order"):
    """One order of an account, by its id or its client id."""

    account: int
    order_id: int | None = None
    client_id: str | None = None
