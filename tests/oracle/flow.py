"""Commands of every kind, from a seed.

``Flow`` looks at the oracle's market, so that most commands mean something: live ids, prices about the touch, expiries
about the clock. A seed draws a *character* (terms of the market, width of prices, size of quantities, ids, pace), so
that each run leans on something else: narrow ones trade all the time, vast ones overflow, deep ones build long queues.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from oracle.codec import AUCTION, BUY, CONTINUOUS, HALTED, SELF_TRADES, SELL, Command, Config, Order
from oracle.market import EXHAUSTED, SLICES_MAX, Market, price_of

PRICE_MIN, PRICE_MAX = -(2**63), 2**63 - 1
WORD_MAX = 2**64 - 1

SMALL_ORDERS = 50
DEEP_ORDERS = 1500
FEW_SLICES = 30
KINDS_DRAWN = ("market", *["limit"] * 8, "stop", "stop_limit")


Shape = Literal["ordinary", "deep", "worn", "opening"]
"""A deep market holds many orders, a worn one is about to end its numbers, an opening one starts with an auction."""


@dataclass(frozen=True)
class Character:
    """What one run leans on."""

    config: Config
    mid_price: int
    half_width: int  # how many ticks from the mid price most prices lie, at most
    quantities: tuple[int, ...]  # each times the lot size
    accounts: tuple[int, ...]
    order_ids: tuple[int, ...]
    live_orders: int
    start_time: int
    fault_rate: float  # how often a term is made wrong
    phase_rate: float  # how often the phase changes
    growth: float  # how often something is left out that would make the market smaller


def draw_character(random: Random, shape: Shape) -> Character:
    """A character, and with it the terms of a market."""
    character = draw_any_character(random, shape == "deep")
    if shape != "opening":
        return character
    # The auction's last rule, of two prices equally near, needs a reference price amid two ticks.
    tick = random.choice((2, 4, 100))
    config = replace(
        character.config,
        tick_size=tick,
        lot_size=1,
        max_quantity=None,
        max_notional=None,
        collar=random.choice((None, 20 * tick)),
        reference_price=random.choice((None, tick // 2, -tick // 2, random.randint(-4 * tick, 4 * tick))),
        max_orders=1 << 24,
        initial_phase=AUCTION,
    )
    return replace(
        character,
        config=config,
        mid_price=0,
        half_width=random.choice((1, 2, 4)),
        quantities=random.choice(((1,), (1, 2), (2, 3, 4, 6))),
        phase_rate=0.12,
        growth=0.8,
    )


def draw_any_character(random: Random, deep: bool) -> Character:
    """The character of a market of any other shape."""
    tick = random.choice((1, 1, 1, 5, 100, 2**40))
    lot = random.choice((1, 1, 1, 10, 2**20 + 1))
    mid_price = random.choice((0, 100, 100, 10_000, -70)) * tick
    half_width = random.choice((1, 3, 6, 15, 15)) if not deep else random.choice((40, 4000))
    if random.random() < 0.08:
        mid_price = random.choice((PRICE_MIN, PRICE_MAX)) // tick * tick
    elif random.random() < 0.08:
        half_width = min(random.choice((2**20, 2**55, 2**62)), PRICE_MAX // tick)
    small, large = tuple(range(1, random.choice((2, 4, 10, 30)))), WORD_MAX // lot
    quantities = random.choice((small, small, small, small, (1, 2, large, large // 2, large // 3, large - 1)))
    limit = max(quantities) * lot
    tight = random.random() < 0.15  # limits that many orders pass
    config = Config(
        market=random.choice((0, 1, WORD_MAX)),
        tick_size=tick,
        lot_size=lot,
        max_quantity=max(limit * 3 // 4, lot) if tight else random.choice((None, limit)),
        max_notional=limit * max(abs(mid_price), 3 * tick) if tight else random.choice((None, 2**128 - 1)),
        collar=random.choice((None, None, half_width * tick // 2, half_width * tick, half_width * tick * 2, WORD_MAX)),
        reference_price=random.choice((None, None, clamp(mid_price + random.randint(-tick, tick)), clamp(mid_price))),
        max_orders=random.choice((1 << 24, 1 << 24, 40, 3 if tight else 20)) if not deep else 1 << 24,
        initial_phase=random.choice((CONTINUOUS, CONTINUOUS, CONTINUOUS, AUCTION, HALTED)),
    )
    live_orders = DEEP_ORDERS if deep else random.choice((10, 25, SMALL_ORDERS))
    stretch = random.choice((1, 1, 0x9E37_79B9_7F4A_7C15, 2**32, WORD_MAX))
    return Character(
        config=config,
        mid_price=mid_price,
        half_width=half_width,
        quantities=quantities,
        accounts=random.choice(((1, 2), (0, 1, 2), (0, 7, WORD_MAX), tuple(range(12)), tuple(range(30)))),
        order_ids=tuple(number * stretch & WORD_MAX for number in range(live_orders * 3 // 2 + 2)),
        live_orders=live_orders,
        start_time=random.choice((0, 1, 10**18)) if random.random() < 0.97 else WORD_MAX - 50,
        fault_rate=random.choice((0.0, 0.02, 0.02, 0.1)),
        phase_rate=random.choice((0.0, 0.02, 0.02, 0.15)) if not deep else 0.003,
        growth=0.9 if deep else 0.0,
    )


def clamp(price: int) -> int:
    """The price, or the end of 64 bits that it is beyond."""
    return max(PRICE_MIN, min(PRICE_MAX, price))


class Flow:
    """Draws one command after another for a market."""

    def __init__(self, seed: int | str, shape: Shape = "ordinary") -> None:
        self.random = Random(seed)
        self.character = draw_character(self.random, shape)
        self.market = Market(self.character.config)
        self.market.clock = self.character.start_time
        if shape == "worn":
            self.wear_out()

    def wear_out(self) -> None:
        """Brings the sequence or the priority counter near its end."""
        left = self.random.randint(0, 60)
        if self.random.random() < 0.5:
            self.market.sequence = EXHAUSTED - left
        else:
            self.market.next_priority = EXHAUSTED - left

    def commands(self, count: int) -> Iterator[Command]:
        """This many commands; the market must take each before the next is drawn."""
        for _ in range(count):
            yield self.command()

    def command(self) -> Command:
        """The next command."""
        random = self.random
        time = self.time()
        if random.random() < self.phase_rate():
            return Command(time, self.phase_action())
        if len(self.market.live) > self.character.live_orders and random.random() < 0.5:
            return self.thin_out(time)
        draw = random.random()
        if draw < 0.7 or (draw < 0.76 and self.happens(self.character.growth)):
            return self.bounded(self.spoil(self.new(time)))
        if draw < 0.756:
            return Command(time, "cancel", order_id=self.some_id())
        if draw < 0.76:
            return Command(time, "mass_cancel", account=self.account())
        if draw < 0.82:
            return self.reduce(time)
        if draw < 0.985:
            return self.bounded(self.replace(time))
        return Command(time, "sweep")

    # Terms

    def happens(self, chance: float) -> bool:
        return self.random.random() < chance

    def time(self) -> int:
        clock = self.market.clock
        if self.happens(0.01):
            return max(0, clock - self.random.choice((1, 5, clock)))
        return min(WORD_MAX, clock + self.random.choice((0, 0, 0, 1, 1, 3)))

    def phase_rate(self) -> float:
        rate = self.character.phase_rate
        return max(rate, (0.0, 0.06, 0.3)[self.market.phase])

    def phase_action(self) -> str:
        fitting = {
            CONTINUOUS: ("halt", "open_auction", "open_auction"),
            AUCTION: ("uncross", "uncross", "uncross", "halt"),
            HALTED: ("resume", "resume", "open_auction"),
        }[self.market.phase]
        return self.random.choice((*fitting, *fitting, "halt", "resume", "open_auction", "uncross"))

    def account(self) -> int:
        return self.random.choice(self.character.accounts)

    def some_id(self) -> int:
        """Mostly a live order's id."""
        if self.market.live and not self.happens(0.07):
            return self.random.choice(list(self.market.live))
        return self.random.choice(self.character.order_ids)

    def price(self) -> int:
        tick, width = self.character.config.tick_size, self.character.half_width
        mid = self.character.mid_price
        if self.market.last_trade is not None and self.happens(0.3):
            mid = self.market.last_trade
        price = mid + self.random.randint(-width, width) * tick
        if self.happens(0.01):
            price = self.random.choice((PRICE_MIN, PRICE_MAX, 0))
        price = clamp(price) // tick * tick
        return price if price >= PRICE_MIN else price + tick

    def stop_price(self, side: int) -> int:
        """Mostly one that is not reached yet."""
        price, last = self.price(), self.market.last_trade
        is_reached = last is not None and (price <= last if side == BUY else price >= last)
        return self.price() if is_reached and self.happens(0.8) else price

    def quantity(self) -> int:
        return self.random.choice(self.character.quantities) * self.character.config.lot_size

    def passive(self) -> float:
        """How often an order that could rest is kept from trading; in an auction hardly, or nothing would cross."""
        return 0.1 if self.market.phase == AUCTION else 0.75 + self.character.growth / 4

    def fillable(self, side: int, quantity: int, price: int) -> tuple[int, int]:
        """A quantity and a limit about which a fill or kill order just fills or just does not."""
        opposite = self.market.opposite(side)[: self.random.randint(1, 5)]
        total = sum(order.open for order in opposite) - self.random.choice(
            (0, 0, opposite[-1].hidden if opposite else 0)
        )
        total += self.random.choice((-1, 0, 0, 0, 1)) * self.character.config.lot_size
        if not opposite or not 0 < total <= WORD_MAX:
            return quantity, price
        return total, price_of(opposite[-1])

    def distance(self) -> int:
        """The more, the farther from the other side an order stands that ought to rest."""
        return 2 if not self.character.growth else self.random.choice((2, 6, 9))

    # Actions

    def new(self, time: int) -> Command:
        random = self.random
        kind = random.choice(KINDS_DRAWN)
        side = random.choice((BUY, SELL))
        if kind == "market":
            time_in_force = random.choice(("immediate_or_cancel", "immediate_or_cancel", "fill_or_kill"))
        elif kind == "stop" or self.happens(max(0.85, self.character.growth)):
            time_in_force = random.choice(("good_till_cancel", "good_till_cancel", "good_till_date"))
        else:
            time_in_force = random.choice(("immediate_or_cancel", "fill_or_kill"))
        rests = kind in ("limit", "stop_limit") and time_in_force in ("good_till_cancel", "good_till_date")
        quantity = self.quantity()
        free = [
            order_id for order_id in random.choices(self.character.order_ids, k=6) if order_id not in self.market.live
        ]
        price = self.price()
        if time_in_force == "fill_or_kill" and self.happens(0.6):
            quantity, price = self.fillable(side, quantity, price)
        elif kind == "limit" and rests and self.happens(self.passive()):
            # Most of what could rest stays off the other side, or hardly anything would rest.
            price = (min if side == BUY else max)(price, *(self.price() for _ in range(self.distance())))
        lots = quantity // self.character.config.lot_size
        display = random.randint(1, min(lots - 1, random.choice((1, 3, lots)))) if rests and lots > 1 else None
        return Command(
            time,
            "new",
            order_id=free[0] if free else self.some_id(),
            account=self.account(),
            side=side,
            kind=kind,
            quantity=quantity,
            price=price if "limit" in kind else None,
            stop_price=self.stop_price(side) if "stop" in kind else None,
            time_in_force=time_in_force,
            expiry=min(WORD_MAX, time + random.choice((1, 5, 50, 5000))) if time_in_force == "good_till_date" else None,
            post_only=rests and self.happens(0.15),
            display=display * self.character.config.lot_size if display is not None and self.happens(0.3) else None,
            self_trade=random.choice(SELF_TRADES),
        )

    def bounded(self, command: Command) -> Command:
        """The command, mostly with no iceberg that one trade refreshes many times: that takes long and shows little."""
        display = command.display
        if command.action == "replace" and command.order_id in self.market.live:
            display = self.market.live[command.order_id].display
        if not display or command.quantity is None or command.quantity <= display * FEW_SLICES:
            return command
        is_about_the_limit = abs(command.quantity - display * SLICES_MAX) <= self.character.config.lot_size
        if is_about_the_limit or self.happens(0.03):
            return command
        return replace(command, quantity=display * FEW_SLICES)

    def spoil(self, new: Command) -> Command:
        """The command, now and then with a term that does not fit the others."""
        random = self.random
        if not self.happens(self.character.fault_rate):
            return new
        faults = random.choice((1, 1, 1, 2))
        for _ in range(faults):
            match random.randrange(10):
                case 0:
                    new = replace(new, quantity=random.choice((0, 1, WORD_MAX, self.quantity() // 2 + 1)))
                case 1 if new.price is not None:
                    new = replace(new, price=clamp(new.price + random.choice((-1, 1))))
                case 2 if new.stop_price is not None:
                    new = replace(new, stop_price=clamp(new.stop_price + random.choice((-1, 1))))
                case 3:
                    time_in_force = random.choice(("good_till_cancel", "immediate_or_cancel", "fill_or_kill"))
                    new = replace(new, time_in_force=time_in_force, expiry=None)
                case 4:
                    expiry = random.choice((0, new.time, max(0, new.time - 1), WORD_MAX))
                    new = replace(new, time_in_force="good_till_date", expiry=expiry)
                case 5:
                    new = replace(new, post_only=True)
                case 6:
                    quantity = new.quantity or 0
                    new = replace(new, display=random.choice((0, quantity, WORD_MAX, quantity * 2 // 3)))
                case 9:
                    display = random.choice((1, 3)) * self.character.config.lot_size
                    quantity = SLICES_MAX * display + random.choice((0, self.character.config.lot_size))
                    new = replace(new, display=display, quantity=quantity)
                case 7:
                    new = replace(new, order_id=self.some_id())
                case 8:
                    new = replace(new, self_trade=random.choice(SELF_TRADES), account=self.account())
        return new

    def reduce(self, time: int) -> Command:
        order_id = self.some_id()
        order = self.market.live.get(order_id)
        quantity = self.quantity()
        if order is not None and not self.happens(0.1):
            quantity = self.part_of(order)
        if self.happens(self.character.fault_rate):
            quantity = self.random.choice((0, 1, WORD_MAX))
        return Command(time, "reduce", order_id=order_id, quantity=quantity)

    def part_of(self, order: Order) -> int:
        """A part of what is open, now and then all of it."""
        lots = order.open // self.character.config.lot_size
        return self.random.randint(1, lots) * self.character.config.lot_size if lots else order.open

    def replace(self, time: int) -> Command:
        random = self.random
        order_id = self.some_id()
        order = self.market.live.get(order_id)
        price: int | None = self.price() if self.happens(0.55) else None
        stop_price: int | None = self.price() if self.happens(0.5) else None
        quantity: int | None = self.quantity() if self.happens(0.5) else None
        if order is not None:
            if order.price is None and not self.happens(0.1):
                price = None
            elif price is not None and self.happens(0.15):
                price = order.price
            if order.stop_price is None and not self.happens(0.05):
                stop_price = None
            elif stop_price is not None and self.happens(0.15):
                stop_price = order.stop_price
            if quantity is not None and self.happens(0.5):
                quantity = self.part_of(order)
        if self.happens(self.character.fault_rate):
            quantity = random.choice((0, 1, WORD_MAX))
        if price is not None and self.happens(self.character.fault_rate):
            price = clamp(price + 1)
        return Command(time, "replace", order_id=order_id, price=price, quantity=quantity, stop_price=stop_price)

    def thin_out(self, time: int) -> Command:
        """Something that makes the market smaller."""
        draw = self.random.random()
        if draw < 0.01:
            return Command(time, "mass_cancel", account=self.account())
        if draw < 0.5 or self.market.phase != CONTINUOUS:
            return Command(time, "cancel", order_id=self.some_id())
        return Command(
            time,
            "new",
            order_id=self.random.choice(self.character.order_ids),
            account=self.account(),
            side=self.random.choice((BUY, SELL)),
            quantity=min(WORD_MAX // self.character.config.lot_size, 5 * max(self.character.quantities))
            * self.character.config.lot_size,
            time_in_force="immediate_or_cancel",
            self_trade="cancel_oldest",
        )
