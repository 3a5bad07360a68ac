//! Every book behaves exactly as the reference book does.

use proofbook_books::{
    Ladder, OptimizedLockFreeOrderBook, PagedLevels, RadixLevels, RadixOrderBook,
};
use proofbook_testkit::conformance;

conformance!(ladder, Ladder::default);
conformance!(ladder_with_room, || Ladder::with_capacity(4096));
conformance!(radix, RadixOrderBook::default);
conformance!(lockfree, OptimizedLockFreeOrderBook::<PagedLevels>::default);
conformance!(
    lockfree_over_radix_trees,
    OptimizedLockFreeOrderBook::<RadixLevels>::default
);
