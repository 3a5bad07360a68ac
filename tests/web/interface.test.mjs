// What the module's interface promises: run by `node --test` with the folders SITE, EARLIER_SITE and PROOFS.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { test } from "node:test";

const { SITE, EARLIER_SITE, PROOFS } = process.env;
/** Key, and a receipt that it signed of market 1, number 42, time 1000. */
const [KEY, RECEIPT] = [process.env.RECEIPT_KEY, Buffer.from(process.env.RECEIPT, "hex")];
const module = await import(pathToFileURL(`${SITE}/verifier.mjs`));
const { Chain, ChainError, InputError, InvalidProofError, ProofError, ProofFormatError, PublicValues, ReceiptError, load } = module;

const [first, second] = ["000001", "000002"].map((name) => readFileSync(`${PROOFS}/${name}.proof`));
const config = readFileSync(`${PROOFS}/market.config`);
const verifier = await load(readFileSync(`${EARLIER_SITE}/verifier.wasm`));

test("a module is loaded from bytes, a URL or its text", async () => {
  const url = pathToFileURL(`${SITE}/verifier.wasm`);
  const bytes = readFileSync(url);
  const exact = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const keys = [];
  for (const source of [bytes, exact, url, url.href]) keys.push((await load(source)).programKey);
  assert.equal(new Set(keys).size, 1);
  assert.notEqual(keys[0], verifier.programKey);
  await assert.rejects(load(7), InputError);
  await assert.rejects(load(Uint8Array.of(1, 2)), WebAssembly.CompileError);
});

test("the module asks its host for nothing", () => {
  const shipped = new WebAssembly.Module(readFileSync(`${SITE}/verifier.wasm`));
  assert.deepEqual(WebAssembly.Module.imports(shipped), []);
});

test("values are frozen, complete and made by a verifier alone", () => {
  const values = verifier.verify(first);
  assert.ok(Object.isFrozen(values) && values instanceof PublicValues);
  assert.equal(typeof values.batch, "bigint");
  assert.deepEqual(Buffer.from(values.encode()), first.subarray(24, 256));
  values.encode().fill(0);
  assert.deepEqual(Buffer.from(values.encode()), first.subarray(24, 256));
  assert.equal(JSON.parse(JSON.stringify(values)).batch, "1");
  assert.throws(() => new PublicValues(undefined, first.subarray(24, 256)), TypeError);
  assert.throws(() => new values.constructor(Symbol("made here alone"), first.subarray(24, 256)), TypeError);
  assert.throws(() => new Chain(), TypeError);
});

test("what is no input is named", () => {
  for (const wrong of [undefined, null, "text", [1, 2], 7]) {
    assert.throws(() => verifier.verify(wrong), { name: "InputError", message: /^proof: expected a Uint8Array/ });
  }
  assert.throws(() => verifier.chain(), { name: "InputError", message: /received undefined/ });
  assert.throws(() => verifier.chain(config.subarray(1)), { name: "InputError", message: /takes 88 bytes; received 87/ });
  assert.throws(() => verifier.chain(new Uint8Array(88)), InputError);
});

test("a file beyond every bound is refused before it is copied", () => {
  const long = new Uint8Array(9 * 2 ** 20);
  assert.throws(() => verifier.verify(long), { name: "ProofFormatError", message: /^expected at most \d+ bytes; received 9437184$/ });
  assert.equal(verifier.verify(first).batch, 1n);
});

test("a chain stays as it is where a batch does not follow", () => {
  const chain = verifier.chain(config);
  assert.deepEqual([chain.batches, chain.batch, chain.isFromGenesis], [0n, 0n, true]);
  const values = chain.extend(first);
  assert.equal(chain.root, values.newRoot);
  for (const wrong of [first, Buffer.alloc(300)]) {
    assert.throws(() => chain.extend(wrong), ProofError);
    assert.deepEqual([chain.batches, chain.root], [1n, values.newRoot]);
  }
  chain.extend(second);
  assert.equal(chain.batches, 2n);
});

test("a chain that begins on trust begins with the first proof that holds", () => {
  const chain = verifier.chain(null);
  assert.deepEqual([chain.batches, chain.root, chain.isFromGenesis], [0n, null, false]);
  assert.throws(() => chain.extend(Buffer.alloc(300)), ProofFormatError);
  chain.extend(second);
  assert.deepEqual([chain.batches, chain.batch], [1n, 2n]);
  assert.throws(() => chain.extend(first), (error) => error instanceof ChainError && error.values.batch === 1n);
});

test("a chain follows values that were verified", () => {
  const chain = verifier.chain(verifier.verify(first));
  chain.extend(second);
  assert.deepEqual([chain.batches, chain.batch, chain.isFromGenesis], [1n, 2n, false]);
});

test("a receipt is its key's alone, and not a byte of it can be changed", () => {
  const values = verifier.receipt(RECEIPT, KEY);
  assert.deepEqual([values.market, values.sequence, values.time], [1n, 42n, 1000n]);
  assert.equal(values.command, RECEIPT.subarray(32, 64).toString("hex"));
  assert.ok(Object.isFrozen(values));
  assert.throws(() => new values.constructor(undefined, RECEIPT), TypeError);
  for (let place = 0; place < RECEIPT.length; place++) {
    const changed = Buffer.from(RECEIPT);
    changed[place] ^= 1;
    assert.throws(() => verifier.receipt(changed, KEY), ReceiptError, `byte ${place}`);
  }
  assert.throws(() => verifier.receipt(RECEIPT.subarray(1), KEY), ReceiptError);
  const refusal = "receipt: expected a signature of the operator's key; received one that does not hold";
  // A key of small order signs whatever one wants.
  assert.throws(() => verifier.receipt(RECEIPT, `01${"00".repeat(31)}`), InputError);
  const other = Buffer.from(RECEIPT);
  other[64] ^= 1;
  assert.throws(() => verifier.receipt(other, KEY), { name: "ReceiptError", message: refusal });
  for (const wrong of [undefined, "", KEY.toUpperCase(), `${KEY}0`]) {
    assert.throws(() => verifier.receipt(RECEIPT, wrong), { name: "InputError", message: /^key: expected 64 lower-case/ });
  }
});

test("a stop is a refusal with its reason, and the next call has a new instance", () => {
  const chain = verifier.chain(config);
  chain.extend(first);
  const refusal = { name: "InvalidProofError", message: "the proof does not hold: its check stopped: planted" };
  assert.throws(() => verifier.verify(Buffer.from("stop")), (error) => {
    assert.ok(error.cause instanceof WebAssembly.RuntimeError);
    return error instanceof InvalidProofError && error.message === refusal.message && error.name === refusal.name;
  });
  // Nothing of the chain was in the instance.
  chain.extend(second);
  assert.equal(chain.batches, 2n);
});

test("an instance without memory stops, and is replaced", async () => {
  const instances = [];
  const Usual = WebAssembly.Instance;
  WebAssembly.Instance = class extends Usual {
    constructor(...given) {
      super(...given);
      instances.push(this);
    }
  };
  try {
    const short = await load(readFileSync(`${EARLIER_SITE}/verifier.wasm`));
    const { memory } = instances[0].exports;
    // Its bound is 4096 pages; 40 hold the file and not what it decodes to.
    memory.grow(4096 - 40 - memory.buffer.byteLength / 65536);
    assert.throws(() => memory.grow(41), RangeError);
    assert.throws(() => short.verify(first), { name: "InvalidProofError", message: /its check stopped: / });
    assert.equal(instances.length, 2);
    assert.equal(short.verify(first).batch, 1n);
    assert.equal(instances.length, 2);
  } finally {
    WebAssembly.Instance = Usual;
  }
});
