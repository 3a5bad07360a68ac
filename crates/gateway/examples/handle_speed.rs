//! Requests a second through a handle, and for how long a snapshot holds the reactor up. `handle_speed [REQUESTS]`.
//!
//! One thread submits as fast as the reactor takes, another reads what became of them. First orders that are cancelled at once, then orders that rest, of many
//! accounts, until 200,000 do; then snapshots are taken while orders are cancelled and entered again. Nothing is synced. The exchange's state is checked at the end:
//! as many orders as there must be, and its books hold together.

use std::num::NonZeroU64;
use std::path::Path;
use std::time::{Duration, Instant};

use proofbook_exchange::{
    Action, AssetId, ClientId, Fees, Listing, MarketId, NewOrder, OrderKind, Symbol, Target,
    Transfer,
};
use proofbook_gateway::{
    Answers, Gateway, GatewayConfig, Handle, SnapshotPolicy, SubmitError, HANDLE_SESSION,
};
use proofbook_journal::SyncPolicy;
use proofbook_types::{
    AccountId, MarketConfig, OrderId, Phase, Price, Quantity, Side, TimeInForce,
};

const REQUESTS: u64 = 1_000_000;
const ACCOUNTS: u64 = 100;
const RESTING: u64 = 200_000;
const SNAPSHOT_ENTRIES: u64 = 100_000;

fn first_entries() -> Vec<Action> {
    let symbol = |text: &[u8]| Symbol::new(text).expect("a short text");
    let asset = |number, text| Action::AddAsset {
        asset: AssetId(number),
        symbol: symbol(text),
        decimals: 6,
    };
    let market = MarketId(1);
    let listing = Listing {
        market,
        symbol: symbol(b"BTC-USD"),
        base: AssetId(1),
        quote: AssetId(2),
        price_decimals: 2,
        quantity_decimals: 3,
        fees: Fees::default(),
        config: MarketConfig {
            market: 1,
            initial_phase: Phase::Halted,
            ..MarketConfig::default()
        },
    };
    let mut actions = vec![
        asset(1, b"BTC"),
        asset(2, b"USD"),
        Action::ListMarket(listing),
    ];
    for account in (1..=ACCOUNTS).map(AccountId) {
        actions.push(Action::OpenAccount { account });
        actions.push(Action::Deposit(Transfer {
            account,
            asset: AssetId(2),
            amount: 1 << 60,
        }));
    }
    actions.push(Action::Open { market });
    actions
}

fn client_id(number: u64) -> ClientId {
    ClientId::new(number.to_string().as_bytes()).expect("a short text")
}

fn order(number: u64) -> Action {
    Action::New(NewOrder {
        account: AccountId(number % ACCOUNTS + 1),
        session: HANDLE_SESSION,
        client_id: client_id(number),
        market: MarketId(1),
        side: Side::Buy,
        quantity: Quantity(1),
        kind: OrderKind::Limit {
            price: Price(1 + (number % 1_000) as i64),
        },
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        display: None,
        self_trade: None,
    })
}

fn cancel(number: u64) -> Action {
    Action::Cancel {
        target: Target {
            account: AccountId(number % ACCOUNTS + 1),
            session: HANDLE_SESSION,
            client_id: ClientId::NONE,
            original_id: client_id(number),
            order_id: OrderId(0),
        },
    }
}

/// Submits actions while another thread reads that each is an entry; actions a second, until the last is acknowledged.
fn speed(
    handle: &Handle,
    answers: &mut Answers,
    actions: impl ExactSizeIterator<Item = Action> + Send,
) -> f64 {
    let (start, count) = (Instant::now(), actions.len());
    let mut last = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for action in actions {
                while let Err(error) = handle.submit(action) {
                    assert_eq!(error, SubmitError::Busy);
                    std::thread::yield_now();
                }
            }
        });
        for _ in 0..count {
            last = loop {
                match answers.pop() {
                    Some(taken) => break taken.entry.expect("the log takes it"),
                    None => handle
                        .progress()
                        .wait_beyond(last, Duration::from_millis(1)),
                }
            };
        }
    });
    handle
        .progress()
        .wait_beyond(last - 1, Duration::from_secs(10));
    count as f64 / start.elapsed().as_secs_f64()
}

fn run(folder: &Path, requests: u64) {
    let mut config = GatewayConfig::new(folder.to_owned(), Vec::new());
    config.journal.policy = SyncPolicy::None;
    let entries = NonZeroU64::new(SNAPSHOT_ENTRIES).expect("it is not zero");
    config.snapshots = SnapshotPolicy::Every(entries);
    let gateway = Gateway::open(config.clone(), &first_entries()).expect("it opens");
    let mut reactor = gateway.serve(None).expect("it runs");
    let (handle, mut answers) = reactor.attach();
    let (stop, metrics) = (reactor.stop(), reactor.metrics());
    let thread = std::thread::spawn(move || reactor.run());
    let turns = (0..requests / 2 * 2).map(|number| match number % 2 {
        0 => order(number / 2),
        _ => cancel(number / 2),
    });
    let turns: Vec<Action> = turns.collect();
    let rate = speed(&handle, &mut answers, turns.into_iter());
    println!("orders and their cancels: {rate:.0} a second");
    let first = requests;
    let resting: Vec<Action> = (first..first + RESTING).map(order).collect();
    let rate = speed(&handle, &mut answers, resting.into_iter());
    println!("orders that rest: {rate:.0} a second");
    let before: u64 = metrics.snapshot_ns.count();
    let pauses_ns = metrics.snapshot_ns.sum();
    let again: Vec<Action> = (first..first + RESTING)
        .flat_map(|number| [cancel(number), order(number + RESTING)])
        .collect();
    let rate = speed(&handle, &mut answers, again.into_iter());
    let count = metrics.snapshot_ns.count() - before;
    let mean_ms = (metrics.snapshot_ns.sum() - pauses_ns) as f64 / 1e6 / count.max(1) as f64;
    println!(
        "beside {RESTING} orders that rest: {rate:.0} a second; {count} snapshots, which held the reactor up for {mean_ms:.1} ms each"
    );
    stop.stop().expect("it is woken");
    let ended = thread.join().expect("it does not panic");
    ended.expect("everything was written");
    let gateway = Gateway::open(config, &[]).expect("it opens");
    assert_eq!(u64::from(gateway.exchange().live_orders()), RESTING);
    gateway.exchange().check().expect("its books hold together");
}

fn main() {
    let requests = std::env::args().nth(1).map_or(REQUESTS, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("expected a number of requests, received {text:?}"))
    });
    let name = format!("proofbook-handle-speed-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    for round in 0..2 {
        run(&folder.join(round.to_string()), requests);
    }
    std::fs::remove_dir_all(&folder).expect("it was made here");
}
