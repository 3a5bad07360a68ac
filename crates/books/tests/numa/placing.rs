//! Where markets go: by what was measured, and on the machine that the tests run on.

use std::sync::Arc;

use proofbook_books::numa::{
    DistributionStrategy, MarketId, NumaBookError, NumaConfig, NumaOrderBook, Report, Residence,
};
use proofbook_memory::numa::{NodeId, NumaError, Placement, Topology};
use proofbook_testkit::flow::RandomFlow;
use proofbook_types::MarketConfig;

use crate::common::{
    simulated, small, start, submit, sweep, wait_until, Listener, Moving, Scripted,
};

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

/// A description of two nodes with a processor each, in a directory of this process; only the first of them needs to exist.
fn two_nodes() -> Topology {
    let directory = std::env::temp_dir().join(format!("proofbook-numa-{}", std::process::id()));
    let write = |path: &str, text: &str| {
        let path = directory.join(path);
        let parent = path.parent().expect("the path has a parent");
        std::fs::create_dir_all(parent).expect("a directory for temporary files");
        std::fs::write(path, text).expect("a temporary file");
    };
    write("online", "0-1\n");
    for (node, distance) in ["10 20", "20 10"].into_iter().enumerate() {
        write(&format!("node{node}/cpulist"), &format!("{node}\n"));
        write(&format!("node{node}/distance"), distance);
    }
    let topology = Topology::read(&directory).expect("a description of two nodes");
    std::fs::remove_dir_all(&directory).expect("it was made here");
    topology
}

#[test]
fn where_the_system_refuses_a_node_it_is_told_and_markets_run_all_the_same() {
    if Topology::detect().map_or(true, |topology| topology.nodes().len() > 1) {
        println!("skipped: this needs a machine of one node that describes itself");
        return;
    }
    let book = NumaOrderBook::<Moving>::start(Arc::new(two_nodes()), small());
    let book = book.expect("a thread for each node");
    let flow = RandomFlow::new(12);
    let market = Moving::new(flow.market().config);
    book.list_on(MarketId(1), market, NodeId(1))
        .expect("the market is new");
    let mut listener = Listener::default();
    let mut moves = Vec::new();
    let mut take = |report: Report| {
        if let Report::Moved(moved) = &report {
            moves.push((moved.to, moved.residence));
        }
        listener.take(report);
    };
    for (index, command) in (1..=500).zip(flow) {
        submit(&book, MarketId(1), command);
        book.take_reports(&mut take);
        if index % 100 == 0 {
            let node = NodeId(index / 100 % 2);
            wait_until(|| {
                book.take_reports(&mut take);
                book.migrate(MarketId(1), node).is_ok()
            });
        }
    }
    let metrics = book.metrics();
    assert!(metrics.nodes[1].placement.is_err(), "{metrics:?}");
    book.finish(&mut take);
    let told = &listener.markets[&MarketId(1)];
    assert_eq!((told.commands.len(), told.node), (500, Some(NodeId(1))));
    println!("{:?}: {moves:?}", metrics.nodes[1].placement);
    assert!(moves.len() > 3, "{moves:?}");
    // All memory is on the one node that there is, as far as the system says.
    for (node, residence) in moves {
        let none = match node {
            NodeId(0) => residence.elsewhere,
            _ => residence.here,
        };
        assert_eq!(none, 0, "{node}: {residence:?}");
        assert!(residence != Residence::default(), "nothing was asked");
    }
}
