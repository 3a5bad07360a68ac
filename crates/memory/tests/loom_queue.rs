//! Models of the queues: every order in which two or three threads can push and pop, around the end of the ring too.

#![cfg(loom)]
#![allow(clippy::unwrap_used)]

mod modelled;

use loom::sync::Arc;
use modelled::{model, model_of_three};
use proofbook_memory::queue::{ring, LockFreeQueue};

type Queue = Arc<LockFreeQueue<u32>>;

/// A queue of two whose positions have gone round, with these values in it; for two users and who looks at the end.
fn queue(rounds: u32, values: &[u32]) -> [Queue; 3] {
    let queue = LockFreeQueue::with_capacity(2).unwrap();
    for round in 0..rounds {
        queue.push(round).unwrap();
        queue.pop().unwrap();
    }
    values.iter().for_each(|value| queue.push(*value).unwrap());
    let queue = Arc::new(queue);
    [Arc::clone(&queue), Arc::clone(&queue), queue]
}

fn rest(queue: &LockFreeQueue<u32>) -> Vec<u32> {
    std::iter::from_fn(|| queue.pop()).collect()
}

#[test]
fn two_pushes_both_arrive() {
    model(4, |roles| {
        let [one, other, queue] = queue(1, &[]);
        roles.two(move || one.push(1).unwrap(), move || other.push(2).unwrap());
        let mut found = rest(&queue);
        found.sort_unstable();
        assert_eq!(found, [1, 2]);
    });
}

#[test]
fn a_pop_finds_the_whole_value_or_none() {
    model(4, |roles| {
        let [one, other, queue] = queue(0, &[]);
        let (found, ()) = roles.two(move || one.pop(), move || other.push(7).unwrap());
        assert_eq!(found.or_else(|| queue.pop()), Some(7));
        assert_eq!(queue.pop(), None);
    });
}

#[test]
fn a_push_into_a_full_queue_takes_the_place_that_a_pop_left_or_is_refused() {
    model(4, |roles| {
        let [one, other, queue] = queue(1, &[1, 2]);
        let (found, pushed) = roles.two(move || one.pop(), move || other.push(3).is_ok());
        assert_eq!(found, Some(1));
        let expected: &[u32] = if pushed { &[2, 3] } else { &[2] };
        assert_eq!(rest(&queue), expected);
    });
}

#[test]
fn two_pops_take_different_values() {
    model(4, |roles| {
        let [one, other, queue] = queue(1, &[1, 2]);
        let (mine, theirs) = roles.two(move || one.pop().unwrap(), move || other.pop().unwrap());
        assert_eq!(mine + theirs, 3);
        assert_eq!(queue.pop(), None);
    });
}

#[test]
fn a_batch_and_a_pop_share_the_values_in_order() {
    model(4, |roles| {
        let [one, other, _] = queue(1, &[1, 2]);
        let batch = move || {
            let mut found = Vec::new();
            assert_eq!(one.pop_each(2, |value| found.push(value)), found.len());
            found
        };
        let (batch, single) = roles.two(batch, move || other.pop());
        let all = match single {
            None => batch,
            Some(1) => [&[1], &batch[..]].concat(),
            Some(last) => [&batch[..], &[last]].concat(),
        };
        assert_eq!(all, [1, 2]);
    });
}

/// Two producers and a consumer, more values than slots: each slot is used in two rounds.
#[test]
fn slots_are_used_again_by_other_threads() {
    model_of_three(2, |roles| {
        let [one, other, queue] = queue(0, &[10, 20]);
        let consumer = Arc::clone(&queue);
        let (first, second, found) = roles.three(
            move || one.push(1).is_ok(),
            move || other.push(2).is_ok(),
            move || [consumer.pop().unwrap(), consumer.pop().unwrap()],
        );
        assert_eq!(found, [10, 20]);
        assert_eq!(
            rest(&queue).iter().sum::<u32>(),
            u32::from(first) + 2 * u32::from(second)
        );
    });
}

#[test]
fn a_ring_gives_values_in_order_around_its_end() {
    model(3, |roles| {
        let (mut sender, mut receiver) = ring::channel(2).unwrap();
        let (pushed, (mut found, mut receiver)) = roles.two(
            move || {
                (1..=4)
                    .take_while(|value| sender.push(*value).is_ok())
                    .count()
            },
            move || {
                let found: Vec<usize> = (0..3).filter_map(|_| receiver.pop()).collect();
                (found, receiver)
            },
        );
        found.extend(std::iter::from_fn(|| receiver.pop()));
        assert!(pushed >= 2);
        assert_eq!(found, (1..=pushed).collect::<Vec<_>>());
    });
}

#[test]
fn a_ring_passes_batches_and_drops_what_is_left() {
    model(3, |roles| {
        let (mut sender, mut receiver) = ring::channel(2).unwrap();
        let alive = Arc::new(());
        let values = |count| {
            std::iter::repeat_n(Arc::clone(&alive), count)
                .collect::<Vec<_>>()
                .into_iter()
        };
        assert_eq!(sender.push_each(&mut values(2)), 2);
        let mut more = values(2);
        let (pushed, taken) = roles.two(
            move || sender.push_each(&mut more),
            move || receiver.pop_each(4, drop),
        );
        assert!(pushed <= 2 && taken >= 2);
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

#[test]
fn a_ring_that_is_closed_holds_all_that_was_pushed() {
    model(3, |roles| {
        let (mut sender, mut receiver) = ring::channel(2).unwrap();
        roles.two(
            move || sender.push(1).unwrap(),
            move || {
                if receiver.is_closed() {
                    assert_eq!(receiver.pop(), Some(1));
                }
            },
        );
    });
}
