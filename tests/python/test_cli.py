"""The command line as a user runs it: reports, files, exit codes, clear errors."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import proofbook

COMMANDS = 30_000


def call(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "proofbook", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )


def last_line(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return value


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("run")
    done = call("run", "--commands", str(COMMANDS), "--out", "results", "--json", cwd=folder)
    return last_line(done), folder


def test_a_run_of_the_sample(sample: tuple[dict[str, Any], Path]) -> None:
    report, folder = sample
    assert report["commands"] == COMMANDS == sum(report["commands_by_type"].values())
    assert report["latency_ns"]["all"]["count"] == COMMANDS
    for kind, latency in report["latency_ns"]["by_type"].items():
        assert latency["count"] == report["commands_by_type"][kind]
        assert 0 < latency["p50"] <= latency["p99"] <= latency["p99_9"] <= latency["max"]
    assert sum(report["rejects"].values()) == report["rejected"] > 0
    assert report["commands_per_s"] > 0
    assert len(bytes.fromhex(report["digest"])) == 32

    files = {name: folder / path for name, path in report["files"].items()}
    trades = pq.read_table(files["trades"])
    assert trades.num_rows == report["trades"] > 0
    assert sum(trades["quantity"].to_pylist()) == int(report["volume"])
    assert trades.schema.metadata[b"proofbook.price_unit"] == b"0.01"
    rows = trades.select(["price", "quantity"]).to_pylist()
    notional = sum(Decimal(row["price"]) * row["quantity"] for row in rows) / 100
    assert Decimal(report["notional"]) == notional
    average = (notional / int(report["volume"])).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)
    assert report["average_price"] == str(average)
    tops = pq.read_table(files["top_of_book"])
    last = tops.to_pylist()[-1]
    for side in ("bid", "ask"):
        best = report[f"best_{side}"]
        assert (last[f"{side}_px_00"], last[f"{side}_sz_00"]) == (
            round(float(best["price"]) * 100),
            int(best["quantity"]),
        )
    assert files["picture"].read_bytes().startswith(b"\x89PNG\r\n")
    assert json.loads(files["report"].read_text()) == report

    proofs = report["proofs"]
    batches = [json.loads(line) for line in (folder / proofs["file"]).read_text().splitlines()]
    assert len(batches) == proofs["batches"] > 1
    assert sum(batch["commands"] for batch in batches) == COMMANDS
    assert batches[-1]["new_root"] == proofs["root"]
    assert all(after["previous_root"] == before["new_root"] for before, after in pairwise(batches))


def test_the_sample_file_runs_to_the_same_state(sample: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    report, _ = sample
    path = tmp_path / "sample.pbk"
    assert last_line(call("generate", path, "--commands", str(COMMANDS), "--json"))["commands"] == COMMANDS
    again = last_line(call("run", path, "--out", tmp_path / "out", "--json"))
    assert again["source"]["kind"] == "proofbook"
    assert {name: again[name] for name in ("digest", "trades", "rejects", "commands")} == {
        name: report[name] for name in ("digest", "trades", "rejects", "commands")
    }
    replayed = last_line(call("replay", path, "--json"))
    assert replayed["records"] == COMMANDS
    assert replayed["digest"] == report["digest"]
    other = last_line(call("generate", tmp_path / "other.pbk", "--commands", "100", "--seed", "2", "--json"))
    assert other == {"file": str(tmp_path / "other.pbk"), "commands": 100}


def test_the_readable_report(tmp_path: Path) -> None:
    done = call("run", "--commands", "3000", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    for words in ("Commands", "3,000", "p99.9", "Best bid", "Digest", "unknown_order", "run.png", "commands/s"):
        assert words in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("replay", "missing.itch"), "missing.itch"),
        (("run", "missing.pbk"), "missing.pbk"),
        (("recover", "missing"), "missing"),
        (("replay", "text.txt"), "text.txt"),
        (("run", "empty.pbk"), "empty.pbk"),
        (("generate", "no/such/folder/x.pbk"), "no/such/folder"),
        (("run", "--out", "text.txt", "--commands", "10"), "text.txt"),
    ],
)
def test_bad_input_is_one_clear_sentence(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("this is no market data\n")
    (tmp_path / "empty.pbk").write_bytes(b"")
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert words in last


def test_wrong_usage_exits_with_two() -> None:
    for arguments in (("run", "--commands", "0"), ("replay",), ("fly",), ("replay", "x", "--mode", "guess")):
        done = call(*arguments)
        assert done.returncode == 2, arguments
        assert "Traceback" not in done.stderr


def test_info() -> None:
    assert last_line(call("info", "--json"))["version"] == proofbook.__version__
    assert f"version: {proofbook.__version__}" in call("info").stdout


def test_a_journal_is_written_recovered_and_cut(sample: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    report, _ = sample
    last_line(call("generate", "flow.pbk", "--commands", str(COMMANDS), "--json", cwd=tmp_path))
    written = last_line(call("journal", "flow.pbk", "--output", "log", "--json", cwd=tmp_path))
    assert written["last_sequence"] == COMMANDS
    assert written["digest"] == report["digest"], "the journal's engine and the measured run end in one state"
    recovered = last_line(call("recover", "log", "--json", cwd=tmp_path))
    assert (recovered["digest"], recovered["last_sequence"]) == (written["digest"], COMMANDS)
    assert recovered["truncated"] is None

    again = call("journal", "flow.pbk", "--output", "log", cwd=tmp_path)
    assert again.returncode != 0, "a second journal does not overwrite the first"
    assert last_line(call("recover", "log", "--json", cwd=tmp_path))["digest"] == written["digest"]

    segment = next((tmp_path / "log").glob("commands-*.log"))
    spoiled = bytearray(segment.read_bytes())
    spoiled[len(spoiled) // 3] ^= 4
    segment.write_bytes(spoiled)
    damaged = call("recover", "log", cwd=tmp_path)
    assert damaged.returncode != 0
    assert "offset" in damaged.stderr or "byte" in damaged.stderr, damaged.stderr


def test_an_unknown_sync_policy_is_refused(tmp_path: Path) -> None:
    last_line(call("generate", "flow.pbk", "--commands", "100", "--json", cwd=tmp_path))
    done = call("journal", "flow.pbk", "--output", "log", "--sync", "sometimes", cwd=tmp_path)
    assert done.returncode != 0
    assert "sometimes" in done.stderr and "every" in done.stderr
