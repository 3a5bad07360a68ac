//! The tree of fixed depth: 256 leaves, of which each node knows what is shown below it.
//!
//! Such a tree is known as a Merkle sum tree (Maxwell, Todd, "Proving your bitcoin reserves", 2013, with the sums of both children hashed apart): a path
//! to a leaf says what all leaves to its left show in sum, and no other sum leads to the same root.

use alloc::boxed::Box;

use proofbook_commitment::{Digest, Permutation};

use crate::error::LightError;
use crate::hash;

/// Layers of nodes above the leaves.
pub const DEPTH: usize = 8;
/// Leaves of the tree.
pub const LEAVES: usize = 1 << DEPTH;
/// Levels of each side: bids are the first half of the leaves, asks the second.
pub const LEVELS: usize = LEAVES / 2;

/// A leaf or node, and what is shown below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub digest: Digest,
    /// Sum of the displayed quantities, in lots.
    pub displayed: u64,
}

impl Node {
    /// A leaf without a level.
    pub const EMPTY: Node = Node {
        digest: Digest::EMPTY,
        displayed: 0,
    };

    /// The node over two.
    pub fn over<P: Permutation>(left: Node, right: Node) -> Result<Node, LightError> {
        let displayed = left.displayed.checked_add(right.displayed);
        Ok(Node {
            digest: hash::node::<P>(left, right),
            displayed: displayed.ok_or(LightError::Overflow)?,
        })
    }
}

/// The nodes: the top is at 1, the children of the node at i are at 2i and 2i + 1, the leaves begin at [`LEAVES`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FixedDepthMerkleTree {
    nodes: Box<[Node; 2 * LEAVES]>,
}

impl FixedDepthMerkleTree {
    /// The tree of empty leaves.
    pub fn empty<P: Permutation>() -> Self {
        let mut nodes = Box::new([Node::EMPTY; 2 * LEAVES]);
        let mut node = Node::EMPTY;
        for layer in (0..DEPTH).rev() {
            node.digest = hash::node::<P>(node, node);
            nodes[1 << layer..2 << layer].fill(node);
        }
        FixedDepthMerkleTree { nodes }
    }

    pub fn top(&self) -> Node {
        self.nodes[1]
    }

    /// What both halves show.
    pub fn displayed(&self) -> [u64; 2] {
        [self.nodes[2].displayed, self.nodes[3].displayed]
    }

    /// The nodes beside a leaf's way to the top, from the leaf up.
    pub fn siblings(&self, position: usize) -> [Node; DEPTH] {
        core::array::from_fn(|layer| self.nodes[((LEAVES + position) >> layer) ^ 1])
    }

    /// Sets leaves, given with their positions, which go up, and hashes what they touch, each node once; gives how many nodes that were.
    ///
    /// After an error the tree is none: whoever calls drops it.
    pub fn set<P: Permutation>(&mut self, leaves: &[(usize, Node)]) -> Result<usize, LightError> {
        let mut dirty = [false; 2 * LEAVES];
        for &(position, leaf) in leaves {
            self.nodes[LEAVES + position] = leaf;
            dirty[(LEAVES + position) / 2] = true;
        }
        let mut hashed = 0;
        for place in (1..LEAVES).rev() {
            if dirty[place] {
                let [left, right] = [self.nodes[2 * place], self.nodes[2 * place + 1]];
                self.nodes[place] = Node::over::<P>(left, right)?;
                dirty[place / 2] = true;
                hashed += 1;
            }
        }
        Ok(hashed)
    }
}
