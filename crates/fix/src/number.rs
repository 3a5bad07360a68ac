//! The number of a tag: eight digits at once where there are eight bytes to load.
//!
//! Digits become a number by three multiplications; the method is the well-known one of Johnny Lee and of Daniel Lemire's "Quickly parsing eight
//! digits" (2018), with zeros put before a shorter number.

/// Bytes that are looked at together.
const WORD_BYTES: usize = 8;

/// The number that `bytes[start..end]` holds, where that is a tag's: an integer without zeros or a plus sign before it. Zero and negative
/// numbers are no tags of fields, but they can be named in a reject.
#[inline]
pub(crate) fn tag(bytes: &[u8], start: usize, end: usize) -> Option<i32> {
    let length = end - start;
    let word = bytes
        .get(start..start + WORD_BYTES)
        .and_then(|bytes| bytes.first_chunk::<WORD_BYTES>());
    match word {
        Some(word) if (1..=WORD_BYTES).contains(&length) && word[0] != b'0' => {
            match eight_digits(u64::from_le_bytes(*word), length) {
                Some(number) => Some(number as i32),
                None => any_tag(&bytes[start..end]),
            }
        }
        _ => any_tag(&bytes[start..end]),
    }
}

/// The number of the first `length` of eight characters, where they are digits. `length` is from 1 to 8.
#[inline]
fn eight_digits(word: u64, length: usize) -> Option<u32> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    let missing = 8 * (WORD_BYTES - length) as u32;
    let word = word << missing | ZEROS & ((1 << missing) - 1);
    let carried = word.wrapping_add(0x0606_0606_0606_0606);
    if (word & HIGH) != ZEROS || (carried & HIGH) != ZEROS {
        return None;
    }
    let digits = word & !HIGH;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    const PAIR: u64 = 0x0000_00ff_0000_00ff;
    let first = (pairs & PAIR).wrapping_mul(100 + (1_000_000 << 32));
    let second = (pairs >> 16 & PAIR).wrapping_mul(1 + (10_000 << 32));
    Some((first.wrapping_add(second) >> 32) as u32)
}

/// As [`tag`], for any length, a digit at a time.
#[cold]
fn any_tag(text: &[u8]) -> Option<i32> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [] => return None,
        [b'0'] if !is_negative => return Some(0),
        [b'0', ..] => return None,
        _ => {}
    }
    digits.iter().try_fold(0i32, |number, byte| {
        let digit = i32::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
        let number = number.checked_mul(10)?;
        if is_negative {
            number.checked_sub(digit)
        } else {
            number.checked_add(digit)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every text of up to three characters of a few, and edges: as the standard library reads them.
    #[test]
    fn tags_are_read_as_numbers() {
        let characters = b"0129-+=a/: \x01";
        let mut texts: Vec<Vec<u8>> = vec![Vec::new()];
        for length in 0..3 {
            let longer: Vec<Vec<u8>> = texts
                .iter()
                .filter(|text| text.len() == length)
                .flat_map(|text| characters.iter().map(move |&c| [text, &[c][..]].concat()))
                .collect();
            texts.extend(longer);
        }
        let edges = [
            "2147483647",
            "2147483648",
            "-2147483648",
            "-2147483649",
            "12345678",
            "123456789",
            "00000001",
            "99999999",
            "1234567a",
        ];
        texts.extend(edges.map(|text| text.as_bytes().to_vec()));
        for text in texts {
            let expected = std::str::from_utf8(&text)
                .ok()
                .and_then(|text| text.parse::<i32>().ok())
                .filter(|number| number.to_string().as_bytes() == text);
            for padding in [0, 4, 8] {
                let bytes = [&text[..], &b"=1234567"[..padding]].concat();
                assert_eq!(
                    tag(&bytes, 0, text.len()),
                    expected,
                    "{text:?}, {padding} bytes after it"
                );
            }
        }
    }
}
