//! AVX-512 with IFMA: eight lanes of 64 bits, products of 52 bits.
//!
//! The radix is 2^52. An element is any number congruent to what it stands for, below 2^52; bits above are noise, since the
//! multiplications do not look at them. That leaves 21 bits above the field's order: no sum of the external layer, and none
//! of the internal rounds taken together, has to be reduced.
//!
//! Bounds: a product is at most p + a·b / 2^52. Cubes are below 2^32. The external layer sums 35 of them at most, so its elements are
//! below 2^38, and the square of one is below 2^76: its upper half is below 2^24. In an internal round each element is below
//! 2^34 more than it was; the last one, which no round makes smaller, ends below 2^39.

use core::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_and_si512, _mm512_load_si512, _mm512_madd52hi_epu64,
    _mm512_madd52lo_epu64, _mm512_min_epu64, _mm512_or_si512, _mm512_set1_epi64,
    _mm512_setzero_si512, _mm512_slli_epi64, _mm512_srli_epi64, _mm512_store_si512,
    _mm512_sub_epi64,
};

use proofbook_commitment::poseidon2::WIDTH;

use crate::kernel::{Digests, Preimages, Words, LANES};
use crate::schedule::{schedule, Schedule, DIVISORS, P};

const RADIX_BITS: u64 = 52;
const RADIX: u64 = 1 << RADIX_BITS;
const SCHEDULE: Schedule = schedule(RADIX_BITS);

/// The order's inverse modulo 2^52, by Newton's iteration.
const P_INVERSE: u64 = {
    let mut inverse = P;
    let mut step = 0;
    while step < 5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(P.wrapping_mul(inverse)));
        step += 1;
    }
    assert!(P.wrapping_mul(inverse) == 1);
    inverse % RADIX
};

/// A factor, and that factor times [`P_INVERSE`].
#[derive(Clone, Copy)]
struct Factor {
    value: u64,
    value_by_p: u64,
}

const fn factor(value: u32) -> Factor {
    let value = value as u64;
    Factor {
        value,
        value_by_p: value.wrapping_mul(P_INVERSE) % RADIX,
    }
}

const BACK: [Factor; 20] = {
    let mut back = [factor(0); 20];
    let mut round = 0;
    while round < 20 {
        back[round] = factor(SCHEDULE.back[round]);
        round += 1;
    }
    back
};
/// The rounds' constants as whole words, which a register can be filled with straight from memory.
const EXTERNAL: [[u64; WIDTH]; 8] = {
    let mut external = [[0; WIDTH]; 8];
    let mut place = 0;
    while place < 8 * WIDTH {
        let (round, i) = (place / WIDTH, place % WIDTH);
        external[round][i] = SCHEDULE.external[round][i] as u64;
        place += 1;
    }
    external
};
/// What makes the first element of each internal round after the first one: the round's constant, and 2p, which is enough to
/// subtract a cube from.
const NEXT: [u64; 19] = {
    let mut next = [2 * P; 19];
    let mut round = 1;
    while round < 20 {
        next[round - 1] += SCHEDULE.internal[round] as u64;
        round += 1;
    }
    next
};
const LAST: Factor = factor(SCHEDULE.last);

type State = [__m512i; WIDTH];

/// One line of memory, of which a register is loaded whole.
#[repr(C, align(64))]
struct Line([u64; LANES]);

#[inline]
#[target_feature(enable = "avx512f")]
fn load(words: &[u64; LANES]) -> __m512i {
    let line = Line(*words);
    // SAFETY: the line is 64 readable bytes, aligned to 64.
    unsafe { _mm512_load_si512((&raw const line).cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(vector: __m512i) -> [u64; LANES] {
    let mut line = Line([0; LANES]);
    // SAFETY: the line is 64 writable bytes, aligned to 64.
    unsafe { _mm512_store_si512((&raw mut line).cast(), vector) };
    line.0
}

#[inline]
#[target_feature(enable = "avx512f")]
fn all(word: u64) -> __m512i {
    _mm512_set1_epi64(word as i64)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi64(a, b)
}

/// The product over 2^52, between 1 and p + a·b / 2^52.
///
/// q·p and a·b have the same lower half, so the difference of the upper halves is exact (Montgomery 1985).
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn multiply(a: __m512i, b: __m512i) -> __m512i {
    let zero = _mm512_setzero_si512();
    let low = _mm512_madd52lo_epu64(zero, a, b);
    let high = _mm512_madd52hi_epu64(all(P), a, b);
    let quotient = _mm512_madd52lo_epu64(zero, low, all(P_INVERSE));
    _mm512_sub_epi64(high, _mm512_madd52hi_epu64(zero, quotient, all(P)))
}

/// The same by a constant, whose share in the quotient is known.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn multiply_by(a: __m512i, factor: Factor) -> __m512i {
    let zero = _mm512_setzero_si512();
    let high = _mm512_madd52hi_epu64(all(P), a, all(factor.value));
    let quotient = _mm512_madd52lo_epu64(zero, a, all(factor.value_by_p));
    _mm512_sub_epi64(high, _mm512_madd52hi_epu64(zero, quotient, all(P)))
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn cube(x: __m512i) -> __m512i {
    multiply(multiply(x, x), x)
}

/// `sum` + x / 2^`bits`, for a `sum` of at least the order.
///
/// What is subtracted is added as 2^52 minus it: noise above bit 51.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn add_divided(sum: __m512i, x: __m512i, bits: u32) -> __m512i {
    let upper = _mm512_madd52hi_epu64(sum, x, all(1 << (RADIX_BITS as u32 - bits)));
    let lower = _mm512_and_si512(x, all((1 << bits) - 1));
    _mm512_madd52lo_epu64(upper, lower, all(RADIX - (127 << (24 - bits))))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn external_layer(state: &mut State) {
    for four in state.as_chunks_mut::<4>().0 {
        let [a, b, c, d] = *four;
        let (ab, cd) = (add(a, b), add(c, d));
        let sum = add(ab, cd);
        let (sum_b, sum_d) = (add(sum, b), add(sum, d));
        *four = [
            add(sum_b, ab),
            add(sum_b, add(c, c)),
            add(sum_d, cd),
            add(sum_d, add(a, a)),
        ];
    }
    for column in 0..4 {
        let sum = add(
            add(state[column], state[column + 4]),
            add(state[column + 8], state[column + 12]),
        );
        for row in 0..4 {
            state[4 * row + column] = add(state[4 * row + column], sum);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn external_round(state: &mut State, constants: &[u64; WIDTH]) {
    macro_rules! cubes {
        ($($i:literal)*) => {
            $(state[$i] = cube(add(state[$i], all(constants[$i])));)*
        };
    }
    cubes!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    external_layer(state);
}

/// The sum of all elements but the first.
#[inline]
#[target_feature(enable = "avx512f")]
fn sum_of_rest(state: &State) -> __m512i {
    let [_, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = *state;
    let (first, second) = (add(add(a, b), add(c, d)), add(add(e, f), add(g, h)));
    let (third, fourth) = (add(add(i, j), add(k, l)), add(add(m, n), o));
    add(add(first, second), add(third, fourth))
}

/// The internal rounds. Every index is a constant, so that the state stays in registers.
///
/// The next cube stands before the divisions in the program, since a processor serves the older of two waiting operations first, and
/// it is the cubes that everything else waits for.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn internal_rounds(memory: &mut State) {
    let mut state = *memory;
    let first = add(state[0], all(SCHEDULE.internal[0].into()));
    let mut cubed = multiply_by(cube(first), BACK[0]);
    for (back, &next) in BACK[1..].iter().zip(&NEXT) {
        let rest = add_divided(all(P), sum_of_rest(&state), DIVISORS[0]);
        let sum = add(add(rest, all(P)), cubed);
        let first = _mm512_sub_epi64(add(rest, all(next)), cubed);
        cubed = multiply_by(cube(first), *back);
        divide_rest(&mut state, sum);
    }
    let rest = add_divided(all(P), sum_of_rest(&state), DIVISORS[0]);
    let sum = add(add(rest, all(P)), cubed);
    state[0] = _mm512_sub_epi64(add(rest, all(2 * P)), cubed);
    divide_rest(&mut state, sum);
    *memory = state;
}

/// The internal layer on all elements but the first.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn divide_rest(state: &mut State, sum: __m512i) {
    macro_rules! divide {
        ($($i:literal)*) => {
            $(state[$i] = add_divided(sum, state[$i], const { DIVISORS[$i] });)*
        };
    }
    divide!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    const { assert!(DIVISORS[15] == 0) };
    state[15] = add(sum, state[15]);
}

/// All rounds of `N` times eight lanes; the results are carried times a factor that [`LAST`] takes away.
///
/// Two times eight lanes go through the external rounds in turn: while the sums of one wait for its last cubes, the
/// other's cubes begin.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn rounds<const N: usize>(states: &mut [State; N]) {
    for state in &mut *states {
        external_layer(state);
    }
    for constants in &EXTERNAL[..4] {
        for state in &mut *states {
            external_round(state, constants);
        }
    }
    for state in &mut *states {
        internal_rounds(state);
    }
    for constants in &EXTERNAL[4..] {
        for state in &mut *states {
            external_round(state, constants);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn unpack(words: &[u64; LANES]) -> [__m512i; 2] {
    let words = load(words);
    [
        _mm512_and_si512(words, all(u32::MAX.into())),
        _mm512_srli_epi64(words, 32),
    ]
}

/// Two elements without their factor, below the order.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn pack(pair: &[__m512i; 2]) -> [u64; LANES] {
    let [low, high] = pair.map(|element| {
        let element = multiply_by(element, LAST);
        _mm512_min_epu64(element, _mm512_sub_epi64(element, all(P)))
    });
    store(_mm512_or_si512(low, _mm512_slli_epi64(high, 32)))
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn permute_some<const N: usize>(states: &mut [Words<8>; N]) {
    let mut elements = [[_mm512_setzero_si512(); WIDTH]; N];
    for (elements, words) in elements.iter_mut().zip(&*states) {
        for (pair, word) in elements.as_chunks_mut::<2>().0.iter_mut().zip(words) {
            *pair = unpack(word);
        }
    }
    rounds(&mut elements);
    for (words, elements) in states.iter_mut().zip(&elements) {
        for (word, pair) in words.iter_mut().zip(elements.as_chunks::<2>().0) {
            *word = pack(pair);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn hash_some<const N: usize, const M: usize>(
    preimages: &[Preimages<N>; M],
    digests: &mut [Digests; M],
) {
    let mut states = [[_mm512_setzero_si512(); WIDTH]; M];
    for (state, preimages) in states.iter_mut().zip(preimages) {
        [state[8], state[9]] = unpack(&preimages.capacity[0]);
    }
    for index in 0..N {
        for (state, preimages) in states.iter_mut().zip(preimages) {
            if index > 0 {
                for element in &mut state[8..] {
                    *element = multiply_by(*element, LAST);
                }
            }
            let block = &preimages.blocks[index];
            for (pair, word) in state.as_chunks_mut::<2>().0.iter_mut().zip(block) {
                *pair = unpack(word);
            }
        }
        rounds(&mut states);
    }
    for (digests, state) in digests.iter_mut().zip(&states) {
        for (word, pair) in digests.0.iter_mut().zip(state.as_chunks::<2>().0) {
            *word = pack(pair);
        }
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) fn permute(states: &mut [Words<8>; 2], used: usize) {
    if used > LANES {
        permute_some(states);
    } else {
        permute_some(states.first_chunk_mut::<1>().expect("one of two"));
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) fn hash<const N: usize>(preimages: &[Preimages<N>; 2], used: usize) -> [Digests; 2] {
    let mut digests = [Digests::default(); 2];
    if used > LANES {
        hash_some(preimages, &mut digests);
    } else {
        let first = preimages.first_chunk::<1>().expect("one of two");
        hash_some(first, digests.first_chunk_mut::<1>().expect("one of two"));
    }
    digests
}
