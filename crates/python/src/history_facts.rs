//! What the history's table of entries says about a request, whatever it asks.

use proofbook_exchange::{Action, AssetId, MarketId, Target, Transfer};
use proofbook_types::{AccountId, OrderId};

/// The parts of an action that have a column.
#[derive(Default)]
pub struct Facts<'a> {
    pub name: &'static str,
    pub account: Option<AccountId>,
    pub session: Option<u64>,
    pub market: Option<MarketId>,
    pub asset: Option<AssetId>,
    pub order_id: OrderId,
    pub client_id: &'a str,
    pub amount: Option<u128>,
}

impl<'a> Facts<'a> {
    /// The parts of an action, under the name that requests have.
    pub fn of(action: &'a Action) -> Self {
        match action {
            Action::New(order) => Facts {
                account: Some(order.account),
                session: Some(order.session),
                market: Some(order.market),
                client_id: order.client_id.as_str(),
                ..named("new")
            },
            Action::Cancel { target } => about("cancel", target),
            Action::Reduce { target, .. } => about("reduce", target),
            Action::Replace { target, .. } => about("replace", target),
            Action::MassCancel {
                account,
                session,
                market,
            } => Facts {
                account: Some(*account),
                session: Some(*session),
                market: *market,
                ..named("mass_cancel")
            },
            Action::Deposit(transfer) => moved("deposit", transfer),
            Action::Withdraw(transfer) => moved("withdraw", transfer),
            Action::SetCredit(transfer) => moved("set_credit", transfer),
            Action::OpenAccount { account } => of_account("open_account", *account),
            Action::SetAccountFees { account, .. } => of_account("set_account_fees", *account),
            Action::SetSelfTrade { account, .. } => of_account("set_self_trade", *account),
            Action::KillAccount { account } => of_account("kill_account", *account),
            Action::ReviveAccount { account } => of_account("revive_account", *account),
            Action::SetLimits {
                account, market, ..
            } => Facts {
                account: Some(*account),
                ..of_market("set_limits", *market)
            },
            Action::AddAsset { asset, .. } => Facts {
                asset: Some(*asset),
                ..named("add_asset")
            },
            Action::ListMarket(listing) => of_market("list_market", listing.market),
            Action::SetMarketFees { market, .. } => of_market("set_market_fees", *market),
            Action::Open { market } => of_market("open", *market),
            Action::OpenAuction { market } => of_market("open_auction", *market),
            Action::Uncross { market } => of_market("uncross", *market),
            Action::Halt { market } => of_market("halt", *market),
            Action::Resume { market } => of_market("resume", *market),
            Action::Close { market } => of_market("close", *market),
            Action::Sweep => named("sweep"),
            Action::KillAll => named("kill_all"),
            Action::ReviveAll => named("revive_all"),
        }
    }
}

fn named<'a>(name: &'static str) -> Facts<'a> {
    Facts {
        name,
        ..Facts::default()
    }
}

fn of_account<'a>(name: &'static str, account: AccountId) -> Facts<'a> {
    Facts {
        account: Some(account),
        ..named(name)
    }
}

fn of_market<'a>(name: &'static str, market: MarketId) -> Facts<'a> {
    Facts {
        market: Some(market),
        ..named(name)
    }
}

fn moved<'a>(name: &'static str, transfer: &Transfer) -> Facts<'a> {
    Facts {
        account: Some(transfer.account),
        asset: Some(transfer.asset),
        amount: Some(transfer.amount),
        ..named(name)
    }
}

/// A request about an order: the client id is that which the order had, where the request names it so.
fn about<'a>(name: &'static str, target: &'a Target) -> Facts<'a> {
    Facts {
        account: Some(target.account),
        session: Some(target.session),
        order_id: target.order_id,
        client_id: target.client_id.as_str(),
        ..named(name)
    }
}
