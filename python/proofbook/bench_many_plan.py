"""What ``bench_many`` measures: points on four axes, each a workload with the way in which it is run, and how often.

Totals are bounded, so that a point takes seconds whatever the number of its books; memory is bounded by whoever runs
it, by ``needed_bytes``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

from proofbook import _core, bench
from proofbook.bench_many_contenders import Workload
from proofbook.bench_many_flow import Steady
from proofbook.gpu.backends import Keep
from proofbook.gpu.kernels.layout import EVENT_WORDS, Capacity

SCENARIOS = (*bench.SCENARIOS, "mixed")
MIXED = "mixed"
"""Every kind of command; JAX does not take it."""


@dataclass(frozen=True, slots=True)
class Point:
    """One workload, and how it is run.

    Attributes:
        axis: Which axis it is on.
        label: Where on it.
        books: How many books.
        commands: Commands of each.
        orders: The most live orders of a book.
        levels: The most price levels of a side.
        resting: Orders that a book of steady flow is filled with; 0 for a scenario, which is the label then.
        spread_ticks: At how many prices of each side they rest.
        events: What is kept of events.
        with_jax: Whether JAX takes part.
    """

    axis: str
    label: str
    books: int
    commands: int
    orders: int = 32
    levels: int = 16
    resting: int = 16
    spread_ticks: int = 8
    events: Keep = "none"
    with_jax: bool = True

    def workload(self, seed: int) -> Workload:
        """Its commands."""
        if self.resting:
            flow = Steady(self.books, self.commands, self.resting, self.spread_ticks, seed)
            return Workload(*flow.generate(), self.orders, self.levels)
        words, offsets = _core.many_flow(self.label, seed=seed, books=self.books, commands=self.commands)
        return Workload(words, offsets, self.orders, self.levels)

    @property
    def needed_bytes(self) -> int:
        """What books, commands and events take at the same time, if each command has two events."""
        kept = 16 * EVENT_WORDS * self.commands if self.events == "all" else 0
        return self.books * (Capacity(self.orders, self.levels).bytes + 72 * self.commands + kept)


def book_points(counts: Sequence[int], commands_total: int, commands_min: int) -> tuple[Point, ...]:
    """Points by number of books, with about as many commands in all, but some for each book."""
    return tuple(Point("books", f"{books:,}", books, max(commands_min, commands_total // books)) for books in counts)


def depth_points(depths: Sequence[int], commands_total: int, books: int) -> tuple[Point, ...]:
    """Points by depth: each book is filled, and then takes at least as many commands again."""
    points = []
    for depth in depths:
        orders = 1 << (depth + depth // 4).bit_length()
        levels = min(orders, 256)
        commands = max(2 * depth, commands_total // books)
        points.append(
            Point("depth", f"{depth:,}", books, commands, orders, levels, depth, max(2, min(depth // 4, levels - 1)))
        )
    return tuple(points)


def event_points(books: int, commands: int) -> tuple[Point, ...]:
    """Points by what is kept of events."""
    base = Point("events", "", books, commands, with_jax=False)
    kept: tuple[Keep, ...] = get_args(Keep)
    return tuple(replace(base, label=name, events=name) for name in kept)


def flow_points(names: Sequence[str], books: int, commands: int) -> tuple[Point, ...]:
    """Points by scenario."""
    base = Point("flows", "", books, commands, 256, 256, resting=0)
    return tuple(replace(base, label=name, with_jax=name != MIXED) for name in names)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        points: The workloads.
        rounds: How often each contender is timed on each.
        point_seconds: After so long at a point there are no more rounds, but two at least.
        jax_seconds: JAX takes the first so many commands of each book as take it about so long.
        step_books: Books of which single steps are timed.
        step_commands: Commands of each in a step.
        steps: Steps of each contender in each round.
        jax_steps: How many of them JAX takes.
        copy_rounds: How often memory is copied, each time.
        seed: Realisation of every flow.
    """

    points: tuple[Point, ...] = field(
        default_factory=lambda: (
            *book_points([10**power for power in range(7)], 2_000_000, 32),
            *depth_points([10, 100, 1_000, 10_000], 2_000_000, 100),
            *event_points(1_000, 2_000),
            *flow_points(SCENARIOS, 1_000, 1_000),
        )
    )
    rounds: int = 5
    point_seconds: float = 40
    jax_seconds: float = 0.5
    step_books: int = 1_000
    step_commands: int = 4
    steps: int = 1_000
    jax_steps: int = 200
    copy_rounds: int = 5
    seed: int = 1


QUICK = Plan(
    points=(
        *book_points([1, 100, 10_000], 500_000, 32),
        *depth_points([10, 1_000], 500_000, 100),
        *event_points(1_000, 500),
        *flow_points(("normal", MIXED), 500, 1_000),
    ),
    rounds=2,
    jax_seconds=0.2,
    steps=300,
    jax_steps=60,
    copy_rounds=2,
)
