//! What an operator keeps of a batch: its public values, its commands, their events.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `PBRECRD1` |
//! | 232 | the public values |
//! | 4 each | for each command, the number of its events |
//! | 72 each | the commands |
//! | 56 each | the events |
//!
//! Numbers are little-endian. How many commands and events there are stands in the public values.

use proofbook_commitment::list::LIST_MAX;
use proofbook_commitment::{PublicValues, PUBLIC_BYTES};
use proofbook_ledger::{Kernel, ListRoots, Record};
use proofbook_receipts::decode_event;
use proofbook_transition::Observer as _;
use proofbook_types::{Command, Event, COMMAND_BYTES, EVENT_BYTES};

use crate::error::ServingError;

/// The first bytes of every record; the last of them is the version.
pub const RECORD_MAGIC: [u8; 8] = *b"PBRECRD1";

const HEAD_BYTES: usize = RECORD_MAGIC.len() + PUBLIC_BYTES;

/// A batch as it is kept. Its commands and events are those of its public values.
#[derive(Clone, Debug)]
pub struct BatchRecord {
    values: PublicValues,
    record: Record,
}

impl BatchRecord {
    /// The record of a batch.
    ///
    /// # Errors
    /// Commands and events that are not those of the public values.
    pub fn new(values: &PublicValues, record: Record) -> Result<Self, ServingError> {
        let other = Err(ServingError::OtherRoots {
            batch: values.batch,
        });
        if record.commands().len() as u64 != values.commands || values.commands > LIST_MAX.into() {
            return other;
        }
        let ListRoots { commands, events } = record.roots(Kernel::detect());
        if (commands, events, record.events().len() as u64)
            != (values.command_root, values.event_root, values.events)
        {
            return other;
        }
        Ok(BatchRecord {
            values: *values,
            record,
        })
    }

    /// What a proof of the batch says.
    pub fn values(&self) -> &PublicValues {
        &self.values
    }

    /// Its commands with their events.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Its only encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = RECORD_MAGIC.to_vec();
        bytes.extend(self.values.encode());
        for (_, events) in self.record.iter() {
            let count = u32::try_from(events.len()).expect("a market has at most 2^24 orders");
            bytes.extend(count.to_le_bytes());
        }
        bytes.extend(self.record.commands().iter().flat_map(Command::encode));
        bytes.extend(self.record.events().iter().flat_map(Event::encode));
        bytes
    }

    /// The record that encodes to exactly these bytes.
    ///
    /// # Errors
    /// Bytes that encode none.
    pub fn decode(bytes: &[u8]) -> Result<Self, ServingError> {
        if !bytes.starts_with(&RECORD_MAGIC) {
            let received = bytes[..bytes.len().min(8)].to_vec();
            return Err(ServingError::Magic { received });
        }
        let received = bytes.len() as u64;
        let Some((head, body)) = bytes.split_at_checked(HEAD_BYTES) else {
            let expected = HEAD_BYTES as u64;
            return Err(ServingError::Length { expected, received });
        };
        let values = PublicValues::decode(&head[RECORD_MAGIC.len()..]);
        let values = values.ok_or(ServingError::Malformed {
            expected: "canonical public values",
        })?;
        let command_bytes = 4 + COMMAND_BYTES as u64;
        let expected = (values.commands.checked_mul(command_bytes))
            .zip(values.events.checked_mul(EVENT_BYTES as u64))
            .and_then(|(commands, events)| commands.checked_add(events))
            .and_then(|body| body.checked_add(HEAD_BYTES as u64));
        if expected != Some(received) {
            let expected = expected.unwrap_or(u64::MAX);
            return Err(ServingError::Length { expected, received });
        }
        let count = values.commands as usize;
        let (counts, rest) = body.split_at(4 * count);
        let (commands, events) = rest.split_at(COMMAND_BYTES * count);
        let record = decode_lists(counts, commands, events)?;
        BatchRecord::new(&values, record)
    }
}

/// The lists that have these bytes, which are as long as the head says.
fn decode_lists(counts: &[u8], commands: &[u8], events: &[u8]) -> Result<Record, ServingError> {
    let malformed = |expected| ServingError::Malformed { expected };
    let mut record = Record::default();
    let (counts, _) = counts.as_chunks::<4>();
    let (commands, _) = commands.as_chunks::<COMMAND_BYTES>();
    let mut events = events.as_chunks::<EVENT_BYTES>().0.iter();
    for (count, command) in counts.iter().zip(commands) {
        let command = Command::decode(command);
        let command = command.map_err(|_| malformed("the encoding of a command"))?;
        record.command(&command);
        for _ in 0..u32::from_le_bytes(*count) {
            let bytes = events.next();
            let bytes = bytes.ok_or(malformed("as many events as the commands have"))?;
            let (words, _) = bytes.as_chunks::<8>();
            let words = core::array::from_fn(|place| u64::from_le_bytes(words[place]));
            let event = decode_event(&words).ok_or(malformed("the encoding of an event"))?;
            record.event(&command, event);
        }
    }
    if events.next().is_some() {
        return Err(malformed("as many events as the commands have"));
    }
    Ok(record)
}
