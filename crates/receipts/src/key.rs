//! The operator's keys: Ed25519 (RFC 8032), checked strictly.
//!
//! A secret key is a seed of 32 bytes in a file of one line of hexadecimal digits, which nobody but its owner may read. A public key
//! is a line of the same kind. Keys of small order, whose signatures hold of anything, and second encodings of a point are refused.

use std::error::Error;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use zeroize::{Zeroize, Zeroizing};

/// Length of a key in hexadecimal, with the end of its line.
pub const KEY_LINE_BYTES: usize = 65;

/// Bytes of a signature.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// Why something is no key, or cannot be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// Something else than 64 lower-case hexadecimal digits.
    Digits,
    /// No point of the curve.
    NoPoint,
    /// A point in another encoding than its only one.
    NotCanonical,
    /// A point of small order: a signature under it holds of anything.
    SmallOrder,
    /// Others than its owner may read the file.
    Permissions {
        /// Its permission bits.
        received: u32,
    },
    /// The file cannot be read or written, or there is one already.
    Io(io::Error),
    /// The system gives no random numbers.
    Randomness(String),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::Digits => write!(
                f,
                "key: expected 64 lower-case hexadecimal digits in one line; received something else"
            ),
            KeyError::NoPoint => write!(f, "public key: expected a point of the curve; received none"),
            KeyError::NotCanonical => write!(
                f,
                "public key: expected the only encoding of its point; received another one"
            ),
            KeyError::SmallOrder => write!(
                f,
                "public key: expected a point of large order; received one of small order, under which anything is signed"
            ),
            KeyError::Permissions { received } => write!(
                f,
                "secret key: expected a file that only its owner may read (mode 0600); received mode {received:04o}"
            ),
            KeyError::Io(error) => write!(f, "key: {error}"),
            KeyError::Randomness(error) => write!(f, "key: the system gives no random numbers: {error}"),
        }
    }
}

impl Error for KeyError {}

impl From<io::Error> for KeyError {
    fn from(error: io::Error) -> Self {
        KeyError::Io(error)
    }
}

/// The 32 bytes of 64 lower-case hexadecimal digits.
fn bytes_of(digits: &[u8]) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = digits.try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for &digit in pair {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *byte = *byte << 4 | value;
        }
    }
    Some(bytes)
}

fn write_digits(bytes: &[u8; 32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Whom signatures are checked against.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key with these bytes.
    ///
    /// # Errors
    /// Bytes of no point, of one of small order, or not its only encoding.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NoPoint)?;
        if key.is_weak() {
            return Err(KeyError::SmallOrder);
        }
        // y is below p = 2^255 - 19; the bit above it is the sign of x, which is no zero where the order is large.
        let is_below = bytes[0] < 0xed || bytes[1..31] != [0xff; 30] || bytes[31] & 0x7f != 0x7f;
        if !is_below {
            return Err(KeyError::NotCanonical);
        }
        Ok(PublicKey(key))
    }

    /// The key that 64 lower-case hexadecimal digits write, with or without the end of a line.
    ///
    /// # Errors
    /// Something else, or as [`PublicKey::from_bytes`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let digits = text.strip_suffix('\n').unwrap_or(text);
        let bytes = bytes_of(digits.as_bytes()).ok_or(KeyError::Digits)?;
        PublicKey::from_bytes(&bytes)
    }

    /// Its only encoding.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Whether a signature is this key's, of this message, and the only one of its kind: R and s reduced, R not of small order.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        let signature = Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_digits(&self.to_bytes(), f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the operator signs with. It is wiped from memory when it goes, and never printed.
#[derive(Clone)]
pub struct OperatorKey(SigningKey);

impl fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperatorKey({})", self.public_key())
    }
}

impl OperatorKey {
    /// A new key, from the system's random numbers.
    ///
    /// # Errors
    /// The system gives none.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|error| KeyError::Randomness(error.to_string()))?;
        Ok(OperatorKey::from_seed(&seed))
    }

    /// The key of a seed, which must be random and secret.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        OperatorKey(SigningKey::from_bytes(seed))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// It cannot be read, others may read it, or it holds something else.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let mut file = File::open(path)?;
        check_permissions(&file)?;
        let mut text = Zeroizing::new(Vec::with_capacity(KEY_LINE_BYTES + 1));
        let most = KEY_LINE_BYTES as u64 + 1;
        Read::by_ref(&mut file).take(most).read_to_end(&mut text)?;
        let digits = text.strip_suffix(b"\n").unwrap_or(&text);
        let seed = Zeroizing::new(bytes_of(digits).ok_or(KeyError::Digits)?);
        Ok(OperatorKey::from_seed(&seed))
    }

    /// Writes the key into a new file that only its owner may read. A file that is there is never overwritten.
    ///
    /// # Errors
    /// There is a file, or it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut seed = self.0.to_bytes();
        let mut line = Zeroizing::new(String::with_capacity(KEY_LINE_BYTES));
        for byte in seed {
            let digit = |value: u8| char::from_digit(value.into(), 16).expect("below sixteen");
            line.extend([digit(byte >> 4), digit(byte & 15)]);
        }
        seed.zeroize();
        line.push('\n');
        file.write_all(line.as_bytes())?;
        Ok(file.sync_all()?)
    }

    /// The key that its signatures are checked against.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(message).to_bytes()
    }
}

#[cfg(unix)]
fn check_permissions(file: &File) -> Result<(), KeyError> {
    let mode = std::os::unix::fs::MetadataExt::mode(&file.metadata()?) & 0o7777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(KeyError::Permissions { received: mode })
    }
}

#[cfg(not(unix))]
fn check_permissions(_file: &File) -> Result<(), KeyError> {
    Ok(())
}
