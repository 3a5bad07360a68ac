"""Books on numba-cuda's simulator, alone and beside the CPU, against the engine.

A program: the simulator is chosen for a whole process.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import numpy as np

from proofbook import DeviceError, gpu
from proofbook._core import many_flow, many_run
from proofbook.gpu import commands
from proofbook.gpu.backends import Backend
from proofbook.gpu.balance import Distributor

BOOKS, COMMANDS, ORDERS = 4, 24, 16
NAMED: dict[str, Any] = {"orders": ORDERS, "levels": ORDERS, "events": "digest"}


def _check(books: gpu.Books, rows: Any, offsets: Any) -> None:
    expected = many_run(books.config.tobytes(), rows, offsets, events="digest")
    assert np.array_equal(books.digests(), expected.digests)
    assert expected.event_digests is not None
    assert np.array_equal(books.event_digests(), expected.event_digests)


def _halves(rows: Any, offsets: Any) -> list[list[Any]]:
    middle = offsets[:-1] + np.diff(offsets) // 2
    return [
        [rows[first:last] for first, last in zip(*bounds, strict=True)]
        for bounds in ((offsets[:-1], middle), (middle, offsets[1:]))
    ]


def groups() -> None:
    """A group of threads for each book: with the same states in the end, also of a book that gets nothing."""
    from proofbook.gpu.cuda import CudaBackend

    rows, offsets = many_flow("mixed", seed=3, books=2, commands=COMMANDS)
    with gpu.Books(3, device=CudaBackend("sim", streams=1, form="group"), **NAMED) as books:
        step = books.apply([rows[: offsets[1]], rows[:0], rows[offsets[1] :]])
        assert step.timing.parts == 1
        _check(books, rows, np.array([0, offsets[1], offsets[1], offsets[2]]))


def threads() -> None:
    """A thread for each book: steps, events, counts, states, depth, and what it allocates."""
    from proofbook.gpu.cuda import CudaBackend

    rows, offsets = many_flow("mixed", seed=4, books=BOOKS, commands=COMMANDS)
    backend = CudaBackend("sim", streams=2, form="thread")
    room = {"events": "all", "event_capacity": 200}
    with gpu.Books(BOOKS, device=backend, **{**NAMED, **room}) as books:
        steps = [books.apply(half) for half in _halves(rows, offsets)]
        _check(books, rows, offsets)
        with gpu.Books(BOOKS, device="cpu", threads=1, **{**NAMED, **room}) as same:
            for step, half in zip(steps, _halves(rows, offsets), strict=True):
                other = same.apply(half)
                assert step.table().equals(other.table())
                assert np.array_equal(step.trades, other.trades)
            for name in ("bid_price", "ask_quantity", "bid_orders"):
                assert np.array_equal(getattr(books.depth(3), name), getattr(same.depth(3), name)), name
            assert np.array_equal(books.statistics(), same.statistics())
            assert books.states()[0] == same.states()[0]
        timing = steps[1].timing
        assert timing.parts > 1
        assert min(timing.kernel_ns, timing.copy_in_ns, timing.copy_out_ns) > 0
        assert timing.bytes_in >= 72 * steps[1].rows
        state, digest = books.states([2]), books.digest(2)
        books.reset([0, 2])
        assert books.sequences().tolist() == [0, COMMANDS, 0, COMMANDS]
        books.load(state, [2])
        assert books.digest(2) == digest
        del steps, step
        allocations = []
        for _ in range(4):
            books.apply(commands.sweep(1 << 62), [0, *[1] * BOOKS])
            gc.collect()
            allocations.append(backend.memory.allocations)
        assert allocations[1:] == [allocations[1]] * 3, allocations
        in_use = []
        for _ in range(3):
            books.depth(2)
            books.states()
            gc.collect()
            in_use.append(backend.memory.device.statistics().in_use_bytes)
        assert in_use == [in_use[0]] * 3, in_use


def commands_on_the_device() -> None:
    """Commands that the device has are checked and read where they are."""
    from numba import cuda

    from proofbook.gpu.backends import StepPlan
    from proofbook.gpu.counting import COUNTER_WORDS
    from proofbook.gpu.cuda import CudaBackend
    from proofbook.gpu.kernels.layout import terms_of
    from proofbook.gpu.metrics import Timing

    rows, offsets = many_flow("mixed", seed=6, books=BOOKS, commands=COMMANDS)
    bad = rows.copy()
    bad[[33, 20], 0] = 99
    backend = CudaBackend("sim", streams=2)
    assert backend.check(cuda.to_device(rows), 0, len(rows)) == -1
    for first in (0, 20, 21):
        assert backend.check(cuda.to_device(bad), first, len(bad)) == backend.check(bad, first, len(bad)) > 0
    with gpu.Books(BOOKS, device=backend, **NAMED) as books:
        placed = backend.place(BOOKS, books.capacity, terms_of(books.config, books.capacity))
        backend.clear(placed, np.ones(BOOKS, dtype=np.bool_))
        counters = np.empty((BOOKS, COUNTER_WORDS), dtype=np.uint64)
        timing = Timing()
        backend.step(placed, StepPlan(cuda.to_device(rows), offsets, 0, counters, None, 1), timing)
        assert timing.bytes_in < rows.nbytes
        books.apply(rows, offsets)
        assert np.array_equal(counters[:, 2], books.event_digests())


def beside_the_cpu() -> None:
    """Books divided between the simulator and the CPU: they move to the CPU, which is faster; a hot book follows."""
    rows, offsets = many_flow("mixed", seed=9, books=8, commands=COMMANDS)
    distributor = Distributor(8, 2, moves_max=2, weight=0.3)
    with gpu.Books(8, device=["sim", "cpu"], distributor=distributor, **NAMED) as books:
        assert books.device == "sim+cpu"
        hot = books.place_hot(3)
        moved = 0
        for first in range(0, COMMANDS, 6):
            given = [rows[at + first : at + first + 6] for at in offsets[:-1]]
            step = books.apply(given)
            moved += step.timing.moved_books
            hot.require_same_state()
        _check(books, rows, offsets)
        shares = [share for _, share, _ in books.division]
        assert sum(shares) == 8
        assert shares[0] < 4, shares
        assert moved >= 1


def refusals() -> None:
    """What is missing is one sentence."""
    reason = gpu.missing("gpu")
    assert reason == "the device 'gpu' cannot be used while NUMBA_ENABLE_CUDASIM=1: name 'sim', or unset the variable"
    try:
        gpu.choose("gpu")
    except DeviceError as error:
        assert str(error) == reason
    else:
        raise AssertionError("the simulator is no GPU")
    chosen: Backend = gpu.choose("auto")
    assert chosen.name == "cpu"


CASES = {
    "thread": threads,
    "group": groups,
    "near": commands_on_the_device,
    "beside": beside_the_cpu,
    "refusals": refusals,
}


def main() -> None:
    """Runs the named cases, or all of them."""
    assert os.environ.get("NUMBA_ENABLE_CUDASIM") == "1", "run this with NUMBA_ENABLE_CUDASIM=1"
    for name in sys.argv[1:] or CASES:
        CASES[name]()
        print(name)


if __name__ == "__main__":
    main()
