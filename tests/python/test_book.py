"""One order at a time: natural terms in, typed events out."""

from __future__ import annotations

import pickle
import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest

import proofbook
from proofbook import Book, InputError, RejectedError, TickError, types
from proofbook.engines import ENGINES


def kinds(events: proofbook.Events) -> list[str]:
    return [event.kind for event in events]


def test_prices_and_quantities_are_exact_in_every_form() -> None:
    book = Book(tick_size="0.01", lot_size="0.001")
    for price, quantity in (
        ("100.10", "1.5"),
        (Decimal("100.1"), Decimal("1.500")),
        (10_010, 1_500),
        ("1.001e2", 1500),
    ):
        events = book.submit("buy", quantity, price)
        accepted = events[0]
        assert isinstance(accepted, proofbook.Accepted)
        assert (accepted.price_ticks, accepted.quantity_lots) == (10_010, 1_500)
        assert (str(accepted.price), str(accepted.quantity)) == ("100.10", "1.500")


@pytest.mark.parametrize(
    ("price", "quantity", "error", "words"),
    [
        ("100.105", 1, TickError, "price must be a multiple of 0.01; received 100.105"),
        (100, "0.0001", TickError, "quantity must be a multiple of 0.001; received 0.0001"),
        (100.1, 1, InputError, "price must be exact"),
        (100, 1.0, InputError, "quantity must be exact"),
        ("ten", 1, InputError, "price must be an integer, a decimal string"),
        ("", 1, InputError, "price must be"),
        ("1.2.3", 1, InputError, "price must be"),
        (Decimal("NaN"), 1, InputError, "price must be"),
        (True, 1, InputError, "price must be"),
        (100, -1, InputError, "quantity must be from 0"),
        (100, "-1", InputError, "quantity must be from 0"),
        (2**63, 1, InputError, "price must be from -2^63"),
        (100, 2**64, InputError, "quantity must be from 0"),
        ("1e60", 1, InputError, "price must be from -2^63"),
        ("1e-60", 1, TickError, "multiple of 0.01"),
        (None, 1, InputError, "a limit order takes price"),
    ],
)
def test_bad_numbers_raise(price: object, quantity: object, error: type[Exception], words: str) -> None:
    book = Book(tick_size="0.01", lot_size="0.001")
    with pytest.raises(error) as raised:
        book.submit("buy", quantity, price)  # type: ignore[arg-type]
    assert words in str(raised.value)
    assert book.sequence == 0, "bad input must not reach the market"


def test_errors_are_value_errors_of_one_tree() -> None:
    assert issubclass(TickError, InputError)
    assert issubclass(InputError, ValueError)
    for name in ("InputError", "RejectedError", "ReplayError", "JournalError", "BrokenInvariantError"):
        assert issubclass(getattr(proofbook, name), proofbook.ProofbookError)


def test_a_unit_finer_than_the_tick() -> None:
    book = Book(tick_size="0.05", price_unit="0.01", lot_size=10)
    assert book.submit("buy", 20, "1.05")[0].kind == "accepted"
    with pytest.raises(TickError, match=r"multiple of 0\.05"):
        book.submit("buy", 20, "1.04")
    # An integer says what it says; whether it suits is the market's decision.
    assert book.submit("buy", 20, 104).reject_reason == "tick_size"
    assert Book(price_unit="0.01").submit("buy", 1, "0.07")[0].kind == "accepted"
    with pytest.raises(TickError, match="tick_size"):
        Book(tick_size="0.015", price_unit="0.01")


@pytest.mark.parametrize(
    "terms",
    [
        {"tick_size": 0},
        {"tick_size": "-1"},
        {"tick_size": 0.01},
        {"lot_size": "x"},
        {"engine": "tree"},
        {"initial_phase": "open"},
        {"collar": -1},
        {"max_orders": 0},
        {"reference_price": "0.5"},
        {"max_quantity": 1.5},
    ],
)
def test_terms_that_make_no_market(terms: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Book(**terms)  # type: ignore[arg-type]


def test_words_are_checked() -> None:
    book = Book()
    with pytest.raises(InputError, match='side must be one of "buy", "sell"; received \'long\''):
        book.submit("long", 1, 1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="kind must be"):
        book.submit("buy", 1, 1, kind="peg")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="time_in_force must be"):
        book.submit("buy", 1, 1, time_in_force="day")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="self_trade must be"):
        book.submit("buy", 1, 1, self_trade="none")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a market order takes neither"):
        book.submit("buy", 1, 1, kind="market")
    with pytest.raises(InputError, match="a stop order takes stop_price"):
        book.submit("buy", 1, 1, kind="stop")
    with pytest.raises(InputError, match="needs an expiry"):
        book.submit("buy", 1, 1, time_in_force="gtd")
    with pytest.raises(InputError, match="expiry goes with"):
        book.submit("buy", 1, 1, time_in_force="ioc", expiry=5)


def test_ids_are_assigned_where_none_is_given() -> None:
    book = Book()
    assert book.submit("buy", 1, 1, order_id=2).order_id == 2
    assert [book.submit("buy", 1, 1).order_id for _ in range(3)] == [1, 3, 4]
    assert book.submit("buy", 1, 1, order_id=2).reject_reason == "duplicate_order"
    assert len(book) == 4
    assert 3 in book
    assert 5 not in book


def test_every_call_reaches_the_market() -> None:
    book = Book()
    book.submit("sell", 10, 101, order_id=1, account=5)
    book.submit("sell", 10, 102, order_id=2, account=5)
    assert kinds(book.reduce(1, 4)) == ["reduced"]
    assert kinds(book.replace(1, price=103)) == ["replaced", "placed"]
    assert kinds(book.cancel(1)) == ["cancelled"]
    assert kinds(book.mass_cancel(5)) == ["cancelled"]
    assert book.cancel(1).reject_reason == "unknown_order"
    assert kinds(book.halt()) == ["phase_changed"]
    assert book.phase == "halted"
    assert kinds(book.resume()) == ["phase_changed"]
    assert kinds(book.open_auction()) == ["phase_changed"]
    book.submit("buy", 3, 100)
    book.submit("sell", 2, 99)
    uncrossed, trade, *_ = book.uncross()
    assert isinstance(uncrossed, proofbook.Uncrossed)
    assert isinstance(trade, proofbook.Trade)
    assert (uncrossed.price_ticks, uncrossed.quantity_lots) == (100, 2)
    assert book.last_trade_ticks == 100
    assert book.last_trade == 100
    book.check()


def test_orders_of_every_kind() -> None:
    book = Book(tick_size="0.5")
    book.submit("sell", 10, "10.0", order_id=1, display=2)
    order = book.order(1)
    assert order is not None
    assert (order.displayed_lots, order.hidden_lots, order.display_lots, order.queue) == (2, 8, 2, "asks")
    book.submit("buy", 1, kind="stop_limit", stop_price="10.0", price="10.5", order_id=2)
    stop = book.order(2)
    assert stop is not None
    assert (stop.queue, stop.stop_price_ticks, stop.price) == ("buy_stops", 20, Decimal("10.5"))
    assert kinds(book.submit("buy", 1, kind="market")) == ["accepted", "trade", "triggered", "trade", "refreshed"]
    assert book.submit("buy", 100, "10.0", time_in_force="fok")[1].kind == "cancelled"
    assert book.submit("buy", 1, "10.0", post_only=True).reject_reason == "would_cross"
    own = book.submit("buy", 1, "9.0", account=3, order_id=9)
    assert own.reject_reason is None
    met = book.submit("sell", 1, "9.0", account=3, self_trade="cancel_both")
    assert [event.reason for event in met if isinstance(event, proofbook.Cancelled)] == ["self_trade", "self_trade"]


def test_time_comes_with_the_command() -> None:
    book = Book()
    book.submit("buy", 1, 1, order_id=1, expiry=2_000, time=1_000)
    assert book.clock == 1_000
    book.submit("buy", 1, 1)
    assert book.clock == 1_000, "without a time the clock stands still"
    assert kinds(book.sweep(1_999)) == []
    assert kinds(book.sweep(2_000)) == ["expired"]
    assert book.sweep(1).reject_reason == "clock_reversed"
    instant = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    book.sweep(instant)
    assert book.clock == 1_767_323_045_678_901_000
    with pytest.raises(InputError, match="with a time zone"):
        book.sweep(datetime(2026, 1, 2))
    with pytest.raises(InputError, match="nanoseconds"):
        book.sweep(1.5)  # type: ignore[arg-type]


def test_events_are_values_in_a_sequence() -> None:
    book = Book(tick_size="0.25")
    events = book.submit("buy", 3, "1.25", order_id=8, account=4)
    assert len(events) == 2
    assert events[-1] == events[1]
    assert events[::-1] == (events[1], events[0])
    assert events[5:] == ()
    with pytest.raises(IndexError, match="index 2 is out of range: there are 2"):
        events[2]
    again = Book(tick_size="0.25").submit("buy", 3, "1.25", order_id=8, account=4)
    assert events == again
    assert hash(events[0]) == hash(again[0])
    assert events[0] != events[1]
    assert Book(tick_size="0.5").submit("buy", 3, 5, order_id=8, account=4)[0] != events[0], "other units"
    assert repr(events[1]) == ("Placed(order_id=8, queue='bids', price=1.25, displayed=3, hidden=0, priority=1)")
    match events[0]:
        case proofbook.Accepted(order_id, account, side, price, quantity):
            assert (order_id, account, side, price, quantity) == (8, 4, "buy", Decimal("1.25"), 3)
        case _:
            pytest.fail("accepted comes first")
    with pytest.raises(AttributeError):
        events[0].order_id = 9  # type: ignore[misc]


def test_rejects_raise_only_on_request() -> None:
    book = Book()
    events = book.cancel(5)
    with pytest.raises(RejectedError, match="unknown_order") as raised:
        events.raise_for_reject()
    assert raised.value.reason == "unknown_order"
    other = pickle.loads(pickle.dumps(raised.value))  # as it comes from another process
    assert (str(other), other.reason) == (str(raised.value), "unknown_order")
    fine = book.submit("buy", 1, 1)
    assert fine.raise_for_reject() is fine
    assert fine.reject_reason is None


def test_depth_and_places() -> None:
    book = Book(tick_size="0.1")
    assert book.best_bid is None
    for price in (10, 11, 11, 12):
        book.submit("buy", 2, price)
    book.submit("sell", 7, 20, display=3)
    depth = book.depth(levels=2)
    assert [(level.price_ticks, level.quantity_lots, level.orders) for level in depth.bids] == [(12, 2, 1), (11, 4, 2)]
    assert [(level.price, level.quantity, level.hidden_lots) for level in depth.asks] == [
        (Decimal("2.0"), Decimal(3), 4)
    ]
    assert book.best_bid == depth.bids[0]
    assert book.best_ask == depth.asks[0]
    place = book.place(3)
    assert place is not None
    assert (place.orders_ahead, place.quantity_ahead_lots, place.quantity_ahead) == (1, 2, Decimal(2))
    assert book.place(99) is None
    assert book.order(99) is None
    assert len(book.depth().bids) == 3
    assert book.depth(0).bids == ()


def test_statistics_count_what_happened() -> None:
    book = Book()
    book.submit("buy", 5, 10)
    book.submit("sell", 3, 10)
    book.cancel(77)
    book.submit("buy", 0, 10)
    statistics = book.statistics()
    assert (statistics.commands, statistics.accepted, statistics.trades, statistics.volume_lots) == (4, 2, 1, 3)
    assert statistics.rejects == {"unknown_order": 1, "zero_quantity": 1}
    assert statistics.rejected == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_a_snapshot_restores_on_any_engine(engine: types.Engine) -> None:
    book = Book(tick_size="0.01", engine="ladder", collar="5.00", max_notional="1000000")
    for price in range(100, 110):
        book.submit("buy", price, price, expiry=price)
        book.submit("sell", price, price + 20, display=1)
    book.submit("buy", 3, kind="stop", stop_price="1.50")
    again = Book.restore(book.snapshot(), price_unit="0.01", engine=engine)
    assert again.digest() == book.digest()
    assert again.engine == engine
    assert again.submit("buy", 10, 130) == book.submit("buy", 10, 130)
    assert again.digest() == book.digest()
    again.check()
    with pytest.raises(InputError):
        Book.restore(book.snapshot()[:-1])


def test_limits_are_the_markets() -> None:
    book = Book(
        tick_size="0.01", lot_size="0.1", max_quantity="5", max_notional="100", collar="1", reference_price="10"
    )
    assert book.submit("buy", "5.1", "10").reject_reason == "quantity_limit"
    assert book.submit("buy", "5", "20.01").reject_reason == "notional_limit"
    assert book.submit("buy", "5", "20").reject_reason == "price_collar"
    assert book.submit("buy", "5", "11").reject_reason is None
    assert Book(max_orders=1).submit("buy", 1, 1).reject_reason is None


def test_a_book_is_safe_to_share_between_threads() -> None:
    book = Book()
    count, threads = 2_000, 4

    def work(number: int) -> None:
        for _ in range(count):
            book.submit("buy" if number % 2 else "sell", 1, 100 + number)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert book.sequence == count * threads
    book.check()
