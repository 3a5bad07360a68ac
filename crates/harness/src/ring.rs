//! The queue between the matcher and whoever publishes its reports: one thread pushes, one thread drains.
//!
//! A ring of cache-line slots. Each side keeps its own position and a copy of the other's, and looks at the other's
//! line only when its copy says that it cannot go on, so that in the steady state the two cores exchange the reports
//! and one line per published batch. (Cached positions: Lamport's queue with the batching of MCRingBuffer, Lee et al. 2010.)
//!
//! Invariants:
//! - `taken <= published <= pushed <= taken + capacity`, positions only grow, a slot's index is its position modulo the
//!   capacity (a power of two);
//! - slots in `taken..published` belong to the draining thread, all others to the pushing thread.

use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};
use std::alloc::{alloc_zeroed, dealloc, handle_alloc_error, Layout};

use crate::contract::{Report, REPORT_WORDS};

/// Pushed reports become visible in groups of this many, or when the ring is flushed.
const PUBLISH_EVERY: u64 = 64;

/// The ring's memory comes round again only after the other core has read it, so a slot's line is fetched for writing
/// this many slots before it is needed.
const PREFETCH_SLOTS: u64 = 8;

/// A power of two: the ring's memory starts on a large page.
const RING_ALIGN: usize = 2 << 20;

#[repr(align(128))]
struct Line<T>(T);

struct PushSide {
    pushed: u64,
    /// A past value of `taken`, plus the capacity: up to here there is room.
    limit: u64,
}

struct DrainSide {
    taken: u64,
    /// A past value of `published`.
    published_seen: u64,
}

/// The ring. [`Ring::push`] and [`Ring::flush`] are for one thread, [`Ring::drain`] for one other.
pub struct Ring {
    slots: *mut Report,
    /// The capacity less 1.
    mask: u64,
    published: Line<AtomicU64>,
    taken: Line<AtomicU64>,
    push_side: Line<UnsafeCell<PushSide>>,
    drain_side: Line<UnsafeCell<DrainSide>>,
}

impl Ring {
    /// A ring for at least `capacity` reports, its memory already touched.
    pub fn new(capacity: u32) -> Box<Ring> {
        let capacity = u64::from(capacity.max(64)).next_power_of_two();
        let layout = Self::layout(capacity);
        // SAFETY: the layout's size is not zero.
        let slots = unsafe { alloc_zeroed(layout) }.cast::<Report>();
        if slots.is_null() {
            handle_alloc_error(layout);
        }
        crate::memory::prefer_large_pages(slots.cast(), layout.size());
        // SAFETY: the block has just been allocated with this size.
        unsafe { ptr::write_bytes(slots, 0, capacity as usize) };
        Box::new(Ring {
            slots,
            mask: capacity - 1,
            published: Line(AtomicU64::new(0)),
            taken: Line(AtomicU64::new(0)),
            push_side: Line(UnsafeCell::new(PushSide {
                pushed: 0,
                limit: capacity,
            })),
            drain_side: Line(UnsafeCell::new(DrainSide {
                taken: 0,
                published_seen: 0,
            })),
        })
    }

    fn layout(capacity: u64) -> Layout {
        Layout::from_size_align(capacity as usize * size_of::<Report>(), RING_ALIGN)
            .expect("2^32 reports fit the address space")
    }

    /// Adds a report, given as its eight words. Whether there was room.
    ///
    /// The words go straight from registers to the slot: a report put together in memory and then copied as a whole would
    /// have to wait for its own stores, which a wide load cannot take from the store buffer.
    ///
    /// # Safety
    /// Only one thread pushes and flushes.
    #[inline(always)]
    pub unsafe fn push(&self, words: [u64; REPORT_WORDS]) -> bool {
        // SAFETY: the caller is the only thread on this side.
        let side = unsafe { &mut *self.push_side.0.get() };
        if side.pushed == side.limit && !self.look_for_room(side) {
            return false;
        }
        self.prefetch(side.pushed + PREFETCH_SLOTS);
        let slot = self.slot(side.pushed).cast::<u64>();
        for (place, word) in words.into_iter().enumerate() {
            // SAFETY: the slot is this side's (`pushed < taken + capacity`) and holds so many words.
            unsafe { ptr::write(slot.add(place), word) };
        }
        side.pushed += 1;
        if side.pushed % PUBLISH_EVERY == 0 {
            self.publish(side.pushed);
        }
        true
    }

    /// Where the report of a position lies.
    #[inline(always)]
    fn slot(&self, position: u64) -> *mut Report {
        // SAFETY: the index is below the capacity.
        unsafe { self.slots.add((position & self.mask) as usize) }
    }

    #[inline(always)]
    fn prefetch(&self, position: u64) {
        #[cfg(target_arch = "x86_64")]
        {
            use core::arch::x86_64::{_mm_prefetch, _MM_HINT_ET0};
            // SAFETY: a hint, for an address within the ring.
            unsafe { _mm_prefetch::<_MM_HINT_ET0>(self.slot(position).cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = position;
    }

    /// Publishes what there is, so that the other side can make room, and sees whether it has.
    #[cold]
    fn look_for_room(&self, side: &mut PushSide) -> bool {
        self.publish(side.pushed);
        side.limit = self.taken.0.load(Ordering::Acquire) + self.mask + 1;
        side.pushed < side.limit
    }

    #[inline(always)]
    fn publish(&self, pushed: u64) {
        self.published.0.store(pushed, Ordering::Release);
    }

    /// Makes everything pushed visible.
    ///
    /// # Safety
    /// Only one thread pushes and flushes.
    pub unsafe fn flush(&self) {
        // SAFETY: the caller is the only thread on this side.
        let side = unsafe { &*self.push_side.0.get() };
        self.publish(side.pushed);
    }

    /// Takes out as many reports as there are, up to the length of `out`; how many it wrote there.
    ///
    /// # Safety
    /// Only one thread drains.
    pub unsafe fn drain(&self, out: *mut Report, limit: usize) -> usize {
        // SAFETY: the caller is the only thread on this side.
        let side = unsafe { &mut *self.drain_side.0.get() };
        if side.published_seen == side.taken {
            side.published_seen = self.published.0.load(Ordering::Acquire);
        }
        let count = (side.published_seen - side.taken).min(limit as u64) as usize;
        let start = side.taken & self.mask;
        let first = count.min((self.mask + 1 - start) as usize);
        // SAFETY: the slots are within the ring and this side's (`taken..published`); `out` holds `limit` reports.
        unsafe {
            ptr::copy_nonoverlapping(self.slot(start), out, first);
            ptr::copy_nonoverlapping(self.slots, out.add(first), count - first);
        }
        if count > 0 {
            side.taken += count as u64;
            self.taken.0.store(side.taken, Ordering::Release);
        }
        count
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.slots.cast(), Self::layout(self.mask + 1)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(sequence: u64) -> Report {
        Report {
            sequence,
            order_id: sequence ^ 0xffff,
            ..Report::default()
        }
    }

    fn take(ring: &Ring, limit: usize) -> Vec<u64> {
        let mut out = vec![Report::default(); limit];
        // SAFETY: the tests drain on one thread.
        let count = unsafe { ring.drain(out.as_mut_ptr(), limit) };
        out.truncate(count);
        out.iter().map(|report| report.sequence).collect()
    }

    #[test]
    fn a_full_ring_refuses_and_goes_on_where_it_stopped() {
        let ring = Ring::new(64);
        // SAFETY: one thread is on both sides.
        unsafe {
            for round in 0..5 {
                let start = round * 64;
                for sequence in start..start + 64 {
                    assert!(ring.push(report(sequence).words()));
                }
                assert!(!ring.push(report(9).words()));
                let half: Vec<u64> = (start..start + 40).collect();
                assert_eq!(take(&ring, 40), half);
                let rest: Vec<u64> = (start + 40..start + 64).collect();
                assert_eq!(take(&ring, 64), rest);
                assert!(take(&ring, 64).is_empty());
            }
        }
    }

    #[test]
    fn what_was_not_published_waits_for_a_flush() {
        let ring = Ring::new(64);
        // SAFETY: one thread is on both sides.
        unsafe {
            assert!(ring.push(report(1).words()));
            assert!(take(&ring, 8).is_empty());
            ring.flush();
            assert_eq!(take(&ring, 8), [1]);
        }
    }

    #[test]
    fn two_threads_exchange_every_report_in_order() {
        struct Shared(Box<Ring>);
        // SAFETY: one thread pushes, the other drains.
        unsafe impl Sync for Shared {}
        const REPORTS: u64 = 300_000;
        let shared = Shared(Ring::new(100));
        let shared = &shared;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for sequence in 0..REPORTS {
                    // SAFETY: this thread alone pushes.
                    while !unsafe { shared.0.push(report(sequence).words()) } {
                        std::thread::yield_now();
                    }
                }
                // SAFETY: this thread alone pushes.
                unsafe { shared.0.flush() };
            });
            let mut next = 0;
            let mut out = [Report::default(); 37];
            while next < REPORTS {
                // SAFETY: this thread alone drains.
                let count = unsafe { shared.0.drain(out.as_mut_ptr(), 37) };
                if count == 0 {
                    std::thread::yield_now();
                }
                for found in &out[..count] {
                    assert_eq!(*found, report(next));
                    next += 1;
                }
            }
        });
    }
}
