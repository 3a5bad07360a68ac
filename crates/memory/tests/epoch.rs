//! Epochs with real threads: nothing is freed while it can be held, nothing twice, nothing is lost, and a thread that stays
//! pinned does not make memory grow beyond the bound.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, clippy::vec_box, unsafe_code)]

mod common;
#[cfg(target_os = "linux")]
mod refusing;

use common::{assert_freed_but, pointer, times, Canary};
use proofbook_memory::epoch::{
    EpochBasedReclamation, Published, SettingsError, StallPolicy, THREADS_MAX,
};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const WIDE: StallPolicy = StallPolicy::Refuse {
    retired_per_thread_max: 1 << 20,
};

const PLACES: usize = 8;

/// What readers and writers of the long test share.
struct Stage {
    epochs: EpochBasedReclamation,
    places: Vec<AtomicPtr<Canary>>,
    is_over: AtomicBool,
}

impl Stage {
    /// Walks over all places while pinned, and registers anew now and then.
    fn read(&self) {
        let mut seen = 0_u64;
        while !self.is_over.load(Ordering::Relaxed) || seen == 0 {
            let participant = self.epochs.register().unwrap();
            for _ in 0..50 {
                let guard = participant.pin();
                // SAFETY: canaries live to the end, and are retired after they were taken out.
                let held: Vec<_> = self
                    .places
                    .iter()
                    .map(|place| unsafe { guard.load(place) }.unwrap())
                    .collect();
                let _inner = participant.pin();
                held.iter()
                    .cycle()
                    .take(100)
                    .for_each(|canary| canary.assert_alive());
                seen += 1;
            }
        }
    }

    /// Exchanges what is in the places and retires what was there; gives what it made.
    fn write(&self, writer: u64, rounds: u64) -> Vec<Box<Canary>> {
        let mut made = Vec::new();
        let mut participant = self.epochs.register().unwrap();
        for round in 0..rounds {
            let canary = Canary::new(writer << 32 | round);
            let guard = participant.pin_with_room(1).unwrap();
            let before =
                self.places[round as usize % PLACES].swap(pointer(&canary), Ordering::AcqRel);
            made.push(canary);
            // SAFETY: this thread took it out, and canaries outlive the epochs.
            unsafe { guard.retire((*before).retired()) }.unwrap();
            drop(guard);
            if round % 1_000 == 999 {
                drop(participant);
                participant = self.epochs.register().unwrap();
            }
        }
        // Readers go on meanwhile. One that was interrupted while it was pinned may have held up all of this.
        let start = Instant::now();
        while self.epochs.statistics().epoch <= 3 || self.epochs.statistics().freed == 0 {
            assert!(
                start.elapsed() < Duration::from_secs(300),
                "nothing is freed"
            );
            std::thread::yield_now();
            participant.collect();
        }
        made
    }
}

#[test]
fn what_is_held_stays_and_the_rest_is_freed_once() {
    let rounds = times(10_000, 500_000);
    // Declared first: also where an assertion fails, the canaries go after all that could touch them.
    let mut made: Vec<_> = (0..PLACES as u64).map(Canary::new).collect();
    let stage = Stage {
        epochs: EpochBasedReclamation::new(4, WIDE).unwrap(),
        places: made
            .iter()
            .map(|canary| AtomicPtr::new(pointer(canary)))
            .collect(),
        is_over: AtomicBool::new(false),
    };
    let others: Vec<Box<Canary>> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(|| stage.read())).collect();
        let stage = &stage;
        let writers: Vec<_> = (1..=2)
            .map(|writer| scope.spawn(move || stage.write(writer, rounds)))
            .collect();
        let made = writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect();
        stage.is_over.store(true, Ordering::Relaxed);
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
        made
    });
    made.extend(others);
    let statistics = stage.epochs.statistics();
    assert_eq!(
        (statistics.retired, statistics.pinned, statistics.refused),
        (2 * rounds, 0, 0)
    );
    assert!(statistics.epoch > 3 && statistics.freed > 0);
    drop(stage.epochs);
    assert_freed_but(&stage.places, &made);
}

/// A reader stays pinned while threads come, retire as much as they may, and leave. What waits stays below the bound, the writers are
/// told, readers go on, and all is freed once the reader has gone.
#[test]
fn a_stalled_reader_cannot_make_memory_grow_beyond_the_bound() {
    const PER_THREAD: usize = 64;
    let epochs = EpochBasedReclamation::new(
        3,
        StallPolicy::Refuse {
            retired_per_thread_max: PER_THREAD,
        },
    )
    .unwrap();
    let held = Canary::new(u64::MAX);
    let place = AtomicPtr::new(pointer(&held));
    let reader = epochs.register().unwrap();
    let pinned = reader.pin();
    // SAFETY: the canary lives to the end, and is retired after it was taken out.
    let seen = unsafe { pinned.load(&place) }.unwrap();
    place.store(std::ptr::null_mut(), Ordering::Release);
    let mut made = vec![held];
    let mut refused = 0_u32;
    for round in 0..500_u64 {
        let writer = epochs.register().unwrap();
        for step in 0..PER_THREAD as u64 + 10 {
            match writer.pin_with_room(1) {
                Ok(guard) => {
                    if round + step > 0 {
                        made.push(Canary::new(round << 32 | step));
                    }
                    // SAFETY: nothing leads to it, and canaries outlive the epochs.
                    unsafe { guard.retire(made.last().unwrap().retired()) }.unwrap();
                }
                Err(stalled) => {
                    refused += 1;
                    assert_eq!(
                        (stalled.retired, stalled.wanted, stalled.retired_max),
                        (PER_THREAD, 1, PER_THREAD)
                    );
                }
            }
            assert!(writer.retired_len() <= PER_THREAD);
        }
        let waiting = epochs.statistics().retired - epochs.statistics().freed;
        assert!(
            waiting <= epochs.retired_max() as u64,
            "{waiting} things wait"
        );
        // A second reader is never refused.
        drop(epochs.register().unwrap().pin());
    }
    seen.assert_alive();
    let statistics = epochs.statistics();
    assert!(refused > 1_000 && u64::from(refused) == statistics.refused);
    assert_eq!(
        (statistics.freed, statistics.pinned, statistics.behind),
        (0, 1, 1)
    );
    assert!(
        made.len() >= epochs.retired_max() / 2,
        "the bound was not tried: {} things",
        made.len()
    );

    drop(pinned);
    // The records kept what the queue had no room for: their next owners free it.
    let others: Vec<_> = (0..2).map(|_| epochs.register().unwrap()).collect();
    for _ in 0..8 {
        others.iter().for_each(|other| other.collect());
    }
    assert_eq!(epochs.statistics().freed, made.len() as u64);
    assert!(made.iter().all(|canary| canary.freed() == 1));
}

#[test]
fn a_thing_that_is_refused_comes_back() {
    let epochs = EpochBasedReclamation::new(
        2,
        StallPolicy::Refuse {
            retired_per_thread_max: 2,
        },
    )
    .unwrap();
    let participant = epochs.register().unwrap();
    let canaries: Vec<_> = (0..3).map(Canary::new).collect();
    let guard = participant.pin();
    for canary in &canaries[..2] {
        // SAFETY: nothing leads to it, and canaries outlive the epochs.
        unsafe { guard.retire(canary.retired()) }.unwrap();
    }
    // SAFETY: as above.
    let refused = unsafe { guard.retire(canaries[2].retired()) }.unwrap_err();
    assert_eq!(refused.retired.address(), pointer(&canaries[2]).cast());
    assert_eq!(refused.to_string(), "expected at most 2 retired things of a thread, received 1 more than the 2 that wait for a pinned thread");
    // Its own pin is what it would wait for.
    assert!(participant.pin_with_room(1).is_err());
    drop(guard);
    let guard = participant.pin_with_room(1).unwrap();
    // SAFETY: as above.
    unsafe { guard.retire(refused.retired) }.unwrap();
    drop(guard);
    participant.collect();
    assert!(canaries.iter().all(|canary| canary.freed() == 1));
    assert!(
        participant.pin_with_room(3).is_err(),
        "more than there can ever be room for"
    );
}

#[test]
fn a_waiting_writer_goes_on_when_the_reader_does() {
    let policy = StallPolicy::Wait {
        retired_per_thread_max: 2,
        yields_max: u32::MAX,
    };
    let epochs = EpochBasedReclamation::new(2, policy).unwrap();
    let canaries: Vec<_> = (0..100).map(Canary::new).collect();
    let retired = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let reader = epochs.register().unwrap();
        let pinned = reader.pin();
        let writer = scope.spawn(|| {
            let writer = epochs.register().unwrap();
            for canary in &canaries {
                let guard = writer.pin_with_room(1).unwrap();
                // SAFETY: nothing leads to it, and canaries outlive the epochs.
                unsafe { guard.retire(canary.retired()) }.unwrap();
                retired.fetch_add(1, Ordering::Relaxed);
            }
        });
        let start = Instant::now();
        while retired.load(Ordering::Relaxed) < 2 && start.elapsed() < Duration::from_secs(300) {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(retired.load(Ordering::Relaxed), 2);
        drop(pinned);
        writer.join().unwrap();
    });
    drop(epochs);
    assert!(canaries.iter().all(|canary| canary.freed() == 1));
    let policy = StallPolicy::Wait {
        retired_per_thread_max: 2,
        yields_max: 3,
    };
    let epochs = EpochBasedReclamation::new(2, policy).unwrap();
    let (reader, writer) = (epochs.register().unwrap(), epochs.register().unwrap());
    let _pinned = reader.pin();
    for number in 0..2 {
        let boxed = Box::into_raw(Box::new(number));
        // SAFETY: nobody else knows the box.
        unsafe {
            writer
                .pin()
                .retire(proofbook_memory::retired::Retired::boxed(boxed))
        }
        .unwrap();
    }
    assert!(writer.pin_with_room(1).is_err(), "patience has an end");
}

#[test]
fn a_guard_that_is_refreshed_lets_the_epoch_go_on() {
    let epochs = EpochBasedReclamation::new(2, WIDE).unwrap();
    let (reader, other) = (epochs.register().unwrap(), epochs.register().unwrap());
    let mut guard = reader.pin();
    let start = epochs.statistics().epoch;
    other.collect();
    assert_eq!(epochs.statistics().epoch, start + 1);
    assert_eq!(epochs.statistics().behind, 1);
    assert!(guard.refresh());
    other.collect();
    assert_eq!(epochs.statistics().epoch, start + 2);
    let mut inner = reader.pin();
    assert!(!inner.refresh(), "the outer guard keeps its epoch");
    other.collect();
    assert_eq!(epochs.statistics().epoch, start + 2);
    drop(inner);
    std::mem::forget(guard);
    other.collect();
    assert_eq!(
        epochs.statistics().epoch,
        start + 2,
        "a forgotten guard keeps its epoch"
    );
    drop(reader);
    other.collect();
    assert!(
        epochs.statistics().epoch > start + 2,
        "until its participant leaves"
    );
}

#[test]
fn settings_out_of_bounds_are_refused() {
    for threads in [0, THREADS_MAX + 1] {
        let error = EpochBasedReclamation::new(threads, WIDE).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("expected from 1 to {THREADS_MAX} threads, received {threads}")
        );
    }
    let error = EpochBasedReclamation::new(
        1,
        StallPolicy::Refuse {
            retired_per_thread_max: 1,
        },
    )
    .unwrap_err();
    assert_eq!(error, SettingsError::RetiredPerThread { received: 1 });
    assert_eq!(
        error.to_string(),
        "expected at least 2 retired things for each thread, received 1"
    );
    let epochs = EpochBasedReclamation::new(1, WIDE).unwrap();
    let _participant = epochs.register().unwrap();
    assert_eq!(epochs.register().unwrap_err().threads_max, 1);
}

#[test]
fn a_published_value_is_read_while_it_is_replaced() {
    let replacements = times(50_000, 2_000_000);
    let epochs = EpochBasedReclamation::new(
        3,
        StallPolicy::Wait {
            retired_per_thread_max: 1_000,
            yields_max: u32::MAX,
        },
    )
    .unwrap();
    let record = Published::new(&epochs, vec![0_u64; 8]);
    std::thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                let participant = epochs.register().unwrap();
                let mut last = 0;
                while last < replacements {
                    let guard = participant.pin();
                    let value = record.load(&guard);
                    assert!(value.iter().all(|number| *number == value[0]));
                    assert!(
                        value[0] >= last,
                        "expected {last} or later, received {}",
                        value[0]
                    );
                    last = value[0];
                }
            })
        });
        let participant = epochs.register().unwrap();
        for number in 1..=replacements {
            let guard = participant.pin_with_room(1).unwrap();
            record.replace(&guard, vec![number; 8]).unwrap();
        }
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
    });
    assert!(epochs.statistics().freed > replacements / 2);
}

#[test]
fn a_value_is_not_replaced_where_there_is_no_room() {
    let epochs = EpochBasedReclamation::new(
        1,
        StallPolicy::Refuse {
            retired_per_thread_max: 2,
        },
    )
    .unwrap();
    let record = Published::new(&epochs, 0);
    let participant = epochs.register().unwrap();
    let guard = participant.pin();
    record.replace(&guard, 1).unwrap();
    record.replace(&guard, 2).unwrap();
    let refused = record.replace(&guard, 3).unwrap_err();
    assert_eq!((refused.value, refused.stalled.retired), (3, 2));
    assert_eq!(*record.load(&guard), 2);
}

#[test]
#[should_panic(expected = "the reclamation that this was published with")]
fn a_guard_of_another_reclamation_is_refused() {
    let (one, other) = (
        EpochBasedReclamation::new(1, WIDE).unwrap(),
        EpochBasedReclamation::new(1, WIDE).unwrap(),
    );
    let record = Published::new(&one, 5);
    let participant = other.register().unwrap();
    record.load(&participant.pin());
}

#[cfg(target_os = "linux")]
#[test]
fn all_of_this_holds_where_the_kernel_refuses_barriers_in_all_threads() {
    refusing::run_all_but("all_of_this_holds_where");
}
