"""The exceptions of proofbook.

::

    ProofbookError
    ├── InputError (also a ValueError)      what you passed cannot be used
    │   └── TickError                       a price or quantity between two ticks or lots
    ├── RejectedError                       raised by ``events.raise_for_reject()`` only
    ├── ReplayError                         a file of market data that cannot be read
    ├── JournalError                        a journal that is damaged or cannot be written
    ├── BusyError                           more requests wait for the exchange than may: try again later
    ├── StoppedError                        the exchange has stopped
    ├── ProverError                         a batch that cannot be run or proven, or no prover
    ├── ProofError                          a proof that does not show what it should; always one of these:
    │   ├── ProofFormatError                bytes that are no proof file, or a kind of proof that is checked elsewhere
    │   ├── InvalidProofError               a proof that does not hold: altered, of other values, of another program
    │   ├── ChainError                      proven batches that do not follow each other
    │   ├── ReceiptError                    a receipt, signed batch or contradiction that is none, or not the operator's
    │   ├── InclusionError                  an inclusion file that does not belong to the proven batch
    │   ├── UndecidedError                  what would decide is missing: not proven yet, or not shown
    │   └── ContradictedError               a receipt that a proven batch contradicts
    └── BrokenInvariantError                a defect in proofbook itself

A command that the market refuses is not an exception: it is a ``Rejected`` event with a reason.
"""

from __future__ import annotations

from typing import Any


class ProofbookError(Exception):
    """Base of every exception that proofbook raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        """How it goes to another process: as it is, since its message is not what it is made of."""
        return _as_it_was, (type(self), self.args, self.__dict__)


def _as_it_was(kind: type[ProofbookError], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> ProofbookError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(attributes)
    return error


class InputError(ProofbookError, ValueError):
    """What was passed cannot be used; the message says what was expected and what was received."""


class TickError(InputError):
    """A decimal price or quantity that is not a whole number of the market's ticks or lots."""


class RejectedError(ProofbookError):
    """A command was rejected and the caller asked for an exception.

    Attributes:
        reason: the stable name of the reason, such as ``"would_cross"``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the market rejected the command: {reason}")
        self.reason = reason


class ReplayError(ProofbookError):
    """A file of market data that cannot be read, with the record at fault."""


class JournalError(ProofbookError):
    """A journal that is damaged before its tail, or that cannot be read or written."""


class BusyError(ProofbookError):
    """As many requests as may wait for the exchange; this one was not taken. Try again later."""


class StoppedError(ProofbookError):
    """The exchange has stopped, in order or because its log failed; the request was not taken."""


class DeviceError(ProofbookError):
    """A device that is not there, or cannot do what was asked; the message says what is missing."""


class EventsLostError(ProofbookError):
    """A step of many books had more events than it may keep. Its commands were applied all the same.

    Attributes:
        step: what the step did.
    """

    def __init__(self, lost: int, capacity: int, step: object) -> None:
        super().__init__(f"expected at most {capacity:,} events of a book in a step; {lost:,} more were not kept")
        self.step = step


class OutOfStepError(ProofbookError):
    """A book and its copy on a device are no longer the same state; the message says in what they differ."""


class ProverError(ProofbookError):
    """A batch that cannot be run or proven, or a prover that is not there."""


class ProofError(ProofbookError):
    """A proof, or a chain of them, that does not show what it should: take the batch as unproven."""


class ProofFormatError(ProofError):
    """Bytes that are no proof file, or a kind of proof that is not checked here."""


class InvalidProofError(ProofError):
    """A proof that does not hold: altered, about other public values, or of another program."""


class ChainError(ProofError):
    """Proven batches that do not follow each other; the message says in what they differ."""


class ReceiptError(ProofError):
    """A receipt, a signed batch or a contradiction that is none, or that the operator did not sign."""


class InclusionError(ProofError):
    """An inclusion file that is none, or that does not belong to the proven batch."""


class UndecidedError(ProofError):
    """Nothing that is there decides: the sequence is not proven yet, or the operator does not show what has it."""


class ContradictedError(ProofError):
    """A receipt promises a sequence to a command, and in a proven batch another command has it.

    Attributes:
        contradiction: the bytes of a contradiction, for anyone to check.
        elsewhere: the sequences at which the promised command stands, as far as that was shown.
    """

    def __init__(self, message: str, contradiction: bytes = b"", elsewhere: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.contradiction = contradiction
        self.elsewhere = elsewhere


class BrokenInvariantError(ProofbookError):
    """Something that must always hold inside proofbook does not. Please report it."""
