//! Rebuild mode: every record applied to its instrument's book, and the book compared with the exchange's own word.

use std::collections::BTreeMap;

use proofbook_books::NamedBook;
use proofbook_types::Side;

use crate::apply::{apply, ticks, Effect, OWN_IDS};
use crate::databento::SNAPSHOT_KIND;
use crate::error::ReplayError;
use crate::oracle::{
    check_execution, compare_published, levels, Comparison, RowCheck, SnapshotCheck, StateCheck,
};
use crate::rebuild::Rebuild;
use crate::record::{MarketEvent, PublishedBook, Record};
use crate::report::{Counts, FinalBook};
use crate::run::final_book;
use crate::survey::{EarlyOrder, Survey, Units};

/// What the rebuilt book is compared with.
pub(crate) enum Oracle {
    /// Rows that pair with the messages.
    Rows(Box<RowCheck>),
    /// Rows that do not.
    States(Box<StateCheck>),
    /// Books in the stream, once this many records have passed.
    Published { after_record: u64 },
    /// The executions themselves.
    Executions,
}

impl Oracle {
    pub fn unit(&self) -> &'static str {
        match self {
            Oracle::Rows(_) => "rows",
            Oracle::States(_) => "states",
            Oracle::Published { .. } => "levels",
            Oracle::Executions => "executions",
        }
    }
}

/// One instrument's book.
struct Market<B: NamedBook> {
    book: Rebuild<B>,
    units: Units,
    /// The book before a snapshot that is still coming in.
    snapshot: Option<SnapshotCheck>,
}

/// A rebuild under way.
pub(crate) struct Rebuilding<B: NamedBook> {
    markets: BTreeMap<u32, Market<B>>,
    pub counts: Counts,
    pub comparison: Comparison,
    pub oracle: Oracle,
    /// Orders that stand for what the first row shows and no record names.
    pub anonymous: u64,
    /// Orders compared with snapshots in the stream.
    pub snapshot_orders: u64,
    only: Option<u32>,
    last_record: u64,
}

impl<B: NamedBook> Rebuilding<B> {
    pub fn new(
        survey: &Survey,
        units: impl Fn(u32) -> Units,
        only: Option<u32>,
        oracle: Oracle,
    ) -> Self {
        let markets = survey
            .instruments
            .iter()
            .filter(|(_, instrument)| instrument.order_events > 0)
            .map(|(number, _)| number)
            .filter(|number| only.is_none_or(|only| only == **number))
            .map(|number| {
                let market = Market {
                    book: Rebuild::new(B::empty()),
                    units: units(*number),
                    snapshot: None,
                };
                (*number, market)
            })
            .collect();
        Rebuilding {
            markets,
            counts: Counts::default(),
            comparison: Comparison::default(),
            oracle,
            anonymous: 0,
            snapshot_orders: 0,
            only,
            last_record: 0,
        }
    }

    /// Puts the orders that existed before the first record into the only instrument's book.
    pub fn start_with(&mut self, early: &[EarlyOrder]) {
        let Some(market) = self.markets.values_mut().next() else {
            return;
        };
        for order in early {
            if let Ok(price) = ticks(market.units, order.price) {
                // An order that cannot stand is told by the records that take from it.
                let _ = market
                    .book
                    .add(order.order_id, order.side, price, order.quantity);
            }
        }
    }

    pub fn record(&mut self, record: &Record) -> Result<(), ReplayError> {
        self.counts.record(record);
        self.last_record = record.number;
        let is_other = self.only.is_some_and(|only| only != record.instrument);
        let Some(market) = self
            .markets
            .get_mut(&record.instrument)
            .filter(|_| !is_other)
        else {
            self.counts.informational += 1;
            return Ok(());
        };
        if let (
            Oracle::Executions,
            MarketEvent::Execute {
                order_id, quantity, ..
            }
            | MarketEvent::Fill {
                order_id, quantity, ..
            },
        ) = (&self.oracle, &record.event)
        {
            check_execution(
                record,
                *order_id,
                *quantity,
                &market.book,
                &mut self.comparison,
            );
        }
        if record.event == MarketEvent::Clear {
            market.snapshot = SnapshotCheck::keep(&market.book);
        } else if record.kind != SNAPSHOT_KIND {
            if let Some(snapshot) = market.snapshot.take() {
                self.snapshot_orders +=
                    snapshot.compare(record.number, &market.book, &mut self.comparison);
            }
        }
        match apply(&mut market.book, market.units, record) {
            Ok(Effect::Applied) => self.counts.applied += 1,
            Ok(Effect::Nothing) => self.counts.informational += 1,
            Ok(Effect::AppliedDespite(problem)) => {
                self.counts.applied += 1;
                self.comparison
                    .differences
                    .note(record.number, || problem.name().to_string());
            }
            Err(problem) => self.counts.unapplied(record.number, problem.name(), || {
                format!("{}: {:?}", problem.name(), record.event)
            }),
        }
        self.compare(record)
    }

    fn compare(&mut self, record: &Record) -> Result<(), ReplayError> {
        let Some(market) = self.markets.get_mut(&record.instrument) else {
            return Ok(());
        };
        match &mut self.oracle {
            Oracle::Rows(rows) => {
                if let Some(first) =
                    rows.after(record, &market.book, market.units, &mut self.comparison)?
                {
                    self.anonymous = fill_up(market, &first);
                }
            }
            Oracle::States(states) => {
                states.after(record, &market.book, market.units, &mut self.comparison)?
            }
            Oracle::Published { after_record } => {
                if let MarketEvent::Published(published) = &record.event {
                    if record.number > *after_record {
                        compare_published(
                            record.number,
                            published,
                            &market.book,
                            market.units,
                            &mut self.comparison,
                        );
                    }
                }
            }
            Oracle::Executions => {}
        }
        Ok(())
    }

    /// Ends the comparison. Returns how many rows the order book file has beyond the last message.
    pub fn finish(&mut self) -> Result<u64, ReplayError> {
        for market in self.markets.values_mut() {
            if let Some(snapshot) = market.snapshot.take() {
                self.snapshot_orders +=
                    snapshot.compare(self.last_record, &market.book, &mut self.comparison);
            }
        }
        match &mut self.oracle {
            Oracle::Rows(rows) => rows.rest(),
            Oracle::States(states) => states
                .finish(self.last_record, &mut self.comparison)
                .map(|()| 0),
            _ => Ok(0),
        }
    }

    /// The state in which an instrument ended.
    pub fn final_book(&self, instrument: u32) -> FinalBook {
        let Some(market) = self.markets.get(&instrument) else {
            return FinalBook::default();
        };
        let mut book = final_book(
            market.book.book(),
            market.units.tick_scale(),
            market.units.lot_scale(),
        );
        book.digest = blake3::Hash::from_bytes(market.book.digest())
            .to_hex()
            .to_string();
        book
    }
}

/// Puts an order at each price of the first row for what the row shows beyond the orders that are known. It stands last:
/// no record ever names it, so nothing of it trades before the others at its price.
fn fill_up<B: NamedBook>(market: &mut Market<B>, row: &PublishedBook) -> u64 {
    let mut count = 0;
    for side in Side::BOTH {
        let known = levels(&market.book, market.units, side, usize::MAX);
        for level in row.side(side) {
            let has = known
                .iter()
                .find(|known| known.price == level.price)
                .map_or(0, |known| known.quantity);
            let Ok(price) = ticks(market.units, level.price) else {
                continue;
            };
            let is_added = level.quantity > has
                && market
                    .book
                    .add(OWN_IDS + count, side, price, level.quantity - has)
                    .is_ok();
            count += u64::from(is_added);
        }
    }
    count
}
