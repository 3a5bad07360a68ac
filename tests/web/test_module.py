"""The verifier as WebAssembly in Node says what the native one says: equal values, equal refusals, in the same words.

What is shipped refuses proofs of an earlier program, which are part of the project; a build of a copy with their key
takes them. Proofs in `examples` are of the pinned programs: with them all is compared with the native verifier.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import pytest

import proofbook
from proofbook import spec

from .conftest import EARLIER, ROOT

HERE = Path(__file__).parent
EARLIER_PROOFS = sorted(EARLIER.glob("*.proof"))
EXAMPLES = sorted(ROOT.glob("examples/proof/*.proof"))
JOINED = ROOT / "examples/chain/chain.proof"
BATCHES = JOINED.with_suffix(".batches")
CHANGES = 200
FILES_AT_ONCE = 50
SEED = int(os.environ.get("PROOFBOOK_SEED", "1"))
HEAD_BYTES = 264
CHAIN_HEAD_BYTES = 304

CHECKS: dict[str, Callable[[bytes], proofbook.PublicValues | proofbook.ChainValues]] = {
    "verify": proofbook.verify,
    "verifyChain": proofbook.verify_joined,
    "verifyAny": proofbook.verify_any,
}
"""What checks a file, there and natively."""

NAMES = {
    "firstSequence": "first_sequence",
    "lastSequence": "last_sequence",
    "clockBefore": "clock_before",
    "clockAfter": "clock_after",
    "previousRoot": "previous_root",
    "newRoot": "new_root",
    "commandRoot": "command_root",
    "eventRoot": "event_root",
} | {name: name for name in ("market", "config", "batch", "commands", "events")}
"""Fields of a batch's public values: there, and in Python."""

CHAIN_NAMES = {
    "firstBatch": "first_batch",
    "lastBatch": "last_batch",
    "batchRoot": "batch_root",
    "batches": "batches",
} | {there: here for there, here in NAMES.items() if here not in ("batch", "command_root", "event_root")}
"""Those of a chain's."""


class Request(TypedDict, total=False):
    """What `drive.mjs` is asked."""

    files: list[bytes]
    start: bytes | int | None
    call: str
    batches: bytes


def node() -> str:
    """Node 20 or newer, or a skip."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no node (20 or newer) to run WebAssembly with")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").split(".")[0]) < 20:
        pytest.skip(f"these tests need node 20 or newer: this is {version.strip()}")
    return found


def ask(site: Path, *requests: Request) -> list[dict[str, Any]]:
    """The answers of the verifier in a folder."""

    def text(value: object) -> str:
        assert isinstance(value, bytes)
        return base64.b64encode(value).decode()

    command = [node(), str(HERE / "drive.mjs"), str(site)]
    given = json.dumps(requests, default=text)
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)["answers"]
    return answers


def verify(site: Path, *files: bytes, call: str = "verify") -> list[dict[str, Any]]:
    """What the verifier in a folder says of each file by itself."""
    outcomes: list[dict[str, Any]] = []
    # Node takes no text as long as all of them together.
    for first in range(0, len(files), FILES_AT_ONCE):
        some = list(files[first : first + FILES_AT_ONCE])
        outcomes += ask(site, {"files": some, "call": call})[0]["files"]
    return outcomes


def without_words(outcome: dict[str, Any], expected: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both without what differs by the machine's words, 32 bits there and 64 here.

    A length beyond the words is named with their bound. One that only 64 bits hold is natively beyond the file's end.
    """
    pattern = r"Invalid size (\d+): sizes must fit in a usize \(0 to \d+\)$"
    end = "io error: unexpected end of file"
    said, here = outcome.get("message", ""), expected.get("message", "")
    too_long = re.search(pattern, said)
    if too_long is None or int(too_long[1]) < 2**32 or not (re.search(pattern, here) or here.endswith(end)):
        return outcome, expected
    plain = [one | {"message": re.sub(pattern, end, one["message"])} for one in (outcome, expected)]
    return plain[0], plain[1]


def refusal(error: proofbook.ProofError) -> dict[str, Any]:
    """A native refusal, in the form of the answers."""
    return {"error": type(error).__name__, "message": str(error), "values": None}


def native(file: bytes, call: str = "verify") -> dict[str, Any]:
    """What the native verifier says, in the same form."""
    try:
        values = CHECKS[call](file)
    except proofbook.ProofError as error:
        return refusal(error)
    names = CHAIN_NAMES if isinstance(values, proofbook.ChainValues) else NAMES
    fields = {there: str(getattr(values, here)) for there, here in names.items()}
    return {"values": fields, "encoded": values.encode().hex()}


def assert_equal_to_native(site: Path, files: list[bytes], call: str = "verify") -> None:
    for index, (file, said) in enumerate(zip(files, verify(site, *files, call=call), strict=True)):
        there, here = without_words(said, native(file, call))
        assert there == here, f"file {index}, seed {SEED}"


def flipped(file: bytes, random_source: random.Random) -> bytes:
    """The file with one random bit of it changed."""
    changed = bytearray(file)
    changed[random_source.randrange(len(file))] ^= 1 << random_source.randrange(8)
    return bytes(changed)


def malformed(file: bytes) -> list[bytes]:
    """What is no file with a compressed proof, and a little more than one."""
    head, proof = file[:HEAD_BYTES], file[HEAD_BYTES:]
    longer = file[: HEAD_BYTES - 8] + (len(proof) + 1).to_bytes(8, "little") + proof + b"\0"
    core = file[:8] + b"\1" + file[9:]
    empty = head[:-8] + bytes(8)
    return [b"", b"PROOFBK1", file[:-1], file + b"\0", longer, core, empty, bytes(len(file)), file[1:]]


def run_in_node(name: str, least: int, **given: Path | str) -> None:
    """Runs a file of tests in Node, of which so many have to pass at least."""
    environment = os.environ | {name: str(value) for name, value in given.items()}
    done = subprocess.run(
        [node(), "--test", str(HERE / name)], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"^# pass (\d+)", done.stdout, re.MULTILINE)[0]) >= least


def test_interface(site: Path, earlier_site: Path, tmp_path: Path) -> None:
    key = proofbook.keygen(tmp_path / "operator.key")
    command = spec.Command(time=1_000, action=spec.Action.CANCEL, order_id=7)
    receipt = proofbook.ReceiptSigner(tmp_path / "operator.key").sign(market=1, sequence=42, command=command.encode())
    given = {"RECEIPT_KEY": key, "RECEIPT": receipt.encode().hex()}
    run_in_node("interface.test.mjs", 11, SITE=site, EARLIER_SITE=earlier_site, PROOFS=EARLIER, **given)


def test_the_pinned_programs(site: Path) -> None:
    command = [node(), str(HERE / "drive.mjs"), str(site)]
    done = subprocess.run(command, input="[]", capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert (said["programKey"], said["chainProgramKey"]) == (proofbook.program_key(), proofbook.chain_program_key())


def test_proofs_of_an_earlier_program_are_refused(site: Path) -> None:
    key = (EARLIER / "program.key").read_text().strip()
    message = f"a proof of another program: expected key {proofbook.program_key()}; received {key}"
    for said in verify(site, *(path.read_bytes() for path in EARLIER_PROOFS)):
        assert (said["error"], said["message"]) == ("InvalidProofError", message)


def test_refusals_are_the_native_ones(site: Path) -> None:
    source = random.Random(SEED)
    file = EARLIER_PROOFS[0].read_bytes()
    heads = [flipped(file[:HEAD_BYTES], source) + file[HEAD_BYTES:] for _ in range(60)]
    whole = [flipped(file, source) for _ in range(60)]
    assert_equal_to_native(site, [*malformed(file), *heads, *whole])


def test_proofs_hold_in_the_build_of_their_program(earlier_site: Path) -> None:
    files = [path.read_bytes() for path in EARLIER_PROOFS]
    config = (EARLIER / "market.config").read_bytes()
    by_itself, chain = ask(earlier_site, {"files": files}, {"files": files, "start": config})
    for file, said in zip(files, by_itself["files"], strict=True):
        # The specification in Python reads the same bytes.
        values = spec.PublicValues.decode(file[24:256])
        assert said["encoded"] == file[24:256].hex()
        assert said["values"] == {
            "market": str(values.market),
            "config": values.config.hex(),
            "batch": str(values.batch),
            "firstSequence": str(values.sequence_first),
            "lastSequence": str(values.sequence_last),
            "clockBefore": str(values.clock_before),
            "clockAfter": str(values.clock_after),
            "previousRoot": values.state_before.hex(),
            "newRoot": values.state_after.hex(),
            "commands": str(values.command_count),
            "commandRoot": values.commands.hex(),
            "events": str(values.event_count),
            "eventRoot": values.events.hex(),
        }
    last = by_itself["files"][-1]["values"]
    assert chain["chain"]["root"] == last["newRoot"] and chain["chain"]["batches"] == str(len(files))
    assert chain["chain"]["isFromGenesis"] is True


def test_no_altered_proof_holds(earlier_site: Path) -> None:
    source = random.Random(SEED)
    file = EARLIER_PROOFS[0].read_bytes()
    changed = [flipped(file, source) for _ in range(CHANGES)]
    swapped = file[:HEAD_BYTES] + EARLIER_PROOFS[1].read_bytes()[HEAD_BYTES:]
    for index, said in enumerate(verify(earlier_site, *changed, *malformed(file), swapped)):
        assert said.get("error") in ("ProofFormatError", "InvalidProofError"), f"file {index}, seed {SEED}"
        assert said["values"] is None


def test_gaps_replays_and_other_markets_break_a_chain(earlier_site: Path) -> None:
    first, second = (path.read_bytes() for path in EARLIER_PROOFS)
    config = (EARLIER / "market.config").read_bytes()
    other = config[:8] + (9).to_bytes(8, "little") + config[16:]
    gap, replay, trusted, foreign, after = ask(
        earlier_site,
        {"files": [second], "start": config},
        {"files": [first, first], "start": config},
        {"files": [second, first], "start": None},
        {"files": [first], "start": other},
        {"files": [first, second], "start": 0},
    )
    assert gap["files"][0]["message"] == "batch: expected 1; received 2 (batches between them are missing)"
    assert replay["files"][1]["message"] == "batch: expected 2; received 1 (a replay or a fork)"
    assert "error" not in trusted["files"][0] and trusted["files"][1]["error"] == "ChainError"
    assert re.match(r"market: expected 9; received", foreign["files"][0]["message"])
    assert after["files"][0]["error"] == "ChainError" and "error" not in after["files"][1]
    # What is proven stays known where a batch does not follow.
    assert gap["files"][0]["values"]["batch"] == "2"


@pytest.mark.skipif(not EXAMPLES, reason="there are no proofs in examples/proof")
class TestExamples:
    """Real proofs of the pinned program, natively and there."""

    def test_what_they_prove_is_the_same(self, site: Path) -> None:
        assert_equal_to_native(site, [path.read_bytes() for path in EXAMPLES])

    def test_they_are_a_chain_from_the_market_s_beginning(self, site: Path) -> None:
        files = [path.read_bytes() for path in EXAMPLES]
        config = (EXAMPLES[0].parent / "market.config").read_bytes()
        whole, gap = ask(site, {"files": files, "start": config}, {"files": files[1:], "start": config})
        values = proofbook.verify_chain(EXAMPLES, start=config)
        assert [said["encoded"] for said in whole["files"]] == [value.encode().hex() for value in values]
        assert (whole["chain"]["root"], whole["chain"]["batches"]) == (values[-1].new_root, str(len(files)))
        assert all(said["error"] == "ChainError" for said in gap["files"])

    def test_altered_ones_are_refused_in_the_same_words(self, site: Path) -> None:
        source = random.Random(SEED)
        file = EXAMPLES[0].read_bytes()
        changed = [flipped(file, source) for _ in range(CHANGES)]
        assert all("error" in native(wrong) for wrong in changed), f"seed {SEED}"
        assert_equal_to_native(site, [*changed, *malformed(file)])


@pytest.mark.skipif(not JOINED.exists(), reason="there is no proof of a chain in examples/chain")
class TestChain:
    """The real proof of a chain, natively and there."""

    def test_interface(self, site: Path) -> None:
        run_in_node("chain.test.mjs", 6, SITE=site, PROOFS=EXAMPLES[0].parent, CHAIN=JOINED.parent)

    def test_what_it_proves_is_the_same(self, site: Path) -> None:
        files = [JOINED.read_bytes(), EXAMPLES[0].read_bytes()]
        for call in CHECKS:
            assert_equal_to_native(site, files, call)

    def test_altered_ones_are_refused_in_the_same_words(self, site: Path) -> None:
        source = random.Random(SEED)
        file = JOINED.read_bytes()
        heads = [flipped(file[:CHAIN_HEAD_BYTES], source) + file[CHAIN_HEAD_BYTES:] for _ in range(CHANGES // 2)]
        whole = [flipped(file, source) for _ in range(CHANGES // 2)]
        swapped = file[:CHAIN_HEAD_BYTES] + EXAMPLES[0].read_bytes()[HEAD_BYTES:]
        changed = [*heads, *whole, swapped]
        assert all("error" in native(wrong, "verifyChain") for wrong in changed), f"seed {SEED}"
        assert_equal_to_native(site, [*changed, *malformed(file)], "verifyChain")

    def test_its_batches_are_the_same_and_no_others_are_taken(self, site: Path) -> None:
        source = random.Random(SEED)
        file, batches = JOINED.read_bytes(), BATCHES.read_bytes()
        values = proofbook.verify_joined(file)
        wrong = [flipped(batches, source) for _ in range(40)]
        first, second = batches[:232], batches[232:]
        cases = [batches, *wrong, b"", first, batches[:-1], batches + first, second + first]
        requests: list[Request] = [{"files": [file], "call": "verifyChain", "batches": case} for case in cases]
        for index, (case, answer) in enumerate(zip(cases, ask(site, *requests), strict=True)):
            opened = answer["files"][0]["opened"]
            try:
                expected = b"".join(one.encode() for one in values.open(case)).hex()
            except proofbook.ProofError as error:
                assert opened == refusal(error), f"case {index}, seed {SEED}"
            else:
                assert case == batches and opened["encoded"] == expected == batches.hex()

    def test_it_follows_and_is_followed_as_its_batches_are(self, site: Path) -> None:
        joined, first, second = (path.read_bytes() for path in (JOINED, *EXAMPLES[:2]))
        config = (EXAMPLES[0].parent / "market.config").read_bytes()
        at_once, one_by_one, overlap, replay, after, trusted = ask(
            site,
            {"files": [joined], "start": config},
            {"files": [first, second], "start": config},
            {"files": [first, joined], "start": config},
            {"files": [joined, second], "start": config},
            {"files": [joined, second], "start": 0},
            {"files": [joined, joined], "start": None},
        )
        assert at_once["chain"] == one_by_one["chain"] and at_once["chain"]["batches"] == "2"
        for answer, index, expected in ((overlap, 1, 2), (replay, 1, 3), (after, 0, 3), (after, 1, 3), (trusted, 1, 3)):
            said = answer["files"][index]
            received = said["values"].get("batch", said["values"].get("firstBatch"))
            message = f"batch: expected {expected}; received {received} (a replay or a fork)"
            assert (said["error"], said["message"]) == ("ChainError", message)
        assert trusted["chain"]["batches"] == "2" and trusted["chain"]["isFromGenesis"] is False
