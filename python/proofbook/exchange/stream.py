"""The WebSocket: what clients say, what they are answered, and how each connection ends.

A connection has one task that reads and one that sends, and orders that are on their way. What a client may say is
bounded in size, rate and number; what waits for it is bounded by its outbox; one that takes nothing for too long is
closed with code 4008. Requests of one connection reach the exchange in the order in which they came.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeAlias

import msgspec
from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

from proofbook.exchange.access import address_of, check_role, check_signed
from proofbook.exchange.failures import ApiError, ErrorAnswer, failure, is_too_deep, too_deep, unreadable
from proofbook.exchange.feed import ACCOUNT_CHANNELS, MARKET_CHANNELS, AccountChannel, MarketChannel, Topic
from proofbook.exchange.keys import Key
from proofbook.exchange.limits import Bucket
from proofbook.exchange.market_data import known_market
from proofbook.exchange.messages import Book, BookQuery, ClientId, OrderId, StateChange, encode
from proofbook.exchange.outbox import Outbox, framed
from proofbook.exchange.requests import OrderTerms, ReplaceTerms
from proofbook.exchange.services import Services
from proofbook.exchange.signing import STREAM_PATH
from proofbook.exchange.trading import cancel, place, replace

GOING_AWAY = 1001
TOO_SLOW = 4008
REVOKED = 4001

SNAPSHOT_LEVELS = 5000
"""Levels of each side that a snapshot has, at most."""
REQUESTS_MAX = 64
"""Requests of one connection that may be on their way."""
WATCH_INTERVAL_S = 0.25
CLOSE_S_MAX = 5.0
"""How long a connection is given to take the message that closes it."""
END_S_MAX = 1.0
"""The same when the server stops, with what waits for it: those who read must not wait for one who does not."""

Id: TypeAlias = int | str | None
Socket: TypeAlias = WebSocket[Any, Any, Any]


class Operation(msgspec.Struct, tag_field="op", kw_only=True, forbid_unknown_fields=True):
    """Something that a client says; its id comes back with the answer."""

    id: Id = None


class Subscribe(Operation, kw_only=True, tag="subscribe"):
    """A channel to read."""

    channel: MarketChannel | AccountChannel
    market: str | None = None


class Unsubscribe(Operation, kw_only=True, tag="unsubscribe"):
    """A channel to read no more."""

    channel: MarketChannel | AccountChannel
    market: str | None = None


class Login(Operation, kw_only=True, tag="login"):
    """Who speaks from then on: a signature of the time and the stream's path."""

    key: str
    timestamp: str | int
    signature: str


class PlaceOrder(OrderTerms, kw_only=True, tag_field="op", tag="order"):
    """An order to place."""

    id: Id = None


class ReplaceOrder(ReplaceTerms, kw_only=True, tag_field="op", tag="replace"):
    """An order to replace."""

    order_id: OrderId
    id: Id = None


class CancelOrder(Operation, kw_only=True, tag="cancel"):
    """An order to cancel, by either of its ids."""

    order_id: OrderId | None = None
    client_id: ClientId | None = None


class Ping(Operation, tag="ping"):
    """Whether anyone is there."""


Said: TypeAlias = Subscribe | Unsubscribe | Login | PlaceOrder | ReplaceOrder | CancelOrder | Ping
decode_said = msgspec.json.Decoder(Said).decode


class _OnlyId(msgspec.Struct):
    id: Id = None


class Stream:
    """One connection."""

    def __init__(self, socket: Socket, services: Services, streams: Streams) -> None:
        limits = services.configuration.limits
        self.outbox = Outbox(limits.stream_waiting_bytes_max)
        self.key: Key | None = None
        self.sending_since_s: float | None = None
        self._socket = socket
        self._services = services
        self._streams = streams
        self._topics: dict[Topic, None] = {}
        self._bucket = Bucket(
            limits.stream_messages_per_s, limits.stream_messages_per_s * limits.burst_s, time.monotonic()
        )
        self._requests: set[asyncio.Task[None]] = set()
        self._end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def end(self, code: int, reason: str) -> None:
        """Close the connection soon."""
        if not self._end.done():
            self._end.set_result((code, reason))

    async def run(self) -> None:
        """Serve the connection until it ends."""
        self._services.feed.join(self.outbox)
        reading = asyncio.create_task(self._read())
        sending = asyncio.create_task(self.outbox.drain(self._send, self._snapshot))
        ends: list[asyncio.Future[Any]] = [reading, sending, self._end]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for topic in list(self._topics):
                self._close_topic(topic)
            self._services.feed.leave(self.outbox)
            is_leaving = self._end.done() and self._end.result()[0] == GOING_AWAY
            deadline_s = asyncio.get_running_loop().time() + (END_S_MAX if is_leaving else CLOSE_S_MAX)
            if is_leaving:
                await self._finish(reading, sending, deadline_s)
            ended = [reading, sending, *self._requests]
            for task in ended:
                task.cancel()
            found = await asyncio.gather(*ended, return_exceptions=True)
            if self._end.done():
                await self._close(*self._end.result(), deadline_s)
        for error in found:
            if isinstance(error, Exception) and not isinstance(error, WebSocketDisconnect | ApiError):
                raise error

    async def _finish(self, reading: asyncio.Task[None], sending: asyncio.Task[None], deadline_s: float) -> None:
        """Take nothing more, and send what was answered to what was taken."""
        reading.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline_s):
                await asyncio.wait([reading])
                if self._requests:
                    await asyncio.wait(self._requests)
                self.outbox.finish()
                await asyncio.wait([sending])

    async def _close(self, code: int, reason: str, deadline_s: float) -> None:
        self._streams.closed[reason] += 1
        # A reader that takes nothing does not take this either: then the connection is dropped.
        with contextlib.suppress(Exception):
            async with asyncio.timeout_at(deadline_s):
                await self._socket.close(code, reason)

    async def _send(self, text: str) -> None:
        self.sending_since_s = time.monotonic()
        await self._socket.send({"type": "websocket.send", "text": text, "bytes": None})
        self.sending_since_s = None
        self._streams.messages_sent += 1

    async def _snapshot(self, market: str) -> Book:
        return await self._services.hub.query(BookQuery(market=market, depth=SNAPSHOT_LEVELS), Book)

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] != "websocket.receive":
                return
            self._streams.messages_received += 1
            text = message.get("text") or (message.get("bytes") or b"").decode("utf-8", "replace")
            wait_s = self._bucket.take(time.monotonic())
            if wait_s > 0:
                # Nothing more is read meanwhile, so that what comes too fast fills the sender's own buffers.
                limit = self._services.configuration.limits.stream_messages_per_s
                error = failure("too_many_requests", expected=f"at most {limit} a second", received="one more")
                self._answer_error(_id_of(text), error)
                await asyncio.sleep(wait_s)
                continue
            await self._take(text)

    async def _take(self, text: str) -> None:
        try:
            said = decode_said(text)
        except msgspec.MsgspecError as error:
            self._answer_error(_id_of(text), unreadable(str(error), text, Said))
            return
        except RecursionError as error:
            if not is_too_deep(error):
                raise
            self._answer_error(None, too_deep())
            return
        try:
            await self._do(said)
        except ApiError as error:
            self._answer_error(said.id, error)

    async def _do(self, said: Said) -> None:
        match said:
            case Ping():
                self._answer(said.id, "pong")
            case Subscribe():
                await self._subscribe(said)
            case Unsubscribe():
                topic = self._topic(said.channel, said.market)
                self._close_topic(topic)
                self._answer(said.id, {"unsubscribed": said.channel, "market": said.market})
            case Login():
                self._login(said)
            case PlaceOrder():
                terms = msgspec.structs.asdict(said)
                del terms["id"]
                work = place(self._services, self._trader(), OrderTerms(**terms), _new_client_id())
                await self._request(said.id, work)
            case ReplaceOrder():
                replacing = ReplaceTerms(
                    client_id=said.client_id, price=said.price, quantity=said.quantity, stop_price=said.stop_price
                )
                work = replace(self._services, self._trader(), said.order_id, replacing, _new_client_id())
                await self._request(said.id, work)
            case CancelOrder():
                if (said.order_id is None) == (said.client_id is None):
                    raise unreadable("expected an order_id or a client_id; received both or none")
                work = cancel(self._services, self._trader(), order_id=said.order_id, client_id=said.client_id)
                await self._request(said.id, work)

    async def _request(self, name: Id, work: Coroutine[Any, Any, Any]) -> None:
        """Let a request go its way, and answer it when it is done."""

        async def answer() -> None:
            try:
                self._answer(name, await work)
            except ApiError as error:
                self._answer_error(name, error)

        while len(self._requests) >= REQUESTS_MAX:
            await asyncio.wait(self._requests, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(answer())
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    def _answer(self, name: Id, result: object) -> None:
        self.outbox.put(encode({"id": name, "result": result}).decode())

    def _answer_error(self, name: Id, error: ApiError) -> None:
        body = msgspec.structs.asdict(ErrorAnswer(error.body))
        self.outbox.put(encode({"id": name, **body}).decode())

    def _trader(self) -> int:
        """The account that orders are for, if there was a login with a key that may trade and was not revoked."""
        key = self._logged_in()
        check_role(key, ("trade",))
        self._services.requests_by_key.take(key.id)
        return key.account

    def _logged_in(self) -> Key:
        if self.key is None:
            raise failure("missing_key", expected="a login before", received="none")
        if self._services.keys.get(self.key.id) is None:
            raise failure("unknown_key", received=self.key.id)
        return self.key

    def _login(self, said: Login) -> None:
        values = {"key": said.key, "timestamp": str(said.timestamp), "signature": said.signature}
        key, _ = check_signed(self._services, values, "GET", STREAM_PATH, b"")
        check_role(key, ("read", "trade"))
        if self.key is not None and self.key.account != key.account:
            for topic in [topic for topic in self._topics if topic[0] in ACCOUNT_CHANNELS]:
                self._close_topic(topic)
        self.key = key
        self._answer(said.id, {"account": key.account, "role": key.role})

    def _topic(self, channel: str, market: str | None) -> Topic:
        if channel in ACCOUNT_CHANNELS:
            if market is not None:
                raise unreadable(
                    f"market: expected none for {channel}, which are of all markets; received {market[:40]!r}"
                )
            return channel, str(self._logged_in().account)
        if market is None:
            raise unreadable(f"market: expected a symbol for {channel}; received none")
        return channel, market

    async def _subscribe(self, said: Subscribe) -> None:
        services = self._services
        topic = channel, name = self._topic(said.channel, said.market)
        if channel in MARKET_CHANNELS:
            await known_market(services, name)
        limit = services.configuration.limits.stream_subscriptions_max
        if topic not in self._topics and len(self._topics) >= limit:
            raise failure("too_many_subscriptions", expected=f"at most {limit}", received="one more")
        self._answer(said.id, {"subscribed": channel, "market": said.market})
        if topic not in self._topics:
            self._topics[topic] = None
            if channel in ACCOUNT_CHANNELS:
                services.hub.watch(int(name))
            services.feed.open(topic, self.outbox)
        if channel == "book":
            self.outbox.open_book(name)
        elif channel == "ticker":
            self.outbox.put(framed("ticker", "update", await services.tickers.get(name)))
        elif channel == "state":
            self.outbox.put(framed("state", "update", await self._state(name)))

    async def _state(self, market: str) -> StateChange:
        found = self._services.feed.states.get(market)
        if found is not None:
            return found
        state = next(each.state for each in await self._services.markets() if each.symbol == market)
        return StateChange(market=market, state=state)

    def _close_topic(self, topic: Topic) -> None:
        if topic not in self._topics:
            return
        channel, name = topic
        del self._topics[topic]
        self._services.feed.close(topic, self.outbox)
        if channel in ACCOUNT_CHANNELS:
            self._services.hub.unwatch(int(name))
        elif channel == "book":
            self.outbox.close_book(name)
        else:
            self.outbox.close_channel(channel, name)


def _id_of(text: str) -> Id:
    """The id of what cannot be taken, if there is one."""
    with contextlib.suppress(msgspec.MsgspecError, RecursionError):
        return msgspec.json.decode(text, type=_OnlyId).id
    return None


def _new_client_id() -> str:
    return f"web-{secrets.token_hex(14)}"


class Streams:
    """All connections of a server, and what was counted of them.

    Attributes:
        messages_received: messages that clients sent.
        messages_sent: messages that clients were sent.
        conflations: how often messages were put together for slow readers, by channel, of connections that are gone.
        closed: how often the server closed a connection, by reason.
    """

    def __init__(self, services: Services) -> None:
        self.messages_received = 0
        self.messages_sent = 0
        self.conflations: Counter[str] = Counter()
        self.closed: Counter[str] = Counter()
        self._services = services
        self._streams: dict[Stream, None] = {}
        self._addresses: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._streams)

    def outboxes(self) -> list[Outbox]:
        """What waits for each connection that there is now."""
        return [stream.outbox for stream in list(self._streams)]

    async def serve(self, socket: Socket) -> None:
        """Serve one connection, if there may be one more."""
        limits = self._services.configuration.limits
        address = address_of(socket)
        if self._services.hub.is_stopping:
            await _deny(socket, failure("stopping", retry_after_s=5))
            return
        if len(self._streams) >= limits.streams_max or self._addresses[address] >= limits.streams_per_address_max:
            expected = f"at most {limits.streams_max}, and {limits.streams_per_address_max} of an address"
            await _deny(socket, failure("too_many_streams", expected=expected, retry_after_s=10))
            return
        self._addresses[address] += 1
        stream = Stream(socket, self._services, self)
        self._streams[stream] = None
        try:
            await socket.accept()
            await stream.run()
        finally:
            del self._streams[stream]
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]
            self.conflations.update(stream.outbox.conflations)

    async def watch(self) -> None:
        """Close connections that take nothing, and those whose key was revoked, again and again, for ever."""
        stall_s_max = self._services.configuration.limits.stream_stall_s_max
        while True:
            await asyncio.sleep(WATCH_INTERVAL_S)
            now_s = time.monotonic()
            for stream in list(self._streams):
                since_s = stream.sending_since_s
                if stream.outbox.overflow or (since_s is not None and now_s - since_s > stall_s_max):
                    stream.end(TOO_SLOW, "too slow")
                elif stream.key is not None and self._services.keys.get(stream.key.id) is None:
                    stream.end(REVOKED, "key revoked")

    async def end(self) -> None:
        """Close all connections, since the server stops."""
        for stream in list(self._streams):
            stream.end(GOING_AWAY, "the exchange is being stopped")
        deadline_s = time.monotonic() + 2 * END_S_MAX
        while self._streams and time.monotonic() < deadline_s:
            await asyncio.sleep(0.01)


async def _deny(socket: Socket, error: ApiError) -> None:
    """Answer a request for a connection with an error instead."""
    await socket.receive()
    headers = [(b"content-type", b"application/json")]
    headers += [(name.lower().encode(), value.encode()) for name, value in error.headers.items()]
    start: Any = {"type": "websocket.http.response.start", "status": int(error.status), "headers": headers}
    body: Any = {"type": "websocket.http.response.body", "body": encode(ErrorAnswer(error.body))}
    await socket.send(start)
    await socket.send(body)


@websocket("/stream")
async def stream_handler(socket: Socket) -> None:
    """The stream."""
    streams: Streams = socket.app.state.streams
    await streams.serve(socket)
