"""Lists: the root of leaves in order, and proofs that a leaf is at a position.

Source: docs/COMMITMENT.md, section 6; the tree is that of RFC 6962, section 2.1, with another hash.
"""

from __future__ import annotations

from collections.abc import Sequence

from proofbook.spec.errors import InclusionError, MissingError, RangeError
from proofbook.spec.field import P
from proofbook.spec.hash import EMPTY, Digest, Tag, elements_of, hash_elements, hash_pair

ListPath = tuple[Digest, ...]
"""A proof of inclusion: the tops of what stands beside the way from the list's top to the leaf, in this order."""


def list_root(leaves: Sequence[Digest]) -> Digest:
    """The root of a list, 32 bytes.

    Raises:
        SpecError: a leaf is no digest.
    """
    return _root_of_top(_top(leaves), len(leaves))


def list_prove(leaves: Sequence[Digest], position: int) -> ListPath:
    """The proof that the list has its leaf at a position, counted from 0.

    Raises:
        MissingError: the list has no such position.
        SpecError: a leaf is no digest.
    """
    if not 0 <= position < len(leaves):
        raise MissingError(f"expected a position of at least 0 and below {len(leaves)}; received {position}")
    path: list[Digest] = []
    while len(leaves) > 1:
        split = _split(len(leaves))
        if position < split:
            path.append(_top(leaves[split:]))
            leaves = leaves[:split]
        else:
            path.append(_top(leaves[:split]))
            leaves, position = leaves[split:], position - split
    return tuple(path)


def list_check(root: Digest, length: int, position: int, leaf: Digest, path: ListPath) -> None:
    """Checks that a list of this length with this root has this leaf at this position, counted from 0.

    Raises:
        InclusionError: the path does not lead to the root.
        SpecError: an argument cannot be one: a digest, or a length.
    """
    if not 0 <= length < P:
        raise RangeError(f"expected a length of at least 0 and below {P}; received {length}")
    if not 0 <= position < length:
        raise InclusionError(f"expected a position of at least 0 and below {length}; received {position}")
    elements_of(root)
    is_right: list[bool] = []
    rest, place = length, position
    while rest > 1:
        split = _split(rest)
        is_right.append(place >= split)
        rest, place = (rest - split, place - split) if place >= split else (split, place)
    if len(path) != len(is_right):
        raise InclusionError(
            f"expected a path of {len(is_right)} digests for position {position} of {length}; received {len(path)}"
        )
    node = leaf
    elements_of(node)
    for sibling, right in zip(reversed(path), reversed(is_right), strict=True):
        node = hash_pair(Tag.NODE, 0, sibling, node) if right else hash_pair(Tag.NODE, 0, node, sibling)
    found = _root_of_top(node, length)
    if found != root:
        raise InclusionError(f"expected a path to the root {root.hex()}; received one to {found.hex()}")


def _split(length: int) -> int:
    """The largest power of two below a length of at least 2."""
    return 1 << ((length - 1).bit_length() - 1)


def _top(leaves: Sequence[Digest]) -> Digest:
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        elements_of(leaves[0])
        return leaves[0]
    split = _split(len(leaves))
    return hash_pair(Tag.NODE, 0, _top(leaves[:split]), _top(leaves[split:]))


def _root_of_top(top: Digest, length: int) -> Digest:
    return hash_elements(Tag.LIST, length, elements_of(top))
