"""What the figures of the analysis say: a book for each kind of flow, sentences, and the targets beside them.

Every word here is derived from figures: nothing is said of a book or a pool that other figures could not turn around.
What cannot be told apart, since its ranges overlap, is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proofbook.analyze import DATA_FLOW
from proofbook.analyze_figures import (
    agreeing,
    bytes_each,
    contended,
    counted,
    median,
    millions,
    operation,
    overlap,
    worst_rate,
)
from proofbook.analyze_targets import targets
from proofbook.engines import DEFAULT

Result = dict[str, Any]

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


def recommendations(result: Result) -> list[Result]:
    """A book for each kind of flow: the one that is least behind the best on any of the kind's flows.

    Books whose ranges overlap with the best one's on every flow of the kind cannot be told apart from it; is the
    default book among them, it is recommended, since nothing speaks against it.
    """
    books = agreeing(result)
    found = []
    own = tuple(flow for flow in result["flows"] if flow.startswith(f"{DATA_FLOW}:"))
    for kind in (*KINDS, Kind("your own flow", own)):
        flows = [flow for flow in kind.flows if flow in result["flows"]]
        if not flows or not books:
            continue
        best_rates = {flow: max(median(books[name], flow) for name in books) for flow in flows}
        scores = {name: min(median(book, flow) / best_rates[flow] for flow in flows) for name, book in books.items()}
        best = max(scores, key=lambda name: scores[name])
        equals = [name for name in books if name != best and overlap(books[name], books[best], flows)]
        chosen = DEFAULT if DEFAULT in equals else best
        others = sorted((name for name in books if name != chosen), key=lambda name: -scores[name])
        found.append(
            {
                "kind": kind.name,
                "flows": flows,
                "book": chosen,
                "equals": sorted({best, *equals} - {chosen}),
                "ratios": {
                    name: min(median(books[chosen], flow) / median(books[name], flow) for flow in flows)
                    for name in others
                },
                "text": _recommendation_text(kind, chosen, sorted({best, *equals} - {chosen}), others, books, flows),
            }
        )
    return found


def _recommendation_text(
    kind: Kind,
    chosen: str,
    equals: Sequence[str],
    others: Sequence[str],
    books: Mapping[str, Result],
    flows: Sequence[str],
) -> str:
    rates = ", ".join(f"{flow} {millions(median(books[chosen], flow))}" for flow in flows)
    text = f"For {kind.name}: {chosen} ({rates})"
    behind = [name for name in others if name not in equals]
    if equals:
        text += f"; {' and '.join(equals)} cannot be told apart from it in these runs"
    if behind:
        ratio = min(median(books[chosen], flow) / median(books[behind[0]], flow) for flow in flows)
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
            (flow, max(books, key=lambda name, flow=flow: median(books[name], flow)))  # type: ignore[misc]
            for flow in books[DEFAULT]["flows"]
        ]
        beaten = [
            f"{flow} ({name}, {median(books[name], flow) / median(books[DEFAULT], flow):.2f} times as fast)"
            for flow, name in lost
            if name != DEFAULT and not overlap(books[name], books[DEFAULT], [flow])
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


def _room_conclusions(books: Mapping[str, Result]) -> Iterator[str]:
    counted = {name: each for name, book in books.items() if (each := bytes_each(book))}
    if not counted:
        yield "Bytes were not counted: the system's allocator keeps no account that can be read."
        return
    least_order = min(counted, key=lambda name: counted[name][0])
    least_level = min(counted, key=lambda name: counted[name][1])
    yield (
        f"Least room: {least_order} with {counted[least_order][0]:.0f} bytes an order, {least_level} with "
        f"{counted[least_level][1]:.0f} more for a level of its own."
    )


def _shared_conclusions(result: Result) -> Iterator[str]:
    for group, contest in result["shared"].items():
        for threads in sorted({1, contended(result)}):
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
                f"{group}, {counted(threads, 'thread')}: {ours} does {ratio:.2f} times as many operations as the best "
                f"peer, {theirs}."
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
