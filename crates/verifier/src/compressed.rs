//! Compressed proofs: SP1's verifier, with a strict decoder before it and a floor under it.
//!
//! SP1 takes bytes after the end of a proof, field elements that are not reduced, and maps in any order. Here a proof has one
//! encoding: what it decodes to must encode to the same bytes.

use std::any::Any;
use std::borrow::Borrow;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::LazyLock;

use bincode::Options;
use sp1_recursion_executor::{RecursionPublicValues, RECURSIVE_PROOF_NUM_PV_ELTS};
use sp1_verifier::compressed::{CompressedError, SP1CompressedVerifier};
use sp1_verifier::SP1Proof;

use crate::error::VerifyError;
use crate::key::ProgramKey;
use crate::COMPRESSED_BYTES_MAX;

/// It holds tables of the virtual machine that take longer to make than to use.
static VERIFIER: LazyLock<SP1CompressedVerifier> = LazyLock::new(SP1CompressedVerifier::new);

/// Checks that a compressed proof shows that the program with this key gave these public values.
pub(crate) fn check(
    key: &ProgramKey,
    public_values: &[u8],
    proof: &[u8],
) -> Result<(), VerifyError> {
    let received = proof.len() as u64;
    if received > COMPRESSED_BYTES_MAX {
        return Err(VerifyError::TooLong { received });
    }
    // The crates below index what a proof names. Where they stop on a hostile one, that is a refusal like any other. Nothing
    // that they share is left half changed: they only read.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        check_decoded(key, public_values, &decode(proof)?)
    }));
    outcome.unwrap_or_else(|stopped| Err(VerifyError::stopped(panic_text(&*stopped))))
}

fn rejected(reason: &str) -> VerifyError {
    VerifyError::Rejected {
        reason: reason.to_owned(),
    }
}

fn panic_text(stopped: &(dyn Any + Send)) -> Option<&str> {
    stopped
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| stopped.downcast_ref::<&str>().copied())
}

/// The proof that encodes to exactly these bytes.
fn decode(bytes: &[u8]) -> Result<SP1Proof, VerifyError> {
    let options = bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_limit(COMPRESSED_BYTES_MAX)
        .reject_trailing_bytes();
    let undecodable = |error: bincode::Error| VerifyError::Undecodable {
        reason: error.to_string(),
    };
    let proof: SP1Proof = options.deserialize(bytes).map_err(undecodable)?;
    let again = options.serialize(&proof).map_err(undecodable)?;
    if again == bytes {
        return Ok(proof);
    }
    let same = again
        .iter()
        .zip(bytes)
        .take_while(|(left, right)| left == right);
    Err(VerifyError::NotCanonical {
        offset: same.count() as u64,
    })
}

fn check_decoded(
    key: &ProgramKey,
    public_values: &[u8],
    proof: &SP1Proof,
) -> Result<(), VerifyError> {
    let SP1Proof::Compressed(proof) = proof else {
        return Err(VerifyError::OtherKind {
            received: proof.to_string(),
        });
    };
    // What the proof says of its program is checked first, unproven: it makes a clear message. SP1 checks it again.
    let claimed = proof.proof.public_values.as_slice();
    if claimed.len() != RECURSIVE_PROOF_NUM_PV_ELTS {
        return Err(rejected("its public values have the wrong length"));
    }
    let claimed: &RecursionPublicValues<_> = claimed.borrow();
    let received = key_of(&claimed.sp1_vk_digest)?;
    if received != *key {
        let expected = *key;
        return Err(VerifyError::OtherProgram { expected, received });
    }
    let key = bincode::deserialize(&key.encode()).expect("a key is eight elements of four bytes");
    VERIFIER
        .verify_compressed_with_public_values(proof, public_values, &key)
        .map_err(|error| match error {
            CompressedError::PublicValuesMismatch => VerifyError::OtherValues,
            other => rejected(&other.to_string()),
        })
}

/// The key that a proof names, from its elements.
fn key_of(elements: &impl serde::Serialize) -> Result<ProgramKey, VerifyError> {
    let bytes = bincode::serialize(elements).expect("field elements can be written to memory");
    match bincode::deserialize(&bytes) {
        Ok(elements) => Ok(ProgramKey::from_elements(elements)),
        Err(error) => Err(rejected(&error.to_string())),
    }
}
