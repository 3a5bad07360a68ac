"""What a step did, book by book: counts, and the events that were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from proofbook.errors import InputError
from proofbook.gpu.counting import COUNTERS
from proofbook.gpu.kernels.layout import Words
from proofbook.gpu.metrics import Timing

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMN = {name: column for column, name in enumerate(COUNTERS)}


class Step:
    """What one batch did in each book. Arrays have one row for each book, in the order of the books.

    Its arrays are made when they are asked for, so a change of them changes no book's counters; their memory goes back
    to the device's pools with the last of them.

    Attributes:
        rows: number of commands in the batch.
        events: ``uint64[books, capacity, 7]``, the encoded events of each book, in the mode that keeps all; behind
            those that were kept stands whatever was there.
        timing: what the step cost.
    """

    def __init__(self, rows: int, before: Words, after: Words, events: Words | None, timing: Timing) -> None:
        self.rows = rows
        self.events = events
        self.timing = timing
        self._before = before
        self._after = after

    def _difference(self, name: str) -> Words:
        column = _COLUMN[name]
        return self._after[:, column] - self._before[:, column]

    def total(self, name: str) -> int:
        """A count over all books: its name is that of a property here, such as ``"trades"``."""
        words = self._difference(name)
        # In halves: quantities of many books need not fit a word.
        high, low = words >> np.uint64(32), words & np.uint64(0xFFFF_FFFF)
        return (int(high.sum(dtype=np.uint64)) << 32) + int(low.sum(dtype=np.uint64))

    @property
    def commands(self) -> Words:
        """Commands that each book took: unsupported ones are none of them."""
        return self._difference("sequence")

    @property
    def emitted(self) -> Words:
        """Events of each book, kept or not."""
        return self._difference("emitted")

    @property
    def event_counts(self) -> npt.NDArray[np.int64]:
        """Events of each book that stand in ``events``: ``int64[books]``."""
        if self.events is None:
            return np.zeros(len(self._after), np.int64)
        return self._after[:, _COLUMN["kept"]].astype(np.int64)

    @property
    def trades(self) -> Words:
        """Trades of each book."""
        return self._difference("trades")

    @property
    def traded_quantity(self) -> Words:
        """Quantity traded in each book, in lots."""
        return self._difference("traded_quantity")

    @property
    def rejects(self) -> Words:
        """Commands that each book rejected, whatever the reason."""
        return self._difference("rejects")

    @property
    def capacity_rejects(self) -> Words:
        """Rejects for want of an order slot (``book_full``) or of a price level (``levels_full``)."""
        return self._difference("capacity_rejects")

    @property
    def unsupported(self) -> Words:
        """Commands that books of a pool do not take. They changed nothing; a checked batch has none."""
        return self._difference("unsupported")

    @property
    def events_lost(self) -> Words:
        """Events of each book that had no room in ``events``."""
        return self._difference("events_lost")

    @property
    def sequences(self) -> Words:
        """The sequence of each book after the step: the version of its state."""
        return self._after[:, _COLUMN["sequence"]].copy()

    @property
    def event_digests(self) -> Words:
        """The digest of all events of each book so far, in the modes that keep digests or all."""
        return self._after[:, _COLUMN["event_digest"]].copy()

    def table(self) -> pa.Table:
        """The events that were kept as an Arrow table: ``book``, and the columns of ``Book.apply`` but ``sequence``.

        Raises:
            InputError: none were kept.
        """
        from proofbook.gpu.event_tables import table_of

        if self.events is None:
            raise InputError("events: expected books that keep them, with events='all'; received others")
        return table_of(self.events, self.event_counts)

    def __repr__(self) -> str:
        return (
            f"Step({self.rows:,} commands to {len(self._after):,} books: {self.total('emitted'):,} events, "
            f"{self.total('trades'):,} trades, {self.total('rejects'):,} rejects)"
        )
