//! A structure for price levels that shows its market to readers.
//!
//! It finds nothing itself: another structure does, and this one follows its changes. A command's end is shown when the writer says so, and at the latest when a
//! command begins and too many before it are not. In the middle of a command nothing is shown.

use core::cell::RefCell;
use core::fmt;

use proofbook_memory::epoch::Stalled;
use proofbook_memory::sync::Arc;
use proofbook_types::{Quantity, Queue, Timestamp};

use super::reader::LockFreeReaders;
use super::writer::Writer;
use super::{LockFreeConfig, LockFreeError, LockFreeStatistics};
use crate::linked::{LevelData, LevelRef, Levels, Place, Rank};

/// Price levels of a structure `L`, whose totals many threads can read. `L` names levels by small numbers: a table holds what is shown of each.
pub struct OptimizedLockFreeLevels<L> {
    inner: L,
    /// Borrowed at run time by `publish` alone, so that whoever holds the book in a market can show it.
    writer: RefCell<Writer>,
}

impl<L: Default> Default for OptimizedLockFreeLevels<L> {
    fn default() -> Self {
        Self::new(L::default(), LockFreeConfig::default())
            .expect("the numbers of the default are possible")
    }
}

impl<L> OptimizedLockFreeLevels<L> {
    /// Shows the changes of a structure that holds no level yet.
    ///
    /// # Errors
    /// Numbers of readers that there cannot be.
    pub fn new(inner: L, config: LockFreeConfig) -> Result<Self, LockFreeError> {
        Ok(OptimizedLockFreeLevels {
            inner,
            writer: RefCell::new(Writer::new(config)?),
        })
    }

    /// The structure that finds the levels.
    pub fn inner(&self) -> &L {
        &self.inner
    }

    /// What was shown so far, and what waits.
    pub fn statistics(&self) -> LockFreeStatistics {
        self.writer.borrow().statistics()
    }
}

impl<L: Levels> OptimizedLockFreeLevels<L> {
    /// What readers need. What a new market's book was given, or a restored one's, they see from here on, with the number of
    /// commands that this structure counted.
    pub fn readers(&self) -> LockFreeReaders {
        let mut writer = self.writer.borrow_mut();
        // A snapshot that is held up is counted; the next one shows what it would have.
        let _ = writer.publish_counted(&self.inner);
        LockFreeReaders {
            shared: Arc::clone(writer.shared()),
        }
    }

    /// Says that the command with this number has ended. What is further behind then than [`LockFreeConfig`] lets it be is shown.
    ///
    /// It need not be called: a command that begins says so of the one before, and counts on by one. A market whose commands are numbered otherwise says
    /// its numbers here; one that refuses a command whose time runs backwards does, since such a command never begins.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    ///
    /// # Panics
    /// If the number is below one that was said.
    #[inline]
    pub fn end(&self, sequence: u64) -> Result<(), Stalled> {
        self.writer.borrow_mut().end(&self.inner, sequence)
    }

    /// Shows the market as it is: after the command with this number, and before the next one begins. It does nothing where that is what readers see.
    ///
    /// Call it when no further command is at hand, and after a market was restored.
    ///
    /// # Errors
    /// Where a reader holds up too much: the touch is shown, and no snapshot until the reader goes on.
    ///
    /// # Panics
    /// If the number is below one that was said.
    #[inline]
    pub fn publish(&self, sequence: u64) -> Result<(), Stalled> {
        self.writer.borrow_mut().publish(&self.inner, sequence)
    }
}

impl<L: Levels> Levels for OptimizedLockFreeLevels<L> {
    #[inline(always)]
    fn best(&self, queue: Queue) -> Option<Place> {
        self.inner.best(queue)
    }

    #[inline(always)]
    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef> {
        self.inner.find(queue, rank)
    }

    fn after(&self, queue: Queue, rank: Rank) -> Option<Place> {
        self.inner.after(queue, rank)
    }

    #[inline(always)]
    fn occupy(&mut self, queue: Queue, rank: Rank) -> LevelRef {
        let level = self.inner.occupy(queue, rank);
        // Every level holds orders, except one that was made just now.
        if self.inner.get(queue, level).orders == 0 {
            self.writer.get_mut().occupy(queue, level, rank);
        }
        level
    }

    #[inline(always)]
    fn vacate(&mut self, queue: Queue, level: LevelRef) {
        self.inner.vacate(queue, level);
        self.writer.get_mut().vacate(queue, level);
    }

    #[inline(always)]
    fn get(&self, queue: Queue, level: LevelRef) -> LevelData {
        self.inner.get(queue, level)
    }

    #[inline(always)]
    fn update<T>(
        &mut self,
        queue: Queue,
        level: LevelRef,
        change: impl FnOnce(&mut LevelData) -> T,
    ) -> T {
        self.writer.get_mut().mark(queue, level);
        self.inner.update(queue, level, change)
    }

    #[inline(always)]
    fn trade(&mut self, queue: Queue, level: LevelRef, quantity: Quantity) {
        self.writer.get_mut().mark(queue, level);
        self.inner.trade(queue, level, quantity);
    }

    #[inline(always)]
    fn set_clock(&mut self, now: Timestamp) {
        self.writer.get_mut().begin(&self.inner, now);
        self.inner.set_clock(now);
    }

    fn verify(&self) -> Result<(), String> {
        self.inner.verify()?;
        self.writer.borrow().verify(&self.inner)
    }
}

impl<L: fmt::Debug> fmt::Debug for OptimizedLockFreeLevels<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptimizedLockFreeLevels")
            .field("inner", &self.inner)
            .field("statistics", &self.statistics())
            .finish()
    }
}
