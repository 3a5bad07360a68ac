// Checks proofs of batches and of chains in a browser or in Node: the project's verifier as WebAssembly, and nothing else.
//
//     import { load } from "./verifier.mjs";
//     const verifier = await load(new URL("verifier.wasm", import.meta.url));
//     const values = verifier.verify(bytes); // PublicValues of a batch, or it throws
//     const joined = verifier.verifyChain(bytes); // ChainValues, which say of many batches what one proof shows, or it throws
//     const chain = verifier.chain(config); // a market's configuration, what was verified earlier, or null
//     chain.extend(bytes); // PublicValues or ChainValues, or it throws and the chain stays as it is
//
// Numbers of 64 bits are BigInt, times nanoseconds, digests 64 lower-case hexadecimal digits.
//
// Invariants: PublicValues and ChainValues exist only of proofs that held. An error's text is the one that the native verifier gives. Nothing is
// fetched but the module that `load` is told to fetch. An instance that stopped is never used again.

/** Base of what is thrown for a proof that does not show what it should. */
export class ProofError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Bytes that are no proof file, or a kind of proof that is checked elsewhere. */
export class ProofFormatError extends ProofError {}

/** A proof that does not hold: altered, of other values, of another program. */
export class InvalidProofError extends ProofError {}

/** Proven batches that do not follow each other. `values`: what the proof says, which holds by itself; null without a proof. */
export class ChainError extends ProofError {
  constructor(message, values) {
    super(message);
    this.values = values;
  }
}

/** A receipt that is none, or is not signed by the key. */
export class ReceiptError extends ProofError {}

/** What was passed cannot be used; the message says what was expected and what was received. */
export class InputError extends Error {
  constructor(message) {
    super(message);
    this.name = "InputError";
  }
}

const STATUS = { HOLDS: 0, FORMAT: 1, INVALID: 2, UNCONNECTED: 3 };
const VALUES_BYTES = 232;
const PLACE_BYTES = 96;
const MODE_OFFSET = 8;
const CHAIN_MODE = 3;
const PRIVATE = Symbol("made here alone");

/** Fields of a batch's public values by the number of their first word; docs/COMMITMENT.md, section 7. */
const FIELDS = [
  ["market", 1, "number"],
  ["config", 2, "digest"],
  ["batch", 6, "number"],
  ["firstSequence", 7, "number"],
  ["lastSequence", 8, "number"],
  ["clockBefore", 9, "number"],
  ["clockAfter", 10, "number"],
  ["previousRoot", 11, "digest"],
  ["newRoot", 15, "digest"],
  ["commands", 19, "number"],
  ["commandRoot", 20, "digest"],
  ["events", 24, "number"],
  ["eventRoot", 25, "digest"],
];

/** Those of a chain; section 10. Its programs are the verifier's. */
const CHAIN_FIELDS = [
  ["market", 1, "number"],
  ["config", 2, "digest"],
  ["firstBatch", 6, "number"],
  ["lastBatch", 7, "number"],
  ["firstSequence", 8, "number"],
  ["lastSequence", 9, "number"],
  ["clockBefore", 10, "number"],
  ["clockAfter", 11, "number"],
  ["previousRoot", 12, "digest"],
  ["newRoot", 16, "digest"],
  ["commands", 20, "number"],
  ["events", 21, "number"],
  ["batchRoot", 22, "digest"],
];

/** Those of a receipt; docs/RECEIPTS.md. */
const RECEIPT_FIELDS = [
  ["market", 1, "number"],
  ["sequence", 2, "number"],
  ["time", 3, "number"],
  ["command", 4, "digest"],
];

function numberAt(bytes, offset) {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(offset, true);
}

function hexadecimal(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function asBytes(value, what) {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  const received = value === null ? "null" : (value?.constructor?.name ?? typeof value);
  throw new InputError(`${what}: expected a Uint8Array or an ArrayBuffer; received ${received}`);
}

function setFields(values, bytes, fields) {
  for (const [name, word, kind] of fields) {
    const offset = 8 * word;
    values[name] = kind === "digest" ? hexadecimal(bytes.subarray(offset, offset + 32)) : numberAt(bytes, offset);
  }
}

/** For JSON, which has no numbers of 64 bits: those are decimal strings. */
function asTexts(values) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

/** What a proof proves of a batch. Only a verifier makes one, of a proof that held. */
export class PublicValues {
  #bytes;

  constructor(permit, bytes) {
    if (permit !== PRIVATE) throw new TypeError("only a verifier makes PublicValues");
    this.#bytes = bytes;
    setFields(this, bytes, FIELDS);
    Object.freeze(this);
  }

  /** Their 232 bytes. */
  encode() {
    return this.#bytes.slice();
  }

  /** Numbers and digests as texts. */
  toJSON() {
    return asTexts(this);
  }
}

/** What a proof proves of a chain of batches. Only a verifier makes one, of a proof that held. */
export class ChainValues {
  #bytes;
  #machine;

  constructor(permit, bytes, machine) {
    if (permit !== PRIVATE) throw new TypeError("only a verifier makes ChainValues");
    this.#bytes = bytes;
    this.#machine = machine;
    setFields(this, bytes, CHAIN_FIELDS);
    /** Number of batches. */
    this.batches = this.lastBatch - this.firstBatch + 1n;
    Object.freeze(this);
  }

  /**
   * What is proven of each batch, from the public values of all of them, 232 bytes each: the file `.batches` beside the proof.
   * Throws ProofFormatError for another number of batches, and InvalidProofError where they are not the chain's.
   */
  open(batches) {
    const values = outputOf(this.#machine.call("proofbook_open", this.#bytes, asBytes(batches, "batches")));
    const valuesAt = (index) => values.slice(VALUES_BYTES * index, VALUES_BYTES * (index + 1));
    return Array.from({ length: values.length / VALUES_BYTES }, (_, index) => new PublicValues(PRIVATE, valuesAt(index)));
  }

  /** Their 272 bytes. */
  encode() {
    return this.#bytes.slice();
  }

  /** Numbers and digests as texts. */
  toJSON() {
    return asTexts(this);
  }
}

/** What a receipt says. Only a verifier makes one, of a receipt whose signature held. */
export class ReceiptValues {
  constructor(permit, bytes) {
    if (permit !== PRIVATE) throw new TypeError("only a verifier makes ReceiptValues");
    setFields(this, bytes, RECEIPT_FIELDS);
    Object.freeze(this);
  }

  /** Numbers and digests as texts. */
  toJSON() {
    return asTexts(this);
  }
}

/** The two kinds of proof: how many bytes of values each has, what makes them values, and the module's calls for it. */
const BATCH = {
  bytes: VALUES_BYTES,
  made: (bytes) => new PublicValues(PRIVATE, bytes),
  verify: "proofbook_verify",
  places: "proofbook_places",
  extend: "proofbook_extend",
};
const CHAIN = {
  bytes: 272,
  made: (bytes, machine) => new ChainValues(PRIVATE, bytes, machine),
  verify: "proofbook_verify_chain",
  places: "proofbook_chain_places",
  extend: "proofbook_extend_by",
};

/** The kind that a file says it is of. What it is, the module checks. */
function kindOf(file) {
  return file[MODE_OFFSET] === CHAIN_MODE ? CHAIN : BATCH;
}

/** One instance of the module after another, each until it stops. */
class Machine {
  #module;
  #instance;

  constructor(module) {
    this.#module = module;
    this.#renew();
  }

  #renew() {
    this.#instance = new WebAssembly.Instance(this.#module, {});
  }

  #output(exports) {
    const start = exports.proofbook_output() >>> 0;
    return new Uint8Array(exports.memory.buffer, start, exports.proofbook_output_length() >>> 0).slice();
  }

  /** Calls a function of the module with the parts as its input, and gives its status and output. */
  call(name, ...parts) {
    const exports = this.#instance.exports;
    try {
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      const start = exports.proofbook_input(length) >>> 0;
      if (start === 0) return { status: STATUS.FORMAT, output: this.#output(exports) };
      const input = new Uint8Array(exports.memory.buffer, start, length);
      parts.reduce((offset, part) => {
        input.set(part, offset);
        return offset + part.length;
      }, 0);
      return { status: exports[name](), output: this.#output(exports) };
    } catch (stop) {
      // The instance is not called again: its memory is read where it stopped, then it is replaced.
      this.#renew();
      return { status: STATUS.INVALID, output: this.#reason(exports, stop), stop };
    }
  }

  /** What a stopped instance left as its reason. */
  #reason(exports, stop) {
    try {
      const reason = this.#output(exports);
      if (reason.length > 0) return reason;
    } catch {
      // It stopped so hard that even that cannot be asked.
    }
    return new TextEncoder().encode(`the proof does not hold: its check stopped: ${stop.message}`);
  }
}

/** The output of a call that did what was asked; any other is thrown. */
function outputOf({ status, output, stop }, machine, kind) {
  if (status === STATUS.HOLDS) return output;
  if (status === STATUS.UNCONNECTED) {
    const values = kind.made(output.slice(0, kind.bytes), machine);
    throw new ChainError(new TextDecoder().decode(output.subarray(kind.bytes)), values);
  }
  const text = new TextDecoder().decode(output);
  if (status === STATUS.FORMAT) throw new ProofFormatError(text);
  if (status === STATUS.INVALID) throw new InvalidProofError(text, stop && { cause: stop });
  throw new InputError(text);
}

/** What the proof in a file of this kind proves. */
function verified(machine, kind, file) {
  return kind.made(outputOf(machine.call(kind.verify, file)), machine);
}

/** The places before and after what was proven, one after the other. */
function placesOf(machine, kind, values) {
  return outputOf(machine.call(kind.places, values.encode()), machine, kind);
}

/** Proven batches of one market, each the next one after the other. `Verifier.chain` makes one. */
export class Chain {
  #machine;
  #start;
  #end;
  #isFromGenesis;

  constructor(permit, machine, start, isFromGenesis) {
    if (permit !== PRIVATE) throw new TypeError("only Verifier.chain makes a Chain");
    this.#machine = machine;
    this.#start = start;
    this.#end = start;
    this.#isFromGenesis = isFromGenesis;
  }

  /**
   * Checks a proof of a batch or of a chain, and takes its batch or batches as the next ones. Gives PublicValues or ChainValues.
   * After an error the chain is as before.
   */
  extend(proof) {
    const file = asBytes(proof, "proof");
    const kind = kindOf(file);
    let start = this.#start;
    if (start === null) {
      // A batch follows on the place before it, unless it says of itself what cannot be.
      const values = verified(this.#machine, kind, file);
      start = placesOf(this.#machine, kind, values).slice(0, PLACE_BYTES);
    }
    const output = outputOf(this.#machine.call(kind.extend, this.#end ?? start, file), this.#machine, kind);
    this.#start = start;
    this.#end = output.slice(kind.bytes);
    return kind.made(output.slice(0, kind.bytes), this.#machine);
  }

  #number(index) {
    return this.#end === null ? null : numberAt(this.#end, 8 * index);
  }

  #digest(offset) {
    return this.#end === null ? null : hexadecimal(this.#end.subarray(offset, offset + 32));
  }

  /** Whether it began at the empty state of a known configuration, so that nothing about it is taken on trust. */
  get isFromGenesis() {
    return this.#isFromGenesis;
  }

  /** Number of batches. */
  get batches() {
    return this.#end === null ? 0n : numberAt(this.#end, 8) - numberAt(this.#start, 8);
  }

  /** Number of the market; null, like all below, while it is not known where the chain begins. */
  get market() {
    return this.#number(0);
  }

  /** Number of the last batch. */
  get batch() {
    return this.#number(1);
  }

  /** Sequence of the last command. */
  get sequence() {
    return this.#number(2);
  }

  /** The clock. */
  get clock() {
    return this.#number(3);
  }

  /** Hash of the market's configuration. */
  get config() {
    return this.#digest(32);
  }

  /** The state root. */
  get root() {
    return this.#digest(64);
  }
}

/** The verifier of one program for batches and one for chains, whose keys are part of the module. `load` makes one. */
export class Verifier {
  #machine;

  constructor(module) {
    this.#machine = new Machine(module);
    this.programKey = hexadecimal(outputOf(this.#machine.call("proofbook_program_key")));
    this.chainProgramKey = hexadecimal(outputOf(this.#machine.call("proofbook_chain_program_key")));
    Object.freeze(this);
  }

  /** What the proof of a batch in a file proves. Throws ProofFormatError or InvalidProofError. */
  verify(proof) {
    return verified(this.#machine, BATCH, asBytes(proof, "proof"));
  }

  /** What the proof of a chain in a file proves of its batches together. Throws ProofFormatError or InvalidProofError. */
  verifyChain(proof) {
    return verified(this.#machine, CHAIN, asBytes(proof, "proof"));
  }

  /** As `verify` or as `verifyChain`, whichever the file is for. */
  verifyAny(proof) {
    const file = asBytes(proof, "proof");
    return verified(this.#machine, kindOf(file), file);
  }

  /**
   * What a receipt says (128 bytes), if it is signed by the operator with this public key: 64 hexadecimal digits. Throws ReceiptError.
   * That its command is in a batch, it does not show: `proofbook audit` does.
   */
  receipt(receipt, key) {
    const digits = typeof key === "string" ? key.match(/^(?:[0-9a-f]{2}){32}$/)?.[0] : undefined;
    if (digits === undefined) throw new InputError(`key: expected 64 lower-case hexadecimal digits; received ${JSON.stringify(key)}`);
    const bytes = Uint8Array.from(digits.match(/../g), (pair) => Number.parseInt(pair, 16));
    const answer = this.#machine.call("proofbook_receipt", bytes, asBytes(receipt, "receipt"));
    const isRefused = answer.status === STATUS.FORMAT || answer.status === STATUS.INVALID;
    if (isRefused) throw new ReceiptError(new TextDecoder().decode(answer.output), answer.stop && { cause: answer.stop });
    return new ReceiptValues(PRIVATE, outputOf(answer));
  }

  /**
   * A chain without a batch yet. `start`: the encoded configuration of a market (88 bytes), so that the chain is its whole
   * history; the PublicValues or ChainValues that were verified earlier; or null, to take the state before the first batch on
   * trust.
   */
  chain(start) {
    if (start === null) return new Chain(PRIVATE, this.#machine, null, false);
    const isChain = start instanceof ChainValues;
    if (isChain || start instanceof PublicValues) {
      const places = placesOf(this.#machine, isChain ? CHAIN : BATCH, start);
      return new Chain(PRIVATE, this.#machine, places.slice(PLACE_BYTES), false);
    }
    const place = outputOf(this.#machine.call("proofbook_genesis", asBytes(start, "start")));
    return new Chain(PRIVATE, this.#machine, place, true);
  }
}

async function read(url) {
  if (url.protocol === "file:") {
    const { readFile } = await import("node:fs/promises");
    return readFile(url);
  }
  const response = await fetch(url);
  if (!response.ok) throw new InputError(`${url}: expected the verifier; received status ${response.status}`);
  return response.arrayBuffer();
}

/** The verifier in a module: its URL (in Node also file:), or its bytes. */
export async function load(source) {
  const isAddress = typeof source === "string" || source instanceof URL;
  const bytes = isAddress ? await read(new URL(source, import.meta.url)) : asBytes(source, "source");
  return new Verifier(await WebAssembly.compile(bytes));
}
