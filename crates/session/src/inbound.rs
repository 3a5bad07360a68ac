//! What a message that comes in does, within a session.
//!
//! Order of the checks: version, number, names, time, limit; then the number against the expected one; then, for the message whose turn it is, the
//! dictionary. So a message that waits in the queue was of the right peer and time, and is looked into once it is its turn. Logout and ResendRequest
//! are answered whatever their number is, as peers that are out of step need them; a SequenceReset that resets has no number.

use std::cmp::Ordering;

use proofbook_fix::{tag, validate, Invalid, ParsedMessage, SessionReject, SessionRejectReason};

use crate::core::State;
use crate::output::{Application, Outgoing, Output};
use crate::reject::BusinessReject;
use crate::session::{DisconnectReason, SendError, Session};
use crate::settings::Excess;
use crate::store::{Store, StoreError, NUMBER_MAX};

/// The longest TestReqID that is sent back.
const TEST_ID_BYTES_MAX: usize = 1_024;

fn reason(reason: SessionRejectReason) -> SessionReject {
    SessionReject { reason, tag: None }
}

fn is_set(message: &ParsedMessage<'_>, tag: i32) -> bool {
    message.get(tag).is_some_and(|field| field.value == b"Y")
}

fn is_administrative(message: &ParsedMessage<'_>) -> bool {
    matches!(message.message_type(), [b'0'..=b'5' | b'A'])
}

/// What is wrong with a message that says it may be a duplicate.
enum Duplicate {
    Right,
    NoOriginalTime,
    OriginalTimeLater,
}

fn duplicate(message: &ParsedMessage<'_>) -> Duplicate {
    let time_ns = |tag| message.get(tag).map(|field| field.timestamp_ns());
    match (time_ns(tag::ORIG_SENDING_TIME), time_ns(tag::SENDING_TIME)) {
        // A SequenceReset stands for messages that may be no more.
        (None, _) if message.message_type() == b"4" => Duplicate::Right,
        (None, _) => Duplicate::NoOriginalTime,
        (Some(Ok(original_ns)), Some(Ok(sent_ns))) if original_ns > sent_ns => {
            Duplicate::OriginalTimeLater
        }
        _ => Duplicate::Right,
    }
}

impl<S: Store> Session<S> {
    /// SendingTime, where it is near enough to the clock; validation finds a missing one.
    pub(crate) fn timely(&self, message: &ParsedMessage<'_>, now_ns: u64) -> Option<u64> {
        let sent_ns = message.get(tag::SENDING_TIME)?.timestamp_ns().ok()?;
        let window_ns = self.core.settings.sending_time_window_ns;
        (sent_ns.abs_diff(now_ns) <= window_ns).then_some(sent_ns)
    }

    /// A message of the connection.
    pub(crate) fn arrive(
        &mut self,
        message: &ParsedMessage<'_>,
        now_ns: u64,
        output: &mut impl Output,
        application: &mut impl Application,
    ) -> Result<(), StoreError> {
        self.core.last_received_ns = now_ns;
        self.core.is_test_request_open = false;
        let number = message.get(tag::MSG_SEQ_NUM);
        let number = number.and_then(|field| field.unsigned().ok());
        match (self.core.state, number) {
            (State::AwaitingLogon { .. }, _) => {
                return self.first(message, now_ns, output, application)
            }
            (State::LoggingOut { .. }, Some(number)) => {
                return self.while_logging_out(message, number, now_ns)
            }
            (State::Active, Some(_)) => {}
            (State::Active, None) => {
                return self.core.logout(output, now_ns, Some("MsgSeqNum missing"))
            }
            _ => return Ok(()),
        }
        let number = number.expect("the arms without one have returned");
        if !self.accept(message, number, now_ns, output)? {
            return Ok(());
        }
        match message.message_type() {
            b"5" => return self.logout_received(number, now_ns, output),
            b"4" if !is_set(message, tag::GAP_FILL_FLAG) => {
                return self.reset_received(message, number, now_ns, output)
            }
            b"A" if is_set(message, tag::RESET_SEQ_NUM_FLAG)
                && !is_set(message, tag::POSS_DUP_FLAG) =>
            {
                return self.log_on_again(message, number, now_ns, output, application)
            }
            _ => {}
        }
        match number.cmp(&self.core.expected()) {
            Ordering::Equal => self.process(message, number, now_ns, output, application),
            Ordering::Less => self.too_low(message, number, now_ns, output),
            Ordering::Greater => {
                let is_answered = self.answer_out_of_turn(message);
                self.queue.insert(number, message.bytes(), is_answered);
                self.core.request_gap(output, now_ns, number)
            }
        }
    }

    /// The checks that every message has to pass, whatever its number. Whether it has.
    fn accept(
        &mut self,
        message: &ParsedMessage<'_>,
        number: u64,
        now_ns: u64,
        output: &mut impl Output,
    ) -> Result<bool, StoreError> {
        let core = &mut self.core;
        if message.begin_string() != core.encoder.version().begin_string() {
            core.consume(number, now_ns)?;
            core.logout(output, now_ns, Some("Incorrect BeginString"))?;
            return Ok(false);
        }
        let is_readable = message
            .get(tag::SENDING_TIME)
            .is_some_and(|field| field.timestamp_ns().is_ok());
        let wrong = if core.settings.identity.is_contradicted(message) {
            Some(SessionRejectReason::CompIdProblem)
        } else if is_readable && self.timely(message, now_ns).is_none() {
            Some(SessionRejectReason::SendingTimeAccuracy)
        } else {
            None
        };
        if let Some(wrong) = wrong {
            self.reject_and_log_out(message, number, wrong, now_ns, output)?;
            return Ok(false);
        }
        let is_within = self.is_within_administrative_limit(message, now_ns);
        if !is_within {
            let text = Some("Throttle limit exceeded");
            self.core.logout(output, now_ns, text)?;
        }
        Ok(is_within)
    }

    fn is_within_administrative_limit(&mut self, message: &ParsedMessage<'_>, now_ns: u64) -> bool {
        match &mut self.administrative_throttle {
            Some(throttle) if is_administrative(message) => throttle.take(now_ns),
            _ => true,
        }
    }

    fn reject_and_log_out(
        &mut self,
        message: &ParsedMessage<'_>,
        number: u64,
        wrong: SessionRejectReason,
        now_ns: u64,
        output: &mut impl Output,
    ) -> Result<(), StoreError> {
        let core = &mut self.core;
        core.consume(number, now_ns)?;
        core.reject(output, now_ns, message, number, reason(wrong))?;
        core.logout(output, now_ns, None)
    }

    /// After our Logout only theirs counts, and what they ask for again. Other messages keep their numbers for the next connection.
    fn while_logging_out(
        &mut self,
        message: &ParsedMessage<'_>,
        number: u64,
        now_ns: u64,
    ) -> Result<(), StoreError> {
        if message.begin_string() != self.core.encoder.version().begin_string()
            || self.core.settings.identity.is_contradicted(message)
        {
            return Ok(());
        }
        if message.message_type() == b"5" {
            self.core.consume(number, now_ns)?;
            self.core.end(DisconnectReason::LoggedOut);
        } else if self.is_within_administrative_limit(message, now_ns) {
            self.answer_out_of_turn(message);
        }
        Ok(())
    }

    fn logout_received(
        &mut self,
        number: u64,
        now_ns: u64,
        output: &mut impl Output,
    ) -> Result<(), StoreError> {
        self.core.consume(number, now_ns)?;
        self.core.logout(output, now_ns, None)?;
        self.core.end(DisconnectReason::LoggedOut);
        Ok(())
    }

    fn is_valid(&self, message: &ParsedMessage<'_>) -> bool {
        let dictionary = self.core.encoder.version().dictionary();
        validate(dictionary, message, self.core.settings.user_fields).is_ok()
    }

    /// Answers a ResendRequest before its turn: both sides may have a gap, and each would wait for the other. Whether it was one.
    fn answer_out_of_turn(&mut self, message: &ParsedMessage<'_>) -> bool {
        message.message_type() == b"2"
            && !is_set(message, tag::POSS_DUP_FLAG)
            && self.is_valid(message)
            && self.core.note_resend(message).is_ok()
    }

    /// A SequenceReset that is no GapFill: for recovery, whatever its own number is.
    fn reset_received(
        &mut self,
        message: &ParsedMessage<'_>,
        number: u64,
        now_ns: u64,
        output: &mut impl Output,
    ) -> Result<(), StoreError> {
        let dictionary = self.core.encoder.version().dictionary();
        let valid = validate(dictionary, message, self.core.settings.user_fields);
        if let Err(Invalid::Session(reject)) = valid {
            self.core.reject(output, now_ns, message, number, reject)?;
            return self.core.consume(number, now_ns);
        }
        let next = message.get(tag::NEW_SEQ_NO);
        let next = next.and_then(|field| field.unsigned().ok()).unwrap_or(0);
        if next < self.core.expected() || next > NUMBER_MAX {
            let wrong = reason(SessionRejectReason::ValueIncorrect);
            return self.core.reject(output, now_ns, message, number, wrong);
        }
        self.core.set_expected(next, now_ns)
    }

    fn too_low(
        &mut self,
        message: &ParsedMessage<'_>,
        number: u64,
        now_ns: u64,
        output: &mut impl Output,
    ) -> Result<(), StoreError> {
        if is_set(message, tag::POSS_DUP_FLAG) {
            self.check_duplicate(message, number, now_ns, output)?;
            return Ok(());
        }
        if self.answer_out_of_turn(message) {
            return Ok(());
        }
        let (expected, received) = (self.core.expected(), number);
        let text = format!("MsgSeqNum too low, expecting {expected} but received {received}");
        self.core.logout(output, now_ns, Some(&text))?;
        self.core
            .end(DisconnectReason::NumberTooLow { expected, received });
        Ok(())
    }

    /// Whether a message that may be a duplicate says when it was sent first.
    fn check_duplicate(
        &mut self,
        message: &ParsedMessage<'_>,
        number: u64,
        now_ns: u64,
        output: &mut impl Output,
    ) -> Result<bool, StoreError> {
        match duplicate(message) {
            Duplicate::Right => return Ok(true),
            Duplicate::NoOriginalTime => {
                let reject = SessionReject {
                    reason: SessionRejectReason::RequiredTagMissing,
                    tag: Some(tag::ORIG_SENDING_TIME),
                };
                self.core.consume(number, now_ns)?;
                self.core.reject(output, now_ns, message, number, reject)?;
            }
            Duplicate::OriginalTimeLater => {
                let wrong = SessionRejectReason::SendingTimeAccuracy;
                self.reject_and_log_out(message, number, wrong, now_ns, output)?;
            }
        }
        Ok(false)
    }

    /// The message whose turn it is.
    pub(crate) fn process(
        &mut self,
        message: &ParsedMessage<'_>,
        number: u64,
        now_ns: u64,
        output: &mut impl Output,
        application: &mut impl Application,
    ) -> Result<(), StoreError> {
        if is_set(message, tag::POSS_DUP_FLAG)
            && !self.check_duplicate(message, number, now_ns, output)?
        {
            return Ok(());
        }
        let dictionary = self.core.encoder.version().dictionary();
        let valid = validate(dictionary, message, self.core.settings.user_fields);
        let rejected = match valid {
            Ok(_) if is_administrative(message) => {
                self.administrate(message, number, now_ns, output)?
            }
            Ok(_) => {
                self.deliver(message, number, now_ns, output, application)?;
                None
            }
            Err(Invalid::UnsupportedMessageType) => {
                let refusal = BusinessReject::unsupported();
                self.refuse_business(message, number, &refusal, now_ns, output)?;
                None
            }
            Err(Invalid::Session(reject)) => Some(reject),
        };
        // A Reject is never answered with one, so that two sides cannot go on for ever.
        if let Some(reject) = rejected.filter(|_| message.message_type() != b"3") {
            self.core.reject(output, now_ns, message, number, reject)?;
        }
        self.core.consume(number, now_ns)
    }

    /// A valid administrative message in its turn; the reject where what it says cannot be.
    fn administrate(
        &mut self,
        message: &ParsedMessage<'_>,
        number: u64,
        now_ns: u64,
        output: &mut impl Output,
    ) -> Result<Option<SessionReject>, StoreError> {
        let core = &mut self.core;
        match message.message_type() {
            b"1" => {
                let id = message
                    .get(tag::TEST_REQ_ID)
                    .map_or(&b""[..], |id| id.value);
                if id.len() > TEST_ID_BYTES_MAX {
                    return Ok(Some(SessionReject {
                        reason: SessionRejectReason::ValueIncorrect,
                        tag: Some(tag::TEST_REQ_ID),
                    }));
                }
                core.administrative(output, now_ns, b"0", &[], |draft| {
                    draft.text(tag::TEST_REQ_ID, id);
                })?;
            }
            b"2" => return Ok(core.note_resend(message).err()),
            b"4" => {
                let next = message.get(tag::NEW_SEQ_NO);
                let next = next.and_then(|field| field.unsigned().ok()).unwrap_or(0);
                if next <= number || next > NUMBER_MAX {
                    return Ok(Some(reason(SessionRejectReason::ValueIncorrect)));
                }
                core.set_expected(next, now_ns)?;
            }
            // It comes here without the flag that resets.
            b"A" => return Ok(Some(reason(SessionRejectReason::Other))),
            _ => {}
        }
        Ok(None)
    }

    /// Gives a message to the application, within the limit.
    fn deliver(
        &mut self,
        message: &ParsedMessage<'_>,
        number: u64,
        now_ns: u64,
        output: &mut impl Output,
        application: &mut impl Application,
    ) -> Result<(), StoreError> {
        let is_within = self
            .throttle
            .as_mut()
            .is_none_or(|limit| limit.take(now_ns));
        let excess = self.core.settings.throttle.map(|limit| limit.excess);
        let answer = if is_within {
            let mut outgoing = Outgoing {
                core: &mut self.core,
                output: &mut *output,
                now_ns,
            };
            application.message(message, &mut outgoing)
        } else {
            Err(BusinessReject::throttled())
        };
        if let Err(refusal) = answer {
            self.refuse_business(message, number, &refusal, now_ns, output)?;
        }
        if !is_within && excess == Some(Excess::Logout) {
            self.core
                .logout(output, now_ns, Some("Throttle limit exceeded"))?;
        }
        Ok(())
    }

    fn refuse_business(
        &mut self,
        message: &ParsedMessage<'_>,
        number: u64,
        refusal: &BusinessReject,
        now_ns: u64,
        output: &mut impl Output,
    ) -> Result<(), StoreError> {
        let core = &mut self.core;
        match core.business_reject(output, now_ns, message, number, refusal) {
            Ok(()) => Ok(()),
            Err(SendError::Store(error)) => Err(error),
            Err(SendError::Encode(error)) => {
                core.end(DisconnectReason::Unanswerable(error));
                Ok(())
            }
        }
    }
}
