//! What the allocator's account says that a book holds is what the book asked for, and what the allocator adds to each block. One test alone: the
//! account is that of the whole process.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

#[path = "../../memory/tests/counting/mod.rs"]
mod counting;

use proofbook_analysis::held;
use proofbook_books::{NamedBook, Structure, Visitor};
use proofbook_types::{
    AccountId, Order, OrderId, Price, Quantity, SelfTradePrevention, Side, TimeInForce,
};

/// What glibc adds to a block at most: its header, and what fills it up to the next size.
const ADDED_PER_BLOCK_MAX: u64 = 32;
/// What threads that began and ended leave behind.
const NOISE_MAX: u64 = 1024;

const ORDERS: u64 = 20_000;

fn filled<B: NamedBook>(levels: u64) -> B {
    let mut book = B::empty();
    for number in 0..ORDERS {
        book.insert(&Order {
            id: OrderId(number + 1),
            account: AccountId::NONE,
            side: Side::Buy,
            price: Some(Price(2 * (number % levels) as i64)),
            stop_price: None,
            displayed: Quantity(1),
            hidden: Quantity(0),
            display: None,
            filled: Quantity(0),
            priority: number + 1,
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            self_trade: SelfTradePrevention::Allow,
        });
    }
    book
}

/// Bytes and blocks that this thread asked for to make something.
fn asked<T>(make: impl FnOnce() -> T) -> (u64, u64) {
    let (bytes, blocks) = (counting::held_bytes(), counting::held());
    let made = make();
    let asked = (
        counting::held_bytes() - bytes,
        u64::try_from(counting::held() - blocks).expect("it holds blocks"),
    );
    drop(made);
    (u64::try_from(asked.0).expect("it holds bytes"), asked.1)
}

fn assert_held<T: Send>(what: &str, make: impl Fn() -> T + Sync) {
    let (bytes, blocks) = asked(&make);
    let (made, held) = held(&make);
    drop(made);
    let held = held.expect("glibc keeps an account");
    let most = bytes + blocks * ADDED_PER_BLOCK_MAX + NOISE_MAX;
    assert!(
        bytes <= held + NOISE_MAX && held <= most,
        "{what}: {bytes} bytes in {blocks} blocks asked for, {held} held, at most {most} expected"
    );
}

struct Filled(u64);

impl Visitor for Filled {
    type Output = ();

    fn visit<B: NamedBook>(self) {
        let what = format!("{} with {} levels", B::STRUCTURE.name(), self.0);
        assert_held(&what, || filled::<B>(self.0));
    }
}

#[test]
fn a_book_holds_what_it_asked_for() {
    // 64 KiB as one block or as many, some given back.
    assert_held("a block", || vec![1u8; 1 << 16]);
    assert_held("blocks", || {
        let mut blocks: Vec<_> = (0..2000).map(|_| Box::new([1u8; 64])).collect();
        blocks.truncate(1000);
        blocks
    });
    for book in Structure::ALL {
        for levels in [1, ORDERS] {
            book.visit(Filled(levels));
        }
    }
}
