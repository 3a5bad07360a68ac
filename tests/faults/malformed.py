"""Messages that are broken at random, sent to a live gateway, by clients that are logged on and by strangers.

A broken message has bytes changed, cut out, doubled or inserted, or fields in another order; in half of them length
and checksum are made right again, so that what is behind the framing meets them too. Whatever the server answers is
read and thrown away; it must live, stay within its memory, and its log must hold what a replay says it holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass

import simplefix

from .fix_session import now
from .process import Exchange

SOH = b"\x01"
BATCH = 200
"""Messages of one connection; what they do to the session ends with it."""


@dataclass
class Flood:
    """What was sent."""

    messages: int = 0
    bytes: int = 0
    connections: int = 0


def encoded(kind: str, number: int, name: str, fields: dict[int, object]) -> bytes:
    """A sound message."""
    message = simplefix.FixMessage()
    head: dict[int, object] = {8: "FIX.4.4", 35: kind, 34: number, 49: name, 52: now(), 56: "EXCHANGE"}
    for tag, value in (head | fields).items():
        message.append_pair(tag, value)
    data: bytes = message.encode()
    return data


def samples(name: str) -> list[bytes]:
    """Sound messages of every kind that the gateway takes."""
    order: dict[int, object] = {11: "m1", 55: "BTC-USD", 54: 1, 38: "0.5", 40: 2, 44: "90.10", 59: 1, 60: now()}
    target: dict[int, object] = {11: "m2", 41: "m1", 55: "BTC-USD", 54: 1, 60: now()}
    market_data: dict[int, object] = {262: "r", 263: 1, 264: 0, 265: 1, 267: 1, 269: 0, 146: 1, 55: "BTC-USD"}
    return [
        encoded("D", 2, name, order),
        encoded("D", 2, name, order | {40: 4, 99: "95.00", 111: "0.1", 18: 6, 59: 6, 126: now()}),
        encoded("F", 2, name, target),
        encoded("G", 2, name, target | {38: "0.7", 40: 2, 44: "91"}),
        encoded("q", 2, name, {11: "m3", 530: 7, 60: now()}),
        encoded("H", 2, name, {11: "m1", 55: "BTC-USD", 54: 1}),
        encoded("V", 2, name, market_data),
        encoded("x", 2, name, {320: "s", 559: 4}),
        encoded("A", 2, name, {98: 0, 108: 30, 141: "Y", 95: 4, 96: b"\x01=\x01="}),
        encoded("2", 2, name, {7: 1, 16: 0}),
        encoded("4", 2, name, {123: "Y", 36: 9}),
        encoded("1", 2, name, {112: "t"}),
    ]


def repaired(message: bytes) -> bytes:
    """The message with the length and the checksum that its bytes have."""
    fields = [part for part in message.split(SOH) if part and not part.startswith((b"8=", b"9=", b"10="))]
    body = SOH.join(fields) + SOH
    head = b"8=FIX.4.4\x019=%d\x01" % len(body)
    return head + body + b"10=%03d\x01" % (sum(head + body) % 256)


def broken(chance: random.Random, message: bytes) -> bytes:
    """The message, changed at one to four places."""
    data = bytearray(message)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data) or 1)
        change = chance.randrange(6)
        if change == 0:
            data[place : place + 1] = chance.randbytes(1)
        elif change == 1:
            del data[place : place + chance.randint(1, 20)]
        elif change == 2:
            data[place:place] = chance.randbytes(chance.randint(1, 20))
        elif change == 3:
            data[place:place] = data[place : place + chance.randint(1, 40)]
        elif change == 4:
            data[place:place] = chance.choice(
                (b"\x01", b"=", b"\x0110=000\x01", b"9" * 30, b"-", b".", b"\xff", b"8=FIX")
            )
        else:
            parts = bytes(data).split(SOH)
            chance.shuffle(parts)
            data = bytearray(SOH.join(parts))
    return repaired(bytes(data)) if chance.random() < 0.5 else bytes(data)


async def attack(exchange: Exchange, name: str, seed: str, messages: int, flood: Flood) -> None:
    """Send so many broken messages, a connection after the other, most of them behind a sound Logon.

    Raises:
        OSError: nobody listens any more.
    """
    chance = random.Random(seed)
    sound = samples(name)
    sent = 0
    while sent < messages:
        reader, writer = await asyncio.open_connection("127.0.0.1", exchange.fix_port)
        reading = asyncio.create_task(_ignore(reader))
        flood.connections += 1
        try:
            if chance.random() < 0.9:
                writer.write(encoded("A", 1, name, {98: 0, 108: 30, 141: "Y"}))
                await writer.drain()
                await asyncio.sleep(0)
            count = min(BATCH, messages - sent)
            data = b"".join(broken(chance, chance.choice(sound)) for _ in range(count))
            sent += count
            flood.messages += count
            flood.bytes += len(data)
            writer.write(data)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            await reading


async def _ignore(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while await reader.read(1 << 16):
            pass
