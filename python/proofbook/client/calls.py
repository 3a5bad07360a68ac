"""Every request of the HTTP interface, made once for both clients: from typed arguments to a ``Call``.

Prices, quantities and amounts are decimals: a Decimal, a string or an integer. Floats are refused, since most of them
are not the number that was written.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from proofbook.client.endpoint import Call
from proofbook.client.errors import NotFoundError
from proofbook.client.types import (
    Asset,
    Balance,
    Book,
    BookMessage,
    Cancelled,
    Candle,
    DemoAccount,
    Interval,
    Market,
    Operated,
    Order,
    Placed,
    Report,
    Status,
    Ticker,
    Time,
    Trade,
)
from proofbook.errors import InputError
from proofbook.types import Kind, Side

Amount: TypeAlias = Decimal | str | int
"""A price, a quantity or an amount."""

CLIENT_ID_CHARACTERS_MAX = 40
FILLS_MAX = 500
"""Fills of one answer."""

T = TypeVar("T")


def new_client_id() -> str:
    """A client id that nobody else has."""
    return f"pb-{secrets.token_hex(12)}"


def decimal_text(what: str, value: Amount) -> str:
    """A decimal as it is sent: plain digits, exact.

    >>> decimal_text("price", Decimal("1E+2")), decimal_text("price", "0.50")
    ('100', '0.50')
    >>> decimal_text("price", 1.1)  # type: ignore[arg-type]
    Traceback (most recent call last):
        ...
    proofbook.errors.InputError: price: expected a Decimal, a string or an integer; received 1.1, a float
    """
    if isinstance(value, float | bool):
        kind = type(value).__name__
        raise InputError(f"{what}: expected a Decimal, a string or an integer; received {value!r}, a {kind}")
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        raise InputError(f"{what}: expected a decimal number; received {value!r}") from None
    if not number.is_finite():
        raise InputError(f"{what}: expected a decimal number; received {value!r}")
    return f"{number:f}"


def _query(path: str, fields: Mapping[str, object | None]) -> str:
    text = urlencode({name: value for name, value in fields.items() if value is not None})
    return f"{path}?{text}" if text else path


def _market(symbol: str) -> str:
    return f"/markets/{quote(symbol, safe='')}"


def _body(fields: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({name: value for name, value in fields.items() if value is not None})


def _read(path: str, answer: Any, *, is_private: bool = False) -> Call[Any]:
    return Call("GET", path, answer, is_private=is_private)


def time() -> Call[Time]:
    """The exchange's clock."""
    return _read("/time", Time)


def status() -> Call[Status]:
    """How far the exchange is."""
    return _read("/status", Status)


def assets() -> Call[list[Asset]]:
    """All assets."""
    return _read("/assets", list[Asset])


def markets() -> Call[list[Market]]:
    """All markets."""
    return _read("/markets", list[Market])


def book(market: str, limit: int | None) -> Call[BookMessage]:
    """A market's best levels."""
    return _read(_query(f"{_market(market)}/book", {"limit": limit}), BookMessage)


def trades(market: str, limit: int | None) -> Call[list[Trade]]:
    """A market's last trades."""
    return _read(_query(f"{_market(market)}/trades", {"limit": limit}), list[Trade])


def candles(market: str, interval: Interval, since_ns: int | None, limit: int | None) -> Call[list[Candle]]:
    """A market's candles."""
    fields = {"interval": interval, "since": since_ns, "limit": limit}
    return _read(_query(f"{_market(market)}/candles", fields), list[Candle])


def ticker(market: str) -> Call[Ticker]:
    """A market's prices and volume of the last day."""
    return _read(f"{_market(market)}/ticker", Ticker)


def open_orders(market: str | None) -> Call[list[Order]]:
    """The live orders of the account."""
    return _read(_query("/orders", {"market": market}), list[Order], is_private=True)


def _one_order(order_id: int | None, client_id: str | None) -> str:
    if (order_id is None) == (client_id is None):
        raise InputError(f"expected either an order id or a client id; received {order_id!r} and {client_id!r}")
    return _query("/orders", {"client_id": client_id}) if order_id is None else f"/orders/{order_id}"


def order(order_id: int | None, client_id: str | None) -> Call[Order]:
    """One order, by either of its ids."""
    return _read(_one_order(order_id, client_id), Order, is_private=True)


def order_history(market: str | None, limit: int | None) -> Call[list[Order]]:
    """Orders of the account that are gone."""
    return _read(_query("/orders/history", {"market": market, "limit": limit}), list[Order], is_private=True)


def balances() -> Call[list[Balance]]:
    """What the account has."""
    return _read("/balances", list[Balance], is_private=True)


def fills(since_entry: int | None, limit: int | None, since_index: int | None = None) -> Call[list[Report]]:
    """Trades of the account."""
    fields = {"since_entry": since_entry, "since_index": since_index, "limit": limit}
    return _read(_query("/fills", fields), list[Report], is_private=True)


def demo(public_key: str) -> Call[DemoAccount]:
    """Open a funded account for a public key, where the exchange gives such; a second time it is the same one."""
    return Call("POST", "/demo", DemoAccount, _body({"public_key": public_key}))


def checked_client_id(client_id: str | None) -> str:
    """The client id that was given, or a new one.

    Raises:
        InputError: an exchange takes no such client id.
    """
    if client_id is None:
        return new_client_id()
    if not 1 <= len(client_id) <= CLIENT_ID_CHARACTERS_MAX or not (client_id.isascii() and client_id.isprintable()):
        raise InputError(
            f"client id: expected 1 to {CLIENT_ID_CHARACTERS_MAX} printable ASCII characters; received {client_id!r}"
        )
    return client_id


def new_order(
    market: str,
    side: Side,
    quantity: Amount,
    *,
    price: Amount | None = None,
    kind: Kind | None = None,
    stop_price: Amount | None = None,
    time_in_force: str | None = None,
    expires_ns: int | None = None,
    post_only: bool = False,
    display: Amount | None = None,
    client_id: str | None = None,
) -> Call[Placed]:
    """Place an order. Without a kind it is a limit order where it has a price, a market order where it has none."""
    if side not in ("buy", "sell"):
        raise InputError(f"side: expected buy or sell; received {side!r}")
    if kind is None:
        words: dict[tuple[bool, bool], Kind] = {
            (False, False): "market",
            (True, False): "limit",
            (False, True): "stop",
            (True, True): "stop_limit",
        }
        kind = words[price is not None, stop_price is not None]
    client_id = checked_client_id(client_id)
    fields = {
        "market": market,
        "side": side,
        "kind": kind,
        "quantity": decimal_text("quantity", quantity),
        "price": None if price is None else decimal_text("price", price),
        "stop_price": None if stop_price is None else decimal_text("stop price", stop_price),
        "time_in_force": time_in_force,
        "expires_ns": expires_ns,
        "post_only": post_only or None,
        "display": None if display is None else decimal_text("display", display),
        "client_id": client_id,
    }
    return Call("POST", "/orders", Placed, _body(fields), is_private=True, client_id=client_id)


def replace(
    order_id: int,
    *,
    price: Amount | None = None,
    quantity: Amount | None = None,
    stop_price: Amount | None = None,
    client_id: str | None = None,
) -> Call[Placed]:
    """Give an order another price, another total quantity or another stop price."""
    client_id = checked_client_id(client_id)
    fields = {
        "price": None if price is None else decimal_text("price", price),
        "quantity": None if quantity is None else decimal_text("quantity", quantity),
        "stop_price": None if stop_price is None else decimal_text("stop price", stop_price),
    }
    if all(value is None for value in fields.values()):
        raise InputError("expected a new price, quantity or stop price; received none")
    body = _body({**fields, "client_id": client_id})
    return Call("PUT", f"/orders/{order_id}", Placed, body, is_private=True, client_id=client_id)


def cancel(order_id: int | None, client_id: str | None) -> Call[Order]:
    """Cancel an order, by either of its ids."""
    path = _one_order(order_id, client_id)
    return Call("DELETE", path, Order, is_private=True, instead=order(order_id, client_id))


def cancel_all(market: str | None) -> Call[Cancelled]:
    """Cancel all orders of the account, in one market or in all."""
    return Call("DELETE", _query("/orders", {"market": market}), Cancelled, is_private=True)


def operate(action: str, fields: Mapping[str, Any]) -> Call[Operated]:
    """Ask for what an operator may; twice would be done twice."""
    path = f"/operator/{quote(action, safe='')}"
    return Call("POST", path, Operated, msgspec.json.encode(fields), is_private=True, is_repeatable=False)


def market_among(markets: Mapping[str, Market], symbol: str) -> Market:
    """One of the markets.

    Raises:
        NotFoundError: there is none of that symbol.
    """
    if symbol not in markets:
        expected = ", ".join(sorted(markets)) or "none, since there are no markets"
        raise NotFoundError("unknown_market", "there is no such market", expected=expected, received=symbol)
    return markets[symbol]


def book_of(message: BookMessage) -> Book:
    """A snapshot as a book."""
    return Book(message.market, message.sequence, message.entry, message.time_ns, message.bids, message.asks)
