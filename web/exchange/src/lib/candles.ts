// Candles of any interval out of those of a minute, exactly: prices in ticks, volume in lots.

import { parseDecimal } from "./decimal";
import type { CandleMessage, MarketTerms } from "./messages";

export interface Candle {
  start_s: number;
  open: bigint;
  high: bigint;
  low: bigint;
  close: bigint;
  volume: bigint;
  trades: number;
}

export const INTERVALS = [
  { name: "1m", seconds: 60 },
  { name: "5m", seconds: 300 },
  { name: "15m", seconds: 900 },
  { name: "1h", seconds: 3_600 },
] as const;

export function toCandle(message: CandleMessage, terms: MarketTerms): Candle {
  const ticks = (price: string) => parseDecimal(price, terms.price_decimals);
  return {
    start_s: Math.round(message.start_ns / 1e9),
    open: ticks(message.open),
    high: ticks(message.high),
    low: ticks(message.low),
    close: ticks(message.close),
    volume: parseDecimal(message.volume, terms.quantity_decimals),
    trades: message.trades,
  };
}

/** Puts a candle in its place among those in order of time; one of the same time is replaced by a later state of it. */
export function mergeCandle(candles: Candle[], candle: Candle): void {
  let place = candles.length;
  while (place > 0 && candles[place - 1]!.start_s > candle.start_s) place--;
  const there = candles[place - 1];
  if (there?.start_s !== candle.start_s) candles.splice(place, 0, candle);
  else if (candle.trades >= there.trades) candles[place - 1] = candle;
}

/** Candles of a longer interval, of those of a shorter one. */
export function aggregate(candles: readonly Candle[], seconds: number): Candle[] {
  const result: Candle[] = [];
  for (const candle of candles) {
    const start_s = candle.start_s - (candle.start_s % seconds);
    const last = result.at(-1);
    if (last?.start_s === start_s) {
      if (candle.high > last.high) last.high = candle.high;
      if (candle.low < last.low) last.low = candle.low;
      last.close = candle.close;
      last.volume += candle.volume;
      last.trades += candle.trades;
    } else {
      result.push({ ...candle, start_s });
    }
  }
  return result;
}
