"""Proofs as Python and the command line check them: what is refused, how, and what is never returned."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import proofbook
from proofbook import spec, verifying

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(ROOT.glob("examples/proof/*.proof"))
CONFIG = spec.Config(market=7).encode()

DIGEST = bytes(32)
VALUES = spec.PublicValues(
    market=7,
    config=DIGEST,
    batch=1,
    sequence_first=1,
    sequence_last=2,
    clock_before=0,
    clock_after=9,
    state_before=DIGEST,
    state_after=DIGEST,
    command_count=2,
    commands=DIGEST,
    event_count=3,
    events=DIGEST,
).encode()


def proof_file(proof: bytes, mode: int = 2, values: bytes = VALUES) -> bytes:
    """A proof file, written from its description and not by the code under test."""
    head = b"PROOFBK1" + bytes([mode]) + bytes(7)
    return head + len(values).to_bytes(8, "little") + values + len(proof).to_bytes(8, "little") + proof


WRONG = {
    "nothing": (b"", "expected at least 264 bytes; received 0"),
    "another file": (b"PK\x03\x04 and so on", r"expected it to begin with"),
    "a core proof": (proof_file(b"x", mode=1), r"expected a compressed proof \(mode 2\); received a core proof"),
    "an unknown mode": (
        proof_file(b"x", mode=4),
        r"expected mode 1 \(core\), 2 \(compressed\) or 3 \(chain\); received 4",
    ),
    "values of a batch in a chain's file": (
        proof_file(b"x" * 50, mode=3),
        "expected 272 bytes of public values; received 232",
    ),
    "short values": (proof_file(b"x" * 9, values=VALUES[:-8]), "expected 232 bytes of public values; received 224"),
    "another version": (proof_file(b"x", values=b"\x02" + VALUES[1:]), "expected version 1; received 2"),
    "no digest": (proof_file(b"x", values=VALUES[:16] + b"\xff" * 4 + VALUES[20:]), "configuration: expected elements"),
    "a run without a proof": (proof_file(b""), "received bytes that are none"),
    "a cut file": (proof_file(b"x" * 9)[:-1], "expected 273 bytes; received 272"),
    "bytes after the end": (proof_file(b"x") + b"\0", "expected 265 bytes; received 266"),
    "another kind inside": (proof_file(bytes(12)), "the bytes hold another kind: Core"),
}


@pytest.mark.parametrize(("data", "message"), WRONG.values(), ids=WRONG)
def test_what_is_no_proof_file_raises(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(proofbook.ProofFormatError, match=message):
        proofbook.verify(data)
    path = tmp_path / "batch.proof"
    path.write_bytes(data)
    for given in (path, str(path)):
        with pytest.raises(proofbook.ProofFormatError, match=r"batch\.proof: .*" + message):
            proofbook.verify(given)
    with pytest.raises(proofbook.ProofError):
        proofbook.verify_chain([path], start=None)


def test_what_cannot_be_read_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        proofbook.verify(tmp_path / "missing.proof")
    for wrong in (None, 7, bytearray(b"PROOFBK1")):
        with pytest.raises(TypeError):
            proofbook.verify(wrong)  # type: ignore[arg-type]


def test_every_refusal_is_a_proof_error() -> None:
    for name in ("ProofFormatError", "InvalidProofError", "ChainError"):
        assert issubclass(getattr(proofbook, name), proofbook.ProofError)
    assert issubclass(proofbook.ProofError, proofbook.ProofbookError)


def test_a_chain_has_a_proof() -> None:
    with pytest.raises(proofbook.ChainError, match="at least one proof; received none"):
        proofbook.verify_chain([], start=None)


def test_chains_begin_at_a_market() -> None:
    chain = proofbook.Chain.from_genesis(CONFIG)
    assert (chain.batches, chain.batch, chain.sequence, chain.is_from_genesis) == (0, 0, 0, True)
    # The specification in Python comes to the same state.
    assert chain.root == spec.state_root(spec.State(config=spec.Config(market=7)).encode()).hex()
    with pytest.raises(proofbook.InputError, match="takes 88 bytes; received 3"):
        proofbook.Chain.from_genesis(b"abc")


def test_verified_values_cannot_be_made() -> None:
    with pytest.raises(TypeError):
        proofbook.PublicValues()
    with pytest.raises(TypeError):
        proofbook.Chain()
    with pytest.raises(TypeError):
        proofbook.Chain.from_genesis(CONFIG).extend(spec.PublicValues.decode(VALUES))  # type: ignore[arg-type]


def test_the_pinned_program() -> None:
    key = proofbook.program_key()
    assert len(bytes.fromhex(key)) == 32
    path = ROOT / "guest" / "program.key"
    if path.exists():
        assert path.read_text() == f"{key}\n"


def test_configurations_are_found(tmp_path: Path) -> None:
    path = tmp_path / "market.config"
    path.write_bytes(CONFIG)
    assert proofbook.market_config(path) == CONFIG
    path.write_bytes(bytes(88))
    with pytest.raises(proofbook.InputError):
        proofbook.market_config(path)
    flow = tmp_path / "flow.pbk"
    call("generate", flow, "--commands", "100")
    assert proofbook.market_config(flow) == spec.Config.decode(proofbook.market_config(flow)).encode()
    call("journal", flow, "--output", tmp_path / "journal")
    assert proofbook.market_config(tmp_path / "journal") == proofbook.market_config(flow)
    with pytest.raises(proofbook.ProofbookError):
        (tmp_path / "empty").mkdir()
        proofbook.market_config(tmp_path / "empty")


def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "proofbook", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_line_fails_with_the_proof(tmp_path: Path) -> None:
    path = tmp_path / "batch.proof"
    path.write_bytes(WRONG["a core proof"][0])
    done = call("verify", path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"failed: {path}: expected a compressed proof (mode 2)")
    done = call("verify", path, "--json")
    assert done.returncode == 1
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert (report["proofs"], report["chain"]) == ([], None)
    assert report["failure"].startswith(f"{path}: expected a compressed proof")


def test_the_command_line_needs_files_and_a_market(tmp_path: Path) -> None:
    assert call("verify").returncode == 2
    done = call("verify", tmp_path / "missing.proof")
    assert done.returncode == 2 and "No such file" in done.stderr
    done = call("verify", tmp_path / "missing.proof", "--from-genesis", tmp_path / "none")
    assert done.returncode == 2


EARLIER = sorted(ROOT.glob("crates/verifier/src/tests/earlier/*.proof"))


@pytest.mark.skipif(not EARLIER, reason="the verifier's own tests are not beside these")
def test_proofs_of_an_earlier_program_are_refused() -> None:
    key = (EARLIER[0].parent / "program.key").read_text().strip()
    message = f"a proof of another program: expected key {proofbook.program_key()}; received {key}"
    for path in EARLIER:
        with pytest.raises(proofbook.InvalidProofError, match=message):
            proofbook.verify(path)
        done = call("verify", path)
        assert done.returncode == 1 and message in done.stderr


@pytest.mark.skipif(not EXAMPLES, reason="there are no proofs in examples/proof")
class TestExamples:
    """Real proofs of this program."""

    def test_they_hold_and_follow_each_other(self) -> None:
        chain = proofbook.verify_chain(EXAMPLES, start=None)
        assert [values.batch for values in chain] == list(range(chain[0].batch, chain[0].batch + len(chain)))
        for path, values in zip(EXAMPLES, chain, strict=True):
            again = proofbook.verify(path.read_bytes())
            assert again == values and hash(again) == hash(values) and f"batch={values.batch}," in repr(values)
            decoded = spec.PublicValues.decode(values.encode())
            assert (decoded.market, decoded.batch, decoded.state_after.hex()) == (
                values.market,
                values.batch,
                values.new_root,
            )
            assert values.encode() == path.read_bytes()[24:256]
        assert proofbook.verify_chain(EXAMPLES[1:], start=chain[0]) == chain[1:] if EXAMPLES[1:] else True

    def test_no_public_value_can_be_changed(self) -> None:
        for byte in range(24, 256, 8):
            data = bytearray(EXAMPLES[0].read_bytes())
            data[byte] ^= 1
            with pytest.raises(proofbook.ProofError):
                proofbook.verify(bytes(data))

    def test_replays_and_other_markets(self) -> None:
        with pytest.raises(proofbook.ChainError, match="batch: expected"):
            proofbook.verify_chain([EXAMPLES[0], EXAMPLES[0]], start=None)
        with pytest.raises(proofbook.ChainError, match=r"market: expected|configuration: expected"):
            proofbook.verify_chain(EXAMPLES, start=spec.Config(market=2**63).encode())

    def test_the_command_line(self) -> None:
        done = call("verify", *EXAMPLES, "--json")
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout.splitlines()[-1])
        assert report["failure"] is None and report["chain"]["batches"] == len(EXAMPLES)
        for path, proof in zip(EXAMPLES, report["proofs"], strict=True):
            assert proof["bytes"] == path.stat().st_size and proof["ms"] > 0
        done = call("verify", *EXAMPLES)
        assert done.returncode == 0 and "taken on trust" in done.stdout


def test_the_documents_examples_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    document = ROOT / "docs" / "VERIFYING.md"
    if document.exists():
        failures, examples = doctest.testfile(str(document), module_relative=False, optionflags=doctest.ELLIPSIS)
        assert (failures, examples > 3) == (0, True)
    assert verifying.__doc__ and ">>>" in verifying.__doc__
