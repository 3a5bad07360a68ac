//! Drop copies over TCP: every report of the accounts, once each, through kills of the server at any time; and nothing else that a client may do.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Client, Message, Server, Temporary};
use proofbook_fix::Version;

const BUY: &str = "55=BTC-USD 54=1";
const SELL: &str = "55=BTC-USD 54=2";

#[test]
fn the_clerk_has_a_copy_of_each_report_and_enters_nothing() {
    let folder = Temporary::new();
    let server = Server::start(folder.path(), &["none"]);
    let mut clerk = Client::on(&server, "CLERK", Version::Fix44);
    let mut alice = Client::on(&server, "ALICE", Version::Fix44);
    let mut carol = Client::on(&server, "CAROL", Version::Fix42);
    alice.ask("D", &format!("11=a1 {SELL} 38=1 40=2 44=100 59=1"));
    let report = alice.next();
    report.has("150=0");
    assert_eq!((report.find(797), report.find(1)), (None, None));
    clerk
        .next()
        .has("35=8 150=0 39=0 11=a1 1=1 797=Y 151=1.000")
        .has(&format!("17={} 37={}", report.get(17), report.get(37)));
    carol.ask("D", &format!("21=1 11=c1 {BUY} 38=1 40=2 44=100 59=1"));
    // Of a trade each account's report is copied.
    clerk.next().has("150=0 11=c1 1=3 797=Y");
    clerk.next().has("150=F 39=2 11=a1 1=1 797=Y 32=1.000");
    clerk.next().has("150=F 39=2 11=c1 1=3 797=Y 32=1.000");
    alice.ask("D", &format!("11=a2 {BUY} 38=99999 40=2 44=99999"));
    clerk
        .next()
        .has("150=8 39=8 11=a2 1=1 797=Y 58=insufficient_funds");
    alice.ask("F", &format!("11=x 41=none {BUY}"));
    clerk.next().has("35=9 11=x 1=1 102=1");
    for (kind, fields) in [
        ("D", format!("11=k1 {BUY} 38=1 40=2 44=1 59=1")),
        ("F", format!("11=k2 41=a1 {BUY}")),
        ("G", format!("11=k3 41=a1 {BUY} 38=1 40=2 44=1")),
        ("q", "11=k4 530=7".to_owned()),
    ] {
        clerk.ask(kind, &fields);
        clerk.next().has(&format!("35=j 372={kind} 380=0"));
    }
    clerk.send("H", &format!("11=a1 {SELL}"));
    clerk.next().has("35=j 372=H");
    // Market data are for everyone.
    clerk.send("V", "262=m 263=0 264=0 267=1 269=0 146=1 55=BTC-USD");
    clerk.next().has("35=W 268=0");
    clerk.has_nothing();
}

#[test]
fn copies_come_once_through_kills_at_any_time() {
    const ROUNDS: u64 = 6;
    const ORDERS: u64 = 100;
    let folder = Temporary::new();
    let mut server = Server::start(folder.path(), &[]);
    let mut alice = Client::on(&server, "ALICE", Version::Fix44);
    let mut clerk = Client::on(&server, "CLERK", Version::Fix44);
    let (mut reports, mut copies) = (BTreeMap::new(), BTreeMap::new());
    let keep = |kept: &mut BTreeMap<String, String>, message: &Message| {
        message.has("35=8");
        let id = message.get(17).to_owned();
        let before = kept.insert(id, message.get(11).to_owned());
        assert_eq!(before, None, "twice: {message:?}");
    };
    for round in 0..ROUNDS {
        for number in 0..ORDERS {
            let id = format!("{round}.{number}");
            alice.ask("D", &format!("11={id} {BUY} 38=0.001 40=2 44=1 59=1"));
        }
        std::thread::sleep(Duration::from_millis(round * 3));
        server.kill();
        while let Some(message) = alice.try_next() {
            keep(&mut reports, &message);
        }
        while let Some(message) = clerk.try_next() {
            keep(&mut copies, &message);
        }
        server = Server::start(folder.path(), &[]);
        alice.log_on(server.address);
        // Every other time the clerk is away meanwhile.
        if round % 2 == 1 {
            clerk.log_on(server.address);
        }
        let last = format!("{round}.{}", ORDERS - 1);
        while !reports.values().any(|id| *id == last) {
            keep(&mut reports, &alice.next());
        }
        for message in alice.rest() {
            keep(&mut reports, &message);
        }
        if round % 2 == 0 {
            clerk.log_on(server.address);
        }
        while copies.len() < reports.len() {
            keep(&mut copies, &clerk.next());
        }
        clerk.has_nothing();
        assert_eq!(copies, reports, "round {round}");
    }
}
