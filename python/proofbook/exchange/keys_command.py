"""``proofbook key new``, ``list`` and ``revoke``: who may ask an exchange for what. They work while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from proofbook import console
from proofbook.errors import InputError
from proofbook.exchange.serve_command import check_packages

Folder = Annotated[Path, typer.Argument(help="The folder of the exchange.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")]

app = typer.Typer(no_args_is_help=True, help="Who may ask an exchange for what.")


def register(parent: typer.Typer) -> None:
    """Add the commands to the command line."""
    parent.add_typer(app, name="key")


def _check_folder(folder: Path) -> None:
    check_packages()
    if not folder.is_dir():
        raise InputError(f"expected the folder of an exchange; received {folder}")


@app.command()
def new(
    folder: Folder,
    account: Annotated[int, typer.Option(min=0, help="The account that it acts for; 0 with the role operator.")],
    role: Annotated[str, typer.Option(help="read, trade or operator.")] = "trade",
    public_key: Annotated[
        str | None, typer.Option("--public-key", help="An Ed25519 public key, 64 hexadecimal digits.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Without a public key: the file for a new private one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Let a key act for an account: one that is there, or a new one, whose private half goes into a file."""
    _check_folder(folder)
    from proofbook.exchange.failures import ApiError
    from proofbook.exchange.keys import ROLES, Keys, make_private_key, public_key_of

    known = next((each for each in ROLES if each == role), None)
    if known is None:
        raise InputError(f"--role: expected one of {', '.join(ROLES)}; received {role!r}")
    if (account == 0) != (known == "operator"):
        raise InputError(f"--account: expected 0 for operators and only for them; received {account} and {role}")
    if (public_key is None) == (output is None):
        raise InputError("expected either --public-key or --output; received both or none")
    keys = Keys(folder)
    try:
        if public_key is not None:
            found = public_key_of(public_key)
        else:
            found = make_private_key(output or Path()).public_key().public_bytes_raw()
        key = keys.add(found, account, known)
    except ApiError as error:
        raise InputError(f"{error}: expected {error.body.expected}; received {error.body.received}") from None
    finally:
        keys.close()
    if as_json:
        console.print_json({"key": key.id, "account": account, "role": role, "public_key": found.hex()})
    else:
        print(key.id)


@app.command("list")
def list_keys(folder: Folder, as_json: Json = False) -> None:
    """Show all keys."""
    _check_folder(folder)
    from proofbook.exchange.keys import Keys

    keys = Keys(folder)
    try:
        rows: list[dict[str, Any]] = [
            {
                "key": key.id,
                "account": key.account,
                "role": key.role,
                "is_demo": key.is_demo,
                "is_revoked": key.revoked_ns is not None,
                "public_key": key.public_key.hex(),
            }
            for key in keys.list()
        ]
    finally:
        keys.close()
    if as_json:
        console.print_json({"keys": rows})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("key", "account", "role", "public key", ""):
        table.add_column(name, overflow="fold")
    for row in rows:
        state = "revoked" if row["is_revoked"] else "demo" if row["is_demo"] else ""
        table.add_row(row["key"], str(row["account"]), row["role"], row["public_key"], state)
    console.out.print(table)


@app.command()
def revoke(folder: Folder, key: Annotated[str, typer.Argument(help="The key's id.")], as_json: Json = False) -> None:
    """Take a key out of use, at once."""
    _check_folder(folder)
    from proofbook.exchange.keys import Keys

    keys = Keys(folder)
    try:
        keys.revoke(key)
    finally:
        keys.close()
    if as_json:
        console.print_json({"key": key, "is_revoked": True})
    else:
        print(f"{key} is revoked")
