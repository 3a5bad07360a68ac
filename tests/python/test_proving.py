"""Sealing order flow into batches, and running them in the zkVM's executor."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from proofbook import _core, proving, spec
from proofbook.archive import Archive
from proofbook.errors import InputError, ProverError

FIRST_COMMAND = 24 + 232 + 8 * 47
"""Where the first command of a batch file is: after its head and 47 words about the market."""


def has_prover() -> bool:
    try:
        proving.find_prover()
    except ProverError:
        return False
    return True


needs_prover = pytest.mark.skipif(not has_prover(), reason="proofbook-prover is not built: make prover-executor")


def batches(sealer: _core.Sealer, size: int) -> list[dict[str, object]]:
    found = []
    while (text := sealer.seal(size)) is not None:
        found.append(json.loads(text))
    return found


def test_batches_form_a_chain() -> None:
    chain = batches(_core.Sealer.sample(3, 2500), 1000)
    assert [batch["commands"] for batch in chain] == [1000, 1000, 500]
    for before, after in pairwise(chain):
        assert after["previous_root"] == before["new_root"]
        assert after["first_sequence"] == before["last_sequence"] + 1  # type: ignore[operator]
        assert after["batch"] == before["batch"] + 1  # type: ignore[operator]


def test_batches_with_and_without_a_witness_say_the_same() -> None:
    with_witness, without = _core.Sealer.sample(4, 1500), _core.Sealer.sample(4, 1500)
    for size in (1, 99, 400, 1000):
        assert with_witness.seal(size) == without.close(size)
    assert with_witness.root == without.root


def test_public_values_are_what_plain_python_reads() -> None:
    [batch] = batches(_core.Sealer.sample(5, 300), 300)
    values = spec.PublicValues.decode(bytes.fromhex(str(batch["public_values"])))
    assert values.state_after.hex() == batch["new_root"]
    assert values.command_count == 300


def test_a_journal_gives_the_batches_of_its_file(tmp_path: Path) -> None:
    commands = tmp_path / "sample.pbk"
    _core.generate(commands, 6, 700)
    _core.journal([commands], tmp_path / "journal", sync="none")
    assert batches(_core.Sealer.journal(tmp_path / "journal"), 300) == batches(_core.Sealer.open([commands]), 300)


def test_a_batch_has_commands() -> None:
    with pytest.raises(InputError, match="1 to 16777216 commands; received 0"):
        _core.Sealer.sample(1, 10).seal(0)


def test_a_missing_prover_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(proving.PROVER_VARIABLE, "/nowhere/proofbook-prover")
    with pytest.raises(ProverError, match="no prover at PROOFBOOK_PROVER=/nowhere/proofbook-prover: build it"):
        proving.find_prover()


@needs_prover
def test_batches_run_in_the_zkvm_once(tmp_path: Path) -> None:
    first = proving.prove(_core.Sealer.sample(7, 300), tmp_path, size=100)
    assert [report["reused"] for report in first] == [False] * 3
    assert all(report["cycles"] > 100 * 500 for report in first)
    again = proving.prove(_core.Sealer.sample(7, 300), tmp_path, size=100)
    assert [report["reused"] for report in again] == [True] * 3
    archive = Archive.read(tmp_path / "archive.json")
    archive.check(archive.root, tmp_path)
    kinds = ("batches/{:06}.batch", "light/{:06}.header", "light/{:06}.levels")
    assert {entry.path for entry in archive.entries} == {kind.format(n) for kind in kinds for n in (1, 2, 3)}
    other = proving.prove(_core.Sealer.sample(8, 100), tmp_path, size=100)
    assert [report["reused"] for report in other] == [False]
    assert len(Archive.read(tmp_path / "archive.json").entries) == 3


@needs_prover
def test_batches_are_kept_for_inclusion_and_signed(tmp_path: Path) -> None:
    public_key = _core.keygen(tmp_path / "operator.key")
    signer = _core.ReceiptSigner(tmp_path / "operator.key")
    reports = proving.prove(_core.Sealer.sample(7, 200), tmp_path, size=100, signer=signer)
    assert spec.Config.decode((tmp_path / "market.config").read_bytes()).market == 1
    for number, report in enumerate(reports, 1):
        signed = (tmp_path / f"{number:06}.signed").read_bytes()
        assert _core.verify_signed_batch(signed, public_key).hex() == report["public_values"]
        record = (tmp_path / "batches" / f"{number:06}.record").read_bytes()
        assert record[8:240].hex() == report["public_values"]
        shown = _core.serve_inclusion(
            tmp_path, number, number, sequences=[report["last_sequence"]], receipts=[], orders=[], levels=[], depth=[]
        )
        [part] = spec.decode_inclusion(shown)
        part.check(spec.PublicValues.decode(bytes.fromhex(report["public_values"])))
        assert part.command(report["last_sequence"]).position == report["commands"] - 1


def test_no_two_batches_of_one_number_are_signed(tmp_path: Path) -> None:
    _core.keygen(tmp_path / "operator.key")
    signer = _core.ReceiptSigner(tmp_path / "operator.key")
    signed = tmp_path / "000001.signed"
    short, same, longer = (json.loads(_core.Sealer.sample(7, 200).seal(size) or "") for size in (50, 50, 100))
    proving.check_signed(signed, short)
    signed.write_bytes(signer.sign_batch(bytes.fromhex(short["public_values"])))
    proving.check_signed(signed, same)
    with pytest.raises(ProverError, match="expected the batch that was signed before"):
        proving.check_signed(signed, longer)


@needs_prover
def test_a_signed_batch_is_not_replaced(tmp_path: Path) -> None:
    _core.keygen(tmp_path / "operator.key")
    signer = _core.ReceiptSigner(tmp_path / "operator.key")
    for _ in range(2):
        proving.prove(_core.Sealer.sample(7, 100), tmp_path, size=50, signer=signer)
    before = (tmp_path / "000001.signed").read_bytes()
    with pytest.raises(ProverError, match=r"000001\.signed: expected the batch that was signed before"):
        proving.prove(_core.Sealer.sample(7, 100), tmp_path, size=100, signer=signer)
    assert (tmp_path / "000001.signed").read_bytes() == before


@needs_prover
def test_a_batch_with_another_command_does_not_run(tmp_path: Path) -> None:
    sealer = _core.Sealer.sample(9, 50)
    sealer.seal(50, tmp_path / "honest.batch")
    changed = bytearray((tmp_path / "honest.batch").read_bytes())
    changed[FIRST_COMMAND + 8 * 2] ^= 1  # its order id
    (tmp_path / "changed.batch").write_bytes(changed)
    with proving.ProverProcess() as prover:
        prover.work(proving.Mode.EXECUTE, tmp_path / "honest.batch", None, lambda _phase: None)
        with pytest.raises(ProverError, match=r"changed\.batch"):
            prover.work(proving.Mode.EXECUTE, tmp_path / "changed.batch", None, lambda _phase: None)
        prover.work(proving.Mode.EXECUTE, tmp_path / "honest.batch", None, lambda _phase: None)


def unproven(values: dict[str, object], path: Path) -> Path:
    """A proof file that says this of a batch and holds no proof: enough to run the program that joins."""
    said = bytes.fromhex(str(values["public_values"]))
    path.write_bytes(b"PROOFBK1\x02" + bytes(7) + len(said).to_bytes(8, "little") + said + bytes(8))
    return path


@needs_prover
def test_what_batches_say_is_joined(tmp_path: Path) -> None:
    chain = batches(_core.Sealer.sample(10, 70), 20)
    files = [unproven(values, tmp_path / f"{place}.proof") for place, values in enumerate(chain)]
    expected = [spec.PublicValues.decode(bytes.fromhex(str(values["public_values"]))) for values in chain]
    programs = [bytes.fromhex(key) for key in (_core.program_key(), _core.chain_program_key())]
    with proving.ProverProcess() as prover:
        for count in (1, 2, len(files)):
            report = prover.join(files[:count], None, lambda _phase: None)
            joined = spec.chain_of(expected[:count], batch_program=programs[0], chain_program=programs[1])
            assert report["public_values"] == joined.encode().hex()
            assert report["proof_bytes"] is None and report["cycles"] > 0
        with pytest.raises(ProverError, match=r"do not follow each other: batch: expected 2; received 3"):
            prover.join([files[0], files[2]], None, lambda _phase: None)
        with pytest.raises(ProverError, match="at least one batch"):
            prover.join([], None, lambda _phase: None)
        with pytest.raises(ProverError, match=r"missing\.proof"):
            prover.join([tmp_path / "missing.proof"], None, lambda _phase: None)
