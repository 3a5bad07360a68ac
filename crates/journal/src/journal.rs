//! The writer: appends commands, makes them durable as the policy says, and acknowledges them only then.
//!
//! Invariants:
//! - `acknowledged <= written <= sequence` and `durable <= written`; unless the policy is [`SyncPolicy::None`],
//!   `acknowledged` is never above `durable`;
//! - `acknowledged` never goes back, and a command is acknowledged only after every command before it;
//! - after a write or sync that failed nothing is written or acknowledged any more: the journal is **poisoned**. What
//!   the disk then holds is not known (a failed sync may have dropped the data, and the next one would succeed
//!   without it), so only opening the journal anew, which reads back what there is and writes its end again, makes it
//!   usable.

use proofbook_types::MarketConfig;

use crate::header::{SegmentHeader, HEADER_BYTES};
use crate::kind::Terms;
use crate::record::{encode, Chain};
use crate::scan::{Names, Scan};
use crate::storage::{write_full, Storage, StoredFile};
use crate::watermark::{Found, Watermark, WATERMARK_NAME};
use crate::writer_lock::create_segment;
use crate::{Clock, JournalError, Options, SyncPolicy, Ticket, WriterLock};

/// Sequence numbers stop here, as the market's do.
const SEQUENCE_MAX: u64 = 1 << 63;

/// Records are handed to the storage in pieces of at most this many bytes.
const BUFFER_BYTES_MAX: usize = 1 << 20;

/// A log, open for writing: of one market's commands, or of what other terms say.
pub struct Journal<S: Storage, C: Clock, T: Terms = MarketConfig> {
    lock: WriterLock<S>,
    clock: C,
    options: Options,
    config: T,
    segment: S::File,
    segment_name: String,
    /// Where the next record goes in the segment.
    offset: u64,
    watermark: S::File,
    /// Records not yet handed to the storage.
    buffer: Vec<u8>,
    /// The link that the last command handed to the storage makes.
    written_chain: Chain,
    chain: Chain,
    sequence: u64,
    written: u64,
    durable: u64,
    acknowledged: u64,
    /// When the first command that is not acknowledged came.
    group_start_ns: u64,
    poison: Option<String>,
}

/// The parts of a journal that differ between a new and an old one.
struct Start<F, T> {
    config: T,
    segment: F,
    segment_name: String,
    offset: u64,
    watermark: F,
    sequence: u64,
    chain: Chain,
}

impl<S: Storage, C: Clock, T: Terms> Journal<S, C, T> {
    /// Starts a log.
    ///
    /// # Errors
    /// There is a log already, or it cannot be written.
    pub fn create(
        lock: WriterLock<S>,
        clock: C,
        config: T,
        options: Options,
    ) -> Result<Self, JournalError> {
        options.validate()?;
        let names = Names::read(lock.storage())?;
        if !names.segments.is_empty() {
            return Err(JournalError::Exists {
                directory: lock.storage().describe(),
            });
        }
        let header = SegmentHeader {
            first_sequence: 1,
            chain: config.genesis(),
            config,
        };
        if let Found::Valid(Watermark { sequence: 1.., .. }) = Watermark::read(lock.storage())? {
            let what = "commands were acknowledged, but there is no log";
            return Err(JournalError::damaged(&header.name(), 0, what));
        }
        lock.remove_unfinished(&names.unfinished)?;
        // The watermark comes first, so that it is never missing where there is a log.
        let watermark = lock.create_watermark(0, &header.chain)?;
        let start = Start {
            segment: create_segment(lock.storage(), &header)?,
            segment_name: header.name(),
            offset: HEADER_BYTES as u64,
            watermark,
            sequence: 0,
            chain: header.chain,
            config: header.config,
        };
        Ok(Self::assemble(lock, clock, options, start))
    }

    /// Goes on with a log that [`scan`](crate::scan) has just read under this lock. Its end is made durable first.
    ///
    /// # Errors
    /// The storage failed.
    pub fn resume(
        lock: WriterLock<S>,
        clock: C,
        options: Options,
        scan: &Scan<T>,
    ) -> Result<Self, JournalError> {
        options.validate()?;
        let repaired = lock.repair_files(scan)?;
        let start = Start {
            config: scan.config.clone(),
            segment: repaired.segment,
            segment_name: scan.last_segment.clone(),
            offset: scan.end.offset,
            watermark: repaired.watermark,
            sequence: scan.end.sequence,
            chain: scan.end.chain,
        };
        Ok(Self::assemble(lock, clock, options, start))
    }

    fn assemble(lock: WriterLock<S>, clock: C, options: Options, start: Start<S::File, T>) -> Self {
        Journal {
            lock,
            clock,
            options,
            config: start.config,
            segment: start.segment,
            segment_name: start.segment_name,
            offset: start.offset,
            watermark: start.watermark,
            buffer: Vec::with_capacity(BUFFER_BYTES_MAX),
            written_chain: start.chain,
            chain: start.chain,
            sequence: start.sequence,
            written: start.sequence,
            durable: start.sequence,
            acknowledged: start.sequence,
            group_start_ns: 0,
            poison: None,
        }
    }

    /// The log's terms.
    pub fn config(&self) -> &T {
        &self.config
    }

    /// The storage that is written to.
    pub fn storage(&self) -> &S {
        self.lock.storage()
    }

    /// The name of the segment that is written to.
    pub fn segment(&self) -> &str {
        &self.segment_name
    }

    /// The last command taken.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The link that the last command taken makes.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The last command that is durable.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// The last command for which the policy holds. Only what came of commands up to this one may be shown to anybody.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Whether the policy holds for this command and all before it.
    pub fn is_acknowledged(&self, ticket: Ticket) -> bool {
        ticket.sequence() <= self.acknowledged
    }

    /// Why the journal takes nothing more, if it does not.
    pub fn poisoned(&self) -> Option<&str> {
        self.poison.as_deref()
    }

    /// Takes a command. If a group is complete with it, or the policy asks for it, it is acknowledged on return.
    ///
    /// # Errors
    /// The storage failed, now or earlier; or there are no numbers left.
    pub fn append(&mut self, command: &T::Entry) -> Result<Ticket, JournalError> {
        let ticket = self.push(command)?;
        self.poll()?;
        Ok(ticket)
    }

    /// Takes commands in order; the ticket is the last one's. The policy holds as if each had come alone, but the
    /// clock is looked at once.
    ///
    /// # Errors As [`Journal::append`]. Commands before the failure may have been taken and acknowledged.
    pub fn append_batch(&mut self, commands: &[T::Entry]) -> Result<Ticket, JournalError> {
        for command in commands {
            let _ticket = self.push(command)?;
        }
        self.poll()?;
        Ok(Ticket::new(self.sequence))
    }

    fn push(&mut self, command: &T::Entry) -> Result<Ticket, JournalError> {
        self.check_poison()?;
        if self.sequence >= SEQUENCE_MAX {
            return Err(JournalError::Exhausted);
        }
        if self.sequence == self.acknowledged {
            if let SyncPolicy::Group { .. } = self.options.policy {
                self.group_start_ns = self.clock.now_ns();
            }
        }
        let sequence = self.sequence + 1;
        let start = self.buffer.len();
        self.buffer.resize(start + T::RECORD_BYTES, 0);
        let record = &mut self.buffer[start..];
        self.chain = encode::<T>(record, sequence, command, &self.chain, self.durable);
        self.sequence = sequence;
        match self.options.policy {
            SyncPolicy::EveryCommand => self.commit()?,
            SyncPolicy::Group { commands_max, .. }
                if sequence - self.acknowledged >= commands_max =>
            {
                self.commit()?;
            }
            SyncPolicy::None if self.buffer.len() >= BUFFER_BYTES_MAX => self.commit()?,
            _ if self.buffer.len() >= BUFFER_BYTES_MAX => self.write_out()?,
            _ => {}
        }
        Ok(Ticket::new(sequence))
    }

    /// Commits the group if its first command has waited long enough.
    ///
    /// # Errors
    /// The storage failed, now or earlier.
    pub fn poll(&mut self) -> Result<(), JournalError> {
        self.check_poison()?;
        match self.options.policy {
            SyncPolicy::Group { delay_ns_max, .. } if self.sequence > self.acknowledged => {
                let waited_ns = self.clock.now_ns().saturating_sub(self.group_start_ns);
                if waited_ns >= delay_ns_max {
                    self.commit()?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Does now what the policy asks for: on return every command taken is acknowledged.
    ///
    /// # Errors
    /// The storage failed, now or earlier. Nothing more is acknowledged, ever.
    pub fn commit(&mut self) -> Result<(), JournalError> {
        match self.options.policy {
            SyncPolicy::None => {
                self.write_out()?;
                self.acknowledged = self.written;
                Ok(())
            }
            SyncPolicy::EveryCommand | SyncPolicy::Group { .. } => self.make_durable(),
        }
    }

    /// Makes every command taken durable, whatever the policy, and the watermark too.
    ///
    /// # Errors
    /// As [`Journal::commit`].
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.make_durable()?;
        let synced = self.watermark.sync();
        self.check("sync", WATERMARK_NAME, synced)
    }

    /// Ends the log's use: everything is durable and the lock is free.
    ///
    /// # Errors
    /// As [`Journal::commit`].
    pub fn close(mut self) -> Result<(), JournalError> {
        self.sync()
    }

    /// Writes and syncs the log, then the watermark, then acknowledges: in this order.
    fn make_durable(&mut self) -> Result<(), JournalError> {
        self.write_out()?;
        if self.durable == self.written {
            return Ok(());
        }
        let synced = self.segment.sync();
        self.check_segment("sync", synced)?;
        self.durable = self.written;
        let mark = Watermark {
            sequence: self.durable,
            chain: self.written_chain,
        };
        let marked = mark.write(&self.watermark);
        self.check("write", WATERMARK_NAME, marked)?;
        self.acknowledged = self.acknowledged.max(self.durable);
        Ok(())
    }

    /// Hands the buffered records to the storage.
    fn write_out(&mut self) -> Result<(), JournalError> {
        self.check_poison()?;
        if self.buffer.is_empty() {
            return Ok(());
        }
        if self.offset >= self.options.segment_bytes_max && self.offset > HEADER_BYTES as u64 {
            self.begin_segment()?;
        }
        let written = write_full(&self.segment, &self.buffer, self.offset);
        self.check_segment("write", written)?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        self.written = self.sequence;
        self.written_chain = self.chain;
        Ok(())
    }

    /// Goes on in a new segment. It is made only once the one before it and the watermark are durable.
    fn begin_segment(&mut self) -> Result<(), JournalError> {
        let synced = self.segment.sync();
        self.check_segment("sync", synced)?;
        self.durable = self.written;
        let synced = self.watermark.sync();
        self.check("sync", WATERMARK_NAME, synced)?;
        let header = SegmentHeader {
            first_sequence: self.written + 1,
            chain: self.written_chain,
            config: self.config.clone(),
        };
        match create_segment(self.lock.storage(), &header) {
            Ok(segment) => {
                self.segment = segment;
                self.segment_name = header.name();
                self.offset = HEADER_BYTES as u64;
                Ok(())
            }
            Err(error) => {
                self.poison = Some(error.to_string());
                Err(error)
            }
        }
    }

    fn check_poison(&self) -> Result<(), JournalError> {
        match &self.poison {
            Some(reason) => Err(JournalError::Poisoned {
                reason: reason.clone(),
            }),
            None => Ok(()),
        }
    }

    fn check_segment(
        &mut self,
        operation: &'static str,
        result: std::io::Result<()>,
    ) -> Result<(), JournalError> {
        if result.is_ok() {
            return Ok(());
        }
        let name = self.segment_name.clone();
        self.check(operation, &name, result)
    }

    /// Poisons the journal if something failed.
    fn check(
        &mut self,
        operation: &'static str,
        file: &str,
        result: std::io::Result<()>,
    ) -> Result<(), JournalError> {
        result.map_err(|error| {
            let error = JournalError::io(operation, file, error);
            self.poison = Some(error.to_string());
            error
        })
    }
}
