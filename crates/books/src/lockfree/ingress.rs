//! How commands of many threads become one sequence.
//!
//! Producers push into a bounded queue without locks; the one sequencer takes commands out in batches and hands each with its number to whoever applies
//! it. The order of taking out is the sequence: it is the order of the queue, in which each producer's commands keep theirs.
//!
//! A full queue gives the command back: the producer decides whether to try again, so nothing is lost and memory is bounded. A producer that is
//! interrupted in the middle of a push hides the commands behind its own until it goes on; the sequencer finds nothing then and does not
//! wait.
//!
//! What is applied is shown to readers many commands at a time. So the sequencer says when the queue has run dry: nothing is left then that would make
//! it worth waiting.
//!
//! Invariants: each command that was taken in is applied once; after the last one before a pause the queue is said to be dry; `producers` counts the ingresses that live.

use core::fmt;
use core::num::NonZeroUsize;

use proofbook_memory::queue::{CapacityError, LockFreeQueue};
use proofbook_memory::sync::{Arc, AtomicUsize, Ordering};

struct Shared<C> {
    queue: LockFreeQueue<C>,
    producers: AtomicUsize,
}

/// Where a producer pushes its commands. Each producer has a clone.
pub struct Ingress<C> {
    shared: Arc<Shared<C>>,
}

/// Takes commands out, one thread at a time, and numbers them.
pub struct Sequencer<C> {
    shared: Arc<Shared<C>>,
    sequence: u64,
}

/// What a sequencer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<C> {
    /// To apply a command.
    Apply {
        /// Its number.
        sequence: u64,
        /// The command.
        command: C,
    },
    /// To show what was applied: no command is at hand after this one.
    Dry {
        /// Number of the latest command.
        sequence: u64,
    },
    /// Nothing, since there is nothing to do: to spin, to yield, or to do what can wait.
    Idle,
}

impl<C> Ingress<C> {
    /// A queue for this many commands, a power of two, and the one that empties it; the first command gets the number after `sequence`.
    ///
    /// # Errors
    /// A capacity that a queue cannot have.
    pub fn new(capacity: usize, sequence: u64) -> Result<(Self, Sequencer<C>), CapacityError> {
        let shared = Arc::new(Shared {
            queue: LockFreeQueue::with_capacity(capacity)?,
            producers: AtomicUsize::new(1),
        });
        let sequencer = Sequencer {
            shared: Arc::clone(&shared),
            sequence,
        };
        Ok((Ingress { shared }, sequencer))
    }

    /// Pushes a command.
    ///
    /// # Errors
    /// Where the queue is full: the command comes back.
    #[inline]
    pub fn push(&self, command: C) -> Result<(), C> {
        self.shared.queue.push(command)
    }
}

impl<C> Clone for Ingress<C> {
    fn clone(&self) -> Self {
        // Relaxed: whoever clones has one, so the count is not zero, and nothing is read by it.
        self.shared.producers.fetch_add(1, Ordering::Relaxed);
        Ingress {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<C> Drop for Ingress<C> {
    fn drop(&mut self) {
        // Release: whoever sees that none is left sees all that was pushed.
        self.shared.producers.fetch_sub(1, Ordering::Release);
    }
}

impl<C> Sequencer<C> {
    /// Number of the latest command.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Takes out what is there, so many commands at most, and applies each with its number; how many these were.
    ///
    /// Where `apply` unwinds, the commands of its batch that it was not given are gone: a market that stops in the middle of a command is not
    /// to be trusted with the next one.
    pub fn drain(&mut self, limit: usize, mut apply: impl FnMut(u64, C)) -> usize {
        let sequence = &mut self.sequence;
        self.shared.queue.pop_each(limit, |command| {
            *sequence += 1;
            apply(*sequence, command);
        })
    }

    /// Whether no ingress is left. What `drain` does not give after this said so will never come.
    pub fn is_closed(&self) -> bool {
        // Acquire: all that the producers pushed is there. Every change of the count is a read-modify-write, so the last one carries those before.
        self.shared.producers.load(Ordering::Acquire) == 0
    }

    /// Asks for one step after another until no ingress is left, for commands in batches of so many at most. It ends with a dry queue, unless no command ever came.
    pub fn run(&mut self, batch_max: NonZeroUsize, mut step: impl FnMut(Step<C>)) {
        let mut is_dry = true;
        loop {
            let is_closed = self.is_closed();
            let count = self.drain(batch_max.get(), |sequence, command| {
                step(Step::Apply { sequence, command });
            });
            is_dry &= count == 0;
            if count == batch_max.get() {
                // More may be there.
                continue;
            }
            if !is_dry {
                let sequence = self.sequence;
                step(Step::Dry { sequence });
                is_dry = true;
            } else if is_closed {
                return;
            } else {
                step(Step::Idle);
            }
        }
    }
}

impl<C> fmt::Debug for Ingress<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingress")
            .field("queue", &self.shared.queue)
            .finish_non_exhaustive()
    }
}

impl<C> fmt::Debug for Sequencer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequencer")
            .field("sequence", &self.sequence)
            .field("queue", &self.shared.queue)
            .finish_non_exhaustive()
    }
}
