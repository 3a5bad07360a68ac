"""Proofs about a state: that an order is live, what is ahead of it, what a level or the best levels have.

Source: docs/COMMITMENT.md, section 8. What is closed is not known, and never "not there": such a question raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from proofbook.spec.codes import Phase, Queue
from proofbook.spec.config import ORDERS_MAX
from proofbook.spec.errors import CanonicalError, CodeError, InclusionError, NotShownError
from proofbook.spec.hash import EMPTY, Digest, Tag, hash_pair, hash_words
from proofbook.spec.order import Order
from proofbook.spec.reader import Reader
from proofbook.spec.state import level_key, level_leaf, state_root_of
from proofbook.spec.words import bytes_of, code_of, signed_of

KEY_BITS = 64
"""Width of the keys of levels, orders and ids."""

_HASHED_WORDS = 11


@dataclass(frozen=True)
class ShownOrder:
    """An order, as its eleven hashed words."""

    words: tuple[int, ...]

    @property
    def key(self) -> int:
        """Its priority."""
        return self.words[9]

    def digest(self) -> Digest:
        """Its leaf (tag 4)."""
        return hash_words(Tag.ORDER, 0, self.words)

    def order(self) -> Order:
        """The order.

        Raises:
            SpecError: the words encode none.
        """
        return Order.decode(bytes_of((*self.words, 0)))


@dataclass(frozen=True)
class ShownLevel:
    """A level.

    Attributes:
        key: its level key.
        displayed: what its orders show, in lots.
        hidden: what they hide, in lots.
        count: how many they are.
        members: the part of the trie of its orders that is open.
    """

    key: int
    displayed: int
    hidden: int
    count: int
    members: Part[ShownOrder]

    def digest(self) -> Digest:
        """Its leaf (tag 3)."""
        return level_leaf(self.key, self.count, self.displayed, self.hidden, self.members.digest())

    def price(self, queue: Queue) -> int:
        """Its price in a queue, in ticks."""
        key = self.key ^ (2**64 - 1) if queue.is_descending else self.key
        return signed_of(key ^ 2**63)


@dataclass(frozen=True)
class ShownId:
    """Where the order with an id is."""

    queue: Queue
    key: int
    level_key: int
    priority: int

    def digest(self) -> Digest:
        """Its leaf (tag 2)."""
        return hash_words(Tag.ID_LEAF, self.queue, (self.key, self.level_key, self.priority))


Leaf = TypeVar("Leaf", ShownOrder, ShownLevel, ShownId)


@dataclass(frozen=True)
class Part(Generic[Leaf]):
    """A part of a trie: closed, a branch, or a leaf.

    Attributes:
        closed: the digest of a closed subtree, else ``None``.
        position: the position of a branch's bit.
        children: a branch's halves, else none.
        leaf: the leaf, else ``None``.
    """

    closed: Digest | None = None
    position: int = 0
    children: tuple[Part[Leaf], ...] = ()
    leaf: Leaf | None = None

    def digest(self) -> Digest:
        """The root of the trie."""
        if self.closed is not None:
            return self.closed
        if self.leaf is not None:
            return self.leaf.digest()
        return hash_pair(Tag.BRANCH, self.position, *(child.digest() for child in self.children))

    def find(self, key: int) -> Leaf | None:
        """The leaf with a key; ``None`` where the trie has none.

        Raises:
            NotShownError: the way to it is closed.
        """
        part = self
        while part.children:
            part = part.children[key >> (KEY_BITS - 1 - part.position) & 1]
        if part.leaf is not None:
            return part.leaf if part.leaf.key == key else None
        if part.closed != EMPTY:
            raise NotShownError("the proof does not show this: it is closed")
        return None

    def leaves(self) -> Iterator[Leaf]:
        """All leaves in the order of their keys.

        Raises:
            NotShownError: when it comes to a closed part.
        """
        if self.leaf is not None:
            yield self.leaf
        elif self.children:
            for child in self.children:
                yield from child.leaves()
        elif self.closed != EMPTY:
            raise NotShownError("the proof does not show this: it is closed")

    @classmethod
    def read(cls, reader: Reader, leaf: Callable[[Reader], Leaf], first: int = 0) -> Part[Leaf]:
        """The part that comes next; ``first`` is the first position that a branch may test."""
        kind = reader.take(1)[0]
        if kind == 0:
            return cls(closed=reader.digest())
        if kind == 1:
            position = reader.take(1)[0]
            if not first <= position < KEY_BITS:
                raise CanonicalError(f"state proof: expected a bit of {first} to {KEY_BITS - 1}; received {position}")
            left = cls.read(reader, leaf, position + 1)
            return cls(position=position, children=(left, cls.read(reader, leaf, position + 1)))
        if kind == 2:
            return cls(leaf=leaf(reader))
        raise CodeError(f"state proof: expected a part that begins with 0, 1 or 2; received {kind}")


def _read_order(reader: Reader) -> ShownOrder:
    return ShownOrder(reader.words(_HASHED_WORDS))


def _read_level(reader: Reader) -> ShownLevel:
    key, displayed, hidden = reader.words(3)
    count = reader.number()
    if not 1 <= count <= ORDERS_MAX:
        raise CanonicalError(f"state proof: expected a level of 1 to {ORDERS_MAX} orders; received {count}")
    return ShownLevel(key, displayed, hidden, count, Part.read(reader, _read_order))


def _read_id(reader: Reader) -> ShownId:
    queue = code_of(Queue, reader.take(1)[0], "state proof: queue")
    return ShownId(queue, *reader.words(3))


@dataclass(frozen=True)
class StateProof:
    """A proof about a state. ``check`` comes first: before it, the answers mean nothing.

    Attributes:
        config: digest of the configuration.
        counters: the seven words of the state root.
        queues: the open parts of the four queues.
        ids: the open part of the ids.
        others: the roots of expiries and accounts.
    """

    config: Digest
    counters: tuple[int, ...]
    queues: tuple[Part[ShownLevel], ...]
    ids: Part[ShownId]
    others: tuple[Digest, Digest]

    @classmethod
    def decode(cls, data: bytes) -> StateProof:
        """The proof with these bytes.

        Raises:
            SpecError: no proof has them.
        """
        reader = Reader("state proof", data)
        config, counters = reader.digest(), reader.words(7)
        last = counters[6]
        code_of(Phase, last % 2**8, "state proof: phase")
        if last >> 8 & 0xFFFFFF > 1 or (not last >> 8 & 1 and counters[5]):
            raise CanonicalError("state proof: expected canonical counters; received others")
        queues = tuple(Part.read(reader, _read_level) for _ in Queue)
        proof = cls(config, counters, queues, Part.read(reader, _read_id), (reader.digest(), reader.digest()))
        reader.end()
        return proof

    def check(self, root: Digest) -> None:
        """Checks that it is a proof about the state with this root.

        Raises:
            InclusionError: it is about another.
        """
        roots = [*(queue.digest() for queue in self.queues), self.ids.digest(), *self.others]
        found = state_root_of(self.config, roots, self.counters)
        if found != root:
            raise InclusionError(f"expected a proof that leads to the root {root.hex()}; received one to {found.hex()}")

    def _level_of(self, order_id: int) -> tuple[ShownLevel, ShownOrder] | None:
        entry = self.ids.find(order_id)
        if entry is None:
            return None
        level = self.queues[entry.queue].find(entry.level_key)
        shown = None if level is None else level.members.find(entry.priority)
        if level is None or shown is None or shown.words[1] != order_id:
            raise InclusionError(f"expected order {order_id} where the ids say that it is; received none there")
        return level, shown

    def order(self, order_id: int) -> Order | None:
        """The live order with an id; ``None`` where there is none.

        Raises:
            NotShownError: the proof does not show it.
        """
        found = self._level_of(order_id)
        return None if found is None else found[1].order()

    def ahead(self, order_id: int) -> tuple[int, int] | None:
        """How many orders are ahead of a live order at its price, and what they show, in lots.

        Raises:
            NotShownError: the proof does not show it.
        """
        found = self._level_of(order_id)
        if found is None:
            return None
        count = displayed = 0
        for other in found[0].members.leaves():
            if other.key >= found[1].key:
                break
            count, displayed = count + 1, displayed + other.words[5]
        return count, displayed

    def level(self, queue: Queue, price: int) -> ShownLevel | None:
        """The level of a queue at a price in ticks; ``None`` where there is none.

        Raises:
            NotShownError: the proof does not show it.
        """
        return self.queues[queue].find(level_key(queue, price))

    def depth(self, queue: Queue, levels: int) -> list[ShownLevel]:
        """The best levels of a queue, best first: as many as asked, or all there are.

        Raises:
            NotShownError: the proof does not show it.
        """
        found: list[ShownLevel] = []
        leaves = self.queues[queue].leaves()
        while len(found) < levels and (level := next(leaves, None)) is not None:
            found.append(level)
        return found
