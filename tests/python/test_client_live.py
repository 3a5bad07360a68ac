"""Both clients against a real exchange, over connections that break, swallow answers and alter messages.

Between client and exchange stands a proxy that passes bytes on, and does harm where a test asks for it.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litestar", reason="the packages of the extra `exchange` are not installed")

from running_exchange import PATIENCE_S, RunningExchange, running

from proofbook.client import (
    AsyncClient,
    Client,
    InsufficientFundsError,
    Key,
    Order,
    Reconciled,
    Report,
    UnansweredError,
)

MARKET = "BTC-USD"


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    with running(tmp_path_factory.mktemp("exchange") / "exchange") as started:
        yield started


class Proxy:
    """Passes bytes on between a client and an exchange.

    Attributes:
        port: where it listens.
        alter: is given what the exchange sends, and gives what the client gets; None cuts the connection instead.
        connections: how many there were.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self.alter: Callable[[bytes], bytes | None] = lambda data: data
        self.connections = 0
        self._exchange_port = port
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Cut all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._exchange_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, back}

        async def passed(source: asyncio.StreamReader, target: asyncio.StreamWriter, is_answer: bool) -> None:
            try:
                while data := await source.read(65_536):
                    changed = self.alter(data) if is_answer else data
                    if changed is None:
                        break
                    target.write(changed)
                    await target.drain()
            except OSError:
                pass
            for each in (writer, back):
                each.transport.abort()
                self._writers.discard(each)

        await asyncio.gather(passed(reader, back, False), passed(there, writer, True))


@asynccontextmanager
async def proxied(exchange: RunningExchange) -> AsyncIterator[Proxy]:
    proxy = Proxy(exchange.port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()


def funded(exchange: RunningExchange) -> Key:
    key = Key.generate()
    with Client(exchange.url, key) as client:
        client.open_demo_account()
    return key


def run(test: Any) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(2 * PATIENCE_S):
            await test

    asyncio.run(bounded())


def test_an_account_trades_with_itself_and_with_another(exchange: RunningExchange) -> None:
    with Client(exchange.url, funded(exchange)) as maker, Client(exchange.url, funded(exchange)) as taker:
        before = {balance.asset: balance.total for balance in taker.get_balances()}
        resting = maker.place(MARKET, "sell", Decimal("0.5"), price=60100)
        bought = taker.place(MARKET, "buy", "0.2", price="60200.00")
        (fill,) = bought.fills
        assert (fill.price, fill.quantity, fill.liquidity) == (Decimal("60100.00"), Decimal("0.2"), "taker")
        assert bought.status == "filled" and bought.average == Decimal(60100)
        after = {balance.asset: balance.total for balance in taker.get_balances()}
        assert after["BTC"] - before["BTC"] == Decimal("0.2")
        assert fill.fee is not None and before["USD"] - after["USD"] == Decimal("12020") + fill.fee
        assert maker.get_order(resting.order_id).filled == Decimal("0.2")
        replaced = maker.replace(resting.order_id, quantity="0.6", price="60150")
        assert (replaced.leaves, replaced.limit_price) == (Decimal("0.4"), Decimal("60150"))
        assert [order.order_id for order in maker.open_orders(MARKET)] == [resting.order_id]
        assert maker.get_book(MARKET, 1).best_ask == (maker.get_book(MARKET).asks[0])
        with pytest.raises(InsufficientFundsError) as refused:
            taker.place(MARKET, "sell", 10_000, price=60000)
        assert (refused.value.code, refused.value.status) == ("insufficient_funds", 409)
        assert maker.cancel_all() == 1
        assert not maker.open_orders()


def test_an_order_whose_answer_was_lost_is_one_order(exchange: RunningExchange) -> None:
    async def test() -> None:
        async with proxied(exchange) as proxy:
            key = funded(exchange)
            async with AsyncClient(f"http://127.0.0.1:{proxy.port}", key) as client:
                lost = 0

                def lose_first(data: bytes) -> bytes | None:
                    nonlocal lost
                    lost += 1
                    return None if lost == 1 else data

                proxy.alter = lose_first
                placed = await client.place(MARKET, "buy", "0.1", price="50000", client_id="once")
                assert lost >= 2, "it was sent again"
                assert [order.order_id for order in await client.open_orders()] == [placed.order_id]
                lost = 0
                cancelled = await client.cancel(placed.order_id)
                assert lost >= 2 and cancelled.status == "cancelled"
                proxy.alter = lambda _: None
                with pytest.raises(UnansweredError) as unanswered:
                    await client.place(MARKET, "buy", "0.1", price="50000", client_id="twice")
                assert unanswered.value.client_id == "twice"
                proxy.alter = lambda data: data
                assert (await client.get_order(client_id="twice")).is_live, "it was taken all the same"
                await client.cancel_all()

    run(test())


def test_no_fill_is_lost_or_doubled_however_often_the_stream_breaks(exchange: RunningExchange) -> None:
    async def test() -> None:
        maker, taker = funded(exchange), funded(exchange)
        async with (
            proxied(exchange) as proxy,
            AsyncClient(f"http://127.0.0.1:{proxy.port}", maker) as watching,
            AsyncClient(exchange.url, maker) as making,
            AsyncClient(exchange.url, taker) as taking,
        ):
            seen: list[Report] = []
            live: dict[int, Order] = {}
            reconciled: list[Reconciled] = []
            expected: list[Decimal] = []

            async def watch() -> None:
                async for update in watching.orders():
                    if isinstance(update, Reconciled):
                        reconciled.append(update)
                        live.clear()
                        live.update((order.order_id, order) for order in update.orders)
                        continue
                    if update.is_fill:
                        seen.append(update)
                    live[update.order.order_id] = update.order
                    if not update.order.is_live:
                        del live[update.order.order_id]

            task = asyncio.create_task(watch())
            while not reconciled:
                await asyncio.sleep(0.02)
            connections = len(reconciled)
            for number in range(40):
                quantity = Decimal(number + 1).scaleb(-4)
                await making.place(MARKET, "sell", quantity, price="60100")
                await taking.place(MARKET, "buy", quantity, price="60100")
                expected.append(quantity)
                if number % 4 == 1:
                    connections = len(reconciled)
                    proxy.cut()
                elif number % 4 == 3:
                    # Two orders traded while the stream was away.
                    while len(reconciled) == connections:
                        assert not task.done(), task.exception()
                        await asyncio.sleep(0.02)
            resting = await making.place(MARKET, "sell", "1", price="60500")
            while len(seen) < len(expected) or resting.order_id not in live:
                assert not task.done(), task.exception()
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
            assert [report.report.quantity for report in seen] == expected
            assert [report.key for report in seen] == sorted({report.key for report in seen})
            assert set(live) == {resting.order_id}
            assert len(reconciled) >= 11
            assert {update.reason is None for update in reconciled[1:]} == {False}
            task.cancel()
            await making.cancel_all()

    run(test())


def test_a_book_that_was_altered_on_its_way_mends_itself_and_nothing_else_is_lost(exchange: RunningExchange) -> None:
    async def test() -> None:
        async with proxied(exchange) as proxy, AsyncClient(exchange.url, funded(exchange)) as trading:
            spoilt = 0

            def spoil(data: bytes) -> bytes:
                nonlocal spoilt
                if b'"type":"delta"' in data and b'"60100.00","0.' in data and spoilt < 3:
                    spoilt += 1
                    return data.replace(b'"60100.00","0.', b'"60100.00","7.')
                return data

            async with AsyncClient(f"http://127.0.0.1:{proxy.port}") as watching:
                books, trades = [], []

                async def watch_book() -> None:
                    async for book in watching.book(MARKET):
                        books.append(book)

                async def watch_trades() -> None:
                    async for trade in watching.trades(MARKET):
                        trades.append(trade)

                tasks = [asyncio.create_task(watch_book()), asyncio.create_task(watch_trades())]
                while not books or proxy.connections < 3:
                    await asyncio.sleep(0.02)
                connections = proxy.connections
                proxy.alter = spoil
                for number in range(20):
                    await trading.place(MARKET, "sell", f"0.{number + 1:04}", price="60100")
                    await asyncio.sleep(0.05)
                await trading.place(MARKET, "buy", "0.01", price="60100")
                final = await trading.get_book(MARKET)
                # The book that is asked for may be ahead of its sequence: the next delta has the rest.
                while (books[-1].bids, books[-1].asks) != (final.bids, final.asks) or not trades:
                    assert not any(task.done() for task in tasks)
                    await asyncio.sleep(0.02)
                assert spoilt == 3
                assert sum(book.resynced is not None for book in books) >= 1
                assert any("checksum" in (book.resynced or "") for book in books)
                assert all(level.quantity < 7 for book in books for level in book.asks), "no altered book was shown"
                assert proxy.connections == connections, "no connection was given up for it"
                for task in tasks:
                    task.cancel()
            await trading.cancel_all()

    run(test())


def test_the_client_without_asyncio_watches_too(exchange: RunningExchange) -> None:
    with Client(exchange.url, funded(exchange)) as client:
        books, orders, balances = client.watch_book(MARKET), client.watch_orders(), client.watch_balances()
        first = next(books)
        assert isinstance(next(orders), Reconciled)
        assert next(balances).asset
        placed = client.place(MARKET, "sell", "0.25", price="63000")
        shown = next(book for book in books if book.sequence > first.sequence)
        assert Decimal("63000.00") in [level.price for level in shown.asks]
        report = next(orders)
        assert isinstance(report, Report)
        assert (report.order.order_id, report.report.execution) == (placed.order_id, "new")
        client.cancel(placed.order_id)
        report = next(orders)
        assert isinstance(report, Report) and report.report.execution == "cancelled"
        for stream in (books, orders, balances):
            stream.close()  # type: ignore[attr-defined]


def test_a_killed_exchange_comes_back_and_the_streams_go_on(tmp_path: Path) -> None:
    with running(tmp_path / "exchange") as exchange:
        key = funded(exchange)
        with Client(exchange.url, key) as client:
            orders, books = client.watch_orders(), client.watch_book(MARKET)
            assert isinstance(next(orders), Reconciled)
            assert not next(books).asks
            resting = client.place(MARKET, "sell", "0.5", price="60100")
            assert next(orders).order.order_id == resting.order_id  # type: ignore[union-attr]
            exchange.stop(signal.SIGKILL)
            restart = threading.Thread(target=exchange.start, args=(exchange.port,))
            restart.start()
            update = next(orders)
            restart.join(PATIENCE_S)
            assert isinstance(update, Reconciled)
            assert [order.order_id for order in update.orders] == [resting.order_id]
            assert update.reason is not None and "broke" in update.reason
            book = next(book for book in books if book.resynced is not None)
            assert [level.price for level in book.asks] == [Decimal("60100.00")]
            client.place(MARKET, "buy", "0.1", price="60100")
            fills = [next(orders) for _ in range(3)]
            assert [report.report.execution for report in fills] == ["new", "trade", "trade"]  # type: ignore[union-attr]
