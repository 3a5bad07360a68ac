// What is said to those who do not see the page: fills, faults, connections. At most one sentence in a while, since each takes time to hear.

const INTERVAL_MS = 700;
const WAITING_MAX = 4;

class Announcer {
  text = $state("");
  #waiting: string[] = [];
  #isBusy = false;

  say(text: string): void {
    this.#waiting.push(text);
    if (!this.#isBusy) this.#next();
  }

  #next(): void {
    const count = this.#waiting.length;
    this.#isBusy = count > 0;
    if (count === 0) return;
    // More than can be heard: the last one, and how many there were.
    this.text = count > WAITING_MAX ? `${count} more events. ${this.#waiting.at(-1)}` : (this.#waiting[0] ?? "");
    this.#waiting = count > WAITING_MAX ? [] : this.#waiting.slice(1);
    setTimeout(() => this.#next(), INTERVAL_MS);
  }
}

export const announcer = new Announcer();

export function announce(text: string): void {
  announcer.say(text);
}
