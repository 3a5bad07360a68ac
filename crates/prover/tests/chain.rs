//! The program that joins, in the executor: it says of proven batches what follows from them, and refuses what does not follow.
//! The proofs themselves are not looked at there; `proofs.rs` does that.

mod support;

use proofbook_chain::{batch_leaf, ChainError, ChainInput, ChainValues, Number};
use proofbook_commitment::public::PUBLIC_WORDS;
use proofbook_commitment::{Digest, ListHasher, Portable, PublicValues};
use proofbook_ledger::Ledger;
use proofbook_prover::executor::{bytes_of, run};
use proofbook_prover::{ChainProof, Proof, ProofMode, ProvenProgram, ProverError, ToJoin};
use proofbook_testkit::flow::RandomFlow;

/// What a ledger says of so many batches of a seed's flow.
fn batches(seed: u64, count: usize) -> Vec<PublicValues> {
    let mut flow = RandomFlow::new(seed);
    let mut ledger = Ledger::<Portable>::new(flow.market().config);
    let seal = |size| {
        ledger
            .seal(&flow.by_ref().take(size).collect::<Vec<_>>())
            .values
    };
    (1..=count).map(seal).collect()
}

fn proofs(values: &[PublicValues]) -> Vec<Proof> {
    let proof = |&values| Proof {
        mode: ProofMode::Compressed,
        values,
        bytes: Vec::new(),
    };
    values.iter().map(proof).collect()
}

/// What the program says of an input; `None` where it refuses.
fn said(input: &[u64]) -> Option<ChainValues> {
    let program = ProvenProgram::committed_chain();
    let execution = run(&program, &[bytes_of(input)], false).expect("the program ends");
    match execution.exit_code {
        0 => Some(ChainValues::decode(&execution.public_values).expect("values of a chain")),
        1 => None,
        other => panic!("the program ended with {other}"),
    }
}

/// The chain of these batches, as a proof of it would be taken further.
fn chain(values: &[PublicValues]) -> (ChainProof, Vec<PublicValues>) {
    let parts = ToJoin::new(None, proofs(values)).expect("they follow each other");
    let proof = ChainProof {
        values: parts.values,
        bytes: Vec::new(),
    };
    (proof, parts.batches)
}

#[test]
fn it_says_what_the_batches_say_together() {
    let batches = batches(5, 7);
    for count in 1..=batches.len() {
        let part = &batches[..count];
        let parts = ToJoin::new(None, proofs(part)).expect("they follow each other");
        let program = ProvenProgram::committed_chain();
        let execution = parts.execute(&program).expect("the program says so too");
        let values = ChainValues::decode(&execution.public_values).expect("values of a chain");
        let (first, last) = (&part[0], &part[count - 1]);
        assert_eq!(values.batches(), count as u64);
        assert_eq!(values.span.previous_root, first.previous_root);
        assert_eq!(values.span.new_root, last.new_root);
        assert_eq!(values.span.clock_before, first.clock_before);
        assert_eq!(values.span.clock_after, last.clock_after);
        assert_eq!(values.span.first_sequence, first.first_sequence);
        assert_eq!(values.span.last_sequence, last.last_sequence);
        assert_eq!(
            values.span.commands,
            part.iter().map(|values| values.commands).sum::<u64>()
        );
        assert_eq!(
            values.events,
            part.iter().map(|values| values.events).sum::<u64>()
        );
        let mut list = ListHasher::<Portable>::default();
        part.iter()
            .for_each(|values| list.push(batch_leaf::<Portable>(values)));
        assert_eq!(values.batch_root, list.root());
    }
}

#[test]
fn a_chain_made_longer_is_the_chain_of_all_its_batches() {
    let batches = batches(6, 9);
    for split in 1..batches.len() {
        let (before, after) = batches.split_at(split);
        let parts = ToJoin::new(Some(chain(before)), proofs(after)).expect("they follow");
        assert_eq!(said(&parts.input.words()), Some(parts.values));
        assert_eq!(parts.values, chain(&batches).0.values);
        assert_eq!(parts.batches, batches);
    }
}

#[test]
fn what_does_not_follow_is_refused_by_host_and_program() {
    let [honest, fork] = [batches(7, 4), batches(8, 4)];
    let skipped = vec![honest[0], honest[2]];
    let replayed = vec![honest[0], honest[1], honest[1]];
    let reversed = vec![honest[1], honest[0]];
    let forked = vec![honest[0], fork[1]];
    for wrong in [skipped, replayed, reversed, forked] {
        let error = ToJoin::new(None, proofs(&wrong)).expect_err("they do not follow");
        assert!(matches!(error, ProverError::Chain(_)), "{error}");
        let mut input = ToJoin::new(None, proofs(&honest))
            .expect("they follow")
            .input;
        input.batches = wrong;
        assert_eq!(said(&input.words()), None);
    }
    let error = ToJoin::new(Some(chain(&honest[..2])), proofs(&honest[3..]));
    let expected = ChainError::Number {
        what: Number::Batch,
        expected: 3,
        received: 4,
    };
    assert!(matches!(error, Err(ProverError::Chain(received)) if received == expected));
    assert!(ToJoin::new(None, Vec::new()).is_err(), "nothing to join");
}

#[test]
fn no_field_of_a_batch_may_be_changed_between_two_others() {
    let honest = ToJoin::new(None, proofs(&batches(9, 3)))
        .expect("they follow")
        .input;
    let changes: [fn(&mut PublicValues); 7] = [
        |values| values.market += 1,
        |values| values.config.0[0] ^= 1,
        |values| values.batch += 1,
        |values| values.first_sequence += 1,
        |values| values.clock_before += 1,
        |values| values.previous_root.0[0] ^= 1,
        |values| values.new_root.0[3] ^= 1,
    ];
    assert!(said(&honest.words()).is_some());
    for change in changes {
        let mut input = honest.clone();
        change(&mut input.batches[1]);
        assert_eq!(said(&input.words()), None);
    }
}

#[test]
fn an_earlier_chain_is_what_its_proof_says() {
    let batches = batches(10, 6);
    let (before, after) = batches.split_at(3);
    let honest = ToJoin::new(Some(chain(before)), proofs(after))
        .expect("they follow")
        .input;
    assert!(said(&honest.words()).is_some());
    let changes: [fn(&mut ChainInput); 7] = [
        |input| input.batch_program.0[0] ^= 1,
        |input| input.chain_program.0[0] ^= 1,
        |input| earlier(input).values.batch_root = Digest([1, 2, 3, 4]),
        |input| earlier(input).tops[1].0[2] ^= 1,
        |input| earlier(input).tops.swap(0, 1),
        |input| earlier(input).tops.truncate(1),
        |input| earlier(input).values.span.last_batch += 1,
    ];
    for change in changes {
        let mut input = honest.clone();
        change(&mut input);
        assert_eq!(said(&input.words()), None);
    }
    // The host knows it too: values of other batches than the chain's.
    let (proof, mut others) = chain(before);
    others[0].events += 1;
    assert!(ToJoin::new(Some((proof, others)), proofs(after)).is_err());
}

fn earlier(input: &mut ChainInput) -> &mut proofbook_chain::Earlier {
    input.earlier.as_mut().expect("there is a chain")
}

#[test]
fn inputs_that_are_none_are_refused() {
    let words = ToJoin::new(None, proofs(&batches(11, 2)))
        .expect("they follow")
        .input
        .words();
    // Two programs, no earlier chain, and one batch.
    let of_one_batch = 4 + 4 + 1 + PUBLIC_WORDS;
    for length in 0..words.len() {
        let answer = said(&words[..length]);
        assert_eq!(answer.is_some(), length == of_one_batch, "{length} words");
    }
    assert_eq!(said(&[&words[..], &[0]].concat()), None);
    let mut high = words.clone();
    high[0] |= 0xffff_ffff;
    assert_eq!(said(&high), None, "a program that is no digest");
}
