"""What waits for one reader of a stream: bounded, and put together where the reader is slow.

While a reader keeps up, every message goes to it as it is, encoded once for all readers. From half of the bound on,
what can be put together is: deltas of a book into one, trades into fewer messages, and of candles, tickers, states and
balances only the last. A book whose merged delta would be long is shown anew instead. Reports of orders cannot be left
out; where they alone go beyond the bound, the reader is given up (``overflow``).

Invariants: of each channel and market, what was put together is newer than what waits; each book's messages follow
each other without a gap, or begin with a snapshot.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from proofbook.exchange.books import Merged
from proofbook.exchange.messages import Book, BookDelta, Trade, Trades, encode

MERGED_LEVELS_MAX = 2000
"""A merged delta with more levels gives way to a snapshot."""
MERGED_TRADES_MAX = 10_000
"""Trades that are put together for a slow reader, at most."""
SENT_BETWEEN = 64
"""Messages after which what was put together has its turn."""


def framed(channel: str, kind: str, value: object) -> str:
    """A message of the stream: channel and type, then the fields of a struct, without its tag if it has one."""
    body = encode(value).decode()
    start = body.index(",") if body.startswith('{"type":') else 0
    return f'{{"channel":"{channel}","type":"{kind}",{body[start + 1 :]}'


@dataclass(frozen=True, slots=True)
class _Waiting:
    text: str
    is_exempt: bool


class BookState:
    """A book that a reader is subscribed to.

    Attributes:
        held: the sequence that the reader has once it has read what waits; none while a snapshot has to come first.
        merged: the deltas after that, as one.
    """

    __slots__ = ("held", "merged")

    def __init__(self) -> None:
        self.held: int | None = None
        self.merged: Merged | None = None


class Outbox:
    """What waits for one reader.

    Attributes:
        waiting_bytes: how much waits as it is.
        conflations: how often messages were put together, by channel.
        overflow: whether it is over: more waits than may. Nothing is added any more.
    """

    def __init__(self, waiting_bytes_max: int) -> None:
        self.waiting_bytes = 0
        self.conflations: Counter[str] = Counter()
        self.overflow = False
        self._waiting_bytes_max = waiting_bytes_max
        self._waiting: deque[_Waiting] = deque()
        self._exempt_bytes = 0
        self._books: dict[str, BookState] = {}
        self._trades: dict[str, list[Trade]] = {}
        self._latest: dict[tuple[str, str, str], str] = {}
        self._ready = asyncio.Event()
        self._is_ending = False

    @property
    def is_slow(self) -> bool:
        """Whether so much waits that messages are put together."""
        return self.waiting_bytes > self._waiting_bytes_max // 2

    def put(self, text: str, *, is_exempt: bool = False) -> None:
        """Add a message that nothing can be put together with.

        Args:
            text: the message.
            is_exempt: whether it is not held against the bound: snapshots and what was put together, of which there is
                no more before the reader is no longer slow.
        """
        if self.overflow:
            return
        self._waiting.append(_Waiting(text, is_exempt))
        self.waiting_bytes += len(text)
        if is_exempt:
            self._exempt_bytes += len(text)
        self._ready.set()
        if self.waiting_bytes - self._exempt_bytes > self._waiting_bytes_max:
            self.overflow = True

    def _has_room(self, text: str) -> bool:
        return self.waiting_bytes + len(text) <= self._waiting_bytes_max // 2

    def put_latest(self, channel: str, name: str, text: str, part: str = "") -> None:
        """Add a message that the next one of the same channel, name and part replaces."""
        key = (channel, name, part)
        if key not in self._latest and self._has_room(text):
            self.put(text)
            return
        if self.overflow:
            return
        self._latest.pop(key, None)
        self._latest[key] = text
        self.conflations[channel] += 1
        self._ready.set()

    def put_trades(self, trades: Trades, text: str) -> None:
        """Add trades of a market."""
        merged = self._trades.get(trades.market)
        if merged is None and self._has_room(text):
            self.put(text)
            return
        if self.overflow:
            return
        if merged is None:
            merged = self._trades[trades.market] = []
        merged.extend(trades.trades)
        self.conflations["trades"] += 1
        self._ready.set()
        if len(merged) > MERGED_TRADES_MAX:
            self.overflow = True

    def open_book(self, market: str) -> None:
        """Begin to show a book: its snapshot comes first."""
        self._books[market] = BookState()
        self._ready.set()

    def close_book(self, market: str) -> None:
        """Show a book no more."""
        self._books.pop(market, None)

    def close_channel(self, channel: str, market: str) -> None:
        """Leave out what was put together of a channel."""
        if channel == "trades":
            self._trades.pop(market, None)
        else:
            self._latest = {key: text for key, text in self._latest.items() if key[:2] != (channel, market)}

    def put_delta(self, delta: BookDelta, text: str) -> None:
        """Add a delta of a book that is shown."""
        book = self._books.get(delta.market)
        if self.overflow or book is None or (book.held is not None and delta.sequence <= book.held):
            return
        if book.merged is not None:
            self.conflations["book"] += 1
            if book.merged.add(delta) and book.merged.levels <= MERGED_LEVELS_MAX:
                return
            book.held, book.merged = None, Merged(delta)
        elif book.held is None:
            book.merged = Merged(delta)
        elif delta.previous != book.held:
            book.held, book.merged = None, Merged(delta)
        elif self._has_room(text):
            book.held = delta.sequence
            self.put(text)
        else:
            self.conflations["book"] += 1
            book.merged = Merged(delta)
        self._ready.set()

    def _has_merged(self) -> bool:
        return bool(self._trades or self._latest) or any(
            book.held is None or book.merged is not None for book in self._books.values()
        )

    async def _put_merged(self, snapshot: Callable[[str], Awaitable[Book]]) -> None:
        """Let what was put together wait as it is now. Each part is taken out before it can change again."""
        latest, self._latest = self._latest, {}
        trades, self._trades = self._trades, {}
        for text in latest.values():
            self.put(text, is_exempt=True)
        for market, parts in trades.items():
            self.put(framed("trades", "update", Trades(market=market, trades=parts)), is_exempt=True)
        for market, book in list(self._books.items()):
            if book.held is None:
                shown = await snapshot(market)
                if self._books.get(market) is not book:
                    continue
                self.put(framed("book", "snapshot", shown), is_exempt=True)
                book.held = shown.sequence
            if book.merged is not None:
                delta = book.merged.delta(book.held)
                if delta is not None:
                    self.put(framed("book", "delta", delta), is_exempt=True)
                    book.held = delta.sequence
                elif book.merged.previous > book.held:
                    book.held = None
                    continue
                book.merged = None

    def finish(self) -> None:
        """Let `drain` return once it has sent everything that waits."""
        self._is_ending = True
        self._ready.set()

    async def drain(self, send: Callable[[str], Awaitable[None]], snapshot: Callable[[str], Awaitable[Book]]) -> None:
        """Send everything as it comes, until `finish`.

        Args:
            send: sends one message, and returns once the next one may be sent.
            snapshot: gives a market's book as it is now.
        """
        while True:
            sent = 0
            while self._waiting and sent < SENT_BETWEEN:
                item = self._waiting.popleft()
                await send(item.text)
                self.waiting_bytes -= len(item.text)
                if item.is_exempt:
                    self._exempt_bytes -= len(item.text)
                sent += 1
            if not self.is_slow and self._has_merged():
                await self._put_merged(snapshot)
            elif not self._waiting:
                if self._is_ending:
                    return
                self._ready.clear()
                await self._ready.wait()
