// What the exchange says about its proofs, and what this page has found about them itself. The two are never mixed: what is stated is
// shown as stated, and only what the verifier said here is shown as verified.

import { get, getBytes } from "../lib/http";
import { announce } from "../state/announce.svelte";
import type { ChainEnd, Finding, Loaded } from "./calls";
import { Checker } from "./checker";
import { sorted, type NamedBytes, type ProofFile } from "./files";

const INTERVAL_MS = 5_000;

/** A batch as the exchange states it. */
export interface StatedBatch {
  batch: number;
  first_sequence: number;
  last_sequence: number;
  commands: number;
  events: number;
  previous_root: string;
  new_root: string;
  state: "sealed" | "proven";
  file: string | null;
}

export interface StatedChain {
  first_batch: number;
  last_batch: number;
  new_root: string;
  file: string;
  batches_file: string | null;
}

export interface StatedMarket {
  market: string;
  /** Commands that the market has taken so far. */
  sequence: number;
  config: string | null;
  receipt_public_key: string | null;
  batches: StatedBatch[];
  chains: StatedChain[];
}

/** A file that was checked here. */
export interface Checked {
  name: string;
  bytes: number;
  /** The market that the exchange gave it for; null for a file that the reader had. */
  market: string | null;
  finding: Finding;
}

class Proofs {
  markets = $state.raw<StatedMarket[]>([]);
  fault = $state("");
  verifier = $state.raw<Loaded | null>(null);
  verifierFault = $state("");
  checked = $state.raw<Checked[]>([]);
  refused = $state.raw<{ name: string; reason: string }[]>([]);
  config = $state.raw<NamedBytes | null>(null);
  end = $state.raw<ChainEnd | null>(null);
  /** What is being done; empty while nothing is. */
  work = $state("");
  /** The operator's public key that receipts are held against: the reader's, or, until there is one, the exchange's word. */
  receiptKey = $state("");

  #checker: Checker | null = null;

  /** Loads the verifier and asks for the proofs again and again; gives what ends that. */
  follow(): () => void {
    const checker = new Checker();
    this.#checker = checker;
    checker
      .call("load", { url: new URL("verifier.wasm", document.baseURI).href })
      .then((loaded) => (this.verifier = loaded))
      .catch((error: Error) => (this.verifierFault = error.message));
    const ask = () => {
      if (!document.hidden) void this.#ask();
    };
    ask();
    const timer = setInterval(ask, INTERVAL_MS);
    return () => {
      clearInterval(timer);
      checker.close();
      this.#checker = null;
      this.verifier = null;
      this.work = "";
    };
  }

  async #ask(): Promise<void> {
    try {
      this.markets = (await get("/proofs")) as StatedMarket[];
      this.fault = "";
      this.receiptKey ||= this.statedKey;
    } catch (error) {
      this.fault = (error as Error).message;
    }
  }

  /** The key of the receipts as the exchange states it. */
  get statedKey(): string {
    return this.markets.find(({ receipt_public_key }) => receipt_public_key !== null)?.receipt_public_key ?? "";
  }

  /** Checks files that the reader has. A configuration among them is kept for those that come later. */
  async checkFiles(files: NamedBytes[]): Promise<void> {
    await this.#busy(async () => {
      const { config, proofs, receipts, others } = sorted(files);
      this.#clear();
      this.refused = others;
      if (config) this.config = config;
      if (proofs.length > 0) await this.#checkProofs(proofs, this.config?.bytes ?? null, null);
      for (const receipt of receipts) await this.#checkReceipt(receipt);
    });
  }

  /** Fetches all proofs of a market, and checks that they are its whole history. */
  async checkMarket(market: StatedMarket): Promise<void> {
    await this.#busy(async () => {
      this.#clear();
      this.work = "Fetching the market's configuration …";
      const config = market.config === null ? null : await getBytes(market.config);
      const proven = market.batches.filter(({ file }) => file !== null);
      const files: ProofFile[] = [];
      for (const { file, batch } of proven) {
        this.work = `Fetching the proof of batch ${batch} …`;
        files.push({ name: file!, bytes: await getBytes(`proofs/${market.market}/${file}`), batches: null });
      }
      await this.#checkProofs(files, config, market.market);
    });
  }

  /** Fetches one proof and checks it by itself: what came before its batch is taken on trust. */
  async checkOne(market: StatedMarket, file: string, batchesFile: string | null): Promise<void> {
    await this.#busy(async () => {
      this.#clear();
      this.work = `Fetching ${file} …`;
      const root = `proofs/${market.market}`;
      const batches = batchesFile === null ? null : await getBytes(`${root}/${batchesFile}`);
      await this.#checkProofs([{ name: file, bytes: await getBytes(`${root}/${file}`), batches }], null, market.market);
    });
  }

  /** Fetches the receipt of a command and checks its signature. */
  async checkReceiptOf(market: string, sequence: string): Promise<void> {
    await this.#busy(async () => {
      this.#clear();
      this.work = "Fetching the receipt …";
      await this.#checkReceipt({ name: `receipt ${sequence} of ${market}`, bytes: await getBytes(`receipts/${market}/${sequence}`) });
    });
  }

  /** Whether every proof and receipt that was checked holds and follows. */
  get isGood(): boolean {
    return this.refused.length === 0 && this.checked.every(({ finding }) => finding.fault === null);
  }

  async #checkProofs(files: ProofFile[], config: Uint8Array | null, market: string | null): Promise<void> {
    const checker = this.#ready();
    this.end = await checker.call("begin", { config });
    for (const [index, { name, bytes, batches }] of files.entries()) {
      this.work = `Checking ${index + 1} of ${files.length} …`;
      const { finding, end } = await checker.call("extend", { proof: bytes, batches });
      this.checked = [...this.checked, { name, bytes: bytes.length, market, finding }];
      this.end = end;
    }
  }

  async #checkReceipt({ name, bytes }: NamedBytes): Promise<void> {
    const finding = await this.#ready().call("receipt", { receipt: bytes, key: this.receiptKey.trim().toLowerCase() });
    this.checked = [...this.checked, { name, bytes: bytes.length, market: null, finding }];
  }

  #ready(): Checker {
    if (!this.#checker || !this.verifier) throw new Error(this.verifierFault || "the verifier is still being loaded");
    return this.#checker;
  }

  #clear(): void {
    this.checked = [];
    this.refused = [];
    this.end = null;
  }

  async #busy(action: () => Promise<void>): Promise<void> {
    this.work = "Reading …";
    try {
      await action();
      announce(this.isGood ? "Everything that was checked holds." : "Something that was checked does not hold.");
    } catch (error) {
      this.refused = [...this.refused, { name: "Not checked", reason: (error as Error).message }];
      announce((error as Error).message);
    } finally {
      this.work = "";
    }
  }
}

export const proofs = new Proofs();
