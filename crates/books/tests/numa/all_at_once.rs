//! Every kind of thread at once: many that push commands, one sequencer that writes a book which others read, and passes each command on to a market that
//! wanders between memory nodes, where a second book is read from outside while its writer is now this thread, now that one.
//!
//! In the end all of it is compared with the reference book, which one thread gives the commands in the sequencer's order: events, states, and whatever any
//! reader saw, by the number of the command that it claimed to have seen.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Barrier;
use std::thread;

use proofbook_book::{Book, Reference};
use proofbook_books::lockfree::{Ingress, LockFreeReader, LockFreeReaders, Sequencer, Step, Touch};
use proofbook_books::numa::{
    Market, MarketId, NumaBookError, NumaOrderBook, Report, Residence, Seat,
};
use proofbook_matching::MatchingEngine;
use proofbook_memory::numa::NodeId;
use proofbook_testkit::flow::RandomFlow;
use proofbook_testkit::workload::Random;
use proofbook_types::{Command, Event, EventSink, MarketConfig, Queue, Timestamp};

use crate::common::{small, start, state, submit, Listener, Moving};
use crate::shown::{self, levels_of};

const PRODUCERS: u64 = 4;
const BATCH_MAX: NonZeroUsize = NonZeroUsize::new(16).expect("it is not zero");
const NODES: usize = 3;
const MARKET: MarketId = MarketId(7);
/// Commands of a thread from one move that it asks for to the next, on average.
const COMMANDS_TO_A_MOVE: u64 = 50;
/// Commands through which some snapshots are held: enough for what they replace to be used again, were they not held.
const HELD_COMMANDS: u64 = 300;
/// Of each of the two books that are read: this many threads read its touch, and one its snapshots.
const TOUCH_READERS: usize = 2;

/// A market with two books: one moves with it, the other one is read by threads that know nothing of where it is.
struct Both {
    moving: Moving,
    shown: shown::Market,
}

impl Both {
    fn new(config: MarketConfig) -> Self {
        Both {
            moving: Moving::new(config),
            shown: shown_market(config),
        }
    }
}

impl Market for Both {
    fn apply(&mut self, command: &Command, events: &mut impl EventSink) {
        self.moving.apply(command, events);
        self.shown.apply(command);
        // A snapshot that a reader holds up is shown with a later command.
        let _ = self.shown.publish();
    }

    fn move_to(&mut self, seat: &Seat) -> Residence {
        self.moving.move_to(seat)
    }
}

fn shown_market(config: MarketConfig) -> shown::Market {
    shown::Market::new(config, TOUCH_READERS + 1, 1 << 10)
}

/// All levels of all queues in one number.
fn digest<L: Iterator<Item = proofbook_book::Level>>(levels: impl Fn(Queue) -> L) -> u64 {
    let mut hasher = DefaultHasher::new();
    for queue in Queue::ALL {
        for level in levels(queue) {
            let sums = (level.displayed.0, level.hidden.0, level.orders);
            (queue as u8, level.price.0, sums).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// A market as somebody saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    touch: Touch,
    /// None where only the touch was looked at.
    depth: Option<u64>,
}

/// Looks until all is done, and notes what is new. What is looked at goes forward. No command comes before everybody has looked once.
fn watch(run: &Run, mut look: impl FnMut() -> Seen) -> Vec<Seen> {
    let mut all = vec![look()];
    run.start.wait();
    loop {
        // Looked at first, so that the last round sees the last command.
        let is_last = run.is_done.load(Ordering::Acquire);
        let seen = look();
        match all.last() {
            Some(last) if last.touch.sequence == seen.touch.sequence => {
                assert_eq!(*last, seen);
                thread::yield_now();
            }
            last => {
                assert!(last.is_none_or(|last| last.touch.sequence < seen.touch.sequence));
                all.push(seen);
            }
        }
        if is_last {
            return all;
        }
    }
}

/// Looks at a snapshot when it is taken and once more before it goes: one time in four after so many commands.
fn look_at_depth(reader: &LockFreeReader, random: &mut Random, is_done: &AtomicBool) -> Seen {
    let snapshot = reader.snapshot();
    let before = digest(|queue| snapshot.levels(queue));
    let held = if random.below(4) == 0 {
        HELD_COMMANDS
    } else {
        0
    };
    while reader.touch().sequence < snapshot.sequence() + held && !is_done.load(Ordering::Relaxed) {
        thread::yield_now();
    }
    let after = digest(|queue| snapshot.levels(queue));
    assert_eq!(before, after, "a snapshot changed");
    Seen {
        touch: snapshot.touch(),
        depth: Some(after),
    }
}

/// Starts the threads that read one book.
fn start_readers<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    readers: &'scope LockFreeReaders,
    run: &'scope Run,
) -> Vec<thread::ScopedJoinHandle<'scope, Vec<Seen>>> {
    let register = || readers.register().expect("a place for each");
    let mut threads = Vec::new();
    for _ in 0..TOUCH_READERS {
        let reader = register();
        let look = move || Seen {
            touch: reader.touch(),
            depth: None,
        };
        threads.push(scope.spawn(move || watch(run, look)));
    }
    let reader = register();
    threads.push(scope.spawn(move || {
        let mut random = Random::new(1);
        watch(run, || look_at_depth(&reader, &mut random, &run.is_done))
    }));
    threads
}

/// One run: its seed, and what its threads share.
struct Run {
    seed: u64,
    clock: AtomicU64,
    numa: NumaOrderBook<Both>,
    /// Of all readers and producers.
    start: Barrier,
    is_done: AtomicBool,
}

impl Run {
    fn produce(&self, ingress: &Ingress<Command>, producer: u64, commands: u64) {
        // Flows of one market, of which each thread begins elsewhere.
        let flow = RandomFlow::new(self.seed).skip((producer * commands) as usize);
        let mut random = Random::new(self.seed ^ producer << 32);
        self.start.wait();
        for mut command in flow.take(commands as usize) {
            // The time says which thread sent the command, and when.
            let tick = self.clock.fetch_add(1, Ordering::Relaxed);
            command.time = Timestamp(tick * PRODUCERS + producer);
            while let Err(back) = ingress.push(command) {
                // Where the writer has failed, nobody takes commands out any more.
                if self.is_done.load(Ordering::Relaxed) {
                    return;
                }
                command = back;
                thread::yield_now();
            }
            if random.below(COMMANDS_TO_A_MOVE) == 0 {
                self.move_on(&mut random);
            }
        }
    }

    /// Applies what the sequencer gives, shows it, and passes it on. The commands in their order, with all events.
    fn write(
        &self,
        mut sequencer: Sequencer<Command>,
        market: &mut shown::Market,
    ) -> (Vec<Command>, Vec<Event>) {
        let (mut commands, mut events) = (Vec::new(), Vec::new());
        let mut apply = |market: &mut shown::Market, sequence, command: Command| {
            market
                .engine
                .apply(&command, &mut |event| events.push(event));
            assert_eq!(market.engine.sequence(), sequence);
            market.end();
            commands.push(command);
            submit(&self.numa, MARKET, command);
            // Where there are few processors, the readers see more of it so.
            if sequence % 16 == 0 {
                thread::yield_now();
            }
        };
        sequencer.run(BATCH_MAX, |step| match step {
            Step::Apply { sequence, command } => apply(market, sequence, command),
            Step::Dry { sequence } => {
                assert_eq!(market.engine.sequence(), sequence);
                // A reader may hold it up for as many commands as it holds a snapshot, so nothing waits for it here.
                let _ = market.publish();
            }
            Step::Idle => thread::yield_now(),
        });
        (commands, events)
    }

    /// Has the market moved to some node.
    fn move_on(&self, random: &mut Random) {
        let node = NodeId(random.below(NODES as u64) as u32);
        while let Err(error) = self.numa.migrate(MARKET, node) {
            let is_on_its_way = matches!(error, NumaBookError::Moving { .. });
            assert!(is_on_its_way, "seed {}: {error}", self.seed);
            if self.is_done.load(Ordering::Relaxed) {
                return;
            }
            thread::yield_now();
        }
    }
}

/// The commands of each thread are in its own order.
fn check_order(seed: u64, commands: &[Command], each: u64) {
    assert_eq!(commands.len() as u64, PRODUCERS * each, "seed {seed}");
    let mut last = [None; PRODUCERS as usize];
    for command in commands {
        let producer = (command.time.0 % PRODUCERS) as usize;
        assert!(last[producer] < Some(command.time), "seed {seed}");
        last[producer] = Some(command.time);
    }
}

/// What one thread gets that gives the commands to the reference book: the market, its events, and how it looked after each command.
fn replay(
    config: MarketConfig,
    commands: &[Command],
) -> (MatchingEngine<Reference>, Vec<Event>, Vec<Seen>) {
    let engine = MatchingEngine::new(config, Reference::new());
    let mut engine = engine.expect("terms of a market");
    let look = |engine: &MatchingEngine<Reference>| Seen {
        touch: shown::touch_of(engine),
        depth: Some(digest(|queue| levels_of(engine.book(), queue))),
    };
    let (mut events, mut looks) = (Vec::new(), vec![look(&engine)]);
    for command in commands {
        engine.apply(command, &mut |event| events.push(event));
        looks.push(look(&engine));
    }
    (engine, events, looks)
}

/// What came out of a run.
struct Outcome {
    /// In the sequencer's order.
    commands: Vec<Command>,
    /// The writer's.
    events: Vec<Event>,
    /// Of the market that wanders. Looked at in the end: the writer waits while nobody takes them.
    reports: Vec<Report>,
    /// By each reader.
    seen: Vec<Vec<Seen>>,
}

/// Runs all threads to their end. Each is joined: the thread sanitizer does not see that a scope waits for its threads.
fn run_all(
    run: &Run,
    market: &mut shown::Market,
    readers: &[LockFreeReaders; 2],
    each: u64,
) -> Outcome {
    let (ingress, sequencer) = Ingress::new(64, 0).expect("a power of two");
    let mut reports = Vec::new();
    let written = &mut *market;
    let outcome = thread::scope(|scope| {
        let readers = readers.iter();
        let readers: Vec<_> = readers
            .flat_map(|readers| start_readers(scope, readers, run))
            .collect();
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let ingress = ingress.clone();
                scope.spawn(move || run.produce(&ingress, producer, each))
            })
            .collect();
        drop(ingress);
        let writer = scope.spawn(move || run.write(sequencer, written));
        while !writer.is_finished() {
            run.numa.take_reports(|report| reports.push(report));
            thread::yield_now();
        }
        run.is_done.store(true, Ordering::Release);
        for producer in producers {
            producer.join().expect("no producer fails");
        }
        let seen = readers.into_iter();
        let seen = seen.map(|reader| reader.join().expect("no reader fails"));
        let seen = seen.collect();
        let (commands, events) = writer.join().expect("the writer does not fail");
        Outcome {
            commands,
            events,
            reports,
            seen,
        }
    });
    assert!(market.publish(), "no reader is left who could hold it up");
    outcome
}

/// Whether a reader saw something between beginning and end.
fn all_at_once(seed: u64, each: u64) -> bool {
    let config = RandomFlow::new(seed).market().config;
    let both = Both::new(config);
    let mut market = shown_market(config);
    let readers = [market.readers.clone(), both.shown.readers.clone()];
    let run = Run {
        seed,
        clock: AtomicU64::new(0),
        numa: start(NODES, small()),
        start: Barrier::new(PRODUCERS as usize + 2 * (TOUCH_READERS + 1)),
        is_done: AtomicBool::new(false),
    };
    run.numa.list(MARKET, both).expect("the market is new");
    let outcome = run_all(&run, &mut market, &readers, each);
    let Outcome {
        commands,
        events,
        reports,
        seen,
    } = outcome;
    let mut listener = Listener::default();
    reports.into_iter().for_each(|report| listener.take(report));
    let finished = run.numa.finish(|report| listener.take(report));
    let (told, (_, both)) = (&listener.markets[&MARKET], &finished.markets[0]);

    check_order(seed, &commands, each);
    let (engine, expected, looks) = replay(config, &commands);
    assert!(events == expected, "seed {seed}: events differ");
    assert!(told.commands == commands, "seed {seed}: the node's order");
    assert!(told.events == expected, "seed {seed}: the node's events");
    let expected = state(&engine);
    assert_eq!(state(&market.engine), expected, "seed {seed}");
    assert_eq!(state(both.moving.engine()), expected, "seed {seed}");
    assert_eq!(state(&both.shown.engine), expected, "seed {seed}");
    both.moving.engine().book().check().expect("it is whole");
    both.shown.engine.book().check().expect("it is whole");
    for seen in seen.iter().flatten() {
        let expected = looks[seen.touch.sequence as usize];
        assert_eq!(seen.touch, expected.touch, "seed {seed}");
        assert!(seen.depth.is_none() || *seen == expected, "seed {seed}");
    }
    let news: Vec<usize> = seen.iter().map(Vec::len).collect();
    println!("seed {seed}: {} moves, readers saw {news:?}", told.moves);
    // One move in three goes where the market is already.
    let moves_min = PRODUCERS * each / COMMANDS_TO_A_MOVE / 3;
    assert!(told.moves > moves_min, "seed {seed}: {} moves", told.moves);
    // Each saw the beginning and the end; some what is between, if they ran meanwhile.
    news.iter().any(|&news| news > 2)
}

#[test]
fn all_threads_at_once_do_what_one_does() {
    let (rounds, each) = match std::env::var_os("PROOFBOOK_SOAK") {
        Some(_) => (40, 5_000),
        None => (3, 1_000),
    };
    let (mut seed, mut was_watched) = (0, false);
    while seed < rounds || !was_watched {
        seed += 1;
        was_watched |= all_at_once(seed, each);
        assert!(seed < rounds + 20, "no reader saw what was between");
    }
}
