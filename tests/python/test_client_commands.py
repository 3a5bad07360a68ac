"""The commands that ask an exchange, as a user runs them, against a real one; and their words where there is none."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("litestar", reason="the packages of the extra `exchange` are not installed")

from running_exchange import PATIENCE_S, RunningExchange, call, running

MARKET = "BTC-USD"


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    with running(tmp_path_factory.mktemp("exchange") / "exchange") as started:
        started.call("demo-key")
        yield started


@pytest.mark.parametrize(
    "arguments",
    [
        ("book", MARKET),
        ("book", MARKET, "--watch"),
        ("trades", MARKET),
        ("markets",),
        ("book", MARKET, "--watch", "--json"),
    ],
)
def test_without_an_exchange_it_says_so(arguments: tuple[str, ...]) -> None:
    done = call(*arguments, "--url", "http://127.0.0.1:9")
    assert done.returncode == 2, done
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: no exchange at http://127.0.0.1:9: ") and "make exchange" in line


def test_without_a_key_it_says_how_to_get_one(tmp_path: Path) -> None:
    done = call("balances", XDG_CONFIG_HOME=str(tmp_path))
    assert done.returncode == 2
    assert "proofbook demo-key" in done.stderr and str(tmp_path) in done.stderr


def test_a_demo_account_is_opened_once(exchange: RunningExchange) -> None:
    (first,) = exchange.lines("demo-key")
    assert exchange.lines("demo-key") == [first]
    assert stat.S_IMODE(Path(first["file"]).stat().st_mode) == 0o600
    balances = exchange.lines("balances")
    assert {line["asset"] for line in balances} >= {"BTC", "USD"}
    assert {line["held"].strip("0.") for line in balances} == {""}, "zeros without an exponent"


def test_orders_are_placed_shown_and_cancelled(exchange: RunningExchange) -> None:
    (resting,) = exchange.lines("order", "sell", MARKET, "0.5", "--price", "61000", "--client-id", "first")
    assert (resting["status"], resting["limit_price"], resting["client_id"]) == ("live", "61000.00", "first")
    (again,) = exchange.lines("order", "sell", MARKET, "0.5", "--price", "61000", "--client-id", "first")
    assert again["order_id"] == resting["order_id"]
    assert [line["order_id"] for line in exchange.lines("orders")] == [resting["order_id"]]
    (shown,) = exchange.lines("book", MARKET)
    assert shown["asks"] == [["61000.00", "0.5000", 1]]
    (taken,) = exchange.lines("order", "buy", MARKET, "0.2", "--price", "61000")
    assert (taken["status"], [report["execution"] for report in taken["reports"]]) == (
        "filled",
        ["new", "trade", "trade"],
    )
    done = exchange.call("order", "buy", MARKET, "0.1")
    assert done.returncode == 0, done.stderr
    assert "filled: buy 0.1000 BTC-USD market" in done.stdout and "traded 0.1000 at 61000.00, fee" in done.stdout
    (cancelled,) = exchange.lines("cancel", "--client-id", "first")
    assert (cancelled["status"], cancelled["filled"]) == ("cancelled", "0.3000")
    exchange.lines("order", "buy", MARKET, "0.1", "--price", "50000")
    assert exchange.lines("cancel", "--all") == [{"cancelled": 1}]
    assert exchange.lines("orders") == []
    assert [trade["quantity"] for trade in exchange.lines("trades", MARKET)][-2:] == ["0.2000", "0.1000"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("order", "buy", MARKET, "1000", "--price", "60000"), "insufficient_funds"),
        (("order", "buy", MARKET, "1", "--price", "60000.001"), "invalid_request"),
        (("order", "buy", MARKET, "one", "--price", "60000"), "expected a decimal number; received 'one'"),
        (("order", "buy", "DOGE-USD", "1", "--price", "1"), "unknown_market"),
        (("book", "DOGE-USD"), "unknown_market"),
        (("cancel", "999999"), "unknown_order"),
        (("cancel",), "expected one of"),
        (("cancel", "1", "--all"), "expected one of"),
        (("cancel", "1", "--market", "BTC-USD"), "expected it with --all only; received BTC-USD"),
    ],
)
def test_what_is_refused_is_one_clear_sentence(
    exchange: RunningExchange, arguments: tuple[str, ...], words: str
) -> None:
    done = exchange.call(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ") and words in line


def test_the_ladder_fits_eighty_columns(exchange: RunningExchange) -> None:
    for price in ("61000", "61001", "61002"):
        exchange.lines("order", "sell", MARKET, "1", "--price", price)
    exchange.lines("order", "buy", MARKET, "1.5", "--price", "60990.5")
    exchange.lines("order", "buy", MARKET, "0.1", "--price", "61000", "--time-in-force", "ioc")
    done = exchange.call("book", MARKET, "--depth", "5")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80, done.stdout
    prices = [line.split()[0] for line in lines if line.split() and line.split()[0].startswith("6")]
    assert prices == ["61002.00", "61001.00", "61000.00", "60990.50"], done.stdout
    assert "spread 9.50" in done.stdout and "█" in done.stdout
    exchange.lines("cancel", "--all")


def test_watching_prints_each_change_as_a_line(exchange: RunningExchange) -> None:
    environment = {**os.environ, "PROOFBOOK_URL": exchange.url}
    command = [sys.executable, "-m", "proofbook", "book", MARKET, "--watch", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as watching:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        exchange.lines("order", "sell", MARKET, "0.25", "--price", "62000")
        second = json.loads(watching.stdout.readline())
        watching.stdout.close()
        exchange.lines("cancel", "--all")
        assert watching.wait(PATIENCE_S) == 0, "nobody reads any more, which is no error"
    assert (first["asks"], second["asks"]) == ([], [["62000.00", "0.2500", 1]])
    assert second["sequence"] == first["sequence"] + 1
