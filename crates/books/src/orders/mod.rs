//! Live orders, however a book queues them: a slab of them, and the ways to find one by id, account and expiry.
//!
//! - **Orders** are one cache line each, in a slab whose freed slots are used again last in, first out, so that they are
//!   still in the cache. What most orders do not have (hidden quantity, expiry, account links, a limit price beside a stop
//!   price) lies in a second slab that they never touch.
//! - **Ids** are found by [`index::Index`], one probe in the common case.
//! - **Expiries** are in a binary heap, the orders of an **account** in a doubly linked list.
//!
//! Nothing allocates while the number of live orders stays within what it has been.
//!
//! Invariants, checked by [`Orders::verify`]: every live order is in the index; free slots are in the free list exactly once; orders with an
//! expiry are in the heap at the position that they name; those of an account are linked to each other.

mod expiry;
mod index;
mod slot;
mod verify;

use proofbook_types::{AccountId, Order, OrderId, Quantity, Timestamp};

use expiry::{Entry, ExpiryHeap};
pub use index::Index;
pub(crate) use slot::{order_layout, Hot};
use slot::{Cold, Life, Terms, COLD, ICEBERG, NO_COLD, NO_ORDER};
pub(crate) use verify::Seen;

/// No order. Slot 0 exists but never holds one: it takes the writes that a link to nothing would have to skip, so that
/// linking needs no branches.
pub(crate) const NIL: u32 = 0;

/// Live orders that a book has room for unless told otherwise.
pub(crate) const CAPACITY: usize = 1024;

/// A seed for the index of ids that only this process knows.
pub(crate) fn secret_seed() -> u64 {
    use core::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new();
    random.build_hasher().finish()
}

/// How a refresh changed what an order shows and hides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refreshed {
    /// What is shown now, all of it taken from what was hidden.
    pub(crate) displayed: u64,
    /// What is still hidden.
    pub(crate) hidden: u64,
}

/// How a reduction was shared out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reduced {
    /// What is shown less.
    pub(crate) displayed: u64,
    /// What is hidden less.
    pub(crate) hidden: u64,
}

/// The live orders of a book.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    hot: Vec<Hot>,
    cold: Vec<Cold>,
    free: u32,
    index: Index,
    expiring: ExpiryHeap,
    accounts: Index,
}

impl Orders {
    /// Room for `orders` live orders before it allocates again, and the seed of the index of ids.
    pub(crate) fn with_seed(orders: usize, seed: u64) -> Self {
        let mut hot = Vec::with_capacity(orders + 1);
        let mut cold = Vec::with_capacity(orders + 1);
        hot.push(NO_ORDER);
        cold.push(NO_COLD);
        Orders {
            hot,
            cold,
            free: NIL,
            index: Index::with_capacity(orders, seed),
            expiring: ExpiryHeap::with_capacity(0),
            accounts: Index::with_capacity(0, seed),
        }
    }

    /// Slots spread evenly over the slab, at most `most` of them.
    pub(crate) fn sample(&self, most: usize) -> impl Iterator<Item = &Hot> {
        self.hot
            .iter()
            .step_by(self.hot.len().div_ceil(most).max(1))
    }

    /// Number of live orders.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// The hot half of an order.
    #[inline]
    pub(crate) fn hot(&self, slot: u32) -> &Hot {
        &self.hot[slot as usize]
    }

    /// The hot half of an order, to be changed. Id, account and terms are not the caller's to change.
    #[inline]
    pub(crate) fn hot_mut(&mut self, slot: u32) -> &mut Hot {
        &mut self.hot[slot as usize]
    }

    /// The slot of the order with an id.
    #[inline(always)]
    pub(crate) fn find(&self, id: u64) -> Option<u32> {
        self.index.find(id, |slot| self.hot(slot).id)
    }

    /// Everything about an order.
    #[inline(always)]
    pub(crate) fn order(&self, slot: u32) -> Order {
        let hot = self.hot(slot);
        if hot.terms.has(COLD) {
            hot.order(&self.cold[slot as usize])
        } else {
            hot.order(&NO_COLD)
        }
    }

    /// What an order hides.
    #[inline]
    pub(crate) fn hidden(&self, slot: u32) -> u64 {
        if self.hot(slot).terms.has(ICEBERG) {
            self.cold[slot as usize].hidden
        } else {
            0
        }
    }

    /// A slot for a new order. What it holds is not meaningful yet.
    #[inline(always)]
    pub(crate) fn allocate(&mut self) -> u32 {
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

    /// Stores an order in a slot just allocated, last at its price: behind `previous`, at `level`.
    #[inline(always)]
    pub(crate) fn store(&mut self, slot: u32, order: &Order, previous: u32, level: u32) {
        let terms = Terms::of(order);
        let price = order
            .queue_price()
            .expect("an order in a queue has a price there");
        // Field by field: a struct built elsewhere and copied would be read back before its parts are written.
        let hot = self.hot_mut(slot);
        hot.id = order.id.0;
        hot.displayed = order.displayed.0;
        hot.price = price.0;
        hot.priority = order.priority;
        hot.account = order.account.0;
        hot.filled = order.filled.0;
        hot.next = NIL;
        hot.previous = previous;
        hot.level = level;
        hot.terms = terms;
        let hot = &self.hot;
        self.index
            .insert(order.id.0, slot, |slot| hot[slot as usize].id);
        if terms.has(COLD) {
            self.insert_cold(slot, order);
        }
    }

    /// Forgets an order that no queue holds any more, and frees its slot.
    #[inline]
    pub(crate) fn forget(&mut self, slot: u32) {
        let hot = &mut self.hot[slot as usize];
        let (id, account, terms) = (hot.id, hot.account, hot.terms);
        hot.next = self.free;
        self.free = slot;
        if terms.has(COLD) {
            self.remove_cold(slot, account, terms.life);
        }
        self.index.remove(id, slot);
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

    /// Lowers what an order has open, hidden quantity first.
    #[inline]
    pub(crate) fn reduce(&mut self, slot: u32, quantity: Quantity) -> Reduced {
        let hidden = quantity.0.min(self.hidden(slot));
        let displayed = quantity.0 - hidden;
        if hidden > 0 {
            self.cold[slot as usize].hidden -= hidden;
        }
        self.hot_mut(slot).displayed -= displayed;
        Reduced { displayed, hidden }
    }

    /// Shows the next slice of an order that shows nothing, and gives it a priority. Its place in its queue is the caller's.
    #[inline]
    pub(crate) fn refresh(&mut self, slot: u32, priority: u64) -> Refreshed {
        let cold = &mut self.cold[slot as usize];
        let displayed = cold.display.min(cold.hidden);
        cold.hidden -= displayed;
        let (hidden, heap_position) = (cold.hidden, cold.heap_position);
        let hot = &mut self.hot[slot as usize];
        hot.displayed = displayed;
        hot.priority = priority;
        if hot.terms.life == Life::Date {
            let cold = &mut self.cold;
            self.expiring
                .set_priority(heap_position, priority, |slot, position| {
                    cold[slot as usize].heap_position = position;
                });
        }
        Refreshed { displayed, hidden }
    }

    /// The order that expires first.
    #[inline]
    pub(crate) fn first_to_expire(&self) -> Option<(Timestamp, u32)> {
        self.expiring
            .first()
            .map(|entry| (Timestamp(entry.expiry), entry.slot))
    }

    /// Appends the ids of an account's orders.
    pub(crate) fn account_orders(&self, account: AccountId, ids: &mut Vec<OrderId>) {
        let mut slot = self
            .accounts
            .find(account.0, |slot| self.hot(slot).account)
            .unwrap_or(NIL);
        while slot != NIL {
            ids.push(OrderId(self.hot(slot).id));
            slot = self.cold[slot as usize].account_next;
        }
    }
}
