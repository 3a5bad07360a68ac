"""The pictures of the analysis, as SVG that takes the colour of text from the page: they suit light and dark ones."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from proofbook.analyze_figures import agreeing, bytes_each, counted

Result = dict[str, Any]

TEXT = "#010203"
"""A colour that nothing else has: the page's colour of text takes its place."""

COLOURS = ("#8a8f98", "#2f7ed8", "#e07b39", "#2a9d63", "#b05cc6", "#c9a227", "#d0485b", "#17a2b8", "#7a6f5d", "#5b6ee1")
"""Middle tones, which are seen on white and on black."""

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "proofbook",
    "font.size": 9,
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color"), TEXT
    ),
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "legend.frameon": False,
    "grid.color": "#8a8f98",
}


def colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name, the same in every picture."""
    return {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}


def svg(figure: Figure, title: str) -> str:
    """The figure as an element of a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Title": title})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(TEXT, "currentColor")
    return re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1), count=1
    )


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches."""
    return Figure(figsize=(width, height), layout="constrained")


def growth(result: Result, axis: str) -> str:
    """Medians of every operation by size of book: one panel for each operation, one line for each book."""
    books = agreeing(result)
    palette = colours(list(result["books"]))
    first = next(iter(books.values()))["growth"][axis]["points"][-1]["operations"]
    names = list(first)
    with mpl.rc_context(STYLE):
        rows = -(-len(names) // 3)
        figure = new_figure(11, 2.6 * rows + 0.5)
        panels = figure.subplots(rows, 3, squeeze=False, sharex=True).flat
        for axes in list(panels)[len(names) :]:
            axes.set_visible(False)
        for axes, name in zip(figure.axes, names, strict=False):
            for book, figures in books.items():
                points = [point for point in figures["growth"][axis]["points"] if name in point["operations"]]
                sizes = [point["size"] for point in points]
                medians = [point["operations"][name]["p50_ns"] for point in points]
                axes.plot(sizes, medians, marker="o", markersize=2.5, linewidth=1.2, color=palette[book], label=book)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_title(name.replace("_", " "))
            axes.grid(alpha=0.25)
            axes.set_xlabel(f"{axis} in the book")
        figure.axes[0].set_ylabel("ns, median")
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(books))
        return svg(figure, f"operations by {axis}")


def _bars(
    axes: Axes, values: Mapping[str, Sequence[float | None]], groups: Sequence[str], palette: Mapping[str, str]
) -> None:
    """Groups of bars; what is not there leaves a gap."""
    width = 0.82 / max(len(values), 1)
    for index, (name, heights) in enumerate(values.items()):
        places = [group - 0.41 + (index + 0.5) * width for group in range(len(groups))]
        axes.bar(places, [height or 0.0 for height in heights], width, color=palette[name], label=name)
    axes.set_xticks(range(len(groups)), groups)
    axes.grid(axis="y", alpha=0.25)


def flows(result: Result) -> str:
    """Commands a second of every book on every flow, with the range of the runs."""
    books = agreeing(result)
    palette = colours(list(result["books"]))
    names = list(result["flows"])
    with mpl.rc_context(STYLE):
        figure = new_figure(11, 4.2)
        axes = figure.subplots()
        width = 0.82 / max(len(books), 1)
        for index, (name, book) in enumerate(books.items()):
            rates = [book["flows"][flow]["commands_per_s"] for flow in names]
            medians = [rate["median"] / 1e6 for rate in rates]
            below = [(rate["median"] - rate["min"]) / 1e6 for rate in rates]
            above = [(rate["max"] - rate["median"]) / 1e6 for rate in rates]
            places = [group - 0.41 + (index + 0.5) * width for group in range(len(names))]
            style: dict[str, Any] = {"ecolor": TEXT, "error_kw": {"linewidth": 0.6}}
            axes.bar(places, medians, width, yerr=[below, above], color=palette[name], label=name, **style)
        axes.set_xticks(range(len(names)), names)
        axes.grid(axis="y", alpha=0.25)
        axes.set_ylabel("million commands a second")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=max(len(books), 1))
        return svg(figure, "throughput by flow")


def room(result: Result) -> str | None:
    """Bytes of an order and of a level; nothing where they were not counted."""
    counted = {name: each for name, book in result["books"].items() if (each := bytes_each(book))}
    if not counted:
        return None
    palette = colours(list(result["books"]))
    with mpl.rc_context(STYLE):
        figure = new_figure(11, 3.2)
        axes = figure.subplots()
        _bars(axes, counted, ("an order more at a price", "a level more, with its order"), palette)
        axes.set_ylabel("bytes")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=max(len(counted), 1))
        return svg(figure, "bytes by order and level")


def shared(result: Result) -> str:
    """Operations a second of what threads share, by number of threads; broken lines are peers."""
    groups = result["shared"]
    cores = result["cores"]
    with mpl.rc_context(STYLE):
        rows = -(-len(groups) // 3)
        figure = new_figure(11, 3.1 * rows)
        panels = list(figure.subplots(rows, 3, squeeze=False).flat)
        for axes in panels[len(groups) :]:
            axes.set_visible(False)
        for axes, (group, contest) in zip(panels, groups.items(), strict=False):
            contestants = contest["contestants"]
            palette = colours(list(contestants))
            for name, one in contestants.items():
                threads = [count for count in result["threads"] if str(count) in one]
                rates = [one[str(count)]["operations_per_s"]["median"] / 1e6 for count in threads]
                style = "-" if one["is_own"] else "--"
                axes.plot(threads, rates, style, marker="o", markersize=3, color=palette[name], label=name)
            # From here on threads wait for each other's core.
            axes.axvline(cores, color=TEXT, linewidth=0.6, linestyle=":")
            axes.set_xscale("log", base=2)
            axes.set_xticks(result["threads"], [str(count) for count in result["threads"]])
            axes.minorticks_off()
            axes.set_ylim(bottom=0)
            axes.set_title(group)
            axes.set_xlabel(f"threads, on {counted(cores, 'core')}")
            axes.grid(alpha=0.25)
            axes.legend(fontsize="x-small")
        panels[0].set_ylabel("million operations a second")
        return svg(figure, "what threads share")
