"""The fixed terms of a market and their only encoding, 88 bytes.

Source: docs/COMMITMENT.md, section 2, and docs/RULES.md, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass

from proofbook.spec.codes import Phase
from proofbook.spec.errors import CodeError, RangeError
from proofbook.spec.hash import Digest, Tag, hash_words
from proofbook.spec.words import (
    bytes_of,
    code_of,
    flags_of,
    require_canonical,
    signed,
    signed_of,
    tag_word,
    tags_of,
    unsigned,
    words_of,
)

CONFIG_WORDS = 11
"""Words of an encoded configuration."""

CONFIG_BYTES = 8 * CONFIG_WORDS
"""Length of an encoded configuration."""

CONFIG_VERSION = 1
"""The only version of the encoding."""

SIZE_MAX = 2**63 - 1
"""The largest tick or lot size."""

ORDERS_MAX = 2**24
"""No market may hold more live orders."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The fixed terms of one market; ``None`` switches a limit off.

    Attributes:
        market: which market this is.
        tick_size: every price is a multiple of this many ticks.
        lot_size: every quantity is a multiple of this many lots.
        max_quantity: the most that an order may ask for, in lots.
        max_notional: the most that price times quantity may be, in ticks times lots; 128 bits.
        collar: how far beyond the reference price an order may trade, in ticks.
        reference_price: the reference price before the first trade, in ticks.
        max_orders: the most orders that may be live.
        initial_phase: the phase in which the market starts.
    """

    market: int = 0
    tick_size: int = 1
    lot_size: int = 1
    max_quantity: int | None = None
    max_notional: int | None = None
    collar: int | None = None
    reference_price: int | None = None
    max_orders: int = ORDERS_MAX
    initial_phase: Phase = Phase.CONTINUOUS

    def words(self) -> tuple[int, ...]:
        """Its eleven words.

        Raises:
            RangeError: a term outside of its range.
            CodeError: a phase that there is not.
        """
        _require_range("configuration: tick size", self.tick_size, SIZE_MAX)
        _require_range("configuration: lot size", self.lot_size, SIZE_MAX)
        _require_range("configuration: maximum number of orders", self.max_orders, ORDERS_MAX)
        notional = unsigned(self.max_notional, "configuration: maximum notional", 128)
        flags = flags_of(
            self.max_quantity is not None,
            self.max_notional is not None,
            self.collar is not None,
            self.reference_price is not None,
        )
        phase = code_of(Phase, self.initial_phase, "configuration: initial phase")
        return (
            tag_word((CONFIG_VERSION, phase, flags, 0, *self.max_orders.to_bytes(4, "little"))),
            unsigned(self.market, "configuration: market"),
            self.tick_size,
            self.lot_size,
            unsigned(self.max_quantity, "configuration: maximum quantity"),
            notional % 2**64,
            notional >> 64,
            unsigned(self.collar, "configuration: collar"),
            signed(self.reference_price, "configuration: reference price"),
            0,
            0,
        )

    def encode(self) -> bytes:
        """Its 88 bytes.

        Raises:
            SpecError: as for ``words``.
        """
        return bytes_of(self.words())

    @classmethod
    def decode(cls, data: bytes) -> Config:
        """The configuration that encodes to exactly these bytes.

        Raises:
            LengthError: these are not 88 bytes.
            CodeError: another version, or a phase that there is not.
            RangeError: terms that make no market.
            CanonicalError: no configuration encodes to them.
        """
        words = words_of(data, CONFIG_WORDS, "configuration")
        version, phase, flags, _, *max_orders = tags_of(words[0])
        if version != CONFIG_VERSION:
            raise CodeError(f"configuration: expected version {CONFIG_VERSION}; received {version}")
        config = cls(
            market=words[1],
            tick_size=words[2],
            lot_size=words[3],
            max_quantity=words[4] if flags & 1 else None,
            max_notional=words[5] + (words[6] << 64) if flags & 2 else None,
            collar=words[7] if flags & 4 else None,
            reference_price=signed_of(words[8]) if flags & 8 else None,
            max_orders=int.from_bytes(bytes(max_orders), "little"),
            initial_phase=code_of(Phase, phase, "configuration: initial phase"),
        )
        require_canonical("configuration", config.encode(), data)
        return config

    def digest(self) -> Digest:
        """Its digest (tag 7).

        Raises:
            SpecError: as for ``words``.
        """
        return hash_words(Tag.CONFIG, 0, self.words())


def _require_range(what: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise RangeError(f"{what}: expected at least 1 and at most {most}; received {value}")
