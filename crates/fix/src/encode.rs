//! Messages written into a buffer of the caller.
//!
//! The body goes behind room for the first two fields, whose length is known only at the end; then they are written right before it. So
//! BodyLength has no zeros before it, nothing is moved, and the message starts a few bytes into the buffer. What goes wrong is kept until
//! [`Draft::finish`], so that fields can be written one after the other; a draft that went wrong is never a message.
//!
//! Numbers are written by hand, two digits at a time: no formatting machinery, no allocation.

use core::fmt;

use crate::dictionary::{length_tag, tag, Version};
use crate::frame::{MESSAGE_BYTES_MAX, TRAILER_BYTES};
use crate::kernel::{Kernel, SOH};
use crate::message::Field;
use crate::time::{ClockText, Precision, DATE_BYTES};

/// `8=FIX.4.4|9=` and five digits and a separator.
const HEAD_BYTES: usize = 18;

/// Digits of the largest number.
const DIGITS_MAX: usize = 20;

const _: () = assert!(
    MESSAGE_BYTES_MAX < 100_000,
    "BodyLength has at most five digits"
);

/// Why there is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// The buffer ends before the message, or the message is longer than [`MESSAGE_BYTES_MAX`].
    TooLong {
        /// The bytes that the message may take.
        expected: usize,
        /// The bytes that it takes, with room for the longest BodyLength.
        received: usize,
    },
    /// A value without a byte, which no field may have.
    Empty {
        /// The field.
        tag: i32,
    },
    /// A value with a separator, which only data may have.
    Separator {
        /// The field.
        tag: i32,
        /// Where in the value.
        offset: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            EncodeError::TooLong { expected, received } => {
                write!(
                    f,
                    "expected a message of at most {expected} bytes, received one of {received}"
                )
            }
            EncodeError::Empty { tag } => write!(f, "tag {tag}: expected a value, received none"),
            EncodeError::Separator { tag, offset } => {
                write!(
                    f,
                    "tag {tag}: expected text without a separator, received one at byte {offset}"
                )
            }
        }
    }
}

impl std::error::Error for EncodeError {}

/// Writes messages of one version.
#[derive(Clone, Debug)]
pub struct MessageEncoder {
    kernel: Kernel,
    version: Version,
    clock: ClockText,
}

impl MessageEncoder {
    /// An encoder that sums with this kernel.
    pub fn new(kernel: Kernel, version: Version) -> Self {
        MessageEncoder {
            kernel,
            version,
            clock: ClockText::new(),
        }
    }

    /// The version that it writes.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Starts a message of this type in `buffer`.
    #[inline]
    pub fn begin<'draft>(
        &'draft mut self,
        buffer: &'draft mut [u8],
        message_type: &[u8],
    ) -> Draft<'draft> {
        let length = buffer.len().min(MESSAGE_BYTES_MAX);
        let mut draft = Draft {
            encoder: self,
            buffer: &mut buffer[..length],
            position: HEAD_BYTES,
            error: None,
        };
        draft.text(tag::MSG_TYPE, message_type);
        draft
    }
}

/// A message that is being written. Fields stand in the order of the calls; the caller writes header, body and trailer in their order.
#[derive(Debug)]
pub struct Draft<'draft> {
    encoder: &'draft mut MessageEncoder,
    buffer: &'draft mut [u8],
    /// Where the next byte goes, past the buffer's end where it is too short.
    position: usize,
    /// The first thing that went wrong, other than a short buffer.
    error: Option<EncodeError>,
}

impl<'draft> Draft<'draft> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.position + bytes.len();
        if let Some(room) = self.buffer.get_mut(self.position..end) {
            room.copy_from_slice(bytes);
        }
        self.position = end;
    }

    #[inline]
    fn put_number(&mut self, number: u64) {
        let mut digits = [0; DIGITS_MAX];
        let start = write_digits(&mut digits, number);
        self.put(&digits[start..]);
    }

    #[inline]
    fn put_tag(&mut self, tag: i32) {
        if tag < 0 {
            self.put(b"-");
        }
        self.put_number(u64::from(tag.unsigned_abs()));
        self.put(b"=");
    }

    fn fail(&mut self, error: EncodeError) {
        self.error.get_or_insert(error);
    }

    /// Text, in bytes of any encoding, at least one and none of them a separator.
    #[inline]
    pub fn text(&mut self, tag: i32, value: &[u8]) -> &mut Self {
        if let Some(offset) = value.iter().position(|&byte| byte == SOH) {
            self.fail(EncodeError::Separator { tag, offset });
        }
        self.bytes(tag, value)
    }

    /// One character.
    #[inline]
    pub fn char(&mut self, tag: i32, value: u8) -> &mut Self {
        self.text(tag, &[value])
    }

    /// `Y` or `N`.
    #[inline]
    pub fn flag(&mut self, tag: i32, value: bool) -> &mut Self {
        self.text(tag, if value { b"Y" } else { b"N" })
    }

    /// A number without a sign; the count of a group, whose members follow.
    #[inline]
    pub fn unsigned(&mut self, tag: i32, value: u64) -> &mut Self {
        self.put_tag(tag);
        self.put_number(value);
        self.put(&[SOH]);
        self
    }

    /// A number.
    #[inline]
    pub fn integer(&mut self, tag: i32, value: i64) -> &mut Self {
        self.put_tag(tag);
        if value < 0 {
            self.put(b"-");
        }
        self.put_number(value.unsigned_abs());
        self.put(&[SOH]);
        self
    }

    /// A decimal number of `units` of 10^-`decimals`, with all of these decimals: 150 and two are `1.50`.
    ///
    /// # Panics
    /// With more than 18 decimals: no 64 bits hold a whole one of those.
    #[inline]
    pub fn decimal(&mut self, tag: i32, units: i64, decimals: u32) -> &mut Self {
        const DECIMALS_MAX: u32 = 18;
        assert!(decimals <= DECIMALS_MAX, "at most {DECIMALS_MAX} decimals");
        self.put_tag(tag);
        if units < 0 {
            self.put(b"-");
        }
        let one = 10u64.pow(decimals);
        let magnitude = units.unsigned_abs();
        self.put_number(magnitude / one);
        if decimals > 0 {
            let mut digits = [b'0'; DIGITS_MAX];
            write_digits(&mut digits, magnitude % one);
            let start = DIGITS_MAX - decimals as usize;
            digits[start - 1] = b'.';
            self.put(&digits[start - 1..]);
        }
        self.put(&[SOH]);
        self
    }

    /// A time, in nanoseconds since 1970 began; what is finer than the precision is cut off.
    #[inline]
    pub fn timestamp(&mut self, tag: i32, time_ns: u64, precision: Precision) -> &mut Self {
        self.put_tag(tag);
        let text = self.encoder.clock.text(time_ns, precision);
        let end = self.position + text.len();
        if let Some(room) = self.buffer.get_mut(self.position..end) {
            room.copy_from_slice(text);
        }
        self.position = end;
        self.put(&[SOH]);
        self
    }

    /// The day of a time in nanoseconds since 1970 began (UTC).
    pub fn date(&mut self, tag: i32, time_ns: u64) -> &mut Self {
        self.part_of_time(tag, time_ns, Precision::Seconds, ..DATE_BYTES)
    }

    /// The time of day of a time in nanoseconds since 1970 began (UTC).
    pub fn time_of_day(&mut self, tag: i32, time_ns: u64, precision: Precision) -> &mut Self {
        self.part_of_time(tag, time_ns, precision, DATE_BYTES + 1..)
    }

    fn part_of_time(
        &mut self,
        tag: i32,
        time_ns: u64,
        precision: Precision,
        part: impl core::slice::SliceIndex<[u8], Output = [u8]>,
    ) -> &mut Self {
        let mut text = [0; ClockText::BYTES_MAX];
        let whole = self.encoder.clock.text(time_ns, precision);
        let length = whole.len();
        text[..length].copy_from_slice(whole);
        self.bytes(tag, &text[..length][part])
    }

    /// Bytes of any kind, with the field before them that says how many.
    pub fn data(&mut self, length_tag: i32, data_tag: i32, value: &[u8]) -> &mut Self {
        self.unsigned(length_tag, value.len() as u64);
        self.bytes(data_tag, value)
    }

    /// A field of another message as it is there. Data stand after their length, which is copied before them.
    pub fn copy(&mut self, field: Field<'_>) -> &mut Self {
        if length_tag(field.tag).is_none() {
            return self.text(field.tag, field.value);
        }
        self.bytes(field.tag, field.value)
    }

    fn bytes(&mut self, tag: i32, value: &[u8]) -> &mut Self {
        if value.is_empty() {
            self.fail(EncodeError::Empty { tag });
        }
        self.put_tag(tag);
        self.put(value);
        self.put(&[SOH]);
        self
    }

    /// Writes BeginString, BodyLength and CheckSum, and gives the message. It stands in the buffer, up to five bytes after its start.
    ///
    /// # Errors
    /// Whatever went wrong in a field, or [`EncodeError::TooLong`].
    pub fn finish(mut self) -> Result<&'draft [u8], EncodeError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let body_end = self.position;
        if body_end + TRAILER_BYTES > self.buffer.len() {
            return Err(EncodeError::TooLong {
                expected: self.buffer.len(),
                received: body_end + TRAILER_BYTES,
            });
        }
        let start = self.write_head(body_end - HEAD_BYTES);
        let sum = self.encoder.kernel.checksum(&self.buffer[start..body_end]);
        let digit = |value: u8| b'0' + value % 10;
        self.put(&[
            b'1',
            b'0',
            b'=',
            digit(sum / 100),
            digit(sum / 10),
            digit(sum),
            SOH,
        ]);
        Ok(&self.buffer[start..self.position])
    }

    /// Writes the first two fields before the body; where they start.
    fn write_head(&mut self, body_bytes: usize) -> usize {
        let mut digits = [0; DIGITS_MAX];
        let first = write_digits(&mut digits, body_bytes as u64);
        let begin_string = self.encoder.version.begin_string();
        let parts: [&[u8]; 5] = [b"8=", begin_string, b"\x019=", &digits[first..], &[SOH]];
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let start = HEAD_BYTES - length;
        let mut position = start;
        for part in parts {
            self.buffer[position..position + part.len()].copy_from_slice(part);
            position += part.len();
        }
        start
    }
}

/// Writes a number at the end of `digits`; where it starts. Two digits at a time, from the last.
#[inline]
fn write_digits(digits: &mut [u8; DIGITS_MAX], mut number: u64) -> usize {
    let mut start = DIGITS_MAX;
    while number >= 100 {
        let pair = (number % 100) as u8;
        number /= 100;
        start -= 2;
        digits[start] = b'0' + pair / 10;
        digits[start + 1] = b'0' + pair % 10;
    }
    let rest = number as u8;
    start -= 1;
    digits[start] = b'0' + rest % 10;
    if rest >= 10 {
        start -= 1;
        digits[start] = b'0' + rest / 10;
    }
    start
}
