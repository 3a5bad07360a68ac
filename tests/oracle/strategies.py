"""Hypothesis strategies: terms of a market, and a list of commands that knows nothing of the market it is for.

Few ids, accounts and prices let commands meet each other often; hypothesis then looks for the shortest list that makes
a difference. All quantities of one list have one scale, so that no trade refreshes a tiny slice of a huge iceberg for
ever.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from oracle.codec import AUCTION, CONTINUOUS, HALTED, KINDS, SELF_TRADES, TIMES_IN_FORCE, Command, Config
from oracle.flow import PRICE_MAX, PRICE_MIN, WORD_MAX


@dataclass(frozen=True)
class Session:
    """A market's terms and what is asked of it."""

    config: Config
    commands: tuple[Command, ...]


def optional(values: st.SearchStrategy[int]) -> st.SearchStrategy[int | None]:
    """Nothing, or one of the values."""
    return st.none() | values


def clamped(price: int) -> int:
    """The price, or the nearest that fits."""
    return max(PRICE_MIN, min(PRICE_MAX, price))


@st.composite
def sessions(draw: st.DrawFn, max_commands: int = 25) -> Session:
    """A market and up to this many commands."""
    tick = draw(st.sampled_from((1, 1, 5, 2**61)))
    lot = draw(st.sampled_from((1, 1, 10, 2**62)))
    scale = draw(st.sampled_from((lot, lot, 2**62)))
    prices = st.integers(-3, 6).map(lambda number: clamped(number * tick))
    limits = st.sampled_from((scale * 3, scale * 6)).filter(lambda limit: limit <= WORD_MAX)
    config = Config(
        tick_size=tick,
        lot_size=lot,
        max_quantity=draw(optional(limits)) if scale < 2**60 else None,
        max_notional=draw(optional(st.sampled_from((scale * tick * 8, scale * tick * 20)))) if scale < 2**60 else None,
        collar=draw(
            optional(st.sampled_from((0, tick, 2 * tick, 4 * tick - 1)).filter(lambda collar: collar <= WORD_MAX))
        ),
        reference_price=draw(optional(prices)),
        max_orders=draw(st.sampled_from((1 << 24, 1 << 24, 4))),
        initial_phase=draw(st.sampled_from((CONTINUOUS, CONTINUOUS, AUCTION, HALTED))),
    )
    actions = draw(st.lists(action(prices, scale), min_size=1, max_size=max_commands))
    time, commands = 10, []
    for step, command in actions:
        time = max(0, time + step)
        commands.append(at_time(command, time))
    return Session(config, tuple(commands))


def at_time(command: Command, time: int) -> Command:
    """The command at another time; its expiry counts from there."""
    values = {name: getattr(command, name) for name in Command.__slots__}
    if command.expiry is not None:
        values["expiry"] = time + command.expiry
    return Command(**{**values, "time": time})


def action(prices: st.SearchStrategy[int], scale: int) -> st.SearchStrategy[tuple[int, Command]]:
    """How far the time goes, and a command at time 0."""
    steps = st.sampled_from((0, 0, 1, 1, 2, 6, -1))
    ids = st.integers(1, 6)
    counts = st.integers(0, min(6, WORD_MAX // scale))
    quantities = counts.map(lambda count: count * scale) | st.just(scale // 2 + 1)
    odd_prices = prices | prices | prices | prices.map(lambda price: clamped(price + 1))
    commands = st.one_of(
        *[new_orders(ids, odd_prices, quantities, scale)] * 4,
        st.builds(Command, st.just(0), st.just("cancel"), order_id=ids),
        st.builds(Command, st.just(0), st.just("reduce"), order_id=ids, quantity=quantities),
        st.builds(
            Command,
            st.just(0),
            st.just("replace"),
            order_id=ids,
            price=optional(odd_prices),
            quantity=optional(quantities),
            stop_price=st.none() | st.none() | odd_prices,
        ),
        st.builds(Command, st.just(0), st.just("mass_cancel"), account=st.integers(0, 2)),
        st.builds(
            Command, st.just(0), st.sampled_from(("sweep", "halt", "resume", "open_auction", "uncross", "uncross"))
        ),
    )
    return st.tuples(steps, commands)


@st.composite
def new_orders(
    draw: st.DrawFn,
    ids: st.SearchStrategy[int],
    prices: st.SearchStrategy[int],
    quantities: st.SearchStrategy[int],
    scale: int,
) -> Command:
    """A new order whose terms mostly fit each other."""
    kind = draw(st.sampled_from((*KINDS, "limit", "limit", "limit")))
    fitting = {"market": TIMES_IN_FORCE[1:3], "stop": TIMES_IN_FORCE[::3]}.get(kind, TIMES_IN_FORCE)
    time_in_force = draw(st.sampled_from((*fitting, *fitting, *fitting, *fitting, *TIMES_IN_FORCE)))
    rests = kind in ("limit", "stop_limit") and time_in_force in ("good_till_cancel", "good_till_date")
    odd = draw(st.integers(0, 9)) == 0
    return Command(
        0,
        "new",
        order_id=draw(ids),
        account=draw(st.integers(0, 2)),
        side=draw(st.integers(0, 1)),
        kind=kind,
        quantity=draw(quantities),
        price=draw(prices) if "limit" in kind else None,
        stop_price=draw(prices) if "stop" in kind else None,
        time_in_force=time_in_force,
        expiry=draw(st.integers(0, 4)) if time_in_force == "good_till_date" else None,
        post_only=(rests or odd) and draw(st.integers(0, 3)) == 0,
        display=draw(optional(st.integers(1, 3).map(lambda count: min(count * scale, WORD_MAX))))
        if rests or odd
        else None,
        self_trade=draw(st.sampled_from(SELF_TRADES)),
    )
