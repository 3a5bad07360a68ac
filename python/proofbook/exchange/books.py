"""Books as deltas: their checksum, deltas merged into one, and a book kept from them.

A delta has absolute quantities, so deltas that follow each other merge into one that has each level's last quantity;
applied to any state between its `previous` and its `sequence`, it gives the state at its `sequence`. That is what lets
a slow reader be given one delta for many, and a snapshot meet deltas that began before it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from proofbook.exchange.messages import Book, BookDelta, Level

CHECKSUM_LEVELS = 25
"""Levels of each side, best first, that the checksum covers."""


def units(text: str) -> int:
    """The integer of a decimal number as the server writes it: ticks or lots."""
    return int(text.replace(".", "", 1))


def checksum(bids: Iterable[Level], asks: Iterable[Level]) -> int:
    """CRC-32 of the best levels, as each delta and snapshot has it.

    Args:
        bids: levels, best first; those behind the 25th are not looked at.
        asks: as `bids`.

    >>> checksum([("99.50", "1.000", 2)], [("100.00", "3.500", 1)])
    3980290992
    """
    parts: list[str] = []
    for side in (bids, asks):
        for place, (price, quantity, orders) in enumerate(side):
            if place == CHECKSUM_LEVELS:
                break
            parts.append(f"{units(price)}:{units(quantity)}:{orders};")
    return zlib.crc32("".join(parts).encode("ascii"))


class Merged:
    """Deltas that follow each other, as one."""

    def __init__(self, first: BookDelta) -> None:
        self._last = first
        self._previous = first.previous
        self._bids = {level[0]: level for level in first.bids}
        self._asks = {level[0]: level for level in first.asks}

    @property
    def sequence(self) -> int:
        """The sequence of the last delta in it."""
        return self._last.sequence

    @property
    def previous(self) -> int:
        """What it applies to."""
        return self._previous

    @property
    def levels(self) -> int:
        """How many levels it has."""
        return len(self._bids) + len(self._asks)

    def add(self, delta: BookDelta) -> bool:
        """Take the next delta; false if it does not follow, and then nothing has changed."""
        if delta.previous != self._last.sequence:
            return False
        self._bids.update((level[0], level) for level in delta.bids)
        self._asks.update((level[0], level) for level in delta.asks)
        self._last = delta
        return True

    def delta(self, held: int) -> BookDelta | None:
        """One delta for who holds this sequence; none if it has nothing new, or does not reach that far back."""
        if not self._previous <= held < self._last.sequence:
            return None
        last = self._last
        return BookDelta(
            market=last.market,
            sequence=last.sequence,
            previous=held,
            entry=last.entry,
            time_ns=last.time_ns,
            bids=list(self._bids.values()),
            asks=list(self._asks.values()),
            checksum=last.checksum,
        )


class HeldBook:
    """A book kept from a snapshot and deltas, as clients keep theirs."""

    def __init__(self, snapshot: Book) -> None:
        self.market = snapshot.market
        self.sequence = snapshot.sequence
        self._bids = {units(level[0]): level for level in snapshot.bids}
        self._asks = {units(level[0]): level for level in snapshot.asks}

    def apply(self, delta: BookDelta) -> bool:
        """Take a delta; false if it is one that a snapshot has to come before. Older ones change nothing."""
        if delta.sequence <= self.sequence:
            return True
        if delta.previous != self.sequence:
            return False
        for side, levels in ((self._bids, delta.bids), (self._asks, delta.asks)):
            for level in levels:
                if units(level[1]) == 0:
                    side.pop(units(level[0]), None)
                else:
                    side[units(level[0])] = level
        self.sequence = delta.sequence
        return True

    @property
    def bids(self) -> list[Level]:
        """Bids, best first."""
        return [self._bids[price] for price in sorted(self._bids, reverse=True)]

    @property
    def asks(self) -> list[Level]:
        """Asks, best first."""
        return [self._asks[price] for price in sorted(self._asks)]

    def checksum(self) -> int:
        """The checksum of what it holds."""
        return checksum(self.bids, self.asks)
