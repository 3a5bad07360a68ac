"""Holds engines against the oracle, command by command, and says clearly where they part.

An engine here is anything with the interface of ``proofbook.testing.RawMarket``. What differs is cut down to few
commands before it is shown: commands are left out as long as some difference stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from oracle.codec import Command, Event, describe_events
from oracle.flow import Flow, Shape
from oracle.market import Market

SHRINK_COMMANDS_MAX = 60_000


class Engine(Protocol):
    """What is held against the oracle."""

    def apply(self, command: bytes) -> bytes:
        """Takes an encoded command and gives its encoded events."""
        ...

    def state(self) -> bytes:
        """The canonical bytes of the state."""
        ...

    def digest(self) -> bytes:
        """The hash of those."""
        ...

    def check(self) -> None:
        """Raises where an invariant is broken."""
        ...


Engines = Callable[[Market], Sequence[tuple[str, Engine]]]


class Difference(AssertionError):  # noqa: N818 - it is what a comparison is for
    """An engine and the oracle part."""


def tally(counts: Counter[str], events: Iterable[Event]) -> None:
    """Counts events by kind and reason."""
    for event in events:
        counts[f"{event.kind} {event.reason}".rstrip()] += 1
        if event.kind == "replaced":
            counts[f"replaced {'kept' if event.kept_priority else 'lost'} priority"] += 1


def compare_command(market: Market, engines: Sequence[tuple[str, Engine]], command: Command) -> list[Event]:
    """Gives all of them one command and compares events and states."""
    encoded = command.encode()
    events = market.apply(command)
    expected_events = b"".join([event.encode() for event in events])
    expected_state = market.state()
    for name, engine in engines:
        received = engine.apply(encoded)
        if received != expected_events:
            raise Difference(
                f"{name}: events of {command}\n  oracle: {describe_events(expected_events)}"
                f"\n  engine: {describe_events(received)}"
            )
        state = engine.state()
        if state != expected_state:
            raise Difference(
                f"{name}: state after {command}\n  oracle: {expected_state.hex()}\n  engine: {state.hex()}"
            )
    return events


def finish(market: Market, engines: Sequence[tuple[str, Engine]]) -> None:
    """What is compared less often: the digest, and each engine's own invariants."""
    digest = market.digest()
    for name, engine in engines:
        if engine.digest() != digest:
            raise Difference(f"{name}: digest {engine.digest().hex()}, oracle {digest.hex()}")
        engine.check()


def compare_all(make: Engines, market: Market, commands: Iterable[Command]) -> Counter[str]:
    """Compares a given sequence of commands and counts what happened."""
    counts: Counter[str] = Counter()
    engines = make(market)
    for number, command in enumerate(commands):
        tally(counts, compare_command(market, engines, command))
        if number % 97 == 0:
            finish(market, engines)
    finish(market, engines)
    return counts


def compare_flow(make: Engines, seed: str, count: int, shape: Shape = "ordinary") -> Counter[str]:
    """Compares commands drawn from a seed; a difference is shown with the fewest commands that still make one."""
    flow = Flow(seed, shape)
    taken: list[Command] = []

    def commands() -> Iterable[Command]:
        for command in flow.commands(count):
            taken.append(command)
            yield command

    try:
        return compare_all(make, flow.market, commands())
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise

        def start() -> Market:
            return Flow(seed, shape).market

        few, message = shrink(make, start, taken)
        listing = "\n  ".join(map(repr, few))
        raise Difference(
            f"seed {seed!r} ({shape}), command {len(taken)}: {error}\n"
            f"Fewest commands, in {start().config}:\n  {listing}\nThere: {message}"
        ) from error


def failure(make: Engines, market: Market, commands: Sequence[Command]) -> str | None:
    """How the comparison fails, if it does."""
    try:
        compare_all(make, market, commands)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{type(error).__name__}: {error}"
    return None


def shrink(make: Engines, start: Callable[[], Market], commands: Sequence[Command]) -> tuple[list[Command], str]:
    """Leaves out ever smaller runs of commands as long as a difference stays, within a bound on the work."""
    few = list(commands)
    message = failure(make, start(), few) or "the difference did not come again"
    size, spent = len(few) // 2, 0
    while size:
        at = 0
        while at < len(few) and spent < SHRINK_COMMANDS_MAX:
            fewer = few[:at] + few[at + size :]
            spent += len(fewer)
            found = failure(make, start(), fewer)
            if found is None:
                at += size
            else:
                few, message = fewer, found
        size //= 2
    return few, message
