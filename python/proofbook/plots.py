"""The picture of a run: price and trades, depth near the touch, and traded volume over time."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BUY = "#1b7f5c"
SELL = "#b8433a"
VOLUME_BINS = 120

Floats = np.ndarray[Any, np.dtype[np.float64]]


def _scaled(column: pa.ChunkedArray, unit: str) -> Floats:
    """Numbers for drawing: here, and only here, ticks become floats."""
    values = pc.cast(column, pa.float64()).to_numpy()
    return np.asarray(values, dtype=np.float64) * float(Decimal(unit))


class _Clock:
    """Turns nanoseconds into the unit that suits the run's length.

    What a market held before its first event came in at time 0: it is drawn where the events begin.
    """

    def __init__(self, tables: list[pa.Table]) -> None:
        columns = [table["time"].filter(pc.greater(table["time"], 0)) for table in tables]
        times = [pc.min_max(column).as_py() for column in columns if len(column)]
        self._start = min((time["min"] for time in times), default=0)
        length_ns = max((time["max"] for time in times), default=0) - self._start
        self.unit, self._ns = ("minutes", 60e9) if length_ns > 600e9 else ("seconds", 1e9)
        # A run in which no time passes has a length nevertheless.
        self.length = max(length_ns, 1) / self._ns

    def __call__(self, column: pa.ChunkedArray) -> Floats:
        since_start = np.maximum(column.to_numpy(), self._start) - self._start
        return np.asarray(since_start, dtype=np.float64) / self._ns


def _draw_prices(axes: Axes, clock: _Clock, trades: pa.Table, tops: pa.Table, unit: str) -> None:
    for side, colour in (("bid", BUY), ("ask", SELL)):
        axes.step(
            clock(tops["time"]),
            _scaled(tops[f"{side}_px_00"], unit),
            where="post",
            color=colour,
            linewidth=0.8,
            label=f"best {side}",
        )
    for side, colour in (("buy", BUY), ("sell", SELL)):
        some = trades.filter(pc.equal(trades["taker_side"], side))
        axes.scatter(
            clock(some["time"]),
            _scaled(some["price"], unit),
            s=2,
            color=colour,
            alpha=0.25,
            linewidths=0,
            label=f"{side} trades",
        )
    if tops.num_rows:
        # A book that is empty on one side has far outliers; they would flatten everything else.
        prices = np.concatenate([_scaled(tops["bid_px_00"], unit), _scaled(tops["ask_px_00"], unit)])
        low, high = np.nanpercentile(prices, [0.5, 99.5]) if np.isfinite(prices).any() else (0.0, 1.0)
        margin = max((high - low) * 0.08, float(Decimal(unit)))
        axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel("price")
    axes.legend(loc="upper left", fontsize="small", ncols=4)


def _draw_depth(axes: Axes, clock: _Clock, depth: pa.Table, unit: str) -> None:
    sums = depth.group_by(["time", "side"], use_threads=False).aggregate([("quantity", "sum")])
    for side, colour, sign in (("bid", BUY, 1.0), ("ask", SELL, -1.0)):
        some = sums.filter(pc.equal(sums["side"], side)).sort_by("time")
        quantity = sign * _scaled(some["quantity_sum"], unit)
        axes.fill_between(clock(some["time"]), quantity, step="post", color=colour, alpha=0.6, linewidth=0)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_ylabel("depth, best 10 levels\n(bids up, asks down)")


def _draw_volume(axes: Axes, clock: _Clock, trades: pq.ParquetFile, unit: str) -> None:
    """Sum up every trade of the file, a part at a time."""
    edges = np.linspace(0.0, clock.length, VOLUME_BINS + 1)
    sums = {"buy": np.zeros(VOLUME_BINS), "sell": np.zeros(VOLUME_BINS)}
    for batch in trades.iter_batches(columns=["time", "taker_side", "quantity"]):
        table = pa.Table.from_batches([batch])
        for side, total in sums.items():
            some = table.filter(pc.equal(table["taker_side"], side))
            # The clock's tables are thinned: the very last trades may come after their end.
            times = np.clip(clock(some["time"]), 0.0, clock.length)
            total += np.histogram(times, bins=edges, weights=_scaled(some["quantity"], unit))[0]
    below = np.zeros(VOLUME_BINS)
    for side, colour in (("buy", BUY), ("sell", SELL)):
        axes.bar(edges[:-1], sums[side], np.diff(edges), below, align="edge", color=colour, label=f"{side}s")
        below = below + sums[side]
    axes.legend(loc="upper left", fontsize="small", ncols=2)
    axes.set_ylabel("volume traded")


def draw_run(
    path: Path, report: dict[str, Any], trades_file: Path, trades: pa.Table, tops: pa.Table, depth: pa.Table
) -> None:
    """Draw a run.

    Args:
        path: the PNG to write.
        report: the run's report, for units and title.
        trades_file: all trades, for the volume.
        trades: the trades to show: rows with ``time`` (ns), ``price`` (ticks), ``quantity`` (lots), ``taker_side``.
        tops: rows with ``time``, ``bid_px_00``, ``ask_px_00``.
        depth: rows with ``time``, ``side``, ``quantity``, one for each level of each picture.
    """
    units = report["units"]
    clock = _Clock([trades, tops, depth])
    figure = Figure(figsize=(12, 9), layout="constrained")
    FigureCanvasAgg(figure)
    prices, levels, volume = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, 1])
    _draw_prices(prices, clock, trades, tops, units["price"])
    _draw_depth(levels, clock, depth, units["quantity"])
    with pq.ParquetFile(trades_file) as file:
        _draw_volume(volume, clock, file, units["quantity"])
    volume.set_xlabel(f"{clock.unit} since the first event")
    source = report["source"]
    name = source["symbol"] or (Path(source["files"][0]).name if source["files"] else "sample")
    kept = "" if trades.num_rows == report["trades"] else f" ({trades.num_rows:,} shown)"
    figure.suptitle(f"{name}: {report['commands']:,} commands, {report['trades']:,} trades{kept}")
    figure.savefig(path, dpi=120)
