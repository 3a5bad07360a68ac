//! Models of hazard pointers: a thing is read only before its death and after its birth, and dies once.

#![cfg(loom)]
#![allow(clippy::unwrap_used, unsafe_code)]

mod modelled;

use loom::sync::atomic::{AtomicPtr, Ordering};
use loom::sync::Arc;
use modelled::{model, model_of_three, Thing};
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

    /// Puts the third thing where the first is, retires that and looks whether it can be freed.
    fn exchange_first(&self, participant: &Participant) {
        self.things[2].bear();
        let before = self.places[0].swap(self.things[2].pointer(), Ordering::AcqRel);
        assert_eq!(before, self.things[0].pointer());
        // SAFETY: nothing leads to it any more, and things outlive the manager.
        unsafe { participant.retire(self.things[0].retired()) };
        participant.reclaim();
    }

    /// Reads what is in these places, one after the other through one hazard pointer, which names the last of them then.
    fn read(&self, participant: &Participant, places: &[usize]) {
        let mut hazard = participant.hazard().unwrap();
        for place in places {
            // SAFETY: things outlive the manager, and are retired after they were taken out.
            unsafe { hazard.protect(&self.places[*place]) }
                .unwrap()
                .assert_alive();
        }
        if places.len() > 1 {
            std::mem::forget(hazard);
        }
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

/// A role with its own participant, which is kept to the end: leaving is another model.
fn role(
    world: &Arc<World>,
    run: impl FnOnce(&World, &Participant) + 'static,
) -> impl FnOnce() -> Participant + 'static {
    let (world, participant) = (Arc::clone(world), world.manager.register().unwrap());
    move || {
        run(&world, &participant);
        drop(world);
        participant
    }
}

#[test]
fn a_protected_thing_is_not_freed_while_it_is_read() {
    model(4, |roles| {
        let world = World::new(2);
        let reader = role(&world, |world, participant| world.read(participant, &[0]));
        drop(roles.two(reader, role(&world, World::exchange_first)));
        assert_eq!(world.end(), [true, false, false]);
    });
}

#[test]
fn a_hazard_pointer_that_names_something_else_has_let_the_first_go() {
    model(4, |roles| {
        let world = World::new(2);
        let reader = role(&world, |world, participant| {
            world.read(participant, &[0, 1])
        });
        drop(roles.two(reader, role(&world, World::exchange_first)));
        assert_eq!(world.end(), [true, false, false]);
    });
}

/// The reader's first look finds the address of a thing that dies, its second the same address with another thing there.
#[test]
fn an_address_that_comes_again_leads_to_what_is_there_now() {
    model(4, |roles| {
        let world = World::new(2);
        let reader = role(&world, |world, participant| world.read(participant, &[0]));
        let writer = role(&world, |world, participant| {
            world.exchange_first(participant);
            if participant.retired_len() == 0 {
                world.things[0].bear();
                world.places[0].store(world.things[0].pointer(), Ordering::Release);
            }
        });
        drop(roles.two(reader, writer));
        let is_back = world.places[0].load(Ordering::Relaxed) == world.things[0].pointer();
        assert_eq!(world.end(), [!is_back, false, false]);
    });
}

#[test]
fn two_readers_hold_a_thing_back() {
    model_of_three(2, |roles| {
        let world = World::new(3);
        let reader = || role(&world, |world, participant| world.read(participant, &[0]));
        drop(roles.three(reader(), reader(), role(&world, World::exchange_first)));
        assert_eq!(world.end(), [true, false, false]);
    });
}

#[test]
fn a_record_is_one_threads_at_a_time() {
    model(4, |roles| {
        let world = World::new(1);
        let first = world.manager.register().unwrap();
        let joining = Arc::clone(&world);
        let join = move || {
            joining
                .manager
                .register()
                .map(|participant| joining.exchange_first(&participant))
                .is_ok()
        };
        let ((), is_retired) = roles.two(move || drop(first), join);
        assert_eq!(world.end(), [is_retired, false, false]);
    });
}

#[test]
fn what_a_thread_leaves_is_freed_by_another() {
    model(4, |roles| {
        let world = World::new(2);
        let leaver = role(&world, World::exchange_first);
        let reader = role(&world, |world, participant| {
            world.read(participant, &[0]);
            participant.reclaim();
        });
        let ((), participant) = roles.two(move || drop(leaver()), reader);
        drop(participant);
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
    model(3, |roles| {
        let things = Arc::new([Thing::unborn(), Thing::unborn(), Thing::unborn()]);
        let manager = OptimizedHazardPointerManager::new(2).unwrap();
        let record = Arc::new(Published::new(&manager, Value::new(&things, 0)));
        let role = |index: usize| {
            let (record, things, participant) = (
                Arc::clone(&record),
                Arc::clone(&things),
                manager.register().unwrap(),
            );
            move || {
                let mut hazard = participant.hazard().unwrap();
                let value = record.load(&mut hazard);
                value.0[value.1].assert_alive();
                drop(hazard);
                record.replace(&participant, Value::new(&things, index));
                participant.reclaim();
                participant
            }
        };
        drop(roles.two(role(1), role(2)));
        drop(manager);
        drop(record);
        assert!(things.iter().all(Thing::is_dead));
    });
}
