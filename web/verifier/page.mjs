// The page: files in, what they prove out. All checking is in verifier.mjs.
//
// Files are checked in the order of the batch numbers that they state. The statement is not believed: it only says which file is
// tried next, and a wrong one breaks the chain.

import { ChainError, InputError, ProofError, load } from "./verifier.mjs";

const CONFIG_BYTES = 88;
const FILE_BYTES_MAX = 16 * 2 ** 20;
const BATCH_OFFSET = 24 + 8 * 6;

const NAMES = {
  market: "market",
  batch: "batch",
  firstSequence: "first sequence",
  lastSequence: "last sequence",
  clockBefore: "clock before (ns)",
  clockAfter: "clock after (ns)",
  commands: "commands",
  events: "events",
  previousRoot: "previous root",
  newRoot: "new root",
  commandRoot: "root of the commands",
  eventRoot: "root of the events",
  config: "configuration",
};

const element = (id) => document.getElementById(id);
const chosen = { proofs: [], config: null };
let verifier;
let latestRun = 0;

function made(tag, text, ...children) {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
}

function statedBatch(bytes) {
  const isLongEnough = bytes.length >= BATCH_OFFSET + 8;
  return isLongEnough ? new DataView(bytes.buffer).getBigUint64(BATCH_OFFSET, true) : 2n ** 64n;
}

async function readAll(files) {
  const read = async (file) => {
    const isTooLong = file.size > FILE_BYTES_MAX;
    const bytes = new Uint8Array(isTooLong ? 0 : await file.arrayBuffer());
    return { name: file.name, size: file.size, isTooLong, bytes, batch: statedBatch(bytes) };
  };
  const proofs = await Promise.all(files.map(read));
  return proofs.sort((one, other) => {
    if (one.batch !== other.batch) return one.batch < other.batch ? -1 : 1;
    return one.name < other.name ? -1 : 1;
  });
}

/** What is found about one file: its values where its proof holds, and what is wrong where something is. */
function check(proof, chain) {
  const begin = performance.now();
  const found = { values: null, fault: null };
  try {
    if (proof.isTooLong) throw new InputError(`expected at most ${FILE_BYTES_MAX} bytes; received ${proof.size}`);
    // Once a chain is broken, proofs are still checked one by one.
    found.values = chain ? chain.extend(proof.bytes) : verifier.verify(proof.bytes);
  } catch (error) {
    if (!(error instanceof ProofError || error instanceof InputError)) throw error;
    found.fault = error;
    if (error instanceof ChainError) found.values = error.values;
  }
  return { ...found, milliseconds: performance.now() - begin };
}

function describe(proof, { values, fault, milliseconds }) {
  const article = made("article", "", made("h3", proof.name));
  article.className = fault ? "refused" : "holds";
  const verdict = values ? "The proof holds." : "The proof is refused.";
  const reason = fault ? ` ${values ? "Its batch does not come next: " : ""}${fault.message}` : "";
  article.append(made("p", `${verdict}${reason} (${proof.size} bytes, ${milliseconds.toFixed(0)} ms)`));
  if (values) {
    const terms = Object.entries(NAMES).map(([name, text]) => [made("dt", text), made("dd", String(values[name]))]);
    article.append(made("dl", "", ...terms.flat()));
  }
  return article;
}

function conclusion(count, chain, broken) {
  if (broken) return `Failed: ${broken.name}: ${broken.message}`;
  const from = chain.isFromGenesis
    ? "from the market's empty state: its whole history"
    : "from a state that is taken on trust: choose the market's configuration to begin with its empty state";
  const what = count === 1 ? "The proof holds" : `All ${count} proofs hold and follow each other`;
  return `${what}, ${from}. State root now: ${chain.root}`;
}

async function run() {
  const current = ++latestRun;
  const proofs = await readAll(chosen.proofs);
  if (current !== latestRun) return;
  element("results").replaceChildren();
  if (proofs.length === 0) {
    element("status").textContent = "Ready: choose proof files.";
    return;
  }
  const chain = verifier.chain(chosen.config?.bytes ?? null);
  let broken = null;
  for (const [index, proof] of proofs.entries()) {
    element("status").textContent = `Checking ${index + 1} of ${proofs.length} …`;
    // The page is drawn between two proofs.
    await new Promise((resolve) => setTimeout(resolve));
    if (current !== latestRun) return;
    const found = check(proof, broken ? null : chain);
    if (found.fault && !broken) broken = { name: proof.name, message: found.fault.message };
    element("results").append(describe(proof, found));
  }
  element("status").textContent = conclusion(proofs.length, chain, broken);
}

/** Takes a market's configuration, if it is one: a chain can begin with it. */
async function takeConfig(file) {
  chosen.config = null;
  element("config-name").textContent = "";
  if (!file) return;
  const bytes = new Uint8Array(await file.slice(0, CONFIG_BYTES + 1).arrayBuffer());
  verifier.chain(bytes);
  chosen.config = { name: file.name, bytes };
  element("config-name").textContent = file.name;
}

/** Does what a reader asked for. Whatever is wrong is said, and no result of before stays on the page. */
async function act(action) {
  try {
    await action();
    await run();
  } catch (error) {
    latestRun++;
    element("results").replaceChildren();
    element("status").textContent = `Failed: ${error.message}`;
  }
}

function takeDropped(files) {
  const isConfig = (file) => file.name.endsWith(".config") || file.size === CONFIG_BYTES;
  const proofs = files.filter((file) => !isConfig(file));
  const config = files.find(isConfig);
  return act(async () => {
    if (proofs.length > 0) chosen.proofs = proofs;
    if (config) await takeConfig(config);
  });
}

function listen() {
  const area = element("drop");
  const mark = (isOver) => (event) => {
    event.preventDefault();
    area.classList.toggle("is-dragged-over", isOver);
  };
  area.addEventListener("dragover", mark(true));
  area.addEventListener("dragleave", mark(false));
  area.addEventListener("drop", (event) => {
    mark(false)(event);
    takeDropped([...event.dataTransfer.files]);
  });
  element("proofs").addEventListener("change", (event) =>
    act(async () => {
      chosen.proofs = [...event.target.files];
    }),
  );
  element("config").addEventListener("change", (event) => act(() => takeConfig(event.target.files[0])));
}

await act(async () => {
  verifier = await load(new URL("verifier.wasm", import.meta.url));
  element("key").textContent = verifier.programKey;
  listen();
  element("proofs").disabled = false;
  element("config").disabled = false;
});
