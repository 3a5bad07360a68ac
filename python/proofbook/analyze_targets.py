"""The design's targets, held against the figures: met or not, and why.

Each stands on the path where it means something, with the machine's own limit beside it. Every word is derived from
the figures: other figures, other words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from proofbook.analyze_figures import (
    agreeing,
    counted,
    leading,
    median,
    millions,
    nanoseconds,
    operation,
    overlap,
    worst_rate,
)
from proofbook.engines import DEFAULT, ENGINES

Result = dict[str, Any]

ORDER_P99_NS_MAX = 500.0
ALLOCATION_P99_NS_MAX = 50.0
ALLOCATION_MEAN_NS_MAX = 10.0
MISS_NS_MAX = 10.0
LOCK_FREE_MEAN_NS_MAX = 100.0
WRITER_SHARE_MIN = 0.90
ORDERS_PER_S_MIN = 10e6
BANDWIDTH_SHARE_MIN = 0.90
BANDWIDTH_SHARE_MAX = 1.20
"""More than this of what memory gives did not come from memory."""

CPU_SHARE_MIN = 0.95
LEVEL_1_SHARE_MIN = 0.99
LEVEL_2_SHARE_MIN = 0.95

TO_BE_BELIEVED = ENGINES[0]
"""The book that does not claim to be fast: the one that the others are compared with."""

LOCK_FREE = {
    "allocation": "an allocation and a free",
    "queue": "a push and a pop",
    "hazard": "",
    "epoch": "",
    "list get": "",
    "list insert": "an insert and a remove",
}
"""What is shared without locks, and which two operations are timed together where they are two."""

LOCK_FREE_POOLS = ("LockFreePool", "NumaOptimizedPool, thread caches", "BatchAllocator")
"""The pools that threads share; one of orders is a thread's own."""


def _target(name: str, path: str, target: str, measured: str, limit: str, is_met: bool | None, why: str) -> Result:
    return {
        "name": name,
        "path": path,
        "target": target,
        "measured": measured,
        "limit": limit,
        "is_met": is_met,
        "why": why,
    }


def targets(result: Result) -> list[Result]:
    """All of them.

    Args:
        result: What :func:`proofbook.analyze.measure` gave.

    Returns:
        For each its ``name``, the ``path`` on which it is measured, the ``target``, what was ``measured``, the
        machine's own ``limit``, whether it ``is_met`` (none where it was not measured), and ``why``.
    """
    name = leading(result)
    if name is None:
        return []
    book = result["books"][name]
    machine = result["machine"]
    memory_ns = float(machine["load_latency_ns"]["memory_256_mib"])
    first_ns = float(machine["load_latency_ns"]["l1_16_kib"])
    return [
        *_order_targets(result, memory_ns),
        *_default_target(result, machine),
        _rate_target(result, memory_ns),
        *_allocation_targets(result, machine),
        *_lock_free_targets(result, machine, memory_ns),
        *_reader_targets(result),
        _miss_target(name, book, memory_ns, first_ns),
        *_hit_targets(name, book, result["counts"]["source"]),
        _bandwidth_target(result, machine),
        _cpu_target(name, book, machine),
    ]


def _order_targets(result: Result, memory_ns: float) -> Iterator[Result]:
    for name, book in agreeing(result).items():
        if name == TO_BE_BELIEVED:
            continue
        closed, timer_ns = book["latency"]["closed_loop"], float(book["latency"]["timer"]["p50_ns"])
        p99_ns = float(closed["p99_ns"])
        loads = max((p99_ns - timer_ns) / memory_ns, 0.0)
        yield _target(
            f"command, {name}",
            "commands of the normal flow through the rules, one after another, p99, one reading of the clock in it",
            f"< {ORDER_P99_NS_MAX:.0f} ns",
            f"{nanoseconds(p99_ns)} (mean {nanoseconds(float(closed['mean_ns']))}, p50 "
            f"{nanoseconds(float(closed['p50_ns']))}, p99.9 {nanoseconds(float(closed['p999_ns']))})",
            f"reading the clock {nanoseconds(timer_ns)}, a load from memory {nanoseconds(memory_ns)}",
            p99_ns < ORDER_P99_NS_MAX,
            f"without the clock it is the time of {loads:.1f} loads from memory, one after another",
        )


def _default_target(result: Result, machine: Result) -> Iterator[Result]:
    books = agreeing(result)
    if DEFAULT not in books or len(books) < 2:
        return
    flows = list(books[DEFAULT]["flows"])
    ahead, apart = [], 0
    for flow in flows:
        best = max(books, key=lambda name: median(books[name], flow))
        if best == DEFAULT:
            continue
        is_apart = not overlap(books[best], books[DEFAULT], [flow])
        apart += is_apart
        ratio = median(books[best], flow) / median(books[DEFAULT], flow)
        ahead.append(f"{flow}: {best} {ratio:.2f} times as fast, {'beyond' if is_apart else 'within'} the spread")
    noise = float(machine["noise"]["spread_p5_p95"])
    yield _target(
        "default book",
        f"{DEFAULT}: median rates of runs in turns with {counted(len(books) - 1, 'other book')}",
        "fastest on every flow",
        f"first on {len(flows) - len(ahead)} of {len(flows)}, behind beyond the spread of the runs on {apart}",
        f"equal loops differ by {noise:.1%} here",
        apart == 0,
        "; ".join(ahead) if ahead else "no other book has a higher median on any flow",
    )


def _own(result: Result, group: str) -> dict[str, Result]:
    """What is the project's own of a group."""
    found = result["shared"].get(group, {}).get("contestants", {})
    return {name: one for name, one in found.items() if one["is_own"]}


def _mean(one: Result, threads: int = 1) -> float:
    """The mean time of an operation: the median of the rounds' means."""
    return float(one[str(threads)]["mean_ns"]["median"])


def _beside_peer(result: Result, group: str, mean_ns: float) -> str:
    """A mean beside that of the fastest peer, in one thread."""
    contestants = result["shared"][group]["contestants"]
    peers = {name: _mean(one) for name, one in contestants.items() if not one["is_own"]}
    fastest = min(peers, key=lambda name: peers[name])
    return f"{peers[fastest] / mean_ns:.2f} times as fast as {fastest} ({nanoseconds(peers[fastest])})"


def _allocation_targets(result: Result, machine: Result) -> Iterator[Result]:
    for name, one in _own(result, "allocation").items():
        figures = one["1"]["operation"]
        mean_ns, p99_ns = _mean(one), float(figures["p99_ns"])
        over = [
            what
            for what, is_over in (
                (f"the p99 is over {ALLOCATION_P99_NS_MAX:.0f} ns", p99_ns >= ALLOCATION_P99_NS_MAX),
                (f"the mean is over {ALLOCATION_MEAN_NS_MAX:.0f} ns", mean_ns >= ALLOCATION_MEAN_NS_MAX),
            )
            if is_over
        ]
        yield _target(
            f"allocation, {name}",
            f"a 64-byte object made and another given back, warm, in one thread, {figures['per_sample']} of them to a "
            "sample",
            f"p99 < {ALLOCATION_P99_NS_MAX:.0f} ns, mean < {ALLOCATION_MEAN_NS_MAX:.0f} ns",
            f"p99 {nanoseconds(p99_ns)}, mean {nanoseconds(mean_ns)}",
            f"an atomic addition {nanoseconds(float(machine['atomic_add_ns']))}",
            not over,
            "; ".join([*over, _beside_peer(result, "allocation", mean_ns)]),
        )


def _lock_free_targets(result: Result, machine: Result, memory_ns: float) -> Iterator[Result]:
    addition_ns = float(machine["atomic_add_ns"])
    limit = (
        f"an atomic addition {nanoseconds(addition_ns)}, a hop between threads "
        f"{nanoseconds(float(machine['thread_hop_ns']))}, a load from memory {nanoseconds(memory_ns)}"
    )
    for group, contest in result["shared"].items():
        both = LOCK_FREE.get(contest["operation"])
        if both is None:
            continue
        for name, one in _own(result, group).items():
            if contest["operation"] == "allocation" and name not in LOCK_FREE_POOLS:
                continue
            mean_ns = _mean(one)
            operations = 2 if both else 1
            each_ns = mean_ns / operations
            beside = [
                f"{counted(threads, 'thread')} {nanoseconds(_mean(one, threads) / operations)}"
                for threads in result["threads"]
                if threads > 1
            ]
            spent = [
                f"half of the time of {both}, {nanoseconds(mean_ns)}" if both else "",
                f"{each_ns / memory_ns:.1f} loads from memory or {each_ns / addition_ns:.1f} atomic additions",
                _beside_peer(result, group, mean_ns),
            ]
            yield _target(
                f"without locks, {group}: {name}",
                f"{contest['what']}; mean of an operation in one thread, and for each of several at once on "
                f"{counted(result['cores'], 'core')}",
                f"< {LOCK_FREE_MEAN_NS_MAX:.0f} ns alone",
                f"{nanoseconds(each_ns)}; {', '.join(beside)}" if beside else nanoseconds(each_ns),
                limit,
                each_ns < LOCK_FREE_MEAN_NS_MAX,
                "; ".join(filter(None, spent)),
            )


def _reader_targets(result: Result) -> Iterator[Result]:
    readers = result["readers"]
    alone = float(readers["no reader"]["commands_per_s"]["median"])

    def share(name: str) -> float:
        return float(readers[name]["commands_per_s"]["median"]) / alone

    elsewhere = share("busy elsewhere")
    for name in ("touch", "depth"):
        kept = share(name)
        lost = (
            "the reader costs no more than any busy thread does"
            if kept >= elsewhere
            else f"the reader costs {elsewhere - kept:.0%} of the rate beyond what any busy thread costs"
        )
        machine_alone = "" if elsewhere >= WRITER_SHARE_MIN else "; any busy thread costs more than a tenth here"
        yield _target(
            f"writer beside a reader of the {name}",
            f"lockfree: commands a second beside a thread that reads the {name} without a pause, "
            f"{millions(float(readers[name]['reads_per_s']['median']))}",
            f">= {WRITER_SHARE_MIN:.0%} of its rate alone",
            f"{kept:.1%}: {millions(kept * alone)} of {millions(alone)}",
            f"{elsewhere:.1%} beside a thread that is busy and reads nothing of the book",
            kept >= WRITER_SHARE_MIN,
            lost + machine_alone,
        )


def _rate_target(result: Result, memory_ns: float) -> Result:
    books = agreeing(result)
    best = max(books, key=lambda name: worst_rate(books[name]))
    flows = books[best]["flows"]
    worst = min(flows, key=lambda name: float(flows[name]["commands_per_s"]["median"]))
    rate = worst_rate(books[best])
    one_load_rate = 1e9 / memory_ns
    loads = one_load_rate / rate
    return _target(
        "orders a second",
        f"{best}: one thread, one market, the flow on which it is slowest ({worst})",
        f"> {millions(ORDERS_PER_S_MIN)}",
        millions(rate),
        f"one load from memory for each order: {millions(one_load_rate)}",
        rate > ORDERS_PER_S_MIN,
        f"the time of {loads:.1f} loads from memory an order"
        + ("" if loads > 1 else ": the caches hold what it needs"),
    )


def _miss_target(name: str, book: Result, memory_ns: float, first_ns: float) -> Result:
    small, large = (operation(book, "levels", "lookup_hit", last=last) for last in (False, True))
    points = book["growth"]["levels"]["points"]
    more_ns = float(large["p50_ns"]) - float(small["p50_ns"]) if small and large else None
    floor_ns = memory_ns - first_ns
    is_possible = floor_ns < MISS_NS_MAX
    why = (
        "this machine loads from memory in less than that"
        if is_possible
        else f"a load from memory takes {nanoseconds(floor_ns)} more than one from the first level of cache here: a "
        f"lookup that has "
        "to leave the caches cannot be within the target, one that stays in them can"
    )
    return _target(
        "cache miss penalty",
        f"{name}: a level looked up by its price, p50, among {points[-1]['levels']:,} levels less among "
        f"{points[0]['levels']:,}",
        f"< {MISS_NS_MAX:.0f} ns more",
        nanoseconds(more_ns) if more_ns is None or more_ns >= 0 else "none",
        f"{nanoseconds(floor_ns)} more for one load from memory",
        None if more_ns is None else more_ns < MISS_NS_MAX,
        why,
    )


def _bandwidth_target(result: Result, machine: Result) -> Result:
    rate = float(result["streaming"]["bytes_per_s"]["median"])
    limit = float(machine["read_bandwidth_bytes_per_s"])
    share = rate / limit
    return _target(
        "memory bandwidth",
        f"sums of notionals over {result['streaming']['bytes'] >> 20} MiB of columns "
        f"({result['streaming']['kernel']}): the path "
        "that reads memory as fast as it comes; matching waits for single lines instead",
        f"> {BANDWIDTH_SHARE_MIN:.0%} of what can be read",
        f"{rate / 1e9:.1f} GB/s, {share:.0%}",
        f"{limit / 1e9:.1f} GB/s",
        share > BANDWIDTH_SHARE_MIN if share <= BANDWIDTH_SHARE_MAX else None,
        "the columns lay in a cache, so that this says nothing of memory"
        if share > BANDWIDTH_SHARE_MAX
        else "memory is the bound"
        if share > BANDWIDTH_SHARE_MIN
        else "the arithmetic of checked 128-bit sums is the bound",
    )


def _cpu_target(name: str, book: Result, machine: Result) -> Result:
    waited = book["flows"]["normal"]["waited_share"]
    noise = float(machine["noise"]["spread_p5_p95"])
    share = None if waited is None else 1.0 - float(waited)
    return _target(
        "processor efficiency",
        f"{name}: share of its time on the normal flow in which the matching thread had a core",
        f"> {CPU_SHARE_MIN:.0%}",
        "not told by this system" if share is None else f"{share:.1%}",
        f"equal loops differ by {noise:.1%} here",
        None if share is None else share > CPU_SHARE_MIN,
        "the matcher never waits by itself: what is missing to 100% went to other programs"
        if share is not None
        else "Linux's scheduler statistics are not there",
    )


def _hit_targets(name: str, book: Result, source: str) -> Iterator[Result]:
    counted = ((book["counts"] or {}).get("flow") or {}).get("command")
    path = f"{name}: data accesses of commands of the normal flow, " + {
        "hardware": "loads, by the processor's counters",
        "simulation": "by simulation (no prefetcher: each line of the command stream counts as a miss)",
    }.get(source, "neither counters nor a simulator are there")
    for what, share_min, level in (("first", LEVEL_1_SHARE_MIN, 1), ("second", LEVEL_2_SHARE_MIN, 2)):
        share, missed = None, 0.0
        if counted and counted["accesses"] > 0:
            missed = float(counted["level_1_misses" if level == 1 else "memory_misses"])
            share = max(1.0 - missed / counted["accesses"], 0.0)
        yield _target(
            f"hit rate, {what} level of cache",
            path if level == 1 else f"{path}; in the first or the second level",
            f"> {share_min:.0%}",
            "not measured" if share is None else f"{share:.2%}",
            "100%: everything in the cache" if share is not None else "unknown",
            None if share is None else share > share_min,
            ""
            if share is None or counted is None
            else f"{missed:.2f} misses in {counted['accesses']:.0f} accesses a command",
        )
