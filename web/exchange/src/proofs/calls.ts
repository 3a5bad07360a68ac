// What this page and its worker say to each other: one call at a time each, answered in order.

/** Fields of proven values or of a receipt, as texts. */
export type Values = Record<string, string>;

/** How a chain of proofs stands: batches that follow each other, each of them proven. */
export interface ChainEnd {
  batches: string;
  batch: string | null;
  root: string | null;
  isFromGenesis: boolean;
}

/** What was found about a file. `fault` without values: it does not hold. With values: it holds, and does not come next. */
export interface Finding {
  kind: "batch" | "chain" | "receipt";
  values: Values | null;
  fault: string | null;
  /** Of a chain: the values of its batches, where they were given and are its own. */
  opened: Values[] | null;
  milliseconds: number;
}

export interface Loaded {
  programKey: string;
  chainProgramKey: string;
  bytes: number;
  /** SHA-256 of the module, to compare with one's own build. */
  digest: string | null;
}

export interface Calls {
  load: { send: { url: string }; answer: Loaded };
  /** Begins a chain: at a market's empty state where its configuration is given, else wherever the first proof begins. */
  begin: { send: { config: Uint8Array | null }; answer: ChainEnd };
  extend: { send: { proof: Uint8Array; batches: Uint8Array | null }; answer: { finding: Finding; end: ChainEnd } };
  receipt: { send: { receipt: Uint8Array; key: string }; answer: Finding };
}

export type Call = keyof Calls;
