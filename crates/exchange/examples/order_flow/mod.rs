//! One market's flow of orders, and an engine with its log in a directory: what examples measure with.
//!
//! Accounts enter limit orders around a price that wanders, and cancel most of them.

use std::error::Error;
use std::path::{Path, PathBuf};

use proofbook_books::Ladder;
use proofbook_exchange::{
    create, Action, AssetId, ClientId, Entry, ExchangeEngine, ExchangeTerms, Fees, Listing,
    MarketId, NewOrder, OrderKind, Outcome, Symbol, Target, Transfer,
};
use proofbook_journal::{Directory, Options, SyncPolicy, SystemClock};
use proofbook_types::{
    AccountId, MarketConfig, OrderId, Phase, Price, Quantity, Side, TimeInForce, Timestamp,
};

const ACCOUNTS: u64 = 64;
const BATCH: usize = 256;

/// An exchange with its log.
pub type Engine = ExchangeEngine<Ladder, Directory, SystemClock>;

/// A generator without dependencies: Vigna's `splitmix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

pub fn terms() -> ExchangeTerms {
    ExchangeTerms {
        orders_max: 1 << 16,
        ..ExchangeTerms::default()
    }
}

fn client_id(number: u64) -> ClientId {
    ClientId::new(format!("order-{number:012}").as_bytes()).expect("it is a short text")
}

/// Assets, a market and accounts with enough of everything.
pub fn setup() -> Result<Vec<Action>, Box<dyn Error>> {
    let symbol = |text: &str| Symbol::new(text.as_bytes());
    let asset = |number, text: &str, decimals| -> Result<Action, Box<dyn Error>> {
        Ok(Action::AddAsset {
            asset: AssetId(number),
            symbol: symbol(text)?,
            decimals,
        })
    };
    let market = MarketId(1);
    let mut actions = vec![
        asset(1, "BTC", 8)?,
        asset(2, "USD", 6)?,
        Action::ListMarket(Listing {
            market,
            symbol: symbol("BTC-USD")?,
            base: AssetId(1),
            quote: AssetId(2),
            price_decimals: 2,
            quantity_decimals: 4,
            fees: Fees { maker: 2, taker: 5 },
            config: MarketConfig {
                market: 1,
                initial_phase: Phase::Halted,
                ..MarketConfig::default()
            },
        }),
        Action::Open { market },
    ];
    for account in (1..=ACCOUNTS).map(AccountId) {
        actions.push(Action::OpenAccount { account });
        for asset in [1, 2].map(AssetId) {
            actions.push(Action::Deposit(Transfer {
                account,
                asset,
                amount: 1 << 80,
            }));
        }
    }
    Ok(actions)
}

/// The flow: about half new orders, half cancels of orders that may have traded meanwhile.
pub fn flow(orders: u64) -> Vec<Action> {
    let mut random = Random(7);
    let mut middle: i64 = 5_000_000;
    let mut open: Vec<(AccountId, ClientId)> = Vec::new();
    let mut actions = Vec::new();
    let mut entered = 0;
    while entered < orders {
        if open.len() > 2_000 || (open.len() > 100 && random.below(2) == 0) {
            let index = random.below(open.len() as u64) as usize;
            let (account, original_id) = open.swap_remove(index);
            actions.push(Action::Cancel {
                target: Target {
                    account,
                    session: account.0,
                    client_id: ClientId::NONE,
                    original_id,
                    order_id: OrderId(0),
                },
            });
            continue;
        }
        entered += 1;
        middle += random.below(3) as i64 - 1;
        let side = Side::BOTH[random.below(2) as usize];
        let away = random.below(40) as i64 - 4;
        let account = AccountId(1 + random.below(ACCOUNTS));
        let client_id = client_id(entered);
        open.push((account, client_id));
        actions.push(Action::New(NewOrder {
            account,
            session: account.0,
            client_id,
            market: MarketId(1),
            side,
            quantity: Quantity(1 + random.below(100)),
            kind: OrderKind::Limit {
                price: Price(match side {
                    Side::Buy => middle - away,
                    Side::Sell => middle + away,
                }),
            },
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            display: None,
            self_trade: None,
        }));
    }
    actions
}

pub fn entries(actions: Vec<Action>) -> Vec<Entry> {
    (1..)
        .map(Timestamp)
        .zip(actions)
        .map(|(time, action)| Entry { time, action })
        .collect()
}

/// A directory for one log, removed in the end.
pub struct Scratch(pub PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // A directory that cannot be removed stays behind; the figures are as good.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Nanoseconds that this thread has run.
pub fn ran_ns() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split(' ').next().ok_or("no schedule statistics")?;
    Ok(first.parse()?)
}

pub fn engine(path: &Path) -> Result<Engine, Box<dyn Error>> {
    let options = Options {
        policy: SyncPolicy::None,
        ..Options::default()
    };
    Ok(create(
        Directory::create(path)?,
        SystemClock::new(),
        terms(),
        options,
    )?)
}

pub fn submit(
    engine: &mut Engine,
    entries: &[Entry],
    sink: &mut impl FnMut(u64, Outcome),
) -> Result<(), Box<dyn Error>> {
    for piece in entries.chunks(BATCH) {
        for entry in piece {
            let _ticket = engine.submit(entry)?;
        }
        engine.commit()?;
        engine.release(sink);
    }
    Ok(())
}
