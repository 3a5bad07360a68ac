//! A sample exchange on loopback: one market, `BTC-USD`, and two accounts with money, whose sessions (`ALICE` and `BOB` to `EXCHANGE`, FIX 4.4, and `CAROL`, FIX 4.2,
//! of a third account, whose orders end with her connection) log on without a password; `CLERK` has copies of all their reports.
//! `serve FOLDER PORT [none] [uncopied] [awake] [--tls CERTIFICATE KEY]`: `none` syncs nothing, `uncopied` leaves the clerk out, `awake` has it look for the next
//! request for 200 µs before it sleeps; with the files in PEM it speaks TLS.
//!
//! It prints the address that it listens on, and serves until it is told to stop (SIGTERM or SIGINT), then in order, or is killed.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proofbook_exchange::{Action, AssetId, Fees, Listing, MarketId, Symbol, TextError, Transfer};
use proofbook_fix::Version;
use proofbook_gateway::{Gateway, GatewayConfig, SessionConfig, TlsFiles};
use proofbook_journal::SyncPolicy;
use proofbook_session::{Identity, Unauthenticated};
use proofbook_types::{AccountId, MarketConfig, Phase};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

type Anything = Box<dyn std::error::Error>;

/// Who trades: name, version, whether orders end with the connection.
const CLIENTS: [(&str, Version, bool); 3] = [
    ("ALICE", Version::Fix44, false),
    ("BOB", Version::Fix44, false),
    ("CAROL", Version::Fix42, true),
];

const OPTIONS: [&str; 3] = ["none", "uncopied", "awake"];

const BUSY_POLL: Duration = Duration::from_micros(200);

/// The number of the clerk's session.
const CLERK: u64 = 100;

/// A million of either asset, in units of 10^-8 and 10^-6.
const DEPOSITS: [u128; 2] = [100_000_000_000_000, 1_000_000_000_000];

fn first_entries() -> Result<Vec<Action>, TextError> {
    let mut actions = Vec::new();
    for (number, (symbol, decimals)) in [("BTC", 8), ("USD", 6)].into_iter().enumerate() {
        actions.push(Action::AddAsset {
            asset: AssetId(number as u32 + 1),
            symbol: Symbol::new(symbol.as_bytes())?,
            decimals,
        });
    }
    actions.push(Action::ListMarket(Listing {
        market: MarketId(1),
        symbol: Symbol::new(b"BTC-USD")?,
        base: AssetId(1),
        quote: AssetId(2),
        price_decimals: 2,
        quantity_decimals: 3,
        fees: Fees {
            maker: 0,
            taker: 10,
        },
        config: MarketConfig {
            market: 1,
            initial_phase: Phase::Halted,
            ..MarketConfig::default()
        },
    }));
    for account in (1..=CLIENTS.len() as u64).map(AccountId) {
        actions.push(Action::OpenAccount { account });
        for (asset, amount) in (1..).map(AssetId).zip(DEPOSITS) {
            actions.push(Action::Deposit(Transfer {
                account,
                asset,
                amount,
            }));
        }
    }
    actions.push(Action::Open {
        market: MarketId(1),
    });
    Ok(actions)
}

fn main() -> Result<(), Anything> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (arguments, tls) = match arguments.as_slice() {
        [before @ .., flag, certificate, key] if flag == "--tls" => {
            let (certificate, key) = (PathBuf::from(certificate), PathBuf::from(key));
            (before, Some(TlsFiles { certificate, key }))
        }
        all => (all, None),
    };
    let [folder, port, options @ ..] = arguments else {
        return Err(format!("expected FOLDER PORT and options, received {arguments:?}").into());
    };
    if let Some(other) = options.iter().find(|one| !OPTIONS.contains(&one.as_str())) {
        return Err(format!("expected options among {OPTIONS:?}, received {other:?}").into());
    }
    let is_set = |option: &str| options.iter().any(|one| one == option);
    let mut sessions = Vec::new();
    for (id, (name, version, cancel_on_disconnect)) in (1..).zip(CLIENTS) {
        let identity = Identity::new(version, name.as_bytes(), b"EXCHANGE")?;
        sessions.push(SessionConfig {
            cancel_on_disconnect,
            ..SessionConfig::new(id, AccountId(id), identity, Arc::new(Unauthenticated))
        });
    }
    let clerk = Identity::new(Version::Fix44, b"CLERK", b"EXCHANGE")?;
    let accounts = (1..=CLIENTS.len() as u64).map(AccountId);
    if !is_set("uncopied") {
        sessions.push(SessionConfig {
            drop_copy_of: accounts.collect(),
            ..SessionConfig::new(CLERK, AccountId(1), clerk, Arc::new(Unauthenticated))
        });
    }
    let mut config = GatewayConfig::new(PathBuf::from(folder), sessions);
    if is_set("none") {
        config.journal.policy = SyncPolicy::None;
    }
    if is_set("awake") {
        config.busy_poll = BUSY_POLL;
    }
    config.tls = tls;
    let gateway = Gateway::open(config, &first_entries()?)?;
    let reactor = gateway.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse()?)))?;
    println!("{}", reactor.address()?);
    std::io::stdout().flush()?;
    let stop = reactor.stop();
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            // It cannot be woken only where it has ended.
            let _ = stop.stop();
        }
    });
    Ok(reactor.run()?)
}
