"""Order flow that was recorded or generated, entered again as orders of an account at the pace it had.

Whatever `proofbook replay` reads is converted into a file of commands first (``docs/REPLAY.md``). Each command becomes
a request with a client id made from the order's number in the file, so that later commands find their order. What an
account cannot ask for is left out and counted: commands to the market as a whole, mass cancels of others' accounts, and
commands about orders that are gone here.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from proofbook import _core
from proofbook.client import AsyncClient, Market, Placed
from proofbook.demo.account import Trader
from proofbook.errors import InputError
from proofbook.spec import Command
from proofbook.spec.codes import Action, OrderKind, Side, TimeInForce
from proofbook.spec.command import COMMAND_BYTES
from proofbook.types import Kind

MAGIC = b"PBCMDS\x00\x01"
HEADER = struct.Struct("<8sQQBB6x")
CONFIG_BYTES = 88

COMMANDS_GENERATED = 20_000
GENERATED_PER_S = 10.0
"""The pace of generated flow, whose own is that of a busy exchange."""
REQUESTS_PER_S_MAX = 20.0
"""However fast the flow was, it is entered no faster."""
OPENING_PER_S_MAX = 100.0
"""The same for the book that a file begins with, whose orders have no time."""
GAP_S_MAX = 3.0
"""A pause that was longer is made as short."""

KINDS: dict[OrderKind, Kind] = {
    OrderKind.MARKET: "market",
    OrderKind.LIMIT: "limit",
    OrderKind.STOP: "stop",
    OrderKind.STOP_LIMIT: "stop_limit",
}
FORCES: dict[TimeInForce, str] = {
    TimeInForce.GOOD_TILL_CANCEL: "gtc",
    TimeInForce.IMMEDIATE_OR_CANCEL: "ioc",
    TimeInForce.FILL_OR_KILL: "fok",
    TimeInForce.GOOD_TILL_DATE: "gtd",
}


def _unit(mantissa: int, decimals: int) -> Decimal:
    """A unit without zeros at its end."""
    return Decimal(mantissa).scaleb(-decimals).normalize()


def decimals_of(unit: Decimal) -> int:
    """How many decimals numbers of a unit have.

    >>> decimals_of(Decimal("0.25")), decimals_of(Decimal("1E+2"))
    (2, 0)
    """
    return max(0, -int(unit.as_tuple().exponent))


@dataclass(frozen=True)
class FlowFile:
    """A file of commands.

    Attributes:
        path: where it is.
        tick: what a tick is worth.
        lot: what a lot is worth.
        commands: how many there are.
    """

    path: Path
    tick: Decimal
    lot: Decimal
    commands: int

    @classmethod
    def open(cls, path: Path) -> FlowFile:
        """Read a file's header.

        Raises:
            InputError: it is no file of commands.
        """
        with path.open("rb") as file:
            head = file.read(HEADER.size)
        size = path.stat().st_size - HEADER.size - CONFIG_BYTES
        if len(head) < HEADER.size or not head.startswith(MAGIC) or size % COMMAND_BYTES:
            raise InputError(f"{path}: expected a file of commands; received {head[:8]!r} and {size:,} bytes")
        _, tick, lot, tick_decimals, lot_decimals = HEADER.unpack(head)
        return cls(path, _unit(tick, tick_decimals), _unit(lot, lot_decimals), size // COMMAND_BYTES)

    def __iter__(self) -> Iterator[Command]:
        """The commands, read as they are needed."""
        with self.path.open("rb") as file:
            file.seek(HEADER.size + CONFIG_BYTES)
            while data := file.read(COMMAND_BYTES):
                yield Command.decode(data)


def converted(files: list[Path], folder: Path) -> FlowFile:
    """Market data as a file of commands in a folder.

    Raises:
        ReplayError: it cannot be read.
    """
    output = folder / "flow.pbk"
    _core.convert(files, output)
    return FlowFile.open(output)


def generated(folder: Path, seed: int) -> FlowFile:
    """Generated flow as a file of commands in a folder."""
    output = folder / "flow.pbk"
    _core.generate(output, seed, COMMANDS_GENERATED)
    return FlowFile.open(output)


class Flow(Trader):
    """Enters a flow.

    Args:
        client: of the account that enters it.
        market: that it goes to; its prices and quantities have the decimals of the file.
        files: gives the file of each round: the first for the flow's beginning, others for when it is over.
        speed: how much faster than it was; None for the pace of generated flow.
    """

    def __init__(
        self, client: AsyncClient, market: Market, files: Callable[[int], FlowFile], speed: float | None
    ) -> None:
        super().__init__("flow", client, market)
        self.left_out: Counter[str] = Counter()
        self._files = files
        self._speed = speed
        self._rounds = 0

    async def trade(self) -> None:
        """Enter one file after the other."""
        while True:
            file = await asyncio.to_thread(self._files, self._rounds)
            prefix = f"flow-{time.time_ns() // 10**6:x}-"
            self._rounds += 1
            await self._enter_all(file, prefix)

    async def _enter_all(self, file: FlowFile, prefix: str) -> None:
        names: dict[int, str] = {}
        last_ns = 0
        due_s = time.monotonic()
        for command in file:
            due_s = max(due_s + self._pause_s(last_ns, command.time), time.monotonic() - GAP_S_MAX)
            last_ns = command.time
            await asyncio.sleep(due_s - time.monotonic())
            await self._enter(command, file, prefix, names)

    def _pause_s(self, last_ns: int, now_ns: int) -> float:
        """How long to wait between commands of these times."""
        if now_ns == 0:
            return 1 / OPENING_PER_S_MAX
        if self._speed is None:
            return 1 / GENERATED_PER_S
        # The first command with a time follows those of the opening book at once.
        gap_s = 0.0 if last_ns == 0 else (now_ns - last_ns) / 1e9 / self._speed
        return min(max(gap_s, 1 / REQUESTS_PER_S_MAX), GAP_S_MAX)

    async def _enter(self, command: Command, file: FlowFile, prefix: str, names: dict[int, str]) -> None:
        if command.action is Action.NEW:
            await self._place(command, file, prefix, names)
            return
        name = names.get(command.order_id or 0)
        if command.order_id is None or name is None:
            self.left_out[command.action.name.lower()] += 1
            return
        if command.action is Action.CANCEL:
            del names[command.order_id]
            await self.ask(self.client.cancel(client_id=name))
            return
        await self._amend(command, command.order_id, name, file, names)

    async def _place(self, command: Command, file: FlowFile, prefix: str, names: dict[int, str]) -> None:
        assert command.order_id is not None and command.quantity is not None
        assert command.kind is not None and command.time_in_force is not None
        expires_ns = None
        if command.expiry is not None:
            expires_ns = time.time_ns() + int((command.expiry - command.time) / (self._speed or 1))
        name = f"{prefix}{command.order_id}"
        request = self.client.place(
            self.market.symbol,
            "buy" if command.side is Side.BUY else "sell",
            command.quantity * file.lot,
            price=None if command.price is None else command.price * file.tick,
            kind=KINDS[command.kind],
            stop_price=None if command.stop_price is None else command.stop_price * file.tick,
            time_in_force=FORCES[command.time_in_force],
            expires_ns=expires_ns,
            post_only=command.post_only,
            display=None if command.display is None else command.display * file.lot,
            client_id=name,
        )
        placed = await self.ask(request)
        if placed is not None and placed.is_live:
            names[command.order_id] = name

    async def _amend(self, command: Command, number: int, name: str, file: FlowFile, names: dict[int, str]) -> None:
        """Replace an order. A reduction is one too; the file names what shall be open, the interface the total."""
        order = await self.ask(self.client.get_order(client_id=name))
        if order is None or not order.is_live:
            names.pop(number, None)
            return
        quantity = None if command.quantity is None else command.quantity * file.lot
        if command.action is Action.REDUCE:
            assert quantity is not None
            if quantity >= order.leaves:
                self.left_out["reduce"] += 1
                return
            quantity = order.leaves - quantity
        request = self.client.replace(
            order.order_id,
            price=None if command.price is None else command.price * file.tick,
            quantity=None if quantity is None else order.filled + quantity,
            stop_price=None if command.stop_price is None else command.stop_price * file.tick,
        )
        replaced: Placed | None = await self.ask(request)
        if replaced is not None and replaced.client_id is not None:
            names[number] = replaced.client_id
