//! What the contract asks for, without an engine: the expectation for random flow.

use proofbook_harness::contract::Report;

use crate::library::Message::{self, Cancel, Ioc, Modify, New};
use crate::reports::{cancel_ack, cancel_reject, modify_ack, modify_reject, order_ack, trade};
use crate::{BUY, NO_ASK, NO_BID, SELL};

/// The contract in the plainest form: all orders in one list, in the order in which they came to stand where they stand.
#[derive(Default)]
pub struct PlainBook {
    orders: Vec<(u64, u8, u32, i64)>,
}

impl PlainBook {
    pub fn best(&self) -> (i64, i64) {
        let prices = |side| {
            self.orders
                .iter()
                .filter(move |order| order.1 == side)
                .map(|order| order.3)
        };
        (
            prices(BUY).max().unwrap_or(NO_BID),
            prices(SELL).min().unwrap_or(NO_ASK),
        )
    }

    pub fn depth(&self, price: i64, side: u8) -> u64 {
        let at = self
            .orders
            .iter()
            .filter(|order| order.1 == side && order.3 == price);
        at.map(|order| u64::from(order.2)).sum()
    }

    /// Trades an order against the list; what is left of it.
    pub fn trade(
        &mut self,
        sequence: u64,
        order: (u64, u8, u32, i64),
        reports: &mut Vec<Report>,
    ) -> u32 {
        let (id, side, mut open, limit) = order;
        while open > 0 {
            let (bid, ask) = self.best();
            let price = if side == BUY { ask } else { bid };
            let is_reached = if side == BUY {
                price <= limit
            } else {
                price >= limit
            };
            let maker = self
                .orders
                .iter()
                .position(|maker| maker.1 != side && maker.3 == price);
            let Some(place) = maker.filter(|_| is_reached) else {
                break;
            };
            let quantity = open.min(self.orders[place].2);
            open -= quantity;
            self.orders[place].2 -= quantity;
            reports.push(trade(sequence, self.orders[place].0, id, price, quantity));
            if self.orders[place].2 == 0 {
                self.orders.remove(place);
            }
        }
        open
    }

    pub fn apply(&mut self, sequence: u64, message: Message, reports: &mut Vec<Report>) {
        match message {
            New(id, side, quantity, price) | Ioc(id, side, quantity, price) => {
                if self.orders.iter().any(|order| order.0 == id) {
                    return;
                }
                reports.push(order_ack(sequence, side, id, price, quantity));
                let left = self.trade(sequence, (id, side, quantity, price), reports);
                if left > 0 && matches!(message, New(..)) {
                    self.orders.push((id, side, left, price));
                } else if left > 0 {
                    reports.push(cancel_ack(sequence, side, id, price, left));
                }
            }
            Cancel(id) => match self.orders.iter().position(|order| order.0 == id) {
                None => reports.push(cancel_reject(sequence, id)),
                Some(place) => {
                    let (_, side, quantity, price) = self.orders.remove(place);
                    reports.push(cancel_ack(sequence, side, id, price, quantity));
                }
            },
            Modify(id, _, quantity, price) => {
                match self.orders.iter().position(|order| order.0 == id) {
                    None => reports.push(modify_reject(sequence, id)),
                    Some(place) => {
                        let (_, side, before, price_before) = self.orders[place];
                        reports.push(modify_ack(sequence, side, id, price, quantity));
                        if price == price_before && quantity < before {
                            self.orders[place].2 = quantity;
                            return;
                        }
                        self.orders.remove(place);
                        let left = self.trade(sequence, (id, side, quantity, price), reports);
                        if left > 0 {
                            self.orders.push((id, side, left, price));
                        }
                    }
                }
            }
        }
    }
}

/// xorshift64* (Vigna 2016).
pub struct Random(pub u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % bound
    }

    /// `jump` is how far prices spread around 1,000.
    pub fn message(&mut self, jump: u64) -> Message {
        let id = self.below(60);
        let side = self.below(2) as u8;
        let quantity = 1 + self.below(9) as u32;
        let price = 1_000 + self.below(jump) as i64 - (jump / 2) as i64;
        match self.below(10) {
            0..=3 => New(id, side, quantity, price),
            4 => Ioc(id, side, quantity, price),
            5..=6 => Cancel(id),
            _ => Modify(id, side, quantity, price),
        }
    }
}
