//! Sessions without a network: who may log on, limits, restarts, resends without room. What acceptance scripts ask is not asked here.

mod common;

use std::sync::Arc;

use common::echo::Echo;
use common::peer::{field, outline, settings, Peer, SECOND_NS};
use proofbook_fix::{tag, Kernel, Version, MESSAGE_BYTES_MAX};
use proofbook_session::{
    AuthenticationError, DisconnectReason, Excess, FileBounds, FileStore, Identity, MemoryStore,
    Output, Passwords, QueueBounds, SendError, Session, Settings, Signatures, Store,
    ThrottleSettings, Unauthenticated, UserError,
};
use proofbook_testkit::files::Temporary;

mod signed {
    use super::*;
    use base64ct::{Base64, Encoding};
    use ed25519_dalek::{Signer, SigningKey};

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn authenticator() -> Arc<Signatures> {
        let mut signatures = Signatures::default();
        let public = key(1).verifying_key().to_bytes();
        signatures.register(b"CLIENT", &public).expect("a key");
        Arc::new(signatures)
    }

    /// A Logon whose signature is over this text, with `@` for the time and a space for the separator.
    fn logon<S: Store>(peer: &Peer<S>, key: &SigningKey, number: u64, text: &str) -> Vec<u8> {
        let text = text.replace('@', &peer.time()).replace(' ', "\x01");
        let signature = Base64::encode_string(&key.sign(text.as_bytes()).to_bytes());
        let body = format!("98=0|108=30|95={}|96={signature}|", signature.len());
        peer.message("A", number, &body)
    }

    fn peer<S: Store>(store: S) -> Peer<S> {
        Peer::with(settings(), store, authenticator())
    }

    #[test]
    fn the_right_signature_is_accepted_and_no_other() {
        let right = "A CLIENT VENUE 1 @";
        let cases = [
            (1, right, None),
            (2, right, Some(AuthenticationError::Signature)),
            (
                1,
                "A CLIENT VENUE 2 @",
                Some(AuthenticationError::Signature),
            ),
            (
                1,
                "@ A 1 CLIENT VENUE",
                Some(AuthenticationError::Signature),
            ),
            (
                1,
                "A CLIENT VENUE 1 @ ",
                Some(AuthenticationError::Signature),
            ),
        ];
        for (seed, text, refused) in cases {
            let mut peer = peer(MemoryStore::new(10));
            let logon = logon(&peer, &key(seed), 1, text);
            let answer = outline(&peer.send(&logon));
            assert_eq!(answer, if refused.is_some() { "" } else { "A1" }, "{text}");
            let reason = refused.map(DisconnectReason::Unauthenticated);
            assert_eq!(peer.disconnect, reason, "{text}");
            assert_eq!(peer.echo.logons, usize::from(refused.is_none()));
        }
    }

    #[test]
    fn without_a_signature_nobody_logs_on() {
        let short = "95=4|96=AAAA|";
        for (more, error) in [
            ("", AuthenticationError::Missing),
            (short, AuthenticationError::SignatureFormat),
            ("95=1|96=?|", AuthenticationError::SignatureFormat),
        ] {
            let mut peer = peer(MemoryStore::new(10));
            assert!(peer.log_on(1, more).is_empty());
            let reason = DisconnectReason::Unauthenticated(error);
            assert_eq!(peer.disconnect, Some(reason));
        }
        let unknown = Arc::new(Signatures::default());
        let mut peer = Peer::with(settings(), MemoryStore::new(10), unknown);
        peer.log_on(1, "");
        let reason = DisconnectReason::Unauthenticated(AuthenticationError::Unknown);
        assert_eq!(peer.disconnect, Some(reason));
        let weak = Signatures::default().register(b"CLIENT", &[0; 32]);
        assert_eq!(weak, Err(UserError::Key));
    }

    #[test]
    fn a_signature_is_accepted_once_even_after_a_restart() {
        let folder = Temporary::new();
        let open = || FileStore::open(folder.path(), FileBounds::default()).expect("a store");
        let mut first = peer(open());
        let seen = logon(&first, &key(1), 1, "A CLIENT VENUE 1 @");
        // The flag that resets is not signed, and would make number 1 right again.
        let text = String::from_utf8(seen.clone()).expect("text");
        let body = text
            .split('\x01')
            .skip(2)
            .filter(|field| !field.starts_with("10="));
        let body = body
            .collect::<Vec<_>>()
            .join("|")
            .replace("108=30|", "108=30|141=Y|");
        let with_reset = common::message(&format!("8=FIX.4.4|{body}").replacen("||", "|", 1));
        assert_eq!(outline(&first.send(&seen)), "A1");
        drop(first);
        for replayed in [&seen, &with_reset] {
            let mut second = peer(open());
            assert!(second.send(replayed).is_empty());
            assert_eq!(second.disconnect, Some(DisconnectReason::Replayed));
        }
        let mut third = peer(open());
        third.now_ns += SECOND_NS;
        let next = logon(&third, &key(1), 2, "A CLIENT VENUE 2 @");
        assert_eq!(outline(&third.send(&next)), "A2");
        third.closed();
        third.now_ns += 121 * SECOND_NS;
        third.connect();
        assert!(third.send(&next).is_empty());
        assert_eq!(third.disconnect, Some(DisconnectReason::LogonTime));
    }
}

#[test]
fn a_password_is_checked_against_its_hash() {
    use argon2::password_hash::{PasswordHasher, SaltString};
    let salt = SaltString::encode_b64(b"salt of the test").expect("a salt");
    let params = argon2::Params::new(64, 1, 1, None).expect("parameters");
    let hasher = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let hash = hasher
        .hash_password(b"open", &salt)
        .expect("a hash")
        .to_string();
    let mut passwords = Passwords::default();
    passwords
        .register(b"user", b"CLIENT", &hash)
        .expect("a hash");
    passwords
        .register(b"CLIENT", b"CLIENT", &hash)
        .expect("a hash");
    passwords
        .register(b"other", b"OTHER", &hash)
        .expect("a hash");
    let bad = passwords.register(b"bad", b"CLIENT", "open");
    assert!(matches!(bad, Err(UserError::Hash { .. })), "{bad:?}");
    let passwords = Arc::new(passwords);
    for (more, refused) in [
        ("553=user|554=open|", None),
        ("553=user|554=Open|", Some(AuthenticationError::Password)),
        ("553=nobody|554=open|", Some(AuthenticationError::Unknown)),
        ("553=other|554=open|", Some(AuthenticationError::Unknown)),
        ("553=user|", Some(AuthenticationError::Missing)),
    ] {
        let mut peer = Peer::with(settings(), MemoryStore::new(1), passwords.clone());
        peer.log_on(1, more);
        let reason = refused.map(DisconnectReason::Unauthenticated);
        assert_eq!(peer.disconnect, reason, "{more}");
    }
    let identity = Identity::new(Version::Fix42, b"CLIENT", b"VENUE").expect("names");
    let mut peer = Peer::with(Settings::new(identity), MemoryStore::new(1), passwords);
    let time = peer.time();
    let head = format!("8=FIX.4.2|35=A|34=1|49=CLIENT|52={time}|56=VENUE|98=0|108=30|");
    let answer = peer.send(&common::message(&format!("{head}95=4|96=open|")));
    assert_eq!(outline(&answer), "A1");
}

#[test]
fn a_known_peer_is_told_what_is_wrong_with_its_logon() {
    for (number, body, text) in [
        (1, "98=0|108=0|", "HeartBtInt must be 1 to 120, received 0"),
        (
            1,
            "98=0|108=121|",
            "HeartBtInt must be 1 to 120, received 121",
        ),
        (1, "98=1|108=30|", "EncryptMethod must be 0"),
        (
            0,
            "98=0|108=30|",
            "MsgSeqNum too low, expecting 1 but received 0",
        ),
        (
            2,
            "98=0|108=30|141=Y|",
            "ResetSeqNumFlag needs MsgSeqNum 1, received 2",
        ),
    ] {
        let mut peer = Peer::new(settings(), MemoryStore::new(1));
        let logon = peer.message("A", number, body);
        let answer = peer.send(&logon);
        assert_eq!(outline(&answer), "51");
        assert_eq!(field(&answer[0], "58"), text);
        assert_eq!(peer.disconnect, Some(DisconnectReason::LogonRefused));
    }
    let mut peer = Peer::new(settings(), MemoryStore::new(1));
    assert!(peer.pass(9).is_empty() && peer.disconnect.is_none());
    peer.pass(1);
    assert_eq!(peer.disconnect, Some(DisconnectReason::LogonLate));
}

#[test]
fn names_within_parties_are_checked_and_sent() {
    let identity = settings()
        .identity
        .with_subs(b"DESK", b"BOOK")
        .expect("names");
    let mut peer = Peer::new(Settings::new(identity), MemoryStore::new(10));
    let answer = peer.log_on(1, "");
    assert!(answer.is_empty(), "{answer:?}");
    assert_eq!(peer.disconnect, Some(DisconnectReason::LogonInvalid));
    peer.closed();
    peer.connect();
    let logon = peer.message("A", 1, "50=DESK|57=BOOK|98=0|108=30|");
    let answer = peer.send(&logon);
    assert_eq!(
        (field(&answer[0], "50"), field(&answer[0], "57")),
        ("BOOK".into(), "DESK".into())
    );
    let order = peer.order(2, "50=DESK|57=BOOK|115=CUSTOMER|40=w|");
    let reject = peer.send(&order);
    assert_eq!(field(&reject[0], "128"), "CUSTOMER");
    let other = peer.order(3, "50=OTHER|57=BOOK|");
    assert_eq!(outline(&peer.send(&other)), "33 54");
}

fn throttled(excess: Excess) -> Peer<MemoryStore> {
    let settings = Settings {
        throttle: Some(ThrottleSettings {
            messages_per_second: 2,
            burst: 3,
            excess,
        }),
        ..settings()
    };
    let mut peer = Peer::new(settings, MemoryStore::new(100));
    peer.log_on(1, "");
    peer
}

#[test]
fn messages_beyond_the_limit_are_refused() {
    let mut peer = throttled(Excess::Reject);
    for number in 2..8 {
        let order = peer.order(number, "");
        let answer = peer.send(&order);
        let expected = if number < 5 { "D" } else { "j" };
        assert_eq!(field(&answer[0], "35"), expected, "{number}");
        if expected == "j" {
            assert_eq!(field(&answer[0], "380"), "0");
            assert_eq!(field(&answer[0], "58"), "Throttle limit exceeded");
        }
    }
    peer.pass(1);
    let types: Vec<String> = (8..11)
        .map(|number| {
            let order = peer.order(number, "");
            field(&peer.send(&order)[0], "35")
        })
        .collect();
    assert_eq!(types, ["D", "D", "j"], "two more in a second");
    assert_eq!(peer.echo.delivered, [2, 3, 4, 8, 9]);
}

#[test]
fn a_session_may_be_logged_out_at_the_limit_and_is_for_administrative_messages() {
    let mut peer = throttled(Excess::Logout);
    let orders: Vec<u8> = (2..8).flat_map(|number| peer.order(number, "")).collect();
    assert_eq!(outline(&peer.send(&orders)), "D2 D3 D4 j5 56");
    assert_eq!(
        peer.session.numbers().incoming,
        6,
        "those after it keep their numbers"
    );
    let mut peer = throttled(Excess::Reject);
    let requests: Vec<u8> = (2..8)
        .flat_map(|number| peer.message("2", number, "7=1|16=0|"))
        .collect();
    let answers = peer.send(&requests);
    assert_eq!(
        field(answers.last().expect("some"), "58"),
        "Throttle limit exceeded"
    );
    assert_eq!(peer.session.numbers().incoming, 5);
}

#[test]
fn what_was_sent_while_the_peer_was_away_comes_after_a_restart() {
    let folder = Temporary::new();
    let open = || FileStore::open(folder.path(), FileBounds::default()).expect("a store");
    let mut peer = Peer::new(settings(), open());
    peer.log_on(1, "");
    let order = peer.order(2, "");
    assert_eq!(outline(&peer.send(&order)), "D2");
    peer.closed();
    for id in ["first", "second"] {
        let sent = peer
            .session
            .send(peer.now_ns, &mut peer.output, b"8", &[], |draft| {
                draft.text(tag::CL_ORD_ID, id.as_bytes());
            });
        sent.expect("it is kept");
    }
    assert!(peer.written().is_empty());
    drop(peer);

    let mut peer = Peer::new(settings(), open());
    let numbers = peer.session.numbers();
    assert_eq!((numbers.incoming, numbers.outgoing), (3, 5));
    assert_eq!(outline(&peer.log_on(3, "")), "A5");
    peer.now_ns += SECOND_NS;
    let request = peer.message("2", 4, "7=1|16=0|");
    let resent = peer.send(&request);
    assert_eq!(outline(&resent), "41 D2 83 84 45");
    assert_eq!(field(&resent[0], "36"), "2");
    assert_eq!(field(&resent[1], "11"), "ID2");
    assert_eq!(field(&resent[2], "11"), "first");
    assert_eq!(field(&resent[3], "11"), "second");
    assert!(resent.iter().all(|message| field(message, "43") == "Y"));
    assert!(resent[2..4]
        .iter()
        .all(|message| field(message, "122") < field(message, "52")));
    // Numbers are those of the first connection: the same order again is none.
    let seen = peer.order(2, "43=Y|122=20200101-00:00:00|");
    assert!(peer.send(&seen).is_empty());
    assert!(peer.echo.delivered.is_empty());
}

#[test]
fn a_resend_waits_for_room_and_an_answer_does_not() {
    let mut peer = Peer::new(settings(), MemoryStore::new(100_000));
    peer.log_on(1, "");
    const ORDERS: u64 = 5_000;
    for number in 2..2 + ORDERS {
        let order = peer.order(number, "");
        peer.send(&order);
    }
    let request = peer.message("2", ORDERS + 2, "7=2|16=0|");
    peer.push(&request);
    // What is asked for meanwhile does not shorten what was asked for before.
    let within = peer.message("2", ORDERS + 3, "7=4000|16=4001|");
    peer.push(&within);
    let mut numbers = Vec::new();
    let mut rounds = 0;
    loop {
        assert!(peer.output.pending().len() <= 1 << 18);
        let messages = peer.written();
        if messages.is_empty() {
            break;
        }
        numbers.extend(messages.iter().map(|message| field(message, "34")));
        rounds += 1;
        let ticked = peer
            .session
            .tick(&mut peer.parser, peer.now_ns, &mut peer.output);
        assert_eq!(ticked.expect("memory"), None);
    }
    assert!(rounds > 3, "{rounds} rounds");
    let expected: Vec<String> = (2..2 + ORDERS).map(|number| number.to_string()).collect();
    assert_eq!(numbers, expected);

    while peer.output.room().len() >= MESSAGE_BYTES_MAX {
        peer.output.commit(0..MESSAGE_BYTES_MAX);
    }
    let before = peer.session.numbers().outgoing;
    let sent = peer
        .session
        .send(peer.now_ns, &mut peer.output, b"8", &[], |_| {});
    assert_eq!(sent.expect("it is kept"), before);
    let full = peer
        .session
        .tick(&mut peer.parser, peer.now_ns, &mut peer.output);
    assert_eq!(full.expect("memory"), Some(DisconnectReason::OutputFull));
    assert_eq!(peer.session.store().next_stored(before), Some(before));
}

#[test]
fn requests_for_what_there_is_not_are_rejected() {
    let mut peer = Peer::new(settings(), MemoryStore::new(10));
    peer.log_on(1, "");
    for (number, body, wrong) in [
        (2, "7=0|16=0|", "7"),
        (3, "7=9|16=0|", "7"),
        (4, "7=2|16=1|", "16"),
    ] {
        let request = peer.message("2", number, body);
        let answer = peer.send(&request);
        let said = (
            field(&answer[0], "35"),
            field(&answer[0], "373"),
            field(&answer[0], "371"),
        );
        assert_eq!(said, ("3".into(), "5".into(), wrong.into()), "{body}");
    }
    let long = "x".repeat(2_000);
    let request = peer.message("1", 5, &format!("112={long}|"));
    assert_eq!(field(&peer.send(&request)[0], "371"), "112");
    let again = peer.log_on(6, "");
    assert_eq!(
        (field(&again[0], "35"), field(&again[0], "373")),
        ("3".into(), "99".into())
    );
    let reject = peer.message("3", 7, "45=1|999=x|");
    assert!(peer.send(&reject).is_empty(), "a Reject is not rejected");
    let nothing = peer.message("4", 8, "36=8|123=Y|");
    let answer = peer.send(&nothing);
    assert_eq!(
        (field(&answer[0], "35"), field(&answer[0], "373")),
        ("3".into(), "5".into())
    );
    assert_eq!(peer.session.numbers().incoming, 9);
    let missing = common::message(&format!(
        "8=FIX.4.4|35=0|49=CLIENT|52={}|56=VENUE|",
        peer.time()
    ));
    assert_eq!(field(&peer.send(&missing)[0], "58"), "MsgSeqNum missing");
}

#[test]
fn a_gap_is_bounded_in_room_and_time() {
    let settings = Settings {
        queue: QueueBounds {
            messages_max: 2,
            bytes_max: 1_000,
        },
        ..settings()
    };
    let mut peer = Peer::new(settings, MemoryStore::new(100));
    peer.log_on(1, "");
    let ahead: Vec<u8> = (4..8).flat_map(|number| peer.order(number, "")).collect();
    let request = peer.send(&ahead);
    assert_eq!(outline(&request), "22");
    assert_eq!(
        (field(&request[0], "7"), field(&request[0], "16")),
        ("2".into(), "0".into())
    );
    assert_eq!(peer.session.queued(), 2);
    let missing = [2, 3].map(|number| peer.order(number, ""));
    assert_eq!(outline(&peer.send(&missing.concat())), "D3 D4 D5 D6");
    assert_eq!(peer.echo.delivered, [2, 3, 4, 5]);
    // 6 and 7 were dropped: what comes next shows it, and they are asked for again.
    let next = peer.order(8, "");
    let request = peer.send(&next);
    assert_eq!(
        (outline(&request).as_str(), field(&request[0], "7")),
        ("27", "6".into())
    );
    // The peer goes on, and never sends what is missing.
    for second in 0..29 {
        let beat = peer.message("0", 9 + second, "");
        peer.send(&beat);
        peer.pass(1);
    }
    let logout = peer.pass(1);
    assert_eq!(
        field(logout.last().expect("a Logout"), "58"),
        "Gap not filled in time"
    );
    assert_eq!(peer.disconnect, None);
    peer.pass(2);
    assert_eq!(peer.disconnect, Some(DisconnectReason::LogoutLate));
    assert_eq!(peer.session.numbers().incoming, 6);
}

#[test]
fn an_operator_logs_out_and_what_cannot_be_written_takes_no_number() {
    let mut peer = Peer::new(settings(), MemoryStore::new(100));
    peer.log_on(1, "");
    let before = peer.session.numbers();
    let sent = peer
        .session
        .send(peer.now_ns, &mut peer.output, b"8", &[], |draft| {
            draft.text(tag::TEXT, b"");
        });
    assert!(matches!(sent, Err(SendError::Encode(_))), "{sent:?}");
    assert_eq!(peer.session.numbers(), before);
    let (now_ns, output) = (peer.now_ns, &mut peer.output);
    peer.session
        .logout(now_ns, output, Some("Closing"))
        .expect("memory");
    assert_eq!(outline(&peer.written()), "52");
    let order = peer.order(2, "");
    assert!(peer.send(&order).is_empty() && peer.echo.delivered.is_empty());
    let logout = peer.message("5", 2, "");
    assert!(peer.send(&logout).is_empty());
    assert_eq!(peer.disconnect, Some(DisconnectReason::LoggedOut));
    assert!(
        peer.session.connect(peer.now_ns).is_err(),
        "it has a connection until it is closed"
    );
}

/// With the intervals that the session asks for itself.
#[test]
fn a_silent_peer_is_asked_and_then_left() {
    let mut peer = Peer::new(settings(), MemoryStore::new(10));
    peer.log_on(1, "");
    let start_ns = peer.now_ns;
    let mut seen = Vec::new();
    while peer.disconnect.is_none() {
        let next_ns = peer.session.next_tick_ns().expect("it has a connection");
        assert!(next_ns > peer.now_ns, "it does not stand still");
        peer.now_ns = next_ns;
        for message in peer.pass(0) {
            seen.push((field(&message, "35"), (peer.now_ns - start_ns) / SECOND_NS));
        }
    }
    assert_eq!(seen, [("0".to_owned(), 30), ("1".to_owned(), 36)]);
    assert_eq!(peer.disconnect, Some(DisconnectReason::Silent));
    assert_eq!((peer.now_ns - start_ns) / SECOND_NS, 72);
    peer.closed();
    assert_eq!(peer.session.next_tick_ns(), None);
}

/// Two sessions on one parser: nothing of a message is kept in it.
#[test]
fn sessions_share_a_parser() {
    let mut peer = Peer::new(settings(), MemoryStore::new(100));
    let other = Identity::new(Version::Fix44, b"OTHER", b"VENUE").expect("names");
    let authenticator = Arc::new(Unauthenticated);
    let settings = Settings::new(other);
    let mut session = Session::new(
        settings,
        MemoryStore::new(1),
        authenticator,
        Kernel::detect(),
    );
    session.connect(peer.now_ns).expect("it is free");
    let logon = peer.message("A", 1, "98=0|108=30|");
    let mut echo = Echo::new(Version::Fix44.dictionary());
    let taken = session.receive(
        &mut peer.parser,
        &logon,
        peer.now_ns,
        &mut peer.output,
        &mut echo,
    );
    let reason = taken.expect("memory").disconnect;
    assert_eq!(reason, Some(DisconnectReason::LogonInvalid));
    assert_eq!(outline(&peer.send(&logon)), "A1");
}
