//! The calls, as functions from bytes to a status and bytes.

use proofbook_types::{MarketConfig, CONFIG_BYTES};
use proofbook_verifier::{
    Chain, Checkpoint, ProgramKey, PublicValues, VerifyError, COMPRESSED_BYTES_MAX, HEAD_BYTES,
};

use crate::place::{self, PLACE_BYTES};

/// No input is longer: the longest file that can hold a compressed proof, and a place before it.
pub const INPUT_BYTES_MAX: usize = PLACE_BYTES + HEAD_BYTES + COMPRESSED_BYTES_MAX as usize;

/// What the output is. The numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// What was asked for.
    Holds = 0,
    /// Why the input is no file with a compressed proof.
    Format = 1,
    /// Why the proof does not hold.
    Invalid = 2,
    /// The public values of a proof that holds, and why its batch does not come next.
    Unconnected = 3,
    /// Why the call makes no sense.
    Input = 4,
}

type Answer = (Status, Vec<u8>);

fn wrong(text: impl ToString) -> Answer {
    (Status::Input, text.to_string().into_bytes())
}

fn refused(error: &VerifyError) -> Answer {
    let status = if error.is_about_format() {
        Status::Format
    } else {
        Status::Invalid
    };
    (status, error.to_string().into_bytes())
}

pub(crate) fn program_key(_input: &[u8]) -> Answer {
    (Status::Holds, ProgramKey::PINNED.encode().to_vec())
}

pub(crate) fn verify(file: &[u8]) -> Answer {
    match proofbook_verifier::verify(file) {
        Ok(verified) => (Status::Holds, verified.values().encode().to_vec()),
        Err(error) => refused(&error),
    }
}

pub(crate) fn genesis(config: &[u8]) -> Answer {
    let Ok(bytes) = <&[u8; CONFIG_BYTES]>::try_from(config) else {
        let received = config.len();
        return wrong(format!(
            "a market configuration takes {CONFIG_BYTES} bytes; received {received}"
        ));
    };
    match MarketConfig::decode(bytes) {
        Ok(config) => {
            let start = Checkpoint::genesis(&config);
            (Status::Holds, place::encode(&start))
        }
        Err(error) => wrong(error),
    }
}

pub(crate) fn places(values: &[u8]) -> Answer {
    let Some(values) = PublicValues::decode(values) else {
        return wrong("expected encoded public values; received other bytes");
    };
    match Checkpoint::before(&values) {
        Ok(before) => {
            let places = [before, Checkpoint::after(&values)];
            (
                Status::Holds,
                places.iter().flat_map(place::encode).collect(),
            )
        }
        Err(error) => unconnected(&values, error),
    }
}

fn unconnected(values: &PublicValues, reason: impl ToString) -> Answer {
    let mut output = values.encode().to_vec();
    output.extend(reason.to_string().into_bytes());
    (Status::Unconnected, output)
}

pub(crate) fn extend(input: &[u8]) -> Answer {
    let parts = input.split_first_chunk::<PLACE_BYTES>();
    let Some((end, file)) = parts.and_then(|(place, file)| Some((place::decode(place)?, file)))
    else {
        return wrong("expected the place where a chain ends; received other bytes");
    };
    let verified = match proofbook_verifier::verify(file) {
        Ok(verified) => verified,
        Err(error) => return refused(&error),
    };
    let mut chain = Chain::trusting(end);
    match chain.extend(&verified) {
        Ok(()) => {
            let mut output = verified.values().encode().to_vec();
            output.extend(place::encode(chain.end()));
            (Status::Holds, output)
        }
        Err(error) => unconnected(verified.values(), error),
    }
}
