//! What the lock-free book asks of the allocator: nothing once it is warm, however much it shows, and nothing is left when it and its readers are gone.
#![cfg(not(loom))]

mod common;
#[path = "../../memory/tests/counting/mod.rs"]
mod counting;

use common::{assert_consistent, Market};
use proofbook_testkit::workload::Random;
use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

/// Orders live at a time.
const LIVE: u64 = 300;

/// New orders on both sides, each cancelled when `LIVE` others have come after it; some trade.
fn command(random: &mut Random, number: u64) -> Command {
    let id = number.div_ceil(2);
    let action = if number % 2 == 1 {
        let side = Side::BOTH[random.below(2) as usize];
        let distance = random.below(400) as i64 - 8;
        let price = match side {
            Side::Buy => Price(1_000 - distance),
            Side::Sell => Price(1_000 + distance),
        };
        Action::New(NewOrder {
            order_id: OrderId(id),
            account: AccountId(0),
            side,
            quantity: Quantity(1 + random.below(9)),
            kind: OrderKind::Limit { price },
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::CancelOldest,
        })
    } else {
        Action::Cancel {
            order_id: OrderId(id.saturating_sub(LIVE)),
        }
    };
    Command {
        time: Timestamp(number),
        action,
    }
}

#[test]
fn a_warm_book_shows_each_command_without_allocating() {
    const WARM_UP: u64 = 60_000;
    const COMMANDS: u64 = 40_000;
    let mut random = Random::new(1);
    let mut market = Market::new(MarketConfig::default(), 1, 1 << 16);
    let reader = market.readers.register().expect("a place");
    let mut asked = 0;
    for number in 1..=WARM_UP + COMMANDS {
        if number == WARM_UP {
            asked = counting::asked();
        }
        market.apply(&command(&mut random, number));
        assert!(market.publish(), "nobody keeps a snapshot");
        if number % 64 == 0 {
            let snapshot = reader.snapshot();
            assert_eq!(snapshot.sequence(), number);
        }
    }
    let statistics = market.engine.book().levels().statistics();
    assert_eq!(statistics.snapshots.published, WARM_UP + COMMANDS);
    assert_eq!(counting::asked() - asked, 0, "{statistics:?}");
}

#[test]
fn nothing_is_left_when_all_are_gone() {
    let held = counting::held();
    // In each order of going: the market first, the readers first, or in between.
    for order in 0..3 {
        let mut random = Random::new(order);
        let mut market = Market::new(MarketConfig::default(), 2, 1 << 10);
        let reader = market.readers.register().expect("a place");
        let other = market.readers.register().expect("a place");
        for number in 1..=2_000 {
            market.apply(&command(&mut random, number));
            let _ = market.publish();
        }
        let snapshot = reader.snapshot();
        for number in 2_001..=4_000 {
            market.apply(&command(&mut random, number));
            let _ = market.publish();
        }
        assert_consistent(&snapshot);
        match order {
            0 => {
                drop(market);
                assert_consistent(&other.snapshot());
                drop((snapshot, other));
            }
            1 => {
                drop(other);
                drop(snapshot);
                drop(reader);
                drop(market);
                continue;
            }
            _ => {
                drop(snapshot);
                market.apply(&command(&mut random, 4_001));
                assert!(market.publish(), "nobody keeps a snapshot");
                drop(market);
            }
        }
        drop(reader);
    }
    assert_eq!(counting::held(), held, "blocks are left");
}
