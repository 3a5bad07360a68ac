//! The self-check of [`Orders`]: everything that must hold whatever the queues are.

use super::{Life, Orders, NIL};

/// Which slots a walk over a book's queues has met.
pub(crate) struct Seen {
    slots: Vec<bool>,
    live: usize,
    expiring: usize,
}

impl Orders {
    /// Before a walk over the queues, each of whose orders goes through [`Orders::verify_order`].
    pub(crate) fn nothing_seen(&self) -> Seen {
        let mut slots = vec![false; self.hot.len()];
        slots[NIL as usize] = true;
        Seen {
            slots,
            live: 0,
            expiring: 0,
        }
    }

    /// Checks one order of a queue.
    pub(crate) fn verify_order(&self, slot: u32, seen: &mut Seen) -> Result<(), String> {
        let hot = self.hot(slot);
        if core::mem::replace(&mut seen.slots[slot as usize], true) {
            return Err(format!("slot {slot} is in its queue twice: {hot:?}"));
        }
        if self.find(hot.id) != Some(slot) {
            return Err(format!("order {} is not in the index", hot.id));
        }
        seen.live += 1;
        if hot.terms.life == Life::Date {
            let cold = &self.cold[slot as usize];
            let entry = self.expiring.get(cold.heap_position);
            let is_right = entry.is_some_and(|entry| {
                (entry.slot, entry.expiry, entry.priority) == (slot, cold.expiry, hot.priority)
            });
            if !is_right {
                return Err(format!("order {} is not where it should expire", hot.id));
            }
            seen.expiring += 1;
        }
        if hot.account != 0 {
            self.verify_account_link(slot, hot.account)?;
        }
        Ok(())
    }

    /// Checks, after the walk, that nothing is left over.
    pub(crate) fn verify(&self, mut seen: Seen) -> Result<(), String> {
        if seen.live != self.index.len() {
            return Err(format!(
                "{} orders in queues, {} in the index",
                seen.live,
                self.index.len()
            ));
        }
        if seen.expiring != self.expiring.len() {
            return Err(format!(
                "{} orders expire, {} known",
                seen.expiring,
                self.expiring.len()
            ));
        }
        let mut free = self.free;
        while free != NIL {
            if core::mem::replace(&mut seen.slots[free as usize], true) {
                return Err(format!("free slot {free} is live, or free twice"));
            }
            free = self.hot(free).next;
        }
        match seen.slots.iter().position(|is_seen| !is_seen) {
            Some(lost) => Err(format!("slot {lost} is neither live nor free")),
            None => Ok(()),
        }
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
