//! A message costs no memory: framed, parsed, validated, walked and written with what was there before.

#[path = "../../memory/tests/counting/mod.rs"]
mod counting;

mod common;

use common::{framed, message};
use proofbook_fix::{
    tag, validate, Kernel, MessageEncoder, Precision, SIMDMessageParser, UserFields, Version,
};

#[test]
fn nothing_is_allocated_for_a_message() {
    let bytes = message(
        "8=FIX.4.4|35=D|49=A|56=B|34=7|52=20240229-23:59:59.123|11=id|453=1|448=P|802=1|523=s|55=X|54=1|60=20240229-23:59:59|38=100|40=2|44=1.5|",
    );
    let group = Version::Fix44
        .dictionary()
        .message(b"D")
        .and_then(|order| order.body.group(tag::NO_PARTY_IDS))
        .expect("a group");
    let mut buffer = [0; 512];
    for kernel in Kernel::all() {
        let mut parser = SIMDMessageParser::new(kernel);
        let mut encoder = MessageEncoder::new(kernel, Version::Fix44);
        let before = counting::asked();
        for second in 0..100_000 {
            let frame = framed(&parser, &bytes);
            let parsed = parser.parse(frame).expect("fields");
            assert!(validate(Version::Fix44.dictionary(), &parsed, UserFields::Refused).is_ok());
            assert_eq!(parsed.group(group).expect("one").count(), 1);
            assert_eq!(
                parsed
                    .require(tag::PRICE)
                    .and_then(|price| price.decimal(2)),
                Ok(150)
            );
            let mut draft = encoder.begin(&mut buffer, b"8");
            draft.timestamp(
                tag::SENDING_TIME,
                second * 1_000_000_000,
                Precision::Nanoseconds,
            );
            for field in parsed.fields().skip(3).take(parsed.field_count() - 4) {
                draft.copy(field);
            }
            assert!(draft.finish().is_ok());
        }
        assert_eq!(counting::asked(), before, "{}", kernel.name());
    }
    drop(vec![0u8; 10]);
    assert!(counting::asked() > 0, "the counter counts");
}
