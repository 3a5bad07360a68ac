//! Every reason for a refusal is reached, and a refused entry changes nothing but the sequence and the clock.

mod common;

use std::collections::BTreeSet;

use common::{
    apply, client_id, core, entry, listings, refusals, setup, symbol, terms, transfer, Core,
};
use proofbook_engine::digest;
use proofbook_exchange::{
    Action, AssetId, ClientId, Exchange, ExchangeTerms, Fees, Limits, Listing, MarketId, NewOrder,
    OrderKind, Refusal, Target, AMOUNT_MAX, PRICE_MAX, QUANTITY_MAX,
};
use proofbook_types::{
    AccountId, OrderId, Phase, Price, Quantity, RejectReason, SelfTradePrevention, Side,
    TimeInForce, Timestamp,
};

const MARKET: MarketId = MarketId(1);

struct World {
    core: Core,
    reached: BTreeSet<Refusal>,
    time: u64,
    number: u64,
}

fn limit(account: u64, side: Side, quantity: u64, price: i64) -> NewOrder {
    NewOrder {
        account: AccountId(account),
        session: 1,
        client_id: ClientId::NONE,
        market: MARKET,
        side,
        quantity: Quantity(quantity),
        kind: OrderKind::Limit {
            price: Price(price),
        },
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        display: None,
        self_trade: None,
    }
}

fn target(account: u64, original: &str) -> Target {
    Target {
        account: AccountId(account),
        session: 1,
        client_id: client_id("request"),
        original_id: client_id(original),
        order_id: OrderId(0),
    }
}

impl World {
    fn new() -> Self {
        Self::with(terms())
    }

    fn with(terms: ExchangeTerms) -> Self {
        let mut world = World {
            core: Exchange::new(terms).expect("the terms make an exchange"),
            reached: BTreeSet::new(),
            time: 10,
            number: 0,
        };
        for action in setup() {
            world.done(action);
        }
        world
    }

    fn submit(&mut self, action: Action) -> Option<Refusal> {
        self.time += 1;
        let outcomes = apply(&mut self.core, &entry(self.time, action));
        self.core.check().expect("everything holds");
        refusals(&outcomes).first().copied()
    }

    fn done(&mut self, action: Action) {
        assert_eq!(self.submit(action), None, "{action:?}");
    }

    /// Enters an order under this client id.
    fn enter(&mut self, name: &str, order: NewOrder) {
        self.done(Action::New(NewOrder {
            client_id: client_id(name),
            ..order
        }));
    }

    fn refused(&mut self, action: Action, expected: Refusal) {
        let balances = self.balances();
        let live = self.core.live_orders();
        assert_eq!(self.submit(action), Some(expected), "{action:?}");
        assert_eq!((self.balances(), self.core.live_orders()), (balances, live));
        self.reached.insert(expected);
    }

    /// Enters an order under a client id of its own, which is refused.
    fn refused_order(&mut self, order: NewOrder, expected: Refusal) {
        self.number += 1;
        let client_id = client_id(&format!("refused {}", self.number));
        self.refused(Action::New(NewOrder { client_id, ..order }), expected);
        // A refused order leaves its client id free.
        assert_eq!(self.core.order_named(order.account, &client_id), None);
    }

    fn balances(&self) -> Vec<Option<proofbook_exchange::Balance>> {
        (0..=self.core.accounts())
            .flat_map(|account| (1..=3).map(move |asset| (AccountId(account), AssetId(asset))))
            .map(|(account, asset)| self.core.balance(account, asset))
            .collect()
    }
}

fn of_orders(world: &mut World) {
    let good = limit(1, Side::Buy, 10, 100);
    world.refused_order(
        NewOrder {
            account: AccountId(0),
            ..good
        },
        Refusal::UnknownAccount,
    );
    world.refused_order(
        NewOrder {
            market: MarketId(9),
            ..good
        },
        Refusal::UnknownMarket,
    );
    world.refused(Action::New(good), Refusal::MissingClientId);
    for price in [0, -1, PRICE_MAX + 1] {
        world.refused_order(limit(1, Side::Sell, 10, price), Refusal::PriceRange);
    }
    world.refused_order(
        limit(1, Side::Buy, QUANTITY_MAX + 1, 100),
        Refusal::QuantityRange,
    );
    let stop = NewOrder {
        kind: OrderKind::Stop {
            stop_price: Price(110),
            bound: None,
        },
        ..good
    };
    world.refused_order(stop, Refusal::MissingBound);
    let unbounded = NewOrder {
        market: MarketId(2),
        kind: OrderKind::Market { bound: None },
        time_in_force: TimeInForce::ImmediateOrCancel,
        ..good
    };
    world.refused_order(unbounded, Refusal::MissingBound);
    world.refused_order(limit(1, Side::Buy, 4_000, 100), Refusal::InsufficientFunds);
    world.refused_order(
        limit(1, Side::Sell, 30_001, 100),
        Refusal::InsufficientFunds,
    );
    of_limits(world);
    let too_late = Action::Cancel {
        target: target(1, "nothing"),
    };
    world.refused(too_late, Refusal::UnknownOrder);
}

fn of_limits(world: &mut World) {
    let good = limit(1, Side::Buy, 10, 100);
    let limits = |limits| Action::SetLimits {
        account: AccountId(1),
        market: MARKET,
        limits,
    };
    let none = Limits::default();
    for (tight, refusal) in [
        (
            Limits {
                quantity_max: Some(9),
                ..none
            },
            Refusal::QuantityLimit,
        ),
        (
            Limits {
                notional_max: Some(9_999),
                ..none
            },
            Refusal::NotionalLimit,
        ),
        (
            Limits {
                open_orders_max: Some(0),
                ..none
            },
            Refusal::OpenOrdersLimit,
        ),
    ] {
        world.done(limits(tight));
        world.refused_order(good, refusal);
    }
    world.done(limits(Limits {
        collar: Some(3),
        ..none
    }));
    world.refused_order(limit(1, Side::Buy, 10, 104), Refusal::AccountCollar);
    world.refused_order(limit(1, Side::Sell, 10, 96), Refusal::AccountCollar);
    world.done(limits(none));
}

fn of_replaces(world: &mut World) {
    world.enter("first", limit(1, Side::Buy, 10, 100));
    world.enter("second", limit(1, Side::Buy, 10, 99));
    let replace = |name: &str, client_id, quantity| Action::Replace {
        target: Target {
            client_id,
            ..target(1, name)
        },
        price: None,
        quantity,
        stop_price: None,
    };
    world.refused(
        replace("first", client_id("second"), None),
        Refusal::DuplicateClientId,
    );
    world.refused(
        replace("first", ClientId::NONE, None),
        Refusal::MissingClientId,
    );
    world.enter("seller", limit(2, Side::Sell, 4, 100));
    world.refused(
        replace("first", client_id("x"), Some(Quantity(4))),
        Refusal::QuantityFilled,
    );
    let too_much = replace("first", client_id("x"), Some(Quantity(4_000)));
    world.refused(too_much, Refusal::InsufficientFunds);
    world.refused(
        replace("first", client_id("x"), None),
        RejectReason::ReplaceTerms.into(),
    );
    let reduce = |quantity| Action::Reduce {
        target: target(1, "first"),
        quantity: Quantity(quantity),
    };
    world.refused(reduce(7), RejectReason::ReduceTooLarge.into());
}

fn of_operators(world: &mut World) {
    let deposit = |account, asset, amount| Action::Deposit(transfer(account, asset, amount));
    world.refused(deposit(99, 1, 1), Refusal::UnknownAccount);
    world.refused(deposit(1, 9, 1), Refusal::UnknownAsset);
    world.refused(deposit(1, 1, 0), Refusal::ZeroAmount);
    world.refused(deposit(1, 1, AMOUNT_MAX), Refusal::AmountLimit);
    world.refused(
        Action::Withdraw(transfer(1, 1, 1 << 60)),
        Refusal::InsufficientFunds,
    );
    world.enter("on credit", limit(6, Side::Buy, 10, 100));
    world.refused(Action::SetCredit(transfer(6, 3, 0)), Refusal::CreditInUse);
    let fees = Fees {
        maker: 0,
        taker: 10_001,
    };
    let market_fees = Action::SetMarketFees {
        market: MARKET,
        fees,
    };
    world.refused(market_fees, Refusal::FeeRange);
    of_lists(world);
}

fn of_lists(world: &mut World) {
    world.refused(
        Action::OpenAccount {
            account: AccountId(99),
        },
        Refusal::WrongNumber,
    );
    let asset = |text: &str, decimals| Action::AddAsset {
        asset: AssetId(4),
        symbol: symbol(text),
        decimals,
    };
    world.refused(asset("AAA", 1), Refusal::WrongSymbol);
    world.refused(asset("DDD", 19), Refusal::WrongDecimals);
    let good = Listing {
        market: MarketId(3),
        symbol: symbol("new"),
        config: proofbook_types::MarketConfig {
            market: 3,
            ..listings()[0].config
        },
        ..listings()[0]
    };
    let mut listed = |listing, refusal| world.refused(Action::ListMarket(listing), refusal);
    listed(
        Listing {
            quantity_decimals: 4,
            ..good
        },
        Refusal::WrongDecimals,
    );
    listed(
        Listing {
            base: AssetId(9),
            ..good
        },
        Refusal::UnknownAsset,
    );
    for change in [
        |listing: &mut Listing| listing.base = listing.quote,
        |listing: &mut Listing| listing.config.market = 4,
        |listing: &mut Listing| listing.config.initial_phase = Phase::Continuous,
        |listing: &mut Listing| listing.config.reference_price = Some(Price(0)),
        |listing: &mut Listing| listing.config.max_orders = 0,
    ] {
        let mut listing = good;
        listing.quantity_decimals = 0;
        listing.price_decimals = 0;
        change(&mut listing);
        listed(listing, Refusal::WrongTerms);
    }
}

fn of_states(world: &mut World) {
    let good = limit(1, Side::Buy, 10, 100);
    let market = MARKET;
    world.refused(Action::Open { market }, Refusal::WrongState);
    world.refused(Action::Resume { market }, Refusal::WrongState);
    world.refused(Action::Uncross { market }, Refusal::WrongState);
    world.done(Action::OpenAuction { market });
    let now = NewOrder {
        time_in_force: TimeInForce::ImmediateOrCancel,
        ..good
    };
    world.refused_order(now, RejectReason::WrongPhase.into());
    world.enter("high", limit(3, Side::Buy, 1, 105));
    world.enter("low", limit(4, Side::Sell, 1, 95));
    world.done(Action::Halt { market });
    world.refused_order(good, Refusal::MarketHalted);
    world.refused(Action::Halt { market }, Refusal::WrongState);
    world.refused(Action::Resume { market }, RejectReason::BookCrossed.into());
    world.done(Action::Close { market });
    world.refused_order(good, Refusal::MarketClosed);
    world.refused(Action::Close { market }, Refusal::WrongState);
    world.refused(Action::Open { market }, RejectReason::BookCrossed.into());
    world.done(Action::OpenAuction { market });
    world.done(Action::Uncross { market });
    let account = AccountId(1);
    world.done(Action::KillAccount { account });
    world.refused_order(good, Refusal::AccountKilled);
    world.done(Action::KillAll);
    world.refused_order(good, Refusal::ExchangeKilled);
    assert_eq!(world.core.live_orders(), 0);
    world.done(Action::ReviveAll);
    world.refused_order(good, Refusal::AccountKilled);
    world.done(Action::ReviveAccount { account });
    world.time -= 5;
    world.refused_order(good, Refusal::ClockReversed);
    world.time += 5;
}

/// Reasons of the market itself. Those that it can never give here stand in the test below.
fn of_markets(world: &mut World) {
    let good = limit(1, Side::Buy, 10, 100);
    let second = NewOrder {
        market: MarketId(2),
        ..good
    };
    let quantity = |quantity| NewOrder {
        quantity: Quantity(quantity),
        ..good
    };
    let market = |reason: RejectReason| Refusal::Market(reason);
    world.refused_order(quantity(0), market(RejectReason::ZeroQuantity));
    world.refused_order(
        NewOrder {
            quantity: Quantity(3),
            ..second
        },
        market(RejectReason::LotSize),
    );
    world.refused_order(
        NewOrder {
            kind: OrderKind::Limit { price: Price(101) },
            ..second
        },
        market(RejectReason::TickSize),
    );
    world.refused_order(
        limit(1, Side::Sell, 5_001, 100),
        market(RejectReason::QuantityLimit),
    );
    let (_, matching) = world.core.market(MARKET).expect("it is there");
    let reference = matching.reference_price().expect("it has traded").0;
    world.refused_order(
        limit(1, Side::Buy, 1, reference + 31),
        market(RejectReason::PriceCollar),
    );
    let bounded_stop = OrderKind::Stop {
        stop_price: Price(110),
        bound: Some(Price(120)),
    };
    for kind in [OrderKind::Market { bound: None }, bounded_stop] {
        let time_in_force = TimeInForce::GoodTillDate {
            expiry: Timestamp(1 << 40),
        };
        world.refused_order(
            NewOrder {
                kind,
                time_in_force,
                ..good
            },
            market(RejectReason::TimeInForce),
        );
    }
    of_lives(world);
}

fn of_lives(world: &mut World) {
    let good = limit(1, Side::Buy, 10, 100);
    let market = |reason: RejectReason| Refusal::Market(reason);
    let expired = TimeInForce::GoodTillDate {
        expiry: Timestamp(3),
    };
    world.refused_order(
        NewOrder {
            time_in_force: expired,
            ..good
        },
        market(RejectReason::AlreadyExpired),
    );
    world.refused_order(
        NewOrder {
            display: Some(Quantity(10)),
            ..good
        },
        market(RejectReason::DisplayQuantity),
    );
    let now = TimeInForce::ImmediateOrCancel;
    world.refused_order(
        NewOrder {
            post_only: true,
            time_in_force: now,
            ..good
        },
        market(RejectReason::PostOnly),
    );
    world.enter("offer", limit(2, Side::Sell, 1, 100));
    world.refused_order(
        NewOrder {
            post_only: true,
            ..good
        },
        market(RejectReason::WouldCross),
    );
    // An order whose time is over is gone by the time the cancel comes.
    let until = TimeInForce::GoodTillDate {
        expiry: Timestamp(world.time + 2),
    };
    world.enter(
        "short",
        NewOrder {
            time_in_force: until,
            ..limit(1, Side::Buy, 1, 90)
        },
    );
    world.time += 5;
    let refusal = world.submit(Action::Cancel {
        target: target(1, "short"),
    });
    assert_eq!(refusal, Some(RejectReason::UnknownOrder.into()));
    world.reached.insert(RejectReason::UnknownOrder.into());
    let self_trade = SelfTradePrevention::CancelNewest;
    world.done(Action::SetSelfTrade {
        account: AccountId(1),
        self_trade,
    });
}

#[test]
fn every_reason_is_reached() {
    let mut world = World::new();
    of_orders(&mut world);
    of_replaces(&mut world);
    of_operators(&mut world);
    of_states(&mut world);
    of_markets(&mut world);
    let mut full = World::with(ExchangeTerms {
        orders_max: 2,
        ..terms()
    });
    full.enter("one", limit(1, Side::Buy, 1, 100));
    full.enter("two", limit(1, Side::Buy, 1, 100));
    full.refused_order(limit(2, Side::Buy, 1, 100), Refusal::ExchangeFull);
    world.reached.extend(full.reached);
    let mut small = World::new();
    let listing = |max_orders, max_notional| Listing {
        market: MarketId(3),
        symbol: symbol("small"),
        config: proofbook_types::MarketConfig {
            market: 3,
            max_orders,
            max_notional,
            ..listings()[0].config
        },
        ..listings()[0]
    };
    small.done(Action::ListMarket(listing(1, Some(2_000))));
    small.done(Action::Open {
        market: MarketId(3),
    });
    let order = NewOrder {
        market: MarketId(3),
        ..limit(1, Side::Buy, 10, 100)
    };
    small.refused_order(
        NewOrder {
            quantity: Quantity(21),
            ..order
        },
        RejectReason::NotionalLimit.into(),
    );
    small.enter("only", order);
    small.refused_order(order, RejectReason::BookFull.into());
    world.reached.extend(small.reached);
    for &refusal in Refusal::OWN {
        assert!(world.reached.contains(&refusal), "{refusal} is not reached");
    }
    // What the exchange looks at before a market can: times, ids, accounts, halts, and quantities that could overflow.
    let never = [
        RejectReason::ClockReversed,
        RejectReason::SequenceExhausted,
        RejectReason::MarketHalted,
        RejectReason::DuplicateOrder,
        RejectReason::MissingAccount,
        RejectReason::QuantityOverflow,
    ];
    for &reason in RejectReason::ALL {
        let is_reached = world.reached.contains(&reason.into());
        assert_eq!(is_reached, !never.contains(&reason), "{reason}");
    }
}

#[test]
fn a_refused_entry_changes_the_sequence_and_the_clock_alone() {
    let mut core = core();
    for action in setup() {
        apply(&mut core, &entry(1, action));
    }
    let bytes = |core: &Core| {
        let mut bytes = Vec::new();
        core.write_state(&mut |piece: &[u8]| bytes.extend_from_slice(piece));
        bytes
    };
    let mut before = bytes(&core);
    let refused = NewOrder {
        client_id: client_id("x"),
        ..limit(1, Side::Buy, QUANTITY_MAX, 100)
    };
    apply(&mut core, &entry(5, Action::New(refused)));
    let after = bytes(&core);
    assert_ne!(before, after);
    // The sequence and the clock follow the terms.
    before[32..48].copy_from_slice(&after[32..48]);
    assert_eq!(before, after);
    assert_eq!(
        digest(&core),
        digest(&Core::restore(&after).expect("it was just written"))
    );
}
