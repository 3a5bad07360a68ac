//! Events read back from their words, and the leaf that a command's events make.

use proofbook_commitment::node::seven;
use proofbook_commitment::{Digest, Portable, Sponge, Tag};
use proofbook_types::{
    AccountId, CancelReason, Event, OrderId, Phase, Price, Quantity, Queue, ReduceReason,
    RejectReason, Side, EVENT_WORDS,
};

/// The leaf of one command's events in the list of a batch's events: two blocks for each event, then one with their number.
pub fn events_leaf(events: &[Event]) -> Digest {
    let mut sponge = Sponge::<Portable>::new(Tag::Events, 0);
    for event in events {
        for block in seven(&event.words()) {
            sponge.block(block);
        }
    }
    sponge.block([events.len() as u64, 0, 0, 0]);
    sponge.digest()
}

/// The event that encodes to exactly these words, if any does.
pub fn decode_event(words: &[u64; EVENT_WORDS]) -> Option<Event> {
    let [kind, code, reason, flags, ..] = words[0].to_le_bytes();
    let order_id = OrderId(words[1]);
    let price = Price(words[3] as i64);
    let named_price = (flags & 1 != 0).then_some(price);
    let (quantity, open, priority) = (Quantity(words[4]), Quantity(words[5]), words[6]);
    let side = match code {
        1 => Side::Sell,
        _ => Side::Buy,
    };
    let event = match kind {
        1 => Event::Accepted {
            order_id,
            account: AccountId(words[2]),
            side,
            price: named_price,
            quantity,
        },
        2 => Event::Rejected {
            order_id: (flags & 1 != 0).then_some(order_id),
            reason: coded(RejectReason::ALL, reason, |reason| reason as u8)?,
        },
        3 => Event::Placed {
            order_id,
            queue: *Queue::ALL.get(usize::from(code))?,
            price,
            displayed: quantity,
            hidden: open,
            priority,
        },
        4 => Event::Trade {
            maker_id: order_id,
            taker_id: OrderId(words[2]),
            taker_side: side,
            price,
            quantity,
            maker_open: open,
        },
        5 => Event::Refreshed {
            order_id,
            displayed: quantity,
            hidden: open,
            priority,
        },
        6 => Event::Reduced {
            order_id,
            quantity,
            open,
            reason: coded(ReduceReason::ALL, reason, |reason| reason as u8)?,
        },
        7 => Event::Cancelled {
            order_id,
            side,
            price: named_price,
            quantity,
            reason: coded(CancelReason::ALL, reason, |reason| reason as u8)?,
        },
        8 => Event::Replaced {
            order_id,
            side,
            price: named_price,
            quantity,
            kept_priority: flags & 2 != 0,
        },
        9 => Event::Expired { order_id, quantity },
        10 => Event::Triggered { order_id },
        11 => Event::PhaseChanged {
            phase: *Phase::ALL.get(usize::from(reason))?,
        },
        12 => Event::Uncrossed {
            price: named_price,
            quantity,
        },
        _ => return None,
    };
    // Whatever was not looked at, or has no meaning, shows here: an event has one encoding.
    (event.words() == *words).then_some(event)
}

fn coded<T: Copy>(all: &[T], code: u8, code_of: impl Fn(T) -> u8) -> Option<T> {
    all.iter().copied().find(|&value| code_of(value) == code)
}
