"""Commands of many books come in as arrays, tables and columns: what is shared, what is converted, what is refused."""

from __future__ import annotations

import doctest
import importlib
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

pytest.importorskip("numba", reason="the packages of the extra `many` are not installed")

import proofbook
from proofbook import InputError, TickError, gpu
from proofbook.gpu import arrays, commands, tables
from proofbook.testing import RawMarket

CONFIG = np.array([1 | 1 << 24 + 32, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0], "<u8").tobytes()


def some_rows(rows: int = 6) -> Any:
    numbers = np.arange(1, rows + 1)
    return commands.limit(numbers, numbers % 2, price=100 + numbers, quantity=numbers, account=7, time=numbers)


def decoded(row: Any) -> dict[str, Any]:
    """The book's own view of a command: what it says of it when it is the first one."""
    market = RawMarket(CONFIG)
    events = np.frombuffer(market.apply(row.tobytes()), np.uint64).reshape(-1, 7)
    first = arrays.events(events)[0]
    return {name: int(first[name]) for name in ("event", "side", "reason", "order_id", "other_id", "price", "quantity")}


def test_each_builder_makes_what_the_engine_takes() -> None:
    (order,) = commands.limit(5, "sell", -3, 10, account=7, time=9, post_only=True, self_trade="cancel_both")
    accepted = {"event": 1, "side": 1, "reason": 0, "order_id": 5, "other_id": 7, "price": -3, "quantity": 10}
    assert decoded(order) == accepted
    assert decoded(commands.market(5, "buy", 10, time_in_force="fok")[0])["event"] == 1
    rejected = {
        "unknown_order": [commands.cancel(5), commands.reduce(5, 1), commands.replace(5, price=3, quantity=4)],
        "missing_account": [commands.mass_cancel(0)],
    }
    codes = {"unknown_order": 6, "missing_account": 8}
    for reason, rows in rejected.items():
        for row in rows:
            assert decoded(row[0])["reason"] == codes[reason]
    assert RawMarket(CONFIG).apply(commands.sweep(77)[0].tobytes()) == b""
    assert RawMarket(CONFIG).apply(commands.mass_cancel(7)[0].tobytes()) == b""


@pytest.mark.parametrize("module", ["commands", "environment"])
def test_examples_in_docstrings(module: str) -> None:
    pytest.importorskip("gymnasium", reason="the packages of the extra `many` are not installed")
    failures, examples = doctest.testmod(importlib.import_module(f"proofbook.gpu.{module}"))
    assert (failures, examples > 3) == (0, True)


def test_columns_are_broadcast_and_words_may_be_arrays() -> None:
    rows = commands.limit(
        np.arange(3), np.array(["buy", "sell", "buy"]), [1, 2, 3], 5, time_in_force=["gtc", "ioc", "fok"]
    )
    fields = rows.view(commands.COMMAND).ravel()
    assert fields["side"].tolist() == [0, 1, 0]
    assert fields["time_in_force"].tolist() == [0, 1, 2]
    assert fields["quantity"].tolist() == [5, 5, 5]


class Exported:
    """Gives what it is told to through DLPack."""

    def __init__(self, export: Callable[[], Any]) -> None:
        self.export = export

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0

    def __dlpack__(self, **_named: Any) -> Any:
        return self.export()


def refuse() -> None:
    raise BufferError("not now")


def test_whole_numbers_of_any_size_and_no_numbers_are_columns() -> None:
    ids = [1, (1 << 64) - 1, 0, 1 << 63]
    rows = commands.limit(ids, "buy", price=[-(1 << 63), (1 << 63) - 1, 0, 5], quantity=ids)
    fields = rows.view(commands.COMMAND).ravel()
    assert fields["order_id"].tolist() == fields["quantity"].tolist() == ids
    assert fields["price"].tolist() == [-(1 << 63), (1 << 63) - 1, 0, 5]
    nothing = commands.limit([], [], price=[], quantity=[], post_only=np.zeros(0, np.bool_))
    assert nothing.shape == (0, 9)
    assert commands.grouped([], nothing, books=3).offsets.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: commands.limit([1, -2], "buy", 1, 1), r"row 1: order_id must be 0 or more; received -2"),
        (lambda: commands.limit(1, "long", 1, 1), r"row 0: side must be one of buy, sell; received long"),
        (lambda: commands.limit(1, [0, 2], 1, 1), r"row 1: side must be one of buy, sell; received 2"),
        (lambda: commands.limit(1, "buy", 1.5, 1), r"price: expected an integer.*received float64"),
        (lambda: commands.limit(1, "buy", np.array([2**63], np.uint64), 1), r"row 0: price must be below 2\^63"),
        (lambda: commands.limit(1, "buy", 1, 1, time_in_force="gtd"), r"time_in_force must be one of gtc, ioc, fok"),
        (lambda: commands.market(1, "buy", 1, time_in_force="gtc"), r"time_in_force must be one of ioc, fok"),
        (lambda: commands.limit([1, 2], ["buy"], 1, 1), r"side: expected 2 rows, as order_id has; received 1"),
        (lambda: commands.limit(1, "buy", 1, 1, post_only=1), r"post_only: expected a boolean.*received int64"),
        (lambda: commands.limit([1, 2], "buy", 1, 1, post_only=np.zeros((2, 2), np.bool_)), r"bool with 2 dimensions"),
        (lambda: commands.limit([1, 2], [["buy"] * 2] * 2, 1, 1), r"side: expected a word.*received 2 dimensions"),
        (lambda: commands.limit([1, 1 << 64], "buy", 1, 1), r"row 1: order_id must be below 2\^64; received 1844"),
        (lambda: commands.limit([-1, (1 << 64) - 1], "buy", 1, 1), r"row 0: order_id must be 0 or more; received -1"),
        (lambda: commands.limit([1, 2.5], "buy", 1, 1), r"order_id: expected an integer.*received float64"),
        (lambda: commands.grouped([0, 0], some_rows(2), books=3.0), r"books: expected 0 to 16777216; received 3.0"),  # type: ignore[arg-type]
        (lambda: commands.limit(np.ma.array([1, 2], mask=[0, 1]), "buy", 1, 1), r"order_id:.*received a masked array"),
        (lambda: arrays.words(np.ma.array(some_rows(2))), r"commands: expected uint64.*received a masked array"),
        (lambda: arrays.events([[0] * 7]), r"events: expected uint64.*received list"),  # type: ignore[arg-type]
        (lambda: arrays.batch(some_rows(2)).rows(-1), r"book: expected a whole number from 0 to 0; received -1"),
        (lambda: arrays.batch(some_rows(2), [0, [1], 2]), r"offsets: expected one dimension of integers"),
        (lambda: arrays.words(Exported(lambda: 5)), r"expected DLPack.*received one that cannot be read: ValueError"),
        (lambda: arrays.words(Exported(refuse)), r"received one that cannot be read: BufferError: not now"),
        (lambda: arrays.batch(pa.array([1, 2])), r"expected a table of them; received Int64Array"),
        (lambda: commands.limit(1, 0.5, 1, 1), r"side: expected words or their codes; received float64"),
        (lambda: commands.grouped([0, 3], some_rows(2), books=3), r"row 1: book must be 0 to 2; received 3"),
        (
            lambda: commands.grouped([0], some_rows(2), books=3),
            r"book: expected 2 rows.*received 1",
        ),
        (lambda: arrays.batch(some_rows(2), [0, 3]), r"2, the number of rows, as the last; received 0 and 3"),
        (lambda: arrays.batch(some_rows(2), [0, 2, 1, 2]), r"received 2 and then 1 for book 1"),
        (lambda: arrays.batch(some_rows(2), [0.0, 2.0]), r"offsets: expected integers; received float64"),
        (lambda: arrays.batch(some_rows(2), books=5), r"expected commands of 5 books; received those of 1"),
        (lambda: arrays.batch([some_rows(2)], [0, 2]), r"offsets: expected none with a batch"),
        (lambda: arrays.words(some_rows(4)[::2]), r"received uint64\[2, 9\], not row by row"),
        (lambda: arrays.words(some_rows(4)[:, :8]), r"expected uint64\[rows, 9\]"),
        (lambda: arrays.words(some_rows(4).astype(float)), r"received float64\[4, 9\]"),
        (lambda: arrays.words(b"1234"), r"expected 72 bytes for each; received 4"),
        (lambda: arrays.words(5), r"received int"),
        (lambda: arrays.events(some_rows(2)), r"events: expected uint64\[..., 7\]; received uint64\[2, 9\]"),
    ],
)
def test_what_is_no_column_or_array_is_refused(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_groups_keep_the_order_within_a_book() -> None:
    chance = np.random.default_rng(4)
    books = chance.integers(0, 50, 1_000)
    batch = commands.grouped(books, some_rows(1_000), books=60)
    assert batch.books == 60
    assert len(batch) == 1_000
    for book in range(60):
        numbers = batch.rows(book).view(commands.COMMAND)["order_id"].ravel()
        assert numbers.tolist() == (np.flatnonzero(books == book) + 1).tolist(), "seed 4"
    sorted_rows = some_rows(3)
    assert np.shares_memory(commands.grouped([0, 0, 2], sorted_rows, books=3).commands, sorted_rows)


def test_a_batch_is_parted_by_books_without_a_copy() -> None:
    batch = commands.concatenated([some_rows(n) for n in (3, 0, 4, 9, 1)])
    parts = list(batch.parts(7))
    assert [len(part) for part in parts] == [7, 9, 1]
    assert batch.longest == 9
    assert all(part.books == 5 and np.shares_memory(part.commands, batch.commands) for part in parts)
    for book in range(5):
        joined = np.concatenate([part.rows(book) for part in parts])
        assert (joined == batch.rows(book)).all()


class Interface:
    """An array that only has the interface of one protocol, as other libraries' arrays do."""

    def __init__(self, name: str, array: Any) -> None:
        self._array = array
        if name == "__cuda_array_interface__":
            self.__cuda_array_interface__ = {**array.__array_interface__, "version": 3}
        else:
            self.__array_interface__ = array.__array_interface__


class Exchanged:
    """An array that offers DLPack alone."""

    def __init__(self, array: Any, device: int = 1) -> None:
        self._array, self._device = array, device

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self._array.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._device, 0


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda rows: rows,
        lambda rows: rows.view(np.int64),
        lambda rows: rows.view(commands.COMMAND).ravel(),
        lambda rows: memoryview(rows.view(np.uint8).ravel()),
        Exchanged,
        lambda rows: Interface("__array_interface__", rows),
    ],
)
def test_memory_is_shared_with_its_owner(wrapped: Any) -> None:
    rows = some_rows()
    batch = arrays.batch(wrapped(rows), [0, 2, 6])
    assert np.shares_memory(batch.commands, rows)
    rows[3, 6] = 99
    assert batch.rows(1)[1, 6] == 99


def test_arrays_of_a_gpu_are_taken_where_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    from proofbook.gpu.kernels import compile as kernels

    monkeypatch.setattr(kernels, "is_simulated", lambda: True)
    rows = some_rows()
    batch = arrays.batch(Interface("__cuda_array_interface__", rows), [0, 2, 6])
    assert np.shares_memory(batch.commands, rows)
    rows[3, 6] = 99
    assert batch.rows(1)[1, 6] == 99
    assert len(arrays.batch(Interface("__cuda_array_interface__", rows[:0]), [0, 0])) == 0
    with pytest.raises(InputError, match=r"expected uint64\[rows, 9\] row by row; received <u8\[3, 9\]"):
        arrays.words(Interface("__cuda_array_interface__", rows[::2]))
    with pytest.raises(InputError, match=r"received device 2"):
        arrays.words(Exchanged(rows, device=2))


def test_arrays_of_a_gpu_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Far:
        def __init__(self, interface: Any) -> None:
            self.__cuda_array_interface__ = interface

    for interface in ({}, {"shape": 5, "typestr": "<u8"}, {"shape": (2, 9)}):
        with pytest.raises(InputError, match="received a GPU's array without shape or type"):
            arrays.words(Far(interface))
    whole = {"shape": (2, 9), "typestr": "<u8", "data": (0, False), "strides": None, "version": 3}
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(InputError, match="received an array of a GPU, and numba-cuda is not installed"):
        arrays.words(Far(whole))


def test_events_go_out_without_a_copy() -> None:
    market = RawMarket(CONFIG)
    encoded = np.frombuffer(market.apply(some_rows(1).tobytes()), np.uint64).reshape(1, -1, 7).copy()
    fields = arrays.events(encoded)
    assert fields["event"].tolist() == [[1, 3]]
    assert np.shares_memory(fields, encoded)
    assert np.shares_memory(np.from_dlpack(encoded), encoded)
    kept, book = arrays.kept(np.concatenate([encoded, encoded, encoded]), np.array([1, 0, 2]))
    assert kept["event"].tolist() == [1, 1, 3]
    assert book.tolist() == [0, 2, 2]


Row = dict[str, Any]

SCHEMA = pa.schema(
    [
        ("action", pa.string()),
        *[(name, pa.uint64()) for name in ("time", "order_id", "account")],
        *[(name, pa.string()) for name in ("side", "kind")],
        *[(name, pa.int64()) for name in ("price", "stop_price")],
        *[(name, pa.uint64()) for name in ("quantity", "display")],
        ("time_in_force", pa.string()),
        ("expiry", pa.uint64()),
        ("post_only", pa.bool_()),
        ("self_trade", pa.string()),
    ]
)


def random_row(chance: random.Random, number: int, missing: float) -> Row:
    """A row of any action with any columns; some rows are no command."""
    some = {
        "action": chance.choice(list(commands.ACTIONS)),
        "time": number // 3,
        "order_id": chance.randrange(1, 40),
        "account": chance.randrange(3),
        "side": chance.choice(["buy", "sell"]),
        "price": chance.randrange(95, 105),
        "quantity": chance.randrange(1, 20),
    }
    row: Row = {name: value for name, value in some.items() if chance.random() >= missing}
    if chance.random() < missing:
        row["kind"] = chance.choice(list(commands.KINDS))
        row["stop_price"] = chance.choice([None, 100])
        row["time_in_force"] = chance.choice(list(commands.TIMES_IN_FORCE))
        row["expiry"] = chance.choice([None, 10_000])
        row["self_trade"] = chance.choice(list(commands.SELF_TRADES))
        row["post_only"] = chance.choice([None, False, True])
    return row


@pytest.mark.parametrize("seed", range(3))
def test_a_table_becomes_the_commands_that_the_engine_makes_of_it(seed: int) -> None:
    chance = random.Random(seed)
    rows: list[Row] = []
    while len(rows) < 300:
        row = random_row(chance, len(rows), 0.1)
        try:
            proofbook.Book().apply(pa.Table.from_pylist([row], schema=SCHEMA))
        except InputError:
            continue
        rows.append(row)
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    book, market = proofbook.Book(), RawMarket(CONFIG)
    book.apply(table)
    batch = arrays.batch(table)
    assert batch.books == 1
    for row in batch.commands:
        market.apply(row.tobytes())
    assert market.digest() == book.digest(), f"seed {seed}"
    many = table.append_column("book", pa.array([chance.randrange(5) for _ in rows], pa.int16()))
    spread = arrays.batch(many, books=7)
    for number in range(7):
        one = proofbook.Book()
        only = many.filter(pa.compute.equal(many["book"], number)).drop_columns("book")
        one.apply(only)
        market = RawMarket(CONFIG)
        for row in spread.rows(number):
            market.apply(row.tobytes())
        assert market.digest() == one.digest(), f"seed {seed}, book {number}"


@pytest.mark.parametrize("seed", range(150))
def test_a_table_is_refused_as_the_engine_refuses_it(seed: int) -> None:
    chance = random.Random(seed)
    table = pa.Table.from_pylist([random_row(chance, number, 0.3) for number in range(3)], schema=SCHEMA)
    try:
        proofbook.Book().apply(table)
    except InputError as error:
        expected = str(error)
    else:
        expected = ""
    try:
        arrays.batch(table)
    except InputError as error:
        assert str(error) == expected, f"seed {seed}"
    else:
        assert expected == "", f"seed {seed}"


def test_tables_of_other_libraries_and_codes_are_taken() -> None:
    columns = {"action": [1, 2], "order_id": [7, 7], "side": ["buy", None], "price": [100, None], "quantity": [3, None]}
    frame = pl.DataFrame(columns, schema_overrides={"side": pl.Categorical, "price": pl.Int32})
    expected = np.concatenate([commands.limit(7, "buy", 100, 3), commands.cancel(7)])
    for table in (frame, pd.DataFrame(columns).convert_dtypes(), pa.table(frame).to_batches()[0]):
        assert (arrays.batch(table).commands == expected).all()


def test_decimals_are_exact_where_their_unit_is_known() -> None:
    table = pa.table(
        {
            "action": ["submit"] * 2,
            "order_id": [1, 2],
            "side": ["buy"] * 2,
            "price": ["100.10", "99.95"],
            "quantity": [1, 1],
        }
    )
    with pytest.raises(InputError, match="expected integers, or a price_unit with decimals"):
        tables.commands_of(table)
    fields = tables.commands_of(table, price_unit="0.05").commands.view(commands.COMMAND).ravel()
    assert fields["price"].tolist() == [2002, 1999]
    told = table.replace_schema_metadata({"proofbook.price_unit": "0.01"})
    assert tables.commands_of(told).commands.view(commands.COMMAND)["price"].ravel().tolist() == [10010, 9995]
    with pytest.raises(TickError, match=r"row 0: price must be a multiple of 0\.1; received 100\.1|row 1"):
        tables.commands_of(table, price_unit="0.1")
    with pytest.raises(TickError, match=r"row 0: price must be a multiple of 0\.5; received 100\.1"):
        tables.commands_of(table, price_unit="0.5")
    with pytest.raises(InputError, match=r"price_unit must be that of the books, 0\.05; received '0\.01'"):
        tables.commands_of(told, price_unit="0.05")


@pytest.mark.parametrize(
    ("prices", "kind", "unit", "message"),
    [
        ([1, 10**37], pa.decimal128(38, 0), "0.01", r"row 1: price must be within 64 bits of units; received 10000"),
        ([None, 10**60], pa.decimal256(70, 0), "3", r"row 1: price must be (a multiple of 3|within 64 bits)"),
        (["1", "2.5"], pa.decimal256(40, 1), "1", r"row 1: price must be a multiple of 1; received 2\.5"),
        ([1], pa.decimal128(38, 0), "1e-40", r"with at most 18 decimals; received '1e-40'"),
        ([0], pa.decimal128(38, 0), "1e30", r"with at most 18 decimals; received '1e30'"),
        ([0], pa.decimal128(38, 0), "1e999999999", r"a decimal above 0.*received '1e999999999'"),
        ([1], pa.decimal128(38, 0), b"\xff", r"price_unit: expected a decimal above 0"),
    ],
)
def test_decimals_beyond_what_ticks_hold_are_named(prices: list[Any], kind: Any, unit: Any, message: str) -> None:
    values = pa.array([None if price is None else Decimal(price) for price in prices], kind)
    rows = len(values)
    table = pa.table(
        {"action": ["sweep"] * rows, "price": values, "order_id": [1] * rows}, metadata={"proofbook.price_unit": unit}
    )
    with pytest.raises(InputError, match=message):
        tables.commands_of(table)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"action": ["sweep"], "colour": [1]}, "a table of commands has the columns book, action"),
        ({"time": [1]}, 'needs the column "action"'),
        ({"action": ["jump"]}, "row 0: action must be one of submit, cancel"),
        ({"action": [11]}, "row 0: action must be one of submit, cancel.*received 11"),
        ({"action": [1.5]}, "column 'action' must hold words or their codes; received double"),
        ({"action": ["sweep"], "time": [1.5]}, "column 'time' must hold integers; received double"),
        ({"action": ["sweep"], "time": [-1]}, "column 'time'"),
        (
            {"action": ["sweep"], "time": pa.array([1 << 62], pa.timestamp("s"))},
            "column 'time': expected times of which",
        ),
        ({"action": ["sweep"], "post_only": [1]}, "column 'post_only' must hold booleans; received int64"),
        ({"action": ["sweep"], "price": [1.5]}, r"column 'price' must hold integers.*never floats"),
        ({"action": ["sweep"] * 2, "book": [0, None]}, "row 1: a command needs book; received none"),
        ({"action": ["sweep"] * 2, "book": [0, 4]}, "row 1: book must be 0 to 2; received 4"),
    ],
)
def test_what_is_no_table_of_commands_is_refused(columns: Row, message: str) -> None:
    with pytest.raises(InputError, match=message):
        arrays.batch(pa.table(columns), books=3)


def test_a_row_without_a_time_comes_at_its_books_clock() -> None:
    times = [None, 5, None, 3, None, 9, None]
    books = [1, 0, 0, 0, 0, 1, 1]
    table = pa.table({"action": ["sweep"] * 7, "time": pa.array(times, pa.uint64()), "book": books})
    batch = arrays.batch(table, books=2, clocks=np.array([4, 7], np.uint64))
    assert batch.commands[:, 1].tolist() == [5, 5, 3, 5, 7, 9, 9]


def test_quantities_of_all_books_add_up_beyond_a_word() -> None:
    large = (1 << 63) - 1
    rows = np.concatenate([commands.limit(1, "sell", 5, large), commands.limit(2, "buy", 5, large)])
    with gpu.Books(5, device="cpu") as books:
        step = books.apply([rows] * 5)
        assert step.total("traded_quantity") == 5 * large
        assert step.total("trades") == 5


def lively_rows(seed: int, count: int) -> list[Row]:
    """Rows of every kind that many books take."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for number in range(1, count + 1):
        action = chance.choices(
            ["submit", "cancel", "reduce", "replace", "mass_cancel", "sweep"], [70, 10, 6, 10, 2, 2]
        )[0]
        row: Row = {"action": action, "time": number}
        order_id = chance.randrange(max(1, number - 40), number + 1)
        if action == "submit":
            row |= {
                "order_id": number,
                "account": chance.randrange(4),
                "side": chance.choice(["buy", "sell"]),
                "quantity": chance.randrange(1, 20),
                "self_trade": chance.choice(list(commands.SELF_TRADES)),
            }
            if chance.random() < 0.1:
                row |= {"kind": "market", "time_in_force": chance.choice(["ioc", "fok"])}
            else:
                row |= {
                    "price": chance.randrange(95, 106),
                    "time_in_force": chance.choice(["gtc", "gtc", "ioc", "fok"]),
                }
                row["post_only"] = chance.random() < 0.1
        elif action == "mass_cancel":
            row["account"] = chance.randrange(4)
        elif action != "sweep":
            row["order_id"] = order_id
            if action == "reduce":
                row["quantity"] = chance.randrange(0, 12)
            if action == "replace":
                row |= {"price": chance.choice([None, 100]), "quantity": chance.choice([None, 5])}
        rows.append(row)
    return rows


@pytest.mark.parametrize("seed", range(3))
def test_events_of_many_books_are_the_table_that_each_engine_gives(seed: int) -> None:
    tables_in = [pa.Table.from_pylist(lively_rows(10 * seed + book, 400), schema=SCHEMA) for book in range(4)]
    numbered = [table.append_column("book", pa.array([book] * 400)) for book, table in enumerate(tables_in)]
    with gpu.Books(4, orders=400, device="cpu", events="all", event_capacity=1_600) as books:
        step = books.apply(pa.concat_tables(numbered).sort_by("time"))
        found = step.table()
        assert np.shares_memory(arrays.events(step.events), step.events)
        assert np.shares_memory(np.from_dlpack(step.events), step.events)
    kinds = set()
    for book, table in enumerate(tables_in):
        expected = proofbook.Book(max_orders=400).apply(table).drop_columns("sequence").to_pylist()
        mine = found.filter(pa.compute.equal(found["book"], book)).drop_columns("book").to_pylist()
        assert mine == expected, f"seed {seed}, book {book}"
        kinds |= {row["event"] for row in expected}
    assert kinds == {"accepted", "rejected", "placed", "trade", "reduced", "cancelled", "replaced"}
    with pytest.raises(InputError, match="events='all'"), gpu.Books(4, device="cpu") as books:
        books.apply(pa.concat_tables(numbered)).table()
