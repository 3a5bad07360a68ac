"""An NVIDIA GPU as a device for many books, and numba-cuda's simulator of one: the same class, the same kernels.

A batch goes through in parts, each on a stream of its own: commands are written to pinned memory, copied to the
device and matched, and the results are copied to pinned memory, which is what the caller gets. What one stream
copies, another one's kernel hides. Books lie one after another, so that a part is a piece of the pool, and both forms
of matching take it.

This has been run in the simulator alone; no GPU was there to try it on.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import cuda

from proofbook.errors import InputError
from proofbook.gpu import checks
from proofbook.gpu.backends import Backend, Placed, StepPlan
from proofbook.gpu.counting import COUNTER_WORDS
from proofbook.gpu.counting_cuda import count_books, find_flaw
from proofbook.gpu.cpu import PARTS_OF_A_STREAM, STREAMS_MAX
from proofbook.gpu.kernels import match_cuda
from proofbook.gpu.kernels.compile import compiled
from proofbook.gpu.kernels.layout import COMMAND_WORDS, EVENT_WORDS, Capacity, Words, starts
from proofbook.gpu.kernels.runners import CudaRunner, Runner
from proofbook.gpu.market import require_whole
from proofbook.gpu.memory import DeviceArray, MemoryManager, Pool, aligned_host_bytes, physical_memory_bytes
from proofbook.gpu.metrics import Timing
from proofbook.gpu.streams import Part, cut

THREADS_OF_A_BLOCK = 64
"""Few, since a thread that matches needs many registers: small blocks fill a multiprocessor better."""

SIMULATED_THREADS_OF_A_BLOCK = 8
"""In the simulator each is a thread of Python; its blocks run one after another."""

SHARED_BYTES = 48 << 10
"""Shared memory that a block may have on every GPU."""

BOOKS_OF_A_MULTIPROCESSOR = 64
"""With fewer books for each multiprocessor than this, a thread for each leaves the GPU waiting for memory."""

NO_FLAW = (1 << 63) - 1

FORMS = ("auto", "thread", "group")

FREE_SHARE = 0.9
"""How much of a GPU's free memory may be taken where nobody says."""

_simulator_lock = threading.Lock()
"""The simulator runs one kernel at a time in a process, and says so by failing."""


class _Mark:
    """A moment on a stream. The simulator's events have no times, but everything happens at once: the clock does."""

    def __init__(self, is_simulated: bool) -> None:
        self._event: Any = None if is_simulated else cuda.event(timing=True)
        self._ns = 0

    def record(self, stream: Any) -> None:
        """Notes the moment at which the stream gets here."""
        if self._event is None:
            self._ns = time.perf_counter_ns()
        else:
            self._event.record(stream)

    def wait(self) -> None:
        """Waits until the stream got here."""
        if self._event is not None:
            self._event.synchronize()

    def since(self, before: _Mark) -> int:
        """The nanoseconds from another moment to this one; both have passed."""
        if self._event is None:
            return self._ns - before._ns
        return int(cuda.event_elapsed_time(before._event, self._event) * 1e6)


class _Lane:
    """A stream with its buffers: pinned ones to copy from, and the device's."""

    def __init__(self, memory: MemoryManager, is_simulated: bool, rows: int, books: int, event_capacity: int) -> None:
        self.stream = cuda.stream()
        self.marks = [_Mark(is_simulated) for _ in range(4)]
        rows = max(rows, 1)
        self.host_commands = memory.host_array((rows, COMMAND_WORDS), np.uint64)
        self.host_offsets = memory.host_array((books + 1,), np.int64)
        self.commands = memory.device_array((rows, COMMAND_WORDS), np.uint64)
        self.offsets = memory.device_array((books + 1,), np.int64)
        self.counters = memory.device_array((books, COUNTER_WORDS), np.uint64)
        self.events: DeviceArray | None = None
        if event_capacity:
            self.events = memory.device_array((books, event_capacity, EVENT_WORDS), np.uint64)
        self.is_busy = False

    def finish(self, timing: Timing) -> None:
        """Waits for the part that is on its way, and adds what it took."""
        if self.is_busy:
            self.marks[3].wait()
            timing.copy_in_ns += self.marks[1].since(self.marks[0])
            timing.kernel_ns += self.marks[2].since(self.marks[1])
            timing.copy_out_ns += self.marks[3].since(self.marks[2])
            self.is_busy = False

    def free(self) -> None:
        """Gives the device's buffers back; nothing may be on its way."""
        for array in (self.commands, self.offsets, self.counters, self.events):
            if array is not None:
                array.free()


def _device_bytes(size_bytes: int) -> Any:
    try:
        return cuda.device_array(size_bytes, dtype=np.uint8)
    except Exception as error:
        if "MEMORY" in str(error).upper():
            raise MemoryError(str(error)) from None
        raise


def _pinned_bytes(size_bytes: int) -> npt.NDArray[np.uint8]:
    array: npt.NDArray[np.uint8] = cuda.pinned_array(size_bytes, dtype=np.uint8)
    return array


def staged_words(capacity: Capacity) -> int:
    """How many words of a book a group of threads can hold in shared memory; 0 if its header and levels do not fit."""
    room = (SHARED_BYTES - match_cuda.BATCH_BYTES) // 8
    index = starts(capacity)[4]
    return next((words for words in (capacity.words, index) if words <= room), 0)


class CudaBackend(Backend):
    """Runs kernels on the first NVIDIA GPU, or in the simulator.

    Args:
        name: "gpu" or "sim".
        streams: how many parts of a batch may be on their way at a time.
        memory_limit_bytes: the most memory of the device that may be taken; most of what is free where it is not given.
        form: whether a book has one "thread" or a "group" of them; "auto" chooses by how many books and commands
            there are.
    """

    def __init__(
        self, name: str, *, streams: int = 2, memory_limit_bytes: int | None = None, form: str = "auto"
    ) -> None:
        self.name = name
        self.is_simulated = name == "sim"
        self.streams = require_whole("streams", streams, 1, STREAMS_MAX)
        if form not in FORMS:
            raise InputError(f"form: expected one of {', '.join(FORMS)}; received {form!r}")
        self.form = form
        limit = memory_limit_bytes
        if limit is None:
            free = float(cuda.current_context().get_memory_info()[0])
            limit = int(free * FREE_SHARE) if math.isfinite(free) else physical_memory_bytes()
        pinned = aligned_host_bytes if self.is_simulated else _pinned_bytes
        self.memory = MemoryManager(
            Pool(f"memory of the device {name!r}", _device_bytes, limit),
            Pool("pinned host memory", pinned, physical_memory_bytes()),
        )
        # Every command is checked before any is sent, so by the CPU where that has them.
        self._check = compiled(checks.first_flaw, "cpu")
        self._count = compiled(count_books, "cuda")
        self._clear = compiled(match_cuda.clear_books, "cuda")
        self.occupancy: dict[str, float] = {}
        self._multiprocessors = 1
        self.description = "numba-cuda's simulator of a GPU"
        if not self.is_simulated:
            device = cuda.get_current_device()
            self._multiprocessors = device.MULTIPROCESSOR_COUNT
            self.description = f"GPU {device.name}"

    def launch(self, kernel: Any, items: int, stream: Any, *arguments: Any) -> None:
        """Starts a kernel with at least one thread for each item."""
        threads = SIMULATED_THREADS_OF_A_BLOCK if self.is_simulated else THREADS_OF_A_BLOCK
        self._start(kernel[-(-items // threads), min(items, threads), stream], *arguments)

    def _start(self, launcher: Any, *arguments: Any) -> None:
        if self.is_simulated:
            with _simulator_lock:
                launcher(*arguments)
        else:
            launcher(*arguments)

    def no_events(self, books: int) -> Any:
        """An array of the device for no events of so many books."""
        return cuda.device_array((books, 0, EVENT_WORDS), dtype=np.uint64)

    def copy_in(self, target: DeviceArray, source: npt.NDArray[Any]) -> None:
        """Copies an array of the host to one of the device, and waits for it."""
        target.array.copy_to_device(np.ascontiguousarray(source))

    def copy_out(self, source: DeviceArray, target: npt.NDArray[Any]) -> None:
        """Copies an array of the device to one of the host, and waits for it."""
        source.array.copy_to_host(target)

    def clear(self, books: Placed, mask: npt.NDArray[np.bool_]) -> None:
        """Makes empty books of those that the mask names."""
        with self.buffer(mask.shape, np.uint8) as which:
            self.copy_in(which, mask.astype(np.uint8))
            self.launch(self._clear, books.books, 0, books.pool.array, books.terms.array, books.no_events, which.array)

    def count(self, books: Placed, first: int, counters: Words) -> None:
        """Writes the counters of books from ``first`` on to an array in host memory."""
        count = len(counters)
        with self.buffer(counters.shape, np.uint64) as counted:
            self.launch(self._count, count, 0, books.pool.array[first : first + count], counted.array)
            self.copy_out(counted, counters)

    @contextmanager
    def buffer(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Iterator[DeviceArray]:
        """Lends an array of the device, and waits for whatever uses it."""
        array = self.memory.device_array(shape, dtype)
        try:
            yield array
            cuda.synchronize()
        finally:
            array.free()

    def check(self, commands: Any, first: int, last: int) -> int:
        """What ``first_flaw`` says of these rows of commands, which are the host's or the device's."""
        if isinstance(commands, np.ndarray):
            return int(self._check(commands, first, last))
        with self.buffer((1,), np.int64) as found:
            self.copy_in(found, np.array([NO_FLAW], dtype=np.int64))
            self.launch(compiled(find_flaw, "cuda"), last - first, 0, commands, first, last, found.array)
            flaw = np.empty(1, dtype=np.int64)
            self.copy_out(found, flaw)
        return -1 if flaw[0] == NO_FLAW else int(flaw[0])

    def read_rows(self, books: Placed, first: int, last: int) -> Words:
        """A copy of some rows of the pool."""
        rows = np.empty((last - first, books.capacity.words), dtype=np.uint64)
        if len(rows):
            books.pool.array[first:last].copy_to_host(rows)
        return rows

    def write_rows(self, books: Placed, first: int, rows: Words) -> None:
        """Overwrites rows of the pool."""
        if len(rows):
            books.pool.array[first : first + len(rows)].copy_to_device(np.ascontiguousarray(rows))

    def prepare(self, books: Placed, keep: int) -> None:
        """Makes the machine code that steps need, by a step of no commands."""
        self._check(np.empty((0, COMMAND_WORDS), dtype=np.uint64), 0, 0)
        counters = np.empty((1, COUNTER_WORDS), dtype=np.uint64)
        plan = StepPlan(np.empty((0, COMMAND_WORDS), np.uint64), np.zeros(2, np.int64), 0, counters, None, keep)
        self.step(books, plan, Timing())

    def step(self, books: Placed, plan: StepPlan, timing: Timing) -> None:
        """Runs a batch in parts, each on the next stream in turn."""
        parts = cut(plan.offsets, 1 if self.streams == 1 else self.streams * PARTS_OF_A_STREAM)
        # Commands that are on the device already are read where they are.
        rows = max((part.rows for part in parts), default=1) if isinstance(plan.commands, np.ndarray) else 1
        most = max((part.books for part in parts), default=0)
        capacity = 0 if plan.events is None else plan.events.shape[1]
        count = min(self.streams, len(parts))
        lanes = [_Lane(self.memory, self.is_simulated, rows, most, capacity) for _ in range(count)]
        begin = time.perf_counter_ns()
        try:
            for number, part in enumerate(parts):
                lane = lanes[number % count]
                # Its pinned buffers are written next, so nothing may be reading them.
                lane.finish(timing)
                self._send(lane, books, plan, part, timing)
            for lane in lanes:
                lane.finish(timing)
        finally:
            cuda.synchronize()
            for lane in lanes:
                lane.free()
        timing.pipeline_ns = time.perf_counter_ns() - begin
        timing.parts = len(parts)

    def _send(self, lane: _Lane, books: Placed, plan: StepPlan, part: Part, timing: Timing) -> None:
        """Puts a part on its way."""
        rows, count, stream = part.rows, part.books, lane.stream
        is_there = not isinstance(plan.commands, np.ndarray)
        base = 0 if is_there else part.row_first
        np.subtract(plan.offsets[part.first : part.last + 1], base, out=lane.host_offsets[: count + 1])
        if not is_there:
            np.copyto(lane.host_commands[:rows], plan.commands[part.row_first : part.row_last])
        lane.is_busy = True
        lane.marks[0].record(stream)
        if rows and not is_there:
            lane.commands.array[:rows].copy_to_device(lane.host_commands[:rows], stream=stream)
            timing.bytes_in += 8 * COMMAND_WORDS * rows
        lane.offsets.array[: count + 1].copy_to_device(lane.host_offsets[: count + 1], stream=stream)
        lane.marks[1].record(stream)
        self._match(lane, books, plan, part)
        lane.marks[2].record(stream)
        lane.counters.array[:count].copy_to_host(plan.counters[part.first : part.last], stream=stream)
        timing.bytes_out += 8 * COUNTER_WORDS * count
        if plan.events is not None and lane.events is not None:
            lane.events.array[:count].copy_to_host(plan.events[part.first : part.last], stream=stream)
            timing.bytes_out += plan.events[part.first : part.last].nbytes
        lane.marks[3].record(stream)
        timing.bytes_in += 8 * (count + 1)

    def _match(self, lane: _Lane, books: Placed, plan: StepPlan, part: Part) -> None:
        """Starts the kernel that matches a part, in the form that suits it, and the one that counts."""
        first, count, stream = plan.first + part.first, part.books, lane.stream
        pool = books.pool.array[first : first + count]
        events = books.no_events if lane.events is None else lane.events.array
        commands = lane.commands.array if isinstance(plan.commands, np.ndarray) else plan.commands
        arguments = (pool, books.terms.array, commands, lane.offsets.array, events)
        if self._is_for_groups(books, part):
            words = staged_words(books.capacity)
            kernel = compiled(match_cuda.match_books_together, "cuda", KEEP=plan.keep)
            self._start(kernel[count, match_cuda.GROUP_THREADS, stream, 8 * words], *arguments, words)
        else:
            kernel = compiled(match_cuda.match_books, "cuda", KEEP=plan.keep)
            self.launch(kernel, count, stream, *arguments)
        self.launch(self._count, count, stream, pool, lane.counters.array)
        self._note_occupancy(
            kernel, match_cuda.GROUP_THREADS if self._is_for_groups(books, part) else THREADS_OF_A_BLOCK
        )

    def _is_for_groups(self, books: Placed, part: Part) -> bool:
        """Whether groups are the better form: few books, and more commands for each than its copy costs."""
        if staged_words(books.capacity) == 0 or self.form == "thread":
            return False
        if self.form == "group":
            return True
        is_few = books.books < self._multiprocessors * BOOKS_OF_A_MULTIPROCESSOR
        return not self.is_simulated and is_few and part.rows > part.books * books.capacity.orders

    def _note_occupancy(self, kernel: Any, threads: int) -> None:
        """What the compiler and the driver say of the kernel that matches."""
        if self.is_simulated or self.occupancy:
            return
        context, device = cuda.current_context(), cuda.get_current_device()
        for overload in kernel.overloads.values():
            blocks = context.get_active_blocks_per_multiprocessor(overload._codelibrary.get_cufunc(), threads, 0)
            self.occupancy.update(
                registers_per_thread=float(overload.regs_per_thread),
                local_bytes_per_thread=float(overload.local_mem_per_thread),
                threads_per_block=float(threads),
                blocks_per_multiprocessor=float(blocks),
                multiprocessors=float(self._multiprocessors),
                occupancy=blocks * threads / float(device.MAX_THREADS_PER_MULTI_PROCESSOR),
            )

    def runner(self) -> Runner:
        """What runs other kernels, with memory from this device's pool."""
        return _PooledRunner(self)

    def close(self) -> None:
        """Gives free memory back."""
        self.memory.device.trim()
        self.memory.host.trim()


class _PooledRunner(CudaRunner):
    """Runs kernels of ``bulk_cuda`` on the usual stream, which waits for all others, with arrays from a pool."""

    def __init__(self, backend: CudaBackend) -> None:
        super().__init__()
        self._pool = backend.memory.device
        self._is_simulated = backend.is_simulated

    def _array(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Any:
        """An array whose block goes back when the array is gone. Whoever keeps a slice of it keeps it too."""
        kind = np.dtype(dtype)
        size_bytes = math.prod(shape) * kind.itemsize
        block = self._pool.take(size_bytes)
        array = block.memory[:size_bytes].view(kind).reshape(*shape)
        weakref.finalize(array, self._pool.give_back, block)
        return array

    def empty(self, shape: int | tuple[int, ...]) -> Any:
        """Memory for words, on the device."""
        return self._array((shape,) if isinstance(shape, int) else shape, np.uint64)

    def give(self, array: npt.NDArray[Any]) -> Any:
        """A copy on the device."""
        if not array.size:
            return super().give(array)
        given = self._array(array.shape, array.dtype)
        given.copy_to_device(np.ascontiguousarray(array))
        return given

    def run(self, name: str, count: int, *arguments: Any) -> None:
        """Queues a kernel with as many threads as it needs."""
        with _simulator_lock if self._is_simulated else nullcontext():
            super().run(name, count, *arguments)
