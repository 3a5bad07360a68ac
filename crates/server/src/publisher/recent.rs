//! Recent trades and candles beside each snapshot: a replica that starts with the snapshot has not seen what came before, and candles that begin in the middle
//! would be wrong.
//!
//! A file is written before its snapshot. It is never needed: where it is missing or unreadable, trades and candles begin with the snapshot.

use std::fs;
use std::path::{Path, PathBuf};

use proofbook_feed::{Candle, Feed, History, Place, PublicTrade};
use proofbook_journal::SNAPSHOTS_KEPT;
use proofbook_types::{Price, Quantity, Side, Timestamp};
use serde::{Deserialize, Serialize};

/// Id, entry, time, price, quantity, whether the taker bought.
type TradeNumbers = (u64, u64, u64, i64, u64, bool);

/// Start, open, high, low, close, volume, trades.
type CandleNumbers = (u64, i64, i64, i64, i64, u128, u64);

#[derive(Serialize, Deserialize)]
struct MarketNumbers {
    trades: Vec<TradeNumbers>,
    candles: [Vec<CandleNumbers>; 4],
}

/// Trades and candles of all markets after an entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recent {
    entry: u64,
    markets: Vec<History>,
}

fn numbers(history: &History) -> MarketNumbers {
    let trade = |trade: &PublicTrade| {
        let PublicTrade {
            id, place, price, ..
        } = *trade;
        let is_buy = trade.side == Side::Buy;
        (
            id,
            place.entry,
            place.time.0,
            price.0,
            trade.quantity.0,
            is_buy,
        )
    };
    let candle = |candle: &Candle| {
        let Candle {
            start, open, high, ..
        } = *candle;
        let (low, close) = (candle.low.0, candle.close.0);
        (
            start.0,
            open.0,
            high.0,
            low,
            close,
            candle.volume,
            candle.trades,
        )
    };
    MarketNumbers {
        trades: history.trades.iter().map(trade).collect(),
        candles: history
            .candles
            .each_ref()
            .map(|series| series.iter().map(candle).collect()),
    }
}

fn history(numbers: MarketNumbers) -> History {
    let trade = |(id, entry, time, price, quantity, is_buy): TradeNumbers| PublicTrade {
        id,
        place: Place {
            entry,
            time: Timestamp(time),
        },
        price: Price(price),
        quantity: Quantity(quantity),
        side: if is_buy { Side::Buy } else { Side::Sell },
    };
    let candle = |(start, open, high, low, close, volume, trades): CandleNumbers| Candle {
        start: Timestamp(start),
        open: Price(open),
        high: Price(high),
        low: Price(low),
        close: Price(close),
        volume,
        trades,
    };
    History {
        trades: numbers.trades.into_iter().map(trade).collect(),
        candles: numbers
            .candles
            .map(|series| series.into_iter().map(candle).collect()),
    }
}

fn path(folder: &Path, entry: u64) -> PathBuf {
    folder.join(format!("{entry:020}.json"))
}

impl Recent {
    /// What a feed has after an entry.
    pub(super) fn of(feed: &Feed, entry: u64) -> Self {
        Recent {
            entry,
            markets: feed.histories(),
        }
    }

    /// Writes it, and removes those of snapshots that are gone.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&self, folder: &Path) -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let markets: Vec<MarketNumbers> = self.markets.iter().map(numbers).collect();
        let bytes = serde_json::to_vec(&markets)?;
        let unfinished = folder.join("unfinished");
        fs::write(&unfinished, bytes)?;
        fs::rename(unfinished, path(folder, self.entry))?;
        let entries = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
        let mut files: Vec<PathBuf> = entries.collect();
        files.sort_unstable();
        // One more: its snapshot is about to be written.
        let gone = files.len().saturating_sub(SNAPSHOTS_KEPT + 1);
        files.iter().take(gone).try_for_each(fs::remove_file)
    }

    /// What a feed had after an entry; `None` where that is not known.
    pub(super) fn read(folder: &Path, entry: u64) -> Option<Vec<History>> {
        let bytes = fs::read(path(folder, entry)).ok()?;
        let markets: Vec<MarketNumbers> = serde_json::from_slice(&bytes).ok()?;
        Some(markets.into_iter().map(history).collect())
    }
}

#[cfg(test)]
mod tests {
    use proofbook_testkit::files::Temporary;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_damaged_is_not() {
        let folder = Temporary::new();
        let trade = PublicTrade {
            id: u64::MAX,
            place: Place {
                entry: 3,
                time: Timestamp(4),
            },
            price: Price(-5),
            quantity: Quantity(6),
            side: Side::Sell,
        };
        let candle = Candle {
            start: Timestamp(60),
            open: Price(1),
            high: Price(i64::MAX),
            low: Price(i64::MIN),
            close: Price(2),
            volume: u128::MAX,
            trades: 9,
        };
        let market = History {
            trades: vec![trade],
            candles: [vec![candle], Vec::new(), vec![candle, candle], Vec::new()],
        };
        for entry in 1..=6 {
            let recent = Recent {
                entry,
                markets: vec![market.clone(), History::default()],
            };
            recent.write(folder.path()).expect("it can be written");
            assert_eq!(Recent::read(folder.path(), entry), Some(recent.markets));
        }
        assert_eq!(Recent::read(folder.path(), 1), None);
        let kept = fs::read_dir(folder.path()).expect("it is there").count();
        assert_eq!(kept, SNAPSHOTS_KEPT + 1);
        let file = path(folder.path(), 6);
        let whole = fs::read(&file).expect("it is there");
        fs::write(&file, &whole[..whole.len() / 2]).expect("it can be written");
        assert_eq!(Recent::read(folder.path(), 6), None);
    }
}
