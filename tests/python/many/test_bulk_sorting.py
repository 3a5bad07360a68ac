"""Orders in any order become the books that they are, sorted as NumPy sorts them, however far apart prices are."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("numba")

from bulk_world import ReadState, bulk_of, fitting_states, pool_of
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_flow import WORLDS, World
from kernel_state import MemoryBook

from proofbook.errors import InputError
from proofbook.gpu.cpu import CpuBackend
from proofbook.gpu.kernels.bulk import HEAD_TYPE, ROW_TYPE, Bulk, States, order_rows
from proofbook.gpu.kernels.layout import Capacity, Words, new_pool
from proofbook.testing import RawMarket

INT_MAX = (1 << 63) - 1
PLAIN = next(world for world in WORLDS if world.name == "plain")
FREE = World("free", 4_096, 4_096, 0, (0, 0), (0, 0), 0)
"""Terms that allow every price and every quantity, and room for many orders."""


def head_of(read: ReadState) -> tuple[int, ...]:
    return (read.sequence, read.clock, read.next_priority, int(read.has_trade), read.last_trade)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_shuffled_orders_become_the_books_they_came_from(world: World) -> None:
    states = fitting_states(world, 16, 1_500)
    reads = [ReadState.of(state) for state in states]
    choose = random.Random(world.name)
    rows: list[tuple[int, ...]] = []
    starts = [0]
    for read in reads:
        orders = [order for queue in read.queues for order in queue]
        choose.shuffle(orders)
        rows += orders
        starts.append(len(rows))
    bulk, pool = bulk_of(world), pool_of(world, len(states))
    heads = np.array([head_of(read) for read in reads], dtype=HEAD_TYPE)
    bulk.load_orders(pool, np.array(rows, dtype=ROW_TYPE), np.array(starts), heads)
    for number in range(len(states)):
        MemoryBook(pool, number, Capacity(world.orders, world.levels)).check()
    assert bulk.states(pool).buffer == b"".join(states)


def free_orders(seed: int, count: int, price_width: int, priority_width: int) -> npt.NDArray[np.void]:
    """Orders of a book that is not crossed, in no order, with prices and priority numbers so far apart."""
    choose = random.Random(seed)
    middle = choose.randint(-INT_MAX + price_width, INT_MAX - price_width)
    rows = []
    for priority in choose.sample(range(1, priority_width + 1), count):
        side = choose.randrange(2)
        price = middle - choose.randint(1, price_width) if side == 0 else middle + choose.randrange(price_width)
        rows.append((side, choose.getrandbits(64), price, choose.randint(1, 1 << 40), priority))
    columns = list(zip(*rows, strict=True)) or [()] * 5
    types = (np.uint64, np.uint64, np.int64, np.uint64, np.uint64)
    return order_rows(*(np.array(column, dtype=kind) for column, kind in zip(columns, types, strict=True)))


def as_numpy_sorts(rows: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """The rows in price-time priority, bids first."""
    side = rows["tags"] & np.uint64(1)
    price = np.where(side == 0, ~rows["price"], rows["price"])
    return rows[np.lexsort((rows["priority"], price, side))]


WIDE = (1 << 62) - 1
COUNTS = (0, 1, 2, 3, 23, 24, 25, 100, 1_500)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    count=st.sampled_from(COUNTS),
    price_width=st.sampled_from((1, 5, 300, 1 << 20, WIDE)),
    priority_width=st.sampled_from((2_000, 1 << 24, 1 << 62)),
)
def test_any_orders_are_sorted_as_numpy_sorts_them(
    seed: int, count: int, price_width: int, priority_width: int
) -> None:
    rows = free_orders(seed, count, price_width, priority_width)
    bulk = Bulk(Capacity(FREE.orders, FREE.levels), FREE.config(), CpuBackend(threads=1).runner())
    pool = new_pool(1, bulk.capacity)
    bulk.load_orders(pool, rows[None])
    states = bulk.states(pool)
    assert states.rows(0).tolist() == as_numpy_sorts(rows).tolist()
    MemoryBook(pool, 0, bulk.capacity).check()
    assert RawMarket.restore(states.state(0)).state() == states.state(0)


def test_heads_that_nobody_gives_are_those_of_new_books() -> None:
    rows = free_orders(1, 20, 10, 100)
    bulk, pool = bulk_of(PLAIN), pool_of(PLAIN, 3)
    bulk.load_orders(pool, rows, np.array([0, 12, 12, 20]))
    statistics = bulk.statistics(pool)
    assert statistics["sequence"].tolist() == [12, 0, 8]
    assert statistics["clock"].tolist() == [0, 0, 0]
    nexts = [ReadState.of(bulk.states(pool).state(number)).next_priority for number in range(3)]
    assert nexts == [int(rows["priority"][:12].max()) + 1, 1, int(rows["priority"][12:].max()) + 1]


def test_words_and_both_orders_of_memory_are_taken() -> None:
    rows = np.stack([free_orders(number, 20, 10, 100) for number in range(4)])
    words = rows.view(np.uint64).reshape(4, 20, 12)
    bulk, pool = bulk_of(PLAIN), pool_of(PLAIN, 4)
    bulk.load_orders(pool, words)
    interleaved = np.asfortranarray(pool)
    interleaved[...] = 0
    bulk.load_orders(interleaved, rows)
    assert bulk.states(interleaved).buffer == bulk.states(pool).buffer
    assert bulk.states(pool).rows(2).tolist() == as_numpy_sorts(rows[2]).tolist()


def spoilt(rows: npt.NDArray[np.void], book: int, row: int, **values: Any) -> npt.NDArray[np.void]:
    rows = rows.copy()
    for name, value in values.items():
        rows[book, row][name] = value
    return rows


def test_rows_at_fault_are_named_with_their_place_as_given() -> None:
    side, price = np.tile([0, 1], 6), np.tile([99, 101], 6)
    rows = np.stack([order_rows(side, np.arange(12) + 1, price, 5, np.arange(12)[::-1] + 1) for _ in range(3)])
    bulk, pool = bulk_of(PLAIN), pool_of(PLAIN, 3)
    bulk.load_orders(pool, rows)
    before = pool.copy()
    cases = [
        (spoilt(rows, 1, 7, id=3), "book 1, row 7: the order id: .*received 3, which row 2 has too"),
        (spoilt(rows, 2, 4, priority=12), "book 2, row 4: the priority number: .*received 12, which row 0 has too"),
        (spoilt(rows, 0, 11, displayed=0), "book 0, row 11: the open quantity: expected above 0; received 0"),
        (spoilt(rows, 1, 0, price=101), "book 1: the best bid: expected below the best ask 101; received 101"),
        (spoilt(rows, 1, 5, tags=2 | 4 << 24), "book 1, row 5: the side: expected 0 .buy. or 1 .sell.; received 2"),
        (spoilt(spoilt(rows, 1, 5, id=3), 2, 5, id=3), r"book 1, row 5: .*\(2 books have a fault\)"),
    ]
    for bad, told in cases:
        with pytest.raises(InputError, match=told):
            bulk.load_orders(pool, bad)
        assert (pool == before).all()


@pytest.mark.parametrize(
    ("shape", "starts", "told"),
    [
        ((4,), None, "where there are no starts"),
        ((4,), [0, 5], "ascending ones from 0 to 4"),
        ((4,), [0, 3, 2, 4], "ascending"),
        ((4,), [1, 4], "ascending"),
        ((3, 4), None, "expected 1, one for each book"),
    ],
)
def test_shapes_of_rows_are_checked(shape: tuple[int, ...], starts: list[int] | None, told: str) -> None:
    bulk, pool = bulk_of(PLAIN), pool_of(PLAIN, 1)
    given_starts = None if starts is None else np.array(starts)
    with pytest.raises(InputError, match=told):
        bulk.load_orders(pool, np.zeros(shape, dtype=ROW_TYPE), given_starts)


def test_other_types_of_rows_are_refused() -> None:
    bulk, pool = bulk_of(PLAIN), pool_of(PLAIN, 1)
    for bad in (np.zeros((1, 2, 12)), np.zeros((1, 2, 11), dtype=np.uint64), np.zeros((1, 2, 12), dtype=np.int32)):
        with pytest.raises(InputError, match="expected ROW_TYPE or 12 words to a row"):
            bulk.load_orders(pool, bad)
    with pytest.raises(InputError, match="heads: expected 1, one for each book; received 2"):
        bulk.load_orders(pool, np.zeros((1, 0), dtype=ROW_TYPE), None, np.zeros(2, dtype=HEAD_TYPE))


def test_states_of_books_that_were_sorted_load_again() -> None:
    rows = np.stack([free_orders(number, 20, 10, 100) for number in range(4)])
    bulk, pool = bulk_of(PLAIN), pool_of(PLAIN, 4)
    bulk.load_orders(pool, rows)
    states = bulk.states(pool)
    other: Words = pool_of(PLAIN, 4)
    bulk.load_states(other, States.from_buffer(states.buffer, states.offsets))
    assert bulk.states(other).buffer == states.buffer
