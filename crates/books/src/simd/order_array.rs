//! The orders of one price level, the first eight of them side by side.
//!
//! A structure of arrays owned by the book's one writer. Places are used in order of arrival: a new order goes behind the last place that
//! was used, a removal only clears the order's bit, and when the end is reached the live ones move together, in their order. So the order of places always is
//! the order in time, whatever was removed in between. Orders beyond the eight wait in a list, linked through the slab of orders, whose ends are
//! known here; they move up when half of the places are free.
//!
//! Invariants: every live place lies below `end`; priorities rise from place to place; whoever waits came after all in places.

use super::kernel::{Kernel, LANES};
use crate::layout::{layout, LayoutField};

/// An order in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedOrder {
    /// Its identifier.
    pub id: u64,
    /// What it shows.
    pub size: u64,
    /// Its rank in time.
    pub priority: u64,
    /// Where all else about it is: its slot in the slab of orders.
    pub slot: u32,
}

/// Up to eight orders in order of arrival, in places numbered from 0 to 7, and the ends of the list of those that wait.
#[derive(Clone, Debug, Default)]
#[repr(C, align(64))]
pub struct SimdOrderArray {
    ids: [u64; LANES],
    sizes: [u64; LANES],
    priorities: [u64; LANES],
    /// The slots in the slab of orders.
    metadata: [u32; LANES],
    /// Slots of the first and the last order of the overflow list, 0 where there is none.
    pub(super) overflow_first: u32,
    pub(super) overflow_last: u32,
    live_mask: u8,
    /// The place behind the last one that was used.
    end: u8,
}

// Three lines of lanes, and one of all else.
const _: () = assert!(core::mem::offset_of!(SimdOrderArray, metadata) == 3 * 64);
const _: () = assert!(core::mem::size_of::<SimdOrderArray>() == 4 * 64);

/// Where the fields lie.
pub(super) fn array_layout() -> [LayoutField; 8] {
    layout!(SimdOrderArray {
        ids,
        sizes,
        priorities,
        metadata,
        overflow_first,
        overflow_last,
        live_mask,
        end
    })
}

/// The places below one.
#[inline]
fn below(place: usize) -> u8 {
    ((1u32 << place) - 1) as u8
}

/// The lowest place of a mask.
#[inline]
fn lowest(mask: u8) -> Option<usize> {
    (mask != 0).then(|| mask.trailing_zeros() as usize)
}

impl SimdOrderArray {
    /// No order.
    pub fn new() -> Self {
        Self::default()
    }

    /// The places that hold an order.
    #[inline]
    pub fn live_mask(&self) -> u8 {
        self.live_mask
    }

    /// Number of orders in places.
    #[inline]
    pub fn len(&self) -> u32 {
        self.live_mask.count_ones()
    }

    /// Whether no place holds an order.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.live_mask == 0
    }

    /// The place of the first order.
    #[inline]
    pub fn first(&self) -> Option<usize> {
        lowest(self.live_mask)
    }

    /// The next place that holds an order.
    #[inline]
    pub fn after(&self, place: usize) -> Option<usize> {
        lowest(self.live_mask & !below(place + 1))
    }

    /// What a place holds; `None` where it is free.
    pub fn get(&self, place: usize) -> Option<PlacedOrder> {
        (self.live_mask.checked_shr(place as u32)? & 1 == 1).then(|| PlacedOrder {
            id: self.ids[place],
            size: self.sizes[place],
            priority: self.priorities[place],
            slot: self.metadata[place],
        })
    }

    /// The slot of the order in a place that holds one.
    #[inline]
    pub(super) fn slot(&self, place: usize) -> u32 {
        self.metadata[place]
    }

    /// The place of the order with an id.
    #[inline]
    pub fn find(&self, kernel: Kernel, id: u64) -> Option<usize> {
        lowest(kernel.equal(&self.ids, id) & self.live_mask)
    }

    /// Puts an order behind all others and gives its place; `None` where all places are taken. Its priority is above theirs.
    pub fn push(&mut self, kernel: Kernel, order: PlacedOrder) -> Option<usize> {
        if usize::from(self.end) == LANES {
            if self.live_mask == u8::MAX {
                return None;
            }
            self.compact(kernel);
        }
        let place = usize::from(self.end);
        self.ids[place] = order.id;
        self.sizes[place] = order.size;
        self.priorities[place] = order.priority;
        self.metadata[place] = order.slot;
        self.live_mask |= 1 << place;
        self.end += 1;
        Some(place)
    }

    /// Moves the live orders together, in their order.
    #[inline(never)]
    fn compact(&mut self, kernel: Kernel) {
        let live = self.live_mask;
        kernel.compact(&mut self.ids, live);
        kernel.compact(&mut self.sizes, live);
        kernel.compact(&mut self.priorities, live);
        let mut end = 0;
        for place in 0..LANES {
            self.metadata[end] = self.metadata[place];
            end += usize::from(live >> place & 1);
        }
        self.end = end as u8;
        self.live_mask = below(end);
    }

    /// Frees a place. The others stay where they are.
    #[inline]
    pub fn remove(&mut self, place: usize) {
        self.live_mask &= !(1 << place);
    }

    /// What the order in a place shows from now on.
    #[inline]
    pub fn set_size(&mut self, place: usize, size: u64) {
        self.sizes[place] = size;
    }

    /// Number of orders in places before one.
    pub fn orders_before(&self, place: usize) -> u32 {
        (self.live_mask & below(place)).count_ones()
    }

    /// What the orders in places before one show.
    pub fn quantity_before(&self, kernel: Kernel, place: usize) -> u128 {
        kernel.sum(&self.sizes, self.live_mask & below(place))
    }

    /// What all orders in places show.
    pub fn quantity(&self, kernel: Kernel) -> u128 {
        kernel.sum(&self.sizes, self.live_mask)
    }

    /// The places whose orders an incoming quantity takes in full, the first one first, as far as what they show goes.
    pub fn covered(&self, kernel: Kernel, quantity: u64) -> u8 {
        kernel.covered(&self.sizes, self.live_mask, quantity)
    }

    /// What the orders in some places show.
    pub fn quantity_of(&self, kernel: Kernel, places: u8) -> u128 {
        kernel.sum(&self.sizes, places & self.live_mask)
    }
}
