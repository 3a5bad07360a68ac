//! Lanes alone as a tier of levels: two times eight for each queue.

use proofbook_types::{Price, Queue};

use super::kernel::{Kernel, LANES};
use super::price_levels::{lanes_layout, LaneLevel, SimdPriceLevels};
use crate::layout::LayoutField;
use crate::linked::{is_before, price_of, rank_of, LevelRef, Place, Rank, Tier};

/// Registers of lanes that each queue has.
const REGISTERS: usize = 2;

/// What the tier is made of.
pub(crate) fn tier_layout() -> [LayoutField; 6] {
    lanes_layout()
}

/// Up to sixteen levels of each queue in lanes, in no order: every question is answered by comparing all of them at once.
///
/// What the levels hold is kept by the tier's owner, so the lanes know their prices and names alone.
#[derive(Clone, Debug)]
pub struct SimdTier {
    queues: [[SimdPriceLevels; REGISTERS]; 4],
    kernel: Kernel,
}

impl Default for SimdTier {
    fn default() -> Self {
        Self::with_kernel(Kernel::detect())
    }
}

impl SimdTier {
    /// An empty tier that works with this kernel.
    pub fn with_kernel(kernel: Kernel) -> Self {
        SimdTier {
            queues: Default::default(),
            kernel,
        }
    }

    /// The kernel.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The level that comes first of those which `lane_of` names in each register.
    #[inline]
    fn earliest(
        &self,
        queue: Queue,
        lane_of: impl Fn(&SimdPriceLevels) -> Option<usize>,
    ) -> Option<Place> {
        let mut earliest = None;
        for lanes in &self.queues[queue as usize] {
            let level = lane_of(lanes).and_then(|lane| lanes.get(lane));
            let place = level.map(|level| Place {
                rank: rank_of(queue, Price(level.price)),
                level: level.level,
            });
            if is_before(place, earliest) {
                earliest = place;
            }
        }
        earliest
    }
}

impl Tier for SimdTier {
    const LEVELS_MAX: usize = REGISTERS * LANES;

    fn first(&self, queue: Queue) -> Option<Place> {
        self.earliest(queue, |lanes| {
            lanes.best(self.kernel, queue.is_descending())
        })
    }

    #[inline]
    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef> {
        let price = price_of(queue, rank);
        let mut registers = self.queues[queue as usize].iter();
        registers.find_map(|lanes| Some(lanes.level(lanes.find(self.kernel, price)?)))
    }

    fn after(&self, queue: Queue, rank: Rank) -> Option<Place> {
        let price = price_of(queue, rank);
        self.earliest(queue, |lanes| {
            lanes.after(self.kernel, queue.is_descending(), price)
        })
    }

    fn insert(&mut self, queue: Queue, place: Place) {
        let mut registers = self.queues[queue as usize].iter_mut();
        let free = registers.find(|lanes| !lanes.is_full());
        let lane = free.and_then(|lanes| {
            lanes.insert(LaneLevel {
                price: price_of(queue, place.rank).0,
                level: place.level,
                ..LaneLevel::default()
            })
        });
        assert!(
            lane.is_some(),
            "a tier is given no more levels than it can hold"
        );
    }

    fn remove(&mut self, queue: Queue, rank: Rank) {
        let price = price_of(queue, rank);
        for lanes in &mut self.queues[queue as usize] {
            if let Some(lane) = lanes.find(self.kernel, price) {
                lanes.remove(lane);
            }
        }
    }

    /// No price stands in two lanes of a queue.
    fn verify(&self) -> Result<(), String> {
        for queue in Queue::ALL {
            let registers = self.queues[queue as usize].iter();
            let levels = registers.flat_map(|lanes| (0..LANES).filter_map(|lane| lanes.get(lane)));
            let mut prices: Vec<i64> = levels.map(|level| level.price).collect();
            prices.sort_unstable();
            if let Some(pair) = prices.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(format!(
                    "{queue:?}: the price {} stands in two lanes",
                    pair[0]
                ));
            }
        }
        Ok(())
    }
}
