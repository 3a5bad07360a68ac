"""The kernels' rules are the engine's: event by event and byte by byte, on flow that visits every corner."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from kernel_flow import SWEEP, WORLDS, World, flow
from kernel_state import MemoryBook, event_digest

from proofbook.gpu.kernels import layout
from proofbook.gpu.kernels.compile import compiled
from proofbook.gpu.kernels.events import KEEP_ALL
from proofbook.gpu.kernels.layout import Capacity
from proofbook.gpu.kernels.match_cpu import clear_books, match_books
from proofbook.testing import RawMarket

REJECTED = 2
ROOM = 4_096


class Pair:
    """A book of a pool and the engine's market, side by side."""

    def __init__(self, world: World, order: layout.Order = "C") -> None:
        self.config = world.config()
        self.capacity = Capacity(world.orders, world.levels)
        self.terms = layout.terms_of(self.config, self.capacity)
        self.pool = layout.new_pool(1, self.capacity, order)
        self.events = np.zeros((1, ROOM, 7), dtype=np.uint64)
        self.match: Any = compiled(match_books, "cpu", KEEP=KEEP_ALL)
        compiled(clear_books, "cpu", KEEP=KEEP_ALL)(self.pool, self.terms, self.events, np.ones(1, dtype=np.bool_))
        self.market = RawMarket(struct.pack("<11Q", *self.config))
        self.digest = int(layout.DIGEST_START)
        self.reasons: Counter[int] = Counter()
        self.counts: Counter[int] = Counter()

    def book(self) -> MemoryBook:
        return MemoryBook(self.pool, 0, self.capacity)

    def apply(self, words: Sequence[int]) -> None:
        """Applies one command to both and compares what they say."""
        before = self.book() if self.capacity.levels < self.capacity.orders else None
        command = np.array([words], dtype=np.uint64)
        self.match(self.pool, self.terms, command, np.array([0, 1], dtype=np.int64), self.events, 0, 1)
        header = layout.views(self.pool, self.capacity).header[0]
        count = int(header[layout.STEP_EVENTS])
        events = self.events[0, :count].tobytes()
        data = struct.pack("<9Q", *words)
        if count == 1 and self.events[0, 0, 0] & 0xFF == REJECTED and self.events[0, 0, 0] >> 16 & 0xFF == 200:
            assert before is not None
            self._check_want_of_level(words, before, events)
            # To the engine it is a command that does nothing, so that both go on from one state.
            assert self.market.apply(struct.pack("<9Q", SWEEP, words[1], *[0] * 7)) == b""
        else:
            assert events == self.market.apply(data), f"command {words}"
        self.digest = event_digest(self.digest, events)
        for event in self.events[0, :count].tolist():
            self.counts[event[0] & 0xFF] += 1
            if event[0] & 0xFF == REJECTED:
                self.reasons[event[0] >> 16 & 0xFF] += 1

    def _check_want_of_level(self, words: Sequence[int], before: MemoryBook, events: bytes) -> None:
        engine = RawMarket.restore(self.market.state())
        taken = engine.apply(struct.pack("<9Q", *words))
        assert taken[0] in (1, 8), "the engine rejects it for no other reason"
        side = taken[1]
        assert before.levels(side) == self.capacity.levels, "no level was free"
        placed = [event for event in struct.iter_unpack("<7Q", taken) if event[0] & 0xFF == 3]
        for event in placed:
            assert event[3] ^ ((1 << 63) - side) not in before.keys[side], "it would need one level more"
        assert events == struct.pack("<7Q", REJECTED | 200 << 16 | 1 << 24, words[2], 0, 0, 0, 0, 0)

    def check(self) -> None:
        """Compares the states, and checks the book's memory."""
        book = self.book()
        book.check()
        assert book.state(self.config) == self.market.state()
        assert book.field(layout.EVENT_DIGEST) == self.digest
        assert book.field(layout.EVENTS) == self.counts.total()
        assert book.field(layout.TRADES) == self.counts[4]
        assert book.field(layout.REJECTS) == self.reasons.total()
        assert book.field(layout.CAPACITY_REJECTS) == self.reasons[21] + self.reasons[200]
        assert book.field(layout.EVENTS_LOST) == book.field(layout.UNSUPPORTED) == 0


EXPECTED_REASONS = {
    "plain": {1, 6, 7, 8, 9, 16, 19, 20, 22, 23},
    "full levels": {200},
    "one": {21},
    "terms": {9, 10, 11, 13, 14, 15},
    "negative": {13, 14},
    "far": {13, 15},
    "large": {12, 22},
    "deep": {7, 20},
}
"""Reasons of rejects that each world has to bring about; without them the test would be blind there."""


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
@pytest.mark.parametrize("order", ["C", "F"])
def test_random_flow_is_handled_as_by_the_engine(world: World, order: layout.Order) -> None:
    pair = Pair(world, order)
    seed = 1 if order == "C" else 2
    for number, words in enumerate(flow(world, seed, 4_000)):
        pair.apply(words)
        if number % 50 == 0:
            pair.check()
    pair.check()
    assert EXPECTED_REASONS.get(world.name, set()) <= set(pair.reasons), f"seed {seed}: {pair.reasons}"
    assert {1, 2, 3, 4, 7} <= set(pair.counts), f"seed {seed}: {pair.counts}"
