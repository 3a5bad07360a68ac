"""The report of how the book's changes reach their readers: a section in Markdown, and two plots."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from proofbook.bench_report import PERCENTILES, nanoseconds, spread, table

Result = dict[str, Any]


def _values(case: Result, *path: str) -> list[float]:
    """A figure of each round that has it."""
    values = []
    for figures in case["rounds"]:
        value: Any = figures
        for name in path:
            value = None if value is None else value.get(name)
        if value is not None:
            values.append(float(value))
    return values


def _rates(told: Result) -> list[int]:
    return sorted({case["rate_per_s"] for case in told["cases"]})


def _cases(told: Result, rate: int, *kinds: str) -> list[Result]:
    return [case for case in told["cases"] if case["rate_per_s"] == rate and case["kind"] in kinds]


def _name(case: Result) -> str:
    if case["kind"] == "none":
        return "none"
    return f"{case['readers']:,} {'by WebSocket' if case['kind'] == 'web' else 'over FIX'}"


def _reach_row(case: Result) -> list[str]:
    waits = [spread(_values(case, "reach", key), nanoseconds) for key, _ in PERCENTILES]
    widths = _values(case, "spread", "p50_ns")
    return [
        _name(case),
        *waits,
        spread(widths, nanoseconds) if widths else "-",
        spread(_values(case, "messages_per_s"), "{:,.0f}".format),
        f"{statistics.median(_values(case, 'requests_per_message')):,.1f}",
        f"{sum(_values(case, 'conflated')):,.0f}" if case["kind"] == "web" else "-",
        f"{sum(_values(case, 'shown_anew')):,.0f}",
    ]


def _cost_row(case: Result, alone: Result) -> list[str]:
    cells = []
    for key in ("p50_ns", "p99_ns"):
        values = _values(case, "acknowledgement", key)
        ratio = statistics.median(values) / statistics.median(_values(alone, "acknowledgement", key))
        cells.append(spread(values, nanoseconds) + ("" if case is alone else f", {ratio:.2f} times"))
    late = spread(_values(case, "generator_delay", "p99_ns"), nanoseconds)
    shares = [_values(case, "processors", name) for name in ("exchange", "readers", "orders")]
    return [_name(case), *cells, late, *(f"{statistics.median(share):.2f}" if share else "-" for share in shares)]


def section(result: Result) -> list[str]:
    """Lines of Markdown.

    Args:
        result: With ``fanout``, what :func:`proofbook.bench_fanout.measure` gave, and the name of the machine.
    """
    told = result["fanout"]
    title = ["## Market data", ""]
    if "left_out" in told:
        return [*title, f"Left out: {told['left_out']}."]
    cores, loads = result["machine_name"]["cores"], told["load_averages"]
    lines = [
        *title,
        f"What `proofbook serve` tells the readers of a book. Exchange, readers and orders share the {cores} cores of "
        "the machine. Orders come at fixed times, whatever the exchange does; each is timed from when it was due to "
        "when each reader has the first message that holds it (no coordinated omission), so the generator's own delay "
        f"is in it. Books are published every {told['publish_interval_ms']} ms: a change waits half of that at the "
        "median before it is sent. Over FIX what each turn of the gateway changed is told, and only orders that trade "
        "are timed, since no other is named there. A message has one level or two, since the orders come and go at two "
        "prices.",
    ]
    reach = ["readers", *(name for _, name in PERCENTILES), "first to last reader, p50"]
    reach += ["messages/s", "orders in a message", "conflated", "shown anew"]
    cost = ["readers", "acknowledged, p50", "p99", "generator late, p99", "exchange", "readers", "orders"]
    for rate in _rates(told):
        [alone] = _cases(told, rate, "none")
        reading = _cases(told, rate, "web", "fix")
        lines += ["", f"**{rate:,} orders a second**: from due to each reader", ""]
        lines += [table(reach, map(_reach_row, reading)), ""]
        lines += [f"**{rate:,} orders a second**: what readers cost", ""]
        lines += [table(cost, [_cost_row(case, alone) for case in [alone, *reading]])]
    return [
        *lines,
        "",
        "![from due to each reader](fanout_reach.png)",
        "",
        "![what readers cost](fanout_cost.png)",
        "",
        "Conflated: messages that a slow reader got as part of another one; shown anew: a whole book instead of "
        "changes; both are sums over readers and rounds. Acknowledged: from when an order was due to its first report; "
        "without readers it was measured before and after the others, in the same exchange. The last three columns are "
        f"how many of the {cores} processors each took; readers only note when a message came and up to which entry it "
        "holds. Each had every step of the book in order, and a book kept from the messages of one was compared by "
        f"checksum at each. {told['rounds']} round(s) of {told['seconds']} s, nothing synced, {told['resting']:,} "
        f"resting orders. The load average was {min(loads):.1f} to {max(loads):.1f}, our own programs included.",
    ]


def plots(result: Result, folder: Path) -> list[Path]:
    """Draws them.

    Args:
        result: As for `section`.
        folder: Where to, which is there.

    Returns:
        The files; none where nothing was measured.
    """
    told = result["fanout"]
    return [] if "left_out" in told else [_plot_reach(told, folder), _plot_cost(told, folder)]


def _plot_reach(told: Result, folder: Path) -> Path:
    """From due to read by percentile, nines evenly spaced: the median over the rounds of each."""
    from matplotlib.figure import Figure

    rates = _rates(told)
    figure = Figure(figsize=(5.5 * len(rates), 5), layout="constrained")
    panels = figure.subplots(1, len(rates), squeeze=False, sharey=True)[0]
    for axes, rate in zip(panels, rates, strict=True):
        for case in _cases(told, rate, "web", "fix"):
            reaches = [figures["reach"] for figures in case["rounds"]]
            points = zip(*(reach["curve"] for reach in reaches), strict=True)
            waits = [statistics.median(wait for _, wait in point) / 1e6 for point in points]
            count = min(reach["count"] for reach in reaches)
            # Eight points for each nine, as far as there are times behind them.
            nines = [index / 8 for index in range(len(waits)) if 10 ** (index / 8) <= count]
            style = "-" if case["kind"] == "web" else "--"
            axes.plot(nines, waits[: len(nines)], style, label=_name(case))
        axes.set_yscale("log")
        axes.set_xticks(range(6), ["0%", "90%", "99%", "99.9%", "99.99%", "99.999%"])
        axes.set_title(f"{rate:,} orders a second")
        axes.set_xlabel("share of orders, at each reader, that took at most so long")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("milliseconds from due to read")
    panels[0].legend(fontsize="small")
    path = folder / "fanout_reach.png"
    figure.savefig(path, dpi=120)
    return path


def _plot_cost(told: Result, folder: Path) -> Path:
    """By readers of the stream: acknowledgements, messages a second, and processors."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.5), layout="constrained")
    waits, messages, processors = figure.subplots(1, 3)
    for index, rate in enumerate(_rates(told)):
        cases = _cases(told, rate, "none", "web")
        counts = [case["readers"] for case in cases]

        def medians(some: list[Result], *names: str) -> list[float]:
            return [statistics.median(_values(case, *names)) for case in some]

        for key, style in (("p50_ns", "o-"), ("p99_ns", "o--")):
            values = [value / 1e6 for value in medians(cases, "acknowledgement", key)]
            waits.plot(counts, values, style, color=f"C{index}", label=f"{rate:,}/s, {key.removesuffix('_ns')}")
        messages.plot(counts[1:], medians(cases[1:], "messages_per_s"), "o-", color=f"C{index}", label=f"{rate:,}/s")
        for name, style in (("exchange", "o-"), ("readers", "o--"), ("orders", "o:")):
            some = [case for case in cases if _values(case, "processors", name)]
            counted = [case["readers"] for case in some]
            label = f"{rate:,}/s, {name}"
            processors.plot(counted, medians(some, "processors", name), style, color=f"C{index}", label=label)
    ticks = sorted({case["readers"] for case in told["cases"] if case["kind"] != "fix"})
    for axes, name in (
        (waits, "milliseconds from due to acknowledged"),
        (messages, "messages a second, to all readers"),
        (processors, "processors taken"),
    ):
        # None is shown beside one.
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xticks(ticks, map(str, ticks))
        axes.minorticks_off()
        axes.set_xlabel("readers by WebSocket")
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", handlelength=4)
    waits.set_yscale("log")
    messages.set_yscale("log")
    path = folder / "fanout_cost.png"
    figure.savefig(path, dpi=120)
    return path
