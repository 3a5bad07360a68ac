//! Paths of eight digests: one level of a view, what is shown before it, and with a second one the depth through a price.

use alloc::vec::Vec;

use proofbook_commitment::part::Cursor;
use proofbook_commitment::{Digest, Permutation};
use proofbook_types::{Price, Side};

use crate::error::LightError;
use crate::hash;
use crate::tree::{Node, DEPTH, LEVELS};
use crate::view::{first, ViewHeader, ViewLevel, LEVEL_BYTES};

/// Length of an encoded path to a leaf with a level; one to an empty leaf is shorter by the level.
pub const PATH_BYTES: usize = 2 + LEVEL_BYTES + DEPTH * 40;

/// The way from a leaf to the top. Before it is checked, it says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelPath {
    position: u8,
    level: Option<ViewLevel>,
    siblings: [Node; DEPTH],
}

/// What a path showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvenLevel {
    /// The side.
    pub side: Side,
    /// How many levels are better.
    pub rank: usize,
    /// The level; `None` where the side has only as many as its rank.
    pub level: Option<ViewLevel>,
    /// What the better levels show in sum, in lots.
    pub displayed_before: u64,
}

impl ProvenLevel {
    /// What this level and the better ones show in sum. It fits: all of its side does.
    pub fn displayed_through(&self) -> u64 {
        self.displayed_before + self.level.map_or(0, |level| level.displayed)
    }
}

impl LevelPath {
    pub(crate) fn new(position: u8, level: Option<ViewLevel>, siblings: [Node; DEPTH]) -> Self {
        LevelPath {
            position,
            level,
            siblings,
        }
    }

    /// The leaf: 0 to 127 are bids, the rest asks, the better first.
    pub fn position(&self) -> u8 {
        self.position
    }

    /// Checks the path against a header that is trusted.
    ///
    /// # Errors
    /// [`LightError::Digest`] where it does not lead to the header's top, [`LightError::Number`] where sums or the bitmap say something else.
    pub fn check<P: Permutation>(&self, header: &ViewHeader) -> Result<ProvenLevel, LightError> {
        let position = usize::from(self.position);
        let side = Side::BOTH[position / LEVELS];
        let rank = position % LEVELS;
        let mut node = match &self.level {
            None => Node::EMPTY,
            Some(level) => Node {
                digest: hash::level::<P>(side, level),
                displayed: level.displayed,
            },
        };
        let mut displayed_before = 0u64;
        let mut halves = [0; 2];
        for (layer, &sibling) in self.siblings.iter().enumerate() {
            let is_right = position >> layer & 1 == 1;
            let [left, right] = if is_right {
                [sibling, node]
            } else {
                [node, sibling]
            };
            if layer == DEPTH - 1 {
                halves = [left.displayed, right.displayed];
            } else if is_right {
                let sum = displayed_before.checked_add(sibling.displayed);
                displayed_before = sum.ok_or(LightError::Overflow)?;
            }
            node = Node::over::<P>(left, right)?;
        }
        if node.digest != header.top {
            return Err(LightError::Digest {
                what: "the tree's top",
                expected: header.top,
                received: node.digest,
            });
        }
        let is_level = u64::from(rank < header.levels(side));
        for (what, expected, received) in [
            ("displayed bids", header.displayed[0], halves[0]),
            ("displayed asks", header.displayed[1], halves[1]),
            ("levels at the leaf", is_level, self.level.is_some().into()),
        ] {
            if expected != received {
                return Err(LightError::Number {
                    what,
                    expected,
                    received,
                });
            }
        }
        Ok(ProvenLevel {
            side,
            rank,
            level: self.level,
            displayed_before,
        })
    }

    /// Checks that the path is one to the best level of a side.
    ///
    /// # Errors
    /// As [`check`](Self::check); [`LightError::Number`] where it leads to another leaf.
    pub fn check_best<P: Permutation>(
        &self,
        header: &ViewHeader,
        side: Side,
    ) -> Result<Option<ViewLevel>, LightError> {
        self.check_at(first(side))?;
        Ok(self.check::<P>(header)?.level)
    }

    fn check_at(&self, position: usize) -> Result<(), LightError> {
        if usize::from(self.position) == position {
            return Ok(());
        }
        Err(LightError::Number {
            what: "position of the leaf",
            expected: position as u64,
            received: self.position.into(),
        })
    }

    /// The only encoding: position, 1 byte; 1 and the level, or 0; then the eight nodes beside the way from the leaf up, each its digest and what is shown
    /// below it, eight bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PATH_BYTES);
        self.put(&mut bytes);
        bytes
    }

    fn put(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.position, self.level.is_some().into()]);
        bytes.extend(self.level.iter().flat_map(ViewLevel::encode));
        for sibling in self.siblings {
            bytes.extend(sibling.digest.encode());
            bytes.extend(sibling.displayed.to_le_bytes());
        }
    }

    /// The path that encodes to exactly these bytes.
    ///
    /// # Errors
    /// [`LightError::Malformed`], [`LightError::Proof`].
    pub fn decode(bytes: &[u8]) -> Result<Self, LightError> {
        let mut cursor = Cursor::new(bytes);
        let path = LevelPath::take(&mut cursor)?;
        cursor.end()?;
        Ok(path)
    }

    fn take(cursor: &mut Cursor<'_>) -> Result<Self, LightError> {
        let position = cursor.byte()?;
        let level = match cursor.byte()? {
            0 => None,
            1 => Some(ViewLevel::decode(cursor)?),
            _ => {
                return Err(LightError::Malformed {
                    what: "whether a leaf has a level is 0 or 1",
                })
            }
        };
        let mut siblings = [Node::EMPTY; DEPTH];
        for sibling in &mut siblings {
            let digest: Digest = cursor.digest()?;
            let [displayed] = cursor.words()?;
            *sibling = Node { digest, displayed };
        }
        Ok(LevelPath::new(position, level, siblings))
    }
}

/// What is shown at a price and better: the last level that is, and the next leaf, which is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepthProof {
    /// The last level at the price or better, unless there is none.
    pub last: Option<LevelPath>,
    /// The leaf after it, unless that was the side's last leaf.
    pub next: Option<LevelPath>,
}

impl DepthProof {
    /// Checks the proof against a header that is trusted; gives what is shown at `price` and better, in lots.
    ///
    /// # Errors
    /// As [`LevelPath::check`]; [`LightError::Number`] where the paths are not neighbours; [`LightError::NotShown`] where they do not enclose
    /// the price.
    pub fn check<P: Permutation>(
        &self,
        header: &ViewHeader,
        side: Side,
        price: Price,
    ) -> Result<u64, LightError> {
        let mut rank = 0;
        let (mut displayed, mut is_at_price) = (0, false);
        if let Some(path) = &self.last {
            let shown = path.check::<P>(header)?;
            path.check_at(first(side) + shown.rank)?;
            let Some(level) = shown.level else {
                return Err(LightError::NotShown);
            };
            if level.price != price && !level.is_better_than(side, price) {
                return Err(LightError::NotShown);
            }
            is_at_price = level.price == price;
            displayed = shown.displayed_through();
            rank = shown.rank + 1;
        }
        match &self.next {
            Some(path) => {
                path.check_at(first(side) + rank)?;
                let shown = path.check::<P>(header)?;
                let is_worse =
                    |level: ViewLevel| level.price != price && !level.is_better_than(side, price);
                if !shown.level.is_none_or(is_worse) {
                    return Err(LightError::NotShown);
                }
            }
            // Nothing at a price is beyond it; what is worse than the view's last level may be, and is not known.
            None if rank == LEVELS && is_at_price => {}
            None => return Err(LightError::NotShown),
        }
        Ok(displayed)
    }

    /// The only encoding: one byte, 1 with a last level, 2 with a next leaf, 3 with both; then their paths.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + 2 * PATH_BYTES);
        bytes.push(u8::from(self.last.is_some()) | u8::from(self.next.is_some()) << 1);
        for path in self.last.iter().chain(&self.next) {
            path.put(&mut bytes);
        }
        bytes
    }

    /// The proof that encodes to exactly these bytes.
    ///
    /// # Errors
    /// [`LightError::Malformed`], [`LightError::Proof`].
    pub fn decode(bytes: &[u8]) -> Result<Self, LightError> {
        let mut cursor = Cursor::new(bytes);
        let which = cursor.byte()?;
        if !(1..=3).contains(&which) {
            return Err(LightError::Malformed {
                what: "which paths there are is 1, 2 or 3",
            });
        }
        let mut path = |bit: u8| match which >> bit & 1 {
            0 => Ok(None),
            _ => LevelPath::take(&mut cursor).map(Some),
        };
        let (last, next) = (path(0)?, path(1)?);
        cursor.end()?;
        Ok(DepthProof { last, next })
    }
}
