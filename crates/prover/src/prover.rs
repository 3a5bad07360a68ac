//! The trait by which batches are proven, and the prover of this machine.

use std::time::Instant;

use proofbook_commitment::PublicValues;
use proofbook_ledger::Sealed;

#[cfg(feature = "prove")]
use crate::compressed::CompressedProver;
#[cfg(feature = "core")]
use crate::core_proof::CoreProver;
use crate::executor::{self, Execution};
use crate::memory::MemoryLimit;
use crate::proof::{Proof, ProofMode};
#[cfg(not(feature = "prove"))]
use crate::without::CompressedProver;
#[cfg(not(feature = "core"))]
use crate::without::CoreProver;
use crate::{ChainProof, ProvenProgram, ProverError, ToJoin};

/// Is told when a part of the work begins and how long it took.
pub trait Progress {
    /// A part begins.
    fn begin(&mut self, phase: &'static str);

    /// It has ended.
    fn end(&mut self, phase: &'static str, seconds: f64);
}

/// Ignores it.
impl Progress for () {
    fn begin(&mut self, _phase: &'static str) {}

    fn end(&mut self, _phase: &'static str, _seconds: f64) {}
}

/// A verified proof of a chain, and the execution that it began with.
#[derive(Clone, Debug)]
pub struct Joined {
    /// What running the program that joins took.
    pub execution: Execution,
    /// The proof.
    pub proof: ChainProof,
}

/// A verified proof, and the execution that it began with.
#[derive(Clone, Debug)]
pub struct Proven {
    /// What running the batch took.
    pub execution: Execution,
    /// The proof.
    pub proof: Proof,
}

/// Proves batches.
///
/// What it gives has been verified. A batch whose witness or values are false gives an error, in every mode.
pub trait Prover {
    /// Runs the program on a batch, without a proof.
    ///
    /// # Errors
    /// Where the program refuses the batch or says something else than the batch.
    fn execute(
        &mut self,
        batch: &Sealed,
        progress: &mut dyn Progress,
    ) -> Result<Execution, ProverError>;

    /// A core proof.
    ///
    /// # Errors
    /// As [`execute`](Prover::execute), and where the prover fails.
    fn core(&mut self, batch: &Sealed, progress: &mut dyn Progress) -> Result<Proven, ProverError>;

    /// A compressed proof.
    ///
    /// # Errors
    /// As [`execute`](Prover::execute), and where the prover fails.
    fn compressed(
        &mut self,
        batch: &Sealed,
        progress: &mut dyn Progress,
    ) -> Result<Proven, ProverError>;

    /// A proof for contracts.
    ///
    /// # Errors
    /// As [`execute`](Prover::execute), and where the prover fails or lacks what that takes.
    fn groth16(
        &mut self,
        batch: &Sealed,
        progress: &mut dyn Progress,
    ) -> Result<Proven, ProverError>;

    /// Runs the program that joins proofs, without a proof of that.
    ///
    /// # Errors
    /// Where the program refuses what the proofs say.
    fn execute_join(
        &mut self,
        parts: &ToJoin,
        progress: &mut dyn Progress,
    ) -> Result<Execution, ProverError>;

    /// One proof of the chain that proofs make.
    ///
    /// # Errors
    /// As [`execute_join`](Prover::execute_join), where one of the proofs does not hold, and where the prover fails.
    fn join(&mut self, parts: &ToJoin, progress: &mut dyn Progress) -> Result<Joined, ProverError>;

    /// Verifies a proof of a chain.
    ///
    /// # Errors
    /// Where it does not hold.
    fn verify_chain(
        &mut self,
        proof: &ChainProof,
        progress: &mut dyn Progress,
    ) -> Result<(), ProverError>;

    /// Verifies a proof and gives what it says.
    ///
    /// # Errors
    /// Where it does not hold.
    fn verify(
        &mut self,
        proof: &Proof,
        progress: &mut dyn Progress,
    ) -> Result<PublicValues, ProverError>;
}

/// Proves on this machine. What only some modes need is started when it is first needed, and kept.
pub struct Local {
    program: ProvenProgram,
    memory: MemoryLimit,
    core: Option<CoreProver>,
    compressed: Option<CompressedProver>,
}

fn timed<T>(
    progress: &mut dyn Progress,
    phase: &'static str,
    work: impl FnOnce() -> Result<T, ProverError>,
) -> Result<T, ProverError> {
    progress.begin(phase);
    let start = Instant::now();
    let result = work()?;
    progress.end(phase, start.elapsed().as_secs_f64());
    Ok(result)
}

impl Local {
    /// A prover of one program. Nothing is started yet.
    pub fn new(program: ProvenProgram, memory: MemoryLimit) -> Self {
        memory.set_worker_options();
        Local {
            program,
            memory,
            core: None,
            compressed: None,
        }
    }

    /// The program.
    pub fn program(&self) -> &ProvenProgram {
        &self.program
    }

    fn start_core(&mut self, progress: &mut dyn Progress) -> Result<&CoreProver, ProverError> {
        if self.core.is_none() {
            let start = || CoreProver::new(&self.program, self.memory);
            self.core = Some(timed(progress, "start core", start)?);
        }
        Ok(self.core.as_ref().expect("it was just started"))
    }

    fn start_compressed(
        &mut self,
        progress: &mut dyn Progress,
    ) -> Result<&CompressedProver, ProverError> {
        if self.compressed.is_none() {
            let start = || CompressedProver::new(&self.program, self.memory);
            self.compressed = Some(timed(progress, "start compressed", start)?);
        }
        Ok(self.compressed.as_ref().expect("it was just started"))
    }

    /// The program's verifying key.
    ///
    /// # Errors
    /// Where this was built without provers, or they cannot be started.
    pub fn key(&mut self, progress: &mut dyn Progress) -> Result<VerifyingKey, ProverError> {
        self.start_core(progress)?.key()
    }

    fn prove(
        &mut self,
        mode: ProofMode,
        batch: &Sealed,
        progress: &mut dyn Progress,
    ) -> Result<Proven, ProverError> {
        // SP1's provers would prove a run that ends badly too.
        let execution = self.execute(batch, progress)?;
        let inputs = executor::inputs(batch);
        let bytes = match mode {
            ProofMode::Core => {
                let prover = self.start_core(progress)?;
                timed(progress, "prove", || prover.prove(&inputs))?
            }
            ProofMode::Compressed => {
                let prover = self.start_compressed(progress)?;
                timed(progress, "prove", || prover.prove(&inputs))?
            }
            ProofMode::Chain => return Err(not_of_a_batch()),
        };
        let values = batch.values;
        let proof = Proof {
            mode,
            values,
            bytes,
        };
        self.verify(&proof, progress)?;
        Ok(Proven { execution, proof })
    }
}

fn not_of_a_batch() -> ProverError {
    ProverError::Request("expected a proof of a batch; received one of a chain".into())
}

/// The verifying key of a program.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    /// Its hash, as verifiers take it: eight elements of the field, four bytes each, little-endian.
    pub hash: Vec<u8>,
    /// Its hash, as contracts take it.
    pub hash_bn254: String,
    /// The key itself, as SP1 encodes it.
    pub key: Vec<u8>,
}

impl Prover for Local {
    fn execute(
        &mut self,
        batch: &Sealed,
        progress: &mut dyn Progress,
    ) -> Result<Execution, ProverError> {
        timed(progress, "execute", || {
            executor::execute(&self.program, batch)
        })
    }

    fn core(&mut self, batch: &Sealed, progress: &mut dyn Progress) -> Result<Proven, ProverError> {
        self.prove(ProofMode::Core, batch, progress)
    }

    fn compressed(
        &mut self,
        batch: &Sealed,
        progress: &mut dyn Progress,
    ) -> Result<Proven, ProverError> {
        self.prove(ProofMode::Compressed, batch, progress)
    }

    fn groth16(
        &mut self,
        batch: &Sealed,
        progress: &mut dyn Progress,
    ) -> Result<Proven, ProverError> {
        self.execute(batch, progress)?;
        Err(ProverError::NotAvailable {
            mode: "groth16",
            needs: GROTH16_NEEDS.into(),
        })
    }

    fn execute_join(
        &mut self,
        parts: &ToJoin,
        progress: &mut dyn Progress,
    ) -> Result<Execution, ProverError> {
        let program = ProvenProgram::committed_chain();
        timed(progress, "execute", || parts.execute(&program))
    }

    fn join(&mut self, parts: &ToJoin, progress: &mut dyn Progress) -> Result<Joined, ProverError> {
        let execution = self.execute_join(parts, progress)?;
        let prover = self.start_compressed(progress)?;
        // A proof that does not hold would only be found when the joined one is verified.
        timed(progress, "verify parts", || {
            let earlier = parts.earlier.iter();
            earlier
                .map(|chain| prover.verify_chain(&chain.bytes, &chain.values.encode()))
                .chain(
                    parts
                        .proofs
                        .iter()
                        .map(|proof| prover.verify(&proof.bytes, &proof.values.encode())),
                )
                .collect::<Result<(), ProverError>>()
        })?;
        let bytes = timed(progress, "prove", || prover.join(parts))?;
        let values = parts.values;
        let proof = ChainProof { values, bytes };
        self.verify_chain(&proof, progress)?;
        Ok(Joined { execution, proof })
    }

    fn verify_chain(
        &mut self,
        proof: &ChainProof,
        progress: &mut dyn Progress,
    ) -> Result<(), ProverError> {
        let prover = self.start_compressed(progress)?;
        timed(progress, "verify", || {
            prover.verify_chain(&proof.bytes, &proof.values.encode())
        })
    }

    fn verify(
        &mut self,
        proof: &Proof,
        progress: &mut dyn Progress,
    ) -> Result<PublicValues, ProverError> {
        let (bytes, values) = (&proof.bytes, &proof.values.encode());
        match proof.mode {
            ProofMode::Core => {
                let prover = self.start_core(progress)?;
                timed(progress, "verify", || prover.verify(bytes, values))?;
            }
            ProofMode::Compressed => {
                let prover = self.start_compressed(progress)?;
                timed(progress, "verify", || prover.verify(bytes, values))?;
            }
            ProofMode::Chain => return Err(not_of_a_batch()),
        }
        Ok(proof.values)
    }
}

/// What a Groth16 proof takes that is not part of SP1's crates, and that this program never downloads.
const GROTH16_NEEDS: &str = "the circuit artefacts of SP1's release v6.1.0 (proving key, verifying key and R1CS of the wrap \
    circuit, several GiB, which SP1 downloads to ~/.sp1/circuits/groth16), Docker or the feature `native-gnark` of SP1 with a \
    Go compiler for the gnark prover, and a compressed proof to wrap; this prover does not download them";
