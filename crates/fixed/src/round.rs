//! Division with a stated rounding.

use crate::error::FixedError;

/// What becomes of a result that lies between two units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// It is an error.
    Exact,
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
    /// To the lower unit.
    Floor,
    /// To the higher unit.
    Ceiling,
    /// To the nearer unit; from the middle to the even one.
    HalfEven,
}

impl Rounding {
    /// Every rounding.
    pub const ALL: [Rounding; 6] = [
        Rounding::Exact,
        Rounding::Down,
        Rounding::Up,
        Rounding::Floor,
        Rounding::Ceiling,
        Rounding::HalfEven,
    ];

    /// The quotient, a whole number.
    pub(crate) fn divide(
        self,
        dividend: i128,
        divisor: i128,
        operation: &'static str,
    ) -> Result<i128, FixedError> {
        if divisor == 0 {
            return Err(FixedError::DivisionByZero);
        }
        let is_negative = (dividend < 0) != (divisor < 0);
        let (dividend, divisor) = (dividend.unsigned_abs(), divisor.unsigned_abs());
        let quotient = Quotient {
            whole: dividend / divisor,
            rest: dividend % divisor,
            divisor,
            is_negative,
        };
        self.round(quotient, operation)
    }

    /// The whole number that a quotient becomes.
    pub(crate) fn round(
        self,
        quotient: Quotient,
        operation: &'static str,
    ) -> Result<i128, FixedError> {
        let Quotient {
            whole,
            rest,
            divisor,
            is_negative,
        } = quotient;
        let is_away = match self {
            _ if rest == 0 => false,
            Rounding::Exact => return Err(FixedError::Inexact { operation }),
            Rounding::Down => false,
            Rounding::Up => true,
            Rounding::Floor => is_negative,
            Rounding::Ceiling => !is_negative,
            // The rest against what is missing, since twice the rest could overflow.
            Rounding::HalfEven => match rest.cmp(&(divisor - rest)) {
                core::cmp::Ordering::Less => false,
                core::cmp::Ordering::Greater => true,
                core::cmp::Ordering::Equal => whole % 2 == 1,
            },
        };
        let overflow = FixedError::overflow(operation);
        let magnitude = whole.checked_add(is_away.into()).ok_or(overflow)?;
        let signed = if is_negative {
            0i128.checked_sub_unsigned(magnitude)
        } else {
            i128::try_from(magnitude).ok()
        };
        signed.ok_or(overflow)
    }
}

/// A quotient before it is rounded: its magnitude is `whole` + `rest` / `divisor`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quotient {
    pub whole: u128,
    /// Below the divisor.
    pub rest: u128,
    pub divisor: u128,
    pub is_negative: bool,
}
