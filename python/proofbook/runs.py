"""``proofbook run``: order flow through the engine, measured; trades, top of book and a picture go to files.

The measuring happens in the native module: each batch of commands goes through two engines, one in a plain loop for the
throughput, one command by command for latencies. Memory is bounded: rows go to the files as they come.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from proofbook import plots
from proofbook._core import RunSession
from proofbook.errors import InputError
from proofbook.types import Engine

ROWS_KEPT_MAX = 50_000
"""Rows that are kept for the picture; beyond, every second one is dropped."""

Report = dict[str, Any]


@dataclass(frozen=True)
class RunFiles:
    """Where a run wrote its results."""

    trades: Path
    top_of_book: Path
    picture: Path
    report: Path

    @classmethod
    def in_folder(cls, folder: Path) -> RunFiles:
        """The files of a run in `folder`."""
        return cls(
            trades=folder / "trades.parquet",
            top_of_book=folder / "top_of_book.parquet",
            picture=folder / "run.png",
            report=folder / "report.json",
        )


class ThinnedTable:
    """Rows for the picture, evenly spread over everything that was added."""

    def __init__(self) -> None:
        self._tables: list[pa.Table] = []
        self._rows = 0
        self._stride = 1
        self._offset = 0

    def add(self, table: pa.Table) -> None:
        """Keep every n-th row of the table."""
        kept = table.take(pa.array(range(self._offset, table.num_rows, self._stride), pa.int64()))
        self._offset = (self._offset - table.num_rows) % self._stride
        self._tables.append(kept)
        self._rows += kept.num_rows
        while self._rows > ROWS_KEPT_MAX:
            everything = pa.concat_tables(self._tables)
            halved = everything.take(pa.array(range(0, everything.num_rows, 2), pa.int64()))
            self._tables, self._rows = [halved], halved.num_rows
            self._stride *= 2

    def table(self) -> pa.Table:
        """The rows kept."""
        return pa.concat_tables(self._tables)


class _Written:
    """A Parquet file under construction, with a sample of its rows."""

    def __init__(self, path: Path, first: pa.Table) -> None:
        self._writer = pq.ParquetWriter(path, first.schema, compression="zstd")
        self.sample = ThinnedTable()
        self.add(first)

    def add(self, table: pa.Table) -> None:
        if table.num_rows:
            self._writer.write_table(table)
        self.sample.add(table)

    def close(self) -> None:
        self._writer.close()


def open_session(
    paths: list[Path],
    *,
    seed: int = 1,
    commands: int = 1_000_000,
    book_file: Path | None = None,
    symbol: str | None = None,
    engine: Engine = "ladder",
) -> RunSession:
    """The sample that belongs to `seed`, or the order flow of files.

    Raises:
        InputError: no such engine, or no commands.
        ReplayError: files that cannot be read as order flow.
    """
    if paths:
        return RunSession.open(paths, book_file, symbol, engine)
    if commands < 1:
        raise InputError(f"commands must be 1 or more; received {commands}")
    return RunSession.sample(seed, commands, engine)


def run(session: RunSession, folder: Path, progress: Callable[[int, int, int], None]) -> Report:
    """Run to the end, write the files into `folder`, and return the report.

    Args:
        session: what to run.
        folder: where the files go; it is made if need be.
        progress: is told `(done, total, commands)` after each step.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = RunFiles.in_folder(folder)
    trades = _Written(files.trades, session.take_trades())
    tops = _Written(files.top_of_book, session.take_top_of_book())
    try:
        more = True
        while more:
            more = session.step()
            trades.add(session.take_trades())
            tops.add(session.take_top_of_book())
            progress(*session.progress(), session.commands)
    finally:
        trades.close()
        tops.close()
    report: Report = json.loads(session.report())
    if not report["commands"]:
        raise InputError("there were no commands in the input: nothing was run")
    plots.draw_run(files.picture, report, files.trades, trades.sample.table(), tops.sample.table(), session.depth())
    report["files"] = {name: str(path) for name, path in vars(files).items()}
    write_report(report)
    return report


def write_report(report: Report) -> None:
    """Write a run's report into its file."""
    Path(report["files"]["report"]).write_text(json.dumps(report, indent=2) + "\n")
