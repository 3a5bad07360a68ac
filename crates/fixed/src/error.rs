//! What can go wrong with a fixed-point number.

use core::fmt;

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixedError {
    /// The result does not fit.
    Overflow {
        /// What was tried.
        operation: &'static str,
        /// Where in the slices, for an operation on slices.
        index: Option<usize>,
    },
    /// The result lies between two units, and [`Rounding::Exact`](crate::Rounding::Exact) was asked for.
    Inexact {
        /// What was tried.
        operation: &'static str,
    },
    /// A division by zero.
    DivisionByZero,
    /// Text that is no decimal number.
    Syntax {
        /// The byte of the text at which it stops being one.
        position: usize,
    },
    /// Text with more decimals than the number has, other than zeros.
    Decimals {
        /// The most that it may have.
        expected: u32,
        /// What it has.
        received: usize,
    },
    /// Slices that should be equally long and are not.
    Lengths {
        /// Length of the first.
        expected: usize,
        /// Length of the other.
        received: usize,
    },
}

impl FixedError {
    pub(crate) const fn overflow(operation: &'static str) -> Self {
        FixedError::Overflow {
            operation,
            index: None,
        }
    }
}

impl fmt::Display for FixedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            FixedError::Overflow {
                operation,
                index: None,
            } => write!(f, "{operation}: the result does not fit"),
            FixedError::Overflow {
                operation,
                index: Some(index),
            } => write!(f, "{operation}: the result at index {index} does not fit"),
            FixedError::Inexact { operation } => {
                write!(f, "{operation}: the result lies between two units")
            }
            FixedError::DivisionByZero => write!(f, "division by zero"),
            FixedError::Syntax { position } => {
                write!(
                    f,
                    "expected a decimal number; received something else at byte {position}"
                )
            }
            FixedError::Decimals { expected, received } => {
                write!(
                    f,
                    "expected at most {expected} decimals; received {received}"
                )
            }
            FixedError::Lengths { expected, received } => {
                write!(
                    f,
                    "expected slices of one length, {expected}; received one of {received}"
                )
            }
        }
    }
}

impl core::error::Error for FixedError {}
