//! Which levels may have changed since the last flush.
//!
//! Invariant: a level that changed is among them, or `is_lost` says that they are not known any more. So many at most are kept.

use proofbook_types::{Price, Side};

/// Levels that are noted. Where more change between two flushes, receivers are better served with the whole book.
pub const TOUCHED_MAX: usize = 1 << 15;

/// Levels, some of them several times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
    noted: Vec<(Side, Price)>,
    is_lost: bool,
}

/// A sorting rank: bids first, of each side the best first.
fn rank(&(side, price): &(Side, Price)) -> (u8, i64) {
    match side {
        Side::Buy => (0, !price.0),
        Side::Sell => (1, price.0),
    }
}

impl Touched {
    pub(crate) fn note(&mut self, side: Side, price: Price) {
        if self.noted.last() == Some(&(side, price)) || self.is_lost {
            return;
        }
        if self.noted.len() >= TOUCHED_MAX {
            self.sort();
            // Half must be free, or sorting would come again and again.
            if self.noted.len() > TOUCHED_MAX / 2 {
                self.is_lost = true;
                self.noted = Vec::new();
                return;
            }
        }
        self.noted.push((side, price));
    }

    fn sort(&mut self) {
        self.noted.sort_unstable_by_key(rank);
        self.noted.dedup();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.noted.is_empty() && !self.is_lost
    }

    /// Whether they are not known any more. They are none from now on.
    pub(crate) fn take_lost(&mut self) -> bool {
        std::mem::take(&mut self.is_lost)
    }

    /// Each level once, the best of each side first; then they are none.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (Side, Price)> + '_ {
        self.sort();
        self.noted.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_comes_once_and_too_many_are_said_to_be_lost() {
        let mut touched = Touched::default();
        for round in 0..3 {
            for price in (0..10_000).map(|price| Price(price % 100 - 50)) {
                touched.note(Side::BOTH[price.0.rem_euclid(2) as usize], price);
            }
            let drained: Vec<_> = touched.drain().collect();
            assert_eq!(drained.len(), 100, "round {round}");
            assert!(drained.is_sorted_by_key(rank));
            assert_eq!(drained[0], (Side::Buy, Price(48)));
            assert!(touched.is_empty() && !touched.take_lost());
        }
        for price in 0..=TOUCHED_MAX as i64 {
            touched.note(Side::Buy, Price(price));
            touched.note(Side::Buy, Price(price));
        }
        assert!(!touched.is_empty() && touched.take_lost());
        assert!(touched.is_empty());
        touched.note(Side::Sell, Price(1));
        assert_eq!(touched.drain().count(), 1);
    }
}
