"""The demo from its start to its end: the exchange's process, the accounts, everyone who trades, and stopping in order.

The order of the end: first everyone takes their orders back, then the exchange is told to stop and awaited. The
exchange has a process group of its own, so that an interrupt from the keyboard reaches it through here alone.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from proofbook.client import AsyncClient, Client, Key, Market
from proofbook.demo import flow
from proofbook.demo.account import Trader, account_key, fund, together
from proofbook.demo.price import Walk
from proofbook.demo.traders import Follower, MarketMaker, Noise
from proofbook.errors import InputError, ProofbookError

OPERATOR_FILE = "operator.key"
KEYS_FOLDER = "demo-keys"
LOG_FILE = "exchange.log"
"""Where the exchange's own messages go, in its folder."""
START_S_MAX = 300.0
STOP_S_MAX = 60.0

QUOTE = "USD"
MAKER_QUOTE = "100000000"
MAKER_BASE_PART = "0.5"
"""Of the quote funds, what the base funds are worth."""
FLOW_SYMBOL = "FLOW"
FLOW_FUNDS = "1000000000"
SYMBOL_CHARACTERS_MAX = 8


@dataclass(frozen=True)
class Options:
    """What the demo is.

    Attributes:
        folder: of the exchange.
        port: of the web; None for that of the configuration.
        fix_port: of FIX; None for that of the configuration.
        data: files of order flow; none for generated flow.
        speed: how much faster than recorded the flow is entered.
        seed: of prices, choices and generated flow.
        seconds: how long it runs; None for until it is interrupted.
        sync: whether entries are on the disk before they are acknowledged.
    """

    folder: Path
    port: int | None = None
    fix_port: int | None = None
    data: list[Path] = field(default_factory=list)
    speed: float | None = None
    seed: int = 1
    seconds: float | None = None
    sync: bool = True


class ExchangeProcess:
    """The exchange as a process of its own; a context manager of asyncio that stops it in order.

    Attributes:
        facts: what it said of itself when it began to listen.
    """

    def __init__(self, options: Options) -> None:
        self.facts: dict[str, Any] = {}
        self._options = options
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> ExchangeProcess:
        """Start it, and wait until it listens.

        Raises:
            InputError: it does not start; the message has its last words.
        """
        options = self._options
        arguments = ["serve", str(options.folder), "--demo", "--json"]
        arguments += [] if options.port is None else ["--port", str(options.port)]
        arguments += [] if options.fix_port is None else ["--fix-port", str(options.fix_port)]
        arguments += [] if options.sync else ["--no-sync"]
        options.folder.mkdir(parents=True, exist_ok=True)
        log = options.folder / LOG_FILE
        with log.open("ab") as file:
            began = file.tell()
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "proofbook", *arguments),
                stdout=asyncio.subprocess.PIPE,
                stderr=file,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_S_MAX):
                line = await self._process.stdout.readline()
            self.facts = json.loads(line or b"null") or {}
        except BaseException:
            await self.__aexit__()
            raise
        if not self.facts:
            code = await self._process.wait()
            said = log.read_bytes()[began:].decode(errors="replace").strip().splitlines() or [f"exit code {code}"]
            raise InputError(f"{options.folder}: expected an exchange that starts; received: {said[-1]}")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Tell it to stop, and wait until it has."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    @property
    def url(self) -> str:
        """Its address."""
        return str(self.facts["address"])

    async def ended(self) -> None:
        """Wait until it ends by itself.

        Raises:
            ProofbookError: it has.
        """
        assert self._process is not None
        raise ProofbookError(f"the exchange ended with exit code {await self._process.wait()}")


def flow_symbol(data: list[Path]) -> str:
    """What the asset of a flow is called: for a file the first word of its name, in capitals.

    >>> flow_symbol([Path("AAPL_2012-06-21_message_50.csv")]), flow_symbol([Path("2015-05-01.log.xz")]), flow_symbol([])
    ('AAPL', 'FLOW', 'FLOW')
    """
    word = ""
    for character in data[0].name if data else "":
        if not (character.isascii() and character.isalnum()) or len(word) == SYMBOL_CHARACTERS_MAX:
            break
        word += character.upper()
    return word if word and not word.isdigit() else FLOW_SYMBOL


def list_flow_market(operator: Client, file: flow.FlowFile, base: str) -> tuple[Market, dict[str, str]]:
    """The market that a flow goes to, listed if it is not there, and the funds that its account needs.

    Raises:
        InputError: there is one of that name with other decimals.
    """
    price_decimals, quantity_decimals = flow.decimals_of(file.tick), flow.decimals_of(file.lot)
    decimals = {asset.symbol: asset.decimals for asset in operator.assets()}
    quote = QUOTE if price_decimals + quantity_decimals <= decimals.get(QUOTE, 0) else f"{base[:4]}USD"
    symbol = f"{base}-{quote}"
    for asset, wanted in ((base, quantity_decimals), (quote, price_decimals + quantity_decimals)):
        if asset not in decimals:
            operator.operate("add_asset", symbol=asset, decimals=wanted)
    found = next((market for market in operator.markets() if market.symbol == symbol), None)
    if found is None:
        operator.operate(
            "list_market",
            symbol=symbol,
            base=base,
            quote=quote,
            price_decimals=price_decimals,
            quantity_decimals=quantity_decimals,
        )
        operator.operate("open", market=symbol)
        found = operator.market(symbol)
    if (found.price_decimals, found.quantity_decimals) != (price_decimals, quantity_decimals):
        raise InputError(
            f"{symbol} has {found.price_decimals} decimals of prices and {found.quantity_decimals} of quantities: "
            f"expected a flow of as many; received {price_decimals} and {quantity_decimals}: use another folder"
        )
    return found, {base: FLOW_FUNDS, quote: FLOW_FUNDS}


@dataclass
class Demo:
    """Everyone who trades, ready to begin."""

    traders: list[Trader]
    market: Market
    flow_market: Market


def prepared(options: Options, url: str, stack: AsyncExitStack, temporary: Path) -> Demo:
    """Open and fund the accounts. It takes part in no event loop: call it from a thread."""
    keys = options.folder / KEYS_FOLDER
    first = flow.converted(options.data, temporary) if options.data else flow.generated(temporary, options.seed)

    def file_of(number: int) -> flow.FlowFile:
        return first if number == 0 or options.data else flow.generated(temporary, options.seed + number)

    def client_of(name: str, deposits: dict[str, str]) -> AsyncClient:
        key = account_key(keys, name)
        fund(url, key, operator, deposits)
        client = AsyncClient(url, key)
        stack.push_async_callback(client.close)
        return client

    with Client(url, Key.load(options.folder / OPERATOR_FILE)) as operator:
        market = operator.markets()[0]
        price = market.reference_price or Decimal(100)
        base_funds = Decimal(MAKER_QUOTE) * Decimal(MAKER_BASE_PART) / price
        funds = {market.quote: MAKER_QUOTE, market.base: f"{base_funds.quantize(Decimal(1)):f}"}
        flow_market, flow_funds = list_flow_market(operator, first, flow_symbol(options.data))
        # A recorded pace is that of the file; generated flow has none that anyone could follow.
        speed = (options.speed or 1.0) if options.data else options.speed
        seed = options.seed
        traders: list[Trader] = [
            MarketMaker(client_of("maker", funds), market, Walk(price, seed), seed + 1),
            Follower(client_of("follower", funds), market, seed + 2),
            Noise(client_of("noise", funds), market, seed + 3),
            flow.Flow(client_of("flow", flow_funds), flow_market, file_of, speed),
        ]
    return Demo(traders, market, flow_market)


async def run(options: Options, started: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Run the demo until it is interrupted or its time is over; give what was done.

    Args:
        options: what it is.
        started: is told the exchange's facts once everyone begins to trade.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)

    async def over() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(options.seconds):
                await stopped.wait()

    begun_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="proofbook-demo-") as temporary:
        async with ExchangeProcess(options) as exchange, AsyncExitStack() as stack:
            demo = await asyncio.to_thread(partial(prepared, options, exchange.url, stack, Path(temporary)))
            started({**exchange.facts, "market": demo.market.symbol, "flow_market": demo.flow_market.symbol})
            await together(exchange.ended(), over(), *(trader.run() for trader in demo.traders))
    return {
        "seconds": round(time.monotonic() - begun_s, 1),
        "traders": {trader.name: {"taken": trader.sent, "refused": dict(trader.refused)} for trader in demo.traders},
    }
