"""How a pool of bounded books lies in memory: one array of words, one row for each book.

A book is one row of ``uint64`` words, so that a pool is one allocation, a book is one piece of memory that can be
staged or moved as it is, and the same kernels take rows that lie book by book (order ``C``) or interleaved (order
``F``, neighbours' words side by side).

A row has six parts, each a multiple of 64 bytes long:

    header   32 words            what the market counts, and what this project counts about it
    keys     2 x levels          per side, the keys of the price levels in ascending order: the best price stands last
    slots    2 x levels          per side, the level record of each key; beyond the last one stand the free records
    records  2 x levels x 4      level records: first order, last order, number of orders, open quantity
    index    2^n                 open addressing, order id to order slot: the hash's upper half and the slot plus one
    orders   orders x 8          one order is 64 bytes, one line of a cache

Invariants:
- a price's **key** is the price with its sign bit flipped for bids, and the complement of that for asks: on both
  sides the better price has the larger key, so that one code serves both sides, with unsigned comparisons alone;
- the number of order slots is the market's ``max_orders``: a book that is full rejects as the engine's does;
- the index holds at least twice as many places as there are orders, so a search always ends at an empty place.

Everything in kernels is ``uint64``: numba makes a float64 of a uint64 and an int64, so the constants here are
``numpy.uint64`` too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
"""An array of words of 64 bits."""

Order = Literal["C", "F"]
"""How a pool lies in memory: book by book, or interleaved."""

ORDERS_MAX = 1 << 20
"""The most orders that a book of a pool may hold. A market that needs more is one for the engine."""

LEVELS_DEFAULT_MAX = 256
"""Price levels of a side where nobody says how many: as many as orders, up to this."""

COMMAND_WORDS = 9
EVENT_WORDS = 7
CONFIG_WORDS = 11
HEADER_WORDS = 32
RECORD_WORDS = 4
ORDER_WORDS = 8

# The header: the engine's counters first.
SEQUENCE = np.uint64(0)
CLOCK = np.uint64(1)
NEXT_PRIORITY = np.uint64(2)
LAST_TRADE = np.uint64(3)
"""The price of the last trade in two's complement; 0 before the first."""
HAS_TRADE = np.uint64(4)
OPEN_BUY = np.uint64(5)
"""Open quantity of all live buys; that of sells follows."""
OPEN_SELL = np.uint64(6)
LIVE_ORDERS = np.uint64(7)
FREE_SLOT = np.uint64(8)
"""The first free order slot; each free order names the next in its ``ORDER_LINKS``."""
LEVELS_BUY = np.uint64(9)
"""Number of bid levels; that of ask levels follows."""
LEVELS_SELL = np.uint64(10)
# What is counted about a book, from its start on.
EVENT_DIGEST = np.uint64(11)
EVENTS = np.uint64(12)
TRADES = np.uint64(13)
TRADED_QUANTITY = np.uint64(14)
"""Saturates at the largest word."""
REJECTS = np.uint64(15)
"""Every reject, those for want of room included."""
CAPACITY_REJECTS = np.uint64(16)
"""Rejects for want of an order slot (``book_full``) or of a price level (``levels_full``)."""
UNSUPPORTED = np.uint64(17)
"""Commands that no book of a pool takes; they leave it as it is."""
EVENTS_LOST = np.uint64(18)
"""Events that had no room in a step's array of events."""
STEP_EVENTS = np.uint64(19)
"""Events of the step so far that were kept, in the mode that keeps all."""

# A level record.
LEVEL_HEAD = np.uint64(0)
LEVEL_TAIL = np.uint64(1)
LEVEL_ORDERS = np.uint64(2)
LEVEL_QUANTITY = np.uint64(3)

# An order.
ORDER_ID = np.uint64(0)
ORDER_ACCOUNT = np.uint64(1)
ORDER_PRICE = np.uint64(2)
ORDER_OPEN = np.uint64(3)
ORDER_FILLED = np.uint64(4)
ORDER_PRIORITY = np.uint64(5)
ORDER_TAGS = np.uint64(6)
"""The low half is the tag word of the order's encoding: side, time in force, self-trade prevention, flags. The high
half is the order's level record."""
ORDER_LINKS = np.uint64(7)
"""The slot of the next order at the price in the low half, that of the one before in the high half; ``NO_SLOT`` where
there is none."""

NO_SLOT = np.uint64(0xFFFF_FFFF)
NO_PLACE = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
"""No place of the index: the id is not that of a live order."""

# The terms of a market and the sizes of its books, as kernels read them.
TERMS_WORDS = 16
TERM_ORDERS = np.uint64(0)
TERM_LEVELS = np.uint64(1)
TERM_INDEX_WORDS = np.uint64(2)
TERM_INDEX_SHIFT = np.uint64(3)
"""64 less the bits of a place: the hash's upper bits are the place at which a search starts."""
TERM_UNLIMITED = np.uint64(4)
"""1 where no term can make the checks of a plain order fail."""
TERM_TICK = np.uint64(5)
TERM_LOT = np.uint64(6)
TERM_MAX_QUANTITY = np.uint64(7)
"""The largest word where there is no maximum."""
TERM_HAS_NOTIONAL = np.uint64(8)
TERM_NOTIONAL_LOW = np.uint64(9)
TERM_NOTIONAL_HIGH = np.uint64(10)
TERM_HAS_COLLAR = np.uint64(11)
TERM_COLLAR = np.uint64(12)
TERM_HAS_REFERENCE = np.uint64(13)
TERM_REFERENCE = np.uint64(14)

DIGEST_START = np.uint64(0xCBF2_9CE4_8422_2325)
"""The digest of no events: the start of FNV-1a."""
DIGEST_FACTOR = np.uint64(0x9E37_79B9_7F4A_7C15)
"""2^64 over the golden ratio, odd."""

LEVELS_FULL = 200
"""Reason of a reject for want of a price level; the engine, whose books are not bounded, has no such code."""

_WORD_END = 1 << 64


class Views(NamedTuple):
    """A pool's parts for NumPy and for kernels over whole pools: no copies."""

    header: Words
    """[books, 32]"""
    keys: Words
    """[books, 2, levels]"""
    slots: Words
    """[books, 2, levels]"""
    records: Words
    """[books, 2 x levels, 4]"""
    entries: Words
    """The index: [books, 2^n]."""
    orders: Words
    """[books, orders, 8]"""


def _require_between(what: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{what}: expected a whole number from {low} to {high}; received {value!r}")


def _plain(number: int) -> int:
    """A whole number of NumPy as one of Python; all else as it is."""
    return int(number) if isinstance(number, np.integer) else number


def _whole_lines(words: int) -> int:
    """The words of whole lines of 64 bytes that hold ``words``."""
    return -(-words // 8) * 8


@dataclass(frozen=True)
class Capacity:
    """How much a book of a pool holds.

    Attributes:
        orders: live orders, 1 to ``ORDERS_MAX``; the market's ``max_orders``. levels: price levels of each side, 1 to
        ``orders``. With as many levels as orders no order is ever rejected for want of one.
    """

    orders: int
    levels: int

    def __post_init__(self) -> None:
        _require_between("orders", self.orders, 1, ORDERS_MAX)
        _require_between("levels", self.levels, 1, self.orders)

    @classmethod
    def of(cls, orders: int, levels: int | None = None) -> Capacity:
        """The capacity with so many orders, and with so many levels or the usual number."""
        orders = _plain(orders)
        _require_between("orders", orders, 1, ORDERS_MAX)
        return cls(orders, min(orders, LEVELS_DEFAULT_MAX) if levels is None else _plain(levels))

    @property
    def index_bits(self) -> int:
        """Bits of a place in the index: at least two places for each order, and at least one line."""
        return max(3, (2 * self.orders - 1).bit_length())

    @property
    def index_words(self) -> int:
        """Places of the index."""
        return 1 << self.index_bits

    @property
    def side_words(self) -> int:
        """Words of both sides' keys, or of both sides' slots."""
        return _whole_lines(2 * self.levels)

    @property
    def words(self) -> int:
        """Words of a book."""
        return (
            HEADER_WORDS
            + 2 * self.side_words
            + 2 * RECORD_WORDS * self.levels
            + self.index_words
            + ORDER_WORDS * self.orders
        )

    @property
    def bytes(self) -> int:
        """Bytes of a book."""
        return 8 * self.words


def starts(capacity: Capacity) -> tuple[int, int, int, int, int, int]:
    """The first word of header, keys, slots, records, index and orders."""
    keys = HEADER_WORDS
    slots = keys + capacity.side_words
    records = slots + capacity.side_words
    index = records + 2 * RECORD_WORDS * capacity.levels
    return 0, keys, slots, records, index, index + capacity.index_words


def new_pool(books: int, capacity: Capacity, order: Order = "C") -> Words:
    """Memory for so many books. It has to be cleared by the kernel that does so before it is one."""
    return np.zeros((books, capacity.words), dtype=np.uint64, order=order)


def views(pool: Words, capacity: Capacity) -> Views:
    """The parts of a pool, or of some of its rows; writing to them writes to it."""
    books = len(pool)
    _, keys, slots, records, index, orders = starts(capacity)
    levels = capacity.levels

    def part(start: int, *shape: int) -> Words:
        words = 1
        for size in shape:
            words *= size
        return pool[:, start : start + words].reshape(books, *shape)

    return Views(
        header=part(0, HEADER_WORDS),
        keys=part(keys, 2, levels),
        slots=part(slots, 2, levels),
        records=part(records, 2 * levels, RECORD_WORDS),
        entries=part(index, capacity.index_words),
        orders=part(orders, capacity.orders, ORDER_WORDS),
    )


def terms_of(config: Sequence[int] | Words, capacity: Capacity) -> Words:
    """What kernels read of the market's terms, which are given as the 11 words of its encoding.

    Raises:
        ValueError: terms of a market that no pool holds: another encoding, another number of orders, another phase at
        the start.
    """
    words = [int(word) for word in config]
    if len(words) != CONFIG_WORDS or not all(0 <= word < _WORD_END for word in words):
        raise ValueError(f"config: expected the {CONFIG_WORDS} words of a market's encoded terms; received {words!r}")
    version, phase, flags, orders = words[0] & 0xFF, words[0] >> 8 & 0xFF, words[0] >> 16 & 0xFF, words[0] >> 32
    if version != 1 or flags > 15:
        raise ValueError(f"config: expected version 1 of a market's terms; received the tag word {words[0]:#x}")
    if phase != 0:
        raise ValueError(f"config: expected a market that starts in the continuous phase (0); received phase {phase}")
    if orders != capacity.orders:
        raise ValueError(f"config: expected max_orders {capacity.orders}, as many as a book holds; received {orders}")
    terms = np.zeros(TERMS_WORDS, dtype=np.uint64)
    terms[TERM_ORDERS] = capacity.orders
    terms[TERM_LEVELS] = capacity.levels
    terms[TERM_INDEX_WORDS] = capacity.index_words
    terms[TERM_INDEX_SHIFT] = 64 - capacity.index_bits
    terms[TERM_UNLIMITED] = words[2] == 1 and words[3] == 1 and flags & 7 == 0
    terms[TERM_TICK] = words[2]
    terms[TERM_LOT] = words[3]
    terms[TERM_MAX_QUANTITY] = words[4] if flags & 1 else _WORD_END - 1
    terms[TERM_HAS_NOTIONAL] = flags >> 1 & 1
    terms[TERM_NOTIONAL_LOW] = words[5]
    terms[TERM_NOTIONAL_HIGH] = words[6]
    terms[TERM_HAS_COLLAR] = flags >> 2 & 1
    terms[TERM_COLLAR] = words[7]
    terms[TERM_HAS_REFERENCE] = flags >> 3 & 1
    terms[TERM_REFERENCE] = words[8]
    return terms
