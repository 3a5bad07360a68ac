"""A book kept from the messages of the server, and the checksum that each has: what tests hold the stream against."""

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
    """
    parts: list[str] = []
    for side in (bids, asks):
        for place, (price, quantity, orders) in enumerate(side):
            if place == CHECKSUM_LEVELS:
                break
            parts.append(f"{units(price)}:{units(quantity)}:{orders};")
    return zlib.crc32("".join(parts).encode("ascii"))


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
