"""Runs the CUDA form of the kernels in numba-cuda's simulator and holds it against the engine.

A program of its own: numba chooses the simulator once in a process.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from kernel_flow import WORLDS, World, flow
from kernel_state import MemoryBook, event_digest

from proofbook.gpu.kernels import layout
from proofbook.gpu.kernels.compile import compiled, is_simulated
from proofbook.gpu.kernels.events import KEEP_ALL
from proofbook.gpu.kernels.layout import Capacity, Words
from proofbook.gpu.kernels.match_cuda import (
    GROUP_THREADS,
    clear_books,
    match_books,
    match_books_together,
)
from proofbook.testing import RawMarket

BOOKS = 3
ROWS = (150, 0, 70)
"""Uneven, and one of the books gets nothing."""
ROOM = 2_000


def _matched(
    form: str, world: World, rows: Sequence[Sequence[int]], offsets: np.ndarray[Any, Any]
) -> tuple[Words, Words]:
    """A pool and its events after these commands."""
    capacity = Capacity(world.orders, world.levels)
    terms = layout.terms_of(world.config(), capacity)
    pool = layout.new_pool(BOOKS, capacity, "F" if form == "interleaved" else "C")
    events = np.zeros((BOOKS, ROOM, 7), dtype=np.uint64)
    compiled(clear_books, "cuda", KEEP=KEEP_ALL)[1, 4](pool, terms, events, np.ones(BOOKS, dtype=np.bool_))
    commands = np.array(rows, dtype=np.uint64)
    if form in ("C", "interleaved"):
        compiled(match_books, "cuda", KEEP=KEEP_ALL)[2, 2](pool, terms, commands, offsets, events)
        return pool, events
    # The larger part of a book may have to stay in the GPU's memory.
    staged = capacity.words if form == "whole" else layout.starts(capacity)[4]
    kernel = compiled(match_books_together, "cuda", KEEP=KEEP_ALL)
    kernel[BOOKS, GROUP_THREADS, 0, 8 * staged](pool, terms, commands, offsets, events, staged)
    return pool, events


def _run(form: str, world: World, seed: int) -> None:
    world = replace(world, levels=world.orders)
    capacity = Capacity(world.orders, world.levels)
    flows = [list(flow(world, seed + book, count)) for book, count in enumerate(ROWS)]
    offsets = np.cumsum([0, *ROWS], dtype=np.int64)
    pool, events = _matched(form, world, [words for rows in flows for words in rows], offsets)
    for number, rows in enumerate(flows):
        market = RawMarket(struct.pack("<11Q", *world.config()))
        expected = b"".join(market.apply(struct.pack("<9Q", *words)) for words in rows)
        book = MemoryBook(pool, number, capacity)
        where = f"{form}, world {world.name}, seed {seed}, book {number}"
        assert events[number, : book.field(layout.STEP_EVENTS)].tobytes() == expected, where
        assert book.state(world.config()) == market.state(), where
        assert book.field(layout.EVENT_DIGEST) == event_digest(int(layout.DIGEST_START), expected), where
        book.check()


def main() -> None:
    """Every world once, the forms in turn."""
    assert is_simulated(), "run this with NUMBA_ENABLE_CUDASIM=1"
    forms = sys.argv[1:] or ["C", "interleaved", "whole", "front"]
    for number, world in enumerate(world for world in WORLDS if world.orders < 100):
        _run(forms[number % len(forms)], world, 30 + number)
        _run(forms[(number + 1) % len(forms)], world, 60 + number)
    print("equal")


if __name__ == "__main__":
    main()
