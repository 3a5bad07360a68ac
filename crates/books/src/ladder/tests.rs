//! The ladder's levels against an ordered set, and what their trie takes.

use std::collections::BTreeSet;

use proofbook_types::Queue;

use super::sweep::nodes_max;
use super::trie::Trie;
use super::PagedLevels;
use crate::linked::{LevelRef, Levels, Rank};

const QUEUE: Queue = Queue::Asks;

impl PagedLevels {
    /// A level with one order.
    fn fill(&mut self, rank: Rank) -> LevelRef {
        let level = self.occupy(QUEUE, rank);
        self.update(QUEUE, level, |data| data.orders = 1);
        level
    }

    fn empty(&mut self, rank: Rank) {
        let level = self.find(QUEUE, rank).expect("there is a level");
        self.vacate(QUEUE, level);
    }

    fn trie(&self) -> &Trie {
        &self.tries[QUEUE as usize]
    }
}

/// Xorshift (Marsaglia, 2003).
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn levels_are_found_like_an_ordered_set() {
    let mut state = 7;
    for spread in [3u32, 9, 20, 40, 63] {
        let mut levels = PagedLevels::default();
        let mut set = BTreeSet::new();
        for step in 0..20_000 {
            let far = random(&mut state) << spread >> 1 & 1 << 60;
            let rank = (random(&mut state) >> (63 - spread)).wrapping_add(far);
            // The set grows, shrinks to few levels, and grows again.
            let share = if step / 4000 % 2 == 0 { 2 } else { 8 };
            if random(&mut state) % share == 0 {
                levels.fill(rank);
                set.insert(rank);
            } else if levels.find(QUEUE, rank).is_some() {
                levels.empty(rank);
                assert!(set.remove(&rank));
            } else {
                assert!(!set.contains(&rank));
            }
            if random(&mut state) % 4 == 0 {
                if let Some(best) = levels.best(QUEUE) {
                    levels.vacate(QUEUE, best.level);
                    assert_eq!(set.pop_first(), Some(best.rank));
                }
            }
            let best = levels.best(QUEUE).map(|best| best.rank);
            assert_eq!(best, set.first().copied());
            let next = set.range(rank + 1..).next().copied();
            assert_eq!(levels.after(QUEUE, rank).map(|place| place.rank), next);
            if step % 100 == 0 {
                levels.verify().expect("everything holds");
            }
        }
    }
}

#[test]
fn a_level_without_neighbours_has_no_page() {
    let mut levels = PagedLevels::default();
    let lone = levels.fill(7 << 40);
    assert_eq!(levels.trie().nodes.used(), 0);
    levels.fill(9 << 40);
    assert_eq!(levels.trie().nodes.used(), 1);
    // A page, below the node that parts it from the other one; the level keeps its name.
    levels.fill((7 << 40) + 5);
    assert_eq!(levels.trie().nodes.used(), 2);
    assert_eq!(levels.find(QUEUE, 7 << 40), Some(lone));
    for neighbour in 0..64 {
        levels.fill((7 << 40) + neighbour);
    }
    assert_eq!(levels.trie().nodes.used(), 2);
    levels.verify().expect("everything holds");
}

#[test]
fn a_level_that_comes_again_has_a_page() {
    // Not in the same place of the cache.
    const ONE: Rank = 7 << 40;
    const OTHER: Rank = (9 << 40) + 64;
    let mut levels = PagedLevels::default();
    levels.fill(ONE);
    levels.fill(OTHER);
    assert_eq!(levels.trie().nodes.used(), 1);
    // One by orders at its level, the other by a second birth.
    levels.fill(ONE);
    let level = levels.fill(ONE);
    assert_eq!(levels.trie().nodes.used(), 2);
    assert_eq!(levels.find(QUEUE, ONE), Some(level));
    levels.empty(OTHER);
    levels.fill(OTHER + 1);
    assert_eq!(levels.trie().nodes.used(), 3);
    levels.verify().expect("everything holds");
    levels.empty(ONE);
    levels.empty(OTHER + 1);
    levels.verify().expect("everything holds");
    // The only level of a queue has no use for one.
    let mut alone = PagedLevels::default();
    for _ in 0..3 {
        alone.fill(5);
        alone.fill(5);
        alone.verify().expect("everything holds");
        alone.empty(5);
        alone.verify().expect("everything holds");
    }
    assert_eq!(alone.trie().nodes.used(), 0);
}

/// Prices that go away and never come back leave nodes behind, which are taken out in time.
#[test]
fn nodes_that_part_nothing_do_not_pile_up() {
    const LIVE: u64 = 100;
    let mut levels = PagedLevels::default();
    let mut sweeps = 0;
    for step in 0..20_000u64 {
        // Two neighbours, far from the two before.
        for rank in [step << 20, (step << 20) + 1] {
            levels.fill(rank);
            if let Some(gone) = rank.checked_sub(LIVE << 20) {
                levels.empty(gone);
            }
        }
        let is_swept = levels.trie().nodes.used() < 3 * LIVE as usize;
        sweeps += usize::from(is_swept && step > 2 * LIVE);
        if step % 1000 == 0 || is_swept {
            levels.verify().expect("everything holds");
        }
    }
    assert!(sweeps > 0);
    assert!(levels.trie().nodes.made().len() <= nodes_max(2 * LIVE as usize));
    for rank in 0..LIVE {
        let step = 20_000 - LIVE + rank;
        levels.empty(step << 20);
        levels.empty((step << 20) + 1);
    }
    assert_eq!(levels.best(QUEUE), None);
    assert_eq!(levels.after(QUEUE, 0), None);
    levels.verify().expect("everything holds");
}
