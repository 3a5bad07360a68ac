//! The calls, as functions from bytes to a status and bytes.

use proofbook_receipts::{PublicKey, Receipt};
use proofbook_types::{MarketConfig, CONFIG_BYTES};
use proofbook_verifier::{
    Chain, ChainError, ChainValues, Checkpoint, Mode, ProgramKey, PublicValues, Span, Verified,
    VerifiedChain, VerifyError, CHAIN_BYTES, COMPRESSED_BYTES_MAX,
};

use crate::place::{self, PLACE_BYTES};

/// No input is longer: the longest file that can hold a compressed proof, and a place before it.
pub const INPUT_BYTES_MAX: usize =
    PLACE_BYTES + Mode::Chain.head_bytes() + COMPRESSED_BYTES_MAX as usize;

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
    /// The public values of a proof that holds, and why what it proves does not come next.
    Unconnected = 3,
    /// Why the call makes no sense.
    Input = 4,
}

type Answer = (Status, Vec<u8>);

const PUBLIC_KEY_BYTES: usize = 32;
/// What is signed of a receipt: all but the signature, at its end.
const RECEIPT_SIGNED_BYTES: usize = 64;

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

fn unconnected(mut values: Vec<u8>, error: &ChainError) -> Answer {
    values.extend(error.to_string().into_bytes());
    (Status::Unconnected, values)
}

/// What a proof proves, of a batch or of a chain.
trait Proven: Sized {
    fn verify(file: &[u8]) -> Result<Self, VerifyError>;

    /// Its values, encoded.
    fn encode(&self) -> Vec<u8>;

    fn extend(&self, chain: &mut Chain) -> Result<(), ChainError>;
}

impl Proven for Verified {
    fn verify(file: &[u8]) -> Result<Self, VerifyError> {
        proofbook_verifier::verify(file)
    }

    fn encode(&self) -> Vec<u8> {
        self.values().encode().to_vec()
    }

    fn extend(&self, chain: &mut Chain) -> Result<(), ChainError> {
        chain.extend(self)
    }
}

impl Proven for VerifiedChain {
    fn verify(file: &[u8]) -> Result<Self, VerifyError> {
        proofbook_verifier::verify_chain(file)
    }

    fn encode(&self) -> Vec<u8> {
        self.values().encode().to_vec()
    }

    fn extend(&self, chain: &mut Chain) -> Result<(), ChainError> {
        chain.extend_by(self)
    }
}

pub(crate) fn program_key(_input: &[u8]) -> Answer {
    (Status::Holds, ProgramKey::PINNED.encode().to_vec())
}

pub(crate) fn chain_program_key(_input: &[u8]) -> Answer {
    (Status::Holds, ProgramKey::PINNED_CHAIN.encode().to_vec())
}

fn verify_as<P: Proven>(file: &[u8]) -> Answer {
    match P::verify(file) {
        Ok(proven) => (Status::Holds, proven.encode()),
        Err(error) => refused(&error),
    }
}

pub(crate) fn verify(file: &[u8]) -> Answer {
    verify_as::<Verified>(file)
}

pub(crate) fn verify_chain(file: &[u8]) -> Answer {
    verify_as::<VerifiedChain>(file)
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

fn places_of(values: &[u8], span: Option<Span>) -> Answer {
    let Some(span) = span else {
        return wrong("expected encoded public values; received other bytes");
    };
    match Checkpoint::before(span) {
        Ok(before) => {
            let places = [before, Checkpoint::after(span)];
            let bytes = places.iter().flat_map(place::encode).collect();
            (Status::Holds, bytes)
        }
        Err(error) => unconnected(values.to_vec(), &error),
    }
}

pub(crate) fn places(values: &[u8]) -> Answer {
    let span = PublicValues::decode(values).map(|values| Span::from(&values));
    places_of(values, span)
}

pub(crate) fn chain_places(values: &[u8]) -> Answer {
    let span = ChainValues::decode(values).map(|values| values.span);
    places_of(values, span)
}

fn extend_as<P: Proven>(input: &[u8]) -> Answer {
    let parts = input.split_first_chunk::<PLACE_BYTES>();
    let Some((end, file)) = parts.and_then(|(place, file)| Some((place::decode(place)?, file)))
    else {
        return wrong("expected the place where a chain ends; received other bytes");
    };
    let proven = match P::verify(file) {
        Ok(proven) => proven,
        Err(error) => return refused(&error),
    };
    let mut chain = Chain::trusting(end);
    let mut output = proven.encode();
    match proven.extend(&mut chain) {
        Ok(()) => {
            output.extend(place::encode(chain.end()));
            (Status::Holds, output)
        }
        Err(error) => unconnected(output, &error),
    }
}

pub(crate) fn extend(input: &[u8]) -> Answer {
    extend_as::<Verified>(input)
}

pub(crate) fn extend_by(input: &[u8]) -> Answer {
    extend_as::<VerifiedChain>(input)
}

pub(crate) fn open(input: &[u8]) -> Answer {
    let parts = input.split_first_chunk::<CHAIN_BYTES>();
    let decoded = parts.and_then(|(chain, batches)| Some((ChainValues::decode(chain)?, batches)));
    let Some((chain, batches)) = decoded else {
        return wrong("expected encoded public values of a chain; received other bytes");
    };
    match proofbook_verifier::open_batches(&chain, batches) {
        Ok(batches) => {
            let bytes = batches.iter().flat_map(PublicValues::encode).collect();
            (Status::Holds, bytes)
        }
        Err(error) => refused(&error),
    }
}

pub(crate) fn receipt(input: &[u8]) -> Answer {
    let Some((key, file)) = input.split_first_chunk::<PUBLIC_KEY_BYTES>() else {
        return wrong("expected a public key of 32 bytes before a receipt; received fewer");
    };
    let key = match PublicKey::from_bytes(key) {
        Ok(key) => key,
        Err(error) => return wrong(error),
    };
    let receipt = match Receipt::decode(file) {
        Ok(receipt) => receipt,
        Err(error) => return (Status::Format, error.to_string().into_bytes()),
    };
    match receipt.verify(&key) {
        Ok(()) => (
            Status::Holds,
            receipt.encode()[..RECEIPT_SIGNED_BYTES].to_vec(),
        ),
        Err(error) => (Status::Invalid, error.to_string().into_bytes()),
    }
}
