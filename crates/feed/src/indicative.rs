//! The price that an auction would have if it were uncrossed now.
//!
//! Which price that is is a rule, and the rules stand in matching alone. So matching is asked: it uncrosses a book that has one order
//! for each level that takes part. The price depends on the levels' sums alone.

use proofbook_book::{Book, Reference};
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    AccountId, Action, Command, Counters, Event, Order, OrderId, Phase, Price, Quantity, Queue,
    SelfTradePrevention, TimeInForce,
};

use crate::depth::levels;

/// Levels of a side that may take part; where there are more, no price is named.
pub const INDICATIVE_LEVELS_MAX: usize = 4_096;

/// An auction's price as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indicative {
    /// The price.
    pub price: Price,
    /// What would trade at it.
    pub quantity: Quantity,
}

/// The price that the market's auction would have now; `None` where nothing would trade, or the market is in no auction.
pub fn indicative<B: Book>(matching: &MatchingEngine<B>) -> Option<Indicative> {
    let book = matching.book();
    let best = |queue| book.best_price(queue);
    let (highest, lowest) = (best(Queue::Bids)?, best(Queue::Asks)?);
    if matching.phase() != Phase::Auction || highest < lowest {
        return None;
    }
    let mut orders = Vec::new();
    for (queue, limit) in [(Queue::Bids, lowest), (Queue::Asks, highest)] {
        let crossing = levels(book, queue, INDICATIVE_LEVELS_MAX + 1);
        let crossing = crossing.take_while(|level| !queue.before(limit, level.price));
        let before = orders.len();
        for level in crossing {
            let number = orders.len() as u64 + 1;
            let open = level.displayed.0 + level.hidden.0;
            orders.push(order(number, queue, level.price, Quantity(open)));
        }
        if orders.len() - before > INDICATIVE_LEVELS_MAX {
            return None;
        }
    }
    uncross(matching, &orders)
}

fn order(number: u64, queue: Queue, price: Price, open: Quantity) -> Order {
    Order {
        id: OrderId(number),
        account: AccountId::NONE,
        side: queue.side(),
        price: Some(price),
        stop_price: None,
        displayed: open,
        hidden: Quantity::ZERO,
        display: None,
        filled: Quantity::ZERO,
        priority: number,
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        self_trade: SelfTradePrevention::Allow,
    }
}

fn uncross<B: Book>(matching: &MatchingEngine<B>, orders: &[Order]) -> Option<Indicative> {
    let mut book = Reference::default();
    let mut counters = Counters {
        next_priority: orders.len() as u64 + 1,
        open_quantity: [0; 2],
        orders: orders.len() as u32,
        ..matching.counters()
    };
    for order in orders {
        counters.open_quantity[order.side as usize] += order.open().0;
        book.insert(order);
    }
    let command = Command {
        time: counters.clock,
        action: Action::Uncross,
    };
    let copy = MatchingEngine::from_counters(*matching.config(), &counters, book);
    let mut found = None;
    copy.expect("the market has these terms")
        .apply(&command, &mut |event| {
            if let Event::Uncrossed {
                price: Some(price),
                quantity,
            } = event
            {
                found = Some(Indicative { price, quantity });
            }
        });
    found
}
