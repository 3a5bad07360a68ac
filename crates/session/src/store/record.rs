//! The records of a store's files.
//!
//! `length` (4 bytes: those of the content) · `checksum` (4) · `kind` (1) · `number` (8) · content; numbers are little-endian. The checksum is a CRC-32 of
//! the file's index, the record's place in it and everything but itself, so that a record elsewhere or of another file is none. Kinds start with 1, so zeros are none.

use super::Numbers;

pub(super) const HEAD_BYTES: usize = 17;
const CHECKSUM: core::ops::Range<usize> = 4..8;
const KIND: usize = 8;

/// The longest content: a message.
const CONTENT_BYTES_MAX: usize = proofbook_fix::MESSAGE_BYTES_MAX;

/// One thing that happened to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record<'b> {
    /// A file starts: its numbers.
    Start(Numbers),
    /// A number was taken, by an application message.
    Message { number: u64, bytes: &'b [u8] },
    /// A number was taken, by an administrative one.
    Administrative { number: u64 },
    /// The next message that is expected.
    Incoming { next: u64 },
    /// A signed Logon.
    LogonTime { time_ns: u64 },
    /// Both sides start again.
    Reset,
    /// From the next number on, those below `end` may be taken by messages that leave no record.
    Reserved { next: u64, end: u64 },
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) file: u64,
    pub(super) offset: u64,
}

fn checksum(at: At, record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&at.file.to_le_bytes());
    hasher.update(&at.offset.to_le_bytes());
    hasher.update(&record[..CHECKSUM.start]);
    hasher.update(&record[CHECKSUM.end..]);
    hasher.finalize()
}

impl<'b> Record<'b> {
    /// Puts the record's bytes into `out`.
    pub(super) fn encode(&self, at: At, out: &mut Vec<u8>) {
        out.clear();
        let (start, next_bytes);
        let (kind, number, content): (u8, u64, &[u8]) = match *self {
            Record::Start(numbers) => {
                let [a, b] = [numbers.incoming, numbers.logon_time_ns].map(u64::to_le_bytes);
                start = [a, b].concat();
                (1, numbers.outgoing, &start)
            }
            Record::Message { number, bytes } => (2, number, bytes),
            Record::Administrative { number } => (3, number, &[]),
            Record::Incoming { next } => (4, next, &[]),
            Record::LogonTime { time_ns } => (5, time_ns, &[]),
            Record::Reset => (6, 0, &[]),
            Record::Reserved { next, end } => {
                next_bytes = next.to_le_bytes();
                (7, end, &next_bytes)
            }
        };
        assert!(content.len() <= CONTENT_BYTES_MAX, "no message is longer");
        out.extend_from_slice(&(content.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.push(kind);
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(content);
        let sum = checksum(at, out);
        out[CHECKSUM].copy_from_slice(&sum.to_le_bytes());
    }

    /// The record that `bytes` start with, and its length; `None` where they start with no whole record.
    pub(super) fn decode(at: At, bytes: &'b [u8]) -> Option<(Record<'b>, usize)> {
        let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
        if length > CONTENT_BYTES_MAX {
            return None;
        }
        let record = bytes.get(..HEAD_BYTES + length)?;
        if record[CHECKSUM] != checksum(at, record).to_le_bytes() {
            return None;
        }
        let number = u64_at(record, KIND + 1);
        let content = &record[HEAD_BYTES..];
        let decoded = match (record[KIND], content.len()) {
            (1, 16) => Record::Start(Numbers {
                outgoing: number,
                incoming: u64_at(content, 0),
                logon_time_ns: u64_at(content, 8),
            }),
            (2, _) => Record::Message {
                number,
                bytes: content,
            },
            (3, 0) => Record::Administrative { number },
            (4, 0) => Record::Incoming { next: number },
            (5, 0) => Record::LogonTime { time_ns: number },
            (6, 0) => Record::Reset,
            (7, 8) => Record::Reserved {
                next: u64_at(content, 0),
                end: number,
            },
            _ => return None,
        };
        Some((decoded, record.len()))
    }
}

fn u64_at(bytes: &[u8], start: usize) -> u64 {
    let bytes = bytes[start..]
        .first_chunk()
        .expect("the length was checked");
    u64::from_le_bytes(*bytes)
}
