"""Real compressed proofs: one is made, joined with the committed chain, verified, and refused where it is altered.

`make test-proofs` runs this: it takes a quarter of an hour on two cores, and 16 GiB.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

import proofbook
from proofbook import _core, proving, spec

ROOT = Path(__file__).resolve().parents[2]
BATCHES = sorted((ROOT / "examples" / "proof").glob("*.proof"))
CHAIN = ROOT / "examples" / "chain" / "chain.proof"
MEMORY_GIB = 16
COMMANDS = 25
"""Of the batch that is proven here."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The proof of the batch that follows the committed ones, and that of the chain of all of them."""
    folder = tmp_path_factory.mktemp("proofs")
    known = [proofbook.verify(path) for path in BATCHES]
    sealer = _core.Sealer.sample(1, 10_000)
    for values in known:
        sealed = json.loads(sealer.seal(values.commands) or "")
        assert sealed["new_root"] == values.new_root, "the committed proofs are of the sample's batches"
    sealed = json.loads(sealer.seal(COMMANDS, folder / "next.batch") or "")
    batch, chain = folder / "next.proof", folder / "chain.proof"
    with proving.ProverProcess(memory_gib=MEMORY_GIB) as prover:
        for report in (
            prover.work(proving.Mode.COMPRESSED, folder / "next.batch", batch, print),
            prover.join([CHAIN, batch], chain, print),
        ):
            print({name: report[name] for name in ("cycles", "gas", "seconds", "memory_bytes_max", "proof_bytes")})
    assert proofbook.verify(batch).encode().hex() == sealed["public_values"]
    return batch, chain


def test_the_batch_follows_the_committed_ones(made: tuple[Path, Path]) -> None:
    config = proofbook.market_config(BATCHES[0].parent / "market.config")
    verified = proofbook.verify_chain([*BATCHES, made[0]], start=config)
    assert len(verified) == len(BATCHES) + 1
    assert proofbook.verify_chain([CHAIN, made[0]], start=config)[-1] == verified[-1]


def test_the_longer_chain_says_what_its_batches_say(made: tuple[Path, Path]) -> None:
    batch, chain = made
    joined = proofbook.verify_joined(chain)
    batches = [proofbook.verify(path) for path in (*BATCHES, batch)]
    opened = joined.open(chain.with_suffix(".batches").read_bytes())
    assert [values.encode() for values in opened] == [values.encode() for values in batches]
    expected = spec.chain_of(
        [spec.PublicValues.decode(values.encode()) for values in batches],
        batch_program=bytes.fromhex(proofbook.program_key()),
        chain_program=bytes.fromhex(proofbook.chain_program_key()),
    )
    assert joined.encode() == expected.encode()
    # It is as long as the chain that it was made from, which has fewer batches, up to what lies beside the proof in it.
    assert abs(chain.stat().st_size - CHAIN.stat().st_size) < 10_000


@pytest.mark.parametrize("place", [0, 1], ids=["batch", "chain"])
def test_altered_proofs_are_refused(made: tuple[Path, Path], place: int) -> None:
    honest = made[place].read_bytes()
    check: Callable[[bytes], object] = (proofbook.verify, proofbook.verify_joined)[place]
    check(honest)
    seed = 20 + place
    draw = random.Random(seed)
    for change in range(100):
        data = bytearray(honest)
        bit = draw.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(proofbook.ProofError):
            check(bytes(data))
            pytest.fail(f"seed {seed}, change {change}: bit {bit} was flipped, and the proof accepted")
    for byte in range(24, 24 + (232, 272)[place], 8):
        data = bytearray(honest)
        data[byte] ^= 1
        with pytest.raises(proofbook.ProofError):
            check(bytes(data))


def test_neither_stands_for_the_other(made: tuple[Path, Path]) -> None:
    batch, chain = (path.read_bytes() for path in made)
    for path, check in ((chain, proofbook.verify), (batch, proofbook.verify_joined)):
        with pytest.raises(proofbook.ProofFormatError):
            check(path)
    # The proof of one under the values of the other: each names its own program.
    values, proof = batch[:256], chain[304:]
    mixed = values + len(proof).to_bytes(8, "little") + proof
    with pytest.raises(proofbook.InvalidProofError, match="another program"):
        proofbook.verify(mixed)


def test_a_batch_that_does_not_follow_is_not_joined(made: tuple[Path, Path], tmp_path: Path) -> None:
    with (
        proving.ProverProcess() as prover,
        pytest.raises(proofbook.ProverError, match="do not follow each other"),
    ):
        prover.join([BATCHES[0], made[0]], tmp_path / "none.proof", print)
    assert list(tmp_path.iterdir()) == []
