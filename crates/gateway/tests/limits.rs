//! Each refusal that comes of limits, funds and kill switches reaches a FIX client, with its name and the nearest code: of new orders and of replaces, in both versions.

mod common;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use common::{Client, Temporary};
use proofbook_exchange::{Action, AssetId, Fees, Limits, Listing, MarketId, Symbol, Transfer};
use proofbook_fix::Version;
use proofbook_gateway::{Gateway, GatewayConfig, SessionConfig};
use proofbook_session::{Identity, Unauthenticated};
use proofbook_types::{AccountId, MarketConfig, Phase, Price, Quantity};

const BUY: &str = "55=BTC-USD 54=1";

fn symbol(text: &str) -> Symbol {
    Symbol::new(text.as_bytes()).expect("a short text")
}

/// One market with a reference price of 100; its accounts have limits. The third account is killed.
fn first_entries() -> Vec<Action> {
    let mut actions = Vec::new();
    for (number, text) in [(1, "BTC"), (2, "USD")] {
        actions.push(Action::AddAsset {
            asset: AssetId(number),
            symbol: symbol(text),
            decimals: 6,
        });
    }
    let market = MarketId(1);
    actions.push(Action::ListMarket(Listing {
        market,
        symbol: symbol("BTC-USD"),
        base: AssetId(1),
        quote: AssetId(2),
        price_decimals: 2,
        quantity_decimals: 3,
        fees: Fees::default(),
        config: MarketConfig {
            market: 1,
            initial_phase: Phase::Halted,
            reference_price: Some(Price(10_000)),
            collar: Some(9_000),
            max_quantity: Some(Quantity(8_000)),
            ..MarketConfig::default()
        },
    }));
    for account in (1..=3).map(AccountId) {
        actions.push(Action::OpenAccount { account });
        actions.push(Action::Deposit(Transfer {
            account,
            asset: AssetId(2),
            amount: 600_000_000,
        }));
        actions.push(Action::SetLimits {
            account,
            market,
            limits: Limits {
                quantity_max: (account.0 == 1).then_some(5_000),
                notional_max: (account.0 == 1).then_some(450_000_000),
                open_orders_max: Some(3),
                collar: (account.0 == 1).then_some(2_000),
            },
        });
    }
    actions.push(Action::Open { market });
    actions.push(Action::KillAccount {
        account: AccountId(3),
    });
    actions
}

fn session(id: u64, name: &str, version: Version) -> SessionConfig {
    let identity = Identity::new(version, name.as_bytes(), b"EXCHANGE").expect("names");
    SessionConfig::new(id, AccountId(id), identity, Arc::new(Unauthenticated))
}

/// Limits of the account, and its money.
fn refused_by_account(alice: &mut Client) {
    for (id, terms, expected) in [
        (
            "1",
            "38=6 44=90",
            "150=8 39=8 103=3 58=account_quantity_limit",
        ),
        ("2", "38=5 44=91", "150=8 103=3 58=account_notional_limit"),
        ("3", "38=1 44=121", "150=8 103=3 58=account_collar"),
        ("4", "38=1 44=90", "150=0"),
        ("5", "38=5 44=90", "150=0"),
        ("6", "38=1 44=90", "150=8 103=3 58=insufficient_funds"),
        ("7", "38=0.001 44=90", "150=0"),
        ("8", "38=0.001 44=90", "150=8 103=3 58=open_orders_limit"),
    ] {
        alice.ask("D", &format!("11={id} 21=1 {BUY} 40=2 59=1 {terms}"));
        alice.next().has("35=8").has(expected);
    }
    for (terms, name) in [
        ("38=6 44=90", "account_quantity_limit"),
        ("38=5 44=91", "account_notional_limit"),
        ("38=1 44=121", "account_collar"),
        ("38=3 44=90", "insufficient_funds"),
    ] {
        alice.ask("G", &format!("11=r 41=4 21=1 {BUY} 40=2 {terms}"));
        let expected = format!("35=9 39=0 41=4 434=2 102=2 58={name}");
        alice.next().has(&expected);
    }
}

/// Limits of the market.
fn refused_by_market(bob: &mut Client, version: Version) {
    let is_44 = version == Version::Fix44;
    let (quantity, terms_apart) = if is_44 { ("13", "11") } else { ("0", "0") };
    for (iceberg, terms, code, name) in [
        ("", "38=9 44=10", "3", "quantity_limit"),
        ("", "38=1 44=191", "3", "price_collar"),
        ("", "38=0 44=100", quantity, "zero_quantity"),
        ("111=2", "38=1 44=100", terms_apart, "display_quantity"),
    ] {
        bob.ask("D", &format!("11=1 21=1 {iceberg} {BUY} 40=2 59=1 {terms}"));
        bob.next().has(&format!("150=8 39=8 103={code} 58={name}"));
    }
}

#[test]
fn each_refusal_of_a_limit_has_its_name_and_code() {
    for version in [Version::Fix42, Version::Fix44] {
        let folder = Temporary::new();
        let names = [(1, "ALICE"), (2, "BOB"), (3, "CAROL")];
        let sessions = names.map(|(id, name)| session(id, name, version));
        let config = GatewayConfig::new(folder.path().to_owned(), sessions.into());
        let gateway = Gateway::open(config, &first_entries()).expect("it opens");
        let reactor = gateway.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let reactor = reactor.expect("it listens");
        let (address, stop) = (reactor.address().expect("it is bound"), reactor.stop());
        let thread = std::thread::spawn(move || reactor.run());
        let mut clients = names.map(|(_, name)| Client::new(name, version));
        for client in &mut clients {
            client.log_on(address);
        }
        let [alice, bob, carol] = &mut clients;
        refused_by_account(alice);
        refused_by_market(bob, version);
        carol.ask("D", &format!("11=1 21=1 {BUY} 38=1 40=2 44=90"));
        carol.next().has("150=8 39=8 103=0 58=account_killed");
        for client in &mut clients {
            client.has_nothing();
        }
        stop.stop().expect("it is woken");
        thread.join().expect("it does not panic").expect("written");
    }
}
