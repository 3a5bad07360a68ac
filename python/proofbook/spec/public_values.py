"""What a proof says of a batch: 29 words, 232 bytes.

Source: docs/COMMITMENT.md, section 7. Times are in nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from proofbook.spec.errors import CodeError
from proofbook.spec.hash import Digest, elements_of
from proofbook.spec.words import bytes_of, unsigned, words_of

PUBLIC_VALUES_WORDS = 29
"""Words of encoded public values."""

PUBLIC_VALUES_BYTES = 8 * PUBLIC_VALUES_WORDS
"""Length of encoded public values."""

PUBLIC_VALUES_VERSION = 1
"""The only version of the encoding."""


@dataclass(frozen=True, kw_only=True)
class PublicValues:
    """What a proof says of a batch.

    Attributes:
        market: the market's number.
        config: digest of the configuration.
        batch: number of the batch; the first of a market is 1.
        sequence_first: sequence before the batch plus 1, the sequence of its first command.
        sequence_last: sequence after the batch.
        clock_before: clock before the batch.
        clock_after: clock after the batch.
        state_before: state root before the batch.
        state_after: state root after the batch.
        command_count: number of commands.
        commands: root of the list of commands.
        event_count: number of events.
        events: root of the list of events.
    """

    market: int
    config: Digest
    batch: int
    sequence_first: int
    sequence_last: int
    clock_before: int
    clock_after: int
    state_before: Digest
    state_after: Digest
    command_count: int
    commands: Digest
    event_count: int
    events: Digest

    def encode(self) -> bytes:
        """Their 232 bytes.

        Raises:
            RangeError: a number that does not fit its word.
            LengthError: a digest is not 32 bytes long.
            DigestError: something is no digest.
        """
        return b"".join(
            (
                bytes_of((PUBLIC_VALUES_VERSION, unsigned(self.market, "public values: market"))),
                _digest(self.config),
                bytes_of(
                    (
                        unsigned(self.batch, "public values: batch"),
                        unsigned(self.sequence_first, "public values: first sequence"),
                        unsigned(self.sequence_last, "public values: last sequence"),
                        unsigned(self.clock_before, "public values: clock before"),
                        unsigned(self.clock_after, "public values: clock after"),
                    )
                ),
                _digest(self.state_before),
                _digest(self.state_after),
                bytes_of((unsigned(self.command_count, "public values: number of commands"),)),
                _digest(self.commands),
                bytes_of((unsigned(self.event_count, "public values: number of events"),)),
                _digest(self.events),
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> PublicValues:
        """The public values that encode to exactly these bytes.

        Raises:
            LengthError: these are not 232 bytes.
            CodeError: another version.
            DigestError: where a digest must be, there is none.
        """
        words = words_of(data, PUBLIC_VALUES_WORDS, "public values")
        if words[0] != PUBLIC_VALUES_VERSION:
            raise CodeError(f"public values: expected version {PUBLIC_VALUES_VERSION}; received {words[0]}")

        def digest(first: int) -> Digest:
            return _digest(data[8 * first : 8 * (first + 4)])

        return cls(
            market=words[1],
            config=digest(2),
            batch=words[6],
            sequence_first=words[7],
            sequence_last=words[8],
            clock_before=words[9],
            clock_after=words[10],
            state_before=digest(11),
            state_after=digest(15),
            command_count=words[19],
            commands=digest(20),
            event_count=words[24],
            events=digest(25),
        )


def _digest(data: bytes) -> Digest:
    """The bytes, which must be a digest."""
    elements_of(data)
    return data
