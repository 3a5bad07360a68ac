//! The server is killed (by signal 9) and started again: numbers go on, and each acknowledged entry is reported exactly once.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{Client, Message, Server, Temporary};
use proofbook_fix::Version;

const BUY: &str = "55=BTC-USD 54=1";
const SELL: &str = "55=BTC-USD 54=2";

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        fs::copy(entry.path(), target).expect("a copy");
    }
}

#[test]
fn numbers_and_orders_go_on_after_a_restart() {
    let folder = Temporary::new();
    let mut server = Server::start(folder.path(), &[]);
    let mut alice = Client::on(&server, "ALICE", Version::Fix44);
    let mut bob = Client::on(&server, "BOB", Version::Fix44);
    for round in 0..3 {
        alice.ask("D", &format!("11=a{round} {SELL} 38=1 40=2 44=100 59=1"));
        alice.next().has("150=0 39=0");
        server.kill();
        server = Server::start(folder.path(), &[]);
        // The client asserts that no number was skipped or used twice.
        alice.log_on(server.address);
        alice.has_nothing();
        bob.log_on(server.address);
        bob.has_nothing();
        bob.ask("D", &format!("11=b{round} {BUY} 38=1 40=2 44=100 59=3"));
        bob.next().has("150=0");
        bob.next().has(&format!("150=F 39=2 11=b{round}"));
        alice.next().has(&format!("150=F 39=2 11=a{round}"));
    }
    assert_eq!((alice.resends, bob.resends), (0, 0));
}

/// The state that a crash leaves between the log's commit and the store's write is made: the log has what the store lacks.
#[test]
fn what_was_acknowledged_and_not_reported_is_reported_once_after_the_crash() {
    let folder = Temporary::new();
    let store = folder.path().join("sessions/00000002");
    let before = folder.path().join("before");
    let server = Server::start(folder.path(), &[]);
    let mut bob = Client::on(&server, "BOB", Version::Fix44);
    for id in ["b1", "b2", "b3"] {
        bob.ask("D", &format!("11={id} {BUY} 38=1 40=2 44=100 59=1"));
        bob.next().has("150=0 39=0");
    }
    server.kill();
    copy(&store, &before);
    let server = Server::start(folder.path(), &[]);
    let mut alice = Client::on(&server, "ALICE", Version::Fix44);
    // One entry with two reports to Bob, and one with one.
    alice.ask("D", &format!("11=a1 {SELL} 38=1.5 40=2 44=100 59=1"));
    alice.next().has("150=0");
    alice.next().has("150=F 39=1");
    alice.next().has("150=F 39=2");
    alice.ask("D", &format!("11=a2 {SELL} 38=0.7 40=2 44=100 59=1"));
    alice.next().has("150=0");
    alice.next().has("150=F");
    alice.next().has("150=F 39=2");
    server.kill();
    fs::remove_dir_all(&store).expect("it is there");
    copy(&before, &store);
    for _ in 0..2 {
        let server = Server::start(folder.path(), &[]);
        alice.log_on(server.address);
        alice.has_nothing();
        server.kill();
    }
    let server = Server::start(folder.path(), &[]);
    bob.log_on(server.address);
    bob.next().has("150=F 39=2 11=b1 32=1.000");
    bob.next().has("150=F 39=1 11=b2 32=0.500");
    bob.next().has("150=F 39=2 11=b2 32=0.500");
    bob.next().has("150=F 39=1 11=b3 32=0.200");
    bob.has_nothing();
    alice.log_on(server.address);
    alice.has_nothing();
}

/// Requests are in the log and the store has neither their numbers nor their reports: they come again, and are not taken again, though they were refused.
#[test]
fn a_request_that_comes_again_after_a_crash_is_answered_once() {
    let folder = Temporary::new();
    let store = folder.path().join("sessions/00000002");
    let before = folder.path().join("before");
    let server = Server::start(folder.path(), &[]);
    let mut bob = Client::on(&server, "BOB", Version::Fix44);
    bob.ask("D", &format!("11=b1 {BUY} 38=1 40=2 44=100 59=1"));
    bob.next().has("150=0 39=0");
    copy(&store, &before);
    let target = format!("41=none {BUY}");
    bob.ask("F", &format!("11=f1 {target}"));
    bob.ask("G", &format!("11=g1 {target} 38=2 40=2 44=99"));
    bob.ask("D", &format!("11=b2 {BUY} 38=999999999 40=2 44=9999 59=1"));
    bob.ask("F", &format!("11=f2 41=b1 {BUY}"));
    bob.next().has("35=9 11=f1");
    bob.next().has("35=9 11=g1");
    bob.next().has("150=8 11=b2");
    bob.next().has("150=4 11=f2");
    server.kill();
    fs::remove_dir_all(&store).expect("it is there");
    copy(&before, &store);
    let server = Server::start(folder.path(), &[]);
    bob.log_on(server.address);
    bob.has_nothing();
    assert_eq!(bob.resends, 1, "the server asks for the four requests");
    // They are passed over once, and only as possible duplicates.
    bob.ask("F", &format!("11=f1 {target}"));
    bob.next().has("35=9 11=f1");
}

/// A store whose last write is torn: the report that it held comes again, and those before it do not.
#[test]
fn a_report_whose_write_is_torn_comes_again_and_no_other() {
    let folder = Temporary::new();
    let server = Server::start(folder.path(), &[]);
    let mut bob = Client::on(&server, "BOB", Version::Fix44);
    bob.ask("D", &format!("11=b1 {BUY} 38=1 40=2 44=100 59=1"));
    bob.next().has("150=0 39=0");
    bob.log_out();
    let mut alice = Client::on(&server, "ALICE", Version::Fix44);
    alice.ask("D", &format!("11=a1 {SELL} 38=0.4 40=2 44=100 59=3"));
    alice.next().has("150=0");
    alice.next().has("150=F 39=2");
    alice.ask("D", &format!("11=a2 {SELL} 38=0.6 40=2 44=100 59=3"));
    alice.next().has("150=0");
    alice.next().has("150=F 39=2");
    server.kill();
    let segment = folder.path().join("sessions/00000002/0000000000000001.log");
    let bytes = fs::read(&segment).expect("it is there");
    fs::write(&segment, &bytes[..bytes.len() - 1]).expect("it is written");
    let server = Server::start(folder.path(), &[]);
    bob.log_on(server.address);
    bob.next().has("150=F 39=1 11=b1 32=0.400 14=0.400");
    bob.next().has("150=F 39=2 11=b1 32=0.600 14=1.000");
    bob.has_nothing();
}

/// Numbers that start again forget the messages, and not which reports there were.
#[test]
fn a_reset_of_numbers_brings_no_report_again() {
    let folder = Temporary::new();
    let mut server = Server::start(folder.path(), &[]);
    let mut alice = Client::on(&server, "ALICE", Version::Fix44);
    for id in ["a1", "a2"] {
        alice.ask("D", &format!("11={id} {SELL} 38=1 40=2 44=100 59=1"));
        alice.next().has("150=0");
        alice.log_out();
        alice.log_on_anew(server.address);
        alice.has_nothing();
        server.kill();
        server = Server::start(folder.path(), &[]);
        alice.log_on(server.address);
        alice.has_nothing();
    }
}

#[test]
fn every_order_of_a_stream_is_reported_once_through_kills_at_any_time() {
    for sync in [&[][..], &["none"]] {
        through_kills(sync);
    }
}

fn through_kills(arguments: &[&str]) {
    const ROUNDS: u64 = 8;
    const ORDERS: u64 = 150;
    let folder = Temporary::new();
    let mut server = Server::start(folder.path(), arguments);
    let mut alice = Client::on(&server, "ALICE", Version::Fix44);
    let mut reports: BTreeMap<String, Vec<Message>> = BTreeMap::new();
    let keep = |reports: &mut BTreeMap<String, Vec<Message>>, message: Message| {
        message.has("35=8");
        let id = message.get(11).to_owned();
        reports.entry(id).or_default().push(message);
    };
    for round in 0..ROUNDS {
        for number in 0..ORDERS {
            alice.ask(
                "D",
                &format!("11={round}.{number} {BUY} 38=0.001 40=2 44=1 59=1"),
            );
        }
        // A different time each round, in the midst of the orders for some of them.
        std::thread::sleep(Duration::from_millis(round * 3));
        server.kill();
        while let Some(message) = alice.try_next() {
            keep(&mut reports, message);
        }
        server = Server::start(folder.path(), arguments);
        alice.log_on(server.address);
        let last = format!("{round}.{}", ORDERS - 1);
        while !reports.contains_key(&last) {
            keep(&mut reports, alice.next());
        }
        for message in alice.rest() {
            keep(&mut reports, message);
        }
    }
    assert_eq!(reports.len() as u64, ROUNDS * ORDERS);
    let mut executions = BTreeMap::new();
    for (id, of_order) in &reports {
        let is_new = |message: &&Message| message.get(150) == "0";
        assert_eq!(
            of_order.iter().filter(is_new).count(),
            1,
            "{id}: {of_order:?}"
        );
        for message in of_order {
            // An order that was taken and whose number was not stored comes again, and is passed over.
            message.has("150=0");
            let before = executions.insert(message.get(17).to_owned(), id);
            assert_eq!(before, None, "ExecID of {message:?}");
        }
    }
    println!(
        "{arguments:?}: {} ResendRequests of the server",
        alice.resends
    );
}

/// The log is older than the stores, as after half a restore: nothing is numbered twice, and the reason is said.
#[test]
fn stores_that_know_more_than_the_log_are_refused() {
    let folder = Temporary::new();
    let before = folder.path().join("before");
    let server = Server::start(folder.path(), &[]);
    copy(&folder.path().join("log"), &before);
    let mut bob = Client::on(&server, "BOB", Version::Fix44);
    bob.ask("D", &format!("11=b1 {BUY} 38=1 40=2 44=100 59=1 1=2"));
    bob.next().has("150=0");
    bob.ask("D", &format!("11=b2 {BUY} 38=1 40=2 44=100 59=1 1=1"));
    bob.next().has("35=j 380=0 379=b2");
    server.kill();
    fs::remove_dir_all(folder.path().join("log")).expect("it is there");
    copy(&before, &folder.path().join("log"));
    let said = Server::refusal(folder.path());
    assert!(said.contains("Ahead { session: 2, "), "{said}");
}
