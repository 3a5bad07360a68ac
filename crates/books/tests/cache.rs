//! What the first lines of the cache-optimized book say, held against the events and the reference book.

use proofbook_book::Book;
use proofbook_books::cache::{CacheOptimizedLevels, LastTrade};
use proofbook_books::CacheOptimizedOrderBook;
use proofbook_testkit::conformance::Pair;
use proofbook_testkit::flow::RandomFlow;
use proofbook_testkit::workload::{generate, Parameters, Scenario};
use proofbook_types::{Command, Event, MarketConfig, Price, Quantity, Queue};

/// Commands to one market of random flow.
const COMMANDS: usize = 1_500;
const MARKETS: u64 = 12;

/// What the events said so far.
#[derive(Default)]
struct Told {
    last: Option<(Price, Quantity)>,
    /// Whether the last trade was an auction's.
    is_auction: bool,
    fills: u64,
    volume: u128,
    auction_trades: u64,
}

impl Told {
    fn hear(&mut self, events: &[Event]) {
        let mut is_auction = false;
        for event in events {
            match *event {
                // An auction's trades stand between these two.
                Event::Uncrossed { .. } => is_auction = true,
                Event::PhaseChanged { .. } => is_auction = false,
                Event::Trade {
                    price, quantity, ..
                } => {
                    self.last = Some((price, quantity));
                    self.is_auction = is_auction;
                    // In an auction both orders of a trade were resting.
                    let fills = if is_auction { 2 } else { 1 };
                    self.fills += fills;
                    self.volume += u128::from(fills) * u128::from(quantity.0);
                    self.auction_trades += u64::from(is_auction);
                }
                _ => {}
            }
        }
    }

    fn compare(&self, levels: &CacheOptimizedLevels) {
        let found = levels.hot().last_trade;
        match (self.last, found) {
            (Some((_, size)), Some(found)) if self.is_auction => assert_eq!(found.size, size),
            (last, found) => {
                let last = last.map(|(price, size)| LastTrade { price, size });
                assert_eq!(found, last);
            }
        }
        assert_eq!(levels.fills(), self.fills);
        assert_eq!(levels.filled_volume(), self.volume);
    }
}

/// Levels in their order, with what the reference book knows of them: sums, and when each last changed.
fn compare_levels(pair: &Pair<CacheOptimizedOrderBook>) {
    let levels = pair.tested().book().levels();
    for queue in Queue::ALL {
        let mut expected: Vec<_> = pair.reference().book().levels(queue).collect();
        if queue.is_descending() {
            expected.reverse();
        }
        assert_eq!(levels.level_count(queue) as usize, expected.len());
        let mut found = levels.in_order(queue);
        for expected in expected {
            let level = found.next().expect("as many levels");
            assert_eq!(level.price(), expected.price);
            assert_eq!(level.total_volume(), expected.total_volume);
            assert_eq!(level.hidden_volume(), expected.hidden_volume);
            assert_eq!(level.order_count() as usize, expected.orders.len());
            assert_eq!(level.last_update_time(), expected.last_update);
            assert!(level.access_count() >= u64::from(level.order_count()));
        }
        assert!(found.next().is_none());
    }
}

/// Applies a command; says whether it changed the book for sure.
fn apply(pair: &mut Pair<CacheOptimizedOrderBook>, command: &Command, told: &mut Told) -> bool {
    let before = pair.tested().book().hot();
    pair.apply(command).expect("the same events");
    let after = pair.tested().book().hot();
    told.hear(pair.events());
    // A cancel may be that of an order that never rested.
    let has_changed = pair.events().iter().any(|event| {
        matches!(
            event,
            Event::Placed { .. } | Event::Trade { .. } | Event::Expired { .. }
        )
    });
    assert!(after.sequence >= before.sequence);
    if after.sequence == before.sequence {
        assert_eq!(after, before, "nothing changed: {command:?}");
    }
    has_changed
}

#[test]
fn the_hot_line_under_random_flow() {
    let (mut auction_trades, mut crossed) = (0, 0);
    for seed in 1..=MARKETS {
        let flow = RandomFlow::new(seed);
        let config = flow.market().config;
        let mut pair = Pair::new(config, CacheOptimizedOrderBook::default());
        let mut told = Told::default();
        for command in flow.take(COMMANDS) {
            apply(&mut pair, &command, &mut told);
            let book = pair.tested().book();
            told.compare(book.levels());
            let hot = book.hot();
            assert_eq!(hot.best_bid, book.best_price(Queue::Bids), "seed {seed}");
            assert_eq!(hot.best_ask, book.best_price(Queue::Asks), "seed {seed}");
            assert_eq!(hot.total_orders, book.len() as u64, "seed {seed}");
            let is_two_sided = hot.best_bid.is_some() && hot.best_ask.is_some();
            crossed += u32::from(is_two_sided && hot.spread.is_none());
        }
        compare_levels(&pair);
        auction_trades += told.auction_trades;
    }
    assert!(auction_trades > 10 && crossed > 10, "auctions were held");
}

#[test]
fn the_hot_line_under_the_workloads() {
    for scenario in Scenario::ALL {
        let mut pair = Pair::new(MarketConfig::default(), CacheOptimizedOrderBook::default());
        let mut told = Told::default();
        let messages = generate(&Parameters {
            scenario,
            seed: 3,
            new_orders: 2_000,
        });
        for (index, message) in messages.iter().enumerate() {
            let sequence = pair.tested().book().hot().sequence;
            let has_changed = apply(&mut pair, &message.command(), &mut told);
            let moved = pair.tested().book().hot().sequence != sequence;
            assert!(moved || !has_changed, "{scenario:?}, message {index}");
            told.compare(pair.tested().book().levels());
        }
        compare_levels(&pair);
        assert!(told.fills > 0);
    }
}
