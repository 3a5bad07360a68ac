//! Batches: whole pages with room for objects of one type, given out one by one or in runs.
//!
//! A batch has a constant number of places and begins with a page, so that its objects lie in as few pages as they can. Which places are taken is in a
//! bitmap beside it, of as many words as it takes. All batches are there from the beginning; their pages are first used when they are needed.
//!
//! Invariant: a place holds an object exactly while its bit is set by an owner that wrote one there; the owner ends the object before the bit.
#![allow(unsafe_code)]

use std::fmt;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::bit_set::WORD_BITS;
use super::{AtomicBitSet, BatchUsageStats, Burst};
use crate::pool::{in_range, PoolError, Refused};
use crate::sync::{AtomicU64, AtomicUsize, Ordering, UnsafeCell};

/// Batches that an allocator can have.
pub const BATCHES_MAX: usize = 1 << 16;

/// Room for `N` objects, beginning with a page.
#[repr(C, align(4096))]
pub struct AlignedBatch<T, const N: usize> {
    objects: [UnsafeCell<MaybeUninit<T>>; N],
}

/// What is known of a batch beside its objects.
struct BatchState {
    taken: AtomicBitSet,
    /// How often a place or a run of it was given out.
    generation: AtomicU64,
}

/// Batches of `N` objects, for all threads.
///
/// ```
/// use proofbook_memory::trade_pool::BatchAllocator;
///
/// let allocator = BatchAllocator::<u64, 100>::new(2)?;
/// let single = allocator.allocate(7)?;
/// let mut burst = allocator.burst()?;
/// burst.push(1).expect("there is room for 36");
/// burst.push(2).expect("there is room for 36");
/// assert_eq!((*single, &burst[..]), (7, &[1, 2][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BatchAllocator<T, const N: usize> {
    batch_storage: Box<[AlignedBatch<T, N>]>,
    states: Box<[BatchState]>,
    /// Batches that may have room: a hint for the search, never the reason of a refusal.
    active_batches: AtomicBitSet,
    /// Where the latest search ended.
    allocation_cursor: AtomicUsize,
    usage_statistics: BatchUsageStats,
}

// SAFETY: a place belongs to the one owner of its bit; objects go from thread to thread with it.
unsafe impl<T: Send, const N: usize> Send for BatchAllocator<T, N> {}

// SAFETY: as above: the allocator itself gives no access to an object.
unsafe impl<T: Send, const N: usize> Sync for BatchAllocator<T, N> {}

/// Where an object lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) batch: usize,
    pub(super) number: usize,
}

impl<T, const N: usize> BatchAllocator<T, N> {
    /// So many batches.
    ///
    /// # Errors
    /// Where the number is out of its range, batches have no place, or the allocator has no memory.
    pub fn new(batches: usize) -> Result<Self, PoolError> {
        in_range("batches", batches, 1, BATCHES_MAX)?;
        in_range("places of a batch", N, 1, u32::MAX as usize)?;
        let active_batches = AtomicBitSet::new(batches);
        (0..batches).for_each(|batch| active_batches.insert(batch));
        let state = |_| BatchState {
            taken: AtomicBitSet::new(N),
            generation: AtomicU64::new(0),
        };
        Ok(BatchAllocator {
            batch_storage: storage(batches)?,
            states: (0..batches).map(state).collect(),
            active_batches,
            allocation_cursor: AtomicUsize::new(0),
            usage_statistics: BatchUsageStats::new(N),
        })
    }

    /// Puts an object into some place.
    ///
    /// # Errors
    /// Where no batch has room; the object comes back. Places that others release while this looks may be overlooked.
    pub fn allocate(&self, value: T) -> Result<BatchBox<'_, T, N>, Refused<T>> {
        let Some(place) = self.search(AtomicBitSet::claim_one) else {
            return Err(Refused {
                error: self.exhausted(),
                value,
            });
        };
        // SAFETY: the place was claimed for this call.
        unsafe { self.object(place).write(value) };
        Ok(BatchBox {
            allocator: self,
            place,
        })
    }

    /// Room for a burst: a run of places as long as bursts usually are.
    ///
    /// # Errors
    /// As with [`BatchAllocator::burst_for`].
    pub fn burst(&self) -> Result<Burst<'_, T, N>, PoolError> {
        self.burst_for(self.usage_statistics.optimal_batch_size())
    }

    /// Room for a burst of so many objects: a run of places, or the longest that can still be had of half that, a quarter, and so on.
    ///
    /// # Errors
    /// Where no batch has a run of [`super::BURST_STEP`] free places.
    pub fn burst_for(&self, objects: usize) -> Result<Burst<'_, T, N>, PoolError> {
        let mut words = objects.clamp(1, N).div_ceil(WORD_BITS);
        loop {
            if let Some(first) = self.search(|taken| taken.claim_words(words)) {
                let place = Place {
                    batch: first.batch,
                    number: first.number * WORD_BITS,
                };
                return Ok(Burst::new(self, place, words));
            }
            if words == 1 {
                return Err(self.exhausted());
            }
            words /= 2;
        }
    }

    /// Notes how long a burst was, all its runs together: later ones get room for it at once.
    pub fn note_burst(&self, length: usize) {
        self.usage_statistics.note(length);
    }

    /// How long bursts are.
    pub fn usage(&self) -> &BatchUsageStats {
        &self.usage_statistics
    }

    /// Places that are taken, or were a moment ago.
    pub fn in_use(&self) -> usize {
        self.states.iter().map(|state| state.taken.count()).sum()
    }

    /// Places that there are.
    pub fn capacity(&self) -> usize {
        self.states.len() * N
    }

    /// How often places of a batch were given out.
    ///
    /// # Panics
    /// Where there is no such batch.
    pub fn generation(&self, batch: usize) -> u64 {
        self.states[batch].generation.load(Ordering::Relaxed)
    }

    fn exhausted(&self) -> PoolError {
        PoolError::Exhausted {
            capacity: self.capacity(),
        }
    }

    /// The first batch that the claim succeeds in, from the cursor on: first those that may have room, then, before anything is refused, all.
    fn search(&self, claim: impl Fn(&AtomicBitSet) -> Option<usize>) -> Option<Place> {
        let batches = self.states.len();
        let start = self.allocation_cursor.load(Ordering::Relaxed);
        let from_cursor = || (start..batches).chain(0..start);
        let likely = from_cursor().filter(|&batch| self.active_batches.contains(batch));
        for batch in likely.chain(from_cursor()) {
            let state = &self.states[batch];
            if let Some(number) = claim(&state.taken) {
                state.generation.fetch_add(1, Ordering::Relaxed);
                if batch != start {
                    // Relaxed: where a search begins is of no consequence.
                    self.allocation_cursor.store(batch, Ordering::Relaxed);
                }
                return Some(Place { batch, number });
            }
            if state.taken.count() == N {
                self.active_batches.remove(batch);
            }
        }
        None
    }

    /// The address of a place.
    pub(super) fn object(&self, place: Place) -> NonNull<T> {
        let objects = NonNull::from(&self.batch_storage[place.batch].objects);
        debug_assert!(place.number < N);
        // SAFETY: places are below the size of the batch, whose cells lie one after another and have the layout of an object. Cells may
        // be written through a shared reference.
        unsafe { objects.cast::<T>().add(place.number) }
    }

    /// The bitmap of a batch, for an owner that ends.
    pub(super) fn release(&self, batch: usize, release: impl FnOnce(&AtomicBitSet)) {
        release(&self.states[batch].taken);
        self.active_batches.insert(batch);
    }
}

/// Batches whose memory was not touched yet.
fn storage<T, const N: usize>(batches: usize) -> Result<Box<[AlignedBatch<T, N>]>, PoolError> {
    let mut storage: Vec<AlignedBatch<T, N>> = Vec::new();
    if storage.try_reserve_exact(batches).is_err() {
        let bytes = batches.saturating_mul(size_of::<AlignedBatch<T, N>>());
        return Err(PoolError::OutOfMemory { bytes });
    }
    // SAFETY: the memory was reserved; cells of what may be uninitialized need no value.
    unsafe { storage.set_len(batches) };
    Ok(storage.into_boxed_slice())
}

impl<T, const N: usize> fmt::Debug for BatchAllocator<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchAllocator")
            .field("in_use", &self.in_use())
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

/// An object in a batch, and its only owner.
pub struct BatchBox<'allocator, T, const N: usize> {
    allocator: &'allocator BatchAllocator<T, N>,
    place: Place,
}

// SAFETY: the box owns its object, which may be sent; the allocator may be used from every thread then.
unsafe impl<T: Send, const N: usize> Send for BatchBox<'_, T, N> {}

// SAFETY: a shared box gives shared access to the object and nothing else.
unsafe impl<T: Sync, const N: usize> Sync for BatchBox<'_, T, N> {}

impl<T, const N: usize> Deref for BatchBox<'_, T, N> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the box owns the object, and is borrowed for as long as the object is.
        unsafe { self.allocator.object(self.place).as_ref() }
    }
}

impl<T, const N: usize> DerefMut for BatchBox<'_, T, N> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the box owns the object, and is borrowed alone for as long as the object is.
        unsafe { self.allocator.object(self.place).as_mut() }
    }
}

impl<T, const N: usize> Drop for BatchBox<'_, T, N> {
    fn drop(&mut self) {
        // SAFETY: the box owns the object, which is not used after this. Should dropping it panic, its place is never used again.
        unsafe { self.allocator.object(self.place).drop_in_place() };
        let number = self.place.number;
        self.allocator
            .release(self.place.batch, |taken| taken.release(number));
    }
}

impl<T: fmt::Debug, const N: usize> fmt::Debug for BatchBox<'_, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}
