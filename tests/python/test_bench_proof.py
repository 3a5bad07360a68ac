"""The figures of the proof: what is measured is what is said, and what was not measured is named."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from proofbook import bench_proof, bench_proof_report, proof_figures, proving, verifying
from proofbook.bench_proof import Batch, Flow, Plan
from proofbook.errors import ProverError
from proofbook.proof_figures import ProofMaker
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
    "id": "goal.batch",
    "type": "result",
    "cycles": 106_162,
    "gas": 129_335,
    "syscalls": {"POSEIDON2": 1840},
    "seconds": {"execute": 0.25, "start core": 11.5, "prove": 110.25, "verify": 0.875},
    "memory_bytes_max": 2_469_606_195,
    "proof_bytes": 1_584_884,
    "public_values": "00" * 232,
}


# And to one for a chain of two small batches.
CHAIN_ANSWER: dict[str, Any] = {
    "id": "chain.proof",
    "type": "result",
    "cycles": 8_983,
    "gas": 22_002,
    "syscalls": {"POSEIDON2": 78},
    "seconds": {"execute": 0.125, "start compressed": 36.5, "verify parts": 0.25, "prove": 353.75, "verify": 0.0525},
    "memory_bytes_max": 16_428_249_907,
    "proof_bytes": 1_272_546,
    "public_values": "00" * 304,
}

# A compressed proof of an earlier program.
ANOTHERS_PROOF = Path(__file__).parents[2] / "crates" / "verifier" / "src" / "tests" / "earlier" / "000001.proof"


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
            "batch": {"flow": "static", "seed": 2, "commands": 1000, "book_orders": 10_000},
            "following_commands": 10,
            "rows": [
                {"proof": "core"} | proof_figures.figures(CORE_ANSWER, None),
                {"proof": "chain of both"} | proof_figures.figures(CHAIN_ANSWER, None) | {"verifier_ms": 8.0},
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
    assert line(text, "| core |") == "| core | 106,162 | 129,335 | 11.5 | 110.2 | 2.3 | 1,584,884 | 875 | none |"
    chain = "| chain of both | 8,983 | 22,002 | 36.5 | 353.8 | 15.3 | 1,272,546 | 52 | 8.0 |"
    assert line(text, "| chain of both |") == chain
    assert "1,000 commands of `static` on 10,000 orders; the next batch has 10 commands" in text
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


def test_growth_is_said_for_each_tenfold_book(result: dict[str, Any]) -> None:
    for row in result["cycles"]:
        if row["flow"] == "spread" and row["book_orders"] == 10_000:
            row["cycles_per_command"] = 3_600 if row["commands"] == 10 else 3_000
    text = bench_proof_report.markdown(result)
    assert "A book 100 times as large costs 1.5, 1.2 times as much" in text
    assert "each tenfold book adds 600, 300 cycles" in text


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


def worker(path: Path, *answers: dict[str, Any], proof: Path = ANOTHERS_PROOF) -> Path:
    """A prover of the program `ab`, whose workers together give the recorded answers in their order.

    As every proof it writes `proof`. The requests are kept in a file beside it.
    """
    requests = path.with_suffix(".requests")
    path.write_text(f"""#!{sys.executable}
import json, pathlib, shutil, sys
if sys.argv[1] == "modes":
    sys.exit(print('["core", "compressed"]'))
print('{{"type": "ready", "program_sha256": "ab"}}', flush=True)
for line in sys.stdin:
    with open({str(requests)!r}, "a+") as file:
        file.write(line)
        file.seek(0)
        answer = {list(answers)!r}[len(file.readlines()) - 1]
    if answer["type"] == "result":
        shutil.copyfile({str(proof)!r}, json.loads(line)["output"])
    print(json.dumps(answer), flush=True)
""")
    path.chmod(0o755)
    return path


FAILURE = {"id": "goal.batch", "type": "error", "code": "proving", "message": "too little memory"}


def measured(program: Path, folder: Path, modes: tuple[Mode, ...]) -> dict[str, Any]:
    """What is measured of proofs by a recorded prover."""
    batch, following = folder / "goal.batch", folder / "following.batch"
    return proof_figures.measure(ProofMaker(program, "ab"), modes, batch, following, lambda _line: None)


def test_a_proof_is_a_row(tmp_path: Path) -> None:
    found = measured(worker(tmp_path / "worker", CORE_ANSWER), tmp_path, (Mode.CORE,))
    [row] = found["rows"]
    assert (row["proof"], row["prove_s"], row["start_s"], row["verify_ms"]) == ("core", 110.25, 11.5, 875)
    assert (row["memory_bytes_max"], row["proof_bytes"]) == (2_469_606_195, 1_584_884)
    assert row["verifier_ms"] is None
    assert (found["failed"], found["left_out"]) == ({}, None)


def test_compressed_proofs_of_two_batches_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[bytes] = []
    monkeypatch.setattr(verifying, "verify_any", verified.append)
    program = worker(tmp_path / "worker", CORE_ANSWER, CORE_ANSWER | {"gas": 7}, CHAIN_ANSWER)
    found = measured(program, tmp_path, (Mode.COMPRESSED,))
    assert found["failed"] == {}
    assert [(row["proof"], row["gas"]) for row in found["rows"]] == [
        ("compressed", 129_335),
        ("compressed, the next batch", 7),
        ("chain of both", 22_002),
    ]
    chain = found["rows"][-1]
    assert (chain["start_s"], chain["prove_s"], chain["verify_ms"]) == (36.5, 353.75, 52.5)
    assert (chain["memory_bytes_max"], chain["proof_bytes"]) == (16_428_249_907, 1_272_546)
    # Each proof is verified by the verifier too, from the file that the prover wrote.
    assert verified == [ANOTHERS_PROOF.read_bytes()] * 3 * proof_figures.VERIFICATIONS
    assert all(row["verifier_ms"] >= 0 for row in found["rows"])
    batch, following, joined = map(json.loads, program.with_suffix(".requests").read_text().splitlines())
    assert (batch["batch"], following["batch"]) == (str(tmp_path / "goal.batch"), str(tmp_path / "following.batch"))
    assert joined["mode"] == "chain" and joined["proofs"] == [batch["output"], following["output"]]
    assert len({request["output"] for request in (batch, following, joined)}) == 3


def test_a_proof_that_fails_is_named_and_loses_no_other(tmp_path: Path) -> None:
    """The prover fails at first; then it makes proofs of an earlier program, which the verifier refuses."""
    program = worker(tmp_path / "worker", FAILURE, CORE_ANSWER, CORE_ANSWER, CHAIN_ANSWER)
    stale = proof_figures.proof_path(tmp_path / "goal.batch", Mode.CORE)
    stale.write_bytes(b"of an earlier run")
    found = measured(program, tmp_path, (Mode.CORE, Mode.COMPRESSED))
    assert found["rows"] == [] and not stale.exists()
    assert found["failed"].pop("core") == "goal.batch: too little memory"
    assert list(found["failed"]) == ["compressed", "compressed, the next batch", "chain of both"]
    assert all("a proof of another program" in reason for reason in found["failed"].values()), found


def test_modes_that_were_not_built_are_named(tmp_path: Path) -> None:
    found = measured(worker(tmp_path / "worker"), tmp_path, (Mode.GROTH16,))
    assert found == {"rows": [], "failed": {}, "left_out": "this prover was not built for groth16: `make prover`"}


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
    answer = json.dumps({"program_sha256": "cd", "sp1": "6.10.0", "rows": []})
    program = tmp_path / "profiler"
    program.write_text(f"#!/bin/sh\necho {shlex.quote(answer)}\n")
    program.chmod(0o755)
    monkeypatch.setenv(proving.PROVER_VARIABLE, str(worker(tmp_path / "worker")))
    plan = Plan(flows=(Flow("spread", 1, (10,)),), modes=(Mode.CORE,), commitment_runs=0)
    result = bench_proof.measure(plan, program, tmp_path / "files")
    assert result["proofs"]["rows"] == []
    assert result["proofs"]["failed"] == {"core": "expected the program cd; received ab: `make prover`"}
    # What was measured before is not lost; it is in the report, and so is what failed.
    assert "**No proof, core**: expected the program cd; received ab" in bench_proof_report.markdown(result)


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
    assert proof["cycles"] > 1_000_000 and proof["proof_bytes"] is None
    maker = ProofMaker(proving.find_prover(), result["program_sha256"])
    assert maker.prove(Mode.EXECUTE, tmp_path / "files" / "goal.batch")["cycles"] == proof["cycles"]
    assert result["profiles"] == [] and result["commitment"] == []
    text = bench_proof_report.write(result, tmp_path / "report")[0].read_text()
    assert line(text, "| execute |").startswith(f"| execute | {proof['cycles']:,} |")


@pytest.mark.skipif(not has_prover(), reason="proofbook-prover is not built: make prover-executor")
def test_the_next_batch_follows_the_measured_one(tmp_path: Path) -> None:
    """The program that joins takes what they say in this order alone. It is only run, so it takes no proofs."""
    batches = [tmp_path / "goal.batch", tmp_path / "following.batch"]
    bench_proof.Profiler(proving.find_prover()).sample(Batch("spread", 3, 25, 20), *batches)
    proofs = []
    with proving.ProverProcess() as process:
        for batch in batches:
            answer = process.work(Mode.EXECUTE, batch, None, str)
            values = bytes.fromhex(answer["public_values"])
            proofs.append(proof_figures.proof_path(batch, Mode.COMPRESSED))
            file = b"PROOFBK1\x02" + bytes(7)
            proofs[-1].write_bytes(file + len(values).to_bytes(8, "little") + values + bytes(8))
        answer = process.join(proofs, None, str)
        assert answer["cycles"] > 1_000 and answer["proof_bytes"] is None
        with pytest.raises(ProverError):
            process.join(proofs[::-1], None, str)
