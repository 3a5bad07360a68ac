"""The report of the proof's figures: tables in Markdown, and two plots."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Result = dict[str, Any]

CYCLES_MAX = 2_500
"""Cycles for each command that the goal allows, in a batch of 1,000 of the static scenario on 10,000 orders."""

COMMITMENT_MIN = 500_000
"""Commands each second that the goal asks of the committed state, on one core with 10^5 orders."""

GOAL = {"flow": "static", "book_orders": 10_000, "commands": 1_000}

FLOW_TEXTS = {
    "spread": "at random all over the book: two thousand prices, four of ten commands place an order, four cancel one, "
    "one trades, one replaces",
    "static": "the benchmarks' scenario of a mid price that stands still",
    "normal": "the benchmarks' routine session",
}


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float | None, digits: int = 0) -> str:
    return "none" if value is None else f"{value:,.{digits}f}"


def groups(parts: Mapping[str, float]) -> dict[str, float]:
    """Parts of the program summed by what stands before their colon: decode, witness check, matching, commitment, rest.

    >>> from proofbook.bench_proof_report import groups
    >>> groups({"matching: book": 5, "matching: rules": 2, "decode": 1})
    {'matching': 7, 'decode': 1}
    """
    sums: dict[str, float] = {}
    for part, cycles in parts.items():
        group = part.partition(":")[0]
        sums[group] = sums.get(group, 0) + cycles
    return sums


GROUPS = ("decode", "witness check", "matching", "commitment", "rest")


def _flows(result: Result) -> list[str]:
    return list(dict.fromkeys(row["flow"] for row in result["cycles"]))


def _cells(result: Result, flow: str) -> dict[tuple[int, int], Result]:
    """The rows of a flow by book and batch."""
    return {(row["book_orders"], row["commands"]): row for row in result["cycles"] if row["flow"] == flow}


def goal_row(result: Result) -> Result | None:
    """The row that the goal is about, if it was measured."""
    rows = [row for row in result["cycles"] if all(row[name] == value for name, value in GOAL.items())]
    return rows[0] if rows else None


def _goal_section(result: Result) -> list[str]:
    row = goal_row(result)
    if row is None:
        return ["## The goal", "", "Its batch was not measured."]
    cycles = row["cycles_per_command"]
    return [
        "## The goal",
        "",
        f"At most {CYCLES_MAX:,} cycles for a command, in a batch of 1,000 commands on a book of 10,000 orders, "
        f"scenario `static`: **{cycles:,.0f}**, {'met' if cycles <= CYCLES_MAX else 'missed'} "
        f"({cycles / CYCLES_MAX - 1:+.1%}). The scenario ran {row['warm_up_commands']:,} commands of a day with "
        f"{row['day_orders']:,} new orders, until the book first held exactly 10,000; the next 1,000 are the batch: "
        f"{row['events']:,} events, {row['witness_words']:,} words of witness, {row['permutations_per_command']:.1f} "
        f"permutations and {row['gas_per_command']:,.0f} gas for each command.",
    ]


def _growth(cells: Mapping[tuple[int, int], Result], books: Sequence[int], batches: Sequence[int]) -> str:
    """How a command's cycles grow with the book."""
    smallest, largest = books[0], books[-1]
    pairs = [[cells[book, batch]["cycles_per_command"] for book in (smallest, largest)] for batch in batches]
    times = ", ".join(f"{after / before:.1f}" for before, after in pairs)
    tenfold = ", ".join(f"{(after - before) / math.log10(largest / smallest):,.0f}" for before, after in pairs)
    return (
        f"A book {largest / smallest:,.0f} times as large costs {times} times as much, batch by batch: each tenfold "
        f"book adds {tenfold} cycles."
    )


def _cycles_section(result: Result) -> list[str]:
    lines = [
        "## Cycles and gas for each command",
        "",
        "Every batch begins on a book of exactly this many orders, the same for all batches of a row: a scenario's day "
        "runs until its book first holds so many (the days have one, two or four million new orders: the first that "
        "fills the book); the other flow places them. Each cell: cycles, then gas (SP1's estimate of proving). A batch "
        "of 1 is one command, whichever comes next, with all that a batch costs once.",
    ]
    batches = result["batches"]
    for flow in _flows(result):
        cells = _cells(result, flow)
        books = sorted({book for book, _ in cells})
        seed = next(iter(cells.values()))["seed"]
        rows = [
            [
                f"{book:,}",
                f"{cells[book, batches[0]]['warm_up_commands']:,}",
                *(
                    f"{cells[book, batch]['cycles_per_command']:,.0f} / {cells[book, batch]['gas_per_command']:,.0f}"
                    for batch in batches
                ),
            ]
            for book in books
        ]
        header = ["orders", "after commands", *(f"batch of {batch:,}" for batch in batches)]
        lines += ["", f"**{flow}**, seed {seed}: {FLOW_TEXTS.get(flow, 'a scenario of the benchmarks')}", ""]
        lines.append(_table(header, rows))
        if len(books) > 1:
            lines += ["", _growth(cells, books, batches)]
    return [*lines, "", "![cycles for each command by size of book](cycles.png)"]


def _split_section(result: Result) -> list[str]:
    lines = ["## By part", ""]
    if not all("parts" in row for row in result["cycles"]):
        return [*lines, "The program was not built with symbols here, so its parts are not told apart."]
    lines += [
        "Cycles for each command: " + " / ".join(GROUPS) + ". Every instruction of the very program that is proven is "
        "counted, under the functions that it belongs to and their callers. Witness check: opening nodes and hashing "
        "them. Matching: the rules, and the book's walks and changes in the tries. Commitment: the tries hashed anew, "
        "the lists of commands and events.",
    ]
    for flow in _flows(result):
        cells = _cells(result, flow)
        batches = result["batches"]
        rows = []
        for book in sorted({book for book, _ in cells}):
            texts = []
            for batch in batches:
                sums = groups(cells[book, batch]["parts"])
                texts.append(" / ".join(f"{sums.get(group, 0) / batch:,.0f}" for group in GROUPS))
            rows.append([f"{book:,}", *texts])
        header = ["orders", *(f"batch of {batch:,}" for batch in batches)]
        lines += ["", f"**{flow}**", "", _table(header, rows)]
    return lines


def _profile_section(result: Result) -> list[str]:
    if not result["profiles"]:
        return []
    lines = ["## What is left", "", "Cycles for each command. First by part:", ""]
    profiles = result["profiles"]
    parts = sorted({part for profile in profiles for part in profile["parts"]})
    names = [f"{profile['flow']}, {profile['commands']:,} on {profile['book_orders']:,}" for profile in profiles]
    rows = [
        [part, *(_number(profile["parts"].get(part, 0) / profile["commands"]) for profile in profiles)]
        for part in parts
    ]
    rows.append(["all", *(_number(profile["cycles"] / profile["commands"]) for profile in profiles)])
    lines += [_table(["part", *names], rows), "", "The book's part by what the book is asked:", ""]
    methods = sorted({method for profile in profiles for method in profile["book"]})
    rows = [
        [f"`{method}`", *(_number(profile["book"].get(method, 0) / profile["commands"], 1) for profile in profiles)]
        for method in methods
    ]
    lines += [_table(["asked", *names], rows)]
    for name, profile in zip(names, profiles, strict=True):
        kept = profile["functions"]
        shown = sum(function["cycles"] for function in kept) / profile["cycles"]
        rows = [
            [f"`{function['name']}`", function["part"], _number(function["cycles"] / profile["commands"], 1)]
            for function in kept
        ]
        lines += [
            "",
            f"Functions, {name}: the first {len(kept)} of {profile['functions_all']} by their own cycles, inlined ones "
            f"apart; together {shown:.0%}.",
            "",
            _table(["function", "within", "cycles"], rows),
        ]
    return [*lines, "", "![cycles by part](parts.png)"]


def _proof_section(result: Result) -> list[str]:
    proofs = result["proofs"]
    lines = ["## Proofs", ""]
    if proofs["left_out"]:
        lines += [f"Not measured: {proofs['left_out']}.", ""]
    lines += [text for name, reason in proofs["failed"].items() for text in (f"**No proof, {name}**: {reason}.", "")]
    if not proofs["rows"]:
        return lines[:-1]
    batch = proofs["batch"]
    rows = [
        [
            row["proof"],
            _number(row["cycles"]),
            _number(row["gas"]),
            _number(row["start_s"], 1),
            _number(row["prove_s"], 1),
            "unknown" if row["memory_bytes_max"] is None else f"{row['memory_bytes_max'] / 2**30:.1f}",
            _number(row["proof_bytes"]),
            _number(row["verify_ms"]),
            _number(row["verifier_ms"], 1),
        ]
        for row in proofs["rows"]
    ]
    header = ["proof", "cycles", "gas", "start, s", "prove, s", "peak, GiB", "bytes"]
    header += ["prover verifies, ms", "`verify_any`, ms"]
    return [
        *lines,
        f"The batch of the goal, {batch['commands']:,} commands of `{batch['flow']}` on {batch['book_orders']:,} "
        f"orders; the next batch has {proofs['following_commands']:,} commands, and a chain joins the compressed "
        "proofs of both: its cycles are those of the program that joins. Each proof in a process of its own, by the "
        "clock, on all cores; the peak is the process's. `proofbook.verify_any` takes compressed proofs, the median of "
        "several.",
        "",
        _table(header, rows),
    ]


def commitment_best(result: Result) -> float:
    """Commands each second of the committed state: of the `normal` flow, the best batch size and instruction set."""
    return max(
        (
            float(kernel["commands_per_s"])
            for row in result["commitment"]
            for kernel in row["flows"]["normal"]["kernels"].values()
        ),
        default=0.0,
    )


def _commitment_section(result: Result) -> list[str]:
    lines = ["## The committed state, natively", ""]
    if not result["commitment"]:
        return [*lines, "Not measured."]
    first = result["commitment"][0]
    kernels = list(first["flows"]["normal"]["kernels"])
    rows = [
        [f"{flow}, batch of {row['batch']:,}"]
        + [
            f"{kernel['commands_per_s'] / 1e3:,.0f} ({kernel['worst'] / 1e3:,.0f}-{kernel['best'] / 1e3:,.0f})"
            for kernel in (row["flows"][flow]["kernels"][name] for name in kernels)
        ]
        for flow in first["flows"]
        for row in result["commitment"]
    ]
    orders = first["flows"]["normal"]["orders_before"]
    best = commitment_best(result)
    return [
        *lines,
        f"One thread, a book of {orders:,} orders, from a batch's events to its public values; matching is not in it. "
        "Each instruction set came to the proven function's public values before it was timed. Thousand commands a "
        f"second, median (lowest-highest) of {first['runs']} runs:",
        "",
        _table(["flow", *kernels], rows),
        "",
        f"The goal is {COMMITMENT_MIN:,} a second on one core; `normal`, best size of batch and instruction set: "
        f"**{best:,.0f}**, "
        f"{'met' if best >= COMMITMENT_MIN else 'missed'}.",
    ]


def markdown(result: Result) -> str:
    """The report.

    Args:
        result: What :func:`proofbook.bench_proof.measure` gave.
    """
    name = result["machine_name"]
    intro = [
        "# Figures of the proof",
        "",
        f"Program `{result['program_sha256'][:16]}`, SP1 {result['sp1']}; {name['processor']}, {name['cores']} cores, "
        f"{name['system']}. Cycles and gas are counted and the same on every machine; times are not.",
    ]
    sections = [
        intro,
        _goal_section(result),
        _cycles_section(result),
        _split_section(result),
        _profile_section(result),
        _proof_section(result),
        _commitment_section(result),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def write(result: Result, folder: Path) -> list[Path]:
    """Writes report, JSON and plots.

    Args:
        result: What :func:`proofbook.bench_proof.measure` gave.
        folder: Where to; made if it is not there.

    Returns:
        The files, the report first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    report, data = folder / "report.md", folder / "report.json"
    report.write_text(markdown(result))
    data.write_text(json.dumps(result, indent=1) + "\n")
    paths = [report, data, _plot_cycles(result, folder)]
    return paths + ([_plot_parts(result, folder)] if result["profiles"] else [])


def _plot_cycles(result: Result, folder: Path) -> Path:
    """Cycles for each command by size of book, the books on a logarithmic axis: the logarithm of the book is a line."""
    from matplotlib.figure import Figure

    flows = _flows(result)
    figure = Figure(figsize=(5.5 * len(flows), 5), layout="constrained")
    for axes, flow in zip(figure.subplots(1, len(flows), squeeze=False)[0], flows, strict=True):
        cells = _cells(result, flow)
        books = sorted({book for book, _ in cells})
        for batch in result["batches"]:
            cycles = [cells[book, batch]["cycles_per_command"] for book in books]
            axes.plot(books, cycles, marker="o", label=f"{batch:,}")
        if flow == GOAL["flow"]:
            axes.plot(GOAL["book_orders"], CYCLES_MAX, marker="_", markersize=18, color="black", linestyle="none")
            axes.annotate(
                f"goal {CYCLES_MAX:,}", (GOAL["book_orders"], CYCLES_MAX), (6, -12), textcoords="offset points"
            )
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("orders in the book when the batch begins")
        axes.set_title(flow)
        axes.grid(alpha=0.3)
        axes.legend(title="commands in the batch", fontsize="small")
    figure.axes[0].set_ylabel("cycles for each command")
    path = folder / "cycles.png"
    figure.savefig(path, dpi=120)
    return path


def _plot_parts(result: Result, folder: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots()
    profiles = result["profiles"]
    names = [f"{profile['flow']}\n{profile['commands']:,} on {profile['book_orders']:,}" for profile in profiles]
    below = [0.0] * len(profiles)
    for part in sorted({part for profile in profiles for part in profile["parts"]}):
        cycles = [profile["parts"].get(part, 0) / profile["commands"] for profile in profiles]
        axes.barh(names, cycles, left=below, label=part)
        below = [before + more for before, more in zip(below, cycles, strict=True)]
    axes.set_xlabel("cycles for each command")
    axes.legend(fontsize="small")
    path = folder / "parts.png"
    figure.savefig(path, dpi=120)
    return path
