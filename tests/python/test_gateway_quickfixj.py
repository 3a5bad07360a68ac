"""The gateway, spoken to by QuickFIX/J, the FIX engine of many of its users, with its own dictionaries and stores.

``tests/quickfixj`` has the client; ``tests/quickfixj/build`` fetches QuickFIX/J and compiles it. The server is
``serve``, a program of the crate ``proofbook-gateway`` that ``cargo test`` builds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "tests" / "quickfixj"
PATIENCE_S = 240


@pytest.fixture(scope="session")
def class_path() -> str:
    """Where the compiled client and QuickFIX/J are."""
    for tool in ("java", "javac", "mvn"):
        if shutil.which(tool) is None:
            pytest.skip(f"QuickFIX/J needs a JDK 17 and Maven: {tool} was not found")
    built = subprocess.run([CLIENT / "build"], check=False, capture_output=True, text=True, timeout=PATIENCE_S)
    if built.returncode != 0 and "Could not" in built.stderr:
        pytest.skip(f"QuickFIX/J cannot be fetched: {built.stderr.strip()[:500]}")
    assert built.returncode == 0, built.stderr
    return built.stdout.strip()


class Server:
    """The program ``serve``, which can be killed and started again at the same port."""

    def __init__(self, folder: Path) -> None:
        target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        self.program = [str(target / "debug" / "serve")]
        if not Path(self.program[0]).is_file():
            if shutil.which("cargo") is None or not (ROOT / "crates" / "gateway").is_dir():
                pytest.skip("the server is neither built nor can it be: there is no cargo or no source here")
            self.program = ["cargo", "run", "--quiet", "-p", "proofbook-gateway", "--bin", "serve", "--"]
        self.folder = folder
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [*self.program, str(self.folder), str(self.port)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().strip().rpartition(":")[2])

    def kill(self) -> None:
        """Kill it by signal 9."""
        self.process.kill()
        self.process.communicate()


NAMES = ("trading-4.4", "trading-4.2", "dropped-connections", "killed-server", "market-data", "markets", "drop-copy")


@pytest.mark.parametrize("name", NAMES)
def test_quickfixj(name: str, class_path: str, tmp_path: Path) -> None:
    """One test of the client, which says itself what it expected; where it asks for it, the server is killed."""
    server = Server(tmp_path / "server")
    options = ["-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"]
    command = ["java", *options, "-cp", class_path, "Main", name, str(server.port), str(tmp_path / "client")]
    with (tmp_path / "errors").open("w+") as errors:
        try:
            with subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            ) as client:
                assert client.stdin is not None
                assert client.stdout is not None
                lines = []
                for line in client.stdout:
                    lines.append(line.strip())
                    if lines[-1] == "restart":
                        server.kill()
                        server.start()
                        client.stdin.write("started\n")
                        client.stdin.flush()
        finally:
            server.kill()
        errors.seek(0)
        told = errors.read()
    assert client.returncode == 0, told
    assert lines[-1:] == ["passed"], (lines, told)
