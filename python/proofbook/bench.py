"""The benchmarks: result hash first, then time.

``quick`` checks and times the books on every scenario in one process. ``full`` gives every measurement a process of
its own, interleaves the contenders (A B C A B C ...), takes peers along and writes a JSON file, a report and plots.
What is measured is written in Rust (``crates/bench``); this module runs it, and puts the results beside each other.

A peer is a folder with a program ``run`` that takes a workload file and prints one JSON object; ``bench/peers`` in the
source tree has several.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from proofbook import _core
from proofbook.engines import ENGINES, checked
from proofbook.errors import BrokenInvariantError, InputError
from proofbook.types import Engine

SCENARIOS = ("static", "normal", "swing-25", "swing-40", "flash-crash")
BOOKS: tuple[Engine, ...] = ("reference", "ladder")
"""The books that are compared unless others are named: what the ladder is measured against comes first."""

LATENCY_SCENARIO = "normal"
"""The scenario whose latencies are measured."""

DEFAULT_SEED = 2
QUICK_NEW_ORDERS = 250_000
QUICK_RUNS = 3
PASS_LIMIT_S = 5
"""A pass through a workload stops after this long; how far it came is reported."""

AGREEMENT_NEW_ORDERS = 20_000
"""New orders of the workloads on which trades are compared before anything is timed."""

Result = dict[str, Any]
"""A JSON object."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the full benchmark does.

    Attributes:
        seed: Realisation of the workloads.
        new_orders: New orders in each workload; there are about twice as many messages.
        runs: Measurements of each contender on each workload.
        rate_per_s: Messages per second of the open loop.
        peers: Folders of peers.
        books: The books; the reference book is always among them, since the others are compared with it.
    """

    seed: int = DEFAULT_SEED
    new_orders: int = 1_000_000
    runs: int = 5
    rate_per_s: int = 1_000_000
    peers: tuple[Path, ...] = ()
    books: tuple[Engine, ...] = BOOKS


def native(*arguments: object) -> Result:
    """Runs one command of the native benchmarks in this process.

    Args:
        arguments: Its words, as ``proofbook-bench`` takes them.

    Raises:
        InputError: The words make no command, or a file cannot be used.
    """
    result: Result = json.loads(_core.bench_command([str(argument) for argument in arguments]))
    return result


def quick(
    seed: int = DEFAULT_SEED,
    new_orders: int = QUICK_NEW_ORDERS,
    runs: int = QUICK_RUNS,
    books: Sequence[Engine] = BOOKS,
) -> Result:
    """Checks that books agree on every scenario and times them, in this process.

    Args:
        seed: Realisation of the workloads.
        new_orders: New orders in each workload.
        runs: Timed runs of each book on each workload, interleaved.
        books: Which books; the reference book is always among them.

    Returns:
        ``hash_ok`` tells whether every event was the same; ``books`` has for each book ``commands_per_s`` (the median
        on the normal scenario), ``worst_commands_per_s`` (the lowest median of all scenarios) and more.
    """
    return {"machine_name": machine_name()} | native("quick", seed, new_orders, runs, *books)


def machine_name() -> Result:
    """The processor, the number of cores, and the operating system."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": model, "cores": cores, "system": platform.platform(), "python": platform.python_version()}


def _run(command: Sequence[str]) -> Result:
    """Runs a contender's program and reads the object that it prints last."""
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise InputError(f"{' '.join(command)} failed ({finished.returncode}): {finished.stderr.strip()[-2000:]}")
    result: Result = json.loads(finished.stdout.strip().splitlines()[-1])
    return result


def _commands(plan: Plan) -> dict[str, list[str]]:
    """The program of every contender, without the workload's file."""
    worker = [sys.executable, "-m", "proofbook.bench"]
    commands: dict[str, list[str]] = {book: [*worker, "measure", book] for book in plan.books}
    for peer in plan.peers:
        program = peer / "run"
        if not program.is_file():
            raise InputError(f"{peer} is no peer: it has no program 'run'")
        commands[peer.name] = [str(program.resolve())]
    return commands


def full(plan: Plan, progress: Callable[[str], None] = lambda _line: None) -> Result:
    """Runs the full benchmark.

    Args:
        plan: What to do.
        progress: Takes a line of text now and then.

    Returns:
        Everything measured; ``books`` as in :func:`quick`, ``hash_ok`` always true.

    Raises:
        BrokenInvariantError: The books do not agree, so that there is nothing to time.
        InputError: A peer is not there or fails.
    """
    commands = _commands(plan)
    runs: dict[str, dict[str, list[Result]]] = {name: {} for name in commands}
    started = time.time()
    with tempfile.TemporaryDirectory(prefix="proofbook-bench-") as folder:
        files = {scenario: Path(folder) / f"{scenario}.bin" for scenario in SCENARIOS}
        digests: dict[str, dict[str, Result]] = {}
        for scenario, file in files.items():
            progress(f"{scenario}: generating, hashing every event of every book")
            native("generate", scenario, plan.seed, plan.new_orders, file)
            digests[scenario] = {book: native("digest", book, file) for book in plan.books}
            if any(digest != digests[scenario]["reference"] for digest in digests[scenario].values()):
                raise BrokenInvariantError(f"{scenario}, seed {plan.seed}: the books differ: {digests[scenario]}")
        agreements = _agreements(plan, commands, Path(folder) / "agreement.bin", progress)
        machines = [native("machine")]
        for run in range(plan.runs):
            for scenario, file in files.items():
                for name, command in commands.items():
                    progress(f"run {run + 1} of {plan.runs}: {scenario}: {name}")
                    runs[name].setdefault(scenario, []).append(_run([*command, str(file), *_options(plan, scenario)]))
            machines.append(native("machine"))
    contenders = {name: _contender(by_scenario, digests, agreements[name]) for name, by_scenario in runs.items()}
    return {
        "hash_ok": True,
        "books": {book: contenders[book] for book in plan.books},
        "peers": {name: contender for name, contender in contenders.items() if name not in plan.books},
        "ratios": _ratios(runs),
        "workloads": {scenario: books["reference"] for scenario, books in digests.items()},
        "plan": {
            "seed": plan.seed,
            "new_orders": plan.new_orders,
            "runs": plan.runs,
            "rate_per_s": plan.rate_per_s,
            "pass_limit_s": PASS_LIMIT_S,
        },
        "machine_name": machine_name(),
        "machine": machines,
        "took_s": round(time.time() - started, 1),
    }


def _agreements(
    plan: Plan, commands: Mapping[str, list[str]], file: Path, progress: Callable[[str], None]
) -> dict[str, dict[str, bool]]:
    """Whether each contender makes the reference's trades, on workloads that the slowest of them finishes."""
    agreements: dict[str, dict[str, bool]] = {name: {} for name in commands}
    for scenario in SCENARIOS:
        native("generate", scenario, plan.seed, min(plan.new_orders, AGREEMENT_NEW_ORDERS), file)
        expected = native("digest", "reference", file)["trade_hash"]
        for name, command in commands.items():
            progress(f"{scenario}: comparing the trades of {name}")
            agreements[name][scenario] = _run([*command, str(file)])["trade_hash"] == expected
    return agreements


def _options(plan: Plan, scenario: str) -> list[str]:
    options = ["--limit-s", str(PASS_LIMIT_S)]
    if scenario == LATENCY_SCENARIO:
        options += ["--latency", "--rate", str(plan.rate_per_s)]
    return options


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def _contender(
    by_scenario: Mapping[str, list[Result]],
    digests: Mapping[str, Mapping[str, Result]],
    agreement: Mapping[str, bool],
) -> Result:
    """The results of one contender, put together over its runs."""
    rates = {scenario: spread([run["commands_per_s"] for run in runs]) for scenario, runs in by_scenario.items()}
    worst = min(rates, key=lambda scenario: rates[scenario]["median"])
    scenarios: dict[str, Result] = {}
    for scenario, runs in by_scenario.items():
        expected = digests[scenario]["reference"]
        is_complete = all(run["is_complete"] for run in runs)
        scenarios[scenario] = rates[scenario] | {
            "messages": [run["messages"] for run in runs],
            "is_complete": is_complete,
            "waited_share": [run["waited_share"] for run in runs],
            "trades": runs[0]["trades"],
            "volume": runs[0]["volume"],
            # A run that was cut short made the first of the trades only: then the smaller workload alone decides.
            "same_trades": agreement[scenario]
            and all(run["trade_hash"] == expected["trade_hash"] for run in runs if run["is_complete"]),
        }
    latency_runs = by_scenario[LATENCY_SCENARIO]
    return {
        "commands_per_s": rates[LATENCY_SCENARIO]["median"],
        "worst_commands_per_s": rates[worst]["median"],
        "worst_scenario": worst,
        "differences": latency_runs[0]["differences"],
        "scenarios": scenarios,
        "closed_loop": _merge([run["closed_loop"] for run in latency_runs]),
        "open_loop": {
            "rate_per_s": latency_runs[0]["open_loop"]["rate_per_s"],
            "is_sustained": all(run["open_loop"]["is_sustained"] for run in latency_runs),
            "latency": _merge([run["open_loop"]["latency"] for run in latency_runs]),
        },
        "timer": _merge([{"all": run["timer"]} for run in latency_runs])["all"],
    }


def _merge(runs: Sequence[Result]) -> Result:
    """Median, smallest and largest over the runs of every figure of a set of histograms."""
    merged: Result = {}
    for kind, histogram in runs[0].items():
        merged[kind] = {}
        for figure in histogram:
            values = [run[kind][figure] for run in runs]
            if figure == "curve":
                columns = zip(*values, strict=True)
                merged[kind][figure] = [[column[0][0], statistics.median(ns for _, ns in column)] for column in columns]
            else:
                merged[kind][figure] = spread(values)
    return merged


def _ratios(runs: Mapping[str, Mapping[str, Sequence[Result]]]) -> Result:
    """How many times as fast as each other contender the ladder was: in each run, then the spread over the runs."""
    ratios: Result = {}
    for name, by_scenario in runs.items():
        if name == "ladder":
            continue
        ratios[name] = {
            scenario: spread(
                [
                    ladder["commands_per_s"] / other["commands_per_s"]
                    for ladder, other in zip(runs["ladder"][scenario], results, strict=True)
                ]
            )
            for scenario, results in by_scenario.items()
        }
    return ratios


def build_peers(folder: Path) -> tuple[tuple[Path, ...], dict[str, str]]:
    """Builds the peers below a folder.

    Returns:
        The folders of those that build, and for each other one why it does not: it may need tools that are not here.

    Raises:
        InputError: There are none.
    """
    built: list[Path] = []
    failed: dict[str, str] = {}
    for build in sorted(folder.glob("*/build")):
        peer = build.parent
        finished = subprocess.run([str(build.resolve())], capture_output=True, text=True, check=False)
        if finished.returncode == 0:
            built.append(peer)
        else:
            failed[peer.name] = finished.stderr.strip()[-2000:] or f"build ended with {finished.returncode}"
    if not built and not failed:
        raise InputError(f"{folder} holds no peers: expected */build and */run in it")
    return tuple(built), failed


def register(app: typer.Typer) -> None:
    """Adds the command ``bench``."""

    @app.command("bench")
    def bench(
        is_quick: Annotated[bool, typer.Option("--quick", help="The books only, in under a minute.")] = False,
        is_batch: Annotated[bool, typer.Option("--batch", help="Python's ways in: tables, and single calls.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
        runs: Annotated[int, typer.Option(min=1, help="Measurements of each contender.")] = 5,
        new_orders: Annotated[int, typer.Option(min=1000, help="New orders in each workload.")] = 1_000_000,
        seed: Annotated[int, typer.Option(min=0, help="Realisation of the workloads.")] = DEFAULT_SEED,
        rate: Annotated[int, typer.Option(min=1, help="Messages per second of the open loop.")] = 1_000_000,
        books: Annotated[
            list[str] | None,
            typer.Option(
                "--book", metavar="NAME", help=f"A book to take along, beside the reference: {', '.join(ENGINES)}."
            ),
        ] = None,
        peers: Annotated[Path | None, typer.Option(help="Folder of peers to build and take along.")] = None,
        out: Annotated[Path, typer.Option(help="Where the full benchmark writes its report.")] = Path("out/bench"),
    ) -> None:
        """Checks that the books agree on five scenarios of order flow, then times them."""
        from proofbook import bench_report, bench_tables

        def say(line: str) -> None:
            typer.echo(line, err=True)

        # The ladder and the reference book are what everything else is set beside.
        chosen = tuple(dict.fromkeys([*BOOKS, *map(checked, books or [])]))
        if is_batch:
            result = bench_tables.measure(seed, progress=say)
            typer.echo(bench_tables.text(result))
        elif is_quick:
            result = quick(seed, books=chosen)
            typer.echo(bench_report.quick_text(result))
        else:
            built, failed = build_peers(peers) if peers else ((), {})
            for name, reason in failed.items():
                say(f"peer {name} is left out, it does not build: {reason}")
            result = full(Plan(seed, new_orders, runs, rate, built, chosen), say) | {"peers_left_out": failed}
            paths = bench_report.write(result, out)
            typer.echo(paths[0].read_text())
            for path in paths:
                typer.echo(f"wrote {path}")
        if as_json:
            typer.echo(json.dumps(result))
        if not result["hash_ok"]:
            say("the results do not agree: no figure above means anything")
            raise typer.Exit(1)


if __name__ == "__main__":
    print(json.dumps(native(*sys.argv[1:])))
