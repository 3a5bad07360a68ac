"""The benchmark of Python's ways in: whole tables, and one call at a time.

``Book.apply`` is set beside a plain Rust loop over the same commands, round by round in one process. The loop's
commands lie in memory already and its events are kept in one vector; ``apply`` finds, converts and checks columns, and
writes the table of events. So the ratio is what a table costs beyond matching. Before anything is timed, both forms of
the table must give the same events; single calls must lead to the same state.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from proofbook import _core
from proofbook.bench import DEFAULT_SEED, LATENCY_SCENARIO, Result, machine_name, spread

COMMANDS = 1_000_000
ROUNDS = 21
CALLS_MAX = 200_000
"""Commands that are made one call at a time."""

ROUNDS_PER_PASS = 3
"""Rounds of one form of the table before the other one's turn comes."""


def _calls(book: _core.Book, commands: pa.Table) -> list[Callable[[], object]]:
    """Each row as a call that is ready to be made."""

    def call(row: dict[str, Any]) -> Callable[[], object]:
        method = getattr(book, row.pop("action"))
        terms = {name: value for name, value in row.items() if value is not None}
        return lambda: method(**terms)

    return [call(row) for row in commands.to_pylist()]


def measure(
    seed: int = DEFAULT_SEED,
    commands: int = COMMANDS,
    rounds: int = ROUNDS,
    progress: Callable[[str], None] = lambda _line: None,
) -> Result:
    """Times tables of words, tables of codes and single calls, on the scenario whose latencies are measured too.

    Args:
        seed: Realisation of the workload.
        commands: Rows of the table.
        rounds: Timed rounds of each form of the table.
        progress: Takes a line of text now and then.

    Returns:
        For ``words`` and ``codes`` the ``ratio`` of ``Book.apply`` to the loop and the commands per second of both;
        for ``calls`` those of single calls; ``hash_ok`` tells whether all ways led to the same events and states.
    """
    flow = LATENCY_SCENARIO
    tables = {
        form: _core.order_flow(flow, seed=seed, commands=commands, words=form == "words") for form in ("words", "codes")
    }
    progress("comparing events and states")
    books = {form: _core.Book() for form in tables}
    events = {form: books[form].apply(table) for form, table in tables.items()}
    is_same = events["words"].equals(events["codes"]) and books["words"].digest() == books["codes"].digest()
    rows = events["words"].num_rows
    del books, events
    few = tables["words"].slice(0, min(commands, CALLS_MAX))
    expected = _core.Book()
    expected.apply(few)
    calls: list[float] = []
    timings: dict[str, list[tuple[int, int]]] = {form: [] for form in tables}
    while len(timings["codes"]) < rounds:
        for form, table in tables.items():
            progress(f"round {len(timings[form]) + 1} of {rounds}: {form}")
            count = min(ROUNDS_PER_PASS, rounds - len(timings[form]))
            timings[form] += _core.time_loops(table, rounds=count)
        book = _core.Book()
        ready = _calls(book, few)
        start = time.perf_counter()
        for call in ready:
            call()
        calls.append(few.num_rows / (time.perf_counter() - start))
        is_same = is_same and book.digest() == expected.digest()
    return {
        "hash_ok": is_same,
        "flow": flow,
        "seed": seed,
        "commands": commands,
        "events": rows,
        "rounds": rounds,
        **{form: _form(commands, pairs) for form, pairs in timings.items()},
        "calls": {"commands": few.num_rows, "commands_per_s": spread(calls)},
        "machine_name": machine_name(),
    }


def _form(commands: int, pairs: list[tuple[int, int]]) -> Result:
    return {
        "ratio": spread([batch_ns / loop_ns for loop_ns, batch_ns in pairs]),
        "loop_commands_per_s": spread([commands * 1e9 / loop_ns for loop_ns, _ in pairs]),
        "batch_commands_per_s": spread([commands * 1e9 / batch_ns for _, batch_ns in pairs]),
    }


def _spread_text(value: Result, unit: float = 1) -> str:
    return f"{value['median'] / unit:.2f} ({value['min'] / unit:.2f}-{value['max'] / unit:.2f})"


def text(result: Result) -> str:
    """The result as text.

    Args:
        result: What :func:`measure` gave.
    """
    lines = [
        f"{result['commands']} commands of the scenario {result['flow']}, seed {result['seed']}, "
        f"{result['events']} events; "
        + ("all ways give the same" if result["hash_ok"] else "ALL WAYS SHOULD GIVE THE SAME AND DO NOT"),
        "",
        f"Median (lowest-highest) of {result['rounds']} rounds, million commands per second:",
        "",
        "| table of | Rust loop | Book.apply | time, apply to loop |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {form} | {_spread_text(result[form]['loop_commands_per_s'], 1e6)} | "
        f"{_spread_text(result[form]['batch_commands_per_s'], 1e6)} | {_spread_text(result[form]['ratio'])} |"
        for form in ("words", "codes")
    ]
    calls = _spread_text(result["calls"]["commands_per_s"], 1e6)
    lines += ["", f"One call at a time, {result['calls']['commands']} commands: {calls} million commands per second"]
    return "\n".join(lines)
