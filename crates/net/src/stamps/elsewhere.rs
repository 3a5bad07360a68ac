//! Operating systems whose times the project does not know: everything says that it is not available.

use std::io;

use super::Received;

/// What can be read.
pub trait Readable {}

impl<S> Readable for S {}

/// Refuses.
///
/// # Errors
/// Always, on this operating system.
pub fn request(_socket: &impl Readable) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Refuses.
///
/// # Errors
/// Always, on this operating system.
pub fn receive(_socket: &impl Readable, _room: &mut [u8]) -> io::Result<Received> {
    Err(io::ErrorKind::Unsupported.into())
}
