"""A program as a user would write it; it is type-checked strictly and run by the tests."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa

import proofbook


def best_prices(book: proofbook.Book) -> tuple[Decimal | None, Decimal | None]:
    bid, ask = book.best_bid, book.best_ask
    return (bid.price if bid else None, ask.price if ask else None)


def traded(events: proofbook.Events) -> Decimal:
    return sum((trade.quantity for trade in events.trades), Decimal(0))


def describe(event: proofbook.Event) -> str:
    match event:
        case proofbook.Trade(maker_id=maker, price=price):
            return f"traded with {maker} at {price}"
        case proofbook.Rejected(reason=reason):
            return f"rejected: {reason}"
        case proofbook.Cancelled(quantity=quantity):
            return f"cancelled {quantity}"
        case _:
            return event.kind


def main() -> list[str]:
    book = proofbook.Book(tick_size="0.01", lot_size="0.001")
    order_id = book.submit("sell", "1.5", "100.10", account=7, time=1).order_id
    assert order_id is not None
    taken = book.submit(
        "buy", Decimal("2"), "100.20", kind="limit", time_in_force="ioc", self_trade="cancel_newest", time=2
    )
    assert traded(taken) == Decimal("1.5")
    assert best_prices(book) == (None, None)
    try:
        book.submit("buy", 1, "100.001")
    except proofbook.TickError as error:
        print(error)
    events: pa.Table = book.apply(
        pa.table({"action": ["submit"], "order_id": [9], "side": ["buy"], "price": [10_000], "quantity": [5]})
    )
    assert events.num_rows == 2
    order = book.order(9)
    assert order is not None and order.open_lots == 5
    copy = proofbook.Book.restore(book.snapshot(), price_unit=book.price_unit, quantity_unit=book.quantity_unit)
    assert copy.digest() == book.digest()
    return [describe(event) for event in taken]


if __name__ == "__main__":
    print("\n".join(main()))
