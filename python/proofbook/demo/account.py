"""Someone who trades: an account with a key of its own, and what became of its requests."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Coroutine
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any, TypeVar

from proofbook.client import AsyncClient, Client, ExchangeError, Key, Market, Order, RefusedError, UnknownOrderError

T = TypeVar("T")

log = logging.getLogger("proofbook.demo")

PAUSE_AFTER_FAILURE_S = 2.0


def account_key(folder: Path, name: str) -> Key:
    """The key of one who trades; made if it is not there. The same key is the same account after a restart."""
    path = folder / f"{name}.key"
    if not path.exists():
        Key.generate().save(path)
    return Key.load(path)


def fund(url: str, key: Key, operator: Client, deposits: dict[str, str]) -> int:
    """Open the account of a key, and have the operator bring it to these amounts; give its number."""
    with Client(url, key) as client:
        account = client.open_demo_account().account
        held = {balance.asset: balance.total for balance in client.get_balances()}
    for asset, amount in deposits.items():
        lacking = Decimal(amount) - held.get(asset, Decimal(0))
        if lacking > 0:
            operator.operate("deposit", account=account, asset=asset, amount=f"{lacking:f}")
    return account


class Trader:
    """One who trades in one market.

    Attributes:
        name: what its client ids begin with.
        sent: requests that were taken.
        refused: requests that the exchange refused, by code: prices move while an order is on its way.
    """

    def __init__(self, name: str, client: AsyncClient, market: Market) -> None:
        self.name = name
        self.client = client
        self.market = market
        self.sent = 0
        self.refused: Counter[str] = Counter()

    async def run(self) -> None:
        """Trade until cancelled, then take all orders back. What fails is tried again after a pause."""
        try:
            while True:
                try:
                    await self.client.cancel_all(self.market.symbol)
                    await self.trade()
                except ExchangeError as error:
                    log.warning("%s: %s", self.name, error)
                    await asyncio.sleep(PAUSE_AFTER_FAILURE_S)
        finally:
            await self.leave()

    async def trade(self) -> None:
        """Trade until something fails."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Take all orders back, if there is still an exchange."""
        try:
            async with asyncio.timeout(PAUSE_AFTER_FAILURE_S):
                await self.client.cancel_all(self.market.symbol)
        except (ExchangeError, TimeoutError) as error:
            log.warning("%s: orders were left: %s", self.name, error)

    async def ask(self, request: Awaitable[T]) -> T | None:
        """What a request gives; None where the exchange refused it."""
        try:
            answer = await request
        except (RefusedError, UnknownOrderError) as error:
            self.refused[error.code] += 1
            return None
        self.sent += 1
        return answer

    def tick_price(self, price: float) -> Decimal:
        """The price with as many decimals as the market's prices have."""
        return Decimal(price).quantize(Decimal(1).scaleb(-self.market.price_decimals), ROUND_HALF_EVEN)

    def lots(self, quantity: float) -> Decimal:
        """The quantity with as many decimals as the market's quantities have, and not 0."""
        lot = Decimal(1).scaleb(-self.market.quantity_decimals)
        return max(lot, Decimal(quantity).quantize(lot, ROUND_HALF_EVEN))


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Run until one of them is over, or until cancelled; none goes on after that. An error of one is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def live_only(orders: dict[int, Order], order: Order) -> None:
    """Keep an order among the live ones, or take it away."""
    if order.is_live:
        orders[order.order_id] = order
    else:
        orders.pop(order.order_id, None)
