"""Books as deltas, and what becomes of them at readers of every pace, without a running exchange."""

from __future__ import annotations

import asyncio
import random
import zlib

import msgspec
import pytest

pytest.importorskip("litestar")

from held_book import CHECKSUM_LEVELS, HeldBook, checksum

from proofbook.exchange.books import Merged
from proofbook.exchange.messages import Book, BookDelta, Level, Trade, Trades
from proofbook.exchange.outbox import MERGED_LEVELS_MAX, MERGED_TRADES_MAX, Outbox, framed

# Books


def level(price: int, quantity: int, orders: int) -> Level:
    return (f"{price // 100}.{price % 100:02}", f"{quantity // 1000}.{quantity % 1000:03}", orders)


class Market:
    """A book that changes at random, and its deltas, written down without the code under test."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.sides: list[dict[int, tuple[int, int]]] = [{}, {}]
        self.sequence = 0

    def change(self) -> BookDelta:
        changed: list[dict[int, Level]] = [{}, {}]
        for _ in range(self.random.randint(1, 4)):
            side = self.random.randint(0, 1)
            price = self.random.randint(9_900, 9_999) if side == 0 else self.random.randint(10_000, 10_100)
            if self.random.random() < 0.4:
                self.sides[side].pop(price, None)
                changed[side][price] = level(price, 0, 0)
            else:
                quantity, orders = self.random.randint(1, 10**6), self.random.randint(1, 9)
                self.sides[side][price] = (quantity, orders)
                changed[side][price] = level(price, quantity, orders)
        self.sequence += 1
        return BookDelta(
            market="BTC-USD",
            sequence=self.sequence,
            previous=self.sequence - 1,
            entry=self.sequence,
            time_ns=self.sequence,
            bids=list(changed[0].values()),
            asks=list(changed[1].values()),
            checksum=self.checksum(),
        )

    def levels(self) -> tuple[list[Level], list[Level]]:
        bids = [level(price, *self.sides[0][price]) for price in sorted(self.sides[0], reverse=True)]
        asks = [level(price, *self.sides[1][price]) for price in sorted(self.sides[1])]
        return bids, asks

    def checksum(self) -> int:
        text = ""
        for side, is_reversed in zip(self.sides, (True, False), strict=True):
            for price in sorted(side, reverse=is_reversed)[:25]:
                quantity, orders = side[price]
                text += f"{price}:{quantity}:{orders};"
        return zlib.crc32(text.encode())

    def snapshot(self) -> Book:
        bids, asks = self.levels()
        return Book(
            market="BTC-USD",
            sequence=self.sequence,
            entry=self.sequence,
            time_ns=self.sequence,
            bids=bids,
            asks=asks,
            checksum=self.checksum(),
        )


@pytest.mark.parametrize("seed", range(5))
def test_merged_deltas_give_the_same_book(seed: int) -> None:
    market = Market(seed)
    for _ in range(50):
        market.change()
    held = HeldBook(market.snapshot())
    first, *more = (market.change() for _ in range(40))
    merged = Merged(first)
    for delta in more:
        assert merged.add(delta)
    delta = merged.delta(held.sequence)
    assert delta is not None and held.apply(delta)
    assert (held.bids, held.asks) == market.levels(), f"seed {seed}"
    assert held.checksum() == delta.checksum == market.checksum()
    assert not merged.add(first), "it does not follow"
    assert merged.delta(delta.sequence) is None
    assert merged.delta(first.previous - 1) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_merged_delta_meets_a_snapshot_in_its_middle(seed: int) -> None:
    market = Market(seed)
    merged = Merged(market.change())
    for _ in range(20):
        merged.add(market.change())
    held = HeldBook(market.snapshot())
    for _ in range(20):
        merged.add(market.change())
    delta = merged.delta(held.sequence)
    assert delta is not None and held.apply(delta)
    assert (held.bids, held.asks, held.checksum()) == (*market.levels(), market.checksum()), f"seed {seed}"


def test_a_gap_is_seen_and_an_old_delta_changes_nothing() -> None:
    market = Market(1)
    held = HeldBook(market.snapshot())
    first, second, third = (market.change() for _ in range(3))
    assert held.apply(first)
    assert not held.apply(third)
    assert held.apply(second) and held.apply(third) and held.apply(first)
    assert held.sequence == 3 and held.checksum() == third.checksum


def test_the_checksum_is_of_the_best_levels() -> None:
    levels = [level(100 + place, 1000, 1) for place in range(CHECKSUM_LEVELS + 1)]
    assert checksum([("99.50", "1.000", 2)], [("100.00", "3.500", 1)]) == 3980290992
    assert checksum(levels, []) == checksum(levels[:CHECKSUM_LEVELS], []) != checksum(levels[1:], [])
    assert checksum(levels, []) != checksum([], levels[:3])


# Slow readers


class Reader:
    """What a client has of what an outbox sends; it takes a message whenever it is let."""

    def __init__(self, market: Market, waiting_bytes_max: int) -> None:
        self.outbox = Outbox(waiting_bytes_max)
        self.taken: list[dict[str, object]] = []
        self.snapshots = 0
        self.allowed = asyncio.Semaphore(0)
        self._market = market
        self._task = asyncio.create_task(self.outbox.drain(self._send, self._snapshot))

    async def _send(self, text: str) -> None:
        await self.allowed.acquire()
        self.taken.append(msgspec.json.decode(text))

    async def _snapshot(self, _: str) -> Book:
        self.snapshots += 1
        await asyncio.sleep(0)
        return self._market.snapshot()

    async def settle(self, messages: int) -> None:
        for _ in range(messages):
            self.allowed.release()
        for _ in range(20 * messages + 20):
            await asyncio.sleep(0)

    def book(self) -> HeldBook | None:
        held: HeldBook | None = None
        for message in self.taken:
            if message["channel"] != "book":
                continue
            if message["type"] == "snapshot":
                held = HeldBook(msgspec.convert(message, Book))
            else:
                del message["type"]
                assert held is not None, "a delta before any snapshot"
                delta = msgspec.convert({**message, "type": "book"}, BookDelta)
                assert delta.previous == held.sequence, "no gap, nothing twice"
                assert held.apply(delta)
                assert held.checksum() == delta.checksum
        return held


@pytest.mark.parametrize("waiting_bytes_max", [2_000, 20_000, 1 << 20])
def test_a_reader_has_the_same_book_at_any_pace(waiting_bytes_max: int) -> None:
    async def run() -> None:
        market = Market(waiting_bytes_max)
        for _ in range(100):
            market.change()
        reader = Reader(market, waiting_bytes_max)
        reader.outbox.open_book("BTC-USD")
        chance = random.Random(7)
        for _ in range(600):
            delta = market.change()
            reader.outbox.put_delta(delta, framed("book", "delta", delta))
            assert not reader.outbox.overflow
            if chance.random() < 0.1:
                await reader.settle(chance.randint(0, 3))
        await reader.settle(1000)
        held = reader.book()
        assert held is not None and held.sequence == market.sequence
        assert (held.bids, held.asks) == market.levels()
        if waiting_bytes_max < 10_000:
            assert reader.outbox.conflations["book"] > 100
            assert len(reader.taken) < 300, "most deltas were put together"
        assert reader.outbox.waiting_bytes == 0

    asyncio.run(run())


def test_a_long_merged_delta_gives_way_to_a_snapshot() -> None:
    async def run() -> None:
        market = Market(3)
        reader = Reader(market, 1_000)
        reader.outbox.open_book("BTC-USD")
        await reader.settle(1)
        for sequence in range(1, 30):
            bids = [level(price, sequence, 1) for price in range(sequence * 100, sequence * 100 + 100)]
            for price in range(sequence * 100, sequence * 100 + 100):
                market.sides[0][price] = (sequence, 1)
            market.sequence = sequence
            delta = BookDelta(
                market="BTC-USD",
                sequence=sequence,
                previous=sequence - 1,
                entry=0,
                time_ns=0,
                bids=bids,
                asks=[],
                checksum=market.checksum(),
            )
            reader.outbox.put_delta(delta, framed("book", "delta", delta))
        assert MERGED_LEVELS_MAX < 29 * 100
        await reader.settle(50)
        held = reader.book()
        assert held is not None and held.bids == market.levels()[0]
        assert reader.snapshots == 2

    asyncio.run(run())


def trades(first: int, count: int) -> Trades:
    rows = [
        Trade(id=first + place, entry=1, time_ns=1, price="1.00", quantity="1.000", side="buy")
        for place in range(count)
    ]
    return Trades(market="BTC-USD", trades=rows)


def test_trades_come_all_and_in_order_in_fewer_messages() -> None:
    async def run() -> None:
        reader = Reader(Market(0), 4_000)
        for place in range(200):
            message = trades(place * 3, 3)
            reader.outbox.put_trades(message, framed("trades", "update", message))
            reader.outbox.put_latest("ticker", "BTC-USD", f'{{"channel":"ticker","place":{place}}}')
        await reader.settle(500)
        ids = [each["id"] for message in reader.taken for each in message.get("trades", [])]  # type: ignore[attr-defined]
        assert ids == list(range(600))
        assert len(reader.taken) < 100
        places = [message["place"] for message in reader.taken if message["channel"] == "ticker"]
        assert places == sorted(places) and places[-1] == 199  # type: ignore[type-var]

    asyncio.run(run())


def test_a_reader_that_takes_nothing_is_given_up_and_costs_no_more() -> None:
    async def run() -> None:
        reader = Reader(Market(0), 4_000)
        for _ in range(1000):
            reader.outbox.put("x" * 100)
        assert reader.outbox.overflow
        assert reader.outbox.waiting_bytes < 4_200
        other = Reader(Market(0), 4_000)
        for place in range(0, 2 * MERGED_TRADES_MAX, 100):
            message = trades(place, 100)
            other.outbox.put_trades(message, framed("trades", "update", message))
        assert other.outbox.overflow

    asyncio.run(run())
