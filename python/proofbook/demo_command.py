"""``proofbook demo``: an exchange with traders and order flow, to look at and to trade with."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from proofbook import console
from proofbook.exchange.serve_command import check_packages


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(demo)


def demo(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Order flow to enter, whatever `replay` reads; without any, generated flow."),
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where the exchange keeps everything.")] = Path("out/exchange"),
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="The port of the web; 0: any that is free.")
    ] = None,
    fix_port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="The port of FIX; 0: any that is free.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(min=0.001, help="How much faster than it was recorded the flow is entered.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Where prices and choices come from.")] = 1,
    seconds: Annotated[float | None, typer.Option(min=0, help="How long to run; else until interrupted.")] = None,
    no_sync: Annotated[bool, typer.Option("--no-sync", help="Acknowledge before the disk has it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON at the start and at the end.")] = False,
) -> None:
    """Run an exchange with a market maker, other traders, and order flow entered at the pace it was recorded."""
    check_packages()
    from proofbook.demo.run import Options, run

    options = Options(folder, port, fix_port, files or [], speed, seed, seconds, not no_sync)

    def started(facts: dict[str, Any]) -> None:
        if as_json:
            console.print_json(facts)
            return
        print(facts["address"], flush=True)
        if console.err.is_terminal:
            text = f"{facts['market']} and {facts['flow_market']} trade; FIX {facts['fix_address']}; Ctrl+C stops all"
            console.err.print(text, style="dim")

    done = asyncio.run(run(options, started))
    if as_json:
        console.print_json(done)
    elif console.err.is_terminal:
        taken = sum(trader["taken"] for trader in done["traders"].values())
        console.err.print(f"stopped after {done['seconds']} s, {taken:,} requests", style="dim")
