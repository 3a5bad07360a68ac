//! Proofs, and their files: those of `proofbook_chain::proof_file`, in which a proof is SP1's `SP1Proof` as bincode encodes it.

use std::fmt;

use proofbook_chain::proof_file::{FormatError, ProofFile};
use proofbook_commitment::PublicValues;

pub use proofbook_chain::proof_file::{Mode as ProofMode, PROOF_BYTES_MAX};

/// A proof of what a batch did.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    /// Its kind.
    pub mode: ProofMode,
    /// What it says.
    pub values: PublicValues,
    /// SP1's proof.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof")
            .field("mode", &self.mode)
            .field("values", &self.values)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

/// Why bytes are no proof file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofFileError {
    /// They are not of its format.
    Format(FormatError),
    /// Its public values are not canonical.
    PublicValues,
}

impl fmt::Display for ProofFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProofFileError::Format(error) => error.fmt(f),
            ProofFileError::PublicValues => {
                write!(
                    f,
                    "proof file: expected canonical public values of its kind"
                )
            }
        }
    }
}

impl std::error::Error for ProofFileError {}

impl Proof {
    /// The proof file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let file = ProofFile {
            mode: self.mode,
            public_values: &self.values.encode(),
            proof: &self.bytes,
        };
        file.encode()
    }

    /// The proof that a file holds, which may not hold itself.
    ///
    /// # Errors
    /// Where the bytes are not exactly the file of some proof of a batch.
    pub fn from_bytes(file: &[u8]) -> Result<Proof, ProofFileError> {
        let file = ProofFile::decode(file).map_err(ProofFileError::Format)?;
        let values = PublicValues::decode(file.public_values);
        Ok(Proof {
            mode: file.mode,
            values: values.ok_or(ProofFileError::PublicValues)?,
            bytes: file.proof.to_vec(),
        })
    }
}
