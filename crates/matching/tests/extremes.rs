//! Markets at the ends of their number ranges: prices near the ends of 64 bits, the largest quantities, ticks, lots,
//! collars and times. Nothing may panic, wrap or differ between books, whatever a command asks for.

use proofbook_books::Ladder;
use proofbook_matching::MatchingEngine;
use proofbook_testkit::conformance::Pair;
use proofbook_testkit::workload::Random;
use proofbook_types::{
    AccountId, Action, Command, Event, MarketConfig, NewOrder, OrderId, OrderKind, Phase, Price,
    Quantity, RejectReason, SelfTradePrevention, Side, TimeInForce, Timestamp,
};

const MARKETS: u64 = 2000;
const COMMANDS: usize = 150;

fn pick<T: Copy>(random: &mut Random, choices: &[T]) -> T {
    choices[random.below(choices.len() as u64) as usize]
}

/// Draws markets and commands from the ends of every range.
struct Extremes {
    random: Random,
    config: MarketConfig,
    time: u64,
    time_step: u64,
}

impl Extremes {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let largest = i64::MAX as u64;
        let prices = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
        let reference = pick(&mut random, &prices);
        let config = MarketConfig {
            market: u64::MAX,
            tick_size: pick(&mut random, &[1, 1, 1, 2, 3, 1 << 62, largest - 1, largest]),
            lot_size: pick(&mut random, &[1, 1, 1, 7, 1 << 62, largest]),
            max_quantity: pick(
                &mut random,
                &[None, None, Some(Quantity(0)), Some(Quantity(u64::MAX))],
            ),
            max_notional: pick(
                &mut random,
                &[None, None, Some(0), Some(1 << 126), Some(u128::MAX)],
            ),
            collar: pick(
                &mut random,
                &[None, None, Some(0), Some(1), Some(1 << 63), Some(u64::MAX)],
            ),
            reference_price: pick(&mut random, &[None, Some(Price(reference))]),
            max_orders: pick(&mut random, &[1, 3, 1 << 24, 1 << 24]),
            initial_phase: pick(
                &mut random,
                &[Phase::Continuous, Phase::Continuous, Phase::Auction],
            ),
        };
        let time_step = pick(&mut random, &[0, 1, u64::MAX / 50]);
        Extremes {
            random,
            config,
            time: 0,
            time_step,
        }
    }

    fn price(&mut self) -> Price {
        let tick_size = self.config.tick_size as i64;
        let ends = [i64::MIN, i64::MAX].map(|end| end / tick_size * tick_size);
        let steps = self.random.below(4) as i64;
        let step = steps.checked_mul(tick_size).unwrap_or(tick_size);
        Price(match self.random.below(8) {
            0 | 1 => ends[0].saturating_add(step),
            2 | 3 => ends[1].saturating_sub(step),
            4 => step,
            5 => -step,
            6 => pick(&mut self.random, &[i64::MIN, i64::MAX]),
            _ => pick(&mut self.random, &[i64::MIN / 2, i64::MAX / 2, 1]),
        })
    }

    fn quantity(&mut self) -> Quantity {
        let lot_size = self.config.lot_size;
        let largest = u64::MAX / lot_size;
        let lots = pick(
            &mut self.random,
            &[
                0,
                1,
                2,
                3,
                1024,
                1025,
                largest / 2,
                largest / 2 + 1,
                largest,
            ],
        );
        let remainder = pick(&mut self.random, &[0, 0, 0, 0, 0, 0, 1]);
        Quantity((lots.min(largest) * lot_size).saturating_add(remainder))
    }

    fn new_order(&mut self) -> NewOrder {
        let (price, stop_price) = (self.price(), self.price());
        let limit = OrderKind::Limit { price };
        let expiry = Timestamp(pick(
            &mut self.random,
            &[0, self.time.saturating_add(1), u64::MAX - 1, u64::MAX],
        ));
        let time_in_force = [
            TimeInForce::GoodTillCancel,
            TimeInForce::GoodTillCancel,
            TimeInForce::GoodTillDate { expiry },
            TimeInForce::ImmediateOrCancel,
            TimeInForce::FillOrKill,
        ];
        let quantity = self.quantity();
        let thousandth = Quantity(quantity.0.div_ceil(1024));
        let prevention = [
            SelfTradePrevention::Allow,
            SelfTradePrevention::CancelNewest,
            SelfTradePrevention::CancelOldest,
            SelfTradePrevention::CancelBoth,
            SelfTradePrevention::DecrementAndCancel,
        ];
        NewOrder {
            order_id: OrderId(pick(&mut self.random, &[0, 1, 2, 3, 4, 5, 6, u64::MAX])),
            account: AccountId(pick(&mut self.random, &[0, 0, 1, u64::MAX])),
            side: pick(&mut self.random, &Side::BOTH),
            quantity,
            kind: pick(
                &mut self.random,
                &[
                    limit,
                    limit,
                    limit,
                    OrderKind::Market,
                    OrderKind::Stop { stop_price },
                    OrderKind::StopLimit { stop_price, price },
                ],
            ),
            time_in_force: pick(&mut self.random, &time_in_force),
            post_only: self.random.below(16) == 0,
            display: match self.random.below(6) {
                0 => Some(thousandth),
                1 => Some(Quantity(self.config.lot_size)),
                _ => None,
            },
            self_trade: pick(&mut self.random, &prevention),
        }
    }

    fn command(&mut self) -> Command {
        self.time = self.time.saturating_add(self.time_step);
        let order_id = OrderId(pick(&mut self.random, &[0, 1, 2, 3, 4, 5, 6, u64::MAX]));
        let named = self.random.next_u64();
        let action = match self.random.below(24) {
            0..=13 => Action::New(self.new_order()),
            14 => Action::Cancel { order_id },
            15 => Action::Reduce {
                order_id,
                quantity: self.quantity(),
            },
            16..=18 => Action::Replace {
                order_id,
                price: (named & 1 == 0).then(|| self.price()),
                quantity: (named & 2 == 0).then(|| self.quantity()),
                stop_price: (named & 12 == 0).then(|| self.price()),
            },
            19 => Action::MassCancel {
                account: AccountId(u64::MAX),
            },
            20 => Action::Halt,
            21 => Action::Resume,
            22 => Action::OpenAuction,
            _ => Action::Uncross,
        };
        Command {
            time: Timestamp(self.time),
            action,
        }
    }
}

#[test]
fn nothing_panics_or_differs_at_the_ends_of_the_ranges() {
    let mut traded = 0;
    for seed in 0..MARKETS {
        let mut extremes = Extremes::new(seed);
        let mut pair = Pair::new(extremes.config, Ladder::default());
        for number in 0..COMMANDS {
            let command = extremes.command();
            let context = || format!("seed {seed}, command {number}: {command:?}");
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                pair.apply(&command)?;
                pair.compare_states()?;
                pair.check()
            }));
            match result {
                Ok(Ok(())) => {}
                Ok(Err(difference)) => panic!("{}: {difference}", context()),
                Err(_) => panic!("{} panicked", context()),
            }
        }
        traded += u64::from(pair.reference().last_trade().is_some());
    }
    assert!(
        traded > MARKETS / 8,
        "only {traded} of {MARKETS} markets traded at all"
    );
}

/// A market over the ladder with its events of the last command.
struct Market {
    engine: MatchingEngine<Ladder>,
    next_id: u64,
}

impl Market {
    fn new(config: MarketConfig) -> Self {
        Market {
            engine: MatchingEngine::new(config, Ladder::default())
                .expect("the terms make a market"),
            next_id: 1,
        }
    }

    fn apply(&mut self, action: Action) -> Vec<Event> {
        let mut events = Vec::new();
        let command = Command {
            time: Timestamp(1),
            action,
        };
        self.engine
            .apply(&command, &mut |event: Event| events.push(event));
        self.engine.check().expect("the market is sound");
        events
    }

    fn limit(&mut self, side: Side, price: i64, quantity: u64) -> Vec<Event> {
        let order_id = OrderId(self.next_id);
        self.next_id += 1;
        self.apply(Action::New(NewOrder {
            order_id,
            account: AccountId::NONE,
            side,
            quantity: Quantity(quantity),
            kind: OrderKind::Limit {
                price: Price(price),
            },
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::Allow,
        }))
    }
}

fn rejection(events: &[Event]) -> Option<RejectReason> {
    events.iter().find_map(|event| match event {
        Event::Rejected { reason, .. } => Some(*reason),
        _ => None,
    })
}

#[test]
fn one_side_holds_at_most_what_64_bits_hold() {
    let mut market = Market::new(MarketConfig::default());
    assert_eq!(
        rejection(&market.limit(Side::Buy, i64::MIN, u64::MAX - 1)),
        None
    );
    assert_eq!(rejection(&market.limit(Side::Buy, i64::MAX, 1)), None);
    let one_more = market.limit(Side::Buy, 0, 1);
    assert_eq!(rejection(&one_more), Some(RejectReason::QuantityOverflow));
    let stop = market.apply(Action::New(NewOrder {
        order_id: OrderId(99),
        account: AccountId::NONE,
        side: Side::Buy,
        quantity: Quantity(1),
        kind: OrderKind::Stop {
            stop_price: Price(0),
        },
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        display: None,
        self_trade: SelfTradePrevention::Allow,
    }));
    assert_eq!(rejection(&stop), Some(RejectReason::QuantityOverflow));
}

#[test]
fn filled_and_open_together_fit_64_bits() {
    let mut market = Market::new(MarketConfig::default());
    market.limit(Side::Buy, 5, u64::MAX);
    market.limit(Side::Sell, 5, 10);
    let replace = |quantity| Action::Replace {
        order_id: OrderId(1),
        price: Some(Price(4)),
        quantity: Some(Quantity(quantity)),
        stop_price: None,
    };
    let too_much = market.apply(replace(u64::MAX - 9));
    assert_eq!(rejection(&too_much), Some(RejectReason::QuantityOverflow));
    assert_eq!(rejection(&market.apply(replace(u64::MAX - 10))), None);
}

#[test]
fn the_largest_notional_fits() {
    let largest = (1u128 << 63) * u128::from(u64::MAX);
    for (max_notional, expected) in [
        (largest, None),
        (largest - 1, Some(RejectReason::NotionalLimit)),
    ] {
        let mut market = Market::new(MarketConfig {
            max_notional: Some(max_notional),
            ..MarketConfig::default()
        });
        let events = market.limit(Side::Sell, i64::MIN, u64::MAX);
        assert_eq!(rejection(&events), expected, "limit {max_notional}");
    }
}

#[test]
fn collars_saturate() {
    let mut market = Market::new(MarketConfig {
        collar: Some(u64::MAX),
        reference_price: Some(Price(i64::MAX)),
        ..MarketConfig::default()
    });
    assert_eq!(rejection(&market.limit(Side::Buy, i64::MAX, 1)), None);
    assert_eq!(rejection(&market.limit(Side::Sell, i64::MIN, 1)), None);
}

#[test]
fn an_auction_spans_the_whole_range_of_prices() {
    let cases = [
        (None, i64::MIN),
        (Some(Price(i64::MIN)), i64::MIN),
        (Some(Price(-7)), -7),
        (Some(Price(i64::MAX)), i64::MAX),
    ];
    for (reference_price, expected) in cases {
        let mut market = Market::new(MarketConfig {
            reference_price,
            initial_phase: Phase::Auction,
            ..MarketConfig::default()
        });
        market.limit(Side::Buy, i64::MAX, u64::MAX);
        market.limit(Side::Sell, i64::MIN, u64::MAX);
        let events = market.apply(Action::Uncross);
        let uncrossed = Event::Uncrossed {
            price: Some(Price(expected)),
            quantity: Quantity(u64::MAX),
        };
        assert_eq!(events[0], uncrossed, "reference {reference_price:?}");
    }
}
