//! The committed examples are those that the code gives; `tests/spec` recomputes them from the text alone.

#[path = "../examples/vectors.rs"]
mod vectors;

const COMMITTED: &str = include_str!("../../../docs/commitment-vectors.json");

#[test]
fn the_committed_examples_are_those_of_the_code() {
    let generated = vectors::vectors();
    let differs = COMMITTED
        .lines()
        .zip(generated.lines())
        .position(|(committed, generated)| committed != generated);
    assert!(
        COMMITTED == generated,
        "docs/commitment-vectors.json differs from line {:?} on; to write it anew: \
         cargo run -p proofbook-ledger --example vectors > docs/commitment-vectors.json",
        differs.map(|line| line + 1)
    );
}
