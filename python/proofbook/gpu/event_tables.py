"""Events of many books as a table of Arrow: the columns of `docs/tables.md`, with ``book`` and without ``sequence``.

An event's encoding does not say which command caused it, so there is no sequence; the rows of a book stand in the order
of its events.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from proofbook.errors import InputError
from proofbook.gpu.arrays import kept
from proofbook.gpu.commands import SIDES
from proofbook.gpu.kernels.layout import LEVELS_FULL
from proofbook.types import CancelReason, ReduceReason, RejectReason

KINDS = (
    "accepted",
    "rejected",
    "placed",
    "trade",
    "refreshed",
    "reduced",
    "cancelled",
    "replaced",
    "expired",
    "triggered",
    "phase_changed",
    "uncrossed",
)
"""The kinds of events, from code 1 on."""

QUEUES = ("bids", "asks", "buy_stops", "sell_stops")

REJECTS: tuple[str, ...] = RejectReason.__args__  # type: ignore[attr-defined]
CANCELS: tuple[str, ...] = CancelReason.__args__  # type: ignore[attr-defined]
REDUCES: tuple[str, ...] = ReduceReason.__args__  # type: ignore[attr-defined]
"""Reasons, each from code 1 on."""

REASONS = tuple(dict.fromkeys((*REJECTS, *CANCELS, *REDUCES, "levels_full")))

CODE = {name: code for code, name in enumerate(KINDS, 1)}

Mask = npt.NDArray[np.bool_]


def _reasons() -> npt.NDArray[np.int8]:
    """The place among ``REASONS`` for each kind and code."""
    places = np.full((len(KINDS) + 1, 256), -1, np.int8)
    for kind, reasons in (("rejected", REJECTS), ("cancelled", CANCELS), ("reduced", REDUCES)):
        for code, reason in enumerate(reasons, 1):
            places[CODE[kind], code] = REASONS.index(reason)
    places[CODE["rejected"], LEVELS_FULL] = REASONS.index("levels_full")
    return places


_REASONS = _reasons()


def table_of(encoded: npt.NDArray[np.uint64], counts: npt.NDArray[Any]) -> pa.Table:
    """The events that each book has, one row for each, book after book.

    Args:
        encoded: ``uint64[books, capacity, 7]``.
        counts: how many of them each book has.

    Raises:
        InputError: words that encode no event.
    """
    fields, book = kept(encoded, counts)
    kind, flags = fields["event"], fields["flags"]
    if ((kind == 0) | (kind > len(KINDS))).any():
        row = int(np.argmax((kind == 0) | (kind > len(KINDS))))
        raise InputError(f"event {row}: expected a kind from 1 to {len(KINDS)}; received {kind[row]}")
    is_ = {name: kind == code for name, code in CODE.items()}
    is_flagged = (flags & 1) == 1
    may_lack_price = is_["accepted"] | is_["cancelled"] | is_["replaced"] | is_["uncrossed"]
    priced = is_["placed"] | is_["trade"] | (may_lack_price & is_flagged)
    shown = is_["placed"] | is_["refreshed"]
    sided = is_["accepted"] | is_["placed"] | is_["trade"] | is_["cancelled"] | is_["replaced"]
    named = ~(is_["phase_changed"] | is_["uncrossed"]) & (~is_["rejected"] | is_flagged)
    side = np.where(is_["placed"], fields["side"] & 1, fields["side"])
    reason = _REASONS[kind, fields["reason"]]
    columns = {
        "book": pa.array(book.astype(np.uint32)),
        "event": _words(kind.astype(np.int8) - 1, KINDS, np.ones(len(kind), np.bool_)),
        "order_id": _numbers(fields["order_id"], named),
        "taker_id": _numbers(fields["other_id"], is_["trade"]),
        "account": _numbers(fields["other_id"], is_["accepted"]),
        "side": _words(side.astype(np.int8), tuple(SIDES), sided),
        "queue": _words(fields["side"].astype(np.int8), QUEUES, is_["placed"]),
        "price": _numbers(fields["price"], priced),
        "quantity": _numbers(fields["quantity"], ~(is_["rejected"] | is_["triggered"] | is_["phase_changed"])),
        "open": _numbers(fields["open"], is_["trade"] | is_["reduced"]),
        "hidden": _numbers(fields["open"], shown),
        "priority": _numbers(fields["priority"], shown),
        "reason": _words(reason, REASONS, reason >= 0),
        "kept_priority": pa.array((flags & 2) == 2, mask=~is_["replaced"]),
    }
    return pa.table(columns)


def _numbers(values: npt.NDArray[Any], given: Mask) -> pa.Array:
    return pa.array(np.ascontiguousarray(values), mask=~given)


def _words(codes: npt.NDArray[np.int8], words: tuple[str, ...], given: Mask) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=~given), pa.array(words))
