//! The C interface: a market to embed in any program. `include/proofbook.h` is its manual.
//!
//! Commands and events cross the border as their canonical encodings, which on little-endian machines are plain C
//! structs. Every call gives a status; a reject of the market is an event, never an error. Nothing unwinds out of here.
//!
//! Invariants:
//! - a handle belongs to one thread at a time, and a callback cannot enter its market again;
//! - output parameters are written only where the status says so, and then in full;
//! - events that do not fit a buffer wait in the market: none is ever lost.

mod market;
mod names;
mod pointers;
mod records;
mod status;

use core::ffi::{c_char, c_void};
use core::{ptr, slice};

use proofbook_types::{MarketConfig, OrderId, Price, COMMAND_BYTES, CONFIG_BYTES};

use market::{queue, Inner};
use pointers::{input, inputs, output, outputs};
use status::{guard, Failure};

pub use market::{EventCallback, Market};
pub use records::{
    BatchResult, EventBytes, EventRecord, LevelRecord, OrderBytes, PlaceRecord, SummaryRecord,
};
pub use status::Status;

/// # Safety
/// `market` is null or a live handle, used by this thread alone.
unsafe fn visit(
    market: *const Market,
    body: impl FnOnce(&mut Inner) -> Result<(), Failure>,
) -> Status {
    // SAFETY: the caller's promise.
    guard(|| unsafe { input(market, "market") }?.with(body))
}

/// The version of the library.
#[no_mangle]
pub extern "C" fn proofbook_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The text of this thread's latest failure.
#[no_mangle]
pub extern "C" fn proofbook_last_error() -> *const c_char {
    status::last_error()
}

/// The name of a status, "unknown" for any other number.
#[no_mangle]
pub extern "C" fn proofbook_status_name(status: i32) -> *const c_char {
    let known = Status::ALL.iter().find(|known| **known as i32 == status);
    known.map_or(c"unknown", |status| status.name()).as_ptr()
}

/// The name of an event's kind, "unknown" for any other number.
#[no_mangle]
pub extern "C" fn proofbook_event_name(kind: u8) -> *const c_char {
    names::event(kind)
}

/// The name of a reject reason, "unknown" for any other number.
#[no_mangle]
pub extern "C" fn proofbook_reject_reason_name(reason: u8) -> *const c_char {
    names::reject_reason(reason)
}

/// The name of a cancel reason, "unknown" for any other number.
#[no_mangle]
pub extern "C" fn proofbook_cancel_reason_name(reason: u8) -> *const c_char {
    names::cancel_reason(reason)
}

/// Writes the default terms of a market.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_config_default(config: *mut [u8; CONFIG_BYTES]) -> Status {
    guard(|| {
        // SAFETY: the caller's promise.
        unsafe { output(config, "config") }?.write(MarketConfig::default().encode());
        Ok(())
    })
}

/// # Safety
/// `handle` is null or points to room for a handle.
unsafe fn hand_over(
    handle: *mut *mut Market,
    make: impl FnOnce() -> Result<Market, Failure>,
) -> Status {
    guard(|| {
        // SAFETY: the caller's promise.
        let handle = unsafe { output(handle, "market") }?;
        handle.write(ptr::null_mut());
        handle.write(Box::into_raw(Box::new(make()?)));
        Ok(())
    })
}

/// Makes an empty market.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_create(
    config: *const [u8; CONFIG_BYTES],
    market: *mut *mut Market,
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe { hand_over(market, || Market::create(input(config, "config")?)) }
}

/// Makes a market of the bytes of a state.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_restore(
    bytes: *const u8,
    length: usize,
    market: *mut *mut Market,
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe { hand_over(market, || Market::restore(inputs(bytes, length, "bytes")?)) }
}

/// Ends a market.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_free(market: *mut Market) -> Status {
    guard(|| {
        if market.is_null() {
            return Ok(());
        }
        // SAFETY: a live handle, by the caller's promise.
        if unsafe { &*market }.is_busy() {
            let text = "an event callback must not free the market that calls it";
            return Err(Failure::new(Status::Busy, text));
        }
        // SAFETY: the handle came from `Box::into_raw`, and no call is under way.
        drop(unsafe { Box::from_raw(market) });
        Ok(())
    })
}

/// Applies one command.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_apply(
    market: *mut Market,
    command: *const [u8; COMMAND_BYTES],
    callback: EventCallback,
    user: *mut c_void,
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe {
        visit(market, |inner| {
            let command = input(command, "command")?;
            inner.apply(slice::from_ref(command), callback, user, &mut 0)
        })
    }
}

/// Applies encoded commands.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_apply_bytes(
    market: *mut Market,
    bytes: *const u8,
    length: usize,
    callback: EventCallback,
    user: *mut c_void,
    applied: *mut usize,
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe {
        visit(market, |inner| {
            let applied = output(applied, "applied")?.write(0);
            if !length.is_multiple_of(COMMAND_BYTES) {
                let text = format_args!("{length} bytes are not commands of {COMMAND_BYTES} each");
                return Err(Failure::new(Status::Argument, text));
            }
            let commands = inputs(bytes.cast(), length / COMMAND_BYTES, "bytes")?;
            inner.apply(commands, callback, user, applied)
        })
    }
}

/// Applies commands and writes their events to a buffer.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_apply_batch(
    market: *mut Market,
    commands: *const [u8; COMMAND_BYTES],
    count: usize,
    events: *mut EventRecord,
    capacity: usize,
    result: *mut BatchResult,
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe {
        visit(market, |inner| {
            let result = output(result, "result")?.write(BatchResult::default());
            let commands = inputs(commands, count, "commands")?;
            let events = outputs(events, capacity, "events")?;
            inner.apply_batch(commands, events, result)
        })
    }
}

/// Takes events that did not fit the buffer of a batch.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_take_events(
    market: *mut Market,
    events: *mut EventRecord,
    capacity: usize,
    result: *mut BatchResult,
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe {
        visit(market, |inner| {
            let result = output(result, "result")?;
            result.write(inner.take_events(outputs(events, capacity, "events")?));
            Ok(())
        })
    }
}

/// The best level of a queue.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_best(
    market: *const Market,
    queue_tag: u8,
    level: *mut LevelRecord,
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe {
        visit(market, |inner| {
            let level = output(level, "level")?;
            level.write(inner.best(queue(queue_tag)?)?);
            Ok(())
        })
    }
}

/// The level of a queue at a price.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_level(
    market: *const Market,
    queue_tag: u8,
    price: i64,
    level: *mut LevelRecord,
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe {
        visit(market, |inner| {
            let level = output(level, "level")?;
            level.write(inner.level(queue(queue_tag)?, Price(price))?);
            Ok(())
        })
    }
}

/// The first levels of a queue.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_depth(
    market: *const Market,
    queue_tag: u8,
    levels: *mut LevelRecord,
    capacity: usize,
    count: *mut usize,
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe {
        visit(market, |inner| {
            let count = output(count, "count")?;
            let levels = outputs(levels, capacity, "levels")?;
            count.write(inner.depth(queue(queue_tag)?, levels));
            Ok(())
        })
    }
}

/// A live order.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_order(
    market: *const Market,
    order_id: u64,
    order: *mut OrderBytes,
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe {
        visit(market, |inner| {
            output(order, "order")?.write(inner.order(OrderId(order_id))?);
            Ok(())
        })
    }
}

/// A live order's place at its price.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_place(
    market: *const Market,
    order_id: u64,
    place: *mut PlaceRecord,
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe {
        visit(market, |inner| {
            output(place, "place")?.write(inner.place(OrderId(order_id))?);
            Ok(())
        })
    }
}

/// Where the market stands.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_summary(
    market: *const Market,
    summary: *mut SummaryRecord,
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe {
        visit(market, |inner| {
            output(summary, "summary")?.write(inner.summary());
            Ok(())
        })
    }
}

/// The market's terms.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_config(
    market: *const Market,
    config: *mut [u8; CONFIG_BYTES],
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe {
        visit(market, |inner| {
            output(config, "config")?.write(inner.config());
            Ok(())
        })
    }
}

/// The digest of the market's state.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_digest(
    market: *const Market,
    digest: *mut [u8; 32],
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe {
        visit(market, |inner| {
            output(digest, "digest")?.write(inner.digest());
            Ok(())
        })
    }
}

/// The canonical bytes of the market's state.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_state(
    market: *const Market,
    bytes: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> Status {
    // SAFETY: the caller's promise, here and inside.
    unsafe {
        visit(market, |inner| {
            let length = output(length, "length")?;
            let room = outputs(bytes, capacity, "bytes")?;
            let state = inner.state();
            length.write(state.len());
            if state.len() > room.len() {
                let text = format_args!(
                    "the state takes {} bytes, the buffer holds {capacity}",
                    state.len()
                );
                return Err(Failure::new(Status::Capacity, text));
            }
            ptr::copy_nonoverlapping(state.as_ptr(), bytes, state.len());
            Ok(())
        })
    }
}

/// Checks everything that must hold inside.
///
/// # Safety
/// See the header.
#[no_mangle]
pub unsafe extern "C" fn proofbook_market_check(market: *const Market) -> Status {
    // SAFETY: the caller's promise.
    unsafe { visit(market, |inner| inner.check()) }
}
