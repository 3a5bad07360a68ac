//! Proof files that are none: every field, every length, every byte of the head.

use proofbook_verifier::{
    verify, Digest, FormatError, Mode, ProofFile, PublicValues, ValuesError, VerifyError,
    COMPRESSED_BYTES_MAX, HEAD_BYTES, PROOF_BYTES_MAX, PUBLIC_BYTES,
};

const ORDER: u32 = 0x7f00_0001;

fn values() -> PublicValues {
    PublicValues {
        market: 7,
        config: Digest([1, 2, 3, 4]),
        batch: 1,
        first_sequence: 1,
        last_sequence: 2,
        clock_before: 0,
        clock_after: 9,
        previous_root: Digest([5, 6, 7, 8]),
        new_root: Digest([9, 10, 11, 12]),
        commands: 2,
        command_root: Digest([13, 14, 15, 16]),
        events: 3,
        event_root: Digest([17, 18, 19, 20]),
    }
}

fn file(mode: Mode, proof: &[u8]) -> Vec<u8> {
    let public_values = &values().encode();
    ProofFile {
        mode,
        public_values,
        proof,
    }
    .encode()
}

fn format_error(file: &[u8]) -> FormatError {
    match verify(file) {
        Err(VerifyError::Format(error)) => error,
        other => panic!("expected a file that is none; received {other:?}"),
    }
}

#[test]
fn a_file_has_the_layout_that_is_documented() {
    let file = file(Mode::Compressed, b"proof");
    assert_eq!(file.len(), HEAD_BYTES + 5);
    assert_eq!(&file[..16], b"PROOFBK1\x02\0\0\0\0\0\0\0");
    assert_eq!(file[16..24], 232u64.to_le_bytes());
    assert_eq!(file[24..256], values().encode());
    assert_eq!(file[256..264], 5u64.to_le_bytes());
    assert_eq!(&file[264..], b"proof");
    let parts = ProofFile::decode(&file).expect("a proof file");
    assert_eq!((parts.mode, parts.proof), (Mode::Compressed, &b"proof"[..]));
    assert_eq!(parts.encode(), file);
}

#[test]
fn a_file_cut_anywhere_is_none() {
    let file = file(Mode::Compressed, b"some proof");
    for length in 0..file.len() {
        let received = length as u64;
        let expected = if length < HEAD_BYTES {
            FormatError::TooShort { received }
        } else {
            let expected = file.len() as u64;
            FormatError::Length { expected, received }
        };
        assert_eq!(format_error(&file[..length]), expected);
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    let mut file = file(Mode::Compressed, b"some proof");
    let expected = file.len() as u64;
    file.push(0);
    assert_eq!(
        format_error(&file),
        FormatError::Length {
            expected,
            received: expected + 1
        }
    );
}

#[test]
fn every_field_of_the_head_is_checked() {
    let good = file(Mode::Compressed, b"some proof");
    let with = |offset: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
        format_error(&file)
    };
    assert_eq!(
        with(0, b"PROOFBK2"),
        FormatError::Magic {
            received: *b"PROOFBK2"
        }
    );
    for received in (0..=u8::MAX).filter(|mode| ![1, 2, 3].contains(mode)) {
        assert_eq!(with(8, &[received]), FormatError::Mode { received });
    }
    for place in 0..7 {
        let mut received = [0; 7];
        received[place] = 1;
        assert_eq!(with(9, &received), FormatError::Reserved { received });
    }
    let expected = PUBLIC_BYTES as u64;
    for received in [0, 231, 233, 272, u64::MAX] {
        let error = with(16, &received.to_le_bytes());
        assert_eq!(error, FormatError::ValuesLength { expected, received });
    }
    for received in [PROOF_BYTES_MAX + 1, u64::MAX] {
        let error = with(256, &received.to_le_bytes());
        assert_eq!(error, FormatError::ProofLength { received });
    }
    for stated in [0, 9, 11, PROOF_BYTES_MAX] {
        let expected = HEAD_BYTES as u64 + stated;
        let received = good.len() as u64;
        let error = with(256, &stated.to_le_bytes());
        assert_eq!(error, FormatError::Length { expected, received });
    }
}

#[test]
fn public_values_are_canonical() {
    let good = file(Mode::Compressed, b"some proof");
    for received in [0, 2, 1 << 32, u64::MAX] {
        let mut file = good.clone();
        file[24..32].copy_from_slice(&u64::to_le_bytes(received));
        let error = VerifyError::Values(ValuesError::Version { received });
        assert_eq!(verify(&file), Err(error));
    }
    let digests = [
        (2, "configuration"),
        (11, "previous root"),
        (15, "new root"),
        (20, "root of the commands"),
        (25, "root of the events"),
    ];
    for (word, what) in digests {
        for element in 0..8 {
            for received in [ORDER, ORDER + 1, u32::MAX] {
                let mut file = good.clone();
                file[24 + 8 * word + 4 * element..][..4].copy_from_slice(&received.to_le_bytes());
                let error = VerifyError::Values(ValuesError::Digest { what, received });
                assert_eq!(verify(&file), Err(error));
            }
        }
    }
}

#[test]
fn no_bit_of_the_head_can_be_changed_unseen() {
    let good = file(Mode::Compressed, b"some proof");
    for bit in 0..8 * good.len() {
        let mut file = good.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        match ProofFile::decode(&file) {
            Err(_) => {}
            Ok(parts) => {
                // What is still a file says something else, and only that.
                assert_eq!(parts.encode(), file);
                let is_content =
                    (24..24 + PUBLIC_BYTES).contains(&(bit / 8)) || bit / 8 >= HEAD_BYTES;
                assert!(is_content, "bit {bit} has no meaning");
            }
        }
        assert!(verify(&file).is_err(), "bit {bit}");
    }
}

#[test]
fn core_proofs_and_no_proofs_are_refused() {
    let core = verify(&file(Mode::Core, b"some proof"));
    assert_eq!(core, Err(VerifyError::CoreProof));
    // What a program that was only run leaves behind: values without a proof.
    let executed = verify(&file(Mode::Compressed, b""));
    assert!(matches!(executed, Err(VerifyError::Undecodable { .. })));
    assert!(matches!(verify(b""), Err(VerifyError::Format(_))));
}

#[test]
fn a_proof_that_is_too_long_is_not_even_decoded() {
    let long = vec![1; COMPRESSED_BYTES_MAX as usize + 1];
    let received = long.len() as u64;
    let error = VerifyError::TooLong { received };
    assert_eq!(verify(&file(Mode::Compressed, &long)), Err(error));
}

#[test]
fn lengths_that_a_proof_only_claims_cost_nothing() {
    for kind in 0u32..5 {
        for length in [u64::MAX, 1 << 62, 1 << 32, 1 << 20] {
            let mut proof = kind.to_le_bytes().to_vec();
            for _ in 0..100 {
                proof.extend(length.to_le_bytes());
            }
            let error = verify(&file(Mode::Compressed, &proof)).expect_err("it is refused");
            let is_refused = matches!(
                error,
                VerifyError::Undecodable { .. } | VerifyError::Rejected { .. }
            );
            assert!(is_refused, "kind {kind}: {error}");
        }
    }
}

#[test]
fn other_kinds_of_proof_are_named() {
    // A core proof of no shards, under the name of a compressed one.
    let error = verify(&file(Mode::Compressed, &[0; 12])).expect_err("it is refused");
    let received = "Core".to_owned();
    assert_eq!(error, VerifyError::OtherKind { received });
    let error = verify(&file(Mode::Compressed, &[0; 13])).expect_err("it is refused");
    assert!(matches!(error, VerifyError::Undecodable { .. }));
}

#[test]
fn messages_say_what_was_expected_and_what_was_received() {
    let message = |file: &[u8]| verify(file).expect_err("it is refused").to_string();
    assert_eq!(
        message(b"PROOFBK0 and so on"),
        r#"no proof file: expected it to begin with "PROOFBK1"; received "PROOFBK0""#
    );
    assert_eq!(
        message(b"PROOFBK1"),
        "no proof file: expected at least 264 bytes; received 8"
    );
    assert!(message(&file(Mode::Core, b"x")).starts_with("expected a compressed proof (mode 2)"));
}
