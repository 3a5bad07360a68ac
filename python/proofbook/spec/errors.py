"""The exceptions of proofbook.spec.

::

    ProofbookError
    ├── InputError (also a ValueError)
    │   └── SpecError               what was passed is nothing that the specification knows
    │       ├── LengthError         another number of bytes, words or elements
    │       ├── RangeError          an integer outside of its range
    │       ├── CodeError           a code that stands for nothing
    │       ├── TermError           a term that something of this kind must have or cannot have
    │       ├── CanonicalError      bytes that differ from the only encoding of what they say
    │       ├── DigestError         32 bytes of which an element is not below p
    │       ├── DuplicateError      two leaves of a trie with one key
    │       ├── StateError          counters and orders that no market has at the same time
    │       └── MissingError        a proof was asked for something that is not there
    └── InclusionError              a proof that does not lead to the root
        ├── NotShownError           an answer that a proof leaves closed
        └── SignatureError          a signature that does not hold, or a key that is none

Checking a proof returns nothing and raises; there is no flag that a caller could overlook. Messages name what was
expected and what was received.
"""

from __future__ import annotations

from proofbook.errors import InputError, ProofbookError


class SpecError(InputError):
    """What was passed is nothing that the specification knows."""


class LengthError(SpecError):
    """Another number of bytes, words or elements than there must be."""


class RangeError(SpecError):
    """An integer outside of the range that its place has."""


class CodeError(SpecError):
    """A code that stands for nothing."""


class TermError(SpecError):
    """A term is missing that something of this kind has, or is given where it has none."""


class CanonicalError(SpecError):
    """Bytes that can be read, but differ from the only encoding of what they say."""


class DigestError(SpecError):
    """32 bytes that are no digest, because an element is not below p."""


class DuplicateError(SpecError):
    """Two leaves of a trie with one key."""


class StateError(SpecError):
    """Counters and orders that no market has at the same time."""


class MissingError(SpecError):
    """A proof was asked for something that is not there."""


class InclusionError(ProofbookError):
    """A proof that does not lead to the root."""


class NotShownError(InclusionError):
    """The answer lies in a part that a proof leaves closed: it is not known, and never "not there"."""


class SignatureError(InclusionError):
    """A signature that does not hold, or a public key that is none."""
