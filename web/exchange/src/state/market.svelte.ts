// One market as it is shown: its book, tape, candles and state, from the stream's messages.
//
// Messages are taken as they come; what is drawn from them changes at most once a picture. The book is never shown as current when a message is missing.

import { LocalBook, type Row } from "../lib/book";
import { mergeCandle, type Candle, toCandle } from "../lib/candles";
import { perFrame } from "../lib/frame";
import { get } from "../lib/http";
import type { BookMessage, CandleMessage, MarketState, MarketTerms, StateMessage, TickerMessage, TradeMessage } from "../lib/messages";
import { parseDecimal } from "../lib/decimal";

const TAPE_LENGTH = 60;
/** Longer candles are added up from these. */
const CANDLE_S = 60;
const CANDLES_MAX = 1_500;
const CANDLES_ASKED = 1_000;
/** Rows of each side that are kept for pictures: more than any ladder shows. */
const DEPTH_ROWS = 200;
const RESYNC_MS_SECOND = 250;
const RESYNC_MS_MAX = 10_000;
/** A snapshot that was asked for and does not come in this time is asked for again. */
const SNAPSHOT_MS_MAX = 5_000;

export interface Tick {
  id: number;
  time_ms: number;
  ticks: bigint;
  lots: bigint;
  side: "buy" | "sell";
}

export interface BookView {
  bids: Row[];
  asks: Row[];
  sequence: number;
  isCurrent: boolean;
}

const EMPTY: BookView = { bids: [], asks: [], sequence: 0, isCurrent: false };

export class MarketFeed {
  readonly book: LocalBook;
  view = $state.raw<BookView>(EMPTY);
  tape = $state.raw<Tick[]>([]);
  candles = $state.raw<Candle[]>([]);
  ticker = $state.raw<TickerMessage | null>(null);
  state = $state<MarketState>("closed");
  indicative = $state.raw<{ ticks: bigint; lots: bigint } | null>(null);
  isResyncing = $state(false);
  /** How often the book was fetched anew since the page opened. */
  resyncs = $state(0);
  /** Updates of the book in the last second. */
  rate = $state(0);
  /** How many ticks stand in one row of the ladder. */
  step = $state(1n);

  #tape: Tick[] = [];
  #tradeIds = new Set<number>();
  #candles: Candle[] = [];
  #updates = 0;
  /** How often it was fetched anew without a delta that fitted afterwards. */
  #failures = 0;
  #resyncTimer: ReturnType<typeof setTimeout> | undefined;
  #rateTimer: ReturnType<typeof setInterval>;
  #isClosed = false;
  readonly #showBook = perFrame(() => this.#drawBook());
  readonly #showTape = perFrame(() => (this.tape = this.#tape.slice()));
  readonly #showCandles = perFrame(() => (this.candles = this.#candles.slice()), 100);

  constructor(
    readonly terms: MarketTerms,
    readonly renewBook: () => void,
  ) {
    this.book = new LocalBook(terms.price_decimals, terms.quantity_decimals);
    this.state = terms.state;
    this.#rateTimer = setInterval(() => {
      this.rate = this.#updates;
      this.#updates = 0;
    }, 1_000);
  }

  /** Fetches what happened before this page looked. */
  async load(): Promise<void> {
    const root = `/markets/${this.terms.symbol}`;
    const [trades, candles] = await Promise.all([
      get(`${root}/trades?limit=${TAPE_LENGTH}`) as Promise<TradeMessage[]>,
      get(`${root}/candles?interval=1m&limit=${CANDLES_ASKED}`) as Promise<CandleMessage[]>,
    ]);
    if (this.#isClosed) return;
    this.takeTrades(trades);
    this.#takeCandles(candles);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#rateTimer);
    clearTimeout(this.#resyncTimer);
  }

  takeBook(message: BookMessage, isSnapshot: boolean): void {
    const outcome = isSnapshot ? this.book.reset(message) : this.book.apply(message);
    if (isSnapshot) {
      clearTimeout(this.#resyncTimer);
      this.isResyncing = false;
    }
    if (outcome === "applied") {
      this.#updates++;
      if (!isSnapshot) this.#failures = 0;
    } else if (outcome !== "old") {
      this.#resync();
    }
    this.#showBook();
  }

  takeTrades(trades: TradeMessage[]): void {
    const { price_decimals, quantity_decimals } = this.terms;
    for (const { id, time_ns, price, quantity, side } of trades) {
      if (this.#tradeIds.has(id)) continue;
      this.#tradeIds.add(id);
      const ticks = parseDecimal(price, price_decimals);
      this.#tape.push({ id, time_ms: time_ns / 1e6, ticks, lots: parseDecimal(quantity, quantity_decimals), side });
    }
    this.#tape.sort((one, other) => other.id - one.id);
    for (const { id } of this.#tape.splice(TAPE_LENGTH)) this.#tradeIds.delete(id);
    this.#showTape();
  }

  takeCandle(message: CandleMessage): void {
    if (message.interval_s !== CANDLE_S) return;
    mergeCandle(this.#candles, toCandle(message, this.terms));
    if (this.#candles.length > CANDLES_MAX) this.#candles.shift();
    this.#showCandles();
  }

  takeState({ state, indicative }: StateMessage): void {
    this.state = state;
    this.indicative = indicative
      ? {
          ticks: parseDecimal(indicative.price, this.terms.price_decimals),
          lots: parseDecimal(indicative.quantity, this.terms.quantity_decimals),
        }
      : null;
  }

  /** The connection is gone: what is shown is old until a snapshot comes. */
  disconnect(): void {
    // A new connection begins with a snapshot.
    clearTimeout(this.#resyncTimer);
    this.isResyncing = false;
    this.book.invalidate();
    this.#showBook();
  }

  setStep(step: bigint): void {
    this.step = step;
    this.#showBook();
  }

  #takeCandles(candles: CandleMessage[]): void {
    const live = this.#candles;
    this.#candles = candles.map((message) => toCandle(message, this.terms));
    for (const candle of live) mergeCandle(this.#candles, candle);
    this.#showCandles();
  }

  /** Asks for a snapshot, at once the first time and later and later while that does not help. Deltas that come before it count for nothing. */
  #resync(): void {
    if (this.isResyncing) return;
    this.isResyncing = true;
    this.resyncs++;
    const delay_ms = this.#failures === 0 ? 0 : Math.min(RESYNC_MS_MAX, RESYNC_MS_SECOND * 2 ** this.#failures);
    this.#failures++;
    this.#resyncTimer = setTimeout(() => {
      this.renewBook();
      this.#resyncTimer = setTimeout(() => {
        this.isResyncing = false;
        this.#resync();
      }, SNAPSHOT_MS_MAX);
    }, delay_ms);
  }

  #drawBook(): void {
    const { bids, asks, sequence, isCurrent } = this.book;
    this.view = { bids: bids.rows(DEPTH_ROWS, this.step), asks: asks.rows(DEPTH_ROWS, this.step), sequence, isCurrent };
  }
}
