"""Rows of counters: what the host keeps of each book between steps, copied from the book's header.

Counters count from the book's start on, so that what a step did is the difference of two rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from proofbook.gpu.kernels.device import device
from proofbook.gpu.kernels.layout import CLOCK, EVENT_DIGEST, SEQUENCE

COUNTERS = (
    "sequence",
    "clock",
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
"""The words of a row of counters: sequence and clock, then the header from the event digest on, in its order."""

COUNTER_WORDS = len(COUNTERS)
ONE = np.uint64(1)
TWO = np.uint64(2)
END = np.uint64(COUNTER_WORDS)


@device
def count(row: Any, counters: Any) -> None:
    """Writes a book's counters, from its row of the pool."""
    counters[0] = row[SEQUENCE]
    counters[1] = row[CLOCK]
    at = TWO
    while at < END:
        counters[at] = row[EVENT_DIGEST + at - TWO]
        at += ONE


def count_books(pool: Any, counters: Any, first: Any, last: Any) -> None:
    """Writes the counters of books, on the calling thread of a CPU and without the GIL."""
    for book in range(first, last):
        count(pool[book], counters[book])
