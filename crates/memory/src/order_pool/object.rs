//! The objects of an [`OrderPool`](super::OrderPool): what is recycled, with what the pool knows of it.

use std::fmt;
use std::ops::{Deref, DerefMut};

use proofbook_types::{
    AccountId, Order, OrderId, Quantity, SelfTradePrevention, Side, TimeInForce, Timestamp,
};

use crate::pool::NumaPooled;

/// What can be used again.
pub trait Recyclable {
    /// An object in its first state.
    fn blank() -> Self;

    /// Brings the object back to its first state; what it holds of other memory, it may keep.
    fn reset(&mut self);
}

impl Recyclable for Order {
    /// An order of nobody, for nothing.
    fn blank() -> Order {
        Order {
            id: OrderId(0),
            account: AccountId(0),
            side: Side::Buy,
            price: None,
            stop_price: None,
            displayed: Quantity(0),
            hidden: Quantity(0),
            display: None,
            filled: Quantity(0),
            priority: 0,
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            self_trade: SelfTradePrevention::Allow,
        }
    }

    fn reset(&mut self) {
        *self = Order::blank();
    }
}

/// An object, made before it is needed, with what its pool knows of it. It begins with a cache line.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct PreInitializedOrder<T> {
    object: T,
    allocation_generation: u64,
    last_used: Timestamp,
    cleanup_required: bool,
}

impl<T: Recyclable> PreInitializedOrder<T> {
    /// One that was never used.
    pub(super) fn blank() -> Self {
        PreInitializedOrder {
            object: T::blank(),
            allocation_generation: 0,
            last_used: Timestamp(0),
            cleanup_required: false,
        }
    }

    /// Brings it back to its first state, if it was used.
    pub(super) fn clean(&mut self) {
        if self.cleanup_required {
            self.object.reset();
            self.cleanup_required = false;
        }
    }
}

/// An object in use. It derefs to the object. Give it back to its pool when it has served; one that is dropped instead is gone, and
/// its slot is free.
pub struct PooledOrder<T>(NumaPooled<PreInitializedOrder<T>>);

impl<T> PooledOrder<T> {
    /// Takes one out of those that are ready.
    #[inline]
    pub(super) fn first_used(
        mut ready: NumaPooled<PreInitializedOrder<T>>,
        now: Timestamp,
    ) -> Self {
        debug_assert!(!ready.cleanup_required, "what is ready is clean");
        ready.allocation_generation += 1;
        ready.last_used = now;
        // Whoever has it may change it.
        ready.cleanup_required = true;
        PooledOrder(ready)
    }

    /// What comes back.
    #[inline]
    pub(super) fn into_used(mut self, now: Timestamp) -> UsedOrder<T> {
        self.0.last_used = now;
        UsedOrder(self.0)
    }

    /// How often this object was given out, this time included.
    pub fn generation(&self) -> u64 {
        self.0.allocation_generation
    }

    /// When it was given out.
    pub fn last_used(&self) -> Timestamp {
        self.0.last_used
    }
}

impl<T> Deref for PooledOrder<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.object
    }
}

impl<T> DerefMut for PooledOrder<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0.object
    }
}

impl<T: fmt::Debug> fmt::Debug for PooledOrder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

/// An object that has served and waits to be cleaned.
pub struct UsedOrder<T>(NumaPooled<PreInitializedOrder<T>>);

impl<T: Recyclable> UsedOrder<T> {
    /// Cleans it, for its next use.
    pub(super) fn into_ready(self) -> NumaPooled<PreInitializedOrder<T>> {
        let mut object = self.0;
        object.clean();
        object
    }
}

impl<T> fmt::Debug for UsedOrder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsedOrder")
            .field("last_used", &self.0.last_used)
            .finish_non_exhaustive()
    }
}
