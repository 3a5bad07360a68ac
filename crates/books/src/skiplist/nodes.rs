//! The memory of nodes: a pool for each size, and epochs that say when a removed node may go back to its pool.
//!
//! One or several lists share it. A participant of the epochs that left nodes behind may be gone when these are freed, so that the pools
//! outlive the epochs: the order of the fields below.
//!
//! Invariant: a node is in a list, or retired once, or known to its inserter alone.
#![allow(unsafe_code)]

use core::fmt;
use core::ptr;

use proofbook_memory::epoch::{
    EpochBasedReclamation, EpochGuard, Participant, SettingsError, StallPolicy, Stalled,
};
use proofbook_memory::pool::{Handle, LockFreePool, PoolBox, PoolConfig, PoolError};
use proofbook_memory::registration::RegistrationError;
use proofbook_memory::retired::Retired;

use super::change::Retire;
use super::node::{Large, Middle, Node, NodeRef, Small, MAX_HEIGHT, MIDDLE_HEIGHT, SMALL_HEIGHT};

/// What a list may use of memory and threads, and how its nodes get their heights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkipListConfig {
    /// Nodes of each size that there can be, with those that wait to be freed.
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

/// Pools and epochs.
pub(super) struct Nodes<V> {
    epochs: EpochBasedReclamation,
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
        let pointer = if height <= SMALL_HEIGHT {
            let small = self.small.allocate(Small::new(node));
            into_node(small.map_err(|refused| refused.error)?)
        } else if height <= MIDDLE_HEIGHT {
            let middle = self.middle.allocate(Middle::new(node));
            into_node(middle.map_err(|refused| refused.error)?)
        } else {
            let large = self.large.allocate(Large::new(node));
            into_node(large.map_err(|refused| refused.error)?)
        };
        // SAFETY: it has one of the three sizes with room for its height, and was just written. It is freed when it is discarded, or some time after
        // it was retired; whoever does that has no use for this reference any more.
        Ok(unsafe { NodeRef::new(pointer) }.expect("an object is somewhere"))
    }

    pub(super) fn statistics(&self) -> SkipListStatistics {
        let epochs = self.epochs.statistics();
        let waiting = epochs.retired.saturating_sub(epochs.freed);
        SkipListStatistics {
            nodes: self.small.statistics().in_use
                + self.middle.statistics().in_use
                + self.large.statistics().in_use,
            waiting: usize::try_from(waiting).expect("fewer wait than there is memory for"),
        }
    }
}

impl<V> Nodes<V> {
    /// What frees a node.
    fn retired(&self, node: NodeRef<'_, V>) -> Retired {
        let height = node.height();
        let pointer = node.link().pointer().cast();
        // SAFETY: the pool is that of the node's size, which `allocate` chose by its height. It gives the node back once, as the callers
        // promise, on whatever thread, since values may be sent and borrow nothing. It is there until the epochs are gone with all participants: the
        // pools are dropped after them, and participants do not outlive their list. A value's drop that panics is a broken invariant.
        unsafe {
            if height <= SMALL_HEIGHT {
                let pool = ptr::from_ref(&self.small).cast();
                Retired::new(pointer, pool, LockFreePool::<Small<V>>::give_back)
            } else if height <= MIDDLE_HEIGHT {
                let pool = ptr::from_ref(&self.middle).cast();
                Retired::new(pointer, pool, LockFreePool::<Middle<V>>::give_back)
            } else {
                let pool = ptr::from_ref(&self.large).cast();
                Retired::new(pointer, pool, LockFreePool::<Large<V>>::give_back)
            }
        }
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

/// Retires to the epochs, under a guard that has room for one node.
pub(super) struct Pinned<'g, V> {
    nodes: &'g Nodes<V>,
    guard: &'g EpochGuard<'g>,
}

impl<'g, V> Pinned<'g, V> {
    /// The guard came from a participant of these nodes, before the walk on whose behalf this retires began.
    pub(super) fn new(nodes: &'g Nodes<V>, guard: &'g EpochGuard<'g>) -> Self {
        Pinned { nodes, guard }
    }
}

impl<V: Clone + Send + Sync + 'static> Retire<V> for Pinned<'_, V> {
    fn retire(&self, node: NodeRef<'_, V>) {
        let retired = self.nodes.retired(node);
        // SAFETY: the caller has seen that the node is linked nowhere, and that it is the one that retires it. It was unlinked while the guard lived, or
        // before by another thread that is pinned or has handed on that it was.
        unsafe { self.guard.retire(retired) }
            .expect("the guard was made with room for the one node that a call retires");
    }
}
