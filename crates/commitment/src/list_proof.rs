//! Proofs about a list: what its leaves at some positions are. One proof for any number of positions.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::list::{node, root, LIST_MAX};
use crate::part::{malformed, Cursor, ProofError};
use crate::sponge::{Digest, Permutation};

/// A proof of the leaves at some positions of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListProof {
    /// Length of the list.
    count: u32,
    /// The tops of the largest subtrees in which no position lies, from left to right.
    closed: Vec<Digest>,
}

/// Where a list of `count` > 1 leaves is split: the largest power of two below it.
fn split(count: u32) -> u32 {
    1 << (u32::BITS - 1 - (count - 1).leading_zeros())
}

impl ListProof {
    /// The proof of the leaves at `positions`, ascending, of a list.
    ///
    /// # Panics
    /// Where a position lies beyond the list, or the list is longer than a list may be.
    pub fn new<P: Permutation>(leaves: &[Digest], positions: &[u32]) -> Self {
        let count = u32::try_from(leaves.len()).expect("a list has at most 2^24 leaves");
        assert!(
            positions.is_sorted() && positions.last().is_none_or(|&last| last < count),
            "positions are ascending and lie in the list"
        );
        let mut closed = Vec::new();
        collect::<P>(leaves, 0, positions, &mut closed);
        ListProof { count, closed }
    }

    /// Length of the list.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Checks that the list with this root has these leaves at these positions.
    ///
    /// # Errors
    /// [`ProofError::WrongRoot`] where it has not; [`ProofError::Malformed`] where the proof is one of other positions.
    pub fn check<P: Permutation>(
        &self,
        expected: Digest,
        leaves: &BTreeMap<u32, Digest>,
    ) -> Result<(), ProofError> {
        if leaves
            .keys()
            .next_back()
            .is_some_and(|&last| last >= self.count)
        {
            return malformed("a position lies beyond the list");
        }
        let mut closed = self.closed.iter().copied();
        let top = match self.count {
            0 => Digest::EMPTY,
            count => top_of::<P>(0, count, leaves, &mut closed)?,
        };
        if closed.next().is_some() {
            return malformed("it has more digests than the positions need");
        }
        let received = root::<P>(self.count, top);
        if received == expected {
            Ok(())
        } else {
            Err(ProofError::WrongRoot { expected, received })
        }
    }

    /// The only encoding: length of the list and number of digests, four bytes each, then the digests.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.count.to_le_bytes());
        out.extend((self.closed.len() as u32).to_le_bytes());
        out.extend(self.closed.iter().flat_map(|digest| digest.encode()));
        out
    }

    /// The proof that encodes to exactly these bytes.
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ProofError> {
        let mut cursor = Cursor::new(bytes);
        let count = cursor.number()?;
        if count > LIST_MAX {
            return malformed("a list has at most 2^24 leaves");
        }
        let digests = cursor.number()?;
        let closed: Result<Vec<Digest>, ProofError> =
            (0..digests).map(|_| cursor.digest()).collect();
        let proof = ListProof {
            count,
            closed: closed?,
        };
        cursor.end()?;
        Ok(proof)
    }
}

/// The top of some leaves.
fn top<P: Permutation>(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::EMPTY,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len() as u32) as usize);
            node::<P>(top::<P>(left), top::<P>(right))
        }
    }
}

/// Appends the tops of the largest subtrees of `leaves`, which begin at position `first`, in which no position lies.
fn collect<P: Permutation>(
    leaves: &[Digest],
    first: u32,
    positions: &[u32],
    closed: &mut Vec<Digest>,
) {
    if positions.is_empty() {
        if !leaves.is_empty() {
            closed.push(top::<P>(leaves));
        }
        return;
    }
    if leaves.len() > 1 {
        let middle = split(leaves.len() as u32);
        let (left, right) = leaves.split_at(middle as usize);
        let (before, after) =
            positions.split_at(positions.partition_point(|&at| at < first + middle));
        collect::<P>(left, first, before, closed);
        collect::<P>(right, first + middle, after, closed);
    }
}

/// The top of `count` leaves from position `first` on, from the leaves that are known and the tops of the rest.
fn top_of<P: Permutation>(
    first: u32,
    count: u32,
    leaves: &BTreeMap<u32, Digest>,
    closed: &mut impl Iterator<Item = Digest>,
) -> Result<Digest, ProofError> {
    if leaves.range(first..first + count).next().is_none() {
        return match closed.next() {
            Some(digest) => Ok(digest),
            None => malformed("it has fewer digests than the positions need"),
        };
    }
    if count == 1 {
        return Ok(leaves[&first]);
    }
    let middle = split(count);
    let left = top_of::<P>(first, middle, leaves, closed)?;
    let right = top_of::<P>(first + middle, count - middle, leaves, closed)?;
    Ok(node::<P>(left, right))
}
