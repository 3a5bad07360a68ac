//! Batch files give back what was written, and nothing else is one.

use proofbook_commitment::{Portable, PUBLIC_BYTES};
use proofbook_ledger::file::{BATCH_MAGIC, FILE_WORDS_MAX};
use proofbook_ledger::{BatchFileError, Ledger, Sealed};
use proofbook_testkit::flow::RandomFlow;

fn sealed(seed: u64, commands: usize) -> Sealed {
    let mut flow = RandomFlow::new(seed);
    let mut ledger = Ledger::<Portable>::new(flow.market().config);
    let commands: Vec<_> = flow.by_ref().take(commands).collect();
    ledger.seal(&commands)
}

#[test]
fn what_was_written_comes_back() {
    for seed in 0..20 {
        let sealed = sealed(seed, seed as usize * 5);
        let bytes = sealed.to_bytes();
        assert_eq!(
            bytes.len(),
            24 + PUBLIC_BYTES + 8 * (sealed.batch.len() + sealed.witness.len()),
            "seed {seed}"
        );
        let read = Sealed::from_bytes(&bytes).expect("a batch file");
        assert_eq!(read, sealed, "seed {seed}");
        assert_eq!(read.to_bytes(), bytes, "seed {seed}");
    }
}

#[test]
fn every_other_length_is_refused() {
    let bytes = sealed(1, 5).to_bytes();
    for length in 0..bytes.len() {
        let error = Sealed::from_bytes(&bytes[..length]).expect_err("it is cut");
        match error {
            BatchFileError::Magic { received } => {
                assert!(length < 8);
                assert_eq!(received, bytes[..length]);
            }
            BatchFileError::Length { expected, received } => {
                assert_eq!(received, length as u64);
                assert!(expected > received);
            }
            other => panic!("{other}"),
        }
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(
        Sealed::from_bytes(&longer),
        Err(BatchFileError::Length {
            expected: bytes.len() as u64,
            received: bytes.len() as u64 + 1
        })
    );
}

#[test]
fn heads_that_lie_are_refused() {
    let bytes = sealed(1, 5).to_bytes();
    let with = |place: usize, value: u64| {
        let mut changed = bytes.clone();
        changed[place..place + 8].copy_from_slice(&value.to_le_bytes());
        Sealed::from_bytes(&changed).expect_err("the head lies")
    };
    let magic = u64::from_le_bytes(BATCH_MAGIC);
    for bit in 0..64 {
        let error = with(0, magic ^ 1 << bit);
        assert!(matches!(error, BatchFileError::Magic { .. }), "bit {bit}");
    }
    for place in [8, 16] {
        for received in [FILE_WORDS_MAX + 1, u64::MAX, 1 << 61] {
            assert_eq!(with(place, received), BatchFileError::Size { received });
        }
        assert!(matches!(
            with(place, FILE_WORDS_MAX),
            BatchFileError::Length { .. }
        ));
    }
    // The version, and a digest that is not canonical.
    assert_eq!(with(24, 2), BatchFileError::PublicValues);
    assert_eq!(with(24 + 16, u64::MAX), BatchFileError::PublicValues);
}
