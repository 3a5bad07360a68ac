"""The engines that are held against the oracle: the package's market on each of its books."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from oracle.compare import Engine
from oracle.market import Market
from proofbook.testing import RawMarket

STRUCTURES: tuple[Literal["reference", "ladder"], ...] = ("reference", "ladder")


def engines(market: Market) -> Sequence[tuple[str, Engine]]:
    """All books, each in the state of this market: an unused market is made, any other restored."""
    if market.sequence == market.clock == 0 and market.next_priority == 1:
        return [(name, RawMarket(market.config.encode(), name)) for name in STRUCTURES]
    return [(name, RawMarket.restore(market.state(), name)) for name in STRUCTURES]
