//! Fields, data, groups, values: what a parsed message says, and which error tells what is wrong where.

mod common;

use common::{framed, message, parse_with_all, whole, PAIRS};
use proofbook_fix::{
    tag, Expected, FieldError, Kernel, ParseError, SIMDMessageParser, Version, FIELDS_MAX,
};

const ORDER: &str = "8=FIX.4.4|35=D|49=A|56=B|34=7|52=20240229-23:59:59.123|11=id|55=X|54=1|60=20240229-23:59:59|38=100|40=2|44=-1.50|";

/// All fields of a message, or why there are none.
fn fields(bytes: &[u8]) -> Result<Vec<(i32, Vec<u8>)>, ParseError> {
    parse_with_all(bytes, |message| {
        let message = message?;
        Ok(message
            .fields()
            .map(|field| (field.tag, field.value.to_vec()))
            .collect())
    })
}

#[test]
fn fields_come_in_order_and_are_found_by_tag() {
    let bytes = message(ORDER);
    let mut parser = SIMDMessageParser::new(Kernel::detect());
    let frame = framed(&parser, &bytes);
    let parsed = parser.parse(frame).expect("fields");
    assert_eq!(parsed.begin_string(), b"FIX.4.4");
    assert_eq!(parsed.message_type(), b"D");
    let tags: Vec<i32> = parsed.fields().map(|field| field.tag).collect();
    assert_eq!(
        tags,
        [8, 9, 35, 49, 56, 34, 52, 11, 55, 54, 60, 38, 40, 44, 10]
    );
    assert_eq!(parsed.field_count(), tags.len());
    for field in parsed.fields() {
        assert_eq!(parsed.get(field.tag), Some(field));
        assert_eq!(
            &bytes[field.offset..field.offset + field.value.len()],
            field.value
        );
    }
    assert_eq!(parsed.get(tag::TEXT), None);
    assert_eq!(
        parsed.require(tag::TEXT),
        Err(FieldError::Missing { tag: tag::TEXT })
    );
}

#[test]
fn a_parser_forgets_the_message_before() {
    let mut parser = SIMDMessageParser::new(Kernel::detect());
    let first = message("8=FIX.4.4|35=0|58=a|99999=b|");
    let others = message("8=FIX.4.4|35=0|");
    let frame = framed(&parser, &first);
    let parsed = parser.parse(frame).expect("fields");
    assert!(parsed.get(58).is_some() && parsed.get(99_999).is_some());
    // More messages than there are generations: the first one's comes again.
    for count in 0..=u32::from(u16::MAX) + 1 {
        let frame = framed(&parser, &others);
        let parsed = parser.parse(frame).expect("fields");
        assert!(
            parsed.get(58).is_none() && parsed.get(99_999).is_none(),
            "{count}"
        );
        assert!(parsed.get(35).is_some());
    }
}

#[test]
fn any_integer_is_a_tag_and_the_first_of_many_is_found() {
    let bytes = message(
        "8=FIX.4.4|35=0|-1=a|0=b|1023=c|1024=d|123456789=e|2147483647=f|1024=g|-1=h|58=i|58=j|",
    );
    let mut parser = SIMDMessageParser::new(Kernel::detect());
    let frame = framed(&parser, &bytes);
    let parsed = parser.parse(frame).expect("fields");
    let first = [
        (-1, b"a"),
        (0, b"b"),
        (1023, b"c"),
        (1024, b"d"),
        (123_456_789, b"e"),
        (i32::MAX, b"f"),
        (58, b"i"),
    ];
    for (tag, value) in first {
        assert_eq!(
            parsed.get(tag).map(|field| field.value),
            Some(&value[..]),
            "{tag}"
        );
    }
    assert_eq!(parsed.get(1025), None);
    assert_eq!(parsed.get(-2), None);
}

#[test]
fn what_is_no_field_has_its_place() {
    for bad in [
        "x",
        "=1",
        "4garbled9=TW",
        "49 =a",
        "+1=a",
        "01=a",
        "-0=a",
        "2147483648=a",
        "",
        "12345678901234567890=a",
    ] {
        let bytes = message(&format!("8=FIX.4.4|35=0|{bad}|58=y|"));
        let offset = "8=FIX.4.4|9=12|35=0|".len();
        assert_eq!(fields(&bytes), Err(ParseError::Tag { offset }), "{bad}");
    }
}

#[test]
fn a_tag_is_found_wherever_it_crosses_a_block() {
    for padding in 1..200 {
        let padding = "x".repeat(padding);
        let bytes = message(&format!(
            "8=FIX.4.4|35=0|58={padding}|2147483647=a=b|354=3|355=\x01=\x01|"
        ));
        let received = fields(&bytes).expect("fields");
        let tags: Vec<i32> = received.iter().map(|field| field.0).collect();
        assert_eq!(tags, [8, 9, 35, 58, i32::MAX, 354, 355, 10]);
        assert_eq!(received[4].1, b"a=b");
        assert_eq!(received[6].1, b"\x01=\x01");
    }
}

#[test]
fn every_pair_of_length_and_data_may_hold_separators() {
    let data = b"\x0110=000\x018=FIX.4.4\x01".to_vec();
    for (length_tag, data_tag) in PAIRS {
        for version in [Version::Fix42, Version::Fix44] {
            if let Some(field) = version.dictionary().field(data_tag) {
                assert_eq!(field.partner(), Some(length_tag));
            }
        }
        let body = [
            format!("35=B\x01{length_tag}={}\x01{data_tag}=", data.len()).as_bytes(),
            &data,
            b"\x0158=x\x01",
        ]
        .concat();
        let received = fields(&whole(b"8=FIX.4.4", &body)).expect("fields");
        assert_eq!(received[4], (data_tag, data.clone()));
        assert_eq!(received[5], (58, b"x".to_vec()));
    }
}

#[test]
fn data_end_where_their_length_says_or_are_an_error() {
    let error = |length: &str, data: &str| {
        fields(&message(&format!(
            "8=FIX.4.4|35=B|95={length}|96={data}|58=x|"
        )))
    };
    assert!(error("5", "ab\x01cd").is_ok());
    assert!(error("2", "ab\x01cd").is_err(), "cd is no field");
    assert!(error("10", "ab\x01cd").is_ok(), "up to the trailer");
    let lengths = [
        ("4", Some(4)),
        ("9", Some(9)),
        ("11", Some(11)),
        ("99", Some(99)),
        ("18446744073709551615", Some(usize::MAX)),
        ("x", None),
        ("-1", None),
    ];
    for (length, expected) in lengths {
        let data_length = ParseError::DataLength {
            tag: 96,
            offset: "8=FIX.4.4|9=22|35=B|95=|96=".len() + length.len(),
            expected,
            received: "ab|cd|58=x".len(),
        };
        assert_eq!(error(length, "ab\x01cd"), Err(data_length), "{length}");
    }
    // Without a length, data end as any field does.
    let received = fields(&message("8=FIX.4.4|35=B|96=ab|58=x|")).expect("fields");
    assert_eq!(received[3].1, b"ab");
}

#[test]
fn fields_have_a_bound() {
    let with = |count: usize| message(&format!("8=FIX.4.4|35=0|{}", "5001=a|".repeat(count - 4)));
    assert_eq!(
        fields(&with(FIELDS_MAX)).map(|fields| fields.len()),
        Ok(FIELDS_MAX)
    );
    let error = fields(&with(FIELDS_MAX + 1)).expect_err("one too many");
    assert!(
        matches!(
            error,
            ParseError::Fields {
                expected: FIELDS_MAX,
                ..
            }
        ),
        "{error}"
    );
    // As many different ones that are not of the specification.
    let many: String = (0..FIELDS_MAX - 4)
        .map(|index| format!("{}=a|", 100_000 + index * 2048))
        .collect();
    let bytes = message(&format!("8=FIX.4.4|35=0|{many}"));
    let mut parser = SIMDMessageParser::new(Kernel::detect());
    let frame = framed(&parser, &bytes);
    let parsed = parser.parse(frame).expect("fields");
    for field in parsed.fields() {
        assert_eq!(parsed.get(field.tag), Some(field));
    }
}

#[test]
fn values_are_read_as_what_they_are() {
    let bytes = message("8=FIX.4.4|35=D|34=18446744073709551615|38=002000.00|44=-.5|54=1|97=Y|52=20240229-23:59:60.5|60=20240229-23:59:60.123456789|58=ä|9999=\x7f|1=-9223372036854775808|");
    let mut parser = SIMDMessageParser::new(Kernel::detect());
    let frame = framed(&parser, &bytes);
    let parsed = parser.parse(frame).expect("fields");
    let get = |tag| parsed.require(tag).expect("it is there");
    assert_eq!(get(34).unsigned(), Ok(u64::MAX));
    assert_eq!(get(38).decimal(0), Ok(2000));
    assert_eq!(get(38).decimal(2), Ok(200_000));
    assert_eq!(get(44).decimal(4), Ok(-5000));
    assert_eq!(get(54).char(), Ok(b'1'));
    assert_eq!(get(97).flag(), Ok(true));
    assert_eq!(get(58).text(), Ok("ä"));
    assert_eq!(get(1).integer(), Ok(i64::MIN));
    // 1 March 2024, 00:00:00, by date(1).
    assert_eq!(get(60).timestamp_ns(), Ok(1_709_251_200_123_456_789));
    let offset = get(44).offset;
    match get(44).decimal(0) {
        Err(FieldError::Value {
            tag: 44,
            offset: at,
            expected: Expected::Decimal { decimals: 0 },
            received,
        }) => {
            assert_eq!((at, received.to_string()), (offset, "\"-.5\"".to_owned()));
        }
        other => panic!("expected an error, received {other:?}"),
    }
    let error = get(52).timestamp_ns().expect_err("one decimal");
    assert_eq!(error.to_string(), format!("tag 52, byte {}: expected YYYYMMDD-HH:MM:SS with 0, 3, 6 or 9 decimals, from 1970 to 2554, received \"20240229-23:59:60.5\"", get(52).offset));
}

/// Whether a field with this value can be read so.
fn reads(text: &str, read: fn(proofbook_fix::Field<'_>) -> bool) -> bool {
    let bytes = message(&format!("8=FIX.4.4|35=0|5000={text}|"));
    parse_with_all(&bytes, |message| {
        let message = message.expect("fields");
        read(message.require(5000).expect("it is there"))
    })
}

fn refuses(texts: &[&str], read: fn(proofbook_fix::Field<'_>) -> bool) {
    for text in texts {
        assert!(!reads(text, read), "{text}");
    }
}

#[test]
fn numbers_that_are_something_else_are_errors() {
    let integers = [
        "",
        "+1",
        "1.0",
        "-",
        "--1",
        "1-",
        "9223372036854775808",
        "-9223372036854775809",
        " 1",
        "0x1",
    ];
    refuses(&integers, |field| field.integer().is_ok());
    let unsigned = ["", "-1", "18446744073709551616", "99999999999999999999999"];
    refuses(&unsigned, |field| field.unsigned().is_ok());
    let decimals = [
        "",
        ".",
        "-",
        "-.",
        "+1",
        "1.2.3",
        "1e5",
        "1,5",
        "0.001",
        "92233720368547758.08",
        "-92233720368547758.09",
    ];
    refuses(&decimals, |field| field.decimal(2).is_ok());
    let decimals = [
        "-92233720368547758.08",
        "92233720368547758.07",
        "1.",
        ".5",
        "-0",
        "0.000000000000000000000000",
        "00001.10",
    ];
    for text in decimals {
        assert!(reads(text, |field| field.decimal(2).is_ok()), "{text}");
    }
    refuses(&["", "y", "YES", "1"], |field| field.flag().is_ok());
    refuses(&["", "ab"], |field| field.char().is_ok());
}

#[test]
fn times_that_are_something_else_are_errors() {
    let times = [
        "20040415",
        "20040415-12:00",
        "20040415 12:00:00",
        "20040415-12:00:00.",
        "20040415-12:00:00.1234",
        "20040415-24:00:00",
        "20040415-12:60:00",
        "20040415-12:00:61",
        "20041315-12:00:00",
        "20040431-12:00:00",
        "20230229-12:00:00",
        "19691231-23:59:59",
        "25540722-00:00:00",
        "2004041a-12:00:00",
        "",
        "25540721-23:34:33.709551616",
    ];
    refuses(&times, |field| field.timestamp_ns().is_ok());
    let last = "25540721-23:34:33.709551615";
    assert!(reads(last, |field| field.timestamp_ns() == Ok(u64::MAX)));
}

#[test]
fn groups_within_groups_are_walked() {
    let bytes = message(
        "8=FIX.4.4|35=D|11=a|453=2|448=P|447=D|452=1|802=2|523=s|803=1|523=t|803=2|448=Q|447=D|452=3|55=X|54=1|60=20240101-00:00:00|40=1|386=0|",
    );
    let body = &Version::Fix44
        .dictionary()
        .message(b"D")
        .expect("an order")
        .body;
    let parties = body.group(tag::NO_PARTY_IDS).expect("a group");
    let subs = parties
        .group(tag::NO_PARTY_SUB_IDS)
        .expect("a group inside");
    let mut parser = SIMDMessageParser::new(Kernel::detect());
    let frame = framed(&parser, &bytes);
    let parsed = parser.parse(frame).expect("fields");
    let mut walked = Vec::new();
    for party in parsed.group(parties).expect("two parties") {
        let role = party.require(tag::PARTY_ROLE).expect("a role");
        let subs = party.group(subs).expect("subs");
        walked.push((
            party.require(tag::PARTY_ID).expect("an id").value,
            role.integer().expect("a number"),
            subs.map(|sub| sub.require(tag::PARTY_SUB_ID).expect("an id").value)
                .collect::<Vec<_>>(),
        ));
    }
    let expected = [(&b"P"[..], 1, vec![&b"s"[..], b"t"]), (b"Q", 3, vec![])];
    assert_eq!(walked, expected);
    let sessions = body.group(tag::NO_TRADING_SESSIONS).expect("a group");
    assert_eq!(parsed.group(sessions).expect("none").count(), 0);
    let allocations = body.group(tag::NO_ALLOCS).expect("a group");
    assert_eq!(parsed.group(allocations).expect("not there").count(), 0);
}

#[test]
fn a_group_has_as_many_entries_as_it_says() {
    let parties = Version::Fix44
        .dictionary()
        .message(b"D")
        .expect("an order")
        .body
        .group(tag::NO_PARTY_IDS)
        .expect("a group");
    for (said, there) in [
        ("1", "448=P|448=Q|"),
        ("3", "448=P|448=Q|"),
        ("1", ""),
        ("2", "447=D|448=P|448=Q|"),
    ] {
        let bytes = message(&format!("8=FIX.4.4|35=D|453={said}|{there}58=x|"));
        parse_with_all(&bytes, |message| {
            let error = message.expect("fields").group(parties).err();
            assert!(
                matches!(error, Some(FieldError::Count { tag: 453, .. })),
                "{said} {there}"
            );
        });
    }
    let bytes = message("8=FIX.4.4|35=D|453=x|");
    parse_with_all(&bytes, |message| {
        let error = message
            .expect("fields")
            .group(parties)
            .err()
            .expect("no number");
        assert!(error.to_string().contains("received \"x\""), "{error}");
    });
}
