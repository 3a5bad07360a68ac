"""Receipts and inclusion from the command line and from Python; the specification checks each file once more.

The native side is tested in Rust on real proofs. Here the files that an operator writes are read by `proofbook.spec`,
which shares no code with it; what needs a proof of the present program uses those in `examples/proof`.
"""

from __future__ import annotations

import doctest
import json
import random
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import proofbook
from proofbook import _core, auditing, spec
from proofbook.receipt_commands import read_receipt

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(ROOT.glob("examples/proof/*.proof"))
SAMPLE = 10_000
"""Commands of the sample, whose first batches these are."""

BATCH = 250
BATCHES = 2


def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "proofbook", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class Operator:
    """The sample's first batches as their operator has them, without a proof."""

    folder: Path
    key: Path
    public_key: str
    values: tuple[spec.PublicValues, ...]
    commands: tuple[spec.Command, ...]

    @property
    def signer(self) -> proofbook.ReceiptSigner:
        return proofbook.ReceiptSigner(self.key)

    def serve(self, *arguments: str) -> tuple[spec.BatchPart, ...]:
        """What an inclusion file opens, each part checked against the values of its batch."""
        output = self.folder / "asked.file"
        done = call("inclusion", self.folder, "--output", output, *arguments)
        assert done.returncode == 0, done.stderr
        parts = spec.decode_inclusion(output.read_bytes())
        for part in parts:
            part.check(self.values[part.values.batch - 1])
        return parts


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    folder = tmp_path_factory.mktemp("operator")
    key = folder / "operator.key"
    public_key = proofbook.keygen(key)
    sealer = _core.Sealer.sample(1, SAMPLE)
    (folder / "batches").mkdir()
    (folder / "market.config").write_bytes(sealer.config)
    values, commands = [], []
    for number in range(1, BATCHES + 1):
        text = sealer.seal(BATCH, None, folder / "batches" / f"{number:06}.record")
        assert text is not None
        encoded = bytes.fromhex(json.loads(text)["public_values"])
        signed = proofbook.ReceiptSigner(key).sign_batch(encoded)
        (folder / f"{number:06}.signed").write_bytes(signed)
        assert spec.verify_signed_batch(signed, bytes.fromhex(public_key)).encode() == encoded
        values.append(spec.PublicValues.decode(encoded))
        record = (folder / "batches" / f"{number:06}.record").read_bytes()
        start = 240 + 4 * BATCH
        commands += [spec.Command.decode(record[start + 72 * place :][:72]) for place in range(BATCH)]
    return Operator(folder, key, public_key, tuple(values), tuple(commands))


def test_receipts_are_what_plain_python_reads(operator: Operator) -> None:
    for sequence in (1, 77, 500):
        command = operator.commands[sequence - 1]
        receipt = operator.signer.sign(1, sequence, command.encode())
        receipt.verify(operator.public_key)
        read = spec.Receipt.decode(receipt.encode())
        read.verify(bytes.fromhex(operator.public_key))
        assert (read.market, read.sequence, read.time) == (receipt.market, receipt.sequence, receipt.time)
        assert read.command.hex() == receipt.command == command.digest().hex()
        assert read.names(command) and receipt.names(command.encode())
        assert not receipt.names(operator.commands[sequence % 500].encode())
        assert proofbook.Receipt.decode(receipt.encode()) == receipt


def test_both_refuse_every_changed_byte_of_a_receipt(operator: Operator) -> None:
    data = operator.signer.sign(1, 9, operator.commands[8].encode()).encode()
    key = bytes.fromhex(operator.public_key)
    for byte in range(len(data)):
        changed = bytearray(data)
        changed[byte] ^= 1 << byte % 8
        with pytest.raises(proofbook.ReceiptError):
            proofbook.Receipt.decode(bytes(changed)).verify(operator.public_key)
        with pytest.raises((spec.SpecError, spec.InclusionError)):
            spec.Receipt.decode(bytes(changed)).verify(key)
    for wrong in (data[:-1], data + b"\0", b""):
        with pytest.raises(proofbook.ReceiptError):
            proofbook.Receipt.decode(wrong)
        with pytest.raises(spec.SpecError):
            spec.Receipt.decode(wrong)


def test_strictness_is_the_same_on_both_sides(operator: Operator) -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    receipt = operator.signer.sign(1, 9, operator.commands[8].encode()).encode()
    shifted = int.from_bytes(receipt[96:], "little") + order
    malleable = receipt[:96] + shifted.to_bytes(32, "little")
    with pytest.raises(proofbook.ReceiptError):
        proofbook.Receipt.decode(malleable).verify(operator.public_key)
    with pytest.raises(spec.SignatureError, match="expected s of the signature below"):
        spec.Receipt.decode(malleable).verify(bytes.fromhex(operator.public_key))
    # The neutral point, the point of order two, and y = p: with such a key, R the neutral point and s 0 sign anything.
    small = [(1).to_bytes(32, "little"), (2**255 - 20).to_bytes(32, "little"), (2**255 - 19).to_bytes(32, "little")]
    for key in small:
        forged = receipt[:64] + small[0] + bytes(32)
        with pytest.raises(spec.SignatureError):
            spec.Receipt.decode(forged).verify(key)
        with pytest.raises(proofbook.InputError):
            proofbook.Receipt.decode(forged).verify(key.hex())
    for wrong in ("", operator.public_key.upper(), operator.public_key + "00"):
        with pytest.raises(proofbook.InputError, match="64 lower-case hexadecimal digits"):
            proofbook.Receipt.decode(receipt).verify(wrong)


def test_commands_are_shown_where_they_stand(operator: Operator) -> None:
    for sequence in (1, 250, 251, 400):
        [part] = operator.serve("--sequence", str(sequence))
        opened = part.command(sequence)
        assert opened.command == operator.commands[sequence - 1]
        with pytest.raises(spec.NotShownError):
            part.command(sequence + (1 if sequence % BATCH else -1))
        with pytest.raises(spec.InclusionError):
            part.command(501)


def test_a_moved_command_is_found(operator: Operator, tmp_path: Path) -> None:
    receipt = operator.signer.sign(1, 20, operator.commands[30].encode())
    path = tmp_path / "one.receipt"
    path.write_bytes(receipt.encode())
    [part] = operator.serve("--receipt", str(path))
    assert [found.position for found in part.opened] == [19, 30]


def test_orders_and_depth_are_those_of_the_market(operator: Operator) -> None:
    live = _live_orders(operator)
    ids = sorted(live)[:5]
    arguments = [text for order_id in [*ids, 10**15] for text in ("--order", str(order_id))]
    [part] = operator.serve(*arguments, "--depth", "bids:3", "--depth", "asks:2")
    state = part.after
    assert state is not None and state.counters[6] >> 32 == len(live)
    for order_id in ids:
        order = state.order(order_id)
        assert order is not None and order.open_quantity == live[order_id]
        assert state.ahead(order_id) is not None
    assert state.order(10**15) is None
    bids = state.depth(spec.Queue.BIDS, 3)
    prices = [level.price(spec.Queue.BIDS) for level in bids]
    assert len(prices) == 3 and prices == sorted(prices, reverse=True)
    with pytest.raises(spec.NotShownError):
        state.depth(spec.Queue.BIDS, 10**6)
    [part] = operator.serve("--level", f"bids:{prices[0]}", "--batch", "2")
    assert part.after is not None
    level = part.after.level(spec.Queue.BIDS, prices[0])
    assert level is not None and (level.displayed, level.count) == (bids[0].displayed, bids[0].count)


@cache
def _events(folder: Path) -> list[list[spec.Event]]:
    """The events of each command, from the records."""
    found = []
    for path in sorted(folder.glob("batches/*.record")):
        record = path.read_bytes()
        counts = [int.from_bytes(record[240 + 4 * place :][:4], "little") for place in range(BATCH)]
        place = 240 + 76 * BATCH
        for count in counts:
            found.append([spec.Event.decode(record[place + 56 * event :][:56]) for event in range(count)])
            place += 56 * count
    return found


def _live_orders(operator: Operator) -> dict[int, int]:
    """What live orders have open, followed from their events."""
    live: dict[int, int] = {}
    for events in _events(operator.folder):
        for event in events:
            order_id = event.order_id or 0
            match event.kind:
                case spec.EventKind.PLACED:
                    live[order_id] = (event.quantity or 0) + (event.open_quantity or 0)
                case spec.EventKind.TRADE:
                    live[order_id] = event.open_quantity or 0
                    if event.other_id in live:
                        live[event.other_id] -= event.quantity or 0
                case spec.EventKind.REDUCED:
                    live[order_id] = event.open_quantity or 0
                case spec.EventKind.CANCELLED | spec.EventKind.EXPIRED:
                    live.pop(order_id, None)
                case spec.EventKind.REPLACED if order_id in live:
                    live[order_id] = event.quantity or 0
            live = {name: quantity for name, quantity in live.items() if quantity}
    return live


def test_fills_open_their_trades_and_owners(operator: Operator) -> None:
    owners, busiest = {}, {}
    for events in _events(operator.folder):
        for event in events:
            if event.kind == spec.EventKind.ACCEPTED:
                owners[event.order_id] = event.other_id
            if event.kind == spec.EventKind.TRADE:
                for order_id in (event.order_id, event.other_id):
                    busiest[owners[order_id]] = busiest.get(owners[order_id], 0) + 1
    account = max(busiest, key=lambda account: busiest[account])
    compact = operator.serve("--fills", str(account), "--batch", "1", "--to", "2")
    shown = 0
    for part in compact:
        for found in part.opened:
            trades = [event for event in found.events if event.kind == spec.EventKind.TRADE]
            shown += sum(account in (owners[event.order_id], owners[event.other_id]) for event in trades)
    assert shown > 0
    complete = operator.serve("--fills", str(account), "--batch", "1", "--to", "2", "--complete")
    assert [len(part.opened) for part in complete] == [BATCH] * BATCHES


def test_changed_inclusion_files_are_refused(operator: Operator) -> None:
    operator.serve("--sequence", "7", "--order", "3")
    data = (operator.folder / "asked.file").read_bytes()
    seed = 20261
    generator = random.Random(seed)
    for _ in range(60):
        changed = bytearray(data)
        bit = generator.randrange(8 * len(data))
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((spec.SpecError, spec.InclusionError)):
            for part in spec.decode_inclusion(bytes(changed)):
                part.check(operator.values[0])
            pytest.fail(f"seed {seed}: bit {bit} was accepted")
    for wrong in (data[:-1], data + b"\0"):
        with pytest.raises(spec.SpecError):
            spec.decode_inclusion(wrong)


def test_a_journal_writes_receipts_and_makes_them_anew(operator: Operator, tmp_path: Path) -> None:
    flow, journal = tmp_path / "flow.pbk", tmp_path / "journal"
    assert call("generate", flow, "--commands", str(SAMPLE)).returncode == 0
    done = call("journal", flow, "--output", journal, "--receipts", operator.key)
    assert done.returncode == 0 and f"{SAMPLE:,} receipts in" in done.stdout, done.stderr
    written = (tmp_path / "journal.receipts").read_bytes()
    assert len(written) == SAMPLE * 128
    for sequence in (1, 250, 500):
        receipt = read_receipt(tmp_path / "journal.receipts", sequence)
        receipt.verify(operator.public_key)
        assert (receipt.market, receipt.sequence) == (1, sequence)
    # The generated sample is that of the batches.
    assert read_receipt(tmp_path / "journal.receipts", 9).names(operator.commands[8].encode())
    again = tmp_path / "again"
    done = call("receipts", journal, "--key", operator.key, "--output", again)
    assert done.returncode == 0, done.stderr
    assert again.read_bytes() == written
    assert call("receipts", journal, "--key", operator.key, "--output", again).returncode == 2
    assert again.read_bytes() == written
    with pytest.raises(proofbook.InputError, match="expected a sequence of 1 to 10000; received 10001"):
        read_receipt(again, SAMPLE + 1)
    with pytest.raises(proofbook.InputError, match="expected one receipt, or --sequence; received 10000 receipts"):
        read_receipt(again, None)


def test_keys_are_made_once(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    done = call("keygen", path)
    assert done.returncode == 0 and len(done.stdout.strip()) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    assert proofbook.ReceiptSigner(path).public_key == done.stdout.strip()
    assert call("keygen", path).returncode == 2
    path.chmod(0o644)
    with pytest.raises(proofbook.InputError, match="mode 0600"):
        proofbook.ReceiptSigner(path)


def test_two_receipts_of_one_sequence(operator: Operator, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.receipt", "b.receipt")]
    for path, command in zip(paths, operator.commands, strict=False):
        path.write_bytes(operator.signer.sign(1, 5, command.encode()).encode())
    done = call("audit", "--receipt", paths[0], "--against", paths[1], "--key", operator.public_key)
    assert done.returncode == 1 and "two different commands" in done.stderr
    evidence = tmp_path / "a.contradiction"
    finding = proofbook.check_contradiction(evidence, operator.public_key)
    assert (finding.kind, finding.market, finding.sequence, finding.is_signed) == ("two_receipts", 1, 5, True)
    done = call("audit", "--contradiction", evidence, "--key", operator.public_key, "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["kind"] == "two_receipts"
    with pytest.raises(proofbook.ReceiptError):
        proofbook.check_contradiction(evidence, proofbook.keygen(tmp_path / "other.key"))
    with pytest.raises(proofbook.ReceiptError, match="say the same"):
        auditing.contradict_pair(paths[0].read_bytes(), paths[0].read_bytes(), operator.public_key)
    data = evidence.read_bytes()
    for byte in range(len(data)):
        with pytest.raises(proofbook.ProofError):
            proofbook.check_contradiction(data[:byte] + bytes([data[byte] ^ 1]) + data[byte + 1 :], operator.public_key)


def test_what_cannot_be_decided_has_its_own_exit_code(operator: Operator, tmp_path: Path) -> None:
    path = tmp_path / "one.receipt"
    path.write_bytes(operator.signer.sign(1, 5, operator.commands[4].encode()).encode())
    done = call("audit", "--receipt", path, "--key", operator.public_key, "--proofs", tmp_path, "--json")
    assert done.returncode == 4 and json.loads(done.stdout)["verdict"] == "undecided"
    done = call("audit", "--receipt", path, "--key", proofbook.keygen(tmp_path / "b.key"), "--proofs", tmp_path)
    assert done.returncode == 1 and done.stderr.startswith("failed: receipt: expected a signature")
    assert call("audit", "--receipt", path, "--proofs", tmp_path).returncode == 2
    assert call("audit").returncode == 2


@pytest.mark.skipif(not EXAMPLES, reason="there are no proofs in examples/proof")
class TestExamples:
    """The same batches with real proofs of this program: the first 500 commands of the sample, 250 in each."""

    @pytest.fixture
    def proofs(self, operator: Operator, tmp_path: Path) -> Path:
        """What the operator publishes."""
        for path, values in zip(EXAMPLES, operator.values, strict=True):
            assert path.read_bytes()[24:256] == values.encode(), "the proofs are those of the sample"
            (tmp_path / path.name).write_bytes(path.read_bytes())
            name = f"{values.batch:06}.signed"
            (tmp_path / name).write_bytes((operator.folder / name).read_bytes())
        return tmp_path

    def audit(self, operator: Operator, proofs: Path, sequence: int, command: spec.Command, *more: Any) -> Any:
        """A receipt of this command, held against the proofs and what the operator serves for it."""
        receipt = proofs / "one.receipt"
        receipt.write_bytes(operator.signer.sign(1, sequence, command.encode()).encode())
        shown = proofs / "one.inclusion"
        done = call("inclusion", operator.folder, "--receipt", receipt, "--output", shown)
        assert done.returncode == 0, done.stderr
        market = operator.folder / "market.config"
        return call(
            *("audit", "--receipt", receipt, "--key", operator.public_key, "--proofs", proofs),
            *("--from-genesis", market, "--json", *more),
        )

    def test_receipts_stand(self, operator: Operator, proofs: Path) -> None:
        for sequence in (1, 250, 251, 444):
            done = self.audit(operator, proofs, sequence, operator.commands[sequence - 1])
            assert done.returncode == 0, done.stderr
            report = json.loads(done.stdout.splitlines()[-1])
            assert (report["verdict"], report["sequence"]) == ("stands", sequence)
            assert len(report["events"]) == len(_events(operator.folder)[sequence - 1])

    def test_dropped_altered_and_moved_commands(self, operator: Operator, proofs: Path) -> None:
        commands = operator.commands
        swept = spec.Command(time=commands[99].time, action=spec.Action.SWEEP)
        for sequence, command, elsewhere in ((100, swept, []), (300, commands[299 + 5], [305])):
            done = self.audit(operator, proofs, sequence, command)
            assert done.returncode == 1, done.stdout
            report = json.loads(done.stdout.splitlines()[-1])
            assert (report["verdict"], report["elsewhere"]) == ("contradicted", elsewhere)
            finding = proofbook.check_contradiction(Path(report["contradiction"]), operator.public_key)
            assert (finding.kind, finding.sequence, finding.is_signed) == ("other_command", sequence, True)
            done = call("audit", "--contradiction", report["contradiction"], "--key", operator.public_key)
            assert done.returncode == 0, done.stderr

    def test_an_unsigned_batch_decides_only_beside_the_proofs(self, operator: Operator, proofs: Path) -> None:
        for path in proofs.glob("*.signed"):
            path.unlink()
        done = self.audit(operator, proofs, 7, operator.commands[0])
        assert done.returncode == 1
        evidence = json.loads(done.stdout.splitlines()[-1])["contradiction"]
        alone = ("audit", "--contradiction", evidence, "--key", operator.public_key)
        assert call(*alone).returncode == 4
        assert call(*alone, "--proofs", proofs).returncode == 0

    def test_a_bad_signature_of_a_batch_keeps_nothing_back(self, operator: Operator, proofs: Path) -> None:
        for path in proofs.glob("*.signed"):
            path.write_bytes(path.read_bytes()[:-1] + b"\xff")
        done = self.audit(operator, proofs, 7, operator.commands[0])
        assert done.returncode == 1
        evidence = json.loads(done.stdout.splitlines()[-1])["contradiction"]
        assert not proofbook.check_contradiction(Path(evidence), operator.public_key).is_signed

    def test_a_receipt_stands_in_whose_batch(self, operator: Operator, proofs: Path) -> None:
        command = operator.commands[6]
        done = self.audit(operator, proofs, 7, command)
        assert done.returncode == 0 and json.loads(done.stdout.splitlines()[-1])["is_signed"]
        signed = proofs / "000001.signed"
        other = bytearray(operator.values[0].encode())
        other[-1] = 0
        other[-8] ^= 1  # another root of the events
        signed.write_bytes(operator.signer.sign_batch(bytes(other)))
        done = self.audit(operator, proofs, 7, command)
        assert done.returncode == 4, done.stdout
        assert "the operator signed another batch of that number (a fork)" in done.stderr
        signed.write_bytes((proofs / "000002.signed").read_bytes())  # of another number: it says nothing of this one
        for _ in range(2):
            done = self.audit(operator, proofs, 7, command)
            assert done.returncode == 0, done.stderr
            report = json.loads(done.stdout.splitlines()[-1])
            assert not report["is_signed"]
            assert report["text"].endswith("no signature says that the batch is the operator's")
            signed.unlink(missing_ok=True)

    def test_what_is_withheld_is_undecided(self, operator: Operator, proofs: Path) -> None:
        receipt = operator.signer.sign(1, 9, operator.commands[8].encode())
        with pytest.raises(proofbook.UndecidedError, match="nothing shows which command has sequence 9"):
            proofbook.audit(receipt, key=operator.public_key, proofs=proofs)
        later = operator.signer.sign(1, 501, operator.commands[8].encode())
        with pytest.raises(proofbook.UndecidedError, match="sequence 501 is not proven"):
            proofbook.audit(later, key=operator.public_key, proofs=proofs)
        elsewhere = operator.signer.sign(2, 9, operator.commands[8].encode())
        with pytest.raises(proofbook.ReceiptError, match="expected proofs of market 2"):
            proofbook.audit(elsewhere, key=operator.public_key, proofs=proofs)

    def test_inclusion_answers(self, operator: Operator, proofs: Path) -> None:
        live = sorted(_live_orders(operator))
        operator.serve("--order", str(live[0]), "--order", "999999999", "--depth", "asks:2")
        chain = proofbook.verify_chain(EXAMPLES, start=None)
        file = proofbook.open_inclusion(operator.folder / "asked.file", chain)
        found = file.order(2, live[0])
        assert found is not None and found.order.open_quantity == _live_orders(operator)[live[0]]
        assert file.order(2, 999_999_999) is None
        assert len(file.depth(2, "asks", 2)) == 2
        with pytest.raises(proofbook.UndecidedError):
            file.depth(2, "bids", 1)
        with pytest.raises(proofbook.UndecidedError):
            proofbook.open_inclusion(operator.folder / "asked.file", chain[:1])
        operator.serve("--fills", "1", "--batch", "1", "--to", "2", "--complete")
        fills, complete = proofbook.open_inclusion(operator.folder / "asked.file", chain).fills(1)
        assert complete == [1, 2] and all(fill.is_certain for fill in fills)
        done = call(
            *("audit", "--inclusion", operator.folder / "asked.file", "--proofs", proofs, "--fills", "1", "--json"),
        )
        assert json.loads(done.stdout.splitlines()[-1])["complete_batches"] == [1, 2]


def test_the_documents_examples_run() -> None:
    document = ROOT / "docs" / "RECEIPTS.md"
    if document.exists():
        failures, examples = doctest.testfile(str(document), module_relative=False, optionflags=doctest.ELLIPSIS)
        assert (failures, examples > 5) == (0, True)
