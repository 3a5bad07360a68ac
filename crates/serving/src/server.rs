//! Opens what is asked of batches, one after another.

use std::collections::BTreeSet;

use proofbook_commitment::{Digest, Portable, StateProof};
use proofbook_ledger::{Ledger, Question};
use proofbook_receipts::{command_digest, BatchPart};
use proofbook_types::{AccountId, MarketConfig, OrderId};

use crate::error::ServingError;
use crate::fills::places;
use crate::record::BatchRecord;

/// What a file is to show of a batch.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Commands by sequence, where the batch has them.
    pub sequences: Vec<u64>,
    /// Commands by hash, wherever the batch has them.
    pub commands: Vec<Digest>,
    /// About the state after the batch.
    pub state: Vec<Question>,
    /// The fills of an account.
    pub fills: Option<AccountId>,
    /// That there are no other fills: it opens all of the batch.
    pub is_complete: bool,
}

/// Follows a market through its records and opens what is asked of its batches.
#[derive(Clone, Debug)]
pub struct Server {
    ledger: Ledger<Portable>,
}

impl Server {
    /// Before the first batch of the market with this configuration.
    pub fn new(config: MarketConfig) -> Self {
        Server {
            ledger: Ledger::new(config),
        }
    }

    /// Number of the last batch.
    pub fn batch(&self) -> u64 {
        self.ledger.batch()
    }

    /// Goes on to the next batch.
    ///
    /// # Errors
    /// It is another one than the next, or leads to another state than it says.
    pub fn follow(&mut self, batch: &BatchRecord) -> Result<(), ServingError> {
        let (expected, received) = (self.ledger.batch() + 1, batch.values().batch);
        if expected != received {
            return Err(ServingError::NotNext { expected, received });
        }
        let values = self.ledger.close(batch.record());
        if values == *batch.values() {
            Ok(())
        } else {
            Err(ServingError::OtherState {
                expected: batch.values().new_root,
                received: values.new_root,
            })
        }
    }

    /// Goes on to the next batch and opens what is asked of it.
    ///
    /// # Errors
    /// As [`Server::follow`].
    pub fn open(
        &mut self,
        batch: &BatchRecord,
        request: &Request,
    ) -> Result<BatchPart, ServingError> {
        let mut positions = positions(batch, request);
        let mut before: Option<StateProof> = None;
        if let Some(account) = request.fills {
            let is_before = |id: OrderId| {
                let proof = self.ledger.prove(&[Question::Order(id)]);
                let place = proof.order(id.0).ok().flatten();
                place.is_some_and(|place| place.order.account == account)
            };
            let shown = places(batch.record(), account, request.is_complete, is_before);
            positions.extend(shown.positions);
            before = (!shown.before.is_empty()).then(|| self.ledger.prove(&shown.before));
        }
        self.follow(batch)?;
        let after = (!request.state.is_empty()).then(|| self.ledger.prove(&request.state));
        Ok(open(batch, &positions).with_states(before, after))
    }
}

/// Opens commands of a batch with their events. It takes the batch's record alone.
pub(crate) fn open(batch: &BatchRecord, positions: &BTreeSet<u32>) -> BatchPart {
    let positions: Vec<u32> = positions.iter().copied().collect();
    BatchPart::open(batch.values(), batch.record().iter(), &positions)
}

/// The positions of the commands that are asked for by sequence or by hash.
fn positions(batch: &BatchRecord, request: &Request) -> BTreeSet<u32> {
    let values = batch.values();
    let range = values.first_sequence..=values.last_sequence;
    let has = |sequence: &&u64| range.contains(sequence);
    let by_sequence = request.sequences.iter().filter(has);
    let mut positions: BTreeSet<u32> = by_sequence
        .filter_map(|sequence| u32::try_from(sequence - values.first_sequence).ok())
        .collect();
    if !request.commands.is_empty() {
        let commands = batch.record().commands().iter();
        let is_asked = |(position, command): (u32, _)| {
            let digest = command_digest(command);
            request.commands.contains(&digest).then_some(position)
        };
        positions.extend((0..).zip(commands).filter_map(is_asked));
    }
    positions
}

impl BatchRecord {
    /// Opens the commands that are asked for by sequence or by hash. It takes nothing but this record.
    pub fn open_commands(&self, request: &Request) -> BatchPart {
        open(self, &positions(self, request))
    }
}
