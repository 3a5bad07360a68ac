// The exchange's WebSocket: one connection that is made again when it is lost, and the subscriptions that it should have.
//
// Invariants: what is wanted is asked for once on each connection. A connection on which nothing comes for a while, though it is asked for an answer, counts as lost.
// The wait between two attempts grows to a bound, and is never the same for all clients.

const PING_INTERVAL_MS = 5_000;
const SILENCE_MS_MAX = 15_000;
const RETRY_MS_FIRST = 250;
const RETRY_MS_MAX = 8_000;

export type StreamState = "connecting" | "live" | "offline";
export type Message = Record<string, unknown> & { channel?: string; type?: string };

export interface StreamHandlers {
  onMessage(message: Message): void;
  onState(state: StreamState): void;
  /** Once a connection stands, before anything else is asked for. */
  onOpen(): void;
  onRoundTrip(ms: number): void;
}

interface Subscription {
  channel: string;
  market?: string;
}

const nameOf = ({ channel, market }: Subscription) => `${channel} ${market ?? ""}`;

export class Stream {
  readonly #wanted = new Map<string, Subscription>();
  #socket: WebSocket | null = null;
  #attempts = 0;
  #heard_ms = 0;
  #pinged_ms: number | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    readonly url: string,
    readonly handlers: StreamHandlers,
  ) {}

  start(): void {
    this.#connect();
    this.#timer = setInterval(() => this.#watch(), PING_INTERVAL_MS);
    addEventListener("online", () => this.#retryNow());
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#socket?.close();
  }

  subscribe(channel: string, market?: string): void {
    const subscription: Subscription = market === undefined ? { channel } : { channel, market };
    const name = nameOf(subscription);
    if (this.#wanted.has(name)) return;
    this.#wanted.set(name, subscription);
    this.send({ op: "subscribe", ...subscription });
  }

  unsubscribe(channel: string, market?: string): void {
    const subscription: Subscription = market === undefined ? { channel } : { channel, market };
    if (this.#wanted.delete(nameOf(subscription))) this.send({ op: "unsubscribe", ...subscription });
  }

  /** Asks anew for what is subscribed to, which begins with a snapshot. */
  renew(channel: string, market?: string): void {
    this.unsubscribe(channel, market);
    this.subscribe(channel, market);
  }

  /** Sends if there is a connection; what must not be lost is asked for again in `onOpen`. */
  send(message: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #connect(): void {
    this.handlers.onState("connecting");
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#attempts = 0;
      this.#heard_ms = performance.now();
      this.#pinged_ms = null;
      this.handlers.onState("live");
      this.handlers.onOpen();
      for (const subscription of this.#wanted.values()) this.send({ op: "subscribe", ...subscription });
      this.#ping();
    });
    socket.addEventListener("message", (event) => this.#hear(String(event.data)));
    socket.addEventListener("close", () => {
      if (this.#socket === socket) this.#lose();
    });
  }

  #hear(text: string): void {
    this.#heard_ms = performance.now();
    const message = JSON.parse(text) as Message;
    const isPong = message.type === "pong" || message["op"] === "pong" || message["result"] === "pong";
    if (isPong && this.#pinged_ms !== null) {
      this.handlers.onRoundTrip(this.#heard_ms - this.#pinged_ms);
      this.#pinged_ms = null;
    }
    this.handlers.onMessage(message);
  }

  #ping(): void {
    this.#pinged_ms ??= performance.now();
    this.send({ op: "ping" });
  }

  #watch(): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    if (performance.now() - this.#heard_ms > SILENCE_MS_MAX) this.#socket.close();
    else this.#ping();
  }

  #lose(): void {
    this.#socket = null;
    this.handlers.onState("offline");
    const bound_ms = Math.min(RETRY_MS_MAX, RETRY_MS_FIRST * 2 ** this.#attempts++);
    setTimeout(() => this.#retryNow(), bound_ms * (0.5 + Math.random() / 2));
  }

  #retryNow(): void {
    if (this.#socket === null) this.#connect();
  }
}
