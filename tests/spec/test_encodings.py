"""Each thing has one encoding, and nothing else decodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from proofbook import spec
from spec.examples import chains, fullest, markets, states


def test_orders_decode_to_what_was_encoded() -> None:
    for order in (order for state in states() for order in state.orders):
        assert spec.Order.decode(order.encode()) == order
    odd = spec.Order(
        order_id=2**64 - 1,
        side=spec.Side.SELL,
        stop_price=-(2**63),
        displayed=2**64 - 1,
        hidden=2**64 - 1,
        display=0,
        filled=2**64 - 1,
        priority=2**64 - 1,
        expiry=0,
        time_in_force=spec.TimeInForce.GOOD_TILL_DATE,
        post_only=True,
        self_trade=spec.SelfTrade.DECREMENT_AND_CANCEL,
    )
    assert spec.Order.decode(odd.encode()) == odd


def test_configurations_decode_to_what_was_encoded() -> None:
    full = spec.Config(
        market=2**64 - 1,
        tick_size=2**63 - 1,
        lot_size=7,
        max_quantity=0,
        max_notional=2**128 - 1,
        collar=0,
        reference_price=-1,
        max_orders=1,
        initial_phase=spec.Phase.HALTED,
    )
    for config in (spec.Config(), full):
        assert spec.Config.decode(config.encode()) == config


Decoder = Callable[[bytes], Any]


def encodings() -> Iterator[tuple[Decoder, bytes]]:
    """Something of every kind that has an encoding, one of each shape."""
    yield from ((spec.Order.decode, order.encode()) for order in fullest().orders)
    yield spec.Config.decode, spec.Config(max_notional=5).encode()
    shapes: dict[object, bytes] = {}
    for market in markets():
        for text in market["commands"]:
            command = spec.Command.decode(bytes.fromhex(text))
            shapes.setdefault((command.action, command.kind), command.encode())
    yield from ((spec.Command.decode, data) for data in shapes.values())
    shapes = {}
    for market in markets():
        for text in (text for each in market["events"] for text in each):
            event = spec.Event.decode(bytes.fromhex(text))
            shapes.setdefault(event.kind, event.encode())
    yield from ((spec.Event.decode, data) for data in shapes.values())
    yield spec.PublicValues.decode, bytes.fromhex(markets()[0]["public_values"])


def test_no_bit_is_free() -> None:
    """Whatever bit is turned over, either nothing decodes, or something else that encodes to exactly that."""
    refused = 0
    for decode, data in encodings():
        original = decode(data)
        for bit in range(8 * len(data)):
            turned = bytearray(data)
            turned[bit // 8] ^= 1 << bit % 8
            try:
                found = decode(bytes(turned))
            except spec.SpecError as error:
                refused += 1
                assert "expected" in str(error) and "received" in str(error)
            else:
                assert found != original
                assert found.encode() == bytes(turned)
    assert refused > 10_000


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\x00", lambda _: b""])
def test_lengths_are_exact(change: Callable[[bytes], bytes]) -> None:
    for decode, data in [*encodings(), (spec.State.decode, fullest().encode())]:
        with pytest.raises(spec.LengthError, match=r"expected .* received"):
            decode(change(data))


def test_public_values_refuse_what_they_do_not_know() -> None:
    data = bytes.fromhex(markets()[1]["public_values"])
    with pytest.raises(spec.CodeError, match="version 1; received 2"):
        spec.PublicValues.decode(b"\x02" + data[1:])
    for word in (2, 11, 15, 20, 25):
        with pytest.raises(spec.DigestError):
            spec.PublicValues.decode(data[: 8 * word] + b"\xff" * 8 + data[8 * word + 8 :])
    values = spec.PublicValues.decode(data)
    with pytest.raises(spec.RangeError):
        replace(values, batch=2**64).encode()
    with pytest.raises(spec.LengthError):
        replace(values, events=b"").encode()


def test_values_of_a_chain_refuse_what_they_do_not_know() -> None:
    data = bytes.fromhex(chains()[2]["chain_values"])
    with pytest.raises(spec.CodeError, match="version 1; received 2"):
        spec.ChainValues.decode(b"\x02" + data[1:])
    for word in (2, 12, 16, 22, 26, 30):
        with pytest.raises(spec.DigestError):
            spec.ChainValues.decode(data[: 8 * word] + b"\xff" * 8 + data[8 * word + 8 :])
    with pytest.raises(spec.LengthError):
        spec.ChainValues.decode(data + bytes(8))
    values = spec.ChainValues.decode(data)
    with pytest.raises(spec.RangeError, match="last batch of at least"):
        replace(values, batch_last=values.batch_first - 1).encode()
    with pytest.raises(spec.RangeError):
        spec.ChainValues.decode(data[:56] + bytes(8) + data[64:])
