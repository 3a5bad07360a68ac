// The exchange's WebSocket: one connection that is made again when it is lost, and the subscriptions that it should have.
//
// Invariants: what is wanted is asked for once on each connection. A connection on which nothing comes for a while, though it is asked for an answer, counts as lost.
// The wait between two attempts grows to a bound, and is never the same for all clients.

const PING_INTERVAL_MS = 5_000;
const SILENCE_MS_MAX = 15_000;
const RETRY_MS_FIRST = 250;
const RETRY_MS_MAX = 8_000;

export type StreamState = "connecting" | "live" | "offline";
export type Message = Record<string, unknown> & { channel?: string; type?: string; id?: unknown };

export interface StreamHandlers {
  onMessage(message: Message): void;
  onState(state: StreamState): void;
  /** Once a connection stands and everything that is subscribed to was asked for on it. */
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
  readonly #barriers = new Map<string, (hasPassed: boolean) => void>();
  #socket: WebSocket | null = null;
  #attempts = 0;
  #barrierNumber = 0;
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

  /** Sends if there is a connection; what must not be lost is sent again in `onOpen`. */
  send(message: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /**
   * Waits until the exchange has taken everything that was sent before: it answers in order. So what is fetched afterwards and what comes
   * on the stream leave nothing out between them. False if the connection is not there or goes meanwhile; `onOpen` comes again then.
   */
  barrier(): Promise<boolean> {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.resolve(false);
    const id = `barrier-${this.#barrierNumber++}`;
    this.send({ op: "ping", id });
    return new Promise((resolve) => this.#barriers.set(id, resolve));
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
      for (const subscription of this.#wanted.values()) this.send({ op: "subscribe", ...subscription });
      this.handlers.onOpen();
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
    if (message["result"] !== "pong") this.handlers.onMessage(message);
    else if (typeof message.id === "string") this.#pass(message.id, true);
    else if (this.#pinged_ms !== null) {
      this.handlers.onRoundTrip(this.#heard_ms - this.#pinged_ms);
      this.#pinged_ms = null;
    }
  }

  #pass(id: string, hasPassed: boolean): void {
    this.#barriers.get(id)?.(hasPassed);
    this.#barriers.delete(id);
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
    for (const id of [...this.#barriers.keys()]) this.#pass(id, false);
    this.handlers.onState("offline");
    const bound_ms = Math.min(RETRY_MS_MAX, RETRY_MS_FIRST * 2 ** this.#attempts++);
    setTimeout(() => this.#retryNow(), bound_ms * (0.5 + Math.random() / 2));
  }

  #retryNow(): void {
    if (this.#socket === null) this.#connect();
  }
}
