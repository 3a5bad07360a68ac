// Times of the exchange as this reader's clock shows them.

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const DATE = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

export function clock(time_ms: number): string {
  return CLOCK.format(time_ms);
}

export function dateAndClock(time_ms: number): string {
  return DATE.format(time_ms);
}

/** A span of time in the unit that suits it. */
export function span(ns: number): string {
  if (!Number.isFinite(ns)) return "more";
  if (ns < 1e3) return `${Math.round(ns)} ns`;
  const [value, unit] = ns < 1e6 ? [ns / 1e3, "µs"] : ns < 1e9 ? [ns / 1e6, "ms"] : [ns / 1e9, "s"];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}
