"""A live order and its only encoding, 96 bytes.

Source: docs/COMMITMENT.md, section 2. Prices are in ticks, quantities in lots, times in nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from proofbook.spec.codes import Queue, SelfTrade, Side, TimeInForce
from proofbook.spec.errors import TermError
from proofbook.spec.hash import Digest, Tag, hash_words
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

ORDER_WORDS = 12
"""Words of an encoded order."""

ORDER_BYTES = 8 * ORDER_WORDS
"""Length of an encoded order."""

_HASHED_WORDS = 11


@dataclass(frozen=True, kw_only=True)
class Order:
    """A live order: one that rests in a book, or waits for its stop.

    Attributes:
        order_id: its identifier.
        account: whose it is; 0 is no account.
        side: buy or sell.
        price: limit price in ticks; ``None`` for a stop order that becomes a market order.
        stop_price: trigger in ticks while it waits for its stop, else ``None``.
        displayed: open quantity that is shown, in lots.
        hidden: open quantity that is not shown, in lots.
        display: of an iceberg, the most that it shows at a time, in lots; else ``None``.
        filled: what it has traded, in lots.
        priority: its rank in time.
        time_in_force: how long it lives.
        expiry: when a good-till-date order ends, in nanoseconds; else ``None``.
        post_only: whether it may not trade on entry.
        self_trade: what happens when it meets an order of its account.
    """

    order_id: int
    side: Side
    displayed: int
    priority: int
    account: int = 0
    price: int | None = None
    stop_price: int | None = None
    hidden: int = 0
    display: int | None = None
    filled: int = 0
    time_in_force: TimeInForce = TimeInForce.GOOD_TILL_CANCEL
    expiry: int | None = None
    post_only: bool = False
    self_trade: SelfTrade = SelfTrade.ALLOW

    @property
    def open_quantity(self) -> int:
        """What it shows and hides, in lots."""
        return self.displayed + self.hidden

    @property
    def queue(self) -> Queue:
        """The queue that it stands in."""
        if self.stop_price is not None:
            return Queue.BUY_STOPS if self.side == Side.BUY else Queue.SELL_STOPS
        return Queue.BIDS if self.side == Side.BUY else Queue.ASKS

    @property
    def queue_price(self) -> int:
        """The price that ranks it there, in ticks: the stop price while it waits for its stop, else the limit price.

        Raises:
            TermError: it has neither.
        """
        price = self.price if self.stop_price is None else self.stop_price
        if price is None:
            raise TermError(f"order {self.order_id}: expected a price or a stop price; received none")
        return price

    def words(self) -> tuple[int, ...]:
        """Its twelve words.

        Raises:
            RangeError: a number that does not fit its word.
            CodeError: a code that stands for nothing.
            TermError: an expiry without good till date, or the other way round.
        """
        what = f"order {self.order_id}"
        is_dated = self.time_in_force == TimeInForce.GOOD_TILL_DATE
        require_terms(what, {"expiry": self.expiry}, ["expiry"] if is_dated else [], [])
        flags = flags_of(self.post_only, self.display is not None, self.price is not None, self.stop_price is not None)
        tags = (
            code_of(Side, self.side, f"{what}: side"),
            code_of(TimeInForce, self.time_in_force, f"{what}: time in force"),
            code_of(SelfTrade, self.self_trade, f"{what}: self-trade prevention"),
            flags,
        )
        return (
            tag_word(tags),
            unsigned(self.order_id, "order id"),
            unsigned(self.account, f"{what}: account"),
            signed(self.price, f"{what}: price"),
            signed(self.stop_price, f"{what}: stop price"),
            unsigned(self.displayed, f"{what}: displayed"),
            unsigned(self.hidden, f"{what}: hidden"),
            unsigned(self.display, f"{what}: display"),
            unsigned(self.filled, f"{what}: filled"),
            unsigned(self.priority, f"{what}: priority"),
            unsigned(self.expiry, f"{what}: expiry"),
            0,
        )

    def encode(self) -> bytes:
        """Its 96 bytes.

        Raises:
            SpecError: as for ``words``.
        """
        return bytes_of(self.words())

    @classmethod
    def decode(cls, data: bytes) -> Order:
        """The order that encodes to exactly these bytes.

        Raises:
            LengthError: these are not 96 bytes.
            CodeError: a tag stands for nothing.
            CanonicalError: no order encodes to them.
        """
        words = words_of(data, ORDER_WORDS, "order")
        side, time_in_force, self_trade, flags, *_ = tags_of(words[0])
        force = code_of(TimeInForce, time_in_force, "order: time in force")
        order = cls(
            side=code_of(Side, side, "order: side"),
            time_in_force=force,
            self_trade=code_of(SelfTrade, self_trade, "order: self-trade prevention"),
            post_only=bool(flags & 1),
            order_id=words[1],
            account=words[2],
            price=signed_of(words[3]) if flags & 4 else None,
            stop_price=signed_of(words[4]) if flags & 8 else None,
            displayed=words[5],
            hidden=words[6],
            display=words[7] if flags & 2 else None,
            filled=words[8],
            priority=words[9],
            expiry=words[10] if force == TimeInForce.GOOD_TILL_DATE else None,
        )
        require_canonical("order", order.encode(), data)
        return order

    def digest(self) -> Digest:
        """Its leaf in the trie of its level (tag 4).

        Raises:
            SpecError: as for ``words``.
        """
        return hash_words(Tag.ORDER, 0, self.words()[:_HASHED_WORDS])
