"""Where the books of a pool are: all on one device, or divided among several.

Each device has room for all of the books, in the same places, and has the ones between two cuts: so a book that moves
is a copied row, and its number says where it is everywhere. Devices run their books of a batch at the same time, each
in a thread of its own, and write their results to the same arrays, each to its own rows.

Invariants:
- every book is on exactly one device; what another device has in its place is of no meaning;
- results stand in the order of the books, and do not depend on the cuts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from proofbook.gpu.backends import Backend, Placed, StepPlan
from proofbook.gpu.balance import Distributor
from proofbook.gpu.kernels.layout import Capacity, Words, terms_of
from proofbook.gpu.metrics import Timing
from proofbook.gpu.streams import Crew, Threads


@dataclass
class Site:
    """A device with its room for the books."""

    backend: Backend
    placed: Placed


@dataclass(frozen=True)
class Piece:
    """The books that a device has: from ``first`` to before ``last``."""

    number: int
    site: Site
    first: int
    last: int


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
        terms = terms_of(config, capacity)
        self.sites = [Site(backend, backend.place(books, capacity, terms)) for backend in backends]
        self.books = books
        self.distributor = distributor
        self._threads = Threads(len(backends), "proofbook-device") if len(backends) > 1 else None

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
            site.backend.clear(site.placed, mask)

    def count(self, counters: Words) -> None:
        """Writes the counters of all books."""
        for piece in self.pieces():
            piece.site.backend.count(piece.site.placed, piece.first, counters[piece.first : piece.last])

    def read_rows(self, first: int, last: int) -> Words:
        """A copy of the memory of some books, book by book."""
        parts = [
            piece.site.backend.read_rows(piece.site.placed, piece.first, piece.last)
            for piece in self.overlapping(first, last)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def write_rows(self, first: int, rows: Words) -> None:
        """Overwrites the memory of books from ``first`` on."""
        for piece in self.overlapping(first, first + len(rows)):
            piece.site.backend.write_rows(
                piece.site.placed, piece.first, rows[piece.first - first : piece.last - first]
            )

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
            piece.site.backend.step(piece.site.placed, plan, timing)

    def _move(self, timing: Timing) -> None:
        """Lets books change hands, as the distributor says."""
        begin = time.perf_counter_ns()
        for move in self.distributor.moves():
            source, target = self.sites[move.source], self.sites[move.target]
            rows = source.backend.read_rows(source.placed, move.first, move.last)
            target.backend.write_rows(target.placed, move.first, rows)
            timing.moved_books += move.last - move.first
        timing.move_ns = time.perf_counter_ns() - begin

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
        piece.first,
        plan.counters[own],
        None if plan.events is None else plan.events[own],
        plan.keep,
    )
    piece.site.backend.step(piece.site.placed, part, timing)
