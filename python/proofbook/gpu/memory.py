"""Memory of a device: blocks are taken from pools and go back to them, so that a step of a warm pool allocates nothing.

There are two pools for each device: one of its own memory, one of host memory from which and to which it copies
(pinned, where the device is a GPU). A pool keeps free blocks by size class; the classes lie a quarter of a power of
two apart, so that at most a fifth of a block larger than the smallest is unused.

Invariants:
- a pool never holds more than its limit: free blocks of other classes are let go first, then the request is refused;
- a block is in use once: it comes back when the last array over it is gone, never earlier;
- blocks may come back in any thread, also from the garbage collector in the middle of a ``take``: they are put on a
  queue that needs no lock, and the next ``take`` sorts them in.
"""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from proofbook.errors import DeviceError, InputError

ALIGNMENT_BYTES = 64
"""Where a block of host memory starts: a line of a cache."""

BLOCK_BYTES_MIN = 4096
"""The smallest size class."""


def physical_memory_bytes() -> int:
    """The memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def class_bytes(size_bytes: int) -> int:
    """The size of the smallest class that holds so many bytes.

    >>> class_bytes(1), class_bytes(5000), class_bytes(8192), class_bytes(8193)
    (4096, 5120, 8192, 10240)
    """
    if size_bytes < 0:
        raise InputError(f"size_bytes: expected zero or more; received {size_bytes}")
    if size_bytes <= BLOCK_BYTES_MIN:
        return BLOCK_BYTES_MIN
    quarter = 1 << max((size_bytes - 1).bit_length() - 3, 0)
    return -(-size_bytes // quarter) * quarter


def aligned_host_bytes(size_bytes: int) -> npt.NDArray[np.uint8]:
    """Fresh host memory that starts at a line of a cache."""
    raw = np.empty(size_bytes + ALIGNMENT_BYTES, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGNMENT_BYTES
    return raw[start : start + size_bytes]


@dataclass(frozen=True)
class PoolStatistics:
    """What a pool holds and did.

    Attributes:
        allocations: blocks that were asked of the system.
        reuses: blocks that were taken from the pool instead.
        releases: blocks that were given back to the system to make room.
        refusals: requests that the limit did not allow.
        held_bytes: all blocks, free or in use.
        in_use_bytes: the blocks in use.
        in_use_bytes_max: the most that were in use at a time.
        requested_bytes: what was asked for of the blocks in use; the rest of them is lost to size classes.
        limit_bytes: the most that the pool may hold.
    """

    allocations: int
    reuses: int
    releases: int
    refusals: int
    held_bytes: int
    in_use_bytes: int
    in_use_bytes_max: int
    requested_bytes: int
    limit_bytes: int


@dataclass
class Block:
    """Memory from a pool.

    Attributes:
        memory: one dimension of bytes, of the device or of the host.
        size_bytes: the size of its class.
        requested_bytes: how much was asked for.
    """

    memory: Any
    size_bytes: int
    requested_bytes: int = 0


class Pool:
    """Blocks of one kind of memory, by size class.

    Args:
        name: what the memory is, for messages: "device memory", "host memory".
        allocate: asks the system for so many bytes, and gives one dimension of them.
        limit_bytes: the most that the pool may hold.
    """

    def __init__(self, name: str, allocate: Callable[[int], Any], limit_bytes: int) -> None:
        if limit_bytes < BLOCK_BYTES_MIN:
            raise InputError(f"limit_bytes of {name}: expected {BLOCK_BYTES_MIN} or more; received {limit_bytes}")
        self.name = name
        self._allocate = allocate
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._free: dict[int, list[Block]] = {}
        self._returned: deque[Block] = deque()
        self._allocations = self._reuses = self._releases = self._refusals = 0
        self._held_bytes = self._in_use_bytes = self._in_use_bytes_max = self._requested_bytes = 0

    def take(self, size_bytes: int) -> Block:
        """A block of at least so many bytes, with whatever is in it.

        Raises:
            DeviceError: it does not fit beside what is in use, or the system has no more.
        """
        size = class_bytes(size_bytes)
        with self._lock:
            self._sort_in()
            free = self._free.get(size)
            if free:
                block = free.pop()
                self._reuses += 1
            else:
                self._make_room(size, size_bytes)
                block = Block(self._ask_system(size, size_bytes), size)
                self._allocations += 1
                self._held_bytes += size
            block.requested_bytes = size_bytes
            self._requested_bytes += size_bytes
            self._in_use_bytes += size
            self._in_use_bytes_max = max(self._in_use_bytes_max, self._in_use_bytes)
            return block

    def give_back(self, block: Block) -> None:
        """Takes a block back. It needs no lock, so it may be called from anywhere."""
        self._returned.append(block)

    def statistics(self) -> PoolStatistics:
        """What the pool holds and did."""
        with self._lock:
            self._sort_in()
            return PoolStatistics(
                allocations=self._allocations,
                reuses=self._reuses,
                releases=self._releases,
                refusals=self._refusals,
                held_bytes=self._held_bytes,
                in_use_bytes=self._in_use_bytes,
                in_use_bytes_max=self._in_use_bytes_max,
                requested_bytes=self._requested_bytes,
                limit_bytes=self._limit_bytes,
            )

    def trim(self) -> int:
        """Gives every free block back to the system; says how many bytes they had."""
        with self._lock:
            self._sort_in()
            before = self._held_bytes
            self._release_until(0)
            return before - self._held_bytes

    def _sort_in(self) -> None:
        while self._returned:
            block = self._returned.popleft()
            self._in_use_bytes -= block.size_bytes
            self._requested_bytes -= block.requested_bytes
            self._free.setdefault(block.size_bytes, []).append(block)

    def _release_until(self, held_bytes: int) -> None:
        """Lets free blocks go, the largest first, until no more than so many bytes are held."""
        for size in sorted(self._free, reverse=True):
            free = self._free[size]
            while free and self._held_bytes > held_bytes:
                free.pop()
                self._releases += 1
                self._held_bytes -= size

    def _make_room(self, size: int, size_bytes: int) -> None:
        if self._in_use_bytes + size > self._limit_bytes:
            self._refusals += 1
            raise DeviceError(
                f"{self.name}: expected at most {self._limit_bytes:,} bytes in use; received a request for "
                f"{size_bytes:,} bytes beside {self._in_use_bytes:,} in use"
            )
        if self._held_bytes + size > self._limit_bytes:
            self._release_until(self._limit_bytes - size)

    def _ask_system(self, size: int, size_bytes: int) -> Any:
        try:
            return self._allocate(size)
        except MemoryError:
            self._release_until(0)
        try:
            return self._allocate(size)
        except MemoryError:
            self._refusals += 1
            raise DeviceError(f"{self.name}: {size_bytes:,} bytes were asked for, and the system has no more") from None


class _Loan:
    """Holds a block for as long as an array over it lives: the array's base is this object."""

    def __init__(self, pool: Pool, size_bytes: int) -> None:
        self._pool = pool
        self.block = pool.take(size_bytes)
        self.__array_interface__ = self.block.memory[:size_bytes].__array_interface__

    def __del__(self) -> None:
        block = getattr(self, "block", None)
        if block is not None:
            self._pool.give_back(block)


class DeviceArray:
    """An array in a device's memory, over a block that goes back to its pool with this object or by ``free``.

    Whoever gives it back uses it no more: that would be another's memory by then.
    """

    def __init__(self, pool: Pool, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self._pool = pool
        self._block: Block | None = None
        count = math.prod(shape)
        kind = np.dtype(dtype)
        block = pool.take(count * kind.itemsize)
        self._block = block
        self._array: Any = block.memory[: count * kind.itemsize].view(kind).reshape(*shape)

    @property
    def array(self) -> Any:
        """What kernels of the device take.

        Raises:
            DeviceError: the memory was given back.
        """
        if self._block is None:
            raise DeviceError(f"{self._pool.name}: this array was given back, as books are that were closed")
        return self._array

    def free(self) -> None:
        """Gives the block back."""
        block, self._block = self._block, None
        if block is not None:
            self._array = None
            self._pool.give_back(block)

    def __del__(self) -> None:
        self.free()


class MemoryManager:
    """The pools of one device.

    Args:
        device: its own memory.
        host: host memory that it copies from and to.
    """

    def __init__(self, device: Pool, host: Pool) -> None:
        self.device = device
        self.host = host

    def device_array(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> DeviceArray:
        """An array in the device's memory, with whatever is in it."""
        return DeviceArray(self.device, shape, dtype)

    def host_array(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """A NumPy array over a block of host memory, with whatever is in it.

        The block goes back to the pool once the array and every view of it are gone: whoever keeps one keeps the block.
        """
        kind = np.dtype(dtype)
        loan = _Loan(self.host, math.prod(shape) * kind.itemsize)
        return np.asarray(loan).view(kind).reshape(shape)

    def statistics(self) -> dict[str, PoolStatistics]:
        """What each pool holds and did, by its kind of memory."""
        return {"device": self.device.statistics(), "host": self.host.statistics()}

    @property
    def allocations(self) -> int:
        """Blocks that were asked of the system so far, in both pools: a warm step adds none."""
        return self.device.statistics().allocations + self.host.statistics().allocations
