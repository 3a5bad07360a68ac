"""The engines that are held against the oracle: the package's market on its books."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from oracle.compare import Engine
from oracle.market import Market
from proofbook import types
from proofbook.engines import ENGINES
from proofbook.testing import RawMarket


def _on(names: Sequence[types.Engine]) -> Callable[[Market], Sequence[tuple[str, Engine]]]:
    """Markets on these books, each in the state of the oracle's: an unused market is made, any other restored."""

    def make(market: Market) -> Sequence[tuple[str, Engine]]:
        if market.sequence == market.clock == 0 and market.next_priority == 1:
            return [(name, RawMarket(market.config.encode(), name)) for name in names]
        return [(name, RawMarket.restore(market.state(), name)) for name in names]

    return make


engines = _on(("reference", "ladder"))
"""The book that the others are compared with, and the default."""

all_engines = _on(ENGINES)
"""Every book. Each is compared with the reference book elsewhere, more often than with the oracle here."""
