//! The proven function that joins proofs: of batches, or of a chain and the batches after it.
//!
//! It does not check proofs itself. For each it says of which program with which values there has to be one ([`join`]'s `require`); in
//! the virtual machine that is what the proof of this run then hangs on.

use alloc::vec::Vec;

use proofbook_commitment::public::PUBLIC_WORDS;
use proofbook_commitment::{node, Digest, ListHasher, Permutation, PublicValues};

use crate::checkpoint::Checkpoint;
use crate::span::Span;
use crate::values::{ChainValues, CHAIN_WORDS};

/// The leaf of a batch in the list of batches.
pub fn batch_leaf<P: Permutation>(values: &PublicValues) -> Digest {
    node::batch(&values.words()).digest::<P>()
}

/// A chain that was proven before, to be made longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// What its proof says.
    pub values: ChainValues,
    /// The tops of its list of batches ([`ListHasher::tops`]).
    pub tops: Vec<Digest>,
}

/// What [`join`] takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainInput {
    /// The program that the batches were proven with.
    pub batch_program: Digest,
    /// The program that runs this.
    pub chain_program: Digest,
    /// The chain that the batches make longer.
    pub earlier: Option<Earlier>,
    /// The batches, each the next one after the other; at least one.
    pub batches: Vec<PublicValues>,
}

impl ChainInput {
    /// Its words: both programs, the number of tops of the earlier chain, that chain's values and tops where there is one,
    /// and the values of the batches.
    pub fn words(&self) -> Vec<u64> {
        let mut words = Vec::new();
        words.extend(self.batch_program.0);
        words.extend(self.chain_program.0);
        match &self.earlier {
            None => words.push(0),
            Some(earlier) => {
                words.push(earlier.tops.len() as u64);
                words.extend(earlier.values.words());
                words.extend(earlier.tops.iter().flat_map(|top| top.0));
            }
        }
        words.extend(self.batches.iter().flat_map(PublicValues::words));
        words
    }
}

/// Takes the first `N` words off the front of a list.
fn take<'a, const N: usize>(words: &mut &'a [u64]) -> &'a [u64; N] {
    let (first, rest) = words.split_first_chunk().expect("the input goes on");
    *words = rest;
    first
}

fn digest(words: &mut &[u64]) -> Digest {
    let digest = Digest(*take(words));
    assert!(digest.is_canonical(), "a digest of field elements");
    digest
}

/// What one proof can say of proven batches that follow each other.
///
/// `input` are the words of a [`ChainInput`]. `require` is told, in order, the verifying key's hash of a program and the encoded
/// values of which there has to be a proof.
///
/// # Panics
/// Where `input` is none, or the batches do not follow each other.
pub fn join<P: Permutation>(
    mut input: &[u64],
    require: &mut impl FnMut(Digest, &[u8]),
) -> ChainValues {
    let (batch_program, chain_program) = (digest(&mut input), digest(&mut input));
    let [tops] = *take(&mut input);
    let earlier = (tops != 0).then(|| {
        let values = take::<CHAIN_WORDS>(&mut input);
        let values = ChainValues::from_words(values).expect("values of a chain");
        assert!(
            values.batch_program == batch_program && values.chain_program == chain_program,
            "the chain was made by the same programs"
        );
        require(chain_program, &values.encode());
        let tops: Vec<Digest> = (0..tops).map(|_| digest(&mut input)).collect();
        let list = u32::try_from(values.batches())
            .ok()
            .and_then(|count| ListHasher::<P>::resume(count, &tops))
            .expect("tops of a list of that length");
        assert!(list.root() == values.batch_root, "tops of the chain's list");
        (values, list)
    });
    let (mut joined, mut list) = match earlier {
        Some((values, list)) => (Some(values), list),
        None => (None, ListHasher::default()),
    };
    let (batches, rest) = input.as_chunks::<PUBLIC_WORDS>();
    assert!(
        !batches.is_empty() && rest.is_empty(),
        "whole batches, at least one"
    );
    for words in batches {
        let values = PublicValues::from_words(words).expect("values of a batch");
        require(batch_program, &values.encode());
        list.push(batch_leaf::<P>(&values));
        joined = Some(match joined {
            None => ChainValues {
                span: Span::from(&values),
                events: values.events,
                batch_root: Digest::EMPTY,
                batch_program,
                chain_program,
            },
            Some(before) => extended(before, &values),
        });
    }
    ChainValues {
        batch_root: list.root(),
        ..joined.expect("there is a batch")
    }
}

/// The chain with one batch more; what it says of the list of batches is as before.
fn extended(chain: ChainValues, next: &PublicValues) -> ChainValues {
    let follows = Checkpoint::after(chain.span).check(next);
    assert!(follows.is_ok(), "a batch that follows");
    let sum = |left: u64, right: u64| left.checked_add(right).expect("sums fit a word");
    ChainValues {
        span: Span {
            last_batch: next.batch,
            last_sequence: next.last_sequence,
            clock_after: next.clock_after,
            new_root: next.new_root,
            commands: sum(chain.span.commands, next.commands),
            ..chain.span
        },
        events: sum(chain.events, next.events),
        ..chain
    }
}
