"""What is done to a running exchange, each with its figures. `run.py` does all of it,
`test_faults.py` in short.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import audit, crowd, disk, kills, malformed
from .fix_session import BrokenError
from .process import Exchange
from .web_trader import WebTrader

Figures = dict[str, Any]
MEMORY_BYTES_MAX = 2 << 30


def names(count: int) -> list[str]:
    """Names of so many FIX clients."""
    return [f"CLIENT{number}" for number in range(1, count + 1)]


def finish(exchange: Exchange) -> None:
    """Stop in order.

    Raises:
        BrokenError: it does not end as it should.
    """
    if status := exchange.stop():
        raise BrokenError(f"expected exit status 0, received {status}; {exchange.errors()}")


async def killed(folder: Path, clients: int, web_clients: int, count: int, seed: str) -> Figures:
    """Kill -9 at random moments."""
    exchange = Exchange(folder, names(clients))
    traders = kills.traders(exchange, seed)
    web = [WebTrader(f"web{number}", f"{seed}-{number}") for number in range(web_clients)]
    result = await kills.run(exchange, traders, web, count, seed)
    finish(exchange)
    found = audit.compare(folder, traders, web)
    return {
        "clients": clients,
        "web_clients": web_clients,
        "web_orders": result.web_orders,
        "web_asked_again": result.web_unanswered,
        "kills": result.kills,
        "requests": result.requests,
        "reports": result.reports,
        "resend_requests": result.resends,
        "entries": found["sequence"],
        "lost": 0,
        "doubled": 0,
        "seconds": round(result.seconds, 1),
    }


async def flooded(folder: Path, messages: int, seed: str, clients: int = 4) -> Figures:
    """Broken messages, while another client trades."""
    exchange = Exchange(folder, [*names(clients), "HONEST"], sync="none")
    exchange.start()
    honest = kills.traders(exchange, seed)[-1]
    task = await honest.session.connect("127.0.0.1", exchange.fix_port)
    before, flood, started = exchange.resident_bytes(), malformed.Flood(), time.monotonic()
    share = messages // clients
    attacks = [malformed.attack(exchange, name, f"{seed}-{name}", share, flood) for name in names(clients)]
    attacking = asyncio.gather(*attacks)
    peak = before
    while not attacking.done():
        honest.ask()
        peak = max(peak, exchange.resident_bytes())
        await asyncio.wait({attacking}, timeout=0.01)
    attacking.result()
    seconds = time.monotonic() - started
    await kills.settle([honest], [task])
    finish(exchange)
    audit.sound(folder)
    if peak > MEMORY_BYTES_MAX:
        raise BrokenError(f"expected at most {MEMORY_BYTES_MAX} bytes of memory, received {peak}")
    return {
        "messages": flood.messages,
        "connections": flood.connections,
        "bytes": flood.bytes,
        "honest_requests_answered": len(honest.answered),
        "memory_bytes_before": before,
        "memory_bytes_peak": peak,
        "seconds": round(seconds, 1),
    }


@dataclass
class Load:
    """FIX clients and readers of the stream at once, some of whom do not read."""

    fix: int
    readers: int
    slow: int
    rate: float
    seconds: float


def need_files(count: int) -> None:
    """Have this process and its children open so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (min(count, hard) if hard != resource.RLIM_INFINITY else count, hard)
        )


def all_have(readers: list[crowd.Reader], sequence: int) -> bool:
    """Whether every reader's book is as new as that."""
    return all(reader.sequence >= sequence for reader in readers)


async def crowded(folder: Path, load: Load, seed: str) -> Figures:
    """Many at once; everyone who reads must be told everything in order, whoever else does not read."""
    need_files(4 * (load.fix + load.readers + load.slow) + 256)
    options = "[limits]\nstreams_max = 4000\nstreams_per_address_max = 4000\nconnections_max = 8000\n"
    exchange = Exchange(folder, names(load.fix), sync="none", tail=options)
    exchange.start()
    traders = kills.traders(exchange, seed)
    tasks = await kills.connect(exchange, traders)
    stop, readers = asyncio.Event(), [crowd.Reader() for _ in range(load.readers)]
    reading = [asyncio.create_task(reader.run(exchange, stop)) for reader in readers]
    slow = [await crowd.slow_reader(exchange) for _ in range(load.slow)]
    everyone = [*tasks, *reading]
    await kills.until(lambda: all(reader.checked for reader in readers), everyone, lambda: "a reader is told nothing")
    paces = [crowd.Pace(trader, load.rate) for trader in traders]
    before, started = exchange.processor_s(), time.monotonic()
    pacing = asyncio.gather(*(pace.run(load.seconds) for pace in paces))
    peak = 0
    while not pacing.done():
        peak = max(peak, exchange.resident_bytes())
        kills.check(everyone)
        await asyncio.wait({pacing}, timeout=0.1)
    pacing.result()
    seconds, processor = time.monotonic() - started, exchange.processor_s() - before
    await kills.settle(traders, tasks)
    newest = await crowd.newest_sequence(exchange)
    is_told = functools.partial(all_have, readers, newest)
    await kills.until(is_told, everyone, lambda: f"a reader has not come to sequence {newest}")
    stop.set()
    await asyncio.gather(*reading)
    for connection in slow:
        with contextlib.suppress(OSError):
            connection.close()
    finish(exchange)
    audit.compare(folder, traders)
    return _figures(load, paces, readers, seconds) | {
        "processor_share": round(processor / seconds, 2),
        "memory_bytes_peak": peak,
    }


def _figures(load: Load, paces: list[crowd.Pace], readers: list[crowd.Reader], seconds: float) -> Figures:
    """What clients saw."""
    answers = [delay for pace in paces for delay in pace.delays_ms]
    books = [delay for reader in readers for delay in reader.delays_ms]
    figures: Figures = {"fix": load.fix, "readers": load.readers, "slow_readers": load.slow, "requests": len(answers)}
    for name, values in (("answer_ms", answers), ("book_ms", books)):
        if values:
            figures[name] = {part: round(crowd.quantile(values, float(part)), 3) for part in ("0.5", "0.99", "0.999")}
    messages = sum(reader.messages for reader in readers)
    return figures | {"stream_messages": messages, "stream_messages_per_s": round(messages / seconds)}


async def starved(folder: Path, seed: str) -> Figures:
    """A disk that becomes full, and then larger."""
    with disk.small_disk(folder):
        exchange = Exchange(folder, names(3))
        traders = kills.traders(exchange, seed)
        exchange.start()
        said = await disk.until_it_fails(exchange, traders)
        disk.enlarge(folder)
        await disk.recover(exchange, traders)
        return {"said": said, "requests": sum(trader.requests for trader in traders)}


async def unsynced(folder: Path, seed: str) -> Figures:
    """Syncs that fail."""
    exchange = Exchange(folder, names(3), wrapper=disk.failing_sync())
    traders = kills.traders(exchange, seed)
    exchange.start()
    said = await disk.until_it_fails(exchange, traders)
    exchange.wrapper = ()
    await disk.recover(exchange, traders)
    return {"said": said, "requests": sum(trader.requests for trader in traders)}


async def stormed(folder: Path, connections: int, seed: str) -> Figures:
    """Connections that come all at once and say nothing or half of something, while a client trades."""
    need_files(2 * connections + 256)
    exchange = Exchange(folder, names(2), sync="none")
    exchange.start()
    trader = kills.traders(exchange, seed)[0]
    task = await trader.session.connect("127.0.0.1", exchange.fix_port)
    pace = crowd.Pace(trader, 200)
    pacing = asyncio.create_task(pace.run(5))
    opened = 0

    async def knock(port: int, data: bytes) -> None:
        nonlocal opened
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            opened += 1
            writer.write(data)
            await asyncio.sleep(1)
            writer.close()

    halves = (b"", b"8=FIX.4.4\x019=", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n")
    ports = (exchange.fix_port, exchange.web_port)
    knocks = [knock(ports[number % 2], halves[number // 2 % 4]) for number in range(connections)]
    await asyncio.gather(*knocks)
    await pacing
    await kills.settle([trader], [task])
    second = await kills.traders(exchange, seed)[1].session.connect("127.0.0.1", exchange.fix_port)
    second.cancel()
    finish(exchange)
    audit.sound(folder)
    return {
        "connections": connections,
        "opened": opened,
        "answer_ms": {part: round(crowd.quantile(pace.delays_ms, float(part)), 3) for part in ("0.5", "0.99", "0.999")},
    }
