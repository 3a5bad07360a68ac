"""What can be asked of a pool of books, and how books come into it and out of it as states.

States are the canonical bytes of section 13 of the rules, so a book goes to a ``proofbook.Book`` and back through
them, and its digest is the engine's digest of the same bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from proofbook.errors import InputError
from proofbook.gpu.kernels.bulk import ROW_TYPE, Bulk, States, Total
from proofbook.gpu.kernels.layout import Capacity, Words
from proofbook.gpu.market import require_whole
from proofbook.gpu.sites import Piece, Sites

if TYPE_CHECKING:
    from proofbook import Book
    from proofbook.types import Engine

DEPTH_MAX = 1 << 16
"""The most levels of a side that a depth shows."""

DIGEST_BOOKS = 1 << 14
"""Books whose states are in memory at a time, for their digests."""

STATE_HEAD_WORDS = 17
"""Words of a state before its first bid: terms, header, number of bids."""

STATE_END_WORDS = 2
"""Words of a state behind its last ask: the numbers of stops, of which there are none."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Depth:
    """The best levels of every book, the best first; where a side has no more, quantity and orders are 0.

    Attributes:
        bid_price: ``int64[books, levels]``, in ticks.
        bid_quantity: ``uint64[books, levels]``, open quantity in lots.
        bid_orders: ``int32[books, levels]``, number of orders.
        ask_price: as the bids'.
        ask_quantity: as the bids'.
        ask_orders: as the bids'.
    """

    bid_price: npt.NDArray[np.int64]
    bid_quantity: Words
    bid_orders: npt.NDArray[np.int32]
    ask_price: npt.NDArray[np.int64]
    ask_quantity: Words
    ask_orders: npt.NDArray[np.int32]


class Queries:
    """Questions about a pool of books, and their states; ``Books`` is one."""

    books: int
    capacity: Capacity
    config: Words
    _sites: Sites
    _lock: threading.RLock

    def _recount(self) -> None:
        raise NotImplementedError

    def _bulk(self, piece: Piece) -> tuple[Bulk, Any]:
        """What runs kernels over a piece's books, and the piece of the pool that they are."""
        backend, placed = piece.site.backend, piece.site.placed
        return Bulk(self.capacity, self.config, backend.runner()), placed.pool.array[piece.rows]

    def _each(self, ask: Callable[[Bulk, Any], Result]) -> list[Result]:
        """Asks every device about its books."""
        with self._lock:
            return [ask(*self._bulk(piece)) for piece in self._sites.pieces()]

    def depth(self, levels: int = 10) -> Depth:
        """The best levels of both sides of every book.

        >>> import proofbook.gpu
        >>> books = proofbook.gpu.Books(3, device="cpu")
        >>> books.depth(5).bid_quantity.shape
        (3, 5)
        """
        require_whole("levels", levels, 1, DEPTH_MAX)
        parts = self._each(lambda bulk, pool: bulk.depth(pool, levels))
        prices, quantities, orders = (_joined(arrays, 1) for arrays in zip(*parts, strict=True))
        counts = orders.astype(np.int32)
        return Depth(prices[0], quantities[0], counts[0], prices[1], quantities[1], counts[1])

    def statistics(self) -> npt.NDArray[np.void]:
        """What is to be known of each book, by field: orders, levels, best prices, spread, imbalance, counters.

        ``proofbook.gpu.kernels.aggregation.STATISTICS`` says what each of them is.
        """
        return _joined(self._each(lambda bulk, pool: bulk.statistics(pool)), 0)

    def totals(self) -> dict[str, Total]:
        """Each statistic over all books that have it: how many, sum, smallest, largest; reduced on the device."""
        parts = self._each(lambda bulk, pool: bulk.totals(pool))
        return {name: _merged(part[name] for part in parts) for name in parts[0]}

    def histogram(self, statistic: str, edges: Sequence[int] | npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
        """How many books have a statistic below the first edge, from each edge to the next, and from the last on."""
        parts = self._each(lambda bulk, pool: bulk.histogram(pool, statistic, edges))
        counts: npt.NDArray[np.uint64] = np.sum(parts, axis=0, dtype=np.uint64)
        return counts

    def _states(self, books: npt.NDArray[np.int64]) -> States:
        """The states of some books, whose numbers rise."""
        parts = []
        with self._lock:
            for piece in self._sites.pieces():
                own = books[(books >= piece.first) & (books < piece.last)] - piece.first
                if len(own):
                    bulk, pool = self._bulk(piece)
                    parts.append(bulk.states(pool, own))  # type: ignore[arg-type]  # an array is as good a sequence
        if len(parts) == 1:
            return parts[0]
        lengths = [np.diff(part.places) for part in parts]
        places = np.concatenate(([0], np.cumsum(np.concatenate(lengths, dtype=np.uint64)))) if parts else np.zeros(1)
        return States(_joined([part.words for part in parts], 0), places.astype(np.uint64))

    def states(self, books: npt.ArrayLike | None = None) -> tuple[memoryview, npt.NDArray[np.int64]]:
        """The canonical bytes of all books' states, or of some, and where each begins and the last ends."""
        chosen = np.arange(self.books) if books is None else self.numbers(books)
        rising = np.unique(chosen)
        if not np.array_equal(rising, chosen):
            raise InputError("books: expected numbers that rise; received others")
        found = self._states(rising)
        return found.buffer, found.offsets

    def digests(self) -> npt.NDArray[np.uint8]:
        """The digest of each book's state, equal to ``Book.digest`` of the same book: ``uint8[books, 32]``.

        >>> import proofbook, proofbook.gpu
        >>> books = proofbook.gpu.Books(2, orders=100, device="cpu")
        >>> books.digests()[0].tobytes() == proofbook.Book(max_orders=100).digest()
        True
        """
        from proofbook._core import state_digests

        digests = np.empty((self.books, 32), dtype=np.uint8)
        # No step of another thread may come between two parts.
        with self._lock:
            for first in range(0, self.books, DIGEST_BOOKS):
                chosen = np.arange(first, min(first + DIGEST_BOOKS, self.books))
                found = self._states(chosen)
                digests[first : first + len(chosen)] = state_digests(found.buffer, found.offsets)
        return digests

    def digest(self, book: int) -> bytes:
        """The digest of one book's state: 32 bytes."""
        from proofbook._core import state_digests

        found = self._states(self.numbers([book]))
        digests = state_digests(found.buffer, found.offsets)
        return bytes(digests[0])

    def orders(
        self, book: int | None = None
    ) -> npt.NDArray[np.void] | tuple[npt.NDArray[np.void], npt.NDArray[np.int64]]:
        """The live orders by field, in price-time priority: bids first, then asks.

        Args:
            book: one book; without it, all books' orders one after another, and where each book's begin and the last
                one's end.
        """
        if book is not None:
            return self._states(self.numbers([book])).rows(0)
        found = self._states(np.arange(self.books))
        starts = found.places[:-1].astype(np.int64)
        bids = found.words[starts + STATE_HEAD_WORDS - 1].astype(np.int64)
        is_row = np.ones(len(found.words), dtype=np.bool_)
        is_row[(starts[:, None] + np.arange(STATE_HEAD_WORDS)).ravel()] = False
        is_row[starts + STATE_HEAD_WORDS + bids * (ROW_TYPE.itemsize // 8)] = False
        for word in range(1, STATE_END_WORDS + 1):
            is_row[found.places[1:].astype(np.int64) - word] = False
        fixed = 8 * (STATE_HEAD_WORDS + 1 + STATE_END_WORDS)
        counts = (np.diff(found.offsets) - fixed) // ROW_TYPE.itemsize
        return found.words[is_row].view(ROW_TYPE), np.concatenate(([0], np.cumsum(counts)))

    def load(
        self,
        states: States | Sequence[bytes | Book] | tuple[Any, npt.ArrayLike],
        books: npt.ArrayLike | None = None,
    ) -> None:
        """Makes books of states: all of them, or those whose numbers are given.

        Args:
            states: one for each book: bytes or ``proofbook.Book``; or what ``states`` gave, a buffer and offsets.
            books: numbers of books, for as many states.

        Raises:
            InputError: a state of another market's terms, of none, or one that has no room; nothing was loaded.
        """
        given = states_of(states)
        chosen = np.arange(self.books) if books is None else self.numbers(books)
        if len(given) != len(chosen) or len(np.unique(chosen)) != len(chosen):
            raise InputError(
                f"states: expected one for each of {len(np.unique(chosen))} books; "
                f"received {len(given)} for {len(chosen)}"
            )
        with self._lock:
            self._load(given, chosen)
            self._recount()

    def _load(self, states: States, chosen: npt.NDArray[np.int64]) -> None:
        done: list[tuple[int, Words]] = []
        try:
            for piece in self._sites.pieces():
                own = np.flatnonzero((chosen >= piece.first) & (chosen < piece.last))
                if not len(own):
                    continue
                bulk, pool = self._bulk(piece)
                # Where there are several devices, a later one may refuse what this one took.
                before = None if len(self._sites.sites) == 1 else self._sites.read_rows(piece.first, piece.last)
                bulk.load_states(pool, _some(states, own), chosen[own] - piece.first)  # type: ignore[arg-type]
                if before is not None:
                    done.append((piece.first, before))
        except BaseException:
            for first, rows in done:
                self._sites.write_rows(first, rows)
            raise

    def export(
        self, book: int, *, price_unit: Any = None, quantity_unit: Any = None, engine: Engine = "ladder"
    ) -> Book:
        """A ``proofbook.Book`` with the state of one book.

        Args:
            book: its number.
            price_unit: what one tick is worth, as for ``Book.restore``.
            quantity_unit: what one lot is worth.
            engine: what holds its orders.

        >>> import proofbook.gpu
        >>> len(proofbook.gpu.Books(2, device="cpu").export(1))
        0
        """
        from proofbook import Book

        state = self._states(self.numbers([book])).state(0)
        return Book.restore(state, price_unit=price_unit, quantity_unit=quantity_unit, engine=engine)

    def numbers(self, books: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Numbers of books as an array.

        Raises:
            InputError: they are no whole numbers, or no book has one of them.
        """
        array = np.atleast_1d(np.asarray(books))
        if array.ndim != 1 or (array.dtype.kind not in "iu" and len(array)):
            raise InputError(
                f"books: expected whole numbers; received {array.dtype} with the shape {list(array.shape)}"
            )
        outside = np.flatnonzero((array < 0) | (array >= self.books))
        if len(outside):
            raise InputError(f"books: expected numbers from 0 to {self.books - 1}; received {array[outside[0]]}")
        return array.astype(np.int64)


def _joined(parts: Iterable[npt.NDArray[Any]], axis: int) -> npt.NDArray[Any]:
    arrays = list(parts)
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=axis)


def _merged(parts: Iterator[Total]) -> Total:
    """The total over several devices' books."""
    totals = list(parts)
    having = [total for total in totals if total.books]
    return Total(
        sum(total.books for total in totals),
        sum(total.sum for total in totals),
        min((total.smallest for total in having if total.smallest is not None), default=None),
        max((total.largest for total in having if total.largest is not None), default=None),
    )


def states_of(given: States | Sequence[Any] | tuple[Any, Any]) -> States:
    """States from whatever holds them: bytes or books, one for each, or a buffer with offsets.

    Raises:
        InputError: something else.
    """
    if isinstance(given, States):
        return States.from_buffer(given.buffer, given.offsets)
    is_pair = isinstance(given, tuple) and len(given) == 2
    if is_pair and not any(hasattr(given[1], name) for name in ("snapshot", "decode")):
        return States.from_buffer(*given)
    if isinstance(given, bytes | str) or not isinstance(given, Sequence):
        raise InputError(
            f"states: expected a sequence of bytes or books, or a buffer with offsets; received {type(given).__name__}"
        )
    return States.of([_state_of(number, state) for number, state in enumerate(given)])


def _state_of(number: int, state: Any) -> bytes:
    if hasattr(state, "snapshot"):
        snapshot: bytes = state.snapshot()
        return snapshot
    try:
        return bytes(memoryview(state))
    except (TypeError, BufferError):
        raise InputError(
            f"states: expected bytes or a book as number {number}; received {type(state).__name__}"
        ) from None


def _some(states: States, chosen: npt.NDArray[np.int64]) -> States:
    """Some of the states."""
    if len(chosen) == len(states) and np.array_equal(chosen, np.arange(len(states))):
        return states
    return States.of([states.state(int(number)) for number in chosen])
