//! A clock that moves only when it is told to.

use std::cell::Cell;
use std::rc::Rc;

use crate::Clock;

/// A clock that moves only when it is told to. Clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct SimulatedClock {
    now_ns: Rc<Cell<u64>>,
}

impl SimulatedClock {
    /// Lets time pass.
    pub fn advance(&self, nanoseconds: u64) {
        self.now_ns.set(self.now_ns.get() + nanoseconds);
    }
}

impl Clock for SimulatedClock {
    fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }
}
