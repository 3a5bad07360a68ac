"""The figures of the proof: what commands cost in the zkVM, real proofs, and the committed state's upkeep.

``measure`` asks ``proofbook-prover`` (built with its feature ``profile``) for cycles and gas of batches by flow, size
of batch and size of book, each batch on a book of exactly that size; a build of the program with symbols tells its
parts apart. A prover with proofs, where there is one, proves the batch that the goal is about and a small one after it,
and joins the two proofs. A batch must say what the ledger expects before anything is said of it; every proof is
verified.

Run as ``python -m proofbook.bench_proof``; ``make bench-proof`` builds what it needs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook import bench, bench_proof_report, proof_figures, proving
from proofbook.bench import Result
from proofbook.errors import BrokenInvariantError, ProverError
from proofbook.proof_figures import Progress
from proofbook.proving import Mode

BATCHES = (1, 10, 100, 1_000, 10_000)
COMMITMENT_SEED = 2
COMMITMENT_ORDERS = 100_000
COMMITMENT_BATCHES = (100, 1_000, 10_000)
FOLLOWING_COMMANDS = 10
"""Commands of the batch after the goal's, which is proven so that two proofs can be joined."""

FUNCTIONS_MAX = 20
"""Functions of a profile that are kept."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Which order flow, and the sizes of books on which it is measured.

    Attributes:
        name: As ``proofbook-prover cycles --flows`` takes it.
        seed: Where its choices come from.
        books: Resting orders when a batch begins.
    """

    name: str
    seed: int
    books: tuple[int, ...]


FLOWS = (
    Flow("spread", 1, (100, 1_000, 10_000, 100_000, 1_000_000)),
    # As far as these scenarios fill a book.
    Flow("static", 2, (100, 1_000, 10_000, 100_000)),
    Flow("normal", 2, (100, 1_000, 10_000)),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: the goals are about ``static``, 1,000 commands on a book of 10,000 orders."""

    flow: str = "static"
    seed: int = 2
    commands: int = 1_000
    book_orders: int = 10_000


GOAL = Batch()
PROFILED = (GOAL, Batch("normal"), Batch("spread", seed=1))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        flows: The flows and books.
        batches: Commands of the batches.
        profiled: The batches whose functions are told apart.
        symbols: The program with symbols; without it nothing is told apart.
        modes: The proofs to make; none leaves them out. A compressed one is also joined with that of the next batch.
        memory_gib: How much memory the prover may plan with.
        commitment_runs: Timed runs of the committed state; 0 leaves it out.
    """

    flows: tuple[Flow, ...] = FLOWS
    batches: tuple[int, ...] = BATCHES
    profiled: tuple[Batch, ...] = PROFILED
    symbols: Path | None = None
    modes: tuple[Mode, ...] = (Mode.CORE, Mode.COMPRESSED)
    memory_gib: int | None = None
    commitment_runs: int = 5


@dataclass(frozen=True, slots=True)
class Profiler:
    """The program ``proofbook-prover``, which runs batches without proving them."""

    program: Path
    symbols: Path | None = None

    @property
    def _options(self) -> list[str]:
        return [] if self.symbols is None else ["--symbols", str(self.symbols)]

    def _run(self, *words: str) -> str:
        finished = subprocess.run([self.program, *words], capture_output=True, text=True, check=False)
        if finished.returncode != 0:
            raise ProverError(f"{self.program.name} {' '.join(words)}: {finished.stderr.strip()[-2000:]}")
        return finished.stdout

    def cycles(self, flow: Flow, book: int, batches: Sequence[int]) -> Result:
        """Cycles and gas of batches of a flow on a book."""
        sizes = ",".join(map(str, batches))
        words = ("--flows", flow.name, "--seed", str(flow.seed), "--books", str(book), "--batches", sizes)
        result: Result = json.loads(self._run("cycles", "--json", *words, *self._options))
        return result

    def sample(self, batch: Batch, path: Path, following: Path | None = None) -> None:
        """Writes the batch file of a batch; where `following` is named, also that of the few commands after it."""
        sizes, paths = [batch.commands], [path]
        if following is not None:
            sizes.append(FOLLOWING_COMMANDS)
            paths.append(following)
        words = (",".join(map(str, sizes)), str(batch.book_orders), *map(str, paths))
        self._run("sample", *words, "--flows", batch.flow, "--seed", str(batch.seed))

    def profile(self, batch: Path) -> Result:
        """Where the cycles of a batch go."""
        result: Result = json.loads(self._run("profile", str(batch), *self._options))
        return result


def measure(plan: Plan, profiler: Path, folder: Path, progress: Progress = lambda _line: None) -> Result:
    """Measures everything.

    Args:
        plan: What.
        profiler: The program ``proofbook-prover`` that runs batches.
        folder: Where batch and proof files go; made if it is not there.
        progress: Takes a line of text now and then.

    Returns:
        ``cycles``, ``profiles``, ``proofs`` and ``commitment``, with the program's SHA-256 and the machine.

    Raises:
        ProverError: A batch cannot be run. A proof that fails is in ``proofs`` instead.
        BrokenInvariantError: The committed state comes to another root than it should.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tool = Profiler(profiler, plan.symbols)
    result: Result = {"machine_name": bench.machine_name(), "batches": list(plan.batches), "cycles": []}
    for flow in plan.flows:
        for book in flow.books:
            progress(f"cycles: {flow.name}, {book:,} orders")
            measured = tool.cycles(flow, book, plan.batches)
            result |= {name: measured[name] for name in ("program_sha256", "sp1")}
            result["cycles"] += measured["rows"]
    result["profiles"] = [_profile(tool, batch, folder, progress) for batch in plan.profiled if plan.symbols]
    progress("the committed state")
    result["commitment"] = commitment(plan.commitment_runs)
    result["proofs"] = _proofs(plan, tool, folder, result["program_sha256"], progress)
    return result


def _terms(batch: Batch) -> Result:
    return {name: getattr(batch, name) for name in ("flow", "seed", "commands", "book_orders")}


def _profile(tool: Profiler, batch: Batch, folder: Path, progress: Progress) -> Result:
    progress(f"profile: {batch.flow}, {batch.commands:,} commands")
    path = folder / f"{batch.flow}.batch"
    tool.sample(batch, path)
    profile = tool.profile(path)
    functions = profile["functions"]
    kept = {"functions": functions[:FUNCTIONS_MAX], "functions_all": len(functions)}
    return _terms(batch) | profile | kept


def commitment(runs: int) -> list[Result]:
    """Times the committed state of a book of 10^5 orders, in one thread, batch size by batch size.

    Raises:
        BrokenInvariantError: A run came to another root, or to other public values, than the proven function.
    """
    rows = []
    for batch in COMMITMENT_BATCHES if runs else ():
        row = bench.native("commitment", COMMITMENT_SEED, COMMITMENT_ORDERS, batch, runs)
        if not row["hash_ok"]:
            raise BrokenInvariantError(
                f"the committed state of batches of {batch}: expected the proven function's values"
            )
        rows.append(row)
    return rows


def _proofs(plan: Plan, tool: Profiler, folder: Path, program: str, progress: Progress) -> Result:
    """Proofs of the goal's batch, of a small one after it, and of the chain of both."""
    if not plan.modes:
        return {"rows": [], "failed": {}, "left_out": "left out by QUICK=1"}
    try:
        prover = proving.find_prover()
    except ProverError as error:
        return {"rows": [], "failed": {}, "left_out": str(error)}
    goal, following = folder / "goal.batch", folder / "following.batch"
    tool.sample(GOAL, goal, following)
    maker = proof_figures.ProofMaker(prover, program, plan.memory_gib)
    proofs = proof_figures.measure(maker, plan.modes, goal, following, progress)
    return proofs | {"batch": _terms(GOAL), "following_commands": FOLLOWING_COMMANDS}


def main(words: Sequence[str]) -> None:
    """Measures, and writes the report."""
    parser = argparse.ArgumentParser(prog="python -m proofbook.bench_proof", description=__doc__)
    parser.add_argument("--profiler", type=Path, required=True, help="proofbook-prover, built with profile")
    parser.add_argument("--symbols", type=Path, help="the program with symbols")
    parser.add_argument("--out", type=Path, default=Path("out/bench-proof"), help="where the report goes")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of the committed state")
    parser.add_argument("--memory-gib", type=int, help="memory that the prover may plan with")
    parser.add_argument("--quick", action="store_true", help="leave out the proofs")
    options = parser.parse_args(words)
    plan = Plan(
        symbols=options.symbols,
        modes=() if options.quick else (Mode.CORE, Mode.COMPRESSED),
        memory_gib=options.memory_gib,
        commitment_runs=options.runs,
    )
    result = measure(plan, options.profiler, options.out / "files", lambda line: print(line, file=sys.stderr))
    paths = bench_proof_report.write(result, options.out)
    print(paths[0].read_text())
    for path in paths:
        print(f"wrote {path}")
    for name, reason in result["proofs"]["failed"].items():
        print(f"no proof, {name}: {reason}", file=sys.stderr)
    sys.exit(1 if result["proofs"]["failed"] else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
