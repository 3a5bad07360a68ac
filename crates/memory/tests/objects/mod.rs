//! What the tests of the pools share: objects that are counted, and seeded choices.
#![allow(dead_code)]

use std::sync::atomic::{AtomicI64, Ordering};

/// An object of which it is known how many there are. It looks at itself when it is used or dropped, so that use after free shows.
#[derive(Debug)]
#[repr(align(64))]
pub struct Counted<'count> {
    number: u64,
    complement: u64,
    live: &'count AtomicI64,
}

impl<'count> Counted<'count> {
    /// One more object.
    pub fn new(number: u64, live: &'count AtomicI64) -> Self {
        live.fetch_add(1, Ordering::Relaxed);
        Counted {
            number,
            complement: !number,
            live,
        }
    }

    /// Its number, which must still be whole.
    pub fn number(&self) -> u64 {
        assert_eq!(
            self.complement, !self.number,
            "object {} was written over",
            self.number
        );
        self.number
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.number();
        // So that a second drop of the same memory fails.
        self.complement = self.number;
        self.live.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A sequence of choices that a seed repeats.
pub struct Choices(u64);

impl Choices {
    /// The choices of a seed.
    pub fn new(seed: u64) -> Self {
        Choices(seed)
    }

    /// The next choice below a bound. S. Vigna's SplitMix64 (2015).
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % bound as u64) as usize
    }
}

/// How much longer a test takes where there is time for it.
pub fn soak_factor() -> u64 {
    if std::env::var_os("PROOFBOOK_SOAK").is_some() {
        200
    } else {
        1
    }
}
