"""A market's state, the seven maps that it is committed to by, and its root.

Source: docs/COMMITMENT.md, sections 4 and 5; the canonical bytes are those of docs/RULES.md, section 13. Prices are in
ticks, quantities in lots, times in nanoseconds. The root depends on the state alone: orders may be given in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proofbook.spec.codes import Phase, Queue, Side, TimeInForce
from proofbook.spec.config import CONFIG_BYTES, Config
from proofbook.spec.errors import CanonicalError, CodeError, DuplicateError, LengthError, StateError
from proofbook.spec.hash import Digest, Tag, elements_of, hash_elements, hash_words, pack
from proofbook.spec.order import ORDER_BYTES, Order
from proofbook.spec.tries import Trie
from proofbook.spec.words import bytes_of, code_of, require_canonical, signed, signed_of, unsigned

HEAD_BYTES = CONFIG_BYTES + 40
"""Length of the canonical bytes before the queues: configuration, counters, phase and last trade price."""


def level_key(queue: Queue, price: int) -> int:
    """The key of a price in a queue's trie, 64 bits; the best price has the lowest.

    Raises:
        RangeError: the price does not fit 64 bits with a sign.
    """
    key = signed(price, "price") ^ 2**63
    return key ^ (2**64 - 1) if queue.is_descending else key


def expiry_key(order: Order) -> int:
    """The key of a good-till-date order in the map of expiries, 128 bits."""
    return unsigned(order.expiry, "expiry") << 64 | order.priority


def account_key(order: Order) -> int:
    """The key of an order with an account in the map of accounts, 128 bits."""
    return order.account << 64 | order.order_id


def id_leaf(order: Order) -> Digest:
    """The leaf of an order in the map of ids (tag 2)."""
    key = level_key(order.queue, order.queue_price)
    return hash_words(Tag.ID_LEAF, order.queue, (order.order_id, key, order.priority))


def expiry_leaf(order: Order) -> Digest:
    """The leaf of a good-till-date order in the map of expiries (tag 5)."""
    return hash_words(Tag.EXPIRY_LEAF, 0, (unsigned(order.expiry, "expiry"), order.priority, order.order_id))


def account_leaf(order: Order) -> Digest:
    """The leaf of an order with an account in the map of accounts (tag 6)."""
    return hash_words(Tag.ACCOUNT_LEAF, 0, (order.account, order.order_id))


@dataclass(frozen=True)
class Level:
    """The orders at one price of a queue.

    Attributes:
        key: its level key.
        orders: at least one, the first of them first.
    """

    key: int
    orders: tuple[Order, ...]

    @property
    def displayed(self) -> int:
        """What its orders show, in lots."""
        return sum(order.displayed for order in self.orders)

    @property
    def hidden(self) -> int:
        """What its orders hide, in lots."""
        return sum(order.hidden for order in self.orders)

    def trie(self) -> Trie:
        """The trie of its orders, by priority."""
        return Trie(64, {order.priority: order.digest() for order in self.orders})

    def leaf(self) -> Digest:
        """Its leaf in the trie of its queue (tag 3)."""
        return level_leaf(self.key, len(self.orders), self.displayed, self.hidden, self.trie().root())


def level_leaf(key: int, count: int, displayed: int, hidden: int, orders: Digest) -> Digest:
    """The leaf of a level (tag 3).

    Args:
        key: its level key.
        count: how many orders it has.
        displayed: what they show, in lots.
        hidden: what they hide, in lots.
        orders: root of the trie of its orders.

    Raises:
        SpecError: a number that is no word, a count that is no element, a root that is no digest.
    """
    elements = [*pack((key, displayed, hidden)), 0, *elements_of(orders)]
    return hash_elements(Tag.LEVEL, count, elements)


@dataclass(frozen=True)
class Maps:
    """The seven maps of a market.

    Attributes:
        queues: the tries of bids, asks, buy stops and sell stops.
        ids: one leaf for each order.
        expiries: one leaf for each good-till-date order.
        accounts: one leaf for each order with an account.
    """

    queues: tuple[Trie, Trie, Trie, Trie]
    ids: Trie
    expiries: Trie
    accounts: Trie

    def roots(self) -> tuple[Digest, ...]:
        """The seven roots, in the order in which the state root has them."""
        return tuple(trie.root() for trie in (*self.queues, self.ids, self.expiries, self.accounts))


def levels_of(orders: Iterable[Order], queue: Queue) -> tuple[Level, ...]:
    """The levels of a queue, best first, from all orders of a market in any order."""
    levels: dict[int, list[Order]] = {}
    for order in orders:
        if order.queue == queue:
            levels.setdefault(level_key(queue, order.queue_price), []).append(order)
    return tuple(Level(key, tuple(sorted(levels[key], key=lambda order: order.priority))) for key in sorted(levels))


def maps_of(orders: Sequence[Order]) -> Maps:
    """The maps of all orders of a market, given in any order.

    Raises:
        DuplicateError: two orders with one id, or with one priority.
        SpecError: an order that has no encoding, or neither a price nor a stop price.
    """
    _require_distinct("order id", [order.order_id for order in orders])
    _require_distinct("priority", [order.priority for order in orders])

    def levels(queue: Queue) -> Trie:
        return Trie(64, {level.key: level.leaf() for level in levels_of(orders, queue)})

    return Maps(
        queues=(levels(Queue.BIDS), levels(Queue.ASKS), levels(Queue.BUY_STOPS), levels(Queue.SELL_STOPS)),
        ids=Trie(64, {order.order_id: id_leaf(order) for order in orders}),
        expiries=Trie(128, {expiry_key(order): expiry_leaf(order) for order in orders if order.expiry is not None}),
        accounts=Trie(128, {account_key(order): account_leaf(order) for order in orders if order.account != 0}),
    )


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of a market.

    Attributes:
        config: its fixed terms.
        sequence: how many commands it has taken.
        clock: the largest time so far, in nanoseconds.
        next_priority: the priority that the next placed order takes.
        phase: its phase.
        last_trade_price: in ticks; ``None`` without a trade.
        orders: its live orders, in any order.
    """

    config: Config
    sequence: int = 0
    clock: int = 0
    next_priority: int = 1
    phase: Phase = Phase.CONTINUOUS
    last_trade_price: int | None = None
    orders: tuple[Order, ...] = ()

    def check(self) -> None:
        """Checks what has to hold between its parts, so that it has an encoding and a root.

        This does not ask whether some commands lead there: an engine refuses more, such as prices between two ticks.

        Raises:
            DuplicateError: two orders with one id, or with one priority.
            StateError: an order that cannot be live now, or more orders or open quantity than there can be.
            SpecError: a part that has no encoding.
        """
        _require_distinct("order id", [order.order_id for order in self.orders])
        _require_distinct("priority", [order.priority for order in self.orders])
        if len(self.orders) > self.config.max_orders:
            raise StateError(f"expected at most {self.config.max_orders} live orders; received {len(self.orders)}")
        for side in Side:
            if (quantity := self.open_quantity(side)) >= 2**64:
                raise StateError(f"expected open quantities of a side that sum to less than 2^64; received {quantity}")
        for order in self.orders:
            self._check_order(order)

    def _check_order(self, order: Order) -> None:
        what = f"order {order.order_id}"
        order.words()
        order.queue_price  # noqa: B018 - raises where there is none
        if order.displayed == 0:
            raise StateError(f"{what}: expected a displayed quantity of at least 1; received 0")
        if not 1 <= order.priority < self.next_priority:
            raise StateError(
                f"{what}: expected a priority of at least 1 and below {self.next_priority}; received {order.priority}"
            )
        if order.expiry is not None and order.expiry <= self.clock:
            raise StateError(f"{what}: expected an expiry later than the clock, {self.clock}; received {order.expiry}")
        if order.stop_price is None and order.time_in_force not in (
            TimeInForce.GOOD_TILL_CANCEL,
            TimeInForce.GOOD_TILL_DATE,
        ):
            raise StateError(f"{what}: expected a time in force that rests; received {order.time_in_force.name}")

    def open_quantity(self, side: Side) -> int:
        """What all orders of a side show and hide, resting or stop, in lots."""
        return sum(order.open_quantity for order in self.orders if order.side == side)

    def root(self) -> Digest:
        """Its state root, 32 bytes.

        Raises:
            SpecError: as for ``check``.
        """
        self.check()
        return state_root_of(self.config.digest(), maps_of(self.orders).roots(), self.counters())

    def counters(self) -> tuple[int, ...]:
        """The seven words that the state root has at its end.

        Raises:
            SpecError: a number that does not fit its word.
        """
        has_price = self.last_trade_price is not None
        phase = code_of(Phase, self.phase, "state: phase")
        return (
            unsigned(self.sequence, "state: sequence"),
            unsigned(self.clock, "state: clock"),
            unsigned(self.next_priority, "state: next priority"),
            unsigned(self.open_quantity(Side.BUY), "state: open quantity of buys"),
            unsigned(self.open_quantity(Side.SELL), "state: open quantity of sells"),
            signed(self.last_trade_price, "state: last trade price"),
            phase + (has_price << 8) + (len(self.orders) << 32),
        )

    def encode(self) -> bytes:
        """Its canonical bytes: section 13 of docs/RULES.md.

        Raises:
            SpecError: as for ``check``.
        """
        self.check()
        sequence, clock, next_priority, _, _, price, _ = self.counters()
        parts = [
            self.config.encode(),
            bytes_of((sequence, clock, next_priority)),
            bytes((self.phase, self.last_trade_price is not None, 0, 0, 0, 0, 0, 0)),
            bytes_of((price,)),
        ]
        for queue in Queue:
            orders = [order for level in levels_of(self.orders, queue) for order in level.orders]
            parts.append(bytes_of((len(orders),)))
            parts += [order.encode() for order in orders]
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes) -> State:
        """The state whose canonical bytes are exactly these.

        Raises:
            LengthError: they end too early or too late.
            CodeError: a tag stands for nothing.
            CanonicalError: orders in another queue or another order than they stand in, or other bytes that no state
                encodes to.
            SpecError: as for ``check``.
        """
        if len(data) < HEAD_BYTES:
            raise LengthError(f"state: expected at least {HEAD_BYTES} bytes; received {len(data)}")
        counters = data[CONFIG_BYTES:HEAD_BYTES]
        phase, has_price = counters[24], counters[25]
        if has_price > 1:
            raise CodeError(f"state: expected 0 or 1 for whether there is a last trade price; received {has_price}")
        orders: list[Order] = []
        place = HEAD_BYTES
        for queue in Queue:
            count, place = _word(data, place), place + 8
            if count * ORDER_BYTES > len(data) - place:
                raise LengthError(
                    f"state: expected {count} orders of {ORDER_BYTES} bytes in {queue.name.lower()}; "
                    f"received {len(data) - place} bytes"
                )
            for _ in range(count):
                order = Order.decode(data[place : place + ORDER_BYTES])
                if order.queue != queue:
                    raise CanonicalError(
                        f"order {order.order_id}: expected it in {order.queue.name.lower()}; "
                        f"received it in {queue.name.lower()}"
                    )
                orders.append(order)
                place += ORDER_BYTES
        if place != len(data):
            raise LengthError(f"state: expected {place} bytes; received {len(data)}")
        state = cls(
            config=Config.decode(data[:CONFIG_BYTES]),
            sequence=_word(counters, 0),
            clock=_word(counters, 8),
            next_priority=_word(counters, 16),
            phase=code_of(Phase, phase, "state: phase"),
            last_trade_price=signed_of(_word(counters, 32)) if has_price else None,
            orders=tuple(orders),
        )
        require_canonical("state", state.encode(), data)
        return state


def state_root_of(config: Digest, roots: Sequence[Digest], counters: Sequence[int]) -> Digest:
    """The state root of its parts.

    Args:
        config: digest of the configuration.
        roots: of the seven maps, in their order.
        counters: sequence, clock, next priority, open quantity of buys and of sells, last trade price, and the word
            that has the phase, whether there is such a price, and the number of orders.

    Raises:
        LengthError: there are not seven roots and seven counters.
        SpecError: something is no digest or no word.
    """
    if len(roots) != 7 or len(counters) != 7:
        raise LengthError(f"expected seven roots and seven counters; received {len(roots)} and {len(counters)}")
    elements = [element for digest in (config, *roots) for element in elements_of(digest)]
    return hash_elements(Tag.STATE, 0, elements + pack(counters))


def state_root(data: bytes) -> Digest:
    """The state root, 32 bytes, of a state given as its canonical bytes (docs/RULES.md, section 13).

    Raises:
        SpecError: these are no state's canonical bytes.
    """
    return State.decode(data).root()


def _word(data: bytes, place: int) -> int:
    if place + 8 > len(data):
        raise LengthError(f"state: expected a word at byte {place}; received {len(data)} bytes")
    return int.from_bytes(data[place : place + 8], "little")


def _require_distinct(what: str, numbers: Sequence[int]) -> None:
    seen: set[int] = set()
    for number in numbers:
        if number in seen:
            raise DuplicateError(f"expected distinct orders; received {what} {number} twice")
        seen.add(number)
