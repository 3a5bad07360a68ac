//! Random conversations: whatever a peer sends, nothing panics and the numbers hold. `PROOFBOOK_SEED` repeats one, `PROOFBOOK_SOAK` makes them longer.

mod common;

use common::peer::{field, settings, Peer};
use proofbook_fix::MESSAGE_BYTES_MAX;
use proofbook_session::{MemoryStore, QueueBounds, Settings};

/// Messages that are sent in one conversation, more than a quarter of them broken.
const MESSAGES: u64 = 50_000;

/// Conversations, in which more than 100,000 broken messages are sent.
const CONVERSATIONS: u64 = 8;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A message of some kind, with a number near the one that is expected.
fn any_message(random: &mut Random, peer: &Peer<MemoryStore>) -> Vec<u8> {
    let numbers = peer.session.numbers();
    let number = match random.below(8) {
        0 => numbers.incoming.saturating_sub(random.below(4)),
        1 => numbers.incoming + random.below(6),
        _ => numbers.incoming,
    };
    let time = peer.time();
    let duplicate = match random.below(6) {
        0 => format!("43=Y|122={time}|"),
        1 => "43=Y|".to_owned(),
        _ => String::new(),
    };
    let near = |random: &mut Random, number: u64| (number + 3).saturating_sub(random.below(6));
    match random.below(16) {
        0 => peer.message("0", number, &duplicate),
        1 => peer.message("1", number, &format!("{duplicate}112=HELLO|")),
        2 | 3 => {
            let begin = random.below(numbers.outgoing + 2);
            let end = [0, near(random, begin)][random.below(2) as usize];
            peer.message("2", number, &format!("{duplicate}7={begin}|16={end}|"))
        }
        4 => peer.message("3", number, &format!("{duplicate}45=1|")),
        5 | 6 => {
            let next = near(random, number);
            let flag = ["123=Y|", "123=N|", ""][random.below(3) as usize];
            peer.message("4", number, &format!("{duplicate}36={next}|{flag}"))
        }
        7 if random.below(8) == 0 => peer.message("5", number, ""),
        7 if random.below(4) == 0 => peer.message("A", 1, "98=0|108=30|141=Y|"),
        7 => peer.message("8", number, &duplicate),
        _ => peer.order(number, &duplicate),
    }
}

/// Breaks a message in some places, and makes its length and sum right again, or not.
fn broken(random: &mut Random, mut bytes: Vec<u8>) -> Vec<u8> {
    if random.below(4) == 0 {
        for _ in 0..=random.below(4) {
            let place = random.below(bytes.len() as u64) as usize;
            bytes[place] = random.next() as u8;
        }
        return bytes;
    }
    let text = bytes.split(|&byte| byte == 1).skip(2);
    let mut fields: Vec<Vec<u8>> = text.map(<[u8]>::to_vec).collect();
    fields.retain(|field| !field.is_empty() && !field.starts_with(b"10="));
    for _ in 0..=random.below(3) {
        let place = random.below(fields.len() as u64) as usize;
        match random.below(5) {
            0 => drop(fields.remove(place)),
            1 => fields.insert(place, fields[place].clone()),
            2 => {
                let other = random.below(fields.len() as u64) as usize;
                fields.swap(place, other);
            }
            3 => {
                let huge = u64::MAX - random.below(3);
                let field = &mut fields[place];
                let equals = field.iter().position(|&byte| byte == b'=').unwrap_or(0);
                field.truncate(equals + 1);
                field.extend(huge.to_string().bytes());
            }
            _ => {
                let field = &mut fields[place];
                let at = random.below(field.len() as u64) as usize;
                field[at] = random.next() as u8;
            }
        }
        if fields.is_empty() {
            break;
        }
    }
    let body = fields
        .iter()
        .flat_map(|field| field.iter().copied().chain([1]));
    let body: Vec<u8> = body.collect();
    let mut bytes = format!("8=FIX.4.4\x019={}\x01", body.len()).into_bytes();
    bytes.extend(body);
    let sum: u64 = bytes.iter().map(|&byte| u64::from(byte)).sum();
    bytes.extend(format!("10={:03}\x01", sum % 256).into_bytes());
    bytes
}

/// What the session wrote: new messages have the numbers that follow each other, earlier ones say that they are.
fn check_written(messages: &[String], next: &mut u64) {
    for message in messages {
        let number: u64 = field(message, "34").parse().expect("a number");
        if field(message, "43") == "Y" {
            assert!(number < *next, "expected below {next}: {message}");
            continue;
        }
        if field(message, "35") == "A" && field(message, "141") == "Y" {
            *next = 1;
        }
        assert_eq!(number, *next, "{message}");
        *next += 1;
    }
}

fn converse(seed: u64, messages: u64) {
    let mut random = Random(seed);
    let settings = Settings {
        queue: QueueBounds {
            messages_max: 8,
            bytes_max: 2_000,
        },
        ..settings()
    };
    let mut peer = Peer::new(settings, MemoryStore::new(50));
    let mut next_out = 1;
    let (mut broken_ones, mut logons) = (0, 0);
    for _ in 0..messages {
        let before = peer.session.numbers();
        let (delivered, logged_on) = (peer.echo.delivered.len(), peer.echo.logons);
        let bytes = match random.below(20) {
            0 if !peer.session.is_logged_on() => any_message(&mut random, &peer),
            _ if !peer.session.is_logged_on() => {
                let reset = ["", "141=Y|"][random.below(2) as usize];
                let number = if reset.is_empty() { before.incoming } else { 1 };
                peer.message("A", number, &format!("98=0|108=30|{reset}"))
            }
            1..=10 => {
                broken_ones += 1;
                let whole = any_message(&mut random, &peer);
                broken(&mut random, whole)
            }
            _ => any_message(&mut random, &peer),
        };
        let written = peer.send(&bytes);
        check_written(&written, &mut next_out);
        let after = peer.session.numbers();
        assert_eq!(after.outgoing, next_out);
        let was_reset = peer.echo.logons > logged_on && after.outgoing < before.outgoing;
        let new = &peer.echo.delivered[delivered..];
        assert!(new.is_sorted_by(|a, b| a < b), "{new:?}");
        assert!(
            new.iter().all(|number| *number < after.incoming),
            "{new:?} {after:?}"
        );
        if !was_reset && !written.iter().any(|message| field(message, "141") == "Y") {
            assert!(after.incoming >= before.incoming, "{before:?} {after:?}");
            assert!(
                new.iter().all(|number| *number >= before.incoming),
                "{new:?} {before:?}"
            );
        }
        assert!(peer.session.queued() <= 8);
        if random.below(10) == 0 {
            let seconds = random.below(20);
            check_written(&peer.pass(seconds), &mut next_out);
        }
        peer.echo.delivered.clear();
        // An unfinished message swallows what follows; a connection has an end.
        if peer.disconnect.is_some() || random.below(500) == 0 {
            logons += 1;
            peer.closed();
            peer.connect();
            peer.now_ns += 1;
        }
    }
    println!("seed {seed}: {messages} messages, {broken_ones} broken, {logons} connections");
    assert!(broken_ones * 4 > messages, "{broken_ones} of {messages}");
}

#[test]
fn numbers_hold_whatever_comes() {
    let soak = if std::env::var_os("PROOFBOOK_SOAK").is_some() {
        20
    } else {
        1
    };
    match std::env::var("PROOFBOOK_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        Some(seed) => converse(seed, MESSAGES),
        None => (1..=CONVERSATIONS * soak).for_each(|seed| {
            println!("seed {seed}");
            converse(seed, MESSAGES);
        }),
    }
}

#[test]
fn bytes_without_a_message_are_skipped() {
    let mut random = Random(7);
    let mut peer = Peer::new(settings(), MemoryStore::new(50));
    peer.log_on(1, "");
    let noise: Vec<u8> = (0..4 * MESSAGE_BYTES_MAX)
        .map(|_| random.next() as u8)
        .collect();
    assert!(peer.send(&noise).is_empty());
    // The last bytes may look like a start; two messages end that.
    let beats = [2, 3].map(|number| peer.message("0", number, ""));
    peer.send(&beats.concat());
    let request = peer.message("1", 4, "112=HELLO|");
    let answer = peer.send(&request);
    assert!(!answer.is_empty(), "it goes on");
}
