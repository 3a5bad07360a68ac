"""A client that trades at random over FIX and keeps its own account of what became of each request.

Each request has a client id of its own. What the exchange acknowledges is checked as it comes: each request is
answered, once; a report has an id that no other has; an order's quantities add up to what its trades said. In the
end the account must equal what the log says (`kills.py`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from decimal import Decimal

from .fix_session import BrokenError, Message, Session

LIVE = frozenset({"0", "1"})
TICK, LOT = Decimal("0.01"), Decimal("0.001")


@dataclass
class Order:
    """An order as its client sees it."""

    client_id: str
    side: int
    is_live: bool = True
    filled: Decimal = Decimal(0)
    leaves: Decimal = Decimal(0)
    trades: Decimal = Decimal(0)


@dataclass
class Trader:
    """Orders, cancels and replaces at random around a price; at most `window` requests are unanswered."""

    session: Session
    seed: str
    market: str = "BTC-USD"
    middle: Decimal = Decimal(100)
    window: int = 32
    requests: int = 0
    pending: dict[str, str] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    execution_ids: list[str] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    live: dict[str, Order] = field(default_factory=dict)
    refused: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.seen: set[str] = set()

    def ask(self) -> bool:
        """Send one more request, unless too many are unanswered."""
        if len(self.pending) >= self.window:
            return False
        self.requests += 1
        client_id = f"{self.session.name}-{self.requests}"
        choice = self.random.random()
        if choice < 0.6 or len(self.live) < 4:
            self._enter(client_id)
        else:
            order = self.random.choice(list(self.live.values()))
            target: dict[int, object] = {41: order.client_id, 11: client_id, 55: self.market, 54: order.side}
            if choice < 0.9 or len(self.live) > 50:
                self._send("F", client_id, target)
            else:
                self._send("G", client_id, target | {38: self._quantity(), 40: 2, 44: self._price(order.side)})
        return True

    def _enter(self, client_id: str) -> None:
        side = self.random.choice((1, 2))
        fields: dict[int, object] = {
            11: client_id,
            55: self.market,
            54: side,
            38: self._quantity(),
            40: 2,
            44: self._price(side),
            59: self.random.choice((1, 1, 1, 3)),
        }
        self._send("D", client_id, fields)

    def _quantity(self) -> Decimal:
        return self.random.randint(1, 3_000) * LOT

    def _price(self, side: int) -> Decimal:
        away = self.random.randint(-20, 200) * TICK
        return self.middle - away if side == 1 else self.middle + away

    def _send(self, kind: str, client_id: str, fields: dict[int, object]) -> None:
        self.pending[client_id] = kind
        self.session.send(kind, fields)

    def take(self, message: Message) -> None:
        """Take what the exchange says."""
        kind = message[35]
        if kind == "9":
            self._answer(message[11])
            self.refused += 1
        elif kind == "j":
            self._answer(message[379])
            self.refused += 1
        elif kind == "8":
            self._report(message)
        else:
            raise BrokenError(f"{self.session.name}: expected a report, received {dict(message)}")

    def _answer(self, client_id: str) -> None:
        if self.pending.pop(client_id, None) is None:
            again = "twice" if client_id in self.answered else "and was never asked"
            raise BrokenError(f"{self.session.name}: request {client_id} was answered {again}")
        self.answered.add(client_id)

    def _report(self, message: Message) -> None:
        execution, client_id = message[150], message[11]
        if execution == "I":
            raise BrokenError(f"{self.session.name}: a request was taken twice: {dict(message)}")
        if (identity := message[17]) in self.seen:
            raise BrokenError(f"{self.session.name}: report {identity} came twice: {dict(message)}")
        self.seen.add(identity)
        self.execution_ids.append(identity)
        if execution == "8":
            self.refused += 1
            self._answer(client_id)
            return
        if execution == "0":
            self._answer(client_id)
            self.orders[client_id] = self.live[client_id] = Order(client_id, int(message[54]))
        elif execution in {"4", "5"} and message.get(41, client_id) != client_id:
            self._answer(client_id)
        order = self._order(message)
        if execution == "F":
            order.trades += Decimal(message[32])
        order.filled, order.leaves = Decimal(message[14]), Decimal(message[151])
        if order.filled != order.trades:
            raise BrokenError(
                f"{self.session.name}: {client_id} is filled {order.filled}, but its trades come to {order.trades}"
            )
        order.is_live = message[39] in LIVE
        if not order.is_live:
            self.live.pop(order.client_id, None)

    def _order(self, message: Message) -> Order:
        client_id, original = message[11], message.get(41)
        if message[150] == "5" and original is not None:
            order = self.orders[original]
            self.live.pop(order.client_id, None)
            order.client_id = client_id
            self.orders[client_id] = self.live[client_id] = order
            return order
        name = original if message[150] == "4" and original is not None else client_id
        if name not in self.orders:
            raise BrokenError(f"{self.session.name}: a report about an order that was never accepted: {dict(message)}")
        return self.orders[name]
