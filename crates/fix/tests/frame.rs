//! Where messages end, what is garbled, and how far that reaches.

mod common;

use common::{message, whole, with_sum};
use proofbook_fix::{Frame, GarbleReason, Kernel, SIMDMessageParser, MESSAGE_BYTES_MAX};

const HEARTBEAT: &str = "8=FIX.4.4|35=0|34=2|49=A|52=20240101-00:00:00|56=B|";

/// What every kernel says of the bytes.
fn frame(bytes: &[u8]) -> Frame<'_> {
    let mut frames = Kernel::all().map(|kernel| SIMDMessageParser::new(kernel).frame(bytes));
    let first = frames.next().expect("there is the portable kernel");
    assert!(
        frames.all(|frame| frame == first),
        "kernels differ on {}",
        bytes.escape_ascii()
    );
    first
}

fn garbled(bytes: &[u8]) -> (usize, GarbleReason) {
    match frame(bytes) {
        Frame::Garbled { skip, reason } => (skip, reason),
        other => panic!("expected a garbled message, received {other:?}"),
    }
}

#[test]
fn a_message_is_whole_at_its_last_byte_and_not_before() {
    let bytes = message(HEARTBEAT);
    for length in 0..bytes.len() {
        assert_eq!(frame(&bytes[..length]), Frame::NeedMore, "{length} bytes");
    }
    let two = [&bytes[..], &bytes[..9]].concat();
    match frame(&two) {
        Frame::Whole(message) => assert_eq!(message.bytes(), bytes),
        other => panic!("expected a message, received {other:?}"),
    }
}

#[test]
fn zeros_may_lead_a_body_length() {
    let bytes = with_sum(b"8=FIX.4.2\x019=000005\x0135=0\x01".to_vec());
    assert!(matches!(frame(&bytes), Frame::Whole(_)));
}

#[test]
fn bytes_before_a_message_are_skipped_up_to_where_one_could_start() {
    let start = GarbleReason::BeginString;
    assert_eq!(garbled(b"35=0\x018=FIX.4.2"), (5, start));
    assert_eq!(garbled(b"noise"), (5, start));
    assert_eq!(garbled(b"noise8=F"), (5, start));
    assert_eq!(garbled(b"noise8"), (5, start));
    assert_eq!(garbled(b"\x01"), (1, start));
    assert_eq!(garbled(b"8=\x019=5\x018=FIX"), (7, start));
    assert_eq!(garbled(b"8=FIX.4.44444\x01"), (14, start));
    assert_eq!(frame(b"8=FIX.4.444"), Frame::NeedMore);
}

#[test]
fn the_second_field_is_a_body_length() {
    for second in ["35=0", "9=", "9=x", "9=-5", "9=1234567890", "9=+5"] {
        let bytes = format!("8=FIX.4.4\x01{second}\x018=FIX");
        let skip = bytes.len() - 5;
        assert_eq!(
            garbled(bytes.as_bytes()),
            (skip, GarbleReason::BodyLength),
            "{second}"
        );
    }
}

#[test]
fn a_wrong_sum_is_garbled_as_far_as_the_message() {
    let mut bytes = message(HEARTBEAT);
    let length = bytes.len();
    let sum = std::str::from_utf8(&bytes[length - 4..length - 1]).expect("digits");
    let expected: u8 = sum.parse().expect("digits");
    for (text, received) in [("999", Some(999)), ("256", Some(256)), ("1x3", None)] {
        bytes[length - 4..length - 1].copy_from_slice(text.as_bytes());
        let reason = GarbleReason::CheckSum { expected, received };
        assert_eq!(garbled(&bytes), (length, reason));
    }
}

#[test]
fn the_third_field_is_a_message_type() {
    for body in ["34=1|35=0|", "35=|34=1|", "3=50|", ""] {
        let bytes = whole(b"8=FIX.4.4", body.replace('|', "\x01").as_bytes());
        assert_eq!(
            garbled(&bytes),
            (bytes.len(), GarbleReason::MessageType),
            "{body}"
        );
    }
}

#[test]
fn too_short_a_length_loses_the_message_and_too_long_a_one_the_next_too() {
    let right = message(HEARTBEAT);
    let body = &HEARTBEAT[10..].replace('|', "\x01");
    let with_length =
        |length: usize| with_sum(format!("8=FIX.4.4\x019={length}\x01{body}").into_bytes());
    for length in (0..body.len()).rev() {
        let wrong = with_length(length);
        let reason = GarbleReason::WrongLength {
            expected: length,
            received: body.len(),
        };
        let bytes = [&wrong[..], &right].concat();
        assert_eq!(garbled(&bytes), (wrong.len(), reason));
    }
    let long = with_length(body.len() + 3);
    let bytes = [&long[..], &right].concat();
    assert_eq!(garbled(&bytes).0, bytes.len());
    assert_eq!(frame(&long), Frame::NeedMore, "its end is still to come");
}

#[test]
fn a_trailer_starts_after_a_separator() {
    let bytes = whole(b"8=FIX.4.4", b"35=0\x0158=x");
    assert_eq!(frame(&bytes), Frame::NeedMore);
    let right = message(HEARTBEAT);
    assert_eq!(
        garbled(&[&bytes[..], &right].concat()).0,
        bytes.len() + right.len()
    );
}

#[test]
fn what_cannot_end_in_time_is_garbled() {
    let overhead = "8=FIX.4.4|9=16384|10=000|".len();
    let largest = MESSAGE_BYTES_MAX - overhead;
    let body = [b"35=0\x0158=", &vec![b'x'; largest - 9][..], b"\x01"].concat();
    let bytes = whole(b"8=FIX.4.4", &body);
    assert_eq!(bytes.len(), MESSAGE_BYTES_MAX);
    assert!(matches!(frame(&bytes), Frame::Whole(_)));

    let long = format!("8=FIX.4.4\x019={}\x0135=0\x018=FIX", largest + 1);
    let reason = GarbleReason::TooLong {
        expected: MESSAGE_BYTES_MAX,
        received: MESSAGE_BYTES_MAX + 1,
    };
    assert_eq!(garbled(long.as_bytes()), (long.len() - 5, reason));

    let mut endless = b"8=FIX.4.4\x019=5\x0135=0\x0158=".to_vec();
    endless.resize(MESSAGE_BYTES_MAX - 1, b'x');
    assert_eq!(frame(&endless), Frame::NeedMore);
    endless.push(b'x');
    let reason = GarbleReason::TooLong {
        expected: MESSAGE_BYTES_MAX,
        received: MESSAGE_BYTES_MAX,
    };
    assert_eq!(garbled(&endless), (MESSAGE_BYTES_MAX, reason));
}

#[test]
fn reasons_say_what_was_expected() {
    let texts = [
        (GarbleReason::BeginString, "BeginString (8) first"),
        (GarbleReason::BodyLength, "BodyLength (9) second"),
        (GarbleReason::MessageType, "MsgType (35) third"),
        (
            GarbleReason::TooLong {
                expected: 5,
                received: 6,
            },
            "at most 5 bytes, received 6",
        ),
        (
            GarbleReason::WrongLength {
                expected: 7,
                received: 8,
            },
            "body of 7 bytes, as BodyLength says, received 8",
        ),
        (
            GarbleReason::CheckSum {
                expected: 9,
                received: Some(10),
            },
            "CheckSum 009, received 010",
        ),
        (
            GarbleReason::CheckSum {
                expected: 9,
                received: None,
            },
            "CheckSum 009, received no three digits",
        ),
    ];
    for (reason, text) in texts {
        assert!(reason.to_string().contains(text), "{reason}");
    }
}
