"""The history in a real PostgreSQL: each row once, whenever the writer dies."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="the extra `exchange` is not installed")
pytest.importorskip("structlog", reason="the extra `exchange` is not installed")

import psycopg
import pyarrow as pa
from exchange_flow import PATIENCE_S, Flow, run_and_kill
from postgres_server import running_postgres

from proofbook._core import HistoryReader
from proofbook.errors import InputError
from proofbook.exchange.history import HistoryWriter
from proofbook.exchange.history_files import KINDS
from proofbook.exchange.history_postgres import KEYS, PostgresHistory

KILLS = 6
END_THE_WRITER = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'proofbook history'"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a running server."""
    with running_postgres() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exchange's folder, with a log."""
    path = tmp_path_factory.mktemp("exchange")
    with Flow(path, seed=15) as running:
        running.run(2_000)
    return path


def read_log(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows from the log, times in nanoseconds."""
    reader = HistoryReader(folder)
    rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    last, end = 0, reader.acknowledged()
    while last < end:
        last, tables = reader.next(500)
        for kind, batch in tables.items():
            table = pa.Table.from_batches([batch])
            place = table.schema.get_field_index("ts_event")
            rows[kind] += table.set_column(place, "ts_event", table["ts_event"].cast(pa.int64())).to_pylist()
    return rows


def read_postgres(address: str) -> dict[str, list[dict[str, Any]]]:
    """All rows from PostgreSQL."""
    rows = {}
    with psycopg.connect(address, row_factory=psycopg.rows.dict_row) as connection:
        for kind in KINDS:
            order = ", ".join(f'"{name}"' for name in KEYS[kind])
            rows[kind] = connection.execute(f"SELECT * FROM proofbook.{kind} ORDER BY {order}").fetchall()
    return rows


def assert_equal(address: str, folder: Path) -> None:
    found, expected = read_postgres(address), read_log(folder)
    for kind in KINDS:
        expected[kind].sort(key=lambda row: [row[name] for name in KEYS[kind]])
        assert found[kind] == expected[kind], kind


@pytest.fixture
def empty(address: str) -> str:
    """The address of a database without a history."""
    with psycopg.connect(address) as connection:
        connection.execute("DROP SCHEMA IF EXISTS proofbook CASCADE")
    return address


CHILD = """
import sys
from pathlib import Path
from proofbook.exchange import history
from proofbook.exchange.history_postgres import PostgresHistory
history.ENTRIES_PER_READ = int(sys.argv[3])
history.WAITING_ROWS_MAX = 1
writer = history.HistoryWriter(Path(sys.argv[1]), lambda name: PostgresHistory(sys.argv[2], name))
flush = writer._flush
def told():
    print("flush", flush=True)
    flush()
writer._flush = told
writer.run()
"""


def test_each_row_is_there_once_however_often_the_writer_is_killed(empty: str, folder: Path) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")
    pick = random.Random(seed)
    places = []
    for _ in range(KILLS):
        program = [sys.executable, "-c", CHILD, str(folder), empty, str(pick.randint(10, 40))]
        run_and_kill(program, pick.randint(2, 8), pick)
        with psycopg.connect(empty) as connection:
            # The server may still be ending what the killed writer had begun; this waits for it.
            (last,) = connection.execute("SELECT entry FROM proofbook.position FOR UPDATE").fetchone()
            (there,) = connection.execute("SELECT count(*) FROM proofbook.entries").fetchone()
            assert there == last
            places.append(last)
    assert places == sorted(places) and places[-1] > 0
    writer = HistoryWriter(folder, lambda name: PostgresHistory(empty, name))
    writer.catch_up()
    writer.close()
    assert_equal(empty, folder)


def test_a_transaction_that_fails_leaves_nothing(empty: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = HistoryWriter(folder, lambda name: PostgresHistory(empty, name))
    copy = PostgresHistory._copy

    def failing(self: PostgresHistory, kind: str, table: Any) -> None:
        copy(self, kind, table)
        if kind == "entries":
            self._connection.execute("SELECT 1 / 0")

    monkeypatch.setattr(PostgresHistory, "_copy", failing)
    with pytest.raises(InputError, match="division by zero"):
        writer.catch_up()
    writer.close()
    assert all(rows == [] for rows in read_postgres(empty).values())
    monkeypatch.undo()
    writer = HistoryWriter(folder, lambda name: PostgresHistory(empty, name))
    writer.catch_up()
    writer.close()
    assert_equal(empty, folder)


def test_a_second_writer_and_another_exchange_are_refused(empty: str, folder: Path) -> None:
    slow = HistoryWriter(folder, lambda name: PostgresHistory(empty, name))
    fast = HistoryWriter(folder, lambda name: PostgresHistory(empty, name))
    fast.catch_up()
    with pytest.raises(InputError, match="expected entry 0 to be the last in PostgreSQL: another process writes it"):
        slow.catch_up()
    slow.close()
    fast.close()
    with pytest.raises(InputError, match="expected exchange and format"):
        PostgresHistory(empty, "another")
    assert_equal(empty, folder)


def test_a_writer_goes_on_when_the_database_was_gone(empty: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proofbook.exchange.history.RETRY_S", 0.05)
    monkeypatch.setattr("proofbook.exchange.history.ENTRIES_PER_READ", 50)
    monkeypatch.setattr("proofbook.exchange.history.WAITING_ROWS_MAX", 1)
    # So much may be written until the writer's connection is ended the next time: it cannot be done before.
    allowed = threading.Semaphore(3)
    write = PostgresHistory.write

    def allowed_write(self: PostgresHistory, tables: Any) -> None:
        assert allowed.acquire(timeout=PATIENCE_S)
        write(self, tables)

    monkeypatch.setattr(PostgresHistory, "write", allowed_write)
    writer = HistoryWriter(folder, lambda name: PostgresHistory(empty, name))
    thread = threading.Thread(target=writer.run)
    thread.start()
    try:
        end = HistoryReader(folder).acknowledged()
        limit = time.monotonic() + PATIENCE_S
        ended = 0
        while writer.position < end:
            assert time.monotonic() < limit
            if ended < 3:
                with psycopg.connect(empty) as connection:
                    found = len(connection.execute(END_THE_WRITER).fetchall())
                ended += found
                if found:
                    allowed.release(3 if ended < 3 else end)
            time.sleep(0.02)
    finally:
        writer.stop()
        thread.join()
        writer.close()
    assert ended == 3
    assert_equal(empty, folder)


def test_no_address_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        PostgresHistory(f"host={tmp_path} user=u password=hunter2 dbname=x", "proofbook")
    assert "hunter2" not in str(error.value)
    assert error.value.__cause__ is None
