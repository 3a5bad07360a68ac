//! The fast book: orders in a slab, intrusive queues by index, levels in pages.
//!
//! - **Orders** are one cache line each, in a slab whose freed slots are used again last in, first out, so that they are
//!   still in the cache. What most orders do not have (hidden quantity, expiry, account links, a limit price beside a stop
//!   price) lies in a second slab that they never touch.
//! - **Queues** are doubly linked through the slots by 32-bit index: a cancel unlinks without a search.
//! - **Ids** are found by [`index::Index`], one probe in the common case; an order knows its level, so nothing else is searched.
//! - **Levels** are found by [`levels::Levels`], without a tree walk while their page is in use.
//!
//! Nothing allocates while the numbers of live orders, pages and nodes stay within what they have been.
//!
//! Invariants, checked by `check`: a level's sums and links agree with its orders; every live order is in the index; the
//! trie marks exactly the pages that hold orders; free slots are in the free list exactly once.

mod expiry;
mod index;
mod levels;
mod slot;
mod trie;
mod verify;

use alloc::vec::Vec;

use proofbook_book::{Book, Level};
use proofbook_types::{AccountId, Order, OrderId, Price, Quantity, Queue, Timestamp};

use expiry::{Entry, ExpiryHeap};
use index::Index;
use levels::{price_of, rank_of, LevelRef, Levels};
use slot::{Cold, Hot, Life, Terms, COLD, ICEBERG, NO_COLD, NO_ORDER};

/// No order. Slot 0 exists but never holds one: it takes the writes that a link to nothing would have to skip, so that
/// linking needs no branches.
const NIL: u32 = 0;

/// The default book.
#[derive(Clone, Debug)]
pub struct Ladder {
    hot: Vec<Hot>,
    cold: Vec<Cold>,
    free: u32,
    index: Index,
    queues: [Levels; 4],
    expiring: ExpiryHeap,
    accounts: Index,
}

/// Live orders that a book has room for unless told otherwise.
const CAPACITY: usize = 1024;

impl Default for Ladder {
    fn default() -> Self {
        Ladder::with_capacity(CAPACITY)
    }
}

impl Ladder {
    /// An empty book with room for `orders` live orders before it allocates again.
    pub fn with_capacity(orders: usize) -> Self {
        Self::with_seed(orders, 0)
    }

    /// The same, with a seed for the id index. Results never depend on it; a secret one keeps others from choosing ids
    /// that collide.
    pub fn with_seed(orders: usize, seed: u64) -> Self {
        let mut hot = Vec::with_capacity(orders + 1);
        let mut cold = Vec::with_capacity(orders + 1);
        hot.push(NO_ORDER);
        cold.push(NO_COLD);
        Ladder {
            hot,
            cold,
            free: NIL,
            index: Index::with_capacity(orders, seed),
            queues: core::array::from_fn(|_| Levels::new()),
            expiring: ExpiryHeap::with_capacity(0),
            accounts: Index::with_capacity(0, seed),
        }
    }

    /// An empty book with a seed that only this process knows: for markets whose ids come from others.
    #[cfg(feature = "std")]
    pub fn with_secret_seed() -> Self {
        use core::hash::{BuildHasher, Hasher};
        let seed = std::collections::hash_map::RandomState::new()
            .build_hasher()
            .finish();
        Self::with_seed(CAPACITY, seed)
    }

    #[inline]
    fn hot(&self, slot: u32) -> &Hot {
        &self.hot[slot as usize]
    }

    #[inline]
    fn hot_mut(&mut self, slot: u32) -> &mut Hot {
        &mut self.hot[slot as usize]
    }

    #[inline]
    fn levels(&self, queue: Queue) -> &Levels {
        &self.queues[queue as usize]
    }

    #[inline]
    fn level_mut(&mut self, queue: Queue, level: LevelRef) -> &mut levels::LevelData {
        self.queues[queue as usize].get_mut(level)
    }

    /// A slot for a new order. What it holds is not meaningful yet.
    #[inline(always)]
    fn allocate(&mut self) -> u32 {
        let slot = self.free;
        if slot == NIL {
            return self.extend();
        }
        self.free = self.hot(slot).next;
        slot
    }

    #[cold]
    fn extend(&mut self) -> u32 {
        self.hot.push(NO_ORDER);
        self.cold.push(NO_COLD);
        u32::try_from(self.hot.len() - 1).expect("a market holds at most 2^24 orders")
    }

    /// Takes a slot out of its level's links and sums; a level left empty is vacated.
    #[inline]
    fn unlink(&mut self, hot: &Hot, hidden: u64) {
        let queue = hot.terms.queue;
        let levels = &mut self.queues[queue as usize];
        let data = levels.get_mut(hot.level);
        if data.orders == 1 {
            data.clear();
            levels.vacate(hot.level);
            return;
        }
        data.remove(hot.previous, hot.next, hot.displayed, hidden);
        self.hot_mut(hot.previous).next = hot.next;
        self.hot_mut(hot.next).previous = hot.previous;
    }

    #[cold]
    fn insert_cold(&mut self, slot: u32, order: &Order) {
        self.cold[slot as usize] = Cold {
            hidden: order.hidden.0,
            display: order.display.map_or(0, |display| display.0),
            expiry: order.time_in_force.expiry().map_or(0, |expiry| expiry.0),
            limit_price: order.price.map_or(0, |price| price.0),
            heap_position: NIL,
            account_next: NIL,
            account_previous: NIL,
        };
        if let Some(expiry) = order.time_in_force.expiry() {
            let entry = Entry {
                expiry: expiry.0,
                priority: order.priority,
                slot,
            };
            let cold = &mut self.cold;
            self.expiring.insert(entry, |slot, position| {
                cold[slot as usize].heap_position = position;
            });
        }
        if order.account.is_some() {
            self.link_account(slot, order.account.0);
        }
    }

    #[cold]
    fn remove_cold(&mut self, slot: u32, account: u64, life: Life) {
        if life == Life::Date {
            let position = self.cold[slot as usize].heap_position;
            let cold = &mut self.cold;
            self.expiring.remove(position, |slot, position| {
                cold[slot as usize].heap_position = position;
            });
        }
        if account != 0 {
            self.unlink_account(slot, account);
        }
    }

    fn link_account(&mut self, slot: u32, account: u64) {
        let hot = &self.hot;
        let key_of = |slot: u32| hot[slot as usize].account;
        match self.accounts.find(account, key_of) {
            None => self.accounts.insert(account, slot, key_of),
            Some(head) => {
                self.cold[slot as usize].account_next = head;
                self.cold[head as usize].account_previous = slot;
                self.accounts.set(account, slot, key_of);
            }
        }
    }

    fn unlink_account(&mut self, slot: u32, account: u64) {
        let Cold {
            account_next: next,
            account_previous: previous,
            ..
        } = self.cold[slot as usize];
        if next != NIL {
            self.cold[next as usize].account_previous = previous;
        }
        if previous != NIL {
            self.cold[previous as usize].account_next = next;
            return;
        }
        let hot = &self.hot;
        let key_of = |slot: u32| hot[slot as usize].account;
        if next == NIL {
            self.accounts.remove(account, slot);
        } else {
            self.accounts.set(account, next, key_of);
        }
    }

    fn view(&self, queue: Queue, rank: u64, level: LevelRef) -> Level {
        let data = self.levels(queue).get(level);
        Level {
            price: price_of(queue, rank),
            displayed: Quantity(data.displayed),
            hidden: Quantity(data.hidden),
            orders: data.orders,
        }
    }
}

impl Book for Ladder {
    type Slot = u32;

    #[inline]
    fn len(&self) -> usize {
        self.index.len()
    }

    #[inline(always)]
    fn find(&self, id: OrderId) -> Option<u32> {
        self.index.find(id.0, |slot| self.hot(slot).id)
    }

    #[inline(always)]
    fn order(&self, slot: u32) -> Order {
        let hot = self.hot(slot);
        if hot.terms.has(COLD) {
            hot.order(&self.cold[slot as usize])
        } else {
            hot.order(&NO_COLD)
        }
    }

    #[inline]
    fn id(&self, slot: u32) -> OrderId {
        OrderId(self.hot(slot).id)
    }

    #[inline]
    fn account(&self, slot: u32) -> AccountId {
        AccountId(self.hot(slot).account)
    }

    #[inline]
    fn displayed(&self, slot: u32) -> Quantity {
        Quantity(self.hot(slot).displayed)
    }

    #[inline]
    fn hidden(&self, slot: u32) -> Quantity {
        if self.hot(slot).terms.has(ICEBERG) {
            Quantity(self.cold[slot as usize].hidden)
        } else {
            Quantity::ZERO
        }
    }

    #[inline]
    fn best_price(&self, queue: Queue) -> Option<Price> {
        self.levels(queue)
            .best()
            .map(|(rank, _)| price_of(queue, rank))
    }

    #[inline]
    fn best(&self, queue: Queue) -> Option<u32> {
        let levels = self.levels(queue);
        levels.best().map(|(_, level)| levels.get(level).head)
    }

    #[inline]
    fn crosses(&self, queue: Queue, bound: Price) -> bool {
        match self.levels(queue).best() {
            Some((rank, _)) => rank <= rank_of(queue, bound),
            None => false,
        }
    }

    fn next(&self, slot: u32) -> Option<u32> {
        let hot = self.hot(slot);
        if hot.next != NIL {
            return Some(hot.next);
        }
        let queue = hot.terms.queue;
        let levels = self.levels(queue);
        let (_, level) = levels.after(rank_of(queue, Price(hot.price)))?;
        Some(levels.get(level).head)
    }

    #[inline(always)]
    fn insert(&mut self, order: &Order) {
        let queue = order.queue();
        let price = order
            .queue_price()
            .expect("an order in a queue has a price there");
        let terms = Terms::of(order);
        let level = self.queues[queue as usize].occupy(rank_of(queue, price));
        let tail = self.levels(queue).get(level).tail;
        let slot = self.allocate();
        // Field by field: a struct built elsewhere and copied would be read back before its parts are written.
        let hot = self.hot_mut(slot);
        hot.id = order.id.0;
        hot.displayed = order.displayed.0;
        hot.price = price.0;
        hot.priority = order.priority;
        hot.account = order.account.0;
        hot.filled = order.filled.0;
        hot.next = NIL;
        hot.previous = tail;
        hot.level = level;
        hot.terms = terms;
        let data = self.level_mut(queue, level);
        data.append(slot, order.displayed.0, order.hidden.0);
        self.hot_mut(tail).next = slot;
        let hot = &self.hot;
        self.index
            .insert(order.id.0, slot, |slot| hot[slot as usize].id);
        if terms.has(COLD) {
            self.insert_cold(slot, order);
        }
    }

    #[inline]
    fn remove(&mut self, slot: u32) {
        let hot = *self.hot(slot);
        let hidden = self.hidden(slot).0;
        self.unlink(&hot, hidden);
        if hot.terms.has(COLD) {
            self.remove_cold(slot, hot.account, hot.terms.life);
        }
        self.index.remove(hot.id, slot);
        let free = self.free;
        self.hot_mut(slot).next = free;
        self.free = slot;
    }

    #[inline]
    fn fill(&mut self, slot: u32, quantity: Quantity) {
        let hot = self.hot_mut(slot);
        hot.displayed -= quantity.0;
        hot.filled += quantity.0;
        let (queue, level) = (hot.terms.queue, hot.level);
        self.level_mut(queue, level).displayed -= quantity.0;
    }

    fn reduce(&mut self, slot: u32, quantity: Quantity) {
        let from_hidden = quantity.0.min(self.hidden(slot).0);
        let from_displayed = quantity.0 - from_hidden;
        if from_hidden > 0 {
            self.cold[slot as usize].hidden -= from_hidden;
        }
        let hot = self.hot_mut(slot);
        hot.displayed -= from_displayed;
        let (queue, level) = (hot.terms.queue, hot.level);
        let data = self.level_mut(queue, level);
        data.displayed -= from_displayed;
        data.hidden -= from_hidden;
    }

    fn refresh(&mut self, slot: u32, priority: u64) {
        let before = *self.hot(slot);
        let queue = before.terms.queue;
        let cold = &mut self.cold[slot as usize];
        let slice = cold.display.min(cold.hidden);
        cold.hidden -= slice;
        let (hidden, heap_position) = (cold.hidden, cold.heap_position);
        if before.next == NIL {
            // Alone or last at its price: it stays where it is.
            let data = self.level_mut(queue, before.level);
            data.displayed += slice;
            data.hidden -= slice;
        } else {
            self.unlink(&before, hidden + slice);
            let data = self.level_mut(queue, before.level);
            let tail = data.tail;
            data.append(slot, slice, hidden);
            self.hot_mut(tail).next = slot;
            let hot = self.hot_mut(slot);
            hot.previous = tail;
            hot.next = NIL;
        }
        let hot = self.hot_mut(slot);
        hot.displayed = slice;
        hot.priority = priority;
        if before.terms.life == Life::Date {
            let cold = &mut self.cold;
            self.expiring
                .set_priority(heap_position, priority, |slot, position| {
                    cold[slot as usize].heap_position = position;
                });
        }
    }

    fn level(&self, queue: Queue, price: Price) -> Option<Level> {
        let rank = rank_of(queue, price);
        let level = self.levels(queue).find(rank)?;
        Some(self.view(queue, rank, level))
    }

    fn next_level(&self, queue: Queue, after: Option<Price>) -> Option<Level> {
        let levels = self.levels(queue);
        let (rank, level) = match after {
            None => levels.best()?,
            Some(price) => levels.after(rank_of(queue, price))?,
        };
        Some(self.view(queue, rank, level))
    }

    fn front(&self, queue: Queue, price: Price) -> Option<u32> {
        let levels = self.levels(queue);
        let level = levels.find(rank_of(queue, price))?;
        Some(levels.get(level).head)
    }

    #[inline]
    fn first_to_expire(&self) -> Option<(Timestamp, u32)> {
        self.expiring
            .first()
            .map(|entry| (Timestamp(entry.expiry), entry.slot))
    }

    fn account_orders(&self, account: AccountId, ids: &mut Vec<OrderId>) {
        let mut slot = self
            .accounts
            .find(account.0, |slot| self.hot(slot).account)
            .unwrap_or(NIL);
        while slot != NIL {
            ids.push(OrderId(self.hot(slot).id));
            slot = self.cold[slot as usize].account_next;
        }
    }

    fn check(&self) -> Result<(), alloc::string::String> {
        self.verify()
    }
}
