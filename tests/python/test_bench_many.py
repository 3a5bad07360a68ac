"""The figures of many books: flows, books in JAX, a short run against the engine, what the report makes of figures."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="many books at once need numba")

from proofbook import _core, bench_many, bench_many_figures, bench_many_report
from proofbook.bench_many_contenders import (
    DIGEST_FACTOR,
    DIGEST_START,
    Engine,
    Jax,
    Pool,
    Workload,
    require_equal,
    trade_digests,
)
from proofbook.bench_many_flow import CYCLE, Steady
from proofbook.bench_many_plan import Plan, Point, book_points, depth_points, event_points, flow_points
from proofbook.bench_many_touched import touched
from proofbook.errors import BrokenInvariantError, InputError

JAX_FOLDER = Path(__file__).parents[2] / "bench" / "jax"
WORD_END = 1 << 64
SMALL = Plan(
    points=(
        *book_points([1, 20], 2_000, 32),
        *depth_points([10], 1_000, 10),
        *event_points(20, 50),
        *flow_points(("normal", "mixed"), 10, 200),
        Point("books", "far too many", 1 << 23, 1_000),
    ),
    rounds=2,
    jax_seconds=0.01,
    step_books=10,
    steps=12,
    jax_steps=4,
    copy_rounds=1,
)


@pytest.fixture(scope="session")
def jax_folder() -> Path:
    """The books in JAX, with their environment: it is fetched once, into the cache of the user."""
    environment = os.environ | {"PYTHON": sys.executable}
    built = subprocess.run([JAX_FOLDER / "build"], check=False, capture_output=True, text=True, env=environment)
    if built.returncode != 0 and "cannot be had" in built.stderr:
        pytest.skip(f"JAX cannot be fetched: {built.stderr.strip()[-300:]}")
    assert built.returncode == 0, built.stderr
    return JAX_FOLDER


@pytest.fixture(scope="module")
def jax(jax_folder: Path) -> Iterator[Jax]:
    """The process of the books in JAX, on one thread."""
    started = Jax(jax_folder, 1)
    yield started
    started.close()


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    """A short run, without JAX."""
    return bench_many.measure(SMALL)


def engine_of(workload: Workload, book: int) -> tuple[_core.RawMarket, np.ndarray[Any, Any]]:
    """The engine after a book's commands, one by one, and its events."""
    market = _core.RawMarket(workload.config)
    rows = workload.words[workload.offsets[book] : workload.offsets[book + 1]]
    events = b"".join(market.apply(row.tobytes()) for row in rows)
    return market, np.frombuffer(events, "<u8").reshape(-1, 7)


def trades_of(events: np.ndarray[Any, Any]) -> tuple[int, int]:
    """The digest over the trades, and their number, in plain Python."""
    digest, trades = DIGEST_START, 0
    for event in events:
        if int(event[0]) & 0xFF == 4:
            trades += 1
            for word in event[1:5]:
                digest = (digest ^ int(word)) * DIGEST_FACTOR % WORD_END
                digest ^= digest >> 32
    return digest, trades


def live_orders(state: bytes) -> int:
    """How many orders stand in the queues of a state's canonical bytes: section 13 of the rules."""
    words, at, live = np.frombuffer(state, "<u8"), 11 + 3 + 1 + 1, 0
    for _queue in range(4):
        count = int(words[at])
        live, at = live + count, at + 1 + 12 * count
    return live


def steady(books: int, commands: int, orders: int = 64, resting: int = 24) -> Workload:
    return Workload(*Steady(books, commands, resting, 8, seed=7).generate(), orders, orders)


def test_steady_flow_keeps_its_depth_and_trades() -> None:
    """Seed 7; a book's flow does not depend on how many there are."""
    few, many = steady(3, 900), steady(9, 900)
    assert np.array_equal(few.words, many.words[: len(few.words)])
    assert not np.array_equal(many.words[:900], many.words[900:1800])
    run = Engine(1).run(many, "none")["run"]
    assert run.trades.min() > 40
    assert 12 <= run.live_orders.min() <= run.live_orders.max() <= 32
    assert np.array_equal(np.bincount(CYCLE), [8, 8, 2, 1, 1])
    with pytest.raises(InputError, match="resting: expected 2 to 1048576; received 1"):
        Steady(1, 1, 1, 1)


def test_digests_of_trades_are_those_of_the_events() -> None:
    workload = steady(2, 300)
    _, first = engine_of(workload, 0)
    _, second = engine_of(workload, 1)
    events = np.zeros((2, max(len(first), len(second)), 7), np.uint64)
    events[0, : len(first)], events[1, : len(second)] = first, second
    digests, trades = trade_digests(events, np.array([len(first), len(second)]))
    assert [(int(digest), int(count)) for digest, count in zip(digests, trades, strict=True)] == [
        trades_of(first),
        trades_of(second),
    ]
    # What stands behind a book's events is none.
    assert trade_digests(events, np.array([0, 1]))[1].tolist() == [0, 0]


@pytest.mark.parametrize(
    "workload",
    [
        pytest.param(steady(5, 300), id="steady"),
        pytest.param(steady(5, 300, orders=20), id="steady, full books"),
        pytest.param(Workload(*_core.many_flow("swing-40", seed=3, books=4, commands=500), 64, 64), id="swing-40"),
        pytest.param(
            Workload(*_core.many_flow("normal", seed=3, books=4, commands=500), 16, 16), id="normal, full books"
        ),
    ],
)
def test_books_in_jax_make_the_engine_s_trades(workload: Workload, jax: Jax, tmp_path: Path) -> None:
    """Trade by trade, book by book; with all commands in one call, and in calls of ten."""
    np.save(tmp_path / "commands.npy", workload.words)
    for chunk in (workload.steps, 10):
        jax.load(tmp_path / "commands.npy", workload, chunk)
        assert len(jax.run(tmp_path / "found.npy")["chunks_ns"]) == workload.steps // chunk
        found = np.load(tmp_path / "found.npy")
        assert found[1].sum() > 20
        for book in range(workload.books):
            market, events = engine_of(workload, book)
            digest, trades = trades_of(events)
            assert [int(word) for word in found[:, book]] == [digest, trades, live_orders(market.state())], book


def test_jax_refuses_what_it_does_not_take(jax: Jax, tmp_path: Path) -> None:
    workload = steady(2, 100)
    workload.words[130, 0] = 1 | 1 << 16 | 2 << 24
    np.save(tmp_path / "commands.npy", workload.words)
    with pytest.raises(InputError, match=r"book 1, command 30: expected a limit.*received the tag word 0x2010001"):
        jax.load(tmp_path / "commands.npy", workload)


def test_jax_takes_its_turns(jax_folder: Path) -> None:
    """It is timed where it can be, and where it cannot, a reason stands."""
    points = (*book_points([20], 2_000, 32), *flow_points(("mixed",), 10, 200))
    result = bench_many.measure(replace(SMALL, points=points), jax_folder)
    steady_point, mixed_point = result["points"]
    for name in result["contenders"]["jax"]:
        assert len(bench_many_figures.rates(steady_point, name)) == SMALL.rounds
        assert mixed_point["contenders"][name]["cannot"]
        assert result["steps"]["contenders"][name]["samples"] == SMALL.rounds * SMALL.jax_steps
    page = bench_many_report.document(result)
    assert "times as many commands a second as the array books in JAX" in page
    assert "first 100" not in page


def test_a_short_run_becomes_a_report(measured: dict[str, Any], tmp_path: Path) -> None:
    """Every figure of the plan is there, in the page and in the file."""
    engines, pools = measured["contenders"]["engine"], measured["contenders"]["pools"]
    for point in measured["points"][:-1]:
        assert point["facts"]["commands"] == point["books"] * point["commands"]
        for name in (*engines, *pools):
            found = bench_many_figures.rates(point, name)
            assert len(found) == (0 if name in engines and point["events"] == "all" else SMALL.rounds)
            assert all(rate > 1_000 for rate in found)
    assert "GiB" in measured["points"][-1]["does_not_fit"]
    for name in pools:
        found = measured["steps"]["contenders"][name]
        assert found["samples"] == SMALL.rounds * SMALL.steps
        assert 0 < found["p50_ns"] <= found["p99_ns"] <= found["p999_ns"] <= found["max_ns"]
    paths = bench_many_report.write(measured | {"jax_left_out": "it was not asked for"}, tmp_path)
    assert [path.name for path in paths] == ["many.html", "many.json"]
    assert json.loads(paths[1].read_text())["points"] == json.loads(json.dumps(measured["points"]))
    page = paths[0].read_text()
    assert page.count("<svg") == 5
    assert "far too many: does not fit" in page
    assert "JAX was left out: it was not asked for." in page
    for line in (*engines, *pools):
        assert line in bench_many_report.summary(measured)


def test_the_aim_is_derived_from_the_figures(measured: dict[str, Any]) -> None:
    """Where the engine is four times as fast at one point, it says where; at two times everywhere it is met."""
    result = copy.deepcopy(measured)
    engine, pool = bench_many_figures.on_one_core(result)
    for point in result["points"]:
        for name, rate in ((engine, 2e6), (pool, 1e6)):
            for run in point["contenders"].get(name, {"runs": []})["runs"]:
                run["commands_per_s"] = rate
    found = bench_many_figures.aim(result)
    assert (found["is_met"], found["met"], found["worst"]) == (True, found["points"], 2.0)
    assert "was met" in bench_many_figures.conclusions(result)[0]
    depth = bench_many_figures.points_on(result, "depth")[0]
    for run in depth["contenders"][engine]["runs"]:
        run["commands_per_s"] = 4e6
    found = bench_many_figures.aim(result)
    assert (found["is_met"], found["met"], found["worst"]) == (False, found["points"] - 1, 4.0)
    assert "was not met" in bench_many_figures.conclusions(result)[0]
    assert "4.00 at the worst (orders that rest in a book: 10)" in bench_many_figures.conclusions(result)[0]
    assert '<span class="bad">4.00</span>' in bench_many_report.document(result)


def test_without_a_gpu_there_is_no_figure_of_one(measured: dict[str, Any]) -> None:
    without = copy.deepcopy(measured) | {"no_gpu": "the device 'gpu' is on another planet"}
    page = bench_many_report.document(without)
    assert "None was there: the device &#x27;gpu&#x27; is on another planet. So no figure of one is given." in page
    assert "proofbook.gpu, gpu" not in page
    assert "A GPU was there" in bench_many_report.document(without | {"no_gpu": None})


def test_memory_shares_follow_bytes_and_rates(measured: dict[str, Any]) -> None:
    point = copy.deepcopy(bench_many_figures.points_on(measured, "events")[-1])
    assert point["facts"]["book_bytes"] == 4352
    point["facts"] |= {"events_per_command": 2.0, "touched": {"bytes": 888.0}, "book_bytes": 8_000}
    name = measured["contenders"]["pools"][0]
    point["contenders"][name] = {"runs": [{"commands_per_s": 1e6}]}
    result = measured | {"copy_bytes_per_s": {"1": {"median": 1e10}}}
    share = bench_many_figures.memory_share(result, point, name, 1)
    assert share == {"uncached_bytes": 1000.0, "once_bytes": 504.0, "uncached_share": 0.1, "once_share": 0.0504}
    assert bench_many_figures.memory_share(result, point, name, 2) is None


def test_what_is_touched_is_counted() -> None:
    """A command to an empty book that it does not know: its header, the index once, and nothing else."""
    words = np.zeros((2, 9), np.uint64)
    words[:, 0], words[:, 1], words[:, 2] = 2, (1, 2), 5
    found = touched(Workload(words, np.array([0, 2]), 32, 16), 1)
    assert found["commands"] == 1
    assert 3 <= found["lines"] <= 5
    assert found["lines_written"] < found["lines"]
    assert found["bytes"] == 72 + 64 * (found["lines"] + found["lines_written"])
    deep = touched(steady(1, 200), 24)
    assert deep["lines"] > found["lines"]
    assert deep["words_read"] > deep["lines"]


def test_other_books_are_not_timed() -> None:
    """A pool with too few levels rejects what the engine takes: its events are others."""
    runner = bench_many.Bench(SMALL, [Engine(1)], [Pool("cpu", 1)], [], Path(), lambda _line: None)
    with pytest.raises(BrokenInvariantError, match=r"proofbook\.gpu, 1 thread: digest of the events, book 0"):
        runner.measure(Point("books", "2", 2, 200, levels=2))
    with pytest.raises(BrokenInvariantError, match=r"digests: expected shape \(2,\); received \(3,\)"):
        require_equal("digests", np.zeros(2), np.zeros(3))


@pytest.mark.parametrize("rounds", ["0", "-1"])
def test_rounds_that_are_none_are_refused(rounds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench_many.main(["--rounds", rounds])
    assert f"--rounds: expected 1 or more; received {rounds}" in capsys.readouterr().err
