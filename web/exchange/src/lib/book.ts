// A market's book as this page holds it: a snapshot, then each delta in order.
//
// Invariants: a delta is applied only where it follows on what is held; what follows it has the checksum that the exchange states.
// Anything else is a gap, and the book is not shown as current until a new snapshot came. Prices are ticks, quantities lots.

import { crc32 } from "./crc32";
import { parseDecimal } from "./decimal";
import type { BookMessage, LevelText } from "./messages";

/** So many levels of each side are in the checksum. */
const CHECKSUM_LEVELS = 25;

export interface Level {
  ticks: bigint;
  lots: bigint;
  orders: number;
}

/** A level as it is shown: with all quantity up to it, from the best level on. */
export interface Row extends Level {
  cumulative: bigint;
}

/** What became of a message. */
export type Outcome = "applied" | "old" | "gap" | "checksum";

/** One side: levels by price, best first. */
class Half {
  readonly levels: Level[] = [];
  readonly #sign: bigint;

  constructor(isBid: boolean) {
    this.#sign = isBid ? -1n : 1n;
  }

  clear(): void {
    this.levels.length = 0;
  }

  /** The place of a price, or the place where it would be. */
  #find(ticks: bigint): number {
    let low = 0;
    let high = this.levels.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const there = this.levels[middle]!.ticks;
      if ((there - ticks) * this.#sign < 0n) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  set(level: Level): void {
    const place = this.#find(level.ticks);
    const isThere = this.levels[place]?.ticks === level.ticks;
    if (level.lots === 0n) {
      if (isThere) this.levels.splice(place, 1);
    } else {
      this.levels.splice(place, isThere ? 1 : 0, level);
    }
  }

  /** The best `count` rows of a step's width each; a wider step rounds away from the other side, so that no price looks better than it is. */
  rows(count: number, step: bigint): Row[] {
    const rows: Row[] = [];
    let cumulative = 0n;
    for (const { ticks, lots, orders } of this.levels) {
      const price = this.#sign < 0n ? (ticks / step) * step : ((ticks + step - 1n) / step) * step;
      const last = rows.at(-1);
      const isSame = last?.ticks === price;
      if (!isSame && rows.length === count) break;
      cumulative += lots;
      if (last && isSame) {
        last.lots += lots;
        last.orders += orders;
        last.cumulative = cumulative;
      } else {
        rows.push({ ticks: price, lots, orders, cumulative });
      }
    }
    return rows;
  }

  checksumText(): string {
    return this.levels.slice(0, CHECKSUM_LEVELS).map(({ ticks, lots, orders }) => `${ticks}:${lots}:${orders};`).join("");
  }
}

/** The book of one market. */
export class LocalBook {
  readonly bids = new Half(true);
  readonly asks = new Half(false);
  /** The number of the last message that it holds; 0 before the first. */
  sequence = 0;
  /** Whether it holds all that was published so far, as far as this page can know. */
  isCurrent = false;

  constructor(
    readonly priceDecimals: number,
    readonly quantityDecimals: number,
  ) {}

  checksum(): number {
    return crc32(this.bids.checksumText() + this.asks.checksumText());
  }

  /** Takes a snapshot in place of all that it held. */
  reset(message: BookMessage): Outcome {
    this.bids.clear();
    this.asks.clear();
    this.#take(message);
    return this.#conclude(message);
  }

  /** Takes what changed since the message before. After a gap it waits for a snapshot. */
  apply(message: BookMessage): Outcome {
    if (!this.isCurrent) return "gap";
    if (message.sequence <= this.sequence) return "old";
    if (message.previous !== this.sequence) {
      this.isCurrent = false;
      return "gap";
    }
    this.#take(message);
    return this.#conclude(message);
  }

  /** Forgets that it is current, as when the connection is lost. What it holds stays, to be shown as old. */
  invalidate(): void {
    this.isCurrent = false;
  }

  #take(message: BookMessage): void {
    for (const level of message.bids) this.bids.set(this.#level(level));
    for (const level of message.asks) this.asks.set(this.#level(level));
  }

  #level([price, quantity, orders]: LevelText): Level {
    return { ticks: parseDecimal(price, this.priceDecimals), lots: parseDecimal(quantity, this.quantityDecimals), orders };
  }

  #conclude(message: BookMessage): Outcome {
    this.sequence = message.sequence;
    this.isCurrent = message.checksum === this.checksum();
    return this.isCurrent ? "applied" : "checksum";
  }
}
