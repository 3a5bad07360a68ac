"""Proofs of batches, checked: ``proofbook.verify`` and ``proofbook.verify_chain``.

A proof that holds gives its public values; anything else raises. There is no result to forget to look at.

>>> import proofbook
>>> proofbook.verify(b"PROOFBK1 and then something else")
Traceback (most recent call last):
    ...
proofbook.errors.ProofFormatError: no proof file: expected at least 264 bytes; received 32

What a proof says and what it does not is in ``docs/VERIFYING.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias, TypeVar

from proofbook import _core
from proofbook._core import Chain, ChainValues, PublicValues, chain_program_key, market_config, program_key
from proofbook.errors import ChainError, InputError, ProofError

__all__ = [
    "Proof",
    "Proven",
    "Start",
    "chain_program_key",
    "market_config",
    "program_key",
    "start_chain",
    "verify",
    "verify_any",
    "verify_batches",
    "verify_chain",
    "verify_joined",
]

Proof: TypeAlias = str | Path | bytes
"""A proof file: its path, or its bytes."""

Proven: TypeAlias = PublicValues | ChainValues
"""What a proof proves: of a batch, or of a chain of batches."""

Start: TypeAlias = bytes | Proven | None
"""Where a chain begins: a market's encoded configuration for its empty state, what was verified earlier, or unknown."""

CHAIN_MODE = 3
"""Byte 8 of a proof file of a chain."""


def verify(proof: Proof) -> PublicValues:
    """Check a proof against the program of this version of proofbook.

    Args:
        proof: the path of a proof file, or its bytes.

    Returns:
        What it proves of its batch. That it is returned says that the proof holds.

    Raises:
        ProofFormatError: it is no proof file, or one of a kind that is not checked here.
        InvalidProofError: the proof does not hold.
        OSError: the file cannot be read.
    """
    return _checked(_core.verify_proof, proof)


def verify_joined(proof: Proof) -> ChainValues:
    """Check a proof of a chain of batches: one proof for all of them, however many they are.

    Args:
        proof: the path of a proof file, or its bytes.

    Returns:
        What it proves of the batches together. ``open`` gives what it proves of each, from the file beside the proof.

    Raises:
        ProofFormatError: it is no proof file, or one of a kind that is not checked here.
        InvalidProofError: the proof does not hold.
        OSError: the file cannot be read.
    """
    return _checked(_core.verify_joined, proof)


def verify_any(proof: Proof) -> Proven:
    """Check a proof of a batch or of a chain, whichever it is. See `verify` and `verify_joined`."""
    if isinstance(proof, bytes):
        head = proof[:9]
    else:
        with Path(proof).open("rb") as file:
            head = file.read(9)
    return verify_joined(proof) if head[8:] == bytes([CHAIN_MODE]) else verify(proof)


def start_chain(start: Start, first: Proven) -> Chain:
    """A chain without a batch yet.

    Args:
        start: where it begins.
        first: its first batch or batches, which say where it begins if nothing else does.
    """
    match start:
        case None:
            return Chain.before(first)
        case PublicValues() | ChainValues():
            return Chain.after(start)
        case bytes():
            return Chain.from_genesis(start)
    raise InputError(f"start must be a configuration's bytes, public values or None; received {type(start).__name__}")


def verify_chain(proofs: Iterable[Proof], *, start: Start) -> list[Proven]:
    """Check proofs, and that each batch begins where the one before it ended.

    Args:
        proofs: proof files in the order of their batches, as paths or bytes; at least one. Some may be of chains.
        start: what the first batch must follow. The encoded configuration of a market (88 bytes, ``market_config``):
            its empty state, so that the chain is the whole history. What was verified earlier: that batch or chain.
            `None`: whatever the first proof says, so that only what comes after it is shown.

    Returns:
        What each proof proves.

    Raises:
        ChainError: a batch does not follow the one before it, or there is none.
        ProofFormatError: a file is no proof file, or one of a kind that is not checked here.
        InvalidProofError: a proof does not hold.
        InputError: a `start` that is none.
        OSError: a file cannot be read.
    """
    chain: Chain | None = None
    verified: list[Proven] = []
    for proof in proofs:
        values = verify_any(proof)
        try:
            if chain is None:
                chain = start_chain(start, values)
            chain.extend(values)
        except ChainError as error:
            raise _named(error, proof) from None
        verified.append(values)
    if not verified:
        raise ChainError("a chain has at least one proof; received none")
    return verified


def verify_batches(proofs: Iterable[Proof], *, start: Start) -> list[PublicValues]:
    """As `verify_chain`, and of a chain what is proven of each of its batches, from the file beside its proof.

    Args:
        proofs: proof files in the order of their batches; those of chains as paths.
        start: where the first batch has to begin.

    Raises:
        InputError: a proof of a chain was given as bytes.
        ProofFormatError, InvalidProofError: the file beside a proof of a chain does not have its batches.
    """
    files = list(proofs)
    batches: list[PublicValues] = []
    for proof, proven in zip(files, verify_chain(files, start=start), strict=True):
        if isinstance(proven, PublicValues):
            batches.append(proven)
        elif isinstance(proof, bytes):
            raise InputError("expected a path of the proof of a chain, beside which its batches are; received bytes")
        else:
            beside = Path(proof).with_suffix(".batches")
            try:
                batches.extend(proven.open(beside.read_bytes()))
            except ProofError as error:
                raise _named(error, beside) from None
    return batches


Values = TypeVar("Values")


def _checked(check: Callable[[Proof], Values], proof: Proof) -> Values:
    """What a check gives; its error says which file it is about."""
    try:
        return check(proof)
    except ProofError as error:
        raise _named(error, proof) from None


def _named(error: ProofError, proof: Proof) -> ProofError:
    """The error with the name of the file in front, where it has one."""
    return error if isinstance(proof, bytes) else type(error)(f"{proof}: {error}")
