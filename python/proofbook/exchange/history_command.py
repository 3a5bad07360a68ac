"""``proofbook history``: writes the history of an exchange, and answers questions about it."""

from __future__ import annotations

import signal
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from proofbook import console
from proofbook.errors import InputError

if TYPE_CHECKING:
    from proofbook.exchange.history import HistoryWriter

PACKAGES = ("duckdb", "psycopg", "structlog")
ROWS_SHOWN = 1_000
SQL_SECONDS_MAX = 3_600.0
"""An operator may wait for his own question."""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(history)


def history(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The exchange's folder.")],
    sql: Annotated[
        str | None, typer.Option("--sql", help="A question in DuckDB's SQL; without one, the history is written.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on writing until interrupted.")] = False,
    postgres: Annotated[
        str | None,
        typer.Option(
            "--postgres",
            envvar="PROOFBOOK_POSTGRES",
            help="Write into this PostgreSQL database instead: an address as libpq takes it.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder of the files; without it, FOLDER/history.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="With --sql: print so many rows at most.")] = ROWS_SHOWN,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
) -> None:
    """Write an exchange's history as Parquet files or into PostgreSQL, beside the running server; or ask about it."""
    _check_packages()
    target = folder / "history" if out is None else out
    if sql is not None:
        source = context.get_parameter_source("postgres")
        if follow or (source is not None and source.name == "COMMANDLINE"):
            raise InputError("expected --sql, or --follow or --postgres; received both")
        _ask(folder, target, sql, limit, as_json)
        return
    writer = _writer(folder, target, postgres)
    try:
        _write(writer, follow, as_json, "PostgreSQL" if postgres is not None else str(target))
    finally:
        writer.close()


def _check_packages() -> None:
    from importlib.util import find_spec

    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise InputError(
            f"expected the packages of the exchange; {', '.join(missing)} cannot be found: "
            "pip install 'proofbook[exchange]'"
        )


def _writer(folder: Path, target: Path, postgres: str | None) -> HistoryWriter:
    from proofbook.exchange.history import HistoryWriter, parquet_writer

    if postgres is None:
        return parquet_writer(folder, out=target)
    from proofbook.exchange.history_postgres import PostgresHistory

    return HistoryWriter(folder, lambda exchange: PostgresHistory(postgres, exchange))


def _write(writer: HistoryWriter, follow: bool, as_json: bool, where: str) -> None:
    first = writer.position
    with console.progress_bar("writing") as bar:
        writer.catch_up(lambda done, total: bar.update(done, total, f"{done:,} entries"))
    if follow:
        if not as_json:
            console.err.print(f"following from entry {writer.position:,}; Ctrl+C stops it", style="dim")
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, lambda _number, _frame: writer.stop())
        writer.run()
    rows = {sample["labels"]["kind"]: sample["value"] for sample in writer.metrics()["counters"]["history_rows"]}
    if as_json:
        console.print_json({"entries": writer.position, "written": writer.position - first, "rows": rows})
    else:
        shown = ", ".join(f"{count:,} {kind}" for kind, count in rows.items() if count)
        print(f"up to entry {writer.position:,} in {where}" + (f": {shown} written" if shown else ""))


def _ask(folder: Path, target: Path, question: str, limit: int, as_json: bool) -> None:
    from proofbook.exchange.history_queries import Files, History

    log = folder if (folder / "log").is_dir() else None
    if log is None and not target.is_dir():
        raise InputError(f"expected the folder of an exchange, with its log or its history; received {folder}")
    answers = History(Files(target, log), seconds_max=SQL_SECONDS_MAX)
    table = answers.sql(question, rows_max=limit + 1)
    rows = [[_shown(value) for value in row.values()] for row in table.slice(0, limit).to_pylist()]
    is_cut = table.num_rows > limit
    if as_json:
        console.print_json({"columns": table.column_names, "rows": rows, "cut": is_cut})
        return
    from rich.table import Table

    printed = Table(box=None, pad_edge=False, header_style="bold")
    for column in table.schema:
        printed.add_column(column.name, justify="left" if _is_text(column.type) else "right", overflow="fold")
    for row in rows:
        printed.add_row(*("" if value is None else str(value) for value in row))
    console.out.print(printed, markup=False)
    if is_cut:
        console.err.print(f"the first {limit:,} rows; --limit shows more", style="dim")


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind) or pa.types.is_temporal(kind))


def _shown(value: Any) -> Any:
    """A value as JSON takes it: amounts are texts without needless zeros, exact; times ISO texts."""
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
