//! The digest of a state; for a market, section 13 of the rules.

use crate::Machine;

/// The BLAKE3 hash of the state's canonical bytes. Equal digests mean equal states, whatever the book is made of.
pub fn digest<M: Machine>(machine: &M) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    machine.write_state(&mut |bytes: &[u8]| {
        hasher.update(bytes);
    });
    *hasher.finalize().as_bytes()
}

/// The state's canonical bytes in one piece.
pub fn state_bytes<M: Machine>(machine: &M) -> Vec<u8> {
    let mut state = Vec::new();
    machine.write_state(&mut |bytes: &[u8]| state.extend_from_slice(bytes));
    state
}

#[cfg(test)]
mod tests {
    use proofbook_book::Reference;
    use proofbook_matching::MatchingEngine;
    use proofbook_types::{Action, Command, Event, MarketConfig, Timestamp};

    use super::*;

    #[test]
    fn the_digest_is_the_hash_of_the_canonical_bytes() {
        let mut engine = MatchingEngine::new(MarketConfig::default(), Reference::new())
            .expect("the default terms make a market");
        let empty = digest(&engine);
        assert_eq!(empty, *blake3::hash(&state_bytes(&engine)).as_bytes());
        let sweep = Command {
            time: Timestamp(1),
            action: Action::Sweep,
        };
        engine.apply(&sweep, &mut |_: Event| {});
        assert_ne!(digest(&engine), empty, "the clock is part of the state");
    }
}
