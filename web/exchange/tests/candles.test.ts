// Candles of longer intervals, and the place of a candle among others.
import { describe, expect, it } from "vitest";
import { aggregate, mergeCandle, toCandle, type Candle } from "../src/lib/candles";
import type { MarketTerms } from "../src/lib/messages";

const TERMS = { price_decimals: 2, quantity_decimals: 3 } as MarketTerms;

function candle(start_s: number, [open, high, low, close]: [bigint, bigint, bigint, bigint], volume = 1n, trades = 1): Candle {
  return { start_s, open, high, low, close, volume, trades };
}

describe("candles", () => {
  it("are read exactly", () => {
    const message = { start_ns: 1_764_288_060e9, open: "100.00", high: "100.10", low: "99.95", close: "100.05", volume: "1.250", trades: 3 };
    expect(toCandle(message, TERMS)).toEqual(candle(1_764_288_060, [10000n, 10010n, 9995n, 10005n], 1250n, 3));
  });

  it("add up to longer ones, with gaps left out", () => {
    const minutes = [
      candle(300, [5n, 9n, 4n, 6n], 10n, 2),
      candle(360, [6n, 7n, 1n, 2n], 20n, 3),
      candle(660, [2n, 3n, 2n, 3n], 5n),
    ];
    expect(aggregate(minutes, 300)).toEqual([candle(300, [5n, 9n, 1n, 2n], 30n, 5), candle(600, [2n, 3n, 2n, 3n], 5n)]);
    expect(minutes[0]).toEqual(candle(300, [5n, 9n, 4n, 6n], 10n, 2));
  });

  it("come to their places, and an earlier state never replaces a later one", () => {
    const held = [candle(60, [1n, 1n, 1n, 1n]), candle(180, [3n, 3n, 3n, 3n], 1n, 5)];
    mergeCandle(held, candle(120, [2n, 2n, 2n, 2n]));
    mergeCandle(held, candle(180, [3n, 4n, 3n, 4n], 2n, 6));
    mergeCandle(held, candle(180, [3n, 3n, 3n, 3n], 1n, 4));
    expect(held.map(({ start_s, trades }) => [start_s, trades])).toEqual([[60, 1], [120, 1], [180, 6]]);
  });
});
