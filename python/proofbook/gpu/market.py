"""The terms that all books of a pool have in common, in ticks and lots, by the names of ``proofbook.Book``.

Encoded they are the 11 words of ``MarketConfig``: the first words of every state, so part of every digest. The most
orders that may live is no term here: it is the capacity of a book, since a full book must reject as the engine's
does.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from typing import Any, Self, TypeGuard

import numpy as np

from proofbook.errors import InputError
from proofbook.gpu.kernels.layout import CONFIG_WORDS, ORDERS_MAX, Words

_LAYOUT = struct.Struct("<BBBBIQQQQ16sQqQQ")
_VERSION = 1
_FLAGS = ("max_quantity", "max_notional", "collar", "reference_price")

_UNSIGNED = (0, (1 << 64) - 1)
_RANGES = {
    "market": _UNSIGNED,
    "tick_size": (1, (1 << 63) - 1),
    "lot_size": (1, (1 << 63) - 1),
    "max_quantity": _UNSIGNED,
    "max_notional": (0, (1 << 128) - 1),
    "collar": _UNSIGNED,
    "reference_price": (-(1 << 63), (1 << 63) - 1),
}


def is_whole(value: object) -> TypeGuard[int | np.integer[Any]]:
    """Whether a value is a whole number, of Python or NumPy."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def require_whole(what: str, value: object, low: int, high: int) -> int:
    """The value as an ``int``, if it is a whole number within the bounds.

    Raises:
        InputError: it is not.
    """
    if is_whole(value) and low <= value <= high:
        return int(value)
    raise InputError(f"{what}: expected a whole number from {low} to {high}; received {value!r}")


@dataclass(frozen=True)
class Market:
    """The terms of a market, in ticks and lots; ``None`` switches a limit off.

    Attributes:
        market: number of the market.
        tick_size: every price is a multiple of so many ticks.
        lot_size: every quantity is a multiple of so many lots.
        max_quantity: the most that one order may ask for, in lots.
        max_notional: the most that price times quantity of one order may be.
        collar: how far beyond the reference price an order may trade, in ticks.
        reference_price: the reference price before the first trade, in ticks.

    >>> Market(tick_size=5).words(orders=256)[2]
    np.uint64(5)
    """

    market: int = 0
    tick_size: int = 1
    lot_size: int = 1
    max_quantity: int | None = None
    max_notional: int | None = None
    collar: int | None = None
    reference_price: int | None = None

    def __post_init__(self) -> None:
        for term in fields(self):
            value = getattr(self, term.name)
            if value is not None or term.name not in _FLAGS:
                object.__setattr__(self, term.name, require_whole(term.name, value, *_RANGES[term.name]))

    def words(self, orders: int) -> Words:
        """The encoding of these terms with so many orders as the most that may live: 11 words."""
        flags = sum(1 << bit for bit, name in enumerate(_FLAGS) if getattr(self, name) is not None)
        encoded = _LAYOUT.pack(
            _VERSION,
            0,
            flags,
            0,
            orders,
            self.market,
            self.tick_size,
            self.lot_size,
            self.max_quantity or 0,
            (self.max_notional or 0).to_bytes(16, "little"),
            self.collar or 0,
            self.reference_price or 0,
            0,
            0,
        )
        return np.frombuffer(encoded, dtype="<u8").astype(np.uint64)

    @classmethod
    def of_words(cls, words: Words) -> tuple[Self, int]:
        """The terms that these words encode, and the most orders that may live.

        Raises:
            InputError: words that encode none, or a market that no pool of books holds.
        """
        encoded = np.ascontiguousarray(words, dtype="<u8").tobytes()
        if len(encoded) != 8 * CONFIG_WORDS:
            raise InputError(f"terms of a market: expected {CONFIG_WORDS} words; received {len(encoded) // 8}")
        version, phase, flags, _, orders, market, tick, lot, quantity, notional, collar, reference, _, _ = (
            _LAYOUT.unpack(encoded)
        )
        if version != _VERSION or phase != 0 or not 1 <= orders <= ORDERS_MAX:
            raise InputError(
                f"terms of a market: expected version {_VERSION}, the continuous phase at the start (0) and 1 to "
                f"{ORDERS_MAX} orders; received version {version}, phase {phase} and {orders} orders"
            )
        limits = (quantity, int.from_bytes(notional, "little"), collar, reference)
        given = [limit if flags >> bit & 1 else None for bit, limit in enumerate(limits)]
        terms = cls(market, tick, lot, *given)
        if terms.words(orders).tobytes() != encoded:
            raise InputError("terms of a market: expected their only encoding; received words that nothing encodes to")
        return terms, orders
