//! Bursts of trades: taken in one by one, added up, and the oldest of those that a thread holds given back. Nobody knows how long one becomes.
#![allow(unsafe_code)] // the interface of allocators is unsafe

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::ops::Deref;
use std::ptr::NonNull;

use mimalloc::MiMalloc;
use proofbook_memory::trade_pool::{BatchAllocator, Totals, Trade, TradeBurst, TradePool};
use proofbook_types::{OrderId, Price, Quantity, Side};
use proofbook_workload::Random;

use super::{own, peer, Contestant, Entry};

/// Bursts that a thread holds.
const HELD: usize = 4;

/// Trades of the longest burst.
const LONGEST: usize = 200;

/// Places of a batch.
const BATCH: usize = 1024;

/// The trades of the next burst.
fn trades(random: &mut Random) -> impl Iterator<Item = Trade> {
    let length = 1 + random.below(LONGEST as u64);
    (0..length).map(move |number| Trade {
        maker: OrderId(number),
        taker: OrderId(length),
        taker_side: Side::Buy,
        price: Price(100 + number as i64),
        quantity: Quantity(1 + number),
    })
}

/// Trades in sum, as everybody adds them up who has no pool.
fn add_up(trades: &[Trade]) {
    let mut parts = trades
        .iter()
        .map(|trade| Totals::of(trade.price, trade.quantity));
    let mut all = parts.next();
    for part in parts {
        let all = all.as_mut().expect("there is a first one");
        all.add(&part).expect("the sums are small");
    }
    black_box(all);
}

/// What a thread has of its own: the bursts that it holds, the place of the oldest, and where lengths come from.
struct Own<B> {
    held: [Option<B>; HELD],
    oldest: usize,
    random: Random,
}

impl<B> Own<B> {
    fn new(thread: usize) -> Self {
        Own {
            held: [const { None }; HELD],
            oldest: 0,
            random: Random::new(thread as u64),
        }
    }

    /// Gives the oldest one, in whose place `burst` comes.
    fn exchange(&mut self, burst: B) -> Option<B> {
        let oldest = self.held[self.oldest].replace(burst);
        self.oldest = (self.oldest + 1) % HELD;
        oldest
    }
}

/// Batches that all threads share, each through a pool of its own.
struct Pooled(BatchAllocator<Trade, BATCH>);

impl Contestant for Pooled {
    type Own<'a> = (TradePool<'a, BATCH>, Own<TradeBurst<'a, BATCH>>);

    fn enter(&self, thread: usize) -> Self::Own<'_> {
        (TradePool::new(&self.0), Own::new(thread))
    }

    #[inline]
    fn once<'a>(&'a self, (pool, own): &mut Self::Own<'a>, _turn: u64) {
        let burst = pool.collect(trades(&mut own.random));
        let burst = burst.expect("there is twice the room for all bursts");
        black_box(pool.totals(&burst).expect("the sums are small"));
        own.exchange(burst);
    }
}

/// What one writes without thinking of memory.
struct Grown;

impl Contestant for Grown {
    type Own<'a> = Own<Vec<Trade>>;

    fn enter(&self, thread: usize) -> Self::Own<'_> {
        Own::new(thread)
    }

    #[inline]
    fn once<'a>(&'a self, own: &mut Self::Own<'a>, _turn: u64) {
        let mut burst = Vec::new();
        for trade in trades(&mut own.random) {
            burst.push(trade);
        }
        add_up(&burst);
        own.exchange(burst);
    }
}

/// What one writes who thinks of it: vectors that are used again.
struct Reused;

impl Contestant for Reused {
    type Own<'a> = (Own<Vec<Trade>>, Vec<Vec<Trade>>);

    fn enter(&self, thread: usize) -> Self::Own<'_> {
        (Own::new(thread), Vec::new())
    }

    #[inline]
    fn once<'a>(&'a self, (own, free): &mut Self::Own<'a>, _turn: u64) {
        let mut burst = free.pop().unwrap_or_default();
        for trade in trades(&mut own.random) {
            burst.push(trade);
        }
        add_up(&burst);
        if let Some(mut oldest) = own.exchange(burst) {
            oldest.clear();
            free.push(oldest);
        }
    }
}

/// Room for the longest burst from an allocator, behind its unsafe interface.
struct Whole<A>(A);

/// Such room, with the trades in it.
struct Room<'a, A: GlobalAlloc> {
    allocator: &'a A,
    start: NonNull<Trade>,
    length: usize,
}

const ROOM: Layout = Layout::new::<[Trade; LONGEST]>();

impl<'a, A: GlobalAlloc> Room<'a, A> {
    fn new(allocator: &'a A) -> Self {
        // SAFETY: the size of the layout is not zero.
        let memory = unsafe { allocator.alloc(ROOM) };
        Room {
            allocator,
            start: NonNull::new(memory.cast()).expect("there is memory"),
            length: 0,
        }
    }

    #[inline]
    fn push(&mut self, trade: Trade) {
        assert!(self.length < LONGEST, "no burst is longer");
        // SAFETY: the place is within the memory, which is this room's alone.
        unsafe { self.start.add(self.length).write(trade) };
        self.length += 1;
    }
}

impl<A: GlobalAlloc> Deref for Room<'_, A> {
    type Target = [Trade];

    fn deref(&self) -> &[Trade] {
        // SAFETY: so many trades were written from the start on.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.length).as_ref() }
    }
}

impl<A: GlobalAlloc> Drop for Room<'_, A> {
    fn drop(&mut self) {
        // SAFETY: this allocator gave it for this layout, and nobody has it any more. Trades need no end.
        unsafe { self.allocator.dealloc(self.start.as_ptr().cast(), ROOM) };
    }
}

impl<A: GlobalAlloc + Sync> Contestant for Whole<A> {
    type Own<'a>
        = Own<Room<'a, A>>
    where
        Self: 'a;

    fn enter(&self, thread: usize) -> Self::Own<'_> {
        Own::new(thread)
    }

    #[inline]
    fn once<'a>(&'a self, own: &mut Self::Own<'a>, _turn: u64) {
        let mut burst = Room::new(&self.0);
        for trade in trades(&mut own.random) {
            burst.push(trade);
        }
        add_up(&burst);
        own.exchange(burst);
    }
}

pub fn entries(threads: usize) -> Vec<Entry> {
    // Twice what is held, and one burst that is being taken in.
    let places = 2 * threads * (HELD + 1) * LONGEST.next_power_of_two();
    let batches = BatchAllocator::new(places.div_ceil(BATCH));
    vec![
        peer("Vec, grown", Grown),
        peer("Vec, used again", Reused),
        peer("system allocator, room for the longest", Whole(System)),
        peer("mimalloc, room for the longest", Whole(MiMalloc)),
        own("TradePool", Pooled(batches.expect("there are few batches"))),
    ]
}
