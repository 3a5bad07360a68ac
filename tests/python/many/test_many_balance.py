"""The arithmetic of the distribution of books among devices."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="the packages of the extra `many` are not installed")

from proofbook import InputError
from proofbook.gpu.balance import Distributor, whole_shares


@pytest.mark.parametrize("seed", range(20))
def test_shares_are_whole_and_next_to_exact(seed: int) -> None:
    rng = random.Random(seed)
    rates = [rng.choice([0.0, 1.0, rng.random() * 1e9]) for _ in range(rng.randint(1, 6))] + [1.0]
    total = rng.randint(0, 10**6)
    shares = whole_shares(total, rates)
    assert sum(shares) == total, f"seed {seed}"
    for share, rate in zip(shares, rates, strict=True):
        assert abs(share - total * rate / sum(rates)) < 1, f"seed {seed}"


@pytest.mark.parametrize("rates", [[], [0.0], [1.0, -1.0], [1.0, float("nan")], [1.0, float("inf")], ["1", 1.0]])
def test_rates_that_divide_nothing_are_refused(rates: list[Any]) -> None:
    with pytest.raises(InputError, match="rates: expected numbers from zero up, one of them above it; received"):
        whole_shares(10, rates)


def run(distributor: Distributor, counts: np.ndarray[Any, np.dtype[np.int64]], speeds: list[float]) -> int:
    """One step of devices with these speeds; says how many books moved. Every book always has exactly one device."""
    owner = np.repeat(np.arange(len(speeds)), distributor.shares)
    for device, speed in enumerate(speeds):
        rows = int(counts[distributor.cuts[device] : distributor.cuts[device + 1]].sum())
        distributor.record(device, rows, rows / speed)
    distributor.expect(counts)
    before = list(distributor.cuts)
    moves = distributor.moves()
    moved = 0
    for move in moves:
        assert abs(move.source - move.target) == 1
        assert (owner[move.first : move.last] == move.source).all(), "only its owner gives a book away"
        owner[move.first : move.last] = move.target
        moved += move.last - move.first
    assert np.array_equal(owner, np.repeat(np.arange(len(speeds)), distributor.shares))
    assert all(abs(now - then) <= distributor.moves_max for now, then in zip(distributor.cuts, before, strict=True))
    assert min(distributor.shares) >= 1
    return moved


def test_cuts_go_to_where_all_devices_take_equally_long() -> None:
    distributor = Distributor(1000, 2, moves_max=50)
    assert distributor.shares == [500, 500]
    counts = np.full(1000, 20)
    moves = [run(distributor, counts, [3e6, 1e6]) for _ in range(12)]
    assert moves[:5] == [50] * 5, "a bounded number at a time"
    assert abs(distributor.shares[0] - 750) <= 0.05 * 750
    assert moves[-1] == 0, "and then they stay"


def test_a_device_that_slows_down_gives_books_away() -> None:
    distributor = Distributor(1000, 2, moves_max=1000)
    counts = np.full(1000, 20)
    for _ in range(5):
        run(distributor, counts, [1e6, 1e6])
    assert distributor.shares == [500, 500]
    for _ in range(20):
        run(distributor, counts, [1e6, 4e6])
    assert abs(distributor.shares[1] - 800) < 50


def test_what_counts_is_commands_and_not_books() -> None:
    distributor = Distributor(100, 2, moves_max=100, tolerance=0.0)
    counts = np.zeros(100, dtype=np.int64)
    counts[:10] = 1000
    for _ in range(5):
        run(distributor, counts, [1e6, 1e6])
    assert distributor.cuts[1] == 5


@pytest.mark.parametrize("seed", range(10))
def test_random_speeds_and_counts_keep_every_book_on_one_device(seed: int) -> None:
    rng = np.random.default_rng(seed)
    devices = int(rng.integers(2, 5))
    books = int(rng.integers(devices, 200))
    distributor = Distributor(books, devices, moves_max=int(rng.integers(1, books + 1)), weight=1.0, tolerance=0.0)
    for _ in range(30):
        run(distributor, rng.integers(0, 50, books), [float(speed) for speed in rng.uniform(1e3, 1e7, devices)])


def test_a_rate_is_weighted_and_an_empty_measurement_says_nothing() -> None:
    distributor = Distributor(10, 2, weight=0.25)
    assert distributor.rates == [None, None]
    assert distributor.moves() == []
    distributor.record(0, 100, 1.0)
    distributor.record(0, 0, 1.0)
    distributor.record(0, 100, 0.0)
    assert distributor.rates[0] == 100.0
    distributor.record(0, 200, 1.0)
    assert distributor.rates[0] == 125.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"books": 1, "devices": 2}, "books: expected a whole number from 2"),
        ({"books": 5, "devices": 2, "weight": 0.0}, "weight: expected a number above 0 and at most 1; received 0.0"),
        ({"books": 5, "devices": 2, "tolerance": -1.0}, "tolerance: expected zero or more; received -1.0"),
        (
            {"books": 5, "devices": 2, "weight": "0.5"},
            "weight: expected a number above 0 and at most 1; received '0.5'",
        ),
        ({"books": 5, "devices": 2, "tolerance": float("nan")}, "tolerance: expected zero or more; received nan"),
        ({"books": 5, "devices": 0}, "devices: expected a whole number from 1"),
        ({"books": 5, "devices": 2.0}, "devices: expected a whole number from 1"),
        ({"books": 5, "devices": 2, "rates": 5}, "rates: expected 2 numbers; received 5"),
        ({"books": 5, "devices": 2, "rates": [1.0]}, "rates: expected 2, one for each device; received 1"),
        ({"books": 5, "devices": 2, "moves_max": 0}, "moves_max: expected a whole number from 1 to 5; received 0"),
    ],
)
def test_what_divides_nothing_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Distributor(**given)


def test_known_rates_are_where_it_starts() -> None:
    assert Distributor(100, 2, rates=[9.0, 1.0]).shares == [89, 11]
