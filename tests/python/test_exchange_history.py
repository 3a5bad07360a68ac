"""The history of an exchange: rows are what the server said, files have each of them once, whatever happens."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("duckdb", reason="the extra `exchange` is not installed")
pytest.importorskip("structlog", reason="the extra `exchange` is not installed")

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from exchange_flow import PATIENCE_S, Flow, run_and_kill
from typer.testing import CliRunner

from proofbook._core import HistoryReader
from proofbook.cli import app
from proofbook.errors import BusyError, InputError, JournalError
from proofbook.exchange import history_files
from proofbook.exchange.history import HistoryWriter, parquet_writer
from proofbook.exchange.history_files import KINDS, HistoryFolder, HistoryWriterFolder, between
from proofbook.exchange.history_queries import Files, History

REQUESTS = 2_000
KILLS = 6


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Flow]]:
    """An exchange that was given requests, and is still there."""
    folder = tmp_path_factory.mktemp("exchange")
    with Flow(folder, seed=20_261_128) as running:
        running.run(REQUESTS)
        yield folder, running


def read_log(folder: Path, entries_max: int = 997, after: int = 0) -> dict[str, pa.Table]:
    """All rows, from the log."""
    reader = HistoryReader(folder, after)
    batches: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    last, end = after, reader.acknowledged()
    while last < end:
        last, tables = reader.next(entries_max)
        for kind, batch in tables.items():
            batches[kind].append(batch)
    schemas = HistoryReader.schemas()
    return {
        kind: pa.Table.from_batches(found) if found else schemas[kind].empty_table() for kind, found in batches.items()
    }


def read_files(history: Path) -> dict[str, pa.Table]:
    """All rows, from the files as anyone finds them."""
    schemas = HistoryReader.schemas()
    return {
        kind: pa.concat_tables([pq.read_table(file.path, partitioning=None) for file in files])
        if files
        else schemas[kind].empty_table()
        for kind, files in HistoryFolder(history).files().items()
    }


def plain(table: pa.Table) -> pa.Table:
    """A table with texts for the words of dictionaries, which differ from file to file."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table[field.name].cast(pa.string()))
    return table.replace_schema_metadata(None).combine_chunks()


def assert_equal(found: dict[str, pa.Table], expected: dict[str, pa.Table]) -> None:
    """All tables have the same rows in the same order."""
    for kind in KINDS:
        assert found[kind].num_rows == expected[kind].num_rows, kind
        assert plain(found[kind]).to_batches() == plain(expected[kind]).to_batches(), kind


def up_to(tables: dict[str, pa.Table], entry: int) -> dict[str, pa.Table]:
    """The rows of the entries up to one."""
    return {kind: table.filter(pc.field("entry") <= entry) for kind, table in tables.items()}


def test_reports_are_those_that_the_server_told(flow: tuple[Path, Flow]) -> None:
    folder, running = flow
    told = {
        (answer["entry"], json.dumps(report, sort_keys=True))
        for answer in running.answers
        for report in answer["reports"]
    }
    history = History(Files(folder / "nothing", folder))
    rows = history.sql(
        'SELECT * REPLACE (epoch_ns(ts_event) AS ts_event) FROM orders ORDER BY entry, "index"'
    ).to_pylist()
    found = {(row["entry"], json.dumps(history._message(row)["report"], sort_keys=True)) for row in rows}
    assert len(told) > REQUESTS // 2
    assert told <= found
    # Those that nobody was answered with are about orders that others came to.
    accounts = {answer["entry"]: answer["account"] for answer in running.answers}
    assert all(accounts.get(entry) != json.loads(report)["order"]["account"] for entry, report in found - told)
    by_entry = defaultdict(list)
    for row in rows:
        by_entry[row["entry"]].append(row["index"])
    assert all(indexes == list(range(len(indexes))) for indexes in by_entry.values())


def test_the_last_balances_are_those_that_the_server_has(flow: tuple[Path, Flow]) -> None:
    folder, running = flow
    history = History(Files(folder / "nothing", folder))
    rows = history.sql(
        "SELECT account, asset, arg_max(total, entry), arg_max(held, entry), arg_max(credit, entry), "
        "arg_max(available, entry) FROM balances GROUP BY ALL"
    ).to_pylist()
    found = {(row["account"], row["asset"]): [*row.values()][2:] for row in rows}
    for account in range(1, running.query("accounts")["count"] + 1):
        for balance in running.query("balances", account=account):
            shown = [Decimal(balance[name]) for name in ("total", "held", "credit", "available")]
            assert found[account, balance["asset"]] == shown
    # What came in and did not go out is what all have together, the exchange's own account with its fees included.
    moved = history.sql(
        "SELECT asset, sum(CASE action WHEN 'deposit' THEN amount ELSE -amount END) AS amount FROM entries "
        "WHERE action IN ('deposit', 'withdraw') AND reason IS NULL GROUP BY asset"
    ).to_pylist()
    for row in moved:
        assert sum(total for (_, asset), (total, *_) in found.items() if asset == row["asset"]) == row["amount"]


def test_trades_add_up_to_reports(flow: tuple[Path, Flow]) -> None:
    folder, _ = flow
    tables = read_log(folder)
    trades, orders = tables["trades"].to_pylist(), tables["orders"].to_pylist()
    assert len(trades) > 300
    ids = [(row["market"], row["trade_id"]) for row in trades]
    assert len(set(ids)) == len(ids)
    assert all(row["notional"] == row["price"] * row["size"] for row in trades)
    sides: dict[str, list[Any]] = {"maker": [], "taker": []}
    for row in orders:
        if row["execution"] == "trade":
            sides[row["liquidity"]].append((row["entry"], row["order_id"], row["price"], row["size"]))
    for name, rows in sides.items():
        assert rows == [(row["entry"], row[f"{name}_order_id"], row["price"], row["size"]) for row in trades]
    entries = tables["entries"].to_pylist()
    assert [row["entry"] for row in entries] == list(range(1, len(entries) + 1))
    assert sum(row["reports"] for row in entries) == len(orders)


def test_rows_do_not_depend_on_where_reading_begins(flow: tuple[Path, Flow]) -> None:
    folder, _ = flow
    whole = read_log(folder)
    for after in (1, 17, 1_000):
        part = read_log(folder, entries_max=61, after=after)
        rest = {kind: table.filter(pc.field("entry") > after) for kind, table in whole.items()}
        assert_equal(part, rest)
    with pytest.raises(JournalError, match="expected a log that has entry 1000000"):
        HistoryReader(folder, 1_000_000)
    with pytest.raises(InputError, match="expected the folder of an exchange"):
        HistoryReader(folder / "nothing")


def test_what_no_table_can_hold_ends_the_history_right_before_it(tmp_path: Path) -> None:
    with Flow(tmp_path, seed=4) as running:
        running.run(40)
        before = running.answers[-1]["entry"]
        # Units of USD have 6 decimals: the exchange takes it, decimals of 38 digits do not.
        running.submit(action="deposit", account=1, asset="USD", amount="2" + "0" * 20)
        running.settle()
        assert running.answers[-1]["refusal"] is None
    reader = HistoryReader(tmp_path)
    last, tables = reader.next(10_000)
    assert last == before == tables["entries"].num_rows
    for _ in range(2):
        with pytest.raises(InputError, match=rf"entry {before + 1}: expected an amount of less than 10\^20"):
            reader.next(10_000)
    writer = parquet_writer(tmp_path)
    with pytest.raises(InputError, match=f"entry {before + 1}: "):
        writer.catch_up()
    assert writer.position == before
    writer.close()


CHILD = """
import sys
from pathlib import Path
from proofbook.exchange import history, history_files
history.ENTRIES_PER_READ = int(sys.argv[2])
history_files.MERGED_AT = 3
writer = history.parquet_writer(Path(sys.argv[1]), flush_s=0.0)
flush = writer._flush
def told():
    print("flush", flush=True)
    flush()
writer._flush = told
writer.run()
"""


def test_files_have_each_row_once_however_often_the_writer_is_killed(flow: tuple[Path, Flow]) -> None:
    folder, _ = flow
    seed = time.time_ns()
    print(f"seed {seed}")
    pick = random.Random(seed)
    expected = read_log(folder)
    places = []
    for _ in range(KILLS):
        program = [sys.executable, "-c", CHILD, str(folder), str(pick.randint(10, 30))]
        run_and_kill(program, pick.randint(2, 8), pick)
        found = read_files(folder / "history")
        places.append(found["entries"].num_rows)
        assert_equal(found, up_to(expected, places[-1]))
    assert places == sorted(places) and places[-1] > 0
    writer = parquet_writer(folder)
    writer.catch_up()
    writer.close()
    assert_equal(read_files(folder / "history"), expected)


class Crash(BaseException):
    """The process ends here."""


def test_a_crash_at_any_operation_on_files_loses_and_doubles_nothing(
    flow: tuple[Path, Flow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = flow
    monkeypatch.setattr("proofbook.exchange.history.ENTRIES_PER_READ", 40)
    monkeypatch.setattr("proofbook.exchange.history.WAITING_ROWS_MAX", 1)
    monkeypatch.setattr(history_files, "MERGED_AT", 3)
    expected = read_log(folder)
    target = tmp_path / "history"
    target.mkdir()
    left = 0

    def counted(operation: Any) -> Any:
        def run(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            if left == 0:
                raise Crash
            left -= 1
            return operation(*arguments, **named)

        return run

    for name in ("rename", "unlink", "mkdir"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    monkeypatch.setattr(os, "fsync", counted(os.fsync))
    crashes, is_done = 0, False
    while not is_done:
        # A little further each time, so that it ends.
        left = 3 * crashes
        try:
            writer = HistoryWriter(folder, lambda name: HistoryWriterFolder(target, name), flush_s=0.0)
            try:
                writer.catch_up()
                is_done = True
            finally:
                writer.close()
        except Crash:
            crashes += 1
        found = read_files(target)
        assert_equal(found, up_to(expected, found["entries"].num_rows))
    assert crashes > 10
    assert_equal(read_files(target), expected)


def test_a_question_sees_each_row_once_while_files_are_put_together(
    flow: tuple[Path, Flow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = flow
    monkeypatch.setattr("proofbook.exchange.history.ENTRIES_PER_READ", 40)
    monkeypatch.setattr(history_files, "MERGED_AT", 3)
    writer = parquet_writer(folder, flush_s=0.0, out=tmp_path)
    thread = threading.Thread(target=writer.run)
    # One looks at the writer, with what it has in memory; one at the folder, as another process would.
    sources = [History(writer), History(Files(tmp_path, None))]
    looks = 0
    thread.start()
    end = HistoryReader(folder).acknowledged()
    try:
        while writer.position < end:
            for source in sources:
                row = source.sql(
                    "SELECT count(*) AS count, count(DISTINCT entry) AS entries, max(entry) AS last, "
                    "sum(reports) AS reports, (SELECT count(*) FROM orders) AS orders FROM entries"
                ).to_pylist()[0]
                assert row["count"] == row["entries"] == (row["last"] or 0)
                assert row["orders"] == (row["reports"] or 0)
                looks += 1
    finally:
        writer.stop()
        thread.join()
        writer.close()
    assert looks > 4
    assert_equal(read_files(tmp_path), read_log(folder))
    assert len(HistoryFolder(tmp_path).files()["entries"]) < end // 40 // 3


def test_what_is_in_no_file_yet_is_seen(flow: tuple[Path, Flow], tmp_path: Path) -> None:
    folder, running = flow
    writer = parquet_writer(folder, flush_s=3_600.0, out=tmp_path)
    thread = threading.Thread(target=writer.run)
    thread.start()
    try:
        running.run(50)
        end = running.answers[-1]["entry"]
        limit = time.monotonic() + PATIENCE_S
        while writer.last < end:
            assert time.monotonic() < limit
            time.sleep(0.01)
        assert writer.position == 0
        assert History(writer).sql("SELECT max(entry) AS last FROM entries")["last"][0].as_py() == end
        assert writer.metrics()["gauges"]["history_waiting_rows"] > 0
    finally:
        writer.stop()
        thread.join()
        writer.close()
    # Stopping writes it.
    assert HistoryFolder(tmp_path).files()["entries"][-1].last == end


def test_writing_imports_no_pandas(flow: tuple[Path, Flow], tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    program = (
        "import sys; from pathlib import Path; from proofbook.exchange.history import parquet_writer\n"
        "writer = parquet_writer(Path(sys.argv[1]), out=Path(sys.argv[2])); writer.catch_up(); writer.close()\n"
        "assert writer.position > 0; print('pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, flow[0], tmp_path / "history"], capture_output=True, text=True, check=False
    )
    assert done.stdout == "False\n", f"half a second and 40 MB, the first time within an exchange's end: {done.stderr}"


def test_what_the_machine_may_lose_is_seen_and_not_written(tmp_path: Path) -> None:
    out = tmp_path / "history"
    with Flow(tmp_path, seed=3, sync="none") as running:
        writer = parquet_writer(tmp_path, flush_s=0.0, acknowledged=lambda: running.query("status")["acknowledged"])
        thread = threading.Thread(target=writer.run)
        thread.start()
        running.run(300)
        end = running.answers[-1]["entry"]
        limit = time.monotonic() + PATIENCE_S
        while writer.last < end:
            assert time.monotonic() < limit
            time.sleep(0.01)
        # Nothing is synced: the log itself promises less than the server has acknowledged.
        covered = HistoryReader(tmp_path).acknowledged()
        assert writer.position <= covered < end
        assert History(writer).sql("SELECT max(entry) AS last FROM entries")["last"][0].as_py() == end
    writer.stop()
    thread.join()
    writer.close()
    assert HistoryFolder(out).files()["entries"][-1].last == end
    assert_equal(read_files(out), read_log(tmp_path))


def test_rows_that_may_not_be_written_yet_cost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The writer took a third of a core for ever once as many rows waited as may: it sorted them out at each look.
    sorted_out = []

    def counted(table: Any, first: int, last: int) -> Any:
        sorted_out.append((first, last))
        return between(table, first, last)

    monkeypatch.setattr("proofbook.exchange.history.between", counted)
    monkeypatch.setattr("proofbook.exchange.history.WAITING_ROWS_MAX", 50)
    with Flow(tmp_path, seed=5, sync="none") as running:
        writer = parquet_writer(tmp_path, flush_s=0.0, acknowledged=lambda: running.query("status")["acknowledged"])
        thread = threading.Thread(target=writer.run)
        thread.start()
        running.run(300)
        limit = time.monotonic() + PATIENCE_S
        while writer.metrics()["gauges"]["history_waiting_rows"] < 50 or writer.position < covered_by(tmp_path):
            assert time.monotonic() < limit
            time.sleep(0.01)
        before = len(sorted_out)
        time.sleep(1)
        assert len(sorted_out) == before
        writer.stop()
        thread.join()
        writer.close()


def covered_by(folder: Path) -> int:
    """Up to which entry the log says that it cannot be lost."""
    return HistoryReader(folder).acknowledged()


def test_questions_of_accounts_and_markets(flow: tuple[Path, Flow], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = flow
    # So few that the latest rows are not all among them.
    monkeypatch.setattr("proofbook.exchange.history_queries.LATEST_ENTRIES", 2)
    history = History(Files(folder / "nothing", folder))
    orders = read_log(folder)["orders"].to_pylist()
    fills = [(row["entry"], row["index"]) for row in orders if row["account"] == 2 and row["execution"] == "trade"]
    found = [(row["entry"], row["index"]) for row in history.fills(2, limit=10)]
    assert found == fills[-10:]
    since = fills[20][0]
    assert [(row["entry"], row["index"]) for row in history.fills(2, since, 10)] == [
        fill for fill in fills if fill[0] > since
    ][:10]
    paged: list[tuple[int, int]] = []
    key: tuple[int, int | None] = (0, None)
    while page := history.fills(2, key[0], limit=1, since_index=key[1]):
        key = page[-1]["entry"], page[-1]["index"]
        paged += [(row["entry"], row["index"]) for row in page]
    assert paged == fills, "also where an entry has more than a page"
    assert max(Counter(entry for entry, _ in fills).values()) > 1
    gone = history.orders(2, "ETH-BTC", limit=50)
    assert {row["report"]["order"]["status"] for row in gone} == {"filled", "cancelled"}
    assert {row["report"]["order"]["market"] for row in gone} == {"ETH-BTC"}
    ids = [row["report"]["order"]["order_id"] for row in history.orders(2, limit=5_000)]
    assert len(set(ids)) == len(ids)
    with pytest.raises(InputError, match="expected 1 to 10000 rows; received 0"):
        history.fills(2, limit=0)


def test_candles_are_those_of_the_trades(flow: tuple[Path, Flow]) -> None:
    folder, _ = flow
    history = History(Files(folder / "nothing", folder))
    by_second: dict[int, list[dict[str, Any]]] = defaultdict(list)
    trades = history.trades("BTC-USD", limit=10_000)
    for trade in trades:
        by_second[trade["time_ns"] // 10**9 * 10**9].append(trade)
    expected = [
        {
            "start_ns": start,
            "open": group[0]["price"],
            "high": max((trade["price"] for trade in group), key=Decimal),
            "low": min((trade["price"] for trade in group), key=Decimal),
            "close": group[-1]["price"],
            "volume": str(sum(Decimal(trade["quantity"]) for trade in group)),
            "trades": len(group),
        }
        for start, group in by_second.items()
    ]
    assert history.candles("BTC-USD", 1) == expected
    since = expected[0]["start_ns"] + 1
    assert history.candles("BTC-USD", 1, since_ns=since) == expected[1:]
    with pytest.raises(InputError, match="expected a market of this history; received 'X'"):
        history.candles("X")


def test_questions_are_bounded_in_time(flow: tuple[Path, Flow]) -> None:
    folder, _ = flow
    history = History(Files(folder / "nothing", folder), seconds_max=0.2)
    # Nobody would wait for its end.
    with pytest.raises(BusyError, match=r"expected a question that takes at most 0\.2 s"):
        history.sql("SELECT count(*) FROM range(100000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3")
    with pytest.raises(InputError, match="nothing_like_it"):
        history.sql("SELECT * FROM nothing_like_it")


def test_one_writes_and_none_writes_to_another_exchange(flow: tuple[Path, Flow], tmp_path: Path) -> None:
    folder, _ = flow
    writer = parquet_writer(folder, out=tmp_path)
    with pytest.raises(InputError, match="another process writes this history"):
        parquet_writer(folder, out=tmp_path)
    writer.catch_up()
    writer.close()
    with pytest.raises(InputError, match="expected exchange and format"):
        HistoryWriterFolder(tmp_path, "other")
    with Flow(folder / "another", seed=1) as another:
        # As many entries, so that only their times tell.
        another.run(REQUESTS + 100)
    with pytest.raises(JournalError, match="what is written is the history of another log"):
        parquet_writer(folder / "another", out=tmp_path)
    first = HistoryFolder(tmp_path).files()["entries"][0]
    first.path.rename(first.path.with_name(f"{2:020}-{first.last:020}.parquet"))
    with pytest.raises(JournalError, match="expected entry 1 next"):
        parquet_writer(folder, out=tmp_path)


def test_each_day_has_its_files(flow: tuple[Path, Flow], tmp_path: Path) -> None:
    folder, _ = flow
    tables = read_log(folder)
    minute_ns = 60 * 10**9
    for kind, table in tables.items():
        # As if each entry had come ten minutes after the one before it, from noon on.
        times = pa.array([(720 + 10 * entry) * minute_ns for entry in table["entry"].to_pylist()], pa.timestamp("ns"))
        tables[kind] = table.set_column(table.schema.get_field_index("ts_event"), table.schema.field("ts_event"), times)
    with HistoryWriterFolder(tmp_path, "proofbook") as sink:
        sink.write({kind: table.slice(0, table.num_rows) for kind, table in tables.items()})
        assert sink.position == tables["entries"].num_rows
    assert_equal(read_files(tmp_path), tables)
    files = HistoryFolder(tmp_path).files()["entries"]
    assert [(file.day, file.first, file.last) for file in files[:2]] == [("1970-01-01", 1, 71), ("1970-01-02", 72, 215)]


def run(*arguments: str) -> Any:
    """Run the command; what it printed last."""
    result = CliRunner().invoke(app, ["history", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def test_the_command_writes_and_answers(flow: tuple[Path, Flow], tmp_path: Path) -> None:
    folder, _ = flow
    out = ["--out", str(tmp_path)]
    question = "SELECT market, count(*) AS trades, sum(size) AS volume FROM trades GROUP BY market ORDER BY market"
    before = json.loads(run(str(folder), *out, "--sql", question, "--json"))
    written = json.loads(run(str(folder), *out, "--json"))
    assert written["entries"] == written["written"] == read_log(folder)["entries"].num_rows
    assert json.loads(run(str(folder), *out, "--json"))["written"] == 0
    after = json.loads(run(str(folder), *out, "--sql", question, "--json"))
    assert before == after
    assert after["columns"] == ["market", "trades", "volume"]
    assert [row[0] for row in after["rows"]] == ["BTC-USD", "ETH-BTC"]
    assert "BTC-USD" in run(str(folder), *out, "--sql", question)
    cut = json.loads(run(str(folder), *out, "--sql", "SELECT * FROM entries", "--limit", "3", "--json"))
    assert len(cut["rows"]) == 3 and cut["cut"]
    with pytest.raises(InputError, match="received both"):
        run(str(folder), "--sql", "SELECT 1", "--follow")
