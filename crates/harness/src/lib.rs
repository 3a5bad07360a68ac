//! The fast book behind the C contract of the public matching-engine benchmark harness.
//!
//! The harness loads this library, hands it one message at a time (or runs of them) and drains the reports on a second
//! thread. Everything here is translation: the rules are `proofbook-matching`'s and the orders stand in
//! `proofbook-books`' `Ladder`, from which the state queries answer, too.
//!
//! Invariants:
//! - there is one engine per process; all `engine_*` calls come from one thread, except the transport's `drain`;
//! - every message is matched and reported before its call returns; only publication to the other thread waits, for
//!   the next few reports or a flush.

pub mod contract;
pub mod engine;
mod memory;
pub mod ring;

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use proofbook_books::Ladder;
use proofbook_types::Side;

use contract::{
    CancelMessage, ModifyMessage, NewMessage, Report, TaggedMessage, Transport, TAG_CANCEL, TAG_NEW,
};
use engine::{Engine, Outlet};
use ring::Ring;

type Market = Engine<Ladder>;

static ENGINE: AtomicPtr<Market> = AtomicPtr::new(ptr::null_mut());

/// The engine of this process.
#[inline(always)]
fn market() -> &'static mut Market {
    let market = ENGINE.load(Ordering::Relaxed);
    assert!(!market.is_null(), "engine_init comes first");
    // SAFETY: made by `engine_init` and kept until `engine_shutdown`; the contract makes all calls on one thread, and
    // no call leads to another.
    unsafe { &mut *market }
}

/// Starts an empty market. Its reports go to `sink` through `transport`.
///
/// # Safety
/// `transport` is null or a table whose functions accept `sink`.
#[no_mangle]
pub unsafe extern "C" fn engine_init(_seed: u64, transport: *const Transport, sink: *mut c_void) {
    assert!(!transport.is_null(), "reports need a transport");
    let outlet = if ptr::eq(transport, &TRANSPORT) {
        Outlet::Ring(sink.cast())
    } else {
        // SAFETY: not null, so by contract a table.
        let push = unsafe { (*transport).push };
        Outlet::Foreign { push, handle: sink }
    };
    let market = Box::new(Engine::new(Ladder::default(), outlet));
    let before = ENGINE.swap(Box::into_raw(market), Ordering::Relaxed);
    drop_market(before);
}

fn drop_market(market: *mut Market) {
    if !market.is_null() {
        // SAFETY: it came from `Box::into_raw`, and the swap made the caller its only owner.
        drop(unsafe { Box::from_raw(market) });
    }
}

/// Ends the market.
#[no_mangle]
pub extern "C" fn engine_shutdown() {
    drop_market(ENGINE.swap(ptr::null_mut(), Ordering::Relaxed));
}

/// Takes a new order.
///
/// # Safety
/// `message` points to a message; `engine_init` came before.
#[no_mangle]
pub unsafe extern "C" fn engine_on_new_order(message: *const NewMessage) {
    // SAFETY: the caller's promise.
    market().on_new(unsafe { &*message });
}

/// Takes a cancel.
///
/// # Safety
/// `message` points to a message; `engine_init` came before.
#[no_mangle]
pub unsafe extern "C" fn engine_on_cancel(message: *const CancelMessage) {
    // SAFETY: the caller's promise.
    market().on_cancel(unsafe { &*message });
}

/// Takes a modify.
///
/// # Safety
/// `message` points to a message; `engine_init` came before.
#[no_mangle]
pub unsafe extern "C" fn engine_on_modify(message: *const ModifyMessage) {
    // SAFETY: the caller's promise.
    market().on_modify(unsafe { &*message });
}

/// Takes messages one after another, each as if it had come alone.
///
/// # Safety
/// `messages` points to `count` messages; `engine_init` came before.
#[no_mangle]
pub unsafe extern "C" fn engine_on_batch(messages: *const TaggedMessage, count: u32) {
    // SAFETY: the caller's promise.
    let messages = unsafe { core::slice::from_raw_parts(messages, count as usize) };
    let market = market();
    for message in messages {
        // SAFETY: the tag names the member of the union.
        unsafe {
            match message.tag {
                TAG_NEW => market.on_new(&message.body.new),
                TAG_CANCEL => market.on_cancel(&message.body.cancel),
                _ => market.on_modify(&message.body.modify),
            }
        }
    }
}

/// Everything was matched and pushed when its call returned.
#[no_mangle]
pub extern "C" fn engine_flush() {}

/// The highest bid, or the smallest integer if there is none.
#[no_mangle]
pub extern "C" fn engine_query_best_bid() -> i64 {
    market().best_price(Side::Buy).unwrap_or(i64::MIN)
}

/// The lowest ask, or the largest integer if there is none.
#[no_mangle]
pub extern "C" fn engine_query_best_ask() -> i64 {
    market().best_price(Side::Sell).unwrap_or(i64::MAX)
}

/// What rests on a side at a price.
#[no_mangle]
pub extern "C" fn engine_query_depth_at(price_ticks: i64, side: u8) -> u64 {
    market().depth_at(engine::side(side), price_ticks)
}

static TRANSPORT: Transport = Transport {
    create: ring_create,
    push: ring_push,
    drain: ring_drain,
    flush: ring_flush,
    destroy: ring_destroy,
};

/// Our own queue, for the harness to use in place of its own.
#[no_mangle]
pub extern "C" fn engine_get_transport() -> *const Transport {
    &TRANSPORT
}

unsafe extern "C" fn ring_create(capacity: u32) -> *mut c_void {
    Box::into_raw(Ring::new(capacity)).cast()
}

unsafe extern "C" fn ring_push(handle: *mut c_void, report: *const Report) -> i32 {
    // SAFETY: the handle came from `ring_create`, and the contract has one pushing thread.
    i32::from(unsafe { (*handle.cast::<Ring>()).push((*report).words()) })
}

unsafe extern "C" fn ring_drain(handle: *mut c_void, out: *mut Report, limit: u32) -> u32 {
    // SAFETY: the handle came from `ring_create`, `out` holds `limit` reports, and the contract has one draining thread.
    unsafe { (*handle.cast::<Ring>()).drain(out, limit as usize) as u32 }
}

unsafe extern "C" fn ring_flush(handle: *mut c_void) {
    // SAFETY: the handle came from `ring_create`, and the pushing thread flushes.
    unsafe { (*handle.cast::<Ring>()).flush() };
}

unsafe extern "C" fn ring_destroy(handle: *mut c_void) {
    // SAFETY: the handle came from `ring_create` and is used no more.
    drop(unsafe { Box::from_raw(handle.cast::<Ring>()) });
}
