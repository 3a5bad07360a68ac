"""An exchange with a history: a native server that random requests are given to."""

from __future__ import annotations

import json
import random
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from proofbook._core import ExchangeServer

PATIENCE_S = 300.0
ACCOUNTS = 4
MARKETS = {"BTC-USD": (2, 3, "BTC", "USD"), "ETH-BTC": (4, 2, "ETH", "BTC")}
"""Decimals of price and quantity, base and quote."""
IN_FLIGHT_MAX = 2_000


def settings(folder: Path, sync: str) -> dict[str, Any]:
    """Three assets, two markets, accounts with money."""
    assets = [{"symbol": "BTC", "decimals": 8}, {"symbol": "USD", "decimals": 6}, {"symbol": "ETH", "decimals": 18}]
    markets = [
        {
            "symbol": symbol,
            "base": base,
            "quote": quote,
            "price_decimals": price,
            "quantity_decimals": quantity,
            "maker_fee": 1,
            "taker_fee": 7,
            "state": "continuous",
        }
        for symbol, (price, quantity, base, quote) in MARKETS.items()
    ]
    deposits = {"BTC": "1000000", "USD": "1000000000", "ETH": "1000000"}
    return {
        "folder": str(folder),
        "fix": None,
        "sync": sync,
        "assets": assets,
        "markets": markets,
        "accounts": [{"deposits": deposits}] * ACCOUNTS,
        "sessions": [],
    }


class Flow:
    """A running exchange and random requests for it.

    Attributes:
        answers: what it has answered, in order.
    """

    def __init__(self, folder: Path, seed: int, sync: str = "group") -> None:
        print(f"seed {seed}")
        self.random = random.Random(seed)
        self.server = ExchangeServer.start(json.dumps(settings(folder, sync)))
        self.answers: list[dict[str, Any]] = []
        self.submitted = 0
        self.known: list[tuple[int, str]] = []

    def __enter__(self) -> Flow:
        return self

    def __exit__(self, *_error: object) -> None:
        self.server.stop()

    def query(self, name: str, **fields: object) -> Any:
        """Ask the server."""
        return json.loads(self.server.query(json.dumps({"query": name, **fields}).encode()))

    def submit(self, **request: object) -> None:
        """Give it a request."""
        self.server.submit(json.dumps(request).encode())
        self.submitted += 1
        while self.submitted - len(self.answers) >= IN_FLIGHT_MAX:
            self.drain()

    def drain(self) -> None:
        """Take the next messages."""
        readable, _, _ = select.select([self.server.readiness], [], [], PATIENCE_S)
        assert readable, f"an answer within {PATIENCE_S} s"
        messages = map(json.loads, self.server.drain())
        self.answers += [message for message in messages if message["type"] == "answer"]

    def settle(self) -> None:
        """Wait until all is answered, and until queries show it."""
        end = time.monotonic() + PATIENCE_S
        while len(self.answers) < self.submitted:
            self.drain()
        while self.query("status")["sequence"] < self.answers[-1]["entry"]:
            assert time.monotonic() < end
            time.sleep(0.01)

    def run(self, count: int) -> None:
        """Give it so many requests and wait for all answers."""
        for request in self.requests(count):
            self.submit(**request)
        self.settle()

    def requests(self, count: int) -> Iterator[dict[str, Any]]:
        """Orders around a price, cancels, and now and then something of an operator's."""
        pick = self.random
        for number in range(self.submitted, self.submitted + count):
            account = pick.randint(1, ACCOUNTS)
            choice = pick.random()
            if choice < 0.25 and self.known:
                owner, original_id = pick.choice(self.known[-200:])
                yield {"action": "cancel", "account": owner, "original_id": original_id, "client_id": f"c{number}"}
            elif choice < 0.27:
                yield {"action": "mass_cancel", "account": account}
            elif choice < 0.29:
                amount = f"{pick.randint(1, 10**6)}.{pick.randint(0, 10**6 - 1):06}"
                yield {
                    "action": pick.choice(["deposit", "withdraw"]),
                    "account": account,
                    "asset": "USD",
                    "amount": amount,
                }
            elif choice < 0.30:
                market = pick.choice(list(MARKETS))
                yield {"action": pick.choice(["halt", "resume", "resume", "open"]), "market": market}
            else:
                yield self._order(number, account)

    def _order(self, number: int, account: int) -> dict[str, Any]:
        pick = self.random
        market, (price_decimals, quantity_decimals, _, _) = pick.choice(list(MARKETS.items()))
        client_id = f'o,"{number}"' if number % 7 == 0 else f"o{number}"
        self.known.append((account, client_id))
        ticks, lots = 10_000 + pick.randint(-30, 30), pick.randint(1, 5_000)
        request: dict[str, Any] = {
            "action": "new",
            "account": account,
            "client_id": client_id,
            "market": market,
            "side": pick.choice(["buy", "sell"]),
            "kind": "limit",
            "quantity": decimal(lots, quantity_decimals),
            "price": decimal(ticks, price_decimals),
        }
        if pick.random() < 0.2:
            request["time_in_force"] = pick.choice(["ioc", "fok"])
        if pick.random() < 0.05:
            # More than anyone has: refused.
            request["quantity"] = decimal(10**12, quantity_decimals)
        return request


def run_and_kill(program: list[str], flushes: int, pick: random.Random) -> None:
    """Run a program that prints a line before each of its flushes, and kill it in or around one of them."""
    with subprocess.Popen(program, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        begun = time.monotonic()
        for _ in range(flushes):
            begun = time.monotonic()
            if not child.stdout.readline():
                break
        # About as long as a flush takes, after it began.
        time.sleep(pick.uniform(0.0, 1.2) * (time.monotonic() - begun))
        child.kill()


def decimal(units: int, places: int) -> str:
    """So many units of the last place, as text."""
    return f"{units // 10**places}.{units % 10**places:0{places}}"
