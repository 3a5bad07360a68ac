//! What a command costs: cycles and gas by the size of the batch and of the book.
//!
//! The book holds orders of many accounts on both sides, at two thousand prices. The flow keeps it at its size: of ten commands four
//! place an order, four cancel one, one trades and one replaces an order. Both follow from the seed alone.

use proofbook_book::Reference;
use proofbook_commitment::Portable;
use proofbook_ledger::{Ledger, Sealed};
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};
use proofbook_workload::Random;
use serde::Serialize;

use crate::executor::{self, Execution};
use crate::{ProvenProgram, ProverError};

/// Half of the prices, in ticks from the middle.
const REACH_TICKS: u64 = 1_000;
const MIDDLE_TICKS: i64 = 1_000_000;
const ACCOUNTS: u64 = 1_000;

/// The flow to one market.
pub struct Flow {
    random: Random,
    live: Vec<(OrderId, Side)>,
    next_id: u64,
    time_ns: u64,
}

impl Flow {
    /// The flow of a seed.
    pub fn new(seed: u64) -> Self {
        Flow {
            random: Random::new(seed),
            live: Vec::new(),
            next_id: 1,
            time_ns: 0,
        }
    }

    fn stamp(&mut self, action: Action) -> Command {
        self.time_ns += 1_000;
        Command {
            time: Timestamp(self.time_ns),
            action,
        }
    }

    fn order(
        &mut self,
        side: Side,
        price: i64,
        quantity: u64,
        time_in_force: TimeInForce,
    ) -> Command {
        let order_id = OrderId(self.next_id);
        self.next_id += 1;
        let account = AccountId(1 + self.random.below(ACCOUNTS));
        self.stamp(Action::New(NewOrder {
            order_id,
            account,
            side,
            quantity: Quantity(quantity),
            kind: OrderKind::Limit {
                price: Price(price),
            },
            time_in_force,
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::Allow,
        }))
    }

    /// An order that rests.
    pub fn place(&mut self) -> Command {
        let side = if self.random.below(2) == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let price = self.resting_price(side);
        let quantity = 1 + self.random.below(100);
        self.live.push((OrderId(self.next_id), side));
        self.order(side, price, quantity, TimeInForce::GoodTillCancel)
    }

    fn resting_price(&mut self, side: Side) -> i64 {
        let away = 1 + self.random.below(REACH_TICKS) as i64;
        match side {
            Side::Buy => MIDDLE_TICKS - away,
            Side::Sell => MIDDLE_TICKS + away,
        }
    }

    /// The next command.
    pub fn next_command(&mut self) -> Command {
        match self.random.below(10) {
            0..=3 => self.place(),
            4..=7 if !self.live.is_empty() => {
                let index = self.random.below(self.live.len() as u64) as usize;
                let (order_id, _) = self.live.swap_remove(index);
                self.stamp(Action::Cancel { order_id })
            }
            8 if !self.live.is_empty() => {
                let index = self.random.below(self.live.len() as u64) as usize;
                let (order_id, side) = self.live[index];
                let price = Some(Price(self.resting_price(side)));
                let quantity = Some(Quantity(1 + self.random.below(100)));
                self.stamp(Action::Replace {
                    order_id,
                    price,
                    quantity,
                    stop_price: None,
                })
            }
            _ => {
                // It meets the best order of the other side, wherever that is. Which one that was, nobody notes: to cancel it later
                // is a reject, as it is in a real market.
                let (side, reach) = if self.random.below(2) == 0 {
                    (Side::Buy, REACH_TICKS as i64)
                } else {
                    (Side::Sell, -(REACH_TICKS as i64))
                };
                let quantity = 1 + self.random.below(50);
                self.order(
                    side,
                    MIDDLE_TICKS + reach,
                    quantity,
                    TimeInForce::ImmediateOrCancel,
                )
            }
        }
    }
}

/// A book of a size, and the flow to it.
pub struct Market {
    ledger: Ledger<Portable>,
    flow: Flow,
}

impl Market {
    /// With so many orders.
    ///
    /// # Panics
    /// Never: the market's terms are valid.
    pub fn new(orders: u64, seed: u64) -> Self {
        let config = MarketConfig::default();
        let mut engine =
            MatchingEngine::new(config, Reference::new()).expect("the default terms are valid");
        let mut flow = Flow::new(seed);
        for _ in 0..orders {
            let command = flow.place();
            engine.apply(&command, &mut ());
        }
        Market {
            ledger: Ledger::of_engine(&engine),
            flow,
        }
    }

    /// The next batch.
    pub fn seal(&mut self, commands: u64) -> Sealed {
        let commands: Vec<Command> = (0..commands).map(|_| self.flow.next_command()).collect();
        self.ledger.seal(&commands)
    }
}

/// What batches of a size cost on a book of a size.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Orders in the book.
    pub book_orders: u64,
    /// Commands of the batch.
    pub commands: u64,
    /// Events of the batch.
    pub events: u64,
    /// Words of the witness.
    pub witness_words: u64,
    /// Instructions, all together.
    pub cycles: u64,
    /// SP1's estimate of what proving takes, all together.
    pub gas: u64,
    /// Instructions for each command.
    pub cycles_per_command: f64,
    /// Gas for each command.
    pub gas_per_command: f64,
    /// Permutations of Poseidon2 for each command.
    pub permutations_per_command: f64,
    /// Instructions by part of the program, all together; of a program with marks.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub parts: std::collections::BTreeMap<String, u64>,
}

impl Row {
    fn new(book_orders: u64, batch: &Sealed, execution: Execution) -> Self {
        let commands = batch.values.commands;
        let per = |total: u64| total as f64 / commands.max(1) as f64;
        let gas = execution.gas.unwrap_or(0);
        let permutations = execution.syscalls.get("POSEIDON2").copied().unwrap_or(0);
        Row {
            book_orders,
            commands,
            events: batch.values.events,
            witness_words: batch.witness.len() as u64,
            cycles: execution.cycles,
            gas,
            cycles_per_command: per(execution.cycles),
            gas_per_command: per(gas),
            permutations_per_command: per(permutations),
            parts: execution.parts,
        }
    }
}

/// Measures batches of these sizes, one after the other, on a book of a size.
///
/// # Errors
/// Where the program does not do what it should.
pub fn measure(
    program: &ProvenProgram,
    book_orders: u64,
    batch_sizes: &[u64],
    seed: u64,
) -> Result<Vec<Row>, ProverError> {
    let mut market = Market::new(book_orders, seed);
    batch_sizes
        .iter()
        .map(|&commands| {
            let batch = market.seal(commands);
            let execution = executor::execute(program, &batch)?;
            Ok(Row::new(book_orders, &batch, execution))
        })
        .collect()
}
