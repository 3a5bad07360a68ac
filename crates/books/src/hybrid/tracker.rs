//! How often and when each level was used.
//!
//! Counts age: all are halved after every [`AGING_ACCESSES`] uses, as in Einziger, Friedman and Manes, "TinyLFU" (2017), so that a level which was busy once does not stay
//! where it is for ever. The halving is done for a level when its count is next looked at.
//!
//! Time is the commands' own; nothing here looks at a clock.

use crate::layout::{layout, LayoutField};
use crate::linked::LevelRef;

/// Uses of levels after which every count is halved.
pub const AGING_ACCESSES: u64 = 4096;

/// What is known of one level's uses.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
struct Uses {
    /// How often all counts had been halved when this one was last brought up to date.
    age: u64,
    /// The number of its last use among all uses, from 1 on; 0 before the first.
    last: u64,
    /// The time of its last use.
    time_ns: u64,
    /// Uses, as of that age.
    count: u32,
}

/// Where its fields lie.
pub(super) fn uses_layout() -> [LayoutField; 4] {
    layout!(Uses {
        age,
        last,
        time_ns,
        count
    })
}

/// One use of a level, and what came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Access {
    /// Its uses, this one included, aged.
    pub(super) count: u32,
    /// Nanoseconds since the use before this one, if there was one.
    pub(super) since_ns: Option<u64>,
}

/// The uses of every level, by its name.
#[derive(Clone, Debug, Default)]
pub struct AccessPatternTracker {
    levels: Vec<Uses>,
    accesses: u64,
}

impl AccessPatternTracker {
    fn age(&self) -> u64 {
        self.accesses / AGING_ACCESSES
    }

    /// A level begins, without uses.
    pub(super) fn begin(&mut self, level: LevelRef) {
        let index = level as usize;
        if index >= self.levels.len() {
            self.levels.resize(index + 1, Uses::default());
        }
        self.levels[index] = Uses::default();
    }

    /// A level is used.
    #[inline]
    pub(super) fn access(&mut self, level: LevelRef, now_ns: u64) -> Access {
        self.accesses += 1;
        let count = self.count(level).saturating_add(1);
        let before = self.levels[level as usize];
        self.levels[level as usize] = Uses {
            age: self.age(),
            last: self.accesses,
            time_ns: now_ns,
            count,
        };
        Access {
            count,
            since_ns: (before.last != 0).then(|| now_ns.saturating_sub(before.time_ns)),
        }
    }

    /// A level's uses, aged.
    #[inline]
    pub fn count(&self, level: LevelRef) -> u32 {
        let uses = self.levels[level as usize];
        let halvings = self.age() - uses.age;
        let halvings = u32::try_from(halvings).unwrap_or(u32::MAX);
        uses.count.checked_shr(halvings).unwrap_or(0)
    }

    /// The number of a level's last use among all uses; 0 where there was none.
    #[inline]
    pub fn last_access(&self, level: LevelRef) -> u64 {
        self.levels[level as usize].last
    }

    /// Uses of any level so far.
    pub fn accesses(&self) -> u64 {
        self.accesses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_age_and_times_are_those_of_the_commands() {
        let mut tracker = AccessPatternTracker::default();
        tracker.begin(3);
        tracker.begin(1);
        let first = tracker.access(3, 500);
        assert_eq!((first.count, first.since_ns), (1, None));
        for _ in 0..7 {
            tracker.access(3, 600);
        }
        let last = tracker.access(3, 730);
        assert_eq!((last.count, last.since_ns), (9, Some(130)));
        assert_eq!((tracker.last_access(3), tracker.last_access(1)), (9, 0));
        while tracker.accesses() < AGING_ACCESSES {
            tracker.access(1, 800);
        }
        assert_eq!(tracker.count(3), 4);
        while tracker.accesses() < 4 * AGING_ACCESSES {
            tracker.access(1, 800);
        }
        assert_eq!(tracker.count(3), 0);
        let mut expected = 0;
        for number in 10..=4 * AGING_ACCESSES {
            expected = if number % AGING_ACCESSES == 0 {
                expected / 2
            } else {
                expected
            } + 1;
        }
        assert_eq!(tracker.count(1), expected);
        tracker.begin(3);
        assert_eq!((tracker.count(3), tracker.last_access(3)), (0, 0));
    }
}
