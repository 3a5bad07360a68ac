"""``proofbook many``: thousands of independent books at once, held against the engine.

Everything behind it is in ``proofbook.gpu``, which is imported only when the command runs: the other commands need none
of it.
"""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proofbook import console
from proofbook.console import EXIT_CHECK_FAILED
from proofbook.errors import DeviceError, InputError

if TYPE_CHECKING:
    from proofbook.gpu import Books
    from proofbook.gpu.commands import Batch
    from proofbook.gpu.running import Comparison

EVENTS_OF_A_COMMAND_MAX = 4
"""Over a book's whole life: two of its own, and for each order that entered one that it left and one part of it that
traded."""


class Device(StrEnum):
    """Where the books are."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"
    SIM = "sim"


class Events(StrEnum):
    """What is kept of events."""

    NONE = "none"
    DIGEST = "digest"
    ALL = "all"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(many)


def many(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Market data, a book for each symbol; without any, generated flow."),
    ] = None,
    books: Annotated[int, typer.Option(min=1, help="How many books get generated flow.")] = 1_000,
    commands: Annotated[int, typer.Option(min=1, help="Generated commands of each book.")] = 1_000,
    scenario: Annotated[
        str, typer.Option(help="static, normal, swing-25, swing-40, flash-crash, or mixed: all kinds of commands.")
    ] = "mixed",
    seed: Annotated[int, typer.Option(min=0, help="Where all choices of generated flow come from.")] = 1,
    symbol: Annotated[list[str] | None, typer.Option(help="One instrument of the files; may be named again.")] = None,
    stretches: Annotated[int, typer.Option(min=1, help="Cut each symbol's flow into so many books.")] = 1,
    device: Annotated[
        Device, typer.Option(help="auto: a GPU where there is one, else the CPU; sim: CUDA's simulator.")
    ] = (Device.AUTO),
    threads: Annotated[int | None, typer.Option(min=1, help="Workers of the CPU; else one for each processor.")] = None,
    events: Annotated[Events, typer.Option(help="What is kept of events.")] = Events.DIGEST,
    orders: Annotated[int, typer.Option(min=1, help="The most live orders of a book.")] = 256,
    levels: Annotated[
        int | None, typer.Option(min=1, help="The most price levels of a side; else as many as orders, up to 256.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare every book with the engine; fail if one differs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
) -> None:
    """Run order flow through many books at once, and compare each one's state and events with the engine's."""
    if files:
        _refuse_generated(context)
    gpu = _package()
    start = time.perf_counter_ns()
    batch, source = _flow(files or [], books, commands, scenario, seed, symbol or [], stretches, threads)
    flow_s = (time.perf_counter_ns() - start) / 1e9
    capacity = _event_capacity(batch) if events is Events.ALL else 0
    with gpu.Books(
        batch.books,
        orders=orders,
        levels=levels,
        device=device.value,
        events=events.value,
        event_capacity=capacity,
        threads=threads,
    ) as pool:
        report = {**source, "flow_s": flow_s, **_run(pool, batch, check, threads)}
    if as_json:
        console.print_json(report)
    else:
        print_report(report)
    if report["digests_equal"] is False:
        console.err.print(f"failed: {_difference(report)}", markup=False, soft_wrap=True)
        raise typer.Exit(EXIT_CHECK_FAILED)


def _refuse_generated(context: typer.Context) -> None:
    """Refuse what says how flow is generated, where it is read from files."""
    sources = {name: context.get_parameter_source(name) for name in ("books", "commands", "scenario", "seed")}
    given = [f"--{name}" for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if given:
        raise InputError(f"{', '.join(given)}: expected without files, since flow is generated then; received files")


def _event_capacity(batch: Batch) -> int:
    """Room for all events of each book."""
    from proofbook.gpu.books import EVENT_CAPACITY_MAX

    most = EVENT_CAPACITY_MAX // EVENTS_OF_A_COMMAND_MAX
    if batch.longest > most:
        raise InputError(f"--events all: expected at most {most:,} commands of a book; received {batch.longest:,}")
    return max(EVENTS_OF_A_COMMAND_MAX * batch.longest, 1)


def _package() -> Any:
    """The package of many books.

    Raises:
        DeviceError: what it needs is not installed.
    """
    try:
        import proofbook.gpu
    except ImportError as error:
        raise DeviceError(str(error)) from None
    return proofbook.gpu


def _flow(
    files: list[Path],
    books: int,
    commands: int,
    scenario: str,
    seed: int,
    symbols: list[str],
    stretches: int,
    threads: int | None,
) -> tuple[Batch, dict[str, Any]]:
    from proofbook.gpu import flow

    if not files:
        if symbols or stretches > 1:
            raise InputError("--symbol and --stretches: expected with files; received none")
        batch = flow.generated(scenario, books=books, commands=commands, seed=seed, threads=threads)
        return batch, {"source": "generated", "scenario": scenario, "seed": seed, "books": batch.books}
    with console.progress_bar("reading") as bar:
        found = flow.replayed(files, symbols=symbols, stretches=stretches, progress=bar.update)
    names = [f"{each.symbol}/{each.stretch}" if stretches > 1 else each.symbol for each in found.sources]
    return found.batch, {
        "source": "replayed",
        "files": [str(file) for file in files],
        "symbols": names,
        "books": found.batch.books,
    }


def _run(pool: Books, batch: Batch, is_checked: bool, threads: int | None) -> dict[str, Any]:
    from proofbook.gpu import running

    with console.progress_bar("matching") as bar:
        totals = running.run(pool, batch, progress=lambda done, total: bar.update(done, total, f"{done:,} commands"))
    report: dict[str, Any] = {
        "device": pool.device,
        "device_description": pool.backend.description,
        "orders": pool.capacity.orders,
        "levels": pool.capacity.levels,
        "events_kept": pool.keep,
        "commands": totals.commands,
        "events": totals.emitted,
        "trades": totals.trades,
        "traded_quantity": totals.traded_quantity,
        "rejects": totals.rejects,
        "capacity_rejects": totals.capacity_rejects,
        "events_lost": totals.events_lost,
        "elapsed_s": totals.elapsed_ns / 1e9,
        "commands_per_s": totals.commands_per_s,
        "digests_equal": None,
    }
    if is_checked:
        with console.progress_bar("comparing with the engine"):
            report |= _compared(running.compare(pool, batch, threads=threads), totals.commands)
    return report


def _compared(comparison: Comparison, commands: int) -> dict[str, Any]:
    return {
        "digests_equal": comparison.is_equal,
        "states_that_differ": comparison.states_differ,
        "events_that_differ": comparison.events_differ,
        "first_difference": comparison.first,
        "engine_thread_s": comparison.engine_ns / 1e9,
        "engine_commands_per_thread_s": commands / (comparison.engine_ns / 1e9) if comparison.engine_ns else 0.0,
    }


def _difference(report: dict[str, Any]) -> str:
    text = f"book {report['first_difference']} is the first that differs from the engine's: "
    text += f"{report['states_that_differ']:,} of {report['books']:,} books ended in another state"
    if report["events_that_differ"] is not None:
        text += f", {report['events_that_differ']:,} had other events"
    if report["levels"] < report["orders"] and report["capacity_rejects"]:
        text += f"; {report['capacity_rejects']:,} rejects were for want of room, which an engine's book has (--levels)"
    return text


def print_report(report: dict[str, Any]) -> None:
    """Print what a run did as a table."""
    from rich.table import Table

    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column(justify="right")
    if report["source"] == "generated":
        facts.add_row("flow", f"{report['scenario']}, seed {report['seed']}")
    else:
        shown = ", ".join(report["symbols"][:10]) + (", ..." if len(report["symbols"]) > 10 else "")
        facts.add_row("flow", shown)
    facts.add_row("books", f"{report['books']:,} of {report['orders']:,} orders and {report['levels']:,} levels")
    facts.add_row("device", report["device_description"])
    for name in ("commands", "events", "trades", "rejects", "capacity_rejects"):
        facts.add_row(name.replace("_", " "), f"{report[name]:,}")
    facts.add_row("time", f"{report['elapsed_s']:.3f} s")
    facts.add_row("commands per second", f"{report['commands_per_s']:,.0f}")
    if report["digests_equal"] is not None:
        states = "states" if report["events_that_differ"] is None else "states and events"
        facts.add_row("the engine", "EQUAL" if report["digests_equal"] else "DIFFERENT", end_section=True)
        facts.add_row("", f"{states} of {report['books']:,} books compared")
        facts.add_row("one thread of it", f"{report['engine_commands_per_thread_s']:,.0f} commands per second")
    console.out.print(facts)
