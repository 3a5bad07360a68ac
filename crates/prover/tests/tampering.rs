//! What is false is refused, or says of itself that it is about something else.
//!
//! The program is given inputs that were changed. It may refuse them, with exit code 1 or 3 and without a word. If it does not,
//! what it says must differ from what it says of the honest inputs; and where anything but the commands was changed, by its
//! previous root, configuration or batch number, which whoever holds the chain of batches compares with his own.

mod support;

use proofbook_commitment::maps::ROOT_WORDS;
use proofbook_commitment::PublicValues;
use proofbook_prover::executor::bytes_of;
use proofbook_testkit::workload::Random;
use proofbook_transition::BATCH_WORDS;
use proofbook_types::COMMAND_WORDS;
use support::{case, is_soak, said, said_bytes, seed, Case};

const EARLIER: usize = 120;
const COMMANDS: usize = 25;

fn cases() -> impl Iterator<Item = (u64, Case)> {
    let count = if is_soak() { 60 } else { 5 };
    (seed()..seed() + count).map(|seed| (seed, case(seed, EARLIER, COMMANDS)))
}

/// Whether the chain refuses values because they do not follow on those before.
fn is_refused_by_chain(values: &PublicValues, honest: &PublicValues) -> bool {
    values.previous_root != honest.previous_root
        || values.config != honest.config
        || values.market != honest.market
        || values.batch != honest.batch
}

/// A few bits of a word: the lowest, the highest, some between.
fn bits(random: &mut Random) -> Vec<u64> {
    if is_soak() {
        return (0..64).collect();
    }
    vec![0, 63, 1 + random.below(62)]
}

#[test]
fn honest_inputs_are_accepted() {
    for (seed, case) in cases() {
        let sealed = &case.sealed;
        assert_eq!(
            said(&sealed.batch, &sealed.witness),
            Some(sealed.values),
            "seed {seed}"
        );
    }
}

/// Nodes have words that only their holder uses and that no digest binds. The program clears them: they change nothing that it
/// says.
#[test]
fn a_flipped_bit_of_the_witness_is_refused_or_changes_nothing() {
    let (mut refused, mut ignored) = (0, 0);
    for (seed, case) in cases() {
        let sealed = &case.sealed;
        let mut random = Random::new(seed);
        for place in 0..sealed.witness.len() {
            for bit in bits(&mut random) {
                let mut witness = sealed.witness.clone();
                witness[place] ^= 1 << bit;
                match said(&sealed.batch, &witness) {
                    None => {
                        // The first words are overwritten with the roots that the batch states.
                        assert!(place >= ROOT_WORDS, "seed {seed}, word {place}");
                        refused += 1;
                    }
                    Some(values) => {
                        let honest = sealed.values;
                        assert_eq!(values, honest, "seed {seed}, word {place}, bit {bit}");
                        ignored += 1;
                    }
                }
            }
        }
    }
    assert!(
        refused > 2 * ignored,
        "{refused} flips were refused, {ignored} ignored"
    );
}

#[test]
fn a_flipped_bit_of_the_state_is_refused_by_the_program_or_the_chain() {
    for (seed, case) in cases() {
        let sealed = &case.sealed;
        let mut random = Random::new(seed);
        for place in 0..BATCH_WORDS {
            for bit in bits(&mut random) {
                let mut batch = sealed.batch.clone();
                batch[place] ^= 1 << bit;
                if let Some(values) = said(&batch, &sealed.witness) {
                    assert!(
                        is_refused_by_chain(&values, &sealed.values),
                        "seed {seed}, word {place}, bit {bit}: {values:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn changed_commands_are_said_to_be_others() {
    for (seed, case) in cases() {
        let sealed = &case.sealed;
        let mut random = Random::new(seed);
        for place in BATCH_WORDS..sealed.batch.len() {
            for bit in bits(&mut random) {
                let mut batch = sealed.batch.clone();
                batch[place] ^= 1 << bit;
                if let Some(values) = said(&batch, &sealed.witness) {
                    assert_ne!(
                        values.command_root, sealed.values.command_root,
                        "seed {seed}, word {place}, bit {bit}"
                    );
                }
            }
        }
    }
}

#[test]
fn dropped_doubled_and_reordered_commands_are_said_to_be_others() {
    for (seed, case) in cases() {
        let sealed = &case.sealed;
        let (head, commands) = sealed.batch.split_at(BATCH_WORDS);
        let commands: Vec<&[u64]> = commands.chunks(COMMAND_WORDS).collect();
        let check = |changed: &[&[u64]], what: &str| {
            let batch = [head, &changed.concat()].concat();
            // Both with the witness that it had and with an honest one of its own.
            if let Some(values) = said(&batch, &sealed.witness) {
                assert_ne!(
                    values.command_root, sealed.values.command_root,
                    "seed {seed}: {what}"
                );
            }
            let changed: Vec<_> = changed
                .iter()
                .map(|words| {
                    proofbook_types::Command::from_words((*words).try_into().expect("a command"))
                })
                .map(|command| command.expect("a command"))
                .collect();
            let honest = case.before.clone().seal(&changed);
            let values = said(&honest.batch, &honest.witness).expect("an honest batch");
            assert_eq!(values, honest.values);
            assert_eq!(values.previous_root, sealed.values.previous_root);
            assert_ne!(
                values.command_root, sealed.values.command_root,
                "seed {seed}: {what}"
            );
        };
        for index in 0..commands.len() {
            let mut changed = commands.clone();
            let dropped = changed.remove(index);
            check(&changed, &format!("command {index} dropped"));
            changed.insert(index, dropped);
            changed.insert(index, dropped);
            check(&changed, &format!("command {index} doubled"));
            let mut changed = commands.clone();
            let other = (index + 1) % commands.len();
            changed.swap(index, other);
            if commands[index] != commands[other] {
                check(&changed, &format!("commands {index} and {other} exchanged"));
            }
        }
        check(&[], "all commands dropped");
    }
}

#[test]
fn another_market_s_witness_is_refused() {
    for (seed, case) in cases() {
        let other = support::case(seed + 1_000, EARLIER, COMMANDS);
        assert_eq!(
            said(&case.sealed.batch, &other.sealed.witness),
            None,
            "seed {seed}"
        );
        // The state of before the first batch, with the commands and nodes of the second.
        let empty =
            proofbook_ledger::Ledger::<proofbook_commitment::Portable>::new(*case.before.config());
        let stale = empty.clone().seal(&case.commands);
        let values = said(&stale.batch, &stale.witness).expect("an honest batch of another state");
        assert!(
            is_refused_by_chain(&values, &case.sealed.values),
            "seed {seed}"
        );
        assert_eq!(
            said(&stale.batch, &case.sealed.witness),
            None,
            "seed {seed}"
        );
    }
}

#[test]
fn commands_that_are_not_canonical_are_refused() {
    let (seed, case) = cases().next().expect("there is a case");
    let sealed = &case.sealed;
    let mut refused = 0;
    for index in 0..COMMANDS {
        let start = BATCH_WORDS + index * COMMAND_WORDS;
        // Tags that mean nothing, and all ones in each word where that means nothing.
        for (word, value) in (0..COMMAND_WORDS).map(|word| (word, u64::MAX)).chain([
            (0, 0),
            (0, sealed.batch[start] | 1 << 63),
            (0, sealed.batch[start] ^ 0xff),
        ]) {
            let mut batch = sealed.batch.clone();
            batch[start + word] = value;
            let words = batch[start..start + COMMAND_WORDS]
                .try_into()
                .expect("a command's words");
            if proofbook_types::Command::from_words(words).is_err() {
                assert_eq!(
                    said(&batch, &sealed.witness),
                    None,
                    "seed {seed}, command {index}, word {word}"
                );
                refused += 1;
            }
        }
    }
    assert!(refused >= 4 * COMMANDS, "only {refused} were not canonical");
}

#[test]
fn missing_and_extra_words_are_refused() {
    for (seed, case) in cases() {
        let sealed = &case.sealed;
        let mut random = Random::new(seed);
        let length = sealed.witness.len();
        for kept in (0..length)
            .filter(|_| is_soak() || random.below(20) == 0)
            .chain([0, 1, length - 1])
        {
            assert_eq!(
                said(&sealed.batch, &sealed.witness[..kept]),
                None,
                "seed {seed}: {kept} words kept"
            );
        }
        for extra in [vec![0], vec![u64::MAX], sealed.witness.clone()] {
            let witness = [&sealed.witness[..], &extra].concat();
            assert_eq!(
                said(&sealed.batch, &witness),
                None,
                "seed {seed}: {} more",
                extra.len()
            );
        }
        for kept in 0..sealed.batch.len() {
            let batch = &sealed.batch[..kept];
            if let Some(values) = said(batch, &sealed.witness) {
                // Whole commands were dropped, and nobody looks for what is not there.
                assert_eq!((kept - BATCH_WORDS) % COMMAND_WORDS, 0, "seed {seed}");
                assert_ne!(
                    values.command_root, sealed.values.command_root,
                    "seed {seed}"
                );
            }
        }
    }
}

#[test]
fn inputs_that_are_no_words_or_missing_are_refused() {
    let (_, case) = cases().next().expect("there is a case");
    let (batch, witness) = (bytes_of(&case.sealed.batch), bytes_of(&case.sealed.witness));
    assert_eq!(said_bytes(&[]), None);
    assert_eq!(said_bytes(std::slice::from_ref(&batch)), None);
    assert_eq!(said_bytes(&[witness.clone(), batch.clone()]), None);
    for cut in 1..8 {
        let shorter = |bytes: &[u8]| bytes[..bytes.len() - cut].to_vec();
        assert_eq!(said_bytes(&[shorter(&batch), witness.clone()]), None);
        assert_eq!(said_bytes(&[batch.clone(), shorter(&witness)]), None);
    }
    // What comes after the witness is never read.
    let more = [batch, witness, vec![1; 8]];
    assert_eq!(said_bytes(&more), Some(case.sealed.values));
}
