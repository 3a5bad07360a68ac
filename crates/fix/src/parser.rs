//! From the bytes of a message to its fields.
//!
//! A [`Kernel`] marks all separators first; then a walk over the ends of fields notes for each its tag and where its value is. Data are as long as
//! the field before them says, so the ends that a value holds are stepped over. The parser owns what it writes into, once; a
//! [`ParsedMessage`] borrows that and the message's bytes, and nothing is copied.

use core::fmt;

use crate::dictionary::length_tag;
use crate::frame::{frame, Frame, FramedMessage, MESSAGE_BYTES_MAX, TRAILER_BYTES};
use crate::index::TagIndex;
use crate::kernel::{Kernel, Marks, BLOCK_BYTES, SOH};
use crate::message::ParsedMessage;
use crate::number;

/// The most fields that a message may have.
pub const FIELDS_MAX: usize = 1_024;

/// One more than a message has blocks: the last one is always clear.
const MARKS: usize = MESSAGE_BYTES_MAX / BLOCK_BYTES + 1;

/// Where a field is in the bytes of its message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) tag: i32,
    /// The first byte of the value.
    pub(crate) value: u32,
    /// The separator after it.
    pub(crate) end: u32,
}

/// Why a framed message cannot be taken apart. Its sender counted and summed right, and wrote something else than fields; the protocol ignores
/// it as it does a garbled one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// A field without an equals sign, or whose tag is no number.
    Tag {
        /// The first byte of the field.
        offset: usize,
    },
    /// Data that do not end with a separator where their length says.
    DataLength {
        /// The tag of the data.
        tag: i32,
        /// Their first byte.
        offset: usize,
        /// The length that was said; `None` where that is no number.
        expected: Option<usize>,
        /// The bytes that are left before the message's trailer.
        received: usize,
    },
    /// More than [`FIELDS_MAX`] fields.
    Fields {
        /// The most that there may be.
        expected: usize,
        /// The first byte of the first one too many.
        offset: usize,
    },
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ParseError::Tag { offset } => {
                write!(f, "byte {offset}: expected a tag and an equals sign, received other text")
            }
            ParseError::DataLength {
                tag,
                offset,
                expected: Some(expected),
                received,
            } => write!(
                f,
                "tag {tag}, byte {offset}: expected {expected} bytes and a separator, received {received} bytes before the trailer"
            ),
            ParseError::DataLength { tag, offset, .. } => {
                write!(f, "tag {tag}, byte {offset}: expected the length of the data before it, received no number")
            }
            ParseError::Fields { expected, offset } => {
                write!(f, "byte {offset}: expected at most {expected} fields, received more")
            }
        }
    }
}

impl std::error::Error for ParseError {}

/// Finds messages in bytes and takes them apart, with the instructions that this machine has.
pub struct SIMDMessageParser {
    kernel: Kernel,
    marks: Box<[Marks; MARKS]>,
    fields: Box<[Span; FIELDS_MAX]>,
    index: TagIndex,
}

impl SIMDMessageParser {
    /// A parser that uses this kernel. What it needs is allocated here, and nothing later.
    pub fn new(kernel: Kernel) -> Self {
        SIMDMessageParser {
            kernel,
            marks: Box::new([Marks::default(); MARKS]),
            fields: Box::new([Span::default(); FIELDS_MAX]),
            index: TagIndex::new(),
        }
    }

    /// The kernel that it uses.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// What `buffer` starts with: a message, the start of one, or bytes to be ignored.
    #[inline]
    pub fn frame<'buffer>(&self, buffer: &'buffer [u8]) -> Frame<'buffer> {
        frame(self.kernel, buffer)
    }

    /// Takes a message apart.
    ///
    /// # Errors
    /// Those of [`ParseError`].
    pub fn parse<'buffer>(
        &'buffer mut self,
        message: FramedMessage<'buffer>,
    ) -> Result<ParsedMessage<'buffer>, ParseError> {
        let bytes = message.bytes();
        let blocks = bytes.len().div_ceil(BLOCK_BYTES);
        // One clear block after the last one, so that a window may start in the last.
        self.kernel.mark(bytes, &mut self.marks[..=blocks]);
        self.index.clear();
        let count = self.split(bytes, blocks)?;
        Ok(ParsedMessage::new(
            bytes,
            &self.fields[..count],
            &self.index,
        ))
    }

    /// Notes every field; how many there are.
    fn split(&mut self, bytes: &[u8], blocks: usize) -> Result<usize, ParseError> {
        let (mut count, mut start) = (0, 0);
        for block in 0..blocks {
            let mut ends = self.marks[block].soh;
            while ends != 0 {
                let end = block * BLOCK_BYTES + ends.trailing_zeros() as usize;
                ends &= ends - 1;
                if end < start {
                    continue; // within data
                }
                let span = self.field(bytes, start, end, count)?;
                if count == FIELDS_MAX {
                    return Err(ParseError::Fields {
                        expected: FIELDS_MAX,
                        offset: start,
                    });
                }
                self.fields[count] = span;
                self.index.insert(span.tag, count);
                count += 1;
                start = span.end as usize + 1;
            }
        }
        Ok(count)
    }

    /// The field that starts at `start`, where the next separator is at `end` and `count` fields are before it.
    #[inline]
    fn field(
        &self,
        bytes: &[u8],
        start: usize,
        end: usize,
        count: usize,
    ) -> Result<Span, ParseError> {
        let malformed = ParseError::Tag { offset: start };
        let equals = start + self.equals_within(start);
        if equals >= end {
            return Err(malformed);
        }
        let tag = number::tag(bytes, start, equals).ok_or(malformed)?;
        let mut span = Span {
            tag,
            value: (equals + 1) as u32,
            end: end as u32,
        };
        if let Some(length_tag) = length_tag(tag) {
            // Without the field that says how long they are, data end with the next separator; validation finds it missing.
            if let Some(length) = self.fields[..count].last() {
                if length.tag == length_tag {
                    span.end = data_end(bytes, span, *length)?;
                }
            }
        }
        Ok(span)
    }

    /// The distance from `start` to the next equals sign, or 64 where there is none so near: no tag is as long.
    #[inline]
    fn equals_within(&self, start: usize) -> usize {
        let (block, bit) = (start / BLOCK_BYTES, start % BLOCK_BYTES);
        let low = self.marks[block].equals >> bit;
        let high = self.marks[block + 1].equals << 1 << (BLOCK_BYTES - 1 - bit);
        (low | high).trailing_zeros() as usize
    }
}

/// Where data end, which start at `span.value`.
fn data_end(bytes: &[u8], span: Span, length: Span) -> Result<u32, ParseError> {
    let offset = span.value as usize;
    let text = &bytes[length.value as usize..length.end as usize];
    let expected = crate::value::unsigned(text)
        .ok()
        .and_then(|length| usize::try_from(length).ok());
    let body_end = bytes.len() - TRAILER_BYTES;
    let end = expected
        .and_then(|expected| offset.checked_add(expected))
        .filter(|&end| end < body_end && bytes[end] == SOH);
    match end {
        Some(end) => Ok(end as u32),
        None => Err(ParseError::DataLength {
            tag: span.tag,
            offset,
            expected,
            received: body_end.saturating_sub(offset + 1),
        }),
    }
}
