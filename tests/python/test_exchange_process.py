"""`proofbook serve` and `key` as an operator runs them: restarts, kills, orderly ends, keys, what cannot be started."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litestar")

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID
from exchange_process import ApiError, Client, Process
from websockets.exceptions import ConnectionClosed

from proofbook.errors import InputError
from proofbook.exchange import keys_command
from proofbook.exchange.configuration import TEMPLATE


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "proofbook", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def last_line(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return value


def moved(client: Client, process: Process) -> Client:
    """The client, for the exchange at its new address."""
    again = Client(process.url, client.private)
    again.key, again.account = client.key, client.account
    return again


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_keeps_what_was_acknowledged(how: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "exchange"
    process = Process(folder)
    alice, bob = process.client(), process.client()
    acknowledged: list[dict[str, Any]] = []

    def trade() -> None:
        try:
            # No more than one answer shows of open orders.
            for number in range(900):
                acknowledged.append(alice.order("sell", "0.001", "100.00", client_id=f"order-{number}"))
        except (ApiError, httpx.TransportError):
            pass

    thread = threading.Thread(target=trade)
    thread.start()
    while len(acknowledged) < 40:
        assert thread.is_alive()
    bought = bob.order("buy", "0.010", "100.00")
    assert bought["status"] == "filled"
    code = process.stop(how)
    thread.join()
    assert code == (0 if how is signal.SIGTERM else -signal.SIGKILL), process.errors()

    process = Process(folder)
    try:
        alice, bob = moved(alice, process), moved(bob, process)
        live = {order["client_id"]: order for order in alice.get("/api/v1/orders")}
        for order in acknowledged[10:]:
            assert live[order["client_id"]]["order_id"] == order["order_id"]
        for order in acknowledged[:10]:
            assert alice.get(f"/api/v1/orders/{order['order_id']}")["status"] == "filled"
        assert len(live) - len(acknowledged[10:]) in (0, 1), "one may be in the log without its answer"
        assert bob.balances()["BTC"]["total"] == "10.01000000"
        again = alice.order("sell", "0.001", "100.00", client_id=acknowledged[-1]["client_id"])
        assert again["order_id"] == acknowledged[-1]["order_id"], "a client id still names its order"
        assert alice.order("sell", "0.001", "100.00")["order_id"] > acknowledged[-1]["order_id"]
        assert process.operator().operate("deposit", account=alice.account, asset="USD", amount="1")
    finally:
        assert process.stop() == 0


def test_the_end_is_told_and_quick(tmp_path: Path) -> None:
    process = Process(tmp_path / "exchange", changes={"demo = true": "demo = false"})
    with pytest.raises(ApiError) as error:
        process.client()
    assert (error.value.status, error.value.code) == (404, "not_found")
    client = Client(process.url, Ed25519PrivateKey.generate())
    path = tmp_path / "trader.key"
    made = last_line(command("key", "new", process.folder, "--account", "1", "-o", path, "--json"))
    client.private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text().strip()))
    client.key, client.account = made["key"], 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert client.balances()["BTC"]["total"] == "100.00000000", "a key works at once"
    listed = last_line(command("key", "list", process.folder, "--json"))["keys"]
    assert [key["role"] for key in listed] == ["operator", "trade"]
    assert made["key"] in command("key", "list", process.folder).stdout

    with client.stream() as revoked, client.stream() as other:
        assert revoked.login() == {"account": 1, "role": "trade"}
        assert last_line(command("key", "revoke", process.folder, made["key"], "--json"))["is_revoked"]
        with pytest.raises(ApiError) as error:
            client.balances()
        assert error.value.code == "unknown_key"
        with pytest.raises(ConnectionClosed) as closed:
            revoked.next()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4001
        os.kill(process.process.pid, signal.SIGINT)
        with pytest.raises(ConnectionClosed) as closed:
            other.next()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
    assert process.stop(signal.SIGINT) == 0, process.errors()
    assert "Traceback" not in process.errors()


def test_what_cannot_be_started_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "exchange"
    folder.mkdir()
    path = folder / "exchange.toml"
    path.write_text('web = "nowhere"\nassets = []\nmarkets = []\n')
    done = command("serve", folder)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "exchange.toml" in done.stderr and "$.web" in done.stderr
    path.write_bytes(b"web = '\xff'")
    done = command("serve", folder)
    assert done.returncode == 2 and "expected text in UTF-8; received b'\\xff'" in done.stderr, done.stderr
    path.write_text('receipt_key = "none.key"\n' + TEMPLATE.read_text())
    done = command("serve", folder, "--port", "0", "--fix-port", "0")
    assert done.returncode == 2 and "none.key" in done.stderr and "Traceback" not in done.stderr
    for arguments, words in (
        ({"account": 1}, "--public-key or --output"),
        ({"account": 0, "output": tmp_path / "x"}, "expected 0 for operators"),
        ({"account": 1, "role": "king", "output": tmp_path / "x"}, "read, trade, operator; received 'king'"),
        ({"account": 1, "role": "trade", "public_key": "00"}, "64 hexadecimal digits; received '00'"),
    ):
        fields: dict[str, Any] = {"role": "trade", "public_key": None, "output": None, **arguments}
        with pytest.raises(InputError, match=words):
            keys_command.new(folder, **fields)
    with pytest.raises(InputError, match="expected the folder of an exchange"):
        keys_command.new(tmp_path / "none", 1, "trade", None, tmp_path / "x")
    with pytest.raises(InputError, match="expected the id of a key in use"):
        keys_command.revoke(folder, "0" * 16)


def test_one_folder_has_one_exchange(tmp_path: Path) -> None:
    process = Process(tmp_path / "exchange")
    try:
        done = command("serve", process.folder, "--port", "0", "--fix-port", "0")
        assert done.returncode == 2, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        taken = process.url.rsplit(":", 1)[1]
        done = command("serve", tmp_path / "other", "--port", taken, "--fix-port", "0")
        assert done.returncode == 2 and f"127.0.0.1:{taken}" in done.stderr
        taken = process.told["fix_address"].rsplit(":", 1)[1]
        done = command("serve", tmp_path / "other", "--port", "0", "--fix-port", taken)
        assert done.returncode == 2 and f"127.0.0.1:{taken}: expected an address" in done.stderr
    finally:
        assert process.stop() == 0


def make_certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, and its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "proofbook")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def test_the_web_over_tls(tmp_path: Path) -> None:
    folder = tmp_path / "exchange"
    folder.mkdir()
    context = ssl.create_default_context(cafile=make_certificate(folder))
    tls = 'demo = true\ntls = { certificate = "certificate.pem", key = "key.pem" }'
    process = Process(folder, changes={"demo = true": tls})
    try:
        assert process.url.startswith("https://")
        client = process.client(context)
        assert client.order("sell", "1.000", "100.00")["status"] == "live"
        with client.stream(ssl=context) as reader:
            assert reader.login()["account"] == client.account
        with pytest.raises(httpx.TransportError):
            httpx.get(process.url + "/ready")
        with pytest.raises(httpx.TransportError):
            httpx.get(process.url.replace("https", "http") + "/ready")
    finally:
        assert process.stop() == 0, process.errors()


def test_the_package_is_imported_without_the_exchange() -> None:
    names = ("litestar", "msgspec", "uvicorn", "cryptography")
    code = f"import sys, proofbook, proofbook.cli; print([name for name in {names} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    hidden = "import sys; sys.modules['litestar'] = None; from proofbook.cli import app; app(['serve', 'x'])"
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False)
    assert "proofbook[exchange]" in done.stderr
