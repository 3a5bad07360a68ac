//! The whole depth as readers see it: a record of the touch and of the trees' roots, behind one pointer.
//!
//! A record is written before it is shown and never after, so whoever has it has a state of the market that hangs together. The record itself is
//! protected by a hazard pointer while it is copied; what its roots lead to by the reader's pinned epoch. The epoch is pinned before the
//! record is looked up, so that nothing it leads to was retired before.
//!
//! Invariants: `current` leads to a record that was shown and not retired; each record's roots were published by the one writer of its domain.
#![allow(unsafe_code)]

use core::ptr::NonNull;

use proofbook_memory::epoch;
use proofbook_memory::hazard::{self, OptimizedHazardPointerManager};
use proofbook_memory::registration::{RegistrationError, ThreadCountError};
use proofbook_memory::sync::{Arc, AtomicPtr, Ordering, UnsafeCell};
use proofbook_types::Queue;

use super::touch::{Touch, TouchLine};
use crate::layout::{layout, LayoutField};
use crate::parcels::{Parcel, ParcelMemory, Parcels};
use crate::radix::{Domain, Roots};

/// Number of queues, and so of trees.
pub(super) const QUEUES: usize = Queue::ALL.len();

/// The orders at one price, in sum, as the trees hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct LevelTotals {
    /// Sum of what the orders show.
    pub displayed: u64,
    /// Sum of what the orders hide.
    pub hidden: u64,
    /// Number of orders.
    pub orders: u32,
}

/// One published state.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Record {
    pub(super) touch: Touch,
    pub(super) roots: Roots<LevelTotals, QUEUES>,
}

type RecordCell = UnsafeCell<Record>;

/// Where readers find the touch and the record, each on a line of its own.
#[repr(C, align(64))]
pub(super) struct Shared {
    pub(super) touch: TouchLine,
    current: CurrentRecord,
    // Dropped before `records`: it marks those that are left.
    hazards: OptimizedHazardPointerManager,
    records: ParcelMemory<RecordCell>,
    domain: Arc<Domain<LevelTotals>>,
}

#[repr(C, align(64))]
struct CurrentRecord(AtomicPtr<Parcel<RecordCell>>);

#[cfg(not(loom))]
const _: () = {
    assert!(core::mem::offset_of!(Shared, touch) == 0);
    assert!(core::mem::offset_of!(Shared, current) == 64);
    assert!(core::mem::offset_of!(Shared, hazards) == 128);
};

// SAFETY: records are copied out under a hazard pointer and written only while nobody else knows them; all else may be shared.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

/// Where the fields of what threads share lie.
pub(super) fn shared_layout() -> [LayoutField; 2] {
    layout!(Shared { touch, current })
}

/// Where the fields of a record lie.
pub(super) fn record_layout() -> [LayoutField; 2] {
    layout!(Record { touch, roots })
}

impl Shared {
    /// An empty market, for so many readers and one writer.
    pub(super) fn new(
        readers_max: usize,
        domain: Arc<Domain<LevelTotals>>,
    ) -> Result<Self, ThreadCountError> {
        let records = ParcelMemory::new();
        let record = records.make(UnsafeCell::new(Record {
            touch: Touch::default(),
            roots: Roots::EMPTY,
        }));
        Ok(Shared {
            touch: TouchLine::new(),
            hazards: OptimizedHazardPointerManager::new(readers_max.saturating_add(1))?,
            current: CurrentRecord(AtomicPtr::new(record.as_ptr())),
            records,
            domain,
        })
    }

    /// The parts of a reader.
    pub(super) fn register(
        &self,
    ) -> Result<(epoch::Participant, hazard::Participant), RegistrationError> {
        Ok((self.domain.register()?, self.hazards.register()?))
    }

    /// Records that there are in memory.
    pub(super) fn records(&self) -> usize {
        self.records.len()
    }

    /// The writer's part.
    pub(super) fn register_writer(&self) -> Result<hazard::Participant, RegistrationError> {
        self.hazards.register()
    }

    /// A copy of the record that is shown now. Its roots may be followed under a guard that was pinned before this call.
    #[inline]
    pub(super) fn copy_record(&self, hazards: &hazard::Participant) -> Record {
        let mut hazard = hazards
            .hazard()
            .expect("each reader uses one hazard pointer at a time");
        // SAFETY: the pointer leads to a parcel; `RecordWriter::show` takes it out before it retires it, to this manager.
        let parcel = unsafe { hazard.protect(&self.current.0) }.expect("a record is always shown");
        // SAFETY: it was written before it was shown, and is written again only after it was reclaimed, which the hazard pointer prevents.
        parcel.content.with(|record| unsafe { *record })
    }
}

/// The writer's side: records go out one by one, and come back.
pub(super) struct RecordWriter {
    participant: hazard::Participant,
    parcels: Parcels<RecordCell>,
    /// The record that is shown. To read it where the readers find it would fetch that line from their caches.
    shown: NonNull<Parcel<RecordCell>>,
}

// SAFETY: of what is shown and retired it keeps the addresses alone.
unsafe impl Send for RecordWriter {}

impl RecordWriter {
    /// The one writer of a market that was made just now.
    pub(super) fn new(shared: &Shared, participant: hazard::Participant) -> Self {
        // Relaxed: this thread made the record.
        let shown = NonNull::new(shared.current.0.load(Ordering::Relaxed));
        RecordWriter {
            participant,
            parcels: Parcels::new(),
            shown: shown.expect("a record is always shown"),
        }
    }

    /// Shows a record in the place of the one before, which is retired. The one writer calls this.
    #[inline]
    pub(super) fn show(&mut self, shared: &Shared, record: Record) {
        let parcel = match self.parcels.take_back() {
            Some(parcel) => {
                // SAFETY: the parcel came back, so nobody else knows it.
                unsafe {
                    parcel
                        .as_ref()
                        .content
                        .with_mut(|content| *content = record)
                };
                parcel
            }
            None => shared.records.make(UnsafeCell::new(record)),
        };
        // Release: whoever sees the pointer sees the record, and the nodes that it leads to.
        shared.current.0.store(parcel.as_ptr(), Ordering::Release);
        let before = core::mem::replace(&mut self.shown, parcel);
        // SAFETY: it was shown by this writer, and is retired here alone, as it is taken out. Its memory is in `shared`, behind the manager, which is
        // given to nobody; participants are dropped before their share of it.
        unsafe { self.participant.retire(self.parcels.retire(before)) };
    }
}
