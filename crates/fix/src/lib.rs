//! FIX messages (tag=value, 4.2 and 4.4): found in bytes, taken apart, checked, written.
//!
//! - [`SIMDMessageParser`] says where a message ends and whether it is garbled, and takes it apart into a [`ParsedMessage`], which borrows
//!   the bytes that were received: nothing is copied and nothing is allocated for a message.
//! - [`Dictionary`] holds what may stand in a message; [`validate`] says what is wrong in one as the protocol numbers it.
//! - [`MessageEncoder`] writes messages into a buffer of its caller.
//!
//! No input or output, no clock, no session: this crate knows what one message says.

mod dictionary;
mod encode;
mod frame;
mod index;
mod kernel;
mod message;
mod number;
mod parser;
mod time;
mod validate;
mod value;

pub use dictionary::{
    tag, AlignedLookupTable, Dictionary, FieldDefinition, FieldKind, Group, MessageDefinition,
    Section, SectionDefinition, TagEntry, Version,
};
pub use encode::{Draft, EncodeError, MessageEncoder};
pub use frame::{Frame, FramedMessage, GarbleReason, BEGIN_STRING_BYTES_MAX, MESSAGE_BYTES_MAX};
pub use kernel::{Kernel, Marks, BLOCK_BYTES, SOH};
pub use message::{Field, FieldError, GroupEntries, GroupEntry, ParsedMessage, Received};
pub use parser::{ParseError, SIMDMessageParser, FIELDS_MAX};
pub use time::Precision;
pub use validate::{validate, Invalid, SessionReject, SessionRejectReason, UserFields};
pub use value::Expected;
