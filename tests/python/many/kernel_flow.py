"""Random flow for the kernels of bounded books: worlds, each of which leads to other corners of the rules."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

WORD = 1 << 64

NEW, CANCEL, MASS_CANCEL, REDUCE, REPLACE, SWEEP = range(1, 7)
GOOD_TILL_CANCEL, IMMEDIATE_OR_CANCEL, FILL_OR_KILL = range(3)
POST_ONLY, PRICE, QUANTITY, STOP_PRICE = 1, 4, 8, 16


@dataclass(frozen=True)
class World:
    """The terms and sizes of a market, and what its flow asks for."""

    name: str
    orders: int
    levels: int
    ids: int
    prices: tuple[int, int]
    quantities: tuple[int, int]
    accounts: int
    tick: int = 1
    lot: int = 1
    max_quantity: int | None = None
    max_notional: int | None = None
    collar: int | None = None
    reference: int | None = None
    odd: float = 0.05
    """How many terms are off tick and lot, zero, or very large."""
    entry: float = 0.62
    """How many commands are new orders."""

    def config(self) -> list[int]:
        """The 11 words of its terms."""
        flags = (
            (self.max_quantity is not None)
            | (self.max_notional is not None) << 1
            | (self.collar is not None) << 2
            | (self.reference is not None) << 3
        )
        notional = self.max_notional or 0
        return [
            1 | flags << 16 | self.orders << 32,
            7,
            self.tick,
            self.lot,
            self.max_quantity or 0,
            notional % WORD,
            notional // WORD,
            self.collar or 0,
            (self.reference or 0) % WORD,
            0,
            0,
        ]


INT_MAX = (1 << 63) - 1

WORLDS = (
    World("plain", 24, 24, 60, (95, 105), (1, 20), 4),
    World("full levels", 24, 3, 60, (90, 110), (1, 20), 4),
    World("one", 1, 1, 3, (99, 101), (1, 5), 2, entry=0.8),
    World("terms", 24, 16, 60, (80, 120), (1, 120), 4, 5, 3, 90, 7_500, 20, 100, odd=0.3),
    World("collar without reference", 24, 24, 60, (90, 110), (1, 20), 3, collar=4),
    World("negative", 24, 24, 60, (-8, 8), (1, 20), 4, 2, 1, None, 60, odd=0.2),
    World(
        "far", 24, 24, 60, (-INT_MAX - 1, INT_MAX), (1, 1 << 40), 4, max_notional=1 << 100, collar=1 << 63, reference=-5
    ),
    World("saturating", 24, 24, 60, (INT_MAX - 20, INT_MAX), (1, 20), 4, collar=WORD - 1, reference=INT_MAX - 10),
    World("large", 24, 24, 60, (95, 105), (1 << 60, WORD - 1), 4, odd=0.2),
    World("deep", 300, 64, 1_000, (60, 140), (1, 50), 12, entry=0.7),
)
"""Every one of them is small enough for its corners to be reached within a few thousand commands."""


def _tags(action: int, side: int = 0, kind: int = 0, force: int = 0, self_trade: int = 0, flags: int = 0) -> int:
    return action | side << 8 | kind << 16 | force << 24 | self_trade << 32 | flags << 40


def _price(world: World, choose: random.Random) -> int:
    price = choose.randint(*world.prices)
    return price if choose.random() < world.odd else price // world.tick * world.tick


def _quantity(world: World, choose: random.Random) -> int:
    if choose.random() < world.odd:
        return choose.choice([0, 1, WORD - 1, WORD - world.lot, choose.randint(*world.quantities)])
    return max(choose.randint(*world.quantities) // world.lot, 1) * world.lot


def _new(world: World, choose: random.Random, time: int) -> list[int]:
    is_limit = choose.random() < 0.85
    force = choose.choices((GOOD_TILL_CANCEL, IMMEDIATE_OR_CANCEL, FILL_OR_KILL), (6, 2, 2))[0]
    if not is_limit and choose.random() > world.odd:
        force = choose.choice((IMMEDIATE_OR_CANCEL, FILL_OR_KILL))
    flags = POST_ONLY if choose.random() < (0.15 if is_limit and force == 0 else world.odd) else 0
    # Half of the limit orders are plain ones, which take the short way.
    self_trade = choose.choice((0, 0, 0, 0, 1, 2, 3, 4)) if is_limit else choose.randrange(5)
    price = _price(world, choose) % WORD if is_limit else 0
    tags = _tags(NEW, choose.randrange(2), int(is_limit), force, self_trade, flags)
    order_id = choose.randrange(world.ids)
    return [tags, time, order_id, choose.randrange(world.accounts), price, 0, _quantity(world, choose), 0, 0]


def _replace(world: World, choose: random.Random, time: int) -> list[int]:
    flags = choose.choice((PRICE, QUANTITY, PRICE | QUANTITY))
    if choose.random() < world.odd:
        flags = choose.choice((0, STOP_PRICE, STOP_PRICE | PRICE))
    price = _price(world, choose) % WORD if flags & PRICE else 0
    stop_price = _price(world, choose) % WORD if flags & STOP_PRICE else 0
    quantity = _quantity(world, choose) if flags & QUANTITY else 0
    return [_tags(REPLACE, flags=flags), time, choose.randrange(world.ids), 0, price, stop_price, quantity, 0, 0]


def flow(world: World, seed: int, count: int) -> Iterator[list[int]]:
    """So many commands, each as its nine words. Equal seeds give equal flow."""
    choose = random.Random(f"{world.name} {seed}")
    now = 10
    for _ in range(count):
        now += choose.randrange(3)
        time = now if choose.random() > 0.02 else max(now - choose.randrange(5), 0)
        kind = choose.random()
        order_id = choose.randrange(world.ids)
        if kind < world.entry:
            yield _new(world, choose, time)
        elif kind < world.entry + 0.14:
            yield _replace(world, choose, time)
        elif kind < world.entry + 0.17:
            yield [_tags(MASS_CANCEL), time, 0, choose.randrange(world.accounts), 0, 0, 0, 0, 0]
        elif kind < world.entry + 0.19:
            yield [_tags(SWEEP), time, 0, 0, 0, 0, 0, 0, 0]
        elif kind < world.entry + 0.25:
            yield [_tags(REDUCE), time, order_id, 0, 0, 0, _quantity(world, choose), 0, 0]
        else:
            yield [_tags(CANCEL), time, order_id, 0, 0, 0, 0, 0, 0]
