"""What hostile or clumsy callers give to many books: arrays that changed after they were checked, bounds that wrap
around, values of a wrong kind. No kernel looks at bounds, so what gets through here would read or write anywhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="the packages of the extra `many` are not installed")

from proofbook import DeviceError, InputError, gpu
from proofbook.gpu import commands
from proofbook.gpu.arrays import batch
from proofbook.gpu.commands import Batch
from proofbook.gpu.streams import Crew, Threads

FAR = (1 << 63) - 8
NOTHING = np.zeros((0, 9), np.uint64)


def made(books: Any = 2, **named: Any) -> gpu.Books:
    return gpu.Books(books, **{"orders": 8, "device": "cpu", "threads": 1, **named})


def quotes(count: int = 4) -> Any:
    side = np.arange(count) % 2
    return commands.limit(np.arange(count) + 1, side, price=99 + 2 * side, quantity=10)


@pytest.mark.parametrize(("place", "value"), [(1, 10**9), (0, -(10**9)), (2, 10**9)])
def test_offsets_of_a_batch_are_checked_when_it_is_applied(place: int, value: int) -> None:
    given = Batch(quotes(), np.array([0, 2, 4]))
    given.offsets[place] = value
    with made() as books:
        with pytest.raises(InputError, match="offsets: expected"):
            books.apply(given)
        assert books.sequences().tolist() == [0, 0]


@pytest.mark.parametrize(
    "rows", [np.zeros((4, 3), np.uint64), np.zeros(4, np.uint64), np.zeros((4, 9)), [[1] * 9] * 4, None]
)
def test_a_batch_holds_commands(rows: Any) -> None:
    with pytest.raises(InputError, match=r"commands: expected uint64\[rows, 9\]; received"):
        Batch(rows, np.array([0, 2, 4]))


@pytest.mark.parametrize("check", [True, False])
def test_offsets_whose_differences_wrap_around_are_refused(check: bool) -> None:
    with made(3) as books, pytest.raises(InputError, match="expected none below the one before"):
        books.apply(NOTHING, np.array([0, FAR, -FAR, 0]), check=check)


def test_states_whose_offsets_wrap_around_are_refused() -> None:
    with made(3) as books, pytest.raises(InputError, match="offsets of states: expected ascending"):
        books.load((b"", np.array([0, FAR, -FAR, 0])))


def test_offsets_are_copied_before_they_are_used() -> None:
    bounds = np.array([0, 2, 4])
    taken = batch(quotes(), bounds)
    bounds[1] = 10**9
    assert taken.offsets.tolist() == [0, 2, 4]


@pytest.mark.parametrize(
    ("states", "message"),
    [
        (("text", [0, 4]), "states: expected bytes without gaps; received str"),
        ((b"", [0, 1 << 70]), "offsets of states: expected whole numbers; received object"),
        ((b"", [0.5, 0.7]), "offsets of states: expected whole numbers; received float64"),
        ((b"", [0, [1]]), "offsets of states: expected whole numbers; received no array"),
    ],
)
def test_what_holds_no_states_is_named(states: Any, message: str) -> None:
    with made() as books, pytest.raises(InputError, match=message):
        books.load(states)


def test_two_states_are_two_states_in_a_tuple_too() -> None:
    with made() as books, made() as others:
        others.apply(quotes(), [0, 2, 4])
        one, other = (others.export(number).snapshot() for number in range(2))
        books.load((one, other))
        assert np.array_equal(books.digests(), others.digests())
        books.load((bytearray(other), bytearray(one)))
        assert np.array_equal(books.digests(), others.digests()[::-1])


def test_books_are_named_by_number_and_masks_are_whole() -> None:
    with made(3) as books:
        with pytest.raises(InputError, match=r"books: expected whole numbers; received bool with the shape \[3\]"):
            books.states(np.array([True, False, True]))
        with pytest.raises(InputError, match=r"mask: expected 3 booleans; received the shape \[2\]"):
            books.reset(np.array([True, False]))
        for number in (-1, 3):
            with pytest.raises(InputError, match=f"books: expected numbers from 0 to 2; received {number}"):
                books.sequence(number)
        assert books.histogram("traded_quantity", [0, (1 << 64) - 1]).tolist() == [0, 3, 0]
        assert books.histogram("trades", 1).tolist() == [3, 0]


def test_digests_are_those_of_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    from proofbook import _core
    from proofbook.gpu import queries

    inner, steps = _core.state_digests, []
    with made(3) as books:

        def interfering(*arguments: Any) -> Any:
            step = threading.Thread(target=books.apply, args=(np.repeat(commands.sweep(1), 3, axis=0), np.arange(4)))
            step.start()
            step.join(0.2)
            steps.append(step)
            return inner(*arguments)

        monkeypatch.setattr(queries, "DIGEST_BOOKS", 1)
        monkeypatch.setattr(_core, "state_digests", interfering)
        found = books.digests()
        for step in steps:
            step.join()
        assert books.sequences().tolist() == [3, 3, 3], "other threads' steps came afterwards"
        assert (found == found[0]).all()


@pytest.mark.parametrize("state", ["text", 10**12, None])
def test_a_state_is_bytes_or_a_book(state: Any) -> None:
    with made() as books, pytest.raises(InputError, match="states: expected bytes or a book as number 1; received"):
        books.load([books.export(0), state])


def test_what_a_step_gives_is_the_callers_own() -> None:
    with made(events="all", event_capacity=8) as books:
        step = books.apply(quotes(), [0, 2, 4])
        for words in (step.sequences, step.event_counts, step.event_digests):
            words[:] = 77
        assert books.sequences().tolist() == [2, 2]
        assert step.event_counts.tolist() == [4, 4]
        assert books.apply(NOTHING, [0, 0, 0]).commands.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"device": 5}, "device: expected one of auto, cpu, gpu, sim; received 5"),
        ({"device": None}, "device: expected one of auto, cpu, gpu, sim; received None"),
        ({"market": {"tick_size": 5}}, "market: expected proofbook.gpu.Market; received"),
        ({"distributor": 5}, "distributor: expected a Distributor; received 5"),
        ({"memory_limit_bytes": "1G"}, "memory_limit_bytes: expected a whole number"),
        ({"memory_limit_bytes": 0}, "memory_limit_bytes: expected a whole number"),
    ],
)
def test_arguments_of_a_wrong_kind_are_named(named: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as caught:
        made(**named)
    assert expected in str(caught.value)


def test_numbers_of_numpy_are_numbers() -> None:
    with made(np.int64(3), orders=np.int32(64), levels=np.uint8(3)) as books:
        assert (len(books), books.capacity.orders, books.capacity.levels) == (3, 64, 3)
        assert books.histogram("trades", np.arange(3)).tolist() == [0, 3, 0, 0]
        with pytest.raises(InputError, match="edges: expected whole numbers"):
            books.histogram("trades", np.array([0.5]))


def test_memory_that_cannot_be_read_as_commands_is_named() -> None:
    class Broken:
        __array_interface__ = {"shape": (4, 9), "typestr": "<u8", "version": 3}  # noqa: RUF012 - the protocol's form

    with made() as books:
        with pytest.raises(InputError, match="received what is no array"):
            books.apply(Broken(), [0, 2, 4])
        with pytest.raises(InputError, match="received 288 with gaps"):
            books.apply(memoryview(quotes().tobytes() * 2)[::2], [0, 2, 4])
        assert books.apply(memoryview(quotes()), [0, 2, 4]).total("emitted") == 8


def test_a_hot_book_gets_nothing_that_the_pool_passes_over() -> None:
    rows = quotes()
    rows[0, 0] = 1 | 2 << 16  # a stop, which a `Book` knows and a pool does not
    with made() as books:
        hot = books.place_hot(0)
        with pytest.raises(InputError, match="books of a pool take no stops"):
            books.apply(rows, [0, 2, 4], check=False)
        assert books.sequences().tolist() == [0, 0]
        hot.require_same_state()


def test_a_closed_device_says_so() -> None:
    device = gpu.choose("cpu", threads=2)
    books = gpu.Books(1000, device=device)
    device.close()
    with pytest.raises(DeviceError, match="was closed"):
        books.apply(quotes(2000), np.arange(1001) * 2)


def test_an_error_waits_for_all_that_had_begun() -> None:
    ended = []

    def slow() -> None:
        time.sleep(0.2)
        ended.append(True)

    def bad() -> None:
        raise ValueError("bad")

    threads = Threads(2, "test")
    with pytest.raises(ValueError, match="bad"):
        Crew().run(threads, [(slow,), (bad,)])
    # One that had begun has ended; one that had not never begins.
    before = list(ended)
    time.sleep(0.3)
    assert ended == before
    threads.shutdown()


FORKED = """
import os, signal
import numpy as np
from proofbook import gpu
from proofbook.gpu import flow
batch = flow.generated("mixed", books=600, commands=4, threads=1)
pools = [
    gpu.Books(600, orders=16, **named)
    for named in (
        {"device": "cpu", "threads": 2},
        {"device": "cpu", "threads": 1, "streams": 2},
        {"device": ["cpu", "cpu"], "threads": 1},
    )
]
def digests():
    return [books.apply(batch) and books.digests().tobytes() for books in pools]
digests()  # all threads have started
child = os.fork()
if child == 0:
    signal.alarm(60)
    mine = digests()
    os._exit(7 if len(set(mine)) == 1 else 8)
theirs = digests()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(set(theirs)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_process_that_was_forked_goes_on_with_the_books() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["7", "1"], done.stdout


INTERRUPTED = """
import signal, threading, time
import numpy as np
from proofbook import gpu
from proofbook.gpu.streams import Crew
books = gpu.Books(1000, orders=8, device=gpu.choose("cpu", threads=2))
rows = np.zeros((1000, 9), np.uint64)
rows[:, 0] = 6
begun, noticed = threading.Event(), threading.Event()
inner, count, dismissed = books.backend._match_kernel, [0], []
dismiss = Crew.dismiss
def told(crew):
    dismissed.append(crew)
    dismiss(crew)
Crew.dismiss = told
def slow(*arguments):
    begun.set()
    while not (dismissed and dismissed[0].is_dismissed):
        time.sleep(0.01)
    time.sleep(0.3)  # a caller that does not wait comes back before
    inner(0)(*arguments)
    count[0] += 1
books.backend._match_kernel = lambda keep: slow
def interrupted(*_):
    if not noticed.is_set():
        noticed.set()
        raise KeyboardInterrupt
signal.signal(signal.SIGINT, interrupted)
def interrupt():
    begun.wait()
    # A signal just before the caller waits wakes nobody: then another one does.
    while not noticed.wait(0.3):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    books.apply(rows, np.arange(1001))
    print("no interrupt")
except KeyboardInterrupt:
    done = count[0]
    print("ended", done, books.sequences().sum() == np.frombuffer(books.statistics()["sequence"].tobytes(), "u8").sum())
"""


def test_an_interrupt_leaves_no_kernel_running() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    # Both workers had begun a range; after the interrupt they ended those, and began no more.
    assert words[0] == "ended", done.stdout
    assert words[2] == "True", done.stdout
    assert 1 <= int(words[1]) <= 2, done.stdout


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"num_envs": 2.0}, "num_envs: expected a whole number"),
        ({"agents": 0}, "agents: expected a whole number"),
        ({"offset_max": 1.5}, "offset_max: expected a whole number"),
        ({"depth": True}, "depth: expected a whole number"),
        ({"position_penalty": float("nan")}, "position_penalty: expected a number of 0 or more"),
        ({"loss_max": -1}, "loss_max: expected a number of 0 or more"),
        ({"background": 5}, "background: expected Background; received 5"),
        ({"terms": 5}, "terms: expected Terms; received 5"),
    ],
)
def test_terms_of_an_environment_are_numbers_that_mean_something(named: dict[str, Any], expected: str) -> None:
    environment = pytest.importorskip("proofbook.gpu.environment", reason="gymnasium is not installed")
    with pytest.raises(InputError) as caught:
        environment.MarketVectorEnv(device="cpu", **named)
    assert expected in str(caught.value)


def test_terms_of_an_environment_are_given_once() -> None:
    environment = pytest.importorskip("proofbook.gpu.environment", reason="gymnasium is not installed")
    with pytest.raises(InputError, match="terms: expected all of them there"):
        environment.MarketVectorEnv(device="cpu", terms=environment.Terms(), depth=3)


def test_books_that_no_memory_holds_are_refused_before_they_are_counted() -> None:
    with pytest.raises(InputError, match="books: expected 0 to 16777216; received 1099511627776"):
        commands.grouped([0, 1, 0, 1], quotes(), books=1 << 40)
    with pytest.raises(InputError, match=r"commands of book 1: expected uint64\[rows, 9\]; received uint64\[2, 3\]"):
        commands.concatenated([quotes(), np.zeros((2, 3), np.uint64)])


def test_a_hot_book_that_is_refused_changes_nothing() -> None:
    with made() as books, made() as others:
        others.apply(quotes(), [0, 2, 4])
        with pytest.raises(InputError, match="pending_max"):
            books.place_hot(0, others.export(0), pending_max=0)
        assert books.sequences().tolist() == [0, 0]
        assert books.place_hot(0, others.export(0)).sequence == 2
