//! The committed state of a live market, in one thread: result first, then time.
//!
//! A market with a book of a given size takes a flow of commands. What it did lies ready in memory, batch by batch; what is
//! timed is all that the ledger does with it, from the first event to the public values, and how that splits into following
//! the events, changing the tries, hashing their nodes and hashing the two lists.
//!
//! Before that, each instruction set must come to the public values to which the portable permutation comes, one hash at a
//! time, in the code that is proven; that is compared for the first commands of the flow. After it, each run must have come to the
//! state root of the final book.

use std::time::Instant;

use proofbook_books::Ladder;
use proofbook_commitment::{Digest, Portable, PublicValues};
use proofbook_ledger::{Kernel, Ledger, Record};
use proofbook_matching::MatchingEngine;
use proofbook_transition::Observer;
use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};
use proofbook_workload::{generate, Parameters, Random, Scenario};

use crate::json::Value;
use crate::latency::nanoseconds;

/// Where the workload's mid price begins.
const MID_TICKS: i64 = 33_504;
/// How far from it the first orders stand at most.
const DEEPEST_TICKS: u64 = 2_000;
/// Ids of the first orders are above those of the flow.
const FIRST_ID: u64 = 1 << 40;
/// Commands that are compared with the portable path.
const CHECKED: usize = 2_000;

/// How much to do.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Realisation of the workload.
    pub seed: u64,
    /// Orders in the book at the start.
    pub orders: u32,
    /// Commands in a batch.
    pub batch: usize,
    /// Runs of each instruction set, interleaved.
    pub runs: u32,
}

/// What the commands do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// The benchmarks' normal day.
    Normal,
    /// Each command leaves one more order in the book: nothing comes and goes within a batch.
    Resting,
}

impl Flow {
    const ALL: [(Flow, &'static str); 2] = [(Flow::Normal, "normal"), (Flow::Resting, "resting")];

    /// At most 50,000 commands.
    fn commands(self, seed: u64) -> Vec<Command> {
        match self {
            Flow::Normal => {
                let messages = generate(&Parameters {
                    scenario: Scenario::Normal,
                    seed,
                    new_orders: 25_000,
                });
                let commands = messages.iter().map(|message| message.command());
                commands.take(50_000).collect()
            }
            Flow::Resting => {
                let mut random = Random::new(!seed);
                let ids = FIRST_ID << 1;
                (0..50_000)
                    .map(|index| resting(&mut random, ids + index, Timestamp(index + 1)))
                    .collect()
            }
        }
    }
}

/// A new limit order somewhere behind the mid price.
fn resting(random: &mut Random, id: u64, time: Timestamp) -> Command {
    let side = Side::BOTH[random.below(2) as usize];
    let behind = 1 + random.below(DEEPEST_TICKS) as i64;
    let price = match side {
        Side::Buy => MID_TICKS - behind,
        Side::Sell => MID_TICKS + behind,
    };
    Command {
        time,
        action: Action::New(NewOrder {
            order_id: OrderId(id),
            account: AccountId::NONE,
            side,
            quantity: Quantity(1 + random.below(100)),
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

/// A market before the flow, and what it does in each batch of it.
struct Prepared {
    ledger: Ledger<Portable>,
    records: Vec<Record>,
    commands: usize,
    events: usize,
    /// Orders in the book at the end.
    orders_after: u32,
    /// The state root at the end, of tries built anew from the book.
    root_after: Digest,
}

impl Prepared {
    fn new(options: &Options, flow: Flow) -> Self {
        let mut engine = MatchingEngine::new(MarketConfig::default(), Ladder::default())
            .expect("the default terms make a market");
        let mut random = Random::new(options.seed);
        for index in 0..u64::from(options.orders) {
            let command = resting(&mut random, FIRST_ID + index, Timestamp(0));
            engine.apply(&command, &mut ());
        }
        let ledger = Ledger::of_engine(&engine);
        let commands = flow.commands(options.seed);
        let mut records = Vec::new();
        for batch in commands.chunks(options.batch) {
            let mut record = Record::default();
            for command in batch {
                record.command(command);
                engine.apply(command, &mut |event| record.event(command, event));
            }
            records.push(record);
        }
        Prepared {
            ledger,
            commands: commands.len(),
            events: records.iter().map(|record| record.events().len()).sum(),
            records,
            orders_after: engine.counters().orders,
            root_after: Ledger::<Portable>::of_engine(&engine).root(),
        }
    }

    /// The last public values of the first batches, and whether the portable path comes to all of them.
    fn is_right(&self, kernel: Kernel) -> bool {
        let mut portable = self.ledger.clone();
        let mut wide = self.ledger.clone();
        wide.use_kernel(kernel);
        let mut checked = 0;
        self.records.iter().all(|record| {
            if checked >= CHECKED {
                return true;
            }
            let part = first_commands(record, CHECKED - checked);
            checked += part.commands().len();
            let expected: PublicValues = portable.seal(part.commands()).values;
            wide.close(&part) == expected
        })
    }

    fn run(&self, kernel: Kernel) -> Times {
        let mut ledger = self.ledger.clone();
        ledger.use_kernel(kernel);
        let mut times = Times::default();
        for record in &self.records {
            let mut last = Instant::now();
            let mut lap = |time_ns: &mut u64| {
                let now = Instant::now();
                *time_ns += nanoseconds(last, now);
                last = now;
            };
            ledger.follow(record);
            lap(&mut times.follow_ns);
            ledger.settle();
            lap(&mut times.tries_ns);
            ledger.commit();
            lap(&mut times.nodes_ns);
            std::hint::black_box(record.roots(kernel));
            lap(&mut times.lists_ns);
        }
        times.is_right = ledger.root() == self.root_after;
        times
    }
}

fn first_commands(record: &Record, count: usize) -> Record {
    let mut part = Record::default();
    for (command, events) in record.iter().take(count) {
        part.command(command);
        for &event in events {
            part.event(command, event);
        }
    }
    part
}

/// Where the time of a run went.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    follow_ns: u64,
    tries_ns: u64,
    nodes_ns: u64,
    lists_ns: u64,
    /// Whether the run came to the right state root.
    is_right: bool,
}

impl Times {
    fn all_ns(&self) -> u64 {
        self.state_ns() + self.lists_ns
    }

    fn state_ns(&self) -> u64 {
        self.follow_ns + self.tries_ns + self.nodes_ns
    }

    fn to_json(self, commands: usize) -> Value {
        let share = |time_ns: u64| Value::from(time_ns as f64 / commands as f64);
        Value::object([
            ("follow", share(self.follow_ns)),
            ("tries", share(self.tries_ns)),
            ("hash_nodes", share(self.nodes_ns)),
            ("hash_lists", share(self.lists_ns)),
        ])
    }
}

/// Checks and times every instruction set on one size of book and batch.
pub fn run(options: &Options) -> Value {
    let mut is_right = true;
    let flows = Flow::ALL.map(|(flow, name)| {
        let prepared = Prepared::new(options, flow);
        let kernels: Vec<Kernel> = Kernel::all().collect();
        let right: Vec<bool> = kernels
            .iter()
            .map(|&kernel| prepared.is_right(kernel))
            .collect();
        let mut times: Vec<Vec<Times>> = vec![Vec::new(); kernels.len()];
        for _ in 0..options.runs.max(1) {
            for (times, &kernel) in times.iter_mut().zip(&kernels) {
                times.push(prepared.run(kernel));
            }
        }
        let kernels = kernels.iter().zip(times).zip(right);
        let kernels = kernels.map(|((kernel, mut times), right)| {
            times.sort_by_key(Times::all_ns);
            let right = right && times.iter().all(|times| times.is_right);
            is_right &= right;
            let rate = |time_ns: u64| prepared.commands as f64 * 1e9 / time_ns as f64;
            let median = times[times.len() / 2];
            let value = Value::object([
                ("hash_ok", Value::from(right)),
                ("commands_per_s", Value::from(rate(median.all_ns()))),
                ("best", Value::from(rate(times[0].all_ns()))),
                ("worst", Value::from(rate(times[times.len() - 1].all_ns()))),
                ("state_only", Value::from(rate(median.state_ns()))),
                ("ns_per_command", median.to_json(prepared.commands)),
            ]);
            (kernel.name().to_owned(), value)
        });
        let value = Value::object([
            ("kernels", Value::Object(kernels.collect())),
            ("commands", Value::from(prepared.commands)),
            ("events", Value::from(prepared.events)),
            ("orders_before", Value::from(options.orders)),
            ("orders_after", Value::from(prepared.orders_after)),
        ]);
        (name.to_owned(), value)
    });
    Value::object([
        ("hash_ok", Value::from(is_right)),
        ("seed", Value::from(options.seed)),
        ("batch", Value::from(options.batch)),
        ("runs", Value::from(options.runs)),
        ("flows", Value::Object(flows.into())),
    ])
}
