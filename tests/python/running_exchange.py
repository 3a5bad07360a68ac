"""A real exchange for tests: `proofbook serve` in a process of its own, on a free port, in a folder that goes away."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from proofbook import cli

PATIENCE_S = 300


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def call(*arguments: object, **environment: str) -> Done:
    """Run a command of proofbook in this process, as its entry point does: to start Python takes longer."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.object(sys, "argv", ["proofbook", *map(str, arguments)]),
        mock.patch.dict(os.environ, environment),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


class RunningExchange:
    """A process that listens.

    Attributes:
        url: its address.
        folder: where it keeps everything.
        key_file: where commands find the key of a demo account.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key_file = folder.parent / f"{folder.name}.key"
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self, port: int = 0) -> None:
        """Start it, and wait until it listens."""
        arguments = ["serve", self.folder, "--port", port, "--fix-port", 0, "--demo", "--no-sync", "--json"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "proofbook", *map(str, arguments)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the exchange ended with {self._process.wait(PATIENCE_S)}"
        self.url = json.loads(line)["address"].rstrip("/")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, in order or with SIGKILL."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_S)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def call(self, *arguments: object) -> Done:
        """Run a command of proofbook that asks this exchange."""
        return call(*arguments, PROOFBOOK_URL=self.url, PROOFBOOK_KEY=str(self.key_file))

    def lines(self, *arguments: object) -> list[dict[str, Any]]:
        """The lines of JSON of a command that succeeds."""
        done = self.call(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def running(folder: Path) -> Iterator[RunningExchange]:
    """An exchange that runs within the block."""
    exchange = RunningExchange(folder)
    exchange.start()
    try:
        yield exchange
    finally:
        exchange.stop()
