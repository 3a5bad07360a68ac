"""Matching over many books: equal to the engine over a million commands, and what a book does at its bounds."""

from __future__ import annotations

import importlib.util
import itertools
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernel_flow import WORLDS, flow
from kernel_state import MemoryBook

from proofbook._core import many_flow, many_run, state_digests
from proofbook.gpu.kernels import layout
from proofbook.gpu.kernels.compile import compiled
from proofbook.gpu.kernels.events import KEEP_ALL, KEEP_DIGEST, KEEP_NONE
from proofbook.gpu.kernels.layout import Capacity, Words
from proofbook.gpu.kernels.match_cpu import clear_books, match_books
from proofbook.testing import RawMarket

ORDERS = 256
CONFIG = [1 | ORDERS << 32, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]
SCENARIOS = ("static", "normal", "swing-25", "swing-40", "flash-crash", "mixed")


class Pool:
    """Some books and their terms."""

    def __init__(self, books: int, config: list[int], capacity: Capacity, keep: int, room: int = 0) -> None:
        self.config = config
        self.capacity = capacity
        self.keep = keep
        self.terms = layout.terms_of(config, capacity)
        self.words = layout.new_pool(books, capacity)
        self.events: Words = np.zeros((books, room, 7), dtype=np.uint64)
        clear = compiled(clear_books, "cpu", KEEP=keep)
        clear(self.words, self.terms, self.events, np.ones(books, dtype=np.bool_))

    def apply(self, commands: Words, offsets: np.ndarray[Any, Any]) -> None:
        match = compiled(match_books, "cpu", KEEP=self.keep)
        match(self.words, self.terms, commands, offsets, self.events, 0, len(self.words))

    def column(self, field: np.uint64) -> Words:
        return layout.views(self.words, self.capacity).header[:, int(field)]

    def digests(self) -> np.ndarray[Any, Any]:
        states = [MemoryBook(self.words, row, self.capacity).state(self.config) for row in range(len(self.words))]
        return state_digests(b"".join(states), np.cumsum([0, *map(len, states)], dtype=np.int64))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_million_commands_end_as_in_the_engine(scenario: str) -> None:
    """About 170,000 commands for each of the six kinds of flow."""
    commands, offsets = many_flow(scenario, seed=11, books=40, commands=4_200)
    pool = Pool(40, CONFIG, Capacity(ORDERS, ORDERS), KEEP_DIGEST)
    # In three steps, cut at other places in each book.
    cuts = np.stack([offsets[:-1], offsets[:-1] + 7 * np.arange(40), offsets[1:] - 3, offsets[1:]])
    for first, last in itertools.pairwise(cuts):
        rows = np.concatenate([commands[a:b] for a, b in zip(first, last, strict=True)])
        pool.apply(rows, np.concatenate([[0], np.cumsum(last - first)]))
    run = many_run(struct.pack("<11Q", *CONFIG), commands, offsets, events="digest")
    assert (pool.column(layout.EVENT_DIGEST) == run.event_digests).all()
    assert (pool.column(layout.EVENTS) == run.events).all()
    assert (pool.column(layout.TRADES) == run.trades).all()
    assert (pool.column(layout.LIVE_ORDERS) == run.live_orders).all()
    assert (pool.digests() == run.digests).all()
    assert run.trades.sum() > 0


def test_books_end_alike_whatever_is_kept() -> None:
    commands, offsets = many_flow("mixed", seed=5, books=64, commands=300)
    digested = Pool(64, CONFIG, Capacity(ORDERS, 64), KEEP_DIGEST)
    digested.apply(commands, offsets)
    bare = Pool(64, CONFIG, Capacity(ORDERS, 64), KEEP_NONE)
    bare.apply(commands, offsets)
    assert (bare.column(layout.EVENT_DIGEST) == layout.DIGEST_START).all()
    assert (digested.column(layout.EVENT_DIGEST) != layout.DIGEST_START).all()
    digested.column(layout.EVENT_DIGEST)[:] = layout.DIGEST_START
    assert (digested.words == bare.words).all()
    assert digested.column(layout.TRADES).sum() > 0


def _one(pool: Pool, *rows: list[int]) -> list[tuple[int, ...]]:
    """The events of these commands in a pool of one book that keeps all."""
    pool.apply(np.array(rows, dtype=np.uint64), np.array([0, len(rows)], dtype=np.int64))
    kept = int(pool.column(layout.STEP_EVENTS)[0])
    return [tuple(event) for event in pool.events[0, :kept].tolist()]


def test_commands_that_no_book_takes_are_counted_and_change_nothing() -> None:
    pool = Pool(1, [1 | 8 << 32, *CONFIG[1:]], Capacity(8, 8), KEEP_ALL, 64)
    _one(pool, [1 | 1 << 16, 5, 1, 7, 100, 0, 10, 0, 0])
    before = pool.words.copy()
    stop, stop_limit, dated, iceberg = 1 | 2 << 16, 1 | 3 << 16, 1 | 1 << 16 | 3 << 24, 1 | 1 << 16 | 2 << 40
    odd = (0, 11, 255, 1 | 2 << 8, 1 | 4 << 24, 1 | 5 << 32, 1 | 1 << 48)
    tags = (stop, stop_limit, dated, iceberg, 7, 8, 9, 10, *odd)
    assert _one(pool, *([tag, 6, 2, 7, 100, 0, 10, 0, 0] for tag in tags)) == []
    assert pool.column(layout.UNSUPPORTED)[0] == len(tags)
    pool.column(layout.UNSUPPORTED)[0] = 0
    before[0, int(layout.STEP_EVENTS)] = 0
    assert (pool.words == before).all()


def test_events_without_room_are_counted_and_still_digested() -> None:
    world = WORLDS[0]
    capacity = Capacity(world.orders, world.levels)
    rows = np.array(list(flow(world, 3, 400)), dtype=np.uint64)
    offsets = np.array([0, 400], dtype=np.int64)
    short, long = (Pool(1, world.config(), capacity, KEEP_ALL, room) for room in (100, 4_000))
    short.apply(rows, offsets)
    long.apply(rows, offsets)
    total = int(long.column(layout.STEP_EVENTS)[0])
    assert short.column(layout.STEP_EVENTS)[0] == 100
    assert short.column(layout.EVENTS_LOST)[0] == total - 100 > 0 == long.column(layout.EVENTS_LOST)[0]
    assert (short.events[0] == long.events[0, :100]).all()
    assert short.column(layout.EVENT_DIGEST)[0] == long.column(layout.EVENT_DIGEST)[0]


@pytest.mark.parametrize("field", [layout.SEQUENCE, layout.NEXT_PRIORITY])
def test_a_book_stops_at_the_end_of_its_numbers(field: np.uint64) -> None:
    pool = Pool(1, CONFIG, Capacity(ORDERS, 64), KEEP_ALL, 64)
    market = RawMarket(struct.pack("<11Q", *CONFIG))
    state = bytearray(market.state())
    struct.pack_into("<Q", state, 88 + 8 * (0 if field == layout.SEQUENCE else 2), (1 << 63) - 1)
    market = RawMarket.restore(bytes(state))
    pool.column(field)[0] = (1 << 63) - 1
    reasons = []
    for row in ([1 | 1 << 16, 5, order_id, 7, 100, 0, 10, 0, 0] for order_id in range(3)):
        events = _one(pool, row)
        assert struct.pack(f"<{7 * len(events)}Q", *(word for event in events for word in event)) == market.apply(
            struct.pack("<9Q", *row)
        )
        reasons.append(events[0][0] >> 16 & 0xFF)
    assert reasons == [0, 2, 2]
    assert MemoryBook(pool.words, 0, pool.capacity).state(CONFIG) == market.state()


def test_a_mass_cancel_of_many_orders_goes_up_by_id() -> None:
    orders = 512
    config = [1 | orders << 32, *CONFIG[1:]]
    pool = Pool(1, config, Capacity(orders, orders), KEEP_ALL, 4 * orders)
    market = RawMarket(struct.pack("<11Q", *config))
    ids = np.random.default_rng(4).permutation(orders).tolist()
    rows = [
        [1 | (n % 2) << 8 | 1 << 16, 5, i, 3 + i % 3, 100 + (n % 2) * 50 + n % 37, 0, 10, 0, 0]
        for n, i in enumerate(ids)
    ]
    rows += [[3, 6, 0, account, 0, 0, 0, 0, 0] for account in (4, 9, 3, 5)]
    events = _one(pool, *rows)
    expected = b"".join(market.apply(struct.pack("<9Q", *row)) for row in rows)
    assert struct.pack(f"<{7 * len(events)}Q", *(word for event in events for word in event)) == expected
    book = MemoryBook(pool.words, 0, pool.capacity)
    book.check()
    assert book.field(layout.LIVE_ORDERS) == 0


def test_the_cuda_form_in_the_simulator() -> None:
    """In a process of its own, since numba chooses the simulator once; no GPU is there or asked for."""
    pytest.importorskip("numba_cuda")
    program = Path(__file__).with_name("simulated_kernels.py")
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, env=environment, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "equal\n"


def test_the_cuda_form_compiles_for_a_gpu() -> None:
    """To PTX, where NVIDIA's compiler is installed (extra ``gpu``); it needs no GPU."""
    if not any(importlib.util.find_spec(name) for name in ("nvidia.cu13", "nvidia.cuda_nvcc")):
        pytest.skip("NVIDIA's compiler is not installed: numba-cuda[cu13] or [cu12]")
    program = Path(__file__).with_name("compiled_kernels.py")
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_ENABLE_CUDASIM"}
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, env=environment, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("match_books") == 3, done.stdout
    assert done.stdout.count("\n") == 26, done.stdout
