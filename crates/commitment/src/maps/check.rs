//! The self-check of maps: what their nodes say against each other.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proofbook_types::Queue;

use super::{
    expires, field, level_field, map_link, queue_link, queue_of, Accounts, Expiries, Ids, Levels,
    Maps, Orders,
};
use crate::header::Map;
use crate::sponge::Permutation;
use crate::store::{child, kind, orders_link, Link, Node, Source, Store};
use crate::trie::{Key, Leaf};

/// The opened leaves under a link, and whether all of them are opened.
struct Leaves {
    nodes: Vec<Node>,
    is_complete: bool,
}

fn leaves<L: Leaf, P: Permutation, S: Source>(
    store: &Store<P, S>,
    root: Link,
) -> Result<Leaves, String> {
    let mut found = Leaves {
        nodes: Vec::new(),
        is_complete: true,
    };
    let mut stack = Vec::from([(root, None::<u32>)]);
    let mut before: Option<L::Key> = None;
    while let Some((link, above)) = stack.pop() {
        let Some(node) = store.opened(link) else {
            found.is_complete &= store.is_empty(link);
            continue;
        };
        if store.kind(node) == kind::BRANCH {
            let position = store.parameter(node);
            if above.is_some_and(|above| above >= position) {
                return Err(format!(
                    "branch {node:?} tests no later bit than the one above"
                ));
            }
            stack.push((child(node, 1), Some(position)));
            stack.push((child(node, 0), Some(position)));
            continue;
        }
        let key = L::key(store, node);
        if let Some(before) = before {
            let is_first_difference =
                before < key && before.bit(before.first_difference(key).into()) == 0;
            if !is_first_difference {
                return Err(format!("leaf {node:?} is out of order"));
            }
        }
        before = Some(key);
        found.nodes.push(node);
    }
    Ok(found)
}

pub(super) fn check<P: Permutation, S: Source>(
    maps: &Maps<P, S>,
    orders: usize,
) -> Result<(), String> {
    let store = &maps.store;
    let [mut found, mut owned, mut expiring] = [0; 3];
    let mut is_complete = true;
    for queue in Queue::ALL {
        let levels = leaves::<Levels, P, S>(store, queue_link(queue))?;
        is_complete &= levels.is_complete;
        let known = maps.best[queue as usize];
        if known.is_some_and(|best| best != levels.nodes.first().copied()) {
            return Err(format!("{known:?} is not the first level of {queue:?}"));
        }
        for level in levels.nodes {
            let members = leaves::<Orders, P, S>(store, orders_link(level))?;
            is_complete &= members.is_complete;
            let first = store.word(level.0, level_field::FIRST) as usize;
            if first != 0 && members.nodes.first() != Some(&Node(first)) {
                return Err(format!("{first} is not the first order of level {level:?}"));
            }
            let [mut displayed, mut hidden] = [0; 2];
            for &order in &members.nodes {
                let tags = store.word(order.0, field::TAGS);
                displayed += maps.displayed(order);
                hidden += maps.hidden(order);
                owned += usize::from(maps.account(order) != 0);
                expiring += usize::from(expires(tags));
                if queue_of(tags) != queue {
                    return Err(format!("order {order:?} is not one of {queue:?}"));
                }
            }
            found += members.nodes.len();
            let sums = maps.sums(level);
            let is_as_said = (sums.displayed, sums.hidden, sums.orders as usize)
                == (displayed, hidden, members.nodes.len());
            if members.is_complete && !is_as_said {
                return Err(format!("level {level:?} has other sums: {sums:?}"));
            }
        }
    }
    let ids = leaves::<Ids, P, S>(store, map_link(Map::Ids))?;
    let expiries = leaves::<Expiries, P, S>(store, map_link(Map::Expiries))?;
    let accounts = leaves::<Accounts, P, S>(store, map_link(Map::Accounts))?;
    let counts = [ids.nodes.len(), expiries.nodes.len(), accounts.nodes.len()];
    is_complete &= ids.is_complete && expiries.is_complete && accounts.is_complete;
    if is_complete && (found != orders || counts != [orders, expiring, owned]) {
        return Err(format!(
            "{found} orders in queues, {expiring} that expire and {owned} owned, but {counts:?} in the indices of {orders}"
        ));
    }
    Ok(())
}
