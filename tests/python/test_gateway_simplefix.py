"""The gateway, spoken to by a client that shares no code with it: simplefix, over TCP and over TLS of the ssl module.

The server is ``serve``, a program of the crate ``proofbook-gateway`` that ``cargo test`` builds.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("simplefix", reason="simplefix, the independent client, is not installed")

from fix_client import PATIENCE_S
from fix_client import FixClient as Client

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[tuple[str, int]]:
    """A server that has just begun: where it listens."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    program = [str(target / "debug" / "serve")]
    if not Path(program[0]).is_file():
        if shutil.which("cargo") is None or not (ROOT / "crates" / "gateway").is_dir():
            pytest.skip("the server is neither built nor can it be: there is no cargo or no source here")
        program = ["cargo", "run", "--quiet", "-p", "proofbook-gateway", "--bin", "serve", "--"]
    program += [str(folder), "0", *arguments]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        host, port = server.stdout.readline().strip().split(":")
        try:
            yield host, int(port)
        finally:
            server.kill()


@pytest.fixture
def address(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Where a server listens."""
    with serving(tmp_path) as found:
        yield found


def order(identity: str, side: int, quantity: str, price: str) -> dict[int, object]:
    """A limit order, good till cancelled."""
    return {11: identity, 55: "BTC-USD", 54: side, 38: quantity, 40: 2, 44: price, 59: 1}


def test_two_clients_trade(address: tuple[str, int]) -> None:
    """A trade is told to both; a cancel, a second one that is refused, and a message that is no request."""
    alice, bob = Client(address, "ALICE"), Client(address, "BOB")
    alice.send("D", order("a1", 2, "2", "100.5"))
    alice.expect(t35="8", t150="0", t39="0", t11="a1", t151="2.000")
    bob.send("D", order("b1", 1, "0.5", "101"))
    bob.expect(t35="8", t150="0", t11="b1")
    trade = bob.expect(t150="F", t39="2", t31="100.50", t32="0.500", t6="100.500000")
    told = alice.expect(t150="F", t39="1", t11="a1", t31="100.50", t14="0.500", t151="1.500")
    assert trade.get(17) != told.get(17)
    alice.send("F", {41: "a1", 11: "c1", 55: "BTC-USD", 54: 2})
    alice.expect(t35="8", t150="4", t39="4", t41="a1", t11="c1")
    alice.send("F", {41: "a1", 11: "c2", 55: "BTC-USD", 54: 2})
    alice.expect(t35="9", t434="1", t102="1", t11="c2")
    bob.send("D", order("b2", 1, "1", "1.001"))
    bob.expect(t35="j", t372="D", t379="b2")


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    made, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    subprocess.run([*command, *names, "-keyout", str(key), "-out", str(made)], check=True, capture_output=True)
    return made, key


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_clients_trade_over_tls_and_see_the_market(tmp_path: Path, version: ssl.TLSVersion) -> None:
    """Orders and market data over TLS; an older version, a plain client and one that trusts nobody get nowhere."""
    made, key = certificate(tmp_path)
    context = ssl.create_default_context(cafile=str(made))
    context.minimum_version = context.maximum_version = version
    with serving(tmp_path / "exchange", "none", "--tls", str(made), str(key)) as address:
        alice, bob = Client(address, "ALICE", context), Client(address, "BOB", context)
        assert alice.socket.version() == version.name.replace("_", ".")  # type: ignore[attr-defined]
        alice.send("D", order("a1", 2, "2", "100.5"))
        alice.expect(t35="8", t150="0", t11="a1")
        bob.send("D", order("b1", 1, "0.5", "101"))
        bob.expect(t150="0")
        bob.expect(t150="F", t39="2", t31="100.50")
        alice.expect(t150="F", t39="1", t14="0.500")
        with pytest.raises(ssl.SSLCertVerificationError):
            Client(address, "CAROL", ssl.create_default_context())
        with socket.create_connection(address, timeout=PATIENCE_S) as plain:
            plain.sendall(b"8=FIX.4.4\x019=5\x0135=A\x0110=000\x01")
            assert plain.recv(100)[:1] in (b"", b"\x15"), "an alert or the end"
        bob.send("F", {41: "b1", 11: "c1", 55: "BTC-USD", 54: 1})
        bob.expect(t35="9", t102="1")
