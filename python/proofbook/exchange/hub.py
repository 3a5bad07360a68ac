"""The one place where Python meets the native server: requests in, messages out, queries beside them.

The native server wakes the event loop through a file descriptor; what it has is taken in bounded lots, so that a busy
exchange leaves the loop time for its clients. A request waits for its answer under its ticket. Queries run on a thread
of their own with the interpreter detached, since they may wait for the publisher's lock.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

import msgspec

from proofbook.errors import BusyError, InputError, StoppedError
from proofbook.exchange.failures import ApiError, failure, unreadable
from proofbook.exchange.messages import Answer, Failed, Message, Query, Refused, decode_message, encode

QUERY_THREADS = 2

log = logging.getLogger("proofbook.exchange")

T = TypeVar("T")


class Native(Protocol):
    """What the hub uses of ``_core.ExchangeServer``."""

    @property
    def readiness(self) -> int:
        """A file descriptor that can be read while `drain` has something."""
        ...

    def submit(self, request: bytes) -> int:
        """Ask for something: the ticket of the answer."""
        ...

    def drain(self) -> list[bytes]:
        """Messages, in order."""
        ...

    def query(self, query: bytes) -> bytes:
        """Look something up."""
        ...

    def watch(self, account: int, is_watched: bool) -> None:
        """Say whether messages of an account are wanted."""
        ...

    def metrics(self) -> bytes:
        """Counters and histograms, as JSON."""
        ...

    def stop(self) -> None:
        """Stop in order."""
        ...


class Hub:
    """Requests, messages and queries of one native server, for one event loop.

    Attributes:
        failure: why the log takes nothing more, if so.
        is_stopping: whether no more requests are taken.
        drained: how many messages were taken from the native server.
    """

    def __init__(self, native: Native, *, pending_max: int, publish: Callable[[Message], None]) -> None:
        """Make it; nothing runs before `start`.

        Args:
            native: the server.
            pending_max: how many requests may wait for their answers.
            publish: takes each message that is no answer, in order.
        """
        self.native = native
        self.failure: str | None = None
        self.is_stopping = False
        self.drained = 0
        self._pending_max = pending_max
        self._publish = publish
        self._pending: dict[int, asyncio.Future[Answer]] = {}
        self._watched: Counter[int] = Counter()
        self._threads = ThreadPoolExecutor(QUERY_THREADS, thread_name_prefix="query")
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to take messages, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.native.readiness, self._take)

    async def stop(self) -> None:
        """Take no more requests, stop the native server, and answer whoever still waits."""
        self.is_stopping = True
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, self.native.stop)
        finally:
            if self._loop is not None:
                self._loop.remove_reader(self.native.readiness)
                while self._take():
                    pass
            for waiting in self._pending.values():
                if not waiting.done():
                    waiting.set_exception(failure("stopping"))
            self._pending.clear()
            self._threads.shutdown(wait=True)

    @property
    def pending(self) -> int:
        """How many requests wait for their answers."""
        return len(self._pending)

    async def settle(self, wait_s: float) -> None:
        """Wait until every request has its answer, but no longer than so many seconds."""
        if self._pending:
            await asyncio.wait(list(self._pending.values()), timeout=wait_s)

    def _take(self) -> int:
        """Take what the native server has for now: how many messages."""
        lot = self.native.drain()
        for data in lot:
            self.drained += 1
            try:
                message = decode_message(data)
            except msgspec.MsgspecError:
                # A defect; what comes after it must not be lost with it.
                log.exception("a message of the native server cannot be read: %s", data[:200])
                continue
            match message:
                case Answer():
                    waiting = self._pending.pop(message.ticket, None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(message)
                case Refused():
                    waiting = self._pending.pop(message.ticket, None)
                    if waiting is not None and not waiting.done():
                        waiting.set_exception(_refused(message.reason))
                case Failed():
                    self.failure = message.reason
                    self._publish(message)
                case _:
                    self._publish(message)
        return len(lot)

    def check_open(self) -> None:
        """Check that requests are taken.

        Raises:
            ApiError: they are not: the server stops, or its log has failed.
        """
        if self.is_stopping:
            raise failure("stopping", retry_after_s=5)
        if self.failure is not None:
            raise failure("failed", received=self.failure)

    async def ask(self, request: msgspec.Struct) -> Answer:
        """Ask the exchange for something, and wait until the log has it.

        Raises:
            ApiError: the request cannot be read, or is not taken now.
        """
        self.check_open()
        if len(self._pending) >= self._pending_max:
            raise failure("busy", retry_after_s=1)
        try:
            ticket = self.native.submit(encode(request))
        except BusyError:
            raise failure("busy", retry_after_s=1) from None
        except StoppedError:
            raise failure("stopping", retry_after_s=5) from None
        except InputError as error:
            raise unreadable(str(error)) from None
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending[ticket] = waiting
        return await waiting

    async def query_bytes(self, query: Query) -> bytes:
        """Look something up, as JSON.

        Raises:
            ApiError: there is nothing of that name.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, partial(self.native.query, encode(query)))
        except InputError as error:
            raise unreadable(str(error)) from None
        except StoppedError:
            raise failure("stopping", retry_after_s=5) from None

    async def query(self, query: Query, answer: type[T]) -> T:
        """Look something up, as a type."""
        return msgspec.json.decode(await self.query_bytes(query), type=answer)

    def watch(self, account: int) -> None:
        """Want the messages of an account; each call wants one `unwatch`."""
        self._watched[account] += 1
        if self._watched[account] == 1:
            self.native.watch(account, True)

    def unwatch(self, account: int) -> None:
        """Want the messages of an account no more."""
        self._watched[account] -= 1
        if self._watched[account] <= 0:
            del self._watched[account]
            self.native.watch(account, False)


def _refused(reason: str) -> ApiError:
    """The error of a request that never became an entry."""
    return ApiError(failure("busy").status, "busy", f"not taken: {reason}", retry_after_s=1)
