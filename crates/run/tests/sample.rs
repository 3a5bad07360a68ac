//! The sample is the same on every machine, reaches everything it promises, and a run of it adds up.

use proofbook_books::Ladder;
use proofbook_engine::digest;
use proofbook_run::{sample_config, CommandType, Parameters, Run, Sample};
use proofbook_types::{Action, RejectReason};

const PARAMETERS: Parameters = Parameters {
    seed: 7,
    commands: 50_000,
};

fn run(parameters: Parameters) -> Run<Ladder> {
    let mut run =
        Run::new(sample_config(), Ladder::default).expect("the sample's terms make a market");
    let commands: Vec<_> = Sample::new(parameters).collect();
    for batch in commands.chunks(1000) {
        run.take(batch);
    }
    run
}

#[test]
fn equal_seeds_give_equal_commands_and_other_seeds_give_others() {
    let hash = |parameters| {
        let mut hasher = 0xcbf2_9ce4_8422_2325_u64; // FNV-1a
        for command in Sample::new(parameters) {
            for byte in command.encode() {
                hasher = (hasher ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        hasher
    };
    assert_eq!(Sample::new(PARAMETERS).count(), 50_000);
    // A change of this number is a change of everybody's sample: it belongs into the change log.
    assert_eq!(
        hash(PARAMETERS),
        5035519600759251739,
        "seed {}",
        PARAMETERS.seed
    );
    let other = Parameters {
        seed: 8,
        ..PARAMETERS
    };
    assert_ne!(hash(other), hash(PARAMETERS));
}

#[test]
fn a_run_of_the_sample_adds_up() {
    let mut run = run(PARAMETERS);
    let engines = run.engines();
    engines[0].check().expect("the engine's invariants hold");
    assert_eq!(digest(engines[0]), digest(engines[1]));
    let run = run.findings_mut();
    let statistics = *run.statistics();
    assert_eq!(run.commands(), PARAMETERS.commands);
    for kind in CommandType::ALL {
        let count = run.commands_of(kind);
        assert!(count > 0, "the sample has no {}", kind.name());
        let measured = run.latencies().of(kind).map(|summary| summary.count);
        assert_eq!(measured, Some(count), "{}", kind.name());
    }
    let trades = run.take_trades();
    assert_eq!(trades.len() as u64, statistics.trades);
    let volume: u128 = trades.iter().map(|trade| u128::from(trade.quantity)).sum();
    assert_eq!(volume, statistics.volume);
    assert!(run.take_trades().is_empty(), "trades are given out once");
    let rejects: u64 = RejectReason::ALL
        .iter()
        .map(|&reason| statistics.rejected_for(reason))
        .sum();
    assert_eq!(rejects, statistics.rejected);
    assert!(statistics.expired > 0 && statistics.triggered > 0);
    assert!(statistics.trades > PARAMETERS.commands / 50);
    assert!(statistics.rejected < PARAMETERS.commands / 4);
    let tops = run.take_tops();
    assert_eq!(tops.last().map(|top| [top.bid, top.ask]), Some(run.top()));
}

#[test]
fn pictures_are_thinned_and_stay_in_order() {
    let run = run(Parameters {
        seed: 1,
        commands: 600_000,
    });
    let times: Vec<u64> = run
        .findings()
        .pictures()
        .iter()
        .map(|picture| picture.time_ns)
        .collect();
    assert!(
        (500..=1024).contains(&times.len()),
        "{} pictures",
        times.len()
    );
    assert!(times.is_sorted());
}

#[test]
fn the_day_has_every_phase() {
    let phases: Vec<Action> = Sample::new(PARAMETERS)
        .map(|command| command.action)
        .filter(|action| {
            matches!(
                action,
                Action::Halt | Action::Resume | Action::OpenAuction | Action::Uncross
            )
        })
        .collect();
    assert_eq!(
        phases,
        [
            Action::Uncross,
            Action::Halt,
            Action::OpenAuction,
            Action::Uncross
        ]
    );
}
