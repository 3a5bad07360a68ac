//! TLS 1.2 and 1.3 between a socket and what reads and writes it, with rustls over ring.
//!
//! [`Tls::over`] is the socket as the receiver and the sender see it: what comes is decrypted where they read, what they write is encrypted and handed to the socket.
//!
//! Invariants:
//! - rustls holds at most a record or a handshake that comes, and at most its default limit of 64 KiB of what goes; more stays in the sender;
//! - one read does a bounded number of reads of the socket;
//! - nothing is written before the handshake is over.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::error::GatewayError;

/// Reads of the socket in one read; a record of the longest kind needs five.
const READS_MAX: usize = 16;

/// The files with which a gateway shows who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates in PEM: its own first, then those that lead to the root.
    pub certificate: PathBuf,
    /// The key of its own certificate, in PEM.
    pub key: PathBuf,
}

fn wrong(
    path: &Path,
    expected: &'static str,
) -> impl FnOnce(Box<dyn std::error::Error>) -> GatewayError {
    let path = path.to_owned();
    move |received| GatewayError::Tls {
        path,
        expected,
        received: received.to_string(),
    }
}

impl TlsFiles {
    /// Reads them.
    pub(crate) fn load(&self) -> Result<Arc<ServerConfig>, GatewayError> {
        let certificates = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(&self.certificate, "certificates in PEM")(error.into()))?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| wrong(&self.key, "a private key in PEM")(error.into()))?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                let config = config.with_no_client_auth();
                config.with_single_cert(certificates, key)
            });
        let expected = "a certificate and its key";
        let config = config.map_err(|error| wrong(&self.certificate, expected)(error.into()))?;
        Ok(Arc::new(config))
    }
}

/// The TLS side of a connection.
pub(crate) struct Tls {
    connection: Box<ServerConnection>,
    /// The last read ended with bytes left, rather than with a socket that had none.
    has_more: bool,
    is_ending: bool,
}

impl Tls {
    pub(crate) fn new(config: &Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        let connection = ServerConnection::new(Arc::clone(config))?;
        Ok(Tls {
            connection: Box::new(connection),
            has_more: false,
            is_ending: false,
        })
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// There may be something to read though the last read found nothing.
    pub(crate) fn has_more(&self) -> bool {
        self.has_more
    }

    /// Encrypted bytes wait for the socket.
    pub(crate) fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// Nothing more will be written: the other side is told so.
    pub(crate) fn end(&mut self) {
        if !std::mem::replace(&mut self.is_ending, true) {
            self.connection.send_close_notify();
        }
    }

    /// Hands encrypted bytes to the socket; whether none are left.
    pub(crate) fn push(&mut self, socket: &mut impl Write) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(socket) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// The socket, decrypted.
    pub(crate) fn over<'t, S>(&'t mut self, socket: &'t mut S) -> TlsSocket<'t, S> {
        TlsSocket { tls: self, socket }
    }
}

/// A socket, decrypted.
pub(crate) struct TlsSocket<'t, S> {
    tls: &'t mut Tls,
    socket: &'t mut S,
}

impl<S: Read + Write> Read for TlsSocket<'_, S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.tls.has_more = false;
        for _ in 0..READS_MAX {
            match self.tls.connection.reader().read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            // 0 bytes are the end, which the next look at the reader says.
            self.tls.connection.read_tls(self.socket)?;
            let processed = self.tls.connection.process_new_packets();
            // An answer of the handshake, or what is wrong with it.
            self.tls.push(self.socket)?;
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
        self.tls.has_more = true;
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl<S: Read + Write> Write for TlsSocket<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.tls.is_handshaking() || !self.tls.push(self.socket)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = self.tls.connection.writer().write(bytes)?;
        self.tls.push(self.socket)?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tls.push(self.socket).map(drop)
    }
}
