//! The pinned key, and how keys are written.

use std::fs;

use crate::ProgramKey;

#[test]
fn the_pinned_key_is_the_line_in_the_guests_folder() {
    let line = fs::read_to_string("../../guest/program.key").expect("the key is there");
    assert_eq!(format!("{}\n", ProgramKey::PINNED), line);
}

#[test]
fn bytes_are_in_the_order_of_the_digits() {
    let line = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
    let key = ProgramKey::parse(line);
    assert_eq!(key.encode(), core::array::from_fn(|place| place as u8));
    assert_eq!(
        key,
        ProgramKey::from_elements(core::array::from_fn(|word| {
            let first = 4 * word as u32;
            first | (first + 1) << 8 | (first + 2) << 16 | (first + 3) << 24
        }))
    );
}

#[test]
fn what_is_no_key_does_not_compile() {
    let zeros = "0".repeat(64);
    let bad = [
        zeros.clone(),
        format!("{zeros}\n\n"),
        format!("0x{}\n", &zeros[2..]),
        format!("{}A\n", &zeros[1..]),
        // 2^31 - 2^24 + 1 is no element.
        format!("0100007f{}\n", &zeros[8..]),
    ];
    for line in bad {
        let parsed = std::panic::catch_unwind(|| ProgramKey::parse(&line));
        assert!(parsed.is_err(), "{line:?}");
    }
}
