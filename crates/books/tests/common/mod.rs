//! What the tests of the book that is read beside its writer share: a market over it, and what its readers should see.
#![allow(dead_code)]

use std::num::NonZeroU64;

use proofbook_book::{Book, Level};
use proofbook_books::linked::LinkedBook;
use proofbook_books::lockfree::{LockFreeConfig, LockFreeReaders, Snapshot, Touch};
use proofbook_books::radix::PublishingConfig;
use proofbook_books::{OptimizedLockFreeLevels, OptimizedLockFreeOrderBook, PagedLevels};
use proofbook_matching::MatchingEngine;
use proofbook_types::{Command, MarketConfig, Quantity, Queue};

pub type LockFreeBook = OptimizedLockFreeOrderBook<PagedLevels>;

/// A market, and the readers of its book.
pub struct Market {
    pub engine: MatchingEngine<LockFreeBook>,
    pub readers: LockFreeReaders,
}

impl Market {
    /// An empty market for this many readers, which may hold so much up.
    pub fn new(config: MarketConfig, readers_max: usize, waiting_max: usize) -> Self {
        Self::with_bounds(config, readers_max, waiting_max, [1, 1])
    }

    /// The same; so many commands may the touch and snapshots be behind.
    pub fn with_bounds(
        config: MarketConfig,
        readers_max: usize,
        waiting_max: usize,
        behind_max: [u64; 2],
    ) -> Self {
        let positive = |number| NonZeroU64::new(number).expect("a positive number");
        let levels = OptimizedLockFreeLevels::new(
            PagedLevels::default(),
            LockFreeConfig {
                publishing: PublishingConfig {
                    readers_max,
                    waiting_max,
                },
                touch_behind_max: positive(behind_max[0]),
                snapshot_behind_max: positive(behind_max[1]),
            },
        );
        let levels = levels.expect("possible numbers of readers");
        let readers = levels.readers();
        let book = LinkedBook::with_levels(levels);
        Market {
            engine: MatchingEngine::new(config, book).expect("the terms make a market"),
            readers,
        }
    }

    /// Applies a command and drops its events.
    pub fn apply(&mut self, command: &Command) {
        self.engine.apply(command, &mut |_| {});
    }

    /// Says that the latest command has ended.
    pub fn end(&self) {
        let sequence = self.engine.sequence();
        let _ = self.engine.book().levels().end(sequence);
    }

    /// Shows the market after the latest command; whether a snapshot could be shown.
    pub fn publish(&self) -> bool {
        let sequence = self.engine.sequence();
        self.engine.book().levels().publish(sequence).is_ok()
    }

    /// What the touch should be now, from the book's own views.
    pub fn expected_touch(&self) -> Touch {
        touch_of(&self.engine)
    }
}

/// What readers should see of a market, from its book's own views.
pub fn touch_of<B: Book>(engine: &MatchingEngine<B>) -> Touch {
    let book = engine.book();
    let shown = |queue| Quantity(levels_of(book, queue).map(|level| level.displayed.0).sum());
    Touch {
        sequence: engine.sequence(),
        time: engine.clock(),
        best_bid: book.best_price(Queue::Bids),
        best_ask: book.best_price(Queue::Asks),
        orders: u32::try_from(book.len()).expect("few orders"),
        bids: shown(Queue::Bids),
        asks: shown(Queue::Asks),
    }
}

/// The levels of a queue, the best first.
pub fn levels_of<B: Book>(book: &B, queue: Queue) -> impl Iterator<Item = Level> + '_ {
    std::iter::successors(book.next_level(queue, None), move |level| {
        book.next_level(queue, Some(level.price))
    })
}

/// Fails unless the parts of a snapshot agree with each other.
pub fn assert_consistent(snapshot: &Snapshot<'_>) {
    let touch = snapshot.touch();
    assert_eq!(snapshot.sequence(), touch.sequence);
    let mut orders = 0;
    for queue in Queue::ALL {
        let levels: Vec<Level> = snapshot.levels(queue).collect();
        let mut shown = 0;
        for (index, level) in levels.iter().enumerate() {
            assert!(level.orders > 0, "{touch:?}: {queue:?} {level:?}");
            if let Some(next) = levels.get(index + 1) {
                assert!(
                    queue.before(level.price, next.price),
                    "{touch:?}: {queue:?} {levels:?}"
                );
            }
            shown += level.displayed.0;
            orders += level.orders;
        }
        let first = levels.first().copied();
        assert_eq!(snapshot.best(queue), first, "{touch:?}");
        let (best, sum) = match queue {
            Queue::Bids => (touch.best_bid, touch.bids),
            Queue::Asks => (touch.best_ask, touch.asks),
            Queue::BuyStops | Queue::SellStops => continue,
        };
        assert_eq!(best, first.map(|level| level.price), "{touch:?}");
        assert_eq!(sum, Quantity(shown), "{touch:?}");
    }
    assert_eq!(touch.orders, orders, "{touch:?}");
}
