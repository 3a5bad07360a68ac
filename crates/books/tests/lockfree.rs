//! What readers of the lock-free book see, by one thread: exactly the market after a command, in every view.
#![cfg(not(loom))]

mod common;

use common::{assert_consistent, levels_of, Market};
use proofbook_book::{Book, Level};
use proofbook_books::lockfree::{LockFreeReader, Touch};
use proofbook_testkit::flow::RandomFlow;
use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity, Queue,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

const SEEDS: u64 = 12;
const COMMANDS: usize = 1_500;

fn assert_shows(market: &Market, reader: &LockFreeReader) {
    let touch = market.expected_touch();
    assert_eq!(market.readers.touch(), touch);
    assert_eq!(reader.touch(), touch);
    assert_eq!(reader.snapshot_touch(), touch);
    let snapshot = reader.snapshot();
    assert_eq!(snapshot.touch(), touch);
    assert_consistent(&snapshot);
    let book = market.engine.book();
    for queue in Queue::ALL {
        let expected: Vec<Level> = levels_of(book, queue).collect();
        let found: Vec<Level> = snapshot.levels(queue).collect();
        assert_eq!(expected, found, "{queue:?}");
        let two: Vec<Level> = snapshot.depth(queue, 2).collect();
        assert_eq!(two, expected[..expected.len().min(2)], "{queue:?}");
        for (index, level) in expected.iter().enumerate() {
            assert_eq!(snapshot.level(queue, level.price), Some(*level));
            let beside = Price(level.price.0.saturating_add(1));
            assert_eq!(snapshot.level(queue, beside), book.level(queue, beside));
            let next = expected.get(index + 1).copied();
            assert_eq!(snapshot.next_level(queue, level.price), next);
            assert_eq!(
                snapshot.next_level(queue, beside),
                book.next_level(queue, Some(beside))
            );
        }
    }
}

#[test]
fn readers_see_each_command_and_nothing_between_two() {
    for seed in 1..=SEEDS {
        let flow = RandomFlow::new(seed);
        let mut market = Market::new(flow.market().config, 2, 1 << 16);
        let reader = market.readers.register().expect("a place");
        for (index, command) in flow.take(COMMANDS).enumerate() {
            let before = market.readers.touch();
            market.apply(&command);
            assert_eq!(
                market.readers.touch(),
                before,
                "seed {seed}, command {index}: shown before its end"
            );
            assert!(
                market.publish(),
                "seed {seed}, command {index}: nobody holds anything"
            );
            assert_shows(&market, &reader);
            market
                .engine
                .book()
                .check()
                .unwrap_or_else(|error| panic!("seed {seed}, command {index}: {error}"));
        }
    }
}

#[test]
fn the_next_command_shows_what_the_writer_did_not() {
    for seed in 1..=SEEDS {
        let flow = RandomFlow::new(seed);
        let mut market = Market::new(flow.market().config, 2, 1 << 16);
        let reader = market.readers.register().expect("a place");
        let mut expected = market.expected_touch();
        let mut clock = Timestamp(0);
        let mut count = 0;
        for command in flow.take(COMMANDS) {
            // A command that goes back in time is refused before it begins.
            if command.time < clock {
                continue;
            }
            clock = command.time;
            market.apply(&command);
            count += 1;
            assert_eq!(market.readers.touch(), expected, "seed {seed}");
            let snapshot = reader.snapshot();
            assert_eq!(snapshot.touch(), expected, "seed {seed}");
            assert_consistent(&snapshot);
            expected = market.expected_touch();
            assert_eq!(expected.sequence, count);
        }
        assert_eq!(
            market
                .engine
                .book()
                .levels()
                .statistics()
                .snapshots
                .published,
            count - 1
        );
    }
}

/// Commands of a flow that begin, which those do not that go back in time.
fn forward(flow: RandomFlow) -> impl Iterator<Item = Command> {
    let mut clock = Timestamp(0);
    flow.filter(move |command| {
        let begins = command.time >= clock;
        clock = clock.max(command.time);
        begins
    })
}

/// How far touch and snapshots may be behind.
const BEHIND_MAX: [[u64; 2]; 6] = [[1, 1], [1, 9], [2, 7], [7, 7], [9, 4], [64, 512]];

/// Which commands readers should see.
#[derive(Default)]
struct Shown {
    touch: u64,
    snapshot: u64,
}

impl Shown {
    /// So many commands have ended, and what is too far behind is shown.
    fn follow(&mut self, ended: u64, behind_max: [u64; 2]) {
        let [touch_behind_max, snapshot_behind_max] = behind_max;
        if ended - self.snapshot >= snapshot_behind_max {
            (self.touch, self.snapshot) = (ended, ended);
        } else if ended - self.touch >= touch_behind_max {
            self.touch = ended;
        }
    }

    fn check(&self, reader: &LockFreeReader, ends: &[Touch]) {
        assert_eq!(reader.touch(), ends[self.touch as usize]);
        let snapshot = reader.snapshot();
        assert_eq!(snapshot.touch(), ends[self.snapshot as usize]);
        assert_consistent(&snapshot);
    }
}

#[test]
fn commands_are_shown_together_and_none_later_than_the_bound() {
    for behind_max in BEHIND_MAX {
        let flow = RandomFlow::new(behind_max[1]);
        let mut market = Market::with_bounds(flow.market().config, 1, 1 << 16, behind_max);
        let reader = market.readers.register().expect("a place");
        let mut shown = Shown::default();
        let mut ends = vec![market.expected_touch()];
        for command in forward(flow).take(COMMANDS) {
            // It begins when those before it have ended.
            shown.follow(ends.len() as u64 - 1, behind_max);
            market.apply(&command);
            ends.push(market.expected_touch());
            shown.check(&reader, &ends);
        }
        assert!(market.publish());
        assert_shows(&market, &reader);
        market.engine.book().check().expect("a whole book");
    }
}

#[test]
fn ends_that_are_said_have_the_markets_numbers() {
    for behind_max in BEHIND_MAX {
        // Among the commands are some whose time runs backwards: these are counted, and never begin.
        let flow = RandomFlow::new(behind_max[1]);
        let mut market = Market::with_bounds(flow.market().config, 1, 1 << 16, behind_max);
        let reader = market.readers.register().expect("a place");
        let mut shown = Shown::default();
        let mut ends = vec![market.expected_touch()];
        for command in flow.take(COMMANDS) {
            market.apply(&command);
            market.end();
            ends.push(market.expected_touch());
            shown.follow(market.engine.sequence(), behind_max);
            shown.check(&reader, &ends);
        }
        assert!(market.publish());
        assert_shows(&market, &reader);
    }
}

#[test]
fn what_is_published_is_shown_once() {
    let flow = RandomFlow::new(4);
    let mut market = Market::with_bounds(flow.market().config, 1, 1 << 16, [5, 10]);
    let reader = market.readers.register().expect("a place");
    let published = |market: &Market| {
        let statistics = market.engine.book().levels().statistics();
        statistics.snapshots.published
    };
    for (index, command) in forward(flow).take(200).enumerate() {
        market.apply(&command);
        if index % 7 == 0 {
            assert!(market.publish());
            assert_shows(&market, &reader);
            let before = published(&market);
            assert!(market.publish() && market.publish());
            assert_eq!(published(&market), before);
        }
    }
}

fn limit(id: u64, side: Side, price: i64, quantity: u64) -> Action {
    Action::New(NewOrder {
        order_id: OrderId(id),
        account: AccountId(0),
        side,
        quantity: Quantity(quantity),
        kind: OrderKind::Limit {
            price: Price(price),
        },
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        display: None,
        self_trade: SelfTradePrevention::CancelOldest,
    })
}

#[test]
fn a_snapshot_that_is_kept_stops_snapshots_alone_and_memory_stays_bounded() {
    const WAITING_MAX: usize = 400;
    let mut market = Market::new(MarketConfig::default(), 2, WAITING_MAX);
    let slow = market.readers.register().expect("a place");
    let quick = market.readers.register().expect("a place");
    market
        .readers
        .register()
        .expect_err("there are two readers at most");
    let apply = |market: &mut Market, number: u64| {
        // An order at one of 50 prices; the one that came 100 before goes.
        let price = -1 - (number * 7 % 50) as i64;
        let action = match number % 2 {
            0 if number >= 200 => Action::Cancel {
                order_id: OrderId(number - 199),
            },
            _ => limit(number, Side::Buy, price, 1 + number % 5),
        };
        market.apply(&Command {
            time: Timestamp(number),
            action,
        });
        market.publish()
    };
    for number in 1..300 {
        assert!(apply(&mut market, number));
    }
    let kept = slow.snapshot();
    let levels: Vec<Level> = kept.levels(Queue::Bids).collect();
    let mut held_up = 0;
    for number in 300..20_000 {
        held_up += u64::from(!apply(&mut market, number));
        assert_eq!(market.readers.touch().sequence, number);
        let snapshot = quick.snapshot();
        assert_eq!(snapshot.sequence() == number, held_up == 0);
        assert_consistent(&snapshot);
    }
    let statistics = market.engine.book().levels().statistics();
    assert!(held_up > 15_000, "{statistics:?}");
    assert_eq!(statistics.snapshots.refused, held_up);
    assert!(
        statistics.snapshots.waiting_high_water < WAITING_MAX + 50,
        "{statistics:?}"
    );
    assert!(
        statistics.snapshots.used < WAITING_MAX + 500,
        "{statistics:?}"
    );
    assert!(statistics.records < 600, "{statistics:?}");
    assert_eq!(kept.levels(Queue::Bids).collect::<Vec<_>>(), levels);
    assert_eq!(market.readers.touch(), market.expected_touch());
    drop(kept);
    assert!(apply(&mut market, 20_000), "the reader went on");
    assert_shows(&market, &quick);
}

#[test]
fn readers_outlive_the_market() {
    let mut market = Market::new(MarketConfig::default(), 1, 1 << 16);
    market.apply(&Command {
        time: Timestamp(1),
        action: limit(1, Side::Sell, 10, 5),
    });
    assert!(market.publish());
    let reader = market.readers.register().expect("a place");
    let snapshot = reader.snapshot();
    drop(market);
    assert_eq!(
        snapshot.best(Queue::Asks).map(|level| level.price),
        Some(Price(10))
    );
    assert_eq!(reader.touch().best_ask, Some(Price(10)));
}

#[test]
fn a_restored_market_is_shown_at_its_sequence() {
    let flow = RandomFlow::new(5);
    let mut market = Market::new(flow.market().config, 1, 1 << 16);
    for command in flow.take(400) {
        market.apply(&command);
    }
    let mut bytes = Vec::new();
    market
        .engine
        .write_state(&mut |part: &[u8]| bytes.extend_from_slice(part));
    let restored = Market::new(MarketConfig::default(), 1, 1 << 16);
    let readers = restored.readers.clone();
    let book = restored.engine.into_book();
    let engine = proofbook_matching::MatchingEngine::restore(&bytes, book).expect("a state");
    let market = Market { engine, readers };
    assert!(market.engine.book().len() > 10);
    // Who asks for readers from here on has the orders; the number is the market's to say.
    let touch = market.engine.book().levels().readers().touch();
    assert_eq!(touch.orders as usize, market.engine.book().len());
    assert_eq!(touch.best_bid, market.expected_touch().best_bid);
    assert!(market.publish());
    let reader = market.readers.register().expect("a place");
    let snapshot = reader.snapshot();
    assert_consistent(&snapshot);
    let touch = snapshot.touch();
    let expected = market.expected_touch();
    assert_eq!(
        (touch.sequence, touch.orders),
        (expected.sequence, expected.orders)
    );
    assert_eq!(
        (touch.best_bid, touch.asks),
        (expected.best_bid, expected.asks)
    );
}

#[test]
fn a_restored_market_is_shown_before_its_next_command() {
    let flow = RandomFlow::new(5);
    let mut market = Market::new(flow.market().config, 1, 1 << 16);
    let mut commands = forward(flow);
    for command in commands.by_ref().take(400) {
        market.apply(&command);
    }
    let restored_at = market.expected_touch();
    let mut bytes = Vec::new();
    market
        .engine
        .write_state(&mut |part: &[u8]| bytes.extend_from_slice(part));
    let empty = Market::with_bounds(MarketConfig::default(), 1, 1 << 16, [1_000, 1_000]);
    let readers = empty.readers.clone();
    let book = empty.engine.into_book();
    let engine = proofbook_matching::MatchingEngine::restore(&bytes, book).expect("a state");
    let mut market = Market { engine, readers };
    market.apply(&commands.next().expect("flows do not end"));
    let reader = market.readers.register().expect("a place");
    let touch = reader.touch();
    assert_eq!(reader.snapshot_touch(), touch);
    assert_eq!(
        (touch.orders, touch.best_bid, touch.best_ask),
        (
            restored_at.orders,
            restored_at.best_bid,
            restored_at.best_ask
        )
    );
}

#[test]
#[should_panic(expected = "expected no number below 7, received 6")]
fn numbers_never_go_back() {
    let market = Market::new(MarketConfig::default(), 1, 1 << 16);
    let levels = market.engine.book().levels();
    levels.publish(7).expect("nobody reads");
    let _ = levels.publish(6);
}
