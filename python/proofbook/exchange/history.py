"""The history of an exchange: who writes it, and in which form it is asked.

A `HistoryWriter` follows the log (``_core.HistoryReader``), keeps the newest rows in memory, and hands them to a sink
from time to time: Parquet files (`proofbook.exchange.history_files`) or PostgreSQL
(`proofbook.exchange.history_postgres`). It goes on behind what the sink has, so that nothing is lost or written twice,
however it ended before. It reads the log alone, and so may run as a thread of the server or as a process of its own;
whatever becomes of it, the exchange goes on.

Questions are answered by `proofbook.exchange.history_queries.History`.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from structlog import get_logger

from proofbook._core import HistoryReader
from proofbook.errors import JournalError
from proofbook.exchange.history_files import ENTRIES, KINDS, HistoryFile, HistoryWriterFolder, between, last_entry

ENTRIES_PER_READ = 1 << 14
"""So many entries are read from the log at a time."""
WAITING_ROWS_MAX = 1 << 19
"""With so many rows in memory, they are written before more are read."""
FLUSH_S = 5.0
"""After so long, rows are written, however few they are."""
POLL_S = 0.1
"""How long the writer waits when the log has nothing new."""
RETRY_S = 5.0
"""How long it waits after an error before it begins anew."""
FLUSH_BOUNDS_NS = tuple(int(milliseconds * 1e6) for milliseconds in (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000))

log = get_logger("proofbook.exchange.history")

Tables = Mapping[str, Any]
"""Arrow tables by kind, for the same entries."""


class Sink(Protocol):
    """Where a history is written to."""

    @property
    def position(self) -> int:
        """The last entry that it has, durably."""
        ...

    @property
    def last_time_ns(self) -> int | None:
        """When this entry was taken, if there is one: a log that says otherwise is another one."""
        ...

    def write(self, tables: Tables) -> None:
        """Take what came of the entries behind its position, all or nothing."""
        ...

    def close(self) -> None:
        """Write no more."""
        ...


@dataclass(frozen=True)
class Snapshot:
    """A history at one moment: each row is in a file or in the tables, once.

    Attributes:
        files: by kind.
        tables: rows that are in no file yet, by kind.
        last: the last entry that it has.
    """

    files: Mapping[str, list[HistoryFile]]
    tables: Mapping[str, Any]
    last: int


@dataclass
class _Counts:
    """What a writer counts."""

    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    failures: int = 0
    acknowledged: int = 0
    flush_buckets: list[int] = field(default_factory=lambda: [0] * (len(FLUSH_BOUNDS_NS) + 1))
    flush_ns: int = 0


class HistoryWriter:
    """Writes the history of an exchange, in the thread that calls `run`."""

    def __init__(
        self,
        folder: Path,
        sink: Callable[[str], Sink],
        *,
        flush_s: float = FLUSH_S,
        acknowledged: Callable[[], int] | None = None,
    ) -> None:
        """Begin behind what the sink has.

        Args:
            folder: the exchange's folder.
            sink: opens the sink of an exchange that has this name.
            flush_s: how long rows are kept in memory at most.
            acknowledged: the last entry that the server has acknowledged. Where nothing is synced, that is ahead of
                what the log says itself; such entries are read, but not written before a sync covers them, since the
                machine may lose them. Without it, the log is asked.

        Raises:
            InputError: the folder is none of an exchange, or the sink belongs to another one or another writer.
            JournalError: the log is damaged, lacks what the sink has, or is not the one that it was written from.
        """
        self._folder = folder
        self._flush_s = flush_s
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._counts = _Counts()
        self._waiting: dict[str, list[Any]]
        self._waiting_rows: int
        self._waiting_since = 0.0
        self._last: int
        self._open_sink = sink
        self._ask_acknowledged = acknowledged
        self._begin()

    def _begin(self) -> None:
        """Open the sink, and read behind what it has."""
        sink = self._open_sink(HistoryReader(self._folder).exchange)
        try:
            reader = HistoryReader(self._folder, max(0, sink.position - 1))
            _, tables = reader.next(1, sink.position)
            found = tables[ENTRIES]["ts_event"].cast(pa.int64())[0].as_py() if tables else None
            if found != sink.last_time_ns:
                raise JournalError(
                    f"expected the log whose entry {sink.position} was taken at {sink.last_time_ns} ns; "
                    f"received one of {found} ns: what is written is the history of another log"
                )
        except BaseException:
            sink.close()
            raise
        with self._lock:
            self._sink, self._reader = sink, reader
            self._waiting = {kind: [] for kind in KINDS}
            self._waiting_rows = 0
            self._last = sink.position

    @property
    def last(self) -> int:
        """The last entry that was read."""
        return self._last

    @property
    def position(self) -> int:
        """The last entry that the sink has."""
        return self._sink.position

    def stop(self) -> None:
        """Let `run` write what is in memory and return."""
        self._stop.set()

    def close(self) -> None:
        """Write no more. What is in memory is read again the next time."""
        self._sink.close()

    def catch_up(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Write all that the log has acknowledged by now, and return.

        Args:
            progress: told the last entry that was read and the last that there is.
        """
        end = self._reader.acknowledged()
        try:
            while self._last < end and not self._stop.is_set():
                self._read(end)
                if progress is not None:
                    progress(self._last, end)
        finally:
            self._flush()

    def run(self) -> None:
        """Follow the log until `stop` is called. After an error it begins anew, behind what the sink has."""
        is_broken = False
        while not self._stop.is_set():
            try:
                if is_broken:
                    self._begin()
                    is_broken = False
                if not self._read(None):
                    self._stop.wait(POLL_S)
                if self._waiting_rows and time.monotonic() - self._waiting_since >= self._flush_s:
                    self._flush()
            except Exception as error:
                self._counts.failures += 1
                log.error("the history could not be written and begins anew", error=str(error), entry=self.position)
                # If reading failed, what was read before is good.
                with suppress(Exception):
                    self._flush()
                self._sink.close()
                is_broken = True
                self._stop.wait(RETRY_S)
        if is_broken:
            return
        try:
            self._flush()
        except Exception as error:
            log.error("the history's last rows could not be written and are read again", error=str(error))

    def _read(self, end: int | None) -> bool:
        """Take the next entries, if there are any."""
        if self._waiting_rows >= WAITING_ROWS_MAX:
            self._flush()
            if self._waiting_rows >= WAITING_ROWS_MAX:
                # Nothing covers them yet; no more are read before something does.
                return False
        if end is None:
            end = self._reader.acknowledged() if self._ask_acknowledged is None else self._ask_acknowledged()
        self._counts.acknowledged = end
        last, tables = self._reader.next(ENTRIES_PER_READ, end)
        if last == self._last:
            return False
        with self._lock:
            if not self._waiting_rows:
                self._waiting_since = time.monotonic()
            for kind, batch in tables.items():
                self._waiting[kind].append(batch)
                self._waiting_rows += batch.num_rows
            self._last = last
        return True

    def _flush(self) -> None:
        """Write the rows in memory that the machine cannot lose any more."""
        if not self._waiting_rows:
            return
        durable = self._reader.acknowledged()
        if durable <= self.position:
            # Nothing may be written yet. That is asked often where nothing is synced, so it must cost nothing.
            self._waiting_since = time.monotonic()
            return
        begun = time.perf_counter_ns()
        tables, later = self._tables(), {}
        if durable < self._last:
            later = {kind: between(table, durable + 1, self._last) for kind, table in tables.items()}
            tables = {kind: between(table, 0, durable) for kind, table in tables.items()}
        if tables[ENTRIES].num_rows:
            self._sink.write(tables)
        with self._lock:
            self._waiting = {kind: later[kind].to_batches() if kind in later else [] for kind in KINDS}
            self._waiting_rows = sum(table.num_rows for table in later.values())
            self._waiting_since = time.monotonic()
        if not tables[ENTRIES].num_rows:
            return
        if isinstance(self._sink, HistoryWriterFolder):
            self._sink.compact()
        for kind, table in tables.items():
            self._counts.rows[kind] += table.num_rows
        elapsed = time.perf_counter_ns() - begun
        self._counts.flush_ns += elapsed
        self._counts.flush_buckets[bisect_left(FLUSH_BOUNDS_NS, elapsed)] += 1

    def _tables(self) -> dict[str, Any]:
        return {kind: pa.Table.from_batches(batches) for kind, batches in self._waiting.items() if batches}

    def snapshot(self) -> Snapshot:
        """The history as it is now.

        Raises:
            TypeError: it is not written to files.
        """
        if not isinstance(self._sink, HistoryWriterFolder):
            raise TypeError("expected a history in files")
        with self._lock:
            tables, files, last = self._tables(), self._sink.current, self._last
        position = last_entry(files)
        if tables and tables[ENTRIES]["entry"][0].as_py() <= position:
            # Files of these rows were just written.
            return Snapshot(files, {}, position)
        return Snapshot(files, tables, last)

    def metrics(self) -> dict[str, Any]:
        """What is shown to Prometheus: a document as `proofbook.exchange.observing.families` takes it."""
        counts = self._counts
        document: dict[str, Any] = {
            "counters": {
                "history_rows": [{"labels": {"kind": kind}, "value": rows} for kind, rows in counts.rows.items()],
                "history_failures": counts.failures,
            },
            "gauges": {
                "history_entry": self.position,
                "history_read_entry": self._last,
                "history_lag_entries": max(0, counts.acknowledged - self._last),
                "history_waiting_rows": self._waiting_rows,
            },
            "histograms": {
                "history_flush_ns": {
                    "buckets": list(zip(FLUSH_BOUNDS_NS, accumulate(counts.flush_buckets), strict=False)),
                    "count": sum(counts.flush_buckets),
                    "sum": counts.flush_ns,
                }
            },
        }
        if isinstance(self._sink, HistoryWriterFolder):
            files = self._sink.current
            document["gauges"]["history_files"] = [
                {"labels": {"kind": kind}, "value": len(files[kind])} for kind in KINDS
            ]
            document["counters"]["history_compactions"] = self._sink.compactions
        return document


def parquet_writer(
    folder: Path,
    *,
    out: Path | None = None,
    flush_s: float = FLUSH_S,
    acknowledged: Callable[[], int] | None = None,
) -> HistoryWriter:
    """A `HistoryWriter` of Parquet files: into ``history/`` of the exchange's folder, unless another one is named."""
    target = folder / "history" if out is None else out

    def sink(exchange: str) -> Sink:
        return HistoryWriterFolder(target, exchange)

    return HistoryWriter(folder, sink, flush_s=flush_s, acknowledged=acknowledged)
