"""The demo market: flow that is entered as it was recorded, traders, and all of it started and stopped for real."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litestar", reason="the packages of the extra `exchange` are not installed")

from running_exchange import PATIENCE_S, call

from proofbook import _core
from proofbook.client import Client, Market
from proofbook.demo import flow, run
from proofbook.errors import InputError


def test_generated_flow_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = flow.generated(tmp_path, seed=3)
    commands = list(file)
    assert len(commands) == file.commands == flow.COMMANDS_GENERATED
    table = _core.order_flow("sample", seed=3, commands=flow.COMMANDS_GENERATED, words=True).to_pylist()
    assert [command.time for command in commands] == [row["time"] for row in table]
    for command, row in zip(commands[:500], table, strict=False):
        assert (command.order_id, command.price, command.quantity) == (row["order_id"], row["price"], row["quantity"])


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flow.pbk"
    for content in (b"", b"PBCMDS\x00\x01", b"x" * 200):
        path.write_bytes(content)
        with pytest.raises(InputError, match="expected a file of commands"):
            flow.FlowFile.open(path)


@pytest.mark.parametrize(
    ("speed", "last_ns", "now_ns", "pause_s"),
    [
        (1.0, 10**9, 3 * 10**9, 2.0),
        (4.0, 10**9, 3 * 10**9, 0.5),
        (1.0, 10**9, 100 * 10**9, flow.GAP_S_MAX),
        (1.0, 10**9, 10**9 + 1, 1 / flow.REQUESTS_PER_S_MAX),
        (1.0, 0, 0, 1 / flow.OPENING_PER_S_MAX),
        (1.0, 0, 34 * 10**12, 1 / flow.REQUESTS_PER_S_MAX),
        (None, 10**9, 3 * 10**9, 1 / flow.GENERATED_PER_S),
    ],
)
def test_the_pace_is_the_recorded_one_within_bounds(
    speed: float | None, last_ns: int, now_ns: int, pause_s: float
) -> None:
    market = Market("FLOW-USD", "FLOW", "USD", 2, 0, 0, 0, "continuous")
    entering: Any = flow.Flow(None, market, lambda _: None, speed)  # type: ignore[arg-type, return-value]
    assert entering._pause_s(last_ns, now_ns) == pytest.approx(pause_s)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Some recorded flow, in our own format."""
    done = call("generate", tmp_path / "ACME_day.pbk", "--commands", 300, "--seed", 5)
    assert done.returncode == 0, done.stderr
    return tmp_path / "ACME_day.pbk"


@contextmanager
def demo(folder: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The demo as a process, which ends with the block whatever happens in it."""
    command = [sys.executable, "-m", "proofbook", "demo", "--folder", folder, "--port", 0, "--fix-port", 0, "--no-sync"]
    with subprocess.Popen(
        [*map(str, command), *map(str, arguments), "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        except BaseException:
            process.terminate()
            raise


def test_the_book_moves_and_an_interrupt_stops_everything(tmp_path: Path, data: Path) -> None:
    folder = tmp_path / "exchange"
    with demo(folder, data, "--speed", 1) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        assert (facts["market"], facts["flow_market"]) == ("BTC-USD", "ACME-USD")
        with Client(facts["address"]) as client:
            for market in ("BTC-USD", "ACME-USD"):
                sequences = set()
                for book in client.watch_book(market):
                    sequences.add(book.sequence)
                    if len(sequences) >= 5 and (book.bids or book.asks):
                        break
            deadline_s = time.monotonic() + PATIENCE_S
            # The second of two trades was asked for after the first was answered.
            while len({trade.entry for trade in client.get_trades("BTC-USD")}) < 2:
                assert time.monotonic() < deadline_s, "someone trades"
                time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        done = json.loads(process.stdout.readline())
        assert process.wait(PATIENCE_S) == 0
    assert all(done["traders"][name]["taken"] > 0 for name in ("maker", "noise", "flow")), done
    with pytest.raises(Exception, match="no exchange at"), Client(facts["address"]) as client:
        client.status()

    # The same folder again: the accounts are the same ones, and took their orders back.
    with demo(folder, data, "--seconds", 1) as process:
        assert process.stdout is not None
        again = json.loads(process.stdout.readline())
        assert again["operator_key"] == facts["operator_key"]
        assert process.wait(PATIENCE_S) == 0


def test_the_flows_asset_is_named_after_its_file() -> None:
    for name, symbol in (("AAPL_2012-06-21.csv", "AAPL"), ("2015-05-01.log.xz", "FLOW"), ("a-very.txt", "A")):
        assert run.flow_symbol([Path(name)]) == symbol


def test_what_cannot_start_says_so(tmp_path: Path) -> None:
    done = call("demo", tmp_path / "missing.csv", "--folder", tmp_path / "x", "--port", 0, "--fix-port", 0)
    assert done.returncode == 2
    assert "missing.csv" in done.stderr
    (tmp_path / "x" / "exchange.toml").write_text("web = 5\n")
    done = call("demo", "--folder", tmp_path / "x", "--port", 0, "--fix-port", 0)
    assert done.returncode == 2
    assert "expected an exchange that starts; received: error: " in done.stderr and "exchange.toml" in done.stderr
