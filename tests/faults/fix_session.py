"""A FIX 4.4 client that outlives its connections: it keeps its numbers and what it sent, and checks what it is told.

Encoding and framing are simplefix's, so nothing here shares code with the server. Whatever contradicts the protocol
is a `BrokenError`: a number skipped or used twice, a report that comes twice, a request that is answered twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import simplefix  # type: ignore[import-untyped]

PATIENCE_S = 600
HEARTBEAT_S = 120
APPLICATION = frozenset({"D", "F", "G", "q", "H"})


class BrokenError(Exception):
    """The server did what it must not do."""


Message = Mapping[int, str]


def now() -> str:
    """Time as FIX writes it, in milliseconds."""
    return datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S.%f")[:-3]


@dataclass
class Session:
    """One session. `listener` gets each application message once, in order."""

    name: str
    listener: Callable[[Message], None]
    target: str = "EXCHANGE"
    next_outgoing: int = 1
    next_incoming: int = 1
    sent: dict[int, tuple[str, dict[int, object]]] = field(default_factory=dict)
    resends: int = 0
    logons: int = 0
    _writer: asyncio.StreamWriter | None = None
    _logged_on: asyncio.Event = field(default_factory=asyncio.Event)
    _gap_until: int = 0

    async def connect(self, host: str, port: int) -> asyncio.Task[None]:
        """Connect and log on; gives the task that reads until the connection ends."""
        reader, self._writer = await asyncio.open_connection(host, port)
        self._logged_on.clear()
        self._gap_until = 0
        self._write("A", {98: 0, 108: HEARTBEAT_S})
        task = asyncio.create_task(self._read(reader))
        logged_on = asyncio.create_task(self._logged_on.wait())
        done, _ = await asyncio.wait({task, logged_on}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        if logged_on not in done:
            logged_on.cancel()
            if task in done:
                task.result()
            raise ConnectionError(f"{self.name}: the connection ended before the logon was answered")
        self.logons += 1
        return task

    def send(self, kind: str, fields: dict[int, object]) -> None:
        """Send an application message. Without a connection it is kept: the server asks for it at the next logon."""
        body = {**fields, 60: now()}
        if self._writer is None or not self._logged_on.is_set():
            self.sent[self.next_outgoing] = (kind, body)
            self.next_outgoing += 1
            return
        self._write(kind, body)

    async def drained(self) -> None:
        """Wait until the operating system takes more."""
        if self._writer is not None:
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()

    def _write(self, kind: str, body: dict[int, object]) -> None:
        number = self.next_outgoing
        self.next_outgoing += 1
        if kind in APPLICATION:
            self.sent[number] = (kind, body)
        self._put(kind, number, body)

    def _put(self, kind: str, number: int, body: dict[int, object], *, is_again: bool = False) -> None:
        if self._writer is None or self._writer.is_closing():
            return
        message = simplefix.FixMessage()
        time = now()
        head: dict[int, object] = {8: "FIX.4.4", 35: kind, 34: number, 49: self.name, 52: time, 56: self.target}
        if is_again:
            head |= {43: "Y", 122: time}
        for tag, value in (head | body).items():
            message.append_pair(tag, value)
        self._writer.write(message.encode())

    async def _read(self, reader: asyncio.StreamReader) -> None:
        parser = simplefix.FixParser()
        try:
            while data := await reader.read(1 << 16):
                parser.append_buffer(data)
                while (parsed := parser.get_message()) is not None:
                    self._take({int(tag): value.decode() for tag, value in parsed.pairs})
        except ConnectionError:
            pass
        finally:
            if self._writer is not None:
                self._writer.close()
            self._writer = None
            self._logged_on.clear()

    def _take(self, message: Message) -> None:
        number, kind = int(message[34]), message[35]
        is_again = message.get(43) == "Y"
        if kind == "4" and message.get(123) != "Y":
            self.next_incoming = int(message[36])
            return
        if number > self.next_incoming:
            if kind == "A":
                self._logged_on.set()
            if number >= self._gap_until:
                self._write("2", {7: self.next_incoming, 16: 0})
                self._gap_until = number
            if kind == "2":
                self._resend(int(message[7]))
            return
        if number < self.next_incoming:
            if not is_again:
                raise BrokenError(f"{self.name}: expected number {self.next_incoming}, received {dict(message)}")
            return
        self.next_incoming = number + 1
        self._handle(kind, message)

    def _handle(self, kind: str, message: Message) -> None:
        if kind == "A":
            self._logged_on.set()
        elif kind == "4":
            self.next_incoming = int(message[36])
        elif kind == "1":
            self._write("0", {112: message[112]})
        elif kind == "2":
            self._resend(int(message[7]))
        elif kind == "5":
            self._write("5", {})
        elif kind == "3":
            raise BrokenError(f"{self.name}: the session rejected a message: {dict(message)}")
        elif kind != "0":
            self.listener(message)

    def _resend(self, start: int) -> None:
        """Send what the server lacks: application messages again, everything else as a gap."""
        self.resends += 1
        end, gap = self.next_outgoing, None
        for number in range(start, end):
            if number in self.sent:
                if gap is not None:
                    self._put("4", gap, {123: "Y", 36: number}, is_again=True)
                    gap = None
                kind, body = self.sent[number]
                self._put(kind, number, body, is_again=True)
            elif gap is None:
                gap = number
        if gap is not None:
            self._put("4", gap, {123: "Y", 36: end}, is_again=True)

    def drop(self) -> None:
        """Cut the connection off."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def log_out(self) -> None:
        """End the session in order."""
        if self._writer is not None:
            self._write("5", {})
            await self.drained()
