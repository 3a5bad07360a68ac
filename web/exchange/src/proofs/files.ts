// Files to check, told apart by how they begin; in the order of the batches that they say they are about.
//
// What a file says of itself is not believed: it only decides what is tried next.

const CONFIG_BYTES = 88;
const RECEIPT_BYTES = 128;
const FILE_BYTES_MAX = 16 * 2 ** 20;
/** Of the number of a batch, or of a chain's first one, in a proof file. */
const BATCH_OFFSET = 24 + 8 * 6;

export interface NamedBytes {
  name: string;
  bytes: Uint8Array;
}

export interface ProofFile extends NamedBytes {
  /** The values of a chain's batches. */
  batches: Uint8Array | null;
}

export interface Sorted {
  config: NamedBytes | null;
  proofs: ProofFile[];
  receipts: NamedBytes[];
  /** Files that are nothing that can be checked here, and why. */
  others: { name: string; reason: string }[];
}

const beginsWith = (bytes: Uint8Array, magic: string) => magic.length <= bytes.length && [...magic].every((letter, index) => bytes[index] === letter.charCodeAt(0));

function statedBatch(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return bytes.length < BATCH_OFFSET + 8 ? 2n ** 64n : view.getBigUint64(BATCH_OFFSET, true);
}

const stemOf = (name: string) => name.replace(/\.[^.]*$/, "");

/** A file of receipts holds one after another. */
function receiptsOf({ name, bytes }: NamedBytes): NamedBytes[] {
  if (bytes.length <= RECEIPT_BYTES) return [{ name, bytes }];
  const count = Math.ceil(bytes.length / RECEIPT_BYTES);
  return Array.from({ length: count }, (_, index) => ({
    name: `${name}, receipt ${index + 1}`,
    bytes: bytes.slice(RECEIPT_BYTES * index, RECEIPT_BYTES * (index + 1)),
  }));
}

export function sorted(files: NamedBytes[]): Sorted {
  const result: Sorted = { config: null, proofs: [], receipts: [], others: [] };
  const opened = new Map(files.filter(({ name }) => name.endsWith(".batches")).map((file) => [stemOf(file.name), file]));
  for (const file of files) {
    const { name, bytes } = file;
    if (name.endsWith(".batches")) continue;
    if (bytes.length > FILE_BYTES_MAX) result.others.push({ name, reason: `expected at most ${FILE_BYTES_MAX} bytes; received ${bytes.length}` });
    else if (beginsWith(bytes, "PBRECPT1")) result.receipts.push(...receiptsOf(file));
    else if (bytes.length === CONFIG_BYTES || name.endsWith(".config")) result.config = file;
    else if (/^PB(SIGND|INCLU|CONTR)1$/.test(String.fromCharCode(...bytes.slice(0, 8)))) {
      result.others.push({ name, reason: "expected a proof, a receipt or a market's configuration; such a file is checked by `proofbook audit`" });
    } else {
      result.proofs.push({ ...file, batches: opened.get(stemOf(name))?.bytes ?? null });
      opened.delete(stemOf(name));
    }
  }
  for (const { name } of opened.values()) {
    result.others.push({ name, reason: `expected the proof of its chain with it, ${stemOf(name)}.proof; received none` });
  }
  result.proofs.sort((one, other) => {
    const [first, second] = [statedBatch(one.bytes), statedBatch(other.bytes)];
    return first < second ? -1 : first > second ? 1 : one.name.localeCompare(other.name);
  });
  return result;
}

export async function readFiles(files: Iterable<File>): Promise<NamedBytes[]> {
  return Promise.all([...files].map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })));
}
