//! What this machine can do and how steady it is, measured in the same run as everything else.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use proofbook_book::Book;
use proofbook_books::Ladder;
use proofbook_types::{
    AccountId, Command, Order, OrderId, Price, Quantity, SelfTradePrevention, Side, TimeInForce,
};
use proofbook_workload::Random;

use crate::json::Value;
use crate::latency::{nanoseconds, timer_json};

const LINE_BYTES: usize = 64;
const MEMORY_BYTES: usize = 256 << 20;

/// All of it, in about two seconds.
pub fn report() -> Value {
    Value::object([
        ("noise", noise()),
        ("timer", timer_json()),
        (
            "load_latency_ns",
            Value::object([
                ("l1_16_kib", Value::from(load_latency_ns(16 << 10))),
                ("l2_512_kib", Value::from(load_latency_ns(512 << 10))),
                ("l3_8_mib", Value::from(load_latency_ns(8 << 20))),
                ("memory_256_mib", Value::from(load_latency_ns(MEMORY_BYTES))),
            ]),
        ),
        ("read_bandwidth_bytes_per_s", Value::from(read_bandwidth())),
        ("allocation_ns", Value::from(allocation_ns())),
        ("ladder_insert_and_remove_ns", Value::from(ladder_slot_ns())),
        ("command_bytes", Value::from(size_of::<Command>())),
        ("atomic_add_ns", Value::from(atomic_add_ns())),
        ("thread_hop_ns", Value::from(thread_hop_ns())),
    ])
}

/// Time of `count` repetitions, per repetition.
fn per_repetition_ns(count: u64, mut body: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        body();
    }
    nanoseconds(start, Instant::now()) as f64 / count as f64
}

/// The same work a hundred times: what differs is the machine, not the program.
fn noise() -> Value {
    let mut times_ns: Vec<u64> = (0..100)
        .map(|_| {
            let mut random = Random::new(1);
            let start = Instant::now();
            for _ in 0..1_000_000 {
                black_box(random.next_u64());
            }
            nanoseconds(start, Instant::now())
        })
        .collect();
    times_ns.sort_unstable();
    let at = |percent: usize| times_ns[(times_ns.len() - 1) * percent / 100] as f64;
    Value::object([
        ("loop_median_ns", Value::from(at(50))),
        ("spread_p5_p95", Value::from((at(95) - at(5)) / at(50))),
        ("spread_min_max", Value::from((at(100) - at(0)) / at(50))),
    ])
}

/// Mean time of a load whose address depends on the load before, over a random cycle through this much memory.
fn load_latency_ns(bytes: usize) -> f64 {
    const WORDS: usize = LINE_BYTES / 8;
    let lines = bytes / LINE_BYTES;
    let mut memory = vec![0u64; lines * WORDS];
    // S. Sattolo's algorithm: a permutation that is one cycle.
    let mut random = Random::new(2);
    let mut order: Vec<u32> = (0..lines as u32).collect();
    for end in (1..lines).rev() {
        order.swap(end, random.below(end as u64) as usize);
    }
    for (line, &next) in order.iter().enumerate() {
        memory[line * WORDS] = u64::from(next) * WORDS as u64;
    }
    drop(order);
    let steps = 2_000_000u64;
    let mut at = 0usize;
    for _ in 0..(lines as u64).min(steps) {
        at = memory[at] as usize;
    }
    let time_ns = per_repetition_ns(steps, || at = memory[at] as usize);
    black_box(at);
    time_ns
}

/// Bytes per second of reading through memory, the best of five passes.
fn read_bandwidth() -> f64 {
    let memory = vec![1u64; MEMORY_BYTES / 8];
    let pass = || {
        let start = Instant::now();
        let mut sums = [0u64; 32];
        for words in memory.chunks_exact(32) {
            for (sum, word) in sums.iter_mut().zip(words) {
                *sum = sum.wrapping_add(*word);
            }
        }
        black_box(sums);
        MEMORY_BYTES as f64 * 1e9 / nanoseconds(start, Instant::now()) as f64
    };
    (0..5).map(|_| pass()).fold(0.0, f64::max)
}

/// Allocating and freeing 64 bytes among a thousand live allocations.
fn allocation_ns() -> f64 {
    let mut random = Random::new(3);
    let mut live: Vec<Box<[u8; 64]>> = (0..1000).map(|_| Box::new([0; 64])).collect();
    let picks: Vec<usize> = (0..1024).map(|_| random.below(1000) as usize).collect();
    let mut turn = 0;
    per_repetition_ns(2_000_000, || {
        live[picks[turn % 1024]] = black_box(Box::new([turn as u8; 64]));
        turn += 1;
    })
}

/// The ladder's own allocation, and all bookkeeping with it: an order in and out again, among a thousand.
fn ladder_slot_ns() -> f64 {
    let order = |id: u64| Order {
        id: OrderId(id),
        account: AccountId::NONE,
        side: Side::Buy,
        price: Some(Price(1000 - (id % 100) as i64)),
        stop_price: None,
        displayed: Quantity(1),
        hidden: Quantity::ZERO,
        display: None,
        filled: Quantity::ZERO,
        priority: id,
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        self_trade: SelfTradePrevention::Allow,
    };
    let mut book = Ladder::with_capacity(4096);
    for id in 0..1000 {
        book.insert(&order(id));
    }
    let mut next = 1000;
    per_repetition_ns(2_000_000, || {
        book.insert(&order(next));
        let oldest = book.find(OrderId(next - 1000)).expect("it is live");
        book.remove(oldest);
        next += 1;
    })
}

/// An uncontended atomic addition.
fn atomic_add_ns() -> f64 {
    let counter = AtomicU64::new(0);
    let time_ns = per_repetition_ns(10_000_000, || {
        counter.fetch_add(1, Ordering::AcqRel);
    });
    black_box(counter.into_inner());
    time_ns
}

/// One way of a message between two threads: half of a round trip over two shared words. Where there is one core
/// only, this is the scheduler's time.
fn thread_hop_ns() -> f64 {
    const TRIPS: u64 = 200_000;
    let (ping, pong) = (AtomicU64::new(0), AtomicU64::new(0));
    let wait = |word: &AtomicU64, value: u64| {
        let mut spins = 0u32;
        while word.load(Ordering::Acquire) != value {
            spins += 1;
            if spins.is_multiple_of(100_000) {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for trip in 1..=TRIPS {
                wait(&ping, trip);
                pong.store(trip, Ordering::Release);
            }
        });
        let mut trip = 0;
        per_repetition_ns(TRIPS, || {
            trip += 1;
            ping.store(trip, Ordering::Release);
            wait(&pong, trip);
        }) / 2.0
    })
}
