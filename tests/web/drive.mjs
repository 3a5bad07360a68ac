// Asks the verifier in a folder: a list of requests as JSON on standard input, a list of answers on standard output.
//
// A request has `files`, each base64, and perhaps `start`: base64 of a configuration, a place in `files` whose values to follow, or
// null; with it the files are a chain. Without it, `call` names what checks them if not `verify`, and `batches`, base64, are opened
// with the values of each. An answer has, for each file, `values` or `error` and `message`, and `opened` for the batches.

import { load } from "../../web/verifier/verifier.mjs";
import { readFileSync } from "node:fs";

const verifier = await load(readFileSync(`${process.argv[2]}/verifier.wasm`));
const bytesOf = (text) => Uint8Array.from(Buffer.from(text, "base64"));

const hexadecimal = (values) => Buffer.from(values.encode()).toString("hex");

function outcome(action, batches) {
  try {
    const values = action();
    const opened = batches && outcome(() => ({ encode: () => Buffer.concat(values.open(batches).map((one) => one.encode())) }));
    return { values, encoded: hexadecimal(values), ...(opened && { opened }) };
  } catch (error) {
    return { error: error.name, message: error.message, values: error.values ?? null };
  }
}

function startOf({ start, files }) {
  if (typeof start === "number") return verifier.verifyAny(bytesOf(files[start]));
  return start === null ? null : bytesOf(start);
}

function answer(request) {
  const chain = "start" in request ? verifier.chain(startOf(request)) : null;
  const { call = "verify" } = request;
  const opened = request.batches === undefined ? undefined : bytesOf(request.batches);
  const check = (file) => outcome(() => (chain ? chain.extend(bytesOf(file)) : verifier[call](bytesOf(file))), opened);
  const files = request.files.map(check);
  if (chain === null) return { files };
  const { batches, batch, sequence, clock, market, config, root, isFromGenesis } = chain;
  const end = { batches, batch, sequence, clock, market, config, root };
  const texts = Object.entries(end).map(([name, value]) => [name, value === null ? null : String(value)]);
  return { files, chain: { ...Object.fromEntries(texts), isFromGenesis } };
}

const answers = JSON.parse(readFileSync(0, "utf8")).map(answer);
console.log(JSON.stringify({ programKey: verifier.programKey, chainProgramKey: verifier.chainProgramKey, answers }));
