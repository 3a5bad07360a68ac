"""An exchange as a process of its own, and a client that shares no code with it: what the tests of the web stand on."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import queue
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.sync.client import ClientConnection, connect

PATIENCE_S = 300
"""For whatever is waited for: a machine may stand still, and its disk may take seconds for each sync."""

CONFIGURATION = """
web = "127.0.0.1:0"
fix = "127.0.0.1:0"
sync = "none"
demo = true
publish_interval_ms = 5
assets = [{ symbol = "BTC", decimals = 8 }, { symbol = "USD", decimals = 6 }]
accounts = [{ deposits = { BTC = "100", USD = "1000000" } }]

[[markets]]
symbol = "BTC-USD"
base = "BTC"
quote = "USD"
price_decimals = 2
quantity_decimals = 3
taker_fee = 10

[[markets]]
symbol = "BTC-ALT"
base = "BTC"
quote = "USD"
price_decimals = 2
quantity_decimals = 3
reference_price = "100.00"
collar = "50.00"

[demo_accounts]
accounts_max = 30
accounts_per_address_and_minute_max = 1000
deposits = { BTC = "10", USD = "100000" }

[limits]
"""
WINDOW_MS = 60_000
"""How far a signed request's time may be off: as much as may be allowed, since requests may be late here."""

_names = itertools.count()
_last_ms = 0
_lock = threading.Lock()


def next_time_ms() -> int:
    """Now, and later than any before: equal requests within a millisecond would have equal signatures."""
    global _last_ms
    with _lock:
        _last_ms = max(_last_ms + 1, time.time_ns() // 1_000_000)
        return _last_ms


class Process:
    """`proofbook serve` in a folder."""

    def __init__(
        self, folder: Path, *arguments: str, limits: str = "", changes: Mapping[str, str] | None = None
    ) -> None:
        """Start it and wait until it takes requests.

        Args:
            folder: its folder; without a configuration, one is written.
            arguments: of the command line.
            limits: lines for the end of a new configuration.
            changes: what is to stand in a new configuration in the place of what.
        """
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "exchange.toml"
        if not path.exists():
            text = CONFIGURATION
            for before, after in (changes or {}).items():
                assert before in text
                text = text.replace(before, after)
            path.write_text(f"{text}signature_window_ms = {WINDOW_MS}\n{limits}")
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "proofbook", "serve", str(folder), "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=(folder / "stderr.txt").open("ab"),
            text=True,
        )
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=lambda: lines.put(self.process.stdout.readline()), daemon=True).start()  # type: ignore[union-attr]
        line = lines.get(timeout=PATIENCE_S)
        assert line, self.errors()
        self.told: dict[str, Any] = json.loads(line)
        self.url: str = self.told["address"].rstrip("/")

    def errors(self) -> str:
        return (self.folder / "stderr.txt").read_text()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            os.kill(self.process.pid, how)
        code = self.process.wait(PATIENCE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def client(self, context: ssl.SSLContext | None = None) -> Client:
        """A new account with funds; with TLS, what the certificate is checked with."""
        client = Client(self.url, Ed25519PrivateKey.generate(), context)
        answer = client.post("/api/v1/demo", {"public_key": client.public_key}, is_signed=False)
        client.key, client.account = answer["key"], answer["account"]
        return client

    def operator(self) -> Client:
        digits = (self.folder / "operator.key").read_text().strip()
        client = Client(self.url, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(digits)))
        client.key = self.told["operator_key"]
        return client


class ApiError(Exception):
    """An answer that is no success."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"{response.status_code} {response.text}")
        self.status = response.status_code
        self.headers = response.headers
        self.error: dict[str, Any] = response.json()["error"]
        self.code: str = self.error["code"]


class Client:
    """An account's client."""

    def __init__(self, url: str, private: Ed25519PrivateKey, context: ssl.SSLContext | None = None) -> None:
        self.url = url
        self.private = private
        self.public_key = private.public_key().public_bytes_raw().hex()
        self.key = ""
        self.account = 0
        self.http = httpx.Client(base_url=url, timeout=PATIENCE_S, verify=context or True)

    def headers(self, method: str, path: str, body: bytes, time_ms: int | None = None) -> dict[str, str]:
        timestamp = str(time_ms or next_time_ms())
        text = f"{timestamp}\n{method}\n{path}\n".encode() + body
        signature = base64.b64encode(self.private.sign(text)).decode()
        return {"PB-KEY": self.key, "PB-TIMESTAMP": timestamp, "PB-SIGNATURE": signature}

    def send(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> httpx.Response:
        return self.http.request(method, path, content=body, headers=headers or {})

    def ask(self, method: str, path: str, fields: Any = None, *, is_signed: bool = True) -> Any:
        body = b"" if fields is None else json.dumps(fields).encode()
        end_s = time.monotonic() + PATIENCE_S
        while True:
            response = self.send(method, path, body, self.headers(method, path, body) if is_signed else None)
            if response.is_success:
                return response.json()
            error = ApiError(response)
            # Nothing was done: the history is written to a slow disk, say.
            if error.code != "busy" or time.monotonic() > end_s:
                raise error
            time.sleep(0.1)

    def get(self, path: str, *, is_signed: bool = True) -> Any:
        return self.ask("GET", path, is_signed=is_signed)

    def post(self, path: str, fields: Any, *, is_signed: bool = True) -> Any:
        return self.ask("POST", path, fields, is_signed=is_signed)

    def order(self, side: str, quantity: str, price: str | None = None, **fields: Any) -> Any:
        terms = {"market": "BTC-USD", "side": side, "quantity": quantity, "price": price, **fields}
        return self.post("/api/v1/orders", {name: value for name, value in terms.items() if value is not None})

    def operate(self, action: str, **fields: Any) -> Any:
        return self.post(f"/api/v1/operator/{action}", fields)

    def balances(self) -> dict[str, dict[str, str]]:
        return {balance["asset"]: balance for balance in self.get("/api/v1/balances")}

    def stream(self, **options: Any) -> Reader:
        return Reader(self, **options)


class Reader:
    """A connection to the stream."""

    def __init__(self, client: Client, **options: Any) -> None:
        self.client = client
        self._stack = contextlib.ExitStack()
        # Whoever stands still is not taken for one that is gone.
        patient: dict[str, Any] = {"open_timeout": PATIENCE_S, "ping_interval": None, "proxy": None}
        opening = connect(client.url.replace("http", "ws") + "/api/v1/stream", **patient, **options)
        self.socket: ClientConnection = self._stack.enter_context(opening)

    def say(self, op: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"op": op, **fields}))

    def login(self) -> Any:
        headers = self.client.headers("GET", "/api/v1/stream", b"")
        fields = {name.removeprefix("PB-").lower(): value for name, value in headers.items()}
        return self.call("login", **fields)

    def next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=PATIENCE_S))
        return message

    def messages(self) -> Iterator[dict[str, Any]]:
        while True:
            yield self.next()

    def until(self, **fields: Any) -> dict[str, Any]:
        """The next message with these fields; those before it are passed over."""
        for message in self.messages():
            if all(message.get(name) == value for name, value in fields.items()):
                return message
        raise AssertionError("messages never end")

    def call(self, op: str, **fields: Any) -> Any:
        """Say something and give what is answered: the result, or the error."""
        name = f"call-{next(_names)}"
        self.say(op, id=name, **fields)
        answer = self.until(id=name)
        return answer.get("result", answer.get("error"))

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()
