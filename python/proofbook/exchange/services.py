"""What the handlers share: one exchange's parts, put together at its start, and what others may add."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from proofbook._core import ReceiptSigner
from proofbook.exchange.configuration import Configuration
from proofbook.exchange.feed import Feed
from proofbook.exchange.hub import Hub
from proofbook.exchange.keys import Keys
from proofbook.exchange.limits import Buckets
from proofbook.exchange.messages import MarketInfo, MarketsQuery
from proofbook.exchange.signing import Window
from proofbook.exchange.tickers import Tickers


class History(Protocol):
    """What is kept of the past, for an account: rows as plain objects, newest last."""

    async def fills(self, account: int, since_entry: int | None, since_index: int | None, limit: int) -> list[Any]:
        """Trades of an account after an entry, or after one of its reports; or its last ones."""
        ...

    async def orders(
        self, account: int, market: str | None, since_entry: int | None, since_index: int | None, limit: int
    ) -> list[Any]:
        """Orders of an account that are gone, ended after an entry, or after one of its reports; or the last ones."""
        ...


@dataclass
class Services:
    """An exchange's parts.

    Attributes:
        history: what is kept of the past, if anything is.
        signer: signs receipts, if the configuration names a key.
        opening: held while a demo account is opened, so that there are never more than may be.
    """

    configuration: Configuration
    folder: Path
    hub: Hub
    feed: Feed
    keys: Keys
    window: Window
    tickers: Tickers
    requests_by_key: Buckets
    requests_by_address: Buckets
    demos_by_address: Buckets
    history: History | None = None
    signer: ReceiptSigner | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    _markets: dict[str, MarketInfo] = field(default_factory=dict)

    async def markets(self) -> list[MarketInfo]:
        """All markets as they are now."""
        markets = await self.hub.query(MarketsQuery(), list[MarketInfo])
        self._markets = {market.symbol: market for market in markets}
        return markets

    async def has_market(self, symbol: str) -> bool:
        """Whether there is a market. Markets stay once they are listed."""
        if symbol not in self._markets:
            await self.markets()
        return symbol in self._markets


def make_services(configuration: Configuration, folder: Path, hub: Hub, feed: Feed, keys: Keys) -> Services:
    """The parts with the bounds of a configuration."""
    limits = configuration.limits
    demo_rate = configuration.demo_accounts.accounts_per_address_and_minute_max
    return Services(
        configuration,
        folder,
        hub,
        feed,
        keys,
        Window(limits.signature_window_ms),
        Tickers(hub, feed),
        Buckets("a key", limits.requests_per_s_per_key, limits.requests_per_s_per_key * limits.burst_s),
        Buckets("an address", limits.requests_per_s_per_address, limits.requests_per_s_per_address * limits.burst_s),
        Buckets("new accounts of an address", demo_rate / 60, demo_rate),
    )
