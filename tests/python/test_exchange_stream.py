"""The exchange over its WebSocket: books kept from deltas, what accounts are told, bounds, readers that stop."""

from __future__ import annotations

import contextlib
import json
import random
import re
import shutil
import socket
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litestar")

from exchange_process import PATIENCE_S, Client, Process, Reader
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Close

MARKET = "BTC-USD"
TRIES = 10
MANY_REQUESTS = "requests_per_s_per_key = 100000\nrequests_per_s_per_address = 100000\n"
MANY_SMALL = f"{MANY_REQUESTS}stream_messages_per_s = 100000\nstream_socket_bytes = 4096\n"
"""Limits for one who asks much, and whose socket holds little."""


@pytest.fixture
def folder_in_memory(tmp_path: Path) -> Iterator[Path]:
    """A folder whose syncs take no time, whatever the disk: where there is such a one, with room."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < 1 << 30:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    limits = f"stream_subscriptions_max = 8\n{MANY_REQUESTS}"
    process = Process(tmp_path_factory.mktemp("stream") / "exchange", limits=limits)
    yield process
    assert process.stop() == 0, process.errors()
    assert "Traceback" not in process.errors()


class Book:
    """A book kept as `docs/API.md` says, in lines of its own."""

    def __init__(self) -> None:
        self.sides: list[dict[str, tuple[str, int]]] = [{}, {}]
        self.sequence: int | None = None
        self.messages: list[dict[str, Any]] = []

    def take(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        if message["type"] == "snapshot":
            self.sides = [{}, {}]
        else:
            assert message["previous"] == self.sequence, "no gap"
        for side, name in zip(self.sides, ("bids", "asks"), strict=True):
            for price, quantity, orders in message[name]:
                if quantity.strip("0.") == "":
                    side.pop(price, None)
                else:
                    side[price] = (quantity, orders)
        self.sequence = message["sequence"]
        text = ""
        for number, side in enumerate(self.sides):
            prices = sorted(side, key=lambda price: int(price.replace(".", "")), reverse=number == 0)
            for price in prices[:25]:
                quantity, orders = side[price]
                text += f"{int(price.replace('.', ''))}:{int(quantity.replace('.', ''))}:{orders};"
        assert zlib.crc32(text.encode()) == message["checksum"]


def trade_at_random(client: Client, seed: int, orders: int) -> None:
    chance = random.Random(seed)
    for _ in range(orders):
        price = f"{chance.randint(9_000, 11_000) / 100:.2f}"
        client.order(chance.choice(["buy", "sell"]), f"0.0{chance.randint(10, 99)}", price)


def follow(reader: Reader, book: Book, until_entry: int) -> None:
    """Take messages until the book has all that entries up to this one did."""
    while True:
        message = reader.next()
        if message.get("channel") == "book":
            book.take(message)
            if message["entry"] >= until_entry:
                return


def test_a_book_is_kept_from_its_deltas(exchange: Process) -> None:
    client = exchange.client()
    trade_at_random(client, 1, 30)
    with client.stream() as reader:
        assert reader.call("subscribe", channel="book", market=MARKET) == {"subscribed": "book", "market": MARKET}
        book = Book()
        book.take(reader.next())
        assert book.messages[0]["type"] == "snapshot"
        trade_at_random(client, 2, 100)
        last = client.order("buy", "0.001", "1.23")
        follow(reader, book, last["entry"])
        assert len(book.messages) > 3 and {message["type"] for message in book.messages[1:]} == {"delta"}
        now = client.get(f"/api/v1/markets/{MARKET}/book?limit=1000", is_signed=False)
        assert now["sequence"] == book.sequence
        assert {price: (quantity, orders) for price, quantity, orders in now["bids"]} == book.sides[0]
        assert {price: (quantity, orders) for price, quantity, orders in now["asks"]} == book.sides[1]
        assert now["checksum"] == book.messages[-1]["checksum"]
    client.ask("DELETE", "/api/v1/orders")


def test_trades_candles_states_and_tickers(exchange: Process) -> None:
    alice, bob, operator = exchange.client(), exchange.client(), exchange.operator()
    with alice.stream() as reader:
        for channel in ("trades", "candles", "ticker", "state"):
            assert reader.call("subscribe", channel=channel, market="BTC-ALT")["subscribed"] == channel
        alice.order("sell", "1.000", "101.00", market="BTC-ALT")
        taken = bob.order("buy", "0.300", "101.00", market="BTC-ALT")
        trades = reader.until(channel="trades")
        assert trades["market"] == "BTC-ALT"
        [trade] = trades["trades"]
        assert (trade["price"], trade["quantity"], trade["side"]) == ("101.00", "0.300", "buy")
        assert trade["entry"] == taken["entry"]
        bob.order("buy", "0.200", "101.00", market="BTC-ALT")
        seen: dict[str, dict[str, Any]] = {}
        while seen.get("ticker", {}).get("ask_quantity") != "0.500" or "candles" not in seen:
            message = reader.next()
            seen[message["channel"]] = message
        assert (seen["ticker"]["last"], seen["ticker"]["ask"], seen["ticker"]["bid"]) == ("101.00", "101.00", None)
        assert (seen["candles"]["high"], seen["candles"]["interval_s"]) == ("101.00", 60)
        operator.operate("halt", market="BTC-ALT")
        assert reader.until(channel="state", state="halted")["market"] == "BTC-ALT"
        operator.operate("resume", market="BTC-ALT")
        assert reader.until(channel="state", state="continuous")
        assert reader.call("unsubscribe", channel="trades", market="BTC-ALT")
        bob.order("buy", "0.100", "101.00", market="BTC-ALT")
        # All three are in one candle, unless a minute ends meanwhile.
        minutes: list[dict[str, Any]] = []
        while sum(minute["trades"] for minute in minutes) < 3:
            minutes = alice.get("/api/v1/markets/BTC-ALT/candles?limit=1000", is_signed=False)
        assert reader.until(channel="candles", start_ns=minutes[-1]["start_ns"], trades=minutes[-1]["trades"])
    alice.ask("DELETE", "/api/v1/orders")


def test_an_account_is_told_of_its_orders_and_balances(exchange: Process) -> None:
    alice, bob = exchange.client(), exchange.client()
    with alice.stream() as reader:
        assert reader.call("subscribe", channel="orders")["code"] == "missing_key"
        assert reader.login() == {"account": alice.account, "role": "trade"}
        assert reader.call("subscribe", channel="orders")["subscribed"] == "orders"
        assert reader.call("subscribe", channel="balances")["subscribed"] == "balances"
        order = alice.order("sell", "1.000", "777.00", client_id="mine")
        report = reader.until(channel="orders")
        assert (report["entry"], report["report"]["execution"]) == (order["entry"], "new")
        assert report["report"]["order"]["client_id"] == "mine"
        balance = reader.until(channel="balances", asset="BTC")
        assert (balance["held"], balance["available"]) == ("1.00000000", "9.00000000")
        bob.order("buy", "0.250", "777.00")
        trade = reader.until(channel="orders")
        assert trade["report"]["execution"] == "trade" and trade["report"]["liquidity"] == "maker"
        assert (trade["entry"], trade["index"]) > (report["entry"], report["index"])
        assert reader.until(channel="balances", asset="USD")["total"] == "100194.250000"
        bob.order("buy", "0.001", "1.00")
        alice.ask("DELETE", "/api/v1/orders")
        assert reader.until(channel="orders")["report"]["order"]["account"] == alice.account
    bob.ask("DELETE", "/api/v1/orders")


def test_orders_over_the_stream(exchange: Process) -> None:
    client = exchange.client()
    terms = {"market": MARKET, "side": "buy", "quantity": "0.100", "price": "2.00"}
    with client.stream() as reader:
        assert reader.call("order", **terms)["code"] == "missing_key"
        reader.login()
        order = reader.call("order", client_id="streamed", **terms)
        assert (order["status"], order["client_id"]) == ("live", "streamed")
        assert reader.call("order", client_id="streamed", **terms)["order_id"] == order["order_id"]
        changed = reader.call("replace", order_id=order["order_id"], price="3.00")
        assert changed["limit_price"] == "3.00"
        for number in range(50):
            reader.say("order", id=number, **terms)
        answers = [reader.next() for _ in range(50)]
        assert sorted(answer["id"] for answer in answers) == list(range(50))
        ids = {answer["id"]: answer["result"]["order_id"] for answer in answers}
        assert [ids[number] for number in range(50)] == sorted(ids.values()), "they are taken in the order they came in"
        assert reader.call("cancel", order_id=order["order_id"])["status"] == "cancelled"
        assert reader.call("cancel", order_id=order["order_id"])["code"] == "unknown_order_of_account"
        assert reader.call("order", **{**terms, "quantity": "1000000.000"})["code"] == "insufficient_funds"
    assert client.ask("DELETE", "/api/v1/orders")["cancelled"] == 50


def test_what_is_said_wrongly_is_answered(exchange: Process) -> None:
    client, other = exchange.client(), exchange.client()
    with client.stream() as reader:
        for text in (
            "",
            "{",
            "[]",
            "5",
            '"x"',
            "null",
            "{}",
            '{"op":"fly"}',
            '{"op":"subscribe"}',
            '{"op":"ping","x":1}',
            '{"id":' + "[" * 5000 + "]" * 5000 + ',"op":"ping"}',
        ):
            reader.socket.send(text)
            error = reader.next()["error"]
            assert error["code"] == "invalid_request" and error["message"], text
        assert reader.call("order", market=MARKET, side="buy", quantity="1", expires_ns=-1)["received"] == "-1"
        reader.socket.send(b'{"op":"ping","id":7}')
        assert reader.next() == {"id": 7, "result": "pong"}
        assert reader.call("subscribe", channel="book")["code"] == "invalid_request"
        assert reader.call("subscribe", channel="book", market="XYZ")["code"] == "unknown_market"
        assert "ticker, trades, " in reader.call("subscribe", channel="boook", market=MARKET)["expected"]
        assert (
            reader.call("fly")["expected"] == "op: one of subscribe, unsubscribe, login, order, replace, cancel, ping"
        )
        assert reader.call("subscribe", channel="orders", market=MARKET)["expected"].startswith("market: none")
        headers = client.headers("GET", "/api/v1/stream", b"")
        fields = {name.removeprefix("PB-").lower(): value for name, value in headers.items()}
        assert reader.call("login", **{**fields, "key": other.key})["code"] == "wrong_signature"
        assert reader.call("login", **fields)["account"] == client.account
        assert reader.call("login", **fields)["code"] == "replayed_signature"
        for number in range(8):
            market = (MARKET, "BTC-ALT")[number % 2]
            channel = ("book", "trades", "candles", "state")[number // 2]
            assert "subscribed" in reader.call("subscribe", channel=channel, market=market)
        assert reader.call("subscribe", channel="ticker", market=MARKET)["code"] == "too_many_subscriptions"
        assert "subscribed" in reader.call("subscribe", channel="state", market=MARKET), "it has this one"
        reader.socket.send(json.dumps({"op": "ping", "id": "x" * 20_000}))
        with pytest.raises(ConnectionClosed) as closed:
            for _ in reader.messages():
                pass
        assert closed.value.sent is not None and closed.value.sent.code == 1009


def test_streams_and_messages_are_bounded(tmp_path: Path) -> None:
    limits = "streams_per_address_max = 3\nstream_messages_per_s = 20\nburst_s = 1\n"
    process = Process(tmp_path / "exchange", limits=limits)
    try:
        client = process.client()
        readers = [client.stream() for _ in range(3)]
        with pytest.raises(InvalidStatus) as error:
            client.stream()
        assert error.value.response.status_code == 429
        assert error.value.response.headers["Retry-After"] == "10"
        assert json.loads(error.value.response.body or b"")["error"]["code"] == "too_many_streams"
        begun_s = time.monotonic()
        for number in range(60):
            readers[0].say("ping", id=number)
        answers = [readers[0].next() for _ in range(60)]
        limited = [answer for answer in answers if "error" in answer]
        assert limited and {answer["error"]["code"] for answer in limited} == {"too_many_requests"}
        assert sorted(answer["id"] for answer in answers) == list(range(60)), "each one knows which was left out"
        assert time.monotonic() - begun_s > 0.5, "what comes too fast is not read"
        assert readers[1].call("ping") == "pong"
        readers.pop().close()
        deadline_s = time.monotonic() + PATIENCE_S
        while len(readers) < 3:
            assert time.monotonic() < deadline_s, "there is room for another"
            try:
                readers.append(client.stream())
            except InvalidStatus:
                time.sleep(0.02)
        for reader in readers:
            reader.close()
    finally:
        assert process.stop() == 0, process.errors()


def narrow_reader(client: Client) -> Reader:
    """A reader for which as little as possible waits on its side."""
    host, port = client.url.removeprefix("http://").split(":")
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect((host, int(port)))
    return Reader(client, sock=narrow, max_queue=1)


def place_many(reader: Reader, orders: int) -> None:
    """Place orders at as many prices, on both sides."""
    for number in range(orders):
        side, cents = ("buy", 5_000 - number) if number % 2 else ("sell", 15_000 + number)
        price = f"{cents // 100}.{cents % 100:02}"
        reader.say("order", id=number, market=MARKET, side=side, quantity="0.001", price=price)
        if number >= 10:
            assert "result" in reader.next(), "no more than some are on their way"
    assert all("result" in reader.next() for _ in range(10))


def closed_as_too_slow(client: Client) -> int:
    """How many connections the exchange has closed since they took too little."""
    found = re.search(
        r'^proofbook_websocket_closed_total\{reason="too slow"\} (\d+)', client.http.get("/metrics").text, re.M
    )
    return 0 if found is None else int(found[1])


def end_of(stopped: Reader) -> tuple[int, Close | None]:
    """What one that was closed finds once it reads: how many messages, and the one that closes, if that was sent."""
    taken = 0
    with pytest.raises(ConnectionClosed) as closed:
        for _ in stopped.messages():
            taken += 1
    return taken, closed.value.rcvd


def followed_beside(client: Client, reader: Reader, book: Book) -> int:
    """How many orders one that reads is told of beside one that takes nothing, before that one is closed.

    Each of its subscriptions gives a snapshot of the whole book, none of which is read.
    """
    stopped, before, followed = narrow_reader(client), closed_as_too_slow(client), 0
    while closed_as_too_slow(client) == before:
        with contextlib.suppress(ConnectionClosed):
            stopped.say("subscribe", channel="book", market=MARKET)
        order = client.order("buy", "0.001", "1.23")
        follow(reader, book, order["entry"])
        followed += closed_as_too_slow(client) == before
    taken, ending = end_of(stopped)
    assert taken < 60, "not all of it was kept for whoever does not read"
    assert ending is None or (ending.code, ending.reason) == (4008, "too slow")
    return followed


def check_one_that_takes_nothing(client: Client) -> None:
    """Whoever reads has every delta meanwhile."""
    with client.stream() as trader:
        trader.login()
        place_many(trader, 600)
    with client.stream() as reader:
        reader.call("subscribe", channel="book", market=MARKET)
        book = Book()
        book.take(reader.next())
        # A machine that stands still until the other one is closed is given another go.
        assert any(followed_beside(client, reader, book) for _ in range(TRIES)), "the one that reads is not held up"
    assert client.send("GET", "/health").is_success


def check_one_that_asks_without_reading(client: Client) -> None:
    """Answers cannot be put together."""
    stopped, before = narrow_reader(client), closed_as_too_slow(client)
    # It may be closed while it still asks.
    with contextlib.suppress(ConnectionClosed):
        for _ in range(2000):
            stopped.say("ping", id="x" * 200)
    taken, ending = end_of(stopped)
    assert taken < 2000
    assert ending is None or ending.code == 4008
    assert closed_as_too_slow(client) == before + 1
    assert client.get("/ready", is_signed=False)


def test_readers_that_stop_hold_up_no_end(folder_in_memory: Path) -> None:
    limits = f"stream_stall_s_max = 3600\n{MANY_SMALL}"
    process = Process(folder_in_memory / "exchange", limits=limits)
    try:
        client = process.client()
        with client.stream() as trader:
            trader.login()
            place_many(trader, 600)
        stopped = narrow_reader(client)
        for _ in range(60):
            stopped.say("subscribe", channel="book", market=MARKET)
        # All of them were taken; what they gave waits in both kernels and in the server.
        assert client.get("/ready", is_signed=False)
        time.sleep(0.5)
    finally:
        begun_s = time.monotonic()
        assert process.stop() == 0, process.errors()
    ended_s = time.monotonic()
    stopped.close()
    assert ended_s - begun_s < 8, "seconds are waited for the one that does not read, not the whole patience"
    assert "timeout graceful shutdown exceeded" not in process.errors()


def test_readers_that_stop_cost_themselves_alone(tmp_path: Path) -> None:
    limits = f"stream_waiting_bytes_max = 16384\nstream_stall_s_max = 2\n{MANY_SMALL}"
    process = Process(tmp_path / "exchange", limits=limits)
    try:
        client = process.client()
        check_one_that_asks_without_reading(client)
        check_one_that_takes_nothing(client)
    finally:
        assert process.stop() == 0, process.errors()
