//! Lists bound by position: the trees over a batch's commands and over their events.
//!
//! The shape is that of RFC 6962: the left subtree holds the largest power of two of leaves that is below the number of
//! leaves. No leaf stands twice. The root binds the length. Leaves carry their own tags ([`Tag::Command`],
//! [`Tag::Events`]), inner nodes [`Tag::ListNode`], the root [`Tag::ListRoot`].

use core::marker::PhantomData;

use crate::sponge::{Digest, Permutation, Sponge, Tag};

/// No list is longer: a length is one field element with room to spare.
pub const LIST_MAX: u32 = 1 << 24;

/// An inner node.
pub fn node<P: Permutation>(left: Digest, right: Digest) -> Digest {
    let mut sponge = Sponge::<P>::new(Tag::ListNode, 0);
    sponge.block(left.0);
    sponge.block(right.0);
    sponge.digest()
}

/// The root of a list of `count` leaves under `top`; of an empty list, `top` is [`Digest::EMPTY`].
pub fn root<P: Permutation>(count: u32, top: Digest) -> Digest {
    let mut sponge = Sponge::<P>::new(Tag::ListRoot, count);
    sponge.block(top.0);
    sponge.digest()
}

/// A list under construction: one leaf after another, in memory that grows with the logarithm of its length.
pub struct ListHasher<P> {
    count: u32,
    /// Tops of complete subtrees by height: one for each set bit of `count`, the others have no meaning.
    tops: [Digest; LIST_MAX.trailing_zeros() as usize + 1],
    permutation: PhantomData<P>,
}

impl<P: Permutation> Default for ListHasher<P> {
    fn default() -> Self {
        ListHasher {
            count: 0,
            tops: [Digest::EMPTY; LIST_MAX.trailing_zeros() as usize + 1],
            permutation: PhantomData,
        }
    }
}

impl<P: Permutation> ListHasher<P> {
    /// Appends a leaf.
    ///
    /// # Panics
    /// When the list has [`LIST_MAX`] leaves.
    pub fn push(&mut self, leaf: Digest) {
        assert!(self.count < LIST_MAX, "a list has at most 2^24 leaves");
        let mut top = leaf;
        let mut height = 0;
        while self.count >> height & 1 == 1 {
            top = node::<P>(self.tops[height], top);
            height += 1;
        }
        self.tops[height] = top;
        self.count += 1;
    }

    /// The list with so many leaves and these [`tops`](ListHasher::tops), as its root says; `None` where no list of that length
    /// has so many.
    pub fn resume(count: u32, tops: &[Digest]) -> Option<Self> {
        if count > LIST_MAX || tops.len() != count.count_ones() as usize {
            return None;
        }
        let mut list = ListHasher {
            count,
            ..ListHasher::default()
        };
        for (height, &top) in list.heights().zip(tops) {
            list.tops[height] = top;
        }
        Some(list)
    }

    /// The tops of its complete subtrees, smallest first: what it takes to go on with it.
    pub fn tops(&self) -> impl Iterator<Item = Digest> + '_ {
        self.heights().map(|height| self.tops[height])
    }

    /// Heights of its complete subtrees.
    fn heights(&self) -> impl Iterator<Item = usize> + 'static {
        let count = self.count;
        (0..=LIST_MAX.trailing_zeros() as usize).filter(move |height| count >> height & 1 == 1)
    }

    /// Number of leaves.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The root.
    pub fn root(&self) -> Digest {
        let top = self.tops().reduce(|right, left| node::<P>(left, right));
        root::<P>(self.count, top.unwrap_or(Digest::EMPTY))
    }
}
