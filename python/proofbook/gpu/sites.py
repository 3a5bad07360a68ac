"""Where the books of a pool are: all on one device, or divided among several.

Each device has the books between two cuts, and room for some more on both sides: so a book that moves is a copied row.
Where cuts leave a device's room, or use little of it, the device gets another room, between two steps. Devices run
their books of a batch at the same time, each in a thread of its own, and write their results to the same arrays, each
to its own rows.

Invariants:
- every book is on exactly one device; what another device has in its place is of no meaning;
- the books of a device are within its room; where no memory is left for another room, books stay where they are;
- results stand in the order of the books, and do not depend on the cuts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from proofbook.errors import DeviceError
from proofbook.gpu.backends import Backend, Placed, StepPlan
from proofbook.gpu.balance import Distributor
from proofbook.gpu.kernels.layout import Capacity, Words, terms_of
from proofbook.gpu.metrics import Timing
from proofbook.gpu.streams import Crew, Threads

SPARE_SHARE = 8
"""A device has room for an eighth of its books more, on each side."""

LITTLE_SHARE = 4
"""A device that uses less than a quarter of its room gets a smaller one."""

ROWS_AT_ONCE = 1024
"""Books of a device that are copied at a time from room to room."""


@dataclass
class Site:
    """A device with its room for books.

    Attributes:
        backend: the device.
        placed: its room.
        start: the number of the book whose place is the first in it.
    """

    backend: Backend
    placed: Placed
    start: int

    @property
    def end(self) -> int:
        """The number behind the last book for which it has room."""
        return self.start + self.placed.books

    def read_rows(self, first: int, last: int) -> Words:
        """A copy of the memory of some of its books."""
        return self.backend.read_rows(self.placed, first - self.start, last - self.start)

    def write_rows(self, first: int, rows: Words) -> None:
        """Overwrites the memory of books from ``first`` on."""
        self.backend.write_rows(self.placed, first - self.start, rows)


@dataclass(frozen=True)
class Piece:
    """The books that a device has: from ``first`` to before ``last``."""

    number: int
    site: Site
    first: int
    last: int

    @property
    def rows(self) -> slice:
        """Where they are in the device's room."""
        return slice(self.first - self.site.start, self.last - self.site.start)


class Sites:
    """The devices of a pool of books.

    Args:
        books: how many books there are.
        capacity: how much each holds.
        config: the market's encoded terms, 11 words.
        backends: the devices.
        distributor: divides the books among them, where there are several.
    """

    def __init__(
        self, books: int, capacity: Capacity, config: Words, backends: Sequence[Backend], distributor: Distributor
    ) -> None:
        self._capacity, self._terms = capacity, terms_of(config, capacity)
        self.books = books
        self.distributor = distributor
        cuts = distributor.cuts
        self.sites = [self._placed(backend, cuts[number], cuts[number + 1]) for number, backend in enumerate(backends)]
        self._threads = Threads(len(backends), "proofbook-device") if len(backends) > 1 else None

    def _placed(self, backend: Backend, first: int, last: int) -> Site:
        """Room on a device for some books and the spare ones."""
        spare = -(-(last - first) // SPARE_SHARE)
        start, end = max(0, first - spare), min(self.books, last + spare)
        return Site(backend, backend.place(end - start, self._capacity, self._terms), start)

    def pieces(self) -> Iterator[Piece]:
        """Which device has which books, in their order."""
        cuts = self.distributor.cuts
        for number, site in enumerate(self.sites):
            yield Piece(number, site, cuts[number], cuts[number + 1])

    def overlapping(self, first: int, last: int) -> Iterator[Piece]:
        """The same for some of the books alone."""
        for piece in self.pieces():
            low, high = max(piece.first, first), min(piece.last, last)
            if low < high:
                yield replace(piece, first=low, last=high)

    def prepare(self, keep: int) -> None:
        """Makes the machine code that steps need."""
        for site in self.sites:
            site.backend.prepare(site.placed, keep)

    def clear(self, mask: npt.NDArray[np.bool_]) -> None:
        """Makes empty books of those that the mask names."""
        for site in self.sites:
            site.backend.clear(site.placed, mask[site.start : site.end])

    def count(self, counters: Words) -> None:
        """Writes the counters of all books."""
        for piece in self.pieces():
            piece.site.backend.count(piece.site.placed, piece.rows.start, counters[piece.first : piece.last])

    def read_rows(self, first: int, last: int) -> Words:
        """A copy of the memory of some books, book by book."""
        parts = [piece.site.read_rows(piece.first, piece.last) for piece in self.overlapping(first, last)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def write_rows(self, first: int, rows: Words) -> None:
        """Overwrites the memory of books from ``first`` on."""
        for piece in self.overlapping(first, first + len(rows)):
            piece.site.write_rows(piece.first, rows[piece.first - first : piece.last - first])

    def step(self, plan: StepPlan, timing: Timing) -> None:
        """Runs a batch for all books, then moves books if a device is slower than its share of them."""
        if self._threads is None:
            self.sites[0].backend.step(self.sites[0].placed, plan, timing)
            return
        pieces = list(self.pieces())
        timings = [Timing(parts=0) for _ in pieces]
        # All have ended before an error is passed on: they work on the caller's arrays.
        tasks = [(_run, piece, plan, own) for piece, own in zip(pieces, timings, strict=True)]
        Crew().run(self._threads, tasks)
        timing.parts = 0
        for piece, own in zip(pieces, timings, strict=True):
            rows = int(plan.offsets[piece.last] - plan.offsets[piece.first])
            self.distributor.record(piece.number, rows, own.pipeline_ns / 1e9)
            timing.add(own)
        self.distributor.expect(np.diff(plan.offsets))
        self._move(timing)

    def step_one(self, number: int, plan: StepPlan, timing: Timing) -> None:
        """Runs a batch for one book alone, where it is."""
        for piece in self.overlapping(number, number + 1):
            piece.site.backend.step(piece.site.placed, replace(plan, first=piece.rows.start), timing)

    def _move(self, timing: Timing) -> None:
        """Lets books change hands, as the distributor says."""
        begin = time.perf_counter_ns()
        before = list(self.distributor.cuts)
        try:
            moves = self.distributor.moves()
            for number in range(len(self.sites)):
                self._make_room(number, before)
            for move in moves:
                self.sites[move.target].write_rows(move.first, self.sites[move.source].read_rows(move.first, move.last))
            timing.moved_books = sum(move.last - move.first for move in moves)
        except BaseException as error:
            # Whoever had a book has it still: copies of it overwrote nothing that a device has.
            self.distributor.cuts = before
            if not isinstance(error, DeviceError):
                raise
        timing.move_ns = time.perf_counter_ns() - begin

    def _make_room(self, number: int, before: list[int]) -> None:
        """Gives a device another room, where its own does not hold its books after the move, or far too many.

        Raises:
            DeviceError: there is no memory for it; the device has its room still.
        """
        site, cuts = self.sites[number], self.distributor.cuts
        first, last, had_first, had_last = *cuts[number : number + 2], *before[number : number + 2]
        rests = (first, last) == (had_first, had_last)
        is_little = rests and (last - first) * LITTLE_SHARE < site.placed.books
        if site.start <= first and last <= site.end and not is_little:
            return
        # What it is to give away is read from its room afterwards.
        room = self._placed(site.backend, min(first, had_first), max(last, had_last))
        for low in range(had_first, had_last, ROWS_AT_ONCE):
            room.write_rows(low, site.read_rows(low, min(low + ROWS_AT_ONCE, had_last)))
        self.sites[number] = room
        site.placed.free()
        site.backend.memory.device.trim()

    def free(self) -> None:
        """Gives the memory of the books back."""
        for site in self.sites:
            site.placed.free()
        if self._threads is not None:
            self._threads.shutdown()


def _run(piece: Piece, plan: StepPlan, timing: Timing) -> None:
    """Runs a device's books of a batch."""
    own = slice(piece.first, piece.last)
    part = StepPlan(
        plan.commands,
        plan.offsets[piece.first : piece.last + 1],
        piece.rows.start,
        plan.counters[own],
        None if plan.events is None else plan.events[own],
        plan.keep,
    )
    piece.site.backend.step(piece.site.placed, part, timing)
