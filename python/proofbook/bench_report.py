"""The report of a benchmark: tables in Markdown, and two plots."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

Result = dict[str, Any]

PERCENTILES = (("p50_ns", "p50"), ("p99_ns", "p99"), ("p999_ns", "p99.9"), ("max_ns", "max"))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, whose first column is text."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _millions(rate: Result) -> str:
    """A rate with its range, in millions per second."""
    return f"{rate['median'] / 1e6:.2f} ({rate['min'] / 1e6:.2f}-{rate['max'] / 1e6:.2f})"


def nanoseconds(value: float) -> str:
    """A time in the unit that suits it."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} ns"


def spread(values: Sequence[float], text: Callable[[float], str]) -> str:
    """Median, and the range where there is one."""
    median = text(statistics.median(values))
    return median if len(values) == 1 else f"{median} ({text(min(values))}-{text(max(values))})"


def _contenders(result: Result) -> dict[str, Result]:
    """Every contender, the ladder first."""
    books, peers = result["books"], result["peers"]
    return {"ladder": books["ladder"], **books, **peers}


def quick_text(result: Result) -> str:
    """The short benchmark's result as text.

    Args:
        result: What :func:`proofbook.bench.quick` gave.
    """
    books = result["books"]
    scenarios = list(books["ladder"]["scenarios"])
    rows = [
        [name, *(_millions(book["scenarios"][scenario]) for scenario in scenarios), f"{_worst(book)}"]
        for name, book in books.items()
    ]
    closed = books["ladder"]["normal"]["closed_loop"]["all"]
    return "\n".join(
        [
            f"{result['new_orders']} new orders for each scenario, seed {result['seed']}; every event of all books "
            + ("is the same" if result["hash_ok"] else "SHOULD BE THE SAME AND IS NOT"),
            "",
            "Million commands per second, median (lowest-highest) of " + f"{result['runs']} runs:",
            "",
            table(["book", *scenarios, "worst"], rows),
            "",
            "Ladder, one command after another on the normal scenario, clock included: "
            + ", ".join(f"{name} {nanoseconds(closed[key])}" for key, name in PERCENTILES),
            _noise_text([result["machine"]]),
        ]
    )


def _worst(contender: Result) -> str:
    return f"{contender['worst_commands_per_s'] / 1e6:.2f}"


def _waited(contender: Result) -> str:
    shares = [share for scenario in contender["scenarios"].values() for share in scenario["waited_share"]]
    known = [share for share in shares if share is not None]
    return f"{sum(known) / len(known):.1%}" if known else "unknown"


def _noise_text(machines: Sequence[Result]) -> str:
    widest = max(machine["noise"]["spread_p5_p95"] for machine in machines)
    return f"The same loop a hundred times takes times that differ by {widest:.1%} (5th to 95th percentile)."


def _throughput_section(result: Result) -> list[str]:
    contenders = _contenders(result)
    scenarios = list(result["workloads"])
    rows = [
        [
            name,
            *(
                _millions(rate) + ("" if rate["is_complete"] else " †")
                for rate in (contender["scenarios"][scenario] for scenario in scenarios)
            ),
            f"**{_worst(contender)}**",
            _waited(contender),
        ]
        for name, contender in contenders.items()
    ]
    ratio_rows = [
        [
            name,
            *(f"{ratio['median']:.2f} ({ratio['min']:.2f}-{ratio['max']:.2f})" for ratio in ratios.values()),
            f"**{contenders['ladder']['worst_commands_per_s'] / contenders[name]['worst_commands_per_s']:.2f}**",
        ]
        for name, ratios in result["ratios"].items()
    ]
    return [
        "## Throughput",
        "",
        "Million messages per second: median (lowest-highest) of the runs; then the lowest median, and the share of "
        "its time that the contender's thread had to wait for a core, over all runs, since other programs had it.",
        "",
        table(["contender", *scenarios, "worst", "waited"], rows),
        "",
        f"† did not finish within {result['plan']['pass_limit_s']} s; the rate is that of the part it did.",
        "",
        "How many times as fast the ladder was, run by run; the last column compares the lowest medians.",
        "",
        table(["ladder to", *scenarios, "worst"], ratio_rows),
        "",
        "![throughput](throughput.png)",
    ]


def _agreement_section(result: Result) -> list[str]:
    rows = []
    for name, contender in _contenders(result).items():
        same = ["same" if scenario["same_trades"] else "**differ**" for scenario in contender["scenarios"].values()]
        rows.append([name, *same, contender["differences"] or "none"])
    trades = [
        [
            name,
            *(f"{scenario['trades']:,}" for scenario in contender["scenarios"].values()),
        ]
        for name, contender in _contenders(result).items()
    ]
    scenarios = list(result["workloads"])
    return [
        "## Do they do the same?",
        "",
        "Every event of every book equals the reference's, byte by byte, on every scenario; this was checked before "
        "anything was timed. The trades of all contenders (maker, taker, price and quantity of each, in order) are "
        "compared with the reference's, on workloads of 20,000 new orders that all of them finish, and in each timed "
        "run that was finished:",
        "",
        table(["contender", *scenarios, "what its program adds or leaves out"], rows),
        "",
        "Trades made in the first timed run (fewer, where it was cut short):",
        "",
        table(["contender", *scenarios], trades),
    ]


def _workload_section(result: Result) -> list[str]:
    rows = [
        [
            scenario,
            f"{workload['events']:,}",
            f"{workload['trades']:,}",
            f"{workload['orders_mean']:,.0f} / {workload['orders_max']:,}",
            f"{workload['levels_mean']:,.0f} / {workload['levels_max']:,}",
            f"`{workload['event_hash'][:16]}`",
        ]
        for scenario, workload in result["workloads"].items()
    ]
    header = ["scenario", "events", "trades", "orders mean / most", "levels mean / most", "hash of all events"]
    return ["## Workloads", "", table(header, rows)]


def _latency_section(result: Result) -> list[str]:
    contenders = _contenders(result)

    def row(name: str, figures: Result) -> list[str]:
        return [name, nanoseconds(figures["mean_ns"]["median"])] + [
            nanoseconds(figures[key]["median"]) for key, _ in PERCENTILES
        ]

    header = ["contender", "mean", *(name for _, name in PERCENTILES)]
    closed = [row(name, contender["closed_loop"]["all"]) for name, contender in contenders.items()]
    kinds = [
        row(kind.replace("_", " "), figures)
        for kind, figures in contenders["ladder"]["closed_loop"].items()
        if kind != "all"
    ]
    opened = [
        row(name + ("" if contender["open_loop"]["is_sustained"] else " (fell behind)"), figures)
        for name, contender in contenders.items()
        for figures in [contender["open_loop"]["latency"]["all"]]
    ]
    timer = contenders["ladder"]["timer"]
    rate = result["plan"]["rate_per_s"]
    return [
        "## Latency",
        "",
        "The normal scenario, medians of the runs' figures. One command after another; every latency contains one "
        f"reading of the clock, which alone takes {timer['mean_ns']['median']:.0f} ns on average "
        f"(p50 {timer['p50_ns']['median']:.0f} ns, p99 {timer['p99_ns']['median']:.0f} ns):",
        "",
        table(header, closed),
        "",
        "The ladder by kind of command:",
        "",
        table(["command", *header[1:]], kinds),
        "",
        f"Open loop: messages are due at a fixed {rate:,} per second, and each latency counts from the time at which "
        "the message was due, so that waiting behind slow ones is part of it:",
        "",
        table(header, opened),
        "",
        "![latency](latency.png)",
    ]


def _machine_section(result: Result) -> list[str]:
    machines = result["machine"]

    def median(*path: str) -> float:
        values = []
        for machine in machines:
            value = machine
            for name in path:
                value = value[name]
            values.append(float(value))
        return sorted(values)[len(values) // 2]

    ladder = result["books"]["ladder"]
    p99 = ladder["closed_loop"]["all"]["p99_ns"]["median"]
    memory = median("load_latency_ns", "memory_256_mib")
    bandwidth = median("read_bandwidth_bytes_per_s")
    streamed = ladder["commands_per_s"] * machines[0]["command_bytes"]
    rows = [
        [
            "an order, p99",
            "< 500 ns",
            nanoseconds(p99),
            f"clock {median('timer', 'p50_ns'):.0f} ns, memory {memory:.0f} ns",
        ],
        [
            "allocation: an order into the ladder and out",
            "< 50 ns",
            f"{median('ladder_insert_and_remove_ns'):.1f} ns",
            f"allocator alone {median('allocation_ns'):.1f} ns",
        ],
        [
            "lock-free operation",
            "< 100 ns",
            f"hop between threads {median('thread_hop_ns'):.0f} ns",
            f"atomic addition {median('atomic_add_ns'):.1f} ns",
        ],
        [
            "orders a second, one core, worst scenario",
            "> 10 M",
            f"{ladder['worst_commands_per_s'] / 1e6:.1f} M",
            f"one memory access each: {1e3 / memory:.1f} M",
        ],
        [
            "commands streamed from memory",
            "90% of bandwidth",
            f"{streamed / 1e9:.1f} GB/s, {streamed / bandwidth:.0%}",
            f"{bandwidth / 1e9:.1f} GB/s",
        ],
    ]
    loads = [
        [name.replace("_", " ", 1).replace("_", " "), f"{median('load_latency_ns', name):.1f} ns"]
        for name in machines[0]["load_latency_ns"]
    ]
    name = result["machine_name"]
    return [
        "## The machine",
        "",
        f"{name['processor']}, {name['cores']} cores, {name['system']}. {_noise_text(machines)} Its own limits, "
        f"measured in the same run ({len(machines)} times, between the rounds; medians), beside the targets:",
        "",
        table(["what", "target", "measured", "limit of the machine"], rows),
        "",
        "The matcher is bound by latency and branches, not by bandwidth: it streams no more than its commands.",
        "",
        table(["dependent load", "time"], loads),
    ]


def markdown(result: Result) -> str:
    """The full benchmark's report.

    Args:
        result: What :func:`proofbook.bench.full` gave.
    """
    plan = result["plan"]
    intro = [
        "# Benchmarks",
        "",
        f"{plan['new_orders']:,} new orders for each scenario (about twice as many messages), seed {plan['seed']}; "
        f"{plan['runs']} runs of each contender on each scenario, interleaved, every run in a process of its own.",
        "",
        "Timed is matching in one thread, one message at a time: commands lie ready in memory, events are written into "
        "a ring buffer (peers: their trades are read). Journal, network and printing are left out. Before the clock "
        "starts, an eighth of the workload runs in a market of its own; exchange-core, whose virtual machine compiles "
        "as it goes, gets three full passes. The project's builds check every sum for overflow; the peers are built as "
        "their authors release them. No process is pinned to a core.",
    ]
    if left_out := result.get("peers_left_out"):
        reasons = "; ".join(f"{name}: {reason.splitlines()[-1]}" for name, reason in left_out.items())
        intro += ["", f"Left out, since they did not build here: {reasons}."]
    sections = [
        intro,
        _throughput_section(result),
        _agreement_section(result),
        _latency_section(result),
        _workload_section(result),
        _machine_section(result),
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def write(result: Result, folder: Path) -> list[Path]:
    """Writes report, JSON and plots.

    Args:
        result: What :func:`proofbook.bench.full` gave.
        folder: Where to; made if it is not there.

    Returns:
        The files, the report first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / "report.md"
    report.write_text(markdown(result))
    data = folder / "bench.json"
    data.write_text(json.dumps(result, indent=1) + "\n")
    return [report, data, _plot_throughput(result, folder), _plot_latency(result, folder)]


def _plot_throughput(result: Result, folder: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots()
    contenders = _contenders(result)
    scenarios = list(result["workloads"])
    width = 0.8 / len(contenders)
    for index, (name, contender) in enumerate(contenders.items()):
        rates = [contender["scenarios"][scenario] for scenario in scenarios]
        medians = [rate["median"] / 1e6 for rate in rates]
        below = [(rate["median"] - rate["min"]) / 1e6 for rate in rates]
        above = [(rate["max"] - rate["median"]) / 1e6 for rate in rates]
        positions = [place - 0.4 + (index + 0.5) * width for place in range(len(scenarios))]
        axes.bar(positions, medians, width, yerr=[below, above], capsize=2, label=name)
    axes.set_yscale("log")
    axes.set_xticks(range(len(scenarios)), scenarios)
    axes.set_ylabel("million messages per second")
    axes.set_title("Throughput, median of the runs with lowest and highest")
    axes.legend(ncols=len(contenders), fontsize="small")
    axes.grid(axis="y", alpha=0.3)
    path = folder / "throughput.png"
    figure.savefig(path, dpi=120)
    return path


def _plot_latency(result: Result, folder: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5), layout="constrained")
    both = figure.subplots(1, 2, sharey=True)
    for axes, title in zip(both, ("one after another", "open loop"), strict=True):
        for name, contender in _contenders(result).items():
            part = contender["closed_loop"] if title != "open loop" else contender["open_loop"]["latency"]
            curve = part["all"]["curve"]
            nines = [1 / (1 - quantile) for quantile, _ in curve]
            axes.plot(nines, [ns for _, ns in curve], label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        ticks = {1: "0", 2: "50", 10: "90", 100: "99", 1_000: "99.9", 10_000: "99.99", 100_000: "99.999"}
        axes.set_xticks(list(ticks), list(ticks.values()))
        axes.set_xlabel("percentile")
        axes.set_title(f"normal, {title}")
        axes.grid(alpha=0.3)
    both[0].set_ylabel("latency, ns")
    both[0].legend(fontsize="small")
    path = folder / "latency.png"
    figure.savefig(path, dpi=120)
    return path
