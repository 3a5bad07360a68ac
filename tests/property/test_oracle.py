"""Oracle, Reference and Ladder take the same commands: every event and the full state agree after every command.

``PROOFBOOK_SEED`` names other seeds than the usual ones, ``PROOFBOOK_SOAK=1`` takes a hundred times as many. What fails
prints its seed and the fewest commands that still fail.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from oracle.codec import AUCTION, BUY, CANCEL_REASONS, EVENTS, REDUCE_REASONS, REJECT_REASONS, SELL, Command, Config
from oracle.compare import compare_all, compare_flow
from oracle.engines import all_engines, engines
from oracle.flow import Flow
from oracle.market import Market, price_of
from oracle.strategies import Session, sessions
from proofbook.testing import RawMarket

SEED = os.environ.get("PROOFBOOK_SEED", "proofbook")
FACTOR = 100 if os.environ.get("PROOFBOOK_SOAK") == "1" else 1


def test_flows_agree_and_reach_everything() -> None:
    counts: Counter[str] = Counter()
    compared = 0
    for number in range(800 * FACTOR):
        counts += compare_flow(engines, f"{SEED}-{number}", 250)
        compared += 250
    assert compared >= 100_000
    expected = {
        *(event for event in EVENTS if event not in ("rejected", "cancelled", "reduced", "phase_changed")),
        *(f"rejected {reason}" for reason in REJECT_REASONS if reason != "sequence_exhausted"),
        *(f"cancelled {reason}" for reason in CANCEL_REASONS),
        *(f"reduced {reason}" for reason in REDUCE_REASONS),
        *(f"phase_changed {phase}" for phase in ("continuous", "auction", "halted")),
        "replaced kept priority",
        "replaced lost priority",
    }
    rare = {name: counts[name] for name in expected if counts[name] < 20}
    assert not rare, f"hardly compared: {rare}"
    assert set(counts) <= expected, f"unheard of: {set(counts) - expected}"


def test_every_book_agrees() -> None:
    counts: Counter[str] = Counter()
    for number in range(12 * FACTOR):
        counts += compare_flow(all_engines, f"{SEED}-every-{number}", 250)
        counts += compare_flow(all_engines, f"{SEED}-every-opening-{number}", 20, shape="opening")
    assert counts["trade"] > 100


def test_deep_books_agree() -> None:
    counts: Counter[str] = Counter()
    for number in range(6 * FACTOR):
        counts += compare_flow(engines, f"{SEED}-deep-{number}", 3000, shape="deep")
    assert counts["trade"] > 1000


def test_openings_agree() -> None:
    counts: Counter[str] = Counter()
    for number in range(1000 * FACTOR):
        counts += compare_flow(engines, f"{SEED}-opening-{number}", 20, shape="opening")
    assert counts["uncrossed"] > 400


def test_worn_markets_agree() -> None:
    """Sequence or priority counter are about to end: commands are rejected then, and nothing changes at all."""
    counts: Counter[str] = Counter()
    for number in range(60 * FACTOR):
        counts += compare_flow(engines, f"{SEED}-worn-{number}", 100, shape="worn")
    assert counts["rejected sequence_exhausted"] > 100
    assert counts["accepted"] > 100


@settings(
    max_examples=400 * FACTOR, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=FACTOR == 1
)
@given(sessions())
def test_sessions_agree(session: Session) -> None:
    note("\n".join(map(repr, session.commands)))
    compare_all(engines, Market(session.config), session.commands)


@settings(max_examples=60 * FACTOR, deadline=None, derandomize=FACTOR == 1)
@given(st.integers(0, 2**32), st.integers(1, 120))
def test_restored_markets_go_on_alike(seed: int, count: int) -> None:
    flow = Flow(seed)
    for command in flow.commands(count):
        flow.market.apply(command)
    restored = engines(flow.market)
    assert all(engine.state() == flow.market.state() for _, engine in restored)
    compare_all(lambda _: restored, flow.market, flow.commands(40))


@settings(max_examples=200 * FACTOR, deadline=None, derandomize=FACTOR == 1)
@given(
    tick=st.sampled_from((1, 5)),
    orders=st.lists(st.tuples(st.sampled_from((BUY, SELL)), st.integers(-70, 70), st.integers(1, 4)), max_size=12),
    reference=st.none() | st.integers(-400, 400),
)
def test_auction_looks_at_enough_prices(tick: int, orders: list[tuple[int, int, int]], reference: int | None) -> None:
    """The oracle looks at few prices where there are many; the best of all prices is the same."""
    market = Market(Config(tick_size=tick, reference_price=reference, initial_phase=AUCTION))
    for order_id, (side, step, quantity) in enumerate(orders):
        price = step * tick
        order = Command(0, "new", order_id=order_id, side=side, kind="limit", quantity=quantity, price=price)
        assert market.apply(order)[-1].kind == "placed"
    bids, asks = market.queues[0], market.queues[1]
    prices = range(price_of(asks[0]), price_of(bids[0]) + 1, tick) if bids and asks else range(0)
    assert market.auction_price(market.auction_prices()) == market.auction_price(list(prices))


def test_a_difference_is_told_with_its_seed_and_few_commands() -> None:
    """The comparison itself must be able to fail: an engine that forgets one of its events."""

    class Forgetful:
        def __init__(self, config: Config) -> None:
            self.market = RawMarket(config.encode(), "reference")

        def apply(self, command: bytes) -> bytes:
            events = self.market.apply(command)
            return events[:-56] if events[-56:-55] == b"\x09" else events

        def state(self) -> bytes:
            return self.market.state()

        def digest(self) -> bytes:
            return self.market.digest()

        def check(self) -> None:
            self.market.check()

    with pytest.raises(AssertionError, match="seed 'forgetful") as caught:
        for number in range(50):
            compare_flow(lambda market: [("forgetful", Forgetful(market.config))], f"forgetful-{number}", 400)
    listing = str(caught.value).split("Fewest commands")[1].split("There:")[0]
    assert listing.count("Command(") <= 3, listing
