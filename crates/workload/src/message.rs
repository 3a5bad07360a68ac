//! Messages of a workload: a small form that other programs can read from a file, and the commands they stand for.

use core::fmt;
use std::io::{self, Read, Write};

use proofbook_types::{
    AccountId, Action, Command, NewOrder, OrderId, OrderKind, Price, Quantity, SelfTradePrevention,
    Side, TimeInForce, Timestamp,
};

/// Length of an encoded [`Message`].
pub const MESSAGE_BYTES: usize = 40;

/// First bytes of a workload file; the last one is its version.
const MAGIC: [u8; 8] = *b"PBFLOW\0\x01";

/// What a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MessageKind {
    /// Enter a limit order, good till cancel.
    New = 0,
    /// Enter a limit order, immediate or cancel.
    NewImmediateOrCancel = 1,
    /// Take an order out.
    Cancel = 2,
    /// Give an order this price and open quantity.
    Replace = 3,
}

/// One message. A cancel carries the order's first terms; only its id counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it asks for.
    pub kind: MessageKind,
    /// The order's side.
    pub side: Side,
    /// The order.
    pub order_id: OrderId,
    /// Limit price.
    pub price: Price,
    /// Quantity.
    pub quantity: Quantity,
    /// When it is sent.
    pub time: Timestamp,
}

impl Message {
    /// The command that this message stands for.
    pub fn command(&self) -> Command {
        let action = match self.kind {
            MessageKind::New | MessageKind::NewImmediateOrCancel => Action::New(NewOrder {
                order_id: self.order_id,
                account: AccountId::NONE,
                side: self.side,
                quantity: self.quantity,
                kind: OrderKind::Limit { price: self.price },
                time_in_force: if self.kind == MessageKind::New {
                    TimeInForce::GoodTillCancel
                } else {
                    TimeInForce::ImmediateOrCancel
                },
                post_only: false,
                display: None,
                self_trade: SelfTradePrevention::Allow,
            }),
            MessageKind::Cancel => Action::Cancel {
                order_id: self.order_id,
            },
            MessageKind::Replace => Action::Replace {
                order_id: self.order_id,
                price: Some(self.price),
                quantity: Some(self.quantity),
                stop_price: None,
            },
        };
        Command {
            time: self.time,
            action,
        }
    }

    /// Kind, side, six zero bytes, then order id, price, quantity and time, each eight bytes little-endian.
    pub fn encode(&self) -> [u8; MESSAGE_BYTES] {
        let mut bytes = [0; MESSAGE_BYTES];
        bytes[0] = self.kind as u8;
        bytes[1] = self.side as u8;
        bytes[8..16].copy_from_slice(&self.order_id.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.price.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.quantity.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.time.0.to_le_bytes());
        bytes
    }

    /// The message that encodes to these bytes, `None` if there is none.
    pub fn decode(bytes: &[u8; MESSAGE_BYTES]) -> Option<Message> {
        let word =
            |at: usize| u64::from_le_bytes(core::array::from_fn(|offset| bytes[at + offset]));
        let message = Message {
            kind: match bytes[0] {
                0 => MessageKind::New,
                1 => MessageKind::NewImmediateOrCancel,
                2 => MessageKind::Cancel,
                3 => MessageKind::Replace,
                _ => return None,
            },
            side: *Side::BOTH.get(usize::from(bytes[1]))?,
            order_id: OrderId(word(8)),
            price: Price(word(16) as i64),
            quantity: Quantity(word(24)),
            time: Timestamp(word(32)),
        };
        (message.encode() == *bytes).then_some(message)
    }
}

/// Why a workload file cannot be read.
#[derive(Debug)]
pub enum FileError {
    /// The file could not be read at all.
    Io(io::Error),
    /// It does not begin as a workload file of this version does.
    NotAWorkload,
    /// A message is none.
    Message {
        /// Its number, from 0.
        index: u64,
    },
    /// There are bytes after the last message.
    TrailingBytes,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileError::Io(error) => write!(f, "cannot read the workload: {error}"),
            FileError::NotAWorkload => f.write_str("this is no workload file of version 1"),
            FileError::Message { index } => write!(f, "message {index} is malformed"),
            FileError::TrailingBytes => f.write_str("there are bytes after the last message"),
        }
    }
}

impl core::error::Error for FileError {}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        FileError::Io(error)
    }
}

/// Writes a workload file: eight magic bytes, the number of messages in eight bytes little-endian, the messages.
///
/// # Errors
/// What the writer reports.
pub fn write_messages(messages: &[Message], mut to: impl Write) -> io::Result<()> {
    to.write_all(&MAGIC)?;
    to.write_all(&(messages.len() as u64).to_le_bytes())?;
    for message in messages {
        to.write_all(&message.encode())?;
    }
    to.flush()
}

/// Reads a workload file.
///
/// # Errors
/// What the reader reports, or where the file is malformed.
pub fn read_messages(mut from: impl Read) -> Result<Vec<Message>, FileError> {
    let mut word = [0; 8];
    from.read_exact(&mut word)?;
    if word != MAGIC {
        return Err(FileError::NotAWorkload);
    }
    from.read_exact(&mut word)?;
    let count = u64::from_le_bytes(word);
    // The count is not trusted with memory: the vector grows with what is really there.
    let mut messages = Vec::new();
    let mut bytes = [0; MESSAGE_BYTES];
    for index in 0..count {
        from.read_exact(&mut bytes)?;
        messages.push(Message::decode(&bytes).ok_or(FileError::Message { index })?);
    }
    if from.read(&mut word)? != 0 {
        return Err(FileError::TrailingBytes);
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{generate, Parameters, Scenario};

    fn file() -> (Vec<Message>, Vec<u8>) {
        let messages = generate(&Parameters {
            scenario: Scenario::Swing40,
            seed: 1,
            new_orders: 100,
        });
        let mut bytes = Vec::new();
        write_messages(&messages, &mut bytes).expect("memory takes all");
        (messages, bytes)
    }

    #[test]
    fn a_file_reads_as_it_was_written() {
        let (messages, bytes) = file();
        assert_eq!(bytes.len(), 16 + messages.len() * MESSAGE_BYTES);
        assert_eq!(read_messages(&bytes[..]).expect("well formed"), messages);
    }

    #[test]
    fn damage_is_named() {
        let (_, bytes) = file();
        let mut other = bytes.clone();
        other[7] = 9;
        assert!(matches!(
            read_messages(&other[..]),
            Err(FileError::NotAWorkload)
        ));
        let mut other = bytes.clone();
        other[16 + MESSAGE_BYTES] = 9;
        assert!(matches!(
            read_messages(&other[..]),
            Err(FileError::Message { index: 1 })
        ));
        assert!(matches!(
            read_messages(&bytes[..bytes.len() - 1]),
            Err(FileError::Io(_))
        ));
        let mut other = bytes;
        other.push(0);
        assert!(matches!(
            read_messages(&other[..]),
            Err(FileError::TrailingBytes)
        ));
    }
}
