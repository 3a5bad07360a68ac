// Decimals as whole numbers of their last place. Prices, quantities and amounts never go through floating point where they are shown,
// compared or sent; only pixels do.

/** What is wrong with a decimal; the message says what was expected and what was received. */
export class DecimalError extends Error {}

/** A decimal text as a whole number of units of 10^-decimals, exactly; nothing is rounded. */
export function parseDecimal(text: string, decimals: number): bigint {
  const match = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text.trim());
  const whole = match?.[2] ?? "";
  const fraction = match?.[3] ?? "";
  if (!match || whole + fraction === "") throw new DecimalError(`expected a decimal number; received "${text}"`);
  const kept = fraction.replace(/0+$/, "");
  if (kept.length > decimals) {
    throw new DecimalError(`expected at most ${decimals} decimals; received ${kept.length}`);
  }
  const units = BigInt(whole + kept.padEnd(decimals, "0"));
  return match[1] === "-" ? -units : units;
}

/** The text of a whole number of units, with all its decimals. */
export function formatDecimal(units: bigint, decimals: number): string {
  const sign = units < 0n ? "-" : "";
  const digits = (units < 0n ? -units : units).toString().padStart(decimals + 1, "0");
  const split = digits.length - decimals;
  return decimals === 0 ? sign + digits : `${sign}${digits.slice(0, split)}.${digits.slice(split)}`;
}

/** A decimal text with its thousands apart (by narrow spaces, which no language reads as a decimal mark). */
export function grouped(text: string): string {
  const [whole = "", fraction] = text.split(".");
  const apart = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return fraction === undefined ? apart : `${apart}.${fraction}`;
}

/** A decimal text without zeros at its end. */
export function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** As `parseDecimal`, with the fault as a value: for what people type. */
export function readDecimal(text: string, decimals: number): { units: bigint; fault: null } | { units: null; fault: string } {
  try {
    return { units: parseDecimal(text, decimals), fault: null };
  } catch (error) {
    if (error instanceof DecimalError) return { units: null, fault: error.message };
    throw error;
  }
}

/** The same number in units of another place; towards zero where places are lost. */
export function rescale(units: bigint, from: number, to: number): bigint {
  return to >= from ? units * 10n ** BigInt(to - from) : units / 10n ** BigInt(from - to);
}

/** For pixels alone: how large one number is beside another, from 0 to 1. */
export function share(part: bigint, whole: bigint): number {
  return whole <= 0n ? 0 : Number((part * 10_000n) / whole) / 10_000;
}
