//! Prices to values, for one writer and many readers that see one whole tree, without waiting for anybody.
//!
//! The writer changes its tree and publishes it with one atomic store. A reader pins an epoch, takes the root, and reads on in a tree that never
//! changes. The value is the caller's: what readers should know of a price.
//!
//! Invariants: `root` leads to a tree that was published and not retired.
#![allow(unsafe_code)]

use core::fmt;
use core::ptr;

use proofbook_memory::epoch::{EpochGuard, Participant, SettingsError, Stalled};
use proofbook_memory::registration::RegistrationError;
use proofbook_memory::sync::{Arc, AtomicPtr, Ordering};

use super::publisher::{Domain, Publisher, PublishingConfig, PublishingStatistics, Roots};
use super::tree::RadixCosts;
use super::view::RadixView;
use crate::linked::Rank;

/// Where readers find the root.
struct Shared<V> {
    root: AtomicPtr<u8>,
    domain: Arc<Domain<V>>,
}

/// A radix tree of prices: its one writer.
///
/// ```
/// use proofbook_books::radix::{PublishingConfig, RadixPriceIndex};
///
/// let mut index = RadixPriceIndex::new(PublishingConfig::default())?;
/// let reader = index.readers().register()?;
/// index.set(7, "seven");
/// assert_eq!(reader.pin().view().get(7), None, "not published yet");
/// index.publish()?;
/// let pinned = reader.pin();
/// index.set(7, "again seven");
/// index.set(9, "nine");
/// index.publish()?;
/// assert_eq!(pinned.view().iter().map(|entry| entry.value).collect::<Vec<_>>(), ["seven"]);
/// drop(pinned);
/// assert_eq!(reader.pin().view().after(7).map(|entry| entry.value), Some("nine"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RadixPriceIndex<V: Copy> {
    publisher: Publisher<V, 1>,
    shared: Arc<Shared<V>>,
}

/// Makes readers of an index. Clones make readers of the same one.
pub struct RadixReaders<V> {
    shared: Arc<Shared<V>>,
}

/// One thread's way to read an index.
pub struct RadixReader<V> {
    // Dropped before what it is registered with.
    participant: Participant,
    shared: Arc<Shared<V>>,
}

/// A published tree that stays as it is while this lives. It holds up the memory of what was replaced since, so that long ones make publishing stop.
pub struct PinnedTree<'r, V> {
    roots: Roots<V, 1>,
    guard: EpochGuard<'r>,
}

impl<V: Copy + Send + Sync> RadixPriceIndex<V> {
    /// An empty index.
    ///
    /// # Errors
    /// A number of readers that there cannot be.
    pub fn new(config: PublishingConfig) -> Result<Self, SettingsError> {
        let publisher = Publisher::new(config)?;
        let shared = Arc::new(Shared {
            root: AtomicPtr::new(ptr::null_mut()),
            domain: Arc::clone(publisher.domain()),
        });
        Ok(RadixPriceIndex { publisher, shared })
    }

    /// Makes readers.
    pub fn readers(&self) -> RadixReaders<V> {
        RadixReaders {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Gives a rank a value, and gives the value that it had.
    #[inline]
    pub fn set(&mut self, rank: Rank, value: V) -> Option<V> {
        self.publisher.trees_mut().set(0, rank, value)
    }

    /// Takes a rank out, and gives the value that it had.
    #[inline]
    pub fn remove(&mut self, rank: Rank) -> Option<V> {
        self.publisher.trees_mut().remove(0, rank)
    }

    /// The tree with all changes, published or not.
    #[inline]
    pub fn view(&self) -> RadixView<'_, V> {
        self.publisher.trees().view(0)
    }

    /// Number of ranks.
    pub fn len(&self) -> usize {
        self.publisher.trees().len(0)
    }

    /// Whether there is no rank.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shows all changes to readers that pin from now on.
    ///
    /// # Errors
    /// Where a reader holds up too much. Nothing is lost: changes go on, and a later call shows them.
    #[inline]
    pub fn publish(&mut self) -> Result<(), Stalled> {
        if !self.publisher.trees().is_changed() {
            return Ok(());
        }
        let root = &self.shared.root;
        self.publisher.publish(|roots| {
            // Release: whoever sees the root sees the nodes. The pin before it would do the same, but not every publication has one, and not every pin a fence.
            root.store(roots.into_raw(), Ordering::Release);
        })
    }

    /// What the changes cost so far.
    pub fn costs(&self) -> RadixCosts {
        self.publisher.trees().costs()
    }

    /// How publishing went so far.
    pub fn statistics(&self) -> PublishingStatistics {
        self.publisher.statistics()
    }

    /// Checks everything that must hold inside, at any cost.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self) -> Result<(), String> {
        self.publisher.trees().verify(0)
    }
}

impl<V> Clone for RadixReaders<V> {
    fn clone(&self) -> Self {
        RadixReaders {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<V: Copy + Send + Sync> RadixReaders<V> {
    /// A reader for one thread at a time.
    ///
    /// # Errors
    /// Where there are as many readers as there can be.
    pub fn register(&self) -> Result<RadixReader<V>, RegistrationError> {
        Ok(RadixReader {
            participant: self.shared.domain.register()?,
            shared: Arc::clone(&self.shared),
        })
    }
}

impl<V: Copy + Send + Sync> RadixReader<V> {
    /// The tree that is published now.
    #[inline]
    pub fn pin(&self) -> PinnedTree<'_, V> {
        let guard = self.participant.pin();
        // Acquire: the nodes were written before the root was shown.
        let roots = Roots::from_raw(self.shared.root.load(Ordering::Acquire));
        PinnedTree { roots, guard }
    }
}

impl<V: Copy> PinnedTree<'_, V> {
    /// The tree.
    #[inline]
    pub fn view(&self) -> RadixView<'_, V> {
        // SAFETY: `pin` read the root under the guard, which is of the domain that it was published in.
        unsafe { self.roots.view(0, &self.guard) }
    }
}

impl<V: Copy> fmt::Debug for RadixPriceIndex<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RadixPriceIndex")
            .field("len", &self.publisher.trees().len(0))
            .field("statistics", &self.publisher.statistics())
            .finish_non_exhaustive()
    }
}

impl<V> fmt::Debug for RadixReaders<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RadixReaders").finish_non_exhaustive()
    }
}

impl<V> fmt::Debug for RadixReader<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RadixReader")
            .field("participant", &self.participant)
            .finish_non_exhaustive()
    }
}

impl<V> fmt::Debug for PinnedTree<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedTree").finish_non_exhaustive()
    }
}
