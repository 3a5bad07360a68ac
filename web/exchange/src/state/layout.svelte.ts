// Which parts are open: on a phone's width the one that there is room for, and which of the account's tabs.

export const ACCOUNT_TABS = ["orders", "fills", "balances"] as const;

class Layout {
  panel = $state("book");
  accountTab = $state<(typeof ACCOUNT_TABS)[number]>("orders");
}

export const layout = new Layout();
