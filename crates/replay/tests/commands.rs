//! Any format as commands, and our own command files.

mod common;

use common::{assert_accounted, checked, failing, scratch};
use proofbook_books::Ladder;
use proofbook_matching::MatchingEngine;
use proofbook_replay::{
    convert, open_commands, read_instruments, replay, ErrorKind, Mode, Options, Report,
};
use proofbook_testkit::files::data;
use proofbook_types::{Command, Event};

/// Runs a file's commands through a market; gives the commands, the trades and the state's digest.
fn run(path: &std::path::Path) -> (Vec<Command>, u64, [u8; 32]) {
    let mut source =
        open_commands(&[path.to_path_buf()], &Options::default()).expect("the file has commands");
    let mut engine = MatchingEngine::new(source.info().config, Ladder::default())
        .expect("the terms make a market");
    let mut commands = Vec::new();
    let mut batch = Vec::new();
    let mut trades = 0;
    while source.next_batch(&mut batch).expect("the file is whole") > 0 {
        for command in batch.drain(..) {
            engine.apply(&command, &mut |event: Event| {
                trades += u64::from(matches!(event, Event::Trade { .. }));
            });
            commands.push(command);
        }
    }
    assert_eq!(source.bytes_done(), source.info().bytes_total);
    let digest = proofbook_engine::digest(&engine);
    (commands, trades, digest)
}

fn generated(name: &str) -> std::path::PathBuf {
    let mut bytes = Vec::new();
    proofbook_replay::itch::generate(11, 20_000, &mut bytes).expect("memory can be written");
    scratch(name, &bytes)
}

#[test]
fn a_converted_file_gives_the_same_commands_and_state() {
    let day = generated("convert.itch");
    let (commands, trades, digest) = run(&day);
    assert!(trades > 100 && commands.len() > 2_000);
    let times_ascend = commands.windows(2).all(|pair| pair[0].time <= pair[1].time);
    assert!(times_ascend);
    let own = scratch("convert.pbk", b"");
    let count = convert(&[day], &Options::default(), &own, &mut |_| true)
        .expect("the day can be converted");
    assert_eq!(count, commands.len() as u64);
    assert_eq!(run(&own), (commands, trades, digest));
    let report: Report = checked(&own, Mode::Match);
    assert_accounted(&report);
    assert_eq!(report.failure, None);
    assert_eq!(
        (report.format.as_str(), report.records, report.mismatches),
        ("proofbook", count, 0)
    );
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(report.final_book.digest, hex);
    assert_eq!(report.final_book.tick, "0.01");
}

#[test]
fn the_busiest_instrument_is_played_and_named() {
    let day = generated("busiest.itch");
    let source = open_commands(std::slice::from_ref(&day), &Options::default())
        .expect("the file has commands");
    let symbol = source.info().symbol.clone().expect("ITCH names its stocks");
    assert!(
        source
            .info()
            .notes
            .iter()
            .any(|note| note.contains(&symbol)),
        "{:?}",
        source.info().notes
    );
    let options = Options {
        instrument: Some("NONE".to_string()),
        ..Options::default()
    };
    let error = open_commands(&[day], &options)
        .err()
        .expect("there is no such stock");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains(&symbol), "{error}");
}

#[test]
fn all_instruments_at_once_give_what_each_gives_alone() {
    let day = generated("instruments.itch");
    let paths = std::slice::from_ref(&day);
    let all = read_instruments(paths, &Options::default(), &[], &mut |_| true)
        .expect("the day can be read");
    assert!(all.len() > 1);
    for found in &all {
        let options = Options {
            instrument: Some(found.symbol.clone()),
            ..Options::default()
        };
        let mut alone = open_commands(paths, &options).expect("the stock has commands");
        let mut commands = Vec::new();
        while alone.next_batch(&mut commands).expect("the file is whole") > 0 {}
        assert_eq!(found.commands, commands, "{}", found.symbol);
        assert_eq!(
            (found.tick, found.lot),
            (alone.info().tick, alone.info().lot)
        );
    }
    let last = all[all.len() - 1].symbol.clone();
    let some = read_instruments(
        paths,
        &Options::default(),
        std::slice::from_ref(&last),
        &mut |_| true,
    )
    .expect("the day can be read");
    assert_eq!(some.len(), 1);
    assert_eq!(
        (&some[0].symbol, some[0].commands.len()),
        (&last, all[all.len() - 1].commands.len())
    );
    let none = ["NONE".to_string()];
    let error = read_instruments(paths, &Options::default(), &none, &mut |_| true)
        .expect_err("there is no such stock");
    assert_eq!(error.kind(), ErrorKind::Usage);
    let stopped = read_instruments(paths, &Options::default(), &[], &mut |_| false);
    assert!(stopped.is_err(), "progress can stop it");
}

#[test]
fn broken_command_files_are_named() {
    let day = generated("broken.itch");
    let own = scratch("broken.pbk", b"");
    convert(&[day], &Options::default(), &own, &mut |_| true).expect("the day can be converted");
    let bytes = std::fs::read(&own).expect("the file was written");
    let (kind, text) = failing(&scratch("cut.pbk", &bytes[..bytes.len() - 5]));
    assert_eq!(kind, ErrorKind::Malformed);
    assert!(text.contains("expected 72 bytes, received 67"), "{text}");
    let (_, text) = failing(&scratch("header.pbk", &bytes[..50]));
    assert!(text.contains("header of 120 bytes, received 50"), "{text}");
    let mut wrong = bytes.clone();
    wrong[120 + 72] = 99;
    let (_, text) = failing(&scratch("action.pbk", &wrong));
    assert!(
        text.contains("record 2 at byte 192") && text.contains("99"),
        "{text}"
    );
    let (kind, text) = {
        let options = Options {
            mode: Some(Mode::Rebuild),
            ..Options::default()
        };
        let error =
            replay(&[own], &options, &mut |_| true).expect_err("commands are not what happened");
        (error.kind(), error.to_string())
    };
    assert_eq!(kind, ErrorKind::Usage, "{text}");
}

#[test]
fn records_without_orders_give_no_commands() {
    let text = "1.0,5,0,100,5850000,1\n1.1,7,0,0,-1,-1\n";
    let path = scratch("no_orders.csv", text.as_bytes());
    let error = open_commands(std::slice::from_ref(&path), &Options::default())
        .err()
        .expect("there are no orders");
    assert_eq!(error.kind(), ErrorKind::NoOrderEvents);
    let report = replay(&[path], &Options::default(), &mut |_| true).expect("the file can be read");
    assert!(report
        .failure
        .expect("nothing was replayed")
        .contains("order events"));
}

#[test]
fn several_files_are_summed() {
    let first = scratch("sum_1.csv", b"1.0,1,1,100,5850000,1\n");
    let second = scratch(
        "sum_2.csv",
        b"1.0,1,1,100,5850000,1\n2.0,3,1,100,5850000,1\n",
    );
    let report =
        replay(&[first, second], &Options::default(), &mut |_| true).expect("both can be replayed");
    assert_accounted(&report);
    assert_eq!(
        (report.records, report.applied, report.files.len()),
        (3, 3, 2)
    );
}

#[test]
fn real_files_become_commands() {
    for (name, least) in [
        (
            "lobster/AAPL_2012-06-21_34200000_36000000_message_50.csv",
            40_000,
        ),
        ("bitstamp/2015-05-01.first33600.log.xz", 29_000),
        (
            "databento/orderbooks_mbo_2024-05-08T00-00-00_2024-05-08T00-00-02.dbn.zst",
            13_700,
        ),
    ] {
        let Some(path) = data(name) else { return };
        let (commands, trades, _) = run(&path);
        assert!(commands.len() >= least, "{name}: {}", commands.len());
        assert!(trades > 0, "{name}");
    }
}
