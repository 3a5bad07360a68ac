//! How long bursts are, and what room they should get from that.
//!
//! Invariant: the optimal size is a multiple of [`BURST_STEP`], or all of a batch that is smaller than that.

use crate::sync::{AtomicU64, AtomicUsize, Ordering};

/// Room is given in steps of so many objects: one word of a batch's bitmap.
pub const BURST_STEP: usize = 64;

/// Bursts of which at least so many of a hundred should fit into the room that they are given first.
const FITTING_PERCENT: u64 = 95;

/// Bursts after which the optimal size is looked at again.
const BURSTS_PER_REVIEW: u64 = 16;

/// Classes of lengths: class `n` has the bursts of up to `2^n` steps.
const CLASSES: usize = 32;

/// What is known of the bursts so far.
#[derive(Debug)]
pub struct BatchUsageStats {
    /// Bursts by their length.
    classes: [AtomicU64; CLASSES],
    bursts: AtomicU64,
    objects: AtomicU64,
    optimal_batch_size: AtomicUsize,
    batch_size: usize,
}

impl BatchUsageStats {
    /// Nothing is known yet: bursts get one step.
    pub(super) fn new(batch_size: usize) -> Self {
        BatchUsageStats {
            classes: std::array::from_fn(|_| AtomicU64::new(0)),
            bursts: AtomicU64::new(0),
            objects: AtomicU64::new(0),
            optimal_batch_size: AtomicUsize::new(BURST_STEP.min(batch_size)),
            batch_size,
        }
    }

    /// Notes the length of a burst that is over. Relaxed throughout: figures that choose a size, and no more.
    pub(super) fn note(&self, length: usize) {
        let steps = length.div_ceil(BURST_STEP).max(1);
        let class = steps.next_power_of_two().trailing_zeros() as usize;
        self.classes[class.min(CLASSES - 1)].fetch_add(1, Ordering::Relaxed);
        self.objects.fetch_add(length as u64, Ordering::Relaxed);
        let bursts = self.bursts.fetch_add(1, Ordering::Relaxed) + 1;
        if bursts % BURSTS_PER_REVIEW == 0 {
            self.optimal_batch_size
                .store(self.review(), Ordering::Relaxed);
        }
    }

    /// The smallest size that enough of the bursts fit into. Those of before this review count half from now on.
    fn review(&self) -> usize {
        let halve = |count| Some(count / 2);
        let counts = self.classes.each_ref().map(|class| {
            let before = class.fetch_update(Ordering::Relaxed, Ordering::Relaxed, halve);
            before.expect("halving always gives a number")
        });
        let all: u64 = counts.iter().sum();
        let mut fitting = 0;
        for (class, count) in counts.iter().enumerate() {
            fitting += count;
            if fitting * 100 >= all * FITTING_PERCENT {
                return BURST_STEP.saturating_mul(1 << class).min(self.batch_size);
            }
        }
        self.batch_size
    }

    /// Objects that a burst gets room for at first.
    pub fn optimal_batch_size(&self) -> usize {
        self.optimal_batch_size.load(Ordering::Relaxed)
    }

    /// Bursts that are over.
    pub fn bursts(&self) -> u64 {
        self.bursts.load(Ordering::Relaxed)
    }

    /// Objects of these bursts.
    pub fn objects(&self) -> u64 {
        self.objects.load(Ordering::Relaxed)
    }
}
