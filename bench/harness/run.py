"""Run the public matching-engine benchmark harness on proofbook's engine library, and on peers beside it.

The harness (flash1-dev/matching-engine-benchmark) is the user's own checkout, built by its own rules; nothing of it
is part of this project. For each of its five scenarios this runs every engine several times, in turn, and prints the
median throughput with its range, the verdict on the hash of all reports, and one audit of the book's state. At the
end come the harness' hand-made cases, where the engines that they are judged by have been built.

The exit status is 0 only if every hash is the published one and no audit and no case failed.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

SCENARIOS = ("static", "normal", "swing-25", "swing-40", "flash-crash")
RUN_SECONDS_MAX = 900


@dataclass
class Engine:
    """A library under test and what its runs gave."""

    name: str
    path: Path
    rates: dict[str, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stand:
    """A built checkout of the harness and the cores it may use."""

    folder: Path
    matcher_core: int
    drainer_core: int

    def run(self, engine: Engine, scenario: str, mode: str) -> str:
        """Everything that one run prints."""
        command = [
            "./harness",
            *("--engine", str(engine.path)),
            *("--scenario", scenario),
            *("--mode", mode),
            *("--matcher-core", str(self.matcher_core)),
            *("--drainer-core", str(self.drainer_core)),
        ]
        finished = subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS_MAX,
            check=False,
        )
        return finished.stdout + finished.stderr


def found(pattern: str, text: str) -> str:
    """The first group of a pattern in a text, or nothing."""
    match = re.search(pattern, text)
    return match.group(1) if match else ""


def measure(stand: Stand, engine: Engine, scenario: str) -> None:
    """One timed run."""
    output = stand.run(engine, scenario, "perf")
    rate = found(r"Throughput:\s+([0-9.]+)", output)
    status = found(r"Status:\s+(\w+)", output)
    verdict = found(r"Verdict:\s+(\w+)", output)
    if rate:
        engine.rates.setdefault(scenario, []).append(float(rate))
    if status != "PASS" or verdict != "VALID":
        last_line = output.strip().splitlines()[-1:] or ["no output"]
        engine.failures.append(f"{scenario}: hash {status or 'missing'}, {verdict or last_line[0]}")


def audit(stand: Stand, engine: Engine, scenario: str) -> str:
    """One audit of the book's state; says how it went."""
    output = stand.run(engine, scenario, "audit")
    result = found(r"State audit: (.+)", output) or "no result"
    if not result.startswith(("PASS", "SKIPPED")):
        engine.failures.append(f"{scenario}: audit {result}")
    return result


def conform(stand: Stand, engine: Engine) -> str:
    """The harness' hand-made cases; says how they went."""
    script = stand.folder / "scripts" / "conformance_check.py"
    finished = subprocess.run(
        [sys.executable, str(script), str(engine.path)],
        cwd=stand.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    verdict = found(r"VERDICT: (.+)", finished.stdout)
    if not verdict:
        said = (finished.stderr or finished.stdout).strip().splitlines()
        return f"not run: {said[-1] if said else 'the script printed nothing'}"
    if finished.returncode != 0:
        engine.failures.append(f"hand-made cases: {verdict}")
    return verdict


def print_table(engines: list[Engine]) -> None:
    """Medians with their ranges, the worst scenario, and the ratio to each peer."""
    print(f"\nM messages/s, median (lowest-highest)\n{'engine':<20}", end="")
    print("".join(f"{scenario:>22}" for scenario in SCENARIOS) + f"{'worst':>9}")
    worst: dict[str, float] = {}
    for engine in engines:
        cells = []
        for scenario in SCENARIOS:
            rates = engine.rates.get(scenario)
            text = f"{statistics.median(rates):.2f} ({min(rates):.2f}-{max(rates):.2f})" if rates else "-"
            cells.append(f"{text:>22}")
        medians = [statistics.median(rates) for rates in engine.rates.values()]
        worst[engine.name] = min(medians, default=0.0)
        print(f"{engine.name:<20}{''.join(cells)}{worst[engine.name]:>9.2f}")
    first = engines[0].name
    for peer in engines[1:]:
        if worst[peer.name]:
            print(f"{first} / {peer.name}, worst to worst: {worst[first] / worst[peer.name]:.2f}")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("harness", type=Path, help="a built checkout of the harness")
    parser.add_argument("engine", type=Path, help="proofbook's engine library")
    parser.add_argument(
        "--peer", type=Path, action="append", default=[], help="another engine's library; may be repeated"
    )
    parser.add_argument("--runs", type=int, default=5, help="timed runs per engine and scenario (default 5)")
    parser.add_argument("--matcher-core", type=int, default=0, help="core of the engine (default 0)")
    parser.add_argument("--drainer-core", type=int, default=1, help="core that takes the reports (default 1)")
    return parser.parse_args()


def main() -> int:
    """Run everything; the exit status."""
    options = arguments()
    stand = Stand(options.harness.resolve(), options.matcher_core, options.drainer_core)
    for program in ("harness", "generator"):
        if not (stand.folder / program).exists():
            print(
                f"{stand.folder} holds no built harness: {program} is missing. Build it with its own make.",
                file=sys.stderr,
            )
            return 2
    engines = [Engine("proofbook", options.engine.resolve())]
    engines += [Engine(path.stem.removesuffix("_adapter"), path.resolve()) for path in options.peer]
    for _ in range(options.runs):
        for scenario in SCENARIOS:
            for engine in engines:
                measure(stand, engine, scenario)
    print_table(engines)
    print()
    for scenario in SCENARIOS:
        print(f"{scenario:<12} state audit: {audit(stand, engines[0], scenario)}")
    print(f"hand-made cases: {conform(stand, engines[0])}")
    for engine in engines:
        for failure in engine.failures:
            print(f"{engine.name}: {failure}", file=sys.stderr)
    return 1 if engines[0].failures else 0


if __name__ == "__main__":
    sys.exit(main())
