//! States from bytes: the exact inverse for true states, and for damaged ones either an error or a sound market.

use proofbook_book::{Book, Reference};
use proofbook_books::Ladder;
use proofbook_matching::MatchingEngine;
use proofbook_testkit::flow::RandomFlow;
use proofbook_testkit::workload::Random;
use proofbook_types::{
    Action, Command, DecodeError, Event, RejectReason, Timestamp, CONFIG_BYTES, ORDER_BYTES,
};

const MARKETS: u64 = 60;
const COMMANDS: usize = 150;
const DAMAGES: u64 = 250;
const COMMANDS_AFTER: usize = 40;

/// Sequence, clock, priority counter, phase and last trade.
const HEADER_BYTES: usize = 40;

fn state<B: Book>(engine: &MatchingEngine<B>) -> Vec<u8> {
    let mut bytes = Vec::new();
    engine.write_state(&mut |part: &[u8]| bytes.extend_from_slice(part));
    bytes
}

fn apply<B: Book>(engine: &mut MatchingEngine<B>, command: &Command) -> Vec<Event> {
    let mut events = Vec::new();
    engine.apply(command, &mut |event: Event| events.push(event));
    events
}

/// A random market in the middle of its flow.
fn market(seed: u64) -> (MatchingEngine<Ladder>, RandomFlow) {
    let mut flow = RandomFlow::new(seed);
    let mut engine = MatchingEngine::new(flow.market().config, Ladder::default())
        .expect("random terms make a market");
    for command in flow.by_ref().take(COMMANDS) {
        apply(&mut engine, &command);
    }
    (engine, flow)
}

/// Changes a few bits or bytes, more often where they mean something: not in the zero bytes between.
fn damage(bytes: &mut [u8], random: &mut Random) {
    for _ in 0..=random.below(2) {
        let place = random.below(bytes.len() as u64) as usize;
        match random.below(8) {
            0..=3 => bytes[place] ^= 1 << random.below(8),
            4 => bytes[place] = bytes[place].wrapping_add(1),
            5 => bytes[place] = 0,
            6 => {
                let word = place / 8 * 8;
                let end = bytes.len().min(word + 8);
                bytes[word..end].fill(if random.below(2) == 0 { 0xff } else { 0 });
            }
            _ => {
                // One order's bytes or field over another's.
                let from = random.below(bytes.len() as u64) as usize / 8 * 8;
                let length = [8, ORDER_BYTES][random.below(2) as usize];
                let length = length.min(bytes.len() - from.max(place / 8 * 8));
                bytes.copy_within(from..from + length, place / 8 * 8);
            }
        }
    }
}

/// What must hold for bytes that a market was restored from.
fn is_sound(bytes: &[u8], commands: &[Command]) -> Result<bool, String> {
    let (mut ladder, mut reference) = match (
        MatchingEngine::restore(bytes, Ladder::default()),
        MatchingEngine::restore(bytes, Reference::new()),
    ) {
        (Ok(ladder), Ok(reference)) => (ladder, reference),
        (Err(ladder), Err(reference)) if ladder == reference => return Ok(false),
        (ladder, reference) => {
            return Err(format!(
                "the books disagree: {:?} and {:?}",
                ladder.err(),
                reference.err()
            ))
        }
    };
    if state(&ladder) != bytes || state(&reference) != bytes {
        return Err(String::from("its bytes differ"));
    }
    ladder.check().map_err(|fault| format!("ladder: {fault}"))?;
    reference
        .check()
        .map_err(|fault| format!("reference: {fault}"))?;
    for (number, command) in commands.iter().enumerate() {
        let at = |what: &str| format!("command {number} after it, {command:?}: {what}");
        if apply(&mut ladder, command) != apply(&mut reference, command) {
            return Err(at("the books' events differ"));
        }
        if state(&ladder) != state(&reference) {
            return Err(at("the books' states differ"));
        }
        ladder.check().map_err(|fault| at(&fault))?;
    }
    Ok(true)
}

/// Commands that go on from a state: those of a random flow, at times that the state's clock allows.
fn commands_after(bytes: &[u8], flow: &mut RandomFlow) -> Vec<Command> {
    let clock = bytes[CONFIG_BYTES + 8..CONFIG_BYTES + 16]
        .try_into()
        .expect("eight bytes");
    let clock = u64::from_le_bytes(clock);
    flow.take(COMMANDS_AFTER)
        .enumerate()
        .map(|(index, command)| Command {
            time: Timestamp(clock.saturating_add(index as u64 * 40)),
            action: command.action,
        })
        .collect()
}

#[test]
fn true_states_come_back() {
    for seed in 0..MARKETS {
        let (mut engine, mut flow) = market(seed);
        let bytes = state(&engine);
        let mut again = MatchingEngine::restore(&bytes, Reference::new())
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(state(&again), bytes, "seed {seed}");
        for command in flow.by_ref().take(COMMANDS) {
            let expected = apply(&mut engine, &command);
            assert_eq!(
                apply(&mut again, &command),
                expected,
                "seed {seed}: {command:?}"
            );
        }
        assert_eq!(state(&again), state(&engine), "seed {seed}");
    }
}

#[test]
fn every_cut_of_a_state_is_an_error() {
    let (engine, _) = market(3);
    let bytes = state(&engine);
    for length in 0..bytes.len() {
        assert!(
            MatchingEngine::restore(&bytes[..length], Ladder::default()).is_err(),
            "{length} of {} bytes were taken",
            bytes.len()
        );
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    let result = MatchingEngine::restore(&longer, Ladder::default());
    assert!(matches!(
        result.map(|_| ()),
        Err(DecodeError::Inconsistent { .. })
    ));
}

#[test]
fn damaged_states_are_errors_or_sound() {
    let (mut errors, mut taken) = (0, 0);
    for seed in 0..MARKETS {
        let (engine, mut flow) = market(seed);
        let mut random = Random::new(seed ^ 0x5eed);
        let bytes = state(&engine);
        for number in 0..DAMAGES {
            let mut damaged = bytes.clone();
            damage(&mut damaged, &mut random);
            let commands = commands_after(&damaged, &mut flow);
            let result = std::panic::catch_unwind(|| is_sound(&damaged, &commands));
            let context = || {
                let places: Vec<usize> = (0..bytes.len())
                    .filter(|&place| bytes[place] != damaged[place])
                    .collect();
                format!("seed {seed}, damage {number} at bytes {places:?}")
            };
            match result {
                Ok(Ok(is_taken)) => {
                    taken += u64::from(is_taken);
                    errors += u64::from(!is_taken);
                }
                Ok(Err(fault)) => panic!("{}: {fault}", context()),
                Err(_) => panic!("{}: it panicked", context()),
            }
        }
    }
    assert!(
        taken > 0 && errors > taken,
        "{errors} errors, {taken} taken"
    );
}

#[test]
fn nothing_changes_after_the_last_sequence_number() {
    let (engine, mut flow) = market(1);
    let mut bytes = state(&engine);
    bytes[CONFIG_BYTES..CONFIG_BYTES + 8].copy_from_slice(&(1u64 << 63).to_le_bytes());
    let mut last =
        MatchingEngine::restore(&bytes, Ladder::default()).expect("the last state is a state");
    for command in commands_after(&bytes, &mut flow) {
        let events = apply(&mut last, &command);
        assert!(
            matches!(
                events[..],
                [Event::Rejected {
                    reason: RejectReason::SequenceExhausted,
                    ..
                }]
            ),
            "{events:?}"
        );
        assert_eq!(state(&last), bytes, "after {command:?}");
    }
    let sweep = Command {
        time: Timestamp(u64::MAX),
        action: Action::Sweep,
    };
    apply(&mut last, &sweep);
    assert_eq!(state(&last), bytes, "nothing expires either");
    assert!(bytes.len() > CONFIG_BYTES + HEADER_BYTES + 4 * 8);
}
