//! From what happened to what was asked: the commands that lead a market through the records of an exchange.
//!
//! Adds, cancels and changes are commands as they stand. An execution is turned back into the order that caused it:
//! executions that follow one another at the same time against the same side were one aggressive order, immediate or
//! cancel, for their sum, with the worst of their prices as its limit. A second book follows what really happened, so
//! that each step knows the truth before it.
//!
//! With [`Policy::Follow`], an aggressive order is made only of executions that the rules explain: those that hit the
//! head of the queue, one after another. One that passes over the head is told as [`Step::PassedOver`], and the market
//! is led past it by a reduction, so that one difference does not cause the next. With [`Policy::Free`], every
//! execution is asked for, and the market decides.

use std::collections::HashMap;

use proofbook_book::Book;
use proofbook_books::Ladder;
use proofbook_types::{
    AccountId, Action, Command, NewOrder, OrderId, OrderKind, Price, Quantity, SelfTradePrevention,
    Side, TimeInForce, Timestamp,
};

use crate::apply::{apply, check_standing, ticks, Effect, OWN_IDS};
use crate::rebuild::{Problem, Rebuild};
use crate::record::{MarketEvent, Record};
use crate::report::Counts;
use crate::survey::{EarlyOrder, Units};

/// What to do with executions that the rules would not have made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Tell them, and lead the market to where reality went.
    Follow,
    /// Ask for them all the same.
    Free,
}

/// Executions of one aggressive order; one with more is treated as several.
const GROUP_MAX: usize = 4096;
/// Fills whose cancel or modify is still to come; beyond that the oldest knowledge is given up.
const EXCUSED_MAX: usize = 1 << 16;

/// An execution that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The record that tells it.
    pub record: u64,
    /// The resting order.
    pub order_id: u64,
    /// How much traded.
    pub quantity: u64,
}

/// One step of a market.
#[derive(Clone, Debug)]
pub enum Step {
    /// A command that trades nothing.
    Command {
        /// The record that it comes from.
        record: u64,
        /// The command.
        command: Command,
    },
    /// An aggressive order, and what it traded in reality.
    Aggressive {
        /// The command.
        command: Command,
        /// What happened.
        executions: Vec<Execution>,
    },
    /// An execution that passed over the head of the queue.
    PassedOver {
        /// What happened.
        execution: Execution,
        /// The order at the head.
        head: OrderId,
        /// Leads the market past it.
        command: Command,
    },
}

/// Turns records of one instrument into steps.
pub struct Flow {
    policy: Policy,
    units: Units,
    /// What really happened.
    reality: Rebuild<Ladder>,
    group: Vec<Execution>,
    /// The time and the resting side of the executions in the group.
    group_key: Option<(u64, Side)>,
    excused: HashMap<u64, u64>,
    own_orders: u64,
    clock_ns: u64,
}

impl Flow {
    /// Starts with the orders that existed before the first record, which come first as steps.
    pub fn new(policy: Policy, units: Units, early: &[EarlyOrder], steps: &mut Vec<Step>) -> Self {
        let mut flow = Flow {
            policy,
            units,
            reality: Rebuild::new(Ladder::default()),
            group: Vec::new(),
            group_key: None,
            excused: HashMap::new(),
            own_orders: 0,
            clock_ns: 0,
        };
        for order in early {
            let Ok(price) = ticks(units, order.price) else {
                continue;
            };
            if flow
                .reality
                .add(order.order_id, order.side, price, order.quantity)
                .is_ok()
            {
                let action = flow.resting(order.order_id, order.side, price, order.quantity);
                flow.push(0, action, steps);
            }
        }
        flow
    }

    /// The book as it really was.
    pub fn reality(&self) -> &Rebuild<Ladder> {
        &self.reality
    }

    /// Takes the next record.
    pub fn record(&mut self, record: &Record, counts: &mut Counts, steps: &mut Vec<Step>) {
        if let MarketEvent::Execute {
            order_id, quantity, ..
        }
        | MarketEvent::Fill {
            order_id, quantity, ..
        } = record.event
        {
            self.execution(record, order_id, quantity, counts, steps);
            return;
        }
        if matches!(
            record.event,
            MarketEvent::Trade { .. } | MarketEvent::Nothing | MarketEvent::Published(_)
        ) {
            counts.informational += 1;
            return;
        }
        if !self.is_before_the_group(record) {
            self.flush(counts, steps);
        }
        self.clock_ns = self.clock_ns.max(record.time_ns);
        match self.change(record, steps) {
            Ok(()) => counts.applied += 1,
            Err(problem) => unapplied(record.number, problem, counts),
        }
    }

    /// Whether a cancel belongs before the executions at hand. An exchange that tells its fills first and what becomes of
    /// the book afterwards, all at one time, also tells there of orders that left before those fills: such as one of the
    /// aggressive order's own account.
    fn is_before_the_group(&self, record: &Record) -> bool {
        let is_same_time = self
            .group_key
            .is_some_and(|(time_ns, _)| time_ns == record.time_ns);
        match record.event {
            MarketEvent::Reduce { order_id, .. } => {
                is_same_time && !self.excused.is_empty() && !self.excused.contains_key(&order_id)
            }
            _ => false,
        }
    }

    fn execution(
        &mut self,
        record: &Record,
        order_id: u64,
        quantity: u64,
        counts: &mut Counts,
        steps: &mut Vec<Step>,
    ) {
        let Some(order) = self.reality.order(order_id) else {
            self.flush(counts, steps);
            return unapplied(record.number, Problem::UnknownOrder, counts);
        };
        let key = (record.time_ns, order.side);
        if self.group_key.is_some_and(|group_key| group_key != key) || self.group.len() >= GROUP_MAX
        {
            self.flush(counts, steps);
        }
        if let Err(problem) = check_standing(&self.reality, self.units, record) {
            return unapplied(record.number, problem, counts);
        }
        self.clock_ns = self.clock_ns.max(record.time_ns);
        self.group_key = Some(key);
        self.group.push(Execution {
            record: record.number,
            order_id,
            quantity,
        });
        if matches!(record.event, MarketEvent::Fill { .. }) {
            if self.excused.len() >= EXCUSED_MAX {
                self.excused.clear();
            }
            *self.excused.entry(order_id).or_insert(0) += quantity;
        }
    }

    /// Ends the group of executions: nothing more belongs to the aggressive order.
    pub fn flush(&mut self, counts: &mut Counts, steps: &mut Vec<Step>) {
        let Some((_, side)) = self.group_key.take() else {
            return;
        };
        let mut group = std::mem::take(&mut self.group);
        let mut rest = group.as_slice();
        while let [execution, after @ ..] = rest {
            let explained = match self.policy {
                Policy::Follow => self.explained(side, rest),
                Policy::Free => rest.len(),
            };
            if explained > 0 {
                self.aggressive(side, &rest[..explained], counts, steps);
                rest = &rest[explained..];
            } else {
                self.passed_over(side, *execution, counts, steps);
                rest = after;
            }
        }
        group.clear();
        self.group = group;
    }

    /// How many executions from the first on hit the head of the queue, one after another.
    fn explained(&self, side: Side, executions: &[Execution]) -> usize {
        let book = self.reality.book();
        let mut head = self.reality.first(side);
        let mut left = head.map_or(0, |slot| book.displayed(slot).0);
        for (index, execution) in executions.iter().enumerate() {
            let Some(slot) = head.filter(|slot| book.id(*slot).0 == execution.order_id) else {
                return index;
            };
            if execution.quantity == 0 || execution.quantity > left {
                return index;
            }
            left -= execution.quantity;
            if left == 0 {
                head = book.next(slot);
                left = head.map_or(0, |slot| book.displayed(slot).0);
            }
        }
        executions.len()
    }

    fn aggressive(
        &mut self,
        side: Side,
        executions: &[Execution],
        counts: &mut Counts,
        steps: &mut Vec<Step>,
    ) {
        let mut quantity: u64 = 0;
        let mut worst: Option<Price> = None;
        let mut done = Vec::with_capacity(executions.len());
        for execution in executions {
            let price = self
                .reality
                .order(execution.order_id)
                .and_then(|order| order.price);
            if let Err(problem) = self.reality.execute(execution.order_id, execution.quantity) {
                unapplied(execution.record, problem, counts);
                continue;
            }
            counts.applied += 1;
            quantity = quantity.saturating_add(execution.quantity);
            worst = match (worst, price, side) {
                (Some(worst), Some(price), Side::Sell) => Some(worst.max(price)),
                (Some(worst), Some(price), Side::Buy) => Some(worst.min(price)),
                (worst, price, _) => worst.or(price),
            };
            done.push(*execution);
        }
        let Some(price) = worst else {
            return;
        };
        self.own_orders += 1;
        let command = self.command(Action::New(NewOrder {
            order_id: OrderId(OWN_IDS + self.own_orders),
            account: AccountId::NONE,
            side: side.opposite(),
            quantity: Quantity(quantity),
            kind: OrderKind::Limit { price },
            time_in_force: TimeInForce::ImmediateOrCancel,
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::Allow,
        }));
        steps.push(Step::Aggressive {
            command,
            executions: done,
        });
    }

    fn passed_over(
        &mut self,
        side: Side,
        execution: Execution,
        counts: &mut Counts,
        steps: &mut Vec<Step>,
    ) {
        let head = self
            .reality
            .first(side)
            .map(|slot| self.reality.book().id(slot));
        if let Err(problem) = self.reality.execute(execution.order_id, execution.quantity) {
            return unapplied(execution.record, problem, counts);
        }
        counts.applied += 1;
        let command = self.command(Action::Reduce {
            order_id: OrderId(execution.order_id),
            quantity: Quantity(execution.quantity),
        });
        steps.push(Step::PassedOver {
            execution,
            head: head.expect("the order that traded is in the queue"),
            command,
        });
    }

    /// Any record but an execution.
    fn change(&mut self, record: &Record, steps: &mut Vec<Step>) -> Result<(), Problem> {
        if self.is_excused(record) {
            return Ok(());
        }
        if record.event == MarketEvent::Clear {
            return self.clear(record.number, steps);
        }
        let before = self.subject(&record.event);
        if apply(&mut self.reality, self.units, record)? == Effect::Nothing {
            return Ok(());
        }
        self.ask(record, before, steps)
    }

    /// Cancels every order.
    fn clear(&mut self, record: u64, steps: &mut Vec<Step>) -> Result<(), Problem> {
        let first = |flow: &Flow| Side::BOTH.iter().find_map(|side| flow.reality.first(*side));
        while let Some(slot) = first(self) {
            let order_id = self.reality.book().id(slot);
            self.reality.delete(order_id.0)?;
            self.push(record, Action::Cancel { order_id }, steps);
        }
        Ok(())
    }

    /// Asks for what a record told, which is applied to reality already. `before` is the order as it was.
    fn ask(
        &self,
        record: &Record,
        before: Option<(Side, Price, u64)>,
        steps: &mut Vec<Step>,
    ) -> Result<(), Problem> {
        let cancel = |order_id: u64| Action::Cancel {
            order_id: OrderId(order_id),
        };
        match record.event {
            MarketEvent::Add {
                order_id,
                side,
                price,
                quantity,
            } => {
                let action = self.resting(order_id, side, ticks(self.units, price)?, quantity);
                self.push(record.number, action, steps);
            }
            MarketEvent::Reduce { order_id, quantity } => self.push(
                record.number,
                Action::Reduce {
                    order_id: OrderId(order_id),
                    quantity: Quantity(quantity),
                },
                steps,
            ),
            MarketEvent::Delete { order_id, .. } => {
                self.push(record.number, cancel(order_id), steps);
            }
            MarketEvent::Replace {
                order_id,
                new_id,
                price,
                quantity,
            } => {
                let (side, _, _) = before.ok_or(Problem::UnknownOrder)?;
                self.push(record.number, cancel(order_id), steps);
                let action = self.resting(new_id, side, ticks(self.units, price)?, quantity);
                self.push(record.number, action, steps);
            }
            MarketEvent::Set {
                order_id,
                price,
                quantity,
                ..
            } => {
                let (_, old_price, old_quantity) = before.ok_or(Problem::UnknownOrder)?;
                let price = ticks(self.units, price)?;
                self.set(
                    record.number,
                    order_id,
                    (old_price, old_quantity),
                    (price, quantity),
                    steps,
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// The command that brings an order from its old to its new price and quantity; none where nothing changes.
    fn set(
        &self,
        record: u64,
        order_id: u64,
        old: (Price, u64),
        new: (Price, u64),
        steps: &mut Vec<Step>,
    ) {
        let order_id = OrderId(order_id);
        let action = if new.1 == 0 {
            Action::Cancel { order_id }
        } else if old.0 == new.0 && new.1 <= old.1 {
            if new.1 == old.1 {
                return;
            }
            Action::Reduce {
                order_id,
                quantity: Quantity(old.1 - new.1),
            }
        } else {
            Action::Replace {
                order_id,
                price: Some(new.0),
                quantity: Some(Quantity(new.1)),
                stop_price: None,
            }
        };
        self.push(record, action, steps);
    }

    /// Whether a record only says what becomes of an order whose fill was told before.
    fn is_excused(&mut self, record: &Record) -> bool {
        match record.event {
            MarketEvent::Reduce { order_id, quantity } => {
                let Some(excused) = self.excused.get_mut(&order_id) else {
                    return false;
                };
                if *excused < quantity {
                    return false;
                }
                *excused -= quantity;
                if *excused == 0 {
                    self.excused.remove(&order_id);
                }
                true
            }
            MarketEvent::Set { order_id, .. } => {
                self.excused.remove(&order_id);
                false
            }
            _ => false,
        }
    }

    /// Side, price and quantity of the order that an event concerns, before it is applied.
    fn subject(&self, event: &MarketEvent) -> Option<(Side, Price, u64)> {
        let (MarketEvent::Replace { order_id, .. } | MarketEvent::Set { order_id, .. }) = event
        else {
            return None;
        };
        let order = self.reality.order(*order_id)?;
        Some((order.side, order.price?, order.displayed.0))
    }

    /// A limit order that rests. Where reality is followed it must not trade: in reality it did not.
    fn resting(&self, order_id: u64, side: Side, price: Price, quantity: u64) -> Action {
        Action::New(NewOrder {
            order_id: OrderId(order_id),
            account: AccountId::NONE,
            side,
            quantity: Quantity(quantity),
            kind: OrderKind::Limit { price },
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: self.policy == Policy::Follow,
            display: None,
            self_trade: SelfTradePrevention::Allow,
        })
    }

    fn command(&self, action: Action) -> Command {
        Command {
            time: Timestamp(self.clock_ns),
            action,
        }
    }

    fn push(&self, record: u64, action: Action, steps: &mut Vec<Step>) {
        let command = self.command(action);
        steps.push(Step::Command { record, command });
    }
}

fn unapplied(record: u64, problem: Problem, counts: &mut Counts) {
    counts.unapplied(record, problem.name(), || problem.name().to_string());
}
