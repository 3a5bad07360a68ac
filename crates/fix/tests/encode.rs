//! Messages that are written: their bytes, what goes wrong, and that parsing gives back what was written.

mod common;

use common::{message, parse_with_all, whole};
use proofbook_fix::{
    tag, validate, EncodeError, Kernel, MessageEncoder, Precision, UserFields, Version,
    MESSAGE_BYTES_MAX,
};
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn a_message_is_written_as_by_hand() {
    for kernel in Kernel::all() {
        let mut encoder = MessageEncoder::new(kernel, Version::Fix42);
        let mut buffer = [0xff; 400];
        let mut draft = encoder.begin(&mut buffer, b"8");
        // 29 February 2024, 23:59:59.012345678, by date(1).
        let time_ns = 1_709_251_199_012_345_678;
        draft
            .text(tag::SENDER_COMP_ID, b"A")
            .unsigned(tag::MSG_SEQ_NUM, u64::MAX)
            .timestamp(tag::SENDING_TIME, time_ns, Precision::Milliseconds)
            .integer(tag::POSS_DUP_FLAG, i64::MIN)
            .flag(tag::POSS_RESEND, true)
            .char(tag::SIDE, b'1')
            .decimal(tag::PRICE, -5, 2)
            .decimal(tag::AVG_PX, i64::MIN, 18)
            .decimal(tag::CUM_QTY, 100, 0)
            .decimal(tag::LEAVES_QTY, 100, 1)
            .timestamp(tag::TRANSACT_TIME, time_ns, Precision::Seconds)
            .timestamp(tag::TRANSACT_TIME, time_ns, Precision::Microseconds)
            .timestamp(
                tag::TRANSACT_TIME,
                time_ns + 1_000_000_000,
                Precision::Nanoseconds,
            )
            .date(tag::MD_ENTRY_DATE, time_ns)
            .time_of_day(tag::MD_ENTRY_TIME, time_ns, Precision::Milliseconds)
            .data(tag::ENCODED_TEXT_LEN, tag::ENCODED_TEXT, b"a\x01=")
            .unsigned(tag::NO_CONTRA_BROKERS, 0)
            .text(-12, b"x")
            .unsigned(1_000_000, 7);
        let expected = message(
            "8=FIX.4.2|35=8|49=A|34=18446744073709551615|52=20240229-23:59:59.012|43=-9223372036854775808|97=Y|54=1|44=-0.05|\
             6=-9.223372036854775808|14=100|151=10.0|60=20240229-23:59:59|60=20240229-23:59:59.012345|60=20240301-00:00:00.012345678|\
             272=20240229|273=23:59:59.012|354=3|355=a\x01=|382=0|-12=x|1000000=7|",
        );
        let received = draft.finish().expect("there is room");
        assert_eq!(
            received.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }
}

#[test]
fn what_goes_wrong_is_said_at_the_end() {
    let mut encoder = MessageEncoder::new(Kernel::detect(), Version::Fix44);
    let mut buffer = [0; MESSAGE_BYTES_MAX + 100];
    let mut draft = encoder.begin(&mut buffer, b"0");
    draft.text(58, b"").text(112, b"a\x01b");
    assert_eq!(draft.finish(), Err(EncodeError::Empty { tag: 58 }));
    let mut draft = encoder.begin(&mut buffer, b"0");
    draft.text(112, b"a\x01b").text(58, b"");
    assert_eq!(
        draft.finish(),
        Err(EncodeError::Separator {
            tag: 112,
            offset: 1
        })
    );
    assert!(encoder.begin(&mut buffer, b"").finish().is_err());
    let mut draft = encoder.begin(&mut buffer, b"0");
    draft.data(95, 96, b"");
    assert_eq!(draft.finish(), Err(EncodeError::Empty { tag: 96 }));
    let mut draft = encoder.begin(&mut buffer, b"0");
    draft.text(58, &[b'x'; MESSAGE_BYTES_MAX]);
    let error = draft.finish().expect_err("too long");
    assert!(
        matches!(
            error,
            EncodeError::TooLong {
                expected: MESSAGE_BYTES_MAX,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_buffer_is_long_enough_or_an_error_says_what_would_be() {
    let mut encoder = MessageEncoder::new(Kernel::detect(), Version::Fix44);
    let mut needed = None;
    for length in 0..120 {
        let mut buffer = vec![0; length];
        let mut draft = encoder.begin(&mut buffer, b"0");
        draft
            .text(58, b"some text")
            .timestamp(52, 0, Precision::Nanoseconds)
            .decimal(44, 12345, 2);
        match draft.finish() {
            Ok(message) => assert!(Some(length) >= needed && message.len() <= length),
            Err(EncodeError::TooLong { expected, received }) => {
                assert_eq!(expected, length);
                assert_eq!(*needed.get_or_insert(received), received);
                assert!(length < received, "{length} bytes are enough");
            }
            Err(other) => panic!("expected a lack of room, received {other}"),
        }
    }
    assert!(needed.is_some_and(|needed| needed < 120));
}

#[test]
fn small_numbers_have_all_their_decimals() {
    let mut encoder = MessageEncoder::new(Kernel::detect(), Version::Fix44);
    let mut buffer = [0; 200];
    for decimals in 0..=4u32 {
        for units in -1_100..=1_100i64 {
            let mut draft = encoder.begin(&mut buffer, b"0");
            draft.decimal(44, units, decimals).integer(45, units);
            let message = draft.finish().expect("there is room");
            // As the formatting of the standard library puts the digits.
            let digits = format!("{:0width$}", units.abs(), width = decimals as usize + 1);
            let (whole, rest) = digits.split_at(digits.len() - decimals as usize);
            let sign = if units < 0 { "-" } else { "" };
            let point = if decimals > 0 { "." } else { "" };
            let expected = format!("\x0144={sign}{whole}{point}{rest}\x0145={units}\x01");
            let text = String::from_utf8_lossy(message);
            assert!(text.contains(&expected), "{units} and {decimals}: {text:?}");
        }
    }
}

/// A field of a kind, with the text that it must have.
#[derive(Clone, Debug)]
enum Value {
    Text(Vec<u8>),
    Unsigned(u64),
    Integer(i64),
    Decimal(i64, u32),
    Flag(bool),
    Time(u64),
    Data(Vec<u8>),
    Parties(Vec<(Vec<u8>, Vec<Vec<u8>>)>),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    vec(
        (2u8..=255).prop_filter("no separator", |byte| *byte != 1),
        1..40,
    )
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::Text),
        any::<u64>().prop_map(Value::Unsigned),
        any::<i64>().prop_map(Value::Integer),
        (any::<i64>(), 0u32..=18).prop_map(|(units, decimals)| Value::Decimal(units, decimals)),
        any::<bool>().prop_map(Value::Flag),
        any::<u64>().prop_map(Value::Time),
        vec(any::<u8>(), 1..80).prop_map(Value::Data),
        vec((text(), vec(text(), 0..3)), 0..4).prop_map(Value::Parties),
    ]
}

/// A tag that is neither data, nor a length, nor the group's.
fn tag_of(index: usize) -> i32 {
    20_000 + index as i32
}

fn write(draft: &mut proofbook_fix::Draft<'_>, index: usize, value: &Value) {
    let tag = tag_of(index);
    match value {
        Value::Text(text) => draft.text(tag, text),
        Value::Unsigned(number) => draft.unsigned(tag, *number),
        Value::Integer(number) => draft.integer(tag, *number),
        Value::Decimal(units, decimals) => draft.decimal(tag, *units, *decimals),
        Value::Flag(flag) => draft.flag(tag, *flag),
        Value::Time(time_ns) => draft.timestamp(tag, *time_ns, Precision::Nanoseconds),
        Value::Data(bytes) => draft.data(tag::RAW_DATA_LENGTH, tag::RAW_DATA, bytes),
        Value::Parties(parties) => {
            draft.unsigned(tag::NO_PARTY_IDS, parties.len() as u64);
            for (party, subs) in parties {
                draft
                    .text(tag::PARTY_ID, party)
                    .unsigned(tag::NO_PARTY_SUB_IDS, subs.len() as u64);
                for sub in subs {
                    draft.text(tag::PARTY_SUB_ID, sub);
                }
            }
            draft
        }
    };
}

fn check_value(
    message: &proofbook_fix::ParsedMessage<'_>,
    index: usize,
    value: &Value,
    is_first: bool,
) {
    let field = |tag| message.require(tag).expect("it was written");
    match value {
        Value::Text(text) => assert_eq!(field(tag_of(index)).value, text),
        Value::Unsigned(number) => assert_eq!(field(tag_of(index)).unsigned(), Ok(*number)),
        Value::Integer(number) => assert_eq!(field(tag_of(index)).integer(), Ok(*number)),
        Value::Decimal(units, decimals) => {
            assert_eq!(field(tag_of(index)).decimal(*decimals), Ok(*units))
        }
        Value::Flag(flag) => assert_eq!(field(tag_of(index)).flag(), Ok(*flag)),
        Value::Time(time_ns) => assert_eq!(field(tag_of(index)).timestamp_ns(), Ok(*time_ns)),
        Value::Data(bytes) if is_first => {
            assert_eq!(field(tag::RAW_DATA).value, bytes);
            assert_eq!(
                field(tag::RAW_DATA_LENGTH).unsigned(),
                Ok(bytes.len() as u64)
            );
        }
        Value::Parties(parties) if is_first => {
            let group = Version::Fix44
                .dictionary()
                .message(b"D")
                .and_then(|order| order.body.group(tag::NO_PARTY_IDS))
                .expect("a group");
            let subs = group.group(tag::NO_PARTY_SUB_IDS).expect("a group");
            let received: Vec<(Vec<u8>, Vec<Vec<u8>>)> = message
                .group(group)
                .expect("as many as written")
                .map(|party| {
                    let names = party.group(subs).expect("as many as written");
                    let names = names.map(|sub| {
                        sub.require(tag::PARTY_SUB_ID)
                            .expect("written")
                            .value
                            .to_vec()
                    });
                    (
                        party
                            .require(tag::PARTY_ID)
                            .expect("written")
                            .value
                            .to_vec(),
                        names.collect(),
                    )
                })
                .collect();
            assert_eq!(&received, parties);
        }
        Value::Data(_) | Value::Parties(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_parsed(values in vec(value(), 0..20)) {
        let mut encoder = MessageEncoder::new(Kernel::detect(), Version::Fix44);
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        let mut draft = encoder.begin(&mut buffer, b"D");
        for (index, value) in values.iter().enumerate() {
            write(&mut draft, index, value);
        }
        let bytes = draft.finish().expect("there is room").to_vec();
        // Length and sum are those that a sum in the test finds.
        let body = bytes.windows(4).position(|window| window == b"\x0135=").expect("a type") + 1;
        prop_assert_eq!(&whole(b"8=FIX.4.4", &bytes[body..bytes.len() - 7]), &bytes);
        parse_with_all(&bytes, |message| {
            let message = message.expect("what was written are fields");
            let (mut has_data, mut has_parties) = (false, false);
            for (index, value) in values.iter().enumerate() {
                let is_first = match value {
                    Value::Data(_) => !std::mem::replace(&mut has_data, true),
                    Value::Parties(_) => !std::mem::replace(&mut has_parties, true),
                    _ => true,
                };
                check_value(&message, index, value, is_first);
            }
        });
        // Copied field by field, it is the same message.
        let copy = parse_with_all(&bytes, |message| {
            let mut encoder = MessageEncoder::new(Kernel::SCALAR, Version::Fix44);
            let mut buffer = vec![0; MESSAGE_BYTES_MAX];
            let message = message.expect("fields");
            let mut draft = encoder.begin(&mut buffer, message.message_type());
            for field in message.fields().skip(3).take(message.field_count() - 4) {
                draft.copy(field);
            }
            draft.finish().map(<[u8]>::to_vec)
        });
        prop_assert_eq!(copy, Ok(bytes));
    }
}

#[test]
fn an_order_that_is_written_is_valid() {
    let mut encoder = MessageEncoder::new(Kernel::detect(), Version::Fix44);
    let mut buffer = [0; 512];
    let mut draft = encoder.begin(&mut buffer, b"D");
    draft
        .text(tag::SENDER_COMP_ID, b"A")
        .text(tag::TARGET_COMP_ID, b"B")
        .unsigned(tag::MSG_SEQ_NUM, 1)
        .timestamp(tag::SENDING_TIME, 1, Precision::Nanoseconds)
        .text(tag::CL_ORD_ID, b"1")
        .text(tag::SYMBOL, b"X")
        .char(tag::SIDE, b'1')
        .timestamp(tag::TRANSACT_TIME, 1, Precision::Microseconds)
        .decimal(tag::ORDER_QTY, 5, 0)
        .char(tag::ORD_TYPE, b'2')
        .decimal(tag::PRICE, 10_050, 2);
    let bytes = draft.finish().expect("there is room").to_vec();
    parse_with_all(&bytes, |message| {
        let dictionary = Version::Fix44.dictionary();
        let definition = validate(dictionary, &message.expect("fields"), UserFields::Refused);
        assert_eq!(definition.expect("valid").name, "NewOrderSingle");
    });
}
