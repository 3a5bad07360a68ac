//! QuickFIX's acceptance scripts for 4.2 and 4.4, as far as they are about single messages: what is a message, what is ignored as garbled, and
//! what is rejected for which field and reason. What a session decides (numbers, names, clocks) is not asked here.

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use proofbook_fix::{
    validate, Frame, Invalid, Kernel, SIMDMessageParser, SessionReject, UserFields, Version,
};
use proofbook_testkit::files::data;

/// What a script expects of a message that it sends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expectation {
    /// It is ignored.
    Garbled,
    /// It is what the dictionary says, or not of a version that is known.
    Valid,
    /// RefTagID, SessionRejectReason and the text of a reject.
    Rejected(Option<String>, Option<String>, String),
}

struct Sent {
    line: String,
    bytes: Vec<u8>,
    expectation: Expectation,
}

fn field(line: &str, tag: &str) -> Option<String> {
    line.split('|')
        .find_map(|field| field.strip_prefix(tag)?.strip_prefix('='))
        .map(str::to_owned)
}

/// The message of a line, with what the scripts leave to their runner: times, BodyLength, CheckSum.
fn bytes_of(line: &str) -> Vec<u8> {
    let mut text = line.to_owned();
    while let Some(start) = text.find("<TIME") {
        let end = start + text[start..].find('>').expect("a time ends") + 1;
        text.replace_range(start..end, "20240229-23:59:60");
    }
    if field(&text, "9").is_none() && text.starts_with("8=") {
        let (begin, body) = text.split_once('|').expect("BeginString and a body");
        let body = body.split("10=").next().expect("a split has a first part");
        text = format!("{begin}|9={}|{}", body.len(), &text[begin.len() + 1..]);
    }
    let states_sum = field(&text, "10").is_some();
    let bytes = text.replace('|', "\x01").into_bytes();
    if states_sum {
        bytes
    } else {
        common::with_sum(bytes)
    }
}

/// A line that states its length or its sum, or does not have MsgType where it belongs, is there to be ignored.
fn is_garbled(line: &str) -> bool {
    let states = ["9", "10"].iter().any(|tag| field(line, tag).is_some());
    states
        || !line
            .split('|')
            .nth(1)
            .is_some_and(|second| second.starts_with("35="))
}

/// The messages that a script sends over each connection, in order.
fn read_script(text: &str) -> Vec<Vec<Sent>> {
    let mut streams: BTreeMap<(String, usize), Vec<Sent>> = BTreeMap::new();
    let mut connects = 0;
    for line in text.lines() {
        let line = line.replace('\x01', "|");
        if line.contains("CONNECT") && line.starts_with('i') {
            connects += 1;
        }
        let connection = match line.get(1..3) {
            Some("1,") => "1",
            Some("2,") => "2",
            _ => "",
        };
        let body = line.get(1..).unwrap_or("");
        let body = body.trim_start_matches(connection).trim_start_matches(',');
        let stream = streams
            .entry((connection.to_owned(), connects))
            .or_default();
        match line.as_bytes().first() {
            Some(b'I') => {
                let swallowed = stream
                    .last()
                    .is_some_and(|last| last.line.contains("|9=111|"));
                let expectation = if is_garbled(body) || swallowed {
                    Expectation::Garbled
                } else {
                    Expectation::Valid
                };
                stream.push(Sent {
                    line: body.to_owned(),
                    bytes: bytes_of(body),
                    expectation,
                });
            }
            Some(b'E') if field(body, "35").as_deref() == Some("3") => expect_reject(stream, body),
            _ => {}
        }
    }
    streams.into_values().collect()
}

/// Notes what a reject says with the message that it is about, unless the session is why.
fn expect_reject(stream: &mut [Sent], reject: &str) {
    let text = field(reject, "58").expect("a reject has a text");
    let reference = field(reject, "371");
    // Names, clocks and numbers are rejected without a field; 122 is required of messages that are sent again.
    let is_of_session = reference.is_none() && text != "Invalid MsgType";
    if is_of_session || reference.as_deref() == Some("122") {
        return;
    }
    let number = field(reject, "45");
    let sent = stream
        .iter_mut()
        .rev()
        .find(|sent| field(&sent.line, "34") == number)
        .expect("a reject is about a message");
    sent.expectation = Expectation::Rejected(reference, field(reject, "373"), text);
}

/// What the crate says of a framed message.
fn received(parser: &mut SIMDMessageParser, bytes: &[u8]) -> Expectation {
    let message = common::framed(parser, bytes);
    let Ok(message) = parser.parse(message) else {
        return Expectation::Garbled;
    };
    let Some(version) = Version::from_begin_string(message.begin_string()) else {
        return Expectation::Valid;
    };
    match validate(version.dictionary(), &message, UserFields::Refused) {
        Ok(definition) => {
            assert_eq!(definition.message_type, message.message_type());
            Expectation::Valid
        }
        Err(Invalid::Session(SessionReject { reason, tag })) => Expectation::Rejected(
            tag.map(|tag| tag.to_string()),
            reason
                .is_known_to(version)
                .then(|| reason.code().to_string()),
            reason.text().to_owned(),
        ),
        Err(Invalid::UnsupportedMessageType) => panic!("the scripts send what is defined"),
    }
}

/// Goes through a connection's bytes and holds each message against its line.
fn check_stream(parser: &mut SIMDMessageParser, script: &str, sent: &[Sent]) -> usize {
    let stream: Vec<u8> = sent.iter().flat_map(|sent| sent.bytes.clone()).collect();
    let mut messages = BTreeMap::new();
    let mut position = 0;
    loop {
        match parser.frame(&stream[position..]) {
            Frame::NeedMore => break,
            Frame::Garbled { skip, .. } => position += skip,
            Frame::Whole(message) => {
                let bytes = message.bytes();
                messages.insert(position, bytes);
                position += bytes.len();
            }
        }
    }
    assert_eq!(position, stream.len(), "{script}: bytes are left");
    let (mut start, mut whole) = (0, 0);
    for sent in sent {
        let answer = match messages.get(&start) {
            Some(bytes) => {
                assert_eq!(*bytes, sent.bytes, "{script}: {}", sent.line);
                whole += 1;
                received(parser, bytes)
            }
            None => Expectation::Garbled,
        };
        assert_eq!(answer, sent.expectation, "{script}: {}", sent.line);
        start += sent.bytes.len();
    }
    assert_eq!(whole, messages.len(), "{script}: messages within messages");
    sent.len()
}

#[test]
fn scripts_of_quickfix_get_what_they_expect() {
    let Some(folder) = data("fix") else { return };
    for kernel in Kernel::all() {
        let mut parser = SIMDMessageParser::new(kernel);
        let (mut messages, mut rejects) = (0, BTreeMap::new());
        for version in ["fix42", "fix44"] {
            let entries = std::fs::read_dir(folder.join(version)).expect("scripts of a version");
            let mut paths: Vec<PathBuf> = entries
                .map(|entry| entry.expect("an entry").path())
                .collect();
            paths.sort();
            for path in paths {
                let text = std::fs::read_to_string(&path).expect("a script is text");
                for stream in read_script(&text) {
                    messages += check_stream(&mut parser, &path.display().to_string(), &stream);
                    for sent in stream {
                        if let Expectation::Rejected(_, _, text) = sent.expectation {
                            *rejects.entry(text).or_insert(0) += 1;
                        }
                    }
                }
            }
        }
        // Every reason that the scripts know, or they were not read.
        assert_eq!(rejects.len(), 10, "{rejects:?}");
        assert!(messages > 500, "{messages} messages");
        println!(
            "{}: {messages} messages, rejects {rejects:?}",
            kernel.name()
        );
    }
}
