//! What a dictionary allows: each reason of a reject, with its field, on messages that the acceptance scripts do not send.

mod common;

use common::{message, parse_with_all};
use proofbook_fix::{
    validate, FieldKind, Invalid, SessionReject, SessionRejectReason, UserFields, Version,
};
use SessionRejectReason as Reason;

const HEADER: &str = "49=A|56=B|34=7|52=20240101-00:00:00|";

fn check(
    version: Version,
    message_type: &str,
    body: &str,
    users: UserFields,
) -> Result<&'static str, Invalid> {
    let begin = std::str::from_utf8(version.begin_string()).expect("text");
    let bytes = message(&format!("8={begin}|35={message_type}|{HEADER}{body}"));
    parse_with_all(&bytes, |message| {
        let message = message.expect("fields");
        validate(version.dictionary(), &message, users).map(|definition| definition.name)
    })
}

fn expect(message_type: &str, body: &str, expected: Option<(Reason, i32)>) {
    let received = check(Version::Fix44, message_type, body, UserFields::Refused);
    let expected = expected.map(|(reason, tag)| {
        Invalid::Session(SessionReject {
            reason,
            tag: Some(tag),
        })
    });
    assert_eq!(received.err(), expected, "{message_type} {body}");
}

const ORDER: &str = "11=id|55=X|54=1|60=20240101-00:00:00|38=1|40=1|";

#[test]
fn groups_have_an_order_a_count_and_required_members() {
    let order = |rest: &str, expected| expect("D", &format!("{ORDER}{rest}"), expected);
    order("453=1|448=P|447=D|452=1|802=1|523=s|803=1|", None);
    order("453=2|448=P|452=1|448=Q|447=D|", None);
    order("453=0|", None);
    order(
        "453=1|448=P|452=1|447=D|",
        Some((Reason::GroupOutOfOrder, 447)),
    );
    order("453=1|447=D|448=P|", Some((Reason::GroupOutOfOrder, 447)));
    order("453=1|448=P|447=D|447=D|", Some((Reason::TagRepeated, 447)));
    order(
        "453=1|448=P|802=2|523=s|452=1|",
        Some((Reason::GroupCount, 802)),
    );
    order("453=1|448=P|448=Q|", Some((Reason::GroupCount, 453)));
    order("453=2|448=P|58=x|", Some((Reason::GroupCount, 453)));
    order("453=2|448=P|", Some((Reason::GroupCount, 453)));
    order("453=1|58=x|", Some((Reason::GroupCount, 453)));
    order("453=1|448=P|453=1|448=P|", Some((Reason::TagRepeated, 453)));
    order("453=-1|448=P|", Some((Reason::IncorrectDataFormat, 453)));
    order("453=0|448=P|", Some((Reason::TagNotDefinedForMessage, 448)));
    order("448=P|", Some((Reason::TagNotDefinedForMessage, 448)));
    order("453=1|448=|", Some((Reason::TagWithoutValue, 448)));
    order("453=1|448=P|447=?|", Some((Reason::ValueIncorrect, 447)));
    // A new entry closes the group inside the last one.
    order("453=2|448=P|802=1|523=s|448=Q|802=1|523=t|", None);
    order(
        "453=2|448=P|802=2|523=s|448=Q|",
        Some((Reason::GroupCount, 802)),
    );

    let data = |entries: &str, expected| expect("X", &format!("262=r|268=2|{entries}"), expected);
    data(
        "279=0|269=0|278=a|55=X|270=1|271=2|279=2|269=1|278=b|",
        None,
    );
    let text = "262=r|263=1|264=0|267=2|269=0|269=1|146=1|55=X|";
    expect("V", text, None);
    expect(
        "V",
        &text.replace("267=2|269=0|269=1|", "267=1|55=X|"),
        Some((Reason::GroupCount, 267)),
    );
    expect(
        "W",
        "55=X|268=1|270=1|",
        Some((Reason::GroupOutOfOrder, 270)),
    );
    expect(
        "B",
        "148=h|33=1|354=1|355=x|",
        Some((Reason::GroupOutOfOrder, 354)),
    );
}

#[test]
fn entries_have_what_they_must_have() {
    let with = |entries: &str| {
        let body = format!("55=X|268=2|{entries}");
        check(Version::Fix42, "W", &body, UserFields::Refused)
    };
    let reason = Reason::RequiredTagMissing;
    let missing = Err(Invalid::Session(SessionReject {
        reason,
        tag: Some(270),
    }));
    assert!(with("269=0|270=1|269=1|270=2|").is_ok());
    assert_eq!(with("269=0|269=1|270=2|"), missing);
    assert_eq!(with("269=0|270=1|269=1|271=2|"), missing);
}

#[test]
fn a_header_may_have_a_group() {
    let bytes = message(&format!(
        "8=FIX.4.4|35=0|{HEADER}627=2|628=H|629=20240101-00:00:00|628=I|112=x|"
    ));
    parse_with_all(&bytes, |message| {
        let message = message.expect("fields");
        assert!(validate(Version::Fix44.dictionary(), &message, UserFields::Refused).is_ok());
        let reject = validate(Version::Fix42.dictionary(), &message, UserFields::Refused);
        let reason = Reason::InvalidTagNumber;
        assert_eq!(
            reject.err(),
            Some(Invalid::Session(SessionReject {
                reason,
                tag: Some(627)
            }))
        );
    });
}

#[test]
fn what_is_required_is_missed_before_what_is_wrong() {
    expect(
        "D",
        &ORDER.replace("54=1|", "").replace("40=1", "40=?"),
        Some((Reason::RequiredTagMissing, 54)),
    );
    // That it stands in a group does not help.
    expect("V", "262=r|263=1|264=0|267=1|269=0|146=1|55=X|", None);
    expect(
        "D",
        &ORDER.replace("11=id|", ""),
        Some((Reason::RequiredTagMissing, 11)),
    );
    expect("1", "", Some((Reason::RequiredTagMissing, 112)));
    expect("4", "", Some((Reason::RequiredTagMissing, 36)));
}

#[test]
fn lengths_and_data_stand_together() {
    expect("0", "95=1|", Some((Reason::TagNotDefinedForMessage, 95)));
    expect("A", "98=0|108=30|95=1|96=x|", None);
    expect(
        "A",
        "98=0|108=30|96=x|",
        Some((Reason::RequiredTagMissing, 95)),
    );
    expect(
        "A",
        "98=0|108=30|95=1|",
        Some((Reason::RequiredTagMissing, 96)),
    );
    expect(
        "A",
        "95=1|98=0|96=x|108=30|",
        Some((Reason::RequiredTagMissing, 96)),
    );
    expect("0", "93=1|89=x|", None);
    expect("0", "89=x|", Some((Reason::RequiredTagMissing, 93)));
}

#[test]
fn sections_follow_each_other() {
    expect("0", "112=x|50=s|", Some((Reason::TagOutOfOrder, 50)));
    expect("0", "93=1|89=x|112=y|", Some((Reason::TagOutOfOrder, 112)));
    expect("0", "50=s|50=s|112=x|", Some((Reason::TagRepeated, 50)));
}

#[test]
fn fields_of_users_are_taken_where_they_are_allowed() {
    let with = |users, body: &str| check(Version::Fix42, "0", body, users).err();
    let invalid = |tag| {
        let reason = Reason::InvalidTagNumber;
        Some(Invalid::Session(SessionReject {
            reason,
            tag: Some(tag),
        }))
    };
    assert_eq!(with(UserFields::Refused, "5000=x|"), invalid(5000));
    assert_eq!(with(UserFields::Allowed, "5000=x|20000=y|"), None);
    assert_eq!(with(UserFields::Allowed, "4999=x|"), invalid(4999));
    assert_eq!(with(UserFields::Allowed, "1023=x|"), invalid(1023));
    let reason = Reason::TagRepeated;
    let twice = Some(Invalid::Session(SessionReject {
        reason,
        tag: Some(5000),
    }));
    assert_eq!(with(UserFields::Allowed, "5000=x|5000=x|"), twice);
}

#[test]
fn types_that_are_not_here_are_told_from_those_that_are_not() {
    let of = |version, message_type| check(version, message_type, "", UserFields::Refused).err();
    assert_eq!(
        of(Version::Fix42, "7"),
        Some(Invalid::UnsupportedMessageType)
    );
    assert_eq!(
        of(Version::Fix44, "AE"),
        Some(Invalid::UnsupportedMessageType)
    );
    let reason = Reason::InvalidMessageType;
    let none = Some(Invalid::Session(SessionReject { reason, tag: None }));
    assert_eq!(of(Version::Fix42, "AE"), none);
    assert_eq!(of(Version::Fix44, "ZZ"), none);
}

/// Each kind of field, in a message that may have it: texts of its form, and others.
#[test]
fn values_have_the_form_of_their_kind() {
    let cases: [(&str, &str, &[&str], &[&str]); 11] = [
        ("D", "1", &["anything at all"], &[]),
        (
            "D",
            "110",
            &["1", "-1", "1.", ".5", "123456789012345678901234567890"],
            &["+1", "1e5", ".", "-", "1.2.3"],
        ),
        ("D", "18", &["G", "1 2 G"], &["?", "1  2", "1 ?", "GG"]),
        (
            "D",
            "126",
            &["19691231-23:59:60.123456789"],
            &["20240230-00:00:00", "20240101", "20240101-00:00:00.1"],
        ),
        (
            "D",
            "75",
            &["20240229"],
            &["20230229", "2024229", "20241301", "20240100"],
        ),
        (
            "D",
            "200",
            &["202402", "20240229", "202402w5"],
            &["202413", "20240230", "202402w6", "2024"],
        ),
        ("D", "114", &["Y", "N"], &["1", "y", "YN"]),
        ("D", "432", &["20240101"], &["x"]),
        ("D", "528", &["A"], &["AA", "?"]),
        ("D", "203", &["0", "1"], &["2", "01", "-1", "x"]),
        (
            "A",
            "383",
            &["0", "00099"],
            &["-1", "1.5", "18446744073709551616"],
        ),
    ];
    for (message_type, tag, good, bad) in cases {
        let body = match message_type {
            "D" => ORDER,
            _ => "98=0|108=30|",
        };
        for value in good {
            expect(message_type, &format!("{body}{tag}={value}|"), None);
        }
        for value in bad {
            let received = check(
                Version::Fix44,
                message_type,
                &format!("{body}{tag}={value}|"),
                UserFields::Refused,
            );
            let tag = tag.parse().ok();
            let reasons = [Reason::IncorrectDataFormat, Reason::ValueIncorrect];
            let is_expected = reasons
                .iter()
                .any(|&reason| received == Err(Invalid::Session(SessionReject { reason, tag })));
            assert!(is_expected, "{tag:?} {value}: {received:?}");
        }
    }
}

#[test]
fn reasons_have_the_codes_of_the_specification() {
    let codes = [
        Reason::InvalidTagNumber,
        Reason::RequiredTagMissing,
        Reason::TagNotDefinedForMessage,
        Reason::UndefinedTag,
        Reason::TagWithoutValue,
        Reason::ValueIncorrect,
        Reason::IncorrectDataFormat,
        Reason::DecryptionProblem,
        Reason::SignatureProblem,
        Reason::CompIdProblem,
        Reason::SendingTimeAccuracy,
        Reason::InvalidMessageType,
        Reason::XmlValidation,
        Reason::TagRepeated,
        Reason::TagOutOfOrder,
        Reason::GroupOutOfOrder,
        Reason::GroupCount,
        Reason::SeparatorInValue,
    ];
    let field = Version::Fix44
        .dictionary()
        .field(373)
        .expect("SessionRejectReason");
    assert_eq!(field.kind, FieldKind::Integer);
    for (code, reason) in codes.into_iter().enumerate() {
        assert_eq!(usize::from(reason.code()), code);
        expect("3", &format!("45=1|373={code}|"), None);
        assert_eq!(reason.is_known_to(Version::Fix42), code <= 11);
    }
    expect("3", &format!("45=1|373={}|", Reason::Other.code()), None);
    expect("3", "45=1|373=18|", Some((Reason::ValueIncorrect, 373)));
}

/// What each dictionary must have for sessions and an exchange.
#[test]
fn dictionaries_have_the_messages_of_an_exchange() {
    let both = [
        "0", "1", "2", "3", "4", "5", "A", "8", "9", "B", "D", "F", "G", "H", "V", "W", "X", "Y",
        "c", "d", "e", "f", "g", "h", "j",
    ];
    for version in [Version::Fix42, Version::Fix44] {
        let dictionary = version.dictionary();
        assert_eq!(dictionary.version, version);
        for message_type in both {
            assert!(
                dictionary.message(message_type.as_bytes()).is_some(),
                "{message_type}"
            );
        }
        assert_eq!(
            Version::from_begin_string(version.begin_string()),
            Some(version)
        );
        for field in dictionary.fields() {
            assert_eq!(
                dictionary
                    .field(i32::from(field.tag))
                    .map(|found| found.name),
                Some(field.name)
            );
        }
        for tag in [-1, 0, 1023, 1024, 16_383, 16_384, i32::MAX, i32::MIN] {
            assert!(
                dictionary.field(tag).is_none() && dictionary.entry(tag).kind.is_none(),
                "{tag}"
            );
        }
    }
    for message_type in ["q", "r", "x", "y"] {
        assert!(Version::Fix44
            .dictionary()
            .message(message_type.as_bytes())
            .is_some());
    }
    assert_eq!(Version::from_begin_string(b"FIX.4.1"), None);
}
