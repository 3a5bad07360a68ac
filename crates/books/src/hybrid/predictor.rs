//! Which levels will be used next, from the motion of the best price.
//!
//! The best price of a queue moves in runs: it is worn down level by level, or improved step by step. As the reference prediction table of Baer and Chen, "An effective
//! on-chip preloading scheme to reduce data access penalty" (1991), does for addresses, each queue remembers its last step and how far to believe
//! it. While the best gets worse, the levels behind it come next; while it gets better, the next level will stand one step before it.
//!
//! A prediction is right once its level is used by a command, wrong once newer ones have pushed it out before that.

use proofbook_types::Queue;

use super::policy::PREFETCH_LEVELS_MAX;
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
    outstanding: [Rank; OUTSTANDING_MAX],
    /// A bit for each of them that waits.
    waiting: u8,
    /// Where the next prediction goes: the oldest one stands there.
    next: usize,
    /// The levels behind the best one that were brought, from the best on.
    ahead: [Rank; PREFETCH_LEVELS_MAX],
    ahead_count: usize,
}

impl Motion {
    /// A bit for each prediction of a rank that waits: one at most.
    #[inline]
    fn found(&self, rank: Rank) -> u8 {
        // Mostly none waits for long.
        if self.waiting == 0 {
            return 0;
        }
        let ranks = self.outstanding.iter().enumerate();
        let equal = ranks.map(|(place, &other)| u8::from(other == rank) << place);
        equal.fold(0, |bits, bit| bits | bit) & self.waiting
    }

    /// The best one moved: what was brought lies behind another one now.
    fn follow(&mut self, from: Rank, to: Rank) {
        if to < from && self.ahead_count > 0 {
            self.ahead_count = (self.ahead_count + 1).min(PREFETCH_LEVELS_MAX);
            self.ahead.copy_within(..PREFETCH_LEVELS_MAX - 1, 1);
            self.ahead[0] = from;
        }
        while self.ahead_count > 0 && self.ahead[0] <= to {
            self.leave_ahead(0);
        }
    }

    fn leave_ahead(&mut self, place: usize) {
        self.ahead.copy_within(place + 1..self.ahead_count, place);
        self.ahead_count -= 1;
    }
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
        motion.follow(from, to);
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
        let bit = 1 << motion.next;
        self.counts.wrong += u64::from(motion.waiting & bit != 0);
        motion.waiting |= bit;
        motion.outstanding[motion.next] = rank;
        motion.next = (motion.next + 1) % OUTSTANDING_MAX;
    }

    /// A command uses a level: was that predicted?
    #[inline]
    pub(super) fn accessed(&mut self, queue: Queue, rank: Rank) {
        let motion = &mut self.motions[queue as usize];
        let found = motion.found(rank);
        motion.waiting &= !found;
        self.counts.right += u64::from(found != 0);
    }

    /// A level of a queue is gone, which was its last use.
    pub(super) fn gone(&mut self, queue: Queue, rank: Rank) {
        self.accessed(queue, rank);
        let motion = &mut self.motions[queue as usize];
        let mut ahead = motion.ahead[..motion.ahead_count].iter();
        if let Some(place) = ahead.position(|&other| other == rank) {
            motion.leave_ahead(place);
        }
    }

    /// The levels behind the best one that were brought already, from the best on.
    pub(super) fn ahead(&self, queue: Queue) -> &[Rank] {
        let motion = &self.motions[queue as usize];
        &motion.ahead[..motion.ahead_count]
    }

    /// The level at a rank, behind all that were, is brought. There are fewer than [`PREFETCH_LEVELS_MAX`] of them.
    pub(super) fn brought(&mut self, queue: Queue, rank: Rank) {
        let motion = &mut self.motions[queue as usize];
        motion.ahead[motion.ahead_count] = rank;
        motion.ahead_count += 1;
        self.expect(queue, rank);
    }

    /// Whether a prediction for a rank waits.
    #[inline]
    pub(super) fn is_expected(&self, queue: Queue, rank: Rank) -> bool {
        self.motions[queue as usize].found(rank) != 0
    }

    /// How many predictions were made and how they went.
    pub fn counts(&self) -> PredictionCounts {
        self.counts
    }

    /// Checks that each prediction is right, wrong or waiting.
    pub(super) fn verify(&self) -> Result<(), String> {
        let waiting = self
            .motions
            .iter()
            .map(|motion| motion.waiting.count_ones());
        let waiting = u64::from(waiting.sum::<u32>());
        let PredictionCounts { made, right, wrong } = self.counts;
        if made != right + wrong + waiting {
            return Err(format!(
                "{made} predictions were made, but {right} are right, {wrong} wrong, {waiting} wait"
            ));
        }
        for queue in Queue::ALL {
            let ahead = self.ahead(queue);
            if ahead.windows(2).any(|pair| pair[0] >= pair[1]) {
                return Err(format!("{queue:?}: {ahead:?} were brought, out of order"));
            }
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

    #[test]
    fn what_was_brought_is_known_until_it_is_the_best_or_gone() {
        let mut predictor = CachePredictor::default();
        let queue = Queue::Asks;
        // Nothing is behind that was not brought.
        predictor.moved(queue, 20, 10);
        assert!(predictor.ahead(queue).is_empty());
        for rank in [20, 30, 40, 50] {
            predictor.brought(queue, rank);
        }
        predictor.moved(queue, 10, 20);
        assert_eq!(predictor.ahead(queue), [30, 40, 50]);
        predictor.moved(queue, 20, 5);
        assert_eq!(predictor.ahead(queue), [20, 30, 40, 50]);
        // The last one makes room for the best that was.
        predictor.moved(queue, 5, 1);
        assert_eq!(predictor.ahead(queue), [5, 20, 30, 40]);
        predictor.gone(queue, 30);
        predictor.gone(Queue::Bids, 20);
        assert_eq!(predictor.ahead(queue), [5, 20, 40]);
        predictor.moved(queue, 1, 39);
        assert_eq!(predictor.ahead(queue), [40]);
        predictor.moved(queue, 39, 40);
        assert!(predictor.ahead(queue).is_empty());
        predictor.verify().expect("in order, and all accounted for");
    }
}
