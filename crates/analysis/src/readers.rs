//! What a busy reader costs the writer of the book that many threads read.
//!
//! The writer applies a flow as any engine does, with the book as it is by default. Beside it no thread, or one that reads without a pause: the touch, or the ten
//! best levels of both sides of a snapshot. What a thread costs that reads another market, which nobody changes, is the machine's own share.
//!
//! Other programs would be counted in, mostly as a reader that does not run. So writer and reader have a processor each, the flow is timed in stretches, and a stretch
//! counts only if both ran all through it, as far as the system tells. The kinds of reading take turns.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use proofbook_bench::{spread, Value};
use proofbook_books::lockfree::{LockFreeReader, LockFreeReaders};
use proofbook_books::OptimizedLockFreeOrderBook;
use proofbook_matching::MatchingEngine;
use proofbook_memory::numa::{pin_thread, thread_cpus, CpuSet};
use proofbook_types::{Command, Event, Queue};

use crate::flows::Flow;
use crate::meter::{Clock, Meter};
use crate::operation::TOP_LEVELS;

/// Commands of a stretch: a tenth of a millisecond, so that many are not disturbed.
const STRETCH_COMMANDS: usize = 2048;
/// Reads after which a reader says how many they were.
const TOLD_READS: u64 = 64;

type Engine = MatchingEngine<OptimizedLockFreeOrderBook>;

/// What the thread beside the writer does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Nothing,
    Elsewhere,
    Touch,
    Depth,
}

impl Reading {
    const ALL: [Reading; 4] = [
        Reading::Nothing,
        Reading::Elsewhere,
        Reading::Touch,
        Reading::Depth,
    ];

    const fn name(self) -> &'static str {
        match self {
            Reading::Nothing => "no reader",
            Reading::Elsewhere => "busy elsewhere",
            Reading::Touch => "touch",
            Reading::Depth => "depth",
        }
    }

    fn read(self, reader: &LockFreeReader) {
        if self != Reading::Depth {
            black_box(reader.touch());
            return;
        }
        let snapshot = reader.snapshot();
        for queue in [Queue::Bids, Queue::Asks] {
            black_box(snapshot.depth(queue, TOP_LEVELS).count());
        }
    }
}

/// A reader as the writer sees it, on a line of its own.
#[repr(align(128))]
#[derive(Default)]
struct Beside {
    reads: AtomicU64,
    is_done: AtomicBool,
}

impl Beside {
    /// Reads until the writer is done.
    fn run(&self, reading: Reading, readers: &LockFreeReaders) {
        let reader = readers.register().expect("there is room for a reader");
        // Relaxed, here and below: nothing else hangs on when one thread sees what the other says.
        while !self.is_done.load(Ordering::Relaxed) {
            for _ in 0..TOLD_READS {
                reading.read(&reader);
            }
            self.reads.fetch_add(TOLD_READS, Ordering::Relaxed);
        }
    }

    fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }
}

/// A thread, to be asked how often it was given a processor: the third field of its scheduler statistics, on Linux.
struct Thread {
    statistics: Option<std::path::PathBuf>,
}

impl Thread {
    fn this() -> Thread {
        let folder = std::fs::read_link("/proc/thread-self").ok();
        Thread {
            statistics: folder
                .map(|folder| std::path::Path::new("/proc").join(folder).join("schedstat")),
        }
    }

    fn times_given(&self) -> Option<u64> {
        let text = std::fs::read_to_string(self.statistics.as_ref()?).ok()?;
        text.split_whitespace().nth(2)?.parse().ok()
    }
}

/// Where writer and reader run: a processor each, where there are so many and the system can keep a thread on one.
struct Processors(Vec<usize>);

impl Processors {
    /// Those of this thread. A thread that is kept on one gives no other to those that it makes.
    fn of_this_thread() -> Processors {
        Processors(thread_cpus().map_or(Vec::new(), |cpus| cpus.iter().collect()))
    }

    /// Keeps this thread on one of them.
    fn keep_on(&self, index: usize) {
        let Some(&cpu) = self.0.get(index) else {
            return;
        };
        let mut one = CpuSet::new();
        // Where the system cannot, more stretches are disturbed, and left out.
        let _ = one.insert(cpu).and_then(|()| pin_thread(&one));
    }
}

/// One stretch of commands.
#[derive(Clone, Copy, Default)]
struct Stretch {
    elapsed_ns: u64,
    commands: u64,
    reads: u64,
    is_disturbed: bool,
}

fn engine(flow: &Flow) -> Engine {
    MatchingEngine::new(flow.config, OptimizedLockFreeOrderBook::default())
        .expect("the flow's terms make a market")
}

/// Applies the flow, stretch by stretch, beside a reader or none.
fn apply(
    engine: &mut Engine,
    commands: &[Command],
    beside: Option<(&Beside, &Thread)>,
) -> Vec<Stretch> {
    let writer = Thread::this();
    let mut events: Vec<Event> = Vec::new();
    let mut clock = Clock::new();
    let given = || {
        (
            writer.times_given(),
            beside.map(|(_, thread)| thread.times_given()),
        )
    };
    let reads = || beside.map_or(0, |(beside, _)| beside.reads());
    let stretch = |commands: &[Command]| {
        let (given_before, reads_before) = (given(), reads());
        clock.start();
        for command in commands {
            events.clear();
            engine.apply(command, &mut |event: Event| events.push(event));
        }
        clock.stop();
        let reads = reads() - reads_before;
        Stretch {
            elapsed_ns: clock.elapsed_ns().max(1),
            commands: commands.len() as u64,
            reads,
            is_disturbed: given() != given_before || (beside.is_some() && reads == 0),
        }
    };
    commands.chunks(STRETCH_COMMANDS).map(stretch).collect()
}

/// One run of the flow.
fn round(flow: &Flow, reading: Reading) -> Vec<Stretch> {
    let (mut market, other) = (engine(flow), engine(flow));
    let read = if reading == Reading::Elsewhere {
        &other
    } else {
        &market
    };
    let readers = read.book().levels().readers();
    let (beside, processors) = (Beside::default(), Processors::of_this_thread());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            processors.keep_on(0);
            if reading == Reading::Nothing {
                return apply(&mut market, &flow.commands, None);
            }
            let (tell, told) = mpsc::channel();
            let (beside, readers, processors) = (&beside, &readers, &processors);
            scope.spawn(move || {
                processors.keep_on(1);
                tell.send(Thread::this()).expect("the writer waits for it");
                beside.run(reading, readers);
            });
            let thread = told.recv().expect("the reader begins");
            let stretches = apply(&mut market, &flow.commands, Some((beside, &thread)));
            beside.is_done.store(true, Ordering::Relaxed);
            stretches
        });
        writer.join().expect("the writer does not panic")
    })
}

/// What was found of one kind of reading: the stretches of each round.
struct Found {
    reading: Reading,
    rounds: Vec<Vec<Stretch>>,
}

impl Found {
    /// A round's figure, from its stretches that nothing disturbed, or from all where there is no other.
    fn per_s(&self, figure: impl Fn(&Stretch) -> u64) -> Vec<f64> {
        let of_round = |round: &Vec<Stretch>| {
            let is_calm = round.iter().any(|stretch| !stretch.is_disturbed);
            let counted = || {
                let stretches = round.iter();
                stretches.filter(move |stretch| !(is_calm && stretch.is_disturbed))
            };
            let elapsed_ns: u64 = counted().map(|stretch| stretch.elapsed_ns).sum();
            let count: u64 = counted().map(&figure).sum();
            count as f64 * 1e9 / elapsed_ns.max(1) as f64
        };
        self.rounds.iter().map(of_round).collect()
    }

    /// What the stretch of this number took, as the median of the rounds that nothing disturbed it in.
    fn median_ns(&self, number: usize) -> Option<f64> {
        let rounds = self.rounds.iter().map(|round| round[number]);
        let calm = rounds.filter(|stretch| !stretch.is_disturbed);
        let elapsed_ns: Vec<f64> = calm.map(|stretch| stretch.elapsed_ns as f64).collect();
        (!elapsed_ns.is_empty()).then(|| spread(elapsed_ns).median)
    }

    /// The share of its rate alone that the writer keeps, over all stretches that are known of both.
    fn share_of(&self, alone: &Found) -> f64 {
        let numbers = 0..self.rounds[0].len();
        let both =
            numbers.filter_map(|number| Some((alone.median_ns(number)?, self.median_ns(number)?)));
        let (alone_ns, beside_ns) =
            both.fold((0.0, 0.0), |sums, one| (sums.0 + one.0, sums.1 + one.1));
        alone_ns / beside_ns
    }

    fn disturbed_share(&self) -> f64 {
        let stretches = self.rounds.iter().flatten();
        let disturbed = stretches.clone().filter(|stretch| stretch.is_disturbed);
        disturbed.count() as f64 / stretches.count().max(1) as f64
    }

    fn to_json(&self, alone: &Found) -> Value {
        Value::object([
            (
                "commands_per_s",
                spread(self.per_s(|stretch| stretch.commands)).to_json(),
            ),
            (
                "reads_per_s",
                spread(self.per_s(|stretch| stretch.reads)).to_json(),
            ),
            ("share_of_alone", Value::from(self.share_of(alone))),
            ("disturbed_share", Value::from(self.disturbed_share())),
        ])
    }
}

/// The writer's rate beside each kind of reader, in turns.
pub fn report(flow: &Flow, rounds: usize) -> Value {
    let mut found = Reading::ALL.map(|reading| Found {
        reading,
        rounds: Vec::new(),
    });
    for _ in 0..rounds.max(1) {
        for one in &mut found {
            one.rounds.push(round(flow, one.reading));
        }
    }
    let [alone, ..] = &found;
    let members = found
        .iter()
        .map(|one| (one.reading.name().to_owned(), one.to_json(alone)));
    Value::Object(members.collect())
}
