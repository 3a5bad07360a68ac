//! Compressed proofs, by SP1's client: a core proof, folded by recursion into one of a fixed length. In the same way it folds
//! proofs that a program requires: those that are joined.

use std::cell::OnceCell;

use sp1_sdk::blocking::{Elf, ProveRequest, Prover as _, ProverClient, SP1Stdin};
use sp1_sdk::{
    HashableKey, ProvingKey, SP1Proof, SP1ProofWithPublicValues, SP1PublicValues, SP1VerifyingKey,
};

use bincode::Options;

use crate::chain::{BATCH_KEY, CHAIN_KEY};
use crate::memory::MemoryLimit;
use crate::proof::PROOF_BYTES_MAX;
use crate::{ProvenProgram, ProverError, ToJoin};

#[cfg(feature = "cuda")]
type Client = sp1_sdk::blocking::CudaProver;
#[cfg(not(feature = "cuda"))]
type Client = sp1_sdk::blocking::CpuProver;
type Key = <Client as sp1_sdk::blocking::Prover>::ProvingKey;

/// Proves runs of one program, joins such proofs, and verifies both.
pub struct CompressedProver {
    client: Client,
    key: Key,
    /// The key of the program that joins, once it is needed.
    chain_key: OnceCell<Key>,
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

fn failed(error: impl std::fmt::Display) -> ProverError {
    ProverError::Proving(error.to_string())
}

fn wrong(why: impl Into<String>) -> ProverError {
    ProverError::Verification(why.into())
}

/// The proof that these bytes are; `Err` where they are no compressed one.
fn decode(proof: &[u8]) -> Result<SP1Proof, ProverError> {
    let proof: SP1Proof = encoding()
        .deserialize(proof)
        .map_err(|error| wrong(format!("it cannot be read: {error}")))?;
    match proof {
        SP1Proof::Compressed(_) => Ok(proof),
        _ => Err(wrong("it is no compressed proof")),
    }
}

/// Checks that a program's key is the one that is committed.
fn check_key(key: &SP1VerifyingKey, committed: &str) -> Result<(), ProverError> {
    let received = hex::encode(bincode::serialize(&key.hash_koalabear()).map_err(failed)?);
    let expected = committed.trim().to_owned();
    if expected == received {
        return Ok(());
    }
    Err(ProverError::Key { expected, received })
}

impl CompressedProver {
    /// Starts the client, which takes a minute or two, and makes the program's keys.
    pub fn new(program: &ProvenProgram, memory: MemoryLimit) -> Result<Self, ProverError> {
        let client = client(memory);
        let key = client
            .setup(Elf::from(program.elf().to_vec()))
            .map_err(failed)?;
        Ok(CompressedProver {
            client,
            key,
            chain_key: OnceCell::new(),
        })
    }

    fn chain_key(&self) -> Result<&Key, ProverError> {
        if self.chain_key.get().is_none() {
            let program = ProvenProgram::committed_chain();
            let key = self.client.setup(Elf::from(program.elf().to_vec()));
            let key = key.map_err(failed)?;
            check_key(key.verifying_key(), CHAIN_KEY)?;
            let _ = self.chain_key.set(key);
        }
        Ok(self.chain_key.get().expect("it was just made"))
    }

    fn run(&self, key: &Key, input: SP1Stdin) -> Result<Vec<u8>, ProverError> {
        let proof = self.client.prove(key, input).compressed().run();
        let proof = proof.map_err(failed)?;
        encoding().serialize(&proof.proof).map_err(failed)
    }

    /// A proof of a run of the program with these inputs, in SP1's encoding, not verified yet.
    pub fn prove(&self, inputs: &[Vec<u8>]) -> Result<Vec<u8>, ProverError> {
        let mut stdin = SP1Stdin::new();
        inputs.iter().for_each(|input| stdin.write_slice(input));
        self.run(&self.key, stdin)
    }

    /// One proof of the chain that these proofs make, not verified yet.
    pub fn join(&self, parts: &ToJoin) -> Result<Vec<u8>, ProverError> {
        let chain_key = self.chain_key()?;
        check_key(self.key.verifying_key(), BATCH_KEY)?;
        let mut stdin = SP1Stdin::new();
        let inputs = parts.inputs();
        inputs.iter().for_each(|input| stdin.write_slice(input));
        let earlier = parts.earlier.iter().map(|chain| (&chain.bytes, chain_key));
        let batches = parts.proofs.iter().map(|proof| (&proof.bytes, &self.key));
        for (bytes, key) in earlier.chain(batches) {
            let SP1Proof::Compressed(proof) = decode(bytes)? else {
                return Err(wrong("it is no compressed proof"));
            };
            stdin.write_proof(*proof, key.verifying_key().vk.clone());
        }
        self.run(chain_key, stdin)
    }

    /// Verifies a proof: that this program said these values and ended well.
    pub fn verify(&self, proof: &[u8], values: &[u8]) -> Result<(), ProverError> {
        self.check(&self.key, proof, values)
    }

    /// Verifies a proof of a chain: that the program that joins said these values and ended well.
    pub fn verify_chain(&self, proof: &[u8], values: &[u8]) -> Result<(), ProverError> {
        self.check(self.chain_key()?, proof, values)
    }

    fn check(&self, key: &Key, proof: &[u8], values: &[u8]) -> Result<(), ProverError> {
        let proof = SP1ProofWithPublicValues {
            proof: decode(proof)?,
            public_values: SP1PublicValues::from(values),
            sp1_version: self.client.version().into(),
            tee_proof: None,
        };
        self.client
            .verify(&proof, key.verifying_key(), None)
            .map_err(|error| wrong(error.to_string()))
    }
}
