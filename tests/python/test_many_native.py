"""Many books at once, natively: each ends as a market of its own does that takes its commands one by one."""

from __future__ import annotations

import _thread
import struct
import threading
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from proofbook import InputError, _core
from proofbook.engines import ENGINES
from proofbook.testing import RawMarket

SCENARIOS = ("static", "normal", "swing-25", "swing-40", "flash-crash", "mixed")
EVENT_WORDS = 7
TRIES = 20
"""Another go for what a machine that stands still may disturb."""
TRADE = 4
WORD_MAX = (1 << 64) - 1
CONFIG_BYTES, HEADER_BYTES, ORDER_BYTES = 88, 40, 96

Words = npt.NDArray[np.uint64]
Offsets = npt.NDArray[np.int64]


def encoded_terms(
    *,
    tick: int = 1,
    max_quantity: int | None = None,
    collar: int | None = None,
    reference: int | None = None,
    orders: int = 1 << 24,
) -> bytes:
    """Terms of a market as section 13 of the rules encodes them."""
    flags = (max_quantity is not None) | (collar is not None) << 2 | (reference is not None) << 3
    head = struct.pack("<4BIQQQ", 1, 0, flags, 0, orders, 9, tick, 1)
    return head + struct.pack("<Q16xQq16x", max_quantity or 0, collar or 0, reference or 0)


PLAIN = encoded_terms()
BOUNDED_MIXED = encoded_terms(tick=2, max_quantity=15, collar=20, reference=10_000, orders=20)
BOUNDED_SCENARIO = encoded_terms(tick=3, max_quantity=80, collar=2_000, reference=33_504, orders=8)


def event_digest(events: bytes) -> int:
    """The digest as its definition says it."""
    digest = 0xCBF29CE484222325
    for (word,) in struct.iter_unpack("<Q", events):
        digest = (digest ^ word) * 0x9E3779B97F4A7C15 & WORD_MAX
        digest ^= digest >> 32
    return digest


def expected_end(terms: bytes, rows: Words) -> tuple[bytes, int, int, int, int]:
    """Digest of the state, digest of the events, events, trades and live orders of a market that took these rows."""
    market = RawMarket(terms, engine="reference")
    events = b"".join(market.apply(row.tobytes()) for row in rows)
    tags = np.frombuffer(events, np.uint64)[::EVENT_WORDS] & 0xFF
    trades = int((tags == TRADE).sum())
    return market.digest(), event_digest(events), tags.size, trades, live_orders(market.state())


def live_orders(state: bytes) -> int:
    """What the four counts before the queues say."""
    at, live = CONFIG_BYTES + HEADER_BYTES, 0
    for _ in range(4):
        (count,) = struct.unpack_from("<Q", state, at)
        at += 8 + count * ORDER_BYTES
        live += count
    assert at == len(state)
    return live


@pytest.mark.parametrize("is_bounded", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_book_ends_as_a_market_of_its_own(scenario: str, is_bounded: bool) -> None:
    bounded = BOUNDED_MIXED if scenario == "mixed" else BOUNDED_SCENARIO
    terms = bounded if is_bounded else PLAIN
    books, commands = 30, 120
    words, offsets = _core.many_flow(scenario, seed=5, books=books, commands=commands)
    run = _core.many_run(terms, words, offsets, events="digest")
    assert run.event_digests is not None
    for book in range(books):
        rows = words[offsets[book] : offsets[book + 1]]
        found = (
            run.digests[book].tobytes(),
            run.event_digests[book],
            run.events[book],
            run.trades[book],
            run.live_orders[book],
        )
        assert found == expected_end(terms, rows), f"{scenario}, seed 5, book {book}"
    assert run.live_orders.sum() > books
    assert run.trades.sum() > 0 or scenario == "static"


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("engine", ENGINES)
def test_books_of_all_lengths_on_every_structure(engine: Any, threads: int) -> None:
    words, _ = _core.many_flow("mixed", seed=6, books=1, commands=3000)
    cuts = np.sort(np.random.default_rng(1).integers(0, 3001, 99))
    offsets = np.concatenate([[0], cuts, cuts[-1:], [3000]]).astype(np.int64)
    expected = _core.many_run(PLAIN, words, offsets, threads=1, engine="reference", events="digest")
    run = _core.many_run(PLAIN, words, offsets, threads=threads, engine=engine)
    assert run.event_digests is None
    assert np.array_equal(run.digests, expected.digests)
    assert np.array_equal(run.events, expected.events)
    assert len(run.thread_apply_ns) == threads
    assert sum(run.thread_apply_ns) == run.apply_ns > 0
    assert run.apply_ns + run.create_ns + run.decode_ns + run.digest_ns <= run.wall_ns * threads
    assert run.events[-2] == 0, "an empty book"
    assert run.events.sum() > 3000


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_books_flow_depends_on_the_seed_and_its_number_alone(scenario: str) -> None:
    words, offsets = _core.many_flow(scenario, seed=3, books=200, commands=50, threads=3)
    assert words.shape == (10_000, 9)
    assert offsets.tolist() == list(range(0, 10_001, 50))
    fewer, _ = _core.many_flow(scenario, seed=3, books=7, commands=50, threads=1)
    assert np.array_equal(words[:350], fewer)
    other, _ = _core.many_flow(scenario, seed=4, books=7, commands=50)
    by_book = [rows.tobytes() for rows in np.split(words, 200)]
    assert len({*by_book, *(rows.tobytes() for rows in np.split(other, 7))}) == 207
    words[0, 0] = 1  # the caller's own memory


def test_the_mixed_flow_reaches_most_rejections_and_all_cancellations() -> None:
    words, _ = _core.many_flow("mixed", seed=2, books=1, commands=6000)
    reasons: dict[int, set[int]] = {}
    for terms in (PLAIN, BOUNDED_MIXED):
        market = RawMarket(terms)
        for row in words:
            for tags, *_ in struct.iter_unpack("<8s6Q", market.apply(row.tobytes())):
                reasons.setdefault(tags[0], set()).add(tags[2])
    assert set(range(1, 9)) - {5} <= reasons.keys(), "all but those of stops, icebergs, dates and phases"
    rejected, cancelled = reasons[2], reasons[7]
    assert {1, 6, 7, 8, 9, 11, 12, 14, 15, 16, 19, 20, 21, 22, 23} <= rejected
    assert {1, 2, 3, 4, 5, 6} <= cancelled
    assert reasons[6] == {1, 2}


def test_digests_of_states_are_the_engines() -> None:
    words, offsets = _core.many_flow("mixed", seed=1, books=5, commands=80)
    markets = [RawMarket(PLAIN) for _ in range(5)]
    for book, market in enumerate(markets):
        for row in words[offsets[book] : offsets[book + 1]]:
            market.apply(row.tobytes())
    states = [market.state() for market in markets]
    ends = np.cumsum([0, *map(len, states)], dtype=np.int64)
    expected = [market.digest() for market in markets]
    joined = b"".join(states)
    for given in (joined, bytearray(joined), np.frombuffer(joined, np.uint64), memoryview(joined)):
        digests = _core.state_digests(given, ends, threads=2)
        assert [row.tobytes() for row in digests] == expected
    run = _core.many_run(PLAIN, words, offsets)
    assert np.array_equal(run.digests, digests)


def test_a_row_that_is_no_command_is_named_whichever_thread_meets_it() -> None:
    words, offsets = _core.many_flow("normal", seed=1, books=300, commands=10)
    words[2345, 0] = 99
    words[2567, 8] = 7  # no expiry belongs there
    words[2999, 0] = 98
    for threads in (1, 2, 4):
        with pytest.raises(InputError, match=r"row 2345 \(book 234, its row 5\): expected the 9 .*received \[63,"):
            _core.many_run(PLAIN, words, offsets, threads=threads)
    words[2345] = words[2344]
    with pytest.raises(InputError, match=r"row 2567 \(book 256, its row 7\)"):
        _core.many_run(PLAIN, words, offsets)


def test_arrays_of_another_make_are_refused() -> None:
    words, offsets = _core.many_flow("normal", seed=1, books=3, commands=10)
    refused: list[tuple[Any, Any, str]] = [
        (words.astype(np.int64), offsets, "commands must be .*uint64.*received int64"),
        (words[:, :8].copy(), offsets, r"shape \[N, 9\].*received uint64 of shape \[30, 8\]"),
        (words.ravel(), offsets, r"received uint64 of shape \[270\]"),
        (np.asfortranarray(words), offsets, "in C order"),
        (words.tobytes(), offsets, "received .*bytes"),
        (words, offsets.astype(np.uint64), "offsets must be .*int64"),
        (words, offsets.tolist(), "received .*list"),
        (words, offsets + 1, "offset 3: expected 21 to 30; received 31"),
        (words, offsets[::-1].copy(), "offset 1: expected 30 to 30; received 20"),
        (words, offsets[:0], "received none"),
    ]
    for commands, given, message in refused:
        with pytest.raises(InputError, match=message):
            _core.many_run(PLAIN, commands, given)
    assert _core.many_run(PLAIN, words, offsets[:1]).digests.shape == (0, 32)
    assert _core.many_run(PLAIN, words[:0], np.zeros(2, np.int64)).events.tolist() == [0]


def test_words_that_name_nothing_are_refused() -> None:
    words, offsets = _core.many_flow("normal", seed=1, books=3, commands=10)
    with pytest.raises(InputError, match=r'scenario must be one of static, .*, mixed; received "calm"'):
        _core.many_flow("calm", seed=1, books=1, commands=1)
    with pytest.raises(InputError, match="threads must be 1 to 1024; received 0"):
        _core.many_flow("normal", seed=1, books=1, commands=1, threads=0)
    with pytest.raises(InputError, match="books times commands must be at most"):
        _core.many_flow("normal", seed=1, books=1 << 60, commands=1 << 20)
    with pytest.raises(InputError, match='events must be "none" or "digest"; received "all"'):
        _core.many_run(PLAIN, words, offsets, events="all")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="engine must be one of"):
        _core.many_run(PLAIN, words, offsets, engine="tree")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="takes 88 bytes; received 3"):
        _core.many_run(b"abc", words, offsets)
    empty, none = _core.many_flow("mixed", seed=1, books=4, commands=0)
    assert (empty.shape, none.tolist()) == ((0, 9), [0] * 5)


def test_python_goes_on_while_books_run() -> None:
    words, offsets = _core.many_flow("normal", seed=1, books=2000, commands=200)

    def ticks_meanwhile() -> int:
        is_done = threading.Event()
        ticks = 0

        def run() -> None:
            _core.many_run(PLAIN, words, offsets, threads=1, events="digest")
            is_done.set()

        thread = threading.Thread(target=run)
        thread.start()
        while not is_done.wait(0.001):
            ticks += 1
        thread.join()
        return ticks

    assert any(ticks_meanwhile() > 5 for _ in range(TRIES))


def test_ctrl_c_ends_a_run_before_its_end() -> None:
    words, offsets = _core.many_flow("mixed", seed=1, books=20_000, commands=100)
    # The processor's time: what it does for others meanwhile does not count.
    start = time.process_time()
    _core.many_run(PLAIN, words, offsets, threads=1)
    full_s = time.process_time() - start

    def interrupted_s() -> float:
        timer = threading.Timer(0.02, _thread.interrupt_main)
        start = time.process_time()
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            _core.many_run(PLAIN, words, offsets, threads=1)
            # The timer was late, and whoever runs to the end waits for it here.
            timer.join()
            time.sleep(0)
        return time.process_time() - start

    # A signal that was only seen after the last book would come too late, each time.
    assert any(interrupted_s() < 0.8 * full_s for _ in range(TRIES))
