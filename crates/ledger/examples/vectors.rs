//! Writes `docs/commitment-vectors.json`: `cargo run -p proofbook-ledger --example vectors > docs/commitment-vectors.json`.
//!
//! For each of some random markets the state before and after one batch, with the roots of its maps, and what a proof of that
//! batch says; then chains of batches, and what a proof of each says. Everything follows from the seeds; a test compares the committed file with what is written here, so that the
//! examples in it are always those of this code. Bytes are in hexadecimal, words are decimal strings.

use std::fmt::Write as _;

use proofbook_book::Reference;
use proofbook_chain::{join, ChainInput};
use proofbook_commitment::{Portable, PublicValues};
use proofbook_ledger::Ledger;
use proofbook_matching::MatchingEngine;
use proofbook_testkit::flow::RandomFlow;
use proofbook_types::{Command, Event};

/// Commands of a batch that is not in the file.
const COMMANDS_BEFORE: usize = 32;

/// A market of the file.
struct Example {
    /// Seed of the market and its commands.
    seed: u64,
    /// Batches of [`COMMANDS_BEFORE`] commands that come before.
    batches_before: usize,
    /// Commands of the batch that is.
    commands: usize,
}

/// The markets of the file; together they have every kind of order, command and event.
const EXAMPLES: [Example; 8] = [
    example(0, 0, 24),
    example(1, 9, 33),
    example(2, 12, 63),
    example(3, 20, 65),
    example(4, 1, 1),
    example(5, 7, 128),
    example(6, 5, 127),
    example(7, 3, 0),
];

const fn example(seed: u64, batches_before: usize, commands: usize) -> Example {
    Example {
        seed,
        batches_before,
        commands,
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

fn list(texts: impl IntoIterator<Item = String>, separator: &str) -> String {
    let texts: Vec<String> = texts.into_iter().collect();
    format!("[{}]", texts.join(separator))
}

fn quoted(text: impl std::fmt::Display) -> String {
    format!("\"{text}\"")
}

/// A state as JSON: its canonical bytes, the roots of its maps, its root.
fn state(engine: &MatchingEngine<Reference>, ledger: &Ledger<Portable>) -> String {
    let mut bytes = Vec::new();
    engine.write_state(&mut |piece| bytes.extend_from_slice(piece));
    let maps = list(ledger.header().roots.iter().map(quoted), ",\n    ");
    format!(
        "{{\n   \"bytes\": \"{}\",\n   \"maps\": {maps},\n   \"root\": \"{}\"\n  }}",
        hex(bytes),
        ledger.root()
    )
}

fn market(example: &Example) -> String {
    let mut flow = RandomFlow::new(example.seed);
    let config = flow.market().config;
    let mut engine = MatchingEngine::new(config, Reference::new()).expect("a market");
    let mut ledger = Ledger::<Portable>::new(config);
    for _ in 0..example.batches_before {
        let batch: Vec<Command> = flow.by_ref().take(COMMANDS_BEFORE).collect();
        batch
            .iter()
            .for_each(|command| engine.apply(command, &mut ()));
        ledger.seal(&batch);
    }
    let before = state(&engine, &ledger);
    let batch: Vec<Command> = flow.take(example.commands).collect();
    let events = batch.iter().map(|command| {
        let mut events = Vec::new();
        engine.apply(command, &mut |event: Event| {
            events.push(quoted(hex(event.encode())));
        });
        list(events, ",\n    ")
    });
    let events = list(events, ",\n   ");
    let values = ledger.seal(&batch).values;
    let commands = batch.iter().map(|command| quoted(hex(command.encode())));
    format!(
        concat!(
            " {{\n  \"seed\": {},\n  \"config\": {},\n  \"config_digest\": \"{}\",\n  \"before\": {},\n",
            "  \"commands\": {},\n  \"command_root\": \"{}\",\n  \"events\": {},\n  \"event_root\": \"{}\",\n",
            "  \"after\": {},\n  \"public_values\": \"{}\"\n }}"
        ),
        example.seed,
        list(config.words().iter().map(quoted), ", "),
        values.config,
        before,
        list(commands, ",\n   "),
        values.command_root,
        events,
        values.event_root,
        state(&engine, &ledger),
        hex(values.encode()),
    )
}

/// Lengths of the chains of the file.
const CHAINS: [usize; 4] = [1, 2, 3, 7];

/// A chain of so many batches. What stands for its programs' keys are digests of a configuration and of a state.
fn chain(length: usize) -> String {
    let mut flow = RandomFlow::new(length as u64);
    let config = flow.market().config;
    let mut ledger = Ledger::<Portable>::new(config);
    let batch_program = ledger.header().config;
    let chain_program = ledger.root();
    let seal = |size| {
        ledger
            .seal(&flow.by_ref().take(size).collect::<Vec<_>>())
            .values
    };
    let batches: Vec<PublicValues> = (1..=length).map(seal).collect();
    let input = ChainInput {
        batch_program,
        chain_program,
        earlier: None,
        batches,
    };
    let values = join::<Portable>(&input.words(), &mut |_, _| {});
    let batches = input
        .batches
        .iter()
        .map(|values| quoted(hex(values.encode())));
    format!(
        " {{\n  \"batches\": {},\n  \"chain_values\": \"{}\"\n }}",
        list(batches, ",\n   "),
        hex(values.encode())
    )
}

/// The whole file.
pub fn vectors() -> String {
    let markets = list(EXAMPLES.iter().map(market), ",\n");
    let chains = list(CHAINS.map(chain), ",\n");
    format!("{{\"version\": 1, \"markets\": {markets},\n\"chains\": {chains}}}\n")
}

#[allow(dead_code)] // a test takes the function above and leaves this
fn main() {
    print!("{}", vectors());
}
