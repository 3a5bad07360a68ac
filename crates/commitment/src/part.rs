//! Parts of tries, as proofs about a state carry them: some subtrees open, the others digests.
//!
//! The encoding is compact: an open node holds no digest of what is open below it. In the order root, left, right, each subtree is
//! one byte and what follows it: 0 and a digest, 1 and the position of a branch's bit, 2 and a leaf.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::node;
use crate::sponge::{Digest, Permutation, DIGEST_BYTES};
use crate::trie::Key;

/// Why a proof about a state or a list does not hold, or does not say what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofError {
    /// The bytes encode no proof.
    Malformed {
        /// What is wrong with them.
        what: &'static str,
    },
    /// The proof belongs to another root.
    WrongRoot {
        /// The root that was asked about.
        expected: Digest,
        /// The root that the proof leads to.
        received: Digest,
    },
    /// The answer lies in a part that the proof leaves closed.
    NotShown,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProofError::Malformed { what } => write!(f, "malformed proof: {what}"),
            ProofError::WrongRoot { expected, received } => {
                write!(f, "the proof leads to root {received}, expected {expected}")
            }
            ProofError::NotShown => write!(f, "the proof does not show this"),
        }
    }
}

impl core::error::Error for ProofError {}

pub(crate) const fn malformed<T>(what: &'static str) -> Result<T, ProofError> {
    Err(ProofError::Malformed { what })
}

/// Takes encoded values off the front of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// At the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes }
    }

    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], ProofError> {
        match self.rest.split_first_chunk() {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(head)
            }
            None => malformed("it ends too early"),
        }
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, ProofError> {
        Ok(self.take::<1>()?[0])
    }

    /// Four bytes, little-endian.
    pub fn number(&mut self) -> Result<u32, ProofError> {
        Ok(u32::from_le_bytes(*self.take()?))
    }

    /// Words, little-endian.
    pub fn words<const N: usize>(&mut self) -> Result<[u64; N], ProofError> {
        let mut words = [0; N];
        for word in &mut words {
            *word = u64::from_le_bytes(*self.take()?);
        }
        Ok(words)
    }

    /// A digest.
    pub fn digest(&mut self) -> Result<Digest, ProofError> {
        match Digest::decode(self.take::<DIGEST_BYTES>()?) {
            Some(digest) => Ok(digest),
            None => malformed("an element is not below the field's order"),
        }
    }

    /// Makes sure that nothing is left.
    pub fn end(self) -> Result<(), ProofError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            malformed("bytes follow its end")
        }
    }
}

pub(crate) fn put_words(words: &[u64], out: &mut Vec<u8>) {
    out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}

/// A leaf that a proof shows.
pub trait ShownLeaf: Sized {
    /// Its key.
    type Key: Key;
    /// The first position that no branch may test.
    const KEY_BITS: u32;

    /// Its key.
    fn key(&self) -> Self::Key;

    /// Its hash.
    fn digest<P: Permutation>(&self) -> Digest;

    /// Appends its encoding.
    fn encode(&self, out: &mut Vec<u8>);

    /// Takes its encoding.
    ///
    /// # Errors
    /// Bytes that encode no such leaf.
    fn decode(cursor: &mut Cursor<'_>) -> Result<Self, ProofError>;
}

/// A part of a trie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<L> {
    /// A subtree of which only the digest is known; an empty one if that is [`Digest::EMPTY`].
    Closed(Digest),
    /// A branch.
    Branch {
        /// The position of the bit that it tests.
        position: u8,
        /// Where the bit is 0, and where it is 1.
        children: Box<[Part<L>; 2]>,
    },
    /// A leaf.
    Leaf(L),
}

impl<L: ShownLeaf> Part<L> {
    /// The root of the trie.
    pub fn digest<P: Permutation>(&self) -> Digest {
        match self {
            Part::Closed(digest) => *digest,
            Part::Branch { position, children } => {
                let [left, right] = &**children;
                let (left, right) = (left.digest::<P>(), right.digest::<P>());
                node::branch((*position).into(), left, right).digest::<P>()
            }
            Part::Leaf(leaf) => leaf.digest::<P>(),
        }
    }

    /// The leaf with a key; `None` where the trie has none.
    ///
    /// # Errors
    /// [`ProofError::NotShown`] where the way to it is closed.
    pub fn find(&self, key: L::Key) -> Result<Option<&L>, ProofError> {
        match self {
            Part::Closed(digest) if *digest == Digest::EMPTY => Ok(None),
            Part::Closed(_) => Err(ProofError::NotShown),
            Part::Branch { position, children } => children[key.bit((*position).into())].find(key),
            Part::Leaf(leaf) => Ok((leaf.key() == key).then_some(leaf)),
        }
    }

    /// Hands all leaves to `visit` in the order of their keys, until it returns false.
    ///
    /// # Errors
    /// [`ProofError::NotShown`] where a part before that is closed.
    pub fn visit(&self, visit: &mut impl FnMut(&L) -> bool) -> Result<bool, ProofError> {
        match self {
            Part::Closed(digest) if *digest == Digest::EMPTY => Ok(true),
            Part::Closed(_) => Err(ProofError::NotShown),
            Part::Branch { children, .. } => {
                let [left, right] = &**children;
                Ok(left.visit(visit)? && right.visit(visit)?)
            }
            Part::Leaf(leaf) => Ok(visit(leaf)),
        }
    }

    /// Appends the encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Part::Closed(digest) => {
                out.push(0);
                out.extend(digest.encode());
            }
            Part::Branch { position, children } => {
                out.extend([1, *position]);
                children.iter().for_each(|child| child.encode(out));
            }
            Part::Leaf(leaf) => {
                out.push(2);
                leaf.encode(out);
            }
        }
    }

    /// Takes the encoding of a part of a trie.
    ///
    /// # Errors
    /// Bytes that encode none.
    pub fn decode(cursor: &mut Cursor<'_>) -> Result<Self, ProofError> {
        Part::decode_below(cursor, 0)
    }

    /// `first` is the first position that a branch may test here: positions grow on the way down, so this ends.
    fn decode_below(cursor: &mut Cursor<'_>, first: u32) -> Result<Self, ProofError> {
        match cursor.byte()? {
            0 => Ok(Part::Closed(cursor.digest()?)),
            1 => {
                let position = cursor.byte()?;
                let below = u32::from(position) + 1;
                if below <= first || below > L::KEY_BITS {
                    return malformed("a branch tests no later bit than the one above it");
                }
                let children = [
                    Part::decode_below(cursor, below)?,
                    Part::decode_below(cursor, below)?,
                ];
                Ok(Part::Branch {
                    position,
                    children: Box::new(children),
                })
            }
            2 => Ok(Part::Leaf(L::decode(cursor)?)),
            _ => malformed("a subtree begins with 0, 1 or 2"),
        }
    }
}
