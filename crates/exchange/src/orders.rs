//! All orders of an exchange: live ones, and those that are remembered for a while after their end.
//!
//! An order is found by its id and by each client id that it had. A client id that is no longer in use (its order is
//! gone, or was replaced under another) is **retired**: it stands in one line with all others, the oldest falls out when
//! there are too many, and an order is forgotten with the last of its client ids.
//!
//! Invariants:
//! - a live order's client id is never retired, so it never falls out;
//! - no result depends on the order of a hash table or on the number of a slot.

use std::collections::hash_map::RandomState;
use std::collections::VecDeque;
use std::hash::BuildHasher;

use proofbook_books::SlotIndex;
use proofbook_types::{OrderId, Price, Quantity, Side, TimeInForce};

use crate::entry::{Fees, MarketId, OrderKind};
use crate::hold::{hold, Charges, Scale};
use crate::ids::Ids;
use crate::outcome::OrderStatus;
use crate::{ClientId, ExchangeTerms};

/// An order with all that the exchange knows of it beside its place in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderRecord {
    pub order_id: u64,
    pub account: u32,
    pub market: MarketId,
    pub session: u64,
    pub client_id: ClientId,
    /// Where its client id is kept while it is live.
    pub name_slot: u32,
    pub side: Side,
    pub status: OrderStatus,
    pub kind: OrderKind,
    pub time_in_force: TimeInForce,
    /// The worst price that it may trade at, where it is bounded; 0 else.
    pub worst: Price,
    pub quantity: u64,
    pub open: u64,
    pub filled: u64,
    pub notional: u128,
    pub charges: Charges,
    pub fees: Fees,
    pub hold: u128,
}

impl OrderRecord {
    /// What it must hold as it stands.
    #[inline]
    pub(crate) fn hold_now(&self, scale: &Scale) -> u128 {
        hold(
            scale,
            self.side,
            self.worst,
            self.open,
            &self.charges,
            self.fees,
        )
    }

    /// An order that is not there.
    pub(crate) fn none(order_id: OrderId) -> Self {
        OrderRecord {
            order_id: order_id.0,
            account: 0,
            market: MarketId(0),
            session: 0,
            client_id: ClientId::NONE,
            name_slot: 0,
            side: Side::Buy,
            status: OrderStatus::Rejected,
            kind: OrderKind::Market { bound: None },
            time_in_force: TimeInForce::ImmediateOrCancel,
            worst: Price(0),
            quantity: 0,
            open: 0,
            filled: 0,
            notional: 0,
            charges: Charges::default(),
            fees: Fees::default(),
            hold: 0,
        }
    }

    pub(crate) fn name(&self) -> Name {
        Name {
            account: self.account,
            client_id: self.client_id,
        }
    }

    /// Its quantities as the market says them.
    pub(crate) fn quantities(&self) -> [Quantity; 3] {
        [self.quantity, self.open, self.filled].map(Quantity)
    }
}

/// A client id with its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub account: u32,
    pub client_id: ClientId,
}

/// A client id that some order has or had, and which.
#[derive(Clone, Copy, Debug)]
struct NameRecord {
    name: Name,
    slot: u32,
}

/// A client id that is no longer in use. All that it takes to forget it is here, so that nothing else is touched then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retired {
    hash: u64,
    order_id: u64,
    name_slot: u32,
    /// Its order.
    pub slot: u32,
    /// Whether its order is gone and has no later client id.
    pub is_last: bool,
}

/// All orders.
pub(crate) struct Orders {
    slab: Vec<OrderRecord>,
    free: Vec<u32>,
    ids: Ids,
    name_slab: Vec<NameRecord>,
    name_free: Vec<u32>,
    names: SlotIndex,
    retired: VecDeque<Retired>,
    live: u32,
    orders_max: u32,
    retired_max: usize,
    folding: Folding,
}

impl Orders {
    /// Room for as many as the terms allow, so that nothing is allocated later.
    pub(crate) fn new(terms: &ExchangeTerms) -> Self {
        let retired_max = terms.retired_max as usize;
        let most = terms.orders_max as usize + retired_max + 1;
        let folding = Folding::new();
        Orders {
            slab: Vec::with_capacity(most),
            free: Vec::with_capacity(most),
            ids: Ids::with_capacity(most, folding.seed),
            name_slab: Vec::with_capacity(most),
            name_free: Vec::with_capacity(most),
            names: SlotIndex::with_capacity(most, folding.seed),
            retired: VecDeque::with_capacity(retired_max + 1),
            live: 0,
            orders_max: terms.orders_max,
            retired_max,
            folding,
        }
    }

    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    pub(crate) fn is_full(&self) -> bool {
        self.live >= self.orders_max
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> &OrderRecord {
        &self.slab[slot as usize]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut OrderRecord {
        &mut self.slab[slot as usize]
    }

    /// The order with this id, live or remembered.
    #[inline]
    pub(crate) fn find(&self, order_id: u64) -> Option<u32> {
        self.ids
            .find(order_id, |slot| self.slab[slot as usize].order_id)
    }

    /// The order that has or had this client id.
    #[inline]
    pub(crate) fn named(&self, account: u32, client_id: &ClientId) -> Option<u32> {
        let name = Name {
            account,
            client_id: *client_id,
        };
        self.find_name(&name)
            .map(|name_slot| self.name_slab[name_slot as usize].slot)
    }

    #[inline]
    fn find_name(&self, name: &Name) -> Option<u32> {
        let hash = self.folding.hash(name);
        // Names are compared, so that two with one hash are two.
        self.names.find(hash, |name_slot| {
            if self.name_slab[name_slot as usize].name == *name {
                hash
            } else {
                !hash
            }
        })
    }

    #[inline]
    fn insert_name(&mut self, name: Name, slot: u32) -> u32 {
        let name_slot = put(
            &mut self.name_slab,
            &mut self.name_free,
            NameRecord { name, slot },
        );
        let (names, folding) = (&self.name_slab, &self.folding);
        self.names.insert(folding.hash(&name), name_slot, |other| {
            folding.hash(&names[other as usize].name)
        });
        name_slot
    }

    #[inline]
    fn insert_id(&mut self, order_id: u64, slot: u32) {
        let slab = &self.slab;
        self.ids
            .insert(order_id, slot, |other| slab[other as usize].order_id);
    }

    /// Keeps an order that no market has taken yet, and that nothing finds.
    #[inline]
    pub(crate) fn draft(&mut self, record: OrderRecord) -> u32 {
        put(&mut self.slab, &mut self.free, record)
    }

    /// Forgets a draft.
    pub(crate) fn discard(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// A draft becomes a live order.
    #[inline]
    pub(crate) fn make_live(&mut self, slot: u32) {
        let record = &mut self.slab[slot as usize];
        record.status = OrderStatus::Live;
        let (order_id, name) = (record.order_id, record.name());
        self.insert_id(order_id, slot);
        let name_slot = self.insert_name(name, slot);
        self.slab[slot as usize].name_slot = name_slot;
        self.live += 1;
    }

    /// A live order has another client id from now on.
    pub(crate) fn rename(&mut self, slot: u32, client_id: ClientId) {
        let before = self.retirement(slot, false);
        let record = &mut self.slab[slot as usize];
        record.client_id = client_id;
        let name = record.name();
        let name_slot = self.insert_name(name, slot);
        self.slab[slot as usize].name_slot = name_slot;
        self.retire(before);
    }

    /// A live order is gone.
    #[inline]
    pub(crate) fn finish(&mut self, slot: u32, status: OrderStatus) {
        self.slab[slot as usize].status = status;
        self.live -= 1;
        let last = self.retirement(slot, true);
        self.retire(last);
    }

    /// An order's client id as it is retired.
    #[inline]
    fn retirement(&self, slot: u32, is_last: bool) -> Retired {
        let record = &self.slab[slot as usize];
        Retired {
            hash: self.folding.hash(&record.name()),
            order_id: record.order_id,
            name_slot: record.name_slot,
            slot,
            is_last,
        }
    }

    #[inline]
    fn retire(&mut self, retired: Retired) {
        self.retired.push_back(retired);
        if self.retired.len() > self.retired_max {
            let oldest = self.retired.pop_front().expect("one was just put in");
            self.names.remove(oldest.hash, oldest.name_slot);
            self.name_free.push(oldest.name_slot);
            if oldest.is_last {
                self.ids.remove(oldest.order_id, oldest.slot);
                self.free.push(oldest.slot);
            }
        }
    }

    /// The retired client ids, the oldest first, with their names.
    pub(crate) fn retired(&self) -> impl ExactSizeIterator<Item = (Name, &Retired)> {
        self.retired.iter().map(|retired| {
            let record = &self.name_slab[retired.name_slot as usize];
            (record.name, retired)
        })
    }

    /// The slots of all live orders, by order id.
    pub(crate) fn live_slots(&self) -> Vec<u32> {
        let mut is_free = vec![false; self.slab.len()];
        for &slot in &self.free {
            is_free[slot as usize] = true;
        }
        let mut slots: Vec<u32> = (0..self.slab.len() as u32)
            .filter(|&slot| !is_free[slot as usize] && self.get(slot).status == OrderStatus::Live)
            .collect();
        slots.sort_unstable_by_key(|&slot| self.get(slot).order_id);
        slots
    }

    /// Puts an order of a stored state back, with its client id if it is live; `None` where one of them is there already.
    pub(crate) fn restore(&mut self, record: OrderRecord) -> Option<u32> {
        let is_live = record.status == OrderStatus::Live;
        if self.find(record.order_id).is_some()
            || (is_live && self.find_name(&record.name()).is_some())
        {
            return None;
        }
        let slot = self.draft(record);
        if is_live {
            self.make_live(slot);
        } else {
            self.insert_id(record.order_id, slot);
        }
        Some(slot)
    }

    /// Puts a retired client id of a stored state back; `false` where it is there already, or where there are too many.
    pub(crate) fn restore_retired(&mut self, name: Name, slot: u32, is_last: bool) -> bool {
        if self.find_name(&name).is_some() || self.retired.len() >= self.retired_max {
            return false;
        }
        let name_slot = self.insert_name(name, slot);
        if is_last {
            self.slab[slot as usize].name_slot = name_slot;
        }
        self.retired.push_back(Retired {
            hash: self.folding.hash(&name),
            order_id: self.slab[slot as usize].order_id,
            name_slot,
            slot,
            is_last,
        });
        true
    }

    /// Checks that ids, client ids and orders belong together.
    pub(crate) fn check(&self) -> Result<(), String> {
        let live = self.live_slots();
        let last = self.retired.iter().filter(|retired| retired.is_last);
        let orders = live.len() + last.count();
        if live.len() != self.live as usize || self.ids.len() != orders {
            return Err(format!(
                "{} live orders of {orders} known: {} counted, {} found by id",
                live.len(),
                self.live,
                self.ids.len()
            ));
        }
        let current = live.iter().map(|&slot| (self.get(slot).name(), slot));
        let retired = self.retired().map(|(name, retired)| (name, retired.slot));
        for (name, slot) in current.chain(retired) {
            let is_found = self.named(name.account, &name.client_id) == Some(slot)
                && self.find(self.get(slot).order_id) == Some(slot);
            if !is_found {
                return Err(format!("{name:?} does not lead to its order"));
            }
        }
        if self.names.len() != live.len() + self.retired.len() {
            return Err(format!("{} client ids are known", self.names.len()));
        }
        Ok(())
    }
}

/// Puts a thing into a slab, where one was given back or at the end.
#[inline]
fn put<T>(slab: &mut Vec<T>, free: &mut Vec<u32>, thing: T) -> u32 {
    match free.pop() {
        Some(slot) => {
            slab[slot as usize] = thing;
            slot
        }
        None => {
            let slot = u32::try_from(slab.len()).expect("the terms bound what slabs hold");
            slab.push(thing);
            slot
        }
    }
}

/// Hashes names by folded multiplication with a seed of this process, so that nobody can choose client ids that collide.
/// (The idea of wyhash and its kin.)
#[derive(Clone, Copy)]
struct Folding {
    seed: u64,
}

impl Folding {
    fn new() -> Self {
        Folding {
            seed: RandomState::new().hash_one(0u64),
        }
    }

    #[inline]
    fn hash(&self, name: &Name) -> u64 {
        let mut state = fold(self.seed, u64::from(name.account));
        for word in name.client_id.padded().chunks_exact(8) {
            let word = word.try_into().expect("a chunk has eight bytes");
            state = fold(state, u64::from_le_bytes(word));
        }
        state
    }
}

#[inline]
fn fold(state: u64, word: u64) -> u64 {
    // 2^64 divided by the golden ratio (Knuth, TAOCP 6.4).
    let product = u128::from(state ^ word) * 0x9e37_79b9_7f4a_7c15;
    (product >> 64) as u64 ^ product as u64
}
