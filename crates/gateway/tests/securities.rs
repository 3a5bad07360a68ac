//! What clients ask about markets, over TCP; orders that may have come before.

mod common;

use common::{Client, Server, Temporary};
use proofbook_fix::Version;

const BUY: &str = "55=BTC-USD 54=1";

#[test]
fn markets_are_listed_with_their_terms() {
    let folder = Temporary::new();
    let server = Server::start(folder.path(), &["none"]);
    let mut alice = Client::on(&server, "ALICE", Version::Fix44);
    let entry = "560=0 393=1 893=Y 146=1 55=BTC-USD 871=99 872=MinPriceIncrement=0.01 15=USD 561=0.001 562=0.001";
    alice.send("x", "320=all 559=4");
    alice.next().has("35=y 320=all").has(entry);
    alice.send("x", "320=one 559=0 55=BTC-USD");
    alice.next().has("35=y 320=one").has(entry);
    alice.send("x", "320=none 559=0 55=ETH-USD");
    let none = alice.next();
    none.has("35=y 320=none 560=2 393=0");
    assert_eq!(none.find(146), None);
    for other in ["559=1", "559=3", "559=4 263=1"] {
        alice.send("x", &format!("320=other {other}"));
        alice.next().has("35=y 320=other 560=1 393=0");
    }
    alice.has_nothing();
}

#[test]
fn states_are_told() {
    let folder = Temporary::new();
    let server = Server::start(folder.path(), &["none"]);
    for (name, version) in [("ALICE", Version::Fix44), ("CAROL", Version::Fix42)] {
        let mut client = Client::on(&server, name, version);
        client.send("e", "324=s 55=BTC-USD 263=0");
        client.next().has("35=f 324=s 55=BTC-USD 326=17");
        client.send("e", "324=t 55=ETH-USD 263=1");
        client.next().has("35=f 324=t 55=ETH-USD 326=20");
        client.send("e", "324=u 55=BTC-USD 263=1");
        client.next().has("35=f 324=u 326=17");
        client.send("e", "324=u 55=BTC-USD 263=2");
        client.has_nothing();
    }
}

#[test]
fn an_order_that_may_have_come_before_is_one_order_all_the_same() {
    let folder = Temporary::new();
    let server = Server::start(folder.path(), &["none"]);
    let mut alice = Client::on(&server, "ALICE", Version::Fix44);
    let again = "97=Y";
    for (flag, expected) in [("", "150=0"), (again, "150=I 39=0 151=1.000")] {
        alice.ask("D", &format!("{flag} 11=a1 {BUY} 38=1 40=2 44=9 59=1"));
        alice.next().has("35=8 11=a1").has(expected);
    }
    for (flag, expected) in [("", "150=5 41=a1"), (again, "150=I 39=0 151=2.000")] {
        alice.ask("G", &format!("{flag} 11=a2 41=a1 {BUY} 38=2 40=2 44=9"));
        alice.next().has("35=8 11=a2").has(expected);
    }
    // What was never there, or is still there, is cancelled as ever.
    alice.ask("F", &format!("{again} 11=c0 41=none {BUY}"));
    alice.next().has("35=9 11=c0 102=1");
    alice.ask("F", &format!("{again} 11=c1 41=a2 {BUY}"));
    alice.next().has("35=8 150=4 11=c1 41=a2");
    alice.ask("F", &format!("{again} 11=c1 41=a2 {BUY}"));
    alice.next().has("35=8 150=I 39=4 151=0.000 11=c1 41=a2");
    alice.ask("F", &format!("11=c1 41=a2 {BUY}"));
    alice.next().has("35=9 102=1");
    alice.has_nothing();
}
