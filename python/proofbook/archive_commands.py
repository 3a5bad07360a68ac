"""``proofbook archive``: one root over a folder of proofs, and proofs that files belong to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from proofbook import console
from proofbook.console import EXIT_CHECK_FAILED
from proofbook.errors import ProofError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")]
Root = Annotated[str, typer.Option("--root", help="The root that you trust, 64 hexadecimal digits.")]

archive_app = typer.Typer(help="One root over a folder of proofs, and short proofs that files belong to it.")


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(archive_app, name="archive")


@archive_app.command()
def create(
    folder: Annotated[Path, typer.Argument(help="The folder.")],
    patterns: Annotated[
        list[str] | None, typer.Option("--files", help="Which files, such as '*.proof'; without it, all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Hash a folder's files and write their manifest, archive.json, into it."""
    from proofbook.archive import MANIFEST, Archive

    archive = Archive.of_folder(folder, patterns or ("**/*",))
    archive.write(folder / MANIFEST)
    if as_json:
        console.print_json({"root": archive.root, "files": len(archive.entries), "manifest": str(folder / MANIFEST)})
    else:
        print(f"{len(archive.entries):,} files in {folder / MANIFEST}, root {archive.root}")


@archive_app.command()
def prove(
    folder: Annotated[Path, typer.Argument(help="The folder, with its archive.json.")],
    names: Annotated[list[str], typer.Argument(help="Files, by their names in the folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path("inclusion.json"),
    as_json: Json = False,
) -> None:
    """Write a proof that files belong to the archive."""
    from proofbook.archive import MANIFEST, Archive

    archive = Archive.read(folder / MANIFEST)
    inclusion = archive.prove(names)
    inclusion.write(out)
    size = len(inclusion.proof.encode())
    if as_json:
        files = [entry.path for entry in inclusion.entries]
        console.print_json({"root": archive.root, "files": files, "proof_bytes": size, "inclusion": str(out)})
    else:
        print(f"{len(inclusion.entries)} files, a proof of {size:,} bytes in {out}, root {archive.root}")


@archive_app.command()
def check(
    file: Annotated[Path, typer.Argument(help="What `archive prove` wrote, or an archive.json for all of its files.")],
    root: Root,
    folder: Annotated[
        Path | None, typer.Option(help="The folder of the files; without it, that in which an archive.json is.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that files belong to the archive with a root, byte for byte; exit code 0 only if all do."""
    from proofbook.archive import MANIFEST, Archive, Inclusion

    failure: str | None = None
    files: list[str] = []
    try:
        shown: Archive | Inclusion
        if file.name == MANIFEST:
            shown = Archive.read(file)
            shown.check(root, folder or file.parent)
        else:
            shown = Inclusion.read(file)
            shown.check(root, folder)
        files = [entry.path for entry in shown.entries]
    except ProofError as error:
        failure = str(error)
    if as_json:
        console.print_json({"root": root, "files": files, "failure": failure})
    elif failure is None:
        compared = "" if folder is None and file.name != MANIFEST else ", byte for byte"
        print(f"{len(files):,} files belong to the archive{compared}")
    if failure is not None:
        console.err.print(f"failed: {failure}", markup=False, soft_wrap=True)
        raise typer.Exit(EXIT_CHECK_FAILED)
