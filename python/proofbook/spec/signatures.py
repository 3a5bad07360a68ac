"""Ed25519 signatures, checked strictly, in plain Python.

Source: RFC 8032, section 5.1: the curve -x^2 + y^2 = 1 + d x^2 y^2 over the field of 2^255 - 19 elements, the base
point B and its order L. Strict means, beyond the RFC: keys and R of small order are refused, every number is reduced,
and the equation is checked without the cofactor. So a signature has one encoding, and no key signs everything. Checking
has no secrets, so it need not take constant time; it takes some milliseconds. This does not sign.
"""

from __future__ import annotations

import hashlib

from proofbook.spec.errors import LengthError, SignatureError

KEY_BYTES = 32
"""Length of a public key."""

SIGNATURE_BYTES = 64
"""Length of a signature."""

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)

_Point = tuple[int, int, int, int]
"""Extended coordinates X, Y, Z, T with x = X/Z, y = Y/Z, x y = T/Z."""

_NEUTRAL: _Point = (0, 1, 1, 0)


def check_signature(key: bytes, message: bytes, signature: bytes) -> None:
    """Checks that a signature of a message is a public key's.

    Raises:
        SignatureError: it is not, or the key is none.
        LengthError: a key that is not 32 bytes long, a signature that is not 64.
    """
    for what, data, length in (("key", key, KEY_BYTES), ("signature", signature, SIGNATURE_BYTES)):
        if len(data) != length:
            raise LengthError(f"{what}: expected {length} bytes; received {len(data)}")
    public = _large_point(key, "the public key")
    commitment = _large_point(signature[:32], "R of the signature")
    scalar = int.from_bytes(signature[32:], "little")
    if scalar >= _L:
        raise SignatureError(f"expected s of the signature below {_L}; received {scalar}")
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % _L
    if not _equal(_times(scalar, _BASE), _add(commitment, _times(challenge, public))):
        raise SignatureError("expected a signature of the operator's key; received one that does not hold")


def _large_point(data: bytes, what: str) -> _Point:
    """The point that encodes to exactly these bytes, which must not be of small order."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y % 2**255
    if y >= _P:
        raise SignatureError(f"expected {what} in its only encoding; received y not below 2^255 - 19")
    x = _x_of(y, sign)
    if x is None:
        raise SignatureError(f"expected {what} to be a point of the curve; received none")
    point = (x, y, 1, x * y % _P)
    if _equal(_times(8, point), _NEUTRAL):
        raise SignatureError(f"expected {what} of large order; received one of small order")
    return point


def _x_of(y: int, sign: int) -> int | None:
    """The x of this sign (its lowest bit) that a point with this y has, if there is one: section 5.1.3."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if x * x % _P != square or (x == 0 and sign):
        return None
    return _P - x if x % 2 != sign else x


def _add(left: _Point, right: _Point) -> _Point:
    """The sum of two points: section 5.1.4."""
    a = (left[1] - left[0]) * (right[1] - right[0]) % _P
    b = (left[1] + left[0]) * (right[1] + right[0]) % _P
    c = 2 * left[3] * right[3] * _D % _P
    d = 2 * left[2] * right[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(scalar: int, point: _Point) -> _Point:
    """A point, added to itself so many times."""
    total = _NEUTRAL
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point, scalar = _add(point, point), scalar >> 1
    return total


def _equal(left: _Point, right: _Point) -> bool:
    """Whether both are the same point."""
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (left[1] * right[2] - right[1] * left[2]) % _P == 0


_BASE_Y = 4 * pow(5, -1, _P) % _P
_BASE_X = _x_of(_BASE_Y, 0) or 0
_BASE: _Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)
