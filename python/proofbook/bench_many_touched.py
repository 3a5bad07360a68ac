"""What the kernels touch of a book for a command, counted on words that remember who asked for them.

The source of the kernels is Python, and runs here as it is. The compiled kernels are made of the same source, so they
ask for the same words, but for what the compiler keeps in registers. A line is 64 bytes, and a book begins with one:
lines are what moves where a book is in no cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from proofbook.bench_many_contenders import Workload
from proofbook.gpu.kernels import events
from proofbook.gpu.kernels.apply import apply_command
from proofbook.gpu.kernels.book import book_of
from proofbook.gpu.kernels.compile import compiled
from proofbook.gpu.kernels.layout import EVENT_WORDS, Capacity, Words, new_pool, terms_of
from proofbook.gpu.kernels.match_cpu import clear_books, match_books

LINE_WORDS = 8
COMMAND_BYTES = 72
COUNTED_COMMANDS_MAX = 400
"""Twenty rounds of a cycle; each takes Python about a millisecond."""


class Log:
    """Which words were read and written."""

    def __init__(self) -> None:
        self.reads: list[int] = []
        self.writes: list[int] = []


class Remembering:
    """Words of a book that log each access. A slice of them logs to the same log."""

    def __init__(self, words: Words, log: Log, first: int = 0) -> None:
        self._words, self._log, self._first = words, log, first

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the words."""
        return self._words.shape

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return Remembering(self._words[at], self._log, self._first + int(at.start))
        self._log.reads.append(self._first + int(at))
        return self._words[at]

    def __setitem__(self, at: Any, word: Any) -> None:
        self._log.writes.append(self._first + int(at))
        self._words[at] = word


def touched(workload: Workload, filled: int) -> dict[str, float]:
    """Means over some commands of the first book, events not kept.

    Args:
        workload: Its commands.
        filled: How many the book takes before any is counted.

    Returns:
        Of a command: ``words_read``, ``words_written``, ``lines`` that were touched and ``lines_written``;
        ``commands`` that were counted; and ``bytes``: the command's own, each line once, and once more if it was
        written.
    """
    capacity = Capacity(workload.orders, workload.levels)
    terms = terms_of(np.frombuffer(workload.config, np.uint64), capacity)
    row, commands = new_pool(1, capacity), workload.words[: workload.steps]
    nothing = np.zeros((1, 0, EVENT_WORDS), np.uint64)
    compiled(clear_books, "cpu")(row, terms, nothing, np.ones(1, np.bool_))
    offsets = np.array([0, filled], np.int64)
    compiled(match_books, "cpu", KEEP=events.KEEP_NONE)(row, terms, commands, offsets, nothing, 0, 1)
    log, lines, lines_written = Log(), 0, 0
    # Kernels have no annotations.
    make_book: Callable[..., Any] = book_of
    apply: Callable[..., Any] = apply_command
    book = make_book(Remembering(row[0], log), terms, nothing[0])
    last = min(len(commands), filled + COUNTED_COMMANDS_MAX)
    kept = events.KEEP
    events.KEEP = events.KEEP_NONE
    try:
        with np.errstate(over="ignore"):
            for number in range(filled, last):
                reads, writes = len(log.reads), len(log.writes)
                apply(book, commands, np.uint64(number))
                written = {word // LINE_WORDS for word in log.writes[writes:]}
                lines += len(written | {word // LINE_WORDS for word in log.reads[reads:]})
                lines_written += len(written)
    finally:
        events.KEEP = kept
    count = last - filled
    return {
        "commands": count,
        "words_read": len(log.reads) / count,
        "words_written": len(log.writes) / count,
        "lines": lines / count,
        "lines_written": lines_written / count,
        "bytes": COMMAND_BYTES + 8 * LINE_WORDS * (lines + lines_written) / count,
    }
