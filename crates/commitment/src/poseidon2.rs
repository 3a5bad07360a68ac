//! Poseidon2 over the KoalaBear field, width 16: the permutation that the zkVM's precompile computes.
//!
//! Grassi, Khovratovich, Schofnegger, "Poseidon2: A Faster Version of the Poseidon Hash Function" (2023), with S-box x^3, 4 + 4
//! external rounds, 20 internal rounds, and the round constants that Plonky3 and SP1 use for this field. This is the portable
//! implementation, in Montgomery form; it is what every faster one must equal.

/// The field's order, 2^31 - 2^24 + 1.
pub const ORDER: u32 = 0x7f00_0001;

/// Elements of the permutation's state.
pub const WIDTH: usize = 16;

/// Constants of the four external rounds before the internal ones, then of the four after them.
pub const EXTERNAL_CONSTANTS: [[u32; WIDTH]; 8] = [
    [
        0x7ee56a48, 0x11367045, 0x12e41941, 0x7ebbc12b, 0x1970b7d5, 0x662b60e8, 0x3e4990c6,
        0x679f91f5, 0x350813bb, 0x00874ad4, 0x28a0081a, 0x18fa5872, 0x5f25b071, 0x5e5d5998,
        0x5e6fd3e7, 0x5b2e2660,
    ],
    [
        0x6f1837bf, 0x3fe6182b, 0x1edd7ac5, 0x57470d00, 0x43d486d5, 0x1982c70f, 0x0ea53af9,
        0x61d6165b, 0x51639c00, 0x2dec352c, 0x2950e531, 0x2d2cb947, 0x08256cef, 0x1a0109f6,
        0x1f51faf3, 0x5cef1c62,
    ],
    [
        0x3d65e50e, 0x33d91626, 0x133d5a1e, 0x0ff49b0d, 0x38900cd1, 0x2c22cc3f, 0x28852bb2,
        0x06c65a02, 0x7b2cf7bc, 0x68016e1a, 0x15e16bc0, 0x5248149a, 0x6dd212a0, 0x18d6830a,
        0x5001be82, 0x64dac34e,
    ],
    [
        0x5902b287, 0x426583a0, 0x0c921632, 0x3fe028a5, 0x245f8e49, 0x43bb297e, 0x7873dbd9,
        0x3cc987df, 0x286bb4ce, 0x640a8dcd, 0x512a8e36, 0x03a4cf55, 0x481837a2, 0x03d6da84,
        0x73726ac7, 0x760e7fdf,
    ],
    [
        0x43e7dc24, 0x259a5d61, 0x27e85a3b, 0x1b9133fa, 0x343e5628, 0x485cd4c2, 0x16e269f5,
        0x165b60c6, 0x25f683d9, 0x124f81f9, 0x174331f9, 0x77344dc5, 0x5a821dba, 0x5fc4177f,
        0x54153bf5, 0x5e3f1194,
    ],
    [
        0x3bdbf191, 0x088c84a3, 0x68256c9b, 0x3c90bbc6, 0x6846166a, 0x03f4238d, 0x463335fb,
        0x5e3d3551, 0x6e59ae6f, 0x32d06cc0, 0x596293f3, 0x6c87edb2, 0x08fc60b5, 0x34bcca80,
        0x24f007f3, 0x62731c6f,
    ],
    [
        0x1e1db6c6, 0x0ca409bb, 0x585c1e78, 0x56e94edc, 0x16d22734, 0x18e11467, 0x7b2c3730,
        0x770075e4, 0x35d1b18c, 0x22be3db5, 0x4fb1fbb7, 0x477cb3ed, 0x7d5311c6, 0x5b62ae7d,
        0x559c5fa8, 0x77f15048,
    ],
    [
        0x3211570b, 0x490fef6a, 0x77ec311f, 0x2247171b, 0x4e0ac711, 0x2edf69c9, 0x3b5a8850,
        0x65809421, 0x5619b4aa, 0x362019a7, 0x6bf9d4ed, 0x5b413dff, 0x617e181e, 0x5e7ab57b,
        0x33ad7833, 0x3466c7ca,
    ],
];

/// Constants of the internal rounds, each for the first element.
pub const INTERNAL_CONSTANTS: [u32; 20] = [
    0x54dfeb5d, 0x7d40afd6, 0x722cb316, 0x106a4573, 0x45a7ccdb, 0x44061375, 0x154077a5, 0x45744faa,
    0x4eb5e5ee, 0x3794e83f, 0x47c7093c, 0x5694903c, 0x69cb6299, 0x373df84c, 0x46a0df58, 0x46b8758a,
    0x3241ebcb, 0x0b09d233, 0x1af42357, 0x1e66cec2,
];

/// The internal layer adds to the sum of all elements each element times 2 to the power given here; the first one is
/// multiplied by -2 instead. All of it is then divided by 2^32.
pub const INTERNAL_SHIFTS: [u32; WIDTH] = [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15];

const ORDER_64: u64 = ORDER as u64;
/// The inverse of the order modulo 2^32.
pub const ORDER_INVERSE: u32 = 0x8100_0001;
const _: () = assert!(ORDER.wrapping_mul(ORDER_INVERSE) == 1);

/// x / 2^32 modulo the order, for x below the order times 2^32.
#[inline(always)]
const fn reduce(x: u64) -> u32 {
    let multiple = ((x as u32).wrapping_mul(ORDER_INVERSE) as u64).wrapping_mul(ORDER_64) >> 32;
    let (difference, is_negative) = ((x >> 32) as u32).overflowing_sub(multiple as u32);
    if is_negative {
        difference.wrapping_add(ORDER)
    } else {
        difference
    }
}

/// An element's Montgomery form: times 2^32.
pub const fn to_montgomery(x: u32) -> u32 {
    (((x as u64) << 32) % ORDER_64) as u32
}

const fn constants() -> ([[u32; WIDTH]; 8], [u32; 20]) {
    let (mut external, mut internal) = (EXTERNAL_CONSTANTS, INTERNAL_CONSTANTS);
    let mut round = 0;
    while round < 8 {
        let mut i = 0;
        while i < WIDTH {
            external[round][i] = to_montgomery(external[round][i]);
            i += 1;
        }
        round += 1;
    }
    let mut round = 0;
    while round < 20 {
        internal[round] = to_montgomery(internal[round]);
        round += 1;
    }
    (external, internal)
}

const CONSTANTS: ([[u32; WIDTH]; 8], [u32; 20]) = constants();
/// [`EXTERNAL_CONSTANTS`] in Montgomery form.
pub const EXTERNAL_MONTGOMERY: [[u32; WIDTH]; 8] = CONSTANTS.0;
/// [`INTERNAL_CONSTANTS`] in Montgomery form.
pub const INTERNAL_MONTGOMERY: [u32; 20] = CONSTANTS.1;

#[inline(always)]
fn add(a: u32, b: u32) -> u32 {
    let sum = a.wrapping_add(b);
    if sum >= ORDER {
        sum.wrapping_sub(ORDER)
    } else {
        sum
    }
}

#[inline(always)]
fn cube(x: u32) -> u32 {
    let x = u64::from(x);
    let square = u64::from(reduce(x.wrapping_mul(x)));
    reduce(square.wrapping_mul(x))
}

/// The circulant matrix of (2, 3, 1, 1) on each four elements, then each element gets the sum of all in its column.
#[inline(always)]
fn external_layer(state: &mut [u32; WIDTH]) {
    for four in state.chunks_exact_mut(4) {
        let [a, b, c, d] = [four[0], four[1], four[2], four[3]];
        let (ab, cd) = (add(a, b), add(c, d));
        let all = add(ab, cd);
        let (all_b, all_d) = (add(all, b), add(all, d));
        four[3] = add(all_d, add(a, a));
        four[1] = add(all_b, add(c, c));
        four[0] = add(all_b, ab);
        four[2] = add(all_d, cd);
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

#[inline(always)]
fn external_round(state: &mut [u32; WIDTH], constants: &[u32; WIDTH]) {
    for (element, constant) in state.iter_mut().zip(constants) {
        *element = cube(add(*element, *constant));
    }
    external_layer(state);
}

#[inline(always)]
fn internal_round(state: &mut [u32; WIDTH], constant: u32) {
    state[0] = cube(add(state[0], constant));
    let rest: u64 = state[1..].iter().map(|&element| u64::from(element)).sum();
    let sum = rest.wrapping_add(u64::from(state[0]));
    let minus_first = if state[0] == 0 { 0 } else { ORDER - state[0] };
    state[0] = reduce(rest.wrapping_add(u64::from(minus_first)));
    for (element, shift) in state.iter_mut().zip(INTERNAL_SHIFTS).skip(1) {
        *element = reduce(sum.wrapping_add(u64::from(*element) << shift));
    }
}

/// Permutes a state of canonical elements.
pub fn permute(state: &mut [u32; WIDTH]) {
    for element in state.iter_mut() {
        *element = to_montgomery(*element);
    }
    external_layer(state);
    for constants in &EXTERNAL_MONTGOMERY[..4] {
        external_round(state, constants);
    }
    for &constant in &INTERNAL_MONTGOMERY {
        internal_round(state, constant);
    }
    for constants in &EXTERNAL_MONTGOMERY[4..] {
        external_round(state, constants);
    }
    for element in state.iter_mut() {
        *element = reduce(u64::from(*element));
    }
}
