"""The market of ``docs/RULES.md`` in plain Python, section by section.

It is slow and means to be obviously right: every queue is a sorted list, every sum is taken anew, and Python's integers
have no end. It was written from the rules without a look at the engine. Numbers in comments are sections of the rules.
The whole text of the rules is in this one file, in its order, so that both can be read side by side.
"""

from __future__ import annotations

from blake3 import blake3

from oracle.codec import (
    ASKS,
    AUCTION,
    BIDS,
    BUY,
    BUY_STOPS,
    CONTINUOUS,
    COUNT_LAYOUT,
    HALTED,
    PHASES,
    SELL,
    SELL_STOPS,
    STATE_LAYOUT,
    Command,
    Config,
    Event,
    Order,
)

EXHAUSTED = 2**63
QUANTITY_MAX = 2**64 - 1
SLICES_MAX = 1024
RESTING_TIMES = ("good_till_cancel", "good_till_date")
IMMEDIATE_TIMES = ("immediate_or_cancel", "fill_or_kill")


class Reject(Exception):  # noqa: N818 - a reject is no error, it only ends the checks
    """The first check that failed."""


def check(is_met: bool, reason: str) -> None:
    """Ends the checks with this reason unless the condition is met."""
    if not is_met:
        raise Reject(reason)


def queue_of(order: Order) -> int:
    """2: where a live order stands."""
    if order.stop_price is not None:
        return BUY_STOPS if order.side == BUY else SELL_STOPS
    return BIDS if order.side == BUY else ASKS


def rank(order: Order) -> tuple[int, int]:
    """2: the lower, the earlier in its queue."""
    price = order.stop_price if order.stop_price is not None else order.price
    assert price is not None
    descending = queue_of(order) in (BIDS, SELL_STOPS)
    return (-price if descending else price, order.priority)


def lower(order: Order, quantity: int) -> None:
    """Takes from an order's open quantity, from what is hidden first."""
    from_hidden = min(order.hidden, quantity)
    order.hidden -= from_hidden
    order.displayed -= quantity - from_hidden


def accepts(side: int, limit: int | None, price: int) -> bool:
    """Whether an order of this side and limit may trade at a price."""
    if limit is None:
        return True
    return price <= limit if side == BUY else price >= limit


class Market:
    """A market: ``apply`` takes a command and returns its events."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.sequence = 0
        self.clock = 0
        self.phase = config.initial_phase
        self.last_trade: int | None = None
        self.next_priority = 1
        self.queues: tuple[list[Order], list[Order], list[Order], list[Order]] = ([], [], [], [])
        self.live: dict[int, Order] = {}
        self.events: list[Event] = []

    # Section 2

    def reference(self) -> int | None:
        return self.last_trade if self.last_trade is not None else self.config.reference_price

    def stand(self, order: Order) -> None:
        """Gives the order the next priority number, and with it the last place at its price."""
        order.priority = self.next_priority
        self.next_priority += 1
        self.queues[queue_of(order)].sort(key=rank)

    def leave(self, order: Order) -> None:
        self.queues[queue_of(order)].remove(order)
        del self.live[order.order_id]

    # Section 3

    def apply(self, command: Command) -> list[Event]:
        self.events = []
        if self.sequence >= EXHAUSTED or self.next_priority >= EXHAUSTED:
            return [Event("rejected", command.order_id, reason="sequence_exhausted")]
        self.sequence += 1
        if command.time < self.clock:
            return [Event("rejected", command.order_id, reason="clock_reversed")]
        self.clock = command.time
        self.expire()
        try:
            self.handle(command)
        except Reject as reject:
            self.events.append(Event("rejected", command.order_id, reason=str(reject)))
        self.trigger_stops()
        return self.events

    def expire(self) -> None:
        due = [(o.expiry, o.priority, o) for o in self.live.values() if o.expiry is not None and o.expiry <= self.clock]
        for _, _, order in sorted(due, key=lambda entry: entry[:2]):
            self.leave(order)
            self.events.append(Event("expired", order.order_id, quantity=order.open))

    def handle(self, command: Command) -> None:
        match command.action:
            case "new":
                self.enter(command)
            case "cancel":
                self.cancel(command)
            case "mass_cancel":
                self.mass_cancel(command.account)
            case "reduce":
                self.reduce(command)
            case "replace":
                self.replace(command)
            case "sweep":
                pass
            case "halt":
                self.change_phase((CONTINUOUS, AUCTION), HALTED)
            case "resume":
                self.resume()
            case "open_auction":
                self.change_phase((CONTINUOUS, HALTED), AUCTION)
            case "uncross":
                self.uncross()
            case _:
                raise ValueError(f"no such action: {command.action}")

    # Section 4

    def enter(self, new: Command) -> None:
        self.check_new(new)
        assert new.order_id is not None and new.quantity is not None
        order = Order(
            order_id=new.order_id,
            account=new.account,
            side=new.side,
            price=new.price,
            stop_price=new.stop_price,
            displayed=new.quantity,
            hidden=0,
            display=new.display,
            filled=0,
            priority=0,
            time_in_force=new.time_in_force,
            expiry=new.expiry,
            post_only=new.post_only,
            self_trade=new.self_trade,
        )
        self.events.append(
            Event("accepted", order.order_id, order.account, order.side, order.price, quantity=order.open)
        )
        self.proceed(order)

    def check_new(self, new: Command) -> None:
        quantity = new.quantity
        assert quantity is not None
        is_stop = new.stop_price is not None
        rests = new.kind in ("limit", "stop_limit") and new.time_in_force in RESTING_TIMES
        rests_or_waits = is_stop or rests
        check(self.phase != HALTED, "market_halted")
        never_rests = new.kind == "market" or (new.kind == "limit" and new.time_in_force in IMMEDIATE_TIMES)
        check(not (self.phase == AUCTION and never_rests), "wrong_phase")
        self.check_quantity(quantity)
        self.check_ticks(new)
        reference_or_none = self.reference() if new.kind == "market" else None
        price = new.price if new.price is not None else new.stop_price if is_stop else reference_or_none
        self.check_notional(price, quantity)
        if new.kind == "market":
            check(new.time_in_force in IMMEDIATE_TIMES, "time_in_force")
        if new.kind == "stop":
            check(new.time_in_force in RESTING_TIMES, "time_in_force")
        check(new.expiry is None or new.expiry > self.clock, "already_expired")
        check(not new.post_only or rests, "post_only")
        if new.display is not None:
            is_part = 0 < new.display < quantity and new.display % self.config.lot_size == 0
            check(rests and is_part and quantity <= SLICES_MAX * new.display, "display_quantity")
        if new.kind == "limit":
            check(not self.beyond_collar(new.side, new.price), "price_collar")
        check(new.order_id not in self.live, "duplicate_order")
        if rests_or_waits:
            check(len(self.live) < self.config.max_orders, "book_full")
            check(self.open_of(new.side) + quantity <= QUANTITY_MAX, "quantity_overflow")
        if self.phase == CONTINUOUS and new.post_only and new.kind == "limit":
            check(not self.would_trade(new.side, new.price), "would_cross")

    def check_quantity(self, quantity: int) -> None:
        check(quantity != 0, "zero_quantity")
        check(quantity % self.config.lot_size == 0, "lot_size")
        check(self.config.max_quantity is None or quantity <= self.config.max_quantity, "quantity_limit")

    def check_ticks(self, command: Command) -> None:
        for price in (command.price, command.stop_price):
            check(price is None or price % self.config.tick_size == 0, "tick_size")

    def check_notional(self, price: int | None, quantity: int) -> None:
        if price is not None and self.config.max_notional is not None:
            check(abs(price) * quantity <= self.config.max_notional, "notional_limit")

    def collar_bound(self, side: int) -> int | None:
        """The farthest price at which an order of this side may trade."""
        reference = self.reference()
        if reference is None or self.config.collar is None:
            return None
        return reference + self.config.collar if side == BUY else reference - self.config.collar

    def beyond_collar(self, side: int, price: int | None) -> bool:
        assert price is not None
        bound = self.collar_bound(side)
        return bound is not None and (price > bound if side == BUY else price < bound)

    def open_of(self, side: int) -> int:
        return sum(order.open for order in self.live.values() if order.side == side)

    def opposite(self, side: int) -> list[Order]:
        return self.queues[ASKS if side == BUY else BIDS]

    def would_trade(self, side: int, limit: int | None) -> bool:
        """Whether the best opposite price satisfies the limit."""
        opposite = self.opposite(side)
        return bool(opposite) and accepts(side, limit, price_of(opposite[0]))

    def proceed(self, order: Order) -> None:
        """What follows ``accepted``, or ``replaced`` without its place."""
        if order.stop_price is not None:
            if self.phase == CONTINUOUS and self.is_reached(order):
                self.activate(order)
            else:
                self.place(order)
        elif self.phase == AUCTION:
            self.place(order)
        else:
            self.work(order, order.price, order.time_in_force)

    def place(self, order: Order) -> None:
        total = order.open
        order.displayed = total if order.display is None else min(order.display, total)
        order.hidden = total - order.displayed
        queue = queue_of(order)
        self.queues[queue].append(order)
        self.live[order.order_id] = order
        self.stand(order)
        price = order.stop_price if order.stop_price is not None else order.price
        self.events.append(
            Event("placed", order.order_id, 0, queue, price, order.displayed, order.hidden, order.priority)
        )

    # Section 5

    def work(self, order: Order, limit: int | None, time_in_force: str) -> None:
        bound = limit if limit is not None else self.collar_bound(order.side)
        if time_in_force == "fill_or_kill" and self.available(order, bound) < order.open:
            self.cancelled(order, order.open, "fill_or_kill")
            return
        opposite = self.opposite(order.side)
        while order.open and opposite and accepts(order.side, bound, price_of(opposite[0])):
            maker = opposite[0]
            if is_self_trade(order, maker) and order.self_trade != "allow":
                if not self.prevent_self_trade(order, maker):
                    return
            else:
                self.trade(maker, order, price_of(maker), min(order.open, maker.displayed))
                self.after_fill(maker)
        if not order.open:
            return
        if limit is None:
            self.cancelled(order, order.open, "price_collar" if opposite else "unfilled")
        elif time_in_force in IMMEDIATE_TIMES:
            self.cancelled(order, order.open, "unfilled")
        else:
            self.place(order)

    def trade(self, maker: Order, taker: Order, price: int, quantity: int) -> None:
        for order in (maker, taker):
            order.displayed -= quantity
            order.filled += quantity
        self.last_trade = price
        self.events.append(Event("trade", maker.order_id, taker.order_id, taker.side, price, quantity, maker.open))

    def after_fill(self, order: Order) -> None:
        """A resting order that traded: it shows something still, or shows its next slice, or is gone."""
        if order.displayed:
            return
        if not order.hidden:
            self.leave(order)
            return
        assert order.display is not None
        order.displayed = min(order.display, order.hidden)
        order.hidden -= order.displayed
        self.stand(order)
        self.events.append(
            Event("refreshed", order.order_id, quantity=order.displayed, rest=order.hidden, priority=order.priority)
        )

    def cancelled(self, order: Order, quantity: int, reason: str) -> None:
        self.events.append(Event("cancelled", order.order_id, 0, order.side, order.price, quantity, reason=reason))

    # Section 6

    def available(self, order: Order, bound: int | None) -> int:
        makers = [maker for maker in self.opposite(order.side) if accepts(order.side, bound, price_of(maker))]
        total = 0
        for price in sorted({price_of(maker) for maker in makers}, reverse=order.side == SELL):
            hidden = 0
            for maker in makers:
                if price_of(maker) != price:
                    continue
                if is_self_trade(order, maker) and order.self_trade == "cancel_oldest":
                    continue
                if is_self_trade(order, maker) and order.self_trade != "allow":
                    return total
                total += maker.displayed
                hidden += maker.hidden
            total += hidden
        return total

    # Section 7

    def prevent_self_trade(self, order: Order, maker: Order) -> bool:
        """Whether the incoming order goes on."""
        if order.self_trade == "decrement_and_cancel":
            quantity = min(order.open, maker.open)
            for each in (maker, order):
                if each.open == quantity:
                    if each is maker:
                        self.leave(maker)
                    lower(each, quantity)
                    self.cancelled(each, quantity, "self_trade")
                else:
                    lower(each, quantity)
                    self.events.append(
                        Event("reduced", each.order_id, quantity=quantity, rest=each.open, reason="self_trade")
                    )
            return order.open > 0
        if order.self_trade in ("cancel_oldest", "cancel_both"):
            self.leave(maker)
            self.cancelled(maker, maker.open, "self_trade")
        if order.self_trade in ("cancel_newest", "cancel_both"):
            self.cancelled(order, order.open, "self_trade")
            return False
        return True

    # Section 8

    def is_reached(self, order: Order) -> bool:
        if self.last_trade is None:
            return False
        assert order.stop_price is not None
        return self.last_trade >= order.stop_price if order.side == BUY else self.last_trade <= order.stop_price

    def trigger_stops(self) -> None:
        while self.phase == CONTINUOUS:
            firsts = [self.queues[queue][0] for queue in (BUY_STOPS, SELL_STOPS) if self.queues[queue]]
            reached = [order for order in firsts if self.is_reached(order)]
            if not reached:
                return
            self.leave(reached[0])
            self.activate(reached[0])

    def activate(self, order: Order) -> None:
        self.events.append(Event("triggered", order.order_id))
        order.stop_price = None
        order.displayed, order.hidden = order.open, 0
        if order.price is None:
            self.work(order, None, "immediate_or_cancel")
        elif self.beyond_collar(order.side, order.price):
            self.cancelled(order, order.open, "limit_beyond_collar")
        elif order.post_only and self.would_trade(order.side, order.price):
            self.cancelled(order, order.open, "would_cross")
        else:
            self.work(order, order.price, order.time_in_force)

    # Section 9

    def find(self, command: Command) -> Order:
        assert command.order_id is not None
        check(command.order_id in self.live, "unknown_order")
        return self.live[command.order_id]

    def cancel(self, command: Command) -> None:
        order = self.find(command)
        self.leave(order)
        self.cancelled(order, order.open, "requested")

    def mass_cancel(self, account: int) -> None:
        check(account != 0, "missing_account")
        for order_id in sorted(self.live):
            order = self.live[order_id]
            if order.account == account:
                self.leave(order)
                self.cancelled(order, order.open, "mass_cancel")

    def reduce(self, command: Command) -> None:
        quantity = command.quantity
        assert quantity is not None
        check(quantity != 0, "zero_quantity")
        check(quantity % self.config.lot_size == 0, "lot_size")
        order = self.find(command)
        check(quantity <= order.open, "reduce_too_large")
        if quantity == order.open:
            self.leave(order)
            self.cancelled(order, quantity, "requested")
        else:
            lower(order, quantity)
            self.events.append(Event("reduced", order.order_id, quantity=quantity, rest=order.open, reason="requested"))

    # Section 10

    def replace(self, command: Command) -> None:
        check(self.phase != HALTED, "market_halted")
        check((command.price, command.quantity, command.stop_price) != (None, None, None), "replace_terms")
        if command.quantity is not None:
            self.check_quantity(command.quantity)
        self.check_ticks(command)
        order = self.find(command)
        check(command.stop_price is None or order.stop_price is not None, "replace_terms")
        check(command.price is None or order.price is not None, "replace_terms")
        price = command.price if command.price is not None else order.price
        stop_price = command.stop_price if command.stop_price is not None else order.stop_price
        quantity = command.quantity if command.quantity is not None else order.open
        if (price, stop_price) == (order.price, order.stop_price) and quantity < order.open:
            lower(order, order.open - quantity)
            self.replaced(order, kept_priority=True)
            return
        self.check_notional(price if price is not None else stop_price, quantity)
        check(order.display is None or quantity <= SLICES_MAX * order.display, "display_quantity")
        if stop_price is None:
            check(not self.beyond_collar(order.side, price), "price_collar")
        check(self.open_of(order.side) - order.open + quantity <= QUANTITY_MAX, "quantity_overflow")
        check(order.filled + quantity <= QUANTITY_MAX, "quantity_overflow")
        if stop_price is None and order.post_only and self.phase == CONTINUOUS:
            check(not self.would_trade(order.side, price), "would_cross")
        self.leave(order)
        order.price, order.stop_price = price, stop_price
        order.displayed, order.hidden = quantity, 0
        self.replaced(order, kept_priority=False)
        self.proceed(order)

    def replaced(self, order: Order, kept_priority: bool) -> None:
        self.events.append(
            Event("replaced", order.order_id, 0, order.side, order.price, order.open, kept_priority=kept_priority)
        )

    # Section 11

    def change_phase(self, allowed: tuple[int, ...], phase: int) -> None:
        check(self.phase in allowed, "wrong_phase")
        self.set_phase(phase)

    def set_phase(self, phase: int) -> None:
        self.phase = phase
        self.events.append(Event("phase_changed", reason=PHASES[phase]))

    def resume(self) -> None:
        check(self.phase == HALTED, "wrong_phase")
        bids, asks = self.queues[BIDS], self.queues[ASKS]
        is_crossed = bool(bids) and bool(asks) and price_of(bids[0]) >= price_of(asks[0])
        check(not is_crossed, "book_crossed")
        self.set_phase(CONTINUOUS)

    # Section 12

    def uncross(self) -> None:
        check(self.phase == AUCTION, "wrong_phase")
        bids, asks = self.queues[BIDS], self.queues[ASKS]
        price = self.auction_price(self.auction_prices())
        volume = 0 if price is None else min(self.demand(price), self.supply(price))
        self.events.append(Event("uncrossed", price=price, quantity=volume))
        while volume:
            assert price is not None
            bid, ask = bids[0], asks[0]
            quantity = min(volume, bid.displayed, ask.displayed)
            maker, taker = (bid, ask) if bid.priority < ask.priority else (ask, bid)
            self.trade(maker, taker, price, quantity)
            self.after_fill(bid)
            self.after_fill(ask)
            volume -= quantity
        self.set_phase(CONTINUOUS)

    def demand(self, price: int) -> int:
        return sum(bid.open for bid in self.queues[BIDS] if price_of(bid) >= price)

    def supply(self, price: int) -> int:
        return sum(ask.open for ask in self.queues[ASKS] if price_of(ask) <= price)

    def auction_prices(self) -> list[int]:
        """The prices among which the auction chooses; all of them where they are few.

        Where they are many, those at which demand or supply steps, their neighbours, and the neighbours of the
        reference price: in between nothing changes, and the rules choose an end, or the price nearest to the reference.
        """
        bids, asks = self.queues[BIDS], self.queues[ASKS]
        if not bids or not asks or price_of(bids[0]) < price_of(asks[0]):
            return []
        tick = self.config.tick_size
        lowest, highest = price_of(asks[0]), price_of(bids[0])
        if (highest - lowest) // tick < 40:
            return list(range(lowest, highest + 1, tick))
        steps = {price_of(order) for order in (*bids, *asks)}
        reference = self.reference()
        if reference is not None:
            steps |= {reference // tick * tick}
        prices = {step + offset for step in steps for offset in (-tick, 0, tick)}
        return sorted(price for price in prices if lowest <= price <= highest)

    def auction_price(self, prices: list[int]) -> int | None:
        if not prices:
            return None
        volumes = {price: min(self.demand(price), self.supply(price)) for price in prices}
        surpluses = {price: self.demand(price) - self.supply(price) for price in prices}
        most = max(volumes.values())
        prices = [price for price in prices if volumes[price] == most]
        least = min(abs(surpluses[price]) for price in prices)
        prices = [price for price in prices if abs(surpluses[price]) == least]
        if all(surpluses[price] > 0 for price in prices):
            return max(prices)
        if all(surpluses[price] < 0 for price in prices):
            return min(prices)
        reference = self.reference()
        if reference is None:
            return min(prices)
        return min(prices, key=lambda price: (abs(price - reference), price))

    # Section 13

    def state(self) -> bytes:
        """The canonical bytes."""
        parts = [
            self.config.encode(),
            STATE_LAYOUT.pack(
                self.sequence,
                self.clock,
                self.next_priority,
                self.phase,
                self.last_trade is not None,
                self.last_trade or 0,
            ),
        ]
        for queue in self.queues:
            parts.append(COUNT_LAYOUT.pack(len(queue)))
            parts += [order.encode() for order in queue]
        return b"".join(parts)

    def digest(self) -> bytes:
        """The hash of the canonical bytes."""
        return blake3(self.state()).digest()


def price_of(order: Order) -> int:
    """The limit price of an order that has one."""
    assert order.price is not None
    return order.price


def is_self_trade(order: Order, maker: Order) -> bool:
    """Whether both belong to the same account."""
    return order.account != 0 and order.account == maker.account
