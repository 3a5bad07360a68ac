//! How many retired things a thread gathers before it looks for those that it can free.
//!
//! A look reads all hazard pointers, H of them, and fails for at most H things. With R = H + Ω(H) things (Michael 2004, section 3.2) it
//! frees a part of them that is bounded from below, so that each thing costs constant time. H grows with the threads that take
//! part. Beyond that the threshold follows what looks find: where they free less than half it doubles, so that fewer of them
//! are in vain; where they free nearly all it shrinks by an eighth, so that less memory waits.
//!
//! Nothing here decides what may be freed, so all of it is relaxed.

use super::MAX_HAZARDS_PER_THREAD;
use crate::sync::{AtomicUsize, Ordering, Statistic};

/// Things that a look handles at least, however few hazard pointers there are. Beside running threads its barrier takes about two microseconds: with
/// so many, less than 20 ns for each thing.
pub const BATCH_SIZE: usize = 128;

/// The threshold is at most this many times its least value.
const CEILING_FACTOR: usize = 8;

pub(super) struct Threshold {
    value: Statistic,
    participants: AtomicUsize,
    hazards_max: usize,
}

/// The least threshold: H + H/4 and a batch.
const fn floor(hazards: usize) -> usize {
    hazards + hazards / 4 + BATCH_SIZE
}

impl Threshold {
    pub(super) fn new(hazards_max: usize) -> Self {
        Threshold {
            value: Statistic::new(floor(0) as u64),
            participants: AtomicUsize::new(0),
            hazards_max,
        }
    }

    pub(super) fn get(&self) -> usize {
        self.value.get() as usize
    }

    pub(super) fn one_joins(&self) {
        self.participants.fetch_add(1, Ordering::Relaxed);
        self.set(self.get());
    }

    pub(super) fn one_leaves(&self) {
        self.participants.fetch_sub(1, Ordering::Relaxed);
        self.set(self.get());
    }

    /// Sets the value nearest to this one that the number of participants allows.
    fn set(&self, wish: usize) {
        let floor = floor(self.participants.load(Ordering::Relaxed) * MAX_HAZARDS_PER_THREAD);
        self.value
            .set(wish.clamp(floor, floor * CEILING_FACTOR) as u64);
    }

    /// Learns from a look that freed so many of so many.
    pub(super) fn learn(&self, looked_at: usize, freed: usize) {
        let value = self.get();
        if freed * 2 < looked_at {
            self.set(value * 2);
        } else if freed * 8 >= looked_at * 7 {
            self.set(value - value / 8);
        }
    }

    /// With how many things the next look is due, where so many could not be freed in this one.
    pub(super) fn next_look(&self, kept: usize) -> usize {
        self.get().max(kept + BATCH_SIZE)
    }

    /// The most things that a participant gathers by itself.
    pub(super) fn held_max(&self) -> usize {
        floor(self.hazards_max) * CEILING_FACTOR
    }

    /// The most things of a participant that left, which another one takes in before a look: one for each hazard pointer.
    pub(super) fn batch_max(&self) -> usize {
        self.hazards_max
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_grows_with_the_participants_and_stays_above_their_hazards() {
        let threshold = Threshold::new(64 * MAX_HAZARDS_PER_THREAD);
        let mut last = threshold.get();
        for participants in 1..=64 {
            threshold.one_joins();
            let hazards = participants * MAX_HAZARDS_PER_THREAD;
            assert!(
                threshold.get() >= hazards + hazards / 4,
                "{participants} participants"
            );
            assert!(threshold.get() >= last);
            last = threshold.get();
        }
    }

    #[test]
    fn looks_in_vain_make_it_grow_and_good_ones_shrink_within_bounds() {
        let threshold = Threshold::new(2 * MAX_HAZARDS_PER_THREAD);
        threshold.one_joins();
        let least = floor(MAX_HAZARDS_PER_THREAD);
        threshold.learn(100, 49);
        assert_eq!(threshold.get(), 2 * least);
        for _ in 0..20 {
            threshold.learn(100, 0);
        }
        assert_eq!(threshold.get(), CEILING_FACTOR * least);
        threshold.learn(100, 60);
        assert_eq!(
            threshold.get(),
            CEILING_FACTOR * least,
            "neither good nor bad"
        );
        for _ in 0..100 {
            threshold.learn(100, 100);
        }
        assert_eq!(threshold.get(), least);
        threshold.one_leaves();
        for _ in 0..10 {
            threshold.learn(8, 8);
        }
        assert_eq!(threshold.get(), floor(0));
    }

    #[test]
    fn the_next_look_is_always_a_batch_away() {
        let threshold = Threshold::new(MAX_HAZARDS_PER_THREAD);
        assert_eq!(threshold.next_look(0), threshold.get());
        assert_eq!(threshold.next_look(1000), 1000 + BATCH_SIZE);
    }
}
