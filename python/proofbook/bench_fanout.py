"""How a change of the book reaches its readers: market data of a running exchange under a steady load of orders.

The exchange is what ``proofbook serve`` runs, in a process of its own. Orders come over FIX at fixed times, whatever
the exchange does; of each is known when it was due, and its entry in the log (``order_load paced``). Readers are one
native process that notes when each message came, and up to which entry it holds (``feed_readers``). So each order is
timed from when it was due to when each reader has the first message that holds it, whatever waits in between. Cases
without readers are measured before and behind those with them, in the same exchange: the difference is what readers
cost whoever trades.

Before a figure is given, each reader has had every step of the book in order, and the book of the first is kept from
its messages and compared by checksum at each of them.
"""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from proofbook.bench import Result
from proofbook.bench_load import Programs, Progress, Step, environment, preference, processor_seconds, run_load, started
from proofbook.errors import BrokenInvariantError, InputError

Numbers = np.ndarray[Any, np.dtype[np.int64]]

PUBLISH_INTERVAL_MS = 20
"""How often the exchange publishes books: its default, written into the configuration."""
PAUSE_S = 0.1
"""Between two cases: readers that have gone are forgotten."""

MARKET = "BTC-USD"
PRICE_DECIMALS, QUANTITY_DECIMALS = 2, 3
CONFIGURATION = f"""
web = "127.0.0.1:0"
fix = "127.0.0.1:0"
sync = "none"
publish_interval_ms = {PUBLISH_INTERVAL_MS}

[[assets]]
symbol = "BTC"
decimals = 8

[[assets]]
symbol = "USD"
decimals = 6

[[markets]]
symbol = "{MARKET}"
base = "BTC"
quote = "USD"
price_decimals = {PRICE_DECIMALS}
quantity_decimals = {QUANTITY_DECIMALS}
taker_fee = 10
state = "continuous"

[[accounts]]
deposits = {{ BTC = "1000000", USD = "1000000" }}

[limits]
streams_max = 2000
streams_per_address_max = 2000
connections_max = 4000
connections_per_address_max = 4000
"""
SESSION = """
[[sessions]]
id = {number}
account = 1
client = "{name}"
version = "FIX.4.4"
exchange = "EXCHANGE"
authentication = {{ kind = "none" }}
"""

ORDER_COLUMNS = ("due_ns", "acknowledged_ns", "entry", "is_trade")
MESSAGE_COLUMNS = ("received_ns", "reader", "entry", "sequence", "is_snapshot", "bytes")


@dataclass(frozen=True, slots=True)
class Case:
    """One run.

    Attributes:
        kind: ``web`` for WebSockets, ``fix`` for sessions, ``none`` for orders alone.
        readers: How many read.
        rate_per_s: At which rate orders come.
    """

    kind: str
    readers: int
    rate_per_s: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        rounds: How often each case is measured, every other time in reverse order; cases without readers twice.
        rates_per_s: Requests a second.
        web_readers: How many readers of the stream there are, case by case.
        fix_readers: How many sessions that read.
        seconds: How long orders come in a case.
        warm_up_seconds: How long they come before the first.
        resting: Orders that rest in the book meanwhile.
    """

    rounds: int = 2
    rates_per_s: tuple[int, ...] = (2_000, 10_000)
    web_readers: tuple[int, ...] = (1, 10, 100, 500)
    fix_readers: tuple[int, ...] = (1, 10)
    seconds: float = 2.5
    warm_up_seconds: float = 1
    resting: int = 500

    def cases(self) -> list[Case]:
        """All of them, in order."""
        alone = ("none", (0,))
        counts = [alone, ("web", self.web_readers), ("fix", self.fix_readers), alone]
        return [Case(kind, count, rate) for rate in self.rates_per_s for kind, some in counts for count in some]


QUICK = Plan(rounds=1, seconds=1)


@dataclass(slots=True)
class Exchange:
    """A running exchange.

    Attributes:
        process: Its number.
        fix_address: Where it listens for FIX.
        web_address: Where it listens for streams.
        runs: How often orders were sent to it.
    """

    process: int
    fix_address: str
    web_address: str
    runs: int = 0


@dataclass(slots=True)
class Readers:
    """A process that reads; none where nobody does."""

    process: subprocess.Popen[str] | None = None

    @property
    def number(self) -> int:
        """Of the process."""
        assert self.process is not None
        return self.process.pid

    def end(self, entry: int) -> None:
        """Wait until each reader has what came of this entry.

        Raises:
            BrokenInvariantError: A reader was told something wrong, or nothing.
        """
        if self.process is None:
            return
        _, errors = self.process.communicate(f"end {entry}\n")
        if self.process.returncode != 0:
            raise BrokenInvariantError(f"readers: {errors.strip()[-2000:]}")


@dataclass(slots=True)
class Bench:
    """Runs an exchange, readers and orders."""

    programs: Programs
    folder: Path
    prefix: list[str] = field(default_factory=preference)

    @contextmanager
    def serve(self, plan: Plan) -> Iterator[Exchange]:
        """An exchange that has just begun."""
        shutil.rmtree(self.folder, ignore_errors=True)
        folder = self.folder / "exchange"
        folder.mkdir(parents=True)
        names = ["ALICE", *(f"READER{number}" for number in range(1, 1 + max(plan.fix_readers, default=0)))]
        sessions = (SESSION.format(number=number, name=name) for number, name in enumerate(names, 1))
        (folder / "exchange.toml").write_text(CONFIGURATION + "".join(sessions))
        command = [*self.prefix, sys.executable, "-m", "proofbook", "serve", str(folder), "--json"]
        with started(command, self.folder, "the exchange") as (line, process):
            said = json.loads(line)
            web = said["address"].removeprefix("http://").removesuffix("/")
            yield Exchange(process, said["fix_address"], web)
        shutil.rmtree(self.folder, ignore_errors=True)

    def send(self, exchange: Exchange, *words: str) -> Result:
        """Send orders, as the load generator is told."""
        command = [*self.prefix, str(self.programs.load)]
        exchange.runs += 1
        return run_load(command, exchange.fix_address, exchange.runs, Step(words[0], words), "the exchange")

    @contextmanager
    def read(self, exchange: Exchange, case: Case, rows: Path) -> Iterator[Readers]:
        """Readers that have a snapshot each."""
        if case.kind == "none":
            yield Readers()
            return
        address = exchange.web_address if case.kind == "web" else exchange.fix_address
        command = [*self.prefix, str(self.programs.readers), case.kind, address, str(case.readers), str(rows)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment()) as process:
            try:
                assert process.stdout is not None
                if process.stdout.readline() != "ready\n":
                    process.kill()
                    raise BrokenInvariantError(f"readers: {process.communicate()[1].strip()[-2000:]}")
                yield Readers(process)
            finally:
                process.kill()

    def run(self, exchange: Exchange, case: Case, seconds: float) -> Result:
        """The figures of a case."""
        orders_file, messages_file = self.folder / "orders", self.folder / "messages"
        with self.read(exchange, case, messages_file) as readers:
            watched = {"exchange": exchange.process} | ({"readers": readers.number} if case.readers else {})
            before = {name: processor_seconds(process) for name, process in watched.items()}
            children, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            result = self.send(exchange, "paced", str(case.rate_per_s), str(seconds), str(orders_file))
            ended, taken_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - started
            used_s = {name: processor_seconds(process) - before[name] for name, process in watched.items()}
            used_s["orders"] = ended.ru_utime + ended.ru_stime - children.ru_utime - children.ru_stime
            orders = table(orders_file, ORDER_COLUMNS)
            known = orders["entry"][orders["is_trade"] == 1] if case.kind == "fix" else orders["entry"]
            readers.end(int(known[-1]))
        figures = {
            "requests": result["requests"],
            "acknowledgement": result["latency"],
            "generator_delay": result["generator_delay"],
            "processors": {name: used / taken_s for name, used in used_s.items()},
        }
        if case.kind == "web":
            check_book((self.folder / "messages.texts").read_bytes().splitlines())
        if case.readers:
            figures |= told(case, orders, table(messages_file, MESSAGE_COLUMNS))
        time.sleep(PAUSE_S)
        return figures


def table(path: Path, columns: tuple[str, ...]) -> dict[str, Numbers]:
    """The rows that a program left, by column."""
    rows = np.fromfile(path, dtype="<u8").astype(np.int64).reshape(-1, len(columns))
    return {name: rows[:, index] for index, name in enumerate(columns)}


def check_book(texts: list[bytes]) -> None:
    """Keep a reader's book by its messages.

    Raises:
        BrokenInvariantError: One does not follow, or the book is not what its checksum says.
    """
    import msgspec

    from proofbook.client.book import Applied, LocalBook
    from proofbook.client.types import BookMessage

    book = LocalBook(MARKET, price_decimals=PRICE_DECIMALS, quantity_decimals=QUANTITY_DECIMALS)
    for text in texts:
        applied = book.apply(msgspec.json.decode(text, type=BookMessage))
        if applied is not Applied.YES:
            raise BrokenInvariantError(f"the book of a reader: {applied.value}: {book.fault}; {text[:200]!r}")


def told(case: Case, orders: dict[str, Numbers], messages: dict[str, Numbers]) -> Result:
    """What readers were told of these orders, and when.

    Args:
        case: Who reads.
        orders: Rows of `ORDER_COLUMNS`. Over FIX, only trades name their entry: of the others nothing is timed there.
        messages: Rows of `MESSAGE_COLUMNS`, those of a reader in the order in which they came.

    Raises:
        BrokenInvariantError: A reader lacks something.
    """
    is_timed = orders["is_trade"] == 1 if case.kind == "fix" else np.ones(len(orders["entry"]), dtype=bool)
    entries, due_ns = orders["entry"][is_timed], orders["due_ns"][is_timed]
    waits = np.empty((case.readers, len(entries)), dtype=np.int64)
    conflated = 0
    for reader in range(case.readers):
        own = messages["reader"] == reader
        received_ns, sequence = messages["received_ns"][own], messages["sequence"][own]
        if case.kind == "web":
            conflated += int(sequence[-1] - sequence[0]) - (len(sequence) - 1)
        # What names no entry adds nothing to what a message before it holds.
        holds = np.maximum.accumulate(messages["entry"][own])
        places = np.searchsorted(holds, entries)
        if places[-1] >= len(holds):
            raise BrokenInvariantError(f"reader {reader}: expected entry {entries[-1]}, received {holds[-1]}")
        waits[reader] = received_ns[places] - due_ns
    first_ns, last_ns = int(orders["due_ns"][0]), int(messages["received_ns"].max())
    snapshots = int(messages["is_snapshot"].sum())
    count = len(messages["reader"]) - case.readers
    return {
        "reach": summary(waits.ravel()),
        "spread": spread(case, messages),
        "messages": count,
        "messages_per_s": count / (last_ns - first_ns) * 1e9,
        "bytes_per_message": float(messages["bytes"][messages["is_snapshot"] == 0].mean()),
        "requests_per_message": len(orders["entry"]) * case.readers / count,
        "conflated": conflated,
        "shown_anew": snapshots - case.readers,
    }


def spread(case: Case, messages: dict[str, Numbers]) -> Result | None:
    """From when the first reader has a message to when the last one has it, of those messages that all have.

    None where there is one reader alone, and over FIX, where messages have no number that readers share.
    """
    if case.kind != "web" or case.readers == 1:
        return None
    is_delta = messages["is_snapshot"] == 0
    received_ns = messages["received_ns"][is_delta]
    _, places, counts = np.unique(messages["sequence"][is_delta], return_inverse=True, return_counts=True)
    first, last = np.full(len(counts), received_ns.max()), np.zeros(len(counts), dtype=np.int64)
    np.minimum.at(first, places, received_ns)
    np.maximum.at(last, places, received_ns)
    widths = (last - first)[counts == case.readers]
    return summary(widths) if len(widths) else None


def summary(values_ns: Numbers) -> Result:
    """Percentiles as the load generator gives them: each is a time that as many were no later than."""
    ordered = np.sort(values_ns)

    def at(quantile: float) -> int:
        return int(ordered[max(0, math.ceil(quantile * len(ordered)) - 1)])

    quantiles = [1 - 10 ** (-step / 8) for step in range(49)]
    return {
        "count": len(ordered),
        "mean_ns": float(ordered.mean()),
        "min_ns": int(ordered[0]),
        "p50_ns": at(0.5),
        "p90_ns": at(0.9),
        "p99_ns": at(0.99),
        "p999_ns": at(0.999),
        "p9999_ns": at(0.9999),
        "max_ns": int(ordered[-1]),
        "curve": [[quantile, at(quantile)] for quantile in quantiles],
    }


def measure(plan: Plan, programs: Programs, folder: Path, progress: Progress = lambda _line: None) -> Result:
    """Measures all cases, in turns.

    Args:
        plan: What.
        programs: With what; without readers nothing is measured.
        folder: Where the exchange keeps its files; it is emptied.
        progress: Takes a line of text now and then.

    Returns:
        ``cases``: kind, readers, rate, and the figures of each round; or ``left_out``, why there are none.

    Raises:
        BrokenInvariantError: Whoever trades or reads was not told what they should be.
        InputError: The exchange does not start.
    """
    from proofbook.exchange.serve_command import check_packages

    if programs.readers is None:
        return {"left_out": "there is no program that reads"}
    try:
        check_packages()
    except InputError as error:
        return {"left_out": str(error)}
    started = time.time()
    cases, runner = plan.cases(), Bench(programs, folder)
    rounds: dict[Case, list[Result]] = {case: [] for case in cases}
    with runner.serve(plan) as exchange:
        runner.send(exchange, "fill", str(plan.resting))
        runner.send(exchange, "paced", str(max(plan.rates_per_s)), str(plan.warm_up_seconds), str(folder / "orders"))
        loads = [os.getloadavg()[0]]
        for turn in range(plan.rounds):
            for case in cases if turn % 2 == 0 else cases[::-1]:
                figures = runner.run(exchange, case, plan.seconds)
                rounds[case].append(figures)
                reached = f", readers p50 {figures['reach']['p50_ns']:,} ns" if case.readers else ""
                acknowledged = f"acknowledged p50 {figures['acknowledgement']['p50_ns']:,} ns"
                progress(f"  {case.rate_per_s:,}/s, {case.kind} {case.readers}: {acknowledged}{reached}")
                loads.append(os.getloadavg()[0])
    return {
        "publish_interval_ms": PUBLISH_INTERVAL_MS,
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "resting": plan.resting,
        "load_averages": loads,
        "cases": [
            {"kind": case.kind, "readers": case.readers, "rate_per_s": case.rate_per_s, "rounds": some}
            for case, some in rounds.items()
        ],
        "took_s": round(time.time() - started, 1),
    }
