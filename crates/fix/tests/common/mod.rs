//! Messages for tests, written without the crate's encoder.
#![allow(dead_code)] // each test needs some

use proofbook_fix::{Frame, FramedMessage, Kernel, ParseError, ParsedMessage, SIMDMessageParser};

/// Tags of lengths, each with that of the data behind it: these fields may hold separators.
pub const PAIRS: [(i32, i32); 16] = [
    (95, 96),
    (90, 91),
    (93, 89),
    (212, 213),
    (348, 349),
    (350, 351),
    (352, 353),
    (354, 355),
    (356, 357),
    (358, 359),
    (360, 361),
    (362, 363),
    (364, 365),
    (445, 446),
    (618, 619),
    (621, 622),
];

/// Fields with `|` for the separator, without BodyLength and CheckSum, as a message.
pub fn message(text: &str) -> Vec<u8> {
    let (begin, body) = text.split_once('|').expect("BeginString and a body");
    let body = body.replace('|', "\x01").into_bytes();
    whole(begin.as_bytes(), &body)
}

/// BeginString and a body as a message.
pub fn whole(begin: &[u8], body: &[u8]) -> Vec<u8> {
    let length = format!("\x019={}\x01", body.len());
    with_sum([begin, length.as_bytes(), body].concat())
}

/// The bytes with their CheckSum.
pub fn with_sum(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum: u64 = bytes.iter().map(|&byte| u64::from(byte)).sum();
    bytes.extend(format!("10={:03}\x01", sum % 256).into_bytes());
    bytes
}

/// The frame of bytes that are one message.
pub fn framed<'b>(parser: &SIMDMessageParser, bytes: &'b [u8]) -> FramedMessage<'b> {
    match parser.frame(bytes) {
        Frame::Whole(message) => message,
        other => panic!(
            "expected a message, received {other:?}: {}",
            bytes.escape_ascii()
        ),
    }
}

/// Parses bytes that are one message with every kernel; what the last one says, which all do.
pub fn parse_with_all<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    read: impl Fn(Result<ParsedMessage<'_>, ParseError>) -> T,
) -> T {
    let mut results = Kernel::all().map(|kernel| {
        let mut parser = SIMDMessageParser::new(kernel);
        let message = framed(&parser, bytes);
        read(parser.parse(message))
    });
    let first = results.next().expect("there is the portable kernel");
    for other in results {
        assert_eq!(other, first, "kernels differ on {}", bytes.escape_ascii());
    }
    first
}
