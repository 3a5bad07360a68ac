"""Receipts, signed batches and inclusion files, checked against what is proven of a batch.

Source: docs/RECEIPTS.md. The proof itself takes a verifier; whoever has its public values can do the rest here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from proofbook.spec.command import COMMAND_BYTES, Command
from proofbook.spec.errors import CanonicalError, InclusionError, NotShownError
from proofbook.spec.event import EVENT_BYTES, Event, events_digest
from proofbook.spec.hash import Digest
from proofbook.spec.list_proof import ListProof
from proofbook.spec.public_values import PUBLIC_VALUES_BYTES, PublicValues
from proofbook.spec.reader import Reader
from proofbook.spec.signatures import SIGNATURE_BYTES, check_signature
from proofbook.spec.state_proof import StateProof
from proofbook.spec.words import bytes_of, unsigned

RECEIPT_BYTES = 128
"""Length of a receipt."""

BATCHES_MAX = 2**16
"""No inclusion file opens more batches."""

_RECEIPT_MAGIC = b"PBRECPT1"
_SIGNED_BATCH_MAGIC = b"PBSIGND1"
_INCLUSION_MAGIC = b"PBINCLU1"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """The operator's word that a command has a sequence number. ``verify`` tells whether it is his.

    Attributes:
        market: the market's number.
        sequence: the command's sequence number.
        time: when it was sequenced, in nanoseconds.
        command: the command's digest (tag 9).
        signature: the operator's, 64 bytes.
    """

    market: int
    sequence: int
    time: int
    command: Digest
    signature: bytes

    def message(self) -> bytes:
        """What is signed: the first 64 bytes."""
        numbers = (
            unsigned(self.market, "receipt: market"),
            unsigned(self.sequence, "receipt: sequence"),
            unsigned(self.time, "receipt: time"),
        )
        return _RECEIPT_MAGIC + bytes_of(numbers) + self.command

    def encode(self) -> bytes:
        """Its 128 bytes."""
        return self.message() + self.signature

    @classmethod
    def decode(cls, data: bytes) -> Receipt:
        """The receipt that encodes to exactly these bytes; its signature is not checked.

        Raises:
            SpecError: no receipt does.
        """
        reader = Reader("receipt", data)
        reader.magic(_RECEIPT_MAGIC)
        market, sequence, time = reader.words(3)
        command, signature = reader.digest(), reader.take(SIGNATURE_BYTES)
        reader.end()
        return cls(market=market, sequence=sequence, time=time, command=command, signature=signature)

    def verify(self, key: bytes) -> None:
        """Checks that the operator with this public key, 32 bytes, signed it.

        Raises:
            SignatureError: he did not, or the key is none.
        """
        check_signature(key, self.message(), self.signature)

    def names(self, command: Command) -> bool:
        """Whether it is a receipt of this command."""
        return (self.time, self.command) == (command.time, command.digest())


def verify_signed_batch(data: bytes, key: bytes) -> PublicValues:
    """Checks that the operator with this public key, 32 bytes, signed a batch; gives its public values.

    Raises:
        SignatureError: he did not.
        SpecError: it is no signed batch.
    """
    reader = Reader("signed batch", data)
    reader.magic(_SIGNED_BATCH_MAGIC)
    values = PublicValues.decode(reader.take(PUBLIC_VALUES_BYTES))
    signature = reader.take(SIGNATURE_BYTES)
    reader.end()
    check_signature(key, data[:-SIGNATURE_BYTES], signature)
    return values


@dataclass(frozen=True)
class Opened:
    """A command of a batch, at its position from 0, with its events."""

    position: int
    command: Command
    events: tuple[Event, ...]


@dataclass(frozen=True)
class BatchPart:
    """What a file opens of one batch. ``check`` comes first: before it, nothing that it says means anything.

    Attributes:
        values: what the batch is said to be.
        opened: commands, by position.
        commands: that the list of commands has them; ``None`` where nothing is opened.
        events: that the list of events has theirs; ``None`` where nothing is opened.
        before: a proof about the state before the batch, or none.
        after: a proof about the state after it, or none.
    """

    values: PublicValues
    opened: tuple[Opened, ...]
    commands: ListProof | None
    events: ListProof | None
    before: StateProof | None
    after: StateProof | None

    def check(self, proven: PublicValues) -> None:
        """Checks all of it against the public values of the proven batch.

        Raises:
            InclusionError: something is not the batch's.
        """
        if self.values != proven:
            raise InclusionError(f"expected the proven batch {proven.batch}; received another")
        if self.commands is not None and self.events is not None:
            for proof in (self.commands, self.events):
                if proof.length != proven.command_count:
                    raise InclusionError(f"expected a list of {proven.command_count}; received one of {proof.length}")
            self.commands.check(proven.commands, {found.position: found.command.digest() for found in self.opened})
            self.events.check(proven.events, {found.position: events_digest(found.events) for found in self.opened})
        if self.before is not None:
            self.before.check(proven.state_before)
        if self.after is not None:
            self.after.check(proven.state_after)

    def command(self, sequence: int) -> Opened:
        """The command with a sequence.

        Raises:
            InclusionError: the batch has no such sequence.
            NotShownError: the file does not open it.
        """
        values = self.values
        if not values.sequence_first <= sequence <= values.sequence_last:
            raise InclusionError(
                f"expected a sequence of {values.sequence_first} to {values.sequence_last}; received {sequence}"
            )
        for found in self.opened:
            if found.position == sequence - values.sequence_first:
                return found
        raise NotShownError(f"the file does not open sequence {sequence}")


def decode_inclusion(data: bytes) -> tuple[BatchPart, ...]:
    """What an inclusion file opens, batch by batch; nothing that it says is checked.

    Raises:
        SpecError: it is none.
    """
    reader = Reader("inclusion file", data)
    reader.magic(_INCLUSION_MAGIC)
    count = reader.number()
    parts: list[BatchPart] = []
    for _ in range(count):
        parts.append(_read_part(reader))
    reader.end()
    numbers = [part.values.batch for part in parts]
    if not 1 <= len(parts) <= BATCHES_MAX or any(left >= right for left, right in pairwise(numbers)):
        raise CanonicalError(
            f"inclusion file: expected 1 to {BATCHES_MAX} batches whose numbers go up; received {numbers}"
        )
    return tuple(parts)


def _read_part(reader: Reader) -> BatchPart:
    values = PublicValues.decode(reader.take(PUBLIC_VALUES_BYTES))
    opened: list[Opened] = []
    for _ in range(reader.number()):
        position = reader.number()
        if opened and position <= opened[-1].position:
            raise CanonicalError(
                f"inclusion file: expected a position above {opened[-1].position}; received {position}"
            )
        command = Command.decode(reader.take(COMMAND_BYTES))
        events = tuple(Event.decode(reader.take(EVENT_BYTES)) for _ in range(reader.number()))
        opened.append(Opened(position, command, events))
    pieces = [reader.piece() for _ in range(4)]
    if {bool(piece) for piece in pieces[:2]} != {bool(opened)}:
        raise CanonicalError("inclusion file: expected proofs for both lists where commands are opened, else for none")
    commands, events_proof = (ListProof.decode(piece) if piece else None for piece in pieces[:2])
    before, after = (StateProof.decode(piece) if piece else None for piece in pieces[2:])
    return BatchPart(values, tuple(opened), commands, events_proof, before, after)
