"""One process: the native server, the hub, and the web in front of them.

Order of the start: configuration, keys, native server (which recovers its log), web. Order of the stop: no new
requests, answers to those that were taken, streams closed with 1001, the native server in order, the web. A signal
begins the stop; a second one makes it short. After a kill nothing has to be mended: what was answered is in the log,
and the keys are in their file.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from litestar import Litestar

from proofbook._core import ExchangeServer, ReceiptSigner
from proofbook.errors import InputError, JournalError
from proofbook.exchange import keys as key_file
from proofbook.exchange.beside import Beside
from proofbook.exchange.configuration import Configuration, Limits, split_address
from proofbook.exchange.connections import bounded
from proofbook.exchange.feed import Feed
from proofbook.exchange.hub import Hub
from proofbook.exchange.rest import application
from proofbook.exchange.services import Services, make_services
from proofbook.exchange.stream import Streams

STOP_S_MAX = 10
LEAVE_S_MAX = 1.0
"""How long a client that has been sent everything may take for it once the exchange has ended."""
SETTLE_S_MAX = 2.0
"""How long requests that were taken may wait for their answers once the stop began."""
PING_S = 20.0
KEEP_ALIVE_S = 75
"""How long a connection is kept between two requests. Clients keep it for 5 s, as httpx does, or for a minute: whoever
closes later never closes while a request is on its way."""
BACKLOG = 1024

log = logging.getLogger("proofbook.exchange")


class Exchange:
    """A running exchange.

    Attributes:
        services: its parts.
        streams: the WebSocket's connections.
        fix_address: where it listens for FIX, if it does.
    """

    def __init__(self, configuration: Configuration, folder: Path) -> None:
        """Open the keys and start the native server, which may take as long as its log is to recover.

        Raises:
            InputError: the configuration or a key's file cannot be used.
            JournalError: the log is damaged.
            OSError: something cannot be opened.
        """
        name = configuration.receipt_key
        # A key that cannot be read is told now, not to whoever asks for a receipt.
        signer = None if name is None else ReceiptSigner(folder / name)
        keys = key_file.Keys(folder)
        try:
            self.operator = key_file.add_operator(keys, folder, configuration.operator_public_key)
            native = ExchangeServer.start(configuration.native(folder).decode())
        except BaseException as error:
            keys.close()
            if isinstance(error, JournalError) and "cannot listen" in str(error):
                raise InputError(f"{configuration.fix}: expected an address to listen on for FIX; {error}") from None
            raise
        self.fix_address = native.fix_address
        feed = Feed()
        hub = Hub(native, pending_max=configuration.limits.requests_pending_max, publish=feed.publish)
        self.services: Services = make_services(configuration, folder, hub, feed, keys)
        self.services.signer = signer
        self.streams = Streams(self.services)
        try:
            self.beside = Beside(folder, native, hub, self.streams)
        except BaseException:
            native.stop()
            keys.close()
            raise
        self.services.history = self.beside.history
        self._tasks: list[asyncio.Task[None]] = []

    def application(self) -> Litestar:
        """The routes in front of it."""
        return application(self.services, self.streams, self.beside.handlers)

    def begin(self) -> None:
        """Begin to take messages and to watch over readers, on the running event loop."""
        self.services.hub.start()
        self.beside.begin()
        self._tasks = [
            asyncio.create_task(_forever(self.services.tickers.publish)),
            asyncio.create_task(_forever(self.streams.watch)),
        ]

    async def end(self) -> None:
        """Take nothing more, close the streams, stop the native server."""
        self.services.hub.is_stopping = True
        await self.services.hub.settle(SETTLE_S_MAX)
        await self.streams.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self.services.hub.stop()
        finally:
            # The last entries are in the log now.
            await self.beside.end()
            self.services.keys.close()


async def _forever(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do work that never ends; if it fails, say so and begin anew."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("a task failed and begins anew")
            await asyncio.sleep(1)


class Server(uvicorn.Server):
    """uvicorn, which ends the exchange before it ends itself, and leaves signals as they were."""

    def __init__(self, config: uvicorn.Config, exchange: Exchange, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._exchange = exchange
        self._tell = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so."""
        self._exchange.begin()
        await super().startup(sockets)
        self._tell()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the exchange, then the web."""
        try:
            await self._exchange.end()
        finally:
            dropping = asyncio.get_running_loop().call_later(LEAVE_S_MAX, self._drop_rest)
            await super().shutdown(sockets)
            dropping.cancel()

    def _drop_rest(self) -> None:
        """Drop whoever does not take what waits in the connection, of which nothing is left to be written."""
        for connection in list(self.server_state.connections):
            if connection.transport.is_closing():
                connection.transport.abort()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM begin the stop: both are an orderly end."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self.handle_exit, each, None)
        try:
            yield
        finally:
            for each in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(each)


def listen(address: str, limits: Limits) -> socket.socket:
    """A socket that listens, with what the kernel may hold for a reader that takes nothing, and for how long.

    Raises:
        InputError: the address is none.
        OSError: it cannot be had.
    """
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections have these from the socket that listened.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.stream_socket_bytes)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * (limits.stream_stall_s_max + 15))
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"{address}: expected an address to listen on; {error.strerror}") from None
    return listening


def address_of(listening: socket.socket, configuration: Configuration) -> str:
    """The address of the web as a browser takes it."""
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{'http' if configuration.tls is None else 'https'}://{shown}:{port}/"


def uvicorn_config(app: Any, configuration: Configuration, folder: Path) -> uvicorn.Config:
    """How uvicorn is run."""
    limits, tls = configuration.limits, configuration.tls
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=bounded(limits.connections_per_address_max),
        ws="websockets-sansio",
        ws_max_size=limits.stream_message_bytes_max,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.connections_max,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S_MAX,
        ssl_certfile=None if tls is None else folder / tls.certificate,
        ssl_keyfile=None if tls is None else folder / tls.key,
    )
    if tls is not None:
        config.load()
        if config.ssl is not None:
            config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return config


def serve(configuration: Configuration, folder: Path, started: Callable[[Exchange, str], None]) -> None:
    """Run an exchange until a signal ends it.

    Args:
        configuration: what it is and allows.
        folder: where it keeps everything.
        started: called with the exchange and the web's address once it takes requests.

    Raises:
        InputError: the configuration or a key's file cannot be used.
        JournalError: the log is damaged.
        OSError: an address cannot be had, or a file cannot be opened.
    """
    listening = listen(configuration.web, configuration.limits)
    try:
        exchange = Exchange(configuration, folder)
    except BaseException:
        listening.close()
        raise
    address = address_of(listening, configuration)
    server = Server(
        uvicorn_config(exchange.beside.observed(exchange.application()), configuration, folder),
        exchange,
        lambda: started(exchange, address),
    )
    server.run(sockets=[listening])
