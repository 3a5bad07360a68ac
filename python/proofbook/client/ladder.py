"""A book drawn in the terminal: asks above, bids below, bars of depth, spread, last trades; in 80 columns."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import accumulate

import msgspec
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from proofbook import console
from proofbook.client import AsyncClient, Book, Level, Trade

BAR_COLUMNS = 14
EIGHTHS = " ▏▎▍▌▋▊▉"
DRAWN_PER_S_MAX = 8
LINES_AROUND = 4
"""Lines of the drawing that are no levels."""
NOTE_UPDATES = 20
"""For so many updates it is said that a book was fetched anew."""


def bar(part: Decimal, whole: Decimal, *, is_ascii: bool = False) -> str:
    """A bar for a part of a whole.

    >>> bar(Decimal(1), Decimal(2)), bar(Decimal(1), Decimal(2), is_ascii=True)
    ('███████', '#######')
    """
    eighths = round(8 * BAR_COLUMNS * part / whole) if whole else 0
    if is_ascii:
        return "#" * round(eighths / 8)
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()


def _side(levels: Sequence[Level], style: str, deepest: Decimal, is_ascii: bool) -> list[tuple[Text, Text, Text, Text]]:
    """Rows of a side, best first; the bar is the quantity up to that price."""
    depths = accumulate(level.quantity for level in levels)
    return [
        (
            Text(f"{level.price:f}", style=style),
            Text(f"{level.quantity:f}"),
            Text(str(level.orders), style="dim"),
            Text(bar(depth, deepest, is_ascii=is_ascii), style=style),
        )
        for level, depth in zip(levels, depths, strict=True)
    ]


def drawn(book: Book, trades: Sequence[Trade], depth: int, console: Console, note: str | None = None) -> Table:
    """The book and the last trades, side by side."""
    is_ascii = console.options.ascii_only
    bids, asks = book.bids[:depth], book.asks[:depth]
    deepest = max(sum((level.quantity for level in side), Decimal(0)) for side in (bids, asks))
    ladder = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("price", "quantity", "orders"):
        ladder.add_column(column, justify="right", no_wrap=True)
    ladder.add_column("depth", width=BAR_COLUMNS, no_wrap=True)
    for row in reversed(_side(asks, "red", deepest, is_ascii)):
        ladder.add_row(*row)
    spread = "-" if book.spread is None else f"{book.spread:f}"
    ladder.add_row(Text(f"spread {spread}", style="bold"), "", "", "")
    for row in _side(bids, "green", deepest, is_ascii):
        ladder.add_row(*row)

    last = Table(box=None, pad_edge=False, header_style="bold")
    last.add_column("last trades", no_wrap=True)
    for column in ("price", "quantity"):
        last.add_column(column, justify="right", no_wrap=True)
    for trade in list(reversed(trades))[: len(bids) + len(asks) + 1]:
        time = datetime.fromtimestamp(trade.time_ns / 1e9, UTC).strftime("%H:%M:%S")
        style = "green" if trade.side == "buy" else "red"
        last.add_row(Text(time, style="dim"), Text(f"{trade.price:f}", style=style), f"{trade.quantity:f}")

    both = Table.grid(padding=(0, 2))
    both.add_row(ladder, last)
    whole = Table.grid()
    whole.add_row(Text.assemble((book.market, "bold"), f"  sequence {book.sequence}"))
    whole.add_row(both)
    whole.add_row(Text(note or "", style="yellow", no_wrap=True, overflow="ellipsis"))
    return whole


@dataclass
class View:
    """What is shown at the moment."""

    book: Book | None = None
    trades: deque[Trade] = field(default_factory=lambda: deque(maxlen=100))
    note: str | None = None
    note_updates: int = 0

    def take(self, book: Book) -> None:
        """Show another book; a note that it was fetched anew stays for a while."""
        self.book = book
        if book.resynced is not None:
            self.note, self.note_updates = f"fetched anew: {book.resynced}", NOTE_UPDATES
        elif self.note_updates:
            self.note_updates -= 1
            self.note = self.note if self.note_updates else None


def watch(url: str, market: str, depth: int, *, as_json: bool) -> None:
    """Draw each change of a book, or print it as a line of JSON, until interrupted or until nobody reads the lines."""
    with suppress(KeyboardInterrupt):
        try:
            asyncio.run(_print_lines(url, market, depth) if as_json else _draw(url, market, depth))
        except BrokenPipeError:
            # Whoever read the lines has enough. Nothing more can be written there, not even at the program's end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _print_lines(url: str, market: str, depth: int) -> None:
    async with AsyncClient(url) as client, aclosing(client.book(market, depth)) as books:
        async for book in books:
            console.print_json(msgspec.to_builtins(book, builtin_types=(Decimal,)))


async def _draw(url: str, market: str, depth: int) -> None:
    view = View()
    async with AsyncClient(url) as client:
        view.trades.extend(await client.get_trades(market, 2 * depth + 1))

        async def follow_book() -> None:
            async for book in client.book(market, depth):
                view.take(book)

        async def follow_trades() -> None:
            async for trade in client.trades(market):
                view.trades.append(trade)

        async def show() -> None:
            with Live(console=console.out, auto_refresh=False, screen=False) as live:
                while True:
                    if view.book is not None:
                        rows = max(1, min(depth, (console.out.height - LINES_AROUND) // 2))
                        live.update(drawn(view.book, view.trades, rows, console.out, view.note), refresh=True)
                    await asyncio.sleep(1 / DRAWN_PER_S_MAX)

        await asyncio.gather(follow_book(), follow_trades(), show())
