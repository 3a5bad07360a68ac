"""Everything in the examples that Rust wrote is recomputed from the text alone."""

from __future__ import annotations

from typing import Any

import pytest

from proofbook import spec
from spec.examples import chains, fullest, markets, states, tries

MAP_NAMES = ("bids", "asks", "buy stops", "sell stops", "ids", "expiries", "accounts")


@pytest.mark.parametrize("market", markets(), ids=lambda market: f"seed {market['seed']}")
def test_the_examples_are_recomputed(market: dict[str, Any]) -> None:
    values = spec.PublicValues.decode(bytes.fromhex(market["public_values"]))
    assert values.encode().hex() == market["public_values"]
    config = spec.Config.decode(b"".join(int(word).to_bytes(8, "little") for word in market["config"]))
    assert [str(word) for word in config.words()] == market["config"]
    assert config.digest().hex() == market["config_digest"]
    assert (values.config, values.market) == (config.digest(), config.market)

    before, after = (spec.State.decode(bytes.fromhex(market[moment]["bytes"])) for moment in ("before", "after"))
    for moment, state in (("before", before), ("after", after)):
        assert state.config == config
        found = dict(zip(MAP_NAMES, (root.hex() for root in spec.maps_of(state.orders).roots()), strict=True))
        assert found == dict(zip(MAP_NAMES, market[moment]["maps"], strict=True)), moment
        assert state.root().hex() == market[moment]["root"], moment
        assert spec.state_root(bytes.fromhex(market[moment]["bytes"])) == state.root()
        assert state.encode().hex() == market[moment]["bytes"], moment
    assert (values.state_before, values.state_after) == (before.root(), after.root())
    assert (values.clock_before, values.clock_after) == (before.clock, after.clock)
    assert (values.sequence_first, values.sequence_last) == (before.sequence + 1, after.sequence)

    commands = [spec.Command.decode(bytes.fromhex(command)) for command in market["commands"]]
    events = [[spec.Event.decode(bytes.fromhex(event)) for event in each] for each in market["events"]]
    assert [command.encode().hex() for command in commands] == market["commands"]
    assert [[event.encode().hex() for event in each] for each in events] == market["events"]
    assert spec.list_root([command.digest() for command in commands]).hex() == market["command_root"]
    assert spec.list_root([spec.events_digest(each) for each in events]).hex() == market["event_root"]
    assert (values.commands.hex(), values.events.hex()) == (market["command_root"], market["event_root"])
    assert (values.command_count, values.event_count) == (len(commands), sum(map(len, events)))


def test_the_examples_have_something_of_everything() -> None:
    commands = [spec.Command.decode(bytes.fromhex(text)) for market in markets() for text in market["commands"]]
    events = [
        spec.Event.decode(bytes.fromhex(text)) for market in markets() for each in market["events"] for text in each
    ]
    orders = [order for state in states() for order in state.orders]
    assert {command.action for command in commands} == set(spec.Action)
    assert {event.kind for event in events} == set(spec.EventKind)
    assert {order.queue for order in orders} == set(spec.Queue)
    assert all(len(trie.leaves) > 1 for trie in tries(fullest()))
    assert any(order.hidden for order in orders)
    assert any(order.expiry is not None for order in orders)
    assert any(order.queue_price < 0 for order in orders)
    assert any(len(level.orders) > 1 for queue in spec.Queue for level in spec.levels_of(fullest().orders, queue))
    assert any(not state.orders for state in states()), "an empty market"
    assert any(not market["commands"] for market in markets()), "an empty batch"
    assert any(state.last_trade_price is None for state in states())


@pytest.mark.parametrize("chain", chains(), ids=lambda chain: f"{len(chain['batches'])} batches")
def test_chains_are_recomputed(chain: dict[str, Any]) -> None:
    values = spec.ChainValues.decode(bytes.fromhex(chain["chain_values"]))
    assert values.encode().hex() == chain["chain_values"]
    batches = [spec.PublicValues.decode(bytes.fromhex(text)) for text in chain["batches"]]
    programs = {"batch_program": values.batch_program, "chain_program": values.chain_program}
    assert spec.chain_of(batches, **programs) == values
    with pytest.raises(spec.InclusionError, match="at least one batch"):
        spec.chain_of([], **programs)
    for place in range(len(batches)):
        with pytest.raises(spec.InclusionError, match="that follows batch"):
            spec.chain_of([*batches[: place + 1], *batches[place:]], **programs)
