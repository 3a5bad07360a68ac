//! How many objects to keep ready, from what was missed: a mark that goes up fast and comes down slowly.
//!
//! After each window of so many allocations, the mark doubles if any of them found nothing ready, and comes down by a step if none did. So a
//! burst is met after a few windows, and memory that is not needed is given up without a new miss at each turn: what D.-M. Chiu and R. Jain
//! (Analysis of the Increase and Decrease Algorithms for Congestion Avoidance, 1989) do for congestion, the other way round.
//!
//! Invariant: the mark lies between the lowest and the highest one.

use crate::pool::{in_range, PoolError};

/// How the mark moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveParams {
    /// The lowest mark, and the first.
    pub low: usize,
    /// The highest mark.
    pub high: usize,
    /// Allocations after which the mark moves.
    pub window: u32,
    /// What the mark comes down by, and what it goes up by at least.
    pub step: usize,
}

impl AdaptiveParams {
    /// Refuses numbers that are out of their range.
    pub(super) fn check(&self, kept_max: usize) -> Result<(), PoolError> {
        in_range("high", self.high, 0, kept_max)?;
        in_range("low", self.low, 0, self.high)?;
        in_range("window", self.window as usize, 1, u32::MAX as usize)?;
        in_range("step", self.step, 1, usize::MAX)?;
        Ok(())
    }
}

/// A mark that moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Adaptation {
    params: AdaptiveParams,
    mark: usize,
    allocations: u32,
    missed: bool,
}

impl Adaptation {
    /// A mark that has seen nothing.
    pub(super) fn new(params: AdaptiveParams) -> Self {
        Adaptation {
            params,
            mark: params.low,
            allocations: 0,
            missed: false,
        }
    }

    /// Notes an allocation, and whether it found nothing ready.
    #[inline]
    pub(super) fn demand(&mut self, missed: bool) {
        self.allocations += 1;
        self.missed |= missed;
        if self.allocations == self.params.window {
            self.move_mark();
        }
    }

    fn move_mark(&mut self) {
        let AdaptiveParams {
            low, high, step, ..
        } = self.params;
        self.mark = if self.missed {
            self.mark
                .saturating_mul(2)
                .max(self.mark.saturating_add(step))
                .min(high)
        } else {
            self.mark.saturating_sub(step).max(low)
        };
        self.allocations = 0;
        self.missed = false;
    }

    /// The mark.
    pub(super) fn target(&self) -> usize {
        self.mark
    }

    /// What is kept at most: a mark that moves by one step makes no work.
    pub(super) fn surplus_above(&self) -> usize {
        self.mark.saturating_add(self.params.step)
    }
}
