"""FIX messages from Python: found in any pieces of bytes, and what is wrong with them."""

from __future__ import annotations

import doctest
import random

import pytest

from proofbook import fix
from proofbook.errors import InputError

HEADER = b"49=A\x0156=B\x0134=2\x0152=20240229-23:59:59\x01"


def message(message_type: bytes, body: bytes = b"", version: bytes = b"FIX.4.4") -> bytes:
    """A whole message."""
    body = b"35=" + message_type + b"\x01" + HEADER + body
    data = b"8=" + version + b"\x019=%d\x01" % len(body) + body
    return data + b"10=%03d\x01" % (sum(data) % 256)


def test_the_examples_of_the_module_hold() -> None:
    assert doctest.testmod(fix).failed == 0


@pytest.mark.parametrize("kernel", ["scalar", None])
def test_messages_come_out_of_any_pieces(kernel: str | None) -> None:
    seed = 5
    print(f"seed {seed}")
    pieces = random.Random(seed)
    messages = [
        message(b"B", b"148=x\x0195=%d\x0196=" % length + b"\x01" * length + b"\x01") for length in range(1, 60)
    ]
    data = b"noise" + b"".join(messages)
    parser = fix.MessageParser(kernel)
    found = []
    while data:
        size = pieces.randrange(1, 200)
        found += parser.feed(data[:size])
        data = data[size:]
    assert [one.raw for one in found] == messages
    assert parser.ignored_bytes == len(b"noise")
    assert [one.get(96) for one in found] == [b"\x01" * length for length in range(1, 60)]
    assert found[0].fields()[:3] == [(8, b"FIX.4.4"), (9, b"57"), (35, b"B")]
    assert found[0].get(58) is None


def test_what_is_no_field_is_ignored() -> None:
    parser = fix.MessageParser()
    garbled = message(b"0", b"4garbled9=x\x01")
    right = message(b"0")
    assert [one.raw for one in parser.feed(garbled + right)] == [right]
    assert parser.ignored_bytes == len(garbled)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (message(b"0"), None),
        (message(b"1"), "tag 112: Required tag missing"),
        (message(b"0", b"999=x\x01"), "tag 999: Invalid tag number"),
        (message(b"0", b"5001=x\x01"), "tag 5001: Invalid tag number"),
        (message(b"*"), "Invalid MsgType"),
        (message(b"7"), "Unsupported Message Type"),
    ],
)
def test_what_is_invalid_is_said(data: bytes, expected: str | None) -> None:
    (one,) = fix.MessageParser().feed(data)
    assert one.invalid() == expected


def test_fields_of_users_may_be_allowed() -> None:
    (one,) = fix.MessageParser().feed(message(b"0", b"5001=x\x01"))
    assert one.invalid(user_fields=True) is None


def test_what_cannot_be_used_is_an_input_error() -> None:
    with pytest.raises(InputError, match='received "mmx"'):
        fix.MessageParser("mmx")
    (one,) = fix.MessageParser().feed(message(b"0", version=b"FIX.4.1"))
    with pytest.raises(InputError, match=r"FIX\.4\.2 and FIX\.4\.4; received FIX\.4\.1"):
        one.invalid()
