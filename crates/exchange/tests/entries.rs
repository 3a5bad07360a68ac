//! The encoding of entries: each kind comes back from its bytes, at the offsets that the text gives, and no two byte
//! sequences are one entry.

mod common;

use std::collections::BTreeSet;

use common::{client_id, entry, listings, transfer, Flow};
use proofbook_exchange::{Action, AssetId, Entry, Fees, Limits, MarketId, NewOrder, OrderKind};
use proofbook_journal::simulated::Random;
use proofbook_types::{
    AccountId, Price, Quantity, SelfTradePrevention, Side, TimeInForce, Timestamp,
};

#[test]
fn every_kind_comes_back_and_has_one_encoding() {
    let mut flow = Flow::new(1);
    let mut random = Random::new(1);
    let mut kinds = BTreeSet::new();
    for _ in 0..6_000 {
        let entry = flow.next();
        let bytes = entry.encode();
        kinds.insert(bytes[0]);
        assert_eq!(Entry::decode(&bytes), Ok(entry));
        for _ in 0..20 {
            let mut other = bytes;
            let bit = random.below(1_600);
            other[(bit / 8) as usize] ^= 1 << (bit % 8);
            if let Ok(decoded) = Entry::decode(&other) {
                assert_ne!(decoded, entry, "bit {bit}");
                assert_eq!(decoded.encode(), other, "bit {bit}");
            }
        }
    }
    assert_eq!(kinds, (1..=26).collect());
    for length in [0, 199, 201] {
        let bytes = vec![0; length];
        assert!(Entry::decode(&bytes).is_err());
    }
    assert!(Entry::decode(&[0; 200]).is_err());
}

fn number(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

#[test]
fn a_new_order_lies_where_the_text_says() {
    let bytes = entry(
        77,
        Action::New(NewOrder {
            account: AccountId(5),
            session: 9,
            client_id: client_id("abc"),
            market: MarketId(3),
            side: Side::Sell,
            quantity: Quantity(1_000),
            kind: OrderKind::StopLimit {
                stop_price: Price(90),
                price: Price(80),
            },
            time_in_force: TimeInForce::GoodTillDate {
                expiry: Timestamp(99),
            },
            post_only: true,
            display: Some(Quantity(100)),
            self_trade: Some(SelfTradePrevention::CancelOldest),
        }),
    )
    .encode();
    assert_eq!(bytes[..8], [1, 1, 3, 3, 3, 1 + 2 + 4, 0, 0]);
    let words = [8, 16, 40, 48, 56, 64, 72, 80, 88].map(|at| number(&bytes[at..at + 8]));
    assert_eq!(words, [77, 5, 9, 0, 80, 90, 1_000, 100, 99]);
    assert_eq!(number(&bytes[24..28]), 3);
    assert_eq!(&bytes[112..116], b"abc\0");
    assert!(bytes[116..].iter().all(|&byte| byte == 0));
}

#[test]
fn other_entries_lie_where_the_text_says() {
    let deposit = entry(1, Action::Deposit(transfer(4, 2, 1 << 70))).encode();
    assert_eq!((deposit[0], number(&deposit[28..32])), (8, 2));
    assert_eq!(deposit[96..112], (1u128 << 70).to_le_bytes());
    let limits = Limits {
        quantity_max: Some(1),
        notional_max: Some(2),
        open_orders_max: Some(3),
        collar: Some(4),
    };
    let action = Action::SetLimits {
        account: AccountId(4),
        market: MarketId(2),
        limits,
    };
    let bytes = entry(1, action).encode();
    assert_eq!((bytes[0], bytes[5]), (13, 8 + 32 + 64 + 128));
    assert_eq!(number(&bytes[36..40]), 3);
    assert_eq!(
        [72, 96, 192].map(|at| number(&bytes[at..at + 8])),
        [1, 2, 4]
    );
    let listing = listings()[0];
    let bytes = entry(1, Action::ListMarket(listing)).encode();
    assert_eq!(bytes[..8], [20, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(number(&bytes[24..28]), 1);
    assert_eq!([28, 36].map(|at| number(&bytes[at..at + 4])), [1, 3]);
    assert_eq!([32, 34].map(|at| number(&bytes[at..at + 2])), [7, 25]);
    assert_eq!(&bytes[96..103], b"AAA-CCC");
    assert_eq!(bytes[112..], listing.config.encode());
    let fees = Action::SetAccountFees {
        account: AccountId(1),
        fees: Some(Fees::default()),
    };
    assert_eq!(entry(1, fees).encode()[5], 32);
    let asset = Action::AddAsset {
        asset: AssetId(7),
        symbol: common::symbol("X"),
        decimals: 18,
    };
    let bytes = entry(1, asset).encode();
    assert_eq!((bytes[6], number(&bytes[28..32]), bytes[96]), (18, 7, b'X'));
}
