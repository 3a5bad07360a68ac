"""An exchange as users run it, in a process of its own: started, killed, started again on the same ports and the same
folder.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_S = 600
MARKET = """
[[assets]]
symbol = "BTC"
decimals = 8

[[assets]]
symbol = "USD"
decimals = 6

[[markets]]
symbol = "BTC-USD"
base = "BTC"
quote = "USD"
price_decimals = 2
quantity_decimals = 3
maker_fee = 1
taker_fee = 5
state = "continuous"
"""
ACCOUNT = """
[[accounts]]
deposits = { BTC = "100000", USD = "10000000" }
"""
SESSION = """
[[sessions]]
id = {number}
account = {number}
client = "{name}"
version = "FIX.4.4"
exchange = "EXCHANGE"
authentication = {{ kind = "none" }}
"""


def free_ports() -> tuple[int, int]:
    """Two ports that nobody listens on now."""
    with socket.socket() as probe, socket.socket() as other:
        # Both are held at once: otherwise the second may be the first.
        for each in (probe, other):
            each.bind(("127.0.0.1", 0))
        return probe.getsockname()[1], other.getsockname()[1]


@dataclass
class Exchange:
    """A folder, the names of its FIX clients, and the process that serves them, if one does."""

    folder: Path
    clients: Sequence[str]
    sync: str = "group"
    wrapper: Sequence[str] = ()
    tail: str = ""
    ports: tuple[int, int] = field(default_factory=free_ports)
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        head = (
            f'sync = "{self.sync}"\nweb = "127.0.0.1:{self.web_port}"\nfix = "127.0.0.1:{self.fix_port}"\ndemo = true\n'
        )
        sessions = (SESSION.format(number=number, name=name) for number, name in enumerate(self.clients, 1))
        text = head + MARKET + ACCOUNT * len(self.clients) + "".join(sessions) + self.tail
        (self.folder / "exchange.toml").write_text(text, encoding="utf-8")

    @property
    def web_port(self) -> int:
        """The port of the web."""
        return self.ports[0]

    @property
    def fix_port(self) -> int:
        """The port for FIX."""
        return self.ports[1]

    @property
    def url(self) -> str:
        """Where the web side listens."""
        return f"http://127.0.0.1:{self.web_port}"

    def start(self) -> None:
        """Start the process and wait until it listens.

        Raises:
            RuntimeError: it ended or said nothing in time; with what it wrote.
        """
        command = [*self.wrapper, sys.executable, "-m", "proofbook", "serve", str(self.folder), "--json"]
        with (self.folder / "errors.txt").open("a", encoding="utf-8") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        try:
            json.loads(line)
        except json.JSONDecodeError:
            self.process.kill()
            raise RuntimeError(f"expected a line of JSON; received {line!r}; {self.errors()}") from None
        self._wait_for_fix()

    def _wait_for_fix(self) -> None:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.fix_port), timeout=1).close()
                return
            except OSError:
                assert self.process is not None
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"nobody listens for FIX; {self.errors()}") from None
                time.sleep(0.01)

    def errors(self) -> str:
        """The end of what it wrote about errors."""
        return (self.folder / "errors.txt").read_text(encoding="utf-8")[-4000:]

    def kill(self) -> None:
        """End it by signal 9."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it in order; its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return status

    def resident_bytes(self) -> int:
        """How much memory it has now."""
        assert self.process is not None
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def processor_s(self) -> float:
        """Seconds of processor time that it took."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
