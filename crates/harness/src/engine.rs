//! One market behind the harness' contract: messages in, reports out.

use core::ffi::c_void;

use proofbook_book::Book;
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    AccountId, Action, Command, Event, EventSink, MarketConfig, NewOrder, OrderId, OrderKind,
    Price, Quantity, Queue, SelfTradePrevention, Side, TimeInForce, Timestamp,
};

use crate::contract::{CancelMessage, ModifyMessage, NewMessage, Report, ReportKind};
use crate::ring::Ring;

/// A push function of somebody else's queue: 1 done, 0 full.
pub type ForeignPush = unsafe extern "C" fn(*mut c_void, *const Report) -> i32;

/// Where reports go.
pub enum Outlet {
    /// Our own ring.
    Ring(*const Ring),
    /// Somebody else's queue.
    Foreign {
        /// Its push function.
        push: ForeignPush,
        /// Its handle.
        handle: *mut c_void,
    },
}

impl Outlet {
    /// Adds a report, waiting while the queue is full.
    #[inline(always)]
    fn push(&self, report: Report) {
        match *self {
            Outlet::Ring(ring) => {
                // SAFETY: the harness keeps the queue until the engine is shut down; only the matching thread pushes.
                while !unsafe { (*ring).push(report.words()) } {
                    core::hint::spin_loop();
                }
            }
            Outlet::Foreign { push, handle } => push_foreign(push, handle, &report),
        }
    }
}

#[cold]
#[inline(never)]
fn push_foreign(push: ForeignPush, handle: *mut c_void, report: &Report) {
    // SAFETY: function and handle came together in `engine_init`.
    while unsafe { push(handle, report) } == 0 {
        core::hint::spin_loop();
    }
}

/// Turns one message's events into reports.
struct Reporter<'a, const REJECT: u8> {
    outlet: &'a Outlet,
    sequence: u64,
}

/// [`Reporter`]'s parameter for new orders: the contract has no report for one that is rejected.
const REJECT_SILENTLY: u8 = u8::MAX;

impl<const REJECT: u8> Reporter<'_, REJECT> {
    /// Reports what became of an order. Its quantity came in as 32 bits and only goes down.
    #[inline(always)]
    fn tell(&self, kind: u8, id: OrderId, side: Side, price: Option<Price>, quantity: Quantity) {
        self.outlet.push(Report {
            kind,
            side: side as u8,
            sequence: self.sequence,
            order_id: id.0,
            price_ticks: price.map_or(0, |price| price.0),
            quantity: quantity.0 as u32,
            ..Report::default()
        });
    }

    #[inline(always)]
    fn tell_trade(&self, maker: OrderId, taker: OrderId, price: Price, quantity: Quantity) {
        self.outlet.push(Report {
            kind: ReportKind::Trade as u8,
            sequence: self.sequence,
            price_ticks: price.0,
            quantity: quantity.0 as u32,
            maker_order_id: maker.0,
            taker_order_id: taker.0,
            ..Report::default()
        });
    }

    #[inline(always)]
    fn tell_reject(&self, id: Option<OrderId>) {
        if REJECT != REJECT_SILENTLY {
            self.outlet.push(Report {
                kind: REJECT,
                sequence: self.sequence,
                order_id: id.map_or(0, |id| id.0),
                ..Report::default()
            });
        }
    }
}

impl<const REJECT: u8> EventSink for Reporter<'_, REJECT> {
    #[inline(always)]
    fn event(&mut self, event: Event) {
        match event {
            Event::Accepted {
                order_id,
                side,
                price,
                quantity,
                ..
            } => self.tell(ReportKind::OrderAck as u8, order_id, side, price, quantity),
            Event::Cancelled {
                order_id,
                side,
                price,
                quantity,
                ..
            } => self.tell(ReportKind::CancelAck as u8, order_id, side, price, quantity),
            Event::Replaced {
                order_id,
                side,
                price,
                quantity,
                ..
            } => self.tell(ReportKind::ModifyAck as u8, order_id, side, price, quantity),
            Event::Trade {
                maker_id,
                taker_id,
                price,
                quantity,
                ..
            } => self.tell_trade(maker_id, taker_id, price, quantity),
            Event::Rejected { order_id, .. } => self.tell_reject(order_id),
            _ => {}
        }
    }
}

/// A market and the queue of its reports.
pub struct Engine<B> {
    market: MatchingEngine<B>,
    outlet: Outlet,
}

impl<B: Book> Engine<B> {
    /// An empty market.
    pub fn new(book: B, outlet: Outlet) -> Self {
        let market = MatchingEngine::new(MarketConfig::default(), book)
            .expect("the default terms make a market");
        Engine { market, outlet }
    }

    /// Messages carry no time: the market's clock stands still, and their order is that of the calls.
    #[inline(always)]
    fn apply<const REJECT: u8>(&mut self, sequence: u64, action: Action) {
        let command = Command {
            time: Timestamp(0),
            action,
        };
        let mut reporter = Reporter::<REJECT> {
            outlet: &self.outlet,
            sequence,
        };
        self.market.apply(&command, &mut reporter);
    }

    /// Takes a new order.
    #[inline(always)]
    pub fn on_new(&mut self, message: &NewMessage) {
        let order = NewOrder {
            order_id: OrderId(message.order_id),
            account: AccountId::NONE,
            side: side(message.side),
            quantity: Quantity(u64::from(message.quantity)),
            kind: OrderKind::Limit {
                price: Price(message.price_ticks),
            },
            time_in_force: if message.is_ioc != 0 {
                TimeInForce::ImmediateOrCancel
            } else {
                TimeInForce::GoodTillCancel
            },
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::Allow,
        };
        self.apply::<REJECT_SILENTLY>(message.sequence, Action::New(order));
    }

    /// Takes a cancel.
    #[inline(always)]
    pub fn on_cancel(&mut self, message: &CancelMessage) {
        let action = Action::Cancel {
            order_id: OrderId(message.order_id),
        };
        self.apply::<{ ReportKind::CancelReject as u8 }>(message.sequence, action);
    }

    /// Takes a modify.
    #[inline(always)]
    pub fn on_modify(&mut self, message: &ModifyMessage) {
        let action = Action::Replace {
            order_id: OrderId(message.order_id),
            price: Some(Price(message.price_ticks)),
            quantity: Some(Quantity(u64::from(message.quantity))),
            stop_price: None,
        };
        self.apply::<{ ReportKind::ModifyReject as u8 }>(message.sequence, action);
    }

    /// The best price of a side.
    pub fn best_price(&self, side: Side) -> Option<i64> {
        let price = self.market.book().best_price(Queue::resting(side))?;
        Some(price.0)
    }

    /// What rests on a side at a price.
    pub fn depth_at(&self, side: Side, price_ticks: i64) -> u64 {
        let queue = Queue::resting(side);
        self.market
            .book()
            .level(queue, Price(price_ticks))
            .map_or(0, |level| level.displayed.0 + level.hidden.0)
    }
}

/// The side of a tag: 0 buy, anything else sell.
#[inline(always)]
pub fn side(tag: u8) -> Side {
    if tag == 0 {
        Side::Buy
    } else {
        Side::Sell
    }
}
