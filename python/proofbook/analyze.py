"""The comparison of all books: by operation, size and flow; pools and reclamation beside their peers.

``measure`` asks the native module (``crates/analysis``) one question after another, so that it can say how far it has
come, and puts the answers together. What they mean is said by ``analyze_findings``, what they look like by
``analyze_report``: both know the figures alone, and other figures give other words.

Instructions and cache misses come from the processor's own counters where the machine lets a program read them, else
from a simulation by valgrind's callgrind where that is installed, else they are left out; the report says which.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from proofbook import _core, bench, console
from proofbook.bench import SCENARIOS
from proofbook.engines import DESCRIPTIONS, ENGINES, checked
from proofbook.errors import InputError
from proofbook.types import Engine

HOSTILE_FLOWS = ("one-price", "own-prices", "far-away", "cancel-storm")
"""Flows that are meant to hurt: one queue, one order for each price, prices far from each other, bursts of cancels."""

DATA_FLOW = "data"
"""What the names of flows begin with that the user's files hold."""

AXES = ("levels", "orders")

SIMULATION_LIMIT_S = 300
"""The simulation of the caches is given up after so long."""

Result = dict[str, Any]
"""A JSON object."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the analysis does.

    Attributes:
        books: Which books; the reference book is what their events are compared with, whether or not it is one of them.
        sizes: Levels, or orders, of the books on which operations are timed.
        samples: Stretches of each operation on each book.
        cell_limit_ms: An operation on a book of one size is given up after this long.
        new_orders: New orders in each flow.
        runs: Timed runs of each book on each flow.
        flow_limit_ms: A pass through a flow stops after this long.
        counted_size: Size of the books on which instructions and misses are counted.
        counted_commands: Commands of a whole flow whose instructions and misses are counted.
        list_keys_max: Keys of the longest ordered list.
        stretches: Stretches of each thread in a round of what threads share.
        rounds: Rounds of that.
        stream_bytes: Bytes of the columns that are summed.
        seed: Where the choices of the flows come from.
        data: Files of order flow of the user's own, each a flow.
        is_simulated: Whether the caches are simulated where the machine does not count.
    """

    books: tuple[Engine, ...] = ENGINES
    sizes: tuple[int, ...] = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
    samples: int = 3000
    cell_limit_ms: int = 2000
    new_orders: int = 1_000_000
    runs: int = 5
    flow_limit_ms: int = 10_000
    counted_size: int = 10_000
    counted_commands: int = 100_000
    list_keys_max: int = 100_000
    stretches: int = 5000
    rounds: int = 5
    stream_bytes: int = 1 << 28
    seed: int = bench.DEFAULT_SEED
    data: tuple[Path, ...] = ()
    is_simulated: bool = True

    def shortened(self) -> Plan:
        """The plan that takes under two minutes."""
        return replace(
            self,
            sizes=(10, 100, 1_000, 10_000),
            samples=1000,
            cell_limit_ms=40,
            new_orders=20_000,
            runs=3,
            flow_limit_ms=500,
            counted_size=1_000,
            counted_commands=4_000,
            list_keys_max=10_000,
            stretches=500,
            rounds=3,
        )

    def tiny(self) -> Plan:
        """The plan that takes seconds: its figures mean nothing, and show that the analysis works."""
        return replace(
            self.shortened(),
            sizes=(10, 300),
            samples=20,
            cell_limit_ms=5,
            new_orders=1_500,
            runs=2,
            counted_size=100,
            counted_commands=500,
            stretches=10,
            rounds=2,
            stream_bytes=1 << 20,
            is_simulated=False,
        )


def native(*arguments: object) -> Result:
    """Asks the native module one question.

    Args:
        arguments: Its words, as ``crates/analysis`` takes them.

    Raises:
        InputError: The words ask nothing, a file is no order flow, or the machine cannot do it.
    """
    answer: Result = json.loads(_core.analysis_command([str(argument) for argument in arguments]))
    return answer


def _list(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))


def measure(plan: Plan, progress: Progress = lambda _line: None) -> Result:
    """Measures everything.

    Args:
        plan: What to do.
        progress: Takes a line of text when a part begins: :func:`steps` times.

    Returns:
        The figures: ``books`` by name, each with ``growth``, ``room``, ``counts``, ``latency`` and ``flows``;
        ``flows``; ``shared`` by group; ``readers``; ``machine``; ``plan``. ``hash_ok`` tells whether every book said
        the same on every flow.

    Raises:
        InputError: The user's files are no order flow.
    """
    started = time.time()
    flows = _flows(plan, progress)
    books: dict[str, Result] = {name: {"description": DESCRIPTIONS[name]} for name in plan.books}
    latencies = _latencies(plan, progress)
    for name, book in books.items():
        progress(f"{name}: operations on growing books")
        limits = (_list(plan.sizes), plan.samples, plan.cell_limit_ms)
        book["growth"] = {axis: native("growth", name, axis, *limits) for axis in AXES}
        book["room"] = native("room", name, _list(plan.sizes))
        book["latency"] = latencies[name]
        book["flows"] = {flow: answer["books"][name] for flow, answer in flows.items()}
    counts = _counts(plan, progress)
    for name, book in books.items():
        book["counts"] = counts["books"].get(name)
    threads = contending(_cores())
    shared = {}
    for group in _groups(plan):
        progress(f"shared between threads: {group}")
        shared[group] = native("shared", group, _list(threads), plan.stretches, plan.rounds)
    progress("what a reader costs a writer")
    readers = native("readers", plan.seed, plan.new_orders, plan.rounds)
    progress("sums over long columns, and the machine itself")
    return {
        "hash_ok": all(flow["hash_ok"] for flow in flows.values()),
        "books": books,
        "flows": {name: {key: value for key, value in flow.items() if key != "books"} for name, flow in flows.items()},
        "counts": {"source": counts["source"], "reasons": counts["reasons"]},
        "shared": shared,
        "threads": threads,
        "cores": _cores(),
        "readers": readers,
        "streaming": native("streaming", plan.stream_bytes, 5),
        "machine": native("machine"),
        "machine_name": bench.machine_name(),
        "plan": {
            **{field: getattr(plan, field) for field in plan.__slots__ if field != "data"},
            "data": [str(path) for path in plan.data],
        },
        "took_s": round(time.time() - started, 1),
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def contending(cores: int) -> list[int]:
    """Numbers of threads that contend: one, as many as there are cores, doublings between them and one beyond them."""
    powers = (2**power for power in range(1, 8))
    return sorted({1, *(power for power in powers if power < cores), cores, 2 * cores})


def _groups(plan: Plan) -> list[str]:
    """What is shared between threads, as far as the plan goes."""
    groups = native("groups")["groups"]
    return [name for name, group in groups.items() if (group["keys"] or 0) <= plan.list_keys_max]


def steps(plan: Plan) -> int:
    """How often :func:`measure` says what it is at."""
    flows = len(SCENARIOS) + len(HOSTILE_FLOWS) + len(plan.data)
    # Latencies and growth of each book; counts, readers, and the machine.
    return flows + 2 * len(plan.books) + len(_groups(plan)) + 3


def _flows(plan: Plan, progress: Progress) -> dict[str, Result]:
    """Every flow, its events compared before it is timed."""
    flows = {}
    timing = (plan.runs, plan.flow_limit_ms, *plan.books)
    # The user's first: a file that cannot be read is told at once.
    for name, path in zip(data_flows(plan.data), plan.data, strict=True):
        progress(f"flow {name}: events compared, then timed")
        flows[name] = native("data", *timing, "--", path)
    for name in (*SCENARIOS, *HOSTILE_FLOWS):
        progress(f"flow {name}: events compared, then timed")
        flows[name] = native("flow", name, plan.seed, plan.new_orders, *timing)
    return flows


def data_flows(paths: Sequence[Path]) -> list[str]:
    """What the flows of the user's files are called: ``data:`` and the file's name, numbered where files share it."""
    names = [f"{DATA_FLOW}:{path.name}" for path in paths]
    return [
        f"{name}#{names[:place].count(name) + 1}" if names.count(name) > 1 else name for place, name in enumerate(names)
    ]


def _latencies(plan: Plan, progress: Progress) -> dict[str, Result]:
    """Latencies of the normal scenario, one command after another, for each book."""
    latencies: dict[str, Result] = {}
    limit_s = max(plan.flow_limit_ms // 1000, 1)
    with tempfile.TemporaryDirectory(prefix="proofbook-analyze-") as folder:
        file = Path(folder) / "flow"
        bench.native("generate", bench.LATENCY_SCENARIO, plan.seed, plan.new_orders, file)
        for name in plan.books:
            progress(f"{name}: latencies of orders")
            found = bench.native("measure", name, file, "--latency", "--limit-s", limit_s)
            curveless = {key: value for key, value in found["closed_loop"]["all"].items() if key != "curve"}
            latencies[name] = {"closed_loop": curveless, "timer": found["timer"]}
    return latencies


def _counts(plan: Plan, progress: Progress) -> Result:
    """Instructions and misses of every book, wherever they can be had."""
    progress("instructions and cache misses")
    samples = max(plan.samples // 100, 2)
    hardware = {
        name: native("counters", name, plan.counted_size, samples, plan.counted_commands) for name in plan.books
    }
    errors = {answer["error"] for answer in hardware.values() if "error" in answer}
    if not errors:
        return {"source": "hardware", "reasons": [], "books": hardware}
    simulated = _simulate(plan, samples) if plan.is_simulated else "this plan simulates nothing"
    if isinstance(simulated, str):
        return {"source": "none", "reasons": [*sorted(errors), simulated], "books": {}}
    return {"source": "simulation", "reasons": sorted(errors), "books": simulated}


def _simulate(plan: Plan, samples: int) -> dict[str, Result] | str:
    """The same under callgrind, or why not."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return "the caches cannot be simulated here: valgrind is not installed"
    with tempfile.TemporaryDirectory(prefix="proofbook-analyze-") as folder:
        command = [
            valgrind,
            "--tool=callgrind",
            "--instr-atstart=no",
            "--collect-atstart=no",
            "--cache-sim=yes",
            # Level 1: 48 KiB in 12 ways; level 2: 1 MiB in 16 ways. There is no prefetcher.
            "--D1=49152,12,64",
            "--LL=1048576,16,64",
            f"--callgrind-out-file={folder}/out",
            sys.executable,
            "-m",
            "proofbook.analyze",
            *("simulate", str(plan.counted_size), str(samples), str(plan.counted_commands), *plan.books),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SIMULATION_LIMIT_S)
        except subprocess.TimeoutExpired:
            return f"the simulation of the caches took more than {SIMULATION_LIMIT_S} s"
        if done.returncode != 0:
            return f"the simulation of the caches failed ({done.returncode}): {done.stderr.strip()[-500:]}"
        operations: Result = json.loads(done.stdout.splitlines()[-1])
        texts = [path.read_text() for path in sorted(Path(folder).iterdir())]
    return simulated_counts(operations, texts)


def simulated_counts(operations: Result, texts: Sequence[str]) -> dict[str, Result]:
    """What callgrind counted, for one operation.

    Args:
        operations: For each book the number of operations behind each mark, ``BOOK AXIS SIZE OPERATION``.
        texts: Callgrind's files, one for each mark.

    Returns:
        For each book and axis the counts of each operation, and under ``flow`` those of whole commands.
    """
    totals: dict[str, dict[str, int]] = {}
    for text in texts:
        fields = dict(line.partition(": ")[::2] for line in text.splitlines() if ": " in line and line[0].islower())
        trigger = text.partition("desc: Trigger: Client Request: ")[2].splitlines()
        if trigger and "events" in fields and "totals" in fields:
            numbers = [int(number) for number in fields["totals"].split()]
            totals[trigger[0].strip()] = dict(zip(fields["events"].split(), numbers, strict=False))
    books: dict[str, Result] = {}
    for name, marks in operations.items():
        book = books.setdefault(name, {})
        for mark, count in marks.items():
            if mark not in totals:
                continue
            _, axis, _, operation = mark.split()
            # What is 0 to the end is left out of callgrind's lines.
            seen = {
                event: totals[mark].get(event, 0) / count
                for event in ("Ir", "Dr", "Dw", "D1mr", "D1mw", "DLmr", "DLmw")
            }
            book.setdefault(axis, {})[operation] = {
                "instructions": seen["Ir"],
                "accesses": seen["Dr"] + seen["Dw"],
                "level_1_misses": seen["D1mr"] + seen["D1mw"],
                "memory_misses": seen["DLmr"] + seen["DLmw"],
            }
    return books


def register(app: typer.Typer) -> None:
    """Adds the command ``analyze``."""

    @app.command("analyze")
    def analyze(
        is_quick: Annotated[
            bool, typer.Option("--quick", help="Smaller books and flows, in under two minutes.")
        ] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
        out: Annotated[Path, typer.Option(help="The folder for the report and its figures.")] = Path("out/analysis"),
        data: Annotated[
            list[Path] | None,
            typer.Option("--data", help="A file of real order flow, a flow of its own; may come again."),
        ] = None,
        books: Annotated[
            list[str] | None, typer.Option("--book", metavar="NAME", help=f"Only this book: {', '.join(ENGINES)}.")
        ] = None,
        seed: Annotated[
            int, typer.Option(min=0, help="Where the choices of the flows come from.")
        ] = bench.DEFAULT_SEED,
        is_tiny: Annotated[bool, typer.Option("--tiny", hidden=True)] = False,
    ) -> None:
        """Compare every book by operation, size and flow, pools and reclamation with their peers: a report in HTML."""
        from proofbook import analyze_findings, analyze_report

        for path in data or []:
            if not path.is_file():
                raise InputError(f"{path}: expected a file of order flow")
        plan = Plan(seed=seed, data=tuple(data or ()))
        if books:
            plan = replace(plan, books=tuple(dict.fromkeys(map(checked, books))))
        plan = plan.tiny() if is_tiny else plan.shortened() if is_quick else plan
        with console.steps_shown("analyze", steps(plan)) as shown:
            result = measure(plan, shown)
        result["findings"] = analyze_findings.findings(result)
        paths = analyze_report.write(result, out)
        typer.echo(analyze_report.summary(result))
        for path in paths:
            typer.echo(f"wrote {path}")
        if as_json:
            typer.echo(json.dumps(result))
        if not result["hash_ok"]:
            typer.echo("books do not agree: no figure of theirs means anything", err=True)
            raise typer.Exit(1)


if __name__ == "__main__":
    print(json.dumps(native(*sys.argv[1:])))
