"""How a change of the book reaches its readers: a short run of the real exchange, and what is made of altered rows and
figures.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import threading
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("litestar", reason="the extra `exchange` is not installed")

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from proofbook import bench, bench_fanout, bench_fanout_report
from proofbook.bench_fanout import MESSAGE_COLUMNS, ORDER_COLUMNS, Bench, Case, Exchange, Numbers, Plan
from proofbook.bench_load import Programs
from proofbook.errors import BrokenInvariantError

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[2] / "target")) / "debug"
PLAN = Plan(
    rounds=2, rates_per_s=(200,), web_readers=(1, 3), fix_readers=(2,), seconds=0.5, warm_up_seconds=0.1, resting=20
)
REQUESTS = 100
TWO = Case("web", 2, 1000)


@pytest.fixture(scope="module")
def programs() -> Programs:
    """What ``cargo test`` built."""
    built = [TARGET / "serve", TARGET / "examples" / "order_load", TARGET / "examples" / "feed_readers"]
    if not all(path.is_file() for path in built):
        pytest.skip("load generator and readers are not built: cargo test builds them")
    return Programs(*built)


@pytest.fixture(scope="module")
def measured(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A short run, beside the name of the machine."""
    told = bench_fanout.measure(PLAN, programs, tmp_path_factory.mktemp("fanout") / "files")
    return {"fanout": told, "machine_name": bench.machine_name()}


def columns(names: tuple[str, ...], rows: Sequence[tuple[int, ...]]) -> dict[str, Numbers]:
    """Rows as columns."""
    return dict(zip(names, np.array(rows, dtype=np.int64).T, strict=True))


def test_a_short_run_has_every_figure(measured: dict[str, Any]) -> None:
    """Each reader is timed for each order, or each that trades; those without readers are there twice a round."""
    cases = {(case["kind"], case["readers"]): case["rounds"] for case in measured["fanout"]["cases"]}
    assert {key: len(rounds) for key, rounds in cases.items()} == {
        ("none", 0): 4,
        ("web", 1): 2,
        ("web", 3): 2,
        ("fix", 2): 2,
    }
    for (kind, readers), rounds in cases.items():
        for figures in rounds:
            assert figures["requests"] == figures["acknowledgement"]["count"] == REQUESTS
            if kind == "none":
                assert "reach" not in figures
                continue
            # One of five requests trades.
            assert figures["reach"]["count"] == readers * (REQUESTS if kind == "web" else REQUESTS // 5)
            assert 0 < figures["reach"]["p50_ns"] <= figures["reach"]["p99_ns"] <= figures["reach"]["max_ns"]
            assert figures["messages"] % readers == 0
            assert figures["shown_anew"] == 0
            assert set(figures["processors"]) == {"exchange", "readers", "orders"}


def test_it_becomes_a_report(measured: dict[str, Any], tmp_path: Path) -> None:
    """A table of what is told and one of what that costs, two plots; all of it is JSON."""
    report = "\n".join(bench_fanout_report.section(measured))
    for row in ("| 1 by WebSocket |", "| 3 by WebSocket |", "| 2 over FIX |"):
        assert report.count(row) == 2
    assert report.count("| none |") == 1
    assert f"share the {os.cpu_count()} cores" in report
    paths = bench_fanout_report.plots(measured, tmp_path)
    assert [path.name for path in paths] == ["fanout_reach.png", "fanout_cost.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    assert json.loads(json.dumps(measured)) == measured


def test_altered_figures_alter_the_report(measured: dict[str, Any]) -> None:
    """Orders that wait longer beside readers, conflated messages, a wider range."""
    altered = copy.deepcopy(measured)
    for case in altered["fanout"]["cases"]:
        for number, figures in enumerate(case["rounds"]):
            figures["acknowledgement"]["p50_ns"] = 1_000_000 if case["kind"] == "none" else 2_500_000
            if case["readers"] == 3:
                figures["conflated"] = 1234 + number
                figures["reach"]["p99_ns"] = (7_000_000, 9_000_000)[number]
    report = "\n".join(bench_fanout_report.section(altered))
    assert "| none | 1 ms |" in report.replace("1 ms (1 ms-1 ms)", "1 ms")
    assert report.count("2.5 ms (2.5 ms-2.5 ms), 2.50 times") == 3
    [row] = [line for line in report.splitlines() if line.startswith("| 3 by WebSocket |") and "2,469" in line]
    assert "8 ms (7 ms-9 ms)" in row
    assert "2,469" not in "\n".join(bench_fanout_report.section(measured))


def test_what_was_left_out_is_said() -> None:
    """With the reason, and without plots."""
    result = {"fanout": {"left_out": "there are no packages here"}, "machine_name": bench.machine_name()}
    assert bench_fanout_report.section(result)[-1] == "Left out: there are no packages here."
    assert bench_fanout_report.plots(result, Path()) == []
    told = bench_fanout.measure(PLAN, Programs(Path("serve"), Path("load")), Path("files"))
    assert told == {"left_out": "there is no program that reads"}


ORDERS = columns(ORDER_COLUMNS, [(1000, 1100, 11, 0), (2000, 2100, 12, 1), (3000, 3100, 13, 0)])
MESSAGES = [
    (500, 0, 10, 7, 1, 90),
    (501, 1, 10, 7, 1, 90),
    (2500, 0, 12, 8, 0, 20),
    (2600, 1, 12, 8, 0, 20),
    (3500, 0, 13, 9, 0, 40),
    (3800, 1, 13, 9, 0, 40),
]


def test_each_order_is_timed_to_the_first_message_that_holds_it() -> None:
    """From when it was due, at each reader."""
    figures = bench_fanout.told(TWO, ORDERS, columns(MESSAGE_COLUMNS, MESSAGES))
    waits = sorted([1500, 500, 500, 1600, 600, 800])
    assert figures["reach"]["count"] == 6
    assert (figures["reach"]["min_ns"], figures["reach"]["p50_ns"], figures["reach"]["max_ns"]) == (500, 600, 1600)
    assert figures["reach"]["mean_ns"] == pytest.approx(sum(waits) / 6)
    assert (figures["spread"]["count"], figures["spread"]["min_ns"], figures["spread"]["max_ns"]) == (2, 100, 300)
    assert figures["messages"] == 4
    assert figures["messages_per_s"] == pytest.approx(4 / 2800 * 1e9)
    assert figures["requests_per_message"] == 1.5
    assert figures["bytes_per_message"] == 30
    assert (figures["conflated"], figures["shown_anew"]) == (0, 0)


def test_trades_alone_are_timed_over_fix() -> None:
    """Messages that name no entry hold nothing more than those before."""
    rows = [(500, 0, 0, 2, 1, 90), (1400, 0, 0, 3, 0, 9), (2500, 0, 12, 4, 0, 20), (3500, 0, 0, 5, 0, 9)]
    figures = bench_fanout.told(Case("fix", 1, 1000), ORDERS, columns(MESSAGE_COLUMNS, rows))
    assert (figures["reach"]["count"], figures["reach"]["p50_ns"]) == (1, 500)
    assert figures["spread"] is None


def test_messages_that_were_put_together_are_counted() -> None:
    """A reader that has one message for two, and then a whole book."""
    conflated = [row for row in MESSAGES if row[:2] != (2600, 1)]
    figures = bench_fanout.told(TWO, ORDERS, columns(MESSAGE_COLUMNS, conflated))
    assert (figures["conflated"], figures["shown_anew"]) == (1, 0)
    assert figures["reach"]["max_ns"] == 3800 - 1000
    anew = [(*row[:4], 1, row[5]) if row[:2] == (3800, 1) else row for row in conflated]
    assert bench_fanout.told(TWO, ORDERS, columns(MESSAGE_COLUMNS, anew))["shown_anew"] == 1


def test_a_reader_that_lacks_the_end_is_found() -> None:
    """There are no figures of orders that a reader was not told of."""
    with pytest.raises(BrokenInvariantError, match="reader 1: expected entry 13, received 12"):
        bench_fanout.told(TWO, ORDERS, columns(MESSAGE_COLUMNS, MESSAGES[:-1]))


SNAPSHOT = {
    "market": "BTC-USD",
    "sequence": 7,
    "entry": 10,
    "time_ns": 1,
    "bids": [["1.00", "0.002", 1]],
    "asks": [],
    "checksum": zlib.crc32(b"100:2:1;"),
    "type": "snapshot",
}


def texts(*messages: dict[str, Any]) -> list[bytes]:
    """Messages as the stream has them."""
    fields = [{"channel": "book", "type": message["type"], **message} for message in messages]
    return [json.dumps(each, separators=(",", ":")).encode() for each in fields]


def test_a_book_that_does_not_hold_is_found() -> None:
    """A quantity that differs, and a message that is missing."""
    delta = {**SNAPSHOT, "type": "delta", "sequence": 8, "previous": 7, "bids": [["1.00", "0.001", 1]]}
    delta["checksum"] = zlib.crc32(b"100:1:1;")
    bench_fanout.check_book(texts(SNAPSHOT, delta))
    with pytest.raises(BrokenInvariantError, match="mismatch"):
        bench_fanout.check_book(texts(SNAPSHOT, {**delta, "bids": [["1.00", "0.002", 1]]}))
    with pytest.raises(BrokenInvariantError, match="gap"):
        bench_fanout.check_book(texts(SNAPSHOT, {**delta, "sequence": 9, "previous": 8}))


@contextlib.contextmanager
def telling(*messages: bytes) -> Iterator[str]:
    """A server that tells each reader just this; its address."""

    def tell(connection: ServerConnection) -> None:
        connection.recv()
        for message in messages:
            connection.send(message.decode(), text=True)
        with contextlib.suppress(ConnectionClosed):
            connection.recv()

    with serve(tell, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield "{}:{}".format(*server.socket.getsockname())
        finally:
            server.shutdown()
            thread.join()


def read_all(programs: Programs, folder: Path, messages: list[bytes]) -> dict[str, Numbers]:
    """What two readers note of what they are told, up to entry 12."""
    runner = Bench(programs, folder, [])
    with telling(*messages) as address, runner.read(Exchange(0, "", address), TWO, folder / "rows") as readers:
        readers.end(12)
    return bench_fanout.table(folder / "rows", MESSAGE_COLUMNS)


def test_readers_note_each_message_and_want_every_step(programs: Programs, tmp_path: Path) -> None:
    """A delta that does not follow ends them, and with them the run."""
    delta = {**SNAPSHOT, "type": "delta", "sequence": 8, "previous": 7, "entry": 12}
    messages = texts(SNAPSHOT, delta)
    rows = read_all(programs, tmp_path, messages)
    assert sorted(rows["sequence"]) == [7, 7, 8, 8]
    assert sorted(rows["is_snapshot"]) == [0, 0, 1, 1]
    assert (tmp_path / "rows.texts").read_bytes().splitlines() == messages
    with pytest.raises(BrokenInvariantError, match="what a delta follows"):
        read_all(programs, tmp_path, texts(SNAPSHOT, {**delta, "previous": 6}))
