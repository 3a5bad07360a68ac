"""Taking fields off the front of bytes."""

from __future__ import annotations

from proofbook.spec.errors import CanonicalError, LengthError
from proofbook.spec.hash import DIGEST_BYTES, Digest, elements_of
from proofbook.spec.words import words_of


class Reader:
    """Bytes that are read from the front; `what` they were taken for stands in every error."""

    def __init__(self, what: str, data: bytes) -> None:
        self._what = what
        self._data = data
        self._place = 0

    def take(self, length: int) -> bytes:
        """So many bytes.

        Raises:
            LengthError: there are fewer.
        """
        end = self._place + length
        if end > len(self._data):
            raise LengthError(f"{self._what}: expected at least {end} bytes; received {len(self._data)}")
        taken, self._place = self._data[self._place : end], end
        return taken

    def magic(self, expected: bytes) -> None:
        """Bytes that must be these.

        Raises:
            LengthError: there are fewer.
            CanonicalError: there are others.
        """
        received = self.take(len(expected))
        if received != expected:
            raise CanonicalError(f"{self._what}: expected it to begin with {expected!r}; received {received!r}")

    def number(self) -> int:
        """Four bytes, little-endian."""
        return int.from_bytes(self.take(4), "little")

    def words(self, count: int) -> tuple[int, ...]:
        """So many words of eight bytes, little-endian."""
        return words_of(self.take(8 * count), count, self._what)

    def digest(self) -> Digest:
        """A digest.

        Raises:
            DigestError: it is none.
        """
        digest = self.take(DIGEST_BYTES)
        elements_of(digest)
        return digest

    def piece(self) -> bytes:
        """A length of four bytes and so many bytes."""
        return self.take(self.number())

    def end(self) -> None:
        """Nothing may be left.

        Raises:
            LengthError: something is.
        """
        if self._place != len(self._data):
            raise LengthError(f"{self._what}: expected {self._place} bytes; received {len(self._data)}")
