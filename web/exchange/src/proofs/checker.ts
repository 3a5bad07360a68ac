// The page's end of its worker: calls as promises.

import type { Call, Calls } from "./calls";

interface Waiting {
  resolve(answer: never): void;
  reject(error: Error): void;
}

export class Checker {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  readonly #waiting = new Map<number, Waiting>();
  #number = 0;

  constructor() {
    this.#worker.addEventListener("message", (event: MessageEvent<{ number: number; answer: never; fault?: string }>) => {
      const { number, answer, fault } = event.data;
      const waiting = this.#waiting.get(number);
      this.#waiting.delete(number);
      if (fault === undefined) waiting?.resolve(answer);
      else waiting?.reject(new Error(fault));
    });
    this.#worker.addEventListener("error", (event) => this.#fail(event.message || "the verifier's worker cannot be started"));
  }

  call<Name extends Call>(call: Name, send: Calls[Name]["send"]): Promise<Calls[Name]["answer"]> {
    return new Promise((resolve, reject) => {
      const number = this.#number++;
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage({ number, call, send });
    });
  }

  close(): void {
    this.#worker.terminate();
    this.#fail("the check was ended");
  }

  #fail(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(reason));
    this.#waiting.clear();
  }
}
