// A key made in this browser, which signs requests: Ed25519 of WebCrypto, whose secret part no script can read; where a browser lacks it
// (or the page has no secure context), the noble library's, whose secret lies in the browser's storage.
//
// Invariant: the secret part is never sent anywhere.

export type Secret = { kind: "webcrypto"; key: CryptoKey } | { kind: "bytes"; seed: Uint8Array };

/** An account of the exchange with the key that opens it. */
export interface Identity {
  account: number;
  /** The exchange's name for the key. */
  key: string;
  /** The public part, 64 hexadecimal digits. */
  publicKey: string;
  secret: Secret;
}

export function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** The noble library with the hash that it takes; fetched only where it is needed. */
async function noble() {
  const [ed25519, { sha512 }] = await Promise.all([import("@noble/ed25519"), import("@noble/hashes/sha2.js")]);
  ed25519.hashes.sha512 = sha512;
  return ed25519;
}

/** A new secret, with its public part. */
export async function makeSecret(): Promise<{ secret: Secret; publicKey: string }> {
  try {
    const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"])) as CryptoKeyPair;
    const publicKey = hexadecimal(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
    return { secret: { kind: "webcrypto", key: pair.privateKey }, publicKey };
  } catch {
    const { utils, getPublicKey } = await noble();
    const seed = utils.randomSecretKey();
    return { secret: { kind: "bytes", seed }, publicKey: hexadecimal(getPublicKey(seed)) };
  }
}

/** The signature of a text, in base64. */
export async function sign(secret: Secret, text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  if (secret.kind === "webcrypto") {
    return base64(new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, secret.key, bytes)));
  }
  const { sign: signed } = await noble();
  return base64(signed(bytes, secret.seed));
}

const STORE = "identities";

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("proofbook", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function inStore<T>(mode: IDBTransactionMode, action: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const request = action(database.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    database.close();
  }
}

/** The accounts that this browser has keys of; none where it stores nothing. */
export async function storedIdentities(): Promise<Identity[]> {
  try {
    const all: Identity[] = await inStore("readonly", (store) => store.getAll());
    return all.sort((one, other) => one.account - other.account);
  } catch {
    return [];
  }
}

/** Keeps an account's key; false where this browser stores nothing, so that it lasts as long as the page. */
export async function storeIdentity(identity: Identity): Promise<boolean> {
  try {
    await inStore("readwrite", (store) => store.put(identity));
    return true;
  } catch {
    return false;
  }
}

export async function forgetIdentity(key: string): Promise<void> {
  await inStore("readwrite", (store) => store.delete(key)).catch(() => undefined);
}
