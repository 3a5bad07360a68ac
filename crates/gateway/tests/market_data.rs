//! Market data over TCP: what is asked for, what comes, what is refused, and a client that does not read.

mod common;

use common::{Client, Message, Server, Temporary};
use proofbook_fix::Version;

const BUY: &str = "55=BTC-USD 54=1";
const SELL: &str = "55=BTC-USD 54=2";
const BOTH: &str = "267=2 269=0 269=1 146=1 55=BTC-USD";
const ALL: &str = "267=3 269=0 269=1 269=2 146=1 55=BTC-USD";

/// The values of a tag, with spaces between.
fn all(message: &Message, tag: i32) -> String {
    message.all(tag).join(" ")
}

#[test]
fn a_subscriber_is_sent_a_snapshot_and_what_changes() {
    for version in [Version::Fix42, Version::Fix44] {
        let folder = Temporary::new();
        let server = Server::start(folder.path(), &["none"]);
        let mut bob = Client::on(&server, "BOB", Version::Fix44);
        let name = ["CAROL", "ALICE"][usize::from(version == Version::Fix44)];
        let mut alice = Client::on(&server, name, version);
        bob.ask("D", &format!("11=b1 {BUY} 38=1.5 40=2 44=99.5 59=1"));
        bob.next().has("150=0");
        alice.send("V", &format!("262=m1 263=1 264=0 265=1 {ALL}"));
        alice
            .next()
            .has("35=W 262=m1 55=BTC-USD 268=1 269=0 270=99.50 271=1.500 346=1");
        bob.ask("D", &format!("11=b2 {BUY} 38=2 40=2 44=99.5 59=1"));
        bob.next().has("150=0");
        alice
            .next()
            .has("35=X 262=m1 268=1 279=1 269=0 55=BTC-USD 270=99.50 271=3.500 346=2");
        // Trades come first, then what is gone, then what changed or is new.
        bob.ask("D", &format!("11=b3 {SELL} 38=4 40=2 44=99 59=1"));
        let update = alice.next();
        update.has("35=X 262=m1 268=4");
        assert_eq!(all(&update, 269), "2 2 0 1");
        assert_eq!(all(&update, 279), "0 0 2 0");
        assert_eq!(all(&update, 270), "99.50 99.50 99.50 99.00");
        assert_eq!(all(&update, 271), "1.500 2.000 0.500");
        assert_eq!(update.all(278).len(), 2, "{update:?}");
        assert_eq!(update.all(273).len(), 2, "{update:?}");
        // Another request of the same client has the last trade; one side alone is sent.
        alice.send("V", "262=m2 263=0 264=1 267=2 269=1 269=2 146=1 55=BTC-USD");
        let snapshot = alice.next();
        snapshot.has("35=W 262=m2 268=2");
        assert_eq!(all(&snapshot, 269), "1 2");
        assert_eq!(all(&snapshot, 270), "99.00 99.50");
        alice.send("V", "262=m1 263=2 264=0 267=1 269=0 146=1 55=BTC-USD");
        alice.has_nothing();
        bob.ask("q", "11=q 530=7");
        alice.has_nothing();
    }
}

#[test]
fn levels_move_into_the_depth_and_out_of_it() {
    let folder = Temporary::new();
    let server = Server::start(folder.path(), &["none"]);
    let mut bob = Client::on(&server, "BOB", Version::Fix44);
    let mut alice = Client::on(&server, "ALICE", Version::Fix44);
    for price in [90, 91, 92] {
        bob.ask("D", &format!("11=b{price} {BUY} 38=1 40=2 44={price} 59=1"));
        bob.next().has("150=0");
    }
    alice.send("V", &format!("262=top 263=1 264=2 265=1 {BOTH}"));
    let snapshot = alice.next();
    assert_eq!(all(&snapshot, 270), "92.00 91.00");
    // Beyond the depth nothing is told.
    bob.ask("D", &format!("11=b80 {BUY} 38=1 40=2 44=80 59=1"));
    bob.next().has("150=0");
    alice.has_nothing();
    bob.ask("D", &format!("11=b93 {BUY} 38=1 40=2 44=93 59=1"));
    let update = alice.next();
    assert_eq!(
        [all(&update, 279), all(&update, 270)],
        ["2 0", "91.00 93.00"]
    );
    bob.ask("F", &format!("11=c1 41=b92 {BUY}"));
    let update = alice.next();
    assert_eq!(
        [all(&update, 279), all(&update, 270)],
        ["2 0", "92.00 91.00"]
    );
    // The full refresh is a whole snapshot each time.
    alice.send("V", &format!("262=full 263=1 264=2 265=0 {BOTH}"));
    alice.next().has("35=W 262=full 268=2");
    bob.ask("F", &format!("11=c2 41=b93 {BUY}"));
    let messages = [alice.next(), alice.next()];
    let full = messages.iter().find(|one| one.get(35) == "W");
    assert_eq!(all(full.expect("a snapshot"), 270), "91.00 90.00");
}

#[test]
fn what_is_not_served_is_refused_with_its_reason() {
    let folder = Temporary::new();
    let server = Server::start(folder.path(), &["none"]);
    let mut alice = Client::on(&server, "ALICE", Version::Fix44);
    alice.send("V", &format!("262=m 263=1 264=0 265=1 {BOTH}"));
    alice.next().has("35=W 268=0");
    for (fields, expected) in [
        ("263=1 264=0 265=1 267=1 269=0 146=1 55=NONE", "262=r 281=0"),
        ("263=1 264=1001 265=1", "281=5"),
        ("263=1 264=0", "281=6"),
        ("263=1 264=0 265=1 266=N", "281=7"),
        ("263=1 264=0 265=1 267=1 269=7 146=1 55=BTC-USD", "281=8"),
        ("263=1 264=0 265=1 547=Y", "281=C"),
        ("263=2 264=0", "262=r"),
    ] {
        let rest = if fields.contains("267") { "" } else { BOTH };
        alice.send("V", &format!("262=r {fields} {rest}"));
        alice.next().has("35=Y").has(expected);
    }
    // An MDReqID that is in use; more subscriptions than a session may have.
    alice.send("V", &format!("262=m 263=1 264=0 265=1 {BOTH}"));
    alice.next().has("35=Y 262=m 281=1");
    for number in 1..256 {
        alice.send("V", &format!("262=m{number} 263=1 264=0 265=1 {BOTH}"));
        alice.next().has("35=W 268=0");
    }
    alice.send("V", &format!("262=more 263=1 264=0 265=1 {BOTH}"));
    alice.next().has("35=Y 262=more 281=2");
    // The end of the connection ends them all.
    alice.drop_connection();
    alice.log_on(server.address);
    alice.send("V", &format!("262=more 263=1 264=0 265=1 {BOTH}"));
    alice.next().has("35=W 262=more 268=0");
}

#[test]
fn market_data_are_not_sent_again_and_reports_are() {
    for is_killed in [false, true] {
        let folder = Temporary::new();
        let mut server = Server::start(folder.path(), &[]);
        let mut bob = Client::on(&server, "BOB", Version::Fix44);
        let mut alice = Client::on(&server, "ALICE", Version::Fix44);
        alice.send("V", &format!("262=m 263=1 264=0 265=1 {BOTH}"));
        alice.next().has("35=W");
        for round in 0..20 {
            alice.ask("D", &format!("11=a{round} {SELL} 38=1 40=2 44=200 59=1"));
            bob.ask("D", &format!("11=b{round} {BUY} 38=1 40=2 44=9 59=1"));
            bob.next().has("150=0");
        }
        let number = alice.rest().iter().filter(|one| one.get(35) == "8").count();
        assert_eq!(number, 20);
        if is_killed {
            server.kill();
            server = Server::start(folder.path(), &[]);
        }
        alice.drop_connection();
        alice.log_on(server.address);
        // The report comes under a number that is not too low, and asking from the first number on gives the reports and nothing of the market.
        alice.ask("D", &format!("11=last {SELL} 38=1 40=2 44=200 59=1"));
        alice.next().has("35=8 11=last 150=0");
        alice.has_nothing();
        alice.ask_again_from(1);
        let again = alice.rest();
        let types: Vec<&str> = again.iter().map(|one| one.get(35)).collect();
        assert_eq!(types, ["8"; 21], "{again:?}");
    }
}

#[test]
fn a_client_that_does_not_read_is_sent_less_and_its_reports_all_the_same() {
    const CHANGES: usize = 3_000;
    let folder = Temporary::new();
    let server = Server::start(folder.path(), &["none"]);
    let mut bob = Client::on(&server, "BOB", Version::Fix44);
    let mut alice = Client::on(&server, "ALICE", Version::Fix44);
    for level in 0..100 {
        let (low, high) = (10 + level, 200 + level);
        bob.ask("D", &format!("11=b{level} {BUY} 38=1 40=2 44={low} 59=1"));
        bob.next().has("150=0");
        bob.ask("D", &format!("11=s{level} {SELL} 38=1 40=2 44={high} 59=1"));
        bob.next().has("150=0");
    }
    // A snapshot of 200 levels after each change; none of it is read.
    alice.send("V", &format!("262=m 263=1 264=0 265=0 {BOTH}"));
    for change in 0..CHANGES {
        bob.ask("D", &format!("11=c{change} {BUY} 38=1 40=2 44=150 59=1"));
        bob.next().has("150=0");
        if change % 30 == 0 {
            alice.ask("D", &format!("11=a{change} {SELL} 38=1 40=2 44=999 59=1"));
        }
    }
    let (mut snapshots, mut reports, mut last) = (0, 0, None);
    for message in alice.rest() {
        match message.get(35) {
            "W" => {
                snapshots += 1;
                last = Some(message);
            }
            _ => reports += usize::from(message.get(150) == "0"),
        }
    }
    assert_eq!(reports, CHANGES / 30);
    assert!(snapshots < CHANGES, "{snapshots} of {CHANGES}");
    // What was held back is there once it has read.
    let last = last.into_iter().chain(alice.rest()).last();
    let best = last.expect("a snapshot");
    best.has(&format!(
        "35=W 269=0 270=150.00 271={CHANGES}.000 346={CHANGES}"
    ));
}
