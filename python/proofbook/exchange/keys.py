"""API keys: who may ask for what, in one SQLite file of the folder.

A key is a public Ed25519 key with an account and a role; its private half never comes here. The file is read again as
soon as another process has changed it, so that `proofbook key revoke` holds from the next request on. What an operator
asked for is kept here as long as its signature could be taken, so that no restart lets it be done twice.
"""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from proofbook.errors import InputError
from proofbook.exchange.failures import failure
from proofbook.exchange.signing import key_id

FILE = "keys.sqlite"
OPERATOR_FILE = "operator.key"
KEYS_MAX = 1_000_000

Role: TypeAlias = Literal["read", "trade", "operator"]
ROLES: tuple[Role, ...] = ("read", "trade", "operator")

SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY,
    public_key BLOB NOT NULL UNIQUE,
    account INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('read', 'trade', 'operator')),
    is_demo INTEGER NOT NULL DEFAULT 0,
    created_ns INTEGER NOT NULL,
    revoked_ns INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS operator_signatures (
    signature BLOB PRIMARY KEY,
    until_ms INTEGER NOT NULL
) STRICT;
"""


@dataclass(frozen=True)
class Key:
    """A key that may be used.

    Attributes:
        id: its name, which requests have in their header.
        public_key: what its signatures are checked with.
        account: the account that it acts for; 0 for an operator's.
        role: what it may do.
        is_demo: whether it was opened by `POST demo`.
        created_ns: when it was made.
        revoked_ns: when it was revoked, if it was.
    """

    id: str
    public_key: bytes
    account: int
    role: Role
    is_demo: bool
    created_ns: int
    revoked_ns: int | None

    def verifier(self) -> Ed25519PublicKey:
        """What checks its signatures."""
        return Ed25519PublicKey.from_public_bytes(self.public_key)


COLUMNS = "id, public_key, account, role, is_demo, created_ns, revoked_ns"


def _key(row: tuple[str, bytes, int, Role, int, int, int | None]) -> Key:
    name, public_key, account, role, is_demo, created_ns, revoked_ns = row
    return Key(name, public_key, account, role, bool(is_demo), created_ns, revoked_ns)


def public_key_of(digits: str) -> bytes:
    """The bytes of a public key in hexadecimal digits.

    Raises:
        InputError: it is none.
    """
    try:
        public_key = bytes.fromhex(digits) if len(digits) == 64 else b""
        Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError:
        raise InputError(f"a public key: expected 64 hexadecimal digits; received {digits[:80]!r}") from None
    return public_key


class Keys:
    """The keys of a folder. One thread uses it.

    Raises:
        InputError: the file of the keys cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._database = sqlite3.connect(folder / FILE, isolation_level=None, timeout=5)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise InputError(f"{folder / FILE}: expected the file of the keys; received one with: {error}") from None
        self._found: dict[str, tuple[Key, Ed25519PublicKey]] = {}
        self._version = self._data_version()

    def _data_version(self) -> int:
        version: int = self._database.execute("PRAGMA data_version").fetchone()[0]
        return version

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def add(self, public_key: bytes, account: int, role: Role, *, is_demo: bool = False) -> Key:
        """Add a key; one that is there with the same account and role is that one.

        Raises:
            ApiError: the public key has another account or role, or was revoked.
        """
        name = key_id(public_key)
        row = (name, public_key, account, role, int(is_demo), time.time_ns())
        self._database.execute(
            "INSERT OR IGNORE INTO keys (id, public_key, account, role, is_demo, created_ns) VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )
        key = self.with_public_key(public_key)
        if key is None or (key.account, key.role) != (account, role) or key.revoked_ns is not None:
            raise failure("key_in_use", expected="a public key that is not used yet", received=name)
        return key

    def with_public_key(self, public_key: bytes) -> Key | None:
        """The key with these bytes, also one that was revoked."""
        query = f"SELECT {COLUMNS} FROM keys WHERE public_key = ?"
        row = self._database.execute(query, (public_key,)).fetchone()
        return None if row is None else _key(row)

    def get(self, name: str) -> tuple[Key, Ed25519PublicKey] | None:
        """A key that may be used, with what checks its signatures."""
        version = self._data_version()
        if version != self._version:
            self._version = version
            self._found.clear()
        found = self._found.get(name)
        if found is None:
            query = f"SELECT {COLUMNS} FROM keys WHERE id = ? AND revoked_ns IS NULL"
            row = self._database.execute(query, (name,)).fetchone()
            if row is None:
                return None
            key = _key(row)
            found = (key, key.verifier())
            self._found[name] = found
        return found

    def list(self) -> list[Key]:
        """All keys, in the order in which they were made."""
        query = f"SELECT {COLUMNS} FROM keys ORDER BY created_ns, id LIMIT ?"
        return [_key(row) for row in self._database.execute(query, (KEYS_MAX,))]

    def count_demo(self) -> int:
        """How many keys were opened by `POST demo`."""
        count: int = self._database.execute("SELECT count(*) FROM keys WHERE is_demo = 1").fetchone()[0]
        return count

    def revoke(self, name: str) -> None:
        """Take a key out of use.

        Raises:
            InputError: there is no such key in use.
        """
        query = "UPDATE keys SET revoked_ns = ? WHERE id = ? AND revoked_ns IS NULL"
        if self._database.execute(query, (time.time_ns(), name)).rowcount == 0:
            raise InputError(f"expected the id of a key in use; received {name!r}")
        self._found.pop(name, None)

    def take_operator_signature(self, signature: bytes, now_ms: int, window_ms: int) -> None:
        """Take an operator's signature once, also across restarts.

        Raises:
            ApiError: it was taken before.
        """
        self._database.execute("DELETE FROM operator_signatures WHERE until_ms < ?", (now_ms,))
        query = "INSERT OR IGNORE INTO operator_signatures (signature, until_ms) VALUES (?, ?)"
        if self._database.execute(query, (signature, now_ms + 2 * window_ms)).rowcount == 0:
            raise failure("replayed_signature")


def make_private_key(path: Path) -> Ed25519PrivateKey:
    """Make a key and write its private half into a new file that only its owner may read.

    Raises:
        InputError: the file is there.
        OSError: it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(f"expected a file that is not there yet; received {path}") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key.private_bytes_raw().hex() + "\n")
    return key


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """The private key in a file of `make_private_key`.

    Raises:
        InputError: the file holds something else.
        OSError: it cannot be read.
    """
    text = path.read_text(encoding="ascii", errors="replace").strip()
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text))
    except ValueError:
        raise InputError(f"{path}: expected a private key of 64 hexadecimal digits; received something else") from None


def add_operator(keys: Keys, folder: Path, public_key: str | None) -> Key:
    """The operator's key: the one that the configuration names, or the one of the folder, made if it is missing."""
    if public_key is not None:
        return keys.add(public_key_of(public_key), 0, "operator")
    path = folder / OPERATOR_FILE
    private_key = read_private_key(path) if path.exists() else make_private_key(path)
    return keys.add(private_key.public_key().public_bytes_raw(), 0, "operator")
