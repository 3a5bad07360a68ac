//! Replays recorded commands on both books and stops at the first event or state that is not the recorded one.
//!
//! The record is what the oracle said: per run a start state and commands, per command its events and a CRC-32 of the
//! state. Prints one line: `agree COMMANDS`, or where and in what the engine parts from the record.

use std::panic::{catch_unwind, AssertUnwindSafe};

use proofbook_book::{Book, Reference};
use proofbook_books::Ladder;
use proofbook_matching::MatchingEngine;
use proofbook_types::{Command, Event, COMMAND_BYTES, EVENT_BYTES};

struct Record {
    bytes: Vec<u8>,
    at: usize,
}

impl Record {
    fn take(&mut self, count: usize) -> &[u8] {
        self.at += count;
        &self.bytes[self.at - count..self.at]
    }

    fn number(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().expect("four bytes"))
    }
}

/// Each command with what must come of it.
struct Step {
    command: Command,
    events: Vec<u8>,
    state_crc: u32,
}

struct Run {
    start: Vec<u8>,
    steps: Vec<Step>,
}

fn read_run(record: &mut Record) -> Run {
    let length = record.number() as usize;
    let start = record.take(length).to_vec();
    let count = record.number();
    let steps = (0..count)
        .map(|_| {
            let command: [u8; COMMAND_BYTES] =
                record.take(COMMAND_BYTES).try_into().expect("a command");
            let length = record.number() as usize;
            Step {
                command: Command::decode(&command).expect("the record holds commands"),
                events: record.take(length).to_vec(),
                state_crc: record.number(),
            }
        })
        .collect();
    Run { start, steps }
}

/// The reflected CRC-32 of polynomial 0x04C11DB7, eight bits at a time.
fn crc_table() -> [u32; 256] {
    core::array::from_fn(|byte| {
        (0..8).fold(byte as u32, |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    })
}

/// Replays a run; how many commands agreed, and what did not.
fn replay<B: Book>(run: &Run, book: B, table: &[u32; 256]) -> (usize, Option<&'static str>) {
    let mut agreed = 0;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut engine = match MatchingEngine::restore(&run.start, book) {
            Ok(engine) => engine,
            Err(_) => return Some("start state"),
        };
        for step in &run.steps {
            let mut expected = step.events.chunks_exact(EVENT_BYTES);
            let mut differs = false;
            engine.apply(&step.command, &mut |event: Event| {
                differs |= expected.next() != Some(&event.encode()[..]);
                // A fault may make events without end.
                assert!(!differs, "another event was expected");
            });
            if expected.next().is_some() {
                return Some("events");
            }
            let mut crc = u32::MAX;
            engine.write_state(&mut |bytes: &[u8]| {
                for byte in bytes {
                    crc = (crc >> 8) ^ table[usize::from(crc as u8 ^ byte)];
                }
            });
            if !crc != step.state_crc {
                return Some("state");
            }
            agreed += 1;
        }
        None
    }));
    match outcome {
        Ok(difference) => (agreed, difference),
        Err(panic) => {
            let message = panic.downcast_ref::<&str>().copied().unwrap_or_default();
            let is_event = message == "another event was expected";
            (agreed, Some(if is_event { "events" } else { "panic" }))
        }
    }
}

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let path = std::env::args().nth(1).expect("usage: driver RECORD");
    let bytes = std::fs::read(path).expect("the record can be read");
    let mut record = Record { bytes, at: 0 };
    let table = crc_table();
    let mut compared = 0;
    while record.at < record.bytes.len() {
        let run = read_run(&mut record);
        let reference = replay(&run, Reference::new(), &table);
        let ladder = replay(&run, Ladder::with_capacity(64), &table);
        for (structure, (agreed, difference)) in [("reference", reference), ("ladder", ladder)] {
            if let Some(difference) = difference {
                let number = compared + agreed + 1;
                println!("differ {number} {structure} {difference}");
                return;
            }
        }
        compared += run.steps.len();
    }
    println!("agree {compared}");
}
