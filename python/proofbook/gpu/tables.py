"""Arrow tables of commands of many books: the columns of `docs/tables.md`, and ``book``.

Columns are converted whole, and every row is checked before any command exists: a table is taken whole or not at all.
The complaint is the one that ``Book.apply`` makes: the first row that is no command, and of that row the first flaw.

Prices and quantities are integers in ticks and lots. Decimals and strings need to know what one is worth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from proofbook.errors import InputError
from proofbook.gpu import commands as words
from proofbook.gpu.columns import NOT_GIVEN, Columns, Mask, unit_of
from proofbook.gpu.commands import Batch
from proofbook.gpu.kernels.layout import Words

COLUMNS = (
    "action",
    "time",
    "order_id",
    "account",
    "side",
    "kind",
    "price",
    "stop_price",
    "quantity",
    "display",
    "time_in_force",
    "expiry",
    "post_only",
    "self_trade",
)
"""What a table of commands may have, besides ``book``."""

_UNITS = {"price": "proofbook.price_unit", "quantity": "proofbook.quantity_unit"}


def _check_schema(schema: pa.Schema, units: dict[str, str | None]) -> None:
    for name in schema.names:
        if name not in COLUMNS and name != "book":
            raise InputError(f"a table of commands has the columns book, {', '.join(COLUMNS)}; received {name!r}")
        if schema.names.count(name) > 1:
            raise InputError(f"expected each column once; received {name!r} {schema.names.count(name)} times")
    if "action" not in schema.names:
        raise InputError('a table of commands needs the column "action"')
    metadata = schema.metadata or {}
    for unit, key in _UNITS.items():
        expected = units[unit]
        if key.encode() not in metadata:
            continue
        received = metadata[key.encode()].decode(errors="replace")
        if expected is None:
            units[unit] = received
        elif unit_of(key, received) != unit_of(f"{unit}_unit", expected):
            raise InputError(f"the schema's {key} must be that of the books, {expected}; received {received!r}")


def _prices_fit(kind: npt.NDArray[np.uint8], has_price: Mask, has_stop: Mask) -> Mask:
    """Whether an order has exactly the prices of its kind."""
    needs_price = np.isin(kind, (words.KINDS["limit"], words.KINDS["stop_limit"]))
    needs_stop = np.isin(kind, (words.KINDS["stop"], words.KINDS["stop_limit"]))
    fits: Mask = (has_price == needs_price) & (has_stop == needs_stop)
    return fits


def _complain(rows: list[tuple[Mask, Callable[[int], str]]]) -> None:
    """Raise for the first row with a flaw; of its flaws, for the first of the list."""
    worst: tuple[int, str] | None = None
    for mask, text in rows:
        if mask.any():
            row = int(np.argmax(mask))
            if worst is None or row < worst[0]:
                worst = row, text(row)
    if worst is not None:
        raise InputError(f"row {worst[0]}: {worst[1]}")


def _forward_times(times: Words, given: Mask, offsets: words.Offsets, clocks: Words) -> Words:
    """Times with the book's clock where none is given: the largest time so far, of rows in the order of their books."""
    if given.all():
        return times
    start = np.repeat(clocks, np.diff(offsets))
    known = np.maximum(np.where(given, times, 0), start)
    ordered, ranks = np.unique(known, return_inverse=True)
    book = np.repeat(np.arange(len(clocks)), np.diff(offsets))
    # Each book's ranks are above those of the book before it, so one running maximum serves all.
    largest = np.maximum.accumulate(ranks + book * np.int64(len(ordered))) - book * np.int64(len(ordered))
    return np.where(given, times, ordered[largest])


def _checked_fields(columns: Columns) -> npt.NDArray[Any]:
    """The commands of all rows by field, their times as given."""
    action = columns.codes("action", words.ACTIONS)
    codes = {
        "side": columns.codes("side", words.SIDES),
        "kind": columns.codes("kind", words.KINDS),
        "time_in_force": columns.codes("time_in_force", words.TIMES_IN_FORCE),
        "self_trade": columns.codes("self_trade", words.SELF_TRADES),
    }
    given = {name: columns.given(name) for name in COLUMNS}
    is_ = {name: action == code for name, code in words.ACTIONS.items()}
    kind = np.where(codes["kind"] == NOT_GIVEN, np.uint8(words.KINDS["limit"]), codes["kind"])
    lasting = codes["time_in_force"]
    names = {code: name for name, code in words.ACTIONS.items()}
    kind_names = {code: name for name, code in words.KINDS.items()}

    def needs(column: str) -> Callable[[int], str]:
        return lambda row: f"{names.get(int(action[row]), 'a command')} needs {column}; received none"

    def prices(row: int) -> str:
        only = "limit price, stop stop_price, stop_limit both, market none"
        return f"a {kind_names[int(kind[row])]} order must have exactly the prices of its kind: {only}"

    submit, gtd = is_["submit"], words.TIMES_IN_FORCE["gtd"]
    named = submit | is_["cancel"] | is_["reduce"] | is_["replace"]
    has_expiry = given["expiry"]
    _complain(
        [
            (action == NOT_GIVEN, needs("action")),
            (submit & ~_prices_fit(kind, given["price"], given["stop_price"]), prices),
            (submit & (lasting == gtd) & ~has_expiry, needs("expiry")),
            (submit & (lasting < gtd) & has_expiry, lambda _: 'expiry goes with time_in_force "gtd"'),
            (named & ~given["order_id"], needs("order_id")),
            (submit & (codes["side"] == NOT_GIVEN), needs("side")),
            ((submit | is_["reduce"]) & ~given["quantity"], needs("quantity")),
            (is_["mass_cancel"] & ~given["account"], needs("account")),
        ]
    )
    replaces = is_["replace"]
    at_once = np.where(kind == words.KINDS["market"], words.TIMES_IN_FORCE["ioc"], words.TIMES_IN_FORCE["gtc"])
    lasting = np.where(lasting == NOT_GIVEN, np.where(has_expiry, gtd, at_once), lasting)
    fields = words.empty(columns.rows)
    fields["action"] = action
    fields["side"] = np.where(submit, codes["side"], 0)
    fields["kind"] = np.where(submit, kind, 0)
    fields["time_in_force"] = np.where(submit, lasting, 0)
    fields["self_trade"] = np.where(submit & (codes["self_trade"] != NOT_GIVEN), codes["self_trade"], 0)
    fields["flags"] = (
        (submit & columns.booleans("post_only")) * np.uint8(words.FLAG_POST_ONLY)
        | (submit & given["display"]) * np.uint8(words.FLAG_DISPLAY)
        | (replaces & given["price"]) * np.uint8(words.FLAG_PRICE)
        | (replaces & given["quantity"]) * np.uint8(words.FLAG_QUANTITY)
        | (replaces & given["stop_price"]) * np.uint8(words.FLAG_STOP_PRICE)
    )
    fields["time"] = columns.times("time")
    fields["order_id"] = np.where(named, columns.integers("order_id", pa.uint64()), 0)
    fields["account"] = np.where(submit | is_["mass_cancel"], columns.integers("account", pa.uint64()), 0)
    fields["price"] = np.where(submit | replaces, columns.scaled("price", "price", pa.int64()), 0)
    fields["stop_price"] = np.where(submit | replaces, columns.scaled("stop_price", "price", pa.int64()), 0)
    sized = submit | replaces | is_["reduce"]
    fields["quantity"] = np.where(sized, columns.scaled("quantity", "quantity", pa.uint64()), 0)
    fields["display"] = np.where(submit, columns.scaled("display", "quantity", pa.uint64()), 0)
    fields["expiry"] = np.where(submit, columns.times("expiry"), 0)
    return fields


def commands_of(
    source: Any,
    *,
    books: int | None = None,
    clocks: Words | None = None,
    price_unit: str | None = None,
    quantity_unit: str | None = None,
) -> Batch:
    """The commands of an Arrow table.

    Args:
        source: a table of pyarrow, polars or pandas, or a batch or stream of batches.
        books: how many books there are; else as many as the column ``book`` names.
        clocks: ``uint64[books]``, the time of each book, for rows that give none; else 0.
        price_unit: what one tick is worth, such as ``"0.01"``, for prices that are decimals or strings; else the
            schema may say it.
        quantity_unit: what one lot is worth, likewise.

    Raises:
        InputError: a column that is none, or a row that is no command; the first such row.
        TickError: a decimal between two ticks or lots.
    """
    try:
        table = source if isinstance(source, pa.Table) else pa.table(source)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(f"commands: expected a table of them; received {type(source).__name__}: {error}") from error
    units = {"price": price_unit, "quantity": quantity_unit}
    _check_schema(table.schema, units)
    columns = Columns(table, units)
    book = columns.integers("book", pa.int64())
    if "book" in table.column_names and not columns.given("book").all():
        raise InputError(f"row {int(np.argmin(columns.given('book')))}: a command needs book; received none")
    if books is None:
        books = int(book.max(initial=0)) + 1
    fields, has_time = _checked_fields(columns), columns.given("time")
    batch = words.grouped(book, words.words_of(fields), books=books)
    if not has_time.all():
        order = np.argsort(book, kind="stable")
        clocks = np.zeros(books, np.uint64) if clocks is None else clocks
        times = batch.commands[:, 1]
        batch.commands[:, 1] = _forward_times(times, has_time[order], batch.offsets, clocks)
    return batch
