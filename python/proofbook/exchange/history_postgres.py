"""The history in PostgreSQL: the same tables, by ``COPY``, each entry exactly once.

Rows and the position behind them are written in one transaction, so a writer that dies anywhere goes on behind what the
database has. Times are whole nanoseconds since 1970 (``bigint``: PostgreSQL's own times have microseconds), amounts
``numeric``. The tables are made by us, in a schema of their own, and documented in ``docs/HISTORY.md``.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv
from psycopg import sql

from proofbook._core import HistoryReader
from proofbook.errors import InputError
from proofbook.exchange.history_files import ENTRIES, FORMAT, KINDS

SCHEMA = "proofbook"
KEYS: Mapping[str, tuple[str, ...]] = {
    "entries": ("entry",),
    "orders": ("entry", "index"),
    "trades": ("entry", "index"),
    "balances": ("entry", "account", "asset"),
    "assets": ("asset",),
    "markets": ("market",),
}
"""What each row of a table is known by. No row twice: a second one would end the transaction."""

INDEXES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "orders": (("account", "entry"),),
    "trades": (("market", "ts_event"),),
    "balances": (("account", "asset", "entry"),),
}
COPY_ROWS = 1 << 14
"""So many rows are put into a message of ``COPY``."""


def _column_type(kind: Any) -> str:
    if pa.types.is_decimal(kind):
        return "numeric"
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
        return "text"
    if pa.types.is_uint8(kind) or pa.types.is_uint32(kind):
        return "integer"
    if pa.types.is_uint64(kind) or pa.types.is_timestamp(kind):
        # The largest id and the last time that a history has are below 2^63.
        return "bigint"
    raise AssertionError(f"{kind} has no type in PostgreSQL")


def _names(columns: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


class PostgresHistory:
    """A history in a database, to write. It is a sink of `HistoryWriter`."""

    def __init__(self, address: str, exchange: str, *, schema: str = SCHEMA) -> None:
        """Connect, and make the tables where they are missing.

        Args:
            address: what libpq takes, such as ``postgresql://user@host/database``.
            exchange: the exchange's name; tables of another one are refused.
            schema: the schema of the tables.

        Raises:
            InputError: the database cannot be reached or used, or it has the history of another exchange.
        """
        self._schema = schema
        try:
            self._connection = psycopg.connect(address, application_name="proofbook history")
        except psycopg.Error as error:
            # Without its text's first line, which may have the address, and with it a password.
            raise InputError(f"expected a PostgreSQL database; {_reason(error)}") from None
        try:
            with self._connection.transaction():
                self._make_tables()
            self._position = self._begin(exchange)
        except psycopg.Error as error:
            self._connection.close()
            raise InputError(f"PostgreSQL: {_reason(error)}") from None
        except BaseException:
            self._connection.close()
            raise

    def _table(self, name: str) -> sql.Identifier:
        return sql.Identifier(self._schema, name)

    def _make_tables(self) -> None:
        execute = self._connection.execute
        # Two that begin at once: the second waits here.
        execute("SELECT pg_advisory_xact_lock(hashtext('proofbook history'))")
        execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(self._schema)))
        for kind, schema in HistoryReader.schemas().items():
            columns = [
                sql.SQL("{} {} {}").format(
                    sql.Identifier(column.name),
                    sql.SQL(_column_type(column.type)),
                    sql.SQL("NULL" if column.nullable else "NOT NULL"),
                )
                for column in schema
            ]
            execute(
                sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({}))").format(
                    self._table(kind), sql.SQL(", ").join(columns), _names(KEYS[kind])
                )
            )
            for number, index in enumerate(INDEXES.get(kind, ())):
                execute(
                    sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} ({})").format(
                        sql.Identifier(f"{kind}_{number}"), self._table(kind), _names(index)
                    )
                )
        execute(
            sql.SQL(
                "CREATE TABLE IF NOT EXISTS {} (one boolean PRIMARY KEY DEFAULT true CHECK (one), "
                "entry bigint NOT NULL, exchange text NOT NULL, format text NOT NULL)"
            ).format(self._table("position"))
        )

    def _begin(self, exchange: str) -> int:
        insert = "INSERT INTO {} (entry, exchange, format) VALUES (0, %s, %s) ON CONFLICT DO NOTHING"
        select = "SELECT entry, exchange, format FROM {}"
        with self._connection.transaction():
            self._connection.execute(sql.SQL(insert).format(self._table("position")), (exchange, FORMAT))
            row = self._connection.execute(sql.SQL(select).format(self._table("position"))).fetchone()
        if row is None or row[1:] != (exchange, FORMAT):
            raise InputError(
                f"PostgreSQL: expected exchange and format {(exchange, FORMAT)}; received {row and row[1:]}"
            )
        return int(row[0])

    @property
    def position(self) -> int:
        """The last entry that the database has."""
        return self._position

    def write(self, tables: Mapping[str, Any]) -> None:
        """Write what came of the next entries and the position behind them, in one transaction.

        Raises:
            InputError: another writer was faster, or the database refuses.
        """
        last = tables[ENTRIES]["entry"][-1].as_py()
        try:
            with self._connection.transaction():
                self._take_position(last)
                for kind in KINDS:
                    if kind in tables and tables[kind].num_rows:
                        self._copy(kind, tables[kind])
        except psycopg.Error as error:
            raise InputError(f"PostgreSQL: {_reason(error)}") from None
        self._position = last

    def _take_position(self, last: int) -> None:
        update = "UPDATE {} SET entry = %s WHERE entry = %s"
        statement = sql.SQL(update).format(self._table("position"))
        changed = self._connection.execute(statement, (last, self._position))
        if changed.rowcount != 1:
            raise InputError(f"expected entry {self._position} to be the last in PostgreSQL: another process writes it")

    def _copy(self, kind: str, table: Any) -> None:
        place = table.schema.get_field_index("ts_event")
        table = table.set_column(place, "ts_event", table["ts_event"].cast(pa.int64()))
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
            self._table(kind), _names(tuple(table.column_names))
        )
        options = pyarrow.csv.WriteOptions(include_header=False)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for first in range(0, table.num_rows, COPY_ROWS):
                text = io.BytesIO()
                pyarrow.csv.write_csv(table.slice(first, COPY_ROWS), text, options)
                copy.write(text.getbuffer())

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()


def _reason(error: psycopg.Error) -> str:
    """What PostgreSQL says, without addresses."""
    primary = error.diag.message_primary
    return primary if primary else type(error).__name__
