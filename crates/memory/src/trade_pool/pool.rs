//! Bursts of trades: room for them, what they add up to, in the layout that was measured to be the fastest.
//!
//! Invariant: the runs of a burst are full, except for the last one, and hold its trades in their order.

use std::fmt;

use super::{
    BatchAllocator, Burst, Clock, LayoutChoice, MemoryLayout, MemoryLayoutOptimizer, SumOverflow,
    Totals, Trade, TradeResultAggregator,
};
use crate::pool::PoolError;

/// Runs of places that one burst can have.
pub const SEGMENTS_MAX: usize = 16;

/// A burst of trades, in one run of places or in several.
pub struct TradeBurst<'allocator, const N: usize> {
    segments: [Option<Burst<'allocator, Trade, N>>; SEGMENTS_MAX],
    used: usize,
}

impl<const N: usize> TradeBurst<'_, N> {
    /// Its trades, run by run.
    pub fn segments(&self) -> impl Iterator<Item = &[Trade]> {
        self.segments[..self.used]
            .iter()
            .flatten()
            .map(|segment| &**segment)
    }

    /// Its trades, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Trade> {
        self.segments().flatten()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.segments().map(<[Trade]>::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }
}

impl<const N: usize> fmt::Debug for TradeBurst<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Room for bursts of trades, and what it takes to add them up. Each thread has its own, over batches that all may share.
#[derive(Debug)]
pub struct TradePool<'allocator, const N: usize> {
    batch_allocator: &'allocator BatchAllocator<Trade, N>,
    result_aggregator: TradeResultAggregator,
    layout_optimizer: MemoryLayoutOptimizer,
    layout: MemoryLayout,
}

impl<'allocator, const N: usize> TradePool<'allocator, N> {
    /// A pool over these batches. Trades are added up where they lie, until a layout is chosen.
    pub fn new(batch_allocator: &'allocator BatchAllocator<Trade, N>) -> Self {
        TradePool {
            batch_allocator,
            result_aggregator: TradeResultAggregator::new(),
            layout_optimizer: MemoryLayoutOptimizer::new(),
            layout: MemoryLayout::ArrayOfStructures,
        }
    }

    /// Puts trades into batches. The first run of places is as long as bursts usually are, each further one as long as all before it.
    ///
    /// # Errors
    /// Where the batches are used up; trades that were taken in already are given up.
    pub fn collect(
        &self,
        trades: impl IntoIterator<Item = Trade>,
    ) -> Result<TradeBurst<'allocator, N>, PoolError> {
        let mut burst = TradeBurst {
            segments: [const { None }; SEGMENTS_MAX],
            used: 0,
        };
        let mut length = 0;
        let mut trades = trades.into_iter();
        let mut next = trades.next();
        while let Some(trade) = next {
            let mut segment = self.next_segment(&burst, length)?;
            next = segment.fill(trade, &mut trades);
            length += segment.len();
            burst.segments[burst.used] = Some(segment);
            burst.used += 1;
        }
        self.batch_allocator.note_burst(length);
        Ok(burst)
    }

    /// One more run for a burst that has so many trades.
    fn next_segment(
        &self,
        burst: &TradeBurst<'allocator, N>,
        length: usize,
    ) -> Result<Burst<'allocator, Trade, N>, PoolError> {
        if burst.used == SEGMENTS_MAX {
            // The batches are so full that only short runs were left.
            let capacity = self.batch_allocator.capacity();
            return Err(PoolError::Exhausted { capacity });
        }
        let usual = self.batch_allocator.usage().optimal_batch_size();
        self.batch_allocator.burst_for(usual.max(length))
    }

    /// The batches.
    pub fn batch_allocator(&self) -> &'allocator BatchAllocator<Trade, N> {
        self.batch_allocator
    }

    /// A burst in sum; none where it has no trades.
    ///
    /// # Errors
    /// Where a sum does not fit its width.
    pub fn totals(&mut self, burst: &TradeBurst<'_, N>) -> Result<Option<Totals>, SumOverflow> {
        self.prepare(burst).totals()
    }

    /// A burst in the layout that was chosen, to be added up more than once.
    pub fn prepare<'burst>(
        &'burst mut self,
        burst: &'burst TradeBurst<'_, N>,
    ) -> PreparedBurst<'burst> {
        let mut parts: [&[Trade]; SEGMENTS_MAX] = [&[]; SEGMENTS_MAX];
        parts
            .iter_mut()
            .zip(burst.segments())
            .for_each(|(part, segment)| *part = segment);
        self.layout_optimizer.prepare(self.layout, &parts);
        PreparedBurst {
            layout: self.layout,
            layout_optimizer: &self.layout_optimizer,
            parts,
        }
    }

    /// A burst by maker, by taker and by price.
    ///
    /// # Errors
    /// Where a sum does not fit its width.
    pub fn aggregate(
        &mut self,
        burst: &TradeBurst<'_, N>,
    ) -> Result<&TradeResultAggregator, SumOverflow> {
        self.result_aggregator.clear();
        self.result_aggregator.add(burst.iter())?;
        Ok(&self.result_aggregator)
    }

    /// Measures which layout is fastest for bursts like this sample that are added up so often, and uses it from now on.
    ///
    /// # Errors
    /// Where a sum does not fit its width; then the layout stays.
    pub fn choose_layout(
        &mut self,
        sample: &[Trade],
        sums_per_burst: u32,
        repetitions: u32,
        clock: &mut impl Clock,
    ) -> Result<LayoutChoice, SumOverflow> {
        let choice = self
            .layout_optimizer
            .choose(sample, sums_per_burst, repetitions, clock)?;
        self.layout = choice.layout;
        Ok(choice)
    }

    /// The layout in which bursts are added up.
    pub fn layout(&self) -> MemoryLayout {
        self.layout
    }
}

/// A burst in the layout in which it is added up.
#[derive(Debug)]
pub struct PreparedBurst<'burst> {
    layout: MemoryLayout,
    layout_optimizer: &'burst MemoryLayoutOptimizer,
    parts: [&'burst [Trade]; SEGMENTS_MAX],
}

impl PreparedBurst<'_> {
    /// The burst in sum; none where it has no trades.
    ///
    /// # Errors
    /// Where a sum does not fit its width.
    pub fn totals(&self) -> Result<Option<Totals>, SumOverflow> {
        self.layout_optimizer.sum(self.layout, &self.parts)
    }
}
