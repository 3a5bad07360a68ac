//! Every value has exactly one encoding: what is written reads back, and any other bytes are refused.

use proofbook_types::{
    AccountId, Action, Command, DecodeError, MarketConfig, NewOrder, Order, OrderId, OrderKind,
    Phase, Price, Quantity, SelfTradePrevention, Side, TimeInForce, Timestamp, COMMAND_BYTES,
    CONFIG_BYTES, ORDERS_MAX, ORDER_BYTES,
};
use proptest::array::uniform;
use proptest::option::of;
use proptest::prelude::{any, prop_oneof, proptest, Just, Strategy};
use proptest::sample::select;

fn price() -> impl Strategy<Value = Price> {
    prop_oneof![
        any::<i64>(),
        Just(i64::MIN),
        Just(i64::MAX),
        Just(0),
        -99..99i64
    ]
    .prop_map(Price)
}

fn quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![any::<u64>(), Just(u64::MAX), 0..99u64].prop_map(Quantity)
}

fn time_in_force() -> impl Strategy<Value = TimeInForce> {
    prop_oneof![
        Just(TimeInForce::GoodTillCancel),
        Just(TimeInForce::ImmediateOrCancel),
        Just(TimeInForce::FillOrKill),
        any::<u64>().prop_map(|expiry| TimeInForce::GoodTillDate {
            expiry: Timestamp(expiry)
        }),
    ]
}

fn self_trade() -> impl Strategy<Value = SelfTradePrevention> {
    select(vec![
        SelfTradePrevention::Allow,
        SelfTradePrevention::CancelNewest,
        SelfTradePrevention::CancelOldest,
        SelfTradePrevention::CancelBoth,
        SelfTradePrevention::DecrementAndCancel,
    ])
}

fn kind() -> impl Strategy<Value = OrderKind> {
    prop_oneof![
        Just(OrderKind::Market),
        price().prop_map(|price| OrderKind::Limit { price }),
        price().prop_map(|stop_price| OrderKind::Stop { stop_price }),
        (price(), price())
            .prop_map(|(stop_price, price)| OrderKind::StopLimit { stop_price, price }),
    ]
}

fn new_order() -> impl Strategy<Value = NewOrder> {
    let who = (any::<u64>(), any::<u64>(), select(Side::BOTH.to_vec()));
    let terms = (time_in_force(), any::<bool>(), of(quantity()), self_trade());
    (who, quantity(), kind(), terms).prop_map(
        |((id, account, side), quantity, kind, (time_in_force, post_only, display, self_trade))| {
            NewOrder {
                order_id: OrderId(id),
                account: AccountId(account),
                side,
                quantity,
                kind,
                time_in_force,
                post_only,
                display,
                self_trade,
            }
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    let order_id = || any::<u64>().prop_map(OrderId);
    prop_oneof![
        4 => new_order().prop_map(Action::New),
        1 => order_id().prop_map(|order_id| Action::Cancel { order_id }),
        1 => any::<u64>().prop_map(|account| Action::MassCancel { account: AccountId(account) }),
        1 => (order_id(), quantity())
            .prop_map(|(order_id, quantity)| Action::Reduce { order_id, quantity }),
        2 => (order_id(), of(price()), of(quantity()), of(price())).prop_map(
            |(order_id, price, quantity, stop_price)| Action::Replace {
                order_id,
                price,
                quantity,
                stop_price,
            },
        ),
        1 => select(vec![
            Action::Sweep,
            Action::Halt,
            Action::Resume,
            Action::OpenAuction,
            Action::Uncross,
        ]),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    (any::<u64>(), action()).prop_map(|(time, action)| Command {
        time: Timestamp(time),
        action,
    })
}

fn order() -> impl Strategy<Value = Order> {
    let who = (any::<u64>(), any::<u64>(), select(Side::BOTH.to_vec()));
    let prices = (of(price()), of(price()));
    let quantities = (quantity(), quantity(), of(quantity()), quantity());
    let terms = (time_in_force(), any::<bool>(), self_trade());
    (who, prices, quantities, any::<u64>(), terms).prop_map(
        |(who, (price, stop_price), (displayed, hidden, display, filled), priority, terms)| Order {
            id: OrderId(who.0),
            account: AccountId(who.1),
            side: who.2,
            price,
            stop_price,
            displayed,
            hidden,
            display,
            filled,
            priority,
            time_in_force: terms.0,
            post_only: terms.1,
            self_trade: terms.2,
        },
    )
}

fn config() -> impl Strategy<Value = MarketConfig> {
    let range = || 1..=i64::MAX.unsigned_abs();
    let limits = (
        of(quantity()),
        of(any::<u128>()),
        of(any::<u64>()),
        of(price()),
    );
    (
        any::<u64>(),
        range(),
        range(),
        limits,
        1..=ORDERS_MAX,
        0..3usize,
    )
        .prop_map(
            |(market, tick_size, lot_size, limits, max_orders, phase)| MarketConfig {
                market,
                tick_size,
                lot_size,
                max_quantity: limits.0,
                max_notional: limits.1,
                collar: limits.2,
                reference_price: limits.3,
                max_orders,
                initial_phase: Phase::ALL[phase],
            },
        )
}

/// Bytes that are often zero or small, so that many decode.
fn mostly_zero() -> impl Strategy<Value = u8> {
    prop_oneof![20 => Just(0u8), 2 => 0..12u8, 1 => any::<u8>()]
}

/// A value reads back, and whatever bytes differ from its own are another value's or nobody's.
fn reads_back<T: PartialEq + std::fmt::Debug, const N: usize>(
    value: &T,
    bytes: [u8; N],
    decode: impl Fn(&[u8; N]) -> Result<T, DecodeError>,
    encode: impl Fn(&T) -> [u8; N],
) {
    assert_eq!(decode(&bytes).as_ref(), Ok(value));
    for bit in 0..N * 8 {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = decode(&changed) {
            assert_ne!(&other, value, "bit {bit} means nothing");
            assert_eq!(encode(&other), changed, "bit {bit}");
        }
    }
}

proptest! {
    #[test]
    fn commands_have_one_encoding(command in command()) {
        reads_back(&command, command.encode(), Command::decode, Command::encode);
    }

    #[test]
    fn orders_have_one_encoding(order in order()) {
        reads_back(&order, order.encode(), Order::decode, Order::encode);
    }

    #[test]
    fn configurations_have_one_encoding(config in config()) {
        reads_back(&config, config.encode(), MarketConfig::decode, MarketConfig::encode);
    }

    #[test]
    fn any_bytes_are_refused_or_one_encoding(bytes in uniform::<_, ORDER_BYTES>(mostly_zero())) {
        let command: [u8; COMMAND_BYTES] = bytes[..COMMAND_BYTES].try_into().expect("long enough");
        if let Ok(found) = Command::decode(&command) {
            assert_eq!(found.encode(), command);
        }
        let order: [u8; ORDER_BYTES] = bytes[..ORDER_BYTES].try_into().expect("long enough");
        if let Ok(found) = Order::decode(&order) {
            assert_eq!(found.encode(), order);
        }
        let config: [u8; CONFIG_BYTES] = bytes[..CONFIG_BYTES].try_into().expect("long enough");
        if let Ok(found) = MarketConfig::decode(&config) {
            assert_eq!(found.encode(), config);
        }
    }
}
