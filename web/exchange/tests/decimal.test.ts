// Decimals: exact both ways, and what is refused.
import { describe, expect, it } from "vitest";
import { DecimalError, formatDecimal, grouped, parseDecimal, readDecimal, rescale, share, trimmed } from "../src/lib/decimal";

describe("decimals", () => {
  it.each([
    ["100.25", 2, 10025n],
    ["0.001", 3, 1n],
    ["7", 3, 7000n],
    [".5", 1, 5n],
    ["1.", 2, 100n],
    ["-2.50", 2, -250n],
    ["1.500", 1, 15n],
    ["17592186044415.999999999999999999", 18, 17592186044415999999999999999999n],
  ])("reads %s with %i decimals", (text, decimals, units) => {
    expect(parseDecimal(text, decimals)).toBe(units);
  });

  it.each(["", ".", "-", "1e3", "1,5", "0x1", "1.2.3", "NaN", "١"])("refuses %j", (text) => {
    expect(() => parseDecimal(text, 2)).toThrow(DecimalError);
  });

  it("refuses what it would have to round, and says why", () => {
    expect(readDecimal("1.005", 2)).toEqual({ units: null, fault: "expected at most 2 decimals; received 3" });
  });

  it("writes what it read", () => {
    for (const text of ["0.00", "0.01", "-0.01", "12345678901234567890.99"]) {
      expect(formatDecimal(parseDecimal(text, 2), 2)).toBe(text);
    }
    expect(formatDecimal(42n, 0)).toBe("42");
  });

  it("sets thousands apart in the whole part alone", () => {
    expect(grouped("1234567.1234567")).toBe("1\u202f234\u202f567.1234567");
    expect(grouped("-1000")).toBe("-1\u202f000");
    expect(grouped("999.5")).toBe("999.5");
  });

  it("leaves out zeros at the end", () => {
    expect([trimmed("1.500"), trimmed("1.000"), trimmed("100")]).toEqual(["1.5", "1", "100"]);
  });

  it("changes places", () => {
    expect(rescale(125n, 2, 4)).toBe(12500n);
    expect(rescale(12599n, 4, 2)).toBe(125n);
  });

  it("gives shares for pixels", () => {
    expect([share(1n, 4n), share(0n, 0n), share(3n, 3n)]).toEqual([0.25, 0, 1]);
  });
});
