//! How many objects the next interval will ask for: a forecast from the intervals before.
//!
//! C. C. Holt's linear exponential smoothing (Forecasting Seasonals and Trends by Exponentially Weighted Moving Averages, ONR Memorandum 52,
//! 1957): a level and a trend, each a weighted mean of what was just seen and what was known. Computed in integers, so that equal
//! demands give equal forecasts on every machine: level and trend have 16 binary places, weights are fractions of 2^16.
//!
//! Invariant: the level lies between 0 and [`DEMAND_MAX`], the trend within as much in either direction.

use proofbook_types::Timestamp;

use crate::pool::{in_range, PoolError};

/// A weight of one: what is new counts alone.
pub const WEIGHT_ONE: u32 = 1 << PLACES;

/// The largest demand of an interval that is told from larger ones.
pub const DEMAND_MAX: u64 = 1 << 32;

const PLACES: u32 = 16;
const LEVEL_MAX: i128 = (DEMAND_MAX as i128) << PLACES;

/// Intervals without demand after which the past says nothing any more, and the forecast begins anew.
const QUIET_INTERVALS_MAX: u64 = 64;

/// How demand is forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PredictiveModel {
    /// Length of an interval.
    pub interval_ns: u64,
    /// Weight of the latest demand in the level, of [`WEIGHT_ONE`].
    pub level_weight: u32,
    /// Weight of the latest change in the trend, of [`WEIGHT_ONE`].
    pub trend_weight: u32,
    /// Objects that are kept ready beyond the forecast.
    pub headroom: usize,
}

impl PredictiveModel {
    /// Refuses numbers that are out of their range.
    pub(super) fn check(&self) -> Result<(), PoolError> {
        let one = WEIGHT_ONE as usize;
        in_range("level_weight", self.level_weight as usize, 0, one)?;
        in_range("trend_weight", self.trend_weight as usize, 0, one)?;
        let interval_ns = usize::try_from(self.interval_ns).unwrap_or(usize::MAX);
        in_range("interval_ns", interval_ns, 1, usize::MAX)?;
        Ok(())
    }
}

/// A forecast under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forecast {
    model: PredictiveModel,
    level: i128,
    trend: i128,
    /// Intervals seen since the forecast began.
    intervals: u64,
    /// Demand of the interval that is under way.
    demand: u64,
    /// When that interval ends; none before the first call.
    end: Option<u64>,
}

impl Forecast {
    /// One that has seen nothing.
    pub(super) fn new(model: PredictiveModel) -> Self {
        Forecast {
            model,
            level: 0,
            trend: 0,
            intervals: 0,
            demand: 0,
            end: None,
        }
    }

    /// Notes that one object was asked for.
    #[inline]
    pub(super) fn demand(&mut self, now: Timestamp) {
        self.advance(now);
        self.demand = self.demand.saturating_add(1);
    }

    /// Ends the intervals that are over. A time before the interval under way is taken as one in it.
    #[inline]
    pub(super) fn advance(&mut self, now: Timestamp) {
        match self.end {
            Some(end) if now.0 < end => {}
            Some(end) => self.end_intervals(now, end),
            None => self.end = Some(now.0.saturating_add(self.model.interval_ns)),
        }
    }

    /// Ends the interval that ended then and those after it. The last of all never ends: times stop there.
    #[cold]
    fn end_intervals(&mut self, now: Timestamp, end: u64) {
        let interval_ns = self.model.interval_ns;
        let quiet = (now.0 - end) / interval_ns;
        let demand = std::mem::take(&mut self.demand);
        self.observe(demand);
        if quiet > QUIET_INTERVALS_MAX {
            (self.level, self.trend, self.intervals) = (0, 0, 0);
        } else {
            (0..quiet).for_each(|_| self.observe(0));
        }
        let ended = end + quiet * interval_ns;
        self.end = Some(ended.saturating_add(interval_ns));
    }

    /// Takes in the demand of one interval.
    fn observe(&mut self, demand: u64) {
        let seen = i128::from(demand.min(DEMAND_MAX)) << PLACES;
        let (level, trend) = match self.intervals {
            0 => (seen, 0),
            1 => (seen, seen - self.level),
            _ => {
                let level = mean(self.model.level_weight, seen, self.level + self.trend);
                let level = level.clamp(0, LEVEL_MAX);
                (
                    level,
                    mean(self.model.trend_weight, level - self.level, self.trend),
                )
            }
        };
        self.level = level;
        self.trend = trend.clamp(-LEVEL_MAX, LEVEL_MAX);
        self.intervals = self.intervals.saturating_add(1);
    }

    /// What the next interval will ask for, rounded up, and the headroom.
    pub(super) fn target(&self) -> usize {
        let expected = (self.level + self.trend).clamp(0, LEVEL_MAX);
        let whole = (expected + ((1 << PLACES) - 1)) >> PLACES;
        usize::try_from(whole).map_or(usize::MAX, |whole| {
            whole.saturating_add(self.model.headroom)
        })
    }
}

/// The mean of two numbers of which the first has this weight.
fn mean(weight: u32, first: i128, second: i128) -> i128 {
    let rest = i128::from(WEIGHT_ONE - weight);
    (i128::from(weight) * first + rest * second) >> PLACES
}
