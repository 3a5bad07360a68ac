//! The queues with real threads: nothing is lost, doubled or out of order, what is left is dropped, and histories have an order.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used)]

mod common;

use common::{times, Random};
use proofbook_memory::queue::{ring, CapacityError, LockFreeQueue, CAPACITY_MAX, CAPACITY_MIN};
use proofbook_testkit::linearizability::{check, Entry, Log, Model, Recorder};
use std::collections::VecDeque;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;

#[test]
fn a_queue_goes_round_in_order_and_says_when_it_is_full_or_empty() {
    let queue = LockFreeQueue::with_capacity(4).unwrap();
    let mut next = 0..;
    let mut expected = VecDeque::new();
    for fill in [0, 1, 3, 4, 2, 4, 4, 1] {
        while expected.len() < fill {
            let value = next.next().unwrap();
            queue.push(value).unwrap();
            expected.push_back(value);
        }
        assert_eq!(queue.len_hint(), fill.max(expected.len()));
        if expected.len() == 4 {
            assert_eq!(queue.push(99), Err(99));
        }
        for _ in 0..3 {
            assert_eq!(queue.pop(), expected.pop_front());
        }
    }
}

#[test]
fn a_batch_takes_the_oldest_up_to_its_limit() {
    let queue = LockFreeQueue::with_capacity(8).unwrap();
    for start in [0, 6, 12] {
        (start..start + 6).for_each(|value| queue.push(value).unwrap());
        let mut found = Vec::new();
        assert_eq!(queue.pop_each(0, |value| found.push(value)), 0);
        assert_eq!(queue.pop_each(4, |value| found.push(value)), 4);
        assert_eq!(queue.pop_each(usize::MAX, |value| found.push(value)), 2);
        assert_eq!(queue.pop_each(5, |value| found.push(value)), 0);
        assert_eq!(found, (start..start + 6).collect::<Vec<_>>());
    }
}

#[test]
fn what_is_left_is_dropped_once_also_where_a_consumer_unwinds() {
    let alive = Arc::new(());
    let queue = LockFreeQueue::with_capacity(8).unwrap();
    let fill = || (0..8).for_each(|_| queue.push(Arc::clone(&alive)).unwrap());
    fill();
    let mut taken = 0;
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        queue.pop_each(6, |_| {
            taken += 1;
            assert!(taken < 3, "the third is too many");
        })
    }));
    assert!(unwound.is_err());
    assert_eq!(
        Arc::strong_count(&alive),
        1 + 2,
        "six were this batch's, two are in the queue"
    );
    (0..6).for_each(|_| queue.push(Arc::clone(&alive)).unwrap());
    drop(queue);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn capacities_out_of_bounds_are_refused() {
    for received in [0, 1, 3, 1_000, CAPACITY_MAX + 1, CAPACITY_MAX * 2] {
        assert_eq!(
            LockFreeQueue::<u8>::with_capacity(received).unwrap_err(),
            CapacityError { received }
        );
        assert_eq!(
            ring::channel::<u8>(received).unwrap_err(),
            CapacityError { received }
        );
    }
    let text = CapacityError { received: 3 }.to_string();
    assert_eq!(text, format!("expected a capacity that is a power of two from {CAPACITY_MIN} to {CAPACITY_MAX}, received 3"));
}

/// Each producer's values arrive once and in its order, whatever takes them.
#[test]
fn threads_exchange_every_value_once_and_in_the_order_of_its_producer() {
    const PRODUCERS: u64 = 2;
    let values = times(10_000, 5_000_000);
    let queue = LockFreeQueue::with_capacity(64).unwrap();
    let consumed: Vec<Vec<u64>> = thread::scope(|scope| {
        let queue = &queue;
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                scope.spawn(move || {
                    for number in 0..values {
                        while queue.push(producer << 32 | number).is_err() {
                            thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let consumers: Vec<_> = [1, 7]
            .map(|limit| {
                scope.spawn(move || {
                    let mut found = Vec::new();
                    // A consumer is done when it has found its share; together they find all.
                    while (found.len() as u64) < values * PRODUCERS / 2 {
                        let rest = values * PRODUCERS / 2 - found.len() as u64;
                        if queue.pop_each(limit.min(rest as usize), |value| found.push(value)) == 0
                        {
                            thread::yield_now();
                        }
                    }
                    found
                })
            })
            .into();
        producers
            .into_iter()
            .for_each(|producer| producer.join().unwrap());
        consumers
            .into_iter()
            .map(|consumer| consumer.join().unwrap())
            .collect()
    });
    for producer in 0..PRODUCERS {
        for found in &consumed {
            let numbers = found.iter().filter(|value| *value >> 32 == producer);
            assert!(numbers.is_sorted(), "producer {producer}");
        }
    }
    let mut all = consumed.concat();
    all.sort_unstable();
    let expected: Vec<u64> = (0..PRODUCERS)
        .flat_map(|producer| (0..values).map(move |number| producer << 32 | number))
        .collect();
    assert!(all == expected, "lost or doubled");
}

#[test]
fn a_ring_passes_everything_in_order_and_tells_when_its_sender_is_gone() {
    let values = times(5_000, 20_000_000);
    let (mut sender, mut receiver) = ring::channel(64).unwrap();
    thread::scope(|scope| {
        let other = scope.spawn(move || {
            let mut next = (0..values).peekable();
            while next.peek().is_some() {
                // One alone, then six together.
                while let Some(value) = next.next_if(|value| value % 7 == 0) {
                    while sender.push(value).is_err() {
                        thread::yield_now();
                    }
                }
                let mut batch = next.by_ref().take(6).peekable();
                while batch.peek().is_some() {
                    if sender.push_each(&mut batch) == 0 {
                        thread::yield_now();
                    }
                }
            }
        });
        let mut expected = 0;
        loop {
            let is_closed = receiver.is_closed();
            let mut take = |value| {
                assert_eq!(value, expected);
                expected += 1;
            };
            let count = receiver.pop().map_or(0, |value| {
                take(value);
                1
            });
            if count + receiver.pop_each(10, take) == 0 {
                if is_closed {
                    break;
                }
                thread::yield_now();
            }
        }
        assert_eq!(expected, values);
        other.join().unwrap();
    });
}

#[test]
fn a_ring_drops_what_is_left_and_says_when_its_receiver_is_gone() {
    let alive = Arc::new(());
    let (mut sender, mut receiver) = ring::channel(4).unwrap();
    (0..4).for_each(|_| sender.push(Arc::clone(&alive)).unwrap());
    assert!(sender.push(Arc::clone(&alive)).is_err());
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        receiver.pop_each(3, |_| panic!("the first is too many"))
    }));
    assert!(unwound.is_err());
    assert_eq!(Arc::strong_count(&alive), 1 + 3);
    sender.push(Arc::clone(&alive)).unwrap();
    assert!(!sender.is_closed());
    drop(receiver);
    assert!(sender.is_closed());
    drop(sender);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Push(u64),
    Pop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// A push that found room, or a pop that found nothing.
    Nothing,
    Value(u64),
    /// A push that was refused.
    Full,
    /// A push that was refused, or a pop that found nothing, while a call of the other end was open that may have hidden the place.
    Hidden,
}

/// A bounded queue. An answer that an unfinished call can explain changes nothing and is allowed at any time.
struct Bounded {
    capacity: usize,
}

impl Model for Bounded {
    type State = VecDeque<u64>;
    type Operation = Call;
    type Outcome = Answer;

    fn initial(&self) -> Self::State {
        VecDeque::new()
    }

    fn step(&self, state: &Self::State, call: &Call, answer: &Answer) -> Option<Self::State> {
        if *answer == Answer::Hidden {
            return Some(state.clone());
        }
        let mut state = state.clone();
        let expected = match call {
            Call::Push(_) if state.len() == self.capacity => Answer::Full,
            Call::Push(value) => {
                state.push_back(*value);
                Answer::Nothing
            }
            Call::Pop => state.pop_front().map_or(Answer::Nothing, Answer::Value),
        };
        (*answer == expected).then_some(state)
    }
}

/// Marks what the queue's head says of "full" and "empty": exact, unless a call of the same end that succeeded overlaps.
fn mark_hidden(history: &mut [Entry<Call, Answer>]) {
    let finished: Vec<_> = history
        .iter()
        .map(|entry| {
            (
                entry.called,
                entry.returned,
                matches!(entry.operation, Call::Push(_)),
                entry.outcome,
            )
        })
        .collect();
    for entry in history {
        // A pop that finds nothing is misled by an open push, a push that is refused by an open pop.
        let misleading = match (entry.operation, entry.outcome) {
            (Call::Pop, Answer::Nothing) => (true, Answer::Nothing),
            (Call::Push(_), Answer::Full) => (false, Answer::Full),
            _ => continue,
        };
        let overlaps = finished
            .iter()
            .any(|&(called, returned, is_push, outcome)| {
                let succeeded = if is_push {
                    outcome == Answer::Nothing
                } else {
                    matches!(outcome, Answer::Value(_))
                };
                is_push == misleading.0
                    && succeeded
                    && called < entry.returned
                    && entry.called < returned
            });
        if overlaps {
            entry.outcome = Answer::Hidden;
        }
    }
}

fn act(
    queue: &LockFreeQueue<u64>,
    log: &mut Log<'_, Call, Answer>,
    random: &mut Random,
    value: u64,
) {
    if random.below(2) == 0 {
        log.record(Call::Push(value), |_| {
            queue.push(value).map_or(Answer::Full, |()| Answer::Nothing)
        });
    } else {
        log.record(Call::Pop, |_| {
            queue.pop().map_or(Answer::Nothing, Answer::Value)
        });
    }
}

fn history(seed: u64, threads: u64, calls: u64, capacity: usize) -> Vec<Entry<Call, Answer>> {
    let (queue, recorder) = (
        LockFreeQueue::with_capacity(capacity).unwrap(),
        Recorder::new(),
    );
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| {
                let (queue, mut log) = (&queue, recorder.log());
                let mut random = Random(seed ^ thread << 32);
                scope.spawn(move || {
                    for number in 0..calls {
                        act(queue, &mut log, &mut random, thread << 32 | number);
                        if random.below(8) == 0 {
                            thread::yield_now();
                        }
                    }
                    log.into_entries()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    })
}

#[test]
fn histories_of_threads_have_an_order() {
    let mut full = 0;
    for seed in 0..times(40, 2_000) {
        let (threads, capacity) = (2 + seed % 3, 2 << (seed % 3));
        let mut history = history(seed, threads, 60, capacity);
        full += history
            .iter()
            .filter(|entry| entry.outcome == Answer::Full)
            .count();
        mark_hidden(&mut history);
        if let Err(refusal) = check(&Bounded { capacity }, &history) {
            panic!("seed {seed}, {threads} threads, capacity {capacity}: {refusal}");
        }
    }
    assert!(full > 0, "no queue was ever full");
}

#[test]
fn a_history_with_one_wrong_answer_has_none() {
    let capacity = 4;
    let mut wrong = 0;
    for seed in 0..20 {
        let mut history = history(seed, 2, 30, capacity);
        mark_hidden(&mut history);
        let values: Vec<usize> = (0..history.len())
            .filter(|&index| matches!(history[index].outcome, Answer::Value(_)))
            .collect();
        let [.., second_last, last] = values[..] else {
            continue;
        };
        // Two pops of one thread change places: values come out against the order in which one thread's pops were called.
        history[last].outcome = history[second_last].outcome;
        wrong += usize::from(check(&Bounded { capacity }, &history).is_err());
    }
    assert_eq!(wrong, 20, "a value that came out twice was accepted");
}
