"""The history's files: Parquet, by kind and day, each named by the entries that it covers.

``orders/day=2026-01-31/00000000000000000001-00000000000000004096.parquet`` has what entries 1 to 4096 came to, all of
them of that day (UTC). ``docs/HISTORY.md`` describes the tables.

A file is written under another name, synced, renamed, and its folder synced: what has its name is whole. All files of
some entries count from when that of the kind ``entries`` is there, which is written last: it has a row for each entry,
so the last of them says how far the history goes. Files beyond it are left from a crash and are removed by the next
writer. Small files are put together: the large file is renamed first, then the small ones are removed, and a file whose
entries another one covers is passed over; so readers see each row once, whenever they look.

Invariants: one process writes at a time (``lock``); the files of ``entries`` follow each other without a gap.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from proofbook.errors import InputError, JournalError

ENTRIES = "entries"
KINDS = ("orders", "trades", "balances", "assets", "markets", ENTRIES)
"""The tables; that of the entries is the last to be written."""

FORMAT = "1"
ROW_GROUP_ROWS = 1 << 17
NAME = re.compile(r"(\d{20})-(\d{20})\.parquet")
DAY = re.compile(r"day=(\d{4}-\d{2}-\d{2})")
UNFINISHED = ".unfinished"
DAY_NS = 86_400 * 10**9
LISTINGS_MAX = 20
"""A folder that is different each time it is looked at is looked at so often at most."""

MERGED_AT = 16
"""So many neighbouring files of about one size are put together."""
TIER_ROWS = (1 << 12, 1 << 16, 1 << 20)
"""Files are of about one size if they have less rows than the same of these; larger ones stay as they are."""


@dataclass(frozen=True, order=True)
class HistoryFile:
    """A file of the history.

    Attributes:
        first: the first entry that it covers.
        last: the last one.
        day: of its entries, UTC.
    """

    first: int
    last: int
    kind: str
    day: str
    path: Path

    def covers(self, other: HistoryFile) -> bool:
        """Whether it has all that another file has."""
        return self.first <= other.first and other.last <= self.last and self.path != other.path


def _without_covered(files: Iterable[HistoryFile]) -> list[HistoryFile]:
    """Files in order, without those that another one covers."""
    kept: list[HistoryFile] = []
    for file in sorted(files, key=lambda file: (file.first, -file.last)):
        if not kept or not kept[-1].covers(file):
            kept.append(file)
    return kept


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def last_entry(files: Mapping[str, Sequence[HistoryFile]]) -> int:
    """The last entry that files have, by kind."""
    return files[ENTRIES][-1].last if files[ENTRIES] else 0


class HistoryFolder:
    """A folder of history files, to read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _list_once(self) -> dict[str, list[HistoryFile]]:
        found: dict[str, list[HistoryFile]] = {kind: [] for kind in KINDS}
        for kind, files in found.items():
            for path in (self.path / kind).glob("day=*/*.parquet"):
                name, day = NAME.fullmatch(path.name), DAY.fullmatch(path.parent.name)
                if name is None or day is None:
                    raise InputError(f"expected files of a history in {self.path}; received {path}")
                files.append(HistoryFile(int(name[1]), int(name[2]), kind, day[1], path))
        return found

    def files(self) -> dict[str, list[HistoryFile]]:
        """The files that count, by kind, in the order of their entries.

        Raises:
            InputError: there is something else among them.
            JournalError: entries are missing.
        """
        found = self._list_once()
        for _ in range(LISTINGS_MAX):
            again = self._list_once()
            if again == found:
                break
            found = again
        else:
            raise JournalError(f"{self.path}: its files are others each time they are looked at")
        counting = {kind: _without_covered(files) for kind, files in found.items()}
        end = 0
        for file in counting[ENTRIES]:
            if file.first != end + 1:
                raise JournalError(f"{self.path}: expected entry {end + 1} next; received {file.path.name}")
            end = file.last
        return {kind: [file for file in files if file.last <= end] for kind, files in counting.items()}


class HistoryWriterFolder(HistoryFolder):
    """A folder of history files, to write. Close it, or use it as a context.

    Attributes:
        current: the files that count, by kind.
        position: the last entry that they have.
        compactions: how often files were put together since it was opened.
    """

    def __init__(self, path: Path, exchange: str) -> None:
        """Take the folder for this process, and remove what a crash left.

        Args:
            path: the folder, which is made where it is missing.
            exchange: the exchange's name; files of another one are refused.

        Raises:
            InputError: another process writes it, or it is of another exchange.
            JournalError: entries are missing in it.
        """
        super().__init__(path)
        path.mkdir(parents=True, exist_ok=True)
        self._lock: IO[bytes] = (path / "lock").open("wb")
        try:
            self._take_lock()
            self.current = self.files()
            self._check_exchange(exchange)
            self._remove_leftovers()
        except BaseException:
            self._lock.close()
            raise
        self.compactions = 0
        self._rows: dict[Path, int] = {}

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{self.path}: another process writes this history") from None

    def _check_exchange(self, exchange: str) -> None:
        for file in self.current[ENTRIES][:1]:
            metadata = pq.read_schema(file.path).metadata or {}
            found = metadata.get(b"proofbook.exchange", b"").decode(), metadata.get(b"proofbook.history", b"").decode()
            if found != (exchange, FORMAT):
                raise InputError(f"{file.path}: expected exchange and format {(exchange, FORMAT)}; received {found}")

    def _remove_leftovers(self) -> None:
        counting = {file.path for files in self.current.values() for file in files}
        for kind in KINDS:
            for path in (self.path / kind).glob("day=*/*"):
                if path not in counting:
                    path.unlink()

    def __enter__(self) -> HistoryWriterFolder:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another process write."""
        self._lock.close()

    @property
    def position(self) -> int:
        """The last entry that is in the files."""
        return last_entry(self.current)

    @property
    def last_time_ns(self) -> int | None:
        """When that entry was taken."""
        if not self.current[ENTRIES]:
            return None
        file = pq.ParquetFile(self.current[ENTRIES][-1].path)
        rows = file.read_row_group(file.num_row_groups - 1, columns=["ts_event"])
        return int(rows["ts_event"].cast(pa.int64())[-1].as_py())

    def write(self, tables: Mapping[str, Any]) -> None:
        """Write what came of the next entries, durably.

        Args:
            tables: by kind, Arrow tables in the order of their entries; that of the entries has each entry behind
                ``position``.

        Raises:
            OSError: a file cannot be written. What was written of these entries does not count.
        """
        for day, first, last in _days(tables[ENTRIES]):
            written = []
            for kind in KINDS:
                rows = tables.get(kind)
                part = None if rows is None else between(rows, first, last)
                if part is not None and part.num_rows > 0:
                    file = HistoryFile(first, last, kind, day, self._path(kind, day, first, last))
                    self._write_file(file, [part], part.schema)
                    written.append(file)
            # At once, for threads that look: either none of the new files counts or all do.
            self.current = {
                kind: files + [file for file in written if file.kind == kind] for kind, files in self.current.items()
            }

    def _path(self, kind: str, day: str, first: int, last: int) -> Path:
        return self.path / kind / f"day={day}" / f"{first:020}-{last:020}.parquet"

    def _write_file(self, file: HistoryFile, tables: Iterable[Any], schema: Any) -> None:
        folder = file.path.parent
        if not folder.is_dir():
            folder.mkdir(parents=True)
            _sync_folder(folder.parent)
            _sync_folder(self.path)
        unfinished = file.path.with_name(file.path.name + UNFINISHED)
        rows = 0
        with unfinished.open("wb") as target:
            with pq.ParquetWriter(target, schema, compression="zstd", store_schema=True) as writer:
                for table in tables:
                    writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
                    rows += table.num_rows
            target.flush()
            os.fsync(target.fileno())
        unfinished.rename(file.path)
        _sync_folder(folder)
        self._rows[file.path] = rows

    def compact(self) -> None:
        """Put small neighbouring files together and remove them. Whoever finds one gone looks at the folder again."""
        for kind in KINDS:
            while (run := self._run_of_small_files(self.current[kind])) is not None:
                first, end = run
                parts = self.current[kind][first:end]
                merged = self._merge(parts)
                files = self.current[kind]
                self.current = {**self.current, kind: [*files[:first], merged, *files[end:]]}
                self.compactions += 1
                for part in parts:
                    part.path.unlink()

    def _run_of_small_files(self, files: Sequence[HistoryFile]) -> tuple[int, int] | None:
        """The first run of neighbours of one day and about one size that is long enough, as places in `files`."""
        start = 0
        for place in range(1, len(files) + 1):
            goes_on = (
                place < len(files)
                and files[place].day == files[start].day
                and self._tier(files[place]) == self._tier(files[start])
                and self._tier(files[start]) < len(TIER_ROWS)
            )
            if goes_on and place - start + 1 == MERGED_AT:
                return start, place + 1
            if not goes_on:
                start = place
        return None

    def _tier(self, file: HistoryFile) -> int:
        if file.path not in self._rows:
            self._rows[file.path] = pq.read_metadata(file.path).num_rows
        return sum(self._rows[file.path] >= rows for rows in TIER_ROWS)

    def _merge(self, parts: Sequence[HistoryFile]) -> HistoryFile:
        first, last = parts[0].first, parts[-1].last
        path = self._path(parts[0].kind, parts[0].day, first, last)
        merged = HistoryFile(first, last, parts[0].kind, parts[0].day, path)
        tables = (pq.read_table(part.path, partitioning=None) for part in parts)
        self._write_file(merged, tables, pq.read_schema(parts[0].path))
        for part in parts:
            self._rows.pop(part.path, None)
        return merged


def _days(entries: Any) -> list[tuple[str, int, int]]:
    """The days of a table of entries, each with its first and last entry."""
    days = _numbers(entries["ts_event"].cast(pa.int64())) // DAY_NS
    numbers = _numbers(entries["entry"])
    starts = [0, *(int(place) + 1 for place in np.flatnonzero(np.diff(days)))]
    ends = [*starts[1:], len(numbers)]
    return [
        (
            datetime.fromtimestamp(int(days[start]) * 86_400, UTC).strftime("%Y-%m-%d"),
            int(numbers[start]),
            int(numbers[end - 1]),
        )
        for start, end in zip(starts, ends, strict=True)
    ]


def _numbers(column: Any) -> Any:
    """A column of integers as an array of numpy; its own `to_numpy` imports pandas where there is one."""
    return np.from_dlpack(column.combine_chunks())


def between(table: Any, first: int, last: int) -> Any:
    """The rows of a table that are of some entries."""
    numbers = _numbers(table["entry"])
    start, end = np.searchsorted(numbers, [first, last + 1])
    return table.slice(int(start), int(end - start))
