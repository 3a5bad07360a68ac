//! What the text of `docs/EXCHANGE.md` says of accounts, holds, fees, limits and client ids, once more, slow and plain. It
//! shares no code with the crate but the types of entries and outcomes. Which orders trade it takes from the markets'
//! events; what reaches the markets it works out for itself, and every balance it counts anew from all orders and trades.

mod orders;
mod requests;

use std::collections::BTreeMap;

use proofbook_exchange::{
    Action, ClientId, Entry, Execution, Fees, Limits, MarketId, OrderKind, Outcome, Refusal, Report,
};
use proofbook_types::{Action as MarketAction, MarketConfig, RejectReason, Side};

use crate::common::refusals;

pub const PRICE_MAX: i128 = (1 << 44) - 1;

pub struct Market {
    pub base: usize,
    pub quote: usize,
    pub lot_units: i128,
    pub tick_units: i128,
    pub fees: Fees,
    pub limits: Limits,
    pub state: &'static str,
    pub config: MarketConfig,
    pub last_trade: Option<i128>,
}

#[derive(Default)]
pub struct Account {
    pub totals: Vec<i128>,
    pub credits: Vec<i128>,
    pub fees: Option<Fees>,
    pub self_trade: u8,
    pub is_killed: bool,
    pub limits: Vec<Limits>,
}

#[derive(Clone)]
pub struct Order {
    pub account: usize,
    pub market: usize,
    pub side: Side,
    pub kind: OrderKind,
    pub client_id: ClientId,
    pub worst: Option<i128>,
    pub quantity: i128,
    pub open: i128,
    /// Notional and basis points of each trade.
    pub trades: Vec<(i128, i128)>,
    pub filled: i128,
    pub fees: Fees,
    pub expiry: Option<u64>,
    pub is_live: bool,
}

pub struct Retired {
    pub name: (usize, ClientId),
    pub order: u64,
    pub is_last: bool,
}

/// What the text says becomes of an entry.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    Refused(Refusal),
    /// The client id names this order.
    Known(u64),
    /// These commands, one after another, as far as they are needed when their turn comes.
    Commands(Vec<(usize, MarketAction)>),
}

pub struct Oracle {
    pub clock: u64,
    pub is_killed: bool,
    pub next_order: u64,
    pub assets: Vec<(i128, i128)>,
    pub decimals: Vec<u32>,
    pub markets: Vec<Market>,
    pub accounts: Vec<Account>,
    pub orders: BTreeMap<u64, Order>,
    pub names: BTreeMap<(usize, ClientId), u64>,
    pub retired: Vec<Retired>,
    pub orders_max: usize,
    pub retired_max: usize,
    pub accounts_max: usize,
}

fn ceiling(sum: i128) -> i128 {
    (sum + 9_999).div_euclid(10_000)
}

impl Order {
    pub fn notional(&self) -> i128 {
        self.trades.iter().map(|(notional, _)| notional).sum()
    }

    /// F of section 5.
    pub fn fee_sum(&self) -> i128 {
        self.trades
            .iter()
            .map(|(notional, rate)| notional * rate)
            .sum()
    }

    /// C of section 5.
    pub fn charged(&self) -> i128 {
        ceiling(self.fee_sum())
    }

    pub fn hold(&self, market: &Market) -> i128 {
        if !self.is_live {
            return 0;
        }
        match self.side {
            Side::Sell => self.open * market.lot_units,
            Side::Buy => {
                let worst = self.worst.expect("a buy has a worst price");
                let notional = worst * self.open * market.tick_units;
                let rate = i128::from(self.fees.maker.max(self.fees.taker));
                notional + ceiling(self.fee_sum() + notional * rate) - self.charged()
            }
        }
    }
}

impl Oracle {
    pub fn new(orders_max: usize, retired_max: usize, accounts_max: usize) -> Self {
        Oracle {
            clock: 0,
            is_killed: false,
            next_order: 1,
            assets: Vec::new(),
            decimals: Vec::new(),
            markets: Vec::new(),
            accounts: vec![Account::default()],
            orders: BTreeMap::new(),
            names: BTreeMap::new(),
            retired: Vec::new(),
            orders_max,
            retired_max,
            accounts_max,
        }
    }

    pub fn held(&self, account: usize, asset: usize) -> i128 {
        let live = self
            .orders
            .values()
            .filter(|order| order.is_live && order.account == account);
        live.map(|order| {
            let market = &self.markets[order.market];
            let held = match order.side {
                Side::Buy => market.quote,
                Side::Sell => market.base,
            };
            if held == asset {
                order.hold(market)
            } else {
                0
            }
        })
        .sum()
    }

    pub fn available(&self, account: usize, asset: usize) -> i128 {
        let owner = &self.accounts[account];
        owner.totals[asset] - self.held(account, asset) + owner.credits[asset]
    }

    pub fn live(&self, account: usize, market: usize) -> usize {
        let is_it =
            |order: &&Order| order.is_live && order.account == account && order.market == market;
        self.orders.values().filter(is_it).count()
    }

    /// Holds what came of an entry against the text.
    pub fn follow(&mut self, entry: &Entry, outcomes: &[Outcome]) {
        if entry.time.0 < self.clock {
            assert_eq!(refusals(outcomes), [Refusal::ClockReversed]);
            assert_eq!(outcomes.len(), 1);
            return;
        }
        self.clock = entry.time.0;
        let expected = match self.verdict(&entry.action) {
            Verdict::Refused(refusal) => {
                assert_eq!(refusals(outcomes), [refusal], "{outcomes:?}");
                assert!(!outcomes.iter().any(is_command), "{outcomes:?}");
                return;
            }
            Verdict::Known(order_id) => {
                let [Outcome::Report(report)] = outcomes else {
                    panic!("one report, not {outcomes:?}");
                };
                assert_eq!(report.execution, Execution::Status);
                self.compare(report, order_id);
                return;
            }
            Verdict::Commands(commands) => commands,
        };
        let mut rest = expected.into_iter();
        for outcome in outcomes {
            match outcome {
                Outcome::Command {
                    market, command, ..
                } => {
                    assert_eq!(command.time, entry.time);
                    let found = (market.0 as usize - 1, command.action);
                    let next = rest.find(|next| self.is_needed(next));
                    assert_eq!(next, Some(found));
                }
                Outcome::Event { market, event } => {
                    self.event(market.0 as usize - 1, event, &entry.action);
                }
                Outcome::Report(report) => match report.execution {
                    Execution::Rejected { .. } => assert_eq!(report.hold, 0),
                    Execution::CancelRejected { .. } | Execution::ReplaceRejected { .. } => {}
                    _ => self.compare(report, report.order_id.0),
                },
                Outcome::Balance { .. } | Outcome::Answer { .. } => {}
            }
        }
        let left = rest.find(|next| self.is_needed(next));
        assert_eq!(left, None, "a command is missing");
        let was_refused = refusals(outcomes).len();
        assert!(was_refused <= 1);
        if was_refused == 0 {
            self.settle(&entry.action);
        }
    }

    /// A mass cancel is given only where there is something to cancel when its turn comes.
    fn is_needed(&self, (market, action): &(usize, MarketAction)) -> bool {
        match action {
            MarketAction::MassCancel { account } => self.live(account.0 as usize, *market) > 0,
            _ => true,
        }
    }

    /// A report says how its order stands.
    fn compare(&self, report: &Report, order_id: u64) {
        let order = &self.orders[&order_id];
        let numbers = [
            u128::from(report.order_id.0),
            u128::from(report.account.0),
            u128::from(report.market.0),
            u128::from(report.leaves.0),
            u128::from(report.cumulative.0),
            u128::from(report.quantity.0),
            report.notional,
            report.fees,
            report.hold,
        ];
        let market = &self.markets[order.market];
        let expected = [
            i128::from(order_id),
            order.account as i128,
            order.market as i128 + 1,
            if order.is_live { order.open } else { 0 },
            order.filled,
            order.quantity,
            order.notional(),
            order.charged(),
            order.hold(market),
        ];
        assert_eq!(numbers.map(|number| number as i128), expected, "{report:?}");
        assert_eq!((report.side, report.kind), (order.side, order.kind));
        let is_live = report.status == proofbook_exchange::OrderStatus::Live;
        assert_eq!(is_live, order.is_live, "{report:?}");
    }

    /// A market number that exists, as an index.
    pub fn market(&self, market: MarketId) -> Option<usize> {
        (1..=self.markets.len() as u32)
            .contains(&market.0)
            .then(|| market.0 as usize - 1)
    }

    pub fn trader(&self, account: u64) -> Option<usize> {
        (1..self.accounts.len() as u64)
            .contains(&account)
            .then_some(account as usize)
    }
}

fn is_command(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Command { .. })
}

/// The market's own reason for a time in force that does not fit.
pub const TIME_IN_FORCE: Refusal = Refusal::Market(RejectReason::TimeInForce);

/// Whether an entry is about one order.
pub fn is_about_an_order(action: &Action) -> bool {
    matches!(
        action,
        Action::New(_) | Action::Cancel { .. } | Action::Reduce { .. } | Action::Replace { .. }
    )
}
