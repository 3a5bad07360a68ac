//! Columns of words, as codes: which word of a short list each text is.
//!
//! A word is found by its length and its first eight bytes, taken as one number; what a longer one has beyond them is
//! compared byte by byte. So most rows cost one multiplication and one look into a small table, without a branch that depends
//! on the text. Rows without text get [`NOT_GIVEN`], texts that are no word [`UNKNOWN`].
//!
//! Invariant: a code column has as many rows as its text column.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, GenericStringArray, OffsetSizeTrait, StringViewArray};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;

/// Stands for "not given" in a column of codes.
pub const NOT_GIVEN: u8 = u8::MAX;
/// Stands for a text that is none of the words.
pub const UNKNOWN: u8 = NOT_GIVEN - 1;

/// How many bytes of a text are its head.
const HEAD_BYTES: usize = 8;
/// The bits of a head that a text of so many bytes has, longer ones all.
const HEAD_MASKS: [u64; HEAD_BYTES + 1] = {
    let mut masks = [u64::MAX; HEAD_BYTES + 1];
    let mut bytes = 0;
    while bytes < HEAD_BYTES {
        masks[bytes] = (1 << (8 * bytes)) - 1;
        bytes += 1;
    }
    masks
};
/// The longest text that a view holds itself.
const INLINE_BYTES: usize = 12;
/// Places of a list's table: with three times as many as words, a multiplier that parts them is found soon.
const PLACES: usize = 32;
/// A product's highest bits are its place.
const PLACE_SHIFT: u32 = u64::BITS - PLACES.trailing_zeros();
/// 2^64 over the golden ratio; its odd multiples are tried as multipliers (Knuth, The Art of Computer Programming 3, 6.4).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The first bytes of a text as a number, the first byte lowest.
const fn head(text: &[u8]) -> u64 {
    let mut head = 0;
    let mut byte = 0;
    while byte < text.len() && byte < HEAD_BYTES {
        head |= (text[byte] as u64) << (8 * byte);
        byte += 1;
    }
    head
}

#[derive(Clone, Copy)]
struct Place {
    head: u64,
    word: &'static [u8],
    code: u8,
}

/// A list of words with their codes.
pub struct WordList {
    /// The words, in the order of their codes.
    pub words: &'static [&'static str],
    /// The code of the first word.
    pub first: u8,
    places: [Place; PLACES],
    multiplier: u64,
}

impl WordList {
    /// The words, with codes from `first` on. Two words that do not differ in their first eight bytes do not compile.
    pub const fn new(words: &'static [&'static str], first: u8) -> Self {
        let vacant = Place {
            head: 0,
            word: &[],
            code: UNKNOWN,
        };

        let mut multiplier = GOLDEN;
        'multipliers: loop {
            let mut places = [vacant; PLACES];
            let mut index = 0;
            while index < words.len() {
                let word = words[index].as_bytes();
                let place = (head(word).wrapping_mul(multiplier) >> PLACE_SHIFT) as usize;
                if !places[place].word.is_empty() {
                    multiplier = multiplier.wrapping_add(GOLDEN.wrapping_mul(2));
                    continue 'multipliers;
                }
                places[place] = Place {
                    head: head(word),
                    word,
                    code: first + index as u8,
                };
                index += 1;
            }
            return WordList {
                words,
                first,
                places,
                multiplier,
            };
        }
    }

    /// The code of a text, of which `rest` gives what is beyond the head.
    #[inline(always)]
    fn code<'a>(&self, head: u64, length: usize, rest: impl FnOnce() -> &'a [u8]) -> u8 {
        let place = &self.places[(head.wrapping_mul(self.multiplier) >> PLACE_SHIFT) as usize];
        if length > HEAD_BYTES && place.word.get(HEAD_BYTES..) != Some(rest()) {
            return UNKNOWN;
        }
        // Not `&&`: rows without text come as they like, and a branch would be guessed wrong.
        if (place.head == head) & (place.word.len() == length) {
            place.code
        } else {
            UNKNOWN
        }
    }

    /// The codes of a column of any text type.
    pub fn codes(&self, texts: &ArrayRef) -> Vec<u8> {
        let mut codes = match texts.data_type() {
            DataType::Utf8 => self.of_strings(texts.as_string::<i32>()),
            DataType::LargeUtf8 => self.of_strings(texts.as_string::<i64>()),
            DataType::Utf8View => self.of_views(texts.as_string_view()),
            DataType::Dictionary(..) => self.of_dictionary(texts),
            other => unreachable!("{other} is no text type"),
        };
        if let Some(nulls) = texts.nulls() {
            forget_nulls(&mut codes, nulls);
        }
        codes
    }

    fn of_strings<O: OffsetSizeTrait>(&self, texts: &GenericStringArray<O>) -> Vec<u8> {
        let bytes = texts.value_data();
        let code = |ends: &[O]| {
            let (start, end) = (ends[0].as_usize(), ends[1].as_usize());
            let length = end - start;
            // Reading on into the next text and masking that away spares a branch on the length.
            let head = match bytes[start..].first_chunk() {
                Some(chunk) => u64::from_le_bytes(*chunk) & HEAD_MASKS[length.min(HEAD_BYTES)],
                None => head(&bytes[start..end]),
            };
            self.code(head, length, || &bytes[start + HEAD_BYTES..end])
        };
        texts.value_offsets().windows(2).map(code).collect()
    }

    fn of_views(&self, texts: &StringViewArray) -> Vec<u8> {
        let code = |(row, &view): (usize, &u128)| {
            // The lowest four bytes are the length; a short text's own bytes follow.
            let length = (view & u128::from(u32::MAX)) as usize;
            if length > INLINE_BYTES {
                let text = texts.value(row).as_bytes();
                return self.code(head(text), length, || &text[HEAD_BYTES..]);
            }
            let head = (view >> 32) as u64 & HEAD_MASKS[length.min(HEAD_BYTES)];
            if length > HEAD_BYTES {
                return self.code(head, length, || &texts.value(row).as_bytes()[HEAD_BYTES..]);
            }
            self.code(head, length, || &[])
        };
        texts.views().iter().enumerate().map(code).collect()
    }

    fn of_dictionary(&self, texts: &ArrayRef) -> Vec<u8> {
        let dictionary = texts.as_any_dictionary();
        if dictionary.values().is_empty() {
            return vec![NOT_GIVEN; texts.len()];
        }
        let codes = self.codes(dictionary.values());
        let keys = dictionary.normalized_keys();
        keys.into_iter().map(|key| codes[key]).collect()
    }
}

/// Whether a column holds text.
pub fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Each bit of a byte as a byte of its own, 0 or 1, the lowest first.
pub const SPREAD: [u64; 256] = {
    let mut spread = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            spread[byte] |= (byte as u64 >> bit & 1) << (8 * bit);
            bit += 1;
        }
        byte += 1;
    }
    spread
};

/// Puts [`NOT_GIVEN`] where nothing is given.
pub fn forget_nulls(codes: &mut [u8], nulls: &NullBuffer) {
    for (codes, given) in codes
        .chunks_mut(64)
        .zip(nulls.inner().bit_chunks().iter_padded())
    {
        for (codes, missing) in codes.chunks_mut(8).zip((!given).to_le_bytes()) {
            let missing = (SPREAD[usize::from(missing)] * u64::from(NOT_GIVEN)).to_le_bytes();
            for (code, missing) in codes.iter_mut().zip(missing) {
                *code |= missing;
            }
        }
    }
}
