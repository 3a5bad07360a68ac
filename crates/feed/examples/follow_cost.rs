//! What following a log costs for each entry: the replica alone, with the feed, and with the market's own journal too.
//!
//! `cargo run --release -p proofbook-feed --example follow_cost -- DIRECTORY [ORDERS]`
//!
//! The flow is the one that `order_cost` measures the exchange itself with; the log is made in `DIRECTORY` and removed again. The feed is flushed every 8,192
//! entries. Each time the replica comes to the state of the engine. Time is the processor's,
//! spent by this thread.

#[path = "../../exchange/examples/order_flow/mod.rs"]
mod order_flow;

use std::error::Error;
use std::hint::black_box;
use std::path::Path;

use order_flow::{engine, entries, flow, ran_ns, setup, submit, Scratch};
use proofbook_books::Ladder;
use proofbook_engine::digest;
use proofbook_exchange::{replicate, Exchange, Follower, MarketId, Replica};
use proofbook_feed::{Feed, Place};
use proofbook_journal::{Directory, Options, SyncPolicy, SystemClock};

const ROUNDS: usize = 5;
const BATCH: usize = 1_024;
const FLUSH_BATCHES: usize = 8;

type Anything = Box<dyn Error>;

/// What follows the log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Replica,
    Feed,
    Journal,
}

fn place(exchange: &Exchange) -> Place {
    Place {
        entry: exchange.sequence(),
        time: exchange.clock(),
    }
}

fn follower(
    path: &Path,
    exchange: &Exchange,
) -> Result<Follower<Directory, SystemClock>, Anything> {
    let id = MarketId(1);
    let (_, matching) = exchange.market(id).ok_or("there is a market")?;
    let options = Options {
        policy: SyncPolicy::None,
        ..Options::default()
    };
    let (directory, clock) = (Directory::create(path)?, SystemClock::new());
    let config = *matching.config();
    Ok(Follower::open(directory, clock, options, id, config)?)
}

/// Follows the whole log; nanoseconds for each entry behind the first quarter.
fn follow(log: &Path, journal: &Path, last: u64, what: What) -> Result<(f64, [u8; 32]), Anything> {
    let mut replica: Replica<Ladder, _> = replicate(Directory::open(log)?, 0)?;
    // The market is listed by the first entries.
    replica.advance(last, 3, &mut |_, _, _| {})?;
    let mut feed = Feed::new(replica.machine());
    let mut follower = match what {
        What::Journal => Some(follower(journal, replica.machine())?),
        _ => None,
    };
    let (warm, mut start, mut failed) = (last / 4, None, false);
    for batch in 1.. {
        if replica.sequence() >= warm && start.is_none() {
            start = Some((ran_ns()?, replica.sequence()));
        }
        let count = replica.advance(last, BATCH, &mut |number, entry, outcome| {
            if what != What::Replica {
                let place = Place {
                    entry: number,
                    time: entry.time,
                };
                feed.take(place, &outcome);
            }
            if let Some(follower) = &mut follower {
                failed |= follower.take(&outcome).is_err();
            }
            black_box(&outcome);
        })?;
        if what != What::Replica && batch % FLUSH_BATCHES == 0 {
            flush(&mut feed, replica.machine());
        }
        if count == 0 {
            break;
        }
    }
    let (start_ns, entry) = start.ok_or("the log is too short")?;
    let ns = (ran_ns()? - start_ns) / (last - entry) as f64;
    if failed {
        return Err("the market's journal failed".into());
    }
    Ok((ns, digest(replica.machine())))
}

fn flush(feed: &mut Feed, exchange: &Exchange) {
    for (market, (_, matching)) in feed.markets_mut().zip(exchange.markets()) {
        black_box(market.flush(matching.book(), place(exchange)));
        market.trades_were_told(market.new_trades().len());
        market.candles_were_told();
    }
}

fn main() -> Result<(), Anything> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("a directory is needed")?;
    let orders: u64 = arguments.next().map_or(Ok(500_000), |text| text.parse())?;
    let scratch = Scratch(Path::new(&path).join("follow_cost"));
    let mut actions = setup()?;
    actions.extend(flow(orders));
    let entries = entries(actions);
    let log = scratch.0.join("log");
    let mut written = engine(&log)?;
    submit(&mut written, &entries, &mut |_, _| {})?;
    let last = entries.len() as u64;
    println!(
        "{last} entries; nanoseconds for each, the median of {ROUNDS} rounds, and entries a second"
    );
    let kinds = [What::Replica, What::Feed, What::Journal];
    let mut figures = kinds.map(|_| Vec::new());
    for round in 0..ROUNDS {
        for (what, figures) in kinds.into_iter().zip(&mut figures) {
            let journal = scratch.0.join(format!("market-{round}"));
            let (ns, reached) = follow(&log, &journal, last, what)?;
            if reached != written.digest() {
                return Err("replica and engine have different states".into());
            }
            figures.push(ns);
        }
    }
    let names = ["replica", "replica and feed", "and the journal"];
    for (name, mut figures) in names.into_iter().zip(figures) {
        figures.sort_by(f64::total_cmp);
        let (median, most) = (figures[ROUNDS / 2], figures[ROUNDS - 1]);
        let rate = 1e9 / median;
        println!(
            "{name:>17} {median:7.1} ({:.1} to {most:.1}) {rate:9.0}",
            figures[0]
        );
    }
    Ok(())
}
