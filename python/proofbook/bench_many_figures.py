"""What the figures of ``bench_many`` come to: spreads, ratios round by round, the aim, and bytes against memory."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from proofbook.bench import spread
from proofbook.bench_many_touched import COMMAND_BYTES

Result = dict[str, Any]

TIMES_MAX = 3.0
"""The aim: on one core, the engine is at most so many times as fast."""

AXES = {
    "books": "Number of books",
    "depth": "Orders that rest in a book",
    "events": "What is kept of events",
    "flows": "Scenarios",
}


def points_on(result: Result, axis: str) -> list[Result]:
    """The points of an axis, in order."""
    return [point for point in result["points"] if point["axis"] == axis]


def rates(point: Result, name: str, figure: str = "commands_per_s") -> list[float]:
    """A contender's rates on a point, round by round; none if it was not timed there."""
    return [run[figure] for run in point["contenders"].get(name, {"runs": []})["runs"]]


def rate(point: Result, name: str, figure: str = "commands_per_s") -> dict[str, float] | None:
    """Median, smallest and largest of them."""
    found = rates(point, name, figure)
    return spread(found) if found else None


def times_as_fast(point: Result, one: str, other: str) -> dict[str, float] | None:
    """How many times as fast one was as another, compared round by round; nothing if one of them was not timed."""
    pairs = zip(rates(point, one), rates(point, other), strict=False)
    ratios = [first / second for first, second in pairs]
    return spread(ratios) if ratios else None


def names(result: Result) -> list[str]:
    """Every contender: ours, the engine, JAX."""
    contenders = result["contenders"]
    return [*contenders["pools"], *contenders["engine"], *contenders["jax"]]


def on_one_core(result: Result) -> tuple[str, str]:
    """The engine and the books on one thread."""
    return result["contenders"]["engine"][0], result["contenders"]["pools"][0]


def aim(result: Result) -> Result:
    """How often the aim was met, and the point that is furthest from it."""
    engine, pool = on_one_core(result)
    found = [
        (ratio["median"], point)
        for point in result["points"]
        if (ratio := times_as_fast(point, engine, pool)) is not None
    ]
    if not found:
        return {"is_met": None, "points": 0, "met": 0}
    worst, where = max(found, key=lambda pair: pair[0])
    met = sum(ratio <= TIMES_MAX for ratio, _ in found)
    return {
        "is_met": met == len(found),
        "points": len(found),
        "met": met,
        "median": statistics.median(ratio for ratio, _ in found),
        "worst": worst,
        "worst_point": f"{AXES[where['axis']].lower()}: {where['label']}",
    }


def memory_share(result: Result, point: Result, name: str, threads: int) -> Result | None:
    """Bytes for a command, and what share they are of what as many threads can copy.

    ``uncached``: whatever a command touches comes from memory. ``once``: a book comes whole and goes back whole, once
    for all of its commands, and nothing else than they and kept events move.
    """
    found = rate(point, name)
    copied = result["copy_bytes_per_s"].get(str(threads))
    if found is None or copied is None:
        return None
    kept = 56 * point["facts"]["events_per_command"] if point["events"] == "all" else 0.0
    moved = {
        "uncached": point["facts"]["touched"]["bytes"] + kept,
        "once": COMMAND_BYTES + 2 * point["facts"]["book_bytes"] / point["commands"] + kept,
    }
    shares = {f"{name}_share": size * found["median"] / copied["median"] for name, size in moved.items()}
    return {f"{name}_bytes": size for name, size in moved.items()} | shares


def conclusions(result: Result) -> list[str]:
    """What the figures say, in sentences."""
    found = aim(result)
    said = []
    if found["is_met"] is not None:
        word = "met" if found["is_met"] else "not met"
        said.append(
            f"The aim, at most {TIMES_MAX:g} times slower than the engine in Rust on one core, was {word}: at "
            f"{found['met']} of "
            f"{found['points']} points; {found['median']:.2f} times at the median, {found['worst']:.2f} at the worst "
            f"({found['worst_point']})."
        )
    said += _peers(result)
    if result["no_gpu"]:
        said.append(f"No GPU was there, so there is no figure of one: {result['no_gpu']}.")
    return said


def _peers(result: Result) -> list[str]:
    """How JAX compares on one thread each, over all points that it took."""
    jax: Sequence[str] = result["contenders"]["jax"]
    pools: Sequence[str] = result["contenders"]["pools"]
    if not jax:
        return [f"JAX was left out: {result.get('jax_left_out') or 'it was not asked for'}."]
    found = [
        ratio["median"] for point in result["points"] if (ratio := times_as_fast(point, pools[0], jax[0])) is not None
    ]
    if not found:
        return []
    return [
        f"On one thread, proofbook.gpu took {min(found):.0f} to {max(found):.0f} times as many commands a second as "
        "the array books in JAX "
        f"on the {len(found)} points that both took."
    ]
