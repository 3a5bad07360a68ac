//! Markets to look at, and what is received of their ledgers.

use proofbook_book::Reference;
use proofbook_commitment::{Portable, StateProof};
use proofbook_ledger::{Ledger, Question};
use proofbook_light::{CircuitOptimizedState, LightError, LEVELS};
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity, Queue,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

/// A market over the book that is to be believed by reading.
pub type Engine = MatchingEngine<Reference>;

/// What the operator sends about a market: bytes, decoded.
pub fn proof(ledger: &Ledger<Portable>) -> StateProof {
    let questions = [Queue::Bids, Queue::Asks].map(|queue| Question::Depth(queue, LEVELS));
    StateProof::decode(&ledger.prove(&questions).encode()).expect("a proof")
}

/// The view of a market now.
pub fn view(engine: &Engine) -> Result<CircuitOptimizedState, LightError> {
    let ledger = Ledger::<Portable>::of_engine(engine);
    CircuitOptimizedState::from_proof::<Portable>(&proof(&ledger), ledger.root())
}

/// A new limit order.
pub fn limit(order_id: u64, side: Side, price: i64, quantity: u64) -> Command {
    Command {
        time: Timestamp(order_id),
        action: Action::New(NewOrder {
            order_id: OrderId(order_id),
            account: AccountId::NONE,
            side,
            quantity: Quantity(quantity),
            kind: OrderKind::Limit {
                price: Price(price),
            },
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::Allow,
        }),
    }
}

/// A market with so many levels of each side: bids from -1 down, asks from 1 up, with 10 lots at the first, 11 at the second, and so on.
pub fn deep(bids: i64, asks: i64) -> Engine {
    let mut engine = Engine::new(MarketConfig::default(), Reference::new()).expect("a market");
    let mut id = 0;
    for (side, count, sign) in [(Side::Buy, bids, -1), (Side::Sell, asks, 1)] {
        for rank in 0..count {
            id += 1;
            engine.apply(
                &limit(id, side, sign * (rank + 1), 10 + rank as u64),
                &mut (),
            );
        }
    }
    engine
}
