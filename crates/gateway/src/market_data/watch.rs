//! One market with its subscribers.
//!
//! A subscriber is behind (it needs a snapshot), or holds the levels up to a rank of each side: a snapshot has only so many levels, and those behind them
//! follow as new ones, as fast as the client reads. A change is sent if its level is among those that the client holds.

use std::collections::BTreeMap;

use proofbook_book::Book;
use proofbook_books::Ladder;
use proofbook_exchange::Instrument;
use proofbook_matching::MatchingEngine;
use proofbook_session::SendError;
use proofbook_types::{Price, Quantity, Side};

use super::request::{Mode, Wanted};
use super::view::{Change, Shown, Touched, Update, View};
use super::write::{self, Item, Snapshot, SNAPSHOT_LEVELS_MAX, UPDATE_ENTRIES_MAX};
use crate::clients::{Clients, RESUME_BYTES};

/// All levels of a side.
const ALL: i64 = i64::MAX;

/// A trade.
#[derive(Clone, Copy, Debug)]
pub(super) struct Print {
    pub(super) entry: u64,
    /// The trade's number in its entry and market, from 0.
    pub(super) number: u32,
    pub(super) price: Price,
    pub(super) quantity: Quantity,
    pub(super) time_ns: u64,
}

/// A client's request, in one market.
pub(super) struct Subscriber {
    pub(super) client: usize,
    pub(super) request_id: Vec<u8>,
    mode: Mode,
    depth: usize,
    sides: [bool; 2],
    trades: bool,
    /// The last rank of each side that the client holds; none where it needs a snapshot.
    held: Option<[i64; 2]>,
}

/// A market as its subscribers see it.
pub(super) struct Market<'m> {
    instrument: &'m Instrument,
    last_trade: Option<Price>,
    last_print: Option<&'m Print>,
    prints: &'m [Print],
}

#[derive(Default)]
pub(super) struct Watch {
    pub(super) subscribers: Vec<Subscriber>,
    /// By depth; each has subscribers, once it was made at a turn's end.
    views: BTreeMap<usize, View>,
    touched: Vec<Touched>,
    prints: Vec<Print>,
    last_print: Option<Print>,
}

impl Watch {
    pub(super) fn is_idle(&self) -> bool {
        self.subscribers.is_empty()
    }

    pub(super) fn retain(&mut self, is_kept: impl Fn(&Subscriber) -> bool) {
        self.subscribers.retain(is_kept);
        let subscribers = &self.subscribers;
        self.views
            .retain(|depth, _| subscribers.iter().any(|one| one.depth == *depth));
    }

    pub(super) fn touch(&mut self, touched: Touched) {
        // Orders of a turn mostly touch one price many times.
        if self.touched.last() != Some(&touched) {
            self.touched.push(touched);
        }
    }

    pub(super) fn print(&mut self, entry: u64, price: Price, quantity: Quantity, time_ns: u64) {
        let before = self.last_print.filter(|print| print.entry == entry);
        let print = Print {
            entry,
            number: before.map_or(0, |print| print.number + 1),
            price,
            quantity,
            time_ns,
        };
        self.last_print = Some(print);
        if self.subscribers.iter().any(|one| one.trades) {
            self.prints.push(print);
        }
    }

    /// Tells the subscribers what changed.
    pub(super) fn flush(
        &mut self,
        instrument: &Instrument,
        matching: &MatchingEngine<Ladder>,
        clients: &mut impl Clients,
    ) -> Result<(), SendError> {
        let is_current = |one: &Subscriber| one.held == Some([ALL; 2]);
        if self.touched.is_empty()
            && self.prints.is_empty()
            && self.subscribers.iter().all(is_current)
        {
            return Ok(());
        }
        self.follow(matching.book());
        let market = Market {
            instrument,
            last_trade: matching.last_trade(),
            last_print: self.last_print.as_ref(),
            prints: &self.prints,
        };
        for subscriber in &mut self.subscribers {
            let view = &self.views[&subscriber.depth];
            subscriber.serve(&market, view, clients)?;
        }
        self.prints.clear();
        let is_served = |one: &Subscriber| one.mode == Mode::Once && is_current(one);
        if self.subscribers.iter().any(is_served) {
            self.retain(|one| !is_served(one));
        }
        Ok(())
    }

    /// Brings the views to the book, and makes those that new subscribers need.
    fn follow(&mut self, book: &impl Book) {
        self.touched.sort_unstable();
        self.touched.dedup();
        for view in self.views.values_mut() {
            view.update(book, &self.touched);
        }
        self.touched.clear();
        for subscriber in &self.subscribers {
            let view = self.views.entry(subscriber.depth);
            view.or_insert_with(|| View::read(book, subscriber.depth));
        }
    }
}

impl Subscriber {
    pub(super) fn new(client: usize, request_id: Vec<u8>, wanted: &Wanted) -> Self {
        Subscriber {
            client,
            request_id,
            mode: wanted.mode,
            depth: wanted.depth,
            sides: wanted.sides,
            trades: wanted.trades,
            held: None,
        }
    }

    /// Sends what the client lacks, as far as it reads.
    fn serve(
        &mut self,
        market: &Market<'_>,
        view: &View,
        clients: &mut impl Clients,
    ) -> Result<(), SendError> {
        let Some(waiting) = clients.waiting_bytes(self.client) else {
            self.held = None;
            return Ok(());
        };
        if let Some(held) = self.held {
            let items = self.news(market, view, held);
            let is_updated = items.is_empty()
                || self.mode == Mode::Incremental && self.update(market, &items, clients)?;
            if !is_updated {
                self.held = None;
            }
        }
        if waiting > RESUME_BYTES {
            return Ok(());
        }
        if self.held.is_none() && !self.snapshot(market, view, clients)? {
            return Ok(());
        }
        self.send_rest(market, view, clients)
    }

    /// What changed of what the client holds.
    fn news<'i>(&self, market: &Market<'i>, view: &View, held: [i64; 2]) -> Vec<Item<'i>> {
        let trades = market.prints.iter().filter(|_| self.trades);
        let is_held = |change: &&Change| {
            let side = change.at.side as usize;
            self.sides[side] && change.at.rank <= held[side]
        };
        let levels = view.changes.iter().filter(is_held);
        let levels = levels.map(|change| Item::Level(*change));
        trades.map(Item::Trade).chain(levels).collect()
    }

    /// Sends entries; `false` where the client reads too slowly for all of them.
    fn update(
        &self,
        market: &Market<'_>,
        items: &[Item<'_>],
        clients: &mut impl Clients,
    ) -> Result<bool, SendError> {
        for items in items.chunks(UPDATE_ENTRIES_MAX) {
            if !clients.is_reading(self.client) {
                return Ok(false);
            }
            let is_sent = clients.send(self.client, b"X", |draft| {
                write::update(draft, &self.request_id, market.instrument, items);
            })?;
            if !is_sent {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends the best levels; whether it did.
    fn snapshot(
        &mut self,
        market: &Market<'_>,
        view: &View,
        clients: &mut impl Clients,
    ) -> Result<bool, SendError> {
        let mut held = [ALL; 2];
        let mut levels = Vec::new();
        for side in Side::BOTH
            .into_iter()
            .filter(|side| self.sides[*side as usize])
        {
            let best = view.side(side).iter().take(SNAPSHOT_LEVELS_MAX);
            levels.extend(best.map(|(rank, shown)| (Touched { side, rank: *rank }, *shown)));
            if view.side(side).len() > SNAPSHOT_LEVELS_MAX {
                held[side as usize] = levels.last().map_or(ALL, |(at, _)| at.rank);
            }
        }
        let snapshot = Snapshot {
            levels: &levels,
            last: market
                .last_trade
                .filter(|_| self.trades)
                .map(|price| (price, market.last_print)),
        };
        let is_sent = clients.send(self.client, b"W", |draft| {
            write::snapshot(draft, &self.request_id, market.instrument, &snapshot);
        })?;
        self.held = is_sent.then_some(held);
        Ok(is_sent)
    }

    /// Sends levels behind those that the client holds.
    fn send_rest(
        &mut self,
        market: &Market<'_>,
        view: &View,
        clients: &mut impl Clients,
    ) -> Result<(), SendError> {
        while let Some(mut held) = self.held.filter(|held| *held != [ALL; 2]) {
            let waiting = clients.waiting_bytes(self.client);
            if waiting.is_none_or(|waiting| waiting > RESUME_BYTES) {
                return Ok(());
            }
            let side = Side::BOTH[usize::from(held[0] == ALL)];
            let from = held[side as usize].saturating_add(1);
            let rest = view.side(side).range(from..).take(UPDATE_ENTRIES_MAX);
            let new = |(rank, shown): (&i64, &Shown)| {
                Item::Level(Change {
                    at: Touched { side, rank: *rank },
                    update: Update::New(*shown),
                })
            };
            let items: Vec<Item<'_>> = rest.map(new).collect();
            let last = items.last().filter(|_| items.len() == UPDATE_ENTRIES_MAX);
            held[side as usize] = match last {
                Some(Item::Level(change)) => change.at.rank,
                _ => ALL,
            };
            let is_sent = self.update(market, &items, clients)?;
            self.held = is_sent.then_some(held);
        }
        Ok(())
    }
}
