"""Real proofs and their figures: of a batch, of the one after it, and of the chain of both.

Each proof is made by a process of its own, so that its peak of memory is the proof's. Every proof is verified by the
prover, and a compressed one again by ``proofbook.verify_any``, which is another program.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from proofbook import verifying
from proofbook.bench import Result
from proofbook.errors import ProofError, ProverError
from proofbook.proving import Mode, ProverProcess

Progress = Callable[[str], None]

VERIFICATIONS = 11
"""How often a proof is verified for the time that it takes."""

FOLLOWING = "compressed, the next batch"
CHAIN = "chain of both"


@dataclass(frozen=True, slots=True)
class ProofMaker:
    """The program ``proofbook-prover``.

    Attributes:
        prover: The program.
        proves: SHA-256 of the program that it must prove; one that proves another is refused before it does.
        memory_gib: How much memory it may plan with.
    """

    prover: Path
    proves: str
    memory_gib: int | None = None

    def modes(self) -> list[str]:
        """What it was built for."""
        words = [str(self.prover), "modes"]
        built: list[str] = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        return built

    @contextmanager
    def _process(self) -> Iterator[ProverProcess]:
        with ProverProcess(self.prover, memory_gib=self.memory_gib) as process:
            received = process.ready["program_sha256"]
            if received != self.proves:
                raise ProverError(f"expected the program {self.proves}; received {received}: `make prover`")
            yield process

    def prove(self, mode: Mode, batch: Path) -> Result:
        """Proves a batch file, writes the proof beside it, and gives the proof's `figures`.

        Raises:
            ProverError: It cannot be proven.
            ProofError: What was made does not hold.
        """
        proof = None if mode is Mode.EXECUTE else proof_path(batch, mode)
        if proof:
            # What an earlier run left is not taken for this one's.
            proof.unlink(missing_ok=True)
        with self._process() as process:
            answer = process.work(mode, batch, proof, _ignore)
        return figures(answer, proof if mode is Mode.COMPRESSED else None)

    def join(self, proofs: Sequence[Path], output: Path) -> Result:
        """Joins compressed proofs into one of their chain, the file `output`, and gives its `figures`.

        Raises:
            ProverError: They cannot be joined.
            ProofError: What was made does not hold.
        """
        with self._process() as process:
            answer = process.join(list(proofs), output, _ignore)
        return figures(answer, output)


def _ignore(_phase: str) -> None:
    pass


def proof_path(batch: Path, mode: Mode) -> Path:
    """Where the proof of a batch file is written."""
    return batch.with_suffix(f".{mode.value}.proof")


def measure(maker: ProofMaker, modes: Sequence[Mode], batch: Path, following: Path, progress: Progress) -> Result:
    """Proves a batch in these modes; where one is compressed, also the batch after it, and joins both.

    Args:
        maker: What proves.
        modes: The proofs to make of `batch`, as far as the prover was built for them.
        batch: A batch file.
        following: The file of the batch after it.
        progress: Takes a line of text now and then.

    Returns:
        ``rows``, for each proof its name (``proof``) and `figures`; ``failed``, the reasons why others were not made,
        by name, since one that fails loses no other; ``left_out``, which modes the prover was not built for, or `None`.
    """
    built = maker.modes()
    missing = [mode.value for mode in modes if mode.value not in built]
    steps: list[tuple[str, Callable[[], Result]]] = [
        (mode.value, partial(maker.prove, mode, batch)) for mode in modes if mode.value in built
    ]
    mode = Mode.COMPRESSED
    if mode in modes and mode.value in built:
        proofs = [proof_path(path, mode) for path in (batch, following)]
        steps.append((FOLLOWING, partial(maker.prove, mode, following)))
        steps.append((CHAIN, partial(maker.join, proofs, batch.with_name("chain.proof"))))
    rows: list[Result] = []
    failed: dict[str, str] = {}
    for name, make in steps:
        progress(f"proof, {name} (minutes)")
        try:
            rows.append({"proof": name} | make())
        except (ProverError, ProofError) as error:
            failed[name] = str(error)
    left_out = f"this prover was not built for {', '.join(missing)}: `make prover`" if missing else None
    return {"rows": rows, "failed": failed, "left_out": left_out}


def figures(answer: Mapping[str, object], verified: Path | None) -> Result:
    """What is reported of a prover's answer.

    Args:
        answer: The prover's result, as ``ProverProcess.work`` and ``ProverProcess.join`` give it.
        verified: The file of a proof that ``proofbook.verify_any`` takes.

    Returns:
        Cycles, gas, seconds by phase, ``prove_s``, ``start_s``, ``verify_ms``, the process's peak of memory and the
        proof's length in bytes; ``verifier_ms``, the median time of ``proofbook.verify_any``. What there was not is
        `None`.

    Raises:
        ProofError: The proof does not hold.
    """
    seconds = answer["seconds"]
    assert isinstance(seconds, dict)
    kept = {name: answer[name] for name in ("cycles", "gas", "memory_bytes_max", "proof_bytes")}
    return {
        **kept,
        "seconds": seconds,
        "start_s": sum(taken for phase, taken in seconds.items() if phase.startswith("start")),
        "prove_s": seconds.get("prove"),
        "verify_ms": seconds["verify"] * 1e3 if "verify" in seconds else None,
        "verifier_ms": None if verified is None else _verification_ms(verified.read_bytes()),
    }


def _verification_ms(proof: bytes) -> float:
    """The median time of several verifications."""
    taken = []
    for _ in range(VERIFICATIONS):
        start = time.perf_counter()
        verifying.verify_any(proof)
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken)
