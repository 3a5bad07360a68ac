//! The owner of one object in a pool: a box whose memory goes back to the pool.
//!
//! Invariant: a handle is the only owner of its object; the slot holds an object from the handle's making until its drop.
#![allow(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use self::sealed::Store;
use super::slots::Slot;
use super::LockFreePool;
use crate::sync::Arc;

/// What a handle holds of its pool: a borrow, or a share of its ownership. Nothing outside of this crate implements it.
pub trait Owner<T>: sealed::Holds<T> {}

impl<T, P: sealed::Holds<T>> Owner<T> for P {}

pub(super) mod sealed {
    use std::ptr::NonNull;

    use super::super::slots::Slot;
    use crate::sync::Arc;

    /// A pool: where a slot goes when its object is gone.
    pub trait Store<T> {
        /// Notes that the object of a slot goes.
        ///
        /// # Safety
        /// The slot is of this pool, and the caller owns the object in it.
        unsafe fn retire(&self, slot: NonNull<Slot<T>>);

        /// Takes a slot back whose object is gone.
        ///
        /// # Safety
        /// The slot is of this pool, the caller owned its object, and `retire` was called for it.
        unsafe fn take_back(&self, slot: NonNull<Slot<T>>);
    }

    /// What keeps a pool where it is. It gives the same one each time.
    pub trait Holds<T> {
        /// The pool's type.
        type Store: Store<T>;

        /// The pool.
        fn store(&self) -> &Self::Store;
    }

    impl<T, S: Store<T>> Holds<T> for &S {
        type Store = S;

        #[inline]
        fn store(&self) -> &S {
            self
        }
    }

    impl<T, S: Store<T>> Holds<T> for Arc<S> {
        type Store = S;

        #[inline]
        fn store(&self) -> &S {
            self
        }
    }
}

/// An object in a pool, and its only owner. It derefs to the object and frees it when it is dropped.
pub struct Handle<T, P: Owner<T>> {
    slot: NonNull<Slot<T>>,
    pool: ManuallyDrop<P>,
    marker: PhantomData<T>,
}

/// An object in a [`LockFreePool`] that is borrowed.
pub type PoolBox<'pool, T> = Handle<T, &'pool LockFreePool<T>>;

/// An object in a [`LockFreePool`] whose ownership it shares, so that it lives as long as it is needed.
pub type Pooled<T> = Handle<T, Arc<LockFreePool<T>>>;

// SAFETY: a handle owns its object, and a pool may be used from every thread that the handle is sent to, as the second bound says.
unsafe impl<T: Send, P: Owner<T> + Send> Send for Handle<T, P> {}

// SAFETY: a shared handle gives shared access to the object and nothing else.
unsafe impl<T: Sync, P: Owner<T> + Sync> Sync for Handle<T, P> {}

/// Takes a slot back when it is dropped, so also where dropping the object panics.
pub(super) struct TakesBack<'handle, T, P: Owner<T>> {
    slot: NonNull<Slot<T>>,
    pool: &'handle P,
    marker: PhantomData<T>,
}

impl<'handle, T, P: Owner<T>> TakesBack<'handle, T, P> {
    /// Will take this slot back.
    ///
    /// # Safety
    /// The slot is of this pool, and the caller owned its object, which was retired; nobody else gives the slot back.
    #[inline]
    pub(super) unsafe fn new(slot: NonNull<Slot<T>>, pool: &'handle P) -> Self {
        TakesBack {
            slot,
            pool,
            marker: PhantomData,
        }
    }
}

impl<T, P: Owner<T>> Drop for TakesBack<'_, T, P> {
    fn drop(&mut self) {
        // SAFETY: as promised when this was made.
        unsafe { self.pool.store().take_back(self.slot) };
    }
}

impl<T, P: Owner<T>> Handle<T, P> {
    /// The handle of an object.
    ///
    /// # Safety
    /// The slot is of this pool and holds an object, and nobody else owns it.
    #[inline]
    pub(super) unsafe fn own(slot: NonNull<Slot<T>>, pool: P) -> Self {
        Handle {
            slot,
            pool: ManuallyDrop::new(pool),
            marker: PhantomData,
        }
    }

    #[inline]
    fn slot(&self) -> &Slot<T> {
        // SAFETY: slots live as long as their pool, which the handle borrows or owns.
        unsafe { self.slot.as_ref() }
    }

    /// The pool of a handle.
    #[inline]
    pub(super) fn store(this: &Self) -> &P::Store {
        this.pool.store()
    }

    /// Where the object's slot lies.
    #[inline]
    pub(super) fn address(this: &Self) -> NonNull<()> {
        this.slot.cast()
    }

    /// Takes the handle apart; nothing is dropped.
    #[inline]
    pub(super) fn into_parts(this: Self) -> (NonNull<Slot<T>>, P) {
        let mut this = ManuallyDrop::new(this);
        // SAFETY: the handle is not used or dropped after this.
        let pool = unsafe { ManuallyDrop::take(&mut this.pool) };
        (this.slot, pool)
    }

    /// The object, out of its slot, which is free again.
    pub fn into_inner(this: Self) -> T {
        let (slot, pool) = Handle::into_parts(this);
        // SAFETY: the handle owned the object, which moves out of the slot; the slot is given back after that.
        unsafe {
            pool.store().retire(slot);
            let object = slot.as_ref().with_mut(|object| object.read());
            pool.store().take_back(slot);
            object
        }
    }

    /// The object's address, and no owner any more. The slot comes back through `from_raw` or `give_back` of its pool.
    pub fn into_raw(this: Self) -> NonNull<T> {
        let (slot, _pool) = Handle::into_parts(this);
        // SAFETY: slots live as long as their pool, which is still there.
        let object = unsafe { slot.as_ref() }.with_mut(NonNull::new);
        object.expect("a slot is somewhere")
    }
}

impl<T, P: Owner<T>> Drop for Handle<T, P> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the handle is not used after this.
        let pool = unsafe { ManuallyDrop::take(&mut self.pool) };
        // SAFETY: the handle owns the object of this slot, and ends here.
        let _takes_back = unsafe {
            pool.store().retire(self.slot);
            TakesBack::new(self.slot, &pool)
        };
        // SAFETY: the object is there and has no other owner.
        self.slot()
            .with_mut(|object| unsafe { object.drop_in_place() });
    }
}

impl<T, P: Owner<T>> Deref for Handle<T, P> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the handle owns the object, and is borrowed for as long as the object is.
        self.slot().with(|object| unsafe { &*object })
    }
}

impl<T, P: Owner<T>> DerefMut for Handle<T, P> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the handle owns the object, and is borrowed alone for as long as the object is.
        self.slot().with_mut(|object| unsafe { &mut *object })
    }
}

impl<T: fmt::Debug, P: Owner<T>> fmt::Debug for Handle<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}
