"""Digests, and the hash that makes them.

Source: docs/COMMITMENT.md, section 2. A digest is 32 bytes: eight elements, four bytes each, little-endian. A word is
an unsigned 64-bit integer.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

from proofbook.spec.errors import DigestError, LengthError, RangeError
from proofbook.spec.field import WIDTH, P, permute

Digest = bytes
"""32 bytes whose eight elements are below p; ``elements_of`` checks that."""

DIGEST_BYTES = 32
"""Length of a digest."""

RATE = 8
"""How many elements a digest has, and how many the hash takes at a time."""

EMPTY: Digest = bytes(DIGEST_BYTES)
"""The empty digest, which stands for "nothing here"."""

WORD_LIMIT = 2**64
"""Words are below this."""


class Tag(enum.IntEnum):
    """What is hashed; equal elements with another tag have another digest."""

    BRANCH = 1
    ID_LEAF = 2
    LEVEL = 3
    ORDER = 4
    EXPIRY_LEAF = 5
    ACCOUNT_LEAF = 6
    CONFIG = 7
    STATE = 8
    COMMAND = 9
    EVENTS = 10
    NODE = 11
    LIST = 12
    BATCH = 13


def elements_of(digest: Digest) -> tuple[int, ...]:
    """The eight elements of a digest.

    Raises:
        LengthError: it is not 32 bytes long.
        DigestError: an element is not below p.
    """
    if len(digest) != DIGEST_BYTES:
        raise LengthError(f"expected a digest of {DIGEST_BYTES} bytes; received {len(digest)}")
    elements = tuple(int.from_bytes(digest[start : start + 4], "little") for start in range(0, DIGEST_BYTES, 4))
    for place, element in enumerate(elements):
        if element >= P:
            raise DigestError(f"expected a digest whose elements are below {P}; received {element} as element {place}")
    return elements


def digest_of(elements: Sequence[int]) -> Digest:
    """The digest that has these eight elements.

    Raises:
        LengthError: there are not eight.
        RangeError: one of them is no element.
    """
    if len(elements) != RATE:
        raise LengthError(f"expected the {RATE} elements of a digest; received {len(elements)}")
    for element in elements:
        _require_element(element, "an element")
    return b"".join(element.to_bytes(4, "little") for element in elements)


def pack(words: Sequence[int]) -> list[int]:
    """Words as elements: 2n + ceil(n / 7) of them for n words.

    First two elements for each word, its lowest 30 bits and the 30 bits above; after those of all words, one element
    for each seven words, with their highest four bits.

    Raises:
        RangeError: something is no word.
    """
    elements: list[int] = []
    for word in words:
        if not 0 <= word < WORD_LIMIT:
            raise RangeError(f"expected a word of at least 0 and below 2^64; received {word}")
        elements += (word % 2**30, (word >> 30) % 2**30)
    for start in range(0, len(words), 7):
        elements.append(sum((word >> 60) * 16**place for place, word in enumerate(words[start : start + 7])))
    return elements


def hash_elements(tag: Tag, parameter: int, elements: Iterable[int]) -> Digest:
    """``H(tag, parameter; elements)``.

    Raises:
        RangeError: the parameter or an element is no element of the field.
    """
    _require_element(parameter, "a parameter")
    rest = list(elements)
    for element in rest:
        _require_element(element, "an element")
    state = [0] * RATE + [int(tag), parameter] + [0] * (WIDTH - RATE - 2)
    for start in range(0, len(rest), RATE):
        block = rest[start : start + RATE]
        state = permute(block + [0] * (RATE - len(block)) + state[RATE:])
    return digest_of(state[:RATE])


def hash_words(tag: Tag, parameter: int, words: Sequence[int]) -> Digest:
    """``H(tag, parameter; pack(words))``.

    Raises:
        RangeError: the parameter is no element of the field, or something is no word.
    """
    return hash_elements(tag, parameter, pack(words))


def hash_pair(tag: Tag, parameter: int, left: Digest, right: Digest) -> Digest:
    """``H(tag, parameter; left ‖ right)``, of a branch or a node.

    Raises:
        LengthError: a digest is not 32 bytes long.
        DigestError: something is no digest.
        RangeError: the parameter is no element of the field.
    """
    return hash_elements(tag, parameter, elements_of(left) + elements_of(right))


def _require_element(element: int, what: str) -> None:
    if not 0 <= element < P:
        raise RangeError(f"expected {what} of at least 0 and below {P}; received {element}")
