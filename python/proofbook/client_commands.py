"""Commands that ask a running exchange: ``book``, ``trades``, ``order``, ``cancel``, ``balances`` and others.

Each asks a running exchange over HTTP, or reads its stream. Packages of the extra ``exchange`` are imported only once a
command needs them, since the command line works without them.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from proofbook import console
from proofbook.errors import InputError
from proofbook.exchange.serve_command import check_packages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proofbook.client import Client, Key, Order

URL_VARIABLE = "PROOFBOOK_URL"
KEY_VARIABLE = "PROOFBOOK_KEY"

Json = Annotated[bool, typer.Option("--json", help="Print JSON: one object, or one line each where there are many.")]
Url = Annotated[
    str | None,
    typer.Option("--url", envvar=URL_VARIABLE, help="The exchange's address; by default one on this machine."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key", envvar=KEY_VARIABLE, help="The file of your secret key; by default that of `demo-key`."),
]
MarketName = Annotated[str, typer.Argument(help="The market's symbol, such as BTC-USD.")]
OfMarket = Annotated[str | None, typer.Option("--market", help="Of this market only.")]
Count = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, at most.")]


class SideName(StrEnum):
    """The side of an order."""

    BUY = "buy"
    SELL = "sell"


class KindName(StrEnum):
    """The kind of an order."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (book, trades, markets, order, cancel, orders, fills, balances):
        app.command()(command)
    app.command("demo-key")(demo_key)


def default_key_file() -> Path:
    """Where `demo-key` keeps its key, unless told otherwise."""
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(folder).expanduser() / "proofbook" / "demo.key"


def load_key(path: Path | None) -> Key:
    """The key of a file.

    Raises:
        InputError: there is none, or it is no key's file.
    """
    from proofbook.client import Key

    path = path or default_key_file()
    try:
        return Key.load(path)
    except FileNotFoundError:
        raise InputError(f"{path}: expected the file of a key; received none: `proofbook demo-key` makes one") from None


@contextmanager
def connected(url: str | None, key: Path | None = None, *, is_private: bool = False) -> Iterator[Client]:
    """A client for one command."""
    check_packages()
    from proofbook.client import DEFAULT_URL, Client

    with Client(url or DEFAULT_URL, load_key(key) if is_private else None) as client:
        yield client


def print_value(value: Any) -> None:
    """Print a struct of the client as one line of JSON, decimals as exact strings."""
    import msgspec

    console.print_json(msgspec.to_builtins(value, builtin_types=(Decimal,)))


def table_of(*columns: str) -> Table:
    """A plain table; columns of numbers begin with a hyphen."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.removeprefix("-"), justify="right" if column.startswith("-") else "left")
    return table


def book(
    market: MarketName,
    watch: Annotated[bool, typer.Option("--watch", help="Go on and draw each change, until interrupted.")] = False,
    depth: Annotated[int, typer.Option(min=1, max=100, help="Levels of each side.")] = 10,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show a market's book as a ladder."""
    check_packages()
    from proofbook.client import DEFAULT_URL, ladder

    if watch:
        ladder.watch(url or DEFAULT_URL, market, depth, as_json=as_json)
        return
    with connected(url) as client:
        shown = client.get_book(market, depth)
        if as_json:
            print_value(shown)
        else:
            console.out.print(ladder.drawn(shown, client.get_trades(market, 2 * depth), depth, console.out))


def trades(market: MarketName, limit: Count = 20, url: Url = None, as_json: Json = False) -> None:
    """Show a market's last trades."""
    from datetime import UTC, datetime

    with connected(url) as client:
        found = client.get_trades(market, limit)
    if as_json:
        for trade in found:
            print_value(trade)
        return
    table = table_of("time (UTC)", "side", "-price", "-quantity", "-number")
    for trade in found:
        time = datetime.fromtimestamp(trade.time_ns / 1e9, UTC).strftime("%H:%M:%S.%f")[:-3]
        style = "green" if trade.side == "buy" else "red"
        table.add_row(time, f"[{style}]{trade.side}[/]", f"{trade.price:f}", f"{trade.quantity:f}", str(trade.id))
    console.out.print(table if found else f"no trades in {market} yet")


def markets(url: Url = None, as_json: Json = False) -> None:
    """Show all markets."""
    with connected(url) as client:
        found = client.markets()
    if as_json:
        for market in found:
            print_value(market)
        return
    table = table_of("market", "state", "-price decimals", "-quantity decimals", "-maker fee", "-taker fee")
    for market in found:
        numbers = (market.price_decimals, market.quantity_decimals, market.maker_fee, market.taker_fee)
        table.add_row(market.symbol, market.state, *map(str, numbers))
    console.out.print(table)


def described(order: Order) -> str:
    """An order in one line."""
    price = "" if order.limit_price is None else f" at {order.limit_price:f}"
    stop = "" if order.stop_price is None else f", stop {order.stop_price:f}"
    average = "" if order.average is None else f" at {order.average:f}, fees {order.fees:f}"
    return (
        f"{order.order_id} {order.status}: {order.side} {order.quantity:f} {order.market} {order.kind}{price}{stop}; "
        f"filled {order.filled:f}{average} (client id {order.client_id})"
    )


def order(
    side: SideName,
    market: MarketName,
    quantity: str,
    price: Annotated[str | None, typer.Option(help="The limit; without one it is a market order.")] = None,
    kind: Annotated[KindName | None, typer.Option(help="Where it does not follow from the prices.")] = None,
    stop_price: Annotated[str | None, typer.Option(help="Wait until the market trades there.")] = None,
    time_in_force: Annotated[str | None, typer.Option(help="gtc, ioc, fok, gtd or day.")] = None,
    expires_ns: Annotated[int | None, typer.Option(help="Nanoseconds since 1970, for gtd.")] = None,
    post_only: Annotated[bool, typer.Option("--post-only", help="Refuse it where it would trade at once.")] = False,
    display: Annotated[str | None, typer.Option(help="How much of it is shown at a time.")] = None,
    client_id: Annotated[str | None, typer.Option(help="Your name for it; sent twice, it is one order.")] = None,
    key: KeyFile = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Place an order: ``proofbook order buy BTC-USD 1.5 --price 100``."""
    with connected(url, key, is_private=True) as client:
        placed = client.place(
            market,
            side.value,
            quantity,
            price=price,
            kind=None if kind is None else kind.value,
            stop_price=stop_price,
            time_in_force=time_in_force,
            expires_ns=expires_ns,
            post_only=post_only,
            display=display,
            client_id=client_id,
        )
    if as_json:
        print_value(placed)
        return
    print(described(placed))
    for fill in placed.fills:
        print(f"  traded {fill.quantity:f} at {fill.price:f}, fee {fill.fee:f}")


def cancel(
    order_id: Annotated[int | None, typer.Argument(help="The exchange's number of the order.")] = None,
    client_id: Annotated[str | None, typer.Option(help="Your name for the order instead.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All orders of the account instead.")] = False,
    market: OfMarket = None,
    key: KeyFile = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Cancel an order, or all."""
    if everything + (order_id is not None) + (client_id is not None) != 1:
        raise InputError("expected one of an order's number, --client-id and --all; received none or several")
    if market is not None and not everything:
        raise InputError(f"--market: expected it with --all only; received {market}")
    with connected(url, key, is_private=True) as client:
        if everything:
            count = client.cancel_all(market)
            if as_json:
                console.print_json({"cancelled": count})
            else:
                print(f"{count} orders cancelled")
            return
        cancelled = client.cancel(order_id, client_id=client_id)
    if as_json:
        print_value(cancelled)
    else:
        print(described(cancelled))


def orders(market: OfMarket = None, key: KeyFile = None, url: Url = None, as_json: Json = False) -> None:
    """Show the account's live orders."""
    with connected(url, key, is_private=True) as client:
        found = client.open_orders(market)
    for each in found:
        if as_json:
            print_value(each)
        else:
            print(described(each))
    if not found and not as_json:
        print("no live orders")


def fills(
    since_entry: Annotated[int | None, typer.Option(min=0, help="Those of later entries of the log.")] = None,
    limit: Count = 20,
    key: KeyFile = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show the account's trades."""
    with connected(url, key, is_private=True) as client:
        found = client.get_fills(since_entry, limit)
    if as_json:
        for each in found:
            print_value(each)
        return
    table = table_of("-entry", "market", "side", "-price", "-quantity", "-fee", "as", "client id")
    for each in found:
        change, its = each.report, each.report.order
        amounts = [f"{amount:f}" for amount in (change.price, change.quantity, change.fee) if amount is not None]
        table.add_row(str(each.entry), its.market, its.side, *amounts, change.liquidity or "", its.client_id or "")
    console.out.print(table if found else "no fills yet")


def balances(key: KeyFile = None, url: Url = None, as_json: Json = False) -> None:
    """Show what the account has."""
    with connected(url, key, is_private=True) as client:
        found = client.get_balances()
    if as_json:
        for each in found:
            print_value(each)
        return
    table = table_of("asset", "-total", "-held", "-available")
    for each in found:
        table.add_row(each.asset, f"{each.total:f}", f"{each.held:f}", f"{each.available:f}")
    console.out.print(table)


def demo_key(key: KeyFile = None, url: Url = None, as_json: Json = False) -> None:
    """Open a funded account at a demo exchange, with a new key where the file is not there yet."""
    check_packages()
    from proofbook.client import Key

    path = key or default_key_file()
    if not path.exists():
        Key.generate().save(path)
    with connected(url, path, is_private=True) as client:
        account = client.open_demo_account()
    if as_json:
        console.print_json({"account": account.account, "key": account.key, "file": str(path)})
    else:
        print(f"account {account.account}, key {account.key} in {path}")
