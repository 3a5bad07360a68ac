//! The pool of orders: clean objects in, used objects out and back, and how many are ready by each strategy.

mod objects;

use std::thread;

use objects::{soak_factor, Choices};
use proofbook_memory::numa::{NodeId, Topology};
use proofbook_memory::order_pool::{
    AdaptiveParams, OrderPool, OrderPoolConfig, PooledOrder, PreInitializedOrder, PredictiveModel,
    Recyclable, WarmingStrategy, KEPT_MAX, WEIGHT_ONE,
};
use proofbook_memory::pool::{NumaOptimizedPool, NumaPoolConfig, PoolConfig, PoolError};
use proofbook_memory::sync::Arc;
use proofbook_types::{Order, OrderId, Timestamp};

type Slots<T> = Arc<NumaOptimizedPool<PreInitializedOrder<T>>>;

fn slots<T>(max: usize) -> Slots<T> {
    let topology = Topology::simulated(1, 1).expect("one node");
    let config = NumaPoolConfig::local_first(PoolConfig::fixed(max));
    Arc::new(NumaOptimizedPool::new(topology, config).expect("a small pool"))
}

fn pool<T: Recyclable>(max: usize, kept_max: usize, warming: WarmingStrategy) -> OrderPool<T> {
    let config = OrderPoolConfig {
        kept_max,
        cleaning_batch: 4,
        warming,
    };
    OrderPool::new(&slots(max), NodeId(0), config).expect("the size is within bounds")
}

const NOW: Timestamp = Timestamp(0);

#[test]
fn orders_come_clean_and_go_used() {
    let mut pool = pool::<Order>(20, 10, WarmingStrategy::Immediate(6));
    assert_eq!((pool.statistics().ready, pool.statistics().made), (6, 6));
    for turn in 1..=50u64 {
        let mut orders: Vec<PooledOrder<Order>> = Vec::new();
        for id in 0..6 {
            let mut order = pool.acquire(Timestamp(turn)).expect("six are enough");
            assert_eq!(*order, Order::blank());
            assert_eq!(std::ptr::from_ref(&*order).addr() % 64, 0);
            assert_eq!(
                (order.generation(), order.last_used()),
                (turn, Timestamp(turn))
            );
            order.id = OrderId(turn * 10 + id);
            orders.push(order);
        }
        orders
            .into_iter()
            .for_each(|order| pool.recycle(order, Timestamp(turn)));
        // The fifth that came back had the four before it cleaned.
        assert_eq!(
            (pool.statistics().to_clean, pool.statistics().ready),
            (2, 4)
        );
        pool.maintain(Timestamp(turn));
    }
    let statistics = pool.statistics();
    assert_eq!(
        (statistics.hits, statistics.misses, statistics.made),
        (300, 0, 6)
    );
    assert_eq!((statistics.cleaned, statistics.given_up), (300, 0));
}

#[test]
fn what_came_back_is_used_before_more_is_made() {
    let mut pool = pool::<Order>(3, 8, WarmingStrategy::Immediate(0));
    let held: Vec<_> = (0..3)
        .map(|_| pool.acquire(NOW).expect("three slots"))
        .collect();
    let error = pool.acquire(NOW).expect_err("all slots are in use");
    assert_eq!(error, PoolError::Exhausted { capacity: 3 });
    held.into_iter().for_each(|order| pool.recycle(order, NOW));
    let again = pool.acquire(NOW).expect("three came back");
    assert_eq!(again.generation(), 2);
    assert_eq!(pool.statistics().made, 3);
    // One that is dropped is gone, and its slot is free for a new one.
    drop(again);
    let held: Vec<_> = (0..3)
        .map(|_| pool.acquire(NOW).expect("three slots"))
        .collect();
    assert_eq!(pool.statistics().made, 4);
    assert_eq!(
        held.iter().filter(|order| order.generation() == 1).count(),
        1
    );
}

#[test]
fn no_more_is_kept_than_wanted() {
    let mut pool = pool::<Order>(20, 5, WarmingStrategy::Immediate(0));
    let held: Vec<_> = (0..12)
        .map(|_| pool.acquire(NOW).expect("twenty slots"))
        .collect();
    held.into_iter().for_each(|order| pool.recycle(order, NOW));
    pool.maintain(NOW);
    let statistics = pool.statistics();
    assert_eq!(
        (statistics.ready, statistics.given_up, statistics.cleaned),
        (5, 7, 12)
    );
}

/// An object that remembers whether it was cleaned, and keeps what it allocated.
#[derive(Debug)]
struct Note(Vec<u64>);

impl Recyclable for Note {
    fn blank() -> Self {
        Note(Vec::new())
    }

    fn reset(&mut self) {
        self.0.clear();
    }
}

#[test]
fn other_threads_give_back_through_the_queue() {
    const TURNS: u64 = 40;
    let mut pool = pool::<Note>(64, 64, WarmingStrategy::Immediate(8));
    let mut capacities = 0;
    for turn in 0..TURNS {
        let mut notes = Vec::new();
        for _ in 0..8 {
            let mut note = pool.acquire(Timestamp(turn)).expect("enough slots");
            assert!(note.0.is_empty(), "turn {turn}: it was not cleaned");
            capacities += usize::from(note.0.capacity() > 0);
            note.0.push(turn);
            notes.push(note);
        }
        thread::scope(|scope| {
            let mut threads = Vec::new();
            while let Some(note) = notes.pop() {
                let returns = pool.returns();
                threads.push(scope.spawn(move || returns.give_back(note, Timestamp(turn))));
            }
            for thread in threads {
                thread.join().expect("the thread's checks hold");
            }
        });
        pool.maintain(Timestamp(turn));
    }
    let statistics = pool.statistics();
    assert_eq!(
        (statistics.from_others, statistics.cleaned),
        (8 * TURNS, 8 * TURNS)
    );
    assert_eq!(
        (statistics.made, statistics.misses, statistics.ready),
        (8, 0, 8)
    );
    // Objects keep their own memory through cleaning: only the first use of each allocated.
    assert_eq!(capacities as u64, 8 * (TURNS - 1));
}

#[test]
fn the_way_back_outlives_the_pool() {
    let slots = slots::<Note>(4);
    let config = OrderPoolConfig {
        kept_max: 4,
        cleaning_batch: 1,
        warming: WarmingStrategy::Immediate(2),
    };
    let mut pool = OrderPool::new(&slots, NodeId(0), config).expect("four slots");
    let returns = pool.returns();
    let note = pool.acquire(NOW).expect("a slot");
    drop(pool);
    returns.give_back(note, NOW);
    assert_eq!(slots.statistics().nodes[0].handed_out, 1);
    drop(returns);
    assert_eq!(slots.statistics().nodes[0].handed_out, 0);
}

fn predictive(interval_ns: u64, level: u32, trend: u32, headroom: usize) -> WarmingStrategy {
    WarmingStrategy::Predictive(PredictiveModel {
        interval_ns,
        level_weight: level,
        trend_weight: trend,
        headroom,
    })
}

/// Asks for so many objects in an interval of 1000 ns and gives them back; the target after it.
fn target_after(pool: &mut OrderPool<Note>, interval: u64, demand: u64) -> usize {
    for _ in 0..demand {
        let note = pool
            .acquire(Timestamp(1000 * interval))
            .expect("enough slots");
        pool.recycle(note, Timestamp(1000 * interval));
    }
    pool.maintain(Timestamp(1000 * (interval + 1)));
    let statistics = pool.statistics();
    assert!(
        statistics.ready >= statistics.target.min(200),
        "{statistics:?}"
    );
    statistics.target
}

#[test]
fn steady_growth_is_forecast_exactly() {
    for (level, trend) in [
        (WEIGHT_ONE / 2, WEIGHT_ONE / 4),
        (1, 1),
        (WEIGHT_ONE, WEIGHT_ONE),
        (0, 0),
    ] {
        let mut pool = pool(200, 100, predictive(1000, level, trend, 3));
        let targets: Vec<usize> = (0..8)
            .map(|n| target_after(&mut pool, n, 5 + 7 * n))
            .collect();
        // The first interval shows no trend yet.
        assert_eq!(
            targets,
            [8, 22, 29, 36, 43, 50, 57, 64],
            "weights {level} and {trend}"
        );
    }
}

#[test]
fn forecasts_are_those_of_the_formula() {
    for seed in 0..20 * soak_factor() {
        let mut choices = Choices::new(seed);
        let (alpha, beta) = (choices.below(65_537) as u32, choices.below(65_537) as u32);
        let mut pool = pool(2_000, 1_000, predictive(1000, alpha, beta, 0));
        let (alpha, beta) = (f64::from(alpha) / 65_536.0, f64::from(beta) / 65_536.0);
        let (mut level, mut trend) = (0.0f64, 0.0f64);
        for interval in 0..30 {
            let demand = choices.below(60) as u64;
            let found = target_after(&mut pool, interval, demand) as f64;
            let before = level;
            match interval {
                0 => level = demand as f64,
                1 => (level, trend) = (demand as f64, demand as f64 - before),
                _ => {
                    level = (alpha * demand as f64 + (1.0 - alpha) * (level + trend)).max(0.0);
                    trend = beta * (level - before) + (1.0 - beta) * trend;
                }
            }
            let expected = (level + trend).max(0.0);
            let is_near = found >= expected - 0.1 && found < expected + 1.1;
            assert!(
                is_near,
                "seed {seed}, interval {interval}: {found} for {expected}"
            );
        }
    }
}

#[test]
fn long_silence_ends_a_forecast_and_time_may_stand_still() {
    let mut pool = pool(200, 100, predictive(1000, WEIGHT_ONE / 2, 0, 0));
    target_after(&mut pool, 0, 40);
    assert_eq!(target_after(&mut pool, 1, 40), 40);
    // One interval without demand: half of it is left.
    pool.maintain(Timestamp(3000));
    assert_eq!(pool.statistics().target, 20);
    pool.maintain(Timestamp(2000));
    assert_eq!(
        pool.statistics().target,
        20,
        "a time before the interval changes nothing"
    );
    pool.maintain(Timestamp(3000 + 1000 * 66));
    assert_eq!(pool.statistics().target, 0);
    pool.maintain(Timestamp(u64::MAX));
    assert_eq!(pool.statistics().target, 0);
}

#[test]
fn the_mark_follows_what_was_missed() {
    let params = AdaptiveParams {
        low: 2,
        high: 20,
        window: 4,
        step: 3,
    };
    let mut pool = pool::<Note>(100, 50, WarmingStrategy::Adaptive(params));
    assert_eq!((pool.statistics().target, pool.statistics().ready), (2, 2));
    // Windows that miss: twice as much, or a step more if that is more, up to the highest mark. The fourth finds seven ready.
    let mut held: Vec<PooledOrder<Note>> = Vec::new();
    let mut targets = Vec::new();
    for _ in 0..4 {
        held.extend((0..4).map(|_| pool.acquire(NOW).expect("enough slots")));
        targets.push(pool.statistics().target);
    }
    assert_eq!(targets, [5, 10, 20, 17]);
    assert_eq!(pool.statistics().misses, 3);
    // Windows without a miss: a step less each, down to the lowest mark; what is too much is given up.
    held.into_iter().for_each(|note| pool.recycle(note, NOW));
    pool.maintain(NOW);
    assert_eq!(pool.statistics().ready, 19);
    let mut targets = Vec::new();
    for _ in 0..8 {
        for _ in 0..4 {
            let note = pool.acquire(NOW).expect("enough slots");
            pool.recycle(note, NOW);
            pool.maintain(NOW);
        }
        targets.push(pool.statistics().target);
    }
    assert_eq!(targets, [14, 11, 8, 5, 2, 2, 2, 2]);
    assert_eq!(pool.statistics().ready, 5);
}

#[test]
fn numbers_out_of_range_are_refused() {
    let slots = slots::<Note>(4);
    let make = |kept_max, cleaning_batch, warming, node| {
        let config = OrderPoolConfig {
            kept_max,
            cleaning_batch,
            warming,
        };
        OrderPool::new(&slots, NodeId(node), config).map(drop)
    };
    let out = |what, least, most, received| {
        Err(PoolError::OutOfRange {
            what,
            least,
            most,
            received,
        })
    };
    let none = WarmingStrategy::Immediate(0);
    let adaptive = |low, high, window, step| {
        WarmingStrategy::Adaptive(AdaptiveParams {
            low,
            high,
            window,
            step,
        })
    };
    let one = WEIGHT_ONE as usize;
    assert_eq!(make(0, 1, none, 0), out("kept_max", 1, KEPT_MAX, 0));
    assert_eq!(make(4, 5, none, 0), out("cleaning_batch", 1, 4, 5));
    assert_eq!(make(4, 1, none, 1), out("node", 0, 0, 1));
    assert_eq!(
        make(4, 1, WarmingStrategy::Immediate(5), 0),
        out("Immediate", 0, 4, 5)
    );
    assert_eq!(
        make(4, 1, predictive(0, 0, 0, 0), 0),
        out("interval_ns", 1, usize::MAX, 0)
    );
    assert_eq!(
        make(4, 1, predictive(1, 65_537, 0, 0), 0),
        out("level_weight", 0, one, one + 1)
    );
    assert_eq!(
        make(4, 1, predictive(1, 0, 65_537, 0), 0),
        out("trend_weight", 0, one, one + 1)
    );
    assert_eq!(make(4, 1, adaptive(0, 5, 1, 1), 0), out("high", 0, 4, 5));
    assert_eq!(make(4, 1, adaptive(3, 2, 1, 1), 0), out("low", 0, 2, 3));
    assert_eq!(
        make(4, 1, adaptive(0, 2, 0, 1), 0),
        out("window", 1, u32::MAX as usize, 0)
    );
    assert_eq!(
        make(4, 1, adaptive(0, 2, 1, 0), 0),
        out("step", 1, usize::MAX, 0)
    );
    let more = OrderPoolConfig {
        kept_max: 8,
        cleaning_batch: 1,
        warming: WarmingStrategy::Immediate(5),
    };
    let error = OrderPool::new(&slots, NodeId(0), more).expect_err("there are four slots");
    assert_eq!(error, PoolError::Exhausted { capacity: 4 });
}
