//! Models of the skip list: every order in which a few threads can act, and every value that the memory model lets them read.
//!
//! The lists are small and at most two levels high. Whatever a model's threads do, the list must be whole afterwards: all that is left in it on the
//! right levels, in order, unmarked, and no node neither in it nor retired. Keys and values lie in cells that loom watches, so that any use of
//! a node that is freed, or is freed by two, fails too.
//!
//! In each model what changes the list comes first, and what only reads it last: loom forgets a load where the other thread loads the same word before
//! it changes it, and would not try the change before the load.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p proofbook-books --test loom_skiplist`.
#![cfg(loom)]

use loom::model::Builder;
use proofbook_books::skiplist::{SkipListConfig, SkipListHandle};
use proofbook_books::LockFreeSkipList;
use proofbook_memory::epoch::StallPolicy;
use proofbook_memory::sync::{thread, Arc, UnsafeCell};

/// How often threads are interrupted at most, where trying everything would take too long.
const PREEMPTIONS: usize = 3;

type List = LockFreeSkipList<u32>;
type Handle = SkipListHandle<'static, u32>;

fn config() -> SkipListConfig {
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

fn model(preemptions: usize, body: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 10_000;
    builder.check(body);
}

/// A list that outlives the threads of one run of a model.
struct Run {
    list: *mut List,
}

impl Run {
    /// A list with these keys.
    fn with(keys: &[u64]) -> Self {
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
    fn handle(&self) -> Handle {
        // SAFETY: the list lives until `finish`, which is called when the threads have given their handles back.
        let list: &'static List = unsafe { &*self.list };
        list.handle().expect("four can have one")
    }

    /// Runs these at once and gives what they give.
    fn threads<R: 'static, const N: usize>(&self, bodies: [fn(&Handle) -> R; N]) -> [R; N] {
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
    fn finish(self) -> Vec<u64> {
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
struct Moved(Handle);

/// Keys whose nodes have one level.
const SHORT: [u64; 3] = [10, 15, 22];
/// Keys whose nodes have two levels, below, between and above those.
const TALL: [u64; 3] = [9, 19, 24];

fn insert(handle: &Handle, key: u64) -> bool {
    handle.insert(key, key as u32).expect("there is room")
}

fn remove(handle: &Handle, key: u64) -> bool {
    let removed = handle.remove(key).expect("there is room");
    removed.is_some_and(|value| {
        assert_eq!(u64::from(value), key);
        true
    })
}

fn pop(handle: &Handle) -> Option<u64> {
    let popped = handle.pop_first().expect("there is room");
    popped.map(|(key, value)| {
        assert_eq!(u64::from(value), key);
        key
    })
}

fn get(handle: &Handle, key: u64) -> bool {
    handle.get(key).is_some_and(|value| {
        assert_eq!(u64::from(value), key);
        true
    })
}

#[test]
fn heights_are_what_the_models_say() {
    model(0, || {
        let list = List::new(config()).expect("a small list");
        assert_eq!(SHORT.map(|key| list.height_of(key)), [1; 3]);
        assert_eq!(TALL.map(|key| list.height_of(key)), [2; 3]);
    });
}

/// One of two insertions of the same key wins; the other node is given back.
#[test]
fn insert_and_insert_of_the_same_key() {
    model(PREEMPTIONS, || {
        let run = Run::with(&[]);
        let inserted = run.threads([
            |handle| insert(handle, TALL[1]) && get(handle, TALL[1]),
            |handle| insert(handle, TALL[1]) && get(handle, TALL[1]),
        ]);
        assert_ne!(inserted[0], inserted[1], "one is the first");
        assert_eq!(run.finish(), [TALL[1]]);
    });
}

/// Neighbours inserted at once at the same place, on two levels.
#[test]
fn insert_and_insert_of_different_keys() {
    model(PREEMPTIONS, || {
        let run = Run::with(&[]);
        let inserted = run.threads([
            |handle| insert(handle, TALL[0]),
            |handle| insert(handle, TALL[1]) && get(handle, TALL[1]),
        ]);
        assert_eq!(inserted, [true, true]);
        assert_eq!(run.finish(), [TALL[0], TALL[1]]);
    });
}

/// The same behind a node that stays: each search may have to go over the other's node.
#[test]
fn insert_and_insert_behind_another() {
    model(PREEMPTIONS, || {
        let run = Run::with(&[SHORT[0]]);
        let inserted = run.threads([
            |handle| insert(handle, SHORT[1]),
            |handle| insert(handle, SHORT[2]),
        ]);
        assert_eq!(inserted, [true, true]);
        assert_eq!(run.finish(), SHORT);
    });
}

/// A third thread comes to the new node over the link that the removal of the one before it has set.
#[test]
fn insert_behind_a_node_that_is_removed_and_get() {
    model(PREEMPTIONS - 1, || {
        let run = Run::with(&[SHORT[0]]);
        let done = run.threads([
            |handle| insert(handle, SHORT[1]),
            |handle| remove(handle, SHORT[0]),
            |handle| {
                get(handle, SHORT[1]);
                true
            },
        ]);
        assert_eq!(done, [true; 3]);
        assert_eq!(run.finish(), [SHORT[1]]);
    });
}

/// The same on the upper level.
#[test]
fn insert_behind_a_tall_node_that_is_removed_and_get() {
    model(1, || {
        let run = Run::with(&[TALL[0]]);
        let done = run.threads([
            |handle| remove(handle, TALL[0]),
            |handle| insert(handle, TALL[1]),
            |handle| {
                get(handle, TALL[1]);
                true
            },
        ]);
        assert_eq!(done, [true; 3]);
        assert_eq!(run.finish(), [TALL[1]]);
    });
}

/// Who removes a node comes to a new one over the link of the upper level that it has set itself. Between both stands a short node, so that the remover
/// learns of the new one on that level alone.
#[test]
fn insert_tall_behind_a_short_behind_a_tall_node_that_is_removed() {
    model(PREEMPTIONS - 1, || {
        let run = Run::with(&[TALL[0], SHORT[0]]);
        let done = run.threads([
            |handle| {
                // One pin for both, whose fence would order what the removal has read with what follows it.
                let _pinned = handle.iter();
                let is_removed = remove(handle, TALL[0]);
                get(handle, TALL[1]);
                is_removed
            },
            |handle| insert(handle, TALL[1]),
        ]);
        assert_eq!(done, [true; 2]);
        assert_eq!(run.finish(), [SHORT[0], TALL[1]]);
    });
}

/// A search that is about to unlink a removed node finds that it is unlinked already, and another node in its place, which it goes on to.
#[test]
fn insert_over_a_removed_node_in_whose_place_another_comes() {
    model(PREEMPTIONS, || {
        let run = Run::with(&[SHORT[1]]);
        let done = run.threads([
            |handle| remove(handle, SHORT[1]) && insert(handle, SHORT[0]),
            |handle| insert(handle, SHORT[2]),
        ]);
        assert_eq!(done, [true, true]);
        assert_eq!(run.finish(), [SHORT[0], SHORT[2]]);
    });
}

/// The same with a pop in place of the removal.
#[test]
fn insert_behind_a_node_that_is_popped_and_get() {
    model(PREEMPTIONS - 1, || {
        let run = Run::with(&[SHORT[0]]);
        let done = run.threads([
            |handle| insert(handle, SHORT[1]),
            |handle| pop(handle) == Some(SHORT[0]),
            |handle| {
                get(handle, SHORT[1]);
                true
            },
        ]);
        assert_eq!(done, [true; 3]);
        assert_eq!(run.finish(), [SHORT[1]]);
    });
}

/// A key inserted right behind one that is being removed is not lost: what a mark beside the link would allow.
#[test]
fn insert_behind_a_node_that_is_removed() {
    model(PREEMPTIONS, || {
        let run = Run::with(&[TALL[0]]);
        let done = run.threads([
            |handle| insert(handle, TALL[1]) && get(handle, TALL[1]),
            |handle| remove(handle, TALL[0]),
        ]);
        assert_eq!(done, [true, true]);
        assert_eq!(run.finish(), [TALL[1]]);
    });
}

/// Neighbours removed at once: the second one's node before it is going too.
#[test]
fn remove_and_remove_of_neighbours() {
    model(PREEMPTIONS, || {
        let run = Run::with(&[TALL[0], TALL[1]]);
        let removed = run.threads([
            |handle| remove(handle, TALL[0]),
            |handle| remove(handle, TALL[1]),
        ]);
        assert_eq!(removed, [true, true]);
        assert_eq!(run.finish(), []);
    });
}

/// A node removed while its inserter still links it to the upper level: it must not stay linked there, and is retired once.
#[test]
fn insert_and_remove_of_the_same_key() {
    model(PREEMPTIONS, || {
        let run = Run::with(&[]);
        let done = run.threads([
            |handle| insert(handle, TALL[1]),
            |handle| remove(handle, TALL[1]),
        ]);
        assert!(done[0]);
        let left = run.finish();
        assert_eq!(left.is_empty(), done[1], "removed: {}", done[1]);
    });
}

/// Who inserted a key removes it from where it was linked, while nodes come before and behind it and the one before goes.
#[test]
fn insert_and_remove_at_once_beside_neighbours() {
    model(PREEMPTIONS - 1, || {
        let run = Run::with(&[TALL[0]]);
        let done = run.threads([
            |handle| insert(handle, TALL[1]) && remove(handle, TALL[1]),
            |handle| insert(handle, SHORT[1]) && remove(handle, TALL[0]),
        ]);
        assert_eq!(done, [true, true]);
        assert_eq!(run.finish(), [SHORT[1]]);
    });
}

/// The same while another removes the key too and inserts it anew: the node that was inserted is not the one that is there.
#[test]
fn insert_and_remove_at_once_beside_a_removal_and_an_insertion_anew() {
    model(PREEMPTIONS - 1, || {
        let run = Run::with(&[]);
        let done = run.threads([
            |handle| [insert(handle, TALL[1]), remove(handle, TALL[1])],
            |handle| [remove(handle, TALL[1]), insert(handle, TALL[1])],
        ]);
        let count = |index: usize| usize::from(done[0][index]) + usize::from(done[1][1 - index]);
        let left = run.finish();
        assert_eq!(count(0) - count(1), left.len(), "{done:?}");
    });
}

/// One of two removals of the same node is the remover, which alone retires it.
#[test]
fn remove_and_remove_of_the_same_key() {
    model(PREEMPTIONS, || {
        let run = Run::with(&[TALL[1]]);
        // Whoever comes second does not find the key any more, be its node still linked.
        let removed = run.threads([
            |handle| remove(handle, TALL[1]) || get(handle, TALL[1]),
            |handle| remove(handle, TALL[1]) || get(handle, TALL[1]),
        ]);
        assert_ne!(removed[0], removed[1], "one removed it");
        assert_eq!(run.finish(), []);
    });
}

/// A key inserted anew while the node that had it is still linked on the upper level: the old one must not be left behind the new one there.
#[test]
fn insert_anew_beside_a_removal() {
    model(PREEMPTIONS, || {
        let run = Run::with(&[TALL[1]]);
        let done = run.threads([
            |handle| remove(handle, TALL[1]),
            |handle| insert(handle, TALL[1]),
        ]);
        assert!(done[0]);
        let left = run.finish();
        assert_eq!(!left.is_empty(), done[1], "inserted: {}", done[1]);
    });
}

/// A third thread comes to a node over the link that a search has set, which unlinked the one before it. The search changes nothing else, which the third
/// could see first.
#[test]
fn search_over_a_removed_node_and_get() {
    model(PREEMPTIONS - 1, || {
        let run = Run::with(&[SHORT[0]]);
        let done = run.threads([
            |handle| {
                // One pin for both, whose fence orders nothing that they do.
                let _pinned = handle.iter();
                insert(handle, SHORT[1]) && remove(handle, SHORT[0])
            },
            |handle| !remove(handle, SHORT[2]),
            |handle| {
                get(handle, SHORT[1]);
                true
            },
        ]);
        assert_eq!(done, [true; 3]);
        assert_eq!(run.finish(), [SHORT[1]]);
    });
}

/// A key that is removed and inserted anew while another removes it: nodes of one key lie beside each other for a while.
#[test]
fn insert_anew_and_remove() {
    model(PREEMPTIONS - 1, || {
        let run = Run::with(&[TALL[1]]);
        let done = run.threads([
            |handle| [remove(handle, TALL[1]), insert(handle, TALL[1])],
            |handle| [remove(handle, TALL[1]), insert(handle, TALL[1])],
        ]);
        let [[first, _], [second, _]] = done;
        let inserted = done.iter().filter(|done| done[1]).count();
        let removed = usize::from(first) + usize::from(second);
        assert!(inserted >= 1 && 1 + inserted - removed == 1, "{done:?}");
        assert_eq!(run.finish(), [TALL[1]]);
    });
}

/// Two pops take different nodes, in order for each of them.
#[test]
fn pop_and_pop() {
    model(PREEMPTIONS, || {
        let run = Run::with(&[TALL[0], SHORT[0]]);
        let mut popped = run.threads([pop, pop]);
        popped.sort();
        assert_eq!(popped, [Some(TALL[0]), Some(SHORT[0])]);
        assert_eq!(run.finish(), []);
    });
}

/// A pop and a removal of the first node: one of them gets it, and the pop goes on to the next where it is not it.
#[test]
fn pop_and_remove_of_the_first() {
    model(PREEMPTIONS, || {
        let run = Run::with(&[TALL[0], SHORT[0]]);
        let done = run.threads([
            |handle| pop(handle),
            |handle| remove(handle, TALL[0]).then_some(TALL[0]),
        ]);
        let left = run.finish();
        match done[1] {
            Some(_) => assert!(done[0] == Some(SHORT[0]) && left.is_empty(), "{done:?}"),
            None => assert!(done[0] == Some(TALL[0]) && left == [SHORT[0]], "{done:?}"),
        }
    });
}

/// A pop that takes the node which it saw first would pass over one inserted before it, although the node was still seen after that.
#[test]
fn pop_and_insert_at_the_front() {
    model(PREEMPTIONS, || {
        let run = Run::with(&[TALL[1]]);
        let seen = run.threads([
            |handle| (pop(handle), false),
            |handle| {
                assert!(insert(handle, SHORT[0]));
                (None, get(handle, TALL[1]))
            },
        ]);
        let (popped, was_there) = (seen[0].0, seen[1].1);
        let left = run.finish();
        if popped == Some(TALL[1]) {
            assert!(!was_there, "a lower key was there before");
            assert_eq!(left, [SHORT[0]]);
        } else {
            assert_eq!((popped, left), (Some(SHORT[0]), vec![TALL[1]]));
        }
    });
}

/// What one thread writes before a call, and others read that have seen what the call did.
struct Written(UnsafeCell<u32>);

// SAFETY: that nobody reads it while it is written is what the models check.
unsafe impl Sync for Written {}
// SAFETY: as above.
unsafe impl Send for Written {}

/// One thread writes and changes the list, the other reads where it has seen the change.
fn published(
    keys: &[u64],
    change: impl Fn(&Handle),
    is_seen: impl Fn(&Handle) -> bool + Send + 'static,
) {
    let run = Run::with(keys);
    let written = Arc::new(Written(UnsafeCell::new(0)));
    let handle = run.handle();
    let reader = {
        let written = Arc::clone(&written);
        thread::spawn(move || {
            if is_seen(&handle) {
                // SAFETY: it was written before the change.
                assert_eq!(written.0.with(|value| unsafe { *value }), 7);
            }
            Moved(handle)
        })
    };
    let handle = run.handle();
    // Pinned before: to loom, all that came before one thread's fence comes before what follows a later one of another.
    let pinned = handle.iter();
    // SAFETY: nobody reads it before the change is seen.
    written.0.with_mut(|value| unsafe { *value = 7 });
    change(&handle);
    drop(pinned);
    drop(reader.join().expect("the thread ends"));
    drop(handle);
    run.finish();
}

#[test]
fn who_finds_a_key_sees_what_came_before_its_insertion() {
    model(PREEMPTIONS, || {
        published(
            &[],
            |handle| assert!(insert(handle, TALL[0])),
            |handle| get(handle, TALL[0]),
        );
    });
}

#[test]
fn who_finds_no_key_sees_what_came_before_its_removal() {
    model(PREEMPTIONS, || {
        published(
            &[TALL[0]],
            |handle| assert!(remove(handle, TALL[0])),
            |handle| !get(handle, TALL[0]),
        );
    });
}

/// The writer may be the slower of two removers.
#[test]
fn who_removes_nothing_sees_what_came_before_the_removal() {
    model(PREEMPTIONS, || {
        published(
            &[SHORT[0]],
            |handle| {
                remove(handle, SHORT[0]);
            },
            |handle| !remove(handle, SHORT[0]),
        );
    });
}

/// The reader may have ended the pop itself.
#[test]
fn who_removes_nothing_sees_what_came_before_the_pop() {
    model(PREEMPTIONS, || {
        published(
            &[SHORT[0]],
            |handle| {
                pop(handle);
            },
            |handle| !remove(handle, SHORT[0]),
        );
    });
}

/// The first key beside an insertion before it.
#[test]
fn first_and_insert_at_the_front() {
    model(PREEMPTIONS, || {
        let run = Run::with(&[SHORT[1]]);
        let seen = run.threads([
            |handle| insert(handle, SHORT[0]).then_some(SHORT[0]),
            |handle| handle.first().map(|(key, _)| key),
        ]);
        assert!(seen[1] == Some(SHORT[0]) || seen[1] == Some(SHORT[1]));
        assert_eq!(run.finish(), [SHORT[0], SHORT[1]]);
    });
}

/// An iteration beside an insertion behind the node on which it stands.
#[test]
fn iterate_and_insert() {
    model(PREEMPTIONS, || {
        let run = Run::with(&[TALL[0]]);
        let seen = run.threads([
            |handle| {
                assert!(insert(handle, SHORT[0]));
                Vec::new()
            },
            |handle| handle.iter().map(|(key, _)| key).collect::<Vec<_>>(),
        ]);
        let all = [TALL[0], SHORT[0]];
        assert!(seen[1] == all || seen[1] == all[..1], "{seen:?}");
        assert_eq!(run.finish(), all);
    });
}

/// An iteration beside a removal gives what was there all the time, in order, and nothing that was freed.
#[test]
fn iterate_and_remove() {
    model(PREEMPTIONS - 1, || {
        let run = Run::with(&[TALL[0], SHORT[0], TALL[1]]);
        let seen = run.threads([
            |handle| {
                assert!(remove(handle, SHORT[0]));
                handle.collect();
                assert!(remove(handle, TALL[0]));
                handle.collect();
                Vec::new()
            },
            |handle| handle.iter().map(|(key, _)| key).collect::<Vec<_>>(),
        ]);
        let seen = &seen[1];
        assert!(seen.is_sorted() && seen.contains(&TALL[1]), "{seen:?}");
        // The lower one was removed last.
        assert!(
            seen.contains(&TALL[0]) || !seen.contains(&SHORT[0]),
            "{seen:?}"
        );
        assert_eq!(run.finish(), [TALL[1]]);
    });
}

/// A search beside a removal and the reuse of the node's memory: it reads nothing of what is freed or written anew.
#[test]
fn get_beside_reuse() {
    model(PREEMPTIONS - 1, || {
        let run = Run::with(&[TALL[0], TALL[1]]);
        let done = run.threads([
            |handle| {
                assert!(remove(handle, TALL[0]));
                handle.collect();
                insert(handle, TALL[2])
            },
            |handle| get(handle, TALL[1]),
        ]);
        assert_eq!(done, [true, true]);
        assert_eq!(run.finish(), [TALL[1], TALL[2]]);
    });
}
