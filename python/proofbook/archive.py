"""An archive: one root over the files of a folder, and short proofs that files belong to it.

A mirror keeps proofs and batches of years; whoever has the root, 64 digits, checks any of the files without the rest:

>>> import tempfile
>>> from pathlib import Path
>>> from proofbook.archive import Archive, Inclusion
>>> folder = Path(tempfile.mkdtemp())
>>> for number in range(5):
...     _ = (folder / f"{number:06}.proof").write_bytes(bytes([number]) * 100)
>>> archive = Archive.of_folder(folder)
>>> inclusion = archive.prove(["000001.proof", "000003.proof"])
>>> inclusion.check(archive.root, folder)
>>> _ = (folder / "000003.proof").write_bytes(b"another")
>>> inclusion.check(archive.root, folder)
Traceback (most recent call last):
    ...
proofbook.errors.InvalidProofError: 000003.proof: expected 100 bytes; received 7

The tree is that of ``proofbook.merkle``; a leaf binds a file's name, length and BLAKE3 (``docs/STRUCTURES.md``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from proofbook.errors import InputError, InvalidProofError, ProofFormatError
from proofbook.merkle import AggregatedProof, BatchOptimizedMerkleTree, file_digest

ARCHIVE_FORMAT = "proofbook archive 1"
INCLUSION_FORMAT = "proofbook inclusion in an archive 1"
MANIFEST = "archive.json"
"""The manifest's name in its folder; it is no part of the archive."""

FILES_MAX = 1 << 20
"""No archive has more files: its manifest has to fit in memory."""


@dataclass(frozen=True, order=True)
class Entry:
    """A file of an archive.

    Attributes:
        path: its name in the folder, with ``/`` between its parts.
        size: its length, bytes.
        blake3: its hash, 64 hexadecimal digits.
    """

    path: str
    size: int
    blake3: str

    def __post_init__(self) -> None:
        """Refuse what no file has, and names that lead out of the folder."""
        parts = PurePosixPath(self.path).parts
        is_inside = self.path == "/".join(parts) and "\\" not in self.path and ".." not in parts
        if not parts or parts[0] == "/" or not is_inside:
            raise ProofFormatError(f"expected the name of a file in a folder; received {self.path!r}")
        if not 0 <= self.size < 2**64:
            raise ProofFormatError(f"{self.path}: expected a length of 0 to 2^64 - 1; received {self.size}")
        if len(self.blake3) != 64 or not set(self.blake3) <= set("0123456789abcdef"):
            raise ProofFormatError(f"{self.path}: expected 64 lower-case hexadecimal digits; received {self.blake3!r}")

    @classmethod
    def of_file(cls, folder: Path, path: str) -> Entry:
        """The entry that a file has now."""
        size, digest = file_digest(folder / path)
        return cls(path, size, digest)

    def leaf(self) -> bytes:
        """What the tree's leaf is the hash of: length of the name, name, length, hash; numbers little-endian."""
        name = self.path.encode()
        return len(name).to_bytes(4, "little") + name + self.size.to_bytes(8, "little") + bytes.fromhex(self.blake3)

    def check(self, folder: Path) -> None:
        """Check that the file is the one that the entry says.

        Raises:
            InvalidProofError: it is another one.
            OSError: it cannot be read.
        """
        found = Entry.of_file(folder, self.path)
        if found.size != self.size:
            raise InvalidProofError(f"{self.path}: expected {self.size} bytes; received {found.size}")
        if found.blake3 != self.blake3:
            raise InvalidProofError(f"{self.path}: expected BLAKE3 {self.blake3}; received {found.blake3}")


def _read_json(path: Path, form: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ProofFormatError(f"{path}: expected JSON; {error}") from None
    if not isinstance(value, dict) or value.get("format") != form:
        raise ProofFormatError(f"{path}: expected a file with the format {form!r}")
    return value


def _entries(path: Path, value: dict[str, Any]) -> tuple[Entry, ...]:
    files = value.get("files")
    if not isinstance(files, list):
        raise ProofFormatError(f"{path}: expected a list of files; received {files!r}")
    entries = []
    for file in files:
        match file:
            case {"path": str(name), "size": int(size), "blake3": str(digest), **rest} if not rest:
                entries.append(Entry(name, size, digest))
            case _:
                raise ProofFormatError(f"{path}: expected files with path, size and blake3; received {file!r}")
    return tuple(entries)


@dataclass(frozen=True)
class Archive:
    """The files of a folder, in the order of their names.

    Attributes:
        entries: the files.
    """

    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        """Refuse files out of order, which would be another tree, and more than an archive has."""
        names = [entry.path for entry in self.entries]
        if names != sorted(set(names)):
            raise ProofFormatError("expected files in the order of their names, none twice")
        if len(names) > FILES_MAX:
            raise InputError(f"an archive has at most {FILES_MAX} files; received {len(names)}")

    @classmethod
    def of_folder(cls, folder: Path, patterns: Iterable[str] = ("**/*",)) -> Archive:
        """The archive of a folder's files, without a manifest that is in it.

        Args:
            folder: the folder.
            patterns: which of its files, as ``Path.glob`` takes them.

        Raises:
            InputError: it is no folder, or has no such file.
        """
        if not folder.is_dir():
            raise InputError(f"expected a folder; received {folder}")
        paths = [path for each in patterns for path in folder.glob(each) if path.is_file()]
        names = sorted({path.relative_to(folder).as_posix() for path in paths} - {MANIFEST})
        if not names:
            raise InputError(f"{folder}: there is no file for an archive")
        return cls(tuple(Entry.of_file(folder, name) for name in names))

    @classmethod
    def read(cls, path: Path) -> Archive:
        """The archive that a manifest describes.

        Raises:
            ProofFormatError: it is no manifest, or its root is not that of its files.
        """
        value = _read_json(path, ARCHIVE_FORMAT)
        archive = cls(_entries(path, value))
        if value.get("root") != archive.root:
            raise ProofFormatError(f"{path}: expected root {archive.root}; received {value.get('root')!r}")
        return archive

    @cached_property
    def _tree(self) -> BatchOptimizedMerkleTree:
        return BatchOptimizedMerkleTree([entry.leaf() for entry in self.entries])

    @property
    def root(self) -> str:
        """The root over all files."""
        return self._tree.root

    def write(self, path: Path) -> None:
        """Write the manifest, whole or not at all."""
        value = {"format": ARCHIVE_FORMAT, "root": self.root, "files": [vars(entry) for entry in self.entries]}
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)

    def prove(self, names: Sequence[str]) -> Inclusion:
        """The proof that these files belong to the archive.

        Raises:
            InputError: the archive has no such file.
        """
        places = {entry.path: place for place, entry in enumerate(self.entries)}
        missing = [name for name in names if name not in places]
        if missing:
            raise InputError(f"expected files of the archive; received {', '.join(missing)}")
        positions = sorted({places[name] for name in names})
        return Inclusion(tuple(self.entries[place] for place in positions), self._tree.prove(positions))

    def check(self, root: str, folder: Path) -> None:
        """Check that the archive has this root and the folder these files.

        Raises:
            InvalidProofError: it has another, or a file is another one.
            OSError: a file cannot be read.
        """
        if root != self.root:
            raise InvalidProofError(f"the archive has root {self.root}, expected {root}")
        for entry in self.entries:
            entry.check(folder)


@dataclass(frozen=True)
class Inclusion:
    """Some files of an archive, and the proof that they belong to it.

    Attributes:
        entries: the files, in the order of their names.
        proof: the proof.
    """

    entries: tuple[Entry, ...]
    proof: AggregatedProof

    @classmethod
    def read(cls, path: Path) -> Inclusion:
        """What a file of `write` holds.

        Raises:
            ProofFormatError: it is no such file.
        """
        value = _read_json(path, INCLUSION_FORMAT)
        proof = value.get("proof")
        try:
            data = bytes.fromhex(proof) if isinstance(proof, str) else None
        except ValueError:
            data = None
        if data is None:
            raise ProofFormatError(f"{path}: expected a proof in hexadecimal digits; received {proof!r}")
        return cls(_entries(path, value), AggregatedProof.decode(data))

    def write(self, path: Path) -> None:
        """Write it into a file."""
        files = [vars(entry) for entry in self.entries]
        value = {"format": INCLUSION_FORMAT, "files": files, "proof": self.proof.encode().hex()}
        path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")

    def check(self, root: str, folder: Path | None = None) -> None:
        """Check that the archive with this root has these files and, where a folder is given, that they are in it.

        Raises:
            InvalidProofError: it has not, or a file is another one.
            ProofFormatError: the proof is one of another number of files.
            OSError: a file cannot be read.
        """
        if len(self.entries) != len(self.proof.positions):
            count = len(self.proof.positions)
            raise ProofFormatError(f"expected the {count} files of the proof; received {len(self.entries)}")
        self.proof.check(root, [entry.leaf() for entry in self.entries])
        if folder is not None:
            for entry in self.entries:
                entry.check(folder)
