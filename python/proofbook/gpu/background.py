"""Background flow: traders without a plan around a price that wanders, for any number of markets at once.

Each market has a *fair price*, which moves by a tick now and then, and a fixed number of traders. A command is one of
these: a market order from nobody; or a trader, drawn at random, who enters a limit order at some distance from the fair
price, or cancels the one that he has. So about half of the traders have an order, a quote that the fair price has
passed is traded against, and the book is replenished from outside: the zero-intelligence market of Daniels, Farmer,
Gillemot, Iori and Smith (Physical Review Letters 90, 108102, 2003) with a price of its own.

Invariant: what a market does depends on the seed, its number, its episode, and how many commands it was asked for: not
on other markets, and not on what an agent does. Draws are counted, not carried on: the random word of command ``n`` is
a hash of the market's stream and ``n`` (Steele, Lea and Flood, OOPSLA 2014).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from proofbook.errors import InputError
from proofbook.gpu.backends import Backend
from proofbook.gpu.cpu import CpuBackend
from proofbook.gpu.kernels.compile import compiled
from proofbook.gpu.kernels.drawing import GOLDEN, ONE, draw, mixed
from proofbook.gpu.kernels.layout import Words
from proofbook.gpu.market import require_whole

DRAWS = 1024
"""Distances and quantities are drawn from so many quantiles of their distribution."""

SHARE = 1 << 16
"""Shares are compared with so many bits."""

TRADERS_MAX = 1 << 14


@dataclass(frozen=True, slots=True)
class Background:
    """What a market's background flow is like.

    Attributes:
        price: the fair price at the start, in ticks.
        traders: how many there are; about half of them have an order.
        market_share: how many of the commands are market orders.
        move_share: how many of the commands the fair price moves with, by one tick.
        distance: how far behind the fair price limit orders stand, on average, in ticks.
        profile: of the distances. ``"geometric"``: most orders stand near; ``"even"``: as many at each distance, up to
            twice the average.
        quantity: of orders on average, in lots; geometric.
    """

    price: int = 10_000
    traders: int = 64
    market_share: float = 0.1
    move_share: float = 0.1
    distance: float = 4.0
    profile: str = "geometric"
    quantity: float = 5.0

    def __post_init__(self) -> None:
        """Refuse what makes no market."""
        for name, low, high in (("price", -(1 << 40), 1 << 40), ("traders", 2, TRADERS_MAX)):
            object.__setattr__(self, name, require_whole(name, getattr(self, name), low, high))
        if self.profile not in ("geometric", "even"):
            raise InputError(f"profile: expected geometric or even; received {self.profile!r}")
        ranges = {
            "market_share": (0.0, 1.0),
            "move_share": (0.0, 1.0),
            "distance": (0.0, 1e6),
            "quantity": (1.0, 1e6),
        }
        for name, (least, most) in ranges.items():
            value = getattr(self, name)
            is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
            if not is_number or not least <= value <= most:
                raise InputError(f"{name}: expected {least} to {most}; received {value!r}")

    def distances(self) -> npt.NDArray[np.int64]:
        """The quantiles of an order's distance, in ticks."""
        if self.profile == "even":
            width = int(2 * self.distance) + 1
            even: npt.NDArray[np.int64] = np.arange(DRAWS, dtype=np.int64) * width // DRAWS
            return even
        return _geometric(self.distance)

    def quantities(self) -> npt.NDArray[np.int64]:
        """The quantiles of an order's quantity, in lots."""
        return 1 + _geometric(self.quantity - 1)


def _geometric(mean: float) -> npt.NDArray[np.int64]:
    """Quantiles of the geometric distribution from 0 on with this mean."""
    if mean <= 0:
        return np.zeros(DRAWS, np.int64)
    middle = (np.arange(DRAWS) + 0.5) / DRAWS
    quantiles: npt.NDArray[np.int64] = np.floor(np.log1p(-middle) / np.log(mean / (1 + mean))).astype(np.int64)
    return quantiles


def in_ranges(backend: Backend, count: int, work: Callable[[int, int], object]) -> None:
    """Do work for ranges of markets: on the workers where the books are on a CPU, else here."""
    if isinstance(backend, CpuBackend):
        backend.run_ranges(backend.even_ranges(count, 256), work)
    else:
        work(0, count)


class BackgroundFlow:
    """The background flow of many markets.

    Args:
        markets: how many.
        background: what their flow is like.
        backend: the books' device, whose workers draw the flow.

    Attributes:
        fair: ``int64[markets]``, the fair price of each, in ticks. No agent sees it.
    """

    def __init__(self, markets: int, background: Background, backend: Backend) -> None:
        self.background = background
        self._backend = backend
        self._streams = np.zeros(markets, np.uint64)
        self._drawn = np.zeros(markets, np.uint64)
        self._held = np.zeros((markets, background.traders), np.uint64)
        self.fair = np.full(markets, background.price, np.int64)
        self._distances, self._quantities = background.distances(), background.quantities()
        self._market_share = np.uint64(round(background.market_share * SHARE))
        self._move_share = np.uint64(round(background.move_share * SHARE))
        self._draw: Any = compiled(draw, "cpu")

    def restart(self, seed: int, episodes: npt.NDArray[np.uint64], mask: npt.NDArray[np.bool_]) -> None:
        """Start some markets anew: each from the seed, its number and its episode."""
        markets = np.flatnonzero(mask)
        words = np.full(len(markets), seed % (1 << 64), np.uint64)
        for part in (markets.astype(np.uint64), episodes[markets]):
            words = _mixed_array(_mixed_array(words) + (part + ONE) * GOLDEN)
        self._streams[markets] = words
        self._drawn[markets] = 0
        self._held[markets] = 0
        self.fair[markets] = self.background.price

    def write(self, out: Words, begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], times: Words) -> None:
        """Write the next commands of each market.

        Args:
            out: ``uint64[rows, 9]``.
            begins: ``int64[markets]``, the row of each market's first command.
            ends: the row behind its last; the same where it has none.
            times: ``uint64[markets]``, the time of its commands.
        """
        arrays = (self._streams, self._drawn, self.fair, self._held, times, self._distances, self._quantities)
        shares = (self._market_share, self._move_share)
        in_ranges(
            self._backend,
            len(begins),
            lambda first, last: self._draw(*arrays, *shares, out, begins, ends, first, last),
        )


def _mixed_array(words: Words) -> Words:
    with np.errstate(over="ignore"):
        mixed_words: Words = mixed(words)  # type: ignore[no-untyped-call]
    return mixed_words
