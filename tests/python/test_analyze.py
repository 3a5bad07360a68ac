"""The analysis measures what it says, and what it says follows from the figures: other figures, other words."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proofbook import analyze, analyze_figures, analyze_findings, analyze_report, analyze_targets, console
from proofbook.engines import ENGINES
from proofbook.errors import InputError

FLOWS = (*analyze.SCENARIOS, *analyze.HOSTILE_FLOWS)
Result = dict[str, Any]


def operation(p50_ns: float) -> Result:
    return {
        "per_sample": 64,
        "samples": 1000,
        "mean_ns": 1.1 * p50_ns,
        "p50_ns": p50_ns,
        "p99_ns": 2 * p50_ns,
        "p999_ns": 3 * p50_ns,
    }


def book(rate: float, *, per_order: float = 64, grows: float = 1.0) -> Result:
    points = [
        {
            "size": size,
            "levels": size,
            "operations": {"insert": operation(20 * factor), "lookup_hit": operation(4 * factor)},
        }
        for size, factor in ((10, 1.0), (1000, grows))
    ]
    flow = {
        "hash_ok": True,
        "commands_per_s": {"median": rate, "min": 0.98 * rate, "max": 1.02 * rate},
        "waited_share": 0.01,
        "is_complete": True,
    }
    counts = {"instructions": 200.0, "accesses": 100.0, "level_1_misses": 0.5, "memory_misses": 0.25}
    return {
        "description": "Made up.",
        "growth": {axis: {"axis": axis, "clock_ns": 25, "points": points} for axis in analyze.AXES},
        "room": {
            "empty_bytes": 1000,
            "points": [{"size": 1000, "at_one_price_bytes": 1000 + 1000 * per_order, "at_own_prices_bytes": 200_000}],
        },
        "counts": {"flow": {"command": counts}},
        "latency": {
            "closed_loop": {"mean_ns": 65, "p50_ns": 60, "p99_ns": 120, "p999_ns": 300},
            "timer": {"p50_ns": 25},
        },
        "flows": {name: copy.deepcopy(flow) for name in FLOWS},
    }


def contest(ours_ns: float, theirs_ns: float, name: str = "made up", keys: int | None = None) -> Result:
    def threads(time_ns: float) -> Result:
        rate = 1e9 / time_ns
        one = {
            "operations_per_s": {"median": rate, "min": rate, "max": rate},
            "mean_ns": {"median": time_ns, "min": time_ns, "max": time_ns},
            "operation": operation(time_ns),
        }
        return {str(count): copy.deepcopy(one) for count in (1, 2, 4)}

    return {
        "operation": name,
        "what": f"{name}, made up",
        "keys": keys,
        "contestants": {
            "LockFreePool": {"is_own": True, **threads(ours_ns)},
            "Theirs": {"is_own": False, **threads(theirs_ns)},
        },
    }


def reader(rate: float) -> Result:
    return {
        "commands_per_s": {"median": rate, "min": 0.95 * rate, "max": 1.05 * rate},
        "reads_per_s": {"median": 3e6, "min": 3e6, "max": 3e6},
    }


@pytest.fixture
def figures() -> Result:
    """Figures that meet every target."""
    reference = {
        "event_hash": "0" * 64,
        "trades": 1,
        "orders_mean": 1.0,
        "orders_max": 1,
        "levels_mean": 1.0,
        "levels_max": 1,
    }
    return {
        "hash_ok": True,
        "books": {"reference": book(2e6), "ladder": book(30e6), "simd": book(20e6)},
        "flows": {name: {"hash_ok": True, "commands": 9, "reference": reference, "notes": []} for name in FLOWS},
        "counts": {"source": "simulation", "reasons": ["there are no counters"]},
        "shared": {
            **{group: contest(8, 16, group) for group in ("allocation", "queue", "hazard", "epoch")},
            **{
                f"{group}, {keys} keys": contest(8, 16, group, keys)
                for group in ("list get", "list insert", "list walk")
                for keys in (1000, 10000)
            },
        },
        "threads": [1, 2, 4],
        "cores": 2,
        "readers": {name: reader(20e6) for name in ("no reader", "busy elsewhere", "touch", "depth")},
        "streaming": {"bytes": 1 << 28, "kernel": "avx2", "bytes_per_s": {"median": 9.5e9}},
        "machine": {
            "noise": {"spread_p5_p95": 0.01},
            "load_latency_ns": {"l1_16_kib": 1.0, "memory_256_mib": 90.0},
            "read_bandwidth_bytes_per_s": 10e9,
            "atomic_add_ns": 4.0,
            "thread_hop_ns": 60.0,
        },
        "machine_name": {"processor": "a <processor>", "cores": 2, "system": "a system"},
        "plan": {"runs": 3, "flow_limit_ms": 500, "counted_size": 1000},
        "took_s": 1.0,
    }


def said(figures: Result) -> str:
    return "\n".join(analyze_findings.conclusions(figures))


def recommended(figures: Result) -> dict[str, str]:
    return {one["kind"]: one["book"] for one in analyze_findings.recommendations(figures)}


def test_the_book_that_is_fastest_is_recommended(figures: Result) -> None:
    assert set(recommended(figures).values()) == {"ladder"}
    assert "No book beats the default, ladder" in said(figures)
    figures["books"]["simd"]["flows"]["far-away"]["commands_per_s"] = {"median": 45e6, "min": 44e6, "max": 46e6}
    assert recommended(figures)["prices far from each other"] == "simd"
    assert recommended(figures)["a calm market"] == "ladder"
    assert "ladder, is beaten beyond the spread of the runs on far-away (simd, 1.50 times as fast)" in said(figures)


def test_a_kind_of_flow_is_judged_by_its_worst(figures: Result) -> None:
    swift = {"median": 90e6, "min": 89e6, "max": 91e6}
    slow = {"median": 1e6, "min": 1e6, "max": 1e6}
    flows = figures["books"]["simd"]["flows"]
    flows["static"]["commands_per_s"], flows["normal"]["commands_per_s"] = swift, slow
    assert recommended(figures)["a calm market"] == "ladder"


def test_what_cannot_be_told_apart_is_said_and_leaves_the_default(figures: Result) -> None:
    for flow in figures["books"]["simd"]["flows"].values():
        flow["commands_per_s"] = {"median": 31e6, "min": 25e6, "max": 33e6}
    found = analyze_findings.recommendations(figures)
    assert {one["book"] for one in found} == {"ladder"}
    assert all(one["equals"] == ["simd"] and "cannot be told apart" in one["text"] for one in found)
    assert "No book beats the default" in said(figures)


def test_a_book_with_other_events_is_named_and_left_out(figures: Result) -> None:
    figures["books"]["simd"]["flows"]["normal"] = {"hash_ok": False, "found": {}}
    figures["books"]["ladder"]["flows"]["own-prices"] = {"hash_ok": False, "found": {}}
    assert set(recommended(figures).values()) == {"reference"}
    assert said(figures).startswith("ladder and simd gave other events than the reference book")
    figures["findings"] = analyze_findings.findings(figures)
    names = [one["name"] for one in figures["findings"]["targets"]]
    assert not any(name.startswith("command") for name in names) and "default book" not in names
    [rate] = [one for one in figures["findings"]["targets"] if one["name"] == "orders a second"]
    assert rate["path"].startswith("reference:")
    assert analyze_report._flows(figures).count("other events</span>") == 2


@pytest.mark.parametrize(
    ("target", "path", "value"),
    [
        ("command, ladder", ("books", "ladder", "latency", "closed_loop", "p99_ns"), 501),
        ("command, simd", ("books", "simd", "latency", "closed_loop", "p99_ns"), 501),
        (
            "default book",
            ("books", "simd", "flows", "far-away", "commands_per_s"),
            {"median": 45e6, "min": 44e6, "max": 46e6},
        ),
        (
            "allocation, LockFreePool",
            ("shared", "allocation", "contestants", "LockFreePool", "1", "operation", "p99_ns"),
            51,
        ),
        (
            "allocation, LockFreePool",
            ("shared", "allocation", "contestants", "LockFreePool", "1", "mean_ns", "median"),
            11,
        ),
        (
            "cache miss penalty",
            ("books", "ladder", "growth", "levels", "points", 1, "operations", "lookup_hit", "p50_ns"),
            15,
        ),
        (
            "without locks, epoch: LockFreePool",
            ("shared", "epoch", "contestants", "LockFreePool", "1", "mean_ns", "median"),
            101,
        ),
        (
            "without locks, list get, 1000 keys: LockFreePool",
            ("shared", "list get, 1000 keys", "contestants", "LockFreePool", "1", "mean_ns", "median"),
            101,
        ),
        ("writer beside a reader of the touch", ("readers", "touch", "commands_per_s", "median"), 17.9e6),
        ("writer beside a reader of the depth", ("readers", "depth", "commands_per_s", "median"), 17.9e6),
        ("orders a second", ("books", "ladder", "flows", "normal", "commands_per_s", "median"), 9e6),
        ("memory bandwidth", ("streaming", "bytes_per_s", "median"), 8.9e9),
        ("processor efficiency", ("books", "ladder", "flows", "normal", "waited_share"), 0.06),
        ("hit rate, first level of cache", ("books", "ladder", "counts", "flow", "command", "level_1_misses"), 1.5),
        ("hit rate, second level of cache", ("books", "ladder", "counts", "flow", "command", "memory_misses"), 6.0),
    ],
)
def test_a_target_is_met_or_not_by_its_figure_alone(
    figures: Result, target: str, path: tuple[Any, ...], value: Any
) -> None:
    before = {one["name"]: one for one in analyze_targets.targets(figures)}
    assert len(before) == len(analyze_targets.targets(figures))
    assert all(one["is_met"] for one in before.values()), before
    if target == "orders a second":
        del figures["books"]["simd"]
    place: Any = figures
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    after = {one["name"]: one for one in analyze_targets.targets(figures)}
    assert after[target]["is_met"] is False
    assert after[target]["measured"] != before[target]["measured"]
    assert [name for name, one in after.items() if not one["is_met"]] == [target]


def why(figures: Result, target: str) -> str:
    [found] = [one for one in analyze_targets.targets(figures) if one["name"] == target]
    return str(found["why"])


def test_reasons_follow_the_figures(figures: Result) -> None:
    assert why(figures, "default book") == "no other book has a higher median on any flow"
    figures["books"]["simd"]["flows"]["static"]["commands_per_s"] = {"median": 33e6, "min": 27e6, "max": 35e6}
    assert why(figures, "default book") == "static: simd 1.10 times as fast, within the spread"
    figures["books"]["simd"]["flows"]["normal"]["commands_per_s"] = {"median": 60e6, "min": 50e6, "max": 61e6}
    assert why(figures, "default book").endswith("; normal: simd 2.00 times as fast, beyond the spread")

    pool = figures["shared"]["allocation"]["contestants"]["LockFreePool"]["1"]
    assert why(figures, "allocation, LockFreePool") == "2.00 times as fast as Theirs (16 ns)"
    pool["mean_ns"]["median"], pool["operation"]["p99_ns"] = 32, 64
    assert why(figures, "allocation, LockFreePool") == (
        "the p99 is over 50 ns; the mean is over 10 ns; 0.50 times as fast as Theirs (16 ns)"
    )
    assert "half of the time of an insert and a remove, 8.0 ns" in why(
        figures, "without locks, list insert, 1000 keys: LockFreePool"
    )

    touch = "writer beside a reader of the touch"
    assert why(figures, touch) == "the reader costs no more than any busy thread does"
    figures["readers"]["touch"] = reader(12e6)
    assert why(figures, touch) == "the reader costs 40% of the rate beyond what any busy thread costs"
    figures["readers"]["busy elsewhere"] = reader(14e6)
    assert why(figures, touch).endswith(
        "10% of the rate beyond what any busy thread costs; any busy thread costs more than a tenth here"
    )


def test_contended_figures_stand_beside_those_alone(figures: Result) -> None:
    name = "without locks, queue: LockFreePool"
    queue = figures["shared"]["queue"]["contestants"]["LockFreePool"]
    queue["2"]["mean_ns"]["median"], queue["4"]["mean_ns"]["median"] = 45, 250  # of two operations
    [found] = [one for one in analyze_targets.targets(figures) if one["name"] == name]
    assert found["measured"] == "4.0 ns; 2 threads 22 ns, 4 threads 125 ns"
    assert found["is_met"] is True
    figures["shared"]["allocation"]["contestants"]["OrderPool"] = queue
    names = [one["name"] for one in analyze_targets.targets(figures)]
    assert "allocation, OrderPool" in names
    assert "without locks, allocation: OrderPool" not in names
    assert not any("list walk" in name for name in names)


def test_threads_that_contend_go_beyond_the_cores() -> None:
    assert analyze.contending(1) == [1, 2]
    assert analyze.contending(2) == [1, 2, 4]
    assert analyze.contending(6) == [1, 2, 4, 6, 12]


def test_steps_are_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with console.steps_shown("analyze", 2) as shown:
        shown("flows")
        shown("lists")
    assert capsys.readouterr().err == "flows\nlists\n"


def test_what_was_not_measured_is_neither_met_nor_missed(figures: Result) -> None:
    figures["books"]["ladder"]["counts"] = None
    figures["counts"] = {"source": "none", "reasons": ["there is nothing"]}
    figures["books"]["ladder"]["flows"]["normal"]["waited_share"] = None
    verdicts = {one["name"]: one["is_met"] for one in analyze_targets.targets(figures)}
    assert [name for name, is_met in verdicts.items() if is_met is None] == [
        "hit rate, first level of cache",
        "hit rate, second level of cache",
        "processor efficiency",
    ]
    assert "there is nothing" in analyze_report._counts(figures)


def test_columns_in_a_cache_say_nothing_of_memory(figures: Result) -> None:
    figures["streaming"]["bytes_per_s"]["median"] = 40e9
    [bandwidth] = [one for one in analyze_targets.targets(figures) if one["name"] == "memory bandwidth"]
    assert bandwidth["is_met"] is None
    assert "lay in a cache" in bandwidth["why"]


def test_sentences_follow_the_figures(figures: Result) -> None:
    text = said(figures)
    assert "ladder: no operation grows with the number of levels." in text
    assert "queue, 1 thread: LockFreePool does 2.00 times as many operations as the best peer, Theirs." in text
    figures["books"]["ladder"] = book(30e6, per_order=32, grows=3.0)
    figures["shared"]["queue"] = contest(40, 20, "queue")
    text = said(figures)
    assert "ladder: 2 of 2 operations grow with the number of levels, insert most (3.0 times)." in text
    assert "Least room: ladder with 32 bytes an order" in text
    assert text.count("costs the lock-free book's writer no more than runs differ") == 2
    figures["readers"]["depth"] = reader(10e6)
    assert "reads the depth without a pause, 3.00 M/s, leaves the lock-free book's writer 50% of its rate" in said(
        figures
    )
    assert "queue, 1 thread: LockFreePool does 0.50 times as many operations as the best peer, Theirs." in text


def test_the_page_holds_everything_and_loads_nothing(figures: Result, tmp_path: Path) -> None:
    figures["findings"] = analyze_findings.findings(figures)
    page, data = analyze_report.write(figures, tmp_path)
    text = page.read_text()
    assert json.loads(data.read_text())["findings"] == figures["findings"]
    assert "a &lt;processor&gt;" in text
    assert text.count("<svg") == 5
    assert "currentColor" in text and "prefers-color-scheme: dark" in text
    assert not any(word in text for word in ("<script", "src=", 'href="http', "url(http", "@import"))
    for recommendation in figures["findings"]["recommendations"]:
        assert recommendation["text"] in text
    assert text.count('<span class="good">met</span>') == len(figures["findings"]["targets"])
    assert "met" in analyze_report.summary(figures)


def test_counts_are_read_from_callgrinds_files() -> None:
    header = "version: 1\ncreator: callgrind\npid: 1\nevents: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw\n"
    texts = [
        header
        + "desc: Trigger: Client Request: ladder levels 100 insert\nfn=(1)\n1 2 3\ntotals: 3000 400 200 9 20 10 5 2\n",
        header + "desc: Trigger: Client Request: ladder flow 0 command\ntotals: 800 80 40 1 4 4 1 1 1\n",
        header + "desc: Trigger: Program termination\ntotals: 1 1 1\n",
    ]
    marks = {"ladder levels 100 insert": 10, "ladder flow 0 command": 4, "ladder levels 100 best": 10}
    assert analyze.simulated_counts({"ladder": marks}, texts) == {
        "ladder": {
            "levels": {
                "insert": {"instructions": 300.0, "accesses": 60.0, "level_1_misses": 3.0, "memory_misses": 0.2}
            },
            "flow": {"command": {"instructions": 200.0, "accesses": 30.0, "level_1_misses": 2.0, "memory_misses": 0.5}},
        }
    }


@pytest.mark.skipif(os.environ.get("PROOFBOOK_SOAK") != "1", reason="the simulation is slow: PROOFBOOK_SOAK=1 runs it")
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_the_caches_are_simulated() -> None:
    plan = analyze.Plan(books=("ladder", "reference")).tiny()
    counts = analyze._simulate(plan, 2)
    assert isinstance(counts, dict), counts
    for found in counts.values():
        assert found["levels"]["insert"]["instructions"] > 20
        command = found["flow"]["command"]
        assert command["instructions"] > 50
        assert command["accesses"] > command["level_1_misses"] > 0


def analyze_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "proofbook", "analyze", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_whole_of_it_in_small(tmp_path: Path) -> None:
    flow = tmp_path / "flow.pbk"
    subprocess.run([sys.executable, "-m", "proofbook", "generate", flow, "--commands", "2000"], check=True)
    again = tmp_path / "again" / "flow.pbk"
    again.parent.mkdir()
    again.write_bytes(flow.read_bytes())
    done = analyze_command("--tiny", "--json", "--data", flow, "--data", again, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert list(result["books"]) == list(ENGINES)
    assert result["hash_ok"] is True
    assert set(result["flows"]) == {*FLOWS, "data:flow.pbk#1", "data:flow.pbk#2"}
    for name, found in result["books"].items():
        for axis, missing in (("levels", {"cancel_head"}), ("orders", {"sweep_10"})):
            points = found["growth"][axis]["points"]
            assert [point["size"] for point in points] == result["plan"]["sizes"], name
            for point in points:
                assert {"insert", "best", "lookup_hit", "lookup_miss", "match_one"} <= set(point["operations"])
                assert not missing & set(point["operations"])
                assert all(0 < one["p50_ns"] <= one["p99_ns"] for one in point["operations"].values())
        for point in found["room"]["points"]:
            assert point["at_one_price_bytes"] / point["size"] > 16, name
            assert found["room"]["empty_bytes"] <= point["at_one_price_bytes"] <= point["at_own_prices_bytes"], name
        assert analyze_figures.bytes_each(found) is not None
        for flow_name, rates in found["flows"].items():
            assert rates["commands_per_s"]["median"] > 0, (name, flow_name)
    assert all(flow["reference"]["events"] > 0 for flow in result["flows"].values())
    for group in result["shared"].values():
        for one in group["contestants"].values():
            assert all(one[str(threads)]["operations_per_s"]["median"] > 0 for threads in result["threads"])
            assert all(one[str(threads)]["mean_ns"]["median"] > 0 for threads in result["threads"])
    assert {"list get, 1000 keys", "list walk, 10000 keys"} <= set(result["shared"])
    assert "list get, 100000 keys" not in result["shared"]
    assert max(result["threads"]) == 2 * result["cores"]
    findings = result["findings"]
    assert {one["book"] for one in findings["recommendations"]} <= set(ENGINES)
    names = [one["name"] for one in findings["targets"]]
    assert {f"command, {name}" for name in ENGINES[1:]} <= set(names)
    assert {"allocation, OrderPool", "allocation, BatchAllocator", "default book"} <= set(names)
    assert "without locks, list insert, 10000 keys: LockFreeSkipList" in names
    lines = done.stderr.splitlines()
    plan = analyze.Plan(data=(flow, again)).tiny()
    assert len(lines) == analyze.steps(plan) and len(set(lines)) == len(lines)
    page = (tmp_path / "out" / "analysis.html").read_text()
    assert all(one["text"] in page for one in findings["recommendations"])
    assert all(sentence in done.stdout for sentence in findings["conclusions"])


def test_what_asks_nothing_is_refused(tmp_path: Path) -> None:
    for words, message in (
        (("growth", "tree", "levels", "10", "1", "1"), "expected one of reference, ladder"),
        (("growth", "ladder", "depth", "10", "1", "1"), "no axis"),
        (("room", "ladder", "10,0"), "expected positive numbers"),
        (("flow", "calm", 1, 10, 1, 1, "ladder"), "no flow"),
        (("shared", "nothing", 1, 1, 1), "no group"),
        (("simulate", 10, 1, 1, "ladder"), "valgrind"),
        ((), "ask nothing"),
    ):
        with pytest.raises(InputError, match=message):
            analyze.native(*words)
    refused = analyze_command("--tiny", "--book", "tree")
    assert refused.returncode == 2 and all(name in refused.stderr for name in ENGINES)
    missing = analyze_command("--tiny", "--data", tmp_path / "missing.pbk")
    assert missing.returncode == 2 and "missing.pbk" in missing.stderr
