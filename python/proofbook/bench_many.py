"""Many books at once: ``proofbook.gpu`` on one thread and on all, beside the engine in Rust and books as arrays in JAX.

Every point is a workload: some flow for some books. Before anything is timed, the digests of every book's state and
events must be the engine's, and the trades of the books in JAX those of the engine's events. Then all take turns,
round by round, from empty books each time.

Beside the points of the plan: the time of single steps of a thousand books, what the kernels touch of memory for a
command, and what the memory gives. Run as ``python -m proofbook.bench_many``; ``make bench-many`` prepares JAX first.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from proofbook import bench, bench_many_report
from proofbook.bench_exchange import build_peer
from proofbook.bench_many_contenders import (
    Engine,
    Jax,
    Pool,
    Workload,
    copy_bytes_per_s,
    require_equal,
    trade_digests,
)
from proofbook.bench_many_flow import Words
from proofbook.bench_many_plan import QUICK, Plan, Point
from proofbook.bench_many_touched import touched
from proofbook.gpu.backends import missing
from proofbook.gpu.kernels.layout import Capacity

Result = dict[str, Any]
Progress = Callable[[str], None]

NICENESS = -6
"""Where this may be asked for: other programs of the machine disturb less then."""

MEMORY_BYTES_MAX = 12 << 30
AVAILABLE_SHARE_MAX = 0.8
"""Of what the machine has left: beyond, it might be paging that is timed."""

ROUNDS_MIN = 2

COPY_BYTES = 256 << 20
"""Far more than caches hold."""


@dataclass(slots=True)
class Bench:
    """The contenders, and what comes of a plan's points."""

    plan: Plan
    engines: list[Engine]
    pools: list[Pool]
    jax: list[Jax]
    folder: Path
    progress: Progress

    def names(self) -> list[str]:
        """Every contender."""
        contenders: list[Engine | Pool | Jax] = [*self.engines, *self.pools, *self.jax]
        return [one.name for one in contenders]

    def measure(self, point: Point) -> Result:
        """A point's figures: facts of its flow, and for each contender what was timed or why nothing was."""
        limit = memory_limit_bytes()
        if point.needed_bytes > limit:
            why = f"it needs {point.needed_bytes / 2**30:.1f} GiB, and {limit / 2**30:.1f} may be taken"
            self.progress(f"{point.axis} {point.label}: {why}")
            return asdict(point) | {"does_not_fit": why, "contenders": {}}
        self.progress(f"{point.axis} {point.label}: {point.books:,} books, {point.commands:,} commands of each")
        workload = point.workload(self.plan.seed)
        facts = self.check(point, workload)
        figures: dict[str, Result] = {name: {"runs": []} for name in self.names()}
        part = self.load_jax(point, workload, figures)
        self.time(point, workload, part, figures, facts["events_of_a_book_max"])
        return asdict(point) | {"facts": facts, "contenders": figures}

    def check(self, point: Point, workload: Workload) -> Result:
        """Holds every book's state and events against the engine's.

        Raises:
            BrokenInvariantError: They differ.
        """
        run = self.engines[-1].run(workload, "digest")["run"]
        commands = len(workload.words)
        facts = {
            "commands": commands,
            "events_per_command": int(run.events.sum()) / commands,
            "events_of_a_book_max": int(run.events.max()),
            "trades_per_command": int(run.trades.sum()) / commands,
            "live_orders_mean": float(run.live_orders.mean()),
            "book_bytes": Capacity(point.orders, point.levels).bytes,
            "touched": touched(workload, point.resting or workload.steps // 2),
        }
        for pool in self.pools:
            with pool.open(workload, "digest") as books:
                step = pool.run(books, workload)["step"]
                require_equal(f"{pool.name}: digest of the events", run.event_digests, step.event_digests)
                require_equal(f"{pool.name}: digest of the state", run.digests, books.digests())
                facts |= {name: step.total(name) / commands for name in ("rejects", "capacity_rejects")}
        return facts

    def load_jax(self, point: Point, workload: Workload, figures: dict[str, Result]) -> Workload | None:
        """Gives JAX the first commands of each book, as many as it is meant to take, and compares its trades."""
        needed = Jax.needed_bytes(workload)
        why = None if point.with_jax else "it does not take this flow, or not so"
        if point.with_jax and needed > memory_limit_bytes():
            why = f"its arrays need about {needed / 2**30:.1f} GiB"
        if why or not self.jax:
            for one in self.jax:
                figures[one.name]["cannot"] = why
            return None
        part = workload.part(0, Jax.steps_in(workload, self.plan.jax_seconds))
        expected = self.engine_trades(part)
        for one in self.jax:
            loaded = self.start_jax(one, part, expected)
            figures[one.name] |= {"compile_s": loaded["compile_s"], "commands_of_a_book": part.steps}
        return part

    def start_jax(self, one: Jax, part: Workload, expected: tuple[Words, Words], chunk: int | None = None) -> Result:
        """Gives JAX a workload, and compares its trades with what is expected."""
        file, found = self.folder / "commands.npy", self.folder / "found.npy"
        np.save(file, part.words)
        loaded = one.load(file, part, chunk)
        one.run(found)
        digests, trades, _live = np.load(found)
        require_equal(f"{one.name}: digest of the trades", expected[0], digests)
        require_equal(f"{one.name}: trades", expected[1], trades)
        return loaded

    def engine_trades(self, workload: Workload) -> tuple[Words, Words]:
        """The digest of each book's trades, and their number, of events whose own digests are the engine's."""
        run = self.engines[-1].run(workload, "digest")["run"]
        pool = self.pools[-1]
        with pool.open(workload, "all", max(1, int(run.events.max()))) as books:
            step = pool.run(books, workload)["step"]
            require_equal(f"{pool.name}: digest of the events", run.event_digests, step.event_digests)
            return trade_digests(step.events, step.event_counts)

    def time(
        self, point: Point, workload: Workload, part: Workload | None, figures: dict[str, Result], events_max: int
    ) -> None:
        """Times all in turns, each from empty books every time; no book has more events than ``events_max``."""
        turns: list[tuple[str, Workload, Callable[[], Result]]] = []
        capacity = events_max if point.events == "all" else 0
        for engine in self.engines:
            if point.events == "all":
                figures[engine.name]["cannot"] = "it hands events on one by one and keeps none"
            else:
                turns.append((engine.name, workload, partial(engine.run, workload, point.events)))
        for pool in self.pools:
            turns.append((pool.name, workload, partial(pool.run_warm, workload, point.events, capacity)))
        if part is not None:
            turns += [(one.name, part, one.run) for one in self.jax]
        started = time.monotonic()
        for turn in range(self.plan.rounds):
            if turn >= ROUNDS_MIN and time.monotonic() - started > self.plan.point_seconds:
                break
            # Every other round goes backwards, so that a machine that gets busier disturbs all alike.
            for name, taken, run in turns if turn % 2 == 0 else turns[::-1]:
                figures[name]["runs"].append(rates(run(), len(taken.words)))

    def measure_steps(self) -> Result:
        """The time of single steps of books that are filled: a call with a few commands for each of them."""
        plan = self.plan
        point = Point("steps", "", plan.step_books, 16 + plan.step_commands * plan.steps)
        workload = point.workload(plan.seed)
        self.progress(f"steps: {plan.steps:,} of {plan.step_books:,} books, {plan.step_commands} commands of each")
        samples: dict[str, list[int]] = {name: [] for name in self.names()}
        part = workload.part(0, point.resting + plan.step_commands * plan.jax_steps)
        expected = self.engine_trades(part)
        for one in self.jax:
            self.start_jax(one, part, expected, plan.step_commands)
        for _ in range(plan.rounds):
            for pool in self.pools:
                samples[pool.name] += pool.time_steps(workload, point.resting, plan.step_commands)
            for one in self.jax:
                samples[one.name] += one.run()["chunks_ns"][point.resting // plan.step_commands :]
        return {
            "books": plan.step_books,
            "commands_of_a_book": plan.step_commands,
            "contenders": {name: percentiles(times_ns) for name, times_ns in samples.items() if times_ns},
        }


def percentiles(times_ns: Sequence[int]) -> Result:
    """Of samples: none is made up between two of them."""
    found = np.percentile(times_ns, [50, 99, 99.9], method="higher")
    names = ("p50_ns", "p99_ns", "p999_ns")
    return {"samples": len(times_ns), **dict(zip(names, map(int, found), strict=True)), "max_ns": max(times_ns)}


def rates(run: Result, commands: int) -> Result:
    """Commands a second of a run: of what matches, and of the whole call."""
    return {
        "commands_per_s": commands / run["matching_ns"] * 1e9,
        "call_commands_per_s": commands / run["call_ns"] * 1e9,
    }


def memory_limit_bytes() -> int:
    """The most memory that a point may take."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return min(MEMORY_BYTES_MAX, int(AVAILABLE_SHARE_MAX * 1024 * int(line.split()[1])))
    return MEMORY_BYTES_MAX


@contextmanager
def preferred() -> Iterator[int]:
    """More than the usual share of the processors, for what it starts too, where that may be had; the niceness then."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    except PermissionError:
        yield before
    else:
        yield NICENESS
        os.setpriority(os.PRIO_PROCESS, 0, before)


def measure(plan: Plan, jax_folder: Path | None = None, progress: Progress = lambda _line: None) -> Result:
    """Compares what all come to, point by point, and times them in turns.

    Args:
        plan: What.
        jax_folder: The folder of the books in JAX, prepared; none leaves them out.
        progress: Takes a line of text now and then.

    Returns:
        ``points``, ``steps``, ``copy_bytes_per_s`` by number of threads, and what was run where.

    Raises:
        BrokenInvariantError: Somebody came to something else than the engine.
        InputError: The books in JAX do not start.
    """
    started = time.time()
    cores = len(os.sched_getaffinity(0))
    threads = sorted({1, cores})
    no_gpu = missing("gpu")
    copies: dict[str, list[float]] = {str(count): [] for count in threads}
    loads = [os.getloadavg()[0]]
    with ExitStack() as stack:
        niceness = stack.enter_context(preferred())
        jax = [Jax(jax_folder, count) for count in threads] if jax_folder else []
        for one in jax:
            stack.callback(one.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proofbook-bench-many-")))
        pools = [Pool("cpu", count) for count in threads] + ([] if no_gpu else [Pool("gpu", None)])
        runner = Bench(plan, [Engine(count) for count in threads], pools, jax, folder, progress)
        points = []
        for point in plan.points:
            points.append(runner.measure(point))
            for count in threads:
                copies[str(count)] += copy_bytes_per_s(count, COPY_BYTES, plan.copy_rounds)
            loads.append(os.getloadavg()[0])
        steps = runner.measure_steps()
    return {
        "machine_name": bench.machine_name(),
        "niceness": niceness,
        "load_averages": loads,
        "threads": threads,
        "no_gpu": no_gpu,
        "contenders": {
            "engine": [one.name for one in runner.engines],
            "pools": [one.name for one in pools],
            "jax": [one.name for one in jax],
        },
        "plan": {name: value for name, value in asdict(plan).items() if name != "points"},
        "points": points,
        "steps": steps,
        "copy_bytes_per_s": {count: bench.spread(found) for count, found in copies.items()},
        "took_s": round(time.time() - started, 1),
    }


def main(words: Sequence[str]) -> None:
    """Measures, and writes the report."""
    parser = argparse.ArgumentParser(prog="python -m proofbook.bench_many", description=__doc__)
    parser.add_argument("--jax", type=Path, help="the folder of the books in JAX; without it there are none")
    parser.add_argument("--out", type=Path, default=Path("out/bench-many"), help="where the report goes")
    parser.add_argument("--rounds", type=int, help="how often each is timed")
    parser.add_argument("--quick", action="store_true", help="few points, in about a minute and a half")
    options = parser.parse_args(words)
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds: expected 1 or more; received {options.rounds}")
    jax_folder, left_out = build_peer(options.jax) if options.jax else (None, "it was not asked for")
    plan = QUICK if options.quick else Plan()
    if options.rounds:
        plan = replace(plan, rounds=options.rounds)
    result = measure(plan, jax_folder, lambda line: print(line, file=sys.stderr))
    paths = bench_many_report.write(result | {"jax_left_out": left_out}, options.out)
    print(bench_many_report.summary(result))
    for path in paths:
        print(f"wrote {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
