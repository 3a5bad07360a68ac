"""Devices for many books, by name, and what each of them must do.

``cpu`` needs numba, ``gpu`` numba-cuda with CUDA's libraries, a driver and a GPU, ``sim`` numba-cuda alone: its
simulator, which is slow and for tests. ``auto`` is the GPU where all that is there, else the CPU. What is missing is
one sentence that says what to do about it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from proofbook.errors import DeviceError, InputError
from proofbook.gpu.commands import Offsets
from proofbook.gpu.kernels.layout import Capacity, Words
from proofbook.gpu.kernels.runners import Runner
from proofbook.gpu.memory import DeviceArray, MemoryManager
from proofbook.gpu.metrics import Timing

DeviceName = Literal["auto", "cpu", "gpu", "sim"]
Keep = Literal["none", "digest", "all"]

DEVICES: tuple[str, ...] = get_args(DeviceName)
KEEPS: tuple[str, ...] = get_args(Keep)

SIMULATOR_VARIABLE = "NUMBA_ENABLE_CUDASIM"

NUMBA_MISSING = 'many books at once need numba: pip install "proofbook[many]"'


@dataclass
class StepPlan:
    """What a step has to do.

    Attributes:
        commands: ``uint64[rows, 9]``, in host memory or, for a GPU, in its own.
        offsets: ``int64[books + 1]``: where each book's rows are.
        first: where the first of these books is among those that the device has room for.
        counters: ``uint64[books, 11]`` in host memory, where the counters are written.
        events: ``uint64[books, capacity, 7]`` in host memory, where events are written, in the mode that keeps all.
        keep: which events are kept.
    """

    commands: Any
    offsets: Offsets
    first: int
    counters: Words
    events: Words | None
    keep: int


@dataclass
class Placed:
    """The books of a pool in the memory of a device.

    Attributes:
        pool: their rows.
        terms: what kernels read of the market's terms.
        no_events: ``uint64[books, 0, 7]``, for kernels that keep none.
        capacity: how much each book holds.
        books: how many there are.
    """

    pool: DeviceArray
    terms: DeviceArray
    no_events: Any
    capacity: Capacity
    books: int

    def free(self) -> None:
        """Gives their memory back."""
        for array in (self.pool, self.terms):
            array.free()


class Backend(ABC):
    """A device that runs the kernels.

    Attributes:
        name: its name, one of ``DEVICES`` but ``auto``.
        description: what it is, for people.
        memory: its pools of memory.
        occupancy: what is known of how well it is used, by name.
    """

    name: str
    description: str
    memory: MemoryManager
    occupancy: dict[str, float]

    def place(self, books: int, capacity: Capacity, terms: Words) -> Placed:
        """Memory for so many books. They are no books before they are cleared.

        Raises:
            DeviceError: there is no room for them.
        """
        pool = self.memory.device_array((books, capacity.words), np.uint64)
        placed_terms = self.memory.device_array(terms.shape, np.uint64)
        self.copy_in(placed_terms, terms)
        return Placed(pool, placed_terms, self.no_events(books), capacity, books)

    @abstractmethod
    def no_events(self, books: int) -> Any:
        """An array of the device for no events of so many books."""

    @abstractmethod
    def copy_in(self, target: DeviceArray, source: npt.NDArray[Any]) -> None:
        """Copies an array of the host to one of the device with the same shape, and waits for it."""

    @abstractmethod
    def copy_out(self, source: DeviceArray, target: npt.NDArray[Any]) -> None:
        """Copies an array of the device to one of the host with the same shape, and waits for it."""

    @abstractmethod
    def clear(self, books: Placed, mask: npt.NDArray[np.bool_]) -> None:
        """Makes empty books of those that the mask names."""

    @abstractmethod
    def prepare(self, books: Placed, keep: int) -> None:
        """Makes the machine code that steps need, so that the first one takes no longer than the others."""

    @abstractmethod
    def step(self, books: Placed, plan: StepPlan, timing: Timing) -> None:
        """Runs a batch of commands that were checked, and writes what it took to ``timing``."""

    @abstractmethod
    def count(self, books: Placed, first: int, counters: Words) -> None:
        """Writes the counters of books from ``first`` on to an array in host memory, as many as it has rows."""

    @abstractmethod
    def read_rows(self, books: Placed, first: int, last: int) -> Words:
        """A copy of some rows of the pool, in host memory, book by book."""

    @abstractmethod
    def write_rows(self, books: Placed, first: int, rows: Words) -> None:
        """Overwrites rows of the pool, from ``first`` on."""

    @abstractmethod
    def check(self, commands: Any, first: int, last: int) -> int:
        """What ``first_flaw`` says of these rows of commands."""

    @abstractmethod
    def runner(self) -> Runner:
        """What runs the kernels that sort, aggregate and write states, with memory from these pools."""

    @abstractmethod
    def close(self) -> None:
        """Ends its threads, and gives free memory back."""


def missing(device: str) -> str | None:
    """Why a device cannot be used here, in one sentence; ``None`` if it can.

    Raises:
        InputError: there is no device of that name.
    """
    require_device(device)
    if importlib.util.find_spec("numba") is None:
        return NUMBA_MISSING
    if device in ("cpu", "auto"):
        return None
    if importlib.util.find_spec("numba_cuda") is None:
        return f'the device {device!r} needs numba-cuda: pip install "proofbook[gpu]"'
    is_simulated = os.environ.get(SIMULATOR_VARIABLE, "0") == "1"
    if device == "sim":
        if is_simulated or "numba" not in sys.modules:
            return None
        return f"the device 'sim' needs {SIMULATOR_VARIABLE}=1 in the environment before numba is imported"
    if is_simulated:
        return f"the device 'gpu' cannot be used while {SIMULATOR_VARIABLE}=1: name 'sim', or unset the variable"
    return _gpu_missing()


def _gpu_missing() -> str | None:
    """Why there is no GPU, in one sentence; ``None`` if there is one."""
    try:
        from numba import cuda
    except Exception as error:  # what numba-cuda raises for want of a library is of many classes
        return _libraries_missing("gpu", error)
    try:
        if not cuda.cudadrv.driver.driver.is_available:
            return "the device 'gpu' needs NVIDIA's driver, which was not found on this machine"
        if len(cuda.gpus) == 0:
            return "the device 'gpu' needs an NVIDIA GPU, and the driver finds none on this machine"
        if not cuda.is_available():
            return _libraries_missing("gpu", ImportError("NVVM, its compiler, was not found"))
    except Exception as error:  # the driver's own errors are of many classes too
        return f"the device 'gpu' needs a working NVIDIA driver; it says: {_first_line(error)}"
    return None


def _libraries_missing(device: str, error: Exception) -> str:
    return f'the device {device!r} needs CUDA\'s libraries: pip install "proofbook[gpu]" ({_first_line(error)})'


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def require_device(device: str) -> None:
    """Refuses a name that no device has.

    Raises:
        InputError: with the names that there are.
    """
    if device not in DEVICES:
        raise InputError(f"device: expected one of {', '.join(DEVICES)}; received {device!r}")


def choose(
    device: str = "auto",
    *,
    threads: int | None = None,
    streams: int | None = None,
    memory_limit_bytes: int | None = None,
) -> Backend:
    """The device of a name, ready for use.

    Args:
        device: one of ``DEVICES``.
        threads: workers of a CPU; as many as it lets this process use where it is not given.
        streams: how many parts may be on their way at a time; 1 works in sequence. A CPU that is not told reads and
            writes the caller's arrays where they are, a GPU has two streams.
        memory_limit_bytes: the most of the device's memory that may be taken; what is there where it is not given.

    Raises:
        DeviceError: what it needs is missing; the message is one sentence.
        InputError: there is no device of that name, or a number is out of range.
    """
    require_device(device)
    if device == "auto":
        device = "cpu" if missing("gpu") else "gpu"
        # They are how many a CPU has, if it is one.
        threads = threads if device == "cpu" else None
    reason = missing(device)
    if reason is not None:
        raise DeviceError(reason)
    if device == "cpu":
        from proofbook.gpu.cpu import CpuBackend

        return CpuBackend(threads=threads, streams=streams, memory_limit_bytes=memory_limit_bytes)
    if device == "sim":
        # Numba reads this when it is imported, and it is not: `missing` made sure.
        os.environ[SIMULATOR_VARIABLE] = "1"
    if threads is not None:
        raise InputError(f"threads: expected none for the device {device!r}, which has its own; received {threads}")
    try:
        from proofbook.gpu.cuda import CudaBackend
    except Exception as error:  # what numba-cuda raises for want of a library is of many classes
        raise DeviceError(_libraries_missing(device, error)) from error
    return CudaBackend(device, streams=2 if streams is None else streams, memory_limit_bytes=memory_limit_bytes)
