// The account that is traded with: its key, open orders, fills and balances.
//
// Each report is taken once: entry and index name it and increase. State that was fetched never replaces what a report said meanwhile.

import { login, post, RequestError, signed } from "../lib/http";
import { forgetIdentity, makeSecret, storedIdentities, storeIdentity, type Identity } from "../lib/identity";
import type { Balance, Order, ReportMessage } from "../lib/messages";
import type { Stream } from "../lib/stream";
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

const byAsset = (one: Balance, other: Balance) => one.asset.localeCompare(other.asset);

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
  isBusy = $state(false);
  fault = $state("");

  #stream: Pick<Stream, "send" | "barrier"> | null = null;
  #orders = new Map<number, Order>();
  /** Orders and assets that the stream told of while they were fetched: it knows better. */
  #touched: Set<number | string> | null = null;
  #latest = { entry: 0, index: -1 };

  /** Reads the keys of this browser. */
  async begin(stream: Pick<Stream, "send" | "barrier">): Promise<void> {
    this.#stream = stream;
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
    this.#orders.clear();
    this.#latest = { entry: 0, index: -1 };
    this.orders = [];
    this.fills = [];
    this.balances = [];
    await this.connect();
  }

  /** Logs in on the stream as it is now, and then fetches how everything stands, so that nothing is missed between. */
  async connect(): Promise<void> {
    const identity = this.current;
    if (!identity || !this.#stream) return;
    this.#stream.send(await login(identity));
    for (const channel of ["orders", "balances"]) this.#stream.send({ op: "subscribe", channel });
    if (await this.#stream.barrier()) await this.fetchAll(identity);
  }

  async fetchAll(identity = this.current): Promise<void> {
    if (!identity) return;
    this.#touched = new Set();
    try {
      const [orders, fetched, fills] = await Promise.all([
        signed(identity, "GET", "/orders") as Promise<Order[]>,
        signed(identity, "GET", "/balances") as Promise<Omit<Balance, "account">[]>,
        fetchFills(identity),
      ]);
      if (this.current !== identity) return;
      const touched = this.#touched ?? new Set();
      const kept = [...this.#orders].filter(([id]) => touched.has(id));
      this.#orders = new Map(orders.filter(({ order_id }) => !touched.has(order_id)).map((order) => [order.order_id, order]));
      for (const [id, order] of kept) this.#orders.set(id, order);
      const told = this.balances.filter(({ asset }) => touched.has(asset));
      this.balances = [...fetched.filter(({ asset }) => !touched.has(asset)).map((balance) => ({ ...balance, account: identity.account })), ...told].sort(byAsset);
      this.#mergeFills(fills.map(fillOf));
      this.#show();
      this.fault = "";
    } catch (error) {
      this.fault = (error as Error).message;
    } finally {
      this.#touched = null;
    }
  }

  takeReport(message: ReportMessage): void {
    const { entry, index, report } = message;
    if (report.order.account !== this.current?.account) return;
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
    if (balance.account !== this.current?.account) return;
    this.#touched?.add(balance.asset);
    this.balances = [...this.balances.filter(({ asset }) => asset !== balance.asset), balance].sort(byAsset);
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
