//! One pool for all threads: a free list without locks over slots that never move.
//!
//! It exists for objects that many threads allocate and free, such as the nodes of shared structures. A thread that finds the free list
//! empty takes a slot that was never used, and with the last of these makes the next chunk; nobody waits for it.
//!
//! Invariant: a slot is in the free list, was never dealt out, or holds an object that exactly one handle or pointer owns.
#![allow(unsafe_code)]

use std::fmt;
use std::ptr::NonNull;

use super::handle::sealed::{self, Store};
use super::slots::{Slot, Slots};
use super::stack::IndexStack;
use super::{Handle, PoolBox, PoolConfig, PoolError, Pooled, Refused};
use crate::numa::NodeId;
use crate::sync::{Arc, AtomicU32, Ordering};

/// What a pool holds at some moment. While others use the pool, the figures are of nearly the same moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatistics {
    /// Slots that there are.
    pub capacity: usize,
    /// Slots that there may ever be.
    pub max_capacity: usize,
    /// Objects that there are.
    pub in_use: usize,
    /// The most objects that there ever were at once.
    pub high_water: usize,
    /// Pages that were touched before they were needed.
    pub prefaulted_pages: usize,
}

/// Counts of objects, on a line of their own: each thread writes them.
#[derive(Debug)]
#[repr(align(128))]
struct Counts {
    in_use: AtomicU32,
    high_water: AtomicU32,
}

/// A pool of objects of one type that all threads use at once.
pub struct LockFreePool<T> {
    free: IndexStack,
    counts: Counts,
    slots: Slots<T>,
}

// SAFETY: what is shared is atomic, and a slot's content belongs to one owner at a time; objects go from one thread to another with it.
unsafe impl<T: Send> Send for LockFreePool<T> {}

// SAFETY: as above: the pool itself gives no access to an object that somebody owns.
unsafe impl<T: Send> Sync for LockFreePool<T> {}

impl<T> LockFreePool<T> {
    /// A pool of this size.
    ///
    /// # Errors
    /// Where a number is out of its range, or the allocator has no memory for the initial capacity.
    pub fn new(config: PoolConfig) -> Result<Self, PoolError> {
        Ok(LockFreePool {
            free: IndexStack::default(),
            counts: Counts {
                in_use: AtomicU32::new(0),
                high_water: AtomicU32::new(0),
            },
            slots: Slots::new(config, NodeId::default(), None)?,
        })
    }

    /// Puts an object into a slot.
    ///
    /// # Errors
    /// Where all slots are in use, or the pool would grow and there is no memory; the object comes back.
    #[inline]
    pub fn allocate(&self, value: T) -> Result<PoolBox<'_, T>, Refused<T>> {
        match self.put(value) {
            // SAFETY: the slot is of this pool, and `put` gives the object to this call alone.
            Ok(slot) => Ok(unsafe { Handle::own(slot, self) }),
            Err(refused) => Err(refused),
        }
    }

    /// Puts an object into a slot, with a handle that keeps the pool alive.
    ///
    /// # Errors
    /// As with [`LockFreePool::allocate`].
    #[inline]
    pub fn allocate_shared(pool: &Arc<Self>, value: T) -> Result<Pooled<T>, Refused<T>> {
        match pool.put(value) {
            // SAFETY: the slot is of this pool, and `put` gives the object to this call alone.
            Ok(slot) => Ok(unsafe { Handle::own(slot, Arc::clone(pool)) }),
            Err(refused) => Err(refused),
        }
    }

    /// The owner of an object again.
    ///
    /// # Safety
    /// The pointer came from [`Handle::into_raw`] for an object of this pool, and is not used as an owner any more: each such pointer becomes a
    /// handle, or is given back, once.
    #[inline]
    pub unsafe fn from_raw(&self, object: NonNull<T>) -> PoolBox<'_, T> {
        // SAFETY: the caller's promise.
        let name = unsafe { self.slots.name_of(object.cast()) };
        // SAFETY: the slot is of this pool and holds the object, which the caller owned.
        unsafe { Handle::own(self.slots.slot(name), self) }
    }

    /// Frees an object by its address and the pool's: what a structure with its own reclamation calls when nobody can reach the object any more.
    ///
    /// # Safety
    /// `pool` is the address of a pool of this type that is still there, and `object` came from [`Handle::into_raw`] for an object of it and is
    /// given back once.
    pub unsafe fn give_back(object: *mut (), pool: *const ()) {
        // SAFETY: the caller's promise.
        let pool = unsafe { &*pool.cast::<LockFreePool<T>>() };
        let object = NonNull::new(object.cast()).expect("an object is somewhere");
        // SAFETY: the caller's promise.
        drop(unsafe { pool.from_raw(object) });
    }

    /// The number of the slot that an object lies in: no other object has it at the same time. Where the pool is one chunk, as with
    /// [`PoolConfig::fixed`], numbers are below its capacity, so that what belongs to a slot can lie in an array.
    #[inline]
    pub fn number_of<P: sealed::Holds<T, Store = Self>>(object: &Handle<T, P>) -> u32 {
        let slots = &Handle::store(object).slots;
        // SAFETY: the object lies in a slot of its handle's pool.
        unsafe { slots.name_of(Handle::address(object)) }
    }

    /// Frees the slot of an object that its owner has dropped or moved out of it.
    ///
    /// # Safety
    /// The pointer came from [`Handle::into_raw`] for an object of this pool, which is gone, and is given back once.
    #[inline]
    pub unsafe fn give_back_empty(&self, slot: NonNull<T>) {
        let slot = slot.cast();
        // SAFETY: the caller's promise: the slot is of this pool, and the object was the caller's.
        unsafe {
            self.retire(slot);
            self.take_back(slot);
        }
    }

    /// What the pool holds now.
    pub fn statistics(&self) -> PoolStatistics {
        let in_use = self.counts.in_use.load(Ordering::Relaxed) as usize;
        PoolStatistics {
            capacity: self.slots.capacity(),
            max_capacity: self.slots.max(),
            in_use,
            // The count goes up before the mark does.
            high_water: in_use.max(self.counts.high_water.load(Ordering::Relaxed) as usize),
            prefaulted_pages: self.slots.prefaulted_pages(),
        }
    }

    /// Finds a slot and writes the object into it.
    #[inline]
    fn put(&self, value: T) -> Result<NonNull<Slot<T>>, Refused<T>> {
        let name = match self.take() {
            Ok(name) => name,
            Err(error) => return Err(Refused { error, value }),
        };
        self.slots.note_allocated(name);
        self.count_allocated();
        let slot = self.slots.slot(name);
        // SAFETY: the slot lives as long as the pool, and `take` gave it to this call alone.
        unsafe { slot.as_ref().with_mut(|object| object.write(value)) };
        Ok(slot)
    }

    /// A slot that nobody else has.
    #[inline]
    fn take(&self) -> Result<u32, PoolError> {
        if let Some(name) = self.free.pop(&self.slots) {
            return Ok(name);
        }
        if let Some(run) = self.slots.deal(1)? {
            return Ok(run.first);
        }
        // The last slot may have been dealt out, and another one freed, after the look at the free list. All slots are out from now on, so
        // that an empty list means that all are in use.
        let capacity = self.slots.max();
        self.free
            .pop(&self.slots)
            .ok_or(PoolError::Exhausted { capacity })
    }

    #[inline]
    fn count_allocated(&self) {
        // Relaxed: figures for people, which nothing else depends on. Counted after the slot was taken, and down before it comes back, so
        // that no count exceeds the capacity.
        let in_use = self.counts.in_use.fetch_add(1, Ordering::Relaxed) + 1;
        if in_use > self.counts.high_water.load(Ordering::Relaxed) {
            self.counts.high_water.fetch_max(in_use, Ordering::Relaxed);
        }
    }
}

impl<T> fmt::Debug for LockFreePool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LockFreePool")
            .field(&self.statistics())
            .finish()
    }
}

impl<T> sealed::Store<T> for LockFreePool<T> {
    #[inline]
    unsafe fn retire(&self, slot: NonNull<Slot<T>>) {
        if cfg!(debug_assertions) {
            // SAFETY: the caller's promise.
            self.slots
                .note_freed(unsafe { self.slots.name_of(slot.cast()) });
        }
    }

    #[inline]
    unsafe fn take_back(&self, slot: NonNull<Slot<T>>) {
        self.counts.in_use.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        let name = unsafe { self.slots.name_of(slot.cast()) };
        self.free.push(&self.slots, name);
    }
}
