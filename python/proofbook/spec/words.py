"""Words, the bytes that they are written as, and the checks that every encoding shares.

Source: docs/COMMITMENT.md, section 2. A word is an unsigned 64-bit integer, written as eight bytes, little-endian;
signed numbers become words in two's complement. The first word of an encoding holds eight tag bytes, the lowest first.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from proofbook.spec.errors import CanonicalError, CodeError, LengthError, RangeError, TermError

WORD_BYTES = 8
"""Length of a word."""

Code = TypeVar("Code", bound=enum.IntEnum)


def words_of(data: bytes, count: int, what: str) -> tuple[int, ...]:
    """Exactly ``count`` words.

    Raises:
        LengthError: the data is longer or shorter.
    """
    if len(data) != count * WORD_BYTES:
        raise LengthError(f"{what}: expected {count * WORD_BYTES} bytes; received {len(data)}")
    return tuple(
        int.from_bytes(data[start : start + WORD_BYTES], "little") for start in range(0, len(data), WORD_BYTES)
    )


def bytes_of(words: Iterable[int]) -> bytes:
    """The bytes of words, which must be in their range."""
    return b"".join(word.to_bytes(WORD_BYTES, "little") for word in words)


def unsigned(value: int | None, what: str, bits: int = 64) -> int:
    """A number as a word; ``None``, what is not there, is 0.

    Raises:
        RangeError: it is below 0 or does not fit the bits.
    """
    if value is None:
        return 0
    if not 0 <= value < 2**bits:
        raise RangeError(f"{what}: expected at least 0 and below 2^{bits}; received {value}")
    return value


def signed(value: int | None, what: str) -> int:
    """A signed number as a word, in two's complement; ``None``, what is not there, is 0.

    Raises:
        RangeError: it does not fit 64 bits with a sign.
    """
    if value is None:
        return 0
    if not -(2**63) <= value < 2**63:
        raise RangeError(f"{what}: expected at least -2^63 and below 2^63; received {value}")
    return value % 2**64


def signed_of(word: int) -> int:
    """The signed number that a word stands for."""
    return word - 2**64 if word >= 2**63 else word


def tags_of(word: int) -> bytes:
    """The eight tag bytes of a word."""
    return word.to_bytes(WORD_BYTES, "little")


def tag_word(tags: Sequence[int]) -> int:
    """The word that has these tag bytes, and zeros above them."""
    return int.from_bytes(bytes(tags), "little")


def flags_of(*flags: bool) -> int:
    """A byte of flags, the first of them lowest."""
    return sum(1 << place for place, flag in enumerate(flags) if flag)


def code_of(kind: type[Code], value: int, what: str) -> Code:
    """What a code stands for.

    Raises:
        CodeError: nothing.
    """
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(int(code)) for code in kind)
        raise CodeError(f"{what}: expected a code of {known}; received {value}") from None


def require_terms(what: str, terms: Mapping[str, object], needed: Iterable[str], possible: Iterable[str]) -> None:
    """Terms are there exactly where they may be; ``None`` and ``False`` mean that a term is not there.

    Raises:
        TermError: a term that is needed is ``None``, or one is given that is neither needed nor possible.
    """
    needed, possible = frozenset(needed), frozenset(possible)
    for name, value in terms.items():
        if name in needed:
            if value is None:
                raise TermError(f"{what}: expected {name}; received none")
        elif name not in possible and value is not None and value is not False:
            raise TermError(f"{what}: expected no {name}; received {value}")


def require_canonical(what: str, expected: bytes, received: bytes) -> None:
    """The data is the only encoding of what was read from it.

    Raises:
        CanonicalError: it is not; the message names the first byte that differs.
    """
    if len(expected) != len(received):
        raise CanonicalError(f"{what}: expected an encoding of {len(expected)} bytes; received {len(received)}")
    for place, (wanted, found) in enumerate(zip(expected, received, strict=True)):
        if wanted != found:
            raise CanonicalError(f"{what}: expected {wanted:#04x} at byte {place}; received {found:#04x}")
