//! A client that holds the feed's deltas holds the book, after each flush, whatever orders come and whenever it is flushed; trades,
//! candles and the auction's price are what the market did.

use std::collections::BTreeMap;

use proofbook_book::Book;
use proofbook_books::Ladder;
use proofbook_exchange::MarketState;
use proofbook_feed::{
    checksum, indicative, levels, BookDelta, Depth, Indicative, Interval, LevelView, MarketFeed,
    Place, TOUCHED_MAX,
};
use proofbook_matching::MatchingEngine;
use proofbook_testkit::flow::RandomFlow;
use proofbook_testkit::workload::Random;
use proofbook_types::{
    AccountId, Action, Command, Event, MarketConfig, NewOrder, OrderId, OrderKind, Phase, Price,
    Quantity, Queue, SelfTradePrevention, Side, TimeInForce, Timestamp,
};

/// Levels by price, as a client has them.
#[derive(Clone, Default)]
struct Client {
    sequence: u64,
    bids: BTreeMap<i64, LevelView>,
    asks: BTreeMap<i64, LevelView>,
}

impl Client {
    fn fetch(depth: &Depth) -> Self {
        let map =
            |levels: &[LevelView]| levels.iter().map(|level| (level.price.0, *level)).collect();
        let client = Client {
            sequence: depth.sequence,
            bids: map(&depth.bids),
            asks: map(&depth.asks),
        };
        assert_eq!(client.checksum(), depth.checksum);
        client
    }

    fn apply(&mut self, delta: &BookDelta) {
        assert_eq!(delta.previous, self.sequence, "no gap");
        self.sequence = delta.sequence;
        let sides = [(&mut self.bids, &delta.bids), (&mut self.asks, &delta.asks)];
        for (held, changed) in sides {
            for level in changed {
                if level.quantity.is_zero() {
                    held.remove(&level.price.0);
                } else {
                    held.insert(level.price.0, *level);
                }
            }
        }
        assert_eq!(self.checksum(), delta.checksum);
    }

    fn checksum(&self) -> u32 {
        checksum(
            self.bids.values().rev().copied(),
            self.asks.values().copied(),
        )
    }

    fn equals(&self, book: &impl Book) {
        let all = |queue| levels(book, queue, usize::MAX).map(LevelView::from);
        assert!(self.bids.values().rev().copied().eq(all(Queue::Bids)));
        assert!(self.asks.values().copied().eq(all(Queue::Asks)));
    }
}

fn place(entry: u64, time: Timestamp) -> Place {
    Place { entry, time }
}

/// What happened, so that a test is known to test something.
#[derive(Default)]
struct Tally {
    trades: u64,
    flushes: u64,
    levels: usize,
    indicatives: u64,
    restarts: u64,
}

/// What the auction's price is if it is uncrossed now.
fn uncrossed(matching: &MatchingEngine<Ladder>) -> Option<Indicative> {
    let mut found = None;
    let command = Command {
        time: matching.clock(),
        action: Action::Uncross,
    };
    let mut bytes = Vec::new();
    matching.write_state(&mut |piece: &[u8]| bytes.extend_from_slice(piece));
    let copy = MatchingEngine::restore(&bytes, Ladder::default());
    let mut copy = copy.expect("it was just written");
    copy.apply(&command, &mut |event: Event| {
        if let Event::Uncrossed {
            price: Some(price),
            quantity,
        } = event
        {
            found = Some(Indicative { price, quantity });
        }
    });
    found
}

fn run(seed: u64, commands: usize, tally: &mut Tally) {
    let mut flow = RandomFlow::new(seed);
    let config = flow.market().config;
    let mut matching = MatchingEngine::new(config, Ladder::default()).expect("they make a market");
    let mut random = Random::new(seed);
    let mut feed = MarketFeed::new(matching.book());
    let mut client = Client::fetch(&feed.depth(matching.book(), place(0, Timestamp(0)), 1 << 20));
    let mut last_trade = 0;
    let patience = 1 + random.below(60);
    for entry in 1..=commands as u64 {
        let command = flow.next().expect("it is endless");
        let at = place(entry, command.time);
        feed.begin(matching.sequence() + 1, at);
        matching.apply(&command, &mut |event: Event| {
            feed.event(&event);
            tally.trades += u64::from(matches!(event, Event::Trade { .. }));
        });
        let told: Vec<u64> = feed.new_trades().iter().map(|trade| trade.id).collect();
        for id in told.iter().copied() {
            assert!(id > last_trade && id >> 20 == matching.sequence());
            last_trade = id;
        }
        feed.trades_were_told(told.len());
        if matching.phase() == Phase::Auction && random.below(8) == 0 {
            let expected = uncrossed(&matching);
            assert_eq!(indicative(&matching), expected);
            tally.indicatives += u64::from(expected.is_some());
        }
        if random.below(patience) > 0 {
            continue;
        }
        if let Some(delta) = feed.flush(matching.book(), at) {
            client.apply(&delta);
            tally.flushes += 1;
            tally.levels += delta.bids.len() + delta.asks.len();
        }
        client.equals(matching.book());
        match random.below(40) {
            // A client that comes between two flushes goes on from what it got.
            0 => client = Client::fetch(&feed.depth(matching.book(), at, 1 << 20)),
            1 => {
                feed = MarketFeed::new(matching.book());
                client = Client::fetch(&feed.depth(matching.book(), at, 1 << 20));
                tally.restarts += 1;
            }
            _ => {}
        }
        assert!(!feed.has_changed() && feed.flush(matching.book(), at).is_none());
    }
}

#[test]
fn a_client_that_applies_deltas_holds_the_book() {
    let mut tally = Tally::default();
    for seed in 0..400 {
        println!("seed {seed}");
        run(seed, 1_500, &mut tally);
    }
    let Tally {
        trades,
        flushes,
        levels,
        indicatives,
        restarts,
    } = tally;
    println!("{flushes} flushes of {levels} levels, {trades} trades, {indicatives} auction prices");
    assert!(flushes > 20_000 && trades > 50_000 && indicatives > 1_000 && restarts > 500);
}

#[test]
fn candles_add_up_to_the_trades() {
    let mut flow = RandomFlow::new(5);
    let config = flow.market().config;
    let mut matching = MatchingEngine::new(config, Ladder::default()).expect("they make a market");
    let mut feed = MarketFeed::new(matching.book());
    let (mut trades, mut volume, mut entry) = (0, 0, 0);
    while trades < 2_000 {
        let mut command = flow.next().expect("it is endless");
        // So that there are minutes and hours.
        command.time.0 *= 1_000_000_000;
        entry += 1;
        feed.begin(matching.sequence() + 1, place(entry, command.time));
        matching.apply(&command, &mut |event: Event| {
            feed.event(&event);
            if let Event::Trade { quantity, .. } = event {
                trades += 1;
                volume += u128::from(quantity.0);
            }
        });
    }
    for interval in Interval::ALL {
        let candles = feed.candles(interval, Timestamp(0));
        assert!(candles.len() < 1_000, "all of them are kept");
        let (mut counted, mut summed) = (0, 0);
        for candle in candles {
            assert!(candle.low <= candle.open && candle.close <= candle.high);
            counted += candle.trades;
            summed += candle.volume;
        }
        assert_eq!((counted, summed), (trades, volume));
    }
    assert_eq!(feed.latest_trades(5_000).len(), 1_024);
    assert_eq!(feed.latest_trades(10).len(), 10);
}

fn limit(number: u64, side: Side, price: i64) -> Command {
    Command {
        time: Timestamp(number),
        action: Action::New(NewOrder {
            order_id: OrderId(number),
            account: AccountId(1),
            side,
            quantity: Quantity(1),
            kind: OrderKind::Limit {
                price: Price(price),
            },
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::Allow,
        }),
    }
}

fn enter(
    matching: &mut MatchingEngine<Ladder>,
    feed: &mut MarketFeed,
    number: u64,
    side: Side,
    price: i64,
) -> Place {
    let at = place(number, Timestamp(number));
    feed.begin(matching.sequence() + 1, at);
    let command = limit(number, side, price);
    matching.apply(&command, &mut |event: Event| feed.event(&event));
    at
}

#[test]
fn more_touched_levels_than_are_noted_make_a_gap_behind_which_the_book_is_fetched() {
    let config = MarketConfig::default();
    let mut matching = MatchingEngine::new(config, Ladder::default()).expect("they make a market");
    let mut feed = MarketFeed::default();
    let mut client = Client::fetch(&feed.depth(matching.book(), place(0, Timestamp(0)), 10));
    let many = TOUCHED_MAX as u64 + 10;
    for number in 1..=many {
        enter(&mut matching, &mut feed, number, Side::Buy, number as i64);
    }
    let at = enter(
        &mut matching,
        &mut feed,
        many + 1,
        Side::Sell,
        many as i64 + 5,
    );
    let delta = feed.flush(matching.book(), at).expect("much was touched");
    assert_eq!((delta.previous, delta.sequence, client.sequence), (2, 3, 1));
    client = Client::fetch(&feed.depth(matching.book(), at, usize::MAX));
    client.equals(matching.book());
    // From there on it goes as ever.
    let at = enter(&mut matching, &mut feed, many + 2, Side::Sell, 1);
    client.apply(&feed.flush(matching.book(), at).expect("a trade touches"));
    client.equals(matching.book());
}

#[test]
fn the_status_is_told_when_it_changes() {
    let config = MarketConfig::default();
    let mut matching = MatchingEngine::new(config, Ladder::default()).expect("they make a market");
    let mut feed = MarketFeed::default();
    let mut number = 0;
    let mut apply = |feed: &mut MarketFeed, matching: &mut MatchingEngine<Ladder>, action| {
        number += 1;
        let command = Command {
            time: Timestamp(number),
            action,
        };
        let at = place(number, command.time);
        feed.begin(matching.sequence() + 1, at);
        matching.apply(&command, &mut |event: Event| feed.event(&event));
        let _ = feed.flush(matching.book(), at);
    };
    let state = MarketState::Continuous;
    assert!(feed.status(state, &matching).is_some() && feed.status(state, &matching).is_none());
    apply(&mut feed, &mut matching, Action::OpenAuction);
    let told = feed.status(MarketState::Auction, &matching);
    assert_eq!(told.expect("it is new").indicative, None);
    apply(&mut feed, &mut matching, limit(1, Side::Buy, 12).action);
    assert!(feed.status(MarketState::Auction, &matching).is_none());
    apply(&mut feed, &mut matching, limit(2, Side::Sell, 10).action);
    let told = feed
        .status(MarketState::Auction, &matching)
        .expect("it is new");
    let expected = Indicative {
        price: Price(10),
        quantity: Quantity(1),
    };
    assert_eq!(told.indicative, Some(expected));
    assert!(feed.status(MarketState::Auction, &matching).is_none());
    apply(&mut feed, &mut matching, Action::Uncross);
    let told = feed.status(state, &matching).expect("it is new");
    assert_eq!((told.state, told.indicative), (state, None));
}

#[test]
fn the_checksum_is_that_of_zlib_over_the_text() {
    let level = |price, quantity, orders| LevelView {
        price: Price(price),
        quantity: Quantity(quantity),
        orders,
    };
    let bids = [level(9_950, 1_000, 2), level(9_900, 5, 1)];
    let asks = [level(10_000, 7, 1)];
    // python3 -c 'import zlib; print(zlib.crc32(b"9950:1000:2;9900:5:1;10000:7:1;"))'
    assert_eq!(checksum(bids.into_iter(), asks.into_iter()), 4_216_528_438);
    // Only the best 25 of each side count.
    let many = |count| (0..count).map(|index| level(100 - index, 1, 1));
    assert_eq!(checksum(many(25), many(25)), checksum(many(90), many(26)));
    assert_ne!(checksum(many(25), many(24)), checksum(many(25), many(25)));
}
