"""Examples worked out by hand from the rules: the oracle, and with it every book, must say just this.

Oracle and engine could share a misreading of the rules and still agree; these events were written down from the text.
"""

from __future__ import annotations

from collections.abc import Sequence

from oracle.codec import AUCTION, BUY, SELL, Command, Config
from oracle.compare import compare_all, compare_command
from oracle.engines import engines
from oracle.market import Market


def order(order_id: int, side: int, quantity: int, price: int | None = None, **terms: object) -> Command:
    """A limit order, or a market order where there is no price."""
    kind = "market" if price is None else "limit"
    values: dict[str, object] = {"kind": kind, "quantity": quantity, "price": price, **terms}
    if price is None:
        values.setdefault("time_in_force", "immediate_or_cancel")
    return Command(0, "new", order_id=order_id, side=side, **values)  # type: ignore[arg-type]


def stop(order_id: int, side: int, quantity: int, stop_price: int, price: int | None = None) -> Command:
    """A stop order, or a stop-limit order where there is a price."""
    kind = "stop" if price is None else "stop_limit"
    return Command(
        0, "new", order_id=order_id, side=side, kind=kind, quantity=quantity, stop_price=stop_price, price=price
    )


def told(before: Sequence[Command], command: Command, config: Config | None = None) -> list[tuple[str | int, ...]]:
    """The last command's events: kind, order and what matters of it."""
    market = Market(config or Config())
    compare_all(engines, Market(config or Config()), [*before, command])
    for earlier in before:
        market.apply(earlier)
    told: list[tuple[str | int, ...]] = []
    for event in compare_command(market, [], command):
        match event.kind:
            case "trade":
                told.append(("trade", event.order_id or 0, event.price or 0, event.quantity, event.rest))
            case "placed" | "refreshed":
                told.append((event.kind, event.order_id or 0, event.quantity, event.rest, event.priority))
            case "accepted" | "triggered":
                told.append((event.kind, event.order_id or 0))
            case "reduced":
                told.append(("reduced", event.order_id or 0, event.quantity, event.rest))
            case "cancelled" | "rejected":
                told.append((event.kind, event.order_id or 0, event.quantity, event.reason))
            case "replaced":
                told.append(("replaced", event.order_id or 0, event.quantity, int(event.kept_priority)))
            case "uncrossed":
                told.append(("uncrossed", event.price or 0, event.quantity))
            case _:
                told.append((event.kind, event.reason))
    return told


def test_trades_are_at_the_makers_price_and_a_partial_fill_keeps_its_place() -> None:
    book = [order(1, SELL, 5, 100), order(2, SELL, 5, 100), order(3, SELL, 5, 99), order(4, BUY, 6, 100)]
    assert told(book, order(5, BUY, 5, 101)) == [("accepted", 5), ("trade", 1, 100, 4, 0), ("trade", 2, 100, 1, 4)]


def test_the_rest_of_an_immediate_order_is_cancelled() -> None:
    told_of = told([order(1, SELL, 5, 100)], order(2, BUY, 7, 100, time_in_force="immediate_or_cancel"))
    assert told_of == [("accepted", 2), ("trade", 1, 100, 5, 0), ("cancelled", 2, 2, "unfilled")]


def test_a_refreshed_iceberg_goes_to_the_back() -> None:
    book = [order(1, SELL, 7, 100, display=3), order(2, SELL, 2, 100)]
    assert told(book, order(3, BUY, 9, 100)) == [
        ("accepted", 3),
        ("trade", 1, 100, 3, 4),
        ("refreshed", 1, 3, 1, 3),
        ("trade", 2, 100, 2, 0),
        ("trade", 1, 100, 3, 1),
        ("refreshed", 1, 1, 0, 4),
        ("trade", 1, 100, 1, 0),
    ]


def test_fill_or_kill_counts_up_to_the_first_own_order() -> None:
    book = [order(1, SELL, 4, 100, display=2), order(2, SELL, 5, 100, account=7), order(3, SELL, 5, 100)]
    terms = {"time_in_force": "fill_or_kill", "account": 7}
    killed = [("accepted", 9), ("cancelled", 9, 3, "fill_or_kill")]
    assert told(book, order(9, BUY, 3, 100, self_trade="cancel_newest", **terms)) == killed
    passed = told(book, order(9, BUY, 9, 100, self_trade="cancel_oldest", **terms))
    assert passed == [
        ("accepted", 9),
        ("trade", 1, 100, 2, 2),
        ("refreshed", 1, 2, 0, 4),
        ("cancelled", 2, 5, "self_trade"),
        ("trade", 3, 100, 5, 0),
        ("trade", 1, 100, 2, 0),
    ]


def test_decrement_lowers_both_by_the_smaller() -> None:
    book = [order(1, SELL, 9, 100, account=7, display=2)]
    less = order(2, BUY, 8, 100, account=7, self_trade="decrement_and_cancel")
    assert told(book, less) == [("accepted", 2), ("reduced", 1, 8, 1), ("cancelled", 2, 8, "self_trade")]
    more = order(2, BUY, 10, 100, account=7, self_trade="decrement_and_cancel")
    assert told(book, more) == [
        ("accepted", 2),
        ("cancelled", 1, 9, "self_trade"),
        ("reduced", 2, 9, 1),
        ("placed", 2, 1, 0, 2),
    ]


def test_buy_stops_trigger_first_and_set_off_others() -> None:
    book = [
        order(1, SELL, 1, 100),
        order(2, SELL, 1, 102),
        order(3, BUY, 5, 90),
        stop(4, BUY, 1, 100),
        stop(5, SELL, 2, 100),
        stop(6, BUY, 1, 102, 95),
    ]
    assert told(book, order(7, BUY, 1)) == [
        ("accepted", 7),
        ("trade", 1, 100, 1, 0),
        ("triggered", 4),
        ("trade", 2, 102, 1, 0),
        ("triggered", 6),
        ("placed", 6, 1, 0, 7),
    ]


def test_a_lower_quantity_alone_keeps_the_place() -> None:
    book = [order(1, BUY, 5, 100), order(2, BUY, 5, 100)]
    lowered = Command(0, "replace", order_id=1, quantity=3, price=100)
    assert told(book, lowered) == [("replaced", 1, 3, 1)]
    same = Command(0, "replace", order_id=1, quantity=5)
    assert told(book, same) == [("replaced", 1, 5, 0), ("placed", 1, 5, 0, 3)]


def test_a_market_order_stops_at_the_collar() -> None:
    config = Config(collar=5, reference_price=100)
    book = [order(1, SELL, 1, 105), order(2, SELL, 1, 110)]
    assert told(book, order(3, BUY, 3), config) == [
        ("accepted", 3),
        ("trade", 1, 105, 1, 0),
        ("cancelled", 3, 2, "price_collar"),
    ]
    assert told(book, order(3, BUY, 1, 106), config) == [("rejected", 3, 0, "price_collar")]


def test_an_auction_chooses_the_price() -> None:
    def uncrossed(orders: Sequence[Command], reference: int | None, tick: int = 1) -> tuple[str | int, ...]:
        config = Config(tick_size=tick, reference_price=reference, initial_phase=AUCTION)
        return told(orders, Command(0, "uncross"), config)[0]

    # From 100 to 102 the volume is 5; the surplus is 0 everywhere.
    even = [order(1, BUY, 5, 102), order(2, SELL, 5, 100)]
    assert uncrossed(even, None) == ("uncrossed", 100, 5)
    assert uncrossed(even, 101) == ("uncrossed", 101, 5)
    assert uncrossed(even, 1000) == ("uncrossed", 102, 5)
    # More demand than supply everywhere: the highest; more supply: the lowest.
    assert uncrossed([order(1, BUY, 6, 102), order(2, SELL, 5, 100)], 101) == ("uncrossed", 102, 5)
    assert uncrossed([order(1, BUY, 5, 102), order(2, SELL, 6, 100)], 101) == ("uncrossed", 100, 5)
    # The larger volume wins over the smaller surplus: 6 with surplus 3 up to 101, 5 with surplus -1 at 102.
    steps = [order(1, BUY, 5, 102), order(2, BUY, 4, 101), order(3, SELL, 6, 100)]
    assert uncrossed(steps, None) == ("uncrossed", 101, 6)
    # Of equal volumes the smaller surplus wins: 5 with surplus 3 at 100, with surplus 0 at 101 and 102.
    steps = [order(1, BUY, 5, 102), order(2, BUY, 3, 100), order(3, SELL, 5, 100)]
    assert uncrossed(steps, None) == ("uncrossed", 101, 5)
    # Amid two ticks the lower is taken.
    assert uncrossed([order(1, BUY, 1, 104), order(2, SELL, 1, 100)], 101, 2) == ("uncrossed", 100, 1)
