//! Models of epochs: a thing is read only before its death and after its birth, and dies once.

#![cfg(loom)]
#![allow(clippy::unwrap_used, unsafe_code)]

mod modelled;

use loom::sync::atomic::{AtomicPtr, Ordering};
use loom::sync::Arc;
use modelled::{model, model_of_three, Thing};
use proofbook_memory::epoch::{
    EpochBasedReclamation, EpochGuard, Participant, Published, StallPolicy,
};

/// A place with a thing in it, and one that is not born yet.
struct World {
    epochs: EpochBasedReclamation,
    place: AtomicPtr<Thing>,
    things: [Thing; 2],
}

impl World {
    fn new(threads_max: usize) -> Arc<World> {
        let policy = StallPolicy::Refuse {
            retired_per_thread_max: 8,
        };
        let world = Arc::new(World {
            epochs: EpochBasedReclamation::new(threads_max, policy).unwrap(),
            place: AtomicPtr::new(std::ptr::null_mut()),
            things: [Thing::alive(), Thing::unborn()],
        });
        world
            .place
            .store(world.things[0].pointer(), Ordering::Relaxed);
        world
    }

    fn register(&self) -> Participant {
        self.epochs.register().unwrap()
    }

    /// Reads what is in the place.
    fn read(&self, guard: &EpochGuard<'_>) {
        // SAFETY: things outlive the epochs, and are retired after they were taken out.
        unsafe { guard.load(&self.place) }.unwrap().assert_alive();
    }

    /// Puts the second thing where the first is, and retires that.
    fn exchange(&self, guard: &EpochGuard<'_>) {
        self.things[1].bear();
        let before = self.place.swap(self.things[1].pointer(), Ordering::AcqRel);
        assert_eq!(before, self.things[0].pointer());
        // SAFETY: nothing leads to it any more, and things outlive the epochs.
        unsafe { guard.retire(self.things[0].retired()) }.unwrap();
    }

    fn exchange_and_collect(&self, participant: &Participant) {
        self.exchange(&participant.pin());
        participant.collect();
    }

    /// The first thing is dead once nobody is pinned, whoever holds it.
    fn assert_ends(&self) {
        self.register().collect();
        assert!(self.things[0].is_dead() && !self.things[1].is_dead());
    }
}

/// A role with its own participant, which is kept to the end: leaving is another model.
fn role(
    world: &Arc<World>,
    run: impl FnOnce(&World, &Participant) + 'static,
) -> impl FnOnce() -> Participant + 'static {
    let (world, participant) = (Arc::clone(world), world.register());
    move || {
        run(&world, &participant);
        drop(world);
        participant
    }
}

#[test]
fn a_thing_is_not_freed_while_a_pinned_thread_reads_it() {
    model(3, |roles| {
        let world = World::new(2);
        let reader = role(&world, |world, participant| world.read(&participant.pin()));
        drop(roles.two(reader, role(&world, World::exchange_and_collect)));
        world.assert_ends();
    });
}

#[test]
fn two_pinned_threads_hold_a_thing_back() {
    model_of_three(2, |roles| {
        let world = World::new(3);
        let reader = || role(&world, |world, participant| world.read(&participant.pin()));
        drop(roles.three(
            reader(),
            reader(),
            role(&world, World::exchange_and_collect),
        ));
        world.assert_ends();
    });
}

#[test]
fn a_thread_that_pins_again_holds_what_it_reads_then() {
    model(3, |roles| {
        let world = World::new(2);
        let reader = role(&world, |world, participant| {
            world.read(&participant.pin());
            world.read(&participant.pin());
        });
        drop(roles.two(reader, role(&world, World::exchange_and_collect)));
        world.assert_ends();
    });
}

#[test]
fn a_guard_that_is_refreshed_holds_what_it_reads_then() {
    model(3, |roles| {
        let world = World::new(2);
        let reader = role(&world, |world, participant| {
            let mut guard = participant.pin();
            world.read(&guard);
            guard.refresh();
            world.read(&guard);
        });
        drop(roles.two(reader, role(&world, World::exchange_and_collect)));
        world.assert_ends();
    });
}

/// The last moment at which a thing can be held: taken out in epoch 0, held by a reader pinned in epoch 1, the epoch being 2.
struct Late {
    world: Arc<World>,
    writer: Participant,
    other: Participant,
    reader: *mut Participant,
    pinned: EpochGuard<'static>,
}

impl Late {
    fn new() -> Self {
        let world = World::new(3);
        let (writer, other) = (world.register(), world.register());
        let reader = Box::into_raw(Box::new(world.register()));
        let early = writer.pin();
        other.collect();
        assert_eq!(world.epochs.statistics().epoch, 1);
        // SAFETY: the guard is dropped before the participant, in `read`.
        let pinned = unsafe { &*reader }.pin();
        world.exchange(&early);
        drop(early);
        other.collect();
        assert_eq!(world.epochs.statistics().epoch, 2);
        Late {
            world,
            writer,
            other,
            reader,
            pinned,
        }
    }

    /// What the reader does: it reads, unpins, and pins again where it is told to.
    fn read(
        world: Arc<World>,
        reader: *mut Participant,
        pinned: EpochGuard<'static>,
        is_to_pin: bool,
    ) -> Participant {
        world.things[0].assert_alive();
        drop(world);
        drop(pinned);
        // SAFETY: it came from a box, and its guard is gone.
        let reader = *unsafe { Box::from_raw(reader) };
        if is_to_pin {
            std::mem::forget(reader.pin());
        }
        reader
    }
}

fn collect(participant: Participant) -> Participant {
    participant.collect();
    participant
}

#[test]
fn a_thread_that_unpins_lets_its_epoch_go_for_whoever_advances_and_whoever_frees() {
    model_of_three(2, |roles| {
        let Late {
            world,
            writer,
            other,
            reader,
            pinned,
        } = Late::new();
        let reading = Arc::clone(&world);
        drop(roles.three(
            move || Late::read(reading, reader, pinned, false),
            move || collect(other),
            move || collect(writer),
        ));
        world.assert_ends();
    });
}

#[test]
fn a_thread_that_pins_again_has_let_the_epoch_before_go() {
    model(4, |roles| {
        let Late {
            world,
            writer,
            other,
            reader,
            pinned,
        } = Late::new();
        let reading = Arc::clone(&world);
        drop(roles.two(
            move || Late::read(reading, reader, pinned, true),
            move || collect(writer),
        ));
        drop(other);
        world.assert_ends();
    });
}

#[test]
fn what_a_thread_leaves_is_freed_by_another() {
    model(3, |roles| {
        let world = World::new(2);
        let leaver = role(&world, |world, participant| {
            world.exchange(&participant.pin())
        });
        let reader = role(&world, |world, participant| {
            world.read(&participant.pin());
            participant.collect();
        });
        let ((), participant) = roles.two(move || drop(leaver()), reader);
        drop(participant);
        world.assert_ends();
    });
}

#[test]
fn a_record_is_one_threads_at_a_time() {
    model(4, |roles| {
        let world = World::new(1);
        let first = world.register();
        let joining = Arc::clone(&world);
        let join = move || {
            joining
                .epochs
                .register()
                .map(|participant| joining.exchange_and_collect(&participant))
                .is_ok()
        };
        let ((), is_retired) = roles.two(move || drop(first), join);
        assert_eq!(world.things[0].is_dead(), is_retired);
    });
}

/// A value whose birth and death are those of a thing that outlives it.
struct Value(Arc<[Thing; 3]>, usize);

impl Value {
    fn new(things: &Arc<[Thing; 3]>, index: usize) -> Self {
        things[index].bear();
        Value(Arc::clone(things), index)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: this is its only death.
        unsafe { self.0[self.1].retired().free() };
    }
}

#[test]
fn a_published_value_is_whole_and_two_writers_drop_each_others() {
    model(2, |roles| {
        let things = Arc::new([Thing::unborn(), Thing::unborn(), Thing::unborn()]);
        let epochs = EpochBasedReclamation::new(
            2,
            StallPolicy::Refuse {
                retired_per_thread_max: 8,
            },
        )
        .unwrap();
        let record = Arc::new(Published::new(&epochs, Value::new(&things, 0)));
        let role = |index: usize| {
            let (record, things, participant) = (
                Arc::clone(&record),
                Arc::clone(&things),
                epochs.register().unwrap(),
            );
            move || {
                let guard = participant.pin();
                let value = record.load(&guard);
                value.0[value.1].assert_alive();
                record.replace(&guard, Value::new(&things, index)).unwrap();
                drop(guard);
                participant.collect();
                participant
            }
        };
        drop(roles.two(role(1), role(2)));
        drop(epochs);
        drop(record);
        assert!(things.iter().all(Thing::is_dead));
    });
}
