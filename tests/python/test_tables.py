"""Tables of commands: what the columns mean, and that a table does what single calls do."""

from __future__ import annotations

import functools
import itertools
import random
import threading
import time
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import proofbook
from proofbook import Book, InputError, TickError, types

Row = dict[str, Any]
TRIES = 10
"""Another go for what a machine that stands still may disturb."""


def random_rows(seed: int, count: int) -> list[Row]:
    """Rows of every action and kind, some of which the market rejects."""
    chance = random.Random(seed)
    rows: list[Row] = []
    clock = 0
    for number in range(count):
        clock += chance.randrange(5)
        action = chance.choices(
            [
                "submit",
                "cancel",
                "replace",
                "reduce",
                "mass_cancel",
                "sweep",
                "halt",
                "resume",
                "open_auction",
                "uncross",
            ],
            [60, 15, 10, 5, 1, 2, 0.3, 1, 0.3, 1],
        )[0]
        row: Row = {"action": action, "time": clock}
        if action == "submit":
            kind = chance.choices(["limit", "market", "stop", "stop_limit"], [80, 8, 6, 6])[0]
            row |= {
                "order_id": number + 1,
                "account": chance.randrange(4),
                "side": chance.choice(["buy", "sell"]),
                "kind": kind,
                "quantity": chance.randrange(1, 30),
                "self_trade": chance.choice([None, "allow", "cancel_newest", "cancel_oldest", "cancel_both"]),
                "post_only": chance.random() < 0.1,
            }
            if kind in ("limit", "stop_limit"):
                row["price"] = chance.randrange(90, 110)
            if kind in ("stop", "stop_limit"):
                row["stop_price"] = chance.randrange(90, 110)
            if kind == "limit":
                row["time_in_force"] = chance.choice([None, "gtc", "ioc", "fok", "gtd"])
                if row["time_in_force"] == "gtd":
                    row["expiry"] = clock + chance.randrange(50)
                elif chance.random() < 0.1:
                    row["display"] = chance.randrange(1, 5)
        elif action in ("cancel", "replace", "reduce"):
            row["order_id"] = chance.randrange(max(1, number - 60), number + 2)
            if action == "replace":
                row |= {"price": chance.randrange(90, 110), "quantity": chance.choice([None, 5])}
            if action == "reduce":
                row["quantity"] = chance.randrange(1, 10)
        elif action == "mass_cancel":
            row["account"] = chance.randrange(4)
        rows.append(row)
    return rows


def one_by_one(book: Book, row: Row) -> proofbook.Events:
    terms = {name: value for name, value in row.items() if name != "action" and value is not None}
    call = getattr(book, row["action"])
    events: proofbook.Events = call(terms.pop("time")) if row["action"] == "sweep" else call(**terms)
    return events


def as_rows(events: list[proofbook.Event], sequence: int) -> list[tuple[Any, ...]]:
    def value(event: proofbook.Event, *names: str) -> Any:
        return next((getattr(event, name) for name in names if hasattr(event, name)), None)

    return [
        (
            sequence,
            event.kind,
            value(event, "order_id", "maker_id"),
            value(event, "taker_id"),
            value(event, "account"),
            value(event, "queue"),
            value(event, "price_ticks"),
            value(event, "quantity_lots", "displayed_lots"),
            value(event, "open_lots", "maker_open_lots"),
            value(event, "hidden_lots"),
            value(event, "priority"),
            value(event, "reason", "phase"),
            value(event, "kept_priority"),
        )
        for event in events
    ]


COMPARED = [
    "sequence", "event", "order_id", "taker_id", "account", "queue", "price", "quantity", "open", "hidden", "priority",
    "reason", "kept_priority",
]  # fmt: skip


@pytest.mark.parametrize("engine", ["ladder", "reference"])
@pytest.mark.parametrize("seed", range(3))
def test_a_table_does_what_single_calls_do(seed: int, engine: types.Engine) -> None:
    rows = random_rows(seed, 4_000)
    single = Book(engine=engine, collar=8)
    expected: list[tuple[Any, ...]] = []
    for row in rows:
        expected += as_rows(list(one_by_one(single, row)), single.sequence)
    batch = Book(engine=engine, collar=8)
    table = batch.apply(pa.Table.from_pylist(rows, schema=SCHEMA))
    found = [tuple(row[name] for name in COMPARED) for row in table.to_pylist()]
    assert found == expected, f"seed {seed}"
    assert batch.digest() == single.digest(), f"seed {seed}"
    assert batch.statistics().rejects == single.statistics().rejects
    assert {row[1] for row in expected} >= {
        "accepted",
        "rejected",
        "placed",
        "trade",
        "cancelled",
        "expired",
        "triggered",
    }


SCHEMA = pa.schema(
    {
        "action": pa.string(),
        "time": pa.uint64(),
        "order_id": pa.uint64(),
        "account": pa.uint64(),
        "side": pa.string(),
        "kind": pa.string(),
        "price": pa.int64(),
        "stop_price": pa.int64(),
        "quantity": pa.uint64(),
        "display": pa.uint64(),
        "time_in_force": pa.string(),
        "expiry": pa.uint64(),
        "post_only": pa.bool_(),
        "self_trade": pa.string(),
    }
)


def test_the_side_of_events() -> None:
    table = Book().apply(
        pa.table(
            {"action": ["submit"] * 2, "order_id": [1, 2], "side": ["sell", "buy"], "price": [5, 5], "quantity": [2, 1]}
        )
    )
    assert table["side"].to_pylist() == ["sell", "sell", "buy", "buy"]


def test_codes_chunks_and_cuts_are_the_same_as_words() -> None:
    rows = random_rows(9, 500)
    words = pa.Table.from_pylist(rows, schema=SCHEMA)
    first = {"action": 1, "side": 0, "kind": 0, "time_in_force": 0, "self_trade": 0}
    names: dict[str, list[str]] = {
        "action": [
            "submit",
            "cancel",
            "mass_cancel",
            "reduce",
            "replace",
            "sweep",
            "halt",
            "resume",
            "open_auction",
            "uncross",
        ],
        "side": ["buy", "sell"],
        "kind": ["market", "limit", "stop", "stop_limit"],
        "time_in_force": ["gtc", "ioc", "fok", "gtd"],
        "self_trade": ["allow", "cancel_newest", "cancel_oldest", "cancel_both", "decrement_and_cancel"],
    }
    codes = words
    for name, start in first.items():
        column = [None if word is None else names[name].index(word) + start for word in words[name].to_pylist()]
        codes = codes.set_column(codes.column_names.index(name), name, pa.array(column, pa.uint8()))
    expected = Book().apply(words)
    variants: list[Any] = [
        codes,
        pa.concat_tables([words.slice(0, 123), words.slice(123)]),
        pa.concat_tables([pa.Table.from_pylist(rows[:2], SCHEMA), words])[2:],
        words.to_reader(max_chunksize=7),
        words.set_column(0, "action", words["action"].dictionary_encode()),
        pl.from_arrow(words),
        words.select(sorted(words.column_names)),
    ]
    for number, variant in enumerate(variants):
        assert Book().apply(variant).to_pylist() == expected.to_pylist(), f"variant {number}"
    record_batch = words.combine_chunks().to_batches()[0]
    assert Book().apply(record_batch).to_pylist() == expected.to_pylist()


def test_pandas_in_and_out() -> None:
    frame = pd.DataFrame(
        {"action": "submit", "order_id": [1, 2], "side": ["buy", "sell"], "price": [3, 3], "quantity": [4, 4]}
    )
    frame["time"] = pd.to_datetime(["2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:01.000000000Z"])
    book = Book()
    events = book.apply(pa.Table.from_pandas(frame)).to_pandas()
    assert list(events["event"]) == ["accepted", "placed", "accepted", "trade"]
    assert book.clock == 1_767_225_601_000_000_000


def test_decimals_and_strings_are_converted_exactly() -> None:
    for prices in (["1.25", "2.00", None], pa.array([Decimal("1.250"), Decimal("2.000"), None], pa.decimal128(9, 3))):
        book = Book(tick_size="0.25", lot_size="0.1")
        commands = pa.table(
            {"action": ["submit"] * 2 + ["sweep"], "order_id": [1, 2, None], "side": ["buy", "sell", None],
             "price": prices, "quantity": ["0.1", "2", None]}
        )  # fmt: skip
        events = book.apply(commands)
        assert [price for price in events["price"].to_pylist() if price is not None] == [5, 5, 8, 8]
        assert events["quantity"].to_pylist() == [1, 1, 20, 20]
        assert events.schema.metadata == {b"proofbook.price_unit": b"0.25", b"proofbook.quantity_unit": b"0.1"}


BUY: dict[str, Any] = {"action": ["submit"], "side": ["buy"]}


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        (BUY | {"price": [1.5], "quantity": [1], "order_id": [1]}, InputError, "never floats"),
        (
            BUY | {"price": ["1.005"], "quantity": [1], "order_id": [1]},
            TickError,
            "row 0: price must be a multiple of 0.01; received 1.005",
        ),
        (BUY | {"price": [1], "quantity": [-1], "order_id": [1]}, InputError, "quantity"),
        (BUY | {"price": [1], "quantity": [1]}, InputError, "row 0: submit needs order_id"),
        (BUY | {"price": [1], "quantity": [1], "order_id": [1], "side": [None]}, InputError, "submit needs side"),
        (BUY | {"quantity": [1], "order_id": [1]}, InputError, "exactly the prices"),
        (BUY | {"price": [1], "order_id": [1]}, InputError, "submit needs quantity"),
        ({"action": ["sweep", "buy"]}, InputError, "row 1: action must be one of submit"),
        ({"action": pa.array([11], pa.uint8())}, InputError, "row 0: action must be one of"),
        ({"action": pa.array([None], pa.uint8())}, InputError, "row 0: a command needs action"),
        ({"side": ["buy"]}, InputError, 'needs the column "action"'),
        ({"action": ["sweep"], "prize": [1]}, InputError, 'received "prize"'),
        ({"action": ["cancel"], "order_id": [None]}, InputError, "row 0: cancel needs order_id"),
        ({"action": [1.5]}, InputError, "must hold words or their codes; received Float64"),
    ],
)
def test_bad_tables_change_nothing(columns: dict[str, Any], error: type[Exception], words: str) -> None:
    book = Book(tick_size="0.01")
    with pytest.raises(error) as raised:
        book.apply(pa.table(columns))
    assert words in str(raised.value)
    assert book.sequence == 0


def test_a_bad_row_far_down_keeps_all_others_out() -> None:
    book = Book()
    chunks = [pa.table({"action": ["sweep"] * 3}), pa.table({"action": ["sweep", "buy"]})]
    with pytest.raises(InputError, match="row 4: action must be one of"):
        book.apply(pa.concat_tables(chunks))
    assert book.sequence == 0


# Several stretches, and several blocks of events that end within a step.
LONG = 70_001


@functools.cache
def long_table(seed: int) -> pa.Table:
    rows = random_rows(seed, LONG)
    for row in rows:
        if row["action"] in ("halt", "open_auction"):
            row["action"] = "sweep"
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def test_a_long_table_does_what_short_ones_do() -> None:
    table = long_table(4)
    whole, parts = Book(), Book()
    events = whole.apply(table)
    expected = pa.concat_tables([parts.apply(table.slice(first, 999)) for first in range(0, LONG, 999)])
    assert events.num_rows > LONG
    assert events.equals(expected)
    events.validate(full=True)
    assert whole.digest() == parts.digest()
    for name in (
        "accepted",
        "trades",
        "volume_lots",
        "cancelled",
        "replaced",
        "reduced",
        "expired",
        "triggered",
        "rejects",
    ):
        assert getattr(whole.statistics(), name) == getattr(parts.statistics(), name), name


TEXT_TYPES = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.uint64(), pa.large_string()),
]


@pytest.mark.parametrize("text", TEXT_TYPES, ids=str)
def test_every_type_of_text_holds_words(text: pa.DataType) -> None:
    words = long_table(5)
    expected = Book().apply(words)
    typed = words
    for name in ("action", "side", "kind", "time_in_force", "self_trade"):
        column = words[name].combine_chunks()
        if pa.types.is_dictionary(text):
            indices = column.dictionary_encode()
            # A word that no row uses is nobody's mistake.
            values = pa.concat_arrays([indices.dictionary, pa.array(["unused"])]).cast(text.value_type)
            column = pa.DictionaryArray.from_arrays(indices.indices.cast(text.index_type), values)
        else:
            column = column.cast(text)
        typed = typed.set_column(typed.column_names.index(name), name, column)
    assert Book().apply(typed).equals(expected)
    # Cut off, so that the bits of nulls and the offsets of texts do not begin at a byte or at nought.
    few = pa.concat_tables([typed.slice(LONG - 3, 3), typed]).combine_chunks().slice(3)
    assert Book().apply(few).equals(expected)
    for cut in (1, 7, 63, 65):
        assert Book().apply(typed.slice(cut, 500)).equals(Book().apply(words.slice(cut, 500)))


NO_WORDS = ["", "s", "submi", "submits", "Submit", "submit\0", "mass_cancek", "mass_can", "open_auction_", "x" * 30]


@pytest.mark.parametrize("text", TEXT_TYPES, ids=str)
@pytest.mark.parametrize("no_word", NO_WORDS)
def test_what_is_nearly_a_word_is_none(no_word: str, text: pa.DataType) -> None:
    column = pa.array(["sweep", no_word, "sweep"])
    if pa.types.is_dictionary(text):
        encoded = column.dictionary_encode()
        column = pa.DictionaryArray.from_arrays(
            encoded.indices.cast(text.index_type), encoded.dictionary.cast(text.value_type)
        )
    else:
        column = column.cast(text)
    with pytest.raises(InputError, match="row 1: action must be one of"):
        Book().apply(pa.table({"action": column}))


def test_integers_of_the_other_sign_are_taken_where_they_fit() -> None:
    def table(order_id: Any, price: Any) -> pa.Table:
        return pa.table(
            {"action": ["submit"] * 3, "order_id": order_id, "side": ["buy"] * 3, "price": price, "quantity": [1] * 3}
        )

    ids, prices = pa.array([1, 2, 3]), pa.array([5, 6, 7])
    expected = Book().apply(table(ids.cast(pa.uint64()), prices))
    assert Book().apply(table(ids, prices.cast(pa.uint64()))).equals(expected)
    assert Book().apply(table(ids.cast(pa.int16()), prices.cast(pa.uint8()))).equals(expected)
    # What lies under a null is nothing.
    hidden = pa.Array.from_buffers(pa.int64(), 3, [pa.py_buffer(b"\x06"), pa.array([-1, 2, 3]).buffers()[1]])
    with pytest.raises(InputError, match="row 0: submit needs order_id"):
        Book().apply(table(hidden, prices))
    with pytest.raises(InputError, match=r'column "order_id".*-2'):
        Book().apply(table(pa.array([1, -2, 3]), prices))
    with pytest.raises(InputError, match=r'column "price".*18446744073709551615'):
        Book().apply(table(ids, pa.array([5, 6, 2**64 - 1], pa.uint64())))


@pytest.mark.parametrize("rows", [100, LONG])
def test_the_error_is_about_the_first_bad_row(rows: int) -> None:
    flaws: dict[str, tuple[Any, str]] = {
        "action": ("buy", "action must be one of"),
        "side": ("left", "side must be one of"),
        "price": ("1.5.", "price must be a decimal number"),
        "order_id": (None, "submit needs order_id"),
    }
    columns = {
        "action": ["submit"] * rows,
        "order_id": list(range(rows)),
        "side": ["buy"] * rows,
        "price": ["1"] * rows,
        "quantity": [1] * rows,
    }
    chance = random.Random(rows)
    for _ in range(6):
        bad = {name: list(column) for name, column in columns.items()}
        places = dict(zip(flaws, chance.sample(range(rows), len(flaws)), strict=True))
        for name, row in places.items():
            bad[name][row] = flaws[name][0]
        first = min(places, key=lambda name: places[name])
        book = Book()
        with pytest.raises(InputError, match=f"^row {places[first]}: {flaws[first][1]}"):
            book.apply(pa.table(bad))
        assert book.sequence == 0


def test_every_combination_of_words_and_numbers_is_judged_as_by_itself() -> None:
    choices: dict[str, list[Any]] = {
        "action": ["submit", "replace", "mass_cancel", "sweep"],
        "order_id": [None, 1],
        "account": [None, 1],
        "side": [None, "sell"],
        "kind": [None, "market", "stop", "stop_limit"],
        "price": [None, 1],
        "stop_price": [None, 1],
        "quantity": [None, 1],
        "time_in_force": [None, "ioc", "gtd"],
        "expiry": [None, 9],
    }
    rows = [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]
    table = pa.Table.from_pylist(rows, schema=pa.schema([SCHEMA.field(name) for name in choices]))

    def is_taken(part: pa.Table) -> bool:
        try:
            Book().apply(part)
        except InputError:
            return False
        return True

    alone = [is_taken(table.slice(row, 1)) for row in range(len(rows))]
    assert 0 < sum(alone) < len(alone)
    good = table.filter(pa.array(alone))
    assert is_taken(good)
    bad = [row for row, is_good in enumerate(alone) if not is_good]
    for row in random.Random(1).sample(bad, 50):
        with pytest.raises(InputError, match=f"^row {good.num_rows}: "):
            Book().apply(pa.concat_tables([good, table.slice(row, 1), good]).combine_chunks())


def test_units_in_the_metadata_must_be_the_books() -> None:
    commands = pa.table({"action": ["sweep"]})
    assert (
        Book(tick_size="0.01").apply(commands.replace_schema_metadata({"proofbook.price_unit": "0.010"})).num_rows == 0
    )
    with pytest.raises(InputError, match=r"proofbook\.price_unit must be the book's, 0\.01; received \"0\.1\""):
        Book(tick_size="0.01").apply(commands.replace_schema_metadata({"proofbook.price_unit": "0.1"}))


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises((TypeError, ValueError)):
        Book().apply([1, 2, 3])  # type: ignore[arg-type]


def test_large_tables_come_in_batches_and_leave_the_interpreter_free() -> None:
    count = 300_000
    commands = pa.table(
        {
            "action": pa.array([1, 1] * (count // 2), pa.uint8()),
            "order_id": pa.array(range(count), pa.uint64()),
            "side": pa.array([0, 1] * (count // 2), pa.uint8()),
            "price": pa.array([5] * count, pa.int64()),
            "quantity": pa.array([1] * count, pa.uint64()),
        }
    )

    def counted_meanwhile() -> int:
        book = Book(engine="reference")
        counted, stop = [0], threading.Event()

        def count_up() -> None:
            while not stop.is_set():
                counted[0] += 1
                time.sleep(0)

        counter = threading.Thread(target=count_up)
        counter.start()
        before = counted[0]
        events = book.apply(commands)
        during = counted[0] - before
        stop.set()
        counter.join()
        assert events.num_rows == count * 2
        assert events["event"].num_chunks > 1
        assert len(book) == 0
        return during

    assert any(counted_meanwhile() > 10 for _ in range(TRIES)), "another thread ran while the table was applied"


def test_a_reader_may_use_the_book_it_feeds() -> None:
    book = Book()

    def batches() -> Any:
        for _ in range(3):
            yield pa.record_batch({"action": ["sweep"]})
            assert book.sequence == 0

    schema = pa.schema({"action": pa.string()})
    book.apply(pa.RecordBatchReader.from_batches(schema, batches()))
    assert book.sequence == 3
