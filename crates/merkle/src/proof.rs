//! One proof for many leaves of a tree, as short as can be: what the leaves' paths share it holds once, what can be computed not at all.

use crate::error::MerkleError;
use crate::hasher::{NodeHasher, DIGEST_BYTES, LEAVES_MAX};

/// A proof of the leaves at some positions of a tree.
///
/// Its siblings go layer by layer from the leaves up, in each from left to right: those nodes beside the way of a position that are on the way of
/// none. How many they are follows from the positions and the number of leaves. A proof of no position holds the top alone:
/// it shows how many leaves there are.
#[derive(Debug, PartialEq, Eq)]
pub struct AggregatedProof<H: NodeHasher> {
    leaves: u32,
    positions: Vec<u32>,
    siblings: Vec<H::Digest>,
}

impl<H: NodeHasher> Clone for AggregatedProof<H> {
    fn clone(&self) -> Self {
        AggregatedProof {
            leaves: self.leaves,
            positions: self.positions.clone(),
            siblings: self.siblings.clone(),
        }
    }
}

/// Hands every sibling's layer and index to `take`, in their order.
pub(crate) fn siblings(leaves: u32, positions: &[u32], mut take: impl FnMut(usize, u32)) {
    let mut on_the_way = positions.to_vec();
    let (mut width, mut layer) = (leaves, 0);
    while width > 1 {
        let mut above = Vec::with_capacity(on_the_way.len());
        let mut rest = on_the_way.as_slice();
        while let [index, after @ ..] = rest {
            let is_pair = index % 2 == 0 && after.first() == Some(&(index + 1));
            if !is_pair && index ^ 1 < width {
                take(layer, index ^ 1);
            }
            above.push(index / 2);
            rest = &after[usize::from(is_pair)..];
        }
        on_the_way = above;
        width = width.div_ceil(2);
        layer += 1;
    }
    if positions.is_empty() && leaves > 0 {
        take(layer, 0);
    }
}

fn check_positions(leaves: u32, positions: &[u32]) -> Result<(), MerkleError> {
    if leaves > LEAVES_MAX {
        return Err(MerkleError::TooManyLeaves {
            received: leaves as usize,
        });
    }
    if let Some(pair) = positions.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(MerkleError::Order { received: pair[1] });
    }
    match positions.last() {
        Some(&received) if received >= leaves => Err(MerkleError::Position { leaves, received }),
        _ => Ok(()),
    }
}

fn number(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

impl<H: NodeHasher> AggregatedProof<H> {
    /// The proof of the leaves at `positions`, which go up; `node` gives the nodes of the tree by layer and index.
    pub(crate) fn new(
        leaves: u32,
        positions: &[u32],
        node: impl Fn(usize, u32) -> H::Digest,
    ) -> Result<Self, MerkleError> {
        check_positions(leaves, positions)?;
        let mut found = Vec::new();
        siblings(leaves, positions, |layer, index| {
            found.push(node(layer, index))
        });
        Ok(AggregatedProof {
            leaves,
            positions: positions.to_vec(),
            siblings: found,
        })
    }

    /// How many leaves the tree has.
    pub fn leaves(&self) -> u32 {
        self.leaves
    }

    /// The positions, which go up.
    pub fn positions(&self) -> &[u32] {
        &self.positions
    }

    /// The nodes beside the positions' ways.
    pub fn siblings(&self) -> &[H::Digest] {
        &self.siblings
    }

    /// Length of the encoding.
    pub fn encoded_bytes(&self) -> usize {
        8 + 4 * self.positions.len() + DIGEST_BYTES * self.siblings.len()
    }

    /// The only encoding: number of leaves, number of positions, positions, four bytes each, little-endian; then the siblings.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.encoded_bytes());
        bytes.extend(self.leaves.to_le_bytes());
        bytes.extend((self.positions.len() as u32).to_le_bytes());
        bytes.extend(
            self.positions
                .iter()
                .flat_map(|position| position.to_le_bytes()),
        );
        bytes.extend(self.siblings.iter().flat_map(H::encode));
        bytes
    }

    /// The proof that encodes to exactly these bytes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn decode(bytes: &[u8]) -> Result<Self, MerkleError> {
        let received = bytes.len();
        let short = |expected| MerkleError::Length { expected, received };
        let leaves = number(bytes, 0).ok_or(short(8))?;
        let count = number(bytes, 4).ok_or(short(8))? as usize;
        let start = 8 + 4 * count;
        if received < start {
            return Err(short(start));
        }
        let positions: Vec<u32> = bytes[8..start]
            .as_chunks()
            .0
            .iter()
            .map(|chunk| u32::from_le_bytes(*chunk))
            .collect();
        check_positions(leaves, &positions)?;
        let mut needed = 0;
        siblings(leaves, &positions, |_, _| needed += 1);
        let expected = start + DIGEST_BYTES * needed;
        if received != expected {
            return Err(MerkleError::Length { expected, received });
        }
        let chunks = bytes[start..].as_chunks::<DIGEST_BYTES>().0.iter();
        let siblings = chunks.enumerate().map(|(index, chunk)| {
            H::decode(chunk).ok_or(MerkleError::Digest {
                offset: start + DIGEST_BYTES * index,
            })
        });
        Ok(AggregatedProof {
            leaves,
            positions,
            siblings: siblings.collect::<Result<_, _>>()?,
        })
    }

    /// The root that the proof and the leaves at its positions lead to.
    ///
    /// # Errors
    /// [`MerkleError::Leaves`] where there is not one leaf for each position.
    pub fn root(&self, hasher: &H, leaves: &[H::Digest]) -> Result<H::Digest, MerkleError> {
        if leaves.len() != self.positions.len() {
            return Err(MerkleError::Leaves {
                expected: self.positions.len(),
                received: leaves.len(),
            });
        }
        if leaves.is_empty() {
            return Ok(hasher.root(self.leaves, self.siblings.first().copied()));
        }
        let mut siblings = self.siblings.iter().copied();
        let mut known: Vec<(u32, H::Digest)> = self
            .positions
            .iter()
            .copied()
            .zip(leaves.iter().copied())
            .collect();
        let mut width = self.leaves;
        while width > 1 {
            known = layer_above(hasher, &known, width, |_| siblings.next());
            width = width.div_ceil(2);
        }
        Ok(hasher.root(self.leaves, known.first().map(|(_, top)| *top)))
    }

    /// Checks that the tree with this root has these leaves at the proof's positions.
    ///
    /// # Errors
    /// [`MerkleError::Root`] where it has not; [`MerkleError::Leaves`].
    pub fn check(
        &self,
        hasher: &H,
        root: &H::Digest,
        leaves: &[H::Digest],
    ) -> Result<(), MerkleError> {
        let received = self.root(hasher, leaves)?;
        if received == *root {
            return Ok(());
        }
        Err(MerkleError::Root {
            expected: hexadecimal::<H>(root),
            received: hexadecimal::<H>(&received),
        })
    }
}

pub(crate) fn hexadecimal<H: NodeHasher>(digest: &H::Digest) -> String {
    H::encode(digest)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The nodes above the known ones of a layer of this width, hashed side by side. `sibling` gives a node that is not known; where it gives none,
/// the known one moves up alone, which happens to the last of an odd layer only.
pub(crate) fn layer_above<H: NodeHasher>(
    hasher: &H,
    known: &[(u32, H::Digest)],
    width: u32,
    mut sibling: impl FnMut(u32) -> Option<H::Digest>,
) -> Vec<(u32, H::Digest)> {
    let mut above = Vec::with_capacity(known.len());
    let mut children = Vec::with_capacity(2 * known.len());
    let mut hashed = Vec::with_capacity(known.len());
    let mut rest = known;
    while let [(index, digest), after @ ..] = rest {
        let beside = after
            .first()
            .filter(|(next, _)| index % 2 == 0 && *next == index + 1);
        let other = match beside {
            Some((_, other)) => Some(*other),
            None if index ^ 1 < width => sibling(index ^ 1),
            None => None,
        };
        if let Some(other) = other {
            hashed.push(above.len());
            children.extend(if index % 2 == 0 {
                [*digest, other]
            } else {
                [other, *digest]
            });
        }
        above.push((index / 2, *digest));
        rest = &after[usize::from(beside.is_some())..];
    }
    let mut nodes: Vec<H::Digest> = children.iter().copied().take(hashed.len()).collect();
    hasher.nodes(&children, &mut nodes);
    for (place, node) in hashed.into_iter().zip(nodes) {
        above[place].1 = node;
    }
    above
}
