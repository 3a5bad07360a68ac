//! The self-check of a [`Directory`], and its test against an ordered map.

use core::ops::Range;

use super::group::Groups;
use super::{Directory, Inner, CHILDREN_MIN, RANKS_MIN, ROOT};
use crate::linked::{Place, Rank};

/// What a walk over all lines has met.
#[derive(Default)]
struct Met {
    places: Vec<Place>,
    inner_groups: usize,
    leaf_groups: usize,
}

impl Directory {
    /// Checks every line. Gives all ranks with their levels, in order.
    pub(crate) fn verify(&self) -> Result<Vec<Place>, String> {
        // The root is alone in its group.
        let mut met = Met {
            inner_groups: 1,
            ..Met::default()
        };
        let everything = 0..1 << 64;
        self.verify_inner(ROOT, self.height, everything, &mut met)?;
        let used = (self.inner.used(), self.leaves.used());
        if (met.inner_groups, met.leaf_groups) != used {
            return Err(format!(
                "{} and {} groups hang in the directory, {used:?} are in use",
                met.inner_groups, met.leaf_groups
            ));
        }
        Ok(met.places)
    }

    /// Checks a line and all below it, whose ranks must be `within`.
    fn verify_inner(
        &self,
        line: usize,
        height: u32,
        within: Range<u128>,
        met: &mut Met,
    ) -> Result<(), String> {
        let inner = self.inner.line(line);
        let count = inner.count as usize;
        let least = match (line == ROOT, self.height) {
            (false, _) => CHILDREN_MIN,
            (true, 1) => 1,
            (true, _) => 2,
        };
        if count < least {
            return Err(format!("line {line} has {count} children: {inner:?}"));
        }
        if height > 1 {
            met.inner_groups += 1;
        } else {
            met.leaf_groups += 1;
        }
        let mut start = within.start;
        for at in 0..count {
            let end = match inner.separators[..count - 1].get(at) {
                Some(&separator) => u128::from(separator),
                None => within.end,
            };
            let child = Groups::<Inner>::place(inner.below, at);
            if height > 1 {
                self.verify_inner(child, height - 1, start..end, met)?;
            } else {
                self.verify_leaf(child, start..end, count == 1, met)?;
            }
            start = end;
        }
        Ok(())
    }

    fn verify_leaf(
        &self,
        line: usize,
        within: Range<u128>,
        is_only: bool,
        met: &mut Met,
    ) -> Result<(), String> {
        let leaf = self.leaves.line(line);
        if !is_only && (leaf.count as usize) < RANKS_MIN {
            return Err(format!("leaf {line} is too empty: {leaf:?}"));
        }
        for at in 0..leaf.count as usize {
            let place = leaf.place(at);
            let last: Option<Rank> = met.places.last().map(|last| last.rank);
            if last >= Some(place.rank) || !within.contains(&u128::from(place.rank)) {
                return Err(format!("leaf {line}: {place:?} is not within {within:?}"));
            }
            met.places.push(place);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Beside, Directory};
    use super::Place;
    use std::collections::BTreeMap;

    const STEPS: u64 = 6_000;

    /// A sequence that never ends of numbers that look random.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }
    }

    fn compare(directory: &Directory, map: &BTreeMap<u64, u32>, rank: u64) {
        assert_eq!(directory.find(rank), map.get(&rank).copied());
        let next = rank
            .checked_add(1)
            .and_then(|above| map.range(above..).next());
        let last = map.range(..=rank).next_back();
        match directory.beside(rank) {
            Beside::Nothing => assert!(map.is_empty()),
            Beside::Before(level) => assert_eq!(Some(&level), next.map(|(_, level)| level)),
            Beside::After(level) => assert_eq!(Some(&level), last.map(|(_, level)| level)),
        }
    }

    /// Waves of more and fewer ranks, so that lines are split and joined at every height.
    #[test]
    fn finds_ranks_like_an_ordered_map() {
        let mut highest = 0;
        for (seed, spread) in (1..).zip([1u64 << 4, 1 << 12, 1 << 60, u64::MAX]) {
            let mut numbers = Numbers(seed);
            let (mut directory, mut map) = (Directory::new(), BTreeMap::new());
            for step in 0..STEPS {
                let rank = match step % 64 {
                    0 => u64::MAX,
                    1 => 0,
                    _ => numbers.next() % spread,
                };
                let is_rising = step % 2_000 < 1_000;
                let known = map.range(numbers.next() % spread..).next();
                match (known, is_rising || step % 5 == 0) {
                    (Some((&rank, _)), false) => {
                        directory.remove(rank);
                        map.remove(&rank);
                    }
                    _ if !map.contains_key(&rank) => {
                        let level = step as u32;
                        let before = map.range(..rank).next_back().map(|(_, &level)| level);
                        let after = map.range(rank..).next().map(|(_, &level)| level);
                        match directory.insert(rank, level) {
                            Beside::Nothing => assert!(map.is_empty()),
                            Beside::Before(next) => assert_eq!(Some(next), after),
                            Beside::After(last) => assert_eq!(Some(last), before),
                        }
                        map.insert(rank, level);
                    }
                    _ => {}
                }
                compare(&directory, &map, rank);
                compare(&directory, &map, numbers.next() % spread);
                highest = highest.max(directory.height);
                if step % 16 == 0 {
                    let expected: Vec<Place> = map
                        .iter()
                        .map(|(&rank, &level)| Place { rank, level })
                        .collect();
                    assert_eq!(directory.verify(), Ok(expected), "seed {seed}, step {step}");
                }
            }
            while let Some((rank, _)) = map.pop_last() {
                directory.remove(rank);
            }
            assert_eq!((directory.verify(), directory.height), (Ok(vec![]), 1));
        }
        assert!(highest >= 4, "at most {highest} lines above a leaf");
    }

    /// Even the least full tree of 2^24 ranks is as low as the logarithm says: 3 children to a line, 2 ranks to a leaf.
    #[test]
    fn the_height_is_logarithmic() {
        let mut directory = Directory::new();
        for rank in 0..1 << 14 {
            directory.insert(rank, 1);
        }
        // In ascending order every split leaves lines behind that never fill up again: 4 children, 3 ranks.
        let least = 3 * 4u64.pow(directory.height - 1);
        assert!(least <= 1 << 14, "{} lines above a leaf", directory.height);
        for rank in (0..1 << 14).filter(|rank| rank % 64 != 0) {
            directory.remove(rank);
        }
        assert!(3u64.pow(directory.height - 1) <= 1 << 8);
        assert_eq!(directory.verify().map(|places| places.len()), Ok(1 << 8));
    }
}
