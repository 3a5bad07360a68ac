// The account that is traded with: its key, open orders, fills and balances.
//
// Each report is taken once: entry and index name it and increase. State that was fetched never replaces what a report said meanwhile.

import { login, post, RequestError, signed } from "../lib/http";
import { forgetIdentity, makeSecret, storedIdentities, storeIdentity, type Identity } from "../lib/identity";
import type { Balance, Order, ReportMessage } from "../lib/messages";
import { announce } from "./announce.svelte";

const FILLS_LENGTH = 100;

export interface Fill {
  /** Entry and index, which no other fill has. */
  name: string;
  time_ms: number;
  market: string;
  side: "buy" | "sell";
  price: string;
  quantity: string;
  fee: string;
  liquidity: string;
  order_id: number;
}

export interface OrderTerms {
  market: string;
  side: string;
  kind: string;
  quantity: string;
  price?: string;
  stop_price?: string;
  time_in_force?: string;
  post_only?: boolean;
  display?: string;
}

function fillOf({ entry, index, time_ns, report }: ReportMessage): Fill {
  const { market, side, order_id } = report.order;
  return {
    name: `${entry}.${index}`,
    time_ms: time_ns / 1e6,
    market,
    side,
    price: report.price ?? "",
    quantity: report.quantity ?? "",
    fee: report.fee ?? "",
    liquidity: report.liquidity ?? "",
    order_id,
  };
}

/** The last fills; none where the exchange keeps no history. */
async function fetchFills(identity: Identity): Promise<ReportMessage[]> {
  try {
    return (await signed(identity, "GET", `/fills?limit=${FILLS_LENGTH}`)) as ReportMessage[];
  } catch (error) {
    if (error instanceof RequestError && error.code === "not_found") return [];
    throw error;
  }
}

class Account {
  identities = $state.raw<Identity[]>([]);
  current = $state.raw<Identity | null>(null);
  orders = $state.raw<Order[]>([]);
  fills = $state.raw<Fill[]>([]);
  balances = $state.raw<Balance[]>([]);
  /** Whether the stream has let this account in. */
  isIn = $state(false);
  isBusy = $state(false);
  fault = $state("");

  #send: (message: object) => void = () => undefined;
  #orders = new Map<number, Order>();
  #touched: Set<number> | null = null;
  #latest = { entry: 0, index: -1 };

  /** Reads the keys of this browser. `send` is the stream's. */
  async begin(send: (message: object) => void): Promise<void> {
    this.#send = send;
    this.identities = await storedIdentities();
    const last = this.identities.at(-1);
    if (last) await this.choose(last);
  }

  /** Makes a key here and opens a funded account for it. */
  async open(): Promise<void> {
    this.isBusy = true;
    this.fault = "";
    try {
      const { secret, publicKey } = await makeSecret();
      const { account, key } = (await post("/demo", { public_key: publicKey })) as { account: number; key: string };
      const identity: Identity = { account, key, publicKey, secret };
      await storeIdentity(identity);
      this.identities = [...this.identities, identity];
      await this.choose(identity);
      announce(`Demo account ${account} is open.`);
    } catch (error) {
      this.fault = (error as Error).message;
    } finally {
      this.isBusy = false;
    }
  }

  async choose(identity: Identity): Promise<void> {
    this.current = identity;
    this.isIn = false;
    this.#orders.clear();
    this.#latest = { entry: 0, index: -1 };
    this.orders = [];
    this.fills = [];
    this.balances = [];
    await this.connect();
  }

  /** Logs in on the stream as it is now, and fetches how everything stands. */
  async connect(): Promise<void> {
    const identity = this.current;
    if (!identity) return;
    this.#send(await login(identity));
    for (const channel of ["orders", "balances"]) this.#send({ op: "subscribe", channel });
    await this.fetchAll(identity);
  }

  disconnect(): void {
    this.isIn = false;
  }

  async fetchAll(identity = this.current): Promise<void> {
    if (!identity) return;
    this.#touched = new Set();
    try {
      const [orders, balances, fills] = await Promise.all([
        signed(identity, "GET", "/orders") as Promise<Order[]>,
        signed(identity, "GET", "/balances") as Promise<Balance[]>,
        fetchFills(identity),
      ]);
      if (this.current !== identity) return;
      const touched = this.#touched ?? new Set();
      const kept = [...this.#orders].filter(([id]) => touched.has(id));
      this.#orders = new Map(orders.filter(({ order_id }) => !touched.has(order_id)).map((order) => [order.order_id, order]));
      for (const [id, order] of kept) this.#orders.set(id, order);
      this.balances = balances;
      this.#mergeFills(fills.map(fillOf));
      this.#show();
      this.isIn = true;
      this.fault = "";
    } catch (error) {
      this.fault = (error as Error).message;
    } finally {
      this.#touched = null;
    }
  }

  takeReport(message: ReportMessage): void {
    const { entry, index, report } = message;
    const isOld = entry < this.#latest.entry || (entry === this.#latest.entry && index <= this.#latest.index);
    if (isOld) return;
    this.#latest = { entry, index };
    const { order } = report;
    this.#touched?.add(order.order_id);
    if (order.status === "live") this.#orders.set(order.order_id, order);
    else this.#orders.delete(order.order_id);
    if (report.execution === "trade") {
      this.#mergeFills([fillOf(message)]);
      const what = order.side === "buy" ? "Bought" : "Sold";
      announce(`${what} ${report.quantity} ${order.market} at ${report.price}.`);
    }
    this.#show();
  }

  takeBalance(balance: Balance): void {
    const others = this.balances.filter(({ asset }) => asset !== balance.asset);
    this.balances = [...others, balance].sort((one, other) => one.asset.localeCompare(other.asset));
  }

  /** Places an order, and gives it as it stands then. Its client id comes from the signature: a request that is repeated is one order. */
  async place(terms: OrderTerms): Promise<Order> {
    return (await this.#ask("POST", "/orders", terms)) as Order;
  }

  async cancel(order: Order): Promise<void> {
    await this.#ask("DELETE", `/orders/${order.order_id}`);
  }

  async cancelAll(market: string): Promise<void> {
    await this.#ask("DELETE", `/orders?market=${encodeURIComponent(market)}`);
  }

  async replace(order: Order, terms: { price?: string; quantity?: string }): Promise<Order> {
    return (await this.#ask("PUT", `/orders/${order.order_id}`, terms)) as Order;
  }

  /** Forgets the key of the current account; nobody can open it again. */
  async forget(): Promise<void> {
    const identity = this.current;
    if (!identity) return;
    await forgetIdentity(identity.key);
    this.identities = this.identities.filter(({ key }) => key !== identity.key);
    this.current = null;
    const other = this.identities.at(-1);
    if (other) await this.choose(other);
  }

  available(asset: string): string {
    return this.balances.find((balance) => balance.asset === asset)?.available ?? "0";
  }

  #ask(method: string, path: string, fields?: object): Promise<unknown> {
    if (!this.current) throw new Error("open a demo account first");
    return signed(this.current, method, path, fields);
  }

  #mergeFills(fills: Fill[]): void {
    const known = new Set(this.fills.map(({ name }) => name));
    const fresh = fills.filter(({ name }) => !known.has(name));
    this.fills = [...fresh, ...this.fills].sort((one, other) => other.time_ms - one.time_ms).slice(0, FILLS_LENGTH);
  }

  #show(): void {
    this.orders = [...this.#orders.values()].sort((one, other) => other.order_id - one.order_id);
  }
}

export const account = new Account();
