//! Market data of FIX clients: MarketDataRequest (V) in, snapshots (W), updates (X) and refusals (Y) out. `docs/FIX.md` has the tables.
//!
//! Data of a turn are conflated. While outcomes are handed out, [`MarketData::observe`] notes which prices were touched: each change of an order is a report that
//! has the order's price, and the price that a replace leaves is noted when it is submitted ([`MarketData::before`]). At the turn's end
//! [`MarketData::flush`] reads each touched level once from the book, whose entries the log has acknowledged by then.
//!
//! Invariants:
//! - markets without a subscriber cost nothing but a look at an empty list;
//! - a subscriber that was sent a snapshot and every update behind it holds the levels of its depth as the book has them at the turn's end;
//! - what waits for a client is bounded: beyond [`crate::clients::HOLD_BYTES`] its data are held back, and once it has read, a new snapshot replaces what it holds;
//! - a session's subscriptions are bounded and end with its connection.

mod request;
#[cfg(test)]
mod tests;
mod view;
mod watch;
mod write;

use proofbook_exchange::{Action, Exchange, Execution, Liquidity, MarketId, Outcome, Report};
use proofbook_fix::ParsedMessage;
use proofbook_session::{BusinessReject, BusinessRejectReason, SendError};

use crate::clients::Clients;
use request::{Question, Rejection, Wanted};
use view::Touched;
use watch::{Subscriber, Watch};

/// Subscriptions of a session: markets of its requests, one by one.
const SUBSCRIPTIONS_MAX: usize = 256;

/// Refusals that wait for the turn's end.
const REFUSALS_MAX: usize = 4_096;

struct Refused {
    client: usize,
    request_id: Vec<u8>,
    rejection: Rejection,
}

/// Who is told what of which market.
#[derive(Default)]
pub(crate) struct MarketData {
    /// By the market's number less one; empty while nobody asks for anything.
    watches: Vec<Option<Watch>>,
    refused: Vec<Refused>,
    /// The time of the entry whose outcomes are being seen.
    time_ns: u64,
}

impl MarketData {
    /// Takes a MarketDataRequest. It is answered at the turn's end.
    ///
    /// # Errors
    /// Its id cannot be sent back, or too many refused ones wait.
    pub(crate) fn ask(
        &mut self,
        client: usize,
        message: &ParsedMessage<'_>,
        exchange: &Exchange,
    ) -> Result<(), BusinessReject> {
        let request_id = request::id(message)?;
        let taken = match request::read(message, exchange) {
            Ok(Question::Subscribe(wanted)) => self.subscribe(client, &request_id, &wanted),
            Ok(Question::Unsubscribe) => self.unsubscribe(client, &request_id),
            Err(rejection) => Err(rejection),
        };
        let Err(rejection) = taken else {
            return Ok(());
        };
        if self.refused.len() >= REFUSALS_MAX {
            return Err(BusinessReject {
                reason: BusinessRejectReason::ApplicationNotAvailable,
                reference_id: Some(request_id),
                text: "too many refused requests".into(),
            });
        }
        self.refused.push(Refused {
            client,
            request_id,
            rejection,
        });
        Ok(())
    }

    fn subscribe(&mut self, client: usize, id: &[u8], wanted: &Wanted) -> Result<(), Rejection> {
        let own = || self.subscribers().filter(|one| one.client == client);
        if own().any(|one| one.request_id == id) {
            return Err(Rejection::new(
                b'1',
                "expected an MDReqID that is not in use",
            ));
        }
        if own().count() + wanted.markets.len() > SUBSCRIPTIONS_MAX {
            let text = format!("expected at most {SUBSCRIPTIONS_MAX} subscriptions of a session");
            return Err(Rejection::new(b'2', text));
        }
        for market in &wanted.markets {
            let index = market.0 as usize - 1;
            if self.watches.len() <= index {
                self.watches.resize_with(index + 1, || None);
            }
            let watch = self.watches[index].get_or_insert_default();
            watch
                .subscribers
                .push(Subscriber::new(client, id.to_vec(), wanted));
        }
        Ok(())
    }

    fn unsubscribe(&mut self, client: usize, id: &[u8]) -> Result<(), Rejection> {
        let is_meant = |one: &Subscriber| one.client == client && one.request_id == id;
        if !self.subscribers().any(is_meant) {
            let text = "expected the MDReqID of a subscription of this connection";
            return Err(Rejection {
                reason: None,
                text: text.into(),
            });
        }
        self.retain(|one| !is_meant(one));
        Ok(())
    }

    fn subscribers(&self) -> impl Iterator<Item = &Subscriber> {
        let watches = self.watches.iter().flatten();
        watches.flat_map(|watch| &watch.subscribers)
    }

    /// A connection has ended, and with it its subscriptions.
    pub(crate) fn forget(&mut self, client: usize) {
        self.refused.retain(|one| one.client != client);
        self.retain(|one| one.client != client);
    }

    fn retain(&mut self, is_kept: impl Fn(&Subscriber) -> bool) {
        for watch in self.watches.iter_mut().flatten() {
            watch.retain(&is_kept);
        }
        self.drop_unwatched();
    }

    fn drop_unwatched(&mut self) {
        for place in &mut self.watches {
            if place.as_ref().is_some_and(Watch::is_idle) {
                *place = None;
            }
        }
        if self.watches.iter().all(Option::is_none) {
            self.watches.clear();
        }
    }

    fn watch(&mut self, market: MarketId) -> Option<&mut Watch> {
        let index = (market.0 as usize).checked_sub(1)?;
        self.watches.get_mut(index)?.as_mut()
    }

    /// Sees an entry before the exchange takes it: what a replace leaves is not in what comes of it.
    pub(crate) fn before(&mut self, action: &Action, exchange: &Exchange) {
        let Action::Replace { target, .. } = action else {
            return;
        };
        if self.watches.is_empty() {
            return;
        }
        let order = if target.original_id.is_some() {
            exchange.order_named(target.account, &target.original_id)
        } else {
            exchange.order(target.order_id)
        };
        if let Some(order) = order {
            self.touch(&order);
        }
    }

    fn touch(&mut self, report: &Report) {
        let Some(watch) = self.watch(report.market) else {
            return;
        };
        if let Some(price) = report.kind.price() {
            watch.touch(Touched::new(report.side, price));
        }
    }

    /// Sees what came of an entry.
    pub(crate) fn observe(&mut self, entry: u64, outcome: &Outcome) {
        if self.watches.is_empty() {
            return;
        }
        let report = match outcome {
            Outcome::Command { command, .. } => {
                self.time_ns = command.time.0;
                return;
            }
            Outcome::Report(report) => report,
            _ => return,
        };
        match report.execution {
            Execution::Rejected { .. }
            | Execution::CancelRejected { .. }
            | Execution::ReplaceRejected { .. }
            | Execution::Status => return,
            // A trade has a report for each of its orders.
            Execution::Trade {
                price,
                quantity,
                liquidity: Liquidity::Maker,
                ..
            } => {
                let time_ns = self.time_ns;
                if let Some(watch) = self.watch(report.market) {
                    watch.print(entry, price, quantity, time_ns);
                }
            }
            _ => {}
        }
        self.touch(report);
    }

    /// Tells every subscriber what changed. The log has acknowledged all that the exchange holds.
    ///
    /// # Errors
    /// Those of a session.
    pub(crate) fn flush(
        &mut self,
        exchange: &Exchange,
        clients: &mut impl Clients,
    ) -> Result<(), SendError> {
        for refused in self.refused.drain(..) {
            clients.send(refused.client, b"Y", |draft| {
                write::reject(draft, &refused.request_id, &refused.rejection);
            })?;
        }
        let mut has_idle = false;
        for (watch, market) in self.watches.iter_mut().zip((1..).map(MarketId)) {
            if let Some(watch) = watch {
                let (instrument, matching) = exchange.market(market).expect("it was asked for");
                watch.flush(instrument, matching, clients)?;
                has_idle |= watch.is_idle();
            }
        }
        if has_idle {
            self.drop_unwatched();
        }
        Ok(())
    }
}
