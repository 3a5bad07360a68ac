"""A key that signs requests: Ed25519, kept in a file that only its owner may read.

The file holds what ``proofbook keygen`` writes too: 64 hexadecimal digits and a line feed.

>>> key = Key.generate()
>>> len(key.public_key), len(key.id)
(64, 16)
>>> key.headers(1_700_000_000_000, "GET", "/api/v1/balances", b"")["PB-TIMESTAMP"]
'1700000000000'
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofbook.errors import InputError

FILE_MODE = 0o600


def signed_text(timestamp_ms: int, method: str, target: str, body: bytes) -> bytes:
    r"""What is signed of a request: time, method, path with query, body, each on a line of its own.

    >>> signed_text(7, "GET", "/api/v1/orders?market=BTC-USD", b"")
    b'7\nGET\n/api/v1/orders?market=BTC-USD\n'
    """
    return f"{timestamp_ms}\n{method}\n{target}\n".encode() + body


class Key:
    """A secret key.

    Attributes:
        public_key: 64 hexadecimal digits.
        id: what an exchange calls it: the first 16 hexadecimal digits of the public key's SHA-256.
    """

    __slots__ = ("_secret", "id", "public_key")

    def __init__(self, secret: Ed25519PrivateKey) -> None:
        public_key = secret.public_key().public_bytes_raw()
        self._secret = secret
        self.public_key = public_key.hex()
        self.id = hashlib.sha256(public_key).hexdigest()[:16]

    def __repr__(self) -> str:
        """Names the key and shows nothing of the secret."""
        return f"Key(id={self.id!r})"

    @classmethod
    def generate(cls) -> Key:
        """A new key, from the system's random numbers."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: str | Path) -> Key:
        """Read a key's file.

        Raises:
            InputError: others may read the file, or it holds no key.
            FileNotFoundError: there is none.
        """
        path = Path(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise InputError(f"{path}: expected a file that only its owner may read (600); received mode {mode:o}")
        try:
            return cls(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text("ascii"))))
        except ValueError:
            raise InputError(f"{path}: expected a secret key, 64 hexadecimal digits; received something else") from None

    def save(self, path: str | Path) -> None:
        """Write the key into a new file of mode 600.

        Raises:
            InputError: there is a file already.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        except FileExistsError:
            raise InputError(f"{path}: expected a new file for the key; received one that exists") from None
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(self._secret.private_bytes_raw().hex() + "\n")

    def sign(self, message: bytes) -> str:
        """The signature of a message, in base64."""
        return base64.b64encode(self._secret.sign(message)).decode()

    def headers(self, timestamp_ms: int, method: str, target: str, body: bytes) -> dict[str, str]:
        """The headers that sign a request."""
        return {
            "PB-KEY": self.id,
            "PB-TIMESTAMP": str(timestamp_ms),
            "PB-SIGNATURE": self.sign(signed_text(timestamp_ms, method, target, body)),
        }
