//! Reading beside the writer: the touch, and snapshots of the whole depth.
//!
//! Nothing here writes to what the writer reads on its way, except announcements on lines of the reader's own. So no reader, however slow, makes the
//! writer wait; one that keeps a snapshot for long makes snapshots stop being replaced, and the touch goes on.

use core::fmt;

use proofbook_book::Level;
use proofbook_memory::epoch::{self, EpochGuard};
use proofbook_memory::hazard;
use proofbook_memory::registration::RegistrationError;
use proofbook_memory::sync::Arc;
use proofbook_types::{Price, Quantity, Queue};

use super::record::{LevelTotals, Record, Shared};
use super::touch::Touch;
use crate::linked::{price_of, rank_of};
use crate::radix::{Entry, RadixView};

/// What any thread may read of a market without being registered, and what makes readers. Clones are of the same market.
#[derive(Clone)]
pub struct LockFreeReaders {
    pub(super) shared: Arc<Shared>,
}

/// One thread's way to read a market.
pub struct LockFreeReader {
    // Dropped before what they are registered with.
    epochs: epoch::Participant,
    hazards: hazard::Participant,
    shared: Arc<Shared>,
}

/// The market as it was after one command: touch and depth belong together, and stay as they are while this lives.
pub struct Snapshot<'r> {
    record: Record,
    guard: EpochGuard<'r>,
}

impl LockFreeReaders {
    /// The touch after the latest command that was published.
    #[inline]
    pub fn touch(&self) -> Touch {
        self.shared.touch.read()
    }

    /// A reader for one thread at a time.
    ///
    /// # Errors
    /// Where there are as many readers as there can be.
    pub fn register(&self) -> Result<LockFreeReader, RegistrationError> {
        let (epochs, hazards) = self.shared.register()?;
        Ok(LockFreeReader {
            epochs,
            hazards,
            shared: Arc::clone(&self.shared),
        })
    }
}

impl LockFreeReader {
    /// The touch after the latest command that was published.
    #[inline]
    pub fn touch(&self) -> Touch {
        self.shared.touch.read()
    }

    /// The same, from the latest snapshot: it may be behind, and never tries again because the writer is in between.
    #[inline]
    pub fn snapshot_touch(&self) -> Touch {
        self.shared.copy_record(&self.hazards).touch
    }

    /// The latest snapshot. A reader that takes one while it has another keeps the memory of both until the last is gone.
    #[inline]
    pub fn snapshot(&self) -> Snapshot<'_> {
        // First: what the record leads to cannot be retired before this then.
        let guard = self.epochs.pin();
        Snapshot {
            record: self.shared.copy_record(&self.hazards),
            guard,
        }
    }
}

fn level(queue: Queue, entry: Entry<LevelTotals>) -> Level {
    Level {
        price: price_of(queue, entry.rank),
        displayed: Quantity(entry.value.displayed),
        hidden: Quantity(entry.value.hidden),
        orders: entry.value.orders,
    }
}

impl Snapshot<'_> {
    #[inline]
    #[allow(unsafe_code)]
    fn view(&self, queue: Queue) -> RadixView<'_, LevelTotals> {
        // SAFETY: `LockFreeReader::snapshot` copied the record under the guard, which is of the domain that the roots were published in.
        unsafe { self.record.roots.view(queue as usize, &self.guard) }
    }

    /// Number of the command that this is the state after.
    pub fn sequence(&self) -> u64 {
        self.record.touch.sequence
    }

    /// Best prices and totals.
    pub fn touch(&self) -> Touch {
        self.record.touch
    }

    /// The best level of a queue.
    #[inline]
    pub fn best(&self, queue: Queue) -> Option<Level> {
        let first = self.view(queue).first()?;
        Some(level(queue, first))
    }

    /// The level of a queue at a price.
    #[inline]
    pub fn level(&self, queue: Queue, price: Price) -> Option<Level> {
        let rank = rank_of(queue, price);
        let value = self.view(queue).get(rank)?;
        Some(level(queue, Entry { rank, value }))
    }

    /// The level of a queue that follows a price in priority, whether or not there is one at the price.
    #[inline]
    pub fn next_level(&self, queue: Queue, after: Price) -> Option<Level> {
        let next = self.view(queue).after(rank_of(queue, after))?;
        Some(level(queue, next))
    }

    /// The levels of a queue, the best first.
    pub fn levels(&self, queue: Queue) -> impl Iterator<Item = Level> + '_ {
        self.view(queue)
            .iter()
            .map(move |entry| level(queue, entry))
    }

    /// The best levels of a queue, so many at most.
    pub fn depth(&self, queue: Queue, levels_max: usize) -> impl Iterator<Item = Level> + '_ {
        self.levels(queue).take(levels_max)
    }

    /// How deep the levels of a queue lie in their tree.
    pub fn tree_depth(&self, queue: Queue) -> crate::radix::Depth {
        self.view(queue).depth()
    }
}

impl fmt::Debug for LockFreeReaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockFreeReaders").finish_non_exhaustive()
    }
}

impl fmt::Debug for LockFreeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockFreeReader")
            .field("epochs", &self.epochs)
            .field("hazards", &self.hazards)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("touch", &self.record.touch)
            .finish_non_exhaustive()
    }
}
