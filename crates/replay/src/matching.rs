//! Match mode: the rules of the market run on what was asked, and their trades compared with those that happened.

use std::collections::{BTreeMap, HashMap};

use proofbook_book::Book;
use proofbook_books::{Ladder, NamedBook};
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    Action, Command, ConfigError, Event, MarketConfig, OrderId, Quantity, Queue, RejectReason, Side,
};

use crate::bitstamp_flow::{BitstampFlow, RealFill, Told};
use crate::error::{ErrorKind, ReplayError};
use crate::flow::{Execution, Flow, Policy, Step};
use crate::oracle::Comparison;
use crate::rebuild::Rebuild;
use crate::record::{MarketEvent, Record};
use crate::report::{Counts, FinalBook};
use crate::run::final_book;
use crate::survey::{EarlyOrder, Units};

/// Trades of the market that the records have not told yet; beyond that the oldest are given up.
const UNTOLD_MAX: usize = 1 << 16;

/// A trade of the market.
#[derive(Clone, Copy, Debug)]
struct Trade {
    maker: u64,
    taker: u64,
    quantity: u64,
}

/// A market with what its last command gave.
struct Market<B> {
    engine: MatchingEngine<B>,
    trades: Vec<Trade>,
    reject: Option<RejectReason>,
    commands: u64,
}

pub(crate) fn configuration_error(error: ConfigError) -> ReplayError {
    ReplayError::new(ErrorKind::Malformed, format!("the market's terms: {error}"))
}

impl<B: NamedBook> Market<B> {
    fn new() -> Result<Self, ReplayError> {
        let engine = MatchingEngine::new(MarketConfig::default(), B::empty())
            .map_err(configuration_error)?;
        Ok(Market {
            engine,
            trades: Vec::new(),
            reject: None,
            commands: 0,
        })
    }

    /// Applies a command. Its trades stay in `trades` until the next one.
    fn apply(&mut self, command: &Command) {
        let Market {
            engine,
            trades,
            reject,
            commands,
        } = self;
        trades.clear();
        *reject = None;
        *commands += 1;
        engine.apply(command, &mut |event: Event| match event {
            Event::Trade {
                maker_id,
                taker_id,
                quantity,
                ..
            } => trades.push(Trade {
                maker: maker_id.0,
                taker: taker_id.0,
                quantity: quantity.0,
            }),
            Event::Rejected { reason, .. } => *reject = Some(reason),
            _ => {}
        });
    }

    fn open(&self, order_id: u64) -> Option<u64> {
        let book = self.engine.book();
        book.find(OrderId(order_id))
            .map(|slot| book.displayed(slot).0)
    }
}

/// How records become commands.
enum Source {
    Executions(Box<Flow>),
    Orders(Box<OrderFlow>),
}

/// Flow in which aggressive orders are entered themselves.
struct OrderFlow {
    flow: BitstampFlow,
    commands: Vec<Command>,
    /// Trades of the market by maker and taker, until the records tell them.
    untold: HashMap<(u64, u64), Vec<u64>>,
}

/// One instrument in match mode.
pub(crate) struct Matched<B> {
    market: Market<B>,
    source: Source,
    steps: Vec<Step>,
    units: Units,
}

/// What match mode counts over all instruments.
#[derive(Default)]
pub(crate) struct MatchTally {
    pub counts: Counts,
    pub comparison: Comparison,
    pub figures: BTreeMap<String, u64>,
    /// Whether the exchange gives its reference numbers out in the order of time.
    pub ids_are_ranks: bool,
}

/// The figure of differences that the records explain by themselves.
pub(crate) const EXPLAINED_FIGURE: &str = "explained_by_an_older_reference_number";

impl MatchTally {
    fn add(&mut self, name: &str, count: u64) {
        *self.figures.entry(name.to_string()).or_insert(0) += count;
    }
}

impl<B: NamedBook> Matched<B> {
    /// A market for records that tell executions.
    pub fn executions(units: Units, early: &[EarlyOrder]) -> Result<Self, ReplayError> {
        let mut steps = Vec::new();
        let flow = Flow::new(Policy::Follow, units, early, &mut steps);
        Ok(Matched {
            market: Market::new()?,
            source: Source::Executions(Box::new(flow)),
            steps,
            units,
        })
    }

    /// A market for records that tell the aggressive orders themselves.
    pub fn orders(units: Units, early: &[EarlyOrder]) -> Result<Self, ReplayError> {
        let mut commands = Vec::new();
        let flow = BitstampFlow::new(units, early, &mut commands);
        let mut market = Market::new()?;
        for command in commands.drain(..) {
            market.apply(&command);
        }
        let source = OrderFlow {
            flow,
            commands,
            untold: HashMap::new(),
        };
        Ok(Matched {
            market,
            source: Source::Orders(Box::new(source)),
            steps: Vec::new(),
            units,
        })
    }

    pub fn record(&mut self, record: &Record, tally: &mut MatchTally) {
        match &mut self.source {
            Source::Executions(flow) => {
                flow.record(record, &mut tally.counts, &mut self.steps);
                take_steps(&mut self.market, &mut self.steps, tally);
            }
            Source::Orders(source) => source.record(record, &mut self.market, tally),
        }
    }

    /// Ends the flow, and compares the market's book with the one that really was.
    pub fn finish(&mut self, tally: &mut MatchTally) {
        let reality = match &mut self.source {
            Source::Executions(flow) => {
                flow.flush(&mut tally.counts, &mut self.steps);
                take_steps(&mut self.market, &mut self.steps, tally);
                flow.reality()
            }
            Source::Orders(source) => {
                let untold: usize = source.untold.values().map(Vec::len).sum();
                tally.add("fills_only_by_the_rules", untold as u64);
                source.flow.reality()
            }
        };
        let differing = orders_that_differ(&self.market.engine, reality);
        tally.add("final_orders_that_differ", differing);
        tally.add("commands", self.market.commands);
    }

    pub fn final_book(&self) -> FinalBook {
        let mut book = final_book(
            self.market.engine.book(),
            self.units.tick_scale(),
            self.units.lot_scale(),
        );
        book.digest = blake3::Hash::from_bytes(proofbook_engine::digest(&self.market.engine))
            .to_hex()
            .to_string();
        book
    }
}

fn take_steps<B: NamedBook>(market: &mut Market<B>, steps: &mut Vec<Step>, tally: &mut MatchTally) {
    for step in steps.drain(..) {
        match step {
            Step::Command { record, command } => {
                market.apply(&command);
                rejected(market, record, tally);
            }
            Step::Aggressive {
                command,
                executions,
            } => {
                market.apply(&command);
                compare_trades(&market.trades, &executions, tally);
            }
            Step::PassedOver {
                execution,
                head,
                command,
            } => {
                // Exchanges give reference numbers out in the order of time. An older number behind a newer one is an
                // order that was shown again, and kept its rank, which the records do not tell.
                let is_older = tally.ids_are_ranks && execution.order_id < head.0;
                if is_older {
                    tally.add(EXPLAINED_FIGURE, 1);
                }
                tally.comparison.differ(execution.record, || {
                    let why = if is_older {
                        "; the order has an older reference number: it came back with its rank"
                    } else {
                        ""
                    };
                    format!(
                        "expected the rules to trade with order {}, but order {head} comes first{why}",
                        execution.order_id
                    )
                });
                market.apply(&command);
                rejected(market, execution.record, tally);
            }
        }
    }
}

/// A command that the market rejects cannot have happened by its rules.
fn rejected<B>(market: &Market<B>, record: u64, tally: &mut MatchTally) {
    if let Some(reason) = market.reject {
        tally.add(&format!("rejected_{}", reason.name()), 1);
        tally.comparison.differences.note(record, || {
            format!("the market rejected the command: {}", reason.name())
        });
    }
}

/// Each execution must be what the market traded, in the same order.
fn compare_trades(trades: &[Trade], executions: &[Execution], tally: &mut MatchTally) {
    let mut trades = trades.iter().copied();
    let mut at = trades.next();
    for execution in executions {
        let is_same = at.as_mut().is_some_and(|trade| {
            trade.maker == execution.order_id && trade.quantity >= execution.quantity
        });
        if is_same {
            tally.comparison.agree();
        } else {
            tally.comparison.differ(execution.record, || {
                format!(
                    "expected a trade with order {}, received {at:?}",
                    execution.order_id
                )
            });
        }
        // Several executions of one order by one aggressive order are one trade of the market.
        if let Some(trade) = &mut at {
            trade.quantity = trade.quantity.saturating_sub(execution.quantity);
            if trade.quantity == 0 || !is_same {
                at = trades.next();
            }
        }
    }
}

impl OrderFlow {
    fn record<B: NamedBook>(
        &mut self,
        record: &Record,
        market: &mut Market<B>,
        tally: &mut MatchTally,
    ) {
        let told = self
            .flow
            .record(record, &mut tally.counts, &mut self.commands);
        for command in self.commands.drain(..) {
            market.apply(&command);
            rejected(market, record.number, tally);
            if self.untold.len() >= UNTOLD_MAX {
                self.untold.clear();
            }
            for trade in &market.trades {
                self.untold
                    .entry((trade.maker, trade.taker))
                    .or_default()
                    .push(trade.quantity);
            }
        }
        match told {
            Told::Nothing => {}
            Told::Unattributed => tally.add("fills_without_orders", 1),
            Told::Fill(fill) => self.compare(record, fill, market, tally),
        }
        if let MarketEvent::Delete { order_id, .. } = record.event {
            // An order that is gone in reality must not stay because the rules did not trade it.
            self.lower(record, order_id, 0, market, tally);
        }
    }

    fn compare<B: NamedBook>(
        &mut self,
        record: &Record,
        fill: RealFill,
        market: &mut Market<B>,
        tally: &mut MatchTally,
    ) {
        let key = (fill.maker, fill.taker);
        let quantities = self.untold.entry(key).or_default();
        match quantities
            .iter()
            .position(|quantity| *quantity == fill.quantity)
        {
            Some(at) => {
                quantities.remove(at);
                tally.comparison.agree();
            }
            None => tally.comparison.differ(record.number, || {
                format!(
                    "expected order {} to trade {} with {}, received {quantities:?}",
                    fill.taker, fill.quantity, fill.maker
                )
            }),
        }
        if self.untold.get(&key).is_some_and(Vec::is_empty) {
            self.untold.remove(&key);
        }
        for order_id in [fill.maker, fill.taker] {
            let left = self
                .flow
                .reality()
                .order(order_id)
                .map_or(0, |order| order.displayed.0);
            self.lower(record, order_id, left, market, tally);
        }
    }

    /// Lowers an order of the market to what it has in reality.
    fn lower<B: NamedBook>(
        &self,
        record: &Record,
        order_id: u64,
        left: u64,
        market: &mut Market<B>,
        tally: &mut MatchTally,
    ) {
        let Some(open) = market.open(order_id).filter(|open| *open > left) else {
            return;
        };
        tally.add("orders_led_to_reality", 1);
        market.apply(&Command {
            time: market.engine.clock(),
            action: Action::Reduce {
                order_id: OrderId(order_id),
                quantity: Quantity(open - left),
            },
        });
        rejected(market, record.number, tally);
    }
}

/// How many orders stand in only one of the books, or at another place or with another quantity.
fn orders_that_differ<B: NamedBook>(engine: &MatchingEngine<B>, reality: &Rebuild<Ladder>) -> u64 {
    let mut count = 0;
    for side in Side::BOTH {
        let queue = Queue::resting(side);
        let mut mine = engine.book().best(queue);
        let mut theirs = reality.first(side);
        while mine.is_some() || theirs.is_some() {
            let left = mine.map(|slot| engine.book().order(slot));
            let right = theirs.map(|slot| reality.book().order(slot));
            let same = left.zip(right).is_some_and(|(left, right)| {
                left.id == right.id
                    && left.price == right.price
                    && left.displayed == right.displayed
            });
            count += u64::from(!same);
            mine = mine.and_then(|slot| engine.book().next(slot));
            theirs = theirs.and_then(|slot| reality.book().next(slot));
        }
    }
    count
}
