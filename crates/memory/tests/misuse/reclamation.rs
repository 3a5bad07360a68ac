//! Hazard pointers and epochs, as far as they can be used without unsafe code: through `Published`.

use std::cell::Cell;
use std::sync::{Arc, LazyLock, Mutex};

use proofbook_memory::epoch::{self, EpochBasedReclamation, StallPolicy};
use proofbook_memory::hazard::{self, OptimizedHazardPointerManager};

use crate::fragile::{survive, Fragile, Live};

fn epochs(threads_max: usize) -> EpochBasedReclamation {
    let policy = StallPolicy::Refuse {
        retired_per_thread_max: 64,
    };
    EpochBasedReclamation::new(threads_max, policy).expect("possible settings")
}

fn hazards(threads_max: usize) -> OptimizedHazardPointerManager {
    OptimizedHazardPointerManager::new(threads_max).expect("a possible number of threads")
}

/// A value in which another one is published, as in a tree whose branches are replaced one by one.
struct Branch<P> {
    _value: Fragile,
    _inner: P,
}

/// Who holds the last of these drops the participant in it, if there is one.
type Farewell<P> = Arc<Mutex<Option<P>>>;

/// What the last participant of all leaves behind is freed with the reclamation. It must not be what keeps that there.
#[test]
fn what_is_published_inside_of_a_published_value_goes_with_its_hazard_pointers() {
    let live = Live::default();
    let manager = hazards(2);
    let branch = || Branch {
        _value: live.sound(),
        _inner: hazard::Published::new(&manager, live.sound()),
    };
    let outer = hazard::Published::new(&manager, branch());
    let farewell = Farewell::default();
    let trigger = hazard::Published::new(&manager, Arc::clone(&farewell));
    let [reader, writer] = [(); 2].map(|()| manager.register().expect("there is room"));
    let mut hazard = reader.hazard().expect("none is in use");
    outer.load(&mut hazard);
    std::mem::forget(hazard);
    outer.replace(&writer, branch());
    trigger.replace(&writer, Farewell::default());
    *farewell.lock().expect("one thread") = Some(reader);
    drop(farewell);
    // It finds that the reader holds the branch. Then it frees what makes the reader leave, who finds nothing to take over.
    drop(writer);
    assert_eq!(live.now(), 4);
    drop((outer, trigger, manager));
    assert_eq!(live.now(), 0);
}

#[test]
fn what_is_published_inside_of_a_published_value_goes_with_its_epochs() {
    let live = Live::default();
    let epochs = epochs(2);
    let branch = || Branch {
        _value: live.sound(),
        _inner: epoch::Published::new(&epochs, live.sound()),
    };
    let outer = epoch::Published::new(&epochs, branch());
    let farewell = Farewell::default();
    let trigger = epoch::Published::new(&epochs, Arc::clone(&farewell));
    let [reader, writer] = [(); 2].map(|()| epochs.register().expect("there is room"));
    let next = trigger.replace(&writer.pin(), Farewell::default());
    next.expect("there is room");
    for _ in 0..2 {
        // Pinned as it is, it lets the epoch go on by one.
        let _guard = reader.pin();
        reader.collect();
    }
    std::mem::forget(reader.pin());
    let next = outer.replace(&writer.pin(), branch());
    next.expect("there is room");
    *farewell.lock().expect("one thread") = Some(reader);
    drop(farewell);
    // The epoch goes on by one more, so that the writer frees what makes the reader leave, and not yet the branch.
    drop(writer);
    assert_eq!(live.now(), 4);
    drop((outer, trigger, epochs));
    assert_eq!(live.now(), 0);
}

#[test]
fn a_drop_that_panics_takes_nothing_else_with_it_under_hazard_pointers() {
    let live = Live::default();
    let manager = hazards(1);
    let value = hazard::Published::new(&manager, live.sound());
    let participant = manager.register().expect("there is room");
    let mut hazard = participant.hazard().expect("none is in use");
    let seen = value.load(&mut hazard);
    value.replace(&participant, live.sound());
    value.replace(&participant, live.broken());
    for _ in 0..8 {
        value.replace(&participant, live.sound());
    }
    survive(|| participant.reclaim());
    participant.reclaim();
    assert_eq!((seen.live().now(), participant.retired_len()), (2, 1));
    drop(hazard);
    participant.reclaim();
    assert_eq!(live.now(), 1);
    // Also as a participant leaves: its place is free again, and the others get what it had.
    value.replace(&participant, live.broken());
    for _ in 0..8 {
        value.replace(&participant, live.sound());
    }
    survive(|| drop(participant));
    manager.register().expect("the only place").reclaim();
    assert_eq!(live.now(), 1);
}

#[test]
fn a_drop_that_panics_takes_nothing_else_with_it_under_epochs() {
    let live = Live::default();
    let epochs = epochs(1);
    let value = epoch::Published::new(&epochs, live.sound());
    let participant = epochs.register().expect("there is room");
    let replace = |participant: &epoch::Participant, next| {
        let guard = participant.pin_with_room(1).expect("there is room");
        value.replace(&guard, next).expect("there is room");
    };
    let fill = |participant: &epoch::Participant| {
        replace(participant, live.sound());
        replace(participant, live.broken());
        for _ in 0..8 {
            replace(participant, live.sound());
        }
    };
    fill(&participant);
    survive(|| participant.collect());
    participant.collect();
    assert_eq!((live.now(), participant.retired_len()), (1, 0));
    fill(&participant);
    survive(|| drop(participant));
    epochs.register().expect("the only place").collect();
    assert_eq!(live.now(), 1);
}

#[test]
fn a_guard_that_was_forgotten_goes_with_its_participant() {
    let live = Live::default();
    let epochs = epochs(2);
    let value = epoch::Published::new(&epochs, live.sound());
    let reader = epochs.register().expect("there is room");
    std::mem::forget(reader.pin());
    // It can be sent away, pinned as it is, and refuses to let go of what it may hold.
    let reader = std::thread::spawn(move || {
        assert!(!reader.pin().refresh());
        reader
    });
    let reader = reader.join().expect("no assertion fails");
    let writer = epochs.register().expect("there is room");
    value
        .replace(&writer.pin(), live.sound())
        .expect("there is room");
    writer.collect();
    assert_eq!((live.now(), epochs.statistics().pinned), (2, 1));
    drop(reader);
    writer.collect();
    assert_eq!((live.now(), epochs.statistics().pinned), (1, 0));
}

/// A value whose drop publishes and replaces another one, of fewer rounds, through the participant that is dropping it.
struct Returning {
    rounds: u32,
}

static EPOCHS: LazyLock<EpochBasedReclamation> = LazyLock::new(|| epochs(1));
static BY_EPOCHS: LazyLock<epoch::Published<Returning>> =
    LazyLock::new(|| epoch::Published::new(&EPOCHS, Returning { rounds: 0 }));

thread_local! {
    static PARTICIPANT: epoch::Participant = EPOCHS.register().expect("one thread");
    static DROPPED: Cell<u32> = const { Cell::new(0) };
}

fn publish(participant: &epoch::Participant, rounds: u32) {
    let guard = participant.pin_with_room(1).expect("there is room");
    let next = BY_EPOCHS.replace(&guard, Returning { rounds });
    next.expect("there is room");
}

impl Drop for Returning {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
        let Some(rounds) = self.rounds.checked_sub(1) else {
            return;
        };
        PARTICIPANT.with(|participant| {
            participant.collect();
            publish(participant, rounds);
            publish(participant, 0);
            participant.collect();
        });
    }
}

#[test]
fn a_drop_may_come_back_to_the_participant_that_runs_it() {
    const ROUNDS: u32 = 30;
    PARTICIPANT.with(|participant| {
        publish(participant, ROUNDS);
        publish(participant, 0);
        // Each but those of no rounds makes two, and the last one stays.
        while DROPPED.get() < 2 * ROUNDS + 2 {
            let before = DROPPED.get();
            participant.collect();
            assert!(DROPPED.get() > before, "stuck after {before}");
        }
        assert_eq!(participant.retired_len(), 0);
    });
}
