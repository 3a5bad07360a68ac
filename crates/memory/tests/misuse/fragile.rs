//! Objects that are counted, some of which panic when they are dropped.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;

/// How many objects live.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<AtomicI64>);

impl Live {
    pub fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more object.
    pub fn sound(&self) -> Fragile {
        self.0.fetch_add(1, Ordering::Relaxed);
        Fragile {
            live: self.clone(),
            panics: false,
        }
    }

    /// One more object, whose drop panics.
    pub fn broken(&self) -> Fragile {
        let mut object = self.sound();
        object.panics = true;
        object
    }
}

/// An object that is counted. It is gone even where its drop panics.
#[derive(Debug)]
pub struct Fragile {
    live: Live,
    panics: bool,
}

impl Fragile {
    pub fn live(&self) -> &Live {
        &self.live
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        self.live.0.fetch_sub(1, Ordering::Relaxed);
        assert!(!self.panics, "as it was made to");
    }
}

/// Does something in which one drop panics.
pub fn survive(body: impl FnOnce()) {
    catch_unwind(AssertUnwindSafe(body)).expect_err("one drop panics");
}
