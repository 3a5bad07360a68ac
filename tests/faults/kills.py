"""The exchange is killed at random moments while clients trade; they come back, and in the end every acknowledged order
must be there once.

A client checks what it is told as it comes (`fix_session`, `trader`). When the last round is over each request is
answered, and then the log, read by a program that shares nothing with the clients, must say the same: the reports of
a session are those that its client had, and an order stands as its client believes (`audit`).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from .fix_session import PATIENCE_S, BrokenError, Session
from .process import Exchange
from .trader import Trader
from .web_trader import WebTrader

ROUND_S = (0.05, 1.0)
"""How long a round of trading lasts before the kill."""


@dataclass
class Result:
    """What a run did."""

    kills: int
    requests: int
    web_orders: int
    web_unanswered: int
    reports: int
    resends: int
    seconds: float


def traders(exchange: Exchange, seed: str) -> list[Trader]:
    """One trader for each session."""
    found = []
    for name in exchange.clients:
        session = Session(name, lambda _: None)
        trader = Trader(session, f"{seed}-{name}")
        session.listener = trader.take
        found.append(trader)
    return found


def check(tasks: list[asyncio.Task[None]]) -> None:
    """Raise what a reader found."""
    for task in tasks:
        if task.done():
            task.result()


async def connect(exchange: Exchange, everyone: list[Trader]) -> list[asyncio.Task[None]]:
    """Connect all."""
    host, port = "127.0.0.1", exchange.fix_port
    return list(await asyncio.gather(*(trader.session.connect(host, port) for trader in everyone)))


async def trade(
    everyone: list[Trader], tasks: list[asyncio.Task[None]], seconds: float, goal: Callable[[], bool] = lambda: True
) -> None:
    """Have all of them ask as much as they may, for so long; on a slow machine for longer, until a goal is reached.

    Raises:
        BrokenError: it is not reached, in time.
    """
    began = time.monotonic()
    while time.monotonic() < began + seconds or not goal():
        if time.monotonic() > began + seconds + PATIENCE_S:
            raise BrokenError("too little was answered")
        for trader in everyone:
            while trader.ask():
                pass
        check(tasks)
        await asyncio.sleep(0.001)


async def until(holds: Callable[[], bool], tasks: list[asyncio.Task[None]], lack: Callable[[], str]) -> None:
    """Wait until something holds.

    Raises:
        BrokenError: it does not, in time; it says what is lacking.
    """
    end = time.monotonic() + PATIENCE_S
    while not holds():
        check(tasks)
        if time.monotonic() > end:
            raise BrokenError(lack())
        await asyncio.sleep(0.01)


async def settle(everyone: list[Trader], tasks: list[asyncio.Task[None]]) -> None:
    """Wait until each request is answered.

    Raises:
        BrokenError: one is not, in time.
    """

    def lost() -> dict[str, list[str]]:
        return {trader.session.name: list(trader.pending)[:5] for trader in everyone if trader.pending}

    await until(lambda: not lost(), tasks, lambda: f"requests that were never answered: {lost()}")


async def run(exchange: Exchange, everyone: list[Trader], web: list[WebTrader], kills: int, seed: str) -> Result:
    """Trade, kill, start again, `kills` times; then trade once more and wait for all answers.

    Raises:
        BrokenError: the exchange lost or doubled something; the message has the seed.
    """
    chance, started = random.Random(seed), time.monotonic()

    def counts() -> list[int]:
        return [sum(len(each.answered) for each in everyone), *(each.orders for each in web)]

    def beyond(before: list[int]) -> bool:
        return all(now > one for now, one in zip(counts(), before, strict=True))

    exchange.start()
    stop = asyncio.Event()
    browsing = [asyncio.create_task(trader.run(exchange, stop)) for trader in web]
    try:
        for _ in range(kills):
            tasks = await connect(exchange, everyone)
            # Each round has something to lose: somebody was answered in it.
            await trade(everyone, [*tasks, *browsing], chance.uniform(*ROUND_S), partial(beyond, counts()))
            exchange.kill()
            await asyncio.wait(tasks)
            check([*tasks, *browsing])
            await asyncio.to_thread(exchange.start)
        tasks = await connect(exchange, everyone)
        await trade(everyone, [*tasks, *browsing], ROUND_S[1], partial(beyond, counts()))
        stop.set()
        await asyncio.gather(*browsing)
        await settle(everyone, tasks)
        for trader in everyone:
            await trader.session.log_out()
        await asyncio.wait(tasks, timeout=PATIENCE_S)
        check(tasks)
    except BrokenError as broken:
        raise BrokenError(f"seed {seed!r}: {broken}") from None
    return Result(
        kills=kills,
        requests=sum(trader.requests for trader in everyone),
        web_orders=sum(trader.orders for trader in web),
        web_unanswered=sum(trader.unanswered for trader in web),
        reports=sum(len(trader.execution_ids) for trader in everyone),
        resends=sum(trader.session.resends for trader in everyone),
        seconds=time.monotonic() - started,
    )
