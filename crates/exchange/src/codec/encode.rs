//! From entries to their layout.

use proofbook_types::{AccountId, TimeInForce};

use super::*;
use crate::entry::{Fees, Limits, Listing, MarketId, NewOrder, OrderKind, Target, Transfer};

impl Raw {
    #[inline(always)]
    pub(super) fn put_new(&mut self, order: &NewOrder) {
        self.action = NEW;
        self.account = order.account.0;
        self.session = order.session;
        self.market = order.market.0;
        self.side = order.side as u8;
        self.quantity = order.quantity.0;
        self.kind = match order.kind {
            OrderKind::Market { .. } => 0,
            OrderKind::Limit { .. } => 1,
            OrderKind::Stop { .. } => 2,
            OrderKind::StopLimit { .. } => 3,
        };
        let price = order.kind.price();
        self.price = self.set(FLAG_PRICE, price).map_or(0, |price| price.0);
        self.stop_price = order.kind.stop_price().map_or(0, |price| price.0);
        self.time_in_force = match order.time_in_force {
            TimeInForce::GoodTillCancel => 0,
            TimeInForce::ImmediateOrCancel => 1,
            TimeInForce::FillOrKill => 2,
            TimeInForce::GoodTillDate { expiry } => {
                self.expiry = expiry.0;
                3
            }
        };
        self.self_trade = order.self_trade.map_or(0, |value| value as u8 + 1);
        if order.post_only {
            self.flags |= FLAG_POST_ONLY;
        }
        self.display = self
            .set(FLAG_DISPLAY, order.display)
            .map_or(0, |value| value.0);
        self.tail = Tail::Names {
            client_id: order.client_id,
            original_id: ClientId::NONE,
            collar: 0,
        };
    }

    #[inline(always)]
    pub(super) fn put_target(&mut self, action: u8, target: &Target) {
        self.action = action;
        self.account = target.account.0;
        self.session = target.session;
        self.order_id = target.order_id.0;
        self.tail = Tail::Names {
            client_id: target.client_id,
            original_id: target.original_id,
            collar: 0,
        };
    }

    fn put_transfer(&mut self, action: u8, transfer: &Transfer) {
        self.action = action;
        self.account = transfer.account.0;
        self.asset = transfer.asset.0;
        self.amount = transfer.amount;
    }

    fn put_fees(&mut self, fees: Fees) {
        self.maker = fees.maker;
        self.taker = fees.taker;
    }

    fn put_account(&mut self, action: u8, account: AccountId) {
        self.action = action;
        self.account = account.0;
    }

    fn put_market(&mut self, action: u8, market: MarketId) {
        self.action = action;
        self.market = market.0;
    }

    #[inline(never)]
    pub(super) fn put_other(&mut self, action: &Action) {
        match action {
            Action::New(_)
            | Action::Cancel { .. }
            | Action::Reduce { .. }
            | Action::Replace { .. } => unreachable!("these are written by their own functions"),
            Action::MassCancel {
                account,
                session,
                market,
            } => {
                self.put_account(MASS_CANCEL, *account);
                self.session = *session;
                self.market = market.map_or(0, |market| market.0);
            }
            Action::Sweep => self.action = SWEEP,
            Action::OpenAccount { account } => self.put_account(OPEN_ACCOUNT, *account),
            Action::Deposit(transfer) => self.put_transfer(DEPOSIT, transfer),
            Action::Withdraw(transfer) => self.put_transfer(WITHDRAW, transfer),
            Action::SetCredit(transfer) => self.put_transfer(SET_CREDIT, transfer),
            Action::SetAccountFees { account, fees } => {
                self.put_account(SET_ACCOUNT_FEES, *account);
                let fees = self.set(FLAG_AMOUNT, *fees);
                self.put_fees(fees.unwrap_or_default());
            }
            Action::SetMarketFees { market, fees } => {
                self.put_market(SET_MARKET_FEES, *market);
                self.put_fees(*fees);
            }
            Action::SetLimits {
                account,
                market,
                limits,
            } => {
                self.put_account(SET_LIMITS, *account);
                self.market = market.0;
                self.put_limits(limits);
            }
            Action::SetSelfTrade {
                account,
                self_trade,
            } => {
                self.put_account(SET_SELF_TRADE, *account);
                self.self_trade = *self_trade as u8 + 1;
            }
            Action::KillAccount { account } => self.put_account(KILL_ACCOUNT, *account),
            Action::ReviveAccount { account } => self.put_account(REVIVE_ACCOUNT, *account),
            Action::KillAll => self.action = KILL_ALL,
            Action::ReviveAll => self.action = REVIVE_ALL,
            Action::AddAsset {
                asset,
                symbol,
                decimals,
            } => {
                self.action = ADD_ASSET;
                self.asset = asset.0;
                self.amount = u128::from_le_bytes(*symbol.padded());
                self.decimals = *decimals;
            }
            Action::ListMarket(listing) => self.put_listing(listing),
            Action::Open { market } => self.put_market(OPEN, *market),
            Action::OpenAuction { market } => self.put_market(OPEN_AUCTION, *market),
            Action::Uncross { market } => self.put_market(UNCROSS, *market),
            Action::Halt { market } => self.put_market(HALT, *market),
            Action::Resume { market } => self.put_market(RESUME, *market),
            Action::Close { market } => self.put_market(CLOSE, *market),
        }
    }

    fn put_limits(&mut self, limits: &Limits) {
        self.quantity = self.set(FLAG_QUANTITY, limits.quantity_max).unwrap_or(0);
        self.amount = self.set(FLAG_AMOUNT, limits.notional_max).unwrap_or(0);
        self.count = self.set(FLAG_COUNT, limits.open_orders_max).unwrap_or(0);
        self.tail = Tail::Names {
            client_id: ClientId::NONE,
            original_id: ClientId::NONE,
            collar: self.set(FLAG_COLLAR, limits.collar).unwrap_or(0),
        };
    }

    fn put_listing(&mut self, listing: &Listing) {
        self.put_market(LIST_MARKET, listing.market);
        self.amount = u128::from_le_bytes(*listing.symbol.padded());
        self.asset = listing.base.0;
        self.count = listing.quote.0;
        self.decimals = listing.price_decimals;
        self.other_decimals = listing.quantity_decimals;
        self.put_fees(listing.fees);
        self.tail = Tail::Config(listing.config);
    }
}
