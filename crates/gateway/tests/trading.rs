//! Two sessions trade over TCP with the server, which is a process of its own.

mod common;

use common::{Client, Server, Temporary};
use proofbook_fix::Version;

const BUY: &str = "55=BTC-USD 54=1";
const SELL: &str = "55=BTC-USD 54=2";

struct Market {
    server: Server,
    alice: Client,
    bob: Client,
    _folder: Temporary,
}

fn market() -> Market {
    let folder = Temporary::new();
    let server = Server::start(folder.path(), &[]);
    Market {
        alice: Client::on(&server, "ALICE", Version::Fix44),
        bob: Client::on(&server, "BOB", Version::Fix44),
        server,
        _folder: folder,
    }
}

#[test]
fn crossing_orders_trade_and_both_owners_are_told() {
    let mut market = market();
    let Market { alice, bob, .. } = &mut market;
    alice.ask("D", &format!("11=a1 {SELL} 38=2.000 40=2 44=100.50 59=1"));
    alice
        .next()
        .has("35=8 150=0 39=0 11=a1 14=0.000 151=2.000 44=100.50 55=BTC-USD 54=2 6=0.000000");
    bob.ask("D", &format!("11=b1 {BUY} 38=0.5 40=2 44=101 59=1"));
    bob.next().has("150=0 39=0 11=b1");
    bob.next().has("150=F 39=2 11=b1 32=0.500 31=100.50 14=0.500 151=0.000 6=100.500000 851=2 12=0.050250 13=3");
    alice
        .next()
        .has("150=F 39=1 11=a1 32=0.500 31=100.50 14=0.500 151=1.500 851=1 12=0.000000");

    // A replace keeps what has traded; the total is below what it was.
    alice.ask("G", &format!("11=a2 41=a1 {SELL} 38=1.000 40=2 44=100.25"));
    alice
        .next()
        .has("150=5 39=1 11=a2 41=a1 38=1.000 14=0.500 151=0.500 44=100.25");
    // Immediate or cancel for more than there is.
    bob.ask("D", &format!("11=b2 {BUY} 38=0.7 40=2 44=101 59=3"));
    bob.next().has("150=0 11=b2");
    bob.next().has("150=F 39=1 32=0.500 31=100.25 151=0.200");
    bob.next()
        .has("150=4 39=4 11=b2 14=0.500 151=0.000 58=unfilled");
    alice
        .next()
        .has("150=F 39=2 11=a2 14=1.000 151=0.000 6=100.375000");
    alice.has_nothing();
    bob.has_nothing();
}

#[test]
fn orders_are_cancelled_one_by_one_and_together_and_asked_about() {
    let mut market = market();
    let Market { alice, bob, .. } = &mut market;
    for (id, price) in [("a1", 90), ("a2", 91), ("a3", 92)] {
        alice.ask("D", &format!("11={id} {BUY} 38=1 40=2 44={price} 59=1"));
        alice.next().has("150=0 39=0");
    }
    alice.send("H", &format!("11=a2 {BUY}"));
    alice
        .next()
        .has("35=8 150=I 39=0 17=0 11=a2 44=91.00 151=1.000");
    alice.send("H", &format!("11=zz {BUY}"));
    alice.next().has("35=8 150=I 39=8 37=NONE 11=zz");
    alice.ask("F", &format!("11=c1 41=a1 {BUY}"));
    alice
        .next()
        .has("35=8 150=4 39=4 11=c1 41=a1 151=0.000 58=requested");
    alice.ask("F", &format!("11=c2 41=a1 {BUY}"));
    alice
        .next()
        .has("35=9 434=1 102=1 11=c2 41=a1 58=unknown_order_of_account");
    // No other account's order can be named.
    bob.ask("F", &format!("11=x 41=a2 {BUY}"));
    bob.next().has("35=9 434=1 102=1 39=8 37=NONE");
    bob.ask("G", &format!("11=y 41=a2 {BUY} 38=2 40=2 44=90"));
    bob.next().has("35=9 434=2 102=1");
    alice.ask("q", "11=m1 530=7");
    alice.next().has("150=4 11=a2");
    alice.next().has("150=4 11=a3");
    alice.next().has("35=r 11=m1 530=7 531=7 533=2");
    alice.has_nothing();
    bob.has_nothing();
}

#[test]
fn a_client_id_that_comes_twice_is_one_order() {
    let mut market = market();
    let Market { alice, .. } = &mut market;
    let order = format!("11=same {BUY} 38=1 40=2 44=90 59=1");
    alice.ask("D", &order);
    let first = alice.next();
    first.has("150=0 39=0");
    alice.ask("D", &order);
    let again = alice.next();
    again.has("150=I 39=0 11=same 151=1.000");
    assert_eq!(first.get(37), again.get(37));
    assert_ne!(first.get(17), again.get(17));
    alice.ask("q", "11=m 530=1 55=BTC-USD");
    alice.next().has("150=4 11=same");
    alice.next().has("35=r 530=1 531=1 533=1");
}

#[test]
fn what_cannot_be_done_is_refused_in_the_right_message() {
    let mut market = market();
    let Market { alice, .. } = &mut market;
    let mut refused = |kind: &str, fields: &str, expected: &str| {
        alice.ask(kind, fields);
        alice.next().has(expected);
    };
    // What is no request: BusinessMessageReject.
    refused(
        "D",
        &format!("11=1 {BUY} 38=1 40=2"),
        "35=j 372=D 379=1 380=5",
    );
    refused("D", "11=2 55=NONE 54=1 38=1 40=2 44=1", "35=j 380=2 379=2");
    refused(
        "D",
        &format!("11=3 {BUY} 38=1.0001 40=2 44=1"),
        "35=j 380=0",
    );
    refused("D", &format!("11=4 {BUY} 38=1 40=2 44=1.001"), "35=j 380=0");
    refused("D", "11=5 55=BTC-USD 54=5 38=1 40=2 44=1", "35=j 380=0");
    refused(
        "D",
        &format!("11=6 18=1 {BUY} 38=1 40=2 44=1"),
        "35=j 380=0",
    );
    refused("D", &format!("11=7 {BUY} 38=1 40=P 44=1"), "35=j 380=0");
    refused(
        "D",
        &format!("11=8 {BUY} 38=1 40=2 44=1 59=2"),
        "35=j 380=0",
    );
    refused("q", "11=9 530=3", "35=j 380=0");
    // What the exchange refuses: ExecutionReport, with a place in the log.
    refused(
        "D",
        &format!("11=10 {BUY} 38=1 40=1"),
        "35=8 150=8 39=8 103=99 58=missing_bound 37=NONE",
    );
    refused(
        "D",
        &format!("11=11 {BUY} 38=99999 40=2 44=99999"),
        "150=8 103=3 58=insufficient_funds",
    );
    refused(
        "D",
        &format!("11=12 {BUY} 38=0 40=2 44=1"),
        "150=8 39=8 103=13",
    );
    alice.send("B", "148=news 33=1 58=x");
    alice.next().has("35=j 372=B 380=3");
    alice.has_nothing();
}

#[test]
fn every_kind_of_order_reaches_the_market() {
    let mut market = market();
    let Market { alice, bob, .. } = &mut market;
    // An iceberg shows a part; a post-only order does not trade at once; orders for the day and until a date rest.
    alice.ask("D", &format!("11=ice 111=0.1 {SELL} 38=1 40=2 44=100 59=0"));
    alice.next().has("150=0 39=0 40=2");
    bob.ask("D", &format!("11=post 18=6 {BUY} 38=1 40=2 44=100"));
    bob.next().has("150=8 39=8 58=would_cross");
    bob.ask(
        "D",
        &format!("11=day {BUY} 38=1 40=2 44=99 59=6 432=20991231"),
    );
    bob.next().has("150=0 39=0");
    // A market order with a bound; fill or kill for more than there is.
    bob.ask("D", &format!("11=fok {BUY} 38=5 40=2 44=100 59=4"));
    bob.next().has("150=0");
    bob.next().has("150=4 39=4 14=0.000 58=fill_or_kill");
    bob.ask("D", &format!("11=market {BUY} 38=0.4 40=1 44=100"));
    bob.next().has("150=0");
    let mut filled = 0;
    for cumulative in ["0.100", "0.200", "0.300", "0.400"] {
        bob.next()
            .has(&format!("150=F 11=market 32=0.100 14={cumulative}"));
        alice.next().has(&format!("150=F 11=ice 14={cumulative}"));
        filled += 1;
    }
    assert_eq!(filled, 4);
    // Stops: a limit and a market one, which wait until the market trades there.
    bob.ask("D", &format!("11=stop {SELL} 38=0.1 40=4 44=98 99=99 59=1"));
    bob.next().has("150=0 39=0 40=4 44=98.00 99=99.00");
    alice.ask("D", &format!("11=hit {SELL} 38=0.2 40=2 44=99 59=3 7928=1"));
    alice.next().has("150=0");
    alice.next().has("150=F 39=2 31=99.00 32=0.200");
    bob.next().has("150=F 11=day 14=0.200");
    bob.next().has("150=D 378=99 11=stop");
}

#[test]
fn orders_end_with_a_connection_whose_session_says_so_and_42_is_spoken() {
    let mut market = market();
    let Market {
        server, alice, bob, ..
    } = &mut market;
    let mut carol = Client::on(server, "CAROL", Version::Fix42);
    carol.ask("D", &format!("11=c1 21=1 {SELL} 38=1 40=2 44=100 59=1"));
    carol.next().has("35=8 20=0 150=0 39=0");
    bob.ask("D", &format!("11=b1 {BUY} 38=0.25 40=2 44=100 59=3"));
    bob.next().has("150=0");
    bob.next().has("150=F 39=2");
    carol
        .next()
        .has("35=8 20=0 150=1 39=1 32=0.250 31=100.00 151=0.750");
    carol.send("H", &format!("11=c1 {SELL}"));
    carol.next().has("20=3 150=1 39=1 11=c1");
    alice.ask("D", &format!("11=a1 {SELL} 38=1 40=2 44=101 59=1"));
    alice.next().has("150=0");
    carol.drop_connection();
    alice.drop_connection();
    // Carol is told of the cancel once she is back, and Alice's order still stands.
    carol.log_on(server.address);
    carol.next().has("150=4 39=4 11=c1 14=0.250 58=requested");
    carol.has_nothing();
    bob.ask("D", &format!("11=b2 {BUY} 38=1 40=2 44=101 59=3"));
    bob.next().has("150=0");
    bob.next().has("150=F 39=2 31=101.00");
    alice.log_on(server.address);
    alice.next().has("150=F 39=2 11=a1");
    alice.has_nothing();
}

#[test]
fn strangers_and_second_connections_are_closed() {
    let mut market = market();
    let Market { server, alice, .. } = &mut market;
    for name in ["MALLORY", "ALICE"] {
        let mut other = Client::new(name, Version::Fix44);
        other.connect(server.address);
        other.send("A", "98=0 108=30");
        assert!(other.try_next().is_none(), "{name} is not answered");
    }
    let mut early = Client::new("BOB", Version::Fix44);
    early.connect(server.address);
    early.ask("D", &format!("11=1 {BUY} 38=1 40=2 44=1"));
    assert!(early.try_next().is_none(), "a Logon comes first");
    alice.has_nothing();
}
