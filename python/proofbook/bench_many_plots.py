"""The pictures of ``bench_many``, as SVG for its page."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl

from proofbook.analyze_plots import STYLE, colours, new_figure, svg
from proofbook.bench_many_figures import names, points_on, rate

Result = dict[str, Any]


def by_size(result: Result, axis: str, size: str, label: str) -> str:
    """Commands a second by a size of the points, both logarithmic; bars are the range of the rounds.

    Args:
        result: The figures.
        axis: Which points.
        size: The points' attribute.
        label: What it is.
    """
    points = points_on(result, axis)
    palette = colours(names(result))
    with mpl.rc_context(STYLE):
        figure = new_figure(11, 4.4)
        axes = figure.subplots()
        for name, colour in palette.items():
            found = [(point[size], spread) for point in points if (spread := rate(point, name)) is not None]
            if not found:
                continue
            medians = [spread["median"] / 1e6 for _, spread in found]
            below = [(spread["median"] - spread["min"]) / 1e6 for _, spread in found]
            above = [(spread["max"] - spread["median"]) / 1e6 for _, spread in found]
            sizes = [size for size, _ in found]
            style: dict[str, Any] = {"marker": "o", "markersize": 3.5, "linewidth": 1.3, "elinewidth": 0.6}
            axes.errorbar(sizes, medians, yerr=[below, above], color=colour, label=name, **style)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(label)
        axes.set_ylabel("million commands a second")
        axes.grid(alpha=0.25)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return svg(figure, f"commands a second by {size}")


def bars(result: Result, axis: str) -> str:
    """Commands a second of everyone at each point of an axis that has no order."""
    points = points_on(result, axis)
    palette = {
        name: colour
        for name, colour in colours(names(result)).items()
        if any(rate(point, name) is not None for point in points)
    }
    width = 0.82 / max(len(palette), 1)
    with mpl.rc_context(STYLE):
        figure = new_figure(11, 3.8)
        axes = figure.subplots()
        for index, (name, colour) in enumerate(palette.items()):
            found = [rate(point, name) for point in points]
            places = [group - 0.41 + (index + 0.5) * width for group in range(len(points))]
            axes.bar(places, [one["median"] / 1e6 if one else 0.0 for one in found], width, color=colour, label=name)
        axes.set_xticks(range(len(points)), [point["label"] for point in points])
        axes.set_ylabel("million commands a second")
        axes.grid(axis="y", alpha=0.25)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return svg(figure, f"commands a second by {axis}")


def steps(result: Result) -> str:
    """The time of single steps by percentile."""
    contenders = result["steps"]["contenders"]
    palette = colours(names(result))
    keys = {"p50_ns": "p50", "p99_ns": "p99", "p999_ns": "p99.9", "max_ns": "longest"}
    with mpl.rc_context(STYLE):
        figure = new_figure(11, 3.4)
        axes = figure.subplots()
        for name, found in contenders.items():
            axes.plot(range(len(keys)), [found[key] / 1e6 for key in keys], marker="o", color=palette[name], label=name)
        axes.set_xticks(range(len(keys)), list(keys.values()))
        axes.set_yscale("log")
        axes.set_ylabel("milliseconds of a step")
        axes.grid(alpha=0.25)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return svg(figure, "time of a step")
