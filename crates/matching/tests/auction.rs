//! The auction's price against the definition taken word for word: every tick from the best ask to the best bid is tried.

use proofbook_books::Ladder;
use proofbook_matching::MatchingEngine;
use proofbook_testkit::workload::Random;
use proofbook_types::{
    AccountId, Action, Command, Event, MarketConfig, NewOrder, OrderId, OrderKind, Phase, Price,
    Quantity, SelfTradePrevention, Side, TimeInForce, Timestamp,
};

const AUCTIONS: u64 = 20_000;

#[derive(Clone, Copy, Debug)]
struct Entry {
    side: Side,
    price: i64,
    quantity: u64,
}

/// Section 12 of the rules, by trial of every price.
fn expected(entries: &[Entry], tick_size: i64, reference: Option<i64>) -> (Option<i64>, u64) {
    let prices = |side| {
        entries
            .iter()
            .filter(move |entry| entry.side == side)
            .map(|entry| entry.price)
    };
    let (Some(bid), Some(ask)) = (prices(Side::Buy).max(), prices(Side::Sell).min()) else {
        return (None, 0);
    };
    if bid < ask {
        return (None, 0);
    }
    let open = |side, reaches: &dyn Fn(i64) -> bool| -> i64 {
        let reached = entries
            .iter()
            .filter(|entry| entry.side == side && reaches(entry.price));
        reached.map(|entry| entry.quantity as i64).sum()
    };
    let measured: Vec<(i64, i64, i64)> = (ask..=bid)
        .step_by(tick_size as usize)
        .map(|price| {
            let demand = open(Side::Buy, &|limit| limit >= price);
            let supply = open(Side::Sell, &|limit| limit <= price);
            (price, demand.min(supply), demand - supply)
        })
        .collect();
    let volume = measured.iter().map(|&(_, volume, _)| volume).max();
    let largest = measured
        .iter()
        .filter(|&&(_, found, _)| Some(found) == volume);
    let surplus_abs = largest.clone().map(|&(_, _, surplus)| surplus.abs()).min();
    let best: Vec<(i64, i64)> = largest
        .filter(|(_, _, surplus)| Some(surplus.abs()) == surplus_abs)
        .map(|&(price, _, surplus)| (price, surplus))
        .collect();
    let best_prices = || best.iter().map(|&(price, _)| price);
    let price = if best.iter().all(|&(_, surplus)| surplus > 0) {
        best_prices().max()
    } else if best.iter().all(|&(_, surplus)| surplus < 0) {
        best_prices().min()
    } else {
        best_prices().min_by_key(|price| (reference.map_or(0, |near| (near - price).abs()), *price))
    };
    (price, volume.unwrap_or(0) as u64)
}

fn found(
    entries: &[Entry],
    tick_size: i64,
    reference: Option<i64>,
    random: &mut Random,
) -> (Option<i64>, u64) {
    let config = MarketConfig {
        tick_size: tick_size as u64,
        reference_price: reference.map(Price),
        initial_phase: Phase::Auction,
        ..MarketConfig::default()
    };
    let mut engine =
        MatchingEngine::new(config, Ladder::default()).expect("the terms make a market");
    let mut uncrossed = None;
    let mut traded = 0;
    let mut apply = |action| {
        let command = Command {
            time: Timestamp(0),
            action,
        };
        engine.apply(&command, &mut |event: Event| match event {
            Event::Uncrossed { price, quantity } => uncrossed = Some((price, quantity)),
            Event::Trade { quantity, .. } => traded += quantity.0,
            Event::Rejected { reason, .. } => panic!("rejected: {}", reason.name()),
            _ => {}
        });
    };
    for (id, entry) in entries.iter().enumerate() {
        let is_iceberg = entry.quantity > 1 && random.below(4) == 0;
        apply(Action::New(NewOrder {
            order_id: OrderId(id as u64),
            account: AccountId::NONE,
            side: entry.side,
            quantity: Quantity(entry.quantity),
            kind: OrderKind::Limit {
                price: Price(entry.price),
            },
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            display: is_iceberg.then_some(Quantity(1)),
            self_trade: SelfTradePrevention::Allow,
        }));
    }
    apply(Action::Uncross);
    engine.check().expect("the market is sound, so uncrossed");
    let (price, quantity) = uncrossed.expect("an uncross says at which price");
    assert_eq!(traded, quantity.0, "lots traded, and lots announced");
    (price.map(|price| price.0), quantity.0)
}

#[test]
fn the_price_is_the_one_of_the_definition() {
    let mut crossed = 0;
    for seed in 0..AUCTIONS {
        let mut random = Random::new(seed);
        let tick_size = 1 + random.below(3) as i64;
        let reference = (random.below(3) > 0).then(|| random.below(60) as i64 - 30);
        let entries: Vec<Entry> = (0..random.below(9))
            .map(|_| Entry {
                side: Side::BOTH[random.below(2) as usize],
                price: (random.below(13) as i64 - 6) * tick_size,
                quantity: 1 + random.below(4),
            })
            .collect();
        let expected = expected(&entries, tick_size, reference);
        let found = found(&entries, tick_size, reference, &mut random);
        crossed += u64::from(expected.0.is_some());
        assert_eq!(
            expected, found,
            "seed {seed}, tick {tick_size}, reference {reference:?}: {entries:?}"
        );
    }
    assert!(crossed > AUCTIONS / 4, "only {crossed} auctions traded");
}
