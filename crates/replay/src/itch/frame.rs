//! How ITCH messages are wrapped: a 2-byte length before each, or MoldUDP64 packets in a packet capture.
//!
//! A capture is read as "libpcap file format" (either byte order, micro- or nanoseconds), Ethernet with or without
//! VLAN tags, IPv4, UDP; MoldUDP64 is a 20-byte header (session, sequence, count) and `count` length-framed messages.

use crate::commands::fill;
use crate::error::{ErrorKind, Place, ReplayError};
use crate::input::Content;

/// The longest message that is taken; the longest of ITCH 5.0 has 50 bytes.
pub const MESSAGE_BYTES_MAX: usize = 4096;
/// The longest packet that is taken from a capture.
const PACKET_BYTES_MAX: usize = 1 << 18;
const MOLD_HEADER_BYTES: usize = 20;
/// A MoldUDP64 message count that ends the session and carries nothing.
const MOLD_END: u16 = 0xFFFF;

/// A stream of wrapped messages.
pub enum Framing {
    /// A 2-byte big-endian length before each message.
    Lengths(Lengths),
    /// A packet capture.
    Capture(Capture),
}

impl Framing {
    pub(super) fn lengths(content: Content) -> Self {
        Framing::Lengths(Lengths { content, offset: 0 })
    }

    pub(super) fn capture(content: Content) -> Result<Self, ReplayError> {
        Capture::new(content).map(Framing::Capture)
    }

    /// Puts the next message into `message` and returns the offset at which it starts; `None` at the end.
    pub(super) fn next_message(
        &mut self,
        number: u64,
        message: &mut Vec<u8>,
    ) -> Result<Option<u64>, ReplayError> {
        match self {
            Framing::Lengths(lengths) => lengths.next_message(number, message),
            Framing::Capture(capture) => capture.next_message(number, message),
        }
    }
}

/// Length-framed messages.
pub struct Lengths {
    content: Content,
    offset: u64,
}

impl Lengths {
    fn next_message(
        &mut self,
        number: u64,
        message: &mut Vec<u8>,
    ) -> Result<Option<u64>, ReplayError> {
        let offset = self.offset;
        let place = Place::Record { number, offset };
        let truncated = |what: &str, expected: usize, received: usize| {
            ReplayError::malformed(
                place,
                format!(
                    "the file ends inside {what}: expected {expected} bytes, received {received}"
                ),
            )
        };
        let mut length = [0; 2];
        match fill(&mut self.content, &mut length)? {
            0 => return Ok(None),
            2 => {}
            received => return Err(truncated("a message's length", 2, received)),
        }
        let length = usize::from(u16::from_be_bytes(length));
        if length == 0 {
            // The session's end. Whatever follows would be read as messages of no session.
            let mut more = [0; 1];
            return match fill(&mut self.content, &mut more)? {
                0 => Ok(None),
                _ => Err(ReplayError::malformed(
                    place,
                    "expected the file to end after the end of the session, received more bytes",
                )),
            };
        }
        if length > MESSAGE_BYTES_MAX {
            return Err(ReplayError::malformed(
                place,
                format!("expected a message of at most {MESSAGE_BYTES_MAX} bytes, received a length of {length}"),
            ));
        }
        message.resize(length, 0);
        let received = fill(&mut self.content, message)?;
        if received != length {
            return Err(truncated("a message", length, received));
        }
        self.offset += 2 + length as u64;
        Ok(Some(offset))
    }
}

/// Messages of the UDP packets of a capture.
pub struct Capture {
    content: Content,
    is_little_endian: bool,
    offset: u64,
    packet: Vec<u8>,
    packet_offset: u64,
    /// Where in the packet the next message's length stands, and how many messages are still to come.
    next: usize,
    remaining: u16,
}

/// Whether bytes begin as a packet capture.
pub fn is_capture(head: &[u8]) -> bool {
    matches!(
        head.get(..4),
        Some(
            [0xD4, 0xC3, 0xB2, 0xA1]
                | [0xA1, 0xB2, 0xC3, 0xD4]
                | [0x4D, 0x3C, 0xB2, 0xA1]
                | [0xA1, 0xB2, 0x3C, 0x4D]
        )
    )
}

impl Capture {
    fn new(mut content: Content) -> Result<Self, ReplayError> {
        let mut header = [0; 24];
        let received = fill(&mut content, &mut header)?;
        let place = Place::Record {
            number: 0,
            offset: 0,
        };
        if received != header.len() || !is_capture(&header) {
            return Err(ReplayError::malformed(
                place,
                format!("expected the 24-byte header of a packet capture, received {received} bytes of something else"),
            ));
        }
        let is_little_endian = header[3] == 0xA1;
        let mut link = [0; 4];
        link.copy_from_slice(&header[20..24]);
        let link = if is_little_endian {
            u32::from_le_bytes(link)
        } else {
            u32::from_be_bytes(link)
        };
        if link != 1 {
            return Err(ReplayError::new(
                ErrorKind::Unsupported,
                format!("expected a capture of Ethernet (link type 1), received link type {link}"),
            ));
        }
        Ok(Capture {
            content,
            is_little_endian,
            offset: 24,
            packet: Vec::new(),
            packet_offset: 0,
            next: 0,
            remaining: 0,
        })
    }

    fn next_message(
        &mut self,
        number: u64,
        message: &mut Vec<u8>,
    ) -> Result<Option<u64>, ReplayError> {
        while self.remaining == 0 {
            if !self.next_packet(number)? {
                return Ok(None);
            }
        }
        let offset = self.packet_offset + self.next as u64;
        let rest = self.packet.get(self.next..).unwrap_or(&[]);
        let body = match rest {
            [high, low, body @ ..] => body.get(..usize::from(u16::from_be_bytes([*high, *low]))),
            _ => None,
        };
        let Some(body) = body else {
            return Err(ReplayError::malformed(
                Place::Record { number, offset },
                format!(
                    "expected {} more messages in the packet, received {} bytes",
                    self.remaining,
                    rest.len()
                ),
            ));
        };
        message.clear();
        message.extend_from_slice(body);
        self.next += 2 + body.len();
        self.remaining -= 1;
        Ok(Some(offset))
    }

    /// Reads the next packet; `false` at the end of the capture.
    fn next_packet(&mut self, number: u64) -> Result<bool, ReplayError> {
        let place = Place::Record {
            number,
            offset: self.offset,
        };
        let malformed = |what: String| ReplayError::malformed(place, what);
        let mut header = [0; 16];
        match fill(&mut self.content, &mut header)? {
            0 => return Ok(false),
            16 => {}
            received => {
                return Err(malformed(format!(
                    "expected a packet header of 16 bytes, received {received}"
                )))
            }
        }
        let field = [header[8], header[9], header[10], header[11]];
        let length = if self.is_little_endian {
            u32::from_le_bytes(field)
        } else {
            u32::from_be_bytes(field)
        } as usize;
        if length > PACKET_BYTES_MAX {
            return Err(malformed(format!(
                "expected a packet of at most {PACKET_BYTES_MAX} bytes, received a length of {length}"
            )));
        }
        self.packet.resize(length, 0);
        let received = fill(&mut self.content, &mut self.packet)?;
        if received != length {
            return Err(malformed(format!(
                "the file ends inside a packet: expected {length} bytes, received {received}"
            )));
        }
        self.packet_offset = self.offset + 16;
        self.offset = self.packet_offset + length as u64;
        let payload = udp_payload(&self.packet).ok_or_else(|| {
            malformed(
                "expected a UDP packet over IPv4 and Ethernet, received another one".to_string(),
            )
        })?;
        let mold = self
            .packet
            .get(payload..payload + MOLD_HEADER_BYTES)
            .ok_or_else(|| {
                malformed(format!(
                    "expected a MoldUDP64 header of {MOLD_HEADER_BYTES} bytes, received {}",
                    self.packet.len() - payload
                ))
            })?;
        let count = u16::from_be_bytes([mold[18], mold[19]]);
        self.remaining = if count == MOLD_END { 0 } else { count };
        self.next = payload + MOLD_HEADER_BYTES;
        Ok(true)
    }
}

/// Where a packet's UDP payload starts.
fn udp_payload(packet: &[u8]) -> Option<usize> {
    let u16_at = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    let mut at = 12;
    // VLAN tags stand before the type; two of them are as many as there can be.
    for _ in 0..2 {
        if matches!(u16_at(at)?, 0x8100 | 0x88A8) {
            at += 4;
        }
    }
    if u16_at(at)? != 0x0800 {
        return None;
    }
    at += 2;
    let first = *packet.get(at)?;
    let header = usize::from(first & 0x0F) * 4;
    if first >> 4 != 4 || header < 20 || *packet.get(at + 9)? != 17 {
        return None;
    }
    let payload = at + header + 8;
    (payload <= packet.len()).then_some(payload)
}
