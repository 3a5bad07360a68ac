//! What a busy reader costs the writer of the book that many threads read.
//!
//! The writer applies a flow; beside it no thread, or one that reads without a pause: the touch, or the ten best levels of both sides of a snapshot.
//! What a thread costs that is busy and reads nothing of the book is the machine's own share: where two processors are one core, it is not nothing.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use proofbook_bench::{spread, Value};
use proofbook_books::lockfree::LockFreeReaders;
use proofbook_books::OptimizedLockFreeOrderBook;
use proofbook_matching::MatchingEngine;
use proofbook_types::{Event, Queue};

use crate::flows::Flow;
use crate::meter::{Clock, Meter};
use crate::operation::TOP_LEVELS;

/// What the reader does.
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

    /// Reads until the writer is done; tells how often.
    fn run(self, readers: &LockFreeReaders, is_done: &AtomicBool) -> u64 {
        let reader = readers.register().expect("there is room for a reader");
        let mut reads = 0;
        // Relaxed: nothing else hangs on when the reader sees it.
        while !is_done.load(Ordering::Relaxed) {
            match self {
                Reading::Nothing => break,
                Reading::Elsewhere => {
                    black_box(reads);
                }
                Reading::Touch => {
                    black_box(reader.touch());
                }
                Reading::Depth => {
                    let snapshot = reader.snapshot();
                    for queue in [Queue::Bids, Queue::Asks] {
                        black_box(snapshot.depth(queue, TOP_LEVELS).count());
                    }
                }
            }
            reads += 1;
        }
        reads
    }
}

/// One run of the flow: commands and reads a second.
fn round(flow: &Flow, reading: Reading) -> (f64, f64) {
    let book: OptimizedLockFreeOrderBook = OptimizedLockFreeOrderBook::default();
    let mut engine =
        MatchingEngine::new(flow.config, book).expect("the flow's terms make a market");
    let readers = engine.book().levels().readers();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader =
            (reading != Reading::Nothing).then(|| scope.spawn(|| reading.run(&readers, &is_done)));
        let mut events: Vec<Event> = Vec::new();
        let mut clock = Clock::new();
        clock.start();
        for command in &flow.commands {
            events.clear();
            engine.apply(command, &mut |event: Event| events.push(event));
        }
        clock.stop();
        is_done.store(true, Ordering::Relaxed);
        let reads = reader.map_or(0, |reader| reader.join().expect("readers do not panic"));
        let seconds = clock.elapsed_ns().max(1) as f64 / 1e9;
        (flow.commands.len() as f64 / seconds, reads as f64 / seconds)
    })
}

/// The writer's rate beside each kind of reader, in turns.
pub fn report(flow: &Flow, rounds: usize) -> Value {
    let mut found = Reading::ALL.map(|reading| (reading, Vec::new(), Vec::new()));
    for _ in 0..rounds.max(1) {
        for (reading, commands, reads) in &mut found {
            let (commands_per_s, reads_per_s) = round(flow, *reading);
            commands.push(commands_per_s);
            reads.push(reads_per_s);
        }
    }
    let members = found.map(|(reading, commands, reads)| {
        let figures = Value::object([
            ("commands_per_s", spread(commands).to_json()),
            ("reads_per_s", spread(reads).to_json()),
        ]);
        (reading.name().to_owned(), figures)
    });
    Value::Object(members.into())
}
