//! Where each level lies: its rank and tier by its name, the levels of each small tier by number, and which ranks the warm one cannot hold.

use proofbook_types::Queue;

use super::filter::RankFilter;
use super::TierName;
use crate::layout::{layout, LayoutField};
use crate::linked::{LevelRef, Place, Rank};

/// Where a level lies.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Residence {
    pub(super) rank: Rank,
    /// Its position in the list of its tier; of no meaning in the cold tier, which has none.
    position: u32,
    pub(super) tier: TierName,
}

/// Where its fields lie.
pub(super) fn residence_layout() -> [LayoutField; 3] {
    layout!(Residence {
        rank,
        position,
        tier
    })
}

/// Where all levels lie.
#[derive(Clone, Debug)]
pub(super) struct Residences {
    levels: Vec<Residence>,
    /// The levels of the hot and the warm tier of each queue, in any order.
    residents: [[Vec<LevelRef>; 2]; 4],
    /// How many levels the cold tier holds of each queue.
    cold: [usize; 4],
    capacities: [usize; 2],
    warm_ranks: RankFilter,
}

impl Residences {
    pub(super) fn new(hot: usize, warm: usize) -> Self {
        Residences {
            levels: Vec::new(),
            residents: core::array::from_fn(|_| {
                [Vec::with_capacity(hot), Vec::with_capacity(warm)]
            }),
            cold: [0; 4],
            capacities: [hot, warm],
            warm_ranks: RankFilter::default(),
        }
    }

    /// Whether a tier holds as many levels of a queue as it may.
    #[inline]
    pub(super) fn is_full(&self, queue: Queue, tier: TierName) -> bool {
        tier != TierName::Cold && self.of(queue, tier).len() >= self.capacities[tier as usize]
    }

    /// Whether the warm tier may hold a level at a rank; if not, it holds none there.
    #[inline]
    pub(super) fn may_be_warm(&self, queue: Queue, rank: Rank) -> bool {
        self.warm_ranks.may_hold(queue, rank)
    }

    /// The levels of a queue in the hot or the warm tier.
    #[inline]
    pub(super) fn of(&self, queue: Queue, tier: TierName) -> &[LevelRef] {
        &self.residents[queue as usize][tier as usize]
    }

    /// The tier of a level.
    #[inline]
    pub(super) fn tier(&self, level: LevelRef) -> TierName {
        self.levels[level as usize].tier
    }

    /// The rank of a level.
    #[inline]
    pub(super) fn rank(&self, level: LevelRef) -> Rank {
        self.levels[level as usize].rank
    }

    /// A level comes to a tier.
    pub(super) fn enter(&mut self, queue: Queue, tier: TierName, place: Place) {
        if tier == TierName::Warm {
            self.warm_ranks.add(queue, place.rank);
        }
        let position = match tier {
            TierName::Cold => {
                self.cold[queue as usize] += 1;
                0
            }
            TierName::Hot | TierName::Warm => {
                let residents = &mut self.residents[queue as usize][tier as usize];
                residents.push(place.level);
                (residents.len() - 1) as u32
            }
        };
        let residence = Residence {
            rank: place.rank,
            position,
            tier,
        };
        let index = place.level as usize;
        // Names are given out one after another.
        if index == self.levels.len() {
            self.levels.push(residence);
        } else {
            self.levels[index] = residence;
        }
    }

    /// A level leaves its tier.
    pub(super) fn leave(&mut self, queue: Queue, level: LevelRef) -> Residence {
        let residence = self.levels[level as usize];
        if residence.tier == TierName::Cold {
            self.cold[queue as usize] -= 1;
            return residence;
        }
        if residence.tier == TierName::Warm {
            self.warm_ranks.subtract(queue, residence.rank);
        }
        let residents = &mut self.residents[queue as usize][residence.tier as usize];
        residents.swap_remove(residence.position as usize);
        if let Some(&moved) = residents.get(residence.position as usize) {
            self.levels[moved as usize].position = residence.position;
        }
        residence
    }

    /// How many levels a tier holds of a queue.
    pub(super) fn count(&self, queue: Queue, tier: TierName) -> usize {
        match tier {
            TierName::Cold => self.cold[queue as usize],
            TierName::Hot | TierName::Warm => self.of(queue, tier).len(),
        }
    }

    /// How many levels each tier holds.
    pub(super) fn counts(&self) -> [u64; 3] {
        TierName::ALL.map(|tier| {
            let counts = Queue::ALL.map(|queue| self.count(queue, tier) as u64);
            counts.iter().sum()
        })
    }

    /// Checks the lists of a queue against the levels.
    pub(super) fn verify(&self, queue: Queue) -> Result<(), String> {
        for tier in [TierName::Hot, TierName::Warm] {
            let residents = self.of(queue, tier);
            let capacity = self.capacities[tier as usize];
            if residents.len() > capacity {
                return Err(format!(
                    "{queue:?}: {tier:?} holds {} levels, at most {capacity} may be there",
                    residents.len()
                ));
            }
            for (position, &level) in residents.iter().enumerate() {
                let residence = self.levels[level as usize];
                if residence.position as usize != position || residence.tier != tier {
                    return Err(format!(
                        "{queue:?}: level {level} at {position} of {tier:?} is {residence:?}"
                    ));
                }
            }
        }
        let warm = self.of(queue, TierName::Warm).iter();
        self.warm_ranks
            .verify(queue, warm.map(|&level| self.rank(level)))
    }
}
