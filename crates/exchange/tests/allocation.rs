//! After warm-up no order allocates: not in the core, and not on its way through the engine and the log.

mod common;
#[path = "../../memory/tests/counting/mod.rs"]
mod counting;

use common::{client_id, entry, setup, terms};
use proofbook_books::Ladder;
use proofbook_exchange::{
    create, Action, ClientId, Entry, ExchangeEngine, ExchangeTerms, MarketId, NewOrder, OrderKind,
    Target,
};
use proofbook_journal::{Directory, Options, SyncPolicy, SystemClock};
use proofbook_testkit::files::Temporary;
use proofbook_types::{AccountId, OrderId, Price, Quantity, Side, TimeInForce};

type Engine = ExchangeEngine<Ladder, Directory, SystemClock>;

/// A round of orders that rest, trade, are replaced and cancelled.
fn round(number: u64, time: u64) -> [Entry; 4] {
    let id = |kind: &str| client_id(&format!("{kind}{number}"));
    let order = |account: u64, side, client_id, quantity| NewOrder {
        account: AccountId(account),
        session: 1,
        client_id,
        market: MarketId(1),
        side,
        quantity: Quantity(quantity),
        kind: OrderKind::Limit {
            price: Price(100 + (number % 20) as i64),
        },
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        display: None,
        self_trade: None,
    };
    let target = |client_id, original_id| Target {
        account: AccountId(1 + number % 5),
        session: 1,
        client_id,
        original_id,
        order_id: OrderId(0),
    };
    let other = 1 + (number + 1) % 5;
    [
        Action::New(order(1 + number % 5, Side::Buy, id("b"), 6)),
        Action::New(order(other, Side::Sell, id("s"), 2)),
        Action::Replace {
            target: target(id("r"), id("b")),
            price: None,
            quantity: Some(Quantity(5)),
            stop_price: None,
        },
        Action::Cancel {
            target: target(ClientId::NONE, id("r")),
        },
    ]
    .map(|action| entry(time, action))
}

#[test]
fn no_order_allocates_after_warm_up() {
    let folder = Temporary::new();
    let options = Options {
        policy: SyncPolicy::None,
        ..Options::default()
    };
    let terms = ExchangeTerms {
        orders_max: 1_000,
        retired_max: 1_000,
        ..terms()
    };
    let directory = Directory::create(folder.path()).expect("a directory can be made");
    let mut engine: Engine =
        create(directory, SystemClock::new(), terms, options).expect("it is new");
    for action in setup() {
        let _ticket = engine.submit(&entry(1, action)).expect("it is taken");
    }
    let mut trades = 0;
    let mut warming = 0;
    for number in 0..6_000 {
        let entries = round(number, 2 + number);
        if number == 3_000 {
            trades = 0;
        }
        let asked = counting::asked();
        for entry in &entries {
            let _ticket = engine.submit(entry).expect("it is taken");
        }
        engine.commit().expect("it is written");
        engine.release(&mut |_, outcome| {
            if let proofbook_exchange::Outcome::Report(report) = outcome {
                let is_trade = matches!(
                    report.execution,
                    proofbook_exchange::Execution::Trade { .. }
                );
                trades += u64::from(is_trade);
            }
        });
        // The texts of the round's client ids were made before that.
        let asked = counting::asked() - asked;
        if number >= 3_000 {
            assert_eq!(asked, 0, "round {number}");
        }
        warming += asked;
    }
    assert!(trades >= 5_900, "{trades} trades");
    assert!(warming > 0, "the counter counts");
    engine.machine().check().expect("everything holds");
    drop(engine);
}
