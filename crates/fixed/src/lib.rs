//! Decimal fixed point: numbers with a stated number of decimals, held as 64-bit integers.
//!
//! A [`FixedPoint<D>`] is a whole number of units of 10^-D. Nothing wraps and nothing is rounded unless a [`Rounding`] says how:
//! what does not fit, or would have to be rounded where it may not be, is an error. A [`Total`] is a sum of many, of 128 bits.
//!
//! [`batch`] works on slices: sums, elementwise sums, and notionals (prices times quantities). Which instruction set does it is found out at
//! run time; every one gives the same bits and finds the same overflows.
//!
//! Inside the market there are ticks and lots alone; this crate is for what is made of them at the edges: notionals, averages, texts.
#![no_std]

pub mod batch;
mod error;
mod point;
mod round;
mod text;
mod total;

pub use batch::Kernel;
pub use error::FixedError;
pub use point::{FixedPoint, DECIMALS_MAX};
pub use round::Rounding;
pub use total::Total;
