//! Threads submit to all markets and move these about at random meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};

use proofbook_book::{Book, Reference};
use proofbook_books::numa::{
    Finished, MarketId, MigrationPolicy, NumaBookError, NumaConfig, NumaOrderBook,
};
use proofbook_matching::MatchingEngine;
use proofbook_memory::numa::NodeId;
use proofbook_testkit::flow::RandomFlow;
use proofbook_testkit::workload::Random;
use proofbook_types::{MarketConfig, Timestamp};

use crate::common::{small, start, state, submit, Listener, Moving, Told};

const MARKETS: u64 = 4;
const PRODUCERS: u64 = 3;
const NODES: usize = 3;
/// Commands of a thread from one move that it asks for to the next, on average.
const COMMANDS_TO_A_MOVE: u64 = 25;

/// The same commands to a market that never moves: the same events, the same state.
fn compare_with_unmoved(config: MarketConfig, told: &Told, market: &Moving, seed: u64) {
    let unmoved = MatchingEngine::new(config, Reference::new());
    let mut unmoved = unmoved.expect("terms of a market");
    let mut events = Vec::new();
    for command in &told.commands {
        unmoved.apply(command, &mut |event| events.push(event));
    }
    assert!(events == told.events, "seed {seed}: events differ");
    assert_eq!(state(&unmoved), state(market.engine()), "seed {seed}");
    let book = market.engine().book();
    book.check().expect("the book holds what it should");
    assert_eq!(Some(book.numa_node()), told.node);
    assert_eq!(book.local_stats().moves, told.moves);
}

/// One run: its seed, and what its threads share.
struct Run {
    seed: u64,
    book: NumaOrderBook<Moving>,
    configs: Vec<MarketConfig>,
    clock: AtomicU64,
    producing: AtomicU64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let book = start::<Moving>(
            NODES,
            NumaConfig {
                migration_policy: MigrationPolicy {
                    threshold_permille: 0,
                    cooldown_rounds: 0,
                    moves_max: 2,
                },
                ..small()
            },
        );
        let configs: Vec<MarketConfig> = (0..MARKETS)
            .map(|market| RandomFlow::new(seed + market).market().config)
            .collect();
        for (market, config) in (0..).zip(&configs) {
            book.list(MarketId(market), Moving::new(*config))
                .expect("the market is new");
        }
        Run {
            seed,
            book,
            configs,
            clock: AtomicU64::new(0),
            producing: AtomicU64::new(PRODUCERS),
        }
    }

    fn is_producing(&self) -> bool {
        self.producing.load(Ordering::Relaxed) > 0
    }

    /// Submits so many commands, each to a market at random, and has markets moved between them.
    fn produce(&self, producer: u64, commands: u64) {
        let mut random = Random::new(self.seed ^ producer << 32);
        let flow = |market| RandomFlow::new(self.seed + market);
        let mut flows: Vec<RandomFlow> = (0..MARKETS).map(flow).collect();
        for _ in 0..commands {
            let market = random.below(MARKETS);
            let flow = &mut flows[market as usize];
            let mut command = flow.next().expect("the flow is endless");
            // The time says which thread sent the command, and when.
            let tick = self.clock.fetch_add(1, Ordering::Relaxed);
            command.time = Timestamp(tick * PRODUCERS + producer);
            submit(&self.book, MarketId(market), command);
            if random.below(COMMANDS_TO_A_MOVE) == 0 {
                self.move_one(&mut random);
            }
        }
        self.producing.fetch_sub(1, Ordering::Relaxed);
    }

    /// Has some market moved to some node.
    fn move_one(&self, random: &mut Random) {
        loop {
            let market = MarketId(random.below(MARKETS));
            let node = NodeId(random.below(NODES as u64) as u32);
            match self.book.migrate(market, node) {
                Ok(()) => return,
                Err(NumaBookError::Moving { .. }) => std::thread::yield_now(),
                Err(error) => panic!("seed {}: {error}", self.seed),
            }
        }
    }
}

/// Each thread's commands are in its own order, and everything is as if the markets had never moved.
fn check(
    seed: u64,
    finished: &Finished<Moving>,
    configs: &[MarketConfig],
    listener: &Listener,
    commands: u64,
) {
    assert_eq!(finished.failed, []);
    let (mut total, mut moves) = (0, 0);
    for ((id, market), config) in finished.markets.iter().zip(configs) {
        let told = &listener.markets[id];
        let mut last = [None; PRODUCERS as usize];
        for command in &told.commands {
            let producer = (command.time.0 % PRODUCERS) as usize;
            let is_later = last[producer] < Some(command.time);
            assert!(
                is_later,
                "seed {seed}, {id}: commands of thread {producer} change places"
            );
            last[producer] = Some(command.time);
        }
        compare_with_unmoved(*config, told, market, seed);
        total += told.commands.len() as u64;
        moves += told.moves;
    }
    assert_eq!(total, commands, "seed {seed}: commands applied");
    // One move in three goes where the market is already.
    let moves_min = commands / COMMANDS_TO_A_MOVE / 3;
    assert!(moves > moves_min, "seed {seed}: only {moves} moves");
}

fn moves_under_load(seed: u64, commands: u64) {
    let run = Run::new(seed);
    let mut listener = Listener::default();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let run = &run;
                scope.spawn(move || run.produce(producer, commands))
            })
            .collect();
        while run.is_producing() {
            run.book.take_reports(|report| listener.take(report));
            run.book.rebalance();
            std::thread::yield_now();
        }
        // The thread sanitizer does not see that a scope waits for its threads.
        for thread in running {
            thread.join().expect("no thread fails");
        }
    });
    let finished = run.book.finish(|report| listener.take(report));
    check(
        seed,
        &finished,
        &run.configs,
        &listener,
        PRODUCERS * commands,
    );
}

#[test]
fn markets_move_under_load_and_nothing_is_lost_or_reordered() {
    let (rounds, commands) = match std::env::var_os("PROOFBOOK_SOAK") {
        Some(_) => (10, 20_000),
        None => (4, 2_500),
    };
    for seed in 1..=rounds {
        moves_under_load(100 * seed, commands);
    }
}
