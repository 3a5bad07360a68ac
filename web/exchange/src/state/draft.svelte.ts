// The order that is being written, which the ladder, the best prices and the keyboard fill in too.

import { formatDecimal } from "../lib/decimal";
import type { Kind, Side, TimeInForce } from "../lib/messages";
import type { MarketFeed } from "./market.svelte";

class Draft {
  side = $state<Side>("buy");
  kind = $state<Kind>("limit");
  price = $state("");
  quantity = $state("");
  stopPrice = $state("");
  timeInForce = $state<TimeInForce>("gtc");
  isPostOnly = $state(false);
  display = $state("");

  /** Takes a price from the book. */
  setPrice(feed: MarketFeed, ticks: bigint): void {
    if (this.kind === "market" || this.kind === "stop") this.kind = this.kind === "market" ? "limit" : "stop_limit";
    this.price = formatDecimal(ticks, feed.terms.price_decimals);
  }

  /** Another market has other prices and quantities. */
  clear(): void {
    this.price = "";
    this.quantity = "";
    this.stopPrice = "";
    this.display = "";
  }
}

export const draft = new Draft();

/** Puts the focus into the field, or on the part, with this id. */
export function focusOn(id: string): void {
  const element = document.getElementById(id);
  element?.focus();
  if (element instanceof HTMLInputElement) element.select();
}
