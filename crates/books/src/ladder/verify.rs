//! The full self-check of a [`Ladder`]: everything that must hold, found again from scratch.

use alloc::format;
use alloc::string::String;
use alloc::vec;

use proofbook_types::{Price, Queue};

use super::levels::rank_of;
use super::slot::Life;
use super::{Ladder, NIL};

impl Ladder {
    pub(super) fn verify(&self) -> Result<(), String> {
        let mut seen = vec![false; self.hot.len()];
        seen[NIL as usize] = true;
        let mut live = 0;
        for queue in Queue::ALL {
            self.queues[queue as usize].verify()?;
            live += self.verify_queue(queue, &mut seen)?;
        }
        if live != self.index.len() {
            return Err(format!(
                "{live} orders in queues, {} in the index",
                self.index.len()
            ));
        }
        let mut free = self.free;
        while free != NIL {
            if core::mem::replace(&mut seen[free as usize], true) {
                return Err(format!("free slot {free} is live, or free twice"));
            }
            free = self.hot(free).next;
        }
        if let Some(lost) = seen.iter().position(|is_seen| !is_seen) {
            return Err(format!("slot {lost} is neither live nor free"));
        }
        Ok(())
    }

    fn verify_queue(&self, queue: Queue, seen: &mut [bool]) -> Result<usize, String> {
        let levels = self.levels(queue);
        let mut live = 0;
        let mut expiring = 0;
        let mut found = levels.best();
        while let Some((rank, level)) = found {
            let data = levels.get(level);
            let (mut displayed, mut hidden, mut orders) = (0, 0, 0);
            let (mut previous, mut slot) = (NIL, data.head);
            while slot != NIL {
                let hot = self.hot(slot);
                let id = hot.id;
                let is_known = self.index.find(id, |slot| self.hot(slot).id) == Some(slot);
                if core::mem::replace(&mut seen[slot as usize], true)
                    || hot.previous != previous
                    || hot.level != level
                    || hot.terms.queue != queue
                    || rank_of(queue, Price(hot.price)) != rank
                    || !is_known
                {
                    return Err(format!("order {id} in slot {slot} is misplaced: {hot:?}"));
                }
                if hot.terms.life == Life::Date {
                    let cold = &self.cold[slot as usize];
                    let entry = self.expiring.get(cold.heap_position);
                    let is_right = entry.is_some_and(|entry| {
                        (entry.slot, entry.expiry, entry.priority)
                            == (slot, cold.expiry, hot.priority)
                    });
                    if !is_right {
                        return Err(format!("order {id} is not where it should expire"));
                    }
                    expiring += 1;
                }
                if hot.account != 0 {
                    self.verify_account_link(slot, hot.account)?;
                }
                displayed += hot.displayed;
                hidden += proofbook_book::Book::hidden(self, slot).0;
                orders += 1;
                previous = slot;
                slot = hot.next;
            }
            let sums = (displayed, hidden, orders, previous);
            if sums != (data.displayed, data.hidden, data.orders, data.tail) || orders == 0 {
                return Err(format!(
                    "level of rank {rank} says {data:?}, but holds {sums:?}"
                ));
            }
            live += orders as usize;
            found = levels.after(rank);
        }
        if expiring > self.expiring.len() {
            return Err(format!(
                "{expiring} orders expire, {} known",
                self.expiring.len()
            ));
        }
        Ok(live)
    }

    fn verify_account_link(&self, slot: u32, account: u64) -> Result<(), String> {
        let cold = &self.cold[slot as usize];
        let is_right = if cold.account_previous == NIL {
            let head = self.accounts.find(account, |slot| self.hot(slot).account);
            head == Some(slot)
        } else {
            let before = cold.account_previous;
            self.cold[before as usize].account_next == slot && self.hot(before).account == account
        };
        if is_right {
            Ok(())
        } else {
            Err(format!("slot {slot} is not linked to account {account}"))
        }
    }
}
