//! Ordered lists of keys: looked up, changed, walked over.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use crossbeam_skiplist::SkipMap;
use proofbook_workload::Random;

use super::{peer, Contestant, Entry};

/// Keys that are always there: even numbers. Odd ones come and go.
const KEYS: u64 = 10_000;
/// Keys of a walk.
const WALK: usize = 10;

/// An ordered list of keys that several threads use.
trait List: Sync + 'static {
    /// The keys that are always there.
    fn filled() -> Self;
    /// Whether a key is there.
    fn has(&self, key: u64) -> bool;
    /// Puts a key in and takes it out.
    fn in_and_out(&self, key: u64);
    /// The sum of some keys, in order from one on.
    fn walk(&self, from: u64) -> u64;
}

/// The standard library's tree, behind a lock that readers share.
struct Tree(RwLock<BTreeMap<u64, u64>>);

impl List for Tree {
    fn filled() -> Self {
        Tree(RwLock::new((0..KEYS).map(|key| (2 * key, key)).collect()))
    }

    fn has(&self, key: u64) -> bool {
        let tree = self.0.read().unwrap_or_else(PoisonError::into_inner);
        tree.contains_key(&key)
    }

    fn in_and_out(&self, key: u64) {
        let write = || self.0.write().unwrap_or_else(PoisonError::into_inner);
        write().insert(key, key);
        write().remove(&key);
    }

    fn walk(&self, from: u64) -> u64 {
        let tree = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let keys = tree.range((Bound::Included(from), Bound::Unbounded));
        keys.take(WALK).map(|(key, _)| key).sum()
    }
}

impl List for SkipMap<u64, u64> {
    fn filled() -> Self {
        (0..KEYS).map(|key| (2 * key, key)).collect()
    }

    fn has(&self, key: u64) -> bool {
        self.contains_key(&key)
    }

    fn in_and_out(&self, key: u64) {
        self.insert(key, key);
        self.remove(&key);
    }

    fn walk(&self, from: u64) -> u64 {
        let keys = self.range((Bound::Included(from), Bound::Unbounded));
        keys.take(WALK).map(|entry| *entry.key()).sum()
    }
}

/// What is done to a list.
#[derive(Clone, Copy)]
enum Deed {
    Get,
    InsertAndRemove,
    Walk,
}

struct Listing<L> {
    list: L,
    deed: Deed,
}

impl<L: List> Contestant for Listing<L> {
    type Own<'a> = Random;

    fn enter(&self, thread: usize) -> Random {
        Random::new(thread as u64)
    }

    #[inline]
    fn once(&self, random: &mut Random, _turn: u64) {
        let key = 2 * random.below(KEYS);
        match self.deed {
            Deed::Get => {
                black_box(self.list.has(key));
            }
            Deed::InsertAndRemove => self.list.in_and_out(key + 1),
            Deed::Walk => {
                black_box(self.list.walk(key));
            }
        }
    }
}

fn listing<L: List>(deed: Deed) -> Listing<L> {
    Listing {
        list: L::filled(),
        deed,
    }
}

fn entries(deed: Deed) -> Vec<Entry> {
    vec![
        peer("BTreeMap, read-write lock", listing::<Tree>(deed)),
        peer("crossbeam-skiplist", listing::<SkipMap<u64, u64>>(deed)),
    ]
}

pub fn gets(_threads: usize) -> Vec<Entry> {
    entries(Deed::Get)
}

pub fn inserts(_threads: usize) -> Vec<Entry> {
    entries(Deed::InsertAndRemove)
}

pub fn walks(_threads: usize) -> Vec<Entry> {
    entries(Deed::Walk)
}
