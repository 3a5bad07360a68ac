"""The commands about proofs: ``proofbook prove``, and how ``proofbook run`` ends."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from proofbook import console
from proofbook.errors import ProverError
from proofbook.proving import Mode

Values = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(prove)
    app.command()(join)


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
    book_file: Annotated[
        Path | None, typer.Option("--book-file", help="LOBSTER's order book file, where its name is unusual.")
    ] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="One instrument of a file that has several.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Where all choices of the sample come from.")] = 1,
    key: Annotated[
        Path | None, typer.Option("--key", help="The operator's secret key: each batch is signed as his.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
) -> None:
    """Seal order flow into batches and run or prove each in the zkVM; what was proven before is not proven again."""
    from proofbook._core import ReceiptSigner, Sealer
    from proofbook.archive import MANIFEST, Archive
    from proofbook.proving import prove as prove_batches

    signer = None if key is None else ReceiptSigner(key)
    if not source:
        batches = batches or 3
        sealer = Sealer.sample(seed, size * batches)
    elif len(source) == 1 and source[0].is_dir():
        sealer = Sealer.journal(source[0])
    else:
        sealer = Sealer.open(source, book_file, symbol)
    with console.progress_bar("proving" if mode is not Mode.EXECUTE else "running") as bar:
        reports = prove_batches(
            sealer,
            out,
            mode=mode,
            size=size,
            batches=batches,
            memory_gib=memory_gib,
            signer=signer,
            notify=lambda number, phase: bar.update(number - 1, batches or number, f"batch {number}: {phase}"),
        )
    archive = Archive.read(out / MANIFEST).root if reports else None
    if as_json:
        console.print_json({"mode": mode.value, "batches": reports, "archive_root": archive})
    else:
        console.out.print(_table(reports))
        if archive is not None:
            console.out.print(f"Archive root {archive} over the files in {out}", markup=False, soft_wrap=True)
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


def join(
    proofs: Annotated[
        list[Path],
        typer.Argument(help="Compressed proofs of batches that follow each other; the first may be one of a chain."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The proof file of the chain.")] = Path("chain.proof"),
    memory_gib: Annotated[
        int | None, typer.Option("--memory-gib", min=4, help="How much memory the prover may plan with, GiB.")
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Only run the program that joins: no proof, and no file.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
) -> None:
    """Join proofs into one: of all batches, as short and as quick to verify as that of a single one.

    Beside the proof file comes one with the public values of all batches, `.batches`.
    """
    from proofbook.proving import ProverProcess

    with ProverProcess(memory_gib=memory_gib) as prover, console.progress_bar("joining") as bar:
        report = prover.join(proofs, None if execute else out, lambda phase: bar.update(0, 1, phase))
    if as_json:
        console.print_json(report)
        return
    seconds, memory = sum(report["seconds"].values()), report["memory_bytes_max"] / 2**30
    console.out.print(f"{report['cycles']:,} cycles, {seconds:,.1f} s, {memory:.1f} GiB", highlight=False)
    if execute:
        console.out.print("The program was run, nothing was proven.", style="dim")
    else:
        console.out.print(f"{report['proof_bytes']:,} bytes, verified: {out}", highlight=False, soft_wrap=True)


PROVEN_COMMANDS = 1000
"""Commands of the batch that a run proves: its first ones."""

SEALED_COMMANDS = 10_000
"""Commands of each batch after it."""


def prove_run(
    files: list[Path], out: Path, *, seed: int, commands: int, book_file: Path | None, symbol: str | None, quiet: bool
) -> Values:
    """Seal a run's order flow into batches, and run or prove the first of them: what came of it."""
    from proofbook import proving
    from proofbook._core import Sealer

    sealer = Sealer.open(files, book_file, symbol) if files else Sealer.sample(seed, commands)
    folder = out / "proofs"
    file = folder / proving.BATCHES
    file.unlink(missing_ok=True)
    result: Values = {}
    with console.progress_bar("sealing") as bar:
        mode = proving.best_mode()
        try:
            [proven] = proving.prove(
                sealer,
                folder,
                mode=mode,
                size=PROVEN_COMMANDS,
                batches=1,
                notify=lambda _number, phase: bar.update(0, commands, phase),
            )
            result["proven"] = proven
        except ProverError as error:
            result["error"] = str(error)
        proving.seal_all(
            sealer,
            file,
            size=SEALED_COMMANDS,
            progress=lambda done: bar.update(done, commands, f"{done:,} commands in batches"),
        )
    result["batches"] = len(file.read_text().splitlines())
    result["root"] = sealer.root
    result["file"] = str(file)
    if not quiet:
        _print_proofs(result, mode)
    return result


def _print_proofs(result: Values, mode: Mode) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("Batches", f"{result['batches']:,}, each with its state root in {result['file']}")
    table.add_row("State root", result["root"])
    proven = result.get("proven")
    if proven is None:
        table.add_row("First batch", f"not run: {result['error']}")
    else:
        per_command = f"{proven['cycles'] / proven['commands']:,.0f} cycles for each of {proven['commands']:,} commands"
        what = "run in the zkVM, not proven" if mode is Mode.EXECUTE else f"proven and verified: {proven['proof_file']}"
        table.add_row("First batch", f"{what}; {per_command}")
        if mode is Mode.EXECUTE:
            table.add_row("To prove it", "make prover, then run again")
    console.out.print()
    console.out.print(table)
