//! Ways to find the level at a price, and the best one.

use std::collections::{BTreeMap, HashMap};

use crate::ladder::LadderLevels;
use crate::record::{LevelAccess, LevelAccessKind};
use crate::{replay, Outcome};

/// Room for the live orders of every scenario.
const CAPACITY: usize = 1 << 16;
/// Prices that the flat arrays have room for, from 0: all that the workloads use, known in advance.
const DOMAIN: usize = 1 << 18;

/// The levels of both sides. Adding, touching and dropping tell how many orders the level then has.
trait LevelStore {
    fn best(&self, side: usize) -> Option<u64>;
    fn add(&mut self, side: usize, rank: u64, slot: u32) -> u64;
    fn touch(&mut self, side: usize, rank: u64, slot: u32) -> u64;
    fn drop(&mut self, side: usize, rank: u64, slot: u32) -> u64;
}

/// A level's data, as large as the ladder's.
#[derive(Clone, Copy, Default)]
#[repr(C, align(32))]
struct LevelData {
    orders: u64,
    quantity: u64,
}

impl LevelData {
    fn add(&mut self) -> u64 {
        self.orders += 1;
        self.quantity += 1;
        self.orders
    }

    fn drop(&mut self) -> u64 {
        self.orders -= 1;
        self.quantity -= 1;
        self.orders
    }
}

impl LevelStore for LadderLevels {
    fn best(&self, side: usize) -> Option<u64> {
        self.best(side)
    }

    fn add(&mut self, side: usize, rank: u64, slot: u32) -> u64 {
        self.add(side, rank, slot)
    }

    fn touch(&mut self, side: usize, _rank: u64, slot: u32) -> u64 {
        self.touch(side, slot)
    }

    fn drop(&mut self, side: usize, _rank: u64, slot: u32) -> u64 {
        self.drop(side, slot)
    }
}

/// A search tree.
#[derive(Default)]
struct Tree([BTreeMap<u64, LevelData>; 2]);

impl LevelStore for Tree {
    fn best(&self, side: usize) -> Option<u64> {
        self.0[side].first_key_value().map(|(&rank, _)| rank)
    }

    fn add(&mut self, side: usize, rank: u64, _slot: u32) -> u64 {
        self.0[side].entry(rank).or_default().add()
    }

    fn touch(&mut self, side: usize, rank: u64, _slot: u32) -> u64 {
        self.0[side][&rank].orders
    }

    fn drop(&mut self, side: usize, rank: u64, _slot: u32) -> u64 {
        let level = self.0[side].get_mut(&rank).expect("the level exists");
        let left = level.drop();
        if left == 0 {
            self.0[side].remove(&rank);
        }
        left
    }
}

/// A sorted vector, the best level last, so that changes near the touch move little. Binary search.
#[derive(Default)]
struct Sorted([Vec<(u64, LevelData)>; 2]);

impl Sorted {
    fn position(&self, side: usize, rank: u64) -> Result<usize, usize> {
        self.0[side].binary_search_by(|(other, _)| rank.cmp(other))
    }
}

impl LevelStore for Sorted {
    fn best(&self, side: usize) -> Option<u64> {
        self.0[side].last().map(|&(rank, _)| rank)
    }

    fn add(&mut self, side: usize, rank: u64, _slot: u32) -> u64 {
        let position = self.position(side, rank).unwrap_or_else(|position| {
            self.0[side].insert(position, (rank, LevelData::default()));
            position
        });
        self.0[side][position].1.add()
    }

    fn touch(&mut self, side: usize, rank: u64, _slot: u32) -> u64 {
        let position = self.position(side, rank).expect("the level exists");
        self.0[side][position].1.orders
    }

    fn drop(&mut self, side: usize, rank: u64, _slot: u32) -> u64 {
        let position = self.position(side, rank).expect("the level exists");
        let left = self.0[side][position].1.drop();
        if left == 0 {
            self.0[side].remove(position);
        }
        left
    }
}

/// A place in a flat array for a rank of a workload, whose prices lie between 0 and `DOMAIN`: bids count down from the
/// end. Lower is better, as in ranks.
fn place_of(side: usize, rank: u64) -> usize {
    if side == 0 {
        (rank - (u64::MAX - ((1 << 63) + DOMAIN as u64 - 1))) as usize
    } else {
        (rank - (1 << 63)) as usize
    }
}

fn rank_of(side: usize, place: usize) -> u64 {
    if side == 0 {
        place as u64 + (u64::MAX - ((1 << 63) + DOMAIN as u64 - 1))
    } else {
        place as u64 + (1 << 63)
    }
}

/// A place for every price; when the best level empties, the array is searched onwards from it.
struct Flat {
    levels: [Vec<LevelData>; 2],
    best: [usize; 2],
}

impl Flat {
    fn new() -> Self {
        Flat {
            levels: [(); 2].map(|()| vec![LevelData::default(); DOMAIN]),
            best: [DOMAIN; 2],
        }
    }
}

impl LevelStore for Flat {
    fn best(&self, side: usize) -> Option<u64> {
        (self.best[side] < DOMAIN).then(|| rank_of(side, self.best[side]))
    }

    fn add(&mut self, side: usize, rank: u64, _slot: u32) -> u64 {
        let place = place_of(side, rank);
        self.best[side] = self.best[side].min(place);
        self.levels[side][place].add()
    }

    fn touch(&mut self, side: usize, rank: u64, _slot: u32) -> u64 {
        self.levels[side][place_of(side, rank)].orders
    }

    fn drop(&mut self, side: usize, rank: u64, _slot: u32) -> u64 {
        let place = place_of(side, rank);
        let left = self.levels[side][place].drop();
        if left == 0 && place == self.best[side] {
            let onwards = self.levels[side][place..].iter();
            let skipped = onwards.take_while(|level| level.orders == 0).count();
            self.best[side] = place + skipped;
        }
        left
    }
}

/// Which places are occupied: three layers of words, each bit of one tells whether a word of the next is not 0.
struct Bitmap {
    layers: [Vec<u64>; 3],
}

impl Bitmap {
    fn new() -> Self {
        let words = DOMAIN / 64;
        Bitmap {
            layers: [vec![0; words], vec![0; words / 64], vec![0; words / 4096]],
        }
    }

    fn set(&mut self, place: usize) {
        let mut at = place;
        for layer in &mut self.layers {
            layer[at / 64] |= 1 << (at % 64);
            at /= 64;
        }
    }

    fn clear(&mut self, place: usize) {
        let mut at = place;
        for layer in &mut self.layers {
            layer[at / 64] &= !(1 << (at % 64));
            if layer[at / 64] != 0 {
                break;
            }
            at /= 64;
        }
    }

    fn first(&self) -> Option<usize> {
        let top = self.layers[2].iter().position(|&word| word != 0)?;
        let mut at = top;
        for layer in self.layers.iter().rev() {
            at = at * 64 + layer[at].trailing_zeros() as usize;
        }
        Some(at)
    }
}

/// A place for every price, and a bitmap to find the best.
struct FlatBitmap {
    levels: [Vec<LevelData>; 2],
    bitmaps: [Bitmap; 2],
}

impl FlatBitmap {
    fn new() -> Self {
        FlatBitmap {
            levels: [(); 2].map(|()| vec![LevelData::default(); DOMAIN]),
            bitmaps: [(); 2].map(|()| Bitmap::new()),
        }
    }
}

impl LevelStore for FlatBitmap {
    fn best(&self, side: usize) -> Option<u64> {
        self.bitmaps[side].first().map(|place| rank_of(side, place))
    }

    fn add(&mut self, side: usize, rank: u64, _slot: u32) -> u64 {
        let place = place_of(side, rank);
        let orders = self.levels[side][place].add();
        if orders == 1 {
            self.bitmaps[side].set(place);
        }
        orders
    }

    fn touch(&mut self, side: usize, rank: u64, _slot: u32) -> u64 {
        self.levels[side][place_of(side, rank)].orders
    }

    fn drop(&mut self, side: usize, rank: u64, _slot: u32) -> u64 {
        let place = place_of(side, rank);
        let left = self.levels[side][place].drop();
        if left == 0 {
            self.bitmaps[side].clear(place);
        }
        left
    }
}

/// A hash map from prices to levels in a slab, each slot's level beside it, and a bitmap to find the best.
struct HashBitmap {
    by_rank: [HashMap<u64, u32>; 2],
    levels: Vec<LevelData>,
    free: Vec<u32>,
    of_slot: Vec<u32>,
    bitmaps: [Bitmap; 2],
}

impl HashBitmap {
    fn new() -> Self {
        HashBitmap {
            by_rank: Default::default(),
            levels: Vec::new(),
            free: Vec::new(),
            of_slot: vec![0; CAPACITY],
            bitmaps: [(); 2].map(|()| Bitmap::new()),
        }
    }
}

impl LevelStore for HashBitmap {
    fn best(&self, side: usize) -> Option<u64> {
        self.bitmaps[side].first().map(|place| rank_of(side, place))
    }

    fn add(&mut self, side: usize, rank: u64, slot: u32) -> u64 {
        let HashBitmap {
            by_rank,
            levels,
            free,
            bitmaps,
            ..
        } = self;
        let level = *by_rank[side].entry(rank).or_insert_with(|| {
            bitmaps[side].set(place_of(side, rank));
            free.pop().unwrap_or_else(|| {
                levels.push(LevelData::default());
                levels.len() as u32 - 1
            })
        });
        self.of_slot[slot as usize] = level;
        self.levels[level as usize].add()
    }

    fn touch(&mut self, _side: usize, _rank: u64, slot: u32) -> u64 {
        self.levels[self.of_slot[slot as usize] as usize].orders
    }

    fn drop(&mut self, side: usize, rank: u64, slot: u32) -> u64 {
        let level = self.of_slot[slot as usize];
        let left = self.levels[level as usize].drop();
        if left == 0 {
            self.free.push(level);
            self.by_rank[side].remove(&rank);
            self.bitmaps[side].clear(place_of(side, rank));
        }
        left
    }
}

#[inline]
fn apply<S: LevelStore>(store: &mut S, access: &LevelAccess) -> u64 {
    let side = usize::from(access.side);
    match access.kind {
        LevelAccessKind::Add => store.add(side, access.rank, access.slot),
        LevelAccessKind::Touch => store.touch(side, access.rank, access.slot),
        LevelAccessKind::Drop => store.drop(side, access.rank, access.slot),
        LevelAccessKind::Best => store.best(side).unwrap_or(7),
    }
}

/// Every candidate on these accesses.
pub fn outcomes(accesses: &[LevelAccess]) -> Vec<Outcome> {
    vec![
        replay(
            "the ladder's levels: pages of 64 prices in a trie, cache of pages",
            accesses,
            || LadderLevels::new(CAPACITY),
            apply,
        ),
        replay("`BTreeMap`", accesses, Tree::default, apply),
        replay(
            "sorted vector, best last, binary search",
            accesses,
            Sorted::default,
            apply,
        ),
        replay(
            "array by price, search for the next best (needs a known domain)",
            accesses,
            Flat::new,
            apply,
        ),
        replay(
            "array by price and bitmap (needs a known domain)",
            accesses,
            FlatBitmap::new,
            apply,
        ),
        replay(
            "`HashMap` and bitmap (bitmap needs a known domain)",
            accesses,
            HashBitmap::new,
            apply,
        ),
    ]
}
