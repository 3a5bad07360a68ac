//! Chooses how bursts of trades are laid out, by measuring.
//!
//! Each layout takes a sample in and adds it up, several times, under a clock that the caller brings. The fastest of the repetitions counts, since all
//! that disturbs a measurement makes it slower. A layout costs its preparation once and its sum as often as a burst is read; the choice is
//! the least of that, and comes with all the figures.
//!
//! Invariant: before anything is timed, all layouts have given the same sum.

use std::hint::black_box;

use super::layout::{sum_of_structures, Blocks, Columns, MemoryLayout};
use super::{SumOverflow, Totals, Trade};

/// A clock. It is never read except by a measurement that the caller asked for.
pub trait Clock {
    /// Nanoseconds since some moment.
    fn now_ns(&mut self) -> u64;
}

/// A function that says the time.
impl<F: FnMut() -> u64> Clock for F {
    fn now_ns(&mut self) -> u64 {
        self()
    }
}

/// What a layout took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutFigure {
    /// The layout.
    pub layout: MemoryLayout,
    /// Taking the sample in.
    pub prepare_ns: u64,
    /// Adding it up once.
    pub sum_ns: u64,
}

impl LayoutFigure {
    /// What a burst costs that is added up so often.
    pub fn cost_ns(&self, sums_per_burst: u32) -> u64 {
        let sums = self.sum_ns.saturating_mul(u64::from(sums_per_burst));
        self.prepare_ns.saturating_add(sums)
    }
}

/// The layout that was chosen, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutChoice {
    /// The layout.
    pub layout: MemoryLayout,
    /// What each layout took, in the order of [`MemoryLayout::ALL`].
    pub figures: [LayoutFigure; 3],
    /// Trades of the sample.
    pub trades: usize,
    /// How often a burst was taken to be added up.
    pub sums_per_burst: u32,
}

/// Measures layouts, and holds trades in the ones that need preparation.
#[derive(Clone, Debug, Default)]
pub struct MemoryLayoutOptimizer {
    columns: Columns,
    blocks: Blocks,
}

impl MemoryLayoutOptimizer {
    /// One that holds nothing.
    pub fn new() -> Self {
        MemoryLayoutOptimizer::default()
    }

    /// The layout in which bursts like this sample cost least, if each is added up so often. Each layout is timed so many times, at least once.
    ///
    /// # Errors
    /// Where a sum does not fit its width; then nothing was timed.
    ///
    /// # Panics
    /// Where two layouts give different sums, which would be a defect of this module.
    pub fn choose(
        &mut self,
        sample: &[Trade],
        sums_per_burst: u32,
        repetitions: u32,
        clock: &mut impl Clock,
    ) -> Result<LayoutChoice, SumOverflow> {
        let expected = sum_of_structures(sample)?;
        for layout in MemoryLayout::ALL {
            let found = self.totals(layout, &[sample])?;
            assert_eq!(found, expected, "the sum in the layout {layout}");
        }
        let figures =
            MemoryLayout::ALL.map(|layout| self.measure(layout, sample, repetitions, clock));
        // Of equally fast ones, the first.
        let fastest = figures
            .iter()
            .min_by_key(|figure| figure.cost_ns(sums_per_burst));
        Ok(LayoutChoice {
            layout: fastest.expect("there are layouts").layout,
            figures,
            trades: sample.len(),
            sums_per_burst,
        })
    }

    /// Times one layout.
    fn measure(
        &mut self,
        layout: MemoryLayout,
        sample: &[Trade],
        repetitions: u32,
        clock: &mut impl Clock,
    ) -> LayoutFigure {
        let mut figure = LayoutFigure {
            layout,
            prepare_ns: u64::MAX,
            sum_ns: u64::MAX,
        };
        for _ in 0..repetitions.max(1) {
            let start = clock.now_ns();
            self.prepare(layout, black_box(&[sample]));
            let prepared = clock.now_ns();
            let sum = self.sum(layout, black_box(&[sample]));
            let end = clock.now_ns();
            // The sum fits: it was looked at before.
            let _ = black_box(sum);
            figure.prepare_ns = figure.prepare_ns.min(prepared.saturating_sub(start));
            figure.sum_ns = figure.sum_ns.min(end.saturating_sub(prepared));
        }
        figure
    }

    /// Adds trades up in a layout; they are given as parts of one burst.
    ///
    /// # Errors
    /// Where a sum does not fit its width.
    pub fn totals(
        &mut self,
        layout: MemoryLayout,
        parts: &[&[Trade]],
    ) -> Result<Option<Totals>, SumOverflow> {
        self.prepare(layout, parts);
        self.sum(layout, parts)
    }

    /// Takes trades in, where the layout needs that.
    pub(super) fn prepare(&mut self, layout: MemoryLayout, parts: &[&[Trade]]) {
        let trades = parts.iter().copied().flatten();
        match layout {
            MemoryLayout::ArrayOfStructures => {}
            MemoryLayout::StructureOfArrays => self.columns.fill(trades),
            MemoryLayout::Blocked => self.blocks.fill(trades),
        }
    }

    /// Adds up what was taken in, or the parts themselves.
    pub(super) fn sum(
        &self,
        layout: MemoryLayout,
        parts: &[&[Trade]],
    ) -> Result<Option<Totals>, SumOverflow> {
        match layout {
            MemoryLayout::StructureOfArrays => self.columns.totals(),
            MemoryLayout::Blocked => self.blocks.totals(),
            MemoryLayout::ArrayOfStructures => {
                let mut all: Option<Totals> = None;
                for part in parts {
                    match (&mut all, sum_of_structures(part)?) {
                        (Some(all), Some(more)) => all.add(&more)?,
                        (None, more) => all = more,
                        (Some(_), None) => {}
                    }
                }
                Ok(all)
            }
        }
    }
}
