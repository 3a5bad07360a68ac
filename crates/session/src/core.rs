//! What a session sends, and what it knows of its connection. Everything that goes out is written here.
//!
//! Invariants: a number is taken from the store before its message is given to the output; nothing is written while the peer is not logged on, but an application
//! message is kept under its number, and the peer asks for it later.

use std::sync::Arc;

use proofbook_fix::{
    tag, Draft, EncodeError, Kernel, MessageEncoder, ParsedMessage, SessionReject,
    MESSAGE_BYTES_MAX,
};

use crate::authentication::Authenticator;
use crate::header::{routes_back, Header, HeaderField, OriginalTime, SESSION_TAGS};
use crate::output::Output;
use crate::reject::{business_reject, session_reject, BusinessReject};
use crate::resend::Resend;
use crate::session::{DisconnectReason, SendError};
use crate::settings::Settings;
use crate::store::{Store, StoreError};

/// What PossDupFlag and OrigSendingTime add to a message that is sent again.
const RESEND_BYTES: usize = 48;

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There is none.
    Disconnected,
    /// The peer has not logged on.
    AwaitingLogon { since_ns: u64 },
    /// It has.
    Active,
    /// We sent a Logout and wait for theirs.
    LoggingOut { until_ns: u64 },
}

/// What the store is told of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeping {
    /// All of it: the peer may ask for it again.
    Message,
    /// Its number.
    Number,
    /// Its number, which may be forgotten in a crash.
    Transient,
}

/// Messages that the peer was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    /// The last number that was missing or seen when we asked.
    pub(crate) end: u64,
    /// When to give up, without progress.
    pub(crate) until_ns: u64,
}

pub(crate) struct Core<S> {
    pub(crate) settings: Settings,
    pub(crate) store: S,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) state: State,
    /// Set once the connection is to be closed.
    pub(crate) disconnect: Option<DisconnectReason>,
    pub(crate) heartbeat_ns: u64,
    pub(crate) last_sent_ns: u64,
    pub(crate) last_received_ns: u64,
    pub(crate) is_test_request_open: bool,
    pub(crate) gap: Option<Gap>,
    pub(crate) resend: Option<Resend>,
    pub(crate) encoder: MessageEncoder,
    /// Where messages are written that do not go out now.
    scratch: Box<[u8]>,
}

impl<S: Store> Core<S> {
    pub(crate) fn new(
        settings: Settings,
        store: S,
        authenticator: Arc<dyn Authenticator>,
        kernel: Kernel,
    ) -> Self {
        let version = settings.identity.version();
        Core {
            settings,
            store,
            authenticator,
            state: State::Disconnected,
            disconnect: None,
            heartbeat_ns: 0,
            last_sent_ns: 0,
            last_received_ns: 0,
            is_test_request_open: false,
            gap: None,
            resend: None,
            encoder: MessageEncoder::new(kernel, version),
            scratch: vec![0; MESSAGE_BYTES_MAX].into(),
        }
    }

    pub(crate) fn expected(&self) -> u64 {
        self.store.numbers().incoming
    }

    /// How long the peer may be silent: 1.2 intervals, as the specification's "reasonable transmission time" is usually taken.
    pub(crate) fn patience_ns(&self) -> u64 {
        self.heartbeat_ns / 5 * 6
    }

    /// Ends the connection; the first reason stays.
    pub(crate) fn end(&mut self, reason: DisconnectReason) {
        self.disconnect.get_or_insert(reason);
    }

    /// Writes a message under the next number. What is kept is kept whether it goes out or not.
    fn write(
        &mut self,
        output: &mut impl Output,
        now_ns: u64,
        message_type: &[u8],
        extra: &[HeaderField<'_>],
        keeping: Keeping,
        body: impl FnOnce(&mut Draft<'_>),
    ) -> Result<u64, SendError> {
        let number = self.store.numbers().outgoing;
        let is_online = self.disconnect.is_none()
            && matches!(self.state, State::Active | State::LoggingOut { .. });
        let room = output.room();
        let has_room = room.len() >= MESSAGE_BYTES_MAX;
        let buffer = if is_online && has_room {
            room
        } else {
            &mut self.scratch
        };
        let buffer = &mut buffer[..MESSAGE_BYTES_MAX - RESEND_BYTES];
        let base = buffer.as_ptr().addr();
        let mut draft = self.encoder.begin(buffer, message_type);
        let header = Header {
            identity: &self.settings.identity,
            number,
            time_ns: now_ns,
            original_time: None,
            extra,
        };
        header.write(&mut draft);
        body(&mut draft);
        let message = draft.finish().map_err(SendError::Encode)?;
        let start = message.as_ptr().addr() - base;
        let end = start + message.len();
        let taken = match keeping {
            Keeping::Message => self.store.append(Some(message)),
            Keeping::Number => self.store.append(None),
            Keeping::Transient => self.store.append_transient().map(drop),
        };
        taken.map_err(SendError::Store)?;
        if !is_online {
            return Ok(number);
        }
        if has_room {
            output.commit(start..end);
            self.last_sent_ns = now_ns;
        } else {
            self.end(DisconnectReason::OutputFull);
        }
        Ok(number)
    }

    /// Sends an application message.
    pub(crate) fn application(
        &mut self,
        output: &mut impl Output,
        now_ns: u64,
        message_type: &[u8],
        header: &[HeaderField<'_>],
        body: impl FnOnce(&mut Draft<'_>),
    ) -> Result<u64, SendError> {
        let tags = || header.iter().map(|field| field.tag);
        assert!(
            tags().is_sorted() && !tags().any(|tag| SESSION_TAGS.contains(&tag)),
            "expected fields by rising tag, none of the session's, received {header:?}"
        );
        let keeping = Keeping::Message;
        self.write(output, now_ns, message_type, header, keeping, body)
    }

    /// Sends an application message now or never. Its number, if it went out.
    pub(crate) fn transient(
        &mut self,
        output: &mut impl Output,
        now_ns: u64,
        message_type: &[u8],
        body: impl FnOnce(&mut Draft<'_>),
    ) -> Result<Option<u64>, SendError> {
        let is_active = self.state == State::Active && self.disconnect.is_none();
        if !is_active || output.room().len() < MESSAGE_BYTES_MAX {
            return Ok(None);
        }
        self.write(output, now_ns, message_type, &[], Keeping::Transient, body)
            .map(Some)
    }

    /// Sends an administrative message. What it repeats of a peer's message is bounded, so it always fits.
    pub(crate) fn administrative(
        &mut self,
        output: &mut impl Output,
        now_ns: u64,
        message_type: &[u8],
        extra: &[HeaderField<'_>],
        body: impl FnOnce(&mut Draft<'_>),
    ) -> Result<(), StoreError> {
        let keeping = Keeping::Number;
        match self.write(output, now_ns, message_type, extra, keeping, body) {
            Ok(_) => Ok(()),
            Err(SendError::Store(error)) => Err(error),
            Err(SendError::Encode(error)) => {
                self.end(DisconnectReason::Unanswerable(error));
                Ok(())
            }
        }
    }

    pub(crate) fn reject(
        &mut self,
        output: &mut impl Output,
        now_ns: u64,
        message: &ParsedMessage<'_>,
        number: u64,
        reject: SessionReject,
    ) -> Result<(), StoreError> {
        let version = self.encoder.version();
        let routes = routes_back(&self.settings.identity, message);
        self.administrative(output, now_ns, b"3", &routes, |draft| {
            session_reject(draft, version, message, number, reject);
        })
    }

    pub(crate) fn business_reject(
        &mut self,
        output: &mut impl Output,
        now_ns: u64,
        message: &ParsedMessage<'_>,
        number: u64,
        reject: &BusinessReject,
    ) -> Result<(), SendError> {
        let routes = routes_back(&self.settings.identity, message);
        self.write(output, now_ns, b"j", &routes, Keeping::Message, |draft| {
            business_reject(draft, message, number, reject);
        })?;
        Ok(())
    }

    /// Sends a Logout and waits for the peer's.
    pub(crate) fn logout(
        &mut self,
        output: &mut impl Output,
        now_ns: u64,
        text: Option<&str>,
    ) -> Result<(), StoreError> {
        self.administrative(output, now_ns, b"5", &[], |draft| {
            if let Some(text) = text {
                draft.text(tag::TEXT, text.as_bytes());
            }
        })?;
        let until_ns = now_ns.saturating_add(self.settings.logout_limit_ns);
        self.state = State::LoggingOut { until_ns };
        Ok(())
    }

    /// Asks for everything from the expected number on, unless that was done.
    pub(crate) fn request_gap(
        &mut self,
        output: &mut impl Output,
        now_ns: u64,
        seen: u64,
    ) -> Result<(), StoreError> {
        if self.gap.is_some() {
            return Ok(());
        }
        let expected = self.expected();
        self.gap = Some(Gap {
            end: seen,
            until_ns: now_ns.saturating_add(self.settings.gap_limit_ns),
        });
        self.administrative(output, now_ns, b"2", &[], |draft| {
            draft.unsigned(tag::BEGIN_SEQ_NO, expected);
            draft.unsigned(tag::END_SEQ_NO, 0);
        })
    }

    /// The next expected number is this one.
    pub(crate) fn set_expected(&mut self, next: u64, now_ns: u64) -> Result<(), StoreError> {
        self.store.set_incoming(next)?;
        if let Some(gap) = &mut self.gap {
            gap.until_ns = now_ns.saturating_add(self.settings.gap_limit_ns);
            if next > gap.end {
                self.gap = None;
            }
        }
        Ok(())
    }

    /// A message of this number is done with, which moves on the expected one only where it was that.
    pub(crate) fn consume(&mut self, number: u64, now_ns: u64) -> Result<(), StoreError> {
        if number == self.expected() {
            self.set_expected(number + 1, now_ns)?;
        }
        Ok(())
    }

    /// Both sides start with 1.
    pub(crate) fn reset(&mut self) -> Result<(), StoreError> {
        (self.gap, self.resend) = (None, None);
        self.store.reset()
    }

    /// Writes a message of an earlier number to the output alone. `false` where it does not fit a message.
    pub(crate) fn rewrite(
        &mut self,
        output: &mut impl Output,
        header: &Repeated<'_>,
        body: impl FnOnce(&mut Draft<'_>),
    ) -> bool {
        let room = output.room();
        let base = room.as_ptr().addr();
        let mut draft = self.encoder.begin(room, header.message_type);
        let fields = Header {
            identity: &self.settings.identity,
            number: header.number,
            time_ns: header.time_ns,
            original_time: Some(header.original_time),
            extra: header.extra,
        };
        fields.write(&mut draft);
        body(&mut draft);
        let message: Result<&[u8], EncodeError> = draft.finish();
        let Ok(message) = message else {
            return false;
        };
        let start = message.as_ptr().addr() - base;
        let end = start + message.len();
        output.commit(start..end);
        self.last_sent_ns = header.time_ns;
        true
    }
}

/// The header of a message that is sent again.
pub(crate) struct Repeated<'h> {
    pub(crate) message_type: &'h [u8],
    pub(crate) number: u64,
    pub(crate) time_ns: u64,
    pub(crate) original_time: OriginalTime<'h>,
    pub(crate) extra: &'h [HeaderField<'h>],
}
