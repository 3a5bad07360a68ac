//! A market's state as canonical bytes, and back: section 13 of the rules.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proofbook_book::Book;
use proofbook_types::{
    DecodeError, MarketConfig, Order, Phase, Price, Quantity, Queue, Reader, Timestamp, Writer,
    CONFIG_BYTES, ORDER_BYTES,
};

use crate::enter::has_too_many_slices;
use crate::{is_unlimited, MatchingEngine, Scratch, NUMBERS_END};

const HEADER_BYTES: usize = 40;

fn inconsistent<T>(what: &'static str) -> Result<T, DecodeError> {
    Err(DecodeError::Inconsistent { what })
}

/// Splits `count` bytes off the front.
fn split<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], DecodeError> {
    if bytes.len() < count {
        return Err(DecodeError::Length {
            what: "market state",
            expected: count,
            received: bytes.len(),
        });
    }
    let (head, tail) = bytes.split_at(count);
    *bytes = tail;
    Ok(head)
}

fn split_array<'a, const N: usize>(bytes: &mut &'a [u8]) -> Result<&'a [u8; N], DecodeError> {
    Ok(split(bytes, N)?
        .try_into()
        .expect("split gives as many bytes as were asked for"))
}

impl<B: Book> MatchingEngine<B> {
    /// Hands the state's canonical bytes to `out`, piece by piece.
    pub fn write_state(&self, out: &mut impl FnMut(&[u8])) {
        out(&self.config.encode());
        let mut header = [0; HEADER_BYTES];
        let mut writer = Writer::new(&mut header);
        writer.u64(self.sequence);
        writer.u64(self.clock.0);
        writer.u64(self.next_priority);
        writer.u8(self.phase as u8);
        writer.u8(u8::from(self.last_trade.is_some()));
        for _ in 0..6 {
            writer.u8(0);
        }
        writer.i64(self.last_trade.map_or(0, |price| price.0));
        out(&header);
        for queue in Queue::ALL {
            let mut count: u64 = 0;
            let mut level = self.book.next_level(queue, None);
            while let Some(found) = level {
                count += u64::from(found.orders);
                level = self.book.next_level(queue, Some(found.price));
            }
            out(&count.to_le_bytes());
            let mut slot = self.book.best(queue);
            while let Some(found) = slot {
                out(&self.book.order(found).encode());
                slot = self.book.next(found);
            }
        }
    }

    /// The market whose canonical bytes these are, over an empty book.
    ///
    /// # Errors
    /// Bytes that are not the canonical bytes of a state that a market can be in.
    pub fn restore(mut bytes: &[u8], book: B) -> Result<Self, DecodeError> {
        let config = MarketConfig::decode(split_array::<CONFIG_BYTES>(&mut bytes)?)?;
        let mut header = Reader::new(split(&mut bytes, HEADER_BYTES)?);
        let mut engine = MatchingEngine {
            is_unlimited: is_unlimited(&config),
            config,
            book,
            sequence: header.u64(),
            clock: Timestamp(header.u64()),
            next_priority: header.u64(),
            phase: Phase::Continuous,
            last_trade: None,
            open_quantity: [0; 2],
            scratch: Scratch::default(),
        };
        let phase = header.u8();
        engine.phase = *Phase::ALL
            .get(usize::from(phase))
            .ok_or(DecodeError::UnknownTag {
                what: "phase",
                found: phase,
            })?;
        let has_last_trade = header.u8();
        let reserved = header.u32() == 0 && header.u8() == 0 && header.u8() == 0;
        let last_trade = header.i64();
        if has_last_trade > 1 || !reserved || (has_last_trade == 0 && last_trade != 0) {
            return Err(DecodeError::NotCanonical {
                what: "market state",
            });
        }
        engine.last_trade = (has_last_trade == 1).then_some(Price(last_trade));
        // One command may pass the end of the priority numbers by as many as there are orders and slices.
        if engine.sequence > NUMBERS_END || engine.next_priority == 0 {
            return inconsistent("sequence or priority numbers out of range");
        }
        if engine.check_tick(engine.last_trade).is_err() {
            return inconsistent("the last trade price is not a multiple of the tick");
        }
        for queue in Queue::ALL {
            engine.restore_queue(queue, &mut bytes)?;
        }
        if !bytes.is_empty() {
            return inconsistent("bytes follow the last order");
        }
        if !engine.has_distinct_priorities() {
            return inconsistent("two orders have one priority number");
        }
        if engine.phase == Phase::Continuous {
            if engine.is_crossed() {
                return inconsistent("the best bid and the best ask cross in a continuous market");
            }
            if engine.first_reached().is_some() {
                return inconsistent("a stop that is reached waits in a continuous market");
            }
        }
        Ok(engine)
    }

    fn restore_queue(&mut self, queue: Queue, bytes: &mut &[u8]) -> Result<(), DecodeError> {
        let count = u64::from_le_bytes(*split_array::<8>(bytes)?);
        let mut before: Option<(Price, u64)> = None;
        for _ in 0..count {
            let order = Order::decode(split_array::<ORDER_BYTES>(bytes)?)?;
            let Some(price) = order.queue_price().filter(|_| order.queue() == queue) else {
                return inconsistent("an order stands in a queue that is not its own");
            };
            let is_after = before.is_none_or(|(last, priority)| {
                queue.before(last, price) || (last == price && priority < order.priority)
            });
            if !is_after || order.priority >= self.next_priority || order.priority == 0 {
                return inconsistent("orders are not in price-time priority");
            }
            before = Some((price, order.priority));
            self.restore_order(&order)?;
        }
        Ok(())
    }

    fn restore_order(&mut self, order: &Order) -> Result<(), DecodeError> {
        let open = self.check_restored(order)?;
        if self.book.find(order.id).is_some() {
            return inconsistent("two orders have one id");
        }
        let live = self.book.len() as u64;
        if live >= u64::from(self.config.max_orders) || live >= self.sequence {
            return inconsistent("more orders than the market may hold, or than it took commands");
        }
        let sum = &mut self.open_quantity[order.side as usize];
        match sum.checked_add(open.0) {
            Some(total) => *sum = total,
            None => return inconsistent("open quantities do not fit 64 bits"),
        }
        self.book.insert(order);
        Ok(())
    }

    /// Whether some command could have left this order live. Gives its open quantity.
    fn check_restored(&self, order: &Order) -> Result<Quantity, DecodeError> {
        let Some(open) = order.displayed.checked_add(order.hidden) else {
            return inconsistent("open quantities do not fit 64 bits");
        };
        if open.checked_add(order.filled).is_none() {
            return inconsistent("open and filled quantity do not fit 64 bits");
        }
        let shows = match order.display {
            None => order.hidden.is_zero(),
            Some(display) => {
                order.displayed <= display
                    && self.check_quantity(display).is_ok()
                    && !has_too_many_slices(display, open)
            }
        };
        let in_lots = self.check_quantity(order.displayed).is_ok()
            && self.check_order_quantity(open).is_ok()
            && order.filled.0 % self.config.lot_size == 0;
        if !shows || !in_lots {
            return inconsistent("an order's quantities contradict its terms or the market's");
        }
        let on_ticks =
            self.check_tick(order.price).is_ok() && self.check_tick(order.stop_price).is_ok();
        let rank_price = order.price.or(order.stop_price);
        if !on_ticks || rank_price.is_some_and(|price| self.is_notional_too_large(price, open)) {
            return inconsistent("an order's prices contradict the market's terms");
        }
        let may_rest = order.time_in_force.rests() && order.price.is_some();
        let may_wait = order.stop_price.is_some()
            && order.filled.is_zero()
            && (order.time_in_force.rests() || order.price.is_some());
        let lasts = match order.stop_price {
            None => may_rest,
            Some(_) => may_wait,
        };
        if !lasts || (!may_rest && (order.post_only || order.display.is_some())) {
            return inconsistent("an order's terms do not let it rest or wait");
        }
        match order.time_in_force.expiry() {
            Some(expiry) if expiry <= self.clock => inconsistent("an expired order is live"),
            _ => Ok(open),
        }
    }

    /// Whether no two live orders have one priority number.
    fn has_distinct_priorities(&self) -> bool {
        let mut priorities = Vec::with_capacity(self.book.len());
        for queue in Queue::ALL {
            let mut slot = self.book.best(queue);
            while let Some(found) = slot {
                priorities.push(self.book.order(found).priority);
                slot = self.book.next(found);
            }
        }
        priorities.sort_unstable();
        priorities.windows(2).all(|pair| pair[0] != pair[1])
    }

    /// Checks everything that must hold between commands, at any cost.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self) -> Result<(), String> {
        self.book.check()?;
        let mut open_quantity = [0u64; 2];
        let mut count = 0;
        for queue in Queue::ALL {
            let mut slot = self.book.best(queue);
            let mut before: Option<(Price, u64)> = None;
            while let Some(found) = slot {
                let order = self.book.order(found);
                let price = order
                    .queue_price()
                    .filter(|_| order.queue() == queue)
                    .ok_or_else(|| format!("{order:?} stands in {queue:?}"))?;
                let in_order = before.is_none_or(|(last, priority)| {
                    queue.before(last, price) || (last == price && priority < order.priority)
                });
                if !in_order || order.displayed.is_zero() || order.priority >= self.next_priority {
                    return Err(format!("{order:?} is out of place in {queue:?}"));
                }
                before = Some((price, order.priority));
                open_quantity[order.side as usize] += order.open().0;
                count += 1;
                slot = self.book.next(found);
            }
        }
        if open_quantity != self.open_quantity || count != self.book.len() {
            return Err(format!(
                "{count} orders of {} with {open_quantity:?} open, not {:?}",
                self.book.len(),
                self.open_quantity
            ));
        }
        if !self.has_distinct_priorities() {
            return Err(String::from("two orders have one priority number"));
        }
        if self.phase == Phase::Continuous && self.is_crossed() {
            return Err(String::from("the book is crossed"));
        }
        Ok(())
    }
}
