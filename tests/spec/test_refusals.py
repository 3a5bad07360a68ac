"""What has no encoding is refused, each with its own exception."""

from __future__ import annotations

from typing import Any

import pytest

from proofbook import spec
from proofbook.errors import InputError
from spec.examples import order_with


def new_order(**terms: Any) -> spec.Command:
    plain: dict[str, Any] = {
        "time": 0,
        "action": spec.Action.NEW,
        "order_id": 1,
        "account": 0,
        "side": spec.Side.BUY,
        "kind": spec.OrderKind.LIMIT,
        "time_in_force": spec.TimeInForce.GOOD_TILL_CANCEL,
        "self_trade": spec.SelfTrade.ALLOW,
        "price": 5,
        "quantity": 1,
    }
    return spec.Command(**(plain | terms))


Encodable = spec.Order | spec.Config | spec.Command | spec.Event | spec.State

SECOND = order_with(order_id=2, priority=2)

WITHOUT_ENCODING: list[tuple[type[spec.SpecError], Encodable]] = [
    (spec.RangeError, order_with(order_id=2**64)),
    (spec.RangeError, order_with(price=2**63)),
    (spec.RangeError, order_with(filled=-1)),
    (spec.CodeError, order_with(self_trade=5)),
    (spec.TermError, order_with(expiry=5)),
    (spec.TermError, order_with(time_in_force=spec.TimeInForce.GOOD_TILL_DATE)),
    (spec.RangeError, spec.Config(tick_size=0)),
    (spec.RangeError, spec.Config(lot_size=2**63)),
    (spec.RangeError, spec.Config(max_orders=2**24 + 1)),
    (spec.RangeError, spec.Config(max_notional=2**128)),
    (spec.TermError, new_order(price=None)),
    (spec.TermError, new_order(stop_price=5)),
    (spec.TermError, new_order(kind=spec.OrderKind.STOP)),
    (spec.TermError, new_order(side=None)),
    (spec.TermError, new_order(time_in_force=spec.TimeInForce.GOOD_TILL_DATE)),
    (spec.CodeError, new_order(side=2)),
    (spec.TermError, spec.Command(time=0, action=spec.Action.CANCEL)),
    (spec.TermError, spec.Command(time=0, action=spec.Action.CANCEL, order_id=1, kind=spec.OrderKind.LIMIT, price=1)),
    (spec.TermError, spec.Command(time=0, action=spec.Action.HALT, order_id=0)),
    (spec.TermError, spec.Command(time=0, action=spec.Action.SWEEP, post_only=True)),
    (spec.RangeError, spec.Command(time=-1, action=spec.Action.SWEEP)),
    (spec.TermError, spec.Event(kind=spec.EventKind.TRIGGERED)),
    (spec.TermError, spec.Event(kind=spec.EventKind.TRIGGERED, order_id=1, price=1)),
    (spec.CodeError, spec.Event(kind=spec.EventKind.PHASE_CHANGED, reason=spec.RejectReason.REPLACE_TERMS)),
    (spec.StateError, spec.State(config=spec.Config(), next_priority=2, orders=(order_with(displayed=0),))),
    (spec.StateError, spec.State(config=spec.Config(), orders=(order_with(),))),
    (
        spec.StateError,
        spec.State(config=spec.Config(max_orders=1), next_priority=3, orders=(order_with(), SECOND)),
    ),
    (
        spec.StateError,
        spec.State(
            config=spec.Config(),
            next_priority=3,
            orders=(order_with(displayed=2**63), order_with(order_id=2, priority=2, displayed=2**63)),
        ),
    ),
    (
        spec.StateError,
        spec.State(
            config=spec.Config(),
            clock=9,
            next_priority=2,
            orders=(order_with(expiry=9, time_in_force=spec.TimeInForce.GOOD_TILL_DATE),),
        ),
    ),
    (
        spec.StateError,
        spec.State(
            config=spec.Config(),
            next_priority=2,
            orders=(order_with(time_in_force=spec.TimeInForce.FILL_OR_KILL),),
        ),
    ),
    (spec.TermError, spec.State(config=spec.Config(), next_priority=2, orders=(order_with(price=None),))),
    (spec.DuplicateError, spec.State(config=spec.Config(), next_priority=3, orders=(order_with(order_id=2), SECOND))),
    (spec.DuplicateError, spec.State(config=spec.Config(), next_priority=3, orders=(order_with(priority=2), SECOND))),
]


@pytest.mark.parametrize(("kind", "value"), WITHOUT_ENCODING)
def test_what_has_no_encoding(kind: type[spec.SpecError], value: Encodable) -> None:
    with pytest.raises(kind, match=r"expected .*; received"):
        value.encode()
    assert issubclass(kind, InputError)
