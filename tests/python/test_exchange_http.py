"""The exchange over HTTP as a client meets it: accounts that trade, every error, signatures, limits, the operator."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("litestar")

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from exchange_process import PATIENCE_S, WINDOW_MS, ApiError, Client, Process

import proofbook
from proofbook.exchange.failures import CODES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = Process(tmp_path_factory.mktemp("http") / "exchange")
    yield process
    assert process.stop() == 0, process.errors()
    assert "Traceback" not in process.errors()


def refused(ask: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(ApiError) as error:
        ask()
    body = error.value.error
    assert body["message"]
    assert set(body) <= {"code", "message", "expected", "received"}
    return error.value.status, error.value.code


def test_two_accounts_trade(exchange: Process) -> None:
    alice, bob = exchange.client(), exchange.client()
    assert bob.account == alice.account + 1
    resting = alice.order("sell", "2.000", "100.00", client_id="first")
    assert (resting["status"], resting["client_id"], resting["leaves"]) == ("live", "first", "2.000")
    assert alice.balances()["BTC"]["held"] == "2.00000000"
    book = bob.get("/api/v1/markets/BTC-USD/book?limit=1", is_signed=False)
    assert book["asks"] == [["100.00", "2.000", 1]]
    shaped = bob.get("/api/v1/markets/BTC-USD/book?shape=ccxt", is_signed=False)
    assert shaped["asks"][0] == ["100.00", "2.000"] and shaped["symbol"] == "BTC/USD"

    taken = bob.order("buy", "0.500", "101.00", time_in_force="ioc")
    assert (taken["status"], taken["filled"], taken["average"]) == ("filled", "0.500", "100.000000")
    assert [report["execution"] for report in taken["reports"]] == ["new", "trade"]
    assert taken["reports"][1]["liquidity"] == "taker"
    # Half of 100, and ten basis points of it.
    assert taken["fees"] == "0.050000"
    balances = bob.balances()
    assert Decimal(balances["USD"]["total"]) == 100_000 - 50 - Decimal("0.05")
    assert Decimal(balances["BTC"]["total"]) == Decimal("10.5")
    assert Decimal(alice.balances()["USD"]["total"]) == 100_050

    stands = alice.get(f"/api/v1/orders/{resting['order_id']}")
    assert (stands["status"], stands["leaves"]) == ("live", "1.500")
    assert alice.get("/api/v1/orders?client_id=first") == stands
    assert alice.get("/api/v1/orders") == [stands] == alice.get("/api/v1/orders?market=BTC-USD")
    assert alice.get("/api/v1/orders?market=BTC-ALT") == []
    assert bob.get("/api/v1/orders") == []
    gone = alice.ask("DELETE", f"/api/v1/orders/{resting['order_id']}")
    assert (gone["status"], gone["filled"], gone["leaves"]) == ("cancelled", "0.500", "0.000")


def test_an_order_that_is_sent_again_is_the_same_order(exchange: Process) -> None:
    client = exchange.client()
    first = client.order("buy", "1.000", "50.00", client_id="again")
    again = client.order("buy", "1.000", "50.00", client_id="again")
    assert again["order_id"] == first["order_id"]
    assert [report["execution"] for report in again["reports"]] == ["status"]
    assert len(client.get("/api/v1/orders")) == 1
    named = [client.order("buy", "1.000", "50.00") for _ in range(3)]
    assert len({order["client_id"] for order in named}) == 3
    assert client.get(f"/api/v1/orders?client_id={named[0]['client_id']}")["order_id"] == named[0]["order_id"]
    assert client.ask("DELETE", "/api/v1/orders")["cancelled"] == 4


def test_each_client_id_that_an_order_had_leads_to_it(exchange: Process) -> None:
    client = exchange.client()
    order = client.order("buy", "1.000", "50.00", client_id="first")
    path = f"/api/v1/orders/{order['order_id']}"
    for name in ("second", "third"):
        client.ask("PUT", path, {"price": "51.00", "client_id": name})
    again = client.order("buy", "1.000", "50.00", client_id="first")
    assert (again["order_id"], again["client_id"], again["status"]) == (order["order_id"], "third", "live")
    assert client.ask("DELETE", "/api/v1/orders?client_id=second")["status"] == "cancelled"
    with client.stream() as reader:
        reader.login()
        order = client.order("buy", "1.000", "50.00", client_id="fourth")
        client.ask("PUT", f"/api/v1/orders/{order['order_id']}", {"price": "51.00"})
        assert reader.call("cancel", client_id="fourth")["order_id"] == order["order_id"]
    assert client.get("/api/v1/orders") == []


def test_orders_are_replaced_and_cancelled(exchange: Process) -> None:
    client = exchange.client()
    order = client.order("buy", "1.000", "50.00")
    path = f"/api/v1/orders/{order['order_id']}"
    replaced = client.ask("PUT", path, {"price": "51.00", "quantity": "2.000", "client_id": "second"})
    assert (replaced["limit_price"], replaced["quantity"], replaced["client_id"]) == ("51.00", "2.000", "second")
    assert replaced["order_id"] == order["order_id"]
    smaller = client.ask("PUT", path, {"quantity": "0.500"})
    assert (smaller["limit_price"], smaller["leaves"]) == ("51.00", "0.500")
    assert client.ask("DELETE", f"/api/v1/orders?client_id={smaller['client_id']}")["status"] == "cancelled"
    for _ in range(3):
        client.order("sell", "0.100", "900.00")
    client.order("sell", "0.100", "140.00", market="BTC-ALT")
    assert client.ask("DELETE", "/api/v1/orders?market=BTC-USD")["cancelled"] == 3
    assert client.ask("DELETE", "/api/v1/orders")["cancelled"] == 1


def test_orders_of_every_kind(exchange: Process) -> None:
    client = exchange.client()
    stop = client.order("sell", "0.100", kind="stop", stop_price="10.00")
    assert (stop["kind"], stop["stop_price"], stop["status"]) == ("stop", "10.00", "live")
    limit = client.order("buy", "0.100", "905.00", kind="stop_limit", stop_price="900.00")
    assert (limit["kind"], limit["limit_price"]) == ("stop_limit", "905.00")
    shown = client.order("sell", "1.000", "800.00", display="0.100", post_only=True)
    assert shown["leaves"] == "1.000"
    dated = client.order("sell", "0.100", "800.00", time_in_force="gtd", expires_ns=time.time_ns() + 10**12)
    assert dated["status"] == "live"
    unfilled = client.order("buy", "0.100", "1.00", time_in_force="ioc")
    assert (unfilled["status"], unfilled["reports"][-1]["reason"]) == ("cancelled", "unfilled")
    assert client.ask("DELETE", "/api/v1/orders")["cancelled"] == 4


def plain(client: Client, method: str, path: str, body: bytes = b"") -> Callable[[], Any]:
    """A request without a signature that must fail."""

    def ask() -> Any:
        raise ApiError(client.send(method, path, body))

    return ask


def test_every_error_has_its_code(exchange: Process) -> None:
    client, operator = exchange.client(), exchange.operator()
    reader = Client(exchange.url, Ed25519PrivateKey.generate())
    reader.account = client.account
    reader.key = operator.operate("add_key", public_key=reader.public_key, account=client.account, role="read")["key"]
    assert reader.get("/api/v1/balances") == client.get("/api/v1/balances")
    order = client.order("sell", "1.000", "500.00", client_id="one")
    client.order("sell", "1.000", "500.00", client_id="other")
    path = f"/api/v1/orders/{order['order_id']}"

    cases: list[tuple[int, str, Callable[[], Any]]] = [
        (400, "invalid_request", lambda: client.order("buy", "x", "1.00")),
        (400, "invalid_request", lambda: client.order("buy", "1.0001", "1.00")),
        (400, "invalid_request", lambda: client.order("buy", "-1.000", "1.00")),
        (400, "invalid_request", lambda: client.order("buy", "1.000")),
        (400, "invalid_request", lambda: client.order("bye", "1.000", "1.00")),
        (400, "invalid_request", lambda: client.order("buy", "1.000", "1.00", client_id="")),
        (400, "invalid_request", lambda: client.order("buy", "1.000", "1.00", client_id="x" * 41)),
        (400, "invalid_request", lambda: client.order("buy", "1.000", "1.00", client_id="a\tb")),
        (400, "invalid_request", lambda: client.order("buy", "1.000", "1.00", account=1)),
        (400, "invalid_request", lambda: client.post("/api/v1/orders", ["not", "an", "order"])),
        (400, "invalid_request", lambda: client.ask("PUT", path, {})),
        (400, "invalid_request", lambda: client.get("/api/v1/markets/BTC-USD/book?limit=1001", is_signed=False)),
        (400, "invalid_request", lambda: client.get("/api/v1/markets/BTC-USD/book?limit=0", is_signed=False)),
        (400, "invalid_request", lambda: client.get("/api/v1/markets/BTC-USD/candles?interval=2m", is_signed=False)),
        (400, "invalid_request", plain(client, "POST", "/api/v1/demo", b"{")),
        (400, "invalid_request", plain(client, "POST", "/api/v1/demo", b'{"public_key": "00"}')),
        (400, "invalid_request", plain(client, "POST", "/api/v1/demo", b'{"public_key": "\xff"}')),
        (400, "invalid_request", plain(client, "POST", "/api/v1/demo", b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}")),
        (400, "invalid_request", lambda: operator.operate("add_asset", symbol="A/B", decimals=2)),
        (401, "missing_key", plain(client, "GET", "/api/v1/balances")),
        (403, "wrong_role", lambda: reader.order("buy", "1.000", "1.00")),
        (403, "wrong_role", lambda: client.operate("kill_all")),
        (403, "wrong_role", lambda: operator.get("/api/v1/balances")),
        (404, "not_found", plain(client, "GET", "/api/v1/nothing")),
        (404, "unknown_market", lambda: client.order("buy", "1.000", "1.00", market="XYZ")),
        (404, "unknown_market", lambda: client.get("/api/v1/markets/XYZ/ticker", is_signed=False)),
        (404, "unknown_order", lambda: client.get("/api/v1/orders/999999")),
        (404, "unknown_order", lambda: client.get("/api/v1/orders?client_id=nobody")),
        (404, "unknown_order", lambda: exchange.client().get(path)),
        (404, "unknown_order_of_account", lambda: exchange.client().ask("DELETE", path)),
        (404, "unknown_order_of_account", lambda: client.ask("DELETE", "/api/v1/orders?client_id=nobody")),
        (404, "unknown_account", lambda: operator.operate("deposit", account=10**6, asset="USD", amount="1")),
        (404, "unknown_account", lambda: operator.operate("add_key", account=10**6, public_key=client.public_key)),
        (405, "method_not_allowed", plain(client, "PUT", "/api/v1/time")),
        (409, "insufficient_funds", lambda: client.order("buy", "100000.000", "100.00")),
        (409, "duplicate_client_id", lambda: client.ask("PUT", path, {"price": "501.00", "client_id": "other"})),
        (409, "price_collar", lambda: client.order("buy", "1.000", "151.00", market="BTC-ALT")),
        (409, "time_in_force", lambda: client.order("buy", "1.000", kind="market", time_in_force="gtc")),
        (409, "missing_bound", lambda: client.order("buy", "1.000", kind="market")),
        (409, "zero_quantity", lambda: client.order("buy", "0.000", "1.00")),
        (409, "price_range", lambda: client.order("buy", "1.000", "0.00")),
        (409, "already_expired", lambda: client.order("buy", "1.000", "1.00", time_in_force="gtd", expires_ns=1)),
        (409, "would_cross", lambda: exchange.client().order("buy", "1.000", "500.00", post_only=True)),
        (409, "zero_amount", lambda: operator.operate("deposit", account=1, asset="USD", amount="0")),
        (409, "wrong_state", lambda: operator.operate("uncross", market="BTC-USD")),
        (409, "wrong_symbol", lambda: operator.operate("add_asset", symbol="USD", decimals=2)),
        (409, "key_in_use", lambda: operator.operate("add_key", account=1, public_key=client.public_key)),
        (409, "key_in_use", lambda: client.post("/api/v1/demo", {"public_key": reader.public_key}, is_signed=False)),
        (413, "body_too_large", lambda: client.order("buy", "1.000", "1.00", client_id="x" * 20_000)),
    ]
    for status, code, ask in cases:
        assert refused(ask) == (status, code)
    elsewhere = {"unknown_key", "wrong_timestamp", "wrong_signature", "replayed_signature", "too_many_requests"}
    elsewhere |= {"too_many_streams", "too_many_subscriptions", "demo_full", "stopping"}
    # What only a full queue, a broken disk or a defect would give, and what the native side names first.
    elsewhere |= {"busy", "failed", "internal", "unknown_asset"}
    assert set(CODES) - elsewhere == {code for _, code, _ in cases if code in CODES}


def test_errors_name_expected_and_received(exchange: Process) -> None:
    client = exchange.client()
    with pytest.raises(ApiError) as error:
        client.order("buy", "1.0001", "1.00")
    assert "quantity" in error.value.error["expected"] and "1.0001" in error.value.error["received"]
    with pytest.raises(ApiError) as error:
        client.post("/api/v1/orders", {"market": "BTC-USD", "side": "buy", "quantity": 5})
    assert error.value.error["expected"] == "quantity: `str`" and error.value.error["received"] == "`int`"
    operator = exchange.operator()
    for fields, expected, received in (
        ({"account": "1", "asset": "USD", "amount": "1"}, "account: `int`", "`str`"),
        ({"account": 1.5, "asset": "USD", "amount": "1"}, "account: `int`", "`float`"),
        ({"account": True, "asset": "USD", "amount": "1"}, "account: `int`", "`bool`"),
    ):
        with pytest.raises(ApiError) as error:
            operator.operate("deposit", **fields)
        assert (error.value.error["expected"], error.value.error["received"]) == (expected, received)
    for ask, expected, received in (
        (lambda: client.ask("DELETE", "/api/v1/orders?clientid=x"), "query: client_id, market", "'clientid'"),
        (lambda: client.get("/api/v1/markets/BTC-USD/book?depth=5"), "query: limit, shape", "'depth'"),
        (lambda: client.get("/api/v1/time?x=1"), "query: none", "'x'"),
        (lambda: client.ask("DELETE", "/api/v1/orders?market=A&market=B"), "market: one value", "2"),
        (lambda: client.get("/api/v1/markets/BTC-USD/trades?limit=-5"), "limit: `int` >= 1", "'-5'"),
        (lambda: client.get("/api/v1/markets/BTC-USD/trades?limit=many"), "limit: `int | null`", "'many'"),
        (lambda: client.get(f"/api/v1/orders/{2**63}"), f"order_id: `int` <= {2**63 - 1}", str(2**63)),
        (lambda: client.order("buy", "1.000", "1.00", client_id="x" * 41), "client_id: `str` of length <= 40", None),
        (lambda: operator.operate("add_asset", symbol="A", decimals=19), "decimals: `int` <= 18", "19"),
        (lambda: client.order("bye", "1.000", "1.00"), "side: one of buy, sell", "'bye'"),
        (lambda: operator.operate("halt", markt="A"), "one of market", "markt"),
        (lambda: client.get("/api/v1/orders/history?market=XYZ"), "a symbol of GET markets", "'XYZ'"),
        (lambda: client.get("/api/v1/fills?since_index=3"), "since_index: it with since_entry", "3 alone"),
    ):
        with pytest.raises(ApiError) as error:
            ask()
        received = json.dumps("x" * 41) if received is None else received
        assert (error.value.error["expected"], error.value.error["received"]) == (expected, received)
    for post_only in ("true", 1):
        with pytest.raises(ApiError) as error:
            client.order("buy", "1.000", "1.00", post_only=post_only)
        assert error.value.error["expected"] == "post_only: `bool`"


def test_altered_and_replayed_requests_are_refused(exchange: Process) -> None:
    client, other = exchange.client(), exchange.client()
    body = json.dumps({"market": "BTC-USD", "side": "buy", "quantity": "1.000", "price": "2.00"}).encode()
    path = "/api/v1/orders"
    headers = client.headers("POST", path, body)
    signature = base64.b64decode(headers["PB-SIGNATURE"])
    flipped = base64.b64encode(bytes([signature[0] ^ 1]) + signature[1:]).decode()

    def code(method: str = "POST", where: str = path, what: bytes = body, **changed: str) -> str:
        response = client.send(method, where, what, {**headers, **changed})
        return "fine" if response.is_success else str(response.json()["error"]["code"])

    def named(name: str, value: str) -> dict[str, str]:
        return {name: value}

    assert code(what=body.replace(b"1.000", b"9.000")) == "wrong_signature"
    assert code(what=body + b" ") == "wrong_signature"
    assert code(where=path + "?x=1") == "wrong_signature"
    assert code("DELETE") == "wrong_signature"
    assert code(**named("PB-TIMESTAMP", str(int(headers["PB-TIMESTAMP"]) + 1))) == "wrong_signature"
    assert code(**named("PB-TIMESTAMP", "0" + headers["PB-TIMESTAMP"])) in ("wrong_signature", "fine")
    assert code(**named("PB-SIGNATURE", flipped)) == "wrong_signature"
    assert code(**named("PB-SIGNATURE", "AAAA")) == "wrong_signature"
    assert code(**named("PB-KEY", other.key)) == "wrong_signature"
    assert code(**named("PB-KEY", "0" * 16)) == "unknown_key"
    assert code(**named("PB-KEY", "'; DROP TABLE keys; --")) == "unknown_key"
    for away_ms in (-WINDOW_MS - 1000, WINDOW_MS + 3_600_000):
        away = client.headers("POST", path, body, time_ms=time.time_ns() // 1_000_000 + away_ms)
        assert client.send("POST", path, body, away).json()["error"]["code"] == "wrong_timestamp"

    fresh = client.headers("POST", path, body)
    assert client.send("POST", path, body, fresh).is_success
    for _ in range(2):
        again = client.send("POST", path, body, fresh)
        assert (again.status_code, again.json()["error"]["code"]) == (401, "replayed_signature")
    assert len(client.get("/api/v1/orders")) <= 2


def test_an_operator_runs_the_exchange(exchange: Process) -> None:
    operator, client = exchange.operator(), exchange.client()
    account = operator.operate("open_account")["account"]
    assert operator.get("/api/v1/operator/accounts")["count"] == account
    trader = Client(exchange.url, Ed25519PrivateKey.generate())
    trader.key = operator.operate("add_key", public_key=trader.public_key, account=account, role="trade")["key"]
    operator.operate("deposit", account=account, asset="USD", amount="1000")
    operator.operate("withdraw", account=account, asset="USD", amount="250.5")
    operator.operate("set_credit", account=account, asset="USD", amount="100")
    usd = trader.balances()["USD"]
    assert (usd["total"], usd["credit"], usd["available"]) == ("749.500000", "100.000000", "849.500000")

    operator.operate("add_asset", symbol="EUR", decimals=4)
    listed = {"symbol": "BTC-EUR", "base": "BTC", "quote": "EUR", "price_decimals": 2, "quantity_decimals": 2}
    operator.operate("list_market", **listed)
    assert refused(lambda: client.order("sell", "1.00", "10.00", market="BTC-EUR")) == (409, "market_closed")
    operator.operate("deposit", account=account, asset="EUR", amount="500")
    operator.operate("open_auction", market="BTC-EUR")
    sold = client.order("sell", "1.00", "10.00", market="BTC-EUR")
    bought = trader.order("buy", "1.00", "12.00", market="BTC-EUR")
    assert (sold["status"], bought["status"]) == ("live", "live")
    operator.operate("uncross", market="BTC-EUR")
    assert client.get(f"/api/v1/orders/{sold['order_id']}")["status"] == "filled"
    markets = {market["symbol"]: market for market in client.get("/api/v1/markets", is_signed=False)}
    assert markets["BTC-EUR"]["state"] == "continuous"
    operator.operate("halt", market="BTC-EUR")
    assert refused(lambda: client.order("sell", "1.00", "10.00", market="BTC-EUR"))[1] == "market_halted_by_operator"
    operator.operate("resume", market="BTC-EUR")
    operator.operate("close", market="BTC-EUR")
    operator.operate("open", market="BTC-EUR")

    operator.operate("set_market_fees", market="BTC-EUR", maker_fee=1, taker_fee=100)
    operator.operate("set_account_fees", account=account, maker_fee=0, taker_fee=0)
    client.order("sell", "1.00", "10.00", market="BTC-EUR")
    assert trader.order("buy", "1.00", "10.00", market="BTC-EUR")["fees"] == "0.0000"
    operator.operate("set_self_trade", account=account, self_trade="cancel_newest")
    operator.operate("set_limits", account=account, market="BTC-EUR", quantity_max="2.00", open_orders_max=1)
    assert refused(lambda: trader.order("buy", "2.01", "1.00", market="BTC-EUR"))[1] == "account_quantity_limit"
    trader.order("buy", "2.00", "1.00", market="BTC-EUR")
    assert refused(lambda: trader.order("buy", "2.00", "1.00", market="BTC-EUR"))[1] == "open_orders_limit"
    assert operator.operate("kill_account", account=account)["cancelled"] == 1
    assert refused(lambda: trader.order("buy", "1.00", "1.00", market="BTC-EUR"))[1] == "account_killed"
    operator.operate("revive_account", account=account)
    operator.operate("kill_all")
    assert refused(lambda: client.order("buy", "1.000", "1.00"))[1] == "exchange_killed"
    assert client.get("/api/v1/status", is_signed=False)["is_killed"]
    operator.operate("revive_all")
    client.order("buy", "1.000", "1.00")


def test_many_clients_at_once_lose_nothing(exchange: Process) -> None:
    clients = [exchange.client() for _ in range(4)]

    def trade(client: Client) -> list[int]:
        return [client.order("buy", "0.001", "1.00")["order_id"] for _ in range(25)]

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(trade, clients))
    for client, expected in zip(clients, ids, strict=True):
        assert [order["order_id"] for order in client.get("/api/v1/orders")] == expected
        assert client.ask("DELETE", "/api/v1/orders")["cancelled"] == 25


def test_public_routes(exchange: Process) -> None:
    client = exchange.client()
    assert client.get("/health", is_signed=False) == {"status": "ok"}
    assert client.get("/ready", is_signed=False) == {"status": "ready"}
    before_ms = time.time_ns() // 1_000_000
    told_ms = client.get("/api/v1/time", is_signed=False)["time_ms"]
    # The clock may be set meanwhile, by a little.
    assert before_ms - 1000 <= told_ms <= time.time_ns() // 1_000_000 + 1000
    status = client.get("/api/v1/status", is_signed=False)
    assert status["acknowledged"] == status["sequence"] > 0 and status["limits"]["body_bytes_max"] == 16_384
    assert {asset["symbol"]: asset["decimals"] for asset in client.get("/api/v1/assets", is_signed=False)}["BTC"] == 8
    page = client.send("GET", "/")
    assert page.status_code == 200 and "exchange" in page.text.lower()
    document = client.get("/api/v1/openapi.json", is_signed=False)
    orders = document["paths"]["/api/v1/orders"]
    assert set(orders) == {"get", "post", "delete"}
    assert orders["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/OrderTerms")
    assert {"200", "400", "401", "404", "409", "429", "503"} <= set(orders["post"]["responses"])
    assert "/api/v1/operator/list_market" in document["paths"]


def test_trades_candles_and_tickers(exchange: Process) -> None:
    alice, bob = exchange.client(), exchange.client()
    for price, quantity in (("70.00", "1.000"), ("75.00", "0.500"), ("60.00", "2.000")):
        alice.order("sell", quantity, price)
        assert bob.order("buy", quantity, price)["status"] == "filled"
    assert bob.order("buy", "0.250", "55.00")["status"] == "live"
    assert alice.order("sell", "0.125", "80.00")["status"] == "live"
    trades = alice.get("/api/v1/markets/BTC-USD/trades?limit=3", is_signed=False)
    assert [(trade["price"], trade["quantity"], trade["side"]) for trade in trades] == [
        ("70.00", "1.000", "buy"),
        ("75.00", "0.500", "buy"),
        ("60.00", "2.000", "buy"),
    ]
    assert trades[0]["id"] < trades[1]["id"] < trades[2]["id"]
    # There are two of them where the day ends meanwhile.
    days = alice.get("/api/v1/markets/BTC-USD/candles?interval=1d&limit=2", is_signed=False)
    assert days[-1]["close"] == "60.00" and max(Decimal(day["high"]) for day in days) >= 75
    assert all(day["start_ns"] % (86_400 * 10**9) == 0 for day in days)
    minutes = alice.get("/api/v1/markets/BTC-USD/candles?limit=1000", is_signed=False)
    assert sum(minute["trades"] for minute in minutes) == sum(day["trades"] for day in days)
    ticker = alice.get("/api/v1/markets/BTC-USD/ticker", is_signed=False)
    assert (ticker["last"], ticker["bid"], ticker["bid_quantity"]) == ("60.00", "55.00", "0.250")
    assert (ticker["ask"], ticker["low"]) == ("80.00", ticker["low"])
    assert Decimal(ticker["volume"]) >= Decimal("3.5")
    for client in (alice, bob):
        client.ask("DELETE", "/api/v1/orders")


def test_proofs_and_receipts(tmp_path: Path) -> None:
    folder = tmp_path / "exchange"
    proofs = folder / "proofs" / "BTC-USD"
    shutil.copytree(ROOT / "examples/proof", proofs)
    for name in ("chain.proof", "chain.batches"):
        shutil.copyfile(ROOT / "examples/chain" / name, proofs / name)
    proven = [proofbook.verify(proofs / f"{number:06}.proof") for number in (1, 2)]
    names = ("batch", "first_sequence", "last_sequence", "commands", "events", "previous_root", "new_root")
    lines = [{name: getattr(values, name) for name in names} for values in proven]
    lines.append({**lines[-1], "batch": 3, "previous_root": lines[-1]["new_root"]})
    (proofs / "batches.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (proofs / "broken.proof").write_bytes((proofs / "chain.proof").read_bytes()[:-1])
    public_key = proofbook.keygen(tmp_path / "receipts.key")
    changes = {'sync = "none"': f'sync = "group"\nreceipt_key = "{tmp_path / "receipts.key"}"'}
    process = Process(folder, changes=changes)
    try:
        client = process.client()
        found, other = client.get("/api/v1/proofs", is_signed=False)
        assert (found["market"], found["number"], found["receipt_public_key"]) == ("BTC-USD", 1, public_key)
        assert [batch["state"] for batch in found["batches"]] == ["proven", "proven", "sealed"]
        assert found["batches"][1]["new_root"] == proven[1].new_root
        [chain] = found["chains"]
        assert (chain["file"], chain["batches_file"], chain["first_batch"]) == ("chain.proof", "chain.batches", 1)
        assert other["batches"] == other["chains"] == [] and other["config"] is None
        for name in ("000001.proof", "chain.proof", "market.config"):
            served = client.send("GET", f"/api/v1/proofs/BTC-USD/{name}")
            assert served.content == (proofs / name).read_bytes(), name
        assert client.send("GET", found["config"]).content == (proofs / "market.config").read_bytes()
        for name in ("none.proof", "..%2Fbatches.jsonl", "%2e%2e", ".hidden", "../../keys.sqlite"):
            assert client.send("GET", f"/api/v1/proofs/BTC-USD/{name}").status_code == 404, name
        (proofs / "link").symlink_to(folder / "operator.key")
        assert client.send("GET", "/api/v1/proofs/BTC-USD/link").status_code == 404

        for number in range(3):
            client.order("sell", "0.100", f"{100 + number}.00")
        deadline_s = time.monotonic() + PATIENCE_S
        while client.get("/api/v1/proofs", is_signed=False)[0]["sequence"] < 3:
            assert time.monotonic() < deadline_s, "the market's journal follows"
            time.sleep(0.05)
        (tmp_path / "receipts.key").unlink()  # It was read at the start.
        for number in (1, 2, 3):
            receipt = proofbook.Receipt.decode(client.send("GET", f"/api/v1/receipts/BTC-USD/{number}").content)
            receipt.verify(public_key)
            assert (receipt.market, receipt.sequence) == (1, number)
        assert refused(lambda: client.get("/api/v1/receipts/BTC-USD/99", is_signed=False)) == (404, "not_found")
    finally:
        assert process.stop() == 0, process.errors()


def pipelined(process: Process, requests: list[tuple[str, dict[str, str]]]) -> list[str]:
    """The answers, from their status on, to requests that are sent at once: no client is too slow for a limit so."""
    host, port = process.url.removeprefix("http://").split(":")
    text = ""
    for path, headers in requests:
        lines = [f"GET {path} HTTP/1.1", "host: x", *(f"{name}: {value}" for name, value in headers.items())]
        text += "\r\n".join(lines) + "\r\n\r\n"
    received = b""
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        connection.sendall(text.encode())
        while received.count(b"HTTP/1.1 ") < len(requests) or received[-1:] not in b"]}":
            received += connection.recv(65_536)
    return received.decode().split("HTTP/1.1 ")[1:]


def test_limits_of_requests_and_of_accounts(tmp_path: Path) -> None:
    # So slow that a machine which stands still for some seconds does not bring all of it back.
    limits = (
        "requests_per_s_per_key = 1\nrequests_per_s_per_address = 6\nburst_s = 5\nconnections_per_address_max = 10\n"
    )
    process = Process(tmp_path / "exchange", limits=limits, changes={"accounts_max = 30": "accounts_max = 2"})
    try:
        client = process.client()
        again = client.post("/api/v1/demo", {"public_key": client.public_key}, is_signed=False)
        assert again == {"account": client.account, "key": client.key}
        other = process.client()
        assert refused(process.client) == (409, "demo_full")

        path = "/api/v1/balances"
        answers = pipelined(process, [(path, client.headers("GET", path, b"")) for _ in range(12)])
        assert [answer[:3] for answer in answers[:5]] == ["200"] * 5
        limited = next(answer for answer in answers if answer.startswith("429"))
        assert "retry-after: 1\r\n" in limited.lower() and '"code":"too_many_requests"' in limited
        assert other.get(path), "another key has requests of its own"
        answers = pipelined(process, [("/api/v1/time", {})] * 80)
        assert "429" in {answer[:3] for answer in answers}
        host, port = process.url.removeprefix("http://").split(":")
        crowd = [socket.create_connection((host, int(port))) for _ in range(12)]
        # Those of the clients count too.
        assert b"429" in crowd[-1].recv(1000)
        with contextlib.suppress(ConnectionError):
            # It may be refused before all of it was sent.
            crowd[0].sendall(b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 10_000)
        assert b" 431 " in crowd[0].recv(1000)
        crowd[1].sendall(b"no such thing as this\r\n\r\n")
        answer = crowd[1].recv(1000)
        assert answer.startswith(b"HTTP/1.1 400 ") and b'"code":"invalid_request"' in answer
        for connection in crowd:
            connection.close()
        deadline_s = time.monotonic() + PATIENCE_S
        while not client.send("GET", path, headers=client.headers("GET", path, b"")).is_success:
            assert time.monotonic() < deadline_s, "more may be asked for after a while"
            time.sleep(1)
    finally:
        assert process.stop() == 0
