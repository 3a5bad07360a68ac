// What the interface promises of proofs of chains: run by `node --test` with the folders SITE, PROOFS and CHAIN.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { test } from "node:test";

const { SITE, PROOFS, CHAIN } = process.env;
const { ChainError, ChainValues, InvalidProofError, ProofFormatError, PublicValues, load } = await import(
  pathToFileURL(`${SITE}/verifier.mjs`)
);

const [first, second] = ["000001", "000002"].map((name) => readFileSync(`${PROOFS}/${name}.proof`));
const [joined, batches] = ["proof", "batches"].map((name) => readFileSync(`${CHAIN}/chain.${name}`));
const config = readFileSync(`${PROOFS}/market.config`);
const verifier = await load(readFileSync(`${SITE}/verifier.wasm`));

test("values of a chain are frozen, complete and made by a verifier alone", () => {
  const values = verifier.verifyChain(joined);
  assert.ok(Object.isFrozen(values) && values instanceof ChainValues && !(values instanceof PublicValues));
  assert.deepEqual([values.firstBatch, values.lastBatch, values.batches], [1n, 2n, 2n]);
  assert.deepEqual(Buffer.from(values.encode()), joined.subarray(24, 296));
  values.encode().fill(0);
  assert.deepEqual(Buffer.from(values.encode()), joined.subarray(24, 296));
  assert.equal(JSON.parse(JSON.stringify(values)).batches, "2");
  assert.throws(() => new ChainValues(undefined, joined.subarray(24, 296)), TypeError);
  assert.throws(() => new values.constructor(Symbol("made here alone"), joined.subarray(24, 296)), TypeError);
});

test("neither kind passes for the other, and either is told by its mode", () => {
  assert.throws(() => verifier.verify(joined), { name: "ProofFormatError", message: /received one of a chain/ });
  assert.throws(() => verifier.verifyChain(first), { name: "ProofFormatError", message: /received one of a batch/ });
  assert.ok(verifier.verifyAny(joined) instanceof ChainValues);
  assert.ok(verifier.verifyAny(first) instanceof PublicValues);
  for (const [file, mode] of [[joined, 2], [first, 3]]) {
    const changed = Uint8Array.from(file);
    changed[8] = mode;
    assert.throws(() => verifier.verifyAny(changed), ProofFormatError);
  }
  for (const wrong of [null, "text", 7]) assert.throws(() => verifier.verifyChain(wrong), { name: "InputError" });
});

test("what its batches prove is what their own proofs prove", () => {
  const opened = verifier.verifyChain(joined).open(batches);
  const proven = [first, second].map((file) => verifier.verify(file));
  assert.ok(opened.every((values) => values instanceof PublicValues && Object.isFrozen(values)));
  assert.deepEqual(opened.map((values) => values.toJSON()), proven.map((values) => values.toJSON()));
});

test("other batches than its own are refused", () => {
  const values = verifier.verifyChain(joined);
  assert.throws(() => values.open(batches.subarray(1)), ProofFormatError);
  const exchanged = Buffer.concat([batches.subarray(232), batches.subarray(0, 232)]);
  assert.throws(() => values.open(exchanged), (error) => error instanceof InvalidProofError && /received others$/.test(error.message));
  assert.throws(() => values.open("text"), { name: "InputError", message: /^batches: expected a Uint8Array/ });
  assert.equal(values.open(batches).length, 2);
});

test("a chain takes either kind, and stays as it is where one does not follow", () => {
  const chain = verifier.chain(config);
  const values = chain.extend(joined);
  assert.deepEqual([chain.batches, chain.root, chain.isFromGenesis], [2n, values.newRoot, true]);
  for (const wrong of [joined, first]) {
    assert.throws(() => chain.extend(wrong), (error) => error instanceof ChainError && error.values.newRoot !== undefined);
    assert.deepEqual([chain.batches, chain.root], [2n, values.newRoot]);
  }
});

test("a refused chain carries its values", () => {
  const chain = verifier.chain(config);
  chain.extend(first);
  assert.throws(() => chain.extend(joined), (error) => error.values instanceof ChainValues && error.values.open(batches).length === 2);
  chain.extend(second);
  assert.equal(chain.batches, 2n);
});

test("a chain follows values of a chain, or begins with them on trust", () => {
  const end = verifier.verifyChain(joined);
  const after = verifier.chain(end);
  assert.deepEqual([after.batches, after.batch, after.root, after.isFromGenesis], [0n, 2n, end.newRoot, false]);
  const chain = verifier.chain(null);
  chain.extend(joined);
  assert.deepEqual([chain.batches, chain.batch, chain.isFromGenesis], [2n, 2n, false]);
});
