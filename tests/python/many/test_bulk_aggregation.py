"""Depth, statistics and totals of whole pools are what the engine's states add up to, for every number of threads."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from bulk_world import ReadState, bulk_of, bytes_of, fitting_states, pool_of, words_of
from kernel_flow import WORLDS, World

from proofbook.errors import InputError
from proofbook.gpu.cpu import CpuBackend
from proofbook.gpu.kernels import layout
from proofbook.gpu.kernels.aggregation import STATISTICS
from proofbook.gpu.kernels.bulk import SHARE_BOOKS, Bulk, States
from proofbook.gpu.kernels.layout import Capacity, Words, views

COUNTERS = STATISTICS[STATISTICS.index("events") :]
MILLION = 1_000_000


def imbalance(buys: int, sells: int) -> int:
    """The rule of ``imbalance`` in whole numbers without an end."""
    while buys >= 1 << 43 or sells >= 1 << 43:
        buys, sells = buys >> 1, sells >> 1
    if not buys + sells:
        return 0
    size = abs(buys - sells) * MILLION // (buys + sells)
    return size if buys >= sells else -size


def expected_statistics(state: bytes) -> dict[str, int]:
    read = ReadState.of(state)
    bids, asks = read.levels(0), read.levels(1)
    buys, sells = (sum(level[1] for level in side) for side in (bids, asks))
    return {
        "sequence": read.sequence,
        "clock": read.clock,
        "live_orders": len(read.queues[0]) + len(read.queues[1]),
        "bid_levels": len(bids),
        "ask_levels": len(asks),
        "bid_price": bids[0][0] if bids else 0,
        "ask_price": asks[0][0] if asks else 0,
        "bid_quantity": bids[0][1] if bids else 0,
        "ask_quantity": asks[0][1] if asks else 0,
        "spread": asks[0][0] - bids[0][0] if bids and asks else 0,
        "open_buy": buys,
        "open_sell": sells,
        "imbalance": imbalance(buys, sells),
        "has_trade": read.has_trade,
        "last_trade": read.last_trade,
    }


def has(statistic: str, row: dict[str, int]) -> bool:
    """Whether a book has the statistic."""
    needed = {
        "bid_price": ("bid_levels",),
        "ask_price": ("ask_levels",),
        "spread": ("bid_levels", "ask_levels"),
        "last_trade": ("has_trade",),
    }
    if statistic == "imbalance":
        return bool(row["open_buy"] or row["open_sell"])
    return all(row[name] for name in needed.get(statistic, ()))


def loaded(world: World, books: int, threads: int = 2) -> tuple[Bulk, Words, list[bytes], list[dict[str, int]]]:
    """A pool with books of a world, whose counters say something too, with its states and the expected statistics."""
    states = fitting_states(world, books, 1_500)
    bulk, pool = bulk_of(world, CpuBackend(threads=threads).runner()), pool_of(world, len(states))
    bulk.load_states(pool, States.of(states))
    choose = random.Random(books)
    rows = []
    header = views(pool, Capacity(world.orders, world.levels)).header
    for number, state in enumerate(states):
        counters = [choose.choice((0, choose.randrange(1 << 20), (1 << 64) - 1)) for _ in COUNTERS]
        header[number, int(layout.EVENTS) : int(layout.EVENTS) + len(COUNTERS)] = counters
        rows.append({**expected_statistics(state), **dict(zip(COUNTERS, counters, strict=True))})
    return bulk, pool, states, rows


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_depth_and_statistics_are_those_of_the_states(world: World) -> None:
    bulk, pool, states, rows = loaded(world, 10)
    for shown in (1, 4, world.levels + 2):
        depth = bulk.depth(pool, shown)
        for number, state in enumerate(states):
            for side in (0, 1):
                levels = ReadState.of(state).levels(side)[:shown]
                levels += [(0, 0, 0)] * (shown - len(levels))
                found = zip(
                    depth.prices[side, number], depth.quantities[side, number], depth.orders[side, number], strict=True
                )
                assert list(found) == levels
    statistics = bulk.statistics(pool)
    assert [dict(zip(STATISTICS, row, strict=True)) for row in statistics.tolist()] == rows


def expected_totals(rows: list[dict[str, int]]) -> dict[str, Any]:
    totals = {}
    for name in STATISTICS:
        values = [row[name] for row in rows if has(name, row)]
        totals[name] = (len(values), sum(values), min(values, default=None), max(values, default=None))
    return totals


@pytest.mark.parametrize(
    "world",
    [world for world in WORLDS if world.name in ("plain", "negative", "large", "one")],
    ids=lambda world: world.name,
)
def test_totals_are_exact_for_every_number_of_threads(world: World) -> None:
    _, pool, _, rows = loaded(world, 24)
    # More books than one worker takes, and no multiple of that: the same ones again and again.
    order = [number % len(rows) for number in range(3 * SHARE_BOOKS + 77)]
    many, expected = pool[order], expected_totals([rows[number] for number in order])
    assert expected["traded_quantity"][1] >> 64, "the sum needs more than a word"
    for threads in (1, 2, 3, 5):
        assert bulk_of(world, CpuBackend(threads=threads).runner()).totals(many) == expected
    single = bulk_of(world)
    assert single.totals(many[:1]) == expected_totals(rows[:1])
    assert single.totals(many[:0]) == expected_totals([])


@pytest.mark.parametrize(
    ("statistic", "edges"),
    [
        ("spread", [1, 2, 3, 5, 8]),
        ("live_orders", [0, 10, 20]),
        ("imbalance", [-MILLION, -1, 0, 1]),
        ("bid_price", [-9, -3, 0]),
    ],
)
def test_histograms_count_each_book_once(statistic: str, edges: list[int]) -> None:
    world = next(world for world in WORLDS if world.name == "negative")
    bulk, pool, _, rows = loaded(world, 24)
    order = [number % len(rows) for number in range(SHARE_BOOKS + 9)]
    values = [rows[number][statistic] for number in order if has(statistic, rows[number])]
    bounds = [-(1 << 62), *edges, 1 << 62]
    expected = np.histogram(np.array(values, dtype=np.int64), bins=np.array(bounds, dtype=np.int64))[0]
    found = bulk.histogram(pool[order], statistic, edges)
    assert found.tolist() == expected.tolist()
    assert found.sum() == len(values) and len(set(values)) > 2


@pytest.mark.parametrize(
    ("statistic", "edges", "told"),
    [
        ("depth", [1], "expected one of sequence"),
        ("spread", [], "ascending"),
        ("spread", [2, 1], "ascending"),
        ("spread", [-1, 1], "ascending"),
        ("bid_price", [1 << 63], "ascending"),
    ],
)
def test_histograms_of_nothing_are_refused(statistic: str, edges: list[int], told: str) -> None:
    world = WORLDS[0]
    with pytest.raises(InputError, match=told):
        bulk_of(world).histogram(pool_of(world, 1), statistic, edges)


def test_depth_of_no_levels_is_refused() -> None:
    with pytest.raises(InputError, match="expected at least 1; received 0"):
        bulk_of(WORLDS[0]).depth(pool_of(WORLDS[0], 1), 0)


def limit_order(side: int, price: int, quantity: int, number: int) -> list[int]:
    return [side | 4 << 24, number, 0, price, 0, quantity, 0, 0, 0, number, 0, 0]


def test_an_imbalance_of_the_largest_quantities_fits() -> None:
    world = next(world for world in WORLDS if world.name == "plain")
    (state,) = fitting_states(world, 1, 0)
    words = words_of(state)
    words[11], words[13] = 2, 3
    for bid, ask in (((1 << 64) - 1, 1), (1, (1 << 64) - 1), ((1 << 64) - 1, (1 << 64) - 1), ((1 << 63) + 5, 1 << 61)):
        full = [*words[:16], 1, *limit_order(0, 99, bid, 1), 1, *limit_order(1, 100, ask, 2), 0, 0]
        bulk, pool = bulk_of(world), pool_of(world, 1)
        bulk.load_states(pool, States.of([bytes_of(full)]))
        statistics = bulk.statistics(pool)[0]
        assert statistics["imbalance"] == imbalance(bid, ask)
        assert abs(int(statistics["imbalance"]) - (bid - ask) * MILLION / (bid + ask)) <= 1
