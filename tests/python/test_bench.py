"""The benchmarks measure what they say, and stop where the books do not agree."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from proofbook import _core, bench, bench_report, bench_tables
from proofbook.errors import BrokenInvariantError, InputError

NEW_ORDERS = 2000


@pytest.fixture(scope="module")
def quick() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        # Each pass is to come to its end, however long the machine stands still meanwhile.
        patch.setattr(bench, "PASS_LIMIT_S", 300)
        return bench.quick(seed=3, new_orders=NEW_ORDERS, runs=2)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("peers")
    peer = folder / "double"
    peer.mkdir()
    # A peer that is the reference book under another name: it must be found to make the same trades.
    run = peer / "run"
    run.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m proofbook.bench measure reference "$@"\n')
    run.chmod(0o755)
    plan = bench.Plan(seed=3, new_orders=NEW_ORDERS, runs=1, rate_per_s=100_000, peers=(peer,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "PASS_LIMIT_S", 300)
        return bench.full(plan)


def test_quick_checks_and_times_both_books(quick: dict[str, Any]) -> None:
    assert quick["hash_ok"] is True
    for book in ("reference", "ladder"):
        figures = quick["books"][book]
        assert figures["commands_per_s"] > 0
        rates = [figures["scenarios"][scenario] for scenario in bench.SCENARIOS]
        assert figures["worst_commands_per_s"] == min(rate["median"] for rate in rates)
        assert all(rate["min"] <= rate["median"] <= rate["max"] for rate in rates)
    for workload in quick["workloads"].values():
        assert workload["messages"] > NEW_ORDERS
        assert workload["reference"] == workload["ladder"]
        assert workload["reference"]["trades"] > 0
    assert "is the same" in bench_report.quick_text(quick)


def test_latencies_are_ordered_and_complete(quick: dict[str, Any]) -> None:
    measured = quick["books"]["ladder"]["normal"]
    assert measured["is_complete"]
    for histograms in (measured["closed_loop"], measured["open_loop"]["latency"]):
        total = histograms["all"]
        figures = [total[name] for name in ("min_ns", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "p9999_ns", "max_ns")]
        assert figures == sorted(figures)
        assert total["count"] == measured["messages"]
        assert sum(figure["count"] for kind, figure in histograms.items() if kind != "all") == total["count"]


def test_a_workload_is_the_same_for_one_seed_only(tmp_path: Path) -> None:
    hashes = []
    for seed in (1, 1, 2):
        bench.native("generate", "swing-25", seed, NEW_ORDERS, tmp_path / "flow")
        hashes.append(bench.native("digest", "ladder", tmp_path / "flow")["event_hash"])
    assert hashes[0] == hashes[1] != hashes[2]


def test_full_takes_peers_along_and_writes_a_report(full: dict[str, Any], tmp_path: Path) -> None:
    peer = full["peers"]["double"]
    assert all(scenario["same_trades"] is True for scenario in peer["scenarios"].values())
    assert set(full["ratios"]) == {"reference", "double"}
    paths = bench_report.write(full, tmp_path / "report")
    assert all(path.stat().st_size > 0 for path in paths)
    text = paths[0].read_text()
    for heading in ("## Throughput", "## Do they do the same?", "## Latency", "## Workloads", "## The machine"):
        assert heading in text
    assert json.loads((tmp_path / "report" / "bench.json").read_text())["hash_ok"] is True


def test_a_contender_with_other_trades_is_named() -> None:
    run = {
        "commands_per_s": 1.0,
        "is_complete": True,
        "waited_share": None,
        "messages": 1,
        "trades": 1,
        "volume": 1,
        "trade_hash": "0",
        "differences": "",
        "closed_loop": {"all": {"p50_ns": 1}},
        "open_loop": {"rate_per_s": 1, "is_sustained": True, "latency": {"all": {"p50_ns": 1}}},
        "timer": {"p50_ns": 1},
    }
    for trade_hash, is_complete, agreed, expected in (
        ("0", True, True, True),
        ("1", True, True, False),
        ("1", False, True, True),
        ("0", True, False, False),
    ):
        digests = {scenario: {"reference": {"trade_hash": trade_hash}} for scenario in bench.SCENARIOS}
        runs = {scenario: [run | {"is_complete": is_complete}] for scenario in bench.SCENARIOS}
        contender = bench._contender(runs, digests, dict.fromkeys(bench.SCENARIOS, agreed))
        assert [scenario["same_trades"] for scenario in contender["scenarios"].values()] == [expected] * 5


def test_books_that_differ_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def native(*arguments: object) -> dict[str, Any]:
        return {"event_hash": arguments[1]} if arguments[0] == "digest" else {}

    monkeypatch.setattr(bench, "native", native)
    with pytest.raises(BrokenInvariantError, match="seed 3"):
        bench.full(bench.Plan(seed=3))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("measure", "tree", "flow"), "expected one of reference, ladder"),
        (("generate", "calm", 1, 10, "flow"), "expected one of static, normal"),
        (("generate", "normal", "one", 10, "flow"), 'SEED is "one"'),
        (("digest", "ladder", "no/such/file"), "no/such/file"),
        (("measure", "ladder", "flow", "--rate", 0), "no option --rate 0"),
        ((), "no command"),
    ],
)
def test_words_that_make_no_command(words: tuple[object, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        bench.native(*words)


def test_ways_in_are_compared_before_they_are_timed() -> None:
    result = bench_tables.measure(seed=3, commands=20_000, rounds=4)
    assert result["hash_ok"] is True
    assert result["events"] > result["commands"] == result["calls"]["commands"]
    for form in ("words", "codes"):
        ratio = result[form]["ratio"]
        assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]
        assert result[form]["batch_commands_per_s"]["median"] > result["calls"]["commands_per_s"]["median"] / 2
    assert "all ways give the same" in bench_tables.text(result)


@pytest.mark.parametrize("flow", ["sample", *bench.SCENARIOS])
def test_order_flow_is_the_same_in_words_and_in_codes(flow: str) -> None:
    words, codes = (_core.order_flow(flow, seed=3, commands=5_000, words=form) for form in (True, False))
    assert words.num_rows == codes.num_rows == 5_000
    assert str(words.schema.field("action").type) == "string"
    assert str(codes.schema.field("action").type) == "uint8"
    assert _core.Book().apply(words).equals(_core.Book().apply(codes))
    with pytest.raises(InputError, match="flow must be one of sample, static"):
        _core.order_flow("calm", seed=3, commands=1, words=True)


def test_peers_that_do_not_build_are_named(tmp_path: Path) -> None:
    for name, script in (("good", "exit 0"), ("bad", "echo a tool is missing >&2; exit 3")):
        (tmp_path / name).mkdir()
        build = tmp_path / name / "build"
        build.write_text(f"#!/bin/sh\n{script}\n")
        build.chmod(0o755)
    assert bench.build_peers(tmp_path) == ((tmp_path / "good",), {"bad": "a tool is missing"})
    with pytest.raises(InputError, match="holds no peers"):
        bench.build_peers(tmp_path / "good")
