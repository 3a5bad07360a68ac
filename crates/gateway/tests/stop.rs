//! The gateway as a library: it is stopped in order, and goes on from what it left; what it cannot start from is an error.

mod common;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use common::{Client, Server, Temporary};
use proofbook_exchange::{Action, Refusal};
use proofbook_fix::Version;
use proofbook_gateway::{
    Gateway, GatewayConfig, GatewayError, SessionConfig, Stop, HANDLE_SESSION,
};
use proofbook_journal::{snapshots, Directory};
use proofbook_session::{Identity, Unauthenticated};
use proofbook_types::AccountId;

fn session(id: u64, name: &[u8]) -> SessionConfig {
    let identity = Identity::new(Version::Fix44, name, b"EXCHANGE").expect("names");
    SessionConfig::new(id, AccountId(1), identity, Arc::new(Unauthenticated))
}

fn config(folder: &Path, sessions: Vec<SessionConfig>) -> GatewayConfig {
    GatewayConfig::new(folder.to_owned(), sessions)
}

const FIRST: [Action; 1] = [Action::OpenAccount {
    account: AccountId(1),
}];

/// A gateway that listens on loopback, in a thread of its own.
struct Running {
    address: SocketAddr,
    stop: Stop,
    thread: JoinHandle<Result<(), GatewayError>>,
}

impl Running {
    fn new(gateway: Gateway) -> Self {
        let reactor = gateway.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let reactor = reactor.expect("it listens");
        let (address, stop) = (reactor.address().expect("it is bound"), reactor.stop());
        let thread = std::thread::spawn(move || reactor.run());
        Running {
            address,
            stop,
            thread,
        }
    }

    /// Waits until it has ended, in order.
    fn end(self) {
        let ended = self.thread.join().expect("it does not panic");
        ended.expect("everything was written");
    }
}

#[test]
fn a_stop_logs_everyone_out_and_the_next_start_goes_on() {
    let folder = Temporary::new();
    let mut alice = Client::new("ALICE", Version::Fix44);
    for round in 0..3 {
        let config = config(folder.path(), vec![session(1, b"ALICE")]);
        let gateway = Gateway::open(config, &FIRST).expect("it opens");
        // The account, and a mass cancel in each round before.
        assert_eq!(gateway.exchange().sequence(), 1 + round);
        let running = Running::new(gateway);
        alice.log_on(running.address);
        alice.ask("q", "11=m 530=7");
        alice.next().has("35=r 530=7 531=7 533=0 11=m");
        alice.has_nothing();
        running.stop.stop().expect("it is woken");
        alice.next().has("35=5");
        assert!(alice.try_next().is_none(), "the connection ends");
        running.end();
    }
}

#[test]
fn signals_stop_the_server_in_order() {
    for signal in ["TERM", "INT"] {
        let folder = Temporary::new();
        let server = Server::start(folder.path(), &[]);
        let mut alice = Client::on(&server, "ALICE", Version::Fix44);
        alice.ask("D", "11=a1 55=BTC-USD 54=1 38=1 40=2 44=90 59=1");
        alice.next().has("150=0 39=0");
        server.signal(signal);
        alice.next().has("35=5");
        assert!(alice.try_next().is_none(), "the connection ends");
        assert!(server.ends_well(), "{signal}");
        let log = Directory::open(folder.path().join("log")).expect("it is there");
        assert_eq!(snapshots(&log).expect("a listing").len(), 1, "{signal}");
        // The next start goes on from there.
        let server = Server::start(folder.path(), &[]);
        alice.log_on(server.address);
        alice.send("H", "11=a1 55=BTC-USD 54=1");
        alice.next().has("150=I 39=0 11=a1");
    }
}

#[test]
fn what_makes_no_gateway_is_an_error() {
    let folder = Temporary::new();
    let twice = |second: SessionConfig| {
        let sessions = vec![session(1, b"ALICE"), second];
        match Gateway::open(config(folder.path(), sessions), &FIRST) {
            Err(GatewayError::Session { id }) => id,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it opens"),
        }
    };
    assert_eq!(twice(session(0, b"BOB")), 0);
    assert_eq!(twice(session(HANDLE_SESSION, b"BOB")), HANDLE_SESSION);
    assert_eq!(twice(session(1, b"BOB")), 1);
    assert_eq!(twice(session(2, b"ALICE")), 2);
    let wrong = [FIRST[0], FIRST[0]];
    let refused = Gateway::open(config(folder.path(), Vec::new()), &wrong);
    assert!(matches!(
        refused,
        Err(GatewayError::Setup {
            index: 1,
            refusal: Refusal::WrongNumber
        })
    ));
    let place = folder.path().join("sessions/00000001/position");
    drop(Gateway::open(
        config(folder.path(), vec![session(1, b"ALICE")]),
        &FIRST,
    ));
    std::fs::write(place, "7").expect("it is written");
    let damaged = Gateway::open(config(folder.path(), vec![session(1, b"ALICE")]), &FIRST);
    assert!(matches!(damaged, Err(GatewayError::Store(_))));
}

/// A gateway that sleeps only long after the last request answers, lets time pass (a heartbeat comes), and stops.
#[test]
fn a_gateway_that_stays_awake_does_all_else() {
    let folder = Temporary::new();
    let config = GatewayConfig {
        busy_poll: Duration::from_secs(3_600),
        ..config(folder.path(), vec![session(1, b"ALICE")])
    };
    let running = Running::new(Gateway::open(config, &FIRST).expect("it opens"));
    let mut alice = Client::new("ALICE", Version::Fix44);
    // A session that stands still for longer than some heartbeats is ended: then it is tried again.
    let has_heartbeat = (0..100).any(|_| {
        alice.connect(running.address);
        alice.send("A", "98=0 108=1");
        while let Some(message) = alice.any() {
            if message.get(35) == "0" {
                return true;
            }
        }
        false
    });
    assert!(has_heartbeat, "time passes");
    alice.drop_connection();
    alice.log_on(running.address);
    alice.has_nothing();
    running.stop.stop().expect("it is woken");
    running.end();
}

/// More connections than may be are closed at once, and those that are there go on.
#[test]
fn connections_are_bounded() {
    let folder = Temporary::new();
    let config = GatewayConfig {
        connections_max: 2,
        ..config(
            folder.path(),
            vec![session(1, b"ALICE"), session(2, b"BOB")],
        )
    };
    let running = Running::new(Gateway::open(config, &FIRST).expect("it opens"));
    let mut alice = Client::new("ALICE", Version::Fix44);
    alice.log_on(running.address);
    let mut idle = Client::new("IDLE", Version::Fix44);
    idle.connect(running.address);
    let mut bob = Client::new("BOB", Version::Fix44);
    bob.connect(running.address);
    assert!(bob.try_next().is_none(), "there are two");
    alice.has_nothing();
    idle.drop_connection();
    bob.log_on(running.address);
    bob.has_nothing();
    running.stop.stop().expect("it is woken");
    running.end();
}
