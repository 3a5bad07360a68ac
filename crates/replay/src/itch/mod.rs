//! NASDAQ TotalView-ITCH 5.0: the exchange's own feed of every displayed order.
//!
//! Messages are big-endian and of fixed length by type. They come with a 2-byte length before each one (the exchange's
//! daily files; a length of 0 ends the session) or in MoldUDP64 packets inside a packet capture. Prices are `10^-4`
//! dollars, times nanoseconds after midnight in 6 bytes.
//!
//! Layouts: "Nasdaq TotalView-ITCH 5.0" specification, Nasdaq Trader.

mod encode;
mod frame;
mod generate;

use std::collections::BTreeMap;

use proofbook_types::Side;

pub use encode::Encoder;
use frame::Framing;
pub use frame::{is_capture, MESSAGE_BYTES_MAX};
pub use generate::{generate, GeneratedMarket, GeneratedSummary};

use crate::error::{Place, ReplayError};
use crate::input::Content;
use crate::record::{MarketEvent, Record, RecordReader, Standing};

/// Digits after the point of a price.
pub const PRICE_DECIMALS: u8 = 4;

/// A message type: its letter, its length, and the name that reports use.
struct MessageType {
    letter: u8,
    length: usize,
    name: &'static str,
}

/// Every message of ITCH 5.0.
const TYPES: [MessageType; 23] = [
    MessageType {
        letter: b'S',
        length: 12,
        name: "S system_event",
    },
    MessageType {
        letter: b'R',
        length: 39,
        name: "R stock_directory",
    },
    MessageType {
        letter: b'H',
        length: 25,
        name: "H trading_action",
    },
    MessageType {
        letter: b'Y',
        length: 20,
        name: "Y reg_sho",
    },
    MessageType {
        letter: b'L',
        length: 26,
        name: "L participant_position",
    },
    MessageType {
        letter: b'V',
        length: 35,
        name: "V mwcb_decline",
    },
    MessageType {
        letter: b'W',
        length: 12,
        name: "W mwcb_status",
    },
    MessageType {
        letter: b'K',
        length: 28,
        name: "K ipo_quoting",
    },
    MessageType {
        letter: b'J',
        length: 35,
        name: "J luld_collar",
    },
    MessageType {
        letter: b'h',
        length: 21,
        name: "h operational_halt",
    },
    MessageType {
        letter: b'A',
        length: 36,
        name: "A add",
    },
    MessageType {
        letter: b'F',
        length: 40,
        name: "F add_attributed",
    },
    MessageType {
        letter: b'E',
        length: 31,
        name: "E executed",
    },
    MessageType {
        letter: b'C',
        length: 36,
        name: "C executed_with_price",
    },
    MessageType {
        letter: b'X',
        length: 23,
        name: "X cancel",
    },
    MessageType {
        letter: b'D',
        length: 19,
        name: "D delete",
    },
    MessageType {
        letter: b'U',
        length: 35,
        name: "U replace",
    },
    MessageType {
        letter: b'P',
        length: 44,
        name: "P trade",
    },
    MessageType {
        letter: b'Q',
        length: 40,
        name: "Q cross_trade",
    },
    MessageType {
        letter: b'B',
        length: 19,
        name: "B broken_trade",
    },
    MessageType {
        letter: b'I',
        length: 50,
        name: "I imbalance",
    },
    MessageType {
        letter: b'N',
        length: 20,
        name: "N retail_interest",
    },
    MessageType {
        letter: b'O',
        length: 48,
        name: "O direct_listing",
    },
];

fn message_type(letter: u8) -> Option<&'static MessageType> {
    TYPES.iter().find(|kind| kind.letter == letter)
}

/// Whether bytes begin with a length-framed message: a length that fits the type after it.
pub fn looks_framed(head: &[u8]) -> bool {
    match head {
        [high, low, letter, ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            message_type(*letter).is_some_and(|kind| kind.length == length)
        }
        _ => false,
    }
}

/// Big-endian fields of a message whose length was checked against its type.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.0[at], self.0[at + 1]])
    }

    fn number(&self, at: usize, bytes: usize) -> u64 {
        self.0[at..at + bytes]
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    fn price(&self, at: usize) -> i64 {
        self.number(at, 4) as i64
    }

    fn symbol(&self, at: usize) -> String {
        String::from_utf8_lossy(&self.0[at..at + 8])
            .trim_end()
            .to_string()
    }
}

/// Reads ITCH messages from any framing.
pub struct Messages {
    framing: Framing,
    buffer: Vec<u8>,
    number: u64,
    /// Stock by locate code; at most 65,536 of them.
    symbols: BTreeMap<u16, String>,
}

impl Messages {
    /// Length-framed messages, as in the exchange's daily files.
    pub fn framed(content: Content) -> Self {
        Messages::new(Framing::lengths(content))
    }

    /// MoldUDP64 packets in a packet capture.
    ///
    /// # Errors
    /// The capture's header is not one that is read.
    pub fn captured(content: Content) -> Result<Self, ReplayError> {
        Ok(Messages::new(Framing::capture(content)?))
    }

    fn new(framing: Framing) -> Self {
        Messages {
            framing,
            buffer: Vec::with_capacity(MESSAGE_BYTES_MAX),
            number: 0,
            symbols: BTreeMap::new(),
        }
    }

    fn decode(&mut self, place: Place) -> Result<Record, ReplayError> {
        let Some(letter) = self.buffer.first().copied() else {
            return Err(ReplayError::malformed(
                place,
                "expected a message, received none",
            ));
        };
        let Some(kind) = message_type(letter) else {
            return Err(ReplayError::malformed(
                place,
                format!(
                    "expected an ITCH 5.0 message type, received {:?} (0x{letter:02X})",
                    char::from(letter)
                ),
            ));
        };
        if self.buffer.len() != kind.length {
            return Err(ReplayError::malformed(
                place,
                format!(
                    "expected {} bytes for a message of type {}, received {}",
                    kind.length,
                    kind.name,
                    self.buffer.len()
                ),
            ));
        }
        let fields = Fields(&self.buffer);
        let locate = fields.u16(1);
        if let Some(at) = symbol_at(letter) {
            self.symbols
                .entry(locate)
                .or_insert_with(|| fields.symbol(at));
        }
        let event = event(letter, &fields).map_err(|what| ReplayError::malformed(place, what))?;
        let standing = match event {
            MarketEvent::Add { side, price, .. } => Some(Standing { side, price }),
            _ => None,
        };
        Ok(Record {
            number: self.number,
            time_ns: fields.number(5, 6),
            kind: kind.name,
            instrument: u32::from(locate),
            standing,
            event,
        })
    }
}

/// Where a message of this type names its stock.
fn symbol_at(letter: u8) -> Option<usize> {
    match letter {
        b'R' | b'H' => Some(11),
        b'A' | b'F' => Some(24),
        _ => None,
    }
}

fn event(letter: u8, fields: &Fields) -> Result<MarketEvent, String> {
    let order_id = if fields.0.len() >= 19 {
        fields.number(11, 8)
    } else {
        0
    };
    Ok(match letter {
        b'A' | b'F' => MarketEvent::Add {
            order_id,
            side: match fields.0[19] {
                b'B' => Side::Buy,
                b'S' => Side::Sell,
                other => {
                    return Err(format!(
                        "side: expected 'B' or 'S', received {:?}",
                        char::from(other)
                    ))
                }
            },
            quantity: fields.number(20, 4),
            price: fields.price(32),
        },
        b'E' => MarketEvent::Execute {
            order_id,
            quantity: fields.number(19, 4),
            price: None,
        },
        b'C' => MarketEvent::Execute {
            order_id,
            quantity: fields.number(19, 4),
            price: Some(fields.price(32)),
        },
        b'X' => MarketEvent::Reduce {
            order_id,
            quantity: fields.number(19, 4),
        },
        b'D' => MarketEvent::Delete {
            order_id,
            quantity: None,
        },
        b'U' => MarketEvent::Replace {
            order_id,
            new_id: fields.number(19, 8),
            quantity: fields.number(27, 4),
            price: fields.price(31),
        },
        b'P' => MarketEvent::Trade {
            price: fields.price(32),
            quantity: fields.number(20, 4),
        },
        b'Q' => MarketEvent::Trade {
            price: fields.price(27),
            quantity: fields.number(11, 8),
        },
        _ => MarketEvent::Nothing,
    })
}

impl RecordReader for Messages {
    fn next_record(&mut self) -> Result<Option<Record>, ReplayError> {
        self.number += 1;
        match self.framing.next_message(self.number, &mut self.buffer)? {
            None => Ok(None),
            Some(offset) => self
                .decode(Place::Record {
                    number: self.number,
                    offset,
                })
                .map(Some),
        }
    }

    fn symbol(&self, instrument: u32) -> Option<String> {
        let locate = u16::try_from(instrument).ok()?;
        self.symbols.get(&locate).cloned()
    }
}
