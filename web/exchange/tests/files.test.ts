// Files to check, told apart and put in order.
import { describe, expect, it } from "vitest";
import { sorted } from "../src/proofs/files";

function proof(name: string, batch: number) {
  const bytes = new Uint8Array(300);
  bytes.set(new TextEncoder().encode("PROOFBK1"));
  new DataView(bytes.buffer).setBigUint64(24 + 48, BigInt(batch), true);
  return { name, bytes };
}

const text = (name: string, content: string, length = content.length) => {
  const bytes = new Uint8Array(length);
  bytes.set(new TextEncoder().encode(content));
  return { name, bytes };
};

describe("files", () => {
  it("are tried in the order of the batches that they state", () => {
    const { proofs } = sorted([proof("b.proof", 10), proof("c.proof", 2), proof("a.proof", 10)]);
    expect(proofs.map(({ name }) => name)).toEqual(["c.proof", "a.proof", "b.proof"]);
  });

  it("of a chain have the values of its batches with them", () => {
    const batches = text("chain.batches", "values");
    const { proofs, others } = sorted([batches, proof("chain.proof", 1), text("lone.batches", "")]);
    expect(proofs[0]?.batches).toBe(batches.bytes);
    expect(others).toEqual([{ name: "lone.batches", reason: "expected the proof of its chain with it, lone.proof; received none" }]);
  });

  it("of receipts hold one after another; a cut one stays to be refused", () => {
    const { receipts } = sorted([text("all.receipts", "PBRECPT1", 300)]);
    expect(receipts.map(({ bytes }) => bytes.length)).toEqual([128, 128, 44]);
  });

  it("that are a configuration or checked elsewhere are told apart", () => {
    const { config, others, proofs } = sorted([text("market", "", 88), text("1.signed", "PBSIGND1", 304), text("short", "")]);
    expect(config?.name).toBe("market");
    expect(others.map(({ name }) => name)).toEqual(["1.signed"]);
    expect(proofs.map(({ name }) => name)).toEqual(["short"]);
  });
});
