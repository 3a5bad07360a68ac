// The local book beside a plain map, over random deltas; gaps, repetitions and wrong checksums; the checksum against zlib's.
import { crc32 as zlibCrc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { LocalBook } from "../src/lib/book";
import { crc32 } from "../src/lib/crc32";
import type { BookMessage, LevelText } from "../src/lib/messages";

/** Of the book in which the bid 100.00 has 1.500 of two orders and the ask 100.10 has 0.200 of one. */
const TEXT = "10000:1500:2;10010:200:1;";

function message(sequence: number, bids: LevelText[], asks: LevelText[], checksum: number): BookMessage {
  return { market: "BTC-USD", sequence, previous: sequence - 1, bids, asks, checksum };
}

function opened(): LocalBook {
  const book = new LocalBook(2, 3);
  expect(book.reset(message(5, [["100.00", "1.500", 2]], [["100.10", "0.200", 1]], crc32(TEXT)))).toBe("applied");
  return book;
}

describe("the checksum", () => {
  it("is the published one", () => {
    expect(crc32("123456789")).toBe(0xcbf43926);
    expect(crc32("")).toBe(0);
  });

  it.skipIf(zlibCrc32 === undefined)("is zlib's", () => {
    expect(crc32(TEXT)).toBe(zlibCrc32(TEXT));
  });
});

describe("the local book", () => {
  it("takes a delta that follows, and drops what it has", () => {
    const book = opened();
    const delta = message(6, [["100.00", "0", 0]], [["100.05", "2.000", 3]], crc32("10005:2000:3;10010:200:1;"));
    expect(book.apply(delta)).toBe("applied");
    expect(book.bids.levels).toEqual([]);
    expect(book.asks.levels.map(({ ticks }) => ticks)).toEqual([10005n, 10010n]);
    expect(book.apply(delta)).toBe("old");
    expect(book.isCurrent).toBe(true);
  });

  it("sees a gap, and takes nothing until a snapshot comes", () => {
    const book = opened();
    expect(book.apply(message(7, [], [], crc32(TEXT)))).toBe("gap");
    expect(book.apply(message(6, [], [], crc32(TEXT)))).toBe("gap");
    expect([book.isCurrent, book.sequence]).toEqual([false, 5]);
    expect(book.reset(message(9, [], [], 0))).toBe("applied");
    expect(book.isCurrent).toBe(true);
  });

  it("sees a wrong checksum", () => {
    const book = opened();
    expect(book.apply(message(6, [["99.00", "1.000", 1]], [], crc32(TEXT)))).toBe("checksum");
    expect(book.isCurrent).toBe(false);
  });

  it("is what a plain map is after random deltas", () => {
    const book = opened();
    const plain = { bids: new Map([[10000, 1500]]), asks: new Map([[10010, 200]]) };
    let seed = 20_261_128;
    const next = (bound: number) => (seed = (seed * 48_271) % 2_147_483_647) % bound;
    for (let sequence = 6; sequence < 2_006; sequence++) {
      const isBid = next(2) === 0;
      const ticks = isBid ? 9_000 + next(60) : 10_000 + next(60);
      const lots = next(3) === 0 ? 0 : 1 + next(5_000);
      const side = isBid ? plain.bids : plain.asks;
      if (lots === 0) side.delete(ticks);
      else side.set(ticks, lots);
      const level: LevelText = [(ticks / 100).toFixed(2), (lots / 1000).toFixed(3), 1];
      const sorted = (levels: Map<number, number>, sign: number) => [...levels].sort(([a], [b]) => sign * (a - b));
      const bids = sorted(plain.bids, -1);
      const asks = sorted(plain.asks, 1);
      // The first level of each side has the number of orders that it began with.
      const orders = (ticks: number, lots: number) => (ticks === 10000 && lots === 1500 ? 2 : 1);
      const text = [...bids.slice(0, 25), ...asks.slice(0, 25)].map(([at, has]) => `${at}:${has}:${orders(at, has)};`).join("");
      const delta = message(sequence, isBid ? [level] : [], isBid ? [] : [level], crc32(text));
      expect(book.apply(delta), `message ${sequence}`).toBe("applied");
      expect(book.bids.levels.map((held) => [Number(held.ticks), Number(held.lots)])).toEqual(bids);
      expect(book.asks.levels.map((held) => [Number(held.ticks), Number(held.lots)])).toEqual(asks);
    }
  });

  it("adds levels up, and puts them together away from the other side", () => {
    const book = new LocalBook(2, 0);
    const bids: LevelText[] = [["1.09", "1", 1], ["1.08", "2", 1], ["1.00", "4", 2]];
    const asks: LevelText[] = [["1.11", "3", 1], ["1.19", "5", 1], ["1.20", "7", 1]];
    book.reset(message(1, bids, asks, 0));
    expect(book.bids.rows(2, 1n).map(({ cumulative }) => cumulative)).toEqual([1n, 3n]);
    expect(book.bids.rows(5, 10n)).toEqual([{ ticks: 100n, lots: 7n, orders: 4, cumulative: 7n }]);
    expect(book.asks.rows(5, 10n)).toEqual([{ ticks: 120n, lots: 15n, orders: 3, cumulative: 15n }]);
  });
});
