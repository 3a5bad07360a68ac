"""A hot book and its copy in a pool: commands go either way, versions are compared, and differences are errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="the packages of the extra `many` are not installed")

import proofbook
from proofbook import InputError, OutOfStepError, gpu
from proofbook._core import many_flow
from proofbook.gpu import commands
from proofbook.testing import RawMarket

ORDERS = 256


def made(books: int = 4, **named: Any) -> gpu.Books:
    return gpu.Books(books, **{"orders": ORDERS, "device": "cpu", "events": "digest", **named})


@pytest.mark.parametrize("pending_max", [1, 7, 4096])
@pytest.mark.parametrize("seed", [1, 2])
def test_commands_go_either_way_and_both_stay_the_same(seed: int, pending_max: int) -> None:
    rng = np.random.default_rng(seed)
    rows, offsets = many_flow("mixed", seed=seed, books=4, commands=200)
    with made() as books:
        hot = books.place_hot(2, pending_max=pending_max)
        own = rows[offsets[2] : offsets[3]]
        market = RawMarket(books.config.tobytes())
        done = 0
        while done < len(own):
            some = own[done : done + int(rng.integers(1, 12))]
            done += len(some)
            for row in some:
                market.apply(row.tobytes())
            if rng.integers(0, 2):
                hot.apply(some)
                assert hot.waiting <= pending_max
            else:
                books.apply([rows[:0], rows[:0], some, rows[:0]])
                assert hot.waiting == 0
            assert hot.sequence == done
            assert hot.book.digest() == market.digest(), f"seed {seed}"
        hot.require_same_state()
        assert books.sequence(2) == done
        assert books.digest(2) == market.digest()
        assert hot.release() is hot.book
        books.apply([rows[:0], rows[:0], own[:1], rows[:0]])
        assert hot.book.sequence == done


def test_a_book_brings_its_state_and_its_events_are_its_own() -> None:
    book = proofbook.Book(tick_size="0.01", max_orders=ORDERS)
    book.submit("sell", 5, "1.00", order_id=1)
    with made() as books:
        hot = books.place_hot(0, book)
        assert books.digest(0) == book.digest()
        events = hot.apply(commands.limit(2, "buy", price=101, quantity=3))
        assert events.column("event").to_pylist() == ["accepted", "trade"]
        assert (hot.waiting, books.sequence(0)) == (1, 1)
        hot.flush()
        assert (hot.waiting, books.sequence(0)) == (0, 2)
        assert books.digest(0) == book.digest()


def test_every_kind_of_command_is_handed_over() -> None:
    rows = np.concatenate(
        [
            commands.limit([1, 2, 3], ["buy", "sell", "buy"], price=[90, 110, 91], quantity=10, account=7),
            commands.market(4, "buy", quantity=3, account=8),
            commands.reduce(1, 2),
            commands.replace(3, price=92),
            commands.replace(2, quantity=4),
            commands.cancel(1),
            commands.mass_cancel(7),
            commands.sweep(50),
        ]
    )
    with made() as books:
        hot = books.place_hot(1)
        market = RawMarket(books.config.tobytes())
        for row in rows:
            market.apply(row.tobytes())
        hot.apply(rows)
        assert hot.book.digest() == market.digest()
        hot.require_same_state()


def test_a_book_that_went_its_own_way_is_out_of_step() -> None:
    rows = commands.limit([1, 2], "buy", price=100, quantity=5)
    with made() as books:
        hot = books.place_hot(1)
        hot.apply(rows[:1])
        hot.book.submit("sell", 1, 200)
        with pytest.raises(
            OutOfStepError, match=r"book 1: expected sequence 1 of the hot book, .* 1 commands that wait; received 2"
        ):
            hot.flush()
        with pytest.raises(OutOfStepError):
            hot.apply(rows[1:])
        with pytest.raises(OutOfStepError):
            books.apply([rows[:0], rows[1:], rows[:0], rows[:0]])
        assert books.sequences().tolist() == [0, 0, 0, 0], "nothing was handed over"


def test_states_that_differ_at_one_version_are_found_by_their_digests() -> None:
    rows = commands.limit([1, 2], "buy", price=100, quantity=5)
    with made() as books:
        hot = books.place_hot(1)
        hot.apply(rows[:1])
        hot.flush()
        other = proofbook.Book(max_orders=ORDERS)
        other.submit("buy", 5, 101)
        books.load([other], [1])
        hot.require_same_version()
        with pytest.raises(OutOfStepError, match="book 1: expected the digest"):
            hot.require_same_state()


def test_what_cannot_be_hot_is_refused() -> None:
    with (
        made(levels=16) as books,
        pytest.raises(InputError, match=r"as many levels as orders, 256, .* received 16 levels"),
    ):
        books.place_hot(0)
    with made() as books:
        hot = books.place_hot(0)
        with pytest.raises(InputError, match="book 0: expected one that is not hot; it is"):
            books.place_hot(0)
        with pytest.raises(InputError, match="number: expected a whole number from 0 to 3; received 4"):
            books.place_hot(4)
        with pytest.raises(InputError, match="nothing was loaded"):
            books.place_hot(1, proofbook.Book())
        stop = commands.limit(1, "buy", price=100, quantity=5)
        stop[0, 0] |= 2 << 16
        with pytest.raises(InputError, match=r"commands\[0\]: expected"):
            hot.apply(stop)
        assert (hot.waiting, hot.sequence) == (0, 0)
