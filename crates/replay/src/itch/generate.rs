//! A realistic ITCH 5.0 day, written from our own market's events: the only order flow in this format that may be kept.
//!
//! Each stock is a market of its own. Random orders, cancels, reductions and replaces go in; what the market says comes
//! out as the exchange would tell it: resting orders as A or F, executions as E or C, reductions as X, cancels as D,
//! replaces as U, hidden trades as P, around them the day's system events, directory and status messages. The same seed
//! gives the same bytes.

use std::collections::BTreeMap;
use std::io::Write;

use proofbook_book::Book;
use proofbook_books::Ladder;
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    AccountId, Action, Command, Event, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity,
    Queue, SelfTradePrevention, Side, TimeInForce, Timestamp,
};

use super::encode::{Added, Encoder, Execution, Header, Symbol};
use crate::error::{ErrorKind, ReplayError};

/// One tick in ITCH's price unit: a cent.
const TICK: u32 = 100;
/// The markets: name and first price in ticks.
const STOCKS: [(&str, i64); 4] = [
    ("PROOF", 10_000),
    ("BOOKS", 2_550),
    ("TICKS", 58_533),
    ("LOTS", 199),
];
const OPEN_NS: u64 = 34_200_000_000_000;
const CLOSE_NS: u64 = 57_600_000_000_000;
/// A book has about this many orders: more of them make cancels likelier.
const ORDERS_TYPICAL: u64 = 400;

/// What a generated day has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GeneratedSummary {
    /// Messages by type.
    pub messages: BTreeMap<char, u64>,
    /// The markets as they ended.
    pub markets: Vec<GeneratedMarket>,
}

/// A market as it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GeneratedMarket {
    /// The stock.
    pub symbol: String,
    /// Its locate code.
    pub locate: u16,
    /// Live orders in priority, bids first: reference number, side, price (`10^-4` dollars), shares.
    pub orders: Vec<(u64, Side, i64, u64)>,
    /// Executions, each by its reference number and shares, in order.
    pub executions: Vec<(u64, u64)>,
}

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and good enough for a workload.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`. The bias is below 2^-40 for the small ends used here.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// An order as the feed told it last.
#[derive(Clone, Copy)]
struct Told {
    reference: u64,
    open: u64,
}

/// A stock's market, and how its orders are called in the feed.
struct Stock {
    symbol: Symbol,
    locate: u16,
    engine: MatchingEngine<Ladder>,
    /// The live orders, as the feed knows them.
    live: BTreeMap<u64, Told>,
    centre: i64,
    next_order: u64,
    executions: Vec<(u64, u64)>,
}

struct Day<W: Write> {
    random: Random,
    encoder: Encoder<W>,
    summary: GeneratedSummary,
    time_ns: u64,
    step_ns: u64,
    next_reference: u64,
    next_match: u64,
}

/// Writes a day of about `messages` messages. The same seed and count give the same bytes.
///
/// # Errors
/// Writing fails.
pub fn generate(
    seed: u64,
    messages: u64,
    out: &mut impl Write,
) -> Result<GeneratedSummary, ReplayError> {
    let failed =
        |error: std::io::Error| ReplayError::new(ErrorKind::Io, format!("writing failed: {error}"));
    let mut day = Day {
        random: Random(seed),
        encoder: Encoder::new(out),
        summary: GeneratedSummary::default(),
        time_ns: 25_200_000_000_000,
        step_ns: (CLOSE_NS - OPEN_NS) / messages.max(1),
        next_reference: 1,
        next_match: 1,
    };
    day.run(messages).map_err(failed)?;
    let summary = day.summary;
    day.encoder.end().map_err(failed)?;
    Ok(summary)
}

impl<W: Write> Day<W> {
    fn run(&mut self, messages: u64) -> std::io::Result<()> {
        let mut stocks: Vec<Stock> = STOCKS
            .iter()
            .enumerate()
            .map(|(index, (name, price))| Stock::new(name, index as u16 + 1, *price))
            .collect();
        self.opening(&stocks)?;
        self.time_ns = OPEN_NS;
        self.system(b'Q')?;
        for stock in &stocks {
            self.cross(stock)?;
        }
        while self.encoder.count < messages {
            self.time_ns =
                (self.time_ns + 1 + self.random.below(self.step_ns.max(1))).min(CLOSE_NS - 1);
            let index = self.random.below(stocks.len() as u64) as usize;
            self.step(&mut stocks[index])?;
        }
        self.time_ns = CLOSE_NS;
        for code in [b'M', b'E', b'C'] {
            self.system(code)?;
        }
        self.summary.markets = stocks.into_iter().map(Stock::ended).collect();
        Ok(())
    }

    fn header(&self, locate: u16) -> Header {
        Header {
            locate,
            time_ns: self.time_ns,
        }
    }

    fn raw(&mut self, letter: u8, locate: u16, body: &[&[u8]]) -> std::io::Result<()> {
        self.count(letter);
        let header = self.header(locate);
        self.encoder.raw(letter, header, body)
    }

    fn count(&mut self, letter: u8) {
        *self.summary.messages.entry(char::from(letter)).or_insert(0) += 1;
    }

    fn system(&mut self, code: u8) -> std::io::Result<()> {
        self.raw(b'S', 0, &[&[code]])
    }

    /// Everything before the market opens.
    fn opening(&mut self, stocks: &[Stock]) -> std::io::Result<()> {
        self.system(b'O')?;
        for stock in stocks {
            let (locate, symbol) = (stock.locate, stock.symbol);
            let round_lot = 100u32.to_be_bytes();
            self.raw(
                b'R',
                locate,
                &[&symbol, b"QN", &round_lot, b"NCZ PNN1N", &[0; 4], b"N"],
            )?;
            self.raw(b'H', locate, &[&symbol, b"T ", b"    "])?;
            self.raw(b'Y', locate, &[&symbol, b"0"])?;
            self.raw(b'L', locate, &[b"PRFB", &symbol, b"YNA"])?;
        }
        let declines = [0x12A0_5F20u64, 0x0EE6_B280, 0x0BEB_C200].map(u64::to_be_bytes);
        self.raw(b'V', 0, &[&declines[0], &declines[1], &declines[2]])?;
        self.system(b'S')
    }

    /// The opening cross, in which nothing traded.
    fn cross(&mut self, stock: &Stock) -> std::io::Result<()> {
        let price = (stock.centre as u32 * TICK).to_be_bytes();
        let number = self.match_number();
        let (locate, symbol) = (stock.locate, stock.symbol);
        self.raw(
            b'I',
            locate,
            &[&[0; 16], b"N", &symbol, &price, &price, &price, b"OL"],
        )?;
        self.raw(
            b'Q',
            locate,
            &[&[0; 8], &symbol, &price, &number.to_be_bytes(), b"O"],
        )
    }

    fn match_number(&mut self) -> u64 {
        self.next_match += 1;
        self.next_match
    }

    /// One random command, and what the market says to it.
    fn step(&mut self, stock: &mut Stock) -> std::io::Result<()> {
        if self.random.below(50) == 0 {
            return self.hidden_trade(stock);
        }
        let action = self.action(stock);
        let command = Command {
            time: Timestamp(self.time_ns),
            action,
        };
        let mut events = Vec::new();
        stock
            .engine
            .apply(&command, &mut |event| events.push(event));
        // What is told of an order depends on what follows: a replaced order that traded at once is told as gone.
        let is_traded = events
            .iter()
            .any(|event| matches!(event, Event::Trade { .. }));
        for event in &events {
            self.tell(stock, event, is_traded)?;
        }
        Ok(())
    }

    /// A trade against an order that was never displayed.
    fn hidden_trade(&mut self, stock: &Stock) -> std::io::Result<()> {
        self.count(b'P');
        let shares = 1 + self.random.below(500) as u32;
        let number = self.match_number();
        let header = self.header(stock.locate);
        let order = Added {
            reference: 0,
            side: Side::Buy,
            shares,
            symbol: stock.symbol,
            price: stock.centre as u32 * TICK + TICK / 2,
        };
        self.encoder.trade(header, order, number)
    }

    fn action(&mut self, stock: &mut Stock) -> Action {
        let random = &mut self.random;
        if random.below(20) == 0 {
            stock.centre = (stock.centre + random.below(3) as i64 - 1).max(20);
        }
        let crowd = stock.live.len() as u64;
        let is_leaving = random.below(ORDERS_TYPICAL) < crowd.min(ORDERS_TYPICAL * 9 / 10);
        if !is_leaving {
            return Action::New(stock.new_order(random));
        }
        let at = random.below(crowd) as usize;
        let Some(order_id) = stock.live.keys().nth(at).copied().map(OrderId) else {
            return Action::Sweep;
        };
        match random.below(10) {
            0..=4 => Action::Cancel { order_id },
            5..=6 => Action::Reduce {
                order_id,
                quantity: Quantity(1 + random.below(100)),
            },
            _ => {
                let side = if random.below(2) == 0 {
                    Side::Buy
                } else {
                    Side::Sell
                };
                Action::Replace {
                    order_id,
                    price: (random.below(4) != 0).then(|| stock.price(random, side)),
                    quantity: Some(Quantity(1 + random.below(900))),
                    stop_price: None,
                }
            }
        }
    }

    /// Tells an event as the feed does.
    fn tell(&mut self, stock: &mut Stock, event: &Event, is_traded: bool) -> std::io::Result<()> {
        let header = self.header(stock.locate);
        match *event {
            Event::Placed {
                order_id,
                queue,
                price,
                displayed,
                ..
            } => self.placed(stock, order_id.0, queue, price, displayed),
            Event::Trade {
                maker_id,
                price,
                quantity,
                maker_open,
                ..
            } => {
                let Some(told) = stock.shrink(maker_id.0, maker_open.0) else {
                    return Ok(());
                };
                stock.executions.push((told.reference, quantity.0));
                let execution = Execution {
                    reference: told.reference,
                    shares: shares(quantity.0),
                    match_number: self.match_number(),
                };
                let price = (self.random.below(20) == 0).then_some(price.0 as u32 * TICK);
                self.count(if price.is_some() { b'C' } else { b'E' });
                self.encoder.executed(header, execution, price)
            }
            // A replace that only lowers the quantity keeps its place, so the feed tells it as a cancel of the rest.
            Event::Reduced { order_id, open, .. }
            | Event::Replaced {
                order_id,
                quantity: open,
                kept_priority: true,
                ..
            } => {
                let Some(told) = stock.shrink(order_id.0, open.0) else {
                    return Ok(());
                };
                self.count(b'X');
                self.encoder
                    .cancel(header, told.reference, shares(told.open - open.0))
            }
            // What an incoming order has left is cancelled too, but the feed never knew it.
            Event::Cancelled { order_id, .. } => self.gone(stock, order_id.0),
            // A replaced order that trades at once leaves, and what is left of it comes back as a new one.
            Event::Replaced { order_id, .. } if is_traded => self.gone(stock, order_id.0),
            _ => Ok(()),
        }
    }

    fn gone(&mut self, stock: &mut Stock, order_id: u64) -> std::io::Result<()> {
        let Some(told) = stock.live.remove(&order_id) else {
            return Ok(());
        };
        self.count(b'D');
        let header = self.header(stock.locate);
        self.encoder.delete(header, told.reference)
    }

    /// An order stands in the book now: a replaced one under a new reference number, any other one as an add.
    fn placed(
        &mut self,
        stock: &mut Stock,
        order_id: u64,
        queue: Queue,
        price: Price,
        displayed: Quantity,
    ) -> std::io::Result<()> {
        let header = self.header(stock.locate);
        let reference = self.next_reference;
        self.next_reference += 1;
        let price = price.0 as u32 * TICK;
        let told = Told {
            reference,
            open: displayed.0,
        };
        match stock.live.insert(order_id, told) {
            Some(old) => {
                self.count(b'U');
                self.encoder
                    .replace(header, old.reference, reference, shares(displayed.0), price)
            }
            None => {
                let attribution = (self.random.below(10) == 0).then_some(*b"PRFB");
                self.count(if attribution.is_some() { b'F' } else { b'A' });
                let order = Added {
                    reference,
                    side: queue.side(),
                    shares: shares(displayed.0),
                    symbol: stock.symbol,
                    price,
                };
                self.encoder.add(header, order, attribution)
            }
        }
    }
}

impl Stock {
    fn new(name: &str, locate: u16, centre: i64) -> Self {
        let mut symbol = *b"        ";
        symbol[..name.len()].copy_from_slice(name.as_bytes());
        let engine = MatchingEngine::new(MarketConfig::default(), Ladder::default())
            .expect("the default terms make a market");
        Stock {
            symbol,
            locate,
            engine,
            live: BTreeMap::new(),
            centre,
            next_order: 1,
            executions: Vec::new(),
        }
    }

    /// What the feed told of an order, which has `open` left now.
    fn shrink(&mut self, order_id: u64, open: u64) -> Option<Told> {
        let told = self.live.get_mut(&order_id)?;
        let before = *told;
        told.open = open;
        if open == 0 {
            self.live.remove(&order_id);
        }
        Some(before)
    }

    /// A price near the centre: most orders rest behind the best, a few cross.
    fn price(&self, random: &mut Random, side: Side) -> Price {
        let depth = random.below(6) * random.below(6) + random.below(3);
        let away = depth as i64 - 1 - if random.below(8) == 0 { 3 } else { 0 };
        Price(match side {
            Side::Buy => (self.centre - away).max(1),
            Side::Sell => (self.centre + away).max(1),
        })
    }

    fn new_order(&mut self, random: &mut Random) -> NewOrder {
        let side = if random.below(2) == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let order_id = OrderId(self.next_order);
        self.next_order += 1;
        let is_immediate = random.below(12) == 0;
        NewOrder {
            order_id,
            account: AccountId::NONE,
            side,
            quantity: Quantity(1 + random.below(if is_immediate { 2_000 } else { 500 })),
            kind: OrderKind::Limit {
                price: self.price(random, side),
            },
            time_in_force: if is_immediate {
                TimeInForce::ImmediateOrCancel
            } else {
                TimeInForce::GoodTillCancel
            },
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::Allow,
        }
    }

    fn ended(self) -> GeneratedMarket {
        let book = self.engine.book();
        let mut orders = Vec::new();
        for queue in [Queue::Bids, Queue::Asks] {
            let slots = std::iter::successors(book.best(queue), |slot| book.next(*slot));
            for order in slots.map(|slot| book.order(slot)) {
                let price = order.price.map_or(0, |price| price.0 * i64::from(TICK));
                let reference = self.live[&order.id.0].reference;
                orders.push((reference, order.side, price, order.displayed.0));
            }
        }
        GeneratedMarket {
            symbol: String::from_utf8_lossy(&self.symbol).trim_end().to_string(),
            locate: self.locate,
            orders,
            executions: self.executions,
        }
    }
}

/// The feed's 32 bits; the generator never asks for more than 10,000 shares.
fn shares(quantity: u64) -> u32 {
    u32::try_from(quantity).expect("generated quantities are small")
}
