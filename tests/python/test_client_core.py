"""What both clients share, without a network: what is signed, what is sent again, what streams make of messages."""

from __future__ import annotations

import base64
import doctest
import hashlib
import importlib
import inspect
import itertools
import stat
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="the packages of the extra `exchange` are not installed")

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import proofbook
from proofbook.client import AsyncClient, Client, Key, Market, Order, Reconciled, Report, calls, errors, feeds
from proofbook.client.book import checksum_of
from proofbook.client.endpoint import ATTEMPTS_MAX, Call, Endpoint
from proofbook.client.types import Balance, Change, Time
from proofbook.errors import InputError, ProofbookError


def call_of(method: str = "GET", path: str = "/status") -> Call[Any]:
    return Call(method, path, Any)


# Keys.


def test_a_key_is_kept_in_a_file_of_its_owner(tmp_path: Path) -> None:
    key = Key.generate()
    path = tmp_path / "folder" / "my.key"
    key.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Key.load(path).public_key == key.public_key
    assert key.id == hashlib.sha256(bytes.fromhex(key.public_key)).hexdigest()[:16]
    secret = path.read_text().strip()
    assert secret not in repr(key) and secret not in str(vars(Endpoint("http://x", key)))
    with pytest.raises(InputError, match="exists"):
        Key.generate().save(path)
    path.chmod(0o640)
    with pytest.raises(InputError, match="mode 640"):
        Key.load(path)
    path.chmod(0o600)
    path.write_text("none")
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        Key.load(path)


def test_the_operators_key_of_receipts_is_read_too(tmp_path: Path) -> None:
    public_key = proofbook.keygen(tmp_path / "operator.key")
    assert Key.load(tmp_path / "operator.key").public_key == public_key


def test_requests_are_signed_over_everything_and_never_twice_alike() -> None:
    key = Key.generate()
    endpoint = Endpoint("http://127.0.0.1:8000/", key)
    call = calls.new_order("BTC-USD", "buy", "1.5", price=Decimal("1E+2"), client_id="a b&c")
    seen = set()
    for _ in range(50):
        headers = endpoint.headers(call)
        text = f"{headers['PB-TIMESTAMP']}\nPOST\n/api/v1/orders\n".encode() + call.body
        verifier = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public_key))
        verifier.verify(base64.b64decode(headers["PB-SIGNATURE"]), text)
        assert headers["PB-KEY"] == key.id
        seen.add(headers["PB-SIGNATURE"])
    assert len(seen) == 50
    expected = {"market": "BTC-USD", "side": "buy", "kind": "limit", "quantity": "1.5", "price": "100"}
    assert msgspec.json.decode(call.body) == {**expected, "client_id": "a b&c"}
    assert calls.order(None, "a b&c").target == "/api/v1/orders?client_id=a+b%26c"
    assert "PB-KEY" not in endpoint.headers(calls.status())
    with pytest.raises(InputError, match="with a key"):
        Endpoint("http://127.0.0.1:8000", None).headers(call)


@pytest.mark.parametrize("value", [1.5, True, "one", "NaN", "Infinity", None, Decimal("sNaN")])
def test_what_is_no_exact_decimal_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="quantity: expected"):
        calls.new_order("BTC-USD", "buy", value, price=1)


def test_bad_arguments_are_refused_before_anything_is_sent() -> None:
    for url in ("127.0.0.1:8000", "ftp://x", ""):
        with pytest.raises(InputError, match="expected an address"):
            Endpoint(url, None)
    for client_id in ("", "x" * 41, "ü", "a\n"):
        with pytest.raises(InputError, match="client id"):
            calls.new_order("BTC-USD", "buy", 1, client_id=client_id)
    with pytest.raises(InputError, match="buy or sell"):
        calls.new_order("BTC-USD", "long", 1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="either"):
        calls.order(1, "x")
    with pytest.raises(InputError, match="new price"):
        calls.replace(1)


@given(st.booleans(), st.booleans())
def test_the_kind_of_an_order_follows_from_its_prices(has_price: bool, has_stop: bool) -> None:
    call = calls.new_order("M", "sell", 1, price=2 if has_price else None, stop_price=3 if has_stop else None)
    kind = ("stop_limit" if has_price else "stop") if has_stop else ("limit" if has_price else "market")
    assert msgspec.json.decode(call.body)["kind"] == kind


# Errors.


def answer_of(status: int, content: bytes, retry_after: str | None = None) -> Any:
    return Endpoint("http://127.0.0.1:1", None).read(call_of(), status, retry_after, content)


def error_of(status: int, code: str, **fields: str) -> errors.ApiError:
    body = msgspec.json.encode({"error": {"code": code, "message": "words", **fields}})
    with pytest.raises(errors.ApiError) as raised:
        answer_of(status, body, "3")
    return raised.value


def test_each_code_has_its_exception() -> None:
    for kind, codes in errors.CODES.items():
        for code in codes:
            assert type(error_of(418, code)) is kind, code
            assert type(errors.api_error(0, code, "")) is kind
    for status, kind in errors.BY_STATUS.items():
        assert type(error_of(status, "a_new_one")) is kind
    assert type(error_of(500, "internal")) is errors.ApiError
    error = error_of(409, "would_cross", expected="a price below 100", received="101")
    assert (type(error), error.code, error.status) == (errors.RefusedError, "would_cross", 409)
    assert str(error) == "would_cross: words; expected a price below 100; received 101"
    assert (error.expected, error.received) == ("a price below 100", "101")
    limited = error_of(429, "too_many_requests")
    assert isinstance(limited, errors.RateLimitError) and limited.retry_after_s == 3


def test_the_tree_of_exceptions_is_the_one_of_its_documentation() -> None:
    """Each class stands in the tree, below its base."""
    assert errors.__doc__ is not None
    above: dict[int, str] = {}
    for line in errors.__doc__.splitlines():
        name = line.lstrip(" │├└─").split(" ")[0]
        if name.endswith("Error"):
            depth = len(line) - len(line.lstrip(" │├└─"))
            above[depth] = name
            if depth > min(above):
                kind = ProofbookError if name == "ProofbookError" else getattr(errors, name)
                assert above[max(place for place in above if place < depth)] in [
                    base.__name__ for base in kind.__bases__
                ]
    kinds = {
        name for name, value in vars(errors).items() if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert kinds <= set(errors.__doc__.split())


@pytest.mark.parametrize(
    ("status", "content"),
    [(200, b"<html>"), (502, b"bad gateway"), (404, b'{"detail":"no"}'), (200, b'{"sequence":1}')],
)
def test_an_answer_of_something_else_says_what_it_was(status: int, content: bytes) -> None:
    endpoint = Endpoint("http://127.0.0.1:1", None)
    with pytest.raises(errors.AnswerError, match="expected an answer of proofbook's interface; received status"):
        endpoint.read(calls.status(), status, None, content)


def test_what_is_sent_again_and_what_is_not() -> None:
    endpoint = Endpoint("http://127.0.0.1:1", None)
    place = calls.new_order("BTC-USD", "buy", 1, price=1, client_id="mine")

    def pause(error: errors.ExchangeError, attempt: int = 1, call: Call[Any] = place) -> float:
        return endpoint.pause_before_next(call, attempt, error)

    unanswered = endpoint.unanswered(place, TimeoutError())
    assert unanswered.client_id == "mine" and "mine" in str(unanswered)
    pauses = [max(pause(unanswered, attempt) for _ in range(200)) for attempt in range(1, ATTEMPTS_MAX)]
    assert all(later > 1.5 * earlier for earlier, later in itertools.pairwise(pauses)), "pauses grow"
    with pytest.raises(errors.UnansweredError):
        pause(unanswered, call=calls.operate("deposit", {"account": 3, "asset": "BTC", "amount": "1"}))
    limited = errors.RateLimitError("too_many_requests", "")
    limited.retry_after_s = 2
    for error in (
        unanswered,
        errors.UnavailableError("busy", ""),
        limited,
        errors.AuthenticationError("replayed_signature", ""),
    ):
        assert pause(error) > 0
        with pytest.raises(type(error)):
            pause(error, ATTEMPTS_MAX)
    assert pause(limited) >= 2
    limited.retry_after_s = 3600
    refused = errors.InsufficientFundsError("insufficient_funds", "")
    for error in (limited, refused, errors.UnavailableError("failed", ""), errors.AnswerError("x")):
        with pytest.raises(type(error)):
            pause(error)
    with pytest.raises(errors.ConnectionFailedError):
        assert pause(endpoint.unsent(OSError("refused"))) > 0
        pause(endpoint.unsent(OSError("refused")), 2)


def test_a_clock_that_is_wrong_is_set_by_the_exchanges_once() -> None:
    endpoint = Endpoint("http://127.0.0.1:1", Key.generate())
    before = endpoint.timestamp_ms()
    wrong = errors.AuthenticationError("wrong_timestamp", "")
    assert not endpoint.asks_time(errors.AuthenticationError("wrong_signature", ""))
    assert endpoint.asks_time(wrong)
    for ahead_ms in (3_600_000, -3_600_000):
        endpoint.take_time(Time(before + ahead_ms, 0))
        assert before + ahead_ms <= endpoint.timestamp_ms() < before + ahead_ms + 60_000
    assert not endpoint.asks_time(wrong), "a clock that stays wrong is an error"


def test_a_cancel_that_was_done_at_its_first_attempt_is_no_error() -> None:
    endpoint = Endpoint("http://127.0.0.1:1", None)
    gone = errors.UnknownOrderError("unknown_order_of_account", "")
    cancel = calls.cancel(7, None)
    assert endpoint.instead(cancel, 1, gone) is None, "at the first attempt it is one"
    assert endpoint.instead(cancel, 2, gone) == calls.order(7, None)
    assert endpoint.instead(calls.order(7, None), 2, gone) is None


def test_both_clients_offer_the_same() -> None:
    def offered(kind: type) -> dict[str, list[str]]:
        methods = {name: value for name, value in vars(kind).items() if not name.startswith("_") and callable(value)}
        return {
            name.removeprefix("watch_"): [
                str(each).partition(":")[0] for each in inspect.signature(value).parameters.values()
            ]
            for name, value in methods.items()
        }

    assert offered(Client) == offered(AsyncClient)
    assert len(offered(Client)) > 20
    for name, value in vars(AsyncClient).items():
        other = getattr(Client, name, None) or getattr(Client, f"watch_{name}", None)
        if not name.startswith("_") and callable(value):
            assert value.__doc__ and other is not None and other.__doc__ == value.__doc__, name


# Streams.


def text_of(**fields: Any) -> bytes:
    return msgspec.json.encode(fields)


def sent(step: feeds.Step[Any]) -> list[tuple[str, str]]:
    return [(message["op"], message["channel"]) for message in map(msgspec.json.decode, step.sends)]


def is_nothing(step: feeds.Step[Any]) -> bool:
    return not (step.updates or step.sends or step.calls)


def book_text(kind: str, sequence: int, bid: int, *, checksum: int | None = None) -> bytes:
    """A book of one bid that moves by a cent with each message."""
    bids = [[f"{bid / 100:.2f}", "1.000", 1]] + ([[f"{(bid - 1) / 100:.2f}", "0.000", 0]] if kind == "delta" else [])
    right = checksum_of([(bid, 1000, 1)], [])
    return text_of(
        channel="book",
        type=kind,
        market="BTC-USD",
        sequence=sequence,
        previous=sequence - 1,
        entry=sequence,
        time_ns=1,
        bids=bids,
        asks=[],
        checksum=right if checksum is None else checksum,
    )


def book_feed() -> feeds.BookFeed:
    feed = feeds.BookFeed("BTC-USD", 25)
    assert [call.target for call in feed.needed()] == ["/api/v1/markets"]
    feed.begin([[Market("BTC-USD", "BTC", "USD", 2, 3, 0, 0, "continuous")]])
    (opening,) = feed.opened(Endpoint("http://127.0.0.1:1", None))
    assert msgspec.json.decode(opening) == {
        "op": "subscribe",
        "channel": "book",
        "market": "BTC-USD",
        "id": "subscribe",
    }
    assert is_nothing(feed.received(text_of(id="subscribe", result={})))
    return feed


@pytest.mark.parametrize("fault", ["gap", "checksum"])
def test_a_book_out_of_step_is_fetched_anew_by_itself_and_says_so(fault: str) -> None:
    feed = book_feed()
    assert feed.received(book_text("snapshot", 4, 1000)).updates[0].resynced is None
    assert feed.received(book_text("delta", 5, 1001)).updates[0].best_bid.price == Decimal("10.01")
    bad = book_text("delta", 7, 1003) if fault == "gap" else book_text("delta", 6, 1002, checksum=1)
    step = feed.received(bad)
    assert sent(step) == [("unsubscribe", "book"), ("subscribe", "book")], "this market alone, on the same connection"
    assert not step.updates
    assert is_nothing(feed.received(book_text("delta", 8, 1004))), "asked once"
    (update,) = feed.received(book_text("snapshot", 8, 1004)).updates
    assert update.resynced is not None and "expected" in update.resynced
    assert (update.sequence, update.best_bid.price) == (8, Decimal("10.04"))
    (update,) = feed.received(book_text("delta", 9, 1005)).updates
    assert update.resynced is None


def test_a_book_that_never_gets_in_step_ends_the_stream() -> None:
    feed = book_feed()
    with pytest.raises(errors.AnswerError, match="no book in step"):
        for sequence in range(100):
            feed.received(book_text("snapshot", sequence, 1000, checksum=1))
    assert feed.book.mismatches == feeds.RESYNCS_MAX + 1


def test_after_a_broken_connection_a_book_begins_again() -> None:
    feed = book_feed()
    feed.received(book_text("snapshot", 400, 1000))
    feed.broken("the connection broke: gone")
    assert not feed.book.is_synced
    feed.opened(Endpoint("http://127.0.0.1:1", None))
    (update,) = feed.received(book_text("snapshot", 2, 2000)).updates
    assert (update.sequence, update.resynced) == (2, "the connection broke: gone"), "a restarted exchange counts anew"


def test_messages_of_a_stream_that_are_none() -> None:
    feed = book_feed()
    for data in (b"{", b"[]", text_of(channel="book", type="delta")):
        with pytest.raises(errors.AnswerError, match="expected a message of book"):
            feed.received(data)
    with pytest.raises(errors.NotFoundError, match="unknown_market"):
        feed.received(text_of(id="subscribe", error={"code": "unknown_market", "message": "none"}))
    assert is_nothing(feed.received(text_of(channel="trades", type="update")))
    trades = feeds.trades("BTC-USD")
    rows = [{"id": 1, "entry": 2, "time_ns": 3, "price": "1.50", "quantity": "2", "side": "buy"}]
    (trade,) = trades.received(text_of(channel="trades", type="update", market="BTC-USD", trades=rows)).updates
    assert (trade.price, trade.side) == (Decimal("1.50"), "buy")


ORDER = Order(
    order_id=1,
    client_id="mine",
    account=3,
    market="BTC-USD",
    side="buy",
    kind="limit",
    status="live",
    quantity=Decimal(100),
    leaves=Decimal(1),
    filled=Decimal(99),
    notional=Decimal(0),
    fees=Decimal(0),
    hold=Decimal(0),
)


def report_of(entry: int, index: int, execution: str) -> Report:
    return Report(entry, index, 1, Change(execution=execution, order=ORDER))  # type: ignore[arg-type]


def pushed(report: Report) -> bytes:
    return b'{"channel":"orders","type":"report",' + msgspec.json.encode(report)[1:]


entries = st.lists(st.tuples(st.integers(1, 20), st.sampled_from([True, True, False])), max_size=40)
connections = st.lists(st.tuples(*[st.integers(0, 12)] * 3), max_size=3)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(entries, st.integers(0, 5), connections, st.sampled_from([1, 2, 3, 500]))
def test_no_fill_is_lost_or_doubled(
    shape: list[tuple[int, bool]], since: int, breaks: list[tuple[int, int, int]], page: int
) -> None:
    """An exchange's reports in order, and streams that break anywhere.

    Of each connection: how many reports pass before it is there, while its fills are fetched, and until it breaks.
    """
    history: list[Report] = []
    for entry, is_fill in sorted(shape):
        index = sum(report.entry == entry for report in history)
        history.append(report_of(entry, index, "trade" if is_fill else "new"))
    feed, given_out, passed = feeds.OrdersFeed(since), list[Any](), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calls, "FILLS_MAX", page)
        for missed, fetching, live in [*breaks, (0, 0, len(history))]:
            key = Key.generate()
            login, subscribe = map(msgspec.json.decode, feed.opened(Endpoint("http://127.0.0.1:1", key)))
            assert (login["op"], login["key"], subscribe["channel"]) == ("login", key.id, "orders")
            first_live = passed + missed
            fetched = history[: first_live + fetching]
            step = feed.received(text_of(id="subscribe", result={}))
            while step.calls:
                given_out += step.updates
                step = feed.fetched([answer(step.calls[0], fetched, page)])
            assert isinstance(step.updates[-1], Reconciled)
            given_out += step.updates
            passed = first_live + fetching + live
            for report in history[first_live:passed]:
                given_out += feed.received(pushed(report)).updates
            feed.broken("gone")
    told = [update for update in given_out if isinstance(update, Report)]
    assert [report.key for report in told] == sorted({report.key for report in told})
    expected = [report.key for report in history if report.is_fill and report.entry > since]
    assert [report.key for report in told if report.is_fill] == expected


def answer(call: Call[Any], history: list[Report], page: int) -> list[Any]:
    """What the exchange says to a request of the feed: its documented meaning, on a list."""
    if call.path == "/orders":
        return [ORDER]
    path, _, query = call.path.partition("?")
    fields = {name: int(value) for name, value in (field.split("=") for field in query.split("&"))}
    assert path == "/fills" and fields.keys() <= {"since_entry", "since_index", "limit"}
    since = (fields["since_entry"], fields.get("since_index", 1 << 62))
    return [report for report in history if report.is_fill and report.key > since][:page]


def test_dropped_reports_are_fetched() -> None:
    feed = feeds.OrdersFeed(10)
    step = feed.received(text_of(type="resync", channel="orders", account=3))
    assert [call.target for call in step.calls] == ["/api/v1/fills?since_entry=10&limit=500"]
    step = feed.fetched([[report_of(12, 0, "trade")]])
    assert [update.key for update in step.updates] == [(12, 0)]
    step = feed.fetched([[ORDER]])
    assert step.updates == [Reconciled((ORDER,), "the exchange dropped messages")]


def test_balances_are_fetched_and_then_told() -> None:
    feed = feeds.BalancesFeed()
    step = feed.received(text_of(id="subscribe", result={}))
    assert [call.target for call in step.calls] == ["/api/v1/balances"]
    held = Balance("USD", Decimal(5), Decimal(1), Decimal(0), Decimal(4))
    assert feed.fetched([[held]]).updates == [held]
    told = text_of(
        channel="balances", type="update", account=3, asset="USD", total="5", held="0", credit="0", available="5"
    )
    assert feed.received(told).updates == [Balance("USD", Decimal(5), Decimal(0), Decimal(0), Decimal(5))]


@pytest.mark.parametrize("name", ["__init__", "book", "calls", "errors", "keys", "ladder"])
def test_examples_in_docstrings(name: str) -> None:
    module = importlib.import_module("proofbook.client" if name == "__init__" else f"proofbook.client.{name}")
    failures, examples = doctest.testmod(module)
    assert (failures, examples > 0) == (0, True)
