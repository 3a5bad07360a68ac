//! Core proofs and the verifying key, by SP1's core machine alone.
//!
//! SP1's client starts the recursion even for a core proof, which takes minutes and gigabytes. This takes what it needs: one
//! second to start, a few for the key. The proof is the same: that client's verifier verifies it, and it is encoded as that
//! client encodes it.

use std::borrow::Borrow;
use std::sync::Arc;

use bincode::Options;
use sha2::{Digest, Sha256};
use slop_algebra::PrimeField32;
use sp1_core_executor::{SP1Context, SP1CoreOpts};
use sp1_core_machine::io::SP1Stdin;
use sp1_core_machine::riscv::RiscvAir;
use sp1_core_machine::utils::prove_core;
use sp1_hypercube::air::PublicValues;
use sp1_hypercube::prover::{CpuShardProver, ProvingKey, SP1InnerPcsProver, SimpleProver};
use sp1_hypercube::{
    HashableKey, SP1InnerPcs, SP1Pcs, SP1PcsProofInner, SP1VerifyingKey, ShardContextImpl,
    ShardProof, ShardVerifier, PROOF_MAX_NUM_PVS,
};
use sp1_primitives::fri_params::core_fri_config;
use sp1_primitives::{SP1Field, SP1GlobalContext};
use sp1_prover::verify::{SP1Verifier, VerifierRecursionVks};
use sp1_prover::SP1CoreProofData;
use tokio::runtime::Runtime;

use crate::memory::MemoryLimit;
use crate::proof::PROOF_BYTES_MAX;
use crate::prover::VerifyingKey;
use crate::{ProvenProgram, ProverError};

type Configuration =
    ShardContextImpl<SP1GlobalContext, SP1Pcs<SP1GlobalContext>, RiscvAir<SP1Field>>;
type Shard = ShardProof<SP1GlobalContext, SP1PcsProofInner>;
type ShardProver =
    CpuShardProver<SP1GlobalContext, SP1InnerPcs, SP1InnerPcsProver, RiscvAir<SP1Field>>;
type Key = ProvingKey<SP1GlobalContext, Configuration, ShardProver>;

/// `CORE_LOG_STACKING_HEIGHT` and `CORE_MAX_LOG_ROW_COUNT` of sp1-prover 6.10.0.
const LOG_STACKING_HEIGHT: u32 = 21;
const MAX_LOG_ROW_COUNT: usize = 22;

/// In SP1's encoding of a proof, core proofs have this before their shards.
const CORE_TAG: [u8; 4] = 0u32.to_le_bytes();

/// Proves runs of one program and verifies such proofs.
pub struct CoreProver {
    program: ProvenProgram,
    runtime: Runtime,
    prover: SimpleProver<SP1GlobalContext, Configuration, ShardProver>,
    proving_key: Arc<Key>,
    verifying_key: SP1VerifyingKey,
    verifier: SP1Verifier,
    options: SP1CoreOpts,
}

fn verifier() -> ShardVerifier<SP1GlobalContext, Configuration> {
    let machine = RiscvAir::machine();
    ShardVerifier::from_basefold_parameters(
        core_fri_config(),
        LOG_STACKING_HEIGHT,
        MAX_LOG_ROW_COUNT,
        machine,
    )
}

fn encoding() -> impl Options {
    // What `bincode::serialize` writes, no longer than allowed, and nothing after it.
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_limit(PROOF_BYTES_MAX)
        .reject_trailing_bytes()
}

impl CoreProver {
    /// Starts it, and makes the program's keys.
    pub fn new(program: &ProvenProgram, memory: MemoryLimit) -> Result<Self, ProverError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .build()
            .map_err(|error| ProverError::Proving(error.to_string()))?;
        let verifier = verifier();
        let prover = SimpleProver::new(verifier.clone(), ShardProver::new(verifier));
        let (key, verifying_key) = runtime.block_on(prover.setup(program.program()));
        let proving_key = key.pk.clone();
        Ok(CoreProver {
            program: program.clone(),
            runtime,
            prover,
            proving_key,
            verifying_key: SP1VerifyingKey { vk: verifying_key },
            verifier: SP1Verifier::new(VerifierRecursionVks::default()),
            options: memory.core_options(),
        })
    }

    /// The program's verifying key.
    pub fn key(&self) -> Result<VerifyingKey, ProverError> {
        let failed = |error: bincode::Error| ProverError::Proving(error.to_string());
        Ok(VerifyingKey {
            hash: bincode::serialize(&self.verifying_key.hash_koalabear()).map_err(failed)?,
            hash_bn254: self.verifying_key.bytes32(),
            key: bincode::serialize(&self.verifying_key).map_err(failed)?,
        })
    }

    /// A proof of a run of the program with these inputs, in SP1's encoding, not verified yet.
    pub fn prove(&self, inputs: &[Vec<u8>]) -> Result<Vec<u8>, ProverError> {
        let mut input = SP1Stdin::new();
        inputs.iter().for_each(|bytes| input.write_slice(bytes));
        let proof = prove_core(
            &self.prover,
            self.proving_key.clone(),
            self.program.program(),
            input,
            self.options.clone(),
            SP1Context::default(),
        );
        let failed = |error: String| ProverError::Proving(error);
        let (proof, _) = self
            .runtime
            .block_on(proof)
            .map_err(|error| failed(error.to_string()))?;
        let mut bytes = CORE_TAG.to_vec();
        let shards = encoding().serialize(&proof.shard_proofs);
        bytes.extend(shards.map_err(|error| failed(error.to_string()))?);
        Ok(bytes)
    }

    /// Verifies a proof: that this program said these values and ended well.
    pub fn verify(&self, proof: &[u8], values: &[u8]) -> Result<(), ProverError> {
        let wrong = |why: &str| ProverError::Verification(why.into());
        let shards = proof
            .strip_prefix(&CORE_TAG)
            .ok_or_else(|| wrong("it is no core proof"))?;
        let shards: Vec<Shard> = encoding()
            .deserialize(shards)
            .map_err(|error| wrong(&format!("it cannot be read: {error}")))?;
        let last = shards.last().ok_or_else(|| wrong("it is empty"))?;
        if last.public_values.len() != PROOF_MAX_NUM_PVS {
            return Err(wrong("its public values have another length"));
        }
        let said: &PublicValues<[SP1Field; 4], [SP1Field; 3], [SP1Field; 4], SP1Field> =
            last.public_values.as_slice().borrow();
        if said.exit_code.as_canonical_u32() != 0 {
            return Err(wrong("the program did not end well"));
        }
        let committed = said.committed_value_digest.as_flattened().iter();
        let committed: Vec<u32> = committed.map(PrimeField32::as_canonical_u32).collect();
        let expected = Sha256::digest(values);
        if !committed
            .into_iter()
            .eq(expected.iter().map(|&byte| u32::from(byte)))
        {
            return Err(wrong("it is a proof of other public values"));
        }
        self.verifier
            .verify(&SP1CoreProofData(shards), &self.verifying_key)
            .map_err(|error| wrong(&error.to_string()))
    }
}
