//! Which places of a batch have to be open to show the fills of an account.

use std::collections::{BTreeSet, HashMap, HashSet};

use proofbook_ledger::{Question, Record};
use proofbook_types::{AccountId, Event, OrderId};

/// What shows the fills of an account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// Positions of commands.
    pub(crate) positions: BTreeSet<u32>,
    /// About the state before the batch.
    pub(crate) before: Vec<Question>,
}

/// Where an order was accepted: in the batch, or before it.
#[derive(Clone, Copy)]
struct Accepted {
    account: AccountId,
    position: u32,
}

/// Every trade of the account's orders, and what shows that they are its: where they were accepted, or the state before the batch.
///
/// `is_before` says whether an id is that of an order of the account before the batch. With `is_complete`, all of the batch and
/// every order that traded in it and was there before it.
pub(crate) fn places(
    record: &Record,
    account: AccountId,
    is_complete: bool,
    is_before: impl Fn(OrderId) -> bool,
) -> Places {
    let mut places = Places::default();
    let mut accepted: HashMap<OrderId, Accepted> = HashMap::new();
    let mut asked = HashSet::new();
    for (position, (_, events)) in (0..).zip(record.iter()) {
        if is_complete {
            places.positions.insert(position);
        }
        for event in events {
            match *event {
                Event::Accepted {
                    order_id, account, ..
                } => {
                    accepted.insert(order_id, Accepted { account, position });
                }
                Event::Trade {
                    maker_id, taker_id, ..
                } => {
                    for id in [maker_id, taker_id] {
                        let known = accepted.get(&id).copied();
                        let is_its = match known {
                            Some(known) => known.account == account,
                            None => is_before(id),
                        };
                        if is_its {
                            places.positions.insert(position);
                            places.positions.extend(known.map(|known| known.position));
                        }
                        if known.is_none() && (is_its || is_complete) && asked.insert(id) {
                            places.before.push(Question::Order(id));
                        }
                    }
                }
                _ => {}
            }
        }
    }
    places
}
