"""Who takes part in ``bench_many``: the books of ``proofbook.gpu``, the engine in Rust, books in JAX in a process.

All of them take the same commands from empty books. What is timed is what each needs to match, as like as can be:

- the books: their kernels, from encoded commands in memory; beside it the whole call of ``Books.apply``;
- the engine: the loops that apply commands, which were decoded before; with several threads, the slowest of them;
- JAX: the compiled program, from arrays of terms on its device.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from proofbook import _core
from proofbook.analyze_figures import counted
from proofbook.bench_many_flow import COMMAND_WORDS, Offsets, Words
from proofbook.errors import BrokenInvariantError, InputError
from proofbook.gpu import Books, Market
from proofbook.gpu.backends import DeviceName, Keep

Result = dict[str, Any]

ANSWER_SECONDS_MAX = 300
JAX_COMMANDS_MIN = 20
"""Of each book: more than shallow books are filled with."""

JAX_COMMANDS_TOTAL_MAX = 8_000_000
"""But no more than these for that reason: a million books would take minutes."""

TRADE_TAG = 4
DIGEST_START = 0xCBF29CE484222325
DIGEST_FACTOR = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Workload:
    """Commands for some books, as many for each.

    Attributes:
        words: A row for each command, book after book.
        offsets: Where each book's rows begin.
        orders: The most live orders of a book.
        levels: The most price levels of a side.
    """

    words: Words
    offsets: Offsets
    orders: int
    levels: int

    @property
    def books(self) -> int:
        """How many books."""
        return len(self.offsets) - 1

    @property
    def steps(self) -> int:
        """Commands of each book."""
        return len(self.words) // self.books

    @property
    def config(self) -> bytes:
        """The market's encoded terms."""
        return Market().words(orders=self.orders).tobytes()

    def part(self, first: int, last: int) -> Workload:
        """Only the commands from ``first`` to before ``last`` of each book, in new arrays."""
        rows = self.words.reshape(self.books, self.steps, COMMAND_WORDS)[:, first:last]
        offsets = np.arange(self.books + 1, dtype=np.int64) * (last - first)
        return Workload(np.ascontiguousarray(rows).reshape(-1, COMMAND_WORDS), offsets, self.orders, self.levels)


class Engine:
    """The engine in Rust, on its default book, one book after another on each thread."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.name = f"engine, {counted(threads, 'thread')}"

    def run(self, workload: Workload, events: Literal["none", "digest"]) -> Result:
        """One run from empty books; ``matching_ns`` and ``call_ns``, and what it came to."""
        start = perf_counter_ns()
        run = _core.many_run(workload.config, workload.words, workload.offsets, threads=self.threads, events=events)
        call_ns = perf_counter_ns() - start
        return {"matching_ns": max(run.thread_apply_ns), "call_ns": call_ns, "run": run}


class Pool:
    """Books of ``proofbook.gpu`` on a device."""

    def __init__(self, device: DeviceName, threads: int | None) -> None:
        self.device, self.threads = device, threads
        self.name = f"proofbook.gpu, {counted(threads, 'thread')}" if threads else f"proofbook.gpu, {device}"

    def open(self, workload: Workload, events: Keep, event_capacity: int = 0) -> Books:
        """Empty books for a workload."""
        return Books(
            workload.books,
            orders=workload.orders,
            levels=workload.levels,
            device=self.device,
            threads=self.threads,
            events=events,
            event_capacity=event_capacity,
        )

    @staticmethod
    def run(books: Books, workload: Workload) -> Result:
        """One run; the books are emptied before, untimed."""
        books.reset()
        return Pool.step(books, workload)

    @staticmethod
    def step(books: Books, workload: Workload) -> Result:
        """One call, from what the books hold."""
        start = perf_counter_ns()
        step = books.apply(workload.words, workload.offsets)
        return {"matching_ns": step.timing.kernel_ns, "call_ns": perf_counter_ns() - start, "step": step}

    def run_warm(self, workload: Workload, events: Keep, event_capacity: int) -> Result:
        """A run on new books. Emptying them touched their pages; an array of events needs a run before for that."""
        with self.open(workload, events, event_capacity) as books:
            if events == "all":
                self.run(books, workload)
            return self.run(books, workload)

    def time_steps(self, workload: Workload, filled: int, commands: int) -> list[int]:
        """Nanoseconds of each call with so many commands of each book, once they took their first ones."""
        with self.open(workload, "none") as books:
            self.step(books, workload.part(0, filled))
            starts = range(filled, workload.steps - commands + 1, commands)
            parts = [workload.part(start, start + commands) for start in starts]
            return [int(self.step(books, part)["call_ns"]) for part in parts]


class Jax:
    """Books in JAX: a process that has only so many processors, and so many threads."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.threads = threads
        self.name = f"JAX, {counted(threads, 'thread')}"
        processors = sorted(os.sched_getaffinity(0))[:threads]
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as the process
        self.process = subprocess.Popen(
            [str(folder.resolve() / "run")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        # It makes its threads when it is first asked for something.
        os.sched_setaffinity(self.process.pid, processors)

    def ask(self, **request: object) -> Result:
        """One request and its answer.

        Raises:
            InputError: It does not answer, or cannot do it.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise InputError(f"{self.name}: expected an answer; its process ended: {self.errors.read()[-2000:]}")
        answer: Result = json.loads(line)
        if "error" in answer:
            raise InputError(f"{self.name}: {answer['error']}")
        return answer

    def load(self, file: Path, workload: Workload, chunk: int | None = None) -> Result:
        """Gives it a workload, whose words are in a file of NumPy."""
        sizes = {"books": workload.books, "steps": workload.steps, "orders": workload.orders}
        return self.ask(load=str(file), chunk=chunk or workload.steps, **sizes)

    def run(self, found: Path | None = None) -> Result:
        """One run from empty books; what each came to goes to a file. It has no other call than that which matches."""
        chunks_ns = self.ask(run=str(found or ""))["chunks_ns"]
        return {"matching_ns": sum(chunks_ns), "call_ns": sum(chunks_ns), "chunks_ns": chunks_ns}

    @staticmethod
    def needed_bytes(workload: Workload) -> int:
        """About what its books take: each array before and after a step, and two more like them in between."""
        return 4 * 33 * workload.books * workload.orders

    @staticmethod
    def steps_in(workload: Workload, seconds: float) -> int:
        """How many commands of each book take one thread about so long, as one machine did; some at least."""
        step_ns = max(10_000, workload.books * (300 + 12 * workload.orders))
        least = min(JAX_COMMANDS_MIN, JAX_COMMANDS_TOTAL_MAX // workload.books)
        return max(1, min(workload.steps, max(least, int(seconds * 1e9 / step_ns))))

    def close(self) -> None:
        """Ends its process."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait(ANSWER_SECONDS_MAX)
        self.errors.close()


def require_equal(what: str, expected: npt.NDArray[Any], received: npt.NDArray[Any]) -> None:
    """Both must be the same for every book.

    Raises:
        BrokenInvariantError: They are not; the message names the first book where they differ.
    """
    if expected.shape != received.shape:
        raise BrokenInvariantError(f"{what}: expected shape {expected.shape}; received {received.shape}")
    books = np.argwhere(expected != received)
    if len(books):
        book = int(books[0, 0])
        raise BrokenInvariantError(f"{what}, book {book}: expected {expected[book]}; received {received[book]}")


def trade_digests(events: Words, counts: npt.NDArray[Any]) -> tuple[Words, Words]:
    """Each book's digest over maker, taker, price and quantity of its trades, as JAX keeps it, and their number.

    Args:
        events: uint64 of shape [books, capacity, 7].
        counts: How many of each book's rows are events.
    """
    from numba import njit

    digests, trades = np.empty(len(events), np.uint64), np.zeros(len(events), np.uint64)
    digest: Any = njit(_digest_trades)
    digest(events, np.asarray(counts, np.int64), digests, trades)
    return digests, trades


def _digest_trades(events: Words, counts: npt.NDArray[np.int64], digests: Words, trades: Words) -> None:
    for book in range(len(events)):
        digest = np.uint64(DIGEST_START)
        for number in range(counts[book]):
            event = events[book, number]
            if event[0] & np.uint64(0xFF) != np.uint64(TRADE_TAG):
                continue
            trades[book] += np.uint64(1)
            for word in range(1, 5):
                digest = (digest ^ event[word]) * np.uint64(DIGEST_FACTOR)
                digest ^= digest >> np.uint64(32)
        digests[book] = digest


def copy_bytes_per_s(threads: int, size: int, rounds: int) -> list[float]:
    """What memory gives: a plain copy between arrays that no cache holds; bytes read and bytes written together.

    Args:
        threads: How many copy at once, each its share.
        size: Bytes of the array.
        rounds: How often; the first, untimed one touches the pages.
    """
    source, target = np.ones(size // 8, np.uint64), np.empty(size // 8, np.uint64)
    shares: Sequence[tuple[Words, Words]] = list(
        zip(np.array_split(target, threads), np.array_split(source, threads), strict=True)
    )
    rates = []
    with ThreadPoolExecutor(threads) as workers:
        for turn in range(rounds + 1):
            start = perf_counter_ns()
            list(workers.map(lambda share: np.copyto(*share), shares))
            if turn:
                rates.append(2 * target.nbytes / (perf_counter_ns() - start) * 1e9)
    return rates
