"""A market maker's parameters, each combination tried in many markets at once.

A maker quotes both sides of a market, some ticks behind the middle, and leans away from his position: he moves both
quotes by `skew` ticks for each quote's size that he holds. Every combination of spread, size and skew runs in markets
of its own, 10,000 in all, and the picture shows what was earned on average. The same seed gives the same figures on
every device.

    python examples/many/market_making.py --out out/market_making
    python examples/many/market_making.py --quick
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from proofbook import ProofbookError, console
from proofbook.gpu.environment import MarketVectorEnv

SPREADS = (0, 1, 2, 3, 4, 6, 8, 10)
SIZES = (1, 2, 5, 10, 20)
SKEWS = (0.0, 0.25, 0.5, 1.0, 2.0)


def grid(markets: int) -> tuple[list[tuple[int, int, float]], np.ndarray[Any, Any]]:
    """Every combination, and which of them each market has: as many markets for each."""
    points = list(itertools.product(SPREADS, SIZES, SKEWS))
    return points, np.arange(markets // len(points) * len(points)) % len(points)


def sweep(markets: int, steps: int, seed: int, device: str) -> tuple[list[tuple[int, int, float]], dict[str, Any]]:
    """Run every combination; gives for each market which one it had, what it earned, its position and volume."""
    points, which = grid(markets)
    spread, size, skew = (np.array([point[column] for point in points])[which] for column in range(3))
    offset_max = max(SPREADS) + 20
    env = MarketVectorEnv(
        len(which),
        steps=steps,
        offset_max=offset_max,
        size_max=max(SIZES),
        market_max=0,
        position_max=10 * max(SIZES),
        device=device,  # type: ignore[arg-type]
    )
    earned = np.zeros(len(which))
    _, infos = env.reset(seed=seed)
    with console.progress_bar("quoting") as bar:
        for step in range(steps):
            lean = np.rint(skew * infos["position"] / size).astype(np.int64)
            # Long: bid farther away, offer nearer.
            bid = np.clip(spread + lean, 0, offset_max)
            offer = np.clip(spread - lean, 0, offset_max)
            actions = np.stack([bid, size, offer, size, np.zeros_like(size)], -1)
            _, rewards, _, _, infos = env.step(actions)
            earned += rewards
            bar.update(step + 1, steps, f"{len(which):,} markets")
    env.close()
    return points, {"which": which, "earned": earned, "position": infos["position"], "volume": infos["volume"]}


def summary(points: list[tuple[int, int, float]], found: dict[str, Any]) -> list[dict[str, float]]:
    """For each combination the mean of what was earned, its error, and the deviations."""
    rows = []
    for place, (spread, size, skew) in enumerate(points):
        mine = found["which"] == place
        earned = found["earned"][mine]
        rows.append(
            {
                "spread": spread,
                "size": size,
                "skew": skew,
                "markets": int(mine.sum()),
                "earned": float(earned.mean()),
                "standard_error": float(earned.std() / np.sqrt(len(earned))),
                "deviation": float(earned.std()),
                "position_deviation": float(found["position"][mine].std()),
                "volume": float(found["volume"][mine].mean()),
            }
        )
    return rows


def draw(path: Path, rows: list[dict[str, float]], steps: int) -> None:
    """A surface of what was earned for each skew: spread across, size upwards."""
    figure = Figure(figsize=(3.4 * len(SKEWS), 7), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, len(SKEWS), sharex=True, sharey=True, squeeze=False)
    ratio = {id(row): row["earned"] / row["deviation"] if row["deviation"] else 0.0 for row in rows}
    for line, (name, value) in enumerate(
        (("earned, ticks x lots", lambda row: row["earned"]), ("earned / deviation", lambda row: ratio[id(row)]))
    ):
        limit = max(abs(value(row)) for row in rows) or 1.0
        for column, skew in enumerate(SKEWS):
            surface = np.array(
                [[value(row) for row in rows if row["skew"] == skew and row["size"] == size] for size in SIZES]
            )
            axes = panels[line][column]
            image = axes.imshow(surface, origin="lower", aspect="auto", cmap="RdBu", vmin=-limit, vmax=limit)
            axes.set_xticks(range(len(SPREADS)), [str(spread) for spread in SPREADS])
            axes.set_yticks(range(len(SIZES)), [str(size) for size in SIZES])
            axes.set_title(f"skew {skew:g}")
            axes.set_xlabel("ticks behind the middle")
        panels[line][0].set_ylabel("size, lots")
        figure.colorbar(image, ax=list(panels[line]), label=name)
    markets = int(sum(row["markets"] for row in rows))
    figure.suptitle(f"A market maker in {markets:,} markets, {steps} steps each")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Run the sweep, write the picture and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--markets", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "gpu", "sim"))
    parser.add_argument("--out", type=Path, default=Path("out/market_making"))
    parser.add_argument("--quick", action="store_true", help="few markets and steps: shows that it works")
    options = parser.parse_args()
    if options.quick:
        options.markets, options.steps = len(SPREADS) * len(SIZES) * len(SKEWS) * 2, 20
    for name, least in (("markets", len(SPREADS) * len(SIZES) * len(SKEWS)), ("steps", 1), ("seed", 0)):
        if (given := getattr(options, name)) < least:
            parser.error(f"--{name}: expected {least} or more; received {given}")
    try:
        points, found = sweep(options.markets, options.steps, options.seed, options.device)
    except ProofbookError as error:
        parser.error(str(error))
    rows = summary(points, found)
    options.out.mkdir(parents=True, exist_ok=True)
    draw(options.out / "market_making.png", rows, options.steps)
    (options.out / "market_making.json").write_text(json.dumps(rows, indent=1) + "\n")
    best = max(rows, key=lambda row: row["earned"])
    print(
        f"best of {len(rows)} combinations: {best['spread']} ticks behind the middle, {best['size']} lots, "
        f"skew {best['skew']:g}: {best['earned']:.0f} +- {best['standard_error']:.0f} ticks x lots "
        f"in {options.steps} steps"
    )
    print(f"{options.out / 'market_making.png'}, {options.out / 'market_making.json'}")


if __name__ == "__main__":
    main()
