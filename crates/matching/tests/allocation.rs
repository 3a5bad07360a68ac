//! After warm-up, no command allocates: random flow of every kind goes through a market again and again, and once all
//! tables have their sizes, the allocator is never called.

#[path = "../../memory/tests/counting/mod.rs"]
mod counting;

use proofbook_book::Book;
use proofbook_books::{CacheOptimizedOrderBook, Ladder, SimdOrderBook};
use proofbook_matching::MatchingEngine;
use proofbook_testkit::flow::RandomFlow;
use proofbook_types::{Action, Command, OrderId, Phase, Price, Queue, TimeInForce, Timestamp};

const SEEDS: u64 = 40;
const COMMANDS: usize = 3_000;
/// Passes after which a table has all places that the flow comes to: one makes them, and a second one comes to them while those of later
/// commands are there already.
const WARM_UP_PASSES: usize = 2;
/// Passes before one starts as an earlier one did, so that it takes the same way and needs no more room.
const PASSES_MAX: u64 = 60;

/// The command so much later.
fn later(command: Command, delay_ns: u64) -> Command {
    let mut action = command.action;
    if let Action::New(order) = &mut action {
        if let TimeInForce::GoodTillDate { expiry } = &mut order.time_in_force {
            expiry.0 += delay_ns;
        }
    }
    Command {
        time: Timestamp(command.time.0 + delay_ns),
        action,
    }
}

/// Commands that empty the market and bring it back to its first phase.
fn reset<B: Book>(engine: &MatchingEngine<B>) -> Vec<Action> {
    let mut ids: Vec<OrderId> = Vec::new();
    for queue in Queue::ALL {
        let mut slot = engine.book().best(queue);
        while let Some(found) = slot {
            ids.push(engine.book().id(found));
            slot = engine.book().next(found);
        }
    }
    let mut actions = vec![Action::Halt];
    actions.extend(ids.into_iter().map(|order_id| Action::Cancel { order_id }));
    match engine.config().initial_phase {
        Phase::Continuous => actions.push(Action::Resume),
        Phase::Auction => actions.push(Action::OpenAuction),
        Phase::Halted => {}
    }
    actions
}

/// Sends the commands through and gives how often that allocated.
fn allocations<B: Book>(
    engine: &mut MatchingEngine<B>,
    commands: &[Command],
    delay_ns: u64,
) -> u64 {
    let before = counting::asked();
    let mut events = 0u64;
    for command in commands {
        engine.apply(&later(*command, delay_ns), &mut |_event| events += 1);
    }
    assert!(events >= commands.len() as u64 / 2, "only {events} events");
    counting::asked() - before
}

fn nothing_allocates_after_warm_up<B: Book>(make: impl Fn() -> B) {
    let mut warming_up = 0;
    for seed in 0..SEEDS {
        let mut flow = RandomFlow::new(seed);
        let config = flow.market().config;
        let commands: Vec<Command> = flow.by_ref().take(COMMANDS).collect();
        let pass_ns = commands.iter().map(|command| command.time.0).max();
        let pass_ns = pass_ns.unwrap_or(0) + 1;
        let mut engine = MatchingEngine::new(config, make()).expect("random terms make a market");
        let mut starts: Vec<Option<Price>> = Vec::new();
        for pass in 0.. {
            assert!(pass < PASSES_MAX, "seed {seed}: each pass starts anew");
            // All that is left of the pass before is its last trade.
            let last = engine.last_trade();
            let is_warm = starts
                .iter()
                .skip(WARM_UP_PASSES)
                .any(|&start| start == last);
            starts.push(last);
            let found = allocations(&mut engine, &commands, pass * pass_ns);
            if is_warm {
                assert_eq!(found, 0, "seed {seed}: allocations in pass {pass}");
                break;
            }
            warming_up += found;
            for action in reset(&engine) {
                let time = engine.clock();
                engine.apply(&Command { time, action }, &mut |_event| {});
            }
            assert!(engine.book().is_empty());
            assert_eq!(engine.phase(), config.initial_phase);
        }
    }
    assert!(
        warming_up > SEEDS,
        "the allocator is not counted: {warming_up}"
    );
}

#[test]
fn the_ladder_stops_allocating() {
    nothing_allocates_after_warm_up(|| Ladder::with_capacity(8));
}

#[test]
fn the_simd_book_stops_allocating() {
    nothing_allocates_after_warm_up(SimdOrderBook::default);
}

#[test]
fn the_cache_optimized_book_stops_allocating() {
    nothing_allocates_after_warm_up(|| CacheOptimizedOrderBook::with_capacity(8));
}
