"""Pools of memory: size classes, limits, and blocks that come back by themselves."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

pytest.importorskip("numba", reason="the packages of the extra `many` are not installed")

from proofbook import DeviceError, InputError
from proofbook.gpu.memory import ALIGNMENT_BYTES, BLOCK_BYTES_MIN, MemoryManager, Pool, aligned_host_bytes, class_bytes

LIMIT = 1 << 20


def pool(limit: int = LIMIT) -> Pool:
    return Pool("test memory", aligned_host_bytes, limit)


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES_MIN, BLOCK_BYTES_MIN + 1, 12_345, 1 << 20, (1 << 20) + 1, 10**12])
def test_a_class_holds_what_it_is_for_and_wastes_at_most_a_fifth(size: int) -> None:
    held = class_bytes(size)
    assert held >= size
    assert held == BLOCK_BYTES_MIN or (held - size) * 5 <= held
    assert class_bytes(held) == held


def test_a_block_is_reused_by_its_class_alone() -> None:
    memory = pool()
    first = memory.take(5000)
    memory.give_back(first)
    assert memory.take(4097) is first
    other = memory.take(4097)
    assert other is not first
    memory.give_back(other)
    assert memory.take(9000) is not other
    statistics = memory.statistics()
    assert (statistics.allocations, statistics.reuses) == (3, 1)
    assert statistics.held_bytes == 5120 + 5120 + 10240
    assert statistics.in_use_bytes == 5120 + 10240
    assert statistics.requested_bytes == 4097 + 9000


def test_the_limit_lets_free_blocks_go_and_then_refuses() -> None:
    memory = pool()
    blocks = [memory.take(LIMIT // 4) for _ in range(4)]
    with pytest.raises(DeviceError, match=r"test memory: expected at most 1,048,576 bytes in use; received a request"):
        memory.take(1)
    assert memory.statistics().refusals == 1
    memory.give_back(blocks.pop())
    memory.take(LIMIT // 8)
    statistics = memory.statistics()
    assert statistics.releases == 1, "the free block of another class went to make room"
    assert statistics.held_bytes <= LIMIT
    assert statistics.in_use_bytes_max == LIMIT


def test_a_system_without_memory_is_one_sentence() -> None:
    def none(_: int) -> None:
        raise MemoryError

    with pytest.raises(DeviceError, match=r"test memory: 10 bytes were asked for, and the system has no more"):
        Pool("test memory", none, LIMIT).take(10)
    with pytest.raises(InputError, match=r"limit_bytes of test memory: expected 4096 or more; received 1"):
        Pool("test memory", none, 1)


def test_free_memory_is_given_back_when_the_system_has_no_more() -> None:
    left = [3]

    def few(size: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        if left[0] == 0:
            left[0] = 1
            raise MemoryError
        left[0] -= 1
        return aligned_host_bytes(size)

    memory = Pool("test memory", few, LIMIT)
    for block in [memory.take(size) for size in (4096, 8192, 16384)]:
        memory.give_back(block)
    memory.take(32768)
    assert memory.statistics().releases == 3


def test_an_array_gives_its_block_back_with_its_last_view() -> None:
    memory = MemoryManager(pool(), pool())
    array = memory.host_array((10, 100), np.uint64)
    assert array.ctypes.data % ALIGNMENT_BYTES == 0
    view = array[3:5]
    view[:] = 7
    del array
    gc.collect()
    assert memory.host.statistics().in_use_bytes == class_bytes(8000)
    assert memory.host_array((10, 100), np.uint64).base is not view.base
    assert (view == 7).all(), "another array may not have taken the block"
    del view
    gc.collect()
    assert memory.host.statistics().in_use_bytes == 0
    before = memory.allocations
    memory.host_array((1000,), np.int64)
    assert memory.allocations == before


def test_device_arrays_come_back_once() -> None:
    memory = MemoryManager(pool(), pool())
    array = memory.device_array((4, 4), np.uint64)
    array.array[:] = 3
    assert array.array.sum() == 48
    array.free()
    array.free()
    del array
    assert memory.device.statistics().in_use_bytes == 0
    assert memory.device.statistics().held_bytes == BLOCK_BYTES_MIN
    assert memory.device.trim() == BLOCK_BYTES_MIN
    assert memory.device.statistics().held_bytes == 0


def test_threads_never_share_a_block() -> None:
    memory = MemoryManager(pool(1 << 24), pool(1 << 24))
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(300):
            array = memory.host_array((600,), np.uint64)
            array[:] = number
            if not (array == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert not wrong
    statistics = memory.host.statistics()
    assert statistics.in_use_bytes == 0
    assert statistics.allocations <= 8
    assert statistics.allocations + statistics.reuses == 1200
