//! The lock-free book with real threads: each reader checks all that it sees against what the writer noted for that command, and commands from many
//! threads are applied once each, in each one's order.
#![cfg(not(loom))]

mod common;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::OnceLock;
use std::thread;

use common::{assert_consistent, Market};
use proofbook_books::lockfree::{Ingress, LockFreeReaders, Step, Touch};
use proofbook_testkit::flow::RandomFlow;
use proofbook_testkit::workload::{generate, Parameters, Random, Scenario};
use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

const READERS: usize = 3;
/// Commands that the touch and snapshots may be behind.
const BEHIND_MAX: [u64; 2] = [8, 24];

/// So many times more work in a long run.
fn soak() -> u64 {
    if std::env::var_os("PROOFBOOK_SOAK").is_some() {
        50
    } else {
        1
    }
}

/// What the writer tells its readers beside the market.
struct Notes {
    /// What there is to see after each command.
    touches: Vec<OnceLock<Touch>>,
    /// Commands that have ended.
    ended: AtomicU64,
    is_done: AtomicBool,
}

/// Reads until the writer is done; how often it read a snapshot that was new.
fn read(readers: &LockFreeReaders, notes: &Notes, seed: u64) -> u64 {
    let reader = readers.register().expect("a place for each");
    let mut random = Random::new(seed);
    let (mut last_touch, mut last_snapshot, mut news) = (0, 0, 0);
    let noted = |touch: Touch| {
        let expected = notes.touches[touch.sequence as usize].get();
        assert_eq!(Some(&touch), expected, "reader {seed}");
    };
    loop {
        // Looked at first, so that the last round sees the last command.
        let is_last = notes.is_done.load(Ordering::Acquire);
        let ended = notes.ended.load(Ordering::Acquire);
        let touch = reader.touch();
        noted(touch);
        assert!(
            touch.sequence + BEHIND_MAX[0] > ended,
            "reader {seed}: {ended} commands have ended, {touch:?} is shown"
        );
        assert!(
            touch.sequence >= last_touch,
            "reader {seed}: the touch went back"
        );
        last_touch = touch.sequence;
        let snapshot = reader.snapshot();
        noted(snapshot.touch());
        assert!(
            snapshot.sequence() >= last_snapshot,
            "reader {seed}: a snapshot went back"
        );
        if snapshot.sequence() > last_snapshot {
            news += 1;
        }
        last_snapshot = snapshot.sequence();
        // Some are kept while the writer goes on, and must not have changed then.
        if random.below(16) == 0 {
            thread::yield_now();
        }
        assert_consistent(&snapshot);
        noted(reader.snapshot_touch());
        if is_last {
            return news;
        }
    }
}

/// What a thread gave. Each is joined: the thread sanitizer does not see that a scope waits for its threads.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().expect("no thread fails")
}

fn run(config: MarketConfig, commands: &[Command], seed: u64) {
    let mut market = Market::with_bounds(config, READERS, 1 << 10, BEHIND_MAX);
    let notes = Notes {
        touches: (0..=commands.len()).map(|_| OnceLock::new()).collect(),
        ended: AtomicU64::new(0),
        is_done: AtomicBool::new(false),
    };
    let note = |market: &Market| {
        notes.touches[market.engine.sequence() as usize]
            .set(market.expected_touch())
            .expect("one note for each");
    };
    note(&market);
    let readers = market.readers.clone();
    let news = thread::scope(|scope| {
        let running: Vec<_> = (0..READERS as u64)
            .map(|reader| {
                let (readers, notes) = (&readers, &notes);
                scope.spawn(move || read(readers, notes, 100 * seed + reader))
            })
            .collect();
        let mut random = Random::new(seed);
        for command in commands {
            market.apply(command);
            note(&market);
            market.end();
            // Release: whoever knows that it has ended sees all that was shown before.
            notes
                .ended
                .store(market.engine.sequence(), Ordering::Release);
            if random.below(16) == 0 {
                let _ = market.publish();
            }
            if random.below(32) == 0 {
                thread::yield_now();
            }
        }
        // The last one is shown once the readers let go of what holds it up.
        while !market.publish() {
            thread::yield_now();
        }
        notes.is_done.store(true, Ordering::Release);
        let news = running.into_iter().map(joined);
        news.sum::<u64>()
    });
    assert!(news > 0, "seed {seed}: no reader saw anything new");
    let reader = readers.register().expect("the others have left");
    assert_eq!(reader.snapshot().sequence(), commands.len() as u64);
    assert_eq!(reader.touch(), market.expected_touch());
}

#[test]
fn readers_see_whole_markets_beside_random_flow() {
    for seed in 1..=6 * soak() {
        let flow = RandomFlow::new(seed);
        let config = flow.market().config;
        let commands: Vec<Command> = flow.take(2_000).collect();
        run(config, &commands, seed);
    }
}

#[test]
fn readers_see_whole_markets_beside_a_session() {
    for seed in 1..=soak() {
        let messages = generate(&Parameters {
            scenario: Scenario::Swing40,
            seed,
            new_orders: 4_000,
        });
        let commands: Vec<Command> = messages.iter().map(|message| message.command()).collect();
        run(MarketConfig::default(), &commands, seed);
    }
}

const PRODUCERS: u64 = 4;
const BATCH_MAX: NonZeroUsize = NonZeroUsize::new(16).expect("it is not zero");

/// A new order whose id names its producer and its number among the orders of that.
fn order_of(producer: u64, number: u64) -> Command {
    let order = NewOrder {
        order_id: OrderId(producer << 32 | number),
        account: AccountId(0),
        side: Side::BOTH[(producer % 2) as usize],
        quantity: Quantity(1 + number % 3),
        kind: OrderKind::Limit {
            price: Price((number % 17) as i64),
        },
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        display: None,
        self_trade: SelfTradePrevention::CancelOldest,
    };
    Command {
        time: Timestamp(0),
        action: Action::New(order),
    }
}

/// Pushes so many orders, each until there is room.
fn produce(ingress: &Ingress<Command>, producer: u64, each: u64) {
    for number in 1..=each {
        let mut command = order_of(producer, number);
        while let Err(back) = ingress.push(command) {
            command = back;
            thread::yield_now();
        }
    }
}

#[test]
fn each_command_of_many_threads_is_applied_once_in_its_producers_order() {
    let each = 4_000 * soak();
    let (ingress, mut sequencer) = Ingress::<Command>::new(64, 0).expect("a power of two");
    let mut market = Market::with_bounds(MarketConfig::default(), 1, 1 << 12, [1 << 32; 2]);
    let readers = market.readers.clone();
    let is_done = AtomicBool::new(false);
    let mut applied: HashMap<u64, u64> = HashMap::new();
    thread::scope(|scope| {
        let mut running: Vec<_> = (1..=PRODUCERS)
            .map(|producer| {
                let ingress = ingress.clone();
                scope.spawn(move || produce(&ingress, producer, each))
            })
            .collect();
        drop(ingress);
        running.push(scope.spawn(|| {
            let reader = readers.register().expect("a place");
            while !is_done.load(Ordering::Relaxed) {
                assert_consistent(&reader.snapshot());
                thread::yield_now();
            }
        }));
        let mut apply = |market: &mut Market, sequence: u64, command: Command| {
            let Action::New(order) = command.action else {
                panic!("only new orders were pushed")
            };
            let (producer, number) = (order.order_id.0 >> 32, order.order_id.0 & 0xffff_ffff);
            let last = applied.insert(producer, number).unwrap_or(0);
            assert_eq!(number, last + 1, "producer {producer}");
            market.apply(&command);
            assert_eq!(market.engine.sequence(), sequence);
        };
        sequencer.run(BATCH_MAX, |step| match step {
            Step::Apply { sequence, command } => apply(&mut market, sequence, command),
            Step::Dry { sequence } => {
                assert_eq!(market.engine.sequence(), sequence);
                while !market.publish() {
                    thread::yield_now();
                }
                assert_eq!(market.readers.touch(), market.expected_touch());
            }
            Step::Idle => thread::yield_now(),
        });
        is_done.store(true, Ordering::Relaxed);
        running.into_iter().for_each(joined);
    });
    assert_eq!(applied.len() as u64, PRODUCERS);
    assert!(applied.values().all(|&last| last == each), "{applied:?}");
    assert_eq!(sequencer.sequence(), PRODUCERS * each);
    assert_eq!(sequencer.drain(16, |_, _| panic!("nothing is left")), 0);
    assert!(sequencer.is_closed());
    assert_eq!(market.readers.touch(), market.expected_touch());
}

#[test]
fn a_full_queue_gives_the_command_back() {
    let (ingress, mut sequencer) = Ingress::new(4, 10).expect("a power of two");
    for number in 0..4 {
        ingress.push(number).expect("there is room for four");
    }
    assert_eq!(ingress.push(4), Err(4));
    let mut taken = Vec::new();
    assert_eq!(
        sequencer.drain(3, |sequence, number| taken.push((sequence, number))),
        3
    );
    ingress.push(5).expect("there is room again");
    assert_eq!(
        sequencer.drain(9, |sequence, number| taken.push((sequence, number))),
        2
    );
    assert_eq!(taken, [(11, 0), (12, 1), (13, 2), (14, 3), (15, 5)]);
    assert!(!sequencer.is_closed());
    let other = ingress.clone();
    drop(ingress);
    assert!(!sequencer.is_closed());
    drop(other);
    assert!(sequencer.is_closed());
    Ingress::<u64>::new(3, 0).expect_err("not a power of two");
}
