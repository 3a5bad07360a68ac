"""The client without asyncio.

All requests share connections of HTTP; each stream has a connection of its own, so that none takes another one down.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

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


class Client:
    """An exchange: requests give their answers, streams are read with ``for``.

    ::

        with Client(key=Key.load("demo.key")) as client:
            order = client.place("BTC-USD", "buy", "0.5", price="60000")
            for book in client.watch_book("BTC-USD"):
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
        self._http = httpx.Client(timeout=timeout_s, trust_env=not self._endpoint.is_local)
        self._markets: dict[str, Market] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of requests; a stream closes its own when it is left."""
        self._http.close()

    @property
    def url(self) -> str:
        """The exchange's address."""
        return self._endpoint.url

    def status(self) -> Status:
        """How far the exchange is."""
        return self._run(calls.status())

    def assets(self) -> list[Asset]:
        """All assets."""
        return self._run(calls.assets())

    def markets(self) -> list[Market]:
        """All markets."""
        return self._run(calls.markets())

    def market(self, symbol: str) -> Market:
        """One market's terms.

        Raises:
            NotFoundError: there is none of that symbol.
        """
        if symbol not in self._markets:
            self._markets = {market.symbol: market for market in self.markets()}
        return calls.market_among(self._markets, symbol)

    def get_book(self, market: str, depth: int | None = None) -> Book:
        """A market's book now."""
        return calls.book_of(self._run(calls.book(market, depth)))

    def get_trades(self, market: str, limit: int | None = None) -> list[Trade]:
        """A market's last trades, oldest first."""
        return self._run(calls.trades(market, limit))

    def get_candles(
        self, market: str, interval: Interval = "1m", *, since_ns: int | None = None, limit: int | None = None
    ) -> list[Candle]:
        """A market's candles, oldest first."""
        return self._run(calls.candles(market, interval, since_ns, limit))

    def get_ticker(self, market: str) -> Ticker:
        """A market in one line."""
        return self._run(calls.ticker(market))

    def place(
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
        return self._run(call)

    def replace(
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
        return self._run(call)

    def cancel(self, order_id: int | None = None, *, client_id: str | None = None) -> Order:
        """Cancel an order, by either of its ids.

        Raises:
            UnknownOrderError: it is not live.
        """
        return self._run(calls.cancel(order_id, client_id))

    def cancel_all(self, market: str | None = None) -> int:
        """Cancel all orders of the account, in one market or in all; give how many there were."""
        return self._run(calls.cancel_all(market)).cancelled

    def open_orders(self, market: str | None = None) -> list[Order]:
        """The live orders of the account."""
        return self._run(calls.open_orders(market))

    def get_order(self, order_id: int | None = None, *, client_id: str | None = None) -> Order:
        """One order of the account, by either of its ids."""
        return self._run(calls.order(order_id, client_id))

    def order_history(self, market: str | None = None, limit: int | None = None) -> list[Order]:
        """Orders of the account that are gone."""
        return self._run(calls.order_history(market, limit))

    def get_balances(self) -> list[Balance]:
        """What the account has."""
        return self._run(calls.balances())

    def get_fills(
        self, since_entry: int | None = None, limit: int | None = None, since_index: int | None = None
    ) -> list[Report]:
        """Trades of the account, oldest first; those of later entries of the log where one is named.

        With `since_index` also those of this entry after that index: so a page goes on behind the last one's key.
        """
        return self._run(calls.fills(since_entry, limit, since_index))

    def open_demo_account(self) -> DemoAccount:
        """Open a funded account for this client's key, where the exchange gives such accounts."""
        return self._run(calls.demo(self._endpoint.needed_key().public_key))

    def operate(self, action: str, **fields: Any) -> Operated:
        """Ask for what an operator may, such as `operate("deposit", account=3, asset="BTC", amount="1")`."""
        return self._run(calls.operate(action, fields))

    def watch_book(self, market: str, depth: int | None = 25) -> Generator[Book, None, None]:
        """A market's book, at first and after each change, always one whose checksum held.

        Where a message was lost or a checksum differed, the book is fetched anew; the next update has the reason in
        `resynced`.
        """
        return self._follow(feeds.BookFeed(market, depth))

    def watch_trades(self, market: str) -> Generator[Trade, None, None]:
        """A market's trades from now on."""
        return self._follow(feeds.trades(market))

    def watch_candles(self, market: str) -> Generator[Candle, None, None]:
        """A market's candle of this minute, as it changes."""
        return self._follow(feeds.candles(market))

    def watch_states(self, market: str) -> Generator[State, None, None]:
        """A market's state, as it changes."""
        return self._follow(feeds.states(market))

    def watch_tickers(self, market: str) -> Generator[Ticker, None, None]:
        """A market in one line, as it changes."""
        return self._follow(feeds.tickers(market))

    def watch_orders(self, since_entry: int | None = None) -> Generator[OrderUpdate, None, None]:
        """What happens to the account's orders.

        After the start and after each gap: the fills that were missed, then a `Reconciled` with all live orders. No
        fill is missing and none comes twice.

        Args:
            since_entry: every fill of a later entry of the log is given; where none is named, from the first read on.
        """
        return self._follow(feeds.OrdersFeed(since_entry))

    def watch_balances(self) -> Generator[Balance, None, None]:
        """What the account has of each asset, at first and after each change."""
        return self._follow(feeds.BalancesFeed())

    def _run(self, call: Call[T]) -> T:
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._once(call)
            except ExchangeError as error:
                if self._endpoint.asks_time(error):
                    self._endpoint.take_time(self._once(calls.time()))
                    continue
                other = self._endpoint.instead(call, attempt, error)
                pause = 0.0 if other else self._endpoint.pause_before_next(call, attempt, error)
            if other is not None:
                return self._run(other)
            time.sleep(pause)

    def _once(self, call: Call[T]) -> T:
        endpoint = self._endpoint
        headers = endpoint.headers(call)
        try:
            response = self._http.request(call.method, endpoint.url + call.target, content=call.body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise endpoint.unsent(error) from error
        except httpx.TransportError as error:
            raise endpoint.unanswered(call, error) from error
        return endpoint.read(call, response.status_code, response.headers.get("Retry-After"), response.content)

    def _follow(self, feed: Feed[T]) -> Generator[T, None, None]:
        """Drive a feed for as long as someone reads it."""
        endpoint = self._endpoint
        is_known, failures = False, 0
        feed.begin([self._run(call) for call in feed.needed()])
        while True:
            try:
                with connect(endpoint.stream_url, **endpoint.stream_options()) as socket:
                    is_known = True
                    for message in feed.opened(endpoint):
                        socket.send(message, text=True)
                    while True:
                        step = feed.received(socket.recv())
                        while step.updates or step.sends or step.calls:
                            yield from step.updates
                            for message in step.sends:
                                socket.send(message, text=True)
                            answers = [self._run(call) for call in step.calls]
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
            time.sleep(pause_s(failures))
