"""The exchange behind FIX, from order to acknowledgement over loopback, beside QuickFIX/J before the same book.

One load generator (``crates/gateway/examples/order_load``) sends the same requests to each server, checks every report,
and times them: at fixed rates (an open loop, timed from when a request was due), one at a time, and with many out.
Servers take turns, round by round, each time as new processes with a book that is filled first. Before anything is
timed, all of them must have told the same: ClOrdID, ExecType, OrdStatus and quantities of all reports, as one hash;
open loops, which have as many requests for each server, are compared as well.

Run as ``python -m proofbook.bench_exchange``; ``make bench-exchange`` builds what it needs. Market data that is told to
many (``bench_fanout``) has a key of its own in the result and a section in the report.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from proofbook import bench, bench_exchange_report, bench_fanout
from proofbook.bench import Result
from proofbook.bench_load import (
    NICENESS,
    Programs,
    Progress,
    Step,
    first_request,
    preference,
    processor_seconds,
    run_load,
    started,
)
from proofbook.errors import BrokenInvariantError


@dataclass(frozen=True, slots=True)
class Server:
    """One server with its settings.

    Attributes:
        name: As reports name it.
        is_durable: Whether it syncs files before it answers.
        is_awake: Whether it looks for the next request without sleeping, for 200 µs (`busy_poll`).
        peer_options: Acceptor and store, where it is the peer.
    """

    name: str
    is_durable: bool
    is_awake: bool = False
    peer_options: tuple[str, str] | None = None

    def command(self, programs: Programs, folder: Path, port: int) -> list[str]:
        """The program with its arguments."""
        if self.peer_options is None:
            options = ["uncopied", *([] if self.is_durable else ["none"]), *(["awake"] if self.is_awake else [])]
            return [str(programs.serve), str(folder), str(port), *options]
        assert programs.peer is not None
        return [str(programs.peer / "run"), str(programs.library), str(port), str(folder), *self.peer_options]


SERVERS = (
    Server("proofbook", is_durable=False),
    Server("proofbook, awake", is_durable=False, is_awake=True),
    Server("QuickFIX/J, one thread", is_durable=False, peer_options=("one", "memory")),
    Server("QuickFIX/J, thread per session", is_durable=False, peer_options=("each", "memory")),
    Server("proofbook, group commit", is_durable=True),
    Server("QuickFIX/J, one thread, synced", is_durable=True, peer_options=("one", "synced")),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        rounds: How often each server is started and measured.
        rates_per_s: Requests a second of the open loops, rising. A server is not asked at rates beyond what it
            sustained just before: that would time a queue which grows as long as the run.
        seconds: How long each run takes.
        warm_up_seconds: How long requests come before the clock starts: a virtual machine compiles what runs often.
        resting: Orders that rest in the book meanwhile.
        checked: Requests, one at a time, whose reports are compared before anything is timed.
        out: Requests that each client has out, where there are many.
        servers: Which servers.
    """

    rounds: int = 5
    rates_per_s: tuple[int, ...] = (1_000, 10_000, 50_000)
    seconds: float = 4
    warm_up_seconds: float = 6
    resting: int = 500
    checked: int = 500
    out: int = 256
    servers: tuple[Server, ...] = SERVERS

    def preparation(self) -> list[Step]:
        """What comes before anything is timed."""
        return [Step("fill", ("fill", str(self.resting))), Step("check", ("check", str(self.checked)))]

    def steps(self) -> list[Step]:
        """The runs by which a server is measured."""
        out, seconds = str(self.out), str(self.seconds)
        return [
            Step("fill", ("fill", str(self.resting))),
            Step("warm-up", ("pipelined", "1", "64", str(self.warm_up_seconds))),
            Step("closed", ("pipelined", "1", "1", seconds), is_timed=True),
            Step("pipelined-1", ("pipelined", "1", out, seconds), is_timed=True),
            Step("pipelined-2", ("pipelined", "2", out, seconds), is_timed=True),
            *(Step(f"open-{rate}", ("open", str(rate), seconds), True, rate) for rate in self.rates_per_s),
        ]


QUICK = Plan(
    rounds=1,
    rates_per_s=(1_000, 10_000),
    seconds=1,
    warm_up_seconds=2,
    servers=tuple(server for server in SERVERS if server.peer_options in (None, ("one", "memory"))),
)


@dataclass(slots=True)
class Bench:
    """Runs servers and load, and holds what they told against each other."""

    programs: Programs
    folder: Path
    prefix: list[str] = field(default_factory=list)
    told: dict[tuple[str, ...], tuple[str, list[str]]] = field(default_factory=dict)

    @contextmanager
    def serve(self, server: Server) -> Iterator[tuple[str, int]]:
        """A server that has just begun; its address, and the process."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [*self.prefix, *server.command(self.programs, self.folder, port)]
        with started(command, self.folder, server.name) as (address, process):
            yield address, process
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, server: Server, address: str, number: int, step: Step) -> Result:
        """One run of the load generator."""
        command = [*self.prefix, str(self.programs.load)]
        result = run_load(command, address, number, step, server.name)
        asked = (str(first_request(number)), *step.words, str(result["requests"]))
        self.compare(server, asked, result["hashes"])
        return result

    def compare(self, server: Server, asked: tuple[str, ...], hashes: list[str]) -> None:
        """Whoever was asked the same must have told the same."""
        teller, told = self.told.setdefault(asked, (server.name, hashes))
        if told != hashes:
            raise BrokenInvariantError(
                f"{' '.join(asked)}: expected {told}, the reports of {teller}, received {hashes} of {server.name}"
            )

    def run_all(self, server: Server, steps: Sequence[Step], progress: Progress) -> dict[str, Result]:
        """Starts a server, runs the steps in order, and gives the figures of those that are timed."""
        figures: dict[str, Result] = {}
        sustained_per_s = 0.0
        with self.serve(server) as (address, process):
            for number, step in enumerate(steps):
                if step.rate_per_s > sustained_per_s:
                    continue
                before_s = processor_seconds(process)
                result = self.run(server, address, number, step)
                if not step.is_timed:
                    continue
                used_us = (processor_seconds(process) - before_s) * 1e6
                result["processor_us_per_request"] = used_us / result["requests"]
                figures[step.name] = result
                rate, p50_ns = result["requests_per_s"], result["latency"]["p50_ns"]
                progress(f"  {step.name}: {rate:,.0f} requests/s, p50 {p50_ns:,} ns")
                if step.name.startswith("pipelined"):
                    sustained_per_s = max(sustained_per_s, rate)
        return figures


def measure(plan: Plan, programs: Programs, folder: Path, progress: Progress = lambda _line: None) -> Result:
    """Compares what the servers tell, then measures them in turns.

    Args:
        plan: What.
        programs: With what.
        folder: Where servers keep their files; it is emptied.
        progress: Takes a line of text now and then.

    Returns:
        ``orders`` has for each server its runs, round by round, by step; what was run, where, and how busy it was.

    Raises:
        BrokenInvariantError: A server did not tell what it should, or not the same as another.
        InputError: A server does not start.
    """
    servers = [server for server in plan.servers if server.peer_options is None or programs.peer is not None]
    runner = Bench(programs, folder, preference())
    started = time.time()
    for server in servers:
        progress(f"{server.name}: comparing what it tells")
        runner.run_all(server, plan.preparation(), progress)
    rounds: dict[str, list[dict[str, Result]]] = {server.name: [] for server in servers}
    loads = [os.getloadavg()[0]]
    for turn in range(plan.rounds):
        # Every other round goes backwards, so that a machine that gets busier disturbs all alike.
        for server in servers if turn % 2 == 0 else servers[::-1]:
            progress(f"round {turn + 1} of {plan.rounds}: {server.name}")
            rounds[server.name].append(runner.run_all(server, plan.steps(), progress))
            loads.append(os.getloadavg()[0])
    return {
        "machine_name": bench.machine_name(),
        "niceness": NICENESS if runner.prefix else 0,
        "load_averages": loads,
        "plan": {
            name: getattr(plan, name)
            for name in (
                "rounds",
                "rates_per_s",
                "seconds",
                "warm_up_seconds",
                "resting",
                "checked",
                "out",
            )
        },
        "servers": [{"name": server.name, "is_durable": server.is_durable} for server in servers],
        "orders": rounds,
        "took_s": round(time.time() - started, 1),
    }


def build_peer(folder: Path) -> tuple[Path | None, str | None]:
    """Builds the peer; its folder, or why there is none."""
    built = subprocess.run([str(folder.resolve() / "build")], check=False, capture_output=True, text=True)
    if built.returncode != 0:
        return None, built.stderr.strip()[-2000:] or f"build ended with {built.returncode}"
    return folder.resolve(), None


def main(words: Sequence[str]) -> None:
    """Measures, and writes the report."""
    parser = argparse.ArgumentParser(prog="python -m proofbook.bench_exchange", description=__doc__)
    parser.add_argument("--programs", type=Path, required=True, help="the folder of what cargo built, such as release")
    parser.add_argument("--peer", type=Path, help="the folder of the peer's sources; without it there is none")
    parser.add_argument("--out", type=Path, default=Path("out/bench-exchange"), help="where the report goes")
    parser.add_argument("--rounds", type=int, default=Plan().rounds, help="how often each server is measured")
    parser.add_argument("--quick", action="store_true", help="one short round, in under two minutes")
    options = parser.parse_args(words)
    peer, left_out = build_peer(options.peer) if options.peer else (None, "it was not asked for")
    programs = Programs(
        serve=options.programs / "serve",
        load=options.programs / "examples" / "order_load",
        readers=options.programs / "examples" / "feed_readers",
        peer=peer,
        library=(options.programs / "libproofbook.so").resolve(),
    )
    plan = QUICK if options.quick else Plan(rounds=options.rounds)
    fanout_plan = bench_fanout.QUICK if options.quick else bench_fanout.Plan()
    files = options.out / "files"

    def progress(line: str) -> None:
        print(line, file=sys.stderr)

    result = measure(plan, programs, files, progress)
    told = bench_fanout.measure(fanout_plan, programs, files, progress)
    paths = bench_exchange_report.write(result | {"peer_left_out": left_out, "fanout": told}, options.out)
    print(paths[0].read_text())
    for path in paths:
        print(f"wrote {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
