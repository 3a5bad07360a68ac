"""The state alone decides its root, and all of it does."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from proofbook import spec
from spec.examples import fullest, order_with

SEED = 20_260


def test_the_order_of_insertion_leaves_no_trace() -> None:
    state = fullest()
    shuffled = list(state.orders)
    random.Random(SEED).shuffle(shuffled)
    again = replace(state, orders=tuple(shuffled))
    assert again.orders != state.orders, f"seed {SEED}"
    assert again.encode() == state.encode()
    assert again.root() == state.root()
    assert spec.maps_of(shuffled).roots() == spec.maps_of(state.orders).roots()


def test_every_part_of_the_state_shows_in_its_root() -> None:
    state = fullest()
    order = next(order for order in state.orders if order.hidden > 0)
    others = tuple(other for other in state.orders if other is not order)
    last = max(order.priority for order in state.orders)

    def changed(**terms: Any) -> spec.State:
        return replace(state, next_priority=last + 2, orders=(*others, replace(order, **terms)))

    variants = [
        state,
        replace(state, sequence=state.sequence + 1),
        replace(state, clock=state.clock - 1),
        replace(state, phase=next(phase for phase in spec.Phase if phase != state.phase)),
        replace(state, last_trade_price=None),
        replace(state, last_trade_price=0),
        replace(state, config=replace(state.config, market=state.config.market + 1)),
        replace(state, orders=others),
        changed(),
        changed(order_id=order.order_id ^ 2**63),
        changed(account=order.account + 1),
        changed(side=spec.Side.SELL if order.side == spec.Side.BUY else spec.Side.BUY),
        changed(displayed=order.displayed + 1, hidden=order.hidden - 1),
        changed(filled=order.filled + 1),
        changed(priority=last + 1),
        changed(post_only=not order.post_only),
        changed(self_trade=next(code for code in spec.SelfTrade if code != order.self_trade)),
        changed(expiry=2**64 - 1, time_in_force=spec.TimeInForce.GOOD_TILL_DATE),
        changed(price=(order.price or 0) + 1),
    ]
    roots = [variant.root() for variant in variants]
    assert len(set(roots)) == len(roots)


def test_the_best_level_is_first() -> None:
    prices = [-(2**63), -5, 0, 3, 2**63 - 1]
    for queue in spec.Queue:
        keys = [spec.level_key(queue, price) for price in prices]
        assert keys == sorted(keys, reverse=queue.is_descending)
    assert spec.level_key(spec.Queue.ASKS, -(2**63)) == 0
    assert spec.level_key(spec.Queue.BIDS, 2**63 - 1) == 0


def test_states_have_one_encoding() -> None:
    first = order_with(order_id=9, priority=1)
    second = order_with(order_id=8, priority=2)
    state = spec.State(config=spec.Config(), next_priority=3, orders=(second, first))
    data = state.encode()
    assert spec.State.decode(data) == replace(state, orders=(first, second))
    head = data[:128]
    assert data == head + bytes([2, *[0] * 7]) + first.encode() + second.encode() + bytes(24)

    swapped = head + bytes([2, *[0] * 7]) + second.encode() + first.encode() + bytes(24)
    elsewhere = head + bytes(8) + bytes([2, *[0] * 7]) + first.encode() + second.encode() + bytes(16)
    hidden_price = data[:120] + b"\x01" + data[121:]
    padded = data[:114] + b"\x01" + data[115:]
    for wrong in (swapped, elsewhere, hidden_price, padded):
        with pytest.raises(spec.CanonicalError, match=r"expected .* received"):
            spec.state_root(wrong)
    for place, value in ((112, 3), (113, 2)):
        with pytest.raises(spec.CodeError):
            spec.state_root(data[:place] + bytes([value]) + data[place + 1 :])
    with pytest.raises(spec.LengthError, match="bids"):
        spec.state_root(head + b"\xff" * 8)
