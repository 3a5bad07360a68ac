"""Tries: the root of a set of leaves with distinct keys, and proofs that a leaf is in it.

Source: docs/COMMITMENT.md, section 3. Keys are unsigned integers of a fixed width in bits; bit positions count from 0
at the most significant bit. The shape depends on the keys alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from proofbook.spec.errors import InclusionError, MissingError, RangeError
from proofbook.spec.hash import EMPTY, Digest, Tag, elements_of, hash_pair

WIDTHS = (64, 128)
"""Widths that keys have, in bits."""


@dataclass(frozen=True)
class TrieStep:
    """One branch on the way from the root to a leaf.

    Attributes:
        position: the position of the branch's bit.
        sibling: the root of the branch's other half.
    """

    position: int
    sibling: Digest


TriePath = tuple[TrieStep, ...]
"""A proof of inclusion: the branches from the root to a leaf."""


@dataclass(frozen=True)
class Trie:
    """A set of leaves.

    Attributes:
        width: of the keys, in bits.
        leaves: the digest of each leaf, by its key.
    """

    width: int
    leaves: Mapping[int, Digest] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_width(self.width)
        for key, leaf in self.leaves.items():
            _require_key(key, self.width)
            elements_of(leaf)

    def root(self) -> Digest:
        """Its root, 32 bytes; the empty digest without leaves."""
        return self._root(sorted(self.leaves))

    def prove(self, key: int) -> TriePath:
        """The proof that the leaf with this key is in the trie.

        Raises:
            MissingError: there is no such leaf.
        """
        if key not in self.leaves:
            raise MissingError(f"expected the key of one of {len(self.leaves)} leaves; received {key}")
        path: list[TrieStep] = []
        keys = sorted(self.leaves)
        while len(keys) > 1:
            position, middle = _split(keys, self.width)
            left, right = keys[:middle], keys[middle:]
            keys, others = (right, left) if _bit(key, position, self.width) else (left, right)
            path.append(TrieStep(position, self._root(others)))
        return tuple(path)

    def first(self) -> int:
        """The key of the first leaf, the lowest; ``prove`` it to prove that it is the first.

        Raises:
            MissingError: there are no leaves.
        """
        if not self.leaves:
            raise MissingError("expected a trie with leaves; received one without")
        return min(self.leaves)

    def _root(self, keys: Sequence[int]) -> Digest:
        """The root of those leaves whose keys are given, in ascending order."""
        if not keys:
            return EMPTY
        if len(keys) == 1:
            return self.leaves[keys[0]]
        position, middle = _split(keys, self.width)
        return hash_pair(Tag.BRANCH, position, self._root(keys[:middle]), self._root(keys[middle:]))


def check_inclusion(root: Digest, width: int, key: int, leaf: Digest, path: TriePath) -> None:
    """Checks that a trie with this root has this leaf at this key.

    The trie's shape is not proven anew: the root must be one that was made from leaves, as those in a state root are.

    Args:
        root: of the trie.
        width: of its keys, in bits.
        key: of the leaf; whoever knows what the leaf says compares it with that.
        leaf: the leaf's digest.
        path: the branches from the root to the leaf.

    Raises:
        InclusionError: the path does not lead to the root.
        SpecError: an argument cannot be one: a digest, a key or a width.
    """
    _require_width(width)
    _require_key(key, width)
    elements_of(root)
    elements_of(leaf)
    if leaf == EMPTY:
        raise InclusionError("expected a leaf; received the empty digest")
    before = -1
    for step in path:
        if not before < step.position < width:
            raise InclusionError(
                f"expected a branch at a position above {before} and below {width}; received {step.position}"
            )
        if step.sibling == EMPTY:
            raise InclusionError(f"expected two halves at position {step.position}; received an empty one")
        before = step.position
    node = leaf
    for step in reversed(path):
        left, right = (step.sibling, node) if _bit(key, step.position, width) else (node, step.sibling)
        node = hash_pair(Tag.BRANCH, step.position, left, right)
    if node != root:
        raise InclusionError(f"expected a path to the root {root.hex()}; received one to {node.hex()}")


def check_first(root: Digest, width: int, key: int, leaf: Digest, path: TriePath) -> None:
    """Checks that this is the first leaf of a trie with this root: it is there, and every branch is left to the left.

    Arguments as for ``check_inclusion``.

    Raises:
        InclusionError: the path does not lead to the root, or there are leaves to its left.
        SpecError: an argument cannot be one: a digest, a key or a width.
    """
    check_inclusion(root, width, key, leaf, path)
    for step in path:
        if _bit(key, step.position, width):
            raise InclusionError(f"expected the left half at position {step.position}; received the right one")


def check_empty(root: Digest) -> None:
    """Checks that a trie with this root has no leaves.

    Raises:
        InclusionError: it has.
    """
    if root != EMPTY:
        raise InclusionError(f"expected the empty digest; received {root.hex()}")


def _bit(key: int, position: int, width: int) -> int:
    return key >> (width - 1 - position) & 1


def _split(keys: Sequence[int], width: int) -> tuple[int, int]:
    """The first position at which ascending keys are not all equal, and how many of them have a 0 there."""
    # The first and the last key differ at that position, and agree before it, as all keys between them do.
    position = width - (keys[0] ^ keys[-1]).bit_length()
    middle = bisect_left(keys, 1, key=lambda key: _bit(key, position, width))
    return position, middle


def _require_width(width: int) -> None:
    if width not in WIDTHS:
        raise RangeError(f"expected keys of {' or '.join(map(str, WIDTHS))} bits; received {width}")


def _require_key(key: int, width: int) -> None:
    if not 0 <= key < 2**width:
        raise RangeError(f"expected a key of at least 0 and below 2^{width}; received {key}")
