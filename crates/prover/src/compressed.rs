//! Compressed proofs, by SP1's client: a core proof, folded by recursion into one of a fixed length.

use proofbook_commitment::PublicValues;
use proofbook_ledger::Sealed;
use sp1_sdk::blocking::{Elf, ProveRequest, Prover as _, ProverClient, SP1Stdin};
use sp1_sdk::{ProvingKey, SP1Proof, SP1ProofWithPublicValues, SP1PublicValues, SP1VerifyingKey};

use bincode::Options;

use crate::executor::inputs;
use crate::memory::MemoryLimit;
use crate::proof::PROOF_BYTES_MAX;
use crate::{ProvenProgram, ProverError};

#[cfg(feature = "cuda")]
type Client = sp1_sdk::blocking::CudaProver;
#[cfg(not(feature = "cuda"))]
type Client = sp1_sdk::blocking::CpuProver;
type Key = <Client as sp1_sdk::blocking::Prover>::ProvingKey;

/// Proves runs of one program and verifies such proofs.
pub struct CompressedProver {
    client: Client,
    key: Key,
}

#[cfg(feature = "cuda")]
fn client(_memory: MemoryLimit) -> Client {
    ProverClient::builder().cuda().build()
}

#[cfg(not(feature = "cuda"))]
fn client(memory: MemoryLimit) -> Client {
    ProverClient::builder()
        .cpu()
        .core_opts(memory.core_options())
        .build()
}

fn encoding() -> impl Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_limit(PROOF_BYTES_MAX)
        .reject_trailing_bytes()
}

impl CompressedProver {
    /// Starts the client, which takes a minute or two, and makes the program's keys.
    pub fn new(program: &ProvenProgram, memory: MemoryLimit) -> Result<Self, ProverError> {
        let client = client(memory);
        let key = client
            .setup(Elf::from(program.elf().to_vec()))
            .map_err(|error| ProverError::Proving(error.to_string()))?;
        Ok(CompressedProver { client, key })
    }

    fn verifying_key(&self) -> &SP1VerifyingKey {
        self.key.verifying_key()
    }

    /// A proof of a batch, in SP1's encoding, not verified yet.
    pub fn prove(&self, batch: &Sealed) -> Result<Vec<u8>, ProverError> {
        let mut input = SP1Stdin::new();
        for bytes in inputs(batch) {
            input.write_slice(&bytes);
        }
        let proof = self.client.prove(&self.key, input).compressed().run();
        let proof = proof.map_err(|error| ProverError::Proving(error.to_string()))?;
        encoding()
            .serialize(&proof.proof)
            .map_err(|error| ProverError::Proving(error.to_string()))
    }

    /// Verifies a proof: that this program said these values and ended well.
    pub fn verify(&self, proof: &[u8], values: &PublicValues) -> Result<(), ProverError> {
        let wrong = |why: String| ProverError::Verification(why);
        let proof: SP1Proof = encoding()
            .deserialize(proof)
            .map_err(|error| wrong(format!("it cannot be read: {error}")))?;
        if !matches!(proof, SP1Proof::Compressed(_)) {
            return Err(wrong("it is no compressed proof".into()));
        }
        let proof = SP1ProofWithPublicValues {
            proof,
            public_values: SP1PublicValues::from(&values.encode()),
            sp1_version: self.client.version().into(),
            tee_proof: None,
        };
        self.client
            .verify(&proof, self.verifying_key(), None)
            .map_err(|error| wrong(error.to_string()))
    }
}
