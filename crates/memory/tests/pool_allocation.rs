//! After warm-up, no pool asks the allocator for anything: the same work is done again and again, and once it was done, the allocator is
//! never called.

mod counting;
mod objects;

use objects::Choices;
use proofbook_memory::numa::{NodeId, Topology};
use proofbook_memory::order_pool::{
    AdaptiveParams, OrderPool, OrderPoolConfig, PooledOrder, PredictiveModel, WarmingStrategy,
};
use proofbook_memory::pool::{LockFreePool, NumaOptimizedPool, NumaPoolConfig, PoolConfig};
use proofbook_memory::sync::Arc;
use proofbook_memory::trade_pool::{BatchAllocator, MemoryLayout, Trade, TradePool};
use proofbook_types::{Order, OrderId, Price, Quantity, Side, Timestamp};

/// How often the allocator is asked during this.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = counting::asked();
    work();
    counting::asked() - before
}

/// Does the same work some times; only the first may allocate, and it must, or nothing is counted.
fn warm_after_once(mut work: impl FnMut()) {
    let first = allocations(&mut work);
    assert!(first > 0, "the allocator is not counted");
    for turn in 0..20 {
        assert_eq!(allocations(&mut work), 0, "turn {turn} allocates");
    }
}

fn growing(max: usize) -> PoolConfig {
    PoolConfig {
        initial_capacity: 0,
        expansion_size: max / 8,
        max_capacity: max,
        prefault: false,
    }
}

#[test]
fn the_shared_pool() {
    let pool = LockFreePool::<[u64; 8]>::new(growing(800)).expect("a small pool");
    let mut held = Vec::with_capacity(800);
    warm_after_once(|| {
        for number in 0..800 {
            held.push(pool.allocate([number; 8]).expect("a slot"));
        }
        assert!(pool.allocate([0; 8]).is_err());
        held.clear();
    });
}

#[test]
fn a_thread_cache_and_its_batches() {
    let topology = Topology::simulated(2, 1).expect("two nodes");
    let config = NumaPoolConfig::local_first(growing(400));
    let pool = NumaOptimizedPool::<[u64; 8]>::new(topology, config).expect("a small pool");
    let mut here = pool.thread_cache_on(NodeId(0)).expect("node 0 is there");
    let mut there = pool.thread_cache_on(NodeId(1)).expect("node 1 is there");
    let mut held = Vec::with_capacity(700);
    let mut choices = Choices::new(1);
    let mut work = || {
        for number in 0..700u64 {
            let cache = if number % 2 == 0 {
                &mut here
            } else {
                &mut there
            };
            held.push(cache.allocate([number; 8]).expect("a slot"));
        }
        while !held.is_empty() {
            let object = held.swap_remove(choices.below(held.len()));
            let cache = if choices.below(2) == 0 {
                &mut here
            } else {
                &mut there
            };
            cache.free(object);
        }
    };
    warm_after_once(&mut work);
}

/// A day of demand that goes up and down; orders come back in this thread and through the queue.
fn order_pool_with(warming: WarmingStrategy) {
    let topology = Topology::simulated(1, 1).expect("one node");
    let slots = NumaOptimizedPool::new(topology, NumaPoolConfig::local_first(growing(400)));
    let slots = Arc::new(slots.expect("a small pool"));
    let config = OrderPoolConfig {
        kept_max: 256,
        cleaning_batch: 16,
        warming,
    };
    let mut pool = OrderPool::<Order>::new(&slots, NodeId(0), config).expect("enough slots");
    let returns = pool.returns();
    let mut held: Vec<PooledOrder<Order>> = Vec::with_capacity(256);
    let mut now = 0;
    warm_after_once(|| {
        // Asks for more than it needs, so that all chunks are there after the first time.
        for demand in [300, 3, 50, 120, 250, 7, 0, 1, 80] {
            while held.len() < demand.min(256) {
                let mut order = pool.acquire(Timestamp(now)).expect("enough slots");
                order.displayed = Quantity(demand as u64);
                held.push(order);
                now += 1;
            }
            for (number, order) in held.drain(..).enumerate() {
                if number % 2 == 0 {
                    pool.recycle(order, Timestamp(now));
                } else {
                    returns.give_back(order, Timestamp(now));
                }
            }
            pool.maintain(Timestamp(now));
        }
    });
    let statistics = pool.statistics();
    assert!(
        statistics.cleaned > 5_000 && statistics.from_others > 2_000,
        "{statistics:?}"
    );
}

#[test]
fn orders_by_every_strategy() {
    order_pool_with(WarmingStrategy::Immediate(100));
    order_pool_with(WarmingStrategy::Predictive(PredictiveModel {
        interval_ns: 64,
        level_weight: 1 << 15,
        trend_weight: 1 << 13,
        headroom: 8,
    }));
    order_pool_with(WarmingStrategy::Adaptive(AdaptiveParams {
        low: 8,
        high: 200,
        window: 32,
        step: 8,
    }));
}

#[test]
fn bursts_of_trades_in_every_layout() {
    let batches = BatchAllocator::<Trade, 500>::new(8).expect("a few batches");
    let trades: Vec<Trade> = (0..1500)
        .map(|number| Trade {
            maker: OrderId(number),
            taker: OrderId(number / 9),
            taker_side: Side::Sell,
            price: Price(number as i64 % 7),
            quantity: Quantity(1 + number),
        })
        .collect();
    for (number, layout) in MemoryLayout::ALL.into_iter().enumerate() {
        let mut pool = TradePool::new(&batches);
        // A clock on which this layout takes no time.
        let mut reading = 0;
        let mut now = 0;
        let mut clock = || {
            now += if reading / 3 == number { 0 } else { 10 };
            reading += 1;
            now
        };
        let choice = pool
            .choose_layout(&trades[..1], 1, 1, &mut clock)
            .expect("small numbers");
        assert_eq!(choice.layout, layout);
        warm_after_once(|| {
            for length in [1500, 1, 0, 333, 64, 1000] {
                let burst = pool
                    .collect(trades[..length].iter().copied())
                    .expect("there is room");
                let totals = pool.totals(&burst).expect("small numbers");
                assert_eq!(totals.map_or(0, |totals| totals.count), length as u64);
                let sums = pool.aggregate(&burst).expect("small numbers");
                assert_eq!(sums.makers().len(), length);
            }
        });
    }
}
