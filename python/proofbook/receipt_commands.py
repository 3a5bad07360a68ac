"""``proofbook keygen``, ``receipts`` and ``inclusion``: what an operator signs and shows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from proofbook import console
from proofbook._core import Receipt, keygen, serve_inclusion, sign_journal
from proofbook.errors import InputError

RECEIPT_BYTES = 128
"""Length of a receipt."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")]
ReceiptFile = Annotated[
    Path | None, typer.Option("--receipt", help="A receipt; or a file of many, of which --sequence names one.")
]
Orders = Annotated[list[int] | None, typer.Option("--order", help="The order with this id, and what is ahead of it.")]
Levels = Annotated[list[str] | None, typer.Option("--level", metavar="QUEUE:PRICE", help="A level, price in ticks.")]
Depths = Annotated[list[str] | None, typer.Option("--depth", metavar="QUEUE:N", help="The best N levels of a queue.")]
Account = Annotated[int | None, typer.Option("--fills", metavar="ACCOUNT", help="The fills of an account.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("keygen")(_keygen)
    app.command()(receipts)
    app.command()(inclusion)


def receipts_file(journal: Path) -> Path:
    """Where the receipts of a journal go: beside its folder, since that holds nothing but the journal."""
    return journal.with_name(journal.name + ".receipts")


def _keygen(
    output: Annotated[Path, typer.Argument(help="The file of the secret key to write; only you may read it.")],
    as_json: Json = False,
) -> None:
    """Make an operator's key: the secret one goes into a new file, the public one is printed."""
    public_key = keygen(output)
    if as_json:
        console.print_json({"file": str(output), "public_key": public_key})
    else:
        print(public_key)


def receipts(
    journal: Annotated[Path, typer.Argument(help="The folder of the journal.")],
    key: Annotated[Path, typer.Option("--key", help="The operator's secret key.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write.")] = None,
    as_json: Json = False,
) -> None:
    """Sign a receipt for every command of a journal: after a crash, or for one that was written without."""
    target = output or receipts_file(journal)
    count = sign_journal(journal, key, target)
    if as_json:
        console.print_json({"file": str(target), "receipts": count})
    else:
        print(f"{count:,} receipts in {target}")


def read_receipt(path: Path, sequence: int | None) -> Receipt:
    """The receipt in a file, or the one with a sequence in a file of many.

    Raises:
        ReceiptError: the file holds something else.
        InputError: it has no such receipt, or several and none is named.
    """
    data = path.read_bytes()
    if sequence is None:
        if len(data) > RECEIPT_BYTES and len(data) % RECEIPT_BYTES == 0:
            raise InputError(
                f"{path}: expected one receipt, or --sequence; received {len(data) // RECEIPT_BYTES} receipts"
            )
        return Receipt.decode(data)
    first = Receipt.decode(data[:RECEIPT_BYTES]).sequence
    place = RECEIPT_BYTES * (sequence - first)
    if not 0 <= place < len(data):
        last = first + len(data) // RECEIPT_BYTES - 1
        raise InputError(f"{path}: expected a sequence of {first} to {last}; received {sequence}")
    receipt = Receipt.decode(data[place : place + RECEIPT_BYTES])
    if receipt.sequence != sequence:
        raise InputError(f"{path}: expected the receipt of sequence {sequence}; received that of {receipt.sequence}")
    return receipt


def parse_pair(text: str, option: str) -> tuple[str, int]:
    """A queue and a number, as ``bids:100``.

    Raises:
        InputError: it is something else.
    """
    queue, colon, number = text.partition(":")
    try:
        if colon:
            return queue, int(number)
    except ValueError:
        pass
    raise InputError(f"{option}: expected a queue and a number such as bids:100; received {text!r}")


def _batches_of(folder: Path, sequences: list[int], first: int | None, last: int | None) -> tuple[int, int]:
    """Which batches are asked about: those that are named, else those with the sequences, else the last one."""
    from proofbook import spec
    from proofbook.spec.public_values import PUBLIC_VALUES_BYTES

    numbers = sorted(int(path.stem) for path in folder.glob("batches/*.record"))
    if not numbers:
        raise InputError(
            f"expected records of batches in {folder / 'batches'}; received none: `proofbook prove` writes them"
        )
    if first is not None:
        return first, last or first
    if not sequences:
        return numbers[-1], numbers[-1]
    found = []
    for number in numbers:
        with (folder / "batches" / f"{number:06}.record").open("rb") as record:
            values = spec.PublicValues.decode(record.read(8 + PUBLIC_VALUES_BYTES)[8:])
        if any(values.sequence_first <= sequence <= values.sequence_last for sequence in sequences):
            found.append(number)
    if not found:
        raise InputError(f"expected a sequence that a batch in {folder} has; received {', '.join(map(str, sequences))}")
    return found[0], found[-1]


def inclusion(
    folder: Annotated[Path, typer.Argument(help="The folder that `proofbook prove` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The inclusion file to write (.inclusion).")],
    receipt: ReceiptFile = None,
    sequence: Annotated[
        list[int] | None, typer.Option("--sequence", help="The command with this sequence, and its events.")
    ] = None,
    order: Orders = None,
    level: Levels = None,
    depth: Depths = None,
    fills: Account = None,
    complete: Annotated[
        bool,
        typer.Option("--complete", help="With --fills: open all of the batches, which shows that there are no others."),
    ] = False,
    batch: Annotated[
        int | None,
        typer.Option("--batch", min=1, help="Of this batch; else of the one with the sequence, else the last."),
    ] = None,
    to: Annotated[int | None, typer.Option("--to", min=1, help="With --batch: up to this batch.")] = None,
    as_json: Json = False,
) -> None:
    """Serve proofs of what is in batches: commands and their events, orders, depth, an account's fills."""
    sequences = sequence or []
    named = []
    if receipt is not None:
        named.append(read_receipt(receipt, sequences.pop() if len(sequences) == 1 else None))
    if not (sequences or named or order or level or depth or fills is not None):
        raise InputError("expected --receipt, --sequence, --order, --level, --depth or --fills; received none of them")
    first, last = _batches_of(folder, sequences + [found.sequence for found in named], batch, to)
    data = serve_inclusion(
        folder,
        first,
        last,
        sequences=sequences,
        receipts=named,
        orders=order or [],
        levels=[parse_pair(text, "--level") for text in level or []],
        depth=[parse_pair(text, "--depth") for text in depth or []],
        fills=fills,
        complete=complete,
    )
    output.write_bytes(data)
    if as_json:
        console.print_json({"file": str(output), "bytes": len(data), "first_batch": first, "last_batch": last})
    else:
        batches = f"batch {first}" if first == last else f"batches {first} to {last}"
        print(f"{len(data):,} bytes about {batches} in {output}")
