//! Entries that are not about one order: accounts, credit, fees, limits, kill switches, assets, markets and their states.
//! Sections 2, 3, 8 and 9 of `docs/EXCHANGE.md`.

use proofbook_book::Book;
use proofbook_matching::MatchingEngine;
use proofbook_types::{AccountId, Action as MarketAction, Phase};

use crate::core::{account_of, Exchange, Market};
use crate::effects::Request;
use crate::entry::{Action, AssetId, Fees, Listing, MarketId, Transfer};
use crate::hold::{Scale, AMOUNT_MAX, BASIS_POINTS, PRICE_MAX};
use crate::instrument::{Asset, Instrument, MarketState, ASSETS_MAX, DECIMALS_MAX, MARKETS_MAX};
use crate::ledger::{signed, Account, Seat, HOUSE};
use crate::outcome::{Balance, Outcome};
use crate::{Refusal, Symbol};

impl<B: Book + Default> Exchange<B> {
    /// Does what an operator, or a client for all its orders, asks, and answers.
    #[inline(never)]
    pub(crate) fn operate(&mut self, action: &Action, sink: &mut impl FnMut(Outcome)) {
        let done = self.operate_on(action, sink);
        let session = match action {
            Action::MassCancel { session, .. } => *session,
            _ => 0,
        };
        sink(Outcome::Answer {
            account: account_of(action),
            session,
            cancelled: done.unwrap_or(0),
            refusal: done.err(),
        });
    }

    /// How many orders were cancelled.
    fn operate_on(
        &mut self,
        action: &Action,
        sink: &mut impl FnMut(Outcome),
    ) -> Result<u32, Refusal> {
        match action {
            Action::New(_)
            | Action::Cancel { .. }
            | Action::Reduce { .. }
            | Action::Replace { .. } => unreachable!("requests about an order go their own way"),
            Action::MassCancel {
                account, market, ..
            } => return self.mass_cancel(*account, *market, sink),
            Action::KillAccount { account } => {
                let account = self.ledger.trader(*account)?;
                self.ledger.accounts[account].is_killed = true;
                return Ok(self.cancel_all(account, 0..self.markets.len(), sink));
            }
            Action::KillAll => return Ok(self.kill_all(sink)),
            Action::Sweep => self.sweep(sink),
            Action::OpenAccount { account } => self.open_account(*account)?,
            Action::Deposit(transfer) => self.deposit(transfer, sink)?,
            Action::Withdraw(transfer) => self.withdraw(transfer, sink)?,
            Action::SetCredit(transfer) => self.set_credit(transfer, sink)?,
            Action::AddAsset {
                asset,
                symbol,
                decimals,
            } => self.add_asset(*asset, *symbol, *decimals)?,
            Action::ListMarket(listing) => self.list_market(listing)?,
            Action::Open { market }
            | Action::OpenAuction { market }
            | Action::Uncross { market }
            | Action::Halt { market }
            | Action::Resume { market }
            | Action::Close { market } => self.change_state(action, *market, sink)?,
            terms => self.change_terms(terms)?,
        }
        Ok(0)
    }

    /// Fees, limits, self-trade prevention, and the end of a kill switch: what touches no order.
    fn change_terms(&mut self, action: &Action) -> Result<(), Refusal> {
        match action {
            Action::SetAccountFees { account, fees } => {
                let account = self.ledger.trader(*account)?;
                check_fees(fees.unwrap_or_default())?;
                self.ledger.accounts[account].fees = *fees;
            }
            Action::SetMarketFees { market, fees } => {
                let market = self.market_index(*market)?;
                check_fees(*fees)?;
                self.markets[market].instrument.fees = *fees;
            }
            Action::SetLimits {
                account,
                market,
                limits,
            } => {
                let market = self.market_index(*market)?;
                match self.ledger.any_account(*account)? {
                    HOUSE => self.markets[market].instrument.limits = *limits,
                    account => self.ledger.accounts[account].seats[market].limits = *limits,
                }
            }
            Action::SetSelfTrade {
                account,
                self_trade,
            } => {
                let account = self.ledger.trader(*account)?;
                self.ledger.accounts[account].self_trade = *self_trade;
            }
            Action::ReviveAccount { account } => {
                let account = self.ledger.trader(*account)?;
                self.ledger.accounts[account].is_killed = false;
            }
            Action::ReviveAll => self.is_killed = false,
            _ => unreachable!("everything else was told apart before"),
        }
        Ok(())
    }

    fn mass_cancel(
        &mut self,
        account: AccountId,
        market: Option<MarketId>,
        sink: &mut impl FnMut(Outcome),
    ) -> Result<u32, Refusal> {
        let account = self.ledger.trader(account)?;
        let markets = match market {
            None => 0..self.markets.len(),
            Some(market) => {
                let index = self.market_index(market)?;
                index..index + 1
            }
        };
        Ok(self.cancel_all(account, markets, sink))
    }

    fn kill_all(&mut self, sink: &mut impl FnMut(Outcome)) -> u32 {
        self.is_killed = true;
        let mut cancelled = 0;
        for market in 0..self.markets.len() {
            for account in HOUSE + 1..self.ledger.accounts.len() {
                cancelled += self.cancel_all(account, market..market + 1, sink);
            }
        }
        cancelled
    }

    fn sweep(&mut self, sink: &mut impl FnMut(Outcome)) {
        for market in 0..self.markets.len() {
            let book = self.markets[market].matching.book();
            if book.first_due(self.clock).is_some() {
                self.run(market, MarketAction::Sweep, Request::Other, sink);
            }
        }
    }

    fn open_account(&mut self, account: AccountId) -> Result<(), Refusal> {
        let next = self.ledger.accounts.len();
        if account.0 != next as u64 || next > self.terms.accounts_max as usize {
            return Err(Refusal::WrongNumber);
        }
        let account = Account::new(self.ledger.assets.len(), self.markets.len());
        self.ledger.accounts.push(account);
        Ok(())
    }

    fn deposit(
        &mut self,
        transfer: &Transfer,
        sink: &mut impl FnMut(Outcome),
    ) -> Result<(), Refusal> {
        let account = self.ledger.any_account(transfer.account)?;
        let asset = self.ledger.asset(transfer.asset)?;
        if transfer.amount == 0 {
            return Err(Refusal::ZeroAmount);
        }
        let Asset { issued, lent, .. } = self.ledger.assets[asset];
        if transfer.amount > AMOUNT_MAX - issued - lent {
            return Err(Refusal::AmountLimit);
        }
        self.ledger.assets[asset].issued += transfer.amount;
        self.change_balance(account, transfer.asset, sink, |balance| {
            balance.total += signed(transfer.amount);
        });
        Ok(())
    }

    fn withdraw(
        &mut self,
        transfer: &Transfer,
        sink: &mut impl FnMut(Outcome),
    ) -> Result<(), Refusal> {
        let account = self.ledger.any_account(transfer.account)?;
        let asset = self.ledger.asset(transfer.asset)?;
        if transfer.amount == 0 {
            return Err(Refusal::ZeroAmount);
        }
        let balance = self.ledger.balance(account, transfer.asset);
        // What is lent stays here.
        let free = u128::try_from(balance.total - balance.held).unwrap_or(0);
        if transfer.amount > free {
            return Err(Refusal::InsufficientFunds);
        }
        self.ledger.assets[asset].issued -= transfer.amount;
        self.change_balance(account, transfer.asset, sink, |balance| {
            balance.total -= signed(transfer.amount);
        });
        Ok(())
    }

    fn set_credit(
        &mut self,
        transfer: &Transfer,
        sink: &mut impl FnMut(Outcome),
    ) -> Result<(), Refusal> {
        let account = self.ledger.trader(transfer.account)?;
        let asset = self.ledger.asset(transfer.asset)?;
        let before = *self.ledger.balance(account, transfer.asset);
        let lent_to_it = before.credit.unsigned_abs();
        let Asset { issued, lent, .. } = self.ledger.assets[asset];
        if transfer.amount > AMOUNT_MAX - issued - (lent - lent_to_it) {
            return Err(Refusal::AmountLimit);
        }
        if before.total - before.held + signed(transfer.amount) < 0 {
            return Err(Refusal::CreditInUse);
        }
        self.ledger.assets[asset].lent = lent - lent_to_it + transfer.amount;
        self.change_balance(account, transfer.asset, sink, |balance| {
            balance.credit = signed(transfer.amount);
        });
        Ok(())
    }

    fn change_balance(
        &mut self,
        account: usize,
        asset: AssetId,
        sink: &mut impl FnMut(Outcome),
        change: impl Fn(&mut Balance),
    ) {
        let balance = self.ledger.balance_mut(account, asset);
        change(balance);
        sink(Outcome::Balance {
            account: AccountId(account as u64),
            asset,
            balance: *balance,
        });
    }

    fn add_asset(&mut self, asset: AssetId, symbol: Symbol, decimals: u8) -> Result<(), Refusal> {
        let assets = &mut self.ledger.assets;
        if asset.0 as usize != assets.len() + 1 || assets.len() >= ASSETS_MAX {
            return Err(Refusal::WrongNumber);
        }
        if !symbol.is_some() || assets.iter().any(|asset| asset.symbol == symbol) {
            return Err(Refusal::WrongSymbol);
        }
        if decimals > DECIMALS_MAX {
            return Err(Refusal::WrongDecimals);
        }
        assets.push(Asset {
            symbol,
            decimals,
            issued: 0,
            lent: 0,
        });
        for account in &mut self.ledger.accounts {
            account.balances.push(Balance::default());
        }
        Ok(())
    }

    fn list_market(&mut self, listing: &Listing) -> Result<(), Refusal> {
        let market = self.check_listing(listing)?;
        self.markets.push(market);
        for account in &mut self.ledger.accounts {
            account.seats.push(Seat::default());
        }
        Ok(())
    }

    fn check_listing(&self, listing: &Listing) -> Result<Market<B>, Refusal> {
        let count = self.markets.len();
        if listing.market.0 as usize != count + 1 || count >= MARKETS_MAX {
            return Err(Refusal::WrongNumber);
        }
        let is_used = |market: &Market<B>| market.instrument.symbol == listing.symbol;
        if !listing.symbol.is_some() || self.markets.iter().any(is_used) {
            return Err(Refusal::WrongSymbol);
        }
        let base = &self.ledger.assets[self.ledger.asset(listing.base)?];
        let quote = &self.ledger.assets[self.ledger.asset(listing.quote)?];
        let scale = Scale::of(
            base.decimals,
            quote.decimals,
            listing.price_decimals,
            listing.quantity_decimals,
        )
        .ok_or(Refusal::WrongDecimals)?;
        check_fees(listing.fees)?;
        let config = listing.config;
        let is_positive = |price: i64| (1..=PRICE_MAX).contains(&price);
        if listing.base == listing.quote
            || config.market != u64::from(listing.market.0)
            || config.initial_phase != Phase::Halted
            || config
                .reference_price
                .is_some_and(|price| !is_positive(price.0))
        {
            return Err(Refusal::WrongTerms);
        }
        let matching =
            MatchingEngine::new(config, B::default()).map_err(|_| Refusal::WrongTerms)?;
        Ok(Market {
            instrument: Instrument::new(listing, scale),
            matching,
        })
    }

    /// A change of a market's state; where the market's phase changes with it, by a command to the market.
    fn change_state(
        &mut self,
        action: &Action,
        market: MarketId,
        sink: &mut impl FnMut(Outcome),
    ) -> Result<(), Refusal> {
        use MarketState::{Auction, Closed, Continuous, Halted};
        let index = self.market_index(market)?;
        let state = self.markets[index].instrument.state;
        let (command, next) = match (action, state) {
            (Action::Open { .. }, Closed) | (Action::Resume { .. }, Halted) => {
                (Some(MarketAction::Resume), Continuous)
            }
            (Action::OpenAuction { .. }, Closed | Continuous | Halted) => {
                (Some(MarketAction::OpenAuction), Auction)
            }
            (Action::Uncross { .. }, Auction) => (Some(MarketAction::Uncross), Continuous),
            (Action::Halt { .. }, Auction | Continuous) => (Some(MarketAction::Halt), Halted),
            (Action::Close { .. }, Auction | Continuous) => (Some(MarketAction::Halt), Closed),
            (Action::Close { .. }, Halted) => (None, Closed),
            _ => return Err(Refusal::WrongState),
        };
        if let Some(command) = command {
            let result = self.run(index, command, Request::Other, sink);
            if let Some(refusal) = result.refusal {
                return Err(refusal);
            }
        }
        self.markets[index].instrument.state = next;
        Ok(())
    }
}

fn check_fees(fees: Fees) -> Result<(), Refusal> {
    if fees.maker.max(fees.taker) > BASIS_POINTS {
        return Err(Refusal::FeeRange);
    }
    Ok(())
}
