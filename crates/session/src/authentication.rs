//! Who may log on: by signature, by user and password, or anyone.
//!
//! **Signature.** RawData (96) of the Logon is base64 of an Ed25519 signature over MsgType (35), SenderCompID (49), TargetCompID (56), MsgSeqNum (34) and
//! SendingTime (52): their values as they stand in the message, in this order, with a separator (byte 1) between them. It is checked strictly
//! (`verify_strict`: no weak keys, one signature a message). A signature that was seen is refused: SendingTime must be near the clock, and later than that
//! of the last signed Logon, which the session's store keeps.
//!
//! **Password.** Username and Password (553, 554); FIX 4.2 has neither, there SenderCompID is the user and RawData the password. Hashes are argon2id's in PHC form.
//! A check takes tens of milliseconds on purpose, so this is for local use and not for a thread that serves others.

use core::fmt;
use std::collections::BTreeMap;

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signature, VerifyingKey, SIGNATURE_LENGTH};
use proofbook_fix::{tag, ParsedMessage, Version, SOH};

/// What a Logon says of who it is. Values are as they stand in the message.
#[derive(Clone, Copy)]
pub struct LogonRequest<'m> {
    /// The version.
    pub version: Version,
    /// SenderCompID.
    pub sender: &'m [u8],
    /// TargetCompID.
    pub target: &'m [u8],
    /// MsgSeqNum.
    pub number: &'m [u8],
    /// SendingTime.
    pub sending_time: &'m [u8],
    /// Username.
    pub username: Option<&'m [u8]>,
    /// Password.
    pub password: Option<&'m [u8]>,
    /// RawData.
    pub raw_data: Option<&'m [u8]>,
}

impl<'m> LogonRequest<'m> {
    /// From a message that was validated, which has what it must have.
    pub(crate) fn new(version: Version, message: &ParsedMessage<'m>) -> Self {
        let value = |tag| message.get(tag).map(|field| field.value);
        let required = |tag| value(tag).expect("validation requires it of every header");
        LogonRequest {
            version,
            sender: required(tag::SENDER_COMP_ID),
            target: required(tag::TARGET_COMP_ID),
            number: required(tag::MSG_SEQ_NUM),
            sending_time: required(tag::SENDING_TIME),
            username: value(tag::USERNAME),
            password: value(tag::PASSWORD),
            raw_data: value(tag::RAW_DATA),
        }
    }
}

/// The text that a Logon's signature is over.
pub fn signed_text(logon: &LogonRequest<'_>) -> Vec<u8> {
    let parts: [&[u8]; 5] = [
        b"A",
        logon.sender,
        logon.target,
        logon.number,
        logon.sending_time,
    ];
    parts.join(&SOH)
}

/// How a peer has shown who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It has not.
    None,
    /// It knows a password.
    Password,
    /// It signed this Logon, which may not be accepted twice.
    Signature,
}

/// Why a peer is not who it says. It is told none of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationError {
    /// No key or password is known of the name.
    Unknown,
    /// The Logon has no signature, or no user or password.
    Missing,
    /// RawData is no base64 of 64 bytes.
    SignatureFormat,
    /// The signature is not over this Logon by this key.
    Signature,
    /// The password is another.
    Password,
}

impl fmt::Display for AuthenticationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AuthenticationError::Unknown => "expected a name that is registered, received another",
            AuthenticationError::Missing => {
                "expected a signature or user and password, received none"
            }
            AuthenticationError::SignatureFormat => {
                "expected base64 of 64 bytes in RawData, received something else"
            }
            AuthenticationError::Signature => {
                "expected a signature of this Logon by the registered key, received another"
            }
            AuthenticationError::Password => "expected the registered password, received another",
        })
    }
}

impl std::error::Error for AuthenticationError {}

/// Decides who may log on.
pub trait Authenticator: Send + Sync {
    /// How the Logon shows who it is.
    ///
    /// # Errors
    /// It does not; the connection ends without an answer.
    fn authenticate(&self, logon: &LogonRequest<'_>) -> Result<Evidence, AuthenticationError>;
}

/// Anyone may: where the connection itself says who it is, and in tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unauthenticated;

impl Authenticator for Unauthenticated {
    fn authenticate(&self, _: &LogonRequest<'_>) -> Result<Evidence, AuthenticationError> {
        Ok(Evidence::None)
    }
}

/// Public keys by SenderCompID.
#[derive(Clone, Debug, Default)]
pub struct Signatures {
    keys: BTreeMap<Vec<u8>, VerifyingKey>,
}

impl Signatures {
    /// Registers the key of a name, instead of an earlier one.
    ///
    /// # Errors
    /// The bytes are no public key, or a weak one.
    pub fn register(&mut self, sender: &[u8], key: &[u8; 32]) -> Result<(), UserError> {
        let key = VerifyingKey::from_bytes(key).ok();
        let key = key.filter(|key| !key.is_weak()).ok_or(UserError::Key)?;
        self.keys.insert(sender.to_vec(), key);
        Ok(())
    }
}

impl Authenticator for Signatures {
    fn authenticate(&self, logon: &LogonRequest<'_>) -> Result<Evidence, AuthenticationError> {
        let key = self.keys.get(logon.sender);
        let key = key.ok_or(AuthenticationError::Unknown)?;
        let text = logon.raw_data.ok_or(AuthenticationError::Missing)?;
        let mut bytes = [0; SIGNATURE_LENGTH];
        let decoded = Base64::decode(text, &mut bytes);
        if !decoded.is_ok_and(|bytes| bytes.len() == SIGNATURE_LENGTH) {
            return Err(AuthenticationError::SignatureFormat);
        }
        let signature = Signature::from_bytes(&bytes);
        key.verify_strict(&signed_text(logon), &signature)
            .map_err(|_| AuthenticationError::Signature)?;
        Ok(Evidence::Signature)
    }
}

/// Why a user is not registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserError {
    /// No Ed25519 public key, or a weak one.
    Key,
    /// No hash of argon2 in PHC form.
    Hash {
        /// Why not.
        reason: String,
    },
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UserError::Key => {
                f.write_str("expected an Ed25519 public key, received none or a weak one")
            }
            UserError::Hash { reason } => {
                write!(f, "expected an argon2 hash in PHC form, received: {reason}")
            }
        }
    }
}

impl std::error::Error for UserError {}

/// Hashes of passwords, each for one user as one SenderCompID.
#[derive(Clone, Default)]
pub struct Passwords {
    users: BTreeMap<Vec<u8>, User>,
}

#[derive(Clone)]
struct User {
    sender: Vec<u8>,
    hash: String,
}

impl Passwords {
    /// Registers a user, who may log on as `sender`, with the argon2 hash of the password (`$argon2id$v=19$...`).
    ///
    /// # Errors
    /// The text is no such hash.
    pub fn register(&mut self, user: &[u8], sender: &[u8], hash: &str) -> Result<(), UserError> {
        let bad = |reason: String| UserError::Hash { reason };
        let parsed = PasswordHash::new(hash).map_err(|error| bad(error.to_string()))?;
        if !parsed.algorithm.as_str().starts_with("argon2") || parsed.hash.is_none() {
            return Err(bad(format!("one of {}", parsed.algorithm)));
        }
        let registered = User {
            sender: sender.to_vec(),
            hash: hash.to_owned(),
        };
        self.users.insert(user.to_vec(), registered);
        Ok(())
    }
}

impl Authenticator for Passwords {
    fn authenticate(&self, logon: &LogonRequest<'_>) -> Result<Evidence, AuthenticationError> {
        let (user, password) = match logon.version {
            Version::Fix42 => (Some(logon.sender), logon.raw_data),
            Version::Fix44 => (logon.username, logon.password),
        };
        let (Some(user), Some(password)) = (user, password) else {
            return Err(AuthenticationError::Missing);
        };
        let user = self.users.get(user).ok_or(AuthenticationError::Unknown)?;
        if user.sender != logon.sender {
            return Err(AuthenticationError::Unknown);
        }
        let hash = PasswordHash::new(&user.hash).expect("it was read when it was registered");
        Argon2::default()
            .verify_password(password, &hash)
            .map_err(|_| AuthenticationError::Password)?;
        Ok(Evidence::Password)
    }
}
