//! Restoring refuses states that no sequence of commands leads to.

use proofbook_book::{Book, Reference};
use proofbook_books::Ladder;
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    AccountId, Action, Command, DecodeError, Event, MarketConfig, Order, OrderId, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp, ORDER_BYTES,
};

/// A resting order with nothing special.
fn order(id: u64, side: Side, price: i64, priority: u64) -> Order {
    Order {
        id: OrderId(id),
        account: AccountId::NONE,
        side,
        price: Some(Price(price)),
        stop_price: None,
        displayed: Quantity(10),
        hidden: Quantity::ZERO,
        display: None,
        filled: Quantity::ZERO,
        priority,
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        self_trade: SelfTradePrevention::Allow,
    }
}

/// Bytes of a continuous market with these orders, each in its queue as they come; `sequence` commands were taken.
fn bytes(config: MarketConfig, sequence: u64, orders: &[Order]) -> Vec<u8> {
    let mut bytes = config.encode().to_vec();
    for word in [sequence, 5, 100] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([0; 16]);
    for queue in proofbook_types::Queue::ALL {
        let standing: Vec<[u8; ORDER_BYTES]> = orders
            .iter()
            .filter(|order| order.queue() == queue)
            .map(Order::encode)
            .collect();
        bytes.extend((standing.len() as u64).to_le_bytes());
        bytes.extend(standing.concat());
    }
    bytes
}

fn restore<B: Book>(config: MarketConfig, orders: &[Order], book: B) -> Result<(), DecodeError> {
    MatchingEngine::restore(&bytes(config, 50, orders), book).map(|_| ())
}

fn refuses(what: &str, config: MarketConfig, order: Order) {
    let result = restore(config, &[order], Ladder::default());
    assert!(
        matches!(result, Err(DecodeError::Inconsistent { .. })),
        "{what}: {result:?} for {order:?}"
    );
}

#[test]
fn takes_a_plain_state() {
    let orders = [order(1, Side::Buy, 3, 7), order(2, Side::Sell, 4, 6)];
    restore(MarketConfig::default(), &orders, Ladder::default()).expect("the state is sound");
}

#[test]
fn refuses_two_orders_of_one_priority() {
    let orders = [order(1, Side::Buy, 3, 7), order(2, Side::Sell, 4, 7)];
    restore(MarketConfig::default(), &orders, Ladder::default()).expect_err("across queues");
    let orders = [order(1, Side::Buy, 3, 7), order(2, Side::Buy, 2, 7)];
    restore(MarketConfig::default(), &orders, Ladder::default()).expect_err("across prices");
}

#[test]
fn books_agree_on_what_expires_first() {
    let dated = |id, side, price, priority| Order {
        time_in_force: TimeInForce::GoodTillDate {
            expiry: Timestamp(9),
        },
        ..order(id, side, price, priority)
    };
    let orders = [dated(9, Side::Buy, 3, 7), dated(2, Side::Sell, 4, 7)];
    let state = bytes(MarketConfig::default(), 50, &orders);
    let sweep = Command {
        time: Timestamp(9),
        action: Action::Sweep,
    };
    let Ok(mut ladder) = MatchingEngine::restore(&state, Ladder::default()) else {
        return;
    };
    let mut reference = MatchingEngine::restore(&state, Reference::new()).expect("as the ladder");
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    ladder.apply(&sweep, &mut |event: Event| found.push(event));
    reference.apply(&sweep, &mut |event: Event| expected.push(event));
    assert_eq!(found, expected);
}

#[test]
fn refuses_orders_that_the_market_would_not_take() {
    let buy = order(1, Side::Buy, 3, 7);
    let refuses_in = |what, order, change: fn(&mut MarketConfig)| {
        let mut config = MarketConfig::default();
        change(&mut config);
        refuses(what, config, order);
    };
    refuses_in("tick", buy, |config| config.tick_size = 2);
    refuses_in("lot", buy, |config| config.lot_size = 3);
    let iceberg = Order {
        displayed: Quantity(5),
        hidden: Quantity(6),
        display: Some(Quantity(5)),
        ..buy
    };
    refuses_in("a display off the lot", iceberg, |config| {
        config.lot_size = 2;
    });
    refuses_in("maximum quantity", buy, |config| {
        config.max_quantity = Some(Quantity(9));
    });
    refuses_in("maximum notional", buy, |config| {
        config.max_notional = Some(29);
    });
}

#[test]
fn refuses_stops_with_terms_that_they_cannot_have() {
    let stop = Order {
        price: None,
        stop_price: Some(Price(8)),
        ..order(1, Side::Buy, 3, 7)
    };
    let immediate = Order {
        price: Some(Price(8)),
        time_in_force: TimeInForce::ImmediateOrCancel,
        ..stop
    };
    for waiting in [stop, immediate] {
        restore(MarketConfig::default(), &[waiting], Ladder::default())
            .expect("an order that may wait");
        let refuses_with = |what, change: fn(&mut Order)| {
            let mut order = waiting;
            change(&mut order);
            refuses(what, MarketConfig::default(), order);
        };
        refuses_with("post-only", |order| order.post_only = true);
        refuses_with("it traded", |order| order.filled = Quantity(1));
        refuses_with("an iceberg", |order| {
            order.displayed = Quantity(4);
            order.hidden = Quantity(6);
            order.display = Some(Quantity(4));
        });
    }
}

#[test]
fn refuses_more_orders_than_commands() {
    let orders = [order(1, Side::Buy, 3, 7), order(2, Side::Sell, 4, 6)];
    let state = bytes(MarketConfig::default(), 1, &orders);
    MatchingEngine::restore(&state, Ladder::default())
        .map(|_| ())
        .expect_err("one command, two orders");
}
