//! How many objects a pool keeps ready, and what that follows from.

use proofbook_types::Timestamp;

use super::adaptive::Adaptation;
use super::forecast::Forecast;
use super::{AdaptiveParams, PredictiveModel};
use crate::pool::PoolError;

/// How many objects are kept ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmingStrategy {
    /// So many, from the beginning.
    Immediate(usize),
    /// As many as the next interval is expected to ask for.
    Predictive(PredictiveModel),
    /// As many as what was missed lately calls for.
    Adaptive(AdaptiveParams),
}

/// A strategy at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Warming {
    Immediate(usize),
    Predictive(Forecast),
    Adaptive(Adaptation),
}

impl Warming {
    /// A strategy that has seen nothing; `kept_max` is what the pool can keep.
    pub(super) fn new(strategy: WarmingStrategy, kept_max: usize) -> Result<Self, PoolError> {
        Ok(match strategy {
            WarmingStrategy::Immediate(count) if count > kept_max => {
                return Err(PoolError::OutOfRange {
                    what: "Immediate",
                    least: 0,
                    most: kept_max,
                    received: count,
                });
            }
            WarmingStrategy::Immediate(count) => Warming::Immediate(count),
            WarmingStrategy::Predictive(model) => {
                model.check()?;
                Warming::Predictive(Forecast::new(model))
            }
            WarmingStrategy::Adaptive(params) => {
                params.check(kept_max)?;
                Warming::Adaptive(Adaptation::new(params))
            }
        })
    }

    /// Notes an allocation, and whether it found nothing ready.
    #[inline]
    pub(super) fn demand(&mut self, now: Timestamp, missed: bool) {
        match self {
            Warming::Immediate(_) => {}
            Warming::Predictive(forecast) => forecast.demand(now),
            Warming::Adaptive(adaptation) => adaptation.demand(missed),
        }
    }

    /// Notes that it is so late.
    pub(super) fn advance(&mut self, now: Timestamp) {
        if let Warming::Predictive(forecast) = self {
            forecast.advance(now);
        }
    }

    /// How many objects should be ready.
    pub(super) fn target(&self) -> usize {
        match self {
            Warming::Immediate(count) => *count,
            Warming::Predictive(forecast) => forecast.target(),
            Warming::Adaptive(adaptation) => adaptation.target(),
        }
    }

    /// Above how many ready objects the rest is given up, where the strategy gives any up.
    pub(super) fn surplus_above(&self) -> Option<usize> {
        match self {
            Warming::Adaptive(adaptation) => Some(adaptation.surplus_above()),
            Warming::Immediate(_) | Warming::Predictive(_) => None,
        }
    }
}
