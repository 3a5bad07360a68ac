//! Every book behaves exactly as the reference book does.

use proofbook_books::{Ladder, SkipListOrderBook};
use proofbook_testkit::conformance;

conformance!(ladder, Ladder::default);
conformance!(ladder_with_room, || Ladder::with_capacity(4096));
conformance!(skip_list, SkipListOrderBook::default);
