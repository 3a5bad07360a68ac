"""The report of the exchange's figures: tables in Markdown, and plots. Market data is in ``bench_fanout_report``."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from proofbook import bench_fanout_report
from proofbook.bench_report import nanoseconds, spread, table

Result = dict[str, Any]

PERCENTILES = (("p50_ns", "p50"), ("p99_ns", "p99"), ("p999_ns", "p99.9"), ("max_ns", "largest"))

SUSTAINED_MIN = 0.95
"""A server keeps up with a rate if it answers at this share of it."""

P50_NS_MAX = 25_000
ORDERS_PER_S_MIN = 200_000
"""What the gateway is meant to reach, where nothing is synced."""


def _steps(result: Result, prefix: str) -> list[str]:
    """The names of steps that begin so, in the order of their numbers, if any server did them."""
    rounds = [run for runs in result["orders"].values() for run in runs]
    names = {step for run in rounds for step in run if step.startswith(prefix)}
    return sorted(names, key=lambda step: int(step.removeprefix(prefix)))


def _values(result: Result, server: str, step: str, *path: str) -> list[float]:
    """A figure of each round."""
    values = []
    for run in result["orders"][server]:
        if step not in run:
            continue
        value: Any = run[step]
        for name in path:
            value = value[name]
        values.append(float(value))
    return values


def _latency_row(result: Result, server: str, step: str, name: str) -> list[str]:
    cells = [spread(_values(result, server, step, "latency", key), nanoseconds) for key, _ in PERCENTILES]
    return [name, *cells]


def keeps_up(result: Result, server: str, step: str, rate: int) -> bool:
    """Whether a server answered at the rate at which it was asked, in the middle of its rounds."""
    return statistics.median(_values(result, server, step, "requests_per_s")) >= SUSTAINED_MIN * rate


def _names(result: Result) -> list[str]:
    return [server["name"] for server in result["servers"]]


def _open_section(result: Result) -> list[str]:
    lines = [
        "## At fixed rates",
        "",
        "An open loop: requests are due at fixed times, whatever the server does, and each is timed from when it was "
        "due to its first report, in one session. So a server that stalls, or that is slower than the rate, is charged "
        "with all that waits meanwhile (no coordinated omission). A server is not asked at rates beyond what it "
        "sustained with many requests out.",
    ]
    header = ["server", *(name for _, name in PERCENTILES), "generator late, p99"]
    for step in _steps(result, "open-"):
        rate = int(step.removeprefix("open-"))
        rows = []
        for name in _names(result):
            if not _values(result, name, step, "requests"):
                rows.append([name, *["-"] * (len(header) - 1)])
                continue
            behind = "" if keeps_up(result, name, step, rate) else " (fell behind)"
            delay = spread(_values(result, name, step, "generator_delay", "p99_ns"), nanoseconds)
            rows.append([*_latency_row(result, name, step, name + behind), delay])
        lines += ["", f"**{rate:,} requests a second**", "", table(header, rows)]
    return [*lines, "", "![latency at fixed rates](open_loop.png)"]


def _closed_section(result: Result) -> list[str]:
    header = ["server", *(name for _, name in PERCENTILES), "requests/s"]
    rows = [
        [
            *_latency_row(result, name, "closed", name),
            spread(_values(result, name, "closed", "requests_per_s"), "{:,.0f}".format),
        ]
        for name in _names(result)
    ]
    return [
        "## One at a time",
        "",
        "A closed loop: the next request is sent once all is told of the one before.",
        "",
        table(header, rows),
    ]


def _sustained_section(result: Result) -> list[str]:
    steps = _steps(result, "pipelined-")
    clients = [step.removeprefix("pipelined-") for step in steps]
    titles = [f"{count} client{'s' if count != '1' else ''}" for count in clients]
    header = ["server", *titles, "p50, p99 of the last", "processor time for each request"]
    rows = []
    for name in _names(result):
        rates = [spread(_values(result, name, step, "requests_per_s"), "{:,.0f}".format) for step in steps]
        waits = [statistics.median(_values(result, name, steps[-1], "latency", key)) for key in ("p50_ns", "p99_ns")]
        used = spread(_values(result, name, steps[0], "processor_us_per_request"), "{:.1f} µs".format)
        rows.append([name, *rates, ", ".join(map(nanoseconds, waits)), used])
    return [
        "## Sustained",
        "",
        f"Requests a second, with up to {result['plan']['out']} out for each client. Of 5 requests come 7 reports. "
        "Processor time is that of all threads of the server, with one client; how busy the machine is changes it "
        "little.",
        "",
        table(header, rows),
        "",
        "![requests a second](sustained.png)",
    ]


def _aim_section(result: Result) -> list[str]:
    name = _names(result)[0]
    steps = ["closed", *_steps(result, "open-")]
    p50s = {
        step: statistics.median(values)
        for step in steps
        if (values := _values(result, name, step, "latency", "p50_ns"))
    }
    rates = {
        step: statistics.median(_values(result, name, step, "requests_per_s")) for step in _steps(result, "pipelined-")
    }
    best = max(rates.values())

    def verdict(is_met: bool) -> str:
        return "met" if is_met else "missed"

    waits = "; ".join(f"{step}: {nanoseconds(value)}, {verdict(value <= P50_NS_MAX)}" for step, value in p50s.items())
    return [
        "## Aims",
        "",
        f"Nothing synced, p50 at most {nanoseconds(P50_NS_MAX)}: {waits}.",
        "",
        f"Sustained through the one thread of the gateway, at least {ORDERS_PER_S_MIN:,} requests a second: "
        f"{best:,.0f}, {verdict(best >= ORDERS_PER_S_MIN)}.",
    ]


def _terms_section(result: Result) -> list[str]:
    plan, machine, loads = result["plan"], result["machine_name"], result["load_averages"]
    preferred = (
        f"`nice -n {result['niceness']}` for servers and load alike" if result["niceness"] else "no preference for any"
    )
    left_out = result.get("peer_left_out")
    rounds = (
        f"{plan['rounds']} rounds, servers in turns, forwards and backwards; each time new processes, "
        f"{plan['resting']:,} resting orders, {plan['warm_up_seconds']} s of requests to warm up, {plan['seconds']} s "
        "for each figure. Figures are medians over the rounds, with the smallest and the largest. The generator takes "
        "one core, but at low rates; whatever it is late itself is within the latencies."
    )
    lines = [
        "## How it was measured",
        "",
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; {preferred}; nothing is pinned. The "
        f"load average was {min(loads):.1f} to {max(loads):.1f}, our own programs included: what more there is than "
        "two is other work on the machine.",
        "",
        rounds,
        "",
        "Requests: of five, three are limit orders and two cancels; one of the orders trades at once with one that "
        "rests. Every report's ClOrdID, ExecType, OrdStatus and quantities are checked, and a hash over them was the "
        f"same for all servers: of {plan['checked']:,} requests before anything was timed, and of each open loop.",
        "",
        "QuickFIX/J 2.3.2 set up for speed: no log, TCP_NODELAY, messages in memory (MemoryStore), "
        "or where synced, in files with a sync for each message (FileStoreSync); SocketAcceptor with one thread for "
        "all sessions, or ThreadedSocketAcceptor; validation by its dictionary, as ours. Behind it is the same book, "
        "called through JNA's direct mapping. It has neither accounts, holds and fees nor a log of orders, which the "
        "gateway has: there, what is told was written to a log and to the session's store first, and with group commit "
        "both were synced.",
    ]
    if left_out:
        lines += ["", f"QuickFIX/J is left out: {left_out.splitlines()[-1]}."]
    return lines


def markdown(result: Result) -> str:
    """The report.

    Args:
        result: What :func:`proofbook.bench_exchange.measure` gave, with ``fanout``, what
            :func:`proofbook.bench_fanout.measure` gave.
    """
    # A section for each kind of figure.
    sections = [
        ["# The exchange", "", "From order to acknowledgement and to the readers of the book, over loopback."],
        _aim_section(result),
        _open_section(result),
        _closed_section(result),
        _sustained_section(result),
        bench_fanout_report.section(result),
        _terms_section(result),
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def write(result: Result, folder: Path) -> list[Path]:
    """Writes report, JSON and plots.

    Args:
        result: As for `markdown`.
        folder: Where to; made if it is not there.

    Returns:
        The files, the report first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report, data = folder / "report.md", folder / "exchange.json"
    report.write_text(markdown(result))
    data.write_text(json.dumps(result, indent=1) + "\n")
    drawn = [_plot_open(result, folder), _plot_sustained(result, folder)]
    return [report, data, *drawn, *bench_fanout_report.plots(result, folder)]


def _colours(result: Result) -> dict[str, str]:
    return {name: f"C{index}" for index, name in enumerate(_names(result))}


def _plot_open(result: Result, folder: Path) -> Path:
    """Latency by percentile, nines evenly spaced: the median over the rounds of each."""
    from matplotlib.figure import Figure

    steps = _steps(result, "open-")
    figure = Figure(figsize=(5 * len(steps), 5), layout="constrained")
    panels = figure.subplots(1, len(steps), squeeze=False, sharey=True)[0]
    for axes, step in zip(panels, steps, strict=True):
        for name, colour in _colours(result).items():
            runs = [run[step] for run in result["orders"][name] if step in run]
            if not runs:
                continue
            curves = [run["latency"]["curve"] for run in runs]
            points = zip(*curves, strict=True)
            waits = [statistics.median(wait for _, wait in point) / 1e3 for point in points]
            count = min(run["requests"] for run in runs)
            # Eight points for each nine, as far as there are requests behind them.
            nines = [index / 8 for index in range(len(waits)) if 10 ** (index / 8) <= count]
            axes.plot(nines, waits[: len(nines)], color=colour, label=name)
        axes.set_yscale("log")
        axes.set_xticks(range(6), ["0%", "90%", "99%", "99.9%", "99.99%", "99.999%"])
        axes.set_title(f"{int(step.removeprefix('open-')):,} requests a second")
        axes.set_xlabel("share of requests that waited at most so long")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("microseconds from due to acknowledged")
    panels[0].legend(fontsize="small")
    path = folder / "open_loop.png"
    figure.savefig(path, dpi=120)
    return path


def _plot_sustained(result: Result, folder: Path) -> Path:
    """Requests a second with many out: medians as bars, the rounds as points."""
    from matplotlib.figure import Figure

    steps = _steps(result, "pipelined-")
    names = _names(result)
    figure = Figure(figsize=(10, 0.9 * len(names) + 1.5), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / len(steps)
    for index, step in enumerate(steps):
        places = [place + index * height for place in range(len(names))]
        values = [[value / 1e3 for value in _values(result, name, step, "requests_per_s")] for name in names]
        label = f"{step.removeprefix('pipelined-')} client(s)"
        axes.barh(places, [statistics.median(value) for value in values], height=0.9 * height, label=label, alpha=0.6)
        for place, some in zip(places, values, strict=True):
            axes.plot(some, [place] * len(some), ".", color="black", markersize=4)
    axes.axvline(ORDERS_PER_S_MIN / 1e3, color="grey", linewidth=1, linestyle="--")
    axes.set_yticks([place + height * (len(steps) - 1) / 2 for place in range(len(names))], names)
    axes.invert_yaxis()
    axes.set_xlabel("thousand requests a second; the dashed line is the aim")
    axes.legend(fontsize="small")
    path = folder / "sustained.png"
    figure.savefig(path, dpi=120)
    return path
