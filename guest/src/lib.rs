//! What a program needs of the zkVM: its start, memory, input, output, precompiles and end. `core` and `alloc` are enough.
//!
//! A system call of SP1 is `ecall` with its code in `t0` and its arguments in `a0`, `a1` and `a2`. The codes and conventions
//! are those of SP1 6 (`crates/zkvm/entrypoint` in its source).
#![no_std]

extern crate alloc;

use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::arch::{asm, global_asm};

use proofbook_commitment::{Digest, Permutation};

const HALT: u64 = 0x00;
const WRITE: u64 = 0x02;
const COMMIT: u64 = 0x10;
const COMMIT_DEFERRED_PROOFS: u64 = 0x1a;
const HINT_LEN: u64 = 0xf0;
const HINT_READ: u64 = 0xf1;
const POSEIDON2: u64 = 0x0133;
const SHA_EXTEND: u64 = 0x0030_0105;
const SHA_COMPRESS: u64 = 0x0001_0106;

const PUBLIC_VALUES: u64 = 13;
const BAD_INPUT: u64 = 3;

// The stack grows down from where the program lies.
global_asm!(
    ".section .text._start,\"ax\",@progbits",
    ".globl _start",
    "_start:",
    ".option push",
    ".option norelax",
    "la gp, __global_pointer$",
    ".option pop",
    "li sp, 0x78000000",
    "call guest",
);

/// A system call that returns nothing.
///
/// # Safety
/// The arguments are what the call expects.
#[inline(always)]
unsafe fn call(code: u64, first: u64, second: u64) {
    // SAFETY: the caller's. A call changes no register but those of its results, which these calls do not have.
    unsafe { asm!("ecall", in("t0") code, in("a0") first, in("a1") second, options(nostack)) }
}

fn halt(exit_code: u64) -> ! {
    // SAFETY: nothing comes after it.
    unsafe { asm!("ecall", in("t0") HALT, in("a0") exit_code, options(nostack, noreturn)) }
}

/// The next input, with room for more words after it.
///
/// Ends the program where there is none or it does not consist of words.
pub fn input(room: usize) -> Vec<u64> {
    let length: usize;
    // SAFETY: it takes no arguments and gives a length.
    unsafe { asm!("ecall", inlateout("t0") HINT_LEN as usize => length, options(nostack)) };
    let words = length / 8;
    if length % 8 != 0 || words >= 1 << 28 {
        halt(BAD_INPUT);
    }
    let mut input = Vec::with_capacity(words + 1 + room);
    // SAFETY: the call writes `words + 1` words, for which there is room, to memory that was never used before: no memory
    // of this program's heap ever is used twice. So the first `words` hold something afterwards.
    unsafe {
        call(HINT_READ, input.as_mut_ptr() as u64, length as u64);
        input.set_len(words);
    }
    input
}

/// Poseidon2 by the zkVM's precompile.
pub struct Precompile;

impl Permutation for Precompile {
    #[inline(always)]
    fn permute(state: &mut [u64; 8]) {
        // SAFETY: the call changes the eight words in place; words are aligned as it needs them.
        unsafe { call(POSEIDON2, state.as_mut_ptr() as u64, 0) }
    }
}

/// Proofs that have to be there for the proof of this run to hold, as one digest.
///
/// SP1 verifies them outside of the program, which only says which they are: `hash_deferred_proof` of its source.
#[derive(Default)]
pub struct Required(Digest);

impl Required {
    /// One more: that the program with this verifying key's hash gave these public values.
    pub fn require(&mut self, program: Digest, public_values: &[u8]) {
        let mut state = [0; 8];
        let mut absorb = |block: [u64; 4]| {
            state[..4].copy_from_slice(&block);
            Precompile::permute(&mut state);
        };
        absorb(self.0 .0);
        absorb(program.0);
        for pair in sha256(public_values).chunks_exact(2) {
            // An element for each byte, the first of a word its highest.
            let element = |index: usize| pair[index / 4] >> (24 - 8 * (index % 4)) & 0xff;
            absorb([0, 2, 4, 6].map(|index| element(index) | element(index + 1) << 32));
        }
        self.0 .0.copy_from_slice(&state[..4]);
    }
}

/// SHA-256 of whole words, by the zkVM's precompiles. One 32-bit word of the algorithm lies in each 64-bit word.
fn sha256(bytes: &[u8]) -> [u64; 8] {
    let mut hash = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    let mut padded = Vec::with_capacity(bytes.len() + 72);
    padded.extend_from_slice(bytes);
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(8 * bytes.len() as u64).to_be_bytes());
    let mut schedule = [0u64; 64];
    for block in padded.chunks_exact(64) {
        for (word, chunk) in schedule.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]).into();
        }
        // SAFETY: the calls read and write 64 words of the schedule and eight of the hash.
        unsafe {
            call(SHA_EXTEND, schedule.as_mut_ptr() as u64, 0);
            call(
                SHA_COMPRESS,
                schedule.as_mut_ptr() as u64,
                hash.as_mut_ptr() as u64,
            );
        }
    }
    hash
}

/// Commits the public values and ends the program: proofs bind their SHA-256. No other proofs are required.
pub fn commit(public_values: &[u8]) -> ! {
    commit_requiring(public_values, &Required::default())
}

/// As [`commit`], where other proofs are required.
pub fn commit_requiring(public_values: &[u8], required: &Required) -> ! {
    // SAFETY: the call reads the bytes.
    unsafe {
        asm!(
            "ecall", in("t0") WRITE, in("a0") PUBLIC_VALUES, in("a1") public_values.as_ptr(),
            in("a2") public_values.len(), options(nostack)
        );
    }
    for (index, word) in (0..).zip(sha256(public_values)) {
        let word = (word as u32).swap_bytes();
        let pair = required.0 .0[index as usize / 2];
        let element = if index % 2 == 0 {
            pair as u32
        } else {
            (pair >> 32) as u32
        };
        // SAFETY: all arguments are values.
        unsafe {
            call(COMMIT, index, word.into());
            call(COMMIT_DEFERRED_PROOFS, index, element.into());
        }
    }
    halt(0)
}

/// Gives memory from the end of the program upwards; nothing is ever used twice.
struct Upwards;

static mut NEXT: usize = 0;

extern "C" {
    /// Where the program ends; from the linker.
    static _end: u8;
}

// SAFETY: there is one thread. What is given is aligned, as long as asked, and never given again. The heap reaches to
// where addresses end, which the zkVM enforces.
unsafe impl GlobalAlloc for Upwards {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: there is one thread, and the linker defines the symbol.
        unsafe {
            if NEXT == 0 {
                NEXT = &raw const _end as usize;
            }
            let start = (NEXT + layout.align() - 1) & !(layout.align() - 1);
            NEXT = start + layout.size();
            start as *mut u8
        }
    }

    #[inline]
    unsafe fn dealloc(&self, _pointer: *mut u8, _layout: Layout) {}
}

#[global_allocator]
static HEAP: Upwards = Upwards;

#[panic_handler]
fn panic(_panic: &core::panic::PanicInfo<'_>) -> ! {
    halt(1)
}
