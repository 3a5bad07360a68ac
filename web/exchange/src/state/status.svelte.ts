// What the exchange says about itself, asked for now and then while someone looks.

import { get } from "../lib/http";

const INTERVAL_MS = 2_000;

export interface Latency {
  quantiles: { name: string; ns: number }[];
  buckets: { up_to_ns: number; count: number }[];
  count: number;
}

/** The engine's histogram as it states it: for each bound in nanoseconds, how many were not above it. */
interface Histogram {
  buckets: [up_to_ns: number, count: number][];
  count: number;
}

const QUANTILES = [
  { name: "median", share: 0.5 },
  { name: "99 %", share: 0.99 },
  { name: "99.9 %", share: 0.999 },
];

/** What a histogram says: of a quantile, the bound of the bucket that has it. Empty buckets at both ends are left out. */
function latencyOf({ buckets, count }: Histogram): Latency | null {
  if (count === 0) return null;
  const quantiles = QUANTILES.map(({ name, share }) => {
    const ns = buckets.find(([, upTo]) => upTo >= share * count)?.[0] ?? Infinity;
    return { name, ns };
  });
  const single = buckets.map(([up_to_ns, upTo], index) => ({ up_to_ns, count: upTo - (buckets[index - 1]?.[1] ?? 0) }));
  const isUsed = (bucket: { count: number }) => bucket.count > 0;
  const first = Math.max(0, single.findIndex(isUsed) - 1);
  return { quantiles, buckets: single.slice(first, single.findLastIndex(isUsed) + 2), count };
}

export interface ExchangeStatus {
  sequence: number;
  acknowledged: number;
  published: number;
  is_killed: boolean;
  /** Whether it opens demo accounts. */
  is_demo: boolean;
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
