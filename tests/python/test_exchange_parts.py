"""The web's parts without a running exchange: signatures, keys, limits, configuration, errors, journals."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import doctest
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("litestar")

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from litestar import Litestar
from litestar.testing import TestClient
from uvicorn.server import ServerState

import proofbook
from proofbook import _core
from proofbook.errors import InputError, JournalError
from proofbook.exchange import beside, configuration, failures, places, server, signing, web_page
from proofbook.exchange.connections import REQUEST_S_MAX, bounded
from proofbook.exchange.failures import ApiError
from proofbook.exchange.keys import Keys, add_operator, make_private_key, public_key_of, read_private_key
from proofbook.exchange.limits import Buckets
from proofbook.exchange.market_journal import last_sequence, read_command
from proofbook.exchange.rest import answer_error

NOW_MS = 1_700_000_000_000


def code_of(error: pytest.ExceptionInfo[ApiError]) -> str:
    return error.value.body.code


# Signatures


def test_a_signature_is_of_everything_in_a_request() -> None:
    key = Ed25519PrivateKey.generate()
    parts = (NOW_MS, "POST", "/api/v1/orders?x=1", b'{"a":1}')
    signature = signing.decode_signature(signing.sign(key, *parts))
    public = key.public_key()
    signing.check_signature(public, signature, signing.signed_text(*parts))
    others = [
        (NOW_MS + 1, *parts[1:]),
        (parts[0], "PUT", *parts[2:]),
        (*parts[:2], "/api/v1/orders?x=2", parts[3]),
        (*parts[:3], b'{"a":2}'),
    ]
    for other in others:
        with pytest.raises(ApiError) as error:
            signing.check_signature(public, signature, signing.signed_text(*other))
        assert code_of(error) == "wrong_signature"
    for place in range(0, 512, 37):
        altered = bytearray(signature)
        altered[place // 8] ^= 1 << place % 8
        with pytest.raises(ApiError):
            signing.check_signature(public, bytes(altered), signing.signed_text(*parts))


@pytest.mark.parametrize("text", ["", "abc", "é" * 88, base64.b64encode(bytes(63)).decode(), "!" * 88])
def test_what_is_no_signature(text: str) -> None:
    with pytest.raises(ApiError) as error:
        signing.decode_signature(text)
    assert code_of(error) == "wrong_signature"


def test_a_signature_has_one_spelling() -> None:
    text = base64.b64encode(bytes(64)).decode()
    assert signing.decode_signature(text) == bytes(64)
    # The last character before the padding has bits that are not part of the bytes.
    respelt = text[:85] + "B" + text[86:]
    assert base64.b64decode(respelt) == bytes(64)
    with pytest.raises(ApiError):
        signing.decode_signature(respelt)


@pytest.mark.parametrize("timestamp", ["", "x", "-5", "1e9", "٣", "9" * 30, str(NOW_MS - 5001), str(NOW_MS + 5001)])
def test_times_outside_the_window(timestamp: str) -> None:
    with pytest.raises(ApiError) as error:
        signing.Window(5000).check_time(timestamp, NOW_MS)
    assert code_of(error) == "wrong_timestamp"
    assert error.value.body.expected is not None and str(NOW_MS) in error.value.body.expected


def test_a_signature_is_taken_once_as_long_as_its_time_may_be() -> None:
    window = signing.Window(5000, taken_max=3)
    assert window.check_time(str(NOW_MS + 5000), NOW_MS) == NOW_MS + 5000
    window.take(b"a", NOW_MS)
    # Its time is in the window for twice the window's length, if it was ahead by all of it.
    for now_ms in (NOW_MS, NOW_MS + 5000, NOW_MS + 10_000):
        with pytest.raises(ApiError) as error:
            window.take(b"a", now_ms)
        assert code_of(error) == "replayed_signature"
    with pytest.raises(ApiError):
        window.check_time(str(NOW_MS + 5000), NOW_MS + 10_001)
    window.take(b"b", NOW_MS + 1)
    window.take(b"c", NOW_MS + 2)
    with pytest.raises(ApiError) as error:
        window.take(b"d", NOW_MS + 3)
    assert code_of(error) == "busy", "what cannot be remembered is not taken"
    window.take(b"d", NOW_MS + 10_002)
    assert len(window) == 2, "the first two were forgotten"


# Keys


def test_keys_are_kept_and_revoked(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    keys = Keys(tmp_path)
    key = keys.add(public, 7, "trade")
    assert keys.add(public, 7, "trade") == key
    for account, role in ((8, "trade"), (7, "read")):
        with pytest.raises(ApiError) as error:
            keys.add(public, account, role)  # type: ignore[arg-type]
        assert code_of(error) == "key_in_use"
    found = keys.get(key.id)
    assert found is not None and found[0] == key
    assert keys.get("0" * 16) is None

    elsewhere = Keys(tmp_path)
    assert [each.id for each in elsewhere.list()] == [key.id]
    elsewhere.revoke(key.id)
    elsewhere.close()
    assert keys.get(key.id) is None, "another process revoked it"
    with pytest.raises(InputError, match=key.id):
        keys.revoke(key.id)
    with pytest.raises(ApiError):
        keys.add(public, 7, "trade")
    keys.close()


def test_an_operators_signature_is_taken_once_across_restarts(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    keys.take_operator_signature(b"signature", NOW_MS, 5000)
    keys.close()
    keys = Keys(tmp_path)
    with pytest.raises(ApiError) as error:
        keys.take_operator_signature(b"signature", NOW_MS + 10_000, 5000)
    assert code_of(error) == "replayed_signature"
    keys.take_operator_signature(b"signature", NOW_MS + 10_001, 5000)
    keys.close()


def test_the_operators_key_is_made_once_and_is_his_alone(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    first = add_operator(keys, tmp_path, None)
    path = tmp_path / "operator.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_private_key(path).public_key().public_bytes_raw() == first.public_key
    assert add_operator(keys, tmp_path, None) == first
    assert (first.role, first.account) == ("operator", 0)
    named = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert add_operator(keys, tmp_path, named.hex()).public_key == named
    with pytest.raises(InputError, match="not there yet"):
        make_private_key(path)
    path.write_text("something else")
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        add_operator(keys, tmp_path, None)
    keys.close()


@pytest.mark.parametrize("digits", ["", "ab", "g" * 64, "0" * 63, " " * 64])
def test_what_is_no_public_key(digits: str) -> None:
    with pytest.raises(InputError, match="expected 64 hexadecimal digits; received"):
        public_key_of(digits)


# Limits


def test_requests_come_at_their_rate_and_in_bursts() -> None:
    buckets = Buckets("a key", rate_per_s=10, burst=5, buckets_max=2)
    for _ in range(5):
        buckets.take("a", 100.0)
    with pytest.raises(ApiError) as error:
        buckets.take("a", 100.05)
    assert code_of(error) == "too_many_requests"
    assert error.value.headers == {"Retry-After": "1"}
    buckets.take("b", 100.05)
    buckets.take("a", 100.11)
    with pytest.raises(ApiError):
        buckets.take("a", 100.12)
    taken = 0
    for step in range(1000):
        try:
            buckets.take("a", 101 + step / 100)
            taken += 1
        except ApiError:
            pass
    assert 100 <= taken <= 105, "ten seconds at ten a second, and a burst"
    buckets.take("c", 200.0)
    assert len(buckets) == 2


class EarlyLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock a test sets forward, instead of waiting."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


def test_a_request_that_never_arrives_is_dropped() -> None:
    kind = bounded(5)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EarlyLoop)

        async def app(_: Any, receive: Any, send: Any) -> None:
            while (await receive()).get("more_body"):
                pass
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        config = uvicorn.Config(app, http=kind, lifespan="off", log_config=None, timeout_keep_alive=3600)
        config.load()
        state = ServerState()
        listening = await loop.create_server(lambda: kind(config, state, {}), "127.0.0.1", 0)
        address = listening.sockets[0].getsockname()
        for sent in (b"", b"GET / HTTP/1.1\r\nhost:", b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nab"):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(sent)
            while kind.addresses != {"127.0.0.1": 1}:
                await asyncio.sleep(0.01)
            loop.ahead_s += REQUEST_S_MAX + 1
            with contextlib.suppress(ConnectionResetError):
                assert not (await reader.read()).startswith(b"HTTP/1.1 2")
            writer.close()
        reader, writer = await asyncio.open_connection(*address)
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert b" 204 " in await reader.readuntil(b"\r\n\r\n")
            loop.ahead_s += REQUEST_S_MAX + 1
            # What is due by then is done in the next turn of the loop.
            await asyncio.sleep(0.01)
        assert kind.addresses == {"127.0.0.1": 1}, "only the time of a request is bounded"
        writer.close()
        while kind.addresses:
            await asyncio.sleep(0.01)
        listening.close()

    with asyncio.Runner(loop_factory=EarlyLoop) as runner:
        runner.run(run())


def test_a_connection_is_kept_for_longer_than_clients_keep_one(tmp_path: Path) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EarlyLoop)

        async def app(_scope: Any, _receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        config = server.uvicorn_config(app, configuration.read(tmp_path), tmp_path)
        config.load()
        kind: Any = config.http_protocol_class
        listening = await loop.create_server(lambda: kind(config, ServerState(), {}), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        for pause_s in (0, 30, 60):
            loop.ahead_s += pause_s
            await asyncio.sleep(0.01)
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert b" 204 " in await reader.readuntil(b"\r\n\r\n")
        loop.ahead_s += server.KEEP_ALIVE_S + 1
        assert await reader.read() == b"", "not for ever"
        writer.close()
        listening.close()

    with asyncio.Runner(loop_factory=EarlyLoop) as runner:
        runner.run(run())


# The past


class SlowlyWritten:
    """A history that is being written to a slow disk, and has read up to an entry."""

    last = 4

    def fills(self, *_: object) -> list[int]:
        return [self.last]


def test_a_question_waits_for_a_slow_disk_and_not_for_ever() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EarlyLoop)
        history: Any = SlowlyWritten()
        asked = beside.WebHistory(history, history, lambda: 5)
        answer = asyncio.create_task(asked.fills(1, None, None, 10))
        for _ in range(3):
            await asyncio.sleep(0.02)
            loop.ahead_s += 3
        history.last = 5
        assert await answer == [5]
        history.last = 4
        answer = asyncio.create_task(asked.fills(1, None, None, 10))
        await asyncio.sleep(0.02)
        loop.ahead_s += beside.CATCH_UP_S_MAX + 1
        with pytest.raises(ApiError) as error:
            await answer
        assert code_of(error) == "busy" and error.value.headers == {"Retry-After": "1"}

    with asyncio.Runner(loop_factory=EarlyLoop) as runner:
        runner.run(run())


# Configuration


def test_the_template_is_a_configuration(tmp_path: Path) -> None:
    found = configuration.read(tmp_path / "new")
    assert (tmp_path / "new" / "exchange.toml").is_file()
    assert configuration.read(tmp_path / "new") == found
    value = msgspec.json.decode(found.native(tmp_path))
    assert [market["symbol"] for market in value["markets"]] == ["BTC-USD", "ETH-USD", "ETH-BTC"]
    assert value["sessions"][0]["authentication"] == {"kind": "none"}


@pytest.mark.parametrize(
    ("before", "after", "expected", "received"),
    [
        ('web = "127.0.0.1:8000"', "web = 5", "str", "int"),
        ('sync = "group"', 'sync = "often"', "expected one of group, none", "often"),
        ("demo = false", "dmeo = false", "expected one of assets, markets, web", "dmeo"),
        ("[limits]", "[limits]\nlimit = 1", "expected one of requests_per_s_per_key", "limit"),
        (
            'client = "BOB"',
            'client = "BOB"\nauthentication = { kind = "magic" }',
            "one of none, password, ed25519",
            "magic",
        ),
        ("[limits]", "[limits]\nrows_max = 499", ">= 500", "499"),
        ("[limits]", "[limits]\nbook_levels_max = 9", ">= 10", "9"),
        ("decimals = 6", "decimals = 60", "<= 18", "60"),
        ('quote = "USD"', 'quote = "EUR"', "one of BTC, ETH, USD", "'EUR'"),
        ("USD = ", "EUR = ", "one of BTC, ETH, USD", "'EUR'"),
        ('base = "BTC"', 'base = "USD"', "expected two assets", "'USD' for both"),
        ('deposits = { BTC = "100"', 'deposits = { BTC = "-1"', "above zero with at most 8 decimals", "'-1'"),
        ('deposits = { BTC = "10",', 'deposits = { BTC = "ten",', "above zero with at most 8 decimals", "'ten'"),
        ('USD = "500000"', 'USD = "1.0000001"', "above zero with at most 6 decimals", "'1.0000001'"),
        ('USD = "500000"', 'USD = "0.0"', "above zero with at most 6 decimals", "'0.0'"),
        ('client = "BOB"', 'client = "ALICE"', "each once", "'FIX.4.4 ALICE with EXCHANGE' twice"),
        ("id = 2", "id = 1", "each once", "'1' twice"),
        ('symbol = "ETH"', 'symbol = "BTC"', "each once", "'BTC' twice"),
        ("demo = false", "demo = ", "expected TOML", "Invalid value"),
    ],
)
def test_a_configuration_that_cannot_be_used(before: str, after: str, expected: str, received: str) -> None:
    text = configuration.TEMPLATE.read_text()
    assert before in text
    with pytest.raises(InputError) as error:
        configuration.parse(text.replace(before, after))
    assert expected in str(error.value) and received in str(error.value)


@pytest.mark.parametrize("address", ["", "here", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", ":80"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(InputError, match=r"expected an address .* received"):
        configuration.split_address(address)
    assert configuration.split_address("[::1]:80") == ("::1", 80)


# Errors


def test_places_are_found_as_their_document_says() -> None:
    done = doctest.testmod(places)
    assert done.attempted and not done.failed


def test_each_code_and_reason_has_words() -> None:
    for code, (status, message) in failures.CODES.items():
        assert failures.failure(code).status == status
        assert message
    assert failures.refusal("insufficient_funds").status == 409
    assert failures.refusal("something_new").body.message == "something new"
    assert failures.refusal("unknown_market").status == 404


@pytest.mark.parametrize(
    ("message", "expected", "received"),
    [
        ('price: expected a decimal text, received "x"', "price: a decimal text", '"x"'),
        ("Expected `str`, got `int` - at `$.market`", "market: `str`", "`int`"),
        ("Object missing required field `side` - at `$.data`", "side", "nothing"),
        ("Object contains unknown field `sidee`", "known fields only", "sidee"),
    ],
)
def test_errors_name_what_was_expected_and_received(message: str, expected: str, received: str) -> None:
    body = failures.unreadable(message).body
    assert (body.code, body.expected, body.received) == ("invalid_request", expected, received)


# Journals of markets


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of 200 commands with receipts in `log.receipts`, signed with the key in `key`."""
    folder = tmp_path_factory.mktemp("journal")
    _core.generate(folder / "flow.pbk", 1, 200)
    proofbook.keygen(folder / "key")
    _core.journal([folder / "flow.pbk"], folder / "log", receipts=(folder / "key", folder / "log.receipts"))
    return folder / "log"


def test_a_command_is_read_where_it_stands(journal: Path) -> None:
    signer = _core.ReceiptSigner(journal.with_name("key"))
    receipts = journal.with_name("log.receipts").read_bytes()
    assert last_sequence(journal) == 200
    for sequence in range(1, 201):
        found = read_command(journal, sequence)
        assert found is not None
        receipt = signer.sign(found.market, found.sequence, found.command)
        assert receipt.encode() == receipts[128 * (sequence - 1) : 128 * sequence]
    assert read_command(journal, 0) is None and read_command(journal, 201) is None
    assert read_command(journal / "none", 1) is None


def test_a_damaged_command_is_not_given(journal: Path, tmp_path: Path) -> None:
    [whole] = journal.glob("commands-*.log")
    segment = tmp_path / whole.name
    sound = whole.read_bytes()
    place = 512 + 128 * 41
    for bit in range(0, 8 * 128, 5):
        spoiled = bytearray(sound)
        spoiled[place + bit // 8] ^= 1 << bit % 8
        segment.write_bytes(spoiled)
        with pytest.raises(JournalError, match="command 42"):
            read_command(tmp_path, 42)
    segment.write_bytes(bytes([sound[0] ^ 1]) + sound[1:])
    with pytest.raises(JournalError, match="header"):
        read_command(tmp_path, 42)
    for room in (b"", bytes(128), bytes(128 * 1000)):
        segment.write_bytes(sound[:place] + room)
        assert last_sequence(tmp_path) == 41
        assert read_command(tmp_path, 42) is None
    segment.write_bytes(sound[:512])
    assert last_sequence(tmp_path) == 0


def test_a_damaged_file_of_the_keys_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys.sqlite").write_text("this is no database, however long it is\n" * 100)
    with pytest.raises(InputError, match=r"keys\.sqlite: expected the file of the keys; received"):
        Keys(tmp_path)


def test_the_page_has_what_is_there_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>page</p>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "a-1.js").write_text("1")
    app = Litestar(web_page.handlers(tmp_path), exception_handlers={Exception: answer_error}, openapi_config=None)
    with TestClient(app) as client:
        assert "immutable" in client.get("/assets/a-1.js").headers["cache-control"]
        assert client.get("/").headers["cache-control"] == "no-cache"
        for path in ("/assets/a-2.js", "/assets/%00", "/index.html%00.js", f"/{'a' * 300}", "/..%2f..%2fetc/passwd"):
            found = client.get(path)
            assert (found.status_code, found.json()["error"]["code"]) == (404, "not_found"), path
            assert "immutable" not in found.headers.get("cache-control", ""), "it may be there after an update"
