// What the exchange says about itself, asked for now and then while someone looks.

import { get } from "../lib/http";

const INTERVAL_MS = 2_000;

export interface Latency {
  quantiles: { name: string; ns: number }[];
  buckets: { up_to_ns: number; count: number }[];
  count: number;
}

/** The engine's histogram as it states it: bounds in nanoseconds, and a count for each and for what is beyond the last. */
interface Histogram {
  bounds: number[];
  counts: number[];
}

const QUANTILES = [
  { name: "median", share: 0.5 },
  { name: "99 %", share: 0.99 },
  { name: "99.9 %", share: 0.999 },
];

/** What a histogram says: of a quantile, the bound of the bucket that has it. Empty buckets at both ends are left out. */
function latencyOf({ bounds, counts }: Histogram): Latency | null {
  const count = counts.reduce((sum, each) => sum + each, 0);
  if (count === 0) return null;
  const quantiles = QUANTILES.map(({ name, share }) => {
    let sum = 0;
    const index = counts.findIndex((each) => (sum += each) >= share * count);
    return { name, ns: bounds[index] ?? Infinity };
  });
  const buckets = bounds.map((up_to_ns, index) => ({ up_to_ns, count: counts[index] ?? 0 }));
  const used = (bucket: { count: number }) => bucket.count > 0;
  const first = Math.max(0, buckets.findIndex(used) - 1);
  return { quantiles, buckets: buckets.slice(first, buckets.findLastIndex(used) + 2), count };
}

export interface ExchangeStatus {
  sequence: number;
  acknowledged: number;
  published: number;
  is_killed: boolean;
  failure: string | null;
}

class Status {
  current = $state.raw<ExchangeStatus | null>(null);
  latency = $state.raw<Latency | null>(null);

  /** Asks again and again; gives what ends that. */
  follow(): () => void {
    const ask = async () => {
      if (document.hidden) return;
      const body = (await get("/status").catch(() => null)) as (ExchangeStatus & { latency?: Histogram | null }) | null;
      if (body) {
        this.current = body;
        this.latency = body.latency ? latencyOf(body.latency) : null;
      }
    };
    void ask();
    const timer = setInterval(ask, INTERVAL_MS);
    return () => clearInterval(timer);
  }
}

export const status = new Status();
