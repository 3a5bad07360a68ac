"""Flow that keeps each of many books at one depth, for ``bench_many``.

A scenario's flow lets a book grow as long as it lasts: with it, a point of a hundred commands and one of a million
would be about different books. Here a book is filled, then a cycle of twenty commands goes round: eight orders that
rest, eight cancels of the orders that were entered longest ago, two replaces, an immediate-or-cancel and a market
order. So whatever its length, about as many orders rest as it was filled with, less those that traded. Books are at
different places of the cycle, and their prices, sides and quantities differ.

A book's flow depends on seed and number alone. Integers only; numba makes machine code of ``_write``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from proofbook.errors import InputError
from proofbook.gpu.kernels.compile import prepare_cache

Words = npt.NDArray[np.uint64]
Offsets = npt.NDArray[np.int64]

COMMAND_WORDS = 9
RESTS, CANCELS, REPLACES, TAKES, MARKET = range(5)
CYCLE = np.array([0, 1, 0, 1, 0, 2, 1, 0, 3, 1, 0, 1, 0, 1, 2, 0, 1, 4, 0, 1], dtype=np.int64)
"""The kinds of twenty commands, in order."""

BOOK_STRIDE = 7
"""By how much a book is further in the cycle than the one before; prime to its length."""

MID_TICKS = 10_000
LARGEST_LOTS = 100
LARGEST_TAKEN_LOTS = 60
TAKER_IDS = 1 << 40
"""Orders that never rest have ids from here on."""

TAG_REST = 1 | 1 << 16
TAG_CANCEL = 2
TAG_REPLACE = 5 | 12 << 40
"""Price and quantity are named."""
TAG_TAKE = 1 | 1 << 16 | 1 << 24
TAG_MARKET = 1 | 1 << 24


@dataclass(frozen=True, slots=True)
class Steady:
    """A flow of one depth.

    Attributes:
        books: How many books.
        commands: Commands of each, filling included.
        resting: Orders that a book is filled with.
        spread_ticks: At how many prices of each side orders rest.
        seed: Which realisation.
    """

    books: int
    commands: int
    resting: int
    spread_ticks: int
    seed: int = 1

    def __post_init__(self) -> None:
        for name, low, high in (
            ("books", 1, 1 << 24),
            ("commands", 1, 1 << 32),
            ("resting", 2, 1 << 20),
            ("spread_ticks", 1, MID_TICKS // 2),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name}: expected {low} to {high}; received {value}")

    def generate(self) -> tuple[Words, Offsets]:
        """A row of words for each command, book after book, and where each book's rows begin."""
        prepare_cache()
        words = np.empty((self.books * self.commands, COMMAND_WORDS), dtype=np.uint64)
        write: Any = njit(parallel=True, cache=True)(_write)
        rows = words.reshape(self.books, self.commands, COMMAND_WORDS)
        write(rows, self.resting, self.spread_ticks, np.uint64(self.seed), CYCLE)
        return words, np.arange(self.books + 1, dtype=np.int64) * self.commands


def _write(
    rows: npt.NDArray[np.uint64],
    resting: int,
    spread_ticks: int,
    seed: np.uint64,
    cycle: npt.NDArray[np.int64],
) -> None:
    """Writes the rows of all books. SplitMix64 (Steele, Lea, Flood 2014) of seed, book and place stands for chance."""

    def chance(number: np.uint64) -> np.int64:
        z = number * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.int64((z ^ (z >> np.uint64(31))) >> np.uint64(1))

    for book in prange(rows.shape[0]):
        start = np.uint64(chance(seed + np.uint64(1)) ^ chance(np.uint64(book) + np.uint64(1 << 32)))
        entered, cancelled, place = 0, 0, (book * BOOK_STRIDE) % len(cycle)
        for number in range(rows.shape[1]):
            row = rows[book, number]
            draw = chance(start + np.uint64(number))
            kind = RESTS
            if number >= resting:
                kind = cycle[place]
                place = (place + 1) % len(cycle)
            # An order has one side for its life: a replace must not take it across.
            order_id = entered + 1
            if kind == CANCELS:
                order_id = cancelled + 1
            elif kind == REPLACES:
                order_id = max(1, entered - int(draw) % (resting // 2))
            is_sell = chance(start ^ np.uint64(order_id * 2 + 1)) & 1
            away = 1 + (draw >> 8) % spread_ticks
            price = MID_TICKS + away if is_sell else MID_TICKS - away
            row[:] = 0
            row[1] = number + 1
            row[2] = order_id
            row[6] = 1 + (draw >> 32) % LARGEST_LOTS
            row[4] = price
            if kind == RESTS:
                row[0] = TAG_REST | is_sell << 8
                entered += 1
            elif kind == CANCELS:
                row[0], row[4], row[6] = TAG_CANCEL, 0, 0
                cancelled += 1
            elif kind == REPLACES:
                row[0] = TAG_REPLACE
            else:
                # It takes from the other side, down to half of its prices.
                reach = 1 + spread_ticks // 2
                is_market = kind == MARKET
                row[0] = (TAG_MARKET if is_market else TAG_TAKE) | (draw & 1) << 8
                row[2] = TAKER_IDS + number
                row[4] = 0 if is_market else (MID_TICKS - reach if draw & 1 else MID_TICKS + reach)
                row[6] = 1 + (draw >> 32) % LARGEST_TAKEN_LOTS
