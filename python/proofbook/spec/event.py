"""An event, its only encoding of 56 bytes, and the digest of a command's events.

Source: docs/COMMITMENT.md, sections 2 and 6. Prices are in ticks, quantities in lots.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proofbook.spec.codes import (
    CancelReason,
    EventKind,
    Phase,
    Queue,
    ReduceReason,
    RejectReason,
    Side,
)
from proofbook.spec.hash import RATE, Digest, Tag, hash_elements, pack
from proofbook.spec.words import (
    bytes_of,
    code_of,
    flags_of,
    require_canonical,
    require_terms,
    signed,
    signed_of,
    tag_word,
    tags_of,
    unsigned,
    words_of,
)

EVENT_WORDS = 7
"""Words of an encoded event."""

EVENT_BYTES = 8 * EVENT_WORDS
"""Length of an encoded event."""


@dataclass(frozen=True)
class _Shape:
    """What an event of one kind has."""

    needed: tuple[str, ...]
    possible: tuple[str, ...] = ()
    side: type[enum.IntEnum] | None = None
    reason: type[enum.IntEnum] | None = None

    def has(self, term: str) -> bool:
        """Whether the term's word is used, apart from flags."""
        return term in self.needed or term in self.possible


_SHAPES: Mapping[EventKind, _Shape] = {
    EventKind.ACCEPTED: _Shape(("order_id", "other_id", "side", "quantity"), ("price",), side=Side),
    EventKind.REJECTED: _Shape(("reason",), ("order_id",), reason=RejectReason),
    EventKind.PLACED: _Shape(("order_id", "side", "price", "quantity", "open_quantity", "priority"), side=Queue),
    EventKind.TRADE: _Shape(("order_id", "other_id", "side", "price", "quantity", "open_quantity"), side=Side),
    EventKind.REFRESHED: _Shape(("order_id", "quantity", "open_quantity", "priority")),
    EventKind.REDUCED: _Shape(("order_id", "quantity", "open_quantity", "reason"), reason=ReduceReason),
    EventKind.CANCELLED: _Shape(("order_id", "side", "quantity", "reason"), ("price",), side=Side, reason=CancelReason),
    EventKind.REPLACED: _Shape(("order_id", "side", "quantity"), ("price", "kept_priority"), side=Side),
    EventKind.EXPIRED: _Shape(("order_id", "quantity")),
    EventKind.TRIGGERED: _Shape(("order_id",)),
    EventKind.PHASE_CHANGED: _Shape(("reason",), reason=Phase),
    EventKind.UNCROSSED: _Shape(("quantity",), ("price",)),
}


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened; what its kind does not have is ``None``, and ``kept_priority`` is ``False``.

    Attributes:
        kind: what it says.
        order_id: the order; a trade's maker; of a reject ``None`` where the command names no order.
        other_id: the account of an accepted order, the taker of a trade.
        side: ``Side``, of a trade the taker's; of a placed order its ``Queue``.
        reason: ``RejectReason``, ``CancelReason`` or ``ReduceReason``; of a change of phase the new ``Phase``.
        price: in ticks; ``None`` also where there could be one.
        quantity: in lots; of a placed or refreshed order what it shows.
        open_quantity: in lots; what a trade's maker or a reduced order has left, what a placed or refreshed one hides.
        priority: the new rank in time of a placed or refreshed order.
        kept_priority: whether a replaced order kept its place.
    """

    kind: EventKind
    order_id: int | None = None
    other_id: int | None = None
    side: enum.IntEnum | None = None
    reason: enum.IntEnum | None = None
    price: int | None = None
    quantity: int | None = None
    open_quantity: int | None = None
    priority: int | None = None
    kept_priority: bool = False

    def words(self) -> tuple[int, ...]:
        """Its seven words.

        Raises:
            RangeError: a number that does not fit its word.
            CodeError: a side or reason that its kind does not know.
            TermError: a term that its kind must have or cannot have.
        """
        shape = _SHAPES[self.kind]
        what = f"event {self.kind.name.lower()}"
        terms = {name: value for name, value in vars(self).items() if name != "kind"}
        require_terms(what, terms, shape.needed, shape.possible)
        first_flag = self.order_id if self.kind == EventKind.REJECTED else self.price
        tags = (
            self.kind,
            0 if shape.side is None or self.side is None else code_of(shape.side, self.side, f"{what}: side"),
            0 if shape.reason is None or self.reason is None else code_of(shape.reason, self.reason, f"{what}: reason"),
            flags_of(first_flag is not None, self.kept_priority),
        )
        return (
            tag_word(tags),
            unsigned(self.order_id, f"{what}: order id"),
            unsigned(self.other_id, f"{what}: other id or account"),
            signed(self.price, f"{what}: price"),
            unsigned(self.quantity, f"{what}: quantity"),
            unsigned(self.open_quantity, f"{what}: open or hidden quantity"),
            unsigned(self.priority, f"{what}: priority"),
        )

    def encode(self) -> bytes:
        """Its 56 bytes.

        Raises:
            SpecError: as for ``words``.
        """
        return bytes_of(self.words())

    @classmethod
    def decode(cls, data: bytes) -> Event:
        """The event that encodes to exactly these bytes.

        Raises:
            LengthError: these are not 56 bytes.
            CodeError: a tag stands for nothing.
            CanonicalError: no event encodes to them.
        """
        words = words_of(data, EVENT_WORDS, "event")
        tag, side, reason, flags, *_ = tags_of(words[0])
        kind = code_of(EventKind, tag, "event: kind")
        shape = _SHAPES[kind]

        def word(term: str, place: int) -> int | None:
            is_flagged = term == "price" or kind == EventKind.REJECTED
            is_there = term in shape.needed or (shape.has(term) and is_flagged and bool(flags & 1))
            return words[place] if is_there else None

        price = word("price", 3)
        event = cls(
            kind=kind,
            order_id=word("order_id", 1),
            other_id=word("other_id", 2),
            side=None if shape.side is None else code_of(shape.side, side, "event: side"),
            reason=None if shape.reason is None else code_of(shape.reason, reason, "event: reason"),
            price=None if price is None else signed_of(price),
            quantity=word("quantity", 4),
            open_quantity=word("open_quantity", 5),
            priority=word("priority", 6),
            kept_priority=shape.has("kept_priority") and bool(flags & 2),
        )
        require_canonical("event", event.encode(), data)
        return event


def events_digest(events: Sequence[Event]) -> Digest:
    """The leaf of one command's events in the list of a batch's events (tag 10); there may be none.

    Raises:
        SpecError: an event has no encoding.
    """
    elements: list[int] = []
    for event in events:
        elements += pack(event.words())
        elements.append(0)
    elements += [len(events)] + [0] * (RATE - 1)
    return hash_elements(Tag.EVENTS, 0, elements)
