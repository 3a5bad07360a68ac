//! Messages on their way out: a bounded queue, and a descriptor that is readable while there are any.
//!
//! Invariant: one byte waits in the pipe exactly while the queue is not empty; both change under one lock.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Messages that may wait.
const MESSAGES_MAX: usize = 1 << 16;

/// Bytes of messages that may wait.
const BYTES_MAX: usize = 64 << 20;

/// Messages that are taken at a time.
const DRAINED_MAX: usize = 4_096;

struct Queue {
    messages: VecDeque<Vec<u8>>,
    bytes: usize,
    signal: UnixStream,
    readiness: UnixStream,
}

/// Messages on their way out.
pub(crate) struct Mailbox {
    queue: Mutex<Queue>,
    readiness: RawFd,
}

impl Mailbox {
    /// An empty one.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) fn new() -> io::Result<Self> {
        let (signal, readiness) = UnixStream::pair()?;
        signal.set_nonblocking(true)?;
        readiness.set_nonblocking(true)?;
        Ok(Mailbox {
            readiness: readiness.as_raw_fd(),
            queue: Mutex::new(Queue {
                messages: VecDeque::new(),
                bytes: 0,
                signal,
                readiness,
            }),
        })
    }

    /// The descriptor; it lives as long as this does.
    pub(crate) fn readiness(&self) -> RawFd {
        self.readiness
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic cannot leave it half changed: nothing in the lock calls anything of ours.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message; gives it back where too many wait.
    pub(crate) fn push(&self, message: Vec<u8>) -> Result<(), Vec<u8>> {
        let mut queue = self.lock();
        let bytes = queue.bytes + message.len();
        if queue.messages.len() >= MESSAGES_MAX || bytes > BYTES_MAX {
            return Err(message);
        }
        if queue.messages.is_empty() {
            // The pipe has room: no byte is in it.
            let _ = (&queue.signal).write(&[1]);
        }
        queue.bytes = bytes;
        queue.messages.push_back(message);
        Ok(())
    }

    /// Takes messages out, in order.
    pub(crate) fn drain(&self) -> Vec<Vec<u8>> {
        let mut queue = self.lock();
        let count = queue.messages.len().min(DRAINED_MAX);
        let drained: Vec<Vec<u8>> = queue.messages.drain(..count).collect();
        queue.bytes -= drained.iter().map(Vec::len).sum::<usize>();
        if count > 0 && queue.messages.is_empty() {
            let _ = (&queue.readiness).read(&mut [0; 8]);
        }
        drained
    }
}
