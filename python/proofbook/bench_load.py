"""The programs of the exchange's benchmark: which they are, the load generator, and what processes take."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from proofbook.bench import Result
from proofbook.errors import BrokenInvariantError, InputError

Progress = Callable[[str], None]

START_S_MAX = 300
RUN_SECONDS_MAX = 300
REQUESTS_MAX = 100_000_000
"""The numbers of a run's requests begin so far behind those of the run before."""

NICENESS = -6
"""Servers and load alike, where this may be asked for: other programs of the machine disturb them less then."""


@dataclass(frozen=True, slots=True)
class Programs:
    """What is run.

    Attributes:
        serve: The gateway, as a program.
        load: The load generator.
        readers: Readers of market data; without them none are measured.
        peer: The folder of the peer, built; none leaves it out.
        library: The book for the peer, ``libproofbook.so``.
    """

    serve: Path
    load: Path
    readers: Path | None = None
    peer: Path | None = None
    library: Path | None = None


@contextmanager
def started(command: Sequence[str], folder: Path, name: str) -> Iterator[tuple[str, int]]:
    """A program that says in its first line that it serves, until the block ends; the line, and the process.

    Args:
        command: The program with its arguments.
        folder: Where what it says of errors is kept.
        name: As it is called where it does not start.

    Raises:
        InputError: It said nothing.
    """
    errors = folder / "errors.txt"
    with (
        errors.open("w") as written,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=written, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            patience = threading.Timer(START_S_MAX, process.kill)
            patience.start()
            line = process.stdout.readline().strip()
            patience.cancel()
            if not line:
                raise InputError(f"{name} did not start: {errors.read_text()[-2000:]}")
            yield line, process.pid
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class Step:
    """One run of the load generator.

    Attributes:
        name: As results name it.
        words: What the generator is told.
        is_timed: Whether its figures are kept.
        rate_per_s: At which rate it asks, where it does.
    """

    name: str
    words: tuple[str, ...]
    is_timed: bool = False
    rate_per_s: int = 0


def preference() -> list[str]:
    """What goes before a command for more than the usual share of the processors, if this user may ask for that."""
    command = ["nice", "-n", str(NICENESS)]
    probe = subprocess.run([*command, "true"], check=False, capture_output=True)
    return command if probe.returncode == 0 and not probe.stderr else []


def environment() -> dict[str, str]:
    """For programs whose errors are shown: their last line counts."""
    return os.environ | {"RUST_BACKTRACE": "0"}


def first_request(number: int) -> int:
    """The number of the first request of a server's run."""
    return 1 + number * REQUESTS_MAX


def run_load(command: Sequence[str], address: str, number: int, step: Step, server: str) -> Result:
    """One run of the load generator.

    Args:
        command: The generator, with what comes before it.
        address: Where the server listens.
        number: Which run of this server it is: ClOrdIDs are not used twice.
        step: What to do.
        server: Its name, for errors.

    Raises:
        BrokenInvariantError: The server did not tell what it should.
    """
    finished = subprocess.run(
        [*command, address, str(first_request(number)), *step.words],
        check=False,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        env=environment(),
    )
    if finished.returncode != 0:
        raise BrokenInvariantError(f"{server}, {step.name}: {finished.stderr.strip()[-2000:]}")
    result: Result = json.loads(finished.stdout)
    return result


def processor_seconds(process: int) -> float:
    """The time that all threads of a process had a processor; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    # Fields 14 and 15 of proc(5), of which the first two are cut off: user and system.
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
