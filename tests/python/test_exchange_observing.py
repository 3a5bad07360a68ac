"""Metrics, request ids, readiness and logs of a server, without the server."""

from __future__ import annotations

import asyncio
import doctest
import io
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

pytest.importorskip("prometheus_client", reason="the extra `exchange` is not installed")
pytest.importorskip("structlog", reason="the extra `exchange` is not installed")

import structlog
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_metrics

from proofbook.exchange import logs
from proofbook.exchange.observing import PUBLISHED_LAG_MAX, Metrics, Observed, families, readiness

DOCUMENT = {
    "counters": {"entries": 12, "refused": [{"labels": {"reason": "busy"}, "value": 3}]},
    "gauges": {"acknowledged": 12},
    "histograms": {"commit_ns": {"buckets": [[1_000, 5], [2_000_000, 7]], "count": 8, "sum": 3_000_000_000}},
}


def values(metrics: Metrics, accept: str = "") -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """All samples of a scrape, read by Prometheus' own parser."""
    body, content_type = metrics.exposition(accept)
    parse = open_metrics if "openmetrics" in content_type else plain_metrics
    families = parse(body.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_sources_are_shown_in_both_forms(accept: str) -> None:
    found = values(Metrics(native=lambda: json.dumps(DOCUMENT).encode()), accept)
    assert found["proofbook_entries_total", ()] == 12
    assert found["proofbook_refused_total", (("reason", "busy"),)] == 3
    assert found["proofbook_acknowledged", ()] == 12
    assert found["proofbook_commit_seconds_bucket", (("le", "1e-06"),)] == 5
    assert found["proofbook_commit_seconds_bucket", (("le", "0.002"),)] == 7
    assert found["proofbook_commit_seconds_bucket", (("le", "+Inf"),)] == 8
    assert found["proofbook_commit_seconds_count", ()] == 8
    assert found["proofbook_commit_seconds_sum", ()] == 3
    assert found["proofbook_source_up", (("source", "native"),)] == 1


def test_a_source_that_fails_is_down_and_the_scrape_goes_on() -> None:
    def broken() -> bytes:
        raise OSError("gone")

    found = values(Metrics(native=broken, history=lambda: {"gauges": {"history_entry": 4}}))
    assert found["proofbook_source_up", (("source", "native"),)] == 0
    assert found["proofbook_source_up", (("source", "history"),)] == 1
    assert found["proofbook_history_entry", ()] == 4


def test_counts_of_buckets_never_fall() -> None:
    wrong = {"histograms": {"commit_ns": {"buckets": [[1, 3], [2, 2]], "count": 4, "sum": 1}}}
    with pytest.raises(ValueError, match=r"which never fall; received \[3, 2, 4\]"):
        list(families(wrong))


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Declares one route, fails at another."""
    del receive
    if scope["path"] == "/broken":
        scope["path_template"] = "/broken"
        raise RuntimeError("a defect")
    if scope["path"].startswith("/orders/"):
        scope["path_template"] = "/orders/{id}"
    structlog.get_logger().info("asked")
    status = 200 if "path_template" in scope else 404
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})


def ask(metrics: Metrics, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """Send a request and give the response's headers."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "path": path, "method": method, "headers": pairs}
    asyncio.run(Observed(application, metrics)(scope, receive, send))
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


def test_requests_are_counted_by_declared_route_and_never_by_path() -> None:
    metrics = Metrics()
    for path in ("/orders/1", "/orders/2", "/nothing/here", "/etc/passwd"):
        ask(metrics, path)
    ask(metrics, "/orders/3", method="BREW")
    with pytest.raises(RuntimeError):
        ask(metrics, "/broken")
    requests = {labels: value for (name, labels), value in values(metrics).items() if name.endswith("requests_total")}
    shown = {tuple(value for _, value in labels): count for labels, count in requests.items()}
    assert shown == {
        ("GET", "/orders/{id}", "200"): 2,
        ("GET", "unmatched", "404"): 2,
        ("other", "/orders/{id}", "200"): 1,
        ("GET", "/broken", "500"): 1,
    }


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What is logged as JSON while a test runs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    text = io.StringIO()
    logs.configure_logs("json", "DEBUG", text)
    yield text
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_request_has_one_id_in_header_and_logs(stream: io.StringIO) -> None:
    metrics = Metrics()
    assert ask(metrics, "/orders/1", headers={"x-request-id": "abc-1"})["x-request-id"] == "abc-1"
    forged = ask(metrics, "/orders/1", headers={"x-request-id": 'x"\n{"event":"forged'})["x-request-id"]
    assert len(forged) == 32
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    asked = [line["request_id"] for line in lines if line["event"] == "asked"]
    assert asked == ["abc-1", forged]


def test_no_secret_is_logged_at_any_depth(stream: io.StringIO) -> None:
    logger = structlog.get_logger("x")
    logger.info("login", key="k1", nested={"password": "hunter2", "list": [{"secret_key": "hunter2"}]})
    logger.info(
        "headers", headers=[(b"PB-SIGNATURE", b"hunter2"), ("authorization", "hunter2")], postgres_dsn="hunter2"
    )
    logging.getLogger("uvicorn.error").info("started %s", "well")
    text = stream.getvalue()
    assert "hunter2" not in text
    assert text.count(logs.REDACTED) == 5
    assert json.loads(text.splitlines()[-1])["event"] == "started well"


def test_ready_means_that_entries_are_taken_and_shown() -> None:
    status = {"acknowledged": 10, "published": 10, "failure": None}
    assert readiness(status)[0]
    assert readiness({**status, "published": 9})[1]["lag"] == 1
    is_ready, body = readiness({**status, "failure": "disk full"})
    assert not is_ready and body["reasons"] == ["the log failed: disk full"]
    assert not readiness({**status, "acknowledged": 11 + PUBLISHED_LAG_MAX})[0]


def test_examples_run() -> None:
    failures, examples = doctest.testmod(logs)
    assert examples and not failures
    structlog.reset_defaults()
