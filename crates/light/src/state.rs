//! The view itself: the best levels of both sides, made from a proof about the state.

use alloc::boxed::Box;
use alloc::vec::Vec;

use proofbook_commitment::part::Cursor;
use proofbook_commitment::{Digest, Permutation, StateProof};
use proofbook_fixed::{Kernel, Total};
use proofbook_types::{Price, Queue, Side};

use crate::error::LightError;
use crate::hash;
use crate::path::{DepthProof, LevelPath};
use crate::tree::{FixedDepthMerkleTree, Node, LEAVES, LEVELS};
use crate::view::{bitmap_of, first, ViewHeader, ViewLevel, LEVEL_BYTES, VIEW_HEADER_BYTES};

/// The best 128 levels of each side, or as many as there are, in a tree of fixed depth.
///
/// It cannot be made of anything that was not checked: [`from_proof`](Self::from_proof) takes a proof about the state with a root that the caller
/// trusts, [`decode`](Self::decode) bytes that hash to the root of a view that he trusts. So what it holds is what the market held, no better
/// level is missing, and its root is a function of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircuitOptimizedState {
    levels: Box<[Option<ViewLevel>; LEAVES]>,
    tree: FixedDepthMerkleTree,
    header: ViewHeader,
}

/// What an update did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rehashed {
    /// Leaves that are others than before.
    pub leaves: usize,
    /// Nodes above them, each hashed once.
    pub nodes: usize,
}

/// What a market order would find, in lots and ticks times lots. Only what is shown counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Lots that are there, at most as many as asked for.
    pub lots: u64,
    /// Their price in sum.
    pub notional: Total<0>,
    /// The worst price of them, where there are any.
    pub worst: Option<Price>,
}

type Levels = [Option<ViewLevel>; LEAVES];

/// The levels that a proof about a state shows, checked for their order and their numbers of orders, which its root leaves open by a multiple of
/// the field's order.
fn levels_of(proof: &StateProof) -> Result<Box<Levels>, LightError> {
    let mut levels = Box::new([None; LEAVES]);
    for (side, queue) in Side::BOTH.into_iter().zip([Queue::Bids, Queue::Asks]) {
        for (rank, (price, shown)) in proof.depth(queue, LEVELS)?.into_iter().enumerate() {
            let level = ViewLevel {
                price,
                displayed: shown.displayed,
                hidden: shown.hidden,
                orders: shown.orders,
            };
            level.check_orders()?;
            levels[first(side) + rank] = Some(level);
        }
    }
    check_order(&levels)?;
    Ok(levels)
}

/// Each level is worse than the one before it, and none comes after a gap.
fn check_order(levels: &Levels) -> Result<(), LightError> {
    for side in Side::BOTH {
        let mut before: Option<ViewLevel> = None;
        for (rank, level) in levels[first(side)..][..LEVELS].iter().enumerate() {
            let is_in_order = match (before, level) {
                (_, None) => true,
                (None, Some(_)) => rank == 0,
                (Some(before), Some(level)) => before.is_better_than(side, level.price),
            };
            if !is_in_order {
                return Err(LightError::Order { side, rank });
            }
            before = *level;
        }
    }
    Ok(())
}

fn leaf<P: Permutation>(position: usize, level: Option<&ViewLevel>) -> Node {
    level.map_or(Node::EMPTY, |level| Node {
        digest: hash::level::<P>(Side::BOTH[position / LEVELS], level),
        displayed: level.displayed,
    })
}

impl CircuitOptimizedState {
    /// The view of the state with this root, from a proof that shows the best 128 levels of bids and asks.
    ///
    /// # Errors
    /// [`LightError::Proof`] where the proof is about another state or leaves one of the levels closed.
    pub fn from_proof<P: Permutation>(
        proof: &StateProof,
        root: Digest,
    ) -> Result<Self, LightError> {
        proof.check::<P>(root)?;
        let mut tree = FixedDepthMerkleTree::empty::<P>();
        let levels = levels_of(proof)?;
        set::<P>(&mut tree, &[None; LEAVES], &levels)?;
        let header = header(root, proof.counters.sequence, &levels, &tree);
        Ok(CircuitOptimizedState {
            levels,
            tree,
            header,
        })
    }

    /// Brings the view up to a later state of the market: only what changed is hashed. After an error it is as before.
    ///
    /// A level that comes or goes moves the worse ones of its side by one leaf, and those count as changed.
    ///
    /// # Errors
    /// As [`from_proof`](Self::from_proof); [`LightError::Number`] where the state is an earlier one.
    pub fn update<P: Permutation>(
        &mut self,
        proof: &StateProof,
        root: Digest,
    ) -> Result<Rehashed, LightError> {
        proof.check::<P>(root)?;
        let sequence = proof.counters.sequence;
        if sequence < self.header.sequence {
            return Err(LightError::Number {
                what: "sequence of a later state, at least",
                expected: self.header.sequence,
                received: sequence,
            });
        }
        let levels = levels_of(proof)?;
        let mut tree = self.tree.clone();
        let rehashed = set::<P>(&mut tree, &self.levels, &levels)?;
        self.header = header(root, sequence, &levels, &tree);
        (self.levels, self.tree) = (levels, tree);
        Ok(rehashed)
    }

    /// The header: with it, paths are checked.
    pub fn header(&self) -> &ViewHeader {
        &self.header
    }

    /// The levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = &ViewLevel> {
        self.levels[first(side)..][..LEVELS].iter().flatten()
    }

    /// The best level of a side, unless it has none.
    pub fn best(&self, side: Side) -> Option<&ViewLevel> {
        self.levels(side).next()
    }

    /// Whether a side's levels are all that the market has. With 128 there may be more.
    pub fn is_whole(&self, side: Side) -> bool {
        self.header.levels(side) < LEVELS
    }

    /// How many levels of a side are at a price or better.
    fn count_through(&self, side: Side, price: Price) -> usize {
        self.levels(side)
            .take_while(|level| level.price == price || level.is_better_than(side, price))
            .count()
    }

    /// What is shown at a price and better, in lots.
    ///
    /// # Errors
    /// [`LightError::NotShown`] for a price beyond the last of 128 levels.
    pub fn depth_through(&self, side: Side, price: Price) -> Result<u64, LightError> {
        let count = self.count_through(side, price);
        let last = self.levels(side).nth(LEVELS - 1);
        if count == LEVELS && last.is_some_and(|level| level.price != price) {
            return Err(LightError::NotShown);
        }
        Ok(self
            .levels(side)
            .take(count)
            .map(|level| level.displayed)
            .sum())
    }

    /// What an order that takes up to `lots` from a side would find, best price first.
    ///
    /// # Errors
    /// [`LightError::NotShown`] where 128 levels are not enough for it.
    pub fn fill(&self, side: Side, lots: u64) -> Result<Fill, LightError> {
        let (mut prices, mut taken) = (Vec::new(), Vec::new());
        let mut open = lots;
        for level in self.levels(side) {
            if open == 0 {
                break;
            }
            let here = open.min(level.displayed);
            prices.push(level.price.0);
            taken.push(here);
            open -= here;
        }
        if open > 0 && !self.is_whole(side) {
            return Err(LightError::NotShown);
        }
        let notional = Kernel::detect().notional(&prices, &taken);
        Ok(Fill {
            lots: lots - open,
            notional: Total::from_units(notional.map_err(|_| LightError::Overflow)?),
            worst: prices.last().map(|&price| Price(price)),
        })
    }

    /// The path to a leaf: 0 to 127 are bids, 128 to 255 asks, the better first.
    pub fn path(&self, position: u8) -> LevelPath {
        let place = usize::from(position);
        LevelPath::new(position, self.levels[place], self.tree.siblings(place))
    }

    /// The path to the best level of a side, or to its first leaf where it has none.
    pub fn best_path(&self, side: Side) -> LevelPath {
        self.path(first(side) as u8)
    }

    /// The proof of what is shown at a price and better.
    ///
    /// # Errors
    /// [`LightError::NotShown`], as [`depth_through`](Self::depth_through).
    pub fn depth_proof(&self, side: Side, price: Price) -> Result<DepthProof, LightError> {
        self.depth_through(side, price)?;
        let count = self.count_through(side, price);
        let at = |rank: usize| self.path((first(side) + rank) as u8);
        Ok(DepthProof {
            last: (count > 0).then(|| at(count - 1)),
            next: (count < LEVELS).then(|| at(count)),
        })
    }

    /// The only encoding: the header, then the levels of bids and asks, best first, each 28 bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.header.encode().to_vec();
        for side in Side::BOTH {
            bytes.extend(self.levels(side).flat_map(ViewLevel::encode));
        }
        bytes
    }

    /// The view that encodes to exactly these bytes and has this root.
    ///
    /// # Errors
    /// [`LightError::Digest`] where it has another root; [`LightError::Length`], [`LightError::Malformed`], [`LightError::Order`].
    pub fn decode<P: Permutation>(bytes: &[u8], root: Digest) -> Result<Self, LightError> {
        let Some((head, rest)) = bytes.split_at_checked(VIEW_HEADER_BYTES) else {
            return Err(LightError::Length {
                expected: VIEW_HEADER_BYTES,
                received: bytes.len(),
            });
        };
        let header = ViewHeader::decode(head)?;
        let counts = Side::BOTH.map(|side| header.levels(side));
        let expected = VIEW_HEADER_BYTES + (counts[0] + counts[1]) * LEVEL_BYTES;
        if bytes.len() != expected {
            return Err(LightError::Length {
                expected,
                received: bytes.len(),
            });
        }
        let received = header.root::<P>();
        if received != root {
            return Err(LightError::Digest {
                what: "the view's root",
                expected: root,
                received,
            });
        }
        let mut cursor = Cursor::new(rest);
        let mut levels = Box::new([None; LEAVES]);
        for (side, count) in Side::BOTH.into_iter().zip(counts) {
            for level in &mut levels[first(side)..][..count] {
                *level = Some(ViewLevel::decode(&mut cursor)?);
            }
        }
        check_order(&levels)?;
        let mut tree = FixedDepthMerkleTree::empty::<P>();
        set::<P>(&mut tree, &[None; LEAVES], &levels)?;
        let received = tree.top().digest;
        if received != header.top || tree.displayed() != header.displayed {
            return Err(LightError::Digest {
                what: "the tree's top",
                expected: header.top,
                received,
            });
        }
        Ok(CircuitOptimizedState {
            levels,
            tree,
            header,
        })
    }
}

/// Brings a tree from some levels to others.
fn set<P: Permutation>(
    tree: &mut FixedDepthMerkleTree,
    old: &Levels,
    new: &Levels,
) -> Result<Rehashed, LightError> {
    let changed: Vec<(usize, Node)> = (0..LEAVES)
        .filter(|&position| old[position] != new[position])
        .map(|position| (position, leaf::<P>(position, new[position].as_ref())))
        .collect();
    Ok(Rehashed {
        leaves: changed.len(),
        nodes: tree.set::<P>(&changed)?,
    })
}

fn header(root: Digest, sequence: u64, levels: &Levels, tree: &FixedDepthMerkleTree) -> ViewHeader {
    let count = |side| levels[first(side)..][..LEVELS].iter().flatten().count();
    ViewHeader {
        state_root: root,
        top: tree.top().digest,
        sequence,
        displayed: tree.displayed(),
        bitmap: bitmap_of(Side::BOTH.map(count)),
    }
}
