//! Pointers from outside, turned into references or into a failure that names the parameter.

use core::mem::MaybeUninit;
use core::slice;

use crate::status::{Failure, Status};

fn null(name: &str) -> Failure {
    Failure::new(
        Status::NullPointer,
        format_args!("{name} must not be a null pointer"),
    )
}

/// What an input pointer points to.
///
/// # Safety
/// `pointer` is null or points to a `T` that lives and that nobody changes meanwhile.
pub(crate) unsafe fn input<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Failure> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(name))
}

/// The room that an output pointer points to.
///
/// # Safety
/// `pointer` is null or points to room for a `T` that nobody else uses meanwhile.
pub(crate) unsafe fn output<'a, T>(
    pointer: *mut T,
    name: &str,
) -> Result<&'a mut MaybeUninit<T>, Failure> {
    // SAFETY: the caller's promise.
    unsafe { pointer.cast::<MaybeUninit<T>>().as_mut() }.ok_or_else(|| null(name))
}

/// The values that an input pointer points to.
///
/// # Safety
/// `pointer` points to `count` values, or is null where `count` is 0.
pub(crate) unsafe fn inputs<'a, T>(
    pointer: *const T,
    count: usize,
    name: &str,
) -> Result<&'a [T], Failure> {
    match (pointer.is_null(), count) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(null(name)),
        // SAFETY: the caller's promise.
        (false, _) => Ok(unsafe { slice::from_raw_parts(pointer, count) }),
    }
}

/// The room for values that an output pointer points to.
///
/// # Safety
/// `pointer` points to room for `count` values that nobody else uses, or is null where `count` is 0.
pub(crate) unsafe fn outputs<'a, T>(
    pointer: *mut T,
    count: usize,
    name: &str,
) -> Result<&'a mut [MaybeUninit<T>], Failure> {
    match (pointer.is_null(), count) {
        (_, 0) => Ok(&mut []),
        (true, _) => Err(null(name)),
        // SAFETY: the caller's promise.
        (false, _) => Ok(unsafe { slice::from_raw_parts_mut(pointer.cast(), count) }),
    }
}
