//! Eight lanes of 64 bits. As the code for AVX2, with masks for what overflowed.

use core::arch::x86_64::*;

use super::{scalar, Wide, BLOCK};

const LANES: usize = 8;
/// Vectors after which the lanes' sums are taken out.
const VECTORS_MAX: usize = 1 << 24;

#[inline]
#[target_feature(enable = "avx512f")]
fn load(words: &[i64; LANES]) -> __m512i {
    // SAFETY: it is 64 readable bytes; the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_unsigned(words: &[u64; LANES]) -> __m512i {
    // SAFETY: it is 64 readable bytes; the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(vector: __m512i, words: &mut [i64; LANES]) {
    // SAFETY: it is 64 writable bytes; the instruction asks for no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn lanes(vector: __m512i) -> [u64; LANES] {
    let mut words = [0; LANES];
    store(vector, &mut words);
    words.map(|word| word as u64)
}

/// The first lane with its highest bit set.
#[inline]
#[target_feature(enable = "avx512f")]
fn first_negative(vector: __m512i) -> Option<usize> {
    let mask = _mm512_cmplt_epi64_mask(vector, _mm512_setzero_si512());
    (mask != 0).then(|| mask.trailing_zeros() as usize)
}

macro_rules! elementwise {
    ($name:ident, $operation:ident, $overflow:expr) => {
        #[target_feature(enable = "avx512f")]
        pub(super) fn $name(a: &[i64], b: &[i64], out: &mut [i64]) -> Option<usize> {
            let (a_vectors, a_rest) = a.as_chunks::<LANES>();
            let (b_vectors, b_rest) = b.as_chunks::<LANES>();
            let (out_vectors, out_rest) = out.as_chunks_mut::<LANES>();
            for (index, ((a, b), out)) in
                a_vectors.iter().zip(b_vectors).zip(out_vectors).enumerate()
            {
                let (a, b) = (load(a), load(b));
                let result = $operation(a, b);
                // The highest bit of each lane says whether it overflowed.
                let overflow: fn(__m512i, __m512i, __m512i) -> [__m512i; 3] = $overflow;
                let [x, y, z] = overflow(a, b, result);
                let flags = _mm512_and_si512(_mm512_xor_si512(x, y), _mm512_xor_si512(x, z));
                if let Some(lane) = first_negative(flags) {
                    return Some(index * LANES + lane);
                }
                store(result, out);
            }
            let rest = scalar::$name(a_rest, b_rest, out_rest);
            rest.map(|index| a_vectors.len() * LANES + index)
        }
    };
}

// A sum has another sign than both of its parts; a difference another one than what it is taken from, which differs from what is taken.
elementwise!(add_each, _mm512_add_epi64, |a, b, sum| [sum, a, b]);
elementwise!(sub_each, _mm512_sub_epi64, |a, b, difference| [
    a, b, difference
]);

/// Sums of many numbers, each in its two halves.
#[derive(Clone, Copy)]
struct Halves {
    low: __m512i,
    high: __m512i,
}

impl Halves {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new() -> Self {
        let zero = _mm512_setzero_si512();
        Halves {
            low: zero,
            high: zero,
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn add(&mut self, vector: __m512i) {
        let low = _mm512_and_si512(vector, _mm512_set1_epi64(0xffff_ffff));
        self.low = _mm512_add_epi64(self.low, low);
        self.high = _mm512_add_epi64(self.high, _mm512_srli_epi64(vector, 32));
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn total(self) -> u128 {
        let sum = |vector| lanes(vector).into_iter().map(u128::from).sum::<u128>();
        sum(self.low) + (sum(self.high) << 32)
    }
}

#[target_feature(enable = "avx512f")]
pub(super) fn sum(values: &[i64]) -> i128 {
    let sign = _mm512_set1_epi64(i64::MIN);
    let mut total = 0;
    let (vectors, rest) = values.as_chunks::<LANES>();
    for portion in vectors.chunks(VECTORS_MAX) {
        let mut halves = Halves::new();
        for vector in portion {
            halves.add(_mm512_xor_si512(load(vector), sign));
        }
        // Each number was moved up by 2^63.
        let moved = (portion.len() * LANES) as i128;
        total += halves.total() as i128 - (moved << 63);
    }
    total + scalar::sum(rest)
}

#[target_feature(enable = "avx512f")]
pub(super) fn sum_quantities(quantities: &[u64]) -> u128 {
    let mut total = 0;
    let (vectors, rest) = quantities.as_chunks::<LANES>();
    for portion in vectors.chunks(VECTORS_MAX) {
        let mut halves = Halves::new();
        for vector in portion {
            halves.add(load_unsigned(vector));
        }
        total += halves.total();
    }
    total + scalar::sum_quantities(rest)
}

/// The prices moved up by 2^31, and the quantities; whether all of them have 32 bits.
#[inline]
#[target_feature(enable = "avx512f")]
fn are_small(prices: &[i64; BLOCK], quantities: &[u64; BLOCK]) -> bool {
    let moved = _mm512_set1_epi64(1 << 31);
    let mut bits = _mm512_setzero_si512();
    let (prices, _) = prices.as_chunks::<LANES>();
    let (quantities, _) = quantities.as_chunks::<LANES>();
    for (price, quantity) in prices.iter().zip(quantities) {
        let price = _mm512_add_epi64(load(price), moved);
        bits = _mm512_or_si512(bits, _mm512_or_si512(price, load_unsigned(quantity)));
    }
    _mm512_test_epi64_mask(bits, _mm512_set1_epi64(!0xffff_ffff)) == 0
}

#[target_feature(enable = "avx512f")]
pub(super) fn sum_products(prices: &[i64], quantities: &[u64]) -> Wide {
    let moved = _mm512_set1_epi64(1 << 31);
    let mut wide = Wide::default();
    let (price_blocks, price_rest) = prices.as_chunks::<BLOCK>();
    let (quantity_blocks, quantity_rest) = quantities.as_chunks::<BLOCK>();
    for portion in price_blocks
        .chunks(VECTORS_MAX / BLOCK)
        .zip(quantity_blocks.chunks(VECTORS_MAX / BLOCK))
    {
        let (mut products, mut small_quantities) = (Halves::new(), _mm512_setzero_si512());
        for (prices, quantities) in portion.0.iter().zip(portion.1) {
            if !are_small(prices, quantities) {
                wide.join(scalar::sum_products(prices, quantities));
                continue;
            }
            let (prices, _) = prices.as_chunks::<LANES>();
            let (quantities, _) = quantities.as_chunks::<LANES>();
            for (price, quantity) in prices.iter().zip(quantities) {
                let price = _mm512_add_epi64(load(price), moved);
                let quantity = load_unsigned(quantity);
                products.add(_mm512_mul_epu32(price, quantity));
                small_quantities = _mm512_add_epi64(small_quantities, quantity);
            }
        }
        let quantity: u128 = lanes(small_quantities).into_iter().map(u128::from).sum();
        // Both below 2^92: 2^24 vectors of eight products below 2^64.
        wide.add(products.total() as i128 - ((quantity as i128) << 31));
    }
    wide.join(scalar::sum_products(price_rest, quantity_rest));
    wide
}
