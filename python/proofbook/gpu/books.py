"""``Books``: thousands of independent books of one market's terms, on the threads of a CPU or on a GPU.

A batch of commands goes in as arrays, what it did comes out as arrays. Every book does exactly what
``proofbook.Book`` does with the same commands: the same events and the same state, as far as its capacity goes; what
does not fit is a counted reject.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt

from proofbook.errors import EventsLostError, InputError
from proofbook.gpu import checks
from proofbook.gpu.arrays import batch
from proofbook.gpu.backends import KEEPS, Backend, DeviceName, Keep, StepPlan, choose
from proofbook.gpu.balance import Distributor
from proofbook.gpu.checks import on_host
from proofbook.gpu.commands import BOOKS_MAX, Offsets
from proofbook.gpu.counting import COUNTER_WORDS, COUNTERS
from proofbook.gpu.hot import PENDING_END, PENDING_MAX, HotBook, require_room
from proofbook.gpu.kernels.layout import CONFIG_WORDS, EVENT_WORDS, Capacity, Words
from proofbook.gpu.market import Market, require_whole
from proofbook.gpu.metrics import Metrics, Timing
from proofbook.gpu.queries import Queries, states_of
from proofbook.gpu.results import Step
from proofbook.gpu.sites import Sites

if TYPE_CHECKING:
    from proofbook import Book

EVENT_CAPACITY_MAX = 1 << 20
"""The most events of a book that a step may keep."""


class Books(Queries):
    """Independent books on one device, or divided among several.

    A pool may be used from several threads: each call has it for itself.

    Args:
        books: how many.
        orders: the most live orders of a book.
        levels: the most price levels of each side of a book; as many as orders, up to 256, where it is not given.
        market: the terms that all of them have; no limits, tick and lot 1 where it is not given.
        device: "auto", "cpu", "gpu", "sim", or a device that ``proofbook.gpu.choose`` gave; or several of them, among
            which the books are divided by how fast each is.
        events: what is kept of events: "none", "digest" (one word for each book that tells whether all were equal),
            or "all".
        event_capacity: how many events of each book a step may keep, for "all".
        lost: what is done about events that had no room: "raise" an error after the step, or only "count" them.
        threads: workers of a CPU.
        streams: how many parts of a batch may be on their way at a time.
        memory_limit_bytes: the most memory of the device that may be taken.
        distributor: how books are divided among several devices, where the usual way does not suit; the pool has a copy
            of its own.

    Raises:
        DeviceError: the device is not there, or has no room for the books.
        InputError: an argument that cannot be used.

    >>> import proofbook.gpu
    >>> books = proofbook.gpu.Books(1000, orders=64, device="cpu")
    >>> books
    Books(1,000 books of 64 orders and 64 levels on 'cpu')
    """

    def __init__(
        self,
        books: int,
        *,
        orders: int = 256,
        levels: int | None = None,
        market: Market | None = None,
        device: DeviceName | Backend | Sequence[DeviceName | Backend] = "auto",
        events: Keep = "none",
        event_capacity: int = 0,
        lost: Literal["raise", "count"] = "raise",
        threads: int | None = None,
        streams: int | None = None,
        memory_limit_bytes: int | None = None,
        distributor: Distributor | None = None,
    ) -> None:
        self.books = require_whole("books", books, 1, BOOKS_MAX)
        self.market = Market() if market is None else market
        if not isinstance(self.market, Market):
            raise InputError(f"market: expected proofbook.gpu.Market; received {market!r}")
        try:
            self.capacity = Capacity.of(orders, levels)
        except ValueError as error:
            raise InputError(str(error)) from None
        self.config = self.market.words(orders)
        if events not in KEEPS:
            raise InputError(f"events: expected one of {', '.join(KEEPS)}; received {events!r}")
        if lost not in ("raise", "count"):
            raise InputError(f"lost: expected 'raise' or 'count'; received {lost!r}")
        low, high = (1, EVENT_CAPACITY_MAX) if events == "all" else (0, 0)
        self.event_capacity = require_whole(f"event_capacity with events={events!r}", event_capacity, low, high)
        self.keep: Keep = events
        self._lost = lost
        several = isinstance(device, Sequence) and not isinstance(device, str)
        given: list[Any] = list(device) if several else [device]  # type: ignore[arg-type]  # `several` says it
        self._own_backends: list[Backend] = []
        self.backends = [self._backend(each, threads, streams, memory_limit_bytes) for each in given]
        division = self._division(distributor)
        self.backend = self.backends[0]
        # A device that is named twice has its memory once.
        memory = [each.memory for each in dict.fromkeys(self.backends)]
        self.metrics = Metrics(self.device, memory, occupancy=self.backend.occupancy)
        self._lock = threading.RLock()
        self._hot: dict[int, HotBook] = {}
        self._sites = Sites(self.books, self.capacity, self.config, self.backends, division)
        self._counters = self._new_counters()
        self.reset()
        self._sites.prepare(KEEPS.index(self.keep))

    def _backend(
        self, device: DeviceName | Backend, threads: int | None, streams: int | None, limit_bytes: int | None
    ) -> Backend:
        if isinstance(device, Backend):
            return device
        threads = threads if device in ("cpu", "auto") else None
        backend = choose(device, threads=threads, streams=streams, memory_limit_bytes=limit_bytes)
        self._own_backends.append(backend)
        return backend

    def _division(self, distributor: Distributor | None) -> Distributor:
        count = len(self.backends)
        if not count or count > self.books:
            raise InputError(
                f"device: expected from one device to one for each of {self.books} books; received {count}"
            )
        if distributor is None:
            return Distributor(self.books, count)
        if not isinstance(distributor, Distributor):
            raise InputError(f"distributor: expected a Distributor; received {distributor!r}")
        if distributor.books != self.books or len(distributor.rates) != count:
            raise InputError(
                f"distributor: expected one for {self.books} books and {count} devices; "
                f"received one for {distributor.books} and {len(distributor.rates)}"
            )
        # Its cuts say where the books of this pool are: nobody else may move them.
        return copy.deepcopy(distributor)

    @classmethod
    def from_states(cls, states: Any, **named: Any) -> Self:
        """Books with these states, as many as there are, of the terms and the number of orders that the first one has.

        Args:
            states: as for ``load``.
            named: as for ``Books``: ``levels``, ``device``, ``events`` and so on.

        Raises:
            InputError: no states, or states that differ in their terms.
        """
        given = states_of(states)
        if not len(given):
            raise InputError("states: expected one at least; received none")
        first = given.state(0)[: 8 * CONFIG_WORDS]
        market, orders = Market.of_words(np.frombuffer(first, dtype="<u8"))
        books = cls(len(given), orders=orders, market=market, **named)
        try:
            books.load(given)
        except BaseException:
            books.close()
            raise
        return books

    @property
    def device(self) -> str:
        """The name of the device: "cpu", "gpu" or "sim"; of several, their names with a plus sign between."""
        return "+".join(backend.name for backend in self.backends)

    @property
    def division(self) -> list[tuple[str, int, float | None]]:
        """Of each device its name, how many books it has, and its commands by second, once they were measured."""
        with self._lock:
            division = self._sites.distributor
            names = [backend.name for backend in self.backends]
            return list(zip(names, division.shares, division.rates, strict=True))

    def __len__(self) -> int:
        """Number of books."""
        return self.books

    def __repr__(self) -> str:
        held = f"{self.capacity.orders:,} orders and {self.capacity.levels:,} levels"
        return f"Books({self.books:,} books of {held} on {self.device!r})"

    def _new_counters(self) -> Words:
        return self.backend.memory.host_array((self.books, COUNTER_WORDS), np.uint64)

    def _recount(self) -> None:
        """Reads the counters anew: something else than a step has changed books."""
        counters = self._new_counters()
        self._sites.count(counters)
        self._counters = counters

    def reset(self, mask: npt.ArrayLike | None = None) -> None:
        """Makes empty books: all of them, or those that a mask of booleans or a list of numbers names."""
        chosen = np.ones(self.books, dtype=np.bool_) if mask is None else self._mask(mask)
        with self._lock:
            self._sites.clear(chosen)
            self._recount()

    def _mask(self, mask: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        array = np.asarray(mask)
        if array.dtype == np.bool_:
            if array.shape != (self.books,):
                raise InputError(f"mask: expected {self.books} booleans; received the shape {list(array.shape)}")
            return array
        chosen = np.zeros(self.books, dtype=np.bool_)
        chosen[self.numbers(array)] = True
        return chosen

    def apply(self, commands: Any, offsets: npt.ArrayLike | None = None, *, check: bool = True) -> Step:
        """Runs a batch: each book takes its commands, in order.

        Args:
            commands: what ``proofbook.gpu.arrays.batch`` takes: ``uint64[rows, 9]`` with offsets, a batch, an Arrow
                table with the columns of ``docs/tables.md`` and ``book``, or one array for each book.
            offsets: ``int64[books + 1]``: book ``b`` takes the rows from ``offsets[b]`` to ``offsets[b + 1]``.
            check: whether each command is looked at before any is applied. Without it, what books do not take is
                passed over and counted as ``unsupported``.

        Raises:
            InputError: arrays of another shape, or a command that no book takes, with its row; nothing was applied.
            EventsLostError: a book had more events than ``event_capacity``; every command was applied, and the error
                has the step.

        >>> import numpy, proofbook.gpu
        >>> books = proofbook.gpu.Books(2, device="cpu")
        >>> sweep = numpy.array([[6, 5, 0, 0, 0, 0, 0, 0, 0]], dtype=numpy.uint64)
        >>> books.apply(sweep, [0, 0, 1])
        Step(1 commands to 2 books: 0 events, 0 trades, 0 rejects)
        """
        begin = time.perf_counter_ns()
        with self._lock:
            given = batch(commands, offsets, books=self.books, clocks=self._counters[:, COUNTERS.index("clock")])
            is_near = all(backend.name != "cpu" for backend in self.backends)
            words = (
                given.commands if is_near and not isinstance(given.commands, np.ndarray) else on_host(given.commands)
            )
            bounds = given.offsets
            timing = Timing()
            # A hot book's Book knows commands that pools do not: it must not get what the pool passes over.
            if check or self._hot:
                began = time.perf_counter_ns()
                checks.raise_for_flaw(words, self.backend.check(words, int(bounds[0]), int(bounds[-1])))
                timing.check_ns = time.perf_counter_ns() - began
            for hot in self._hot.values():
                hot.flush()
            step = self._step(words, bounds, timing, self.keep)
            for number, hot in self._hot.items():
                hot.follow(on_host(words[int(bounds[number]) : int(bounds[number + 1])]))
            timing.wall_ns = time.perf_counter_ns() - begin
        self._record(step)
        if self._lost == "raise" and (lost := step.total("events_lost")):
            raise EventsLostError(lost, self.event_capacity, step)
        return step

    def _record(self, step: Step) -> None:
        counts = {name: step.total(name) for name in COUNTERS[3:-1]}
        counts["events"] = counts.pop("emitted")
        self.metrics.record({"commands": step.rows, **counts}, step.timing)

    def _step(self, words: Any, bounds: Offsets, timing: Timing, keep: Keep) -> Step:
        memory = self.backend.memory
        events = None
        if keep == "all":
            events = memory.host_array((self.books, self.event_capacity, EVENT_WORDS), np.uint64)
        after = self._new_counters()
        plan = StepPlan(words, bounds, 0, after, events, KEEPS.index(keep))
        try:
            self._sites.step(plan, timing)
        except BaseException:
            # Some books have taken commands: the counters must say so, whoever interrupted the rest.
            self._recount()
            raise
        before, self._counters = self._counters, after
        return Step(int(bounds[-1] - bounds[0]), before, after, events, timing)

    def sequences(self) -> Words:
        """How many commands each book has taken: ``uint64[books]``, the versions of their states."""
        return self._counters[:, COUNTERS.index("sequence")].copy()

    def sequence(self, book: int) -> int:
        """How many commands one book has taken."""
        number = self.numbers([book])[0]
        return int(self._counters[number, COUNTERS.index("sequence")])

    def event_digests(self) -> Words:
        """A digest of all events of each book so far: ``uint64[books]``.

        Raises:
            InputError: no digests are kept in the mode "none".
        """
        if self.keep == "none":
            raise InputError("event digests: expected books with events='digest' or 'all'; received events='none'")
        return self._counters[:, COUNTERS.index("event_digest")].copy()

    def held(self) -> threading.RLock:
        """The lock that keeps other threads out while several calls belong together: ``with books.held(): ...``."""
        return self._lock

    def place_hot(
        self, number: int, book: Book | None = None, *, pending_max: int = PENDING_MAX, **units: Any
    ) -> HotBook:
        """Makes one of the books a hot book, which a ``proofbook.Book`` follows and leads.

        Args:
            number: the number of the book.
            book: whose state it takes; without it, a ``Book`` is made of the state that it has.
            pending_max: how many commands that were given to the hot book may wait for the pool's.
            units: for a ``Book`` that is made: as for ``export``.

        Raises:
            InputError: the book is hot already, is of other terms, or has orders that books of a pool do not take.
        """
        chosen = require_whole("number", number, 0, self.books - 1)
        # All that can be refused is refused before the pool's book takes the state.
        require_whole("pending_max", pending_max, 1, PENDING_END)
        require_room(self.capacity)
        with self._lock:
            if chosen in self._hot:
                raise InputError(f"book {chosen}: expected one that is not hot; it is")
            if book is not None:
                self.load([book], [chosen])
            hot = HotBook(self, chosen, self.export(chosen, **units) if book is None else book, pending_max)
            self._hot[chosen] = hot
            return hot

    def release_hot(self, number: int) -> None:
        """Lets a hot book go its own way. What waits is given to nobody: ``HotBook.release`` sends it first."""
        with self._lock:
            self._hot.pop(number, None)

    def apply_to_one(self, number: int, rows: Words) -> None:
        """Runs commands that were checked for one of the books alone, and keeps none of their events."""
        with self._lock:
            begin = time.perf_counter_ns()
            timing = Timing()
            # Steps look at the counters as they were, so they are changed in a copy.
            before, after = self._counters, self._new_counters()
            np.copyto(after, before)
            keep = KEEPS.index("digest" if self.keep == "all" else self.keep)
            own = slice(number, number + 1)
            plan = StepPlan(rows, np.array([0, len(rows)]), number, after[own], None, keep)
            self._sites.step_one(number, plan, timing)
            self._counters = after
            timing.wall_ns = time.perf_counter_ns() - begin
            self._record(Step(len(rows), before[own], after[own], None, timing))

    def close(self) -> None:
        """Gives the books' memory back; they cannot be used any more."""
        with self._lock:
            self._sites.free()
            for backend in self._own_backends:
                backend.close()

    def __enter__(self) -> Self:
        """The books themselves, closed at the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
