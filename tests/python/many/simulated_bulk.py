"""Runs the CUDA forms of sorting, import, states and aggregation in numba-cuda's simulator, against the engine.

A program: the simulator is a process's choice. It makes a thread of Python of each thread of a GPU, so groups are
small here.
"""

from __future__ import annotations

import random
import sys

import numpy as np
from bulk_world import ReadState, bulk_of, bytes_of, fitting_states, words_of
from kernel_flow import WORLDS, World
from kernel_state import MemoryBook
from numba import cuda
from test_bulk_aggregation import expected_statistics, expected_totals

from proofbook.errors import InputError
from proofbook.gpu.kernels import bulk_cuda, groups
from proofbook.gpu.kernels.aggregation import STATISTICS
from proofbook.gpu.kernels.bulk import HEAD_TYPE, ROW_TYPE, Bulk, States, order_rows
from proofbook.gpu.kernels.compile import is_simulated
from proofbook.gpu.kernels.layout import Capacity, new_pool
from proofbook.gpu.kernels.runners import CudaRunner, Form

THREADS = 8
NEAR_ROWS = 16
COUNTERS = STATISTICS[STATISTICS.index("events") :]


def narrow() -> None:
    """Groups of few threads, which sort in shared memory only what is small."""
    for module in (groups, bulk_cuda):
        module.GROUP_THREADS = THREADS  # type: ignore[attr-defined]
    groups.GROUP = np.uint64(THREADS)
    groups.NEAR_ROWS = NEAR_ROWS


def check_states(bulk: Bulk, world: World, states: list[bytes]) -> None:
    """States go in and come out; so do their orders, shuffled."""
    capacity = Capacity(world.orders, world.levels)
    pool = cuda.to_device(new_pool(len(states), capacity))
    bulk.load_states(pool, States.of(states))
    assert bulk.states(pool).buffer == b"".join(states)
    assert bulk.states(pool, [1, 0]).buffer == states[1] + states[0]
    choose = random.Random(world.name)
    rows, starts, heads = [], [0], []
    for state in states:
        read = ReadState.of(state)
        orders = [order for queue in read.queues for order in queue]
        choose.shuffle(orders)
        rows += orders
        starts.append(len(rows))
        heads.append((read.sequence, read.clock, read.next_priority, read.has_trade, read.last_trade))
    other = cuda.to_device(new_pool(len(states), capacity))
    bulk.load_orders(other, np.array(rows, dtype=ROW_TYPE), np.array(starts), np.array(heads, dtype=HEAD_TYPE))
    assert bulk.states(other).buffer == b"".join(states)
    for made in (pool, other):
        host = made.copy_to_host()
        for number in range(len(states)):
            MemoryBook(host, number, capacity).check()
    check_sums(bulk, pool, world, states)


def check_sums(bulk: Bulk, pool: object, world: World, states: list[bytes]) -> None:
    """Depth, statistics and totals."""
    expected = [{**expected_statistics(state), **dict.fromkeys(COUNTERS, 0)} for state in states]
    assert [dict(zip(STATISTICS, row, strict=True)) for row in bulk.statistics(pool).tolist()] == expected
    assert bulk.totals(pool) == expected_totals(expected)
    depth = bulk.depth(pool, 3)
    for number, state in enumerate(states):
        for side in (0, 1):
            levels = [*ReadState.of(state).levels(side)[:3], *[(0, 0, 0)] * 3][:3]
            assert list(zip(*(part[side, number].tolist() for part in depth), strict=True)) == levels
    half = max(2, world.orders // 2)
    counts = bulk.histogram(pool, "live_orders", [1, half])
    live = [row["live_orders"] for row in expected]
    assert counts.tolist() == [live.count(0), sum(0 < n < half for n in live), sum(n >= half for n in live)]


def check_faults(bulk: Bulk, world: World) -> None:
    """Both forms report one fault, the one that a thread alone comes upon first."""
    pool = cuda.to_device(new_pool(2, Capacity(world.orders, world.levels)))
    before = pool.copy_to_host()
    good = order_rows(np.tile([0, 1], 10), np.arange(20) + 1, np.tile([99, 101], 10), 5, np.arange(20)[::-1] + 1)
    faults = [
        ({15: {"displayed": 0}, 7: {"tags": 0}}, "book 1, row 7: the price: expected one"),
        (
            {9: {"id": 3}, 17: {"id": 3}},
            "book 1, row 9: the order id: expected one that no other order has; received 3, which row 2",
        ),
        (
            {4: {"priority": 20}},
            "book 1, row 4: the priority number: expected one that no other order has; received 20",
        ),
        ({2: {"price": 101}}, "book 1: the best bid: expected below the best ask 101; received 101"),
        ({2: {"displayed": 1 << 63}, 6: {"displayed": 1 << 63}}, "book 1, row 6: the open quantity: expected at most"),
    ]
    for changes, told in faults:
        rows = np.stack([good, good])
        for row, values in changes.items():
            for name, value in values.items():
                rows[1, row][name] = value
        try:
            bulk.load_orders(pool, rows)
        except InputError as error:
            assert str(error).startswith(told), f"{told!r}: {error}"
        else:
            raise AssertionError(f"not refused: {told}")
    (state,) = fitting_states(world, 1, 0)
    words = words_of(state)
    words[16] = 1 << 62
    try:
        bulk.load_states(pool, States.of([state, bytes_of(words)]))
    except InputError as error:
        assert "book 1: the state: expected 160 bytes and 96" in str(error)
    assert (pool.copy_to_host() == before).all()


def main() -> None:
    """Some worlds in each form."""
    assert is_simulated(), "run this with NUMBA_ENABLE_CUDASIM=1"
    narrow()
    forms: tuple[Form, ...] = ("book", "group")
    for form in forms:
        for world in (world for world in WORLDS if world.name in sys.argv[1:] or not sys.argv[1:]):
            # Fewer workers than books: each takes several.
            bulk = bulk_of(world, CudaRunner(form, workers=2))
            check_states(bulk, world, fitting_states(world, 5, 400))
        check_faults(bulk_of(WORLDS[0], CudaRunner(form)), WORLDS[0])
    print("equal")


if __name__ == "__main__":
    main()
