//! A first pass over a file: which instruments it has, their ticks, and the orders that existed before its first record.
//!
//! A file that starts in the middle of a session names orders that it never added. LOBSTER and the Bitstamp log say
//! where such an order stood, and all that is taken from it later is what it had at the start. Memory is bounded by the
//! number of orders live at a time and the number of such early orders.

use std::collections::{BTreeMap, HashMap};

use proofbook_types::Side;

use crate::decimal::Scale;
use crate::detect::Format;
use crate::record::{MarketEvent, Record, RecordReader};
use crate::{bitstamp, databento, itch, lobster};

/// An order that existed before the first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlyOrder {
    /// The order.
    pub order_id: u64,
    /// Its side.
    pub side: Side,
    /// Its price, in the format's unit.
    pub price: i64,
    /// What the file takes from it.
    pub quantity: u64,
}

/// What a first pass found of one instrument.
#[derive(Clone, Debug, Default)]
pub struct InstrumentSurvey {
    /// Its name.
    pub symbol: Option<String>,
    /// Records that are orders' events.
    pub order_events: u64,
    /// Largest common divisor of all its prices, 0 before the first.
    divisor: u64,
}

/// What a first pass found.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Records in all.
    pub records: u64,
    /// Instruments by their number.
    pub instruments: BTreeMap<u32, InstrumentSurvey>,
    /// Orders that existed before the first record, by ascending id: the order in which they were given out.
    pub early: Vec<EarlyOrder>,
    /// Of these, those whose quantity the file does not tell.
    pub early_unknown: u64,
}

/// An instrument's units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    /// The format's price unit is `10^-price_decimals`.
    pub price_decimals: u8,
    /// The format's quantity unit is `10^-quantity_decimals`.
    pub quantity_decimals: u8,
    /// One tick, in the format's price unit.
    pub tick: u64,
}

impl Units {
    /// A price in ticks, if it is a multiple of the tick.
    pub fn ticks(self, price: i64) -> Option<i64> {
        let tick = i64::try_from(self.tick).ok()?;
        (price.checked_rem(tick)? == 0).then(|| price / tick)
    }

    /// What one tick is worth.
    pub fn tick_scale(self) -> Scale {
        let mut scale = Scale {
            mantissa: self.tick,
            decimals: self.price_decimals,
        };
        while scale.decimals > 0 && scale.mantissa % 10 == 0 {
            scale.mantissa /= 10;
            scale.decimals -= 1;
        }
        scale
    }

    /// What one lot is worth.
    pub fn lot_scale(self) -> Scale {
        Scale {
            mantissa: 1,
            decimals: self.quantity_decimals,
        }
    }
}

impl Survey {
    /// Whether so many orders appear without having been added that most of them cannot have been there at the start: the
    /// file shows only its best levels, and orders come into view. What stands where is then unknown.
    pub fn is_shallow(&self) -> bool {
        let order_events: u64 = self
            .instruments
            .values()
            .map(|instrument| instrument.order_events)
            .sum();
        self.early.len() as u64 * SHALLOW_DIVISOR > order_events
    }
}

/// A file in which more than one order event in so many is about an order from nowhere shows only its best levels.
const SHALLOW_DIVISOR: u64 = 10;

/// What a report says of such a file.
pub const SHALLOW_NOTE: &str = "the file takes from many orders that it never added: it shows only the best levels, so the queues \
                                are not known and orders from nowhere are left out; compare it in rebuild mode";

impl InstrumentSurvey {
    /// The instrument's units; its tick is the largest common divisor of its prices and one whole unit of money.
    pub fn units(&self, format: Format) -> Units {
        let (price_decimals, quantity_decimals) = match format {
            Format::Lobster => (lobster::PRICE_DECIMALS, 0),
            Format::Itch => (itch::PRICE_DECIMALS, 0),
            Format::Dbn => (databento::PRICE_DECIMALS, 0),
            Format::Bitstamp => (bitstamp::PRICE_DECIMALS, bitstamp::QUANTITY_DECIMALS),
            Format::Proofbook => (0, 0),
        };
        Units {
            price_decimals,
            quantity_decimals,
            tick: greatest_common_divisor(self.divisor, 10u64.pow(price_decimals.into())),
        }
    }
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Takes records one after another.
pub struct Surveyor {
    survey: Survey,
    early: Option<EarlyOrders>,
}

impl Surveyor {
    /// Starts a first pass over a file of this format.
    pub fn new(format: Format) -> Self {
        let early = match format {
            Format::Lobster => Some(EarlyOrders::new(false)),
            Format::Bitstamp => Some(EarlyOrders::new(true)),
            _ => None,
        };
        Surveyor {
            survey: Survey::default(),
            early,
        }
    }

    /// Takes the next record.
    pub fn record(&mut self, record: &Record) {
        self.survey.records += 1;
        let instrument = self
            .survey
            .instruments
            .entry(record.instrument)
            .or_default();
        let price = match record.event {
            MarketEvent::Add { price, .. }
            | MarketEvent::Set { price, .. }
            | MarketEvent::Replace { price, .. } => Some(price),
            _ => record.standing.map(|standing| standing.price),
        };
        if record.event.is_order_event() {
            instrument.order_events += 1;
            if let Some(price) = price {
                instrument.divisor =
                    greatest_common_divisor(instrument.divisor, price.unsigned_abs());
            }
        }
        if let Some(early) = &mut self.early {
            early.record(record);
        }
    }

    /// Ends the pass.
    pub fn finish(mut self, reader: &dyn RecordReader) -> Survey {
        for (number, instrument) in &mut self.survey.instruments {
            instrument.symbol = reader.symbol(*number);
        }
        if let Some(early) = self.early {
            (self.survey.early, self.survey.early_unknown) = early.finish();
        }
        self.survey
    }
}

/// Finds the orders that existed before the first record.
struct EarlyOrders {
    /// Whether fills are told by trade records after them, and ids are given out in ascending order.
    has_trades: bool,
    /// What is left of each order that the file added.
    live: HashMap<u64, u64>,
    first_added: Option<u64>,
    early: BTreeMap<u64, EarlyOrder>,
    /// The last record that told of an early order's fill without saying how much, and the order.
    filled: Option<(u64, u64)>,
}

/// A trade record follows within this many records of the order records that it explains.
const TRADE_DISTANCE_MAX: u64 = 8;

impl EarlyOrders {
    fn new(has_trades: bool) -> Self {
        EarlyOrders {
            has_trades,
            live: HashMap::new(),
            first_added: None,
            early: BTreeMap::new(),
            filled: None,
        }
    }

    fn record(&mut self, record: &Record) {
        match record.event {
            MarketEvent::Add {
                order_id, quantity, ..
            } => {
                self.first_added.get_or_insert(order_id);
                self.live.entry(order_id).or_insert(quantity);
            }
            MarketEvent::Execute {
                order_id, quantity, ..
            }
            | MarketEvent::Reduce { order_id, quantity } => self.remove(record, order_id, quantity),
            MarketEvent::Delete { order_id, quantity } => {
                let quantity = quantity.unwrap_or(0);
                if self.live.remove(&order_id).is_none() {
                    self.remove(record, order_id, quantity);
                    if quantity == 0 {
                        self.filled = Some((record.number, order_id));
                    }
                }
            }
            MarketEvent::Set {
                order_id, quantity, ..
            } if !self.live.contains_key(&order_id) => {
                self.remove(record, order_id, quantity);
                self.filled = Some((record.number, order_id));
                self.live.insert(order_id, quantity);
            }
            MarketEvent::Trade { price, quantity } if self.has_trades => {
                self.trade(record, price, quantity)
            }
            _ => {}
        }
    }

    fn remove(&mut self, record: &Record, order_id: u64, quantity: u64) {
        if let Some(left) = self.live.get_mut(&order_id) {
            // What takes more than there is will not be applied, and makes no early order.
            if *left > quantity {
                *left -= quantity;
            } else if *left == quantity {
                self.live.remove(&order_id);
            }
            return;
        }
        let Some(standing) = record.standing else {
            return;
        };
        // An order with a later id than the first one added is not early: the log lost its creation.
        if self.has_trades && self.first_added.is_some_and(|first| order_id >= first) {
            return;
        }
        let order = self.early.entry(order_id).or_insert(EarlyOrder {
            order_id,
            side: standing.side,
            price: standing.price,
            quantity: 0,
        });
        order.quantity = order.quantity.saturating_add(quantity);
    }

    fn trade(&mut self, record: &Record, price: i64, quantity: u64) {
        let Some((number, order_id)) = self.filled else {
            return;
        };
        let is_near = record.number - number <= TRADE_DISTANCE_MAX;
        if let Some(order) = self.early.get_mut(&order_id) {
            if is_near && order.price == price {
                order.quantity = order.quantity.saturating_add(quantity);
            }
        }
        self.filled = None;
    }

    fn finish(self) -> (Vec<EarlyOrder>, u64) {
        let unknown = self
            .early
            .values()
            .filter(|order| order.quantity == 0)
            .count();
        let known = self.early.into_values().filter(|order| order.quantity > 0);
        (known.collect(), unknown as u64)
    }
}
