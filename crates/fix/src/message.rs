//! A message taken apart: its fields in order, by tag, and by group.

use core::fmt;

use crate::dictionary::Group;
use crate::index::TagIndex;
use crate::parser::Span;
use crate::time;
use crate::value::{self, Expected};

/// Bytes of a received value that an error keeps.
const RECEIVED_BYTES_MAX: usize = 32;

/// A field whose value is not what it was asked for, or that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldError {
    /// No field has this tag.
    Missing {
        /// The tag.
        tag: i32,
    },
    /// The value is something else.
    Value {
        /// The tag.
        tag: i32,
        /// The first byte of the value in its message.
        offset: usize,
        /// What it should be.
        expected: Expected,
        /// What it is.
        received: Received,
    },
    /// A group has another number of entries than it says.
    Count {
        /// The tag of the field that counts.
        tag: i32,
        /// What it says.
        expected: u64,
        /// The entries that there are.
        received: u64,
    },
}

/// A value that was received, or its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    bytes: [u8; RECEIVED_BYTES_MAX],
    length: usize,
}

impl Received {
    fn new(value: &[u8]) -> Self {
        let kept = value.len().min(RECEIVED_BYTES_MAX);
        let mut bytes = [0; RECEIVED_BYTES_MAX];
        bytes[..kept].copy_from_slice(&value[..kept]);
        Received {
            bytes,
            length: value.len(),
        }
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.length.min(RECEIVED_BYTES_MAX);
        write!(f, "\"{}\"", self.bytes[..kept].escape_ascii())?;
        if kept < self.length {
            write!(f, " and {} bytes more", self.length - kept)?;
        }
        Ok(())
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldError::Missing { tag } => write!(f, "expected tag {tag}, received none"),
            FieldError::Value {
                tag,
                offset,
                expected,
                received,
            } => write!(
                f,
                "tag {tag}, byte {offset}: expected {expected}, received {received}"
            ),
            FieldError::Count {
                tag,
                expected,
                received,
            } => write!(
                f,
                "tag {tag}: expected {expected} entries, received {received}"
            ),
        }
    }
}

impl std::error::Error for FieldError {}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'buffer> {
    /// Its number.
    pub tag: i32,
    /// The first byte of its value in the message.
    pub offset: usize,
    /// Its value, without the separator.
    pub value: &'buffer [u8],
}

impl<'buffer> Field<'buffer> {
    #[inline]
    fn new(bytes: &'buffer [u8], span: Span) -> Self {
        let offset = span.value as usize;
        Field {
            tag: span.tag,
            offset,
            value: &bytes[offset..span.end as usize],
        }
    }

    #[inline]
    fn read<T>(self, result: Result<T, Expected>) -> Result<T, FieldError> {
        result.map_err(|expected| FieldError::Value {
            tag: self.tag,
            offset: self.offset,
            expected,
            received: Received::new(self.value),
        })
    }

    /// As an integer.
    ///
    /// # Errors
    /// [`FieldError::Value`], here and below.
    #[inline]
    pub fn integer(self) -> Result<i64, FieldError> {
        self.read(value::integer(self.value))
    }

    /// As an integer that is not negative: numbers of messages, lengths, counts.
    ///
    /// # Errors
    /// Where it is none.
    #[inline]
    pub fn unsigned(self) -> Result<u64, FieldError> {
        self.read(value::unsigned(self.value))
    }

    /// As a decimal number, in units of 10^-`decimals`: `1.5` with two is 150.
    ///
    /// # Errors
    /// Where it is none, does not fit 64 bits, or has more decimals other than zeros.
    #[inline]
    pub fn decimal(self, decimals: u32) -> Result<i64, FieldError> {
        self.read(value::decimal(self.value, decimals))
    }

    /// As one byte.
    ///
    /// # Errors
    /// Where it is none.
    #[inline]
    pub fn char(self) -> Result<u8, FieldError> {
        self.read(value::char(self.value))
    }

    /// As `Y` or `N`.
    ///
    /// # Errors
    /// Where it is neither.
    #[inline]
    pub fn flag(self) -> Result<bool, FieldError> {
        self.read(value::flag(self.value))
    }

    /// As a time: nanoseconds since 1970 began.
    ///
    /// # Errors
    /// Where it is none, or not from 1970 to 2554.
    #[inline]
    pub fn timestamp_ns(self) -> Result<u64, FieldError> {
        self.read(time::timestamp_ns(self.value))
    }

    /// As text.
    ///
    /// # Errors
    /// Where it is no UTF-8.
    #[inline]
    pub fn text(self) -> Result<&'buffer str, FieldError> {
        self.read(core::str::from_utf8(self.value).map_err(|_| Expected::Text))
    }
}

/// A message's fields. It borrows the bytes, which stay where they were received.
#[derive(Clone, Copy)]
pub struct ParsedMessage<'buffer> {
    bytes: &'buffer [u8],
    fields: &'buffer [Span],
    index: &'buffer TagIndex,
}

/// BeginString, BodyLength, MsgType: a framed message has them in this order.
const MESSAGE_TYPE_POSITION: usize = 2;

impl<'buffer> ParsedMessage<'buffer> {
    pub(crate) fn new(
        bytes: &'buffer [u8],
        fields: &'buffer [Span],
        index: &'buffer TagIndex,
    ) -> Self {
        assert!(
            fields.len() > MESSAGE_TYPE_POSITION,
            "a framed message has its first three fields"
        );
        ParsedMessage {
            bytes,
            fields,
            index,
        }
    }

    /// All of it.
    pub fn bytes(&self) -> &'buffer [u8] {
        self.bytes
    }

    /// BeginString's value.
    #[inline]
    pub fn begin_string(&self) -> &'buffer [u8] {
        self.at(0).value
    }

    /// MsgType's value.
    #[inline]
    pub fn message_type(&self) -> &'buffer [u8] {
        self.at(MESSAGE_TYPE_POSITION).value
    }

    /// How many fields there are.
    pub fn field_count(&self) -> usize {
        self.fields.len()
    }

    /// The field at a place, which there is.
    #[inline]
    pub(crate) fn at(&self, position: usize) -> Field<'buffer> {
        Field::new(self.bytes, self.fields[position])
    }

    /// Every field, in order.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'buffer>> + use<'buffer> {
        let bytes = self.bytes;
        self.fields.iter().map(move |&span| Field::new(bytes, span))
    }

    /// The first field with this tag, in constant time.
    #[inline]
    pub fn get(&self, tag: i32) -> Option<Field<'buffer>> {
        self.index.get(tag).map(|position| self.at(position))
    }

    /// The first field with this tag.
    ///
    /// # Errors
    /// [`FieldError::Missing`].
    #[inline]
    pub fn require(&self, tag: i32) -> Result<Field<'buffer>, FieldError> {
        self.get(tag).ok_or(FieldError::Missing { tag })
    }

    /// The entries of a group of the body; none where the field that counts is not there.
    ///
    /// # Errors
    /// [`FieldError::Count`] where there are more or fewer than it says, [`FieldError::Value`] where that is no number.
    pub fn group(&self, group: &'static Group) -> Result<GroupEntries<'buffer>, FieldError> {
        match self.index.get(i32::from(group.count_tag)) {
            Some(position) => GroupEntries::new(self.bytes, &self.fields[position..], group),
            None => Ok(GroupEntries::none(self.bytes, group)),
        }
    }
}

/// The entries of a group, in order.
#[derive(Clone, Copy)]
pub struct GroupEntries<'buffer> {
    bytes: &'buffer [u8],
    /// Those of the entries that are left.
    fields: &'buffer [Span],
    group: &'static Group,
}

impl<'buffer> GroupEntries<'buffer> {
    fn none(bytes: &'buffer [u8], group: &'static Group) -> Self {
        GroupEntries {
            bytes,
            fields: &[],
            group,
        }
    }

    /// From fields that start with the one that counts.
    fn new(
        bytes: &'buffer [u8],
        fields: &'buffer [Span],
        group: &'static Group,
    ) -> Result<Self, FieldError> {
        let count = Field::new(bytes, fields[0]);
        let expected = count.unsigned()?;
        let members = fields[1..]
            .iter()
            .take_while(|span| u16::try_from(span.tag).is_ok_and(|tag| group.all.has(tag)));
        let fields = &fields[1..=members.count()];
        let starts = fields
            .iter()
            .filter(|span| span.tag == i32::from(group.delimiter));
        let received = starts.count() as u64;
        let starts_right = fields
            .first()
            .is_none_or(|span| span.tag == i32::from(group.delimiter));
        if received != expected || !starts_right {
            return Err(FieldError::Count {
                tag: count.tag,
                expected,
                received,
            });
        }
        Ok(GroupEntries {
            bytes,
            fields,
            group,
        })
    }
}

impl<'buffer> Iterator for GroupEntries<'buffer> {
    type Item = GroupEntry<'buffer>;

    fn next(&mut self) -> Option<GroupEntry<'buffer>> {
        let (_, rest) = self.fields.split_first()?;
        let delimiter = i32::from(self.group.delimiter);
        let next = rest.iter().position(|span| span.tag == delimiter);
        let (entry, left) = self
            .fields
            .split_at(next.map_or(self.fields.len(), |next| next + 1));
        self.fields = left;
        Some(GroupEntry {
            bytes: self.bytes,
            fields: entry,
        })
    }
}

/// One entry of a group.
#[derive(Clone, Copy)]
pub struct GroupEntry<'buffer> {
    bytes: &'buffer [u8],
    fields: &'buffer [Span],
}

impl<'buffer> GroupEntry<'buffer> {
    /// Every field, in order, with those of groups inside.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'buffer>> + use<'buffer> {
        let bytes = self.bytes;
        self.fields.iter().map(move |&span| Field::new(bytes, span))
    }

    /// The field with this tag; an entry is short, and looked through.
    pub fn get(&self, tag: i32) -> Option<Field<'buffer>> {
        let span = self.fields.iter().find(|span| span.tag == tag)?;
        Some(Field::new(self.bytes, *span))
    }

    /// The field with this tag.
    ///
    /// # Errors
    /// [`FieldError::Missing`].
    pub fn require(&self, tag: i32) -> Result<Field<'buffer>, FieldError> {
        self.get(tag).ok_or(FieldError::Missing { tag })
    }

    /// The entries of a group inside this one.
    ///
    /// # Errors
    /// As [`ParsedMessage::group`].
    pub fn group(&self, group: &'static Group) -> Result<GroupEntries<'buffer>, FieldError> {
        let count_tag = i32::from(group.count_tag);
        match self.fields.iter().position(|span| span.tag == count_tag) {
            Some(position) => GroupEntries::new(self.bytes, &self.fields[position..], group),
            None => Ok(GroupEntries::none(self.bytes, group)),
        }
    }
}
