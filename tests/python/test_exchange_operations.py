"""What operators are given is true of a running server: dashboard, alerts, documents, metrics."""

from __future__ import annotations

import doctest
import json
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litestar", reason="the extra `exchange` is not installed")
pytest.importorskip("duckdb", reason="the extra `exchange` is not installed")
pytest.importorskip("httpx", reason="httpx is not installed")
pytest.importorskip("prometheus_client", reason="the extra `exchange` is not installed")

import httpx
from exchange_flow import Flow
from exchange_process import Client, Process
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[2]
OPS = ROOT / "ops"
OTHERS = {"up"}
"""Metrics that Prometheus itself has."""
NAME = re.compile(r"\b((?:proofbook|process)_[a-z_]+)\b")
PATIENCE_S = 300.0

pytestmark = pytest.mark.skipif(not OPS.is_dir(), reason="the dashboard is in the project's folder alone")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server listens that has just begun."""
    folder = tmp_path_factory.mktemp("served")
    program = [sys.executable, "-m", "proofbook", "serve", str(folder), "--port", "0", "--fix-port", "0", "--json"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())["address"]
        finally:
            server.terminate()
            server.wait(PATIENCE_S)


def get(address: str, path: str) -> str:
    """The body of an answer."""
    with urllib.request.urlopen(address + path, timeout=PATIENCE_S) as answer:
        text: str = answer.read().decode()
        return text


@pytest.fixture(scope="module")
def scraped(address: str) -> str:
    """Metrics of a server that was asked something."""
    for path in ("health", "ready", "api/v1/markets"):
        get(address, path)
    end = time.monotonic() + PATIENCE_S
    # The history is written a moment later.
    while "proofbook_history_entry 0.0" in (text := get(address, "metrics")):
        assert time.monotonic() < end
        time.sleep(0.2)
    return text


def series(text: str) -> set[str]:
    """All names that a query can use."""
    names = set()
    for family in text_string_to_metric_families(text):
        match family.type:
            case "counter":
                names.add(family.name + "_total")
            case "histogram":
                names |= {family.name + suffix for suffix in ("_bucket", "_sum", "_count")}
            case _:
                names.add(family.name)
    return names


def queries(dashboard: Any) -> list[str]:
    """All queries of a dashboard."""
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]


def test_the_dashboard_asks_for_what_there_is(scraped: str) -> None:
    dashboard = json.loads((OPS / "grafana" / "exchange.json").read_text())
    asked = {name for query in queries(dashboard) for name in NAME.findall(query)}
    assert len(asked) > 30
    assert asked <= series(scraped)
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)


def test_the_alerts_ask_for_what_there_is(scraped: str) -> None:
    text = (OPS / "prometheus-alerts.yml").read_text()
    asked = {name for line in text.splitlines() if "expr:" in line for name in NAME.findall(line)}
    assert len(asked) > 4
    assert asked <= series(scraped)


def test_the_document_lists_what_there_is(scraped: str) -> None:
    text = (ROOT / "docs" / "OPERATIONS.md").read_text()
    table = text.split("## Metrics")[1].split("```")[0]
    listed = {re.sub(r"\{.*\}", "", name) for name in re.findall(r"`([a-z_{},*]+)`", table)}
    shown = {family.name for family in text_string_to_metric_families(scraped)}
    own = {name.removeprefix("proofbook_") for name in shown if name.startswith("proofbook_")}
    patterns = [re.compile(name.removesuffix("_total").replace("*", ".*")) for name in listed]
    missing = {name for name in own if not any(pattern.fullmatch(name) for pattern in patterns)}
    assert missing == set()


def test_each_source_answers(scraped: str) -> None:
    up = {
        sample.labels["source"]: sample.value
        for family in text_string_to_metric_families(scraped)
        for sample in family.samples
        if sample.name == "proofbook_source_up"
    }
    assert up == {"native": 1, "status": 1, "web": 1, "history": 1}


def test_promtool_finds_nothing(scraped: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run([promtool, "check", "metrics"], input=scraped, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    done = subprocess.run([promtool, "check", "config", str(OPS / "prometheus.yml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def settled(client: Client, path: str, count: int) -> list[dict[str, Any]]:
    """Rows of the history, once there are so many."""
    end = time.monotonic() + PATIENCE_S
    while len(rows := client.get(path)) < count:
        assert time.monotonic() < end
        time.sleep(0.05)
    return list(rows)


def test_accounts_see_their_past_through_the_web_also_after_a_kill(tmp_path: Path) -> None:
    server = Process(tmp_path / "exchange", changes={'sync = "none"': 'sync = "group"'})
    try:
        maker, taker = server.client(), server.client()
        resting = maker.order("sell", "2", "101.00", client_id="m")
        maker_id = resting["reports"][0]["order"]["order_id"]
        for number in range(3):
            taker.order("buy", "0.5", "101.00", client_id=f"t{number}")
        fills = settled(taker, "/api/v1/fills", 3)
        assert [fill["report"]["order"]["client_id"] for fill in fills] == ["t0", "t1", "t2"]
        assert {fill["report"]["liquidity"] for fill in fills} == {"taker"}
        assert fills[0]["report"]["price"] == "101.00" and fills[0]["report"]["fee"] == "0.050500"
        assert taker.get(f"/api/v1/fills?since_entry={fills[0]['entry']}&limit=1") == fills[1:2]
        assert [row["report"]["order"]["status"] for row in settled(taker, "/api/v1/orders/history", 3)] == [
            "filled"
        ] * 3
        # The resting order lives: it is not of the past yet.
        assert maker.get("/api/v1/orders/history") == []
        assert {fill["report"]["order"]["order_id"] for fill in settled(maker, "/api/v1/fills", 3)} == {maker_id}
        server.stop(signal.SIGKILL)
        server = Process(tmp_path / "exchange")
        taker.url, taker.http = server.url, httpx.Client(base_url=server.url, timeout=PATIENCE_S)
        assert settled(taker, "/api/v1/fills", 3) == fills
    finally:
        server.stop()


@pytest.mark.parametrize("name", ["HISTORY.md", "OPERATIONS.md"])
def test_examples_of_documents_run(name: str, tmp_path: Path) -> None:
    with Flow(tmp_path, seed=0) as running:
        order = {"action": "new", "market": "BTC-USD", "kind": "limit", "price": "100.50"}
        running.submit(**order, account=2, client_id="b", side="buy", quantity="1.5")
        for number, quantity in enumerate(("1", "0.5")):
            running.submit(**order, account=1, client_id=f"s{number}", side="sell", quantity=quantity)
        running.settle()
    document = str(ROOT / "docs" / name)
    names = {"folder": tmp_path, "Decimal": Decimal}
    failures, examples = doctest.testfile(document, module_relative=False, globs=names)
    assert examples > 0 and failures == 0
