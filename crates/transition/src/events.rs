//! The list of a batch's events: one leaf for each command, however many events it had.

use proofbook_commitment::node::seven;
use proofbook_commitment::{Digest, ListHasher, Permutation, Sponge, Tag};
use proofbook_types::{Event, EventSink};

/// Hashes events as they happen.
///
/// A command's leaf absorbs two blocks for each of its events, then one with their number.
pub struct EventHasher<P> {
    leaf: Sponge<P>,
    leaf_events: u64,
    events: u64,
    list: ListHasher<P>,
}

impl<P: Permutation> Default for EventHasher<P> {
    fn default() -> Self {
        EventHasher {
            leaf: Sponge::new(Tag::Events, 0),
            leaf_events: 0,
            events: 0,
            list: ListHasher::default(),
        }
    }
}

impl<P: Permutation> EventHasher<P> {
    /// Says that the events since the last call are all of one command's.
    pub fn end_command(&mut self) {
        self.leaf.block([self.leaf_events, 0, 0, 0]);
        self.list.push(self.leaf.digest());
        self.events += self.leaf_events;
        self.leaf = Sponge::new(Tag::Events, 0);
        self.leaf_events = 0;
    }

    /// Number of events of all ended commands.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The list's root.
    pub fn root(&self) -> Digest {
        self.list.root()
    }
}

impl<P: Permutation> EventSink for EventHasher<P> {
    #[inline(always)]
    fn event(&mut self, event: Event) {
        for block in seven(&event.words()) {
            self.leaf.block(block);
        }
        self.leaf_events += 1;
    }
}
