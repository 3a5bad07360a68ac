//! Which levels will be used next, from the motion of the best price.
//!
//! The best price of a queue moves in runs: it is worn down level by level, or improved step by step. As the reference prediction table of Baer and Chen, "An effective
//! on-chip preloading scheme to reduce data access penalty" (1991), does for addresses, each queue remembers its last step and how far to believe
//! it. While the best gets worse, the levels behind it come next; while it gets better, the next level will stand one step before it.
//!
//! A prediction is right once its level is used by a command, wrong once newer ones have pushed it out before that.

use proofbook_types::Queue;

use crate::linked::Rank;

/// Predictions of one queue that wait to come true, at most.
const OUTSTANDING_MAX: usize = 8;
/// Steps in one direction, beyond the first, after which it is believed.
const CONFIDENCE_ENOUGH: u8 = 1;
const CONFIDENCE_MAX: u8 = 3;

/// How the best rank of a queue changed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// To a lower rank: a better price.
    Better,
    /// To a higher rank: a worse price.
    Worse,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prediction {
    /// Nothing can be said.
    None,
    /// The levels that follow the best one.
    Following,
    /// A level that does not exist yet, at this rank.
    New(Rank),
}

#[derive(Clone, Copy, Debug, Default)]
struct Motion {
    /// Where it goes, once it has moved at all.
    direction: Option<Direction>,
    confidence: u8,
    outstanding: [Option<Rank>; OUTSTANDING_MAX],
    /// Where the next prediction goes: the oldest one stands there.
    next: usize,
}

/// How many predictions were made and how they went. What is missing in the sum waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PredictionCounts {
    /// Levels that were predicted.
    pub made: u64,
    /// Those that a command used in time.
    pub right: u64,
    /// Those that none used in time.
    pub wrong: u64,
}

impl PredictionCounts {
    /// Right ones in a thousand of those that are decided; `None` before any is.
    pub fn accuracy_permille(&self) -> Option<u64> {
        (self.right * 1000).checked_div(self.right + self.wrong)
    }
}

/// Predicts levels for all queues and counts how that goes.
#[derive(Clone, Debug, Default)]
pub struct CachePredictor {
    motions: [Motion; 4],
    counts: PredictionCounts,
}

impl CachePredictor {
    /// The best rank of a queue changed: what comes next?
    pub(super) fn moved(&mut self, queue: Queue, from: Rank, to: Rank) -> Prediction {
        let motion = &mut self.motions[queue as usize];
        let direction = if to > from {
            Direction::Worse
        } else {
            Direction::Better
        };
        if motion.direction == Some(direction) {
            motion.confidence = (motion.confidence + 1).min(CONFIDENCE_MAX);
        } else if motion.confidence > 0 {
            motion.confidence -= 1;
        } else {
            motion.direction = Some(direction);
        }
        if motion.direction != Some(direction) || motion.confidence < CONFIDENCE_ENOUGH {
            return Prediction::None;
        }
        match direction {
            Direction::Worse => Prediction::Following,
            Direction::Better => match to.checked_sub(from - to) {
                Some(rank) => Prediction::New(rank),
                None => Prediction::None,
            },
        }
    }

    /// Notes that a level is predicted; the oldest prediction may have to go for it.
    pub(super) fn expect(&mut self, queue: Queue, rank: Rank) {
        if self.is_expected(queue, rank) {
            return;
        }
        let motion = &mut self.motions[queue as usize];
        self.counts.made += 1;
        self.counts.wrong += u64::from(motion.outstanding[motion.next].is_some());
        motion.outstanding[motion.next] = Some(rank);
        motion.next = (motion.next + 1) % OUTSTANDING_MAX;
    }

    /// A command uses a level: was that predicted?
    #[inline]
    pub(super) fn accessed(&mut self, queue: Queue, rank: Rank) {
        let outstanding = &mut self.motions[queue as usize].outstanding;
        if let Some(found) = outstanding.iter_mut().find(|found| **found == Some(rank)) {
            *found = None;
            self.counts.right += 1;
        }
    }

    /// Whether a prediction for a rank waits.
    #[inline]
    pub(super) fn is_expected(&self, queue: Queue, rank: Rank) -> bool {
        self.motions[queue as usize]
            .outstanding
            .contains(&Some(rank))
    }

    /// How many predictions were made and how they went.
    pub fn counts(&self) -> PredictionCounts {
        self.counts
    }

    /// Checks that each prediction is right, wrong or waiting.
    pub(super) fn verify(&self) -> Result<(), String> {
        let outstanding = self.motions.iter().flat_map(|motion| motion.outstanding);
        let waiting = outstanding.flatten().count() as u64;
        let PredictionCounts { made, right, wrong } = self.counts;
        if made != right + wrong + waiting {
            return Err(format!(
                "{made} predictions were made, but {right} are right, {wrong} wrong, {waiting} wait"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn believes_a_direction_that_goes_on() {
        let mut predictor = CachePredictor::default();
        let queue = Queue::Asks;
        assert_eq!(predictor.moved(queue, 100, 103), Prediction::None);
        assert_eq!(predictor.moved(queue, 103, 104), Prediction::Following);
        assert_eq!(predictor.moved(queue, 104, 109), Prediction::Following);
        // One step back lowers the trust, and does not turn it.
        assert_eq!(predictor.moved(queue, 109, 107), Prediction::None);
        assert_eq!(predictor.moved(queue, 107, 108), Prediction::Following);
        for rank in [108, 107, 106] {
            predictor.moved(queue, rank, rank - 1);
        }
        assert_eq!(predictor.moved(queue, 105, 103), Prediction::New(101));
        assert_eq!(predictor.moved(queue, 103, 1), Prediction::None);
        // Another queue knows nothing of it, and believes no first step.
        assert_eq!(predictor.moved(Queue::Bids, 9, 5), Prediction::None);
        assert_eq!(predictor.moved(Queue::Bids, 5, 3), Prediction::New(1));
    }

    #[test]
    fn a_prediction_is_right_in_time_and_wrong_when_pushed_out() {
        let mut predictor = CachePredictor::default();
        for rank in 0..OUTSTANDING_MAX as u64 {
            predictor.expect(Queue::Bids, rank);
        }
        predictor.expect(Queue::Bids, 2);
        predictor.accessed(Queue::Bids, 3);
        predictor.accessed(Queue::Bids, 3);
        predictor.accessed(Queue::Asks, 4);
        // The two oldest go.
        predictor.expect(Queue::Bids, 50);
        predictor.expect(Queue::Bids, 51);
        predictor.accessed(Queue::Bids, 0);
        let counts = predictor.counts();
        let expected = PredictionCounts {
            made: OUTSTANDING_MAX as u64 + 2,
            right: 1,
            wrong: 2,
        };
        assert_eq!(counts, expected);
        assert_eq!(counts.accuracy_permille(), Some(333));
        predictor
            .verify()
            .expect("every prediction is accounted for");
    }
}
