//! AVX2: eight lanes of 32 bits, products of the even and the odd lanes in 64 bits.
//!
//! The radix is 2^32. Elements between two operations are in 0..p. What goes into a cube may be in -p..p: the multiplications are
//! signed, and Montgomery's reduction with a signed quotient gives |a·b| / 2^32 + p / 2 at most, which is below p for the square
//! and for the cube of anything in that range.

use core::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_blend_epi32, _mm256_castps_si256,
    _mm256_castsi256_ps, _mm256_load_si256, _mm256_madd_epi16, _mm256_min_epu32, _mm256_mul_epi32,
    _mm256_set1_epi32, _mm256_setzero_si256, _mm256_shuffle_ps, _mm256_slli_epi32,
    _mm256_srli_epi32, _mm256_srli_epi64, _mm256_store_si256, _mm256_sub_epi32, _mm256_sub_epi64,
    _mm256_unpackhi_epi32, _mm256_unpacklo_epi32,
};

use proofbook_commitment::poseidon2::{ORDER, ORDER_INVERSE, WIDTH};

use crate::kernel::{Digests, Preimages, Words, LANES};
use crate::schedule::{schedule, Schedule, DIVISORS};

const SCHEDULE: Schedule = schedule(32);

/// The rounds' constants minus the order.
const EXTERNAL: [[u32; WIDTH]; 8] = {
    let mut external = SCHEDULE.external;
    let mut place = 0;
    while place < 8 * WIDTH {
        let constant = &mut external[place / WIDTH][place % WIDTH];
        *constant = constant.wrapping_sub(ORDER);
        place += 1;
    }
    external
};
const INTERNAL: [u32; 20] = {
    let mut internal = SCHEDULE.internal;
    let mut round = 0;
    while round < 20 {
        internal[round] = internal[round].wrapping_sub(ORDER);
        round += 1;
    }
    internal
};

type State = [__m256i; WIDTH];

/// Half a line of memory, of which a register is loaded whole.
#[repr(C, align(32))]
struct Half([u64; LANES / 2]);

#[inline]
#[target_feature(enable = "avx2")]
fn load(words: &[u64; LANES / 2]) -> __m256i {
    let half = Half(*words);
    // SAFETY: it is 32 readable bytes, aligned to 32.
    unsafe { _mm256_load_si256((&raw const half).cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(vector: __m256i) -> [u64; LANES / 2] {
    let mut half = Half([0; LANES / 2]);
    // SAFETY: it is 32 writable bytes, aligned to 32.
    unsafe { _mm256_store_si256((&raw mut half).cast(), vector) };
    half.0
}

#[inline]
#[target_feature(enable = "avx2")]
fn all(word: u32) -> __m256i {
    _mm256_set1_epi32(word as i32)
}

/// From -p..p to 0..p. As an unsigned number, the negative one is the larger.
#[inline]
#[target_feature(enable = "avx2")]
fn normal(x: __m256i) -> __m256i {
    _mm256_min_epu32(x, _mm256_add_epi32(x, all(ORDER)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(a: __m256i, b: __m256i) -> __m256i {
    let sum = _mm256_add_epi32(a, b);
    _mm256_min_epu32(sum, _mm256_sub_epi32(sum, all(ORDER)))
}

/// Products of the even lanes over 2^32, in the upper halves of the 64 bits; the lower halves are zero.
#[inline]
#[target_feature(enable = "avx2")]
fn multiply_even(a: __m256i, b: __m256i) -> __m256i {
    let product = _mm256_mul_epi32(a, b);
    let quotient = _mm256_mul_epi32(product, all(ORDER_INVERSE));
    _mm256_sub_epi64(product, _mm256_mul_epi32(quotient, all(ORDER)))
}

/// The odd lanes, in the even places.
#[inline]
#[target_feature(enable = "avx2")]
fn odd(x: __m256i) -> __m256i {
    _mm256_srli_epi64(x, 32)
}

/// The even and the odd lanes' results, both in the upper halves, in one.
#[inline]
#[target_feature(enable = "avx2")]
fn merge(even: __m256i, of_odd: __m256i) -> __m256i {
    _mm256_blend_epi32(odd(even), of_odd, 0b1010_1010)
}

/// The product over 2^32, in -p..p.
#[inline]
#[target_feature(enable = "avx2")]
fn multiply(a: __m256i, b: __m256i) -> __m256i {
    merge(multiply_even(a, b), multiply_even(odd(a), odd(b)))
}

/// The cube over 2^64, in -p..p.
#[inline]
#[target_feature(enable = "avx2")]
fn cube(x: __m256i) -> __m256i {
    let x_odd = odd(x);
    let square = odd(multiply_even(x, x));
    let square_odd = odd(multiply_even(x_odd, x_odd));
    merge(multiply_even(square, x), multiply_even(square_odd, x_odd))
}

/// x / 2^`BITS`: the lower bits are less than 2^15, so that a product of 16 bits has them whole.
#[inline]
#[target_feature(enable = "avx2")]
fn divided<const BITS: i32, const REST: i32>(x: __m256i) -> __m256i {
    const { assert!(BITS <= 15 && REST == 24 - BITS) };
    let lower = _mm256_and_si256(x, all((1 << BITS) - 1));
    let minus = _mm256_slli_epi32(_mm256_madd_epi16(lower, all(127)), REST);
    normal(_mm256_sub_epi32(_mm256_srli_epi32(x, BITS), minus))
}

#[inline]
#[target_feature(enable = "avx2")]
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
        // From 0..p to -p..0, so that each sum is in -p..p.
        let sum = _mm256_sub_epi32(sum, all(ORDER));
        for row in 0..4 {
            let element = &mut state[4 * row + column];
            *element = normal(_mm256_add_epi32(*element, sum));
        }
    }
}

/// An element with a round's constant, of which the order was subtracted: in -p..p.
#[inline]
#[target_feature(enable = "avx2")]
fn with_constant(element: __m256i, constant: u32) -> __m256i {
    _mm256_add_epi32(element, all(constant))
}

#[inline]
#[target_feature(enable = "avx2")]
fn external_round(state: &mut State, constants: &[u32; WIDTH]) {
    macro_rules! cubes {
        ($($i:literal)*) => {
            $(state[$i] = normal(cube(with_constant(state[$i], constants[$i])));)*
        };
    }
    cubes!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    external_layer(state);
}

/// The sum of all elements but the first.
#[inline]
#[target_feature(enable = "avx2")]
fn sum_of_rest(state: &State) -> __m256i {
    let [_, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = *state;
    let (first, second) = (add(add(a, b), add(c, d)), add(add(e, f), add(g, h)));
    let (third, fourth) = (add(add(i, j), add(k, l)), add(add(m, n), o));
    add(add(first, second), add(third, fourth))
}

#[inline]
#[target_feature(enable = "avx2")]
fn internal_round(state: &mut State, constant: u32, back: u32) {
    let cubed = cube(with_constant(state[0], constant));
    let cubed = normal(multiply(cubed, all(back)));
    let rest = sum_of_rest(state);
    const { assert!(DIVISORS[0] == 15 && DIVISORS[15] == 0) };
    let rest = divided::<15, 9>(rest);
    state[0] = normal(_mm256_sub_epi32(rest, cubed));
    let sum = add(rest, cubed);
    let negative_sum = _mm256_sub_epi32(sum, all(ORDER));
    macro_rules! divide {
        ($($i:literal $bits:literal)*) => {
            $(
                const { assert!(DIVISORS[$i] == $bits) };
                let quotient = divided::<$bits, { 24 - $bits }>(state[$i]);
                state[$i] = normal(_mm256_add_epi32(quotient, negative_sum));
            )*
        };
    }
    divide!(1 15 2 14 3 13 4 12 5 11 6 10 7 9 8 8 9 7 10 6 11 5 12 4 13 3 14 2);
    state[15] = add(sum, state[15]);
}

/// All rounds; the result is carried times a factor that [`Schedule::last`] takes away.
#[inline]
#[target_feature(enable = "avx2")]
fn rounds(state: &mut State) {
    external_layer(state);
    for constants in &EXTERNAL[..4] {
        external_round(state, constants);
    }
    // Every index is a constant in there, so that the compiler may keep what it likes in registers.
    let mut copy = *state;
    for (constant, back) in INTERNAL.into_iter().zip(SCHEDULE.back) {
        internal_round(&mut copy, constant, back);
    }
    *state = copy;
    for constants in &EXTERNAL[4..] {
        external_round(state, constants);
    }
}

/// Two elements of each lane, in an order of lanes that [`pack`] undoes.
#[inline]
#[target_feature(enable = "avx2")]
fn unpack(words: &[u64; LANES]) -> [__m256i; 2] {
    let (halves, _) = words.as_chunks::<{ LANES / 2 }>();
    let [first, second] = [&halves[0], &halves[1]].map(|half| _mm256_castsi256_ps(load(half)));
    [
        _mm256_castps_si256(_mm256_shuffle_ps(first, second, 0b10_00_10_00)),
        _mm256_castps_si256(_mm256_shuffle_ps(first, second, 0b11_01_11_01)),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn without_factor(element: __m256i) -> __m256i {
    normal(multiply(element, all(SCHEDULE.last)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn pack(pair: &[__m256i; 2]) -> [u64; LANES] {
    let [low, high] = pair.map(|element| without_factor(element));
    let mut words = [0; LANES];
    let (halves, _) = words.as_chunks_mut::<{ LANES / 2 }>();
    halves[0] = store(_mm256_unpacklo_epi32(low, high));
    halves[1] = store(_mm256_unpackhi_epi32(low, high));
    words
}

#[target_feature(enable = "avx2")]
fn permute_one(words: &mut Words<8>) {
    let mut state = [_mm256_setzero_si256(); WIDTH];
    for (pair, word) in state.as_chunks_mut::<2>().0.iter_mut().zip(&*words) {
        *pair = unpack(word);
    }
    rounds(&mut state);
    for (word, pair) in words.iter_mut().zip(state.as_chunks::<2>().0) {
        *word = pack(pair);
    }
}

#[target_feature(enable = "avx2")]
fn hash_one<const N: usize>(preimages: &Preimages<N>) -> Digests {
    let mut state = [_mm256_setzero_si256(); WIDTH];
    [state[8], state[9]] = unpack(&preimages.capacity[0]);
    for (index, block) in preimages.blocks.iter().enumerate() {
        if index > 0 {
            for element in &mut state[8..] {
                *element = without_factor(*element);
            }
        }
        for (pair, word) in state.as_chunks_mut::<2>().0.iter_mut().zip(block) {
            *pair = unpack(word);
        }
        rounds(&mut state);
    }
    let mut digests = Digests::default();
    for (word, pair) in digests.0.iter_mut().zip(state.as_chunks::<2>().0) {
        *word = pack(pair);
    }
    digests
}

#[target_feature(enable = "avx2")]
pub(crate) fn permute(states: &mut [Words<8>; 2], used: usize) {
    for (words, _) in states.iter_mut().zip((0..used).step_by(LANES)) {
        permute_one(words);
    }
}

#[target_feature(enable = "avx2")]
pub(crate) fn hash<const N: usize>(preimages: &[Preimages<N>; 2], used: usize) -> [Digests; 2] {
    let mut digests = [Digests::default(); 2];
    let lanes = (0..used).step_by(LANES);
    for ((digests, preimages), _) in digests.iter_mut().zip(preimages).zip(lanes) {
        *digests = hash_one(preimages);
    }
    digests
}
