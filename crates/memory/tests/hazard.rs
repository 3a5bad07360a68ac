//! Hazard pointers with real threads: nothing is freed while it is held, nothing twice, nothing is lost, and the bound holds.

#![cfg(not(loom))]
#![allow(clippy::unwrap_used, clippy::vec_box, unsafe_code)]

mod common;
#[cfg(target_os = "linux")]
mod refusing;

use common::{assert_freed_but, pointer, times, Canary};
use proofbook_memory::hazard::{
    HazardsExhausted, OptimizedHazardPointerManager, Published, BATCH_SIZE, MAX_HAZARDS_PER_THREAD,
    THREADS_MAX,
};
use proofbook_memory::registration::RegistrationError;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

const PLACES: usize = 4;

/// What readers and writers of the long test share.
struct Stage {
    manager: OptimizedHazardPointerManager,
    places: Vec<AtomicPtr<Canary>>,
    is_over: AtomicBool,
    waiting_max: AtomicUsize,
}

impl Stage {
    /// Holds what is in two places, looks at it, and registers anew now and then, so that records change owners while others scan.
    fn read(&self) {
        let mut seen = 0_u64;
        while !self.is_over.load(Ordering::Relaxed) || seen == 0 {
            let participant = self.manager.register().unwrap();
            let (mut one, mut other) =
                (participant.hazard().unwrap(), participant.hazard().unwrap());
            for round in 0..200 {
                let (first, second) = (
                    &self.places[round % PLACES],
                    &self.places[(round + 1) % PLACES],
                );
                // SAFETY: canaries live to the end, and are retired after they were taken out.
                let (first, second) =
                    unsafe { (one.protect(first).unwrap(), other.protect(second).unwrap()) };
                for _ in 0..20 {
                    first.assert_alive();
                    second.assert_alive();
                }
                seen += 1;
            }
        }
    }

    /// Exchanges what is in the places and retires what was there; gives what it made.
    fn write(&self, writer: u64, rounds: u64) -> Vec<Box<Canary>> {
        let mut made = Vec::new();
        let mut participant = self.manager.register().unwrap();
        for round in 0..rounds {
            let canary = Canary::new(writer << 32 | round);
            let before =
                self.places[round as usize % PLACES].swap(pointer(&canary), Ordering::AcqRel);
            made.push(canary);
            // SAFETY: this thread took it out, and canaries outlive the manager.
            unsafe { participant.retire((*before).retired()) };
            self.waiting_max
                .fetch_max(participant.retired_len(), Ordering::Relaxed);
            if round % 1_000 == 999 {
                drop(participant);
                participant = self.manager.register().unwrap();
            }
        }
        made
    }
}

#[test]
fn what_is_held_stays_and_the_rest_is_freed_once() {
    let rounds = times(3_000, 300_000);
    // Declared first: also where an assertion fails, the canaries go after all that could touch them.
    let mut made: Vec<_> = (0..PLACES as u64).map(Canary::new).collect();
    let stage = Stage {
        manager: OptimizedHazardPointerManager::new(4).unwrap(),
        places: made
            .iter()
            .map(|canary| AtomicPtr::new(pointer(canary)))
            .collect(),
        is_over: AtomicBool::new(false),
        waiting_max: AtomicUsize::new(0),
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
    let statistics = stage.manager.statistics();
    assert_eq!(statistics.retired, 2 * rounds);
    assert!(statistics.scans > 0 && statistics.freed > 0);
    assert!(stage.waiting_max.into_inner() <= stage.manager.retired_max());
    drop(stage.manager);
    assert_freed_but(&stage.places, &made);
}

#[test]
fn one_stalled_reader_holds_back_no_more_than_it_names() {
    let manager = OptimizedHazardPointerManager::new(2).unwrap();
    let (reader, writer) = (manager.register().unwrap(), manager.register().unwrap());
    let held = Canary::new(0);
    let place = AtomicPtr::new(pointer(&held));
    let mut hazard = reader.hazard().unwrap();
    // SAFETY: the canary lives to the end, and is retired after it was taken out.
    let seen = unsafe { hazard.protect(&place) }.unwrap();
    place.store(std::ptr::null_mut(), Ordering::Release);
    let others: Vec<_> = (1..=10_000).map(Canary::new).collect();
    for canary in [&held].into_iter().chain(&others) {
        // SAFETY: nothing leads to them, and they outlive the manager.
        unsafe { writer.retire(canary.retired()) };
        assert!(writer.retired_len() <= 3 * MAX_HAZARDS_PER_THREAD + 2 * BATCH_SIZE);
    }
    writer.reclaim();
    assert_eq!(writer.retired_len(), 1);
    seen.assert_alive();
    drop(hazard);
    writer.reclaim();
    assert_eq!((writer.retired_len(), held.freed()), (0, 1));
    assert!(others.iter().all(|canary| canary.freed() == 1));
}

#[test]
fn what_a_thread_leaves_is_freed_by_another() {
    let manager = OptimizedHazardPointerManager::new(2).unwrap();
    let held = Canary::new(0);
    let place = AtomicPtr::new(pointer(&held));
    let reader = manager.register().unwrap();
    let mut hazard = reader.hazard().unwrap();
    // SAFETY: as above.
    let seen = unsafe { hazard.protect(&place) }.unwrap();
    let writer = manager.register().unwrap();
    place.store(std::ptr::null_mut(), Ordering::Release);
    // SAFETY: as above.
    unsafe { writer.retire(held.retired()) };
    drop(writer);
    seen.assert_alive();
    hazard.clear();
    drop(hazard);
    assert_eq!(held.freed(), 0);
    reader.reclaim();
    assert_eq!(held.freed(), 1);
}

#[test]
fn a_forgotten_hazard_pointer_holds_until_its_participant_leaves() {
    let manager = OptimizedHazardPointerManager::new(1).unwrap();
    let canary = Canary::new(1);
    let place = AtomicPtr::new(pointer(&canary));
    let participant = manager.register().unwrap();
    let mut hazard = participant.hazard().unwrap();
    // SAFETY: the canary outlives the manager.
    unsafe { hazard.protect(&place) }.unwrap();
    std::mem::forget(hazard);
    // SAFETY: nothing leads to it but the hazard pointer.
    unsafe { participant.retire(canary.retired()) };
    participant.reclaim();
    assert_eq!(canary.freed(), 0);
    drop(participant);
    assert_eq!(canary.freed(), 1);
    let participant = manager.register().unwrap();
    assert_eq!(
        (0..MAX_HAZARDS_PER_THREAD)
            .filter_map(|_| participant.hazard().map(std::mem::forget).ok())
            .count(),
        MAX_HAZARDS_PER_THREAD
    );
}

#[test]
fn bounds_are_refused_with_what_was_expected() {
    for threads in [0, THREADS_MAX + 1] {
        let error = OptimizedHazardPointerManager::new(threads).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("expected from 1 to {THREADS_MAX} threads, received {threads}")
        );
    }
    let manager = OptimizedHazardPointerManager::new(1).unwrap();
    let participant = manager.register().unwrap();
    let error = manager.register().unwrap_err();
    assert_eq!(error, RegistrationError { threads_max: 1 });
    assert_eq!(
        error.to_string(),
        "expected fewer than 1 participants, received one more than these"
    );
    let mut hazards: Vec<_> = (0..MAX_HAZARDS_PER_THREAD)
        .map(|_| participant.hazard().unwrap())
        .collect();
    assert_eq!(participant.hazard().unwrap_err(), HazardsExhausted);
    hazards.remove(3);
    hazards.push(participant.hazard().unwrap());
    assert!(participant.hazard().is_err());
    drop(hazards);
    drop(participant);
    assert!(manager.register().is_ok());
}

/// A destructor that retires and reclaims itself neither recurses without end nor loses anything.
#[test]
fn destructors_may_retire() {
    struct Chain(u32, Arc<Used>);
    struct Used(AtomicUsize);
    thread_local!(static MINE: std::cell::OnceCell<proofbook_memory::hazard::Participant> = const { std::cell::OnceCell::new() });
    impl Drop for Chain {
        fn drop(&mut self) {
            self.1 .0.fetch_add(1, Ordering::Relaxed);
            if self.0 > 0 {
                let next = Box::into_raw(Box::new(Chain(self.0 - 1, Arc::clone(&self.1))));
                MINE.with(|mine| {
                    let participant = mine.get().unwrap();
                    // SAFETY: nobody else knows the box.
                    unsafe { participant.retire(proofbook_memory::retired::Retired::boxed(next)) };
                    participant.reclaim();
                });
            }
        }
    }
    let manager = OptimizedHazardPointerManager::new(1).unwrap();
    let used = Arc::new(Used(AtomicUsize::new(0)));
    MINE.with(|mine| {
        let participant = mine.get_or_init(|| manager.register().unwrap());
        let first = Box::into_raw(Box::new(Chain(5, Arc::clone(&used))));
        // SAFETY: nobody else knows the box.
        unsafe { participant.retire(proofbook_memory::retired::Retired::boxed(first)) };
        for dropped in 1..=6 {
            participant.reclaim();
            assert_eq!(used.0.load(Ordering::Relaxed), dropped);
        }
        assert_eq!(participant.retired_len(), 0);
    });
}

#[test]
fn a_published_value_is_read_while_it_is_replaced() {
    let replacements = times(50_000, 2_000_000);
    let manager = OptimizedHazardPointerManager::new(3).unwrap();
    let record = Published::new(&manager, (0_u64, 0_u64));
    let start = Barrier::new(3);
    std::thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                let participant = manager.register().unwrap();
                let mut hazard = participant.hazard().unwrap();
                start.wait();
                let mut last = 0;
                while last < replacements {
                    let &(number, check) = record.load(&mut hazard);
                    assert_eq!(check, number.wrapping_mul(3));
                    assert!(
                        number >= last,
                        "expected {last} or later, received {number}"
                    );
                    last = number;
                }
            })
        });
        let participant = manager.register().unwrap();
        start.wait();
        for number in 1..=replacements {
            record.replace(&participant, (number, number.wrapping_mul(3)));
        }
        readers
            .into_iter()
            .for_each(|reader| reader.join().unwrap());
    });
}

#[test]
#[should_panic(expected = "the manager that this was published with")]
fn a_hazard_pointer_of_another_manager_is_refused() {
    let (one, other) = (
        OptimizedHazardPointerManager::new(1).unwrap(),
        OptimizedHazardPointerManager::new(1).unwrap(),
    );
    let record = Published::new(&one, 5);
    let participant = other.register().unwrap();
    let mut hazard = participant.hazard().unwrap();
    record.load(&mut hazard);
}

#[cfg(target_os = "linux")]
#[test]
fn all_of_this_holds_where_the_kernel_refuses_barriers_in_all_threads() {
    refusing::run_all_but("all_of_this_holds_where");
}
