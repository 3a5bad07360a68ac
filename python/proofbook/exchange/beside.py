"""What runs beside a serving exchange: the writer of its history in a thread, and the metrics of all of it.

Neither is on the way of a request: the history reads the log as any other process could, and a scrape asks counters. An
exchange goes on without either.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from litestar import Request, Response, get
from litestar.types import ControllerRouterHandler
from structlog import get_logger

from proofbook.errors import BusyError, InputError
from proofbook.exchange.failures import failure
from proofbook.exchange.history import HistoryWriter, parquet_writer
from proofbook.exchange.history_queries import Files, History
from proofbook.exchange.hub import Hub
from proofbook.exchange.observing import Application, Metrics, Observed, status_metrics
from proofbook.exchange.stream import Streams

log = get_logger("proofbook.exchange")


QUESTIONS_MAX = 2
"""So many questions about the past are answered at a time."""
WAITING_MAX = 64
"""So many more may wait."""
CATCH_UP_S_MAX = 10.0
"""How long a question waits for the history to have what was published before it. It has that in a moment, unless the
disk takes seconds for what is just being written."""
CATCH_UP_POLL_S = 0.01


class Native(Protocol):
    """What is used of ``_core.ExchangeServer``."""

    def metrics(self) -> bytes:
        """Counters and histograms."""
        ...

    def query(self, query: bytes) -> bytes:
        """Look something up."""
        ...


class WebHistory:
    """A history for the event loop: questions are answered in threads, some at a time.

    An answer has everything that was published before the question, so that a client who was cut off misses nothing.
    """

    def __init__(self, history: History, writer: HistoryWriter | None, published: Callable[[], int]) -> None:
        """Answer from a history.

        Args:
            history: answers.
            writer: reads the log for it; None where another process does, whose rows come when they come.
            published: the last entry that clients may have heard of.
        """
        self._history, self._writer, self._published = history, writer, published
        self._turns = asyncio.Semaphore(QUESTIONS_MAX)
        self._asked = 0

    async def _ask(self, question: Callable[..., list[dict[str, Any]]], *arguments: Any) -> list[Any]:
        if self._asked >= QUESTIONS_MAX + WAITING_MAX:
            raise failure("busy", retry_after_s=1)
        self._asked += 1
        try:
            await self._catch_up()
            async with self._turns:
                return await asyncio.to_thread(question, *arguments)
        except BusyError as error:
            raise failure("busy", expected=str(error), retry_after_s=5) from None
        finally:
            self._asked -= 1

    async def _catch_up(self) -> None:
        if self._writer is None:
            return
        loop = asyncio.get_running_loop()
        published, until = self._published(), loop.time() + CATCH_UP_S_MAX
        while self._writer.last < published:
            if loop.time() > until:
                expected = f"a history up to entry {published}; it has read up to {self._writer.last}"
                raise failure("busy", expected=expected, retry_after_s=1)
            await asyncio.sleep(CATCH_UP_POLL_S)

    async def fills(self, account: int, since_entry: int | None, since_index: int | None, limit: int) -> list[Any]:
        """Trades of an account: `History.fills`."""
        return await self._ask(self._history.fills, account, since_entry, limit, since_index)

    async def orders(
        self, account: int, market: str | None, since_entry: int | None, since_index: int | None, limit: int
    ) -> list[Any]:
        """Orders of an account that are gone: `History.orders`."""
        return await self._ask(self._history.orders, account, market, since_entry, limit, since_index)


class Beside:
    """History and metrics of one exchange.

    Attributes:
        metrics: everything that is counted.
        history: answers what the web asks of the past.
        handlers: the routes, ``/metrics``.
    """

    def __init__(self, folder: Path, native: Native, hub: Hub, streams: Streams) -> None:
        """Begin the history where it ended; nothing is written before `begin`.

        Args:
            folder: the exchange's folder.
            native: the native server.
            hub: what Python and the native server meet in.
            streams: the connections of the WebSocket.

        Raises:
            InputError: the history's folder is of another exchange.
            JournalError: the log or the history is damaged.
        """
        self._hub, self._streams = hub, streams
        self.metrics = Metrics(
            native=native.metrics,
            status=lambda: status_metrics(_status(native)),
            web=self._web,
        )
        self._writer: HistoryWriter | None = None
        self._thread: threading.Thread | None = None
        target = folder / "history"
        try:
            self._writer = parquet_writer(folder, acknowledged=lambda: int(_status(native)["acknowledged"]))
        except InputError as error:
            if "another process writes" not in str(error):
                raise
            log.warning(
                "another process writes the history; what it has not written yet is not shown", folder=str(target)
            )
            self._questions = History(Files(target, None))
        else:
            self._questions = History(self._writer)
            self.metrics.add_source("history", self._writer.metrics)
        self.history = WebHistory(self._questions, self._writer, lambda: int(_status(native)["published"]))

        @get("/metrics", tags=["operation"], summary="Metrics, for Prometheus")
        async def get_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
            """In the text form that the request accepts."""
            accept = request.headers.get("accept", "")
            body, content_type = await asyncio.to_thread(self.metrics.exposition, accept)
            return Response(body, headers={"content-type": content_type})

        self.handlers: list[ControllerRouterHandler] = [get_metrics]

    def observed(self, application: Application) -> Observed:
        """The application with its requests counted and named."""
        return Observed(application, self.metrics)

    def begin(self) -> None:
        """Begin to write the history."""
        if self._writer is not None:
            self._thread = threading.Thread(target=self._writer.run, name="history", daemon=True)
            self._thread.start()

    async def end(self) -> None:
        """Write what the history has in memory, and stop."""
        if self._writer is not None and self._thread is not None:
            self._writer.stop()
            await asyncio.to_thread(self._thread.join)
        if self._writer is not None:
            self._writer.close()
        self._questions.close()

    def _web(self) -> dict[str, Any]:
        """What the web counts by itself."""
        streams, hub = self._streams, self._hub
        conflations = Counter(streams.conflations)
        waiting_bytes = 0
        for outbox in streams.outboxes():
            conflations.update(outbox.conflations)
            waiting_bytes += outbox.waiting_bytes
        messages = {"in": streams.messages_received, "out": streams.messages_sent}
        return {
            "counters": {
                "drained_messages": hub.drained,
                "websocket_messages": _by("direction", messages),
                "websocket_conflations": _by("channel", conflations),
                "websocket_closed": _by("reason", streams.closed),
            },
            "gauges": {
                "requests_pending": hub.pending,
                "websocket_clients": len(streams),
                "websocket_waiting_bytes": waiting_bytes,
            },
        }


def _status(native: Native) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(native.query(b'{"query":"status"}'))
    return status


def _by(label: str, counts: Any) -> list[dict[str, Any]]:
    # A copy at once: the event loop's thread counts on meanwhile.
    return [{"labels": {label: name}, "value": value} for name, value in list(counts.items())]
