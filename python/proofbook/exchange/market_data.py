"""What everyone may ask: time, status, assets, markets, books, trades, candles, tickers; and a demo account."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Parameter

from proofbook.errors import InputError
from proofbook.exchange.access import address_of, services_of
from proofbook.exchange.configuration import Limits
from proofbook.exchange.failures import checked, failure, unreadable
from proofbook.exchange.keys import Key, public_key_of
from proofbook.exchange.messages import (
    AssetInfo,
    AssetsQuery,
    Book,
    BookQuery,
    Candle,
    CandlesFound,
    CandlesQuery,
    MarketInfo,
    ServerStatus,
    StatusQuery,
    Trade,
    TradesFound,
    TradesQuery,
)
from proofbook.exchange.requests import Deposit, OpenAccount
from proofbook.exchange.services import Services
from proofbook.exchange.tickers import Ticker

INTERVALS_S = {"1m": (60, 1), "5m": (300, 1), "15m": (300, 3), "1h": (3600, 1), "4h": (3600, 4), "1d": (86_400, 1)}
"""Of which candles those of an interval are made, and of how many."""
BOOK_LEVELS = 100
ROWS = 100

Interval = Literal["1m", "5m", "15m", "1h", "4h", "1d"]
Limit = Annotated[int | None, Parameter(ge=1, description="How many, at most; status has the bound.")]


class Histogram(msgspec.Struct):
    """Nanoseconds: for each bound, how many were not above it."""

    buckets: list[tuple[int, int]]
    count: int
    sum: int


class _Metrics(msgspec.Struct):
    histograms: dict[str, Histogram] = {}


class ExchangeStatus(ServerStatus, kw_only=True):
    """How far the exchange is, and what it allows."""

    latency: Histogram | None
    """From reading requests to sending their answers, with the log between, of each turn of the engine."""
    version: str
    is_demo: bool
    limits: Limits


class Time(msgspec.Struct):
    """The server's time."""

    time_ms: int
    time_ns: int


class DemoRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Whose account it shall be."""

    public_key: Annotated[str, msgspec.Meta(description="An Ed25519 public key, 64 hexadecimal digits.")]


class DemoAnswer(msgspec.Struct):
    """An account with funds, and the id of its key."""

    account: int
    key: str


def bounded(limit: int | None, usual: int, most: int) -> int:
    """How many of something are given.

    Raises:
        ApiError: more are asked for than may be.
    """
    if limit is not None and limit > most:
        raise unreadable(f"limit: expected a number from 1 to {most}; received {limit}")
    return min(usual, most) if limit is None else limit


async def known_market(services: Services, symbol: str) -> str:
    """A market's symbol, if there is such a market.

    Raises:
        ApiError: there is none.
    """
    if not await services.has_market(symbol):
        raise failure("unknown_market", expected="a symbol of GET markets", received=repr(symbol[:40]))
    return symbol


@get("/time", tags=["market data"], summary="The server's time")
async def get_time() -> Time:
    """For clients whose clock may be wrong."""
    now_ns = time.time_ns()
    return Time(now_ns // 1_000_000, now_ns)


@get("/status", tags=["market data"], summary="How far the exchange is, and its limits")
async def get_status(request: Request[Any, Any, Any]) -> ExchangeStatus:
    """Entries of the log that were taken, acknowledged and published; every bound that clients meet."""
    import proofbook

    services = services_of(request)
    found = await services.hub.query(StatusQuery(), ServerStatus)
    metrics = msgspec.json.decode(services.hub.native.metrics(), type=_Metrics)
    return ExchangeStatus(
        **msgspec.structs.asdict(found),
        latency=metrics.histograms.get("turn_ns"),
        version=proofbook.__version__,
        is_demo=services.configuration.demo,
        limits=services.configuration.limits,
    )


@get("/assets", tags=["market data"], summary="All assets")
async def get_assets(request: Request[Any, Any, Any]) -> list[AssetInfo]:
    """With the decimals of their amounts."""
    return await services_of(request).hub.query(AssetsQuery(), list[AssetInfo])


@get("/markets", tags=["market data"], summary="All markets")
async def get_markets(request: Request[Any, Any, Any]) -> list[MarketInfo]:
    """With their terms and states."""
    return await services_of(request).markets()


@get("/markets/{symbol:str}/book", tags=["market data"], summary="A market's best levels")
async def get_book(
    request: Request[Any, Any, Any],
    symbol: Annotated[str, Parameter(examples=[Example(value="BTC-USD")])],
    limit: Limit = None,
    shape: Annotated[
        Literal["proofbook", "ccxt"], Parameter(description="ccxt: levels as [price, amount], times in milliseconds.")
    ] = "proofbook",
) -> Book | Response[dict[str, Any]]:
    """Levels are [price, quantity, orders], best first; `sequence` is that of the last delta of the stream in it."""
    services = services_of(request)
    depth = bounded(limit, BOOK_LEVELS, services.configuration.limits.book_levels_max)
    query = BookQuery(market=await known_market(services, symbol), depth=depth)
    book = await services.hub.query(query, Book)
    return Response(_in_shape_of_ccxt(book)) if shape == "ccxt" else book


def _in_shape_of_ccxt(book: Book) -> dict[str, Any]:
    """A book as ccxt's unified order book has it; prices and amounts stay texts, which are exact."""
    moment = datetime.fromtimestamp(book.time_ns / 10**9, UTC)
    return {
        "symbol": book.market.replace("-", "/", 1),
        "bids": [level[:2] for level in book.bids],
        "asks": [level[:2] for level in book.asks],
        "timestamp": book.time_ns // 1_000_000,
        "datetime": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "nonce": book.sequence,
    }


@get("/markets/{symbol:str}/trades", tags=["market data"], summary="A market's last trades")
async def get_trades(request: Request[Any, Any, Any], symbol: str, limit: Limit = None) -> list[Trade]:
    """The newest one last; a trade's side is that of the order that came."""
    services = services_of(request)
    rows = bounded(limit, ROWS, services.configuration.limits.rows_max)
    query = TradesQuery(market=await known_market(services, symbol), limit=rows)
    return (await services.hub.query(query, TradesFound)).trades


@get("/markets/{symbol:str}/candles", tags=["market data"], summary="A market's candles")
async def get_candles(
    request: Request[Any, Any, Any],
    symbol: str,
    interval: Interval = "1m",
    since: Annotated[
        int | None, Parameter(ge=0, le=(1 << 63) - 1, description="Nanoseconds since 1970; without it, the last.")
    ] = None,
    limit: Limit = None,
) -> list[Candle]:
    """The newest one last, which may not be over yet. Intervals without a trade have no candle."""
    services = services_of(request)
    rows_max = services.configuration.limits.rows_max
    rows = bounded(limit, ROWS, rows_max)
    part_s, parts = INTERVALS_S[interval]
    query = CandlesQuery(
        market=await known_market(services, symbol),
        interval_s=part_s,
        since_ns=None if since is None else since - since % (part_s * parts * 10**9),
        limit=min(rows * parts, rows_max),
    )
    candles = (await services.hub.query(query, CandlesFound)).candles
    if parts == 1:
        return candles
    joined = _joined(candles, part_s * parts * 10**9)
    return joined[-rows:] if since is None else joined[:rows]


def _joined(candles: list[Candle], interval_ns: int) -> list[Candle]:
    """Longer candles made of shorter ones."""
    joined: list[Candle] = []
    for candle in candles:
        start_ns = candle.start_ns - candle.start_ns % interval_ns
        if not joined or joined[-1].start_ns != start_ns:
            joined.append(msgspec.structs.replace(candle, start_ns=start_ns))
            continue
        last = joined[-1]
        last.high = max(last.high, candle.high, key=Decimal)
        last.low = min(last.low, candle.low, key=Decimal)
        last.close = candle.close
        last.volume = f"{Decimal(last.volume) + Decimal(candle.volume):f}"
        last.trades += candle.trades
    return joined


@get("/markets/{symbol:str}/ticker", tags=["market data"], summary="A market at a glance")
async def get_ticker(request: Request[Any, Any, Any], symbol: str) -> Ticker:
    """Touch, last price, and the day up to now."""
    services = services_of(request)
    return await services.tickers.get(await known_market(services, symbol))


@post("/demo", status_code=200, tags=["demo"], summary="Open an account with funds")
async def post_demo(request: Request[Any, Any, Any], data: DemoRequest) -> DemoAnswer:
    """Where the configuration has `demo = true`: an account for a public key; a second time it is the same one."""
    services = services_of(request)
    if not services.configuration.demo:
        raise failure("not_found", expected="demo = true in exchange.toml", received="demo = false")
    try:
        public_key = public_key_of(data.public_key)
    except InputError as error:
        raise unreadable(str(error)) from None
    async with services.opening:
        key = services.keys.with_public_key(public_key)
        if key is None:
            services.demos_by_address.take(address_of(request))
            key = await _open_demo(services, public_key)
    if not key.is_demo or key.revoked_ns is not None:
        raise failure("key_in_use", expected="a public key that is not used yet", received=key.id)
    return DemoAnswer(key.account, key.id)


async def _open_demo(services: Services, public_key: bytes) -> Key:
    """A new account with the funds of the configuration. The key comes last: what fails before leaves nobody a part."""
    demo = services.configuration.demo_accounts
    if services.keys.count_demo() >= demo.accounts_max:
        raise failure("demo_full", expected=f"at most {demo.accounts_max}", received="one more")
    account = checked(await services.hub.ask(OpenAccount())).account
    for asset, amount in demo.deposits.items():
        checked(await services.hub.ask(Deposit(account=account, asset=asset, amount=amount)))
    return services.keys.add(public_key, account, "trade", is_demo=True)


HANDLERS: list[HTTPRouteHandler] = [
    get_time,
    get_status,
    get_assets,
    get_markets,
    get_book,
    get_trades,
    get_candles,
    get_ticker,
    post_demo,
]
