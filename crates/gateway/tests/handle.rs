//! Requests of other threads: they reach the exchange beside those of FIX clients, each is told of once, and nobody makes the reactor wait.

mod common;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Client, Temporary};
use proofbook_exchange::{
    Action, AssetId, ClientId, Fees, Listing, MarketId, NewOrder, OrderKind, Symbol, Target,
    Transfer,
};
use proofbook_fix::Version;
use proofbook_gateway::{
    Answers, Gateway, GatewayConfig, GatewayError, Handle, NotTaken, Reactor, SessionConfig,
    SnapshotPolicy, Stop, SubmitError, Taken, HANDLE_SESSION, REQUESTS_MAX,
};
use proofbook_journal::{snapshots, Directory, SyncPolicy};
use proofbook_session::{Identity, Unauthenticated};
use proofbook_types::{
    AccountId, MarketConfig, OrderId, Phase, Price, Quantity, Side, TimeInForce,
};

const PATIENCE: Duration = Duration::from_secs(300);

fn config(folder: &Path) -> GatewayConfig {
    let identity = Identity::new(Version::Fix44, b"ALICE", b"EXCHANGE").expect("names");
    let session = SessionConfig::new(1, AccountId(1), identity, Arc::new(Unauthenticated));
    let mut config = GatewayConfig::new(folder.to_owned(), vec![session]);
    config.journal.policy = SyncPolicy::None;
    config
}

/// A market, and as many accounts with money; numbers 0 are for the reactor to fill in.
fn setup() -> Vec<Action> {
    let symbol = |text: &[u8]| Symbol::new(text).expect("a short text");
    let asset = |text| Action::AddAsset {
        asset: AssetId(0),
        symbol: symbol(text),
        decimals: 6,
    };
    let listing = Listing {
        market: MarketId(0),
        symbol: symbol(b"BTC-USD"),
        base: AssetId(1),
        quote: AssetId(2),
        price_decimals: 2,
        quantity_decimals: 3,
        fees: Fees::default(),
        config: MarketConfig {
            initial_phase: Phase::Halted,
            ..MarketConfig::default()
        },
    };
    let market = MarketId(1);
    let mut actions = vec![asset(b"BTC"), asset(b"USD"), Action::ListMarket(listing)];
    for account in [1, 2].map(AccountId) {
        actions.push(Action::OpenAccount {
            account: AccountId::NONE,
        });
        for asset in [1, 2].map(AssetId) {
            let amount = 1_000_000_000_000;
            actions.push(Action::Deposit(Transfer {
                account,
                asset,
                amount,
            }));
        }
    }
    actions.push(Action::Open { market });
    actions
}

fn order(id: &str, side: Side, lots: u64, ticks: i64) -> Action {
    Action::New(NewOrder {
        account: AccountId(2),
        session: HANDLE_SESSION,
        client_id: ClientId::new(id.as_bytes()).expect("a short text"),
        market: MarketId(1),
        side,
        quantity: Quantity(lots),
        kind: OrderKind::Limit {
            price: Price(ticks),
        },
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        display: None,
        self_trade: None,
    })
}

struct Running {
    address: SocketAddr,
    handle: Handle,
    answers: Answers,
    stop: Stop,
    thread: std::thread::JoinHandle<Result<(), GatewayError>>,
}

fn run(mut reactor: Reactor) -> Running {
    let (handle, answers) = reactor.attach();
    Running {
        address: reactor.address().expect("it listens"),
        handle,
        answers,
        stop: reactor.stop(),
        thread: std::thread::spawn(move || reactor.run()),
    }
}

fn listen(config: GatewayConfig) -> Running {
    let gateway = Gateway::open(config, &[]).expect("it opens");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    run(gateway.listen(address).expect("it listens"))
}

impl Running {
    fn next(&mut self) -> Taken {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(taken) = self.answers.pop() {
                return taken;
            }
            assert!(Instant::now() < end, "nothing within {PATIENCE:?}");
            std::thread::yield_now();
        }
    }

    /// Has an action become an entry that is acknowledged.
    fn ask(&mut self, action: Action) -> u64 {
        let ticket = self.handle.submit(action).expect("there is room");
        let taken = self.next();
        assert_eq!(taken.ticket, ticket);
        let entry = taken.entry.expect("the log takes it");
        let progress = Arc::clone(self.handle.progress());
        progress.wait_beyond(entry - 1, PATIENCE);
        assert!(progress.acknowledged() >= entry, "within {PATIENCE:?}");
        entry
    }

    fn end(self) {
        self.stop.stop().expect("it is woken");
        let ended = self.thread.join().expect("it does not panic");
        ended.expect("everything was written");
    }
}

#[test]
fn a_handle_and_a_fix_client_trade_and_the_next_start_knows_both() {
    let folder = Temporary::new();
    let mut running = listen(config(folder.path()));
    for (action, entry) in setup().into_iter().zip(1..) {
        assert_eq!(
            running.ask(action),
            entry,
            "numbers of the log go up by one"
        );
    }
    let mut alice = Client::new("ALICE", Version::Fix44);
    alice.log_on(running.address);
    alice.ask("D", "11=a1 55=BTC-USD 54=2 38=2 40=2 44=100 59=1");
    alice.next().has("150=0 39=0");
    running.ask(order("w1", Side::Buy, 500, 10_000));
    alice.next().has("150=F 39=1 32=0.500 31=100.00");
    // What rests is the handle's: nobody is told of its reports over FIX.
    running.ask(order("w2", Side::Buy, 500, 9_900));
    alice.ask("D", "11=a2 55=BTC-USD 54=2 38=0.1 40=2 44=99 59=3");
    alice.next().has("150=0 11=a2");
    alice.next().has("150=F 39=2 11=a2 31=99.00");
    alice.has_nothing();
    running.end();

    let gateway = Gateway::open(config(folder.path()), &[]).expect("it opens");
    let exchange = gateway.exchange();
    let open = exchange.open_orders(AccountId(2));
    let leaves: Vec<u64> = open.iter().map(|order| order.leaves.0).collect();
    assert_eq!(leaves, [400]);
    assert_eq!((exchange.accounts(), exchange.markets().len()), (2, 1));
    exchange.check().expect("its books hold together");
}

/// A cancel of an order of account 1, by its client id.
fn cancel(id: &str, of: &str) -> Action {
    let client_id = |text: &str| ClientId::new(text.as_bytes()).expect("a short text");
    let target = Target {
        account: AccountId(1),
        session: HANDLE_SESSION,
        client_id: client_id(id),
        original_id: client_id(of),
        order_id: OrderId(0),
    };
    Action::Cancel { target }
}

#[test]
fn a_client_hears_once_that_others_cancelled_its_order() {
    let folder = Temporary::new();
    let mut running = listen(config(folder.path()));
    for action in setup() {
        running.ask(action);
    }
    let mut alice = Client::new("ALICE", Version::Fix44);
    alice.log_on(running.address);
    for id in ["a1", "a2", "a3"] {
        let order = format!("11={id} 55=BTC-USD 54=1 38=2 40=2 44=100 59=1");
        alice.ask("D", &order);
        alice.next().has("150=0 39=0");
    }
    running.ask(cancel("w1", "a1"));
    let told = alice.next();
    told.has("150=4 39=4 11=a1 58=requested 151=0.000");
    assert_eq!(told.find(41), None, "nothing that this client asked for");
    alice.ask("F", "11=a4 41=a2 55=BTC-USD 54=1");
    alice.next().has("150=4 11=a4 41=a2");
    alice.has_nothing();
    // It is told of what came while it was away, and of nothing again.
    alice.log_out();
    running.ask(cancel("w2", "a3"));
    running.end();
    let running = listen(config(folder.path()));
    alice.log_on(running.address);
    let missed: Vec<_> = alice
        .rest()
        .into_iter()
        .filter(|one| one.find(150).is_some())
        .collect();
    assert_eq!(missed.len(), 1);
    missed[0].has("150=4 11=a3");
    running.end();
}

#[test]
fn a_full_queue_refuses_and_every_request_is_told_of_once_with_the_end_too() {
    let folder = Temporary::new();
    let mut running = listen(config(folder.path()));
    // Nobody reads the answers: the reactor stops taking, then the queue is full. It goes on for clients.
    let mut tickets = BTreeSet::new();
    let end = Instant::now() + PATIENCE;
    let mut refused = 0;
    // Busy may be for a moment only, until the reactor has taken what fits; then it is for good.
    while tickets.len() < 2 * REQUESTS_MAX || refused < 1_000 {
        assert!(Instant::now() < end, "{} were taken", tickets.len());
        match running.handle.submit(order("w", Side::Buy, 1, 1)) {
            Ok(ticket) => {
                assert!(tickets.insert(ticket), "tickets are distinct");
                refused = 0;
            }
            Err(error) => {
                assert_eq!(error, SubmitError::Busy);
                refused += 1;
                std::thread::yield_now();
            }
        }
    }
    assert_eq!(tickets.len(), 2 * REQUESTS_MAX);
    let mut alice = Client::new("ALICE", Version::Fix44);
    alice.log_on(running.address);
    alice.has_nothing();
    running.stop.stop().expect("it is woken");
    let ended = running.thread.join().expect("it does not panic");
    ended.expect("everything was written");
    assert_eq!(
        running.handle.submit(order("w", Side::Buy, 1, 1)),
        Err(SubmitError::Stopped)
    );
    let (mut entries, mut stopped) = (Vec::new(), 0);
    while let Some(taken) = running.answers.pop() {
        assert!(tickets.remove(&taken.ticket), "told of once");
        match taken.entry {
            Ok(entry) => entries.push(entry),
            Err(reason) => {
                assert_eq!(reason, NotTaken::Stopped);
                stopped += 1;
            }
        }
    }
    assert!(tickets.is_empty(), "each is told of");
    assert_eq!((entries.len(), stopped), (REQUESTS_MAX, REQUESTS_MAX));
    assert!(entries.is_sorted_by(|one, next| one + 1 == *next));
    assert_eq!(
        running.handle.progress().acknowledged(),
        entries[entries.len() - 1]
    );
}

#[test]
fn many_threads_submit_and_each_request_is_one_entry() {
    const THREADS: usize = 4;
    const REQUESTS: usize = 20_000;
    let folder = Temporary::new();
    let mut running = listen(config(folder.path()));
    let mut entries = BTreeSet::new();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let handle = running.handle.clone();
            scope.spawn(move || {
                for number in 0..REQUESTS {
                    let action = order(&format!("{thread}.{number}"), Side::Buy, 1, 1);
                    while let Err(error) = handle.submit(action) {
                        assert_eq!(error, SubmitError::Busy);
                        std::thread::yield_now();
                    }
                }
            });
        }
        for _ in 0..THREADS * REQUESTS {
            let entry = running.next().entry.expect("the log takes it");
            assert!(entries.insert(entry));
        }
    });
    assert_eq!(entries.last(), Some(&((THREADS * REQUESTS) as u64)));
    running.end();
}

#[test]
fn a_quantity_that_no_report_can_name_is_refused() {
    let folder = Temporary::new();
    let running = listen(config(folder.path()));
    let received = 1 << 63;
    assert_eq!(
        running.handle.submit(order("w", Side::Buy, received, 1)),
        Err(SubmitError::Quantity { received })
    );
    running.end();
}

/// Snapshots are taken while it runs, and the newest two are kept; a start from one gives the same state as the log from its beginning.
#[test]
fn snapshots_are_taken_while_it_runs() {
    let folder = Temporary::new();
    let log = folder.path().join("log");
    let settings = || GatewayConfig {
        snapshots: SnapshotPolicy::Every(NonZeroU64::new(500).expect("it is not zero")),
        ..config(folder.path())
    };
    let mut running = listen(settings());
    for action in setup() {
        running.ask(action);
    }
    let taken = |count: usize| {
        let found = snapshots(&Directory::open(&log).expect("it is there"));
        found.expect("a listing").len() >= count
    };
    let end = Instant::now() + PATIENCE;
    let mut number = 0;
    while !taken(2) {
        assert!(Instant::now() < end, "no two snapshots of {number} entries");
        number += 1;
        running.ask(order(&number.to_string(), Side::Buy, 1, number % 50 + 1));
    }
    assert!(number >= 900, "not before they are due");
    running.end();
    let found = snapshots(&Directory::open(&log).expect("it is there")).expect("a listing");
    assert_eq!(found.len(), 2, "older ones are removed");
    let digest = |remove: bool| {
        if remove {
            for sequence in
                snapshots(&Directory::open(&log).expect("it is there")).expect("a listing")
            {
                let name = proofbook_journal::snapshot_name(sequence);
                std::fs::remove_file(log.join(name)).expect("it is there");
            }
        }
        let gateway = Gateway::open(settings(), &[]).expect("it opens");
        proofbook_engine::digest(gateway.exchange())
    };
    assert_eq!(digest(false), digest(true));
}
