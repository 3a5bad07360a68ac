// What the exchange sends, as its HTTP and WebSocket interface has it. Amounts, prices and quantities are decimal texts, ids whole numbers
// that fit a double, times nanoseconds since 1970 (a double holds them to a quarter of a microsecond, which is enough to show them).

export type Side = "buy" | "sell";
export type Kind = "market" | "limit" | "stop" | "stop_limit";
export type TimeInForce = "gtc" | "ioc" | "fok" | "day";
export type MarketState = "closed" | "auction" | "continuous" | "halted";

export type LevelText = [price: string, quantity: string, orders: number];

export interface BookMessage {
  market: string;
  sequence: number;
  previous: number;
  bids: LevelText[];
  asks: LevelText[];
  checksum: number;
}

export interface TradeMessage {
  id: number;
  time_ns: number;
  price: string;
  quantity: string;
  /** Of the order that came and met another. */
  side: Side;
}

export interface CandleMessage {
  /** In messages of the stream. */
  interval_s?: number;
  start_ns: number;
  open: string;
  high: string;
  low: string;
  close: string;
  volume: string;
  trades: number;
}

/** A market's day up to now. What there is not yet is null. */
export interface TickerMessage {
  last: string | null;
  open: string | null;
  high: string | null;
  low: string | null;
  /** In the base asset. */
  volume: string;
}

export interface StateMessage {
  market: string;
  state: MarketState;
  indicative?: { price: string; quantity: string } | null;
}

export interface AssetTerms {
  symbol: string;
  decimals: number;
}

export interface MarketTerms {
  symbol: string;
  base: string;
  quote: string;
  price_decimals: number;
  quantity_decimals: number;
  /** Basis points. */
  maker_fee: number;
  taker_fee: number;
  state: MarketState;
}

export interface Order {
  order_id: number;
  client_id: string | null;
  account: number;
  market: string;
  side: Side;
  kind: Kind;
  status: "rejected" | "live" | "filled" | "cancelled" | "expired";
  limit_price: string | null;
  stop_price: string | null;
  quantity: string;
  leaves: string;
  filled: string;
  average: string | null;
}

export interface Report {
  execution: string;
  reason: string | null;
  price: string | null;
  quantity: string | null;
  liquidity: "maker" | "taker" | null;
  fee: string | null;
  order: Order;
}

export interface ReportMessage {
  entry: number;
  index: number;
  time_ns: number;
  report: Report;
}

export interface Balance {
  account: number;
  asset: string;
  total: string;
  held: string;
  credit: string;
  available: string;
}
