"""A batch in parts, so that copying and matching overlap.

While one part is matched, the next is copied to the device and the results of the one before are copied back. Each
stream has a *lane*: buffers for one part. With two lanes, one is filled while the other is worked on (double
buffering); more lanes smooth parts of different length. A device decides how a lane does its three stages: a GPU
queues them on a stream of its own, a CPU runs them in threads.

Invariants:
- a part is some whole books with all of their commands, so parts never wait for each other's results;
- a lane is filled again only after its results were taken: there are never more parts on their way than lanes;
- an error in any stage ends the step, after every stage that had begun.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Generic, TypeVar

import numpy as np

from proofbook.gpu.commands import Offsets

LaneType = TypeVar("LaneType")


@dataclass(frozen=True)
class Part:
    """Some books of a batch, with all of their commands.

    Attributes:
        first: the first book.
        last: the one after the last.
        row_first: the first command.
        row_last: the one after the last.
    """

    first: int
    last: int
    row_first: int
    row_last: int

    @property
    def books(self) -> int:
        """How many books it has."""
        return self.last - self.first

    @property
    def rows(self) -> int:
        """How many commands they take."""
        return self.row_last - self.row_first


def cut(offsets: Offsets, parts_max: int) -> list[Part]:
    """Cuts a batch into at most so many parts of about as much work each; a book itself counts as a command.

    >>> [(part.first, part.last) for part in cut(np.array([0, 8, 9, 10, 18]), 2)]
    [(0, 2), (2, 4)]
    """
    books = len(offsets) - 1
    rows = int(offsets[-1] - offsets[0])
    targets = np.arange(1, parts_max) * ((rows + books) / parts_max) + float(offsets[0])
    # Work up to a book rises strictly with its number, so it can be searched without being written down.
    cuts = {_first_reaching(offsets, target) for target in targets} - {0, books}
    bounds = [0, *sorted(cuts), books]
    return [
        Part(first, last, int(offsets[first]), int(offsets[last])) for first, last in pairwise(bounds) if last > first
    ]


def _first_reaching(offsets: Offsets, target: float) -> int:
    """The first book before which there is at least so much work."""
    low, high = 0, len(offsets) - 1
    while low < high:
        middle = (low + high) // 2
        if int(offsets[middle]) + middle < target:
            low = middle + 1
        else:
            high = middle
    return low


class Threads:
    """So many threads.

    A process that was forked has none of its parent's, and would wait for them forever: it starts its own.

    Attributes:
        count: how many.
    """

    def __init__(self, count: int, name: str) -> None:
        self.count, self._name = count, name
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._threads = ThreadPoolExecutor(self.count, self._name)

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Hands in a task.

        Raises:
            RuntimeError: the threads were shut down.
        """
        if os.getpid() != self._process:
            self._start()
        return self._threads.submit(task, *arguments)

    def shutdown(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()


class Crew:
    """Those who work on one thing.

    They count themselves, so that none is forgotten whose future was lost as an interrupt came while it was handed in.
    Kernels that still ran would share their books with those of the caller's next step, and no kernel looks whether
    another has changed a link below it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._active = 0
        self.is_dismissed = False

    def work(self, task: Callable[..., object], *arguments: Any) -> None:
        """Does a task, unless the crew was dismissed."""
        with self._changed:
            if self.is_dismissed:
                return
            self._active += 1
        try:
            task(*arguments)
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify_all()

    def run(self, threads: Threads, tasks: Sequence[tuple[Any, ...]]) -> None:
        """Does all tasks, each a function and its arguments, in threads. Whatever happens, none is at work afterwards.

        Raises:
            RuntimeError: the threads were shut down.
        """
        try:
            for future in [threads.submit(self.work, *task) for task in tasks]:
                future.result()
        except BaseException:
            self.dismiss()
            raise

    def dismiss(self) -> None:
        """Lets nobody begin any more, and waits for those who have."""
        while True:
            try:
                with self._changed:
                    self.is_dismissed = True
                    self._changed.wait_for(lambda: self._active == 0)
                return
            except KeyboardInterrupt:
                continue


class Stopwatch:
    """Adds up the time that a stage takes in whichever threads run it."""

    def __init__(self) -> None:
        self.ns = 0
        self._lock = threading.Lock()

    def add(self, since_ns: int) -> None:
        """Adds the time since then."""
        passed = time.perf_counter_ns() - since_ns
        with self._lock:
            self.ns += passed


class ThreadedPipeline(Generic[LaneType]):
    """Runs parts through three stages: one thread fills lanes, the caller works on them, one thread takes the results.

    Args:
        lanes: buffers, one set for each part that may be on its way.
        load: fills a lane with a part.
        work: works on it.
        unload: takes its results.
        threads: two workers that copy; with ``None`` the stages run one after another in the caller's thread.
    """

    def __init__(
        self,
        lanes: Sequence[LaneType],
        load: Callable[[LaneType, Part], None],
        work: Callable[[LaneType, Part], None],
        unload: Callable[[LaneType, Part], None],
        threads: Threads | None,
    ) -> None:
        self._lanes = lanes
        self._stages = (load, work, unload)
        self._threads = threads
        self.load, self.work, self.unload = Stopwatch(), Stopwatch(), Stopwatch()

    def run(self, parts: Sequence[Part]) -> int:
        """Runs all parts, and says how long that took in nanoseconds."""
        begin = time.perf_counter_ns()
        if self._threads is None:
            for number, part in enumerate(parts):
                self._load(number, part, None)
                self._work(number, part)
                self._unload(number, part)
        else:
            self._overlap(parts, self._threads)
        return time.perf_counter_ns() - begin

    def _overlap(self, parts: Sequence[Part], threads: Threads) -> None:
        loads: dict[int, Future[None]] = {}
        unloads: dict[int, Future[None]] = {}
        lanes, crew = len(self._lanes), Crew()
        try:
            for number in range(min(lanes, len(parts))):
                loads[number] = threads.submit(crew.work, self._load, number, parts[number], None)
            for number, part in enumerate(parts):
                loads.pop(number).result()
                self._work(number, part)
                unloads[number] = taken = threads.submit(crew.work, self._unload, number, part)
                if number + lanes < len(parts):
                    following = number + lanes
                    loads[following] = threads.submit(crew.work, self._load, following, parts[following], taken)
            for taken in unloads.values():
                taken.result()
        except BaseException:
            # Whatever has begun ends before the caller's arrays and the lanes may go.
            crew.dismiss()
            raise

    def _lane(self, number: int) -> LaneType:
        return self._lanes[number % len(self._lanes)]

    def _load(self, number: int, part: Part, taken: Future[None] | None) -> None:
        if taken is not None:
            taken.result()
        begin = time.perf_counter_ns()
        self._stages[0](self._lane(number), part)
        self.load.add(begin)

    def _work(self, number: int, part: Part) -> None:
        begin = time.perf_counter_ns()
        self._stages[1](self._lane(number), part)
        self.work.add(begin)

    def _unload(self, number: int, part: Part) -> None:
        begin = time.perf_counter_ns()
        self._stages[2](self._lane(number), part)
        self.unload.add(begin)
