//! What models of the skip list share: small lists, the threads that use one, and keys of known heights.
#![allow(dead_code)]

use loom::model::Builder;
use proofbook_books::skiplist::{SkipListConfig, SkipListHandle};
use proofbook_books::LockFreeSkipList;
use proofbook_memory::epoch::StallPolicy;
use proofbook_memory::sync::thread;

/// How often threads are interrupted at most, where trying everything would take too long.
pub const PREEMPTIONS: usize = 3;

pub type List = LockFreeSkipList<u32>;
pub type Handle = SkipListHandle<'static, u32>;

pub fn config() -> SkipListConfig {
    SkipListConfig {
        // Enough for four handles to keep a node of each size ready.
        nodes_max: 16,
        nodes_per_chunk: 8,
        threads_max: 4,
        stall: StallPolicy::Refuse {
            retired_per_thread_max: 8,
        },
        height_max: 2,
        seed: 0,
    }
}

pub fn model(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check(body);
}

/// A list that outlives the threads of one run of a model.
pub struct Run {
    list: *mut List,
}

impl Run {
    /// A list with these keys.
    pub fn with(keys: &[u64]) -> Self {
        let list = List::new(config()).expect("a small list");
        let run = Run {
            list: Box::into_raw(Box::new(list)),
        };
        let handle = run.handle();
        for &key in keys {
            assert!(handle.insert(key, key as u32).expect("there is room"));
        }
        run
    }

    /// Handles are made and dropped outside of the threads, so that models are of the list's calls alone.
    pub fn handle(&self) -> Handle {
        // SAFETY: the list lives until `finish`, which is called when the threads have given their handles back.
        let list: &'static List = unsafe { &*self.list };
        list.handle().expect("four can have one")
    }

    /// Runs these at once and gives what they give.
    pub fn threads<R: 'static, const N: usize>(&self, bodies: [fn(&Handle) -> R; N]) -> [R; N] {
        let mut bodies = bodies.into_iter();
        let here = bodies.next().expect("a model has threads");
        let others: Vec<_> = bodies
            .map(|body| {
                let handle = self.handle();
                thread::spawn(move || {
                    let result = body(&handle);
                    (result, Moved(handle))
                })
            })
            .collect();
        let handle = self.handle();
        let mut results = vec![here(&handle)];
        for other in others {
            let (result, handle) = other.join().expect("the thread ends");
            results.push(result);
            drop(handle.0);
        }
        drop(handle);
        match results.try_into() {
            Ok(results) => results,
            Err(_) => unreachable!("each body gave one result"),
        }
    }

    /// What is left in the list, which must be whole.
    pub fn finish(self) -> Vec<u64> {
        let handle = self.handle();
        let keys = handle.iter().map(|(key, value)| {
            assert_eq!(key, u64::from(value));
            key
        });
        let keys = keys.collect();
        drop(handle);
        // SAFETY: `with` made it, and all handles are gone.
        let mut list = unsafe { Box::from_raw(self.list) };
        list.check().expect("the list is whole");
        keys
    }
}

/// A handle on its way back.
pub struct Moved(pub Handle);

/// Keys whose nodes have one level.
pub const SHORT: [u64; 3] = [10, 15, 22];
/// Keys whose nodes have two levels, below, between and above those.
pub const TALL: [u64; 3] = [9, 19, 24];

pub fn insert(handle: &Handle, key: u64) -> bool {
    handle.insert(key, key as u32).expect("there is room")
}

pub fn remove(handle: &Handle, key: u64) -> bool {
    let removed = handle.remove(key).expect("there is room");
    removed.is_some_and(|value| {
        assert_eq!(u64::from(value), key);
        true
    })
}

pub fn pop(handle: &Handle) -> Option<u64> {
    let popped = handle.pop_first().expect("there is room");
    popped.map(|(key, value)| {
        assert_eq!(u64::from(value), key);
        key
    })
}

pub fn get(handle: &Handle, key: u64) -> bool {
    handle.get(key).is_some_and(|value| {
        assert_eq!(u64::from(value), key);
        true
    })
}
