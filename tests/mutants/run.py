"""Plants faults in copies of the rules and shows that the comparison with the oracle catches each.

Run as ``python tests/mutants/run.py`` for the faults named in ``faults.NAMED``, with ``--all`` for every fault, with
``--write`` to keep the result in ``result.txt``. The commands and what must come of them are recorded once from the
oracle; each fault is built into a small program that replays the record on both books. Without a fault the whole record
must agree, with one it must not.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mutants.faults import MORE, NAMED, Fault
from oracle.flow import Flow, Shape

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CRATES = ("types", "book", "memory", "simd", "books", "matching")
# Parts of a manifest that only tests and models need, whose crates are not in the copy.
LEFT_OUT = r"^\[(?:target\.'cfg\(loom\)'\.dependencies|(?:target\.[^\]\n]*\.)?dev-dependencies)\].*?(?=^\[|\Z)"
# Shape of the flows, how many, and how many commands each.
PLAN: tuple[tuple[Shape, int, int], ...] = (("ordinary", 200, 250), ("opening", 1000, 20), ("worn", 20, 100))
REPLAY_SECONDS_MAX = 600

DRIVER_MANIFEST = """[package]
name = "mutant-driver"
version.workspace = true
edition.workspace = true

[[bin]]
name = "mutant-driver"
path = "driver.rs"

[dependencies]
proofbook-types.workspace = true
proofbook-book.workspace = true
proofbook-books.workspace = true
proofbook-matching.workspace = true
"""


class PlantingError(Exception):
    """A fault could not be planted or built: the run says nothing then."""


@dataclass(frozen=True)
class Outcome:
    """What became of one fault; ``commands`` agreed before it was caught, or in all."""

    name: str
    is_caught: bool
    detail: str


def target_folder() -> Path:
    """Where cargo builds, and where the copies stand."""
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute() / "mutants"


@contextmanager
def workplace() -> Iterator[Path]:
    """The folder of the copies, for this process alone. It is kept, so that only what changed is built."""
    folder = target_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def record(seed: str) -> bytes:
    """Commands from a seed, and what the oracle says to each."""
    parts: list[bytes] = []
    for shape, flows, commands in PLAN:
        for number in range(flows):
            flow = Flow(f"{seed}-{shape}-{number}", shape)
            start = flow.market.state()
            parts += [struct.pack("<I", len(start)), start, struct.pack("<I", commands)]
            for command in flow.commands(commands):
                events = b"".join([event.encode() for event in flow.market.apply(command)])
                crc = zlib.crc32(flow.market.state())
                parts += [command.encode(), struct.pack("<I", len(events)), events, struct.pack("<I", crc)]
    return b"".join(parts)


def write_if_changed(path: Path, text: str) -> None:
    """Writes a file unless it holds that text: what cargo built from it stays valid."""
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def sources() -> dict[str, str]:
    """The files of the copy, without any fault."""
    files = {"driver/Cargo.toml": DRIVER_MANIFEST, "driver/driver.rs": (HERE / "driver.rs").read_text()}
    manifest = (ROOT / "Cargo.toml").read_text()
    files["Cargo.toml"] = re.sub(r"members = \[.*?\]", 'members = ["crates/*", "driver"]', manifest, count=1)
    for crate in CRATES:
        folder = ROOT / "crates" / crate
        cargo = (folder / "Cargo.toml").read_text()
        files[f"crates/{crate}/Cargo.toml"] = re.sub(LEFT_OUT, "", cargo, flags=re.S | re.M)
        for path in sorted(folder.glob("src/**/*.rs")):
            files[f"crates/{crate}/{path.relative_to(folder)}"] = path.read_text()
    return files


def plant(files: dict[str, str], fault: Fault) -> dict[str, str]:
    """The files with the fault in them."""
    planted = dict(files)
    for change in fault.changes:
        path = f"crates/{change.path}"
        pattern = r"\s+".join(map(re.escape, change.old.split()))
        planted[path], count = re.subn(pattern, change.new.replace("\\", r"\\"), planted.get(path, ""))
        if count != 1:
            raise PlantingError(
                f"{fault.name!r}: crates/{change.path} holds the text {change.old!r} {count} times, not once; "
                "write the fault anew for the source as it is"
            )
    return planted


def build(folder: Path, files: dict[str, str]) -> Path:
    """Builds the program from these files."""
    source = folder / "source"
    for name, text in files.items():
        write_if_changed(source / name, text)
    for path in source.glob("crates/**/*.rs"):
        if str(path.relative_to(source)) not in files:
            path.unlink()
    cargo = shutil.which("cargo")
    if cargo is None:
        raise PlantingError("cargo is needed to build the programs with planted faults, and was not found")
    environment = {**os.environ, "CARGO_TARGET_DIR": str(folder / "build"), "CARGO_PROFILE_DEV_DEBUG": "0"}
    command = [cargo, "build", "--quiet", "--offline", "--package", "mutant-driver"]
    result = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise PlantingError(f"the program does not build:\n{result.stderr}")
    return folder / "build" / "debug" / "mutant-driver"


def replay(program: Path, path: Path) -> str:
    """What the program says of the record."""
    try:
        result = subprocess.run(
            [program, path], capture_output=True, text=True, timeout=REPLAY_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        return f"differ - - no end within {REPLAY_SECONDS_MAX} s"
    if result.returncode != 0 or not result.stdout:
        return f"differ - - ended with {result.returncode}"
    return result.stdout.strip()


def run(faults: Sequence[Fault], seed: str) -> Iterator[Outcome]:
    """Replays without a fault, then with each. Without a fault nothing may be caught."""
    with workplace() as folder:
        path = folder / "record"
        path.write_bytes(record(seed))
        files = sources()
        said = replay(build(folder, files), path)
        yield Outcome("no fault", not said.startswith("agree"), said)
        for fault in faults:
            said = replay(build(folder, plant(files, fault)), path)
            yield Outcome(fault.name, said.startswith("differ"), said)


def describe(outcome: Outcome) -> str:
    """One line of the result."""
    word, *rest = outcome.detail.split(maxsplit=3)
    if word == "agree":
        return f"{outcome.name}: {rest[0]} commands agree"
    number, structure, what = rest
    return f"{outcome.name}: caught at command {number} ({structure}: {what})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the faults; 1 where one is not caught, or where something is caught without a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="every fault, not only those that each test run plants")
    parser.add_argument("--seed", default="mutants")
    parser.add_argument("--write", action="store_true", help="keep the result in result.txt")
    options = parser.parse_args(arguments)
    faults = (*NAMED, *MORE) if options.all else NAMED
    lines, failures = [], 0
    for outcome in run(faults, options.seed):
        is_right = outcome.is_caught == (outcome.name != "no fault")
        failures += not is_right
        lines.append(describe(outcome) + ("" if is_right else "  <- WRONG"))
        print(lines[-1], flush=True)
    caught = len(lines) - 1 - failures
    lines.append(f"{caught} of {len(faults)} planted faults caught (seed {options.seed!r})")
    print(lines[-1])
    if options.write:
        (HERE / "result.txt").write_text("\n".join(lines) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
