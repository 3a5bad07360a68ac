"""The log of an exchange that has stopped, beside what its clients were told.

The log is replayed twice by others than the server that wrote it: `audit_exchange` compares its states with every
snapshot and market journal, the history's reader says which reports each entry has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from proofbook import _core

from .fix_session import BrokenError
from .trader import Trader
from .web_trader import SESSION, WebTrader

UNNAMED = frozenset({"status", "cancel_rejected", "replace_rejected"})
"""Reports without an execution id of their own."""
ROWS = 1 << 16


def reports(folder: Path) -> Iterator[dict[str, Any]]:
    """Every report that came of the log's entries, in order."""
    reader = _core.HistoryReader(folder)
    last = -1
    while True:
        entry, tables = reader.next(ROWS)
        if "orders" in tables:
            yield from tables["orders"].to_pylist()
        if entry == last:
            return
        last = entry


def sound(folder: Path) -> dict[str, Any]:
    """What replaying the log gives.

    Raises:
        BrokenError: a snapshot or a market's journal says something else, or amounts do not add up.
    """
    found: dict[str, Any] = json.loads(_core.audit_exchange(folder))
    if not found["is_sound"]:
        raise BrokenError(f"the files differ from a replay of the log: {found}")
    for asset in found["assets"]:
        if asset["total"] != asset["deposited"]:
            raise BrokenError(f"{asset['symbol']}: {asset['deposited']} were deposited, accounts have {asset['total']}")
    return found


def compare(folder: Path, traders: list[Trader], web: Sequence[WebTrader] = ()) -> dict[str, Any]:
    """Hold what clients were told against the log; sessions have the numbers of their places, from 1.

    Raises:
        BrokenError: something was lost, doubled or made up; or the files do not agree with each other.
    """
    found = sound(folder)
    told: dict[int, list[str]] = {}
    stands: dict[int, dict[int, tuple[Decimal, Decimal, bool]]] = {}
    by_account: dict[int, list[dict[str, Any]]] = {trader.account: [] for trader in web}
    for row in reports(folder):
        if row["session"] == SESSION and row["account"] in by_account:
            by_account[row["account"]].append(row)
        if row["execution"] not in UNNAMED:
            told.setdefault(row["session"], []).append(f"{row['entry']}-{row['index']}")
        if row["status"] != "rejected" and row["execution"] not in UNNAMED:
            orders = stands.setdefault(row["session"], {})
            orders[row["order_id"]] = (row["filled"], row["leaves"], row["status"] == "live")
    for client in web:
        client.compare(by_account[client.account])
    for number, trader in enumerate(traders, 1):
        _same(trader, told.get(number, []))
        # An order that was replaced stands in its client's table under each of its ids.
        distinct = {id(order): order for order in trader.orders.values()}
        mine = sorted((order.filled, order.leaves, order.is_live) for order in distinct.values())
        theirs = sorted(stands.get(number, {}).values())
        if mine != theirs:
            raise BrokenError(f"{trader.session.name}: orders stand otherwise than the log says")
    return found


def _same(trader: Trader, logged: list[str]) -> None:
    """The reports that a client had are those of the log, in its order."""
    if trader.execution_ids == logged:
        return
    had, has = set(trader.execution_ids), set(logged)
    name = trader.session.name
    if lost := has - had:
        raise BrokenError(f"{name}: {len(lost)} reports of the log never came, such as {sorted(lost)[:3]}")
    if made_up := had - has:
        raise BrokenError(f"{name}: {len(made_up)} reports came that the log does not have: {sorted(made_up)[:3]}")
    raise BrokenError(f"{name}: reports came in another order than the log has them, or twice")
