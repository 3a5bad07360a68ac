"""``proofbook serve``: an exchange that listens for FIX and the web, in one process."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proofbook import console
from proofbook.errors import InputError

if TYPE_CHECKING:
    from proofbook.exchange.server import Exchange

PACKAGES = ("blake3", "litestar", "uvicorn", "msgspec", "cryptography", "duckdb", "prometheus_client", "structlog")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(serve)


def check_packages() -> None:
    """Check that what the exchange needs is installed.

    Raises:
        InputError: something is missing; the message says how to have it.
    """
    from importlib.util import find_spec

    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise InputError(
            f"expected the packages of the exchange; {', '.join(missing)} cannot be found: "
            "pip install 'proofbook[exchange]'"
        )


def serve(
    folder: Annotated[
        Path, typer.Argument(help="Where the exchange keeps everything; exchange.toml is written if it is missing.")
    ] = Path("exchange"),
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="The port of the web; 0: any that is free.")
    ] = None,
    fix_port: Annotated[
        int | None, typer.Option("--fix-port", min=0, max=65_535, help="The port of FIX; 0: any that is free.")
    ] = None,
    no_sync: Annotated[
        bool, typer.Option("--no-sync", help="Acknowledge before the disk has it: a power cut may lose the last.")
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Open funded accounts for whoever asks.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object once it takes requests.")] = False,
) -> None:
    """Run an exchange until it is interrupted: FIX, HTTP and WebSocket, the page."""
    check_packages()
    from proofbook.exchange.configuration import read, split_address
    from proofbook.exchange.logs import configure_logs
    from proofbook.exchange.server import serve as serve_exchange

    configure_logs()
    configuration = read(folder)
    if port is not None:
        host, _ = split_address(configuration.web)
        configuration.web = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if fix_port is not None:
        host, _ = split_address(configuration.fix or "127.0.0.1:0")
        configuration.fix = f"[{host}]:{fix_port}" if ":" in host else f"{host}:{fix_port}"
    if no_sync:
        configuration.sync = "none"
    if demo:
        configuration.demo = True

    def started(exchange: Exchange, address: str) -> None:
        if as_json:
            console.print_json(
                {
                    "address": address,
                    "fix_address": exchange.fix_address,
                    "folder": str(folder),
                    "operator_key": exchange.operator.id,
                    "demo": configuration.demo,
                }
            )
        else:
            print(address, flush=True)
            if console.err.is_terminal:
                where = f"FIX {exchange.fix_address}, operator's key {folder / 'operator.key'}; Ctrl+C stops it"
                console.err.print(where[: shutil.get_terminal_size().columns], style="dim")

    serve_exchange(configuration, folder, started)
    # Nothing is left to be done: the interpreter need not look through all objects for garbage before the process ends.
    gc.freeze()
