//! What framing, parsing, validating and writing messages costs, by instruction set.
//!
//! `codec generate FOLDER` writes the messages, `codec measure FOLDER [ROUNDS]` prints one JSON object a line for each kind of message,
//! operation and kernel. `bench/fix/run.py` runs this and other libraries on the same files in turns, after it has compared what they found in
//! them: `hash` is the sum of FNV-1a over all fields, which does not depend on their order.
//!
//! Operations: `parse` is framing (BodyLength, CheckSum) and all fields; `read` is that and six values as numbers, time and text; `validate` is
//! `parse` and the dictionary; `encode` is a message from typed values. `mean_ns` is timed over all messages, the quantiles message by message, which
//! adds what the clock costs (`timer_ns`).

mod corpus;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use proofbook_fix::{
    tag, validate, Draft, FieldError, Frame, FramedMessage, Kernel, MessageEncoder, ParsedMessage,
    SIMDMessageParser, UserFields, Version, MESSAGE_BYTES_MAX,
};

use corpus::Order;

const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["generate", folder] => {
            corpus::generate(Path::new(folder)).expect("the folder can be written")
        }
        ["measure", folder] => measure(Path::new(folder), ROUNDS),
        ["measure", folder, rounds] => measure(
            Path::new(folder),
            rounds.parse().expect("a number of rounds"),
        ),
        _ => {
            // Without arguments, as `cargo bench` runs it.
            let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("codec");
            corpus::generate(&folder).expect("the folder can be written");
            measure(&folder, ROUNDS);
        }
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo).
fn fnv(parts: [&[u8]; 3]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.iter());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn hash_fields(message: &ParsedMessage<'_>) -> u64 {
    message.fields().fold(0u64, |sum, field| {
        sum.wrapping_add(fnv([field.tag.to_string().as_bytes(), b"=", field.value]))
    })
}

struct Timed<'a> {
    contender: &'a str,
    kind: &'a str,
    operation: &'a str,
    hash: u64,
    messages: usize,
    bytes: usize,
}

impl Timed<'_> {
    /// Times an operation on each message by its index and prints the figures.
    fn print(&self, rounds: usize, mut body: impl FnMut(usize)) {
        let mut means = Vec::new();
        let mut latencies = Vec::with_capacity(rounds * self.messages);
        for _ in 0..rounds {
            let start = Instant::now();
            (0..self.messages).for_each(&mut body);
            means.push(start.elapsed().as_nanos() as f64 / self.messages as f64);
            for index in 0..self.messages {
                let start = Instant::now();
                body(index);
                latencies.push(start.elapsed().as_nanos() as u64);
            }
        }
        means.sort_by(f64::total_cmp);
        latencies.sort_unstable();
        let at = |share: f64| latencies[(share * (latencies.len() - 1) as f64) as usize];
        println!(
            "{{\"contender\": \"{}\", \"kind\": \"{}\", \"operation\": \"{}\", \"hash\": \"{:016x}\", \"messages\": {}, \"bytes\": {}, \
             \"mean_ns\": {:.1}, \"mean_ns_min\": {:.1}, \"p50_ns\": {}, \"p99_ns\": {}, \"p999_ns\": {}, \"timer_ns\": {}}}",
            self.contender, self.kind, self.operation, self.hash, self.messages, self.bytes, means[means.len() / 2], means[0],
            at(0.5), at(0.99), at(0.999), timer_ns(),
        );
    }
}

/// The median of what two readings of the clock are apart.
fn timer_ns() -> u64 {
    let mut apart: Vec<u64> = (0..10_001)
        .map(|_| {
            let start = Instant::now();
            start.elapsed().as_nanos() as u64
        })
        .collect();
    apart.sort_unstable();
    apart[apart.len() / 2]
}

fn measure(folder: &Path, rounds: usize) {
    for kind in corpus::KINDS {
        let path = folder.join(format!("{kind}.fix"));
        let bytes =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let messages = corpus::split(&bytes);
        for kernel in Kernel::all() {
            parsing(kernel, kind, &messages, rounds);
        }
        let orders = corpus::orders();
        match kind {
            "orders" => encoding(kind, b"D", corpus::write_order, &orders, &messages, rounds),
            "reports" => encoding(kind, b"8", corpus::write_report, &orders, &messages, rounds),
            _ => {}
        }
    }
}

/// Frames a message anew, as if it had just been received, and parses it.
#[inline]
fn parse<'b>(parser: &'b mut SIMDMessageParser, bytes: &'b [u8]) -> ParsedMessage<'b> {
    match parser.frame(bytes) {
        Frame::Whole(message) => parser.parse(message).expect("it was parsed before"),
        other => panic!("expected a message, received {other:?}"),
    }
}

fn read(message: &ParsedMessage<'_>) -> Result<(i64, i64, u64), FieldError> {
    black_box(message.require(tag::CL_ORD_ID)?.value);
    black_box(message.require(tag::SYMBOL)?.value);
    black_box(message.require(tag::SIDE)?.char()?);
    Ok((
        message.require(tag::ORDER_QTY)?.integer()?,
        message.require(tag::PRICE)?.decimal(2)?,
        message.require(tag::TRANSACT_TIME)?.timestamp_ns()?,
    ))
}

fn parsing(kernel: Kernel, kind: &str, messages: &[FramedMessage<'_>], rounds: usize) {
    let mut parser = SIMDMessageParser::new(kernel);
    let dictionary = Version::Fix44.dictionary();
    let hash = messages.iter().fold(0u64, |sum, message| {
        let message = parse(&mut parser, message.bytes());
        validate(dictionary, &message, UserFields::Refused).expect("generated messages are valid");
        sum.wrapping_add(hash_fields(&message))
    });
    let contender = format!("proofbook-{}", kernel.name());
    let timed = |operation| Timed {
        contender: &contender,
        kind,
        operation,
        hash,
        messages: messages.len(),
        bytes: messages.iter().map(|message| message.bytes().len()).sum(),
    };
    timed("parse").print(rounds, |index| {
        black_box(parse(&mut parser, messages[index].bytes()).field_count());
    });
    timed("validate").print(rounds, |index| {
        let message = parse(&mut parser, messages[index].bytes());
        black_box(validate(dictionary, &message, UserFields::Refused)).expect("valid before");
    });
    if kind == "orders" {
        timed("read").print(rounds, |index| {
            let message = parse(&mut parser, messages[index].bytes());
            black_box(read(&message)).expect("an order");
        });
    }
}

fn encoding(
    kind: &str,
    message_type: &[u8],
    write: fn(&mut Draft<'_>, &Order),
    orders: &[Order],
    messages: &[FramedMessage<'_>],
    rounds: usize,
) {
    let mut encoder = MessageEncoder::new(Kernel::detect(), Version::Fix44);
    let mut buffer = vec![0; MESSAGE_BYTES_MAX];
    let mut parser = SIMDMessageParser::new(Kernel::detect());
    let mut hash = 0u64;
    for (order, message) in orders.iter().zip(messages) {
        let mut draft = encoder.begin(&mut buffer, message_type);
        write(&mut draft, order);
        let written = draft.finish().expect("there is room");
        assert_eq!(
            written,
            message.bytes(),
            "what is written is what the file has"
        );
        hash = hash.wrapping_add(hash_fields(&parse(&mut parser, written)));
    }
    let contender = format!("proofbook-{}", Kernel::detect().name());
    let timed = Timed {
        contender: &contender,
        kind,
        operation: "encode",
        hash,
        messages: orders.len(),
        bytes: messages.iter().map(|message| message.bytes().len()).sum(),
    };
    timed.print(rounds, |index| {
        let mut draft = encoder.begin(&mut buffer, message_type);
        write(&mut draft, &orders[index]);
        black_box(draft.finish().expect("there is room"));
    });
}
