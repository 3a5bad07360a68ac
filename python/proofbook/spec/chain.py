"""What a proof of a chain says of batches that follow each other: 34 words, 272 bytes.

Source: docs/COMMITMENT.md, section 10. Times are in nanoseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from proofbook.spec.errors import CodeError, InclusionError, RangeError
from proofbook.spec.hash import Digest, Tag, elements_of, hash_words
from proofbook.spec.lists import list_root
from proofbook.spec.public_values import PublicValues
from proofbook.spec.words import bytes_of, unsigned, words_of

CHAIN_VALUES_WORDS = 34
"""Words of encoded values of a chain."""

CHAIN_VALUES_VERSION = 1
"""The only version of the encoding."""


@dataclass(frozen=True, kw_only=True)
class ChainValues:
    """What a proof says of a chain of batches.

    Attributes:
        market: the market's number.
        config: digest of the configuration.
        batch_first: number of the first batch.
        batch_last: number of the last batch.
        sequence_first: sequence before the first batch plus 1.
        sequence_last: sequence after the last batch.
        clock_before: clock before the first batch.
        clock_after: clock after the last batch.
        state_before: state root before the first batch.
        state_after: state root after the last batch.
        command_count: number of commands.
        event_count: number of events.
        batches: root of the list of batches.
        batch_program: hash of the verifying key that the batches were proven with.
        chain_program: hash of the verifying key that the chain was proven with.
    """

    market: int
    config: Digest
    batch_first: int
    batch_last: int
    sequence_first: int
    sequence_last: int
    clock_before: int
    clock_after: int
    state_before: Digest
    state_after: Digest
    command_count: int
    event_count: int
    batches: Digest
    batch_program: Digest
    chain_program: Digest

    def encode(self) -> bytes:
        """Their 272 bytes.

        Raises:
            RangeError: a number that does not fit its word, or a last batch before the first.
            LengthError: a digest is not 32 bytes long.
            DigestError: something is no digest.
        """
        if self.batch_last < self.batch_first:
            raise RangeError(f"expected a last batch of at least {self.batch_first}; received {self.batch_last}")
        parts: tuple[int | Digest, ...] = (
            *(CHAIN_VALUES_VERSION, self.market, self.config, self.batch_first, self.batch_last),
            *(self.sequence_first, self.sequence_last, self.clock_before, self.clock_after),
            *(self.state_before, self.state_after, self.command_count, self.event_count),
            *(self.batches, self.batch_program, self.chain_program),
        )
        return b"".join(
            bytes_of((unsigned(part, "values of a chain"),)) if isinstance(part, int) else _digest(part)
            for part in parts
        )

    @classmethod
    def decode(cls, data: bytes) -> ChainValues:
        """The values that encode to exactly these bytes.

        Raises:
            LengthError: these are not 272 bytes.
            CodeError: another version.
            DigestError: where a digest must be, there is none.
            RangeError: the last batch comes before the first.
        """
        words = words_of(data, CHAIN_VALUES_WORDS, "values of a chain")
        if words[0] != CHAIN_VALUES_VERSION:
            raise CodeError(f"values of a chain: expected version {CHAIN_VALUES_VERSION}; received {words[0]}")

        def digest(first: int) -> Digest:
            return _digest(data[8 * first : 8 * (first + 4)])

        values = cls(
            market=words[1],
            config=digest(2),
            batch_first=words[6],
            batch_last=words[7],
            sequence_first=words[8],
            sequence_last=words[9],
            clock_before=words[10],
            clock_after=words[11],
            state_before=digest(12),
            state_after=digest(16),
            command_count=words[20],
            event_count=words[21],
            batches=digest(22),
            batch_program=digest(26),
            chain_program=digest(30),
        )
        values.encode()
        return values


def batch_leaf(values: PublicValues) -> Digest:
    """The leaf of a batch in a chain's list of batches."""
    data = values.encode()
    return hash_words(Tag.BATCH, 0, words_of(data, len(data) // 8, "public values"))


def chain_of(batches: Sequence[PublicValues], *, batch_program: Digest, chain_program: Digest) -> ChainValues:
    """What a proof says of these batches together.

    Raises:
        InclusionError: there are none, or one does not begin where the one before it ended.
        SpecError: they cannot be encoded.
    """
    if not batches:
        raise InclusionError("expected at least one batch; received none")
    for before, after in pairwise(batches):
        ended = (before.market, before.config, before.batch + 1, before.sequence_last + 1, before.clock_after)
        begins = (after.market, after.config, after.batch, after.sequence_first, after.clock_before)
        if (*ended, before.state_after) != (*begins, after.state_before):
            raise InclusionError(f"expected a batch that follows batch {before.batch}; received batch {after.batch}")
    first, last = batches[0], batches[-1]
    return ChainValues(
        market=first.market,
        config=first.config,
        batch_first=first.batch,
        batch_last=last.batch,
        sequence_first=first.sequence_first,
        sequence_last=last.sequence_last,
        clock_before=first.clock_before,
        clock_after=last.clock_after,
        state_before=first.state_before,
        state_after=last.state_after,
        command_count=sum(values.command_count for values in batches),
        event_count=sum(values.event_count for values in batches),
        batches=list_root([batch_leaf(values) for values in batches]),
        batch_program=batch_program,
        chain_program=chain_program,
    )


def _digest(data: bytes) -> Digest:
    """The bytes, which must be a digest."""
    elements_of(data)
    return data
