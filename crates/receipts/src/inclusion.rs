//! Inclusion files: some of a batch's commands with their events, and parts of the states before and after it, each with its proof.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `PBINCLU1` |
//! | 4 | number of batches, at least one; then each, by its number, ascending: |
//! | 232 | its public values |
//! | 4 | how many of its commands are opened; then each, ascending: |
//! | 4, 72 | its position, and the command |
//! | 4, 56 each | number of its events, and the events |
//! | 4, … | length of the proof that these are the commands at these positions, and the proof; 0 where none is opened |
//! | 4, … | the same for the events |
//! | 4, … | length of a proof about the state before the batch, and the proof; 0 without one |
//! | 4, … | the same for the state after it |
//!
//! Numbers are little-endian; nothing follows. The proofs are those of `docs/COMMITMENT.md`, sections 8 and 9. A file answers whatever it
//! opens; it says no word about what was asked.

use proofbook_commitment::{ListProof, Portable, PublicValues, StateProof};
use proofbook_types::{Command, Event, COMMAND_BYTES, EVENT_BYTES};

use crate::codec::{put_piece, Reader};
use crate::error::{Field, ReceiptError};
use crate::events::{decode_event, events_leaf};
use crate::receipt::command_digest;

/// The first bytes of every inclusion file; the last of them is the version.
pub const INCLUSION_MAGIC: [u8; 8] = *b"PBINCLU1";

/// No file opens more batches.
pub const BATCHES_MAX: usize = 1 << 16;

/// A command of a batch, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its position in the batch, from 0.
    pub position: u32,
    /// The command.
    pub command: Command,
    /// Its events.
    pub events: Vec<Event>,
}

/// What a file opens of one batch. It is not checked: [`BatchPart::check`] does that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPart {
    /// What the batch is said to be.
    pub values: PublicValues,
    /// Commands, by position.
    pub(crate) opened: Vec<Opened>,
    /// That the list of commands has them, and the list of events theirs; none where nothing is opened.
    pub(crate) lists: Option<[ListProof; 2]>,
    /// About the state before the batch.
    pub(crate) before: Option<StateProof>,
    /// About the state after it.
    pub(crate) after: Option<StateProof>,
}

impl BatchPart {
    /// Opens commands of a batch.
    ///
    /// # Panics
    /// Where `positions` are not ascending, or one lies beyond the batch.
    pub fn open<'a>(
        values: &PublicValues,
        record: impl Iterator<Item = (&'a Command, &'a [Event])>,
        positions: &[u32],
    ) -> Self {
        let (mut commands, mut events, mut opened) = (Vec::new(), Vec::new(), Vec::new());
        let mut wanted = positions.iter().copied().peekable();
        for (position, (command, its_events)) in (0..).zip(record) {
            commands.push(command_digest(command));
            events.push(events_leaf(its_events));
            if wanted.next_if_eq(&position).is_some() {
                opened.push(Opened {
                    position,
                    command: *command,
                    events: its_events.to_vec(),
                });
            }
        }
        let proof = |leaves: &[_]| ListProof::new::<Portable>(leaves, positions);
        let lists = (!positions.is_empty()).then(|| [proof(&commands), proof(&events)]);
        BatchPart {
            values: *values,
            opened,
            lists,
            before: None,
            after: None,
        }
    }

    /// Adds proofs about the states before and after the batch.
    #[must_use]
    pub fn with_states(self, before: Option<StateProof>, after: Option<StateProof>) -> Self {
        BatchPart {
            before,
            after,
            ..self
        }
    }

    /// The commands that it opens, without what it says of the states.
    #[must_use]
    pub fn without_states(&self) -> Self {
        self.clone().with_states(None, None)
    }

    /// Whether it opens anything.
    pub fn opens_something(&self) -> bool {
        !self.opened.is_empty() || self.has_states()
    }

    pub(crate) fn has_states(&self) -> bool {
        self.before.is_some() || self.after.is_some()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.values.encode());
        out.extend((self.opened.len() as u32).to_le_bytes());
        for opened in &self.opened {
            out.extend(opened.position.to_le_bytes());
            out.extend(opened.command.encode());
            out.extend((opened.events.len() as u32).to_le_bytes());
            out.extend(opened.events.iter().flat_map(Event::encode));
        }
        let list = |place: usize| self.lists.as_ref().map(|lists| lists[place].encode());
        put_piece(list(0), out);
        put_piece(list(1), out);
        put_piece(self.before.as_ref().map(StateProof::encode), out);
        put_piece(self.after.as_ref().map(StateProof::encode), out);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, ReceiptError> {
        let values = reader.public_values()?;
        let count = reader.number()?;
        let mut opened: Vec<Opened> = Vec::new();
        for _ in 0..count {
            let next = decode_opened(reader)?;
            let is_later = |last: &Opened| next.position > last.position;
            if !opened.last().is_none_or(is_later) {
                return reader.malformed("positions that go up");
            }
            opened.push(next);
        }
        let lists = match (reader.list_proof()?, reader.list_proof()?) {
            (Some(commands), Some(events)) => Some([commands, events]),
            (None, None) => None,
            _ => return reader.malformed("proofs for both lists or for none"),
        };
        if lists.is_some() == opened.is_empty() {
            return reader.malformed("proofs for the lists where commands are opened, else none");
        }
        Ok(BatchPart {
            values,
            opened,
            lists,
            before: reader.state_proof()?,
            after: reader.state_proof()?,
        })
    }
}

fn decode_opened(reader: &mut Reader<'_>) -> Result<Opened, ReceiptError> {
    const {
        assert!(
            COMMAND_BYTES == 72 && EVENT_BYTES == 56,
            "as the table has it"
        );
    }
    let position = reader.number()?;
    let command = reader.command()?;
    let count = reader.number()?;
    let mut events = Vec::new();
    for _ in 0..count {
        let bytes: [u8; EVENT_BYTES] = reader.array()?;
        let (words, _) = bytes.as_chunks::<8>();
        let words = core::array::from_fn(|place| u64::from_le_bytes(words[place]));
        match decode_event(&words) {
            Some(event) => events.push(event),
            None => return reader.malformed("the encoding of an event"),
        }
    }
    Ok(Opened {
        position,
        command,
        events,
    })
}

/// An inclusion file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    parts: Vec<BatchPart>,
}

impl Inclusion {
    /// A file with these parts.
    ///
    /// # Errors
    /// None, too many, or batches whose numbers do not go up.
    pub fn new(parts: Vec<BatchPart>) -> Result<Self, ReceiptError> {
        let what = Field::Inclusion;
        if parts.is_empty() || parts.len() > BATCHES_MAX {
            let expected = "1 to 65536 batches";
            return Err(ReceiptError::Malformed { what, expected });
        }
        if !parts.is_sorted_by(|left, right| left.values.batch < right.values.batch) {
            let expected = "batches whose numbers go up";
            return Err(ReceiptError::Malformed { what, expected });
        }
        Ok(Inclusion { parts })
    }

    /// What it opens, batch by batch.
    pub fn parts(&self) -> &[BatchPart] {
        &self.parts
    }

    /// Its only encoding.
    pub fn encode(&self) -> Vec<u8> {
        encode(&self.parts)
    }

    /// The file with one part.
    pub(crate) fn encode_one(part: &BatchPart) -> Vec<u8> {
        encode(core::slice::from_ref(part))
    }

    /// The part of a file with one part; `None` where there are more.
    pub(crate) fn decode_one(bytes: &[u8]) -> Result<Option<BatchPart>, ReceiptError> {
        let mut parts = Inclusion::decode(bytes)?.parts;
        Ok(parts.pop().filter(|_| parts.is_empty()))
    }

    /// The file that encodes to exactly these bytes. Nothing that it says is checked.
    ///
    /// # Errors
    /// Bytes that encode none.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let mut reader = Reader::new(Field::Inclusion, INCLUSION_MAGIC, bytes)?;
        let count = reader.number()?;
        let mut parts = Vec::new();
        for _ in 0..count {
            parts.push(BatchPart::decode(&mut reader)?);
        }
        reader.end()?;
        Inclusion::new(parts)
    }
}

fn encode(parts: &[BatchPart]) -> Vec<u8> {
    let mut out = INCLUSION_MAGIC.to_vec();
    out.extend((parts.len() as u32).to_le_bytes());
    parts.iter().for_each(|part| part.encode(&mut out));
    out
}
