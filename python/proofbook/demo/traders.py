"""Three who trade by simple rules: a market maker, one who follows the price, and one without any plan.

None of them is meant to earn anything. Together they make a book with depth that moves, and trades of both sides.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from decimal import Decimal

from proofbook.client import AsyncClient, Book, Market, Order, Reconciled
from proofbook.demo.account import Trader, live_only, together
from proofbook.demo.price import Walk
from proofbook.types import Side

QUOTE_LEVELS = 8
QUOTE_INTERVAL_S = 0.5
QUOTE_MOVES_MAX = 6
"""Orders that the market maker moves at most in one interval."""
HALF_SPREAD = 0.0003
"""Between the price and the best quote, as a part of the price; levels are as far from each other."""

FOLLOW_INTERVAL_S = 2.0
FOLLOW_LOOK_BACK_S = 12.0
FOLLOW_MOVE_MIN = 0.0004

NOISE_INTERVAL_S = 0.6
NOISE_ORDERS_MAX = 12

SIDES: tuple[Side, ...] = ("buy", "sell")


class MarketMaker(Trader):
    """Quotes both sides around a moving price, and moves the quotes that are furthest from where they should be."""

    def __init__(self, client: AsyncClient, market: Market, walk: Walk, seed: int) -> None:
        super().__init__("maker", client, market)
        self._walk = walk
        self._draw = random.Random(seed)
        self._live: dict[int, Order] = {}
        self._places: dict[int, tuple[Side, int]] = {}

    async def trade(self) -> None:
        """Quote, and hear what became of the quotes."""
        self._live.clear()
        self._places.clear()
        await together(self._hear(), self._quote())

    async def _hear(self) -> None:
        async for update in self.client.orders():
            if isinstance(update, Reconciled):
                self._live = {order.order_id: order for order in update.orders if order.order_id in self._places}
            elif update.order.order_id in self._places:
                live_only(self._live, update.order)

    async def _quote(self) -> None:
        while True:
            self._walk.step()
            self._places = {number: place for number, place in self._places.items() if number in self._live}
            quoted = {self._places[number]: order for number, order in self._live.items()}
            wrong = [(side, level) for level in range(QUOTE_LEVELS) for side in SIDES]
            wrong.sort(key=lambda place: -self._error(place, quoted.get(place)))
            for place in wrong[: QUOTE_MOVES_MAX if quoted else None]:
                if self._error(place, quoted.get(place)) > HALF_SPREAD / 4:
                    await self._put(place, quoted.get(place))
            await asyncio.sleep(QUOTE_INTERVAL_S)

    def _price(self, place: tuple[Side, int]) -> float:
        side, level = place
        away = HALF_SPREAD * (1 + level)
        return self._walk.price * (1 - away if side == "buy" else 1 + away)

    def _error(self, place: tuple[Side, int], order: Order | None) -> float:
        """How far a quote is from where it should be, as a part of the price; one that is missing is furthest."""
        if order is None or order.limit_price is None:
            return 1.0
        return abs(float(order.limit_price) / self._price(place) - 1)

    async def _put(self, place: tuple[Side, int], order: Order | None) -> None:
        side, level = place
        price = self.tick_price(self._price(place))
        if order is not None:
            moved = await self.ask(self.client.replace(order.order_id, price=price))
            if moved is None:
                # It may be gone; or it stays where it is, and is not wanted there.
                await self.ask(self.client.cancel(order.order_id))
                self._live.pop(order.order_id, None)
        else:
            quantity = self.lots(self._draw.uniform(0.02, 0.1) * (1 + level))
            moved = await self.ask(self.client.place(self.market.symbol, side, quantity, price=price, post_only=True))
        if moved is not None:
            self._places[moved.order_id] = place
            live_only(self._live, moved)


class Follower(Trader):
    """Buys what has risen and sells what has fallen."""

    def __init__(self, client: AsyncClient, market: Market, seed: int) -> None:
        super().__init__("follower", client, market)
        self._draw = random.Random(seed)
        self._prices: deque[tuple[float, Decimal]] = deque(maxlen=1000)

    async def trade(self) -> None:
        """Hear the trades, and act on them."""
        await together(self._hear(), self._follow())

    async def _hear(self) -> None:
        async for trade in self.client.trades(self.market.symbol):
            self._prices.append((time.monotonic(), trade.price))

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_INTERVAL_S * self._draw.uniform(0.5, 1.5))
            now_s = time.monotonic()
            while self._prices and self._prices[0][0] < now_s - FOLLOW_LOOK_BACK_S:
                self._prices.popleft()
            if not self._prices:
                continue
            last = float(self._prices[-1][1])
            move = last / float(self._prices[0][1]) - 1
            if abs(move) >= FOLLOW_MOVE_MIN:
                side: Side = "buy" if move > 0 else "sell"
                limit = self.tick_price(last * (1.001 if side == "buy" else 0.999))
                quantity = self.lots(self._draw.uniform(0.01, 0.08))
                request = self.client.place(self.market.symbol, side, quantity, price=limit, time_in_force="ioc")
                await self.ask(request)


class Noise(Trader):
    """Now joins a queue, now takes from one, now takes an order back."""

    def __init__(self, client: AsyncClient, market: Market, seed: int) -> None:
        super().__init__("noise", client, market)
        self._draw = random.Random(seed)
        self._book: Book | None = None
        self._orders: deque[int] = deque()

    async def trade(self) -> None:
        """Look at the book, and act."""
        self._orders.clear()
        await together(self._look(), self._act())

    async def _look(self) -> None:
        async for book in self.client.book(self.market.symbol, 5):
            self._book = book

    async def _act(self) -> None:
        while True:
            await asyncio.sleep(min(self._draw.expovariate(1 / NOISE_INTERVAL_S), 5 * NOISE_INTERVAL_S))
            book = self._book
            if book is None or book.best_bid is None or book.best_ask is None:
                continue
            if len(self._orders) >= NOISE_ORDERS_MAX or (self._orders and self._draw.random() < 0.2):
                await self.ask(self.client.cancel(self._orders.popleft()))
                continue
            await self._enter(book.best_bid.price, book.best_ask.price)

    async def _enter(self, bid: Decimal, ask: Decimal) -> None:
        side = self._draw.choice(SIDES)
        near, far = (bid, ask) if side == "buy" else (ask, bid)
        quantity = self.lots(self._draw.uniform(0.005, 0.06))
        if self._draw.random() < 0.45:
            request = self.client.place(self.market.symbol, side, quantity, price=far, time_in_force="ioc")
            await self.ask(request)
            return
        away = abs(self._draw.gauss(0, HALF_SPREAD)) * (-1 if side == "buy" else 1)
        price = self.tick_price(float(near) * (1 + away))
        placed = await self.ask(self.client.place(self.market.symbol, side, quantity, price=price))
        if placed is not None and placed.is_live:
            self._orders.append(placed.order_id)
