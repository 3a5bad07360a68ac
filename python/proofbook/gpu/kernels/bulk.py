"""Whole pools at once: depth, statistics, totals, states; and books from states or from orders in any order.

``Bulk`` runs the kernels of sorting, aggregation and states over a pool. It is the same on every target; where memory
comes from and how kernels are started is the business of a ``Runner``, so that a caller with a memory manager of its
own can bring it. Results come back in memory of the host.

Loading is all or nothing: every book's rows are checked first, and ``InputError`` names the first at fault, with
book, row, what was expected and what was received. Then nothing of the pool has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from proofbook.errors import InputError
from proofbook.gpu.kernels.aggregation import (
    SIGNED,
    STATISTICS,
    STATISTICS_WORDS,
    TOTAL_WORDS,
)
from proofbook.gpu.kernels.faults import REPORT_WORDS, first_fault
from proofbook.gpu.kernels.layout import EVENT_WORDS, Capacity, Words, terms_of
from proofbook.gpu.kernels.runners import Runner
from proofbook.gpu.kernels.sorting import scratch_words
from proofbook.gpu.kernels.states import EMPTY_STATE_WORDS, HEAD_WORDS, ROW_WORDS

SHARE_BOOKS = 512
"""Books of which one worker makes the totals: their statistics fit a core's own cache."""

STATISTICS_TYPE = np.dtype([(name, np.int64 if name in SIGNED else np.uint64) for name in STATISTICS])
"""A book's statistics as NumPy gives them."""

ROW_TYPE = np.dtype(
    [
        ("tags", np.uint64),
        ("id", np.uint64),
        ("account", np.uint64),
        ("price", np.int64),
        ("stop_price", np.int64),
        ("displayed", np.uint64),
        ("hidden", np.uint64),
        ("display", np.uint64),
        ("filled", np.uint64),
        ("priority", np.uint64),
        ("expiry", np.uint64),
        ("reserved", np.uint64),
    ]
)
"""An order's row: the words of its encoding in a state."""

HEAD_TYPE = np.dtype(
    [
        ("sequence", np.uint64),
        ("clock", np.uint64),
        ("next_priority", np.uint64),
        ("has_trade", np.uint64),
        ("last_trade", np.int64),
    ]
)
"""What a book counts beside its orders."""


class Depth(NamedTuple):
    """The best levels of every book, bids first, then asks; behind a side's last level, zeros."""

    prices: npt.NDArray[np.int64]
    """[2, books, levels]"""
    quantities: Words
    """[2, books, levels]"""
    orders: Words
    """[2, books, levels]"""


class Total(NamedTuple):
    """A statistic over all books that have it. Exact: Python's integers hold the 128 bits of the sum."""

    books: int
    sum: int
    smallest: int | None
    largest: int | None


@dataclass(frozen=True)
class States:
    """Canonical states, one behind another.

    Attributes:
        words: all of them, little-endian.
        places: the word where each starts, and where the last ends.
    """

    words: Words
    places: Words

    def __len__(self) -> int:
        """How many states there are."""
        return len(self.places) - 1

    @property
    def buffer(self) -> memoryview:
        """All bytes, without a copy."""
        return self.words.astype("<u8", copy=False).data.cast("B")

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Where each state starts and the last ends, in bytes."""
        return (self.places * np.uint64(8)).astype(np.int64)

    def state(self, number: int) -> bytes:
        """The bytes of one of them, as ``RawMarket.state`` and ``Book.snapshot`` give them."""
        return bytes(self.buffer[int(self.places[number]) * 8 : int(self.places[number + 1]) * 8])

    def rows(self, number: int) -> npt.NDArray[np.void]:
        """The orders of one of them in price-time priority, bids first, as ``ROW_TYPE``."""
        words = self.words[int(self.places[number]) : int(self.places[number + 1])]
        bids = int(words[16])
        asks = int(words[17 + 12 * bids])
        both = (words[17 : 17 + 12 * bids], words[18 + 12 * bids : 18 + 12 * (bids + asks)])
        return np.concatenate(both).view(ROW_TYPE)

    @classmethod
    def of(cls, states: Sequence[bytes]) -> States:
        """States that stand each by itself."""
        lengths = [len(state) for state in states]
        return cls.from_buffer(b"".join(states), np.cumsum([0, *lengths], dtype=np.int64))

    @classmethod
    def from_buffer(cls, buffer: Any, offsets: Any) -> States:
        """States that stand in one buffer of bytes, the n-th from ``offsets[n]`` to ``offsets[n + 1]``."""
        try:
            data = np.frombuffer(buffer, dtype=np.uint8) if memoryview(buffer).nbytes else np.empty(0, np.uint8)
        except (TypeError, ValueError, BufferError) as error:
            raise InputError(
                f"states: expected bytes without gaps; received {type(buffer).__name__}: {error}"
            ) from None
        try:
            given = np.asarray(offsets)
        except ValueError as error:
            raise InputError(f"offsets of states: expected whole numbers; received no array: {error}") from None
        if given.dtype.kind not in "iu" and given.size:
            raise InputError(f"offsets of states: expected whole numbers; received {given.dtype}")
        bounds = given.astype(np.int64)
        if (
            bounds.ndim != 1
            or not len(bounds)
            or bounds[0] < 0
            or bounds[-1] > len(data)
            or np.any(bounds[1:] < bounds[:-1])
        ):
            raise InputError(f"offsets of states: expected ascending ones from 0 to {len(data)}; received {bounds!r}")
        uneven = np.flatnonzero(bounds % 8)
        if len(uneven):
            at = int(uneven[0])
            raise InputError(
                f"state {max(0, at - 1)}: expected whole words of 8 bytes; received a bound at byte {bounds[at]}"
            )
        whole = data[: len(data) // 8 * 8]
        # A copy: what was checked must be what is built, whatever the buffer's owner does meanwhile.
        return cls(whole.view("<u8").astype(np.uint64), (bounds // 8).astype(np.uint64))


def order_rows(
    side: Any, order_id: Any, price: Any, quantity: Any, priority: Any, *, account: Any = 0, filled: Any = 0
) -> npt.NDArray[np.void]:
    """Rows of limit orders that are good till cancel, from columns of equal length or of one value."""
    columns = np.broadcast_arrays(side, order_id, price, quantity, priority, account, filled)
    rows = np.zeros(columns[0].shape, dtype=ROW_TYPE)
    rows["tags"] = columns[0].astype(np.uint64) | np.uint64(4 << 24)
    for name, column in zip(("id", "price", "displayed", "priority", "account", "filled"), columns[1:], strict=True):
        rows[name] = column
    return rows


class Bulk:
    """The kernels of sorting, aggregation and states for pools of one market's books.

    Args:
        capacity: what a book holds.
        config: the 11 words of the market's encoded terms.
        runner: where kernels run; pools are arrays of its kind.
    """

    def __init__(self, capacity: Capacity, config: Sequence[int] | Words, runner: Runner) -> None:
        self.capacity = capacity
        self.runner = runner
        self._terms = runner.give(terms_of(config, capacity))
        self._config = runner.give(np.array([int(word) for word in config], dtype=np.uint64))
        self._no_events = runner.give(np.zeros((1, EVENT_WORDS), dtype=np.uint64))

    def depth(self, pool: Any, levels: int) -> Depth:
        """The best ``levels`` of both sides of every book."""
        if levels < 1:
            raise InputError(f"levels: expected at least 1; received {levels}")
        shape = (2, len(pool), levels)
        prices, quantities, orders = (self.runner.empty(shape) for _ in range(3))
        self.runner.run("depth_books", len(pool), pool, self._terms, self._no_events, prices, quantities, orders)
        take = self.runner.take
        return Depth(take(prices).view(np.int64), take(quantities), take(orders))

    def statistics(self, pool: Any) -> npt.NDArray[np.void]:
        """The statistics of every book, as ``STATISTICS_TYPE``."""
        return self.runner.take(self._statistics(pool)).view(STATISTICS_TYPE)[:, 0]

    def _statistics(self, pool: Any) -> Any:
        statistics = self.runner.empty((len(pool), STATISTICS_WORDS))
        self.runner.run("statistics_books", len(pool), pool, self._terms, self._no_events, statistics)
        return statistics

    def totals(self, pool: Any) -> Mapping[str, Total]:
        """Each statistic over all books: how many have it, sum, smallest, largest; reduced where the pool is."""
        statistics = self._statistics(pool)
        blocks = max(1, -(-len(pool) // SHARE_BOOKS))
        partials = self.runner.empty((blocks, STATISTICS_WORDS, TOTAL_WORDS))
        self.runner.run("total_books", blocks, statistics, SHARE_BOOKS, partials)
        stride = 1
        while stride < blocks:
            self.runner.run("merge_totals", -(-blocks // (2 * stride)), partials, stride)
            stride *= 2
        words = self.runner.take(partials[0])
        return {name: _total(name, words[column]) for column, name in enumerate(STATISTICS)}

    def histogram(self, pool: Any, statistic: str, edges: Sequence[int] | npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
        """How many books have a statistic below the first edge, from each edge to the next, and from the last on.

        Books that lack it (the spread of a book with an empty side) count nowhere.
        """
        if statistic not in STATISTICS:
            raise InputError(f"statistic: expected one of {', '.join(STATISTICS)}; received {statistic!r}")
        bias = 1 << 63 if statistic in SIGNED else 0
        # As objects: NumPy makes floats of whole numbers on both sides of 2^63.
        each = np.atleast_1d(np.asarray(edges, dtype=object)).tolist()
        edges = [int(edge) if isinstance(edge, np.integer) else edge for edge in each]
        if not all(isinstance(edge, int) for edge in edges):
            raise InputError(f"edges: expected whole numbers; received {edges!r}")
        if edges != sorted(set(edges)) or not edges or not 0 <= edges[0] + bias <= edges[-1] + bias < 1 << 64:
            raise InputError(f"edges: expected ascending values of {statistic}, at least one; received {edges!r}")
        blocks = max(1, -(-len(pool) // SHARE_BOOKS))
        partials = self.runner.give(np.zeros((blocks, len(edges) + 1), dtype=np.uint64))
        ranks = self.runner.give(np.array([edge + bias for edge in edges], dtype=np.uint64))
        column = np.uint64(STATISTICS.index(statistic))
        self.runner.run("count_books", blocks, self._statistics(pool), column, ranks, SHARE_BOOKS, partials)
        counts: npt.NDArray[np.uint64] = self.runner.take(partials).sum(axis=0, dtype=np.uint64)
        return counts

    def _chosen(self, pool: Any, books: Sequence[int] | None, count: int | None = None) -> npt.NDArray[np.int64]:
        chosen = np.arange(len(pool), dtype=np.int64) if books is None else np.asarray(books, dtype=np.int64)
        if chosen.ndim != 1 or len(np.unique(chosen)) != len(chosen) or np.any((chosen < 0) | (chosen >= len(pool))):
            raise InputError(f"books: expected distinct numbers from 0 to {len(pool) - 1}; received {books!r}")
        if count is not None and count != len(chosen):
            raise InputError(f"books: expected {len(chosen)}, one for each book that is to be made; received {count}")
        return chosen

    def states(self, pool: Any, books: Sequence[int] | None = None) -> States:
        """The canonical states of all books, or of some."""
        run = self.runner.run
        chosen = self._chosen(pool, books)
        given = self.runner.give(chosen)
        sizes = self.runner.empty(len(chosen))
        places = self.runner.empty(len(chosen) + 1)
        run("size_states", len(chosen), pool, given, sizes)
        run("place_states", 1, sizes, places)
        bounds = self.runner.take(places)
        words = self.runner.empty(int(bounds[-1]))
        run("write_states", len(chosen), pool, self._terms, self._no_events, self._config, given, places, words)
        return States(self.runner.take(words), bounds)

    def load_states(self, pool: Any, states: States, books: Sequence[int] | None = None) -> None:
        """Makes books of states: all of a pool's, or those that are named.

        Raises:
            InputError: a state of another market, of no market, or one that a pool's book cannot hold. No book has
                changed then.
        """
        chosen = self._chosen(pool, books, len(states))
        words = self.runner.give(states.words)
        places = self.runner.give(states.places)
        heads = self.runner.empty((len(chosen), HEAD_WORDS))
        reports = self.runner.give(np.zeros((len(chosen), REPORT_WORDS), dtype=np.uint64))
        self.runner.run("read_states", len(chosen), words, places, self._config, heads, reports)
        # A state whose length fits its counts has no more rows than this; the others are not looked at further.
        most = np.maximum(np.diff(states.places.astype(np.int64)) - int(EMPTY_STATE_WORDS), 0) // int(ROW_WORDS)
        self._build(pool, chosen, words, heads, np.cumsum([0, *most], dtype=np.uint64), reports)

    def load_orders(
        self,
        pool: Any,
        rows: npt.NDArray[Any],
        starts: npt.NDArray[Any] | None = None,
        heads: npt.NDArray[np.void] | None = None,
        books: Sequence[int] | None = None,
    ) -> None:
        """Makes books of orders in any order: all of a pool's, or those that are named.

        Args:
            pool: the pool.
            rows: orders as ``ROW_TYPE``, or as words with its columns last: ``[books, n]`` with as many for each book,
                or ``[N]`` with ``starts``.
            starts: ``[books + 1]``; book n takes the rows from ``starts[n]`` to before ``starts[n + 1]``.
            heads: what each book counts, as ``HEAD_TYPE``. Without it a book has taken as many commands as it has
                orders, at time 0 and without a trade, and its next priority number is behind the largest of its orders.
            books: which books are made; all where none are named.

        Raises:
            InputError: rows that are no book, or one that has no room; no book has changed then.
        """
        flat, bounds = _ragged(rows, starts)
        chosen = self._chosen(pool, books, len(bounds) - 1)
        if heads is None:
            heads = _first_heads(flat, bounds)
        if len(heads) != len(chosen):
            raise InputError(f"heads: expected {len(chosen)}, one for each book; received {len(heads)}")
        head_words = np.ascontiguousarray(heads).view(np.uint64).reshape(len(chosen), HEAD_WORDS)
        words = self.runner.give(flat.view(np.uint64))
        reports = self.runner.give(np.zeros((len(chosen), REPORT_WORDS), dtype=np.uint64))
        self.runner.run("find_rows", len(chosen), self.runner.give(bounds), reports)
        self._build(pool, chosen, words, self.runner.give(head_words), bounds, reports)

    def _build(
        self, pool: Any, chosen: npt.NDArray[np.int64], words: Any, heads: Any, starts: Words, reports: Any
    ) -> None:
        """Checks and places rows, and makes books of them once all are known to be right."""
        given = self.runner.give(chosen)
        bounds = self.runner.give(starts)
        row_places = self.runner.empty(int(starts[-1]))
        tables = self.runner.empty((len(chosen), self.capacity.index_words))
        common = (pool, self._terms, self._no_events, given, words, heads, bounds, reports, row_places, tables)
        self.runner.run_with_scratch("check_books", len(chosen), scratch_words(self.capacity.orders), *common)
        fault = first_fault(self.runner.take(reports))
        if fault is not None:
            raise InputError(f"{fault}; nothing was loaded")
        self.runner.run("build_books", len(chosen), *common)


def _total(name: str, words: Words) -> Total:
    """Totals as numbers: signed statistics were counted from the smallest word on."""
    books, low, high, smallest, largest = (int(word) for word in words)
    bias = 1 << 63 if name in SIGNED else 0
    if not books:
        return Total(0, 0, None, None)
    return Total(books, (high << 64) + low - books * bias, smallest - bias, largest - bias)


def _ragged(rows: npt.NDArray[Any], starts: npt.NDArray[Any] | None) -> tuple[npt.NDArray[np.void], Words]:
    """Rows one behind another, and where each book's start."""
    if rows.dtype != ROW_TYPE:
        if rows.dtype.itemsize != 8 or rows.dtype.kind not in "iu" or rows.ndim < 2 or rows.shape[-1] != ROW_WORDS:
            raise InputError(
                f"rows: expected ROW_TYPE or {ROW_WORDS} words to a row; received {rows.dtype} of shape {rows.shape}"
            )
        rows = np.ascontiguousarray(rows).view(ROW_TYPE)[..., 0]
    if starts is None:
        if rows.ndim != 2:
            raise InputError(f"rows: expected shape [books, n] where there are no starts; received shape {rows.shape}")
        bounds = np.arange(rows.shape[0] + 1, dtype=np.uint64) * np.uint64(rows.shape[1])
        return np.ascontiguousarray(rows).reshape(-1), bounds
    signed_bounds = np.asarray(starts, dtype=np.int64)
    flat = np.ascontiguousarray(rows).reshape(-1)
    is_ascending = (
        signed_bounds.ndim == 1 and len(signed_bounds) > 0 and bool(np.all(signed_bounds[1:] >= signed_bounds[:-1]))
    )
    if not is_ascending or signed_bounds[0] != 0 or signed_bounds[-1] != len(flat):
        raise InputError(f"starts: expected ascending ones from 0 to {len(flat)}; received {starts!r}")
    return flat, signed_bounds.astype(np.uint64)


def _first_heads(rows: npt.NDArray[np.void], starts: Words) -> npt.NDArray[np.void]:
    """Heads of books that took nothing but their orders."""
    bounds = starts.astype(np.int64)
    counts = np.diff(bounds)
    heads = np.zeros(len(counts), dtype=HEAD_TYPE)
    heads["sequence"] = counts
    filled = np.flatnonzero(counts)
    if len(filled):
        heads["next_priority"][filled] = np.maximum.reduceat(rows["priority"], bounds[:-1][filled])
    # The largest word has no number behind it; the check of priority numbers tells of it.
    heads["next_priority"] += heads["next_priority"] < np.uint64((1 << 64) - 1)
    return heads
