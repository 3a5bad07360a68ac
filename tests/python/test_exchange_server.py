"""The exchange as a whole, as Python runs it: requests and messages are JSON, nothing is decided in Python."""

from __future__ import annotations

import json
import select
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proofbook._core import ExchangeServer
from proofbook.errors import BusyError, InputError, StoppedError

PATIENCE_S = 300.0


def config(folder: Path, **changes: object) -> dict[str, Any]:
    """Two assets, a market, two accounts with money, and a FIX session of the second."""
    session = {"id": 1, "account": 2, "version": "FIX.4.4", "client": "BOB", "exchange": "EXCHANGE"}
    settings = {
        "folder": str(folder),
        "fix": "127.0.0.1:0",
        "sync": "none",
        "assets": [{"symbol": "BTC", "decimals": 8}, {"symbol": "USD", "decimals": 6}],
        "markets": [
            {
                "symbol": "BTC-USD",
                "base": "BTC",
                "quote": "USD",
                "price_decimals": 2,
                "quantity_decimals": 3,
                "maker_fee": 0,
                "taker_fee": 10,
                "state": "continuous",
            }
        ],
        "accounts": [{"deposits": {"BTC": "1000", "USD": "1000000"}}] * 2,
        "sessions": [{**session, "authentication": {"kind": "none"}}],
    }
    return settings | changes


class Exchange:
    """A running exchange, and the messages that were not asked for yet."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.server = ExchangeServer.start(json.dumps(settings))
        self.waiting: list[dict[str, Any]] = []

    def query(self, name: str, **fields: object) -> Any:
        return json.loads(self.server.query(json.dumps({"query": name, **fields}).encode()))

    def submit(self, action: str, **fields: object) -> int:
        return self.server.submit(json.dumps({"action": action, **fields}).encode())

    def ask(self, action: str, **fields: object) -> dict[str, Any]:
        """Submit a request and give its answer."""
        return self.message("answer", ticket=self.submit(action, **fields))

    def message(self, kind: str, **fields: object) -> dict[str, Any]:
        """Give the first message of a kind with these fields, and leave the others."""
        end = time.monotonic() + PATIENCE_S
        expected = {"type": kind, **fields}.items()
        while True:
            for index, message in enumerate(self.waiting):
                if expected <= {key: value for key, value in message.items() if not isinstance(value, list)}.items():
                    return self.waiting.pop(index)
            readable, _, _ = select.select([self.server.readiness], [], [], max(0.0, end - time.monotonic()))
            assert readable, f"{kind} {fields} within {PATIENCE_S} s; others are {self.waiting}"
            self.waiting += [json.loads(message) for message in self.server.drain()]


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    running = Exchange(config(tmp_path))
    yield running
    running.server.stop()


def limit(client_id: str, side: str, quantity: str, price: str, **fields: object) -> dict[str, object]:
    return {
        "account": 1,
        "client_id": client_id,
        "market": "BTC-USD",
        "side": side,
        "kind": "limit",
        "quantity": quantity,
        "price": price,
        **fields,
    }


def test_a_client_of_python_and_one_of_fix_trade_with_each_other(exchange: Exchange) -> None:
    answer = exchange.ask("new", **limit("a1", "sell", "1.5", "100.25"))
    assert (answer["refusal"], answer["account"], len(answer["reports"])) == (None, 1, 1)
    (report,) = answer["reports"]
    assert report["execution"] == "new"
    order = report["order"]
    assert (order["status"], order["quantity"], order["limit_price"]) == ("live", "1.500", "100.25")
    assert order["hold"] == "1.50000000"
    book = exchange.query("book", market="BTC-USD", depth=5)
    assert (book["bids"], book["asks"]) == ([], [["100.25", "1.500", 1]])

    assert exchange.server.fix_address is not None
    pytest.importorskip("simplefix")
    from fix_client import FixClient

    host, port = exchange.server.fix_address.split(":")
    bob = FixClient((host, int(port)), "BOB")
    bob.send("D", {11: "b1", 55: "BTC-USD", 54: 1, 38: "0.5", 40: 2, 44: "101", 59: 3})
    assert bob.receive().get(150) == b"0"
    trade = bob.receive()
    assert (trade.get(150), trade.get(31), trade.get(32)) == (b"F", b"100.25", b"0.500")
    stands = exchange.ask("new", **limit("a1", "sell", "1.5", "100.25"))["reports"][0]
    assert (stands["execution"], stands["order"]["filled"], stands["order"]["average"]) == (
        "status",
        "0.500",
        "100.250000",
    )
    usd = exchange.query("balances", account=1)[1]
    assert (usd["asset"], usd["total"], usd["available"]) == ("USD", "1000050.125000", "1000050.125000")
    # The other way round: the order of FIX rests.
    bob.send("D", {11: "b2", 55: "BTC-USD", 54: 1, 38: "1", 40: 2, 44: "99", 59: 1})
    assert bob.receive().get(150) == b"0"
    answer = exchange.ask("new", **limit("a2", "sell", "0.4", "98", time_in_force="ioc"))
    assert [report["execution"] for report in answer["reports"]] == ["new", "trade"]
    traded = answer["reports"][1]
    assert (traded["price"], traded["quantity"], traded["liquidity"], traded["fee"]) == (
        "99.00",
        "0.400",
        "taker",
        "0.039600",
    )
    assert bob.receive().get(150) == b"F"


def test_orders_are_changed_and_cancelled_by_either_id(exchange: Exchange) -> None:
    first = exchange.ask("new", **limit("a1", "buy", "2", "90"))["reports"][0]["order"]
    replaced = exchange.ask("replace", account=1, client_id="a2", original_id="a1", price="91", quantity="3")
    report = replaced["reports"][0]
    assert (report["execution"], report["order"]["client_id"], report["order"]["original_id"]) == (
        "replaced",
        "a2",
        "a1",
    )
    reduced = exchange.ask("reduce", account=1, order_id=first["order_id"], quantity="0.5")["reports"][0]
    assert (reduced["execution"], reduced["quantity"], reduced["order"]["leaves"]) == ("reduced", "0.500", "2.500")
    assert [order["client_id"] for order in exchange.query("open_orders", account=1)] == ["a2"]
    gone = exchange.ask("cancel", account=1, order_id=first["order_id"])["reports"][0]
    assert (gone["execution"], gone["reason"], gone["order"]["status"]) == ("cancelled", "requested", "cancelled")
    again = exchange.ask("cancel", account=1, order_id=first["order_id"])
    assert again["refusal"] == "unknown_order_of_account"
    exchange.ask("new", **limit("a3", "buy", "1", "90"))
    exchange.ask("new", **limit("a4", "buy", "1", "90"))
    every = exchange.ask("mass_cancel", account=1)
    assert (every["cancelled"], len(every["reports"])) == (2, 2)
    assert exchange.query("order", account=1, client_id="a4")["status"] == "cancelled"
    assert exchange.query("order", account=1, client_id="none") is None


def test_whoever_watches_is_told_and_everybody_sees_the_market(exchange: Exchange) -> None:
    exchange.server.watch(1, True)
    exchange.ask("new", **limit("a1", "sell", "1", "100"))
    taken = exchange.message("report")
    assert (taken["report"]["execution"], taken["report"]["order"]["client_id"]) == ("new", "a1")
    book = exchange.message("book", market="BTC-USD")
    assert (book["asks"], book["sequence"], book["previous"]) == ([["100.00", "1.000", 1]], 2, 1)
    held = exchange.message("balance", asset="BTC")
    assert (held["account"], held["held"], held["available"]) == (1, "1.00000000", "999.00000000")
    exchange.ask("new", **limit("b1", "buy", "0.25", "100") | {"account": 2})
    sold = exchange.message("report")
    assert (sold["report"]["execution"], sold["report"]["liquidity"]) == ("trade", "maker")
    assert (sold["entry"], sold["index"]) > (taken["entry"], taken["index"])
    trades = exchange.message("trades", market="BTC-USD")["trades"]
    assert [(trade["price"], trade["quantity"], trade["side"]) for trade in trades] == [("100.00", "0.250", "buy")]
    assert exchange.message("candle", market="BTC-USD")["volume"] == "0.250"
    exchange.server.watch(1, False)
    answer = exchange.ask("cancel", account=1, original_id="a1")
    assert answer["reports"][0]["execution"] == "cancelled"
    assert exchange.message("book", sequence=4)["asks"] == [["100.00", "0", 0]]
    assert not [message for message in exchange.waiting if message["type"] == "report"]


def test_the_reactor_counts(exchange: Exchange) -> None:
    before = json.loads(exchange.server.metrics())
    exchange.ask("new", **limit("a1", "sell", "1", "100"))
    assert exchange.ask("cancel", account=1, order_id=99)["refusal"] == "unknown_order_of_account"
    after = json.loads(exchange.server.metrics())
    grown = {name: after["counters"][name] - before["counters"][name] for name in ("entries", "refusals", "requests")}
    assert grown == {"entries": 2, "refusals": 1, "requests": 2}
    turns = after["histograms"]["turn_ns"]
    bounds, counts = zip(*turns["buckets"], strict=True)
    assert list(bounds) == sorted(bounds)
    assert list(counts) == sorted(counts)
    assert counts[-1] <= turns["count"]


def test_operators_open_accounts_and_list_markets(exchange: Exchange) -> None:
    opened = exchange.ask("open_account")
    assert (opened["account"], opened["refusal"]) == (3, None)
    assert exchange.ask("deposit", account=3, asset="USD", amount="12.5")["refusal"] is None
    assert exchange.ask("withdraw", account=3, asset="USD", amount="13")["refusal"] == "insufficient_funds"
    assert exchange.ask("add_asset", symbol="ETH", decimals=9)["refusal"] is None
    listing = {"symbol": "ETH-USD", "base": "ETH", "quote": "USD", "price_decimals": 2, "quantity_decimals": 4}
    assert exchange.ask("list_market", **listing)["refusal"] is None
    assert exchange.ask("open", market="ETH-USD")["refusal"] is None
    assert exchange.ask("open", market="ETH-USD")["refusal"] == "wrong_state"
    order = {**limit("e1", "buy", "0.0001", "2.00"), "account": 3, "market": "ETH-USD"}
    assert exchange.ask("new", **order)["reports"][0]["order"]["hold"] == "0.000200"
    states = {market["symbol"]: market["state"] for market in exchange.query("markets")}
    assert states == {"BTC-USD": "continuous", "ETH-USD": "continuous"}
    assert exchange.ask("kill_account", account=3)["cancelled"] == 1
    assert exchange.ask("new", **{**order, "client_id": "e2"})["refusal"] == "account_killed"
    assert exchange.query("accounts") == {"count": 3}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("{", "expected a JSON object"),
        ("[]", "expected an object, received \\[\\]"),
        ({"action": "fly"}, 'action: expected the name of an action, received "fly"'),
        ({"action": "cancel", "account": 1}, "an order_id or an original_id, received neither"),
        ({"action": "open_account", "extra": 1}, 'no other fields than action, received "extra"'),
        ({"action": "new", **limit("a", "buy", "1.0001", "1")}, 'quantity: expected a decimal .*, received "1.0001"'),
        ({"action": "new", **limit("a", "buy", "1", "-1")}, "price: expected a decimal"),
        (
            {"action": "new", **limit("a", "buy", "1", "1"), "market": "X"},
            'market: expected the symbol of a market, received "X"',
        ),
        ({"action": "new", **limit("a" * 41, "buy", "1", "1")}, "client_id: expected 1 to 40 printable characters"),
        (
            {"action": "new", **limit("a", "buy", "1", "1"), "quantity": 1},
            "quantity: expected a decimal .*, received 1",
        ),
        (
            {"action": "new", **limit("a", "buy", "1", "1"), "time_in_force": "gtd"},
            "expires_ns: expected .*, received nothing",
        ),
        ({"action": "deposit", "account": 1, "asset": "XRP", "amount": "1"}, "asset: expected the symbol of an asset"),
    ],
)
def test_what_is_no_request_is_an_error_that_says_so(exchange: Exchange, request_: object, expected: str) -> None:
    text = request_ if isinstance(request_, str) else json.dumps(request_)
    before = exchange.query("status")["sequence"]
    with pytest.raises(InputError, match=expected):
        exchange.server.submit(text.encode())
    assert exchange.query("status")["sequence"] == before


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"fix": "nowhere"}, "fix: expected an address"),
        ({"sync": "always"}, 'sync: expected one of "group", "none", received "always"'),
        ({"assets": [{"symbol": "BTC"}]}, r"assets\[0\].decimals: expected a whole number, received nothing"),
        ({"accounts": [{"deposits": {"XRP": "1"}}]}, r"accounts\[0\].deposits: expected no other fields than BTC, USD"),
        ({"sessions": [{"id": 1}]}, r"sessions\[0\].client"),
        ({"wings": 2}, "wings"),
    ],
)
def test_what_is_no_configuration_is_an_error_that_says_where(
    tmp_path: Path, changes: dict[str, object], expected: str
) -> None:
    with pytest.raises(InputError, match=expected):
        ExchangeServer.start(json.dumps(config(tmp_path, **changes)))


def test_it_stops_in_order_and_goes_on_from_its_files(tmp_path: Path) -> None:
    first = Exchange(config(tmp_path))
    first.ask("new", **limit("a1", "buy", "1", "90"))
    before = first.query("status")
    first.server.stop()
    first.server.stop()
    with pytest.raises(StoppedError):
        first.submit("open_account")
    assert list((tmp_path / "log").glob("*.snapshot")), "a snapshot was taken"
    second = Exchange(config(tmp_path))
    after = second.query("status")
    assert after["sequence"] == before["sequence"] == after["acknowledged"]
    assert [order["client_id"] for order in second.query("open_orders", account=1)] == ["a1"]
    # What was done is not done twice: the id names the order that is there.
    assert second.ask("new", **limit("a1", "buy", "1", "90"))["reports"][0]["execution"] == "status"
    second.server.stop()


def test_a_full_queue_says_so_and_loses_nothing(exchange: Exchange) -> None:
    tickets, busy = [], 0
    body = json.dumps({"action": "cancel", "account": 1, "order_id": 7}).encode()
    for _ in range(200_000):
        try:
            tickets.append(exchange.server.submit(body))
        except BusyError:
            busy += 1
            if busy > 3:
                break
    answered = [exchange.message("answer", ticket=ticket)["ticket"] for ticket in tickets[-50:]]
    assert answered == tickets[-50:]
    assert exchange.query("status")["published"] >= len(tickets)
