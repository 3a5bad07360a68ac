"""A client of HTTP that trades while the exchange is killed: it asks again, with the same client id, until answered.

What it was told it may rely on: an order that was acknowledged is in the log, once, however often it was asked for.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from proofbook.client import (
    AsyncClient,
    AuthenticationError,
    ConnectionFailedError,
    Key,
    RefusedError,
    UnavailableError,
)

from .fix_session import PATIENCE_S, BrokenError
from .process import Exchange

PAUSE_S = 0.05
SESSION = 1 << 32
"""The session of orders that come over the web."""


@dataclass
class WebTrader:
    """One account of the demo. `acknowledged` has the exchange's id of each order by the client's."""

    name: str
    seed: str
    market: str = "BTC-USD"
    account: int = 0
    orders: int = 0
    acknowledged: dict[str, int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    unanswered: int = 0

    async def run(self, exchange: Exchange, stop: asyncio.Event) -> None:
        """Trade until told to stop; the last order is answered before it ends."""
        chance = random.Random(self.seed)
        async with AsyncClient(exchange.url, Key.generate(), timeout_s=PATIENCE_S) as client:
            self.account = (await self._answered(client.open_demo_account)).account
            while not stop.is_set():
                self.orders += 1
                side = chance.choice(("buy", "sell"))
                away = chance.randint(-20, 100) * Decimal("0.01")
                await self._place(client, side, Decimal(100) - away if side == "buy" else Decimal(100) + away)

    async def _place(self, client: AsyncClient, side: Any, price: Decimal) -> None:
        client_id = f"{self.name}-{self.orders}"
        try:
            placed = await self._answered(
                lambda: client.place(self.market, side, "0.010", price=price, client_id=client_id)
            )
        except RefusedError:
            self.refused.add(client_id)
            return
        self.acknowledged[client_id] = placed.order_id

    async def _answered(self, call: Any) -> Any:
        """What is answered, after as many tries as it takes."""
        while True:
            try:
                return await call()
            except (ConnectionFailedError, UnavailableError):
                pass
            except AuthenticationError as error:
                # It waited for the exchange to come back until its time was over; so it was not taken.
                if error.code != "wrong_timestamp":
                    raise
            self.unanswered += 1
            await asyncio.sleep(PAUSE_S)

    def compare(self, rows: list[dict[str, Any]]) -> None:
        """Hold what was acknowledged against the account's reports in the log.

        Raises:
            BrokenError: an order is lost or doubled, or has another id than the client was told.
        """
        logged: dict[str, list[int]] = {}
        for row in rows:
            if row["execution"] == "new":
                logged.setdefault(row["client_id"], []).append(row["order_id"])
        for client_id, ids in logged.items():
            if len(ids) != 1 or self.acknowledged.get(client_id) != ids[0]:
                told = self.acknowledged.get(client_id)
                raise BrokenError(f"{client_id}: the log has it as {ids}, its client was told {told}")
        if lost := set(self.acknowledged) - set(logged):
            raise BrokenError(f"{self.name}: acknowledged and not in the log: {sorted(lost)[:5]}")
