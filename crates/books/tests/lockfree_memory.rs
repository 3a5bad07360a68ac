//! What the lock-free book asks of the allocator: nothing once it is warm, however much it shows, and nothing is left when it and its readers are gone.
#![cfg(not(loom))]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::{assert_consistent, Market};
use proofbook_testkit::workload::Random;
use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, which counts what this thread asks of it and what it holds.
struct Counting;

fn count(asked: u64, held: i64) {
    ASKED.with(|count| count.set(count.get() + asked));
    HELD.with(|count| count.set(count.get() + held));
}

// SAFETY: every call goes to the system's allocator as it came; the counters neither allocate nor unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, -1);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, 0);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Orders live at a time.
const LIVE: u64 = 300;

/// New orders on both sides, each cancelled when `LIVE` others have come after it; some trade.
fn command(random: &mut Random, number: u64) -> Command {
    let id = number.div_ceil(2);
    let action = if number % 2 == 1 {
        let side = Side::BOTH[random.below(2) as usize];
        let distance = random.below(400) as i64 - 8;
        let price = match side {
            Side::Buy => Price(1_000 - distance),
            Side::Sell => Price(1_000 + distance),
        };
        Action::New(NewOrder {
            order_id: OrderId(id),
            account: AccountId(0),
            side,
            quantity: Quantity(1 + random.below(9)),
            kind: OrderKind::Limit { price },
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::CancelOldest,
        })
    } else {
        Action::Cancel {
            order_id: OrderId(id.saturating_sub(LIVE)),
        }
    };
    Command {
        time: Timestamp(number),
        action,
    }
}

#[test]
fn a_warm_book_shows_each_command_without_allocating() {
    const WARM_UP: u64 = 60_000;
    const COMMANDS: u64 = 40_000;
    let mut random = Random::new(1);
    let mut market = Market::new(MarketConfig::default(), 1, 1 << 16);
    let reader = market.readers.register().expect("a place");
    let mut asked = 0;
    for number in 1..=WARM_UP + COMMANDS {
        if number == WARM_UP {
            asked = ASKED.get();
        }
        market.apply(&command(&mut random, number));
        assert!(market.publish(), "nobody keeps a snapshot");
        if number % 64 == 0 {
            let snapshot = reader.snapshot();
            assert_eq!(snapshot.sequence(), number);
        }
    }
    let statistics = market.engine.book().levels().statistics();
    assert_eq!(statistics.snapshots.published, WARM_UP + COMMANDS);
    assert_eq!(ASKED.get() - asked, 0, "{statistics:?}");
}

#[test]
fn nothing_is_left_when_all_are_gone() {
    let held = HELD.get();
    // In each order of going: the market first, the readers first, or in between.
    for order in 0..3 {
        let mut random = Random::new(order);
        let mut market = Market::new(MarketConfig::default(), 2, 1 << 10);
        let reader = market.readers.register().expect("a place");
        let other = market.readers.register().expect("a place");
        for number in 1..=2_000 {
            market.apply(&command(&mut random, number));
            let _ = market.publish();
        }
        let snapshot = reader.snapshot();
        for number in 2_001..=4_000 {
            market.apply(&command(&mut random, number));
            let _ = market.publish();
        }
        assert_consistent(&snapshot);
        match order {
            0 => {
                drop(market);
                assert_consistent(&other.snapshot());
                drop((snapshot, other));
            }
            1 => {
                drop(other);
                drop(snapshot);
                drop(reader);
                drop(market);
                continue;
            }
            _ => {
                drop(snapshot);
                market.apply(&command(&mut random, 4_001));
                assert!(market.publish(), "nobody keeps a snapshot");
                drop(market);
            }
        }
        drop(reader);
    }
    assert_eq!(HELD.get(), held, "blocks are left");
}
