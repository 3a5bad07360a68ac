//! Placement by the calls of Linux: `sched_setaffinity`, `set_mempolicy`, `mbind`, `move_pages`.
//!
//! The C library has no functions for the last three, so they are called by number. A policy is a wish about pages that are not there
//! yet (or are moved); it never changes what memory holds, so these functions are safe with any address.
#![allow(unsafe_code)]

use std::io;

use super::{CpuSet, Node, NumaError, CPUS_MAX};

/// `MPOL_MF_MOVE` of Linux's `mempolicy.h`: pages that are elsewhere already are moved.
const MOVE_PAGES: libc::c_uint = 1 << 1;

/// Words of a mask of nodes. Linux builds for at most 1024 nodes.
const NODE_WORDS: usize = 16;

/// What Linux takes as the length of such a mask: one more than its bits.
const NODE_MASK_LENGTH: libc::c_ulong = NODE_WORDS as libc::c_ulong * 64 + 1;

const CPU_WORDS: usize = CPUS_MAX / 64;

/// What only Linux has is here.
pub(super) fn require(_call: &'static str) -> Result<(), NumaError> {
    Ok(())
}

/// The refusal of the call that failed last on this thread.
fn refused(call: &'static str) -> NumaError {
    NumaError::Refused {
        call,
        code: io::Error::last_os_error().raw_os_error().unwrap_or(0),
    }
}

/// Bytes of a page of memory.
pub fn page_bytes() -> usize {
    // SAFETY: the call takes a number and gives one.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).expect("Linux always knows its page size")
}

/// The processor on which this thread runs. Without [`pin_thread`], it may be another one at once.
///
/// # Errors
/// Where the operating system does not say.
pub fn current_cpu() -> Result<usize, NumaError> {
    // SAFETY: the call takes nothing and gives a number.
    let cpu = unsafe { libc::sched_getcpu() };
    usize::try_from(cpu).map_err(|_| refused("sched_getcpu"))
}

/// The processors on which this thread may run.
///
/// # Errors
/// Where the operating system refuses.
pub fn thread_cpus() -> Result<CpuSet, NumaError> {
    let mut words = [0u64; CPU_WORDS];
    // SAFETY: the call writes at most so many bytes to the array, of which each is valid.
    let result =
        unsafe { libc::sched_getaffinity(0, size_of_val(&words), words.as_mut_ptr().cast()) };
    if result != 0 {
        return Err(refused("sched_getaffinity"));
    }
    Ok(CpuSet::from_words(&words))
}

/// Keeps this thread on these processors.
///
/// # Errors
/// Where the operating system refuses: it has none of them, or does not allow them to this process.
pub fn pin_thread(cpus: &CpuSet) -> Result<(), NumaError> {
    let words = cpus.words();
    // SAFETY: the call reads so many bytes of the slice.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(words), words.as_ptr().cast()) };
    if result != 0 {
        return Err(refused("sched_setaffinity"));
    }
    Ok(())
}

/// A mask with one node in it.
fn node_mask(node: &Node) -> Result<[u64; NODE_WORDS], NumaError> {
    let mut mask = [0u64; NODE_WORDS];
    let number = node.system_id as usize;
    let word = mask.get_mut(number / 64).ok_or(NumaError::Beyond {
        what: "number of a node",
        limit: NODE_WORDS * 64 - 1,
        received: number,
    })?;
    *word |= 1 << (number % 64);
    Ok(mask)
}

/// Has this thread's future memory taken from a node while there is some, and from others then.
///
/// # Errors
/// Where the operating system refuses.
pub fn prefer_node(node: &Node) -> Result<(), NumaError> {
    let mask = node_mask(node)?;
    // SAFETY: the call reads as many bits of the mask as its length says.
    let result = unsafe {
        libc::syscall(
            libc::SYS_set_mempolicy,
            libc::MPOL_PREFERRED,
            mask.as_ptr(),
            NODE_MASK_LENGTH,
        )
    };
    if result != 0 {
        return Err(refused("set_mempolicy"));
    }
    Ok(())
}

/// Takes back what [`prefer_node`] asked for: memory is taken where the thread runs.
///
/// # Errors
/// Where the operating system refuses.
pub fn prefer_any_node() -> Result<(), NumaError> {
    let no_mask: *const u64 = std::ptr::null();
    // SAFETY: with no mask, the call reads none.
    let result = unsafe { libc::syscall(libc::SYS_set_mempolicy, libc::MPOL_DEFAULT, no_mask, 0) };
    if result != 0 {
        return Err(refused("set_mempolicy"));
    }
    Ok(())
}

/// Has the pages of a region taken from a node while it has some; pages that are elsewhere are moved. The region must be whole pages.
///
/// # Errors
/// Where the operating system refuses: the region does not begin with a page, or is not this process's.
pub fn place_memory(start: *const u8, bytes: usize, node: &Node) -> Result<(), NumaError> {
    let mask = node_mask(node)?;
    set_policy(
        start,
        bytes,
        libc::MPOL_PREFERRED,
        mask.as_ptr(),
        NODE_MASK_LENGTH,
    )
}

/// Takes back what [`place_memory`] asked for; pages stay where they are.
///
/// # Errors
/// Where the operating system refuses.
pub fn forget_place(start: *const u8, bytes: usize) -> Result<(), NumaError> {
    set_policy(start, bytes, libc::MPOL_DEFAULT, std::ptr::null(), 0)
}

/// The policy of a region; `mask` is null or holds as many bits as `mask_length` says.
fn set_policy(
    start: *const u8,
    bytes: usize,
    policy: libc::c_int,
    mask: *const u64,
    mask_length: libc::c_ulong,
) -> Result<(), NumaError> {
    let flags = if mask.is_null() { 0 } else { MOVE_PAGES };
    // SAFETY: the call reads the mask, which its callers above own, and nothing of the region, whose content stays as it is.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mbind,
            start,
            bytes,
            policy,
            mask,
            mask_length,
            flags,
        )
    };
    if result != 0 {
        return Err(refused("mbind"));
    }
    Ok(())
}

/// The system's number of the node on which the page of an address lies.
///
/// # Errors
/// Where the operating system refuses, or says that there is no page yet: one that was never touched lies nowhere.
pub(super) fn node_of_address(address: *const u8) -> Result<u32, NumaError> {
    const CALL: &str = "move_pages";
    let pages = [address];
    let nowhere: *const libc::c_int = std::ptr::null();
    let mut status: [libc::c_int; 1] = [0];
    // SAFETY: the call reads one address and writes one number; without nodes it only asks, and reads nothing at the address.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_pages,
            0,
            1usize,
            pages.as_ptr(),
            nowhere,
            status.as_mut_ptr(),
            0,
        )
    };
    if result != 0 {
        return Err(refused(CALL));
    }
    // Below zero, it is the number of an error.
    u32::try_from(status[0]).map_err(|_| NumaError::Refused {
        call: CALL,
        code: -status[0],
    })
}
