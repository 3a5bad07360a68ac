"""The command line: ``proofbook run``, ``replay``, ``generate``, ``prove``, ``verify``, ``audit`` and others."""

from __future__ import annotations

import json
import platform
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import proofbook
from proofbook import _core, console, engines
from proofbook.analyze import register as register_analyze
from proofbook.archive_commands import register as register_archive
from proofbook.audit_command import register as register_audit
from proofbook.bench import register as register_bench
from proofbook.client_commands import register as register_client
from proofbook.console import EXIT_CHECK_FAILED, EXIT_DEFECT, EXIT_INPUT, EXIT_INTERRUPTED
from proofbook.demo_command import register as register_demo
from proofbook.errors import BrokenInvariantError, ProofbookError
from proofbook.exchange.history_command import register as register_history
from proofbook.exchange.keys_command import register as register_keys
from proofbook.exchange.serve_command import register as register_serve
from proofbook.many_command import register as register_many
from proofbook.proof_commands import register as register_proofs
from proofbook.receipt_commands import receipts_file
from proofbook.receipt_commands import register as register_receipts
from proofbook.verify_command import register as register_verify

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A fast, exact and verifiable limit order book.",
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")]
Files = Annotated[
    list[Path],
    typer.Argument(help="LOBSTER, ITCH 5.0, DBN or Bitstamp files, or our own commands; the format is detected."),
]
BookFile = Annotated[
    Path | None, typer.Option("--book-file", help="LOBSTER's order book file, where its name is unusual.")
]
Symbol = Annotated[str | None, typer.Option("--symbol", help="One instrument of a file that has several.")]
Seed = Annotated[int, typer.Option(min=0, help="Where all choices of the sample come from.")]
Commands = Annotated[int, typer.Option(min=1, help="How many commands the sample has.")]


class ReplayMode(StrEnum):
    """What a replay does."""

    REBUILD = "rebuild"
    MATCH = "match"


class InitialBook(StrEnum):
    """The book before a file's first record."""

    INFERRED = "inferred"
    EMPTY = "empty"


@app.command()
def run(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Order flow to run; without any, a generated sample is run.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder for trades, top of book, picture and report.")] = Path("out"),
    seed: Seed = 1,
    commands: Commands = 1_000_000,
    book: engines.Choice = engines.DEFAULT,
    book_file: BookFile = None,
    symbol: Symbol = None,
    proofs: Annotated[bool, typer.Option(help="End with batches: their roots, and one of them run or proven.")] = True,
    as_json: Json = False,
) -> None:
    """Run order flow through the matching engine, measured, and report; then seal it into batches and prove one."""
    from proofbook import reports, runs

    session = runs.open_session(
        files or [], seed=seed, commands=commands, book_file=book_file, symbol=symbol, engine=engines.checked(book)
    )
    with console.progress_bar("running") as bar:
        report = runs.run(session, out, lambda done, total, count: bar.update(done, total, f"{count:,} commands"))
    if not as_json:
        reports.print_run(console.out, report)
    if proofs:
        from proofbook.proof_commands import prove_run

        report["proofs"] = prove_run(
            files or [],
            out,
            seed=seed,
            commands=report["commands"],
            book_file=book_file,
            symbol=symbol,
            quiet=as_json,
        )
        runs.write_report(report)
    if as_json:
        console.print_json(report)


@app.command()
def replay(
    files: Files,
    book: engines.Choice = engines.DEFAULT,
    book_file: BookFile = None,
    mode: Annotated[
        ReplayMode | None, typer.Option(help="rebuild: apply what happened; match: ask for it again.")
    ] = None,
    initial: Annotated[InitialBook, typer.Option(help="The book before the first record.")] = InitialBook.INFERRED,
    symbol: Symbol = None,
    check: Annotated[bool, typer.Option("--check", help="Fail on differences beyond the expected.")] = False,
    as_json: Json = False,
) -> None:
    """Replay real order flow and compare with the exchange's own book or trades."""
    with console.progress_bar("replaying") as bar:
        text, summary = _core.replay(
            files,
            mode=mode,
            book_file=book_file,
            initial=initial,
            symbol=symbol,
            check=check,
            engine=engines.checked(book),
            progress=lambda done, total, records: bar.update(done, total, f"{records:,} records"),
        )
    report = json.loads(text)
    if as_json:
        console.print_json(report)
    else:
        print(summary.rstrip())
    if report["failure"]:
        console.err.print(f"failed: {report['failure']}", markup=False, soft_wrap=True)
        raise typer.Exit(EXIT_CHECK_FAILED)


@app.command()
def convert(
    files: Files,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file of commands to write (.pbk).")],
    book_file: BookFile = None,
    symbol: Symbol = None,
    as_json: Json = False,
) -> None:
    """Write the commands of market data into a file of our own format."""
    with console.progress_bar("converting") as bar:
        count = _core.convert(
            files,
            output,
            book_file=book_file,
            symbol=symbol,
            progress=lambda done, total, records: bar.update(done, total, f"{records:,} records"),
        )
    _print_written(output, count, as_json)


@app.command()
def generate(
    output: Annotated[Path, typer.Argument(help="The file of commands to write (.pbk).")],
    seed: Seed = 1,
    commands: Commands = 1_000_000,
    as_json: Json = False,
) -> None:
    """Write the generated sample into a file of our own format."""
    _print_written(output, _core.generate(output, seed, commands), as_json)


def _print_written(output: Path, count: int, as_json: bool) -> None:
    if as_json:
        console.print_json({"file": str(output), "commands": count})
    else:
        print(f"{count:,} commands written to {output}")


@app.command()
def journal(
    files: Files,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder of the new journal.")],
    sync: Annotated[
        str, typer.Option(help="When commands are made durable: every one, in a group, or none by itself.")
    ] = "group",
    snapshot: Annotated[bool, typer.Option(help="End with a snapshot, so that recovery is quick.")] = True,
    receipts: Annotated[
        Path | None,
        typer.Option(help="The operator's secret key: the receipt of each command goes to OUTPUT.receipts."),
    ] = None,
    book: engines.Choice = engines.DEFAULT,
    book_file: BookFile = None,
    symbol: Symbol = None,
    as_json: Json = False,
) -> None:
    """Take the commands of market data into a new journal, durably."""
    with console.progress_bar("reading") as bar:
        text = _core.journal(
            files,
            output,
            sync=sync,
            snapshot=snapshot,
            book_file=book_file,
            symbol=symbol,
            receipts=None if receipts is None else (receipts, receipts_file(output)),
            engine=engines.checked(book),
            progress=lambda done, total, records: bar.update(done, total, f"{records:,} records"),
        )
    report: dict[str, Any] = json.loads(text)
    if as_json:
        console.print_json(report)
    else:
        print(
            f"{report['last_sequence']:,} commands in {output}, {report['events']:,} events, digest {report['digest']}"
        )
        if report["receipts"] is not None:
            print(f"{report['receipts']:,} receipts in {receipts_file(output)}")


@app.command()
def recover(
    journal: Annotated[Path, typer.Argument(help="The folder of the journal.")],
    inspect: Annotated[bool, typer.Option("--inspect", help="Only look: leave a torn tail where it is.")] = False,
    book: engines.Choice = engines.DEFAULT,
    as_json: Json = False,
) -> None:
    """Rebuild the exact state of a journal, and cut off a torn tail that nobody was told of.

    The folder of an exchange is only looked at: its log is replayed from the beginning, and its snapshots and market
    journals must say the same.
    """
    if (journal / "log").is_dir():
        audit_exchange(journal, as_json=as_json)
        return
    text, summary = _core.recover(journal, inspect=inspect, engine=engines.checked(book))
    report: dict[str, Any] = json.loads(text)
    for warning in report["warnings"]:
        console.err.print(f"warning: {warning}", markup=False, soft_wrap=True)
    if as_json:
        console.print_json(report)
    else:
        print(summary.rstrip())


def audit_exchange(folder: Path, *, as_json: bool) -> None:
    """Replay the log of an exchange and compare; ends with status 1 where something differs."""
    report: dict[str, Any] = json.loads(_core.audit_exchange(folder))
    if as_json:
        console.print_json(report)
    else:
        print(f"{report['sequence']:,} entries, {report['accounts']:,} accounts, digest {report['digest']}")
        compared = [(f"snapshot {each['sequence']:,}", each) for each in report["snapshots"]]
        compared += [(f"journal of {each['symbol']}", each["journal"]) for each in report["markets"] if each["journal"]]
        for name, each in compared:
            print(f"{name}: {'equal' if each['is_equal'] else 'DIFFERENT'} after {each['sequence']:,}")
        for asset in report["assets"]:
            print(f"{asset['symbol']}: {asset['total']} in all accounts, {asset['deposited']} deposited")
    if not report["is_sound"]:
        fault = report["fault"] or "they differ from a replay of its log"
        console.err.print(f"the files of {folder}: {fault}", markup=False, soft_wrap=True)
        raise typer.Exit(EXIT_CHECK_FAILED)


@app.command()
def info(as_json: Json = False) -> None:
    """Show the version and what it runs on."""
    facts: dict[str, Any] = {
        "version": proofbook.__version__,
        "engines": engines.DESCRIPTIONS,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.platform(),
        "module": _core.__file__,
    }
    if as_json:
        console.print_json(facts)
    else:
        for name, value in facts.items():
            if isinstance(value, dict):
                print(f"{name}:")
                for engine, description in value.items():
                    print(f"  {engine}: {description}")
            else:
                print(f"{name}: {value}")


register_archive(app)
register_bench(app)
register_client(app)
register_analyze(app)
register_many(app)
register_proofs(app)
register_receipts(app)
register_audit(app)
register_verify(app)
register_serve(app)
register_history(app)
register_demo(app)
register_keys(app)


def main() -> None:
    """Run the command line; errors become one clear sentence and an exit code."""
    try:
        app()
    except BrokenInvariantError as error:
        console.err.print(f"defect: {error}", markup=False, soft_wrap=True)
        sys.exit(EXIT_DEFECT)
    except (ProofbookError, OSError) as error:
        console.err.print(f"error: {error}", markup=False, soft_wrap=True)
        sys.exit(EXIT_INPUT)
    except KeyboardInterrupt:
        console.err.print("interrupted")
        sys.exit(EXIT_INTERRUPTED)
