"""The report of many books at once: one page of HTML with all in it, the figures as JSON, a summary for the terminal.

Everything that it says is derived from the figures it is given; what was not measured is told in words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proofbook import bench_many_plots
from proofbook.analyze_figures import nanoseconds
from proofbook.analyze_report import escape, page, table
from proofbook.bench_many_figures import (
    AXES,
    TIMES_MAX,
    conclusions,
    memory_share,
    names,
    on_one_core,
    points_on,
    rate,
    times_as_fast,
)

Result = dict[str, Any]

SOURCE_OF_JAX = (
    "JAX-LOB: Frey, Li, Nagy, Sapora, Lu, Zohren, Foerster, Calinescu, “JAX-LOB: A GPU-Accelerated limit order book "
    "simulator to unlock large "
    "scale reinforcement learning for trading”, 2023 (arXiv 2308.13289)"
)


ASIDE = "class='soft' style='white-space: nowrap'"


def write(result: Result, folder: Path) -> list[Path]:
    """Writes the page and the figures.

    Args:
        result: What :func:`proofbook.bench_many.measure` gave, with ``jax_left_out``.
        folder: Where to; made if it is not there.

    Returns:
        The files, the page first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    html, data = folder / "many.html", folder / "many.json"
    html.write_text(document(result), encoding="utf-8")
    data.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return [html, data]


def document(result: Result) -> str:
    """The page."""
    by_books = bench_many_plots.by_size(result, "books", "books", "books")
    by_depth = bench_many_plots.by_size(result, "depth", "resting", "orders that a book is filled with")
    sections = [
        ("books", AXES["books"], by_books + _axis(result, "books") + _calls(result)),
        ("depth", AXES["depth"], by_depth + _axis(result, "depth")),
        ("events", AXES["events"], bench_many_plots.bars(result, "events") + _axis(result, "events")),
        ("flows", AXES["flows"], bench_many_plots.bars(result, "flows") + _axis(result, "flows")),
        ("steps", "Time of a step", bench_many_plots.steps(result) + _steps(result)),
        ("memory", "Bytes and memory", _memory(result)),
        ("gpu", "GPU", _gpu(result)),
        ("method", "How it was measured", _method(result)),
    ]
    return page("Many books at once", result, conclusions(result), sections)


def _millions(found: dict[str, float] | None) -> str:
    """A rate with its range."""
    if found is None:
        return "-"
    text = f"{found['median'] / 1e6:.3g}"
    return f"{text}<br><span {ASIDE}>({found['min'] / 1e6:.3g}-{found['max'] / 1e6:.3g})</span>"


def _times(found: dict[str, float] | None) -> str:
    if found is None:
        return "-"
    mark = "good" if found["median"] <= TIMES_MAX else "bad"
    return f'<span class="{mark}">{found["median"]:.2f}</span>'


def _axis(result: Result, axis: str) -> str:
    """The table of an axis, and below it why figures are missing."""
    everyone = names(result)
    engine, pool = on_one_core(result)
    rows, reasons = [], []
    for point in points_on(result, axis):
        if "does_not_fit" in point:
            rows.append([escape(point["label"]), *["-"] * (len(everyone) + 3)])
            reasons.append(f"{point['label']}: does not fit, {point['does_not_fit']}")
            continue
        facts = point["facts"]
        rows.append(
            [
                escape(point["label"]),
                f"{point['books']:,} &times; {point['commands']:,}",
                f"{facts['live_orders_mean']:,.0f} / {facts['trades_per_command']:.2f}",
                _times(times_as_fast(point, engine, pool)),
                *(_cell(point, name) for name in everyone),
            ]
        )
        for name in everyone:
            why = point["contenders"].get(name, {}).get("cannot")
            if why and f"{name}: {why}" not in reasons:
                reasons.append(f"{name}: {why}")
    header = [
        "",
        "books &times; commands",
        "orders at the end / trades a command",
        "engine to ours, one core",
        *_heads(everyone),
    ]
    said = "".join(f"<li>{escape(reason)}</li>" for reason in reasons)
    return (
        "<p>Million commands a second: median (lowest-highest) of the rounds. Engine to ours: how many times as fast "
        "the engine was on one core, median of the rounds.</p>"
        + table(header, rows)
        + (f"<p>Why figures are missing:</p><ul>{said}</ul>" if said else "")
    )


def _heads(everyone: Sequence[str]) -> list[str]:
    """Names as heads of narrow columns."""
    return [escape(name).replace(", ", ",<br>") for name in everyone]


def _cell(point: Result, name: str) -> str:
    """A rate; a number of commands if it took but the first ones of each book."""
    taken = point["contenders"].get(name, {}).get("commands_of_a_book", point["commands"])
    note = f"<br><span {ASIDE}>first {taken:,}</span>" if taken < point["commands"] and rate(point, name) else ""
    return _millions(rate(point, name)) + note


def _calls(result: Result) -> str:
    """Whole calls beside what matches in them."""
    own = [*result["contenders"]["pools"], *result["contenders"]["engine"]]
    rows = [
        [escape(point["label"]), *(_millions(rate(point, name, "call_commands_per_s")) for name in own)]
        for point in points_on(result, "books")
        if "does_not_fit" not in point
    ]
    return (
        "<h3>Whole calls</h3><p>The same runs from call to return. Ours has the checks of all commands and the counts "
        "of all books in it, "
        "the engine's the decoding of commands, the making of books and the digests of their states.</p>"
        + table(["books", *map(escape, own)], rows)
    )


def _steps(result: Result) -> str:
    found = result["steps"]
    rows = [
        [
            escape(name),
            f"{one['samples']:,}",
            *(nanoseconds(one[key]) for key in ("p50_ns", "p99_ns", "p999_ns", "max_ns")),
        ]
        for name, one in found["contenders"].items()
    ]
    return (
        f"<p>One call with {found['commands_of_a_book']} commands for each of {found['books']:,} books that are "
        "filled. With fewer than a thousand "
        "samples p99.9 is the longest. The engine has no such call: a run of it begins with empty books.</p>"
        + table(["contender", "samples", "p50", "p99", "p99.9", "longest"], rows)
    )


def _memory(result: Result) -> str:
    pools = _cpu_pools(result)
    rows = []
    for point in result["points"]:
        if "does_not_fit" in point:
            continue
        counted = point["facts"]["touched"]
        shares = [memory_share(result, point, name, threads) for name, threads in pools]
        first = next((share for share in shares if share is not None), None)
        rows.append(
            [
                escape(f"{AXES[point['axis']].lower()}: {point['label']}"),
                f"{counted['words_read']:.0f} / {counted['words_written']:.0f}",
                f"{counted['lines']:.1f} / {counted['lines_written']:.1f}",
                f"{first['uncached_bytes']:,.0f} / {first['once_bytes']:,.0f}" if first else "-",
                *(f"{share['uncached_share']:.0%} / {share['once_share']:.0%}" if share else "-" for share in shares),
            ]
        )
    copied = "; ".join(
        f"{threads} thread(s) {found['median'] / 1e9:.1f} GB/s ({found['min'] / 1e9:.1f}-{found['max'] / 1e9:.1f})"
        for threads, found in result["copy_bytes_per_s"].items()
    )
    header = [
        "point",
        "words read / written",
        "lines touched / written",
        "bytes a command",
        *(escape(name) for name, _ in pools),
    ]
    return (
        "<p>Counted by running the kernels' own source on words that remember each access, for commands after the "
        "book was filled. Bytes a command in two cases: if no cache held anything, the command's 72, each line of 64 "
        "bytes once, and once more if it is written; and if a book's memory came once, whole, and went back once for "
        "all of its commands. With all events kept there are 56 more for each. Then the share "
        "of memory's speed that the rate of the "
        f"kernels would take under each. That speed, of plain copies in the same run, read and written: {copied}. A "
        "share above 100% shows that caches "
        "serve the rest.</p>" + table(header, rows)
    )


def _cpu_pools(result: Result) -> list[tuple[str, int]]:
    """Ours on threads, with their number."""
    return list(zip(result["contenders"]["pools"], result["threads"], strict=False))


def _gpu(result: Result) -> str:
    if result["no_gpu"]:
        return f"<p>None was there: {escape(result['no_gpu'])}. So no figure of one is given.</p>"
    return "<p>A GPU was there: its figures are in the columns of <code>proofbook.gpu, gpu</code>.</p>"


def _method(result: Result) -> str:
    plan, loads = result["plan"], result["load_averages"]
    preferred = f"nice -n {result['niceness']}" if result["niceness"] else "no preference"
    left_out = f"<p>JAX was left out: {escape(result['jax_left_out'])}.</p>" if result.get("jax_left_out") else ""
    return (
        f"<p>{plan['rounds']} rounds at each point (two at least where they took longer than "
        f"{plan['point_seconds']:g} s), contenders in turns, forwards and backwards, each from empty "
        "books. Before that the digests of the "
        "state and of the events of every book were the engine's, and the trades of every book in JAX those of the "
        "engine's events. Ours: the time of "
        "the kernels, which read encoded commands. The engine: its loop over commands that were decoded before; with "
        "several threads the slowest of "
        "them. JAX: the compiled program over arrays of terms, its compilation left out; it keeps a digest of its "
        "trades, and takes but the first commands of each book, as many as one thread is thought to do in "
        f"{plan['jax_seconds']:g} s, and some at least: of deep books, and of a million, that is their filling.</p>"
        f"<p>{escape(SOURCE_OF_JAX)}, describes array books of this kind; the code is our own: unsorted arrays of "
        "fixed length with 64-bit integers, "
        "vmap over books, one compiled scan. It does not take fill-or-kill, post-only, reductions, mass cancels and "
        "self-trade prevention.</p>"
        "<p>Steady flow: a book is filled, then of twenty commands eight are orders that rest, eight cancels, two "
        "replaces, one an "
        "immediate-or-cancel and one a market order. Scenarios are those of the other benchmarks, cut for many "
        "books.</p>"
        f"<p>Shared machine: {preferred}, nothing pinned but JAX on one thread; load average {min(loads):.1f} to "
        f"{max(loads):.1f}, these programs "
        f"included.</p>{left_out}"
    )


def summary(result: Result) -> str:
    """The result for a terminal."""
    everyone = names(result)
    lines: list[str] = []
    for axis, title in AXES.items():
        points = points_on(result, axis)
        if not points:
            continue
        width = max(len(name) for name in everyone)
        lines += [f"{title}, million commands a second:", _line(" " * width, [point["label"] for point in points])]
        for name in everyone:
            found = [rate(point, name) for point in points]
            lines.append(_line(f"{name:<{width}}", [f"{one['median'] / 1e6:.3g}" if one else "-" for one in found]))
        lines.append("")
    return "\n".join([*lines, *conclusions(result)])


def _line(name: str, cells: Sequence[str]) -> str:
    return "  ".join([name, *(f"{cell:>11}" for cell in cells)])
