"""What the commands share: output, progress, and how they end.

Reports go to standard output, everything else to standard error; with ``--json`` the last line of standard output is
one JSON object. Exit codes: 0 fine, 1 a check failed, 2 the input cannot be used, 3 a defect of proofbook, 4 what would
decide is missing, 130 interrupted.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

EXIT_CHECK_FAILED = 1
EXIT_INPUT = 2
EXIT_DEFECT = 3
EXIT_UNDECIDED = 4
EXIT_INTERRUPTED = 130

WIDTH_IN_FILES = 120
"""Columns of a report that does not go to a terminal."""

out = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else WIDTH_IN_FILES)
err = Console(stderr=True, highlight=False, emoji=False)


def print_json(value: Any) -> None:
    """Print one object on one line, whatever the terminal's width; decimals as exact texts without an exponent."""
    print(json.dumps(value, separators=(",", ":"), default=_decimal_text), flush=True)


def _decimal_text(value: object) -> str:
    """A decimal as text: `str` makes of 0.00000000 the text 0E-8, which no other side of the exchange writes."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(f"expected what JSON has, or a decimal; received {type(value).__name__}")


class Bar:
    """A progress bar for work that reports how much of how much is done."""

    def __init__(self, progress: Progress, what: str) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=None, note="")

    def update(self, done: int, total: int, note: str = "") -> None:
        """Show that `done` of `total` is done."""
        self._progress.update(self._task, completed=done, total=max(total, done, 1), note=note)


@contextmanager
def progress_bar(what: str) -> Iterator[Bar]:
    """Show a bar on standard error while the block runs; it goes away afterwards."""
    columns: list[ProgressColumn] = [
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    ]
    with Progress(*columns, console=err, transient=True) as progress:
        yield Bar(progress, what)


@contextmanager
def steps_shown(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """Show on standard error which of so many steps has begun: a bar on a terminal, lines elsewhere.

    For what is measured: nothing is drawn while a step runs, so that no thread takes time from it.
    """
    if not err.is_terminal:
        yield lambda line: print(line, file=sys.stderr, flush=True)
        return
    columns: list[ProgressColumn] = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[line]}", markup=False),
    ]
    with Progress(*columns, console=err, transient=True, auto_refresh=False) as progress:
        task = progress.add_task(what, total=total, line="")
        done = itertools.count()

        def shown(line: str) -> None:
            progress.update(task, completed=next(done), line=line, refresh=True)

        yield shown
