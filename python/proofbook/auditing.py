"""Receipts held against proofs: ``proofbook.audit``, ``proofbook.open_inclusion``, ``proofbook.check_contradiction``.

An auditor has an operator's public key, the proofs of his batches, and what he shows of them. He needs no engine, no
log and no prover. What holds is returned; anything else raises, and what cannot be decided raises another exception
than what is wrong. The files are specified in ``docs/RECEIPTS.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from proofbook import spec
from proofbook._core import Inclusion as _Checked
from proofbook._core import PublicValues, Receipt, contradict, contradict_pair, verify_signed_batch
from proofbook._core import check_contradiction as _check_contradiction
from proofbook._core import contradicted_values as _contradicted_values
from proofbook.errors import ContradictedError, InclusionError, InputError, ReceiptError, UndecidedError
from proofbook.verifying import Proof, Start, start_chain, verify, verify_batches

__all__ = [
    "Fill",
    "Finding",
    "Inclusion",
    "Level",
    "Opened",
    "Outcome",
    "QueueName",
    "RestingOrder",
    "Standing",
    "audit",
    "check_contradiction",
    "contradict_pair",
    "open_inclusion",
]

QueueName = Literal["bids", "asks", "buy_stops", "sell_stops"]
"""The queues of a market."""


@dataclass(frozen=True)
class Outcome:
    """What became of a command, by its own events.

    Attributes:
        name: ``rejected``, ``cancelled``, ``expired``, ``open``, ``filled`` or ``done``.
        order_id: the order that the command names, if it names one.
        rejected: why it was rejected, if it was.
        filled: what its order traded in it, in lots.
        fills: in how many trades.
        queue: where its order took a place, if it did.
        price: the price of that place, in ticks.
        open: what its order has open, in lots, if events say so; 0 where it is gone.
        cancelled: why what was left of its order was cancelled, if it was.
        expired: whether its order's time was over.
    """

    name: str
    order_id: int | None
    rejected: str | None
    filled: int
    fills: int
    queue: QueueName | None
    price: int | None
    open: int | None
    cancelled: str | None
    expired: bool


@dataclass(frozen=True)
class Opened:
    """A command of a proven batch and what came of it.

    Attributes:
        batch: number of the batch.
        position: its position there, from 0.
        sequence: its sequence number; ``None`` where numbers had run out.
        command: the command.
        events: all of its events, in order; those of other orders that it touched are among them.
        outcome: what became of its own order.
    """

    batch: int
    position: int
    sequence: int | None
    command: spec.Command
    events: tuple[spec.Event, ...]
    outcome: Outcome


@dataclass(frozen=True)
class Standing:
    """A receipt that holds: its command has its sequence in a proven batch.

    Attributes:
        receipt: the receipt.
        batch: what is proven of the batch.
        opened: the command there and what came of it.
        is_from_genesis: whether the chain of proofs begins at the empty state of a known market.
        is_signed: whether the operator signed this batch. Where he did not, the proofs may be somebody else's, or a
            fork shown to nobody else.
    """

    receipt: Receipt
    batch: PublicValues
    opened: Opened
    is_from_genesis: bool
    is_signed: bool


@dataclass(frozen=True)
class RestingOrder:
    """A live order after a batch.

    Attributes:
        order: the order.
        orders_ahead: how many orders come before it at its price.
        displayed_ahead: what those show, in lots.
    """

    order: spec.Order
    orders_ahead: int
    displayed_ahead: int


@dataclass(frozen=True)
class Level:
    """A price level after a batch: price in ticks, quantities in lots."""

    price: int
    displayed: int
    hidden: int
    orders: int


@dataclass(frozen=True)
class Fill:
    """A trade of an account's order.

    Attributes:
        batch: number of the batch.
        position: position of the command in which it happened.
        sequence: sequence of that command; ``None`` where numbers had run out.
        order_id: the account's order.
        other_id: the other order.
        is_maker: whether the account's order was the resting one.
        side: side of the account's order, ``buy`` or ``sell``.
        price: in ticks.
        quantity: in lots.
        is_certain: whether nothing that is not shown can have given the order's id to another account before.
    """

    batch: int
    position: int
    sequence: int | None
    order_id: int
    other_id: int
    is_maker: bool
    side: Literal["buy", "sell"]
    price: int
    quantity: int
    is_certain: bool


@dataclass(frozen=True)
class Finding:
    """What a contradiction shows.

    Attributes:
        kind: ``other_command``, ``two_receipts`` or ``two_batches``.
        market: the market.
        sequence: the sequence that was promised; ``None`` of two batches.
        batch: number of the batch or batches; ``None`` of two receipts.
        is_signed: whether everything in it is signed by the operator. A batch that is not may be somebody else's.
        text: a sentence that says it.
    """

    kind: Literal["other_command", "two_receipts", "two_batches"]
    market: int
    sequence: int | None
    batch: int | None
    is_signed: bool
    text: str


class Inclusion:
    """An inclusion file that was checked against proven batches. ``open_inclusion`` makes it.

    What a file does not open it does not answer: every question about that raises ``UndecidedError``.
    """

    def __init__(self, checked: _Checked) -> None:
        self._checked = checked

    @property
    def batches(self) -> list[int]:
        """Numbers of the batches that it opens."""
        return self._checked.batches

    def opened(self, batch: int) -> list[Opened]:
        """Every command of a batch that it opens."""
        return [_opened(batch, found) for found in self._checked.opened(batch)]

    def order(self, batch: int, order_id: int) -> RestingOrder | None:
        """The order with an id after a batch, with what is ahead of it; `None` where no live order has the id."""
        found = self._checked.order(batch, order_id)
        return None if found is None else RestingOrder(spec.Order.decode(found[0]), *found[1:])

    def level(self, batch: int, queue: QueueName, price: int) -> Level | None:
        """The level of a queue at a price in ticks after a batch; `None` where there is none."""
        found = self._checked.level(batch, queue, price)
        return None if found is None else Level(*found)

    def depth(self, batch: int, queue: QueueName, levels: int) -> list[Level]:
        """The best levels of a queue after a batch, best first: as many as asked, or all there are."""
        return [Level(*found) for found in self._checked.depth(batch, queue, levels)]

    def fills(self, account: int) -> tuple[list[Fill], list[int]]:
        """The fills of an account in what it opens, and the batches in which it shows that there are no others."""
        text, complete = self._checked.fills(account)
        return [Fill(**fill) for fill in json.loads(text)], complete


def _opened(batch: int, found: tuple[int, int | None, bytes, list[bytes], str]) -> Opened:
    position, sequence, command, events, outcome = found
    return Opened(
        batch,
        position,
        sequence,
        spec.Command.decode(command),
        tuple(spec.Event.decode(event) for event in events),
        Outcome(**json.loads(outcome)),
    )


def open_inclusion(inclusion: bytes | str | Path, batches: Iterable[PublicValues]) -> Inclusion:
    """Check an inclusion file against the proven batches that it opens.

    Args:
        inclusion: its path, or its bytes.
        batches: what `verify` or `verify_chain` gave; those that the file does not open are ignored.

    Raises:
        InclusionError: it is none, or does not belong to these batches.
        UndecidedError: it opens a batch that is not among them.
        OSError: it cannot be read.
    """
    data = inclusion if isinstance(inclusion, bytes) else Path(inclusion).read_bytes()
    return Inclusion(_Checked(data, list(batches)))


def proof_files(proofs: str | Path | Iterable[Proof]) -> list[Proof]:
    """The proof files of a folder in the order of their names, or those that are listed."""
    if not isinstance(proofs, str | Path):
        return list(proofs)
    folder = Path(proofs)
    if not folder.is_dir():
        raise InputError(f"expected a folder with proofs or a list of them; received {proofs}")
    return sorted(folder.glob("*.proof"))


def audit(
    receipt: Receipt | bytes,
    *,
    key: str,
    proofs: str | Path | Iterable[Proof],
    inclusion: bytes | str | Path | Sequence[bytes | str | Path] | None = None,
    signed: bytes | None = None,
    start: Start = None,
) -> Standing:
    """Hold an operator's receipt against his proven batches.

    Args:
        receipt: the receipt, or its 128 bytes.
        key: the operator's public key, 64 hexadecimal digits. It has to come from elsewhere than the receipt.
        proofs: a folder with ``*.proof``, or proof files in the order of their batches.
        inclusion: what the operator shows: one or more inclusion files, as paths or bytes. Without it, every
            ``*.inclusion`` in the folder.
        signed: the operator's signed batch, which makes a contradiction one that he cannot disown, and says that a
            batch in which the receipt stands is his. Without it, ``NNNNNN.signed`` in the folder, if it is there.
        start: where the chain of proofs has to begin, as for `verify_chain`.

    Returns:
        Where the command stands and what came of it.

    Raises:
        ContradictedError: another command has its sequence; the exception holds the contradiction for anyone to check.
        UndecidedError: the sequence is not proven, nothing shows what has it, or the receipt stands in a batch and the
            operator signed another one with its number.
        ReceiptError: it is no receipt, not signed by this key, or one of another market.
        InclusionError: what should show it does not belong to the proven batch.
        ProofError: a proof does not hold, or does not follow the one before it.
        InputError: a key that is none.
    """
    receipt = Receipt.decode(receipt) if isinstance(receipt, bytes) else receipt
    receipt.verify(key)
    files = proof_files(proofs)
    proven, proof, is_from_genesis = _covering(receipt, files, start)
    batch = proven[-1]
    folder = Path(proofs) if isinstance(proofs, str | Path) else None
    checked = _showing(receipt, proven, _inclusion_files(inclusion, folder))
    stands, found, elsewhere = checked.audit(receipt, key, batch.batch)
    path = None if folder is None else folder / f"{batch.batch:06}.signed"
    if signed is None and path is not None and path.exists():
        signed = path.read_bytes()
    usable = _usable(signed, key, batch)
    if stands:
        if usable is None and signed is not None:
            _refuse_fork(signed, key, batch)
        return Standing(receipt, batch, _opened(batch.batch, found), is_from_genesis, usable is not None)
    data = proof if isinstance(proof, bytes) else Path(proof).read_bytes()
    evidence = contradict(receipt, key, data, checked, batch.batch, usable)
    text = check_contradiction(evidence, key).text
    if elsewhere:
        text += f"; the promised command has sequence {', '.join(map(str, elsewhere))}"
    raise ContradictedError(text, evidence, tuple(elsewhere))


def _usable(signed: bytes | None, key: str, batch: PublicValues) -> bytes | None:
    """A signed batch, if it is this one and the operator signed it. A bad one must not keep a contradiction back."""
    if signed is None:
        return None
    try:
        return signed if verify_signed_batch(signed, key) == batch.encode() else None
    except ReceiptError:
        return None


def _refuse_fork(signed: bytes, key: str, batch: PublicValues) -> None:
    """Raise where the operator signed another batch with the number of this one."""
    try:
        other = spec.PublicValues.decode(verify_signed_batch(signed, key))
    except ReceiptError:
        return
    if (other.market, other.batch) == (batch.market, batch.batch):
        raise UndecidedError(
            f"not decided: the receipt stands in the proven batch {batch.batch}, and the operator signed another batch "
            "of that number (a fork). Ask him for the proof of the one that he signed"
        )


def verify_chain_of(proofs: str | Path | Iterable[Proof], start: Start) -> list[PublicValues]:
    """What the proofs of a folder, or those that are listed, prove of each batch; as `verify_batches`."""
    return verify_batches(proof_files(proofs), start=start)


def values_of_contradiction(contradiction: bytes) -> bytes | None:
    """The encoded public values of the batch that a contradiction holds, if it holds one."""
    return _contradicted_values(contradiction)


def _covering(receipt: Receipt, files: Sequence[Proof], start: Start) -> tuple[list[PublicValues], Proof, bool]:
    """The proven batches up to the one with a receipt's sequence, its file, whether they begin at the empty state."""
    chain = None
    proven = []
    for proof in files:
        values = verify(proof)
        chain = start_chain(start, values) if chain is None else chain
        chain.extend(values)
        proven.append(values)
        if values.market == receipt.market and values.first_sequence <= receipt.sequence <= values.last_sequence:
            return proven, proof, chain.is_from_genesis
        if values.market == receipt.market and values.first_sequence > receipt.sequence:
            raise UndecidedError(
                f"the proofs begin with sequence {values.first_sequence}: "
                f"the batch with sequence {receipt.sequence} is missing"
            )
    if chain is None:
        raise UndecidedError("there are no proofs: nothing decides about the receipt")
    market = proven[-1].market
    if market != receipt.market:
        raise ReceiptError(f"expected proofs of market {receipt.market}; received those of market {market}")
    raise UndecidedError(
        f"sequence {receipt.sequence} is not proven: the proofs end with sequence {chain.sequence}, batch {chain.batch}"
    )


def _inclusion_files(
    inclusion: bytes | str | Path | Sequence[bytes | str | Path] | None, folder: Path | None
) -> tuple[list[tuple[str, bytes]], bool]:
    """Names and bytes of inclusion files, and whether the caller named them."""
    if inclusion is None:
        paths = [] if folder is None else sorted(folder.glob("*.inclusion"))
        return [(str(path), path.read_bytes()) for path in paths], False
    given = [inclusion] if isinstance(inclusion, bytes | str | Path) else list(inclusion)
    named = [
        ("inclusion file", file) if isinstance(file, bytes) else (str(file), Path(file).read_bytes()) for file in given
    ]
    return named, True


def _showing(receipt: Receipt, proven: list[PublicValues], files: tuple[list[tuple[str, bytes]], bool]) -> _Checked:
    """The first file that shows what has the sequence; where files are only found, those that do not are told of."""
    found, are_named = files
    batch, numbers = proven[-1], [values.batch for values in proven]
    reasons = []
    for name, data in found:
        try:
            if batch.batch not in _Checked.batches_of(data):
                reasons.append(f"{name} does not open batch {batch.batch}")
                continue
            checked = _Checked(_Checked.only(data, numbers), proven)
            if receipt.sequence in {sequence for _, sequence, *_ in checked.opened(batch.batch)}:
                return checked
            reasons.append(f"{name} does not open sequence {receipt.sequence}")
        except InclusionError as error:
            if are_named:
                raise
            reasons.append(f"{name}: {error}")
    why = "; ".join(reasons) or "there is no inclusion file"
    raise UndecidedError(
        f"not decided: nothing shows which command has sequence {receipt.sequence} in batch {batch.batch} ({why}). "
        "Ask the operator for it: proofbook inclusion --receipt"
    )


def check_contradiction(contradiction: bytes | str | Path, key: str) -> Finding:
    """Check a contradiction anew, from nothing but itself and the operator's public key.

    Args:
        contradiction: its path, or its bytes.
        key: the operator's public key, 64 hexadecimal digits.

    Raises:
        ReceiptError: it is none, something in it is not signed by this key, or both sides can be true.
        InclusionError: what it says of the batch's commands is not so.
        ProofError: the proof in it does not hold.
        InputError: a key that is none.
    """
    data = contradiction if isinstance(contradiction, bytes) else Path(contradiction).read_bytes()
    found: dict[str, Any] = json.loads(_check_contradiction(data, key))
    return Finding(**found)
