//! The one writer of what readers see: it follows which levels a command changes, and shows them after the command's end.
//!
//! A change marks its level and nothing else. Later, at a command's end, each marked level is looked at once, whatever happened to it on the way: its sums go into
//! the totals and into its tree. So what came and went between two looks costs nothing but its mark.
//!
//! To show is to look at all marked levels, to write the touch and, unless a reader holds up too much, to publish the trees. The lines that this writes travel
//! to the readers' processors and back, which costs more than a command does. So while commands follow each other many are shown at once; who
//! has no further command shows what there is.
//!
//! Invariants: for a level that is not marked, `marks`, its tree and the structure of levels agree; `sums` and `orders` are those of `marks`; when a command
//! begins, the touch and the snapshots are no further behind than they may be, unless a reader holds snapshots up.

use proofbook_memory::epoch::Stalled;
use proofbook_memory::sync::Arc;
use proofbook_types::{Quantity, Queue, Timestamp};

use super::record::{LevelTotals, Record, RecordWriter, Shared, QUEUES};
use super::touch::Touch;
use super::{LockFreeConfig, LockFreeError, LockFreeStatistics};
use crate::linked::{price_of, LevelData, LevelRef, Levels, Rank};
use crate::radix::Publisher;

/// Marked levels from which on they are looked at, shown or not: so no command pays for the marks of many.
const MARKED_MAX: usize = 16;

/// What is known of a level by its name, as it was last looked at: half a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
struct Mark {
    rank: Rank,
    displayed: u64,
    hidden: u64,
    /// None: the level is not in its tree.
    orders: u32,
    is_marked: bool,
}

/// A level that a command changed, perhaps in vain: its name may have been given up since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marked {
    queue: Queue,
    level: LevelRef,
}

pub(super) struct Writer {
    publisher: Publisher<LevelTotals, QUEUES>,
    records: RecordWriter,
    /// By queue and name.
    marks: [Vec<Mark>; QUEUES],
    marked: Vec<Marked>,
    /// What the levels of each queue show.
    sums: [u64; QUEUES],
    orders: u32,
    /// Number of the latest command that is known to have ended.
    sequence: u64,
    /// Time of the command that began last.
    time: Timestamp,
    /// A command has begun, and nobody said that it ended.
    is_open: bool,
    /// Commands that have ended and are not in the touch.
    touch_behind: u64,
    touch_behind_max: u64,
    /// Commands that have ended and are not in a snapshot, where none is held up.
    snapshot_behind: u64,
    snapshot_behind_max: u64,
    /// Readers would find the latest snapshot that was to be shown, had nobody held it up.
    is_held_up: bool,
    /// The version of the touch that was written last.
    touch_version: u64,
    // Dropped last: records that the participant leaves behind lie in it.
    shared: Arc<Shared>,
}

impl Writer {
    pub(super) fn new(config: LockFreeConfig) -> Result<Self, LockFreeError> {
        let publisher = Publisher::new(config.publishing).map_err(LockFreeError::Settings)?;
        let shared = Shared::new(
            config.publishing.readers_max,
            Arc::clone(publisher.domain()),
        )
        .map_err(LockFreeError::Threads)?;
        let participant = shared
            .register_writer()
            .expect("a place was counted for the writer, who is the first to come");
        Ok(Writer {
            publisher,
            records: RecordWriter::new(&shared, participant),
            marks: Default::default(),
            marked: Vec::new(),
            sums: [0; QUEUES],
            orders: 0,
            sequence: 0,
            time: Timestamp(0),
            is_open: false,
            touch_behind: 0,
            touch_behind_max: config.touch_behind_max.get(),
            snapshot_behind: 0,
            snapshot_behind_max: config.snapshot_behind_max.get(),
            is_held_up: false,
            touch_version: 0,
            shared: Arc::new(shared),
        })
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn statistics(&self) -> LockFreeStatistics {
        LockFreeStatistics {
            snapshots: self.publisher.statistics(),
            records: self.shared.records(),
            costs: self.publisher.trees().costs(),
        }
    }

    /// A level changes, or is about to.
    #[inline(always)]
    pub(super) fn mark(&mut self, queue: Queue, level: LevelRef) {
        let mark = &mut self.marks[queue as usize][level as usize];
        if !mark.is_marked {
            mark.is_marked = true;
            self.marked.push(Marked { queue, level });
        }
    }

    /// A level is born.
    #[inline]
    pub(super) fn occupy(&mut self, queue: Queue, level: LevelRef, rank: Rank) {
        let marks = &mut self.marks[queue as usize];
        let place = level as usize;
        if place >= marks.len() {
            marks.resize(place + 1, Mark::default());
        }
        marks[place].rank = rank;
        self.mark(queue, level);
    }

    /// A level dies: readers learn it when the command's end is shown.
    #[inline]
    pub(super) fn vacate(&mut self, queue: Queue, level: LevelRef) {
        let mark = core::mem::take(&mut self.marks[queue as usize][level as usize]);
        // Mostly it is the last one that was marked: then nothing is left to look at.
        if self.marked.last() == Some(&Marked { queue, level }) {
            self.marked.pop();
        }
        if mark.orders == 0 {
            return;
        }
        let sum = &mut self.sums[queue as usize];
        *sum = sum.wrapping_sub(mark.displayed);
        self.orders = self.orders.wrapping_sub(mark.orders);
        self.publisher
            .trees_mut()
            .remove(queue as usize, mark.rank)
            .expect("a level with orders is in its tree");
    }

    /// A command begins, so the one before has ended. What is too far behind is shown.
    #[inline(always)]
    pub(super) fn begin(&mut self, levels: &impl Levels, now: Timestamp) {
        if self.is_open {
            self.count(1);
        }
        // Marks of no command are of orders that were restored, and shown at once.
        let is_restored = self.touch_behind == 0 && !self.marked.is_empty();
        if is_restored {
            self.snapshot_behind = self.snapshot_behind_max;
        }
        if is_restored || self.has_work() {
            // A snapshot that is held up is counted; the next one shows what it would have.
            let _ = self.work(levels);
        }
        self.is_open = true;
        self.time = now;
    }

    #[inline(always)]
    fn count(&mut self, ended: u64) {
        self.sequence += ended;
        self.touch_behind += ended;
        self.snapshot_behind += ended;
    }

    #[inline(always)]
    fn has_work(&self) -> bool {
        self.touch_behind >= self.touch_behind_max
            || self.snapshot_behind >= self.snapshot_behind_max
            || self.marked.len() >= MARKED_MAX
    }

    /// Shows what is too far behind, or only looks at what is marked.
    #[inline(never)]
    fn work(&mut self, levels: &impl Levels) -> Result<(), Stalled> {
        if self.snapshot_behind >= self.snapshot_behind_max {
            return self.show(levels);
        }
        self.settle(levels);
        if self.touch_behind >= self.touch_behind_max {
            let touch = self.touch(levels);
            self.write_touch(&touch);
        }
        Ok(())
    }

    /// The command with this number has ended. What is too far behind is shown.
    #[inline]
    pub(super) fn end(&mut self, levels: &impl Levels, sequence: u64) -> Result<(), Stalled> {
        self.count_up_to(sequence);
        if self.has_work() {
            self.work(levels)
        } else {
            Ok(())
        }
    }

    /// The command with this number has ended, and is shown, unless that is what readers see already.
    pub(super) fn publish(&mut self, levels: &impl Levels, sequence: u64) -> Result<(), Stalled> {
        self.count_up_to(sequence);
        if self.snapshot_behind == 0 && self.marked.is_empty() && !self.is_held_up {
            return Ok(());
        }
        self.show(levels)
    }

    #[inline]
    fn count_up_to(&mut self, sequence: u64) {
        assert!(
            sequence >= self.sequence,
            "expected no number below {}, received {sequence}",
            self.sequence
        );
        self.count(sequence - self.sequence);
        self.is_open = false;
    }

    /// Shows the market as it is, by its own count of commands.
    pub(super) fn publish_counted(&mut self, levels: &impl Levels) -> Result<(), Stalled> {
        self.publish(levels, self.sequence + u64::from(self.is_open))
    }

    /// Shows the end of the latest command: the snapshot and its touch.
    fn show(&mut self, levels: &impl Levels) -> Result<(), Stalled> {
        self.settle(levels);
        let touch = self.touch(levels);
        let Writer {
            publisher,
            records,
            shared,
            ..
        } = self;
        let shown = publisher.publish(|roots| records.show(shared, Record { touch, roots }));
        self.snapshot_behind = 0;
        self.is_held_up = shown.is_err();
        // Last: nothing after it waits until the readers' processors have let go of the line.
        self.write_touch(&touch);
        shown
    }

    fn write_touch(&mut self, touch: &Touch) {
        self.shared.touch.write(&mut self.touch_version, touch);
        self.touch_behind = 0;
    }

    fn touch(&self, levels: &impl Levels) -> Touch {
        let best = |queue| Some(price_of(queue, levels.best(queue)?.rank));
        Touch {
            sequence: self.sequence,
            time: self.time,
            best_bid: best(Queue::Bids),
            best_ask: best(Queue::Asks),
            orders: self.orders,
            bids: Quantity(self.sums[Queue::Bids as usize]),
            asks: Quantity(self.sums[Queue::Asks as usize]),
        }
    }

    /// Looks at each level that was marked.
    #[inline]
    fn settle(&mut self, levels: &impl Levels) {
        let Writer {
            publisher,
            marks,
            marked,
            sums,
            orders,
            ..
        } = self;
        for Marked { queue, level } in marked.drain(..) {
            let mark = &mut marks[queue as usize][level as usize];
            if !mark.is_marked {
                // Given up since, and its end noted then.
                continue;
            }
            let LevelData {
                displayed,
                hidden,
                orders: count,
                ..
            } = levels.get(queue, level);
            // Sums may leave their range on the way, where one level gives another one what it had; the market keeps each sum
            // of open quantities within 64 bits, so the last one is right.
            let sum = &mut sums[queue as usize];
            *sum = sum.wrapping_sub(mark.displayed).wrapping_add(displayed);
            *orders = orders.wrapping_sub(mark.orders).wrapping_add(count);
            let (rank, before) = (mark.rank, (mark.displayed, mark.hidden, mark.orders));
            *mark = Mark {
                rank,
                displayed,
                hidden,
                orders: count,
                is_marked: false,
            };
            if before != (displayed, hidden, count) {
                let totals = LevelTotals {
                    displayed,
                    hidden,
                    orders: count,
                };
                publisher.trees_mut().set(queue as usize, rank, totals);
            }
        }
    }

    /// Checks what is known against the levels that there are.
    ///
    /// # Errors
    /// What does not hold.
    pub(super) fn verify(&self, levels: &impl Levels) -> Result<(), String> {
        let trees = self.publisher.trees();
        let mut orders = 0u32;
        for queue in Queue::ALL {
            let marks = &self.marks[queue as usize];
            let (mut in_tree, mut sum) = (0, 0u64);
            let mut found = levels.best(queue);
            while let Some(place) = found {
                let mark = &marks[place.level as usize];
                let data = levels.get(queue, place.level);
                let known = (mark.displayed, mark.hidden, mark.orders);
                let settled = (data.displayed, data.hidden, data.orders);
                let in_its_tree = trees.view(queue as usize).get(place.rank);
                let shown = in_its_tree.map_or((0, 0, 0), |totals| {
                    (totals.displayed, totals.hidden, totals.orders)
                });
                if mark.rank != place.rank
                    || shown != known
                    || (!mark.is_marked && known != settled)
                {
                    return Err(format!(
                        "{queue:?} level {place:?} holds {data:?}, is known as {mark:?} and shown as {shown:?}"
                    ));
                }
                in_tree += usize::from(mark.orders > 0);
                sum = sum.wrapping_add(mark.displayed);
                orders = orders.wrapping_add(mark.orders);
                found = levels.after(queue, place.rank);
            }
            trees.verify(queue as usize)?;
            if in_tree != trees.len(queue as usize) || sum != self.sums[queue as usize] {
                return Err(format!(
                    "{queue:?} shows {in_tree} levels with {sum}, {} with {} are known",
                    trees.len(queue as usize),
                    self.sums[queue as usize]
                ));
            }
        }
        if orders != self.orders {
            return Err(format!("{orders} orders are shown, {} known", self.orders));
        }
        Ok(())
    }
}
