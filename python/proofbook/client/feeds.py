"""What the clients share of the stream, without any input or output: what to send, and what a message means.

A ``Feed`` is one subscription. The client that drives it connects, sends what ``opened`` gives, hands each message to
``received`` and does what the ``Step`` says: sends, fetches, gives updates to whoever asked. After a broken connection
it begins again with the same feed, which knows what was seen. So both clients, with and without asyncio, do the same.

Invariants: an update of a book shows a book whose checksum held. Of an account's fills after a feed's start, each is
given once, in order, however often the connection broke: what was missed is fetched by the number of its entry.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from proofbook.client import calls
from proofbook.client.book import Applied, LocalBook
from proofbook.client.endpoint import STREAM, Call, Endpoint, Fault, fault_of
from proofbook.client.errors import AnswerError
from proofbook.client.keys import signed_text
from proofbook.client.types import (
    Balance,
    Book,
    BookMessage,
    Candle,
    Reconciled,
    Report,
    State,
    Ticker,
    Trade,
)

T = TypeVar("T")

OrderUpdate: TypeAlias = Report | Reconciled
"""What the stream of an account's orders gives."""

RESYNCS_MAX = 5
"""So often in a row a book is fetched anew before the stream gives up: then it is no accident."""

log = logging.getLogger("proofbook.client")


@dataclass(frozen=True)
class Step(Generic[T]):
    """What a message leads to: first the updates are given, then the messages sent, then the calls made.

    Attributes:
        updates: for whoever reads the stream.
        sends: messages for the exchange.
        calls: requests whose answers go to the feed's ``fetched``.
    """

    updates: Sequence[T] = ()
    sends: Sequence[bytes] = ()
    calls: Sequence[Call[Any]] = ()


NOTHING: Step[Any] = Step()


class _Head(msgspec.Struct):
    """What every message of the stream may have."""

    id: Any = None
    error: Fault | None = None
    channel: str | None = None
    type: str | None = None
    market: str | None = None


def encoded(**fields: Any) -> bytes:
    """A message for the exchange."""
    return msgspec.json.encode({name: value for name, value in fields.items() if value is not None})


class Feed(Generic[T]):
    """One subscription.

    Args:
        channel: its name.
        market: of which market; None for an account's.
    """

    is_private = False

    def __init__(self, channel: str, market: str | None = None) -> None:
        self.channel = channel
        self.market = market
        self._reason: str | None = None

    def needed(self) -> Sequence[Call[Any]]:
        """What to ask before the first connection."""
        return ()

    def begin(self, answers: Sequence[Any]) -> None:
        """Take the answers to that, in their order."""

    def opened(self, endpoint: Endpoint) -> list[bytes]:
        """What to send on a new connection."""
        if not self.is_private:
            return [self.request("subscribe")]
        key, timestamp = endpoint.needed_key(), endpoint.timestamp_ms()
        signature = key.sign(signed_text(timestamp, "GET", STREAM, b""))
        login = encoded(op="login", key=key.id, timestamp=timestamp, signature=signature, id="login")
        return [login, self.request("subscribe")]

    def request(self, op: str) -> bytes:
        """A message that begins or ends the subscription."""
        return encoded(op=op, channel=self.channel, market=self.market, id=op)

    def received(self, data: bytes | str) -> Step[T]:
        """What a message means.

        Raises:
            ApiError: the exchange refuses the login or the subscription.
            AnswerError: it is no message of this interface.
        """
        content = data.encode() if isinstance(data, str) else data
        try:
            head = msgspec.json.decode(content, type=_Head)
            if head.error is not None:
                raise fault_of(0, head.error)
            if head.channel == self.channel and head.type != "resync":
                return self.told(content)
            if head.id == "subscribe":
                return self.behind(None)
            return self.behind("the exchange dropped messages") if head.type == "resync" else NOTHING
        except msgspec.MsgspecError as error:
            shown = content[:80].decode(errors="replace")
            raise AnswerError(f"stream: expected a message of {self.channel}; received {shown!r} ({error})") from None

    def behind(self, reason: str | None) -> Step[T]:
        """The subscription begins (without a reason), or messages were dropped on the way."""
        self._reason = reason or self._reason
        return Step(calls=self.missing())

    def missing(self) -> Sequence[Call[Any]]:
        """What to ask where messages may be missing; nothing, where each message stands for itself."""
        return ()

    def told(self, content: bytes) -> Step[T]:
        """A message of the channel."""
        raise NotImplementedError

    def fetched(self, answers: Sequence[Any]) -> Step[T]:
        """The answers to a step's calls, in their order."""
        raise NotImplementedError

    def broken(self, reason: str) -> None:
        """The connection broke; there will be another."""
        self._reason = reason


class PublicFeed(Feed[T]):
    """A channel of a market whose messages each stand for themselves: trades, candles, states, tickers.

    What is said while there is no connection is not said again.
    """

    def __init__(self, channel: str, market: str, decode: Callable[[bytes], Sequence[T]]) -> None:
        super().__init__(channel, market)
        self._decode = decode

    def told(self, content: bytes) -> Step[T]:
        """The message's updates."""
        return Step(self._decode(content))


class _Trades(msgspec.Struct):
    trades: list[Trade]


def trades(market: str) -> PublicFeed[Trade]:
    """A market's trades."""

    def decode(content: bytes) -> list[Trade]:
        return msgspec.json.decode(content, type=_Trades).trades

    return PublicFeed("trades", market, decode)


def candles(market: str) -> PublicFeed[Candle]:
    """A market's candles."""
    return PublicFeed("candles", market, lambda content: [msgspec.json.decode(content, type=Candle)])


def states(market: str) -> PublicFeed[State]:
    """A market's states."""
    return PublicFeed("state", market, lambda content: [msgspec.json.decode(content, type=State)])


def tickers(market: str) -> PublicFeed[Ticker]:
    """A market's tickers."""
    return PublicFeed("ticker", market, lambda content: [msgspec.json.decode(content, type=Ticker)])


class BookFeed(Feed[Book]):
    """A market's book, kept in step by itself.

    Where a message is missing or a checksum differs, this market alone is subscribed to anew on the same connection;
    the next update says why.

    Args:
        market: its symbol.
        depth: how many of the best levels of each side updates have; None for all.

    Attributes:
        book: the book, once the stream has begun.
    """

    def __init__(self, market: str, depth: int | None) -> None:
        super().__init__("book", market)
        self.book = LocalBook(market, price_decimals=0, quantity_decimals=0)
        self._depth = depth
        self._resyncs = 0
        self._is_asking = True

    def needed(self) -> Sequence[Call[Any]]:
        """The market's decimals."""
        return [calls.markets()]

    def begin(self, answers: Sequence[Any]) -> None:
        """Make the book.

        Raises:
            NotFoundError: there is no such market.
        """
        terms = calls.market_among({market.symbol: market for market in answers[0]}, self.book.market)
        self.book = LocalBook(
            terms.symbol, price_decimals=terms.price_decimals, quantity_decimals=terms.quantity_decimals
        )

    def opened(self, endpoint: Endpoint) -> list[bytes]:
        """A new connection begins with a snapshot."""
        self._is_asking = True
        return super().opened(endpoint)

    def told(self, content: bytes) -> Step[Book]:
        """A snapshot or a delta."""
        message = msgspec.json.decode(content, type=BookMessage)
        applied = self.book.apply(message)
        if message.type == "snapshot":
            self._is_asking = False
        elif applied is Applied.YES:
            self._resyncs = 0
        if applied is Applied.YES:
            reason, self._reason = self._reason, None
            return Step([self.book.shown(self._depth, reason)])
        if applied is Applied.OLD or self._is_asking:
            return NOTHING
        return self._ask()

    def _ask(self) -> Step[Book]:
        self._reason = self.book.fault
        self._resyncs += 1
        log.warning("%s: fetched anew: %s", self.market, self._reason)
        if self._resyncs > RESYNCS_MAX:
            raise AnswerError(f"{self.market}: no book in step after {RESYNCS_MAX} snapshots: {self._reason}")
        self._is_asking = True
        return Step(sends=[self.request("unsubscribe"), self.request("subscribe")])

    def broken(self, reason: str) -> None:
        """What was held is old."""
        super().broken(reason)
        self.book.reset(reason)


class OrdersFeed(Feed[OrderUpdate]):
    """What happens to an account's orders; fills that were missed are fetched.

    After each subscription, and where the exchange says that it dropped reports, the fills since the last report are
    fetched, and then the live orders: a `Reconciled`. Whatever has a key up to the last one seen is known by then, and
    is passed over.

    Args:
        since_entry: the entry of the log after which every fill is to be given; None for from now on.
    """

    is_private = True

    def __init__(self, since_entry: int | None) -> None:
        super().__init__("orders")
        self._since_entry = since_entry
        self._seen = (0, -1) if since_entry is None else (since_entry + 1, -1)
        self._has_fills = False

    def needed(self) -> Sequence[Call[Any]]:
        """How far the exchange is, where fills are wanted from now on."""
        return [calls.status()] if self._since_entry is None else []

    def begin(self, answers: Sequence[Any]) -> None:
        """Begin behind what was published then."""
        for status in answers:
            self._seen = (status.published + 1, -1)

    def missing(self) -> list[Call[Any]]:
        """Fills, and then the live orders."""
        self._has_fills = False
        return [self._missed_fills()]

    def _missed_fills(self) -> Call[list[Report]]:
        entry, index = self._seen
        if index < 0:
            return calls.fills(entry - 1, calls.FILLS_MAX)
        # Only a part of an entry's reports may have been seen, and it may have more than a page.
        return calls.fills(entry, calls.FILLS_MAX, index)

    def fetched(self, answers: Sequence[Any]) -> Step[OrderUpdate]:
        """Give the fills that were missed; after the last of them, the live orders."""
        (answer,) = answers
        if self._has_fills:
            return Step([Reconciled(tuple(answer), self._reason)])
        fills = self._new(answer)
        if len(answer) < calls.FILLS_MAX:
            self._has_fills = True
            return Step(fills, calls=[calls.open_orders(None)])
        if not fills:
            raise AnswerError(f"expected fills behind report {self._seen}; received {len(answer)} that are not")
        return Step(fills, calls=[self._missed_fills()])

    def told(self, content: bytes) -> Step[OrderUpdate]:
        """A report."""
        return Step(self._new([msgspec.json.decode(content, type=Report)]))

    def _new(self, reports: Sequence[Report]) -> list[Report]:
        new = []
        for report in reports:
            if report.key > self._seen:
                self._seen = report.key
                new.append(report)
        return new


class BalancesFeed(Feed[Balance]):
    """What an account has: all of it at the start and after a gap, then each change."""

    is_private = True

    def __init__(self) -> None:
        super().__init__("balances")

    def missing(self) -> list[Call[Any]]:
        """All balances."""
        return [calls.balances()]

    def fetched(self, answers: Sequence[Any]) -> Step[Balance]:
        """What there is of each asset."""
        return Step(answers[0])

    def told(self, content: bytes) -> Step[Balance]:
        """One that changed."""
        return Step([msgspec.json.decode(content, type=Balance)])
