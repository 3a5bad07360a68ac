//! Orders over the whole range of prices, in waves of thousands: levels come and go by the thousand, tables grow, and what finds a
//! level by its price is built up and taken down many times. The reference book says what must come out.

use proofbook_book::Book;
use proofbook_books::{
    CacheOptimizedOrderBook, Ladder, OptimizedLockFreeOrderBook, PagedLevels, RadixOrderBook,
    SimdOrderBook, SkipListOrderBook,
};
use proofbook_testkit::conformance::Pair;
use proofbook_testkit::workload::Random;
use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

const COMMANDS: u64 = 40_000;
const CHECK_INTERVAL: u64 = 2_000;
/// Commands of one wave; the orders of a wave go before the next one comes.
const WAVE: u64 = 5_000;

/// How far prices spread: over all that there are, over parts of that, over neighbouring prices.
const SPREADS: [i64; 4] = [i64::MAX, 1 << 40, 1 << 20, 100];

struct Waves {
    random: Random,
    spread: i64,
    next_id: u64,
    live: Vec<OrderId>,
}

impl Waves {
    fn price(&mut self, side: Side) -> Price {
        let distance = self.random.below(self.spread as u64) as i64;
        // Sides stay apart, so that most orders rest; one in 200 reaches over.
        let is_bold = self.random.below(200) == 0;
        let (low, high) = (Price(-1 - distance), Price(1 + distance));
        match (side, is_bold) {
            (Side::Buy, false) | (Side::Sell, true) => low,
            (Side::Sell, false) | (Side::Buy, true) => high,
        }
    }

    fn new_order(&mut self, time: u64) -> NewOrder {
        let side = Side::BOTH[self.random.below(2) as usize];
        let price = self.price(side);
        let order_id = OrderId(self.next_id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        self.next_id += 1;
        self.live.push(order_id);
        let expiry = Timestamp(time + 1 + self.random.below(2 * WAVE));
        NewOrder {
            order_id,
            account: AccountId(self.random.below(40)),
            side,
            quantity: Quantity(1 + self.random.below(9)),
            kind: match self.random.below(10) {
                // Stops beyond all prices wait until they are cancelled or expire.
                0 => OrderKind::StopLimit {
                    stop_price: match side {
                        Side::Buy => Price(price.0.saturating_add(self.spread)),
                        Side::Sell => Price(price.0.saturating_sub(self.spread)),
                    },
                    price,
                },
                _ => OrderKind::Limit { price },
            },
            time_in_force: match self.random.below(4) {
                0 => TimeInForce::GoodTillDate { expiry },
                _ => TimeInForce::GoodTillCancel,
            },
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::CancelOldest,
        }
    }

    fn action(&mut self, number: u64) -> Action {
        let is_rising = number % WAVE < WAVE * 6 / 10;
        let grows = self.random.below(20) < if is_rising { 18 } else { 1 };
        if grows || self.live.is_empty() {
            return Action::New(self.new_order(number));
        }
        let place = self.random.below(self.live.len() as u64) as usize;
        match self.random.below(40) {
            0 => Action::MassCancel {
                account: AccountId(1 + self.random.below(39)),
            },
            1..=5 => Action::Replace {
                order_id: self.live[place],
                price: Some(self.price(Side::BOTH[(number & 1) as usize])),
                quantity: None,
                stop_price: None,
            },
            _ => Action::Cancel {
                order_id: self.live.swap_remove(place),
            },
        }
    }
}

fn run<B: Book>(book: B, spread: i64, seed: u64) {
    let mut pair = Pair::new(MarketConfig::default(), book);
    let mut waves = Waves {
        random: Random::new(seed),
        spread,
        next_id: 1,
        live: Vec::new(),
    };
    let mut most = 0;
    for number in 0..COMMANDS {
        let command = Command {
            time: Timestamp(number),
            action: waves.action(number),
        };
        let compared = pair.apply(&command).and_then(|()| {
            if number % CHECK_INTERVAL == 0 {
                pair.compare_states()?;
                pair.compare_views()?;
                pair.check()?;
            }
            Ok(())
        });
        if let Err(difference) = compared {
            panic!("spread {spread}, seed {seed}, command {number} {command:?}: {difference}");
        }
        most = most.max(Book::len(pair.reference().book()));
    }
    assert!(most > 1_500, "only {most} orders were live at a time");
}

/// Makes the test of a book: its name, and what makes an empty one.
macro_rules! wide_prices {
    ($name:ident, $make:expr) => {
        #[test]
        fn $name() {
            for (seed, spread) in (1..).zip(SPREADS) {
                run($make(), spread, seed);
            }
        }
    };
}

wide_prices!(ladder, || Ladder::with_capacity(8));
wide_prices!(simd, SimdOrderBook::default);
wide_prices!(cache_optimized, CacheOptimizedOrderBook::default);
wide_prices!(skip_list, SkipListOrderBook::default);
wide_prices!(radix, || RadixOrderBook::with_capacity(8));
wide_prices!(lockfree, || {
    OptimizedLockFreeOrderBook::<PagedLevels>::with_capacity(8)
});
