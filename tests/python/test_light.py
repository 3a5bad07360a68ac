"""What light clients receive: checked in Python, and the formats once more by `proofbook.spec`'s hash."""

from __future__ import annotations

import doctest
import random
import struct
from pathlib import Path

import pytest

import proofbook
from proofbook import light, spec
from proofbook._core import Sealer
from proofbook.errors import InputError, InvalidProofError, ProofError, ProofFormatError
from proofbook.proving import seal_batches
from proofbook.spec.field import permute

ROOT = Path(__file__).resolve().parents[2]


def sealed(commands: int = 3000, batch: int = 1000) -> Sealer:
    """The operator after some batches of the sample."""
    sealer = Sealer.sample(seed=3, commands=commands)
    while sealer.close(batch) is not None:
        pass
    return sealer


def hashed(tag: int, parameter: int, elements: list[int]) -> bytes:
    """``H`` of the specification, section 2, with a tag that is not one of the state's."""
    state = [0] * 8 + [tag, parameter] + [0] * 6
    for start in range(0, len(elements), 8):
        block = elements[start : start + 8]
        state = permute(block + [0] * (8 - len(block)) + state[8:])
    return spec.digest_of(state[:8])


def top_of(path: bytes) -> tuple[bytes, int, int]:
    """Where a path leads by the text of the formats: the top, and what both halves show."""
    position, has_level = path[0], path[1]
    rest = path[2:]
    digest, shown = spec.EMPTY, 0
    if has_level:
        price, displayed, hidden, orders = struct.unpack_from("<QQQI", rest)
        digest, shown = hashed(32 + position // 128, orders, spec.pack([price, displayed, hidden])), displayed
        rest = rest[28:]
    assert len(rest) == 8 * 40
    halves = (0, 0)
    for layer in range(8):
        beside, beside_shown = rest[40 * layer :][:32], struct.unpack_from("<Q", rest, 40 * layer + 32)[0]
        pair = [(digest, shown), (beside, beside_shown)]
        if position >> layer & 1:
            pair.reverse()
        halves = (pair[0][1], pair[1][1])
        elements = [element for node, _ in pair for element in spec.elements_of(node)]
        digest, shown = hashed(34, 0, elements + spec.pack(list(halves))), sum(halves)
    return digest, *halves


def test_headers_and_paths_are_what_the_formats_say() -> None:
    sealer = sealed()
    view = light.CircuitOptimizedState.from_proof(sealer.prove_levels(), sealer.root)
    header = view.header.encode()
    state_root, top = header[:32], header[32:64]
    sequence, bids, asks, *bitmap = struct.unpack("<7Q", header[64:])
    assert state_root.hex() == sealer.root
    digests = [*spec.elements_of(state_root), *spec.elements_of(top)]
    elements = [*digests, *spec.pack([sequence, bids, asks]), 0, *spec.pack(bitmap)]
    assert hashed(35, 1, elements).hex() == view.header.root
    counts = [sum(word.bit_count() for word in words) for words in (bitmap[:2], bitmap[2:])]
    assert counts == [len(view.levels("buy")), len(view.levels("sell"))] == [view.header.bids, view.header.asks]
    for side, rank in (("buy", 0), ("buy", 1), ("sell", 0), ("sell", 127)):
        assert top_of(view.level_path(side, rank)) == (top, bids, asks)


def test_a_view_says_what_its_levels_say() -> None:
    sealer = sealed()
    view = light.CircuitOptimizedState.from_proof(sealer.prove_levels(), sealer.root)
    small = light.ViewHeader.decode(view.header.encode(), view.header.root)
    assert small == view.header
    for side in ("buy", "sell"):
        levels, shown = view.levels(side), 0
        assert [level.price_ticks for level in levels] == sorted(
            (level.price_ticks for level in levels), reverse=side == "buy"
        )
        for rank, level in enumerate(levels):
            proven = small.check_level(view.level_path(side, rank))
            assert (proven.side, proven.rank, proven.level) == (side, rank, level)
            assert proven.displayed_before_lots == shown
            shown += level.displayed_lots
            assert proven.displayed_through_lots == shown
            assert small.check_depth(side, level.price_ticks, view.depth_proof(side, level.price_ticks)) == shown
        fill = view.fill(side, levels[0].displayed_lots + 1)
        assert fill.worst_ticks == levels[1].price_ticks
        assert fill.notional == levels[0].price_ticks * levels[0].displayed_lots + levels[1].price_ticks
    assert light.CircuitOptimizedState.decode(view.encode(), view.header.root).header == view.header


def test_updates_go_from_batch_to_batch() -> None:
    sealer = Sealer.sample(seed=5, commands=2000)
    sealer.close(500)
    view = light.CircuitOptimizedState.from_proof(sealer.prove_levels(), sealer.root)
    earlier = sealer.prove_levels(), sealer.root
    while sealer.close(500) is not None:
        leaves, nodes = view.update(sealer.prove_levels(), sealer.root)
        assert 0 < leaves <= 256
        assert 8 <= nodes <= 255
        fresh = light.CircuitOptimizedState.from_proof(sealer.prove_levels(), sealer.root)
        assert view.encode() == fresh.encode()
    with pytest.raises(InvalidProofError, match="sequence of a later state"):
        view.update(*earlier)


def test_files_for_light_clients(tmp_path: Path) -> None:
    folder = tmp_path / "batches"
    folder.mkdir()
    sealer = Sealer.sample(seed=1, commands=300)
    for number, (_, values) in enumerate(seal_batches(sealer, folder, size=100, batches=None), 1):
        book = light.CompressedOrderBook.decode((tmp_path / f"light/{number:06}.header").read_bytes())
        assert (book.batch, book.state_root, book.config) == (number, values["new_root"], values["config"])
        assert book.sequence == values["last_sequence"]
        levels = (tmp_path / f"light/{number:06}.levels").read_bytes()
        view = light.CircuitOptimizedState.from_proof(levels, values["new_root"])
        assert view.header.sequence == book.sequence
        assert book == sealer.header
        assert len(book.encode()) == 336
        assert set(book.roots) == {"bids", "asks", "buy_stops", "sell_stops", "ids", "expiries", "accounts"}


def test_altered_bytes_are_refused() -> None:
    seed = random.randrange(2**32)
    choose = random.Random(seed)
    sealer = sealed(1000, 1000)
    proof, root = sealer.prove_levels(), sealer.root
    view = light.CircuitOptimizedState.from_proof(proof, root)
    header = view.header
    path, depth = view.best_path("sell"), view.depth_proof("buy", view.levels("buy")[1].price_ticks)
    price = view.levels("buy")[1].price_ticks

    def altered(data: bytes) -> bytes:
        place = choose.randrange(len(data))
        return data[:place] + bytes([data[place] ^ 1 << choose.randrange(8)]) + data[place + 1 :]

    for _ in range(300):
        for call in (
            lambda: light.CircuitOptimizedState.from_proof(altered(proof), root),
            lambda: light.CircuitOptimizedState.decode(altered(view.encode()), header.root),
            lambda: light.ViewHeader.decode(altered(header.encode()), header.root),
            lambda: header.check_best("sell", altered(path)),
            lambda: header.check_depth("buy", price, altered(depth)),
        ):
            try:
                call()
            except ProofError:
                continue
            pytest.fail(f"seed {seed}: an altered proof was taken")


def test_what_cannot_be_used_is_refused() -> None:
    sealer = sealed(100, 100)
    proof = sealer.prove_levels()
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        light.CircuitOptimizedState.from_proof(proof, "00")
    with pytest.raises(InputError, match="below the field's order"):
        light.CircuitOptimizedState.from_proof(proof, "ff" * 32)
    with pytest.raises(InvalidProofError, match="leads to root"):
        light.CircuitOptimizedState.from_proof(proof, "00" * 32)
    with pytest.raises(ProofFormatError, match="ends too early"):
        light.CircuitOptimizedState.from_proof(proof[:-1], sealer.root)
    view = light.CircuitOptimizedState.from_proof(proof, sealer.root)
    with pytest.raises(InputError, match="side must be"):
        view.best_path("bid")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="rank must be 0 to 127; received 128"):
        view.level_path("buy", 128)
    with pytest.raises(ProofFormatError, match="expected 336 bytes; received 3"):
        light.CompressedOrderBook.decode(b"abc")
    with pytest.raises(InvalidProofError, match="version: expected 1; received 0"):
        light.CompressedOrderBook.decode(bytes(336))
    assert isinstance(InvalidProofError(), proofbook.ProofError)


def test_the_documents_examples_run() -> None:
    document = ROOT / "docs" / "STRUCTURES.md"
    if document.exists():
        failures, examples = doctest.testfile(str(document), module_relative=False)
        assert (failures, examples > 10) == (0, True)
