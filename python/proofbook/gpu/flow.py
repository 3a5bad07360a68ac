"""Order flow for many books at once: generated from a seed, or cut out of real market data.

Generated flow is made natively; a book's flow depends on the seed and the book's number alone, so that more books do
not change those that were there. Real flow (LOBSTER, ITCH 5.0, DBN, Bitstamp, proofbook's own commands) is read once
and cut by symbol, a book for each; each symbol's flow can be cut further, into stretches that begin with the orders
which stood in the book then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np

from proofbook import _core
from proofbook.errors import InputError, ReplayError
from proofbook.gpu import commands as words
from proofbook.gpu.commands import BOOKS_MAX, COMMAND, Batch
from proofbook.gpu.kernels.layout import Words
from proofbook.gpu.market import Market, require_whole
from proofbook.gpu.memory import physical_memory_bytes
from proofbook.testing import RawMarket

Progress: TypeAlias = Callable[[int, int], object]
"""Is told how much is done, and of how much; what it raises ends the work."""

ORDERS_ENGINE_MAX = 1 << 24

THREADS_MAX = 1024
"""The most threads that make flow, or that the engine runs on."""

ORDER = np.dtype(
    [
        ("side", "u1"),
        ("time_in_force", "u1"),
        ("self_trade", "u1"),
        ("flags", "u1"),
        ("zero", "<u4"),
        ("order_id", "<u8"),
        ("account", "<u8"),
        ("price", "<i8"),
        ("stop_price", "<i8"),
        ("displayed", "<u8"),
        ("hidden", "<u8"),
        ("display", "<u8"),
        ("filled", "<u8"),
        ("priority", "<u8"),
        ("expiry", "<u8"),
        ("unused", "<u8"),
    ]
)
"""The fields of an order's twelve words in a state (`docs/RULES.md`, section 13)."""

_STATE_HEAD_BYTES = 88 + 5 * 8


@dataclass(frozen=True, slots=True)
class Source:
    """Where the flow of one book comes from.

    Attributes:
        file: the file.
        symbol: the instrument.
        stretch: which part of the instrument's flow, from 0 on.
        price_unit: what one tick is worth.
        quantity_unit: what one lot is worth.
    """

    file: Path
    symbol: str
    stretch: int
    price_unit: str
    quantity_unit: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """Real flow for many books.

    Attributes:
        batch: the commands.
        sources: where those of each book come from.
    """

    batch: Batch
    sources: tuple[Source, ...]


def generated(
    scenario: str = "mixed", *, books: int, commands: int, seed: int = 1, threads: int | None = None
) -> Batch:
    """Generated flow.

    Args:
        scenario: one of the benchmarks' scenarios, or ``"mixed"``: every kind of command that these books take, some of
            them bad.
        books: how many.
        commands: of each book.
        seed: where all choices come from; book ``b`` depends on the seed and ``b`` alone.
        threads: how many make it; else one for each processor.

    Raises:
        InputError: an unknown scenario, or numbers outside of their range.
    """
    for name, value, least in (("books", books, 1), ("commands", commands, 1), ("seed", seed, 0)):
        require_whole(name, value, least, (1 << 64) - 1)
    if not isinstance(scenario, str):
        raise InputError(f"scenario: expected the name of one; received {scenario!r}")
    if threads is not None:
        require_whole("threads", threads, 1, THREADS_MAX)
    rows_max = physical_memory_bytes() // COMMAND.itemsize
    if books * commands > rows_max:
        expected = f"at most {rows_max:,}, which this machine's memory holds"
        raise InputError(f"books times commands: expected {expected}; received {books:,} times {commands:,}")
    return Batch(*_core.many_flow(scenario, seed=seed, books=books, commands=commands, threads=threads))


def replayed(
    files: Sequence[Path | str] | Path | str,
    *,
    symbols: Sequence[str] = (),
    book_file: Path | None = None,
    stretches: int = 1,
    progress: Progress | None = None,
) -> Replayed:
    """Real flow, a book for each symbol of each file, or for each stretch of it.

    Args:
        files: market data, or files of commands, or one of them; the format is found by content.
        symbols: which instruments; of none given, all that have orders.
        book_file: LOBSTER's order book file, where its name is unusual.
        stretches: into how many parts of equal length each symbol's flow is cut. A part begins with limit orders: those
            that stood when the part before it ended, in their order of time.
        progress: is told the bytes read and those of all files.

    Raises:
        ReplayError: a file that cannot be read, or that lacks a symbol.
        InputError: no file, or a number of stretches that is none.
    """
    if isinstance(files, Path | str):
        files = [files]
    if not files:
        raise InputError("expected a file of market data; received none")
    require_whole("stretches", stretches, 1, BOOKS_MAX)
    parts: list[Words] = []
    sources: list[Source] = []
    sizes = [_size_of(Path(file)) for file in files]
    for number, file in enumerate(files):
        tell = _told(progress, sum(sizes[:number]), sizes[number], sum(sizes))
        found, rows, offsets = _core.many_replay(
            [Path(file)], symbols=list(symbols), book_file=book_file, progress=tell
        )
        if len(found) == 1 and found[0][0].isdigit():
            # A format of one instrument without a name, such as LOBSTER: it is called as its file.
            found = [(Path(file).stem, *found[0][1:])]
        for book, (symbol, price_unit, quantity_unit) in enumerate(found):
            of_symbol = rows[offsets[book] : offsets[book + 1]]
            for stretch, part in enumerate(stretched(of_symbol, stretches)):
                parts.append(part)
                sources.append(Source(Path(file), symbol, stretch, price_unit, quantity_unit))
    return Replayed(words.concatenated(parts), tuple(sources))


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise ReplayError(f"{file}: expected a file that can be read; received {error.strerror}") from None


def _told(progress: Progress | None, before: int, size: int, total: int) -> Callable[[int, int, int], None]:
    """What tells how far the files have been read, of which one begins behind `before` bytes."""

    def tell(done: int, of: int, _records: int) -> None:
        if progress is not None:
            progress(before + size * done // max(of, 1), total)

    return tell


def stretched(rows: Words, stretches: int) -> list[Words]:
    """Cut the flow of one book into parts of equal length; each begins with the orders that stood at its start."""
    bounds = np.linspace(0, len(rows), stretches + 1).astype(np.int64)
    market = RawMarket(Market().words(ORDERS_ENGINE_MAX).tobytes())
    parts = []
    for start, end in pairwise(bounds.tolist()):
        part = rows[start:end]
        parts.append(part if start == 0 else np.concatenate([standing(market.state()), part]))
        if end < len(rows):
            for row in part:
                market.apply(row.tobytes())
    return parts


def standing(state: bytes) -> Words:
    """Limit orders that rebuild the resting orders of a state: what is open of each, in the order of their priority."""
    clock = int(np.frombuffer(state, np.uint64, 1, 88 + 8)[0])
    queues, place = [], _STATE_HEAD_BYTES
    for _ in ("bids", "asks"):
        count = int(np.frombuffer(state, np.uint64, 1, place)[0])
        queues.append(np.frombuffer(state, ORDER, count, place + 8))
        place += 8 + count * ORDER.itemsize
    orders = np.concatenate(queues)
    orders = orders[np.argsort(orders["priority"], kind="stable")]
    rows = words.limit(
        orders["order_id"],
        orders["side"],
        orders["price"],
        orders["displayed"] + orders["hidden"],
        account=orders["account"],
        time=clock,
        self_trade=orders["self_trade"],
    )
    rows.view(COMMAND).ravel()["flags"] = orders["flags"] & words.FLAG_POST_ONLY
    return rows
