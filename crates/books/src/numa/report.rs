//! What workers tell: commands applied with their events, markets moved, markets that broke.

use proofbook_memory::numa::NodeId;
use proofbook_types::{Command, Event};

use super::market::{MarketId, Residence};

/// Commands of one market that were applied one after another, and their events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The market.
    pub market: MarketId,
    /// Where it was.
    pub node: NodeId,
    /// The number of the first command among all that the market was given, from 1 on.
    pub sequence: u64,
    commands: Vec<Command>,
    events: Vec<Event>,
    /// Where the events of each command end.
    ends: Vec<usize>,
}

/// One command and its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The command's number among all that the market was given, from 1 on.
    pub sequence: u64,
    /// The command.
    pub command: &'a Command,
    /// Its events, in order.
    pub events: &'a [Event],
}

impl Batch {
    pub(super) fn new(market: MarketId, node: NodeId, sequence: u64) -> Self {
        Batch {
            market,
            node,
            sequence,
            commands: Vec::new(),
            events: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Where the events of the command that is applied now go.
    pub(super) fn events_mut(&mut self) -> &mut Vec<Event> {
        &mut self.events
    }

    /// The command is applied.
    pub(super) fn end(&mut self, command: Command) {
        self.commands.push(command);
        self.ends.push(self.events.len());
    }

    /// Forgets events of a command that did not come to its end.
    pub(super) fn forget_unended(&mut self) {
        self.events.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// The commands.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// All events, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Each command with its events.
    pub fn outcomes(&self) -> impl Iterator<Item = Outcome<'_>> {
        let starts = core::iter::once(0).chain(self.ends.iter().copied());
        let ranges = starts.zip(self.ends.iter().copied());
        let commands = self.commands.iter().zip(self.sequence..);
        commands
            .zip(ranges)
            .map(|((command, sequence), (start, end))| Outcome {
                sequence,
                command,
                events: &self.events[start..end],
            })
    }
}

/// A market came to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The market.
    pub market: MarketId,
    /// Where it was before; `None` where this was its first node.
    pub from: Option<NodeId>,
    /// Where it is now.
    pub to: NodeId,
    /// Commands that it had been given when it came.
    pub sequence: u64,
    /// Where its memory lies.
    pub residence: Residence,
}

/// A market broke: applying a command, or moving, panicked. It is never touched again; commands that were accepted for it come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The market.
    pub market: MarketId,
    /// Where it is.
    pub node: NodeId,
    /// Commands that it had been given and had applied.
    pub sequence: u64,
    /// What the panic said.
    pub message: String,
    /// Commands that were accepted and are not applied, in order; of these, the first one is at fault if the market had not failed before.
    pub unapplied: Vec<Command>,
}

/// What a worker tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Commands were applied.
    Applied(Batch),
    /// A market moved.
    Moved(Moved),
    /// A market broke.
    Failed(Failure),
}
