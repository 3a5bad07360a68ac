"""What a light client holds of a market, and how it is checked: ``CompressedOrderBook`` and ``CircuitOptimizedState``.

``proofbook prove`` writes two small files for each batch: the public header of the state that it led to, and a proof of
the best 128 levels of both sides. With the batch's public values, which ``proofbook.verify`` gives, both are checked:

>>> from proofbook import light
>>> from proofbook._core import Sealer
>>> sealer = Sealer.sample(seed=1, commands=2000)  # the operator
>>> _ = sealer.seal(2000)
>>> header, levels = sealer.header.encode(), sealer.prove_levels()
>>> book = light.CompressedOrderBook.decode(header)  # the client; book.check(values) says whose state it is
>>> view = light.CircuitOptimizedState.from_proof(levels, book.state_root)
>>> view.best_bid.price_ticks < view.best_ask.price_ticks
True
>>> view.header.state_root == book.state_root
True

Whoever holds the view's header, 120 bytes, checks single facts by paths of eight digests:

>>> root, known = view.header.root, view.header.encode()
>>> small = light.ViewHeader.decode(known, root)
>>> small.check_best("buy", view.best_path("buy")) == view.best_bid
True
>>> price = view.levels("sell")[2].price_ticks
>>> small.check_depth("sell", price, view.depth_proof("sell", price)) == view.depth_through("sell", price)
True
>>> small.check_best("sell", view.best_path("buy"))
Traceback (most recent call last):
    ...
proofbook.errors.InvalidProofError: position of the leaf: expected 128; received 0

Prices are integers in ticks, quantities integers in lots, digests 64 hexadecimal digits. What does not hold raises
``InvalidProofError``, bytes that are nothing of the kind ``ProofFormatError``. ``docs/STRUCTURES.md`` has the formats.
"""

from __future__ import annotations

from pathlib import Path

from proofbook._core import (
    CircuitOptimizedState,
    CompressedOrderBook,
    Fill,
    ProvenLevel,
    PublicValues,
    Sealer,
    ViewHeader,
    ViewLevel,
)

__all__ = [
    "CircuitOptimizedState",
    "CompressedOrderBook",
    "Fill",
    "ProvenLevel",
    "ViewHeader",
    "ViewLevel",
    "read_view",
    "write_files",
]

FOLDER = "light"
"""The folder beside the proofs in which the files for light clients are."""


def write_files(sealer: Sealer, folder: Path) -> tuple[Path, Path]:
    """Write what light clients need of the state after the last batch.

    Args:
        sealer: where the batches come from.
        folder: the folder of the proofs; the files go into its folder ``light``.

    Returns:
        The files: the header, 336 bytes, and the proof of the levels, up to about 20 KB.
    """
    book = sealer.header
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    header, levels = target / f"{book.batch:06}.header", target / f"{book.batch:06}.levels"
    header.write_bytes(book.encode())
    levels.write_bytes(sealer.prove_levels())
    return header, levels


def read_view(folder: Path, values: PublicValues) -> tuple[CompressedOrderBook, CircuitOptimizedState]:
    """Read and check the files for light clients of a batch.

    Args:
        folder: the folder of the proofs, as ``write_files`` took it.
        values: what was proven of the batch.

    Returns:
        The header of the state that the batch led to, and its best levels.

    Raises:
        InvalidProofError: they are those of another state.
        ProofFormatError: a file is nothing of the kind.
        OSError: a file cannot be read.
    """
    book = CompressedOrderBook.decode((folder / FOLDER / f"{values.batch:06}.header").read_bytes())
    book.check(values)
    levels = (folder / FOLDER / f"{values.batch:06}.levels").read_bytes()
    return book, CircuitOptimizedState.from_proof(levels, values.new_root)
