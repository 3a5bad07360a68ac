//! Where messages start and end in the bytes of a connection.
//!
//! A message is `8=…|9=n|`, n bytes that start with `35=`, and `10=ddd|`, where ddd is the sum of all bytes before it modulo 256. What is not
//! is garbled: the protocol ignores it, and so its sender finds that a number is missing. How far a garbled message reaches: to the end of the first
//! CheckSum field at or after where its BodyLength says that it ends, which is its own one where BodyLength is too short, and where it is too long
//! that of a message after it, which is lost with it. Without a usable BodyLength, or without a CheckSum within [`MESSAGE_BYTES_MAX`], it reaches
//! to the next bytes that could be a BeginString. That is what QuickFIX does, and what acceptance scripts expect.
//!
//! Invariants: `Garbled` skips at least one byte and at most those there are; `NeedMore` is said only of fewer than [`MESSAGE_BYTES_MAX`] bytes, so a
//! buffer of that size never stalls.

use core::fmt;

use crate::kernel::{Kernel, SOH};

/// The longest message that is taken, from its first byte to its last.
pub const MESSAGE_BYTES_MAX: usize = 16_384;

/// The longest BeginString that is taken.
pub const BEGIN_STRING_BYTES_MAX: usize = 10;

/// Digits of a BodyLength, more than any allowed length has: zeros may lead.
const BODY_LENGTH_DIGITS_MAX: usize = 9;

/// `10=ddd|`, which ends every message.
pub(crate) const TRAILER_BYTES: usize = 7;

/// With this, a message could start.
const START: &[u8] = b"8=FIX";

/// What bytes start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'buffer> {
    /// The start of what may become a message.
    NeedMore,
    /// A message.
    Whole(FramedMessage<'buffer>),
    /// No message: ignore some bytes.
    Garbled {
        /// How many.
        skip: usize,
        /// What is wrong.
        reason: GarbleReason,
    },
}

/// A message whose BodyLength and CheckSum are right, and whose first three fields are the right ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramedMessage<'buffer> {
    bytes: &'buffer [u8],
}

impl<'buffer> FramedMessage<'buffer> {
    /// All of it.
    pub fn bytes(self) -> &'buffer [u8] {
        self.bytes
    }
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GarbleReason {
    /// They do not start with BeginString, or it is empty or too long.
    BeginString,
    /// The second field is no BodyLength, or no number.
    BodyLength,
    /// Longer than [`MESSAGE_BYTES_MAX`], or no CheckSum within it.
    TooLong {
        /// The most bytes that a message may have.
        expected: usize,
        /// The bytes that it would have, or that there are without a CheckSum.
        received: usize,
    },
    /// CheckSum is not where BodyLength says.
    WrongLength {
        /// The bytes of the body, as BodyLength says.
        expected: usize,
        /// Those up to the first CheckSum field from there on.
        received: usize,
    },
    /// The bytes sum up to something else.
    CheckSum {
        /// What the bytes sum up to.
        expected: u8,
        /// What the message says; `None` where it is not three digits.
        received: Option<u16>,
    },
    /// The third field is no MsgType, or it has no value.
    MessageType,
}

impl fmt::Display for GarbleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            GarbleReason::BeginString => {
                write!(
                    f,
                    "expected BeginString (8) first, with 1 to {BEGIN_STRING_BYTES_MAX} bytes"
                )
            }
            GarbleReason::BodyLength => {
                f.write_str("expected BodyLength (9) second, received another field or no number")
            }
            GarbleReason::TooLong { expected, received } => {
                write!(
                    f,
                    "expected a message of at most {expected} bytes, received {received}"
                )
            }
            GarbleReason::WrongLength { expected, received } => {
                write!(
                    f,
                    "expected a body of {expected} bytes, as BodyLength says, received {received}"
                )
            }
            GarbleReason::CheckSum {
                expected,
                received: Some(received),
            } => write!(f, "expected CheckSum {expected:03}, received {received:03}"),
            GarbleReason::CheckSum { expected, .. } => {
                write!(
                    f,
                    "expected CheckSum {expected:03}, received no three digits"
                )
            }
            GarbleReason::MessageType => {
                f.write_str("expected MsgType (35) third, received another field or no value")
            }
        }
    }
}

/// What `buffer` starts with.
pub(crate) fn frame(kernel: Kernel, buffer: &[u8]) -> Frame<'_> {
    match Head::read(buffer) {
        Ok(Some(head)) => match whole(kernel, buffer, head) {
            Some(frame) => frame,
            None => wrong_length(buffer, head),
        },
        Ok(None) => Frame::NeedMore,
        Err(reason) => Frame::Garbled {
            skip: next_start(buffer),
            reason,
        },
    }
}

/// The first two fields.
#[derive(Clone, Copy)]
struct Head {
    body_start: usize,
    body_bytes: usize,
}

impl Head {
    /// `None` where there is too little to say.
    #[inline]
    fn read(buffer: &[u8]) -> Result<Option<Head>, GarbleReason> {
        let Some(begin) = after(buffer, 0, b"8=", GarbleReason::BeginString)? else {
            return Ok(None);
        };
        let text = &buffer[begin..];
        let text = &text[..text.len().min(BEGIN_STRING_BYTES_MAX + 1)];
        let begin_bytes = match text.iter().position(|&byte| byte == SOH) {
            Some(0) => return Err(GarbleReason::BeginString),
            Some(bytes) => bytes,
            None if text.len() > BEGIN_STRING_BYTES_MAX => return Err(GarbleReason::BeginString),
            None => return Ok(None),
        };
        let length_at = begin + begin_bytes + 1;
        let Some(digits) = after(buffer, length_at, b"9=", GarbleReason::BodyLength)? else {
            return Ok(None);
        };
        let mut body_bytes = 0;
        for (index, &byte) in buffer[digits..].iter().enumerate() {
            match byte {
                b'0'..=b'9' if index < BODY_LENGTH_DIGITS_MAX => {
                    body_bytes = body_bytes * 10 + usize::from(byte - b'0');
                }
                SOH if index > 0 => {
                    let body_start = digits + index + 1;
                    let received = body_start + body_bytes + TRAILER_BYTES;
                    if received > MESSAGE_BYTES_MAX {
                        return Err(too_long(received));
                    }
                    return Ok(Some(Head {
                        body_start,
                        body_bytes,
                    }));
                }
                _ => return Err(GarbleReason::BodyLength),
            }
        }
        Ok(None)
    }
}

fn too_long(received: usize) -> GarbleReason {
    GarbleReason::TooLong {
        expected: MESSAGE_BYTES_MAX,
        received,
    }
}

/// The place after an expected text; `None` where the bytes end within it.
#[inline]
fn after(
    buffer: &[u8],
    start: usize,
    expected: &[u8; 2],
    reason: GarbleReason,
) -> Result<Option<usize>, GarbleReason> {
    match buffer.get(start..start + 2) {
        Some(received) if received == expected => Ok(Some(start + 2)),
        Some(_) => Err(reason),
        None if buffer.get(start).is_none_or(|byte| *byte == expected[0]) => Ok(None),
        None => Err(reason),
    }
}

/// What a message is whose trailer is where BodyLength says; `None` where it is not there.
#[inline]
fn whole(kernel: Kernel, buffer: &[u8], head: Head) -> Option<Frame<'_>> {
    let body_end = head.body_start + head.body_bytes;
    let end = body_end + TRAILER_BYTES;
    let Some(bytes) = buffer.get(..end) else {
        return Some(Frame::NeedMore);
    };
    let [b'1', b'0', b'=', digits @ .., SOH] = &bytes[body_end..] else {
        return None;
    };
    if bytes[body_end - 1] != SOH {
        return None;
    }
    let expected = kernel.checksum(&bytes[..body_end]);
    let received = three_digits(digits);
    let reason = if received != Some(u16::from(expected)) {
        GarbleReason::CheckSum { expected, received }
    } else {
        match &bytes[head.body_start..body_end] {
            [b'3', b'5', b'=', first, ..] if *first != SOH => {
                return Some(Frame::Whole(FramedMessage { bytes }));
            }
            _ => GarbleReason::MessageType,
        }
    };
    Some(Frame::Garbled { skip: end, reason })
}

fn three_digits(digits: &[u8]) -> Option<u16> {
    let [a, b, c] = digits else {
        return None;
    };
    let digits = [a, b, c].map(|digit| digit.wrapping_sub(b'0'));
    let [a, b, c] = digits.map(u16::from);
    digits
        .iter()
        .all(|digit| *digit < 10)
        .then_some(a * 100 + b * 10 + c)
}

/// A message whose trailer is not where BodyLength says: as far as the first CheckSum field from there on.
#[cold]
fn wrong_length(buffer: &[u8], head: Head) -> Frame<'_> {
    let body_end = head.body_start + head.body_bytes;
    // The separator before it belongs to the body, or to BodyLength where the body is empty.
    let from = body_end - 1;
    let trailer = buffer[from..]
        .windows(4)
        .position(|window| window == [SOH, b'1', b'0', b'='])
        .map(|position| from + position + 1);
    let end = trailer.and_then(|trailer| {
        let bytes = buffer[trailer..].iter().position(|&byte| byte == SOH)?;
        Some((trailer, trailer + bytes + 1))
    });
    match end {
        Some((trailer, end)) if end <= MESSAGE_BYTES_MAX => Frame::Garbled {
            skip: end,
            reason: GarbleReason::WrongLength {
                expected: head.body_bytes,
                received: trailer - head.body_start,
            },
        },
        None if buffer.len() < MESSAGE_BYTES_MAX => Frame::NeedMore,
        _ => Frame::Garbled {
            skip: next_start(buffer),
            reason: too_long(buffer.len()),
        },
    }
}

/// Bytes before the next place at which a message could start, the first byte not counted: all of them where there is none.
#[cold]
fn next_start(buffer: &[u8]) -> usize {
    let from = buffer.len().min(1);
    (from..buffer.len())
        .find(|&start| {
            let rest = &buffer[start..];
            let bytes = rest.len().min(START.len());
            rest[..bytes] == START[..bytes]
        })
        .unwrap_or(buffer.len())
}
