// What an order will take at most, before it is sent. The exchange decides; this only says in time what cannot be.

import { formatDecimal, readDecimal, rescale } from "./decimal";
import type { MarketTerms } from "./messages";

const BASIS_POINTS = 10_000n;

/** Faults of what was typed by field, and what the order takes, in units of the asset that pays. */
export interface Estimate {
  faults: { price?: string; quantity?: string; stopPrice?: string; display?: string };
  /** In the quote asset; null without a price and a quantity. */
  notional: string | null;
  fee: string | null;
}

export interface Typed {
  kind: string;
  price: string;
  quantity: string;
  stopPrice: string;
  display: string;
}

function positive(text: string, decimals: number): { units: bigint | null; fault?: string } {
  if (text.trim() === "") return { units: null };
  const { units, fault } = readDecimal(text, decimals);
  if (fault !== null) return { units: null, fault };
  return units > 0n ? { units } : { units: null, fault: `expected more than 0; received ${text}` };
}

/** Reads what was typed against a market's terms; `best` is what a market order would begin to trade at. */
export function estimate(typed: Typed, terms: MarketTerms, quoteDecimals: number, best: bigint | undefined): Estimate {
  const price = positive(typed.price, terms.price_decimals);
  const quantity = positive(typed.quantity, terms.quantity_decimals);
  const stopPrice = positive(typed.stopPrice, terms.price_decimals);
  const display = positive(typed.display, terms.quantity_decimals);
  const faults: Estimate["faults"] = {};
  for (const [name, read] of Object.entries({ price, quantity, stopPrice, display })) {
    if (read.fault) faults[name as keyof Estimate["faults"]] = read.fault;
  }
  const ticks = price.units ?? (typed.kind === "market" ? best : stopPrice.units);
  if (ticks == null || quantity.units === null) return { faults, notional: null, fee: null };
  const places = terms.price_decimals + terms.quantity_decimals;
  const notional = rescale(ticks * quantity.units, places, quoteDecimals);
  const fee = (notional * BigInt(terms.taker_fee) + BASIS_POINTS - 1n) / BASIS_POINTS;
  return { faults, notional: formatDecimal(notional, quoteDecimals), fee: formatDecimal(fee, quoteDecimals) };
}

/** The quantity that a share of what is available comes to, in whole lots, with the taker's fee. */
export function affordable(
  side: string,
  percent: bigint,
  available: { base: bigint; quote: bigint },
  decimals: { base: number; quote: number },
  terms: MarketTerms,
  ticks: bigint,
): string {
  let lots: bigint;
  if (side === "sell") {
    lots = rescale(available.base * percent, decimals.base, terms.quantity_decimals) / 100n;
  } else {
    const places = terms.price_decimals + terms.quantity_decimals;
    const spent = rescale(available.quote, decimals.quote, places) * percent * BASIS_POINTS;
    lots = ticks === 0n ? 0n : spent / (ticks * 100n * (BASIS_POINTS + BigInt(terms.taker_fee)));
  }
  return formatDecimal(lots, terms.quantity_decimals);
}
