//! A bounded ring that hands packets from threads to one thread, in batches.
//!
//! It is `proofbook_memory`'s ring between two threads, or its queue where there are several producers, with what packets need: the consumer
//! is given a batch when it is full or when its first packet has waited long enough; a producer that finds the ring full gets its packet back; the
//! consumer's thread can be settled on processors and a node of memory.
//!
//! Times are the caller's: a producer says when a packet came, the consumer says what time it is.
//!
//! Invariants: packets of one producer arrive in its order, each once; at most `capacity` packets wait in the ring and `batch_threshold` in the
//! consumer's hands; each side has cache lines of its own.

use std::fmt;
use std::vec::Drain;

use proofbook_memory::numa::{self, CpuSet, NodeId, NumaError, Placement, Topology};
use proofbook_memory::queue::{ring, LockFreeQueue};
use proofbook_memory::sync::{Arc, AtomicUsize, Ordering};

use crate::error::{in_range, NetError};

/// Packets that a batch can have.
pub const BATCH_MAX: usize = 4096;

/// How a ring is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingConfig {
    /// Packets that can wait, a power of two.
    pub capacity: usize,
    /// Packets that a batch has at most: with so many it is handed over at once.
    pub batch_threshold: usize,
    /// How long a batch's first packet waits at most for others, if the consumer asks that often. At 0 there is no waiting.
    pub batch_timeout_ns: u64,
    /// Processors that the consumer's thread is kept on, if any are named.
    pub cpu_affinity: Option<CpuSet>,
    /// The node that the consumer's thread is kept on, and takes memory from, if one is named.
    pub numa_node: Option<NodeId>,
}

impl RingConfig {
    /// A ring of this capacity that hands over what there is, at most a batch at a time.
    pub fn of(capacity: usize) -> RingConfig {
        RingConfig {
            capacity,
            batch_threshold: capacity.clamp(1, 64),
            batch_timeout_ns: 0,
            cpu_affinity: None,
            numa_node: None,
        }
    }

    /// Keeps the calling thread, which is to be the consumer's, on the configured node and processors, and has its memory taken there. A ring that it
    /// makes after that lies there, except that a ring for one producer lies where its producer runs, who writes its places first. Where neither
    /// is named, nothing is done.
    ///
    /// # Errors
    /// Where there is no such node, or the operating system refuses.
    pub fn settle(&self, topology: &Topology) -> Result<Placement, NumaError> {
        let mut placement = Placement::Placed;
        if let Some(node) = self.numa_node {
            placement = topology.place_thread(node)?;
        }
        if let Some(cpus) = &self.cpu_affinity {
            numa::pin_thread(cpus)?;
        }
        Ok(placement)
    }
}

/// A packet on its way, and when it came.
struct Queued<T> {
    came_at_ns: u64,
    packet: T,
}

/// What several producers share with the consumer.
struct Shared<T> {
    queue: LockFreeQueue<Queued<T>>,
    producers: AtomicUsize,
}

/// The side that packets are pushed to.
enum Entry<T> {
    Single(ring::Sender<Queued<T>>),
    Many(Arc<Shared<T>>),
}

/// A thread's side that pushes, in cache lines of its own.
#[repr(align(128))]
pub struct PacketProducer<T> {
    entry: Entry<T>,
}

/// The side that packets are taken from.
enum Exit<T> {
    Single(ring::Receiver<Queued<T>>),
    Many(Arc<Shared<T>>),
}

/// The ring, in the hands of its consumer, in cache lines of its own.
#[repr(align(128))]
pub struct PacketRingBuffer<T> {
    exit: Exit<T>,
    /// The batch that is being collected.
    batch: Vec<T>,
    /// When its first packet came.
    first_came_at_ns: u64,
    config: RingConfig,
}

// Two lines, since processors fetch lines in pairs: so no side's own positions lie beside the other's.
const _: () = assert!(align_of::<PacketProducer<u64>>() == 128);
const _: () = assert!(align_of::<PacketRingBuffer<u64>>() == 128);
const _: () = assert!(size_of::<PacketProducer<u64>>() % 128 == 0);
const _: () = assert!(size_of::<PacketRingBuffer<u64>>() % 128 == 0);

/// Packets that are handed over together, in order. What is not taken of them is dropped with it.
pub type Batch<'ring, T> = Drain<'ring, T>;

impl<T> PacketRingBuffer<T> {
    /// A ring with one producer.
    ///
    /// # Errors
    /// Where a number is out of its range.
    pub fn single(config: RingConfig) -> Result<(PacketProducer<T>, Self), NetError> {
        let (sender, receiver) = ring::channel(config.capacity)?;
        let entry = Entry::Single(sender);
        Ok((
            PacketProducer { entry },
            Self::over(Exit::Single(receiver), config)?,
        ))
    }

    /// A ring with any number of producers: the first one can be cloned.
    ///
    /// # Errors
    /// Where a number is out of its range.
    pub fn many(config: RingConfig) -> Result<(PacketProducer<T>, Self), NetError> {
        let shared = Arc::new(Shared {
            queue: LockFreeQueue::with_capacity(config.capacity)?,
            producers: AtomicUsize::new(1),
        });
        let entry = Entry::Many(Arc::clone(&shared));
        Ok((
            PacketProducer { entry },
            Self::over(Exit::Many(shared), config)?,
        ))
    }

    fn over(exit: Exit<T>, config: RingConfig) -> Result<Self, NetError> {
        in_range("batch_threshold", config.batch_threshold, 1, BATCH_MAX)?;
        Ok(PacketRingBuffer {
            exit,
            batch: Vec::with_capacity(config.batch_threshold),
            first_came_at_ns: 0,
            config,
        })
    }

    /// Takes in what has come, and gives the batch if it is full or its first packet has waited long enough at this time.
    #[inline]
    pub fn poll(&mut self, now_ns: u64) -> Option<Batch<'_, T>> {
        self.collect();
        let is_full = self.batch.len() == self.config.batch_threshold;
        let waited_ns = now_ns.saturating_sub(self.first_came_at_ns);
        let is_due = !self.batch.is_empty() && waited_ns >= self.config.batch_timeout_ns;
        (is_full || is_due).then(|| self.batch.drain(..))
    }

    /// Gives what has come, up to a batch, however short it has waited.
    pub fn take_all(&mut self) -> Batch<'_, T> {
        self.collect();
        self.batch.drain(..)
    }

    /// Whether all producers are gone: what [`PacketRingBuffer::take_all`] does not give after this said so, call by call, will never come.
    pub fn is_closed(&self) -> bool {
        match &self.exit {
            Exit::Single(receiver) => receiver.is_closed(),
            // Acquire: all that the producers pushed is there.
            Exit::Many(shared) => shared.producers.load(Ordering::Acquire) == 0,
        }
    }

    /// How it was made.
    pub fn config(&self) -> &RingConfig {
        &self.config
    }

    #[inline]
    fn collect(&mut self) {
        let limit = self.config.batch_threshold - self.batch.len();
        let (batch, first) = (&mut self.batch, &mut self.first_came_at_ns);
        let take = |queued: Queued<T>| {
            if batch.is_empty() {
                *first = queued.came_at_ns;
            }
            batch.push(queued.packet);
        };
        match &mut self.exit {
            Exit::Single(receiver) => receiver.pop_each(limit, take),
            Exit::Many(shared) => shared.queue.pop_each(limit, take),
        };
    }
}

impl<T> PacketProducer<T> {
    /// Adds a packet that came at this time; gives it back where the ring is full.
    ///
    /// # Errors
    /// The packet, where the ring is full.
    #[inline]
    pub fn push(&mut self, packet: T, came_at_ns: u64) -> Result<(), T> {
        let queued = Queued { came_at_ns, packet };
        match &mut self.entry {
            Entry::Single(sender) => sender.push(queued),
            Entry::Many(shared) => shared.queue.push(queued),
        }
        .map_err(|queued| queued.packet)
    }

    /// Another producer; none where the ring was made for one.
    pub fn another(&self) -> Option<PacketProducer<T>> {
        let Entry::Many(shared) = &self.entry else {
            return None;
        };
        // Relaxed: this producer keeps the count from 0, and the other one gets here through it.
        shared.producers.fetch_add(1, Ordering::Relaxed);
        let entry = Entry::Many(Arc::clone(shared));
        Some(PacketProducer { entry })
    }
}

impl<T> Drop for PacketProducer<T> {
    fn drop(&mut self) {
        if let Entry::Many(shared) = &self.entry {
            // Release: whoever sees that no producer is left sees all that they pushed.
            shared.producers.fetch_sub(1, Ordering::Release);
        }
    }
}

impl<T> fmt::Debug for PacketProducer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.entry {
            Entry::Single(_) => "single",
            Entry::Many(_) => "many",
        };
        f.debug_struct("PacketProducer")
            .field("kind", &kind)
            .finish()
    }
}

impl<T> fmt::Debug for PacketRingBuffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketRingBuffer")
            .field("config", &self.config)
            .field("collected", &self.batch.len())
            .finish_non_exhaustive()
    }
}
