"""``proofbook verify``: proofs and the chain that they form."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from typing import Annotated, Any

import typer
from rich.table import Table

from proofbook import console
from proofbook._core import Chain, ChainValues, PublicValues
from proofbook.console import EXIT_CHECK_FAILED
from proofbook.errors import ProofError

Values = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(verify)


FIELDS = (
    *("market", "config", "first_sequence", "last_sequence", "clock_before", "clock_after"),
    *("previous_root", "new_root", "commands", "events"),
)
"""What a report says of each proof."""

BATCH_FIELDS = ("mode", "batch", *FIELDS, "command_root", "event_root")
"""What it says besides of one of a batch."""

CHAIN_FIELDS = ("batches", "first_batch", "last_batch", *FIELDS, "batch_root")
"""What it says besides of one of a chain."""


def described(values: PublicValues | ChainValues) -> Values:
    """What a proof proves, for a report."""
    if isinstance(values, PublicValues):
        return {name: getattr(values, name) for name in BATCH_FIELDS}
    return {"mode": "chain", **{name: getattr(values, name) for name in CHAIN_FIELDS}}


@dataclass
class Verification:
    """Proofs as they are checked, up to the first that fails."""

    reports: list[Values] = field(default_factory=list)
    chain: Chain | None = None
    failure: str | None = None

    def take(self, path: Path, config: bytes | None) -> None:
        """Check the next file."""
        from proofbook.verifying import start_chain, verify_any

        started_ns = perf_counter_ns()
        values = verify_any(path)
        took_ns = perf_counter_ns() - started_ns
        try:
            if self.chain is None:
                self.chain = start_chain(config, values)
            self.chain.extend(values)
        except ProofError as error:
            raise type(error)(f"{path}: {error}") from None
        report = {"file": str(path), "bytes": path.stat().st_size, "ms": took_ns / 1e6}
        self.reports.append({**report, **described(values)})

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
    files: Annotated[list[Path], typer.Argument(help="Proof files, of batches or of chains, in their order.")],
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
    """Check proofs, and that each begins where the one before it ended; exit code 0 only if all of it holds."""
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
            f"{report['batch']}" if "batch" in report else f"{report['first_batch']}-{report['last_batch']}",
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
