"""Measure proofbook's FIX codec beside QuickFIX C++ and simplefix: one run, the same messages, in turns.

`compare_parsers.py CODEC OUT [ROUNDS]`, where CODEC is the built benchmark `codec` of `crates/fix`. Messages are
generated; each contender says what it found in them, as one hash over all fields; one that found something else ends
the run. Then come the figures: medians over the turns, and the ratio to proofbook's best kernel, of the quickest
passes over all messages, which a busy machine disturbs least. QuickFIX is measured where `bench/fix/quickfix/build`
can build it, simplefix where it is installed; what is not measured is named. All of it goes to OUT as lines of JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TURNS = 3
RUN_SECONDS_MAX = 600
BASELINE = "proofbook-"
FROM_PYTHON = "proofbook-python"


def peers_folder() -> Path:
    """Where what is built of peers goes."""
    default = Path.home() / ".cache" / "proofbook" / "peers"
    return Path(os.environ.get("PROOFBOOK_PEERS", default)) / "fix"


def quickfix_command(corpus: Path, rounds: str) -> list[str] | None:
    """The program that drives QuickFIX, built where it can be."""
    built = subprocess.run(
        [HERE / "quickfix" / "build"], check=False, capture_output=True, text=True, timeout=RUN_SECONDS_MAX
    )
    program = peers_folder() / "quickfix"
    dictionary = peers_folder() / "FIX44.xml"
    if not program.exists() or (built.returncode != 0 and not dictionary.exists()):
        print(f"QuickFIX is not measured: {built.stderr.strip()}")
        return None
    return [str(program), str(corpus), rounds, *([str(dictionary)] if dictionary.exists() else [])]


def simplefix_command(corpus: Path, rounds: str) -> list[str] | None:
    """The program that drives simplefix, where that is installed."""
    probe = subprocess.run([sys.executable, "-c", "import simplefix"], check=False, capture_output=True, text=True)
    if probe.returncode != 0:
        print("simplefix is not measured: it is not installed for this Python")
        return None
    return [sys.executable, str(HERE / "simplefix_peer.py"), str(corpus), rounds]


def run(command: list[str]) -> list[dict[str, Any]]:
    """What a contender prints."""
    finished = subprocess.run(command, check=True, capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
    sys.stderr.write(finished.stderr)
    return [json.loads(line) for line in finished.stdout.splitlines()]


def check_hashes(results: list[dict[str, Any]]) -> None:
    """Whoever read the same messages must have found the same fields."""
    found: dict[str, set[tuple[int, str]]] = defaultdict(set)
    for result in results:
        found[result["kind"]].add((result["messages"], result["hash"]))
    for kind, hashes in found.items():
        if len(hashes) != 1:
            raise SystemExit(f"contenders found different fields in {kind}: {results}")
        ((messages, value),) = hashes
        print(f"{messages} {kind}: all contenders found the same fields, {value}")


def table(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The median of the turns of each figure, and the ratio to proofbook's best."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        groups[result["operation"], result["kind"], result["contender"]].append(result)
    best: dict[tuple[str, str], float] = {}
    rows = []
    for (operation, kind, contender), turns in groups.items():
        names = ("mean_ns", "p50_ns", "p99_ns", "p999_ns", "timer_ns")
        row: dict[str, Any] = {"operation": operation, "kind": kind, "contender": contender}
        row["best_ns"] = min(turn["mean_ns_min"] for turn in turns)
        row |= {name: statistics.median(turn[name] for turn in turns) for name in names}
        rows.append(row)
        if contender.startswith(BASELINE) and contender != FROM_PYTHON:
            key = (operation, kind)
            best[key] = min(best.get(key, row["best_ns"]), row["best_ns"])
    for row in rows:
        row["ratio"] = round(row["best_ns"] / best[row["operation"], row["kind"]], 2)
    return sorted(rows, key=lambda row: (row["operation"], row["kind"], row["best_ns"]))


def show(rows: list[dict[str, Any]]) -> None:
    """One line a figure."""
    titles = ("best ns", "ratio", "mean", "p50", "p99", "p99.9")
    print(f"{'operation':9} {'messages':10} {'contender':17} {' '.join(f'{title:>9}' for title in titles)}")
    for row in rows:
        figures = (row[name] for name in ("best_ns", "ratio", "mean_ns", "p50_ns", "p99_ns", "p999_ns"))
        print(
            f"{row['operation']:9} {row['kind']:10} {row['contender']:17} "
            f"{' '.join(f'{figure:9.2f}' if figure < 100 else f'{figure:9.0f}' for figure in figures)}"
        )


def main() -> None:
    """Generates, compares, measures in turns, reports."""
    codec, out = Path(sys.argv[1]), Path(sys.argv[2])
    rounds = sys.argv[3] if len(sys.argv) > 3 else "5"
    corpus = out.parent / "fix-corpus"
    subprocess.run([codec, "generate", corpus], check=True, timeout=RUN_SECONDS_MAX)
    commands = [[str(codec), "measure", str(corpus), rounds]]
    commands += [
        command for command in (quickfix_command(corpus, rounds), simplefix_command(corpus, rounds)) if command
    ]
    results = [result for _ in range(TURNS) for command in commands for result in run(command)]
    check_hashes(results)
    rows = table(results)
    show(rows)
    out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
