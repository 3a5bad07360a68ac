"""An NVIDIA GPU as a device for many books, and numba-cuda's simulator of one: the same class, the same kernels.

Books lie interleaved (order ``F``): neighbouring threads have neighbouring books, and read neighbouring words. A batch goes through in parts,
each on a stream of its own: commands are written to pinned memory, copied to the device, matched, and the results copied to pinned memory,
which is the caller's result. What one stream copies, another one's kernel hides.

This machine-independent code has been run in the simulator alone; on hardware it has not been tried.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import cuda

from proofbook.gpu import checks, steps_cuda
from proofbook.gpu.backends import Backend, Placed, StepPlan
from proofbook.gpu.cpu import PARTS_OF_A_STREAM, STREAMS_MAX, physical_memory_bytes
from proofbook.gpu.kernels.compile import compiled
from proofbook.gpu.kernels.layout import COMMAND_WORDS, EVENT_WORDS, Order, Words
from proofbook.gpu.market import require_whole
from proofbook.gpu.memory import DeviceArray, MemoryManager, Pool, aligned_host_bytes
from proofbook.gpu.metrics import Timing
from proofbook.gpu.steps import COUNTER_WORDS
from proofbook.gpu.streams import Part, cut

THREADS_OF_A_BLOCK = 64
"""Few, since a thread that matches needs many registers: small blocks fill a multiprocessor better."""

SIMULATED_THREADS = 4
"""Threads of a launch in the simulator, where each is a thread of Python."""

FREE_SHARE = 0.9
"""How much of a GPU's free memory may be taken where nobody says."""

_simulator_lock = threading.Lock()
"""The simulator runs one kernel at a time in a process, and says so by failing."""


class _Mark:
    """A moment on a stream. The simulator's events have no times, but there everything happens at once: the clock does."""

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


class CudaBackend(Backend):
    """Runs kernels on the first NVIDIA GPU, or in the simulator.

    Args:
        name: "gpu" or "sim".
        streams: how many parts of a batch may be on their way at a time.
        memory_limit_bytes: the most memory of the device that may be taken; most of what is free where it is not given.
    """

    order: Order = "F"

    def __init__(self, name: str, *, streams: int = 2, memory_limit_bytes: int | None = None) -> None:
        self.name = name
        self.is_simulated = name == "sim"
        self.streams = require_whole("streams", streams, 1, STREAMS_MAX)
        limit = memory_limit_bytes
        if limit is None:
            free = float(cuda.current_context().get_memory_info()[0])
            limit = int(free * FREE_SHARE) if math.isfinite(free) else physical_memory_bytes()
        pinned = aligned_host_bytes if self.is_simulated else _pinned_bytes
        self.memory = MemoryManager(
            Pool(f"memory of the device {name!r}", _device_bytes, limit),
            Pool("pinned host memory", pinned, physical_memory_bytes()),
        )
        # Every command is checked before any is sent, so by the CPU, which has them.
        self._check = compiled(checks.first_flaw, "cpu")
        self.description = "numba-cuda's simulator of a GPU"
        self.occupancy: dict[str, float] = {}
        if not self.is_simulated:
            self.description = f"GPU {cuda.get_current_device().name}"

    def launch(self, kernel: Any, items: int, stream: Any, *arguments: Any) -> None:
        """Starts a kernel with about as many threads as there are items."""
        if self.is_simulated:
            with _simulator_lock:
                kernel[1, max(1, min(items, SIMULATED_THREADS)), stream](*arguments)
        elif items:
            kernel[-(-items // THREADS_OF_A_BLOCK), THREADS_OF_A_BLOCK, stream](*arguments)

    def copy_in(self, target: DeviceArray, source: npt.NDArray[Any]) -> None:
        """Copies an array of the host to one of the device, and waits for it."""
        target.array.copy_to_device(np.ascontiguousarray(source))

    def copy_out(self, source: DeviceArray, target: npt.NDArray[Any]) -> None:
        """Copies an array of the device to one of the host, and waits for it."""
        source.array.copy_to_host(target)

    def _with_buffer(self, shape: tuple[int, ...], dtype: npt.DTypeLike, use: Callable[[DeviceArray], None]) -> None:
        """Lends a buffer of the device for a moment."""
        buffer = self.memory.device_array(shape, dtype)
        try:
            use(buffer)
            cuda.synchronize()
        finally:
            buffer.free()

    def clear(self, books: Placed, mask: npt.NDArray[np.bool_]) -> None:
        """Makes empty books of those that the mask names."""
        kernel = compiled(steps_cuda.clear_books, "cuda")

        def use(buffer: DeviceArray) -> None:
            self.copy_in(buffer, mask.astype(np.uint8))
            self.launch(
                kernel, books.books, 0, books.pool.array, books.terms.array, books.nothing.array, buffer.array, books.books
            )

        self._with_buffer((books.books,), np.uint8, use)

    def note(self, books: Placed, counters: Words) -> None:
        """Writes the counters of all books to an array in host memory."""
        kernel = compiled(steps_cuda.note_books, "cuda")

        def use(buffer: DeviceArray) -> None:
            self.launch(kernel, books.books, 0, books.pool.array, buffer.array, books.books)
            self.copy_out(buffer, counters)

        self._with_buffer((books.books, COUNTER_WORDS), np.uint64, use)

    def check(self, commands: Words, first: int, last: int) -> int:
        """What ``first_flaw`` says of these rows of commands."""
        return int(self._check(commands, first, last))

    def read_rows(self, books: Placed, first: int, last: int) -> Words:
        """A copy of some rows of the pool, book by book."""
        rows = np.empty((last - first, books.capacity.words), dtype=np.uint64)
        kernel = compiled(steps_cuda.read_rows, "cuda")

        def use(buffer: DeviceArray) -> None:
            self.launch(kernel, rows.size, 0, books.pool.array, buffer.array, first, last - first)
            self.copy_out(buffer, rows)

        self._with_buffer(rows.shape, np.uint64, use)
        return rows

    def write_rows(self, books: Placed, first: int, rows: Words) -> None:
        """Overwrites rows of the pool."""
        kernel = compiled(steps_cuda.write_rows, "cuda")

        def use(buffer: DeviceArray) -> None:
            self.copy_in(buffer, rows)
            self.launch(kernel, rows.size, 0, books.pool.array, buffer.array, first, len(rows))

        self._with_buffer(rows.shape, np.uint64, use)

    def prepare(self, books: Placed, keep: int) -> None:
        """Makes the machine code that steps need, by a step of no commands."""
        self._check(np.empty((0, COMMAND_WORDS), dtype=np.uint64), 0, 0)
        counters = np.empty((1, COUNTER_WORDS), dtype=np.uint64)
        plan = StepPlan(np.empty((0, COMMAND_WORDS), np.uint64), np.zeros(2, np.int64), 0, counters, None, keep)
        self.step(books, plan, Timing())

    def step(self, books: Placed, plan: StepPlan, timing: Timing) -> None:
        """Runs a batch in parts, each on the next stream in turn."""
        parts = cut(plan.offsets, 1 if self.streams == 1 else self.streams * PARTS_OF_A_STREAM)
        rows = max((part.rows for part in parts), default=0)
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
        self._note_occupancy(compiled(steps_cuda.step_books, "cuda", KEEP=plan.keep))

    def _send(self, lane: _Lane, books: Placed, plan: StepPlan, part: Part, timing: Timing) -> None:
        """Puts a part on its way."""
        kernel = compiled(steps_cuda.step_books, "cuda", KEEP=plan.keep)
        rows, count, stream = part.rows, part.books, lane.stream
        np.copyto(lane.host_commands[:rows], plan.commands[part.row_first : part.row_last])
        np.subtract(plan.offsets[part.first : part.last + 1], part.row_first, out=lane.host_offsets[: count + 1])
        lane.is_busy = True
        lane.marks[0].record(stream)
        if rows:
            lane.commands.array[:rows].copy_to_device(lane.host_commands[:rows], stream=stream)
        lane.offsets.array[: count + 1].copy_to_device(lane.host_offsets[: count + 1], stream=stream)
        lane.marks[1].record(stream)
        events = books.nothing if lane.events is None else lane.events
        self.launch(
            kernel,
            count,
            stream,
            books.pool.array,
            books.terms.array,
            lane.commands.array,
            lane.offsets.array,
            events.array,
            lane.counters.array,
            plan.first + part.first,
            count,
        )
        lane.marks[2].record(stream)
        lane.counters.array[:count].copy_to_host(plan.counters[part.first : part.last], stream=stream)
        timing.bytes_out += 8 * COUNTER_WORDS * count
        if plan.events is not None and lane.events is not None:
            lane.events.array[:count].copy_to_host(plan.events[part.first : part.last], stream=stream)
            timing.bytes_out += plan.events[part.first : part.last].nbytes
        lane.marks[3].record(stream)
        timing.bytes_in += 8 * (COMMAND_WORDS * rows + count + 1)

    def _note_occupancy(self, kernel: Any) -> None:
        """What the compiler and the driver say of the kernel that matches."""
        if self.is_simulated or self.occupancy:
            return
        context, device = cuda.current_context(), cuda.get_current_device()
        for overload in kernel.overloads.values():
            blocks = context.get_active_blocks_per_multiprocessor(overload._codelibrary.get_cufunc(), THREADS_OF_A_BLOCK, 0)
            self.occupancy = {
                "registers_per_thread": float(overload.regs_per_thread),
                "local_bytes_per_thread": float(overload.local_mem_per_thread),
                "threads_per_block": float(THREADS_OF_A_BLOCK),
                "blocks_per_multiprocessor": float(blocks),
                "multiprocessors": float(device.MULTIPROCESSOR_COUNT),
                "occupancy": blocks * THREADS_OF_A_BLOCK / float(device.MAX_THREADS_PER_MULTI_PROCESSOR),
            }

    def close(self) -> None:
        """Gives free memory back."""
        self.memory.device.trim()
        self.memory.host.trim()
