//! Receipts: what an operator signs when a command gets its number, what he signs of a batch, and the files that show what became of it.
//!
//! `docs/RECEIPTS.md` specifies every file to the byte. A [`Receipt`] says which command has which sequence number; a
//! [`SignedBatch`] what a batch of the operator's is; an [`Inclusion`] opens some of a batch's commands with their events, and
//! parts of the state before and after it. A [`Contradiction`] puts two things together of which one must be false.
//!
//! Invariants:
//! - everything has one encoding: what decodes encodes to the same bytes;
//! - signatures are checked strictly: no key of small order, no second signature made from a first one, no second encoding;
//! - an answer comes from a [`Shown`], and only [`BatchPart::check`] makes one. It is as good as the public values that it was
//!   checked against: this crate knows no proofs, whoever calls it does.
#![forbid(unsafe_code)]

mod codec;
mod contradiction;
mod error;
mod events;
mod fills;
mod inclusion;
mod key;
mod outcome;
mod receipt;
mod shown;
mod signed_batch;
mod writer;

pub use contradiction::{Contradiction, ContradictionError, Finding, CONTRADICTION_MAGIC};
pub use error::{Field, ReceiptError};
pub use events::{decode_event, events_leaf};
pub use fills::{Fill, Fills};
pub use inclusion::{BatchPart, Inclusion, Opened, BATCHES_MAX, INCLUSION_MAGIC};
pub use key::{KeyError, OperatorKey, PublicKey, KEY_LINE_BYTES};
pub use outcome::{outcome, Outcome};
pub use receipt::{command_digest, Receipt, RECEIPT_BYTES, RECEIPT_MAGIC};
pub use shown::{InclusionError, Shown};
pub use signed_batch::{SignedBatch, SIGNED_BATCH_BYTES, SIGNED_BATCH_MAGIC};
pub use writer::{ReceiptWriter, WriterError, PORTIONS_WAITING_MAX};
