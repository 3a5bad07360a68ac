"""What the figures of the analysis say: targets met or not and why, a book for each kind of flow, and sentences.

Every word here is derived from figures: nothing is said of a book or a pool that other figures could not turn around.
What cannot be told apart, since its ranges overlap, is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proofbook.engines import DEFAULT

Result = dict[str, Any]

ORDER_NS_MAX = 500.0
ALLOCATION_NS_MAX = 50.0
MISS_NS_MAX = 10.0
LOCK_FREE_NS_MAX = 100.0
ORDERS_PER_S_MIN = 10e6
BANDWIDTH_SHARE_MIN = 0.90
BANDWIDTH_SHARE_MAX = 1.20
"""More than this of what memory gives did not come from memory."""

CPU_SHARE_MIN = 0.95
LEVEL_1_SHARE_MIN = 0.99
LEVEL_2_SHARE_MIN = 0.95

LOCK_FREE_GROUPS = ("queue", "hazard", "epoch", "list get", "list insert")
"""Groups of what threads share whose operations the target for lock-free operations is about."""

GROWS_FROM = 1.5
"""An operation whose median becomes so many times as long from the smallest book to the largest grows with it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of flow: flows for which one book is recommended."""

    name: str
    flows: tuple[str, ...]


KINDS = (
    Kind("a calm market", ("static", "normal")),
    Kind("a market that moves", ("swing-25", "swing-40", "flash-crash")),
    Kind("one long queue", ("one-price",)),
    Kind("an order at each price", ("own-prices",)),
    Kind("prices far from each other", ("far-away",)),
    Kind("bursts of cancels", ("cancel-storm",)),
    Kind("your own flow", ("data",)),
)


def findings(result: Result) -> Result:
    """Everything that the figures say.

    Args:
        result: What :func:`proofbook.analyze.measure` gave.

    Returns:
        ``targets``, ``recommendations`` and ``conclusions``.
    """
    return {
        "targets": targets(result),
        "recommendations": recommendations(result),
        "conclusions": conclusions(result),
    }


def nanoseconds(value: float | None) -> str:
    """A time in the unit that suits it."""
    if value is None:
        return "not measured"
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} ns" if value >= 10 else f"{value:.1f} ns"


def millions(rate: float) -> str:
    """A rate in millions a second."""
    return f"{rate / 1e6:.2f} M/s"


def agreeing(result: Result) -> dict[str, Result]:
    """The books that say on every flow what the reference book says: the only ones whose figures mean anything."""
    return {
        name: book for name, book in result["books"].items() if all(flow["hash_ok"] for flow in book["flows"].values())
    }


def leading(result: Result) -> str | None:
    """The default book where it is one of those that agree, else the one with the highest rate on its worst flow."""
    books = agreeing(result)
    if DEFAULT in books:
        return DEFAULT
    return max(books, key=lambda name: worst_rate(books[name]), default=None)


def worst_rate(book: Result) -> float:
    """The lowest median rate over the flows."""
    return min(float(flow["commands_per_s"]["median"]) for flow in book["flows"].values())


def operation(book: Result, axis: str, name: str, *, last: bool) -> Result | None:
    """The figures of an operation on the smallest or on the largest book that was timed."""
    points = [point for point in book["growth"][axis]["points"] if name in point["operations"]]
    figures: Result | None = points[-1 if last else 0]["operations"][name] if points else None
    return figures


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
    """The design's targets, each on the path where it means something, with the machine's own limit beside it."""
    name = leading(result)
    if name is None:
        return []
    book = result["books"][name]
    machine = result["machine"]
    memory_ns = float(machine["load_latency_ns"]["memory_256_mib"])
    first_ns = float(machine["load_latency_ns"]["l1_16_kib"])
    return [
        _order_target(name, book, memory_ns),
        _allocation_target(result, machine),
        _miss_target(name, book, memory_ns, first_ns),
        *_lock_free_targets(result, machine),
        _rate_target(result, memory_ns),
        _bandwidth_target(result, machine),
        _cpu_target(name, book, machine),
        *_hit_targets(name, book, result["counts"]["source"]),
    ]


def _order_target(name: str, book: Result, memory_ns: float) -> Result:
    closed, timer_ns = book["latency"]["closed_loop"], float(book["latency"]["timer"]["p50_ns"])
    p99_ns = float(closed["p99_ns"])
    misses = max((p99_ns - timer_ns) / memory_ns, 0.0)
    return _target(
        "order processing",
        f"{name}: commands of the normal flow through the rules, one after another, p99, one reading of the clock in "
        f"it",
        f"< {ORDER_NS_MAX:.0f} ns",
        f"{nanoseconds(p99_ns)} (p50 {nanoseconds(float(closed['p50_ns']))}, p99.9 "
        f"{nanoseconds(float(closed['p999_ns']))})",
        f"reading the clock {nanoseconds(timer_ns)}, a load from memory {nanoseconds(memory_ns)}",
        p99_ns < ORDER_NS_MAX,
        f"without the clock it is the time of {misses:.1f} loads from memory, one after another",
    )


def _own(result: Result, group: str, threads: int) -> dict[str, Result]:
    """What is the project's own of a group, at a number of threads."""
    found = result["shared"].get(group, {}).get("contestants", {})
    return {name: one[str(threads)] for name, one in found.items() if one["is_own"]}


def _p50(figures: Result) -> float:
    return float(figures["operation"]["p50_ns"])


def _allocation_target(result: Result, machine: Result) -> Result:
    pools = _own(result, "allocation", 1)
    peers = {
        name: _p50(one["1"]) for name, one in result["shared"]["allocation"]["contestants"].items() if not one["is_own"]
    }
    best = min(pools, key=lambda name: _p50(pools[name]))
    p50_ns = _p50(pools[best])
    fastest = min(peers, key=lambda name: peers[name])
    relation = "less than" if p50_ns < peers[fastest] else "not less than"
    return _target(
        "memory allocation",
        f"{best}: a 64-byte object made and another given back, one thread, p50",
        f"< {ALLOCATION_NS_MAX:.0f} ns",
        nanoseconds(p50_ns),
        f"{', '.join(f'{name} {nanoseconds(time)}' for name, time in peers.items())}; "
        f"an atomic addition {nanoseconds(float(machine['atomic_add_ns']))}",
        p50_ns < ALLOCATION_NS_MAX,
        f"{relation} the fastest allocator beside it, {fastest}",
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


def _lock_free_targets(result: Result, machine: Result) -> Iterator[Result]:
    most = max(result["threads"])
    for threads in sorted({1, most}):
        times = {
            f"{group}, {name}": _p50(figures)
            for group in LOCK_FREE_GROUPS
            for name, figures in _own(result, group, threads).items()
        }
        if not times:
            continue
        slowest = max(times, key=lambda name: times[name])
        over = [name for name, time in times.items() if time >= LOCK_FREE_NS_MAX]
        yield _target(
            f"lock-free operations, {threads} {'thread' if threads == 1 else 'threads'}",
            "queue, hazard pointer, epoch and list operations, p50; the slowest counts",
            f"< {LOCK_FREE_NS_MAX:.0f} ns",
            f"{nanoseconds(times[slowest])} ({slowest})",
            f"an atomic addition {nanoseconds(float(machine['atomic_add_ns']))}, a hop between threads "
            f"{nanoseconds(float(machine['thread_hop_ns']))}",
            not over,
            f"{len(times) - len(over)} of {len(times)} are below" + (f"; not {'; '.join(over)}" if over else ""),
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


def recommendations(result: Result) -> list[Result]:
    """A book for each kind of flow: the one that is least behind the best on any of the kind's flows.

    Books whose ranges overlap with the best one's on every flow of the kind cannot be told apart from it; is the
    default book among them, it is recommended, since nothing speaks against it.
    """
    books = agreeing(result)
    found = []
    for kind in KINDS:
        flows = [flow for flow in kind.flows if flow in result["flows"]]
        if not flows or not books:
            continue
        best_rates = {flow: max(_median(books[name], flow) for name in books) for flow in flows}
        scores = {name: min(_median(book, flow) / best_rates[flow] for flow in flows) for name, book in books.items()}
        best = max(scores, key=lambda name: scores[name])
        equals = [name for name in books if name != best and _overlap(books[name], books[best], flows)]
        chosen = DEFAULT if DEFAULT in equals else best
        others = sorted((name for name in books if name != chosen), key=lambda name: -scores[name])
        found.append(
            {
                "kind": kind.name,
                "flows": flows,
                "book": chosen,
                "equals": sorted({best, *equals} - {chosen}),
                "ratios": {
                    name: min(_median(books[chosen], flow) / _median(books[name], flow) for flow in flows)
                    for name in others
                },
                "text": _recommendation_text(kind, chosen, sorted({best, *equals} - {chosen}), others, books, flows),
            }
        )
    return found


def _median(book: Result, flow: str) -> float:
    return float(book["flows"][flow]["commands_per_s"]["median"])


def _overlap(one: Result, other: Result, flows: Sequence[str]) -> bool:
    def ranges(book: Result, flow: str) -> tuple[float, float]:
        rates = book["flows"][flow]["commands_per_s"]
        return float(rates["min"]), float(rates["max"])

    return all(
        ranges(one, flow)[0] <= ranges(other, flow)[1] and ranges(other, flow)[0] <= ranges(one, flow)[1]
        for flow in flows
    )


def _recommendation_text(
    kind: Kind,
    chosen: str,
    equals: Sequence[str],
    others: Sequence[str],
    books: Mapping[str, Result],
    flows: Sequence[str],
) -> str:
    rates = ", ".join(f"{flow} {millions(_median(books[chosen], flow))}" for flow in flows)
    text = f"For {kind.name}: {chosen} ({rates})"
    behind = [name for name in others if name not in equals]
    if equals:
        text += f"; {' and '.join(equals)} cannot be told apart from it in these runs"
    if behind:
        ratio = min(_median(books[chosen], flow) / _median(books[behind[0]], flow) for flow in flows)
        text += f"; {ratio:.2f} times as fast as {behind[0]}" + (", the next" if len(behind) > 1 else "")
    return text + "."


def conclusions(result: Result) -> list[str]:
    """Sentences about what stands out."""
    books = agreeing(result)
    lost = sorted(set(result["books"]) - set(books))
    said = []
    if lost:
        said.append(
            f"{' and '.join(lost)} gave other events than the reference book: their figures mean nothing and are "
            f"left out."
        )
    else:
        count = len(result["flows"])
        said.append(f"All {len(books)} books gave the same events as the reference book on each of the {count} flows.")
    if not books:
        return said
    return [
        *said,
        *_flow_conclusions(books),
        *_growth_conclusions(books),
        *_room_conclusions(books),
        *_shared_conclusions(result),
        *_reader_conclusions(result),
    ]


def _flow_conclusions(books: Mapping[str, Result]) -> Iterator[str]:
    ranked = sorted(books, key=lambda name: -worst_rate(books[name]))
    best = ranked[0]
    yield (
        f"Over all flows {best} has the highest floor: never below {millions(worst_rate(books[best]))}"
        + (
            f"; the lowest floor is that of {ranked[-1]}, {millions(worst_rate(books[ranked[-1]]))}."
            if len(ranked) > 1
            else "."
        )
    )
    if DEFAULT in books:
        lost = [
            (flow, max(books, key=lambda name, flow=flow: _median(books[name], flow)))  # type: ignore[misc]
            for flow in books[DEFAULT]["flows"]
        ]
        beaten = [
            f"{flow} ({name}, {_median(books[name], flow) / _median(books[DEFAULT], flow):.2f} times as fast)"
            for flow, name in lost
            if name != DEFAULT and not _overlap(books[name], books[DEFAULT], [flow])
        ]
        if beaten:
            yield f"The default book, {DEFAULT}, is beaten beyond the spread of the runs on {', '.join(beaten)}."
        else:
            yield f"No book beats the default, {DEFAULT}, beyond the spread of the runs on any flow."


def _growth_conclusions(books: Mapping[str, Result]) -> Iterator[str]:
    names = list(next(iter(books.values()))["growth"]["levels"]["points"][-1]["operations"])
    wins: dict[str, list[str]] = {}
    for name in names:
        times = {
            book: float(figures["p50_ns"])
            for book, growth in books.items()
            if (figures := operation(growth, "levels", name, last=True))
        }
        if times:
            wins.setdefault(min(times, key=lambda book: times[book]), []).append(name)
    size = next(iter(books.values()))["growth"]["levels"]["points"][-1]["levels"]
    shares = "; ".join(f"{book}: {', '.join(won)}" for book, won in wins.items())
    yield f"Fastest by the median at {size:,} levels: {shares}."
    for book, growth in books.items():
        factors = {
            name: float(large["p50_ns"]) / max(float(small["p50_ns"]), 0.1)
            for name in names
            if (small := operation(growth, "levels", name, last=False))
            and (large := operation(growth, "levels", name, last=True))
        }
        grown = {name: factor for name, factor in factors.items() if factor >= GROWS_FROM}
        if grown:
            most = max(grown, key=lambda name: grown[name])
            yield (
                f"{book}: {len(grown)} of {len(factors)} operations grow with the number of levels, {most} most "
                f"({grown[most]:.1f} times)."
            )
        else:
            yield f"{book}: no operation grows with the number of levels."


def bytes_each(book: Result) -> tuple[float, float] | None:
    """Bytes for an order more at a price, and for a level more, on the largest book; none if they were not counted."""
    room = book["room"]
    last = room["points"][-1]
    if last["at_one_price_bytes"] is None or room["empty_bytes"] is None:
        return None
    size = float(last["size"])
    per_order = (float(last["at_one_price_bytes"]) - float(room["empty_bytes"])) / size
    return per_order, (float(last["at_own_prices_bytes"]) - float(last["at_one_price_bytes"])) / size


def _room_conclusions(books: Mapping[str, Result]) -> Iterator[str]:
    counted = {name: each for name, book in books.items() if (each := bytes_each(book))}
    if not counted:
        yield "Bytes were not counted: the program has another allocator."
        return
    least_order = min(counted, key=lambda name: counted[name][0])
    least_level = min(counted, key=lambda name: counted[name][1])
    yield (
        f"Least room: {least_order} with {counted[least_order][0]:.0f} bytes an order, {least_level} with "
        f"{counted[least_level][1]:.0f} more for a level of its own."
    )


def _shared_conclusions(result: Result) -> Iterator[str]:
    for group, contest in result["shared"].items():
        for threads in sorted({1, max(result["threads"])}):
            rates = {
                name: float(one[str(threads)]["operations_per_s"]["median"])
                for name, one in contest["contestants"].items()
            }
            own = {name: rate for name, rate in rates.items() if contest["contestants"][name]["is_own"]}
            peers = {name: rate for name, rate in rates.items() if name not in own}
            if not own or not peers:
                continue
            ours, theirs = max(own, key=lambda name: own[name]), max(peers, key=lambda name: peers[name])
            ratio = own[ours] / peers[theirs]
            yield (
                f"{group}, {threads} {'thread' if threads == 1 else 'threads'}: {ours} does {ratio:.2f} times as "
                f"many operations "
                f"as the best peer, {theirs}."
            )


def _reader_conclusions(result: Result) -> Iterator[str]:
    """What one busy reader takes from the writer, if that is more than the spread of the runs."""
    alone = result["readers"]["no reader"]["commands_per_s"]
    for name in ("touch", "depth"):
        beside = result["readers"][name]["commands_per_s"]
        share = float(beside["median"]) / float(alone["median"])
        reads = millions(float(result["readers"][name]["reads_per_s"]["median"]))
        reading = f"A thread that reads the {name} without a pause, {reads},"
        if float(beside["max"]) < float(alone["min"]):
            yield f"{reading} leaves the lock-free book's writer {share:.0%} of its rate."
        else:
            yield f"{reading} costs the lock-free book's writer no more than runs differ."
