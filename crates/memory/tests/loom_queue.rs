//! Models of the queues: every order in which two or three threads can push and pop, around the end of the ring too.

#![cfg(loom)]
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod modelled;

use loom::sync::Arc;
use loom::thread;
use modelled::model;
use proofbook_memory::queue::{ring, LockFreeQueue};

/// A queue of two whose positions have gone round, with these values in it.
fn queue(rounds: u32, values: &[u32]) -> Arc<LockFreeQueue<u32>> {
    let queue = LockFreeQueue::with_capacity(2).unwrap();
    for round in 0..rounds {
        queue.push(round).unwrap();
        queue.pop().unwrap();
    }
    values.iter().for_each(|value| queue.push(*value).unwrap());
    Arc::new(queue)
}

fn rest(queue: &LockFreeQueue<u32>) -> Vec<u32> {
    std::iter::from_fn(|| queue.pop()).collect()
}

#[test]
fn two_pushes_both_arrive() {
    model(3, || {
        let queue = queue(1, &[]);
        let other = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.push(1).unwrap()
        });
        queue.push(2).unwrap();
        other.join().unwrap();
        let mut found = rest(&queue);
        found.sort_unstable();
        assert_eq!(found, [1, 2]);
    });
}

#[test]
fn a_pop_finds_the_whole_value_or_none() {
    model(3, || {
        let queue = queue(0, &[]);
        let other = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.push(7).unwrap()
        });
        let found = queue.pop();
        other.join().unwrap();
        assert_eq!(found.or_else(|| queue.pop()), Some(7));
        assert_eq!(queue.pop(), None);
    });
}

#[test]
fn a_push_into_a_full_queue_takes_the_place_that_a_pop_left_or_is_refused() {
    model(3, || {
        let queue = queue(1, &[1, 2]);
        let other = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.pop()
        });
        let pushed = queue.push(3);
        assert_eq!(other.join().unwrap(), Some(1));
        let expected: &[u32] = if pushed.is_ok() { &[2, 3] } else { &[2] };
        assert_eq!(rest(&queue), expected);
    });
}

#[test]
fn two_pops_take_different_values() {
    model(3, || {
        let queue = queue(1, &[1, 2]);
        let other = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.pop().unwrap()
        });
        let mine = queue.pop().unwrap();
        assert_eq!(mine + other.join().unwrap(), 3);
        assert_eq!(queue.pop(), None);
    });
}

#[test]
fn a_batch_and_a_pop_share_the_values_in_order() {
    model(3, || {
        let queue = queue(1, &[1, 2]);
        let other = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.pop()
        });
        let mut mine = Vec::new();
        let count = queue.pop_each(2, |value| mine.push(value));
        assert_eq!(count, mine.len());
        let all = match other.join().unwrap() {
            None => mine.clone(),
            Some(1) => [&[1], &mine[..]].concat(),
            Some(last) => [&mine[..], &[last]].concat(),
        };
        assert_eq!(all, [1, 2]);
    });
}

/// Two producers and a consumer, more values than slots: each slot is used in two rounds.
#[test]
fn slots_are_used_again_by_other_threads() {
    model(2, || {
        let queue = queue(0, &[10, 20]);
        let producers: Vec<_> = (1..=2)
            .map(|value| {
                let queue = Arc::clone(&queue);
                thread::spawn(move || queue.push(value).is_ok())
            })
            .collect();
        let mut found = vec![queue.pop().unwrap(), queue.pop().unwrap()];
        assert_eq!(found, [10, 20]);
        let pushed: u32 = (1..=2)
            .zip(producers)
            .map(|(value, producer)| if producer.join().unwrap() { value } else { 0 })
            .sum();
        found = rest(&queue);
        assert_eq!(found.iter().sum::<u32>(), pushed);
    });
}

#[test]
fn a_ring_gives_values_in_order_around_its_end() {
    model(3, || {
        let (mut sender, mut receiver) = ring::channel(2).unwrap();
        let other = thread::spawn(move || {
            let mut pushed = 0;
            for value in 1..=4 {
                if sender.push(value).is_err() {
                    break;
                }
                pushed = value;
            }
            pushed
        });
        let mut found = Vec::new();
        for _ in 0..3 {
            found.extend(receiver.pop());
        }
        let pushed = other.join().unwrap();
        found.extend(std::iter::from_fn(|| receiver.pop()));
        assert!(pushed >= 2);
        assert_eq!(found, (1..=pushed).collect::<Vec<_>>());
    });
}

#[test]
fn a_ring_passes_batches_and_drops_what_is_left() {
    model(3, || {
        let (mut sender, mut receiver) = ring::channel(2).unwrap();
        let alive = Arc::new(());
        let values = |count| {
            std::iter::repeat_n(Arc::clone(&alive), count)
                .collect::<Vec<_>>()
                .into_iter()
        };
        assert_eq!(sender.push_each(&mut values(2)), 2);
        let mut more = values(2);
        let other = thread::spawn(move || sender.push_each(&mut more));
        let taken = receiver.pop_each(4, drop);
        assert!(taken >= 2);
        let pushed = other.join().unwrap();
        assert!(pushed <= 2);
        drop(receiver);
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

#[test]
fn a_ring_that_is_closed_holds_all_that_was_pushed() {
    model(3, || {
        let (mut sender, mut receiver) = ring::channel(2).unwrap();
        let other = thread::spawn(move || sender.push(1).unwrap());
        if receiver.is_closed() {
            assert_eq!(receiver.pop(), Some(1));
        }
        other.join().unwrap();
    });
}
