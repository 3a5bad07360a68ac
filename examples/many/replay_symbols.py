"""Real order flow replayed for many symbols at once, each in a book of its own, and every book held against the engine.

Files may be LOBSTER, ITCH 5.0, DBN, Bitstamp, or our own commands; a file with many symbols is read once. Long flow of
few symbols can be cut into stretches, each of which begins with the orders that stood then. Without a file, some
samples are generated and replayed.

    python examples/many/replay_symbols.py day.itch --out out/replay_symbols
    python examples/many/replay_symbols.py AAPL_message.csv --stretches 16
    python examples/many/replay_symbols.py --quick
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.table import Table

from proofbook import ProofbookError, _core, console
from proofbook.gpu import Books, flow, running

SAMPLES = 12
HEAD_BYTES = 32 + 88
"""What a file of commands has before them: its units, and the terms of a market."""


def samples(folder: Path, commands: int) -> list[Path]:
    """Generated flow in files, as if each were a symbol's."""
    template = folder / "template"
    _core.generate(template, 1, 1)
    head = template.read_bytes()[:HEAD_BYTES]
    batch = flow.generated("normal", books=SAMPLES, commands=commands)
    files = [folder / f"sample{book:02}.pbk" for book in range(SAMPLES)]
    for book, file in enumerate(files):
        file.write_bytes(head + batch.rows(book).tobytes())
    return files


def replay(files: list[Path], symbols: list[str], stretches: int, orders: int, device: str) -> tuple[pa.Table, bool]:
    """Run every symbol in its book; gives a row for each, and whether all books equal the engine's."""
    with console.progress_bar("reading") as bar:
        found = flow.replayed(files, symbols=symbols, stretches=stretches, progress=bar.update)
    books = Books(found.batch.books, orders=orders, levels=orders, device=device, events="digest")  # type: ignore[arg-type]
    with books, console.progress_bar("matching") as bar:
        totals = running.run(books, found.batch, progress=bar.update)
        comparison = running.compare(books, found.batch)
        rows = books.statistics()
        depth = books.depth(1)
    console.err.print(f"{totals.commands:,} commands in {books.books:,} books: {totals.commands_per_s:,.0f} a second")
    has_both = (depth.bid_quantity[:, 0] > 0) & (depth.ask_quantity[:, 0] > 0)
    spread = np.where(has_both, depth.ask_price[:, 0] - depth.bid_price[:, 0], 0)
    columns: dict[str, Any] = {
        "symbol": [source.symbol for source in found.sources],
        "stretch": [source.stretch for source in found.sources],
        "price_unit": [source.price_unit for source in found.sources],
        "commands": np.diff(found.batch.offsets),
        "trades": rows["trades"],
        "traded_quantity": rows["traded_quantity"],
        "live_orders": rows["live_orders"],
        "rejects": rows["rejects"],
        "spread_ticks": pa.array(spread, mask=~has_both),
    }
    return pa.table(columns), comparison.is_equal


def show(table: pa.Table) -> None:
    """The busiest books."""
    shown = Table(title=f"{table.num_rows:,} books, the busiest first", title_justify="left")
    names = [name for name in table.column_names if name != "price_unit"]
    for name in names:
        shown.add_column(name.replace("_", " "), justify="left" if name == "symbol" else "right")
    for row in table.sort_by([("commands", "descending")]).slice(0, 20).to_pylist():
        shown.add_row(*("" if row[name] is None else str(row[name]) for name in names))
    console.out.print(shown)


def draw(path: Path, table: pa.Table) -> None:
    """Trades over commands, and the spreads at the end."""
    figure = Figure(figsize=(12, 5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    commands, trades = (table[name].to_numpy() for name in ("commands", "trades"))
    left.scatter(commands, np.maximum(trades, 0.5), color="#1b7f5c", s=14)
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_xlabel("commands of a book")
    left.set_ylabel("trades")
    spread = table["spread_ticks"].drop_null().to_numpy()
    if len(spread):
        right.hist(spread, bins=min(40, max(5, len(spread))), color="#b8433a")
    right.set_xlabel("spread at the end, ticks")
    right.set_ylabel("books")
    figure.suptitle(f"{table.num_rows:,} books replayed")
    figure.savefig(path, dpi=110)


def main() -> int:
    """Replay, compare, write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--symbol", action="append", default=[], help="only this one; may be named again")
    parser.add_argument("--stretches", type=int, default=1)
    parser.add_argument("--orders", type=int, default=1 << 14, help="the most live orders of a book")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "gpu", "sim"))
    parser.add_argument("--out", type=Path, default=Path("out/replay_symbols"))
    parser.add_argument("--quick", action="store_true", help="small samples: shows that it works")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = options.files or samples(Path(folder), 2_000 if options.quick else 100_000)
        try:
            table, is_equal = replay(files, options.symbol, options.stretches, options.orders, options.device)
        except ProofbookError as error:
            parser.error(str(error))
    options.out.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, options.out / "books.parquet")
    draw(options.out / "books.png", table)
    show(table)
    print(f"{'every book equals' if is_equal else 'SOME BOOK DIFFERS FROM'} the engine's")
    print(f"{options.out / 'books.png'}, {options.out / 'books.parquet'}")
    return 0 if is_equal else 1


if __name__ == "__main__":
    sys.exit(main())
