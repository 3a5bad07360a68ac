//! Markets on nodes: moved while commands flow, nothing is lost, doubled or reordered; what breaks is told.
#![cfg(not(loom))]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

use proofbook_book::{Book, Reference};
use proofbook_books::numa::{
    DistributionStrategy, Failure, Market, MarketId, MigrationPolicy, Moved, NumaBookError,
    NumaConfig, NumaOrderBook, Report, Residence, Seat, SubmitError,
};
use proofbook_books::LocalOrderBook;
use proofbook_matching::MatchingEngine;
use proofbook_memory::numa::{NodeId, NumaError, Placement, Topology};
use proofbook_testkit::flow::RandomFlow;
use proofbook_testkit::workload::Random;
use proofbook_types::{Action, Command, Event, EventSink, MarketConfig, Timestamp};

/// A market that moves as its book does.
struct Moving(Option<MatchingEngine<LocalOrderBook>>);

impl Moving {
    fn new(config: MarketConfig) -> Self {
        let engine = MatchingEngine::new(config, LocalOrderBook::default());
        Moving(Some(engine.expect("terms of a market")))
    }

    fn engine(&self) -> &MatchingEngine<LocalOrderBook> {
        self.0
            .as_ref()
            .expect("the engine is only away while it moves")
    }
}

impl Market for Moving {
    fn apply(&mut self, command: &Command, events: &mut impl EventSink) {
        let engine = self.0.as_mut();
        engine
            .expect("the engine is only away while it moves")
            .apply(command, events);
    }

    fn move_to(&mut self, seat: &Seat) -> Residence {
        let engine = self.0.take().expect("no move within a move");
        let (config, counters) = (*engine.config(), engine.counters());
        let mut book = engine.into_book();
        let residence = book.move_to(seat);
        let engine = MatchingEngine::from_counters(config, &counters, book);
        self.0 = Some(engine.expect("terms of a market"));
        residence
    }
}

fn simulated(nodes: usize) -> Arc<Topology> {
    Arc::new(Topology::simulated(nodes, 2).expect("a topology within its bounds"))
}

fn start<M: Market>(nodes: usize, config: NumaConfig) -> NumaOrderBook<M> {
    NumaOrderBook::start(simulated(nodes), config).expect("threads and sizes are to be had")
}

fn small() -> NumaConfig {
    NumaConfig {
        markets_max: 8,
        commands_max: 64,
        reports_max: 16,
        ..NumaConfig::default()
    }
}

fn sweep(time: u64) -> Command {
    Command {
        time: Timestamp(time),
        action: Action::Sweep,
    }
}

/// Everything that was told of one market.
#[derive(Default)]
struct Told {
    commands: Vec<Command>,
    events: Vec<Event>,
    node: Option<NodeId>,
    moves: u64,
    failures: Vec<Failure>,
}

/// Checks that reports of each market follow each other, and keeps them.
#[derive(Default)]
struct Listener {
    markets: BTreeMap<MarketId, Told>,
}

impl Listener {
    fn take(&mut self, report: Report) {
        match report {
            Report::Applied(batch) => {
                let told = self.markets.entry(batch.market).or_default();
                assert_eq!(
                    told.node,
                    Some(batch.node),
                    "{}: run where it is",
                    batch.market
                );
                for outcome in batch.outcomes() {
                    assert_eq!(outcome.sequence, told.commands.len() as u64 + 1);
                    told.commands.push(*outcome.command);
                    told.events.extend_from_slice(outcome.events);
                }
            }
            Report::Moved(Moved {
                market,
                from,
                to,
                sequence,
                ..
            }) => {
                let told = self.markets.entry(market).or_default();
                assert_eq!((told.node, told.commands.len() as u64), (from, sequence));
                told.node = Some(to);
                told.moves += 1;
            }
            Report::Failed(failure) => {
                let told = self.markets.entry(failure.market).or_default();
                assert_eq!(failure.sequence, told.commands.len() as u64);
                told.failures.push(failure);
            }
        }
    }
}

/// Submits until there is room. Commands wait in order, so those of one thread stay in its order.
fn submit<M: Market>(book: &NumaOrderBook<M>, market: MarketId, command: Command) {
    let handle = book.market(market).expect("the market is listed");
    loop {
        match handle.submit(command) {
            Ok(()) => return,
            Err(SubmitError::Full { command: back, .. }) => assert_eq!(back, command),
            Err(error) => panic!("{error}"),
        }
        std::thread::yield_now();
    }
}

fn state<B: Book>(engine: &MatchingEngine<B>) -> Vec<u8> {
    let mut bytes = Vec::new();
    engine.write_state(&mut |part: &[u8]| bytes.extend_from_slice(part));
    bytes
}

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

const MARKETS: u64 = 4;
const PRODUCERS: u64 = 3;

/// Threads submit to all markets while others move them about at random.
fn moves_under_load(seed: u64, commands: u64) {
    let book = start::<Moving>(
        3,
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
    let clock = AtomicU64::new(0);
    let producing = AtomicU64::new(PRODUCERS);
    let mut listener = Listener::default();
    let mut moves_started = 0;
    std::thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let (book, clock, producing) = (&book, &clock, &producing);
            scope.spawn(move || {
                let mut random = Random::new(seed ^ producer << 32);
                let mut flows: Vec<RandomFlow> = (0..MARKETS)
                    .map(|market| RandomFlow::new(seed + market))
                    .collect();
                for _ in 0..commands {
                    let market = random.below(MARKETS);
                    let flow = &mut flows[market as usize];
                    let mut command = flow.next().expect("the flow is endless");
                    // The time says which thread sent the command, and when.
                    let tick = clock.fetch_add(1, Ordering::Relaxed);
                    command.time = Timestamp(tick * PRODUCERS + producer);
                    submit(book, MarketId(market), command);
                }
                producing.fetch_sub(1, Ordering::Relaxed);
            });
        }
        let mover = scope.spawn(|| {
            let mut random = Random::new(seed.wrapping_mul(31));
            let mut started = 0;
            while producing.load(Ordering::Relaxed) > 0 {
                let market = MarketId(random.below(MARKETS));
                let node = NodeId(random.below(3) as u32);
                match book.migrate(market, node) {
                    Ok(()) => started += 1,
                    Err(NumaBookError::Moving { .. }) => {}
                    Err(error) => panic!("seed {seed}: {error}"),
                }
                if random.below(16) == 0 {
                    started += book.rebalance().len();
                }
                std::thread::yield_now();
            }
            started
        });
        while producing.load(Ordering::Relaxed) > 0 {
            book.take_reports(|report| listener.take(report));
            std::thread::yield_now();
        }
        moves_started = mover.join().expect("the mover does not panic");
    });
    let finished = book.finish(|report| listener.take(report));
    assert_eq!(finished.failed, []);
    let (mut total, mut moves) = (0, 0);
    for ((id, market), config) in finished.markets.iter().zip(&configs) {
        let told = &listener.markets[id];
        let mut last = [None; PRODUCERS as usize];
        for command in &told.commands {
            let producer = (command.time.0 % PRODUCERS) as usize;
            assert!(
                last[producer] < Some(command.time),
                "seed {seed}, {id}: order of a thread"
            );
            last[producer] = Some(command.time);
        }
        compare_with_unmoved(*config, told, market, seed);
        total += told.commands.len() as u64;
        moves += told.moves;
    }
    assert_eq!(total, PRODUCERS * commands, "seed {seed}: commands applied");
    assert!(
        moves_started > 20 && moves > 20,
        "seed {seed}: {moves} of {moves_started} moves"
    );
}

#[test]
fn markets_move_under_load_and_nothing_is_lost_or_reordered() {
    let (rounds, commands) = match std::env::var_os("PROOFBOOK_SOAK") {
        Some(_) => (40, 20_000),
        None => (4, 2_500),
    };
    for seed in 1..=rounds {
        moves_under_load(100 * seed, commands);
    }
}

/// A market of the tests below: it counts, waits while it is told to, and panics when it is told to.
struct Scripted {
    applied: Arc<AtomicU64>,
    is_held: Arc<AtomicBool>,
    panics_at: Option<u64>,
    panic: fn(),
    moves: u64,
    moves_max: u64,
}

impl Scripted {
    fn new() -> Self {
        Scripted {
            applied: Arc::default(),
            is_held: Arc::default(),
            panics_at: None,
            panic: || panic!("as scripted"),
            moves: 0,
            moves_max: u64::MAX,
        }
    }
}

impl Market for Scripted {
    fn apply(&mut self, command: &Command, _events: &mut impl EventSink) {
        while self.is_held.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        if self.panics_at == Some(command.time.0) {
            (self.panic)();
        }
        self.applied.fetch_add(1, Ordering::Release);
    }

    fn move_to(&mut self, _seat: &Seat) -> Residence {
        self.moves += 1;
        assert!(self.moves <= self.moves_max, "too far");
        Residence::default()
    }
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed().as_secs() < 60, "waited in vain");
        std::thread::yield_now();
    }
}

#[test]
fn too_much_is_refused_and_nothing_accepted_is_lost() {
    let book = start::<Scripted>(2, small());
    let market = Scripted::new();
    let (applied, is_held) = (Arc::clone(&market.applied), Arc::clone(&market.is_held));
    is_held.store(true, Ordering::Release);
    book.list(MarketId(7), market).expect("the market is new");
    let handle = book.market(MarketId(7)).expect("it is listed");
    let mut accepted = 0;
    let refusal = loop {
        match handle.submit(sweep(accepted)) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
    };
    let expected = SubmitError::Full {
        market: MarketId(7),
        limit: 64,
        command: sweep(accepted),
    };
    assert_eq!(refusal, expected);
    // A move is accepted all the same, and waits.
    let node = NodeId(1 - handle.node().0);
    wait_until(|| book.migrate(MarketId(7), node).is_ok());
    let other = book.migrate(MarketId(7), NodeId(0));
    let moving = NumaBookError::Moving {
        market: MarketId(7),
        to: node,
    };
    assert_eq!(other, Err(moving));
    assert!(book.metrics().markets[0].refused > 0);
    is_held.store(false, Ordering::Release);
    let mut listener = Listener::default();
    let finished = book.finish(|report| listener.take(report));
    assert_eq!(finished.markets.len(), 1);
    let told = &listener.markets[&MarketId(7)];
    let expected: Vec<Command> = (0..accepted).map(sweep).collect();
    assert_eq!(told.commands, expected);
    assert_eq!((told.node, told.moves), (Some(node), 2));
    assert_eq!(applied.load(Ordering::Acquire), accepted);
}

#[test]
fn untaken_reports_hold_their_node_up_and_are_not_lost() {
    let book = start::<Scripted>(
        1,
        NumaConfig {
            reports_max: 2,
            ..small()
        },
    );
    book.list(MarketId(1), Scripted::new())
        .expect("the market is new");
    let handle = book.market(MarketId(1)).expect("it is listed");
    let mut accepted = 0;
    // Until the reports' queue and the market's are full.
    wait_until(|| {
        while handle.submit(sweep(accepted)).is_ok() {
            accepted += 1;
        }
        book.metrics().nodes[0].stalls > 0
    });
    let mut listener = Listener::default();
    book.finish(|report| listener.take(report));
    let told = &listener.markets[&MarketId(1)];
    let expected: Vec<Command> = (0..accepted).map(sweep).collect();
    assert_eq!(told.commands, expected);
}

#[test]
fn a_market_that_panics_is_told_and_others_go_on() {
    let book = start::<Scripted>(1, small());
    let broken = Scripted {
        panics_at: Some(5),
        ..Scripted::new()
    };
    let is_held = Arc::clone(&broken.is_held);
    is_held.store(true, Ordering::Release);
    book.list(MarketId(1), broken).expect("the market is new");
    book.list(MarketId(2), Scripted::new())
        .expect("the market is new");
    let (one, two) = (book.market(MarketId(1)), book.market(MarketId(2)));
    let (one, two) = (one.expect("it is listed"), two.expect("it is listed"));
    for time in 0..12 {
        one.submit(sweep(time)).expect("there is room");
        two.submit(sweep(time)).expect("there is room");
    }
    is_held.store(false, Ordering::Release);
    let mut listener = Listener::default();
    wait_until(|| {
        book.take_reports(|report| listener.take(report));
        listener.markets.get(&MarketId(1)).is_some_and(|told| {
            let unapplied = told.failures.iter().map(|failure| failure.unapplied.len());
            told.commands.len() + unapplied.sum::<usize>() == 12
        })
    });
    let failed = SubmitError::Failed {
        market: MarketId(1),
    };
    assert_eq!(one.submit(sweep(20)), Err(failed));
    two.submit(sweep(20)).expect("the other market works");
    assert!(book.metrics().markets[0].has_failed);
    let finished = book.finish(|report| listener.take(report));
    assert_eq!(finished.failed, [MarketId(1)]);
    assert_eq!(finished.markets.len(), 1);
    let told = &listener.markets[&MarketId(1)];
    assert_eq!(told.commands, (0..5).map(sweep).collect::<Vec<_>>());
    assert_eq!(told.failures[0].message, "as scripted");
    let unapplied: Vec<Command> = told
        .failures
        .iter()
        .flat_map(|failure| failure.unapplied.clone())
        .collect();
    assert_eq!(unapplied, (5..12).map(sweep).collect::<Vec<_>>());
    assert_eq!(listener.markets[&MarketId(2)].commands.len(), 13);
}

#[test]
fn a_market_that_cannot_move_is_told() {
    let book = start::<Scripted>(2, small());
    let market = Scripted {
        moves_max: 1,
        ..Scripted::new()
    };
    book.list_on(MarketId(1), market, NodeId(0))
        .expect("the market is new");
    wait_until(|| book.migrate(MarketId(1), NodeId(1)).is_ok());
    let mut listener = Listener::default();
    let finished = book.finish(|report| listener.take(report));
    assert_eq!(finished.failed, [MarketId(1)]);
    let failures = &listener.markets[&MarketId(1)].failures;
    assert_eq!(failures[0].message, "too far");
}

/// A panic whose value panics when it is dropped, which no worker survives.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a bomb");
    }
}

#[test]
fn a_worker_that_dies_is_an_error_and_not_a_hang() {
    let book = start::<Scripted>(2, small());
    let bomb = Scripted {
        panics_at: Some(3),
        panic: || std::panic::panic_any(Bomb),
        ..Scripted::new()
    };
    book.list_on(MarketId(1), bomb, NodeId(0))
        .expect("the market is new");
    book.list_on(MarketId(2), Scripted::new(), NodeId(1))
        .expect("the market is new");
    let handle = book.market(MarketId(1)).expect("it is listed");
    let closed = SubmitError::NodeClosed {
        market: MarketId(1),
        node: NodeId(0),
    };
    let mut time = 0;
    wait_until(|| {
        time += 1;
        handle.submit(sweep(time)) == Err(closed)
    });
    let closed = NumaBookError::NodeClosed { node: NodeId(0) };
    assert_eq!(book.migrate(MarketId(1), NodeId(1)), Err(closed.clone()));
    assert_eq!(book.migrate(MarketId(2), NodeId(0)), Err(closed));
    submit(&book, MarketId(2), sweep(1));
    assert!(book.metrics().nodes[0].is_closed);
    let mut listener = Listener::default();
    let finished = book.finish(|report| listener.take(report));
    assert_eq!(finished.failed, [MarketId(1)]);
    assert_eq!(finished.markets[0].0, MarketId(2));
    assert_eq!(listener.markets[&MarketId(2)].commands, [sweep(1)]);
}

#[test]
fn workers_end_when_the_book_is_dropped() {
    let market = Scripted::new();
    let alive = Arc::clone(&market.applied);
    let book = start::<Scripted>(
        3,
        NumaConfig {
            reports_max: 2,
            ..small()
        },
    );
    book.list(MarketId(1), market).expect("the market is new");
    let handle = book.market(MarketId(1)).expect("it is listed");
    // Work is left, and a report may wait for room.
    wait_until(|| handle.submit(sweep(0)).is_err());
    drop(book);
    assert_eq!(
        Arc::strong_count(&alive),
        1,
        "nobody has the market any more"
    );
}

#[test]
fn a_busy_node_gives_a_market_to_an_idle_one() {
    let book = start::<Moving>(
        2,
        NumaConfig {
            distribution_strategy: DistributionStrategy::LeastLoaded,
            ..small()
        },
    );
    for market in 0..3 {
        let moving = Moving::new(MarketConfig::default());
        book.list_on(MarketId(market), moving, NodeId(0))
            .expect("the market is new");
    }
    let mut listener = Listener::default();
    for (market, commands) in [(0, 50), (1, 30), (2, 20)] {
        for time in 0..commands {
            submit(&book, MarketId(market), sweep(time));
        }
    }
    let mut settle = |commands| {
        wait_until(|| {
            book.take_reports(|report| listener.take(report));
            let metrics = book.metrics();
            let applied: u64 = metrics.nodes.iter().map(|node| node.commands).sum();
            let arrived: u64 = metrics.nodes.iter().map(|node| node.arrivals).sum();
            applied + arrived >= commands
                && metrics.markets.iter().all(|market| market.waiting == 0)
        });
    };
    settle(103);
    let migrations = book.rebalance();
    assert_eq!(migrations.len(), 1);
    assert_eq!(migrations[0].market, MarketId(0));
    assert_eq!(migrations[0].to, NodeId(1));
    settle(104);
    let metrics = book.metrics();
    let utilization: Vec<Option<u64>> = metrics
        .nodes
        .iter()
        .map(|node| node.utilization_permille)
        .collect();
    assert_eq!(utilization, [Some(2000), Some(0)]);
    assert_eq!((metrics.nodes[0].markets, metrics.nodes[1].markets), (2, 1));
    assert_eq!(metrics.markets[0].moves, 2);
    // The new market goes to the node with least work since.
    let node = book.list(MarketId(9), Moving::new(MarketConfig::default()));
    assert_eq!(node, Ok(NodeId(1)));
    book.finish(|_| {});
}

#[test]
fn refusals_say_what_was_expected() {
    let book = start::<Scripted>(
        2,
        NumaConfig {
            markets_max: 2,
            ..small()
        },
    );
    book.list(MarketId(1), Scripted::new())
        .expect("the market is new");
    let listed = book.list(MarketId(1), Scripted::new());
    assert_eq!(
        listed,
        Err(NumaBookError::Listed {
            market: MarketId(1)
        })
    );
    let nowhere = book.list_on(MarketId(2), Scripted::new(), NodeId(2));
    let unknown = NumaError::UnknownNode {
        nodes: 2,
        received: 2,
    };
    assert_eq!(nowhere, Err(NumaBookError::Node(unknown.clone())));
    assert_eq!(
        book.migrate(MarketId(1), NodeId(9)),
        Err(NumaBookError::Node(NumaError::UnknownNode {
            nodes: 2,
            received: 9
        }))
    );
    let missing = book.migrate(MarketId(5), NodeId(0));
    assert_eq!(
        missing,
        Err(NumaBookError::Unknown {
            market: MarketId(5)
        })
    );
    book.list(MarketId(2), Scripted::new())
        .expect("the market is new");
    let many = book.list(MarketId(3), Scripted::new());
    assert_eq!(many, Err(NumaBookError::TooMany { limit: 2 }));
    assert!(book.market(MarketId(3)).is_none());
    for commands_max in [0, 3, 1 << 21] {
        let config = NumaConfig {
            commands_max,
            ..small()
        };
        let book = NumaOrderBook::<Scripted>::start(simulated(1), config);
        let refused = book.and_then(|book| book.list(MarketId(1), Scripted::new()));
        assert!(
            matches!(refused, Err(NumaBookError::Capacity(_))),
            "{commands_max}"
        );
    }
    assert_eq!(
        NumaBookError::TooMany { limit: 2 }.to_string(),
        "expected at most 2 markets, received one more"
    );
}

#[test]
fn on_this_machine_books_lie_where_the_system_says() {
    let topology = match Topology::detect() {
        Ok(topology) => Arc::new(topology),
        Err(error) => {
            println!("skipped: {error}");
            return;
        }
    };
    let nodes = topology.nodes().len();
    let book = NumaOrderBook::<Moving>::start(Arc::clone(&topology), small());
    let book = book.expect("a thread for each node");
    let flow = RandomFlow::new(11);
    let market = Moving::new(flow.market().config);
    book.list(MarketId(1), market).expect("the market is new");
    let mut listener = Listener::default();
    let mut residence = Residence::default();
    let mut take = |report: Report| {
        if let Report::Moved(moved) = &report {
            residence = moved.residence;
        }
        listener.take(report);
    };
    for (index, command) in flow.take(2000).enumerate() {
        submit(&book, MarketId(1), command);
        if index % 100 == 99 {
            let node = NodeId((index / 100 % nodes) as u32);
            wait_until(|| {
                book.take_reports(&mut take);
                book.migrate(MarketId(1), node).is_ok()
            });
        }
        book.take_reports(&mut take);
    }
    let metrics = book.metrics();
    book.finish(&mut take);
    for node in &metrics.nodes {
        match &node.placement {
            Ok(placement) => assert_eq!(*placement, Placement::Placed),
            Err(error) => println!("{}: {error}", node.node),
        }
    }
    assert!(residence.here + residence.elsewhere + residence.unknown > 0);
    if nodes == 1 {
        assert_eq!(residence.elsewhere, 0, "there is nowhere else");
    }
    println!("{nodes} nodes, last move {residence:?}");
}
