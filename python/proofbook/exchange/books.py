"""Books as deltas: deltas merged into one.

A delta has absolute quantities, so deltas that follow each other merge into one that has each level's last quantity;
applied to any state between its `previous` and its `sequence`, it gives the state at its `sequence`. That is what lets
a slow reader be given one delta for many, and a snapshot meet deltas that began before it.
"""

from __future__ import annotations

from proofbook.exchange.messages import BookDelta


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
