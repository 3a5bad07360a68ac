//! Batches of any size, bursts of trades, what they add up to, and the layout that a measurement chooses.

mod objects;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use objects::{soak_factor, Choices, Counted};
use proofbook_memory::pool::PoolError;
use proofbook_memory::trade_pool::{
    AlignedBatch, AtomicBitSet, AveragePrice, BatchAllocator, Blocks, Columns, MemoryLayout,
    MemoryLayoutOptimizer, SumOverflow, Totals, Trade, TradePool, TradeResultAggregator,
    BATCHES_MAX, SEGMENTS_MAX,
};
use proofbook_types::{Event, OrderId, Price, Quantity, Side};

#[test]
fn a_bit_set_does_what_a_set_does() {
    for seed in 0..40 * soak_factor() {
        let mut choices = Choices::new(seed);
        let bits = 1 + choices.below(300);
        let set = AtomicBitSet::new(bits);
        let mut singles = BTreeSet::new();
        let mut runs: Vec<(usize, usize)> = Vec::new();
        let in_run = |runs: &[(usize, usize)], bit: usize| {
            runs.iter()
                .any(|&(first, count)| (first..first + count).contains(&(bit / 64)))
        };
        for _ in 0..400 {
            match choices.below(4) {
                0 | 1 => {
                    let free =
                        (0..bits).find(|&bit| !singles.contains(&bit) && !in_run(&runs, bit));
                    assert_eq!(set.claim_one(), free, "seed {seed}");
                    singles.extend(free);
                }
                2 => {
                    let count = 1 + choices.below(3);
                    let is_free = |word: usize| {
                        let mut all = word * 64..bits.min(word * 64 + 64);
                        all.all(|bit| !singles.contains(&bit) && !in_run(&runs, bit))
                    };
                    let words = set.words();
                    let first = (0..words).find(|&first| {
                        first + count <= words && (first..first + count).all(is_free)
                    });
                    assert_eq!(set.claim_words(count), first, "seed {seed}");
                    runs.extend(first.map(|first| (first, count)));
                }
                _ if choices.below(2) == 0 && !runs.is_empty() => {
                    let (first, count) = runs.swap_remove(choices.below(runs.len()));
                    set.release_words(first, count);
                }
                _ => {
                    let chosen = singles
                        .iter()
                        .nth(choices.below(singles.len().max(1)))
                        .copied();
                    if let Some(bit) = chosen {
                        singles.remove(&bit);
                        set.release(bit);
                    }
                }
            }
            let expected = (0..bits).filter(|&bit| singles.contains(&bit) || in_run(&runs, bit));
            assert_eq!(set.count(), expected.count(), "seed {seed}");
        }
    }
}

/// Every place of batches of this size is used once, page by page, and again after it was freed.
fn batches_of<const N: usize>() {
    let live = AtomicI64::new(0);
    assert_eq!(align_of::<AlignedBatch<Counted, N>>(), 4096);
    let allocator = BatchAllocator::<Counted, N>::new(3).expect("three batches");
    assert_eq!(allocator.capacity(), 3 * N);
    for round in 1..3 {
        let mut all = Vec::new();
        for number in 0..3 * N as u64 {
            all.push(
                allocator
                    .allocate(Counted::new(number, &live))
                    .expect("there is room"),
            );
        }
        let refused = allocator
            .allocate(Counted::new(0, &live))
            .expect_err("all places are taken");
        assert_eq!(refused.error, PoolError::Exhausted { capacity: 3 * N });
        assert_eq!(
            allocator.burst().err(),
            Some(PoolError::Exhausted { capacity: 3 * N })
        );
        drop(refused);
        let addresses: BTreeSet<usize> = all
            .iter()
            .map(|object| std::ptr::from_ref(&**object).addr())
            .collect();
        assert_eq!(addresses.len(), 3 * N);
        assert_eq!(addresses.first().map(|first| first % 4096), Some(0));
        assert!(all
            .iter()
            .zip(0..)
            .all(|(object, number)| object.number() == number));
        assert_eq!(
            (allocator.in_use(), live.load(Ordering::Relaxed)),
            (3 * N, 3 * N as i64)
        );
        assert_eq!(allocator.generation(0), round * N as u64);
        drop(all);
        assert_eq!((allocator.in_use(), live.load(Ordering::Relaxed)), (0, 0));
    }
}

#[test]
fn a_batch_can_have_any_size() {
    batches_of::<1>();
    batches_of::<63>();
    batches_of::<64>();
    batches_of::<65>();
    batches_of::<200>();
    batches_of::<1000>();
    assert_eq!(
        BatchAllocator::<u8, 4>::new(0).err(),
        Some(PoolError::OutOfRange {
            what: "batches",
            least: 1,
            most: BATCHES_MAX,
            received: 0
        })
    );
    assert_eq!(
        BatchAllocator::<u8, 0>::new(1).err(),
        Some(PoolError::OutOfRange {
            what: "places of a batch",
            least: 1,
            most: u32::MAX as usize,
            received: 0
        })
    );
}

#[test]
fn bursts_fill_up_and_go_as_one() {
    let live = AtomicI64::new(0);
    let allocator = BatchAllocator::<Counted, 150>::new(2).expect("two batches");
    let single = allocator
        .allocate(Counted::new(0, &live))
        .expect("there is room");
    // A whole batch; then, since a place of the other one is taken, a word of 64 and the last one, which has 22 places.
    let mut first = allocator.burst_for(150).expect("a batch is free");
    assert_eq!(first.capacity(), 150);
    let mut second = allocator.burst_for(150).expect("two words are left");
    assert_eq!(second.capacity(), 64);
    let mut third = allocator.burst_for(150).expect("a short word is left");
    assert_eq!(third.capacity(), 22);
    assert!(allocator.burst().is_err());
    for burst in [&mut first, &mut second, &mut third] {
        for number in 0..burst.capacity() as u64 {
            burst
                .push(Counted::new(number, &live))
                .expect("there is room");
        }
        let back = burst.push(Counted::new(7, &live)).expect_err("it is full");
        assert_eq!(back.number(), 7);
        assert!(burst
            .iter()
            .zip(0..)
            .all(|(object, number)| object.number() == number));
        burst[0] = Counted::new(9, &live);
    }
    assert_eq!(live.load(Ordering::Relaxed), 1 + 64 + 150 + 22);
    drop(first);
    assert_eq!(
        allocator
            .burst_for(128)
            .expect("a batch is free")
            .capacity(),
        128
    );
    drop((second, third, single));
    assert_eq!((allocator.in_use(), live.load(Ordering::Relaxed)), (0, 0));
}

#[test]
fn threads_share_batches_and_leave_nothing() {
    let live = AtomicI64::new(0);
    let allocator = BatchAllocator::<Counted, 130>::new(3).expect("three batches");
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for id in 0..4u64 {
            let (allocator, live) = (&allocator, &live);
            threads.push(scope.spawn(move || {
                let mut choices = Choices::new(id);
                let mut singles = Vec::new();
                let mut bursts = Vec::new();
                for turn in 0..2_000 * soak_factor() {
                    match choices.below(4) {
                        0 => singles.extend(allocator.allocate(Counted::new(turn, live)).ok()),
                        1 => {
                            if let Ok(mut burst) = allocator.burst_for(choices.below(200)) {
                                while burst.push(Counted::new(turn, live)).is_ok() {}
                                bursts.push(burst);
                            }
                        }
                        2 if !singles.is_empty() => {
                            drop(singles.swap_remove(choices.below(singles.len())));
                        }
                        _ if !bursts.is_empty() => {
                            let burst = bursts.swap_remove(choices.below(bursts.len()));
                            assert!(burst
                                .iter()
                                .all(|object| object.number() == burst[0].number()));
                        }
                        _ => {}
                    }
                }
                assert!(singles
                    .iter()
                    .all(|object| object.number() < 2_000 * soak_factor()));
            }));
        }
        for thread in threads {
            thread.join().expect("the thread's checks hold");
        }
    });
    assert_eq!((allocator.in_use(), live.load(Ordering::Relaxed)), (0, 0));
}

fn trade(maker: u64, taker: u64, price: i64, quantity: u64) -> Trade {
    Trade {
        maker: OrderId(maker),
        taker: OrderId(taker),
        taker_side: if taker % 2 == 0 {
            Side::Buy
        } else {
            Side::Sell
        },
        price: Price(price),
        quantity: Quantity(quantity),
    }
}

fn random_trades(seed: u64, count: usize) -> Vec<Trade> {
    let mut choices = Choices::new(seed);
    let mut below = |bound| choices.below(bound) as u64;
    let mut one = || {
        trade(
            below(40),
            below(10),
            below(9) as i64 - 4,
            1 + below(1 << 40),
        )
    };
    (0..count).map(|_| one()).collect()
}

#[test]
fn bursts_get_the_room_that_they_need() {
    let batches = BatchAllocator::<Trade, 4096>::new(4).expect("four batches");
    let pool = TradePool::new(&batches);
    assert_eq!(batches.usage().optimal_batch_size(), 64);
    let trades = random_trades(1, 1000);
    // Each run is as long as all before it: 64, 64, 128, 256, 512.
    let burst = pool.collect(trades.iter().copied()).expect("there is room");
    let lengths: Vec<usize> = burst.segments().map(<[Trade]>::len).collect();
    assert_eq!(lengths, [64, 64, 128, 256, 488]);
    assert!(burst.iter().eq(&trades) && burst.len() == 1000 && !burst.is_empty());
    drop(burst);
    for _ in 0..15 {
        drop(pool.collect(trades.iter().copied()).expect("there is room"));
    }
    assert_eq!(
        (batches.usage().bursts(), batches.usage().objects()),
        (16, 16_000)
    );
    assert_eq!(batches.usage().optimal_batch_size(), 1024);
    let burst = pool.collect(trades.iter().copied()).expect("there is room");
    assert_eq!(burst.segments().count(), 1);
    drop(burst);
    // Bursts of before count less and less.
    for _ in 0..80 {
        drop(
            pool.collect(trades[..10].iter().copied())
                .expect("there is room"),
        );
    }
    assert_eq!(batches.usage().optimal_batch_size(), 64);
    let too_many = pool
        .collect(random_trades(2, 5 * 4096))
        .expect_err("that is more than there is");
    assert_eq!(too_many, PoolError::Exhausted { capacity: 4 * 4096 });
    assert_eq!(batches.in_use(), 0, "the part that fitted was given up");
    let no_trades = pool.collect([]).expect("nothing needs no room");
    assert!(no_trades.is_empty());
    // In batches of one word, a burst can have so many of them and no more.
    let small = BatchAllocator::<Trade, 64>::new(SEGMENTS_MAX + 1).expect("a few batches");
    let pool = TradePool::new(&small);
    assert!(pool.collect(random_trades(3, SEGMENTS_MAX * 64)).is_ok());
    assert!(pool
        .collect(random_trades(3, SEGMENTS_MAX * 64 + 1))
        .is_err());
}

/// The sums of these trades, the plain way.
fn plain<'a>(trades: impl Iterator<Item = &'a Trade> + Clone) -> Option<Totals> {
    Some(Totals {
        count: trades.clone().count() as u64,
        volume: trades
            .clone()
            .map(|trade| u128::from(trade.quantity.0))
            .sum(),
        notional: trades
            .clone()
            .map(|trade| i128::from(trade.price.0) * i128::from(trade.quantity.0))
            .sum(),
        first: trades.clone().next()?.price,
        last: trades.clone().last()?.price,
        low: trades.clone().map(|trade| trade.price).min()?,
        high: trades.map(|trade| trade.price).max()?,
    })
}

#[test]
fn groups_are_those_of_a_map() {
    let batches = BatchAllocator::<Trade, 500>::new(20).expect("a few batches");
    let mut pool = TradePool::new(&batches);
    for seed in 0..30 * soak_factor() {
        let mut choices = Choices::new(seed);
        let mut trades = random_trades(seed, choices.below(3000));
        // Many groups in some of them.
        if seed % 3 == 0 {
            trades
                .iter_mut()
                .zip(0..)
                .for_each(|(trade, number)| trade.maker = OrderId(number * 64));
        }
        let burst = pool.collect(trades.iter().copied()).expect("there is room");
        assert_eq!(pool.totals(&burst), Ok(plain(trades.iter())), "seed {seed}");
        let sums = pool.aggregate(&burst).expect("small numbers");
        assert_eq!(sums.all().copied(), plain(trades.iter()));
        let mut seen = BTreeMap::new();
        for trade in &trades {
            let next = seen.len();
            seen.entry(trade.maker).or_insert(next);
        }
        assert_eq!(sums.makers().len(), seen.len());
        for group in sums.makers() {
            let of_group = trades.iter().filter(|trade| trade.maker == group.key);
            assert_eq!(Some(group.totals), plain(of_group), "seed {seed}");
            assert_eq!(sums.maker(group.key), Some(&group.totals));
        }
        assert!(sums
            .makers()
            .iter()
            .zip(0..)
            .all(|(group, place)| seen[&group.key] == place));
        for group in sums.takers() {
            let of_group = trades.iter().filter(|trade| trade.taker == group.key);
            assert_eq!(
                (Some(group.totals), sums.taker(group.key)),
                (plain(of_group), Some(&group.totals))
            );
        }
        for group in sums.prices() {
            let of_group = trades.iter().filter(|trade| trade.price == group.key);
            assert_eq!(
                (Some(group.totals), sums.price(group.key)),
                (plain(of_group), Some(&group.totals))
            );
        }
        assert_eq!(
            (sums.maker(OrderId(u64::MAX)), sums.price(Price(5))),
            (None, None)
        );
    }
}

#[test]
fn averages_are_exact() {
    let average = |trades: &[Trade]| {
        let mut sums = TradeResultAggregator::new();
        sums.add(trades).expect("sums that fit");
        let average = sums.all().expect("there are trades").average_price();
        (average.numerator, average.denominator)
    };
    assert_eq!(
        average(&[trade(1, 2, 100, 5), trade(1, 2, 101, 10)]),
        (302, 3)
    );
    assert_eq!(average(&[trade(1, 2, -3, 4)]), (-3, 1));
    assert_eq!(average(&[trade(1, 2, -1, 1), trade(1, 2, 1, 1)]), (0, 1));
    assert_eq!(
        average(&[trade(1, 2, i64::MIN, u64::MAX)]),
        (i128::from(i64::MIN), 1)
    );
    assert_eq!(
        Totals::of(Price(7), Quantity(0)).average_price(),
        AveragePrice {
            numerator: 7,
            denominator: 1
        }
    );
}

#[test]
fn a_sum_that_does_not_fit_is_an_error() {
    let most = trade(1, 2, i64::MAX, u64::MAX);
    let mut sums = TradeResultAggregator::new();
    let error = sums
        .add([&most, &most, &most])
        .expect_err("three times nearly 2^127");
    assert_eq!(error, SumOverflow { what: "notional" });
    let mut totals = Totals::of(Price(1), Quantity(1));
    totals.count = u64::MAX;
    let before = totals;
    assert_eq!(totals.add(&before), Err(SumOverflow { what: "count" }));
    totals = Totals {
        count: 1,
        volume: u128::MAX,
        ..before
    };
    assert_eq!(
        totals.add(&Totals::of(Price(1), Quantity(1))),
        Err(SumOverflow { what: "volume" })
    );
    assert_eq!(
        (totals.count, totals.volume),
        (1, u128::MAX),
        "nothing changed"
    );
}

#[test]
fn events_of_trades_and_no_others_are_trades() {
    let event = Event::Trade {
        maker_id: OrderId(1),
        taker_id: OrderId(2),
        taker_side: Side::Buy,
        price: Price(-5),
        quantity: Quantity(7),
        maker_open: Quantity(1),
    };
    assert_eq!(Trade::from_event(&event), Some(trade(1, 2, -5, 7)));
    let other = Event::Rejected {
        order_id: None,
        reason: proofbook_types::RejectReason::UnknownOrder,
    };
    assert_eq!(Trade::from_event(&other), None);
}

#[test]
fn every_layout_holds_the_same_trades() {
    let (mut columns, mut blocks) = (Columns::default(), Blocks::default());
    for count in [0, 1, 7, 8, 9, 100] {
        let trades = random_trades(count as u64, count);
        columns.fill(trades.iter());
        blocks.fill(trades.iter());
        for (number, trade) in trades.iter().enumerate() {
            assert_eq!(
                (columns.get(number), blocks.get(number)),
                (Some(*trade), Some(*trade))
            );
        }
        assert_eq!((columns.get(count), blocks.get(count)), (None, None));
        assert_eq!(
            (columns.totals(), blocks.totals()),
            (Ok(plain(trades.iter())), Ok(plain(trades.iter())))
        );
    }
}

/// A clock on which each reading is so much later than the one before.
fn scripted(steps_ns: &[u64]) -> impl FnMut() -> u64 + '_ {
    let mut now_ns = 0;
    let mut steps = steps_ns.iter();
    move || {
        now_ns += steps
            .next()
            .expect("the clock is read as often as it was written");
        now_ns
    }
}

#[test]
fn the_choice_follows_the_figures() {
    let sample = random_trades(5, 100);
    // For each layout and repetition: before, after the preparation, after the sum.
    let steps = [
        [1, 2, 30],
        [1, 0, 20], // whole trades
        [1, 50, 8],
        [1, 40, 9], // columns
        [1, 10, 17],
        [1, 12, 16], // blocks
    ];
    let steps = steps.concat();
    for (sums, layout) in [
        (1, MemoryLayout::ArrayOfStructures),
        (4, MemoryLayout::StructureOfArrays),
        (100, MemoryLayout::StructureOfArrays),
        // Three sums: 60 for whole trades, 58 for blocks.
        (3, MemoryLayout::Blocked),
        (2, MemoryLayout::ArrayOfStructures),
    ] {
        let batches = BatchAllocator::<Trade, 200>::new(1).expect("one batch");
        let mut pool = TradePool::new(&batches);
        let choice = pool
            .choose_layout(&sample, sums, 2, &mut scripted(&steps))
            .expect("small numbers");
        assert_eq!(
            (choice.layout, pool.layout(), choice.trades),
            (layout, layout, 100),
            "{sums} sums"
        );
        let figures = choice
            .figures
            .map(|figure| (figure.layout, figure.prepare_ns, figure.sum_ns));
        assert_eq!(
            figures,
            [
                (MemoryLayout::ArrayOfStructures, 0, 20),
                (MemoryLayout::StructureOfArrays, 40, 8),
                (MemoryLayout::Blocked, 10, 16),
            ]
        );
        // What was chosen is used, and gives the same sums.
        let burst = pool.collect(sample.iter().copied()).expect("there is room");
        let prepared = pool.prepare(&burst);
        assert_eq!(prepared.totals(), prepared.totals());
        assert_eq!(prepared.totals(), Ok(plain(sample.iter())));
    }
}

#[test]
fn a_sample_whose_sum_does_not_fit_is_not_timed() {
    let sample = [trade(1, 2, i64::MIN, u64::MAX); 3];
    let mut never = || -> u64 { panic!("the clock was read") };
    let error = MemoryLayoutOptimizer::new().choose(&sample, 1, 1, &mut never);
    assert_eq!(error, Err(SumOverflow { what: "notional" }));
}

#[test]
fn a_real_clock_gives_figures() {
    let sample = random_trades(6, 2_000);
    let start = std::time::Instant::now();
    let mut clock = || start.elapsed().as_nanos() as u64;
    let choice = MemoryLayoutOptimizer::new()
        .choose(&sample, 1, 3, &mut clock)
        .expect("small numbers");
    // Two thousand additions take time on any machine, and copying them too, except where nothing is copied.
    assert!(
        choice.figures.iter().all(|figure| figure.sum_ns > 0),
        "{choice:?}"
    );
    assert!(
        choice.figures[1..]
            .iter()
            .all(|figure| figure.prepare_ns > 0),
        "{choice:?}"
    );
}
