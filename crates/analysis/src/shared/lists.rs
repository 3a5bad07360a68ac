//! Ordered lists of keys: looked up, changed, walked over.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use crossbeam_skiplist::SkipMap;
use proofbook_books::skiplist::{LockFreeSkipList, SkipListConfig, SkipListHandle};
use proofbook_workload::Random;

use super::{own, peer, Contestant, Entry};

/// Keys of a walk.
const WALK: usize = 10;

/// An ordered list of keys that several threads use.
trait List: Sync + 'static {
    /// What a thread holds to use it.
    type Handle<'a>;
    /// So many keys that are always there: even numbers. Odd ones come and go.
    fn filled(keys: u64) -> Self;
    /// A thread comes.
    fn handle(&self) -> Self::Handle<'_>;
    /// Whether a key is there.
    fn has(handle: &Self::Handle<'_>, key: u64) -> bool;
    /// Puts a key in and takes it out.
    fn in_and_out(handle: &Self::Handle<'_>, key: u64);
    /// The sum of some keys, in order from one on.
    fn walk(handle: &Self::Handle<'_>, from: u64) -> u64;
}

/// The standard library's tree, behind a lock that readers share.
struct Tree(RwLock<BTreeMap<u64, u64>>);

impl List for Tree {
    type Handle<'a> = &'a Tree;

    fn filled(keys: u64) -> Self {
        Tree(RwLock::new((0..keys).map(|key| (2 * key, key)).collect()))
    }

    fn handle(&self) -> &Tree {
        self
    }

    fn has(tree: &&Tree, key: u64) -> bool {
        let tree = tree.0.read().unwrap_or_else(PoisonError::into_inner);
        tree.contains_key(&key)
    }

    fn in_and_out(tree: &&Tree, key: u64) {
        let write = || tree.0.write().unwrap_or_else(PoisonError::into_inner);
        write().insert(key, key);
        write().remove(&key);
    }

    fn walk(tree: &&Tree, from: u64) -> u64 {
        let tree = tree.0.read().unwrap_or_else(PoisonError::into_inner);
        let keys = tree.range((Bound::Included(from), Bound::Unbounded));
        keys.take(WALK).map(|(key, _)| key).sum()
    }
}

impl List for SkipMap<u64, u64> {
    type Handle<'a> = &'a SkipMap<u64, u64>;

    fn filled(keys: u64) -> Self {
        (0..keys).map(|key| (2 * key, key)).collect()
    }

    fn handle(&self) -> &Self {
        self
    }

    fn has(map: &&Self, key: u64) -> bool {
        map.contains_key(&key)
    }

    fn in_and_out(map: &&Self, key: u64) {
        map.insert(key, key);
        map.remove(&key);
    }

    fn walk(map: &&Self, from: u64) -> u64 {
        let keys = map.range((Bound::Included(from), Bound::Unbounded));
        keys.take(WALK).map(|entry| *entry.key()).sum()
    }
}

impl List for LockFreeSkipList<u64> {
    type Handle<'a> = SkipListHandle<'a, u64>;

    fn filled(keys: u64) -> Self {
        let list =
            LockFreeSkipList::new(SkipListConfig::default()).expect("the defaults are valid");
        let handle = list.handle().expect("the first thread has room");
        for key in 0..keys {
            let is_new = handle
                .insert(2 * key, key)
                .expect("there is room for all keys");
            assert!(is_new, "keys are different");
        }
        drop(handle);
        list
    }

    fn handle(&self) -> SkipListHandle<'_, u64> {
        LockFreeSkipList::handle(self).expect("there is room for each thread")
    }

    fn has(handle: &SkipListHandle<'_, u64>, key: u64) -> bool {
        handle.contains(key)
    }

    fn in_and_out(handle: &SkipListHandle<'_, u64>, key: u64) {
        // A list that waits for a pinned thread may refuse; then the operation is this refusal.
        black_box(handle.insert(key, key).is_ok());
        black_box(handle.remove(key).is_ok());
    }

    fn walk(handle: &SkipListHandle<'_, u64>, from: u64) -> u64 {
        handle.range(from).take(WALK).map(|(key, _)| key).sum()
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
    keys: u64,
    deed: Deed,
}

impl<L: List> Contestant for Listing<L> {
    type Own<'a> = (L::Handle<'a>, Random);

    fn enter(&self, thread: usize) -> Self::Own<'_> {
        (self.list.handle(), Random::new(thread as u64))
    }

    #[inline]
    fn once<'a>(&'a self, (handle, random): &mut Self::Own<'a>, _turn: u64) {
        let key = 2 * random.below(self.keys);
        match self.deed {
            Deed::Get => {
                black_box(L::has(handle, key));
            }
            Deed::InsertAndRemove => L::in_and_out(handle, key + 1),
            Deed::Walk => {
                black_box(L::walk(handle, key));
            }
        }
    }
}

fn listing<L: List>(deed: Deed, keys: u64) -> Listing<L> {
    Listing {
        list: L::filled(keys),
        keys,
        deed,
    }
}

fn entries(deed: Deed, keys: u64) -> Vec<Entry> {
    let ours = listing::<LockFreeSkipList<u64>>(deed, keys);
    vec![
        peer("BTreeMap, read-write lock", listing::<Tree>(deed, keys)),
        peer(
            "crossbeam-skiplist",
            listing::<SkipMap<u64, u64>>(deed, keys),
        ),
        own("LockFreeSkipList", ours),
    ]
}

pub fn gets(keys: u64) -> Vec<Entry> {
    entries(Deed::Get, keys)
}

pub fn inserts(keys: u64) -> Vec<Entry> {
    entries(Deed::InsertAndRemove, keys)
}

pub fn walks(keys: u64) -> Vec<Entry> {
    entries(Deed::Walk, keys)
}
