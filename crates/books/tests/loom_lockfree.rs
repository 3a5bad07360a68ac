//! Models of what threads share around the book: every order in which they can act, within a bound on preemptions, runs the code that ships.
//!
//! Nodes, leaves and records lie in cells that loom follows: a write to one that a reader may be looking at fails the model, and so does a read of one
//! whose writing does not happen before it.
#![cfg(loom)]

use std::num::{NonZeroU64, NonZeroUsize};

use proofbook_books::linked::{rank_of, Levels};
use proofbook_books::lockfree::{Ingress, LockFreeConfig, LockFreeReader, Snapshot, Step, Touch};
use proofbook_books::radix::{PublishingConfig, RadixPriceIndex};
use proofbook_books::{OptimizedLockFreeLevels, RadixLevels};
use proofbook_memory::sync::thread;
use proofbook_types::{Price, Quantity, Queue, Timestamp};

type ModelledLevels = OptimizedLockFreeLevels<RadixLevels>;

fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    // `LOOM_MAX_PREEMPTIONS` asks for more.
    builder.preemption_bound.get_or_insert(preemptions);
    builder.max_branches = 100_000;
    builder.check(model);
}

fn publishing(readers_max: usize) -> PublishingConfig {
    PublishingConfig {
        readers_max,
        waiting_max: 64,
    }
}

fn levels(readers_max: usize, behind_max: u64) -> ModelledLevels {
    let behind_max = NonZeroU64::new(behind_max).expect("a positive number");
    let config = LockFreeConfig {
        publishing: publishing(readers_max),
        touch_behind_max: behind_max,
        snapshot_behind_max: behind_max,
    };
    OptimizedLockFreeLevels::new(RadixLevels::default(), config).expect("possible numbers")
}

/// The command with this number: an order that shows as much at one bid and one ask.
fn command(levels: &mut ModelledLevels, number: u64) {
    levels.set_clock(Timestamp(number));
    for (queue, price) in [(Queue::Bids, -1), (Queue::Asks, number as i64)] {
        let level = levels.occupy(queue, rank_of(queue, Price(price)));
        levels.update(queue, level, |data| data.append(number as u32, number, 0));
    }
}

/// What a reader should see after the command with this number.
fn touch(number: u64) -> Touch {
    let some = |price: i64| (number > 0).then_some(Price(price));
    let sum = Quantity(number * (number + 1) / 2);
    Touch {
        sequence: number,
        time: Timestamp(number),
        best_bid: some(-1),
        best_ask: some(1),
        orders: 2 * number as u32,
        bids: sum,
        asks: sum,
    }
}

fn assert_whole(snapshot: &Snapshot<'_>) -> u64 {
    let number = snapshot.sequence();
    assert_eq!(snapshot.touch(), touch(number));
    let asks: Vec<i64> = snapshot
        .levels(Queue::Asks)
        .map(|level| level.price.0)
        .collect();
    assert_eq!(asks, (1..=number as i64).collect::<Vec<_>>());
    let bid = snapshot
        .level(Queue::Bids, Price(-1))
        .map(|level| level.displayed);
    assert_eq!(bid, (number > 0).then_some(touch(number).bids));
    number
}

fn write(mut levels: ModelledLevels, commands: u64) -> ModelledLevels {
    for number in 1..=commands {
        command(&mut levels, number);
        levels.publish(number).expect("readers hold little");
    }
    levels
}

#[test]
fn a_touch_is_never_torn() {
    check(2, || {
        // Each word of a read may be from before or after the write.
        let levels = levels(1, 1);
        let readers = levels.readers();
        let writer = thread::spawn(move || write(levels, 1));
        let seen = readers.touch();
        assert_eq!(seen, touch(seen.sequence));
        let _levels = writer.join().expect("the writer goes on");
        assert_eq!(readers.touch(), touch(1));
    });
}

fn read_twice(reader: &LockFreeReader) {
    let first = {
        let snapshot = reader.snapshot();
        let number = assert_whole(&snapshot);
        // Again, after the writer may have gone on.
        assert_eq!(assert_whole(&snapshot), number);
        number
    };
    assert!(assert_whole(&reader.snapshot()) >= first);
}

#[test]
fn a_snapshot_is_whole_and_its_memory_is_not_used_again() {
    check(2, || {
        let levels = levels(1, 1);
        let reader = levels.readers().register().expect("a place");
        let writer = thread::spawn(move || write(levels, 3));
        read_twice(&reader);
        let _levels = writer.join().expect("the writer goes on");
        assert_eq!(assert_whole(&reader.snapshot()), 3);
    });
}

#[test]
fn commands_that_are_shown_together_are_seen_together() {
    check(2, || {
        let mut levels = levels(1, 2);
        let readers = levels.readers();
        let reader = readers.register().expect("a place");
        let writer = thread::spawn(move || {
            for number in 1..=3 {
                command(&mut levels, number);
            }
            levels
        });
        let seen = readers.touch();
        assert!([0, 2].contains(&seen.sequence), "{seen:?}");
        assert_eq!(seen, touch(seen.sequence));
        // The touch is shown after the snapshot that goes with it.
        let number = assert_whole(&reader.snapshot());
        assert!(number == 2 || number == seen.sequence, "{number}");
        let levels = writer.join().expect("the writer goes on");
        assert_eq!(assert_whole(&reader.snapshot()), 2);
        levels.publish(3).expect("readers hold little");
        assert_eq!(assert_whole(&reader.snapshot()), 3);
        assert_eq!(readers.touch(), touch(3));
    });
}

#[test]
fn a_snapshot_outlives_the_writer_and_the_reader_frees_what_it_left() {
    check(2, || {
        let levels = levels(1, 1);
        let reader = levels.readers().register().expect("a place");
        let writer = thread::spawn(move || drop(write(levels, 2)));
        let snapshot = reader.snapshot();
        let number = assert_whole(&snapshot);
        writer.join().expect("the writer goes on");
        assert_eq!(assert_whole(&snapshot), number);
        drop(snapshot);
        assert_eq!(assert_whole(&reader.snapshot()), 2);
    });
}

#[test]
fn a_tree_that_replaces_nothing_is_shown_whole() {
    check(2, || {
        let mut index = RadixPriceIndex::new(publishing(1)).expect("a possible number");
        let reader = index.readers().register().expect("a place");
        let writer = thread::spawn(move || {
            index.set(1, 7);
            index.set(2, 7);
            index.publish().expect("readers hold little");
            index
        });
        let pinned = reader.pin();
        let values: Vec<u64> = pinned.view().iter().map(|entry| entry.value).collect();
        assert!(values.is_empty() || values == [7, 7], "{values:?}");
        drop(pinned);
        let _index = writer.join().expect("the writer goes on");
        assert_eq!(reader.pin().view().iter().count(), 2);
    });
}

#[test]
fn a_tree_that_is_pinned_stays_as_it_is() {
    check(2, || {
        let mut index = RadixPriceIndex::new(publishing(1)).expect("a possible number");
        let reader = index.readers().register().expect("a place");
        index.set(1, 0);
        index.set(2, 0);
        index.publish().expect("nobody reads");
        let writer = thread::spawn(move || {
            for round in 1..=4 {
                index.set(1, round);
                index.set(2, round);
                index.publish().expect("readers hold little");
            }
        });
        let look = || {
            let pinned = reader.pin();
            let value = pinned.view().get(1).expect("it is always there");
            assert_eq!(pinned.view().get(2), Some(value));
            assert_eq!(pinned.view().first().map(|entry| entry.value), Some(value));
            value
        };
        let (first, second) = (look(), look());
        assert!(first <= second);
        writer.join().expect("the writer goes on");
    });
}

#[test]
fn each_command_is_taken_once_and_none_after_the_end() {
    check(2, || {
        let (ingress, mut sequencer) = Ingress::new(2, 0).expect("a power of two");
        let other = ingress.clone();
        let pushes = |ingress: Ingress<u64>, commands: &'static [u64]| {
            thread::spawn(move || {
                let is_taken = |&&command: &&u64| {
                    let refused = ingress.push(command);
                    assert!(refused.is_ok() || refused == Err(command));
                    refused.is_ok()
                };
                commands
                    .iter()
                    .filter(is_taken)
                    .copied()
                    .collect::<Vec<u64>>()
            })
        };
        let producers = [pushes(ingress, &[1, 2]), pushes(other, &[3])];
        let (mut taken, mut dry_at) = (Vec::new(), 0);
        let batch_max = NonZeroUsize::new(2).expect("it is not zero");
        sequencer.run(batch_max, |step| match step {
            Step::Apply { sequence, command } => taken.push((sequence, command)),
            Step::Dry { sequence } => {
                assert_eq!(sequence, taken.len() as u64);
                assert!(sequence > dry_at, "nothing came since it was dry");
                dry_at = sequence;
            }
            Step::Idle => thread::yield_now(),
        });
        assert_eq!(dry_at, taken.len() as u64, "what came last is shown too");
        assert!(taken.len() >= 2, "there was room for two");
        let mut count = 0;
        for producer in producers {
            let pushed = producer.join().expect("the producer goes on");
            let of_it = |command: &u64| pushed.contains(command);
            let order: Vec<u64> = taken
                .iter()
                .map(|&(_, command)| command)
                .filter(of_it)
                .collect();
            assert_eq!(order, pushed);
            count += pushed.len();
        }
        let numbers: Vec<u64> = taken.iter().map(|&(sequence, _)| sequence).collect();
        assert_eq!(numbers, (1..=count as u64).collect::<Vec<_>>());
    });
}
