"""The book that a client keeps: messages that are lost, doubled, reordered, merged or altered never make it show a
book that the exchange did not have at that sequence number.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

import pytest

pytest.importorskip("msgspec", reason="the packages of the extra `exchange` are not installed")

from hypothesis import given
from hypothesis import strategies as st

from proofbook.client import Applied, BookMessage, Level, LocalBook
from proofbook.client import book as client_book
from proofbook.errors import InputError

MARKET = "BTC-USD"


@dataclass(frozen=True)
class Moment:
    """The exchange's book at a sequence number: (quantity text, orders) by price text, of each side."""

    sequence: int
    bids: dict[str, tuple[str, int]]
    asks: dict[str, tuple[str, int]]

    def best(self, side: str) -> list[tuple[str, str, int]]:
        levels = self.bids if side == "bids" else self.asks
        prices = sorted(levels, key=Decimal, reverse=side == "bids")
        return [(price, *levels[price]) for price in prices]

    def checksum(self) -> int:
        text = ""
        for side in ("bids", "asks"):
            for price, quantity, orders in self.best(side)[:25]:
                text += f"{int(price.replace('.', ''))}:{int(quantity.replace('.', ''))}:{orders};"
        return zlib.crc32(text.encode("ascii"))

    def snapshot(self) -> BookMessage:
        sides = [tuple(levels_of(self.best(side))) for side in ("bids", "asks")]
        return BookMessage(MARKET, self.sequence, bids=sides[0], asks=sides[1], checksum=self.checksum())


def levels_of(levels: list[tuple[str, str, int]]) -> list[Level]:
    return [Level(Decimal(price), Decimal(quantity), orders) for price, quantity, orders in levels]


def delta(*moments: Moment) -> BookMessage:
    """What changed from one moment to the next, as it is in the last; also what changed and is as it was before."""
    before, after = moments[0], moments[-1]
    sides = []
    for name in ("bids", "asks"):
        books: list[dict[str, tuple[str, int]]] = [getattr(moment, name) for moment in moments]
        touched = {price for old, new in pairwise(books) for price in {*old, *new} if old.get(price) != new.get(price)}
        sides.append(tuple(levels_of([(price, *books[-1].get(price, ("0.000", 0))) for price in touched])))
    return BookMessage(
        MARKET,
        after.sequence,
        previous=before.sequence,
        bids=sides[0],
        asks=sides[1],
        checksum=after.checksum(),
        type="delta",
    )


def shown(book: LocalBook) -> tuple[list[tuple[str, str, int]], ...]:
    return tuple(
        [(str(level.price), str(level.quantity), level.orders) for level in side] for side in (book.bids(), book.asks())
    )


def truth(moment: Moment) -> tuple[list[tuple[str, str, int]], ...]:
    return (moment.best("bids"), moment.best("asks"))


def new_book() -> LocalBook:
    return LocalBook(MARKET, price_decimals=2, quantity_decimals=3)


change = st.tuples(
    st.booleans(),
    st.integers(0, 39),
    st.sampled_from(["0.000", "0.001", "0.050", "1.500", "10.000", "20.000"]),
    st.integers(1, 3),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Moment]:
    """Books that follow each other. Prices have digits before and behind the point that a careless integer loses."""
    moments = [Moment(draw(st.integers(1, 50)), {}, {})]
    for changes in draw(st.lists(st.lists(change, min_size=1, max_size=6), min_size=4, max_size=14)):
        bids, asks = dict(moments[-1].bids), dict(moments[-1].asks)
        for is_bid, place, quantity, orders in changes:
            side, price = (
                (bids, f"{Decimal(995 - 25 * place) / 100 + 10:.2f}") if is_bid else (asks, f"{20 + place}.05")
            )
            if Decimal(quantity) == 0:
                side.pop(price, None)
            else:
                side[price] = (quantity, orders)
        moments.append(Moment(moments[-1].sequence + 1, bids, asks))
    return moments


@given(histories(), st.data())
def test_whatever_the_network_does_a_book_in_step_is_the_exchanges(moments: list[Moment], data: st.DataObject) -> None:
    by_sequence = {moment.sequence: moment for moment in moments}
    whole = [delta(before, after) for before, after in pairwise(moments)]
    steps = st.tuples(st.integers(0, len(moments) - 2), st.integers(1, 4))
    merged = [delta(*moments[first : first + count + 1]) for first, count in data.draw(st.lists(steps, max_size=4))]
    snapshots = [moment.snapshot() for moment in data.draw(st.lists(st.sampled_from(moments), max_size=3))]
    kept = data.draw(st.lists(st.sampled_from(whole), max_size=2 * len(whole)), label="lost, doubled, reordered")
    book = new_book()
    for message in data.draw(st.permutations([*kept, *merged, *snapshots])):
        book.apply(message)
        assert book.is_synced == (book.fault is None)
        if book.is_synced:
            assert book.sequence is not None
            assert shown(book) == truth(by_sequence[book.sequence])
        else:
            assert shown(book) == ([], [])
    assert book.mismatches == 0, "no message was altered"
    book.apply(moments[-1].snapshot())
    assert book.is_synced
    assert shown(book) == truth(moments[-1])


def test_a_snapshot_amid_what_was_put_together_is_followed() -> None:
    level = {"20.05": ("20.000", 1)}
    moments = [Moment(6, {}, level), Moment(7, {}, {}), Moment(8, {}, level)]
    book = new_book()
    assert book.apply(delta(*moments)) is Applied.GAP
    assert book.apply(moments[1].snapshot()) is Applied.YES
    assert shown(book) == truth(moments[2])


@given(histories(), st.data())
def test_reordered_and_doubled_messages_need_no_snapshot(moments: list[Moment], data: st.DataObject) -> None:
    deltas = [delta(before, after) for before, after in pairwise(moments)]
    doubled = data.draw(st.lists(st.sampled_from(deltas), max_size=5))
    book = new_book()
    assert book.apply(moments[0].snapshot()) is Applied.YES
    for message in data.draw(st.permutations([*deltas, *doubled])):
        assert book.apply(message) is not Applied.MISMATCH
    assert book.is_synced
    assert shown(book) == truth(moments[-1])


@given(histories(), st.data())
def test_a_lost_message_is_found_at_the_next_and_a_snapshot_mends_it(
    moments: list[Moment], data: st.DataObject
) -> None:
    deltas = [delta(before, after) for before, after in pairwise(moments)]
    lost = data.draw(st.integers(0, len(deltas) - 2))
    book = new_book()
    book.apply(moments[0].snapshot())
    for message in deltas[:lost]:
        assert book.apply(message) is Applied.YES
    for message in deltas[lost + 1 :]:
        assert book.apply(message) is Applied.GAP
        assert not book.is_synced
    assert book.gaps == 1
    mended = data.draw(st.integers(lost + 1, len(moments) - 1))
    assert book.apply(moments[mended].snapshot()) is Applied.YES
    assert shown(book) == truth(moments[-1]), "what had waited followed the snapshot"


@given(histories(), st.data())
def test_an_altered_message_is_not_shown(moments: list[Moment], data: st.DataObject) -> None:
    deltas = [delta(before, after) for before, after in pairwise(moments)]
    place = data.draw(st.integers(0, len(deltas) - 1))
    book = new_book()
    book.apply(moments[0].snapshot())
    for message in deltas[:place]:
        book.apply(message)
    spoilt = deltas[place]
    best = Level(Decimal("19.99"), Decimal(data.draw(st.integers(1, 9))), 1)
    spoilt = BookMessage(
        MARKET,
        spoilt.sequence,
        previous=spoilt.previous,
        bids=(*spoilt.bids, best),
        asks=spoilt.asks,
        checksum=spoilt.checksum,
        type="delta",
    )
    assert book.apply(spoilt) is Applied.MISMATCH
    assert (book.mismatches, book.is_synced, shown(book)) == (1, False, ([], []))
    assert book.fault is not None and str(spoilt.checksum) in book.fault
    book.apply(moments[place + 1].snapshot())
    for message in deltas[place + 1 :]:
        assert book.apply(message) is Applied.YES
    assert shown(book) == truth(moments[-1])


def test_waiting_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_book, "PENDING_MAX", 3)
    moments = [Moment(sequence, {"10.00": (f"{sequence}.000", 1)}, {}) for sequence in range(1, 9)]
    deltas = [delta(before, after) for before, after in pairwise(moments)]
    book = new_book()
    for message in deltas:
        assert book.apply(message) is Applied.GAP
    assert book.apply(moments[0].snapshot()) is Applied.GAP, "the first four were forgotten"
    assert book.apply(moments[4].snapshot()) is Applied.YES
    assert shown(book) == truth(moments[-1])


def test_a_message_that_cannot_be_is_refused() -> None:
    book = new_book()
    with pytest.raises(InputError, match="ETH-USD"):
        book.apply(BookMessage("ETH-USD", 1))
    with pytest.raises(InputError, match="at most 2 decimals"):
        book.apply(BookMessage(MARKET, 1, bids=(Level(Decimal("1.005"), Decimal(1), 1),)))


def test_the_checksum_is_the_one_of_the_interface() -> None:
    """The text and its CRC-32 written out by hand."""
    assert client_book.checksum_of([(9950, 1000, 2)], [(10000, 3500, 1)]) == zlib.crc32(b"9950:1000:2;10000:3500:1;")
    many = [(ticks, 1, 1) for ticks in range(40)]
    book = new_book()
    levels = tuple(Level(Decimal(ticks).scaleb(-2), Decimal("0.001"), 1) for ticks, _, _ in many[1:])
    best = [(ticks, 1, 1) for ticks, _, _ in reversed(many[15:])]
    message = BookMessage(MARKET, 1, bids=levels, checksum=client_book.checksum_of(best, []))
    assert book.apply(message) is Applied.YES, "the best 25 bids count, the others do not"
