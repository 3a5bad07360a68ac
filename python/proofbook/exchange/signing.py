"""Signed requests: the text that is signed, and the signatures that were taken.

A request is signed with Ed25519 over its time, method, path with query, and body, so that none of them can be altered.
It is taken within a window around the server's time, and once. A replay after a restart finds no memory of the first
one; it does no harm, since every request that would be done twice names what makes it one: an order has its client id
(the server derives one from the signature where there is none), and what an operator asks for is kept in the file of
the keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import deque
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from proofbook.exchange.failures import ApiError, failure

KEY_HEADER = "PB-KEY"
TIMESTAMP_HEADER = "PB-TIMESTAMP"
SIGNATURE_HEADER = "PB-SIGNATURE"
SIGNATURE_BYTES = 64
STREAM_PATH = "/api/v1/stream"

TAKEN_MAX = 1_000_000
"""Signatures that are remembered within a window, at most; beyond them requests wait."""


def signed_text(timestamp_ms: int, method: str, path: str, body: bytes = b"") -> bytes:
    r"""What is signed: the lines time, method and path with query, then the body.

    >>> signed_text(1700000000000, "GET", "/api/v1/balances")
    b'1700000000000\nGET\n/api/v1/balances\n'
    """
    return f"{timestamp_ms}\n{method}\n{path}\n".encode() + body


def sign(key: Ed25519PrivateKey, timestamp_ms: int, method: str, path: str, body: bytes = b"") -> str:
    """The signature of a request, as its header has it."""
    return base64.b64encode(key.sign(signed_text(timestamp_ms, method, path, body))).decode()


def key_id(public_key: bytes) -> str:
    """The name of a public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def client_id(signature: bytes) -> str:
    """The client id of an order that has none: the same one for the same signed request."""
    return "web-" + hashlib.sha256(signature).hexdigest()[:28]


def decode_signature(text: str) -> bytes:
    """The bytes of a signature.

    Raises:
        ApiError: the text is none. Another spelling of the same bytes is none either.
    """
    try:
        signature = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if len(signature) != SIGNATURE_BYTES or base64.b64encode(signature).decode() != text:
        raise failure("wrong_signature", expected=f"base64 of {SIGNATURE_BYTES} bytes", received=repr(text[:120]))
    return signature


def check_signature(public_key: Ed25519PublicKey, signature: bytes, text: bytes) -> None:
    """Check a signature of a text.

    Raises:
        ApiError: it is another key's, or another text's.
    """
    try:
        public_key.verify(signature, text)
    except InvalidSignature:
        raise failure("wrong_signature") from None


class Window:
    """Which signatures may be taken at a time: those of its window, each once."""

    def __init__(self, window_ms: int, taken_max: int = TAKEN_MAX) -> None:
        self.window_ms = window_ms
        self._taken_max = taken_max
        self._taken: set[bytes] = set()
        self._order: deque[tuple[int, bytes]] = deque()

    def __len__(self) -> int:
        return len(self._taken)

    def check_time(self, timestamp: str, now_ms: int) -> int:
        """The time of a request.

        Raises:
            ApiError: it is no time, or outside the window.
        """
        expected = f"milliseconds within {self.window_ms} of {now_ms}"
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 16):
            raise failure("wrong_timestamp", expected=expected, received=repr(timestamp[:40]))
        if abs(int(timestamp) - now_ms) > self.window_ms:
            raise failure("wrong_timestamp", expected=expected, received=timestamp)
        return int(timestamp)

    def take(self, signature: bytes, now_ms: int) -> None:
        """Take a signature that was checked.

        Raises:
            ApiError: it was taken before; or so many were that this one could not be remembered.
        """
        # A time may lie a window ahead, and is out of the window once another one has passed.
        while self._order and self._order[0][0] < now_ms:
            self._taken.discard(self._order.popleft()[1])
        if signature in self._taken:
            raise failure("replayed_signature")
        if len(self._taken) >= self._taken_max:
            raise failure("busy", retry_after_s=1)
        self._taken.add(signature)
        self._order.append((now_ms + 2 * self.window_ms, signature))


def missing_key(values: Mapping[str, str | None]) -> ApiError:
    """The error for headers that are not there."""
    missing = [name for name, value in values.items() if not value]
    return failure("missing_key", expected=", ".join(values), received=f"nothing in {', '.join(missing)}")
