"""A whole flow through many books, in parts, and the comparison with the engine book by book.

``run`` applies a batch and adds up what happened; ``compare`` runs the same commands through the Rust engine and says
which book is the first that differs, in its state or in its events.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from proofbook import _core
from proofbook.errors import InputError
from proofbook.gpu import arrays
from proofbook.gpu.books import Books
from proofbook.gpu.commands import Batch
from proofbook.gpu.flow import THREADS_MAX, Progress
from proofbook.gpu.market import require_whole
from proofbook.types import Engine

PART_ROWS_MIN = 1 << 20
"""A part of a batch has at least so many commands, so that what a step costs beside them does not count."""

PARTS_MAX = 20
"""A batch is applied in so many parts at most: each one is a step, and progress is told after it."""


@dataclass(slots=True)
class Totals:
    """What a run did in all books together.

    Attributes:
        commands: how many commands the books took.
        elapsed_ns: the time of the steps, checks of the commands included.
    """

    commands: int = 0
    emitted: int = 0
    trades: int = 0
    traded_quantity: int = 0
    rejects: int = 0
    capacity_rejects: int = 0
    events_lost: int = 0
    elapsed_ns: int = 0
    steps: int = 0

    @property
    def commands_per_s(self) -> float:
        """Commands of all books for each second of the steps."""
        return self.commands / (self.elapsed_ns / 1e9) if self.elapsed_ns else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the engine says about the same commands.

    Attributes:
        books: how many were compared.
        states_differ: how many ended in another state.
        events_differ: how many had other events; ``None`` where the books keep no digests of them.
        first: the first book that differs in one of them, if any does.
        engine_ns: how long the engine's threads took for applying, in sum.
        engine_wall_ns: from their start to their end, digests included.
    """

    books: int
    states_differ: int
    events_differ: int | None
    first: int | None
    engine_ns: int
    engine_wall_ns: int

    @property
    def is_equal(self) -> bool:
        """Whether no book differs."""
        return self.first is None


def run(books: Books, batch: Batch, *, progress: Progress | None = None) -> Totals:
    """Apply a batch, in parts of whole books.

    Args:
        books: as many as the batch is for.
        batch: the commands.
        progress: is told after each part how many commands are done, and of how many.

    Raises:
        InputError: commands that the books do not take; parts before that were applied.
        EventsLostError: more events than the books keep.
    """
    totals = Totals()
    counted = [each.name for each in fields(Totals) if each.name not in ("elapsed_ns", "steps")]
    # Where all events are kept, each step brings the room of all books.
    rows = len(batch) if books.keep == "all" else max(PART_ROWS_MIN, -(-len(batch) // PARTS_MAX))
    for part in batch.parts(max(rows, 1)):
        start = time.perf_counter_ns()
        step = books.apply(part.commands, part.offsets)
        totals.elapsed_ns += time.perf_counter_ns() - start
        totals.steps += 1
        for name in counted:
            setattr(totals, name, getattr(totals, name) + (step.rows if name == "commands" else step.total(name)))
        if progress is not None:
            progress(totals.commands, len(batch))
    return totals


def compare(books: Books, batch: Batch, *, threads: int | None = None, engine: Engine = "ladder") -> Comparison:
    """Hold books that were empty before the batch against the engine.

    Args:
        books: after ``run``.
        batch: everything that was applied to them.
        threads: of the engine; else one for each processor.
        engine: the structure that holds the engine's orders.

    Raises:
        InputError: books that took other commands, or are of another number.
    """
    if threads is not None:
        require_whole("threads", threads, 1, THREADS_MAX)
    batch = arrays.batch(batch, books=books.books)
    taken, given = books.sequences(), np.diff(batch.offsets)
    if (taken != given.astype(np.uint64)).any():
        book = int(np.argmax(taken != given.astype(np.uint64)))
        raise InputError(f"book {book}: expected the {given[book]} commands of the batch; it took {taken[book]}")
    kept: Literal["none", "digest"] = "none" if books.keep == "none" else "digest"
    ended = _core.many_run(
        books.config.tobytes(), batch.commands, batch.offsets, threads=threads, engine=engine, events=kept
    )
    differs = (books.digests() != ended.digests).any(axis=1)
    states_differ, events_differ = int(differs.sum()), None
    if ended.event_digests is not None:
        others = books.event_digests() != ended.event_digests
        events_differ = int(others.sum())
        differs |= others
    first = int(np.argmax(differs)) if differs.any() else None
    return Comparison(len(differs), states_differ, events_differ, first, ended.apply_ns, ended.wall_ns)
