//! Operating systems whose calls for placement the project does not know: everything says that it is not available.

use super::{CpuSet, Node, NumaError};

/// The page size that is assumed where none can be asked for.
const PAGE_BYTES: usize = 4096;

/// Refuses what only Linux has.
pub(super) fn require(call: &'static str) -> Result<(), NumaError> {
    Err(NumaError::Unavailable { call })
}

/// Bytes of a page of memory.
pub fn page_bytes() -> usize {
    PAGE_BYTES
}

/// The processor on which this thread runs.
///
/// # Errors
/// Always, on this operating system.
pub fn current_cpu() -> Result<usize, NumaError> {
    Err(NumaError::Unavailable {
        call: "sched_getcpu",
    })
}

/// The processors on which this thread may run.
///
/// # Errors
/// Always, on this operating system.
pub fn thread_cpus() -> Result<CpuSet, NumaError> {
    Err(NumaError::Unavailable {
        call: "sched_getaffinity",
    })
}

/// Keeps this thread on these processors.
///
/// # Errors
/// Always, on this operating system.
pub fn pin_thread(_cpus: &CpuSet) -> Result<(), NumaError> {
    Err(NumaError::Unavailable {
        call: "sched_setaffinity",
    })
}

/// Has this thread's future memory taken from a node.
///
/// # Errors
/// Always, on this operating system.
pub fn prefer_node(_node: &Node) -> Result<(), NumaError> {
    Err(NumaError::Unavailable {
        call: "set_mempolicy",
    })
}

/// Takes back what [`prefer_node`] asked for.
///
/// # Errors
/// Always, on this operating system.
pub fn prefer_any_node() -> Result<(), NumaError> {
    Err(NumaError::Unavailable {
        call: "set_mempolicy",
    })
}

/// Has the pages of a region taken from a node.
///
/// # Errors
/// Always, on this operating system.
pub fn place_memory(_start: *const u8, _bytes: usize, _node: &Node) -> Result<(), NumaError> {
    Err(NumaError::Unavailable { call: "mbind" })
}

/// Takes back what [`place_memory`] asked for.
///
/// # Errors
/// Always, on this operating system.
pub fn forget_place(_start: *const u8, _bytes: usize) -> Result<(), NumaError> {
    Err(NumaError::Unavailable { call: "mbind" })
}

/// The system's number of the node on which the page of an address lies.
///
/// # Errors
/// Always, on this operating system.
pub(super) fn node_of_address(_address: *const u8) -> Result<u32, NumaError> {
    Err(NumaError::Unavailable { call: "move_pages" })
}
