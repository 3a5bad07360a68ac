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

mod modelled;

use modelled::{config, get, insert, model, pop, remove, List, Run, PREEMPTIONS, SHORT, TALL};

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
