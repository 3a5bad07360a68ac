//! What the thread of a node does: it takes tokens, runs their markets a batch at a time, and lets markets come and go.

use std::panic::{catch_unwind, AssertUnwindSafe};

use proofbook_memory::numa::NodeId;
use proofbook_memory::sync::{thread, Arc, Statistic};
use proofbook_types::{Command, Event};

use super::cell::{MarketCell, Seated, Work};
use super::channels::CrossNodeChannels;
use super::market::{Market, Residence, Seat};
use super::report::{Batch, Failure, Moved, Report};

/// Commands that a market is given before others have their turn, at most.
pub const BATCH_COMMANDS_MAX: usize = 64;

/// How often a worker looks for work before it sleeps.
const LOOKS_BEFORE_SLEEP: u32 = 64;

/// What a market says that had failed before.
const FAILED_BEFORE: &str = "the market had failed before";

/// What one node's worker did.
#[derive(Debug, Default)]
pub struct NodeStatistics {
    pub(super) commands: Statistic,
    pub(super) events: Statistic,
    pub(super) batches: Statistic,
    pub(super) arrivals: Statistic,
    /// Reports that had to wait for room.
    pub(super) stalls: Statistic,
    pub(super) sleeps: Statistic,
    pub(super) pages_here: Statistic,
    pub(super) pages_elsewhere: Statistic,
}

/// A node's worker.
pub struct NodeWorker<M> {
    seat: Seat,
    channels: Arc<CrossNodeChannels<M>>,
    statistics: Arc<NodeStatistics>,
    /// Room for the commands of a batch.
    commands: Vec<Command>,
}

impl<M: Market> NodeWorker<M> {
    /// A worker for the node of a seat, on whose thread it has to stay.
    pub fn new(
        seat: Seat,
        channels: Arc<CrossNodeChannels<M>>,
        statistics: Arc<NodeStatistics>,
    ) -> Self {
        NodeWorker {
            seat,
            channels,
            statistics,
            commands: Vec::with_capacity(BATCH_COMMANDS_MAX),
        }
    }

    fn node(&self) -> NodeId {
        self.seat.node().id
    }

    /// Runs markets until the channels say stop.
    pub(super) fn run(mut self) {
        let mut looks = 0;
        while !self.channels.is_stopping() {
            if self.step() {
                looks = 0;
            } else if looks < LOOKS_BEFORE_SLEEP {
                looks += 1;
                thread::yield_now();
            } else {
                // Whoever passes a token or stops the workers wakes this thread afterwards; if that was just now, it does not sleep.
                self.statistics.sleeps.add_alone(1);
                thread::park();
            }
        }
    }

    /// Takes one token and does what is to be done with it. Whether there was one.
    pub fn step(&mut self) -> bool {
        let Some(cell) = self.channels.next(self.node()) else {
            return false;
        };
        assert_eq!(
            cell.owner(),
            self.node(),
            "a token goes to the node of its market's owner"
        );
        let waiting = cell.waiting();
        let mut done = Work {
            commands: 0,
            moves: 0,
        };
        if waiting.moves > 0 {
            let target = cell.target().unwrap_or(self.node());
            if target != self.node() {
                cell.set_owner(target);
                self.channels.pass(target, cell);
                self.channels.wake(target);
                return true;
            }
            self.arrive(&cell);
            cell.end_move();
            done.moves = 1;
        }
        self.commands.clear();
        cell.take(waiting.commands.min(BATCH_COMMANDS_MAX), &mut self.commands);
        done.commands = self.commands.len();
        if !self.commands.is_empty() {
            self.apply(&cell);
        } else if waiting.commands > 0 {
            // The oldest one is announced and hidden by a push that has not ended: that thread should go on first.
            thread::yield_now();
        }
        if cell.done(done) {
            self.channels.pass(self.node(), cell);
        }
        true
    }

    /// Copies a market to this node, unless it is here.
    fn arrive(&mut self, cell: &MarketCell<M>) {
        let node = self.node();
        if cell.has_failed() {
            return;
        }
        let arrival = cell.with(|seated| {
            let from = seated.node.replace(node);
            if from == Some(node) {
                return None;
            }
            let seat = &self.seat;
            let market = &mut seated.market;
            // A market whose move panicked is not touched again.
            let moved = catch_unwind(AssertUnwindSafe(|| market.move_to(seat)));
            Some((from, seated.sequence, moved))
        });
        let Some((from, sequence, moved)) = arrival else {
            return;
        };
        let report = match moved {
            Ok(residence) => {
                self.count_arrival(cell, residence);
                Report::Moved(Moved {
                    market: cell.id(),
                    from,
                    to: node,
                    sequence,
                    residence,
                })
            }
            Err(panic) => {
                cell.fail();
                Report::Failed(Failure {
                    market: cell.id(),
                    node,
                    sequence,
                    message: text_of(panic),
                    unapplied: Vec::new(),
                })
            }
        };
        self.report(report);
    }

    fn count_arrival(&self, cell: &MarketCell<M>, residence: Residence) {
        cell.statistics.moves.add_alone(1);
        let statistics = &self.statistics;
        statistics.arrivals.add_alone(1);
        statistics.pages_here.add_alone(residence.here.into());
        statistics
            .pages_elsewhere
            .add_alone(residence.elsewhere.into());
    }

    /// Gives a market the commands that were taken out, and reports.
    fn apply(&mut self, cell: &MarketCell<M>) {
        let (node, market) = (self.node(), cell.id());
        let commands = &self.commands;
        let (batch, sequence, failure) = if cell.has_failed() {
            let sequence = cell.with(|seated| seated.sequence);
            (None, sequence, Some(FAILED_BEFORE.to_string()))
        } else {
            cell.with(|seated| {
                let mut batch = Batch::new(market, node, seated.sequence + 1);
                let panic = apply_each(seated, commands, &mut batch).err();
                (Some(batch), seated.sequence, panic)
            })
        };
        let applied = batch.as_ref().map_or(0, |batch| batch.commands().len());
        let unapplied = self.commands[applied..].to_vec();
        if let Some(batch) = batch.filter(|batch| !batch.commands().is_empty()) {
            self.count(cell, &batch);
            self.report(Report::Applied(batch));
        }
        if let Some(message) = failure {
            cell.fail();
            self.report(Report::Failed(Failure {
                market,
                node,
                sequence,
                message,
                unapplied,
            }));
        }
    }

    fn count(&self, cell: &MarketCell<M>, batch: &Batch) {
        let commands = batch.commands().len() as u64;
        let events = batch.events().len() as u64;
        cell.statistics.commands.add_alone(commands);
        cell.statistics.events.add_alone(events);
        let traded = batch.events().iter().map(|event| match event {
            Event::Trade { quantity, .. } => quantity.0,
            _ => 0,
        });
        cell.statistics
            .volume
            .add_alone(traded.fold(0, u64::saturating_add));
        self.statistics.batches.add_alone(1);
        self.statistics.commands.add_alone(commands);
        self.statistics.events.add_alone(events);
    }

    /// Hands a report over, and waits for room for it where there is none.
    fn report(&self, mut report: Report) {
        while let Err(returned) = self.channels.report(report) {
            // Nobody reads any more once the workers are told to stop.
            if self.channels.is_stopping() {
                return;
            }
            self.statistics.stalls.add_alone(1);
            report = returned;
            // Whoever takes reports out wakes the workers afterwards.
            thread::park();
        }
    }
}

/// Applies commands until one of them panics, which leaves the market as it is, never to be touched again.
fn apply_each<M: Market>(
    seated: &mut Seated<M>,
    commands: &[Command],
    batch: &mut Batch,
) -> Result<(), String> {
    for command in commands {
        let market = &mut seated.market;
        let events = batch.events_mut();
        let applied = catch_unwind(AssertUnwindSafe(|| {
            market.apply(command, &mut |event| events.push(event));
        }));
        if let Err(panic) = applied {
            batch.forget_unended();
            return Err(text_of(panic));
        }
        batch.end(*command);
        seated.sequence += 1;
    }
    Ok(())
}

/// What a panic said.
fn text_of(panic: Box<dyn std::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_string());
    let text = text
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_string());
    // Here, and not behind the value that this gives: where the drop panics too, the compiler forgets to drop that one.
    drop(panic);
    text
}
