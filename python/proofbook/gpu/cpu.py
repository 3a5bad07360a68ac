"""The threads of a CPU as a device for many books.

Workers take ranges of books, a few for each of them, so that one with long books does not keep the others waiting.
Without streams they read the caller's commands and write the caller's results where they are: nothing is copied. With
streams, parts are copied to buffers and back by two more threads while the workers match, as it is on a GPU.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from proofbook.errors import DeviceError
from proofbook.gpu import checks
from proofbook.gpu.backends import Backend, Placed, StepPlan
from proofbook.gpu.counting import COUNTER_WORDS, count_books
from proofbook.gpu.kernels import bulk_cpu, match_cpu
from proofbook.gpu.kernels.compile import Target, compiled
from proofbook.gpu.kernels.layout import COMMAND_WORDS, EVENT_WORDS, Words
from proofbook.gpu.kernels.runners import Runner
from proofbook.gpu.market import require_whole
from proofbook.gpu.memory import (
    BLOCK_BYTES_MIN,
    DeviceArray,
    MemoryManager,
    Pool,
    aligned_host_bytes,
    physical_memory_bytes,
)
from proofbook.gpu.metrics import Timing
from proofbook.gpu.streams import Crew, Part, Stopwatch, ThreadedPipeline, Threads, cut

THREADS_MAX = 1024
STREAMS_MAX = 16

RANGES_OF_A_WORKER = 8
"""Into how many ranges the books are cut for each worker."""

ROWS_INLINE_MAX = 512
"""So little work is done by the caller: waking workers would take longer."""

PARTS_OF_A_STREAM = 4
"""Into how many parts a batch is cut for each stream."""


def usable_cpus() -> int:
    """How many processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Lane:
    """Buffers for one part on its way."""

    def __init__(self, memory: MemoryManager, rows: int, books: int, event_capacity: int) -> None:
        self.commands = memory.device_array((rows, COMMAND_WORDS), np.uint64)
        self.offsets = memory.device_array((books + 1,), np.int64)
        self.counters = memory.device_array((books, COUNTER_WORDS), np.uint64)
        self.events: DeviceArray | None = None
        if event_capacity:
            self.events = memory.device_array((books, event_capacity, EVENT_WORDS), np.uint64)

    def free(self) -> None:
        for array in (self.commands, self.offsets, self.counters, self.events):
            if array is not None:
                array.free()


class CpuBackend(Backend):
    """Runs kernels on threads of this process.

    Args:
        threads: how many workers; as many as there are processors for this process where it is not given.
        streams: ``None`` works on the caller's arrays; otherwise how many parts may be on their way through buffers.
        memory_limit_bytes: the most memory that books and buffers may take.
    """

    name = "cpu"

    def __init__(
        self, *, threads: int | None = None, streams: int | None = None, memory_limit_bytes: int | None = None
    ) -> None:
        self.threads = usable_cpus() if threads is None else require_whole("threads", threads, 1, THREADS_MAX)
        self.streams = None if streams is None else require_whole("streams", streams, 1, STREAMS_MAX)
        limit = physical_memory_bytes()
        if memory_limit_bytes is not None:
            limit = require_whole("memory_limit_bytes", memory_limit_bytes, BLOCK_BYTES_MIN, 1 << 62)
        self.memory = MemoryManager(
            Pool("memory of the device 'cpu'", aligned_host_bytes, limit),
            Pool("host memory", aligned_host_bytes, limit),
        )
        self.description = f"{self.threads} threads of a CPU"
        self.occupancy: dict[str, float] = {"workers": self.threads}
        self._is_closed = False
        self._workers = Threads(self.threads, "proofbook-worker") if self.threads > 1 else None
        self._copiers = Threads(2, "proofbook-copier") if self.streams and self.streams > 1 else None
        self._check = compiled(checks.first_flaw, "cpu")
        self._clear = compiled(match_cpu.clear_books, "cpu")
        self._count = compiled(count_books, "cpu")

    def no_events(self, books: int) -> Any:
        """An array for no events of so many books."""
        return np.empty((books, 0, EVENT_WORDS), dtype=np.uint64)

    def copy_in(self, target: DeviceArray, source: npt.NDArray[Any]) -> None:
        """Copies an array of the caller to one of the device."""
        np.copyto(target.array, source)

    def copy_out(self, source: DeviceArray, target: npt.NDArray[Any]) -> None:
        """Copies an array of the device to one of the caller."""
        np.copyto(target, source.array)

    def run_ranges(self, ranges: Sequence[tuple[int, int]], work: Callable[[int, int], object]) -> int:
        """Calls ``work`` for each range, on the workers; says for how long they were at it, in sum, in nanoseconds.

        ``work`` has to release the GIL for the workers to be of use.
        """
        watch = Stopwatch()
        waiting = iter(ranges)
        crew = Crew()

        def take() -> None:
            begin = time.perf_counter_ns()
            # Iterators of lists give each item to one thread.
            for low, high in waiting:
                if crew.is_dismissed:
                    break
                work(low, high)
            watch.add(begin)

        if self._workers is None or len(ranges) < 2:
            take()
        else:
            if self._is_closed:
                raise DeviceError("the device 'cpu' was closed: expected one that is open")
            crew.run(self._workers, [(take,)] * min(self.threads, len(ranges)))
        return watch.ns

    def even_ranges(self, count: int, least: int = 64) -> list[tuple[int, int]]:
        """So many items in ranges of equal length, for workers whose items take about equally long."""
        pieces = max(1, min(self.threads * RANGES_OF_A_WORKER, count // least))
        bounds = [count * piece // pieces for piece in range(pieces + 1)]
        return list(pairwise(bounds))

    def clear(self, books: Placed, mask: npt.NDArray[np.bool_]) -> None:
        """Makes empty books of those that the mask names."""
        pool, terms = books.pool.array, books.terms.array

        def work(low: int, high: int) -> None:
            self._clear(pool[low:high], terms, books.no_events[low:high], mask[low:high])

        self.run_ranges(self.even_ranges(books.books), work)

    def count(self, books: Placed, first: int, counters: Words) -> None:
        """Writes the counters of books from ``first`` on."""
        pool = books.pool.array[first : first + len(counters)]
        self.run_ranges(self.even_ranges(len(counters), 4096), lambda low, high: self._count(pool, counters, low, high))

    def check(self, commands: Any, first: int, last: int) -> int:
        """What ``first_flaw`` says of these rows of commands."""
        flaws: list[int] = []

        def look(low: int, high: int) -> None:
            flaw = int(self._check(commands, first + low, first + high))
            if flaw >= 0:
                flaws.append(flaw)

        self.run_ranges(self.even_ranges(last - first, 8192), look)
        return min(flaws, default=-1)

    def read_rows(self, books: Placed, first: int, last: int) -> Words:
        """A copy of some rows of the pool."""
        rows: Words = books.pool.array[first:last].copy()
        return rows

    def write_rows(self, books: Placed, first: int, rows: Words) -> None:
        """Overwrites rows of the pool."""
        books.pool.array[first : first + len(rows)] = rows

    def prepare(self, books: Placed, keep: int) -> None:
        """Makes the machine code that steps need: a compiler of types needs a call, which may be one of no books."""
        commands = np.empty((0, COMMAND_WORDS), dtype=np.uint64)
        self._check(commands, 0, 0)
        self._match_kernel(keep)(
            books.pool.array, books.terms.array, commands, np.zeros(1, dtype=np.int64), books.no_events, 0, 0
        )

    def _match_kernel(self, keep: int) -> Any:
        return compiled(match_cpu.match_books, "cpu", KEEP=keep)

    def step(self, books: Placed, plan: StepPlan, timing: Timing) -> None:
        """Runs a batch: where its arrays are, or in parts through buffers."""
        timing.workers = self.threads
        if self.streams is None:
            begin = time.perf_counter_ns()
            part = _whole(plan)
            events = books.no_events if plan.events is None else plan.events
            self._match(books, plan, plan.commands, plan.offsets, events, plan.counters, part, timing)
            timing.kernel_ns = timing.pipeline_ns = time.perf_counter_ns() - begin
        else:
            self._step_in_parts(books, plan, timing, self.streams)

    def _step_in_parts(self, books: Placed, plan: StepPlan, timing: Timing, streams: int) -> None:
        parts = cut(plan.offsets, max(1, streams * PARTS_OF_A_STREAM))
        rows = max((part.rows for part in parts), default=0)
        most = max((part.books for part in parts), default=0)
        capacity = 0 if plan.events is None else plan.events.shape[1]
        lanes = [_Lane(self.memory, rows, most, capacity) for _ in range(min(streams, len(parts)))]

        def load(lane: _Lane, part: Part) -> None:
            np.copyto(lane.commands.array[: part.rows], plan.commands[part.row_first : part.row_last])
            np.subtract(
                plan.offsets[part.first : part.last + 1], part.row_first, out=lane.offsets.array[: part.books + 1]
            )

        def work(lane: _Lane, part: Part) -> None:
            events = books.no_events if lane.events is None else lane.events.array
            offsets = lane.offsets.array[: part.books + 1]
            self._match(books, plan, lane.commands.array, offsets, events, lane.counters.array, part, timing)

        def unload(lane: _Lane, part: Part) -> None:
            np.copyto(plan.counters[part.first : part.last], lane.counters.array[: part.books])
            if plan.events is not None and lane.events is not None:
                np.copyto(plan.events[part.first : part.last], lane.events.array[: part.books])

        pipeline = ThreadedPipeline(lanes, load, work, unload, self._copiers)
        try:
            timing.pipeline_ns = pipeline.run(parts)
        finally:
            for lane in lanes:
                lane.free()
        timing.copy_in_ns, timing.kernel_ns = pipeline.load.ns, pipeline.work.ns
        timing.copy_out_ns, timing.parts = pipeline.unload.ns, len(parts)
        timing.bytes_in = sum(8 * (COMMAND_WORDS * part.rows + part.books + 1) for part in parts)
        timing.bytes_out = plan.counters.nbytes + (0 if plan.events is None else plan.events.nbytes)

    def _match(
        self,
        books: Placed,
        plan: StepPlan,
        commands: Words,
        offsets: npt.NDArray[np.int64],
        events: Words,
        counters: Words,
        part: Part,
        timing: Timing,
    ) -> None:
        """Runs a part on the workers; its arrays begin with its first book."""
        kernel = self._match_kernel(plan.keep)
        first = plan.first + part.first
        pool, terms = books.pool.array[first : first + part.books], books.terms.array

        def work(low: int, high: int) -> None:
            kernel(pool, terms, commands, offsets, events, low, high)
            self._count(pool, counters, low, high)

        ranges = [(0, part.books)]
        if self.threads > 1 and part.rows + part.books > ROWS_INLINE_MAX:
            ranges = [(piece.first, piece.last) for piece in cut(offsets, self.threads * RANGES_OF_A_WORKER)]
        timing.worker_ns += self.run_ranges(ranges, work)

    def runner(self) -> Runner:
        """What runs other kernels on the same workers."""
        return _CpuRunner(self)

    def close(self) -> None:
        """Ends its threads, and gives free memory back."""
        self._is_closed = True
        for threads in (self._workers, self._copiers):
            if threads is not None:
                threads.shutdown()
        self.memory.device.trim()
        self.memory.host.trim()


class _CpuRunner:
    """Runs kernels of ``bulk_cpu`` on a backend's workers."""

    target: Target = "cpu"

    def __init__(self, backend: CpuBackend) -> None:
        self._backend = backend

    def empty(self, shape: int | tuple[int, ...]) -> Words:
        """Memory for words, from the backend's pool."""
        return self._backend.memory.host_array((shape,) if isinstance(shape, int) else shape, np.uint64)

    def give(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The array itself."""
        return array

    def take(self, array: Any) -> npt.NDArray[Any]:
        """The array itself."""
        taken: npt.NDArray[Any] = array
        return taken

    def run(self, name: str, count: int, *arguments: Any) -> None:
        """Runs the entry with this name over ``count`` items."""
        kernel = compiled(getattr(bulk_cpu, name), "cpu")
        self._backend.run_ranges(self._backend.even_ranges(count), lambda low, high: kernel(*arguments, low, high))

    def run_with_scratch(self, name: str, count: int, words: int, *arguments: Any) -> None:
        """The same, with so many words of work space for each worker."""
        kernel = compiled(getattr(bulk_cpu, name), "cpu")
        spare = [self.empty(words) for _ in range(self._backend.threads)]

        def work(low: int, high: int) -> None:
            scratch = spare.pop()
            kernel(*arguments, scratch, low, high)
            spare.append(scratch)

        self._backend.run_ranges(self._backend.even_ranges(count), work)


def _whole(plan: StepPlan) -> Part:
    """The batch as one part."""
    return Part(0, len(plan.offsets) - 1, int(plan.offsets[0]), int(plan.offsets[-1]))
