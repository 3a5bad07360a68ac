//! Things whose death can be told: their memory stays, so that a reader that comes too late reads what says so.

// Each test uses a part of this. Things are boxed so that their addresses stay.
#![allow(dead_code, unsafe_code, clippy::vec_box)]

use proofbook_memory::retired::Retired;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

const ALIVE: u64 = 0xa11e_a11e_a11e_a11e;
const DEAD: u64 = 0xdead_dead_dead_dead;

/// A thing that knows whether it was freed, and how often.
pub struct Canary {
    word: AtomicU64,
    pub number: u64,
    freed: AtomicU32,
}

impl Canary {
    pub fn new(number: u64) -> Box<Self> {
        Box::new(Canary {
            word: AtomicU64::new(ALIVE),
            number,
            freed: AtomicU32::new(0),
        })
    }

    /// Fails where this was freed.
    pub fn assert_alive(&self) {
        let word = self.word.load(Ordering::Relaxed);
        assert_eq!(
            word, ALIVE,
            "thing {} was freed while it was held",
            self.number
        );
    }

    pub fn freed(&self) -> u32 {
        self.freed.load(Ordering::Relaxed)
    }

    /// To be freed by marking it.
    ///
    /// # Safety
    /// The thing outlives all reclamation.
    pub unsafe fn retired(&self) -> Retired {
        unsafe fn free(pointer: *mut (), _context: *const ()) {
            // SAFETY: the thing outlives all reclamation.
            let canary = unsafe { &*pointer.cast::<Canary>() };
            canary.word.store(DEAD, Ordering::Relaxed);
            canary.freed.fetch_add(1, Ordering::Relaxed);
        }
        let pointer: *const Canary = self;
        // SAFETY: it is freed by writing its atomics, which any thread may do, and it lives long enough.
        unsafe { Retired::new(pointer.cast_mut().cast(), std::ptr::null(), free) }
    }
}

/// Where a thing lies, as structures hold it.
pub fn pointer(canary: &Canary) -> *mut Canary {
    std::ptr::from_ref(canary).cast_mut()
}

/// Fails unless each thing was freed once, except those that are still in a place, which were not.
pub fn assert_freed_but(places: &[AtomicPtr<Canary>], made: &[Box<Canary>]) {
    let last: Vec<_> = places
        .iter()
        .map(|place| place.load(Ordering::Relaxed))
        .collect();
    for canary in made {
        let expected = u32::from(!last.contains(&pointer(canary)));
        assert_eq!(canary.freed(), expected, "thing {}", canary.number);
    }
}

/// The long form of a test where the environment asks for it.
pub fn times(short: u64, long: u64) -> u64 {
    if std::env::var_os("PROOFBOOK_SOAK").is_some() {
        long
    } else {
        short
    }
}

/// Random numbers from a seed (splitmix64, Steele et al. 2014).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}
