//! Models of epochs: a thing is read only before its death and after its birth, and dies once.

#![cfg(loom)]
#![allow(clippy::unwrap_used, unsafe_code)]

mod modelled;

use loom::sync::atomic::{AtomicPtr, Ordering};
use loom::sync::Arc;
use loom::thread;
use modelled::{model, Thing};
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

    /// The first thing is dead once nobody is pinned, whoever holds it.
    fn assert_ends(&self, participants: impl IntoIterator<Item = Participant>) {
        drop(participants.into_iter().collect::<Vec<_>>());
        self.register().collect();
        assert!(self.things[0].is_dead() && !self.things[1].is_dead());
    }
}

/// Runs something with the world on another thread; gives its participant back, since leaving is another model.
fn spawn(
    world: &Arc<World>,
    run: impl FnOnce(&World, &Participant) + 'static,
) -> thread::JoinHandle<Participant> {
    let (world, participant) = (Arc::clone(world), world.register());
    thread::spawn(move || {
        run(&world, &participant);
        participant
    })
}

#[test]
fn a_thing_is_not_freed_while_a_pinned_thread_reads_it() {
    model(3, || {
        let world = World::new(2);
        let reader = spawn(&world, |world, participant| world.read(&participant.pin()));
        let writer = world.register();
        world.exchange(&writer.pin());
        writer.collect();
        let reader = reader.join().unwrap();
        world.assert_ends([reader, writer]);
    });
}

#[test]
fn two_pinned_threads_hold_a_thing_back() {
    model(2, || {
        let world = World::new(3);
        let readers: Vec<_> = (0..2)
            .map(|_| spawn(&world, |world, participant| world.read(&participant.pin())))
            .collect();
        let writer = world.register();
        world.exchange(&writer.pin());
        writer.collect();
        let readers: Vec<_> = readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect();
        world.assert_ends(readers.into_iter().chain([writer]));
    });
}

/// What was read under the first pin is over for whoever sees the second.
#[test]
fn a_thread_that_pins_again_lets_the_first_epoch_go() {
    model(3, || {
        let world = World::new(2);
        let reader = spawn(&world, |world, participant| {
            world.read(&participant.pin());
            let guard = participant.pin();
            world.read(&guard);
            std::mem::forget(guard);
        });
        let writer = world.register();
        world.exchange(&writer.pin());
        writer.collect();
        let reader = reader.join().unwrap();
        world.assert_ends([reader, writer]);
    });
}

#[test]
fn a_guard_that_is_refreshed_holds_what_it_reads_then() {
    model(3, || {
        let world = World::new(2);
        let reader = spawn(&world, |world, participant| {
            let mut guard = participant.pin();
            world.read(&guard);
            guard.refresh();
            world.read(&guard);
        });
        let writer = world.register();
        world.exchange(&writer.pin());
        writer.collect();
        let reader = reader.join().unwrap();
        world.assert_ends([reader, writer]);
    });
}

/// The writer's pin alone keeps back what another thread, pinned one epoch later, holds.
#[test]
fn a_reader_of_the_next_epoch_is_waited_for_by_two_others() {
    model(2, || {
        let world = World::new(3);
        let (writer, other, reader) = (world.register(), world.register(), world.register());
        let early = writer.pin();
        other.collect();
        assert_eq!(world.epochs.statistics().epoch, 1);
        std::mem::forget(reader.pin());
        world.exchange_late(early, &other);
        assert_eq!(world.epochs.statistics().epoch, 2);
        let reader = thread::spawn({
            let world = Arc::clone(&world);
            move || {
                world.things[0].assert_alive();
                drop(reader);
                drop(world);
            }
        });
        let advancer = thread::spawn(move || {
            other.collect();
            other
        });
        writer.collect();
        reader.join().unwrap();
        let other = advancer.join().unwrap();
        world.assert_ends([writer, other]);
    });
}

impl World {
    /// The writer, pinned in epoch 0, takes the thing out that the reader, pinned in epoch 1, holds; another advances to 2.
    fn exchange_late(&self, early: EpochGuard<'_>, other: &Participant) {
        self.exchange(&early);
        drop(early);
        other.collect();
    }
}

#[test]
fn what_a_thread_leaves_is_freed_by_another() {
    model(2, || {
        let world = World::new(2);
        let (reader, writer) = (world.register(), world.register());
        let guard = reader.pin();
        let leaver = thread::spawn({
            let world = Arc::clone(&world);
            move || {
                world.exchange(&writer.pin());
                drop(writer);
                drop(world);
            }
        });
        world.read(&guard);
        drop(guard);
        reader.collect();
        leaver.join().unwrap();
        world.assert_ends([reader]);
    });
}

#[test]
fn a_record_is_one_threads_at_a_time() {
    model(3, || {
        let world = World::new(1);
        let first = world.register();
        let leaver = thread::spawn(move || drop(first));
        let second = world.epochs.register();
        if let Ok(second) = &second {
            world.exchange(&second.pin());
        }
        leaver.join().unwrap();
        let is_retired = second.is_ok();
        drop(second);
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
    model(2, || {
        let things = Arc::new([Thing::unborn(), Thing::unborn(), Thing::unborn()]);
        let epochs = EpochBasedReclamation::new(
            2,
            StallPolicy::Refuse {
                retired_per_thread_max: 8,
            },
        )
        .unwrap();
        let record = Arc::new(Published::new(&epochs, Value::new(&things, 0)));
        let (mine, theirs) = (epochs.register().unwrap(), epochs.register().unwrap());
        let other = thread::spawn({
            let (record, things) = (Arc::clone(&record), Arc::clone(&things));
            move || {
                record
                    .replace(&theirs.pin(), Value::new(&things, 1))
                    .unwrap();
                theirs
            }
        });
        {
            let guard = mine.pin();
            let value = record.load(&guard);
            value.0[value.1].assert_alive();
            record.replace(&guard, Value::new(&things, 2)).unwrap();
        }
        mine.collect();
        drop(other.join().unwrap());
        drop(mine);
        drop(epochs);
        drop(record);
        assert!(things.iter().all(Thing::is_dead));
    });
}
