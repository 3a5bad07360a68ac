//! One peer's session: what comes in, what time does, what the operator and the application send.
//!
//! The caller owns the connection. It calls [`Session::connect`], gives every byte to [`Session::receive`] and the time to [`Session::tick`], sends
//! what stands in the output after each call, closes the connection once a [`DisconnectReason`] is given and what stands in the output was sent, and
//! calls [`Session::closed`]. Numbers and sent messages are in the store before a message is in the output.
//!
//! An error of the store is the end of the session: its numbers are no longer known, and nothing more may be sent.

use core::fmt;
use std::sync::Arc;

use proofbook_fix::{Draft, EncodeError, Frame, Kernel, SIMDMessageParser};

use crate::authentication::{AuthenticationError, Authenticator};
use crate::core::{Core, State};
use crate::header::HeaderField;
use crate::output::{Application, Output};
use crate::queue::GapQueue;
use crate::settings::Settings;
use crate::store::{Numbers, Store, StoreError};
use crate::throttle::Throttle;

/// Why a connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisconnectReason {
    /// The first message is no Logon, or no message.
    LogonExpected,
    /// The first Logon has another version, other names, or is not what the dictionary says.
    LogonInvalid,
    /// SendingTime of the first Logon is too far from the clock.
    LogonTime,
    /// The first Logon does not show who it is.
    Unauthenticated(AuthenticationError),
    /// A signed Logon of this time or a later one was accepted before.
    Replayed,
    /// The peer is known, and its Logon was answered with a Logout that says what is wrong.
    LogonRefused,
    /// No Logon came in time.
    LogonLate,
    /// Both sides have sent a Logout.
    LoggedOut,
    /// The peer did not answer a Logout in time.
    LogoutLate,
    /// Nothing came, not even an answer to a TestRequest.
    Silent,
    /// A number was lower than expected, and not that of a duplicate.
    NumberTooLow {
        /// The number that should have come.
        expected: u64,
        /// The number that came.
        received: u64,
    },
    /// The output has no room: the peer reads too slowly.
    OutputFull,
    /// An answer could not be written.
    Unanswerable(EncodeError),
}

/// What a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes of the input that are done with.
    pub consumed: usize,
    /// The connection is to be closed once what stands in the output was sent.
    pub disconnect: Option<DisconnectReason>,
}

/// The session has a connection, and takes no second one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyConnected;

impl fmt::Display for AlreadyConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a session without a connection, received one that has one")
    }
}

impl std::error::Error for AlreadyConnected {}

/// Why a message is not sent.
#[derive(Debug)]
pub enum SendError {
    /// It cannot be written; no number is taken.
    Encode(EncodeError),
    /// It cannot be kept.
    Store(StoreError),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Encode(error) => error.fmt(f),
            SendError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}

/// One peer's session, through any number of connections, one after the other.
pub struct Session<S> {
    pub(crate) core: Core<S>,
    pub(crate) queue: GapQueue,
    /// For application messages.
    pub(crate) throttle: Option<Throttle>,
    /// For administrative ones, which have as much again, and no answer beyond it but Logout.
    pub(crate) administrative_throttle: Option<Throttle>,
}

impl<S: Store> Session<S> {
    /// A session without a connection, with what its store remembers.
    pub fn new(
        settings: Settings,
        store: S,
        authenticator: Arc<dyn Authenticator>,
        kernel: Kernel,
    ) -> Self {
        let throttle = settings.throttle.map(Throttle::new);
        Session {
            queue: GapQueue::new(settings.queue),
            administrative_throttle: throttle.clone(),
            throttle,
            core: Core::new(settings, store, authenticator, kernel),
        }
    }

    /// What it was told.
    pub fn settings(&self) -> &Settings {
        &self.core.settings
    }

    /// The next numbers.
    pub fn numbers(&self) -> Numbers {
        self.core.store.numbers()
    }

    /// Its store.
    pub fn store(&mut self) -> &mut S {
        &mut self.core.store
    }

    /// Whether the peer is logged on, so that messages go out now.
    pub fn is_logged_on(&self) -> bool {
        self.core.state == State::Active && self.core.disconnect.is_none()
    }

    /// Messages that wait for a gap to be filled.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// A connection was opened, whose first message is to be this session's Logon.
    ///
    /// # Errors
    /// There is one already; the new one is to be closed without an answer.
    pub fn connect(&mut self, now_ns: u64) -> Result<(), AlreadyConnected> {
        if self.core.state != State::Disconnected {
            return Err(AlreadyConnected);
        }
        self.core.state = State::AwaitingLogon { since_ns: now_ns };
        self.core.last_received_ns = now_ns;
        Ok(())
    }

    /// The connection was closed, by whichever side.
    ///
    /// # Errors
    /// The store fails.
    pub fn closed(&mut self) -> Result<(), StoreError> {
        let had_logon = matches!(self.core.state, State::Active | State::LoggingOut { .. });
        self.core.state = State::Disconnected;
        self.core.disconnect = None;
        (self.core.gap, self.core.resend) = (None, None);
        self.core.is_test_request_open = false;
        self.queue.clear();
        if had_logon && self.core.settings.reset_on_disconnect {
            self.core.reset()?;
        }
        Ok(())
    }

    /// Takes bytes of the connection: those that were not consumed before, and more. `parser` may serve any number of sessions.
    ///
    /// # Errors
    /// The store fails.
    pub fn receive(
        &mut self,
        parser: &mut SIMDMessageParser,
        input: &[u8],
        now_ns: u64,
        output: &mut impl Output,
        application: &mut impl Application,
    ) -> Result<Received, StoreError> {
        let mut consumed = 0;
        while self.core.disconnect.is_none() && self.core.state != State::Disconnected {
            let frame = match parser.frame(&input[consumed..]) {
                Frame::NeedMore => break,
                Frame::Garbled { skip, .. } => {
                    consumed += skip;
                    self.garbled();
                    continue;
                }
                Frame::Whole(frame) => frame,
            };
            consumed += frame.bytes().len();
            match parser.parse(frame) {
                Ok(message) => self.arrive(&message, now_ns, output, application)?,
                Err(_) => self.garbled(),
            }
            self.drain(parser, now_ns, output, application)?;
            if self.core.disconnect.is_none() {
                self.core.pump(parser, output, now_ns)?;
            }
        }
        Ok(Received {
            consumed,
            disconnect: self.core.disconnect,
        })
    }

    /// Garbled messages are ignored, other than as the first one.
    fn garbled(&mut self) {
        if matches!(self.core.state, State::AwaitingLogon { .. }) {
            self.core.end(DisconnectReason::LogonExpected);
        }
    }

    /// Takes messages from the queue as long as the next one is there.
    fn drain(
        &mut self,
        parser: &mut SIMDMessageParser,
        now_ns: u64,
        output: &mut impl Output,
        application: &mut impl Application,
    ) -> Result<(), StoreError> {
        while self.core.state == State::Active && self.core.disconnect.is_none() {
            let number = self.core.expected();
            let Some(queued) = self.queue.take(number) else {
                break;
            };
            if queued.is_answered {
                self.core.consume(number, now_ns)?;
                continue;
            }
            let Frame::Whole(frame) = parser.frame(&queued.bytes) else {
                unreachable!("only whole messages are queued");
            };
            let message = parser.parse(frame).expect("it was parsed before");
            self.process(&message, number, now_ns, output, application)?;
        }
        Ok(())
    }

    /// Lets time pass: heartbeats, TestRequests, limits, resends that waited for room.
    ///
    /// # Errors
    /// The store fails.
    pub fn tick(
        &mut self,
        parser: &mut SIMDMessageParser,
        now_ns: u64,
        output: &mut impl Output,
    ) -> Result<Option<DisconnectReason>, StoreError> {
        match self.core.state {
            _ if self.core.disconnect.is_some() => {}
            State::Disconnected => {}
            State::AwaitingLogon { since_ns } => {
                if now_ns.saturating_sub(since_ns) >= self.core.settings.logon_limit_ns {
                    self.core.end(DisconnectReason::LogonLate);
                }
            }
            State::LoggingOut { until_ns } => {
                if now_ns >= until_ns {
                    self.core.end(DisconnectReason::LogoutLate);
                }
            }
            State::Active => self.beat(now_ns, output)?,
        }
        if self.core.disconnect.is_none() {
            self.core.pump(parser, output, now_ns)?;
        }
        Ok(self.core.disconnect)
    }

    /// A TestRequest after some time without a message, the end after as long again.
    fn beat(&mut self, now_ns: u64, output: &mut impl Output) -> Result<(), StoreError> {
        let core = &mut self.core;
        if core.gap.is_some_and(|gap| now_ns >= gap.until_ns) {
            return core.logout(output, now_ns, Some("Gap not filled in time"));
        }
        let silent_ns = now_ns.saturating_sub(core.last_received_ns);
        let patience_ns = core.patience_ns();
        if silent_ns >= 2 * patience_ns {
            core.end(DisconnectReason::Silent);
        } else if silent_ns >= patience_ns && !core.is_test_request_open {
            core.is_test_request_open = true;
            core.administrative(output, now_ns, b"1", &[], |draft| {
                draft.text(proofbook_fix::tag::TEST_REQ_ID, b"TEST");
            })?;
        } else if now_ns.saturating_sub(core.last_sent_ns) >= core.heartbeat_ns
            && !core.is_test_request_open
        {
            core.administrative(output, now_ns, b"0", &[], |_| {})?;
        }
        Ok(())
    }

    /// The time at which [`Session::tick`] must be called next; `None` without a connection. A resend that waits for room needs a call once there is some.
    pub fn next_tick_ns(&self) -> Option<u64> {
        let core = &self.core;
        match core.state {
            State::Disconnected => None,
            State::AwaitingLogon { since_ns } => {
                Some(since_ns.saturating_add(core.settings.logon_limit_ns))
            }
            State::LoggingOut { until_ns } => Some(until_ns),
            State::Active => {
                let patience_ns = core.patience_ns();
                let beat_ns = if core.is_test_request_open {
                    core.last_received_ns.saturating_add(2 * patience_ns)
                } else {
                    let sent_ns = core.last_sent_ns.saturating_add(core.heartbeat_ns);
                    sent_ns.min(core.last_received_ns.saturating_add(patience_ns))
                };
                Some(core.gap.map_or(beat_ns, |gap| gap.until_ns.min(beat_ns)))
            }
        }
    }

    /// Sends an application message: `header` are fields of routing and PossResend by rising tag, `body` writes the rest. While the peer is not logged on it is
    /// kept under its number, and the peer asks for it once it is. Its number.
    ///
    /// # Errors
    /// The message cannot be written or not be kept.
    pub fn send(
        &mut self,
        now_ns: u64,
        output: &mut impl Output,
        message_type: &[u8],
        header: &[HeaderField<'_>],
        body: impl FnOnce(&mut Draft<'_>),
    ) -> Result<u64, SendError> {
        self.core
            .application(output, now_ns, message_type, header, body)
    }

    /// Sends an application message that is worth nothing later, as market data are: it takes a number, but is not kept, and where the peer asks for it again, the
    /// gap is filled. Nothing is sent, and no number taken, while the peer is not logged on or the output has no room. Its number, if it went out.
    ///
    /// # Errors
    /// The message cannot be written, or the number not be kept.
    pub fn send_transient(
        &mut self,
        now_ns: u64,
        output: &mut impl Output,
        message_type: &[u8],
        body: impl FnOnce(&mut Draft<'_>),
    ) -> Result<Option<u64>, SendError> {
        self.core.transient(output, now_ns, message_type, body)
    }

    /// Logs the peer out; the connection ends with its answer, or after the limit.
    ///
    /// # Errors
    /// The store fails.
    pub fn logout(
        &mut self,
        now_ns: u64,
        output: &mut impl Output,
        text: Option<&str>,
    ) -> Result<(), StoreError> {
        match self.core.state {
            State::Active => self.core.logout(output, now_ns, text),
            _ => Ok(()),
        }
    }
}
