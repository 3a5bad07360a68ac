//! What a structure offers that keeps only where levels lie, as one tier among several.

use proofbook_types::Queue;

use super::levels::{LevelData, LevelRef, Levels, Place, Rank};

/// From ranks to names of levels, in order, for each of the four queues. What is known of the levels is kept elsewhere.
///
/// So a level moves from one tier to another by its name alone, and everybody who holds the name goes on using it.
pub trait Tier {
    /// How many levels of one queue it can hold.
    const LEVELS_MAX: usize;

    /// The level of lowest rank in a queue.
    fn first(&self, queue: Queue) -> Option<Place>;

    /// The level at a rank.
    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef>;

    /// The level of lowest rank above `rank`, whether or not there is one at `rank`.
    fn after(&self, queue: Queue, rank: Rank) -> Option<Place>;

    /// Takes a level in at a rank where there is none.
    fn insert(&mut self, queue: Queue, place: Place);

    /// Gives up the level at a rank, where there is one.
    fn remove(&mut self, queue: Queue, rank: Rank);

    /// Checks everything that must hold inside, at any cost.
    ///
    /// # Errors
    /// What does not hold.
    fn verify(&self) -> Result<(), String>;
}

/// Whether one place comes before another; none comes last.
#[inline(always)]
pub(crate) fn is_before(one: Option<Place>, other: Option<Place>) -> bool {
    one.is_some_and(|one| other.is_none_or(|other| one.rank < other.rank))
}

/// Any structure for levels as a tier: it believes that each level holds one order, whose slot is the level's name.
#[derive(Clone, Debug, Default)]
pub struct OverLevels<L>(L);

impl<L: Levels> OverLevels<L> {
    /// A tier over `levels`, which hold nothing yet.
    pub fn new(levels: L) -> Self {
        OverLevels(levels)
    }

    /// The structure itself.
    pub fn levels(&self) -> &L {
        &self.0
    }

    #[inline]
    fn named(&self, queue: Queue, place: Place) -> Place {
        Place {
            rank: place.rank,
            level: self.0.get(queue, place.level).head,
        }
    }
}

impl<L: Levels> Tier for OverLevels<L> {
    const LEVELS_MAX: usize = usize::MAX;

    #[inline]
    fn first(&self, queue: Queue) -> Option<Place> {
        Some(self.named(queue, self.0.best(queue)?))
    }

    #[inline]
    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef> {
        Some(self.0.get(queue, self.0.find(queue, rank)?).head)
    }

    #[inline]
    fn after(&self, queue: Queue, rank: Rank) -> Option<Place> {
        Some(self.named(queue, self.0.after(queue, rank)?))
    }

    fn insert(&mut self, queue: Queue, place: Place) {
        let level = self.0.occupy(queue, place.rank);
        self.0.update(queue, level, |data| {
            *data = LevelData {
                head: place.level,
                tail: place.level,
                orders: 1,
                tag: data.tag,
                ..LevelData::EMPTY
            };
        });
    }

    fn remove(&mut self, queue: Queue, rank: Rank) {
        if let Some(level) = self.0.find(queue, rank) {
            self.0.vacate(queue, level);
        }
    }

    fn verify(&self) -> Result<(), String> {
        self.0.verify()
    }
}
