//! Messages broken at random: nothing stops the program, every kernel says the same, and what it says is what a simple parser says, which is
//! written here and shares no code. `PROOFBOOK_SOAK` asks for a million messages instead of 30,000.

mod common;

use common::{message, with_sum, PAIRS};
use proofbook_fix::{
    validate, Frame, Kernel, MessageEncoder, SIMDMessageParser, UserFields, Version,
    MESSAGE_BYTES_MAX, SOH,
};
use proofbook_workload::Random;

const SEEDS: [&str; 5] = [
    "8=FIX.4.4|35=D|49=A|56=B|34=7|52=20240229-23:59:59.123|11=id|453=2|448=P|802=1|523=s|448=Q|55=X|54=1|60=20240229-23:59:59|38=100|40=2|44=1.5|",
    "8=FIX.4.2|35=A|49=A|56=B|34=1|52=20240229-23:59:59|98=0|108=30|95=9|96=a\x0110=b\x01=|383=99|",
    "8=FIX.4.4|35=X|49=A|56=B|34=7|52=20240229-23:59:59.123|262=r|268=2|279=0|269=0|278=a|55=X|270=1|271=2|279=2|269=1|278=b|354=1|355=\x01|",
    "8=FIX.4.2|35=0|49=A|56=B|34=2|52=20240229-23:59:59|",
    "8=FIX.4.4|35=8|49=A|56=B|34=9|52=20240229-23:59:59.123456789|37=o|17=e|150=0|39=0|55=X|54=1|151=1|14=0|6=0|93=2|89=\x01\x01|",
];

/// The fields of a framed message, one after the other, or nothing.
fn simple_parse(bytes: &[u8]) -> Option<Vec<(i32, &[u8])>> {
    let mut fields: Vec<(i32, &[u8])> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let equals = rest.iter().position(|&byte| byte == b'=')?;
        let text = std::str::from_utf8(&rest[..equals]).ok()?;
        let tag: i32 = text.parse().ok()?;
        if tag.to_string() != text {
            return None;
        }
        let value = &rest[equals + 1..];
        let known = fields
            .last()
            .and_then(|&(length_tag, length)| PAIRS.contains(&(length_tag, tag)).then_some(length));
        let end = match known {
            Some(length) => {
                let digits = std::str::from_utf8(length).ok()?;
                let is_number =
                    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                let end = is_number.then(|| digits.parse::<usize>().ok())??;
                (end < value.len().checked_sub(7)? && value[end] == SOH).then_some(end)?
            }
            None => value.iter().position(|&byte| byte == SOH)?,
        };
        fields.push((tag, &value[..end]));
        rest = &value[end + 1..];
    }
    Some(fields)
}

/// Changes a message in one to four places, and mostly mends its length and sum, so that the change reaches the parser.
fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    const CHARACTERS: &[u8] = b"\x01\x01==0123456789-.AYN :\x00\xff";
    for _ in 0..=random.below(4) {
        let place = random.below(bytes.len() as u64) as usize;
        let character = CHARACTERS[random.below(CHARACTERS.len() as u64) as usize];
        match random.below(5) {
            0 => bytes[place] = character,
            1 => bytes.insert(place, character),
            2 => drop(bytes.remove(place)),
            3 => bytes.truncate(place.max(1)),
            _ => {
                let end = (place + random.below(30) as usize).min(bytes.len());
                let piece = bytes[place..end].to_vec();
                let at = random.below(bytes.len() as u64) as usize;
                bytes.splice(at..at, piece);
            }
        }
        if bytes.len() < 2 {
            return;
        }
    }
    if random.chance(0.8) {
        mend(bytes);
    }
}

/// Gives the bytes a length and a sum that are right.
fn mend(bytes: &mut Vec<u8>) {
    let separators: Vec<usize> = (0..bytes.len())
        .filter(|&index| bytes[index] == SOH)
        .collect();
    let trailer = bytes.windows(4).rposition(|window| window == b"\x0110=");
    let (Some([begin, length, ..]), Some(trailer)) = (separators.first_chunk::<2>(), trailer)
    else {
        return;
    };
    if trailer > *length {
        let body = &bytes[length + 1..=trailer];
        let head = [
            &bytes[..*begin],
            format!("\x019={}\x01", body.len()).as_bytes(),
        ]
        .concat();
        *bytes = with_sum([&head, body].concat());
    }
}

/// What one kernel makes of bytes: how far it gets, and each message's fields and verdicts.
fn walk(parser: &mut SIMDMessageParser, bytes: &[u8]) -> Vec<String> {
    let mut said = Vec::new();
    let mut position = 0;
    loop {
        let rest = &bytes[position..];
        match parser.frame(rest) {
            Frame::NeedMore => {
                assert!(rest.len() < MESSAGE_BYTES_MAX);
                said.push(format!("{position}: more"));
                return said;
            }
            Frame::Garbled { skip, reason } => {
                assert!(0 < skip && skip <= rest.len());
                said.push(format!("{position}: {reason}, {skip} bytes"));
                position += skip;
            }
            Frame::Whole(message) => {
                position += message.bytes().len();
                said.push(look_at(parser, message));
            }
        }
    }
}

/// Parses a message, holds it against the simple parser, validates it, and writes it again.
fn look_at(parser: &mut SIMDMessageParser, framed: proofbook_fix::FramedMessage<'_>) -> String {
    let expected = simple_parse(framed.bytes());
    let message = match parser.parse(framed) {
        Ok(message) => message,
        Err(error) => {
            assert_eq!(expected, None, "{error}: {}", framed.bytes().escape_ascii());
            return error.to_string();
        }
    };
    let received: Vec<(i32, &[u8])> = message
        .fields()
        .map(|field| (field.tag, field.value))
        .collect();
    assert_eq!(
        Some(&received),
        expected.as_ref(),
        "{}",
        framed.bytes().escape_ascii()
    );
    let mut said = String::new();
    for version in [Version::Fix42, Version::Fix44] {
        for users in [UserFields::Allowed, UserFields::Refused] {
            let verdict = validate(version.dictionary(), &message, users);
            said += &format!("{:?} ", verdict.map(|definition| definition.name));
        }
        if message.begin_string() == version.begin_string()
            && received.iter().all(|field| !field.1.is_empty())
        {
            write_again(version, &message);
        }
    }
    said
}

/// Field by field, it is the same message, but for zeros before BodyLength.
fn write_again(version: Version, message: &proofbook_fix::ParsedMessage<'_>) {
    let mut encoder = MessageEncoder::new(Kernel::detect(), version);
    let mut buffer = vec![0; MESSAGE_BYTES_MAX + 100];
    let mut draft = encoder.begin(&mut buffer, message.message_type());
    for field in message.fields().skip(3).take(message.field_count() - 4) {
        draft.copy(field);
    }
    let written = draft.finish().expect("it was a message");
    assert_eq!(
        written.escape_ascii().to_string(),
        message.bytes().escape_ascii().to_string()
    );
}

#[test]
fn broken_messages_are_told_apart_by_every_kernel_alike() {
    let rounds = if std::env::var_os("PROOFBOOK_SOAK").is_some() {
        1_000_000
    } else {
        30_000
    };
    let seed = std::env::var("PROOFBOOK_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(7);
    println!("seed {seed}, {rounds} messages");
    let mut random = Random::new(seed);
    let seeds: Vec<Vec<u8>> = SEEDS.iter().map(|text| message(text)).collect();
    let mut parsers: Vec<SIMDMessageParser> = Kernel::all().map(SIMDMessageParser::new).collect();
    let (mut parsed, mut garbled) = (0, 0);
    for _ in 0..rounds {
        let mut bytes = seeds[random.below(seeds.len() as u64) as usize].clone();
        mutate(&mut random, &mut bytes);
        bytes.extend_from_slice(&seeds[3]);
        let mut said = parsers.iter_mut().map(|parser| walk(parser, &bytes));
        let first = said.next().expect("there is the portable kernel");
        for other in said {
            assert_eq!(
                other,
                first,
                "seed {seed}: kernels differ on {}",
                bytes.escape_ascii()
            );
        }
        match first.iter().any(|said| said.contains(": expected")) {
            true => garbled += 1,
            false => parsed += 1,
        }
    }
    assert!(
        parsed > rounds / 5 && garbled > rounds / 20,
        "{parsed} parsed, {garbled} garbled"
    );
    println!("{parsed} parsed, {garbled} garbled");
}
