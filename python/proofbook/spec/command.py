"""A command and its only encoding, 72 bytes.

Source: docs/COMMITMENT.md, section 2. Prices are in ticks, quantities in lots, times in nanoseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proofbook.spec.codes import Action, OrderKind, SelfTrade, Side, TimeInForce
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

COMMAND_WORDS = 9
"""Words of an encoded command."""

COMMAND_BYTES = 8 * COMMAND_WORDS
"""Length of an encoded command."""

_NEEDED: Mapping[Action, tuple[str, ...]] = {
    Action.NEW: ("order_id", "account", "side", "kind", "time_in_force", "self_trade", "quantity"),
    Action.CANCEL: ("order_id",),
    Action.MASS_CANCEL: ("account",),
    Action.REDUCE: ("order_id", "quantity"),
    Action.REPLACE: ("order_id",),
}
"""The terms of each action; those of a new order's kind and time in force come on top."""

_POSSIBLE: Mapping[Action, tuple[str, ...]] = {
    Action.NEW: ("post_only", "display"),
    Action.REPLACE: ("price", "stop_price", "quantity"),
}
"""What else a command of an action may name."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One request to the market; what its action does not have is ``None``, and ``post_only`` is ``False``.

    Attributes:
        time: when it was sequenced, in nanoseconds.
        action: what it asks for.
        order_id: the order, except for a mass cancel and for commands to the market as a whole.
        account: of a new order (0 is no account) or a mass cancel.
        side: of a new order.
        kind: of a new order; it says which prices there are.
        time_in_force: of a new order.
        self_trade: of a new order.
        post_only: of a new order.
        price: limit price in ticks, of a new order or a replace.
        stop_price: trigger in ticks, of a new order or a replace.
        quantity: in lots, of a new order, a reduce or a replace.
        display: of a new iceberg, the most that it shows at a time, in lots.
        expiry: of a new good-till-date order, in nanoseconds.
    """

    time: int
    action: Action
    order_id: int | None = None
    account: int | None = None
    side: Side | None = None
    kind: OrderKind | None = None
    time_in_force: TimeInForce | None = None
    self_trade: SelfTrade | None = None
    post_only: bool = False
    price: int | None = None
    stop_price: int | None = None
    quantity: int | None = None
    display: int | None = None
    expiry: int | None = None

    def _require_terms(self) -> None:
        needed = list(_NEEDED.get(self.action, ()))
        if self.kind is not None:
            needed += ["price"] if self.kind.has_price else []
            needed += ["stop_price"] if self.kind.has_stop_price else []
        if self.time_in_force == TimeInForce.GOOD_TILL_DATE:
            needed.append("expiry")
        terms = {name: value for name, value in vars(self).items() if name not in ("time", "action")}
        # Where the action has no kind or time in force these are refused themselves, so what they bring is no way in.
        require_terms(f"command {self.action.name.lower()}", terms, needed, _POSSIBLE.get(self.action, ()))

    def words(self) -> tuple[int, ...]:
        """Its nine words.

        Raises:
            RangeError: a number that does not fit its word.
            CodeError: a code that stands for nothing.
            TermError: a term that its action must have or cannot have.
        """
        self._require_terms()
        is_replace = self.action == Action.REPLACE
        flags = flags_of(
            self.post_only,
            self.display is not None,
            is_replace and self.price is not None,
            is_replace and self.quantity is not None,
            is_replace and self.stop_price is not None,
        )
        tags = (
            self.action,
            0 if self.side is None else code_of(Side, self.side, "command: side"),
            0 if self.kind is None else code_of(OrderKind, self.kind, "command: kind of order"),
            0 if self.time_in_force is None else code_of(TimeInForce, self.time_in_force, "command: time in force"),
            0 if self.self_trade is None else code_of(SelfTrade, self.self_trade, "command: self-trade prevention"),
            flags,
        )
        return (
            tag_word(tags),
            unsigned(self.time, "command: time"),
            unsigned(self.order_id, "command: order id"),
            unsigned(self.account, "command: account"),
            signed(self.price, "command: price"),
            signed(self.stop_price, "command: stop price"),
            unsigned(self.quantity, "command: quantity"),
            unsigned(self.display, "command: display"),
            unsigned(self.expiry, "command: expiry"),
        )

    def encode(self) -> bytes:
        """Its 72 bytes.

        Raises:
            SpecError: as for ``words``.
        """
        return bytes_of(self.words())

    @classmethod
    def decode(cls, data: bytes) -> Command:
        """The command that encodes to exactly these bytes.

        Raises:
            LengthError: these are not 72 bytes.
            CodeError: a tag stands for nothing.
            CanonicalError: no command encodes to them.
        """
        words = words_of(data, COMMAND_WORDS, "command")
        tags = tags_of(words[0])
        flags = tags[5]
        action = code_of(Action, tags[0], "command: action")
        is_new, is_replace = action == Action.NEW, action == Action.REPLACE
        kind = code_of(OrderKind, tags[2], "command: kind of order") if is_new else None
        force = code_of(TimeInForce, tags[3], "command: time in force") if is_new else None
        has_price = (kind is not None and kind.has_price) or (is_replace and bool(flags & 4))
        has_stop_price = (kind is not None and kind.has_stop_price) or (is_replace and bool(flags & 16))
        has_quantity = "quantity" in _NEEDED.get(action, ()) or (is_replace and bool(flags & 8))
        command = cls(
            time=words[1],
            action=action,
            order_id=words[2] if "order_id" in _NEEDED.get(action, ()) else None,
            account=words[3] if "account" in _NEEDED.get(action, ()) else None,
            side=code_of(Side, tags[1], "command: side") if is_new else None,
            kind=kind,
            time_in_force=force,
            self_trade=code_of(SelfTrade, tags[4], "command: self-trade prevention") if is_new else None,
            post_only=is_new and bool(flags & 1),
            price=signed_of(words[4]) if has_price else None,
            stop_price=signed_of(words[5]) if has_stop_price else None,
            quantity=words[6] if has_quantity else None,
            display=words[7] if is_new and flags & 2 else None,
            expiry=words[8] if force == TimeInForce.GOOD_TILL_DATE else None,
        )
        require_canonical("command", command.encode(), data)
        return command

    def digest(self) -> Digest:
        """Its leaf in the list of a batch's commands (tag 9).

        Raises:
            SpecError: as for ``words``.
        """
        return hash_words(Tag.COMMAND, 0, self.words())
