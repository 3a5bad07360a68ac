"""Batches in parts: how they are cut, and that stages overlap, wait for each other and fail together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("numba", reason="the packages of the extra `many` are not installed")

from proofbook.gpu.streams import Part, ThreadedPipeline, Threads, cut


@pytest.mark.parametrize("seed", range(20))
def test_parts_cover_every_book_once_with_its_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    books = int(rng.integers(1, 300))
    offsets = np.cumsum([int(rng.integers(0, 5)), *rng.integers(0, rng.integers(1, 200), books)]).astype(np.int64)
    parts_max = int(rng.integers(1, 20))
    parts = cut(offsets, parts_max)
    assert 1 <= len(parts) <= parts_max
    assert [part.first for part in parts] == [0, *(part.last for part in parts[:-1])]
    assert parts[-1].last == books
    for part in parts:
        assert (part.row_first, part.row_last) == (offsets[part.first], offsets[part.last])
    longest = int(np.diff(offsets).max()) + 1
    work = (int(offsets[-1] - offsets[0]) + books) / parts_max
    assert max(part.rows + part.books for part in parts) <= work + longest + 1, f"seed {seed}"


PATIENCE_S = 300
PARTS = [Part(number, number + 1, number, number + 1) for number in range(6)]


def test_stages_overlap_and_a_lane_is_filled_only_after_it_was_emptied() -> None:
    lanes: list[list[int]] = [[], []]
    begun = [threading.Event() for _ in PARTS]
    worked = [threading.Event() for _ in PARTS]
    done: list[int] = []

    def load(lane: list[int], part: Part) -> None:
        assert not lane, "the part before is still in the lane"
        begun[part.first].set()
        lane.append(part.first)

    def work(lane: list[int], part: Part) -> None:
        assert lane == [part.first]
        worked[part.first].set()
        if part.last < len(PARTS):
            assert begun[part.last].wait(PATIENCE_S), "the next part is loaded while this one is worked on"

    def unload(lane: list[int], part: Part) -> None:
        assert lane == [part.first]
        if part.last < len(PARTS):
            assert worked[part.last].wait(PATIENCE_S), "the next part is worked on while this one is taken"
        lane.clear()
        done.append(part.first)

    threads = Threads(2, "test")
    pipeline = ThreadedPipeline(lanes, load, work, unload, threads)
    passed_ns = pipeline.run(PARTS)
    threads.shutdown()
    assert done == list(range(6))
    assert min(pipeline.load.ns, pipeline.work.ns, pipeline.unload.ns) > 0
    assert passed_ns >= pipeline.work.ns


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_an_error_in_any_stage_ends_the_run_after_what_had_begun(stage: int) -> None:
    running = threading.Semaphore(0)

    def fine(_lane: None, _part: Part) -> None:
        time.sleep(0.002)

    def failing(_lane: None, part: Part) -> None:
        if part.first == 2:
            running.release()
            raise RuntimeError("stage failed")

    stages: list[Callable[[None, Part], None]] = [fine, fine, fine]
    stages[stage] = failing
    threads = Threads(2, "test")
    with pytest.raises(RuntimeError, match="stage failed"):
        ThreadedPipeline([None, None], stages[0], stages[1], stages[2], threads).run(PARTS)
    threads.shutdown()
    assert running.acquire(blocking=False)


def test_without_threads_the_stages_come_one_after_another() -> None:
    order: list[str] = []

    def stage(name: str) -> Callable[[None, Part], None]:
        return lambda _lane, part: order.append(f"{name}{part.first}")

    ThreadedPipeline([None], stage("load"), stage("work"), stage("unload"), None).run(PARTS[:2])
    assert order == ["load0", "work0", "unload0", "load1", "work1", "unload1"]
