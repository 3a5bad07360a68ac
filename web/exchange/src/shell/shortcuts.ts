// Single keys that do something outside of fields, and what. They can be switched off: some assistive software sends keys of its own.

import { draft, focusOn } from "../state/draft.svelte";
import { layout } from "../state/layout.svelte";
import { route } from "../state/route.svelte";
import { settings } from "../state/settings.svelte";

interface Shortcut {
  keys: string[];
  what: string;
  act(): void;
}

/** On a phone's width only one part is shown; the one that is asked for has to be it. */
let reveal: (panel: string) => void = () => undefined;
let openHelp: () => void = () => undefined;

function focusIn(panel: string, id: string): void {
  route.go("trade");
  reveal(panel);
  // Once it is there.
  setTimeout(() => focusOn(id));
}

function sideOf(side: "buy" | "sell"): void {
  draft.side = side;
  focusIn("order", draft.kind === "market" ? "entry-quantity" : "entry-price");
}

function focusOrders(): void {
  layout.accountTab = "orders";
  focusIn("account", "tab-orders");
}

function focusLadder(): void {
  route.go("trade");
  reveal("book");
  setTimeout(() => document.querySelector<HTMLElement>('#ladder [tabindex="0"]')?.focus());
}

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: ["b"], what: "buy: to the price", act: () => sideOf("buy") },
  { keys: ["s"], what: "sell: to the price", act: () => sideOf("sell") },
  { keys: ["q"], what: "to the quantity", act: () => focusIn("order", "entry-quantity") },
  { keys: ["l"], what: "into the book", act: focusLadder },
  { keys: ["o"], what: "to the open orders", act: focusOrders },
  { keys: ["m"], what: "to the market", act: () => focusIn("", "market") },
  { keys: ["1"], what: "trade", act: () => route.go("trade") },
  { keys: ["2"], what: "proofs", act: () => route.go("proofs") },
  { keys: ["t"], what: "light or dark colours", act: () => settings.switchTheme() },
  { keys: ["?"], what: "this list", act: () => openHelp() },
];

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input:not([type=checkbox]), select, textarea, [contenteditable]");
}

export function listen(show: (panel: string) => void, help: () => void): void {
  reveal = show;
  openHelp = help;
  addEventListener("keydown", (event) => {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!isPlain || !settings.hasShortcuts || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const shortcut = SHORTCUTS.find(({ keys }) => keys.includes(event.key));
    if (!shortcut) return;
    event.preventDefault();
    shortcut.act();
  });
}
