"""The readable report of a run."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table


def _latency_table(report: dict[str, Any]) -> Table:
    latency = report["latency_ns"]
    table = Table(title="Latency in nanoseconds, by type of command", title_justify="left")
    table.add_column("command", no_wrap=True)
    for name in ("count", "mean", "p50", "p99", "p99.9", "max"):
        table.add_column(name, justify="right")
    rows = [*latency["by_type"].items(), ("all", latency["all"])]
    for name, row in rows:
        if name == "all":
            table.add_section()
        figures = (row["count"], round(row["mean"]), row["p50"], row["p99"], row["p99_9"], row["max"])
        table.add_row(name, *(f"{figure:,}" for figure in figures))
    return table


def _level(level: dict[str, Any] | None) -> str:
    if level is None:
        return "none"
    return f"{level['quantity']} at {level['price']} ({level['orders']} orders)"


def _source(report: dict[str, Any]) -> str:
    source = report["source"]
    if source["kind"] == "sample":
        parameters = source["parameters"]
        return f"generated sample, seed {parameters['seed']}, {parameters['commands']:,} commands"
    symbol = f", {source['symbol']}" if source["symbol"] else ""
    return f"{source['kind']}{symbol}: {', '.join(source['files'])}"


def _trades(report: dict[str, Any]) -> str:
    text = f"{report['trades']:,} with a volume of {report['volume']}"
    if report["notional"] is not None:
        text += f", worth {report['notional']}"
    if report["average_price"] is not None:
        text += f", at {report['average_price']} on average"
    return text


def print_run(console: Console, report: dict[str, Any]) -> None:
    """Print the report of a run."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column()
    rejects = ", ".join(f"{name} {count:,}" for name, count in sorted(report["rejects"].items(), key=lambda r: -r[1]))
    rows = [("Source", _source(report))]
    rows += [("Note", note) for note in report["source"]["notes"]]
    records = report["input"]
    if records is not None:
        unapplied = ", ".join(f"{name} {count:,}" for name, count in records["unapplied"].items())
        rows += [("Records", f"{records['records']:,}"), ("Without a command", unapplied or "none")]
    rows += [
        ("Commands", f"{report['commands']:,} ({report['accepted']:,} new orders accepted)"),
        ("Trades", _trades(report)),
        ("Rejects", f"{report['rejected']:,}" + (f": {rejects}" if rejects else "")),
        (
            "Also",
            f"{report['cancelled']:,} cancelled, {report['replaced']:,} replaced, {report['reduced']:,} reduced, "
            f"{report['expired']:,} expired, {report['triggered']:,} stops triggered",
        ),
        ("Speed", f"{report['commands_per_s']:,.0f} commands/s (one engine, one core, plain loop over batches)"),
    ]
    for label, value in rows:
        facts.add_row(label, value)
    console.print(facts)
    console.print()
    console.print(_latency_table(report))
    clock = report["latency_ns"]["clock"]
    console.print(f"Each latency includes about {clock} ns for reading the clock.", style="dim")
    console.print()
    end = Table.grid(padding=(0, 2))
    end.add_column(style="bold")
    end.add_column(overflow="fold")
    end.add_row("Best bid", _level(report["best_bid"]))
    end.add_row("Best ask", _level(report["best_ask"]))
    end.add_row("Live orders", f"{report['live_orders']:,} (phase {report['phase']})")
    end.add_row("Digest", report["digest"])
    for name, path in report["files"].items():
        end.add_row(name.replace("_", " ").capitalize(), path)
    console.print(end)
