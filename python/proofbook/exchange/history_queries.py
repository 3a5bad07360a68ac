"""Questions about the history of an exchange, answered by DuckDB over its files and over what is in no file yet.

The tables are those of ``docs/HISTORY.md``: ``orders``, ``trades``, ``balances``, ``entries``, ``assets``, ``markets``.
Each question sees one moment of the history, and each is bounded: rows, memory, threads, time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal
from pathlib import Path
from typing import Any, Protocol, TypeVar

import duckdb
import pyarrow as pa

from proofbook._core import HistoryReader
from proofbook.errors import BusyError, InputError
from proofbook.exchange.history import ENTRIES_PER_READ, Snapshot
from proofbook.exchange.history_files import KINDS, HistoryFolder, last_entry

T = TypeVar("T")

ROWS_MAX = 10_000
"""No question about accounts or markets gets more rows."""
SECONDS_MAX = 10.0
"""A question that takes longer is ended."""
MEMORY = "512MB"
THREADS = 2
TRIES = 20
"""A file that was put together with others meanwhile is looked for anew, so often at most."""
AHEAD_MAX = 2_000_000
"""So many entries behind the files are read from the log for one question at most."""
LATEST_ENTRIES = 1 << 15
"""The latest rows are looked for among so many entries first,"""
LATEST_GROWTH = 8
"""and then among so many times more, until there are enough."""
INDEX_MAX = (1 << 62) - 1
"""No entry has so many reports."""
AVERAGE_DECIMALS = 4
"""More decimals of an average price than its market has."""

EXACT = Context(prec=100, rounding=ROUND_DOWN)
"""More digits than any amount or average has."""

GONE = "('filled', 'cancelled', 'expired')"


class Source(Protocol):
    """What has a history, such as its writer."""

    def snapshot(self) -> Snapshot:
        """The history as it is now."""
        ...


class Files:
    """The history in a folder of files that another process may be writing, and behind them what the log has."""

    def __init__(self, history: Path, log: Path | None) -> None:
        """Look at a history.

        Args:
            history: the folder of its files.
            log: the exchange's folder, or nothing if its log is not to be read.
        """
        self._folder = HistoryFolder(history)
        self._log = log

    def snapshot(self) -> Snapshot:
        """The history as it is now.

        Raises:
            InputError: more than `AHEAD_MAX` entries are in no file yet.
        """
        files = self._folder.files()
        last = last_entry(files)
        if self._log is None:
            return Snapshot(files, {}, last)
        reader = HistoryReader(self._log, last)
        end = reader.acknowledged()
        if end - last > AHEAD_MAX:
            raise InputError(
                f"expected at most {AHEAD_MAX:,} entries that are in no file yet; there are {end - last:,}: "
                f"write them with `proofbook history {self._log}`"
            )
        batches: dict[str, list[Any]] = {kind: [] for kind in KINDS}
        while last < end:
            last, tables = reader.next(ENTRIES_PER_READ, end)
            for kind, batch in tables.items():
                batches[kind].append(batch)
        tables = {kind: pa.Table.from_batches(found) for kind, found in batches.items() if found}
        return Snapshot(files, tables, last)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _view(kind: str, snapshot: Snapshot) -> str:
    """The view of a table: its files, then the rows that are in none."""
    files = snapshot.files.get(kind, [])
    columns = ", ".join(f'"{name}"' for name in HistoryReader.schemas()[kind].names)
    rows = f"SELECT {columns} FROM unwritten_{kind}"
    if files:
        listed = ", ".join(_quoted(file.path) for file in files)
        rows = f"SELECT {columns} FROM read_parquet([{listed}], hive_partitioning = false) UNION ALL {rows}"
    return f"CREATE TEMP VIEW {kind} AS {rows}"


@dataclass(frozen=True)
class _Moment:
    """A connection that sees the history up to an entry."""

    connection: Any
    last: int

    def table(self, question: str, parameters: Any, rows_max: int | None) -> Any:
        """The answer as an Arrow table."""
        found = self.connection.sql(question, params=parameters)
        if found is None:
            return pa.table({})
        reader = found.to_arrow_reader()
        return reader.read_all() if rows_max is None else _at_most(reader, rows_max)


class History:
    """Answers questions about a history. Each may be asked in any thread."""

    def __init__(self, source: Source, *, seconds_max: float = SECONDS_MAX) -> None:
        self._source = source
        self._seconds_max = seconds_max
        self._database = duckdb.connect(
            ":memory:", config={"threads": THREADS, "memory_limit": MEMORY, "temp_directory": ""}
        )
        self._places: dict[str, _Places] = {}

    def close(self) -> None:
        """Answer nothing more."""
        self._database.close()

    @contextmanager
    def _at_one_moment(self, question: str) -> Iterator[_Moment]:
        """A connection that sees what a question names as it is now, and is ended when its time is over."""
        snapshot = self._source.snapshot()
        connection = self._database.cursor()
        timer = threading.Timer(self._seconds_max, connection.interrupt)
        timer.daemon = True
        try:
            for kind, schema in HistoryReader.schemas().items():
                if kind not in question.lower():
                    continue
                table = snapshot.tables.get(kind)
                connection.register(f"unwritten_{kind}", schema.empty_table() if table is None else table)
                connection.execute(_view(kind, snapshot))
            timer.start()
            yield _Moment(connection, snapshot.last)
        finally:
            timer.cancel()
            connection.close()

    def _ask(self, question: str, work: Callable[[_Moment], T]) -> T:
        """Do what answers a question at one moment; anew, if a file has been put together with others meanwhile."""
        for attempt in range(TRIES):
            try:
                with self._at_one_moment(question) as moment:
                    return work(moment)
            except duckdb.InterruptException:
                raise BusyError(f"expected a question that takes at most {self._seconds_max:g} s") from None
            except duckdb.IOException as error:
                if attempt == TRIES - 1:
                    raise InputError(str(error)) from None
            except duckdb.Error as error:
                raise InputError(str(error)) from None
        raise AssertionError("the last attempt returns or raises")

    def sql(self, question: str, parameters: Any = None, *, rows_max: int | None = None) -> Any:
        """Answer a question in DuckDB's SQL.

        Args:
            question: one statement.
            parameters: values for its ``?`` or ``$name``.
            rows_max: give no more rows than this.

        Returns:
            An Arrow table; an empty one where the statement gives nothing.

        Raises:
            InputError: DuckDB refuses the question.
            BusyError: it took too long.
        """
        return self._ask(question, lambda moment: moment.table(question, parameters, rows_max))

    def _rows(self, question: str, parameters: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.sql(question, parameters).to_pylist()
        return rows

    def _page(
        self, question: str, parameters: Mapping[str, Any], since_entry: int | None, limit: int
    ) -> list[dict[str, Any]]:
        """Rows of a question that has a condition on ``entry > $since``, the newest one last.

        Without `since_entry` the latest rows are looked for among the last entries first, then among ever more.
        """
        if not 1 <= limit <= ROWS_MAX:
            raise InputError(f"expected 1 to {ROWS_MAX} rows; received {limit}")
        order = "DESC" if since_entry is None else "ASC"
        question += f' ORDER BY entry {order}, "index" {order} LIMIT $limit'

        def look(moment: _Moment) -> list[dict[str, Any]]:
            span = LATEST_ENTRIES
            while True:
                since = max(0, moment.last - span) if since_entry is None else since_entry
                found = moment.table(question, {**parameters, "since": since, "limit": limit}, None)
                rows: list[dict[str, Any]] = found.to_pylist()
                if since_entry is not None:
                    return rows
                if len(rows) == limit or since == 0:
                    return rows[::-1]
                span *= LATEST_GROWTH

        return self._ask(question, look)

    def fills(
        self, account: int, since_entry: int | None = None, limit: int = 100, since_index: int | None = None
    ) -> list[dict[str, Any]]:
        """Trades of an account, the newest one last.

        Args:
            account: its number.
            since_entry: those after this entry, the oldest of them; without it, the latest.
            limit: how many at most.
            since_index: with an entry, also those of itself after this index: an entry may have more than `limit`.

        Returns:
            As the server's messages: ``entry``, ``index``, ``time_ns``, ``report``.
        """
        return self._reports("execution = 'trade'", account, None, since_entry, limit, since_index)

    def orders(
        self,
        account: int,
        market: str | None = None,
        since_entry: int | None = None,
        limit: int = 100,
        since_index: int | None = None,
    ) -> list[dict[str, Any]]:
        """Orders of an account that are gone (filled, cancelled or expired): how each of them ended, the newest last.

        Args:
            account: its number.
            market: in this market alone.
            since_entry: those that ended after this entry, the oldest of them; without it, the latest.
            limit: how many at most.
            since_index: as for `fills`.

        Returns:
            As the server's messages: ``entry``, ``index``, ``time_ns``, ``report``.
        """
        # An order ends with one report; a request that comes again later is answered by `status` or a reject.
        ended = f"status IN {GONE} AND execution IN ('trade', 'cancelled', 'expired')"
        return self._reports(ended, account, market, since_entry, limit, since_index)

    def _reports(
        self,
        condition: str,
        account: int,
        market: str | None,
        since_entry: int | None,
        limit: int,
        since_index: int | None,
    ) -> list[dict[str, Any]]:
        rows = self._page(
            f"SELECT * REPLACE (epoch_ns(ts_event) AS ts_event) FROM orders WHERE {condition} AND account = $account "
            'AND entry >= $since AND (entry > $since OR "index" > $index) AND ($market IS NULL OR market = $market)',
            {"account": account, "market": market, "index": INDEX_MAX if since_index is None else since_index},
            since_entry,
            limit,
        )
        return [self._message(row) for row in rows]

    def trades(self, market: str, since_entry: int | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Trades of a market, the newest one last.

        Args:
            market: its symbol.
            since_entry: those after this entry, the oldest of them; without it, the latest.
            limit: how many at most.

        Returns:
            ``id``, ``entry``, ``time_ns``, ``price``, ``quantity``, ``side`` (of the order that came to the other).
        """
        rows = self._page(
            'SELECT trade_id AS id, entry, "index", epoch_ns(ts_event) AS time_ns, price, size AS quantity, side '
            "FROM trades WHERE market = $market AND entry > $since",
            {"market": market},
            since_entry,
            limit,
        )
        places = self._places_of(market)
        for row in rows:
            del row["index"]
            row["price"] = _text(row["price"], places.price)
            row["quantity"] = _text(row["quantity"], places.quantity)
        return rows

    def candles(
        self, market: str, interval_s: int = 60, since_ns: int | None = None, limit: int = 500
    ) -> list[dict[str, Any]]:
        """Candles of a market, the newest one last; intervals without trades have none.

        Args:
            market: its symbol.
            interval_s: the length of an interval, which starts at a multiple of it since 1970.
            since_ns: those that start at or after this time, the oldest of them; without it, the latest.
            limit: how many at most.

        Returns:
            ``start_ns``, ``open``, ``high``, ``low``, ``close``, ``volume`` (of the base asset), ``trades``.

        Raises:
            InputError: an interval that is not 1 s to 366 days.
        """
        if not 1 <= interval_s <= 366 * 86_400:
            raise InputError(f"expected an interval of 1 to {366 * 86_400} s; received {interval_s}")
        if not 1 <= limit <= ROWS_MAX:
            raise InputError(f"expected 1 to {ROWS_MAX} rows; received {limit}")
        order = "DESC" if since_ns is None else "ASC"
        rows = self._rows(
            "SELECT epoch_ns(ts_event) // $interval * $interval AS start_ns, "
            'arg_min(price, (entry, "index")) AS open, max(price) AS high, min(price) AS low, '
            'arg_max(price, (entry, "index")) AS close, sum(size) AS volume, count(*) AS trades '
            "FROM trades WHERE market = $market AND ts_event >= make_timestamp_ns($since) "
            f"GROUP BY start_ns ORDER BY start_ns {order} LIMIT $limit",
            {
                "market": market,
                "interval": interval_s * 10**9,
                # An interval that began before is not whole.
                "since": 0 if since_ns is None else -(-since_ns // (interval_s * 10**9)) * interval_s * 10**9,
                "limit": limit,
            },
        )
        places = self._places_of(market)
        for row in rows:
            for name in ("open", "high", "low", "close"):
                row[name] = _text(row[name], places.price)
            row["volume"] = _text(row["volume"], places.quantity)
        return rows if since_ns is not None else rows[::-1]

    def _places_of(self, market: str | None) -> _Places:
        """The decimals of a market and its assets. Neither ever changes."""
        if market is None:
            return _Places(0, 0, 0, 0)
        if market not in self._places:
            found = self._rows(
                "SELECT m.price_decimals AS price, m.quantity_decimals AS quantity, b.decimals AS base, "
                "q.decimals AS quote FROM markets m "
                "JOIN assets b ON b.asset = m.base JOIN assets q ON q.asset = m.quote WHERE m.market = $market",
                {"market": market},
            )
            if not found:
                raise InputError(f"expected a market of this history; received {market!r}")
            self._places[market] = _Places(**found[0])
        return self._places[market]

    def _message(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of the orders in the form of the server's message."""
        places = self._places_of(row["market"])
        is_sell = row["side"] == "sell"
        filled, notional = row["filled"], row["notional"]
        # A request about no order that there is has the numbers of none.
        order = {"order_id": row["order_id"] or 0, "market": row["market"] or ""}
        order |= {name: row[name] for name in ("client_id", "original_id", "account", "side", "kind", "status")}
        order |= {
            "limit_price": _text(row["limit_price"], places.price),
            "stop_price": _text(row["stop_price"], places.price),
            "quantity": _text(row["quantity"], places.quantity) or "0",
            "leaves": _text(row["leaves"], places.quantity) or "0",
            "filled": _text(filled, places.quantity) or "0",
            "average": _text(EXACT.divide(notional, filled), places.price + AVERAGE_DECIMALS) if filled else None,
            "notional": _text(notional, places.quote) or "0",
            "fees": _text(row["fees"], places.quote) or "0",
            "hold": _text(row["hold"], places.base if is_sell else places.quote) or "0",
        }
        report = {
            "execution": row["execution"],
            "reason": row["reason"],
            "price": _text(row["price"], places.price),
            "quantity": _text(row["size"], places.quantity),
            "liquidity": row["liquidity"],
            "fee": _text(row["fee"], places.quote),
            "order": order,
        }
        return {"entry": row["entry"], "index": row["index"], "time_ns": row["ts_event"], "report": report}


class _Places:
    """Decimals in which a market's numbers are shown."""

    def __init__(self, price: int, quantity: int, base: int, quote: int) -> None:
        self.price, self.quantity, self.base, self.quote = price, quantity, base, quote


def _text(amount: Decimal | None, places: int) -> str | None:
    """An amount with all its decimals; what has more is cut off, as averages are."""
    if amount is None:
        return None
    return f"{amount.quantize(Decimal(1).scaleb(-places), context=EXACT):f}"


def _at_most(reader: Any, rows_max: int) -> Any:
    batches, rows = [], 0
    for batch in reader:
        batches.append(batch.slice(0, rows_max - rows))
        rows += batches[-1].num_rows
        if rows >= rows_max:
            break
    return pa.Table.from_batches(batches, reader.schema)
