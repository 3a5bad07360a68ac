"""The report of the analysis: one page of HTML with all in it, the figures as JSON, a summary for the terminal."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from proofbook import analyze_plots
from proofbook.analyze_figures import agreeing, bytes_each, counted, millions, nanoseconds, worst_rate

Result = dict[str, Any]

STYLE = """
:root { color-scheme: light dark; --text: #1d2330; --soft: #5c6575; --line: #d9dde4; --page: #ffffff;
  --good: #1b7f5c; --bad: #b8433a; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e3e7ee; --soft: #98a2b3; --line: #333b48; --page: #14181f; --good: #4cc38a; --bad: #ee7f74; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.25rem 4rem; background: var(--page); color: var(--text);
  font: 15px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .3rem; }
p, li { max-width: 62rem; } .soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); }
nav a { margin-right: 1rem; } a { color: inherit; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .75rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th { font-weight: 600; } td.text, th.text, th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; color: var(--text); }
summary { cursor: pointer; }
"""

MET = {True: ("met", "good"), False: ("not met", "bad"), None: ("not measured", "soft")}


def write(result: Result, folder: Path) -> list[Path]:
    """Writes the page and the figures.

    Args:
        result: What :func:`proofbook.analyze.measure` gave, with its ``findings``.
        folder: Where to; made if it is not there.

    Returns:
        The files, the page first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page, data = folder / "analysis.html", folder / "analysis.json"
    page.write_text(document(result), encoding="utf-8")
    data.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return [page, data]


def escape(text: object) -> str:
    """Text as it stands in HTML."""
    return html.escape(str(text))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], texts: Sequence[int] = (0,)) -> str:
    """A table whose cells are text or HTML already escaped; `texts` are the columns of words."""

    def line(cells: Sequence[str], tag: str) -> str:
        marked = (f'<{tag} class="text">' if index in texts else f"<{tag}>" for index in range(len(cells)))
        return "<tr>" + "".join(f"{mark}{cell}</{tag}>" for mark, cell in zip(marked, cells, strict=True)) + "</tr>"

    body = "\n".join(line(row, "td") for row in rows)
    return f'<div class="wide"><table><thead>{line(header, "th")}</thead><tbody>\n{body}\n</tbody></table></div>'


def document(result: Result) -> str:
    """The page."""
    sections = [
        ("targets", "Targets", _targets(result)),
        ("flows", "Which book for which flow", _flows(result)),
        ("operations", "Operations by size of book", _operations(result)),
        ("counts", "Instructions and cache misses", _counts(result)),
        ("room", "Room", _room(result)),
        ("shared", "What threads share", _shared(result)),
        ("method", "How it was measured", _method(result)),
    ]
    return page("Books compared", result, result["findings"]["conclusions"], sections)


def page(title: str, result: Result, said: Sequence[str], sections: Sequence[tuple[str, str, str]]) -> str:
    """A page of its own.

    Args:
        title: Its title.
        result: Where and for how long it was measured: ``machine_name`` and ``took_s``.
        said: What it says in short, sentence by sentence.
        sections: Anchor, title and content of each part.
    """
    name = result["machine_name"]
    links = "".join(f'<a href="#{anchor}">{heading}</a>' for anchor, heading, _ in sections)
    body = "".join(f'<h2 id="{anchor}">{heading}</h2>\n{content}\n' for anchor, heading, content in sections)
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n<h1>{title}</h1>\n"
        f'<p class="soft">{escape(name["processor"])}, {name["cores"]} cores, {escape(name["system"])}; '
        f"measured in {result['took_s']:.0f} s</p>\n<nav>{links}</nav>\n"
        "<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in said) + f"</ul>\n{body}</html>\n"
    )


def _targets(result: Result) -> str:
    rows = []
    for target in result["findings"]["targets"]:
        word, mark = MET[target["is_met"]]
        rows.append(
            [
                f"{escape(target['name'])}<br><span class='soft'>{escape(target['path'])}</span>",
                escape(target["target"]),
                escape(target["measured"]),
                escape(target["limit"]),
                f'<span class="{mark}">{word}</span>',
                escape(target["why"]),
            ]
        )
    header = ["what, and on which path", "target", "measured", "limit of this machine", "", "why"]
    return "<p>Each target on the path where it means something, beside what the machine itself can do.</p>" + table(
        header, rows, (0, 1, 2, 3, 5)
    )


def _millions(rate: Result) -> str:
    text = f"{rate['median'] / 1e6:.2f}"
    return f"{text} <span class='soft'>({rate['min'] / 1e6:.2f}-{rate['max'] / 1e6:.2f})</span>"


def _rate(flow: Result) -> str:
    if not flow["hash_ok"]:
        return '<span class="bad">other events</span>'
    text = _millions(flow["commands_per_s"])
    return text if flow["is_complete"] else f"{text} †"


def _flows(result: Result) -> str:
    said = "".join(f"<li>{escape(one['text'])}</li>" for one in result["findings"]["recommendations"])
    names = list(result["flows"])
    rows = [[escape(name), *(_rate(book["flows"][flow]) for flow in names)] for name, book in result["books"].items()]
    shapes = [
        [
            escape(name),
            f"{flow['commands']:,}",
            f"{flow['reference']['trades']:,}",
            f"{flow['reference']['orders_mean']:,.0f} / {flow['reference']['orders_max']:,}",
            f"{flow['reference']['levels_mean']:,.0f} / {flow['reference']['levels_max']:,}",
            f"<code>{flow['reference']['event_hash'][:16]}</code>",
            escape("; ".join(flow["notes"])),
        ]
        for name, flow in result["flows"].items()
    ]
    cut = any(not flow.get("is_complete", True) for book in result["books"].values() for flow in book["flows"].values())
    note = (
        f"<p>† stopped after {result['plan']['flow_limit_ms'] / 1000:g} s; the rate is that of the part it did.</p>"
        if cut
        else ""
    )
    header = ["flow", "commands", "trades", "orders mean / most", "levels mean / most", "hash of all events", "notes"]
    return (
        f"<ul>{said}</ul>{analyze_plots.flows(result)}<p>Million commands a second through the rules, one thread: "
        f"median (lowest-highest) of {result['plan']['runs']} runs, the books in turns. Every event of each was "
        "compared with the reference book's before it was timed.</p>"
        + table(["book", *names], rows)
        + note
        + table(header, shapes, (0, 5, 6))
    )


def _operations(result: Result) -> str:
    parts = []
    books = agreeing(result)
    for axis, title in (("levels", "levels with one order each"), ("orders", "orders at ten prices")):
        rows = []
        for name, book in books.items():
            point = book["growth"][axis]["points"][-1]
            rows += [
                [
                    escape(name),
                    operation.replace("_", " "),
                    nanoseconds(figures["mean_ns"]),
                    nanoseconds(figures["p50_ns"]),
                    nanoseconds(figures["p99_ns"]),
                    nanoseconds(figures["p999_ns"]),
                    f"{figures['samples']:,} x {figures['per_sample']}",
                ]
                for operation, figures in point["operations"].items()
            ]
        size = next(iter(books.values()))["growth"][axis]["points"][-1]["size"] if books else 0
        header = ["book", "operation", "mean", "p50", "p99", "p99.9", "samples x operations of each"]
        parts.append(
            f"<h3>By {title}</h3>{analyze_plots.growth(result, axis) if books else ''}<details><summary>Percentiles "
            f"at {size:,} {axis}</summary>{table(header, rows, (0, 1))}</details>"
        )
    return (
        "<p>Insert, cancel, best, depth and lookups ask the book alone; match one and sweep are incoming orders that "
        "go through the rules. A cancel finds its order by id.</p>" + "".join(parts)
    )


def _counts(result: Result) -> str:
    source = result["counts"]["source"]
    reasons = escape("; ".join(result["counts"]["reasons"]))
    if source == "none":
        return f"<p>Neither counters nor a simulator are there: {reasons}.</p>"
    said = (
        "<p>By the processor's own counters; accesses and first-level misses are those of loads.</p>"
        if source == "hardware"
        else f"<p>By simulation with callgrind, since {reasons}: 48 KiB of first and 1 MiB of second level, no "
        "prefetcher, instruction sets up to AVX2.</p>"
    )
    rows = []
    for name, book in result["books"].items():
        for axis, operations in (book["counts"] or {}).items():
            if axis == "empty_stretch":
                continue
            rows += [
                [
                    escape(name),
                    "whole commands" if axis == "flow" else f"by {axis}",
                    operation.replace("_", " "),
                    f"{counts['instructions']:,.0f}",
                    f"{counts['accesses']:,.0f}",
                    f"{counts['level_1_misses']:.2f}",
                    f"{counts['memory_misses']:.2f}",
                ]
                for operation, counts in operations.items()
            ]
    header = [
        "book",
        "grown",
        "operation",
        "instructions",
        "data accesses",
        "first-level misses",
        "misses of every level",
    ]
    size = result["plan"]["counted_size"]
    return (
        f"{said}<p>For one operation, on books of {size:,} levels or orders; whole commands are those of the normal "
        f"flow.</p><details><summary>All {len(rows)} of them</summary>{table(header, rows, (0, 1, 2))}</details>"
    )


def _room(result: Result) -> str:
    picture = analyze_plots.room(result)
    if picture is None:
        return "<p>Bytes were not counted: the system's allocator keeps no account that can be read.</p>"
    rows = []
    for name, book in result["books"].items():
        each = bytes_each(book)
        if each is not None:
            per_point = [
                f"{point['at_one_price_bytes'] / point['size']:.0f} / "
                f"{point['at_own_prices_bytes'] / point['size']:.0f}"
                for point in book["room"]["points"]
            ]
            rows.append(
                [escape(name), f"{book['room']['empty_bytes']:,.0f}", *per_point, f"{each[0]:.0f}", f"{each[1]:.0f}"]
            )
    sizes = [f"{point['size']:,} orders" for point in next(iter(result["books"].values()))["room"]["points"]]
    header = ["book", "empty, bytes", *sizes, "an order more", "a level more"]
    return (
        f"{picture}<p>Bytes of the heap that a book holds by the allocator's own account, with what the allocator adds "
        "to each block; pages that a book maps by itself are not in it. For each size: bytes for each order, "
        "all at one price / each at its own. The last two columns are of the largest size: what an order "
        "adds, and what a level of its own adds to that.</p>" + table(header, rows)
    )


def _shared(result: Result) -> str:
    rows = []
    for group, contest in result["shared"].items():
        for name, one in contest["contestants"].items():
            for threads in result["threads"]:
                figures = one[str(threads)]
                rows.append(
                    [
                        escape(group),
                        escape(name) + ("" if one["is_own"] else " <span class='soft'>(peer)</span>"),
                        str(threads),
                        nanoseconds(figures["operation"]["mean_ns"]),
                        nanoseconds(figures["operation"]["p50_ns"]),
                        nanoseconds(figures["operation"]["p99_ns"]),
                        nanoseconds(figures["operation"]["p999_ns"]),
                        f"{figures['operations_per_s']['median'] / 1e6:.1f}",
                    ]
                )
    header = ["group", "contestant", "threads", "mean", "p50", "p99", "p99.9", "million a second, all threads"]
    said = {contest["operation"]: contest["what"] for contest in result["shared"].values()}
    what = "".join(f"<li>{escape(operation)}: {escape(text)}</li>" for operation, text in said.items())
    pauses = (
        "<p>A quiet moment between stretches, in which a pool of orders may clean what came back, is part of the rates "
        f"and of no time. This machine has {counted(result['cores'], 'core')}: with more threads than that, the time "
        "of an operation has waiting for a core in it.</p>"
    )
    every = table(header, rows, (0, 1)) + _readers(result)
    picture = analyze_plots.shared(result)
    return f"<ul>{what}</ul>{pauses}{picture}<details><summary>Every figure</summary>{every}</details>"


def _readers(result: Result) -> str:
    rows = [
        [escape(name), *(_millions(figures[rate]) for rate in ("commands_per_s", "reads_per_s"))]
        for name, figures in result["readers"].items()
    ]
    header = ["beside the lock-free book's writer", "million commands a second", "million reads a second"]
    return table(header, rows)


def _method(result: Result) -> str:
    clock_ns = next(iter(result["books"].values()))["growth"]["levels"]["clock_ns"]
    noise = result["machine"]["noise"]["spread_p5_p95"]
    plan = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in result["plan"].items())
    return (
        "<p>Where an operation is shorter than the clock can tell, up to 64 of them are timed together, so that the "
        f"two readings of the clock ({clock_ns} ns) are at most a twentieth; a sample is their mean, percentiles are "
        "those of samples, and the clock stays in. Nothing is subtracted. Between samples the book is put back into "
        f"its shape, untimed.</p><p>The same loop a hundred times takes times that differ by {noise:.1%} here (5th to "
        "95th percentile). No process is pinned to a core, but for the lock-free book's writer and its reader.</p>"
        f"<p class='soft'>Plan: {escape(plan)}.</p>"
    )


def summary(result: Result) -> str:
    """The result for a terminal."""
    books = agreeing(result)
    lines = [f"{name:<10} never below {millions(worst_rate(book))}" for name, book in books.items()]
    lines += ["", *(one["text"] for one in result["findings"]["recommendations"]), ""]
    lines += [
        f"{target['name']}: {target['measured']}, target {target['target']}: {MET[target['is_met']][0]}"
        for target in result["findings"]["targets"]
    ]
    return "\n".join([*lines, "", *result["findings"]["conclusions"]])
