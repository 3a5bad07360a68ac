//! Short texts of fixed length: ids that clients give their orders, and symbols of assets and markets.
//!
//! Invariant: a text is printable ASCII, padded with zeros, so equal texts are equal bytes and there is no length to
//! keep beside it.

use std::fmt;

use proofbook_types::DecodeError;

/// The longest [`ClientId`].
pub const CLIENT_ID_BYTES: usize = 40;

/// The longest [`Symbol`].
pub const SYMBOL_BYTES: usize = 16;

/// A text that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextError {
    /// What the text was to be.
    pub what: &'static str,
    /// The most bytes.
    pub bytes_max: usize,
    /// How many bytes it has.
    pub received: usize,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a {} has 1 to {} printable ASCII characters; this has {} bytes or others",
            self.what, self.bytes_max, self.received
        )
    }
}

impl std::error::Error for TextError {}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident($bytes:ident), $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// No text.
            pub const NONE: $name = $name([0; $bytes]);

            /// The text.
            ///
            /// # Errors
            /// It is empty, too long, or not printable ASCII.
            pub fn new(text: &[u8]) -> Result<Self, TextError> {
                let is_text = (1..=$bytes).contains(&text.len())
                    && text.iter().all(|byte| (0x20..=0x7e).contains(byte));
                if !is_text {
                    return Err(TextError { what: $what, bytes_max: $bytes, received: text.len() });
                }
                let mut bytes = [0; $bytes];
                bytes[..text.len()].copy_from_slice(text);
                Ok($name(bytes))
            }

            /// Whether there is a text.
            pub fn is_some(&self) -> bool {
                self.0[0] != 0
            }

            /// The text's bytes.
            pub fn as_bytes(&self) -> &[u8] {
                let length = self.0.iter().position(|&byte| byte == 0).unwrap_or($bytes);
                &self.0[..length]
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                std::str::from_utf8(self.as_bytes()).expect("printable ASCII is UTF-8")
            }

            /// The text with its padding.
            pub(crate) fn padded(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// The text of padded bytes, or none.
            pub(crate) fn from_padded(bytes: &[u8; $bytes]) -> Result<Self, DecodeError> {
                if *bytes == [0; $bytes] {
                    return Ok($name::NONE);
                }
                let length = bytes.iter().position(|&byte| byte == 0).unwrap_or($bytes);
                match $name::new(&bytes[..length]) {
                    Ok(text) if text.0 == *bytes => Ok(text),
                    _ => Err(DecodeError::NotCanonical { what: $what }),
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

text! {
    /// The id that a client gives an order (in FIX: `ClOrdID`). [`ClientId::NONE`] is none.
    ClientId(CLIENT_ID_BYTES), "client id"
}

text! {
    /// The symbol of an asset or a market.
    Symbol(SYMBOL_BYTES), "symbol"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_bounds_and_one_form() {
        let id = ClientId::new(b"order 1").expect("it is a text");
        assert_eq!(id.as_str(), "order 1");
        assert_eq!(ClientId::from_padded(id.padded()), Ok(id));
        assert_eq!(
            ClientId::from_padded(&[0; CLIENT_ID_BYTES]),
            Ok(ClientId::NONE)
        );
        assert!(!ClientId::NONE.is_some() && id.is_some());
        let longest = ClientId::new(&[b'x'; CLIENT_ID_BYTES]).expect("it just fits");
        assert_eq!(longest.as_bytes().len(), CLIENT_ID_BYTES);
        for bad in [&b""[..], &[b'x'; CLIENT_ID_BYTES + 1], b"a\x01", b"\xff"] {
            assert!(ClientId::new(bad).is_err(), "{bad:?}");
        }
        let mut gap = *id.padded();
        gap[20] = b'x';
        assert!(ClientId::from_padded(&gap).is_err());
        assert!(Symbol::new(b"BTC-USD").is_ok());
    }
}
