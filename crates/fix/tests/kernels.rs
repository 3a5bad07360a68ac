//! Every kernel that this machine has against what an iterator says: marks and sums.

use proofbook_fix::{Kernel, Marks, BLOCK_BYTES, SOH};
use proofbook_workload::Random;

fn expected_marks(bytes: &[u8]) -> Vec<Marks> {
    let bits = |block: &[u8], separator: u8| {
        let positions = (0..block.len()).filter(|&index| block[index] == separator);
        positions.fold(0, |bits, index| bits | 1 << index)
    };
    bytes
        .chunks(BLOCK_BYTES)
        .map(|block| Marks {
            soh: bits(block, SOH),
            equals: bits(block, b'='),
        })
        .collect()
}

/// Looks at `bytes[start..end]`, so that a kernel that reads past the end finds other bytes there.
fn check(bytes: &[u8], start: usize, end: usize) {
    const DIRTY: Marks = Marks {
        soh: u64::MAX,
        equals: u64::MAX,
    };
    let slice = &bytes[start..end];
    let mut expected = expected_marks(slice);
    expected.push(Marks::default());
    let expected_sum = slice.iter().map(|&byte| u64::from(byte)).sum::<u64>() % 256;
    for kernel in Kernel::all() {
        let mut marks = vec![DIRTY; expected.len()];
        kernel.mark(slice, &mut marks);
        assert_eq!(
            marks,
            expected,
            "{} on {}",
            kernel.name(),
            slice.escape_ascii()
        );
        let sum = kernel.checksum(slice);
        assert_eq!(
            u64::from(sum),
            expected_sum,
            "{} on {}",
            kernel.name(),
            slice.escape_ascii()
        );
    }
}

#[test]
fn every_short_text_of_separators_and_their_neighbours() {
    // Bytes that differ from a separator in one bit, or that a signed comparison takes for another.
    let characters = [SOH, b'=', 0, 0x81, 0xbd, 0xff];
    for length in 0..=5 {
        let texts = characters.len().pow(length);
        for text in 0..texts {
            let bytes: Vec<u8> = (0..length)
                .map(|index| characters[text / characters.len().pow(index) % characters.len()])
                .chain([SOH, b'='])
                .collect();
            check(&bytes, 0, length as usize);
        }
    }
}

#[test]
fn one_separator_at_every_place_of_every_length() {
    for separator in [SOH, b'='] {
        for length in 0..=3 * BLOCK_BYTES + 1 {
            for place in 0..length {
                let mut bytes = vec![b'7'; length + 1];
                bytes[place] = separator;
                bytes[length] = separator;
                check(&bytes, 0, length);
            }
        }
    }
}

#[test]
fn random_bytes_of_any_length_and_place() {
    let seed = 1;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    for round in 0..4_000 {
        let mut bytes = vec![0; random.below(1_200) as usize + 1];
        random.fill(&mut bytes);
        if round % 2 == 0 {
            // Nothing but separators and their neighbours.
            bytes
                .iter_mut()
                .for_each(|byte| *byte = [SOH, b'=', b'0', 0xff][usize::from(*byte % 4)]);
        }
        let start = random.below(bytes.len() as u64) as usize;
        let end = start + random.below((bytes.len() - start) as u64 + 1) as usize;
        check(&bytes, start, end);
    }
}

#[test]
fn sums_of_the_largest_bytes_do_not_overflow() {
    check(&vec![0xff; 1 << 17], 0, 1 << 17);
}
