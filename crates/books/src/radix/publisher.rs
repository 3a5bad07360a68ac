//! The writer's side of publishing trees: what a publication replaced goes to reclamation, and comes back to be used again.
//!
//! Readers pin an epoch and take the roots that are published then; nothing that they lead to is written to or used again before they unpin. A
//! publication hands over all that it replaced as one parcel, so its price does not grow with what it copied.
//!
//! A reader that stays pinned lets parcels pile up. From a bound on, of their number and of what is in them, publishing is refused; the trees take
//! changes all the same, which then need no more copies, so memory stays bounded however long the reader takes.
//!
//! Invariants: what is in a parcel is reached by no tree of the writer and by no root that can still be read by who pins from now on.
#![allow(unsafe_code)]

use core::ptr::NonNull;

use proofbook_memory::epoch::{
    EpochBasedReclamation, EpochGuard, Participant, SettingsError, StallPolicy, Stalled,
};
use proofbook_memory::registration::RegistrationError;
use proofbook_memory::sync::Arc;

use super::node::Link;
use super::nodes::{NodeMemory, Nodes};
use super::tree::RadixTrees;
use super::view::RadixView;
use crate::parcels::{Parcel, ParcelMemory, Parcels};

/// Publications whose parcels may wait for readers.
const PARCELS_MAX: usize = if cfg!(loom) { 4 } else { 1024 };
/// Parcels that a publication looks at for what has come back: more than the one that it sends out.
const LOOKS: usize = 2;

/// Nodes and leaves that a bag has room for before it allocates again: more than nearly any command replaces.
const BAG_ROOM: usize = 64;

/// Who reads published trees, and what they may hold up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishingConfig {
    /// Readers that there can be at a time.
    pub readers_max: usize,
    /// Nodes and leaves that may wait for readers before publishing is refused. One publication may exceed it.
    pub waiting_max: usize,
}

impl Default for PublishingConfig {
    fn default() -> Self {
        PublishingConfig {
            readers_max: 30,
            waiting_max: 1 << 16,
        }
    }
}

/// How publishing went so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishingStatistics {
    /// Publications.
    pub published: u64,
    /// Publications that were refused because a reader stalls.
    pub refused: u64,
    /// Nodes and leaves that wait for readers now.
    pub waiting: usize,
    /// The most that ever waited.
    pub waiting_high_water: usize,
    /// Nodes and leaves in the trees, and those that wait.
    pub used: usize,
}

type Bag<V> = Vec<Link<V>>;
type BagParcel<V> = NonNull<Parcel<Bag<V>>>;

/// What the writer of trees shares with their readers.
pub(crate) struct Domain<V> {
    // Dropped first: it marks the parcels that are left.
    epochs: EpochBasedReclamation,
    bags: ParcelMemory<Bag<V>>,
    /// The nodes that readers may still look at when the writer is gone.
    memory: Arc<NodeMemory<V>>,
}

// SAFETY: links are followed only by who keeps what they lead to.
unsafe impl<V: Send + Sync> Send for Domain<V> {}
// SAFETY: as above.
unsafe impl<V: Send + Sync> Sync for Domain<V> {}

impl<V: Copy> Domain<V> {
    pub(crate) fn new(config: PublishingConfig) -> Result<Self, SettingsError> {
        let policy = StallPolicy::Refuse {
            retired_per_thread_max: PARCELS_MAX,
        };
        Ok(Domain {
            epochs: EpochBasedReclamation::new(config.readers_max.saturating_add(1), policy)?,
            bags: ParcelMemory::new(),
            memory: Arc::new(NodeMemory::new()),
        })
    }

    /// A reader's part.
    pub(crate) fn register(&self) -> Result<Participant, RegistrationError> {
        self.epochs.register()
    }
}

/// Roots of trees that were published together.
pub(crate) struct Roots<V, const N: usize>([Link<V>; N]);

impl<V, const N: usize> Clone for Roots<V, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V, const N: usize> Copy for Roots<V, N> {}

// SAFETY: roots are followed only by who keeps what they lead to.
unsafe impl<V: Send + Sync, const N: usize> Send for Roots<V, N> {}
// SAFETY: as above.
unsafe impl<V: Send + Sync, const N: usize> Sync for Roots<V, N> {}

impl<V: Copy, const N: usize> Roots<V, N> {
    /// Roots of empty trees.
    pub(crate) const EMPTY: Self = Roots([Link::NOTHING; N]);

    /// A tree as it was published.
    ///
    /// # Safety
    /// The roots were read, where a publication had put them, under the guard, which is of the domain that they were published in.
    #[inline]
    pub(crate) unsafe fn view<'g>(
        &self,
        tree: usize,
        _guard: &'g EpochGuard<'_>,
    ) -> RadixView<'g, V> {
        // SAFETY: what the roots lead to is retired after they cannot be read any more, so not freed while the guard lives; what was
        // published is not written to before it is freed.
        unsafe { RadixView::new(self.0[tree]) }
    }
}

impl<V> Roots<V, 1> {
    /// The one root as a word, and back.
    pub(super) fn into_raw(self) -> *mut u8 {
        self.0[0].into_raw()
    }

    pub(super) fn from_raw(raw: *mut u8) -> Self {
        Roots([Link::from_raw(raw)])
    }
}

/// The one writer of trees that are published together.
pub(crate) struct Publisher<V: Copy, const N: usize> {
    trees: RadixTrees<V, N>,
    participant: Participant,
    parcels: Parcels<Bag<V>>,
    /// Empty bags.
    spare: Vec<BagParcel<V>>,
    waiting_max: usize,
    statistics: PublishingStatistics,
    // Dropped last: parcels that `participant` leaves behind lie in it.
    domain: Arc<Domain<V>>,
}

// SAFETY: it is one writer, and stays one on another thread: what it reaches is in its trees, in parcels, or published.
unsafe impl<V: Copy + Send + Sync, const N: usize> Send for Publisher<V, N> {}

impl<V: Copy, const N: usize> Publisher<V, N> {
    pub(crate) fn new(config: PublishingConfig) -> Result<Self, SettingsError> {
        let domain = Arc::new(Domain::new(config)?);
        let participant = domain
            .register()
            .expect("a place was counted for the writer, who is the first to come");
        Ok(Publisher {
            trees: RadixTrees::new(Nodes::new(Arc::clone(&domain.memory))),
            participant,
            parcels: Parcels::new(),
            spare: Vec::new(),
            waiting_max: config.waiting_max,
            statistics: PublishingStatistics::default(),
            domain,
        })
    }

    pub(crate) fn domain(&self) -> &Arc<Domain<V>> {
        &self.domain
    }

    pub(crate) fn trees(&self) -> &RadixTrees<V, N> {
        &self.trees
    }

    pub(crate) fn trees_mut(&mut self) -> &mut RadixTrees<V, N> {
        &mut self.trees
    }

    pub(crate) fn statistics(&self) -> PublishingStatistics {
        PublishingStatistics {
            used: self.trees.nodes().used(),
            ..self.statistics
        }
    }

    /// Publishes the trees as they are: `show` puts the roots where readers find them, in the place of those before.
    ///
    /// # Errors
    /// Where a reader holds up too much. `show` is not called then; the trees keep their changes.
    #[inline]
    pub(crate) fn publish(&mut self, show: impl FnOnce(Roots<V, N>)) -> Result<(), Stalled> {
        self.make_room()?;
        let bags = &self.domain.bags;
        let mut parcel = self
            .spare
            .pop()
            .unwrap_or_else(|| bags.make(Vec::with_capacity(BAG_ROOM)));
        // SAFETY: the parcel is this writer's, nobody else looks into it.
        let bag = unsafe { &mut parcel.as_mut().content };
        let roots = Roots(self.trees.freeze(bag));
        let count = bag.len();
        self.statistics.published += 1;
        if count == 0 {
            show(roots);
            self.spare.push(parcel);
            return Ok(());
        }
        let statistics = &mut self.statistics;
        statistics.waiting += count;
        statistics.waiting_high_water = statistics.waiting.max(statistics.waiting_high_water);
        // SAFETY: the parcel is this writer's; its memory lives in the domain, behind the epochs, which are used here alone.
        let retired = unsafe { self.parcels.retire(parcel) };
        // Before the roots are shown: to pin is to wait until all that was written is seen, and the line that the roots are in comes from far.
        let guard = self.participant.pin();
        show(roots);
        // SAFETY: `show` put other roots in the place of those that led to what is in the parcel, under this guard.
        unsafe { guard.retire(retired) }.expect("there was room, and nobody else retires here");
        drop(guard);
        if cfg!(loom) {
            // Retiring collects a little at a time; a model has too few parcels to come to that.
            self.participant.collect();
        }
        Ok(())
    }

    /// Takes back what readers have let go; an error where they hold too much.
    #[inline]
    fn make_room(&mut self) -> Result<(), Stalled> {
        self.take_back(LOOKS);
        let is_full = self.statistics.waiting >= self.waiting_max
            || self.participant.retired_len() >= PARCELS_MAX;
        if is_full {
            self.refuse_if_full()?;
        }
        Ok(())
    }

    #[cold]
    fn refuse_if_full(&mut self) -> Result<(), Stalled> {
        self.participant.collect();
        self.take_back(self.parcels.len());
        let room = if self.statistics.waiting >= self.waiting_max {
            Err(Stalled {
                retired: self.statistics.waiting,
                wanted: 1,
                retired_max: self.waiting_max,
            })
        } else {
            self.participant.pin_with_room(1).map(drop)
        };
        self.statistics.refused += u64::from(room.is_err());
        room
    }

    /// Uses again what has come back, by so many looks.
    #[inline]
    fn take_back(&mut self, looks: usize) {
        for _ in 0..looks {
            let Some(mut parcel) = self.parcels.take_back() else {
                continue;
            };
            // SAFETY: the parcel came back, so it is this writer's.
            let bag = unsafe { &mut parcel.as_mut().content };
            self.statistics.waiting -= bag.len();
            // SAFETY: reclamation gave the parcel back, so nobody sees what is in it; it held each link once.
            unsafe { self.trees.take_back(bag) };
            self.spare.push(parcel);
        }
    }
}
