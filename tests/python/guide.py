"""`docs/GUIDE.md` as a program: its blocks, in order, with the commands in them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "GUIDE.md"
FENCE = re.compile(r"^```(?P<kind>[a-z ]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE_S = 600
BLOCK_S_MAX = 1800


@dataclass(frozen=True)
class Block:
    """A block of the guide.

    Attributes:
        kind: what stands behind the fence: nothing for what runs on until it is interrupted.
        text: its lines.
    """

    kind: str
    text: str


def blocks() -> list[Block]:
    """All blocks of the guide, in order."""
    return [Block(match["kind"], match["text"]) for match in FENCE.finditer(GUIDE.read_text())]


@contextmanager
def folder_of_the_guide(folder: Path) -> Iterator[dict[str, str]]:
    """A folder that looks like a clone after its set-up, with the exchange of the guide running; gives the environment.

    What `make exchange` would run is run, with the packages that the tests run with; on a port that is free.
    """
    binaries = folder / ".venv" / "bin"
    binaries.mkdir(parents=True)
    program = binaries / "proofbook"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m proofbook "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "config"), "PYTHONUNBUFFERED": "1"}
    (start,) = [block.text.strip() for block in blocks() if block.kind == ""]
    assert start == "make exchange"
    asked = [
        "make",
        "--dry-run",
        "--assume-old=.venv/.stamp-native",
        "--assume-old=.venv/.stamp-page",
        "exchange",
        "PORT=0",
    ]
    recipe = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    with subprocess.Popen(
        ["bash", "-c", f"exec {recipe} --fix-port 0 --json"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            facts = json.loads(process.stdout.readline())
            _wait_for_quotes(facts["address"])
            yield {**environment, "PROOFBOOK_URL": facts["address"]}
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 0


def _wait_for_quotes(address: str) -> None:
    """Wait as long as a reader of the guide takes to get to the first order: until someone sells."""
    from proofbook.client import Client

    end_s = time.monotonic() + PATIENCE_S
    with Client(address) as client:
        while not client.get_book("BTC-USD", 1).asks:
            assert time.monotonic() < end_s, "the maker quotes"
            time.sleep(0.1)


def run(block: Block, folder: Path, environment: dict[str, str]) -> str:
    """Run a block; give what it printed.

    Raises:
        AssertionError: one of its commands failed.
    """
    if block.kind == "python":
        command = [sys.executable, "-c", block.text]
    else:
        path = 'export PATH="$PWD/.venv/bin:$PATH"'
        command = ["bash", "-euc", f"set -o pipefail\n{path}\n{block.text}"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=BLOCK_S_MAX
    )
    assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
    return done.stdout
