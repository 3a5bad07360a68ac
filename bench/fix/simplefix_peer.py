"""Time simplefix, and proofbook from Python, on the messages that `codec generate` wrote; printed as `codec` prints.

`simplefix_peer.py FOLDER ROUNDS`. `parse` gives bytes to a parser and takes the message out; `read` is that and six
values as numbers, time and text. simplefix checks neither BodyLength nor CheckSum and takes no group apart; `encode`
puts a message together from texts. proofbook is measured where its package is installed.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

simplefix: Any = importlib.import_module("simplefix")

KINDS = ("orders", "reports", "books", "heartbeats")
TIMED_MESSAGES_MAX = 2_000
"""Only the first so many of each kind are timed, all of them hashed: an interpreter takes its time."""

CL_ORD_ID, SYMBOL, SIDE, ORDER_QTY, PRICE, TRANSACT_TIME = 11, 55, 54, 38, 44, 60


def fnv(data: bytes) -> int:
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def hash_of(fields: Iterable[tuple[int | bytes, bytes]]) -> int:
    """The sum over all fields."""
    total = 0
    for tag, value in fields:
        name = tag if isinstance(tag, bytes) else str(tag).encode()
        total += fnv(name + b"=" + value)
    return total & 0xFFFFFFFFFFFFFFFF


def split(data: bytes) -> list[bytes]:
    """The messages of a file."""
    messages = []
    start = 0
    while start < len(data):
        trailer = data.index(b"\x0110=", start)
        end = data.index(b"\x01", trailer + 1) + 1
        messages.append(data[start:end])
        start = end
    return messages


def timer_ns() -> int:
    """The median of what two readings of the clock are apart."""
    apart = []
    for _ in range(10_001):
        start = time.perf_counter_ns()
        apart.append(time.perf_counter_ns() - start)
    return sorted(apart)[len(apart) // 2]


@dataclass(frozen=True)
class Timed:
    """What is timed, and on what."""

    contender: str
    kind: str
    operation: str
    hash: int
    messages: list[bytes]
    rounds: int

    def print(self, body: Callable[[bytes], object]) -> None:
        """Times an operation on each message and prints the figures."""
        means = []
        latencies = []
        timed = self.messages[:TIMED_MESSAGES_MAX]
        for _ in range(self.rounds):
            start = time.perf_counter_ns()
            for message in timed:
                body(message)
            means.append((time.perf_counter_ns() - start) / len(timed))
            for message in timed:
                begin = time.perf_counter_ns()
                body(message)
                latencies.append(time.perf_counter_ns() - begin)
        means.sort()
        latencies.sort()
        figures = {
            "contender": self.contender,
            "kind": self.kind,
            "operation": self.operation,
            "hash": f"{self.hash:016x}",
            "messages": len(self.messages),
            "bytes": sum(map(len, self.messages)),
            "mean_ns": round(means[len(means) // 2], 1),
            "mean_ns_min": round(means[0], 1),
            **{name: latencies[int(share * (len(latencies) - 1))] for name, share in QUANTILES.items()},
            "timer_ns": timer_ns(),
        }
        print(json.dumps(figures), flush=True)


QUANTILES = {"p50_ns": 0.5, "p99_ns": 0.99, "p999_ns": 0.999}


def values(get: Callable[[int], bytes | None]) -> tuple[object, ...]:
    """Six values as an application wants them."""
    moment = datetime.strptime((get(TRANSACT_TIME) or b"").decode(), "%Y%m%d-%H:%M:%S.%f")
    price = (get(PRICE) or b"").replace(b".", b"")
    return (
        get(CL_ORD_ID),
        get(SYMBOL),
        get(SIDE),
        int(get(ORDER_QTY) or b""),
        int(price),
        moment.replace(tzinfo=UTC),
    )


def measure_simplefix(kind: str, messages: list[bytes], rounds: int) -> None:
    """Time simplefix on one kind of message."""
    parser = simplefix.FixParser()

    def parse(message: bytes) -> Any:
        parser.append_buffer(message)
        return parser.get_message()

    def encode(fields: list[tuple[bytes, bytes]]) -> bytes:
        message = simplefix.FixMessage()
        for tag, value in fields:
            message.append_pair(tag, value)
        encoded: bytes = message.encode()
        return encoded

    total = sum(hash_of(parse(message).pairs) for message in messages) & 0xFFFFFFFFFFFFFFFF
    timed = {name: Timed("simplefix", kind, name, total, messages, rounds) for name in ("parse", "read", "encode")}
    timed["parse"].print(parse)
    if kind == "orders":
        timed["read"].print(lambda message: values(parse(message).get))
    if kind in ("orders", "reports"):
        fields = {
            message: [pair for pair in parse(message).pairs if pair[0] not in (b"9", b"10")] for message in messages
        }
        if any(encode(fields[message]) != message for message in messages):
            raise SystemExit("simplefix writes other messages than were read")
        timed["encode"].print(lambda message: encode(fields[message]))


def measure_proofbook(kind: str, messages: list[bytes], rounds: int) -> None:
    """Time proofbook's parser on one kind of message, where the package is installed."""
    try:
        from proofbook import fix
    except ImportError as error:
        print(f"proofbook is not measured from Python: {error}", file=sys.stderr)
        return
    parser = fix.MessageParser()
    total = sum(hash_of(parser.feed(message)[0].fields()) for message in messages) & 0xFFFFFFFFFFFFFFFF
    timed = {name: Timed("proofbook-python", kind, name, total, messages, rounds) for name in ("parse", "read")}
    timed["parse"].print(lambda message: parser.feed(message)[0].fields())
    if kind == "orders":
        timed["read"].print(lambda message: values(parser.feed(message)[0].get))


def main() -> None:
    """Measures both on every kind."""
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    for kind in KINDS:
        messages = split((folder / f"{kind}.fix").read_bytes())
        measure_simplefix(kind, messages, rounds)
        measure_proofbook(kind, messages, rounds)


if __name__ == "__main__":
    main()
