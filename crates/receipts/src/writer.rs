//! Receipts in bulk: a thread of its own signs the commands that were acknowledged and writes their receipts into a file.
//!
//! Whoever matches hands over portions and goes on; where the signer is [`PORTIONS_WAITING_MAX`] portions behind, he waits. The file is
//! receipts and nothing else, by sequence: that of sequence s begins at byte 128 · (s − first).

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use proofbook_types::Command;

use crate::key::OperatorKey;
use crate::receipt::Receipt;

/// Portions that wait to be signed.
pub const PORTIONS_WAITING_MAX: usize = 16;

/// Why receipts cannot be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriterError {
    /// The file cannot be written.
    Io(io::Error),
    /// The thread that signs is gone.
    Stopped,
}

impl fmt::Display for WriterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriterError::Io(error) => write!(f, "receipts: {error}"),
            WriterError::Stopped => {
                write!(f, "receipts: expected a thread that signs; it has stopped")
            }
        }
    }
}

impl Error for WriterError {}

/// Commands with numbers in a row.
struct Portion {
    first_sequence: u64,
    commands: Vec<Command>,
}

/// Signs commands on a thread of its own and writes their receipts.
#[derive(Debug)]
pub struct ReceiptWriter {
    portions: SyncSender<Portion>,
    thread: JoinHandle<io::Result<u64>>,
}

impl ReceiptWriter {
    /// Starts the thread. `file` takes the receipts.
    pub fn start(key: OperatorKey, market: u64, file: File) -> Self {
        let (portions, waiting) = sync_channel(PORTIONS_WAITING_MAX);
        let thread = thread::spawn(move || write_all(&key, market, file, &waiting));
        ReceiptWriter { portions, thread }
    }

    /// Hands over commands whose numbers are in a row. Only those that are durable: a receipt cannot be taken back.
    ///
    /// # Errors
    /// [`WriterError::Stopped`] where the file could not be written; [`ReceiptWriter::finish`] says why.
    pub fn send(&self, first_sequence: u64, commands: Vec<Command>) -> Result<(), WriterError> {
        let portion = Portion {
            first_sequence,
            commands,
        };
        self.portions
            .send(portion)
            .map_err(|_| WriterError::Stopped)
    }

    /// Waits until every receipt is in the file, durably. Gives how many there are.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn finish(self) -> Result<u64, WriterError> {
        drop(self.portions);
        match self.thread.join() {
            Ok(written) => written.map_err(WriterError::Io),
            Err(_) => Err(WriterError::Stopped),
        }
    }
}

fn write_all(
    key: &OperatorKey,
    market: u64,
    file: File,
    portions: &Receiver<Portion>,
) -> io::Result<u64> {
    let mut file = BufWriter::new(file);
    let mut written = 0;
    for portion in portions {
        for (sequence, command) in (portion.first_sequence..).zip(&portion.commands) {
            file.write_all(&Receipt::sign(key, market, sequence, command).encode())?;
            written += 1;
        }
    }
    file.flush()?;
    file.get_ref().sync_all()?;
    Ok(written)
}
