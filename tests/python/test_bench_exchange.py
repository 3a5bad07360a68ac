"""The figures of the exchange over FIX: a short run against the real server, and what the report makes of figures."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from proofbook import bench_exchange, bench_exchange_report
from proofbook.bench_exchange import Bench, Plan, Server
from proofbook.bench_load import Programs, Step
from proofbook.errors import BrokenInvariantError

TARGET = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[2] / "target")) / "debug"
SYNCED_NOTHING = Server("proofbook", is_durable=False)
PLAN = Plan(
    rounds=2,
    rates_per_s=(200,),
    seconds=0.25,
    warm_up_seconds=0.1,
    resting=20,
    checked=50,
    servers=(SYNCED_NOTHING, Server("proofbook, group commit", is_durable=True)),
)


@pytest.fixture
def programs() -> Programs:
    """What ``cargo test`` built."""
    built = Programs(serve=TARGET / "serve", load=TARGET / "examples" / "order_load")
    if not (built.serve.is_file() and built.load.is_file()):
        pytest.skip("server and load generator are not built: cargo test builds them")
    return built


@pytest.fixture
def measured(programs: Programs, tmp_path: Path) -> dict[str, Any]:
    """A short run."""
    return bench_exchange.measure(PLAN, programs, tmp_path / "files") | {"fanout": {"left_out": "it was not asked for"}}


def test_a_short_run_becomes_a_report(measured: dict[str, Any], tmp_path: Path) -> None:
    """Every figure of the plan is there, for each server and round, and in the files."""
    for runs in measured["orders"].values():
        assert [list(run) for run in runs] == [["closed", "pipelined-1", "pipelined-2", "open-200"]] * PLAN.rounds
        for run in runs:
            # Whole cycles of five requests; those of the open loop are as many as were due.
            assert run["open-200"]["requests"] == 50
            assert all(step["reports"] * 5 == step["requests"] * 7 for step in run.values())
            assert all(step["latency"]["count"] == step["requests"] for step in run.values())
    paths = bench_exchange_report.write(measured | {"peer_left_out": "there is no Java here"}, tmp_path)
    assert [path.name for path in paths] == ["report.md", "exchange.json", "open_loop.png", "sustained.png"]
    assert json.loads(paths[1].read_text())["orders"] == measured["orders"]
    report = paths[0].read_text()
    assert "**200 requests a second**" in report
    assert "QuickFIX/J is left out: there is no Java here." in report
    assert "## Market data\n\nLeft out: it was not asked for." in report


def test_a_server_that_falls_behind_is_named(measured: dict[str, Any]) -> None:
    """So is one that was not asked, since it sustains less."""
    slow, absent = copy.deepcopy(measured), copy.deepcopy(measured)
    for run in slow["orders"]["proofbook"]:
        run["open-200"]["requests_per_s"] = 180
    for run in absent["orders"]["proofbook"]:
        del run["open-200"]
    assert "| proofbook (fell behind) |" in bench_exchange_report.markdown(slow)
    assert "| proofbook | - | - |" in bench_exchange_report.markdown(absent)


def test_servers_that_tell_otherwise_are_found(tmp_path: Path) -> None:
    """The same requests have one right answer."""
    runner = Bench(Programs(tmp_path, tmp_path), tmp_path)
    runner.compare(SYNCED_NOTHING, ("1", "check", "50"), ["0123456789abcdef"])
    runner.compare(SYNCED_NOTHING, ("2", "check", "50"), ["fedcba9876543210"])
    with pytest.raises(BrokenInvariantError, match="received \\['fedcba9876543210'\\] of another"):
        runner.compare(Server("another", is_durable=False), ("1", "check", "50"), ["fedcba9876543210"])


def test_a_wrong_answer_ends_the_run(programs: Programs, tmp_path: Path) -> None:
    """There are no figures of a server that answers otherwise than it should."""
    runner = Bench(programs, tmp_path / "files")
    step = Step("fill", ("fill", "5"))
    with runner.serve(SYNCED_NOTHING) as (address, _):
        runner.run(SYNCED_NOTHING, address, 0, step)
        # The same ClOrdIDs once more are answered as orders that are there (150=I), not as new ones.
        with pytest.raises(BrokenInvariantError, match="ClOrdID, ExecType and OrdStatus"):
            runner.run(SYNCED_NOTHING, address, 0, step)
