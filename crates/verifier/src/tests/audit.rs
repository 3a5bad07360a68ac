//! Receipts held against real proofs: of an earlier program with its own key, as in `proof`.
//!
//! The two proven batches are the first 500 commands of the generated sample with seed 1. They are sealed here once more, natively.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proofbook_books::Ladder;
use proofbook_commitment::Portable;
use proofbook_ledger::{Ledger, Record};
use proofbook_matching::MatchingEngine;
use proofbook_receipts::{
    outcome, BatchPart, Contradiction, ContradictionError, Finding, InclusionError, OperatorKey,
    PublicKey, Receipt, ReceiptError, SignedBatch, RECEIPT_BYTES,
};
use proofbook_run::{sample_config, Parameters, Sample};
use proofbook_serving::{BatchRecord, Request};
use proofbook_transition::Observer as _;
use proofbook_types::{Action, Command, Event, Timestamp};
use proofbook_workload::Random;

use crate::audit::{audit, check_contradiction_against, contradict_against, AuditError, Verdict};
use crate::{check_contradiction, verify_against, ProgramKey, Verified, VerifyError};

const PROGRAM: ProgramKey = ProgramKey::parse(include_str!("earlier/program.key"));
const BATCH_COMMANDS: usize = 250;

/// The batches of a sample, sealed natively.
fn sealed(seed: u64) -> Vec<BatchRecord> {
    let mut sample = Sample::new(Parameters {
        seed,
        commands: 2 * BATCH_COMMANDS as u64,
    });
    let config = sample_config();
    let mut engine = MatchingEngine::new(config, Ladder::default()).expect("a market");
    let mut ledger = Ledger::<Portable>::new(config);
    let mut seal = || {
        let mut record = Record::default();
        for command in sample.by_ref().take(BATCH_COMMANDS) {
            record.command(&command);
            engine.apply(&command, &mut |event| record.event(&command, event));
        }
        let values = ledger.close(&record);
        BatchRecord::new(&values, record).expect("its own record")
    };
    vec![seal(), seal()]
}

/// Proven batches, and what their operator keeps of them.
struct Market {
    files: Vec<Vec<u8>>,
    verified: Vec<Verified>,
    records: Vec<BatchRecord>,
}

static MARKET: LazyLock<Market> = LazyLock::new(|| {
    let folder = Path::new("src/tests/earlier");
    let names = ["000001.proof", "000002.proof"];
    let files = names.map(|name| fs::read(folder.join(name)).expect("it is there"));
    let verified = files.each_ref().map(|file| verify_against(&PROGRAM, file));
    let verified = verified.map(|verified| verified.expect("it holds"));
    let records = sealed(1);
    for (record, verified) in records.iter().zip(&verified) {
        assert_eq!(
            record.values(),
            verified.values(),
            "the proven batches are the sample's"
        );
    }
    Market {
        files: files.into(),
        verified: verified.into(),
        records,
    }
});

impl Market {
    /// The number of the batch that has a sequence, from 0.
    fn batch_of(sequence: u64) -> usize {
        (sequence as usize - 1) / BATCH_COMMANDS
    }

    fn command(&self, sequence: u64) -> Command {
        let position = (sequence as usize - 1) % BATCH_COMMANDS;
        self.records[Market::batch_of(sequence)].record().commands()[position]
    }

    fn part(&self, sequences: &[u64]) -> BatchPart {
        self.records[Market::batch_of(sequences[0])].open_commands(&Request {
            sequences: sequences.to_vec(),
            ..Request::default()
        })
    }

    /// What a receipt leads to where the operator opens its sequence.
    fn contradiction(&self, receipt: &Receipt, signed: bool) -> Result<Contradiction, AuditError> {
        let batch = Market::batch_of(receipt.sequence);
        let signed = signed.then(|| SignedBatch::sign(&operator(), self.records[batch].values()));
        let part = self.part(&[receipt.sequence]);
        let (key, file) = (operator().public_key(), &self.files[batch]);
        contradict_against(&PROGRAM, receipt, &key, file, &part, signed.as_ref())
    }
}

fn operator() -> OperatorKey {
    OperatorKey::from_seed(&[1; 32])
}

fn key() -> PublicKey {
    operator().public_key()
}

fn receipt(sequence: u64, command: &Command) -> Receipt {
    Receipt::sign(&operator(), sample_config().market, sequence, command)
}

fn check(contradiction: &Contradiction) -> Result<Finding, AuditError> {
    check_contradiction_against(&PROGRAM, contradiction, &key())
}

/// Another command than this one: what was asked for is a nanosecond later.
fn altered(command: &Command) -> Command {
    let time = Timestamp(command.time.0 + 1);
    Command { time, ..*command }
}

#[test]
fn honest_receipts_stand() {
    let (mut trades, mut rejects) = (0, 0);
    for sequence in (1..=500).step_by(3) {
        let command = MARKET.command(sequence);
        let receipt = receipt(sequence, &command);
        let part = MARKET.part(&[sequence]);
        let batch = Market::batch_of(sequence);
        let verdict = audit(&receipt, &key(), &MARKET.verified[batch], &part).expect("decided");
        let Verdict::Stands(opened) = verdict else {
            panic!("sequence {sequence}: {verdict:?}");
        };
        assert_eq!(opened.command, command);
        let became = outcome(&opened.command, &opened.events);
        let is_trade = |event: &&Event| matches!(event, Event::Trade { .. });
        trades += opened.events.iter().filter(is_trade).count();
        rejects += usize::from(became.rejected.is_some());
        if sequence % 50 == 1 {
            let error = MARKET.contradiction(&receipt, true).expect_err("it stands");
            assert_eq!(error, AuditError::Contradiction(ContradictionError::Agree));
        }
    }
    assert!(
        trades > 0 && rejects > 0,
        "{trades} trades, {rejects} rejects"
    );
}

#[test]
fn dropped_altered_and_moved_commands_are_contradictions() {
    let dropped = Command {
        time: MARKET.command(400).time,
        action: Action::Sweep,
    };
    let cases = [
        ("dropped", 400, dropped),
        ("altered", 17, altered(&MARKET.command(17))),
        ("moved", 300, MARKET.command(299)),
    ];
    for (name, sequence, promised) in cases {
        let receipt = receipt(sequence, &promised);
        let part = MARKET.part(&[sequence]);
        let batch = Market::batch_of(sequence);
        let verdict = audit(&receipt, &key(), &MARKET.verified[batch], &part).expect("decided");
        assert!(matches!(verdict, Verdict::Contradicted(_)), "{name}");
        for is_signed in [true, false] {
            let made = MARKET.contradiction(&receipt, is_signed).expect(name);
            let read = Contradiction::decode(&made.encode()).expect("it is one");
            assert_eq!(read, made);
            let expected = Finding::OtherCommand {
                market: sample_config().market,
                batch: batch as u64 + 1,
                sequence,
                is_signed,
            };
            assert_eq!(check(&read), Ok(expected), "{name}");
            // Only the pinned program counts for everyone else.
            let error = check_contradiction(&read, &key()).expect_err("another program");
            assert!(matches!(
                error,
                AuditError::Proof(VerifyError::OtherProgram { .. })
            ));
        }
    }
}

#[test]
fn receipts_of_other_markets_keys_and_batches_are_not_decided() {
    let (sequence, batch) = (20, &MARKET.verified[0]);
    let command = MARKET.command(sequence);
    let part = MARKET.part(&[sequence]);
    let refusal = |receipt: &Receipt, batch: &Verified, part: &BatchPart| {
        let verdict = audit(receipt, &key(), batch, part).map(|verdict| format!("{verdict:?}"));
        verdict.expect_err("it is not decided")
    };
    let elsewhere = Receipt::sign(&operator(), 2, sequence, &command);
    let (expected, received) = (2, 1);
    assert_eq!(
        refusal(&elsewhere, batch, &part),
        AuditError::OtherMarket { expected, received }
    );
    let stranger = OperatorKey::from_seed(&[2; 32]);
    let forged = Receipt::sign(&stranger, 1, sequence, &altered(&command));
    let error = refusal(&forged, batch, &part);
    assert!(matches!(
        error,
        AuditError::Receipt(ReceiptError::Signature { .. })
    ));
    assert!(
        MARKET.contradiction(&forged, false).is_err(),
        "nobody frames the operator"
    );
    let honest = receipt(sequence, &command);
    let error = refusal(&honest, &MARKET.verified[1], &part);
    assert!(matches!(
        error,
        AuditError::Inclusion(InclusionError::OtherBatch { .. })
    ));
    let closed = MARKET.part(&[sequence + 1]);
    assert_eq!(
        refusal(&honest, batch, &closed),
        AuditError::Inclusion(InclusionError::NotShown)
    );
    let later = receipt(251, &command);
    let error = refusal(&later, batch, &part);
    assert!(matches!(
        error,
        AuditError::Inclusion(InclusionError::NotInBatch { .. })
    ));
}

#[test]
fn receipts_of_a_fork_contradict_the_proven_chain() {
    let fork = sealed(2);
    let sequence = 30;
    let theirs = fork[0].record().commands()[sequence as usize - 1];
    let receipt = receipt(sequence, &theirs);
    let opened = fork[0].open_commands(&Request {
        sequences: vec![sequence],
        ..Request::default()
    });
    // What the fork shows is nothing of the proven batch; what that shows contradicts the receipt.
    let error = audit(&receipt, &key(), &MARKET.verified[0], &opened).expect_err("a fork");
    assert!(error.to_string().contains("(a fork)"), "{error}");
    assert!(MARKET.contradiction(&receipt, true).is_ok());
    let both = [&fork[0], &MARKET.records[0]]
        .map(|record| SignedBatch::sign(&operator(), record.values()));
    let finding = Contradiction::TwoBatches(Box::new(both)).check(&key(), None);
    let (market, batch) = (1, 1);
    assert_eq!(finding, Ok(Finding::TwoBatches { market, batch }));
    let twice = Contradiction::TwoBatches(Box::new([both[0]; 2]));
    assert_eq!(twice.check(&key(), None), Err(ContradictionError::Agree));
}

#[test]
fn two_receipts_of_one_sequence_contradict_each_other() {
    let command = MARKET.command(5);
    let (first, second) = (receipt(5, &command), receipt(5, &altered(&command)));
    let of = |first, second| Contradiction::TwoReceipts([first, second]);
    let (market, sequence) = (1, 5);
    assert_eq!(
        check(&of(first, second)),
        Ok(Finding::TwoReceipts { market, sequence })
    );
    let refused = |contradiction| match check(&contradiction) {
        Err(AuditError::Contradiction(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(of(first, first)), ContradictionError::Agree);
    let other = receipt(6, &command);
    let (expected, received) = (5, 6);
    assert_eq!(
        refused(of(first, other)),
        ContradictionError::OtherNumber { expected, received }
    );
    let elsewhere = Receipt::sign(&operator(), 2, 5, &command);
    let (expected, received) = (1, 2);
    assert_eq!(
        refused(of(first, elsewhere)),
        ContradictionError::OtherMarket { expected, received }
    );
    let stranger = Receipt::sign(&OperatorKey::from_seed(&[2; 32]), 1, 5, &altered(&command));
    assert!(matches!(
        refused(of(first, stranger)),
        ContradictionError::Signature(_)
    ));
    let bytes = of(first, second).encode();
    for bit in 0..8 * bytes.len() {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let outcome = Contradiction::decode(&changed).map(|changed| check(&changed));
        assert!(!matches!(outcome, Ok(Ok(_))), "bit {bit}");
    }
}

#[test]
fn no_byte_of_a_contradiction_can_be_changed() {
    let receipt = receipt(17, &altered(&MARKET.command(17)));
    let bytes = MARKET.contradiction(&receipt, true).expect("one").encode();
    let head = bytes.len() - MARKET.files[0].len();
    let values = MARKET.verified[0].values();
    let mut changed = bytes.clone();
    let holds = |bytes: &[u8]| {
        Contradiction::decode(bytes).is_ok_and(|read| read.check(&key(), Some(values)).is_ok())
    };
    assert!(holds(&bytes));
    // Everything but the proof, whose own tests are in `proof`: here with the values that it proves.
    for byte in (0..head + crate::HEAD_BYTES).filter(|byte| *byte != 8) {
        changed[byte] ^= 1 << (byte % 8);
        assert!(!holds(&changed), "byte {byte}");
        changed[byte] = bytes[byte];
    }
    // As one without a signature, the signature would be the head of what follows it.
    changed[8] = 2;
    assert!(!holds(&changed));
    changed[8] = 1;
    assert!(!holds(&bytes[..head - 1]));
    let mut random = Random::new(5);
    for _ in 0..20 {
        let byte = head + random.below(MARKET.files[0].len() as u64) as usize;
        changed[byte] ^= 1;
        let outcome = Contradiction::decode(&changed).map(|changed| check(&changed));
        assert!(!matches!(outcome, Ok(Ok(_))), "byte {byte}");
        changed[byte] = bytes[byte];
    }
    for more in [&[0][..], &bytes[..RECEIPT_BYTES]] {
        let longer = [&bytes[..], more].concat();
        let outcome = Contradiction::decode(&longer).map(|longer| check(&longer));
        assert!(!matches!(outcome, Ok(Ok(_))));
    }
}

#[test]
fn a_contradiction_takes_its_own_batch() {
    let receipt = receipt(17, &altered(&MARKET.command(17)));
    let made = MARKET.contradiction(&receipt, true).expect("one");
    let Contradiction::OtherCommand {
        receipt,
        signature,
        part,
        ..
    } = made.clone()
    else {
        panic!("{made:?}");
    };
    // The proof of the other batch, and the signature of somebody else.
    let other_proof = Contradiction::OtherCommand {
        receipt,
        signature,
        part: part.clone(),
        proof: MARKET.files[1].clone(),
    };
    assert!(check(&other_proof).is_err());
    let stranger = SignedBatch::sign(
        &OperatorKey::from_seed(&[2; 32]),
        MARKET.records[0].values(),
    );
    let other_signature = Contradiction::OtherCommand {
        receipt,
        signature: Some(stranger.signature),
        part: part.clone(),
        proof: MARKET.files[0].clone(),
    };
    assert!(matches!(
        check(&other_signature),
        Err(AuditError::Contradiction(ContradictionError::Signature(_)))
    ));
    let unproven = made.check(&key(), Some(MARKET.verified[1].values()));
    assert_eq!(unproven, Err(ContradictionError::OtherBatch));
    assert_eq!(
        made.check(&key(), None),
        Err(ContradictionError::OtherBatch)
    );
}
