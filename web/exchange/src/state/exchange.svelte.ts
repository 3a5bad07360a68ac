// The exchange as this page sees it: its markets, the one that is looked at, the connection. Messages go from here to whom they are for.

import { get, learnTime } from "../lib/http";
import type { AssetTerms, Balance, BookMessage, CandleMessage, MarketTerms, ReportMessage, StateMessage, TickerMessage, TradeMessage } from "../lib/messages";
import { Stream, type Message, type StreamState } from "../lib/stream";
import { account } from "./account.svelte";
import { announce } from "./announce.svelte";
import { draft } from "./draft.svelte";
import { MarketFeed } from "./market.svelte";

const CHANNELS = ["book", "trades", "candles", "state", "ticker"] as const;

class Exchange {
  assets = $state.raw<AssetTerms[]>([]);
  markets = $state.raw<MarketTerms[]>([]);
  feed = $state.raw<MarketFeed | null>(null);
  connection = $state<StreamState>("connecting");
  roundTrip_ms = $state<number | null>(null);
  /** Why the exchange takes no more orders, if it says so. */
  failure = $state("");
  fault = $state("");

  readonly #stream = new Stream(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/stream`, {
    onMessage: (message) => this.#take(message),
    onState: (state) => this.#show(state),
    onOpen: () => {
      void this.#load();
      void account.connect();
    },
    onRoundTrip: (ms) => (this.roundTrip_ms = ms),
  });

  /** Fetches what there is, then follows it. Where the exchange cannot be reached, it is tried again. */
  async begin(symbol: string | null): Promise<void> {
    this.#stream.start();
    while (this.markets.length === 0) {
      try {
        await learnTime();
        this.assets = (await get("/assets")) as AssetTerms[];
        this.markets = (await get("/markets")) as MarketTerms[];
        this.fault = this.markets.length === 0 ? "This exchange lists no market yet." : "";
      } catch (error) {
        this.fault = (error as Error).message;
      }
      if (this.markets.length === 0) await new Promise((resolve) => setTimeout(resolve, 2_000));
    }
    this.choose(symbol ?? "");
    await account.begin(this.#stream);
  }

  /** Looks at a market; at the first one where there is none of that name. */
  choose(symbol: string): void {
    const terms = this.markets.find((market) => market.symbol === symbol) ?? this.markets[0];
    if (!terms || this.feed?.terms.symbol === terms.symbol) return;
    const before = this.feed;
    if (before) {
      before.close();
      draft.clear();
      for (const channel of CHANNELS) this.#stream.unsubscribe(channel, before.terms.symbol);
    }
    const feed = new MarketFeed(terms, () => this.#stream.renew("book", terms.symbol));
    this.feed = feed;
    for (const channel of CHANNELS) this.#stream.subscribe(channel, terms.symbol);
    void this.#load();
  }

  /** Fetches what came before the subscriptions to the market that is looked at, once these are in force. */
  async #load(): Promise<void> {
    const feed = this.feed;
    if (!feed || !(await this.#stream.barrier())) return;
    await feed.load().catch((error: Error) => (this.fault = error.message));
  }

  decimals(asset: string): number {
    return this.assets.find(({ symbol }) => symbol === asset)?.decimals ?? 0;
  }

  terms(symbol: string): MarketTerms | undefined {
    return this.markets.find((market) => market.symbol === symbol);
  }

  #show(state: StreamState): void {
    if (state === "offline" && this.connection === "live") {
      announce("The connection is lost. Trying again.");
      this.feed?.disconnect();
      this.roundTrip_ms = null;
    }
    if (state === "live" && this.connection !== "live") announce("Connected.");
    this.connection = state;
  }

  #take(message: Message): void {
    const feed = this.feed?.terms.symbol === message["market"] ? this.feed : null;
    switch (message.channel) {
      case "book":
        feed?.takeBook(message as unknown as BookMessage, message.type === "snapshot");
        break;
      case "trades":
        feed?.takeTrades((message as unknown as { trades: TradeMessage[] }).trades);
        break;
      case "candles":
        feed?.takeCandle(message as unknown as CandleMessage);
        break;
      case "state":
        feed?.takeState(message as unknown as StateMessage);
        break;
      case "ticker":
        if (feed) feed.ticker = message as unknown as TickerMessage;
        break;
      case "orders":
        account.takeReport(message as unknown as ReportMessage);
        break;
      case "balances":
        account.takeBalance(message as unknown as Balance);
        break;
      default:
        this.#takeOther(message);
    }
  }

  #takeOther(message: Message): void {
    if (message.type === "resync") void account.fetchAll();
    if (message.type === "failed") this.failure = String(message["reason"]);
    if (message["error"]) this.fault = String((message["error"] as { message?: string }).message ?? message["error"]);
  }
}

export const exchange = new Exchange();
