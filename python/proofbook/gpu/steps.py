"""What a step does with one book, for kernels of any device: its commands run, and what the host wants to know is written down.

A row of *counters* is what the host keeps of each book between steps. They count from the book's start on, so that what a step did is the
difference of two rows.
"""

from __future__ import annotations

import numpy as np

from proofbook.gpu.kernels.apply import run_book
from proofbook.gpu.kernels.book import book_of
from proofbook.gpu.kernels.device import device
from proofbook.gpu.kernels.layout import EVENT_DIGEST, SEQUENCE

COUNTERS = (
    "sequence",
    "event_digest",
    "emitted",
    "trades",
    "traded_quantity",
    "rejects",
    "capacity_rejects",
    "unsupported",
    "events_lost",
    "kept",
)
"""The words of a row of counters: the sequence, then the header from the event digest on, in its order."""

COUNTER_WORDS = len(COUNTERS)
HEADER_COUNTERS = np.uint64(COUNTER_WORDS - 1)
ONE = np.uint64(1)


@device
def note(row, counters):  # type: ignore[no-untyped-def]
    """Writes a book's counters, from its row of the pool."""
    counters[0] = row[SEQUENCE]
    at = np.uint64(0)
    while at < HEADER_COUNTERS:
        counters[at + ONE] = row[EVENT_DIGEST + at]
        at += ONE


@device
def step_book(pool, terms, commands, offsets, events, counters, first, book):  # type: ignore[no-untyped-def]
    """Runs the commands of one book of a part. The part's first book is row ``first`` of the pool.

    ``events`` has one row for each book of the part, or a single one where no events are kept.
    """
    row = pool[first + book]
    place = book if events.shape[0] > 1 else 0
    run_book(book_of(row, terms, events[place]), commands, np.uint64(offsets[book]), np.uint64(offsets[book + 1]))
    note(row, counters[book])
