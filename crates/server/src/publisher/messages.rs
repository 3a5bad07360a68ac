//! What is told to the public, and to watched accounts, as JSON.

use proofbook_feed::{BookDelta, Candle, Depth, Interval, LevelView, PublicTrade, Status};
use proofbook_types::{Price, Side};
use serde::Serialize;

use crate::decimal;
use crate::message::{BalanceView, ReportView};
use crate::names::MarketName;

/// A message, tagged by its type.
#[expect(
    clippy::large_enum_variant,
    reason = "a message is encoded as soon as it is made, and never kept"
)]
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Publication<'a> {
    Book(DeltaView<'a>),
    Trades {
        market: &'a str,
        trades: Vec<TradeView>,
    },
    Candle {
        market: &'a str,
        interval_s: u64,
        #[serde(flatten)]
        candle: CandleView,
    },
    State {
        market: &'a str,
        #[serde(flatten)]
        status: StatusView,
    },
    Report {
        entry: u64,
        index: u64,
        time_ns: u64,
        report: ReportView<'a>,
    },
    Balance(BalanceView<'a>),
    Resync {
        #[serde(skip_serializing_if = "Option::is_none")]
        account: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        market: Option<&'a str>,
    },
}

impl Publication<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers, texts and lists make JSON")
    }
}

/// Price, quantity, number of orders.
type LevelTexts = (String, String, u32);

fn price(price: Price, market: &MarketName) -> String {
    decimal::text(i128::from(price.0), market.price_decimals)
}

fn levels(levels: &[LevelView], market: &MarketName) -> Vec<LevelTexts> {
    let text = |level: &LevelView| {
        let quantity = if level.quantity.is_zero() {
            "0".to_owned()
        } else {
            decimal::amount(u128::from(level.quantity.0), market.quantity_decimals)
        };
        (price(level.price, market), quantity, level.orders)
    };
    levels.iter().map(text).collect()
}

/// What changed of a book.
#[derive(Serialize)]
pub(crate) struct DeltaView<'a> {
    market: &'a str,
    sequence: u64,
    previous: u64,
    entry: u64,
    time_ns: u64,
    bids: Vec<LevelTexts>,
    asks: Vec<LevelTexts>,
    checksum: u32,
}

impl<'a> DeltaView<'a> {
    pub(crate) fn new(delta: &BookDelta, market: &'a MarketName) -> Self {
        DeltaView {
            market: &market.symbol,
            sequence: delta.sequence,
            previous: delta.previous,
            entry: delta.place.entry,
            time_ns: delta.place.time.0,
            bids: levels(&delta.bids, market),
            asks: levels(&delta.asks, market),
            checksum: delta.checksum,
        }
    }
}

/// A whole book.
#[derive(Serialize)]
pub(crate) struct DepthView<'a> {
    market: &'a str,
    sequence: u64,
    entry: u64,
    time_ns: u64,
    bids: Vec<LevelTexts>,
    asks: Vec<LevelTexts>,
    checksum: u32,
}

impl<'a> DepthView<'a> {
    pub(crate) fn new(depth: &Depth, market: &'a MarketName) -> Self {
        DepthView {
            market: &market.symbol,
            sequence: depth.sequence,
            entry: depth.entry,
            time_ns: depth.time.0,
            bids: levels(&depth.bids, market),
            asks: levels(&depth.asks, market),
            checksum: depth.checksum,
        }
    }
}

/// A trade.
#[derive(Serialize)]
pub(crate) struct TradeView {
    id: u64,
    entry: u64,
    time_ns: u64,
    price: String,
    quantity: String,
    side: &'static str,
}

impl TradeView {
    pub(crate) fn new(trade: &PublicTrade, market: &MarketName) -> Self {
        TradeView {
            id: trade.id,
            entry: trade.place.entry,
            time_ns: trade.place.time.0,
            price: price(trade.price, market),
            quantity: decimal::amount(u128::from(trade.quantity.0), market.quantity_decimals),
            side: match trade.side {
                Side::Buy => "buy",
                Side::Sell => "sell",
            },
        }
    }
}

/// A candle.
#[derive(Serialize)]
pub(crate) struct CandleView {
    start_ns: u64,
    open: String,
    high: String,
    low: String,
    close: String,
    volume: String,
    trades: u64,
}

impl CandleView {
    pub(crate) fn new(candle: &Candle, market: &MarketName) -> Self {
        CandleView {
            start_ns: candle.start.0,
            open: price(candle.open, market),
            high: price(candle.high, market),
            low: price(candle.low, market),
            close: price(candle.close, market),
            volume: decimal::amount(candle.volume, market.quantity_decimals),
            trades: candle.trades,
        }
    }

    /// The message that tells a candle of a minute.
    pub(crate) fn minute<'a>(candle: &Candle, market: &'a MarketName) -> Publication<'a> {
        Publication::Candle {
            market: &market.symbol,
            interval_s: Interval::Minute.seconds(),
            candle: CandleView::new(candle, market),
        }
    }
}

/// An auction's price as it stands.
#[derive(Serialize)]
struct IndicativeView {
    price: String,
    quantity: String,
}

/// A market's state.
#[derive(Serialize)]
pub(crate) struct StatusView {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    indicative: Option<IndicativeView>,
}

impl StatusView {
    pub(crate) fn new(status: &Status, market: &MarketName) -> Self {
        StatusView {
            state: status.state.name(),
            indicative: status.indicative.map(|found| IndicativeView {
                price: price(found.price, market),
                quantity: decimal::amount(u128::from(found.quantity.0), market.quantity_decimals),
            }),
        }
    }
}
