// What an order will take, and what can be had for what there is: in whole numbers, never more than there is.
import { describe, expect, it } from "vitest";
import { parseDecimal } from "../src/lib/decimal";
import { affordable, estimate } from "../src/lib/estimate";
import type { MarketTerms } from "../src/lib/messages";

const TERMS: MarketTerms = {
  symbol: "BTC-USD",
  base: "BTC",
  quote: "USD",
  price_decimals: 2,
  quantity_decimals: 4,
  maker_fee: 0,
  taker_fee: 10,
  state: "continuous",
};
const TYPED = { kind: "limit", price: "60000.01", quantity: "0.3333", stopPrice: "", display: "" };

describe("an estimate", () => {
  it("is exact, with the fee rounded up", () => {
    expect(estimate(TYPED, TERMS, 6, undefined)).toEqual({ faults: {}, notional: "19998.003333", fee: "19.998004" });
  });

  it("names what cannot be", () => {
    const { faults, notional } = estimate({ ...TYPED, price: "1.001", quantity: "0" }, TERMS, 6, undefined);
    expect(faults).toEqual({ price: "expected at most 2 decimals; received 3", quantity: "expected more than 0; received 0" });
    expect(notional).toBeNull();
  });

  it("of a market order takes the best price", () => {
    expect(estimate({ ...TYPED, kind: "market", price: "" }, TERMS, 6, 100n).notional).toBe("0.333300");
  });
});

describe("what can be had", () => {
  const decimals = { base: 8, quote: 6 };
  const available = { base: 123_456_789n, quote: 500_000_000_000n };

  it("is a share of what there is to sell, in whole lots", () => {
    expect(affordable("sell", 100n, available, decimals, TERMS, 1n)).toBe("1.2345");
    expect(affordable("sell", 50n, available, decimals, TERMS, 1n)).toBe("0.6172");
  });

  it("costs no more than there is, and one lot more would", () => {
    const ticks = 6_000_001n;
    const quantity = affordable("buy", 100n, available, decimals, TERMS, ticks);
    const cost = (lots: bigint) => {
      const notional = ticks * lots;
      return notional + (notional * 10n + 9_999n) / 10_000n;
    };
    const lots = parseDecimal(quantity, 4);
    expect(cost(lots) <= available.quote && cost(lots + 1n) > available.quote).toBe(true);
    expect(affordable("buy", 100n, available, decimals, TERMS, 0n)).toBe("0.0000");
  });
});
