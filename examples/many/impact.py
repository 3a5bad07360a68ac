"""How far a large order moves the price, measured in many markets at once.

All markets have the same kind of background flow. Once they have warmed up, each gets one market order, of a size that
rises from group to group. The picture shows how far from the middle before it its last lot traded, on average over a
group, and what is left of the middle's move some time later. The flow enters orders at all distances alike, and a
wandering price clears those that it passes: so the depth that an order meets grows with the distance that it goes, and
the distance with about the square root of its size (Toth and others, Physical Review X 1, 021006, 2011). The exponent
is fitted, not assumed.

    python examples/many/impact.py --out out/impact
    python examples/many/impact.py --quick
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from proofbook import InputError, ProofbookError, console
from proofbook.gpu import Books, commands
from proofbook.gpu.background import Background, BackgroundFlow

BACKGROUND = Background(
    price=100_000, traders=1024, market_share=0.02, move_share=1.0, distance=80.0, profile="even", quantity=5.0
)
FLOW = 64
"""Commands of the background flow in a step."""
LATER = (1, 2, 4, 8, 16, 32)
"""Steps after the order at which the middle is looked at."""
ORDER_ID = 1 << 62
SIZE_MIN, SIZE_MAX = 10, 400
"""Sizes of the large order: from two orders of the background flow on."""


class Markets:
    """Markets with background flow, that take an order of ours now and then."""

    def __init__(self, count: int, seed: int, device: str) -> None:
        self.count = count
        self.books = Books(count, orders=BACKGROUND.traders, levels=256, device=device)  # type: ignore[arg-type]
        self.flow = BackgroundFlow(count, BACKGROUND, self.books.backend)
        self.flow.restart(seed, np.zeros(count, np.uint64), np.ones(count, np.bool_))
        self.time = 0

    def go_on(self) -> None:
        """A step of background flow."""
        self.time += 1
        offsets = np.arange(self.count + 1, dtype=np.int64) * FLOW
        rows = np.empty((self.count * FLOW, 9), np.uint64)
        self.flow.write(rows, offsets[:-1], offsets[1:], np.full(self.count, self.time, np.uint64))
        self.books.apply(rows, offsets, check=False)

    def middle(self) -> np.ndarray[Any, Any]:
        """The middle of each market; not a number where a side is empty."""
        depth = self.books.depth(1)
        middle = (depth.bid_price[:, 0] + depth.ask_price[:, 0]) / 2
        has_both = (depth.bid_quantity[:, 0] > 0) & (depth.ask_quantity[:, 0] > 0)
        return np.where(has_both, middle, np.nan)

    def buy(self, quantity: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
        """A market order in each market: how much of it traded, the price of its last lot, and the average price."""
        before = self.books.depth(self.books.capacity.levels)
        self.time += 1
        rows = commands.market(ORDER_ID + self.time, np.zeros(self.count, np.int64), quantity, time=self.time)
        step = self.books.apply(rows, np.arange(self.count + 1))
        filled = step.traded_quantity.astype(np.int64)
        # What stands at each level before it is taken from the best on.
        standing = before.ask_quantity.astype(np.int64)
        reached = np.cumsum(standing, 1)
        taken = np.clip(filled[:, None] - (reached - standing), 0, standing)
        paid = (taken * before.ask_price).sum(1)
        average = np.divide(paid, filled, out=np.zeros(self.count), where=filled > 0)
        return {"filled": filled, "last": np.where(taken > 0, before.ask_price, 0).max(1), "average": average}


def measure(books: int, groups: int, seed: int, device: str) -> list[dict[str, float]]:
    """The impact for each size of order."""
    sizes = np.unique(np.rint(np.geomspace(SIZE_MIN, SIZE_MAX, groups)).astype(np.int64))
    group = np.arange(books) % len(sizes)
    markets = Markets(books, seed, device)
    warm_up = 4 * BACKGROUND.traders // FLOW
    with console.progress_bar("warming up") as bar:
        for step in range(warm_up):
            markets.go_on()
            bar.update(step + 1, warm_up)
    before = markets.middle()
    bought = markets.buy(sizes[group])
    moved = {0: markets.middle() - before}
    for step in range(1, LATER[-1] + 1):
        markets.go_on()
        if step in LATER:
            moved[step] = markets.middle() - before
    markets.books.close()
    rows = []
    for place, size in enumerate(sizes):
        mine = (group == place) & (bought["filled"] == size) & np.isfinite(before)
        if mine.sum() < 2:
            continue
        reached = (bought["last"] - before)[mine]
        row = {"size": int(size), "markets": int(mine.sum()), "impact": float(reached.mean())}
        row["standard_error"] = float(reached.std() / np.sqrt(mine.sum()))
        row["average"] = float((bought["average"] - before)[mine].mean())
        row |= {f"moved_{step}": float(np.nanmean(moved[step][mine])) for step in moved}
        rows.append(row)
    return rows


def exponent(rows: list[dict[str, float]]) -> float:
    """The slope of impact over size, both as logarithms, by least squares."""
    size, impact = (np.array([row[name] for row in rows]) for name in ("size", "impact"))
    above = impact > 0
    if above.sum() < 2:
        expected = "two sizes at least with two markets each that had as much to sell"
        raise InputError(f"expected {expected}; received {above.sum()}: --books and --groups say how many there are")
    return float(np.polyfit(np.log(size[above]), np.log(impact[above]), 1)[0])


def draw(path: Path, rows: list[dict[str, float]], slope: float) -> None:
    """Impact over size, and how the middle comes back."""
    figure = Figure(figsize=(12, 5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    size, impact, error = (np.array([row[name] for row in rows]) for name in ("size", "impact", "standard_error"))
    left.errorbar(size, impact, error, fmt="o", color="#1b7f5c", label="last lot")
    left.plot(size, [row["average"] for row in rows], "s", color="#b8433a", markersize=4, label="average lot")
    middle = len(size) // 2
    for power, style in ((slope, "-"), (0.5, "--")):
        curve = impact[middle] * (size / size[middle]) ** power
        left.plot(size, curve, style, color="black", linewidth=1, label=f"size to the power {power:.2f}")
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_xlabel("size of the order, lots")
    left.set_ylabel("beyond the middle before, ticks")
    left.legend()
    steps = [0, *LATER]
    for row in rows[:: max(1, len(rows) // 5)]:
        right.plot(steps, [row[f"moved_{step}"] for step in steps], marker="o", label=f"{row['size']} lots")
    right.set_xlabel(f"steps later, of {FLOW} commands each")
    right.set_ylabel("move of the middle, ticks")
    right.legend()
    markets = int(sum(row["markets"] for row in rows))
    figure.suptitle(f"A large order in {markets:,} markets")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, write the picture and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--books", type=int, default=10_000)
    parser.add_argument("--groups", type=int, default=16, help="different sizes of the order")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "gpu", "sim"))
    parser.add_argument("--out", type=Path, default=Path("out/impact"))
    parser.add_argument("--quick", action="store_true", help="few books: shows that it works")
    options = parser.parse_args()
    if options.quick:
        options.books, options.groups = 400, 8
    for name, least in (("books", 1), ("groups", 2), ("seed", 0)):
        if (given := getattr(options, name)) < least:
            parser.error(f"--{name}: expected {least} or more; received {given}")
    try:
        rows = measure(options.books, options.groups, options.seed, options.device)
        slope = exponent(rows)
    except ProofbookError as error:
        parser.error(str(error))
    options.out.mkdir(parents=True, exist_ok=True)
    draw(options.out / "impact.png", rows, slope)
    (options.out / "impact.json").write_text(json.dumps({"exponent": slope, "sizes": rows}, indent=1) + "\n")
    print(f"impact grows with size to the power {slope:.2f}, over {rows[0]['size']} to {rows[-1]['size']} lots")
    print(f"{options.out / 'impact.png'}, {options.out / 'impact.json'}")


if __name__ == "__main__":
    main()
