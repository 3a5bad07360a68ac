"""What an operator sees of a running exchange: metrics for Prometheus, and whether it is ready.

``Metrics`` holds what Python counts and asks, at each scrape, the native server and the history for what they count;
``Observed`` is the ASGI layer that counts requests and gives each its id. ``docs/OPERATIONS.md`` lists the metrics and
says what healthy and ready mean; logs are set up in `proofbook.exchange.logs`.

Invariants: labels come from fixed lists (routes as they are declared, never paths as they were sent), so the number
of series is bounded; a scrape changes nothing and waits for no writer.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TypeAlias
from uuid import uuid4

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from structlog import get_logger
from structlog.contextvars import bound_contextvars

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
Source: TypeAlias = Callable[[], bytes | Mapping[str, Any]]
"""Something that gives a document of metrics as it is now; `families` says of which form."""

PREFIX = "proofbook_"
REQUEST_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the buckets of request times."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""Ids of requests that are taken from clients; all others get a new one."""
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"})
UNMATCHED = "unmatched"
"""The route of requests for paths that there are not."""
PUBLISHED_LAG_MAX = 100_000
"""With more acknowledged entries than this that are not published yet, the server is not ready."""

HELP: Mapping[str, str] = {
    "acknowledged": "The last entry that the log has acknowledged.",
    "published": "The last entry whose market data was published.",
    "published_lag_entries": "Acknowledged entries whose market data is not published yet.",
    "entries": "Entries of the log that are acknowledged.",
    "refusals": "Entries that the exchange refused.",
    "messages_in": "Messages of FIX clients.",
    "messages_out": "Messages that FIX sessions were told.",
    "connections": "FIX connections that are open.",
    "requests": "Requests of the web that the reactor took.",
    "requests_waiting": "Requests of the web that waited for the reactor when it last took some.",
    "requests_pending": "Requests of the web that wait for their answers.",
    "commits": "How often the log was made to acknowledge what it had.",
    "commit_seconds": "How long the log took to acknowledge.",
    "turn_seconds": "How long a turn of the reactor took, from the first read to what it sent.",
    "snapshot_seconds": "How long a snapshot held the reactor up.",
    "drained_messages": "Messages taken from the native server.",
    "websocket_clients": "WebSocket clients that are connected.",
    "websocket_messages": "Messages from and to WebSocket clients.",
    "websocket_conflations": "How often messages for slow WebSocket clients were put together.",
    "websocket_closed": "WebSocket connections that the server closed.",
    "websocket_waiting_bytes": "What waits to be sent to WebSocket clients.",
    "history_lag_entries": "Acknowledged entries that the history has not read yet.",
    "history_flush_seconds": "How long the history took to write what it had.",
    "history_entry": "The last entry that is in the history's files.",
    "history_read_entry": "The last entry that the history has read from the log.",
    "history_files": "Files of the history, by kind.",
    "history_waiting_rows": "Rows of the history that are not in a file yet.",
    "history_rows": "Rows that were written to the history's files.",
    "history_compactions": "How often small files of the history were put together.",
    "history_failures": "How often the history's writer stopped for an error and began anew.",
}
"""What metrics of sources mean that their name does not say."""

log = get_logger("proofbook.exchange")


def _describe(name: str) -> str:
    return HELP.get(name, f"{name.replace('_', ' ').capitalize()}.")


def _samples(value: Any) -> Iterator[tuple[dict[str, str], float]]:
    """The samples of one metric: a number, or numbers with labels."""
    if not isinstance(value, list):
        yield {}, float(value)
        return
    for sample in value:
        yield {str(name): str(label) for name, label in sample["labels"].items()}, float(sample["value"])


def _histogram(name: str, value: Mapping[str, Any]) -> HistogramMetricFamily:
    """How many values were at most as large as each bound, how many there were, and their sum."""
    in_nanoseconds = name.endswith("_ns")
    scale = 1e-9 if in_nanoseconds else 1.0
    counts = [count for _, count in value["buckets"]] + [value["count"]]
    if counts != sorted(counts):
        raise ValueError(f"{name}: expected counts up to each bound, which never fall; received {counts}")
    buckets = [(f"{bound * scale:.9g}", count) for bound, count in value["buckets"]]
    shown = f"{name.removesuffix('_ns')}_seconds" if in_nanoseconds else name
    everything: list[Any] = [*buckets, ("+Inf", value["count"])]
    return HistogramMetricFamily(PREFIX + shown, _describe(shown), buckets=everything, sum_value=value["sum"] * scale)


def families(document: Mapping[str, Any]) -> Iterator[Metric]:
    """The metrics of a source's document.

    Args:
        document: ``counters`` and ``gauges`` by name, each a number or a list of ``{"labels", "value"}``; and
            ``histograms`` by name, each with ``buckets`` (bound, and how many values were not above it), ``count`` and
            ``sum``. Histograms that are named ``_ns`` are shown in seconds.
    """
    for name, value in sorted(document.get("counters", {}).items()):
        counter = CounterMetricFamily(PREFIX + name, _describe(name))
        for labels, number in _samples(value):
            counter.add_sample(f"{PREFIX}{name}_total", labels, number)
        yield counter
    for name, value in sorted(document.get("gauges", {}).items()):
        gauge = GaugeMetricFamily(PREFIX + name, _describe(name))
        for labels, number in _samples(value):
            gauge.add_sample(PREFIX + name, labels, number)
        yield gauge
    for name, value in sorted(document.get("histograms", {}).items()):
        yield _histogram(name, value)


class _Sources(Collector):
    """Asks the sources at each scrape. One that fails is shown as down and costs the scrape nothing else."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        """Give the metrics as they are now."""
        up = GaugeMetricFamily(
            PREFIX + "source_up", "Whether a source of metrics answered this scrape.", labels=["source"]
        )
        shown: list[Metric] = []
        for name, source in self._sources.items():
            try:
                found = source()
                shown += families(json.loads(found) if isinstance(found, bytes) else found)
            except Exception as error:
                log.warning("source of metrics failed", source=name, error=str(error))
                up.add_metric([name], 0)
            else:
                up.add_metric([name], 1)
        return [up, *shown]

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is, the sources say when they are asked."""
        return ()


class Metrics:
    """All metrics of a server.

    Attributes:
        requests: counts requests by ``route``, ``method`` and ``status``; `Observed` does it.
        request_seconds: how long they took, by ``route``.
    """

    def __init__(self, **sources: Source) -> None:
        """Metrics of this server alone.

        Args:
            sources: what else is asked at each scrape, by name: ``native=server.metrics, history=writer.metrics``. They
                are asked in the thread that calls `exposition`.
        """
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = CollectorRegistry(auto_describe=False)
        self.requests = Counter(
            PREFIX + "http_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            PREFIX + "http_request_seconds",
            "How long requests took.",
            ["route"],
            buckets=REQUEST_SECONDS,
            registry=registry,
        )
        ProcessCollector(registry=registry)
        self._registry = registry
        self._sources = dict(sources)
        registry.register(_Sources(self._sources))

    def add_source(self, name: str, source: Source) -> None:
        """Ask one more source at each scrape from now on."""
        self._sources[name] = source

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Everything as a scraper wants it.

        Args:
            accept: the request's ``Accept`` header.

        Returns:
            The body and its content type.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class Observed:
    """An ASGI application around another: counts and times requests, and gives each an id.

    The id is the client's ``X-Request-ID`` if that is one, else a new one; it is in the response's header and, while
    the request is handled, in every line of the log.
    """

    def __init__(self, application: Application, metrics: Metrics) -> None:
        self._application = application
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request or a connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        with bound_contextvars(request_id=request_id):
            if scope["type"] == "http":
                await self._handle(scope, receive, send, request_id)
            else:
                await self._application(scope, receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        status = 500
        begun = time.perf_counter()

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._application(scope, receive, send_on)
        finally:
            seconds = time.perf_counter() - begun
            # The router leaves the declared route in the scope; where it did not, there is no such path.
            route = scope.get("path_template") or UNMATCHED
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.requests.labels(route, method, str(status)).inc()
            self._metrics.request_seconds.labels(route).observe(seconds)
            facts = {"route": route, "method": method, "status": status, "milliseconds": round(seconds * 1e3, 3)}
            if status >= 500:
                log.error("request failed", **facts)
            else:
                log.debug("request", **facts)


def _request_id(scope: Scope) -> str:
    for name, value in scope.get("headers", ()):
        if name == b"x-request-id":
            text = str(value, "latin-1")
            if REQUEST_ID.fullmatch(text):
                return text
    return uuid4().hex


def status_metrics(status: Mapping[str, Any]) -> dict[str, Any]:
    """The document of metrics of what the native query ``status`` answers."""
    acknowledged, published = status["acknowledged"], status["published"]
    lag = max(0, acknowledged - published)
    return {"gauges": {"acknowledged": acknowledged, "published": published, "published_lag_entries": lag}}


def readiness(status: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Whether the exchange takes entries and shows what comes of them.

    Args:
        status: what the native query ``status`` answers.

    Returns:
        Whether it is ready, and what ``/ready`` says. It is not if the log has failed, or if publishing is more than
        `PUBLISHED_LAG_MAX` entries behind. That all is killed or a market halted is no failure: operators did it.
    """
    lag = max(0, status["acknowledged"] - status["published"])
    reasons = []
    if status.get("failure") is not None:
        reasons.append(f"the log failed: {status['failure']}")
    if lag > PUBLISHED_LAG_MAX:
        reasons.append(f"publishing lags by {lag} entries, more than {PUBLISHED_LAG_MAX}")
    facts = {"acknowledged": status["acknowledged"], "published": status["published"], "lag": lag}
    return not reasons, {"ready": not reasons, "reasons": reasons, **facts}
