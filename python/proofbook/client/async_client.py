"""The client for asyncio.

All requests share connections of HTTP; each stream has a connection of its own, so that none takes another one down.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from proofbook.client import calls, feeds
from proofbook.client.calls import Amount
from proofbook.client.endpoint import DEFAULT_URL, TIMEOUT_S, Call, Endpoint, pause_s
from proofbook.client.errors import ConnectionFailedError, ExchangeError
from proofbook.client.feeds import Feed, OrderUpdate
from proofbook.client.keys import Key
from proofbook.client.types import (
    Asset,
    Balance,
    Book,
    Candle,
    DemoAccount,
    Interval,
    Market,
    Operated,
    Order,
    Placed,
    Report,
    State,
    Status,
    Ticker,
    Trade,
)
from proofbook.types import Kind, Side

T = TypeVar("T")


class AsyncClient:
    """An exchange, for asyncio: requests are awaited, streams are read with ``async for``.

    ::

        async with AsyncClient(key=Key.load("demo.key")) as client:
            order = await client.place("BTC-USD", "buy", "0.5", price="60000")
            async for book in client.book("BTC-USD"):
                print(book.best_bid, book.best_ask, book.resynced)

    Requests raise the exceptions of ``proofbook.client.errors``. They are repeated where that is safe: an order that
    got no answer is sent again with its client id, and the exchange makes one order of both. A stream raises where its
    first connection fails, or where the exchange refuses it; later it connects again, with growing pauses.

    Args:
        url: the exchange's address.
        key: signs what is about an account.
        timeout_s: how long to wait for an answer.
    """

    def __init__(self, url: str = DEFAULT_URL, key: Key | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        self._endpoint = Endpoint(url, key)
        self._http = httpx.AsyncClient(timeout=timeout_s, trust_env=not self._endpoint.is_local)
        self._markets: dict[str, Market] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections of requests; a stream closes its own when it is left."""
        await self._http.aclose()

    @property
    def url(self) -> str:
        """The exchange's address."""
        return self._endpoint.url

    async def status(self) -> Status:
        """How far the exchange is."""
        return await self._run(calls.status())

    async def assets(self) -> list[Asset]:
        """All assets."""
        return await self._run(calls.assets())

    async def markets(self) -> list[Market]:
        """All markets."""
        return await self._run(calls.markets())

    async def market(self, symbol: str) -> Market:
        """One market's terms.

        Raises:
            NotFoundError: there is none of that symbol.
        """
        if symbol not in self._markets:
            self._markets = {market.symbol: market for market in await self.markets()}
        return calls.market_among(self._markets, symbol)

    async def get_book(self, market: str, depth: int | None = None) -> Book:
        """A market's book now."""
        return calls.book_of(await self._run(calls.book(market, depth)))

    async def get_trades(self, market: str, limit: int | None = None) -> list[Trade]:
        """A market's last trades, oldest first."""
        return await self._run(calls.trades(market, limit))

    async def get_candles(
        self, market: str, interval: Interval = "1m", *, since_ns: int | None = None, limit: int | None = None
    ) -> list[Candle]:
        """A market's candles, oldest first."""
        return await self._run(calls.candles(market, interval, since_ns, limit))

    async def get_ticker(self, market: str) -> Ticker:
        """A market in one line."""
        return await self._run(calls.ticker(market))

    async def place(
        self,
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
    ) -> Placed:
        """Place an order, and say how it stands, and what it traded at once, once the log has it.

        Without a kind it is a limit order where it has a price, a market order where it has none; with a stop price it
        waits for that. Without a client id it gets one.

        Raises:
            RefusedError: the exchange refused it; `code` says why.
            UnansweredError: no answer came, several times: ask for the order by `client_id`.
        """
        call = calls.new_order(
            market,
            side,
            quantity,
            price=price,
            kind=kind,
            stop_price=stop_price,
            time_in_force=time_in_force,
            expires_ns=expires_ns,
            post_only=post_only,
            display=display,
            client_id=client_id,
        )
        return await self._run(call)

    async def replace(
        self,
        order_id: int,
        *,
        price: Amount | None = None,
        quantity: Amount | None = None,
        stop_price: Amount | None = None,
        client_id: str | None = None,
    ) -> Placed:
        """Give an order another price, total quantity (what has traded included) or stop price."""
        call = calls.replace(order_id, price=price, quantity=quantity, stop_price=stop_price, client_id=client_id)
        return await self._run(call)

    async def cancel(self, order_id: int | None = None, *, client_id: str | None = None) -> Order:
        """Cancel an order, by either of its ids.

        Raises:
            UnknownOrderError: it is not live.
        """
        return await self._run(calls.cancel(order_id, client_id))

    async def cancel_all(self, market: str | None = None) -> int:
        """Cancel all orders of the account, in one market or in all; give how many there were."""
        return (await self._run(calls.cancel_all(market))).cancelled

    async def open_orders(self, market: str | None = None) -> list[Order]:
        """The live orders of the account."""
        return await self._run(calls.open_orders(market))

    async def get_order(self, order_id: int | None = None, *, client_id: str | None = None) -> Order:
        """One order of the account, by either of its ids."""
        return await self._run(calls.order(order_id, client_id))

    async def order_history(self, market: str | None = None, limit: int | None = None) -> list[Order]:
        """Orders of the account that are gone."""
        return await self._run(calls.order_history(market, limit))

    async def get_balances(self) -> list[Balance]:
        """What the account has."""
        return await self._run(calls.balances())

    async def get_fills(
        self, since_entry: int | None = None, limit: int | None = None, since_index: int | None = None
    ) -> list[Report]:
        """Trades of the account, oldest first; those of later entries of the log where one is named.

        With `since_index` also those of this entry after that index: so a page goes on behind the last one's key.
        """
        return await self._run(calls.fills(since_entry, limit, since_index))

    async def open_demo_account(self) -> DemoAccount:
        """Open a funded account for this client's key, where the exchange gives such accounts."""
        return await self._run(calls.demo(self._endpoint.needed_key().public_key))

    async def operate(self, action: str, **fields: Any) -> Operated:
        """Ask for what an operator may, such as `operate("deposit", account=3, asset="BTC", amount="1")`."""
        return await self._run(calls.operate(action, fields))

    def book(self, market: str, depth: int | None = 25) -> AsyncGenerator[Book, None]:
        """A market's book, at first and after each change, always one whose checksum held.

        Where a message was lost or a checksum differed, the book is fetched anew; the next update has the reason in
        `resynced`.
        """
        return self._follow(feeds.BookFeed(market, depth))

    def trades(self, market: str) -> AsyncGenerator[Trade, None]:
        """A market's trades from now on."""
        return self._follow(feeds.trades(market))

    def candles(self, market: str) -> AsyncGenerator[Candle, None]:
        """A market's candle of this minute, as it changes."""
        return self._follow(feeds.candles(market))

    def states(self, market: str) -> AsyncGenerator[State, None]:
        """A market's state, as it changes."""
        return self._follow(feeds.states(market))

    def tickers(self, market: str) -> AsyncGenerator[Ticker, None]:
        """A market in one line, as it changes."""
        return self._follow(feeds.tickers(market))

    def orders(self, since_entry: int | None = None) -> AsyncGenerator[OrderUpdate, None]:
        """What happens to the account's orders.

        After the start and after each gap: the fills that were missed, then a `Reconciled` with all live orders. No
        fill is missing and none comes twice.

        Args:
            since_entry: every fill of a later entry of the log is given; where none is named, from the first read on.
        """
        return self._follow(feeds.OrdersFeed(since_entry))

    def balances(self) -> AsyncGenerator[Balance, None]:
        """What the account has of each asset, at first and after each change."""
        return self._follow(feeds.BalancesFeed())

    async def _run(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._once(call)
            except ExchangeError as error:
                if self._endpoint.asks_time(error):
                    self._endpoint.take_time(await self._once(calls.time()))
                    continue
                other = self._endpoint.instead(call, attempt, error)
                pause = 0.0 if other else self._endpoint.pause_before_next(call, attempt, error)
            if other is not None:
                return await self._run(other)
            await asyncio.sleep(pause)

    async def _once(self, call: Call[T]) -> T:
        endpoint = self._endpoint
        headers = endpoint.headers(call)
        try:
            response = await self._http.request(
                call.method, endpoint.url + call.target, content=call.body, headers=headers
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise endpoint.unsent(error) from error
        except httpx.TransportError as error:
            raise endpoint.unanswered(call, error) from error
        return endpoint.read(call, response.status_code, response.headers.get("Retry-After"), response.content)

    async def _follow(self, feed: Feed[T]) -> AsyncGenerator[T, None]:
        """Drive a feed for as long as someone reads it."""
        endpoint = self._endpoint
        is_known, failures = False, 0
        feed.begin([await self._run(call) for call in feed.needed()])
        while True:
            try:
                async with connect(endpoint.stream_url, **endpoint.stream_options()) as socket:
                    is_known = True
                    for message in feed.opened(endpoint):
                        await socket.send(message, text=True)
                    while True:
                        step = feed.received(await socket.recv())
                        while step.updates or step.sends or step.calls:
                            for update in step.updates:
                                yield update
                            for message in step.sends:
                                await socket.send(message, text=True)
                            answers = [await self._run(call) for call in step.calls]
                            step = feed.fetched(answers) if answers else feeds.NOTHING
                        failures = 0
            except ConnectionClosed as error:
                reason = endpoint.closed(*((error.rcvd.code, error.rcvd.reason) if error.rcvd else (None, None)))
            except (OSError, WebSocketException, ConnectionFailedError) as error:
                if not is_known:
                    raise endpoint.not_streaming(error) from error
                reason = f"the connection broke: {error or type(error).__name__}"
            failures += 1
            feed.broken(reason)
            feeds.log.warning("%s: %s", feed.channel, reason)
            await asyncio.sleep(pause_s(failures))
