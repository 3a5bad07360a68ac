// Which view is open, from the address: `#/trade/BTC-USD` or `#/proofs`, so that a view can be linked to and gone back from.

export type View = "trade" | "proofs";

class Route {
  view = $state<View>("trade");
  market = $state<string | null>(null);

  constructor() {
    this.#read();
    addEventListener("hashchange", () => this.#read());
  }

  go(view: View, market?: string): void {
    location.hash = view === "proofs" ? "#/proofs" : `#/trade/${market ?? this.market ?? ""}`;
  }

  #read(): void {
    const [, view, market] = location.hash.split("/");
    this.view = view === "proofs" ? "proofs" : "trade";
    if (market) this.market = decodeURIComponent(market);
  }
}

export const route = new Route();
