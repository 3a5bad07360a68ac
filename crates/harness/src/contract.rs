//! The harness' side of the border: the structs and tags of its C contract, as Rust sees them.
//!
//! The layouts are facts of the contract (sizes and offsets are pinned by the assertions below); the code is our own.

#[cfg(target_endian = "big")]
compile_error!("reports are laid out as words for little-endian machines");

use core::ffi::c_void;
use core::mem::{offset_of, size_of};

/// A new order, 32 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct NewMessage {
    /// The order.
    pub order_id: u64,
    /// The message.
    pub sequence: u64,
    /// Its limit.
    pub price_ticks: i64,
    /// Its quantity.
    pub quantity: u32,
    /// 0 buy, 1 sell.
    pub side: u8,
    /// 1 for immediate or cancel.
    pub is_ioc: u8,
    /// Zero.
    pub reserved: [u8; 2],
}

/// A cancel, 16 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct CancelMessage {
    /// The order.
    pub order_id: u64,
    /// The message.
    pub sequence: u64,
}

/// A modify, 32 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ModifyMessage {
    /// The order.
    pub order_id: u64,
    /// The message.
    pub sequence: u64,
    /// Its new limit.
    pub price_ticks: i64,
    /// Its new open quantity.
    pub quantity: u32,
    /// The order's side.
    pub side: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

/// One element of a batch: a tag and one of the three messages.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TaggedMessage {
    /// [`TAG_NEW`], [`TAG_CANCEL`] or [`TAG_MODIFY`].
    pub tag: u8,
    /// Zero.
    pub reserved: [u8; 7],
    /// The message that the tag names.
    pub body: MessageBody,
}

/// The message in a [`TaggedMessage`].
#[repr(C)]
#[derive(Clone, Copy)]
pub union MessageBody {
    /// With [`TAG_NEW`].
    pub new: NewMessage,
    /// With [`TAG_CANCEL`].
    pub cancel: CancelMessage,
    /// With [`TAG_MODIFY`].
    pub modify: ModifyMessage,
}

/// Tag of a new order in a batch.
pub const TAG_NEW: u8 = 0;
/// Tag of a cancel in a batch.
pub const TAG_CANCEL: u8 = 1;
/// Tag of a modify in a batch.
pub const TAG_MODIFY: u8 = 2;

/// What a report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ReportKind {
    /// A new order was accepted.
    OrderAck = 0,
    /// Two orders traded.
    Trade = 1,
    /// An order, or the rest of an immediate-or-cancel order, was cancelled.
    CancelAck = 2,
    /// An order was modified.
    ModifyAck = 3,
    /// There was nothing to cancel.
    CancelReject = 4,
    /// There was nothing to modify.
    ModifyReject = 5,
}

/// One report, 64 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// A [`ReportKind`].
    pub kind: u8,
    /// Side of the order.
    pub side: u8,
    /// Zero.
    pub reserved: [u8; 6],
    /// The message that caused it.
    pub sequence: u64,
    /// The order, 0 for a trade.
    pub order_id: u64,
    /// The price; of a trade, the maker's.
    pub price_ticks: i64,
    /// The quantity.
    pub quantity: u32,
    /// Zero.
    pub reserved_2: u32,
    /// The maker of a trade.
    pub maker_order_id: u64,
    /// The taker of a trade.
    pub taker_order_id: u64,
    /// Zero.
    pub reserved_3: u64,
}

/// Words of eight bytes in a [`Report`].
pub const REPORT_WORDS: usize = size_of::<Report>() / size_of::<u64>();

impl Report {
    /// The report as words, in the order of its memory on a little-endian machine.
    #[inline(always)]
    pub const fn words(&self) -> [u64; REPORT_WORDS] {
        [
            self.kind as u64 | (self.side as u64) << 8,
            self.sequence,
            self.order_id,
            self.price_ticks as u64,
            self.quantity as u64,
            self.maker_order_id,
            self.taker_order_id,
            0,
        ]
    }
}

/// A queue of reports, as a table of functions.
#[repr(C)]
pub struct Transport {
    /// A new queue for at least so many reports; null if there is no room.
    pub create: unsafe extern "C" fn(capacity: u32) -> *mut c_void,
    /// Adds a report: 1 done, 0 full.
    pub push: unsafe extern "C" fn(handle: *mut c_void, report: *const Report) -> i32,
    /// Takes up to `limit` reports out; how many there were.
    pub drain: unsafe extern "C" fn(handle: *mut c_void, out: *mut Report, limit: u32) -> u32,
    /// Makes every pushed report visible to the other thread.
    pub flush: unsafe extern "C" fn(handle: *mut c_void),
    /// Ends a queue.
    pub destroy: unsafe extern "C" fn(handle: *mut c_void),
}

const _: () = {
    assert!(size_of::<NewMessage>() == 32 && offset_of!(NewMessage, side) == 28);
    assert!(size_of::<CancelMessage>() == 16);
    assert!(size_of::<ModifyMessage>() == 32 && offset_of!(ModifyMessage, side) == 28);
    assert!(size_of::<TaggedMessage>() == 40 && offset_of!(TaggedMessage, body) == 8);
    assert!(size_of::<Report>() == 64 && offset_of!(Report, sequence) == 8);
    assert!(offset_of!(Report, quantity) == 32 && offset_of!(Report, maker_order_id) == 40);
    assert!(size_of::<Transport>() == 5 * size_of::<*const c_void>());
};
