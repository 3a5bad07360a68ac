// The page: files in, what they prove out. All checking is in verifier.mjs.
//
// Files are checked in the order of the batch numbers that they state, a chain's file by its first batch. The statement is not
// believed: it only says which file is tried next, and a wrong one breaks the chain.
//
// A file `NAME.batches` holds the values of the batches of the chain in `NAME.proof`.

import { ChainError, ChainValues, InputError, ProofError, load } from "./verifier.mjs";

const CONFIG_BYTES = 88;
const FILE_BYTES_MAX = 16 * 2 ** 20;
/** Of the number of a batch, or of a chain's first one. */
const BATCH_OFFSET = 24 + 8 * 6;

const NAMES = {
  market: "market",
  batch: "batch",
  batches: "batches",
  firstBatch: "first batch",
  lastBatch: "last batch",
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
  batchRoot: "root of the batches",
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

function stemOf(name) {
  return name.replace(/\.[^.]*$/, "");
}

async function read(file) {
  const isTooLong = file.size > FILE_BYTES_MAX;
  return { name: file.name, size: file.size, isTooLong, bytes: new Uint8Array(isTooLong ? 0 : await file.arrayBuffer()) };
}

/** The proofs in the order in which they are tried, each with the values of its batches where there are some. */
async function readAll(files) {
  const all = await Promise.all(files.map(read));
  const isOfBatches = (file) => file.name.endsWith(".batches");
  const opened = new Map(all.filter(isOfBatches).map((file) => [stemOf(file.name), file]));
  const proofs = all.filter((file) => !isOfBatches(file)).map((file) => {
    const batches = opened.get(stemOf(file.name)) ?? null;
    opened.delete(stemOf(file.name));
    return { ...file, batches, batch: statedBatch(file.bytes) };
  });
  for (const { name } of opened.values()) {
    throw new InputError(`${name}: expected the proof of its chain with it, ${stemOf(name)}.proof; received none`);
  }
  return proofs.sort((one, other) => {
    if (one.batch !== other.batch) return one.batch < other.batch ? -1 : 1;
    return one.name < other.name ? -1 : 1;
  });
}

function bytesOf({ isTooLong, size, bytes }) {
  if (isTooLong) throw new InputError(`expected at most ${FILE_BYTES_MAX} bytes; received ${size}`);
  return bytes;
}

/** What an action gives, or the error that says what is wrong with its files. */
function outcome(action) {
  try {
    return { value: action(), fault: null };
  } catch (fault) {
    if (!(fault instanceof ProofError || fault instanceof InputError)) throw fault;
    return { value: null, fault };
  }
}

/** The values of a chain's batches. */
function open(values, file) {
  if (values instanceof ChainValues) return values.open(bytesOf(file));
  throw new InputError("expected a proof of a chain with it; received one of a batch");
}

/** What is found about one file: its values where its proof holds, and what is wrong where something is. */
function check(proof, chain) {
  const begin = performance.now();
  // Once a chain is broken, proofs are still checked one by one.
  const proven = outcome(() => (chain ? chain.extend(bytesOf(proof)) : verifier.verifyAny(bytesOf(proof))));
  const values = proven.fault instanceof ChainError ? proven.fault.values : proven.value;
  const opened = outcome(() => (values && proof.batches ? open(values, proof.batches) : null));
  return { values, fault: proven.fault, opened, milliseconds: performance.now() - begin };
}

function list(values) {
  const names = Object.keys(NAMES).filter((name) => name in values);
  const terms = names.map((name) => [made("dt", NAMES[name]), made("dd", String(values[name]))]);
  return made("dl", "", ...terms.flat());
}

/** The batches of a chain, to be unfolded, or why those given are not its own. */
function describeBatches({ name }, { value, fault }) {
  if (fault) return made("p", `${name} is refused. ${fault.message}`);
  const parts = value.map((values) => [made("h4", `Batch ${values.batch}`), list(values)]);
  return made("details", "", made("summary", `Its batches, from ${name}: proven with it`), ...parts.flat());
}

function describe(proof, { values, fault, opened, milliseconds }) {
  const article = made("article", "", made("h3", proof.name));
  article.className = fault || opened.fault ? "refused" : "holds";
  const isChain = values instanceof ChainValues;
  const verdict = values ? "The proof holds." : "The proof is refused.";
  const unconnected = isChain ? "Its batches do not come next: " : "Its batch does not come next: ";
  const reason = fault ? ` ${values ? unconnected : ""}${fault.message}` : "";
  article.append(made("p", `${verdict}${reason} (${proof.size} bytes, ${milliseconds.toFixed(0)} ms)`));
  if (values) article.append(list(values));
  if (values && proof.batches) article.append(describeBatches(proof.batches, opened));
  return article;
}

function conclusion(count, chain, broken) {
  if (broken) return `Failed: ${broken.name}: ${broken.message}`;
  const from = chain.isFromGenesis
    ? "from the market's empty state: its whole history"
    : "from a state that is taken on trust: choose the market's configuration to begin with its empty state";
  const what = count === 1 ? "The proof holds" : `All ${count} proofs hold and follow each other`;
  const batches = chain.batches === BigInt(count) ? "" : ` (${chain.batches} batches)`;
  return `${what}${batches}, ${from}. State root now: ${chain.root}`;
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
  let isConnected = true;
  let broken = null;
  for (const [index, proof] of proofs.entries()) {
    element("status").textContent = `Checking ${index + 1} of ${proofs.length} …`;
    // The page is drawn between two proofs.
    await new Promise((resolve) => setTimeout(resolve));
    if (current !== latestRun) return;
    const found = check(proof, isConnected ? chain : null);
    isConnected &&= !found.fault;
    if (found.fault) broken ??= { name: proof.name, message: found.fault.message };
    if (found.opened.fault) broken ??= { name: proof.batches.name, message: found.opened.fault.message };
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
  element("chain-key").textContent = verifier.chainProgramKey;
  listen();
  element("proofs").disabled = false;
  element("config").disabled = false;
});
