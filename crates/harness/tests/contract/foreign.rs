//! A transport that is not the library's own.

use std::ffi::c_void;
use std::ptr;

use proofbook_harness::contract::{Report, Transport};

/// A queue like the harness' own: somebody else's functions, pushed to one report at a time, and full now and then.
struct Foreign {
    reports: Vec<Report>,
    refusals: u32,
}

unsafe extern "C" fn foreign_create(_capacity: u32) -> *mut c_void {
    Box::into_raw(Box::new(Foreign {
        reports: Vec::new(),
        refusals: 0,
    }))
    .cast()
}

unsafe extern "C" fn foreign_push(handle: *mut c_void, report: *const Report) -> i32 {
    // SAFETY: the handle is `foreign_create`'s, and this test has one thread.
    let queue = unsafe { &mut *handle.cast::<Foreign>() };
    if queue.reports.len() % 2 == 1 && queue.refusals % 3 != 2 {
        queue.refusals += 1;
        return 0;
    }
    queue.refusals = 0;
    // SAFETY: a report, by contract.
    queue.reports.push(unsafe { *report });
    1
}

unsafe extern "C" fn foreign_drain(handle: *mut c_void, out: *mut Report, limit: u32) -> u32 {
    // SAFETY: as above; `out` holds `limit` reports.
    let queue = unsafe { &mut *handle.cast::<Foreign>() };
    let count = queue.reports.len().min(limit as usize);
    for (place, report) in queue.reports.drain(..count).enumerate() {
        // SAFETY: `place` is below the limit.
        unsafe { ptr::write(out.add(place), report) };
    }
    count as u32
}

unsafe extern "C" fn foreign_flush(_handle: *mut c_void) {}

unsafe extern "C" fn foreign_destroy(handle: *mut c_void) {
    // SAFETY: as above, and used no more.
    drop(unsafe { Box::from_raw(handle.cast::<Foreign>()) });
}

/// Its table.
pub static FOREIGN: Transport = Transport {
    create: foreign_create,
    push: foreign_push,
    drain: foreign_drain,
    flush: foreign_flush,
    destroy: foreign_destroy,
};
