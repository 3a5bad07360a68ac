"""A market's book as a client keeps it: a snapshot, deltas on top of it, and a check of every step.

Each message names the sequence number that it follows. A delta that does not follow is kept until what is missing
comes, or until a snapshot makes it old; a delta that says what is known already is dropped. After each one the checksum
is computed from integers and compared. Invariants: a book that is synced equals the exchange's at its sequence number,
as far as the checksum reaches; a book that is not shows nothing.

>>> book = LocalBook("BTC-USD", price_decimals=2, quantity_decimals=3)
>>> level = Level(Decimal("100.00"), Decimal("1.500"), 1)
>>> snapshot = BookMessage("BTC-USD", 7, bids=(level,), checksum=zlib.crc32(b"10000:1500:1;"))
>>> book.apply(snapshot)
<Applied.YES: 'yes'>
>>> book.best_bid
Level(price=Decimal('100.00'), quantity=Decimal('1.500'), orders=1)
>>> book.apply(BookMessage("BTC-USD", 9, previous=8, type="delta"))
<Applied.GAP: 'gap'>
>>> book.is_synced, book.fault
(False, 'expected what follows 7; received 9, which follows 8')
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from itertools import islice

from proofbook.client.types import Book, BookMessage, Level
from proofbook.errors import InputError

CHECKED_LEVELS = 25
"""So many of the best levels of each side are in the checksum."""
PENDING_MAX = 1_000
"""So many deltas that do not follow are kept; beyond, the oldest goes."""


class Applied(Enum):
    """What became of a message."""

    YES = "yes"
    """The book is at its sequence number now, or behind it by what had been waiting."""
    OLD = "old"
    """What it says was known."""
    GAP = "gap"
    """Something before it is missing: the book waits for that, or for a snapshot."""
    MISMATCH = "mismatch"
    """The checksum differs: the book needs a snapshot."""


@dataclass
class _Side:
    """One side of the book, in integers: levels by ticks, and their ticks in order.

    Attributes:
        sign: 1 for asks, -1 for bids: keys are ticks times this, so that the best comes first.
    """

    sign: int
    levels: dict[int, tuple[int, int]] = field(default_factory=dict)
    keys: list[int] = field(default_factory=list)

    def clear(self) -> None:
        self.levels.clear()
        self.keys.clear()

    def set(self, ticks: int, lots: int, orders: int) -> None:
        key = ticks * self.sign
        if lots == 0:
            if self.levels.pop(ticks, None) is not None:
                del self.keys[bisect_left(self.keys, key)]
        else:
            if ticks not in self.levels:
                insort(self.keys, key)
            self.levels[ticks] = (lots, orders)

    def best(self, count: int | None) -> Iterator[tuple[int, int, int]]:
        for key in islice(self.keys, count):
            lots, orders = self.levels[key * self.sign]
            yield key * self.sign, lots, orders


def scaled(value: Decimal, decimals: int) -> int:
    """A decimal as an integer of its smallest unit.

    >>> scaled(Decimal("0.05"), 2)
    5

    Raises:
        InputError: it has more decimals than that.
    """
    number = value.scaleb(decimals)
    integer = int(number)
    if integer != number:
        raise InputError(f"expected at most {decimals} decimals; received {value}")
    return integer


class LocalBook:
    """The levels of one market, kept by snapshots and deltas.

    Args:
        market: its symbol.
        price_decimals: decimals of its prices.
        quantity_decimals: decimals of its quantities.

    Attributes:
        sequence: of the last message that the book holds; None before the first snapshot.
        fault: why the book is not in step, or None.
        mismatches: checksums that differed, since the book was made.
        gaps: times that something was missing, since the book was made.
    """

    def __init__(self, market: str, *, price_decimals: int, quantity_decimals: int) -> None:
        self.market = market
        self.price_decimals = price_decimals
        self.quantity_decimals = quantity_decimals
        self.sequence: int | None = None
        self.entry = 0
        self.time_ns = 0
        self.fault: str | None = "expected a snapshot first; received none yet"
        self.mismatches = 0
        self.gaps = 0
        self._bids = _Side(-1)
        self._asks = _Side(1)
        self._pending: dict[int, BookMessage] = {}

    @property
    def is_synced(self) -> bool:
        """Whether the book is in step with the exchange's."""
        return self.fault is None

    def reset(self, reason: str) -> None:
        """Forget everything: the connection broke, and what comes next begins with a snapshot."""
        self._bids.clear()
        self._asks.clear()
        self._pending.clear()
        self.sequence = None
        self.fault = reason

    def apply(self, message: BookMessage) -> Applied:
        """Take a snapshot, or a delta that follows what the book holds, and then what was waiting for it.

        A level's quantity is absolute. So a delta that joins several may begin before the book's sequence number.
        """
        if message.type == "snapshot":
            self._bids.clear()
            self._asks.clear()
        elif self.sequence is not None and message.sequence <= self.sequence:
            return Applied.OLD
        elif self.sequence is None or message.previous > self.sequence:
            self._wait(message)
            return Applied.GAP
        applied = self._take(message)
        return self._follow() if applied is Applied.YES else applied

    def _wait(self, message: BookMessage) -> None:
        self._pending[message.sequence] = message
        if len(self._pending) > PENDING_MAX:
            del self._pending[min(self._pending)]
        if self.fault is None:
            self.gaps += 1
            self.fault = (
                f"expected what follows {self.sequence}; received {message.sequence}, which follows {message.previous}"
            )

    def _follow(self) -> Applied:
        """Take what was waiting, as far as there is no gap in it."""
        for sequence in sorted(self._pending):
            message = self._pending[sequence]
            assert self.sequence is not None, "a message was taken just now"
            if sequence > self.sequence:
                if message.previous > self.sequence:
                    self.fault = f"expected what follows {self.sequence}; received nothing of it yet"
                    return Applied.GAP
                if self._take(message) is Applied.MISMATCH:
                    return Applied.MISMATCH
            del self._pending[sequence]
        return Applied.YES

    def _take(self, message: BookMessage) -> Applied:
        if message.market != self.market:
            raise InputError(f"expected a message about {self.market}; received one about {message.market}")
        for side, levels in ((self._bids, message.bids), (self._asks, message.asks)):
            for level in levels:
                ticks = scaled(level.price, self.price_decimals)
                side.set(ticks, scaled(level.quantity, self.quantity_decimals), level.orders)
        self.entry, self.time_ns = message.entry, message.time_ns
        checksum = self.checksum()
        if checksum != message.checksum:
            self.mismatches += 1
            self.reset(f"expected the checksum {message.checksum} at {message.sequence}; received {checksum}")
            return Applied.MISMATCH
        self.sequence, self.fault = message.sequence, None
        return Applied.YES

    def checksum(self) -> int:
        """CRC-32 of the best levels in ticks and lots, bids first."""
        return checksum_of(self._bids.best(CHECKED_LEVELS), self._asks.best(CHECKED_LEVELS))

    def bids(self, depth: int | None = None) -> tuple[Level, ...]:
        """The best bids, best first; all of them without a depth. None where the book is not in step."""
        return self._levels(self._bids, depth)

    def asks(self, depth: int | None = None) -> tuple[Level, ...]:
        """The best asks, best first; all of them without a depth. None where the book is not in step."""
        return self._levels(self._asks, depth)

    def _levels(self, side: _Side, depth: int | None) -> tuple[Level, ...]:
        if self.fault is not None:
            return ()
        return tuple(
            Level(Decimal(ticks).scaleb(-self.price_decimals), Decimal(lots).scaleb(-self.quantity_decimals), orders)
            for ticks, lots, orders in side.best(depth)
        )

    @property
    def best_bid(self) -> Level | None:
        """The highest bid."""
        return next(iter(self.bids(1)), None)

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask."""
        return next(iter(self.asks(1)), None)

    def shown(self, depth: int | None, resynced: str | None = None) -> Book:
        """The book as a value that stays as it is."""
        return Book(
            market=self.market,
            sequence=self.sequence or 0,
            entry=self.entry,
            time_ns=self.time_ns,
            bids=self.bids(depth),
            asks=self.asks(depth),
            resynced=resynced,
        )


def checksum_of(bids: Iterable[tuple[int, int, int]], asks: Iterable[tuple[int, int, int]]) -> int:
    """The checksum of levels in ticks, lots and orders, best first.

    >>> checksum_of([(10000, 1500, 1)], []) == zlib.crc32(b"10000:1500:1;")
    True
    """
    text = "".join(f"{ticks}:{lots}:{orders};" for side in (bids, asks) for ticks, lots, orders in side)
    return zlib.crc32(text.encode())
