"""HTTP connections, bounded: how many an address may have, how long a request may take to arrive, how long its head is.

uvicorn bounds what comes after a request has arrived; this is for those that never do. A connection that becomes a
stream is counted as one from then on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

REQUEST_S_MAX = 10.0
"""How long the first byte to the last of a request may take."""
HEAD_BYTES_MAX = 32_768
"""The line and the headers of a request."""

TOO_MANY = (
    b"HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nretry-after: 10\r\nconnection: close\r\n\r\n"
    b'{"error":{"code":"too_many_requests","message":"more connections of an address than may be"}}'
)
HEAD_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
    b'{"error":{"code":"head_too_long","message":"the headers are longer than what is taken"}}'
)
UNREADABLE = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
    b'{"error":{"code":"invalid_request","message":"expected a request of HTTP/1.1; received something else"}}'
)


class BoundedConnection(HttpToolsProtocol):
    """A connection of `bounded`."""

    connections_per_address_max: ClassVar[int]
    addresses: ClassVar[Counter[str]]
    request_s_max: ClassVar[float] = REQUEST_S_MAX

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._address: str | None = None
        self._chunk_bytes = 0
        self._head_bytes = 0
        self._is_in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it; one too many is told so and closed."""
        super().connection_made(transport)
        address = self.client[0] if self.client is not None else "unknown"
        if self.addresses[address] >= self.connections_per_address_max:
            self._refuse(TOO_MANY)
            return
        self._address = address
        self.addresses[address] += 1
        self._begin()

    def _refuse(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()

    def send_400_response(self, _: str) -> None:
        """Answer what is no HTTP in the form of every other error."""
        self._refuse(UNREADABLE)

    def _begin(self) -> None:
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().call_later(self.request_s_max, self._late)

    def _late(self) -> None:
        self._deadline = None
        self.transport.abort()

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _leave(self) -> None:
        self._end()
        if self._address is not None:
            self.addresses[self._address] -= 1
            if self.addresses[self._address] <= 0:
                del self.addresses[self._address]
            self._address = None

    def data_received(self, data: bytes) -> None:
        """Take bytes; a head that does not end is refused."""
        if self.transport.is_closing():
            return
        self._chunk_bytes = len(data)
        self._head_bytes += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            self._refuse(HEAD_TOO_LONG)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, self._chunk_bytes
        self._begin()

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is there."""
        super().on_message_complete()
        self._end()

    def handle_websocket_upgrade(self) -> None:
        """It becomes a stream."""
        self._leave()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._leave()
        super().connection_lost(exc)


def bounded(connections_per_address_max: int) -> type[BoundedConnection]:
    """A kind of connection for one server, with a count of its own."""
    fields = {"connections_per_address_max": connections_per_address_max, "addresses": Counter()}
    return type("ServerConnection", (BoundedConnection,), fields)
