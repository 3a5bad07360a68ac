"""What clients and operators may ask of the exchange, as types: each becomes an entry of the log.

A request names its ``action``. Orders come without the account, which the key says, and without an action; a field that
nobody knows is refused. `docs/SERVER.md` has the same list for the native server.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from proofbook.exchange.messages import (
    Account,
    BasisPoints,
    ClientId,
    Kind,
    Nanoseconds,
    NewSymbol,
    OrderId,
    SelfTrade,
    Side,
    Symbol,
    Text,
    TimeInForce,
)


class Request(msgspec.Struct, kw_only=True, tag_field="action", omit_defaults=True, forbid_unknown_fields=True):
    """Something that becomes an entry of the log."""


class OrderTerms(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A new order, as a client sends it."""

    market: Symbol
    side: Side
    quantity: Text
    kind: Kind = "limit"
    client_id: ClientId | None = None
    price: Text | None = None
    """The limit; of a market or stop order its bound."""
    stop_price: Text | None = None
    time_in_force: TimeInForce | None = None
    """Without one: good till cancel, and immediate or cancel for a market order."""
    expires_ns: Nanoseconds | None = None
    post_only: bool = False
    display: Text | None = None
    """How much of it is shown at a time."""
    self_trade: SelfTrade | None = None
    """What happens when it would trade with the same account; without it, what the account has set."""


class ReplaceTerms(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """New terms of an order: at least one of price, quantity and stop price."""

    client_id: ClientId | None = None
    """The order's client id from then on."""
    price: Text | None = None
    quantity: Text | None = None
    """The new total, what has traded included."""
    stop_price: Text | None = None


class New(OrderTerms, kw_only=True, tag_field="action", tag="new", omit_defaults=False):
    """A new order of an account."""

    account: Account


class Cancel(Request, kw_only=True, tag="cancel"):
    """An order to cancel, by its id or by its client id (``original_id``)."""

    account: Account
    order_id: OrderId | None = None
    original_id: ClientId | None = None
    client_id: ClientId | None = None


class Replace(ReplaceTerms, kw_only=True, tag_field="action", tag="replace"):
    """An order to replace, by its id or by its client id (``original_id``)."""

    account: Account
    market: Symbol
    order_id: OrderId | None = None
    original_id: ClientId | None = None


class Reduce(Request, kw_only=True, tag="reduce"):
    """An order to make smaller by a quantity; it keeps its place."""

    account: Account
    market: Symbol
    quantity: Text
    order_id: OrderId | None = None
    original_id: ClientId | None = None
    client_id: ClientId | None = None


class MassCancel(Request, kw_only=True, tag="mass_cancel"):
    """All orders of an account to cancel, in one market or in all."""

    account: Account
    market: Symbol | None = None


Trading: TypeAlias = New | Cancel | Replace | Reduce | MassCancel


class OpenAccount(Request, kw_only=True, tag="open_account"):
    """The next account."""


class Deposit(Request, kw_only=True, tag="deposit"):
    """More of an asset for an account."""

    account: Account
    asset: Symbol
    amount: Text


class Withdraw(Request, kw_only=True, tag="withdraw"):
    """Less of an asset for an account."""

    account: Account
    asset: Symbol
    amount: Text


class SetCredit(Request, kw_only=True, tag="set_credit"):
    """How far below zero an account's total of an asset may go."""

    account: Account
    asset: Symbol
    amount: Text


class SetAccountFees(Request, kw_only=True, tag="set_account_fees"):
    """An account's own fees in all markets; without fees, those of the markets."""

    account: Account
    maker_fee: BasisPoints | None = None
    taker_fee: BasisPoints | None = None


class SetMarketFees(Request, kw_only=True, tag="set_market_fees"):
    """The fees of a market."""

    market: Symbol
    maker_fee: BasisPoints
    taker_fee: BasisPoints


class SetLimits(Request, kw_only=True, tag="set_limits"):
    """Limits of an account in a market; without an account, of all. What is not named is off."""

    market: Symbol
    account: Account | None = None
    quantity_max: Text | None = None
    notional_max: Text | None = None
    open_orders_max: Annotated[int, Meta(ge=0, le=(1 << 32) - 1)] | None = None
    collar: Text | None = None


class SetSelfTrade(Request, kw_only=True, tag="set_self_trade"):
    """What happens when an account would trade with itself."""

    account: Account
    self_trade: SelfTrade


class KillAccount(Request, kw_only=True, tag="kill_account"):
    """Cancel an account's orders and take no more of it."""

    account: Account


class ReviveAccount(Request, kw_only=True, tag="revive_account"):
    """Take orders of a killed account again."""

    account: Account


class KillAll(Request, kw_only=True, tag="kill_all"):
    """Cancel all orders and take no more."""


class ReviveAll(Request, kw_only=True, tag="revive_all"):
    """Take orders again."""


class AddAsset(Request, kw_only=True, tag="add_asset"):
    """A new asset."""

    symbol: NewSymbol
    decimals: Annotated[int, Meta(ge=0, le=18)]


class MarketLimits(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Limits of every account in a market; what is not named is off."""

    quantity_max: Text | None = None
    notional_max: Text | None = None
    open_orders_max: Annotated[int, Meta(ge=0, le=(1 << 32) - 1)] | None = None
    collar: Text | None = None


class Listing(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A market, as it is listed."""

    symbol: NewSymbol
    base: Symbol
    quote: Symbol
    price_decimals: Annotated[int, Meta(ge=0, le=18)]
    quantity_decimals: Annotated[int, Meta(ge=0, le=18)]
    maker_fee: BasisPoints = 0
    taker_fee: BasisPoints = 0
    reference_price: Text | None = None
    collar: Text | None = None
    """How far from the reference price orders may be."""


class MarketTerms(Listing, kw_only=True):
    """A market of a new exchange."""

    state: Literal["continuous", "closed", "auction"] = "continuous"
    limits: MarketLimits | None = None


class ListMarket(Listing, kw_only=True, tag_field="action", tag="list_market"):
    """A new market. It is closed."""


class Open(Request, kw_only=True, tag="open"):
    """A closed market begins to trade."""

    market: Symbol


class OpenAuction(Request, kw_only=True, tag="open_auction"):
    """A market collects orders for an auction."""

    market: Symbol


class Uncross(Request, kw_only=True, tag="uncross"):
    """An auction trades, and continuous trading follows."""

    market: Symbol


class Halt(Request, kw_only=True, tag="halt"):
    """A market stops."""

    market: Symbol


class Resume(Request, kw_only=True, tag="resume"):
    """A halted market goes on."""

    market: Symbol


class Close(Request, kw_only=True, tag="close"):
    """A market closes; its orders stay."""

    market: Symbol


Operating: TypeAlias = (
    OpenAccount
    | Deposit
    | Withdraw
    | SetCredit
    | SetAccountFees
    | SetMarketFees
    | SetLimits
    | SetSelfTrade
    | KillAccount
    | ReviveAccount
    | KillAll
    | ReviveAll
    | AddAsset
    | ListMarket
    | Open
    | OpenAuction
    | Uncross
    | Halt
    | Resume
    | Close
)
OPERATING: dict[str, type[msgspec.Struct]] = {str(each.__struct_config__.tag): each for each in Operating.__args__}
"""What an operator may ask for, by action."""
