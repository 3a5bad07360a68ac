//! Messages on their way out: a bounded queue, and a descriptor that is readable while there are any.
//!
//! Answers to requests always find room: so many requests at most are under way, from before they are submitted until their answers are taken away. All
//! other messages are refused where too much waits; whoever has them says so later.
//!
//! Invariant: one byte waits in the pipe exactly while the queue is not empty; both change under one lock.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proofbook_gateway::REQUESTS_MAX;

/// Messages that are taken at a time.
const DRAINED_MAX: usize = 4_096;

/// What may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Messages other than answers.
    pub(crate) messages: usize,
    /// Bytes of messages other than answers.
    pub(crate) bytes: usize,
    /// Requests without an answer that was taken away.
    pub(crate) requests: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            messages: 1 << 16,
            bytes: 64 << 20,
            requests: REQUESTS_MAX,
        }
    }
}

struct Item {
    message: Vec<u8>,
    is_answer: bool,
}

struct Queue {
    items: VecDeque<Item>,
    /// Of messages other than answers.
    messages: usize,
    bytes: usize,
    requests: usize,
    signal: UnixStream,
    readiness: UnixStream,
}

/// Messages on their way out.
pub(crate) struct Mailbox {
    bounds: Bounds,
    queue: Mutex<Queue>,
    readiness: RawFd,
}

impl Queue {
    fn push(&mut self, message: Vec<u8>, is_answer: bool) {
        if self.items.is_empty() {
            // The pipe has room: no byte is in it.
            let _ = (&self.signal).write(&[1]);
        }
        if !is_answer {
            self.messages += 1;
            self.bytes += message.len();
        }
        self.items.push_back(Item { message, is_answer });
    }
}

impl Mailbox {
    /// An empty one.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) fn new(bounds: Bounds) -> io::Result<Self> {
        let (signal, readiness) = UnixStream::pair()?;
        signal.set_nonblocking(true)?;
        readiness.set_nonblocking(true)?;
        Ok(Mailbox {
            bounds,
            readiness: readiness.as_raw_fd(),
            queue: Mutex::new(Queue {
                items: VecDeque::new(),
                messages: 0,
                bytes: 0,
                requests: 0,
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

    /// Keeps room for the answer to a request; `false` where too many are under way.
    pub(crate) fn begin_request(&self) -> bool {
        let mut queue = self.lock();
        let may_begin = queue.requests < self.bounds.requests;
        queue.requests += usize::from(may_begin);
        may_begin
    }

    /// A request that was begun gets no answer.
    pub(crate) fn forget_request(&self) {
        self.lock().requests -= 1;
    }

    /// Adds the answer to a request that was begun.
    pub(crate) fn push_answer(&self, message: Vec<u8>) {
        self.lock().push(message, true);
    }

    /// Adds a message that comes a few times at most, and must not be lost.
    pub(crate) fn push_last(&self, message: Vec<u8>) {
        self.lock().push(message, false);
    }

    /// Adds a message; `false` where too many wait.
    #[must_use]
    pub(crate) fn push(&self, message: Vec<u8>) -> bool {
        let mut queue = self.lock();
        let has_place = queue.messages < self.bounds.messages
            && queue.bytes + message.len() <= self.bounds.bytes;
        if has_place {
            queue.push(message, false);
        }
        has_place
    }

    /// Whether less than half of what may wait does: what can wait is told only then.
    pub(crate) fn has_room(&self) -> bool {
        let queue = self.lock();
        queue.messages < self.bounds.messages / 2 && queue.bytes < self.bounds.bytes / 2
    }

    /// Takes messages out, in order.
    pub(crate) fn drain(&self) -> Vec<Vec<u8>> {
        let mut queue = self.lock();
        let count = queue.items.len().min(DRAINED_MAX);
        let mut drained = Vec::with_capacity(count);
        for _ in 0..count {
            let item = queue.items.pop_front().expect("there are so many");
            if item.is_answer {
                // Whoever begins none gets none: a test may push answers of its own.
                queue.requests = queue.requests.saturating_sub(1);
            } else {
                queue.messages -= 1;
                queue.bytes -= item.message.len();
            }
            drained.push(item.message);
        }
        if count > 0 && queue.items.is_empty() {
            let _ = (&queue.readiness).read(&mut [0; 8]);
        }
        drained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_readable(mailbox: &Mailbox) -> bool {
        let queue = mailbox.lock();
        queue
            .readiness
            .set_nonblocking(true)
            .expect("it is a socket");
        let peer = queue.readiness.try_clone().expect("there are descriptors");
        drop(queue);
        // Nothing is taken: what was read is put back.
        let mut byte = [0; 2];
        match (&peer).read(&mut byte) {
            Ok(count) => {
                assert_eq!(count, 1, "one byte alone");
                (&mailbox.lock().signal)
                    .write_all(&byte[..1])
                    .expect("it has room");
                true
            }
            Err(_) => false,
        }
    }

    #[test]
    fn it_is_readable_while_something_waits_and_bounded_but_for_answers() {
        let bounds = Bounds {
            messages: 4,
            bytes: 100,
            requests: 2,
        };
        let mailbox = Mailbox::new(bounds).expect("there are descriptors");
        assert!(!is_readable(&mailbox) && mailbox.has_room());
        assert!(mailbox.push(vec![0; 20]) && mailbox.push(vec![0; 20]));
        assert!(is_readable(&mailbox) && !mailbox.has_room());
        assert!(!mailbox.push(vec![0; 61]) && mailbox.push(vec![0; 60]));
        assert!(!mailbox.push(vec![0; 1]));
        assert!(mailbox.begin_request() && mailbox.begin_request() && !mailbox.begin_request());
        mailbox.push_answer(vec![1; 500]);
        mailbox.forget_request();
        assert!(mailbox.begin_request() && !mailbox.begin_request());
        let drained = mailbox.drain();
        let lengths: Vec<usize> = drained.iter().map(Vec::len).collect();
        assert_eq!(lengths, [20, 20, 60, 500]);
        assert!(!is_readable(&mailbox) && mailbox.has_room() && mailbox.begin_request());
    }
}
