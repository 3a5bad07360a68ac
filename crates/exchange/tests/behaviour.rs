//! What clients see, by example: holds to the unit, fees, auctions at a better price, client ids and their chains, kill
//! switches, and reports to both sides.

mod common;

use common::{apply, client_id, core, entry, setup, terms, transfer, Core};
use proofbook_exchange::{
    Action, AssetId, Balance, ClientId, Exchange, ExchangeTerms, Execution, Fees, Liquidity,
    MarketId, NewOrder, OrderKind, OrderStatus, Outcome, Report, Target,
};
use proofbook_types::{
    AccountId, CancelReason, OrderId, Price, Quantity, ReduceReason, SelfTradePrevention, Side,
    TimeInForce, Timestamp,
};

const QUOTE: AssetId = AssetId(3);
const BASE: AssetId = AssetId(1);

struct World {
    core: Core,
    time: u64,
}

impl World {
    fn new(terms: ExchangeTerms) -> Self {
        let mut world = World {
            core: Exchange::new(terms).expect("the terms make an exchange"),
            time: 0,
        };
        for action in setup() {
            world.run(action);
        }
        world
    }

    fn run(&mut self, action: Action) -> Vec<Outcome> {
        self.time += 1;
        let outcomes = apply(&mut self.core, &entry(self.time, action));
        self.core.check().expect("everything holds");
        outcomes
    }

    fn reports(&mut self, action: Action) -> Vec<Report> {
        let outcomes = self.run(action);
        let reports = outcomes.into_iter().filter_map(|outcome| match outcome {
            Outcome::Report(report) => Some(report),
            _ => None,
        });
        reports.collect()
    }

    fn enter(&mut self, name: &str, order: NewOrder) -> Vec<Report> {
        let client_id = client_id(name);
        self.reports(Action::New(NewOrder { client_id, ..order }))
    }

    fn balance(&self, account: u64, asset: AssetId) -> Balance {
        let account = AccountId(account);
        self.core.balance(account, asset).expect("both are there")
    }

    fn named(&self, account: u64, name: &str) -> Option<Report> {
        self.core.order_named(AccountId(account), &client_id(name))
    }
}

fn limit(account: u64, side: Side, quantity: u64, price: i64) -> NewOrder {
    NewOrder {
        account: AccountId(account),
        session: account * 10,
        client_id: ClientId::NONE,
        market: MarketId(1),
        side,
        quantity: Quantity(quantity),
        kind: OrderKind::Limit {
            price: Price(price),
        },
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        display: None,
        self_trade: None,
    }
}

fn target(account: u64, client: &str, original: &str) -> Target {
    Target {
        account: AccountId(account),
        session: 7,
        client_id: client_id(client),
        original_id: client_id(original),
        order_id: OrderId(0),
    }
}

fn replace(target: Target, price: Option<i64>, quantity: Option<u64>) -> Action {
    Action::Replace {
        target,
        price: price.map(Price),
        quantity: quantity.map(Quantity),
        stop_price: None,
    }
}

// In the first market a lot is 100 units of the base asset and a tick for a lot 10 of the quote asset; a maker pays 7 basis
// points, a taker 25.

#[test]
fn holds_and_fees_are_exact() {
    let mut world = World::new(terms());
    let reports = world.enter("buy", limit(1, Side::Buy, 10, 100));
    // 100 × 10 × 10 = 10,000, and 25 basis points of it: 25.
    assert_eq!(
        (reports[0].execution, reports[0].hold),
        (Execution::New, 10_025)
    );
    assert_eq!(world.balance(1, QUOTE).held, 10_025);
    let reports = world.enter("sell", limit(2, Side::Sell, 3, 99));
    // 3 lots at 100 are 3,000: the maker pays 2.1, so 3; the taker 7.5, so 8. The buy holds 7,000 and the fee that all may
    // come to, (21,000 + 175,000) / 10,000 rounded up, less 3.
    let [new, maker, taker] = &reports[..] else {
        panic!("three reports, not {reports:?}");
    };
    let trade = |liquidity, fee| Execution::Trade {
        price: Price(100),
        quantity: Quantity(3),
        liquidity,
        fee,
    };
    assert_eq!((new.execution, new.hold), (Execution::New, 300));
    assert_eq!(maker.execution, trade(Liquidity::Maker, 3));
    assert_eq!((maker.account, maker.session), (AccountId(1), 10));
    assert_eq!(
        (maker.client_id, maker.hold),
        (client_id("buy"), 7_000 + 20 - 3)
    );
    assert_eq!(taker.execution, trade(Liquidity::Taker, 8));
    assert_eq!((taker.status, taker.notional), (OrderStatus::Filled, 3_000));
    assert_eq!((taker.leaves, taker.cumulative), (Quantity(0), Quantity(3)));
    assert_eq!(world.balance(1, QUOTE).total, 3_000_000 - 3_003);
    assert_eq!(world.balance(1, BASE).total, 3_000_000 + 300);
    assert_eq!(world.balance(2, QUOTE).total, 3_000_000 + 3_000 - 8);
    assert_eq!(world.balance(2, BASE).total, 3_000_000 - 300);
    assert_eq!(world.balance(0, QUOTE).total, 11);
    let cancel = world.reports(Action::Cancel {
        target: target(1, "stop it", "buy"),
    });
    assert_eq!(cancel[0].client_id, client_id("stop it"));
    assert_eq!(cancel[0].original_id, client_id("buy"));
    assert_eq!((cancel[0].session, cancel[0].hold), (7, 0));
    assert_eq!(world.balance(1, QUOTE).held, 0);
}

#[test]
fn many_small_trades_pay_one_rounding() {
    let mut world = World::new(terms());
    world.enter("buy", limit(1, Side::Buy, 100, 100));
    for number in 0..100 {
        world.enter(&format!("sell {number}"), limit(2, Side::Sell, 1, 100));
    }
    // 100,000 at 7 basis points is 70 exactly; rounded up trade by trade it would be 100. A hundred orders pay 3 each.
    assert_eq!(world.named(1, "buy").map(|order| order.fees), Some(70));
    assert_eq!(world.balance(2, QUOTE).total, 3_000_000 + 100_000 - 300);
    assert_eq!(world.balance(0, QUOTE).total, 370);
}

#[test]
fn an_auction_gives_back_what_a_better_price_leaves() {
    let mut world = World::new(terms());
    let market = MarketId(1);
    world.run(Action::OpenAuction { market });
    world.enter("buy", limit(1, Side::Buy, 10, 120));
    world.enter("sell", limit(2, Side::Sell, 10, 90));
    assert_eq!(world.balance(1, QUOTE).held, 12_030);
    let reports = world.reports(Action::Uncross { market });
    // Nothing decides between 90 and 120 but the reference price, 100.
    let prices: Vec<Execution> = reports.iter().map(|report| report.execution).collect();
    let trade = |liquidity, fee| Execution::Trade {
        price: Price(100),
        quantity: Quantity(10),
        liquidity,
        fee,
    };
    assert_eq!(
        prices,
        [trade(Liquidity::Maker, 7), trade(Liquidity::Taker, 25)]
    );
    let expected = Balance {
        total: 3_000_000 - 10_007,
        held: 0,
        credit: 0,
    };
    assert_eq!(world.balance(1, QUOTE), expected);
}

#[test]
fn a_market_buy_holds_up_to_the_collar_or_its_bound() {
    let mut world = World::new(terms());
    world.enter("offer", limit(2, Side::Sell, 5, 105));
    let market = NewOrder {
        kind: OrderKind::Market { bound: None },
        time_in_force: TimeInForce::ImmediateOrCancel,
        ..limit(1, Side::Buy, 8, 0)
    };
    let reports = world.enter("market", market);
    // 130 × 8 × 10 and 26 for the fee; what is left over comes back.
    assert_eq!(reports[0].hold, 10_426);
    let last = reports.last().expect("there are some");
    assert_eq!(
        last.execution,
        Execution::Cancelled {
            reason: CancelReason::Unfilled
        }
    );
    assert_eq!(world.balance(1, QUOTE).held, 0);
    assert_eq!(world.balance(1, QUOTE).total, 3_000_000 - 5_250 - 14);
    world.enter("offers", limit(2, Side::Sell, 5, 120));
    let bounded = NewOrder {
        kind: OrderKind::Market {
            bound: Some(Price(110)),
        },
        ..market
    };
    let reports = world.enter("bounded", bounded);
    assert_eq!(reports[0].hold, 110 * 80 + 22);
    assert_eq!(
        reports.len(),
        2,
        "nothing trades beyond the bound: {reports:?}"
    );
}

#[test]
fn a_stop_holds_while_it_waits_and_trades_within_its_bound() {
    let mut world = World::new(terms());
    let stop = NewOrder {
        kind: OrderKind::Stop {
            stop_price: Price(103),
            bound: Some(Price(106)),
        },
        ..limit(1, Side::Buy, 4, 0)
    };
    let reports = world.enter("stop", stop);
    assert_eq!(reports[0].hold, 106 * 40 + 11);
    world.enter("offer", limit(2, Side::Sell, 3, 103));
    world.enter("above", limit(2, Side::Sell, 9, 107));
    let reports = world.enter("buy", limit(3, Side::Buy, 1, 103));
    let executions: Vec<Execution> = reports
        .iter()
        .filter(|report| report.account == AccountId(1))
        .map(|report| report.execution)
        .collect();
    assert_eq!(executions[0], Execution::Triggered);
    let taken = matches!(
        executions[1],
        Execution::Trade {
            quantity: Quantity(2),
            ..
        }
    );
    let left = matches!(executions[2], Execution::Cancelled { .. });
    assert!(taken && left && executions.len() == 3, "{executions:?}");
    assert_eq!(world.balance(1, QUOTE).held, 0);
}

#[test]
fn an_order_pays_by_the_fees_of_when_it_was_taken_or_replaced() {
    let mut world = World::new(terms());
    let market = MarketId(1);
    world.enter("buy", limit(1, Side::Buy, 10, 100));
    let fees = Fees {
        maker: 1_000,
        taker: 2_000,
    };
    world.run(Action::SetMarketFees { market, fees });
    let reports = world.enter("a", limit(2, Side::Sell, 1, 100));
    let fee = |report: &Report| match report.execution {
        Execution::Trade { fee, .. } => fee,
        other => panic!("a trade, not {other:?}"),
    };
    assert_eq!((fee(&reports[1]), fee(&reports[2])), (1, 200));
    world.reports(replace(target(1, "dear", "buy"), None, Some(9)));
    // 8,000 are open: the worst fee of that is 1,600, with what was charged for.
    assert_eq!(world.balance(1, QUOTE).held, 8_000 + 1_600);
    let reports = world.enter("b", limit(2, Side::Sell, 1, 100));
    assert_eq!(fee(&reports[1]), 100);
}

#[test]
fn credit_goes_below_zero_and_no_further() {
    let mut world = World::new(terms());
    world.run(Action::SetCredit(transfer(6, 3, 10_025)));
    world.enter("offer", limit(2, Side::Sell, 20, 100));
    let reports = world.enter("too much", limit(6, Side::Buy, 11, 100));
    assert!(matches!(reports[0].execution, Execution::Rejected { .. }));
    world.enter("all", limit(6, Side::Buy, 10, 100));
    let balance = world.balance(6, QUOTE);
    assert_eq!((balance.total, balance.available()), (-10_025, 0));
}

#[test]
fn a_client_id_that_comes_again_gets_the_state_and_no_second_order() {
    let mut world = World::new(terms());
    let first = world.enter("one", limit(1, Side::Buy, 10, 100));
    let again = world.enter("one", limit(1, Side::Sell, 99, 90));
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].execution, Execution::Status);
    assert_eq!(again[0].order_id, first[0].order_id);
    assert_eq!(
        (again[0].side, again[0].quantity),
        (Side::Buy, Quantity(10))
    );
    // Another account's is another.
    let other = world.enter("one", limit(2, Side::Buy, 10, 99));
    assert_eq!(other[0].execution, Execution::New);
    assert_eq!(world.core.live_orders(), 2);
}

#[test]
fn client_ids_chain_through_replaces() {
    let mut world = World::new(terms());
    world.enter("one", limit(1, Side::Buy, 10, 100));
    let two = replace(target(1, "two", "one"), Some(99), None);
    let reports = world.reports(two);
    assert_eq!(reports[0].execution, Execution::Replaced);
    assert_eq!(reports[0].client_id, client_id("two"));
    assert_eq!(reports[0].original_id, client_id("one"));
    assert_eq!(reports[0].session, 7);
    // The same request again, and the first order again: nothing but the state.
    for again in [
        world.reports(two),
        world.enter("one", limit(1, Side::Buy, 10, 100)),
    ] {
        assert_eq!(again[0].execution, Execution::Status);
        assert_eq!(again[0].client_id, client_id("two"));
    }
    let three = replace(target(1, "three", "two"), None, Some(20));
    assert_eq!(world.reports(three)[0].quantity, Quantity(20));
    let id = world.named(1, "one").expect("it is remembered").order_id;
    for name in ["two", "three"] {
        assert_eq!(world.named(1, name).map(|order| order.order_id), Some(id));
    }
    // By any of them, or by the exchange's id.
    let by_id = Target {
        original_id: ClientId::NONE,
        order_id: id,
        ..target(1, "away", "one")
    };
    let reports = world.reports(Action::Cancel { target: by_id });
    assert_eq!(reports[0].original_id, client_id("three"));
    assert_eq!(
        world.named(1, "one").map(|order| order.status),
        Some(OrderStatus::Cancelled)
    );
}

#[test]
fn what_is_over_is_remembered_so_long_and_then_free_again() {
    let retired_max = 8;
    let mut world = World::new(ExchangeTerms {
        retired_max,
        ..terms()
    });
    world.enter("kept", limit(1, Side::Buy, 1, 90));
    world.enter("over", limit(1, Side::Buy, 1, 100));
    world.enter("sell", limit(2, Side::Sell, 1, 100));
    let is_filled = |order: Report| order.status == OrderStatus::Filled;
    assert!(world.named(1, "over").is_some_and(is_filled));
    for number in 0..u64::from(retired_max) {
        // The maker was done first.
        assert_eq!(world.named(1, "over").is_some(), number < 7, "{number}");
        assert!(world.named(2, "sell").is_some(), "{number}");
        world.enter(&format!("r{number}"), limit(3, Side::Buy, 1, 90));
        world.reports(Action::Cancel {
            target: target(3, "x", &format!("r{number}")),
        });
    }
    assert_eq!(
        (world.named(1, "over"), world.named(2, "sell")),
        (None, None)
    );
    // A live order's client id is not forgotten; the others are free.
    assert!(world.named(1, "kept").is_some());
    let again = world.enter("over", limit(1, Side::Buy, 1, 91));
    assert_eq!(again[0].execution, Execution::New);
}

#[test]
fn kill_switches_cancel_everything_and_hold_until_they_are_lifted() {
    let mut world = World::new(terms());
    world.enter("one", limit(1, Side::Buy, 1, 90));
    let stop = NewOrder {
        kind: OrderKind::Stop {
            stop_price: Price(80),
            bound: None,
        },
        market: MarketId(2),
        ..limit(1, Side::Sell, 2, 0)
    };
    world.enter("two", stop);
    world.enter("other", limit(2, Side::Buy, 1, 90));
    let account = AccountId(1);
    let outcomes = world.run(Action::KillAccount { account });
    let answer = Outcome::Answer {
        account,
        session: 0,
        cancelled: 2,
        refusal: None,
    };
    assert_eq!(outcomes.last(), Some(&answer));
    assert_eq!(world.core.live_orders(), 1);
    assert_eq!(
        (
            world.balance(1, QUOTE).held,
            world.balance(1, AssetId(2)).held
        ),
        (0, 0)
    );
    assert_eq!(world.core.is_account_killed(account), Some(true));
    world.run(Action::KillAll);
    assert!(world.core.is_killed() && world.core.live_orders() == 0);
    world.run(Action::ReviveAll);
    world.run(Action::ReviveAccount { account });
    let reports = world.enter("three", limit(1, Side::Buy, 1, 90));
    assert_eq!(reports[0].execution, Execution::New);
}

#[test]
fn self_trade_prevention_of_the_account_counts_where_the_order_names_none() {
    let mut world = World::new(terms());
    world.run(Action::SetSelfTrade {
        account: AccountId(1),
        self_trade: SelfTradePrevention::DecrementAndCancel,
    });
    world.enter("sell", limit(1, Side::Sell, 10, 100));
    let reports = world.enter("buy", limit(1, Side::Buy, 4, 100));
    let sell = world.named(1, "sell").expect("it is live");
    assert_eq!(
        (sell.quantity, sell.leaves, sell.hold),
        (Quantity(6), Quantity(6), 600)
    );
    let reduced = Execution::Reduced {
        quantity: Quantity(4),
        reason: ReduceReason::SelfTrade,
    };
    assert!(reports.iter().any(|report| report.execution == reduced));
    assert_eq!(world.balance(1, QUOTE).held, 0);
    let allowed = NewOrder {
        self_trade: Some(SelfTradePrevention::Allow),
        ..limit(1, Side::Buy, 6, 100)
    };
    world.enter("own", allowed);
    // It bought from itself: only the fees are gone, 5 for the maker and 15 for the taker.
    assert_eq!(world.balance(1, QUOTE).total, 3_000_000 - 20);
    assert_eq!(world.balance(1, BASE).total, 3_000_000);
}

#[test]
fn a_sweep_takes_out_what_is_due() {
    let mut world = World::new(terms());
    let until = TimeInForce::GoodTillDate {
        expiry: Timestamp(1_000),
    };
    world.enter(
        "day",
        NewOrder {
            time_in_force: until,
            ..limit(1, Side::Buy, 1, 90)
        },
    );
    assert_eq!(world.core.next_expiry(), Some(Timestamp(1_000)));
    assert_eq!(world.reports(Action::Sweep), []);
    world.time = 999;
    let reports = world.reports(Action::Sweep);
    assert_eq!(reports[0].execution, Execution::Expired);
    assert_eq!(
        (reports[0].status, reports[0].leaves),
        (OrderStatus::Expired, Quantity(0))
    );
    assert_eq!(world.core.next_expiry(), None);
}

#[test]
fn open_orders_are_those_of_the_account() {
    let mut world = World::new(terms());
    world.enter("a", limit(1, Side::Buy, 1, 90));
    world.enter("b", limit(2, Side::Buy, 1, 90));
    let second = NewOrder {
        market: MarketId(2),
        ..limit(1, Side::Buy, 2, 90)
    };
    world.enter("c", second);
    let names: Vec<ClientId> = world
        .core
        .open_orders(AccountId(1))
        .iter()
        .map(|order| order.client_id)
        .collect();
    assert_eq!(names, [client_id("a"), client_id("c")]);
    assert_eq!(core().open_orders(AccountId(1)), []);
}
