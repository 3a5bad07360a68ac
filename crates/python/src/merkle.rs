//! Merkle trees of BLAKE3 for Python: built and changed in batches, and proofs of many leaves.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use proofbook_merkle::{AggregatedProof, BatchOptimizedMerkleTree, MerkleError, SimdHasher};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::errors::{InputError, InvalidProofError, ProofFormatError};
use crate::light::hexadecimal_bytes;
use crate::sessions::hex;

/// Bytes of a file that are read at a time.
const READ_BYTES: usize = 1 << 20;

fn unusable(error: MerkleError) -> PyErr {
    InputError::new_err(error.to_string())
}

fn undecodable(error: MerkleError) -> PyErr {
    ProofFormatError::new_err(error.to_string())
}

fn does_not_hold(error: MerkleError) -> PyErr {
    match error {
        MerkleError::Leaves { .. } => unusable(error),
        _ => InvalidProofError::new_err(error.to_string()),
    }
}

fn leaves_of(leaves: Vec<PyBackedBytes>) -> Vec<[u8; 32]> {
    leaves.iter().map(|leaf| SimdHasher::leaf(leaf)).collect()
}

/// A proof of the leaves at some positions of a tree.
#[pyclass(name = "AggregatedProof", module = "proofbook.merkle", frozen, eq)]
#[derive(PartialEq)]
pub struct AggregatedProofView {
    proof: AggregatedProof<SimdHasher>,
}

#[pymethods]
impl AggregatedProofView {
    /// The proof that encodes to exactly these bytes.
    #[staticmethod]
    fn decode(data: &[u8]) -> PyResult<Self> {
        let proof = AggregatedProof::decode(data).map_err(undecodable)?;
        Ok(AggregatedProofView { proof })
    }

    /// Its bytes.
    fn encode<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.proof.encode())
    }

    /// How many leaves the tree has.
    #[getter]
    fn leaves(&self) -> u32 {
        self.proof.leaves()
    }

    /// The positions.
    #[getter]
    fn positions(&self) -> Vec<u32> {
        self.proof.positions().to_vec()
    }

    /// Checks that the tree with this root has these leaves at the positions.
    fn check(&self, py: Python<'_>, root: &str, leaves: Vec<PyBackedBytes>) -> PyResult<()> {
        let root = hexadecimal_bytes("root", root)?;
        py.detach(|| {
            let leaves = leaves_of(leaves);
            self.proof.check(&SimdHasher::default(), &root, &leaves)
        })
        .map_err(does_not_hold)
    }

    fn __repr__(&self) -> String {
        format!(
            "AggregatedProof(leaves={}, positions={:?}, {} siblings)",
            self.proof.leaves(),
            self.proof.positions(),
            self.proof.siblings().len()
        )
    }
}

/// Checks many proofs about one root together.
#[pyfunction]
pub fn check_all(
    py: Python<'_>,
    root: &str,
    proofs: Vec<(Py<AggregatedProofView>, Vec<PyBackedBytes>)>,
) -> PyResult<()> {
    let root = hexadecimal_bytes("root", root)?;
    py.detach(|| {
        let (proofs, leaves): (Vec<_>, Vec<_>) = proofs
            .into_iter()
            .map(|(proof, leaves)| (proof, leaves_of(leaves)))
            .unzip();
        let together: Vec<_> = proofs
            .iter()
            .zip(&leaves)
            .map(|(proof, leaves)| (&proof.get().proof, leaves.as_slice()))
            .collect();
        proofbook_merkle::verify_all(&SimdHasher::default(), &root, &together)
    })
    .map_err(does_not_hold)
}

/// A tree whose leaves change many at a time.
#[pyclass(name = "BatchOptimizedMerkleTree", module = "proofbook.merkle")]
pub struct MerkleTreeView {
    tree: BatchOptimizedMerkleTree<SimdHasher>,
}

#[pymethods]
impl MerkleTreeView {
    #[new]
    #[pyo3(signature = (leaves = Vec::new()))]
    fn new(py: Python<'_>, leaves: Vec<PyBackedBytes>) -> PyResult<Self> {
        let tree =
            py.detach(|| BatchOptimizedMerkleTree::new(SimdHasher::default(), leaves_of(leaves)));
        let tree = tree.map_err(unusable)?;
        Ok(MerkleTreeView { tree })
    }

    fn __len__(&self) -> usize {
        self.tree.leaves().len()
    }

    /// The root after the last commit.
    #[getter]
    fn root(&self) -> String {
        hex(&self.tree.root())
    }

    /// Leaves that wait for the next commit.
    #[getter]
    fn pending(&self) -> usize {
        self.tree.pending()
    }

    /// Proofs that were there already, and those that had to be made.
    #[getter]
    fn cache_hits_misses(&self) -> (u64, u64) {
        let statistics = self.tree.cache_statistics();
        (statistics.hits, statistics.misses)
    }

    /// Sets a leaf, from the next commit on.
    fn update(&mut self, position: u32, leaf: &[u8]) -> PyResult<()> {
        self.tree
            .update(position, SimdHasher::leaf(leaf))
            .map_err(unusable)
    }

    /// Appends a leaf, from the next commit on; gives its position.
    fn append(&mut self, leaf: &[u8]) -> PyResult<u32> {
        self.tree.push(SimdHasher::leaf(leaf)).map_err(unusable)
    }

    /// Takes the updates into the tree; gives how many nodes were hashed.
    fn commit(&mut self, py: Python<'_>) -> usize {
        py.detach(|| self.tree.commit().hashed)
    }

    /// The proof of the leaves at positions that go up.
    fn prove(&mut self, positions: Vec<u32>) -> PyResult<AggregatedProofView> {
        let proof = self.tree.prove(&positions).map_err(unusable)?;
        let proof = AggregatedProof::clone(&proof);
        Ok(AggregatedProofView { proof })
    }

    fn __repr__(&self) -> String {
        format!(
            "BatchOptimizedMerkleTree({} leaves, root='{}')",
            self.__len__(),
            self.root()
        )
    }
}

/// Length and BLAKE3 of a file.
#[pyfunction]
pub fn file_digest(py: Python<'_>, path: PathBuf) -> PyResult<(u64, String)> {
    let digest = py.detach(|| {
        let mut file = File::open(path)?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                length => hasher.update(&buffer[..length]),
            };
        }
        Ok::<_, std::io::Error>((hasher.count(), hex(hasher.finalize().as_bytes())))
    });
    Ok(digest?)
}
