"""An ITCH 5.0 day of our own market, read by two parsers that share nothing: the native one, and itchfeed's.

The day is written by ``itch_sample``, an example program of the crate ``proofbook-replay`` that ``cargo test`` builds.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from proofbook import _core

blake3 = pytest.importorskip("blake3")
parser = pytest.importorskip("itch.parser", reason="itchfeed, the independent parser, is not installed")

ROOT = Path(__file__).resolve().parents[2]
SEED = 4_096
MESSAGES = 30_000
TICK = 100


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated day of ITCH."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    program = [str(target / "debug" / "examples" / "itch_sample")]
    if not Path(program[0]).is_file():
        if shutil.which("cargo") is None or not (ROOT / "crates" / "replay").is_dir():
            pytest.skip("the generator is neither built nor can it be: there is no cargo or no source here")
        program = ["cargo", "run", "--quiet", "-p", "proofbook-replay", "--example", "itch_sample", "--"]
    path = tmp_path_factory.mktemp("itch") / "day.itch"
    subprocess.run([*program, str(SEED), str(MESSAGES), str(path)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return path


@dataclass
class Order:
    """A resting order, as the feed tells it."""

    side: bytes
    price: int
    shares: int


@dataclass
class Stock:
    """A stock's book, rebuilt from itchfeed's messages: a dictionary keeps its orders in the order of their arrival."""

    symbol: str = ""
    orders: dict[int, Order] = field(default_factory=dict)
    executions: int = 0

    def take(self, message: Any) -> None:
        """Apply a message."""
        kind = message.message_type
        reference: int = getattr(message, "order_reference_number", 0)
        if kind in (b"A", b"F"):
            assert reference not in self.orders
            self.orders[reference] = Order(message.buy_sell_indicator, message.price, message.shares)
        elif kind in (b"E", b"C"):
            self.executions += 1
            self.lower(reference, message.executed_shares)
        elif kind == b"X":
            self.lower(reference, message.cancelled_shares)
        elif kind == b"D":
            del self.orders[reference]
        elif kind == b"U":
            old = self.orders.pop(reference)
            self.orders[message.new_order_reference_number] = Order(old.side, message.price, message.shares)

    def lower(self, reference: int, shares: int) -> None:
        """Take shares from an order."""
        order = self.orders[reference]
        order.shares -= shares
        assert order.shares >= 0
        if order.shares == 0:
            del self.orders[reference]

    def queue(self, side: bytes) -> list[tuple[int, Order]]:
        """The orders of a side in price-time priority."""
        orders = [(reference, order) for reference, order in self.orders.items() if order.side == side]
        return sorted(orders, key=lambda item: -item[1].price if side == b"B" else item[1].price)

    def digest(self) -> str:
        """The digest that a rebuild reports, computed from its description."""
        hasher = blake3.blake3()
        for side in (b"B", b"S"):
            queue = self.queue(side)
            hasher.update(struct.pack("<Q", len(queue)))
            for reference, order in queue:
                hasher.update(struct.pack("<QqQ", reference, order.price // TICK, order.shares))
        return str(hasher.hexdigest())


@pytest.fixture(scope="module")
def messages(day: Path) -> list[Any]:
    """The day's messages, as itchfeed reads them."""
    with day.open("rb") as file:
        return list(parser.MessageParser().parse_file(file))


def test_every_byte_means_the_same_to_an_independent_parser(day: Path, messages: list[Any]) -> None:
    """itchfeed packs the fields that it read into the same bytes: every field is where the format wants it."""
    packed = b"".join(struct.pack(">H", len(raw)) + raw for raw in (message.to_bytes() for message in messages))
    assert day.read_bytes() == packed + b"\x00\x00"


def test_both_parsers_count_the_same_messages(day: Path, messages: list[Any]) -> None:
    """Message types and their numbers agree."""
    report = json.loads(_core.replay([day], check=True)[0])
    theirs = Counter(message.message_type.decode() for message in messages)
    ours = {kind[0]: count for kind, count in report["records_by_kind"].items()}
    assert ours == dict(theirs)
    assert set(theirs) >= set("SRHYLVAFECXDUPQI")
    assert report["unapplied"] == {}
    assert report["failure"] is None
    assert report["compared"] == theirs["E"] + theirs["C"]


def test_both_parsers_rebuild_the_same_books(day: Path, messages: list[Any]) -> None:
    """Each stock's final book has the same orders in the same places."""
    stocks: dict[int, Stock] = {}
    for message in messages:
        stock = stocks.setdefault(message.stock_locate, Stock())
        if message.message_type == b"R":
            stock.symbol = message.stock.decode().rstrip()
        stock.take(message)
    named = [stock for stock in stocks.values() if stock.symbol]
    assert len(named) == 4
    for stock in named:
        report = json.loads(_core.replay([day], symbol=stock.symbol)[0])
        assert (report["symbol"], report["tick"]) == (stock.symbol, "0.01")
        assert report["orders"] == len(stock.orders)
        assert report["compared"] == stock.executions > 100
        assert report["digest"] == stock.digest()
