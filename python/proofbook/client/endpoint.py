"""What the clients share of HTTP, without any input or output: addresses, signatures, answers, and when to ask again.

A request that got no answer is sent again, except for an operator's. What accounts ask for is done once, however often
it is sent: reading changes nothing, a new or replaced order carries a client's id, an order that is gone cannot be
cancelled again. Each attempt is signed anew, with a time later than any before, since a signature is taken once.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec

from proofbook.client.errors import (
    AnswerError,
    ApiError,
    ConnectionFailedError,
    ExchangeError,
    RateLimitError,
    UnansweredError,
    UnknownOrderError,
    api_error,
)
from proofbook.client.keys import Key
from proofbook.client.types import Time
from proofbook.errors import InputError

DEFAULT_URL = "http://127.0.0.1:8000"
BASE = "/api/v1"
STREAM = f"{BASE}/stream"

ATTEMPTS_MAX = 4
"""So often a request is sent at most."""
PAUSE_S = 0.2
"""How long to wait before the second attempt; each further pause is twice as long, less a random part."""
PAUSE_S_MAX = 10.0

TIMEOUT_S = 30.0
"""How long to wait for an answer, unless the caller says otherwise."""
MESSAGE_BYTES_MAX = 1 << 24
"""No message of a stream is longer."""
CLOSED_SLOW = 4008
"""The code with which an exchange closes the stream of a reader that is too slow."""

T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request of the interface.

    Attributes:
        method: of HTTP.
        path: below ``/api/v1``, with the query.
        answer: the type of the answer.
        body: JSON, or nothing.
        is_private: whether it is signed.
        is_repeatable: whether it may be sent again where no answer came.
        client_id: of the order that it is about, to be named where no answer comes.
        instead: what to ask where a second attempt finds no live order: the first one may have been done.
    """

    method: str
    path: str
    answer: Any
    body: bytes = b""
    is_private: bool = False
    is_repeatable: bool = True
    client_id: str | None = None
    instead: Call[T] | None = None

    @property
    def target(self) -> str:
        """The path from the root, with the query."""
        return BASE + self.path


class Fault(msgspec.Struct):
    """An error as it is sent."""

    code: str
    message: str = ""
    expected: Any = None
    received: Any = None


class _Refusal(msgspec.Struct):
    error: Fault


def fault_of(status: int, fault: Fault) -> ApiError:
    """The exception for an error's JSON."""
    texts = [None if value is None else str(value) for value in (fault.expected, fault.received)]
    return api_error(status, fault.code, fault.message, *texts)


def pause_s(attempt: int) -> float:
    """How long to wait after so many attempts that failed: longer each time, and never for all clients alike."""
    return min(PAUSE_S * 2.0 ** (attempt - 1), PAUSE_S_MAX) * random.uniform(0.5, 1.0)


class Endpoint:
    """An exchange's address, and the key that requests to it are signed with.

    Args:
        url: of the exchange, such as ``http://127.0.0.1:8000``.
        key: signs private requests.
    """

    def __init__(self, url: str, key: Key | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InputError(f"expected an address such as {DEFAULT_URL}; received {url!r}")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self.stream_url = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{STREAM}"
        self.is_local = parts.hostname in ("127.0.0.1", "::1", "localhost")
        self.key = key
        self._signed_ms = 0
        self._clock_ahead_ms = 0
        self._has_asked_time = False

    def stream_options(self) -> dict[str, Any]:
        """How a stream's connection is made. Messages are small: compressing them costs more than it saves."""
        options: dict[str, Any] = {
            "max_size": MESSAGE_BYTES_MAX,
            "compression": None,
            "open_timeout": TIMEOUT_S,
        }
        # What is on this machine is reached without the proxy that may be set for everything else.
        return {**options, "proxy": None} if self.is_local else options

    def closed(self, code: int | None, reason: str | None) -> str:
        """Why a stream ended; without a code, nobody said."""
        if code == CLOSED_SLOW:
            return "the exchange closed the stream: its messages were read too slowly"
        return "the connection broke" if code is None else f"the exchange closed the stream: {reason or code}"

    def timestamp_ms(self) -> int:
        """The exchange's time as far as it is known, later than any that was signed before."""
        self._signed_ms = max(self._signed_ms + 1, time.time_ns() // 1_000_000 + self._clock_ahead_ms)
        return self._signed_ms

    def asks_time(self, error: ExchangeError) -> bool:
        """Whether the request failed because the clocks differ, and the exchange's has not been asked for yet."""
        is_asking = isinstance(error, ApiError) and error.code == "wrong_timestamp" and not self._has_asked_time
        self._has_asked_time |= is_asking
        return is_asking

    def take_time(self, now: Time) -> None:
        """Sign with the exchange's time from now on."""
        self._clock_ahead_ms = now.time_ms - time.time_ns() // 1_000_000
        self._signed_ms = 0

    def headers(self, call: Call[T]) -> dict[str, str]:
        """The headers of one attempt."""
        headers = {"Accept": "application/json"}
        if call.body:
            headers["Content-Type"] = "application/json"
        if call.is_private:
            headers |= self.needed_key().headers(self.timestamp_ms(), call.method, call.target, call.body)
        return headers

    def needed_key(self) -> Key:
        """The key.

        Raises:
            InputError: the client has none.
        """
        if self.key is None:
            raise InputError("expected a client with a key, since this is about an account; received one without")
        return self.key

    def read(self, call: Call[T], status: int, retry_after: str | None, content: bytes) -> T:
        """The answer.

        Raises:
            ApiError: it says no.
            AnswerError: it is none of this interface.
        """
        try:
            if 200 <= status < 300:
                if call.answer is None:
                    return None  # type: ignore[return-value]
                value: T = msgspec.json.decode(content, type=call.answer)
                return value
            fault = msgspec.json.decode(content, type=_Refusal).error
        except msgspec.MsgspecError as error:
            shown = content[:80].decode(errors="replace")
            raise AnswerError(
                f"{call.method} {self.url}{call.target}: expected an answer of proofbook's interface; "
                f"received status {status}, {shown!r} ({error})"
            ) from None
        raised = fault_of(status, fault)
        if isinstance(raised, RateLimitError):
            raised.retry_after_s = float(retry_after) if retry_after and retry_after.isdigit() else None
        raise raised

    def unsent(self, error: Exception) -> ConnectionFailedError:
        """The exception for a connection that there could not be."""
        return ConnectionFailedError(
            f"no exchange at {self.url}: {error or type(error).__name__}; "
            "`make exchange` and `proofbook serve FOLDER` start one"
        )

    def not_streaming(self, error: Exception) -> ExchangeError:
        """The exception for a stream whose first connection failed: what the exchange said of it, if anything."""
        response = getattr(error, "response", None)
        if response is None:
            return self.unsent(error)
        try:
            self.read(Call("GET", "/stream", None), response.status_code, None, response.body or b"")
        except ExchangeError as said:
            return said
        return self.unsent(error)

    def unanswered(self, call: Call[T], error: Exception) -> UnansweredError:
        """The exception for a request that left, and whose answer did not come."""
        about = f" (client id {call.client_id})" if call.client_id else ""
        return UnansweredError(
            f"{call.method} {self.url}{call.target}{about}: no answer, so whether it was taken is not known: "
            f"{error or type(error).__name__}",
            call.client_id,
        )

    def instead(self, call: Call[T], attempt: int, error: ExchangeError) -> Call[T] | None:
        """What to ask now, where an earlier attempt seems to have been done."""
        return call.instead if attempt > 1 and isinstance(error, UnknownOrderError) else None

    def pause_before_next(self, call: Call[T], attempt: int, error: ExchangeError) -> float:
        """How long to wait before the next attempt.

        Args:
            call: what is asked.
            attempt: how many attempts there were.
            error: how the last one ended.

        Raises:
            ExchangeError: that error, where it is final.
        """
        if attempt >= ATTEMPTS_MAX:
            raise error
        if isinstance(error, RateLimitError) and (error.retry_after_s or 0) <= PAUSE_S_MAX:
            return max(error.retry_after_s or 0.0, pause_s(attempt))
        if isinstance(error, ApiError) and error.code in ("busy", "replayed_signature"):
            # Nothing was taken. Another client with the same key may have signed the same in the same millisecond.
            return pause_s(attempt)
        if isinstance(error, UnansweredError):
            if call.is_repeatable:
                return pause_s(attempt)
        elif isinstance(error, ConnectionFailedError) and attempt == 1:
            # It may be a restart; but that nobody is there shall not be told late.
            return pause_s(attempt)
        raise error
