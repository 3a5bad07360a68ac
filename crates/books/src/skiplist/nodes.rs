//! The memory of nodes: a pool for each size, and epochs that say when a removed node may go back to its pool.
//!
//! One or several lists share it. A participant of the epochs that left nodes behind may be gone when these are freed, so that the pools
//! outlive the epochs: the order of the fields below.
//!
//! Invariant: a node is in a list, or retired once, or known to its inserter alone.
#![allow(unsafe_code)]

use core::fmt;
use core::ptr::{self, NonNull};

use proofbook_memory::epoch::{
    EpochBasedReclamation, Participant, SettingsError, StallPolicy, Stalled,
};
use proofbook_memory::pool::{Handle, LockFreePool, PoolBox, PoolConfig, PoolError};
use proofbook_memory::registration::RegistrationError;
use proofbook_memory::retired::Retired;
use proofbook_memory::sync::Statistic;

use super::node::{Large, Middle, Node, NodeRef, Size, Small, MAX_HEIGHT};

/// What a list may use of memory and threads, and how its nodes get their heights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkipListConfig {
    /// Nodes of each size that there can be, with those that wait to be freed, and up to a quarter that handles keep for what they insert next.
    pub nodes_max: usize,
    /// Nodes that the memory of each size grows by.
    pub nodes_per_chunk: usize,
    /// Handles that there can be at a time.
    pub threads_max: usize,
    /// What is done where a thread stalls while it reads, and how many removed nodes may wait for it.
    pub stall: StallPolicy,
    /// The tallest nodes, from 1 to [`MAX_HEIGHT`].
    pub height_max: usize,
    /// What is mixed into heights. Results never depend on it; a secret one keeps others from choosing keys that all stay low, which would
    /// make every search long.
    pub seed: u64,
}

/// Levels that a book can have: no more than orders, of which there are at most 2^24.
const LEVELS_MAX: usize = 1 << 24;
/// Nodes of each size by default: what a book needs, with those that wait.
const NODES_MAX: usize = LEVELS_MAX + RETIRED_MAX;
/// By default 128 KiB of small nodes.
const NODES_PER_CHUNK: usize = 1 << 12;
/// Threads by default.
const THREADS_MAX: usize = 64;
/// Removed nodes that wait by default for a thread that stalls: 128 MiB of the largest.
const RETIRED_MAX: usize = 1 << 20;
/// Places of each size that a member keeps at most.
pub(super) const SPARE_MAX: usize = 64;
/// All members together keep no more than one of so many places.
const SPARE_SHARE: usize = 4;
/// How often a writer by default lets others run before it is refused.
const YIELDS_MAX: u32 = 1 << 10;

impl Default for SkipListConfig {
    fn default() -> Self {
        SkipListConfig {
            nodes_max: NODES_MAX,
            nodes_per_chunk: NODES_PER_CHUNK,
            threads_max: THREADS_MAX,
            stall: StallPolicy::Wait {
                retired_per_thread_max: RETIRED_MAX,
                yields_max: YIELDS_MAX,
            },
            height_max: MAX_HEIGHT,
            seed: 0,
        }
    }
}

/// Why a list cannot be made, or a call had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipListError {
    /// The height of the configuration is out of its range.
    Height {
        /// The height that was asked for; from 1 to [`MAX_HEIGHT`] is expected.
        received: usize,
    },
    /// No node can be had, or no pool with the numbers of the configuration.
    Pool(PoolError),
    /// The epochs cannot have the numbers of the configuration.
    Epochs(SettingsError),
    /// All handles are taken.
    Registration(RegistrationError),
    /// Too many removed nodes wait for a thread that has stalled.
    Stalled(Stalled),
}

impl fmt::Display for SkipListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkipListError::Height { received } => {
                write!(
                    f,
                    "expected a height from 1 to {MAX_HEIGHT}, received {received}"
                )
            }
            SkipListError::Pool(error) => error.fmt(f),
            SkipListError::Epochs(error) => error.fmt(f),
            SkipListError::Registration(error) => error.fmt(f),
            SkipListError::Stalled(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SkipListError {}

impl From<PoolError> for SkipListError {
    fn from(error: PoolError) -> Self {
        SkipListError::Pool(error)
    }
}

impl From<SettingsError> for SkipListError {
    fn from(error: SettingsError) -> Self {
        SkipListError::Epochs(error)
    }
}

impl From<RegistrationError> for SkipListError {
    fn from(error: RegistrationError) -> Self {
        SkipListError::Registration(error)
    }
}

impl From<Stalled> for SkipListError {
    fn from(error: Stalled) -> Self {
        SkipListError::Stalled(error)
    }
}

/// How many nodes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkipListStatistics {
    /// Nodes that are not free: in the list, or removed and not freed yet.
    pub nodes: usize,
    /// Those that were removed and wait until nobody can be reading them.
    pub waiting: usize,
}

/// A number on a line of its own.
#[repr(align(64))]
struct Spares(Statistic);

/// Pools and epochs.
pub(super) struct Nodes<V> {
    epochs: EpochBasedReclamation,
    /// How many places of nodes each member keeps.
    spares: Box<[Spares]>,
    spare_max: usize,
    small: LockFreePool<Small<V>>,
    middle: LockFreePool<Middle<V>>,
    large: LockFreePool<Large<V>>,
}

/// The address of an object that no handle owns any more.
fn into_node<T, V>(handle: PoolBox<'_, T>) -> *mut Node<V> {
    Handle::into_raw(handle).as_ptr().cast()
}

impl<V: Clone + Send + Sync + 'static> Nodes<V> {
    pub(super) fn new(config: &SkipListConfig) -> Result<Self, SkipListError> {
        if !(1..=MAX_HEIGHT).contains(&config.height_max) {
            return Err(SkipListError::Height {
                received: config.height_max,
            });
        }
        let pool = PoolConfig {
            initial_capacity: 0,
            expansion_size: config.nodes_per_chunk,
            max_capacity: config.nodes_max,
            prefault: false,
        };
        Ok(Nodes {
            epochs: EpochBasedReclamation::new(config.threads_max, config.stall)?,
            spares: (0..config.threads_max)
                .map(|_| Spares(Statistic::new(0)))
                .collect(),
            spare_max: SPARE_MAX.min(config.nodes_max / SPARE_SHARE / config.threads_max),
            small: LockFreePool::new(pool)?,
            middle: LockFreePool::new(pool)?,
            large: LockFreePool::new(pool)?,
        })
    }

    /// A thread's leave to read and to retire.
    pub(super) fn register(&self) -> Result<Participant, RegistrationError> {
        self.epochs.register()
    }

    /// A node that is linked nowhere.
    pub(super) fn allocate<'g>(
        &'g self,
        key: u64,
        value: V,
        height: usize,
    ) -> Result<NodeRef<'g, V>, PoolError> {
        let node = Node::new(key, value, height);
        let pointer = match Size::of(height) {
            Size::Small => {
                let small = self.small.allocate(Small::new(node));
                into_node(small.map_err(|refused| refused.error)?)
            }
            Size::Middle => {
                let middle = self.middle.allocate(Middle::new(node));
                into_node(middle.map_err(|refused| refused.error)?)
            }
            Size::Large => {
                let large = self.large.allocate(Large::new(node));
                into_node(large.map_err(|refused| refused.error)?)
            }
        };
        // SAFETY: it has one of the three sizes with room for its height, and was just written. It is freed when it is discarded, or some time after
        // it was retired; whoever does that has no use for this reference any more.
        Ok(unsafe { NodeRef::new(pointer) }.expect("an object is somewhere"))
    }

    pub(super) fn statistics(&self) -> SkipListStatistics {
        let count = |count: u64| usize::try_from(count).expect("fewer than there is memory for");
        let epochs = self.epochs.statistics();
        let spare = self.spares.iter().map(|spare| count(spare.0.get()));
        let taken = self.small.statistics().in_use
            + self.middle.statistics().in_use
            + self.large.statistics().in_use;
        SkipListStatistics {
            nodes: taken.saturating_sub(spare.sum()),
            waiting: count(epochs.retired.saturating_sub(epochs.freed)),
        }
    }
}

impl<V> Nodes<V> {
    /// What frees a node.
    #[inline]
    pub(super) fn retired(&self, node: NodeRef<'_, V>) -> Retired {
        let pointer = node.link().pointer().cast();
        // SAFETY: the pool is that of the node's size, which `allocate` chose by its height. It gives the node back once, as the callers
        // promise, on whatever thread, since values may be sent and borrow nothing. It is there until the epochs are gone with all participants: the
        // pools are dropped after them, and participants do not outlive their list. A value's drop that panics is a broken invariant.
        unsafe {
            match Size::of(node.height()) {
                Size::Small => {
                    let pool = ptr::from_ref(&self.small).cast();
                    Retired::new(pointer, pool, LockFreePool::<Small<V>>::give_back)
                }
                Size::Middle => {
                    let pool = ptr::from_ref(&self.middle).cast();
                    Retired::new(pointer, pool, LockFreePool::<Middle<V>>::give_back)
                }
                Size::Large => {
                    let pool = ptr::from_ref(&self.large).cast();
                    Retired::new(pointer, pool, LockFreePool::<Large<V>>::give_back)
                }
            }
        }
    }

    /// Frees the place of a node that holds nothing any more.
    ///
    /// # Safety
    /// A node of this size came from `allocate` of these and was dropped there; its place is used by nobody and freed here alone.
    pub(super) unsafe fn free_place(&self, place: NonNull<Node<V>>, size: Size) {
        // SAFETY: the caller's promise.
        unsafe {
            match size {
                Size::Small => self.small.give_back_empty(place.cast()),
                Size::Middle => self.middle.give_back_empty(place.cast()),
                Size::Large => self.large.give_back_empty(place.cast()),
            }
        }
    }

    /// Places of each size that a member may keep.
    #[inline]
    pub(super) fn spare_max(&self) -> usize {
        self.spare_max
    }

    /// Notes how many places a member keeps.
    #[inline]
    pub(super) fn set_spare(&self, member: usize, count: u64) {
        self.spares[member].0.set(count);
    }

    /// Frees a node at once.
    ///
    /// # Safety
    /// The node came from `allocate` of these, nobody else can come to it or holds it, and it is neither used nor freed again.
    pub(super) unsafe fn free(&self, node: NodeRef<'_, V>) {
        // SAFETY: the caller's promise.
        unsafe { self.retired(node).free() }
    }
}

impl<V> fmt::Debug for Nodes<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nodes")
            .field("epochs", &self.epochs)
            .field("small", &self.small)
            .field("middle", &self.middle)
            .field("large", &self.large)
            .finish()
    }
}
