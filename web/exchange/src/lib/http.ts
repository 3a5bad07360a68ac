// The exchange's HTTP interface: requests, signed where they are of an account, and errors with what was expected and received.
//
// Invariant: no two signed requests of this page have the same time, since the exchange takes each signature once.

import { sign, type Identity } from "./identity";

const ROOT = "/api/v1";

/** A request that did not do what was asked. */
export class RequestError extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly status: number,
  ) {
    super(message);
  }
}

let lead_ms = 0;
let latest_ms = 0;

/** Learns how far the exchange's clock is ahead of this one. */
export async function learnTime(): Promise<void> {
  const asked_ms = Date.now();
  const { time_ms, time_ns } = (await get("/time")) as { time_ms?: number; time_ns?: number };
  const there_ms = time_ms ?? (time_ns === undefined ? undefined : time_ns / 1e6);
  if (there_ms !== undefined) lead_ms = Math.round(there_ms - (asked_ms + Date.now()) / 2);
}

/** The exchange's time in milliseconds, each later than the one before. */
export function nextTimestamp(): string {
  latest_ms = Math.max(latest_ms + 1, Date.now() + lead_ms);
  return String(latest_ms);
}

interface ErrorBody {
  error?: { code?: string; message?: string; expected?: unknown; received?: unknown };
}

function textOf({ error }: ErrorBody, status: number): string {
  const text = error?.message ?? `the exchange answered with status ${status}`;
  const hasExpected = error?.expected !== undefined && error.expected !== null && !text.includes("expected");
  return hasExpected ? `${text}: expected ${error.expected}; received ${error.received}` : text;
}

async function answered(response: Response): Promise<unknown> {
  const body: unknown = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new RequestError(textOf(body as ErrorBody, response.status), (body as ErrorBody).error?.code ?? "", response.status);
}

async function requested(path: string, options: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(ROOT + path, { cache: "no-store", ...options });
  } catch {
    throw new RequestError("the exchange cannot be reached", "unreachable", 0);
  }
  return answered(response);
}

export function get(path: string): Promise<unknown> {
  return requested(path, {});
}

export function post(path: string, fields: object): Promise<unknown> {
  return requested(path, { method: "POST", body: JSON.stringify(fields), headers: { "Content-Type": "application/json" } });
}

/** A file of the exchange, as it is. */
export async function getBytes(path: string): Promise<Uint8Array> {
  const response = await fetch(path.startsWith("/") ? path : `${ROOT}/${path}`);
  if (!response.ok) await answered(response);
  return new Uint8Array(await response.arrayBuffer());
}

/** A request in an account's name. */
export async function signed(identity: Identity, method: string, path: string, fields?: object): Promise<unknown> {
  const body = fields === undefined ? "" : JSON.stringify(fields);
  const timestamp = nextTimestamp();
  const headers: Record<string, string> = {
    "PB-KEY": identity.key,
    "PB-TIMESTAMP": timestamp,
    "PB-SIGNATURE": await sign(identity.secret, `${timestamp}\n${method}\n${ROOT}${path}\n${body}`),
  };
  if (body) headers["Content-Type"] = "application/json";
  return requested(path, { method, headers, ...(body ? { body } : {}) });
}

/** What a WebSocket's login takes. */
export async function login(identity: Identity): Promise<object> {
  const timestamp = nextTimestamp();
  const signature = await sign(identity.secret, `${timestamp}\nGET\n${ROOT}/stream\n`);
  return { op: "login", key: identity.key, timestamp, signature };
}
