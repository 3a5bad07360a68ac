"""The commands about proofs: ``proofbook prove`` and ``proofbook verify``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from typing import Annotated, Any

import typer
from rich.table import Table

from proofbook import console
from proofbook._core import Chain, PublicValues
from proofbook.console import EXIT_CHECK_FAILED
from proofbook.errors import ProofError
from proofbook.proving import Mode

Values = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(prove)
    app.command()(verify)


def prove(
    source: Annotated[
        list[Path] | None,
        typer.Argument(help="A journal's folder, or files of order flow; without any, a generated sample."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for batches and proofs.")] = Path("out/proofs"),
    mode: Annotated[
        Mode, typer.Option(help="execute: run the program, no proof; core: a proof; compressed: a small one.")
    ] = Mode.EXECUTE,
    size: Annotated[int, typer.Option("--batch-size", min=1, help="Commands in a batch.")] = 1000,
    batches: Annotated[
        int | None, typer.Option(min=1, help="How many batches; without it, all, of a sample three.")
    ] = None,
    memory_gib: Annotated[
        int | None, typer.Option("--memory-gib", min=4, help="How much memory the prover may plan with, GiB.")
    ] = None,
    book: Annotated[
        Path | None, typer.Option("--book", help="LOBSTER's order book file, where its name is unusual.")
    ] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="One instrument of a file that has several.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Where all choices of the sample come from.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
) -> None:
    """Seal order flow into batches and run or prove each in the zkVM; what was proven before is not proven again."""
    from proofbook._core import Sealer
    from proofbook.proving import prove as prove_batches

    if not source:
        batches = batches or 3
        sealer = Sealer.sample(seed, size * batches)
    elif len(source) == 1 and source[0].is_dir():
        sealer = Sealer.journal(source[0])
    else:
        sealer = Sealer.open(source, book=book, symbol=symbol)
    with console.progress_bar("proving" if mode is not Mode.EXECUTE else "running") as bar:
        reports = prove_batches(
            sealer,
            out,
            mode=mode,
            size=size,
            batches=batches,
            memory_gib=memory_gib,
            notify=lambda number, phase: bar.update(number - 1, batches or number, f"batch {number}: {phase}"),
        )
    if as_json:
        console.print_json({"mode": mode.value, "batches": reports})
    else:
        console.out.print(_table(reports))
        if mode is Mode.EXECUTE:
            console.out.print("The program was run, nothing was proven: --mode core or compressed proves.", style="dim")


def _table(reports: list[Values]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("batch", "commands", "events", "cycles", "per command", "seconds", "peak memory", "proof"):
        table.add_column(name, justify="right")
    table.add_column("new root", overflow="fold")
    for report in reports:
        memory, proof = report.get("memory_bytes_max"), report.get("proof_bytes")
        table.add_row(
            f"{report['batch']}",
            f"{report['commands']:,}",
            f"{report['events']:,}",
            f"{report['cycles']:,}",
            f"{report['cycles'] / report['commands']:,.0f}",
            "kept" if report["reused"] else f"{sum(report['seconds'].values()):,.1f}",
            f"{memory / 2**30:.1f} GiB" if memory else "",
            f"{proof:,} B" if proof else "none",
            report["new_root"],
        )
    return table


FIELDS = (
    *("mode", "market", "config", "batch", "first_sequence", "last_sequence", "clock_before", "clock_after"),
    *("previous_root", "new_root", "commands", "command_root", "events", "event_root"),
)
"""What a report says of each proof."""


@dataclass
class Verification:
    """Proofs as they are checked, up to the first that fails."""

    reports: list[Values] = field(default_factory=list)
    chain: Chain | None = None
    failure: str | None = None

    def take(self, path: Path, config: bytes | None) -> None:
        """Check the next file."""
        from proofbook.verifying import start_chain
        from proofbook.verifying import verify as verify_proof

        started_ns = perf_counter_ns()
        values: PublicValues = verify_proof(path)
        took_ns = perf_counter_ns() - started_ns
        try:
            if self.chain is None:
                self.chain = start_chain(config, values)
            self.chain.extend(values)
        except ProofError as error:
            raise type(error)(f"{path}: {error}") from None
        report = {name: getattr(values, name) for name in FIELDS}
        self.reports.append({"file": str(path), "bytes": path.stat().st_size, "ms": took_ns / 1e6, **report})

    def json(self) -> Values:
        """All of it. Without a failure, everything holds."""
        chain = self.chain and {
            "batches": self.chain.batches,
            "from_genesis": self.chain.is_from_genesis,
            "sequence": self.chain.sequence,
            "root": self.chain.root,
        }
        return {"proofs": self.reports, "chain": chain, "failure": self.failure}


def verify(
    files: Annotated[list[Path], typer.Argument(help="Proof files, in the order of their batches.")],
    from_genesis: Annotated[
        Path | None,
        typer.Option(
            "--from-genesis",
            metavar="MARKET",
            help="Insist that the first batch begins at the empty state of this market: a journal's folder, a file of "
            "order flow, or a file with the 88 bytes of its configuration.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
) -> None:
    """Check proofs of batches, and that each begins where the one before it ended; exit code 0 only if all holds."""
    from proofbook._core import market_config

    config = None if from_genesis is None else market_config(from_genesis)
    verification = Verification()
    try:
        for path in files:
            verification.take(path, config)
    except ProofError as error:
        verification.failure = str(error)
    if as_json:
        console.print_json(verification.json())
    else:
        _print_verification(verification)
    if verification.failure is not None:
        console.err.print(f"failed: {verification.failure}", markup=False, soft_wrap=True)
        raise typer.Exit(EXIT_CHECK_FAILED)


def _print_verification(verification: Verification) -> None:
    reports, chain = verification.reports, verification.chain
    if not reports or chain is None:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("batch", "sequences", "commands", "events", "bytes", "ms"):
        table.add_column(name, justify="right")
    table.add_column("file", overflow="fold")
    for report in reports:
        table.add_row(
            f"{report['batch']}",
            f"{report['first_sequence']}-{report['last_sequence']}",
            f"{report['commands']:,}",
            f"{report['events']:,}",
            f"{report['bytes']:,}",
            f"{report['ms']:,.1f}",
            report["file"],
        )
    console.out.print(table)
    if verification.failure is None:
        first = reports[0]
        begin = "the market's empty state" if chain.is_from_genesis else f"{first['previous_root']}, taken on trust"
        held = "1 proof holds" if len(reports) == 1 else f"{len(reports)} proofs hold and follow each other"
        for line in (f"{held}, of market {first['market']}", f"from {begin}", f"to   {chain.root}"):
            console.out.print(line, markup=False, soft_wrap=True)
