//! Who speaks with whom, and in which version: what a session is found by.

use core::fmt;

use proofbook_fix::{tag, Frame, ParsedMessage, SIMDMessageParser, Version, SOH};

/// The longest name of a party.
const NAME_BYTES_MAX: usize = 64;

/// The parties of a session. Each of their names has 1 to 64 bytes and no separator.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    begin_string: &'static [u8],
    pub(crate) ours: Vec<u8>,
    pub(crate) theirs: Vec<u8>,
    pub(crate) our_sub: Option<Vec<u8>>,
    pub(crate) their_sub: Option<Vec<u8>>,
}

/// A name that none can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityError {
    /// What was given.
    pub received: Vec<u8>,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected a name of 1 to {NAME_BYTES_MAX} bytes without a separator, received \"{}\"",
            self.received.escape_ascii()
        )
    }
}

impl std::error::Error for IdentityError {}

fn name(text: &[u8]) -> Result<Vec<u8>, IdentityError> {
    let is_name = (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.contains(&SOH);
    is_name.then(|| text.to_vec()).ok_or_else(|| IdentityError {
        received: text.to_vec(),
    })
}

impl Identity {
    /// The session in which `theirs` (their SenderCompID) speaks to `ours` (their TargetCompID).
    ///
    /// # Errors
    /// A name is empty, too long or has a separator.
    pub fn new(version: Version, theirs: &[u8], ours: &[u8]) -> Result<Self, IdentityError> {
        Ok(Identity {
            begin_string: version.begin_string(),
            ours: name(ours)?,
            theirs: name(theirs)?,
            our_sub: None,
            their_sub: None,
        })
    }

    /// With names within the parties (SenderSubID and TargetSubID of what the peer sends), which every message must then have.
    ///
    /// # Errors
    /// As [`Identity::new`].
    pub fn with_subs(self, theirs: &[u8], ours: &[u8]) -> Result<Self, IdentityError> {
        Ok(Identity {
            our_sub: Some(name(ours)?),
            their_sub: Some(name(theirs)?),
            ..self
        })
    }

    /// The version that the session speaks.
    pub fn version(&self) -> Version {
        Version::from_begin_string(self.begin_string).expect("it came from a version")
    }

    /// The peer's CompID.
    pub fn theirs(&self) -> &[u8] {
        &self.theirs
    }

    /// Our CompID.
    pub fn ours(&self) -> &[u8] {
        &self.ours
    }

    /// Whether a name in the message is another one than the session's. A missing or an empty one is validation's to find.
    pub(crate) fn is_contradicted(&self, message: &ParsedMessage<'_>) -> bool {
        let differs = |tag: i32, expected: &[u8]| {
            message
                .get(tag)
                .is_some_and(|field| !field.value.is_empty() && field.value != expected)
        };
        let sub_differs = |tag: i32, expected: &Option<Vec<u8>>| {
            let received = message.get(tag).map(|field| field.value);
            expected.as_deref().is_some_and(|sub| received != Some(sub))
        };
        differs(tag::SENDER_COMP_ID, &self.theirs)
            || differs(tag::TARGET_COMP_ID, &self.ours)
            || sub_differs(tag::SENDER_SUB_ID, &self.their_sub)
            || sub_differs(tag::TARGET_SUB_ID, &self.our_sub)
    }
}

/// Whose session the first bytes of a connection want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peek {
    /// The first message is not whole.
    NeedMore,
    /// No Logon, or not of a version that is spoken: close the connection.
    Refused,
    /// Without the names within the parties, which the session itself checks.
    Identity(Identity),
}

/// Reads the identity that the first message of a connection names. Nothing is consumed: the session that is found receives the same bytes.
pub fn peek(parser: &mut SIMDMessageParser, input: &[u8]) -> Peek {
    let frame = match parser.frame(input) {
        Frame::NeedMore => return Peek::NeedMore,
        Frame::Garbled { .. } => return Peek::Refused,
        Frame::Whole(frame) => frame,
    };
    let Ok(message) = parser.parse(frame) else {
        return Peek::Refused;
    };
    let version = Version::from_begin_string(message.begin_string());
    let names = (
        message.get(tag::SENDER_COMP_ID),
        message.get(tag::TARGET_COMP_ID),
    );
    match (message.message_type(), version, names) {
        (b"A", Some(version), (Some(theirs), Some(ours))) => {
            Identity::new(version, theirs.value, ours.value).map_or(Peek::Refused, Peek::Identity)
        }
        _ => Peek::Refused,
    }
}
