//! A run of places in a batch that fills up with objects, one after another, and is given back as one.
//!
//! Invariant: the first `len` places of the run hold objects, the others none; all of them are the burst's.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::batch::Place;
use super::bit_set::WORD_BITS;
use super::BatchAllocator;

/// Objects side by side in a batch. It derefs to a slice of them.
pub struct Burst<'allocator, T, const N: usize> {
    allocator: &'allocator BatchAllocator<T, N>,
    first: Place,
    words: usize,
    len: usize,
}

// SAFETY: the burst owns its objects, which may be sent; the allocator may be used from every thread then.
unsafe impl<T: Send, const N: usize> Send for Burst<'_, T, N> {}

// SAFETY: a shared burst gives shared access to the objects and nothing else.
unsafe impl<T: Sync, const N: usize> Sync for Burst<'_, T, N> {}

impl<'allocator, T, const N: usize> Burst<'allocator, T, N> {
    /// A burst without objects, in words that were claimed for it.
    pub(super) fn new(
        allocator: &'allocator BatchAllocator<T, N>,
        first: Place,
        words: usize,
    ) -> Self {
        Burst {
            allocator,
            first,
            words,
            len: 0,
        }
    }

    /// Objects that it has room for.
    pub fn capacity(&self) -> usize {
        (self.words * WORD_BITS).min(N - self.first.number)
    }

    /// Adds an object; it comes back if there is no room.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), T> {
        if self.len == self.capacity() {
            return Err(value);
        }
        // SAFETY: the place is in the run, which is the burst's, and holds no object.
        unsafe { self.start().add(self.len).write(value) };
        self.len += 1;
        Ok(())
    }

    /// Adds an object and those after it, until there is no room for one: that one comes back.
    #[inline]
    pub(super) fn fill(&mut self, first: T, others: &mut impl Iterator<Item = T>) -> Option<T> {
        let (start, capacity) = (self.start(), self.capacity());
        let mut next = Some(first);
        while self.len < capacity {
            let value = next?;
            // SAFETY: the place is in the run, which is the burst's, and holds no object.
            unsafe { start.add(self.len).write(value) };
            self.len += 1;
            next = others.next();
        }
        next
    }

    /// The address of the first place.
    fn start(&self) -> NonNull<T> {
        self.allocator.object(self.first)
    }
}

impl<T, const N: usize> Deref for Burst<'_, T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: so many objects lie one after another, the burst owns them and is borrowed for as long as they are.
        unsafe { NonNull::slice_from_raw_parts(self.start(), self.len).as_ref() }
    }
}

impl<T, const N: usize> DerefMut for Burst<'_, T, N> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: so many objects lie one after another, the burst owns them and is borrowed alone for as long as they are.
        unsafe { NonNull::slice_from_raw_parts(self.start(), self.len).as_mut() }
    }
}

impl<T, const N: usize> Drop for Burst<'_, T, N> {
    fn drop(&mut self) {
        // SAFETY: the burst owns the objects, which are not used after this. Should dropping one panic, the run is never used again.
        unsafe { NonNull::slice_from_raw_parts(self.start(), self.len).drop_in_place() };
        let (first, words) = (self.first.number / WORD_BITS, self.words);
        self.allocator
            .release(self.first.batch, |taken| taken.release_words(first, words));
    }
}

impl<T: fmt::Debug, const N: usize> fmt::Debug for Burst<'_, T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
