//! Constants of the permutation for states that are carried times a factor.
//!
//! A kernel holds k·x instead of each element x. Its multiplication of a and b gives a·b / R, R being its radix. So a cube gives
//! k^3/R^2 times the cube wanted, and after a whole external round that is the new factor of all elements: nothing is lost, the
//! round's constants have to be multiplied by k, and no element ever has to be brought into Montgomery form.
//!
//! In an internal round one element is cubed and has to get the factor of the others back, which is one multiplication. The layer after
//! it is (s + 2^e · x) / 2^32 for element x and sum s; a kernel computes (s + 2^e · x) / 2^15 instead, which is
//! s / 2^15 + x / 2^n with n = 15 - e, and counts the rest in the factor. Dividing by 2^n, n at most 24, takes no multiplication: 2^24 · 127
//! is -1 in the field, so x / 2^n is (x >> n) - 127 · 2^(24-n) · (x mod 2^n).

use proofbook_commitment::poseidon2::{
    EXTERNAL_CONSTANTS, INTERNAL_CONSTANTS, INTERNAL_SHIFTS, ORDER, WIDTH,
};

/// The field's order.
pub const P: u64 = ORDER as u64;

/// By which power of two the internal layer divides each element but the first; 0 for the last one.
pub const DIVISORS: [u32; WIDTH] = {
    let mut divisors = [15; WIDTH];
    let mut i = 1;
    while i < WIDTH {
        divisors[i] = 15 - INTERNAL_SHIFTS[i];
        i += 1;
    }
    divisors
};

/// Constants for one radix, all below the order.
pub struct Schedule {
    /// Of the external rounds.
    pub external: [[u32; WIDTH]; 8],
    /// Of the internal rounds.
    pub internal: [u32; 20],
    /// What the cube of an internal round is multiplied by, times the radix.
    pub back: [u32; 20],
    /// What an element is multiplied by at the end, times the radix.
    pub last: u32,
}

const fn multiply(a: u64, b: u64) -> u64 {
    a * b % P
}

/// `base` to the power of `exponent`.
pub const fn power(base: u64, mut exponent: u64) -> u64 {
    let (mut result, mut square) = (1, base % P);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = multiply(result, square);
        }
        square = multiply(square, square);
        exponent >>= 1;
    }
    result
}

const fn inverse(x: u64) -> u64 {
    power(x, P - 2)
}

/// The schedule for the radix 2^`bits`.
pub const fn schedule(bits: u64) -> Schedule {
    let radix = power(2, bits);
    let per_radix_squared = inverse(multiply(radix, radix));
    let mut schedule = Schedule {
        external: [[0; WIDTH]; 8],
        internal: [0; 20],
        back: [0; 20],
        last: 0,
    };
    let mut factor = 1;
    let mut round = 0;
    while round < 8 {
        if round == 4 {
            let mut round = 0;
            while round < 20 {
                schedule.internal[round] =
                    multiply(factor, INTERNAL_CONSTANTS[round] as u64) as u32;
                // factor / 2^15 instead of factor^3 / radix^2, and the radix that the multiplication takes away.
                let wanted = inverse(multiply(multiply(factor, factor), 1 << 15));
                let wanted = multiply(wanted, multiply(radix, radix));
                schedule.back[round] = multiply(wanted, radix) as u32;
                factor = multiply(factor, 1 << 17);
                round += 1;
            }
        }
        let mut i = 0;
        while i < WIDTH {
            schedule.external[round][i] =
                multiply(factor, EXTERNAL_CONSTANTS[round][i] as u64) as u32;
            i += 1;
        }
        factor = multiply(power(factor, 3), per_radix_squared);
        round += 1;
    }
    schedule.last = multiply(inverse(factor), radix) as u32;
    schedule
}
