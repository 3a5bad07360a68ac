//! The Bitstamp log as commands. Here aggressive orders are in the log themselves: an order that crosses is created with
//! its full amount, and its trades follow as changes of both orders and a trade record.
//!
//! So an order is entered as it was created, and the market trades by its own rules. A change that lowers an amount is
//! never a command: on this exchange only a trade does that. A market order appears as an order whose price changes as
//! it walks through the book; each change is a replace.

use proofbook_books::Ladder;
use proofbook_types::{
    AccountId, Action, Command, NewOrder, OrderId, OrderKind, Price, Quantity, SelfTradePrevention,
    Side, TimeInForce, Timestamp,
};

use crate::apply::{apply, ticks, Effect};
use crate::rebuild::{Problem, Rebuild};
use crate::record::{MarketEvent, Record};
use crate::report::Counts;
use crate::survey::{EarlyOrder, Units};

/// A trade that the log tells, with the orders whose amounts went down for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RealFill {
    /// The order that stood first.
    pub maker: u64,
    /// The order that came later.
    pub taker: u64,
    /// How much traded.
    pub quantity: u64,
}

/// What a record says of trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing.
    Nothing,
    /// A trade between two orders.
    Fill(RealFill),
    /// A trade, but not between which orders.
    Unattributed,
}

/// An order's amount went down by a trade that is still to be told.
#[derive(Clone, Copy, Debug)]
struct Decrease {
    order_id: u64,
    quantity: u64,
    priority: u64,
}

/// Turns the log's records into commands.
pub struct BitstampFlow {
    units: Units,
    reality: Rebuild<Ladder>,
    decreases: [Option<Decrease>; 2],
    clock_ns: u64,
}

impl BitstampFlow {
    /// Starts with the orders that existed before the log, which come first as commands.
    pub fn new(units: Units, early: &[EarlyOrder], commands: &mut Vec<Command>) -> Self {
        let mut flow = BitstampFlow {
            units,
            reality: Rebuild::new(Ladder::default()),
            decreases: [None; 2],
            clock_ns: 0,
        };
        for order in early {
            if let Ok(price) = ticks(units, order.price) {
                if flow
                    .reality
                    .add(order.order_id, order.side, price, order.quantity)
                    .is_ok()
                {
                    let action = resting(order.order_id, order.side, price, order.quantity);
                    flow.push(action, commands);
                }
            }
        }
        flow
    }

    /// The book as the log tells it.
    pub fn reality(&self) -> &Rebuild<Ladder> {
        &self.reality
    }

    /// Takes the next record.
    pub fn record(
        &mut self,
        record: &Record,
        counts: &mut Counts,
        commands: &mut Vec<Command>,
    ) -> Told {
        self.clock_ns = self.clock_ns.max(record.time_ns);
        match record.event {
            MarketEvent::Trade { quantity, .. } => {
                counts.informational += 1;
                return self.trade(quantity);
            }
            MarketEvent::Add { .. } => self.decreases = [None; 2],
            _ => {}
        }
        match self.change(record, commands) {
            Ok(Effect::Nothing) => counts.informational += 1,
            Ok(Effect::Applied | Effect::AppliedDespite(_)) => counts.applied += 1,
            Err(problem) => {
                counts.unapplied(record.number, problem.name(), || problem.name().to_string())
            }
        }
        Told::Nothing
    }

    fn change(&mut self, record: &Record, commands: &mut Vec<Command>) -> Result<Effect, Problem> {
        let subject = match record.event {
            MarketEvent::Set { order_id, .. } | MarketEvent::Delete { order_id, .. } => {
                self.reality.order(order_id)
            }
            _ => None,
        };
        let effect = apply(&mut self.reality, self.units, record)?;
        match record.event {
            MarketEvent::Add {
                order_id,
                side,
                price,
                quantity,
            } => {
                self.push(
                    resting(order_id, side, ticks(self.units, price)?, quantity),
                    commands,
                );
            }
            MarketEvent::Set {
                order_id,
                price,
                quantity,
                ..
            } => {
                let old = subject.ok_or(Problem::UnknownOrder)?;
                let price = ticks(self.units, price)?;
                if old.price == Some(price) {
                    self.decreased(
                        order_id,
                        old.displayed.0.saturating_sub(quantity),
                        old.priority,
                    );
                } else {
                    let action = Action::Replace {
                        order_id: OrderId(order_id),
                        price: Some(price),
                        // A market buy is for an amount of money: at another price it is for another quantity.
                        quantity: (old.displayed.0 != quantity).then_some(Quantity(quantity)),
                        stop_price: None,
                    };
                    self.push(action, commands);
                }
            }
            MarketEvent::Delete { order_id, quantity } => {
                let old = subject.ok_or(Problem::UnknownOrder)?;
                if quantity == Some(0) {
                    self.decreased(order_id, old.displayed.0, old.priority);
                } else {
                    self.push(
                        Action::Cancel {
                            order_id: OrderId(order_id),
                        },
                        commands,
                    );
                }
            }
            _ => {}
        }
        Ok(effect)
    }

    fn decreased(&mut self, order_id: u64, quantity: u64, priority: u64) {
        if quantity > 0 {
            self.decreases = [
                self.decreases[1],
                Some(Decrease {
                    order_id,
                    quantity,
                    priority,
                }),
            ];
        }
    }

    fn trade(&mut self, quantity: u64) -> Told {
        let [Some(a), Some(b)] = std::mem::take(&mut self.decreases) else {
            return Told::Unattributed;
        };
        if a.quantity != quantity || b.quantity != quantity {
            return Told::Unattributed;
        }
        let (maker, taker) = if a.priority < b.priority {
            (a, b)
        } else {
            (b, a)
        };
        Told::Fill(RealFill {
            maker: maker.order_id,
            taker: taker.order_id,
            quantity,
        })
    }

    fn push(&self, action: Action, commands: &mut Vec<Command>) {
        commands.push(Command {
            time: Timestamp(self.clock_ns),
            action,
        });
    }
}

fn resting(order_id: u64, side: Side, price: Price, quantity: u64) -> Action {
    Action::New(NewOrder {
        order_id: OrderId(order_id),
        account: AccountId::NONE,
        side,
        quantity: Quantity(quantity),
        kind: OrderKind::Limit { price },
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        display: None,
        self_trade: SelfTradePrevention::Allow,
    })
}
