"""How the figures of the analysis are read and written in words: what everything that is said of them shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proofbook.engines import DEFAULT

Result = dict[str, Any]


def counted(number: int, what: str) -> str:
    """So many of something."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def contended(result: Result) -> int:
    """The number of threads of which each can have a core, and that contend: as many as there are cores."""
    return max(int(threads) for threads in result["threads"] if threads <= result["cores"])


def nanoseconds(value: float | None) -> str:
    """A time in the unit that suits it."""
    if value is None:
        return "not measured"
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} ns" if value >= 10 else f"{value:.1f} ns"


def millions(rate: float) -> str:
    """A rate in millions a second."""
    return f"{rate / 1e6:.2f} M/s"


def agreeing(result: Result) -> dict[str, Result]:
    """The books that say on every flow what the reference book says: the only ones whose figures mean anything."""
    return {
        name: book for name, book in result["books"].items() if all(flow["hash_ok"] for flow in book["flows"].values())
    }


def leading(result: Result) -> str | None:
    """The default book where it is one of those that agree, else the one with the highest rate on its worst flow."""
    books = agreeing(result)
    if DEFAULT in books:
        return DEFAULT
    return max(books, key=lambda name: worst_rate(books[name]), default=None)


def worst_rate(book: Result) -> float:
    """The lowest median rate over the flows."""
    return min(float(flow["commands_per_s"]["median"]) for flow in book["flows"].values())


def operation(book: Result, axis: str, name: str, *, last: bool) -> Result | None:
    """The figures of an operation on the smallest or on the largest book that was timed."""
    points = [point for point in book["growth"][axis]["points"] if name in point["operations"]]
    figures: Result | None = points[-1 if last else 0]["operations"][name] if points else None
    return figures


def median(book: Result, flow: str) -> float:
    """The median rate of a book on a flow."""
    return float(book["flows"][flow]["commands_per_s"]["median"])


def overlap(one: Result, other: Result, flows: Sequence[str]) -> bool:
    """Whether two books cannot be told apart on any of the flows: the ranges of their rates overlap."""

    def ranges(book: Result, flow: str) -> tuple[float, float]:
        rates = book["flows"][flow]["commands_per_s"]
        return float(rates["min"]), float(rates["max"])

    return all(
        ranges(one, flow)[0] <= ranges(other, flow)[1] and ranges(other, flow)[0] <= ranges(one, flow)[1]
        for flow in flows
    )


def bytes_each(book: Result) -> tuple[float, float] | None:
    """Bytes for an order more at a price, and for a level more, on the largest book; none if they were not counted."""
    room = book["room"]
    last = room["points"][-1]
    if last["at_one_price_bytes"] is None or room["empty_bytes"] is None:
        return None
    size = float(last["size"])
    per_order = (float(last["at_one_price_bytes"]) - float(room["empty_bytes"])) / size
    return per_order, (float(last["at_own_prices_bytes"]) - float(last["at_one_price_bytes"])) / size
