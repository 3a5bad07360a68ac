//! Models of hazard pointers: a thing is read only before its death and after its birth, and dies once.

#![cfg(loom)]
#![allow(clippy::unwrap_used, unsafe_code)]

mod modelled;

use loom::sync::atomic::{AtomicPtr, Ordering};
use loom::sync::Arc;
use loom::thread;
use modelled::{model, Thing};
use proofbook_memory::hazard::{OptimizedHazardPointerManager, Participant, Published};

/// Two places, a thing in each, and one that is not born yet.
struct World {
    manager: OptimizedHazardPointerManager,
    places: [AtomicPtr<Thing>; 2],
    things: [Thing; 3],
}

impl World {
    fn new(threads_max: usize) -> Arc<World> {
        let world = Arc::new(World {
            manager: OptimizedHazardPointerManager::new(threads_max).unwrap(),
            places: [
                AtomicPtr::new(std::ptr::null_mut()),
                AtomicPtr::new(std::ptr::null_mut()),
            ],
            things: [Thing::alive(), Thing::alive(), Thing::unborn()],
        });
        for (place, thing) in world.places.iter().zip(&world.things) {
            place.store(thing.pointer(), Ordering::Relaxed);
        }
        world
    }

    /// Puts the third thing where the first is, and retires that.
    fn exchange_first(&self, participant: &Participant) {
        self.things[2].bear();
        let before = self.places[0].swap(self.things[2].pointer(), Ordering::AcqRel);
        assert_eq!(before, self.things[0].pointer());
        // SAFETY: nothing leads to it any more, and things outlive the manager.
        unsafe { participant.retire(self.things[0].retired()) };
    }

    /// Frees everything that is retired, and says which things are dead.
    fn end(&self) -> [bool; 3] {
        let participant = self.manager.register().unwrap();
        participant.reclaim();
        assert_eq!(participant.retired_len(), 0);
        drop(participant);
        [0, 1, 2].map(|index: usize| self.things[index].is_dead())
    }
}

#[test]
fn a_protected_thing_is_not_freed_while_it_is_read() {
    model(3, || {
        let world = World::new(2);
        let (reader, writer) = (
            world.manager.register().unwrap(),
            world.manager.register().unwrap(),
        );
        let other = thread::spawn({
            let world = Arc::clone(&world);
            move || {
                let mut hazard = reader.hazard().unwrap();
                // SAFETY: things outlive the manager, and are retired after they were taken out.
                let thing = unsafe { hazard.protect(&world.places[0]) }.unwrap();
                thing.assert_alive();
                drop(hazard);
                drop(world);
                // Kept to the end: leaving is another model.
                reader
            }
        });
        world.exchange_first(&writer);
        writer.reclaim();
        drop(other.join().unwrap());
        drop(writer);
        assert_eq!(world.end(), [true, false, false]);
    });
}

#[test]
fn a_hazard_pointer_that_names_something_else_let_the_first_go() {
    model(2, || {
        let world = World::new(2);
        let (reader, writer) = (
            world.manager.register().unwrap(),
            world.manager.register().unwrap(),
        );
        let other = thread::spawn({
            let world = Arc::clone(&world);
            move || {
                let mut hazard = reader.hazard().unwrap();
                for place in &world.places {
                    // SAFETY: as above.
                    unsafe { hazard.protect(place) }.unwrap().assert_alive();
                }
                std::mem::forget(hazard);
                drop(world);
                reader
            }
        });
        world.exchange_first(&writer);
        writer.reclaim();
        drop(other.join().unwrap());
        drop(writer);
        assert_eq!(world.end(), [true, false, false]);
    });
}

#[test]
fn two_readers_hold_a_thing_back() {
    model(2, || {
        let world = World::new(3);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let (world, reader) = (Arc::clone(&world), world.manager.register().unwrap());
                thread::spawn(move || {
                    let mut hazard = reader.hazard().unwrap();
                    // SAFETY: as above.
                    unsafe { hazard.protect(&world.places[0]) }
                        .unwrap()
                        .assert_alive();
                    drop(hazard);
                    drop(world);
                    reader
                })
            })
            .collect();
        let writer = world.manager.register().unwrap();
        world.exchange_first(&writer);
        writer.reclaim();
        readers
            .into_iter()
            .for_each(|reader| drop(reader.join().unwrap()));
        drop(writer);
        assert_eq!(world.end(), [true, false, false]);
    });
}

#[test]
fn a_record_is_one_threads_at_a_time() {
    model(3, || {
        let world = World::new(1);
        let first = world.manager.register().unwrap();
        let other = thread::spawn(move || drop(first));
        let second = world.manager.register();
        if let Ok(second) = &second {
            world.exchange_first(second);
        }
        other.join().unwrap();
        let is_retired = second.is_ok();
        drop(second);
        assert_eq!(world.end(), [is_retired, false, false]);
    });
}

#[test]
fn what_a_thread_leaves_is_freed_by_another() {
    model(3, || {
        let world = World::new(2);
        let (reader, writer) = (
            world.manager.register().unwrap(),
            world.manager.register().unwrap(),
        );
        let mut hazard = reader.hazard().unwrap();
        // SAFETY: as above.
        let thing = unsafe { hazard.protect(&world.places[0]) }.unwrap();
        let other = thread::spawn({
            let world = Arc::clone(&world);
            move || {
                world.exchange_first(&writer);
                drop(writer);
            }
        });
        thing.assert_alive();
        hazard.clear();
        reader.reclaim();
        other.join().unwrap();
        drop(hazard);
        drop(reader);
        assert_eq!(world.end(), [true, false, false]);
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
        let manager = OptimizedHazardPointerManager::new(2).unwrap();
        let record = Arc::new(Published::new(&manager, Value::new(&things, 0)));
        let (mine, theirs) = (manager.register().unwrap(), manager.register().unwrap());
        let other = thread::spawn({
            let (record, things) = (Arc::clone(&record), Arc::clone(&things));
            move || {
                record.replace(&theirs, Value::new(&things, 1));
                theirs.reclaim();
                theirs
            }
        });
        {
            let mut hazard = mine.hazard().unwrap();
            let value = record.load(&mut hazard);
            value.0[value.1].assert_alive();
        }
        record.replace(&mine, Value::new(&things, 2));
        mine.reclaim();
        drop(other.join().unwrap());
        drop(mine);
        drop(manager);
        drop(record);
        assert!(things.iter().all(Thing::is_dead));
    });
}
