//! Proofs of chains: proofs of batches, or of a chain and the batches after it, joined into one.
//!
//! Beside the file of such a proof lies another with the public values of all its batches, 232 bytes each: `.batches`. They are the
//! leaves of the list whose root the proof binds, so they are as good as proven; and to make a chain longer takes them.

use std::fs;
use std::path::{Path, PathBuf};

use proofbook_chain::proof_file::{Mode, ProofFile};
use proofbook_chain::{batch_leaf, join, ChainInput, ChainValues, Checkpoint, Earlier};
use proofbook_commitment::{
    Digest, ListHasher, Portable, PublicValues, DIGEST_BYTES, PUBLIC_BYTES,
};

use crate::executor::{self, bytes_of, Execution};
use crate::proof::ProofFileError;
use crate::{Proof, ProofMode, ProvenProgram, ProverError};

/// Hash of the verifying key of the program that proves a batch, in hexadecimal.
pub const BATCH_KEY: &str = include_str!("../../../guest/program.key");
/// Hash of the verifying key of the program that joins.
pub const CHAIN_KEY: &str = include_str!("../../../guest/chain.key");

/// A proof of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainProof {
    /// What it says.
    pub values: ChainValues,
    /// SP1's proof.
    pub bytes: Vec<u8>,
}

impl ChainProof {
    /// The proof file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let file = ProofFile {
            mode: Mode::Chain,
            public_values: &self.values.encode(),
            proof: &self.bytes,
        };
        file.encode()
    }

    /// The proof that a file holds, which may not hold itself.
    ///
    /// # Errors
    /// Where the bytes are not exactly the file of some proof of a chain.
    pub fn from_bytes(file: &[u8]) -> Result<Self, ProofFileError> {
        let file = ProofFile::decode(file).map_err(ProofFileError::Format)?;
        let values = ChainValues::decode(file.public_values);
        Ok(ChainProof {
            values: values.ok_or(ProofFileError::PublicValues)?,
            bytes: file.proof.to_vec(),
        })
    }
}

/// Proofs to be joined, each the next one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToJoin {
    /// A chain that is to be made longer.
    pub earlier: Option<ChainProof>,
    /// The batches' proofs.
    pub proofs: Vec<Proof>,
    /// The public values of all batches, those of the earlier chain first.
    pub batches: Vec<PublicValues>,
    /// What the program takes.
    pub input: ChainInput,
    /// What the joined proof will say.
    pub values: ChainValues,
}

/// The digest that a line of hexadecimal digits writes.
fn key(line: &str) -> Digest {
    let bytes = hex::decode(line.trim()).ok();
    let bytes: Option<[u8; DIGEST_BYTES]> = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes
        .and_then(|bytes| Digest::decode(&bytes))
        .expect("the committed keys are eight field elements")
}

/// Where the public values of a chain's batches are, by its proof file.
pub fn batches_path(proof: &Path) -> PathBuf {
    proof.with_extension("batches")
}

fn read(path: &Path) -> Result<Vec<u8>, ProverError> {
    fs::read(path).map_err(|error| ProverError::Io {
        path: path.display().to_string(),
        error,
    })
}

/// The public values in a `.batches` file.
fn read_batches(path: &Path) -> Result<Vec<PublicValues>, ProverError> {
    let bytes = read(path)?;
    let (values, rest) = bytes.as_chunks::<PUBLIC_BYTES>();
    let values: Option<Vec<PublicValues>> = values
        .iter()
        .map(|bytes| PublicValues::decode(bytes))
        .collect();
    values.filter(|_| rest.is_empty()).ok_or_else(|| {
        let path = path.display();
        ProverError::Request(format!(
            "{path}: expected public values of batches, {PUBLIC_BYTES} bytes each"
        ))
    })
}

impl ToJoin {
    /// The proofs in these files: of batches, each the next one after the other, before which there may be one of a chain.
    ///
    /// # Errors
    /// Where a file cannot be read or is none, or what it says does not follow. Proofs are not verified here.
    pub fn read(files: &[PathBuf]) -> Result<Self, ProverError> {
        let (mut earlier, mut proofs) = (None, Vec::new());
        for (place, path) in files.iter().enumerate() {
            let bytes = read(path)?;
            match ProofFile::decode(&bytes)
                .map_err(ProofFileError::Format)?
                .mode
            {
                Mode::Chain if place == 0 => {
                    let batches = read_batches(&batches_path(path))?;
                    earlier = Some((ChainProof::from_bytes(&bytes)?, batches));
                }
                Mode::Compressed => proofs.push(Proof::from_bytes(&bytes)?),
                mode => {
                    let (path, mode) = (path.display(), mode.name());
                    return Err(ProverError::Request(format!(
                        "{path}: expected a compressed proof, or first one of a chain; received a {mode} proof"
                    )));
                }
            }
        }
        ToJoin::new(earlier, proofs)
    }

    /// These proofs, after an earlier chain, if any, with the public values of its batches.
    ///
    /// # Errors
    /// Where they do not follow each other, there are none, or the values are not the chain's.
    pub fn new(
        earlier: Option<(ChainProof, Vec<PublicValues>)>,
        proofs: Vec<Proof>,
    ) -> Result<Self, ProverError> {
        let wrong = |text: &str| Err(ProverError::Request(text.into()));
        let Some(first) = proofs.first() else {
            return wrong("expected a proof of at least one batch to join");
        };
        if proofs
            .iter()
            .any(|proof| proof.mode != ProofMode::Compressed)
        {
            return wrong("expected compressed proofs");
        }
        let mut at = match &earlier {
            Some((chain, _)) => Checkpoint::after(chain.values.span),
            None => Checkpoint::before(&first.values).map_err(ProverError::Chain)?,
        };
        for proof in &proofs {
            at.check(&proof.values).map_err(ProverError::Chain)?;
            at = Checkpoint::after(&proof.values);
        }
        let (chain, mut batches) = earlier.unzip();
        let known = batches.get_or_insert_with(Vec::new);
        let mut list = ListHasher::<Portable>::default();
        known
            .iter()
            .for_each(|values| list.push(batch_leaf::<Portable>(values)));
        let programs = (key(BATCH_KEY), key(CHAIN_KEY));
        if let Some(chain) = &chain {
            let values = &chain.values;
            if list.root() != values.batch_root || known.len() as u64 != values.batches() {
                return wrong("expected the public values of the earlier chain's batches");
            }
            if (values.batch_program, values.chain_program) != programs {
                return wrong("expected an earlier chain that was made by the same programs");
            }
        }
        let input = ChainInput {
            batch_program: programs.0,
            chain_program: programs.1,
            earlier: chain.as_ref().map(|chain| Earlier {
                values: chain.values,
                tops: list.tops().collect(),
            }),
            batches: proofs.iter().map(|proof| proof.values).collect(),
        };
        let values = join::<Portable>(&input.words(), &mut |_, _| {});
        known.extend(&input.batches);
        Ok(ToJoin {
            earlier: chain,
            proofs,
            batches: std::mem::take(known),
            input,
            values,
        })
    }

    /// What the program is given.
    pub fn inputs(&self) -> Vec<Vec<u8>> {
        vec![bytes_of(&self.input.words())]
    }

    /// Runs the program that joins, and checks that it says what it should. The proofs are not looked at.
    ///
    /// # Errors
    /// Where the program refuses them, cannot be run, or says something else.
    pub fn execute(&self, program: &ProvenProgram) -> Result<Execution, ProverError> {
        executor::execute_expecting(program, &self.inputs(), &self.values.encode())
    }

    /// The `.batches` file that belongs to the joined proof.
    pub fn batches_file(&self) -> Vec<u8> {
        self.batches.iter().flat_map(PublicValues::encode).collect()
    }
}
