//! Lanes of levels and arrays of orders, with every kernel that this machine has, against plain code over lists.

use std::collections::VecDeque;

use proofbook_book::Book;
use proofbook_books::simd::{
    Kernel, LaneLevel, PlacedOrder, SimdOrderArray, SimdOrderBook, SimdPriceLevels, Taken, LANES,
};
use proofbook_testkit::conformance::Pair;
use proofbook_testkit::flow::RandomFlow;
use proofbook_testkit::workload::Random;
use proofbook_types::{
    AccountId, Order, OrderId, Price, Quantity, Queue, SelfTradePrevention, Side, TimeInForce,
};

const ROUNDS: u64 = 4_000;

const EXTREME_PRICES: [i64; 9] = [
    i64::MIN,
    i64::MIN + 1,
    -(1 << 32),
    -1,
    0,
    1,
    1 << 32,
    i64::MAX - 1,
    i64::MAX,
];

const EXTREME_SIZES: [u64; 7] = [
    0,
    1,
    u32::MAX as u64,
    1 << 32,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

/// Prices of one round: near each other, near the ends, or anything.
fn price(random: &mut Random, round: u64) -> i64 {
    match round % 3 {
        0 => random.below(24) as i64 - 12,
        1 => EXTREME_PRICES[random.below(9) as usize],
        _ => random.next_u64() as i64,
    }
}

fn size(random: &mut Random, round: u64) -> u64 {
    match round % 3 {
        0 => random.below(20),
        1 => EXTREME_SIZES[random.below(7) as usize],
        _ => random.next_u64() >> random.below(64),
    }
}

fn level(price: i64, volume: u64, level: u32) -> LaneLevel {
    LaneLevel {
        price,
        volume,
        orders: 1,
        timestamp: u64::MAX,
        level,
    }
}

/// The lanes that hold a level.
fn held(levels: &SimdPriceLevels) -> Vec<(usize, LaneLevel)> {
    let lanes = 0..LANES;
    lanes
        .filter_map(|lane| levels.get(lane).map(|level| (lane, level)))
        .collect()
}

fn mask(lanes: impl Iterator<Item = usize>) -> u8 {
    lanes.fold(0, |mask, lane| mask | 1 << lane)
}

#[test]
fn a_buy_matches_the_asks_up_to_its_limit() {
    let mut asks = SimdPriceLevels::new();
    for price in 100..108 {
        asks.insert(level(price, 1, 0)).expect("a free lane");
    }
    assert_eq!(asks.insert(level(108, 1, 0)), None);
    for kernel in Kernel::all() {
        let matching = |limit, side| asks.find_matching_levels(kernel, Price(limit), side);
        assert_eq!(matching(103, Side::Buy), 0b0000_1111, "{kernel:?}");
        assert_eq!(matching(99, Side::Buy), 0);
        assert_eq!(matching(i64::MAX, Side::Buy), 0xff);
        // The same prices as bids: a sell matches those at or above its limit.
        assert_eq!(matching(103, Side::Sell), 0b1111_1000);
        assert_eq!(matching(i64::MIN, Side::Sell), 0xff);
        assert_eq!(asks.calculate_total_volume(kernel), 8);
    }
    asks.remove(1);
    for kernel in Kernel::all() {
        let found = asks.find_matching_levels(kernel, Price(103), Side::Buy);
        assert_eq!(found, 0b0000_1101, "a level that is gone matches nothing");
    }
}

#[test]
fn lanes_answer_like_a_list() {
    for round in 0..ROUNDS {
        let mut random = Random::new(round);
        let mut levels = SimdPriceLevels::new();
        for name in 0..random.below(9) as u32 {
            let price = price(&mut random, round);
            if held(&levels).iter().all(|(_, level)| level.price != price) {
                levels.insert(level(price, size(&mut random, round / 3), name));
            }
        }
        for lane in 0..LANES {
            if random.below(4) == 0 {
                levels.remove(lane);
            }
        }
        for _ in 0..8 {
            let bound = price(&mut random, round);
            for kernel in Kernel::all() {
                compare_lanes(&levels, kernel, bound, round);
            }
        }
    }
}

fn compare_lanes(levels: &SimdPriceLevels, kernel: Kernel, bound: i64, seed: u64) {
    let held = held(levels);
    let what = format!("{kernel:?}, seed {seed}, bound {bound}: {held:?}");
    let matching = |side: Side| {
        let lanes = held
            .iter()
            .filter(|(_, level)| side.accepts(Price(bound), Price(level.price)));
        mask(lanes.map(|&(lane, _)| lane))
    };
    for side in Side::BOTH {
        let found = levels.find_matching_levels(kernel, Price(bound), side);
        assert_eq!(found, matching(side), "{what}");
        let expected: u128 = held
            .iter()
            .filter(|&&(lane, _)| found >> lane & 1 == 1)
            .map(|(_, level)| u128::from(level.volume))
            .sum();
        assert_eq!(levels.volume_of(kernel, found), expected, "{what}");
    }
    let total: u128 = held.iter().map(|(_, level)| u128::from(level.volume)).sum();
    assert_eq!(levels.calculate_total_volume(kernel), total, "{what}");
    let lane_of = |found: Option<&(usize, LaneLevel)>| found.map(|&(lane, _)| lane);
    let lowest = held.iter().min_by_key(|(_, level)| level.price);
    let highest = held.iter().max_by_key(|(_, level)| level.price);
    assert_eq!(levels.best(kernel, false), lane_of(lowest), "{what}");
    assert_eq!(levels.worst(kernel, false), lane_of(highest), "{what}");
    assert_eq!(levels.best(kernel, true), lane_of(highest), "{what}");
    assert_eq!(levels.worst(kernel, true), lane_of(lowest), "{what}");
    let above = held.iter().filter(|(_, level)| level.price > bound);
    let above = above.min_by_key(|(_, level)| level.price);
    let after = levels.after(kernel, false, Price(bound));
    assert_eq!(after, lane_of(above), "{what}");
    let below = held.iter().filter(|(_, level)| level.price < bound);
    let below = below.max_by_key(|(_, level)| level.price);
    let after = levels.after(kernel, true, Price(bound));
    assert_eq!(after, lane_of(below), "{what}");
    let there = held.iter().find(|(_, level)| level.price == bound);
    assert_eq!(levels.find(kernel, Price(bound)), lane_of(there), "{what}");
}

/// An array beside a plain list of the same orders.
struct Arrays {
    tested: SimdOrderArray,
    expected: VecDeque<PlacedOrder>,
    next: u64,
}

impl Arrays {
    fn new() -> Self {
        Arrays {
            tested: SimdOrderArray::new(),
            expected: VecDeque::new(),
            next: 0,
        }
    }

    /// Ids come back after some time, and two of them differ only in the upper half.
    fn push(&mut self, kernel: Kernel, size: u64) {
        let order = PlacedOrder {
            id: (self.next % 20) << 32,
            size,
            priority: self.next,
            slot: self.next as u32 + 1,
        };
        self.next += 1;
        let is_known = self.expected.iter().any(|known| known.id == order.id);
        if is_known {
            return;
        }
        let place = self.tested.push(kernel, order);
        assert_eq!(place.is_some(), self.expected.len() < LANES);
        if place.is_some() {
            self.expected.push_back(order);
        }
    }

    fn remove(&mut self, kernel: Kernel, index: usize) {
        let Some(order) = self.expected.remove(index) else {
            return;
        };
        let place = self.tested.find(kernel, order.id).expect("it is there");
        self.tested.remove(place);
        assert_eq!(self.tested.find(kernel, order.id), None);
    }

    fn compare(&self, kernel: Kernel, quantity: u64, what: &str) {
        let mut place = self.tested.first();
        let (mut before, mut covered, mut is_covered) = (0u128, 0, true);
        for (index, order) in self.expected.iter().enumerate() {
            let found = place.expect("as many as expected");
            assert_eq!(self.tested.get(found), Some(*order), "{what}");
            assert_eq!(self.tested.find(kernel, order.id), Some(found), "{what}");
            assert_eq!(self.tested.orders_before(found) as usize, index, "{what}");
            let quantity_before = self.tested.quantity_before(kernel, found);
            assert_eq!(quantity_before, before, "{what}");
            before += u128::from(order.size);
            is_covered &= before <= u128::from(quantity);
            covered |= u8::from(is_covered) << found;
            place = self.tested.after(found);
        }
        assert_eq!(place, None, "{what}");
        assert_eq!(self.tested.quantity(kernel), before, "{what}");
        assert_eq!(self.tested.covered(kernel, quantity), covered, "{what}");
    }
}

#[test]
fn arrays_keep_the_order_of_arrival() {
    for kernel in Kernel::all() {
        let (mut full, mut holes) = (0, 0);
        for seed in 0..ROUNDS / 20 {
            let mut random = Random::new(seed);
            let mut arrays = Arrays::new();
            for step in 0..100 {
                match random.below(5) {
                    0..=2 => arrays.push(kernel, size(&mut random, seed)),
                    3 => arrays.remove(kernel, random.below(8) as usize),
                    _ => {
                        let index = random.below(8) as usize;
                        if let Some(order) = arrays.expected.get_mut(index) {
                            order.size = size(&mut random, seed);
                            let place = arrays.tested.find(kernel, order.id);
                            arrays.tested.set_size(place.expect("there"), order.size);
                        }
                    }
                }
                let quantity = size(&mut random, seed);
                arrays.compare(kernel, quantity, &format!("{kernel:?}, {seed}, {step}"));
                let live = u32::from(arrays.tested.live_mask());
                full += u32::from(live == 0xff);
                holes += u32::from(live & (live + 1) != 0);
            }
        }
        assert!(full > 50 && holes > 50, "{full} full, {holes} with holes");
    }
}

fn order(id: u64, side: Side, price: i64, quantity: u64) -> Order {
    Order {
        id: OrderId(id),
        account: AccountId::NONE,
        side,
        price: Some(Price(price)),
        stop_price: None,
        displayed: Quantity(quantity),
        hidden: Quantity::ZERO,
        display: None,
        filled: Quantity::ZERO,
        priority: id,
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        self_trade: SelfTradePrevention::Allow,
    }
}

/// What an incoming quantity takes, told by walking order by order.
fn walked(book: &SimdOrderBook, side: Side, limit: i64, quantity: u64) -> (u128, Taken) {
    let queue = Queue::resting(side.opposite());
    let (mut volume, mut taken, mut is_covered) = (0, Taken::default(), true);
    let mut next = book.best(queue);
    while let Some(slot) = next {
        let order = book.order(slot);
        if !side.accepts(Price(limit), order.price.expect("a limit order")) {
            break;
        }
        volume += u128::from(order.displayed.0);
        is_covered &= volume <= u128::from(quantity);
        if is_covered {
            taken.orders += 1;
            taken.quantity += order.displayed.0;
        }
        next = book.next(slot);
    }
    (volume, taken)
}

/// Dozens of levels with dozens of orders each, so that lanes and places are few beside what waits.
#[test]
fn what_a_quantity_takes_is_what_a_walk_finds() {
    for kernel in Kernel::all() {
        let mut random = Random::new(7);
        let mut book = SimdOrderBook::with_kernel(kernel);
        let mut live = Vec::new();
        for id in 1..3_000 {
            let side = Side::BOTH[random.below(2) as usize];
            let distance = 1 + random.below(30) as i64;
            let price = if side == Side::Buy {
                -distance
            } else {
                distance
            };
            book.insert(&order(id, side, price, 1 + random.below(50)));
            live.push(OrderId(id));
            if random.below(5) < 2 {
                let gone = live.swap_remove(random.below(live.len() as u64) as usize);
                let slot = book.find(gone).expect("it is live");
                book.remove(slot);
            }
            if id % 10 == 0 {
                let limit = random.below(70) as i64 - 35;
                let quantity = random.next_u64() >> (48 + random.below(16));
                for side in Side::BOTH {
                    let (volume, taken) = walked(&book, side, limit, quantity);
                    assert_eq!(book.matching_volume(side, Price(limit)), volume);
                    let found = book.covered(side, Price(limit), Quantity(quantity));
                    assert_eq!(found, taken, "{kernel:?}, {id}, {side:?} {limit}");
                }
                assert_eq!(book.check(), Ok(()));
            }
        }
    }
}

#[test]
fn a_name_dies_with_its_level() {
    let mut book = SimdOrderBook::default();
    book.set_clock(proofbook_types::Timestamp(9));
    book.insert(&order(1, Side::Buy, 100, 5));
    let name = book.level_name(Queue::Bids, Price(100)).expect("a level");
    let level = book.named(name).expect("it lives");
    assert_eq!((level.price(), level.total_volume()), (100, 5));
    assert_eq!((level.order_count(), level.hidden_volume()), (1, 0));
    assert_eq!((level.access_frequency(), level.last_access_time()), (1, 9));
    assert!(level.is_in_lane());
    let slot = book.find(OrderId(1)).expect("it is live");
    book.remove(slot);
    assert!(book.named(name).is_none());
    book.insert(&order(2, Side::Buy, 100, 5));
    assert!(
        book.named(name).is_none(),
        "another level at the same price"
    );
    let again = book.level_name(Queue::Bids, Price(100)).expect("a level");
    assert_ne!(again, name);
    assert_eq!(book.level_name(Queue::Asks, Price(100)), None);
}

/// Every level of both sides in order of price: the eight best are in lanes, and each says when it last changed.
#[test]
fn the_best_eight_levels_are_in_lanes() {
    let (mut in_lanes, mut outside) = (0, 0);
    for seed in 1..=6 {
        let flow = RandomFlow::new(seed);
        let config = flow.market().config;
        let mut pair = Pair::new(config, SimdOrderBook::default());
        for command in flow.take(1_500) {
            pair.apply(&command).expect("the same events");
            let book = pair.tested().book();
            for queue in Queue::ALL {
                let mut expected: Vec<_> = pair.reference().book().levels(queue).collect();
                if queue.is_descending() {
                    expected.reverse();
                }
                for (index, expected) in expected.into_iter().enumerate() {
                    let name = book.level_name(queue, expected.price).expect("a level");
                    let level = book.named(name).expect("it lives");
                    assert_eq!(level.is_in_lane(), index < LANES, "seed {seed}");
                    assert_eq!(level.last_access_time(), expected.last_update.0);
                    assert!(level.access_frequency() >= u64::from(level.order_count()));
                    in_lanes += u32::from(index < LANES);
                    outside += u32::from(index >= LANES);
                }
            }
        }
    }
    assert!(in_lanes > 1_000 && outside > 1_000, "{in_lanes}, {outside}");
}

#[test]
fn a_book_works_with_the_kernel_that_it_is_given() {
    for kernel in Kernel::all() {
        assert_eq!(SimdOrderBook::with_kernel(kernel).kernel(), kernel);
    }
}
