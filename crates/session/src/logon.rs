//! Logons: the first message of a connection, and one that resets the numbers within it.
//!
//! Until the peer has shown who it is, nothing is answered and nothing is remembered. From then on it is told what is wrong, in a Logout.

use proofbook_fix::{tag, validate, ParsedMessage, SessionReject, SessionRejectReason, Version};

use crate::authentication::{Evidence, LogonRequest};
use crate::core::State;
use crate::output::{Application, Output};
use crate::session::{DisconnectReason, Session};
use crate::settings::SECOND_NS;
use crate::store::{Store, StoreError};

/// What a Logon of a peer that is known asks for.
struct Terms {
    number: u64,
    heartbeat_seconds: u32,
    is_reset: bool,
    evidence: Evidence,
    sent_ns: u64,
}

/// What is wrong with a Logon.
enum Wrong {
    /// Close the connection without a word.
    Silently(DisconnectReason),
    /// Say so.
    Aloud(String),
}

fn silently(reason: DisconnectReason) -> Wrong {
    Wrong::Silently(reason)
}

impl<S: Store> Session<S> {
    /// The first message of a connection.
    pub(crate) fn first(
        &mut self,
        message: &ParsedMessage<'_>,
        now_ns: u64,
        output: &mut impl Output,
        application: &mut impl Application,
    ) -> Result<(), StoreError> {
        match self.terms(message, now_ns) {
            Ok(terms) => self.log_on(message, &terms, now_ns, output, application),
            Err(Wrong::Silently(reason)) => {
                self.core.end(reason);
                Ok(())
            }
            Err(Wrong::Aloud(text)) => self.refuse(&text, now_ns, output),
        }
    }

    /// A Logon within a session: it may reset the numbers, and nothing else.
    pub(crate) fn log_on_again(
        &mut self,
        message: &ParsedMessage<'_>,
        number: u64,
        now_ns: u64,
        output: &mut impl Output,
        application: &mut impl Application,
    ) -> Result<(), StoreError> {
        match self.terms(message, now_ns) {
            Ok(terms) if terms.is_reset => {
                self.log_on(message, &terms, now_ns, output, application)
            }
            Ok(_) => {
                let reject = SessionReject {
                    reason: SessionRejectReason::Other,
                    tag: None,
                };
                self.core.reject(output, now_ns, message, number, reject)?;
                self.core.consume(number, now_ns)
            }
            Err(Wrong::Silently(reason)) => {
                self.core.end(reason);
                Ok(())
            }
            Err(Wrong::Aloud(text)) => self.refuse(&text, now_ns, output),
        }
    }

    fn refuse(
        &mut self,
        text: &str,
        now_ns: u64,
        output: &mut impl Output,
    ) -> Result<(), StoreError> {
        self.core.state = State::Active; // so that it goes out
        self.core.logout(output, now_ns, Some(text))?;
        self.core.end(DisconnectReason::LogonRefused);
        Ok(())
    }

    /// Checks a Logon, in the order in which little is given away.
    fn terms(&self, message: &ParsedMessage<'_>, now_ns: u64) -> Result<Terms, Wrong> {
        let settings = &self.core.settings;
        let version = settings.identity.version();
        if message.message_type() != b"A" {
            return Err(silently(DisconnectReason::LogonExpected));
        }
        if Version::from_begin_string(message.begin_string()) != Some(version)
            || settings.identity.is_contradicted(message)
            || validate(version.dictionary(), message, settings.user_fields).is_err()
        {
            return Err(silently(DisconnectReason::LogonInvalid));
        }
        let Some(sent_ns) = self.timely(message, now_ns) else {
            return Err(silently(DisconnectReason::LogonTime));
        };
        let request = LogonRequest::new(version, message);
        let evidence = self.core.authenticator.authenticate(&request);
        let evidence =
            evidence.map_err(|error| silently(DisconnectReason::Unauthenticated(error)))?;
        if evidence == Evidence::Signature && sent_ns <= self.numbers().logon_time_ns {
            return Err(silently(DisconnectReason::Replayed));
        }
        let number = |tag| message.get(tag).and_then(|field| field.unsigned().ok());
        let flag = |tag| message.get(tag).is_some_and(|field| field.value == b"Y");
        let sequence = number(tag::MSG_SEQ_NUM).unwrap_or(0);
        let terms = Terms {
            number: sequence,
            heartbeat_seconds: self.heartbeat(message).map_err(Wrong::Aloud)?,
            is_reset: flag(tag::RESET_SEQ_NUM_FLAG),
            evidence,
            sent_ns,
        };
        if number(tag::ENCRYPT_METHOD) != Some(0) {
            return Err(Wrong::Aloud("EncryptMethod must be 0".to_owned()));
        }
        let expected = if terms.is_reset {
            1
        } else {
            self.core.expected()
        };
        if sequence < expected {
            return Err(Wrong::Aloud(format!(
                "MsgSeqNum too low, expecting {expected} but received {sequence}"
            )));
        }
        if terms.is_reset && sequence > 1 {
            return Err(Wrong::Aloud(format!(
                "ResetSeqNumFlag needs MsgSeqNum 1, received {sequence}"
            )));
        }
        Ok(terms)
    }

    fn heartbeat(&self, message: &ParsedMessage<'_>) -> Result<u32, String> {
        let settings = &self.core.settings;
        let range = settings.heartbeat_seconds_min..=settings.heartbeat_seconds_max;
        let seconds = message.get(tag::HEART_BT_INT);
        let seconds = seconds.and_then(|field| field.integer().ok()).unwrap_or(-1);
        let as_u32 = u32::try_from(seconds).ok();
        as_u32
            .filter(|seconds| range.contains(seconds))
            .ok_or_else(|| {
                format!(
                    "HeartBtInt must be {} to {}, received {seconds}",
                    range.start(),
                    range.end()
                )
            })
    }

    fn log_on(
        &mut self,
        message: &ParsedMessage<'_>,
        terms: &Terms,
        now_ns: u64,
        output: &mut impl Output,
        application: &mut impl Application,
    ) -> Result<(), StoreError> {
        if terms.is_reset {
            self.queue.clear();
            self.core.reset()?;
        }
        if terms.evidence == Evidence::Signature {
            self.core.store.set_logon_time(terms.sent_ns)?;
        }
        let core = &mut self.core;
        core.state = State::Active;
        core.heartbeat_ns = u64::from(terms.heartbeat_seconds) * SECOND_NS;
        core.last_received_ns = now_ns;
        core.administrative(output, now_ns, b"A", &[], |draft| {
            draft.unsigned(tag::ENCRYPT_METHOD, 0);
            draft.unsigned(tag::HEART_BT_INT, u64::from(terms.heartbeat_seconds));
            if terms.is_reset {
                draft.flag(tag::RESET_SEQ_NUM_FLAG, true);
            }
        })?;
        if terms.number > core.expected() {
            self.queue.insert(terms.number, message.bytes(), true);
            core.request_gap(output, now_ns, terms.number)?;
        } else {
            core.consume(terms.number, now_ns)?;
        }
        let version = core.settings.identity.version();
        application.logged_on(&LogonRequest::new(version, message));
        Ok(())
    }
}
