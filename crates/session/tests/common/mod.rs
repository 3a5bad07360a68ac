//! What the tests of this crate share: messages written by hand, an application that echoes, a peer without a network.
#![allow(dead_code)] // each test needs some

pub mod acceptor;
pub mod echo;
pub mod peer;

/// `|` for the separator; BodyLength and CheckSum are added where they are not stated.
pub fn message(text: &str) -> Vec<u8> {
    let has = |tag: &str| text.split('|').any(|field| field.starts_with(tag));
    let mut text = text.to_owned();
    if !has("9=") {
        let (begin, body) = text.split_once('|').expect("BeginString and a body");
        let length = body.split("10=").next().expect("a first part").len();
        text = format!("{begin}|9={length}|{body}");
    }
    let mut bytes = text.replace('|', "\x01").into_bytes();
    if !has("10=") {
        let sum: u64 = bytes.iter().map(|&byte| u64::from(byte)).sum();
        bytes.extend(format!("10={:03}\x01", sum % 256).into_bytes());
    }
    bytes
}

/// `YYYYMMDD-HH:MM:SS` of a time since 1970 (Howard Hinnant's civil_from_days).
pub fn time_text(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = (shifted + 2) % 12 + 1;
    let year = era * 400 + year + i64::from(month <= 2);
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let second = seconds.rem_euclid(86_400);
    format!(
        "{year:04}{month:02}{day:02}-{:02}:{:02}:{:02}",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

/// The text with separators that can be read.
pub fn readable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\x01', "|")
}
