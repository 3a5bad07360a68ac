//! The exchange: markets, accounts and orders, and what an entry does to them.
//!
//! Invariants:
//! - the same entries give the same outcomes and the same state: there is no clock, no randomness, no I/O here;
//! - a refused entry changes nothing but the sequence and the clock (and, where a market refused it, the market's);
//! - accounts and orders change by a market's events and by operators' entries, and by nothing else.

use proofbook_book::Book;
use proofbook_books::Ladder;
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    AccountId, Action as MarketAction, Command, ConfigError, Event, OrderId, Timestamp,
};

use crate::amend::NewTerms;
use crate::effects::{report_of, Effects, Request, Result as CommandResult};
use crate::entry::{Action, AssetId, Entry, MarketId};
use crate::instrument::{Asset, Instrument, MarketState};
use crate::ledger::Ledger;
use crate::outcome::{Balance, Execution, Outcome, Report};
use crate::{ClientId, ExchangeTerms, Refusal};

/// A market: its instrument and its matching.
pub(crate) struct Market<B> {
    pub instrument: Instrument,
    pub matching: MatchingEngine<B>,
}

/// An exchange over books of type `B`; the default one is the fastest.
pub struct Exchange<B = Ladder> {
    pub(crate) terms: ExchangeTerms,
    pub(crate) sequence: u64,
    pub(crate) clock: Timestamp,
    pub(crate) next_order: u64,
    pub(crate) is_killed: bool,
    pub(crate) markets: Vec<Market<B>>,
    pub(crate) ledger: Ledger,
}

impl<B: Book + Default> Exchange<B> {
    /// An exchange without accounts, assets and markets.
    ///
    /// # Errors
    /// Terms that make none.
    pub fn new(terms: ExchangeTerms) -> Result<Self, ConfigError> {
        terms.validate()?;
        Ok(Exchange {
            terms,
            sequence: 0,
            clock: Timestamp(0),
            next_order: 1,
            is_killed: false,
            markets: Vec::new(),
            ledger: Ledger::new(&terms),
        })
    }

    /// Takes the next entry and hands out what came of it, in order.
    pub fn apply(&mut self, entry: &Entry, sink: &mut impl FnMut(Outcome)) {
        self.sequence += 1;
        if entry.time < self.clock {
            self.refuse(&entry.action, Refusal::ClockReversed, sink);
            return;
        }
        self.clock = entry.time;
        match &entry.action {
            Action::New(order) => self.enter(order, sink),
            Action::Cancel { target } => self.cancel(target, sink),
            Action::Reduce { target, quantity } => self.reduce(target, *quantity, sink),
            Action::Replace {
                target,
                price,
                quantity,
                stop_price,
            } => {
                let terms = NewTerms {
                    price: *price,
                    quantity: *quantity,
                    stop_price: *stop_price,
                };
                self.replace(target, terms, sink);
            }
            other => self.operate(other, sink),
        }
    }

    /// Hands a command to a market; what its events do follows from them alone.
    #[inline]
    pub(crate) fn run(
        &mut self,
        index: usize,
        action: MarketAction,
        request: Request<'_>,
        sink: &mut impl FnMut(Outcome),
    ) -> CommandResult {
        let command = Command {
            time: self.clock,
            action,
        };
        let market = &mut self.markets[index];
        let id = MarketId(index as u32 + 1);
        sink(Outcome::Command {
            market: id,
            number: market.matching.sequence() + 1,
            command,
        });
        let mut effects = Effects {
            ledger: &mut self.ledger,
            instrument: &market.instrument,
            market: id,
            request,
            result: CommandResult::default(),
            sink,
        };
        market
            .matching
            .apply(&command, &mut |event: Event| effects.event(event));
        effects.result
    }

    /// Says that an entry was refused before anything was looked at.
    #[cold]
    fn refuse(&self, action: &Action, refusal: Refusal, sink: &mut impl FnMut(Outcome)) {
        match action {
            Action::New(order) => self.reject(order, refusal, sink),
            Action::Cancel { target } | Action::Reduce { target, .. } => {
                self.reject_change(target, Execution::CancelRejected { refusal }, sink);
            }
            Action::Replace { target, .. } => {
                self.reject_change(target, Execution::ReplaceRejected { refusal }, sink);
            }
            Action::MassCancel {
                account, session, ..
            } => sink(Outcome::Answer {
                account: *account,
                session: *session,
                cancelled: 0,
                refusal: Some(refusal),
            }),
            other => sink(Outcome::Answer {
                account: account_of(other),
                session: 0,
                cancelled: 0,
                refusal: Some(refusal),
            }),
        }
    }

    /// The terms.
    pub fn terms(&self) -> &ExchangeTerms {
        &self.terms
    }

    /// How many entries were taken.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The time of the latest entry.
    pub fn clock(&self) -> Timestamp {
        self.clock
    }

    /// Whether all orders are refused.
    pub fn is_killed(&self) -> bool {
        self.is_killed
    }

    /// All markets with their matching, in the order of their numbers.
    pub fn markets(&self) -> impl ExactSizeIterator<Item = (&Instrument, &MatchingEngine<B>)> {
        self.markets
            .iter()
            .map(|market| (&market.instrument, &market.matching))
    }

    /// A market with its matching.
    pub fn market(&self, market: MarketId) -> Option<(&Instrument, &MatchingEngine<B>)> {
        let market = &self.markets[self.market_index(market).ok()?];
        Some((&market.instrument, &market.matching))
    }

    /// All assets, in the order of their numbers.
    pub fn assets(&self) -> &[Asset] {
        &self.ledger.assets
    }

    /// How many accounts there are, the exchange's own not counted. The last has this number.
    pub fn accounts(&self) -> u64 {
        self.ledger.accounts.len() as u64 - 1
    }

    /// Whether an account may enter no orders.
    pub fn is_account_killed(&self, account: AccountId) -> Option<bool> {
        let index = self.ledger.trader(account).ok()?;
        Some(self.ledger.accounts[index].is_killed)
    }

    /// What an account has of an asset. [`AccountId::NONE`] is the exchange's own account, which takes the fees.
    pub fn balance(&self, account: AccountId, asset: AssetId) -> Option<Balance> {
        let account = self.ledger.any_account(account).ok()?;
        self.ledger.asset(asset).ok()?;
        Some(*self.ledger.balance(account, asset))
    }

    /// How many orders are live.
    pub fn live_orders(&self) -> u32 {
        self.ledger.orders.live()
    }

    /// How an order stands, by any client id that it has or had; `None` if there is none or it is forgotten.
    pub fn order_named(&self, account: AccountId, client_id: &ClientId) -> Option<Report> {
        let account = u32::try_from(account.0).ok()?;
        let slot = self.ledger.orders.named(account, client_id)?;
        Some(report_of(self.ledger.orders.get(slot), Execution::Status))
    }

    /// How an order stands, by the exchange's id.
    pub fn order(&self, order_id: OrderId) -> Option<Report> {
        let slot = self.ledger.orders.find(order_id.0)?;
        Some(report_of(self.ledger.orders.get(slot), Execution::Status))
    }

    /// How all live orders of an account stand, by order id.
    pub fn open_orders(&self, account: AccountId) -> Vec<Report> {
        let mut ids = Vec::new();
        for market in &self.markets {
            market.matching.book().account_orders(account, &mut ids);
        }
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| self.order(id)).collect()
    }

    /// When the next order's time is over. A [`Action::Sweep`] then takes it out.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        let expiries = self.markets.iter().filter_map(|market| {
            let (expiry, _) = market.matching.book().first_to_expire()?;
            Some(expiry)
        });
        expiries.min()
    }

    pub(crate) fn market_index(&self, market: MarketId) -> Result<usize, Refusal> {
        (market.0 as usize)
            .checked_sub(1)
            .filter(|&index| index < self.markets.len())
            .ok_or(Refusal::UnknownMarket)
    }

    /// Whether an account may enter or replace orders in a market now.
    #[inline]
    pub(crate) fn may_trade(&self, account: usize, market: usize) -> Result<(), Refusal> {
        if self.is_killed {
            return Err(Refusal::ExchangeKilled);
        }
        if self.ledger.accounts[account].is_killed {
            return Err(Refusal::AccountKilled);
        }
        match self.markets[market].instrument.state {
            MarketState::Closed => Err(Refusal::MarketClosed),
            MarketState::Halted => Err(Refusal::MarketHalted),
            MarketState::Auction | MarketState::Continuous => Ok(()),
        }
    }
}

/// The account that an operator's entry names, or none.
pub(crate) fn account_of(action: &Action) -> AccountId {
    match action {
        Action::OpenAccount { account }
        | Action::SetAccountFees { account, .. }
        | Action::SetLimits { account, .. }
        | Action::SetSelfTrade { account, .. }
        | Action::KillAccount { account }
        | Action::ReviveAccount { account }
        | Action::MassCancel { account, .. } => *account,
        Action::Deposit(transfer) | Action::Withdraw(transfer) | Action::SetCredit(transfer) => {
            transfer.account
        }
        _ => AccountId::NONE,
    }
}
