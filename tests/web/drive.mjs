// Asks the verifier in a folder: a list of requests as JSON on standard input, a list of answers on standard output.
//
// A request has `files`, each base64, and perhaps `start`: base64 of a configuration, a place in `files` whose values to follow, or
// null; with it the files are a chain. An answer has, for each file, `values` or `error` and `message`.

import { load } from "../../web/verifier/verifier.mjs";
import { readFileSync } from "node:fs";

const verifier = await load(readFileSync(`${process.argv[2]}/verifier.wasm`));
const bytesOf = (text) => Uint8Array.from(Buffer.from(text, "base64"));

function outcome(action) {
  try {
    const values = action();
    return { values, encoded: Buffer.from(values.encode()).toString("hex") };
  } catch (error) {
    return { error: error.name, message: error.message, values: error.values ?? null };
  }
}

function startOf({ start, files }) {
  if (typeof start === "number") return verifier.verify(bytesOf(files[start]));
  return start === null ? null : bytesOf(start);
}

function answer(request) {
  const chain = "start" in request ? verifier.chain(startOf(request)) : null;
  const check = (file) => outcome(() => (chain ? chain.extend(bytesOf(file)) : verifier.verify(bytesOf(file))));
  const files = request.files.map(check);
  if (chain === null) return { files };
  const { batches, batch, sequence, clock, market, config, root, isFromGenesis } = chain;
  const end = { batches, batch, sequence, clock, market, config, root };
  const texts = Object.entries(end).map(([name, value]) => [name, value === null ? null : String(value)]);
  return { files, chain: { ...Object.fromEntries(texts), isFromGenesis } };
}

const answers = JSON.parse(readFileSync(0, "utf8")).map(answer);
console.log(JSON.stringify({ programKey: verifier.programKey, answers }));
