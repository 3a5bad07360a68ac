//! The checker refuses wrong histories and accepts right ones, also those whose only order is hard to find.

#![allow(clippy::unwrap_used)]

use proofbook_testkit::linearizability::{check, check_by_key, Entry, Model, Recorder, Refusal};
use std::collections::VecDeque;
use std::sync::Mutex;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queue {
    Push(u32),
    Pop,
}

/// A queue without bound; the outcome of a push is nothing.
struct Fifo;

impl Model for Fifo {
    type State = VecDeque<u32>;
    type Operation = Queue;
    type Outcome = Option<u32>;

    fn initial(&self) -> Self::State {
        VecDeque::new()
    }

    fn step(
        &self,
        state: &Self::State,
        operation: &Queue,
        outcome: &Option<u32>,
    ) -> Option<Self::State> {
        let mut state = state.clone();
        let expected = match operation {
            Queue::Push(value) => {
                state.push_back(*value);
                None
            }
            Queue::Pop => state.pop_front(),
        };
        (expected == *outcome).then_some(state)
    }
}

/// A register that starts at 0, for one key; operations are `(key, value to write, or none to read)`.
struct Register;

impl Model for Register {
    type State = u32;
    type Operation = (u8, Option<u32>);
    type Outcome = u32;

    fn initial(&self) -> u32 {
        0
    }

    fn step(&self, state: &u32, operation: &(u8, Option<u32>), outcome: &u32) -> Option<u32> {
        match operation.1 {
            Some(value) => Some(value),
            None => (state == outcome).then_some(*state),
        }
    }
}

fn entry<O, R>(thread: usize, times: [u64; 2], operation: O, outcome: R) -> Entry<O, R> {
    Entry {
        thread,
        called: times[0],
        returned: times[1],
        operation,
        outcome,
    }
}

fn is_refused<M: Model>(model: &M, history: &[Entry<M::Operation, M::Outcome>]) -> bool {
    match check(model, history) {
        Ok(()) => false,
        Err(Refusal::NotLinearizable { .. }) => true,
        Err(other) => panic!("expected a decision, received: {other}"),
    }
}

#[test]
fn an_empty_history_and_a_sequential_one_are_accepted() {
    check(&Fifo, &[]).unwrap();
    let history = [
        entry(0, [0, 1], Queue::Push(1), None),
        entry(0, [2, 3], Queue::Push(2), None),
        entry(0, [4, 5], Queue::Pop, Some(1)),
        entry(0, [6, 7], Queue::Pop, Some(2)),
        entry(0, [8, 9], Queue::Pop, None),
    ];
    check(&Fifo, &history).unwrap();
}

#[test]
fn pops_in_the_wrong_order_are_refused_unless_the_pushes_overlap() {
    let pops = [
        entry(2, [10, 11], Queue::Pop, Some(2)),
        entry(2, [12, 13], Queue::Pop, Some(1)),
    ];
    let apart = [
        entry(0, [0, 1], Queue::Push(1), None),
        entry(1, [2, 3], Queue::Push(2), None),
    ];
    assert!(is_refused(&Fifo, &[apart, pops.clone()].concat()));
    let overlapping = [
        entry(0, [0, 2], Queue::Push(1), None),
        entry(1, [1, 3], Queue::Push(2), None),
    ];
    check(&Fifo, &[overlapping, pops].concat()).unwrap();
}

#[test]
fn a_value_lost_doubled_or_from_nowhere_is_refused() {
    let push = entry(0, [0, 1], Queue::Push(1), None);
    assert!(is_refused(
        &Fifo,
        &[push.clone(), entry(1, [2, 3], Queue::Pop, None)]
    ));
    let twice = [
        entry(1, [2, 4], Queue::Pop, Some(1)),
        entry(2, [3, 5], Queue::Pop, Some(1)),
    ];
    assert!(is_refused(
        &Fifo,
        &[vec![push.clone()], twice.to_vec()].concat()
    ));
    assert!(is_refused(
        &Fifo,
        &[push, entry(1, [2, 3], Queue::Pop, Some(7))]
    ));
    // The pop returned before the push was called.
    assert!(is_refused(
        &Fifo,
        &[
            entry(0, [0, 1], Queue::Pop, Some(1)),
            entry(0, [2, 3], Queue::Push(1), None)
        ]
    ));
}

#[test]
fn a_read_may_not_go_back_in_time() {
    // While the write is open a read may see it or not, but once one saw it none sees the old value again.
    let write = entry(0, [0, 9], (0, Some(1)), 0);
    let reads = |first, second| {
        [
            write.clone(),
            entry(1, [1, 2], (0, None), first),
            entry(2, [3, 4], (0, None), second),
        ]
    };
    for (first, second, is_right) in [(0, 0, true), (0, 1, true), (1, 1, true), (1, 0, false)] {
        assert_eq!(
            check(&Register, &reads(first, second)).is_ok(),
            is_right,
            "{first} then {second}"
        );
    }
}

#[test]
fn keys_are_checked_apart() {
    let history = [
        entry(0, [0, 1], (1, Some(5)), 0),
        entry(0, [2, 3], (2, Some(6)), 0),
        entry(1, [4, 5], (1, None), 5),
        entry(1, [6, 7], (2, None), 6),
    ];
    check_by_key(&Register, &history, |operation| operation.0).unwrap();
    let mut wrong = history;
    wrong[3].outcome = 5;
    let refusal = check_by_key(&Register, &wrong, |operation| operation.0).unwrap_err();
    assert!(matches!(refusal, Refusal::NotLinearizable { .. }));
}

#[test]
fn the_refusal_shows_the_history_and_the_operation_without_a_place() {
    let history = [
        entry(0, [0, 1], Queue::Push(1), None),
        entry(1, [2, 3], Queue::Pop, Some(7)),
    ];
    let text = check(&Fifo, &history).unwrap_err().to_string();
    assert!(
        text.contains("    1  thread 0       0..1       Push(1) -> None"),
        "{text}"
    );
    assert!(
        text.contains("never  thread 1       2..3       Pop -> Some(7)"),
        "{text}"
    );
}

#[test]
fn times_that_no_clock_gives_are_refused() {
    let expected = Err(Refusal::BadTimes {
        called: 4,
        returned: 4,
    });
    assert_eq!(
        check(&Fifo, &[entry(0, [4, 4], Queue::Pop, None)]),
        expected
    );
    let shared = [
        entry(0, [0, 2], Queue::Pop, None),
        entry(1, [2, 3], Queue::Pop, None),
    ];
    assert!(matches!(
        check(&Fifo, &shared),
        Err(Refusal::BadTimes { .. })
    ));
}

/// Every order of `k` overlapping pushes is possible, one alone is popped: without memory of configurations that is 12! orders.
#[test]
fn many_open_operations_are_decided() {
    const PUSHES: u32 = 12;
    let mut history: Vec<_> = (0..PUSHES)
        .map(|value| {
            entry(
                value as usize,
                [value.into(), (100 + value).into()],
                (0_u8, Some(value)),
                0,
            )
        })
        .collect();
    history.push(entry(99, [200, 201], (0, None), 3));
    check(&Register, &history).unwrap();
    history.push(entry(99, [202, 203], (0, None), 4));
    assert!(is_refused(&Register, &history));
}

#[test]
fn what_threads_do_to_a_locked_queue_is_accepted_and_an_altered_outcome_is_not() {
    const OPERATIONS: u32 = 200;
    let (queue, recorder) = (Mutex::new(VecDeque::new()), Recorder::new());
    let mut history: Vec<Entry<Queue, Option<u32>>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3_u32)
            .map(|thread| {
                let (queue, mut log) = (&queue, recorder.log());
                scope.spawn(move || {
                    for number in 0..OPERATIONS {
                        let operation = if (number + thread) % 2 == 0 {
                            Queue::Push(thread * 1000 + number)
                        } else {
                            Queue::Pop
                        };
                        log.record(operation, |operation| match operation {
                            Queue::Push(value) => {
                                queue.lock().unwrap().push_back(*value);
                                None
                            }
                            Queue::Pop => queue.lock().unwrap().pop_front(),
                        });
                    }
                    log.into_entries()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(history.len(), 3 * OPERATIONS as usize);
    check(&Fifo, &history).unwrap();
    let found = history
        .iter()
        .position(|entry| entry.outcome.is_some())
        .unwrap();
    history[found].outcome = Some(999_999);
    assert!(is_refused(&Fifo, &history));
}
