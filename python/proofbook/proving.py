"""``proofbook prove``: order flow sealed into batches, and each batch run or proven in the zkVM.

Sealing is the native module's work. Proving is the work of another program, ``proofbook-prover``, which the base
package does not need: one process takes batch after batch, so that the zkVM starts once.

Results are kept in a store under the hash of program, mode, previous root and commands. What is there is not proven
again: work that was interrupted goes on where it was, and two runs over the same flow prove it once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import count, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from proofbook import light
from proofbook._core import ReceiptSigner, Sealer
from proofbook.archive import MANIFEST, Archive
from proofbook.errors import ProverError

PROVER_VARIABLE = "PROOFBOOK_PROVER"
"""Names the program to use instead of the one beside Python or on the path."""

Values = dict[str, Any]
Notify = Callable[[str], None]


class Mode(StrEnum):
    """What is made of a batch."""

    EXECUTE = "execute"
    CORE = "core"
    COMPRESSED = "compressed"
    GROTH16 = "groth16"


def find_prover() -> Path:
    """The program that runs and proves batches.

    Raises:
        ProverError: there is none.
    """
    named = os.environ.get(PROVER_VARIABLE)
    beside = Path(sys.executable).parent / "proofbook-prover"
    found = named or (str(beside) if beside.exists() else shutil.which("proofbook-prover"))
    if found is None or not Path(found).exists():
        where = f"{PROVER_VARIABLE}={named}" if named else f"{beside} or the path"
        raise ProverError(f"no prover at {where}: build it with `make prover`")
    return Path(found)


def best_mode() -> Mode:
    """What the program that is there can make of a batch: a core proof, where it was built for that."""
    try:
        program = find_prover()
    except ProverError:
        return Mode.EXECUTE
    modes = json.loads(subprocess.run([program, "modes"], capture_output=True, text=True, check=True).stdout)
    return Mode.CORE if Mode.CORE.value in modes else Mode.EXECUTE


class ProverProcess:
    """A running ``proofbook-prover``, which takes requests one after another. A context manager.

    Args:
        program: the program; where `None`, the one that `find_prover` finds.
        memory_gib: how much memory it may plan with, in GiB; where `None`, it decides.
    """

    def __init__(self, program: Path | None = None, *, memory_gib: int | None = None) -> None:
        options = [] if memory_gib is None else ["--memory-gib", str(memory_gib)]
        self._process = subprocess.Popen(
            [str(program or find_prover()), "worker", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.ready: Values = self._answer()
        if self.ready.get("type") != "ready":
            raise ProverError(f"the prover began with {self.ready}")

    def __enter__(self) -> Self:
        """The process."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process: at once where something went wrong."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if kind is not None:
            self._process.terminate()
        self._process.wait()

    def _answer(self) -> Values:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ProverError(f"the prover ended with code {self._process.wait()} before it answered")
        answer: Values = json.loads(line)
        return answer

    def work(self, mode: Mode, batch: Path, output: Path | None, notify: Notify) -> Values:
        """Run or prove one batch.

        Args:
            mode: what is wanted.
            batch: the batch file.
            output: the proof file to write; none where the batch is only run.
            notify: is told the name of each phase when it begins.

        Raises:
            ProverError: the batch cannot be run or proven.
        """
        request = {"mode": mode.value, "batch": str(batch), "output": output and str(output)}
        return self._ask(batch.name, request, notify)

    def join(self, proofs: list[Path], output: Path | None, notify: Notify) -> Values:
        """Join proofs into one of their chain.

        Args:
            proofs: proof files of batches that follow each other; the first may be one of a chain.
            output: the proof file to write; none where the program that joins is only run.
            notify: is told the name of each phase when it begins.

        Raises:
            ProverError: they do not follow each other, one does not hold, or the prover fails.
        """
        request = {"mode": "chain", "proofs": [str(path) for path in proofs], "output": output and str(output)}
        return self._ask(output.name if output else "join", request, notify)

    def _ask(self, name: str, request: Values, notify: Notify) -> Values:
        request["id"] = name
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        while True:
            answer = self._answer()
            match answer["type"]:
                case "progress":
                    if answer["seconds"] is None:
                        notify(answer["phase"])
                case "result":
                    return answer
                case _:
                    raise ProverError(f"{name}: {answer.get('message', answer)}")


@dataclass(frozen=True)
class Store:
    """Results of earlier work, by what they are results of."""

    folder: Path

    def name(self, program: str, mode: Mode, values: Values) -> str:
        """The name of a batch's result: a hash of program, mode, previous root and commands."""
        parts = [program, mode.value, values["previous_root"], values["command_root"], str(values["batch"])]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def find(self, name: str) -> Values | None:
        """The report of a result, if it is there in full."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            return None
        report: Values = json.loads(path.read_text())
        return report

    def proof(self, name: str) -> Path:
        """Where a result's proof is."""
        return self.folder / f"{name}.proof"

    def keep(self, name: str, report: Values) -> None:
        """Keep a report, whole or not at all. Its proof has been written before."""
        temporary = self.folder / f".{name}.{os.getpid()}"
        temporary.write_text(json.dumps(report) + "\n")
        temporary.replace(self.folder / f"{name}.json")


def seal_batches(sealer: Sealer, folder: Path, *, size: int, batches: int | None) -> Iterator[tuple[Path, Values]]:
    """Seal batches of up to `size` commands, one file each: the file, and what its proof will say.

    Beside each goes a record of its commands and events, which ``proofbook inclusion`` serves from; beside `folder`, in
    ``light``, the files for light clients of the state that the batch leads to.
    """
    for number in islice(count(1), batches):
        path = folder / f"{number:06}.batch"
        text = sealer.seal(size, path, path.with_suffix(".record"))
        if text is None:
            return
        light.write_files(sealer, folder.parent)
        yield path, json.loads(text)


def prove(
    sealer: Sealer,
    folder: Path,
    *,
    mode: Mode = Mode.EXECUTE,
    size: int = 1000,
    batches: int | None = None,
    memory_gib: int | None = None,
    signer: ReceiptSigner | None = None,
    notify: Callable[[int, str], None] = lambda _batch, _phase: None,
) -> list[Values]:
    """Seal order flow into batches and run or prove each of them.

    Args:
        sealer: the order flow.
        folder: where batches with their records (``batches/*.batch``, ``batches/*.record``), proofs (``*.proof``), the
            market's configuration (``market.config``), files for light clients (``light/*``), the manifest over what is
            published of these (``archive.json``) and the store (``store/``) go.
        mode: what to make of each batch.
        size: commands in a batch, 1 or more.
        batches: how many batches; all there are where it is `None`.
        memory_gib: how much memory the prover may plan with, in GiB.
        signer: signs each batch (``*.signed``), so that nobody can say that a proof of it is not the operator's.
        notify: is told the number of the batch and what happens with it.

    Returns:
        One report for each batch: what its proof says, cycles, seconds by phase, peak memory and bytes, and
        ``reused`` where the result was there already.

    Raises:
        ProverError: a batch cannot be run or proven, or another one with its number was signed before.
    """
    files = folder / "batches"
    store = Store(folder / "store")
    for path in (files, store.folder):
        path.mkdir(parents=True, exist_ok=True)
    (folder / "market.config").write_bytes(sealer.config)
    reports = []
    with ProverProcess(memory_gib=memory_gib) as prover:
        for number, (path, values) in enumerate(seal_batches(sealer, files, size=size, batches=batches), 1):
            signed = folder / f"{number:06}.signed"
            if signer is not None:
                check_signed(signed, values)
            notify(number, "sealed")
            name = store.name(prover.ready["program_sha256"], mode, values)
            report = store.find(name)
            reused = report is not None
            if report is None:
                output = None if mode is Mode.EXECUTE else store.proof(name)
                report = prover.work(mode, path, output, partial(notify, number))
                if report["public_values"] != values["public_values"]:
                    raise ProverError(f"{path.name}: the program said something else than the batch")
                store.keep(name, report)
            result = {**values, **report, "mode": mode.value, "batch_file": str(path), "reused": reused}
            if mode is not Mode.EXECUTE:
                proof = folder / f"{number:06}.proof"
                shutil.copyfile(store.proof(name), proof)
                result["proof_file"] = str(proof)
            if signer is not None:
                signed.write_bytes(signer.sign_batch(bytes.fromhex(values["public_values"])))
                result["signed_file"] = str(signed)
            reports.append(result)
    if reports:
        Archive.of_folder(folder, _published(reports)).write(folder / MANIFEST)
    return reports


def check_signed(signed: Path, values: Values) -> None:
    """Refuse to sign another batch with a number under which one was signed: both together contradict each other.

    Args:
        signed: where the signed batch goes.
        values: what a proof of the batch says.

    Raises:
        ProverError: there is a signed batch, and it is another one.
    """
    if not signed.exists():
        return
    before = signed.read_bytes()[8:-64].hex()
    if before != values["public_values"]:
        raise ProverError(
            f"{signed}: expected the batch that was signed before with this number; received another one. "
            "Whoever has both shows a contradiction: seal the same commands into batches of the same size, and leave "
            "out a last batch that is to grow (--batches)"
        )


def _published(reports: list[Values]) -> Iterator[str]:
    """These batches' files, over which the archive goes. What an earlier run left in the folder is no part of it."""
    for number, report in enumerate(reports, 1):
        yield from (f"batches/{number:06}.batch", f"light/{number:06}.header", f"light/{number:06}.levels")
        if "proof_file" in report:
            yield Path(report["proof_file"]).name


def seal_all(sealer: Sealer, file: Path, *, size: int, progress: Callable[[int], None]) -> list[Values]:
    """End batches of up to `size` commands until none is left, and write what their proofs would say, a line each.

    Args:
        sealer: the order flow.
        file: where the lines go, as JSON.
        size: commands in a batch.
        progress: is told how many commands are in batches.
    """
    batches: list[Values] = []
    commands = 0
    with file.open("w") as lines:
        while (text := sealer.close(size)) is not None:
            lines.write(text + "\n")
            batches.append(json.loads(text))
            commands += batches[-1]["commands"]
            progress(commands)
    return batches
