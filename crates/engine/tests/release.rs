//! Events wait for the acknowledgement of their command, in bounded number.

mod common;

use common::{config, Workload};
use proofbook_books::Ladder;
use proofbook_engine::{Engine, EngineError, HELD_EVENTS_MAX};
use proofbook_journal::simulated::{SimulatedClock, SimulatedDisk};
use proofbook_journal::{Options, SyncPolicy};
use proofbook_types::{Event, MarketConfig};

type SimulatedEngine = Engine<Ladder, SimulatedDisk, SimulatedClock>;

fn engine(clock: &SimulatedClock, commands_max: u64, delay_ns_max: u64) -> SimulatedEngine {
    let options = Options {
        policy: SyncPolicy::Group {
            commands_max,
            delay_ns_max,
        },
        ..Options::default()
    };
    let disk = SimulatedDisk::new(1);
    Engine::create(disk, clock.clone(), config(), options, Ladder::default()).expect("it is new")
}

fn released(engine: &mut SimulatedEngine) -> Vec<u64> {
    let mut sequences = Vec::new();
    engine.release(&mut |sequence: u64, _: Event| sequences.push(sequence));
    sequences.dedup();
    sequences
}

#[test]
fn events_wait_for_their_acknowledgement() {
    let clock = SimulatedClock::default();
    let mut engine = engine(&clock, 3, 1000);
    let mut workload = Workload::new(3);
    for _ in 0..2 {
        let _ticket = engine
            .submit(&workload.next_command())
            .expect("the disk is sound");
        assert_eq!(released(&mut engine), []);
    }
    assert_eq!(
        engine.matching().sequence(),
        2,
        "the market is ahead of what is shown"
    );
    let _ticket = engine
        .submit(&workload.next_command())
        .expect("the disk is sound");
    assert_eq!(released(&mut engine), [1, 2, 3]);
    assert_eq!(released(&mut engine), [], "once");
    let _ticket = engine
        .submit(&workload.next_command())
        .expect("the disk is sound");
    clock.advance(1000);
    assert_eq!(released(&mut engine), [], "time alone does nothing");
    engine.poll().expect("the disk is sound");
    assert_eq!(released(&mut engine), [4]);
    let _ticket = engine
        .submit(&workload.next_command())
        .expect("the disk is sound");
    engine.commit().expect("the disk is sound");
    assert_eq!((released(&mut engine), engine.acknowledged()), (vec![5], 5));
}

#[test]
fn the_number_of_waiting_events_is_bounded() {
    let clock = SimulatedClock::default();
    let mut engine = engine(&clock, u64::MAX, u64::MAX);
    let mut workload = Workload::new(4);
    let mut taken = 0;
    let error = loop {
        match engine.submit(&workload.next_command()) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken <= 2 * HELD_EVENTS_MAX as u64, "it is bounded");
    };
    let EngineError::Backlog { held, limit } = error else {
        panic!("{error}");
    };
    assert!(held >= limit && limit == HELD_EVENTS_MAX && held < limit + 1000);
    assert_eq!(
        (engine.acknowledged(), engine.matching().sequence()),
        (taken, taken)
    );
    let mut count = 0;
    engine.release(&mut |_: u64, _: Event| count += 1);
    assert_eq!(count, held);
    let _ticket = engine
        .submit(&workload.next_command())
        .expect("there is room again");
    // A batch makes room by itself.
    let batch = workload.take(taken as usize);
    let mut sequences = 0;
    engine
        .submit_batch(&batch, &mut |_, _| sequences += 1)
        .expect("the disk is sound");
    assert!(sequences >= HELD_EVENTS_MAX);
    assert!(engine.acknowledged() > taken);
}

#[test]
fn terms_that_make_no_market_are_refused() {
    let config = MarketConfig {
        tick_size: 0,
        ..MarketConfig::default()
    };
    let disk = SimulatedDisk::new(1);
    let (clock, book) = (SimulatedClock::default(), Ladder::default());
    let result = Engine::create(disk.clone(), clock, config, Options::default(), book);
    assert!(matches!(result.err(), Some(EngineError::Config(_))));
    assert!(disk.files().is_empty());
}
