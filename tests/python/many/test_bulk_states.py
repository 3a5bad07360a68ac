"""States of pools are the engine's byte by byte; one that a pool cannot hold is refused before anything changes."""

from __future__ import annotations

import functools
import random
import struct
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("numba")

from bulk_world import ReadState, bulk_of, bytes_of, fitting_states, market_after, pool_of, words_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_flow import WORLDS, World, flow
from kernel_state import MemoryBook

from proofbook.errors import InputError
from proofbook.gpu.kernels.bulk import States
from proofbook.gpu.kernels.compile import compiled
from proofbook.gpu.kernels.events import KEEP_ALL
from proofbook.gpu.kernels.faults import TEXTS
from proofbook.gpu.kernels.layout import Capacity
from proofbook.gpu.kernels.match_cpu import match_books
from proofbook.testing import RawMarket

WORD = 1 << 64
HEADER = 16
TERMS = next(world for world in WORLDS if world.name == "terms")
PLAIN = next(world for world in WORLDS if world.name == "plain")


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_states_are_loaded_and_written_as_the_engine_has_them(world: World) -> None:
    states = fitting_states(world, 12, 1_500)
    bulk, pool = bulk_of(world), pool_of(world, len(states))
    bulk.load_states(pool, States.of(states))
    capacity = Capacity(world.orders, world.levels)
    for number, state in enumerate(states):
        book = MemoryBook(pool, number, capacity)
        book.check()
        assert book.state(world.config()) == state
    written = bulk.states(pool)
    assert [written.state(number) for number in range(len(written))] == states
    assert written.buffer == b"".join(states)
    assert written.offsets.tolist() == np.cumsum([0, *map(len, states)]).tolist()
    chosen = [len(states) - 1, 0]
    assert bulk.states(pool, chosen).buffer == states[-1] + states[0]


@pytest.mark.parametrize("world", [PLAIN, TERMS], ids=lambda world: world.name)
def test_a_loaded_book_goes_on_as_the_engine_does(world: World) -> None:
    (state,) = [market_after(world, 3, 700).state()]
    bulk, pool = bulk_of(world), pool_of(world, 3)
    bulk.load_states(pool, States.of([state]), [1])
    market = RawMarket.restore(state)
    commands = list(flow(world, 4, 2_000))
    clock = ReadState.of(state).clock
    events = np.zeros((3, 60_000, 7), dtype=np.uint64)
    for words in commands:
        words[1] += clock
    match = compiled(match_books, "cpu", KEEP=KEEP_ALL)
    offsets = np.array([0, 0, len(commands), len(commands)], dtype=np.int64)
    match(pool, bulk._terms, np.array(commands, dtype=np.uint64), offsets, events, 1, 2)
    expected = b"".join(market.apply(struct.pack("<9Q", *words)) for words in commands)
    assert events[1, : len(expected) // 56].tobytes() == expected
    MemoryBook(pool, 1, Capacity(world.orders, world.levels)).check()
    assert bulk.states(pool, [1]).state(0) == market.state()
    assert (pool[[0, 2]] == 0xDEAD_BEEF).all(), "the books beside it are as they were"


@functools.cache
def base_state() -> bytes:
    """A state of the world with terms, with several orders on both sides, the last ask alone at its price."""
    for seed in range(1_000):
        state = market_after(TERMS, seed, 60).state()
        read = ReadState.of(state)
        is_last_alone = bool(read.queues[1]) and read.levels(1)[-1][2] == 1
        if len(read.queues[0]) >= 3 and len(read.queues[1]) >= 3 and is_last_alone and read.has_trade:
            return state
    raise AssertionError("no such state")


def base() -> list[int]:
    """Its words."""
    return words_of(base_state())


def row(words: list[int], side: int, number: int) -> int:
    """Where an order's row starts."""
    return HEADER + 1 + 12 * number + (side and 1 + 12 * words[HEADER])


def change(place: Callable[[list[int]], int], value: Callable[[int], int]) -> Callable[[list[int]], None]:
    def apply(words: list[int]) -> None:
        at = place(words)
        words[at] = value(words[at]) % WORD

    return apply


def header(at: int, value: Callable[[int], int]) -> Callable[[list[int]], None]:
    return change(lambda _: at, value)


def of_row(word: int, value: Callable[[int], int], side: int = 0, number: int = 1) -> Callable[[list[int]], None]:
    return change(lambda words: row(words, side, number) + word, value)


def last_ask_as_first_bid(word: int) -> Callable[[list[int]], None]:
    def apply(words: list[int]) -> None:
        last = words[HEADER + 1 + 12 * words[HEADER]] - 1
        words[row(words, 1, last) + word] = words[row(words, 0, 0) + word]

    return apply


def swap_bids(words: list[int]) -> None:
    first, second = row(words, 0, 0), row(words, 0, 1)
    words[first : first + 12], words[second : second + 12] = words[second : second + 12], words[first : first + 12]


def add_stop(words: list[int]) -> None:
    words[-2] = 1
    words[-1:-1] = [0 | 12 << 24, 999, 1, 100, 100, 3, 0, 0, 0, 1, 0, 0]


def cross(words: list[int]) -> None:
    words[row(words, 0, 0) + 3] = words[row(words, 1, 0) + 3]


def fill_bids(words: list[int]) -> None:
    while words[HEADER] <= TERMS.orders:
        at = row(words, 0, 0)
        words[at:at] = words[at : at + 12]
        words[HEADER] += 1


EXPIRING = 3 << 8
FAULTS: dict[int, tuple[Callable[[list[int]], None], str]] = {
    1: (
        lambda words: words.pop(),
        "book 1: the state: expected 160 bytes and 96 for each order that it counts; received",
    ),
    2: (
        header(2, lambda _: 7),
        "book 1: the market's terms: expected the books' own, word 2 of them 0x5; received 0x7",
    ),
    3: (
        header(14, lambda word: word | 2),
        "book 1: the phase: expected continuous, the only one of a pool's books; received halted",
    ),
    4: (
        header(14, lambda word: word | 1 << 16),
        "book 1: the header: expected zero in what a header does not use; received 0x10100",
    ),
    5: (
        header(11, lambda _: (1 << 63) + 1),
        "book 1: the sequence: expected at most 9223372036854775808; received 9223372036854775809",
    ),
    6: (header(13, lambda _: 0), "book 1: the priority counter: expected at least 1; received 0"),
    7: (
        header(15, lambda word: -word - 1),
        "book 1: the last trade's price: expected a multiple of the tick size 5; received -",
    ),
    8: (fill_bids, f"book 1: the number of orders: expected at most {TERMS.orders}, the capacity of a book; received"),
    9: (
        header(11, lambda _: 4),
        "book 1: the number of orders: expected at most 4, the commands that the market took; received",
    ),
    10: (add_stop, "book 1: waiting stop orders: expected none, since a pool's books hold no stops; received 1"),
    20: (of_row(0, lambda word: word + 2), "book 1, row 1: the side: expected 0 (buy) or 1 (sell); received 2"),
    21: (
        of_row(0, lambda word: word | EXPIRING),
        "row 1: the time in force: expected good till cancel, the only one that rests in",
    ),
    22: (of_row(0, lambda word: word | 7 << 16), "row 1: the self-trade prevention: expected at most 4; received 7"),
    23: (
        of_row(0, lambda word: word | 1 << 40),
        "row 1: the tags: expected no bits beside those of an order's terms; received",
    ),
    24: (
        of_row(0, lambda word: word & ~(4 << 24)),
        "row 1: the price: expected one, as of every order that rests; received none",
    ),
    25: (
        of_row(0, lambda word: word | 8 << 24),
        "row 1: the order: expected no stop price, since a pool's books hold no stops",
    ),
    26: (
        of_row(0, lambda word: word | 2 << 24),
        "row 1: the order: expected no display quantity, since a pool's books hold no icebergs",
    ),
    27: (of_row(6, lambda _: 5), "row 1: what the order does not use: expected zero; received 0x5"),
    28: (of_row(5, lambda _: 0), "row 1: the open quantity: expected above 0; received 0"),
    29: (of_row(5, lambda word: word + 1), "row 1: the open quantity: expected a multiple of the lot size 3; received"),
    30: (of_row(5, lambda _: 93), "row 1: the open quantity: expected at most 90, the market's maximum; received 93"),
    31: (of_row(8, lambda _: 1), "row 1: the filled quantity: expected a multiple of the lot size 3; received 1"),
    32: (of_row(8, lambda _: WORD - 1), "row 1: the filled quantity: expected at most"),
    33: (of_row(3, lambda word: word - 1), "row 1: the price: expected a multiple of the tick size 5; received"),
    34: (
        of_row(5, lambda _: 90, side=1),
        "the price: expected with the quantity 90 within the market's maximum notional; received",
    ),
    35: (of_row(9, lambda _: 1 << 50), "row 1: the priority number: expected from 1 to below the priority counter"),
    36: (of_row(0, lambda word: word + 1), "row 1: the side: expected 0, that of its queue; received 1"),
    40: (
        swap_bids,
        "row 1: the order: expected behind the row before it in price and time; received one that comes before it",
    ),
    41: (last_ask_as_first_bid(9), "the priority number: expected one that no other order has; received"),
    42: (last_ask_as_first_bid(1), "the order id: expected one that no other order has; received"),
    44: (cross, "book 1: the best bid: expected below the best ask"),
}
"""For each code of a fault a change that brings it about, and what is told."""

ELSEWHERE = {37, 43}
"""Codes that a market with these terms cannot bring about; tests of their own do."""

ENGINE_TAKES = {10, 21, 25, 26}
"""What the engine may hold, and a pool may not. Terms and phases are others too, but of another market."""


def test_every_fault_has_a_case() -> None:
    assert FAULTS.keys() | ELSEWHERE == TEXTS.keys()
    assert not FAULTS.keys() & ELSEWHERE


@pytest.mark.parametrize("code", FAULTS)
def test_what_cannot_be_a_book_is_refused_and_nothing_changes(code: int) -> None:
    good, words = base(), base()
    spoil, told = FAULTS[code]
    spoil(words)
    bulk, pool = bulk_of(TERMS), pool_of(TERMS, 3)
    before = pool.copy()
    with pytest.raises(InputError) as raised:
        bulk.load_states(pool, States.of([bytes_of(good), bytes_of(words), bytes_of(good)]))
    assert told in str(raised.value)
    assert "nothing was loaded" in str(raised.value)
    assert (pool == before).all()
    if code not in ENGINE_TAKES | {2, 3}:
        with pytest.raises(InputError):
            RawMarket.restore(bytes_of(words))


def test_a_side_with_more_levels_than_there_is_room_for_is_refused() -> None:
    narrow = next(world for world in WORLDS if world.name == "full levels")
    market = RawMarket(struct.pack("<11Q", *narrow.config()))
    for number in range(narrow.levels + 1):
        market.apply(struct.pack("<9Q", 1 | 1 << 8 | 1 << 16, 1, number, 1, 100 + number, 0, 5, 0, 0))
    with pytest.raises(
        InputError, match="price levels of a side: expected at most 3, the capacity of a book; received 4"
    ):
        bulk_of(narrow).load_states(pool_of(narrow, 1), States.of([market.state()]))


def test_open_quantities_that_do_not_fit_a_word_are_refused() -> None:
    market = RawMarket(struct.pack("<11Q", *PLAIN.config()))
    for number in range(2):
        market.apply(
            struct.pack("<9Q", 1 | 1 << 16, 1, number, 1, 100, 0, 1 << 63 if number == 0 else (1 << 63) - 1, 0, 0)
        )
    words = words_of(market.state())
    words[row(words, 0, 1) + 5] += 1
    with pytest.raises(
        InputError, match=f"row 1: the open quantity: expected at most {(1 << 63) - 1}.*received {1 << 63}"
    ):
        bulk_of(PLAIN).load_states(pool_of(PLAIN, 1), States.of([bytes_of(words)]))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 3))
def test_a_changed_state_is_loaded_exactly_when_the_engine_restores_it(seed: int, changes: int) -> None:
    choose = random.Random(seed)
    words = base()
    for _ in range(changes):
        # Not the terms: another market's state is refused by rule 2, whatever else it is.
        at = choose.randrange(11, len(words))
        other = choose.choice(words)
        words[at] = (
            choose.choice((other, words[at] + 1, words[at] - 1, words[at] + 5, words[at] ^ 1 << choose.randrange(64)))
            % WORD
        )
    state = bytes_of(words)
    try:
        RawMarket.restore(state)
        is_state = True
    except InputError:
        is_state = False
    bulk, pool = bulk_of(TERMS), pool_of(TERMS, 1)
    try:
        bulk.load_states(pool, States.of([state]))
    except InputError as error:
        wider = ("stops", "icebergs", "good till cancel", "the phase")
        assert not is_state or any(word in str(error) for word in wider), f"seed {seed}: {error}"
        return
    assert is_state, f"seed {seed}: the engine does not restore it"
    MemoryBook(pool, 0, Capacity(TERMS.orders, TERMS.levels)).check()
    assert bulk.states(pool).buffer == state


@pytest.mark.parametrize(
    ("offsets", "told"),
    [([0, 161], "received a bound at byte 161"), ([0, 400], "from 0 to 160"), ([8, 0], "ascending"), ([], "ascending")],
)
def test_bounds_of_states_are_checked(offsets: list[int], told: str) -> None:
    data = market_after(PLAIN, 1, 0).state() + (b"\0" if 161 in offsets else b"")
    with pytest.raises(InputError, match=told):
        States.from_buffer(data, offsets)


def test_books_that_are_named_must_be_there_once() -> None:
    bulk, pool = bulk_of(PLAIN), pool_of(PLAIN, 2)
    state = market_after(PLAIN, 1, 0).state()
    for books in ([2], [-1], [0, 0]):
        with pytest.raises(InputError, match="expected distinct numbers from 0 to 1"):
            bulk.load_states(pool, States.of([state] * len(books)), books)
    with pytest.raises(InputError, match="expected 2, one for each book"):
        bulk.load_states(pool, States.of([state]))
