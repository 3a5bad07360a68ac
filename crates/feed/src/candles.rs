//! Candles: what traded in each minute, five minutes, hour and day, in integers.
//!
//! Invariants: candles stand in the order of time, none without a trade; each starts at a multiple of its length since 1970; so many
//! of each length are kept.

use std::collections::VecDeque;

use proofbook_types::{Price, Quantity, Timestamp};

/// Candles of each length that are kept.
pub const CANDLES_MAX: usize = 1_000;

const SECOND_NS: u64 = 1_000_000_000;

/// The length of a candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Interval {
    /// One minute.
    Minute = 0,
    /// Five minutes.
    FiveMinutes = 1,
    /// An hour.
    Hour = 2,
    /// A day, from midnight UTC.
    Day = 3,
}

impl Interval {
    /// Every length, the shortest first.
    pub const ALL: [Interval; 4] = [
        Interval::Minute,
        Interval::FiveMinutes,
        Interval::Hour,
        Interval::Day,
    ];

    /// The length in seconds.
    pub const fn seconds(self) -> u64 {
        match self {
            Interval::Minute => 60,
            Interval::FiveMinutes => 300,
            Interval::Hour => 3_600,
            Interval::Day => 86_400,
        }
    }

    /// The length of so many seconds.
    pub fn of_seconds(seconds: u64) -> Option<Self> {
        let mut all = Interval::ALL.into_iter();
        all.find(|interval| interval.seconds() == seconds)
    }

    fn start(self, time: Timestamp) -> Timestamp {
        Timestamp(time.0 - time.0 % (self.seconds() * SECOND_NS))
    }
}

/// What traded in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candle {
    /// Its start.
    pub start: Timestamp,
    /// The first price.
    pub open: Price,
    /// The highest.
    pub high: Price,
    /// The lowest.
    pub low: Price,
    /// The last.
    pub close: Price,
    /// How many lots.
    pub volume: u128,
    /// How many trades.
    pub trades: u64,
}

/// The candles of a market.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candles {
    series: [VecDeque<Candle>; 4],
    /// The start of the first candle of a minute that changed and that nobody was told.
    changed: Option<Timestamp>,
}

impl Candles {
    pub(crate) fn take(&mut self, time: Timestamp, price: Price, quantity: Quantity) {
        self.changed.get_or_insert(Interval::Minute.start(time));
        for (interval, series) in Interval::ALL.into_iter().zip(&mut self.series) {
            let start = interval.start(time);
            match series.back_mut() {
                Some(candle) if candle.start == start => {
                    candle.high = candle.high.max(price);
                    candle.low = candle.low.min(price);
                    candle.close = price;
                    candle.volume += u128::from(quantity.0);
                    candle.trades += 1;
                }
                _ => {
                    if series.len() == CANDLES_MAX {
                        series.pop_front();
                    }
                    series.push_back(Candle {
                        start,
                        open: price,
                        high: price,
                        low: price,
                        close: price,
                        volume: u128::from(quantity.0),
                        trades: 1,
                    });
                }
            }
        }
    }

    pub(crate) fn all(&self) -> [Vec<Candle>; 4] {
        self.series
            .each_ref()
            .map(|series| series.iter().copied().collect())
    }

    /// Starts with these.
    pub(crate) fn start_with(earlier: [Vec<Candle>; 4]) -> Self {
        let last = |series: Vec<Candle>| -> VecDeque<Candle> {
            let skipped = series.len().saturating_sub(CANDLES_MAX);
            series.into_iter().skip(skipped).collect()
        };
        Candles {
            series: earlier.map(last),
            changed: None,
        }
    }

    /// The candles that start at or after `since`, the oldest first.
    pub(crate) fn since(
        &self,
        interval: Interval,
        since: Timestamp,
    ) -> impl ExactSizeIterator<Item = &Candle> {
        let series = &self.series[interval as usize];
        let first = series.partition_point(|candle| candle.start < since);
        series.range(first..)
    }

    /// Candles of a minute that changed and that nobody was told.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &Candle> {
        let since = self.changed.unwrap_or(Timestamp(u64::MAX));
        self.since(Interval::Minute, since)
    }

    pub(crate) fn told(&mut self) {
        self.changed = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candles_hold_what_traded_in_their_time_and_have_a_bound() {
        let mut candles = Candles::default();
        let second = |second: u64| Timestamp(second * SECOND_NS + 7);
        for (at, price, quantity) in [(60, 10, 1), (61, 14, 2), (119, 8, 3), (120, 9, u64::MAX)] {
            candles.take(second(at), Price(price), Quantity(quantity));
        }
        let minutes: Vec<Candle> = candles.changed().copied().collect();
        let first = Candle {
            start: Timestamp(60 * SECOND_NS),
            open: Price(10),
            high: Price(14),
            low: Price(8),
            close: Price(8),
            volume: 6,
            trades: 3,
        };
        assert_eq!((minutes.len(), minutes[0]), (2, first));
        candles.told();
        assert_eq!(candles.changed().count(), 0);
        candles.take(second(179), Price(9), Quantity(u64::MAX));
        let hour = candles.since(Interval::Hour, Timestamp(0)).next();
        let hour = hour.expect("there is one");
        assert_eq!((hour.trades, hour.start.0), (5, 0));
        assert_eq!(hour.volume, 2 * u128::from(u64::MAX) + 6);
        // Only what changed is told again.
        let told: Vec<_> = candles.changed().map(|candle| candle.start.0).collect();
        assert_eq!(told, [120 * SECOND_NS]);
        for minute in 0..3_000 {
            candles.take(second(180 + minute * 60), Price(1), Quantity(1));
        }
        for interval in Interval::ALL {
            let kept = candles.since(interval, Timestamp(0));
            assert!(kept.len() <= CANDLES_MAX);
            assert_eq!(Interval::of_seconds(interval.seconds()), Some(interval));
        }
        let late = candles.since(Interval::FiveMinutes, second(178_000));
        assert!(late.len() < 10 && Interval::of_seconds(61).is_none());
    }
}
