//! Hazard pointers and epochs: what a reader pays for being safe.

use std::hint::black_box;

use haphazard::{AtomicPtr, HazardPointer};
use proofbook_memory::epoch::{self, EpochBasedReclamation, StallPolicy};
use proofbook_memory::hazard::{self, OptimizedHazardPointerManager, Published};

use super::{own, peer, Contestant, Entry};

/// Ours: a word, and the manager that it is published with.
struct OurHazards {
    manager: OptimizedHazardPointerManager,
    word: Published<u64>,
}

impl Contestant for OurHazards {
    type Own<'a> = hazard::Participant;

    fn enter(&self, _thread: usize) -> hazard::Participant {
        self.manager.register().expect("there is a record for each")
    }

    #[inline]
    fn once(&self, participant: &mut hazard::Participant, _turn: u64) {
        let mut hazard = participant.hazard().expect("none is in use");
        black_box(*self.word.load(&mut hazard));
    }
}

/// haphazard: a word in its global domain.
struct Haphazard(AtomicPtr<u64>);

impl Contestant for Haphazard {
    type Own<'a> = HazardPointer<'static>;

    fn enter(&self, _thread: usize) -> Self::Own<'_> {
        HazardPointer::new()
    }

    #[inline]
    fn once<'a>(&'a self, hazard: &mut Self::Own<'a>, _turn: u64) {
        black_box(self.0.safe_load(hazard).copied());
        hazard.reset_protection();
    }
}

pub fn hazards(threads: usize) -> Vec<Entry> {
    let manager = OptimizedHazardPointerManager::new(threads).expect("there are few threads");
    let word = Published::new(&manager, 1);
    vec![
        peer("haphazard", Haphazard(AtomicPtr::from(Box::new(1)))),
        own(
            "OptimizedHazardPointerManager",
            OurHazards { manager, word },
        ),
    ]
}

impl Contestant for EpochBasedReclamation {
    type Own<'a> = epoch::Participant;

    fn enter(&self, _thread: usize) -> epoch::Participant {
        self.register().expect("there is a record for each")
    }

    #[inline]
    fn once(&self, participant: &mut epoch::Participant, _turn: u64) {
        black_box(&participant.pin());
    }
}

/// crossbeam-epoch: a collector and its participants.
struct Crossbeam(crossbeam_epoch::Collector);

impl Contestant for Crossbeam {
    type Own<'a> = crossbeam_epoch::LocalHandle;

    fn enter(&self, _thread: usize) -> Self::Own<'_> {
        self.0.register()
    }

    #[inline]
    fn once<'a>(&'a self, handle: &mut Self::Own<'a>, _turn: u64) {
        black_box(&handle.pin());
    }
}

/// Retired things that a thread may hold: nothing is retired here.
const RETIRED_PER_THREAD_MAX: usize = 1024;

pub fn epochs(threads: usize) -> Vec<Entry> {
    let policy = StallPolicy::Refuse {
        retired_per_thread_max: RETIRED_PER_THREAD_MAX,
    };
    let ours = EpochBasedReclamation::new(threads, policy).expect("there are few threads");
    vec![
        peer(
            "crossbeam-epoch",
            Crossbeam(crossbeam_epoch::Collector::new()),
        ),
        own("EpochBasedReclamation", ours),
    ]
}
