"""Flow for many books: generated from a seed, and real flow cut by symbol and by stretch."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="the packages of the extra `many` are not installed")

from proofbook import InputError, ReplayError, _core
from proofbook.gpu import arrays, commands, flow
from proofbook.gpu.market import Market
from proofbook.testing import RawMarket

DATA = Path(os.environ.get("PROOFBOOK_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
AAPL = DATA / "lobster" / "AAPL_2012-06-21_34200000_36000000_message_50.csv"
FUTURES = DATA / "databento" / "orderbooks_mbo_2024-05-08T00-00-00_2024-05-08T00-00-02.dbn.zst"
LOG = DATA / "bitstamp" / "2015-05-01.first33600.log.xz"


def market_after(rows: Any) -> RawMarket:
    market = RawMarket(Market().words(1 << 20).tobytes())
    for row in rows:
        market.apply(row.tobytes())
    return market


def test_a_books_flow_depends_on_the_seed_and_its_number_alone() -> None:
    few = flow.generated("mixed", books=3, commands=200, seed=5)
    many = flow.generated("mixed", books=9, commands=200, seed=5, threads=2)
    assert few.offsets.tolist() == [0, 200, 400, 600]
    for book in range(3):
        assert (few.rows(book) == many.rows(book)).all()
    assert (few.rows(0) != few.rows(1)).any()
    assert (flow.generated("mixed", books=1, commands=200, seed=6).rows(0) != few.rows(0)).any()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"books": 0}, "books: expected a whole number from 1 to 18446744073709551615; received 0"),
        ({"commands": -1}, "commands: expected a whole number from 1 to 18446744073709551615; received -1"),
        ({"scenario": "quiet"}, "quiet"),
        ({"scenario": 5}, "scenario: expected the name of one; received 5"),
        ({"threads": -1}, "threads: expected a whole number from 1 to 1024; received -1"),
        ({"books": 1 << 24, "commands": 1 << 30}, "which this machine's memory holds"),
    ],
)
def test_what_is_no_flow_is_refused(named: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        flow.generated(**{"scenario": "mixed", "books": 2, "commands": 2, **named})


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a file of market data; received none"):
        flow.replayed([])
    for stretches in (0, 2.5, 1 << 30):
        with pytest.raises(InputError, match="stretches: expected a whole number from 1 to 16777216; received"):
            flow.replayed([tmp_path], stretches=stretches)  # type: ignore[arg-type]
    with pytest.raises(ReplayError, match=r"none\.csv: expected a file that can be read; received No such file"):
        flow.replayed(tmp_path / "none.csv")
    empty = tmp_path / "empty.csv"
    empty.touch()
    with pytest.raises(ReplayError):
        flow.replayed([empty])


def itch(path: Path, stocks: int, orders: int) -> dict[str, list[tuple[Any, ...]]]:
    """A day of ITCH 5.0 with some stocks whose messages alternate; gives what was added for each."""

    def message(kind: bytes, stock: int, time: int, rest: bytes) -> bytes:
        body = kind + struct.pack(">HH", stock, 0) + time.to_bytes(6, "big") + rest
        return struct.pack(">H", len(body)) + body

    parts = [message(b"S", 0, 1, b"O")]
    for stock in range(1, stocks + 1):
        fields = (
            b"N"
            + b" "
            + struct.pack(">I", 100)
            + b"N"
            + b"C"
            + b"Z "
            + b"P"
            + b"N"
            + b"N"
            + b"1"
            + b"N"
            + bytes(4)
            + b"N"
        )
        parts.append(message(b"R", stock, 2, f"ST{stock}".encode().ljust(8) + fields))
    added: dict[str, list[tuple[Any, ...]]] = {f"ST{stock}": [] for stock in range(1, stocks + 1)}
    chance = np.random.default_rng(8)
    for number in range(1, orders + 1):
        stock = int(chance.integers(1, stocks + 1))
        side = int(chance.integers(2))
        price = int(chance.integers(90, 99) if side == 0 else chance.integers(101, 110)) * 100
        rest = struct.pack(">Q", number) + b"BS"[side : side + 1] + struct.pack(">I", 10 + number)
        rest += f"ST{stock}".encode().ljust(8) + struct.pack(">I", price)
        parts.append(message(b"A", stock, 1_000 + number, rest))
        added[f"ST{stock}"].append((number, side, price // 100, 10 + number))
    path.write_bytes(b"".join(parts))
    return added


def test_a_day_of_many_stocks_is_cut_by_symbol_in_one_pass(tmp_path: Path) -> None:
    path = tmp_path / "day.itch"
    added = itch(path, stocks=5, orders=400)
    told: list[tuple[int, int]] = []
    found = flow.replayed([path], progress=lambda done, total: told.append((done, total)))
    assert [source.symbol for source in found.sources] == list(added)
    for book, source in enumerate(found.sources):
        fields = found.batch.rows(book).view(commands.COMMAND).ravel()
        unit = float(source.price_unit)
        rows = [
            (int(f["order_id"]), int(f["side"]), round(int(f["price"]) * unit * 100), int(f["quantity"]))
            for f in fields
        ]
        assert rows == added[source.symbol]
    some = flow.replayed([path, path], symbols=["ST4", "ST2"])
    assert [source.symbol for source in some.sources] == ["ST4", "ST2"] * 2
    assert (some.batch.rows(0) == found.batch.rows(3)).all()
    with pytest.raises(ReplayError, match=r"expected one of 6 instruments \(ST1, ST2"):
        flow.replayed([path], symbols=["ST9"])


@pytest.mark.skipif(not AAPL.exists(), reason="there is no market data (PROOFBOOK_DATA)")
@pytest.mark.parametrize("path", [AAPL, FUTURES, LOG])
def test_real_flow_is_that_of_a_conversion(path: Path, tmp_path: Path) -> None:
    found = flow.replayed([path])
    assert found.batch.books == 1
    output = tmp_path / "flow.pbk"
    count = _core.convert([path], output)
    rows = np.fromfile(output, np.uint64, offset=120).reshape(-1, 9)
    assert len(found.batch) == count == len(rows) > 10_000
    assert (found.batch.rows(0) == rows).all()
    again = flow.replayed([output])
    assert again.sources[0].symbol == "flow"
    assert (again.batch.rows(0) == rows).all()


@pytest.mark.skipif(not AAPL.exists(), reason="there is no market data (PROOFBOOK_DATA)")
def test_a_stretch_begins_with_the_orders_that_stood() -> None:
    whole = flow.replayed([AAPL]).batch.rows(0)
    found = flow.replayed([AAPL], stretches=3)
    assert [source.stretch for source in found.sources] == [0, 1, 2]
    before = market_after(whole[: len(whole) // 3])
    standing = flow.standing(before.state())
    assert (found.batch.rows(1)[: len(standing)] == standing).all()
    assert flow.standing(market_after(standing).state()).tolist() == standing.tolist()
    assert len(found.batch) == len(whole) + sum(
        len(flow.standing(market_after(whole[:cut]).state())) for cut in (len(whole) // 3, len(whole) * 2 // 3)
    )
    # What the orders say is what the book held: the same queues, price by price.
    ended, expected = (flow.standing(each.state()) for each in (market_after(found.batch.rows(2)), market_after(whole)))
    columns = ["order_id", "side", "price", "quantity"]
    assert ended.view(commands.COMMAND)[columns].tolist() == expected.view(commands.COMMAND)[columns].tolist()


def test_command_files_and_their_events_as_a_table(tmp_path: Path) -> None:
    output = tmp_path / "sample.pbk"
    _core.generate(output, 3, 2_000)
    found = flow.replayed([output])
    report = json.loads(_core.replay([output])[0])
    assert len(found.batch) == 2_000 == report["records"]
    assert np.shares_memory(arrays.batch(found.batch).commands, found.batch.commands)
