"""The figures of the proof: what is measured is what is said, and what was not measured is named."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from proofbook import bench_proof, bench_proof_report, proving
from proofbook.bench_proof import Batch, Flow, Plan
from proofbook.errors import ProverError
from proofbook.proving import Mode

PARTS = {
    "commitment: events": 150_000,
    "commitment: state": 250_000,
    "decode": 100_000,
    "matching: book": 1_400_000,
    "matching: rules": 110_000,
    "rest": 40_000,
    "witness check": 350_000,
}

# What a worker answered to a request for a core proof; the figures are of another batch.
CORE_ANSWER: dict[str, Any] = {
    "id": "proven.batch",
    "type": "result",
    "cycles": 106_162,
    "gas": 129_335,
    "syscalls": {"POSEIDON2": 1840},
    "seconds": {"execute": 0.25, "start core": 11.5, "prove": 110.25, "verify": 0.875},
    "memory_bytes_max": 2_469_606_195,
    "proof_bytes": 1_584_884,
    "public_values": "00" * 232,
}


def row(flow: str, book: int, batch: int, cycles: int, **more: object) -> dict[str, Any]:
    known = {"seed": 2, "warm_up_commands": 453_210, "day_orders": 1_000_000, "events": batch, "witness_words": 9}
    per = {
        "cycles_per_command": cycles / batch,
        "gas_per_command": cycles / batch + 7,
        "permutations_per_command": 20.2,
    }
    return {"flow": flow, "book_orders": book, "commands": batch, "cycles": cycles, **known, **per, **more}


def kernel(rate: float) -> dict[str, float]:
    return {"commands_per_s": rate, "best": rate * 1.1, "worst": rate * 0.9}


@pytest.fixture
def result() -> dict[str, Any]:
    total = sum(PARTS.values())
    rows = [
        row(
            flow, book, batch, total * batch // 1000, parts={name: part * batch // 1000 for name, part in PARTS.items()}
        )
        for flow in ("spread", "static")
        for book in (100, 10_000)
        for batch in (10, 1000)
    ]
    functions = [{"name": "<a::B>::c", "part": "matching: book", "cycles": 600_000}]
    kernels = {"scalar": kernel(60_000), "avx512": kernel(640_000)}
    state = {"kernels": kernels, "orders_before": 100_000}
    return {
        "machine_name": {"processor": "a processor", "cores": 2, "system": "a system"},
        "program_sha256": "ab" * 32,
        "sp1": "6.10.0",
        "batches": [10, 1000],
        "cycles": rows,
        "profiles": [
            {"flow": "static", "commands": 1000, "book_orders": 10_000, "cycles": total, "parts": PARTS}
            | {"book": {"insert": 700_000, "find": 700_000}, "functions": functions, "functions_all": 300}
        ],
        "commitment": [{"batch": 1000, "runs": 5, "flows": {"normal": state, "resting": state}}],
        "proofs": {
            "left_out": None,
            "failed": {},
            "rows": [
                {"flow": "static", "commands": 1000, "book_orders": 10_000}
                | bench_proof.figures(Mode.CORE, CORE_ANSWER, []),
                {"flow": "static", "commands": 1000, "book_orders": 10_000}
                | bench_proof.figures(Mode.COMPRESSED, CORE_ANSWER | {"proof_bytes": 1_272_000}, [9.0, 7.5, 8.0]),
            ],
        },
    }


def line(text: str, start: str) -> str:
    [found] = [line for line in text.splitlines() if line.startswith(start)]
    return found


def test_the_report_says_what_was_measured(result: dict[str, Any]) -> None:
    text = bench_proof_report.markdown(result)
    # 2,400 cycles for each command, and 7 gas more.
    assert "**2,400**, met (-4.0%)" in text
    assert "453,210 commands of a day with 1,000,000 new orders" in text
    assert text.count("| 10,000 | 453,210 | 2,400 / 2,407 | 2,400 / 2,407 |") == 2
    assert text.count("| 100 | 100 / 350 / 1,510 / 400 / 40 | 100 / 350 / 1,510 / 400 / 40 |") == 2
    assert line(text, "| matching: book |") == "| matching: book | 1,400 |"
    assert line(text, "| all |") == "| all | 2,400 |"
    assert line(text, "| `<a::B>::c`") == "| `<a::B>::c` | matching: book | 600.0 |"
    assert "the first 1 of 300 by their own cycles, inlined ones apart; together 25%" in text
    assert line(text, "| core |") == "| core | 11.5 | 110.2 | 2.3 | 1,584,884 | 875 | none |"
    assert line(text, "| compressed |") == "| compressed | 11.5 | 110.2 | 2.3 | 1,272,000 | 875 | 8.0 |"
    assert line(text, "| normal, batch of 1,000 |") == "| normal, batch of 1,000 | 60 (54-66) | 640 (576-704) |"
    assert "**640,000**, met" in text


def test_what_is_missed_is_called_missed(result: dict[str, Any]) -> None:
    goal = bench_proof_report.goal_row(result)
    assert goal is not None
    goal["cycles_per_command"] = 2501
    for row in result["commitment"]:
        row["flows"]["normal"]["kernels"]["avx512"]["commands_per_s"] = 499_999
    text = bench_proof_report.markdown(result)
    assert "**2,501**, missed (+0.0%)" in text
    assert "**499,999**, missed" in text


def test_what_was_not_measured_is_named(result: dict[str, Any]) -> None:
    for row in result["cycles"]:
        del row["parts"]
    bare = result | {
        "profiles": [],
        "commitment": [],
        "proofs": {"rows": [], "failed": {}, "left_out": "left out by QUICK=1"},
    }
    bare["cycles"] = [row for row in result["cycles"] if row["flow"] == "spread"]
    text = bench_proof_report.markdown(bare)
    assert "Its batch was not measured." in text
    assert "its parts are not told apart" in text
    assert "Not measured: left out by QUICK=1." in text
    assert "## What is left" not in text


def test_report_json_and_plots_are_written(result: dict[str, Any], tmp_path: Path) -> None:
    paths = bench_proof_report.write(result, tmp_path / "report")
    assert [path.name for path in paths] == ["report.md", "report.json", "cycles.png", "parts.png"]
    assert json.loads(paths[1].read_text()) == result
    for path in paths[2:]:
        assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000


def worker(tmp_path: Path, answer: dict[str, Any]) -> Path:
    """A program that answers a worker's request as was recorded."""
    program = tmp_path / "worker"
    lines = [{"type": "ready", "program_sha256": "ab"}, answer]
    text = (
        f"#!{sys.executable}\nprint({json.dumps(lines[0])!r}, flush=True)\ninput()\nprint({json.dumps(lines[1])!r})\n"
    )
    program.write_text(text)
    program.chmod(0o755)
    return program


def test_a_proof_is_a_row(tmp_path: Path) -> None:
    figures = bench_proof.prove(worker(tmp_path, CORE_ANSWER), Mode.CORE, tmp_path / "proven.batch")
    assert (figures["mode"], figures["prove_s"], figures["start_s"], figures["verify_ms"]) == (
        "core",
        110.25,
        11.5,
        875,
    )
    assert (figures["memory_bytes_max"], figures["proof_bytes"]) == (2_469_606_195, 1_584_884)
    assert figures["verifier_ms"] is None


def test_a_proof_that_fails_is_an_error(tmp_path: Path) -> None:
    failure = {"id": "proven.batch", "type": "error", "code": "proving", "message": "too little memory"}
    with pytest.raises(ProverError, match=r"proven\.batch: too little memory"):
        bench_proof.prove(worker(tmp_path, failure), Mode.CORE, tmp_path / "proven.batch")


def test_a_program_that_fails_is_named(tmp_path: Path) -> None:
    program = tmp_path / "profiler"
    program.write_text("#!/bin/sh\necho no such flow >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(ProverError, match=r"profiler cycles --json --flows calm .*: no such flow"):
        bench_proof.measure(Plan(flows=(Flow("calm", 1, (10,)),)), program, tmp_path / "files")


def has_prover() -> bool:
    try:
        proving.find_prover()
    except ProverError:
        return False
    return True


def test_another_program_than_the_measured_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The profiler measures one program, the prover proves another."""
    measured = {"program_sha256": "cd", "sp1": "6.10.0", "rows": []}
    program = tmp_path / "profiler"
    program.write_text(f"#!/bin/sh\necho '{json.dumps(measured)}'\n")
    program.chmod(0o755)
    prover = worker(tmp_path, CORE_ANSWER)
    text = prover.read_text().replace(
        "print(", "import sys\nif sys.argv[1] == 'modes': sys.exit(print('[\"core\"]'))\nprint(", 1
    )
    prover.write_text(text)
    monkeypatch.setenv(proving.PROVER_VARIABLE, str(prover))
    plan = Plan(flows=(Flow("spread", 1, (10,)),), modes=(Mode.CORE,), commitment_runs=0)
    result = bench_proof.measure(plan, program, tmp_path / "files")
    assert result["proofs"]["rows"] == []
    assert result["proofs"]["failed"] == {"core": "expected the program cd; received ab: `make prover`"}
    # What was measured before is not lost; it is in the report, and so is what failed.
    assert "**No core proof**: expected the program cd; received ab" in bench_proof_report.markdown(result)


@pytest.mark.skipif(not has_prover(), reason="proofbook-prover is not built: make prover-executor")
def test_a_small_measurement_from_end_to_end(tmp_path: Path) -> None:
    plan = Plan(
        flows=(Flow("spread", 3, (20, 200)), Flow("static", 3, (20,))),
        batches=(1, 25),
        profiled=(Batch("spread", 3, 25, 20),),
        modes=(Mode.EXECUTE,),
        commitment_runs=0,
    )
    said: list[str] = []
    result = bench_proof.measure(plan, proving.find_prover(), tmp_path / "files", said.append)
    cells = [(row["flow"], row["book_orders"], row["commands"]) for row in result["cycles"]]
    assert cells == [
        (flow, book, batch) for flow, book in (("spread", 20), ("spread", 200), ("static", 20)) for batch in (1, 25)
    ]
    for row in result["cycles"]:
        assert row["cycles"] == pytest.approx(row["cycles_per_command"] * row["commands"])
        assert row["cycles_per_command"] > 500 and row["gas_per_command"] > 500
    # Whoever runs the goal's batch finds the cycles that the report says.
    [proof] = result["proofs"]["rows"]
    assert proof["commands"] == 1000 and proof["cycles"] > 1_000_000 and proof["proof_bytes"] is None
    again = bench_proof.prove(proving.find_prover(), Mode.EXECUTE, tmp_path / "files" / "proven.batch")
    assert again["cycles"] == proof["cycles"]
    assert result["profiles"] == [] and result["commitment"] == []
    text = bench_proof_report.write(result, tmp_path / "report")[0].read_text()
    assert line(text, "| execute |").startswith("| execute | 0.0 | none |")
