// Checks proofs and receipts beside the page, so that it stays quick meanwhile: the verifier's WebAssembly, in a worker.
//
// Invariant: what is answered as proven comes from the verifier alone. Once a proof does not come next, the chain stays where it was, and proofs are still checked one by one.

import { Chain, ChainError, ChainValues, InputError, load, ProofError, type PublicValues, type Verifier } from "../../../verifier/verifier.mjs";
import { hexadecimal } from "../lib/identity";
import type { Call, Calls, ChainEnd, Finding, Loaded, Values } from "./calls";

let verifier: Verifier | undefined;
let chain: Chain | undefined;

/** Numbers as texts: those of 64 bits stay whole. */
const texts = (values: { toJSON(): unknown }) => values.toJSON() as Values;

function loaded(): Verifier {
  if (!verifier) throw new Error("the verifier is not loaded");
  return verifier;
}

async function loadVerifier({ url }: Calls["load"]["send"]): Promise<Loaded> {
  const response = await fetch(url);
  if (!response.ok) throw new Error("This page was built without the verifier: `make page` says why.");
  const bytes = await response.arrayBuffer();
  verifier = await load(bytes);
  // Only a secure context has digests; without one there is nothing to compare.
  const digest = globalThis.crypto?.subtle ? hexadecimal(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))) : null;
  return { programKey: verifier.programKey, chainProgramKey: verifier.chainProgramKey, bytes: bytes.byteLength, digest };
}

function endOf(of: Chain): ChainEnd {
  const text = (value: bigint | null) => (value === null ? null : String(value));
  return { batches: String(of.batches), batch: text(of.batch), root: of.root, isFromGenesis: of.isFromGenesis };
}

function begin({ config }: Calls["begin"]["send"]): ChainEnd {
  chain = loaded().chain(config);
  return endOf(chain);
}

/** What an action gives, or what the verifier says against it. */
function attempted<T>(action: () => T): { value: T | null; error: Error | null } {
  try {
    return { value: action(), error: null };
  } catch (error) {
    if (error instanceof ProofError || error instanceof InputError) return { value: null, error };
    throw error;
  }
}

function extend({ proof, batches }: Calls["extend"]["send"]): Calls["extend"]["answer"] {
  const current = (chain ??= loaded().chain(null));
  const start_ms = performance.now();
  const { value, error } = attempted(() => current.extend(proof));
  const values: PublicValues | ChainValues | null = error instanceof ChainError ? error.values : value;
  const opened = attempted(() => (values instanceof ChainValues && batches ? values.open(batches) : null));
  const finding: Finding = {
    kind: values instanceof ChainValues ? "chain" : "batch",
    values: values && texts(values),
    fault: error?.message ?? opened.error?.message ?? null,
    opened: opened.value?.map(texts) ?? null,
    milliseconds: performance.now() - start_ms,
  };
  return { finding, end: endOf(current) };
}

function receipt({ receipt, key }: Calls["receipt"]["send"]): Finding {
  const start_ms = performance.now();
  const { value, error } = attempted(() => loaded().receipt(receipt, key));
  const milliseconds = performance.now() - start_ms;
  return { kind: "receipt", values: value && texts(value), fault: error?.message ?? null, opened: null, milliseconds };
}

const HANDLERS: { [name in Call]: (send: Calls[name]["send"]) => Calls[name]["answer"] | Promise<Calls[name]["answer"]> } = {
  load: loadVerifier,
  begin,
  extend,
  receipt,
};

addEventListener("message", async (event: MessageEvent<{ number: number; call: Call; send: never }>) => {
  const { number, call, send } = event.data;
  try {
    postMessage({ number, answer: await HANDLERS[call](send) });
  } catch (error) {
    postMessage({ number, fault: (error as Error).message });
  }
});
