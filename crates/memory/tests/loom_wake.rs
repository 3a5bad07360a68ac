//! Models of sleeping and waking: every order in which callers hand things over and call, while the sleeper looks and sleeps again. Where one of
//! them is left lying, everybody sleeps, which loom reports as a deadlock.

#![cfg(loom)]
#![allow(clippy::unwrap_used)]

mod modelled;

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::{Arc, Notify};
use modelled::{model, model_of_three, Thing};
use proofbook_memory::queue::LockFreeQueue;
use proofbook_memory::wake::{WaitFlag, WakeFlag};

/// A sleeper with a queue, as the gateway's reactor is one.
struct Called {
    queue: LockFreeQueue<u32>,
    flag: WakeFlag,
    /// What wakes: it remembers a waking that comes before the sleep.
    event: Notify,
}

impl Called {
    fn new() -> Arc<Self> {
        Arc::new(Called {
            queue: LockFreeQueue::with_capacity(2).unwrap(),
            flag: WakeFlag::default(),
            event: Notify::new(),
        })
    }

    fn submit(&self, value: u32) {
        self.queue.push(value).unwrap();
        if self.flag.call() {
            self.event.notify();
        }
    }

    /// Sleeps, and looks when it is woken, until it has two things.
    fn take_two(&self) {
        let mut found = Vec::new();
        while found.len() < 2 {
            self.event.wait();
            self.flag.end();
            found.extend(std::iter::from_fn(|| self.queue.pop()));
        }
        found.sort_unstable();
        assert_eq!(found, [1, 2]);
    }
}

#[test]
fn nothing_that_one_caller_submits_is_left_lying() {
    model(3, |roles| {
        let sleeper = Called::new();
        let caller = Arc::clone(&sleeper);
        roles.two(
            move || (1..=2).for_each(|value| caller.submit(value)),
            move || sleeper.take_two(),
        );
    });
}

#[test]
fn nothing_that_two_callers_submit_is_left_lying() {
    model_of_three(2, |roles| {
        let sleeper = Called::new();
        let (one, other) = (Arc::clone(&sleeper), Arc::clone(&sleeper));
        roles.three(
            move || one.submit(1),
            move || other.submit(2),
            move || sleeper.take_two(),
        );
    });
}

/// Somebody who waits for a number, as those do who follow the gateway's log.
struct Waited {
    number: AtomicU32,
    flag: WaitFlag,
    event: Notify,
    /// What the waiter says of itself before it waits for the first time.
    waiter: Thing,
}

#[test]
fn whoever_waits_sees_the_last_number() {
    model(4, |roles| {
        let waited = Arc::new(Waited {
            number: AtomicU32::new(0),
            flag: WaitFlag::default(),
            event: Notify::new(),
            waiter: Thing::unborn(),
        });
        let publisher = Arc::clone(&waited);
        roles.two(
            move || {
                for number in 1..=2 {
                    publisher.number.store(number, Ordering::Release);
                    if publisher.flag.take() {
                        publisher.waiter.assert_alive();
                        publisher.event.notify();
                    }
                }
            },
            move || {
                waited.waiter.bear();
                for seen in 0..2 {
                    loop {
                        waited.flag.announce();
                        if waited.number.load(Ordering::Acquire) > seen {
                            break;
                        }
                        waited.event.wait();
                    }
                }
            },
        );
    });
}
