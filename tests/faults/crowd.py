"""Many clients at once: FIX traders at a steady rate, readers of the stream who check every message, and readers who do
not read.

A reader keeps a book from snapshots and deltas and compares its checksum with each message's. A slow reader
subscribes to everything and takes nothing from its socket.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket
import time
import zlib
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets

from .fix_session import PATIENCE_S, BrokenError, Message
from .process import Exchange
from .trader import Trader

CHECKED_LEVELS = 25
SMALL_BUFFER_BYTES = 4096
STREAM = "/api/v1/stream"


@dataclass
class Reader:
    """One client of the stream. `delays_ms` are from the time in a message to its arrival."""

    market: str = "BTC-USD"
    messages: int = 0
    snapshots: int = 0
    checked: int = 0
    sequence: int = 0
    delays_ms: list[float] = field(default_factory=list)
    bids: dict[str, tuple[str, int]] = field(default_factory=dict)
    asks: dict[str, tuple[str, int]] = field(default_factory=dict)

    async def run(self, exchange: Exchange, stop: asyncio.Event) -> None:
        """Read until told to stop.

        Raises:
            BrokenError: a gap without a snapshot, or a checksum that does not hold.
        """
        url = exchange.url.replace("http", "ws") + STREAM
        async with websockets.connect(url, max_size=1 << 24, open_timeout=PATIENCE_S, ping_interval=None) as connection:
            for channel in ("book", "trades"):
                await connection.send(json.dumps({"op": "subscribe", "channel": channel, "market": self.market}))
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    self.take(json.loads(await asyncio.wait_for(connection.recv(), 0.5)))

    def take(self, message: dict[str, Any]) -> None:
        """Take one message."""
        self.messages += 1
        if message.get("channel") != "book" or "bids" not in message:
            return
        self.delays_ms.append((time.time_ns() - message["time_ns"]) / 1e6)
        if message["type"] == "snapshot":
            self.snapshots += 1
            self.bids.clear()
            self.asks.clear()
        elif message["previous"] != self.sequence:
            raise BrokenError(f"expected a delta behind {self.sequence}, received one behind {message['previous']}")
        self.sequence = message["sequence"]
        for side, levels in ((self.bids, message["bids"]), (self.asks, message["asks"])):
            for price, quantity, orders in levels:
                if any(digit in "123456789" for digit in quantity):
                    side[price] = (quantity, orders)
                else:
                    side.pop(price, None)
        if (found := self.checksum()) != message["checksum"]:
            raise BrokenError(f"sequence {self.sequence}: expected checksum {message['checksum']}, received {found}")
        self.checked += 1

    def checksum(self) -> int:
        """That of the levels that are held."""
        text = ""
        for side, is_bid in ((self.bids, True), (self.asks, False)):
            ticks = sorted(((int(price.replace(".", "")), price) for price in side), reverse=is_bid)
            for tick, price in ticks[:CHECKED_LEVELS]:
                quantity, orders = side[price]
                text += f"{tick}:{int(quantity.replace('.', ''))}:{orders};"
        return zlib.crc32(text.encode())


async def newest_sequence(exchange: Exchange, market: str = "BTC-USD") -> int:
    """That of the market's book by now."""
    async with httpx.AsyncClient(base_url=exchange.url, timeout=PATIENCE_S) as client:
        sequence: int = (await client.get(f"/api/v1/markets/{market}/book")).json()["sequence"]
        return sequence


async def slow_reader(exchange: Exchange, market: str = "BTC-USD") -> socket.socket:
    """A connection to the stream that has subscribed and whose socket nobody reads."""
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    connection.setblocking(False)
    await loop.sock_connect(connection, ("127.0.0.1", exchange.web_port))
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f"GET {STREAM} HTTP/1.1\r\nHost: 127.0.0.1:{exchange.web_port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await loop.sock_sendall(connection, head.encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = await asyncio.wait_for(loop.sock_recv(connection, 1024), PATIENCE_S)
        if not part:
            raise ConnectionError("the stream was refused")
        answer += part
    if b" 101 " not in answer.split(b"\r\n", 1)[0]:
        raise ConnectionError(f"expected 101, received {answer[:100]!r}")
    for channel in ("book", "trades"):
        await loop.sock_sendall(connection, _frame({"op": "subscribe", "channel": channel, "market": market}))
    return connection


def _frame(message: dict[str, object]) -> bytes:
    """A masked text frame (RFC 6455, section 5.2)."""
    data = json.dumps(message).encode()
    assert len(data) < 126, "a short message"
    mask = os.urandom(4)
    return bytes([0x81, 0x80 | len(data)]) + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(data))


@dataclass
class Pace:
    """Asks at a steady rate. How long an answer took counts from when its request was due, whatever waited before."""

    trader: Trader
    rate: float
    delays_ms: list[float] = field(default_factory=list)
    due: dict[str, float] = field(default_factory=dict)

    def listen(self, message: Message) -> None:
        """Take a message for the trader, and the time if it answers something."""
        self.trader.take(message)
        answered = message.get(11) or message.get(379, "")
        if (due := self.due.pop(answered, None)) is not None:
            self.delays_ms.append((time.monotonic() - due) * 1e3)

    async def run(self, seconds: float) -> None:
        """Ask for so long."""
        started = time.monotonic()
        self.trader.session.listener = self.listen
        count = 0
        while (due := started + count / self.rate) < started + seconds:
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            if self.trader.ask():
                self.due[f"{self.trader.session.name}-{self.trader.requests}"] = due
            count += 1


def quantile(values: list[float], part: float) -> float:
    """The value below which this part of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
