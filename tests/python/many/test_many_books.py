"""Many books against the engine: states, events and counts, whatever the device does with a batch; what they refuse."""

from __future__ import annotations

import gc
import json
import pickle
import threading
import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="the packages of the extra `many` are not installed")

import proofbook
from proofbook import DeviceError, EventsLostError, InputError, gpu
from proofbook._core import many_flow, many_run
from proofbook.gpu import commands, running
from proofbook.gpu.backends import Backend
from proofbook.gpu.balance import Distributor
from proofbook.gpu.commands import Batch
from proofbook.gpu.cpu import CpuBackend
from proofbook.gpu.overlap import measure_overlap
from proofbook.gpu.streams import Crew
from proofbook.testing import RawMarket

BOOKS, COMMANDS, SEED = 60, 120, 5
PATIENCE_S = 300
ORDERS = 256

WAYS: dict[str, dict[str, Any]] = {
    "one thread": {"threads": 1},
    "three threads": {"threads": 3},
    "in parts, in sequence": {"threads": 2, "streams": 1},
    "in parts, overlapped": {"threads": 2, "streams": 3},
}


def made(books: int = BOOKS, **named: Any) -> gpu.Books:
    return gpu.Books(books, **{"orders": ORDERS, "device": "cpu", "events": "digest", **named})


def check_against_engine(books: gpu.Books, rows: Any, offsets: Any) -> None:
    expected = many_run(books.config.tobytes(), rows, offsets, events="digest")
    assert np.array_equal(books.digests(), expected.digests)
    assert expected.event_digests is not None
    assert np.array_equal(books.event_digests(), expected.event_digests)
    assert np.array_equal(books.sequences(), np.diff(offsets))


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_the_cpu_ends_as_the_engine(way: str) -> None:
    rows, offsets = many_flow("mixed", seed=SEED, books=BOOKS, commands=COMMANDS)
    with made(**WAYS[way]) as books:
        middle = offsets[:-1] + np.diff(offsets) // 3
        ends = np.stack([offsets[:-1], middle, offsets[1:]])
        counts: dict[str, int] = {}
        for begins, stops in pairwise(ends):
            step = books.apply([rows[first:last] for first, last in zip(begins, stops, strict=True)])
            for name in ("emitted", "trades", "rejects"):
                counts[name] = counts.get(name, 0) + step.total(name)
        check_against_engine(books, rows, offsets)
        expected = many_run(books.config.tobytes(), rows, offsets)
        assert counts["emitted"] == expected.events.sum()
        assert counts["trades"] == expected.trades.sum()
        assert books.metrics.counts.commands == len(rows)


def test_events_are_the_engines_word_for_word() -> None:
    rows, offsets = many_flow("mixed", seed=SEED, books=8, commands=60)
    with made(8, events="all", event_capacity=400, streams=2) as books:
        step = books.apply(rows, offsets)
        assert step.events is not None
        for book in range(8):
            market = RawMarket(books.config.tobytes())
            events = b"".join(market.apply(row.tobytes()) for row in rows[offsets[book] : offsets[book + 1]])
            count = int(step.event_counts[book])
            assert step.events[book, :count].tobytes() == events
            assert step.emitted[book] == count
        assert step.table().num_rows == step.total("emitted")
        assert "emitted" not in repr(step)
        again = books.apply(rows[:0], np.zeros(9, np.int64))
        assert again.total("emitted") == 0
        assert not again.event_counts.any()


def test_events_without_room_are_an_error_that_has_the_step() -> None:
    rows, offsets = many_flow("mixed", seed=SEED, books=4, commands=60)
    with made(4, events="all", event_capacity=5) as books, pytest.raises(EventsLostError) as caught:
        books.apply(rows, offsets)
    step = caught.value.step
    assert isinstance(step, gpu.Step)
    assert np.array_equal(step.events_lost, step.emitted - 5)
    assert (step.event_counts == 5).all()
    other = pickle.loads(pickle.dumps(caught.value))  # as it comes from another process
    assert (str(other), other.step.total("events_lost")) == (str(caught.value), step.total("events_lost"))
    with made(4, events="all", event_capacity=5, lost="count") as books:
        assert books.apply(rows, offsets).total("events_lost") == step.total("events_lost")
        check_against_engine(books, rows, offsets)


class Paced(CpuBackend):
    """A device that says it took so long for each command: how fast this machine is at the moment must not count."""

    def __init__(self, ns: int, **named: Any) -> None:
        super().__init__(**named)
        self.ns = ns

    def step(self, books: Any, plan: Any, timing: Any) -> None:
        super().step(books, plan, timing)
        timing.pipeline_ns = self.ns * int(plan.offsets[-1] - plan.offsets[0])


@pytest.mark.parametrize("streams", [None, 2])
def test_books_on_two_devices_end_as_on_one_and_move_to_the_faster(streams: int | None) -> None:
    rows, offsets = many_flow("mixed", seed=SEED, books=BOOKS, commands=COMMANDS)
    backends: list[Backend] = [Paced(100, threads=2, streams=streams), Paced(300, threads=1)]
    distributor = Distributor(BOOKS, 2, moves_max=9, weight=0.5)
    with made(device=backends, distributor=distributor, events="all", event_capacity=80) as books:
        assert books.device == "cpu+cpu"
        begins = offsets[:-1].copy()
        events: list[list[bytes]] = [[] for _ in range(BOOKS)]
        moved = 0
        while (begins < offsets[1:]).any():
            ends = np.minimum(begins + 20, offsets[1:])
            step = books.apply([rows[first:last] for first, last in zip(begins, ends, strict=True)])
            assert step.events is not None
            for book in range(BOOKS):
                events[book].append(step.events[book, : int(step.event_counts[book])].tobytes())
            moved += step.timing.moved_books
            begins = ends
        check_against_engine(books, rows, offsets)
        market = RawMarket(books.config.tobytes())
        assert b"".join(events[0]) == b"".join(market.apply(row.tobytes()) for row in rows[: offsets[1]])
        shares = [share for _, share, _ in books.division]
        assert sum(shares) == BOOKS
        assert moved > 0
        assert shares[0] > BOOKS // 2, "the faster one has more"
        assert books.depth(2).bid_price.shape == (BOOKS, 2)
        assert books.totals()["live_orders"].sum == books.statistics()["live_orders"].sum()
        states, places = books.states()
        books.reset()
        assert books.totals()["live_orders"].sum == 0
        books.load((states, places))
        check_digests = many_run(books.config.tobytes(), rows, offsets).digests
        assert np.array_equal(books.digests(), check_digests)
    for backend in backends:
        backend.close()


def test_pools_that_were_given_one_distributor_move_their_books_apart() -> None:
    rows, offsets = many_flow("mixed", seed=SEED, books=BOOKS, commands=COMMANDS)
    halves = [[rows[at + first : at + first + COMMANDS // 2] for at in offsets[:-1]] for first in (0, COMMANDS // 2)]
    backends: list[Backend] = [Paced(100, threads=1), Paced(300, threads=1)]
    distributor = Distributor(BOOKS, 2, moves_max=BOOKS, weight=0.5)
    with made(device=backends, distributor=distributor) as one, made(device=backends, distributor=distributor) as other:
        for books in (one, other):
            for half in halves:
                assert books.apply(half).timing.moved_books > 0 or half is halves[1]
            check_against_engine(books, rows, offsets)
        assert json.loads(json.dumps(one.division)), "plain numbers"
        assert distributor.shares == [BOOKS // 2] * 2
    for backend in backends:
        backend.close()


def sweeps(books: gpu.Books, time_ns: int) -> gpu.Step:
    """A step of one command for each book, which takes each device as long as it says."""
    return books.apply(np.repeat(commands.sweep(time_ns), len(books), axis=0), np.arange(len(books) + 1))


def test_a_device_has_room_for_its_share_and_gets_more_between_steps() -> None:
    rows, offsets = many_flow("mixed", seed=SEED, books=BOOKS, commands=COMMANDS)
    backends = [Paced(100, threads=1), Paced(1900, threads=1)]
    whole = BOOKS * gpu.Books(1, orders=ORDERS, device="cpu").capacity.bytes

    def held() -> list[int]:
        return [backend.memory.device.statistics().held_bytes for backend in backends]

    with made(device=list(backends)) as books:
        assert max(held()) < 0.75 * whole
        books.apply(rows, offsets)
        for step in range(40):
            sweeps(books, (1 << 62) + step)
        assert [share for _, share, _ in books.division] == [57, 3]
        assert held()[1] < 0.2 * whole, "the slower one keeps no room for what it gave away"
        assert sum(held()) < 1.5 * whole
        allocations = [sum(backend.memory.allocations for backend in backends)]
        for step in range(6):
            timing = sweeps(books, (1 << 62) + 100 + step).timing
            assert timing.moved_books == 0
            allocations.append(sum(backend.memory.allocations for backend in backends))
        assert allocations[2:] == [allocations[2]] * 5
        expected = many_run(books.config.tobytes(), rows, offsets, events="digest")
        assert np.array_equal(books.event_digests(), expected.event_digests)  # type: ignore[arg-type]
        books.reset()
        books.apply(rows, offsets)
        check_against_engine(books, rows, offsets)
    for backend in backends:
        backend.close()


def test_a_device_without_memory_for_more_books_keeps_those_that_it_has() -> None:
    rows, offsets = many_flow("mixed", seed=SEED, books=BOOKS, commands=COMMANDS)
    one = gpu.Books(1, orders=ORDERS, device="cpu").capacity.bytes
    backends = [Paced(100, threads=1, memory_limit_bytes=48 * one), Paced(900, threads=1)]
    with made(device=list(backends)) as books:
        books.apply(rows, offsets)
        for step in range(10):
            sweeps(books, (1 << 62) + step)
        assert BOOKS // 2 <= books.division[0][1] <= 48
        assert backends[0].memory.device.statistics().refusals > 0
        books.reset()
        books.apply(rows, offsets)
        check_against_engine(books, rows, offsets)
    for backend in backends:
        backend.close()


def test_an_interrupt_while_books_move_leaves_them_where_they_were() -> None:
    rows, offsets = many_flow("mixed", seed=SEED, books=BOOKS, commands=COMMANDS)
    backends = [Paced(100, threads=1), Paced(900, threads=1)]
    with made(device=list(backends)) as books:
        inner = backends[0].write_rows

        def interrupted(*_arguments: Any) -> None:
            backends[0].write_rows = inner  # type: ignore[method-assign]
            raise KeyboardInterrupt

        backends[0].write_rows = interrupted  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            books.apply(rows, offsets)
        assert [share for _, share, _ in books.division] == [BOOKS // 2] * 2
        check_against_engine(books, rows, offsets)
    for backend in backends:
        backend.close()


def let_go(backend: Backend) -> None:
    """Have each thread of a backend done something else since, so that none holds what it worked on before."""
    assert isinstance(backend, CpuBackend)
    for threads in (backend._workers, backend._copiers):
        if threads is not None:
            together = threading.Barrier(threads.count)
            for done in [threads.submit(together.wait, PATIENCE_S) for _ in range(together.parties)]:
                done.result()


def test_a_warm_step_allocates_nothing() -> None:
    rows, offsets = many_flow("normal", seed=SEED, books=BOOKS, commands=COMMANDS)
    for named in (
        {"events": "none"},
        {"events": "digest", "streams": 2},
        {"events": "all", "event_capacity": 500, "streams": 2},
    ):
        with made(threads=2, **named) as books:
            allocations = []
            for _ in range(6):
                books.reset()
                step = books.apply(rows, offsets)
                assert step.total("emitted") > 0
                del step
                let_go(books.backend)
                gc.collect()
                allocations.append(books.backend.memory.allocations)
            assert allocations[2:] == [allocations[2]] * 4, named


def test_a_kept_step_keeps_its_arrays() -> None:
    rows, offsets = many_flow("normal", seed=SEED, books=4, commands=COMMANDS)
    with made(4, events="all", event_capacity=500) as books:
        events = books.apply(rows, offsets).events
        assert events is not None
        before = events.copy()
        for _ in range(4):
            books.reset()
            books.apply(rows[::-1].copy(), offsets, check=False)
        assert np.array_equal(events, before)


def test_what_overlaps_is_measured() -> None:
    rows, offsets = many_flow("normal", seed=SEED, books=BOOKS, commands=COMMANDS)
    with made(threads=2, streams=2) as books:
        timing = books.apply(rows, offsets).timing
        assert timing.parts > 1
        assert min(timing.copy_in_ns, timing.kernel_ns, timing.copy_out_ns, timing.check_ns) > 0
        assert timing.wall_ns >= timing.pipeline_ns >= timing.kernel_ns
        assert timing.overlapped_ns == max(0, timing.busy_ns - timing.pipeline_ns)
        assert timing.bytes_in >= rows.nbytes
        assert 0 < timing.worker_share <= 1
        known = json.loads(json.dumps(books.metrics.as_dict()))
        assert known["counts"]["commands"] == len(rows)
        assert known["bytes_moved_per_command"] > 72
        assert known["memory"]["device"]["in_use_bytes"] > 0
        assert known["last"]["parts"] == timing.parts


def test_the_time_that_streams_save_is_that_against_the_same_work_in_sequence() -> None:
    rows, offsets = many_flow("normal", seed=SEED, books=BOOKS, commands=COMMANDS)
    overlap = measure_overlap(rows, offsets, streams=2, repeats=2, orders=ORDERS, threads=1)
    assert overlap.saved_ns == overlap.sequence_ns - overlap.overlapped_ns
    assert overlap.saved_share < 1
    assert min(overlap.sequence_ns, overlap.overlapped_ns, overlap.kernel_ns, overlap.copy_in_ns) > 0
    assert measure_overlap(Batch(rows, offsets), repeats=1, orders=ORDERS, threads=1).sequence_ns > 0
    with pytest.raises(InputError, match=r"offsets: expected int64\[books \+ 1\]; received int64\[\]"):
        measure_overlap(rows, 5)
    with pytest.raises(InputError, match="streams: expected a whole number from 2 to 16; received 1"):
        measure_overlap(rows, offsets, streams=1)


def test_books_are_compared_with_the_batch_that_they_took() -> None:
    rows, offsets = many_flow("normal", seed=SEED, books=4, commands=COMMANDS)
    signed = Batch(rows.view(np.int64), offsets)
    with made(4) as books:
        running.run(books, signed)
        assert running.compare(books, signed).is_equal
        with pytest.raises(InputError, match="expected commands of 4 books; received those of 3"):
            running.compare(books, Batch(rows[: offsets[3]], offsets[:4]))
        with pytest.raises(InputError, match="threads: expected a whole number from 1 to 1024; received -1"):
            running.compare(books, signed, threads=-1)
        changed = rows.copy()
        changed[5, 6] += np.uint64(1)
        found = running.compare(books, Batch(changed, offsets))
        assert (found.is_equal, found.first) == (False, 0)


def test_memory_of_a_device_that_is_named_twice_counts_once() -> None:
    backend = gpu.choose("cpu", threads=1)
    with gpu.Books(6, orders=8, device=[backend, backend]) as books:
        held = books.metrics.as_dict()["memory"]["device"]["in_use_bytes"]
        assert held == backend.memory.device.statistics().in_use_bytes > 0
    backend.close()


def test_metrics_as_prometheus_text() -> None:
    pytest.importorskip("prometheus_client")
    rows, offsets = many_flow("normal", seed=SEED, books=4, commands=COMMANDS)
    with made(4) as books:
        books.apply(rows, offsets)
        text = books.metrics.prometheus()
        assert f'proofbook_many_commands_total{{device="cpu"}} {float(len(rows))}' in text
        assert 'proofbook_many_memory_held_bytes{device="cpu",kind="device"}' in text


BAD = [
    ({0: 0}, "an action from 1 to 6"),
    ({0: 8}, "books of a pool are always in continuous trading"),
    ({0: 1 | 2 << 16}, "books of a pool take no stops"),
    ({0: 1 | 1 << 16 | 3 << 24}, "books of a pool take no good-till-date orders"),
    ({0: 1 | 1 << 16 | 2 << 40}, "books of a pool take no icebergs"),
    ({0: 1 | 1 << 16 | 9 << 24}, "time in force 0"),
    ({0: 1 | 1 << 16 | 5 << 32}, "self-trade prevention from 0 to 4"),
    ({0: 1 | 7 << 8 | 1 << 16}, r"side 0 \(buy\) or 1 \(sell\)"),
    ({0: 1, 4: 100}, "zero in every word that its action does not use"),
    ({0: 2, 3: 1}, "zero in every word that its action does not use"),
    ({0: 5, 4: 1}, "zero in every word that its action does not use"),
    ({0: 6 | 1 << 56}, "zero in every word that its action does not use"),
    ({0: 2 | 1 << 40}, "flags that its action has"),
]


@pytest.mark.parametrize(("fields", "expected"), BAD)
def test_a_command_that_no_book_takes_is_named_and_nothing_is_applied(fields: dict[int, int], expected: str) -> None:
    rows, offsets = many_flow("normal", seed=SEED, books=3, commands=20)
    bad = rows.copy()
    bad[17] = 0
    for word, value in fields.items():
        bad[17, word] = value
    with made(3) as books:
        before = books.digests()
        with pytest.raises(InputError, match=rf"commands\[17\]: expected .*{expected}.*; received the words"):
            books.apply(bad, offsets)
        assert np.array_equal(books.digests(), before)
        assert not books.sequences().any()
        step = books.apply(bad, offsets, check=False)
        assert step.rows == len(bad)


@pytest.mark.parametrize("seed", range(4))
def test_a_command_is_taken_exactly_when_the_engine_decodes_it_and_a_pool_knows_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, _ = many_flow("mixed", seed=seed, books=1, commands=300)
    market = RawMarket(gpu.Market().words(ORDERS).tobytes())
    with made(1) as books:
        taken = refused = 0
        for row in rows:
            changed = row.copy()
            changed[rng.integers(0, 9)] ^= np.uint64(1 << int(rng.integers(0, 64)))
            tags = int(changed[0])
            try:
                market.apply(changed.tobytes())
                is_known = tags & 0xFF <= 6 and (
                    tags & 0xFF != 1 or (tags >> 16 & 0xFF < 2 and tags >> 24 & 0xFF < 3 and tags >> 40 & 2 == 0)
                )
            except InputError:
                is_known = False
            try:
                books.apply(changed[None, :], [0, 1])
                is_taken = True
            except InputError:
                is_taken = False
            assert is_taken == is_known, f"seed {seed}: {changed}"
            taken, refused = taken + is_taken, refused + (not is_taken)
        assert taken > 50
        assert refused > 50


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"books": 0}, "books: expected a whole number from 1"),
        ({"books": 2.5}, "books: expected a whole number from 1"),
        ({"orders": 0}, "orders: expected a whole number from 1"),
        ({"orders": 8, "levels": 9}, "levels: expected a whole number from 1 to 8; received 9"),
        ({"events": "some"}, "events: expected one of none, digest, all; received 'some'"),
        ({"events": "all"}, "event_capacity with events='all': expected a whole number from 1"),
        (
            {"events": "none", "event_capacity": 4},
            "event_capacity with events='none': expected a whole number from 0 to 0",
        ),
        ({"lost": "ignore"}, "lost: expected 'raise' or 'count'; received 'ignore'"),
        ({"device": "tpu"}, "device: expected one of auto, cpu, gpu, sim; received 'tpu'"),
        ({"device": []}, "device: expected from one device"),
        ({"threads": 0}, "threads: expected a whole number from 1"),
        ({"streams": 99}, "streams: expected a whole number from 1 to 16; received 99"),
        ({"distributor": Distributor(7, 1)}, "distributor: expected one for 3 books and 1 devices"),
    ],
)
def test_what_makes_no_books_is_refused(named: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        made(**{"books": 3, **named})


def test_books_without_room_are_refused() -> None:
    with pytest.raises(DeviceError, match=r"memory of the device 'cpu': expected at most 1,000,000 bytes in use"):
        made(1000, memory_limit_bytes=1_000_000)


def test_an_error_of_a_worker_is_told_after_all_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = CpuBackend(threads=2)
    ended: list[int] = []
    dismissed: list[Crew] = []
    dismiss = Crew.dismiss

    def told(crew: Crew) -> None:
        dismissed.append(crew)
        dismiss(crew)

    monkeypatch.setattr(Crew, "dismiss", told)

    def work(low: int, _: int) -> None:
        if low == 0:
            raise RuntimeError("worker failed")
        # It works until nobody may begin any more, and for a while after that.
        limit = time.monotonic() + PATIENCE_S
        while not (dismissed and dismissed[0].is_dismissed):
            assert time.monotonic() < limit
            time.sleep(0.001)
        time.sleep(0.05)
        ended.append(low)

    with pytest.raises(RuntimeError, match="worker failed"):
        backend.run_ranges([(number, number + 1) for number in range(4)], work)
    # The other worker's range has ended, if it had begun, and no other has begun since.
    before = list(ended)
    assert before in ([], [1])
    time.sleep(0.2)
    assert ended == before
    backend.close()


def test_closed_books_say_so() -> None:
    books = made(2)
    books.close()
    for ask in (books.digests, books.reset, lambda: books.depth(1)):
        with pytest.raises(DeviceError, match="this array was given back, as books are that were closed"):
            ask()


def test_some_books_start_anew() -> None:
    rows, offsets = many_flow("normal", seed=SEED, books=4, commands=COMMANDS)
    with made(4) as books:
        empty = books.digests()[0]
        books.apply(rows, offsets)
        full = books.digests()
        books.reset([1, 3])
        assert (books.digests() == [full[0], empty, full[2], empty]).all()
        assert books.sequences().tolist() == [COMMANDS, 0, COMMANDS, 0]
        books.reset(np.array([True, False, False, False]))
        assert (books.digests() == [empty, empty, full[2], empty]).all()
        for wrong in ([4], [-1], [0.5], [[1]]):
            with pytest.raises(InputError, match="books: expected "):
                books.reset(wrong)


def test_depth_orders_and_export_are_the_books() -> None:
    rows, offsets = many_flow("mixed", seed=SEED, books=5, commands=COMMANDS)
    with made(5) as books:
        books.apply(rows, offsets)
        depth = books.depth(4)
        every, starts = books.orders()
        for number in range(5):
            book = books.export(number, price_unit="0.01")
            assert book.digest() == books.digest(number)
            seen = book.depth(4)
            assert depth.bid_price[number, : len(seen.bids)].tolist() == [level.price_ticks for level in seen.bids]
            assert depth.ask_quantity[number, : len(seen.asks)].tolist() == [level.quantity_lots for level in seen.asks]
            assert depth.bid_orders[number, : len(seen.bids)].tolist() == [level.orders for level in seen.bids]
            assert not depth.bid_quantity[number, len(seen.bids) :].any()
            own = books.orders(number)
            assert isinstance(own, np.ndarray)
            assert np.array_equal(own, every[starts[number] : starts[number + 1]])
            assert len(own) == len(book)
            for order in own:
                known = book.order(int(order["id"]))
                assert known is not None
                assert known.priority == order["priority"]
        assert books.histogram("live_orders", [1]).sum() == 5


def test_states_come_from_books_and_are_all_taken_or_none() -> None:
    book = proofbook.Book(max_orders=ORDERS)
    book.submit("buy", 5, 100)
    other = proofbook.Book(max_orders=ORDERS + 1)
    with made(4) as books:
        books.load([book, book], [3, 1])
        assert books.digest(3) == book.digest() == books.digest(1)
        assert books.sequences().tolist() == [0, 1, 0, 1]
        before = books.digests()
        with pytest.raises(InputError, match="nothing was loaded"):
            books.load([book, other], [0, 2])
        with pytest.raises(InputError, match="states: expected one for each of 2 books; received 1 for 2"):
            books.load([book], [0, 2])
        with pytest.raises(InputError, match="states: expected a sequence of bytes or books"):
            books.load(b"state")  # type: ignore[arg-type]
        assert np.array_equal(books.digests(), before)
    with gpu.Books.from_states([book, book], device="cpu") as same:
        assert same.capacity.orders == ORDERS
        assert same.digest(1) == book.digest()


def test_terms_are_the_engines() -> None:
    terms = gpu.Market(market=9, tick_size=5, lot_size=2, max_quantity=100, max_notional=10**20, collar=50)
    native = proofbook.Book(
        market=9,
        price_unit=1,
        tick_size=5,
        quantity_unit=1,
        lot_size=2,
        max_quantity=100,
        max_notional=10**20,
        collar=50,
        max_orders=ORDERS,
    )
    with made(1, market=terms) as books:
        assert books.digest(0) == native.digest()
    assert gpu.Market.of_words(terms.words(ORDERS)) == (terms, ORDERS)
    for wrong in ({"tick_size": 0}, {"max_notional": 1 << 128}, {"collar": -1}, {"lot_size": None}):
        with pytest.raises(InputError, match="expected a whole number from"):
            gpu.Market(**wrong)


def test_read_only_commands_are_taken_without_a_copy() -> None:
    rows = commands.limit(np.arange(1, 4), "buy", price=100, quantity=5)
    rows.flags.writeable = False
    with made(1) as books:
        assert books.apply(rows, [0, 3]).total("emitted") == 6
