//! What is read at the start and at the end of a stretch of operations: the clock, the processor's counters, or marks for a simulator.

use std::time::Instant;

use proofbook_bench::latency::nanoseconds;

/// Reads something when a stretch begins and when it ends.
pub trait Meter {
    /// The stretch begins.
    fn start(&mut self);
    /// The stretch has ended.
    fn stop(&mut self);
}

/// The time of the last stretch.
pub struct Clock {
    started: Instant,
    elapsed_ns: u64,
}

impl Clock {
    pub fn new() -> Self {
        Clock {
            started: Instant::now(),
            elapsed_ns: 0,
        }
    }

    /// How long the last stretch took, one reading of the clock included.
    pub fn elapsed_ns(&self) -> u64 {
        self.elapsed_ns
    }

    /// What an empty stretch takes: the median of many.
    pub fn cost_ns(&mut self) -> u64 {
        const READINGS: usize = 2001;
        let mut costs: Vec<u64> = (0..READINGS)
            .map(|_| {
                self.start();
                self.stop();
                self.elapsed_ns
            })
            .collect();
        costs.sort_unstable();
        costs[READINGS / 2]
    }
}

impl Meter for Clock {
    #[inline(always)]
    fn start(&mut self) {
        self.started = Instant::now();
    }

    #[inline(always)]
    fn stop(&mut self) {
        self.elapsed_ns = nanoseconds(self.started, Instant::now());
    }
}

/// Reads nothing: for warming up.
pub struct Unread;

impl Meter for Unread {
    fn start(&mut self) {}
    fn stop(&mut self) {}
}
