"""Tickers: a market's touch, last price and day, put together from its book, trades and candles.

The day is the last 288 candles of five minutes. It is looked up again after some seconds only, since it is long; touch
and last price are those of each moment.
"""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import msgspec

from proofbook.exchange.feed import Feed
from proofbook.exchange.hub import Hub
from proofbook.exchange.messages import Book, BookQuery, CandlesFound, CandlesQuery, TradesFound, TradesQuery
from proofbook.exchange.outbox import framed

CANDLE_S = 300
DAY_CANDLES = 288
DAY_AGE_S_MAX = 5.0
PUBLISH_INTERVAL_S = 0.25


class Ticker(msgspec.Struct, kw_only=True):
    """A market at a glance. What there is not yet is null."""

    market: str
    time_ns: int
    bid: str | None = None
    bid_quantity: str | None = None
    ask: str | None = None
    ask_quantity: str | None = None
    last: str | None = None
    open: str | None = None
    """The price a day ago, or the first one since."""
    high: str | None = None
    low: str | None = None
    volume: str = "0"
    """What has traded within the day, in the base asset."""
    trades: int = 0


class _Day(msgspec.Struct):
    found_s: float
    open: str | None
    high: str | None
    low: str | None
    volume: str
    trades: int


class Tickers:
    """The tickers of all markets."""

    def __init__(self, hub: Hub, feed: Feed) -> None:
        self._hub = hub
        self._feed = feed
        self._days: dict[str, _Day] = {}

    async def get(self, market: str) -> Ticker:
        """A market's ticker as it is now."""
        book = await self._hub.query(BookQuery(market=market, depth=1), Book)
        trades = (await self._hub.query(TradesQuery(market=market, limit=1), TradesFound)).trades
        day = await self._day(market)
        ticker = Ticker(
            market=market,
            time_ns=book.time_ns,
            open=day.open,
            high=day.high,
            low=day.low,
            volume=day.volume,
            trades=day.trades,
        )
        if book.bids:
            ticker.bid, ticker.bid_quantity, _ = book.bids[0]
        if book.asks:
            ticker.ask, ticker.ask_quantity, _ = book.asks[0]
        if trades:
            ticker.last = trades[-1].price
            ticker.time_ns = max(ticker.time_ns, trades[-1].time_ns)
        return ticker

    async def _day(self, market: str) -> _Day:
        day = self._days.get(market)
        now_s = time.monotonic()
        if day is None or now_s - day.found_s > DAY_AGE_S_MAX:
            since_ns = time.time_ns() - DAY_CANDLES * CANDLE_S * 10**9
            query = CandlesQuery(market=market, interval_s=CANDLE_S, since_ns=since_ns, limit=DAY_CANDLES)
            candles = (await self._hub.query(query, CandlesFound)).candles
            volume = sum((Decimal(candle.volume) for candle in candles), Decimal(0))
            day = _Day(
                now_s,
                candles[0].open if candles else None,
                max((candle.high for candle in candles), key=Decimal, default=None),
                min((candle.low for candle in candles), key=Decimal, default=None),
                f"{volume:f}",
                sum(candle.trades for candle in candles),
            )
            self._days[market] = day
        return day

    async def publish(self) -> None:
        """Tell readers of tickers what has changed, again and again, for ever."""
        while True:
            await asyncio.sleep(PUBLISH_INTERVAL_S)
            changed = [market for market in self._feed.changed if self._feed.has_readers(("ticker", market))]
            self._feed.changed.clear()
            for market in changed:
                text = framed("ticker", "update", await self.get(market))
                self._feed.put_latest("ticker", market, text)
