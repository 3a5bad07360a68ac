//! The FIX session layer (4.2 and 4.4) of an acceptor, without input, output or clock.
//!
//! - [`Session`] is one peer's session: bytes and times go in; messages to send, application messages in order and the end of the connection
//!   come out, through an [`Output`] and an [`Application`] of the caller.
//! - [`Store`] keeps sequence numbers and sent messages: [`MemoryStore`], or [`FileStore`], which survives crashes.
//! - [`Authenticator`] decides whether a Logon is who it says: [`Signatures`] (Ed25519), [`Passwords`] (argon2), or [`Unauthenticated`].
//! - [`peek`] says whose session a new connection wants.
//!
//! Everything that a peer can make grow has a bound in [`Settings`].

mod authentication;
mod core;
mod header;
mod identity;
mod inbound;
mod logon;
mod output;
mod queue;
mod reject;
mod resend;
mod session;
mod settings;
mod store;
mod throttle;

pub use authentication::{
    signed_text, AuthenticationError, Authenticator, Evidence, LogonRequest, Passwords, Signatures,
    Unauthenticated, UserError,
};
pub use header::HeaderField;
pub use identity::{peek, Identity, IdentityError, Peek};
pub use output::{Application, Outgoing, Output, SendBuffer};
pub use reject::{BusinessReject, BusinessRejectReason};
pub use session::{AlreadyConnected, DisconnectReason, Received, SendError, Session};
pub use settings::{Excess, QueueBounds, Settings, ThrottleSettings};
pub use store::{FileBounds, FileStore, MemoryStore, Numbers, Store, StoreError, NUMBER_MAX};
pub use throttle::Throttle;
