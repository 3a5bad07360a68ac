"""Merkle trees and archives: against the hash's own package, and what is refused."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import blake3
import pytest

from proofbook import merkle
from proofbook.archive import Archive, Entry, Inclusion
from proofbook.errors import InputError, InvalidProofError, ProofFormatError

CONTEXT = "proofbook merkle tree 1: "


def derived(what: str, data: bytes) -> bytes:
    """BLAKE3 in the mode that derives keys."""
    return blake3.blake3(data, derive_key_context=CONTEXT + what).digest()


def top(leaves: list[bytes]) -> bytes:
    """The top of some leaves, split as in RFC 6962."""
    if len(leaves) == 1:
        return derived("leaf", leaves[0])
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return derived("node", top(leaves[:split]) + top(leaves[split:]))


def root(leaves: list[bytes]) -> str:
    """The root, 64 digits."""
    return derived("root", len(leaves).to_bytes(4, "little") + (top(leaves) if leaves else b"")).hex()


def command(*arguments: str | Path) -> tuple[int, dict[str, Any], str]:
    """Run the command line: exit code, JSON, what it said."""
    run = [sys.executable, "-m", "proofbook", "archive", *map(str, arguments), "--json"]
    done = subprocess.run(run, capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of files like that of proofs."""
    folder = tmp_path / "proofs"
    (folder / "light").mkdir(parents=True)
    for number in range(9):
        (folder / f"{number:06}.proof").write_bytes(bytes([number]) * (1000 + number))
        (folder / f"light/{number:06}.header").write_bytes(bytes([number]) * 336)
    (folder / "empty.proof").write_bytes(b"")
    return folder


def test_trees_are_what_their_definition_says() -> None:
    seed = random.randrange(2**32)
    choose = random.Random(seed)
    leaves = [choose.randbytes(choose.randrange(50)) for _ in range(40)]
    tree = merkle.BatchOptimizedMerkleTree()
    for count in range(40):
        assert tree.root == root(leaves[:count]), f"seed {seed}"
        assert merkle.BatchOptimizedMerkleTree(leaves[:count]).root == tree.root
        assert tree.append(leaves[count]) == count
        assert tree.pending == 1
        tree.commit()
    positions = [3, 17, 18, 39]
    proof = tree.prove(positions)
    assert tree.prove(positions) == proof
    assert tree.cache_hits_misses == (1, 1)
    proof.check(root(leaves), [leaves[place] for place in positions])
    data = proof.encode()
    assert merkle.AggregatedProof.decode(data) == proof
    for _ in range(500):
        place = choose.randrange(len(data))
        altered = data[:place] + bytes([data[place] ^ 1 << choose.randrange(8)]) + data[place + 1 :]
        with pytest.raises((ProofFormatError, InvalidProofError)):
            merkle.AggregatedProof.decode(altered).check(tree.root, [leaves[place] for place in positions])


def test_many_proofs_together() -> None:
    leaves = [bytes([number]) for number in range(100)]
    tree = merkle.BatchOptimizedMerkleTree(leaves)
    proofs = [(tree.prove([place, place + 1]), leaves[place : place + 2]) for place in range(0, 98, 3)]
    merkle.check_all(tree.root, proofs)
    proofs[4] = (proofs[4][0], [b"x", b"y"])
    with pytest.raises(InvalidProofError, match=r"those at \[4\] do not"):
        merkle.check_all(tree.root, proofs)


def test_what_cannot_be_used_is_refused() -> None:
    tree = merkle.BatchOptimizedMerkleTree([b"a", b"b"])
    with pytest.raises(InputError, match="below the number of leaves, 2; received 2"):
        tree.update(2, b"c")
    with pytest.raises(InputError, match="expected positions that go up"):
        tree.prove([1, 0])
    with pytest.raises(InputError, match="one leaf for each of 1 positions; received 0"):
        tree.prove([1]).check(tree.root, [])
    with pytest.raises(ProofFormatError, match="expected a proof of 8 bytes; received 0"):
        merkle.AggregatedProof.decode(b"")


def test_archives_bind_names_lengths_and_bytes(folder: Path) -> None:
    archive = Archive.of_folder(folder)
    assert len(archive.entries) == 19
    leaves = []
    for name in sorted(path.relative_to(folder).as_posix() for path in folder.glob("**/*") if path.is_file()):
        data, encoded = (folder / name).read_bytes(), name.encode()
        head = len(encoded).to_bytes(4, "little") + encoded + len(data).to_bytes(8, "little")
        leaves.append(head + blake3.blake3(data).digest())
    assert archive.root == root(leaves)
    archive.check(archive.root, folder)
    (folder / "000003.proof").rename(folder / "000009.proof")
    assert Archive.of_folder(folder).root != archive.root
    with pytest.raises(FileNotFoundError):
        archive.check(archive.root, folder)


def test_the_command_line(folder: Path, tmp_path: Path) -> None:
    code, created, _ = command("create", folder)
    assert (code, created["files"]) == (0, 19)
    trusted = created["root"]
    file = tmp_path / "inclusion.json"
    code, proven, _ = command("prove", folder, "000004.proof", "light/000004.header", "--out", file)
    assert code == 0
    assert proven["proof_bytes"] < 8 + 2 * 4 + 10 * 32
    assert command("check", file, "--root", trusted, "--folder", folder)[0] == 0
    assert command("check", folder / "archive.json", "--root", trusted)[0] == 0
    assert command("check", file, "--root", "00" * 32)[0] == 1
    (folder / "000004.proof").write_bytes(bytes(1004))
    code, checked, told = command("check", file, "--root", trusted, "--folder", folder)
    assert (code, checked["files"]) == (1, [])
    assert "000004.proof: expected BLAKE3" in told
    assert command("check", file, "--root", trusted)[0] == 0, "the entries still belong; no file was looked at"
    assert command("prove", folder, "nothing.proof")[0] == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value["files"].reverse(),
        lambda value: value["files"].pop(),
        lambda value: value["files"][0].update(size=7),
        lambda value: value["files"][0].update(size=-1),
        lambda value: value["files"][0].update(path="../outside"),
        lambda value: value["files"][0].update(path="/outside"),
        lambda value: value["files"][0].update(blake3="0"),
        lambda value: value["files"][0].update(more=1),
        lambda value: value.update(files=None),
        lambda value: value.update(root="00" * 32),
        lambda value: value.update(format="another"),
    ],
)
def test_altered_manifests_are_refused(folder: Path, change: Any) -> None:
    path = folder / "archive.json"
    Archive.of_folder(folder).write(path)
    Archive.read(path)
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
    with pytest.raises(ProofFormatError):
        Archive.read(path)


def test_altered_inclusions_are_refused(folder: Path, tmp_path: Path) -> None:
    archive = Archive.of_folder(folder)
    file = tmp_path / "inclusion.json"
    archive.prove(["000001.proof", "000002.proof"]).write(file)
    Inclusion.read(file).check(archive.root, folder)
    value = json.loads(file.read_text())
    for change in ({"proof": "zz"}, {"proof": 1}, {"proof": value["proof"][:-2]}, {"files": value["files"][:1]}):
        file.write_text(json.dumps({**value, **change}))
        with pytest.raises(ProofFormatError):
            Inclusion.read(file).check(archive.root, folder)
    swapped = {**value, "files": value["files"][::-1]}
    file.write_text(json.dumps(swapped))
    with pytest.raises(InvalidProofError):
        Inclusion.read(file).check(archive.root, folder)
    file.write_text("no JSON")
    with pytest.raises(ProofFormatError, match="expected JSON"):
        Inclusion.read(file)
    assert Entry.of_file(folder, "empty.proof").size == 0
    with pytest.raises(InputError, match="expected a folder"):
        Archive.of_folder(tmp_path / "nothing")
