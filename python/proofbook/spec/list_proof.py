"""Proofs of the leaves at some positions of a list.

Source: docs/COMMITMENT.md, section 9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proofbook.spec.errors import InclusionError, RangeError
from proofbook.spec.hash import EMPTY, Digest, Tag, hash_pair
from proofbook.spec.lists import _root_of_top, _split, _top
from proofbook.spec.reader import Reader

LENGTH_MAX = 2**24
"""No list is longer."""


@dataclass(frozen=True)
class ListProof:
    """A proof of the leaves at some positions of a list.

    Attributes:
        length: of the list.
        closed: the tops of the largest subtrees in which none of the positions lies, from left to right.
    """

    length: int
    closed: tuple[Digest, ...]

    @classmethod
    def of(cls, leaves: Sequence[Digest], positions: Sequence[int]) -> ListProof:
        """The proof of the leaves at these positions of a list."""
        closed: list[Digest] = []

        def collect(first: int, leaves: Sequence[Digest]) -> None:
            if not any(first <= position < first + len(leaves) for position in positions):
                closed.extend([_top(leaves)] if leaves else [])
            elif len(leaves) > 1:
                middle = _split(len(leaves))
                collect(first, leaves[:middle])
                collect(first + middle, leaves[middle:])

        collect(0, leaves)
        return cls(len(leaves), tuple(closed))

    def check(self, root: Digest, leaves: Mapping[int, Digest]) -> None:
        """Checks that the list with this root has these leaves at these positions.

        Raises:
            InclusionError: it has not, or the proof is one of other positions.
        """
        if any(not 0 <= position < self.length for position in leaves):
            raise InclusionError(f"expected positions below {self.length}; received {max(leaves)}")
        rest = list(self.closed)

        def top(first: int, length: int) -> Digest:
            if not any(first <= position < first + length for position in leaves):
                if not rest:
                    raise InclusionError("list: expected as many digests as the positions need; received fewer")
                return rest.pop(0)
            if length == 1:
                return leaves[first]
            middle = _split(length)
            left = top(first, middle)
            return hash_pair(Tag.NODE, 0, left, top(first + middle, length - middle))

        found = _root_of_top(top(0, self.length) if self.length else EMPTY, self.length)
        if rest:
            raise InclusionError("list: expected as many digests as the positions need; received more")
        if found != root:
            raise InclusionError(f"expected a proof that leads to the root {root.hex()}; received one to {found.hex()}")

    def encode(self) -> bytes:
        """Its only encoding."""
        numbers = self.length.to_bytes(4, "little") + len(self.closed).to_bytes(4, "little")
        return numbers + b"".join(self.closed)

    @classmethod
    def decode(cls, data: bytes) -> ListProof:
        """The proof that encodes to exactly these bytes.

        Raises:
            LengthError: they end too early or too late.
            RangeError: a list that is too long.
            DigestError: where a digest must be, there is none.
        """
        reader = Reader("list proof", data)
        length = reader.number()
        if length > LENGTH_MAX:
            raise RangeError(f"list proof: expected a length of at most {LENGTH_MAX}; received {length}")
        proof = cls(length, tuple(reader.digest() for _ in range(reader.number())))
        reader.end()
        return proof
