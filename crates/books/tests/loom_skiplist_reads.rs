//! Models of what readers of the skip list see beside its changes. The head of `loom_skiplist.rs` says how these models are made.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p proofbook-books --test loom_skiplist_reads`.
#![cfg(loom)]

mod modelled;

use modelled::{get, insert, model, pop, remove, Handle, Moved, Run, PREEMPTIONS, SHORT, TALL};
use proofbook_memory::sync::{thread, Arc, UnsafeCell};

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
