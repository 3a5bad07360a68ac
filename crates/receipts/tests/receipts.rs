//! Receipts and signed batches: one encoding, one signature, one key; everything else is refused.

use std::fs;
use std::path::PathBuf;

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::scalar::Scalar;
use proofbook_commitment::{Digest, PublicValues};
use proofbook_receipts::{
    Field, KeyError, OperatorKey, PublicKey, Receipt, ReceiptError, ReceiptWriter, SignedBatch,
    RECEIPT_BYTES, SIGNED_BATCH_BYTES,
};
use proofbook_types::{Action, Command, OrderId, Timestamp};

fn key(seed: u8) -> OperatorKey {
    OperatorKey::from_seed(&[seed; 32])
}

fn command(id: u64) -> Command {
    Command {
        time: Timestamp(1_000 + id),
        action: Action::Cancel {
            order_id: OrderId(id),
        },
    }
}

fn receipt() -> Receipt {
    Receipt::sign(&key(1), 7, 42, &command(5))
}

fn signed_batch() -> SignedBatch {
    let values = PublicValues {
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
    };
    SignedBatch::sign(&key(1), &values)
}

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("proofbook-receipts-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    let _missing = fs::remove_file(&path);
    path
}

#[test]
fn a_receipt_is_of_one_command_in_one_place() {
    let receipt = receipt();
    receipt.verify(&key(1).public_key()).expect("it holds");
    assert_eq!(Receipt::decode(&receipt.encode()), Ok(receipt));
    assert!(receipt.names(&command(5)));
    assert!(!receipt.names(&command(6)));
    let later = Receipt {
        time: Timestamp(1),
        ..receipt
    };
    assert!(!later.names(&command(5)));
}

#[test]
fn every_changed_bit_of_a_receipt_is_refused() {
    let (public, bytes) = (key(1).public_key(), receipt().encode());
    for bit in 0..8 * RECEIPT_BYTES {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        let outcome = Receipt::decode(&changed).and_then(|receipt| receipt.verify(&public));
        assert!(outcome.is_err(), "bit {bit}");
    }
    for length in 0..RECEIPT_BYTES {
        assert!(Receipt::decode(&bytes[..length]).is_err(), "{length} bytes");
    }
    let error = Receipt::decode(&[&bytes[..], &[0]].concat()).expect_err("a byte too many");
    assert_eq!(
        error.to_string(),
        "receipt: expected 128 bytes; received 129"
    );
}

#[test]
fn every_changed_bit_of_a_signed_batch_is_refused() {
    let (public, batch) = (key(1).public_key(), signed_batch());
    batch.verify(&public).expect("it holds");
    let bytes = batch.encode();
    assert_eq!(SignedBatch::decode(&bytes), Ok(batch));
    for bit in 0..8 * SIGNED_BATCH_BYTES {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        let outcome = SignedBatch::decode(&changed).and_then(|batch| batch.verify(&public));
        assert!(outcome.is_err(), "bit {bit}");
    }
    assert!(SignedBatch::decode(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn other_keys_and_kinds_are_refused() {
    let what = Field::Receipt;
    let error = Err(ReceiptError::Signature { what });
    assert_eq!(receipt().verify(&key(2).public_key()), error);
    // A batch's signature is none of a receipt, and the other way round: what is signed begins differently.
    let mixed = Receipt {
        signature: signed_batch().signature,
        ..receipt()
    };
    assert_eq!(mixed.verify(&key(1).public_key()), error);
    assert!(matches!(
        Receipt::decode(&signed_batch().encode()),
        Err(ReceiptError::Magic { .. })
    ));
}

/// s + L, where a signature has s: it satisfies the equation as s does.
fn add_order(signature: [u8; 64]) -> [u8; 64] {
    // L − 1 is the largest scalar that is reduced.
    let last = (-Scalar::ONE).to_bytes();
    let mut carry = 1u16;
    let mut changed = signature;
    for (byte, add) in changed[32..].iter_mut().zip(last) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0, "s + L has 256 bits");
    changed
}

#[test]
fn a_signature_cannot_be_made_into_another_one() {
    let receipt = receipt();
    let malleable = Receipt {
        signature: add_order(receipt.signature),
        ..receipt
    };
    assert_ne!(malleable, receipt);
    assert!(malleable.verify(&key(1).public_key()).is_err());
}

#[test]
fn an_r_of_small_order_is_refused() {
    // With R of small order and s chosen for it, equations that multiply by the cofactor hold of other keys' mixed points.
    for point in EIGHT_TORSION {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&point.compress().to_bytes());
        let forged = Receipt {
            signature,
            ..receipt()
        };
        assert!(forged.verify(&key(1).public_key()).is_err());
    }
}

#[test]
fn keys_of_small_order_are_refused() {
    for point in EIGHT_TORSION {
        let bytes = point.compress().to_bytes();
        assert!(
            matches!(PublicKey::from_bytes(&bytes), Err(KeyError::SmallOrder)),
            "{bytes:?}"
        );
    }
}

#[test]
fn keys_have_one_encoding() {
    // y and y + p are one point where y is below 19. Whatever is one of large order is refused in its second encoding.
    let mut second = 0;
    for y in 0u8..19 {
        for sign in [0, 0x80] {
            let mut bytes = [0; 32];
            bytes[0] = y;
            bytes[31] = sign;
            let first = PublicKey::from_bytes(&bytes);
            let mut shifted = [0xff; 32];
            shifted[0] = 0xed + y;
            shifted[31] = 0x7f | sign;
            let other = PublicKey::from_bytes(&shifted);
            assert!(other.is_err(), "y = {y} + p");
            if first.is_ok() {
                assert!(matches!(other, Err(KeyError::NotCanonical)), "y = {y} + p");
                second += 1;
            }
        }
    }
    assert!(second > 0, "some of them are points of large order");
    let mut no_point = [0; 32];
    no_point[0] = 2;
    assert!(matches!(
        PublicKey::from_bytes(&no_point),
        Err(KeyError::NoPoint)
    ));
}

#[test]
fn signatures_are_those_of_rfc_8032() {
    // Section 7.1, test 1: the public key of this seed.
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let path = scratch("rfc");
    fs::write(&path, format!("{seed}\n")).expect("written");
    make_private(&path);
    let key = OperatorKey::read(&path).expect("a key");
    assert_eq!(key.public_key().to_string(), public);
    assert_eq!(PublicKey::parse(public).expect("a key"), key.public_key());
    for bad in [
        &public[1..],
        &public.to_uppercase(),
        &format!("{public}\n\n"),
        "",
    ] {
        assert!(
            matches!(PublicKey::parse(bad), Err(KeyError::Digits)),
            "{bad}"
        );
    }
}

#[cfg(unix)]
fn make_private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("set");
}

#[cfg(unix)]
#[test]
fn key_files_are_their_owners_alone_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt as _;
    let path = scratch("operator.key");
    let key = OperatorKey::generate().expect("random numbers");
    key.write(&path).expect("written");
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = OperatorKey::read(&path).expect("a key");
    assert_eq!(again.public_key(), key.public_key());
    assert!(matches!(key.write(&path), Err(KeyError::Io(_))));
    let other = OperatorKey::generate().expect("random numbers");
    assert_ne!(other.public_key(), key.public_key());
    assert!(!format!("{key:?}").contains(fs::read_to_string(&path).expect("text").trim()));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
    let error = OperatorKey::read(&path).expect_err("others may read it");
    assert!(error.to_string().ends_with("received mode 0640"), "{error}");
    fs::write(&path, "0".repeat(66)).expect("written");
    make_private(&path);
    assert!(matches!(OperatorKey::read(&path), Err(KeyError::Digits)));
}

#[test]
fn receipts_in_bulk_are_the_same_receipts() {
    let path = scratch("receipts");
    let file = fs::File::create(&path).expect("a file");
    let writer = ReceiptWriter::start(key(3), 7, file);
    let commands: Vec<Command> = (1..=100).map(command).collect();
    for (portion, commands) in commands.chunks(7).enumerate() {
        let first = 7 * portion as u64 + 1;
        writer.send(first, commands.to_vec()).expect("taken");
    }
    assert_eq!(writer.finish().expect("written"), 100);
    let bytes = fs::read(&path).expect("the file");
    let (receipts, rest) = bytes.as_chunks::<RECEIPT_BYTES>();
    assert_eq!((receipts.len(), rest), (100, &[][..]));
    for ((sequence, command), bytes) in (1..).zip(&commands).zip(receipts) {
        let receipt = Receipt::decode(bytes).expect("a receipt");
        assert_eq!(receipt, Receipt::sign(&key(3), 7, sequence, command));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let writer = ReceiptWriter::start(key(3), 7, full.expect("there"));
    let commands: Vec<Command> = (1..=1000).map(command).collect();
    writer.send(1, commands).expect("taken");
    let error = writer.finish().expect_err("nothing can be written");
    assert!(error.to_string().starts_with("receipts: "), "{error}");
}
